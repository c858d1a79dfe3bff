# SPDX-License-Identifier: Apache-2.0
"""`run`, `run`, `diff`: evidence moves the enterprise figure and the waterfall says that it did."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "hedge-fund")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    one, two = folder / "a", folder / "b"
    common = ["run", EXAMPLE, "--engine", "exact", "--quiet"]
    assert run([*common, "--out", str(one)]) == 0
    assert run([*common, "--out", str(two), "--evidence", "depeg=yes"]) == 0
    return one, two


def test_the_waterfall_explains_evidence(runs: tuple[Path, Path], tmp_path: Path) -> None:
    told, drawn = tmp_path / "d.json", tmp_path / "d.svg"
    assert run(["diff", *map(str, runs), "--json", str(told), "--chart", str(drawn)]) == 0
    found = json.loads(told.read_text())
    cvar = found["measures"]["cvar_0.99"]
    assert cvar["to"] > 1.01 * cvar["from"]
    before, after = (json.loads((r / "run.json").read_text())["enterprise"] for r in runs)
    assert (cvar["from"], cvar["to"]) == (before["cvar"]["0.99"], after["cvar"]["0.99"])
    assert cvar["kinds"]["evidence"] == pytest.approx(cvar["moved"], rel=1e-9)
    assert math.fsum(bar["value"] for bar in cvar["bars"]) == pytest.approx(cvar["moved"])
    assert [bar["name"] for bar in cvar["bars"]] == ["usdc-peg.depeg=yes"]
    assert found["method"]["reproduced"]
    assert [each["id"] for each in found["contributions"][:2]] == ["market", "usdc-below-par"]
    assert "<svg" in drawn.read_text()


def test_json_stands_alone_on_standard_output(runs: tuple[Path, Path], capsys: Any) -> None:
    assert run(["diff", *map(str, runs), "--json", "-", "--measure", "ale"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["format"] == 1
    assert "Why the average year moved" in printed.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere", "nowhere"], 2, "no run at"),
        (["{a}", "{b}", "--measure", "luck"], 2, "no measure is called 'luck'"),
        (["{a}"], 2, "RUN_B"),
    ],
)
def test_wrong_use_is_said(
    runs: tuple[Path, Path], arguments: list[str], code: int, said: str, capsys: Any
) -> None:
    filled = [text.format(a=runs[0], b=runs[1]) for text in arguments]
    assert run(["diff", *filled]) == code
    assert said in capsys.readouterr().err


def test_without_inputs_on_request(tmp_path: Path) -> None:
    book, out = tmp_path / "book.yaml", tmp_path / "o"
    book.write_text(
        "institution: {name: Small}\ncurrency: USD\nas_of: 2026-11-20\n"
        "assets: {desk: {kind: other}}\n"
        "scenarios: {x: {asset: desk, frequency: 1 per year, magnitude: 5k}}\n"
    )
    given = ["run", str(book), "--engine", "exact", "--quiet", "--out", str(out)]
    assert run([*given]) == 0
    assert (out / "inputs.zip").is_file()
    assert run([*given, "--no-inputs"]) == 0
    assert not (out / "inputs.zip").exists()  # those of the earlier run are not this one's
