# SPDX-License-Identifier: Apache-2.0
"""The portfolio under the moves of the past: what is exposed, its worth, what it would lose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.portfolio import returns
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers import revaluation
from perilscope.layers.drivers import Drivers
from perilscope.layers.revaluation import Marks, Paths
from perilscope.layers.scenarios import extremes
from perilscope.layers.shocks import DAYS_A_YEAR, Shocks
from perilscope.once import cached_property

Floats = NDArray[np.float64]


@dataclass
class Portfolio:
    """What is held, what happened to its prices, what may happen, and what was noticed."""

    assets: tuple[str, ...]
    values: Floats
    history: History
    drivers: Drivers
    shocks: Shocks
    levels: tuple[float, ...]
    drift: float
    seed: int
    odd: tuple[Position, ...] = ()
    marks: Marks = field(default_factory=lambda: Marks({}))
    findings: list[str] = field(default_factory=list)

    @cached_property
    def exposed(self) -> dict[str, float]:
        """Money exposed to each asset, instruments by their delta."""
        found = dict(zip(self.assets, self.values.tolist(), strict=True))
        for lot in self.odd:
            for asset, money in revaluation.exposures(lot, self.marks).items():
                if asset in found:
                    found[asset] += money
        return found

    @cached_property
    def worth(self) -> float:
        """What everything is worth today."""
        odd = (revaluation.worth(lot, self.marks) for lot in self.odd)
        return math.fsum([*self.values.tolist(), *odd])

    def parts(self, moves: Floats, factors: Floats, days: int, times: float = 1.0) -> Floats:
        """Loss in each asset in each scenario, shape (n, k), every instrument revalued in full.

        With ``times`` under moves of the past so many times as large.
        """
        end = _stretched(1.0 + moves, times) * factors
        found = np.asarray(-self.values * (end - 1.0))
        if self.odd:
            low, high = (_stretched(each, times) for each in self._ways(days))
            low, high = low * np.minimum(factors, 1.0), high * np.maximum(factors, 1.0)
            paths = Paths(self.assets, end, low, high, days)
            for lot in self.odd:
                column = self.assets.index(lot.asset)
                found[:, column] += revaluation.losses(lot, self.marks, paths)
        return found

    def _ways(self, days: int) -> tuple[Floats, Floats]:
        """Extremes on the way to every move; ones for what has no history."""
        known = [a for a in self.assets if a in self.history.assets]
        at = [self.assets.index(a) for a in known]
        columns = [self.history.assets.index(a) for a in known]
        low, high = (np.ones((len(self.history.days) - days, len(self.assets))) for _ in range(2))
        low[:, at], high[:, at] = extremes(self.history, columns, days)
        return low, high

    def moves(self, days: int) -> Floats:
        """Simple returns over ``days`` days of every holding; 0 for one without a history."""
        known = [a for a in self.assets if a in self.history.assets]
        columns = [self.history.assets.index(a) for a in known]
        observed = returns.overlapping(self.history.closes[:, columns], days)
        found = np.zeros((len(observed), len(self.assets)))
        found[:, [self.assets.index(a) for a in known]] = observed
        return found

    def growth(self, days: int) -> float:
        """Declared expected gain over ``days`` days as a share, compounding the rate per year."""
        return math.expm1(math.log1p(self.drift) * days / DAYS_A_YEAR)

    def note(self, text: str) -> None:
        """Keep a finding, once."""
        if text not in self.findings:
            self.findings.append(text)

    def losses(self, moves: Floats, days: int, times: float = 1.0) -> Floats:
        """Loss of the whole under every past move, money; shape (n,)."""
        if self.odd or times != 1.0:
            even = np.ones(len(self.assets))
            return np.asarray(self.parts(moves, even, days, times).sum(axis=1))
        return returns.pnl(moves, self.values)


def _stretched(prices: Floats, times: float) -> Floats:
    """Prices relative to today's after moves so many times as large; none falls below nothing."""
    return prices if times == 1.0 else np.maximum(1.0 + times * (prices - 1.0), 0.0)
