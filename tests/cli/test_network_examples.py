# SPDX-License-Identifier: Apache-2.0
"""``perilscope network`` on files and on a book."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perilscope import formats
from perilscope.cli import run

BOOK = str(Path(__file__).parents[2] / "examples" / "hedge-fund")
BIF = """
network chest {}
variable "Smoker?" { type discrete [ 3 ] { no, 1/day, many }; }
variable lung { type discrete [ 2 ] { clear, "Asy/Patch" }; }
probability ( "Smoker?" ) { table 0.6, 0.3, 0.1; }
probability ( lung | "Smoker?" ) {
  (no) 0.98, 0.02;
  (1/day) 0.9, 0.1;
  (many) 0.7, 0.3;
}
"""


@pytest.fixture
def chest(tmp_path: Path) -> str:
    path = tmp_path / "chest.bif"
    path.write_text(BIF, encoding="utf-8")
    return str(path)


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run(["network", *words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_query_answers_with_every_digit(capsys: Any, chest: str) -> None:
    found = asked(capsys, "query", chest, "--evidence", "lung=Asy/Patch", "--target", "Smoker?")
    p = [0.6 * 0.02, 0.3 * 0.1, 0.1 * 0.3]
    assert found["probability_of_evidence"] == pytest.approx(sum(p), rel=1e-14)
    assert list(found["marginals"]) == ["Smoker?"]
    for state, weight in zip(("no", "1/day", "many"), p, strict=True):
        assert found["marginals"]["Smoker?"][state] == pytest.approx(weight / sum(p), rel=1e-14)
    assert found["algorithm"] == "junction tree"


def test_without_a_target_every_node_is_told(capsys: Any, chest: str) -> None:
    found = asked(capsys, "query", chest)
    assert set(found["marginals"]) == {"Smoker?", "lung"}
    assert found["probability_of_evidence"] == pytest.approx(1.0, rel=1e-14)


def test_both_kinds_of_soft_evidence_are_told_apart(capsys: Any, chest: str) -> None:
    prior = asked(capsys, "query", chest)["marginals"]["lung"]["Asy/Patch"]
    replaced = asked(capsys, "query", chest, "--probability", "lung=0.2,0.8")
    assert replaced["marginals"]["lung"]["Asy/Patch"] == pytest.approx(0.8, abs=1e-12)
    assert replaced["probability_of_evidence"] is None
    weighed = asked(capsys, "query", chest, "--likelihood", "lung=0.2,0.8")
    odds = prior / (1 - prior) * 4
    assert weighed["marginals"]["lung"]["Asy/Patch"] == pytest.approx(odds / (1 + odds), rel=1e-12)


def test_sensitivity_gives_the_exact_function(capsys: Any, chest: str) -> None:
    found = asked(capsys, "sensitivity", chest, "-t", "Smoker?=many", "-e", "lung=Asy/Patch")
    first = found["functions"][0]
    at = first["value"]
    told = (first["a"] * at + first["b"]) / (first["c"] * at + first["d"])
    assert told == pytest.approx(found["probability"], rel=1e-12)
    swings = [abs(f["odds_doubled"] - f["odds_halved"]) for f in found["functions"]]
    assert swings == sorted(swings, reverse=True)


def test_explain_shares_add_up(capsys: Any, chest: str) -> None:
    found = asked(capsys, "explain", chest, "-t", "Smoker?=many", "-e", "lung=Asy/Patch")
    assert sum(s["share"] for s in found["shares"]) == pytest.approx(
        found["after"] - found["before"], abs=1e-12
    )
    assert found["most_probable"]["states"]["lung"] == "Asy/Patch"


def test_a_network_of_a_book_knows_what_the_book_observed(capsys: Any) -> None:
    assert run(["network", "show", BOOK, "--network", "usdc-peg"]) == 0
    assert "usdc-peg" in capsys.readouterr().out
    assert run(["network", "show", BOOK]) == 2
    assert "has several networks" in capsys.readouterr().err
    assert run(["network", "show", BOOK, "--network", "usdc"]) == 2
    assert "did you mean usdc-peg" in capsys.readouterr().err


def test_a_protocol_of_a_book_is_a_network_too(capsys: Any) -> None:
    found = asked(capsys, "query", BOOK, "--network", "harbor-lend", "-t", "exploited")
    assert run(["protocol", "score", BOOK, "harbor-lend", "--json", "-"]) == 0
    card = json.loads(capsys.readouterr().out)["protocols"][0]
    assert found["marginals"]["exploited"]["yes"] == pytest.approx(card["probability"], rel=1e-12)
    worse = asked(
        capsys, "query", BOOK, "--network", "harbor-lend", "-t", "exploited", "-e", "audits=none"
    )
    assert worse["marginals"]["exploited"]["yes"] > found["marginals"]["exploited"]["yes"]
    assert run(["network", "show", BOOK, "--network", "harbour-lend"]) == 2
    assert "did you mean harbor-lend" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["json", "bif", "xmlbif", "xdsl", "net", "cmpx"])
def test_what_is_converted_is_the_same_to_the_last_bit(
    capsys: Any, chest: str, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / f"other.{kind}"
    assert run(["network", "convert", chest, str(out)]) == 0
    one = formats.read(BIF, "chest.bif").network
    two = formats.read(out.read_bytes(), out.name).network
    assert [n.name for n in one.nodes] == [n.name for n in two.nodes]
    assert all((a.table == b.table).all() for a, b in zip(one.nodes, two.nodes, strict=True))
    assert run(["network", "convert", chest, str(out)]) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["query", "-e", "lung=fine"], "has no state 'fine'; it has clear, Asy/Patch"),
        (["query", "-e", "lungs=clear"], "did you mean lung?"),
        (["query", "-e", "lung"], "write NODE=STATE"),
        (["query", "-t", "lungs"], "did you mean lung?"),
        (["query", "--likelihood", "lung=0.5"], "1 numbers for 2 states"),
        (["query", "--likelihood", "lung=high"], "one number for each state"),
        (["query", "--engine", "magic"], "no engine is called"),
        (["sensitivity", "-t", "lung=clear", "-e", "lung=clear"], "known for certain"),
    ],
)
def test_what_does_not_fit_is_said(capsys: Any, chest: str, words: list[str], said: str) -> None:
    assert run(["network", words[0], chest, *words[1:]]) in (1, 2)
    assert said in capsys.readouterr().err


def test_answers_are_drawn_for_people(capsys: Any, chest: str) -> None:
    for words in (
        ["show", chest],
        ["query", chest, "-e", "lung=Asy/Patch"],
        ["sensitivity", chest, "-t", "lung=Asy/Patch"],
        ["explain", chest, "-t", "Smoker?", "-e", "lung=clear"],
    ):
        assert run(["network", *words]) == 0
        shown = capsys.readouterr().out
        assert "Smoker?" in shown
        assert max(map(len, shown.splitlines())) <= 130


def test_tables_that_are_doubted_bound_the_answer(capsys: Any, chest: str) -> None:
    found = asked(capsys, "bounds", chest, "-t", "lung=Asy/Patch", "--odds", "3", "--node", "lung")
    p = [0.6, 0.3, 0.1]
    rows = [0.02, 0.1, 0.3]

    def odds(x: float, factor: float) -> float:
        return factor * x / (1.0 - x) / (1.0 + factor * x / (1.0 - x))

    for side, factor in (("lower", 1 / 3), ("upper", 3.0)):
        expected = sum(w * odds(x, factor) for w, x in zip(p, rows, strict=True))
        assert found[side]["value"] == pytest.approx(expected, rel=1e-12)
        assert found[side]["kind"] == "exact"
    assert run(["network", "bounds", chest, "-t", "lung", "--odds", "1"]) == 2
    assert "a factor above 1" in capsys.readouterr().err


def test_what_explains_a_finding_best(capsys: Any, chest: str) -> None:
    found = asked(capsys, "explain", chest, "-t", "Smoker?", "-e", "lung=Asy/Patch")
    best = found["most_relevant"][0]
    assert best["states"] == {"Smoker?": "many"}
    p, rest = 0.1 * 0.3, 0.6 * 0.02 + 0.3 * 0.1
    assert best["factor"] == pytest.approx((p / 0.1) / (rest / 0.9), rel=1e-10)


def test_sampled_records_are_the_same_again_and_can_be_learnt_from(
    capsys: Any, chest: str, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    for path in (one, two):
        assert run(["network", "sample", chest, str(path), "--rows", "3000", "--seed", "7"]) == 0
    assert one.read_bytes() == two.read_bytes()
    assert run(["network", "sample", chest, str(one)]) == 2
    capsys.readouterr()
    found = asked(capsys, "learn", chest, str(one), "--ess", "0")
    (row,) = [each for each in found["tables"] if each["node"] == "Smoker?"]
    for p, q in zip((0.6, 0.3, 0.1), row["after"], strict=True):
        assert abs(p - q) < 4.5 * (p * (1 - p) / 3000) ** 0.5


def test_several_values_may_follow_one_option(capsys: Any, chest: str) -> None:
    apart = asked(capsys, "query", chest, "-e", "lung=clear", "-e", "Smoker?=no", "-t", "lung")
    assert asked(capsys, "query", chest, "-e", "lung=clear", "Smoker?=no", "-t", "lung") == apart
    both = asked(capsys, "query", chest, "--target", "lung", "Smoker?", "--evidence", "lung=clear")
    assert list(both["marginals"]) == ["lung", "Smoker?"]


def test_states_stand_in_the_order_of_the_file(capsys: Any, chest: str) -> None:
    assert list(asked(capsys, "query", chest)["marginals"]["Smoker?"]) == ["no", "1/day", "many"]
    assert run(["network", "query", chest]) == 0
    shown = capsys.readouterr().out
    assert shown.index("no 60") < shown.index("1/day") < shown.index("many")


def test_two_findings_of_one_node_are_no_last_word(capsys: Any, chest: str) -> None:
    assert run(["network", "query", chest, "-e", "lung=clear", "-e", "lung=Asy/Patch"]) == 2
    assert "lung=clear and lung=Asy/Patch" in capsys.readouterr().err
    twice = asked(capsys, "query", chest, "-e", "lung=clear", "-e", "lung=clear")
    assert twice == asked(capsys, "query", chest, "-e", "lung=clear")


def test_an_intervention_is_told_apart_from_a_finding(capsys: Any, chest: str) -> None:
    found = asked(capsys, "query", chest, "--do", "lung=Asy/Patch")
    assert found["interventions"] == ["lung=Asy/Patch"]
    assert found["findings"] == []
    prior = {"no": 0.6, "1/day": 0.3, "many": 0.1}
    assert found["marginals"]["Smoker?"] == pytest.approx(prior, rel=1e-14)
    assert found["probability_of_evidence"] == 1.0


SURE = """
network sure {}
variable cause { type discrete [ 2 ] { " no", yes }; }
variable sign { type discrete [ 2 ] { off, on }; }
probability ( cause ) { table 0.9, 0.1; }
probability ( sign | cause ) { (" no") 1, 0; (yes) 0, 1; }
"""


@pytest.fixture
def sure(tmp_path: Path) -> str:
    path = tmp_path / "sure.bif"
    path.write_text(SURE, encoding="utf-8")
    return str(path)


def test_a_certain_cause_is_explained_without_infinity(capsys: Any, sure: str) -> None:
    found = asked(capsys, "explain", sure, "-t", "cause", "-e", "sign=on")
    assert found["most_relevant"][0]["factor"] is None
    assert found["after"] == 1.0
    assert run(["network", "explain", sure, "-t", "cause", "-e", "sign=on"]) == 0
    assert "only so" in capsys.readouterr().out


def test_names_with_spaces_around_them_are_found(capsys: Any, sure: str) -> None:
    assert asked(capsys, "query", sure, "-e", "cause= no")["marginals"]["sign"]["off"] == 1.0
    assert asked(capsys, "query", sure, "-e", "cause = yes")["marginals"]["sign"]["on"] == 1.0


def test_a_target_that_cannot_be_names_what_rules_it_out(capsys: Any, sure: str) -> None:
    words = ["network", "query", sure, "-e", "cause=yes", "--probability", "sign=0.5,0.5"]
    assert run(words) == 2
    assert "sign with target (0.5, 0.5), cause=yes" in capsys.readouterr().err


def test_joint_law_of_some_nodes(capsys: Any, chest: str) -> None:
    found = asked(capsys, "query", chest, "--joint", "lung", "Smoker?", "-t", "lung")
    law = {tuple(one["states"].values()): one["probability"] for one in found["joint"]}
    assert [list(one["states"]) for one in found["joint"]] == [["lung", "Smoker?"]] * 6
    assert law["Asy/Patch", "many"] == pytest.approx(0.1 * 0.3, rel=1e-14)
    assert law["clear", "no"] == pytest.approx(0.6 * 0.98, rel=1e-14)
    assert sum(law.values()) == pytest.approx(1.0, rel=1e-14)
    assert run(["network", "query", chest, "--joint", "lung", "Smoker?"]) == 0
    assert "lung=clear, Smoker?=no" in capsys.readouterr().out


def test_sensitivity_tells_of_every_entry_unless_a_number_is_given(capsys: Any, chest: str) -> None:
    every = asked(capsys, "sensitivity", chest, "-t", "lung=Asy/Patch")
    assert len(every["functions"]) == every["entries"] == 3 + 3 * 2
    some = asked(capsys, "sensitivity", chest, "-t", "lung=Asy/Patch", "--top", "2")
    assert len(some["functions"]) == 2
    assert some["entries"] == 9


def test_a_file_is_asked_without_all_that_a_run_takes(chest: str) -> None:
    """A question to a file does not wait for the rooms of a run to be read."""
    code = (
        "import sys\n"
        "from perilscope.cli import run\n"
        f"assert run(['network', 'query', {chest!r}, '--json', '-']) == 0\n"
        "sys.exit(any(m in sys.modules for m in ('perilscope.cycle.assess', 'scipy.stats')))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
