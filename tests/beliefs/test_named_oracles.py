# SPDX-License-Identifier: Apache-2.0
"""PERT figures that were recomputed independently of this project."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perilscope.beliefs.named import build

from ..reference import cases_like


def test_reference_pert() -> None:
    cases = cases_like("PERT-")
    weights = [case["inputs"]["gamma"] for case in cases]
    assert weights.count(4) >= 5
    assert 2 in weights
    for case, weight in zip(cases, weights, strict=True):
        ends = {name: float(case["inputs"][name]) for name in ("low", "mode", "high")}
        more = {} if weight == 4 else {"lambda": float(weight)}
        law, expected = build("pert", ends | more), case["expected"]
        assert law.mean == pytest.approx(expected["mean"], rel=1e-9)
        assert (law.second - law.mean**2) ** 0.5 == pytest.approx(expected["sd"], rel=1e-9)
        for level in ("05", "50", "95", "99"):
            found = float(law.ppf(float(f"0.{level}")))
            assert found == pytest.approx(expected[f"q{level}"], rel=1e-9)


def test_reference_metalogs() -> None:
    cases = cases_like("MLOG-")
    assert len(cases) >= 3
    for case in cases:
        alpha, expected = Decimal(str(case["inputs"]["alpha"])), case["expected"]
        levels = (alpha * 100, Decimal(50), (1 - alpha) * 100)
        names = [f"p{level.normalize():f}" for level in levels]
        law = build("metalog", dict(zip(names, map(float, case["inputs"]["q"]), strict=True)))
        assert law.mean == pytest.approx(expected["mean"], rel=1e-10)
        for level in ("01", "99"):
            found = float(law.ppf(float(f"0.{level}")))
            assert found == pytest.approx(expected[f"q{level}"], rel=1e-10)
