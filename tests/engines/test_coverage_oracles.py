# SPDX-License-Identifier: Apache-2.0
"""Intervals of market models hold what they are about nine times in ten.

Here with few simulations of the quick models; set PERILSCOPE_COVERAGE to a number of simulations to
measure every model.
"""

from __future__ import annotations

import math
import os

import pytest

from .coverage import CASES, Case, coverage

COUNT = int(os.environ.get("PERILSCOPE_COVERAGE", "0"))
QUICK = ("historical", "normal", "evt")


def named(case: Case) -> str:
    return f"{case.model}-{case.kind}"


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.model in QUICK and c.kind == "true"], ids=named
)
def test_intervals_hold_in_a_few_simulations(case: Case) -> None:
    count = 150
    for share in coverage(case, count):
        assert abs(share - 0.90) < 0.02 + 3.5 * math.sqrt(0.9 * 0.1 / count)


@pytest.mark.acceptance
@pytest.mark.parametrize("case", CASES, ids=named)
def test_intervals_hold(case: Case) -> None:
    if not COUNT:
        pytest.skip("COVERAGE IS NOT MEASURED: set PERILSCOPE_COVERAGE=5000")
    noise = 2.0 * math.sqrt(0.9 * 0.1 / COUNT)
    for share in coverage(case, COUNT):
        assert 0.88 - noise <= share <= 0.92 + noise
