# SPDX-License-Identifier: Apache-2.0
"""Caps by the year over several years, where a count is one draw for the whole horizon."""

from __future__ import annotations

from typing import Any

import pytest

import perilscope

BOOK = """
institution: {name: Ten Years}
currency: CHF
as_of: 2026-06-30
horizon: 10 years
assets: {vault: {kind: holding, worth: {replacement: 60M}}}
threats: {other: {}}
networks:
  people:
    nodes:
      morale: {states: [good, poor], means: state now, table: [0.75, 0.25]}
      collusion: {parents: [morale], table: {good: [0.996, 0.004], poor: [0.97, 0.03]}}
scenarios:
"""
RARE = (
    "  rare: {asset: vault, frequency: %s, counts: %s, magnitude: {value: 100M, at_most: vault}}\n"
)
BESIDE = (
    "  more: {asset: vault, threat: other, frequency: 0.05 per year,"
    " magnitude: {value: 1M, at_most: vault}}\n"
)
ONCE = "at most one a year"


def run(tmp_path: Any, scenarios: str, engine: str) -> dict[str, Any]:
    """The run document of the book with these scenarios."""
    book = tmp_path / "book.yaml"
    book.write_text(BOOK + scenarios)
    found: dict[str, Any] = perilscope.quantify(str(book), engine=engine, years=200_000).document
    return found


@pytest.mark.parametrize("engine", ["exact", "simulation"])
def test_one_event_in_the_horizon_takes_its_holding_once(tmp_path, engine):
    """Of at most one event in ten years no cap makes two: 60M times the chance of one."""
    chance = 1.0 - 0.95**10
    found = run(tmp_path, RARE % ("0.05 per year", ONCE), engine)
    error = 60e6 * (chance * (1.0 - chance) / 200_000) ** 0.5 if engine == "simulation" else 1e-3
    assert 10.0 * found["enterprise"]["ale"] == pytest.approx(60e6 * chance, abs=5.0 * error)
    assert found["enterprise"]["var"]["0.999"] == pytest.approx(60e6)
    assert not [f for f in found["findings"] if f["severity"] == "warning"]


def test_one_event_that_a_network_drives(tmp_path):
    """The chance of a node over ten years, averaged over what it is now."""
    chance = 0.75 * (1.0 - 0.996**10) + 0.25 * (1.0 - 0.97**10)
    found = run(tmp_path, RARE % ("from people.collusion", ONCE), "exact")["enterprise"]
    assert 10.0 * found["ale"] == pytest.approx(60e6 * chance, rel=1e-9)
    assert found["var"]["0.999"] == pytest.approx(60e6)


@pytest.mark.parametrize(
    ("counts", "beside"), [("binomial(2)", ""), (ONCE, BESIDE)], ids=["chances", "shared"]
)
def test_where_years_matter_each_has_a_draw_and_a_warning_says_so(tmp_path, counts, beside):
    """Ten independent years, each capped: the mean is that of one year, ten times."""
    found = run(tmp_path, RARE % ("0.05 per year", counts) + beside, "exact")
    year = 60e6 * (1.0 - (0.975**2 if counts != ONCE else 0.95))
    if beside:  # whatever has happened before it in its year, the rare one takes all that is left
        year += 1e6 * 0.05 * 0.95
    assert found["enterprise"]["ale"] == pytest.approx(year, rel=1e-7)
    warned = [f for f in found["findings"] if f["severity"] == "warning"]
    assert len(warned) == 1
    assert "draw of its own" in warned[0]["what"]
    assert "refilled" in warned[0]["mend"]
