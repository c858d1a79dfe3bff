# SPDX-License-Identifier: Apache-2.0
"""The enterprise of the example: one law of all layers, evidence moves it, its parts add up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import perilscope

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hedge-fund"


@pytest.fixture(scope="module")
def calm() -> dict[str, Any]:
    return perilscope.quantify(EXAMPLE, engine="exact").document


@pytest.fixture(scope="module")
def depegged() -> dict[str, Any]:
    return perilscope.quantify(EXAMPLE, engine="exact", evidence={"depeg": "yes"}).document


def test_evidence_on_the_peg_moves_the_whole_institution(
    calm: dict[str, Any], depegged: dict[str, Any]
) -> None:
    before, after = calm["enterprise"]["cvar"]["0.99"], depegged["enterprise"]["cvar"]["0.99"]
    assert after > 1.01 * before
    # the holdings that lose their peg and the treasury bear what it moves
    borne = [
        {row["id"]: row["cvar"] for row in run["enterprise"]["contributions"]["assets"]}
        for run in (calm, depegged)
    ]
    moved = sum(borne[1][key] - borne[0][key] for key in ("USDC", "DAI", "treasury-wallet"))
    assert moved == pytest.approx(after - before, rel=0.05)


def test_every_split_of_the_tail_adds_up(calm: dict[str, Any]) -> None:
    split = calm["enterprise"]["contributions"]
    assert split["cvar"] == calm["enterprise"]["cvar"]["0.99"]
    ways = [name for name in split if isinstance(split[name], list)]
    assert len(ways) == 7
    for name in ways:
        assert math.fsum(row["cvar"] for row in split[name]) == pytest.approx(split["cvar"])
        assert math.fsum(row["share"] for row in split[name]) == pytest.approx(1.0)


def test_earlier_figures_stand_without_the_market(calm: dict[str, Any]) -> None:
    whole, plain = calm["enterprise"], calm["enterprise_without_market"]
    assert whole["ale"] == plain["ale"]
    assert plain["cvar"]["0.99"] < 0.2 * whole["cvar"]["0.99"]
    assert plain["ale"] == pytest.approx(sum(row["ale"] for row in calm["scenarios"]))
    # prices are expected to stay but for the shocks: the market's mean is theirs alone
    held = {row["asset"]: row["value"] for row in calm["market"]["valued"]}
    depeg = next(row for row in whole["causes"] if row["state"] == "yes")
    lost = depeg["probability"] * (0.12 * held["USDC"] + 0.10 * held["DAI"])
    assert calm["layers"]["market"]["mean"] == pytest.approx(lost, rel=1e-9)
    assert whole["mean"] == pytest.approx(plain["ale"] + lost, rel=1e-3)


def test_together_costs_less_than_apart(calm: dict[str, Any]) -> None:
    for each in calm["enterprise"]["alone"].values():
        assert each["added"] == pytest.approx(sum(each["cvar"].values()))
        assert each["diversification"] == pytest.approx(each["added"] - each["joint"])
        assert max(each["cvar"].values()) < each["joint"] < each["added"]


def test_tail_is_traced_to_the_states_behind_it(
    calm: dict[str, Any], depegged: dict[str, Any]
) -> None:
    """P(state | tail) by Bayes, and the slope of CVaR against a run with the state known."""
    whole = calm["enterprise"]
    states = [row for row in whole["joint_states"] if row["network"] == "usdc-peg"]
    assert sum(row["probability"] for row in states) == pytest.approx(1.0)
    assert sum(row["probability"] * row["exceeds_var"] for row in states) == pytest.approx(
        0.01, rel=1e-3
    )
    for row in states:
        given = row["probability"] * row["exceeds_var"] / 0.01
        assert row["given_tail"] == pytest.approx(given, rel=1e-3)
    # the tail losses of the states, weighed, are CVaR
    cvar = sum(row["given_tail"] * row["expected_tail_loss"] for row in states)
    assert cvar == pytest.approx(whole["cvar"]["0.99"], rel=1e-3)
    # CVaR is concave in the probability: the slope here lies above that of the chord
    depeg = next(row for row in whole["causes"] if row["state"] == "yes")
    rise = depegged["enterprise"]["cvar"]["0.99"] - whole["cvar"]["0.99"]
    assert depeg["cvar_per_probability"] > rise / (1.0 - depeg["probability"]) > 0.0


def test_uncertainty_stands_beside_every_figure(calm: dict[str, Any]) -> None:
    whole = calm["enterprise"]
    for level in ("0.95", "0.975", "0.99", "0.999"):
        assert whole["error"][level] < 1e-3
        known = whole["uncertainty"][level]
        low, high = known["cvar_interval"]
        assert low < whole["cvar"][level] < high
        assert 0.0 < known["cvar_se"] < high - low
    assert "blocks of 30 days" in whole["joined"]["moves"]
    assert whole["joined"]["tokens"] == {"approval-drain": "ETH", "custody-insider": "BTC"}


def test_every_limit_says_how_likely_it_is_to_be_exceeded(calm: dict[str, Any]) -> None:
    limits = {row["measure"]: row for row in calm["limits"]}
    more = limits["chance of losing more than 5M in a year"]
    assert more["chance_of_breach"] == pytest.approx(more["value"], rel=1e-9)
    rare = limits["loss in a 1-in-100 year"]
    assert 0.0 < rare["chance_of_breach"] < 0.01 < rare["chance_of_breach_with_market"]
    days = limits["1-day CVaR 97.5 %"]  # breached: beyond VaR it costs more on average
    assert 0.0 < days["chance_of_breach"] < 0.025
    assert "chance_of_breach" not in limits["balance at one exchange"]
