# SPDX-License-Identifier: Apache-2.0
"""Sales and simulations of a desk, drawn for the terminal."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import level as level_
from perilscope.cycle.amounts import money, share
from perilscope.report.columns import figures, lay, words, wrapped
from perilscope.report.desk import WIDTH, Shown, findings, head
from perilscope.report.names import cleaned


def sold(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw how long everything takes to sell and what that costs."""
    run = cleaned(document)
    currency = run["currency"]
    columns = (
        words("asset", 6, 14), words("market", 4, 10), figures("exposed"),
        figures("traded", "a day"), words("by", 8, 16),
        figures("days"), figures("from a", "Saturday"), figures("costs"), figures("share"),
    )  # fmt: skip
    rows = [
        [
            (row["asset"], ""),
            (row["market"], "dim"),
            (money(row["value"], currency), ""),
            (money(row["volume"], currency) if row["volume"] else "not known", "dim"),
            (row["source"], "dim"),
            (_days(row["days"]), "bold"),
            (_days(row["weekend_days"]), ""),
            (money(row["cost"], currency), ""),
            (share(row["cost"] / row["size"] if row["size"] else 0.0), "dim"),
        ]
        for row in run["sales"]
    ]
    level = level_(str(run["level"]))
    lines = [*head(run, width), *lay(columns, rows, width), Text()]
    for key, name in (("var", "VaR"), ("cvar", "CVaR")):
        low, high = (money(x, currency) for x in run[f"adjusted_{key}_interval"])
        text = (
            f"{name} {level}: {money(run[key], currency)} in a day if all is sold at once for "
            f"nothing; {money(run[f'adjusted_{key}'], currency)} ({low} to {high}) sold at "
            f"{share(run['participation'])} of the volume, its cost of "
            f"{money(run['cost'], currency)} included."
        )
        lines += wrapped(text, width, 3)
    for kind, found in run["concentration"].items():
        if found["parts"]:
            told = ", ".join(
                f"{p['name']} {money(p['value'], currency)} ({share(p['share'])})"
                for p in found["parts"][:6]
            )
            text = f"By {kind}: {told}; as concentrated as {found['equal_parts']:.1f} equal parts."
            lines += wrapped(text, width, 3, style="dim")
    return Group(*lines, *findings(run, width))


def _days(value: float | None) -> str:
    if value is None:
        return "over 60"
    return f"{value:.2f}" if value < 10.0 else f"{value:.0f}"


def simulated(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw VaR and CVaR by simulation."""
    run = cleaned(document)
    currency, law = run["currency"], run["law"]
    text = (
        f"{run['scenarios']:,} scenarios of {run['days']} days of {len(law['assets'])} prices "
        f"together ({law['name']}, {law['nu']:.3g} degrees of freedom, {law['days_used']:,} "
        f"returns), every position revalued in full. Worst: {money(run['worst'], currency)}."
    )
    columns = (
        figures("level"), figures("VaR"), figures("90 % interval"), figures("CVaR"),
        figures("90 % interval"),
    )  # fmt: skip
    rows = []
    for row in run["figures"]:
        cells: list[tuple[str, str]] = [(level_(str(row["level"])), "")]
        for key in ("var", "cvar"):
            low, high = (money(row[f"{key}_{end}"], currency) for end in ("low", "high"))
            cells += [(money(row[key], currency), "bold"), (f"{low} to {high}", "dim")]
        rows.append(cells)
    lines = [*head(run, width), *wrapped(text, width, 4), *lay(columns, rows, width)]
    return Group(*lines, *findings(run, width))
