# SPDX-License-Identifier: Apache-2.0
"""The register's rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import perilscope
from perilscope.report import html, register, terminal

Document = dict[str, Any]


def test_a_scenario_has_a_row_for_each_estimate(run: Document) -> None:
    rows = register.rows(run)
    assert rows[0] == register.Row(
        "Pm phishing",
        "frequency",
        "1 in 2 years",
        "own phishing tests, ciso, 2026-10-02 (own data)",
        "$250,000 a year",
        True,
    )
    assert rows[1].calculated == "1 year in 100: $2,750,000"
    assert [row.estimate for row in rows if row.factor == "driven by"] == ["staff.click"]
    assert sum(row.first for row in rows) == len(run["scenarios"])


def test_a_scenario_without_factors_and_a_failed_one_have_rows_too(run: Document) -> None:
    run["scenarios"] = [run["scenarios"][0] | {"factors": []}]
    run["failed"] = [{"id": "lost", "reason": "no price"}]
    rows = register.rows(run)
    assert [row.first for row in rows] == [True, False, True]
    assert rows[-1].calculated == "not assessed: no price"


def test_an_empty_book_has_an_empty_register(bare: Document) -> None:
    assert register.rows(bare) == []
    assert register.table(bare).row_count == 0


def test_rows_that_add_up_to_more_than_everything_say_why(tmp_path: Path) -> None:
    """Two thefts a year of all that one vault holds: 1 - exp(-1) each, 1 - exp(-2) together."""
    book = tmp_path / "book.yaml"
    theft = "frequency: 1 per year, magnitude: {value: 1M, at_most: vault}"
    book.write_text(
        "institution: {name: One Vault}\ncurrency: USD\nas_of: 2026-06-30\n"
        "assets: {vault: {kind: holding, worth: {replacement: 1M}}}\nthreats: {a: {}, b: {}}\n"
        f"scenarios:\n  one: {{asset: vault, threat: a, {theft}}}\n"
        f"  two: {{asset: vault, threat: b, {theft}}}\n"
    )
    document = perilscope.quantify(str(book), engine="exact").document
    added = 2.0 * (1.0 - math.exp(-1.0)) / (1.0 - math.exp(-2.0))
    assert sum(row["share_of_ale"] for row in document["scenarios"]) == pytest.approx(added)
    said = f"The rows add up to {100.0 * added:.0f} % of the average year"
    assert document["sentences"][0].startswith(said)
    assert str(register.table(document).caption).startswith(said)
    assert said in terminal.render(document)
    assert html.render(document).count(said) >= 2  # under the register, and as it is circulated


def test_rows_that_make_the_whole_need_no_word(run: Document) -> None:
    assert not register.table(run).caption
