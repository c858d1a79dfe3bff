# SPDX-License-Identifier: Apache-2.0
"""How the numbers of one scenario came about, leaf by leaf."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle.amounts import frequency, money, number, probability, relative, share
from perilscope.errors import MisuseError
from perilscope.report import words
from perilscope.report.names import cleaned

_LEVELS = {"0.95": "1 in 20", "0.99": "1 in 100", "0.999": "1 in 1,000"}


def render(document: Mapping[str, Any], scenario: str) -> Group:
    """Draw where one scenario's figures come from.

    Raises
    ------
    MisuseError
        No scenario of the run has this id.
    """
    shown = cleaned(document)
    rows = {row["id"]: row for row in shown["scenarios"]}
    for failed in shown["failed"]:
        if failed["id"] == scenario:
            return Group(Text(f"{scenario} could not be assessed: {failed['reason']}", "yellow"))
    if scenario not in rows:
        near = difflib.get_close_matches(scenario, list(rows), n=3, cutoff=0.4)
        known = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(rows)}"
        raise MisuseError(f"no scenario is called {scenario!r}; {known}")
    row, currency = rows[scenario], shown["currency"]
    return Group(
        Text(f"{scenario}  {row['name']}", "bold"),
        *([Text(row["story"])] if row["story"] else []),
        Text("\nWhat is estimated"),
        _leaves(row),
        *_learned(shown, scenario),
        *_driven(shown, row),
        Text("\nWhat follows"),
        *_follows(row, currency),
        Text("\nHow sure the arithmetic is"),
        *_sure(shown, row, currency),
    )


def _leaves(row: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in ("  factor", "estimate", "mean", "where it comes from"):
        table.add_column(header, justify="right" if header == "mean" else "left", overflow="fold")
    for leaf in row["factors"]:
        known = [leaf["source"], leaf["by"], leaf["on"], leaf["grade"]]
        meaning = " (a belief: one unknown value)" if leaf["uncertain"] else ""
        table.add_row(
            Text(f"  {words.factor(leaf['path'])}"),
            Text(leaf["text"] + meaning),
            Text(number(leaf["mean"])),
            Text(", ".join(word for word in known if word)),
        )
    return table


def _learned(shown: Mapping[str, Any], scenario: str) -> Iterator[Text]:
    for update in shown["learning"]:
        if update["scenario"] == scenario:
            before, after = update["prior"], update["posterior"]
            yield Text(
                f"  The log changed {update['factor'].replace('_', ' ')}: {number(before['mean'])} "
                f"({number(before['low'])} to {number(before['high'])}) became "
                f"{number(after['mean'])} ({number(after['low'])} to {number(after['high'])}), "
                f"from {update['events']} events"
            )
    for against in shown["against"]:
        if against["scenario"] == scenario:
            yield Text(f"  Not changed, but seen: {against['sentence']}")


def _driven(shown: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[Text]:
    for place in filter(None, row["driven_by"].split(", ")):
        network, _, node = place.partition(".")
        states = shown["networks"].get(network, {}).get(node, {})
        said = ", ".join(f"{state} {probability(p)}" for state, p in states.items())
        yield Text(f"  From network {network}: {node} is {said}")


def _follows(row: Mapping[str, Any], currency: str) -> Iterator[Text]:
    events, size = row["happens"]["per_year"], row["magnitude"]["mean"]
    yield Text(
        f"  {number(events)} losses a year ({frequency(events)}) x {money(size, currency)} each "
        f"= {money(events * size, currency)} a year"
    )
    if abs(events * size - row["ale"]) > 0.005 * row["ale"]:
        yield Text(f"  less what a holding cannot lose twice: {money(row['ale'], currency)} a year")
    yield Text(
        f"  something is lost with {probability(row['probability_of_loss'])}; events are counted, "
        "so several can fall into one year and most years may have none"
    )
    for level, odds in _LEVELS.items():
        yield Text(
            f"  {odds:<10} exceeds {money(row['var'][level], currency)}, and then costs "
            f"{money(row['cvar'][level], currency)} on average"
        )
    yield Text(
        f"  {share(row['share_of_ale'])} of the average year of everything, "
        f"{share(row['share_of_tail'])} of its 1-in-100 year"
    )


def _sure(shown: Mapping[str, Any], row: Mapping[str, Any], currency: str) -> Iterator[Text]:
    yield Text(f"  {row['method']}; error at 1 in 100: {relative(row['error']['0.99'])}")
    simulated = row["simulation"]
    if simulated:
        gap = shown["checks"].get(row["id"], 0.0)
        yield Text(
            f"  simulated: {money(simulated['ale'], currency)} a year, give or take "
            f"{money(simulated['se'], currency)}; largest gap {abs(gap):.1f} standard errors"
        )
    yield Text(f"  rests on: {row['rests_on']}")
