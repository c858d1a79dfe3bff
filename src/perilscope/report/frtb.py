# SPDX-License-Identifier: Apache-2.0
"""Basel's trading-book figures drawn for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.report.columns import figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
Shown = Mapping[str, Any]


def frtb(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw CVaR over liquidity horizons, stress, exceptions and the multiplier; attribution."""
    run = cleaned(document)
    lines: list[Text] = []
    if "portfolio" in run:
        lines += _capital(run, width)
    if "attribution" in run:
        lines += _attribution(run["attribution"], width)
    for text in run.get("findings", ()):
        lines += wrapped(f"note: {text}", width, 4, style="yellow")
    return Group(*lines)


def _percent(value: float) -> str:
    return f"{100.0 * value:.2f} %"


def _capital(run: Shown, width: int) -> Iterator[Text]:
    text = Text(str(run["portfolio"]), "bold")
    text.append(f"   {run['from']} to {run['to']}   {run['windows']:,} windows of 10 days", "dim")
    text.truncate(width, overflow="ellipsis")
    yield text
    columns = (figures("horizon"), figures("CVaR 97.5 %"), words("what still moves", 10, 70))
    rows = [
        [(f"{row['days']} d", ""), (_percent(row["cvar"]), ""), (", ".join(row["assets"]), "dim")]
        for row in run["horizons"]
    ]
    yield from lay(columns, rows, width)
    low, high = (_percent(value) for value in run["interval"])
    said = (
        f"over their liquidity horizons {_percent(run['cvar'])} of the value, all of the history "
        f"(90 % interval {low} to {high})"
    )
    yield from wrapped(said, width, 3)
    yield from wrapped(_stress(run["stress"]), width, 6)
    desk = ", ".join(
        f"{each['exceptions']} at {100.0 * each['level']:g} % (at most {each['most']})"
        for each in run["desk"]
    )
    kept = all(each["kept"] for each in run["desk"])
    said = (
        f"exceptions in {run['days']} days: {desk}: the desk {'keeps' if kept else 'loses'} its "
        f"model; {run['zone']}, multiplier {run['multiplier']:.2f}"
    )
    yield from wrapped(said, width, 4)
    if run["capital"] is not None:
        yield from wrapped(_charge(run["capital"], run["multiplier"]), width, 6, style="bold")


def _charge(found: Shown, multiplier: float) -> str:
    low, high = (_percent(value) for value in found["interval"])
    said = (
        f"capital {_percent(found['amount'])} of the value (90 % interval {low} to {high}): the "
        f"larger of the last day, {_percent(found['modelled'] + found['stress_scenarios'])}, and "
        f"the mean of {found['days']} days, {multiplier:.2f} x "
        f"{_percent(found['modelled_average'])}"
    )
    if found["unmodelled"]:
        each = ", ".join(
            f"{row['asset']} {_percent(row['loss'])} over {row['days']} days"
            for row in found["unmodelled"]
        )
        average = _percent(found["stress_scenarios_average"])
        said += f" + {average} for what cannot be modelled ({each})"
    return f"{said}; without {' and without '.join(found['without'])}"


def _stress(stress: Shown) -> str:
    said = (
        f"in the worst twelve months of {', '.join(stress['assets'])} since "
        f"{stress['observed_from']} ({stress['first']} to {stress['last']}) these alone "
        f"{_percent(stress['stressed_reduced'])}; over the last twelve months "
        f"{_percent(stress['current_reduced'])}, all factors {_percent(stress['current_full'])}"
    )
    if stress["cvar"] is None:
        return f"{said}; no stressed CVaR: {stress['why']}"
    low, high = (_percent(value) for value in stress["interval"])
    return (
        f"{said}: stressed CVaR {_percent(stress['cvar'])} (90 % interval {low} to {high}; the "
        f"reduced factors explain {100.0 * stress['explained']:.0f} %)"
    )


def _attribution(found: Shown, width: int) -> Iterator[Text]:
    text = Text(f"P&L attribution: {found['zone']}", "bold")
    text.append(f"   {found['first']} to {found['last']}   {found['days']} days", "dim")
    yield text
    columns = (
        words("test", 10, 24), figures("statistic"), figures("green"), figures("red"),
        words("zone", 5, 8),
    )  # fmt: skip
    above = {"spearman": ("above", "below"), "kolmogorov-smirnov": ("below", "above")}
    yield from lay(
        columns,
        [
            [
                (name, ""),
                (f"{row['statistic']:.4f}", ""),
                (f"{above[name][0]} {row['green']:g}", "dim"),
                (f"{above[name][1]} {row['red']:g}", "dim"),
                (row["zone"], ""),
            ]
            for name, row in found["tests"].items()
        ],
        width,
    )
    for text_ in found["findings"]:
        yield from wrapped(f"note: {text_}", width, 3, style="yellow")
