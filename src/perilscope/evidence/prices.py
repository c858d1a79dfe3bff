# SPDX-License-Identifier: Apache-2.0
"""Daily prices: what a file says, cell by cell, and what of it can be used.

Reading (`parse_prices`) refuses what is wrong with the file as a file: no header, no dates, rows of
the wrong length. What is wrong with single prices (zero, negative, not a number, a day twice) is
kept beside them as defects, because it matters only for what is held: the gate (`gate.gate`)
decides that. A refused price is NaN among the closes, so nothing can count with it by accident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.evidence.gate import gate
from perilscope.evidence.history import Defect, History, merge
from perilscope.evidence.table import Faults, Table, number, read_table

__all__ = ["Defect", "History", "gate", "merge", "parse_prices"]

Rows = Iterator[tuple[int, int, str, str]]  # line, ordinal of the day, asset, price as written

#: Days times assets of one history; more is a file that is not a price history.
CELLS = 20_000_000

_DATE = ("date", "day", "datetime", "timestamp", "time")
_ASSET = ("asset", "symbol", "ticker", "token")
_CLOSE = ("close", "price")


def _place(table: Table, names: Sequence[str], faults: Faults) -> int | None:
    """Where the column of this meaning stands; its plain name wins over its synonyms."""
    places = table.places(names[:1]) or table.places(names)
    if len(places) > 1:
        both = " and ".join(table.columns[place] for place in places)
        faults.add(table.line, f"{both} could all be the {names[0]}", f"name one `{names[0]}`")
    return places[0] if places else None


class _Days:
    """Dates as ordinals; each spelling is read once, because it stands on many rows."""

    def __init__(self, faults: Faults) -> None:
        self.known: dict[str, int] = {}
        self.faults = faults

    def __call__(self, text: str, line: int) -> int:
        found = self.known.get(text)
        if found is None:
            found = self.known[text] = self._read(text.strip())
        if not found:
            what = f"a date is wanted here, found {text!r}"
            self.faults.add(line, what, "write dates as 2026-11-20")
        return found

    @staticmethod
    def _read(text: str) -> int:
        # an hour may follow, as exports write it; the closes are daily all the same
        if len(text) > 10 and text[10] not in "T ":
            return 0
        try:
            return date.fromisoformat(text[:10]).toordinal() if text[4:5] == "-" else 0
        except ValueError:
            return 0


def _long(table: Table, at: tuple[int, int, int], faults: Faults) -> Rows:
    """Rows of a table with one price on each line."""
    day_of, (day, asset, close) = _Days(faults), at
    known = day_of.known
    for line, cells in table.rows:
        name = cells[asset].strip()
        ordinal = known.get(cells[day]) or day_of(cells[day], line)
        if not name:
            faults.add(line, "a price without an asset", "name the asset")
        elif ordinal:
            yield line, ordinal, name, cells[close]


def _wide(table: Table, day: int, faults: Faults) -> Rows:
    """Rows of a table with one column for each asset; an empty cell is no price."""
    day_of = _Days(faults)
    columns = [(at, name) for at, name in enumerate(table.columns) if at != day]
    for at, name in columns:
        if not name:
            faults.add(table.line, f"column {at + 1} has no name", "name the asset", at + 1)
        elif table.columns.index(name) != at:
            faults.add(table.line, f"two columns are called {name}", "keep one of them", at + 1)
    if not columns:
        faults.add(table.line, "there are dates but no prices", "the header is date,asset,close")
    for line, cells in table.rows:
        ordinal = day_of(cells[day], line)
        if ordinal:
            for at, name in columns:
                text = cells[at]
                if text and not text.isspace():
                    yield line, ordinal, name, text


def _rows(table: Table, faults: Faults) -> Rows:
    """The prices of a table in either of its two forms."""
    day, asset, close = (_place(table, names, faults) for names in (_DATE, _ASSET, _CLOSE))
    mend = "the header is date,asset,close[,open,high,low,volume], or date and one column per asset"
    if day is None:
        what = f"there is no column date; there are {', '.join(table.columns)}"
        faults.add(table.line, what, mend)
    elif asset is None and close is not None:
        what = f"there is a column {table.columns[close]} but none that names the asset"
        faults.add(table.line, what, mend)
    elif asset is not None and close is None:
        what = f"there is a column {table.columns[asset]} but none with the close"
        faults.add(table.line, what, mend)
    faults.refuse()
    if asset is None or close is None or day is None:
        return _wide(table, day or 0, faults)
    return _long(table, (day, asset, close), faults)


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
    assets: dict[str, int] = field(default_factory=dict)


def _gather(rows: Rows) -> _Cells:
    """All prices of the rows; those that cannot be used become NaN, with their text kept."""
    cells = _Cells()
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
    return cells


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


def parse_prices(name: str, data: bytes) -> History:
    r"""Read a file of daily prices.

    Parameters
    ----------
    name : str
        Name of the file as the user gave it.
    data : bytes
        Comma-separated UTF-8 text, either long, ``date,asset,close`` in any order with other
        columns passed over, or wide, ``date`` and one column for each asset, where an empty cell
        is no price. Column names in any case. Lines starting with ``#`` are notes.

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
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    cells = _gather(_rows(table, faults))
    faults.refuse()
    if not cells.line:
        faults.add(table.line, "there are no prices", "one row for each day and asset")
        faults.refuse()
    ordinals, where = np.unique(np.array(cells.day), return_inverse=True)
    shape = (ordinals.size, len(cells.assets))
    if shape[0] * shape[1] > CELLS:
        what = f"{shape[0]:,} days of {shape[1]:,} assets are more than a price history holds"
        faults.add(0, what, f"at most {CELLS:,} prices; split the file")
        faults.refuse()
    cell = where.astype(np.int64) * shape[1] + np.array(cells.column)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    kept = order[starts]  # of two rows for one day the first
    group = np.cumsum(np.diff(cell[order], prepend=-1) != 0) - 1
    again = np.setdiff1d(np.arange(order.size), starts)
    closes, lines = np.full(shape, np.nan), np.zeros(shape, np.int32)
    closes.reshape(-1)[cell[kept]] = np.array(cells.close)[kept]
    lines.reshape(-1)[cell[kept]] = np.array(cells.line)[kept]
    return History(
        tuple(cells.assets),
        tuple(date.fromordinal(day) for day in ordinals.tolist()),
        closes,
        name,
        "\n".join(table.notes),
        hashlib.sha256(data).hexdigest(),
        lines,
        (name,),
        np.zeros(shape, np.int16),
        tuple(_defects(name, cells, order[again], kept[group[again]])),
    )
