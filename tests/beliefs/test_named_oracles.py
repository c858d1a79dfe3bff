# SPDX-License-Identifier: Apache-2.0
"""PERT figures that were recomputed independently of this project."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from perilscope.beliefs.named import build

CASES = Path(__file__).parents[3] / "shared" / "data" / "reference" / "cases.yaml"


def test_reference_pert() -> None:
    if not CASES.exists():
        pytest.skip(f"no reference cases at {CASES}: private data, compared only where present")
    read = YAML(typ="safe").load(CASES)["cases"]
    cases = [c for c in read if c["id"].startswith("PERT-") and c["inputs"]["gamma"] == 4]
    assert len(cases) >= 5
    for case in cases:
        ends = {name: float(case["inputs"][name]) for name in ("low", "mode", "high")}
        law, expected = build("pert", ends), case["expected"]
        assert law.mean == pytest.approx(expected["mean"], rel=1e-9)
        assert (law.second - law.mean**2) ** 0.5 == pytest.approx(expected["sd"], rel=1e-9)
        for level in ("05", "50", "95", "99"):
            found = float(law.ppf(float(f"0.{level}")))
            assert found == pytest.approx(expected[f"q{level}"], rel=1e-9)
