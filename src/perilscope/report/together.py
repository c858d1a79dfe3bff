# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail of the whole institution, and what its figures are sensitive to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import money, probability, share
from perilscope.report import words
from perilscope.report.columns import table_of
from perilscope.report.frame import MOST, NAME, NOBODY, WAYS, Found, head, notes, title
from perilscope.report.names import cleaned, shortened

_BAR = 20


# --- who bears the tail


def contributions(document: Found, *, width: int = 110, only: str = "") -> Group:
    """Draw who bears the tail, as the ``contributions`` command does.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.questions.contributions.contributions` makes it.
    width : int
        Columns of the terminal.
    only : str
        One way of splitting, such as ``scenarios``; all of them without.
    """
    shown = cleaned(document)
    currency, split = shown["currency"], shown["contributions"]
    odds = f"1 in {1.0 / (1.0 - float(shown['level'])):,.0f}"
    heading = (
        f"The mean of the worst {odds} is {money(shown['cvar'], currency)} "
        f"(exceeding {money(shown['var'], currency)}); who bears it, adding up"
    )
    parts: list[Any] = [head(shown), *title(heading)]
    for name, said in WAYS.items():
        rows = split.get(name, [])
        if not rows or (only and name != only) or (len(rows) == 1 and not rows[0]["id"]):
            continue
        parts += [Text(""), _borne(rows, said, currency, width)]
    if shown.get("alone"):
        parts += [*title("Alone, and together"), _alone(shown)]
    if shown.get("causes"):
        parts += [
            *title("Causes (no addends: how likely they are, given such a loss)"),
            _causes(shown, width),
        ]
    return Group(*parts, *notes(shown, width))


def _borne(rows: Sequence[Found], said: str, currency: str, width: int) -> Table:
    table = table_of((f"by {said}", "left"), ("bears", "right"), ("share", "right"), ("", "left"))
    most = max(abs(row["share"]) for row in rows) or 1.0
    told = sorted(rows, key=lambda row: -abs(row["cvar"]))
    for row in told[:MOST]:
        bar = "█" * round(_BAR * abs(row["share"]) / most)
        style = "green" if row["cvar"] < 0 else ""
        name = shortened(row["id"] or NOBODY, min(NAME, max(width - 50, 18)))
        table.add_row(
            name, money(row["cvar"], currency), share(row["share"]), Text(bar, style=style)
        )
    rest = told[MOST:]
    if rest:
        cvar, part = (sum(row[key] for row in rest) for key in ("cvar", "share"))
        table.add_row(f"and {len(rest)} more", money(cvar, currency), share(part), "", style="dim")
    return table


def _alone(shown: Found) -> Table:
    currency = shown["currency"]
    names = list(next(iter(shown["alone"].values()))["cvar"])
    table = table_of(
        ("mean of the worst", "left"), *((name, "right") for name in names),
        ("added", "right"), ("together", "right"), ("saved", "right"),
    )  # fmt: skip
    for level, each in shown["alone"].items():
        table.add_row(
            f"1 in {1.0 / (1.0 - float(level)):,.0f}",
            *(money(each["cvar"][name], currency) for name in names),
            money(each["added"], currency),
            money(each["joint"], currency),
            money(each["diversification"], currency),
        )
    return table


def _causes(shown: Found, width: int) -> Table:
    table = table_of(
        ("", "left"), ("before", "right"), ("given it", "right"), ("1 point more adds", "right")
    )
    for row in sorted(shown["causes"], key=lambda r: -abs(r["given_tail"] - r["probability"]))[
        :MOST
    ]:
        by = row.get("cvar_per_probability")
        table.add_row(
            shortened(f"{row['network']}.{row['node']} = {row['state']}", max(width - 46, 24)),
            probability(row["probability"]),
            probability(row["given_tail"]),
            "–" if by is None else _signed(by / 100.0, shown["currency"]),
        )
    return table


def _signed(value: float, currency: str) -> str:
    return f"{'-' if value < 0 else '+'}{money(abs(value), currency)}"


# --- what it is sensitive to


def sensitivity(document: Found, *, width: int = 110, most: int = 10) -> Group:
    """Draw what the figures of everything are sensitive to, as the ``sensitivity`` command does.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.questions.sensitivity.sensitivity` makes it.
    width : int
        Columns of the terminal.
    most : int
        Rows of each table.
    """
    shown = cleaned(document)
    currency, base = shown["currency"], shown["cvar"]
    heading = f"What the mean of the worst 1 in 100, {money(base, currency)}, is sensitive to"
    parts: list[Any] = [head(shown), *title(heading)]
    if shown["market"] or shown["estimates"]:
        parts += [Text(""), _moved(shown, width, most)]
    if shown["tables"]:
        parts += [Text(""), _entries(shown, width, most)]
        more = len(shown["tables"]) - most
        if more > 0:
            parts.append(Text(f"and {more} entries more: --json has all", style="dim"))
    return Group(*parts, *notes(shown, width))


def _moved(shown: Found, width: int, most: int) -> Table:
    """Estimates and the market, each moved to both ends."""
    table = table_of(
        ("estimates and the market", "left"),
        ("moved to", "right"),
        ("low end", "right"),
        ("high end", "right"),
    )
    rows = [(f"market: {r['name']}", r["swing"], r["cvar"], None) for r in shown["market"]]
    for r in shown["estimates"][:most]:
        name, swing = words.factor(r["path"]), f"{r['values'][0]} to {r['values'][1]}"
        rows.append((f"{r['scenario']}: {name}", swing, r["cvar"], r["error"]))
    for name, swing, ends, errors in sorted(rows, key=lambda row: -_width(row[2])):
        cells = _ends(ends, errors, shown["cvar"], shown["currency"])
        table.add_row(shortened(name, max(width - 62, 26)), shortened(swing, 24), *cells)
    return table


def _entries(shown: Found, width: int, most: int) -> Table:
    """Entries of tables behind driving nodes: their slopes, and their odds halved and doubled."""
    table = table_of(
        ("entries of tables", "left"),
        ("now", "right"),
        ("1 point more adds", "right"),
        ("odds halved", "right"),
        ("doubled", "right"),
    )
    base, currency = shown["cvar"], shown["currency"]
    for r in shown["tables"][:most]:
        ends = _ends(r["cvar"], r["error"], base, currency) if "cvar" in r else ["–", "–"]
        slope = _signed(r["cvar_slope"] / 100.0, currency)
        entry = shortened(r["entry"], max(width - 62, 26))
        table.add_row(entry, probability(r["value"]), slope, *ends)
    return table


def _ends(
    ends: Sequence[float | None], errors: Sequence[float | None] | None, base: float, currency: str
) -> list[str]:
    """What both ends add, with its error where that is a hundredth of it or more."""
    cells = []
    for end, error in zip(ends, errors or (0.0, 0.0), strict=True):
        if end is None:
            cells.append("–")
            continue
        told = error is None or error >= 0.01 * abs(end - base) > 0.0
        more = f" ± {'?' if error is None else money(error, currency)}" if told else ""
        cells.append(_signed(end - base, currency) + more)
    return cells


def _width(ends: Sequence[float | None]) -> float:
    known = [x for x in ends if x is not None]
    return max(known) - min(known) if known else 0.0
