# SPDX-License-Identifier: Apache-2.0
"""A forecast against what happened since."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from perilscope.evidence.incidents import Incident
from perilscope.monitoring.forecast import Band, at

YEAR = 365.25


@dataclass(frozen=True)
class Outcome:
    """One scenario: what was forecast for the time that has passed, and what the log says."""

    id: str
    events: Band
    happened: int
    loss: Band
    lost: float

    @property
    def surprising(self) -> bool:
        """Outside one of the two forecast intervals."""
        events = self.events.low <= self.happened <= self.events.high
        return not (events and self.loss.low <= self.lost <= self.loss.high)


@dataclass(frozen=True)
class Exceptions:
    """Days on which the forecast portfolio lost more than its one-day VaR.

    ``probability`` is the chance of a count at least as far out, on its side, were the VaR right
    (binomial; the test behind Basel's traffic light).
    """

    days: int
    exceptions: int
    expected: float
    level: float
    var: float
    worst: float
    probability: float


def compare(
    forecasts: Sequence[Mapping[str, Any]], incidents: Sequence[Incident], since: date, until: date
) -> tuple[Outcome, ...]:
    """Hold each written forecast against the losses logged after ``since`` up to ``until``."""
    years = (until - since).days / YEAR
    outcomes = []
    for written in forecasts:
        mine = [
            i
            for i in incidents
            if i.scenario == written["id"] and i.outcome == "loss" and since < i.on <= until
        ]
        outcomes.append(
            Outcome(
                id=written["id"],
                events=at(_bands(written["events"]), years),
                happened=len(mine),
                loss=at(_bands(written["loss"]), years),
                lost=math.fsum(i.amount or 0.0 for i in mine),
            )
        )
    return tuple(outcomes)


def exceptions(losses: NDArray[np.float64], level: float, var: float) -> Exceptions | None:
    """Count VaR exceptions of a fixed portfolio.

    Parameters
    ----------
    losses : array, shape (days,)
        Of each day after the forecast, money.
    var : float
        The one-day VaR that was forecast, in the reporting currency.

    Examples
    --------
    One day of two beyond a VaR of 99 %: at least one is seen with 1 - 0.99^2.

    >>> import numpy as np
    >>> found = exceptions(np.array([5.0, 11.0]), 0.99, 10.0)
    >>> found.exceptions, round(found.expected, 9), round(found.probability, 9)
    (1, 0.02, 0.0199)
    """
    days, hit = len(losses), int(np.sum(losses > var))
    if days == 0:
        return None
    q = 1.0 - level
    expected = days * q
    # P(N >= hit) on the high side, P(N <= hit) on the low side
    tail = bdtrc(hit - 1, days, q) if hit > expected else bdtr(hit, days, q)
    probability = 1.0 if hit > expected and hit == 0 else float(tail)
    return Exceptions(days, hit, expected, level, var, float(np.max(losses)), probability)


def _bands(written: Sequence[Mapping[str, float]]) -> tuple[Band, ...]:
    return tuple(Band(b["years"], b["mean"], b["low"], b["high"]) for b in written)
