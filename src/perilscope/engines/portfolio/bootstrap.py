# SPDX-License-Identifier: Apache-2.0
"""Intervals of historical VaR and CVaR by moving-block bootstrap."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from perilscope.engines.portfolio.parametric import checked
from perilscope.engines.portfolio.returns import SLACK, Array, Intervals
from perilscope.errors import MisuseError


def _stream(seed: int, name: str) -> np.random.Generator:
    """A stream of its own for each seed and name, so that nothing else moves it."""
    key = hashlib.sha256(f"{seed}\n{name}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))


def _resampled(losses: Array, block: int, reps: int, rng: np.random.Generator) -> Array:
    """``reps`` series as long as the original, glued together from blocks of it."""
    size = losses.size
    count = -(-size // block)
    starts = rng.integers(0, size - block + 1, size=(reps, count))
    windows = np.lib.stride_tricks.sliding_window_view(losses, block)
    return windows[starts].reshape(reps, count * block)[:, :size]


def intervals(
    losses: Array,
    levels: Sequence[float],
    seed: int,
    block: int = 10,
    reps: int = 400,
    name: str = "losses",
) -> tuple[Intervals, ...]:
    """90 % intervals of historical VaR and CVaR at several levels, by moving-block bootstrap.

    Blocks keep what neighbouring days have in common: clusters of volatility, and the overlap of
    windows of several days. All levels are read from the same resampled series.

    Parameters
    ----------
    losses : array, shape (n,)
        In the order of time.
    levels : sequence of float
    seed : int
    block : int
        Length of a block in days; at most a third of the series is taken.
    reps : int
        Number of resampled series.
    name : str
        Names the random stream together with the seed.

    Returns
    -------
    tuple, one ``((var_low, var_high), (cvar_low, cvar_high))`` for each level

    Raises
    ------
    MisuseError
        If a level, the block or the number of series is out of range.
    AssessmentError
        If there are no losses, or one is not a number.

    Source: Kuensch, Annals of Statistics 17 (1989); percentile intervals.
    """
    if block < 1 or reps < 20:
        raise MisuseError("a block needs at least one day, and at least 20 series must be drawn")
    values = checked(losses, *levels)
    size = values.size
    places = [max(math.ceil(size * level - SLACK), 1) - 1 for level in levels]
    drawn = _resampled(values, min(block, max(size // 3, 1)), reps, _stream(seed, name))
    lowest = min(places)
    drawn = np.partition(drawn, lowest, axis=1)[:, lowest:]
    drawn.sort(axis=1)  # only the tail
    found = []
    for level, place in zip(levels, places, strict=True):
        tail = drawn[:, place - lowest :]
        var = tail[:, 0]
        cvar = var + (tail - var[:, None]).sum(axis=1) / (size * (1.0 - level))
        found.append((_middle(var), _middle(cvar)))
    return tuple(found)


def _middle(estimates: Array) -> tuple[float, float]:
    """The middle 90 % of the estimates, counted off from both ends."""
    ordered = np.sort(estimates)
    cut = math.floor(0.05 * ordered.size)
    return float(ordered[cut]), float(ordered[ordered.size - 1 - cut])


def block_bootstrap(
    losses: Array,
    level: float,
    seed: int,
    block: int = 10,
    reps: int = 400,
    name: str = "losses",
) -> Intervals:
    """90 % intervals of historical VaR and CVaR at one level; see `intervals`.

    Examples
    --------
    >>> from perilscope.engines.portfolio.returns import historical
    >>> losses = np.sin(np.arange(500.0) ** 2)
    >>> (low, high), _ = block_bootstrap(losses, 0.95, seed=1)
    >>> low <= historical(losses, 0.95)[0] <= high
    True
    """
    return intervals(losses, (level,), seed, block, reps, name)[0]
