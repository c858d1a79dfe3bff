# SPDX-License-Identifier: Apache-2.0
"""What the report shows of single scenarios: the tree, how it multiplies up, its sensitivities.

A book of hundreds of scenarios has a portrait of those that make a bad year; the others stand in
the register, and ``perilscope explain`` shows any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perilscope.report import tornado, tree

MOST = 40
"""Scenarios with a portrait, by their share of the bad year."""
OPEN = 3
"""Of these so many are unfolded."""


@dataclass(frozen=True)
class Portrait:
    """One scenario in full.

    Parameters
    ----------
    row : mapping
        The scenario in the run document.
    place : int
        Its rank, which names its place on the page.
    unfolded : bool
    nodes : list of tree.Line
    sums : list of (str, str)
        Each node that has children, and how they make it.
    bars : list of tornado.Bar
        What its worst years are sensitive to; empty where nothing was moved.
    """

    row: Mapping[str, Any]
    place: int
    unfolded: bool
    nodes: list[tree.Line]
    sums: list[tuple[str, str]]
    bars: list[tornado.Bar]


def portraits(run: Mapping[str, Any]) -> list[Portrait]:
    """Return the portraits of a run, those with the largest share of the bad year first."""
    rows = sorted(run["scenarios"], key=lambda row: row["rank_tail"])
    rows = [row for row in rows if row.get("tree")][:MOST]
    return [_portrait(row, run["currency"], place < OPEN) for place, row in enumerate(rows)]


def _portrait(row: Mapping[str, Any], currency: str, unfolded: bool) -> Portrait:
    return Portrait(
        row=row,
        place=row["rank"],
        unfolded=unfolded,
        nodes=tree.lines(row["tree"], currency),
        sums=tree.sums(row["tree"], currency),
        bars=tornado.bars(row.get("tornado", []), row["cvar"].get("0.99")),
    )
