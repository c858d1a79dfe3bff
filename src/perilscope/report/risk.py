# SPDX-License-Identifier: Apache-2.0
"""VaR and CVaR by every model, drawn for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import level as level_
from perilscope.cycle.amounts import money
from perilscope.report.columns import Column, conventions, figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
_BAR = 14
WIDE = 90
"""Cells from which there is room for whole bars."""
_TALL = 6
_OF_MODELS = ("returns", "mean", "ddof", "presample")
"""Conventions in which models differ."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"

Shown = Mapping[str, Any]


def risk(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the table of methods, the losses of the past and what was noticed."""
    run = cleaned(document)
    lines = [*_head(run, width), *_table(run, width), Text(), *_picture(run, width)]
    return Group(*lines, *_notes(run, width), *_conventions(run, width))


def _head(run: Shown, width: int) -> Iterator[Text]:
    name = run.get("book") or ", ".join(f"{a} {w:.4g}" for a, w in run["weights"].items())
    days = f"   {run['from']} to {run['to']}   {run['returns']:,} daily returns"
    asked = f"   {run['horizon']}-day losses at {level_(str(run['level']))}"
    text = Text(name, "bold").append(days, "dim")
    if text.cell_len + len(asked) > width:  # what is asked is never cut off
        text.truncate(width, overflow="ellipsis")
        yield text
        text = Text()
    yield text.append(asked, "dim")
    said = "Shares of the value, with 90 % intervals."
    if run.get("value"):
        said = f"Shares of {money(run['value'], run['currency'])}, with 90 % intervals."
    if run["effective"] < 0.95 * run["returns"]:
        said += f" Effective sample size {run['effective']:,.0f}."
    yield from wrapped(said, width, 2, style="dim")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100.0 * value:z.2f} %"


def _range(pair: Any) -> str:
    if not pair:
        return ""
    return f"{100.0 * pair[0]:z.2f} – {100.0 * pair[1]:z.2f}"


def _table(run: Shown, width: int) -> Iterator[Text]:
    found = {name: row for name, row in run["methods"].items() if not row["error"]}
    failed = {name: row for name, row in run["methods"].items() if row["error"]}
    most = max((row["cvar"] for row in found.values()), default=1.0)
    columns = (
        words("method", 14, 20), figures("VaR"), figures("90 %"), figures("CVaR"), figures("90 %"),
        Column(("",), right=False, least=4, most=_BAR), words("", 2, 6),
    )  # fmt: skip
    bar = _BAR if width >= WIDE else _BAR // 2
    marks = _marks(run)
    rows = []
    for name, row in sorted(found.items(), key=lambda pair: pair[1]["cvar"]):
        rows.append(
            [
                (name, ""),
                (_percent(row["var"]), ""),
                (_range(row["interval"]["var"]), "dim"),
                (_percent(row["cvar"]), "bold"),
                (_range(row["interval"]["cvar"]), "dim"),
                (_filled(row["cvar"] / most if most > 0.0 else 0.0, bar), "dim"),
                (marks.get(name, ""), "yellow"),
            ]
        )
    yield from lay(columns, rows, width)
    for name, row in failed.items():
        yield from wrapped(f"{name}: no answer: {row['error']}", width, 3, style="yellow")


def _filled(part: float, bar: int) -> str:
    return "█" * min(max(round(part * bar), 0), bar)


def _said(run: Shown) -> dict[str, list[str]]:
    """Every note once, with the methods that it is about."""
    found: dict[str, list[str]] = {}
    for name, row in run["methods"].items():
        for note in row["notes"]:
            found.setdefault(note, []).append(name)
    return found


def _numbered(run: Shown) -> Iterator[tuple[str, str, list[str]]]:
    """Each note with its number, or `all`, and its methods."""
    place = 0
    for note, names in _said(run).items():
        every = len(names) == len(run["methods"])
        place += not every
        yield "all" if every else str(place), note, names


def _marks(run: Shown) -> dict[str, str]:
    marks: dict[str, list[str]] = {}
    for mark, _, names in _numbered(run):
        if mark != "all":
            for name in names:
                marks.setdefault(name, []).append(mark)
    return {name: " ".join(each) for name, each in marks.items()}


def _conventions(run: Shown, width: int) -> Iterator[Text]:
    """What the figures mean, and of single models where they differ in it."""
    said = dict(run.get("conventions", {}))
    for key in _OF_MODELS:
        each = [row.get("conventions", {}).get(key) for row in run["methods"].values()]
        if any(each):
            said[key] = " / ".join(dict.fromkeys(text for text in each if text))
    yield from conventions(said, width)


def _notes(run: Shown, width: int) -> Iterator[Text]:
    for mark, note, _ in _numbered(run):
        yield from wrapped(f"{mark}: {note}", width, 3, style="yellow")
    for text in run["findings"]:
        yield from wrapped(f"note: {text}", width, 4, style="yellow")


def _picture(run: Shown, width: int) -> Iterator[Text]:
    """Losses of the past as columns, gains at the left; VaR and CVaR below."""
    edges, counts = run["picture"]["edges"], run["picture"]["counts"]
    if not counts or width < 60:
        return
    each = max((min(width, 100) - 2) // len(counts), 1)
    most = max(counts)
    yield Text(f" the {run['horizon']}-day losses of the past (square root of counts)", "dim")
    for level in reversed(range(_TALL)):
        line = Text(" ", no_wrap=True)
        for count in counts:
            height = (count / most) ** 0.5 * _TALL - level
            line.append(_EIGHTHS[min(max(round(8.0 * height), 0), 8)] * each, "dim")
        line.rstrip()
        if line.plain:
            yield line
    room = each * len(counts)
    ruler = [" "] * room
    for name, value in _marked(run).items():
        place = round((value - edges[0]) / (edges[-1] - edges[0]) * room)
        _write(ruler, place, f"^{name}")
    yield Text(" " + "".join(ruler).rstrip(), no_wrap=True)
    left, right = _percent(edges[0]), _percent(edges[-1])
    gap = max(room - len(left) - len(right), 1)
    yield Text(f" {left}{' ' * gap}{right}", "dim", no_wrap=True)


def _marked(run: Shown) -> dict[str, float]:
    """VaR and CVaR of the method in the middle."""
    found = sorted(
        (row for row in run["methods"].values() if not row["error"]), key=lambda r: r["cvar"]
    )
    if not found:
        return {}
    middle = run["methods"].get("historical") or found[len(found) // 2]
    if middle["error"]:
        return {}
    return {"VaR": middle["var"], "CVaR": middle["cvar"]}


def _write(ruler: list[str], place: int, text: str) -> None:
    start = min(max(place, 0), len(ruler) - len(text))
    while start > 0 and any(sign != " " for sign in ruler[max(start - 1, 0) : start + len(text)]):
        start += 1
        if start + len(text) > len(ruler):
            return
    ruler[start : start + len(text)] = text
