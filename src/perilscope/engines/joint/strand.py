# SPDX-License-Identifier: Apache-2.0
"""Losses of one group of lines at any price of its token: transforms on a lattice of prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import allocation
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid, Transform, weighed
from perilscope.engines.joint.dearer import dear, dearer
from perilscope.engines.joint.groups import Group
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Lines = Mapping[str, Compound]

_STEPS = (0.1, 0.05, 0.025, 0.0125)
"""Distances between the prices at which losses are transformed, in log price."""
_FITS = 0.05
"""Difference of transforms between two prices, of what losses change in them, that is none: fixed
sums stand in stairs as wide as the distance, and law of a wide loss does not.
"""
_ROOM, _RANGE = 2**28, 6.0
"""Bytes that transforms may take to have them closer, over such a range of log prices."""
_BESIDE = (-2, -1, 0, 1, 2, 3)
_POWERS = np.arange(len(_BESIDE))
_FROM_POWERS = np.linalg.inv(np.vander(_BESIDE, increasing=True).T)
"""What the points beside count for, from the powers of a place between them."""
_WIDE = 40.0
"""Widest range of prices of one token, in log price."""


class Strand:
    """Transforms of one group's losses in each of its cases at any price of its token.

    Parameters
    ----------
    group : Group
    lines : mapping of Compound
        At today's price.
    transforms : Transforms
        On the grid.

    Notes
    -----
    Interpolation of fifth order in log price through six lattice points, and its slope. Money has
    one price.
    """

    def __init__(
        self, group: Group, lines: Lines, transforms: Transforms, step: float = _STEPS[0]
    ) -> None:
        self.group, self._lines, self._transforms, self.step = group, lines, transforms, step
        self._known: dict[int, Transform] = {}
        self._capped: dict[int, Array] = {}
        self._cases: dict[int, list[tuple[Component, dict[str, Compound]]]] = {}
        self._anywhere = Transforms(Grid(1.0, 2))

    @property
    def keys(self) -> tuple[str, ...]:
        """The lines."""
        return self.group.component.keys

    @property
    def token(self) -> str:
        """What they are counted in; empty for money."""
        return self.group.token

    def with_(self, lines: Lines) -> Strand:
        """The same with other lines; itself where none of its own are others."""
        if all(lines[key] is self._lines[key] for key in self.keys):
            return self
        return Strand(self.group, lines, self._transforms, self.step)

    def on(self, grid: Grid) -> Strand:
        """The same on another grid."""
        return Strand(self.group, self._lines, Transforms(grid), self.step)

    @property
    def bare(self) -> Strand:
        """The same without caps."""
        units = tuple(replace(unit, cap=math.inf) for unit in self.group.component.units)
        component = replace(self.group.component, units=units)
        group = replace(self.group, component=component)
        return Strand(group, self._lines, self._transforms, self.step)

    @cached_property
    def capped(self) -> Array:
        """Mean on the grid of all capped holdings in each case, at today's price."""
        if not any(unit.capped for unit in self.group.component.units):
            return np.zeros(len(self.group.cases))
        self.node(0)
        return np.asarray(self._capped[0].sum(axis=1))

    def closer(self, step: float) -> Strand:
        """The same with another distance between prices."""
        return Strand(self.group, self._lines, self._transforms, step)

    @cached_property
    def fits(self) -> bool:
        """Whether losses between two prices are what they are there."""
        if not self.token:
            return True
        price = math.exp(0.5 * self.step)
        between, there = self.at(price)[0], self._summed_at(self._dear(price))
        return float(np.abs(between - there).max()) <= _FITS * float(np.abs(there - 1.0).max())

    def affordable(self, step: float) -> bool:
        """Whether transforms at so many prices may be kept."""
        bytes_each = 16 * len(self.group.cases) * (self._transforms.grid.points // 2 + 1)
        return bytes_each * _RANGE / step <= _ROOM

    def node(self, k: int) -> Transform:
        """Transforms by case at a price of the lattice, as `beside` names them."""
        found = self._known.get(k)
        if found is None:
            if len(self._known) * self.step >= _WIDE:
                raise AssessmentError(
                    f"{', '.join(self.keys)}: the price of {self.token} ranges too widely"
                )
            found = self._known[k] = self._made(k)
        return found

    def _made(self, k: int) -> Transform:
        cases = self._at_node(k)
        transforms = self._fresh()
        self._capped[k] = np.array([self._means(*case, transforms) for case in cases])
        return self._summed_at(cases, transforms)

    def _summed_at(
        self,
        cases: Sequence[tuple[Component, dict[str, Compound]]],
        transforms: Transforms | None = None,
    ) -> Transform:
        known = transforms or self._fresh()
        return np.stack([_summed(*case, known) for case in cases])

    def _fresh(self) -> Transforms:
        """Transforms that keep nothing of a grid beyond one price."""
        grid = self._transforms.grid
        return Transforms(grid, like=self._anywhere) if self.token else self._transforms

    def _at_node(self, k: int) -> list[tuple[Component, dict[str, Compound]]]:
        """The group in each case, at a price of the lattice."""
        if k not in self._cases:
            self._cases[k] = self._dear(math.exp(k * self.step))
        return self._cases[k]

    def _dear(self, price: float) -> list[tuple[Component, dict[str, Compound]]]:
        lines = {key: dearer(self._lines[key], price) for key in self.keys}
        found = []
        for case in self.group.cases:
            component, given = self.group.at(case, lines)
            found.append((dear(component, price), given))
        return found

    def _means(self, component: Component, lines: Lines, transforms: Transforms) -> list[float]:
        """Mean on the grid of each capped holding."""
        if not self.token:
            return []
        # not by inner products with transforms: large losses that cannot be would drown the mean
        grid = transforms.grid
        alone = (replace(component, units=(unit,)) for unit in component.units if unit.capped)
        each = (transforms.tied(one, lines) for one in alone)
        return [float(grid.back(z) @ grid.places) for z in each]

    def beside(self, price: float) -> list[tuple[int, float, float]]:
        """Places on the lattice beside a price: what each adds to the value, and to the slope."""
        if not self.token:
            return [(0, 1.0, 0.0)]
        price = max(price, 1e-6)
        x = math.log(price) / self.step
        k = math.floor(x)
        value, slope = _lagrange(x - k)
        pairs = zip(_BESIDE, value, slope, strict=True)
        return [(k + i, v, s / (self.step * price)) for i, v, s in pairs]

    def at(self, price: float) -> tuple[Transform, Transform]:
        """Transforms by case at a price against today's, and their derivatives by it."""
        near = [(self.node(k), v, s) for k, v, s in self.beside(price)]
        value: Transform = sum(v * z for z, v, _ in near)  # type: ignore[assignment]
        slope: Transform = sum(s * z for z, _, s in near)  # type: ignore[assignment]
        return value, slope

    def weighed(self, k: int, by: Mapping[int, Transform]) -> dict[str, float]:
        """For each line the weighted sum of E[line; group = s] at a price of the lattice.

        Parameters
        ----------
        k : int
            As `beside` gives it.
        by : mapping of case to array, shape (frequencies,)
            As in `perilscope.engines.aggregate.allocation.weighed_sizes`.
        """
        if len(self.keys) == 1:  # the group is the line
            return {self.keys[0]: self._alone(k, by)}
        transforms, cases = self._fresh(), self._at_node(k)
        found = dict.fromkeys(self.keys, 0.0)
        for case, mine in by.items():
            component, lines = cases[case]
            loose = _loose(component)
            if loose:
                known = self.node(k)[case]
                sums = allocation.weighed_sizes(transforms, loose, lines, mine, known)
            else:
                sizes = transforms.component(component, lines, shares=True)[1]
                sums = {key: weighed(mine, size) for key, size in sizes.items()}
            for key, x in sums.items():
                found[key] += x
        return found

    def _alone(self, k: int, by: Mapping[int, Transform]) -> float:
        grid, node = self._transforms.grid, self.node(k)
        sizes = (grid.forward(grid.back(node[case]) * grid.places) for case in by)
        pairs = zip(by.values(), sizes, strict=True)
        return math.fsum(weighed(mine, size) for mine, size in pairs)

    def off(self, price: float) -> Array:
        """By how much the mean on the grid is off the price times today's, by case, in money.

        A cap seldom lies on a point of the grid, and at another price it lies elsewhere between
        two; without caps nothing is off.
        """
        found = np.zeros(len(self.group.cases))
        if self.token and any(unit.capped for unit in self.group.component.units):
            for k, value, _ in self.beside(price):
                found += value * self._off(k)
        return found

    def _off(self, k: int) -> Array:
        price, found = math.exp(k * self.step), np.zeros(len(self.group.cases))
        caps = [unit.cap for unit in self.group.component.units if unit.capped]
        for place, cap in enumerate(caps):
            if cap * max(price, 1.0) <= self._transforms.grid.range:  # else no cap is seen there
                for node in (k, 0):
                    self.node(node)
                found += self._capped[k][:, place] - price * self._capped[0][:, place]
        return found


def spaced(strands: list[Strand]) -> tuple[Strand, ...]:
    """Strands at prices as close as they want them, all at the same; as close as is affordable."""
    for step in _STEPS[1:]:
        if all(each.fits for each in strands):
            break
        if not all(each.affordable(step) for each in strands if each.token):
            break
        strands = [each.closer(step) if each.token else each for each in strands]
    return tuple(strands)


def _loose(component: Component) -> tuple[Component, ...]:
    """Units as components of their own, where nothing ties them; else none."""
    if component.driven or component.shared:
        return ()
    return tuple(replace(component, units=(unit,)) for unit in component.units)


def _summed(component: Component, lines: Lines, transforms: Transforms) -> Transform:
    loose = _loose(component)
    return transforms.sum(loose, lines) if loose else transforms.tied(component, lines)


def _lagrange(t: float) -> tuple[list[float], list[float]]:
    """Weights of the points beside for the value at t, and for the slope.

    Examples
    --------
    >>> value, slope = _lagrange(0.25)
    >>> places = (-2, -1, 0, 1, 2, 3)
    >>> round(sum(w * x**3 for w, x in zip(value, places)), 12) == 0.25**3
    True
    >>> round(sum(w * x**3 for w, x in zip(slope, places)), 12) == 3 * 0.25**2
    True
    """
    powers = t**_POWERS
    falling = np.concatenate([[0.0], _POWERS[1:] * powers[:-1]])
    value, slope = (_FROM_POWERS @ np.stack([powers, falling], axis=1)).T.tolist()
    return value, slope
