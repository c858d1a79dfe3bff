# SPDX-License-Identifier: Apache-2.0
"""The calendar of a book: when its days end, what weekends count, how many days make a year."""

from __future__ import annotations

from perilscope.beliefs.law import point
from perilscope.book import Book
from perilscope.errors import MisuseError
from perilscope.evidence.calendar import UTC_DAYS, Calendar


def calendar_of(book: Book) -> Calendar:
    """What `market:` of a book says of its days.

    Raises
    ------
    MisuseError
        An hour, a zone or a share that cannot be.
    """
    said = book.market
    try:
        return Calendar(
            cutoff=said.day_ends,
            zone=said.zone,
            days_a_year=float(said.days_a_year),
            weekend=UTC_DAYS.weekend if said.weekend is None else point(said.weekend),
        )
    except MisuseError as error:
        raise MisuseError(f"market: {error}") from None
