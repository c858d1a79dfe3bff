# SPDX-License-Identifier: Apache-2.0
"""What ``quick`` says: the measures of each row of a plain register, and of their sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import money, probability, relative
from perilscope.report.columns import wrapped
from perilscope.report.names import cleaned

_LEVELS = ("0.95", "0.99", "0.999")
_WIDTH = 110
_MOST_NOTES, _MOST_ROWS = 12, 4
"""Notes shown below the table, and rows named behind each."""


def render(document: Mapping[str, Any], seconds: float) -> Group:
    """Draw the measures of every row and the total.

    Parameters
    ----------
    document : mapping
        The run document.
    seconds : float
        How long the engines took; shown here only, never in the document.
    """
    shown = cleaned(document)
    if not shown["scenarios"]:
        return Group(
            Text("Nothing could be assessed, so there is no total.", "bold red"), *_left_out(shown)
        )
    table = Table(box=None, padding=(0, 2, 0, 0))
    headers = ["", "a year", "chance of loss", "1 in 20 exceeds", "1 in 100", "1 in 1,000"]
    checks = shown["checks"]
    last = ["z-score"] if checks else []
    for header in [*headers, "mean beyond", "error", *last]:
        table.add_column(header, justify="left" if not header else "right")
    for row in shown["scenarios"]:
        gap = [Text(_gap(checks.get(row["id"])))] if checks else []
        table.add_row(*_cells(row["id"], row, shown["currency"]), *gap)
    table.add_section()
    table.add_row(*_cells("total", shown["enterprise"], shown["currency"]), style="bold")
    below = [*_left_out(shown), *_notes(shown)]
    return Group(table, *below, Text(f"\n{_engines(shown)}; {seconds:.2g} s", "dim"))


def _gap(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


def _notes(shown: Mapping[str, Any]) -> list[Text]:
    """What to know about the laws of the rows, each sentence once with the rows it is about."""
    about: dict[str, list[str]] = {}
    for row in shown["scenarios"]:
        for said in _said(row.get("tree") or {}):
            rows = about.setdefault(said, [])
            if row["id"] not in rows:
                rows.append(row["id"])
    lines = [f"{said} ({_some(rows)})" for said, rows in about.items()]
    if len(lines) > _MOST_NOTES:
        more = len(lines) - _MOST_NOTES
        lines = [*lines[:_MOST_NOTES], f"and {more} notes more; --json has them all"]
    grave = [f["what"] for f in shown["findings"] if f["severity"] == "warning"]
    known = " ".join(lines)
    if not (lines or grave):
        return []
    lines = [*(f"WARNING: {what}" for what in grave if what not in known), *lines]
    return [Text(), *(part for line in lines for part in wrapped(line, _WIDTH, 9, indent=""))]


def _said(node: Mapping[str, Any]) -> Iterator[str]:
    """The notes of a tree about what was written, its laws of counts and of loss."""
    if str(node.get("path", "")).startswith(("frequency", "magnitude")):
        yield from node["notes"]
    for child in node.get("children", []):
        yield from _said(child)


def _some(rows: list[str]) -> str:
    more = len(rows) - _MOST_ROWS
    return ", ".join(rows[:_MOST_ROWS]) + (f" and {more} more" if more > 0 else "")


def _cells(name: str, row: Mapping[str, Any], currency: str) -> list[Text]:
    values = [
        money(row["ale"], currency),
        probability(row["probability_of_loss"]),
        *(money(row["var"][level], currency) for level in _LEVELS),
        money(row["cvar"]["0.99"], currency),
        relative(row["error"]["0.99"]),
    ]
    return [Text(name), *map(Text, values)]


def _left_out(shown: Mapping[str, Any]) -> list[Text]:
    return [Text(f"LEFT OUT: {f['id']}: {f['reason']}", "yellow") for f in shown["failed"]]


def _engines(shown: Mapping[str, Any]) -> str:
    checks = shown["checks"]
    if not checks:
        return str(shown["enterprise"]["method"])
    worst = max(checks, key=lambda key: abs(checks[key]))
    years = shown["enterprise"]["simulated"]["years"]
    return (
        f"{shown['enterprise']['method']}, against {years:,} simulated years: largest gap "
        f"{abs(checks[worst]):.1f} standard errors ({worst})"
    )
