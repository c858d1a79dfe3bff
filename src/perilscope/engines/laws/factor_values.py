# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""A factor by the few values at which what depends on it is computed.

What depends smoothly on a factor is known from some values of it: between these it is taken as a
polynomial of the factor. So the law of g(F) T, where T itself is known at these values, is a sum
over them of products: of T there, and of g(F) weighed by the polynomial that is one at this value
and zero at the others. A sum that grows in proportion to the factor, or that g takes the spread
from, leaves no stairs, and one that does neither is a mixture over the values.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perilscope.engines.laws.law import Distribution, Floats, Numbers
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ORDER = 10
"""Values that each place is interpolated from."""
MOST = 512
"""Values at most."""
_CELLS = 2**13
_RARE, _LEAST, _FAR = 1e-13, 1e-4, 1e-6
"""Chance beyond the cells of a factor, where the first of them begins, of the median, and chance
beyond which values lie no closer than their logarithms tell.
"""


class Demand(NamedTuple):
    """How close values have to lie.

    Parameters
    ----------
    by_log : float
        Values for each e-fold of the factor.
    by_root : float
        Values for each rise of the root of the factor by one: a number of events of mean n F is
        spread over half of what its root is measured in, wherever F is.
    """

    by_log: float
    by_root: float


@dataclass(frozen=True, eq=False)
class Cells:
    """A factor in narrow cells, each as two points that have its mean and spread.

    The edges of n cells, 2 n points in rising order, and their probabilities.
    """

    edges: Array
    points: Array
    chances: Array


@functools.lru_cache(maxsize=64)
def cells(factor: Distribution) -> Cells:
    """Cells evenly apart in the logarithm; what lies beyond them is in the first and the last."""
    low, middle, high = (float(factor.ppf(u)) for u in (_RARE, 0.5, 1.0 - _RARE))
    edges = np.geomspace(max(low, _LEAST * middle), high, _CELLS + 1)
    below, level = np.asarray(factor.cdf(edges)), np.asarray(factor.lev(edges))
    below[0], below[-1] = 0.0, 1.0
    chances = np.diff(below)
    size = np.diff(level - edges * (1.0 - factor.cdf(edges)))
    size[0] += level[0] - edges[0] * (1.0 - float(factor.cdf(edges[0])))
    size[-1] += factor.mean - float(level[-1] - edges[-1] * (1.0 - float(factor.cdf(edges[-1]))))
    middles = np.sqrt(edges[1:] * edges[:-1])
    some = chances > 1e-14
    middles[some] = size[some] / chances[some]
    first, last = float(middles[0]), float(middles[-1])
    middles = np.clip(middles, edges[:-1], edges[1:])
    if some[0]:
        middles[0] = min(first, middles[0])
    if some[-1]:
        middles[-1] = max(last, middles[-1])
    # the density is as good as straight inside a cell
    wide = np.diff(edges) ** 2 / 12.0 - (middles - 0.5 * (edges[1:] + edges[:-1])) ** 2
    wide[[0, -1]] = 0.0
    aside = np.sqrt(np.maximum(wide, 0.0))
    points = np.stack([middles - aside, middles + aside], axis=1).ravel()
    return Cells(edges, points, np.repeat(0.5 * chances, 2))


class Values:
    """Values of a factor, and what each of them stands for.

    Parameters
    ----------
    factor : Distribution
        Never negative, with a density and a mean.
    demand : Demand
        How close they lie.
    order : int
        Values that each place is interpolated from; 1 for the nearest, which keeps what is
        positive positive.

    Examples
    --------
    A mean over the factor is a weighted sum over its values:

    >>> from perilscope.engines.laws.distributions import Gamma
    >>> values = Values(Gamma(4.0, 0.25), Demand(4.0, 2.0))
    >>> error = float(values.chances @ np.exp(-values.at)) - 1.25**-4.0
    >>> len(values.at) < 40, abs(error) < 1e-8
    (True, True)
    """

    def __init__(self, factor: Distribution, demand: Demand, order: int = ORDER) -> None:
        self.cells = cells(factor)
        self._near, self._far = 0.05 * float(factor.ppf(0.5)), float(factor.ppf(1.0 - _FAR))
        edges, self._demand = self.cells.edges, demand
        ends = self._place(self.cells.points[[0, -1]])
        span = float(ends[1] - ends[0])
        count = min(max(math.ceil(span) + 1, ORDER), MOST)
        self._start, self._apart = float(ends[0]), max(span / (count - 1), 1e-12)
        self._order = min(order, count)
        # places are read off the cells, whose edges are close
        within = np.concatenate([self.cells.points[:1], edges, self.cells.points[-1:]])
        within = np.unique(within)
        wanted = self._start + self._apart * np.arange(count)
        self.at = np.interp(wanted, self._place(within), within)
        for _ in range(3):  # Newton
            self.at -= (self._place(self.at) - wanted) / self._slope(self.at)

    def _place(self, f: Array) -> Array:
        """A number of each place that rises by one from one value to the next."""
        at, far = f + self._near, 2.0 * math.sqrt(self._far)
        by_root = self._demand.by_root * far * np.log1p(np.sqrt(at) / far)
        return np.asarray(self._demand.by_log * np.log(at) + by_root)

    def _slope(self, f: Array) -> Array:
        at, far = f + self._near, 2.0 * math.sqrt(self._far)
        by_root = self._demand.by_root * 0.5 * far / (np.sqrt(at) * (far + np.sqrt(at)))
        return np.asarray(self._demand.by_log / at + by_root)

    def _basis(self, f: Array, order: int) -> tuple[Integers, Array]:
        """First value that each place is interpolated from, and the weights, (places, order)."""
        t = (self._place(f) - self._start) / self._apart
        if order == 1:
            nearest = np.clip(np.rint(t).astype(np.int64), 0, self.at.size - 1)
            return nearest, np.ones((t.size, 1))
        first = np.floor(t).astype(np.int64) - order // 2 + 1
        first = np.clip(first, 0, self.at.size - order)
        return first, lagrange(t - first, order)

    @cached_property
    def _of_cells(self) -> tuple[Integers, Array]:
        """First value that each point of a cell counts for, and how much of it each of the next."""
        first, basis = self._basis(self.cells.points, self._order)
        return first, self.cells.chances[:, None] * basis

    @cached_property
    def chances(self) -> Array:
        """What each value weighs in a mean."""
        first, shares = self._of_cells
        found = np.zeros(self.at.size)
        for j, share in enumerate(shares.T):
            found += np.bincount(first + j, share, found.size)
        return found

    @cached_property
    def size(self) -> Array:
        """What each value weighs at most, whatever the sign of what it stands for."""
        first, shares = self._of_cells
        found = np.zeros(self.at.size)
        for j, share in enumerate(shares.T):
            found += np.bincount(first + j, np.abs(share), found.size)
        return found

    @property
    def closest(self) -> float:
        """Least distance of the logarithms of values where it matters."""
        some = self.at[self.chances > _FAR]
        return float(np.diff(np.log(some)).min()) if some.size > 1 else self._apart

    @cached_property
    def alone(self) -> list[Weighed]:
        """`weighed` of the factor itself, which many sums are multiplied by."""
        return self.weighed()

    def weighed(self, scale: Array | None = None) -> list[Weighed]:
        """For each value the law of g(F), weighed by what this value stands for.

        Parameters
        ----------
        scale : array, optional
            g at the values, positive and rising; F itself when absent.
        """
        edges, points = self.cells.edges, self.cells.points
        if scale is not None:
            edges, points = (self._scaled(scale, f) for f in (edges, points))
        first, shares = self._of_cells
        ends = np.searchsorted(first, np.arange(self.at.size + 1))  # rising, as the points are
        found = []
        for j in range(self.at.size):
            low, high = int(ends[max(j - self._order + 1, 0)]), int(ends[j + 1])
            low, high = low - low % 2, high + high % 2  # whole cells
            aside = j - first[low:high]
            mine = shares[np.arange(low, high), np.clip(aside, 0, self._order - 1)]
            mine = np.where((aside >= 0) & (aside < self._order), mine, 0.0)
            found.append(Weighed.of(edges, points, mine, low // 2))
        return found

    def _scaled(self, scale: Array, f: Array) -> Array:
        first, basis = self._basis(f, min(ORDER, self.at.size))
        near = np.log(scale)[first[:, None] + np.arange(basis.shape[1])]
        return np.asarray(np.exp((near * basis).sum(axis=1)))


@dataclass(frozen=True, eq=False)
class Weighed(Distribution):
    """A law of a factor each value of which counts for something, perhaps for less than nothing.

    Parameters
    ----------
    knots : array of n
        The first is zero.
    over, limited, squared : arrays of n
        What lies above each knot, and the limited means and second moments there.
    top : float
        What lies above the last knot stands there.
    """

    knots: Array
    over: Array
    limited: Array
    squared: Array
    top: float

    @classmethod
    def of(cls, edges: Array, points: Array, shares: Array, low: int) -> Weighed:
        """From the shares of the points of cells in a row, the first of them the ``low``-th."""
        high = low + shares.size // 2
        last = high == edges.size - 1
        at = points[2 * low : 2 * high]
        of_cells = (shares, shares * at, shares * at**2)
        sums = (np.append(0.0, x.reshape(-1, 2).sum(axis=1)) for x in of_cells)
        whole, first, second = sums  # none lies before the first edge
        knots = np.concatenate([[0.0], edges[low : high + (0 if last else 1)]])
        count = knots.size
        over = np.append(np.cumsum(whole[::-1])[::-1], 0.0)[:count]
        below = np.append(0.0, np.cumsum(first))[:count]
        square = np.append(0.0, np.cumsum(second))[:count]
        top = float(points[-1]) if last else float(knots[-1])
        return cls(knots, over, below + knots * over, square + knots**2 * over, top)

    @property
    def whole(self) -> float:
        """What all values count for."""
        return float(self.over[0])

    @property
    def mean(self) -> float:
        return float(self.lev(np.array(self.top)))

    @property
    def second(self) -> float:
        return float(self.second_lev(np.array(self.top)))

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, self.top

    def lev(self, x: Numbers) -> Floats:
        return self._read(x, self.limited, self.over, 1)

    def second_lev(self, x: Numbers) -> Floats:
        return self._read(x, self.squared, 2.0 * self.knots * self.over, 2)

    def cdf(self, x: Numbers) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        over = np.interp(x, self.knots, self.over)
        return np.asarray(self.whole - np.where(x >= self.top, 0.0, over))

    def ppf(self, u: Numbers) -> Floats:
        return np.full_like(np.asarray(u, dtype=np.float64), self.top)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        raise NotImplementedError  # no law by itself

    def _read(self, x: Numbers, values: Array, slopes: Array, power: int) -> Floats:
        """By cubics between knots that have these values and slopes there."""
        x = np.asarray(x, dtype=np.float64)
        first, end = self.knots[1], self.knots[-1]
        found = np.where(x < first, self.whole * np.maximum(x, 0.0) ** power, values[-1])
        inside = (x >= first) & (x < end)
        at = x[inside]
        k = np.searchsorted(self.knots, at, side="right") - 1
        wide = self.knots[k + 1] - self.knots[k]
        t = (at - self.knots[k]) / wide
        rise = values[k + 1] - values[k]
        bend = wide * slopes[k] - rise, rise - wide * slopes[k + 1]
        found[inside] = values[k] + t * (rise + (1.0 - t) * ((1.0 - t) * bend[0] + t * bend[1]))
        if self.over[-1] != 0.0:
            found += self.over[-1] * (np.clip(x, end, self.top) ** power - end**power)
        return np.asarray(found)


def lagrange(t: Array, order: int) -> Array:
    """Weights of the nodes 0 .. order - 1 for values at places t, shape (places, order).

    Examples
    --------
    >>> lagrange(np.array([0.5]), 3).tolist()
    [[0.375, 0.75, -0.125]]
    """
    apart = t - np.arange(float(order))[:, None]
    found = np.ones_like(apart)
    for j in range(1, order):  # what is before a node, then what is behind it
        np.multiply(found[j - 1], apart[j - 1], out=found[j])
    behind = np.ones_like(t)
    for j in range(order - 2, -1, -1):
        behind *= apart[j + 1]
        found[j] *= behind
    signs = [
        (-1.0) ** (order - 1 - j) * math.factorial(j) * math.factorial(order - 1 - j)
        for j in range(order)
    ]
    found /= np.array(signs)[:, None]
    return np.asarray(found.T)
