# SPDX-License-Identifier: Apache-2.0
"""The two logs: what happened (incidents) and how controls and weak points stood their tests.

Both are tables (see `table`) with columns in any order. Text in the logs is text: a name that looks
like a formula or like markup is kept as it stands and means nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeVar

from perilscope.evidence.table import Faults, read_table

Outcome = Literal["loss", "near miss", "blocked"]

_OUTCOMES: Mapping[str, Outcome] = {"loss": "loss", "near miss": "near miss", "blocked": "blocked"}
_INCIDENTS = (("date", "scenario", "outcome"), ("amount", "source"))
_TESTS = (("date", "target", "trials", "successes"), ("source",))
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_COUNT = re.compile(r"[0-9]{1,12}")


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
    return _parsed(name, content, _INCIDENTS, _incident)


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
    return _parsed(name, content, _TESTS, _trial)


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """A cell that cannot be read: what is wrong and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


V = TypeVar("V")


@dataclass
class _Row:
    """One row under its header; notes its faults instead of stopping at the first."""

    line: int
    places: Mapping[str, int]
    cells: Mapping[str, str]
    faults: Faults
    marred: set[str] = field(default_factory=set)

    def take(self, column: str, read: Callable[[str], V]) -> V:
        """The cell under ``column`` as a value; on a fault, a stand-in that is thrown away."""
        try:
            return read(self.cells.get(column, ""))
        except _Refused as refused:
            self.fault(column, refused.what, refused.mend)
            return read(_STAND_IN[column])

    def fault(self, column: str, what: str, mend: str) -> None:
        self.marred.add(column)
        self.faults.add(self.line, what, mend, self.places.get(column, -1) + 1, column)


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
    columns: tuple[Sequence[str], Sequence[str]],
    build: Callable[[_Row], V],
) -> tuple[V, ...]:
    """Every row as a value; all faults are raised together."""
    faults = Faults(name)
    table = read_table(name, content, faults)
    at = table.known(*columns, faults)
    values = [build(_Row(line, at, cells, faults)) for line, cells in table.records(at)]
    faults.refuse()
    return tuple(values)


def _incident(row: _Row) -> Incident:
    return Incident(
        on=row.take("date", _day),
        scenario=row.take("scenario", _name),
        outcome=row.take("outcome", _outcome),
        amount=row.take("amount", _amount),
        source=row.cells.get("source", ""),
        line=row.line,
    )


def _trial(row: _Row) -> Trial:
    on, target = row.take("date", _day), row.take("target", _name)
    trials, successes = row.take("trials", _count), row.take("successes", _count)
    if trials == 0 and "trials" not in row.marred:
        row.fault("trials", "no trial was made", "give the number of trials, at least 1")
    elif successes > trials and not row.marred & {"trials", "successes"}:
        what = f"{successes} successes out of {trials} trials"
        row.fault("successes", what, "successes are some of the trials, never more")
    return Trial(on, target, trials, successes, row.line, row.cells.get("source", ""))


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
