# SPDX-License-Identifier: Apache-2.0
"""Factors and shocks of a book against closed forms; what cannot be is refused with the reason."""

from __future__ import annotations

import math
from typing import Any

import pytest

import perilscope
from perilscope.book import Shock, from_mapping
from perilscope.errors import BookError
from perilscope.layers.dependence import described, incidents

BASE: dict[str, Any] = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"one": {"kind": "wallet"}, "two": {"kind": "wallet"}},
}
TWO = {
    "a": {"asset": "one", "frequency": "0.7 per year", "magnitude": "100"},
    "b": {"asset": "two", "frequency": "1.9 per year", "magnitude": "10k"},
}


def run(scenarios: dict[str, Any], **more: Any) -> Any:
    settings = more.pop("settings", {"engine": "exact"})
    book = {**BASE, **more, "scenarios": scenarios}
    return perilscope.quantify(perilscope.declare(book), **settings).document


def test_a_gamma_factor_on_two_frequencies_in_closed_form() -> None:
    factor = {"law": "gamma(mean=1, sd=0.5)", "frequency": ["a", "b"]}
    found = run(TWO, factors={"staff": factor})
    total = found["enterprise"]
    assert total["ale"] == pytest.approx(0.7 * 100 + 1.9 * 10_000, rel=1e-12)
    assert 1 - total["probability_of_loss"] == pytest.approx((1 + 2.6 / 4) ** -4, rel=1e-10)
    mean = 0.7 * 100 + 1.9 * 10_000
    variance = 0.7 * 100**2 + 1.9 * 10_000**2 + 0.25 * mean**2
    assert total["sd"] == pytest.approx(math.sqrt(variance), rel=1e-10)
    assert found["dependence"][0]["does"] == "multiplies the frequency of a, b"


def test_a_factor_on_both_factors_of_one_scenario_is_one_value() -> None:
    """E of rate x size x W x W is rate x size x E W squared."""
    factor = {"law": "gamma(mean=1, sd=0.5)", "frequency": ["a"], "magnitude": ["a"]}
    wide = {**TWO, "a": {**TWO["a"], "magnitude": "uniform(50, 150)"}}
    found = run(wide, factors={"bad": factor})
    rows = {row["id"]: row for row in found["scenarios"]}
    assert rows["a"]["ale"] == pytest.approx(0.7 * 100 * 1.25, rel=1e-9)
    assert rows["b"]["ale"] == pytest.approx(1.9 * 10_000, rel=1e-12)
    book = from_mapping({**BASE, "scenarios": wide, "factors": {"bad": factor}})
    (sentence,) = described(book, "a")
    assert sentence.endswith("so that its average year is 1.25 times what it would be.")
    assert described(book, "b") == ()


def test_a_shock_adds_events_to_all_that_it_hits() -> None:
    shock = {"frequency": "1 in 4 years", "hits": {"a": "100 %", "b": "40 %"}}
    found = run(TWO, shocks={"cloud": shock})
    rows = {row["id"]: row for row in found["scenarios"]}
    assert rows["a"]["ale"] == pytest.approx((0.7 + 0.25) * 100, rel=1e-12)
    assert rows["b"]["ale"] == pytest.approx((1.9 + 0.1) * 10_000, rel=1e-12)
    # no loss at all: no own event, and no incident, as each hits the first for certain
    none = math.exp(-0.7 - 1.9 - 0.25)
    assert 1 - found["enterprise"]["probability_of_loss"] == pytest.approx(none, rel=1e-12)
    # the two move together: covariance 0.25 x 1 x 0.4 x 100 x 10,000
    alone = 0.95 * 100**2 + 2.0 * 10_000**2
    variance = alone + 2 * 0.25 * 0.4 * 100 * 10_000
    assert found["enterprise"]["sd"] == pytest.approx(math.sqrt(variance), rel=1e-10)


def test_both_engines_agree_where_lines_share_chance() -> None:
    found = run(
        TWO,
        factors={"bad": {"law": "lognormal(mean=1, sd=0.8)", "frequency": ["a", "b"]}},
        shocks={"cloud": {"frequency": "belief(gamma(2, 4)) per year", "hits": ["a", "b"]}},
        settings={"engine": "both", "years": 200_000, "seed": 3},
    )
    simulated, exact = found["enterprise"]["simulated"], found["enterprise"]
    for level in ("0.95", "0.99"):
        gap = simulated["cvar"][level] - exact["cvar"][level]
        assert abs(gap) < 4.5 * simulated["cvar_se"][level]
    assert max(map(abs, found["checks"].values())) < 4.5


def test_a_believed_rate_of_a_shock_makes_its_count_negative_binomial() -> None:
    shock = Shock(frequency=believed(), hits={})  # type: ignore[arg-type]
    law = incidents("x", shock, 2.0)
    shape, q = 2.0, 4.0 / (4.0 + 2.0)
    for n in range(6):
        log = math.lgamma(shape + n) - math.lgamma(shape) - math.lgamma(n + 1)
        expected = math.exp(log) * q**shape * (1 - q) ** n
        got = float(law.cdf(n)) - (float(law.cdf(n - 1)) if n else 0.0)
        assert got == pytest.approx(expected, rel=1e-9)


def believed() -> Any:
    book = from_mapping(
        {
            **BASE,
            "scenarios": TWO,
            "shocks": {"x": {"frequency": "belief(gamma(2, 4)) per year", "hits": ["a"]}},
        }
    )
    return book.shocks["x"].frequency


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"factors": {"f": {"law": "gamma(mean=2, sd=1)", "frequency": ["a"]}}}, "mean 2"),
        ({"shocks": {"s": {"frequency": "100 per year", "hits": ["a"]}}}, "a shock is rare"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(more: dict[str, Any], reason: str) -> None:
    found = run(TWO, **more)
    assert reason in {row["id"]: row["reason"] for row in found["failed"]}["a"]


def test_a_factor_that_would_break_a_probability_is_refused() -> None:
    scenarios = {"a": {**TWO["a"], "counts": "at most one a year"}}
    found = run(scenarios, factors={"f": {"law": "gamma(mean=1, sd=1)", "frequency": ["a"]}})
    assert "more than 1 too often" in found["failed"][0]["reason"]


def test_a_copula_ties_the_total_and_says_how_sure_it_is() -> None:
    pairs = [{"between": ["a", "b"], "correlation": "0.8"}]
    scenarios = {k: {**v, "magnitude": "10k to 90k"} for k, v in TWO.items()}
    found = run(scenarios, copula={"kind": "t", "degrees": "4", "pairs": pairs})["copula"]
    assert found["cvar"]["0.99"] > found["without"]["cvar"]["0.99"] + 4 * found["cvar_se"]["0.99"]
    free = run(scenarios)["enterprise"]
    gap = found["without"]["cvar"]["0.99"] - free["cvar"]["0.99"]
    assert abs(gap) < 4.5 * found["cvar_se"]["0.99"]


def test_correlations_that_cannot_hold_together_leave_the_copula_out() -> None:
    found = run(TWO, copula={"others": "-1.5"})
    assert found["copula"] is None
    assert any("positive definite" in finding["what"] for finding in found["findings"])


def test_names_that_are_no_scenario_are_refused_in_the_book() -> None:
    with pytest.raises(BookError, match="no scenario is called `zz`"):
        run(TWO, shocks={"s": {"frequency": "1 in 9 years", "hits": {"zz": "50 %"}}})
    with pytest.raises(BookError, match="multiplies nothing"):
        run(TWO, factors={"s": {"law": "gamma(mean=1, sd=1)"}})
