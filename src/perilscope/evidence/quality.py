# SPDX-License-Identifier: Apache-2.0
"""What is wrong with prices, found before a figure rests on them.

A fall that goes on is a fall, however large: Terra in May 2022 is real. What is suspect is a price
that comes back the next day, one that the next day's opening denies, one that another source does
not know, a level that changes between two bars, and a series that stops, repeats itself or goes on
under the same name at another level. ``fails`` means: no figure uses this asset over these days.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perilscope.evidence.calendar import UTC_DAYS, Calendar
from perilscope.evidence.history import Defect, History
from perilscope.evidence.intraday import path

Floats = NDArray[np.float64]

FAILS, WARNS, TOLD = "fails", "warns", "told"

REUSED = 5.0
"""Factor between the prices around a gap from which on it is another asset; wider for long gaps."""
RETURNED = 3.0
"""Factor of a price for one day that is not believed without a second source."""
UNIT = 20.0
"""Factor by which a price without openings rises in a day and stays, from which on it is not
believed: another unit or asset. A fall as deep is told: coins do collapse (Terra, May 2022)."""
DENIED = 0.15
"""Log distance between a close and the next opening that no market that never closes makes."""
STALE = 5
"""Days without any change that make a price stale; fewer are remarked from 3 on."""
ENDED = 5
"""Days by which a series that ends before the others is given up."""
_CHANCE = 1e-3
_PEG = 0.005


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing about the prices of one asset.

    Parameters
    ----------
    asset, kind : str
    weight : str
        ``fails``: the asset is left out of every figure over these days; ``warns``; ``told``.
    first, last : date
    what, mend : str
    where : str
        File and line.
    path : tuple of (time, price)
        Hour by hour, where prices within the day are given.
    size : float
        Of a move or of a disagreement, as a share.
    """

    asset: str
    kind: str
    weight: str
    first: date
    last: date
    what: str
    mend: str = ""
    where: str = ""
    path: tuple[tuple[str, float], ...] = ()
    size: float = 0.0

    def __str__(self) -> str:
        return f"{self.asset}: {self.what}"


@dataclass(frozen=True)
class _Series:
    """The usable closes of one asset, with what stands beside them."""

    history: History
    asset: str
    rows: NDArray[np.int64]
    days: NDArray[np.int64]
    closes: Floats
    scale: float
    """Robust standard deviation of a day's log return."""

    def day(self, at: int) -> date:
        return date.fromordinal(int(self.days[at]))

    def other(self, key: str) -> Floats | None:
        """Opens, highs, lows or volumes of these days, if the files have them."""
        array = self.history.others.get(key)
        if array is None:
            return None
        found: Floats = array[self.rows, self.history.assets.index(self.asset)]
        return found if np.isfinite(found).any() else None

    def where(self, at: int) -> str:
        column = self.history.assets.index(self.asset)
        row = int(self.rows[at])
        file = self.history.files[int(self.history.origin[row, column])]
        return f"{file}:{int(self.history.lines[row, column])}"

    def finding(
        self, kind: str, weight: str, at: int, what: str, mend: str = "", until: int | None = None
    ) -> Finding:
        last = self.day(at if until is None else until)
        return Finding(self.asset, kind, weight, self.day(at), last, what, mend, self.where(at))


def _series(history: History, asset: str, first: date, last: date) -> _Series | None:
    column = history.assets.index(asset)
    days = np.array([day.toordinal() for day in history.days], np.int64)
    inside = (days >= first.toordinal()) & (days <= last.toordinal())
    rows = np.flatnonzero(inside & np.isfinite(history.closes[:, column]))
    if not rows.size:
        return None
    closes = history.closes[rows, column]
    steps = np.diff(np.log(closes))
    scale = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) if steps.size else 0.0
    return _Series(history, asset, rows, days[rows], closes, max(scale, 5e-4))


def inspect(
    history: History,
    *,
    second: History | None = None,
    assets: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
    today: date | None = None,
    calendar: Calendar = UTC_DAYS,
) -> tuple[Finding, ...]:
    """Everything that is wrong or worth knowing about the prices of some assets.

    Parameters
    ----------
    history : History
    second : History, optional
        The same assets from another source.
    assets : sequence of str, optional
        All of the history without.
    first, last : date, optional
        The days that are to be used; all without.
    today : date, optional
        A bar of this day or later cannot be whole yet.
    calendar : Calendar

    Returns
    -------
    tuple of Finding
        By asset, those that fail first, then by day.

    Examples
    --------
    >>> days = tuple(date(2026, 1, d) for d in (1, 2, 3, 9, 10))
    >>> closes = np.array([[80.0], [1.0], [0.001], [9.0], [8.0]])
    >>> for one in inspect(History(("LUNA",), days, closes, "p.csv")):
    ...     print(one.kind, one.weight, one.first)
    reused-ticker fails 2026-01-04
    """
    first, last = first or history.days[0], last or history.days[-1]
    found: list[Finding] = []
    for asset in history.assets if assets is None else assets:
        series = _series(history, asset, first, last)
        mine = list(_defects(history, asset, first, last))
        if series is not None:
            mine += _checked(series, second, last, today, calendar)
        found += sorted(mine, key=lambda one: ((FAILS, WARNS, TOLD).index(one.weight), one.first))
    return tuple(found)


def _checked(
    series: _Series, second: History | None, last: date, today: date | None, calendar: Calendar
) -> Iterator[Finding]:
    yield from _gaps(series)
    yield from _ending(series, last)
    yield from _stale(series)
    yield from _unfinished(series, today)
    other = None
    if second is not None and series.asset in second.assets:
        other = _series(second, series.asset, series.day(0), series.day(len(series.rows) - 1))
    doubted: set[int] = set()
    if other is not None:
        for at, finding in _glitches(series, other):
            doubted.add(at)
            yield finding
    yield from _returns(series, other, doubted, calendar)
    yield from _range(series)


def _defects(history: History, asset: str, first: date, last: date) -> Iterator[Finding]:
    """What the reader refused: prices that are none, days that stand twice."""
    for one in history.defects:
        if one.asset == asset and first <= one.day <= last:
            kind = _kind(one)
            where = f"{one.file}:{one.line}"
            what = f"{one.day}: {one.what}"
            yield Finding(asset, kind, FAILS, one.day, one.day, what, one.mend, where)


def _kind(defect: Defect) -> str:
    if "stands" in defect.what:
        return "duplicated-day"
    return "missing-price" if defect.what.startswith("no price") else "impossible-price"


def _gaps(series: _Series) -> Iterator[Finding]:
    """Missing days, and another asset under the same name behind them."""
    present = series.history.present[:, series.history.assets.index(series.asset)]
    have = {series.history.days[row].toordinal() for row in np.flatnonzero(present).tolist()}
    for at in np.flatnonzero(np.diff(series.days) > 1).tolist():
        missing = [d for d in range(series.days[at] + 1, series.days[at + 1]) if d not in have]
        if not missing:
            continue
        start, end = date.fromordinal(missing[0]), date.fromordinal(missing[-1])
        ratio = series.closes[at + 1] / series.closes[at]
        reach = math.log(REUSED) + 8.0 * min(series.scale, 0.1) * math.sqrt(len(missing))
        often = f"{len(missing)} days are missing, {start} to {end}"
        if len(missing) == 1:
            often = f"{start} is missing"
        if abs(math.log(ratio)) > reach:
            what = (
                f"{often}, and then the price is {series.closes[at + 1]:.6g} where it was "
                f"{series.closes[at]:.6g}: another asset under the same ticker"
            )
            mend = f"start on {series.day(at + 1)}, or give the old asset its own name"
            kind = "reused-ticker"
        else:
            kind, what = "missing-days", often
            mend = f"add these days, or start on {series.day(at + 1)}"
        yield Finding(series.asset, kind, FAILS, start, end, what, mend, series.where(at + 1))


def _ending(series: _Series, last: date) -> Iterator[Finding]:
    """A series that ends before the others."""
    end = series.day(len(series.rows) - 1)
    behind = (min(last, series.history.days[-1]) - end).days
    if behind >= 2:
        what = f"the prices end on {end}, {behind} days before the last of the file: delisted?"
        mend = "value it by its last price only if it can still be sold; or leave it out"
        weight = FAILS if behind > ENDED else WARNS
        yield Finding(series.asset, "delisted", weight, end, end, what, mend, series.where(-1))


def _stale(series: _Series) -> Iterator[Finding]:
    """Closes that do not change for days, more often than chance repeats this asset's prices."""
    same = np.diff(series.closes) == 0.0
    if not same.any():
        return
    if same.all() and same.size >= STALE:
        what = f"the close is {series.closes[0]:.6g} on every day: a price, or a placeholder?"
        yield series.finding("stale-price", WARNS, 0, what, "", len(series.rows) - 1)
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        run = stop - start
        rest = int(same.sum()) - run
        usual = (rest + 1.0) / (same.size - run + 2.0)
        if run < 2 or same.size * usual**run > _CHANCE:
            continue
        days = series.days[start : stop + 1]
        if np.any(np.diff(days) > 1):
            continue
        weight = FAILS if run >= STALE and series.scale >= _PEG else WARNS
        what = (
            f"the close stays at {series.closes[start]:.6g} for {run + 1} days, "
            f"{series.day(start)} to {series.day(stop)}"
        )
        yield series.finding(
            "stale-price", weight, start, what, "get these days from another source", stop
        )


def _unfinished(series: _Series, today: date | None) -> Iterator[Finding]:
    """A last bar that was written before its day was over."""
    at = len(series.rows) - 1
    if int(series.rows[at]) != len(series.history.days) - 1:
        return
    why = series.history.partial.get(series.asset, "")
    volume = series.other("volume")
    if volume is None:  # one day beside others: the unit does not matter
        volume = series.other("traded")
    if not why and today is not None and series.day(at) >= today:
        why = "this day is not over"
    if not why and volume is not None and volume.size > 28:
        usual = float(np.nanmedian(volume[-29:-1]))
        least = float(np.nanmin(volume[-29:-1]))
        if usual > 0.0 and volume[-1] < 0.2 * usual and volume[-1] < 0.5 * least:
            why = f"its volume is {100.0 * volume[-1] / usual:.0f} % of the usual one"
    if why:
        what = f"{series.day(at)} is not a whole day: {why}"
        yield series.finding("partial-bar", WARNS, at, what, "it is left out")


def _glitches(series: _Series, other: _Series) -> Iterator[tuple[int, Finding]]:
    """Days on which two sources disagree far more than they usually do."""
    common, mine, theirs = np.intersect1d(series.days, other.days, return_indices=True)
    if common.size < 3:
        return
    apart = np.log(series.closes[mine] / other.closes[theirs])
    usual = float(np.median(np.abs(apart)))
    level = float(np.median(apart))
    floor = 0.01 if series.scale < _PEG else 0.015
    far = np.flatnonzero(np.abs(apart - level) > max(floor, 12.0 * usual))
    for k in far.tolist():
        at, there = int(mine[k]), int(theirs[k])
        gap = abs(float(apart[k]))
        whose = _liar(series, at, other, there)
        weight = FAILS if gap > math.log(1.1) and whose != "the second source" else WARNS
        what = (
            f"{series.day(at)}: {series.closes[at]:.6g} here and {other.closes[there]:.6g} in the "
            f"second source ({100.0 * math.expm1(gap):.1f} % apart, usually "
            f"{100.0 * usual:.2f} %); {whose} is out of line with its own next bars"
        )
        mend = "take this day from the source that is in line"
        found = series.finding("glitch", weight, at, what, mend)
        yield at, replace(found, size=math.expm1(gap))


def _liar(series: _Series, at: int, other: _Series, there: int) -> str:
    """Which of two sources is denied by its own next opening, or comes back the next day."""
    here, away = _denied(series, at), _denied(other, there)
    if here > 2.0 * away:
        return "this source"
    return "the second source" if away > 2.0 * here else "neither or each"


def _denied(series: _Series, at: int) -> float:
    """How far a close is from the next opening, or from the mean of its neighbours."""
    opens = series.other("open")
    if opens is not None and at + 1 < len(opens) and opens[at + 1] > 0.0:
        return abs(math.log(opens[at + 1] / series.closes[at]))
    if 0 < at < len(series.closes) - 1:
        between = math.sqrt(series.closes[at - 1] * series.closes[at + 1])
        return abs(math.log(series.closes[at] / between))
    return 0.0


def _returns(
    series: _Series, other: _Series | None, doubted: set[int], calendar: Calendar
) -> Iterator[Finding]:
    """Moves that no market makes, and those that are large and real."""
    steps = np.diff(np.log(series.closes))
    whole = np.diff(series.days) == 1
    large = max(10.0 * series.scale, 0.02 if series.scale < _PEG else 0.25)
    opens = series.other("open")
    back = False
    # a close that the next opening denies is worth a look where it moved by less than that
    some = whole & (np.abs(steps) > (large if opens is None else min(large, DENIED)))
    for k in np.flatnonzero(some).tolist():
        at = k + 1
        if back:  # the way back of the day before
            back = False
            continue
        move = float(steps[k])
        follows = float(steps[at]) if at < steps.size and whole[at] else 0.0
        returns = abs(move + follows) < 0.2 * abs(move)
        denied = _denied(series, at) if opens is not None else math.inf
        if abs(move) <= large and not (returns and denied > DENIED):
            continue
        jump = _opened(series, opens, at)
        confirmed = _confirmed(series, other, at, move)
        back = returns
        if at in doubted:
            continue
        yield _move(series, at, move, (returns, denied, jump, confirmed), calendar)


def _opened(series: _Series, opens: Floats | None, at: int) -> float:
    """Log jump between a close and the next opening; 0 where there are no openings."""
    if opens is None or not opens[at] > 0.0:
        return 0.0
    return math.log(opens[at] / series.closes[at - 1])


def _confirmed(series: _Series, other: _Series | None, at: int, move: float) -> bool:
    """Whether a second source saw the same move."""
    if other is None:
        return False
    place = np.searchsorted(other.days, series.days[at])
    if place == 0 or place >= len(other.days) or other.days[place] != series.days[at]:
        return False
    there = math.log(other.closes[place] / other.closes[place - 1])
    return abs(there - move) < 0.25 * abs(move)


def _move(
    series: _Series,
    at: int,
    move: float,
    signs: tuple[bool, float, float, bool],
    calendar: Calendar,
) -> Finding:
    """What one large move is: impossible, doubtful, or large."""
    returns, denied, jump, confirmed = signs
    before, now = series.closes[at - 1], series.closes[at]
    change = f"{100.0 * math.expm1(move):+,.1f} %" if move < 2.0 else f"x {math.exp(move):,.1f}"
    text = f"{series.day(at)}: {before:.6g} to {now:.6g} ({change})"
    bars = series.history.bars.get(series.asset)
    hours = tuple(path(bars, int(series.days[at]), calendar)) if bars is not None else ()
    mend = "compare with a second source: `--second FILE`"
    if confirmed:
        kind, weight, text, mend = "extreme-move", TOLD, text + "; the second source agrees", ""
    elif returns and DENIED < denied < math.inf:
        kind, weight = "implausible-return", FAILS
        text += ", and back the next day; the next day opens elsewhere"
    elif returns and abs(move) > math.log(RETURNED):
        kind, weight = "implausible-return", FAILS if denied == math.inf else WARNS
        text += ", and back the next day"
    elif returns and denied == math.inf and abs(move) > math.log(1.5):
        kind, weight = "implausible-return", WARNS
        text += ", and back the next day"
    elif abs(jump) > math.log(RETURNED):
        kind, weight = "implausible-return", FAILS
        text += f"; the day opens at {math.exp(jump) * before:.6g}: another unit or another asset"
    elif denied == math.inf and move > math.log(UNIT):
        kind, weight = "implausible-return", FAILS
        text += ", and it stays there: another unit or another asset"
    else:
        kind, weight, mend = "extreme-move", TOLD, ""
        text += ", and back the next day" if returns else ", and it does not come back"
        text += "; see it hour by hour" if hours else ""
    found = series.finding(kind, weight, at, text, mend)
    return replace(found, path=hours, size=math.expm1(move))


def _range(series: _Series) -> Iterator[Finding]:
    """Closes outside the range of their own day."""
    high, low = series.other("high"), series.other("low")
    if high is None or low is None:
        return
    out = np.flatnonzero((series.closes > high * 1.005) | (series.closes < low * 0.995))
    if out.size:
        at = int(out[0])
        what = (
            f"{series.day(at)}: the close {series.closes[at]:.6g} lies outside its day's range "
            f"{low[at]:.6g} to {high[at]:.6g}"
        )
        what += f"; and on {out.size - 1} more days" if out.size > 1 else ""
        yield series.finding("outside-range", WARNS, at, what, "compare with a second source")
