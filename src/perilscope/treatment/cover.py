# SPDX-License-Identifier: Apache-2.0
"""What a cover is worth: what it pays for what it costs, and the bad year with and without it.

Figures of a run are gross of covers: losses and recoveries are kept apart. Each cover is measured
together with all that are in place, by the exact engine: what is in place against the world without
any, what is thought of on top of that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perilscope.beliefs.law import point
from perilscope.book import Cover, Quantity
from perilscope.engines import cover as engine
from perilscope.engines.cover import Terms
from perilscope.engines.loss import LossLaw
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
        Of everything net of the cover (of a candidate: and of all that are in place), VaR and CVaR
        at 99 %, and their relative error.
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


def misread(cover: Cover, years: float) -> list[str]:
    """What to know of terms that may be meant another way.

    Examples
    --------
    >>> from perilscope.book import Cover
    >>> from perilscope.book.quantity import parse
    >>> yearly = Cover(scenarios=("theft",), per_year={"limit": parse("5M", "money")})
    >>> misread(yearly, 1.0), misread(yearly, 0.5)
    ([], ['its terms of the year are applied in full to each part of a year that is looked at'])
    """
    found = terms(cover)
    notes = []
    if found.annual and abs(years - round(years)) > 1e-9:
        notes.append(
            "its terms of the year are applied in full to each part of a year that is looked at"
        )
    for limit, deductible, what in (
        (found.limit, found.deductible, "per event"),
        (found.annual_limit, found.annual_deductible, "per year"),
    ):
        if limit < deductible:
            notes.append(
                f"the limit {what}, {limit:,.0f}, is below the deductible, {deductible:,.0f}: it "
                f"counts from the deductible up, so this pays for what lies between "
                f"{deductible:,.0f} and {deductible + limit:,.0f}"
            )
    return notes


@dataclass(frozen=True)
class Net:
    """Everything net of all covers in place: its law, and what they pay a year."""

    law: LossLaw
    recoveries_a_year: float
    ids: tuple[str, ...]


def protection(
    cover: Cover, world: World, discount_rate: float, *, held: Sequence[Cover]
) -> Protection:
    """Measure one cover: alone where it is in place, else on top of those that are (``held``).

    Raises
    ------
    AssessmentError
        It covers nothing that could be assessed, or its terms cannot be applied there.
    """
    mine = _applied(cover, world)
    base = [_applied(each, world) for each in held] if cover.state == "candidate" else []
    paid = engine.ceded(world.register, mine)
    law = engine.net(world.register, [*base, mine])
    years = world.context.years
    return Protection(
        id=cover.id,
        scenarios=mine.keys,
        pays_a_year=paid.pays / years,
        pays_something=paid.pays_something,
        exhausted=paid.exhausted,
        ale_net=law.mean / years,
        var_net=law.var(TAIL),
        cvar_net=law.cvar(TAIL),
        error=law.error_at(TAIL),
        premium=annual_cost(cover, discount_rate),
    )


def net_of_all(held: Sequence[Cover], world: World) -> Net | None:
    """Everything net of all covers that are in place; None where there is none.

    Raises
    ------
    AssessmentError
        Two of them pay for one scenario, or terms cannot be applied.
    """
    mine = {cover.id: _applied(cover, world) for cover in held}
    if not mine:
        return None
    pays = math.fsum(engine.ceded(world.register, cover).pays for cover in mine.values())
    law = engine.net(world.register, list(mine.values()))
    return Net(law, pays / world.context.years, tuple(mine))


def _applied(cover: Cover, world: World) -> engine.Cover:
    keys = tuple(key for key in cover.scenarios if key in world.joined.lines)
    if not keys:
        raise AssessmentError("it covers no scenario that could be assessed")
    return engine.Cover(keys, terms(cover))
