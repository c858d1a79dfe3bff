# SPDX-License-Identifier: Apache-2.0
"""What ``capital`` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import horizon, money, probability, share
from perilscope.report.columns import table_of
from perilscope.report.names import cleaned, shortened

Found = Mapping[str, Any]
_NAME, _MOST = 26, 12


def render(document: Found) -> Group:
    """Draw what `perilscope.cycle.questions.capital.capital` found."""
    shown = cleaned(document)
    head = (
        f"{shown['book']}   as of {shown['as_of']}   next {horizon(shown['horizon_years'])}   "
        f"{shown['currency']}"
    )
    parts: list[Any] = [Text(head, style="bold"), Text("")]
    parts += [*_whole(shown), *_worst(shown), *_lasting(shown), *_venues(shown), *_returns(shown)]
    parts += [Text(f"  {note}", style="yellow") for note in shown["notes"]]
    return Group(*parts)


def _odds(level: float) -> str:
    return f"1 in {1 / (1 - level):,.0f}"


def _whole(shown: Found) -> Iterator[Text]:
    found, currency = shown["enterprise"], shown["currency"]
    what = "market, operational and protocol losses" if found["with_market"] else "losses"
    error = "" if found["error"] is None else f" ± {money(found['error'], currency)}"
    yield Text(
        f"{_odds(shown['level'])} exceeds {money(found['var'], currency)} and then costs "
        f"{money(found['cvar'], currency)}{error} ({what} together)"
    )


def _worst(shown: Found) -> Iterator[Any]:
    if not shown["worst_case"]:
        return
    yield Text("\nWhatever the dependence", style="bold")
    table = table_of(
        ("", "left"), ("VaR at best", "right"), ("if added", "right"), ("at worst", "right"),
        ("CVaR at best", "right"), ("at worst", "right"),
    )  # fmt: skip
    currency = shown["currency"]
    for name, each in shown["worst_case"].items():
        table.add_row(
            Text(f"  between {len(each['parts'])} {name}"),
            money(each["best_var"][0], currency),
            money(each["added_var"], currency),
            money(each["worst_var"][1], currency),
            money(each["best_cvar"][0], currency),
            money(each["worst_cvar"], currency),
        )
    yield table


def _lasting(shown: Found) -> Iterator[Text]:
    found, currency = shown["lasting"], shown["currency"]
    if found is None:
        return
    yield Text("\nCapital that lasts", style="bold")
    yield Text(
        f"  {money(found['capital'], currency)} lasts the horizon with probability "
        f"{probability(found['survival'])}, looked at {found['slices']} times (to "
        f"{money(found['step'], currency)})"
    )
    yield Text(
        f"  the sum at its end exceeds {money(found['var'], currency)} as rarely; with that "
        f"capital {probability(found['ruined_with_var'])} are ruined on the way",
        style="dim",
    )
    yield Text(
        "  for exposure restored in each slice, slices alike and independent; `feedback` has those "
        "that are not",
        style="dim",
    )


def _venues(shown: Found) -> Iterator[Any]:
    if not shown["counterparties"]:
        return
    yield Text("\nWhat stands at a venue when it fails", style="bold")
    table = table_of(
        ("", "left"), ("chance", "right"), ("today", "right"), ("then", "right"),
        ("left", "right"), ("comes back", "right"), ("lost", "right"), ("a year", "right"),
    )  # fmt: skip
    currency = shown["currency"]
    for row in shown["counterparties"]:
        back = row["recovered"]
        after = f" in {row['years']:g} y" if row["years"] else ""
        table.add_row(
            Text(f"  {shortened(row['venue'], _NAME)}"),
            probability(row["chance"]),
            *(money(row[key], currency) for key in ("today", "at_failure", "left")),
            f"{share(back['mean'])}{after}",
            money(row["lost"]["mean"], currency),
            money(row["expected"] / shown["horizon_years"], currency),
        )
    yield table


def _returns(shown: Found) -> Iterator[Any]:
    rows = sorted(shown["returns"], key=lambda r: (r["return"] is None, -(r["return"] or 0.0)))
    if not rows:
        return
    yield Text(
        "\nReturn on risk capital (what it earns less what it loses on average)", style="bold"
    )
    table = table_of(
        ("", "left"), ("", "left"), ("exposure", "right"), ("earns", "right"),
        ("loses", "right"), ("risk capital", "right"), ("return", "right"),
    )  # fmt: skip
    currency = shown["currency"]
    for row in rows[:_MOST]:
        table.add_row(
            Text(f"  {shortened(row['id'], _NAME)}"),
            Text(row["kind"], style="dim"),
            *(
                money(row[key], currency)
                for key in ("exposure", "income", "expected_loss", "capital")
            ),
            share(row["return"]),
        )
    yield table
