# SPDX-License-Identifier: Apache-2.0
"""Factors that a node of a network says, against sums over its joint states written out by hand."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import perilscope
from perilscope.book import from_mapping
from perilscope.engines.aggregate.bounds import bounds
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Constant, Discrete
from perilscope.errors import BookError

STRESS = {"calm": 0.7, "bad": 0.3}
FAILS = {"calm": 0.02, "bad": 0.25}
TIMES = {"calm": 0.5, "bad": 3.0}
DEARER = {"no": 1.0, "yes": 4.0}
NET = {
    "period": "1 year",
    "nodes": {
        "stress": {"states": list(STRESS), "means": "state now", "table": list(STRESS.values())},
        "fails": {
            "states": ["no", "yes"],
            "parents": ["stress"],
            "table": {state: [1 - p, p] for state, p in FAILS.items()},
        },
    },
}
BOOK: dict[str, Any] = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"one": {"kind": "wallet"}, "two": {"kind": "wallet"}, "three": {"kind": "wallet"}},
    "networks": {"net": NET},
    "factors": {
        "often": {"by": "net.stress", "times": TIMES, "frequency": ["a", "b"]},
        "dear": {"by": "net.fails", "times": {"yes": 4}, "magnitude": ["a"]},
    },
    "scenarios": {
        "a": {"asset": "one", "frequency": "0.7 per year", "magnitude": "100"},
        "b": {"asset": "two", "frequency": "0.2 per year", "magnitude": "1000"},
        "c": {
            "asset": "three",
            "frequency": "from net.fails",
            "counts": "at most one a year",
            "magnitude": "3000",
        },
    },
}


def run(book: dict[str, Any], **settings: Any) -> Any:
    return perilscope.quantify(perilscope.declare(book), **{"engine": "exact", **settings}).document


def states(years: float = 1.0, stress: str = "") -> list[tuple[float, str, str]]:
    """Probability, stress, fails: what holds, holds for the horizon; what fails, fails in it."""
    found = []
    for s, f in itertools.product(STRESS, DEARER):
        failing = 1.0 - (1.0 - FAILS[s]) ** years
        p = (STRESS[s] if not stress else float(s == stress)) * (
            failing if f == "yes" else 1.0 - failing
        )
        found.append((p, s, f))
    return found


def law(years: float = 1.0, stress: str = "", keys: str = "abc") -> dict[float, float]:
    """Law of the sum, event by event."""
    found: dict[float, float] = {}
    for p, s, f in states(years, stress):
        a = stats.poisson(0.7 * TIMES[s] * years) if "a" in keys else None
        b = stats.poisson(0.2 * TIMES[s] * years) if "b" in keys else None
        for i in range(40 if a else 1):
            for j in range(25 if b else 1):
                loss = 100.0 * DEARER[f] * i + 1000.0 * j
                loss += 3000.0 if f == "yes" and "c" in keys else 0.0
                mass = p * (a.pmf(i) if a else 1.0) * (b.pmf(j) if b else 1.0)
                found[loss] = found.get(loss, 0.0) + float(mass)
    return found


def measures(found: dict[float, float], level: float) -> tuple[float, float]:
    """VaR and CVaR of a law of atoms."""
    reached = 0.0
    for loss in sorted(found):
        reached += found[loss]
        if reached >= level - 1e-12:
            over = math.fsum(p * (x - loss) for x, p in found.items() if x > loss)
            return loss, loss + over / (1.0 - level)
    raise AssertionError


@pytest.mark.parametrize("level", [0.95, 0.975, 0.99, 0.999])
@pytest.mark.parametrize("stress", ["", "bad"])
def test_the_sum_event_by_event(level: float, stress: str) -> None:
    evidence = {"net.stress": stress} if stress else {}
    total = run(BOOK, evidence=evidence)["enterprise"]
    var, cvar = measures(law(stress=stress), level)
    assert total["var"][f"{level:g}"] == pytest.approx(var, abs=1e-6)
    assert total["cvar"][f"{level:g}"] == pytest.approx(cvar, rel=1e-7)


@pytest.mark.parametrize("years", ["3 months", "2 years"])
def test_another_horizon(years: str) -> None:
    length = {"3 months": 0.25, "2 years": 2.0}[years]
    total = run({**BOOK, "horizon": years})["enterprise"]
    found = law(length)
    mean = math.fsum(x * p for x, p in found.items())
    assert total["ale"] == pytest.approx(mean / length, rel=1e-7)
    var, cvar = measures(found, 0.99)
    assert (total["var"]["0.99"], total["cvar"]["0.99"]) == pytest.approx((var, cvar), rel=1e-7)


def test_a_scenario_with_two_factors_of_one_network_alone() -> None:
    row = next(r for r in run(BOOK)["scenarios"] if r["id"] == "a")
    found = law(keys="a")
    assert row["ale"] == pytest.approx(math.fsum(x * p for x, p in found.items()), rel=1e-9)
    assert row["cvar"]["0.99"] == pytest.approx(measures(found, 0.99)[1], rel=1e-7)


def test_the_largest_event() -> None:
    total = run(BOOK)["enterprise"]
    quiet = {s: math.exp(-(0.7 + 0.2) * TIMES[s]) for s in STRESS}
    none = math.fsum(p * quiet[s] for p, s, f in states() if f == "no")
    assert 1.0 - total["probability_of_loss"] == pytest.approx(none, rel=1e-9)
    # what fails costs 3,000; else no event of 1,000 and none of 100
    below = math.fsum(p * math.exp(-0.2 * TIMES[s]) for p, s, f in states() if f == "no")
    over = dict(total["largest"]["curve"])
    assert over[100.0] == over[400.0] == pytest.approx(1.0 - below, rel=1e-9)
    failing = math.fsum(p for p, _, f in states() if f == "yes")
    assert over[1000.0] == pytest.approx(failing, rel=1e-9)


def test_rigorous_bounds_hold_the_exact_law() -> None:
    often = Shared("often", Discrete(tuple(TIMES.values()), tuple(STRESS.values())), chance=True)
    dear = Shared("dear", Discrete((1.0, 4.0), (0.911, 0.089)), chance=True)
    a = Compound(
        "a", lambda t, years: (Poisson(0.7 * t[0] * years), Constant(100.0 * t[1])), (often, dear)
    )
    b = Compound("b", lambda t, years: (Poisson(0.2 * t[0] * years), Constant(1000.0)), (often,))
    c = Compound("c", lambda _, years: (Binomial(1, 0.089), Constant(3000.0)))
    mixture = tuple(
        (p, {"often": TIMES[s], "dear": DEARER[f], "c": f == "yes"}) for p, s, f in states()
    )
    register = Register([a, b, c], mixtures=[mixture])
    for level in (0.95, 0.99):
        found = bounds(register, level)
        var, cvar = measures(law(), level)
        assert register.law().cvar(level) == pytest.approx(cvar, rel=1e-7)
        assert found.var_low <= var * (1 + 1e-12) <= found.var_high * (1 + 2e-12)
        assert found.cvar_low <= cvar <= found.cvar_high < 1.05 * found.cvar_low


def test_the_simulation_draws_the_same_states() -> None:
    found = run(BOOK, engine="both", years=200_000, seed=5)
    total = found["enterprise"]["simulated"]
    for level in (0.95, 0.99, 0.999):
        z = (total["cvar"][f"{level:g}"] - measures(law(), level)[1]) / total["cvar_se"][
            f"{level:g}"
        ]
        assert abs(z) < 4.5


def test_a_capped_holding_within_each_state() -> None:
    scenarios = {
        key: {**each, "asset": "one", "magnitude": {"value": each["magnitude"], "at_most": "one"}}
        for key, each in BOOK["scenarios"].items()
        if key != "c"
    }
    scenarios["a"]["distinct_because"] = "test"
    scenarios["b"]["distinct_because"] = "test"
    assets = {**BOOK["assets"], "one": {"kind": "wallet", "worth": "1500"}}
    total = run({**BOOK, "assets": assets, "scenarios": scenarios})["enterprise"]
    capped: dict[float, float] = {}
    for loss, p in law(keys="ab").items():
        capped[min(loss, 1500.0)] = capped.get(min(loss, 1500.0), 0.0) + p
    mean = math.fsum(x * p for x, p in capped.items())
    assert total["ale"] == pytest.approx(mean, rel=1e-7)
    assert total["cvar"]["0.99"] == pytest.approx(measures(capped, 0.99)[1], rel=1e-6)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        ({"times": {"bad": 2}, "frequency": ["a"]}, "either a law or a node"),
        ({"by": "net.stress", "frequency": ["a"]}, "multiplies nothing"),
        ({"by": "net.none", "times": {"bad": 2}, "frequency": ["a"]}, "has no node `none`"),
        ({"by": "nat.stress", "times": {"bad": 2}, "frequency": ["a"]}, "no network or protocol"),
        ({"by": "net.stress", "times": {"mad": 2}, "frequency": ["a"]}, "has no state `mad`"),
        ({"by": "net.stress", "times": {"bad": -2}, "frequency": ["a"]}, "-2"),
        ({"by": "net.stress", "times": {"bad": 2}}, "multiplies nothing"),
        (
            {"by": "net.stress", "law": "gamma(mean=1, sd=0.5)", "times": {"bad": 2}},
            "either a law or a node",
        ),
    ],
)
def test_what_cannot_be_is_refused(factor: dict[str, Any], said: str) -> None:
    with pytest.raises(BookError, match=said):
        from_mapping({**BOOK, "factors": {"often": factor}})


def test_a_factor_joins_the_market_that_the_same_network_moves(tmp_path: Any) -> None:
    """Prices move as on one of the days of the past, and fall by half where something fails."""
    document, last, moves = _priced(
        tmp_path,
        seed=3,
        quantity=30,
        scenarios={"a": {"asset": "one", "frequency": "250 per year", "magnitude": "100"}},
        factors={"often": ["a"], "dear": ["a"]},
    )
    held, rate = 30.0 * last, 250.0 / 365.25
    found: dict[float, float] = {}
    for p, s, f in states(1.0):
        events = stats.poisson(rate * TIMES[s])
        for move in moves * (0.5 if f == "yes" else 1.0):
            for n in range(30):
                loss = held * (1.0 - move) + 100.0 * DEARER[f] * n
                found[loss] = found.get(loss, 0.0) + p * float(events.pmf(n)) / len(moves)
    for level in (0.95, 0.99):
        var, cvar = measures(found, level)
        assert document["enterprise"]["var"][f"{level:g}"] == pytest.approx(var, rel=2e-3)
        assert document["enterprise"]["cvar"][f"{level:g}"] == pytest.approx(cvar, rel=1e-4)


def test_a_theft_in_tokens_that_a_network_ties_to_a_loss_in_money(tmp_path: Any) -> None:
    """Both are made frequent by one node; the theft is priced by the scenario, the other is not."""
    document, last, moves = _priced(
        tmp_path,
        seed=8,
        quantity=-40,
        scenarios={
            "theft": {"asset": "one", "frequency": "250 per year", "magnitude": "9 BTC"},
            "money": {"asset": "two", "frequency": "100 per year", "magnitude": "1000"},
            "once": {**BOOK["scenarios"]["c"], "magnitude": "300"},
        },
        factors={"often": ["theft", "money"], "dear": ["money"]},
    )
    found: dict[float, float] = {}
    biggest: dict[float, float] = {}
    for p, s, f in states(1.0):
        thefts = stats.poisson(250.0 / 365.25 * TIMES[s]).pmf(np.arange(25))
        others = stats.poisson(100.0 / 365.25 * TIMES[s]).pmf(np.arange(15))
        for move in moves * (0.5 if f == "yes" else 1.0):
            market = -40.0 * last * (1.0 - move)
            for n, m in itertools.product(range(25), range(15)):
                each, sum_ = 9.0 * last * move, 1000.0 * DEARER[f]
                mass = p * float(thefts[n] * others[m]) / len(moves)
                once = 300.0 if f == "yes" else 0.0
                loss = market + each * n + sum_ * m + once
                found[loss] = found.get(loss, 0.0) + mass
                one = max(market, each if n else 0.0, sum_ if m else 0.0, once, 0.0)
                biggest[one] = biggest.get(one, 0.0) + mass
    whole = document["enterprise"]
    for level in (0.95, 0.99, 0.999):
        assert whole["cvar"][f"{level:g}"] == pytest.approx(measures(found, level)[1], rel=1e-3)
    for level in (0.95, 0.99):
        assert whole["largest"]["var"][f"{level:g}"] == pytest.approx(
            measures(biggest, level)[0], rel=1e-3
        )
    parts = {row["id"]: row["cvar"] for row in whole["contributions"]["scenarios"]}
    assert math.fsum(parts.values()) == pytest.approx(whole["cvar"]["0.99"], rel=1e-6)
    assert min(parts["theft"], parts["money"]) > 0.0


def _priced(
    folder: Any,
    *,
    seed: int,
    quantity: int,
    scenarios: dict[str, Any],
    factors: dict[str, list[str]],
) -> tuple[Any, float, Any]:
    """Run of a book that holds an invented coin for a day: document, last close, moves."""
    prices = ["date,BTC", *_days(90, np.random.default_rng(seed))]
    (folder / "prices.csv").write_text("\n".join(prices) + "\n")
    (folder / "positions.csv").write_text(f"asset,quantity\nBTC,{quantity}\n")
    book = {
        **BOOK,
        "horizon": "1 day",
        "tokens": {"BTC": {"kind": "coin"}},
        "positions": "positions.csv",
        "prices": "prices.csv",
        "networks": {
            "net": {**NET, "period": "1 day", "shocks": {"fails": {"yes": {"BTC": "-50 %"}}}}
        },
        "scenarios": scenarios,
        "factors": {
            "often": {"by": "net.stress", "times": TIMES, "frequency": factors["often"]},
            "dear": {"by": "net.fails", "times": {"yes": 4}, "magnitude": factors["dear"]},
        },
    }
    (folder / "book.yaml").write_text(json.dumps(book))
    document = perilscope.quantify(folder / "book.yaml", engine="exact").document
    closes = np.array([float(row.split(",")[1]) for row in prices[1:]])
    moves = closes[1:] / closes[:-1]
    return document, float(closes[-1]), moves - moves.mean() + 1.0


def _days(count: int, rng: np.random.Generator) -> list[str]:
    """Closes of an invented coin, one row a day, the last on 2026-01-31."""
    last = np.datetime64("2026-01-31")
    price, rows = 100.0, []
    for k in range(count):
        rows.append(f"{last - np.timedelta64(count - 1 - k, 'D')},{price!r}")
        price *= float(np.exp(rng.normal(0.0, 0.03)))
    return rows
