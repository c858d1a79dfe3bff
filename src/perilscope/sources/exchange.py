# SPDX-License-Identifier: Apache-2.0
"""Prices downloaded from exchanges, by ccxt (an extra); public data only, no keys.

Exchanges give so many bars a request and forget to say when there are no more; the last bar is
still being written. Bars are asked for page by page, held against each other, and the unfinished
one is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

from perilscope.errors import DataError, Fault, MisuseError
from perilscope.evidence.dialects import text_of

PAGE = 1000
MOST_PAGES = 10_000
TRIES = 4
HEADER = ("date", "symbol", "open", "high", "low", "close", "volume", "quote_volume")

Bar = list[float]


class Exchange(Protocol):
    """What of a ccxt exchange is used."""

    id: str
    rateLimit: float  # noqa: N815 - ccxt calls it so

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[Bar]:
        """Bars from a moment on: milliseconds, open, high, low, close, volume in units."""

    def parse_timeframe(self, timeframe: str) -> float:
        """Seconds of one bar."""

    def load_markets(self) -> dict[str, Any]:
        """What is traded there, by symbol."""


def exchange(name: str) -> Exchange:
    """A ccxt exchange by its id, like ``binance``.

    Raises
    ------
    MisuseError
        ccxt is not installed, or knows no such exchange.
    """
    try:
        import ccxt
    except ImportError:
        raise MisuseError(
            "downloading prices needs ccxt, which is an extra: pip install 'perilscope[exchange]'"
        ) from None
    if name not in ccxt.exchanges:
        raise MisuseError(f"ccxt knows no exchange {name!r}; try binance, kraken, coinbase, okx")
    made: Exchange = getattr(ccxt, name)({"enableRateLimit": True, "timeout": 20_000})
    return made


def fetch(
    venue: Exchange,
    symbols: Sequence[str],
    since: date,
    until: date,
    timeframe: str = "1d",
    sleep: Callable[[float], None] = time.sleep,
) -> bytes:
    """Bars of some symbols as comma-separated text, from one day to another, both whole.

    Parameters
    ----------
    venue : Exchange
    symbols : sequence of str
        As the exchange writes them, like ``BTC/USDT``.
    since, until : date
        First and last day, UTC. A bar that ends after now is never there.
    timeframe : str
        ``1d``, ``1h``.
    sleep : callable
        Waits between requests and after a failed one.

    Raises
    ------
    MisuseError
        The days are in the wrong order, or the exchange has no such symbol or timeframe.
    DataError
        The exchange does not answer, answers nonsense, or has no bars of these days.
    """
    if since > until:
        raise MisuseError(f"--since {since} is after --until {until}")
    known = _asked(venue, "the list of markets", venue.load_markets, sleep)
    absent = [symbol for symbol in symbols if symbol not in known]
    if absent:
        raise MisuseError(f"{venue.id} trades no {', '.join(absent)}; write it like BTC/USDT")
    try:
        step = round(venue.parse_timeframe(timeframe)) * 1000
    except Exception as error:  # ccxt raises errors of its own for a timeframe that is none
        raise MisuseError(f"{venue.id} has no bars of {timeframe!r}; try 1d or 1h") from error
    begin, end = _milliseconds(since), _milliseconds(until) + 86_400_000
    rows: list[list[object]] = []
    for symbol in symbols:
        bars = _paged(venue, symbol, timeframe, step, (begin, end), sleep)
        if not bars:
            what = f"{venue.id} has no bars of {symbol} from {since} to {until}"
            raise DataError([Fault(venue.id, 0, 0, symbol, what, "choose other days")])
        rows += [_row(symbol, bar, timeframe) for bar in bars]
    return text_of(rows, HEADER)


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _paged(
    venue: Exchange,
    symbol: str,
    timeframe: str,
    step: int,
    span: tuple[int, int],
    sleep: Callable[[float], None],
) -> list[Bar]:
    """All whole bars in a span of milliseconds, each once, in order."""
    found: dict[int, Bar] = {}
    since, end = span
    for _ in range(MOST_PAGES):
        page = _asked(
            venue,
            symbol,
            lambda since=since: venue.fetch_ohlcv(symbol, timeframe, since, PAGE),  # type: ignore[misc]
            sleep,
        )
        fresh = [_checked(venue, symbol, bar) for bar in page]
        fresh = [bar for bar in fresh if since <= bar[0] and bar[0] + step <= end]
        if not fresh:
            break
        found |= {int(bar[0]): bar for bar in fresh}
        since = int(max(bar[0] for bar in fresh)) + step
        if since >= end:
            break
        sleep(venue.rateLimit / 1000.0)
    return [found[moment] for moment in sorted(found)]


def _checked(venue: Exchange, symbol: str, bar: Bar) -> Bar:
    if not isinstance(bar, list) or len(bar) < 6 or not isinstance(bar[0], int | float):
        what = f"a bar is wanted, the exchange answers {str(bar)[:60]}"
        raise DataError([Fault(venue.id, 0, 0, symbol, what, "try again later")])
    return bar


def _asked(
    venue: Exchange, what: str, ask: Callable[[], Any], sleep: Callable[[float], None]
) -> Any:
    """An answer of the exchange; a failed request is tried again, each time after longer."""
    for attempt in range(TRIES):
        try:
            return ask()
        except Exception as error:  # ccxt is optional: its errors are told by name
            passing = any(c.__name__ == "NetworkError" for c in type(error).__mro__)
            if not (passing or isinstance(error, OSError)) or attempt == TRIES - 1:
                told = f"{venue.id} does not answer: {type(error).__name__}: {str(error)[:200]}"
                mend = "look at the network, or at the state of the exchange"
                raise DataError([Fault(venue.id, 0, 0, what, told, mend)]) from error
            sleep(2.0**attempt)
    raise AssertionError


def _row(symbol: str, bar: Bar, timeframe: str) -> list[object]:
    moment = datetime.fromtimestamp(bar[0] / 1000, UTC)
    daily = timeframe.endswith("d") and moment.hour == 0 and moment.minute == 0
    text = moment.date().isoformat() if daily else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    close, volume = bar[4], bar[5]
    money = "" if close is None or volume is None else repr(float(close) * float(volume))
    return [text, symbol, *bar[1:6], money]
