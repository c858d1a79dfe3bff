# SPDX-License-Identifier: Apache-2.0
"""`feedback` on the book of its guide: figures that hang together, and wrong use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "feedback.md").read_text(encoding="utf-8")
DATA = ROOT / "examples" / "hedge-fund" / "data"
HEAD = f"""
institution: {{name: Example}}
currency: USD
as_of: 2026-11-20
assets: {{desk: {{kind: other}}}}
positions: {DATA / "positions.csv"}
prices: {DATA / "prices.csv"}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    block = re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)[0]
    path = tmp_path_factory.mktemp("book") / "book.yaml"
    path.write_text(HEAD + block)
    return path


def test_the_book_of_the_guide(book: Path, capsys: Any) -> None:
    assert run(["feedback", str(book), "--slices", "12", "--json", "-"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["slices"] == 12
    assert found["slice_days"] == 30
    law, apart, capital = found["law"], found["apart"], found["capital"]
    assert law["cvar"]["0.99"] > law["var"]["0.99"] > 0.0
    assert law["cvar"]["0.99"] > apart["cvar"]["0.99"]
    assert law["outside"] < 1e-6
    assert law["error"]["0.99"] < 1e-3 * law["cvar"]["0.99"]
    assert capital["capital"] > capital["var"]
    assert capital["ruined_with_var"] > 0.01 > 1.0 - capital["survives"] - 1e-12
    starting = {(row["node"], row["state"]): row["cvar"]["0.99"] for row in found["starting"]}
    assert starting["stress", "stressed"] > starting["stress", "calm"]
    assert "Capital that lasts" in printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--survival", "1.2"], "at least 0.5 and below 1"),
        (["--slices", "0"], "at least 1"),
        (["--evidence", "stress=bad"], "has the states"),
        (["--evidence", "nothing=yes"], "no such node"),
        (["--horizon", "never"], "--horizon"),
    ],
)
def test_wrong_use_is_said(book: Path, arguments: list[str], said: str, capsys: Any) -> None:
    assert run(["feedback", str(book), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_book_without_it_says_so(capsys: Any) -> None:
    assert run(["feedback", str(ROOT / "examples" / "hedge-fund")]) == 2
    assert "no `feedback:`" in capsys.readouterr().err


def test_holdings_that_run_on_are_simulated_and_checked(
    book: Path, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "hold.yaml"
    text = book.read_text().replace("  slices: 52\n", "  slices: 12\n  rebalance: hold\n")
    path.write_text(text)
    assert run(["feedback", str(path), "--years", "20000", "--json", "-"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert abs(found["check"]["gap"]) < 5.0
    held = sum(found["held"].values())
    assert 0.0 < found["law"]["cvar"]["0.95"] < 1.1 * held
    assert found["law"]["effective"]["0.999"] < 50.0
    assert found["law"]["cvar"]["0.999"] is None  # too thin a tail: no figure
    assert "whose tail is worth" in printed.err
    path.write_text(text.replace("rebalance: hold", "rebalance: reset").replace(
        "    moves:", "    liquidation: {below: 60 %, costs: 5 %}\n    moves:"
    ))  # fmt: skip
    assert run(["feedback", str(path)]) == 1
    assert "rebalance: hold" in capsys.readouterr().err
