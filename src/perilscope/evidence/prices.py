# SPDX-License-Identifier: Apache-2.0
"""Daily prices: what a file says, cell by cell, and what of it can be used.

Reading (`parse_prices`) refuses what is wrong with the file as a file: no header, no dates, rows of
the wrong length. What is wrong with single prices (zero, negative, not a number, a day twice) is
kept beside them as defects, because it matters only for what is held: the gate (`gate.gate`)
decides that. A refused price is NaN among the closes, so nothing can count with it by accident.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.evidence.calendar import UTC_DAYS, Calendar
from perilscope.evidence.dialects import Sheet, pair, sheet
from perilscope.evidence.gate import gate
from perilscope.evidence.history import Defect, History, merge
from perilscope.evidence.intraday import Taken, bars_of, daily, partial, recut, within_days
from perilscope.evidence.table import Faults, Table, number

__all__ = ["Defect", "History", "gate", "merge", "parse_prices"]

Integers = NDArray[np.int64]
Rows = Iterator[tuple[int, int, str, str]]  # line, ordinal of the day, asset, price as written

#: Days times assets of one history; more is a file that is not a price history.
CELLS = 20_000_000


class _Days:
    """Dates as ordinals, with the second of the day; each spelling is read once."""

    def __init__(self, faults: Faults) -> None:
        self.known: dict[str, int] = {}
        self.seconds: dict[str, int] = {}
        self.faults = faults

    def __call__(self, text: str, line: int) -> int:
        found = self.known.get(text)
        if found is None:
            found, second = self._read(text.strip())
            self.known[text] = found
            if second:
                self.seconds[text] = second
        if not found:
            what = f"a date is wanted here, found {text!r}"
            self.faults.add(line, what, "write dates as 2026-11-20")
        return found

    def _read(self, text: str) -> tuple[int, int]:
        try:
            if text[4:5] == "-" and len(text) == 10:
                return date.fromisoformat(text).toordinal(), 0
            if text[4:5] == "-" and text[10:11] in ("T", " "):
                moment = datetime.fromisoformat(text.removesuffix(" UTC"))
                if moment.tzinfo is None:
                    moment = moment.replace(tzinfo=UTC)
                return UTC_DAYS.second(math.floor(moment.timestamp()))
            if 9 <= len(text.partition(".")[0]) <= 19 and text.replace(".", "", 1).isdecimal():
                return UTC_DAYS.second(_epoch(float(text)))
        except (ValueError, OverflowError):
            return 0, 0
        return 0, 0


def _epoch(stamp: float) -> int:
    """Seconds since 1970 of a stamp in seconds, milliseconds, microseconds or nanoseconds."""
    for most, scale in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6)):
        if stamp < most:
            return math.floor(stamp / scale)
    return math.floor(stamp / 1e9)


def _long(sheet: Sheet, asset: int, close: int, days: _Days, cells: _Cells) -> Rows:
    """Rows of a table with one price on each line."""
    table, day = sheet.table, sheet.day
    known, seconds = days.known, days.seconds
    others = [(cells.others.setdefault(key, []), at) for key, at in sheet.others.items()]
    if sheet.units is not None:
        others.append((cells.others.setdefault("units", []), sheet.units))
    moments, small = cells.second, sheet.dialect == "Coin Metrics"
    for line, row in table.rows:
        name = row[asset].strip()
        if small:
            name = name.upper()
        if "/" in name:
            name = cells.pair(name)
        text = row[day]
        ordinal = known.get(text) or days(text, line)
        if not name:
            days.faults.add(line, "a price without an asset", "name the asset")
        elif ordinal:
            if seconds:
                moments[len(cells.line)] = seconds.get(text, 0)
            for kept, at in others:
                kept.append(row[at])
            yield line, ordinal, name, row[close]


def _alone(sheet: Sheet) -> Sheet:
    """A table of one asset with the name of the file in every row."""
    rows = ((line, [*row, sheet.name]) for line, row in sheet.table.rows)
    table = Table((*sheet.table.columns, "asset"), sheet.table.line, rows, sheet.table.notes)
    return replace(sheet, table=table, asset=len(sheet.table.columns))


def _wide(sheet: Sheet, days: _Days, cells: _Cells, faults: Faults) -> Rows:
    """Rows of a table with one column for each asset; an empty cell is no price."""
    table, day = sheet.table, sheet.day
    columns = [(at, name) for at, name in enumerate(table.columns) if at != day]
    for at, name in columns:
        if not name:
            faults.add(table.line, f"column {at + 1} has no name", "name the asset", at + 1)
        elif table.columns.index(name) != at:
            faults.add(table.line, f"two columns are called {name}", "keep one of them", at + 1)
    if not columns:
        faults.add(table.line, "there are dates but no prices", "the header is date,asset,close")
    for line, row in table.rows:
        ordinal = days(row[day], line)
        if ordinal:
            for at, name in columns:
                text = row[at]
                if text and not text.isspace():
                    if days.seconds:
                        cells.second[len(cells.line)] = days.seconds.get(row[day], 0)
                    yield line, ordinal, name, text


def _rows(sheet: Sheet, days: _Days, cells: _Cells, faults: Faults) -> Rows:
    """The prices of a table in either of its two forms."""
    if sheet.close is None:
        return _wide(sheet, days, cells, faults)
    whole = sheet if sheet.asset is not None else _alone(sheet)
    return _long(whole, whole.asset or 0, sheet.close, days, cells)


def _unusable(text: str) -> tuple[str, str]:
    """Why a price as written cannot be used, and how to mend it."""
    value, mend = number(text), "put the close of that day in its place"
    if value is None and text.strip().casefold() in ("", "null", "na", "n/a", "none", "-"):
        return f"no price: {text.strip() or 'an empty cell'}", mend
    if value is None:
        return f"a price is wanted here, found {text!r}", "write a number like 1200.5"
    if value != value or value in (float("inf"), float("-inf")):
        return f"a price is not a number: {text.strip()}", mend
    return ("the price is zero" if value == 0 else f"the price is negative: {text.strip()}"), mend


@dataclass
class _Cells:
    """What was read, column by column."""

    day: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    close: list[float] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    odd: dict[int, str] = field(default_factory=dict)
    second: dict[int, int] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)
    assets: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)

    def pair(self, symbol: str) -> str:
        """The asset of a symbol like BTC/USDT; what it is quoted in is kept."""
        if symbol not in self.pairs:
            self.pairs[symbol] = pair(symbol)
        return self.pairs[symbol][0] or symbol


def _gather(rows: Rows, cells: _Cells) -> None:
    """All prices of the rows; those that cannot be used become NaN, with their text kept."""
    assets, infinity = cells.assets, float("inf")
    days, columns, closes, lines = cells.day, cells.column, cells.close, cells.line
    for line, day, asset, text in rows:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0.0 < value < infinity or "_" in text:
            cells.odd[len(lines)] = text
            value = float("nan")
        column = assets.get(asset)
        if column is None:
            column = assets[asset] = len(assets)
        days.append(day)
        columns.append(column)
        closes.append(value)
        lines.append(line)


def _moments(cells: _Cells, calendar: Calendar) -> tuple[Integers, Integers]:
    """Day and second of every price; days end where the calendar says if prices are within them."""
    seconds = np.zeros(len(cells.line), np.int64)
    if cells.second:
        seconds[list(cells.second)] = list(cells.second.values())
    days = np.array(cells.day, np.int64)
    if cells.second and within_days(days, np.array(cells.column), seconds):
        days, seconds = recut(days, seconds, calendar)
        cells.day = days.tolist()
    return days, seconds


def _defects(name: str, cells: _Cells, repeated: NDArray[Any], first: NDArray[Any]) -> list[Defect]:
    """Prices that cannot be used, in the order of the file."""
    names = list(cells.assets)
    told: list[tuple[int, str, str]] = []
    for row, text in cells.odd.items():
        told.append((row, *_unusable(text)))
    for row, before in zip(repeated.tolist(), first.tolist(), strict=True):
        what = f"this day stands twice, first on line {cells.line[before]}"
        told.append((row, what, "keep one of the two"))
    return [
        Defect(
            names[cells.column[row]],
            date.fromordinal(cells.day[row]),
            name,
            cells.line[row],
            what,
            mend,
        )
        for row, what, mend in sorted(told, key=lambda one: one[0])
    ]


def parse_prices(name: str, data: bytes, calendar: Calendar = UTC_DAYS) -> History:
    r"""Read a file of daily prices, or of hourly ones, which become days.

    Parameters
    ----------
    name : str
        Name of the file as the user gave it; it names the asset where the rows do not.
    data : bytes
        UTF-8 text, either long, ``date,asset,close`` in any order with other columns passed over,
        or wide, ``date`` and one column for each asset, where an empty cell is no price; or what
        Binance, CoinMarketCap, CoinGecko, Coin Metrics, Yahoo, CryptoDataDownload, ccxt and
        freqtrade write (see `dialects`). Column names in any case. Lines starting with ``#`` are
        notes.
    calendar : Calendar, optional
        When a day ends, for prices within the day; daily ones keep the days they are written under.

    Returns
    -------
    History
        Rows in any order are sorted by day; unusable prices are listed in ``defects``.

    Raises
    ------
    DataError
        With every fault of the file and its line: no such columns, dates that are none, rows of
        the wrong length, no rows.

    Examples
    --------
    >>> text = b"# closes in USD\nDate,Symbol,Close\n2026-01-02,ETH,9\n2026-01-01,ETH,0\n"
    >>> history = parse_prices("p.csv", text)
    >>> history.note, history.closes.tolist(), history.defects[0].what
    ('closes in USD', [[nan], [9.0]], 'the price is zero')
    >>> bars = b"1577836800000,7195.2,7255,7175.2,7200.9,16792.4,1577923199999,121214452,1,1,1,0"
    >>> parse_prices("BTCUSDT-1d-2020-01.csv", bars).price("BTC", date(2020, 1, 1))
    7200.9
    """
    faults = Faults(name)
    said = sheet(name, data, faults)
    cells = _Cells()
    _gather(_rows(said, _Days(faults), cells, faults), cells)
    faults.refuse()
    if not cells.line:
        faults.add(said.table.line, "there are no prices", "one row for each day and asset")
        faults.refuse()
    days, seconds = _moments(cells, calendar)
    ordinals, where = np.unique(days, return_inverse=True)
    shape = (ordinals.size, len(cells.assets))
    if shape[0] * shape[1] > CELLS:
        what = f"{shape[0]:,} days of {shape[1]:,} assets are more than a price history holds"
        faults.add(0, what, f"at most {CELLS:,} prices; split the file")
        faults.refuse()
    cell = where.astype(np.int64) * shape[1] + np.array(cells.column)
    moment = cell * 86400 + seconds
    order = np.argsort(moment, kind="stable")
    starts = np.flatnonzero(np.diff(moment[order], prepend=-1))
    distinct = order[starts]  # of two rows for one moment the first
    group = np.cumsum(np.diff(moment[order], prepend=-1) != 0) - 1
    again = np.setdiff1d(np.arange(order.size), starts)
    kept = distinct[np.flatnonzero(np.diff(cell[distinct], append=-1))]  # the last of each day
    closes, lines = np.full(shape, np.nan), np.zeros(shape, np.int32)
    closes.reshape(-1)[cell[kept]] = np.array(cells.close)[kept]
    lines.reshape(-1)[cell[kept]] = np.array(cells.line)[kept]
    assets = tuple(cells.assets)
    quotes = dict.fromkeys(assets, said.quote) if said.quote else {}
    quotes |= {asset: quote for asset, quote in cells.pairs.values() if asset and quote}
    taken = Taken(distinct, cell, days, seconds, np.array(cells.column), np.array(cells.close))
    return History(
        assets,
        tuple(date.fromordinal(day) for day in ordinals.tolist()),
        closes,
        name,
        "\n".join(said.table.notes),
        hashlib.sha256(data).hexdigest(),
        lines,
        (name,),
        np.zeros(shape, np.int16),
        tuple(_defects(name, cells, order[again], distinct[group[again]])),
        others=daily(taken, cells.others, shape),
        bars=bars_of(taken, assets),
        partial=partial(taken, assets),
        quotes=quotes,
    )
