# SPDX-License-Identifier: Apache-2.0
"""Charts as Vega-Lite specifications: plain dictionaries, drawn to SVG without any network.

The specifications carry their data; rendering allows no address to be fetched. vl-convert is
imported only when a chart is drawn.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from perilscope.cycle.amounts import span
from perilscope.report import palette
from perilscope.report.names import basis, cleaned, shortened

Spec = dict[str, Any]
Document = Mapping[str, Any]

WIDTH = 860
RAREST = 0.001
"""Chances below 1 in 1,000 are not drawn."""
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_SUM, _LARGEST = "operational and protocol", "largest single event"
_BAND = "90 % credible band"
_FINE = 40
"""A curve of at least so many points is drawn through them; one of fewer has steps."""
NAMES: Spec = {
    "labelExpr": "slice(datum.label, 3)", "labelLimit": 220, "ticks": False,
    "domain": False, "labelColor": palette.INK, "labelFontSize": 12,
}  # fmt: skip
"""Axis of names, each after its place in two digits and a space."""
SQUARES: Spec = {"symbolType": "square", "symbolSize": 110, "symbolStrokeWidth": 0}
"""Signs of a legend of bars."""
_CHANCES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def svg(spec: Spec) -> str:
    """Return the chart as one SVG element, the same bytes each time.

    Parameters
    ----------
    spec : dict
        A Vega-Lite specification that carries its data.

    Returns
    -------
    str
        ``<svg ...>...</svg>`` without scripts or references to anything outside; its clip ids
        are its own.
    """
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[], show_warnings=False)
    drawn = drawn.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "", 1)
    # Clip ids count up through the life of the process: they are named again by what is drawn,
    # which gives the same bytes each time and keeps two charts of one page apart.
    own = "c" + hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:10]
    names: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        return found[1] + names.setdefault(found[2], f"{own}-{len(names) + 1}")

    within = re.compile(r"""((?:url\(#|id="))(clip\d+)(?=[)"])""")
    return re.sub(r"<[^<>]*>", lambda tag: within.sub(renamed, tag[0]), drawn)


def drawn(specs: Sequence[Spec]) -> Callable[[], list[str]]:
    """Have charts drawn as `svg` does: here, when they are asked for."""
    return lambda: [svg(spec) for spec in specs]


def warm() -> None:
    """Start what draws the charts, which takes longer than to draw them."""
    svg({"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {}})


def base(height: int | dict[str, int]) -> Spec:
    """Return what all charts share: size, faces, colours of axes and legends."""
    axis = {
        "labelColor": palette.QUIET, "titleColor": palette.QUIET, "titleFontWeight": "normal",
        "gridColor": palette.LINE, "domainColor": palette.LINE, "tickColor": palette.LINE,
        "labelFontSize": 11, "titleFontSize": 11, "labelPadding": 6, "titlePadding": 8,
    }  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": WIDTH,
        "height": height,
        "background": None,
        "padding": 4,
        "config": {
            "aria": False,
            "font": palette.FACES,
            "view": {"stroke": None},
            "axis": axis,
            "legend": {
                "orient": "top", "title": None, "labelColor": palette.INK, "labelFontSize": 12,
                "symbolType": "stroke", "symbolStrokeWidth": 3, "symbolSize": 260, "offset": 10,
                "labelLimit": 260, "columnPadding": 22,
            },
        },
    }  # fmt: skip


def money_label(currency: str, field: str = "datum.value") -> str:
    """Return the Vega expression that writes an amount as ``$100k``, ``$1M``, ``−$1.5bn``."""
    sign = _SIGNS.get(currency, "")
    unit = "" if sign else " " + re.sub(r"[^A-Za-z0-9]", "", currency)
    steps = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))
    size = f"abs({field})"
    text = f"format({size}, '~r')"
    for step, letter in reversed(steps):
        text = f"{size} >= {step:.0f} ? format({size} / {step:.0f}, '~r') + '{letter}' : {text}"
    return f"({field} < 0 ? '−' : '') + '{sign}' + ({text}) + '{unit}'"


def steps(name: str, curve: Sequence[Sequence[float]], low: float) -> list[Spec]:
    """Points of one curve from the left edge of the chart down to the rarest chance drawn."""
    inside = [(loss, chance) for loss, chance in curve if loss > low]
    before = [chance for loss, chance in curve if loss <= low]
    start = before[-1] if before else (inside[0][1] if inside else 0.0)
    points = [(low, start), *inside]
    kept: list[Spec] = []
    for loss, chance in points:
        kept.append({"layer": name, "loss": loss, "chance": max(chance, RAREST)})
        if chance < RAREST:
            break
    return kept if start >= RAREST else []


def edges(
    curves: Mapping[str, Sequence[Sequence[float]]], bounds: Sequence[float]
) -> tuple[float, float]:
    """Return the amounts between which the curves have something to say, at round numbers."""
    losses = [
        loss for curve in curves.values() for loss, chance in curve if loss > 0 and chance >= RAREST
    ]  # fmt: skip
    high = max([*losses, *bounds, 1.0])
    telling = [
        loss
        for curve in curves.values()
        for loss, chance in curve
        if loss > 0 and chance <= 0.95 * max((each[1] for each in curve), default=1.0)
    ]
    low = max(min(telling or losses or [high]), high / 1e5)
    return _round(low * 0.7, down=True), _round(high * 1.05, down=False)


def _round(value: float, *, down: bool) -> float:
    """Return the nearest 1, 2 or 5 times a power of ten below or above."""
    power = 10.0 ** math.floor(math.log10(value))
    leads = (1.0, 2.0, 5.0, 10.0)
    fitting = [lead * power for lead in leads if (lead * power <= value) == down]
    return max(fitting, default=power) if down else min(fitting, default=10 * power)


def _ticks(low: float, high: float) -> list[float]:
    """Return round amounts: powers of ten, with 2 and 5 between them when the range is short."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    leads = (1, 2, 5) if last - first <= 3 else (1, 3) if last - first <= 4 else (1,)
    every = [lead * 10.0**power for power in range(first, last + 1) for lead in leads]
    return [tick for tick in every if low * 0.999 <= tick <= high * 1.001]


def appetite(document: Document) -> list[tuple[str, float, float]]:
    """Return the limits that are points of an exceedance chart: label, amount, chance.

    A loss that may be exceeded in at most one year in N is the point (limit, 1/N); a chance of
    losing more than an amount is the point (amount, limit). They speak of a year, so there are
    none on the chart of another horizon.
    """
    points: list[tuple[str, float, float]] = []
    if document.get("horizon_years", 1.0) != 1.0:
        return points
    for limit in document.get("limits", []):
        text = str(limit["measure"])
        found = re.fullmatch(r"loss in a 1-in-(\d+) year", text)
        if found and int(found[1]) > 1 and limit["limit"] > 0:
            points.append((text, float(limit["limit"]), 1 / int(found[1])))
        elif limit.get("kind") == "chance_above" and limit.get("amount"):
            points.append((text, float(limit["amount"]), float(limit["limit"])))
    return [point for point in points if RAREST <= point[2] < 1]


def exceedance(document: Document) -> Spec | None:
    """Return the chart of the chance of losing more than each amount, against the appetite.

    Parameters
    ----------
    document : mapping
        The run document.

    Returns
    -------
    dict or None
        Step curves of the enterprise and its layers and the curve of the largest single event,
        logarithmic in both directions; with a credible band where the run has one. ``None`` when
        nothing can be lost.
    """
    whole = basis(document)
    sources = {
        "operational": document["layers"].get("operational", {}).get("exceedance", []),
        "protocol": document["layers"].get("protocol", {}).get("exceedance", []),
        _LARGEST: (whole.get("largest") or {}).get("curve", []),
        _SUM: whole.get("exceedance", []),
    }
    sources = {name: curve for name, curve in sources.items() if any(p > 0 for _, p in curve)}
    allowed = appetite(document)
    low, high = edges(sources, [amount for _, amount, _ in allowed])
    values = [point for name, curve in sources.items() for point in steps(name, curve, low)]
    if not values:
        return None
    x, y = loss_axis(low, high, document["currency"]), chance_axis()
    band = credible(basis(document), low, high, x, y)
    colours = {
        "operational": palette.OPERATIONAL, "protocol": palette.PROTOCOL,
        _LARGEST: palette.GIVEN, _SUM: palette.ENTERPRISE, _BAND: palette.AVERAGE,
    }  # fmt: skip
    names = [*sources, *([_BAND] if band else [])]
    encoding = {
        "x": x, "y": y,
        "color": {
            "field": "layer", "type": "nominal",
            "scale": {"domain": names, "range": [colours[name] for name in names]},
        },
        "strokeWidth": {
            "condition": {"test": f"datum.layer === '{_SUM}'", "value": 2.8}, "value": 1.6,
        },
    }  # fmt: skip
    line = {"type": "line", "interpolate": "step-after", "clip": True}
    once = [value for value in values if value["layer"] == _LARGEST]
    through = {"interpolate": "linear"} if len(sources.get(_LARGEST, [])) >= _FINE else {}
    lines: list[Spec] = [
        {"data": {"values": once}, "mark": line | through | {"strokeDash": [6, 3]}},
        {"data": {"values": [each for each in values if each["layer"] != _LARGEST]}, "mark": line},
    ]
    shown = [each | {"encoding": encoding} for each in lines if each["data"]["values"]]
    return base(380) | {"layer": [*_appetite_marks(allowed, high), *band, *shown]}


def loss_axis(low: float, high: float, currency: str) -> Spec:
    """A logarithmic axis of losses in a period."""
    return {
        "field": "loss", "type": "quantitative",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {
            "values": _ticks(low, high), "labelExpr": money_label(currency),
            "title": "loss in the period", "grid": True, "labelOverlap": True,
        },
    }  # fmt: skip


def chance_axis() -> Spec:
    """A logarithmic axis of the chance of losing more."""
    return {
        "field": "chance", "type": "quantitative",
        "scale": {"type": "log", "domain": [RAREST, 1], "nice": False},
        "axis": {
            "values": list(_CHANCES), "title": "chance of losing more",
            "labelExpr": "datum.value >= 1 ? 'always' : '1 in ' + format(1 / datum.value, ',.0f')",
        },
    }  # fmt: skip


def credible(whole: Document, low: float, high: float, x: Spec, y: Spec) -> list[Spec]:
    """The area between the 5 % and 95 % quantiles of a curve over what is believed."""
    curve = (whole.get("band") or {}).get("curve", [])
    points = [
        {"loss": loss, "least": max(least, RAREST), "most": most}
        for loss, least, _, most, _ in curve
        if low <= loss <= high and most >= RAREST
    ]
    if not points:
        return []
    area = {"type": "area", "color": palette.AVERAGE, "opacity": 0.45, "clip": True}
    ends = {"y": y | {"field": "least"}, "y2": {"field": "most"}}
    return [{"data": {"values": points}, "mark": area, "encoding": {"x": x, **ends}}]


def _appetite_marks(allowed: Sequence[tuple[str, float, float]], high: float) -> list[Spec]:
    """Shade what the appetite forbids: losing more than the amount more often than the chance."""
    if not allowed:
        return []
    points = [
        {"loss": amount, "chance": chance, "most": high, "sure": 1} for _, amount, chance in allowed
    ]
    x = {"field": "loss", "type": "quantitative"}
    y = {"field": "chance", "type": "quantitative"}
    colour = palette.BREACH
    shade = {"type": "rect", "color": colour, "opacity": 0.07, "clip": True}
    corner = {"type": "point", "shape": "diamond", "filled": True, "size": 90, "color": colour}
    label = {"type": "text", "align": "right", "dx": -8, "dy": 14, "color": colour, "fontSize": 11}
    area = {"x": x, "x2": {"field": "most"}, "y": y, "y2": {"field": "sure"}}
    spot = {"x": x, "y": y, "opacity": {"value": 1}}
    data = {"values": points}
    said = {"values": [{"loss": high, "chance": 1, "said": "beyond the appetite"}]}
    return [
        {"data": data, "mark": shade, "encoding": area},
        {"data": data, "mark": corner, "encoding": spot},
        {
            "data": said,
            "mark": label,
            "encoding": {"x": x, "y": y, "text": {"field": "said", "type": "nominal"}},
        },
    ]


def contributions(document: Document, *, most: int = 12) -> Spec | None:
    """Return bars of each scenario's share of the average year and of the worst year in 100.

    Scenarios beyond ``most`` (by the larger of their two shares) are left to the table.
    """
    run = cleaned(document)
    ranked = sorted(
        run["scenarios"], key=lambda each: -max(each["share_of_ale"], each["share_of_tail"])
    )[:most]
    ranked.sort(key=lambda each: each["rank"])
    worst = f"worst {span(run['horizon_years'])} in 100"
    rows = [
        {"name": _label(each), "place": place, "of": kind, "share": each[key]}
        for place, each in enumerate(ranked)
        for kind, key in (("average year", "share_of_ale"), (worst, "share_of_tail"))
    ]
    if not any(row["share"] > 0 for row in rows):
        return None
    colours = [palette.AVERAGE, palette.BAD_YEAR]
    return bars(
        rows,
        ["average year", worst],
        colours,
        "share",
        "format(100 * datum.share, '.0f') + ' %'",
    )


def controls(document: Document, *, most: int = 12) -> Spec | None:
    """Return bars of what each control costs and what it saves in an average year."""
    run = cleaned(document)
    ranked = sorted(
        run.get("controls", []), key=lambda each: each["annual_cost"] - each["ale_reduction"]
    )
    rows = [
        {"name": _label(each), "place": place, "of": kind, "amount": each[key]}
        for place, each in enumerate(ranked[:most])
        for kind, key in (("costs a year", "annual_cost"), ("saves a year", "ale_reduction"))
    ]
    if not any(row["amount"] > 0 for row in rows):
        return None
    text = money_label(run["currency"], "round(datum.amount / 100) * 100")
    return bars(
        rows, ["costs a year", "saves a year"], [palette.COST, palette.SAVING], "amount", text
    )


def _label(each: Document) -> str:
    return shortened(str(each.get("name") or each["id"]), 30)


def bars(rows: list[Spec], kinds: list[str], colours: list[str], field: str, text: str) -> Spec:
    """Two bars for each name, with the figure at the end of the bar and no axis to read it from."""
    # Two names may look alike when shortened, so places order the rows and names only label them.
    names = {row["place"]: row["name"] for row in rows}
    data = [row | {"key": f"{row['place']:02d} {row['name']}"} for row in rows]
    encoding = {
        "y": {
            "field": "key", "type": "nominal", "sort": None, "title": None,
            "axis": NAMES,
            "scale": {"paddingInner": 0.35},
        },
        "yOffset": {"field": "of", "sort": kinds},
        "x": {
            "field": field, "type": "quantitative", "axis": None,
            "scale": {
                "domainMin": min(0.0, *(row[field] for row in rows)),
                "domainMax": 1.12 * max(0.0, *(row[field] for row in rows)),
            },
        },
    }  # fmt: skip
    colour = {"field": "of", "type": "nominal", "scale": {"domain": kinds, "range": colours}}
    bar = {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": {"color": colour}}
    end = {
        # the figure of a bar to the left of zero stands at zero, where it hides nothing
        "transform": [
            {"calculate": text, "as": "said"},
            {"calculate": f"max(0, datum['{field}'])", "as": "end"},
        ],
        "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 10, "color": palette.QUIET},
        "encoding": {
            "text": {"field": "said", "type": "nominal"},
            "x": {"field": "end", "type": "quantitative"},
        },
    }
    drawn = base(34 * len(names)) | {
        "data": {"values": data},
        "encoding": encoding,
        "layer": [bar, end],
    }
    drawn["config"]["legend"] |= SQUARES
    drawn["width"] = WIDTH - 260
    return drawn
