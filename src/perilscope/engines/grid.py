# SPDX-License-Identifier: Apache-2.0
"""Laws on a grid of money: from a loss per event to a transform and back.

A law of a loss is put on the points 0, h, 2h, ... so that means are kept, multiplied by
exp(-tilt k / n) and transformed; products and functions of transforms are then laws of sums. The
tilt damps what wraps around from beyond the end of the grid by exp(-tilt).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import scipy.fft

from perilscope.engines.distributions import (
    Capped,
    Constant,
    Discrete,
    Distribution,
    Mixture,
    Scaled,
    Sometimes,
)

Array = npt.NDArray[np.float64]
Transform = npt.NDArray[np.complex128]

TILT = 10.0
_MOST_ATOMS = 4096


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

    def coarse(self) -> Grid:
        """The same range with half the points."""
        return replace(self, step=self.step * 2, points=self.points // 2)

    def forward(self, mass: Array) -> Transform:
        """Transform of a law on the grid."""
        z: Transform = scipy.fft.rfft(mass * self._damping())
        return z

    def back(self, transform: Transform) -> Array:
        """Law on the grid with the given transform.

        Rounding below zero is left in: cut off, it would add up to a bias over many points.
        """
        values: Array = scipy.fft.irfft(transform, self.points) / self._damping()
        return values

    def _damping(self) -> Array:
        return _damping(self.points, self.tilt)


_DAMPING: dict[tuple[int, float], Array] = {}


def _damping(points: int, tilt: float) -> Array:
    key = (points, tilt)
    if key not in _DAMPING:
        if len(_DAMPING) > 32:
            _DAMPING.clear()
        _DAMPING[key] = np.exp(-tilt * np.arange(points) / points)
    return _DAMPING[key]


def atoms(law: Distribution) -> tuple[tuple[float, float], ...] | None:
    """Points and probabilities of a law that has nothing but points.

    Returns
    -------
    tuple of (value, probability), or None
        In rising order; None for a law with a density (or with more than 4,096 points).

    Examples
    --------
    >>> atoms(Scaled(Constant(500.0), 0.5))
    ((250.0, 1.0),)
    """
    found = _atoms(law)
    if found is None or len(found) > _MOST_ATOMS:
        return None
    total: dict[float, float] = {}
    for value, probability in found:
        total[value] = total.get(value, 0.0) + probability
    return tuple(sorted((v, p) for v, p in total.items() if p > 0.0))


def _atoms(law: Distribution) -> list[tuple[float, float]] | None:
    if isinstance(law, Constant):
        return [(float(law.value), 1.0)]
    if isinstance(law, Discrete):
        return list(zip(map(float, law.values), map(float, law.probabilities), strict=True))
    if isinstance(law, Mixture):
        parts = [_atoms(part) for part in law.parts]
        if any(part is None for part in parts):
            return None
        pairs = zip(law.weights, parts, strict=True)
        return [(v, w * p) for w, part in pairs for v, p in part or ()]
    if isinstance(law, Scaled | Capped | Sometimes):
        inner = _atoms(law.of)
        if inner is None:
            return None
        if isinstance(law, Scaled):
            return [(float(f"{v * law.factor:.14g}"), p) for v, p in inner]
        if isinstance(law, Capped):
            return [(min(v, law.cap), p) for v, p in inner]
        return [(0.0, 1.0 - law.p), *((v, law.p * p) for v, p in inner)]
    return None


def unit(values: Iterable[float]) -> float | None:
    """Greatest amount that all values are whole multiples of, to twelve digits.

    Returns
    -------
    float or None
        None where there is no positive value.

    Examples
    --------
    >>> unit([1_000_000.0, 750_000.0])
    250000.0
    """
    greatest = Fraction(0)
    for value in values:
        if value > 0.0 and math.isfinite(value):
            exact = Fraction(f"{value:.12g}")
            top = math.gcd(
                greatest.numerator * exact.denominator, exact.numerator * greatest.denominator
            )
            greatest = Fraction(top, greatest.denominator * exact.denominator)
    return float(greatest) if greatest else None


def limited(law: Distribution, grid: Grid) -> Array:
    """E min(X, k h) for k = 0 .. n, from which a mean-keeping law on the grid follows.

    Only points inside the law's support are evaluated: below it the minimum is the point itself,
    above it the mean.
    """
    points: Array = np.arange(grid.points + 1, dtype=np.float64) * grid.step
    low, high = law.support
    level: Array = points.copy()
    first = int(np.searchsorted(points, low, side="right"))
    last = int(np.searchsorted(points, high, side="left"))
    if first < last:
        level[first:last] = law.lev(points[first:last])
    if last <= grid.points:
        level[last:] = law.mean
    return level


def spread(level: Array, step: float) -> Array:
    """Law on n points with the limited means of another: mass splits to the two neighbours.

    Parameters
    ----------
    level : array of n + 1
        E min(X, k h).
    step : float
        h.

    Returns
    -------
    array of n
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
    mass = np.empty(level.size - 1)
    mass[0] = 1.0 - level[1] / step
    mass[1:] = (2.0 * level[1:-1] - level[:-2] - level[2:]) / step
    return mass


def place(points: Iterable[tuple[float, float]], grid: Grid) -> Array:
    """Law of a few atoms on the grid, each split between its two neighbours, means kept.

    Atoms within 1e-9 (relative, or of a step) of a point count as on it, so that a lattice stays
    one. Atoms beyond the last point are left out.
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


def clamp(mass: Array, cap: float, grid: Grid) -> Array:
    """Law of min(S, cap), given the law of S; what lies beyond the grid counts as the cap.

    Examples
    --------
    >>> clamp(np.array([0.5, 0.0, 0.25, 0.2]), 2.5, Grid(1.0, 4)).round(3).tolist()
    [0.5, 0.0, 0.375, 0.125]
    """
    places = grid.places
    under = places <= cap
    kept = np.where(under, mass, 0.0)
    rest = max(1.0 - float(kept.sum()), 0.0)
    return kept + place([(cap, rest)], grid)
