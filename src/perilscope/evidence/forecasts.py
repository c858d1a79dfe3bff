# SPDX-License-Identifier: Apache-2.0
"""Anybody's forecasts of VaR and CVaR beside the losses that came: one row a day.

The columns are ``date``, ``loss`` and ``var``, and where there are any ``cvar``, ``mean``, ``sd``,
``pit`` (the probability the forecast gave to a loss no larger than the one that came) and the two
P&L columns of Basel's attribution test, ``hypothetical`` and ``theoretical``. Losses are positive.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError
from perilscope.evidence.table import Faults, Table, number, read_table

Array = NDArray[np.float64]

NEEDED = ("date", "loss", "var")
OPTIONAL = ("cvar", "mean", "sd", "pit", "hypothetical", "theoretical")
PROFITS = ("date", "hypothetical", "theoretical")
ROWS = 2_000_000
_LIKE = {
    "es": "cvar",
    "expected_shortfall": "cvar",
    "value_at_risk": "var",
    "sigma": "sd",
    "std": "sd",
    "volatility": "sd",
    "mu": "mean",
    "hpl": "hypothetical",
    "rtpl": "theoretical",
}


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts and outcomes, one for each day.

    Parameters
    ----------
    name : str
    days : tuple of date
        Ascending.
    loss, var : arrays, shape (n,)
        Losses positive; VaR is of that day, forecast before it.
    cvar, mean, sd, pit, hypothetical, theoretical : arrays, shape (n,), optional
    digest : str
        SHA-256 of the file.
    findings : tuple of str

    Examples
    --------
    >>> days = (date(2026, 1, 1), date(2026, 1, 2))
    >>> Forecasts("mine", days, np.array([1.0, 3.0]), np.array([2.0, 2.0])).exceptions
    1
    """

    name: str
    days: tuple[date, ...]
    loss: Array
    var: Array
    cvar: Array | None = None
    mean: Array | None = None
    sd: Array | None = None
    pit: Array | None = None
    hypothetical: Array | None = None
    theoretical: Array | None = None
    digest: str = ""
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in self.columns.values():
            if column.shape != (len(self.days),):
                raise MisuseError(
                    f"columns of shape {column.shape} do not fit {len(self.days)} days"
                )
            column.flags.writeable = False

    @property
    def columns(self) -> Mapping[str, Array]:
        """The columns there are, by name."""
        every = {name: getattr(self, name) for name in (*NEEDED[1:], *OPTIONAL)}
        return {name: column for name, column in every.items() if column is not None}

    def at(self, rows: Sequence[int]) -> Forecasts:
        """The same on some of the days, in ascending order."""
        kept: dict[str, Any] = {name: each[rows] for name, each in self.columns.items()}
        return replace(self, days=tuple(self.days[row] for row in rows), **kept)

    @property
    def exceptions(self) -> int:
        """Days on which the loss lay strictly above VaR."""
        return int(np.count_nonzero(self.loss > self.var))


def parse_forecasts(name: str, data: bytes) -> Forecasts:
    r"""Read a table of forecasts.

    Raises
    ------
    DataError
        With every fault and its line: a column that is missing or stands twice, cells that are no
        finite numbers, days twice or out of order, CVaR below VaR, a standard deviation that is
        not above zero, a pit outside 0 to 1.

    Examples
    --------
    >>> text = b"date,loss,var\n2026-01-01,1,2\n2026-01-02,3,2\n"
    >>> parse_forecasts("f.csv", text).exceptions
    1
    """
    days, columns, findings = _read(name, data, NEEDED, OPTIONAL)
    return Forecasts(
        name=name,
        days=days,
        digest=hashlib.sha256(data).hexdigest(),
        findings=(*findings, *_noticed(days, columns)),
        **columns,
    )


def parse_profits(name: str, data: bytes) -> tuple[tuple[date, ...], Array, Array]:
    r"""Read Basel's attribution test: columns ``date``, ``hypothetical`` and ``theoretical``.

    Raises
    ------
    DataError
        As `parse_forecasts`.

    Examples
    --------
    >>> text = b"date,hypothetical,theoretical\n2026-01-01,1,2\n2026-01-02,3,2\n"
    >>> [column.tolist() for column in parse_profits("p.csv", text)[1:]]
    [[1.0, 3.0], [2.0, 2.0]]
    """
    days, columns, _ = _read(name, data, PROFITS, ())
    return days, columns["hypothetical"], columns["theoretical"]


def _read(
    name: str, data: bytes, needed: Sequence[str], optional: Sequence[str]
) -> tuple[tuple[date, ...], dict[str, Array], list[str]]:
    """Days, columns of numbers, and what is said of those that are not read."""
    faults = Faults(name)
    table = read_table(name, data, faults)
    places, findings = _places(table, faults, needed, optional)
    faults.refuse()
    lines: list[int] = []
    days: list[date] = []
    cells: dict[str, list[float]] = {column: [] for column in places if column != "date"}
    for line, row in table.rows:
        if len(lines) >= ROWS:
            faults.add(line, f"more than {ROWS:,} rows", "split the file")
            break
        day = _day(row[places["date"]])
        if day is None:
            faults.add(line, f"a date is wanted here, found {row[places['date']]!r}",
                       "write dates as 2026-11-20", path="date")  # fmt: skip
            continue
        if days and day <= days[-1]:
            what = "this day stands twice" if day == days[-1] else f"{day} comes after {days[-1]}"
            faults.add(line, what, "one row for each day, in the order of time", path="date")
        values = {column: _number(row[places[column]], column, line, faults) for column in cells}
        _coherent(values, line, faults)
        lines.append(line)
        days.append(day)
        for column, value in values.items():
            cells[column].append(value)
    if not days:
        faults.add(table.line, "there are no rows", f"one row for each day: {','.join(needed)}")
    faults.refuse()
    return tuple(days), {column: np.array(values) for column, values in cells.items()}, findings


def _places(
    table: Table, faults: Faults, needed: Sequence[str], optional: Sequence[str]
) -> tuple[dict[str, int], list[str]]:
    """Where each column stands, and what is said of those that are not read."""
    places: dict[str, int] = {}
    more = f" and, where there are any, {','.join(optional)}" if optional else ""
    mend = f"the header is {','.join(needed)}{more}"
    for column in (*needed, *optional):
        found = table.places([column])
        if len(found) > 1:
            faults.add(table.line, f"the column {column} stands twice", "keep one of them")
        elif found:
            places[column] = found[0]
        elif column in needed:
            told = ", ".join(each for each in table.columns if each)
            faults.add(table.line, f"there is no column {column}; there are {told}", mend)
    findings = []
    for at, written in enumerate(table.columns):
        if at not in places.values():
            like = _LIKE.get(written.casefold().replace(" ", "_"), "")
            if like in (*needed, *optional) and like not in places:
                findings.append(f"the column {written} is not read; call it {like} if it is that")
            elif written:
                findings.append(f"the column {written} is not read")
    return places, findings


def _day(text: str) -> date | None:
    text = text.strip()
    if len(text) > 10 and text[10] not in "T ":
        return None
    try:
        return date.fromisoformat(text[:10]) if text[4:5] == "-" else None
    except ValueError:
        return None


def _number(text: str, column: str, line: int, faults: Faults) -> float:
    value = number(text.strip())
    if value is None or not math.isfinite(value):
        shown = text.strip() or "an empty cell"
        faults.add(line, f"a number is wanted here, found {shown}",
                   "write a number like 1200.5, or leave the day out", path=column)  # fmt: skip
        return math.nan
    return value


def _coherent(values: Mapping[str, float], line: int, faults: Faults) -> None:
    """What a row says must fit together."""
    if values.get("sd", 1.0) <= 0.0:
        what = "a standard deviation must be above zero"
        faults.add(line, what, "mend it, or leave the column out", path="sd")
    if not 0.0 <= values.get("pit", 0.5) <= 1.0 and math.isfinite(values["pit"]):
        faults.add(line, f"{values['pit']:g} is no probability", "from 0 to 1", path="pit")
    if values.get("cvar", math.inf) < values.get("var", -math.inf):
        what = f"CVaR {values['cvar']:g} is below VaR {values['var']:g}"
        faults.add(line, what, "CVaR is the mean beyond VaR, losses positive", path="cvar")


def _noticed(days: Sequence[date], columns: Mapping[str, Array]) -> Iterator[str]:
    gaps = (days[-1] - days[0]).days + 1 - len(days)
    if gaps:
        yield (
            f"{gaps:,} calendar days between {days[0]} and {days[-1]} have no row; "
            "neighbouring rows count as neighbouring days"
        )
    negative = int(np.count_nonzero(columns["var"] < 0.0))
    if negative:
        yield f"VaR is negative on {negative:,} days: a gain was forecast even there"
    if float(np.ptp(columns["loss"])) == 0.0 and len(days) > 1:
        yield "every loss is the same number"
