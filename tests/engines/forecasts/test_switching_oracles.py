# SPDX-License-Identifier: Apache-2.0
"""The filter of regimes and the recursion of CAViaR against loops; laws against their draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perilscope.engines import machine_code
from perilscope.engines.forecasts import caviar, switching, switching_plain
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw
from perilscope.engines.forecasts.predictive import predict

from ..intervals_drawn import REGIMES, SHAPE, Moving, recursive
from ..intervals_drawn import switching as switched


def loop(x: np.ndarray, law: switching.Regimes) -> tuple[np.ndarray, float]:
    """Hamilton's filter, day by day."""
    now, total = law.lasting, 0.0
    for value in x:
        jump = law.jumps * stats.norm.pdf(value, law.jump_mean, law.jump_scale)
        dense = (1 - law.jumps) * stats.norm.pdf(value, law.mu, [law.calm, law.wild]) + jump
        joint = (now @ law.chain) * dense
        total += np.log(joint.sum())
        now = joint / joint.sum()
    return now, total


def test_the_filter_is_hamiltons() -> None:
    x = 100.0 * np.log1p(switched(np.random.default_rng(1), 777)[:, 0])
    after, logs = switching.filtered(x, REGIMES)
    now, total = loop(x, REGIMES)
    assert after[-1] == pytest.approx(now, abs=1e-9)
    assert logs.sum() == pytest.approx(total, abs=1e-6)


def test_the_fit_is_at_least_as_likely_as_the_truth_and_finds_it() -> None:
    x = 100.0 * np.log1p(switched(np.random.default_rng(2), 6000)[:, 0])
    law, height = switching.fit_regimes(x)
    assert height >= switching.filtered(x, REGIMES)[1].sum()
    assert law.calm == pytest.approx(2.0, rel=0.08)
    assert law.wild == pytest.approx(5.0, rel=0.12)
    assert law.stay_calm == pytest.approx(0.97, abs=0.015)
    scores = switching.day_scores(x, law.coded)
    z = scores.sum(axis=0) / scores.std(axis=0) / np.sqrt(len(x))
    assert np.abs(z).max() < 0.05  # a maximum: no parameter would be moved


def test_the_compiled_filter_scores_and_em_are_those_of_numpy() -> None:
    if not machine_code.installed():
        pytest.skip("numba is not installed")
    from perilscope.engines.forecasts import switching_compiled

    x = 100.0 * np.log1p(switched(np.random.default_rng(6), 900)[:, 0])
    for one, two in zip(
        switching_plain.filtered(x, REGIMES), switching_compiled.filtered(x, REGIMES), strict=True
    ):
        assert one == pytest.approx(two, abs=1e-11)
    found = [
        kernel.climbed(x, REGIMES, 2.0 * x.std(), 25, 0.0).numbers
        for kernel in (switching_plain, switching_compiled)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    at = REGIMES.coded  # differences against exact slopes
    plain, exact = switching_plain.day_scores(x, at), switching_compiled.day_scores(x, at)
    assert np.abs(plain - exact).max() < 1e-5 * np.abs(exact).max()


def test_no_step_of_em_makes_the_days_less_likely() -> None:
    x = 100.0 * np.log1p(switched(np.random.default_rng(7), 700)[:, 0])
    scale = float(x.std())
    law = switching.Regimes(0.0, 0.5 * scale, 1.5 * scale, 0.95, 0.9, 0.02, 0.0, 3.0 * scale)
    heights = []
    for _ in range(15):
        heights.append(float(switching.filtered(x, law)[1].sum()))
        law = switching.kernel().climbed(x, law, 0.5 * scale, 1, 0.0)
    # half a move is added to each count, which is no part of the likelihood
    assert np.diff(heights).min() > -0.05
    assert heights[-1] > heights[0] + 5.0


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_law_ahead_is_that_of_simulated_paths(horizon: int) -> None:
    rng = np.random.default_rng(3)
    law, now, paths = REGIMES, np.array([0.3, 0.7]), 400_000
    state = (rng.random(paths) < now[1]).astype(int)
    total = np.zeros(paths)
    for _ in range(horizon):
        stay = np.where(state == 0, law.stay_calm, law.stay_wild)
        state = np.where(rng.random(paths) < stay, state, 1 - state)
        jump = rng.random(paths) < law.jumps
        scale = np.where(jump, law.jump_scale, np.where(state == 1, law.wild, law.calm))
        total += np.where(jump, law.jump_mean, law.mu) + scale * rng.standard_normal(paths)
    drawn = EmpiricalLaw(-np.expm1(total / 100.0))
    found = switching.ahead(law, now, horizon)
    below = float(found.cdf(np.array([drawn.var(0.975)]))[0])
    assert abs(below - 0.975) < 4.5 * np.sqrt(0.975 * 0.025 / paths)
    tail = drawn.losses[drawn.losses > drawn.var(0.975)]
    assert abs(found.cvar(0.975) - drawn.cvar(0.975)) < 5.0 * tail.std() / np.sqrt(tail.size)


def test_the_recursion_of_caviar_is_a_loop_and_its_fit_no_worse_than_the_truth() -> None:
    moves = recursive(np.random.default_rng(4), 3000)[:, 0]
    losses, sizes = -moves, np.abs(moves)
    quantile, seen = 0.05, []
    for k in range(50):
        seen.append(quantile)
        quantile = SHAPE[0] + SHAPE[1] * quantile + SHAPE[2] * sizes[k]
    assert caviar.path(SHAPE, sizes[:50], 0.05)[:50] == pytest.approx(seen, abs=1e-12)
    fit = caviar.fit_caviar(losses, sizes, 0.975)

    def cost(quantiles: np.ndarray) -> float:
        return float(np.mean((losses - quantiles) * (0.975 - (losses < quantiles))))

    assert fit.cost == pytest.approx(cost(fit.quantiles[:-1]), rel=1e-12)
    assert fit.cost <= cost(caviar.path(SHAPE, sizes, fit.first)[:-1]) + 1e-12
    rng = np.random.default_rng(5)
    for _ in range(300):  # nothing near is better
        at = fit.at * np.exp(0.05 * rng.standard_normal(3))
        if at[1] < 1.0:
            assert fit.cost <= cost(caviar.path(at, sizes, fit.first)[:-1]) * (1 + 1e-6)
    hits = (losses > fit.quantiles[:-1]).mean()
    assert abs(hits - 0.025) < 4.5 * np.sqrt(0.025 * 0.975 / 3000)


def test_regimes_say_where_garch_describes_the_days_better() -> None:
    (model,) = switching.MODELS
    moving = Moving("gjr", "t")(np.random.default_rng(8), 1500)
    by_regimes = switched(np.random.default_rng(8), 1500)
    said = [
        "garch-t" in " ".join(predict(model, Sample(moves, np.ones(1))).notes)
        for moves in (moving, by_regimes)
    ]
    assert said == [True, False]
