# SPDX-License-Identifier: Apache-2.0
"""Pareto tails against scipy, and against the published figures of the Danish fire losses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from perilscope.engines.forecasts.extremes import TailLaw, evt, tail_law
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.pareto import (
    fit_pareto,
    misfit,
    pareto_scores,
    tail_measures,
)
from perilscope.errors import AssessmentError


@pytest.mark.parametrize("xi", [-0.3, 0.0, 0.2, 0.6])
def test_no_likelihood_below_that_of_scipy(xi: float) -> None:
    rng = np.random.default_rng(7)
    for size in (30, 200):
        y = stats.genpareto.rvs(xi, scale=2.0, size=size, random_state=rng)
        fit = fit_pareto(y)
        shape, _, scale = stats.genpareto.fit(y, floc=0.0)
        theirs = stats.genpareto.logpdf(y, shape, 0.0, scale).sum()
        assert fit.log_likelihood >= theirs - 1e-6 or shape < -0.5
        ours = stats.genpareto.logpdf(y, fit.xi, 0.0, fit.beta).sum()
        assert fit.log_likelihood == pytest.approx(ours, rel=1e-9)


def test_scores_are_the_slopes_of_the_density() -> None:
    y = np.array([0.1, 1.0, 5.0])
    for xi in (-0.2, 0.3):
        step = 1e-6
        by_xi = (stats.genpareto.logpdf(y, xi + step, 0, 2.0)
                 - stats.genpareto.logpdf(y, xi - step, 0, 2.0)) / (2 * step)  # fmt: skip
        by_log = (stats.genpareto.logpdf(y, xi, 0, 2.0 * np.exp(step))
                  - stats.genpareto.logpdf(y, xi, 0, 2.0 * np.exp(-step))) / (2 * step)  # fmt: skip
        found = pareto_scores(y, xi, np.log(2.0))
        assert np.allclose(found, np.stack([by_xi, by_log], axis=1), atol=1e-6)


def test_cvar_is_the_mean_beyond_var() -> None:
    for xi in (-0.2, 0.0, 0.4):
        var, cvar = tail_measures(3.0, 0.08, xi, 2.0, 0.99)
        law = stats.genpareto(xi, loc=3.0, scale=2.0)
        assert 0.08 * law.sf(var) == pytest.approx(0.01)
        beyond = integrate.quad(lambda p: law.isf(p / 0.08), 0.0, 0.01)[0]  # noqa: B023
        assert cvar == pytest.approx(beyond / 0.01, rel=1e-6)


def test_the_law_is_whole_below_and_beyond_its_threshold() -> None:
    losses = 0.02 * np.random.default_rng(3).standard_t(4, 500)
    law, fit = tail_law(losses)
    assert fit.count == 50
    ordered = np.sort(losses)[::-1]
    # at a level below the threshold's, CVaR is a sum over the body and the mean of the tail
    body = ordered[50:100].sum() / 500
    tail = law.share * (law.threshold + law.beta / (1 - law.xi))
    assert law.cvar(0.8) == pytest.approx((body + tail) / 0.2)
    for level in (0.6, 0.95, 0.999):
        assert float(law.cdf(np.array([law.var(level)]))[0]) == pytest.approx(level, abs=0.002)


def test_tails_that_mean_nothing_are_refused() -> None:
    with pytest.raises(AssessmentError):
        fit_pareto(np.ones(3))
    with pytest.raises(AssessmentError):
        fit_pareto(np.ones(30))
    with pytest.raises(AssessmentError):
        tail_law(np.arange(30.0))
    with pytest.raises(AssessmentError, match="infinite"):
        tail_law(stats.genpareto.rvs(3.0, size=500, random_state=1))
    assert TailLaw(np.arange(10.0), 8.5, 0.1, 1.0).share == pytest.approx(0.1)


def _doubled(size: int, rng: np.random.Generator) -> np.ndarray:
    """Sizes of normal moves, one in twenty of them ten times as wide: no Pareto law."""
    wild = rng.random(size) < 0.05
    return np.asarray(np.abs(np.where(wild, 10.0, 1.0) * rng.standard_normal(size)))


def test_misfit_is_what_cvar_scatters_against_what_a_pareto_law_says() -> None:
    rng, reach, size, draws = np.random.default_rng(20), 4.0, 2_000, 200
    fits, told = [], []
    for _ in range(draws):
        excesses = _doubled(size, rng)
        fits.append(fit_pareto(excesses))
        told.append(misfit(excesses, fits[-1], reach))
    seen = np.log([tail_measures(0.0, reach, f.xi, f.beta, 0.0)[1] for f in fits]).var(ddof=1)
    law = np.mean([f.xi for f in fits])
    # the delta method with the covariance of Smith (1985), slopes by a wide difference
    slope = np.log(tail_measures(0.0, reach, law + 0.01, 1.0, 0.0)[1]
                   / tail_measures(0.0, reach, law - 0.01, 1.0, 0.0)[1]) / 0.02  # fmt: skip
    expected = (1 + law) * ((1 + law) * slope**2 - 2 * slope + 2.0) / size
    error = seen / expected * np.sqrt(2.0 / (draws - 1))
    assert np.mean(told) == pytest.approx(seen / expected, abs=3.0 * error)
    assert np.mean(told) > 1.2


def test_misfit_of_a_pareto_law_is_one_on_average() -> None:
    rng = np.random.default_rng(21)
    for size in (50, 100, 400):
        told = []
        for _ in range(200):
            excesses = stats.genpareto.rvs(0.2, scale=2.0, size=size, random_state=rng)
            told.append(misfit(excesses, fit_pareto(excesses), 4.0))
        assert np.mean(told) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("level", [0.9, 0.905, 0.93, 0.85])
def test_intervals_near_the_threshold_hold(level: float) -> None:
    """Of 120 histories of 600 days; with 90 % the chance of 97 and fewer is 0.1 %."""
    law = stats.t(5, scale=0.02)
    truth = law.ppf(level)
    worst = integrate.quad(law.ppf, level, 1.0)[0] / (1.0 - level)
    held = np.zeros(2)
    for number in range(120):
        moves = law.rvs(600, random_state=np.random.default_rng([5, number]))
        ends = evt(Sample(np.maximum(-moves, -0.9)[:, None], np.ones(1))).interval_at(level)
        held += [
            low <= value <= high for value, (low, high) in zip((truth, worst), ends, strict=True)
        ]
    assert stats.binom.cdf(97, 120, 0.9) < 0.002
    assert np.all(held > 97)
