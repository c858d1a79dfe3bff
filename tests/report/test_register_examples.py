# SPDX-License-Identifier: Apache-2.0
"""The register's rows."""

from __future__ import annotations

from typing import Any

from perilscope.report import register

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
