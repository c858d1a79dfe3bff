# SPDX-License-Identifier: Apache-2.0
"""What the empirical and parametric laws take and refuse; the bootstrap repeats and is quick."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from perilscope.engines.portfolio import bootstrap, returns
from perilscope.engines.portfolio.parametric import LEAST_DF, MOST_DF, fit_normal, fit_student
from perilscope.errors import AssessmentError, MisuseError

LOSSES = np.random.default_rng(1).standard_t(3, 2500) * 1e5


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 99.0, math.nan])
@pytest.mark.parametrize("method", [returns.historical, returns.normal, returns.student])
def test_a_level_is_a_probability(method: object, level: float) -> None:
    with pytest.raises(MisuseError, match="between 0 and 1"):
        method(LOSSES, level)  # type: ignore[operator]


@pytest.mark.parametrize("method", [returns.historical, returns.normal, returns.student])
def test_no_losses_or_no_numbers(method: object) -> None:
    with pytest.raises(AssessmentError, match="no losses"):
        method(np.array([]), 0.95)  # type: ignore[operator]
    with pytest.raises(AssessmentError, match="finite"):
        method(np.array([1.0, math.nan]), 0.95)  # type: ignore[operator]


def test_prices_that_make_no_returns() -> None:
    with pytest.raises(AssessmentError, match="more history"):
        returns.overlapping(np.ones((7, 1)), 7)
    with pytest.raises(AssessmentError, match="zero or negative"):
        returns.overlapping(np.array([[1.0], [0.0]]), 1)
    with pytest.raises(AssessmentError, match="missing"):
        returns.overlapping(np.array([[1.0], [math.nan]]), 1)
    with pytest.raises(MisuseError):
        returns.overlapping(np.ones((7, 1)), 0)


def test_weights_and_chances_are_checked() -> None:
    for weights in ([1.0], [-1.0, 2.0], [0.0, 0.0], [math.nan, 1.0]):
        with pytest.raises(MisuseError, match="weights"):
            returns.historical(np.array([1.0, 2.0]), 0.5, np.array(weights))
    one = np.array([1.0])
    for sets in ([(0.5, one)], [(1.5, one), (-0.5, one)], [(1.0, np.array([]))], []):
        with pytest.raises(MisuseError):
            returns.reweighted(sets, 0.95)


def test_a_set_that_cannot_happen_may_be_empty() -> None:
    assert returns.reweighted([(1.0, np.array([5.0])), (0.0, np.array([]))], 0.9) == (5.0, 5.0)


def test_a_portfolio_that_never_moves() -> None:
    still = np.zeros(100)
    assert returns.historical(still, 0.99) == (0.0, 0.0)
    assert returns.normal(still, 0.99) == (0.0, 0.0)
    assert returns.student(still, 0.99) == (0.0, 0.0)
    assert fit_student(still).intervals(0.99) == ((0.0, 0.0), (0.0, 0.0))
    assert fit_normal(still).intervals(0.99) == ((0.0, 0.0), (0.0, 0.0))
    assert bootstrap.block_bootstrap(still, 0.99, 1) == ((0.0, 0.0), (0.0, 0.0))


def test_a_pegged_coin_has_no_t_law() -> None:
    pegged = np.concatenate([np.zeros(60), np.linspace(-1, 1, 40)])
    with pytest.raises(AssessmentError, match="historical"):
        fit_student(pegged)
    with pytest.raises(AssessmentError, match="too few"):
        fit_student(np.arange(5.0))


def test_degrees_of_freedom_stay_within_bounds() -> None:
    rng = np.random.default_rng(3)
    wild = fit_student(rng.standard_cauchy(500))
    tame = fit_student(rng.uniform(-1, 1, 500))
    assert wild.at_bound
    assert wild.df == pytest.approx(LEAST_DF, rel=1e-3)
    assert tame.at_bound
    assert tame.df == pytest.approx(MOST_DF, rel=1e-3)
    for fit in (wild, tame):
        (low, high), _ = fit.intervals(0.99)
        assert 0.0 < low < fit.measures(0.99)[0] < high < math.inf


def test_bootstrap_repeats_and_every_name_has_its_own_stream() -> None:
    first = bootstrap.block_bootstrap(LOSSES, 0.99, 1)
    assert first == bootstrap.block_bootstrap(LOSSES, 0.99, 1)
    assert first != bootstrap.block_bootstrap(LOSSES, 0.99, 2)
    assert first != bootstrap.block_bootstrap(LOSSES, 0.99, 1, name="ten days")


def test_all_levels_come_from_the_same_series() -> None:
    levels = (0.95, 0.975, 0.99)
    together = bootstrap.intervals(LOSSES, levels, 1)
    assert together == tuple(bootstrap.block_bootstrap(LOSSES, level, 1) for level in levels)


def test_bootstrap_by_hand() -> None:
    # the same resampling, each series measured on its own by the definition
    losses, level = LOSSES[:200], 0.95
    drawn = bootstrap._resampled(losses, 7, 50, bootstrap._stream(3, "losses"))
    assert drawn.shape == (50, 200)
    for series in drawn[:5]:  # glued from blocks of neighbours
        at = [int(np.flatnonzero(losses == x)[0]) for x in series]
        assert all(at[i + 1] == at[i] + 1 for i in range(199) if (i + 1) % 7)
    each = np.sort([returns.historical(series, level) for series in drawn], axis=0)
    expected = [(each[2, column], each[47, column]) for column in (0, 1)]
    got = bootstrap.block_bootstrap(losses, level, 3, block=7, reps=50)
    assert np.array(got) == pytest.approx(np.array(expected), rel=1e-12)


def test_a_short_series_still_has_an_interval() -> None:
    (low, high), _ = bootstrap.block_bootstrap(np.array([1.0, 2.0]), 0.9, 1)
    assert 1.0 <= low <= high <= 2.0
    with pytest.raises(MisuseError):
        bootstrap.block_bootstrap(LOSSES, 0.9, 1, block=0)
    with pytest.raises(MisuseError):
        bootstrap.block_bootstrap(LOSSES, 0.9, 1, reps=3)


def test_bootstrap_of_seven_years_is_quick() -> None:
    spent = []
    for _ in range(3):
        start = time.process_time()
        bootstrap.intervals(LOSSES, (0.95, 0.975, 0.99), 1, reps=400)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.1
