# SPDX-License-Identifier: Apache-2.0
"""Everything that is transformed once and used often: losses per event, lines, capped holdings.

A register that differs from another in one line takes over what the others already have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perilscope.engines import capped, events, heavy
from perilscope.engines.compound import Compound, Drives
from perilscope.engines.counts import Poisson
from perilscope.engines.distributions import Distribution
from perilscope.engines.expansion import Part, certain, parts
from perilscope.engines.exponentials import exponential
from perilscope.engines.grid import Grid, Transform, unbroken
from perilscope.engines.kept import Kept
from perilscope.engines.structure import Component, Unit, felt
from perilscope.engines.unlisted import Unlisted

Array = npt.NDArray[np.float64]


_Line = tuple[Compound, bool, Transform]
_Others = tuple[tuple[Compound, ...], Transform | None, bool]
_Tied = tuple[tuple[Compound, ...], Transform]
_Key = tuple[tuple[Component, ...], tuple[int, ...]]

_TRANSFORMED: Kept[Transform] = Kept(2**27, lambda found: found.nbytes)
"""Transforms of losses per event, where each is wanted by itself."""
_LINES = 2**28
"""Most bytes kept of the lines of a register and of those that differ from it in a few."""
_BLOCK = 4
_AHEAD = 8
_MANY = 2**14


class Known(NamedTuple):
    """A line that is not driven, without a grid.

    As a mixture without beliefs; with the mean of its counts and the law of its loss per event
    where counts are Poisson, else without; the probability that it loses nothing; whether it may
    have very many events; whether nothing about it is a belief.
    """

    line: Compound
    parts: tuple[Part, ...]
    mean: float
    law: Distribution | None
    none: float
    many: bool
    certain: bool


class _Poisson(NamedTuple):
    """Lines of a block, and the events of those that are simple and have Poisson counts; whether
    there are no others.
    """

    lines: tuple[Compound, ...]
    events: events.Some
    alone: bool


class Block(NamedTuple):
    """A few components, and what their sum is kept by: how their lines are tied, and which objects
    these are.
    """

    parts: tuple[Component, ...]
    key: _Key


def blocks(structure: Sequence[Component], lines: Mapping[str, Compound]) -> list[Block]:
    """Components in blocks, always the same ones."""
    parts = (tuple(structure[at : at + _BLOCK]) for at in range(0, len(structure), _BLOCK))
    return [block(some, lines) for some in parts]


def changed(
    known: Sequence[Block], places: Iterable[int], lines: Mapping[str, Compound]
) -> list[Block]:
    """The same blocks where components at these places have other lines."""
    found = list(known)
    for at in {place // _BLOCK for place in places}:
        found[at] = block(found[at].parts, lines)
    return found


def block(parts: tuple[Component, ...], lines: Mapping[str, Compound]) -> Block:
    """One block."""
    ties = tuple([part for part in parts if not part.simple])
    return Block(parts, (ties, tuple([id(lines[key]) for part in parts for key in part.keys])))


def _zero(mixed: Sequence[Part]) -> float:
    """Probability that a line without beliefs loses nothing."""
    terms = []
    for part in mixed:
        law = part.severity
        free = 0.0 if unbroken(law) or law.support[0] > 0.0 else float(law.cdf(0.0))
        for weight, counts in part.counts:
            zero = counts.zero if free == 0.0 else float(counts.pgf(free))
            terms.append(part.weight * weight * zero)
    return math.fsum(terms)


def _weight(found: _Poisson) -> int:
    return found.events.nbytes + 64


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
        self._known: Kept[Known] = like._known if like else Kept(_MANY)
        same = like is not None and like.grid == self.grid
        near = like is not None and like._whole == grid and like._sharp == sharp
        self._many: Kept[_Poisson] = like._many if like and near else Kept(_LINES, _weight)
        self._lines: Kept[_Line] = like._lines if like and same else Kept(_LINES, _bytes)
        self._blocks: Kept[_Others] = like._blocks if like and same else Kept(_LINES, _bytes)
        self._tied: Kept[_Tied] = like._tied if like and same else Kept(_LINES // 4, _bytes)

    def mass(self, law: Distribution) -> Array:
        """Probabilities of a loss per event on the grid."""
        return self._event(law).mass(self._whole, halved=self._halved)

    def _event(self, law: Distribution) -> events.Event:
        """A loss per event on the grid."""
        return events.known(law, self._whole, self._sharp)

    def severity(self, law: Distribution) -> Transform:
        """Transform of a loss per event."""
        key = law, self._whole, self._sharp, self._halved
        return _TRANSFORMED.get(key, lambda: self._severity(law))

    def _severity(self, law: Distribution) -> Transform:
        event, whole = self._event(law), self._whole
        if not self._halved or not event.alike:
            return self.grid.forward(event.mass(whole, halved=self._halved))
        made = lambda: whole.forward(event.mass(whole, halved=False))  # noqa: E731 - as in `tied`
        return whole.thinned(_TRANSFORMED.get((law, whole, self._sharp, False), made))

    def excess(self, law: Distribution) -> float:
        """Expected excess of a loss per event over the end of the grid."""
        return self._event(law).excess

    def _foresee(self, ahead: Iterable[Block], lines: Mapping[str, Compound]) -> None:
        """Have losses per event of many simple lines known at once."""
        simple = (part.keys[0] for block in ahead for part in block.parts if part.simple)
        wanted = [x.severity for key in simple for x in self.known(lines[key]).parts]
        events.foresee(wanted, self._whole, self._sharp)

    def parts(self, line: Compound, driven: bool) -> tuple[Part, ...]:
        """A line as a mixture without beliefs."""
        if not driven:
            return self.known(line).parts
        return self._parts.get(
            id(line), lambda: (line, parts(line, driven=True, effort=self.effort))
        )[1]

    def line(self, line: Compound, driven: bool) -> Transform:
        """Transform of a line's total over its horizon; given some event, where it is driven."""
        _, logarithm, found = self._line(line, driven)
        return exponential(found) if logarithm else found

    def _line(self, line: Compound, driven: bool) -> _Line:
        """A line's transform, or its logarithm where its counts are Poisson (then True).

        Logarithms of many lines are added up before one exponential is taken.
        """
        return self._lines.get((id(line), driven), lambda: self._transformed(line, driven))

    def _transformed(self, line: Compound, driven: bool) -> _Line:
        known = None if driven else self.known(line)
        if known is not None and self._is_heavy(known):
            return line, False, self._of_many(line)
        if known is not None and known.law is not None:
            logarithm = self.severity(known.law) * known.mean
            logarithm -= known.mean
            return line, True, logarithm
        return line, False, self._mixed(self.parts(line, driven))

    def _mixed(self, mixed: Sequence[Part]) -> Transform:
        """Transform of a line that is given as a mixture."""
        if len(mixed) == 1 and len(mixed[0].counts) == 1:
            found: Transform = mixed[0].counts[0][1].pgf(self.severity(mixed[0].severity))
            return found
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for part in mixed:
            z = self.severity(part.severity)
            for weight, counts in part.counts:
                total += part.weight * weight * counts.pgf(z)
        return total

    def together(self, blocks: Sequence[Block], lines: Mapping[str, Compound]) -> events.Some:
        """Events of all simple lines with Poisson counts: their sum is compound Poisson again."""
        new = [block for block in blocks if block.key not in self._many]
        for at in range(0, len(new), _AHEAD):
            # of one block among others, one line is another
            if len(new) > at + 1 or len(blocks) == 1:
                self._foresee(new[at : at + _AHEAD], lines)
        found = [self._poisson(block, lines).events for block in blocks]
        return events.Some.sum([own for own in found if own.number > 0.0])

    def sum(self, structure: Sequence[Component], lines: Mapping[str, Compound]) -> Transform:
        """Transform of the sum of independent components."""
        known = blocks(structure, lines)
        return self.summed(known, lines, self.together(known, lines))

    def summed(
        self, blocks: Sequence[Block], lines: Mapping[str, Compound], poisson: events.Some
    ) -> Transform:
        """Transform of the sum of independent components, of which some are known together.

        Added up in blocks, always the same ones in the same order, and blocks are kept: where one
        line is another, one block is computed again, and no bit depends on what was kept.
        """
        mixed = [block for block in blocks if not self._poisson(block, lines).alone]
        others = [self._others(block, lines) for block in mixed]
        product = [found for _, found, _ in others if found is not None]
        if any(is_heavy for _, _, is_heavy in others):  # on points here, as a sum
            product.append(heavy.split(self.grid))
        if poisson.number == 0.0:
            return capped.multiplied(product, self.grid)
        logarithm = self.grid.forward(poisson.mass(self._whole, halved=self._halved))
        logarithm -= poisson.number
        total: Transform = exponential(logarithm)
        for found in product:
            total *= found
        return total

    def _poisson(self, block: Block, lines: Mapping[str, Compound]) -> _Poisson:
        """Events of the lines of a block that are simple and have Poisson counts."""

        def made() -> _Poisson:
            mine = tuple([lines[key] for part in block.parts for key in part.keys])
            simple = [lines[part.keys[0]] for part in block.parts if part.simple]
            known = [self.known(line) for line in simple]
            pairs = [
                (own.mean, self._event(own.law))
                for own in known
                if own.law is not None and not self._is_heavy(own)
            ]
            return _Poisson(mine, events.Some.of(pairs), len(pairs) == len(mine))

        return self._many.get(block.key, made)

    def _others(self, block: Block, lines: Mapping[str, Compound]) -> _Others:
        """The product of a block's other components, and whether there are heavy lines among
        them.
        """

        def made() -> _Others:
            found: list[Transform] = []
            is_heavy = False
            for part in block.parts:
                known = self.known(lines[part.keys[0]]) if part.simple else None
                if known is None:
                    found.append(self.tied(part, lines))
                    is_heavy = is_heavy or self._any_heavy(part, lines)
                elif self._is_heavy(known):
                    found.append(self._of_many(known.line))
                    is_heavy = True
                elif known.law is None:
                    found.append(self._mixed(known.parts))
            mine = tuple([lines[key] for part in block.parts for key in part.keys])
            return mine, capped.multiplied(found, self.grid) if found else None, is_heavy

        return self._blocks.get(block.key, made)

    def _any_heavy(self, part: Component, lines: Mapping[str, Compound]) -> bool:
        free = (key for unit in part.units if not unit.capped for key in unit.keys)
        return any(self.is_heavy(lines[key]) for key in free if key not in part.driven)

    def known(self, line: Compound) -> Known:
        """What a line is that is not driven, found once."""
        return self._known.get(id(line), lambda: self._found(line))

    def _found(self, line: Compound) -> Known:
        mixed = parts(line, effort=self.effort)
        only = mixed[0].counts[0][1]
        poisson = len(mixed) == 1 and len(mixed[0].counts) == 1 and isinstance(only, Poisson)
        mean, law = (only.mean, mixed[0].severity) if poisson else (0.0, None)
        sure = all(map(certain, (*line.beliefs, line.keep, line.scale)))
        return Known(line, mixed, mean, law, _zero(mixed), only.mean >= heavy.MANY, sure)

    def rate(self, line: Compound) -> tuple[float, Distribution] | None:
        """Mean of a line's counts and its loss per event; None where its counts are not Poisson,
        or it is heavy.
        """
        known = self.known(line)
        return None if known.law is None or self._is_heavy(known) else (known.mean, known.law)

    def is_heavy(self, line: Compound) -> bool:
        """Whether a line that is not driven has very many events, small against a step."""
        return self._is_heavy(self.known(line))

    def _is_heavy(self, known: Known) -> bool:
        return known.many and heavy.heavy(known.parts, self._whole)

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
        return capped.multiplied([exponential(exponent), *others], self.grid)

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
        return _zero(self.parts(line, True)) if driven else self.known(line).none
