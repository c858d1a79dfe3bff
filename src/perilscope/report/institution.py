# SPDX-License-Identifier: Apache-2.0
"""Pictures of the whole institution: curves of the layers and of all together, and who bears the
tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perilscope.report import charts, palette
from perilscope.report.names import cleaned, shortened

Document = Mapping[str, Any]

TOGETHER, MARKET, LARGEST = "everything together", "market", "largest single loss"
_COLOURS = {
    MARKET: palette.GIVEN,
    "operational": palette.OPERATIONAL,
    "protocol": palette.PROTOCOL,
    LARGEST: palette.BAD_YEAR,
    TOGETHER: palette.ENTERPRISE,
}


def joined(run: Document) -> bool:
    """Whether the run has one law of all layers."""
    return "contributions" in run["enterprise"]


def curves(document: Document) -> charts.Spec | None:
    """Return exceedance curves of the layers by themselves and of all together, over one horizon.

    ``None`` where the run joins no market.
    """
    if not joined(document):
        return None
    layers = document["layers"]
    market = (layers.get("market") or {}).get("over_horizon") or {}
    sources = {
        MARKET: market.get("exceedance", []),
        "operational": layers.get("operational", {}).get("exceedance", []),
        "protocol": layers.get("protocol", {}).get("exceedance", []),
        LARGEST: (document["enterprise"].get("largest") or {}).get("curve", []),
        TOGETHER: document["enterprise"]["exceedance"],
    }
    sources = {name: curve for name, curve in sources.items() if any(p > 0 for _, p in curve)}
    low, high = charts.edges(sources, [])
    low = max(low, 1e-3 * high)  # small losses are told by the register
    values = [point for name, curve in sources.items() for point in charts.steps(name, curve, low)]
    x = charts.loss_axis(low, high, document["currency"])
    encoding = {
        "x": x, "y": charts.chance_axis(),
        "color": {
            "field": "layer", "type": "nominal",
            "scale": {"domain": [*sources], "range": [_COLOURS[name] for name in sources]},
        },
        "strokeWidth": {
            "condition": {"test": f"datum.layer === '{TOGETHER}'", "value": 2.8}, "value": 1.6,
        },
    }  # fmt: skip
    styles: list[tuple[tuple[str, ...], charts.Spec]] = [
        ((TOGETHER, MARKET), {"interpolate": "monotone"}),
        (("operational", "protocol"), {"interpolate": "step-after"}),
        ((LARGEST,), {"interpolate": "monotone", "strokeDash": [6, 3]}),
    ]
    layers_ = [
        {
            "data": {"values": [each for each in values if each["layer"] in names]},
            "mark": {"type": "line", "clip": True} | style,
            "encoding": encoding,
        }
        for names, style in styles
    ]
    believed = charts.credible(document["enterprise"], low, high, x, charts.chance_axis())
    return charts.base(360) | {"layer": [*believed, *layers_]}


def bearers(document: Document, way: str, *, most: int = 10) -> charts.Spec | None:
    """Return bars of who bears the mean of the worst 1 in 100, split one way; hedges are negative.

    Parameters
    ----------
    document : mapping
        The run document.
    way : str
        ``layers``, ``scenarios``, ``assets``, ``counterparties``, ...
    most : int
        Bars at most, the longest.
    """
    if not joined(document):
        return None
    run = cleaned(document)
    every = sorted(run["enterprise"]["contributions"][way], key=lambda row: -abs(row["cvar"]))
    every = [row for row in every if row["cvar"] != 0.0]
    if not any(row["id"] and row["cvar"] > 0.0 for row in every):
        return None
    told, rest = every[:most], every[most:]
    if rest:
        told.append({"id": f"and {len(rest)} more", "share": sum(row["share"] for row in rest)})
    rows = [
        {
            "name": shortened(row["id"] or "none named", 34),
            "place": place,
            "of": "share of the mean of the worst 1 in 100",
            "share": row["share"],
        }
        for place, row in enumerate(told)
    ]
    return charts.bars(
        rows,
        ["share of the mean of the worst 1 in 100"],
        [palette.BAD_YEAR],
        "share",
        "abs(datum.share) < 0.01 ? '<1 %' : format(100 * datum.share, '.0f') + ' %'",
    )
