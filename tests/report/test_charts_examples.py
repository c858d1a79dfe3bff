# SPDX-License-Identifier: Apache-2.0
"""Charts: what they hold, that they are well-formed, and that names stay names."""

from __future__ import annotations

import copy
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest

from perilscope.report import charts, network_drawing, tornado

Document = dict[str, Any]
POISON = "</text><script>alert(1)</script>\"'&]]>\x1b\u202e" + "W" * 120
ALLOWED = {"svg", "g", "path", "text", "line", "rect", "circle", "defs", "clipPath", "title"}
MAKERS = [charts.exceedance, charts.contributions, charts.controls, tornado.chart]


def elements(svg: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter())


def shown(svg: str) -> str:
    return " ".join(each.text or "" for each in elements(svg))


@pytest.mark.parametrize("make", MAKERS)
def test_a_chart_is_the_same_bytes_each_time_and_refers_to_nothing(
    make: Callable[[Document], charts.Spec], run: Document
) -> None:
    one, other = charts.svg(make(run)), charts.svg(make(copy.deepcopy(run)))
    assert one == other
    assert one.count("http") == one.count("http://www.w3.org/2000/svg") == 1
    assert {each.tag.rpartition("}")[2] for each in elements(one)} <= ALLOWED


@pytest.mark.parametrize("make", MAKERS)
def test_hostile_names_stay_text(
    make: Callable[[Document], charts.Spec], hostile: Callable[[str], Document]
) -> None:
    drawn = charts.svg(make(hostile(POISON)))
    for each in elements(drawn):
        assert each.tag.rpartition("}")[2] in ALLOWED
        assert not [name for name in each.attrib if name.startswith("on") or "href" in name]
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_to_show_is_no_chart(
    make: Callable[[Document], charts.Spec | None], bare: Document
) -> None:
    assert make(bare) is None


def test_axes_read_as_money_and_odds(run: Document) -> None:
    text = shown(charts.svg(charts.exceedance(run) or {}))
    for label in (
        "$100k",
        "$1M",
        "$10M",
        "1 in 10",
        "1 in 100",
        "1 in 1,000",
        "beyond the appetite",
    ):
        assert label in text
    assert "protocol" in text


@pytest.mark.parametrize(
    ("currency", "label"), [("EUR", "€1M"), ("CHF", "1M CHF"), ("x'+alert(1)+'", "1M xalert1")]
)
def test_the_currency_is_on_the_axis(run: Document, currency: str, label: str) -> None:
    run["currency"] = currency
    assert label in shown(charts.svg(charts.exceedance(run) or {}))


def test_steps_hold_their_chance_until_the_next_loss(run: Document) -> None:
    # One event of exactly 1M with chance 0.2, or two with chance 0.02: a staircase of two steps.
    curve = [[0.0, 0.2], [1e6, 0.02], [2e6, 0.0]]
    run["enterprise"]["exceedance"] = curve
    run["layers"] = {}
    run["limits"] = []
    spec = charts.exceedance(run)
    assert spec is not None
    values = [(v["loss"], v["chance"]) for v in spec["layer"][-1]["data"]["values"]]
    assert values[0][1] == 0.2
    assert values[0][0] < 1e6
    assert values[1:] == [(1e6, 0.02), (2e6, charts.RAREST)]
    assert spec["layer"][-1]["mark"]["interpolate"] == "step-after"


def test_the_largest_event_and_the_band_stand_beside_the_sum(run: Document) -> None:
    text = shown(charts.svg(charts.exceedance(run) or {}))
    assert "largest single event" in text
    assert "90 % credible band" in text
    spec = charts.exceedance(run)
    assert spec is not None
    area = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "area")
    for point in area["data"]["values"]:  # 0.7 and 1.4 times the curve, none rarer than is drawn
        p = 0.983 / (1 + (point["loss"] / 6e5) ** 1.6)
        assert point["least"] == pytest.approx(max(0.7 * p, charts.RAREST))
        assert point["most"] == pytest.approx(min(1.4 * p, 1.0))


def test_a_largest_event_of_few_amounts_has_steps(run: Document) -> None:
    def dashed() -> str:
        layers = (charts.exceedance(run) or {})["layer"]
        return str(next(x for x in layers if "strokeDash" in x["mark"])["mark"]["interpolate"])

    assert dashed() == "linear"
    run["enterprise"]["largest"]["curve"] = [[0.0, 0.2], [1e6, 0.02], [2e6, 0.0]]
    assert dashed() == "step-after"


def test_the_widest_estimates_are_drawn_with_what_they_become(run: Document) -> None:
    spec = tornado.chart(run)
    assert spec is not None
    ends = {(v["place"], v["of"]): (v["from"], v["to"]) for v in spec["data"]["values"]}
    base = run["enterprise"]["cvar"]["0.99"]
    assert ends == {
        (0, "estimate at its low end"): (base, 0.3 * base),
        (0, "estimate at its high end"): (base, 2.0 * base),
        (1, "estimate at its low end"): (base, 1.4 * base),
        (1, "estimate at its high end"): (base, 0.7 * base),
    }
    text = shown(charts.svg(spec))
    for said in ("exchange-default: probability of action", "0.92 %", "12 %", "63 %", "$10M"):
        assert said in text


def test_estimates_that_move_nothing_or_have_no_figure_are_not_drawn(run: Document) -> None:
    wide, other = run["enterprise"]["tornado"]
    other["cvar99"] = [9.8e6, 9.8e6 + 1.0]
    run["enterprise"]["tornado"] = [wide, other, wide | {"cvar99": [None, 1e6]}]
    spec = tornado.chart(run)
    assert spec is not None
    assert {value["place"] for value in spec["data"]["values"]} == {0}
    run["enterprise"]["tornado"] = [other | {"cvar99": [9.8e6, 9.8e6]}]
    assert tornado.chart(run) is None


def test_limits_that_are_points_of_the_curve_are_its_appetite(run: Document) -> None:
    run["limits"][-1] |= {"kind": "chance_above", "amount": 5e6}
    assert charts.appetite(run) == [
        ("loss in a 1-in-100 year", 5e6, 0.01),
        ("chance of losing more than 5M in a year", 5e6, 0.02),
    ]


def test_one_certain_loss_is_drawn(run: Document) -> None:
    run["layers"] = {}
    run["enterprise"]["exceedance"] = [[0.0, 1.0], [50.0, 0.0]]
    assert "$" in shown(charts.svg(charts.exceedance(run) or {}))


def test_names_that_look_alike_keep_their_own_bars(run: Document) -> None:
    for each in run["scenarios"]:
        each["name"] = "The same long name for every one of the scenarios"
    spec = charts.contributions(run)
    assert spec is not None
    assert len({value["key"] for value in spec["data"]["values"]}) == 12


def test_a_network_shows_every_probability_and_what_it_drives(run: Document) -> None:
    drawn = network_drawing.draw(run["networks"]["staff"], run["network_details"]["staff"])
    text = shown(drawn)
    for word in ("training", "monthly", "30 %", "transfer", "0.8 %", "drives hot-key-theft"):
        assert word in text
    given = network_drawing.draw(run["networks"]["usdc-peg"], run["network_details"]["usdc-peg"])
    assert "given" in shown(given)


def test_a_network_without_details_and_one_with_many_states_are_drawn() -> None:
    nodes = {"a": {f"s{k}": 0.1 for k in range(10)}, "b": {"yes": 1.0}}
    text = shown(network_drawing.draw(nodes))
    assert "5 others" in text
    assert "50 %" in text


def test_a_hostile_network_stays_text() -> None:
    drawn = network_drawing.draw(
        {POISON: {POISON: 0.5, "no": 0.5}},
        {
            "nodes": [{"id": POISON, "parents": [POISON + "x"]}],
            "drives": [{"scenario": POISON, "node": POISON}],
            "evidence": {POISON: POISON},
        },
    )
    assert {each.tag.rpartition("}")[2] for each in elements(drawn)} <= {
        "svg",
        "path",
        "rect",
        "text",
    }
    assert "\u202e" not in drawn


def test_the_renderer_is_loaded_only_when_a_chart_is_drawn() -> None:
    code = (
        "import sys, perilscope.report.html, perilscope.report.terminal; "
        "sys.exit('vl_convert' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_limits_of_a_year_are_not_drawn_over_another_horizon(run: Document) -> None:
    assert charts.appetite(run)
    assert charts.appetite(run | {"horizon_years": 2.0}) == []
