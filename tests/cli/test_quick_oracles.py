# SPDX-License-Identifier: Apache-2.0
"""A plain register, without a book."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from perilscope.book import table
from perilscope.cli import run
from perilscope.errors import BookError

CASES = Path(__file__).parents[3] / "shared" / "data" / "reference" / "cases.yaml"


def quick(capsys: Any, *arguments: object) -> tuple[int, dict[str, Any]]:
    code = run(["quick", *map(str, arguments), "--json", "-"])
    return code, json.loads(capsys.readouterr().out)


def test_one_scenario_of_fixed_size_in_closed_form(capsys: Any) -> None:
    code, found = quick(capsys, "--frequency", "0.2 per year", "--severity", "1M")
    assert code == 0
    whole = found["enterprise"]
    assert whole["ale"] == pytest.approx(200_000, rel=1e-12)
    assert whole["sd"] == pytest.approx(1e6 * math.sqrt(0.2), rel=1e-12)
    assert whole["var"]["0.99"] == 2e6


def test_natural_logarithms_of_the_currency(capsys: Any) -> None:
    _, found = quick(
        capsys, "--frequency", "1 per year", "--severity", "lognormal(mu=0, sigma=2)",
        "--engine", "exact",
    )  # fmt: skip
    assert found["enterprise"]["ale"] == pytest.approx(math.exp(2), rel=1e-9)


def test_a_register_with_a_converged_truth(capsys: Any, tmp_path: Path) -> None:
    if not CASES.is_file():
        pytest.skip(f"the reference cases are not here: {CASES.name} beside the project")
    cases = YAML(typ="safe", pure=True).load(CASES.read_text(encoding="utf-8"))
    known = next(c for c in (cases["cases"] if isinstance(cases, dict) else cases)
                 if c["id"] == "TRUTH-REG20")  # fmt: skip
    lines = ["name,frequency,severity"]
    for item in known["inputs"]["register"]:
        law, rate = item["freq"]
        name, *numbers = item["sev"]
        text = {
            "lognormal90": lambda a, b: f"lognormal(p5={a!r}, p95={b!r})",
            "pert": lambda *x: "pert(" + ", ".join(map(repr, x)) + ")",
        }[name](*numbers)
        lines.append(f'{item["name"]},{law}({rate!r}),"{text}"')
    path = tmp_path / "reg20.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, found = quick(capsys, path, "--years", 200_000)
    assert code == 0
    assert len(found["scenarios"]) == 20
    for level in ("95", "99", "999"):
        key = f"0.{level}"
        assert found["enterprise"]["var"][key] == pytest.approx(
            known["expected"][f"VaR{level}"], rel=1e-5
        )
        assert found["enterprise"]["cvar"][key] == pytest.approx(
            known["expected"][f"TVaR{level}"], rel=1e-5
        )


def test_every_fault_of_a_table_has_its_line() -> None:
    text = b"id,frequency,severity\na,0.5,100k\nb,poisson(-1),5k\nc,1 in 2 years,5m\n"
    with pytest.raises(BookError) as refused:
        table.register("r.csv", text, currency="USD", as_of="2026-01-31")
    assert [(f.line, f.path) for f in refused.value.faults] == [
        (2, "a.frequency"),
        (3, "b.frequency"),
        (4, "c.severity"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "no column"),
        (b"id,frequency\na,1 in 2 years\n", "severity"),
        (b"id,frequency,severity,colour\n", "colour"),
        (b"id,frequency,severity\n", "no rows"),
        (b"id,frequency,severity\na,1 in 2 years,5k\na,1 in 2 years,5k\n", "twice"),
        (b"id,frequency,severity\na,1 in 2 years,pert(1k,2k,3k)\n", "cells"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_broken_table_is_refused_with_the_reason(text: bytes, says: str) -> None:
    with pytest.raises(BookError, match=says):
        table.register("r.csv", text, currency="USD", as_of="2026-01-31")


@pytest.mark.parametrize(
    "arguments", [(), ("--frequency", "1 per year"), ("x.csv", "--severity", "5k")]
)
def test_half_a_question_is_wrong_use(arguments: tuple[str, ...], capsys: Any) -> None:
    assert run(["quick", *arguments]) == 2
    assert "--frequency and --severity" in capsys.readouterr().err


def test_the_terminal_shows_rows_and_total(capsys: Any) -> None:
    assert run(["quick", "--frequency", "1 in 5 years", "--severity", "1M", "--years", "2000"]) == 0
    said = capsys.readouterr().out
    assert "total" in said
    assert "$200k" in said
