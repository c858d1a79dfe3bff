# SPDX-License-Identifier: Apache-2.0
"""The calendar of a market that never closes: when a day ends, and how many make a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from perilscope.errors import MisuseError
from perilscope.once import cached_property

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Calendar:
    """Days of 24 hours, all seven of the week, each ending at the same hour of one zone.

    Parameters
    ----------
    cutoff : int
        Hour at which a day ends and the next begins, 0 to 23; 0 is midnight. A day is named after
        the date on which most of it lies: with 8 the close of the 5th is at 08:00 on the 6th, with
        16 at 16:00 on the 5th.
    zone : str
        IANA name of the zone of that hour.
    days_a_year : float
        Days by which a rate per year is divided.
    weekend : float
        Volume of a Saturday or Sunday as a share of that of a working day; of Bitcoin 0.71, 2021
        to 2022.

    Examples
    --------
    >>> Calendar().day(1710115199), Calendar(cutoff=8).day(1710115199)  # 2024-03-10 23:59:59 UTC
    (738955, 738955)
    >>> Calendar(cutoff=8).day(1710057600 - 1)  # 2024-03-10 07:59:59 UTC belongs to the 9th
    738954
    """

    cutoff: int = 0
    zone: str = "UTC"
    days_a_year: float = 365.0
    weekend: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.cutoff <= 23:
            raise MisuseError(f"a day ends at an hour from 0 to 23, not {self.cutoff}")
        if not self.days_a_year > 0.0 or not 0.0 < self.weekend <= 1.0:
            raise MisuseError("days in a year are positive, the weekend's share is in (0, 1]")
        if self.zone != "UTC":
            try:
                ZoneInfo(self.zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise MisuseError(
                    f"there is no zone {self.zone!r}; write it like Europe/London"
                ) from None

    @cached_property
    def _ahead(self) -> int:
        """Hours from the cut-off to the midnight that names the day."""
        return self.cutoff if self.cutoff < 12 else self.cutoff - 24

    def second(self, seconds: int) -> tuple[int, int]:
        """Ordinal of the day that a moment lies in, and its second within that day."""
        shift = -3600 * self._ahead
        if self.zone != "UTC":
            local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(self.zone))
            offset = local.utcoffset()
            shift += int(offset.total_seconds()) if offset is not None else 0
        days, second = divmod(seconds + shift, 86400)
        return _EPOCH + days, second

    def day(self, seconds: int) -> int:
        """Ordinal of the day that a moment (seconds since 1970) lies in."""
        return self.second(seconds)[0]

    def capacity(self, start: date, days: int) -> float:
        """Working days' worth of liquidity in the days after a date.

        Examples
        --------
        >>> round(Calendar(weekend=0.5).capacity(date(2026, 11, 20), 7), 9)  # five and two halves
        6.0
        """
        first = start.toordinal() + 1
        whole, rest = divmod(days, 7)
        total = whole * (5.0 + 2.0 * self.weekend)
        for ordinal in range(first, first + rest):
            total += self.weekend if date.fromordinal(ordinal).weekday() >= 5 else 1.0
        return total


UTC_DAYS = Calendar()
