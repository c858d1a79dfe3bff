# SPDX-License-Identifier: Apache-2.0
"""The chapter of the whole institution: drawn from the document, with its charts."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from perilscope.report import charts, html, institution, schema

Document = dict[str, Any]


@pytest.fixture
def joined(run: Document) -> Document:
    """The run of the fixture with a market joined to it."""
    found = copy.deepcopy(run)
    plain = copy.deepcopy(found["enterprise"])
    found["enterprise_without_market"] = plain
    levels = {"0.95": 2e6, "0.975": 3e6, "0.99": 4e6, "0.999": 9e6}
    rows = [
        {"id": "market", "kind": "market", "cvar": 3e6, "share": 0.75},
        {"id": "<script>", "kind": "scenario", "cvar": 1.2e6, "share": 0.3},
        {"id": "", "kind": "rest", "cvar": -2e5, "share": -0.05},
    ]
    ways = ("layers", "scenarios", "assets", "protocols", "counterparties", "threats")
    known = {
        "var_se": 1e4, "cvar_se": 2e4, "var_interval": [3e6, 5e6], "cvar_interval": [3e6, 5e6],
    }  # fmt: skip
    alone = {"cvar": {"market": 3e6, "operational": 2e6}, "added": 5e6, "joint": 4e6}
    found["enterprise"] |= {
        "var": levels,
        "cvar": levels,
        "exceedance": [[0.0, 0.6], [1e6, 0.1], [4e6, 0.01], [9e6, 0.001]],
        "mean": 1e6,
        "uncertainty": dict.fromkeys(levels, known),
        "contributions": {"level": "0.99", "cvar": 4e6, "vulnerabilities": rows}
        | dict.fromkeys(ways, rows),
        "causes": [],
        "joint_states": [
            {
                "network": "peg", "states": {"depeg": "yes"}, "probability": 0.03,
                "given_tail": 0.4, "exceeds_var": 0.1, "expected_tail_loss": 5e6,
            }
        ],
        "alone": dict.fromkeys(levels, alone | {"diversification": 1e6}),
        "joined": {
            "moves": "100,000 spans", "tokens": {"theft": "ETH"}, "cells": 4,
            "networks": ["peg"], "joint_states": 2, "window": {"low": -1e6},
        },
    }  # fmt: skip
    found["layers"]["market"] |= {
        "mean": 1e5,
        "over_horizon": {
            "days": 365, "mean": 1e5, "sd": 1e6, "probability_of_loss": 0.5, "var": levels,
            "cvar": levels, "exceedance": [[0.0, 0.5], [3e6, 0.01]], "said": "spans",
        },
    }  # fmt: skip
    return found


def test_a_joined_run_has_the_shape_that_is_committed(joined: Document) -> None:
    import jsonschema

    jsonschema.validate(joined, schema.schema())


def test_chapter_shows_curves_bearers_and_states(joined: Document) -> None:
    page = html.render(joined)
    section = page[page.index('<section id="together">') :].split("</section>")[0]
    assert section.count("<svg") >= 4
    assert "<script" not in page
    assert "depeg = yes" in section.replace("<bdi>", "").replace("</bdi>", "")
    for words in ("$4.0M", "40 %", "standard error", "theft", "100,000 spans"):
        assert words in section.replace("<bdi>", "").replace("</bdi>", ""), words


def test_curves_hold_every_layer_and_nothing_that_is_not_there(joined: Document) -> None:
    spec = institution.curves(joined)
    assert spec is not None
    bands = [part for part in spec["layer"] if part["mark"]["type"] == "area"]
    lines = [part for part in spec["layer"] if part["mark"]["type"] == "line"]
    assert len(bands) == 1  # what beliefs leave open of everything
    drawn = {row["layer"] for part in lines for row in part["data"]["values"]}
    assert {"everything together", "market"} <= drawn
    assert charts.svg(spec).startswith("<svg")
    bars = institution.bearers(joined, "scenarios")
    assert bars is not None
    shown = json.dumps(bars)
    assert "market" in shown
    assert "-0.05" in shown  # what makes it milder, else bars would add up to more than all


def test_a_run_without_a_market_has_no_such_chapter(run: Document) -> None:
    assert institution.curves(run) is None
    assert institution.bearers(run, "layers") is None
    assert 'id="together"' not in html.render(run)


def test_bars_and_rows_add_up_however_many_are_not_named(joined: Document) -> None:
    split = joined["enterprise"]["contributions"]
    split["counterparties"] = [
        {"id": f"venue-{k}", "kind": "venue", "cvar": 1e5, "share": 1 / 16} for k in range(16)
    ]
    split["vulnerabilities"] = [{"id": "", "kind": "rest", "cvar": 1.6e6, "share": 1.0}]
    drawn = institution.bearers(joined, "counterparties")
    assert drawn is not None
    rows = drawn["data"]["values"]
    assert rows[-1]["name"] == "and 6 more"
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    assert institution.bearers(joined, "vulnerabilities") is None  # nothing is told by one bar
    split["threats"] = [
        {"id": f"threat-{k}", "kind": "threat", "cvar": 2e5, "share": 1 / 8} for k in range(8)
    ]
    page = html.render(joined)
    assert "and 4 more" in page
    assert "<td>vulnerability</td>" not in page
