# SPDX-License-Identifier: Apache-2.0
"""Models of what is revalued: as units of assets where it is that, by hand where it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.models import named
from perilscope.engines.forecasts.predictive import predict
from perilscope.engines.portfolio.revalued import Revalued

RNG = np.random.default_rng(11)
MOVES = np.clip(0.03 * RNG.standard_t(5, (260, 2)) / math.sqrt(5 / 3), -0.5, 0.5)
MOVES[:, 1] = 0.6 * MOVES[:, 0] + 0.8 * MOVES[:, 1]
WEIGHTS = np.array([0.7, 0.3])
SEVERAL = ("historical", "volatility-weighted", "normal", "t", "ewma", "fhs", "evt",
           "conditional-evt", "gaussian-copula", "t-copula")  # fmt: skip


def linear(end: np.ndarray, low: np.ndarray, high: np.ndarray, days: int) -> np.ndarray:
    return np.asarray((1.0 - end) @ WEIGHTS)


def option(end: np.ndarray, low: np.ndarray, high: np.ndarray, days: int) -> np.ndarray:
    """A bent line that falls with the first price; the second does not matter."""
    return np.asarray(np.exp(2.0 * (1.0 - end[:, 0])) - 1.0)


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("name", SEVERAL)
def test_units_of_assets_are_what_they_were(name: str, horizon: int) -> None:
    plain = Sample(MOVES, WEIGHTS, horizon, seed=2)
    other = Sample(MOVES, WEIGHTS, horizon, 2, revalued=Revalued.over(linear, MOVES))
    one, two = predict(named(name), plain), predict(named(name), other)
    for level in (0.95, 0.99):
        assert two.var(level) == pytest.approx(one.var(level), rel=1e-7)
        assert two.cvar(level) == pytest.approx(one.cvar(level), rel=1e-7)
        # a book that is only long loses itself at most, which is known of units of assets alone
        ends = np.minimum(np.ravel(two.interval(level)), 1.0)
        assert ends == pytest.approx(np.ravel(one.interval(level)), rel=1e-3)


@pytest.mark.parametrize("name", ["fhs", "volatility-weighted", "gaussian-copula", "t-copula"])
def test_a_rising_loss_of_one_price_has_the_rising_quantile(name: str) -> None:
    """VaR of g(X) is g(VaR of X) for a rising g; X is the loss of the first asset alone."""
    bare = Sample(MOVES, np.array([1.0, 1e-12]), seed=2)
    bent = Sample(MOVES, WEIGHTS, seed=2, revalued=Revalued.over(option, MOVES))
    one, two = predict(named(name), bare), predict(named(name), bent)
    for level in (0.9, 0.975):
        want = math.exp(2.0 * one.var(level)) - 1.0
        assert two.var(level) == pytest.approx(want, rel=1e-6)
        assert two.cvar(level) > math.exp(2.0 * one.cvar(level)) - 1.0  # Jensen
    low, high = two.interval(0.975)[0]
    for end, bare_end in zip((low, high), one.interval(0.975)[0], strict=True):
        assert end == pytest.approx(math.exp(2.0 * bare_end) - 1.0, rel=0.15)


def test_windows_see_the_lowest_price_between() -> None:
    """A touch of 0.9 of the first price costs 1, day by day and over windows, by a plain loop."""

    def knock(end: np.ndarray, low: np.ndarray, high: np.ndarray, days: int) -> np.ndarray:
        return np.asarray((low[:, 0] <= 0.9).astype(float) + 0.001 * days)

    low = 1.0 + MOVES - 0.02
    held = Revalued.over(knock, MOVES, low, 1.0 + MOVES)
    sample = Sample(MOVES, WEIGHTS, 4, revalued=held)
    want = []
    for start in range(len(MOVES) - 3):
        price, least = 1.0, math.inf
        for day in range(start, start + 4):
            least = min(least, price * low[day, 0])
            price *= 1.0 + MOVES[day, 0]
        want.append(float(least <= 0.9) + 0.004)
    assert sample.losses == pytest.approx(np.array(want))
    assert 0.05 < np.mean(np.array(want) > 0.5) < 0.95
    cut = sample.cut(slice(10, 100))
    assert cut.daily == pytest.approx(sample.daily[10:100])
    assert sample.without(20, 40).losses.size == sample.losses.size - 20
