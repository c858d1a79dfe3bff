# SPDX-License-Identifier: Apache-2.0
"""Whether prices can be believed: every finding before a figure, of bare files or of a book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from perilscope.cycle.desk.samples import within
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import open_workspace, portfolio
from perilscope.errors import DataError, MisuseError
from perilscope.evidence.admission import Admission, admit
from perilscope.evidence.calendar import UTC_DAYS, Calendar
from perilscope.evidence.history import History
from perilscope.evidence.quality import FAILS, WARNS, Finding
from perilscope.evidence.quotes import converted
from perilscope.layers.days import calendar_of
from perilscope.sources.files import read_prices

Document = dict[str, Any]


def check_data(
    book: Path | None = None,
    *,
    prices: Sequence[Path] = (),
    second: Sequence[Path] = (),
    assets: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
    accept: Sequence[str] = (),
    today: date | None = None,
    calendar: Calendar | None = None,
) -> Document:
    """Every finding about the prices of some assets, and which of them figures may rest on.

    Parameters
    ----------
    book : path, optional
        Its prices and what it holds; ``prices`` and ``assets`` take their place.
    prices, second : sequence of path
        Files of one source, and of another that is held against it.
    assets : sequence of str
        All in the files, without a book.
    first, last : date, optional
        The days that are to be used.
    accept : sequence of str
        Assets that are used whatever is found.
    today : date, optional
        A bar of this day is not whole.
    calendar : Calendar, optional
        The book's without; days that end at midnight UTC without a book.

    Raises
    ------
    MisuseError
        Neither a book nor prices, or an asset that no file has.
    DataError, BookError
        Files that cannot be read.
    """
    if first and last and first > last:
        raise MisuseError(f"--from {first} is after --to {last}")
    wanted = list(dict.fromkeys(assets))
    if prices:
        calendar = calendar or UTC_DAYS
        history = read_prices(list(prices), calendar)
        name = ", ".join(path.name for path in prices)
    elif book is not None:
        workspace = open_workspace(book, Settings())
        calendar = calendar_of(workspace.book)
        if workspace.history is None:
            raise MisuseError(f"{book}: this book names no prices; give them with --prices FILE")
        history = workspace.history
        name = workspace.book.institution.name
        wanted = wanted or list(portfolio(workspace))
        accept = [*accept, *workspace.book.market.accept]
        last = last or workspace.book.as_of
    else:
        raise MisuseError("name a BOOK, or files with --prices FILE")
    history, notes = converted(history)
    within(history, first, last)  # refuses when there are none
    other = converted(read_prices(list(second), calendar))[0] if second else None
    absent = [asset for asset in wanted if asset not in history.assets]
    if absent and not book:
        known = ", ".join(history.assets[:20])
        raise MisuseError(f"there are no prices of {', '.join(absent)}; there are {known}")
    return {
        "source": name,
        "sha256": history.digest,
        "second": ", ".join(path.name for path in second),
        **_judged(history, wanted or list(history.assets), other, first, last, accept, today,
                  calendar, notes),
    }  # fmt: skip


def _judged(
    history: History,
    wanted: Sequence[str],
    second: History | None,
    first: date | None,
    last: date | None,
    accept: Sequence[str],
    today: date | None,
    calendar: Calendar,
    notes: list[str],
) -> Document:
    """Findings asset by asset, each over its own days, and what passes over common days."""
    rows: list[Document] = []
    findings: list[Finding] = []
    for asset in wanted:
        try:
            one = admit(
                history, [asset], first=first, last=last, accept=[asset], second=second,
                today=today, calendar=calendar,
            )  # fmt: skip
        except DataError as error:
            why = error.faults[0].what
            rows.append({"asset": asset, "verdict": "excluded", "reasons": [why], "days": 0})
            continue
        findings += list(one.findings)
        rows.append(_verdict(asset, one, accept))
    excluded = {r["asset"]: r["reasons"][0] for r in rows if r["verdict"] == "excluded"}
    accepted = {r["asset"]: r["reasons"][0] for r in rows if r["verdict"] == "accepted"}
    days = Counter(f.first for f in findings if f.kind == "glitch")
    return {
        "first": history.days[0].isoformat(),
        "last": history.days[-1].isoformat(),
        "days": len(history.days),
        "assets": rows,
        "excluded": excluded,
        "accepted": accepted,
        "findings": [_told(one) for one in findings],
        "glitch_days": [
            {"day": day.isoformat(), "assets": count}
            for day, count in sorted(days.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
        "calendar": {
            "cutoff_hour": calendar.cutoff,
            "zone": calendar.zone,
            "days_a_year": calendar.days_a_year,
            "weekend": calendar.weekend,
        },
        "notes": notes,
    }


def _verdict(asset: str, one: Admission, accept: Sequence[str]) -> Document:
    fails = [f.what for f in one.findings if f.weight == FAILS]
    warns = [f.what for f in one.findings if f.weight == WARNS]
    verdict = "warned" if warns else "passes"
    if fails:
        verdict = "accepted" if asset in accept else "excluded"
    return {
        "asset": asset,
        "verdict": verdict,
        "first": one.history.days[0].isoformat(),
        "last": one.history.days[-1].isoformat(),
        "days": len(one.history.days),
        "fails": len(fails),
        "warns": len(warns),
        "told": len(one.findings) - len(fails) - len(warns),
        "reasons": fails or warns,
    }


def _told(one: Finding) -> Document:
    return {
        "asset": one.asset,
        "kind": one.kind,
        "weight": one.weight,
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "what": one.what,
        "mend": one.mend,
        "where": one.where,
        "size": one.size,
        "path": [{"time": time, "price": price} for time, price in one.path],
    }
