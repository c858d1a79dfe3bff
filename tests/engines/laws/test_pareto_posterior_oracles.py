# SPDX-License-Identifier: Apache-2.0
"""The posterior of a Pareto tail against a plain Markov chain on the same prior and likelihood."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from perilscope.engines.forecasts.pareto import fit_pareto, pareto_posterior


def _log_posterior(excesses: np.ndarray, xi: float, log_beta: float, worth: float) -> float:
    if not -0.5 < xi < 1.0:
        return -math.inf
    found = stats.genpareto.logpdf(excesses, xi, scale=math.exp(log_beta)).sum()
    # in (xi, log beta) the 1 / beta of the prior is flat
    return float(worth * found - math.log1p(xi) - 0.5 * math.log(1.0 + 2.0 * xi))


def test_posterior_agrees_with_a_markov_chain() -> None:
    rng = np.random.default_rng(3)
    for shape, worth in ((0.2, 1.0), (-0.2, 1.0), (0.1, 0.5)):
        excesses = stats.genpareto.rvs(shape, scale=2.0, size=60, random_state=rng)
        fit = fit_pareto(excesses)
        xi, beta, chance = pareto_posterior(excesses, fit, worth)
        at = np.array([fit.xi if fit.xi > -0.4 else -0.3, math.log(fit.beta)])
        height, chain = _log_posterior(excesses, *at, worth), []
        for move in rng.standard_normal((12_000, 2)) * np.array([0.2, 0.2]) / math.sqrt(worth):
            trial = at + move
            other = _log_posterior(excesses, *trial, worth)
            if math.log(rng.random()) < other - height:
                at, height = trial, other
            chain.append(at)
        walked = np.array(chain[1000:])
        batches = walked.reshape(20, -1, 2).mean(axis=1)  # standard errors of the chain's means
        error = batches.std(axis=0, ddof=1) / math.sqrt(20)
        assert abs(float(chance @ xi) - walked[:, 0].mean()) < 4.5 * error[0]
        assert abs(float(chance @ np.log(beta)) - walked[:, 1].mean()) < 4.5 * error[1]
        own = math.sqrt(float(chance @ (xi - chance @ xi) ** 2))
        assert abs(own / walked[:, 0].std() - 1.0) < 0.1


def test_shapes_have_a_mean() -> None:
    heavy = np.array([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 90.0, 0.4, 800.0, 0.2])
    xi, beta, chance = pareto_posterior(heavy, fit_pareto(heavy))
    assert np.all((xi > -0.5) & (xi < 1.0))
    assert np.all(beta > 0.0)
    assert abs(float(chance.sum()) - 1.0) < 1e-12
