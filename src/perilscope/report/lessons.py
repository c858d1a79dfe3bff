# SPDX-License-Identifier: Apache-2.0
"""What a network learnt from records, drawn for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import probability, share
from perilscope.report.columns import figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
MOST = 40
"""Rows that are shown; the document has them all."""

Shown = Mapping[str, Any]


def learnt(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the rows of tables that moved most."""
    run = cleaned(document, ordered=False)
    first, last = run["log_likelihood"]
    how = "counted" if not run["missing"] else f"{run['rounds']} rounds of EM"
    text = (
        f"{run['rows']:,} records ({run['patterns']:,} different, {share(run['missing'])} of cells "
        f"missing), {how}; the tables of before are worth {run['equivalent_sample_size']:g} "
        f"records each. Log-likelihood {first:,.1f}, then {last:,.1f}."
    )
    lines = [Text(run["network"], "bold"), *wrapped(text, width, 4)]
    if not run["converged"]:
        said = "The rounds ran out before it came to rest: two sets of tables fit nearly as well."
        lines += wrapped(said, width, 3, style="yellow")
    rows = sorted(run["tables"], key=_moved, reverse=True)
    columns = (
        words("row", 20, 52),
        words("state", 4, 16),
        figures("was"),
        figures("is"),
        figures("±"),
        figures("records", "behind it"),
    )
    lines += lay(columns, [_row(row) for row in rows[:MOST]], width)
    if len(rows) > MOST:
        lines.append(Text(f" and {len(rows) - MOST} rows that moved less; --json has them", "dim"))
    return Group(*lines)


def _moved(row: Shown) -> float:
    return max(float(abs(a - b)) for a, b in zip(row["before"], row["after"], strict=True))


def _row(row: Shown) -> list[tuple[str, str]]:
    moves = [abs(a - b) for a, b in zip(row["before"], row["after"], strict=True)]
    k = moves.index(max(moves)) if max(moves) > 0.0 else len(moves) - 1
    if len(moves) == 2:
        k = 1  # of two states the second says it
    given = ", ".join(f"{parent}={state}" for parent, state in row["given"].items())
    return [
        (f"{row['node']} given {given}" if given else row["node"], ""),
        (row["states"][k], ""),
        (probability(row["before"][k]), "dim"),
        (probability(row["after"][k]), ""),
        (probability(row["spread"][k]), "dim"),
        (f"{row['counted']:,.1f}", ""),
    ]


def suggested(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the arcs that records speak for."""
    run = cleaned(document, ordered=False)
    text = (
        f"{run['used']:,} complete records ({run['left_out']:,} left out) speak for these arcs "
        f"(score {run['score'].upper()}, {run['gain']:+,.1f} beyond no arc at all). Which way an "
        "arc runs the records often cannot tell; this is a suggestion, and nothing was changed."
    )
    lines = [Text(run["network"], "bold"), *wrapped(text, width, 5)]
    lines += lay(
        (words("arc", 20, 60), figures("worth"), words("", 8, 40)),
        [[(_arc(a), ""), (f"{a['gain']:+,.1f}", ""), (_there(a), "dim")] for a in run["arcs"]],
        width,
    )
    if run["not_suggested"]:
        arcs = ", ".join(map(_arc, run["not_suggested"]))
        lines += wrapped(f"In the network, but not suggested: {arcs}.", width, 6)
    return Group(*lines)


def _arc(arc: Shown) -> str:
    return f"{arc['parent']} -> {arc['child']}"


def _there(arc: Shown) -> str:
    if arc["there"]:
        return "in the network"
    return "in the network, the other way" if arc["reversed"] else "not in the network"
