# SPDX-License-Identifier: Apache-2.0
"""What a figure is sensitive to: one bar for each estimate, from its low end to its high end.

The bars of one drawing share one scale; places on it are parts of its width, so that text, page
and chart draw the same bars.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perilscope.report import charts, palette, words
from perilscope.report.names import basis, cleaned, shortened

LOW, HIGH, BASE = "░", "█", "│"
"""How the text bars show an estimate at its low end, at its high end, and as it is."""

KEY = f"{LOW} the estimate at its low end, {HIGH} at its high end, {BASE} as it is."

_ENDS = ("estimate at its low end", "estimate at its high end")
_SEEN = 0.01
"""Bars narrower than this part of the widest are not drawn in the chart of everything."""


@dataclass(frozen=True)
class Bar:
    """One estimate moved from its low to its high end.

    Parameters
    ----------
    scenario : str
        Whose estimate; empty where all bars are of one scenario.
    name : str
        The estimate, in plain words.
    values : (str, str)
        The estimate at both ends.
    how : str
        How far it is moved.
    ends : (float, float)
        Mean of the worst 1 in 100 when the estimate is at its low and its high end.
    ales : (float or None, float or None)
        The average year at both.
    places : (float, float)
        The ends as parts of the scale, 0 to 1.
    base : float
        Place of the figure as it is.
    """

    scenario: str
    name: str
    values: tuple[str, str]
    how: str
    ends: tuple[float, float]
    ales: tuple[float | None, float | None]
    places: tuple[float, float]
    base: float


def bars(swings: Sequence[Mapping[str, Any]], base: float | None) -> list[Bar]:
    """Return the bars of a tornado, in the order of the swings; those without figures left out.

    Parameters
    ----------
    swings : sequence of mapping
        As the run document has them.
    base : float or None
        The mean of the worst 1 in 100 as it is.

    Examples
    --------
    >>> swing = {"path": "frequency", "swing": "-10 to +10 %", "values": ["0.45", "0.55"],
    ...          "ale": [9.0, 11.0], "cvar99": [90.0, 130.0]}
    >>> [(bar.places, bar.base) for bar in bars([swing], 100.0)]
    [((0.0, 1.0), 0.25)]
    """
    known = [swing for swing in swings if all(_finite(end) for end in swing["cvar99"])]
    if not known or not _finite(base):
        return []
    assert base is not None
    every = [base, *(float(end) for swing in known for end in swing["cvar99"])]
    low, span = min(every), max(every) - min(every)

    def place(value: float) -> float:
        return (value - low) / span if span > 0 else 0.5

    return [
        Bar(
            scenario=str(swing.get("scenario", "")),
            name=words.factor(swing["path"]),
            values=(str(swing["values"][0]), str(swing["values"][1])),
            how=str(swing["swing"]),
            ends=(float(swing["cvar99"][0]), float(swing["cvar99"][1])),
            ales=(swing["ale"][0], swing["ale"][1]),
            places=(place(swing["cvar99"][0]), place(swing["cvar99"][1])),
            base=place(base),
        )
        for swing in known
    ]


def moved(bar: Bar) -> str:
    """Return both ends of an estimate, and what they are where it is no belief.

    Examples
    --------
    >>> ends = (0.0, 1.0)
    >>> values = ("0.92 %", "12 %")
    >>> moved(Bar("", "", values, "5 to 95 % of the belief", ends, ends, ends, 0.5))
    '0.92 % to 12 %'
    >>> values = ("3.6 per year", "4.4 per year")
    >>> moved(Bar("", "", values, "-10 to +10 %", ends, ends, ends, 0.5))
    '±10 %: 3.6 to 4.4 per year'
    """
    low, high = bar.values
    unit = " per year"
    ends = f"{low.removesuffix(unit) if high.endswith(unit) else low} to {high}"
    return ends if "belief" in bar.how else f"±10 %: {ends}"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def drawn(bar: Bar, cells: int) -> str:
    """Return a bar as text of that many cells.

    Examples
    --------
    >>> bar = Bar("", "", ("", ""), "", (90.0, 130.0), (9.0, 11.0), (0.0, 1.0), 0.25)
    >>> drawn(bar, 9)
    '░░│██████'
    """
    return "".join(_cells(bar, cells))


def _cells(bar: Bar, cells: int) -> Iterator[str]:
    base, low, high = (round(part * (cells - 1)) for part in (bar.base, *bar.places))
    for cell in range(cells):
        if cell == base:
            yield BASE
        elif min(base, high) <= cell <= max(base, high) and high != base:
            yield HIGH
        elif min(base, low) <= cell <= max(base, low) and low != base:
            yield LOW
        else:
            yield " "


def _width(bar: Bar) -> float:
    return abs(bar.ends[1] - bar.ends[0])


def chart(document: Mapping[str, Any], *, most: int = 15) -> charts.Spec | None:
    """Return bars of what each estimate does to the mean of everything's worst year in 100.

    Parameters
    ----------
    document : mapping
        The run document; a run without sensitivities has no such chart.
    most : int
        Estimates drawn, the widest first; those that move next to nothing are left out.
    """
    run = cleaned(document)
    base = basis(run)["cvar"].get("0.99")
    found = bars(basis(run).get("tornado", [])[:most], base)
    widest = max((_width(bar) for bar in found), default=0.0)
    found = [bar for bar in found if _width(bar) >= _SEEN * widest > 0]
    if not found:
        return None
    names = [shortened(f"{bar.scenario}: {bar.name}", 54) for bar in found]
    rows = [
        {"name": names[place], "place": place, "of": kind, "from": base, "to": bar.ends[end],
         "least": min(*bar.ends, base), "most": max(*bar.ends, base),
         "left": bar.values[bar.ends[1] < bar.ends[0]],
         "right": bar.values[bar.ends[1] >= bar.ends[0]]}
        for place, bar in enumerate(found)
        for end, kind in enumerate(_ENDS)
    ]  # fmt: skip
    return _diverging(rows, float(base), run["currency"])


def _diverging(rows: list[charts.Spec], base: float, currency: str) -> charts.Spec:
    """Two bars for each name from a line in the middle; the values moved stand at the ends."""
    data = [row | {"key": f"{row['place']:02d} {row['name']}"} for row in rows]
    low, high = min(row["least"] for row in rows), max(row["most"] for row in rows)
    aside = 0.28 * ((high - low) or abs(base) or 1.0)
    y = {
        "field": "key", "type": "nominal", "sort": None, "title": None,
        "axis": charts.NAMES | {"labelLimit": 330}, "scale": {"paddingInner": 0.35},
    }  # fmt: skip
    axis = {
        "title": "mean of the worst 1 in 100", "tickCount": 6,
        "labelExpr": charts.money_label(currency),
    }  # fmt: skip
    x = {"type": "quantitative", "axis": axis,
         "scale": {"domain": [low - aside, high + aside], "nice": False}}  # fmt: skip
    colour = {
        "field": "of", "type": "nominal",
        "scale": {"domain": list(_ENDS), "range": [palette.AVERAGE, palette.BAD_YEAR]},
    }  # fmt: skip
    bars = {
        "mark": {"type": "bar"},
        "encoding": {"x": x | {"field": "from"}, "x2": {"field": "to"}, "color": colour},
    }
    text = {"type": "text", "fontSize": 10, "color": palette.QUIET}
    once = [{"filter": f"datum.of === '{_ENDS[0]}'"}]
    ends = [
        {"mark": text | {"align": align, "dx": shift}, "transform": once,
         "encoding": {"x": x | {"field": end}, "text": {"field": side, "type": "nominal"}}}
        for side, end, align, shift in (
            ("left", "least", "right", -5), ("right", "most", "left", 5),
        )
    ]  # fmt: skip
    line = {
        "data": {"values": [{"base": base}]},
        "mark": {"type": "rule", "color": palette.QUIET},
        "encoding": {"x": x | {"field": "base"}, "y": None},
    }
    drawn = charts.base({"step": 26})
    drawn |= {"data": {"values": data}, "encoding": {"y": y}, "layer": [bars, *ends, line]}
    drawn["config"]["legend"] |= charts.SQUARES
    drawn["width"] = charts.WIDTH - 350
    return drawn
