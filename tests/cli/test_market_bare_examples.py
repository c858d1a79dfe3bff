# SPDX-License-Identifier: Apache-2.0
"""Stresses and contributions of bare price files and weights, by hand."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.cli import run

WEIGHTS = {"BTC": 0.6, "SOL": -0.2, "USDC": 0.6}
WORTH = 1_000_000.0


@pytest.fixture
def moves() -> np.ndarray[Any, Any]:
    return np.clip(np.random.default_rng(8).standard_t(4, (300, 3)) * [0.03, 0.05, 1e-3], -0.6, 1)


@pytest.fixture
def files(tmp_path: Path, moves: np.ndarray[Any, Any]) -> tuple[str, ...]:
    levels = np.vstack([np.ones(3), np.cumprod(1.0 + moves, axis=0)]) * [40_000.0, 100.0, 1.0]
    rows = ["date,BTC,SOL,USDC"]
    rows += [
        f"{date(2024, 1, 1) + timedelta(k)}," + ",".join(map(repr, map(float, row)))
        for k, row in enumerate(levels)
    ]
    path = tmp_path / "closes.csv"
    path.write_text("\n".join(rows) + "\n")
    said = ",".join(f"{asset}={weight}" for asset, weight in WEIGHTS.items())
    return "--prices", str(path), "--weights", said


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run(["market", *words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_contributions_add_up_to_the_cvar_of_the_shares(
    capsys: Any, files: tuple[str, ...], moves: np.ndarray[Any, Any]
) -> None:
    found = asked(capsys, "contributions", *files, "--level", "0.975")
    weights = np.array(list(WEIGHTS.values()))
    parts = -moves * weights * WORTH
    losses = parts.sum(axis=1)
    order = np.argsort(-losses)
    mass = np.zeros(300)
    mass[order[:7]] = 1.0  # 300 x 0.025 = 7.5 days
    mass[order[7]] = 0.5
    want = dict(zip(WEIGHTS, mass @ parts / 7.5, strict=True))
    assert found["cvar"] == pytest.approx(mass @ losses / 7.5)
    for row in found["contributions"]["asset"]:
        assert row["cvar"] == pytest.approx(want[row["name"]], abs=1e-6)
    assert any("1,000,000" in text for text in found["findings"])


def test_an_episode_by_hand_no_peg_assumed(capsys: Any, files: tuple[str, ...]) -> None:
    found = asked(capsys, "stress", *files, "--shock", "BTC=-50%", "--shock", "*=-10%")
    own = {m["asset"]: m["loss"] for m in found["shocked"]["moved"]}
    assert own == pytest.approx({"BTC": 300_000.0, "SOL": -20_000.0, "USDC": 60_000.0})
    crash = next(each for each in found["episodes"] if each["id"] == "2020-03-12")
    for moved in crash["moved"]:
        lost = -moved["move"] * WEIGHTS[moved["asset"]] * WORTH
        assert moved["loss"] == pytest.approx(lost)


def test_what_cannot_be_asked_of_bare_files(capsys: Any, files: tuple[str, ...]) -> None:
    assert run(["market", "stress", *files[:2]]) == 2
    assert "what is held?" in capsys.readouterr().err
    assert run(["market", "stress", *files[:2], "--weights", "XYZ=1"]) == 2
    assert "there are no prices" in capsys.readouterr().err
    assert run(["market", "contributions", "examples/hedge-fund", *files]) == 2
    assert "not both" in capsys.readouterr().err
    assert run(["market", "contributions", "examples/hedge-fund", "--from", "2024-02-01"]) == 2
    assert "not a BOOK" in capsys.readouterr().err
    found = asked(capsys, "contributions", *files, "--from", "2024-06-01", "--to", "2024-09-30")
    assert found["as_of"] == "2024-09-30"


def test_a_loss_is_a_share_of_the_weights_or_an_amount(
    capsys: Any, files: tuple[str, ...], moves: np.ndarray[Any, Any]
) -> None:
    found = asked(capsys, "stress", *files, "--loss", "20 %")["reverse"]
    deviation = (
        moves @ np.array(list(WEIGHTS.values()))
    ).std()  # linear: the mildest in closed form
    assert found["loss"] == pytest.approx(0.2 * WORTH, rel=1e-6)
    assert found["distance"] == pytest.approx(0.2 / deviation, rel=1e-6)
    assert asked(capsys, "stress", *files, "--loss", "200k")["reverse"] == found
    assert run(["market", "stress", *files, "--loss", "0.2"]) == 2
    assert "write a share as `20 %`" in capsys.readouterr().err
