# SPDX-License-Identifier: Apache-2.0
"""Laws on a grid of money: from a loss per event to a transform and back.

A law of a loss is put on the points 0, h, 2h, ... so that means are kept, multiplied by
exp(-tilt k / n) and transformed; products and functions of transforms are then laws of sums. The
tilt damps what wraps around from beyond the end of the grid by exp(-tilt).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.fft

Array = npt.NDArray[np.float64]
Transform = npt.NDArray[np.complex128]

TILT = 11.0


@dataclass(frozen=True)
class Grid:
    """Points k · step for k = 0 .. points - 1.

    Parameters
    ----------
    step : float
        Distance between points, in money.
    points : int
        Number of points, a power of two.
    tilt : float
        Exponential damping over the whole range.
    lattice : bool
        True where every loss is a multiple of the step, so that laws on the grid are exact.

    Examples
    --------
    >>> grid = Grid(0.5, 4)
    >>> grid.places.tolist(), grid.meets([1.0, 1.5]), grid.meets([0.75])
    ([0.0, 0.5, 1.0, 1.5], True, False)
    >>> grid.back(grid.forward(np.array([0.25, 0.5, 0.25, 0.0]))).round(12).tolist()
    [0.25, 0.5, 0.25, 0.0]
    """

    step: float
    points: int
    tilt: float = TILT
    lattice: bool = False

    @property
    def range(self) -> float:
        """The first point beyond the grid."""
        return self.step * self.points

    @property
    def places(self) -> Array:
        """All points, in money."""
        places: Array = np.arange(self.points, dtype=np.float64) * self.step
        return places

    def meets(self, values: Iterable[float]) -> bool:
        """Whether values are points of the grid, to 1e-9 of a step or relative."""
        places = [value / self.step for value in values]
        return all(abs(at - round(at)) <= 1e-9 * max(at, 1.0) for at in places)

    def coarse(self) -> Grid:
        """The same range with half the points."""
        return replace(self, step=self.step * 2, points=self.points // 2)

    def forward(self, mass: Array) -> Transform:
        """Transform of a law on the grid."""
        z: Transform = scipy.fft.rfft(mass * self.damping())
        return z

    def back(self, transform: Transform) -> Array:
        """Law on the grid with the given transform.

        Rounding below zero is left in: cut off, it would add up to a bias over many points.
        """
        values: Array = scipy.fft.irfft(transform, self.points)
        values /= self.damping()
        return values

    def weighing(self, weights: Array) -> Transform:
        """What tells a weighted sum over a law from its transform, see `weighed`.

        Parameters
        ----------
        weights : array, shape (points,) or (rows, points)
            What the probability of each point counts for.

        Examples
        --------
        >>> grid = Grid(1.0, 4)
        >>> z = grid.forward(np.array([0.5, 0.25, 0.25, 0.0]))
        >>> by = grid.weighing(np.array([1.0, 2.0, 4.0, 8.0]))
        >>> round(weighed(by, z), 12), grid.weights(by).round(9).tolist()
        (2.0, [1.0, 2.0, 4.0, 8.0])
        """
        by: Transform = scipy.fft.rfft(weights / self.damping())
        by *= 2.0 / self.points
        by[..., 0] *= 0.5
        by[..., -1] *= 0.5
        return by

    def weights(self, by: Transform) -> Array:
        """The weights of the points that `weighing` makes the given transform of, one or many."""
        whole = by * (0.5 * self.points)
        whole[..., 0] *= 2.0
        whole[..., -1] *= 2.0
        found: Array = scipy.fft.irfft(whole, self.points)
        found *= self.damping()
        return found

    def halved(self, mass: Array) -> Array:
        """The same law on `coarse`, each odd point split between its neighbours; of one or many.

        Examples
        --------
        >>> Grid(1.0, 4).halved(np.array([0.5, 0.25, 0.0, 0.25])).tolist()
        [0.625, 0.25]
        """
        half: Array = mass[..., 0::2] + 0.5 * mass[..., 1::2]
        half[..., 1:] += 0.5 * mass[..., 1:-1:2]
        return half

    def thinned(self, transform: Transform) -> Transform:
        """Transform on `coarse` of the law that `halved` makes, from the law's transform here.

        What moves beyond the end of the grid comes round, damped as anything that does.

        Examples
        --------
        >>> grid, mass = Grid(1.0, 8), np.array([0.5, 0.2, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0])
        >>> found = grid.thinned(grid.forward(mass))
        >>> bool(np.abs(found - grid.coarse().forward(grid.halved(mass))).max() < 1e-15)
        True
        """
        beside = _beside(self.points, self.tilt)
        here, there = transform[: beside.size], np.conj(transform[-1 : -beside.size - 1 : -1])
        found: Transform = here - there
        found *= beside
        found += here
        found += there
        found *= 0.5
        return found

    def damping(self) -> Array:
        """What a law is multiplied by before it is transformed."""
        return _damping(self.points, self.tilt)


def weighed(by: Transform, transform: Transform) -> float:
    """Weighted sum over a law, by `Grid.weighing` of the weights and the law's transform.

    The sum over a law is one over its transform (Parseval), so none has to be brought back. Of a
    product of transforms all factors but one may be moved to the weights, see `against`.

    Examples
    --------
    The mean of a law that is 1 or 3, each with a half:

    >>> grid = Grid(1.0, 8)
    >>> mass = place([(1.0, 0.5), (3.0, 0.5)], grid)
    >>> round(weighed(grid.weighing(grid.places), grid.forward(mass)), 12)
    2.0
    """
    return float(by.view(np.float64) @ transform.view(np.float64))


def against(by: Transform, factor: Transform) -> Transform:
    """Weights of which the sum over one law is that over its sum with another.

    Examples
    --------
    The mean of a sum, of which one part was moved to the weights:

    >>> grid = Grid(1.0, 8)
    >>> one, two = (grid.forward(place([(x, 1.0)], grid)) for x in (1.0, 3.0))
    >>> round(weighed(against(grid.weighing(grid.places), two), one), 12)
    4.0
    """
    found: Transform = np.conj(factor) * by
    return found


@functools.lru_cache(maxsize=32)
def _beside(points: int, tilt: float) -> Transform:
    """Transform of what half of a point's mass does beside it, on half the frequencies."""
    turn = (tilt + 2j * np.pi * np.arange(points // 4 + 1)) / points
    return np.asarray(np.cosh(turn), dtype=np.complex128)


@functools.lru_cache(maxsize=32)
def _damping(points: int, tilt: float) -> Array:
    return np.exp(-tilt * np.arange(points) / points)


def spread(level: Array, step: float, number: float = 1.0) -> Array:
    """Law on n points with the limited means of another: mass splits to the two neighbours.

    Parameters
    ----------
    level : array of n + 1, or of shape (m, n + 1)
        E min(X, k h).
    step : float
        h.
    number : float
        Probability in all; of a sum of laws, each times a number of events, how many these are.

    Returns
    -------
    array of n, or of shape (m, n)
        Probabilities; they add to less than one where X reaches beyond the grid.

    Notes
    -----
    Second differences of the limited mean (Gerber 1982, "On the numerical evaluation of the
    distribution of aggregate claims", local moment matching of order one). The grid's law is
    larger in convex order, so its CVaR is an upper bound. Rounding below zero is left in: the
    differences telescope, so it cancels in sums, which it would not if it were cut off.

    Examples
    --------
    >>> spread(np.minimum(np.arange(5.0), 1.5), 1.0).tolist()
    [0.0, 0.5, 0.5, 0.0]
    """
    mass = np.empty((*level.shape[:-1], level.shape[-1] - 1))
    rises = np.empty(mass.shape[-1])
    for up, out in ((level, mass),) if level.ndim == 1 else zip(level, mass, strict=True):
        # neighbours are close, so this is free of rounding, and so are sums
        np.subtract(up[1:], up[:-1], out=rises)
        rises /= step
        out[0] = number - rises[0]
        np.subtract(rises[:-1], rises[1:], out=out[1:])
    return mass


def share(mass: Array, second: float, grid: Grid) -> float:
    """How much of each mass of small losses is to be taken from each of its neighbours.

    Where losses are wide against a step a spread adds a variance of h² / 6 and four times that on
    every other point, which extrapolation takes off. Where most are below a step it adds h E X,
    and only twice that: so a little of each mass but that at zero is taken from both neighbours,
    and what is added is a quarter of what it is on `Grid.coarse`.

    Parameters
    ----------
    mass : array of n
        A spread.
    second : float
        E min(X, n h)² of the law it was spread from.

    Examples
    --------
    Of losses of 0.1 a spread adds 0.09 to the variance, and 0.19 on every other point. So much of
    each mass times the step, added to the limited mean at its point, lets a spread add a quarter:

    >>> grid, level = Grid(1.0, 8), np.minimum(np.arange(9.0), 0.1)
    >>> mass = spread(level, 1.0)
    >>> level[1:-1] += share(mass, 0.01, grid) * mass[1:]
    >>> round(float((spread(level, 1.0) * grid.places**2).sum()) - 0.01, 12), 0.19 / 4
    (0.0475, 0.0475)
    """
    beyond = max(1.0 - float(mass.sum()), 0.0)
    added = float(mass @ _squares(grid.points)) + beyond * grid.points**2
    added -= second / grid.step**2
    some = float(mass[1:].sum())
    found = (3.0 * added - float(mass[1::2].sum())) / (8.0 * some) if some > 0.0 else 0.0
    return min(max(found, 0.0), 0.25)


@functools.lru_cache(maxsize=8)
def _squares(points: int) -> Array:
    squares: Array = np.arange(points, dtype=np.float64) ** 2
    return squares


def place(points: Iterable[tuple[float, float]], grid: Grid) -> Array:
    """Law of a few atoms on the grid, each split between its two neighbours, means kept.

    Atoms within 1e-9 (relative, or of a step) of a point count as on it, so that a lattice stays
    one. Atoms beyond the last point are left out.

    Examples
    --------
    >>> place([(1.0, 0.5), (2.25, 0.5)], Grid(1.0, 4)).tolist()
    [0.0, 0.5, 0.375, 0.125]
    """
    mass = np.zeros(grid.points + 1)
    for value, probability in points:
        at = value / grid.step
        nearest = round(at)
        if abs(at - nearest) <= 1e-9 * max(1.0, at):
            if nearest < grid.points:
                mass[nearest] += probability
        elif at < grid.points:
            below = math.floor(at)
            mass[below] += probability * (below + 1 - at)
            mass[below + 1] += probability * (at - below)
    return mass[:-1]


def clamp(mass: Array, cap: float, grid: Grid, whole: float = 1.0) -> Array:
    """Law of min(S, cap), given the law of S; what lies beyond the grid counts as the cap.

    A law may be one of several that only together make one; then it has not one but ``whole``.

    Examples
    --------
    >>> clamp(np.array([0.5, 0.0, 0.25, 0.2]), 2.5, Grid(1.0, 4)).round(3).tolist()
    [0.5, 0.0, 0.375, 0.125]
    """
    places = grid.places
    under = places <= cap
    kept = np.where(under, mass, 0.0)
    rest = whole - float(kept.sum())
    return kept + place([(cap, max(rest, 0.0) if whole == 1.0 else rest)], grid)
