# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run

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


def test_a_network_that_drives_is_told(capsys: Any) -> None:
    explain("payment-phishing")
    assert "From network staff: transfer" in capsys.readouterr().out


def test_the_document_of_one_scenario(capsys: Any) -> None:
    assert explain("protocol-exploit", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["ale"] == pytest.approx(200_000, rel=1e-9)


def test_an_unknown_scenario_is_wrong_use_with_a_hint(capsys: Any) -> None:
    assert explain("pm-fishing") == 2
    assert "pm-phishing" in capsys.readouterr().err
