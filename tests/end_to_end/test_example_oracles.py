# SPDX-License-Identifier: Apache-2.0
"""The example institution against figures found another way."""

from __future__ import annotations

import csv
import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

import perilscope

from .conftest import EXAMPLE


def row(document: dict[str, Any], key: str, section: str = "scenarios") -> dict[str, Any]:
    return next(item for item in document[section] if item["id"] == key)


def test_the_two_reference_scenarios_cost_what_they_must(exact: dict[str, Any]) -> None:
    exploit, phishing = row(exact, "protocol-exploit"), row(exact, "pm-phishing")
    assert exploit["ale"] == pytest.approx(200_000, rel=1e-9)
    assert phishing["ale"] == pytest.approx(250_000, rel=1e-9)
    # compound Poisson with one size: variance = rate x size squared
    assert exploit["sd"] == pytest.approx(math.sqrt(0.2) * 1e6, rel=1e-12)
    assert phishing["sd"] == pytest.approx(math.sqrt(0.5) * 5e5, rel=1e-12)
    assert exploit["probability_of_loss"] == pytest.approx(1 - math.exp(-0.2), rel=1e-12)
    # P(N <= 1) = 0.9825 for a rate of 0.2, P(N <= 2) = 0.9989
    assert exploit["var"] == {"0.95": 1e6, "0.975": 1e6, "0.99": 2e6, "0.999": 3e6}


def test_the_words_compare_them_as_asked(exact: dict[str, Any]) -> None:
    said = " ".join(exact["sentences"])
    assert "25 % more a year" in said
    assert "which costs more when it happens" in said


def test_the_phishing_control_returns_three_times_its_cost(exact: dict[str, Any]) -> None:
    control = row(exact, "anti-phishing", "controls")
    assert control["ale_reduction"] == pytest.approx(200_000, rel=1e-9)
    assert control["annual_cost"] == 50_000
    assert control["rosi"] == pytest.approx(3.0, rel=1e-9)


def test_averages_add_up(exact: dict[str, Any]) -> None:
    # scenarios that share a holding cost a little less together than each alone; each has a grid of
    # its own, on which the mean under a cap is good to 1e-7
    total = math.fsum(s["ale"] for s in exact["scenarios"])
    whole = exact["enterprise"]["ale"]
    assert whole <= total * (1 + 1e-7)
    assert whole == pytest.approx(total, rel=1e-3)
    assert math.fsum(s["share_of_tail"] for s in exact["scenarios"]) == pytest.approx(1, abs=1e-6)
    layers = exact["layers"]
    assert layers["operational"]["ale"] + layers["protocol"]["ale"] == pytest.approx(
        whole, rel=1e-6
    )


def test_simulation_agrees_within_four_standard_errors(both: dict[str, Any]) -> None:
    assert set(both["checks"]) == {s["id"] for s in both["scenarios"]}
    assert max(abs(z) for z in both["checks"].values()) < 4
    for scenario in both["scenarios"]:
        simulated = scenario["simulation"]
        assert abs(simulated["ale"] - scenario["ale"]) <= 4 * simulated["se"] + 1e-9
    for control in both["controls"]:
        simulated = control["simulation"]
        gap = simulated["ale_reduction"] - control["ale_reduction"]
        assert abs(gap) <= 4 * simulated["se"] + 1e-9, control["id"]


def test_the_simulated_bad_year_agrees_with_the_exact_one(both: dict[str, Any]) -> None:
    exact = both["enterprise_without_market"]
    simulated = exact["simulated"]
    for level in ("0.95", "0.99"):
        gap = simulated["var"][level] - exact["var"][level]
        assert (
            abs(gap) <= 4 * simulated["var_se"][level] + exact["error"][level] * exact["var"][level]
        )


def test_the_posterior_is_the_closed_form(exact: dict[str, Any]) -> None:
    """Gamma prior with shape a and rate b, n losses in t years: mean (a + n) / (b + t)."""
    updates = [u for u in exact["learning"] if u["exposure_years"] > 0]
    assert updates
    for update in updates:
        mean, low = update["prior"]["mean"], update["prior"]["low"]
        assert 0 < low < mean
        moved = math.fsum(m["change"] for m in update["moves"])
        assert update["posterior"]["mean"] - mean == pytest.approx(moved, abs=1e-12)


@pytest.fixture(scope="module")
def closes() -> tuple[list[str], np.ndarray]:
    """The example's prices, read here by other means than the program's."""
    with (EXAMPLE / "data" / "prices.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    names = [name for name in rows[0] if name != "date"]
    return names, np.array([[float(x) for x in r[1:]] for r in rows[1:]])


def historical_cvar(losses: np.ndarray, weights: np.ndarray, level: float) -> float:
    """Mean of the worst ``1 - level`` of weighted losses, by walking down from the worst."""
    order = np.argsort(-losses, kind="stable")
    left, total = 1 - level, 0.0
    for loss, weight in zip(losses[order], weights[order], strict=True):
        taken = min(weight, left)
        total += taken * loss
        left -= taken
        if left <= 0:
            break
    return total / (1 - level)


def depeg_by_bank() -> list[tuple[float, float]]:
    """Of each state of bank-exposure: its probability, and that of a depeg within a year then."""
    file = Path(EXAMPLE) / "networks" / "usdc-peg.yaml"
    nodes = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["nodes"]
    numbers = {name: node["table"] for name, node in nodes.items()}
    moods = nodes["market-stress"]["states"]
    stress = dict(zip(moods, map(float, numbers["market-stress"]), strict=True))
    banks = zip(nodes["bank-exposure"]["states"], map(float, numbers["bank-exposure"]), strict=True)
    found = []
    for bank, weight in banks:
        total = 0.0
        for mood, p in stress.items():
            for r, q in zip(("sound", "doubtful"), numbers["reserves"][bank][mood], strict=True):
                runs = numbers["redemption-pressure"][mood][r]
                for pressure, s in zip(("normal", "heavy"), runs, strict=True):
                    total += p * float(q) * float(s) * float(numbers["depeg"][r][pressure][1])
        found.append((weight, total))
    return found


def test_evidence_on_the_peg_raises_cvar_by_the_independent_amount(
    perilscope: Any, exact: dict[str, Any], closes: tuple[list[str], np.ndarray]
) -> None:
    done = perilscope("run", EXAMPLE, "--engine", "exact", "--json", "-", "--evidence", "depeg=yes")
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout)
    names, prices = closes
    held = {v["asset"]: v["value"] for v in exact["market"]["valued"]}
    moving = [n for n in names if n in held]
    values = np.array([held[n] for n in moving])
    columns = prices[:, [names.index(n) for n in moving]]
    returns = columns[1:] / columns[:-1] - 1
    details = exact["network_details"]["usdc-peg"]
    shock = {
        s["token"]: s["shock"]
        for s in details["shocks"]
        if s["node"] == "depeg" and s["state"] == "yes"
    }
    fall = np.array([shock.get(n, 0.0) for n in moving])
    calm = -(returns @ values)
    struck = -(((1 + returns) * (1 + fall) - 1) @ values)

    def cvar(of_day: float) -> float:
        days = of_day
        losses = np.concatenate([calm, struck])
        n = len(calm)
        weights = np.concatenate([np.full(n, (1 - days) / n), np.full(n, days / n)])
        return historical_cvar(losses, weights, 0.975)

    by_bank = depeg_by_bank()
    assert exact["networks"]["usdc-peg"]["depeg"]["yes"] == pytest.approx(
        sum(weight * p for weight, p in by_bank), rel=1e-12
    )
    asked = after["networks"]["usdc-peg"]["depeg"]["yes"]
    assert asked == 1.0
    # whether reserves lie with a few banks holds now; within a day it happens given that
    before = sum(w * (1 - (1 - p) ** (1 / 365.25 / details["period_years"])) for w, p in by_bank)
    for document, p in ((exact, before), (after, 1.0)):
        figure = document["market"]["methods"]["hybrid"]["1"]["0.975"]["cvar"]
        assert figure == pytest.approx(cvar(p), rel=1e-9)
    assert after["layers"]["market"]["cvar"]["0.975"] > exact["layers"]["market"]["cvar"]["0.975"]


def test_an_incident_moves_the_posterior_and_taking_it_out_restores_every_bit(
    perilscope: Any, example: Path
) -> None:
    def run() -> dict[str, Any]:
        done = perilscope("run", example, "--engine", "exact", "--json", "-")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    before = run()
    key = "trading-error"  # its losses are capped by nothing, so its ALE moves as its rate does
    update = next(u for u in before["learning"] if u["scenario"] == key)
    log = next(example.rglob("incidents.csv"))
    original = log.read_text(encoding="utf-8")
    day = date.fromisoformat(before["as_of"]).replace(day=1).isoformat()
    log.write_text(original.rstrip("\n") + f"\n{day},{key},loss,1000,test\n", encoding="utf-8")
    after = run()
    moved = next(
        u for u in after["learning"] if u["scenario"] == key and u["factor"] == "frequency"
    )
    # mean (a+n)/(b+t): one more loss adds 1/(b+t) = posterior mean / (a+n)
    assert moved["events"] == update["events"] + 1
    step = moved["posterior"]["mean"] - update["posterior"]["mean"]
    shape_before = update["posterior"]["mean"] / step
    assert moved["posterior"]["mean"] * shape_before == pytest.approx(
        update["posterior"]["mean"] * (shape_before + 1), rel=1e-12
    )
    ratio = row(after, key)["ale"] / row(before, key)["ale"]
    assert ratio == pytest.approx(
        moved["posterior"]["mean"] / update["posterior"]["mean"], rel=1e-9
    )
    log.write_text(original, encoding="utf-8")
    assert run() == before


def test_independent_variances_add_to_twelve_digits() -> None:
    lines = ("exploit: 1 in 5 years, 1M", "phishing: 1 in 2 years, 500k", "error: 3 per year, 20k")
    law = perilscope.quantify(*lines, engine="exact").result.law
    assert law.sd == pytest.approx(math.sqrt(0.2 * 1e12 + 0.5 * 25e10 + 3 * 4e8), rel=1e-12)
    assert law.mean == pytest.approx(510_000, rel=1e-12)


def test_everything_together_is_drawn_and_agrees_with_the_joint_law(both: dict[str, Any]) -> None:
    exact = both["enterprise"]
    found = exact["simulated"]
    assert found["strata"] == exact["joined"]["joint_states"]
    assert found["years"] >= 250_000
    assert abs(found["gap"]) <= 4.0
    for level in ("0.95", "0.975", "0.99", "0.999"):
        for key in ("var", "cvar"):
            gap = found[key][level] - exact[key][level]
            off = exact["error"][level] * exact[key][level]
            assert abs(gap) <= 4 * found[f"{key}_se"][level] + off
        assert 50 <= found["effective"][level] <= found["years"]
