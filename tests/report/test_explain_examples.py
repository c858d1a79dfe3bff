# SPDX-License-Identifier: Apache-2.0
"""The screen of one scenario: every figure of its tree, in order, and nothing over the edge."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from perilscope.report import explain, tornado
from perilscope.report.names import visible

Document = dict[str, Any]
POISON = "<b>\x1b[31m\u202e[red]x[/] \u200b\x07" + "W" * 200


def screen(document: Document, scenario: str, width: int) -> str:
    sink = io.StringIO()
    console = Console(file=sink, width=width, highlight=False, legacy_windows=False)
    console.print(explain.render(document, scenario, width=width), soft_wrap=False)
    return sink.getvalue()


def in_order(text: str, *said: str) -> None:
    places = [text.index(each) for each in said]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [80, 110])
def test_figures_stand_in_the_order_of_the_tree(run: Document, width: int) -> None:
    # hot-key-theft: 1/40 a year x $2.24M; 8 tries for each that works; a third is secondary
    text = " ".join(screen(run, "hot-key-theft", width).split())
    in_order(
        text, "hot-key-theft: Hot key theft", "Annual loss $56k a year", "Frequency 0.025 a year",
        "├ Threat event frequency 0.2 a year", "├ Contact frequency 2 a year 0.8 to 3.8 belief",
        "belief(beta(2, 38)): own tests, ciso, 2026-10-02 (expert)",
        "└ Probability of action 10 % 4 % to 19 % belief", "└ Vulnerability 12 %",
        "Threat capability 0.3", "Resistance strength 0.7", "└ Magnitude $2.2M", "Primary $1.5M",
        "Secondary $747k", "Fines and judgements $2.2M",
        "From network staff: click is no 88 %, yes 12 %",
        "Threat event frequency: 2 a year × 10 % = 0.2 a year",
        "Secondary: 25 % × $3.0M = $747k", "Annual loss: 0.025 a year × $2.2M = $56k a year",
        "1 year in 100 $616k $862k", "Something is lost with 2.5 %",
        "Chance: 1 year in 100 exceeds $616k, 1 in 1,000 exceeds $1.3M.",
        "Not knowing: the average year lies between $22k and $106k (90 %).",
    )  # fmt: skip
    in_order(
        text[text.index("Mean of the worst") :], "Mean of the worst 1 year in 100 ($862k)",
        "probability of action", "$259k",
        "resistance strength", "$604k", "simulated: $56k a year, standard error $112",
        "z-score of the largest gap -0.5: the engines agree", "rests on: industry, ciso",
    )  # fmt: skip
    assert "PERT by Vose's form, lambda 4." in text


@pytest.mark.parametrize("width", [60, 72, 80, 110, 200])
def test_nothing_passes_the_edge_and_no_line_is_broken_by_the_terminal(
    run: Document, width: int
) -> None:
    wide = screen(run, "hot-key-theft", width)
    assert max(map(cell_len, wide.splitlines())) <= width
    # The console breaks what does not fit; nothing may be left for it to break.
    parts = explain.render(run, "hot-key-theft", width=width).renderables
    assert [line.rstrip() for line in wide.splitlines()] == [str(part).rstrip() for part in parts]


def test_no_figure_of_the_tree_is_cut_on_a_narrow_screen(run: Document) -> None:
    narrow, wide = (screen(run, "hot-key-theft", width).split() for width in (72, 110))
    figures = [word for word in wide if word[0] in "$0123456789" and "(" not in word]
    assert set(figures) <= set(narrow)


def test_a_bar_stretches_from_the_low_to_the_high_end(run: Document) -> None:
    row = run["scenarios"][0]
    first, second = tornado.bars(row["tornado"], row["cvar"]["0.99"])
    # 0.3 to 2.0 times the figure; the scale is theirs, so as it is stands at 0.7 / 1.7
    assert first.places == pytest.approx((0.0, 1.0))
    assert first.base == pytest.approx(0.7 / 1.7)
    assert second.places == pytest.approx((1.1 / 1.7, 0.4 / 1.7))
    assert tornado.drawn(first, 18) == "░" * 7 + "│" + "█" * 10
    assert tornado.drawn(second, 18) == "    ███│░░░░      "


def test_engines_that_disagree_and_an_infinite_spread_are_said(run: Document) -> None:
    run["checks"]["hot-key-theft"] = 7.3
    row = next(each for each in run["scenarios"] if each["id"] == "hot-key-theft")
    row["sd"] = None
    text = " ".join(screen(run, "hot-key-theft", 110).split())
    assert "z-score of the largest gap +7.3: the engines DISAGREE" in text
    assert "no number of simulated years settles its average" in text


def test_what_is_not_there_is_not_spoken_of(run: Document) -> None:
    row = run["scenarios"][1]
    row |= {"tornado": [], "simulation": None, "ale_interval": [row["ale"], row["ale"]]}
    text = " ".join(screen(run, "protocol-exploit", 110).split())
    assert "sensitive to" not in text
    assert "simulated" not in text
    assert "nothing is declared as a belief, so the average year counts as known: $200k" in text


def test_hostile_text_neither_breaks_lines_nor_drives_the_terminal(
    hostile: Callable[[str], Document],
) -> None:
    document = hostile(POISON)
    text = screen(document, visible(document["scenarios"][0]["id"]), 80)
    assert not set(text) & set("\x1b\u202e\x07\u200b\r")
    assert max(map(cell_len, text.splitlines())) <= 80
