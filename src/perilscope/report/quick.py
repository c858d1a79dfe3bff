# SPDX-License-Identifier: Apache-2.0
"""What ``quick`` says: the measures of each row of a plain register, and of their sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import money, probability, relative
from perilscope.report.names import cleaned

_LEVELS = ("0.95", "0.99", "0.999")


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
    table = Table(box=None, padding=(0, 2, 0, 0))
    headers = ["", "a year", "chance of loss", "1 in 20 exceeds", "1 in 100", "1 in 1,000"]
    for header in [*headers, "mean beyond", "error"]:
        table.add_column(header, justify="left" if not header else "right")
    for row in shown["scenarios"]:
        table.add_row(*_cells(row["id"], row, shown["currency"]))
    table.add_section()
    table.add_row(*_cells("total", shown["enterprise"], shown["currency"]), style="bold")
    return Group(table, *_left_out(shown), Text(f"\n{_engines(shown)}; {seconds:.2g} s", "dim"))


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
