# SPDX-License-Identifier: Apache-2.0
"""Intervals of market models hold what they are about nine times in ten.

Here with few simulations of the quick models; `docs/interval-coverage.md` has 5,000 of each model.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.forecasts import models
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.volatility import garch

from ..intervals_held import CASES, Case, coverage

QUICK = {
    "historical:true": 150,
    "historical:wrong": 100,
    "age-weighted:true": 60,
    "normal:true": 150,
    "evt:true": 100,
    "volatility-weighted:true": 80,
}
COMPILED = {"garch:wrong": 50, "fhs:true": 50, "conditional-evt:true": 50}
"""Where Numba is installed."""


def named(case: Case) -> str:
    return f"{case.model}:{case.kind}"


@pytest.mark.parametrize("case", [c for c in CASES if named(c) in {**QUICK, **COMPILED}], ids=named)
def test_intervals_hold_in_a_few_simulations(case: Case) -> None:
    if named(case) in COMPILED and not garch.prepare():
        pytest.skip("without numba this takes too long")
    count = {**QUICK, **COMPILED}[named(case)]
    for share in coverage(case, count):
        assert abs(share - 0.90) < 0.02 + 3.5 * math.sqrt(0.9 * 0.1 / count)


def test_no_interval_is_a_point_on_either_side_of_the_threshold() -> None:
    r = 0.05 + 3.0 * np.random.default_rng(1).standard_t(6, 1000) * math.sqrt(4 / 6)
    found = models.named("conditional-evt").fit(Sample(np.expm1(r / 100)[:, None], np.ones(1)))
    for level in (0.55, 0.8, 0.89, 0.9, 0.91, 0.975, 0.999):
        values = found.law.var(level), found.law.cvar(level)
        for value, (low, high) in zip(values, found.interval(level), strict=True):
            assert low < 0.99 * value < 1.01 * value < high, level
