# SPDX-License-Identifier: Apache-2.0
"""Copulas against closed forms: Kendall's tau, tail dependence, comonotone and independent sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Lognormal
from perilscope.engines.simulation.copula import Copula, simulate
from perilscope.errors import MisuseError

DRAWS = 2**18


def line(key: str, rate: float) -> Compound:
    return Compound(key, lambda _t, years: (Poisson(rate * years), Lognormal(11.0, 1.0)))


def laws() -> dict[str, LossLaw]:
    return {key: Register([line(key, rate)]).law() for key, rate in (("a", 0.8), ("b", 2.5))}


def pair(rho: float) -> np.ndarray:
    return np.array([[1.0, rho], [rho, 1.0]])


@pytest.mark.parametrize("degrees", [None, 4.0])
@pytest.mark.parametrize("rho", [-0.4, 0.6])
def test_kendalls_tau_is_that_of_the_correlation(degrees: float | None, rho: float) -> None:
    u = Copula(pair(rho), degrees).scores(3, 0)[:4000]
    tau = stats.kendalltau(u[:, 0], u[:, 1]).statistic
    error = 0.02  # sd of tau at 4,000 pairs is at most 2/3 / sqrt(n) = 0.0105; the t copula's more
    assert abs(tau - 2.0 / math.pi * math.asin(rho)) < 3 * error


@pytest.mark.parametrize("degrees", [None, 3.0])
def test_each_score_is_uniform(degrees: float | None) -> None:
    u = Copula(pair(0.7), degrees).scores(5, 1)
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4


def test_a_t_copula_has_the_joint_extremes_of_its_formula() -> None:
    rho, nu, q = 0.5, 3.0, 0.999
    limit = 2.0 * stats.t.sf(math.sqrt((nu + 1) * (1 - rho) / (1 + rho)), nu + 1)
    copula = Copula(pair(rho), nu)
    both = one = 0
    for block in range(24):
        u = copula.scores(7, block) > q
        one, both = one + int(u[:, 0].sum()), both + int((u[:, 0] & u[:, 1]).sum())
    share, error = both / one, math.sqrt(limit * (1 - limit) / one)
    # at a finite level a little above its limit; a Gaussian copula would give about 0.04
    assert -4 * error < share - limit < 0.03 + 4 * error


def test_without_correlation_the_sum_is_that_of_independent_lines() -> None:
    drawn = simulate(laws(), Copula(pair(0.0)), draws=DRAWS, seed=11)
    exact = Register([line("a", 0.8), line("b", 2.5)]).law()
    for level in (0.9, 0.99, 0.999):
        p = exact.exceed(exact.var(level))
        hits = int(np.count_nonzero(drawn.total > exact.var(level)))
        assert abs(hits - DRAWS * p) < 4.5 * math.sqrt(DRAWS * p * (1 - p))
    assert abs(drawn.mean - exact.mean) < 4.5 * exact.sd / math.sqrt(DRAWS)


def test_each_line_keeps_its_own_law() -> None:
    drawn = simulate(laws(), Copula(pair(0.8), 4.0), draws=DRAWS, seed=2)
    for key, law in laws().items():
        p = law.exceed(law.var(0.99))
        hits = int(np.count_nonzero(drawn.lines[key] > law.var(0.99)))
        assert abs(hits - DRAWS * p) < 4.5 * math.sqrt(DRAWS * p * (1 - p))
        none = int(np.count_nonzero(drawn.lines[key] == 0.0))
        assert abs(none - DRAWS * law.none) < 4.5 * math.sqrt(DRAWS * law.none * (1 - law.none))


def test_nearly_comonotone_losses_add_their_quantiles() -> None:
    found = laws()
    drawn = simulate(found, Copula(pair(1 - 1e-12)), draws=DRAWS, seed=9)
    for level in (0.95, 0.99):
        together = math.fsum(law.var(level) for law in found.values())
        assert abs(drawn.var(level) - together) < 5 * drawn.var_error(level)


def test_correlations_that_cannot_hold_together_are_refused() -> None:
    matrix = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])
    with pytest.raises(MisuseError, match="positive definite"):
        Copula(matrix)
