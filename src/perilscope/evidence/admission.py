# SPDX-License-Identifier: Apache-2.0
"""Which assets figures may rest on: those whose prices pass, and those let in against the findings.

Nothing is mended. An asset that fails is left out with the reason; one that is accepted in spite of
it is used as it stands, its missing days carried forward, and every page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from perilscope.errors import DataError, Fault
from perilscope.evidence.calendar import UTC_DAYS, Calendar
from perilscope.evidence.gate import FEW
from perilscope.evidence.history import History
from perilscope.evidence.quality import FAILS, Finding, inspect

REFUSED = ("missing-days", "missing-price", "impossible-price", "duplicated-day")
"""Faults of the file itself: a book that holds the asset is refused with their places."""


@dataclass(frozen=True)
class Admission:
    """Prices that figures may rest on, and what was decided about the others.

    Parameters
    ----------
    history : History
        Every calendar day from first to last, every close positive.
    excluded, accepted : mapping of asset to reason
    findings : tuple of Finding
    notes : tuple of str
        What a reader of the figures must know.
    """

    history: History
    excluded: Mapping[str, str]
    accepted: Mapping[str, str]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def admit(
    history: History,
    wanted: Sequence[str],
    *,
    first: date | None = None,
    last: date | None = None,
    accept: Collection[str] = (),
    second: History | None = None,
    today: date | None = None,
    calendar: Calendar = UTC_DAYS,
) -> Admission:
    """The assets that pass over the days they have in common, and why the others do not.

    Parameters
    ----------
    history : History
    wanted : sequence of str
    first, last : date, optional
        The days to use; without, those that all of what passes has.
    accept : collection of str
        Assets that are used whatever was found.
    second : History, optional
        Another source of the same prices.
    today : date, optional
    calendar : Calendar

    Raises
    ------
    DataError
        Nothing passes, or no day is common to all that does.

    Examples
    --------
    >>> days = tuple(date(2026, 1, d) for d in (1, 2, 4))
    >>> history = History(("A", "B"), days, np.array([[1.0, 1], [2, 2], [np.nan, 3]]), "p.csv")
    >>> admit(history, ["A", "B"]).excluded
    {'B': '2026-01-03 is missing'}
    """
    there = [asset for asset in dict.fromkeys(wanted) if asset in history.assets]
    excluded = {
        asset: f"there are no prices of it in {history.source or 'the history'}"
        for asset in dict.fromkeys(wanted)
        if asset not in history.assets
    }
    spans = {a: s for a in there if (s := _span(history, a, first, last)) is not None}
    excluded |= {a: "it has no price within these days" for a in there if a not in spans}
    if first is not None:
        late = {a: s[0] for a, s in spans.items() if s[0] > first and a not in accept}
        excluded |= {a: f"its prices start on {day}, after {first}" for a, day in late.items()}
        spans = {a: s for a, s in spans.items() if a not in late}
    start = first or max((s[0] for s in spans.values()), default=history.days[0])
    findings = inspect(
        history, second=second, assets=list(spans), first=start, last=last, today=today,
        calendar=calendar,
    )  # fmt: skip
    accepted: dict[str, str] = {}
    for asset in spans:
        whys = [one.what for one in findings if one.asset == asset and one.weight == FAILS]
        if whys:
            more = f" (and {len(whys) - 1} more)" if len(whys) > 1 else ""
            (accepted if asset in accept else excluded)[asset] = whys[0] + more
    kept = [asset for asset in spans if asset not in excluded]
    if not kept:
        told = "; ".join(f"{asset}: {why}" for asset, why in excluded.items())
        what = f"none of the assets can be used: {told or 'none is named'}"
        mend = "mend the file, choose other days, or accept an asset in spite of it"
        raise DataError([Fault(history.source, 0, 0, "", what, mend)])
    unfinished = [o for o in findings if o.kind == "partial-bar" and o.asset in kept]
    end = _end(history, spans, kept, accepted, unfinished)
    whole = _whole(history, kept, start, end, accepted)
    notes = _notes(history, excluded, accepted, unfinished, whole)
    return Admission(whole, excluded, accepted, findings, tuple(notes))


def screened(
    history: History,
    held: Sequence[str],
    as_of: date,
    accept: Collection[str] = (),
    first: date | None = None,
) -> tuple[History, list[str], list[str]]:
    """What a book holds without the assets that fail, those it accepts carried over their gaps.

    Faults of the file itself (missing and repeated days, impossible prices) are left to the gate,
    which refuses them with their places.

    Parameters
    ----------
    history : History
    held : sequence of str
        Assets of the history.
    as_of : date
    accept : collection of str
    first : date, optional
        The first day that is used; without, the first that all of it has.

    Returns
    -------
    history : History
    kept : list of str
        What of ``held`` the gate is to judge.
    notes : list of str
        What was left out or let in, and why.
    """
    spans = {a: s for a in held if (s := _span(history, a, None, as_of)) is not None}
    if not spans:
        return history, list(held), []
    start = first or max(begun for begun, _ in spans.values())
    findings = [
        one
        for one in inspect(history, assets=list(spans), first=start, last=as_of)
        if one.weight == FAILS
    ]
    whys: dict[str, str] = {}
    for one in findings:
        if one.asset in accept or one.kind not in REFUSED:
            whys.setdefault(one.asset, one.what)
    accepted = {asset: why for asset, why in whys.items() if asset in accept}
    excluded = {asset: why for asset, why in whys.items() if asset not in accept}
    kept = [asset for asset in held if asset not in excluded]
    notes = [f"{a} is LEFT OUT of the market figures: {why}" for a, why in excluded.items()]
    notes += [f"{a} is used IN SPITE OF: {why}" for a, why in accepted.items()]
    return _carried(history, list(accepted)), kept, notes


def _carried(history: History, assets: Sequence[str]) -> History:
    """The prices of some assets carried over their gaps, as if every day had a row."""
    if not assets:
        return history
    closes, lines = history.closes.copy(), history.lines.copy()
    for asset in assets:
        column = history.assets.index(asset)
        have = np.flatnonzero(np.isfinite(closes[:, column]))
        for row in range(int(have[0]) + 1, len(history.days)):
            if not np.isfinite(closes[row, column]):
                closes[row, column] = closes[row - 1, column]
                lines[row, column] = max(int(lines[row, column]), int(lines[row - 1, column]))
    defects = tuple(one for one in history.defects if one.asset not in assets)
    return replace(history, closes=closes, lines=lines, defects=defects)


def _span(
    history: History, asset: str, first: date | None, last: date | None
) -> tuple[date, date] | None:
    rows = np.flatnonzero(history.present[:, history.assets.index(asset)])
    days = [history.days[row] for row in rows.tolist()]
    days = [d for d in days if (first is None or d >= first) and (last is None or d <= last)]
    return (days[0], days[-1]) if days else None


def _end(
    history: History,
    spans: Mapping[str, tuple[date, date]],
    kept: Sequence[str],
    accepted: Mapping[str, str],
    unfinished: Sequence[Finding],
) -> date:
    """The last day that all of what passes has whole."""
    firm = [asset for asset in kept if asset not in accepted] or list(kept)
    end = min(spans[asset][1] for asset in firm)
    if any(one.first == end for one in unfinished):
        end -= timedelta(days=1)
    return end


def _whole(
    history: History, kept: Sequence[str], start: date, end: date, accepted: Mapping[str, str]
) -> History:
    """Every calendar day between two; missing days of accepted assets are carried forward."""
    rows = {day: row for row, day in enumerate(history.days)}
    span = [start + timedelta(days=k) for k in range((end - start).days + 1)]
    inside = [day for day in span if day in rows]
    if not inside:
        what = f"there is no day that all of {', '.join(kept)} have"
        raise DataError([Fault(history.source, 0, 0, "", what, "give prices of the same days")])
    short = history.of(kept, [rows[day] for day in inside])
    if not accepted:
        return short
    closes = np.full((len(span), len(kept)), np.nan)
    closes[[(day - start).days for day in inside]] = short.closes
    for asset in accepted:
        column = closes[:, kept.index(asset)]
        have = np.isfinite(column)
        place = np.maximum.accumulate(np.where(have, np.arange(column.size), -1))
        first = int(np.argmax(have))
        column[:] = np.where(place >= 0, column[np.maximum(place, 0)], column[first])
    return History(
        tuple(kept), tuple(span), closes, history.source, history.note, history.digest,
        bars=short.bars, partial=short.partial, quotes=short.quotes,
    )  # fmt: skip


def _notes(
    history: History,
    excluded: Mapping[str, str],
    accepted: Mapping[str, str],
    unfinished: Sequence[Finding],
    whole: History,
) -> list[str]:
    found = [f"{asset} is left out: {why}" for asset, why in excluded.items()]
    found += [f"{asset} is used IN SPITE OF: {why}" for asset, why in accepted.items()]
    for asset in accepted:
        have = history.present[:, history.assets.index(asset)]
        days = {history.days[row] for row in np.flatnonzero(have).tolist()}
        carried = sum(day not in days for day in whole.days)
        if carried:
            found.append(f"{asset}: {carried} missing days carry the price before them")
    cut = [one for one in unfinished if one.first > whole.days[-1]]
    if cut:
        names = ", ".join(sorted({one.asset for one in cut}))
        found.append(f"{cut[0].first} is left out: it is not a whole day for {names}")
    quoted = sorted({q for a, q in whole.quotes.items() if q not in ("USD", "") and a != q})
    if quoted:
        names = ", ".join(quoted)
        found.append(f"prices are quoted in {names}, which is not taken to be worth 1 USD")
    if len(whole.days) < FEW:
        found.append(f"only {len(whole.days)} days of prices: the far tail rests on very few")
    return found
