# SPDX-License-Identifier: Apache-2.0
"""Many lines of loss as one exact law: the law of the sum, of each line, and who bears the tail.

Everything is computed by transforms on one grid; no number here is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import allocation
from perilscope.engines.aggregate.basis import Basis, Rungs
from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.facts import Facts
from perilscope.engines.aggregate.moments import Moments
from perilscope.engines.aggregate.shared import Shared, shared_by
from perilscope.engines.aggregate.structure import Component, components
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.aggregate.whole import Whole
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.ladder import Ladder
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.jumps import atoms
from perilscope.errors import MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
_NO_CAPS: Mapping[str, float] = MappingProxyType({})


class Register:
    """Lines of loss that are added up.

    Parameters
    ----------
    lines : sequence of Compound
        The lines; their keys are different.
    mixtures : sequence of Mixture or Unlisted
        Joint states of lines that are driven together. In a state where a line has events its
        counts are those given at least one; a control thins them afterwards.
    caps : mapping of float
        Most that the lines of a holding can lose together in one year, by name of the group.
        Over a longer horizon each full year and the fraction that is left are capped apart.
    grid : Grid, optional
        Chosen from all lines when absent.

    Raises
    ------
    MisuseError
        Where keys repeat or mixtures and caps do not fit the lines.

    Examples
    --------
    Two kinds of theft, 1,000,000 at 0.2 a year and 500,000 at 0.5 a year:

    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Constant
    >>> exploit = Compound("exploit", lambda theta, t: (Poisson(0.2 * t), Constant(1_000_000.0)))
    >>> phishing = Compound("phishing", lambda theta, t: (Poisson(0.5 * t), Constant(500_000.0)))
    >>> law = Register([exploit, phishing]).law()
    >>> law.mean, round(law.sd, 1), round(law.none, 4), round(law.exceed(999_999.0), 4)
    (450000.0, 570087.7, 0.4966, 0.2551)
    >>> law.var(0.95), law.method
    (1500000.0, 'exact, lattice')
    """

    def __init__(
        self,
        lines: Sequence[Compound],
        *,
        mixtures: Sequence[Mixture | Unlisted] = (),
        caps: Mapping[str, float] = _NO_CAPS,
        grid: Grid | None = None,
    ) -> None:
        own = {line.key: line for line in lines}
        if len(own) != len(lines):
            raise MisuseError("two lines have the same key")
        structure = components(own, mixtures, caps)
        basis = Basis(own, tuple(mixtures), structure, grid)
        self._begin(basis, dict(caps), Moments(basis))

    def _begin(self, basis: Basis, caps: dict[str, float], moments: Moments) -> None:
        self.lines, self.mixtures, self.caps = basis.lines, basis.mixtures, caps
        self._basis, self._moments = basis, moments
        self._narrower: Rungs | None = None
        self._own: dict[str, LossLaw] = {}

    # --- what it stands on

    @property
    def grid(self) -> Grid:
        """The grid, chosen from all lines unless given."""
        return self._basis.grid

    @property
    def fine(self) -> Transforms:
        """Transforms on the grid."""
        return self._basis.fine

    @property
    def coarse(self) -> Transforms:
        """Transforms on half the points: they tell what a finer grid would still change."""
        return self._basis.coarse

    @property
    def rough(self) -> Transforms:
        """Transforms on half the points with fewer nodes for beliefs."""
        return self._basis.rough

    @property
    def components(self) -> tuple[Component, ...]:
        """Independent components, in the order of their first lines."""
        return self._basis.components

    def component_of(self, key: str) -> Component:
        """Component a line belongs to; raises ``MisuseError`` where there is no such line."""
        return self._basis.component_of(key)

    def shares_holding(self, key: str) -> bool:
        """Whether a line takes from a capped holding with others."""
        unit = self._basis.unit_of(key)
        return unit.capped and len(unit.keys) > 1

    # --- moments

    @property
    def exact(self) -> bool:
        """Whether moments are free of the grid: no holding is capped."""
        return not self._basis.capped

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the sum over the horizon.

        Exact; of components with a capped holding from the grid (see ``exact``).
        """
        return self._moments.whole()

    def line_moments(self, key: str) -> tuple[float, float]:
        """Mean and standard deviation of one line; of a capped one from the law of its part."""
        if self._basis.unit_of(key).capped:
            return self.means[key], self.line(key).sd
        return self._moments.line(key)

    @property
    def means(self) -> dict[str, float]:
        """Mean of each line, after caps."""
        return self._moments.means

    def none_of(self, key: str) -> float:
        """Probability that one line loses nothing."""
        alone = components({key: self.lines[key]}, self.mixtures, {})
        return self.fine.none(alone[0], self.lines)

    # --- laws

    def law(self) -> LossLaw:
        """Law of the sum of all lines over the horizon."""
        return self._law

    @cached_property
    def _law(self) -> LossLaw:
        widest = self._whole.law()
        if not self.rungs:
            return widest
        return Ladder(widest, [(level, rung.law()) for level, rung in self.rungs.items()])

    @property
    def facts(self) -> Facts:
        """Figures of the sum."""
        return self._whole.facts

    @cached_property
    def _whole(self) -> Whole:
        return Whole(self._basis, self._moments)

    @cached_property
    def rungs(self) -> dict[float, Register]:
        """The same register on narrower grids, by the level up to which each is read."""
        if self._narrower is None:
            self._narrower = self._basis.rungs
        return {level: self.on(grid) for level, grid in self._narrower}

    def line(self, key: str) -> LossLaw:
        """Law of one line, on a grid of its own; of a line in a capped holding, of its part.

        Other lines do not change it by a bit, unless they share a capped holding with it.
        """
        if key not in self._own:
            unit = self._basis.unit_of(key)
            alone = Register(
                [self.lines[k] for k in unit.keys], mixtures=self.mixtures, caps=self.caps
            )
            if len(unit.keys) == 1 or not unit.capped:
                self._own[key] = alone.law()
            else:
                self._own[key] = allocation.part(alone, key)
        return self._own[key]

    def contributions(self, level: float) -> dict[str, float]:
        """How much of the CVaR of the sum each line bears: E[X_i | the worst share 1 - level].

        Returns
        -------
        dict of float
            By key, in money; they add to ``law().cvar(level)``. An atom at VaR is split as there.
        """
        law = self.law()
        read = law.rung(level)
        if read is not law:
            rung = next((r for r in self.rungs.values() if r.law() is read), None)
            return (rung or self.on(self.grid)).contributions(level)
        split = allocation.Split(law, level)
        cuts = {key: split.cut(size) for key, size in self.sizes()}
        return split.shares({key: cuts[key] for key in self.lines}, self.means)

    def sizes(self) -> Iterator[tuple[str, Array]]:
        """Lines in some order, with E[X_i; sum = s] at each point s of the grid."""
        sums = [self.fine.component(part, self.lines)[0] for part in self.components]
        for i, rest in allocation.rests(sums, self.grid):
            sizes = self.fine.component(self.components[i], self.lines, shares=True)[1]
            for key, size in sizes.items():
                yield key, self.grid.back(size * rest)

    # --- other registers

    def on(self, grid: Grid) -> Register:
        """The same register on a given grid."""
        known = self._basis
        basis = Basis(self.lines, self.mixtures, self.components, grid, free=known.free)
        other = Register.__new__(Register)
        other._begin(basis, dict(self.caps), Moments(basis, lines=self._moments))
        return other

    def subset(self, keys: Iterable[str]) -> Register:
        """Some of the lines, on the same grid."""
        wanted = list(keys)
        for key in wanted:
            self.component_of(key)
        return self._with({key: self.lines[key] for key in self.lines if key in wanted}, self.caps)

    def with_(
        self, lines: Sequence[Compound] = (), caps: Mapping[str, float] | None = None
    ) -> Register:
        """The same register with some lines replaced (by key) or other caps.

        On the same grid, so that what does not change is not computed again; on a grid of its own
        where this one is a lattice that the new losses do not fit.
        """
        replaced = dict(self.lines)
        for line in lines:
            self.component_of(line.key)
            replaced[line.key] = line
        return self._with(replaced, self.caps if caps is None else dict(caps))

    def _on_lattice(self, lines: Sequence[Compound], caps: Mapping[str, float]) -> bool:
        """Whether the losses of some lines, and caps, are whole multiples of the grid's step."""
        values = [cap for cap in caps.values() if math.isfinite(cap)]
        for line in lines:
            for part in self._basis.free.parts(line, self._basis.is_driven(line.key)):
                points = atoms(part.severity)
                if points is None:
                    return False
                values += [value for value, _ in points]
        return self.grid.meets(values)

    def _with(self, lines: dict[str, Compound], caps: Mapping[str, float]) -> Register:
        new = [line for key, line in lines.items() if line is not self.lines[key]]
        if self.grid.lattice and not self._on_lattice(new, caps):
            return Register(list(lines.values()), mixtures=self.mixtures, caps=caps)
        same = lines.keys() == self.lines.keys() and caps == self.caps
        if same and all(_held(x) == _held(self.lines[x.key]) for x in new):
            structure = self.components
        else:
            structure = components(lines, self.mixtures, caps)
        basis = Basis(lines, self.mixtures, structure, self.grid, like=self._basis)
        moments = Moments(basis, like=self._moments)
        other = Register.__new__(Register)
        other._begin(basis, dict(caps), moments)
        other._narrower = tuple((level, rung.grid) for level, rung in self.rungs.items())
        if structure is self.components:
            places = [basis.place[line.key] for line in new]
            other._whole = Whole(basis, moments, like=self._whole, new=places)
        for key, law in self._own.items():
            same = key in lines and lines[key] is self.lines[key]
            if same and not self._basis.unit_of(key).capped:
                other._own[key] = law
        return other


def _held(line: Compound) -> tuple[str, float, tuple[Shared, ...]]:
    """What of a line the structure of a register depends on, beside its key."""
    return line.group, line.years, shared_by(line.beliefs)
