# SPDX-License-Identifier: Apache-2.0
"""Weights by risk against brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.portfolio import returns
from perilscope.engines.portfolio.budgets import CLOSE, least_cvar, shared_cvar
from perilscope.errors import AssessmentError, MisuseError


def drawn(seed: int, k: int, n: int = 800) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_t(4, (n, k)) @ rng.normal(0.0, 0.02, (k, k)) + rng.normal(0, 0.001, k)


@pytest.mark.parametrize("seed", range(4))
def test_no_point_of_a_fine_grid_has_less_cvar(seed: int) -> None:
    losses = drawn(seed, 2)
    most = np.array([80.0, 90.0])
    money = least_cvar(losses, 0.95, 100.0, most)
    assert money.sum() == pytest.approx(100.0)
    assert np.all(money >= -1e-9)
    assert np.all(money <= most + 1e-9)
    found = returns.historical(losses @ money, 0.95)[1]
    grid = [
        returns.historical(losses @ np.array([a, 100.0 - a]), 0.95)[1]
        for a in np.linspace(10.0, 80.0, 701)
    ]
    assert found <= min(grid) + 1e-9
    assert found == pytest.approx(min(grid), rel=2e-3)


def test_weighted_scenarios_count_as_often_as_they_weigh() -> None:
    losses = drawn(7, 3, 200)
    times = np.random.default_rng(1).integers(1, 4, 200)
    most = np.full(3, 1e9)
    weights = times / times.sum()
    one = least_cvar(losses, 0.9, 10.0, most, weights)
    two = least_cvar(np.repeat(losses, times, axis=0), 0.9, 10.0, most)
    a = returns.historical(losses @ one, 0.9, weights)[1]
    assert a == pytest.approx(returns.historical(losses @ two, 0.9, weights)[1], rel=1e-9)


@pytest.mark.parametrize("shares", [(1.0, 1.0, 1.0), (0.5, 0.3, 0.2)])
@pytest.mark.parametrize("seed", range(3))
def test_every_asset_bears_its_share(seed: int, shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(seed)
    market = rng.standard_t(4, 2000)
    losses = 0.02 * market[:, None] + rng.standard_t(4, (2000, 3)) * [0.01, 0.02, 0.04]
    wanted = np.array(shares)
    money = shared_cvar(losses, 0.95, 100.0, wanted)
    parts = returns.contributions(losses * money, 0.95)
    assert money.sum() == pytest.approx(100.0)
    one = 1.0 / (2000 * 0.05)  # what one scenario is of the tail
    assert parts / parts.sum() == pytest.approx(wanted / wanted.sum(), abs=max(CLOSE, one / 2))


def test_normal_losses_have_the_weights_of_volatility() -> None:
    """Two independent normals: equal shares are weights in the inverse ratio of deviations."""
    rng = np.random.default_rng(2)
    half = rng.standard_normal((40_000, 2))
    losses = np.concatenate([half, -half, half * [1, -1], half * [-1, 1]]) * [0.01, 0.05]
    money = shared_cvar(losses, 0.9, 6.0, np.ones(2))
    assert money == pytest.approx([5.0, 1.0], rel=0.01)


def test_what_cannot_be_is_refused() -> None:
    losses = drawn(1, 2)
    with pytest.raises(AssessmentError, match="less than the total"):
        least_cvar(losses, 0.95, 10.0, np.array([1.0, 2.0]))
    with pytest.raises(MisuseError, match="above zero"):
        shared_cvar(losses, 0.95, 10.0, np.array([1.0, 0.0]))
    hedge = np.stack([losses[:, 0], -losses[:, 0] * 0.5], axis=1)
    with pytest.raises(AssessmentError, match="no weights were found"):
        shared_cvar(hedge, 0.95, 10.0, np.array([1.0, 1.0]))
