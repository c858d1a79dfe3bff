# SPDX-License-Identifier: Apache-2.0
"""The same book, data, seed and version give the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .conftest import EXAMPLE

FEW = ("--years", "100000")


def test_threads_and_hash_seeds_change_no_byte(perilscope: Any) -> None:
    environments = [
        {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "1"},
        {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "2"},
    ]
    texts = []
    for environment in environments:
        done = perilscope("run", EXAMPLE, *FEW, "--json", "-", **environment)
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    assert texts[0] == texts[1]


def test_the_report_has_the_same_bytes_twice(perilscope: Any, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        done = perilscope("run", EXAMPLE, "--years", "10000", "--quiet", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        pages.append((tmp_path / name / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_adding_a_scenario_moves_no_other_number(perilscope: Any, example: Path) -> None:
    def scenarios() -> dict[str, Any]:
        done = perilscope("run", example, *FEW, "--json", "-")
        assert done.returncode == 0, done.stderr
        return {s["id"]: s for s in json.loads(done.stdout)["scenarios"]}

    before = scenarios()
    file = example / "scenarios.yaml"
    text = file.read_text(encoding="utf-8")
    marker = "\nscenarios:\n" if "\nscenarios:\n" in text else "scenarios:\n"
    assert marker in text
    extra = "  added-here: {asset: positions, frequency: 1 in 3 years, magnitude: 10k to 90k}\n"
    file.write_text(text.replace(marker, marker + extra, 1), encoding="utf-8")
    after = scenarios()
    assert set(after) == {*before, "added-here"}
    own = ("ale", "sd", "probability_of_loss", "var", "cvar", "error", "simulation")
    for key, row in before.items():
        assert {name: after[key][name] for name in own} == {name: row[name] for name in own}, key
