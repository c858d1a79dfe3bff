# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML file that stands by itself, without scripts or anything fetched.

Every text of the book passes :func:`perilscope.report.names.cleaned` and then Jinja's escaping;
the page carries a content security policy under which nothing but its own style sheet applies.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import (
    ChainableUndefined,
    Environment,
    FileSystemBytecodeCache,
    PackageLoader,
    StrictUndefined,
    Undefined,
)
from markupsafe import Markup

from perilscope.cycle import amounts, sentences
from perilscope.report import (
    backtest,
    chapters,
    charts,
    holdings,
    institution,
    network_drawing,
    portraits,
    register,
    tornado,
    words,
)
from perilscope.report.names import basis, cleaned
from perilscope.sources.machine import code_folder

_HONEST = 34
LEVELS = ("0.95", "0.975", "0.99", "0.999")


Draw = Callable[[Sequence[charts.Spec]], Callable[[], Sequence[str]]]
"""Begins to draw charts; what it gives is asked for them when the rest of the page is written."""


def render(document: Mapping[str, Any], draw: Draw = charts.drawn) -> str:
    """Return the report of a run as one HTML document.

    Parameters
    ----------
    document : mapping
        The run document. Sections that are absent or empty say so.
    draw : callable, optional
        Who draws the charts.

    Returns
    -------
    str
        The same bytes for the same document.
    """
    return begun(document, draw)()


def begun(
    document: Mapping[str, Any], draw: Draw = charts.drawn, *, strict: bool = False
) -> Callable[[], str]:
    """The same, without its charts so far: they are put in when somebody asks for the page."""
    run = cleaned(document)
    specs = _charts(run)
    drawn = draw(list(specs.values()))
    css = style()
    portrayed = portraits.portraits(run)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    template = environment(strict=strict).get_template("report.html")
    page = template.render(
        run=run,
        plain=basis(run),
        joined=institution.joined(run),
        css=Markup(css),  # noqa: S704  our own style sheet
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        charts={name: Markup(_place(name)) for name in specs},  # noqa: S704  no text of a user's
        chapters=chapters.chapters(document),
        shaded=bool(charts.appetite(run)),
        shared=list(sentences.shared(run["scenarios"])),
        drawings=_drawings(run),
        register=register.rows(run),
        register_columns=register.COLUMNS,
        levels=LEVELS,
        layers=_layers(run),
        portraits=portrayed,
        portrayed={portrait.place for portrait in portrayed},
        ranked=sorted(run["scenarios"], key=lambda each: each["rank"]),
        worst=_worst_check(run),
        grades=_grades(run),
        market_methods=_methods(run),
        market_levels=_market_levels(run),
        carried=holdings.carried(run.get("market") or {}),
        means_known=any(
            factor.get("mean") is not None
            for each in run["scenarios"]
            for factor in each.get("factors", [])
        ),
        broken=[limit for limit in run.get("limits", []) if limit["breached"]],
    )

    def whole() -> str:
        found = page
        for name, svg in zip(specs, drawn(), strict=True):
            found = found.replace(_place(name), svg)
        return "\n".join(line for line in found.split("\n") if line.strip()) + "\n"

    return whole


@cache
def style() -> str:
    """The style sheet."""
    return files("perilscope.report").joinpath("templates", "style.css").read_text(encoding="utf-8")


@cache
def environment(*, strict: bool) -> Environment:
    """Return the templates; strict ones refuse a field that is absent, for the tests.

    Compiled they are kept from run to run, beside other code that is; Jinja sees when one changes.
    """
    undefined: type[Undefined] = StrictUndefined if strict else ChainableUndefined
    folder = code_folder()
    environment = Environment(
        loader=PackageLoader("perilscope.report"),
        bytecode_cache=FileSystemBytecodeCache(folder) if folder else None,
        autoescape=True,
        undefined=undefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    spell = {
        "money": amounts.money,
        "full": amounts.money_in_full,
        "share": amounts.share,
        "probability": amounts.probability,
        "chance": amounts.chance,
        "frequency": amounts.frequency,
        "gain": amounts.gain,
        "number": amounts.number,
        "relative": amounts.relative,
        "points": amounts.points,
        "period": amounts.horizon,
        "move": amounts.move,
        "factor": words.factor,
        "question": words.question,
        "source": words.source,
    }
    for name, function in spell.items():
        environment.filters[name] = _defined(function)
    environment.filters |= {
        "one_in": amounts.one_in,
        "measured": amounts.measured,
        "level": amounts.level,
        "term": words.term,
        "long": _long,
        "moved": tornado.moved,
    }
    environment.globals["meanings"] = words.MEANINGS
    return environment


def _long(value: Any) -> bool:
    """Whether a text holds a word longer than any honest one."""
    return any(len(word) > _HONEST for word in str(value).split())


def _defined(function: Any) -> Any:
    """Let a filter see an absent field as ``None``."""

    def filtered(value: Any, *rest: Any) -> Any:
        return function(None if isinstance(value, Undefined) else value, *rest)

    return filtered


def _place(name: str) -> str:
    """Where a chart goes that is still being drawn; no text that is shown has such a character."""
    return f"\0{name}\0"


def _charts(run: Mapping[str, Any]) -> dict[str, charts.Spec]:
    """The charts that have something to show; Vega escapes every text it writes, and the tests feed
    it markup.
    """
    specs = {
        "exceedance": charts.exceedance(run),
        "contributions": charts.contributions(run),
        "controls": charts.controls(run),
        "tornado": tornado.chart(run),
        "together": institution.curves(run),
        "bearing_scenarios": institution.bearers(run, "scenarios"),
        "bearing_assets": institution.bearers(run, "assets"),
        "bearing_counterparties": institution.bearers(run, "counterparties"),
        "backtest": backtest.of_run(run),
        "distribution": holdings.distribution(run),
        "bearers": holdings.bearers(run),
    }
    return {name: spec for name, spec in specs.items() if spec is not None}


def _drawings(run: Mapping[str, Any]) -> dict[str, Markup]:
    """Draw the declared networks, and a protocol's own one where it drives a scenario.

    The other protocols' networks are alike and say no more than the table of protocols.
    """
    details = run.get("network_details", {})
    protocols = {each["id"] for each in run.get("protocols", [])}

    def wanted(name: str) -> bool:
        return name not in protocols or bool(details.get(name, {}).get("drives"))

    return {
        name: Markup(network_drawing.draw(nodes, details.get(name)))  # noqa: S704
        for name, nodes in run.get("networks", {}).items()
        if nodes and wanted(name)
    }


def _methods(run: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Return the market's methods, simple ones first, each with its days in order."""
    order = ("historical", "normal", "student-t", "hybrid")
    methods = run.get("market", {}).get("methods", {})
    names = sorted(methods, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, sorted(methods[name].items(), key=lambda item: int(item[0]))) for name in names]


def _market_levels(run: Mapping[str, Any]) -> list[str]:
    """Return the levels at which any method has figures, the mildest first."""
    found = {level for _, days in _methods(run) for _, figures in days for level in figures}
    return sorted(found, key=float)


def _grades(run: Mapping[str, Any]) -> list[str]:
    """Return the grades in use, the best first."""
    used = [*run.get("grades", {}).get("ale", {}), *run.get("grades", {}).get("tail", {})]
    best = ("own data", "expert", "industry", "guess")
    return [
        *(each for each in best if each in used),
        *dict.fromkeys(each for each in used if each not in best),
    ]


def _layers(run: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the measures that are added and their sum; a layer without scenarios has none."""
    layers, used = run.get("layers", {}), {each["layer"] for each in run["scenarios"]}
    found = [(name, layers[name]) for name in ("operational", "protocol") if layers.get(name)]
    parts = [(name, each) for name, each in found if name in used]
    return [*parts, ("operational and protocol", basis(run))] if len(parts) != 1 else parts


def _worst_check(run: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the scenario on which the two engines differ most, in standard errors."""
    known = [(name, gap) for name, gap in run.get("checks", {}).items() if gap is not None]
    return max(known, key=lambda item: abs(item[1]), default=None)
