# SPDX-License-Identifier: Apache-2.0
"""Pictures of capital: what no dependence exceeds, what lasts, what fails, what it earns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perilscope.cycle.amounts import money, share
from perilscope.report import charts, palette
from perilscope.report.names import cleaned, shortened

Found = Mapping[str, Any]

_MOST, _NAME = 12, 30
_NEVER = 1e-6


def _amounts(rows: list[charts.Spec], kinds: list[str], colours: list[str]) -> charts.Spec | None:
    """Bars of money with the amounts in words."""
    if not any(row["size"] > 0.0 for row in rows):
        return None
    drawn = charts.bars(rows, kinds, colours, "size", "datum.text")
    drawn["height"] = max(15 * len(kinds), 26) * len({row["place"] for row in rows})
    return drawn


def worst(document: Found) -> charts.Spec | None:
    """VaR at best, as added and at worst, between layers and between scenarios."""
    shown = cleaned(document)
    kinds = ["at best", "if added", "at worst"]
    rows = []
    for place, (name, each) in enumerate(shown["worst_case"].items()):
        sizes = (each["best_var"][0], each["added_var"], each["worst_var"][1])
        for kind, size in zip(kinds, sizes, strict=True):
            rows.append(
                {
                    "name": f"between {len(each['parts'])} {name}",
                    "place": place,
                    "of": kind,
                    "size": max(size, 0.0),
                    "text": money(size, shown["currency"]),
                }
            )
    colours = [palette.SAVING, palette.AVERAGE, palette.BAD_YEAR]
    return _amounts(rows, kinds, colours) if rows else None


def lasting(document: Found) -> charts.Spec | None:
    """Chance that capital is used up by each slice, with the capital that lasts."""
    found = document["lasting"]
    if found is None or not any(p > _NEVER for p in found["ruined"]):
        return None
    rows = [
        {"days": k * found["slice_days"], "chance": p} for k, p in enumerate(found["ruined"], 1)
    ]
    rows.insert(0, {"days": 0.0, "chance": 0.0})
    limit = 1.0 - found["survival"]
    x = {
        "field": "days", "type": "quantitative",
        "axis": {"title": "days from today", "grid": False},
    }  # fmt: skip
    y = {
        "field": "chance", "type": "quantitative",
        "scale": {"domain": [0.0, 1.15 * max(limit, found["ruined"][-1])], "nice": False},
        "axis": {"title": "chance that it is used up by then", "format": ".2%", "grid": True},
    }  # fmt: skip
    curve = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": True, "color": palette.ENTERPRISE, "strokeWidth": 2.4},
        "encoding": {"x": x, "y": y},
    }
    line = {
        "data": {"values": [{"chance": limit}]},
        "mark": {"type": "rule", "color": palette.BREACH, "strokeDash": [6, 3]},
        "encoding": {"y": {"field": "chance", "type": "quantitative"}},
    }
    return charts.base(240) | {"layer": [curve, line]}


def venues(document: Found) -> charts.Spec | None:
    """What stands at each venue today, when it fails, and what is lost then."""
    shown = cleaned(document)
    kinds = ["today", "when it fails", "lost then"]
    told = sorted(shown["counterparties"], key=lambda row: -row["expected"])[:_MOST]
    rows = []
    for place, each in enumerate(told):
        sizes = (each["today"], each["at_failure"], each["lost"]["mean"])
        for kind, size in zip(kinds, sizes, strict=True):
            rows.append(
                {
                    "name": shortened(each["venue"], _NAME),
                    "place": place,
                    "of": kind,
                    "size": max(size, 0.0),
                    "text": money(size, shown["currency"]),
                }
            )
    colours = [palette.AVERAGE, palette.COST, palette.BAD_YEAR]
    return _amounts(rows, kinds, colours) if rows else None


def returns(document: Found) -> charts.Spec | None:
    """Risk capital of each protocol, venue and strategy, with what it returns in words."""
    shown = cleaned(document)
    told = sorted(shown["returns"], key=lambda row: -row["capital"])[:_MOST]
    rows = []
    for place, each in enumerate(told):
        back = "" if each["return"] is None else f", returns {share(each['return'])}"
        rows.append(
            {
                "name": f"{shortened(each['id'], _NAME)} ({each['kind']})",
                "place": place,
                "of": "risk capital",
                "size": max(each["capital"], 0.0),
                "text": money(each["capital"], shown["currency"]) + back,
            }
        )
    return _amounts(rows, ["risk capital"], [palette.BAD_YEAR]) if rows else None
