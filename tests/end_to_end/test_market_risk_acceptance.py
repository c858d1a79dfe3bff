# SPDX-License-Identifier: Apache-2.0
"""``perilscope market risk`` on real closes, beside figures counted from the file itself."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PRICES = Path(__file__).parents[3] / "shared" / "data" / "prices"
YAHOO = PRICES / "yahoo_daily_ohlcv_2014_2024.csv"

pytestmark = pytest.mark.acceptance


def test_bitcoin_and_ether(perilscope: Any) -> None:
    if not YAHOO.is_file():
        pytest.skip("REAL PRICES ARE NOT HERE: yahoo_daily_ohlcv_2014_2024.csv is absent")
    first, last = date(2020, 4, 11), date(2024, 11, 20)
    closes: dict[str, list[float]] = {"BTC": [], "ETH": []}
    with YAHOO.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["asset"] in closes and first <= date.fromisoformat(row["date"]) <= last:
                closes[row["asset"]].append(float(row["close"]))
    done = perilscope(
        "market", "risk", "--prices", YAHOO, "--weights", "BTC=0.6,ETH=0.4", "--from", first,
        "--to", last, "--method", "historical", "--method", "normal", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    table = np.array([closes["BTC"], closes["ETH"]]).T
    losses = np.sort(-(table[1:] / table[:-1] - 1.0) @ [0.6, 0.4])[::-1]
    count = losses.size * 0.025
    cvar = (losses[: int(count)].sum() + (count - int(count)) * losses[int(count)]) / count
    var = min(x for x in losses if np.mean(losses <= x) >= 0.975)
    assert found["returns"] == losses.size == 1684
    assert found["methods"]["historical"]["var"] == pytest.approx(var, rel=1e-12)
    assert found["methods"]["historical"]["cvar"] == pytest.approx(cvar, rel=1e-10)
    z = 1.959963984540054
    expected = losses.mean() + z * losses.std()
    assert found["methods"]["normal"]["var"] == pytest.approx(expected, rel=1e-9)
