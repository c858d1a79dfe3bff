# SPDX-License-Identifier: Apache-2.0
"""Prices within the day: days made of hours, the hours of one day, days that are not finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.evidence.calendar import UTC_DAYS, Calendar

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_EPOCH = 719163  # ordinal of 1970-01-01
_SHARE = 0.1
"""Share of the days with several prices from which on a file is one of prices within the day."""


@dataclass(frozen=True)
class Taken:
    """Rows of a file, and which of them count.

    Parameters
    ----------
    distinct : array of int
        Rows that count, ordered by day, asset and second.
    cell : array of int
        Place of each row in the table of days and assets.
    days, seconds, column : array of int
    close : array
    """

    distinct: Integers
    cell: Integers
    days: Integers
    seconds: Integers
    column: NDArray[np.int64]
    close: Floats


def within_days(days: Integers, column: Integers, seconds: Integers) -> bool:
    """Whether many days have several prices."""
    cells = days * (int(column.max(initial=0)) + 1) + column
    moments = np.unique(cells * 86400 + seconds).size
    return bool(moments > (1.0 + _SHARE) * np.unique(cells).size)


def recut(days: Integers, seconds: Integers, calendar: Calendar) -> tuple[Integers, Integers]:
    """Days and seconds by another calendar than midnight UTC."""
    if calendar.cutoff == 0 and calendar.zone == "UTC":
        return days, seconds
    stamps = (days - _EPOCH) * 86400 + seconds
    each, back = np.unique(stamps, return_inverse=True)
    cut = np.array([calendar.second(stamp) for stamp in each.tolist()], np.int64)
    return cut[back, 0], cut[back, 1]


def daily(
    taken: Taken, others: Mapping[str, list[str]], shape: tuple[int, int]
) -> dict[str, Floats]:
    """Opens, highs, lows and volumes by day; what is no number is NaN."""
    if not others:
        return {}
    cell = taken.cell[taken.distinct]
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    found = {}
    for key, texts in others.items():
        rows = _numbers(texts)[taken.distinct]
        if key == "units":
            rows, key = rows * taken.close[taken.distinct], "volume"
        if key == "open":
            value = rows[first]
        else:
            fold = {"high": np.fmax, "low": np.fmin}.get(key, np.add)
            value = np.asarray(fold.reduceat(rows, first))
        found[key] = np.full(shape, np.nan)
        found[key].reshape(-1)[cell[first]] = value
    return found


def _numbers(texts: Sequence[str]) -> Floats:
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        return np.array([_number(text) for text in texts])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def bars_of(taken: Taken, assets: Sequence[str]) -> dict[str, tuple[Integers, Floats]]:
    """The path of every asset that has several prices a day."""
    rows = taken.distinct
    if not taken.seconds.any() or np.unique(taken.cell[rows]).size == rows.size:
        return {}
    stamps = (taken.days[rows] - _EPOCH) * 86400 + taken.seconds[rows]
    found = {}
    for column, asset in enumerate(assets):
        mine = np.flatnonzero(taken.column[rows] == column)
        mine = mine[np.argsort(stamps[mine], kind="stable")]
        if np.unique(taken.days[rows[mine]]).size * (1.0 + _SHARE) < mine.size:
            found[asset] = stamps[mine], taken.close[rows[mine]]
    return found


def partial(taken: Taken, assets: Sequence[str]) -> dict[str, str]:
    """Why the last day of an asset is not whole, by the times of its prices."""
    if not taken.seconds.any():
        return {}
    rows = taken.distinct
    found = {}
    for column, asset in enumerate(assets):
        mine = rows[taken.column[rows] == column]
        mine = mine[np.lexsort((taken.seconds[mine], taken.days[mine]))]
        second, days = taken.seconds[mine], taken.days[mine]
        several = np.unique(days).size * (1.0 + _SHARE) < mine.size
        if several:
            step = int(np.median(np.diff(days * 86400 + second)))
            if step > 0 and int(second[-1]) + step < 86400:
                found[asset] = f"its bars end at {_clock(int(second[-1]) + step)}"
        elif mine.size > 2:
            usual = int(np.bincount(second[:-1]).argmax())
            if second[-1] != usual and (second[:-1] == usual).mean() > 0.9:
                found[asset] = f"stamped {_clock(int(second[-1]))}, the others {_clock(usual)}"
    return found


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"


def path(
    bars: tuple[Integers, Floats], ordinal: int, calendar: Calendar = UTC_DAYS
) -> list[tuple[str, float]]:
    """The prices within one day, hour by hour, with the last one before it.

    Examples
    --------
    >>> seconds = np.arange(0, 4 * 21600, 21600)
    >>> path((seconds, np.array([1.0, 2.0, 3.0, 4.0])), 719163)
    [('00:00', 1.0), ('06:00', 2.0), ('12:00', 3.0), ('18:00', 4.0)]
    """
    stamps, closes = bars
    near = np.flatnonzero(np.abs(stamps - (ordinal - _EPOCH) * 86400) <= 3 * 86400)
    found = []
    for at in near.tolist():
        day, second = calendar.second(int(stamps[at]))
        if day == ordinal:
            found.append((_clock(second), float(closes[at])))
    return found
