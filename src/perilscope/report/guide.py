# SPDX-License-Identifier: Apache-2.0
"""What ``check`` says of a book that is well-formed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.report.names import cleaned

_PLAIN: dict[str, Any] = {"title_justify": "left", "box": None, "padding": (0, 2, 0, 0)}
_STYLE = {"missing": "yellow", "stale": "yellow", "present": ""}


def render(found: Mapping[str, Any]) -> Group:
    """Draw the method guide.

    Parameters
    ----------
    found : mapping
        ``methods`` (what, method, why, data), ``coverage`` (asset, threat, state), ``hangs``
        (piece, users), ``due`` (what, where, says).
    """
    shown = cleaned(found)
    parts = [*_methods(shown["methods"]), *_coverage(shown["coverage"]), *_hangs(shown["hangs"])]
    return Group(Text("The book is well-formed.\n"), *parts, *_due(shown["due"]))


def _methods(methods: list[Mapping[str, Any]]) -> Iterator[Any]:
    """One row for everything that is assessed alike for the same reason, then what data want."""
    alike: dict[tuple[str, str], list[str]] = {}
    for item in methods:
        short = item["what"].removeprefix("scenarios.").removeprefix("protocols.")
        alike.setdefault((item["method"], item["why"]), []).append(short)
    table = Table(title="How each part is assessed, and why", **_PLAIN)
    for header in ("method", "for", "because"):
        table.add_column(header, overflow="fold")
    for (method, why), names in alike.items():
        table.add_row(Text(method), Text(", ".join(names)), Text(why))
    yield table
    wanting = [
        (item["what"], name, state)
        for item in methods
        for name, state in item["data"]
        if state != "present"
    ]
    known = sum(len(item["data"]) for item in methods)
    yield Text(f"\nData: {known - len(wanting)} of {known} pieces are present and fresh")
    for what, name, state in wanting:
        yield Text(f"  {state:<8} {what}: {name}", style=_STYLE[state])


def _coverage(cells: list[Mapping[str, str]]) -> Iterator[Any]:
    if not cells:
        return
    threats = list(dict.fromkeys(cell["threat"] for cell in cells))
    by_asset: dict[str, list[str]] = {}
    for cell in cells:
        state = cell["state"]
        mark = "S" if state == "scenario" else "·" if state == "never looked at" else "-"
        by_asset.setdefault(cell["asset"], []).append(mark)
    looked = sum(cell["state"] != "never looked at" for cell in cells)
    table = Table(
        title=f"\nCoverage: {looked} of {len(cells)} pairs looked at "
        "(S scenario, - ruled out, · never looked at)",
        title_justify="left", box=None, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("asset")
    for number, _ in enumerate(threats, start=1):
        table.add_column(str(number), justify="right")
    for asset, marks in by_asset.items():
        table.add_row(Text(asset), *marks)
    yield table
    yield Text("  " + "   ".join(f"{i} {threat}" for i, threat in enumerate(threats, start=1)))
    for cell in cells:
        if cell["state"].startswith("ruled out"):
            yield Text(f"  - {cell['asset']} / {cell['threat']}: {cell['state']}")


def _hangs(pieces: list[list[Any]]) -> Iterator[Text]:
    if pieces:
        yield Text("\nWhat hangs on one piece")
    for piece, users in pieces:
        yield Text(f"  {piece}: {', '.join(users)}")


def _due(items: list[Mapping[str, str]]) -> Iterator[Text]:
    if items:
        yield Text("\nWants attention")
    for item in items:
        yield Text(
            f"  {item['what']:<8} {item['where']}: {item['says']}",
            style=_STYLE.get(item["what"], ""),
        )
