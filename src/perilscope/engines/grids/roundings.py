# SPDX-License-Identifier: Apache-2.0
"""Losses per event on a grid, each way a bound: down, up, larger and smaller in convex order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, spread
from perilscope.engines.grids.limited import limited
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.jumps import atoms

Array = npt.NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Placed:
    """Masses on the grid, and the mean of the law they are cut from."""

    mass: Array
    mean: float


class Cells:
    """Ways to put losses per event on one grid. What is beyond its end is left out."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.places: Array = np.arange(grid.points + 1, dtype=np.float64) * grid.step
        self._known: dict[Distribution, Array] = {}

    def _below(self, law: Distribution) -> Array:
        """P(X <= x) at all points, which rounding down and up share."""
        if law not in self._known:
            self._known[law] = _cdf(law, self.places)
        return self._known[law]

    def down(self, law: Distribution) -> Placed:
        """Each loss at the point below it, or on it."""
        points = atoms(law)
        if points is not None:
            return self._atoms(points, math.floor)
        below = self._below(law)
        mass = np.diff(below)
        mass[0] = below[1]
        # beyond the grid the sum of h P(X > kh) is at least the integral of P(X > x)
        mean = self.grid.step * float((1.0 - below[1:-1]).sum())
        return Placed(mass, mean + _excess(law, self.grid.range))

    def up(self, law: Distribution) -> Placed:
        """Each loss at the point above it, or on it; the mean is that up to the grid's end."""
        points = atoms(law)
        if points is not None:
            return self._atoms(points, math.ceil)
        below = self._below(law)
        mean = self.grid.step * float((1.0 - below).sum())
        return Placed(np.diff(below[:-1], prepend=0.0), mean)

    def split(self, law: Distribution) -> Placed:
        """Each loss split between its two neighbours, mean kept: larger in convex order."""
        return Placed(spread(limited([law], self.grid)[0], self.grid.step), law.mean)

    def tangents(self, law: Distribution) -> Placed:
        """A law smaller in increasing convex order, whose mean is less by the order of h².

        Where u(d) = E X - E(X'' - d)+ would not come out concave, as beside an atom, its least
        concave majorant is taken; where that would reach beyond the grid, losses are rounded down.
        """
        if atoms(law) is not None:
            return self.down(law)
        middles = self.places + 0.5 * self.grid.step
        under = beneath(_lev(law, middles), 1.0 - _cdf(law, middles), law.mean, self.grid.step)
        return self.down(law) if under is None else under

    def _atoms(
        self, points: Sequence[tuple[float, float]], rounded: Callable[[float], int]
    ) -> Placed:
        """Atoms within 1e-9 of a step from a point count as on it, as the register has it."""
        mass, mean = np.zeros(self.grid.points), 0.0
        for value, probability in points:
            at = value / self.grid.step
            k = round(at) if abs(at - round(at)) <= 1e-9 * max(1.0, at) else rounded(at)
            mean += probability * k * self.grid.step
            if k < self.grid.points:
                mass[k] += probability
        return Placed(mass, mean)


def beneath(level: Array, above: Array, mean: float, step: float) -> Placed | None:
    """A law on the grid that is smaller in increasing convex order; None where none is found.

    Parameters
    ----------
    level, above : array of points + 1
        E min(X, x) and P(X > x) at the middles of the cells.
    mean, step : float
    """
    left, right = level - 0.5 * step * above, level + 0.5 * step * above
    u = np.concatenate([left[:1], np.maximum(right[:-1], left[1:]), [0.0]])
    u[-1] = u[-2] + step * above[-1]
    over = np.flatnonzero(u > mean)  # a premium is not negative: nothing from there on
    if over.size:
        u[max(int(over[0]) - 1, 0) :] = mean
    # a slope above one would be negative mass at the first point
    u[0] = max(float(u[0]), float((u - step * np.arange(u.size)).max()))
    under = _concave(u)
    if under is None:
        return None
    return Placed(spread(under[:-1] - under[0], step), mean - float(under[0]))


def _cdf(law: Distribution, x: Array) -> Array:
    """P(X <= x), evaluated inside the support only."""
    low, high = law.support
    first, last = np.searchsorted(x, low, side="left"), np.searchsorted(x, high, side="left")
    below = np.zeros_like(x)
    below[last:] = 1.0
    if first < last:
        below[first:last] = law.cdf(x[first:last])
    return below


def _lev(law: Distribution, x: Array) -> Array:
    """E min(X, x), evaluated inside the support only."""
    low, high = law.support
    first, last = np.searchsorted(x, low, side="right"), np.searchsorted(x, high, side="left")
    level = x.copy()
    if first < last:
        level[first:last] = law.lev(x[first:last])
    if last < x.size:
        level[last:] = law.mean
    return level


def _excess(law: Distribution, end: float) -> float:
    return max(law.mean - float(law.lev(end)), 0.0) if law.support[1] > end else 0.0


def _concave(u: Array) -> Array | None:
    """Least concave majorant of values at 0, 1, ...; None where the last but one is not on it.

    A value under the chord of its neighbours is under the majorant, so all such are dropped at
    once, and again, until none is left.
    """
    slack = 64.0 * _EPS * float(np.abs(u).max())
    turns = np.flatnonzero(np.diff(u, 2) > slack)
    if turns.size == 0:
        return u
    # all is near the last of them as a rule, so that the rest need not be looked at every time
    reach = min(2 * int(turns[-1]) + 64, u.size)
    if reach < u.size:
        head = _concave(u[:reach])
        if head is not None and head[-1] - head[-2] >= u[reach] - u[reach - 1] - slack:
            return np.concatenate([head, u[reach:]])
    kept = np.arange(u.size)
    for _ in range(200):
        slopes = np.diff(u[kept]) / np.diff(kept)
        under = slopes[1:] > slopes[:-1] + slack
        if not under.any():
            on = kept.size > 1 and int(kept[-2]) == u.size - 2
            return np.interp(np.arange(u.size), kept, u[kept]) if on else None
        kept = kept[np.concatenate([[True], ~under, [True]])]
    return None
