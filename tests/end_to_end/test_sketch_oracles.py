# SPDX-License-Identifier: Apache-2.0
"""A second institution: the one sketched with the design, with its own figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import perilscope

SKETCH = Path(__file__).parents[3] / "shared" / "design" / "FACE.md"
NETWORK = """\
period: 1 year
nodes:
  depeg: {states: [no, yes], table: [98 %, 2 %]}
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not SKETCH.is_file():
        pytest.skip(f"the sketch is not here: {SKETCH.name}")
    folder = tmp_path_factory.mktemp("sketch")
    book = re.search(r"```yaml\n(institution:.*?)```", SKETCH.read_text(encoding="utf-8"), re.S)
    assert book
    text = re.sub(r"^(positions|prices):.*\n", "", book[1], flags=re.M)
    (folder / "book.yaml").write_text(text, encoding="utf-8")
    (folder / "models").mkdir()
    for name in ("usdc-peg", "staff-to-phishing"):
        (folder / "models" / f"{name}.yaml").write_text(NETWORK, encoding="utf-8")
    run = perilscope.quantify(folder, engine="both", years=200_000)
    return run.document


def rounded(value: float, digits: int = 2) -> float:
    return float(f"{value:.{digits}g}")


def test_the_cost_of_years(document: dict[str, Any]) -> None:
    whole = document["enterprise"]
    assert rounded(whole["ale"]) == 750_000
    assert rounded(whole["var"]["0.95"]) == 2.1e6
    assert rounded(whole["cvar"]["0.95"]) == 5.0e6
    assert rounded(whole["var"]["0.99"]) == 8.3e6
    assert rounded(whole["cvar"]["0.99"]) == 9.8e6
    assert round(whole["probability_of_loss"], 2) == 0.98


def test_where_it_comes_from(document: dict[str, Any]) -> None:
    by_id = {s["id"]: s for s in document["scenarios"]}
    wanted = {
        "pm-phishing": (250e3, 0.33, 0.03),
        "protocol-exploit": (200e3, 0.27, 0.03),
        "exchange-default": (130e3, 0.17, 0.80),
        "trading-error": (79e3, 0.10, 0.01),
        "hot-key-theft": (56e3, 0.07, 0.13),
        "data-breach": (36e3, 0.05, 0.01),
    }
    assert [s["id"] for s in document["scenarios"]] == list(wanted)
    for key, (ale, average, tail) in wanted.items():
        assert rounded(by_id[key]["ale"]) == pytest.approx(ale, rel=0.02), key
        assert by_id[key]["share_of_ale"] == pytest.approx(average, abs=0.0101), key
        assert by_id[key]["share_of_tail"] == pytest.approx(tail, abs=0.0101), key


def test_what_money_buys(document: dict[str, Any]) -> None:
    by_id = {c["id"]: c for c in document["controls"]}
    phishing, settle = by_id["anti-phishing"], by_id["off-exchange-settle"]
    assert (rounded(phishing["ale_reduction"]), round(phishing["rosi"], 2)) == (200e3, 3.0)
    assert rounded(phishing["var99_with"]) == 8.1e6
    assert (rounded(settle["ale_reduction"]), round(settle["rosi"], 2)) == (96e3, 0.59)
    assert rounded(settle["var99_with"]) == 3.5e6


def test_limits(document: dict[str, Any]) -> None:
    states = [(x["measure"], round(x["used"], 2), x["breached"]) for x in document["limits"]]
    assert ("expected loss per year", 1.25, True) in states
    assert ("loss in a 1-in-100 year", 1.67, True) in states
    assert ("balance at one exchange", 1.25, True) in states
