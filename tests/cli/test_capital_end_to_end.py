# SPDX-License-Identifier: Apache-2.0
"""`capital` on a small book whose figures a hand finds, on the example, and wrong use."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import norm, poisson

from perilscope.cli import run

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "hedge-fund")
BOOK = """
institution: {name: Small}
currency: USD
as_of: 2026-11-20
discount_rate: 0 % per year
venues:
  exchange:
    kind: exchange
    holds: 10M
    earns: 3 % per year
    fails: {scenario: default, withdrawn: 50 %, recovers: 40 %}
protocols:
  pool: {deposit: 1M, earns: 10 % per year}
assets: {desk: {kind: other}}
scenarios:
  default: {asset: exchange, frequency: 1 in 50 years, counts: at most one a year, magnitude: 3M}
  exploit: {asset: pool, frequency: 1 in 20 years, counts: at most one a year, magnitude: 1M}
  errors: {asset: desk, frequency: 4 per year, magnitude: 100k}
"""


def asked(path: Path, capsys: Any, *more: str) -> dict[str, Any]:
    assert run(["capital", str(path), "--json", "-", *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.yaml"
    path.write_text(BOOK)
    return path


def test_figures_of_a_small_book_are_those_of_a_hand(book: Path, capsys: Any) -> None:
    found = asked(book, capsys)
    # losses alone: capital that lasts is what the end of the horizon needs, and no ruin is undone
    lasting, whole = found["lasting"], found["enterprise"]
    assert lasting["capital"] == pytest.approx(lasting["var"], abs=1.01 * lasting["step"])
    assert lasting["ruined_with_var"] == pytest.approx(0.01, abs=0.005)
    # bounds: CVaR adds; a hand adds VaR 0, 1M of the exploit and the errors' quantile
    worst = found["worst_case"]["scenarios"]
    errors = float(poisson.ppf(0.99, 4)) * 1e5
    assert worst["added_var"] == pytest.approx(3e6 + 1e6 + errors)
    assert worst["best_var"][0] <= whole["var"] <= worst["worst_var"][1]
    assert worst["best_cvar"][0] <= whole["cvar"] <= worst["worst_cvar"]
    # the venue: half is out, 40 % of the rest comes back
    (venue,) = found["counterparties"]
    assert venue["today"] == venue["at_failure"] == 10e6
    assert venue["lost"]["mean"] == pytest.approx(0.5 * 10e6 * 0.6)
    assert venue["expected"] == pytest.approx(0.02 * 3e6)
    # returns: income less expected loss over what is borne beyond it; shares add up to CVaR
    rows = {row["id"]: row for row in found["returns"]}
    pool, exchange = rows["pool"], rows["exchange"]
    assert (pool["income"], pool["expected_loss"]) == pytest.approx((1e5, 5e4))
    assert (exchange["income"], exchange["expected_loss"]) == pytest.approx((3e5, 6e4))
    assert pool["return"] == pytest.approx((1e5 - 5e4) / (pool["cvar"] - 5e4))
    assert pool["cvar"] + exchange["cvar"] < whole["cvar"]


def test_the_example_with_its_market(capsys: Any) -> None:
    found = asked(Path(EXAMPLE), capsys)
    layers, whole = found["worst_case"]["layers"], found["enterprise"]
    assert whole["with_market"]
    assert layers["parts"] == ["operational", "protocol", "market"]
    assert layers["best_var"][0] <= whole["var"] <= layers["worst_var"][1]
    assert whole["cvar"] <= layers["worst_cvar"] <= found["worst_case"]["scenarios"]["worst_cvar"]
    lasting = found["lasting"]
    assert lasting["capital"] > lasting["var"] > 0.0
    assert lasting["ruined_with_var"] > 0.01
    assert lasting["outside"] < 1e-6
    rows = {row["id"]: row for row in found["returns"]}
    assert rows["protocol-x"]["return"] < 0.0 < rows["harbor-lend"]["return"]
    assert rows["core"]["income"] is None
    assert rows["core"]["return"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--level", "0.9"], "one of 0.95"),
        (["--survival", "1"], "at least 0.5"),
        (["--slices", "0"], "1 to 365"),
        (["--evidence", "nothing=yes"], "no such node"),
    ],
)
def test_wrong_use_is_said(book: Path, arguments: list[str], said: str, capsys: Any) -> None:
    assert run(["capital", str(book), *arguments]) == 2
    assert said in capsys.readouterr().err


def priced(folder: Path, horizon: str) -> Path:
    """A coin that may break, another by itself and in a perpetual, prices by a fixed rule."""
    days = [date(2025, 6, 1) + timedelta(i) for i in range(400)]
    rows = [f"{day},{30_000 * (1.0 + 0.02 * (i * i % 13)):.0f},1.0" for i, day in enumerate(days)]
    (folder / "prices.csv").write_text("\n".join(["date,BTC,USDC", *rows]) + "\n")
    (folder / "positions.csv").write_text(
        "asset,quantity,venue,strategy,instrument,quote,entry,margin\n"
        "USDC,1000000,,cash,cash,,,\nBTC,2,,core,spot,,,\nBTC,1,,lev,perpetual,USDC,30000,9000\n"
    )
    path = folder / "book.yaml"
    path.write_text(f"""
institution: {{name: Small, kind: hedge fund, net_assets: 5M}}
currency: USD
as_of: {days[-1] + timedelta(1)}
horizon: {horizon}
positions: positions.csv
prices: prices.csv
tokens: {{BTC: coin, USDC: stablecoin}}
assets: {{desk: {{kind: other, worth: 1M}}}}
networks:
  peg:
    period: {horizon}
    nodes: {{breaks: {{table: [0.9, 0.1]}}}}
    shocks: {{breaks: {{yes: {{USDC: -20 %}}}}}}
scenarios: {{slip: {{asset: desk, frequency: 1 in 5 years, magnitude: 30k}}}}
""")
    return path


def test_strategies_lose_what_their_prices_are_expected_to(tmp_path: Path, capsys: Any) -> None:
    """One in ten that a fifth of a million is gone; instruments are strategies as well."""
    document = asked(priced(tmp_path, "90 days"), capsys)
    rows = {row["id"]: row for row in document["returns"]}
    assert set(rows) == {"cash", "core", "lev"}
    assert rows["cash"]["expected_loss"] == pytest.approx(0.1 * 0.2 * 1e6, rel=1e-9)
    assert rows["cash"]["capital"] == pytest.approx(rows["cash"]["cvar"] - 20_000.0, rel=1e-9)
    assert rows["core"]["expected_loss"] == pytest.approx(0.0, abs=1e-6)
    assert rows["lev"]["exposure"] > 0.0


@pytest.mark.parametrize(("horizon", "slices"), [("10 days", 10), ("3 months", 10), ("1 year", 12)])
def test_slices_are_whole_days_where_nobody_says_how_many(
    horizon: str, slices: int, tmp_path: Path, capsys: Any
) -> None:
    document = asked(priced(tmp_path, horizon), capsys)
    assert document["notes"] == []
    assert document["lasting"]["slices"] == slices
    assert document["lasting"]["capital"] >= document["lasting"]["var"]


def test_losses_beyond_the_grid_of_a_slice_ruin_too(tmp_path: Path, capsys: Any) -> None:
    """Without gains no ruin is undone: what lasts is the quantile of a sum with a heavy tail.

    By hand: 0.3 thefts a year, lognormal; the year's loss exceeds x about as often as one of them
    does, and at 99.9 % that is right to a few per cent.
    """
    path = tmp_path / "book.yaml"
    path.write_text("""
institution: {name: Small}
currency: USD
as_of: 2026-11-20
assets: {vault: {kind: other}}
scenarios:
  theft: {asset: vault, frequency: 0.3 per year, magnitude: "lognormal(median=1M, p95=60M)"}
""")
    found = asked(path, capsys, "--survival", "0.999")["lasting"]
    assert found["capital"] == pytest.approx(found["var"], abs=1.01 * found["step"])
    sigma = math.log(60.0) / norm.ppf(0.95)
    alone = 1e6 * math.exp(sigma * norm.isf(-math.log1p(-0.001) / 0.3))
    assert found["capital"] == pytest.approx(alone, rel=0.05)
