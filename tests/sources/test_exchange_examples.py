# SPDX-License-Identifier: Apache-2.0
"""Downloads from an exchange that pages, repeats itself, fails at times and writes its last bar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from perilscope.errors import DataError, MisuseError
from perilscope.evidence.prices import parse_prices
from perilscope.sources.exchange import exchange, fetch

DAY = 86_400_000
FIRST = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)


class NetworkError(Exception):
    """As ccxt calls it."""


class Venue:
    """Bars of 2,500 days, at most 1,000 a request, the last of them repeated on the next page."""

    id = "nowhere"
    rateLimit = 50.0

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.asked: list[int] = []

    def load_markets(self) -> dict[str, Any]:
        return {"BTC/USDT": {}}

    def parse_timeframe(self, timeframe: str) -> float:
        return {"1d": 86400.0, "1h": 3600.0}[timeframe]

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[float]]:
        if self.failures:
            self.failures -= 1
            raise NetworkError("connection reset")
        self.asked.append(since)
        first = max(since - DAY, FIRST)
        stamps = [first + k * DAY for k in range(limit) if first + k * DAY < FIRST + 2500 * DAY]
        return [[s, 1.0, 2.0, 0.5, 1.0 + (s - FIRST) / DAY, 3.0] for s in stamps]


def test_pages_are_joined_and_each_bar_stands_once() -> None:
    waits: list[float] = []
    venue = Venue(failures=2)
    data = fetch(venue, ["BTC/USDT"], date(2024, 1, 1), date(2029, 12, 31), sleep=waits.append)
    history = parse_prices("p.csv", data)
    assert history.assets == ("BTC",)
    assert history.quotes == {"BTC": "USDT"}
    assert len(history.days) == 2192  # six years to the day, 2024 and 2028 leap
    assert history.days[-1] == date(2029, 12, 31)
    assert history.closes[:, 0].tolist() == [1.0 + k for k in range(2192)]
    assert not history.defects
    assert history.others["volume"][1, 0] == 6.0
    assert waits[:2] == [1.0, 2.0]
    assert len(venue.asked) == 3


def test_what_is_refused() -> None:
    calm = lambda _seconds: None  # noqa: E731
    with pytest.raises(DataError, match="does not answer: NetworkError"):
        fetch(Venue(failures=99), ["BTC/USDT"], date(2024, 1, 1), date(2024, 2, 1), sleep=calm)
    with pytest.raises(MisuseError, match="trades no ETH/USDT"):
        fetch(Venue(), ["ETH/USDT"], date(2024, 1, 1), date(2024, 2, 1), sleep=calm)
    with pytest.raises(MisuseError, match="no bars of '1y'"):
        fetch(Venue(), ["BTC/USDT"], date(2024, 1, 1), date(2024, 2, 1), "1y", calm)
    with pytest.raises(MisuseError, match="is after"):
        fetch(Venue(), ["BTC/USDT"], date(2024, 2, 1), date(2024, 1, 1), sleep=calm)
    with pytest.raises(DataError, match="has no bars"):
        fetch(Venue(), ["BTC/USDT"], date(2023, 1, 1), date(2023, 1, 5), sleep=calm)


def test_nonsense_from_the_exchange_is_said() -> None:
    venue = Venue()
    venue.fetch_ohlcv = lambda *_: [{"error": "maintenance"}]  # type: ignore
    with pytest.raises(DataError, match="a bar is wanted"):
        fetch(venue, ["BTC/USDT"], date(2024, 1, 1), date(2024, 1, 5))


def test_ccxt_itself_has_what_is_used() -> None:
    pytest.importorskip("ccxt")
    venue = exchange("binance")
    assert venue.parse_timeframe("1d") == 86400
    assert callable(venue.fetch_ohlcv)
    assert callable(venue.load_markets)
    with pytest.raises(MisuseError, match="knows no exchange"):
        exchange("nowhere")
