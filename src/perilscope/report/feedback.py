# SPDX-License-Identifier: Apache-2.0
"""What ``feedback`` says: a horizon in slices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import money, probability
from perilscope.report.columns import table_of
from perilscope.report.names import cleaned

Found = Mapping[str, Any]

_LEVELS = (("0.95", "1 in 20"), ("0.99", "1 in 100"), ("0.999", "1 in 1,000"))
_MOST = 10
APART = "A view of its own, in no figure of `run`: scenarios may hold the same causes"
"""What these losses are beside those of a run."""


def render(document: Found) -> Group:
    """Draw what `perilscope.cycle.questions.feedback.feedback` found."""
    shown = cleaned(document)
    days = shown["slice_days"]
    head = (
        f"{shown['book']}   as of {shown['as_of']}   {shown['slices']} slices of "
        f"{days} day{'s' if days != 1 else ''}   {shown['currency']}"
    )
    parts: list[Any] = [Text(head, style="bold"), Text(APART), Text(""), _law(shown)]
    parts += _regime(shown)
    parts += [*_nodes(shown), *_starting(shown), *_capital(shown), *_trust(shown)]
    return Group(*parts)


def _law(shown: Found) -> Table:
    currency, together, apart = shown["currency"], shown["law"], shown["apart"]
    table = table_of(
        ("the horizon's loss", "left"), ("exceeds", "right"), ("then costs", "right"),
        ("were nodes apart", "right"), ("together adds", "right"),
    )  # fmt: skip
    table.add_row(
        Text("mean"), "", money(together["mean"], currency), money(apart["mean"], currency)
    )
    for level, said in _LEVELS:
        both = together["cvar"][level], apart["cvar"][level]
        more = None if None in both else both[0] - both[1]
        table.add_row(
            Text(said),
            money(together["var"][level], currency),
            money(together["cvar"][level], currency),
            money(apart["cvar"][level], currency),
            ("+" if (more or 0.0) > 0 else "") + money(more, currency) + _noise(shown, level),
        )
    return table


def _noise(shown: Found, level: str) -> str:
    """Of two simulated figures, the standard error of their difference."""
    errors = [each.get("error", {}).get(level) for each in (shown["law"], shown["apart"])]
    if "paths" not in shown["law"] or None in errors:
        return ""
    return f" ± {money(math.hypot(*errors), shown['currency'])}"


def _regime(shown: Found) -> Iterator[Text]:
    found = shown["regime"]
    if found:
        said = ", ".join(f"{state} {probability(p)}" for state, p in found["probability"].items())
        yield Text(
            f"\n{found['days']:,} days of {found['asset']} say: {said}; as likelihoods they weigh "
            "what the book says of the node now"
        )


def _nodes(shown: Found) -> Iterator[Any]:
    yield Text("\nStates", style="bold")
    table = table_of(
        ("", "left"), ("now", "right"), ("some time", "right"), ("at the end", "right")
    )
    for row in shown["nodes"]:
        for state in list(row["now"])[1:]:
            table.add_row(
                Text(f"  {row['node']} = {state}"),
                *(probability(row[key][state]) for key in ("now", "ever", "at_end")),
            )
    yield table


def _starting(shown: Found) -> Iterator[Any]:
    rows = sorted(
        (r for r in shown["starting"] if r["now"] < 1.0), key=lambda r: -(r["cvar"]["0.99"] or 0.0)
    )
    if not rows:
        return
    yield Text("\nThe horizon if we knew now that", style="bold")
    table = table_of(
        ("", "left"), ("mean", "right"), ("1 in 100 exceeds", "right"), ("and then costs", "right")
    )
    currency = shown["currency"]
    for row in rows[:_MOST]:
        table.add_row(
            Text(f"  {row['node']} = {row['state']}"),
            money(row["mean"], currency),
            money(row["var"]["0.99"], currency),
            money(row["cvar"]["0.99"], currency),
        )
    yield table


def _capital(shown: Found) -> Iterator[Text]:
    found, currency = shown["capital"], shown["currency"]
    yield Text("\nCapital that lasts", style="bold")
    step = money(found["step"], currency)
    yield Text(
        f"  {money(found['capital'], currency)} lasts the whole horizon with probability "
        f"{probability(found['survival'])} (to {step}), looked at after every slice"
    )
    yield Text(
        f"  {money(found['var'], currency)} is the loss at the end that is exceeded as rarely; "
        f"with that capital {probability(found['ruined_with_var'])} are ruined on the way",
        style="dim",
    )


def _trust(shown: Found) -> Iterator[Text]:
    law, forgets, check = shown["law"], shown["contraction"], shown["check"]
    error = law["error"]["0.99"]
    sure = "of unknown error" if error is None else f"± {money(error, shown['currency'])}"
    how = "exact"
    if "paths" in law:
        worth = law["effective"]["0.99"]
        how = f"{law['paths']:,} paths, whose tail is worth {worth:,.0f}; a standard error"
    felt = f"of the start {forgets['horizon']:.2g} may still be felt at the end"
    yield Text(f"\nTrust  CVaR 1 in 100 is {sure} ({how}); {felt}", style="dim")
    yield Text(
        f"       with exposure restored in each slice, the exact law and {check['paths']:,} paths "
        f"differ by {abs(check['gap']):.1f} standard errors at most; at most "
        f"{probability(check['outside'])} lies beyond the window",
        style="dim",
    )
    for note in shown["notes"]:
        yield Text(f"       {note}", style="yellow")
