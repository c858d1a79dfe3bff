# SPDX-License-Identifier: Apache-2.0
"""The log of alerts: what detectors and people said of a condition, and when.

A sign is added and never changed. One that was wrong is taken back by the time in its column
``revoked``; from then on everything is as if it had never been, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from perilscope.evidence.table import Faults, number, read_table

Kind = Literal["alert", "alive", "on", "off", "finding"]
KINDS = ("alert", "alive", "on", "off", "finding")
_WANTED = ("time", "watch", "source", "kind")
_ALLOWED = ("when_true", "when_false", "until", "revoked", "note")
_LIKE = "write it like 2026-03-01 or 2026-03-01T14:30:00Z"


@dataclass(frozen=True)
class Alert:
    """One line of the log.

    Parameters
    ----------
    at : datetime
        When, in UTC.
    watch, source : str
        Id of the watch in the book, and of its detector; of a finding whoever says so.
    kind : str
        ``alert``, ``alive`` (a heartbeat), ``on`` or ``off`` of what shows a state, ``finding``.
    when_true, when_false : float
        Of a finding: how probable it is where the condition holds, and where it does not.
    until, revoked : datetime or None
        When it expires; when it was taken back.
    line : int
        Line of the file.
    """

    at: datetime
    watch: str
    source: str
    kind: Kind
    when_true: float = 1.0
    when_false: float = 1.0
    until: datetime | None = None
    revoked: datetime | None = None
    note: str = ""
    line: int = 0


def parse_alerts(name: str, data: bytes) -> tuple[Alert, ...]:
    r"""Read a log of alerts.

    Parameters
    ----------
    name : str
        Name of the file as the user gave it.
    data : bytes
        CSV in UTF-8 with a header ``time,watch,source,kind`` and perhaps
        ``when_true,when_false,until,revoked,note``. Times without a zone are UTC.

    Raises
    ------
    DataError
        With every fault of the file and its line.

    Examples
    --------
    >>> log = b"time,watch,source,kind\n2026-11-19T08:00:00Z,peg,feed,alert\n"
    >>> parse_alerts("alerts.csv", log)[0].at.isoformat()
    '2026-11-19T08:00:00+00:00'
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    at = table.known(_WANTED, _ALLOWED, faults)
    found = [_alert(row, line, faults) for line, row in table.records(at)]
    faults.refuse()
    return tuple(found)


def _alert(row: dict[str, str], line: int, faults: Faults) -> Alert:
    if row["kind"] not in KINDS:
        faults.add(line, f"no kind of sign is called {row['kind']!r}", f"one of {', '.join(KINDS)}")
    for column in ("watch", "source"):
        if not row[column]:
            faults.add(line, f"no {column} is named", "give its id as the book declares it")
    numbers = {}
    for column in ("when_true", "when_false"):
        text = row.get(column, "")
        value = number(text) if text else 1.0
        if value is None or not 0.0 <= value < float("inf"):
            faults.add(line, f"{column}: {text!r} is no probability", "write a number like 0.2")
            value = 1.0
        numbers[column] = value
    if row["kind"] == "finding" and not (row.get("when_true") and row.get("when_false")):
        mend = "how probable what was said is where the condition holds, and where it does not"
        faults.add(line, "a finding without when_true and when_false", mend)
    if row["kind"] == "finding" and numbers["when_true"] + numbers["when_false"] == 0.0:
        faults.add(line, "a finding that can be in neither case", "one of the two is above zero")
    return Alert(
        at=_time(row["time"], "time", line, faults) or datetime(2000, 1, 1, tzinfo=UTC),
        watch=row["watch"],
        source=row["source"],
        kind=cast("Kind", row["kind"]),
        **numbers,
        until=_time(row.get("until", ""), "until", line, faults, wanted=False),
        revoked=_time(row.get("revoked", ""), "revoked", line, faults, wanted=False),
        note=row.get("note", ""),
        line=line,
    )


def _time(
    text: str, column: str, line: int, faults: Faults, *, wanted: bool = True
) -> datetime | None:
    if not text:
        if wanted:
            faults.add(line, f"the {column} is missing", _LIKE)
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        faults.add(line, f"{column}: {text!r} is no time", _LIKE)
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
