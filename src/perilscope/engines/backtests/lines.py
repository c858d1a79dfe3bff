# SPDX-License-Identifier: Apache-2.0
"""Quantile regressions on one regressor, of very many series at once and exactly.

The best line goes through two of the points. A step holds one of the two and turns the line about
it to where the pinball loss is least, which is a weighted quantile of the slopes to all others;
then the point it met is held. When a turn about neither point gains, no line is better, because the
loss is convex. Each step is one sort of all series together.

Source: Wesolowsky, *Communications in Statistics* B10 (1981), for the median; Koenker,
*Quantile Regression* (2005), section 2.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.backtests.result import Array

Places = NDArray[np.intp]
_STEPS = 200
_EVEN = 1e-12


def quantile_lines(
    y: Array, z: Array, share: float, weights: Array, held: Places | None = None
) -> tuple[Array, Places]:
    """Lines ``a + b z`` that leave a share of each series below, by the weighted pinball loss.

    Parameters
    ----------
    y : array, shape (series, n)
    z : array, shape (n,)
        Not the same throughout.
    share : float
        Of y that shall lie below.
    weights : array, shape (series, n)
        Above zero.
    held : array of int, shape (series,), optional
        A point of each series that the line is near: of an earlier fit.

    Returns
    -------
    lines : array, shape (series, 2)
    held : array of int, shape (series,)
        A point that each line goes through.

    Examples
    --------
    >>> y, z = np.array([[0.0, 1.0, 5.0, 3.0]]), np.arange(4.0)
    >>> quantile_lines(y, z, 0.5, np.ones((1, 4)))[0].round(9).tolist()
    [[0.0, 1.0]]
    """
    series = len(y)
    at = _begin(y, share) if held is None else held.copy()
    lines = np.zeros((series, 2))
    before = np.full(series, np.nan)
    quiet = np.zeros(series, dtype=np.intp)
    left = np.arange(series)
    for _ in range(_STEPS):
        slope, met = _turn(y[left], z, share, weights[left], at[left])
        lines[left, 1] = slope
        lines[left, 0] = y[left, at[left]] - slope * z[at[left]]
        same = np.abs(slope - before[left]) <= _EVEN * (1.0 + np.abs(slope))
        quiet[left] = np.where(same, quiet[left] + 1, 0)
        before[left] = slope
        at[left] = met
        left = left[quiet[left] < 2]  # held by either point, it turned no more
        if not left.size:
            break
    return lines, at


def _begin(y: Array, share: float) -> Places:
    """The point of each series at the quantile of all."""
    place = min(int(share * y.shape[1]), y.shape[1] - 1)
    return np.asarray(np.argpartition(y, place, axis=1)[:, place])


def _turn(y: Array, z: Array, share: float, weights: Array, at: Places) -> tuple[Array, Places]:
    """The best slope of a line through a point of each series, and the point it meets."""
    rows = np.arange(len(y))
    across = z[None, :] - z[at][:, None]
    level = across == 0.0
    slopes = np.where(level, np.inf, (y - y[rows, at][:, None]) / np.where(level, 1.0, across))
    pull = weights * np.abs(across)
    # far to the left every point right of the pivot lies above the line, every other below
    start = (pull * np.where(across > 0.0, share, 1.0 - share)).sum(axis=1)
    order = np.argsort(slopes, axis=1)
    grown = np.cumsum(np.take_along_axis(pull, order, axis=1), axis=1)
    place = (grown < start[:, None] * (1.0 - _EVEN)).sum(axis=1)
    met = order[rows, np.minimum(place, y.shape[1] - 1)]
    return slopes[rows, met], met


def quantile_levels(y: Array, share: float, weights: Array) -> Array:
    """Weighted quantile of each series, shape (series,): the regression on a constant alone.

    Examples
    --------
    >>> quantile_levels(np.array([[3.0, 1.0, 2.0]]), 0.5, np.ones((1, 3))).tolist()
    [2.0]
    """
    order = np.argsort(y, axis=1)
    grown = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    place = (grown < share * grown[:, -1:] * (1.0 - _EVEN)).sum(axis=1)
    return np.asarray(y[np.arange(len(y)), order[np.arange(len(y)), place]])
