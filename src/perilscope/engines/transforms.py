# SPDX-License-Identifier: Apache-2.0
"""Everything that is transformed once and used often: losses per event, lines, capped holdings.

A register that differs from another in one line takes over what the others already have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines import capped
from perilscope.engines.compound import Compound
from perilscope.engines.distributions import Distribution
from perilscope.engines.expansion import Part, parts
from perilscope.engines.grid import Grid, Transform, atoms, limited, place, spread
from perilscope.engines.structure import Component, Unit

Array = npt.NDArray[np.float64]
Drives = Mapping[str, bool]

_Line = tuple[Compound, Transform]
_Parts = tuple[Compound, tuple[Part, ...]]


class Transforms:
    """Transforms on one grid, computed when first asked for.

    Parameters
    ----------
    grid : Grid
        The grid.
    effort : int
        Effort of the integrals over beliefs, see `perilscope.engines.quadrature.nodes`.
    finer : Transforms, optional
        The same on the grid with twice the points, whose limited means are used again.
    like : Transforms, optional
        Transforms of the same effort whose entries are taken over; from another grid only the
        integrals over beliefs.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        effort: int = 2,
        finer: Transforms | None = None,
        like: Transforms | None = None,
    ) -> None:
        self.grid, self.effort, self.finer = grid, effort, finer
        same = like if like and like.grid == grid else None
        self._severities: dict[Distribution, Transform] = dict(same._severities) if same else {}
        self._levels: dict[Distribution, Array] = dict(same._levels) if same else {}
        self._lines: dict[tuple[int, bool], _Line] = dict(same._lines) if same else {}
        self._parts: dict[tuple[int, bool], _Parts] = dict(like._parts) if like else {}

    def severity(self, law: Distribution) -> Transform:
        """Transform of a loss per event."""
        found = self._severities.get(law)
        if found is None:
            points = atoms(law)
            mass = self._spread(law) if points is None else place(points, self.grid)
            found = self._severities[law] = self.grid.forward(mass)
        return found

    def _spread(self, law: Distribution) -> Array:
        finer = self.finer._levels.get(law) if self.finer else None
        if finer is None:
            level = self._levels[law] = limited(law, self.grid)
        else:
            level = finer[::2]
        return spread(level, self.grid.step)

    def parts(self, line: Compound, driven: bool) -> tuple[Part, ...]:
        """A line as a mixture without beliefs."""
        key = (id(line), driven)
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = (line, parts(line, driven=driven, effort=self.effort))
        return found[1]

    def line(self, line: Compound, driven: bool) -> Transform:
        """Transform of a line's total over its horizon; given some event, where it is driven."""
        key = (id(line), driven)
        found = self._lines.get(key)
        if found is None:
            total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
            for part in self.parts(line, driven):
                z = self.severity(part.severity)
                for weight, counts in part.counts:
                    total += part.weight * weight * counts.pgf(z)
            found = self._lines[key] = (line, total)
        return found[1]

    def unit(
        self, unit: Unit, lines: Mapping[str, Compound], drives: Drives, *, shares: bool = False
    ) -> tuple[Transform, dict[str, Transform]]:
        """Transform of a unit in a joint state, and each line's E[part; sum = s] if wanted."""
        present = [lines[key] for key in unit.keys if drives.get(key, True)]
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
        if len(component.units) == 1 and not component.states[0][1]:
            return self.unit(component.units[0], lines, {}, shares=shares)
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        found = {key: np.zeros_like(total) for key in component.keys} if shares else {}
        cache: dict[tuple[int, tuple[bool, ...]], tuple[Transform, dict[str, Transform]]] = {}
        for probability, state in component.states:
            drives = dict(state)
            results = []
            for i, unit in enumerate(component.units):
                key = (i, tuple(drives[k] for k in unit.keys if k in drives))
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
        unit = next(unit for unit in component.units if key in unit.keys)
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for probability, state in component.states:
            drives = dict(state)
            present = [lines[k] for k in unit.keys if drives.get(k, True)]
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
        terms = []
        for probability, state in component.states:
            drives = dict(state)
            chance = probability
            for unit in component.units:
                for key in unit.keys:
                    if unit.cap > 0.0 and drives.get(key, True):
                        chance *= self._nothing(lines[key], key in drives)
            terms.append(chance)
        return min(math.fsum(terms), 1.0)

    def _nothing(self, line: Compound, driven: bool) -> float:
        terms = []
        for part in self.parts(line, driven):
            free = float(part.severity.cdf(0.0))
            for weight, counts in part.counts:
                zero = counts.zero if free == 0.0 else float(counts.pgf(free))
                terms.append(part.weight * weight * zero)
        return math.fsum(terms)
