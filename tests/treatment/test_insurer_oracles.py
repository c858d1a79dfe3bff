# SPDX-License-Identifier: Apache-2.0
"""Limits put back for a premium and insurers that fail: by hand, and by simulation."""

from __future__ import annotations

import math
from typing import Any

import pytest

import perilscope
from perilscope.errors import BookError

BASE: dict[str, Any] = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"one": {"kind": "wallet", "worth": "50M"}},
    "scenarios": {"theft": {"asset": "one", "frequency": "1.5 per year", "magnitude": "1M"}},
}
RATE, SIZE = 1.5, 1e6

Law = list[tuple[float, float]]
"""(loss, probability)"""


def run(**more: Any) -> dict[str, Any]:
    book = perilscope.declare({**BASE, **more})
    return perilscope.quantify(book, engine="both", years=400_000).document


def poisson(n: int, rate: float = RATE) -> float:
    return math.exp(-rate) * rate**n / math.factorial(n)


def read(law: Law, level: float = 0.99) -> tuple[float, float, float]:
    """Mean, VaR and CVaR of a law of few values."""
    reached, var = 0.0, 0.0
    for loss, p in sorted(law):
        reached, var = reached + p, loss
        if reached >= level:
            break
    beyond = math.fsum(p * max(loss - var, 0.0) for loss, p in law)
    return math.fsum(x * p for x, p in law), var, var + beyond / (1 - level)


def near(pair: list[float], exact: float) -> None:
    """A simulated figure within 4 standard errors; an atom may have none."""
    assert abs(pair[0] - exact) <= 4.0 * pair[1] + 1e-6 * abs(exact)


@pytest.mark.parametrize("premium", [0, 100])
def test_limits_that_are_put_back(premium: int) -> None:
    """n thefts of 1M of which 600k each are paid, up to three times; two of them for a premium."""
    cover = {
        "scenarios": "theft",
        "per_event": {"deductible": "200k", "limit": "600k"},
        "reinstatements": {"number": 2, "premium": f"{premium} %"},
        "costs": "300k per year",
    }
    found = run(covers={"crime": cover})
    row = found["covers"][0]
    cost = premium / 100 * 300_000
    paid = [min(n * 6e5, 3 * 6e5) for n in range(40)]
    again = [cost * min(n * 6e5, 2 * 6e5) / 6e5 for n in range(40)]
    law = [(n * SIZE - paid[n] + again[n], poisson(n)) for n in range(40)]
    mean, var, cvar = read(law)
    due = math.fsum(again[n] * poisson(n) for n in range(40))
    assert row["reinstatement_premium"] == pytest.approx(due, rel=1e-9)
    assert row["pays_a_year"] == pytest.approx(RATE * SIZE - mean, rel=1e-9)
    assert row["ale_net"] == pytest.approx(mean, rel=1e-9)
    used = 1.0 - math.fsum(poisson(n) for n in range(3))
    assert row["probability_exhausted"] == pytest.approx(used, rel=1e-9)
    simulated = row["simulated"]
    near(simulated["ale_net"], mean)
    near(simulated["reinstatement_premium"], due)
    near(simulated["pays_a_year"], RATE * SIZE - mean)
    near(simulated["var99_net"], var)
    near(simulated["cvar99_net"], cvar)
    assert row["told"] == ("simulation" if premium else "exact")
    if not premium:
        assert row["var99_net"] == pytest.approx(var, rel=1e-9)
        off = max(2.0 * row["error"], 1e-9)  # within what the engine says of itself
        assert off < 1e-5
        assert row["cvar99_net"] == pytest.approx(cvar, rel=off)


@pytest.mark.parametrize("recovers", [0, 40])
def test_an_insurer_that_fails_by_itself_is_a_blend(recovers: int) -> None:
    cover = {
        "scenarios": "theft",
        "per_event": {"limit": "800k"},
        "insurer": {"defaults": "3 %", "recovers": f"{recovers} %"},
    }
    row = run(covers={"crime": cover})["covers"][0]
    law = []
    for n in range(40):
        paid = n * 8e5
        law.append((n * SIZE - paid, 0.97 * poisson(n)))
        law.append((n * SIZE - paid * recovers / 100, 0.03 * poisson(n)))
    mean, var, cvar = read(law)
    assert row["told"] == "exact"
    assert row["default_probability"] == pytest.approx(0.03)
    lost = 0.03 * RATE * 8e5 * (1 - recovers / 100)
    assert row["lost_to_default"] == pytest.approx(lost, rel=1e-9)
    assert row["ale_net"] == pytest.approx(mean, rel=1e-9)
    assert row["var99_net"] == pytest.approx(var, rel=1e-9)
    assert row["cvar99_net"] == pytest.approx(cvar, rel=1e-9)
    for key, exact in (("ale_net", mean), ("var99_net", var), ("cvar99_net", cvar)):
        near(row["simulated"][key], exact)
    near(row["simulated"]["lost_to_default"], lost)


def test_an_insurer_that_fails_with_what_it_insures() -> None:
    """A crash brings the loss and fells the insurer: all joint states of the network, by hand."""
    networks = {
        "credit": {
            "period": "1 year",
            "nodes": {
                "crash": {"table": [0.9, 0.1]},
                "breach": {"parents": ["crash"], "table": {"no": [0.95, 0.05], "yes": [0.4, 0.6]}},
                "insurer": {"parents": ["crash"], "table": {"no": [0.99, 0.01], "yes": [0.7, 0.3]}},
            },
        }
    }
    breach = {"asset": "one", "frequency": "from credit.breach", "magnitude": "5M"}
    scenarios = {**BASE["scenarios"], "breach": {**breach, "counts": "at most one a year"}}
    cover = {
        "scenarios": "breach",
        "per_event": {"deductible": "1M"},
        "insurer": {"defaults": "from credit.insurer"},
        "state": "in place",
    }
    found = run(networks=networks, scenarios=scenarios, covers={"crime": cover})
    law, fails, lost = [], 0.0, 0.0
    for crash, p in ((False, 0.9), (True, 0.1)):
        hit, fell = (0.6, 0.3) if crash else (0.05, 0.01)
        fails += p * fell
        lost += p * hit * fell * 4e6
        for n in range(40):
            for happens, q in ((True, hit), (False, 1 - hit)):
                for failed, r in ((True, fell), (False, 1 - fell)):
                    left = (5e6 if failed else 1e6) if happens else 0.0
                    law.append((n * SIZE + left, p * q * r * poisson(n)))
    mean, var, cvar = read(law)
    row = found["covers"][0]
    assert row["told"] == "exact"
    assert row["default_probability"] == pytest.approx(fails, rel=1e-9)
    assert row["lost_to_default"] == pytest.approx(lost, rel=1e-9)
    apart = fails * math.fsum(x * p for x, p in [(4e6, 0.9 * 0.05 + 0.1 * 0.6)])
    assert lost > 2 * apart  # the same chances, were they independent
    for key, exact in (("ale_net", mean), ("var99_net", var), ("cvar99_net", cvar)):
        assert row[key] == pytest.approx(exact, rel=1e-9)
        near(row["simulated"][key], exact)
    assert found["net"]["cvar"]["0.99"] == pytest.approx(cvar, rel=1e-9)
    assert found["net"]["recoveries"] == pytest.approx(row["pays_a_year"], rel=1e-9)


@pytest.mark.parametrize(
    ("cover", "said"),
    [
        ({"reinstatements": {"number": 1, "premium": "100 %"}}, "there is none"),
        (
            {
                "per_event": {"limit": "1M"},
                "per_year": {"limit": "2M"},
                "reinstatements": {"number": 1, "premium": "0 %"},
            },
            "leave one of the two out",
        ),
        (
            {"per_event": {"limit": "1M"}, "reinstatements": {"number": 1, "premium": "100 %"}},
            "costs a year",
        ),
        ({"insurer": {"defaults": "from nowhere.node"}}, "no network or protocol is called"),
    ],
)
def test_covers_that_cannot_be_are_refused(cover: dict[str, Any], said: str) -> None:
    with pytest.raises(BookError, match=said):
        perilscope.declare({**BASE, "covers": {"crime": {"scenarios": "theft", **cover}}})


def test_all_covers_together_with_a_charged_limit() -> None:
    """n thefts under a limit that is put back once, and one error that is paid by half."""
    cover = {
        "scenarios": "theft",
        "per_event": {"limit": "600k"},
        "reinstatements": {"number": 1, "premium": "100 %"},
        "costs": "150k per year",
    }
    error = {"asset": "one", "frequency": "1 in 2 years", "counts": "at most one a year"}
    scenarios = {**BASE["scenarios"], "error": {**error, "magnitude": "400k"}}
    half = {"scenarios": "error", "per_event": {"pays": "50 %"}}
    found = run(scenarios=scenarios, covers={"crime": cover, "half": half})["net"]
    law = []
    for n in range(40):
        paid = min(n * 6e5, 1.2e6) - 150_000 * min(n, 1)
        for error_costs in (0.0, 2e5):
            law.append((n * SIZE - paid + error_costs, 0.5 * poisson(n)))
    mean, var, cvar = read(law)
    assert found["told"] == "simulation"
    assert found["simulated"]["gap"] is None
    drawn = found["simulated"]
    near([drawn["mean"], drawn["mean_se"]], mean)
    near([drawn["var"]["0.99"], drawn["var_se"]["0.99"]], var)
    near([drawn["cvar"]["0.99"], drawn["cvar_se"]["0.99"]], cvar)
    assert found["recoveries"] == pytest.approx(RATE * SIZE + 0.5 * 4e5 - found["ale"], abs=1.5e4)


def test_a_limit_of_the_year_over_three_years_of_one_draw() -> None:
    """A chance of 30 % a year, once in three years at most, beside thefts each year."""
    once = {"asset": "one", "frequency": "0.3 per year", "counts": "at most one a year"}
    scenarios = {"theft": BASE["scenarios"]["theft"], "breach": {**once, "magnitude": "1M"}}
    cover = {"scenarios": ["theft", "breach"], "per_year": {"limit": "2M"}}
    found = run(horizon="3 years", scenarios=scenarios, covers={"crime": cover})["covers"][0]
    assert found["told"] == "simulation"
    hits = [0.3, 0.21, 0.147]
    paid = 0.0
    for chance in hits:
        for n in range(40):
            more, same = min((n + 1) * SIZE, 2e6), min(n * SIZE, 2e6)
            paid += poisson(n) * (chance * more + (1 - chance) * same)
    near(found["simulated"]["pays_a_year"], paid / 3)
