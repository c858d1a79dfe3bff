# SPDX-License-Identifier: Apache-2.0
"""The example's price history: made by its script to the byte, and it says that it is not real."""

from __future__ import annotations

import csv
import itertools
import math
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "examples" / "hedge-fund" / "data"
TOKENS = ["BTC", "ETH", "SOL", "BNB", "LINK", "LTC", "USDC", "DAI"]


@pytest.fixture(scope="module")
def rows() -> dict[date, dict[str, float]]:
    text = (DATA / "prices.csv").read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        date.fromisoformat(row.pop("date")): {token: float(value) for token, value in row.items()}
        for row in csv.DictReader(lines)
    }


def moves(rows: dict[date, dict[str, float]], token: str) -> list[float]:
    prices = [row[token] for row in rows.values()]
    return [after / before - 1 for before, after in itertools.pairwise(prices)]


def test_script_writes_the_committed_bytes(tmp_path: Path) -> None:
    made = tmp_path / "prices.csv"
    subprocess.run([sys.executable, str(DATA / "make_prices.py"), str(made)], check=True)
    assert made.read_bytes() == (DATA / "prices.csv").read_bytes()


def test_first_line_says_that_it_is_not_real() -> None:
    first = (DATA / "prices.csv").read_text(encoding="ascii").splitlines()[0]
    assert first.startswith("#")
    assert "NOT REAL" in first


def test_every_day_has_every_token(rows: dict[date, dict[str, float]]) -> None:
    days = list(rows)
    assert (days[0], days[-1]) == (date(2019, 1, 1), date(2026, 11, 19))
    gaps = [after - before for before, after in itertools.pairwise(days)]
    assert all(gap == timedelta(1) for gap in gaps)
    assert all(list(row) == TOKENS and min(row.values()) > 0 for row in rows.values())


@pytest.mark.parametrize(
    ("day", "token", "move"),
    [
        # Daily closes of the public tables: BTC 7,911.43 then 4,970.79; ETH 3,380.07 then 2,460.68;
        # BTC 34,059.3 then 30,297.0; SOL 24.153 then 13.941; ETH 2,686.4 then 2,417.2.
        (date(2020, 3, 12), "BTC", 4970.79 / 7911.43 - 1),
        (date(2021, 5, 19), "ETH", 2460.68 / 3380.07 - 1),
        (date(2022, 5, 9), "BTC", 30297.0 / 34059.3 - 1),
        (date(2022, 11, 9), "SOL", 13.9409 / 24.1529 - 1),
        (date(2024, 8, 5), "ETH", 2417.21 / 2686.4 - 1),
    ],
)
def test_named_days_have_their_published_size(
    rows: dict[date, dict[str, float]], day: date, token: str, move: float
) -> None:
    found = rows[day][token] / rows[day - timedelta(1)][token] - 1
    assert found == pytest.approx(move, abs=6e-4)


def test_usdc_closes_at_its_published_level(rows: dict[date, dict[str, float]]) -> None:
    assert rows[date(2023, 3, 11)]["USDC"] == 0.9715


def test_history_behaves_like_the_market_it_stands_for(rows: dict[date, dict[str, float]]) -> None:
    btc = moves(rows, "BTC")
    mean = math.fsum(btc) / len(btc)
    second = math.fsum((x - mean) ** 2 for x in btc) / len(btc)
    fourth = math.fsum((x - mean) ** 4 for x in btc) / len(btc)
    assert fourth / second**2 > 8  # a normal law has 3; daily BTC of 2019 to 2024 has 21
    size = [abs(x) for x in btc]
    level = math.fsum(size) / len(size)
    spread = math.fsum((x - level) ** 2 for x in size)
    echo = math.fsum((a - level) * (b - level) for a, b in itertools.pairwise(size))
    assert echo / spread > 0.1  # stormy days follow stormy days
