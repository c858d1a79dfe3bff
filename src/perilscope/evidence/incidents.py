# SPDX-License-Identifier: Apache-2.0
"""The two logs: what happened (incidents) and how controls and weak points stood their tests.

Both are CSV with a header line, in any order of columns. Lines that start with ``#`` are notes and
empty lines are skipped. Every fault is reported with its line, all at once. Text in the logs is
text: a name that looks like a formula or like markup is kept as it stands and means nothing.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeVar

from perilscope.errors import DataError, Fault

Outcome = Literal["loss", "near miss", "blocked"]

_OUTCOMES: Mapping[str, Outcome] = {"loss": "loss", "near miss": "near miss", "blocked": "blocked"}
_INCIDENTS = (("date", "scenario", "outcome"), ("amount", "source"))
_TESTS = (("date", "target", "trials", "successes"), ("source",))
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_COUNT = re.compile(r"[0-9]{1,12}")
#: A log with this many faults is not a log; what follows is not read.
_MOST_FAULTS = 200


@dataclass(frozen=True)
class Incident:
    """One line of the incident log.

    Parameters
    ----------
    on : date
        The day it happened.
    scenario : str
        Id of the scenario that it is an instance of.
    outcome : str
        ``"loss"``; ``"near miss"`` (it came through and luck prevented the loss) or ``"blocked"``
        (a control stopped it).
    amount : float or None
        What it cost, in the reporting currency; None where nobody wrote it down.
    source : str
        Who says so.
    line : int
        Line of the log, counted from 1; tells apart two incidents of one day.
    """

    on: date
    scenario: str
    outcome: Outcome
    amount: float | None = None
    source: str = ""
    line: int = 0


@dataclass(frozen=True)
class Trial:
    """One line of the control-test log: ``successes`` out of ``trials``.

    For a control a success is a test in which the control held. For a vulnerability (its own id, or
    the id of a scenario) a success is an attempt that came through.
    """

    on: date
    target: str
    trials: int
    successes: int
    line: int = 0
    source: str = ""


def parse_incidents(name: str, content: bytes) -> tuple[Incident, ...]:
    r"""Incidents of a log, in the order of its lines.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    content : bytes
        CSV in UTF-8 with a header: ``date,scenario,outcome`` and perhaps ``amount,source``.

    Raises
    ------
    DataError
        With every fault of the file and its line.

    Examples
    --------
    >>> log = b"date,scenario,outcome,amount\n2026-03-01,phishing,loss,420000\n"
    >>> parse_incidents("incidents.csv", log)[0].amount
    420000.0
    >>> parse_incidents("incidents.csv", b"date,scenario,outcome\n2026-03-01,phishing,lost\n")
    Traceback (most recent call last):
    ...
    perilscope.errors.DataError: incidents.csv:2:3: outcome: 'lost' is not an outcome
        write loss, near miss or blocked
    1 fault
    """

    def incident(row: _Row) -> Incident:
        return Incident(
            on=row.take("date", _day),
            scenario=row.take("scenario", _name),
            outcome=row.take("outcome", _outcome),
            amount=row.take("amount", _amount),
            source=row.cells.get("source", ""),
            line=row.line,
        )

    return _parsed(name, content, _INCIDENTS, incident)


def parse_tests(name: str, content: bytes) -> tuple[Trial, ...]:
    r"""Trials of a control-test log, in the order of its lines.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    content : bytes
        CSV in UTF-8 with a header: ``date,target,trials,successes`` and perhaps ``source``.

    Raises
    ------
    DataError
        With every fault of the file and its line.

    Examples
    --------
    >>> log = b"date,target,trials,successes\n2026-02-01,anti-phishing,40,33\n"
    >>> parse_tests("tests.csv", log)[0].successes
    33
    """

    def trial(row: _Row) -> Trial:
        trials = row.take("trials", _count)
        successes = row.take("successes", _count)
        if trials == 0 and not row.marred("trials"):
            row.fault("trials", "no trial was made", "give the number of trials, at least 1")
        elif successes > trials and not row.marred("trials", "successes"):
            what = f"{successes} successes out of {trials} trials"
            row.fault("successes", what, "successes are some of the trials, never more")
        return Trial(
            on=row.take("date", _day),
            target=row.take("target", _name),
            trials=trials,
            successes=successes,
            line=row.line,
            source=row.cells.get("source", ""),
        )

    return _parsed(name, content, _TESTS, trial)


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """A cell that cannot be read: what is wrong and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


V = TypeVar("V")


@dataclass
class _Row:
    """One record under its header; collects its faults instead of stopping at the first."""

    file: str
    line: int
    columns: Mapping[str, int]
    cells: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)

    def take(self, column: str, read: Callable[[str], V]) -> V:
        """The cell under ``column`` as a value; on a fault, a stand-in that is thrown away."""
        try:
            return read(self.cells.get(column, ""))
        except _Refused as refused:
            self.fault(column, refused.what, refused.mend)
            return read(_STAND_IN[column])

    def fault(self, column: str, what: str, mend: str) -> None:
        place = self.columns.get(column, -1) + 1
        self.faults.append(Fault(self.file, self.line, place, column, what, mend))

    def marred(self, *columns: str) -> bool:
        return any(fault.path in columns for fault in self.faults)


_STAND_IN: Mapping[str, str] = {
    "date": "2000-01-01",
    "scenario": "x",
    "target": "x",
    "outcome": "loss",
    "amount": "0",
    "trials": "1",
    "successes": "0",
}


def _parsed(
    name: str,
    content: bytes,
    columns: tuple[tuple[str, ...], tuple[str, ...]],
    build: Callable[[_Row], V],
) -> tuple[V, ...]:
    """Read every record under its header; raise all faults together."""
    faults: list[Fault] = []
    values: list[V] = []
    places: dict[str, int] | None = None
    for line, cells in _records(name, content, faults):
        if places is None:
            places = _header(name, line, cells, columns, faults)
            if faults:  # without its columns no row can be judged
                break
            continue
        if len(cells) != len(places):
            what = f"{len(cells)} values under {len(places)} columns"
            mend = "one value for each column; a value that holds a comma stands in double quotes"
            faults.append(Fault(name, line, 0, "", what, mend))
        else:
            row = _Row(name, line, places, {c: cells[at].strip() for c, at in places.items()})
            values.append(build(row))
            faults.extend(row.faults)
        if len(faults) >= _MOST_FAULTS:
            faults.append(Fault(name, line, 0, "", "too many faults; the rest was not read"))
            break
    if places is None and not faults:
        wanted = ",".join(columns[0] + columns[1])
        faults.append(Fault(name, 0, 0, "", "the file is empty", f"start it with: {wanted}"))
    if faults:
        raise DataError(sorted(faults))
    return tuple(values)


def _records(name: str, content: bytes, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """Records with the number of their first line; notes and empty lines are skipped."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        faults.append(Fault(name, line, 0, "", "not UTF-8 text", "save the log as CSV in UTF-8"))
        return
    # Only line feeds and carriage returns end a line: str.splitlines would also cut at characters
    # that may stand inside a name.
    lines = list(io.StringIO(text, newline=""))
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        while taken < len(lines):
            taken += 1
            yield lines[taken - 1]

    reader = csv.reader(feed(), strict=True)
    while taken < len(lines):
        if lines[taken].startswith("#") or not lines[taken].strip():
            taken += 1
            continue
        first = taken + 1
        try:
            yield first, next(reader)
        except csv.Error as wrong:
            mend = "check the double quotes of this record; the lines after it were not read"
            faults.append(Fault(name, first, 0, "", f"not CSV: {wrong}", mend))
            return


def _header(
    name: str,
    line: int,
    cells: list[str],
    columns: tuple[tuple[str, ...], tuple[str, ...]],
    faults: list[Fault],
) -> dict[str, int]:
    wanted, optional = columns
    found = [cell.strip().lower() for cell in cells]
    mend = f"the columns are {', '.join(wanted)}; allowed as well: {', '.join(optional)}"
    for at, column in enumerate(found):
        if column not in wanted + optional:
            faults.append(Fault(name, line, at + 1, "", f"no column is called {column!r}", mend))
        elif column in found[:at]:
            faults.append(Fault(name, line, at + 1, "", f"column {column!r} stands twice", mend))
    for column in wanted:
        if column not in found:
            faults.append(Fault(name, line, 0, "", f"column {column!r} is missing", mend))
    return {column: at for at, column in enumerate(found)}


def _shown(cell: str) -> str:
    """A cell as a message may show it: quoted, control characters escaped, not too long."""
    return repr(cell if len(cell) <= 60 else cell[:57] + "...")


def _day(cell: str) -> date:
    mend = "write a day as 2026-03-01"
    if not cell:
        raise _Refused("the date is missing", mend)
    if not _DAY.fullmatch(cell):
        raise _Refused(f"{_shown(cell)} is not a date", mend)
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise _Refused(f"{_shown(cell)} is not in the calendar", mend) from None


def _name(cell: str) -> str:
    if not cell:
        raise _Refused("no id is given", "give the id as the book declares it")
    return cell


def _outcome(cell: str) -> Outcome:
    word = " ".join(re.split(r"[\s_-]+", cell.lower()))
    if word not in _OUTCOMES:
        what = f"{_shown(cell)} is not an outcome" if cell else "the outcome is missing"
        raise _Refused(what, "write loss, near miss or blocked")
    return _OUTCOMES[word]


def _amount(cell: str) -> float | None:
    if not cell:
        return None
    value = float(cell) if _AMOUNT.fullmatch(cell) else math.nan
    if not math.isfinite(value):
        raise _Refused(
            f"{_shown(cell)} is not an amount",
            "write a plain number such as 420000, zero or more, in the reporting currency",
        )
    return value


def _count(cell: str) -> int:
    if not _COUNT.fullmatch(cell):
        what = f"{_shown(cell)} is not a count" if cell else "the count is missing"
        raise _Refused(what, "write a whole number such as 40")
    return int(cell)
