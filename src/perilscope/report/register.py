# SPDX-License-Identifier: Apache-2.0
"""The register as risk teams circulate it.

Five columns: risk scenario, risk factor, quantitative estimate, source of the estimate, and
calculated value. One row for each estimate; a scenario's calculated values stand in its first rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from perilscope.cycle import amounts, sentences
from perilscope.report import words
from perilscope.report.names import cleaned

COLUMNS = (
    "Risk scenario",
    "Risk factor",
    "Quantitative estimate",
    "Source of the estimate",
    "Calculated value",
)


@dataclass(frozen=True)
class Row:
    """One line of the register; ``first`` marks the first line of a scenario."""

    scenario: str
    factor: str
    estimate: str
    source: str
    calculated: str
    first: bool


def rows(document: Mapping[str, Any]) -> list[Row]:
    """Return the register's rows, by the average loss of a year, failed scenarios last."""
    run = cleaned(document)
    found: list[Row] = []
    for each in sorted(run["scenarios"], key=lambda entry: entry["rank"]):
        found += _of(each, run["currency"], run["horizon_years"])
    for failed in run.get("failed", []):
        found.append(Row(failed["id"], "", "", "", f"not assessed: {failed['reason']}", True))
    return found


def _of(each: Mapping[str, Any], currency: str, years: float) -> list[Row]:
    span = "year" if years == 1 else "period"
    values = [
        f"{amounts.money_in_full(each['ale'], currency)} a year",
        f"1 {span} in 100: {amounts.money_in_full(each['var']['0.99'], currency)}",
    ]
    estimates = [
        (words.factor(factor["path"]), factor["text"], words.source(factor))
        for factor in each.get("factors", [])
    ]
    if each.get("driven_by"):
        estimates.append(("driven by", each["driven_by"], "network"))
    if not estimates:
        estimates = [("frequency", each.get("frequency_text", ""), each.get("source", ""))]
    found = []
    for place in range(max(len(estimates), len(values))):
        factor, estimate, source = estimates[place] if place < len(estimates) else ("", "", "")
        value = values[place] if place < len(values) else ""
        name = _name(each) if place == 0 else ""
        found.append(Row(name, factor, estimate, source, value, place == 0))
    return found


def _name(each: Mapping[str, Any]) -> str:
    return each["name"] if each.get("name") else str(each["id"])


def table(document: Mapping[str, Any]) -> Table:
    """Return the register as a Rich table, for a console to print."""
    drawn = Table(
        box=None, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0)
    )
    for column, share, most in zip(COLUMNS, (4, 3, 4, 5, 4), (28, 26, 30, 34, None), strict=True):
        drawn.add_column(
            column,
            ratio=share,
            max_width=most,
            justify="right" if most is None else "left",
            no_wrap=most is None,
            overflow="fold",
        )
    for row in rows(document):
        if row.first and drawn.row_count:
            drawn.add_row()
        value = Text(row.calculated, style="bold" if row.first else "")
        cells = [
            Text(row.scenario, style="bold"),
            *map(Text, (row.factor, row.estimate, row.source)),
        ]
        drawn.add_row(*cells, value)
    drawn.caption = Text("\n".join(sentences.shared(document.get("scenarios", []))))
    drawn.caption_justify = "left"
    return drawn
