# SPDX-License-Identifier: Apache-2.0
"""Laws that empirical measures of loss obey, whatever the sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perilscope.engines.portfolio.returns import (
    contributions,
    historical,
    overlapping,
    pnl,
    reweighted,
    tail_weights,
)

number = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
samples = hnp.arrays(np.float64, st.integers(1, 60), elements=number)
relaxed = settings(deadline=None)
levels = st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99])


@relaxed
@given(samples, levels)
def test_weights_that_are_equal_change_nothing(losses: np.ndarray, level: float) -> None:
    got = historical(losses, level, np.full(losses.size, 3.0))
    assert got == pytest.approx(historical(losses, level), rel=1e-9, abs=1e-6)


@relaxed
@given(samples, levels, st.data())
def test_whole_weights_are_repetitions(
    losses: np.ndarray, level: float, data: st.DataObject
) -> None:
    counts = data.draw(hnp.arrays(np.int64, losses.size, elements=st.integers(0, 4)))
    if not counts.sum():
        return
    got = historical(losses, level, counts.astype(float))
    expected = historical(np.repeat(losses, counts), level)
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-5)


@relaxed
@given(samples, levels)
def test_cvar_is_between_var_and_the_worst(losses: np.ndarray, level: float) -> None:
    var, cvar = historical(losses, level)
    assert var <= cvar <= losses.max() + 1e-6
    assert (losses <= var).mean() >= level - 1e-9
    assert (losses < var).mean() < level


@relaxed
@given(samples, samples, levels)
def test_cvar_is_subadditive(one: np.ndarray, other: np.ndarray, level: float) -> None:
    n = min(one.size, other.size)
    one, other = one[:n], other[:n]
    both = historical(one + other, level)[1]
    assert both <= historical(one, level)[1] + historical(other, level)[1] + 1e-5


@relaxed
@given(samples, levels)
def test_tail_weights_give_cvar(losses: np.ndarray, level: float) -> None:
    share = tail_weights(losses, level)
    assert share.min() >= 0.0
    assert share.sum() == pytest.approx(1.0, abs=1e-12)
    cvar = historical(losses, level)[1]
    assert (share * losses).sum() == pytest.approx(cvar, rel=1e-9, abs=1e-5)


@relaxed
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=number),
    levels,
)
def test_contributions_add_up(parts: np.ndarray, level: float) -> None:
    shares = contributions(parts, level)
    cvar = historical(parts.sum(axis=1), level)[1]
    assert shares.sum() == pytest.approx(cvar, rel=1e-9, abs=1e-4)


def test_contributions_are_the_slopes_of_cvar() -> None:
    # Euler: the derivative by the size of a holding, where the order of scenarios does not change
    rng = np.random.default_rng(4)
    parts = rng.standard_normal((501, 4)) * [1.0, 5.0, 2.0, 0.1]
    shares = contributions(parts, 0.975)
    for asset in range(4):
        step = np.ones(4)
        step[asset] += 1e-7
        more = historical((parts * step).sum(axis=1), 0.975)[1]
        less = historical((parts * (2.0 - step)).sum(axis=1), 0.975)[1]
        assert shares[asset] == pytest.approx((more - less) / 2e-7, abs=1e-5)


@relaxed
@given(samples, samples, levels)
def test_certain_set_is_the_only_set(one: np.ndarray, other: np.ndarray, level: float) -> None:
    assert reweighted([(1.0, one), (0.0, other)], level) == pytest.approx(
        historical(one, level), rel=1e-9, abs=1e-5
    )


@relaxed
@given(samples, st.floats(0.0, 1.0), levels)
def test_split_sets_are_the_whole(losses: np.ndarray, p: float, level: float) -> None:
    assert reweighted([(p, losses), (1.0 - p, losses)], level)[1] == pytest.approx(
        historical(losses, level)[1], rel=1e-8, abs=1e-4
    )


@relaxed
@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(3, 30), st.integers(1, 4)), elements=st.floats(0.01, 1e5)
    ),
    st.integers(1, 2),
)
def test_revaluation_is_the_change_of_worth(prices: np.ndarray, days: int) -> None:
    units = np.arange(1.0, prices.shape[1] + 1)
    scaled = prices[days:] / prices[:-days] * prices[-1]
    expected = (prices[-1] * units).sum() - (scaled * units).sum(axis=1)
    got = pnl(overlapping(prices, days), prices[-1] * units)
    assert got.shape == (prices.shape[0] - days,)
    assert got == pytest.approx(expected, rel=1e-9, abs=1e-6 * np.abs(scaled).max())
