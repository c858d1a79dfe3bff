# SPDX-License-Identifier: Apache-2.0
"""A book whose options take their volatility from a surface."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.cli import run
from perilscope.engines.instruments.options import black_scholes

BOOK = """
institution: {name: Desk, kind: hedge fund, net_assets: 5M}
currency: USD
as_of: 2026-10-27
tokens: {BTC: {kind: coin, daily_volume: 20bn}}
venues: {alpha: {name: Alpha, kind: exchange}}
assets: {cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}}
scenarios: {theft: {story: S., asset: cash, frequency: 1 in 50 years, magnitude: 10k, owner: ciso}}
positions: positions.csv
prices: prices.csv
market: {surfaces: vols.csv}
"""
POSITIONS = """asset,quantity,venue,instrument,strike,expiry,vol
BTC,10,alpha,spot,,,
BTC,5,alpha,call,44000,2027-01-25,btc
BTC,-3,alpha,put,30000,2026-11-26,60 %
"""
VOLS = """surface,expiry,strike,vol
btc,2026-12-26,36000,70 %
btc,2026-12-26,48000,0.6
btc,2027-02-24,36000,65 %
btc,2027-02-24,48000,58 %
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    for name, text in (("book.yaml", BOOK), ("positions.csv", POSITIONS), ("vols.csv", VOLS)):
        (tmp_path / name).write_text(text)
    moves = 0.03 * np.random.default_rng(1).standard_normal(400)
    closes = 40e3 * np.exp(np.cumsum(moves) - moves.sum())
    last = date(2026, 10, 27)
    rows = [f"{last - timedelta(399 - k)},{float(close)!r}" for k, close in enumerate(closes)]
    (tmp_path / "prices.csv").write_text("date,BTC\n" + "\n".join(rows))
    return tmp_path / "book.yaml"


def stressed(capsys: Any, book: Path, *words: str) -> Any:
    assert run(["market", "stress", str(book), *words, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def vol_by_hand(low: float = 0.70) -> float:
    """Linear in log strike, then in time, of variance times time; 60 and 120 days, asked 90."""
    at = math.log(44 / 36) / math.log(48 / 36)
    near = (low**2 + at * (0.6**2 - low**2)) * 60
    far = (0.65**2 + at * (0.58**2 - 0.65**2)) * 120
    return math.sqrt(0.5 * (near + far) / 90)


def loss_by_hand(price: float, vol: float, up: float = 1.0, skew: float = 0.0) -> float:
    """Black and Scholes on both options before and after; spot beside them."""

    def worth(spot: float, change: float, tilt: float, moved: float) -> float:
        total = 10.0 * spot
        for size, strike, days, sigma, call in (
            (5, 44e3, 90, vol, True),
            (-3, 30e3, 30, 0.6, False),
        ):
            tilted = sigma + tilt * math.log(40e3 / strike)
            value = black_scholes(spot, strike, tilted * change * moved, days / 365, call=call)
            total += size * float(value)
        return total

    moved = math.exp(abs(math.log(price / 40e3)))  # the stated rule of volatilities in scenarios
    return worth(40e3, 1.0, 0.0, 1.0) - worth(price, up, skew, moved)


def test_an_option_is_worth_what_its_place_on_the_surface_says(capsys: Any, book: Path) -> None:
    vol = vol_by_hand()
    for words, price, up, skew in (
        (("--shock", "BTC=-25%"), 30e3, 1.0, 0.0),
        (("--vol", "+50%"), 40e3, 1.5, 0.0),
        (("--skew", "10%"), 40e3, 1.0, 0.1),
        (("--shock", "BTC=+10%", "--vol", "-20%", "--skew", "-5%"), 44e3, 0.8, -0.05),
    ):
        found = stressed(capsys, book, *words)
        told = loss_by_hand(price, vol, up, skew)
        assert found["shocked"]["loss"] == pytest.approx(told, rel=1e-9)
        assert not [text for text in found["findings"] if "surface" in text]


def test_quotes_by_moneyness_and_by_delta_are_the_same_surface(capsys: Any, book: Path) -> None:
    told = stressed(capsys, book, "--vol", "+50%")["shocked"]["loss"]
    rows = ["surface,expiry,moneyness,delta,vol"]
    for line in VOLS.splitlines()[1:]:
        name, expiry, strike, vol = line.split(",")
        number = float(vol.rstrip(" %")) / (100 if "%" in vol else 1)
        if strike == "36000":
            rows.append(f"{name},{expiry},0.9,,{vol}")
        else:
            spread = number * math.sqrt((60 if "2026" in expiry else 120) / 365)
            d1 = -math.log(1.2) / spread + 0.5 * spread
            rows.append(f"{name},{expiry},,{0.5 * math.erfc(-d1 / math.sqrt(2))!r},{vol}")
    (book.parent / "vols.csv").write_text("\n".join(rows))
    again = stressed(capsys, book, "--vol", "+50%")["shocked"]["loss"]
    assert again == pytest.approx(told, rel=1e-9)


def test_arbitrage_and_ends_of_the_quotes_are_said(capsys: Any, book: Path) -> None:
    (book.parent / "vols.csv").write_text(VOLS.replace("36000,70 %", "36000,95 %"))
    found = stressed(capsys, book, "--vol", "+50%")
    assert found["shocked"]["loss"] == pytest.approx(loss_by_hand(40e3, vol_by_hand(0.95), 1.5))
    told = [text for text in found["findings"] if "calendar arbitrage" in text]
    assert len(told) == 1
    assert "from 60 to 120 days at 90 % of spot" in told[0]
    (book.parent / "positions.csv").write_text(POSITIONS.replace("44000", "64000"))
    assert any("lies beyond the quotes" in text for text in stressed(capsys, book)["findings"])


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("positions.csv", "2027-01-25,btc", "2027-01-25,eth", "no surface `eth`; there are btc"),
        ("vols.csv", "48000,0.6\n", "36000,0.6\n", "quoted twice"),
        ("vols.csv", "36000,70 %", "36000,-1", "out of range"),
        ("vols.csv", "2026-12-26,48000", "soon,48000", "a date is wanted"),
        ("vols.csv", "strike", "level", "no column strike, moneyness or delta"),
        ("book.yaml", "market: {surfaces: vols.csv}", "", "name a file"),
    ],
)
def test_what_cannot_be_read_is_refused(
    capsys: Any, book: Path, file: str, old: str, new: str, told: str
) -> None:
    path = book.parent / file
    path.write_text(path.read_text().replace(old, new))
    assert run(["market", "stress", str(book)]) in (1, 2)
    assert told in " ".join(capsys.readouterr().err.split())
