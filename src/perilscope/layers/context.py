# SPDX-License-Identifier: Apache-2.0
"""What a scenario is read against, and its leaves read: numbers and laws as terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perilscope.beliefs.law import reading
from perilscope.book import Book, From, Leaf, Scenario
from perilscope.engines.laws.distributions import Distribution
from perilscope.layers.drivers import Drivers
from perilscope.layers.term import Term
from perilscope.layers.valuation import Valuation


@dataclass(frozen=True)
class Context:
    """What a scenario is read against: one horizon, one valuation, what was learned and observed.

    Parameters
    ----------
    learned : callable
        ``(scenario id, factor) -> Distribution or None``: the posterior that replaces the declared
        belief.
    factor : callable
        ``(scenario id, path, term) -> term``: sees every factor that is declared or read from a
        network as it goes into a line, and may put another in its place (sensitivities do).
    """

    book: Book
    valuation: Valuation
    drivers: Drivers
    prior: Drivers
    years: float
    learned: Callable[[str, str], Distribution | None] = lambda _scenario, _factor: None
    factor: Callable[[str, str, Term], Term] = lambda _scenario, _path, term: term

    def number(self, scenario: Scenario, leaf: Leaf, path: str) -> Term:
        """A frequency or a probability: declared, or learned from the logs."""
        law = reading(leaf.estimate.value)
        alone = self.learned(scenario.id, path) or law.alone
        if alone is not None:
            term = Term((alone,), lambda theta: theta[0], alone=True)
        else:
            term = Term(law.beliefs, law.number)
        return self.factor(scenario.id, path, term)

    def probability(self, scenario: Scenario, factor: Any, path: str) -> Term:
        """A probability: declared, learned, or read from a network."""
        if isinstance(factor, From):
            chance = self.drivers.probability(factor.network, factor.node, factor.state)
            return self.factor(scenario.id, path, Term.fixed(chance))
        return self.number(scenario, factor, path)

    def law(self, scenario: Scenario, leaf: Leaf, path: str, price: Callable[[str], float]) -> Term:
        """A law of what differs from event to event; ``price`` is that of the unit it is in."""
        law = reading(leaf.estimate.value, price=price, worth=self.valuation.loss)
        return self.factor(scenario.id, path, Term(law.beliefs, law.value))
