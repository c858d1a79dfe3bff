# SPDX-License-Identifier: Apache-2.0
"""What a cover is worth: what it pays for what it costs, and the bad year with and without it.

Figures of a run are gross of covers: losses and recoveries are kept apart. Each cover is measured
alone, against the world without it, by the exact engine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from perilscope.beliefs.law import point
from perilscope.book import Cover, Quantity
from perilscope.engines.cover import Terms, covered
from perilscope.errors import AssessmentError
from perilscope.treatment.control import TAIL, World, annual_cost


@dataclass(frozen=True)
class Protection:
    """One cover measured. Money in the reporting currency; per year where the name says so.

    Parameters
    ----------
    pays_a_year : float
        Expected payments.
    pays_something, exhausted : float
        Probability over the horizon of any payment, and that the limit of the year is reached.
    ale_net, var_net, cvar_net, error : float
        Of everything net of the cover, VaR and CVaR at 99 %, and their relative error.
    premium : float
        What it costs a year.
    """

    id: str
    scenarios: tuple[str, ...]
    pays_a_year: float
    pays_something: float
    exhausted: float
    ale_net: float
    var_net: float
    cvar_net: float
    error: float
    premium: float


def terms(cover: Cover) -> Terms:
    """The terms of a cover as numbers.

    Examples
    --------
    >>> from perilscope.book import Cover
    >>> from perilscope.book.quantity import parse
    >>> limit = parse("5M", "money")
    >>> terms(Cover(scenarios=("theft",), per_event={"limit": limit})).limit
    5000000.0
    """

    def amount(quantity: Quantity | None, otherwise: float) -> float:
        return otherwise if quantity is None else point(quantity)

    event, year = cover.per_event, cover.per_year
    return Terms(
        deductible=amount(event.deductible, 0.0),
        limit=amount(event.limit, math.inf),
        share=point(event.pays),
        annual_deductible=amount(year.deductible, 0.0),
        annual_limit=amount(year.limit, math.inf),
    )


def protection(cover: Cover, world: World, discount_rate: float) -> Protection:
    """Measure one cover.

    Raises
    ------
    AssessmentError
        It covers nothing that could be assessed, or its terms cannot be applied there.
    """
    keys = [key for key in cover.scenarios if key in world.joined.lines]
    if not keys:
        raise AssessmentError("it covers no scenario that could be assessed")
    found = covered(world.register, keys, terms(cover))
    years = world.context.years
    return Protection(
        id=cover.id,
        scenarios=tuple(keys),
        pays_a_year=found.pays / years,
        pays_something=found.pays_something,
        exhausted=found.exhausted,
        ale_net=found.net.mean / years,
        var_net=found.net.var(TAIL),
        cvar_net=found.net.cvar(TAIL),
        error=found.net.error_at(TAIL),
        premium=annual_cost(cover, discount_rate),
    )
