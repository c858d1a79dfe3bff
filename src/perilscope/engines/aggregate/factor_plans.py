# SPDX-License-Identifier: Apache-2.0
"""What is to be done about a factor that some lines of a component feel.

Taken as it is at a few values, the sum of a line leaves a stair at each of them where it is a few
fixed sums, or of very many events. Where the factor multiplies losses, or where the sum is divided
by its mean given the factor, hardly anything is left that depends on it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from perilscope.engines.aggregate import shared
from perilscope.engines.aggregate.compound import Compound, Drives, moments
from perilscope.engines.aggregate.factor_effects import FactorEffect, factor_effect, smooth
from perilscope.engines.aggregate.shared import Shared, shared_by
from perilscope.engines.aggregate.structure import MANY, Component, Unit
from perilscope.engines.kept import Kept
from perilscope.engines.laws.distributions import Distribution, Scaled
from perilscope.engines.laws.factor_values import ORDER, Demand, Values

_MOST, _MOST_CASES = 96, 2048
"""Sums that are computed for one component, at most, and cases of others."""
_FEW = 40
"""Values at which a mixture over a factor is as well taken at its 32 Gauss nodes."""
_FEWER = {2: 1.0, 1: 1.3, 0: 3.0}
"""How much farther apart values of the factor lie than is wanted, by effort."""
MEAN = Demand(4.0, 0.0)
"""Values for the sum of very many events, divided by its mean."""
_BY_MEAN = 4.0
"""Values in an e-fold of the factor where its mean is divided by, which bends with it."""
_SIZES, _FIXED, _WITHIN = 8.0, 16.0, 0.45
"""Values in an e-fold of the factor where it moves losses otherwise than in proportion, where these
are fixed sums, and how far apart in the root of a number of events.
"""
_SIZE = 1.1


class Plan(NamedTuple):
    """A factor of a component, the lines whose sum is divided, by what, and the values wanted.

    Parameters
    ----------
    factor : Shared
    keys : tuple of str
        The lines whose sum is divided: by the factor, or by its mean where ``by_mean``.
    by_mean : bool
    demand : Demand or None
        None where what is left does not depend on the factor, nor do other lines.
    others : bool
        Whether other lines feel the factor.
    pure : bool
        Whether the sum divided by the factor is the same at all its values.
    held : Unit or None
        The capped holding that the lines are in.
    """

    factor: Shared
    keys: tuple[str, ...]
    by_mean: bool
    demand: Demand | None
    others: bool
    pure: bool
    held: Unit | None = None

    def has(self, unit: Unit) -> bool:
        """Whether the lines are those of a unit, or in it."""
        return unit == self.held or unit.keys[0] in self.keys

    def beside(self, drives: Drives) -> Unit | None:
        """The capped holding, with the other lines in it that have events in a joint state."""
        if self.held is None:
            return None
        others = (key for key in self.held.keys if key not in self.keys and drives.get(key, True))
        return Unit(tuple(others), self.held.cap)

    @property
    def law(self) -> Distribution:
        """The factor, with mean one."""
        mean = self.factor.of.mean
        return self.factor.of if mean == 1.0 else Scaled(self.factor.of, 1.0 / mean)


@functools.lru_cache(maxsize=16)
def values_of(plan: Plan, effort: int, *, positive: bool) -> Values:
    """Values of the factor of a plan that has a demand of them; ``positive`` where what each stands
    for in a sum is not to be below zero.
    """
    assert plan.demand is not None
    by_log, by_root = plan.demand
    fewer = _FEWER[min(max(effort, 0), 2)]
    return Values(
        plan.law, Demand(by_log / fewer, by_root / fewer), 2 if positive and plan.keys else ORDER
    )


def mean_of(lines: Sequence[Compound]) -> float:
    """Mean of the sum of some lines."""
    return math.fsum(moments(line, driven=False)[0] for line in lines)


_Planned = tuple[tuple[Compound, ...], Plan | None]
_PLANS: Kept[_Planned] = Kept(2**12)


def planned(component: Component, lines: Mapping[str, Compound]) -> Plan | None:
    """What is to be done about the factors of a component; None where they are integrated as any
    belief is.
    """
    if not component.shared or component.unlisted is not None:
        return None
    mine = tuple(lines[key] for key in component.keys)
    if any(line.counted is not None for line in mine):  # each value costs much, see `capped_covers`
        return None
    key = component, tuple(map(id, mine))
    return _PLANS.get(key, lambda: (mine, _planned(component, lines)))[1]


def keys(component: Component, lines: Mapping[str, Compound]) -> tuple[str, ...]:
    """Lines of a component whose sum one factor scales; none where there is no such factor."""
    plan = planned(component, lines)
    return () if plan is None else plan.keys


def _planned(component: Component, lines: Mapping[str, Compound]) -> Plan | None:
    plans = [_plan(component, lines, x) for x in component.shared if smooth(x.of)]
    best = max(plans, key=lambda plan: len(plan.keys), default=None)
    if best is None or not best.keys:  # Gauss nodes do where few values do
        alone = best is not None and len(component.shared) == 1
        return best if alone and len(values_of(best, 2, positive=False).at) > _FEW else None
    if len(component.shared) == 1:
        return best
    others = tuple(belief for belief in component.shared if belief is not best.factor)
    number = len(shared.nodes(others, 2))
    if best.demand is None and len(best.keys) == len(component.keys):
        return best
    values = len(values_of(best, 2, positive=False).at) if best.demand else 1
    felt = {
        tuple(drive for drive in state if drive[0] in best.keys) for _, state in component.listed
    }
    sums = number * len(felt) * (1 if best.pure else values)
    few = sums <= _MOST and number * len(component.listed) * values <= _MOST_CASES
    return best if few else None


def _plan(component: Component, lines: Mapping[str, Compound], factor: Shared) -> Plan:
    """What is to be done about one factor."""
    felt = {
        key: factor_effect(lines[key], factor)
        for key in component.keys
        if factor in shared_by(lines[key].beliefs)
    }
    free = [key for unit in component.units if not unit.capped for key in unit.keys]
    held = [x for x in component.units if x.capped and lines[x.keys[0]].years <= 1.0]
    tries = [_try(lines, factor, felt, free)]
    tries += [_try(lines, factor, felt, unit.keys)._replace(held=unit) for unit in held]
    best = max(tries, key=lambda plan: (sum(_stairs(felt[k]) for k in plan.keys), len(plan.keys)))
    return best if best.keys else best._replace(held=None)


def unscaled(component: Component, lines: Mapping[str, Compound], factor: Shared) -> Plan:
    """The plan that takes all lines as they are."""
    users = [key for key in component.keys if factor in shared_by(lines[key].beliefs)]
    return _try(lines, factor, {key: factor_effect(lines[key], factor) for key in users}, ())


def _try(
    lines: Mapping[str, Compound],
    factor: Shared,
    felt: Mapping[str, FactorEffect],
    some: Sequence[str],
) -> Plan:
    """A plan that divides the sum of those of some lines of which that leaves little."""
    free = [key for key in some if key in felt]
    many = [key for key in free if felt[key].events >= MANY]
    scaled = [key for key in free if _stays(felt[key])]
    alike = not many or _linear([lines[key] for key in many], factor)
    mine = [key for key in free if key in many or (alike and key in scaled)]
    others = any(key not in mine for key in felt)
    pure = all(felt[key].proportional and felt[key].sizes and not felt[key].counts for key in mine)
    demand = None
    if others or not pure:
        if mine and not any(_stairs(felt[key]) for key in mine):
            return _try(lines, factor, felt, ())  # as good by a mixture, and faster
        demand = demanded([felt[key] for key in mine], [felt[k] for k in felt if k not in mine])
        if not alike:
            demand = demand._replace(by_log=max(demand.by_log, _BY_MEAN))
    return Plan(factor, tuple(mine), not alike, demand, others, pure)


def _stairs(x: FactorEffect) -> bool:
    """Whether a line that is taken as it is leaves stairs."""
    return x.events >= MANY or (x.fixed and x.sizes)


def _stays(x: FactorEffect) -> bool:
    """Whether the sum of a line divided by the factor is a law by itself, or one of few points."""
    return x.proportional and x.sizes and (x.fixed or not x.counts)


def _linear(lines: Sequence[Compound], factor: Shared) -> bool:
    """Whether the mean of lines is in proportion to a factor."""
    mean = factor.of.mean
    values = [mean, *(float(factor.of.ppf(u)) for u in (0.2, 0.9))]
    first, *rest = (mean_of([line.given({factor.name: v}) for line in lines]) / v for v in values)
    return all(math.isclose(x, first, rel_tol=1e-9) for x in rest)


def demanded(scaled: Sequence[FactorEffect], others: Sequence[FactorEffect]) -> Demand:
    """How close values of a factor have to lie for what is left of sums, and for other lines."""
    by_log, events = MEAN.by_log, 0.0
    events += math.fsum(x.events for x in scaled if x.counts and x.events < MANY)
    for x in others:
        events += x.events if x.counts else 0.0
        if x.sizes:
            by_log = max(by_log, _FIXED if x.fixed else _SIZES, math.sqrt(x.events) / _WITHIN)
    # of few sizes, so that lines that differ a little have the same values
    by_root = math.sqrt(events) / _WITHIN
    return Demand(by_log, _SIZE ** math.ceil(math.log(by_root, _SIZE)) if by_root > 0.0 else 0.0)
