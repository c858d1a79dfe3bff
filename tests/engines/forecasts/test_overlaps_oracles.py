# SPDX-License-Identifier: Apache-2.0
"""Intervals of figures over long horizons against histories drawn anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.forecasts import models, overlaps
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.predictive import predict

DAYS, HORIZON, LEVEL, SPREAD = 400, 60, 0.95, 0.03


def drawn(seed: int) -> np.ndarray:
    return SPREAD * np.random.default_rng([7, seed]).standard_normal(DAYS)


TRUE = -math.expm1(SPREAD * math.sqrt(HORIZON) * float(stats.norm.ppf(1 - LEVEL)))


def test_histories_drawn_from_one_scatter_as_fresh_ones_do() -> None:
    """Log VaR of windows about the closed form, in 600 fresh histories and in 40 times 400 drawn.

    The spread of 600 values is known to 3 %; what a history says of its own spread scatters by
    some 30 %, the mean of 40 by 5 %.
    """
    fresh = []
    for seed in range(600):
        path = np.concatenate([[0.0], np.cumsum(drawn(seed))])
        lost = np.sort(path[:-HORIZON] - path[HORIZON:])
        fresh.append(lost[math.ceil(lost.size * LEVEL) - 1] + math.log1p(-TRUE))
    told = [overlaps.errors(drawn(seed), HORIZON, LEVEL, seed)[0] for seed in range(1000, 1040)]
    means, spreads = ([float(f(each)) for each in told] for f in (np.mean, np.std))
    assert np.mean(spreads) == pytest.approx(np.std(fresh), rel=0.2)
    # windows that overlap stay below: what they are short of is seen as well
    assert np.mean(means) == pytest.approx(np.mean(fresh), abs=0.25 * float(np.std(fresh)))
    assert np.mean(fresh) < 0.0


@pytest.mark.parametrize("name", ["historical", "evt"])
def test_six_windows_apart_say_little_and_are_told_so(name: str) -> None:
    """Of 100 histories at least 79 hold the truth (88 expected, 3 standard errors)."""
    held, model = 0, models.named(name)
    for seed in range(100):
        sample = Sample(np.expm1(drawn(seed))[:, None], np.ones(1), HORIZON, seed)
        found = predict(model, sample)
        (low, high), (less, more) = found.interval(LEVEL)
        assert less <= found.cvar(LEVEL) <= more
        held += low <= TRUE <= high
    assert held >= 79


def test_weights_that_are_equal_change_nothing() -> None:
    days = drawn(3)
    even = np.full(DAYS - HORIZON + 1, 1.0 / (DAYS - HORIZON + 1))
    plain, weighted = (overlaps.errors(days, HORIZON, LEVEL, 1, w) for w in (None, even))
    for one, two in zip(plain, weighted, strict=True):
        assert one == pytest.approx(two, abs=1e-9)


def test_a_short_that_lost_everything_keeps_its_own_interval() -> None:
    moves = np.full((100, 1), 0.02)
    sample = Sample(moves, -np.ones(1), 30)
    ends = ((0.7, 0.9), (0.8, 1.3))
    assert overlaps.widened(sample, LEVEL, (1.2, 1.4), ends) == ends
