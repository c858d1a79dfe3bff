# SPDX-License-Identifier: Apache-2.0
"""How much is lost when a protocol is exploited, and what that means for one's own position.

The loss is a share of what is locked, in four bands; within a band every share is alike. How the
bands are filled depends on the cause, on whether the protocol can be stopped, and on how easily its
assets are sold. Who withdraws first loses nothing until what is left no longer covers it; who
withdraws last bears the loss before all others.

Bands by cause: judgement about published medians of loss over value locked (about 0.5 for contracts
and oracles, 0.6 for keys and governance), U-shaped as observed losses are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perilscope.layers.protocol_factors import CAUSES

Floats = NDArray[np.float64]
Exits = Literal["first", "pro rata", "last"]

EDGES = (0.0, 0.1, 0.5, 0.9, 1.0)
BANDS = ("up to 10 %", "10 to 50 %", "50 to 90 %", "over 90 %")
NONE = "none"
_USUAL: Mapping[str, tuple[float, ...]] = {
    "code": (0.25, 0.25, 0.20, 0.30),
    "oracle": (0.25, 0.25, 0.20, 0.30),
    "keys": (0.17, 0.25, 0.23, 0.35),
    "governance": (0.17, 0.25, 0.23, 0.35),
    "bridge": (0.12, 0.20, 0.23, 0.45),
}
_MORE: Mapping[str, tuple[float, ...]] = {"pausable": (0.27, -0.4), "liquidity": (0.3, -0.25)}
"""What each state of a factor adds to the log odds of a larger loss; none in the population."""


def bands() -> Floats:
    """Law of the band given cause, pausable and liquidity: P(band), axes in this order.

    The cause ``none`` stands first and has a state ``none`` of its own.

    Examples
    --------
    Whatever is known, some band is certain:

    >>> bool(np.allclose(bands().sum(axis=-1), 1.0))
    True
    """
    table = np.zeros((1 + len(CAUSES), 2, 2, 1 + len(BANDS)))
    table[0, :, :, 0] = 1.0
    for at, (cause, i, j) in enumerate(itertools.product(CAUSES, range(2), range(2))):
        shift = _MORE["pausable"][i] + _MORE["liquidity"][j]
        over = 1.0 - np.cumsum(_USUAL[cause])[:-1]
        over = 1.0 / (1.0 + (1.0 / over - 1.0) * math.exp(-shift))  # P(larger than the edge)
        table[1 + at // 4, i, j, 1:] = -np.diff(np.concatenate([[1.0], over, [0.0]]))
    return table


@dataclass(frozen=True)
class Severity:
    """Share of what is locked that is lost, given an exploit.

    Parameters
    ----------
    weights : sequence of float
        Probability of each band.
    """

    weights: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean share that is lost."""
        middles = [(a + b) / 2.0 for a, b in itertools.pairwise(EDGES)]
        return math.fsum(w * m for w, m in zip(self.weights, middles, strict=True))

    def exceed(self, share: float) -> float:
        """P(more than this share is lost)."""
        over = 0.0
        for weight, (low, high) in zip(self.weights, itertools.pairwise(EDGES), strict=True):
            over += weight * min(max((high - share) / (high - low), 0.0), 1.0)
        return over


@dataclass(frozen=True)
class Position:
    """What an exploit means for one's own deposit.

    Parameters
    ----------
    deposit : float
        Money.
    probability : float
        Of an exploit, over the year.
    severity : Severity
        Of what is locked by all.
    part : float
        The deposit over all that is locked, 0 to 1.
    exits : str
        Whether one withdraws first, with all others, or last.

    Examples
    --------
    >>> third = Position(1e6, 0.03, Severity((0.25, 0.25, 0.25, 0.25)), 0.1, "pro rata")
    >>> round(third.expected), round(third.share, 4)
    (15000, 0.5)
    >>> Position(1e6, 0.03, third.severity, 0.1, "first").share < third.share
    True
    """

    deposit: float
    probability: float
    severity: Severity
    part: float = 0.0
    exits: Exits = "pro rata"

    def _lost(self, share: Floats) -> Floats:
        """Share of the deposit that is lost when this share of all that is locked is."""
        if self.exits == "first" and self.part > 0.0:
            return np.clip((share - (1.0 - self.part)) / self.part, 0.0, 1.0)
        if self.exits == "last" and self.part > 0.0:
            return np.clip(share / self.part, 0.0, 1.0)
        return share

    def _knots(self) -> tuple[Floats, Floats]:
        """Shares of the deposit, and P(at most as much is lost | exploit), linear in between."""
        turns = {*EDGES, *((1.0 - self.part, self.part) if self.part > 0.0 else ())}
        shares = np.array(sorted(turns))
        below = 1.0 - np.array([self.severity.exceed(share) for share in shares.tolist()])
        return self._lost(shares), below

    @property
    def share(self) -> float:
        """Mean share of the deposit that is lost, given an exploit."""
        lost, below = self._knots()
        return float((np.diff(lost) * (1.0 - (below[1:] + below[:-1]) / 2.0)).sum())

    @property
    def expected(self) -> float:
        """Expected loss in a year, money."""
        return self.probability * self.share * self.deposit

    def var(self, level: float) -> float:
        """Least loss that is not exceeded with this probability over the year, money."""
        return self.deposit * self._quantile(level)

    def cvar(self, level: float) -> float:
        """Mean of the worst (1 - level) of years, money."""
        lost, below = self._knots()
        rest = 1.0 - level
        at = self._quantile(level)
        over = self.probability * (1.0 - below)
        inside = np.diff(np.maximum(lost, at))
        rises = float((inside * _means(lost, over, at)).sum())
        return self.deposit * (at + rises / rest)

    def _quantile(self, level: float) -> float:
        need = 1.0 - (1.0 - level) / self.probability if self.probability > 0.0 else 0.0
        if need <= 0.0:
            return 0.0
        lost, below = self._knots()
        first = int(np.searchsorted(below, need))
        if first == 0 or below[first] == below[first - 1]:
            return float(lost[first])
        along = (need - below[first - 1]) / (below[first] - below[first - 1])
        return float(lost[first - 1] + along * (lost[first] - lost[first - 1]))


def _means(lost: Floats, over: Floats, at: float) -> Floats:
    """Mean of P(loss > x) over each stretch between knots, cut off on the left at ``at``."""
    low = np.maximum(lost[:-1], at)
    width = np.diff(lost)
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(width > 0.0, (low - lost[:-1]) / width, 0.0)
    start = over[:-1] + np.clip(along, 0.0, 1.0) * np.diff(over)
    return (start + over[1:]) / 2.0


def severity(law: Sequence[float]) -> Severity:
    """The bands given an exploit, from the law of the network's node with ``none`` first."""
    some = math.fsum(law[1:])
    return Severity(tuple(p / some for p in law[1:]) if some > 0.0 else (0.25,) * 4)
