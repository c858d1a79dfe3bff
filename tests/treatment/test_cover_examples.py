# SPDX-License-Identifier: Apache-2.0
"""Covers of a book, by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

import perilscope
from perilscope.errors import BookError

BASE: dict[str, Any] = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"one": {"kind": "wallet", "worth": "5M"}, "two": {"kind": "wallet"}},
    "scenarios": {
        "a": {"asset": "one", "frequency": "0.5 per year", "magnitude": "1M"},
        "b": {"asset": "two", "frequency": "2 per year", "magnitude": "100k"},
    },
}


def run(**more: Any) -> dict[str, Any]:
    return perilscope.quantify(perilscope.declare({**BASE, **more}), engine="exact").document


def test_a_cover_is_measured_beside_gross_figures() -> None:
    terms = {"deductible": "200k", "limit": "500k", "pays": "80 %"}
    found = run(covers={"crime": {"scenarios": "a", "per_event": terms, "costs": "100k per year"}})
    row = found["covers"][0]
    assert found["enterprise"]["ale"] == pytest.approx(700_000, rel=1e-12)  # gross
    assert row["pays_a_year"] == pytest.approx(0.5 * 0.8 * 500_000, rel=1e-9)
    assert row["ale_net"] == pytest.approx(700_000 - 200_000, rel=1e-9)
    assert row["probability_pays"] == pytest.approx(1 - math.exp(-0.5), rel=1e-9)
    assert row["return"] == pytest.approx(1.0, rel=1e-9)
    assert row["var99_net"] < found["enterprise"]["var"]["0.99"]


def test_a_limit_of_the_year_over_two_scenarios() -> None:
    """n thefts of 1M and m of 100k: what is paid is min(n + m / 10, 1.5) million."""
    found = run(covers={"all": {"scenarios": ["a", "b"], "per_year": {"limit": "1.5M"}}})
    row = found["covers"][0]

    def poisson(rate: float, k: int) -> float:
        return math.exp(-rate) * rate**k / math.factorial(k)

    cases = [(n, m, poisson(0.5, n) * poisson(2.0, m)) for n in range(25) for m in range(40)]
    paid = math.fsum(p * min(n * 1e6 + m * 1e5, 1.5e6) for n, m, p in cases)
    worn = math.fsum(p for n, m, p in cases if n * 1e6 + m * 1e5 >= 1.5e6)
    assert row["pays_a_year"] == pytest.approx(paid, rel=1e-9)
    assert row["probability_exhausted"] == pytest.approx(worn, rel=1e-9)
    assert row["return"] is None  # it costs nothing
    left = sorted((n * 1e6 + m * 1e5 - min(n * 1e6 + m * 1e5, 1.5e6), p) for n, m, p in cases)
    reached = itertools.accumulate(p for _, p in left)
    value = next(x for (x, _), below in zip(left, reached, strict=True) if below >= 0.99)
    assert row["var99_net"] == pytest.approx(value, abs=1.0)


def test_what_is_in_place_is_measured_together_and_a_candidate_on_top_of_it() -> None:
    terms = {"per_event": {"pays": "50 %"}}
    found = run(
        covers={
            "thought-of": {"scenarios": "b", "state": "candidate", **terms},
            "held": {"scenarios": "a", **terms},
        }
    )
    rows = {row["id"]: row for row in found["covers"]}
    assert rows["held"]["ale_net"] == pytest.approx(700_000 - 250_000, rel=1e-9)
    assert rows["thought-of"]["ale_net"] == pytest.approx(700_000 - 250_000 - 100_000, rel=1e-9)
    assert found["net"]["covers"] == ["held"]
    assert found["net"]["recoveries"] == pytest.approx(250_000, rel=1e-9)
    assert found["net"]["ale"] == pytest.approx(450_000, rel=1e-9)
    assert found["net"]["var"]["0.99"] == pytest.approx(rows["held"]["var99_net"], rel=1e-12)
    assert run()["net"] is None


def test_both_engines_say_what_covers_leave() -> None:
    """Sums of a simulation lie within 5 standard errors of what is known by hand."""
    terms = {"per_event": {"deductible": "200k"}, "per_year": {"limit": "1M"}}
    book = perilscope.declare({**BASE, "covers": {"held": {"scenarios": "a", **terms}}})
    found = perilscope.quantify(book, engine="both", years=200_000).document["net"]["simulated"]

    # n thefts of 1M, of each 800k are asked for, at most 1M a year is paid
    chance = [math.exp(-0.5) * 0.5**n / math.factorial(n) for n in range(25)]
    paid = math.fsum(p * min(n * 8e5, 1e6) for n, p in enumerate(chance))
    assert abs(found["mean"] - (700_000 - paid)) < 5 * found["mean_se"]
    assert abs(found["gap"]) < 4
    assert found["years"] == 200_000


def test_two_covers_of_one_scenario_are_told_apart() -> None:
    terms = {"scenarios": "a", "per_event": {"pays": "50 %"}}
    found = run(covers={"first": terms, "second": terms})
    assert found["net"] is None
    assert any("two covers pay for a" in finding["what"] for finding in found["findings"])


def capped(**cover: Any) -> dict[str, Any]:
    """A wallet of 5M from which 2M are stolen 1.5 times a year: the third theft finds 1M."""
    theft = {"frequency": "1.5 per year", "magnitude": {"value": "2M", "at_most": "one"}}
    scenarios = {"a": {"asset": "one", **theft}, "b": BASE["scenarios"]["b"]}
    return run(scenarios=scenarios, covers={"c": {"scenarios": "a", **cover}})


def test_a_holding_is_insured_event_by_event_until_nothing_is_left() -> None:
    found = capped(per_event={"deductible": "500k", "pays": "80 %"})
    p = [math.exp(-1.5) * 1.5**n / math.factorial(n) for n in range(3)]
    paid = [0.0, 1.2e6, 2.4e6, 2.4e6 + 0.8 * 0.5e6]
    chances = [*p, 1.0 - math.fsum(p)]
    mean = math.fsum(q * x for q, x in zip(chances, paid, strict=True))
    row = found["covers"][0]
    assert row["told"] == "exact"
    assert row["pays_a_year"] == pytest.approx(mean, rel=1e-9)
    assert row["probability_pays"] == pytest.approx(1 - p[0], rel=1e-9)
    assert row["ale_net"] == pytest.approx(found["enterprise"]["ale"] - mean, rel=1e-9)
    assert found["net"]["told"] == "exact"
    assert found["net"]["recoveries"] == row["pays_a_year"]


@pytest.mark.parametrize(
    ("cover", "what"),
    [
        ({"scenarios": "zz"}, "no scenario is called `zz`"),
        ({"scenarios": []}, "a cover of nothing"),
        ({"scenarios": ["a", "a"]}, "named twice"),
        ({"scenarios": "a", "per_event": {"limit": "-1M"}}, "negative"),
        ({"scenarios": "a", "per_event": {"pays": "120 %"}}, "above 1"),
        ({"scenarios": "a", "per_event": {"limit": "0"}}, "per_event.limit: a limit of nothing"),
        ({"scenarios": "a", "per_year": {"limit": "0"}}, "per_year.limit: a limit of nothing"),
    ],
)
def test_terms_that_cannot_be_are_refused_in_the_book(cover: dict[str, Any], what: str) -> None:
    with pytest.raises(BookError, match=what):
        run(covers={"c": cover})


def test_a_limit_below_its_deductible_is_pointed_out() -> None:
    terms = {"deductible": "250k", "limit": "200k"}
    found = run(covers={"c": {"scenarios": "a", "per_event": terms}})
    says = [each["what"] for each in found["findings"] if each["where"] == "covers.c"]
    assert any("between 250,000 and 450,000" in what for what in says)


def test_scenarios_of_one_holding_agree_with_their_simulation() -> None:
    """What is drawn of one of them is its part of the holding, not what it would cost by itself."""
    theft = {"frequency": "0.6 per year", "magnitude": {"value": "1M to 6M", "at_most": "one"}}
    fraud = {"frequency": "4 per year", "magnitude": {"value": "100k to 3M", "at_most": "one"}}
    scenarios = {"a": {"asset": "one", **theft}, "b": {"asset": "one", **fraud}}
    book = perilscope.declare({**BASE, "scenarios": scenarios})
    found = perilscope.quantify(book, engine="both", years=200_000).document
    assert set(found["checks"]) == {"a", "b"}
    assert all(abs(z) < 4.5 for z in found["checks"].values())
    (row,) = (row for row in found["scenarios"] if row["id"] == "a")
    assert "It shares one with b" in str(row["tree"])
