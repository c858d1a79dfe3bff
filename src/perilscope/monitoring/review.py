# SPDX-License-Identifier: Apache-2.0
"""What nobody owns, what was not looked at in time, what a figure's age says about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from perilscope.book import Book

STALE_DAYS = 365
"""Age at which an estimate without its own review rhythm counts as stale."""


@dataclass(frozen=True)
class Due:
    """Something that wants attention: ``what`` is ``unowned``, ``overdue`` or ``stale``."""

    what: str
    where: str
    says: str


def due(book: Book, on: date) -> tuple[Due, ...]:
    """Everything unowned, overdue or stale on a day, in the order of the book.

    Examples
    --------
    >>> from perilscope.book import from_mapping
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> theft = {"asset": "safe", "frequency": "1 in 10 years", "magnitude": "100k"}
    >>> more = {"assets": {"safe": {"kind": "other"}}, "scenarios": {"theft": theft}}
    >>> [each.where for each in due(from_mapping({**tree, **more}), date(2026, 11, 20))]
    ['scenarios.theft']
    """
    return tuple(_unowned(book)) + tuple(_overdue(book, on)) + tuple(_stale(book, on))


def _entries(book: Book) -> Iterator[tuple[str, Any]]:
    for kind in ("assets", "venues", "protocols", "scenarios", "controls"):
        for item in getattr(book, kind).values():
            yield f"{kind}.{item.id}", item


def _unowned(book: Book) -> Iterator[Due]:
    for where, item in _entries(book):
        if not item.owner and (where.startswith(("scenarios.", "controls."))):
            yield Due("unowned", where, "has no owner")
    for limit in book.limits:
        if not limit.owner:
            yield Due("unowned", f"limits ({limit.measure.text})", "has no owner")


def _overdue(book: Book, on: date) -> Iterator[Due]:
    for where, item in [("review", book), *_entries(book)]:
        review = item.review
        if review is not None and review.next is not None and review.next < on:
            late = (on - review.next).days
            yield Due("overdue", where, f"review was due on {review.next}, {late} days ago")


def _stale(book: Book, on: date) -> Iterator[Due]:
    for scenario in book.scenarios.values():
        review = scenario.review or book.review
        every = review.every_days if review is not None and review.every_days else STALE_DAYS
        for path, estimate in scenario.estimates():
            if estimate.on is not None and on - estimate.on > timedelta(
                days=max(every, STALE_DAYS)
            ):
                age = (on - estimate.on).days
                yield Due("stale", f"scenarios.{scenario.id}.{path}", f"estimated {age} days ago")
