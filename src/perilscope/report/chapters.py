# SPDX-License-Identifier: Apache-2.0
"""Chapters that a run has where they were asked for, and that are pages of their own too.

Each is what its template takes: the answer, cleaned, with its pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from perilscope.report import capital_pictures, charts, palette, waterfall
from perilscope.report.names import cleaned

Found = Mapping[str, Any]
Chapter = dict[str, Any]

MEASURES = ("ale", "var_0.99", "cvar_0.99")
"""Measures whose waterfalls are drawn, where they moved."""
_MOST = 12


def chapters(run: Found) -> dict[str, Chapter | None]:
    """The chapters of a run document; None for those that it has not.

    Parameters
    ----------
    run : mapping
        The run document.
    """
    known = {"moved": moved, "feedback": feedback, "capital": capital}
    return {key: made(run[key]) if run.get(key) else None for key, made in known.items()}


def moved(document: Found) -> Chapter:
    """What moved from one run to another, as `perilscope.cycle.questions.moved.moved` makes it."""
    shown = cleaned(document)
    every = {
        name: shown["measures"][name] for name in waterfall.MEASURES if name in shown["measures"]
    }
    kinds = dict.fromkeys(kind for each in every.values() for kind in each["kinds"])
    return {
        "found": shown,
        "labels": waterfall.labels(shown),
        "every": every,
        "kinds": [k for k in kinds if any(each["kinds"].get(k) for each in every.values())],
        "pictures": {
            name: _svg(waterfall.chart(document, name))
            for name in MEASURES
            if name in shown["measures"]
        },
        "borne": [row for row in shown["contributions"] if row["moved"]][:_MOST],
    }


def capital(document: Found) -> Chapter:
    """Risk capital in every sense, as `perilscope.cycle.questions.capital.capital` makes it."""
    drawn = {
        "worst": capital_pictures.worst(document),
        "lasting": capital_pictures.lasting(document),
        "venues": capital_pictures.venues(document),
        "returns": capital_pictures.returns(document),
    }
    return {"found": cleaned(document), "pictures": _drawn(drawn)}


def feedback(document: Found) -> Chapter:
    """A horizon in slices, as `perilscope.cycle.questions.feedback.feedback` makes it."""
    shown = cleaned(document)
    if "failed" in shown:
        return {"failed": shown["failed"]}
    lasting = {"ruined": [], **document["capital"], "slice_days": document["slice_days"]}
    drawn = {
        "curve": _curve(document["law"].get("exceedance", []), document["currency"]),
        "lasting": capital_pictures.lasting({"lasting": lasting}),
    }
    return {"found": shown, "states": _states(shown), "pictures": _drawn(drawn)}


def _states(shown: Found) -> list[dict[str, Any]]:
    """Of each state how likely it is, and the horizon where it is known now."""
    starting = {(row["node"], row["state"]): row for row in shown["starting"]}
    return [
        {**starting[node["node"], state], "ever": node["ever"][state], "at_end": end}
        for node in shown["nodes"]
        for state, end in node["at_end"].items()
    ]


def _curve(points: list[list[float]], currency: str) -> charts.Spec | None:
    """Chance of losing more than each amount, the chance on a logarithmic scale."""
    rows = [{"loss": x, "chance": p} for x, p in points if p > 1e-4]
    if len(rows) < 2:
        return None
    x = {
        "field": "loss", "type": "quantitative",
        "axis": {
            "title": f"loss over the horizon, {currency}", "format": "~s", "grid": False,
            "tickCount": 8, "labelOverlap": True,
        },
    }  # fmt: skip
    y = {
        "field": "chance", "type": "quantitative", "scale": {"type": "log"},
        "axis": {"title": "chance of losing more", "format": "~%", "grid": True, "tickCount": 4},
    }  # fmt: skip
    mark = {"type": "line", "color": palette.ENTERPRISE, "strokeWidth": 2.4}
    return charts.base(260) | {
        "data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y},
    }  # fmt: skip


def _drawn(specs: Mapping[str, charts.Spec | None]) -> dict[str, Markup]:
    return {name: _svg(spec) for name, spec in specs.items() if spec is not None}


def _svg(spec: charts.Spec) -> Markup:
    return Markup(charts.svg(spec))  # noqa: S704  Vega escapes every text it writes
