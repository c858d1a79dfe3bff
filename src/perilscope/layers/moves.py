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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError
from perilscope.evidence.prices import History

Floats = NDArray[np.float64]

DAYS_A_YEAR = 365.25
BLOCK = 30
"""Days that are drawn together."""
DRAWS = 100_000
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
    end, low, high : array, shape (n, assets)
        Against today's; ``low`` and ``high`` by daily closes, or just the ends where nothing held
        depends on the way.
    """

    end: Floats
    low: Floats
    high: Floats


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
    def said(self) -> str:
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
    ways: bool = False,
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
    ways : bool
        Whether lows and highs on the way are wanted.

    Raises
    ------
    AssessmentError
        Fewer than 30 days of prices, none of anything that is asked for, or a horizon of less
        than a day.
    """
    logs, columns = _logs(history, assets)
    days = _rows(history, years)
    block = min(BLOCK, len(logs) // 4)
    if days <= block:
        drawn, block = _rises(logs, days, ways), 0
    else:
        rng = stream(seed, "market", f"moves {days}")
        starts = np.arange(len(logs) - block)
        drawn = _drawn(_blocks(logs, days, block, ways), starts, draws, rng, ways)
    return Moves(
        years,
        days,
        tuple(assets),
        _level(drawn, columns, len(assets), years, drift),
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
    ways: bool = False,
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
    blocks = _blocks(logs, days, block, ways)
    found = []
    for _ in range(times):
        firsts = rng.integers(0, len(logs) - size + 1, size=max(len(logs) // size, 1))
        starts = (firsts[:, None] + np.arange(size - block)).ravel()
        drawn = _drawn(blocks, starts, draws, rng, ways)
        found.append(_level(drawn, columns, len(assets), years, drift))
    end = np.concatenate([each.end for each in found])
    if not ways:
        return Spans(end, end, end)
    low, high = (np.concatenate([getattr(x, side) for x in found]) for side in ("low", "high"))
    return Spans(end, low, high)


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
"""Log moves at the end, and their lowest and highest on the way."""


def _rises(logs: Floats, days: int, ways: bool) -> Logs:
    """Log moves of so many days from every day that has so many after it."""
    first = logs[:-days]
    end = logs[days:] - first
    if not ways:
        return end, end, end
    windows = sliding_window_view(logs[1:], days, axis=0)
    return end, windows.min(axis=-1) - first, windows.max(axis=-1) - first


def _blocks(logs: Floats, days: int, block: int, ways: bool) -> list[Logs]:
    """The blocks that add up to so many days, the last one shorter, as `_rises` gives them."""
    rest = days % block
    whole = _rises(logs, block, ways)
    return [whole] * (days // block) + ([_rises(logs, rest, ways)] if rest else [])


def _drawn(
    blocks: Sequence[Logs],
    starts: NDArray[np.int64],
    draws: int,
    rng: np.random.Generator,
    ways: bool,
) -> Logs:
    """Log moves over some days, the sums of blocks; every start is drawn about equally often."""
    chosen = [starts[_balanced(len(starts), draws, rng)] for _ in blocks]
    end = np.zeros((draws, blocks[0][0].shape[1]))
    low, high = (np.zeros_like(end), np.zeros_like(end)) if ways else (end, end)
    for first in range(0, draws, _AT_ONCE):
        here = slice(first, first + _AT_ONCE)
        days = [each[here] for each in chosen]
        _walk(blocks, days, end[here], (low[here], high[here]) if ways else ())
    return end, low, high


def _walk(
    blocks: Sequence[Logs],
    starts: Sequence[NDArray[np.int64]],
    end: Floats,
    ways: Sequence[Floats],
) -> None:
    """Add blocks to the ends of some spans, and take their lowest and highest on the way along."""
    room = np.empty_like(end)
    for rises, days in zip(blocks, starts, strict=True):
        for far, rise, farther in zip(ways, rises[1:], (np.minimum, np.maximum), strict=False):
            np.take(rise, days, axis=0, out=room, mode="clip")
            room += end
            farther(far, room, out=far)
        np.take(rises[0], days, axis=0, out=room, mode="clip")
        end += room


def _balanced(size: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """So many draws from so many places, each about equally often, in random order."""
    whole = np.tile(np.arange(size), draws // size)
    rest = rng.choice(size, draws - whole.size, replace=False)
    return rng.permutation(np.concatenate([whole, rest]))


def _level(drawn: Logs, columns: Sequence[int], count: int, years: float, drift: float) -> Spans:
    """Relative prices with the expected gain that was declared."""
    made: list[Floats] = []
    lift: Floats | None = None
    for logs in drawn:
        if made and logs is drawn[0]:
            made.append(made[0])
            continue
        found = np.exp(logs)
        if lift is None:  # the first are the ends
            lift = math.pow(1.0 + drift, years) / found.mean(axis=0)
        found *= lift
        made.append(found if len(columns) == count else _beside(count, columns, found))
    end, low, high = made
    return Spans(end, np.minimum(low, end, out=low), np.maximum(high, end, out=high))


def _beside(count: int, columns: Sequence[int], found: Floats) -> Floats:
    """Columns among others that stay where they are."""
    whole = np.ones((len(found), count))
    whole[:, list(columns)] = found
    return whole
