# SPDX-License-Identifier: Apache-2.0
"""`elicit` by options and by dialogue: what is asked, what is shown, and how it ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from perilscope.book import load_text
from perilscope.cli import run

PANEL = """\
experts: [ciso, head of defi]
quantiles: [5 %, 50 %, 95 %]
items:
  phish: {truth: 12, answers: {ciso: [4, 10, 30], head of defi: [20, 25, 40]}}
  outages: {truth: 7, answers: {ciso: [2, 8, 20], head of defi: [8, 9, 10]}}
  theft: {answers: {ciso: [200k, 1M, 6M], head of defi: [100k, 2M, 9M]}}
  exploits: {kind: rate, answers: {ciso: [0.05, 0.1, 0.4], head of defi: [0.1, 0.2, 0.5]}}
  success: {kind: probability, answers: {ciso: [2 %, 10 %, 20 %], head of defi: [1 %, 5 %, 30 %]}}
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Run a command with lines of standard input; gives code, output and errors."""

    def call(*arguments: object, typed: str | None = None) -> tuple[int, str, str]:
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = run(["elicit", *map(str, arguments)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    path = tmp_path / "panel.yaml"
    path.write_text(PANEL, encoding="utf-8")
    return path


def test_an_interval_by_options(told: Any) -> None:
    code, out, _ = told(
        "interval", "--low", "200k", "--high", "2.5M", "--what", "loss per event", "--by", "ciso"
    )
    assert code == 0
    assert "loss per event: 200k to 2.5M" in out
    assert "1 event in 100  costs more than $4.2M" in out  # 707k exp(2.326 x 0.768)
    assert "$949k" in out  # 707k exp(0.768^2 / 2)
    assert "magnitude: {value: 200k to 2.5M, by: ciso, on: 20" in out
    assert "white ball" in out


def test_an_interval_as_json(told: Any) -> None:
    code, out, err = told("interval", "--low", "4 %", "--high", "25 %", "--json", "-")
    assert code == 0
    found = json.loads(out)
    assert found["kind"] == "probability"
    assert found["quantiles"]["0.95"] == pytest.approx(0.25, rel=1e-8)
    assert "For a book" in err


def test_quantiles_by_options(told: Any) -> None:
    code, out, _ = told("quantiles", "--p", "5=50k", "--p", "50=200k", "--p", "95=2M")
    assert code == 0
    assert 'value: "quantiles(p5=50k, p50=200k, p95=2M)"' in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["interval", "--low", "200k"], "both --low and --high"),
        (["interval", "--low", "2M", "--high", "1M"], "do not rise"),
        (["quantiles", "--p", "50=1M"], "two quantiles"),
        (["quantiles", "--p", "fifty=1M", "--p", "95=2M"], "no quantile"),
        (["train", "--questions", "0"], "can be asked"),
        (["combine"], "FILE"),
        (["guess"], "guess"),
    ],
)
def test_wrong_use_leaves_with_2(told: Any, arguments: list[str], says: str) -> None:
    code, _, err = told(*arguments)
    assert code == 2
    assert says in err


def test_the_menu_by_pipe(told: Any) -> None:
    typed = "9\n1\nloss\n\n200k\n100k\n2.5M\n?\nurn\n100k\n4M\nsame\nleave\n"
    code, out, _ = told(typed=typed)
    assert code == 0
    assert "answer one of interval, quantiles, training, experts, leave" in out
    assert "this lies above 200k; here 100k" in out
    assert "9 white balls and 1 black" in out  # what ? says of the bet
    assert "too narrow: give ends that are further apart" in out
    assert "magnitude: {value: 100k to 4M" in out


def test_ends_that_make_no_law_are_asked_for_again(told: Any) -> None:
    code, out, _ = told("interval", typed="chance\n10 %\n100 %\n10 %\n60 %\ns\n")
    assert code == 0
    assert "inside 0 and 1" in out
    assert "belief(10 % to 60 %)" in out


def test_the_dialogue_of_quantiles(told: Any) -> None:
    typed = "loss\n50k\n2M\n9M\n200k\n25=400k\n25=90k\ndone\n"
    code, out, _ = told("quantiles", typed=typed)
    assert code == 0
    assert "this lies below 2M; here 9M" in out
    assert "do not rise" in out
    assert "quantiles(p5=50k, p25=90k, p50=200k, p95=2M)" in out


def test_the_end_of_lines_in_the_middle_shows_what_was_said(told: Any) -> None:
    code, out, _ = told("interval", typed="loss\n200k\n")
    assert code == 130
    assert "Left early; so far:" in out
    assert "Low end: only 1 case in 20 lies below: 200k" in out


def test_the_end_of_lines_in_the_menu_is_its_end(told: Any) -> None:
    assert told(typed="")[0] == 0


def _interrupted(lines: list[str]) -> Any:
    class Typing(io.StringIO):
        def readline(self, *_: Any) -> str:
            if not lines:
                raise KeyboardInterrupt
            return lines.pop(0)

    return Typing()


def test_ctrl_c_shows_what_was_said(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "stdin", _interrupted(["theft\n", "200k\n"]))
    assert run(["elicit", "quantiles"]) == 130
    assert "200k" in capsys.readouterr().out.split("so far:")[1]


def test_ctrl_c_in_training_scores_what_was_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", _interrupted(["1 1000000\n"]))
    assert run(["elicit", "train", "--seed", "1", "--questions", "10"]) == 130
    assert "of 1 held the truth" in capsys.readouterr().out


BANK = """\
id,question,truth,unit,source
when,When was it?,1900,year,a book
many,How many are there?,100,things,a count
so,It is so.,true,,a proof
not,It is not so.,false,,a proof
"""


def test_training_by_pipe(told: Any, tmp_path: Path) -> None:
    bank = tmp_path / "bank.csv"
    bank.write_text(BANK, encoding="utf-8")
    # whatever the order: intervals that hold both truths, then claims
    typed = "90 2000\nwhat\n?\n90 2000\nt 90\nt 90\n"
    code, out, _ = told("train", "--bank", bank, "--questions", 4, typed=typed)
    assert code == 0
    assert "2 of 2 held the truth" in out
    assert "1 of 2 right" in out
    assert "Brier score 0.410" in out  # (0.1^2 + 0.9^2) / 2
    assert "a proof" in out


def test_training_ended_early_is_scored(told: Any, tmp_path: Path) -> None:
    bank = tmp_path / "bank.csv"
    bank.write_text(BANK, encoding="utf-8")
    code, out, _ = told("train", "--bank", bank, "--questions", 4, typed="90 2000\n")
    assert code == 0
    assert "1 of 1 held the truth" in out


def test_answers_from_a_file_are_scored(told: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "id,low,high,answer,confidence\nbitcoin-paper,2005,2010,,\nthe-merge,2019,2020,,\n"
        "nile,,,true,70 %\n",
        encoding="utf-8",
    )
    code, out, _ = told("train", "--answers", path, "--json", "-")
    assert code == 0
    found = json.loads(out)
    assert (found["intervals"]["asked"], found["intervals"]["hits"]) == (2, 1)
    # widths 5 and 1; the second misses 2022 by 2 years, at 2 / 0.1 each
    assert found["intervals"]["scores"]["dates"] == {"width": 3.0, "penalty": pytest.approx(20.0)}
    assert found["statements"]["brier"] == pytest.approx(0.49)


def test_the_bank_is_listed_without_its_answers(told: Any) -> None:
    code, out, _ = told("train", "--list")
    assert code == 0
    assert "halving-blocks" in out
    assert "210000" not in out
    assert "210,000" not in out


def test_experts_are_combined(told: Any, panel: Path) -> None:
    code, out, _ = told("combine", panel)
    assert code == 0
    for word in ("ciso", "calibration", "cooke-item", "theft", "<< chosen", "For a book"):
        assert word in out


@pytest.mark.parametrize("method", ["equal", "cooke-global", "cooke-item", "linear", "log"])
def test_lines_for_a_book_load(told: Any, panel: Path, method: str) -> None:
    code, out, _ = told("combine", panel, "--method", method, "--json", "-")
    assert code == 0
    lines = {each["item"]: each["line"] for each in json.loads(out)["targets"]}
    book = load_text(
        "institution: {name: A, kind: fund}\ncurrency: USD\nas_of: 2026-11-20\n"
        "assets: {wallet: {kind: wallet, worth: 50M}}\n"
        "scenarios:\n"
        f"  theft:\n    asset: wallet\n    {lines['exploits']}\n    {lines['theft']}\n"
        "  phish:\n    asset: wallet\n    frequency:\n      threat_event_frequency: 2 per year\n"
        f"      {lines['success']}\n    magnitude: 5k\n"
    )
    assert "ciso" in book.scenarios["theft"].magnitude.model_dump_json()


def test_leaving_seeds_out_is_shown_on_request(told: Any, panel: Path) -> None:
    code, out, _ = told("combine", panel, "--robust", "--json", "-")
    assert code == 0
    assert [row["without"] for row in json.loads(out)["robustness"]] == ["phish", "outages"]


def test_refused_files_leave_with_1(told: Any, panel: Path, tmp_path: Path) -> None:
    code, _, err = told("combine", tmp_path / "none.yaml")
    assert (code, "no such file" in err) == (1, True)
    panel.write_text(PANEL.replace("[4, 10, 30]", "[4, 10]"), encoding="utf-8")
    code, _, err = told("combine", panel)
    assert (code, "panel.yaml:4" in err) == (1, True)
    panel.write_text(PANEL.replace("truth: 12, ", "").replace("truth: 7, ", ""), encoding="utf-8")
    code, _, err = told("combine", panel, "--method", "cooke-item")
    assert (code, "seed questions" in err) == (1, True)
    assert told("combine", panel)[0] == 0  # equal weights, as there are no seeds
    code, _, err = told("combine", panel, "--method", "median")
    assert (code, "cooke-global" in err) == (2, True)


def test_the_menu_survives_a_file_it_cannot_read(told: Any, panel: Path) -> None:
    typed = f"4\nnone.yaml\nbest\n4\n{panel}\nlog\n0\n"
    code, out, _ = told(typed=typed)
    assert code == 0
    assert "no such file" in out
    assert "logarithmic pool" in out


@pytest.mark.parametrize("typed", ["\x00\n", "\u202e\n" * 3, "9" * 100_000 + "\n", "((((\n"])
def test_nonsense_is_asked_again(told: Any, typed: str) -> None:
    code, _, _ = told("interval", "--what", "a", typed=typed + "1k\n2k\ns\n")
    assert code == 0
