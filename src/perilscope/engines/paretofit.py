# SPDX-License-Identifier: Apache-2.0
"""Peaks over a threshold: the generalised Pareto law of what exceeds it, by maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from perilscope.errors import AssessmentError

Array = NDArray[np.float64]
LEAST = 10
"""Fewer exceedances than this tell nothing of a tail."""
LEAST_SHAPE = -0.5
"""Below, the likelihood has no bound and its theory no ground (Smith, Biometrika 72 (1985))."""
_GRID = 200


@dataclass(frozen=True, eq=False)
class Peaks:
    """A Pareto tail beyond a threshold.

    Parameters
    ----------
    threshold, shape, scale : float
    excesses : array, shape (k,)
        What exceeded the threshold, less the threshold.
    count : int
        How many there were in all, beyond the threshold or not.

    Notes
    -----
    VaR and CVaR: McNeil and Frey, J. Empirical Finance 7 (2000), equations 10 and 17.
    """

    threshold: float
    shape: float
    scale: float
    excesses: Array
    count: int

    @property
    def share(self) -> float:
        """Probability to exceed the threshold."""
        return self.excesses.size / self.count

    @cached_property
    def log_likelihood(self) -> float:
        """Of the excesses."""
        return -_cost(self.shape, self.scale, self.excesses)

    def var(self, level: float) -> float:
        """Exceeded with probability 1 - level; the level lies beyond the threshold's."""
        ratio = math.log((1.0 - level) / self.share)
        if self.shape == 0.0:
            return self.threshold - self.scale * ratio
        return self.threshold + self.scale * math.expm1(-self.shape * ratio) / self.shape

    def cvar(self, level: float) -> float:
        """Mean beyond VaR; infinite from shape 1 on."""
        if self.shape >= 1.0:
            return math.inf
        var = self.var(level)
        return var + (self.scale + self.shape * (var - self.threshold)) / (1.0 - self.shape)

    @cached_property
    def scores(self) -> Array:
        """Derivative of the log-density of each excess by shape and scale, shape (k, 2)."""
        k, s, y = self.shape, self.scale, self.excesses / self.scale
        if abs(k) < 1e-5:
            by_shape = 0.5 * y * y - y
        else:
            grown = 1.0 + k * y
            by_shape = np.log(grown) / k**2 - (1.0 + 1.0 / k) * y / grown
        by_scale = (-1.0 + (1.0 + k) * y / (1.0 + k * y)) / s
        return np.column_stack([by_shape, by_scale])

    @cached_property
    def information(self) -> Array:
        """Minus the second derivatives of the log-likelihood, shape (2, 2)."""
        steps = np.diag([1e-4, 1e-4 * self.scale])
        rows = []
        for i in range(2):
            up, down = (
                _sum_of_scores(
                    self.shape + sign * steps[i, 0], self.scale + sign * steps[i, 1], self
                )
                for sign in (1.0, -1.0)
            )
            rows.append((down - up) / (2.0 * steps[i, i]))
        found = np.array(rows)
        return np.asarray(0.5 * (found + found.T))

    @property
    def errors(self) -> tuple[float, float]:
        """Standard errors of shape and scale, from the observed information."""
        spread = np.sqrt(np.maximum(np.diag(np.linalg.pinv(self.information)), 0.0))
        return float(spread[0]), float(spread[1])


def _sum_of_scores(shape: float, scale: float, peaks: Peaks) -> Array:
    moved = Peaks(peaks.threshold, shape, scale, peaks.excesses, peaks.count)
    return np.asarray(moved.scores.sum(axis=0))


def _cost(shape: float, scale: float, excesses: Array) -> float:
    """Minus the log-likelihood."""
    size = excesses.size
    if abs(shape) < 1e-8:
        return size * math.log(scale) + float(excesses.sum()) / scale
    grown = 1.0 + shape / scale * excesses
    if not float(grown.min()) > 0.0:
        return math.inf
    return size * math.log(scale) + (1.0 + 1.0 / shape) * float(np.log(grown).sum())


def fit_peaks(excesses: Array, threshold: float, count: int) -> Peaks:
    """The Pareto tail of most likelihood.

    Parameters
    ----------
    excesses : array, shape (k,)
        Positive.
    threshold : float
    count : int
        How many values there were, the k among them.

    Raises
    ------
    AssessmentError
        Fewer than `LEAST` values exceed the threshold, or all by the same.

    Notes
    -----
    With t = shape / scale the best shape is the mean of log(1 + t y), so that one variable is left
    (Grimshaw, Technometrics 35 (1993)); it is searched on a grid and then closely. The shape is
    kept above -1/2.

    Examples
    --------
    >>> y = np.expm1(0.25 * -np.log1p(-(np.arange(400) + 0.5) / 400)) / 0.25
    >>> tail = fit_peaks(y, 0.0, 400)
    >>> round(tail.shape, 1), round(tail.scale, 1)
    (0.2, 1.0)
    """
    y = np.asarray(excesses, dtype=np.float64)
    if y.size < LEAST:
        raise AssessmentError(
            f"{y.size} values exceed the threshold; at least {LEAST} are needed for a Pareto tail, "
            "so give more history or take a lower threshold"
        )
    mean, most = float(y.mean()), float(y.max())
    if not mean > 0.0 or float(y.std()) <= 1e-9 * mean:
        raise AssessmentError("all that exceeds the threshold is alike, so there is no tail to fit")

    def shape_at(t: float) -> float:
        return float(np.log1p(t * y).mean())

    def cost(t: float) -> float:
        if abs(t * mean) < 1e-7:
            return _cost(0.0, mean, y)
        shape = shape_at(t)
        if shape < LEAST_SHAPE:
            return math.inf
        return y.size * (math.log(shape / t) + 1.0 + shape)

    low = -(1.0 - 1e-9) / most
    steps = np.concatenate(
        [low * (1.0 - np.geomspace(1e-8, 1.0, _GRID)), np.geomspace(1e-6, 1e3, _GRID) / mean]
    )
    steps.sort()
    seen = np.array([cost(float(t)) for t in steps])
    at = int(np.argmin(seen))
    ends = float(steps[max(at - 1, 0)]), float(steps[min(at + 1, steps.size - 1)])
    found = optimize.minimize_scalar(cost, bounds=ends, method="bounded", options={"xatol": 1e-14})
    t = float(found.x) if float(found.fun) <= seen[at] else float(steps[at])
    shape = 0.0 if abs(t * mean) < 1e-7 else shape_at(t)
    scale = mean if shape == 0.0 else shape / t
    edge = float(
        optimize.minimize_scalar(
            lambda s: _cost(LEAST_SHAPE, s, y),
            bounds=(-LEAST_SHAPE * most, 10.0 * mean + most),
            method="bounded",
        ).x
    )
    if _cost(LEAST_SHAPE, edge, y) < _cost(shape, scale, y) - 1e-9:
        shape, scale = LEAST_SHAPE, edge
    return Peaks(threshold, shape, scale, y, count)
