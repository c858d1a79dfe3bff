# SPDX-License-Identifier: Apache-2.0
"""The Python API: the same operations without a command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import perilscope
from perilscope import MisuseError

EXAMPLE = Path(__file__).parents[2] / "examples" / "hedge-fund"
LINES = ("phishing: 1 in 2 years, 500k", "exploit: 1 in 5 years, 1M")


def test_exported_names_are_what_they_say() -> None:
    for name in perilscope.__all__:
        assert getattr(perilscope, name).__name__ == name
    assert perilscope.__all__ == sorted(perilscope.__all__)


def test_lines_of_text_become_a_run() -> None:
    run = perilscope.quantify(*LINES, years=50_000)
    assert run.ale == 450_000
    assert run.var(0.95) == 1_500_000
    assert run.cvar(0.95) >= run.var(0.95)
    draws = run.draws()
    assert set(draws) == {"phishing", "exploit", "total"}
    assert np.array_equal(draws["total"], draws["phishing"] + draws["exploit"])
    assert "phishing" in str(run)
    assert "$450k" in repr(run)


def test_a_comma_within_brackets_does_not_end_the_frequency() -> None:
    run = perilscope.quantify(
        "x: belief(gamma(2, 10)) per year, pert(50k, 400k, 1.55M)", engine="exact"
    )
    assert run.ale == pytest.approx(0.2 * (50e3 + 4 * 400e3 + 1.55e6) / 6, rel=1e-12)


def test_a_frame_of_the_register() -> None:
    pytest.importorskip("pandas")
    frame = perilscope.quantify(*LINES, engine="exact").to_frame()
    assert list(frame.index) == ["phishing", "exploit"]
    assert frame.loc["exploit", "ale"] == 200_000


def test_a_plot_and_a_page_for_notebooks(tmp_path: Path) -> None:
    run = perilscope.quantify(*LINES, engine="exact")
    chart = run.plot()
    assert chart.svg().startswith("<svg")
    assert chart.save(tmp_path / "curve.svg").read_text(encoding="utf-8") == chart.svg()
    page = run._repr_html_()
    assert "<svg" in page
    assert "<script" not in page


def test_hostile_names_stay_text_in_notebooks() -> None:
    book = {
        "institution": {"name": "<script>alert(1)</script>"},
        "currency": "USD",
        "as_of": "2026-01-31",
    }
    run = perilscope.quantify(perilscope.declare(book, theft="1 in 2 years, 5k"), engine="exact")
    assert "<script>" not in run._repr_html_()


def test_a_run_can_be_saved(tmp_path: Path) -> None:
    run = perilscope.quantify(*LINES, engine="exact")
    assert {p.name for p in run.save(tmp_path / "o").iterdir()} == {"run.json", "report.html"}


def test_evidence_and_settings_as_on_the_command_line() -> None:
    calm = perilscope.quantify(EXAMPLE, engine="exact")
    struck = perilscope.quantify(
        perilscope.load(EXAMPLE), engine="exact", evidence={"depeg": "yes"}
    )
    assert struck.ale > calm.ale


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: perilscope.quantify(),
        lambda: perilscope.quantify("phishing: often"),
        lambda: perilscope.quantify(*LINES, engine="guess"),
        lambda: perilscope.quantify(*LINES, colour="red"),
        lambda: perilscope.quantify(*LINES, engine="exact").draws(),
        lambda: perilscope.quantify(*LINES, engine="exact").plot("pie"),
        lambda: perilscope.load("no-such-book"),
    ],
)
def test_wrong_use_says_why(wrong: object) -> None:
    with pytest.raises(MisuseError, match=r"\w"):
        wrong()  # type: ignore[operator]


def test_two_scenarios_of_one_name_are_refused_and_none_vanishes() -> None:
    with pytest.raises(MisuseError, match="'theft' stands there twice"):
        perilscope.quantify("theft: 1 in 2 years, 1M", "theft: 1 in 3 years, 2M")
    book = {"scenarios": {"a-b": {"asset": "x", "frequency": "1 per year", "magnitude": "1"}}}
    with pytest.raises(MisuseError, match="'a-b' stands there twice"):
        perilscope.declare({**book, "assets": {"x": {"kind": "other"}}}, a_b="1 per year, 1M")
