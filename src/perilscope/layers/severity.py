# SPDX-License-Identifier: Apache-2.0
"""How much one event of a scenario costs: its law of loss, primary and secondary."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

from perilscope.book import Forms, Leaf, Magnitude, Scenario
from perilscope.engines.laws.distributions import Capped, Distribution, Scaled, Sometimes, Total
from perilscope.errors import AssessmentError
from perilscope.layers import dependence
from perilscope.layers.context import Context
from perilscope.layers.effect import WHOLE, Effect, scaled, surviving
from perilscope.layers.term import Term, believed, tied


def severity(scenario: Scenario, context: Context, cap: float, effect: Effect) -> Term:
    """Term whose value is the law of loss of one event, at most ``cap`` of money.

    Raises
    ------
    AssessmentError
        A token without a price, a holding without a value, a control of a part that is not there.
    """
    magnitude: Magnitude = scenario.magnitude
    price = _priced(scenario, context)
    primary = _loss(scenario, magnitude.primary, context, price, primary_path(scenario))
    parts = [scaled(primary, effect.primary)]
    if magnitude.secondary is not None:
        path = "magnitude.secondary.probability"
        chance = context.probability(scenario, magnitude.secondary.probability, path)
        size = _loss(
            scenario, magnitude.secondary.magnitude, context, price, "magnitude.secondary.magnitude"
        )
        parts.append(
            Term.joined(
                (
                    Term.joined((chance, surviving(effect.secondary_probability)), operator.mul),
                    scaled(size, effect.secondary_magnitude),
                ),
                Sometimes,
            )
        )
    elif effect.secondary_probability is not WHOLE or effect.secondary_magnitude is not WHOLE:
        raise AssessmentError("a cut of secondary loss needs a declared secondary loss")

    common = dependence.on_magnitude(context, scenario.id)
    if common:
        parts = [Term.joined((part, *map(believed, common)), _grown) for part in parts]
    return tied(Term.joined(parts, partial(per_event, cap)))


def _grown(law: Distribution, *factors: Any) -> Distribution:
    return Scaled(law, math.prod(factors))


def per_event(cap: float, *laws: Distribution) -> Distribution:
    """What one event costs: its parts together, but no more than the holding it takes from.

    Examples
    --------
    Parts of 3 and 4 from a holding of 5:

    >>> from perilscope.engines.laws.distributions import Constant
    >>> per_event(5.0, Constant(3.0), Constant(4.0)).mean
    5.0
    """
    whole = laws[0] if len(laws) == 1 else Total(laws)
    return whole if math.isinf(cap) else Capped(whole, cap)


def _priced(scenario: Scenario, context: Context) -> Callable[[str], float]:
    """What one token taken costs us: its price, or of clients' tokens the part we must make good.

    Magnitudes in money are what an event costs us and are taken as they stand.
    """
    share = context.valuation.liable(scenario.asset)

    def price(unit: str) -> float:
        return context.valuation.price(unit) * (1.0 if unit == context.book.currency else share)

    return price


def primary_path(scenario: Scenario) -> str:
    """Path of the primary loss, as :meth:`Scenario.factors` gives it."""
    magnitude = scenario.magnitude
    alone = isinstance(magnitude.primary, Leaf) and magnitude.secondary is None
    return "magnitude" if alone else "magnitude.primary"


def _loss(
    scenario: Scenario,
    part: Leaf | Forms,
    context: Context,
    price: Callable[[str], float],
    path: str,
) -> Term:
    if isinstance(part, Leaf):
        return context.law(scenario, part, path, price)
    forms = [
        context.law(scenario, leaf, f"{path}.{form}", price) for form, leaf in part.parts.items()
    ]
    return Term.joined(forms, lambda *laws: laws[0] if len(laws) == 1 else Total(laws))
