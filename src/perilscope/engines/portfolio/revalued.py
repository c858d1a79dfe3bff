# SPDX-License-Identifier: Apache-2.0
"""What is held and is more than units of its assets: its loss is asked for, not multiplied out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
After = Callable[[Array, Array, Array, int], Array]
"""Ends, lows and highs of prices over today's, shape (n, k) each, days -> losses, shape (n,)."""
_BUMP = 1e-4


@dataclass(frozen=True, eq=False)
class Revalued:
    """How what is held is revalued, and how far prices went on each day of the past.

    Parameters
    ----------
    after : callable
        See `After`; losses are shares of the value.
    low, high : arrays, shape (T, k)
        Of each day over the close before it; the closes themselves where no more is known.
    daily : array, shape (T,)
        Loss of today's holdings under the moves of each day.

    Examples
    --------
    >>> put = lambda end, low, high, days: np.minimum(end[:, 0], 1.0) - 1.0 + 0.02
    >>> moves = np.array([[0.1], [-0.1], [-0.1]])
    >>> held = Revalued.over(put, moves)
    >>> held.daily.round(9).tolist(), held.windows(moves, 2).round(9).tolist()
    ([0.02, -0.08, -0.08], [0.01, -0.17])
    """

    after: After
    low: Array
    high: Array
    daily: Array

    @classmethod
    def over(
        cls, after: After, moves: Array, low: Array | None = None, high: Array | None = None
    ) -> Revalued:
        """Of daily moves, with lows and highs of each day where they are known."""
        end = 1.0 + moves
        low, high = end if low is None else low, end if high is None else high
        return cls(after, low, high, after(end, low, high, 1))

    def cut(self, rows: slice | NDArray[np.intp]) -> Revalued:
        """The same of some days."""
        return Revalued(self.after, self.low[rows], self.high[rows], self.daily[rows])

    def windows(self, moves: Array, days: int) -> Array:
        """Losses over every window of so many days, shape (T - days + 1,)."""
        if days == 1:
            return self.daily
        level = np.cumprod(np.vstack([np.ones(moves.shape[1]), 1.0 + moves]), axis=0)
        start = level[:-days]
        low, high = (
            fold.reduce(sliding_window_view(level[:-1] * daily, days, axis=0), axis=-1) / start
            for fold, daily in ((np.minimum, self.low), (np.maximum, self.high))
        )
        return self.after(level[days:] / start, low, high, days)

    def at(self, moves: Array, days: int) -> Array:
        """Losses under simulated moves, of which nothing is known between; shape (n,)."""
        end = 1.0 + np.maximum(moves, -1.0)
        return self.after(end, end, end, days)

    def slopes(self, moves: Array, days: int) -> Array:
        """Slope of the loss in the move of each asset, shape (n, k)."""
        found = np.empty_like(moves)
        for k in range(moves.shape[1]):
            step = np.zeros(moves.shape[1])
            step[k] = _BUMP
            found[:, k] = (self.at(moves + step, days) - self.at(moves - step, days)) / (2 * _BUMP)
        return found
