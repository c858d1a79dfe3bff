# SPDX-License-Identifier: Apache-2.0
"""A book of 50 positions in 22 assets with 1,600 days of made-up prices, the same each time."""

from __future__ import annotations

import math
import random
from datetime import date
from pathlib import Path

ASSETS = (
    "BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LINK", "LTC", "AVAX", "UNI", "AAVE", "CRV", "ATOM",
    "NEAR", "FIL", "SAND", "DOGE", "BNB", "TRX", "XLM", "USDC", "USDT",
)  # fmt: skip
AS_OF = date(2026, 10, 27)
DAYS = 1600
_HEADER = "asset,quantity,venue,strategy,chain,instrument,quote,entry,margin,strike,expiry,vol,"
_BOOK = """institution: {name: Bench, kind: hedge fund, net_assets: 60M}
currency: USD
as_of: 2026-10-27
venues:
  anchor: {name: Anchor, kind: custodian}
  meridian: {name: Meridian, kind: exchange}
  kestrel: {name: Kestrel, kind: exchange}
assets: {cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}}
scenarios: {theft: {story: S., asset: cash, frequency: 1 in 50 years, magnitude: 10k, owner: ciso}}
positions: positions.csv
prices: prices.csv
limits:
  - {measure: gross exposure, at_most: 80M, owner: cio}
  - {measure: net exposure, at_most: 60M, owner: cio}
  - {measure: leverage, at_most: 2, owner: cio}
  - {measure: concentration in one asset, at_most: 10M, owner: cro}
  - {measure: concentration in one venue, at_most: 30M, owner: cro}
  - {measure: days to liquidate, at_most: 12, owner: cro}
  - {measure: 1-day VaR 99 %, at_most: 10M, owner: cro}
  - {measure: 1-day CVaR 97.5 %, at_most: 8M, owner: cro}
  - {measure: 10-day CVaR 97.5 %, at_most: 30M, scope: strategy core, owner: cro}
  - {measure: contribution to 1-day CVaR 97.5 %, at_most: 5M, scope: strategy basis, owner: cro}
  - {measure: worst stress loss, at_most: 40M, owner: cro}
  - {measure: drawdown over 30 days, at_most: 30M, owner: cro}
"""


def written(folder: Path) -> Path:
    """Write book, prices and positions into a folder; returns the book."""
    draw = random.Random(3)
    prices = {a: 1.0 if a.startswith("USD") else draw.uniform(1.0, 3000.0) for a in ASSETS}
    rows = ["date,asset,open,high,low,close,volume"]
    for k in range(DAYS):
        day = date.fromordinal(AS_OF.toordinal() - DAYS + 1 + k)
        common = draw.gauss(0.0, 0.03)
        for a in ASSETS:
            move = (common + draw.gauss(0.0, 0.02)) * (0.0005 if a.startswith("USD") else 1.0)
            was, prices[a] = prices[a], prices[a] * math.exp(move)
            now = prices[a]
            rows.append(f"{day},{a},{was:.6g},{max(was, now):.6g},{min(was, now):.6g},{now:.6g},9")
    (folder / "prices.csv").write_text("\n".join(rows) + "\n")
    (folder / "positions.csv").write_text("\n".join(_positions(draw, prices)) + "\n")
    tokens = [
        f"  {a}: {{kind: {'stablecoin, peg: USD' if a.startswith('USD') else 'coin'}, "
        "daily_volume: 50M}"
        for a in ASSETS
    ]
    (folder / "book.yaml").write_text(_BOOK + "tokens:\n" + "\n".join(tokens) + "\n")
    return folder / "book.yaml"


def _positions(draw: random.Random, prices: dict[str, float]) -> list[str]:
    rows = [_HEADER + "lower,upper,debt,threshold"]
    for k in range(50):
        asset = ASSETS[k % 20]
        price, venue = prices[asset], draw.choice(["anchor", "meridian", "kestrel"])
        units = 1e6 / price * draw.uniform(0.2, 1.0)
        strategy, side = draw.choice(["core", "basis", "momentum"]), draw.choice([-1, 1])
        if k < 25:
            row = f"{asset},{units:.4f},{venue},{strategy},,spot,,,,,,,,,,"
        elif k < 37:
            row = (
                f"{asset},{side * units:.4f},{venue},{strategy},,perpetual,USDT,{price:.4f},"
                "300000,,,,,,,"
            )
        elif k < 43:
            row = (
                f"{asset},{-0.2 * units:.4f},{venue},{strategy},,call,,,,{1.2 * price:.4f},"
                "2026-12-25,0.7,,,,"
            )
        elif k < 47:
            row = (
                f"{asset},{0.3 * units:.4f},,{strategy},ethereum,pool,USDC,,,,,,"
                f"{0.7 * price:.4f},{1.5 * price:.4f},,"
            )
        else:
            row = (
                f"{asset},{units:.4f},,{strategy},ethereum,loan,USDC,,,,,,,,"
                f"{0.5 * units * price:.0f},0.8"
            )
        rows.append(row)
    return rows
