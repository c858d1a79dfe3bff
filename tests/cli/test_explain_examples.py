# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run
from perilscope.cycle.amounts import money

EXAMPLE = Path(__file__).parents[2] / "examples" / "hedge-fund"


def explain(*arguments: object) -> int:
    return run(["explain", str(EXAMPLE), *map(str, arguments), "--engine", "exact"])


def test_every_leaf_stands_with_its_source(capsys: Any) -> None:
    assert explain("pm-phishing") == 0
    said = capsys.readouterr().out
    for part in ("1 in 2 years", "own phishing tests", "ciso", "500k USD", "$250k a year"):
        assert part in said


def test_what_the_log_changed_and_did_not_change_is_told(capsys: Any) -> None:
    explain("trading-error")
    assert "The log changed frequency" in capsys.readouterr().out
    explain("mis-sent-transfer")
    assert "Not changed, but seen" in " ".join(capsys.readouterr().out.split())


def test_the_tree_has_every_node_in_order_and_multiplies_up(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    assert explain("approval-drain", "--json", path) == 0
    said = " ".join(capsys.readouterr().out.split())
    place = 0
    for name in names(json.loads(path.read_text(encoding="utf-8"))["tree"]):
        place = said.index(name, place + 1)
    # 2 a week; beta(2, 38) has mean 1/20; the log of tests has not changed it
    assert "Contact frequency 104 a year" in said
    assert "How it multiplies up" in said
    assert "Threat capability exceeds resistance strength with" in said


def names(node: dict[str, Any]) -> list[str]:
    """Names of a tree, parents first."""
    return [node["name"], *(name for child in node["children"] for name in names(child))]


def test_chance_and_what_is_not_known_are_told_apart(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    explain("hot-key-theft", "--json", path)
    said = " ".join(capsys.readouterr().out.split())
    row = json.loads(path.read_text(encoding="utf-8"))
    low, high = (money(end) for end in row["ale_interval"])
    assert f"Chance: 1 year in 100 exceeds {money(row['var']['0.99'])}" in said
    assert f"Not knowing: the average year lies between {low} and {high} (90 %)" in said
    for swing in row["tornado"]:
        for end in swing["cvar99"]:
            assert money(end) in said[said.index("What the worst years are sensitive to") :]


def test_a_network_that_drives_is_told(capsys: Any) -> None:
    explain("payment-phishing")
    assert "From network staff: transfer" in capsys.readouterr().out


def test_the_document_of_one_scenario(capsys: Any) -> None:
    assert explain("protocol-exploit", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["ale"] == pytest.approx(200_000, rel=1e-9)


def test_an_unknown_scenario_is_wrong_use_with_a_hint(capsys: Any) -> None:
    assert explain("pm-fishing") == 2
    assert "pm-phishing" in capsys.readouterr().err
