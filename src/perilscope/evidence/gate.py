# SPDX-License-Identifier: Apache-2.0
"""The data gate: no figure is computed from a price that is missing, doubled or impossible.

What is held must be whole over the days that are used; anything else about the file is only told.
Nothing is filled in or smoothed over: digital assets trade every calendar day, so a missing day is
a missing observation, and the person who knows the source mends it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from perilscope.errors import DataError, Fault
from perilscope.evidence.history import Defect, History

#: Defects of one asset that are told one by one; the rest is counted.
TOLD = 20
#: Fewer days than this leave the far tail to a handful of observations.
FEW = 250


@dataclass(frozen=True)
class _Gap:
    """Missing days of one asset; ``line`` is where the file goes on."""

    asset: str
    first: date
    last: date
    file: str
    line: int

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        if self.days == 1:
            return f"{self.first} is missing"
        return f"{self.days} days are missing, {self.first} to {self.last}"


def _gaps(history: History, asset: str) -> list[_Gap]:
    """Missing calendar days between the first and the last row of an asset."""
    column = history.assets.index(asset)
    rows = np.flatnonzero(history.present[:, column])
    ordinals = np.array([history.days[row].toordinal() for row in rows.tolist()], dtype=np.int64)
    return [
        _Gap(
            asset,
            date.fromordinal(int(ordinals[at]) + 1),
            date.fromordinal(int(ordinals[at + 1]) - 1),
            history.files[history.origin[rows[at + 1], column]],
            int(history.lines[rows[at + 1], column]),
        )
        for at in np.flatnonzero(np.diff(ordinals) > 1).tolist()
    ]


def _span(history: History, asset: str, as_of: date) -> tuple[date, date] | None:
    """First and last row of an asset on or before a day."""
    rows = np.flatnonzero(history.present[:, history.assets.index(asset)])
    days = [history.days[row] for row in (rows.tolist()) if history.days[row] <= as_of]
    return (days[0], days[-1]) if days else None


def _faults(gaps: Sequence[_Gap], defects: Sequence[Defect]) -> list[Fault]:
    """Every reason to refuse one asset, in the order of days."""
    fill = "add these days, or leave out the days before and start after the gap"
    if len(gaps) > TOLD and all(gap.first.weekday() >= 4 for gap in gaps):
        fill = "these are weekends; closes for all seven days of the week are needed"
    told = [(gap.first, Fault(gap.file, gap.line, 1, gap.asset, str(gap), fill)) for gap in gaps]
    told += [
        (one.day, Fault(one.file, one.line, 1, one.asset, f"{one.day}: {one.what}", one.mend))
        for one in defects
    ]
    told.sort(key=lambda pair: pair[0])
    faults = [fault for _, fault in told]
    if len(faults) > TOLD:
        last, rest = faults[TOLD - 1], len(faults) - TOLD
        faults[TOLD:] = [replace(last, line=0, column=0, what=f"and {rest} more", mend="")]
    if faults:
        last = faults[-1]
        way = f"`--accept {last.path}`, in a book `market: {{accept: [{last.path}]}}`"
        mend = f"{last.mend}; or " if last.mend else ""
        faults[-1] = replace(last, mend=f"{mend}have the price before stand in: {way}")
    return faults


def _aside(asset: str, gaps: Sequence[_Gap], defects: Sequence[Defect], why: str) -> list[str]:
    """One sentence about what is wrong with prices that no figure uses."""
    if not gaps and not defects:
        return []
    missing = sum(gap.days for gap in gaps)
    parts = [f"{missing} missing days, first {gaps[0].first}"] if gaps else []
    if defects:
        first = defects[0]
        more = f" and {len(defects) - 1} more" if len(defects) > 1 else ""
        parts.append(f"{first.file}:{first.line}: {first.day}: {first.what}{more}")
    return [f"{asset} ({why}): {'; '.join(parts)}"]


def _absent(history: History, asset: str) -> str:
    """A sentence about an asset that is held but has no prices."""
    near = {name.casefold(): name for name in history.assets}
    close = difflib.get_close_matches(asset.casefold(), list(near), n=1, cutoff=0.75)
    hint = f"; the history has {near[close[0]]}" if close else ""
    where = history.source or "the price history"
    return f"{asset} is held but has no prices in {where}{hint}; market figures leave it out"


def _ends(spans: dict[str, tuple[date, date]], start: date, end: date) -> list[str]:
    """Sentences about the assets that shorten the days all have in common."""
    found = []
    if min(first for first, _ in spans.values()) < start:
        late = ", ".join(asset for asset, (first, _) in spans.items() if first == start)
        found.append(f"the days used start on {start}, the first of {late}; others reach further")
    if max(last for _, last in spans.values()) > end:
        early = ", ".join(asset for asset, (_, last) in spans.items() if last == end)
        found.append(f"the days used end on {end}, the last of {early}; others go on")
    return found


def _restricted(history: History, assets: Sequence[str], start: date, end: date) -> History:
    rows = [row for row, day in enumerate(history.days) if start <= day <= end]
    return history.of(assets, rows)


def gate(
    history: History, held: Sequence[str], as_of: date, stale_after: int = 5
) -> tuple[History, list[str]]:
    """The prices of what is held over the days that all of it has, if they are whole.

    Parameters
    ----------
    history : History
    held : sequence of str
        Assets to keep, in the order wanted; repeated names count once.
    as_of : date
        Later prices are not used.
    stale_after : int
        Days between the last price and ``as_of`` that are still not worth a remark.

    Returns
    -------
    history : History
        Every calendar day from first to last, every close positive.
    findings : list of str
        What was left out or is worth knowing: assets without prices, defects of assets that are
        not held or outside the days used, old prices, short histories.

    Raises
    ------
    DataError
        With every missing day, repeated day and impossible price of what is held within the days
        used; or if nothing held has prices, or there is no day that all have.

    Examples
    --------
    >>> days = tuple(date(2026, 1, day) for day in (1, 2, 4))
    >>> hole = History(("BTC",), days, np.ones((3, 1)), "p.csv")
    >>> gate(hole, ["BTC"], date(2026, 1, 4))
    Traceback (most recent call last):
    ...
    perilscope.errors.DataError: p.csv: BTC: 2026-01-03 is missing
        add these days, or leave out the days before and start after the gap; or ...
    1 fault
    """
    wanted = list(dict.fromkeys(held))
    spans, start, end = _common(history, wanted, as_of)
    findings = [_absent(history, asset) for asset in wanted if asset not in spans]
    findings += _ends(spans, start, end)
    faults: list[Fault] = []
    for asset in (*spans, *(one for one in history.assets if one not in wanted)):
        gaps = _gaps(history, asset)
        defects = [one for one in history.defects if one.asset == asset]
        if asset not in spans:
            findings += _aside(asset, gaps, defects, "not held")
            continue
        inside = [gap for gap in gaps if gap.first <= end and gap.last >= start]
        spoilt = [one for one in defects if start <= one.day <= end]
        faults += _faults(inside, spoilt)
        outside = [gap for gap in gaps if gap not in inside]
        others = [one for one in defects if one not in spoilt]
        findings += _aside(asset, outside, others, "outside the days used")
    if faults:
        raise DataError(faults)
    kept = _restricted(history, list(spans), start, end)
    return kept, findings + _age(history, kept, as_of, stale_after)


def _common(
    history: History, wanted: Sequence[str], as_of: date
) -> tuple[dict[str, tuple[date, date]], date, date]:
    """Span of every asset that has prices, and the days they have in common."""
    spans = {
        asset: span
        for asset in wanted
        if asset in history.assets and (span := _span(history, asset, as_of)) is not None
    }
    if not spans:
        what = f"nothing that is held has prices here up to {as_of}: {', '.join(wanted) or 'none'}"
        raise DataError([Fault(history.source, 0, 0, "", what, "name assets as positions do")])
    start = max(first for first, _ in spans.values())
    end = min(last for _, last in spans.values())
    if start > end:
        each = "; ".join(f"{asset} {first} to {last}" for asset, (first, last) in spans.items())
        what = f"there is no day on which all of what is held has a price: {each}"
        raise DataError([Fault(history.source, 0, 0, "", what, "give prices of the same days")])
    return spans, start, end


def _age(history: History, kept: History, as_of: date, stale_after: int) -> list[str]:
    """Sentences about prices that are old, unused or few."""
    found = []
    end = kept.days[-1]
    if end < as_of - timedelta(days=stale_after):
        found.append(f"the last prices are of {end}, {(as_of - end).days} days before {as_of}")
    if history.days[-1] > as_of:
        found.append(f"prices after {as_of} are there and not used")
    if len(kept.days) < FEW:
        found.append(f"only {len(kept.days)} days of prices: the far tail rests on very few")
    return found
