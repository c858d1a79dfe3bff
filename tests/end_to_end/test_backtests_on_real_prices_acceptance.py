# SPDX-License-Identifier: Apache-2.0
"""The page of a rolling year on real prices, by plain NumPy from the raw file."""

from __future__ import annotations

import csv
import math
import re
from datetime import date, timedelta

import numpy as np
import pytest
from scipy import special, stats

from .conftest import ROOT

PRICES = ROOT.parent / "shared" / "data" / "prices" / "yahoo_daily_ohlcv_2014_2024.csv"
PAGE = ROOT / "docs" / "backtests-on-real-prices.md"
LAST, DAYS, WINDOW, LEVEL = date(2024, 12, 6), 365, 365, 0.975

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def losses() -> dict[str, np.ndarray]:
    """Daily losses of every asset, the last 730."""
    if not PRICES.is_file():
        pytest.skip(f"REAL PRICES ARE NOT HERE: {PRICES.name} beside the project is absent")
    closes: dict[str, dict[date, float]] = {}
    first = LAST - timedelta(days=DAYS + WINDOW)
    with PRICES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["date"][:10])
            if first <= day <= LAST and row["close"] not in ("", "null"):
                closes.setdefault(row["asset"], {})[day] = float(row["close"])
    found = {}
    for asset, series in closes.items():
        if len(series) == DAYS + WINDOW + 1:
            price = np.array([series[day] for day in sorted(series)])
            found[asset] = 1.0 - price[1:] / price[:-1]
    return found


def shown(title: str, name: str, table: int = 0) -> dict[str, str]:
    """A row of a table under a heading of the page."""
    text = PAGE.read_text(encoding="utf-8").split(f"{title}\n", 1)[1]
    block = re.findall(r"(?:^\|.*\n)+", text, re.M)[table].splitlines()
    head = [cell.strip() for cell in block[0].strip("|").split("|")]
    row = next(line for line in block if line.startswith(f"| {name} |"))
    cells = [cell.strip().replace("*", "") for cell in row.strip("|").split("|")]
    return dict(zip(head[1:], cells[1:], strict=True))


def forecast(before: np.ndarray, model: str) -> tuple[float, float]:
    """VaR and CVaR from the losses before."""
    if model == "normal":
        mean, sd = before.mean(), before.std()
        z = special.ndtri(LEVEL)
        return mean + sd * z, mean + sd * stats.norm.pdf(z) / (1 - LEVEL)
    ordered = np.sort(before)[::-1]
    count = len(before) * (1 - LEVEL)
    whole = int(count)
    tail = ordered[:whole].sum() + (count - whole) * ordered[whole]
    return ordered[whole], tail / count


@pytest.mark.parametrize("model", ["historical", "normal"])
def test_exceptions_scores_and_tests_of_ten_assets(
    losses: dict[str, np.ndarray], model: str
) -> None:
    scores, counts = shown("## Scores", model), shown("## Scores", model, 1)
    assert len(scores) == 10
    rows = {name: shown(f"### {model}", name) for name in ("kupiec-pof", "z2", "fz0")}
    for asset in scores:
        loss = losses[asset]
        pairs = [forecast(loss[t - WINDOW : t], model) for t in range(WINDOW, WINDOW + DAYS)]
        var, cvar = np.array(pairs).T
        came = loss[WINDOW:]
        hit = came > var
        n = int(hit.sum())
        assert counts[asset] == str(n)
        fz0 = np.maximum(came - var, 0) / ((1 - LEVEL) * cvar) + var / cvar + np.log(cvar) - 1
        assert float(scores[asset]) == pytest.approx(fz0.mean(), abs=6e-4)
        z2 = 1 - (came / cvar)[hit].sum() / (DAYS * (1 - LEVEL))
        assert float(rows["z2"][asset].split()[0]) == pytest.approx(z2, rel=6e-3)
        p, share = 1 - LEVEL, n / DAYS
        ratio = 2 * (n * math.log(share / p) + (DAYS - n) * math.log((1 - share) / (1 - p)))
        assert float(rows["kupiec-pof"][asset].split()[0]) == pytest.approx(ratio, rel=6e-3)


def test_at_least_five_models_on_ten_assets_with_every_statistic() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"^### ", text, re.M)) >= 5
    for block in text.split("\n### ")[1:]:
        names = re.findall(r"^\| ([a-z0-9-]+) \|", block, re.M)
        assert len(set(names) - {"test"}) >= 25
