# SPDX-License-Identifier: Apache-2.0
"""What moved from one run to another: bars that begin where the last one ended, and add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilscope.cycle import amounts
from perilscope.cycle.amounts import money, probability
from perilscope.report import charts, palette
from perilscope.report.columns import table_of
from perilscope.report.names import cleaned, shortened

Found = Mapping[str, Any]

MEASURES = (
    "ale",
    *(
        f"{name}_{level}"
        for name in ("var", "cvar")
        for level in ("0.95", "0.975", "0.99", "0.999")
    ),
)
_TOLD = ("ale", "var_0.95", "var_0.99", "cvar_0.99")
_NAME, _BAR = 34, 28
_MOST = 8
_SMALL = 1e-9


@dataclass(frozen=True)
class Step:
    """One bar: from where to where, as money; ``kind`` is empty for the two totals."""

    name: str
    kind: str
    start: float
    end: float

    @property
    def value(self) -> float:
        """What it adds."""
        return self.end - self.start


def steps(measure: Found) -> list[Step]:
    """The bars of one measure: the earlier figure, what moved it, the later figure.

    Examples
    --------
    >>> bars = [{"kind": "data", "name": "prices", "value": 2.0}]
    >>> [(s.name, s.start, s.end) for s in steps({"from": 5.0, "to": 7.0, "bars": bars})]
    [('before', 0.0, 5.0), ('prices', 5.0, 7.0), ('now', 0.0, 7.0)]
    """
    at = float(measure["from"])
    found = [Step("before", "", 0.0, at)]
    for bar in measure["bars"]:
        found.append(Step(str(bar["name"]), str(bar["kind"]), at, at + bar["value"]))
        at += bar["value"]
    return [*found, Step("now", "", 0.0, float(measure["to"]))]


def labels(document: Found) -> dict[str, str]:
    """Every measure in words; losses are those of a year only where the horizon is one.

    Examples
    --------
    >>> found = labels({"horizon_years": 0.25, "a": {"horizon_years": 0.25}})
    >>> found["ale"], found["var_0.99"]
    ('an average year', '1 period in 100 exceeds')
    """
    years = document["horizon_years"]
    same = document["a"].get("horizon_years", years) == years
    span = amounts.span(years) if same else "period"

    def words(measure: str) -> str:
        name, _, level = measure.partition("_")
        if name == "ale":
            return "an average year"
        odds = f"{amounts.one_in(level):,}"
        return f"1 {span} in {odds} exceeds" if name == "var" else f"and then costs (1 in {odds})"

    return {measure: words(measure) for measure in MEASURES}


def _horizons(shown: Found) -> str:
    """Over which horizon, or from which to which."""
    after = shown["horizon_years"]
    before = shown["a"].get("horizon_years", after)
    one, two = amounts.horizon(before), amounts.horizon(after)
    return f"over {two}" if before == after else f"over {one}, then over {two}"


def render(document: Found, measure: str = "cvar_0.99") -> Group:
    """Draw what moved, as the ``diff`` command does.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.questions.moved.moved` makes it.
    measure : str
        The measure whose waterfall is drawn.
    """
    shown = cleaned(document)
    one, two = shown["a"], shown["b"]
    head = f"{shown['book']}   {one['as_of']} to {two['as_of']}   {_horizons(shown)}   "
    head += shown["currency"]
    parts: list[Any] = [Text(head, style="bold"), Text(""), _kinds(shown), Text("")]
    parts += [Text(f"Why {_title(measure)} moved", style="bold")]
    parts += [_bars(shown["measures"][measure], shown["currency"]), *_spread(shown, measure)]
    parts += [*_nodes(shown), *_borne(shown), Text(""), *_trust(shown, measure)]
    return Group(*parts)


def _title(measure: str) -> str:
    name, _, level = measure.partition("_")
    if name == "ale":
        return "the average year"
    odds = f"1 in {1 / (1 - float(level)):,.0f}"
    return f"the mean of the worst {odds}" if name == "cvar" else f"the loss exceeded {odds}"


def _kinds(shown: Found) -> Table:
    """Every measure, and what each kind of change did to it."""
    measures = {name: shown["measures"][name] for name in _TOLD}
    kinds = [
        kind
        for kind in dict.fromkeys(k for each in measures.values() for k in each["kinds"])
        if any(_matters(each, each["kinds"].get(kind, 0.0)) for each in measures.values())
    ]
    table = table_of(
        ("", "left"), ("before", "right"), ("now", "right"), ("moved", "right"),
        *((kind, "right") for kind in kinds),
    )  # fmt: skip
    currency, words = shown["currency"], labels(shown)
    for name, each in measures.items():
        cells = [_signed(each["kinds"].get(kind, 0.0), each, currency) for kind in kinds]
        table.add_row(
            Text(words[name]),
            money(each["from"], currency),
            money(each["to"], currency),
            _signed(each["moved"], each, currency),
            *cells,
        )
    return table


def _matters(measure: Found, value: float) -> bool:
    return bool(abs(value) > _SMALL * max(abs(measure["from"]), abs(measure["to"]), 1.0))


def _signed(value: float, measure: Found, currency: str) -> str:
    if not _matters(measure, value):
        return "–"
    return ("+" if value > 0 else "") + money(value, currency)


def _bars(measure: Found, currency: str) -> Table:
    found = steps(measure)
    marks = [edge for step in found if step.kind for edge in (step.start, step.end)]
    ends = [float(measure["from"]), float(measure["to"]), *marks]
    low, high = min(ends), max(ends)
    margin = 0.15 * (high - low) or 0.05 * max(abs(high), 1.0)
    low = max(low - margin, 0.0) if low >= 0.0 else low - margin
    table = table_of(("", "left"), ("", "right"), ("", "left"), ("", "left"))
    table.show_header = False
    for step in found:
        amount = _signed(step.value, measure, currency) if step.kind else money(step.end, currency)
        start = low if not step.kind else step.start
        table.add_row(
            Text(shortened(step.name, _NAME), style="" if step.kind else "bold"),
            amount,
            _drawn(start, step.end, low, high, step),
            Text(step.kind, style="dim"),
        )
    return table


def _drawn(start: float, end: float, low: float, high: float, step: Step) -> Text:
    span = high - low

    def place(value: float) -> int:
        return round(_BAR * (value - low) / span) if span > 0 else _BAR

    left, right = sorted((place(start), place(end)))
    if left == right and step.value:
        left = max(left - 1, 0) if left == _BAR else left
        right = left + 1
    rises = step.value > 0
    sign = "█" if not step.kind else ("▓" if rises else "░")
    style = "blue" if not step.kind else ("red" if rises else "green")
    return Text(" " * left + sign * (right - left), style=style)


def _spread(shown: Found, measure: str) -> Iterator[Text]:
    """Where changes work together, how far a bar depends on the order."""
    currency = shown["currency"]
    for bar in shown["measures"][measure]["bars"]:
        wide = bar["most"] - bar["least"]
        if wide > 0.02 * max(abs(bar["value"]), 1.0) and _matters(shown["measures"][measure], wide):
            low, high = (money(bar[end], currency) for end in ("least", "most"))
            yield Text(
                f"  {bar['name']} does {low} to {high}, by what else has changed before it",
                style="dim",
            )


def _nodes(shown: Found) -> Iterator[Text]:
    rows = [row for row in shown["nodes"] if row["state"] != "no"]
    if rows:
        yield Text("\nWhat is thought of the nodes that drive losses", style="bold")
    for row in rows[:_MOST]:
        before, after = probability(row["from"]), probability(row["to"])
        yield Text(f"  {row['node']} = {row['state']}: {before} before, {after} now")


def _borne(shown: Found) -> Iterator[Any]:
    """Who bears the worst years, where that moved."""
    whole = shown["measures"]["cvar_0.99"]
    least = 0.002 * max(abs(whole["from"]), abs(whole["to"]))
    rows = [row for row in shown["contributions"] if abs(row["moved"]) > least][:_MOST]
    if not rows:
        return
    yield Text("\nWho bears the mean of the worst 1 in 100 (shares add up)", style="bold")
    table = table_of(("", "left"), ("before", "right"), ("now", "right"), ("moved", "right"))
    currency = shown["currency"]
    for row in rows:
        table.add_row(
            Text(f"  {shortened(str(row['id']), _NAME)}"),
            money(row["from"], currency),
            money(row["to"], currency),
            _signed(row["moved"], whole, currency),
        )
    rest = sum(row["moved"] for row in shown["contributions"] if row not in rows)
    table.add_row(Text("  all others"), "", "", _signed(rest, whole, currency))
    yield table


def _trust(shown: Found, measure: str) -> Iterator[Text]:
    method, each = shown["method"], shown["measures"][measure]
    error = each["error"]
    sure = "of unknown error" if error is None else f"± {money(error, shown['currency'])}"
    yield Text(
        f"Trust    the move is {sure} by the engine's own estimate of its error", style="dim"
    )
    said = f"         {method['split']}" + (f", {method['orders']}" if method["orders"] else "")
    if method["reproduced"]:
        said += "; both runs were reproduced to nine digits"
    yield Text(said, style="dim")
    if method["note"]:
        yield Text(f"         {method['note']}", style="yellow")


def chart(document: Found, measure: str = "cvar_0.99") -> dict[str, Any]:
    """The waterfall as a Vega-Lite specification.

    Parameters
    ----------
    document : mapping
        As `perilscope.cycle.questions.moved.moved` makes it.
    measure : str
    """
    shown = cleaned(document)
    each, currency = shown["measures"][measure], shown["currency"]
    found = steps(each)
    rows = [_row(i, step, each, currency) for i, step in enumerate(found)]
    low, high = _window(rows)
    for row in rows:
        row["left"] = max(row["left"], low)
    kinds = ["total", "more", "less"]
    colours = [palette.ENTERPRISE, palette.BAD_YEAR, palette.SAVING]
    scale = {"domain": [low, high], "nice": False, "zero": False}
    title = _title(measure).removeprefix("the ")
    axis = {
        "labelExpr": charts.money_label(currency), "title": title, "grid": True, "tickCount": 7,
        "labelOverlap": True,
    }  # fmt: skip
    x = {"field": "left", "type": "quantitative", "scale": scale, "axis": axis}
    y = {"field": "key", "type": "nominal", "sort": None, "title": None, "axis": charts.NAMES}
    colour = {
        "field": "sign", "type": "nominal", "legend": None,
        "scale": {"domain": kinds, "range": colours},
    }  # fmt: skip
    bar = {
        "mark": {"type": "bar", "height": 18},
        "encoding": {"x": x, "x2": {"field": "right"}, "color": colour},
    }
    text = {
        "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 11, "color": palette.INK},
        "encoding": {
            "x": {"field": "right", "type": "quantitative", "scale": scale},
            "text": {"field": "said", "type": "nominal"},
        },
    }
    drawn = charts.base(30 * len(rows)) | {
        "data": {"values": rows},
        "encoding": {"y": y},
        "layer": [bar, text],
    }
    drawn["width"] = charts.WIDTH - 260
    return drawn


def _row(i: int, step: Step, measure: Found, currency: str) -> dict[str, Any]:
    said = _signed(step.value, measure, currency) if step.kind else money(step.end, currency)
    name = f"{step.kind}: {step.name}" if step.kind else step.name
    return {
        "key": f"{i:02d} {shortened(name, 36)}",
        "left": min(step.start, step.end) if step.kind else 0.0,
        "right": max(step.start, step.end),
        "sign": ("more" if step.value > 0 else "less") if step.kind else "total",
        "said": said,
    }


def _window(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The part of the scale that is drawn: all that moves, with room for the amounts."""
    ends = [row["right"] for row in rows] + [r["left"] for r in rows if r["sign"] != "total"]
    low, high = min(ends), max(ends)
    span = (high - low) or 0.1 * max(abs(high), 1.0)
    start = low - 0.35 * span
    return (max(start, 0.0) if low >= 0.0 else start), high + 0.22 * span
