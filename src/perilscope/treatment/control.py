# SPDX-License-Identifier: Apache-2.0
"""What a control is worth: the loss it removes against what it costs.

Every control is measured alone, against the world without it, on the same exact engine that gives
the enterprise figure, and once more by simulation on common random numbers (the same events happen
in both worlds; a mark on each event says whether the control stops it).

A *candidate* is compared with today. For a control *in place* the estimates of the book already
contain it, so the world without it is today's with its effect taken back out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from perilscope.beliefs.law import kept, reading
from perilscope.book import Control, Cover, Quantity, Scenario
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.simulation.simulation import simulate
from perilscope.errors import AssessmentError
from perilscope.layers.context import Context
from perilscope.layers.effect import SHARES, WHOLE, Effect
from perilscope.layers.enterprise import Joined
from perilscope.layers.operational import line

Check = tuple[float, float]
"""A simulated fall of the loss per year, and its standard error."""
TAIL = 0.99
CHECK_DRAWS = 1 << 16


@dataclass(frozen=True)
class Verdict:
    """One control measured. Money in the reporting currency; per year where the name says so.

    Parameters
    ----------
    ale_reduction, ale_interval : float, (float, float)
        Fall of the annualised loss expectancy, and its 90 % interval over how sure the effect is.
    cvar_reduction, var_reduction : float
        Fall of the enterprise CVaR and VaR at 99 % over the horizon.
    annual_cost : float
        Purchase spread over its life plus the yearly cost.
    rosi : float or None
        (fall of ALE - annual cost) / annual cost; None for a control that costs nothing.
    simulated, standard_error : float
        The same fall of ALE by simulation on common random numbers, as `simulated` finds it;
        NaN before it has.
    """

    id: str
    ale_reduction: float
    ale_interval: tuple[float, float]
    cvar_reduction: float
    var_reduction: float
    ale_with: float
    var_with: float
    annual_cost: float
    rosi: float | None
    scenarios: tuple[str, ...]
    simulated: float = math.nan
    standard_error: float = math.nan


@dataclass(frozen=True)
class World:
    """What does not change from control to control."""

    context: Context
    joined: Joined
    register: Register
    law: LossLaw
    seed: int
    draws: int


def annual_cost(control: Control | Cover, discount_rate: float) -> float:
    """Annualised cost: C r / (1 - (1+r)^-n) + yearly (MODEL, section 8); C/n when r is zero.

    Examples
    --------
    40k once for four years at 5 %, and 10k a year: an annuity of 40k x 0.05 / (1 - 1.05^-4).

    >>> from perilscope.book import from_mapping
    >>> costs = {"once": "40k", "per_year": "10k", "life": "4 years"}
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> theft = {"asset": "safe", "frequency": "1 in 10 years", "magnitude": "100k"}
    >>> guard = {"state": "candidate", "costs": costs, "cuts": {"theft": "50 % of frequency"}}
    >>> more = {"assets": {"safe": {"kind": "other"}}, "scenarios": {"theft": theft}}
    >>> book = from_mapping({**tree, **more, "controls": {"guard": guard}})
    >>> round(annual_cost(book.controls["guard"], 0.0), 2)
    20000.0
    >>> round(annual_cost(book.controls["guard"], 0.05), 2)
    21280.47
    """
    cost = control.costs
    once = 0.0 if cost.once is None else _mean(cost.once)
    yearly = 0.0 if cost.per_year is None else _mean(cost.per_year)
    if once == 0.0:
        return yearly
    life = 1.0 if cost.life_years is None else float(cost.life_years)
    r = discount_rate
    share = 1.0 / life if r == 0.0 else r / -math.expm1(-life * math.log1p(r))
    return once * share + yearly


def verdict(control: Control, world: World, discount_rate: float) -> Verdict:
    """Measure one control by the exact engine.

    Parameters
    ----------
    control : Control
    world : World
    discount_rate : float
        Per year.

    Raises
    ------
    AssessmentError
        The control changes no scenario that could be assessed, or its effect cannot be taken back.
    """
    before, after, caps_after = _worlds(control, world)
    if not after:
        raise AssessmentError("it changes no scenario that could be assessed")
    years = world.context.years
    changed = world.register.with_(
        before if control.state == "in place" else after, caps={**world.joined.caps, **caps_after}
    ).law()
    without, with_ = (changed, world.law) if control.state == "in place" else (world.law, changed)
    cost = annual_cost(control, discount_rate)
    fall = (without.mean - with_.mean) / years
    return Verdict(
        id=control.id,
        ale_reduction=fall,
        ale_interval=_interval(control, world, fall),
        cvar_reduction=without.cvar(TAIL) - with_.cvar(TAIL),
        var_reduction=without.var(TAIL) - with_.var(TAIL),
        ale_with=with_.mean / years,
        var_with=with_.var(TAIL),
        annual_cost=cost,
        rosi=None if cost == 0.0 else (fall - cost) / cost,
        scenarios=tuple(line.key for line in after),
    )


def simulated(control: Control, world: World, backend: str = "auto") -> Check:
    """Mean fall of the loss per year on common random numbers, and its standard error.

    The backend is one of `perilscope.engines.simulation.simulation.simulate`.

    Raises
    ------
    AssessmentError
        As `verdict` does.
    """
    return _simulated(control, world, *_worlds(control, world), backend)


def efficacy(control: Control, cut_index: int, context: Context) -> Distribution:
    """Belief about the share of events or loss that survives one cut (learned, or as declared)."""
    learned = context.learned(control.id, "sure")
    if learned is not None:
        return learned
    cut = control.cuts[cut_index]
    return kept(cut.by, cut.sure or control.sure)


def _worlds(
    control: Control, world: World
) -> tuple[list[Compound], list[Compound], dict[str, float]]:
    """The changed lines without and with the control, and the holdings' caps with it."""
    context, lines = world.context, world.joined.lines
    ceilings = {what: _mean(amount) for what, amount in control.caps.items()}
    if ceilings and control.state == "in place":
        raise AssessmentError(
            "a cap that is in place cannot be taken away: declare what is held today, "
            "and the control as a candidate with the lower cap"
        )
    capped = replace(context, valuation=context.valuation.capped(ceilings)) if ceilings else context
    before: list[Compound] = []
    after: list[Compound] = []
    for key, now in lines.items():
        scenario = context.book.scenarios[key]
        effects = _effects(control, key, context)
        if not effects and not _touches(scenario, ceilings):
            continue
        before.append(_without(scenario, context, effects) if control.state == "in place" else now)
        after.append(
            now if control.state == "in place" else line(scenario, capped, _joined(effects))
        )
    groups = {item.group for item in after if item.group}
    caps = {what: capped.valuation.loss(what) for what in sorted(groups)}
    return before, after, caps


def _effects(control: Control, scenario: str, context: Context) -> list[tuple[str, Distribution]]:
    return [
        (cut.factor, efficacy(control, i, context))
        for i, cut in enumerate(control.cuts)
        if cut.scenario == scenario
    ]


def _joined(effects: Sequence[tuple[str, Distribution]]) -> Effect:
    """Several cuts of one scenario as one effect; beliefs about one factor multiply as means."""
    effect = Effect()
    for factor, survives in effects:
        name = SHARES[factor]
        current: Distribution = getattr(effect, name)
        effect = replace(effect, **{name: _product(current, survives)})  # type: ignore[arg-type]
    return effect


def _product(one: Distribution, other: Distribution) -> Distribution:
    if one is WHOLE:
        return other
    return Constant(float(one.mean) * float(other.mean))


def _without(
    scenario: Scenario, context: Context, effects: Sequence[tuple[str, Distribution]]
) -> Compound:
    """Today's line with the control's mean effect taken back out."""
    effect = Effect()
    for factor, survives in effects:
        share = float(survives.mean)
        if share <= 0.0:
            raise AssessmentError(
                "a control in place that stops everything leaves no trace of the loss without it"
            )
        if SHARES[factor] == "keep":
            effect = replace(effect, rate_factor=effect.rate_factor / share)
        else:
            name = SHARES[factor]
            left = Constant(float(getattr(effect, name).mean) / share)
            effect = replace(effect, **{name: left})  # type: ignore[arg-type]
    return line(scenario, context, effect)


def _simulated(
    control: Control,
    world: World,
    before: Sequence[Compound],
    after: Sequence[Compound],
    caps: Mapping[str, float],
    backend: str = "auto",
) -> Check:
    keys = [item.key for item in after]
    groups = {item.group for item in after if item.group}
    mates = [
        item for key, item in world.joined.lines.items() if item.group in groups and key not in keys
    ]
    base = {what: world.joined.caps[what] for what in sorted(groups)}
    draws = min(world.draws, CHECK_DRAWS)
    # both worlds have the same events by tables where a candidate leaves the laws and marks events;
    # where rates differ, or one world alone has beliefs, they have only without tables
    tables = control.state == "candidate" and all(
        bool(one.beliefs) == bool(other.beliefs) for one, other in zip(before, after, strict=True)
    )
    how: dict[str, Any] = {"draws": draws, "seed": world.seed, "tables": tables, "backend": backend}
    first, second = (
        cast(Draws, simulate(lines, (), most, **how))
        for lines, most in (([*before, *mates], base), ([*after, *mates], {**base, **caps}))
    )
    gap = (first.total - second.total) / world.context.years
    return float(np.mean(gap)), float(np.std(gap) / math.sqrt(draws))


def _interval(control: Control, world: World, fall: float) -> tuple[float, float]:
    """90 % interval of the fall of ALE over how sure the effects are.

    The fall is linear in each efficacy, so its quantiles are those of the efficacy; several cuts of
    one control are taken to be strong together or weak together, which is the wider reading.
    """
    means = [
        1.0 - float(efficacy(control, i, world.context).mean) for i in range(len(control.cuts))
    ]
    total = math.fsum(means)
    if total == 0.0:
        return fall, fall
    low = math.fsum(
        1.0 - float(efficacy(control, i, world.context).ppf(0.95)) for i in range(len(control.cuts))
    )
    high = math.fsum(
        1.0 - float(efficacy(control, i, world.context).ppf(0.05)) for i in range(len(control.cuts))
    )
    return fall * low / total, fall * high / total


def _touches(scenario: Scenario, ceilings: Mapping[str, float]) -> bool:
    """Whether the loss of a scenario is measured by one of the capped things."""
    if not ceilings:
        return False
    if scenario.magnitude.at_most in ceilings:
        return True
    return any(what in ceilings for _, e in scenario.estimates() for what in _named(e.value.node))


def _named(node: Any) -> Iterator[str]:
    """The ids that a quantity takes a share of."""
    if hasattr(node, "of") and isinstance(node.of, str):
        yield node.of
    for part in getattr(node, "__dict__", {}).values():
        if hasattr(part, "__dict__"):
            yield from _named(part)


def _mean(quantity: Quantity) -> float:
    law = reading(quantity, as_belief=True)
    return float(law.value(tuple(float(b.mean) for b in law.beliefs)).mean)
