# SPDX-License-Identifier: Apache-2.0
"""Answers about the whole institution, as the terminal shows them: under a condition, back from a
loss, who bears the tail, and what the figures answer to.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import chance, horizon, money, probability, relative, share
from perilscope.report import words
from perilscope.report.columns import table_of
from perilscope.report.names import cleaned, shortened

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
NOBODY = "none named"
_NAME = 38
_MOST = 8
_SEEN = 1e-3
_BAR = 20


def _head(shown: Found) -> Text:
    line = Text(f"{shown['book'] or 'Risk book'}", style="bold")
    line.append(
        f"   as of {shown['as_of']}   next {horizon(shown['horizon_years'])}   {shown['currency']}",
        "not bold",
    )
    for place, state in shown["evidence"].items():
        line.append(f"   given {place} = {state}", "not bold yellow")
    return line


def _title(text: str) -> list[Text]:
    return [Text(""), Text(text, style="bold")]


def _notes(shown: Found, width: int) -> list[Text]:
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


def _span(shown: Found) -> str:
    return "year" if shown["horizon_years"] == 1 else "period"


# --- under a condition


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
        _head(shown),
        *_title(f"If {said}  ({chance(shown['probability'])} over the next {over})"),
        _compared(shown),
    ]
    moved = [row for row in shown["scenarios"] if _shift(row["ale"])]
    if moved:
        parts += [*_title("Scenarios that it moves"), _scenarios(moved[:_MOST], shown, width)]
    held = [row for row in shown["holdings"] if _shift(row["mean"], row["value"])]
    if held:
        parts += [*_title("What is held that it moves"), _holdings(held[:_MOST], shown)]
    if shown["nodes"]:
        parts += [*_title("What is thought of the networks then"), _nodes(shown, width)]
    crossed = [row for row in shown["limits"] if row["breached"]["after"]]
    if crossed:
        parts += [*_title("Limits breached then"), _limits(crossed, shown)]
    if shown.get("simulated"):
        parts += [*_title("By the draws that a run kept, weighed anew"), _weighed(shown)]
        parts += [Text(row) for row in textwrap.wrap(_apart(shown["simulated"]), max(width, 40))]
    return Group(*parts, *_notes(shown, width))


def _weighed(shown: Found) -> Table:
    """Simulated figures with their standard errors, and what the tail is worth."""
    span, currency = _span(shown), shown["currency"]
    table = table_of(
        ("", "left"), ("as it is", "right"), ("give or take", "right"),
        ("then", "right"), ("give or take", "right"),
    )  # fmt: skip
    ends = [shown["simulated"][end] for end in ("before", "after")]
    for level, odds in (("0.95", "20"), ("0.99", "100")):
        for key, name in (
            ("var", f"1 {span} in {odds} exceeds"),
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
    span, currency = _span(shown), shown["currency"]
    whole = shown["enterprise"] if shown["joined"] else shown["without_market"]
    plain = shown["without_market"]
    table = table_of(("", "left"), ("as it is", "right"), ("then", "right"), ("moved", "right"))

    def row(name: str, before: float, after: float) -> None:
        sign = "+" if after >= before else "-"
        moved = f"{sign}{money(abs(after - before), currency)}"
        table.add_row(name, money(before, currency), money(after, currency), moved)

    pairs = [plain["before"], plain["after"]]
    row(f"an average {span} (operational and protocol)", *(each["mean"] for each in pairs))
    for level, odds in (("0.95", "20"), ("0.99", "100")):
        both = [whole["before"], whole["after"]]
        row(f"everything: 1 {span} in {odds} exceeds", *(each["var"][level] for each in both))
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
        ("", "left"), ("happens", "right"), ("then", "right"), (f"a {_span(shown)}", "right"),
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
        table.add_row(shortened(row["id"], _NAME), held, *ends)
    return table


def _nodes(shown: Found, width: int) -> Table:
    table = table_of(("", "left"), ("as it is", "right"), ("then", "right"))
    told: set[tuple[str, str]] = set()
    for row in shown["nodes"]:
        place = (row["network"], row["node"])
        if place in told or len(told) >= _MOST:
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
    head = (
        f"A loss above {above}: {chance(shown['probability'])} over the next "
        f"{horizon(shown['horizon_years'])}; it then costs "
        f"{money(shown['expected_loss'], currency)} on average"
    )
    parts: list[Any] = [_head(shown), *_title(head)]
    if shown["states"]:
        table = table_of(
            ("", "left"), ("before", "right"), ("given it", "right"), ("leads to it", "right")
        )
        for row in shown["states"][:_MOST]:
            said = ", ".join(f"{place} = {state}" for place, state in row["states"].items())
            table.add_row(
                shortened(said, max(width - 40, 30)),
                probability(row["probability"]),
                probability(row["given_loss"]),
                probability(row["exceeds"]),
            )
        parts += [*_title("Joint states that stand behind it, the likeliest first"), table]
    for name in ("layers", "scenarios", "assets"):
        rows = shown["bears"].get(name, [])
        if rows:
            whole = sum(row["loss"] for row in rows) or 1.0
            table = table_of((f"by {WAYS[name]}", "left"), ("bears", "right"), ("share", "right"))
            for row in sorted(rows, key=lambda row: -abs(row["loss"]))[:_MOST]:
                part = row["loss"] / whole
                table.add_row(
                    shortened(row["id"] or NOBODY, _NAME), money(row["loss"], currency), share(part)
                )
            parts += [Text(""), table]
    return Group(*parts, *_notes(shown, width))


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
    head = (
        f"The mean of the worst {odds} is {money(shown['cvar'], currency)} "
        f"(exceeding {money(shown['var'], currency)}); who bears it, adding up"
    )
    parts: list[Any] = [_head(shown), *_title(head)]
    for name, said in WAYS.items():
        rows = split.get(name, [])
        if not rows or (only and name != only) or (len(rows) == 1 and not rows[0]["id"]):
            continue
        parts += [Text(""), _borne(rows, said, currency, width)]
    if shown.get("alone"):
        parts += [*_title("Alone, and together"), _alone(shown)]
    if shown.get("causes"):
        parts += [
            *_title("Causes (no addends: how likely they are, given such a loss)"),
            _causes(shown, width),
        ]
    return Group(*parts, *_notes(shown, width))


def _borne(rows: Sequence[Found], said: str, currency: str, width: int) -> Table:
    table = table_of((f"by {said}", "left"), ("bears", "right"), ("share", "right"), ("", "left"))
    most = max(abs(row["share"]) for row in rows) or 1.0
    told = sorted(rows, key=lambda row: -abs(row["cvar"]))
    for row in told[:_MOST]:
        bar = "█" * round(_BAR * abs(row["share"]) / most)
        style = "green" if row["cvar"] < 0 else ""
        name = shortened(row["id"] or NOBODY, min(_NAME, max(width - 50, 18)))
        table.add_row(
            name, money(row["cvar"], currency), share(row["share"]), Text(bar, style=style)
        )
    rest = told[_MOST:]
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
        :_MOST
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


# --- what it answers to


def sensitivity(document: Found, *, width: int = 110, most: int = 10) -> Group:
    """Draw what the figures of everything answer to, as the ``sensitivity`` command does.

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
    head = f"What the mean of the worst 1 in 100, {money(base, currency)}, answers to"
    parts: list[Any] = [_head(shown), *_title(head)]
    name_width = max(width - 62, 26)
    if shown["market"] or shown["estimates"]:
        table = table_of(
            ("estimates and the market", "left"),
            ("moved to", "right"),
            ("low end", "right"),
            ("high end", "right"),
        )
        rows = [(f"market: {r['name']}", r["swing"], r["cvar"], None) for r in shown["market"]]
        for r in shown["estimates"][:most]:
            rows.append(
                (
                    f"{r['scenario']}: {words.factor(r['path'])}",
                    f"{r['values'][0]} to {r['values'][1]}",
                    r["cvar"],
                    r["error"],
                )
            )
        for name, swing, ends, errors in sorted(rows, key=lambda row: -_width(row[2])):
            cells = _ends(ends, errors, base, currency)
            table.add_row(shortened(name, name_width), shortened(swing, 24), *cells)
        parts += [Text(""), table]
    if shown["tables"]:
        table = table_of(
            ("entries of tables", "left"),
            ("now", "right"),
            ("1 point more adds", "right"),
            ("odds halved", "right"),
            ("doubled", "right"),
        )
        for r in shown["tables"][:most]:
            ends = _ends(r["cvar"], r["error"], base, currency) if "cvar" in r else ["–", "–"]
            table.add_row(
                shortened(r["entry"], name_width), probability(r["value"]),
                _signed(r["cvar_slope"] / 100.0, currency), *ends,
            )  # fmt: skip
        parts += [Text(""), table]
        if len(shown["tables"]) > most:
            parts.append(
                Text(f"and {len(shown['tables']) - most} entries more: --json has all", style="dim")
            )
    return Group(*parts, *_notes(shown, width))


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
