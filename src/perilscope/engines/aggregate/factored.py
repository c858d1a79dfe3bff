# SPDX-License-Identifier: Apache-2.0
"""Lines of a component under a factor: what is independent given its values, see `factor_values`.

The sum of lines whose losses the factor multiplies, or that have very many events, is divided by
the factor, or by its mean given the factor, so that what is left hardly depends on it
(`factor_sums`). Other lines are taken as they are at a few values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from perilscope.engines.aggregate import shared
from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.factor_effects import factor_effect
from perilscope.engines.aggregate.factor_plans import (
    MEAN,
    Plan,
    demanded,
    keys,
    mean_of,
    planned,
    unscaled,
    values_of,
)
from perilscope.engines.aggregate.factor_sums import Group, Sum, Term
from perilscope.engines.aggregate.shared import Shared, shared_by
from perilscope.engines.aggregate.structure import Component, Unit
from perilscope.engines.grids.multiplied import closeness
from perilscope.engines.kept import Kept
from perilscope.engines.laws.counts import Binomial
from perilscope.engines.laws.factor_values import ORDER, Demand, Values

__all__ = ["Case", "Steps", "averaged", "cases", "closely", "in_steps", "keys", "parts", "planned"]

_FINE = {2: 4.0, 1: 3.0}
"""Nodes in the width of the factor, for figures and for what tells their error."""
_LITTLE = 1e-13
"""Weight of a value, of either sign, that is left out."""
_CLOSE, _MANY_STEPS = 32.0, 128.0
"""Values in an e-fold of the factor where they cost little, and where each leaves a step."""


class Case(NamedTuple):
    """What is independent given one value of what a component shares, and in one joint state.

    Its probability, the lines that a factor scales (where there is such a factor and such lines
    have events), the other units, and the lines; the holding that the first are in where that is
    capped, with the others that are in it and have events.
    """

    weight: float
    group: Group | None
    rest: Component
    lines: Mapping[str, Compound]
    held: Unit | None = None


def cases(
    component: Component, lines: Mapping[str, Compound], effort: int, *, positive: bool = False
) -> Iterator[Case]:
    """A component by what is independent given what its lines share.

    Parameters
    ----------
    component : Component
    lines : mapping of Compound
    effort : int
        As of `perilscope.engines.laws.quadrature.nodes`.
    positive : bool
        Whether what each value of a factor stands for in a sum is not to be below zero: then
        polynomials of degree one are taken.

    Notes
    -----
    Where no factor is planned for these are `Component.cases`.
    """
    plan = planned(component, lines)
    if plan is None:
        for weight, known in component.cases(lines, effort):
            yield Case(weight, None, component, known)
    else:
        if positive and plan.held is not None:
            plan = unscaled(component, lines, plan.factor)
        yield from _cases(component, lines, plan, effort, positive=positive)


def _cases(
    component: Component,
    lines: Mapping[str, Compound],
    plan: Plan,
    effort: int,
    *,
    positive: bool = False,
) -> Iterator[Case]:
    points = _Points(plan, effort, positive=positive)
    mean, name = plan.factor.of.mean, plan.factor.name
    if not plan.keys:
        for value, weight in points.weighted:
            known = {key: lines[key].given({name: mean * value}) for key in component.keys}
            yield Case(weight, None, component, known)
        return
    units = tuple(unit for unit in component.units if not plan.has(unit))
    if not units and plan.held is None:
        weight = math.fsum(p for p, _ in component.listed)
        states = tuple((p / weight, dict(state)) for p, state in component.listed)
        mine = [lines[key] for key in plan.keys]
        yield Case(weight, points.group(mine, states), _NOTHING, lines)
        return
    others = tuple(belief for belief in component.shared if belief is not plan.factor)
    for weight, fixed in shared.cases(others, effort):
        known = {key: lines[key].given(fixed) for key in component.keys}
        for p, state in component.listed:
            drives = dict(state)
            mine = [known[key].given(drives) for key in plan.keys if drives.get(key, True)]
            driven = ((1.0, {line.key: 1.0 for line in mine if line.key in drives}),)
            left = tuple((k, v) for k, v in state if k not in plan.keys)
            rest = Component(units, ((1.0, left),))
            for j, (value, chance) in points.apart:
                at = {key: line.given({name: mean * value}) for key, line in known.items()}
                group = points.group(mine, driven, j) if mine else None
                whole = weight * p * (1.0 if mine else chance)
                yield Case(whole, group, rest, at, plan.beside(drives))


_NOTHING = Component((), ((1.0, ()),))


class _Points:
    """Values of the factor of a plan at which what depends on it is computed.

    Where no other line feels the factor the sum is one law, made of those at all values.
    """

    def __init__(self, plan: Plan, effort: int, *, positive: bool) -> None:
        self._plan, self._effort, self._positive = plan, effort, positive
        self._values = None if plan.demand is None else values_of(plan, effort, positive=positive)

    @property
    def weighted(self) -> list[tuple[float, float]]:
        """Each value, against the factor's mean, and its weight."""
        if self._values is None:
            return [(1.0, 1.0)]
        pairs = zip(self._values.at.tolist(), self._values.chances.tolist(), strict=True)
        return list(pairs)

    @property
    def apart(self) -> list[tuple[int | None, tuple[float, float]]]:
        """The values one by one, where other lines feel the factor."""
        if not self._plan.others or self._values is None:
            return [(None, (1.0, 1.0))]
        return [(j, pair) for j, pair in enumerate(self.weighted) if self._counts(j)]

    def _counts(self, j: int) -> bool:
        return self._values is None or bool(self._values.size[j] > _LITTLE)

    def group(self, lines: Sequence[Compound], states: Mixture, at: int | None = None) -> Group:
        """Lines whose sum is scaled, at all values of the factor or what one of them stands for;
        what was asked for before is not made anew.
        """
        named = tuple((p, tuple(drives.items())) for p, drives in states)
        key = self._plan, tuple(map(id, lines)), named, self._effort, self._positive
        terms = _TERMS.get(key, lambda: (tuple(lines), self._terms(lines, states)))[1]

        def made() -> Group:
            some = [x for j, x in enumerate(terms) if j == at or (at is None and self._counts(j))]
            names = tuple(line.key for line in lines)
            return Group(names, tuple(some), max(self._effort, 1), self._close)

        return _GROUPS.get((*key, at), lambda: (tuple(lines), made()))[1]

    def _terms(self, lines: Sequence[Compound], states: Mixture) -> tuple[Term, ...]:
        """Their sum at each value."""
        name, mean = self._plan.factor.name, self._plan.factor.of.mean
        at = [1.0] if self._plan.pure else [value for value, _ in self.weighted]
        sums = [Sum(tuple(x.given({name: mean * value}) for x in lines), states) for value in at]
        if self._values is None:
            return (Term(self._plan.law, 1.0, sums[0]),)
        if self._plan.pure:
            return tuple(Term(law, 1.0, sums[0]) for law in self._values.alone)
        means = np.array([mean_of(x.lines) for x in sums]) if self._plan.by_mean else None
        laws = self._values.alone if means is None else self._values.weighed(means)
        divided = self._values.at if means is None else means
        return tuple(map(Term, laws, divided.tolist(), sums))

    @property
    def _close(self) -> float:
        """How far apart the logarithms of nodes of sums may be."""
        fine = _FINE[max(self._effort, 1)]
        close = closeness(self._plan.law, fine)
        return close if self._values is None else min(close, self._values.closest / fine)


_TERMS: Kept[tuple[tuple[Compound, ...], tuple[Term, ...]]] = Kept(2**13, lambda x: len(x[1]))
_GROUPS: Kept[tuple[tuple[Compound, ...], Group]] = Kept(2**13, lambda x: len(x[1].terms))


def parts(component: Component, lines: Mapping[str, Compound]) -> tuple[Part, ...]:
    """The sum of the lines that one factor scales, as a single event of a line without beliefs."""
    one = ((1.0, Binomial(1, 1.0)),)
    plan = planned(component, lines)
    if plan is None or not plan.keys:
        return ()
    alone = plan._replace(others=False)
    return tuple(
        Part(weight, group.law, one)
        for weight, group, *_ in _cases(component, lines, alone, 2)
        if group is not None
    )


def averaged(
    component: Component, lines: Mapping[str, Compound]
) -> Iterator[tuple[float, Mapping[str, Compound]]]:
    """Weights and lines at the values of the factor that the law of a component rests on."""
    plan = planned(component, lines) if len(component.shared) == 1 else None
    if plan is None or plan.demand is None:
        yield from component.cases(lines, 2)
    else:
        yield from _at(component, lines, plan, values_of(plan, 2, positive=False))


def _at(
    component: Component, lines: Mapping[str, Compound], plan: Plan, values: Values
) -> Iterator[tuple[float, Mapping[str, Compound]]]:
    name, mean = plan.factor.name, plan.factor.of.mean
    for value, weight in zip(values.at.tolist(), values.chances.tolist(), strict=True):
        if abs(weight) > _LITTLE:
            yield weight, {k: lines[k].given({name: mean * value}) for k in component.keys}


class Steps(NamedTuple):
    """Lines whose losses are fixed sums that one factor multiplies, all of them free or in one
    holding, and values of the factor.
    """

    keys: tuple[str, ...]
    values: Values
    factor: Shared

    def at(self, line: Compound, value: float) -> Compound:
        """A line at a value, which is against the factor's mean."""
        return line.given({self.factor.name: self.factor.of.mean * value})


def in_steps(component: Component, lines: Mapping[str, Compound]) -> Steps | None:
    """Lines of a component that leave a step at each value of its one factor; None of none."""
    plan = planned(component, lines) if len(component.shared) == 1 else None
    if plan is None:
        return None
    factor = plan.factor
    felt = {
        key: factor_effect(lines[key], factor)
        for key in component.keys
        if factor in shared_by(lines[key].beliefs)
    }
    fixed = {key for key, x in felt.items() if x.proportional and x.sizes and x.fixed}
    units = [unit.keys for unit in component.units if unit.capped]
    units.append(tuple(key for unit in component.units if not unit.capped for key in unit.keys))
    keys = max((tuple(k for k in unit if k in fixed) for unit in units), key=len)
    if not keys:
        return None
    others = [x for key, x in felt.items() if key not in keys]
    by_log = _CLOSE if any(x.sizes for x in others) else MEAN.by_log
    by_log = _MANY_STEPS if any(x.sizes and x.fixed for x in others) else by_log
    demand = Demand(by_log, demanded([], list(felt.values())).by_root)
    return Steps(keys, Values(plan.law, demand), factor)


def closely(
    component: Component, lines: Mapping[str, Compound]
) -> Iterator[tuple[float, Mapping[str, Compound]]]:
    """Weights and lines at so many values of one factor that steps in it hardly show.

    For what costs little at each value. Of several factors together these are `Component.cases`.
    """
    plan = planned(component, lines) if len(component.shared) == 1 else None
    if plan is None:
        yield from component.cases(lines, 2)
        return
    users = [key for key in component.keys if plan.factor in shared_by(lines[key].beliefs)]
    felt = [factor_effect(lines[key], plan.factor) for key in users]
    steps = any(x.fixed and x.sizes for x in felt)
    demand = Demand(_MANY_STEPS if steps else _CLOSE, demanded([], felt).by_root)
    yield from _at(component, lines, plan, Values(plan.law, demand, 1 if steps else ORDER))
