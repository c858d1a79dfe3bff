# SPDX-License-Identifier: Apache-2.0
"""Beliefs that scenarios share by name, against mixtures worked out by hand; faults with places."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import roots_jacobi

import perilscope
from perilscope.book import from_mapping, load_text
from perilscope.book.quantity import QuantityError, parse, spell
from perilscope.errors import BookError

BASE: dict[str, Any] = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"one": {"kind": "wallet"}, "two": {"kind": "wallet"}},
}
STAFF = {"staff": {"value": "beta(2, 5)", "source": "phishing tests", "grade": "own data"}}


def tried(rate: str, magnitude: str, asset: str) -> dict[str, Any]:
    frequency = {"threat_event_frequency": rate, "vulnerability": "belief(staff)"}
    return {"asset": asset, "frequency": frequency, "magnitude": magnitude}


def run(scenarios: dict[str, Any], beliefs: dict[str, Any] = STAFF, **settings: Any) -> Any:
    book = {**BASE, "beliefs": beliefs, "scenarios": scenarios}
    return perilscope.quantify(perilscope.declare(book), **{"engine": "exact", **settings}).document


def test_two_scenarios_with_one_vulnerability_are_the_mixture_over_it() -> None:
    """Poisson events 2 v and 1 v a year of 100 and 250, v beta: every probability by hand."""
    found = run({"a": tried("2 per year", "100", "one"), "b": tried("1 per year", "250", "two")})
    total = found["enterprise"]
    mean_v, var_v = 2 / 7, 2 * 5 / (49 * 8)
    mean = (2 * 100 + 250) * mean_v
    # given v the variance is (2 100^2 + 250^2) v; v moves both, so its part is (2 100 + 250)^2
    sd = math.sqrt((2 * 100**2 + 250**2) * mean_v + (2 * 100 + 250) ** 2 * var_v)
    assert total["ale"] == pytest.approx(mean, rel=1e-12)
    assert total["sd"] == pytest.approx(sd, rel=1e-10)
    law = _by_hand(2.0, 1.0)
    for level in (0.95, 0.99, 0.999):
        at = int(np.searchsorted(np.cumsum(law), level))
        assert total["var"][f"{level:g}"] == pytest.approx(50.0 * at, abs=1e-6)
    assert 1.0 - total["probability_of_loss"] == pytest.approx(law[0], rel=1e-10)


def _by_hand(a: float, b: float) -> Any:
    """Law of 2 A + 5 B (in units of 50), counts Poisson with means a v and b v, v beta(2, 5)."""
    x, w = roots_jacobi(60, 4.0, 1.0)  # weight (1 - x)^4 (1 + x)^1 on [-1, 1]
    law = np.zeros(400)
    for v, weight in zip((1 + x) / 2, w / w.sum(), strict=True):
        ones, fives = (
            stats.poisson.pmf(np.arange(60), a * v),
            stats.poisson.pmf(np.arange(40), b * v),
        )
        for i, p in enumerate(ones):
            for j, q in enumerate(fives):
                if 2 * i + 5 * j < law.size:
                    law[2 * i + 5 * j] += weight * p * q
    return law


def test_a_belief_of_ones_own_is_less_than_one_that_is_shared() -> None:
    both = {"a": tried("2 per year", "100", "one"), "b": tried("1 per year", "250", "two")}
    shared = run(both)["enterprise"]
    for scenario in both.values():
        scenario["frequency"] = {**scenario["frequency"], "vulnerability": "belief(beta(2, 5))"}
    alone = run(both, beliefs={})["enterprise"]
    var_v = 2 * 5 / (49 * 8)
    assert alone["ale"] == pytest.approx(shared["ale"], rel=1e-12)
    assert shared["sd"] ** 2 - alone["sd"] ** 2 == pytest.approx(2 * 200 * 250 * var_v, rel=1e-8)


def test_both_engines_agree_where_a_rate_is_shared() -> None:
    rate = {"rate": {"value": "gamma(mean=0.6, sd=0.3) per year", "source": "industry"}}
    wide = {
        "a": {"asset": "one", "frequency": "belief(rate)", "magnitude": "100k to 1M"},
        "b": {"asset": "two", "frequency": "belief(rate)", "magnitude": "50k to 400k"},
    }
    found = run(wide, rate, engine="both", years=200_000)
    # both add up to a Poisson rate of 2 r: no loss in a year is the gamma's transform
    shape, scale = 4.0, 0.15
    none = (1 + 2 * scale) ** -shape
    assert 1 - found["enterprise"]["probability_of_loss"] == pytest.approx(none, rel=1e-10)
    total = found["enterprise"]
    for level in ("0.95", "0.99", "0.999"):
        for what in ("var", "cvar"):
            apart = total[what][level] - total["simulated"][what][level]
            assert abs(apart) < 4.5 * total["simulated"][f"{what}_se"][level]


def test_an_estimate_rests_on_what_its_belief_rests_on() -> None:
    book = from_mapping(
        {**BASE, "beliefs": STAFF, "scenarios": {"a": tried("2 per year", "1k", "one")}}
    )
    vulnerability = book.scenarios["a"].frequency.vulnerability.estimate
    assert (vulnerability.source, vulnerability.grade) == ("phishing tests", "own data")
    assert spell(vulnerability.value) == "belief(staff)"


def test_a_swing_of_a_shared_belief_moves_all_that_share_it() -> None:
    both = {"a": tried("2 per year", "100", "one"), "b": tried("1 per year", "250", "two")}
    found = run(both, tornado="*")
    row = next(r for r in found["scenarios"] if r["id"] == "a")
    swing = next(s for s in row["tornado"] if s["path"] == "frequency.vulnerability")
    low, high = stats.beta(2, 5).ppf([0.05, 0.95])
    assert swing["ale"] == pytest.approx([200 * low, 200 * high], rel=1e-8)
    top = next(s for s in found["enterprise"]["tornado"] if s["path"] == "frequency.vulnerability")
    assert top["ale"] == pytest.approx([450 * low, 450 * high], rel=1e-8)


@pytest.mark.parametrize("text", ["belief(staff)", "belief(pace) per year"])
def test_a_named_belief_is_spelled_as_it_is_read(text: str) -> None:
    known = {"staff": "beta(2, 5)", "pace": "gamma(2, 10) per year"}
    dimension = "rate" if "year" in text else "probability"
    quantity = parse(text, dimension, beliefs=known)
    assert parse(spell(quantity), dimension, beliefs=known) == quantity


@pytest.mark.parametrize(
    ("text", "beliefs", "words"),
    [
        ("belief(staf)", STAFF, "no belief is called `staf`"),
        ("belief(staff)", {"staff": "beta(2, belief(uniform(1, 2)))"}, "a belief stands inside"),
        ("belief(staff)", {"staff": "10 % to 30 %"}, "depends on where it stands"),
        ("belief(staff)", {"staff": "0.3"}, "a law is wanted here"),
        ("belief(staff)", {"staff": "gamma(2, 10)"}, "not held between 0 and 1"),
        ("belief(staff) %", STAFF, "cannot read"),
    ],
)
def test_what_cannot_be_shared_is_refused(text: str, beliefs: dict[str, Any], words: str) -> None:
    scenario = tried("2 per year", "1k", "one")
    scenario["frequency"]["vulnerability"] = text
    with pytest.raises(BookError) as refused:
        from_mapping({**BASE, "beliefs": beliefs, "scenarios": {"a": scenario}})
    assert words in str(refused.value)


def test_a_named_belief_stands_in_scenarios_only() -> None:
    text = """
institution: {name: Test}
currency: USD
as_of: 2026-01-31
assets: {one: {kind: wallet, worth: belief(size)}}
beliefs: {size: "gamma(2, 1M)"}
scenarios: {a: {asset: one, frequency: 1 per year, magnitude: belief(size)}}
"""
    with pytest.raises(BookError) as refused:
        load_text(text)
    assert "the belief `size` stands where none that is shared is taken" in str(refused.value)
    assert ":5:" in str(refused.value) or "line 5" in str(refused.value)


def test_nothing_says_what_it_is_outside_a_book() -> None:
    with pytest.raises(QuantityError, match="no belief is called"):
        parse("belief(staff)", "probability")
