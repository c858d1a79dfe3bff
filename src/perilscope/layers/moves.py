# SPDX-License-Identifier: Apache-2.0
"""Moves of prices over the horizon of the book, when history holds few such spans.

Daily moves of all prices are drawn in blocks of neighbouring days, the same days for every price,
and compounded over the horizon: what moves together stays together, and so do spells of high
volatility, as far as a block reaches. Up to the length of a block every overlapping span of the
past is taken once and nothing is drawn. Nothing is scaled by the square root of time.

Prices are expected to stay where they are, but for a declared drift: moves are divided by their
mean. Positions are those of today, held for the horizon; slower changes of volatility than a block
are not reproduced, which understates long spells of stress.

Source: Kuensch, Annals of Statistics 17 (1989), moving blocks; Davison, Hinkley and Schechtman,
Biometrika 73 (1986), balanced resampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError
from perilscope.evidence.prices import History
from perilscope.layers.revaluation import Ways

Floats = NDArray[np.float64]

DAYS_A_YEAR = 365.25
BLOCK = 30
"""Days that are drawn together."""
DRAWS = 100_000
NOWHERE: Ways = ((), ())
FEWEST_DAYS = 30
"""Days of prices without which nothing is said."""
HISTORIES = 40
"""Histories that are drawn again."""
_LONG = 180
"""Days that a resampled history takes over together."""
_AT_ONCE = 1 << 10
"""Spans that are walked along together, so that fast memory holds them."""


@dataclass(frozen=True)
class Spans:
    """Relative prices at the end of many spans, and how far they went on the way.

    Parameters
    ----------
    end : array, shape (n, assets)
        Against today's.
    low, high : mapping of int to array, shape (n,)
        By daily closes, of the assets (by place) that something held depends on on their way.
    """

    end: Floats
    low: Mapping[int, Floats]
    high: Mapping[int, Floats]

    def of(self, places: Sequence[int]) -> tuple[Floats, Floats, Floats]:
        """End, low and high of some assets, shape (n, places) each; just the ends of those whose
        way nobody asked for.
        """
        end, low, high = (self.end[:, list(places)] for _ in range(3))
        for found, side in ((low, self.low), (high, self.high)):
            for i, k in enumerate(places):
                found[:, i] = side.get(k, end[:, i])
        return end, low, high


@dataclass(frozen=True)
class Moves:
    """Price moves over a horizon.

    Parameters
    ----------
    years : float
        The horizon.
    days : int
        The same in days of prices.
    assets : tuple of str
        In the order of the columns.
    spans : Spans
        Each as likely as another.
    block : int
        Days drawn together; 0 where the spans are those of the past, each once.
    history : int
        Days of prices behind them.
    drift : float
        Expected gain per year that was declared.
    """

    years: float
    days: int
    assets: tuple[str, ...]
    spans: Spans
    block: int
    history: int
    drift: float

    @property
    def sampled(self) -> bool:
        """Whether moves were drawn, so that there is a sampling error."""
        return self.block > 0

    @property
    def description(self) -> str:
        """How the moves were made, in words."""
        drift = f"drift {100.0 * self.drift:g} % a year as declared" if self.drift else "no drift"
        if not self.sampled:
            return (
                f"every overlapping span of {self.days} days in {self.history:,} days of prices, "
                f"{drift}"
            )
        return (
            f"{len(self.spans.end):,} spans of {self.days} days, daily moves drawn in blocks of "
            f"{self.block} days from {self.history:,} days of prices, {drift}; positions held"
        )


def over(
    history: History,
    assets: Sequence[str],
    years: float,
    *,
    seed: int,
    drift: float = 0.0,
    draws: int = DRAWS,
    ways: Ways = NOWHERE,
) -> Moves:
    """Moves of prices over a horizon.

    Parameters
    ----------
    history : History
        Daily closes without holes.
    assets : sequence of str
        Columns wanted; one without a history does not move.
    years : float
        The horizon.
    seed : int
        Names the random stream.
    drift : float
        Expected gain of every price per year, as a share, compounding.
    draws : int
        Spans that are drawn.
    ways : (tuple of int, tuple of int)
        Places of the assets whose lows, and of those whose highs, are wanted.

    Raises
    ------
    AssessmentError
        Fewer than 30 days of prices, none of anything that is asked for, or a horizon of less
        than a day.

    Examples
    --------
    A price that never moved has moved by the declared gain alone:

    >>> from datetime import date, timedelta
    >>> days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(200))
    >>> still = History(("BTC",), days, np.full((200, 1), 100.0))
    >>> ends = over(still, ["BTC"], 2.0, seed=1, drift=0.1, draws=100).spans.end
    >>> sorted(set(ends.round(9).ravel().tolist()))
    [1.21]
    """
    logs, columns = _logs(history, assets)
    known = _of(columns, ways)
    days = _rows(history, years)
    block = min(BLOCK, len(logs) // 4)
    if days <= block:
        drawn, block = _rises(logs, days, known), 0
    else:
        rng = stream(seed, "market", f"moves {days}")
        starts = np.arange(len(logs) - block)
        drawn = _room(draws, logs.shape[1], known)
        _draw(_blocks(logs, days, block, known), starts, rng, known, drawn)
    return Moves(
        years,
        days,
        tuple(assets),
        _level(drawn, known, columns, len(assets), math.pow(1.0 + drift, years)),
        block,
        len(logs),
        drift,
    )


def resampled(
    history: History,
    assets: Sequence[str],
    years: float,
    *,
    seed: int,
    drift: float = 0.0,
    draws: int = 4_000,
    times: int = HISTORIES,
    ways: Ways = NOWHERE,
) -> Spans:
    """Moves as other histories would have given them: long blocks of the past, drawn again.

    Returns
    -------
    Spans
        One resampled history after the other, each of ``draws`` spans. What measures of these
        differ by is what the length of the history leaves open.
    """
    logs, columns = _logs(history, assets)
    days = _rows(history, years)
    block = min(BLOCK, len(logs) // 4, days)
    size = max(min(_LONG, len(logs) // 4), block + 1)
    rng = stream(seed, "market", f"histories {days}")
    known = _of(columns, ways)
    blocks, gain = _blocks(logs, days, block, known), math.pow(1.0 + drift, years)
    drawn = _room(times * draws, logs.shape[1], known)
    for first in range(0, times * draws, draws):
        firsts = rng.integers(0, len(logs) - size + 1, size=max(len(logs) // size, 1))
        starts = (firsts[:, None] + np.arange(size - block)).ravel()
        end, low, high = (each[first : first + draws] for each in drawn)
        _draw(blocks, starts, rng, known, (end, low, high))
    return _level(drawn, known, columns, len(assets), gain, times)


_DAILY = 1.05
"""Days between prices, at most, where every day has one."""
_WHOLE = 0.02
"""How far a horizon may be from whole days of prices, relative."""


def _rows(history: History, years: float) -> int:
    """Days of prices in the horizon: fewer than days of the calendar where markets rest."""
    span = (history.days[-1] - history.days[0]).days / max(len(history.days) - 1, 1)
    days = years * DAYS_A_YEAR / max(span, 1.0)
    if round(days) < 1:
        raise AssessmentError(
            f"prices are known day by day and the horizon is {24.0 * years * DAYS_A_YEAR:.3g} "
            "hours: what they do within a day is not in them; look at least one day ahead"
        )
    if span < _DAILY and abs(days - round(days)) > _WHOLE * days:
        raise AssessmentError(
            f"prices are known day by day and the horizon is {days:.3g} days: look whole days ahead"
        )
    return round(days)


def _logs(history: History, assets: Sequence[str]) -> tuple[Floats, list[int]]:
    """Log prices of what has a history, and where each stands among the assets."""
    known = [place for place, asset in enumerate(assets) if asset in history.assets]
    if not known or len(history.days) < FEWEST_DAYS:
        raise AssessmentError(
            f"{len(history.days)} days of prices are too few for moves over the horizon; at least "
            f"{FEWEST_DAYS} are wanted"
        )
    closes = history.closes[:, [history.assets.index(assets[place]) for place in known]]
    return np.log(closes), known


Logs = tuple[Floats, Floats, Floats]
"""Log moves at the end, and of some assets the lowest and of some the highest on the way."""


def _of(columns: Sequence[int], ways: Ways) -> Ways:
    """Places among assets as places among those that have a history."""
    low, high = (tuple(columns.index(k) for k in own if k in columns) for own in ways)
    return low, high


def _rises(logs: Floats, days: int, ways: Ways) -> Logs:
    """Log moves of so many days from every day that has so many after it."""
    first = logs[:-days]
    windows = sliding_window_view(logs[1:], days, axis=0)
    low, high = (list(own) for own in ways)
    return (
        logs[days:] - first,
        windows[:, low].min(axis=-1) - first[:, low],
        windows[:, high].max(axis=-1) - first[:, high],
    )


def _blocks(logs: Floats, days: int, block: int, ways: Ways) -> list[Logs]:
    """The blocks that add up to so many days, the last one shorter, as `_rises` gives them."""
    rest = days % block
    whole = _rises(logs, block, ways)
    return [whole] * (days // block) + ([_rises(logs, rest, ways)] if rest else [])


def _room(draws: int, assets: int, ways: Ways) -> Logs:
    end, low, high = (np.zeros((draws, k)) for k in (assets, *map(len, ways)))
    return end, low, high


def _draw(
    blocks: Sequence[Logs],
    starts: NDArray[np.int64],
    rng: np.random.Generator,
    ways: Ways,
    into: Logs,
) -> None:
    """Add log moves over some days, sums of blocks; every start is drawn about equally often."""
    draws = len(into[0])
    chosen = [starts[_balanced(len(starts), draws, rng)] for _ in blocks]
    for first in range(0, draws, _AT_ONCE):
        here = slice(first, first + _AT_ONCE)
        end, low, high = (each[here] for each in into)
        _walk(blocks, [each[here] for each in chosen], (end, low, high), ways)


def _walk(
    blocks: Sequence[Logs], starts: Sequence[NDArray[np.int64]], spans: Logs, ways: Ways
) -> None:
    """Add blocks to the ends of some spans, and take their lowest and highest on the way along."""
    end, *far = spans
    rooms = [np.empty_like(each) for each in spans]
    sides = [
        (rooms[1 + i], far[i], i + 1, list(ways[i]), farther)
        for i, farther in enumerate((np.minimum, np.maximum))
        if ways[i]
    ]
    for rises, days in zip(blocks, starts, strict=True):
        for room, known, place, columns, farther in sides:
            np.take(rises[place], days, axis=0, out=room, mode="clip")
            room += end[:, columns]
            farther(known, room, out=known)
        np.take(rises[0], days, axis=0, out=rooms[0], mode="clip")
        end += rooms[0]


def _balanced(size: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """So many draws from so many places, each about equally often, in random order."""
    whole = np.tile(np.arange(size), draws // size)
    rest = rng.choice(size, draws - whole.size, replace=False)
    return rng.permutation(np.concatenate([whole, rest]))


def _level(
    drawn: Logs, ways: Ways, columns: Sequence[int], count: int, gain: float, times: int = 1
) -> Spans:
    """Relative prices with the expected gain that was declared, in each of several histories."""
    end, *far = (np.exp(each, out=each) for each in drawn)
    each = end.reshape(times, -1, end.shape[1])
    lift = gain / each.mean(axis=1, keepdims=True)
    each *= lift
    # column by column, as what is held reads them
    whole = np.asfortranarray(end if len(columns) == count else _beside(count, columns, end))
    sides = []
    for side, own, farther in zip(far, ways, (np.minimum, np.maximum), strict=True):
        places = list(own)
        each = side.reshape(times, len(end) // times, len(places))
        each *= lift[..., places]
        farther(side, end[:, places], out=side)
        known = np.ascontiguousarray(side.T)
        sides.append({columns[k]: moves for k, moves in zip(places, known, strict=True)})
    low, high = sides
    return Spans(whole, low, high)


def _beside(count: int, columns: Sequence[int], found: Floats) -> Floats:
    """Columns among others that stay where they are."""
    whole = np.ones((len(found), count))
    whole[:, list(columns)] = found
    return whole
