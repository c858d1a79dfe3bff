# SPDX-License-Identifier: Apache-2.0
"""What a market model is fitted to: daily returns of assets, what is held today, and a horizon."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.portfolio.revalued import Revalued
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

Array = NDArray[np.float64]

LEAST = 20
"""Fewer windows than this tell nothing about a tail."""
CLUSTER = 8
"""Days up to an eighth of the history apart count as possibly alike."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a model is fitted to: daily returns of assets and today's weights.

    Parameters
    ----------
    returns : array, shape (T, k)
        Simple daily returns, the oldest first, without holes.
    weights : array, shape (k,)
        Shares of the value, negative for what is owed. What they leave of 1 does not move.
    horizon : int
        Days.
    seed : int
        Names the random streams.
    share : float
        Effective size of the sample as a share of its days: less than 1 where a part of it was
        filled in from factors. Intervals grow with it.
    presample : str
        What stands for the squares before the first day in GARCH models: ``backcast``, or
        ``sample``, their mean over all days (Bollerslev and Ghysels).
    revalued : Revalued, optional
        How what is held is revalued where it is more than units of the assets; ``weights`` then are
        what it gains for a small move of each price.

    Raises
    ------
    MisuseError
        The shapes do not fit, the weights are all zero, the horizon is not positive.
    AssessmentError
        A return is missing or below -1, or there are fewer than `LEAST` windows.

    Examples
    --------
    >>> moves = np.tile([[0.01, -0.02], [-0.01, 0.02]], (20, 1))
    >>> sample = Sample(moves, np.array([0.5, 0.5]))
    >>> len(sample.losses), round(float(sample.losses[0]), 6)
    (40, 0.005)
    """

    returns: Array
    weights: Array
    horizon: int = 1
    seed: int = 1
    share: float = 1.0
    presample: str = "backcast"
    revalued: Revalued | None = None

    def __post_init__(self) -> None:
        table = np.ascontiguousarray(self.returns, dtype=np.float64)
        weights = np.asarray(self.weights, dtype=np.float64)
        object.__setattr__(self, "returns", table)
        object.__setattr__(self, "weights", weights)
        if table.ndim != 2 or weights.shape != (table.shape[1],) or not weights.size:
            raise MisuseError(f"{weights.shape} weights do not fit returns of shape {table.shape}")
        if not np.all(np.isfinite(weights)):
            raise MisuseError("a weight is not a finite number")
        if self.revalued is None and not np.any(weights != 0.0):
            raise MisuseError("every weight is zero: nothing is held, so nothing can be lost")
        if self.horizon < 1:
            raise MisuseError(f"a horizon has at least one day, not {self.horizon}")
        if not np.all(table > -1.0):  # NaN too
            raise AssessmentError("a return is missing, or a price fell to zero or below")
        if not np.all(np.isfinite(table)):
            raise AssessmentError("a return is not a finite number")
        if self.windows < LEAST:
            raise AssessmentError(
                f"{len(table)} daily returns hold {max(self.windows, 0)} windows of "
                f"{self.horizon} days; at least {LEAST} are needed, so give more history"
            )

    @property
    def windows(self) -> int:
        """Overlapping windows of the horizon."""
        return len(self.returns) - self.horizon + 1

    @cached_property
    def moves(self) -> Array:
        """Simple returns of each asset over the horizon, shape (windows, k)."""
        if self.horizon == 1:
            return self.returns
        logs = np.log1p(self.returns)
        sums = np.cumsum(np.vstack([np.zeros(logs.shape[1]), logs]), axis=0)
        return np.asarray(np.expm1(sums[self.horizon :] - sums[: -self.horizon]))

    @cached_property
    def losses(self) -> Array:
        """Losses over the horizon as shares of the value, shape (windows,), in order of time."""
        if self.revalued is not None:
            return self.revalued.windows(self.returns, self.horizon)
        return np.asarray(-(self.moves @ self.weights))

    @cached_property
    def daily(self) -> Array:
        """Simple returns of the portfolio on each day, today's weights, shape (T,)."""
        if self.revalued is not None:
            return np.asarray(-self.revalued.daily)
        return np.asarray(self.returns @ self.weights)

    @cached_property
    def log_percent(self) -> Array:
        """100 x log returns of the portfolio on each day.

        Raises
        ------
        AssessmentError
            A day would have lost everything: what is owed is too much for a log return.
        """
        if not np.all(self.daily > -1.0):
            raise AssessmentError(
                "with these weights a day of the history would have lost everything, so there is "
                "no log return; use the historical method"
            )
        return np.asarray(100.0 * np.log1p(self.daily))

    @cached_property
    def held(self) -> NDArray[np.intp]:
        """Columns of the assets that what is held depends on: those that ever moved, if one did."""
        if self.revalued is not None:
            return np.arange(self.weights.size)
        some = self.weights != 0.0
        moving = some & np.any(self.returns != 0.0, axis=0)
        return np.flatnonzero(moving if moving.any() else some)

    def lost(self, moves: Array, days: int | None = None) -> Array:
        """Losses under simple moves of `held` over so many days (the horizon), shape (n,)."""
        if self.revalued is not None:
            return self.revalued.at(moves, days or self.horizon)
        return np.asarray(-(moves @ self.weights[self.held]))

    def slopes(self, moves: Array, days: int | None = None) -> Array:
        """Slope of the loss in the move of each of `held`, shape (n, k) or (1, k)."""
        if self.revalued is not None:
            return self.revalued.slopes(moves, days or self.horizon)
        return -self.weights[self.held][None, :]

    @property
    def effective(self) -> float:
        """Windows that tell something of their own: not overlapping, not filled in."""
        return self.share * self.windows / self.horizon

    @property
    def lags(self) -> int:
        """How many windows apart losses may still be alike: calm and wild times last for weeks."""
        return max(2 * (self.horizon - 1), self.windows // CLUSTER)

    def without(self, first: int, last: int) -> Sample:
        """The sample without the days from ``first`` up to ``last``."""
        kept = np.r_[:first, last : len(self.returns)]
        return self.cut(kept)

    def cut(self, rows: slice | NDArray[np.intp]) -> Sample:
        """The sample of some days."""
        held = None if self.revalued is None else self.revalued.cut(rows)
        return replace(self, returns=self.returns[rows], revalued=held)
