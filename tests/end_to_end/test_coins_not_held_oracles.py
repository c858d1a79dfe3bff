# SPDX-License-Identifier: Apache-2.0
"""Thefts of coins that the institution answers for and does not own, at the price of their day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

import perilscope

DAYS, HORIZON, TODAY = 400, 10, 2000.0
BOOK = """\
institution: {name: Custody, kind: custodian, net_assets: 20M}
currency: USD
as_of: 2026-10-30
horizon: 10 days
prices: prices.csv
tokens: {ETH: coin, BILL: coin}
assets:
  warm: {kind: wallet, holds: {ETH: 5000}, basis: market price, belongs_to: clients, owner: ops}
scenarios:
  theft:
    asset: warm
    frequency: 0.8 per year
    counts: at most one a year
    magnitude: 100 to 900 ETH
    owner: ops
"""
HELD = {"nothing": "", "money": "USD,1000000\n", "bills": "BILL,30000\n", "coins": "ETH,-150\n"}


def _closes() -> np.ndarray:
    rng = np.random.default_rng(8)
    steps = rng.standard_t(5, (DAYS, 2)) * [0.05, 0.001]
    path = np.exp(np.cumsum(steps, axis=0))
    return path / path[-1] * [TODAY, 100.0]


def _written(folder: Path, held: str, closes: np.ndarray, first: int = 0) -> Path:
    days = [date(2026, 10, 30) - timedelta(days=DAYS - 1 - k) for k in range(DAYS)]
    rows = [
        f"{day},{'' if k < first else f'{x[0]:.17g}'},{x[1]:.17g}"
        for k, (day, x) in enumerate(zip(days, closes, strict=True))
    ]
    (folder / "prices.csv").write_text("\n".join(["date,ETH,BILL", *rows]) + "\n")
    (folder / "positions.csv").write_text("asset,quantity\n" + HELD[held])
    book = BOOK + ("positions: positions.csv\n" if HELD[held] else "")
    (folder / "book.yaml").write_text(book)
    return folder / "book.yaml"


def _cvar(closes: np.ndarray, held: str, level: float) -> tuple[float, float]:
    """VaR and CVaR by every span of the past: a lognormal sum of ETH at its price, and holdings."""
    ratio = closes[HORIZON:] / closes[:-HORIZON]
    ratio /= ratio.mean(axis=0)
    own = {"bills": -3e6 * (ratio[:, 1] - 1.0), "coins": 150 * TODAY * (ratio[:, 0] - 1.0)}
    market = own.get(held, np.zeros(len(ratio)))
    chance = 1.0 - 0.2 ** (HORIZON / 365.25)
    mu, sigma = np.log(300.0), np.log(3.0) / norm.ppf(0.95)
    price = TODAY * ratio[:, 0]

    def beyond(x: float) -> float:
        hit = np.where(x > market, (x - market) / price, 1e-300)
        stolen = norm.sf((np.log(hit) - mu) / sigma)
        return float(np.mean(chance * stolen + (1.0 - chance) * (market > x)))

    def excess(x: float) -> float:
        """E (L - x)+ by the closed form of a lognormal."""
        k = np.where(x > market, (x - market) / price, 1e-300)
        d = (mu - np.log(k)) / sigma
        over = price * (np.exp(mu + sigma**2 / 2) * norm.cdf(d + sigma) - k * norm.cdf(d))
        return float(np.mean(chance * over + (1.0 - chance) * np.maximum(market - x, 0.0)))

    var = brentq(lambda x: beyond(x) - (1.0 - level), 1e3, 1e8, xtol=1e-3)
    return var, var + excess(var) / (1.0 - level)


def _run(folder: Path, held: str, closes: np.ndarray, **more: Any) -> dict[str, Any]:
    book = _written(folder, held, closes, **more)
    return perilscope.quantify(book, engine="exact").document


@pytest.mark.parametrize("held", list(HELD))
def test_theft_of_coins_not_held_is_priced_on_its_day(tmp_path: Path, held: str) -> None:
    """Also where what is held hardly moves with their price, which no linear term tells."""
    closes = _closes()
    whole = _run(tmp_path, held, closes)["enterprise"]
    assert whole["joined"]["tokens"] == {"theft": "ETH"}
    for level in (0.975, 0.99, 0.999):
        var, cvar = _cvar(closes, held, level)
        error = whole["error"][f"{level:g}"]
        assert whole["cvar"][f"{level:g}"] == pytest.approx(cvar, rel=1e-3)
        assert abs(whole["cvar"][f"{level:g}"] / cvar - 1.0) < error
        assert abs(whole["var"][f"{level:g}"] / var - 1.0) < max(error, 1e-3)


def test_coin_whose_prices_are_too_few_keeps_that_of_today_and_says_so(tmp_path: Path) -> None:
    document = _run(tmp_path, "bills", _closes(), first=200)
    said = [each for each in document["findings"] if each["where"] == "tokens.ETH"]
    assert [each["severity"] for each in said] == ["warning"]
    assert "today's price" in said[0]["what"]
    plain = document["enterprise_without_market"]["cvar"]["0.999"]
    assert document["enterprise"]["cvar"]["0.999"] == pytest.approx(plain, rel=0.02)
    assert "not to move" not in str(document["findings"])


def test_money_of_the_book_is_no_coin_without_prices(tmp_path: Path) -> None:
    document = _run(tmp_path, "money", _closes())
    assert "USD" not in " ".join(each["what"] for each in document["findings"])


def test_error_of_a_var_of_nothing_is_that_of_its_cvar(tmp_path: Path) -> None:
    """1 horizon in 23 has a theft, so VaR 95 % is 0, and no share of 0 says anything."""
    whole = _run(tmp_path, "nothing", _closes())["enterprise"]
    assert whole["var"]["0.95"] == 0.0
    assert whole["error"]["0.95"] < 0.1


def test_standard_error_of_drawn_prices_is_that_of_the_thefts_they_price(tmp_path: Path) -> None:
    """Over 45 days prices are drawn, 30 and 15 days at once; nothing else of it is chance."""
    closes = _closes()
    book = _written(tmp_path, "nothing", closes)
    book.write_text(book.read_text().replace("horizon: 10 days", "horizon: 45 days"))
    whole = perilscope.quantify(book, engine="exact").document["enterprise"]
    rng, logs = np.random.default_rng(1), np.log(closes[:, 0])
    starts = rng.integers(0, DAYS - 30, (2, 100_000))
    price = np.exp(sum(logs[s + d] - logs[s] for s, d in zip(starts, (30, 15), strict=True)))
    price *= TODAY / price.mean()
    chance = 1.0 - 0.2 ** (45 / 365.25)
    mu, sigma = np.log(300.0), np.log(3.0) / norm.ppf(0.95)
    for level in (0.99, 0.999):
        k = whole["var"][f"{level:g}"] / price
        d = (mu - np.log(k)) / sigma
        over = np.exp(mu + sigma**2 / 2) * norm.cdf(d + sigma) - k * norm.cdf(d)
        excess = chance * price * over
        own = float(excess.std()) / np.sqrt(len(price)) / (1.0 - level)
        assert whole["uncertainty"][f"{level:g}"]["cvar_se"] == pytest.approx(own, rel=0.15)
        cvar = whole["var"][f"{level:g}"] + float(excess.mean()) / (1.0 - level)
        assert whole["cvar"][f"{level:g}"] == pytest.approx(cvar, abs=5.0 * np.hypot(own, own))
