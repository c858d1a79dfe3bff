# SPDX-License-Identifier: Apache-2.0
"""What ``monitor`` says: the forecast against what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import measured, money, number, probability
from perilscope.report.names import cleaned


def render(found: Mapping[str, Any]) -> Group:
    """Draw a comparison as the ``monitor`` command makes it."""
    shown = cleaned(found)
    head = (
        f"{shown['book']['name']}   forecast of {shown['since']} looked at on {shown['on']} "
        f"({shown['years'] * 12:.1f} months)   {shown['log']['incidents']} incidents logged since"
    )
    parts: list[Any] = [Text(head, style="bold"), Text(""), _scenarios(shown)]
    return Group(*parts, *_var(shown), *_limits(shown), *_attention(shown))


def _scenarios(shown: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header, justify in (
        ("scenario", "left"), ("events forecast", "right"), ("90 %", "left"), ("happened", "right"),
        ("loss forecast", "right"), ("90 %", "left"), ("lost", "right"), ("", "left"),
    ):  # fmt: skip
        table.add_column(header, justify=justify)  # type: ignore[arg-type]
    currency = shown["currency"]
    for row in shown["scenarios"]:
        events, loss = row["events"], row["loss"]
        table.add_row(
            Text(row["id"]),
            number(events["mean"]),
            f"{events['low']:.0f} to {events['high']:.0f}",
            str(row["happened"]),
            money(loss["mean"], currency),
            f"{money(loss['low'], currency)} to {money(loss['high'], currency)}",
            money(row["lost"], currency),
            Text("outside" if row["outside"] else "", style="bold yellow"),
        )
    return table


def _var(shown: Mapping[str, Any]) -> Iterator[Text]:
    found = shown["var"]
    if not found:
        yield Text("\nVaR: no days of prices since the forecast to compare with")
        return
    verdict = "as forecast" if found["probability"] > 0.05 else "not what the VaR says"
    yield Text(
        f"\nVaR exceptions: {found['exceptions']} in {found['days']} days beyond the 1-day VaR "
        f"{100 * found['level']:g} % of {money(found['var'], shown['currency'])} "
        f"(expected {found['expected']:.1f}; chance of a count this far out "
        f"{probability(found['probability'])}: {verdict})"
    )


def _limits(shown: Mapping[str, Any]) -> Iterator[Text]:
    if shown["limits"]:
        yield Text("\nLimits")
    for limit in shown["limits"]:
        unit, currency = limit["unit"], shown["currency"]
        value, allowed = (measured(limit[k], unit, currency) for k in ("value", "limit"))
        yield Text(
            f"  {limit['state']:<8} {limit['measure']}: {value} against {allowed}"
            f"   {limit['owner']}",
            style="red" if limit["state"] == "breached" else "yellow",
        )


def _attention(shown: Mapping[str, Any]) -> Iterator[Text]:
    if shown["attention"] or shown["log"]["unknown"]:
        yield Text("\nWants attention")
    for item in shown["attention"]:
        yield Text(f"  {item['what']:<8} {item['where']}: {item['says']}")
    for name in shown["log"]["unknown"]:
        yield Text(f"  log      {name}: no scenario of this book has that name")
