# SPDX-License-Identifier: Apache-2.0
"""The law of the sum of all lines on one grid, with what tells its error.

A law asks for other laws where its error is wanted, so it holds on to what makes these; that does
not hold on to the law, so that both go together when nobody wants them any more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import factored
from perilscope.engines.aggregate.basis import Basis
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.facts import Facts, summed
from perilscope.engines.aggregate.moments import Moments
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.aggregate.transforms import Block, Together, blocks, changed
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw, Pair
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.jumps import atoms, jumps, unbroken
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]


class Whole:
    """The sum of all lines on the grid of a basis.

    Parameters
    ----------
    basis : Basis
    moments : Moments
        Of the same basis.
    like : Whole, optional
        One of the same components.
    new : sequence of int
        Places of components in which lines differ from those of ``like``.
    """

    def __init__(
        self,
        basis: Basis,
        moments: Moments,
        like: Whole | None = None,
        new: Sequence[int] = (),
    ) -> None:
        self._basis, self._moments = basis, moments
        self._facts: dict[int, Facts] = {}
        self._blocks: list[Block]
        if like is None:
            self._blocks = blocks(basis.components, basis.lines)
        else:
            self._blocks = changed(like._blocks, new, basis.lines)
            self._facts = dict(like._facts)
            for place in new:
                self._facts.pop(place, None)

    def law(self) -> LossLaw:
        """Law of the sum, as far as one grid tells; made anew each time it is asked for."""
        grid = self._basis.grid
        fine = self._fine  # first, as it asks for all lines together
        if grid.lattice:
            return self.facts.law(grid, fine)
        if not self.facts.even:
            return self.facts.law(grid, fine, others=lambda this, _: [(this, self._rough)])
        return self.facts.law(grid, fine, coarse=self._half, others=self._pairs)

    def _pairs(self, this: LossLaw, x: float) -> list[Pair]:
        """Pairs of laws that tell the error of one that was extrapolated, near a loss."""
        pairs = [(this, self._plain)]
        half = functools.cache(lambda: self.facts.law(self._basis.coarse.grid, self._half))
        if not this.smooth(x):  # not much is to be had from extrapolation there
            pairs.append((self._plain, half()))
        if not self.facts.certain:
            pairs.append((half(), self._rough))
        return pairs

    # --- probabilities

    @cached_property
    def _together(self) -> Together:
        return self._basis.fine.together(self._blocks, self._basis.lines)

    @cached_property
    def _fine(self) -> Array:
        """Probabilities on the grid."""
        fine = self._basis.fine
        return fine.grid.back(fine.summed(self._together, self._basis.lines))

    @cached_property
    def _half(self) -> Array:
        """The same on half the points."""
        coarse = self._basis.coarse
        return coarse.grid.back(coarse.summed(self._together, self._basis.lines))

    @cached_property
    def _plain(self) -> LossLaw:
        """The law that is not extrapolated."""
        return self.facts.law(self._basis.grid, self._fine, within=self._half)

    @cached_property
    def _rough(self) -> LossLaw:
        """The law on half the points with fewer nodes for beliefs."""
        rough = self._basis.rough
        mass = rough.grid.back(rough.sum(self._basis.components, self._basis.lines))
        return self.facts.law(rough.grid, mass)

    # --- what is known without them

    @cached_property
    def facts(self) -> Facts:
        """Figures of the sum."""
        known = self._facts
        every = enumerate(self._basis.components)
        return summed([known.get(i) or self._facts_of(i, part) for i, part in every])

    def _facts_of(self, i: int, part: Component) -> Facts:
        found = self._facts[i] = self._found_facts(part)
        return found

    def _found_facts(self, part: Component) -> Facts:
        basis, fine = self._basis, self._basis.fine
        if part.simple:
            return self._facts_of_line(basis.lines[part.keys[0]])
        mine = [basis.lines[key] for key in part.keys]
        mean, variance = self._moments.component(part)
        none = basis.none_of(part, fine)
        if any(unit.capped for unit in part.units):
            return Facts(mean, variance, none)
        scaled = factored.keys(part, basis.lines)
        others = [line for line in mine if line.key not in scaled]
        ends = (self._moments.events(x.key, fine.excess, basis.grid.range) for x in others)
        sums = factored.parts(part, basis.lines)
        beyond = [own.weight * _above(own.severity, basis.grid) for own in sums]
        excess = math.fsum([*ends, *beyond])
        many = [line for line in others if line.key not in part.driven and fine.is_heavy(line)]
        few = [line for line in others if line not in many]
        mixed = [x for line in few for x in fine.parts(line, line.key in part.driven)]
        certain = all(line.certain for line in mine)
        return Facts(mean, variance, none, excess, self._even(mixed), certain, *self._of_many(many))

    def _facts_of_line(self, line: Compound) -> Facts:
        """Facts of a component that is one line by itself."""
        fine = self._basis.fine
        known, is_heavy = fine.known(line), fine.is_heavy(line)
        mean, sd = self._moments.given(line, {})
        excess = math.fsum([part.events * fine.excess(part.severity) for part in known.parts])
        even = is_heavy or self._even(known.parts)
        many = self._of_many([line] if is_heavy else [])
        return Facts(mean, sd * sd, known.none, excess, even, known.certain, *many)

    def _even(self, mixed: Iterable[Part]) -> bool:
        """Whether all atoms are on every other point of the grid."""
        laws = [part.severity for part in mixed if not unbroken(part.severity)]
        coarse = self._basis.coarse.grid
        return all(coarse.meets(jumps(law)) for law in laws)

    def _of_many(self, heavy: Sequence[Compound]) -> tuple[float, float]:
        """Largest amount whose steps are not seen, and number of events, of heavy lines."""
        if not heavy:
            return 0.0, 0.0
        parts = [x for line in heavy for x in self._basis.fine.parts(line, False)]
        events = math.fsum([x.events for x in parts])
        return max((_grain(x.severity) for x in parts), default=0.0), events


def _above(law: Distribution, grid: Grid) -> float:
    """Expected excess of a sum over the end of a grid."""
    return max(law.mean - float(law.lev(grid.range)), 0.0)


def _grain(law: Distribution) -> float:
    """The largest amount of a law that has nothing but a few."""
    points = atoms(law)
    return 0.0 if points is None else points[-1][0]
