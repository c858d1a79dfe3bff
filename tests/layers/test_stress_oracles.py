# SPDX-License-Identifier: Apache-2.0
"""Stresses: episodes against the prices they come from, reverse stress against optimisation."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from perilscope.evidence.episodes import episodes
from perilscope.evidence.prices import parse_prices
from perilscope.layers.stress import beta, mildest, replayed, reverse, shocked, worst_window

PRICES = Path(__file__).resolve().parents[3] / "shared/data/prices"


def test_there_are_a_dozen_episodes_and_the_famous_ones() -> None:
    known = {each.id: each for each in episodes()}
    assert len(known) >= 12
    for day in ("2020-03-12", "2021-05-19", "2022-05-12", "2022-06-18", "2022-11-09",
                "2023-03-11", "2024-08-05"):  # fmt: skip
        assert known[day].moves["BTC"] < 0.05
    assert known["2022-05-12"].moves["USTC"] < -0.5
    assert known["2022-11-09"].moves["FTT"] < -0.8
    assert known["2023-03-11"].moves["USDC"] < -0.02


def test_moves_are_those_of_the_closes() -> None:
    path = PRICES / "yahoo_daily_ohlcv_2014_2024.csv"
    if not path.is_file():
        pytest.skip(f"the prices are not there: {path}")
    closes: dict[tuple[str, str], float] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["close"] not in ("", "null"):
                closes[row["asset"], row["date"][:10]] = float(row["close"])
    checked = 0
    for each in episodes():
        for asset, move in each.moves.items():
            ends = [closes.get((asset, day.isoformat())) for day in (each.first, each.last)]
            if asset not in ("USDT", "USDC", "DAI", "USDP", "USTC", "LUNC", "FTT") and all(ends):
                assert move == pytest.approx(ends[1] / ends[0] - 1.0, abs=6e-6)  # type: ignore[operator]
                checked += 1
    assert checked > 150


def history(days: int = 400) -> str:
    rng = np.random.default_rng(1)
    leader = 0.03 * rng.standard_normal(days)
    follower = 1.5 * leader + 0.001 * rng.standard_normal(days)
    start = date(2024, 1, 1).toordinal()
    lines = ["date,BTC,NEW"]
    btc = new = 100.0
    for k in range(days):
        btc, new = btc * (1 + leader[k]), new * (1 + follower[k])
        lines.append(f"{date.fromordinal(start + k)},{float(btc)!r},{float(new)!r}")
    return "\n".join(lines) + "\n"


def test_what_had_no_price_moves_by_its_beta() -> None:
    prices = parse_prices("prices.csv", history().encode())
    weight = 399 / (399 + 250)
    slope = beta(prices, "NEW")
    assert slope == pytest.approx(weight * 1.5 + (1 - weight), abs=0.01)
    covid = next(each for each in episodes() if each.id == "2020-03-12")
    found = replayed(covid, {"NEW": 100.0, "BTC": 100.0, "PEG": 50.0}, prices, ["PEG"])
    moves = {each.asset: each for each in found.moved}
    assert moves["NEW"].move == pytest.approx(slope * covid.moves["BTC"])
    assert moves["NEW"].how.endswith("x BTC")
    assert (moves["PEG"].move, moves["PEG"].how) == (0.0, "not moved")
    assert moves["BTC"].how == "observed"
    assert found.loss == pytest.approx(-100.0 * (covid.moves["BTC"] * (1 + slope)))
    assert beta(None, "NEW") == beta(prices, "OTHER") == 1.0


def test_no_price_falls_by_more_than_all_of_it() -> None:
    prices = parse_prices("prices.csv", history().encode())
    terra = next(each for each in episodes() if each.id == "2020-03-12")
    found = replayed(terra, {"NEW": -1.0}, prices)
    assert found.moved[0].move >= -1.0
    assert found.loss < 0.0  # who is short gains


def test_shocks_of_ones_own() -> None:
    found = shocked("mine", {"BTC": -0.5}, {"BTC": 10.0, "ETH": 5.0})
    assert found.loss == 5.0
    assert [each.how for each in found.moved] == ["as given", "not moved"]


@pytest.mark.parametrize("seed", range(4))
def test_reverse_stress_is_the_nearest_move_that_costs_so_much(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3)) * 0.02
    weights = rng.dirichlet(np.ones(500))
    values = dict(zip("abc", rng.normal(0.0, 100.0, 3).tolist(), strict=True))
    w = np.array(list(values.values()))
    found = reverse(moves, values, 7.0, weights)
    assert found is not None
    shock = np.array(list(found.moves.values()))
    assert -w @ shock == pytest.approx(7.0)
    centred = moves - weights @ moves
    inverse = np.linalg.inv((centred * weights[:, None]).T @ centred)
    assert found.distance == pytest.approx(np.sqrt(shock @ inverse @ shock), rel=1e-9)
    best = minimize(
        lambda x: x @ inverse @ x, shock + 0.01,
        constraints={"type": "eq", "fun": lambda x: -w @ x - 7.0}, method="SLSQP",
        options={"ftol": 1e-14},
    )  # fmt: skip
    assert best.fun == pytest.approx(found.distance**2, rel=1e-5)


def test_the_worst_stretch_is_that_of_a_slow_look() -> None:
    prices = parse_prices("prices.csv", history(60).encode())
    values = {"BTC": 3.0, "NEW": -1.0, "OTHER": 9.0}
    found = worst_window(prices, values, 7)
    assert found is not None
    slow = max(
        (-sum(values[a] * (prices.closes[k + 7, i] / prices.closes[k, i] - 1.0)
              for i, a in enumerate(prices.assets)), k)
        for k in range(53)
    )  # fmt: skip
    assert found[2] == pytest.approx(slow[0])
    assert found[0] == prices.days[slow[1]].isoformat()
    assert worst_window(prices, {"OTHER": 1.0}, 7) is None


@pytest.mark.parametrize("loss", [0.5, 1.5, 3.0])
def test_the_mildest_shock_is_found_where_a_position_is_liquidated(loss: float) -> None:
    """A long that loses no more than its margin beside a short without bound; every direction of
    the plane is tried in fine steps."""
    covariance = np.array([[0.0025, 0.0015], [0.0015, 0.0036]])

    def lost(moves: np.ndarray) -> np.ndarray:
        return np.minimum(-10.0 * moves[:, 0], 1.0) + 8.0 * moves[:, 1]

    found = mildest(lost, covariance, loss, ["LONG", "SHORT"])
    root = np.linalg.cholesky(covariance)
    angles = np.linspace(0.0, 2.0 * np.pi, 4001)
    lines = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ root.T
    nearest = next(
        reach for reach in np.arange(0.01, 30.0, 0.01) if np.any(lost(reach * lines) >= loss)
    )
    assert found is not None
    assert found.distance == pytest.approx(nearest, abs=0.011)
    assert found.loss == pytest.approx(loss, rel=1e-3)


def test_no_shock_costs_more_than_all_there_is() -> None:
    held = mildest(lambda x: -5.0 * x[:, 0], np.eye(2) * 0.01, 5.1, ["A", "B"])
    assert held is None
