# SPDX-License-Identifier: Apache-2.0
"""The main job on real price history, where it is at hand."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import ROOT

PRICES = ROOT.parent / "shared" / "data" / "prices"
FILES = {
    "yahoo_daily_ohlcv_2014_2024.csv": ("BTC", "ETH", "SOL", "BNB", "LINK", "LTC"),
    "cmc_stablecoins_terra_daily_ohlcv_2017_2025.csv": ("USDC", "DAI"),
}
FIRST, LAST = date(2020, 4, 11), date(2024, 11, 20)

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[date, float]]]:
    """Real closes of the example's tokens in one long file, and the same closes for checking."""
    if not PRICES.is_dir():
        pytest.skip(f"REAL PRICES ARE NOT HERE: {PRICES.name} beside the project is absent")
    closes: dict[str, dict[date, float]] = {}
    for name, wanted in FILES.items():
        with (PRICES / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                asset = row["asset"]
                day = date.fromisoformat(row["date"])
                if asset in wanted and FIRST <= day <= LAST and row["close"] not in ("", "null"):
                    closes.setdefault(asset, {})[day] = float(row["close"])
    path = tmp_path_factory.mktemp("real") / "closes.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("date,asset,close\n")
        for asset, days in closes.items():
            out.writelines(f"{day},{asset},{price!r}\n" for day, price in sorted(days.items()))
    return path, closes


def test_the_whole_walk_on_real_prices(
    real: tuple[Path, dict[str, dict[date, float]]], perilscope: Any, example: Path
) -> None:
    path, closes = real
    book = example / "institution.yaml"
    text = book.read_text(encoding="utf-8").replace("as_of: 2026-11-20", f"as_of: {LAST}")
    text = text.replace("2026-11-19", "2024-11-19").replace("2026-11-18", "2024-11-18")
    book.write_text(text, encoding="utf-8")
    done = perilscope("run", example, "--prices", path, "--json", "-")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert max(abs(z) for z in document["checks"].values()) < 4.5
    days = sorted(set.intersection(*(set(d) for d in closes.values())))
    held = {v["asset"]: v["quantity"] for v in document["market"]["valued"]}
    table = np.array([[closes[a][day] for a in held] for day in days])
    values = table[-1] * np.array(list(held.values()))
    assert document["market"]["value"] == pytest.approx(float(values.sum()), rel=1e-12)
    for horizon in (1, 7, 10):
        losses = np.sort(-((table[horizon:] / table[:-horizon] - 1) @ values))
        for level in (0.95, 0.975, 0.99):
            # smallest loss with F >= level, and the mean of the worst share with the atom split
            at = int(np.ceil(len(losses) * level - 1e-9)) - 1
            over = np.maximum(losses - losses[at], 0).mean() / (1 - level)
            found = document["market"]["methods"]["historical"][str(horizon)][f"{level:g}"]
            assert found["var"] == pytest.approx(losses[at], rel=1e-9)
            assert found["cvar"] == pytest.approx(losses[at] + over, rel=1e-9)


def test_known_closes_are_read(real: tuple[Path, dict[str, dict[date, float]]]) -> None:
    _, closes = real
    assert closes["USDC"][date(2023, 3, 11)] == pytest.approx(0.9715, abs=5e-5)
