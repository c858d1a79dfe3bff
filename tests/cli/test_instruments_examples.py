# SPDX-License-Identifier: Apache-2.0
"""A desk with every instrument: figures found a second time, scenario by scenario, with scalars."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from perilscope.cli import run

DAYS = 400
AS_OF = date(2026, 10, 27)
BOOK = """
institution: {name: Desk, kind: hedge fund, net_assets: 5M}
currency: USD
as_of: 2026-10-27
tokens: {USDC: {kind: stablecoin, peg: USD}, BTC: {kind: coin, daily_volume: 20bn},
         ETH: {kind: coin, daily_volume: 10bn}}
venues: {alpha: {name: Alpha, kind: exchange}, beta: {name: Beta, kind: exchange}}
assets: {cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}}
scenarios: {theft: {story: S., asset: cash, frequency: 1 in 50 years, magnitude: 10k, owner: ciso}}
positions: positions.csv
prices: prices.csv
limits:
  - {measure: gross exposure, at_most: 50M, owner: cio}
  - {measure: 1-day CVaR 97.5 %, at_most: 2M, owner: cro}
  - {measure: contribution to 1-day CVaR 97.5 %, at_most: 2M, scope: venue alpha, owner: cro}
  - {measure: worst stress loss, at_most: 4M, owner: cro}
  - {measure: drawdown over 30 days, at_most: 4M, owner: cro}
"""
HEADER = (
    "asset,quantity,venue,strategy,chain,counterparty,instrument,quote,entry,margin,settled,strike,"
    "expiry,vol,lower,upper,liquidity,debt,threshold,discount,exit_days,funding\n"
)


def row(**cells: Any) -> str:
    return ",".join(str(cells.get(name, "")) for name in HEADER.strip().split(",")) + "\n"


def lot_of(**cells: Any) -> dict[str, Any]:
    return cells


LOTS = [
    lot_of(asset="BTC", quantity=20, venue="alpha", strategy="core", chain="bitcoin"),
    lot_of(asset="BTC", quantity=-15, venue="beta", instrument="perpetual", entry=41000,
         funding="0.0003", counterparty="x"),
    lot_of(asset="ETH", quantity=50, venue="alpha", instrument="perp", entry=2000, margin=8000),
    lot_of(asset="BTC", quantity=100000, venue="beta", instrument="perpetual", entry=39000,
         margin=0.5, settled="inverse"),
    lot_of(asset="ETH", quantity=-100, venue="beta", instrument="call", strike=2200,
         expiry="2026-11-26", vol=0.8),
    lot_of(asset="BTC", quantity=5, venue="beta", instrument="put", strike=38000,
         expiry="2026-12-25", vol="60 %"),
    lot_of(asset="ETH", quantity=80, chain="ethereum", instrument="pool", quote="USDC",
         lower=1500, upper=2600),
    lot_of(asset="ETH", quantity=40, chain="ethereum", instrument="pool", quote="USDC"),
    lot_of(asset="ETH", quantity=60, chain="ethereum", instrument="staked", discount="0.5 %",
         exit_days=5),
    lot_of(asset="BTC", quantity=4, chain="ethereum", instrument="loan", quote="USDC", debt=125000,
         threshold=0.8),
    lot_of(asset="USDC", quantity=500000, instrument="deposit", chain="ethereum"),
    lot_of(asset="USD", quantity=100000, instrument="cash", venue="alpha"),
]  # fmt: skip


@pytest.fixture
def prices() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(4)
    moves = rng.standard_t(4, (DAYS, 3)) * [0.03, 0.04, 0.0005]
    levels = np.cumprod(1 + moves, axis=0)
    return np.asarray(levels / levels[-1] * [40_000.0, 2_000.0, 1.0])


@pytest.fixture
def book(tmp_path: Path, prices: np.ndarray[Any, Any]) -> str:
    start = AS_OF.toordinal() - DAYS + 1
    rows = ["date,BTC,ETH,USDC"]
    rows += [
        f"{date.fromordinal(start + k)}," + ",".join(repr(float(p)) for p in prices[k])
        for k in range(DAYS)
    ]
    (tmp_path / "book.yaml").write_text(BOOK)
    (tmp_path / "prices.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "positions.csv").write_text(HEADER + "".join(row(**lot) for lot in LOTS))
    return str(tmp_path / "book.yaml")


def asked(capsys: Any, *words: str, code: int = 0) -> dict[str, Any]:
    assert run(["market", *words, "--json", "-"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def black(s: float, k: float, v: float, t: float, call: bool) -> float:
    if t <= 0.0:
        return max(s - k if call else k - s, 0.0)
    d1 = math.log(s / k) / (v * math.sqrt(t)) + 0.5 * v * math.sqrt(t)
    d2 = d1 - v * math.sqrt(t)
    if call:
        return float(s * norm.cdf(d1) - k * norm.cdf(d2))
    return float(k * norm.cdf(-d2) - s * norm.cdf(-d1))


def range_worth(liquidity: float, p: float, low: float, high: float) -> float:
    root, a, b = math.sqrt(min(max(p, low), high)), math.sqrt(low), math.sqrt(high)
    return liquidity * ((1 / root - 1 / b) * p + root - a)


def whole(b: float, e: float, u: float, days: float, low: dict[str, float]) -> dict[str, float]:
    """Every lot by the plain formulas; prices of BTC, ETH, USDC, the lowest on the way."""
    vb, ve = (math.exp(abs(math.log(x / y))) for x, y in ((b, 40_000), (e, 2_000)))
    eth_perp = 0.0 if low["ETH"] <= (50 * 2000 - 8000) / (50 * 0.995) else 8000 + 50 * (e - 2000)
    trigger = 100000 * 1.005 / (0.5 + 100000 / 39000)
    coin = 0.0 if low["BTC"] <= trigger else 0.5 + 100000 * (1 / 39000 - 1 / b)
    narrow = 80 / (1 / math.sqrt(2000) - 1 / math.sqrt(2600))
    debt, coins, at = 125000.0, 4.0, low["BTC"] / u
    while debt / (0.8 * coins) >= at:
        price = debt / (0.8 * coins)
        coins, debt = coins - 0.5 * debt * 1.05 / price, 0.5 * debt
    discount = 0.0 if days >= 5 else 0.005 + 0.1 * max(1 - e / 2000, 0.0)
    return {
        "spot": 20 * b,
        "short": -15 * (b - 41000) + 15 * 40000 * 0.0003 * days,
        "eth perp": max(eth_perp, 0.0),
        "coin": max(coin, 0.0) * b,
        "call": -100 * black(e, 2200, 0.8 * ve, (30 - days) / 365, True),
        "put": 5 * black(b, 38000, 0.6 * vb, (59 - days) / 365, False),
        "range": range_worth(narrow, e / u, 1500, 2600) * u,
        "pool": 2 * 40 * math.sqrt(2000 * e / u) * u,
        "staked": 60 * e * (1 - discount),
        "loan": max(coins * b / u - debt, 0.0) * u,
        "usdc": 500000 * u,
        "cash": 100000.0,
    }


def brute(prices: np.ndarray[Any, Any], days: int) -> list[dict[str, float]]:
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    found = []
    for k in range(len(prices) - days):
        path = prices[k + 1 : k + days + 1] / prices[k] * [40_000, 2_000, 1.0]
        b, e, u = path[-1].tolist()
        low = {"BTC": float(path[:, 0].min()), "ETH": float(path[:, 1].min())}
        then = whole(b, e, u, days, low)
        found.append({lot: now[lot] - then[lot] for lot in now})
    return found


def tail(losses: np.ndarray[Any, Any], level: float) -> float:
    worst = np.sort(losses)[::-1]
    count = len(worst) * (1 - level)
    n = int(count)
    return float((worst[:n].sum() + (count - n) * worst[n]) / count)


@pytest.mark.parametrize("days", [1, 10])
def test_cvar_is_that_of_every_lot_revalued(
    capsys: Any, book: str, prices: np.ndarray[Any, Any], days: int
) -> None:
    found = asked(capsys, "contributions", book, "--days", str(days), "--level", "0.975")
    losses = np.array([sum(each.values()) for each in brute(prices, days)])
    assert found["cvar"] == pytest.approx(tail(losses, 0.975), rel=1e-9)
    for kind, rows in found["contributions"].items():
        assert math.fsum(r["cvar"] for r in rows) == pytest.approx(found["cvar"], rel=1e-9), kind
    names = {row["name"] for row in found["contributions"]["instrument"]}
    assert names == {"spot", "perpetual", "call", "put", "pool", "staked", "loan", "deposit",
                     "cash"}  # fmt: skip
    assert {"ethereum", "bitcoin"} < {row["name"] for row in found["contributions"]["chain"]}


def test_a_run_says_the_same_as_the_desk(
    capsys: Any, book: str, prices: Any, tmp_path: Path
) -> None:
    given = ["run", book, "--out", str(tmp_path / "out"), "--json", "-", "--years", "1000"]
    assert run(given) in (0, 3)
    market = json.loads(capsys.readouterr().out)["market"]
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    assert market["value"] == pytest.approx(math.fsum(now.values()), rel=1e-9)
    for days in (1, 10):
        losses = np.array([sum(each.values()) for each in brute(prices, days)])
        figure = market["methods"]["historical"][str(days)]["0.975"]
        assert figure["cvar"] == pytest.approx(tail(losses, 0.975), rel=1e-9)
        assert figure["cvar_interval"][0] < figure["cvar"] < figure["cvar_interval"][1]


def test_the_morning_page_of_instruments(capsys: Any, book: str) -> None:
    found = asked(capsys, "morning", book)
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    assert found["positions_worth"] == pytest.approx(math.fsum(now.values()), rel=1e-9)
    assert all(row["state"] == "kept" for row in found["limits"])
    assert any("half of the debt" in text for text in found["findings"])
    assert any("without bound" in text for text in found["findings"])
    stressed = {row["id"]: row for row in found["stresses"]}
    assert stressed


def test_an_episode_is_a_full_revaluation(capsys: Any, book: str) -> None:
    found = asked(capsys, "stress", book)
    crash = next(each for each in found["episodes"] if each["id"] == "2020-03-12")
    moves = {m["asset"]: m["move"] for m in crash["moved"]}
    b, e, u = (40_000 * (1 + moves["BTC"]), 2_000 * (1 + moves["ETH"]), 1 + moves["USDC"])
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    then = whole(b, e, u, crash["days"], {"BTC": b, "ETH": e})
    assert crash["loss"] == pytest.approx(math.fsum(now[x] - then[x] for x in now), rel=1e-9)
    assert moves["BTC"] == pytest.approx(-0.372, abs=0.001)


@pytest.mark.parametrize(
    ("lot", "told"),
    [
        (lot_of(instrument="swaption"), "there is no instrument"),
        (lot_of(instrument="call", strike=5), "a call needs expiry"),
        (lot_of(instrument="call", strike=-5, expiry="2026-12-01"), "strike is above zero"),
        (lot_of(instrument="put", strike=5, expiry="soon"), "a date is wanted as expiry"),
        (lot_of(instrument="pool"), "a pool needs quote"),
        (lot_of(instrument="pool", quote="USDC", lower=9, upper=5), "is not below upper"),
        (lot_of(instrument="loan", quote="USDC", debt=5), "a loan needs threshold"),
        (lot_of(instrument="loan", quote="USDC", debt=5, threshold=1.5), "a share from 0 to 1"),
        (lot_of(instrument="perpetual", settled="gold"), "settled is linear or inverse"),
        (lot_of(instrument="perpetual", entry="high"), "a number is wanted as entry"),
        (lot_of(instrument="perpetual", margin=-1), "margin is not below zero"),
    ],
)
def test_terms_that_are_refused(capsys: Any, book: str, lot: Any, told: str) -> None:
    text = HEADER + row(asset="BTC", quantity=1, **lot)
    (Path(book).parent / "positions.csv").write_text(text)
    assert run(["market", "limits", book]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert "positions.csv:2" in error


@pytest.mark.parametrize("kind", ["future", "perpetual"])
def test_coins_of_an_inverse_contract_are_worth_the_spot_price(
    capsys: Any, book: str, kind: str
) -> None:
    """A contract above spot gains coins by its own price, and coins are sold on the spot market."""
    path, header = Path(book).parent / "positions.csv", HEADER.strip() + ",mark\n"
    lot = lot_of(asset="BTC", quantity=200000, instrument=kind, entry=40500, margin=3,
                 settled="inverse", expiry="2026-11-26" if kind == "future" else "")  # fmt: skip
    path.write_text(header + row(**lot).rstrip("\n") + ",41000\n")
    found = asked(capsys, "contributions", book, "--days", "10")
    coins = 3 + 200000 * (1 / 40500 - 1 / 41000)
    assert found["positions_worth"] == pytest.approx(coins * 40000, rel=1e-12)


def test_a_perpetual_closes_what_is_held_the_other_way(capsys: Any, book: str) -> None:
    """Selling 30 of 50 ETH leaves 20, three fifths of the gain and of the margin as cash."""
    path = Path(book).parent / "positions.csv"
    held = lot_of(asset="ETH", quantity=50, venue="alpha", instrument="perpetual", entry=1900,
                  margin=8000)  # fmt: skip
    coin = lot_of(asset="BTC", quantity=1, venue="alpha")
    path.write_text(HEADER + row(**held) + row(**coin))
    before, less = 50 * 2000.0 + 40000.0, 0.6 * (8000 + 50 * 100)
    found = {
        each["measure"]: each for each in asked(capsys, "trade", book, "sell 30 ETH-PERP")["limits"]
    }
    gross = found["gross exposure"]
    assert gross["before"] == pytest.approx(before, rel=1e-9)
    assert gross["value"] == pytest.approx(20 * 2000.0 + 40000.0 + less, rel=1e-9)
    # what is sold beyond what was held is a short of its own
    found = {
        each["measure"]: each for each in asked(capsys, "trade", book, "sell 80 ETH-PERP")["limits"]
    }
    assert found["gross exposure"]["value"] == pytest.approx(30 * 2000 + 40000 + 13000, rel=1e-9)
    # the same after the trade as of a book that holds what is left
    alone = asked(capsys, "trade", book, "sell 50 ETH-PERP")
    path.write_text(HEADER + row(**coin) + row(asset="USD", quantity=13000, instrument="cash"))
    left = asked(capsys, "limits", book)
    for one, other in zip(alone["limits"], left["limits"], strict=True):
        assert one["value"] == pytest.approx(other["value"], rel=1e-9), one["measure"]


def test_a_limit_that_cannot_be_told_does_not_count_as_allowing(capsys: Any, book: str) -> None:
    path = Path(book)
    text = path.read_text().replace(", daily_volume: 20bn", "").replace(", daily_volume: 10bn", "")
    path.write_text(text + "  - {measure: days to liquidate, at_most: 5, owner: cro}\n")
    assert run(["market", "trade", book, "buy 1 BTC"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Every limit that is known allows it." in told
    assert "days to liquidate: no daily volume of BTC, ETH" in told


def test_what_cannot_be_valued_is_said(capsys: Any, book: str) -> None:
    path = Path(book).parent / "positions.csv"
    path.write_text(HEADER + row(asset="BTC", quantity=1, instrument="call", strike=5,
                                 expiry="2026-10-01"))  # fmt: skip
    assert run(["market", "limits", book]) != 0
    assert "expired on 2026-10-01" in capsys.readouterr().err
    path.write_text(HEADER + row(asset="ETH", quantity=1, instrument="pool", quote="USDC",
                                 lower=100, upper=500))  # fmt: skip
    assert run(["market", "limits", book]) != 0
    assert "give its liquidity" in capsys.readouterr().err


def test_a_short_option_of_absurd_size(capsys: Any, book: str) -> None:
    path = Path(book).parent / "positions.csv"
    short = lot_of(asset="BTC", instrument="call", strike=50000, expiry="2026-12-25", vol=0.6)
    path.write_text(HEADER + row(asset="BTC", quantity=1) + row(quantity=-1e9, **short))
    assert run(["market", "morning", book]) != 0
    assert "no figure would mean anything" in capsys.readouterr().err
    path.write_text(HEADER + row(asset="BTC", quantity=1) + row(quantity=-5000, **short))
    found = asked(capsys, "morning", book)
    assert any("without bound" in text for text in found["findings"])
    risk = found["risk"][0]
    assert risk["cvar_interval"][1] > 1.2 * risk["cvar"]


def test_where_options_are_sold_every_face_reaches_to_the_same_far_moves(
    capsys: Any, book: str, prices: np.ndarray[Any, Any]
) -> None:
    """30 bitcoins and 200 puts sold: their losses under moves half as large again, by hand."""
    folder = Path(book).parent
    short = lot_of(asset="BTC", instrument="put", strike=36000, expiry="2026-12-25", vol=0.6)
    (folder / "positions.csv").write_text(
        HEADER + row(asset="BTC", quantity=30) + row(quantity=-200, **short)
    )

    def lost(move: float) -> float:
        b = 40_000 * (1 + move)
        vol = 0.6 * math.exp(abs(math.log(1 + move)))
        now, then = (
            black(40_000, 36000, 0.6, 59 / 365, False),
            black(b, 36000, vol, 58 / 365, False),
        )
        return 30 * (40_000 - b) + 200 * (then - now)

    moves = prices[1:, 0] / prices[:-1, 0] - 1
    far = tail(np.array([lost(max(1.5 * m, -0.999999)) for m in moves]), 0.975)
    morning = asked(capsys, "morning", book)
    assert morning["risk"][0]["cvar_interval"][1] == pytest.approx(far, rel=1e-9)
    found = asked(capsys, "risk", book, "--method", "historical", "--method", "normal")
    for name in ("historical", "normal"):
        assert found["methods"][name]["interval"]["cvar"][1] * found["value"] >= far * (1 - 1e-9)
    assert any("half as large again" in text for text in found["findings"])
    assert run(["run", book, "--out", str(folder / "out")]) == 0
    capsys.readouterr()
    made = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
    for name in ("historical", "hybrid"):
        figure = made["market"]["methods"][name]["1"]["0.975"]
        assert figure["cvar_interval"][1] == pytest.approx(far, rel=1e-9)
    assert "half as large again" not in json.dumps(asked(capsys, "liquidity", book)["findings"])


def test_shocks_of_one_s_own(capsys: Any, book: str) -> None:
    words = ("--shock", "BTC=-40%", "--shock", "*=-0.5", "--vol", "+60%")
    found = asked(capsys, "stress", book, *words)["shocked"]
    b, e = 24_000.0, 1_000.0
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    then = whole(b, e, 1.0, 0, {"BTC": b, "ETH": e})
    then["call"] = -100 * black(e, 2200, 0.8 * 1.6 * 2.0, 30 / 365, True)
    then["put"] = 5 * black(b, 38000, 0.6 * 1.6 / 0.6, 59 / 365, False)
    assert found["loss"] == pytest.approx(math.fsum(now[x] - then[x] for x in now), rel=1e-9)
    assert math.fsum(m["loss"] for m in found["moved"]) == pytest.approx(found["loss"])
    assert {m["asset"]: m["move"] for m in found["moved"]}["USDC"] == 0.0  # it keeps a peg


@pytest.mark.parametrize("shock", ["BTC", "BTC=", "BTC=-140%", "XYZ=-5%", "BTC=nan"])
def test_shocks_that_cannot_be(capsys: Any, book: str, shock: str) -> None:
    assert run(["market", "stress", book, "--shock", shock]) == 2
    assert "--shock" in capsys.readouterr().err


@pytest.mark.parametrize("target", [40_000.0, 250_000.0])
def test_the_mildest_of_all_shocks(
    capsys: Any, book: str, prices: np.ndarray[Any, Any], target: float
) -> None:
    from scipy.optimize import minimize

    lots = [LOTS[0], LOTS[4] | {"quantity": -600}, LOTS[5], LOTS[7]]
    (Path(book).parent / "positions.csv").write_text(HEADER + "".join(row(**x) for x in lots))
    moves = prices[1:] / prices[:-1] - 1.0
    inverse = np.linalg.inv(np.cov(moves.T, ddof=0))

    def loss(x: np.ndarray[Any, Any]) -> float:
        def worth(b: float, e: float, u: float) -> float:
            each = whole(b, e, u, 0, {"BTC": b, "ETH": e})
            return each["spot"] + 6 * each["call"] + each["put"] + each["pool"]

        return worth(40_000, 2_000, 1.0) - worth(40_000 * (1 + x[0]), 2_000 * (1 + x[1]), 1 + x[2])

    found = asked(capsys, "stress", book, "--loss", f"{target:.0f}")
    best = math.inf
    for start in ([-0.1, -0.1, 0.0], [0.0, 0.3, 0.0], [-0.2, 0.0, 0.0]):
        tried = minimize(
            lambda x: x @ inverse @ x, start, method="SLSQP",
            constraints={"type": "eq", "fun": lambda x: (loss(x) - target) / 1e5},
            options={"maxiter": 500, "ftol": 1e-12},
            bounds=[(-0.6, 0.6), (-0.6, 0.6), (-0.02, 0.02)],
        )  # fmt: skip
        if abs(loss(tried.x) - target) < 1.0:
            best = min(best, math.sqrt(tried.fun))
    assert found["reverse"]["loss"] == pytest.approx(target, rel=1e-3)
    assert found["reverse"]["distance"] == pytest.approx(best, rel=0.01)
    day = np.array([loss(x) for x in moves])  # without the day that options lose
    far = np.sqrt(np.einsum("ij,jk,ik->i", moves, inverse, moves))
    hurt = far[day >= target * 1.05]
    assert found["seen"]["count"] >= hurt.size
    if hurt.size:
        assert found["seen"]["distance"] <= hurt.min() * (1 + 1e-9)
    assert hurt.size or target > 50_000.0


def test_the_worst_stretch_is_the_worst(capsys: Any, book: str, prices: Any) -> None:
    found = asked(capsys, "stress", book, "--window", "10")["worst_window"]
    losses = np.array([sum(each.values()) for each in brute(prices, 10)])
    at = int(losses.argmax())
    assert found["loss"] == pytest.approx(losses[at], rel=1e-9)
    start = AS_OF.toordinal() - DAYS + 1
    assert found["first"] == date.fromordinal(start + at).isoformat()


def test_more_money_than_there_is(capsys: Any, book: str) -> None:
    path = Path(book).parent / "positions.csv"
    for units, said in (("1e300", "more than any asset has"), ("1e20", "more than all the money")):
        path.write_text(HEADER + row(asset="BTC", quantity=units))
        for command in ("morning", "simulate", "liquidity", "stress"):
            assert run(["market", command, book]) != 0
            assert said in capsys.readouterr().err


def test_what_is_already_liquidated_is_said(capsys: Any, book: str) -> None:
    lots = [lot_of(asset="BTC", quantity=1, instrument="perpetual", entry=50000, margin=100),
            lot_of(asset="ETH", quantity=1, instrument="loan", quote="USDC", debt=90000,
                   threshold=0.8), lot_of(asset="BTC", quantity=1)]  # fmt: skip
    (Path(book).parent / "positions.csv").write_text(HEADER + "".join(row(**x) for x in lots))
    found = asked(capsys, "morning", book)
    said = [text for text in found["findings"] if "nothing left" in text]
    assert len(said) == 2
    assert "(line 2)" in said[0]


def test_three_days_of_prices(capsys: Any, book: str) -> None:
    path = Path(book).parent / "prices.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[-3:]]))
    found = asked(capsys, "morning", book)
    assert [row["days"] for row in found["risk"]] == [1]
    assert any("only 3 days" in text for text in found["findings"])
    path.write_text("\n".join([lines[0], *lines[-30:]]))
    found = asked(capsys, "morning", book)
    assert found["risk"][0]["cvar_interval"][0] < found["risk"][0]["cvar_interval"][1]


@pytest.mark.parametrize("days", [1, 10])
def test_market_risk_revalues_every_lot(
    capsys: Any, book: str, prices: np.ndarray[Any, Any], days: int
) -> None:
    names = ("historical", "normal", "fhs", "t-copula")
    words = [word for name in names for word in ("--method", name)]
    found = asked(capsys, "risk", book, "--horizon", str(days), "--level", "0.975", *words)
    losses = np.array([sum(each.values()) for each in brute(prices, days)])
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    assert found["value"] == pytest.approx(math.fsum(now.values()), rel=1e-9)
    told = found["methods"]
    place = math.ceil(losses.size * 0.975 - 1e-9) - 1
    assert told["historical"]["var"] * found["value"] == pytest.approx(np.sort(losses)[place])
    assert told["historical"]["cvar"] * found["value"] == pytest.approx(tail(losses, 0.975))
    spread = math.sqrt(losses.var() * (losses.size / (losses.size - 1)))
    want = losses.mean() + 1.959964 * spread
    assert told["normal"]["var"] * found["value"] == pytest.approx(want, rel=2e-3)
    for name in names:
        assert told[name]["error"] is None
        assert 0.3 < told[name]["cvar"] / told["historical"]["cvar"] < 3.0, name


def test_a_backtest_of_a_book_revalues_every_lot(
    capsys: Any, book: str, prices: np.ndarray[Any, Any]
) -> None:
    words = ("--method", "historical", "--days", "60", "--window", "200")
    found = asked(capsys, "backtest", book, *words)
    losses = np.array([sum(each.values()) for each in brute(prices, 1)])
    now = math.fsum(whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000}).values())
    assert np.array(found["series"]["loss"]) * now == pytest.approx(losses[-60:])


def test_a_hedge_without_delta_is_at_risk_all_the_same(capsys: Any, book: str) -> None:
    """A straddle struck at F exp(v^2 T / 2): no delta, and a loss all the same."""
    lots = [lot_of(asset="BTC", quantity=-10, instrument=side, strike=41180,
                   expiry="2026-12-25", vol=0.6) for side in ("call", "put")]  # fmt: skip
    cash = lot_of(asset="USD", quantity=300000, instrument="cash")
    text = HEADER + "".join(row(**x) for x in [*lots, cash])
    (Path(book).parent / "positions.csv").write_text(text)
    found = asked(capsys, "risk", book, "--method", "historical", "--method", "fhs")
    assert abs(found["weights"]["BTC"]) < 0.02
    for each in found["methods"].values():
        assert each["cvar"] > 0.02


# --- liquidity ------------------------------------------------------------------------------------


def test_everything_is_sold_in_its_own_market_revalued_as_it_goes(
    capsys: Any, book: str, prices: np.ndarray[Any, Any]
) -> None:
    """A clerk sells a share of each lot a day and values them on the way by plain formulas."""
    path = Path(book)
    text = BOOK.replace("daily_volume: 20bn", "daily_volume: 3M")
    text = text.replace("daily_volume: 10bn", "daily_volume: 1.5M")
    path.write_text(text + "market: {weekend: 100 %}\n")
    lots = [LOTS[0], LOTS[1] | {"volume": "1000000"}, LOTS[4], LOTS[9]]
    header = HEADER.strip() + ",market_volume\n"
    rows = [row(**lot).strip() + f",{lot.get('volume', '')}\n" for lot in lots]
    (path.parent / "positions.csv").write_text(header + "".join(rows))
    found = asked(capsys, "liquidity", book, "--participation", "0.1")
    sales = {(s["asset"], s["market"]): s for s in found["sales"]}
    debt_and_spot = 20 * 40_000 + 4 * 40_000  # 4 BTC of collateral are sold beside 20
    assert sales["BTC", "spot"]["value"] == pytest.approx(debt_and_spot, rel=1e-6)
    assert sales["BTC", "spot"]["days"] == pytest.approx(debt_and_spot / 300e3, rel=1e-6)
    assert sales["BTC", "perpetual"]["days"] == pytest.approx(15 * 40_000 / 100e3, rel=1e-6)
    assert sales["BTC", "perpetual"]["source"] == "positions"
    delta = -100 * norm.cdf(
        (math.log(2000 / 2200) + 0.5 * 0.64 * 30 / 365) / (0.8 * math.sqrt(30 / 365))
    )
    hedge = sales["ETH", "hedge"]
    assert hedge["value"] == pytest.approx(2000 * delta, rel=1e-4)
    assert hedge["days"] == pytest.approx(-2000 * delta / 150e3, rel=1e-4)

    def left(days: float) -> list[float]:
        return [1.0 - k / days for k in range(math.ceil(days))]

    plan = {"spot": left(debt_and_spot / 300e3), "short": left(6.0),
            "call": left(hedge["days"]), "loan": left(debt_and_spot / 300e3)}  # fmt: skip
    longest = 6
    now = whole(40_000, 2_000, 1.0, 0, {"BTC": 40_000, "ETH": 2_000})
    losses = []
    for start in range(DAYS - longest):
        lost, before = 0.0, now
        for day in range(longest):
            way = prices[start : start + day + 2] / prices[start] * [40_000, 2_000, 1.0]
            low = {"BTC": float(way[1:, 0].min()), "ETH": float(way[1:, 1].min())}
            after = whole(*way[-1].tolist(), day + 1, low)
            for lot, shares in plan.items():
                if day < len(shares):
                    lost += shares[day] * (before[lot] - after[lot])
            before = after
        losses.append(lost)
    cost = math.fsum(s["cost"] for s in sales.values())
    assert found["adjusted_cvar"] == pytest.approx(tail(np.array(losses), 0.975) + cost, rel=1e-6)
    assert any("hedged in the underlying" in text for text in found["findings"])


def test_longs_of_one_venue_do_not_close_shorts_of_another(capsys: Any, book: str) -> None:
    lots = [lot_of(asset="BTC", quantity=q, instrument="perpetual", entry=40000, venue=v)
            for q, v in ((900, "alpha"), (-900, "beta"))]  # fmt: skip
    spot = lot_of(asset="BTC", quantity=1, venue="alpha")
    (Path(book).parent / "positions.csv").write_text(
        HEADER + "".join(row(**x) for x in [*lots, spot])
    )
    found = asked(capsys, "liquidity", book)
    perpetual = next(s for s in found["sales"] if s["market"] == "perpetual")
    assert perpetual["value"] == pytest.approx(0.0, abs=1e-3)
    assert perpetual["size"] == pytest.approx(900 * 40_000)
    assert perpetual["cost"] > 0.0
    assert any("as much as the coin" in text for text in found["findings"])


def test_the_calendar_of_the_book_is_used(capsys: Any, book: str) -> None:
    path = Path(book)
    path.write_text(BOOK + "market: {weekend: 50 %, days_a_year: 360, day_ends: 8}\n")
    assert asked(capsys, "liquidity", book)["weekend"] == 0.5
    assert asked(capsys, "liquidity", book, "--weekend", "0.9")["weekend"] == 0.9
    lots = [lot_of(asset="ETH", quantity=10, instrument="call", strike=2200,
                   expiry="2026-11-26", vol=0.8)]  # fmt: skip
    (path.parent / "positions.csv").write_text(HEADER + "".join(row(**x) for x in lots))
    worth = asked(capsys, "morning", book)["positions_worth"]
    assert worth == pytest.approx(10 * black(2000, 2200, 0.8, 30 / 360, True), rel=1e-9)
    assert asked(capsys, "check-data", book)["calendar"]["cutoff_hour"] == 8
    path.write_text(BOOK + "market: {zone: Nowhere/Land}\n")
    assert run(["market", "morning", book]) == 2
    assert "market: there is no zone" in capsys.readouterr().err


# --- champions ------------------------------------------------------------------------------------


def test_the_morning_page_shows_champions_and_their_change(capsys: Any, book: str) -> None:
    path = Path(book)
    path.write_text(BOOK + "market: {champions: champions.json}\n")
    found = asked(capsys, "morning", book)
    assert found["champions"] == []
    assert any("market tournament BOOK" in text for text in found["findings"])
    log = path.parent / "champions.json"
    old = {"subject": "BTC", "on": "2026-09-01", "champion": "t", "before": "", "why": "lowest"}
    new = {"subject": "portfolio", "on": "2026-10-26", "champion": "fhs", "before": "historical",
           "why": "the bet reached 20"}  # fmt: skip
    late = old | {"on": "2026-11-30", "champion": "evt"}  # after the day of the book
    log.write_text(json.dumps({"changes": [old, new, late], "played": {"BTC": "2026-10-26"}}))
    found = asked(capsys, "morning", book)
    rows = {row["subject"]: row for row in found["champions"]}
    assert (rows["BTC"]["champion"], rows["BTC"]["new"]) == ("t", False)
    assert (rows["portfolio"]["champion"], rows["portfolio"]["new"]) == ("fhs", True)
    assert run(["market", "morning", book]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "Champion of portfolio CHANGED on 2026-10-26: fhs, before historical" in page
    assert "BTC t since 2026-09-01" in page
    log.write_text(json.dumps({"changes": [old], "played": {"BTC": "2026-09-01"}}))
    found = asked(capsys, "morning", book)
    assert any("reached 2026-09-01: play it again" in text for text in found["findings"])
    log.write_text('{"changes": [{"subject": 3}]}')
    assert run(["market", "morning", book]) == 1
    assert "not a log of champions" in capsys.readouterr().err


def test_a_tournament_of_a_book_keeps_its_log(capsys: Any, book: str) -> None:
    path = Path(book)
    path.write_text(BOOK + "market: {champions: champions.json}\n")
    words = ("--method", "historical", "--method", "normal", "--days", "120", "--window", "200")
    found = asked(capsys, "tournament", book, *words)
    kept = json.loads((path.parent / "champions.json").read_text())
    assert {each["subject"] for each in kept["changes"]} == set(found["subjects"])
    assert kept["played"]["portfolio"] == "2026-10-27"
    shown = {row["subject"]: row["champion"] for row in asked(capsys, "morning", book)["champions"]}
    assert shown["portfolio"] == found["subjects"]["portfolio"]["champion"]
