# SPDX-License-Identifier: Apache-2.0
"""Lines of one holding on one grid, capped together or free, in one state of what they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import capped
from perilscope.engines.aggregate.capped import Year
from perilscope.engines.aggregate.capped_covers import Taker, correction, nothing
from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.cover_layers import Counted
from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.factor_sums import Group
from perilscope.engines.aggregate.lines import Lines
from perilscope.engines.aggregate.own_grids import moved, moved_share, own_grid
from perilscope.engines.aggregate.structure import Unit
from perilscope.engines.aggregate.terms import at_most, only_counted
from perilscope.engines.grids.grid import Transform, clamp, spread
from perilscope.engines.grids.limited import between, few, unbent
from perilscope.engines.grids.multiplied import Multiplied
from perilscope.engines.kept import Kept
from perilscope.engines.laws.jumps import jumps, unbroken

Array = npt.NDArray[np.float64]
Sums = tuple[Transform, dict[str, Transform]]
"""Transform of a unit, and by line E[part; sum = s]."""

_OF_VALUES: Kept[Transform] = Kept(2**26, lambda found: found.nbytes)
"""Sums at values of a factor, which many laws of lines are asked for."""
_LOOK = 64
"""Points up to a cap for a first look at what counts of a holding."""


class Units(Lines):
    """Units on one grid, computed when first asked for; parameters as of `Lines`."""

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
        if any(line.counted is not None for line in present):
            return self._counted(present, driven, unit.cap), {}
        own = self._meeting(unit.cap, present, driven)
        return self._moved(own, own._held_sum(present, driven, unit.cap, shares=shares))

    def _meeting(self, cap: float, present: Sequence[Compound], driven: Sequence[bool]) -> Self:
        """The same where a cap is a point, see `own_grids`."""
        pairs = zip(present, driven, strict=True)
        laws = [part.severity for line, d in pairs for part in self.parts(line, d)]
        atoms = (x for law in laws if not unbroken(law) for x in jumps(law))
        grid = own_grid(self._whole, cap, atoms, halved=self._halved)
        if grid == self._whole:
            return self
        return type(self)(
            grid, effort=self.effort, halved=self._halved, sharp=self._sharp, like=self
        )

    def _moved(self, other: Self, found: Sums) -> Sums:
        """What was found on the grid of a cap."""
        if other is self:
            return found
        own, mine = found
        shares = {key: moved_share(x, other.grid, self.grid) for key, x in mine.items()}
        return moved(own, other.grid, self.grid), shares

    def _held_sum(
        self, present: Sequence[Compound], driven: Sequence[bool], cap: float, *, shares: bool
    ) -> Sums:
        """Transform of a capped sum, and of what each line has of it."""
        if present[0].years <= 1.0:
            own = [self.line(line, d) for line, d in zip(present, driven, strict=True)]
            pairs = zip(present, driven, strict=True)
            far = [self._jumps(line, d) for line, d in pairs] if shares else []
            held = capped.once(self.grid, own, cap, far, shares=shares)
        else:
            held = self._horizon(present, driven, cap, shares=shares)
        names = [line.key for line in present]
        return held.sum, dict(zip(names, held.shares, strict=False))

    def _counted(
        self, present: Sequence[Compound], driven: Sequence[bool], cap: float
    ) -> Transform:
        """What counts of events that take from a capped holding one after another."""
        kinds = [line.counted or Counted() for line in present]
        pays, annual = kinds[0].pays, any(kind.annual for kind in kinds)
        few = self._held if self._sharp else _LOOK

        def change(takers: Sequence[Taker]) -> Transform:
            halved = self._halved
            return correction(takers, cap, self.grid, halved=halved, pays=pays, count=few)

        def year(members: Sequence[tuple[int, Year]]) -> Transform:
            mixed = [(Part(1.0, y.severity, ((1.0, y.counts),)),) for _, y in members]
            takers = [Taker(own, kinds[i]) for own, (i, _) in zip(mixed, members, strict=True)]
            if annual:
                return change(takers)
            pairs = [(y.counts, kinds[i].change(at_most(y.severity, cap))) for i, y in members]
            free = [counts.pgf(self.severity(law)) for counts, law in pairs]
            return capped.multiplied(free, self.grid) + change(takers)

        if present[0].years > 1.0:
            return self._horizon(present, driven, cap, year=year).sum
        pairs = list(zip(present, driven, strict=True))
        free = [self.line(only_counted(line, cap), d) for line, d in pairs]
        takers = [Taker(self.parts(x, d), kind) for (x, d), kind in zip(pairs, kinds, strict=True)]
        return change(takers) if annual else capped.multiplied(free, self.grid) + change(takers)

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

    def _scaled(self, group: Group, *, shares: bool) -> Sums:
        """Lines that one factor scales."""
        own = self.severity(group.law) if group.plain else self._of_values(group.law)
        found = {}
        for key, law in group.shares.items() if shares else ():
            size = self._on_points(law, plain=group.plain) * self.grid.places
            found[key] = self.grid.forward(size)
        return own, found

    def _clamped(
        self,
        group: Group | None,
        held: Unit,
        present: Sequence[Compound],
        drives: Drives,
        *,
        shares: bool,
    ) -> Sums:
        """Lines of a capped holding, some of which one factor scales."""
        beside = [self.line(line, line.key in drives) for line in present]
        every, whole = beside, 1.0
        mine: Mapping[str, Transform] = {}
        if group is not None:
            own, mine = self._scaled(group, shares=shares)
            every, whole = [*beside, own], group.law.whole
        mass = self.grid.back(capped.multiplied(every, self.grid))
        found = self.grid.forward(clamp(mass, held.cap, self.grid, whole))
        if not shares:
            return found, {}
        rest = capped.multiplied(beside, self.grid)
        sizes = {key: self.grid.back(share * rest) for key, share in mine.items()}
        for i, line in enumerate(present):
            sizes[line.key] = self.grid.back(capped.first(self.grid, every, i))
        parts = capped.pro_rata(self.grid, [*sizes.values()], mass, held.cap, [], whole)
        return found, dict(zip(sizes, map(self.grid.forward, parts), strict=True))

    def _of_values(self, law: Multiplied) -> Transform:
        """Transform of a sum at values of a factor, kept."""
        key = law, self._whole, self._halved
        return _OF_VALUES.get(key, lambda: self.grid.forward(self._on_points(law, plain=False)))

    def _on_points(self, law: Multiplied, *, plain: bool) -> Array:
        """What a sum under a factor puts on the points of the grid."""
        levels = few([law], self._whole)[0] if plain else unbent(law, self._whole)
        level = between(levels, self._whole.points, every=2 if self._halved else 1)
        return spread(level, self.grid.step, law.whole)

    def _horizon(
        self,
        present: Sequence[Compound],
        driven: Sequence[bool],
        cap: float,
        *,
        shares: bool = False,
        only: int = -1,
        year: Callable[[Sequence[tuple[int, Year]]], Transform] | None = None,
    ) -> capped.Held:
        wanted = capped.known_severities(present, self.effort)
        known = {law: self.severity(law) for law in wanted if year is None}
        return capped.horizon(
            present, driven, cap, self.grid, known,
            effort=self.effort, shares=shares, only=only, year=year,
        )  # fmt: skip

    def _part_of(
        self, present: Sequence[Compound], driven: Sequence[bool], cap: float, at: int
    ) -> Transform:
        """Transform of one line's part of a capped sum."""
        if present[0].years > 1.0:
            return self._horizon(present, driven, cap, only=at).sum
        own = [self.line(line, d) for line, d in zip(present, driven, strict=True)]
        far = [self._jumps(line, d) for line, d in zip(present, driven, strict=True)]
        return capped.part(self.grid, own, at, cap, far)

    def _none_of(self, unit: Unit, lines: Mapping[str, Compound], drives: Drives) -> float:
        present = [lines[key].given(drives) for key in unit.keys if drives.get(key, True)]
        driven = [line.key in drives for line in present]
        if not present or unit.cap == 0.0:
            return 1.0
        if not unit.capped or all(line.counted is None for line in present):
            pairs = zip(present, driven, strict=True)
            return math.prod(self.nothing(line, driven=d) for line, d in pairs)
        kinds = [line.counted or Counted() for line in present]

        def year(members: Sequence[tuple[int, Year]]) -> Transform:
            mixed = [(Part(1.0, y.severity, ((1.0, y.counts),)),) for _, y in members]
            takers = [Taker(own, kinds[i]) for own, (i, _) in zip(mixed, members, strict=True)]
            return np.full(self.grid.points // 2 + 1, nothing(takers, unit.cap, self.grid) + 0j)

        if present[0].years > 1.0:
            found = self._horizon(present, driven, unit.cap, year=year).sum
            return float(found[0].real)
        mixed = [self.parts(line, d) for line, d in zip(present, driven, strict=True)]
        takers = [Taker(own, kind) for own, kind in zip(mixed, kinds, strict=True)]
        return nothing(takers, unit.cap, self.grid)
