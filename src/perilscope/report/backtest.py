# SPDX-License-Identifier: Apache-2.0
"""Backtests drawn for the terminal, and as a chart of losses against VaR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.report import charts, palette
from perilscope.report.columns import Column, conventions, figures, lay, words, wrapped
from perilscope.report.names import cleaned

WIDTH = 110
SMALL = 0.05
_TALL = 6
_EIGHTHS = " ▁▂▃▄▅▆▇█"

Shown = Mapping[str, Any]


def backtest(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw one forecaster's tests, or the ranking of several."""
    run = cleaned(document)
    if "comparison" in run:
        return Group(*_several(run, width), *_findings(run, width))
    lines = [*_head(run, width), *_picture(run, width), Text(), *_table(run, width), Text()]
    said = conventions(run.get("conventions", {}), width)
    return Group(*lines, *_absent(run, width), *_findings(run, width), *said)


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 0.0001:
        return "<0.0001"
    return f"{value:.4f}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if value == 0.0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:.2e}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _head(run: Shown, width: int) -> Iterator[Text]:
    name = f"{run['portfolio']} by {run['file']}" if "portfolio" in run else str(run["file"])
    text = Text(name, "bold")
    text.append(
        f"   {run['first']} to {run['last']}   {_count(run['days'], 'day')} at "
        f"{100.0 * run['level']:g} %",
        "dim",
    )
    text.truncate(width, overflow="ellipsis")
    yield text
    light = run["tests"]["traffic-light"]["parameters"]
    text = Text(
        f"{_count(run['exceptions'], 'exception')}, {run['expected']:,.4g} expected   "
        "traffic light "
    )
    text.append(
        light["zone"], {"green": "green", "yellow": "yellow"}.get(light["zone"], "bold red")
    )
    text.append(
        f"   as many or more: {_p(run['tests']['traffic-light']['p_value'])}"
        f"   multiplier {light['multiplier']:.2f} (FRTB {light['multiplier_frtb']:.2f})",
        "dim",
    )
    text.truncate(width, overflow="ellipsis")
    yield text


def _picture(run: Shown, width: int) -> Iterator[Text]:
    """The largest loss of each stretch of days as columns, VaR as a dash, exceptions below."""
    series = run.get("series")
    if not series or width < 60:
        return
    days = len(series["loss"])
    room = min(width - 2, 100, days)
    edges = [round(k * days / room) for k in range(room + 1)]
    spans = list(pairwise(edges))
    loss = [max(max(series["loss"][a:b]), 0.0) for a, b in spans]
    var = [max(sum(series["var"][a:b]) / (b - a), 0.0) for a, b in spans]
    most = max([*loss, *var]) or 1.0
    hit = set(series["exceptions"])
    struck = [sum(day in hit for day in range(a, b)) for a, b in spans]
    for row in reversed(range(_TALL)):
        line = Text(" ", no_wrap=True)
        for place in range(room):
            height = loss[place] / most * _TALL - row
            sign = _EIGHTHS[min(max(round(8.0 * height), 0), 8)]
            at_var = row <= var[place] / most * _TALL < row + 1
            if at_var and sign != "█":
                line.append("─", "cyan")
            else:
                line.append(sign, "red" if struck[place] else "dim")
        yield line
    line = Text(" ", no_wrap=True)
    for count in struck:
        line.append("x" if count == 1 else str(min(count, 9)) if count else " ", "bold red")
    yield line
    yield Text(" columns: largest losses   ─ VaR   x: exceptions", "dim")


def _says(row: Shown) -> str:
    """What else a test found, in few words."""
    more = row["parameters"]
    said = []
    if "zone" in more:
        said.append(str(more["zone"]))
    if more.get("b") is not None:
        said.append(f"b {more['b']:.3g}" + (" at its bound" if more.get("at_bound") else ""))
    if "first_exception" in more:
        first = more["first_exception"]
        said.append("no exception yet" if first is None else f"first on day {first}")
    if "slope" in more:
        said.append(f"line {more['intercept']:.3g} + {more['slope']:.3g} CVaR")
    if "caution" in more:
        said.append("few days in the tail")
    if "drawn_from" in more:
        said.append(f"null: {more['drawn_from']}")
    if "largest" in more and "alarms" in more:
        said.append(f"largest {_number(more['largest'])}")
        reached = [alarm for alarm, day in more["alarms"].items() if day is not None]
        if reached:
            said.append(f"passed {reached[-1]} on day {more['alarms'][reached[-1]]}")
    if "degrees_of_freedom" in more:
        said.append(f"df {more['degrees_of_freedom']}")
    return ", ".join(said)


def _best(row: Shown) -> float | None:
    """The exact or simulated p-value where there is one, else that of the published law."""
    for name in ("p_value_exact", "p_value_simulated"):
        if row["parameters"].get(name) is not None:
            return float(row["parameters"][name])
    return None if row["p_value"] is None else float(row["p_value"])


def _other(row: Shown) -> str:
    """The exact or simulated p-value, where there is one."""
    found = _best(row)
    return "" if found is None or found == row["p_value"] else _p(found)


def _table(run: Shown, width: int) -> Iterator[Text]:
    columns = (
        words("test", 24, 38), figures("statistic"), figures("p-value"),
        Column(("exact or", "simulated"), right=True), words("", 6, 60),
    )  # fmt: skip
    rows: list[list[tuple[str, str]]] = []
    for family in run["families"]:
        mine = [(name, run["tests"][name]) for name in family["tests"]]
        mine = [(name, row) for name, row in mine if row["applicable"]]
        if mine:
            rows.append([(f"— {family['name']}", "dim"), *[("", "")] * 4])
        for name, row in mine:
            p = _best(row)
            style = "bold red" if p is not None and p < SMALL else ""
            rows.append(
                [
                    (name, style),
                    (_number(row["statistic"]), ""),
                    (_p(row["p_value"]), "" if _other(row) else style),
                    (_other(row), style or "dim"),
                    (_says(row), "dim"),
                ]
            )
    yield from lay(columns, rows, width)


def _absent(run: Shown, width: int) -> Iterator[Text]:
    """Tests that do not apply, by their reason."""
    reasons: dict[str, list[str]] = {}
    for name, row in run["tests"].items():
        if not row["applicable"]:
            reasons.setdefault(row["reason"], []).append(name)
    for reason, names in reasons.items():
        yield from wrapped(f"not applicable, {reason}: {', '.join(names)}", width, 3, style="dim")


def _findings(run: Shown, width: int) -> Iterator[Text]:
    for text in run.get("findings", ()):
        yield from wrapped(f"note: {text}", width, 4, style="yellow")


def _several(run: Shown, width: int) -> Iterator[Text]:
    found = run["comparison"]
    name = run.get("portfolio") or f"{len(found['ranking'])} forecasts"
    text = Text(str(name), "bold")
    text.append(
        f"   {run['first']} to {run['last']}   {run['days']:,} common days at "
        f"{100.0 * run['level']:g} %",
        "dim",
    )
    yield text
    yield from ranked(found, run["forecasts"], width)
    for name, each in run["forecasts"].items():
        for finding in each["findings"]:
            yield from wrapped(f"{name}: {finding}", width, 4, style="yellow")


def ranked(found: Shown, forecasts: Mapping[str, Shown], width: int) -> Iterator[Text]:
    """The ranking by mean score, with what the main tests say of each."""
    columns = (
        words("forecast", 12, 34), figures(f"mean {found['score']}"),
        Column(("against", "best p")), Column(("conf.", "set p")), Column(("excep-", "tions")),
        Column(("kupiec", "p")), Column(("z2", "p")), Column(("bet", "p")),
    )  # fmt: skip
    rows = []
    for row in found["ranking"]:
        tests = forecasts[row["name"]]["tests"]
        against = row["diebold_mariano"]
        inside = row["in_confidence_set"]
        small = [
            (_p(p), "bold red" if p is not None and p < SMALL else "")
            for p in (_best(tests[name]) for name in ("kupiec-pof", "z2", "e-backtest"))
        ]
        rows.append(
            [
                (row["name"], "bold" if inside else "dim"),
                (_number(row["mean"]), ""),
                ("best" if row is found["ranking"][0] else _p(against and against["p_value"]), ""),
                (_p(row["confidence_set_p_value"]), "" if inside else "bold red"),
                (f"{forecasts[row['name']]['exceptions']:,}", ""),
                *small,
            ]
        )
    yield from lay(columns, rows, width)
    yield from wrapped(
        "bold: in the 90 % model confidence set (Hansen, Lunde and Nason); lower scores are better",
        width, 2, style="dim",
    )  # fmt: skip


def tournament(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the champions of every asset, and when and why they changed."""
    run = cleaned(document)
    lines: list[Text] = []
    text = Text(str(run["portfolio"]), "bold")
    text.append(
        f"   one-day CVaR at {100.0 * run['level']:g} %, {run['window']} returns behind each "
        "forecast",
        "dim",
    )
    text.truncate(width, overflow="ellipsis")
    lines.append(text)
    lines += _champions(run, width)
    lines.append(Text())
    lines += _changes(run, width)
    rule = run["rule"]
    said = (
        f"decided every {rule['every']} days from the {rule['memory']} before: lowest mean score, "
        f"if sure (p at most {rule['sure']:g}); out: a bet against CVaR that reached "
        f"{rule['alarm']:g}"
    )
    return Group(*lines, *wrapped(said, width, 3, style="dim"), *_findings(run, width))


def _champions(run: Shown, width: int) -> Iterator[Text]:
    columns = (
        words("asset", 8, 20), words("champion", 10, 22), figures("changes"),
        Column(("score of", "champions")), words("best in hindsight", 10, 22),
        Column(("its", "score")), words("out", 4, 40),
    )  # fmt: skip
    rows = []
    for name, played in run["subjects"].items():
        means = {row["name"]: row["mean"] for row in played["models"]}
        out = ", ".join(row["name"] for row in played["models"] if row["out"])
        rows.append(
            [
                (name, ""),
                (played["champion"], "bold"),
                (str(len(played["changes"]) - 1), ""),
                (_number(played["champions_mean"]), ""),
                (played["best_in_hindsight"], "dim"),
                (_number(means[played["best_in_hindsight"]]), "dim"),
                (out, "red"),
            ]
        )
    yield from lay(columns, rows, width)


def _changes(run: Shown, width: int) -> Iterator[Text]:
    for name, played in run["subjects"].items():
        for change in played["changes"]:
            before = f" after {change['before']}" if change["before"] else ""
            said = f"{change['on']}  {name}: {change['champion']}{before}: {change['why']}"
            yield from wrapped(said, width, 12)


# --- charts ---------------------------------------------------------------------------------------


def chart(document: Shown) -> dict[str, Any] | None:
    """Losses against VaR and CVaR, exceptions marked; None without the series."""
    run = cleaned(document)
    if "comparison" in run:  # the one that ranks first
        run = run["forecasts"][run["comparison"]["ranking"][0]["name"]]
    return _chart(run["series"]) if run.get("series") else None


def of_run(run: Shown) -> dict[str, Any] | None:
    """The same of a run's past year, in money."""
    past = (run.get("market") or {}).get("backtest")
    return _chart(past["series"], str(run["currency"])) if past else None


def _chart(series: Shown, currency: str = "") -> dict[str, Any]:
    hit = set(series["exceptions"])
    cvar = series["cvar"] or [None] * len(series["loss"])
    rows = [
        {"date": d, "loss": x, "VaR": v, "CVaR": e, "exception": k in hit}
        for k, (d, x, v, e) in enumerate(
            zip(series["dates"], series["loss"], series["var"], cvar, strict=True)
        )
    ]
    spec = charts.base(260)
    spec["data"] = {"values": rows}
    x = {
        "field": "date",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%b %Y", "grid": False, "tickCount": 8},
    }
    y: dict[str, Any] = {"type": "quantitative", "title": "loss (gains below zero)"}
    if currency:
        y["axis"] = {"labelExpr": charts.money_label(currency)}
    bar = {
        "mark": {"type": "bar", "width": max(min(700.0 / len(rows), 4.0), 0.6)},
        "encoding": {
            "x": x,
            "y": {**y, "field": "loss"},
            "color": {"condition": {"test": "datum.exception", "value": palette.BREACH},
                      "value": palette.AVERAGE},
        },
    }  # fmt: skip
    point = {
        "transform": [{"filter": "datum.exception"}],
        "mark": {"type": "point", "filled": True, "size": 34, "color": palette.BREACH},
        "encoding": {"x": x, "y": {**y, "field": "loss"}},
    }
    names = ["VaR", *(["CVaR"] if series["cvar"] else [])]
    colours = [palette.ENTERPRISE, palette.PROTOCOL][: len(names)]
    lines = {
        "transform": [{"fold": names, "as": ["forecast", "value"]}],
        "mark": {"type": "line", "strokeWidth": 1.4, "interpolate": "step-after"},
        "encoding": {
            "x": x,
            "y": {**y, "field": "value"},
            "color": {
                "field": "forecast", "type": "nominal", "title": None,
                "scale": {"domain": names, "range": colours},
                "legend": {"orient": "top", "symbolType": "stroke"},
            },
        },
    }  # fmt: skip
    spec["layer"] = [bar, lines, point]
    return spec
