# SPDX-License-Identifier: Apache-2.0
"""Components of lines that are tied: driven by joint states, in capped holdings, with shared
beliefs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import capped, factored, mixing
from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.structure import Component, Unit, names_of, state_of
from perilscope.engines.aggregate.units import Sums, Units
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Transform
from perilscope.engines.laws.counts import Binomial
from perilscope.engines.laws.exponentials import exponential

Array = npt.NDArray[np.float64]

_Site = tuple[tuple[str, ...], Transform, dict[str, Transform]]
"""The same in each state of the nodes that drive it, and these."""
_IDLE, _FEW_IDLE = 4096, 32
"""Most lines at a value of what they share for the probability of no loss; usual values of it."""
_FEW, _DEEP = 16, 64
"""Joint states that are added up one by one, and units along which a tree of them may run."""


class Tied(Units):
    """Components on one grid, computed when first asked for; parameters as of `Lines`."""

    def tied(self, part: Component, lines: Mapping[str, Compound]) -> Transform:
        """Transform of a component, kept: where another line is another it is not wanted anew."""
        mine = tuple(lines[key] for key in part.keys)
        made = lambda: (mine, self.component(part, lines)[0])  # noqa: E731 - as in `line`
        return self._here.tied.get((part, tuple(map(id, mine))), made)[1]

    def component(
        self, component: Component, lines: Mapping[str, Compound], *, shares: bool = False
    ) -> tuple[Transform, dict[str, Transform]]:
        """Transform of a component: the mixture of its joint states; shares as in `unit`."""
        if not component.shared:
            return self._given(component, lines, shares=shares)
        total = self._nothing_lost()
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        for weight, group, rest, known, held in factored.cases(component, lines, self.effort):
            own, mine = self._given(rest, known, shares=shares)
            if held is not None:
                state = dict(rest.listed[0][1])
                present = [known[key].given(state) for key in held.keys]
                there = self._meeting(held.cap, present, [line.key in state for line in present])
                more = there._clamped(group, held, present, state, shares=shares)
                own, mine = _beside(own, mine, *self._moved(there, more))
            elif group is not None:
                own, mine = _beside(own, mine, *self._scaled(group, shares=shares))
            total += weight * own
            for key, share in mine.items():
                found[key] += weight * share
        return total, found

    def _given(
        self, component: Component, lines: Mapping[str, Compound], *, shares: bool
    ) -> tuple[Transform, dict[str, Transform]]:
        """The same where what the lines share has one value."""
        if component.unlisted is not None:
            return self._carried(component, component.unlisted, lines, shares=shares)
        if len(component.units) == 1 and not component.states[0][1]:
            return self.unit(component.units[0], lines, {}, shares=shares)
        total = self._nothing_lost()
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        if component.shared and not shares and not component.states[0][1]:
            return self._product(component.units, lines), {}
        if len(component.states) > _FEW and len(component.units) <= _DEEP:
            return self._mixture(component, lines, shares=shares)
        cache: dict[Any, Sums] = {}
        for probability, state in component.states:
            drives = dict(state)
            results = []
            for i, unit in enumerate(component.units):
                key = (i, state_of(unit.keys, lines, drives))
                if key not in cache:
                    cache[key] = self.unit(unit, lines, drives, shares=shares)
                results.append(cache[key])
            sums = [result[0] for result in results]
            total += probability * capped.multiplied(sums, self.grid)
            for i, (_, mine) in enumerate(results if shares else []):
                rest = capped.multiplied([*sums[:i], *sums[i + 1 :]], self.grid)
                for name, share in mine.items():
                    found[name] += probability * share * rest
        return total, found

    def _mixture(
        self, component: Component, lines: Mapping[str, Compound], *, shares: bool
    ) -> Sums:
        """The same over many joint states, of which each unit tells few apart."""
        total = self._nothing_lost()
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        states = tuple(state for _, state in component.states)
        told = [mixing.restricted(states, names_of(unit.keys, lines)) for unit in component.units]
        known: list[dict[Any, Sums]] = [
            {key: self.unit(unit, lines, dict(key), shares=shares) for key in dict.fromkeys(keys)}
            for unit, keys in zip(component.units, told, strict=True)
        ]
        bricks = [{key: own for key, (own, _) in each.items()} for each in known]
        keys = list(zip(*told, strict=True))
        rows = [(key, p) for key, (p, _) in zip(keys, component.states, strict=True)]
        at = mixing.middle(keys, total.size)
        total += mixing.total(rows, bricks, at)
        for each, rest in zip(
            known, mixing.beside(rows, bricks, at) if shares else [], strict=False
        ):
            for key, (_, mine) in each.items():
                for name, share in mine.items():
                    found[name] += share * rest[key]
        return total, found

    def _carried(
        self,
        component: Component,
        net: Unlisted,
        lines: Mapping[str, Compound],
        *,
        shares: bool,
    ) -> tuple[Transform, dict[str, Transform]]:
        """The same where joint states are not listed: transforms travel through the network.

        One table a unit, its nodes' states first; for the share of a line its unit's table gives
        way to that of E[line; unit = s].
        """
        total = self._nothing_lost()
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        for probability, free, tables in self._states(component, net, lines, shares=shares):
            sums = [(nodes, own) for nodes, own, _ in tables]
            beside = capped.multiplied([own for own, _ in free], self.grid)
            driven = net.carry(sums)
            total += probability * driven * beside
            for i, (_, mine) in enumerate(free if shares else []):
                others = [own for k, (own, _) in enumerate(free) if k != i]
                rest = capped.multiplied(others, self.grid) * driven
                for key, share in mine.items():
                    found[key] += probability * share * rest
            for i, (nodes, _, mine) in enumerate(tables if shares else []):
                for key, share in mine.items():
                    one = net.carry([*sums[:i], (nodes, share), *sums[i + 1 :]])
                    found[key] += probability * one * beside
        return total, found

    def _states(
        self, component: Component, net: Unlisted, lines: Mapping[str, Compound], *, shares: bool
    ) -> Iterator[tuple[float, list[Sums], list[_Site]]]:
        """Of each state that is listed its probability, units beside the network, and on it."""
        loose = [unit for unit in component.units if not net.nodes(unit.keys)]
        tied = [unit for unit in component.units if net.nodes(unit.keys)]
        for probability, state in component.listed:
            known = dict(state)
            free = [self.unit(unit, lines, known, shares=shares) for unit in loose]
            sites = [self._tables(unit, net, lines, known, shares=shares) for unit in tied]
            yield probability, free, sites

    def carried(
        self, component: Component, lines: Mapping[str, Compound]
    ) -> Iterator[tuple[Transform, list[tuple[tuple[str, ...], Transform]]]]:
        """What a network that is not listed carries, and by what it is multiplied, case by case.

        The component's transform is the sum over cases of the factor times what is carried.
        """
        net = component.unlisted
        assert net is not None
        for weight, known in component.cases(lines, self.effort):
            for probability, free, tables in self._states(component, net, known, shares=False):
                beside = capped.multiplied([own for own, _ in free], self.grid)
                yield weight * probability * beside, [(nodes, own) for nodes, own, _ in tables]

    def _tables(
        self,
        unit: Unit,
        net: Unlisted,
        lines: Mapping[str, Compound],
        known: Drives,
        *,
        shares: bool,
    ) -> tuple[tuple[str, ...], Transform, dict[str, Transform]]:
        """The nodes that drive a unit, and its transform (and shares) in each of their states."""
        nodes, size = net.nodes(unit.keys), self.grid.points // 2 + 1
        shape = [len(net.net.node(node).states) for node in nodes]
        table = np.empty((*shape, size), dtype=np.complex128)
        found = {key: np.zeros_like(table) for key in unit.keys} if shares else {}
        cache: dict[Any, tuple[Transform, dict[str, Transform]]] = {}
        for index in np.ndindex(*shape):
            drives = {**known, **net.drives(unit.keys, dict(zip(nodes, index, strict=True)))}
            key = tuple(drives[k] for k in unit.keys if k in drives)
            if key not in cache:
                cache[key] = self.unit(unit, lines, drives, shares=shares)
            table[index] = cache[key][0]
            for name, share in cache[key][1].items():
                found[name][index] = share
        return nodes, table, found

    def _product(self, units: Sequence[Unit], lines: Mapping[str, Compound]) -> Transform:
        """Transform of independent units; logarithms are added before one exponential is taken."""
        exponent = self._nothing_lost()
        others: list[Transform] = []
        for unit in units:
            if unit.capped:
                others.append(self.unit(unit, lines, {})[0])
                continue
            for key in unit.keys:
                _, logarithm, own = self._line(lines[key], False)
                if logarithm:
                    exponent += own
                else:
                    others.append(own)
        return capped.multiplied([exponential(exponent), *others], self.grid)

    def part(self, component: Component, lines: Mapping[str, Compound], key: str) -> Transform:
        """Transform of the law of one line's part of the capped holding it belongs to."""
        total = self._nothing_lost()
        for weight, known in component.cases(lines, self.effort):
            total += weight * self._part(component, known, key)
        return total

    def _part(self, component: Component, lines: Mapping[str, Compound], key: str) -> Transform:
        unit = next(unit for unit in component.units if key in unit.keys)
        total = self._nothing_lost()
        for probability, state in component.states:
            drives = dict(state)
            present = [lines[k].given(drives) for k in unit.keys if drives.get(k, True)]
            names = [line.key for line in present]
            driven = [name in drives for name in names]
            if key not in names:
                total += probability
            else:
                there = self._meeting(unit.cap, present, driven)
                own = there._part_of(present, driven, unit.cap, names.index(key))
                total += probability * self._moved(there, (own, {}))[0]
        return total

    def _idle_cases(
        self, component: Component, lines: Mapping[str, Compound]
    ) -> Iterator[tuple[float, Mapping[str, Compound]]]:
        """What lines share by its values, for the probability that they lose nothing.

        Where many events are expected that is decided by the smallest values of a factor, which
        few nodes do not meet; so many are taken that a gamma factor leaves 1e-5 or less.
        """
        if len(component.shared) == 1:
            belief, keys = component.shared[0], component.keys
            usual = {key: lines[key].given({belief.name: belief.of.mean}) for key in keys}
            found = [self.parts(line, key in component.driven) for key, line in usual.items()]
            events = math.fsum(part.events for parts in found for part in parts)
            count = min(round(3.0 * events), _IDLE // len(keys), _IDLE // 16)
            if count > _FEW_IDLE:
                for value, weight in zip(*belief.gauss(count), strict=True):
                    if weight > 0.0:
                        at = {belief.name: float(value)}
                        yield float(weight), {key: lines[key].given(at) for key in keys}
                return
        yield from component.cases(lines, self.effort)

    def none(self, component: Component, lines: Mapping[str, Compound]) -> float:
        """Probability that a component loses nothing."""
        if any(lines[key].counted is not None for key in component.keys):
            return self._none_counted(component, lines)
        caps = {key: unit.cap for unit in component.units for key in unit.keys}
        yearly = {key for unit in component.units if unit.capped for key in unit.keys}
        terms = []
        for weight, known in self._idle_cases(component, lines):
            for values in component.belief_values:
                part = component.where(values)
                given = {k: known[k].given(values) for k in caps}
                zero = {
                    key: self._idle(given[key], key in part.driven, key in yearly) if cap else 1.0
                    for key, cap in caps.items()
                }
                terms.append(weight * part.product(zero))
        return min(math.fsum(terms), 1.0)

    def _idle(self, line: Compound, driven: bool, yearly: bool) -> float:
        """P(a line loses nothing); where it is capped yearly every year has a draw of its own."""
        if yearly and not driven and line.years > 1.0:
            counts = line.build(tuple(law.mean for law in line.beliefs), line.years)[0]
            if isinstance(counts, Binomial):
                return capped.never(line, self.effort)
        return self.nothing(line, driven=driven)

    def _none_counted(self, component: Component, lines: Mapping[str, Compound]) -> float:
        """Probability that nothing counts, in every unit and joint state."""
        terms = []
        for weight, known in self._idle_cases(component, lines):
            for probability, state in component.states:
                drives = dict(state)
                each = [self._none_of(unit, known, drives) for unit in component.units]
                terms.append(weight * probability * math.prod(each))
        return min(math.fsum(terms), 1.0)


def _beside(
    own: Transform, mine: Mapping[str, Transform], other: Transform, more: Mapping[str, Transform]
) -> Sums:
    """Two units that are independent, as one."""
    found = {key: share * other for key, share in mine.items()}
    return own * other, found | {key: share * own for key, share in more.items()}
