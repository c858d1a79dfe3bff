# SPDX-License-Identifier: Apache-2.0
"""What it takes to sell: how long, at what cost, and what prices do in the meantime.

The cost of a sale follows the square root of its size against a day's volume, which holds over many
decades of size and many markets; a sale that takes days is exposed to the moves of those days with
what is not yet sold.

References
----------
Almgren, Thum, Hauptmann and Li (2005), Direct estimation of equity market impact.
Donier and Bonart (2015), A million metaorder analysis of market impact on the Bitcoin.
Bangia, Diebold, Schuermann and Stroughair (1999), Modeling liquidity risk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError

Floats = NDArray[np.float64]
IMPACT = 1.0
"""The factor of the square-root law; between 0.5 and 1.5 in the studies named above."""
LONGEST = 60
"""Days after which a sale is told as longer than that."""


def impact(value: float, volume: float, volatility: float, factor: float = IMPACT) -> float:
    """Share of the value that a sale costs by its own pressure on the price.

    Parameters
    ----------
    value, volume : float
        Money sold, and traded on a usual day.
    volatility : float
        Of one day.
    factor : float

    Examples
    --------
    >>> impact(4e6, 1e8, 0.04)
    0.008
    """
    if not (volume > 0.0 and volatility >= 0.0):
        raise MisuseError("the volume must be above zero and the volatility not below it")
    return min(factor * volatility * math.sqrt(abs(value) / volume), 1.0)


def schedule(
    value: float, volume: float, start: date, participation: float, weekend: float
) -> Floats:
    """Share of a holding that is still there at the beginning of each day of its sale.

    Parameters
    ----------
    value, volume : float
        Money, and traded on a usual working day.
    start : date
        The sale begins on the day after.
    participation : float
        Share of a day's volume that is sold.
    weekend : float
        Volume of a Saturday or Sunday as a share of that of a working day.

    Returns
    -------
    array, shape (days,)
        From 1; at most `LONGEST` days.

    Examples
    --------
    >>> schedule(25.0, 100.0, date(2026, 11, 19), 0.1, 0.5).tolist()  # Friday, then a weekend
    [1.0, 0.6, 0.4, 0.2]
    """
    if not (volume > 0.0 and 0.0 < participation <= 1.0 and 0.0 < weekend <= 1.0):
        raise MisuseError("volume must be above 0, participation and weekend in (0, 1]")
    left, day = abs(value), start
    whole, found = left, list[float]()
    while left > 1e-9 * whole and len(found) < LONGEST:
        found.append(left / whole)
        day += timedelta(days=1)
        left -= participation * volume * (weekend if day.weekday() >= 5 else 1.0)
    return np.array(found or [1.0])


def days(value: float, volume: float, start: date, participation: float, weekend: float) -> float:
    """Days that a sale takes, the last one counted by the part of it that is needed.

    Examples
    --------
    >>> days(25.0, 100.0, date(2026, 11, 19), 0.1, 0.5)  # 10 on Friday, twice 5, 5 of 10 on Monday
    3.5
    >>> days(5.0, 100.0, date(2026, 11, 15), 0.1, 0.5)
    0.5
    """
    left = schedule(value, volume, start, participation, weekend)
    if not value:
        return 0.0
    last = start + timedelta(days=len(left))
    sold = participation * volume * (weekend if last.weekday() >= 5 else 1.0)
    part = float(left[-1]) * abs(value) / sold
    return math.inf if part > 1.0 + 1e-9 else round(len(left) - 1 + part, 12)


def unwound(closes: Floats, values: Floats, left: Sequence[Floats]) -> Floats:
    """Loss of holdings sold day by day, in every stretch of the history.

    Parameters
    ----------
    closes : array, shape (T, k)
    values : array, shape (k,)
        Money in each today.
    left : sequence of k arrays
        What is still there at the beginning of each day, from `schedule`; moves of a day hit that.

    Returns
    -------
    array, shape (T - longest,)

    Examples
    --------
    >>> closes = np.array([[100.0], [90.0], [90.0], [45.0]])
    >>> unwound(closes, np.array([10.0]), [np.array([1.0, 0.5])]).tolist()
    [1.0, 2.5]
    """
    longest = max(len(each) for each in left)
    count = len(closes) - longest
    found = np.zeros(count)
    for k, shares in enumerate(left):
        for day, share in enumerate(shares.tolist()):
            now = closes[day : day + count, k]
            then = closes[day + 1 : day + 1 + count, k]
            found -= values[k] * share * (then - now) / closes[:count, k]
    return found
