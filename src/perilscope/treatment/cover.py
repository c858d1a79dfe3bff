# SPDX-License-Identifier: Apache-2.0
"""What a cover is worth: what it pays for what it costs, and the bad year with and without it.

Figures of a run are gross of covers: losses and recoveries are kept apart. Each cover is measured
together with all that are in place, by the exact engine: what is in place against the world without
any, what is thought of on top of that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from perilscope.beliefs.law import point
from perilscope.book import Cover, Quantity
from perilscope.engines.aggregate.register import Register
from perilscope.engines.covers import cover as engine
from perilscope.engines.covers.cover import Terms
from perilscope.engines.covers.insured import Contract, Recovered
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.grids.mixture import Blend
from perilscope.engines.simulation.draws import Draws
from perilscope.errors import AssessmentError, InexactError
from perilscope.treatment import insurer
from perilscope.treatment.control import TAIL, World, annual_cost
from perilscope.treatment.insurer import Case, Measured


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
    fails, lost_a_year : float
        Probability over the horizon that who pays fails, and expected payments lost by it.
    put_back_a_year : float
        Expected premiums for limits that are put back; they lessen ``pays_a_year``.
    simulated : Measured or None
        The same event by event, where who pays may fail, limits are put back, or only so it can
        be told.
    told : str
        ``exact`` or ``simulation``: what the net figures are.
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
    fails: float = 0.0
    lost_a_year: float = 0.0
    put_back_a_year: float = 0.0
    simulated: Measured | None = None
    told: str = "exact"


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
    found = Terms(
        deductible=amount(event.deductible, 0.0),
        limit=amount(event.limit, math.inf),
        share=point(event.pays),
        annual_deductible=amount(year.deductible, 0.0),
        annual_limit=amount(year.limit, math.inf),
    )
    if cover.reinstatements is None:
        return found
    limits = 1 + cover.reinstatements.number
    return replace(found, annual_limit=limits * found.share * found.limit)


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

    law: LossLaw | Blend | Draws
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
    base = list(held) if cover.state == "candidate" else []
    every = [*base, cover]
    engine.once_each([_applied(each, world) for each in every])
    beside = any(each.insurer is not None or each.reinstatements is not None for each in every)
    charged = any(_charged(each) for each in every)
    other: Measured | None = None
    try:
        other = _simulated(every, world, discount_rate) if beside else None
    except AssessmentError:  # too many events
        if charged:
            raise
    try:
        found = replace(_exact(every, world, discount_rate), simulated=other)
    except InexactError:  # not by transforms; event by event it can be told
        return _told(cover, world, discount_rate, other or _simulated(every, world, discount_rate))
    return _by_simulation(found, other) if charged and other is not None else found


def _exact(every: Sequence[Cover], world: World, discount_rate: float) -> Protection:
    """The last of some covers, and everything net of all of them."""
    cover, years = every[-1], world.context.years
    mine = _applied(cover, world)
    cases = insurer.cases(every, world.joined, world.context, world.register)
    pays = something = exhausted = again = full = fails = others = 0.0
    for case in cases:
        failed = cover.id in case.failed
        share = _share(cover, case)
        paid = engine.ceded(case.register, mine)
        due = _put_back(case.register, cover, mine, discount_rate)
        for each in every[:-1]:
            more = _put_back(case.register, each, _applied(each, world), discount_rate)
            others += case.chance * _share(each, case) * more
        fails += case.chance * failed
        full += case.chance * (paid.pays - due)
        pays += case.chance * share * (paid.pays - due)
        again += case.chance * share * due
        something += case.chance * paid.pays_something * (share > 0.0)
        exhausted += case.chance * paid.exhausted
    law = Blend([(case.chance, _net(case, every, world)) for case in cases])
    return Protection(
        id=cover.id,
        scenarios=mine.keys,
        pays_a_year=pays / years,
        pays_something=something,
        exhausted=exhausted,
        ale_net=(law.mean + again + others) / years,
        var_net=law.var(TAIL),
        cvar_net=law.cvar(TAIL),
        error=law.error_at(TAIL),
        premium=annual_cost(cover, discount_rate),
        fails=fails,
        lost_a_year=(full - pays) / years,
        put_back_a_year=again / years,
    )


def _share(cover: Cover, case: Case) -> float:
    """Share of what a cover owes that is paid in a case."""
    return insurer.failing(cover) if cover.id in case.failed else 1.0


def _put_back(register: Register, cover: Cover, mine: engine.Cover, discount_rate: float) -> float:
    """Expected premium for what is put back: payments of a year up to so many limits."""
    most, rate = insurer.put_back(cover, mine.terms, annual_cost(cover, discount_rate))
    if rate == 0.0:
        return 0.0
    up_to = replace(mine, terms=replace(mine.terms, annual_limit=most))
    return rate * engine.ceded(register, up_to).pays


def _net(case: Case, covers: Sequence[Cover], world: World) -> LossLaw:
    """The law net of some covers in one case: who fails pays a part, or nothing."""
    applied = []
    for cover in covers:
        mine = _applied(cover, world)
        share = _share(cover, case)
        if share > 0.0:
            applied.append(replace(mine, terms=insurer.terms_when(mine.terms, share)))
    return engine.net(case.register, applied) if applied else case.register.law()


def net_drawn(held: Sequence[Cover], world: World, discount_rate: float, draws: int) -> Draws:
    """Everything net of all covers in place, event by event.

    Raises
    ------
    AssessmentError
        As `insurer.drawn`.
    """
    return Draws(_drawn(held, world, discount_rate, draws).net)


def _drawn(held: Sequence[Cover], world: World, discount_rate: float, draws: int) -> Recovered:
    contracts = _contracts(held, world, discount_rate)
    return insurer.drawn(contracts, held, world.joined, world.context, draws=draws, seed=world.seed)


def _contracts(every: Sequence[Cover], world: World, discount_rate: float) -> list[Contract]:
    return [
        insurer.contract(
            each, _applied(each, world), annual_cost(each, discount_rate), world.context
        )
        for each in every
    ]


def _simulated(every: Sequence[Cover], world: World, discount_rate: float) -> Measured:
    """Everything net of some covers event by event."""
    contracts = _contracts(every, world, discount_rate)
    return insurer.simulated(
        contracts, every, world.joined, world.context,
        draws=world.draws, seed=world.seed, level=TAIL,
    )  # fmt: skip


def _by_simulation(found: Protection, other: Measured) -> Protection:
    """Net figures of the tail by simulation: premiums for what is put back are in them."""
    return replace(
        found,
        var_net=other.var[0],
        cvar_net=other.cvar[0],
        error=other.error,
        told="simulation",
    )


def _told(cover: Cover, world: World, discount_rate: float, other: Measured) -> Protection:
    """A cover that only the simulation can tell."""
    years = world.context.years
    return Protection(
        id=cover.id,
        scenarios=_applied(cover, world).keys,
        pays_a_year=other.paid[0] / years,
        pays_something=other.something,
        exhausted=other.exhausted,
        ale_net=other.mean[0] / years,
        var_net=other.var[0],
        cvar_net=other.cvar[0],
        error=other.error,
        premium=annual_cost(cover, discount_rate),
        fails=insurer.chance(cover, world.context),
        lost_a_year=other.lost[0] / years,
        put_back_a_year=other.premium[0] / years,
        simulated=other,
        told="simulation",
    )


def net_of_all(held: Sequence[Cover], world: World, discount_rate: float) -> Net | None:
    """Everything net of all covers that are in place; None where there is none.

    By simulation where limits are put back for a premium, or terms cannot be applied exactly.

    Raises
    ------
    AssessmentError
        Two of them pay for one scenario, or what they pay can be told by neither engine.
    """
    mine = {cover.id: _applied(cover, world) for cover in held}
    if not mine:
        return None
    engine.once_each(list(mine.values()))
    if any(_charged(cover) for cover in held):
        return _net_by_simulation(held, world, discount_rate)
    try:
        cases = insurer.cases(held, world.joined, world.context, world.register)
        pays = math.fsum(
            case.chance * _share(cover, case) * engine.ceded(case.register, mine[cover.id]).pays
            for case in cases
            for cover in held
        )
        law = Blend([(case.chance, _net(case, held, world)) for case in cases])
    except InexactError:
        return _net_by_simulation(held, world, discount_rate)
    return Net(law, pays / world.context.years, tuple(mine))


def _net_by_simulation(held: Sequence[Cover], world: World, discount_rate: float) -> Net:
    number = insurer.horizons(world.joined, world.draws)
    found = _drawn(held, world, discount_rate, number)
    pays = math.fsum(float(paid.mean()) for paid in found.paid.values())
    ids = tuple(cover.id for cover in held)
    return Net(Draws(found.net), pays / world.context.years, ids)


def _charged(cover: Cover) -> bool:
    """Whether a premium is due for what is put back."""
    return cover.reinstatements is not None and point(cover.reinstatements.premium) > 0.0


def _applied(cover: Cover, world: World) -> engine.Cover:
    keys = tuple(key for key in cover.scenarios if key in world.joined.lines)
    if not keys:
        raise AssessmentError("it covers no scenario that could be assessed")
    return engine.Cover(keys, terms(cover))
