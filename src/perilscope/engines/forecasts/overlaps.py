# SPDX-License-Identifier: Apache-2.0
"""How far VaR and CVaR of overlapping windows lie from the truth where few windows stand apart.

Three years of days hold a thousand windows of 90 days and twelve that do not overlap. What the
windows of one history share (its mean, its one bad spell) no variance of theirs can tell, and
order statistics are then far too sure: of independent Student days, 1,100 of them, they held 62 of
100 times at 90 days and 22 at 366. So whole histories are drawn from the days, in blocks, and
their figures held against those of windows drawn from the same days without an end.

Errors are of the logarithm of what is left, ``-log(1 - loss)``, in which days add up.

Sources: Politis and Romano, *A circular block-resampling procedure for stationary data* (1992);
Hall, *The Bootstrap and Edgeworth Expansion* (1992), section 1.3 (the basic interval).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.streams import stream

Array = NDArray[np.float64]
Pair = tuple[float, float]

APART = 50.0
"""With at least so many windows apart the models' own intervals hold: 92 % at 10 of 1,100 days."""
BLOCK = 10
"""Days that are drawn together; of longer blocks a history holds too few to draw from."""
HISTORIES, PATHS = 400, 8192


def widened(sample: Sample, level: float, figures: Pair, ends: tuple[Pair, Pair],
            weights: Array | None = None) -> tuple[Pair, Pair]:  # fmt: skip
    """90 % intervals, reaching at least as far as drawn histories do.

    Parameters
    ----------
    sample : Sample
    level : float
    figures : (float, float)
        VaR and CVaR, as shares of the value; left as they are where all or more is lost.
    ends : pair of (float, float)
        Intervals as the model has them.
    weights : array, shape (windows,), optional
        Probabilities of the windows.
    """
    days = np.log1p(np.maximum(sample.daily, -1.0 + 1e-12))
    found = []
    scatter = errors(days, sample.horizon, level, sample.seed, weights)
    for figure, (low, high), each in zip(figures, ends, scatter, strict=True):
        if figure >= 1.0 or not np.all(np.isfinite(each)):
            found.append((low, high))
            continue
        left = -math.log1p(-figure)
        below, above = np.quantile(each / math.sqrt(sample.share), [0.05, 0.95]).tolist()
        found.append((min(low, -math.expm1(above - left)), max(high, -math.expm1(below - left))))
    return found[0], found[1]


def errors(
    days: Array, horizon: int, level: float, seed: int, weights: Array | None = None
) -> tuple[Array, Array]:
    """What VaR and CVaR of drawn histories are off by, shape (HISTORIES,) each.

    Parameters
    ----------
    days : array, shape (n,)
        Log returns of what is held.
    horizon : int
    level : float
    seed : int
    weights : array, shape (n - horizon + 1,), optional
        Probabilities of the windows.

    Examples
    --------
    >>> days = 0.03 * np.random.default_rng(1).standard_normal(1000)
    >>> var, _ = errors(days, 100, 0.975, 1)        # 0.59 is what 100 days may lose
    >>> bool(0.1 < var.std() < 0.3)
    True
    """
    rng = stream(seed, "market", "overlapping windows")
    size = days.size
    start = rng.integers(0, size, (HISTORIES, -(-size // BLOCK)))
    rows = ((start[:, :, None] + np.arange(BLOCK)) % size).reshape(HISTORIES, -1)[:, :size]
    paths = np.concatenate([np.zeros((HISTORIES, 1)), np.cumsum(days[rows], axis=1)], axis=1)
    drawn = _measures(paths[:, horizon:] - paths[:, :-horizon], level, weights)
    total = np.concatenate([[0.0], np.cumsum(np.concatenate([days, days[:BLOCK]]))])
    whole, rest = divmod(horizon, BLOCK)
    first = rng.integers(0, size, (PATHS, whole + 1))
    moves = (total[first[:, :whole] + BLOCK] - total[first[:, :whole]]).sum(axis=1)
    moves += total[first[:, whole] + rest] - total[first[:, whole]]
    true = _measures(moves[None], level, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        var, cvar = (
            np.log1p(-float(right[0])) - np.log1p(-each)
            for each, right in zip(drawn, true, strict=True)
        )
    return var, cvar


def _measures(moves: Array, level: float, weights: Array | None) -> tuple[Array, Array]:
    """VaR and CVaR of each row of log moves, shape (rows,) each."""
    losses = -np.expm1(moves)
    if weights is None:
        place = max(math.ceil(losses.shape[1] * level - 1e-9), 1) - 1
        losses.partition(place, axis=1)
        var = losses[:, place]
        beyond = (losses[:, place:] - var[:, None]).sum(axis=1) / losses.shape[1]
        return var, var + beyond / (1.0 - level)
    order = np.argsort(losses, axis=1)
    mass = (weights / weights.sum())[order]
    at = np.minimum((np.cumsum(mass, axis=1) < level - 1e-12).sum(axis=1), losses.shape[1] - 1)
    var = losses[np.arange(len(losses)), np.take_along_axis(order, at[:, None], 1)[:, 0]]
    beyond = (np.take_along_axis(np.maximum(losses - var[:, None], 0.0), order, 1) * mass).sum(1)
    return var, var + beyond / (1.0 - level)
