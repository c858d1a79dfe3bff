# SPDX-License-Identifier: Apache-2.0
"""What frames an answer about the whole institution: its heading, titles, and notes below."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from perilscope.cycle.amounts import horizon, money, relative

Found = Mapping[str, Any]

WAYS = {
    "layers": "layer",
    "scenarios": "scenario",
    "assets": "what is held or feared for",
    "protocols": "protocol",
    "counterparties": "counterparty",
    "threats": "threat",
    "vulnerabilities": "vulnerability",
}
"""Ways of splitting a loss, and what the parts are called."""
NOBODY = "none named"
NAME, MOST = 38, 8
"""Letters of a name, and rows of a table, at most."""


def head(shown: Found) -> Text:
    """Whose answer it is, of which day, over which horizon, under which evidence."""
    line = Text(f"{shown['book'] or 'Risk book'}", style="bold")
    line.append(
        f"   as of {shown['as_of']}   next {horizon(shown['horizon_years'])}   {shown['currency']}",
        "not bold",
    )
    for place, state in shown["evidence"].items():
        line.append(f"   given {place} = {state}", "not bold yellow")
    return line


def title(text: str) -> list[Text]:
    """A title with room above it."""
    return [Text(""), Text(text, style="bold")]


def notes(shown: Found, width: int) -> list[Text]:
    """How prices were taken to the horizon, how far the engine may be off, and what was noticed."""
    said = []
    if shown.get("moves"):
        said.append(f"Prices   {shown['moves']}")
    if shown.get("error") is not None:
        known = shown.get("uncertainty", {}).get("0.99")
        text = f"Trust    the engine may be off by {relative(shown['error'])} (estimate)"
        if known:
            ends = [money(x, shown["currency"]) for x in known["cvar_interval"]]
            text += f"; the price history leaves the worst 1 in 100 between {ends[0]} and {ends[1]}"
        said.append(text)
    said += [f"Note     {text}" for text in shown.get("notes", [])[:4]]
    lines = [Text("")]
    for text in said:
        rows = textwrap.wrap(text, max(width, 40), subsequent_indent=" " * 9)
        lines += [Text(row, style="dim") for row in rows]
    return lines


def span(shown: Found) -> str:
    """A year, or another period."""
    return "year" if shown["horizon_years"] == 1 else "period"
