# SPDX-License-Identifier: Apache-2.0
"""The report: one HTML file that stands by itself, without scripts or anything fetched.

Every text of the book passes :func:`perilscope.report.names.cleaned` and then Jinja's escaping;
the page carries a content security policy under which nothing but its own style sheet applies.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, StrictUndefined, Undefined
from markupsafe import Markup

from perilscope.report import amounts, charts, network_drawing, register, words
from perilscope.report.names import cleaned

LEVELS = ("0.95", "0.975", "0.99", "0.999")


def render(document: Mapping[str, Any]) -> str:
    """Return the report of a run as one HTML document.

    Parameters
    ----------
    document : mapping
        The run document. Sections that are absent or empty say so.

    Returns
    -------
    str
        The same bytes for the same document.
    """
    return _page(document, strict=False)


def _page(document: Mapping[str, Any], *, strict: bool) -> str:
    run = cleaned(document)
    css = _style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    template = _environment(strict).get_template("report.html")
    page = template.render(
        run=run,
        css=Markup(css),  # noqa: S704  our own style sheet
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        charts=_charts(run),
        drawings=_drawings(run),
        register=register.rows(run),
        register_columns=register.COLUMNS,
        levels=LEVELS,
        layers=_layers(run),
        ranked=sorted(run["scenarios"], key=lambda each: each["rank"]),
        worst=_worst_check(run),
        broken=[limit for limit in run.get("limits", []) if limit["breached"]],
    )
    return "\n".join(line for line in page.split("\n") if line.strip()) + "\n"


@cache
def _style() -> str:
    return files("perilscope.report").joinpath("templates", "style.css").read_text(encoding="utf-8")


@cache
def _environment(strict: bool) -> Environment:
    """Return the templates; strict ones refuse a field that is absent, for the tests."""
    undefined: type[Undefined] = StrictUndefined if strict else ChainableUndefined
    environment = Environment(
        loader=PackageLoader("perilscope.report"),
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
        "period": amounts.horizon,
        "factor": words.factor,
        "question": words.question,
        "source": words.source,
    }
    for name, function in spell.items():
        environment.filters[name] = _defined(function)
    environment.filters |= {"one_in": amounts.one_in, "level": amounts.level, "term": words.term}
    environment.globals["meanings"] = words.MEANINGS
    return environment


def _defined(function: Any) -> Any:
    """Let a filter see an absent field as ``None``."""

    def filtered(value: Any, *rest: Any) -> Any:
        return function(None if isinstance(value, Undefined) else value, *rest)

    return filtered


def _charts(run: Mapping[str, Any]) -> dict[str, Markup]:
    """Draw the charts that have something to show."""
    specs = {
        "exceedance": charts.exceedance(run),
        "contributions": charts.contributions(run),
        "controls": charts.controls(run),
    }
    # Vega escapes every text it writes; the tests feed it markup.
    return {
        name: Markup(charts.svg(spec))  # noqa: S704
        for name, spec in specs.items()
        if spec is not None
    }


def _drawings(run: Mapping[str, Any]) -> dict[str, Markup]:
    """Draw the declared networks; a protocol's built-in one has its table instead."""
    details = run.get("network_details", {})
    protocols = {each["id"] for each in run.get("protocols", [])}
    return {
        name: Markup(network_drawing.draw(nodes, details.get(name)))  # noqa: S704
        for name, nodes in run.get("networks", {}).items()
        if nodes and (name in details or name not in protocols)
    }


def _layers(run: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the measures that are added and their sum."""
    layers = run.get("layers", {})
    found = [(name, layers[name]) for name in ("operational", "protocol") if layers.get(name)]
    return [*found, ("operational and protocol", run["enterprise"])]


def _worst_check(run: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the scenario on which the two engines differ most, in standard errors."""
    known = [(name, gap) for name, gap in run.get("checks", {}).items() if gap is not None]
    return max(known, key=lambda item: abs(item[1]), default=None)
