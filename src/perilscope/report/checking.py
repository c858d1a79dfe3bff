# SPDX-License-Identifier: Apache-2.0
"""What was found in prices, drawn for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.report.columns import figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
FEW = 12
"""Findings of one weight that are shown; the JSON document has all."""
_STYLE = {
    "excluded": "bold red", "accepted": "bold yellow", "warned": "yellow", "passes": "green",
    "fails": "bold red", "warns": "yellow", "told": "dim",
}  # fmt: skip
_ORDER = ("excluded", "accepted", "warned", "passes")

Shown = Mapping[str, Any]


def checked(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the verdict on every asset, then what was found."""
    run = cleaned(document)
    head = Text(str(run["source"]), "bold")
    head.append(f"   {run['first']} to {run['last']}   {len(run['assets'])} assets", "dim")
    counts = {v: sum(row["verdict"] == v for row in run["assets"]) for v in _ORDER}
    verdict = ", ".join(f"{n} {_WORDS[v]}" for v, n in counts.items() if n)
    verdict += f", held against {run['second']}" if run["second"] else ""
    lines = [head, *wrapped(f"{verdict}.", width, 2, style="bold"), Text()]
    lines += [*_assets(run, width), Text(), *_findings(run, width)]
    return Group(*lines)


_WORDS = {
    "excluded": "left out",
    "accepted": "used in spite of findings",
    "warned": "usable with a warning",
    "passes": "without fault",
}


def _assets(run: Shown, width: int) -> Iterator[Text]:
    columns = (
        words("asset", 6, 12), words("verdict", 8, 10), figures("days"), words("from", 10, 10),
        words("to", 10, 10), words("why", 20, 200),
    )  # fmt: skip
    ordered = sorted(run["assets"], key=lambda row: _ORDER.index(row["verdict"]))
    rows = [
        [
            (row["asset"], ""),
            (row["verdict"], _STYLE[row["verdict"]]),
            (f"{row['days']:,}", "dim"),
            (row.get("first", ""), "dim"),
            (row.get("last", ""), "dim"),
            (_why(row), ""),
        ]
        for row in ordered
        if row["verdict"] != "passes" or len(ordered) <= 2 * FEW
    ]
    yield from lay(columns, rows, width)
    hidden = len(ordered) - len(rows)
    if hidden:
        yield from wrapped(f"and {hidden} without fault", width, 1, style="dim")


def _why(row: Shown) -> str:
    reasons = row["reasons"]
    if not reasons:
        told = row.get("told", 0)
        moves = "one large move, plausible" if told == 1 else f"{told} large moves, all plausible"
        return moves if told else ""
    return str(reasons[0]) + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")


def _findings(run: Shown, width: int) -> Iterator[Text]:
    for weight in ("fails", "warns"):
        found = [one for one in run["findings"] if one["weight"] == weight]
        plain = [one for one in found if weight == "fails" or one["kind"] != "glitch"]
        for one in plain[:FEW]:
            where = f"{one['where'].rsplit('/', 1)[-1]}: " if one["where"] else ""
            text = f"{where}{one['asset']}: {one['what']}"
            yield from wrapped(text, width, 4, style=_STYLE[weight])
            if one["mend"]:
                yield from wrapped(one["mend"], width, 2, style="dim", indent="    ")
            yield from _path(one, width)
        if len(plain) > FEW:
            text = f"and {len(plain) - FEW} more of this weight; --json FILE has all"
            yield from wrapped(text, width, 1, style="dim")
    yield from _glitches(run, width)
    common = [row for row in run["glitch_days"] if row["assets"] > 1][:5]
    if common:
        told = ", ".join(f"{row['day']} ({row['assets']} assets)" for row in common)
        yield from wrapped(f"The two sources disagree on the same days: {told}.", width, 3)
    moves = [one for one in run["findings"] if one["weight"] == "told" and one["path"]]
    for one in moves[:3]:
        yield from wrapped(f"{one['asset']}: {one['what']}", width, 2, style="dim")
        yield from _path(one, width)
    for note in run["notes"]:
        yield from wrapped(f"note: {note}", width, 4, style="yellow")


def _glitches(run: Shown, width: int) -> Iterator[Text]:
    """Disagreements of the two sources that exclude nothing, the largest first."""
    found = [f for f in run["findings"] if f["kind"] == "glitch" and f["weight"] == "warns"]
    if not found:
        return
    yield Text()
    yield from wrapped(
        f"{len(found)} closes differ from the second source far more than usual; the largest:",
        width, 2, style="yellow",
    )  # fmt: skip
    for one in sorted(found, key=lambda f: -f["size"])[:FEW]:
        text = f"{one['asset']}: {one['what'].partition(' (')[0]}, {100.0 * one['size']:.1f} %"
        yield from wrapped(text, width, 1, style="yellow", indent="    ")


def _path(one: Shown, width: int) -> Iterator[Text]:
    if one["path"]:
        told = "  ".join(f"{step['time']} {step['price']:.6g}" for step in one["path"])
        yield from wrapped(told, width, 5, style="dim", indent="    ")
