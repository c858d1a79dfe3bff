# SPDX-License-Identifier: Apache-2.0
"""Charts of the market chapter: the losses of the past, and which holdings carry the risk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perilscope.cycle.amounts import level as level_
from perilscope.report import charts, palette
from perilscope.report.charts import Document, Spec
from perilscope.report.names import cleaned

LEVEL = "0.975"
MOST = 10
_HEADROOM = 1.15  # for the names of VaR and CVaR above the bars


def distribution(document: Document) -> Spec | None:
    """Days of the past by what they would have cost, with one-day VaR and CVaR."""
    run = cleaned(document)
    market: dict[str, Any] = run.get("market") or {}
    drawn = market.get("distribution") or {}
    if not drawn.get("counts"):
        return None
    figures = _figures(market)
    money = charts.money_label(run["currency"])
    spec = charts.base(200)
    spec["layer"] = [_days(drawn, figures.get("VaR"), money), *_marks(figures)]
    return spec


def _days(drawn: dict[str, Any], var: float | None, money: str) -> Spec:
    """A bar for each class of losses, those beyond VaR in another colour."""
    edges, counts = drawn["edges"], drawn["counts"]
    rows = [
        {"from": low, "to": high, "days": count, "root": count**0.5,
         "beyond": var is not None and low >= var}
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]  # fmt: skip
    x = {
        "field": "from", "type": "quantitative", "bin": {"binned": True},
        "title": "what a day of the past would cost today's holdings (gains at the left)",
        "axis": {"labelExpr": money, "grid": False, "tickCount": 7},
    }  # fmt: skip
    y = {
        "field": "root", "type": "quantitative", "title": "days (root scale)",
        "scale": {"domainMax": _HEADROOM * max(counts) ** 0.5},
        "axis": {"labelExpr": "format(datum.value * datum.value, ',.0f')", "tickCount": 5},
    }  # fmt: skip
    colour = {
        "condition": {"test": "datum.beyond", "value": palette.BREACH},
        "value": palette.AVERAGE,
    }
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {"x": x, "x2": {"field": "to"}, "y": y, "color": colour},
    }


def _marks(figures: dict[str, float]) -> Iterator[Spec]:
    """A rule for each figure, with its name beside it."""
    marks = [
        {"at": value, "said": f"{name} {level_(LEVEL)}", "line": place}
        for place, (name, value) in enumerate(figures.items())
    ]
    x = {"field": "at", "type": "quantitative"}
    yield {
        "data": {"values": marks},
        "mark": {"type": "rule", "color": palette.INK, "strokeDash": [4, 3]},
        "encoding": {"x": x},
    }
    for line, mark in enumerate(marks):
        yield {
            "data": {"values": [mark]},
            "mark": {
                "type": "text", "align": "left" if line else "right",
                "dx": 5 if line else -5, "fontSize": 11, "color": palette.INK,
            },
            "encoding": {
                "x": x,
                "y": {"value": 10 + 16 * line},
                "text": {"field": "said", "type": "nominal"},
            },
        }  # fmt: skip


def _figures(market: dict[str, Any]) -> dict[str, float]:
    """One-day VaR and CVaR of the method that the report uses."""
    method = market.get("methods", {}).get(market.get("default_method"), {})
    figure = method.get("1", {}).get(LEVEL)
    return {"VaR": figure["var"], "CVaR": figure["cvar"]} if figure else {}


def carried(market: Document) -> str:
    """Which CVaR the shares of holdings are of: the shortest horizon and the highest level shown.

    Examples
    --------
    >>> carried({"default_method": "t", "methods": {"t": {"1": {"0.95": {}, "0.99": {}}, "7": {}}}})
    '1-day CVaR 99 %'
    """
    by_days = market.get("methods", {}).get(market.get("default_method")) or {}
    if not by_days:
        return "CVaR"
    days = min(by_days, key=int)
    return f"{days}-day CVaR {100.0 * max(map(float, by_days[days])):g} %"


def bearers(document: Document) -> Spec | None:
    """Each asset's share of the exposure (of options by their delta) beside its share of CVaR."""
    run = cleaned(document)
    market: dict[str, Any] = run.get("market") or {}
    held = market.get("contributions") or []
    whole = sum(abs(each["value"]) for each in held)
    if not whole or len(held) < 2:
        return None
    ranked = sorted(held, key=lambda each: -abs(each["share_of_cvar"]))[:MOST]
    kinds = ["share of the exposure", f"share of {carried(market)}"]
    rows = [
        {"name": each["asset"], "place": place, "of": kind, "share": share}
        for place, each in enumerate(ranked)
        for kind, share in zip(
            kinds, (abs(each["value"]) / whole, max(each["share_of_cvar"], 0.0)), strict=True
        )
    ]
    if not any(row["share"] > 0.0 for row in rows):
        return None
    text = "format(100 * datum.share, '.0f') + ' %'"
    return charts.bars(rows, kinds, [palette.AVERAGE, palette.BAD_YEAR], "share", text)
