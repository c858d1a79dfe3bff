# SPDX-License-Identifier: Apache-2.0
"""Controls against closed forms."""

from __future__ import annotations

from typing import Any

import pytest
from scipy import stats

import perilscope
from perilscope.treatment.control import annual_cost

BASE = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {"wallet": {"kind": "wallet", "worth": "2M"}},
    "venues": {"exchange": {"kind": "exchange", "holds": "10M"}},
    "scenarios": {
        "phishing": {"asset": "wallet", "frequency": "1 in 2 years", "magnitude": "500k"},
        "default": {
            "asset": "exchange",
            "frequency": "1 in 50 years",
            "counts": "at most one a year",
            "magnitude": "60 % of exchange",
        },
    },
}


def measured(more: dict[str, Any] | None = None, /, **control: Any) -> dict[str, Any]:
    book = {**BASE, **(more or {}), "controls": {"c": control}}
    run = perilscope.quantify(perilscope.declare(book), engine="both", years=50_000)
    return run.document["controls"][0]


def test_a_cut_of_frequency() -> None:
    row = measured(costs="50k per year", cuts={"phishing": "80 % of frequency"})
    assert row["ale_reduction"] == pytest.approx(200_000, rel=1e-9)
    assert row["rosi"] == pytest.approx(3.0, rel=1e-9)
    assert abs(row["simulation"]["ale_reduction"] - 200_000) < 4 * row["simulation"]["se"]


def test_how_sure_gives_the_interval_and_keeps_the_mean() -> None:
    row = measured(
        costs="50k per year", cuts={"phishing": "80 % of frequency"}, sure="60 % to 90 %"
    )
    assert row["ale_reduction"] == pytest.approx(200_000, rel=1e-9)
    low, high = row["interval"]["ale_reduction"]
    assert low < 200_000 < high
    # the width of the belief is 30 points of an expected loss of 250,000
    assert high - low == pytest.approx(0.3 * 250_000, rel=1e-6)


def test_a_cap_on_what_is_held() -> None:
    row = measured(costs="60k per year", caps={"exchange": "3M"})
    assert row["ale_reduction"] == pytest.approx(0.6 * 7e6 / 50, rel=1e-9)
    # a default every 50 years and at most two phishings of 500k otherwise
    assert row["var99_with"] < 0.6 * 10e6


def test_a_control_in_place_is_valued_by_what_would_be_without_it() -> None:
    row = measured(state="in place", costs="50k per year", cuts={"phishing": "75 % of frequency"})
    assert row["ale_reduction"] == pytest.approx(0.75 * 250_000 / 0.25, rel=1e-9)
    assert row["ale_with"] == pytest.approx(250_000 + 0.6 * 10e6 / 50, rel=1e-9)


def test_cuts_of_loss_and_of_events_differ_in_the_tail() -> None:
    alone = {"scenarios": {"phishing": BASE["scenarios"]["phishing"]}}
    events = measured(alone, costs="1 per year", cuts={"phishing": "50 % of frequency"})
    losses = measured(alone, costs="1 per year", cuts={"phishing": "50 % of magnitude"})
    assert events["ale_reduction"] == pytest.approx(losses["ale_reduction"], rel=1e-9)
    # half the events: Poisson(0.25) of 500k; half the loss: Poisson(0.5) of 250k
    assert events["var99_with"] == 5e5 * stats.poisson.ppf(0.99, 0.25)
    assert losses["var99_with"] == 2.5e5 * stats.poisson.ppf(0.99, 0.5)


def test_annual_cost_by_the_annuity_formula() -> None:
    book = {
        **BASE,
        "controls": {"c": {"costs": {"once": "100k", "per_year": "20k", "life": "5 years"}}},
    }
    control = perilscope.declare(book).workspace.book.controls["c"]
    # 100,000 at 5 % over 5 years: 23,097.48 (annuity tables), plus 20,000
    assert annual_cost(control, 0.05) == pytest.approx(43_097.48, abs=0.005)
    assert annual_cost(control, 0.0) == pytest.approx(40_000, rel=1e-12)


def test_the_bad_year_with_the_control_is_the_law_without_the_cut_events() -> None:
    row = measured(costs="0 per year", cuts={"phishing": "100 % of frequency"})
    only_default = stats.bernoulli(0.02)
    assert row["var99_with"] == pytest.approx(6e6 * only_default.ppf(0.99), rel=1e-9)
    assert row["rosi"] is None
