# SPDX-License-Identifier: Apache-2.0
"""The whole institution under a condition, and back from a loss, as the terminal shows them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import chance, horizon, money, probability, share
from perilscope.report.columns import table_of
from perilscope.report.frame import MOST, NAME, NOBODY, WAYS, Found, head, notes, span, title
from perilscope.report.names import cleaned, shortened

_SEEN = 1e-3
"""A figure that moves by less, relative, does not count as moved."""


def condition(document: Found, *, width: int = 110) -> Group:
    """Draw the institution under a condition, as the ``condition`` command does.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.questions.conditions.condition` makes it.
    width : int
        Columns of the terminal.
    """
    shown = cleaned(document)
    said = " and ".join(
        f"{place} happens" if state == "happens" else f"{place} = {state}"
        for place, state in shown["on"].items()
    )
    over = horizon(shown["horizon_years"])
    parts: list[Any] = [
        head(shown),
        *title(f"If {said}  ({chance(shown['probability'])} over the next {over})"),
        _compared(shown),
    ]
    moved = [row for row in shown["scenarios"] if _shift(row["ale"])]
    if moved:
        parts += [*title("Scenarios that it moves"), _scenarios(moved[:MOST], shown, width)]
    held = [row for row in shown["holdings"] if _shift(row["mean"], row["value"])]
    if held:
        parts += [*title("What is held that it moves"), _holdings(held[:MOST], shown)]
    if shown["nodes"]:
        parts += [*title("What is thought of the networks then"), _nodes(shown, width)]
    crossed = [row for row in shown["limits"] if row["breached"]["after"]]
    if crossed:
        parts += [*title("Limits breached then"), _limits(crossed, shown)]
    if shown.get("simulated"):
        parts += [*title("By the draws that a run kept, weighed anew"), _weighed(shown)]
        parts += [Text(row) for row in textwrap.wrap(_apart(shown["simulated"]), max(width, 40))]
    return Group(*parts, *notes(shown, width))


def _weighed(shown: Found) -> Table:
    """Simulated figures with their standard errors, and what the tail is worth."""
    period, currency = span(shown), shown["currency"]
    table = table_of(
        ("", "left"), ("as it is", "right"), ("standard error", "right"),
        ("then", "right"), ("standard error", "right"),
    )  # fmt: skip
    ends = [shown["simulated"][end] for end in ("before", "after")]
    for level, odds in (("0.95", "20"), ("0.99", "100")):
        for key, name in (
            ("var", f"1 {period} in {odds} exceeds"),
            ("cvar", "   and then costs on average"),
        ):
            cells = []
            for each in ends:
                pair = each[key][level], each[f"{key}_se"][level]
                cells += ["too thin" if x is None else money(x, currency) for x in pair]
            table.add_row(name, *cells)
        worth = [f"{each['effective'][level]:,.0f}" for each in ends]
        table.add_row("   horizons that this tail is worth", worth[0], "", worth[1], "")
    return table


def _apart(found: Found) -> str:
    """How far the draws are from the exact law, and why a figure is missing."""
    gaps = [found[end]["gap"] for end in ("before", "after")]
    said = [f"{abs(gap):.1f}" if gap is not None else "not told" for gap in gaps]
    text = (
        f"{found['before']['years']:,} horizons; from the exact law they differ by {said[0]}, and "
        f"then by {said[1]} standard errors at most."
    )
    return text + (f" Then {found['after']['thin']}." if found["after"]["thin"] else "")


def _shift(pair: Found, scale: float | None = None) -> bool:
    size = max(abs(pair["before"]), abs(pair["after"]), abs(scale or 0.0))
    return bool(abs(pair["after"] - pair["before"]) > _SEEN * size)


def _compared(shown: Found) -> Table:
    period, currency = span(shown), shown["currency"]
    whole = shown["enterprise"] if shown["joined"] else shown["without_market"]
    plain = shown["without_market"]
    table = table_of(("", "left"), ("as it is", "right"), ("then", "right"), ("moved", "right"))

    def row(name: str, before: float, after: float) -> None:
        sign = "+" if after >= before else "-"
        moved = f"{sign}{money(abs(after - before), currency)}"
        table.add_row(name, money(before, currency), money(after, currency), moved)

    pairs = [plain["before"], plain["after"]]
    row(f"an average {period} (operational and protocol)", *(each["mean"] for each in pairs))
    for level, odds in (("0.95", "20"), ("0.99", "100")):
        both = [whole["before"], whole["after"]]
        row(f"everything: 1 {period} in {odds} exceeds", *(each["var"][level] for each in both))
        row("   and then costs on average", *(each["cvar"][level] for each in both))
    layers = shown["layers"]
    for name in layers["before"]:
        if name in layers["after"]:
            ends = [layers[end][name] for end in ("before", "after")]
            row(f"{name} alone, mean of the worst 1 in 100", *(each["cvar"] for each in ends))
    if "market" in layers["before"]:
        row(
            "the market's expected loss",
            *(layers[e]["market"]["mean"] for e in ("before", "after")),
        )
    return table


def _scenarios(rows: Sequence[Found], shown: Found, width: int) -> Table:
    table = table_of(
        ("", "left"), ("happens", "right"), ("then", "right"), (f"a {span(shown)}", "right"),
        ("then", "right"), ("of the worst", "right"), ("then", "right"),
    )  # fmt: skip
    currency, years = shown["currency"], shown["horizon_years"]
    for row in rows:
        tail = [row["tail"][end] for end in ("before", "after")]
        table.add_row(
            shortened(row["id"], max(width - 76, 16)),
            *(probability(row["happens"][end]) for end in ("before", "after")),
            *(money(row["ale"][end] * years, currency) for end in ("before", "after")),
            *("–" if x is None else money(x, currency) for x in tail),
        )
    return table


def _holdings(rows: Sequence[Found], shown: Found) -> Table:
    table = table_of(
        ("", "left"), ("held", "right"), ("expected loss", "right"), ("then", "right")
    )  # fmt: skip
    currency = shown["currency"]
    for row in rows:
        held = "–" if row["value"] is None else money(row["value"], currency)
        ends = (money(row["mean"][end], currency) for end in ("before", "after"))
        table.add_row(shortened(row["id"], NAME), held, *ends)
    return table


def _nodes(shown: Found, width: int) -> Table:
    table = table_of(("", "left"), ("as it is", "right"), ("then", "right"))
    told: set[tuple[str, str]] = set()
    for row in shown["nodes"]:
        place = (row["network"], row["node"])
        if place in told or len(told) >= MOST:
            continue  # one state of each node tells
        told.add(place)
        name = f"{row['network']}.{row['node']} = {row['state']}"
        ends = (probability(row["probability"][end]) for end in ("before", "after"))
        table.add_row(shortened(name, max(width - 30, 24)), *ends)
    return table


def _limits(rows: Sequence[Found], shown: Found) -> Table:
    table = table_of(("", "left"), ("as it is", "right"), ("then", "right"), ("limit", "right"))
    for row in rows:
        cells = [row["value"]["before"], row["value"]["after"], row["limit"]]
        table.add_row(row["measure"], *(_in_unit(x, row["unit"], shown) for x in cells))
    return table


def _in_unit(value: float, unit: str, shown: Found) -> str:
    return probability(value) if unit == "probability" else money(value, shown["currency"])


# --- back from a loss


def behind(document: Found, *, width: int = 110) -> Group:
    """Draw what stands behind a loss above an amount.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.questions.conditions.behind` makes it.
    width : int
        Columns of the terminal.
    """
    shown = cleaned(document)
    currency = shown["currency"]
    above = money(shown["above"], currency)
    heading = (
        f"A loss above {above}: {chance(shown['probability'])} over the next "
        f"{horizon(shown['horizon_years'])}; it then costs "
        f"{money(shown['expected_loss'], currency)} on average"
    )
    parts: list[Any] = [head(shown), *title(heading)]
    if shown["states"]:
        table = table_of(
            ("", "left"), ("before", "right"), ("given it", "right"), ("leads to it", "right")
        )
        for row in shown["states"][:MOST]:
            said = ", ".join(f"{place} = {state}" for place, state in row["states"].items())
            table.add_row(
                shortened(said, max(width - 40, 30)),
                probability(row["probability"]),
                probability(row["given_loss"]),
                probability(row["exceeds"]),
            )
        parts += [*title("Joint states that stand behind it, the likeliest first"), table]
    for name in ("layers", "scenarios", "assets"):
        rows = shown["bears"].get(name, [])
        if rows:
            whole = sum(row["loss"] for row in rows) or 1.0
            table = table_of((f"by {WAYS[name]}", "left"), ("bears", "right"), ("share", "right"))
            for row in sorted(rows, key=lambda row: -abs(row["loss"]))[:MOST]:
                part = row["loss"] / whole
                table.add_row(
                    shortened(row["id"] or NOBODY, NAME), money(row["loss"], currency), share(part)
                )
            parts += [Text(""), table]
    return Group(*parts, *notes(shown, width))
