# SPDX-License-Identifier: Apache-2.0
"""How alike exceedances are said to be, against how much their means scatter in fact."""

from __future__ import annotations

import numpy as np

from perilscope.engines.forecasts.clustering import alike, tracking
from perilscope.engines.forecasts.volatility_models import ewma_weights

from ..intervals_drawn import many_clustered

DAYS, PATHS, SHARE = 1000, 3000, 0.025


def scatter(losses: np.ndarray) -> tuple[float, float]:
    """Variance of means of exceedances over that of as many independent ones; one path a column."""
    edge = float(np.quantile(losses, 1.0 - SHARE))
    found = []
    for values in (losses > edge, np.maximum(losses - edge, 0.0)):
        found.append(float(values.mean(axis=0).var() / (values.var() / len(losses))))
    return found[0], found[1]


def test_clustered_losses_are_as_alike_as_they_scatter() -> None:
    losses = -many_clustered(np.random.default_rng(3), DAYS, PATHS)
    share, excess = scatter(losses)
    assert share > 2.5  # error of a variance from 3,000 paths: 3 %
    edge = float(np.quantile(losses, 1.0 - SHARE))
    told = [alike(each, edge) for each in losses.T[:60]]
    # 1,000 days tell it to a factor of about 1.5, so the mean of 60 to some 7 %, and its quarters
    # lie to both sides of the truth
    for all_told, true in (([t.share for t in told], share), ([t.excess for t in told], excess)):
        assert abs(np.mean(all_told) / true - 1.0) < 0.25
        assert np.quantile(all_told, 0.25) < true < np.quantile(all_told, 0.8)


def test_independent_losses_hardly_are() -> None:
    losses = np.random.default_rng(4).standard_t(5, (40, DAYS))
    told = [alike(each, float(np.quantile(each, 1.0 - SHARE))) for each in losses]
    assert 1.0 <= np.median([t.share for t in told]) < 1.1
    assert 1.0 <= np.median([t.excess for t in told]) < 1.1


def test_losses_that_never_move_are_not_alike() -> None:
    assert alike(np.zeros(100), 0.0).share == 1.0


def test_an_ewma_lies_as_far_from_the_variance_as_simulated() -> None:
    """Mean square of the relative error, over K - 1 = 2: of steady days, and of GARCH."""
    rng, weights = np.random.default_rng(5), ewma_weights(DAYS)
    for share, stay, omega in ((0.0, 0.0, 1.0), (0.1, 0.86, 0.04)):
        h, seen, paths = np.ones(20_000), np.ones(20_000), []
        for _ in range(DAYS):
            e = np.sqrt(h) * rng.standard_normal(h.size)
            seen = 0.94 * seen + 0.06 * e * e
            h = omega + share * e * e + stay * h
            paths.append(e[:40])
        off = seen / h - 1.0
        true = float((off**2).mean()) / 2.0
        told = np.mean([tracking(each, weights) for each in np.array(paths).T])
        # squares of skew errors: 2 %; the guess of 1,000 days about persistence adds the rest
        assert abs(told / true - 1.0) < 0.15
