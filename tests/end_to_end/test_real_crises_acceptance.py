# SPDX-License-Identifier: Apache-2.0
"""Terra in May 2022 and USDC in March 2023, replayed on a book from real closes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run

PRICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "prices"
FILES = {
    "yahoo": "yahoo_daily_ohlcv_2014_2024.csv",
    "terra": "cmc_stablecoins_terra_daily_ohlcv_2017_2025.csv",
    "binance": "binance_spot_daily_ohlcv_2021_2022.csv",
}
pytestmark = pytest.mark.acceptance
BOOK = """
institution: {name: Crisis, kind: hedge fund, net_assets: 20M}
currency: USD
as_of: 2023-04-30
tokens: {USDC: {kind: stablecoin, peg: USD}, USTC: {kind: stablecoin, peg: USD}}
assets: {cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}}
scenarios: {theft: {story: S., asset: cash, frequency: 1 in 50 years, magnitude: 10k, owner: ciso}}
positions: positions.csv
prices: prices.csv
"""


def closes() -> dict[tuple[str, str], float]:
    if not PRICES.exists():
        pytest.skip("no real price history beside the project")
    found: dict[tuple[str, str], float] = {}
    for name in ("terra", "yahoo"):
        with (PRICES / FILES[name]).open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["close"]:
                    found.setdefault((row["asset"], row["date"]), float(row["close"]))
    return found


def written(folder: Path, positions: str, known: dict[tuple[str, str], float]) -> str:
    held = {line.split(",")[0] for line in positions.splitlines()[1:]} | {"BTC", "USDC"}
    rows = ["date,asset,close"]
    rows += [f"{day},{a},{p!r}" for (a, day), p in sorted(known.items(), key=lambda x: x[0][1])
             if a in held and "2020-12-01" <= day <= "2023-04-30"]  # fmt: skip
    (folder / "prices.csv").write_text("\n".join(rows))
    (folder / "positions.csv").write_text(positions)
    (folder / "book.yaml").write_text(BOOK)
    return str(folder / "book.yaml")


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run(["market", *words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_worst_stretch_of_a_holder_of_terra_is_may_2022(capsys: Any, tmp_path: Path) -> None:
    known = closes()
    positions = "asset,quantity\nUSTC,100000000\nBTC,10\n"
    book = written(tmp_path, positions, known)
    found = asked(capsys, "stress", book, "--window", "6")
    window = found["worst_window"]
    now = {a: known[a, "2023-04-30"] for a in ("USTC", "BTC")}
    held = {"USTC": 1e8 * now["USTC"], "BTC": 10 * now["BTC"]}
    assert window["first"].startswith("2022-05-0")
    loss = -sum(
        value * (known[a, window["last"]] / known[a, window["first"]] - 1.0)
        for a, value in held.items()
    )
    assert window["loss"] == pytest.approx(loss)
    terra = next(each for each in found["episodes"] if each["id"] == "2022-05-12")
    moved = {m["asset"]: m["move"] for m in terra["moved"]}
    assert moved["USTC"] < -0.5
    assert not any("USTC is LEFT OUT" in text for text in found["findings"])


def test_usdc_in_march_2023_reaches_the_figures(capsys: Any, tmp_path: Path) -> None:
    known = closes()
    book = written(tmp_path, "asset,quantity\nUSDC,10000000\n", known)
    found = asked(capsys, "stress", book, "--window", "1")
    window = found["worst_window"]
    assert (window["first"], window["last"]) == ("2023-03-10", "2023-03-11")
    move = known["USDC", "2023-03-11"] / known["USDC", "2023-03-10"] - 1.0
    assert move == pytest.approx(-0.028, abs=0.002)
    worth = 1e7 * known["USDC", "2023-04-30"]
    assert window["loss"] == pytest.approx(-move * worth)
    worst = asked(capsys, "contributions", book, "--level", "0.999")
    assert worst["cvar"] > 0.5 * window["loss"]  # one day of 881, never 1 USD by assumption


def test_a_loan_against_ether_in_the_fall_of_may_2021(capsys: Any, tmp_path: Path) -> None:
    known = closes()
    debt = 1000 * known["ETH", "2023-04-30"] * 0.62
    header = "asset,quantity,instrument,quote,debt,threshold\n"
    book = written(tmp_path, header + f"ETH,1000,loan,USDC,{debt:.0f},0.8\n", known)
    found = asked(capsys, "stress", book)
    fall = next(each for each in found["episodes"] if each["id"] == "2021-05-19")
    move = {m["asset"]: m["move"] for m in fall["moved"]}["ETH"]
    assert move == pytest.approx(
        known["ETH", "2021-05-19"] / known["ETH", "2021-05-18"] - 1.0, abs=1e-4
    )
    price, low = known["ETH", "2023-04-30"], known["ETH", "2023-04-30"] * (1 + move)
    usdc = known["USDC", "2023-04-30"]
    units, owed = 1000.0, float(f"{debt:.0f}")
    then = usdc * (1 + {m["asset"]: m["move"] for m in fall["moved"]}["USDC"])
    at = low / then
    while owed / (0.8 * units) >= at:  # half of the debt, 5 % penalty, again and again
        trigger = owed / (0.8 * units)
        units, owed = units - 0.5 * owed * 1.05 / trigger, 0.5 * owed
    assert units < 1000.0
    now = 1000.0 * price - float(f"{debt:.0f}") * usdc
    assert fall["loss"] == pytest.approx(now - (units * low - owed * then), rel=1e-6)


def test_the_findings_of_the_files_are_those_that_are_known(capsys: Any) -> None:
    closes()
    yahoo, binance = (str(PRICES / FILES[name]) for name in ("yahoo", "binance"))
    found = asked(capsys, "check-data", "--prices", yahoo, "--second", binance, "--asset", "BTC",
                  "--asset", "ETH")  # fmt: skip
    assert not found["excluded"]
    days = {f["first"] for f in found["findings"] if f["kind"] == "glitch"}
    assert {"2021-11-25", "2021-12-14"} <= days
    found = asked(capsys, "check-data", "--prices", binance)
    assert list(found["excluded"]) == ["LUNA"]
    assert "another asset under the same ticker" in found["excluded"]["LUNA"]
