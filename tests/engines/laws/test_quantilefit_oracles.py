# SPDX-License-Identifier: Apache-2.0
"""Fits to quantiles against closed forms and scipy's optimiser."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import logit

from perilscope.engines.laws.quantilefit import fit

P, X = np.array([0.05, 0.25, 0.5, 0.75, 0.95]), np.array([4.0, 11.0, 20.0, 35.0, 80.0])


def test_two_quantiles_by_closed_form():
    lognormal = fit("lognormal", (0.1, 0.8), (3.0, 20.0)).law
    z = stats.norm.ppf([0.1, 0.8])
    sigma = math.log(20 / 3) / (z[1] - z[0])
    assert [lognormal.mu, lognormal.sigma] == pytest.approx([math.log(3) - sigma * z[0], sigma])
    weibull = fit("weibull", (0.1, 0.8), (3.0, 20.0)).law
    shape = math.log(math.log(0.2) / math.log(0.9)) / math.log(20 / 3)
    assert weibull.shape == pytest.approx(shape, rel=1e-12)
    assert weibull.scale == pytest.approx(3 / (-math.log(0.9)) ** (1 / shape), rel=1e-12)


@pytest.mark.parametrize(
    ("family", "quantile"),
    [
        ("lognormal", lambda v: v[0] + math.exp(v[1]) * stats.norm.ppf(P)),
        ("gamma", lambda v: np.log(stats.gamma.ppf(P, math.exp(v[0]), scale=math.exp(v[1])))),
        (
            "weibull",
            lambda v: np.log(stats.weibull_min.ppf(P, math.exp(v[0]), scale=math.exp(v[1]))),
        ),
    ],
)
def test_more_quantiles_as_an_optimiser_finds_them(family, quantile):
    wanted = optimize.least_squares(
        lambda v: quantile(v) - np.log(X), [0.5, 1.0], xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    found = fit(family, P, X)
    np.testing.assert_allclose(np.log(found.law.ppf(P)), quantile(wanted.x), rtol=1e-6)
    error = float(np.max(np.abs(np.exp(quantile(wanted.x)) / X - 1)))
    assert found.error == pytest.approx(error, rel=1e-5)


def test_more_quantiles_of_a_beta_law_as_an_optimiser_finds_them():
    def off(v: np.ndarray) -> np.ndarray:
        return logit(stats.beta.ppf(P, *np.exp(v))) - logit(X / 100)

    wanted = optimize.least_squares(off, [0.5, 1.0], xtol=1e-14, ftol=1e-14, gtol=1e-14)
    found = fit("beta", P, X, high=100.0).law
    assert [found.a, found.b] == pytest.approx(np.exp(wanted.x).tolist(), rel=1e-5)


def test_a_metalog_through_quantiles_is_the_solution_of_its_equations():
    found = fit("metalog", P, X, low=0.0)
    log, s = logit(P), P - 0.5
    terms = np.stack([np.ones(5), log, s * log, s, s**2], axis=1)
    assert found.law.coefficients == pytest.approx(np.linalg.solve(terms, np.log(X)), rel=1e-11)
    assert found.error < 1e-13
