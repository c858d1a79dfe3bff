# SPDX-License-Identifier: Apache-2.0
"""Laws of counts against scipy.stats and by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.laws.arrivals import arrivals
from perilscope.engines.laws.counts import (
    Bernoulli,
    Binomial,
    CountLaw,
    Hurdle,
    NegativeBinomial,
    Poisson,
    ZeroModifiedPoisson,
)

K = np.arange(256)
CIRCLE = np.exp(2j * np.pi * K / len(K))
PAIRS = [
    (Poisson(3.7), stats.poisson(3.7)),
    (Binomial(7, 0.3), stats.binom(7, 0.3)),
    (Bernoulli(0.04), stats.bernoulli(0.04)),
    (NegativeBinomial(1.7, 2.9), stats.nbinom(1.7, 1.7 / (1.7 + 2.9))),
]


@pytest.mark.parametrize(("law", "frozen"), PAIRS)
def test_probabilities_are_those_of_scipy(law, frozen):
    found = np.fft.fft(law.pgf(CIRCLE)).real / len(K)
    np.testing.assert_allclose(found, frozen.pmf(K), atol=1e-14)
    assert law.mean == pytest.approx(frozen.mean(), rel=1e-14)
    assert law.variance == pytest.approx(frozen.var(), rel=1e-12)
    assert law.zero == pytest.approx(frozen.pmf(0), rel=1e-13)


@pytest.mark.parametrize(("law", "frozen"), PAIRS)
@pytest.mark.parametrize("q", [0.0, 0.2, 0.85, 1.0])
def test_conditioned_and_thinned_by_brute_force(law, frozen, q):
    some = frozen.pmf(K) * (K > 0) / (1 - frozen.pmf(0))
    survivors = stats.binom.pmf(K[None, :], K[:, None], q)
    wanted = np.sum(some[:, None] * survivors, axis=0)
    found = np.fft.fft(law.given_some().thin(q).pgf(CIRCLE)).real / len(K)
    np.testing.assert_allclose(found, wanted, atol=1e-13)


@pytest.mark.parametrize("rate", [1e-12, 1e-5, 0.3, 0.999, 1.001, 40.0, 900.0])
def test_zero_modified_poisson_at_all_rates(rate):
    law = ZeroModifiedPoisson(0.3, rate)
    assert law.mean == pytest.approx(0.3 * rate / -np.expm1(-rate), rel=1e-13)
    assert law.mean >= 0.3
    z = np.array([0.0, 0.5, 1.0])
    wanted = 0.7 + 0.3 * (np.exp(rate * (z - 1)) - np.exp(-rate)) / -np.expm1(-rate)
    np.testing.assert_allclose(law.pgf(z), wanted, atol=2e-5 if rate < 1e-6 else 1e-10)
    assert np.all(np.isfinite(law.pgf(CIRCLE)))


def test_a_poisson_law_is_its_own_hurdle():
    law = ZeroModifiedPoisson(1 - np.exp(-2.0), 2.0)
    np.testing.assert_allclose(law.pgf(CIRCLE), Poisson(2.0).pgf(CIRCLE), atol=1e-14)
    same = Hurdle(0.4, Poisson(2.0))
    np.testing.assert_allclose(
        same.pgf(CIRCLE), ZeroModifiedPoisson(0.4, 2.0).pgf(CIRCLE), atol=1e-14
    )
    assert same.mean == pytest.approx(ZeroModifiedPoisson(0.4, 2.0).mean)


@pytest.mark.parametrize("law", [Binomial(10**9, 5e-9), NegativeBinomial(1e12, 5.0)])
def test_very_many_chances_are_a_poisson_law(law: CountLaw) -> None:
    """To first order in 1 / n: log G = m (z - 1) -+ m² (z - 1)² / 2n (Taylor of the logarithm)."""
    z = np.exp(1j * np.linspace(-3.1, 3.1, 41)) * 0.999
    n, sign = (10**9, -1) if isinstance(law, Binomial) else (1e12, 1)
    known = np.exp(5.0 * (z - 1) + sign * 25.0 * (z - 1) ** 2 / (2 * n))
    assert np.abs(law.pgf(z) / known - 1).max() < 1e-14
    assert law.zero == pytest.approx(math.exp(-5.0 + sign * 12.5 / n), rel=1e-14)


def test_periods_with_means_of_their_own_have_poisson_counts():
    means = np.tile([0.0, 0.03, 1.0, 7.0], 50_000)
    at = Poisson(means).events(np.random.default_rng(5), means.size)
    found = np.bincount(at, minlength=means.size).reshape(-1, 4)
    assert not found[:, 0].any()
    for mean, counts in zip(means[1:4], found.T[1:], strict=True):
        n = counts.size
        assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / n)
        # the variance of a sample variance of a Poisson law is (mean + 2 mean²) / n
        assert abs(counts.var() - mean) < 5 * np.sqrt((mean + 2 * mean**2) / n)
    apart = np.corrcoef(found[:, 1:].T) - np.eye(3)
    assert np.abs(apart).max() < 5 / np.sqrt(len(found))


def test_gaps_that_do_not_reach_are_followed_by_more():
    class Short:
        """Gaps a tenth as long as those of chance, which more are asked of."""

        def standard_exponential(self, n):
            return np.full(n, 0.093)

    found = arrivals(Short(), np.full(8, 2.5))
    times = 0.093 * np.arange(1, 216)
    assert 20.0 - 0.093 < times[-1] < 20.0
    np.testing.assert_array_equal(found, np.floor(times / 2.5))
