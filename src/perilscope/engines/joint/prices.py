# SPDX-License-Identifier: Apache-2.0
"""Losses counted in a token, at any price of it: lines, holdings, and their transforms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perilscope.engines import allocation
from perilscope.engines.compound import Compound
from perilscope.engines.distributions import Constant, Scaled
from perilscope.engines.grid import Transform, weighed
from perilscope.engines.joint.many import Many
from perilscope.engines.joint.parts import Part
from perilscope.engines.transforms import Transforms
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_STEP = 0.1
"""Distance between the prices at which losses are transformed, in log price."""
_BESIDE = (-2, -1, 0, 1, 2, 3)
_WIDE = 400
"""Most such prices that one token may need."""


class Priced:
    """Transforms of one part's losses at any price, by those at a lattice of prices.

    Parameters
    ----------
    part : Part
        Whose lines and holdings are counted in one token.
    lines : mapping of Compound
        At today's price.
    transforms : Transforms
        On the grid.

    Notes
    -----
    Interpolation of fifth order in log price through six lattice points, and its slope.
    """

    def __init__(self, part: Part, lines: Mapping[str, Compound], transforms: Transforms) -> None:
        self.part, self._lines, self._transforms = part, lines, transforms
        self._known: dict[int, Transform] = {}
        self._capped: dict[int, list[Array]] = {}

    def node(self, k: int) -> Transform:
        """Transforms by pattern at a price of the lattice, as `beside` names them."""
        found = self._known.get(k)
        if found is None:
            if len(self._known) >= _WIDE:
                raise AssessmentError(
                    f"{', '.join(self.part.keys)}: the price of {self.part.token} ranges too widely"
                )
            found = self._known[k] = self._made(k)
        return found

    def _made(self, k: int) -> Transform:
        part, lines, transforms = self._at_node(k)
        self._capped[k] = [self._mean(unit, part, lines, transforms) for unit in self._units]
        if part.loose:
            return transforms.sum(part.loose, lines)[None, :]
        return np.asarray(part.transforms(transforms, lines))

    @cached_property
    def _units(self) -> tuple[int, ...]:
        """Places of the holdings that are capped in the token."""
        known = () if self.part.component is None else self.part.component.units
        counted = self.part.counted
        return tuple(i for i, u in enumerate(known) if u.capped and counted.issuperset(u.keys))

    @staticmethod
    def _mean(
        unit: int, part: Part, lines: Mapping[str, Compound], transforms: Transforms
    ) -> Array:
        """Mean on the grid of one holding, by pattern."""
        assert part.component is not None
        alone = replace(part.component, units=(part.component.units[unit],))
        found = replace(part, component=alone).transforms(transforms, lines)
        grid = transforms.grid
        return np.array([float(grid.back(z) @ grid.places) for z in np.asarray(found)])

    def _at_node(self, k: int) -> tuple[Part, dict[str, Compound], Transforms]:
        """The part at a price of the lattice, with transforms that keep nothing beyond it."""
        price = math.exp(k * _STEP)
        lines = at_lines(self.part, self._lines, price)
        return at_price(self.part, price), lines, Transforms(self._transforms.grid)

    @staticmethod
    def beside(price: float) -> list[tuple[int, float, float]]:
        """Places on the lattice beside a price: what each adds to the value, and to the slope."""
        price = max(price, 1e-6)
        x = math.log(price) / _STEP
        k = math.floor(x)
        value, slope = _lagrange(x - k)
        pairs = zip(_BESIDE, value, slope, strict=True)
        return [(k + i, v, s / (_STEP * price)) for i, v, s in pairs]

    def at(self, price: float) -> tuple[Transform, Transform]:
        """Transforms by pattern at a price against today's, and their derivatives by it."""
        near = [(self.node(k), v, s) for k, v, s in self.beside(price)]
        value: Transform = sum(v * z for z, v, _ in near)  # type: ignore[assignment]
        slope: Transform = sum(s * z for z, _, s in near)  # type: ignore[assignment]
        return value, slope

    def weighed(self, k: int, by: Mapping[int, Transform]) -> dict[str, float]:
        """For each line the weighted sum of E[line; part = s] at a price of the lattice.

        Parameters
        ----------
        k : int
            As `beside` gives it.
        by : mapping of pattern to array, shape (frequencies,)
            As in `perilscope.engines.allocation.weighed_sizes`.
        """
        part, lines, transforms = self._at_node(k)
        if part.loose:
            return allocation.weighed_sizes(transforms, part.loose, lines, by[0])
        found = dict.fromkeys(part.keys, 0.0)
        sizes = part.shares(transforms, lines)
        assert not isinstance(sizes, Many)  # of few patterns, see `cells.coupled`
        for pattern, mine in by.items():
            for key, size in sizes[pattern].items():
                found[key] += weighed(mine, size)
        return found

    def off(self, price: float) -> Array:
        """By how much the mean on the grid is off the price times today's, by pattern, in money.

        A cap seldom lies on a point of the grid, and at another price it lies elsewhere between
        two; without caps nothing is off.
        """
        found = np.zeros(len(self.part.patterns))
        for k, value, _ in self.beside(price):
            found += value * self._off(k)
        return found

    def _off(self, k: int) -> Array:
        price, found = math.exp(k * _STEP), np.zeros(len(self.part.patterns))
        for place, unit in enumerate(self._units):
            assert self.part.component is not None
            cap = self.part.component.units[unit].cap
            if cap * max(price, 1.0) <= self._transforms.grid.range:  # else no cap is seen there
                for node in (k, 0):
                    self.node(node)
                found += self._capped[k][place] - price * self._capped[0][place]
        return found


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
    value, slope = [], []
    for i in _BESIDE:
        rest = [j for j in _BESIDE if j != i]
        below = math.prod(i - j for j in rest)
        value.append(math.prod(t - j for j in rest) / below)
        terms = (math.prod(t - j for j in rest if j != left) for left in rest)
        slope.append(math.fsum(terms) / below)
    return value, slope


def dearer(line: Compound, price: float) -> Compound:
    """A line all of whose losses cost ``price`` times as much."""
    if price == 1.0:
        return line
    scale = line.scale
    if isinstance(scale, Constant):
        return replace(line, scale=Constant(scale.value * price))
    return replace(line, scale=Scaled(scale, price))


def at_lines(part: Part, lines: Mapping[str, Compound], price: float) -> dict[str, Compound]:
    """The lines of a part when a token costs ``price`` times what it does today."""
    return {
        key: dearer(lines[key], price) if key in part.counted else lines[key] for key in part.keys
    }


def at_price(part: Part, price: float) -> Part:
    """The part when a token costs ``price`` times what it does today: holdings grow alike."""
    if part.component is None:
        return part
    units = tuple(
        replace(unit, cap=unit.cap * price) if part.counted.issuperset(unit.keys) else unit
        for unit in part.component.units
    )
    return replace(part, component=replace(part.component, units=units))
