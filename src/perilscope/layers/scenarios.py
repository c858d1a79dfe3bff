# SPDX-License-Identifier: Apache-2.0
"""Scenarios of prices: every past move, in every state of the networks that move prices.

A scenario says where each price ends after so many days and how far it went on the way, by the
daily lows and highs where the history has them, else by the closes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from perilscope.engines.portfolio import returns
from perilscope.errors import AssessmentError
from perilscope.evidence.history import History
from perilscope.layers.drivers import Drivers
from perilscope.layers.revaluation import Paths
from perilscope.layers.shocks import Shocks, mixture_intervals, scenario_sets

Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Scenarios:
    """Moves of prices and the probability of each.

    Parameters
    ----------
    paths : Paths
        Of n scenarios.
    weights : array, shape (n,)
    sets : tuple of float
        Probabilities of the states; each holds the same past windows, one after the other.
    """

    paths: Paths
    weights: Floats
    sets: tuple[float, ...]

    @property
    def losses(self) -> Floats:
        """Loss per unit of money held of each asset, shape (n, assets)."""
        return 1.0 - self.paths.end

    def stretched(self, times: float) -> Paths:
        """The same paths with moves so many times as large; no price falls below nothing."""
        p = self.paths
        end, low, high = (np.maximum(1.0 + times * (x - 1.0), 0.0) for x in (p.end, p.low, p.high))
        return Paths(p.assets, end, low, high, p.days)

    def reach(self, losses: Floats, level: float, seed: int = 1) -> tuple[Interval, Interval]:
        """90 % intervals of VaR and CVaR: windows are resampled in blocks, the same in all states.

        They speak of the price history alone, not of the probabilities in the networks.
        """
        n = len(losses) // len(self.sets)
        parts = [(p, losses[k * n : (k + 1) * n]) for k, p in enumerate(self.sets)]
        days = max(int(self.paths.days), 1)
        block = max(2 * days, round(math.cbrt(n)))
        return mixture_intervals(parts, (level,), block, seed, f"desk {days}")[0]


def scenarios(
    history: History,
    assets: Sequence[str],
    values: Mapping[str, float],
    drivers: Drivers,
    shocks: Shocks,
    days: int,
) -> Scenarios:
    """Every past window of so many days in every state of the networks.

    Parameters
    ----------
    history : History
        Without gaps.
    assets : sequence of str
        What is held; one without a history moves only by the shocks of the networks.
    values : mapping of asset to money
        Which of several states costs most is judged by them.
    drivers, shocks
        As for `shocks.scenario_sets`.
    days : int

    Raises
    ------
    AssessmentError
        Nothing that is held has a history, or it is too short.
    """
    known = [asset for asset in assets if asset in history.assets]
    if not known:
        raise AssessmentError("there are no prices of anything that is held")
    if len(history.days) <= days:
        raise AssessmentError(
            f"{len(history.days)} days of prices do not hold one window of {days} days"
        )
    ends, lows, highs = (np.ones((len(history.days) - days, len(assets))) for _ in range(3))
    at = [list(assets).index(asset) for asset in known]
    columns = [history.assets.index(asset) for asset in known]
    closes = history.closes[:, columns]
    ends[:, at] = 1.0 + returns.overlapping(closes, days)
    lows[:, at], highs[:, at] = extremes(history, columns, days)
    sets = scenario_sets(drivers, shocks, values, days)
    end, low, high = [], [], []
    for each in sets:
        end.append(ends * each.factors)
        low.append(lows * np.minimum(each.factors, 1.0))
        high.append(highs * np.maximum(each.factors, 1.0))
    chances = tuple(each.probability for each in sets)
    weights = np.concatenate([np.full(len(ends), p / len(ends)) for p in chances])
    paths = Paths(
        tuple(assets), np.concatenate(end), np.concatenate(low), np.concatenate(high), days
    )
    return Scenarios(paths, weights, chances)


def extremes(history: History, columns: Sequence[int], days: int) -> tuple[Floats, Floats]:
    """Lowest and highest price on the way, over the close it starts from.

    Examples
    --------
    By closes, where the history has no lows and highs of the days:

    >>> from datetime import date
    >>> days = tuple(date(2026, 1, day) for day in (1, 2, 3, 4))
    >>> history = History(("BTC",), days, np.array([[100.0], [120.0], [90.0], [60.0]]))
    >>> [each.round(3).ravel().tolist() for each in extremes(history, [0], 2)]
    [[0.9, 0.5], [1.2, 0.75]]
    """
    closes = history.closes[:, columns]
    found = []
    for key, fold in (("low", np.fmin), ("high", np.fmax)):
        daily = history.others.get(key)
        far = closes if daily is None else fold(closes, daily[:, columns])
        windows = sliding_window_view(far[1:], days, axis=0)
        found.append(fold.reduce(windows, axis=-1) / closes[:-days])
    return found[0], found[1]
