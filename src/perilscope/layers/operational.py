# SPDX-License-Identifier: Apache-2.0
"""From a declared scenario to a line of loss: the FAIR factors as laws.

A factor is a quantity or a mapping of its children. Every leaf brings its own beliefs (what we do
not know, one value for the whole horizon); the tree says how they combine. What comes out is a
:class:`~aggregate.compound.Compound`: a law of counts (:mod:`~perilscope.layers.frequency`) and a
law of loss per event (:mod:`~perilscope.layers.severity`), given the beliefs.
"""

from __future__ import annotations

import math
from dataclasses import replace

from perilscope.book import Scenario
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import CountLaw
from perilscope.engines.laws.distributions import Distribution, Sometimes
from perilscope.layers.context import Context
from perilscope.layers.effect import NO_EFFECT, Effect
from perilscope.layers.frequency import counts
from perilscope.layers.holding_years import group
from perilscope.layers.severity import severity
from perilscope.layers.term import Term, Theta, tied


def line(scenario: Scenario, context: Context, effect: Effect = NO_EFFECT) -> Compound:
    """The line of loss of one scenario over the horizon.

    Raises
    ------
    AssessmentError
        A law that cannot be (``pert`` with the mode outside its ends), a token without a price, a
        holding without a value, a driver that does not exist.
    """
    holding = scenario.magnitude.at_most
    cap = context.valuation.loss(holding) if holding else math.inf
    parts = counts(scenario, context, effect), severity(scenario, context, cap, effect)
    both = tied(Term.joined(parts, lambda *found: found))

    def build(theta: Theta, years: float) -> tuple[CountLaw, Distribution]:
        (law, hits), loss = both.at(theta)
        # A driven line keeps its trigger (several lines may share one), so that here vulnerability
        # is a chance of losing nothing at each event: the same law of loss.
        return law(years), loss if hits is None else Sometimes(hits, loss)

    return Compound(
        key=scenario.id,
        build=build,
        beliefs=both.beliefs,
        years=context.years,
        keep=effect.keep,
        scale=effect.scale,
        group=group(scenario, context.book, context.years),
    )


def factors(scenario: Scenario, context: Context) -> dict[str, Term]:
    """Every factor of a scenario by its path, just as it goes into the line.

    Not the node of a network that drives the counts themselves: see
    :func:`~perilscope.layers.frequency.trigger`.
    """
    found: dict[str, Term] = {}

    def seen(key: str, path: str, term: Term) -> Term:
        found[path] = context.factor(key, path, term)
        return found[path]

    line(scenario, replace(context, factor=seen))
    return found
