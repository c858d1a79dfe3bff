# SPDX-License-Identifier: Apache-2.0
"""Trees, tornados, intervals and warnings as the run document holds them."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

import perilscope
from perilscope.report.schema import schema

BOOK: dict[str, Any] = {
    "institution": {"name": "Test"},
    "currency": "EUR",
    "as_of": "2026-01-31",
    "assets": {"desk": {"kind": "other", "worth": "2M"}},
    "scenarios": {
        "theft": {"asset": "desk", "frequency": "0.2 per year", "magnitude": "1M"},
        "fraud": {
            "asset": "desk",
            "frequency": {
                "threat_event_frequency": "5 per year",
                "vulnerability": "belief(uniform(0.1, 0.3))",
            },
            "magnitude": "100k",
        },
    },
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found = perilscope.quantify(perilscope.declare(BOOK), engine="exact", tornado="*", band=True)
    Draft202012Validator(schema()).validate(found.document)
    return found.document


def row(document: dict[str, Any], key: str) -> dict[str, Any]:
    return next(row for row in document["scenarios"] if row["id"] == key)


def test_a_tornado_says_what_is_moved_and_how_far(document: dict[str, Any]) -> None:
    moved = {swing["path"]: swing for swing in row(document, "fraud")["tornado"]}
    weak = moved["frequency.vulnerability"]
    assert weak["name"] == "Vulnerability"
    assert weak["swing"] == "5 to 95 % of the belief"
    assert weak["values"] == ["11 %", "29 %"]
    assert weak["ale"] == pytest.approx([55_000, 145_000])
    often = moved["frequency.threat_event_frequency"]
    assert (often["swing"], often["values"]) == ("-10 to +10 %", ["4.5 a year", "5.5 a year"])
    assert moved["magnitude"]["values"] == ["€90k", "€110k"]
    assert moved["magnitude"]["elasticity"] == pytest.approx(1.0, rel=1e-9)


def test_the_tornado_of_everything_names_the_scenario(document: dict[str, Any]) -> None:
    rows = document["enterprise"]["tornado"]
    assert {(r["scenario"], r["path"]) for r in rows} == {
        ("theft", "frequency"),
        ("theft", "magnitude"),
        ("fraud", "frequency.threat_event_frequency"),
        ("fraud", "frequency.vulnerability"),
        ("fraud", "magnitude"),
    }
    widths = [abs(r["cvar99"][1] - r["cvar99"][0]) for r in rows]
    assert widths == sorted(widths, reverse=True)
    theft = next(r for r in rows if (r["scenario"], r["path"]) == ("theft", "magnitude"))
    assert theft["ale"] == pytest.approx([300_000 - 20_000, 300_000 + 20_000])


def test_intervals_of_the_average_are_about_belief_alone(document: dict[str, Any]) -> None:
    assert row(document, "theft")["ale_interval"] == [200_000.0, 200_000.0]
    assert row(document, "fraud")["ale_interval"] == pytest.approx([55_000, 145_000], rel=1e-9)
    assert document["enterprise"]["ale_interval"] == pytest.approx([255_000, 345_000], rel=1e-2)


def test_bounds_hold_and_the_band_holds_the_median(document: dict[str, Any]) -> None:
    whole = document["enterprise"]
    for level, bound in whole["bounds"].items():
        for name in ("var", "cvar"):
            low, high = bound[name]
            assert low <= whole[name][level] * (1 + 1e-9)
            assert whole[name][level] <= high * (1 + 1e-9)
    for loss, low, median, high, predictive in whole["band"]["curve"]:
        assert loss >= 0.0
        assert low <= median <= high
        assert 0.0 <= predictive <= 1.0


def test_the_largest_event_is_no_larger_than_the_sum(document: dict[str, Any]) -> None:
    whole = document["enterprise"]
    for level, loss in whole["largest"]["var"].items():
        assert loss <= whole["var"][level]
    # a theft costs 1M: P(some theft) = 1 - exp(-0.2) stands in the curve at every smaller loss
    chances = dict(whole["largest"]["curve"])
    assert chances[100_000.0] == pytest.approx(1 - 2.718281828459045**-0.2, rel=1e-9)


def test_the_costly_figures_are_made_on_request_only() -> None:
    plain = perilscope.quantify(perilscope.declare(BOOK), engine="exact").document
    assert plain["enterprise"]["tornado"] == []
    assert plain["enterprise"]["bounds"] == {}
    assert "band" not in plain["enterprise"]
    assert row(plain, "fraud")["tree"]["children"]
    one = perilscope.quantify(perilscope.declare(BOOK), engine="exact", tornado="fraud").document
    assert len(row(one, "fraud")["tornado"]) == 3
    assert row(one, "theft")["tornado"] == []
    assert one["enterprise"]["tornado"] == []


def test_an_interval_too_wide_is_a_finding() -> None:
    wide = {**BOOK["scenarios"]["theft"], "magnitude": {"value": "10 to 10M", "at_most": "desk"}}
    book = {**BOOK, "scenarios": {"wide": wide}}
    found = perilscope.quantify(perilscope.declare(book), engine="exact").document["findings"]
    (finding,) = (f for f in found if f["where"] == "scenarios.wide.magnitude")
    assert finding["severity"] == "warning"
    assert "so wide that its mean" in finding["what"]


def test_a_loss_of_less_than_one_unit_is_a_finding() -> None:
    slip = {**BOOK["scenarios"]["theft"], "magnitude": "gamma(0.2, 50k)"}
    book = {**BOOK, "scenarios": {"slip": slip}}
    found = perilscope.quantify(perilscope.declare(book), engine="exact").document["findings"]
    (finding,) = (f for f in found if f["where"] == "scenarios.slip.magnitude")
    assert finding["severity"] == "warning"
    assert "has a mean of 4e-06" in finding["what"]
    assert "gamma(shape=0.2, scale=50000)" in finding["what"]


def test_a_swing_that_cannot_be_is_a_finding_and_nothing_else_is_lost() -> None:
    sure = {
        **BOOK["scenarios"]["theft"],
        "frequency": "0.95 per year",
        "counts": "at most one a year",
    }
    book = {**BOOK, "scenarios": {"sure": sure}}
    found = perilscope.quantify(perilscope.declare(book), engine="exact", tornado="*").document
    assert [swing["path"] for swing in row(found, "sure")["tornado"]] == ["magnitude"]
    (finding,) = (f for f in found["findings"] if f["where"] == "scenarios.sure.frequency")
    assert finding["severity"] == "note"
    assert "no sensitivity" in finding["what"]


def test_the_interval_of_the_average_from_python() -> None:
    run = perilscope.quantify(perilscope.declare(BOOK), engine="exact")
    low, high = run.ale_interval
    assert low < run.ale < high
