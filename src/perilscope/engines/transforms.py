# SPDX-License-Identifier: Apache-2.0
"""Everything that is transformed once and used often: losses per event, lines, capped holdings.

A register that differs from another in one line takes over what the others already have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines import capped, heavy
from perilscope.engines.compound import Compound, Drives
from perilscope.engines.counts import Poisson
from perilscope.engines.distributions import Distribution
from perilscope.engines.expansion import Part, parts
from perilscope.engines.grid import Grid, Transform, atoms, place, sharpened, spread
from perilscope.engines.kept import Kept
from perilscope.engines.limited import limited
from perilscope.engines.structure import Component, Unit, felt
from perilscope.engines.unlisted import Unlisted

Array = npt.NDArray[np.float64]


_Line = tuple[Compound, bool, Transform]
_Block = tuple[tuple[Compound, ...], Transform | None, Transform | None, bool]
_Tied = tuple[tuple[Compound, ...], Transform]
_Key = tuple[tuple[Component, ...], tuple[int, ...]]

_Pair = tuple[Array, Array]

_EVENTS: Kept[_Pair] = Kept(2**27, lambda pair: pair[0].nbytes + pair[1].nbytes)
"""Losses per event of all registers, by law and grid: on the grid and on half its points."""
_TRANSFORMED: Kept[Transform] = Kept(2**27, lambda found: found.nbytes)
"""Their transforms, where each is wanted by itself."""
_EXCESS: Kept[float] = Kept(2**16)
"""Their expected excess over the end of the grid."""
_LINES = 2**28
"""Most bytes kept of the lines of a register and of those that differ from it in a few."""
_BLOCK = 4
_AHEAD = 8
_SMALL = 2.0
_MANY = 2**14


def _events(laws: Sequence[Distribution], grid: Grid, sharp: bool) -> list[_Pair]:
    """Losses per event on a grid and on half its points."""
    found: dict[Distribution, _Pair] = {}
    dense = []
    for law in laws:
        points = atoms(law)
        if points is None:
            dense.append(law)
        else:
            mass = place(points, grid)
            above = math.fsum(p * (value - grid.range) for value, p in points if value > grid.range)
            found[law] = mass, grid.halved(mass)
            _EXCESS.put((law, grid), above)
    if not dense:
        return [found[law] for law in laws]
    level = limited(dense, grid)
    masses = spread(level, grid.step)
    ends = level[:, -1].tolist()
    for law, mass, end in zip(dense, masses, ends, strict=True):
        mean, half = law.mean, grid.halved(mass)
        if sharp and mean <= _SMALL * grid.step:
            mass = sharpened(mass, float(law.second_lev(grid.range)), grid)
        found[law] = mass, half
        _EXCESS.put((law, grid), max(mean - end, 0.0))
    return [found[law] for law in laws]


def _block_key(block: Sequence[Component], lines: Mapping[str, Compound]) -> _Key:
    """What a block is kept by: how its lines are tied, and which objects they are."""
    ties = tuple([part for part in block if not part.simple])
    return ties, tuple([id(lines[key]) for part in block for key in part.keys])


def _exp(logarithm: Transform) -> Transform:
    """Its exponential, by parts, for which processors have faster ways than for the whole."""
    size = np.exp(logarithm.real)
    total: Transform = np.empty_like(logarithm)
    np.multiply(size, np.cos(logarithm.imag), out=total.real)
    np.multiply(size, np.sin(logarithm.imag), out=total.imag)
    return total


def _bytes(found: Sequence[object]) -> int:
    return sum(x.nbytes for x in found if isinstance(x, np.ndarray))


class Transforms:
    """Transforms on one grid, computed when first asked for.

    Parameters
    ----------
    grid : Grid
        The grid.
    effort : int
        Effort of the integrals over beliefs, see `perilscope.engines.quadrature.nodes`.
    halved : bool
        Whether to stand on half the points of the grid.
    sharp : bool
        Whether losses below a step are spread for extrapolation, see
        `perilscope.engines.grid.sharpened`; a first look does without.
    like : Transforms, optional
        Transforms of the same effort, on the same points, that keep lines together with these;
        on other points only the integrals over beliefs.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        effort: int = 2,
        halved: bool = False,
        sharp: bool = True,
        like: Transforms | None = None,
    ) -> None:
        self.grid = grid.coarse() if halved else grid
        self.effort, self._whole, self._halved, self._sharp = effort, grid, halved, sharp
        self._parts: Kept[tuple[Compound, tuple[Part, ...]]] = like._parts if like else Kept(_MANY)
        self._zeros: Kept[tuple[Compound, float]] = like._zeros if like else Kept(_MANY)
        same = like is not None and like.grid == self.grid
        self._lines: Kept[_Line] = like._lines if like and same else Kept(_LINES, _bytes)
        self._blocks: Kept[_Block] = like._blocks if like and same else Kept(_LINES, _bytes)
        self._tied: Kept[_Tied] = like._tied if like and same else Kept(_LINES // 4, _bytes)

    def mass(self, law: Distribution) -> Array:
        """A loss per event on the grid."""
        grid, sharp = self._whole, self._sharp
        pair = _EVENTS.get((law, grid, sharp), lambda: _events([law], grid, sharp)[0])
        return pair[1] if self._halved else pair[0]

    def severity(self, law: Distribution) -> Transform:
        """Transform of a loss per event."""
        key = law, self._whole, self._sharp, self._halved
        return _TRANSFORMED.get(key, lambda: self.grid.forward(self.mass(law)))

    def excess(self, law: Distribution) -> float:
        """Expected excess of a loss per event over the end of the grid."""
        end = self.grid.range
        return _EXCESS.get((law, self._whole), lambda: max(law.mean - float(law.lev(end)), 0.0))

    def _foresee(self, structure: Sequence[Component], lines: Mapping[str, Compound]) -> None:
        """Transform losses per event of many simple lines at once, which costs less than one by
        one.
        """
        grid, sharp = self._whole, self._sharp
        wanted: dict[Distribution, None] = {}
        for part in structure:
            for each in self.parts(lines[part.keys[0]], False) if part.simple else ():
                if (each.severity, grid, sharp) not in _EVENTS:
                    wanted[each.severity] = None
        if len(wanted) > 1:
            for law, pair in zip(wanted, _events(list(wanted), grid, sharp), strict=True):
                _EVENTS.put((law, grid, sharp), pair)

    def parts(self, line: Compound, driven: bool) -> tuple[Part, ...]:
        """A line as a mixture without beliefs."""
        return self._parts.get(
            (id(line), driven), lambda: (line, parts(line, driven=driven, effort=self.effort))
        )[1]

    def line(self, line: Compound, driven: bool) -> Transform:
        """Transform of a line's total over its horizon; given some event, where it is driven."""
        _, logarithm, found = self._line(line, driven)
        return np.exp(found) if logarithm else found

    def _line(self, line: Compound, driven: bool) -> _Line:
        """A line's transform, or its logarithm where its counts are Poisson (then True).

        Logarithms of many lines are added up before one exponential is taken.
        """
        return self._lines.get((id(line), driven), lambda: self._transformed(line, driven))

    def _transformed(self, line: Compound, driven: bool) -> _Line:
        if not driven and self.is_heavy(line):
            return line, False, self._of_many(line)
        known = None if driven else self.rate(line)
        if known is not None:
            logarithm = self.severity(known[1]) * known[0]
            logarithm -= known[0]
            return line, True, logarithm
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for part in self.parts(line, driven):
            z = self.severity(part.severity)
            for weight, counts in part.counts:
                total += part.weight * weight * counts.pgf(z)
        return line, False, total

    def sum(self, structure: Sequence[Component], lines: Mapping[str, Compound]) -> Transform:
        """Transform of the sum of independent components.

        Added up in blocks, always the same ones in the same order, and blocks are kept: where one
        line is another, one block is computed again, and no bit depends on what was kept.
        """
        exponent: Transform | None = None
        product: Transform | None = None
        blocks = [structure[at : at + _BLOCK] for at in range(0, len(structure), _BLOCK)]
        keys = [_block_key(block, lines) for block in blocks]
        seen, any_heavy = 0, False
        for at, (block, key) in enumerate(zip(blocks, keys, strict=True)):
            if at >= seen and key not in self._blocks:
                seen = at + _AHEAD
                ahead = zip(blocks[at:seen], keys[at:seen], strict=True)
                self._foresee(
                    [part for b, k in ahead if k not in self._blocks for part in b], lines
                )
            _, added, times, is_heavy = self._block(block, key, lines)
            any_heavy = any_heavy or is_heavy
            if added is not None:
                exponent = added if exponent is None else exponent + added
            if times is not None:
                product = times if product is None else product * times
        if any_heavy:  # their sum is put on points here, as a sum
            triangle = heavy.split(self.grid)
            product = triangle if product is None else product * triangle
        if exponent is None:
            return capped.multiplied([], self.grid) if product is None else product
        total = _exp(exponent)
        return total if product is None else total * product

    def _block(
        self, block: Sequence[Component], key: _Key, lines: Mapping[str, Compound]
    ) -> _Block:
        """A few components: the logarithm of the Poisson ones, the product of the others, and
        whether there are heavy lines among them.
        """

        def made() -> _Block:
            mine = tuple([lines[key] for part in block for key in part.keys])
            known = [self.rate(lines[part.keys[0]]) if part.simple else None for part in block]
            others = [
                self.line(lines[part.keys[0]], False) if part.simple else self.tied(part, lines)
                for part, rate in zip(block, known, strict=True)
                if rate is None
            ]
            added = self._together([rate for rate in known if rate is not None])
            is_heavy = any(
                self.is_heavy(lines[key])
                for part in block
                for unit in part.units
                if not unit.capped
                for key in unit.keys
                if key not in part.driven
            )
            times = capped.multiplied(others, self.grid) if others else None
            return mine, added, times, is_heavy

        return self._blocks.get(key, made)

    def rate(self, line: Compound) -> tuple[float, Distribution] | None:
        """Mean of a line's counts and its loss per event; None where its counts are not Poisson,
        or it is heavy.
        """
        mixed = self.parts(line, False)
        only = mixed[0].counts[0][1]
        if only.mean >= heavy.MANY and self.is_heavy(line):
            return None
        if len(mixed) == 1 and len(mixed[0].counts) == 1 and isinstance(only, Poisson):
            return only.mean, mixed[0].severity
        return None

    def is_heavy(self, line: Compound) -> bool:
        """Whether a line that is not driven has very many events, small against a step."""
        mixed = self.parts(line, False)
        few = mixed[0].counts[0][1].mean < heavy.MANY  # as of nearly all lines
        return not few and heavy.heavy(mixed, self._whole)

    def _of_many(self, line: Compound) -> Transform:
        """Transform of the total of a heavy line, before it is put on points."""
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for part in self.parts(line, False):
            alone = all(isinstance(counts, Poisson) for _, counts in part.counts)
            most = min(counts.mean for _, counts in part.counts) if alone else 0.0
            left = heavy.below_one(part.severity, self.grid, most, halved=self._halved)
            for weight, counts in part.counts:
                if isinstance(counts, Poisson):
                    total += part.weight * weight * np.exp(-counts.mean * left)
                else:
                    total += part.weight * weight * counts.pgf(1.0 - left)
        return total

    def _together(self, rates: Sequence[tuple[float, Distribution]]) -> Transform | None:
        """Logarithm of the transform of Poisson lines together: of all their events one transform.

        The sum of compound Poisson laws is one again, its events a mixture of theirs.
        """
        if not rates:
            return None
        events, turn = np.zeros(self.grid.points), np.empty(self.grid.points)
        for mean, law in rates:
            events += np.multiply(self.mass(law), mean, out=turn)
        logarithm = self.grid.forward(events)
        logarithm -= math.fsum(mean for mean, _ in rates)
        return logarithm

    def tied(self, part: Component, lines: Mapping[str, Compound]) -> Transform:
        """Transform of a component, kept: where another line is another it is not wanted anew."""
        mine = tuple(lines[key] for key in part.keys)
        made = lambda: (mine, self.component(part, lines)[0])  # noqa: E731 - as in `line`
        return self._tied.get((part, tuple(map(id, mine))), made)[1]

    def unit(
        self, unit: Unit, lines: Mapping[str, Compound], drives: Drives, *, shares: bool = False
    ) -> tuple[Transform, dict[str, Transform]]:
        """Transform of a unit in a joint state, and each line's E[part; sum = s] if wanted."""
        present = [lines[key].given(drives) for key in unit.keys if drives.get(key, True)]
        driven = [line.key in drives for line in present]
        if not unit.capped:
            return self._free(present, driven, shares=shares)
        if not present:
            return capped.multiplied([], self.grid), {}
        if present[0].years <= 1.0:
            own = [self.line(line, d) for line, d in zip(present, driven, strict=True)]
            pairs = zip(present, driven, strict=True)
            jumps = [self._jumps(line, d) for line, d in pairs] if shares else []
            held = capped.once(self.grid, own, unit.cap, jumps, shares=shares)
        else:
            held = self._horizon(present, driven, unit.cap, shares=shares)
        names = [line.key for line in present]
        return held.sum, dict(zip(names, held.shares, strict=False))

    def _jumps(self, line: Compound, driven: bool) -> float:
        """Expected number of a line's events beyond the grid."""
        terms = []
        for part in self.parts(line, driven):
            above = 1.0 - float(part.severity.cdf(self.grid.range))
            terms += [part.weight * w * counts.mean * above for w, counts in part.counts]
        return math.fsum(terms)

    def _free(
        self, present: Sequence[Compound], driven: Sequence[bool], *, shares: bool
    ) -> tuple[Transform, dict[str, Transform]]:
        own = [self.line(line, d) for line, d in zip(present, driven, strict=True)]
        found = {}
        if shares:
            names = [line.key for line in present]
            found = {name: capped.first(self.grid, own, i) for i, name in enumerate(names)}
        return capped.multiplied(own, self.grid), found

    def component(
        self, component: Component, lines: Mapping[str, Compound], *, shares: bool = False
    ) -> tuple[Transform, dict[str, Transform]]:
        """Transform of a component: the mixture of its joint states; shares as in `unit`."""
        if not component.shared:
            return self._given(component, lines, shares=shares)
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        for weight, known in component.cases(lines, self.effort):
            own, mine = self._given(component, known, shares=shares)
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
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        if component.shared and not shares and not component.states[0][1]:
            return self._product(component.units, lines), {}
        cache: dict[Any, tuple[Transform, dict[str, Transform]]] = {}
        for probability, state in component.states:
            drives = dict(state)
            results = []
            for i, unit in enumerate(component.units):
                key = (i, felt(unit.keys, lines, drives))
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
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        for probability, state in component.listed:
            known = dict(state)
            loose = [unit for unit in component.units if not net.nodes(unit.keys)]
            free = [self.unit(unit, lines, known, shares=shares) for unit in loose]
            tied = [unit for unit in component.units if net.nodes(unit.keys)]
            tables = [self._tables(unit, net, lines, known, shares=shares) for unit in tied]
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
        exponent = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
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
        return capped.multiplied([np.exp(exponent), *others], self.grid)

    def _horizon(
        self,
        present: Sequence[Compound],
        driven: Sequence[bool],
        cap: float,
        *,
        shares: bool = False,
        only: int = -1,
    ) -> capped.Held:
        wanted = capped.known_severities(present, self.effort)
        known = {law: self.severity(law) for law in wanted}
        return capped.horizon(
            present, driven, cap, self.grid, known, effort=self.effort, shares=shares, only=only
        )

    def part(self, component: Component, lines: Mapping[str, Compound], key: str) -> Transform:
        """Transform of the law of one line's part of the capped holding it belongs to."""
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for weight, known in component.cases(lines, self.effort):
            total += weight * self._part(component, known, key)
        return total

    def _part(self, component: Component, lines: Mapping[str, Compound], key: str) -> Transform:
        unit = next(unit for unit in component.units if key in unit.keys)
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for probability, state in component.states:
            drives = dict(state)
            present = [lines[k].given(drives) for k in unit.keys if drives.get(k, True)]
            names = [line.key for line in present]
            driven = [name in drives for name in names]
            if key not in names:
                total += probability
            elif present[0].years <= 1.0:
                own = [self.line(line, d) for line, d in zip(present, driven, strict=True)]
                jumps = [self._jumps(line, d) for line, d in zip(present, driven, strict=True)]
                at = names.index(key)
                total += probability * capped.part(self.grid, own, at, unit.cap, jumps)
            else:
                only = names.index(key)
                total += probability * self._horizon(present, driven, unit.cap, only=only).sum
        return total

    def none(self, component: Component, lines: Mapping[str, Compound]) -> float:
        """Probability that a component loses nothing."""
        caps = {key: unit.cap for unit in component.units for key in unit.keys}
        terms = []
        for weight, known in component.cases(lines, self.effort):
            for said in component.said:
                part, given = component.told(said), {k: known[k].given(said) for k in caps}
                zero = {
                    key: self.nothing(given[key], driven=key in part.driven) if cap > 0.0 else 1.0
                    for key, cap in caps.items()
                }
                terms.append(weight * part.product(zero))
        return min(math.fsum(terms), 1.0)

    def nothing(self, line: Compound, *, driven: bool) -> float:
        """Probability that a line loses nothing."""
        return self._zeros.get((id(line), driven), lambda: (line, self._zero(line, driven)))[1]

    def _zero(self, line: Compound, driven: bool) -> float:
        terms = []
        for part in self.parts(line, driven):
            free = float(part.severity.cdf(0.0))
            for weight, counts in part.counts:
                zero = counts.zero if free == 0.0 else float(counts.pgf(free))
                terms.append(part.weight * weight * zero)
        return math.fsum(terms)
