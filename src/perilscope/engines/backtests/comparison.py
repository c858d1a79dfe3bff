# SPDX-License-Identifier: Apache-2.0
"""Whether one forecaster's scores are better than another's: Diebold-Mariano, confidence set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from perilscope.engines.backtests.result import Array, Result, two_sided
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

REPS = 2_000
_CELLS = 4_000_000


def long_run_variance(values: Array, lags: int) -> float:
    """Variance of the mean times n, with Bartlett's weights; autocovariances divided by n.

    Source: Newey and West, Econometrica 55 (1987).

    Examples
    --------
    >>> long_run_variance(np.array([1.0, -1.0, 1.0, -1.0]), 0)
    1.0
    """
    centred = values - values.mean()
    size = values.size
    total = float((centred * centred).sum()) / size
    for lag in range(1, min(lags, size - 1) + 1):
        covariance = float((centred[lag:] * centred[:-lag]).sum()) / size
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * covariance
    return total


def diebold_mariano(first: Array, second: Array, lags: int | None = None) -> Result:
    """Diebold and Mariano's test of equal mean scores.

    Parameters
    ----------
    first, second : array, shape (n,)
        Scores of two forecasts of the same days.
    lags : int, optional
        Of the variance; the cube root of n unless given.

    Returns
    -------
    Result
        Mean difference over its error, standard normal; negative where the first is better. The
        p-value is two-sided.

    Raises
    ------
    AssessmentError
        With fewer than 10 days, or where the scores never differ.

    Source: Diebold and Mariano, J. Business & Economic Statistics 13 (1995), equation 3.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> diebold_mariano(rng.random(200), 0.2 + rng.random(200)).statistic < -3.0
    True
    """
    if first.shape != second.shape or first.ndim != 1:
        raise MisuseError("scores must be of the same days")
    gap = first - second
    if gap.size < 10:
        raise AssessmentError(f"{gap.size} days are too few to compare two forecasts: 10 at least")
    lags = round(gap.size ** (1.0 / 3.0)) if lags is None else lags
    variance = long_run_variance(gap, lags)
    if not variance > 1e-24 * float((gap * gap).mean()) or not np.any(gap):
        raise AssessmentError("the two forecasts score alike on every day")
    z = float(gap.mean()) / math.sqrt(variance / gap.size)
    return Result(z, two_sided(z), {"mean_difference": float(gap.mean()), "lags": lags})


def _block_means(scores: Array, block: int, reps: int, seed: int) -> Array:
    """Means of each column in resampled series of circular blocks; shape (reps, k)."""
    days, many = scores.shape
    rng = stream(seed, "backtests", f"blocks {days} {block}")
    pieces = -(-days // block)
    sums = np.concatenate(
        [np.zeros((1, many)), np.cumsum(np.concatenate([scores, scores]), axis=0)]
    )
    found = np.empty((reps, many))
    step = max(_CELLS // (pieces * many), 1)
    rest = days - (pieces - 1) * block
    for start in range(0, reps, step):
        stop = min(start + step, reps)
        at = rng.integers(0, days, (stop - start, pieces))
        whole = sums[at[:, :-1] + block] - sums[at[:, :-1]]
        last = sums[at[:, -1] + rest] - sums[at[:, -1]]
        found[start:stop] = (whole.sum(axis=1) + last) / days
    return found


def model_confidence_set(
    scores: Array,
    names: Sequence[str],
    size: float = 0.10,
    kind: Literal["range", "max"] = "range",
    block: int | None = None,
    reps: int = REPS,
    seed: int = 1,
) -> Result:
    """Hansen, Lunde and Nason's model confidence set.

    Parameters
    ----------
    scores : array, shape (n, k)
        Of k forecasters on the same days; lower is better.
    names : sequence of str
    size : float
        The best is left out with at most this probability.
    kind : str
        ``range``: the largest difference of two (T_R); ``max``: of one from the mean (T_max).
    block : int, optional
        Days of a bootstrap block; the cube root of n unless given.

    Returns
    -------
    Result
        Statistic and p-value of the first step (all are equally good); ``p_values`` of each name,
        ``members`` with a p-value above ``size``, ``order`` in which they left.

    Raises
    ------
    AssessmentError
        With fewer than two forecasters or 20 days.

    Source: Hansen, Lunde and Nason, Econometrica 79 (2011), sections 3.1.2 and 4.1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = rng.random((300, 3)) + np.array([0.0, 0.0, 0.4])
    >>> found = model_confidence_set(table, ("a", "b", "c"))
    >>> "c" in found.parameters["members"]
    False
    """
    days, many = scores.shape
    if many != len(names) or len(set(names)) != many:
        raise MisuseError("every forecaster has one name of its own")
    if many < 2 or days < 20:
        raise AssessmentError(f"{many} forecasters on {days} days: two on 20 at least")
    block = max(round(days ** (1.0 / 3.0)), 1) if block is None else min(block, days)
    mean = scores.mean(axis=0)
    moved = _block_means(scores, block, reps, seed) - mean
    left, p_so_far = list(range(many)), 0.0
    p_values: dict[str, float] = {}
    first: tuple[float, float] | None = None
    order: list[str] = []
    while len(left) > 1:
        statistic, drawn, worst = _step(mean[left], moved[:, left], kind)
        p = (1.0 + float(np.count_nonzero(drawn >= statistic))) / (1.0 + reps)
        first = first or (statistic, p)
        p_so_far = max(p_so_far, p)
        gone = left.pop(worst)
        p_values[names[gone]] = p_so_far
        order.append(names[gone])
    p_values[names[left[0]]] = 1.0
    statistic, p = first if first else (0.0, 1.0)
    return Result(
        statistic,
        p,
        {
            "members": tuple(name for name in names if p_values[name] > size),
            "p_values": {name: p_values[name] for name in names},
            "order": (*order, names[left[0]]),
            "size": size,
            "statistic_is": kind,
            "block": block,
            "bootstraps": reps,
        },
    )


def _step(mean: Array, moved: Array, kind: str) -> tuple[float, Array, int]:
    """Statistic, its bootstrap, and whom to leave out."""
    if kind == "max":
        gap, drawn = mean - mean.mean(), moved - moved.mean(axis=1)[:, None]
        error = np.sqrt((drawn**2).mean(axis=0))
        t, sample = _ratio(gap, error), _ratio(drawn, error)
        return float(t.max()), np.asarray(sample.max(axis=1)), int(t.argmax())
    gap, drawn = mean[:, None] - mean, moved[:, :, None] - moved[:, None, :]
    error = np.sqrt((drawn**2).mean(axis=0))
    t, sample = _ratio(gap, error), np.abs(_ratio(drawn, error))
    return float(np.abs(t).max()), np.asarray(sample.max(axis=(1, 2))), int(t.max(axis=1).argmax())


def _ratio(gap: Array, error: Array) -> Array:
    """Studentised; two that never differ are equal."""
    return np.asarray(np.divide(gap, error, out=np.zeros_like(gap), where=error > 1e-300))
