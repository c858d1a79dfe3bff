# SPDX-License-Identifier: Apache-2.0
"""A history of daily closes as a value: what is there, where it stands, what cannot be used."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import AssessmentError, MisuseError

Array = NDArray[np.float64]


Bars = tuple[NDArray[np.int64], Array]
"""Seconds since 1970, ascending, and the closes at them."""


@dataclass(frozen=True)
class Defect:
    """One price that cannot be used: which, where, why, and how to mend it."""

    asset: str
    day: date
    file: str
    line: int
    what: str
    mend: str


@dataclass(frozen=True, eq=False)
class History:
    """Daily closes of several assets.

    Parameters
    ----------
    assets : tuple of str
    days : tuple of date
        Ascending; every day on which at least one asset has a row.
    closes : array, shape (days, assets)
        NaN where there is no price or it is refused.
    source : str
        Name of the file or files.
    note : str
        What the lines starting with ``#`` say.
    digest : str
        SHA-256 of the content.
    lines : array of int, shape (days, assets), optional
        Line of each price in its file; 0 where there is none.
    files : tuple of str, optional
        Names of the files; ``origin`` (days, assets) counts in them.
    defects : tuple of Defect, optional
    others : mapping, optional
        ``open``, ``high``, ``low``, ``volume`` (money) and ``traded`` (a volume of unknown unit)
        where the files have them, each an array of shape (days, assets).
    bars : mapping of asset to (seconds since 1970, closes), optional
        Prices within the day, where the files have them.
    partial : mapping of asset to sentence, optional
        Why the last day of an asset is not whole.
    quotes : mapping of asset to what its price is quoted in, optional

    Examples
    --------
    >>> days = (date(2026, 1, 1), date(2026, 1, 2))
    >>> history = History(("BTC",), days, np.array([[100.0], [90.0]]))
    >>> history.price("BTC", date(2026, 1, 5))
    90.0
    """

    assets: tuple[str, ...]
    days: tuple[date, ...]
    closes: Array
    source: str = ""
    note: str = ""
    digest: str = ""
    lines: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    files: tuple[str, ...] = ()
    origin: NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, 0), np.int16))
    defects: tuple[Defect, ...] = ()
    others: Mapping[str, Array] = field(default_factory=dict)
    bars: Mapping[str, Bars] = field(default_factory=dict)
    partial: Mapping[str, str] = field(default_factory=dict)
    quotes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.days), len(self.assets))
        if self.closes.shape != shape:
            raise MisuseError(f"closes of shape {self.closes.shape} do not fit {shape}")
        if any(later <= day for day, later in zip(self.days, self.days[1:], strict=False)):
            raise MisuseError("the days of a history must ascend")
        if self.lines.shape != shape:
            object.__setattr__(self, "lines", np.zeros(shape, np.int32))
        if self.origin.shape != shape:
            object.__setattr__(self, "origin", np.zeros(shape, np.int16))
        if any(array.shape != shape for array in self.others.values()):
            object.__setattr__(self, "others", {})
        if not self.files:
            object.__setattr__(self, "files", (self.source,))
        for array in (self.closes, self.lines, self.origin):
            array.flags.writeable = False

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where the files have a row, usable or not; shape (days, assets)."""
        return np.asarray((self.lines > 0) | np.isfinite(self.closes))

    def of(self, assets: Sequence[str], rows: Sequence[int] | None = None) -> History:
        """Some of the assets, in the order given, and some of the days; without the defects.

        Examples
        --------
        >>> days = (date(2026, 1, 1), date(2026, 1, 2))
        >>> whole = History(("A", "B"), days, np.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> whole.of(["B"], [1]).closes.tolist()
        [[4.0]]
        """
        kept = range(len(self.days)) if rows is None else rows
        at = np.ix_(list(kept), [self.assets.index(asset) for asset in assets])
        return replace(
            self,
            assets=tuple(assets),
            days=tuple(self.days[row] for row in kept),
            closes=self.closes[at],
            lines=self.lines[at],
            origin=self.origin[at],
            defects=(),
            others={key: array[at] for key, array in self.others.items()},
            bars={asset: self.bars[asset] for asset in assets if asset in self.bars},
            partial={asset: self.partial[asset] for asset in assets if asset in self.partial},
            quotes={asset: self.quotes[asset] for asset in assets if asset in self.quotes},
        )

    def last(self, token: str, on: date) -> tuple[date, float]:
        """The last usable close on or before a day, and its day.

        Raises
        ------
        AssessmentError
            If the asset is not in the history or has no price yet.
        """
        if token not in self.assets:
            raise AssessmentError(f"there is no price of {token} in {self.source or 'the history'}")
        column = self.closes[: bisect_right(self.days, on), self.assets.index(token)]
        found = np.flatnonzero(np.isfinite(column))
        if not found.size:
            where = self.source or "the history"
            raise AssessmentError(f"there is no price of {token} on or before {on} in {where}")
        return self.days[found[-1]], float(column[found[-1]])

    def price(self, token: str, on: date) -> float:
        """The last usable close on or before a day; raises as `last`."""
        return self.last(token, on)[1]


def merge(histories: Sequence[History]) -> History:
    """Several histories as one: all their assets, all their days.

    A day of an asset that stands in two of them is a defect, even at the same price: one of the
    two files is not what its reader believes it to be. The first one's price is kept.

    Parameters
    ----------
    histories : sequence of History
        At least one; assets keep the order in which they first appear.

    Examples
    --------
    >>> days = (date(2026, 1, 1),)
    >>> one = History(("BTC",), days, np.array([[100.0]]), "a.csv")
    >>> two = History(("ETH",), days, np.array([[9.0]]), "b.csv")
    >>> merge([one, two]).assets, merge([one, two]).source
    (('BTC', 'ETH'), 'a.csv, b.csv')
    """
    if not histories:
        raise MisuseError("there are no price histories to merge")
    if len(histories) == 1:
        return histories[0]
    assets = list(dict.fromkeys(name for one in histories for name in one.assets))
    days = sorted({day for one in histories for day in one.days})
    files = tuple(dict.fromkeys(name for one in histories for name in one.files))
    row_of = {day: row for row, day in enumerate(days)}
    closes = np.full((len(days), len(assets)), np.nan)
    lines, origin = np.zeros(closes.shape, np.int32), np.zeros(closes.shape, np.int16)
    present = np.zeros(closes.shape, np.bool_)
    defects: list[Defect] = []
    others: dict[str, Array] = {}
    bars: dict[str, Bars] = {}
    for one in histories:
        at = np.ix_([row_of[day] for day in one.days], [assets.index(name) for name in one.assets])
        fresh, twice = one.present & ~present[at], one.present & present[at]
        place = np.array([files.index(name) for name in one.files], np.int16)[one.origin]
        defects.extend(one.defects)
        for row, column in np.argwhere(twice).tolist():
            before = row_of[one.days[row]], assets.index(one.assets[column])
            defects.append(_twice(one, row, column, f"{files[origin[before]]}:{lines[before]}"))
        closes[at] = np.where(fresh, one.closes, closes[at])
        lines[at] = np.where(fresh, one.lines, lines[at])
        origin[at] = np.where(fresh, place, origin[at])
        present[at] |= one.present
        for key, array in one.others.items():
            whole = others.setdefault(key, np.full(closes.shape, np.nan))
            whole[at] = np.where(fresh, array, whole[at])
        for asset, found in one.bars.items():
            bars[asset] = _in_order(bars[asset], found) if asset in bars else found
    return History(
        tuple(assets),
        tuple(days),
        closes,
        ", ".join(one.source for one in histories),
        "\n".join(one.note for one in histories if one.note),
        hashlib.sha256("\n".join(one.digest for one in histories).encode()).hexdigest(),
        lines,
        files,
        origin,
        tuple(defects),
        others=others,
        bars=bars,
        partial=_unfinished(histories),
        quotes={asset: quote for one in histories for asset, quote in one.quotes.items()},
    )


def _twice(history: History, row: int, column: int, first: str) -> Defect:
    """A price whose day stands in a file that was read before."""
    return Defect(
        history.assets[column],
        history.days[row],
        history.files[history.origin[row, column]],
        int(history.lines[row, column]),
        f"this day stands in two files, first in {first}",
        "keep one of the two; leave the other out or point to one file only",
    )


def _in_order(one: Bars, other: Bars) -> Bars:
    """Prices within the day of two files, by their moment; those of the first file first."""
    seconds = np.concatenate([one[0], other[0]])
    order = np.argsort(seconds, kind="stable")
    return seconds[order], np.concatenate([one[1], other[1]])[order]


def _unfinished(histories: Sequence[History]) -> dict[str, str]:
    """Days that are not whole, of the file of each asset that reaches furthest."""
    last: dict[str, tuple[date, str]] = {}
    for one in histories:
        for column, asset in enumerate(one.assets):
            row = int(np.flatnonzero(one.present[:, column])[-1])
            told = (one.days[row], one.partial.get(asset, ""))
            last[asset] = max(last.get(asset, told), told, key=lambda pair: pair[0])
    return {asset: why for asset, (_, why) in last.items() if why}
