# SPDX-License-Identifier: Apache-2.0
"""Step six: a run that was made before, against what happened since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from perilscope.cycle.assess import Result
from perilscope.cycle.workspace import Workspace
from perilscope.errors import MisuseError
from perilscope.evidence.positions import Position
from perilscope.evidence.terms import Terms
from perilscope.layers.days import calendar_of
from perilscope.layers.past import day_by_day
from perilscope.monitoring.compare import YEAR, compare, exceptions
from perilscope.monitoring.review import due


def watch(
    workspace: Workspace, since: Mapping[str, Any], on: date, now: Result | None = None
) -> dict[str, Any]:
    """Compare a written run with the logs and prices up to a day.

    Parameters
    ----------
    since : mapping
        The run document that holds the forecast.
    on : date
        The day to look from.
    now : Result, optional
        Today's run, for limits that are breached now.

    Raises
    ------
    MisuseError
        The run is of another institution, or lies after ``on``.
    """
    start = date.fromisoformat(since["as_of"])
    book = workspace.book
    if since["book"]["name"] != book.institution.name:
        raise MisuseError(
            f"that run is of {since['book']['name']!r}, this book of {book.institution.name!r}"
        )
    if on < start:
        raise MisuseError(f"the run was made as of {start}, after {on}: give a later --on")
    outcomes = compare(since["forecast"]["scenarios"], workspace.incidents, start, on)
    return {
        "format": 1,
        "book": {"name": book.institution.name, "hash_then": since["book"]["hash"]},
        "since": start.isoformat(),
        "on": on.isoformat(),
        "years": (on - start).days / YEAR,
        "currency": book.currency,
        "scenarios": [
            {
                "id": o.id,
                "events": {"mean": o.events.mean, "low": o.events.low, "high": o.events.high},
                "happened": o.happened,
                "loss": {"mean": o.loss.mean, "low": o.loss.low, "high": o.loss.high},
                "lost": o.lost,
                "outside": o.surprising,
            }
            for o in outcomes
        ],
        "var": _exceptions(workspace, since, start, on),
        "limits": [] if now is None else _breached(now),
        "attention": [{"what": d.what, "where": d.where, "says": d.says} for d in due(book, on)],
        "log": {
            "incidents": sum(start < i.on <= on for i in workspace.incidents),
            "unknown": sorted({i.scenario for i in workspace.incidents} - set(book.scenarios)),
        },
    }


def _exceptions(
    workspace: Workspace, since: Mapping[str, Any], start: date, on: date
) -> dict[str, Any] | None:
    market = since.get("market") or {}
    written = since["forecast"].get("market")
    if workspace.history is None or not written:
        return None
    lots = [
        Position(each["asset"], each["quantity"])
        for each in market.get("valued", ())
        if each.get("instrument", "spot") == "spot"
    ]
    if any(each.get("instrument", "spot") != "spot" for each in market.get("valued", ())):
        if "lots" not in market:
            return None  # of a version that did not write the terms down
        lots += [_lot(each) for each in market["lots"]]
    book = workspace.book
    losses = day_by_day(
        lots, workspace.history, start, on, calendar_of(book), since.get("currency", book.currency)
    )
    found = exceptions(losses, written["level"], written["var"])
    return None if found is None else dict(vars(found))


def _lot(each: Mapping[str, Any]) -> Position:
    """An instrument as the run wrote it down."""
    said = dict(each["terms"])
    if said.get("expiry"):
        said["expiry"] = date.fromisoformat(said["expiry"])
    return Position(
        each["asset"], each["quantity"], instrument=each["instrument"], terms=Terms(**said)
    )


def _breached(now: Result) -> list[dict[str, Any]]:
    return [
        {"measure": s.measure, "value": s.value, "limit": s.limit, "owner": s.owner, "unit": s.unit,
         "state": "breached" if s.breached else "warning"}
        for s in now.limits
        if s.breached or s.warned
    ]  # fmt: skip
