# SPDX-License-Identifier: Apache-2.0
"""What a run looks like at the end of a notebook cell: the answer, the register, one chart."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from perilscope.cycle.amounts import money, share
from perilscope.cycle.amounts import span as period
from perilscope.report import charts
from perilscope.report.names import basis, cleaned


def run(document: Mapping[str, Any]) -> str:
    """One run as an HTML fragment without scripts."""
    shown = cleaned(document)
    currency, whole = shown["currency"], basis(shown)
    span = period(shown["horizon_years"])
    head = (
        f"<p><b>{html.escape(shown['book']['name'])}</b> as of {html.escape(shown['as_of'])}: "
        f"an average year costs {money(whole['ale'], currency)}; 1 {span} in 20 exceeds "
        f"{money(whole['var']['0.95'], currency)}, "
        f"1 in 100 {money(whole['var']['0.99'], currency)}.</p>"
    )
    rows = "".join(_row(row, currency) for row in shown["scenarios"])
    table = (
        "<table><thead><tr><th>scenario</th><th>happens</th><th>per year</th>"
        "<th>share of the average</th><th>"
        f"share of a 1-in-100 {span}</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    words = "".join(f"<li>{html.escape(s)}</li>" for s in shown["sentences"])
    spec = charts.exceedance(document)
    picture = charts.svg(spec) if spec is not None else ""
    return f"<div>{head}{table}<ul>{words}</ul>{picture}</div>"


def _row(row: Mapping[str, Any], currency: str) -> str:
    cells = (
        html.escape(row["name"] or row["id"]),
        html.escape(row["happens"]["text"]),
        money(row["ale"], currency),
        share(row["share_of_ale"]),
        share(row["share_of_tail"]),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
