# SPDX-License-Identifier: Apache-2.0
"""The log of champions: which model the tournament believes of what, and when that changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from perilscope.book import Book
from perilscope.cycle.measures import Document
from perilscope.errors import DataError, Fault
from perilscope.monitoring.tournament import EVERY
from perilscope.sources.files import read_text
from perilscope.store.documents import to_json, write_text

WHOLE = "portfolio"
OLD = 35
"""Days after which a tournament that was not played again is said to be old."""


def logged(document: Document, before: Sequence[Document]) -> list[Document]:
    """The log of champions with the changes of a tournament that it does not hold yet.

    A change is the same if subject, day and champion are. Entries stay in the order of their days.

    Examples
    --------
    >>> change = {"on": "2026-01-01", "champion": "t", "before": "", "why": "lowest"}
    >>> played = {"subjects": {"BTC": {"changes": [change]}}}
    >>> once = logged(played, [])
    >>> len(once), len(logged(played, once))
    (1, 1)
    """
    entries = [dict(each) for each in before]
    known = {(each["subject"], each["on"], each["champion"]) for each in entries}
    for subject, played in document["subjects"].items():
        for change in played["changes"]:
            if (subject, change["on"], change["champion"]) not in known:
                entries.append({"subject": subject, **change})
    return sorted(entries, key=lambda each: (each["on"], each["subject"]))


def log_of(book: Book, base: Path) -> Path | None:
    """Where a book keeps its log (`market: {champions: FILE}`)."""
    return base / book.market.champions if book.market.champions else None


def keep_log(path: Path, document: Document) -> None:
    """Add a tournament's changes of champion to a log; the file is written whole or not at all.

    Raises
    ------
    DataError
        The file is there and is not such a log.
    """
    before = read_log(path)
    played = {name: each["last"] for name, each in document["subjects"].items()}
    changes = logged(document, before["changes"])
    write_text(path, to_json({"changes": changes, "played": {**before["played"], **played}}))


def read_log(path: Path) -> Document:
    """Changes of champion, and the day each tournament last reached; empty without the file.

    Raises
    ------
    DataError
        The file is not such a log.
    """
    if not path.exists():
        return {"changes": [], "played": {}}
    try:
        found = json.loads(read_text(path))
        changes = [
            {key: str(each[key]) for key in ("subject", "on", "champion", "before", "why")}
            for each in found["changes"]
        ]
        played = {str(name): str(day) for name, day in found.get("played", {}).items()}
        for day in [*(each["on"] for each in changes), *played.values()]:
            date.fromisoformat(day)
    except (ValueError, KeyError, TypeError, AttributeError):
        what = "this is not a log of champions"
        mend = "name another file, or remove this one"
        raise DataError([Fault(path.as_posix(), 0, 0, "", what, mend)]) from None
    return {"changes": changes, "played": played}


def standing(
    log: Mapping[str, object], subjects: Sequence[str], as_of: date
) -> tuple[list[Document], list[str]]:
    """The champion of each subject on a day, whether it is new, and what is to be said of the log.

    A champion is new for as long as the tournament decides once (a week).

    Examples
    --------
    >>> change = {"subject": "BTC", "on": "2026-01-02", "champion": "t", "before": "", "why": "x"}
    >>> log = {"changes": [change], "played": {"BTC": "2026-01-05"}}
    >>> rows, notes = standing(log, ["BTC", "ETH"], date(2026, 1, 6))
    >>> [(row["subject"], row["champion"], row["new"]) for row in rows], notes
    ([('BTC', 't', True)], [])
    """
    changes, played = log["changes"], log["played"]
    assert isinstance(changes, list)
    assert isinstance(played, dict)
    rows: list[Document] = []
    for subject in subjects:
        mine = [
            each for each in changes
            if each["subject"] == subject and date.fromisoformat(each["on"]) <= as_of
        ]  # fmt: skip
        if mine:
            last = max(mine, key=lambda each: str(each["on"]))
            age = (as_of - date.fromisoformat(last["on"])).days
            rows.append({**last, "new": age < EVERY})
    days = [date.fromisoformat(day) for name, day in played.items() if name in subjects]
    if not rows:
        return [], ["no tournament was played yet: `perilscope market tournament BOOK` names the "
                    "champions"]  # fmt: skip
    if not days or (as_of - max(days)).days > OLD:
        last_day = f"reached {max(days)}" if days else "has no date"
        return rows, [f"the tournament of models {last_day}: play it again"]
    return rows, []
