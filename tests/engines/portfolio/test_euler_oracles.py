# SPDX-License-Identifier: Apache-2.0
"""Euler components against finite differences, and against the closed form of normal losses."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.portfolio import returns, series
from perilscope.engines.portfolio.euler import euler, slopes

RNG = np.random.default_rng(21)


@pytest.mark.parametrize("level", [0.9, 0.975, 0.99])
def test_slopes_of_fifty_assets_are_finite_differences(level: float) -> None:
    moves = 0.03 * RNG.standard_t(4, (1600, 50)) + 0.02 * RNG.standard_normal((1600, 1))
    amounts = RNG.uniform(-1.0, 2.0, 50)
    cvar, found = slopes(moves, amounts, level)
    assert cvar == pytest.approx(returns.historical(-(moves @ amounts), level)[1], abs=1e-12)
    assert amounts @ found == pytest.approx(cvar, abs=1e-12)
    for k in range(50):
        step = np.zeros(50)
        step[k] = 1e-6
        more = returns.historical(-(moves @ (amounts + step)), level)[1]
        less = returns.historical(-(moves @ (amounts - step)), level)[1]
        assert found[k] == pytest.approx((more - less) / 2e-6, abs=1e-9)


def test_components_add_up_with_weights_and_atoms() -> None:
    parts = np.round(RNG.standard_t(4, (700, 4)), 1)
    weights = RNG.uniform(0.1, 1.0, 700)
    for given in (None, weights / weights.sum()):
        found = euler(parts, 0.95, given)
        assert found.to_cvar.sum() == pytest.approx(found.cvar, abs=1e-12)
        assert found.to_var.sum() == pytest.approx(found.var, abs=1e-9)
        assert found.to_cvar == pytest.approx(returns.contributions(parts, 0.95, given))


def test_normal_components_within_their_standard_errors() -> None:
    # L = sum X_k: the part of X_k is its covariance with L over the spread of L, times VaR or CVaR
    cov = np.array([[1.0, 0.3, -0.2], [0.3, 2.0, 0.1], [-0.2, 0.1, 0.5]])
    root = np.linalg.cholesky(cov)
    spread = float(np.sqrt(cov.sum()))
    expected = cov.sum(axis=1) / spread
    misses = []
    for _ in range(60):
        found = euler(RNG.standard_normal((4000, 3)) @ root.T, 0.95)
        misses.append((found.to_var - 1.644854 * expected) / found.var_errors)
        misses.append((found.to_cvar - 2.062713 * expected) / found.cvar_errors)
    z = np.array(misses)
    assert abs(z.mean()) < 0.35  # some bias of the band is left
    assert 0.8 < z.std() < 1.25


def test_a_whole_that_never_moves_and_one_part() -> None:
    still = euler(np.ones((50, 2)), 0.95)
    assert still.to_var.sum() == pytest.approx(still.var)
    one = euler(RNG.standard_normal((300, 1)), 0.95)
    assert one.to_var[0] == pytest.approx(one.var)
    assert one.to_cvar[0] == pytest.approx(one.cvar)


@pytest.mark.parametrize("size", [50, 333, 400, 1600])
@pytest.mark.parametrize("level", [0.6, 0.975, 0.999])
def test_columns_are_what_each_column_gives_alone(size: int, level: float) -> None:
    table = RNG.standard_t(3, (size, 7))
    table[:, 1] = np.round(table[:, 1])  # atoms
    table[:, 2] = 1.0
    table[:, 3] = np.sort(table[:, 3])  # the worst at the end, where a guess errs
    table[:, 4] = 0.0
    table[::8, 4] = 1e6 + np.arange(len(table[::8]))  # a guess far too high
    var, cvar = series.columns(table, level)
    for k in range(7):
        assert returns.historical(table[:, k], level) == pytest.approx((var[k], cvar[k]))
