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

    def _read(self, first: int, last: int) -> list[float]:
        found: list[float] = self._means[first:last].tolist()
        return found

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
        return self._is_even(k) and self._is_even(k + 1)

    def find(self, near: int, level: float) -> float:
        """Where a level is reached, given the first point that has added up to it."""
        k = near if level >= self._end(near) else near - 1
        return k + self._cell(k).find(level)

    def _is_even(self, k: int) -> bool:
        """Whether the masses of a point and of its two neighbours are about alike."""
        if not 2 <= k < self._means.size - 2:
            return False
        a, b, c, d = self._read(k - 2, k + 2)
        low, high = min(b - a, c - b, d - c), max(b - a, c - b, d - c)
        return low > _NOISE and high <= _EVEN * low

    def _end(self, k: int) -> float:
        """The distribution function at a point."""
        b, c = self._read(k - 1, k + 1)
        if not self._is_even(k):
            return 0.5 * (b + c)
        a, d = float(self._means[k - 2]), float(self._means[k + 1])
        return (7.0 * (b + c) - (a + d)) / 12.0

    def _cell(self, k: int) -> _Cell:
        mean = float(self._means[k])
        first = self._end(k) if k > 0 else mean
        return _Cell(first, self._end(k + 1), mean, self.smooth(k))


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
