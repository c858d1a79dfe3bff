# SPDX-License-Identifier: Apache-2.0
"""What all figures of a register stand on: its lines, how they are tied, the grid, the transforms.

Nothing here knows of laws of sums or of who asks, so that what is made from it can be let go at
once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perilscope.engines.aggregate import factored, span
from perilscope.engines.aggregate.capped_covers import usual, work
from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.structure import Component, Unit, components
from perilscope.engines.aggregate.terms import only_counted
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.jumps import jumps
from perilscope.errors import MisuseError
from perilscope.once import cached_property

Rungs = tuple[tuple[float, Grid], ...]


class Basis:
    """Lines, their components, and the grid on which their sum is computed.

    Parameters
    ----------
    lines : mapping of Compound
        By key.
    mixtures : sequence of Mixture or Unlisted
        Joint states of lines that are driven together.
    structure : tuple of Component
        Which of them depend on one another.
    given : Grid, optional
        Chosen from all lines when absent.
    like : Basis, optional
        One on the same grid, of which lines that are the same need not be computed again.
    free : Transforms, optional
        Integrals over beliefs of one with the same lines on another grid.
    """

    def __init__(
        self,
        lines: Mapping[str, Compound],
        mixtures: Sequence[Mixture | Unlisted],
        structure: tuple[Component, ...],
        given: Grid | None = None,
        like: Basis | None = None,
        free: Transforms | None = None,
    ) -> None:
        self.lines, self.mixtures, self.components, self.given = lines, mixtures, structure, given
        self.free: Transforms = free or (Transforms(Grid(1.0, 2)) if like is None else like.free)
        """Integrals over beliefs, which need no grid."""
        self._like = None if like is None else (like.fine, like.coarse, like.rough)
        same = like is not None and structure is like.components
        self.place: dict[str, int] = like.place if like and same else _places(structure)

    # --- lines and components

    @property
    def capped(self) -> bool:
        """Whether a holding is capped."""
        return any(unit.capped for part in self.components for unit in part.units)

    def component_of(self, key: str) -> Component:
        """Component a line belongs to; raises ``MisuseError`` where there is no such line."""
        if key not in self.place:
            raise MisuseError(f"there is no line {key}")
        return self.components[self.place[key]]

    def unit_of(self, key: str) -> Unit:
        """Unit a line belongs to."""
        return next(unit for unit in self.component_of(key).units if key in unit.keys)

    def is_driven(self, key: str) -> bool:
        """Whether joint states drive a line."""
        return key in self.components[self.place[key]].driven

    def none_of(self, part: Component, transforms: Transforms) -> float:
        """Probability that a component loses nothing."""
        if part.simple:
            return transforms.nothing(self.lines[part.keys[0]], driven=False)
        return transforms.none(part, self.lines)

    # --- the grid

    @property
    def grid(self) -> Grid:
        """The grid, chosen from all lines unless given."""
        return self.given if self.given is not None else self._chosen[0]

    @cached_property
    def _chosen(self) -> tuple[Grid, bool]:
        """The grid that was chosen, and whether it is fine enough for all levels."""
        caps = [unit.cap for part in self.components for unit in part.units if unit.capped]
        bare = components(self.lines, self.mixtures, {}) if caps else self.components
        look = self._look(self.components)
        bends = self._bends
        return span.choose(self._mixed_parts, caps, look, self._look(bare), self._apart, bends)

    @cached_property
    def rungs(self) -> Rungs:
        """Narrower grids, by the level up to which each is read."""
        if self.capped or self.given is not None or self._chosen[1]:
            return ()
        look = self._look(self.components)
        return tuple(span.rungs(self._mixed_parts, self.grid, look, self._apart))

    @cached_property
    def _mixed_parts(self) -> dict[str, tuple[Part, ...]]:
        found: dict[str, tuple[Part, ...]] = {}
        for part in self.components:
            scaled = factored.keys(part, self.lines)
            if scaled:
                found[", ".join(scaled)] = factored.parts(part, self.lines)
            for unit in part.units:
                others = {k: only_counted(self.lines[k], unit.cap) for k in unit.keys}
                found |= {
                    key: self.free.parts(line, key in part.driven)
                    for key, line in others.items()
                    if key not in scaled
                }
        return found

    @cached_property
    def _bends(self) -> set[float]:
        """Losses at which what counts of them bends, and what is counted there."""
        found = set[float]()
        for part in self.components:
            for unit in part.units:
                for line in (self.lines[key] for key in unit.keys):
                    if line.counted is not None:
                        own = self.free.parts(line, line.key in part.driven)
                        found.update(line.counted.amounts, *(jumps(x.severity) for x in own))
                        found.add(float(line.counted.of(np.asarray(unit.cap))))
        return {x for x in found if x > 0.0}

    @cached_property
    def _held(self) -> int:
        """Points below the cap of a holding whose events are taken in turn."""
        counted = [
            part
            for part in self.components
            if part.capped and any(self.lines[key].counted is not None for key in part.keys)
        ]
        return usual(sum(work(part, self.lines) for part in counted))

    @cached_property
    def _apart(self) -> set[str]:
        """Lines that nothing drives and no cap acts on."""
        return {
            key
            for part in self.components
            for unit in part.units
            if not unit.capped
            for key in unit.keys
            if key not in part.driven
        }

    def _look(self, structure: Sequence[Component]) -> Callable[[Grid], LossLaw]:
        """Law of the sum on any grid, for choosing one."""

        def look(grid: Grid) -> LossLaw:
            transforms = Transforms(grid, sharp=False, like=self.free)
            mass = grid.back(transforms.sum(structure, self.lines, at_once=True))
            return LossLaw(grid, mass, mean=math.inf, sd=math.inf, none=self._none)

        return look

    @cached_property
    def _none(self) -> float:
        return math.prod([self.none_of(part, self.free) for part in self.components])

    # --- what stands on it

    @cached_property
    def fine(self) -> Transforms:
        """Transforms on the grid."""
        return Transforms(
            self.grid, held=self._held, like=self._like[0] if self._like else self.free
        )

    @cached_property
    def coarse(self) -> Transforms:
        """Transforms on half the points: they tell what a finer grid would still change."""
        like = self._like[1] if self._like else self.fine
        return Transforms(self.grid, halved=True, held=self._held, like=like)

    @cached_property
    def rough(self) -> Transforms:
        """Transforms on half the points with fewer nodes for beliefs."""
        like = self._like[2] if self._like else None
        return Transforms(self.grid, halved=True, effort=1, held=self._held, like=like)


def _places(structure: Sequence[Component]) -> dict[str, int]:
    return {key: i for i, part in enumerate(structure) for key in part.keys}
