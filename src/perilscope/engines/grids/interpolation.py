# SPDX-License-Identifier: Apache-2.0
"""A distribution function between the points of a grid.

What a law that keeps limited means has added up to by point k is the mean of the distribution
function over the cell from k to k + 1. Where the law is smooth, ends of cells follow from those
means to fourth order, and a parabola with the right mean lies between them (Colella and Woodward
1984, "The piecewise parabolic method", eq. 1.5-1.10, without its limiters). Elsewhere straight
lines lead through the middles of the cells.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_EVEN = 2.0
"""Most that the masses of three neighbouring points differ where a law counts as smooth; then the
parabola never falls."""
_NOISE = 1e-14


class Between:
    """Reads a distribution function anywhere; places count in steps of the grid.

    Parameters
    ----------
    cumulative : array
        P(L <= point), rising.
    """

    def __init__(self, cumulative: Array) -> None:
        self._means = cumulative
        self._cells: dict[int, _Cell] = {}

    def at(self, place: float) -> float:
        """P(L <= place), for a place from the first point on."""
        k = math.floor(place)
        return self._cell(k).at(place - k) if k + 1 < self._means.size else float(self._means[-1])

    def all_at(self, places: Array) -> Array:
        """The same as `at` for many places that lie close together."""
        cells = np.floor(places).astype(np.int64)
        low, high = int(cells.min()), int(cells.max())
        if low < 2 or high + 3 >= self._means.size:
            return np.array([self.at(place) for place in places.tolist()])
        means = self._means[low - 2 : high + 4]
        masses = np.diff(means)
        three = masses[:-2], masses[1:-1], masses[2:]
        least, most = np.minimum.reduce(three), np.maximum.reduce(three)
        even = (least > _NOISE) & (most <= _EVEN * least)
        two = means[1:-2] + means[2:-1]
        ends = np.where(even, (7.0 * two - (means[:-3] + means[3:])) / 12.0, 0.5 * two)
        i, t = cells - low, places - cells
        first, last, mean = ends[i], ends[i + 1], means[i + 2]
        curved = first + t * (last - first + (6.0 * mean - 3.0 * (first + last)) * (1.0 - t))
        near, far = first + 2.0 * t * (mean - first), mean + (2.0 * t - 1.0) * (last - mean)
        return np.where(even[i] & even[i + 1], curved, np.where(t < 0.5, near, far))

    def below(self, place: float) -> float:
        """Integral of the distribution function over the cell of a place, up to it, in steps."""
        k = math.floor(place)
        return self._cell(k).integral(place - k)

    def smooth(self, place: float) -> bool:
        """Whether the law is smooth in the cell of a place."""
        k = math.floor(place)
        return k + 1 < self._means.size and self._cell(k).smooth

    def find(self, near: int, level: float) -> float:
        """Where a level is reached, given the first point that has added up to it."""
        k = near if level >= self._cell(near).first else near - 1
        return k + self._cell(k).find(level)

    def _cell(self, k: int) -> _Cell:
        """The k-th cell; it is read again and again."""
        found = self._cells.get(k)
        if found is None:
            found = self._cells[k] = self._made(k)
        return found

    def _made(self, k: int) -> _Cell:
        low, count = max(k - 2, 0), self._means.size
        near: list[float] = self._means[low : k + 3].tolist()
        mean, first = near[k - low], near[k - low]
        begins = 2 <= k < count - 2 and _even(near[:4])
        ends = 1 <= k < count - 3 and _even(near[k - low - 1 :])
        if k > 0:
            first = (
                _end(near[k - low - 2 : k - low + 2])
                if begins
                else 0.5 * (near[k - low - 1] + mean)
            )
        last = _end(near[k - low - 1 :]) if ends else 0.5 * (mean + near[k - low + 1])
        return _Cell(first, last, mean, begins and ends)


def _even(four: list[float]) -> bool:
    """Whether the masses between four sums in a row are about alike."""
    a, b, c, d = four
    low, high = min(b - a, c - b, d - c), max(b - a, c - b, d - c)
    return low > _NOISE and high <= _EVEN * low


def _end(four: list[float]) -> float:
    """The distribution function at the end of two cells in the middle of four smooth ones."""
    a, b, c, d = four
    return (7.0 * (b + c) - (a + d)) / 12.0


class _Cell:
    """A distribution function over one cell, from its ends and its mean (in the middle)."""

    def __init__(self, first: float, last: float, mean: float, smooth: bool) -> None:
        self.first, self.last, self.mean, self.smooth = first, last, mean, smooth
        self.rise, self.bend = last - first, 6.0 * mean - 3.0 * (first + last)

    def at(self, t: float) -> float:
        if self.smooth:
            return self.first + t * (self.rise + self.bend * (1.0 - t))
        if t < 0.5:
            return self.first + 2.0 * t * (self.mean - self.first)
        return self.mean + (2.0 * t - 1.0) * (self.last - self.mean)

    def integral(self, t: float) -> float:
        return t * (self.first + t * (0.5 * (self.rise + self.bend) - self.bend * t / 3.0))

    def find(self, level: float) -> float:
        if self.smooth:
            over, slope = level - self.first, self.rise + self.bend
            root = math.sqrt(max(slope * slope - 4.0 * self.bend * over, 0.0))
            return min(max(2.0 * over / (slope + root), 0.0), 1.0) if over > 0.0 else 0.0
        if level < self.mean:
            rise = self.mean - self.first
            return 0.5 * (level - self.first) / rise if rise > 0.0 else 0.5
        rise = self.last - self.mean
        return 0.5 + 0.5 * (level - self.mean) / rise if rise > 0.0 else 0.5
