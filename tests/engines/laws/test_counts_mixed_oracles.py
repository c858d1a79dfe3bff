# SPDX-License-Identifier: Apache-2.0
"""Years that differ by chance: against scipy.stats, numeric integration and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from perilscope.engines.laws.counts import NegativeBinomial, Poisson, ZeroModifiedPoisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    GeneralisedPareto,
    Lognormal,
    Mixture,
    Pareto,
    Spliced,
    Triangular,
    Uniform,
    Weibull,
)
from perilscope.engines.laws.mixed import MixedPoisson, ZeroInflated
from perilscope.errors import MisuseError

from .count_draws import FAR, WAYS, gap

K = np.arange(512)
CIRCLE = np.exp(2j * np.pi * K / len(K))
EDGES = [0, 1e-9, 1e-6, 1e-3, 0.05, 0.25, 0.5, 0.75, 0.95, 1 - 1e-3, 1 - 1e-6, 1 - 1e-9, 1]
LAWS: list[Distribution] = [
    Constant(1.0),
    Discrete((0.0, 1.0, 4.0), (0.5, 1 / 3, 1 / 6)),
    Gamma(0.5, 2.0),
    Exponential(1.0),
    Uniform(0.0, 2.0),
    Triangular(0.0, 0.5, 2.5),
    Beta.pert(0.4, 0.8, 2.4),
    Lognormal.from_mean_sd(1.0, 0.5),
    Lognormal.from_mean_sd(1.0, 2.0),
    Weibull(0.7, 1 / math.gamma(1 + 1 / 0.7)),
    Pareto(3.0, 2 / 3),
    Spliced(Uniform(0.0, 1.0), GeneralisedPareto(0.1, 4.05, 1.0), 1.0, 0.1),
    Mixture((0.75, 0.25), (Uniform(0.0, 1.0), Lognormal.from_mean_sd(2.5, 1.0))),
]


def pmf(law, radius: float = 1.0) -> np.ndarray:
    """P(N = k); a radius below 1 keeps the far tail from folding over."""
    return np.fft.fft(law.pgf(radius * CIRCLE)).real / len(K) / radius**K


def by_integration(mixing: Distribution, mean: float, k: int) -> float:
    """P(N = k) as the mean of a Poisson probability over the quantiles of W."""
    if isinstance(mixing, Constant | Discrete):
        x, w = mixing.gauss(8)
        return math.fsum((w * stats.poisson.pmf(k, mean * x)).tolist())
    if isinstance(mixing, Mixture):
        parts = zip(mixing.weights, mixing.parts, strict=True)
        return math.fsum(w * by_integration(part, mean, k) for w, part in parts)
    edges = sorted({*EDGES, 0.9, float(mixing.cdf(0.5))})

    def density(u: float) -> float:
        return float(stats.poisson.pmf(k, mean * float(mixing.ppf(u))))

    pieces = itertools.pairwise(edges)
    return math.fsum(
        integrate.quad(density, a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0] for a, b in pieces
    )


@pytest.mark.parametrize("mixing", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("mean", [0.02, 0.5, 6.0])
def test_probabilities_are_those_of_the_integral(mixing, mean):
    assert mixing.mean == pytest.approx(1, abs=1e-9)
    found = pmf(MixedPoisson(mixing, mean), 0.9)
    for k in (0, 1, 2, 5, 11):
        assert found[k] == pytest.approx(by_integration(mixing, mean, k), abs=1e-10)


@pytest.mark.parametrize("mean", [0.3, 4.0, 60.0])
def test_with_a_gamma_law_a_year_is_negative_binomial(mean):
    law = MixedPoisson(Gamma(1.7, 1 / 1.7), mean)
    frozen = stats.nbinom(1.7, 1.7 / (1.7 + mean))
    np.testing.assert_allclose(
        law.pgf(0.999 * CIRCLE), NegativeBinomial(1.7, mean).pgf(0.999 * CIRCLE), atol=1e-14
    )
    assert law.mean == pytest.approx(frozen.mean())
    assert law.variance == pytest.approx(frozen.var(), rel=1e-12)


def test_many_events_of_a_wide_law_do_not_fall_into_lumps():
    """W uniform on [1/2, 3/2], 400 events: P(N = k) is a difference of gamma functions."""
    circle = np.exp(2j * np.pi * np.arange(4096) / 4096)
    found = np.fft.fft(MixedPoisson(Uniform(0.5, 1.5), 400.0).pgf(circle)).real / 4096
    k = np.arange(4096)
    wanted = (special.gammainc(k + 1, 600) - special.gammainc(k + 1, 200)) / 400
    np.testing.assert_allclose(found, wanted, atol=1e-13)


@pytest.mark.parametrize("barred", [0.0, 0.3, 0.95])
def test_a_zero_inflated_year_by_brute_force(barred):
    law, rate = ZeroInflated(barred, 0.7), 0.7 / (1 - barred)
    wanted = (1 - barred) * stats.poisson.pmf(K, rate) + barred * (K == 0)
    np.testing.assert_allclose(pmf(law), wanted, atol=1e-14)
    assert law.mean == 0.7
    assert law.zero == pytest.approx(wanted[0], rel=1e-13)
    assert law.variance == pytest.approx(float((wanted * K**2).sum()) - 0.49, rel=1e-10)
    some = law.given_some()
    wanted = ZeroModifiedPoisson(1.0, rate)
    np.testing.assert_allclose(some.pgf(CIRCLE), wanted.pgf(CIRCLE), atol=1e-13)


@pytest.mark.parametrize("years", [0.25, 1.0, 2.5, 4.0])
@pytest.mark.parametrize(
    "mixing", [Discrete((0.0, 2.0), (0.5, 0.5)), Uniform(0.0, 2.0), Gamma(0.5, 2.0)]
)
def test_years_are_independent_and_a_part_has_a_draw_of_its_own(mixing, years):
    rate, law = 1.4, MixedPoisson(mixing, 1.4 * years, years)
    single = pmf(MixedPoisson(mixing, rate))
    wanted = np.zeros(len(K))
    wanted[0] = 1.0
    lengths = [single] * int(years)
    if years % 1:
        lengths.append(pmf(MixedPoisson(mixing, rate * (years % 1))))
    for part in lengths:
        wanted = np.convolve(wanted, part)[: len(K)]
    np.testing.assert_allclose(pmf(law), wanted, atol=1e-12)
    mean = float((wanted * K).sum())
    assert law.mean == pytest.approx(mean, rel=1e-9)
    assert law.second_factorial == pytest.approx(float((wanted * K * (K - 1)).sum()), rel=1e-8)
    assert law.zero == pytest.approx(wanted[0], abs=1e-12)


@pytest.mark.parametrize("q", [0.0, 0.2, 0.85, 1.0])
@pytest.mark.parametrize(
    "law", [ZeroInflated(0.3, 2.0, 2.5), MixedPoisson(Lognormal.from_mean_sd(1.0, 0.5), 2.0)]
)
def test_conditioned_and_thinned_by_brute_force(law, q):
    counts = np.arange(120)
    survivors = stats.binom.pmf(counts[None, :], counts[:, None], q)
    whole = pmf(law)[:120]
    thinned = np.sum(whole[:, None] * survivors, axis=0)
    np.testing.assert_allclose(pmf(law.thin(q))[:120], thinned, atol=1e-11)
    some = whole * (counts > 0) / (1 - whole[0])
    wanted = np.sum(some[:, None] * survivors, axis=0)
    np.testing.assert_allclose(pmf(law.given_some().thin(q))[:120], wanted, atol=1e-11)


MIXING = st.sampled_from([law for law in LAWS if not isinstance(law, Spliced | Pareto)])


@settings(max_examples=50)
@given(
    MIXING,
    st.floats(0.05, 8),
    st.sampled_from([0.5, 1.0, 2.25]),
    st.integers(0, 2**32),
    st.sampled_from(WAYS),
)
def test_draws_have_the_law(mixing, mean, years, seed, way):
    assert gap(MixedPoisson(mixing, mean, years), way, seed, pmf) < FAR


def test_arrays_stand_for_many_laws():
    means, repeat = np.array([0.0, 0.5, 3.0]), 6000
    law = ZeroInflated(0.4, np.repeat(means, repeat), 1.5)
    rng = np.random.default_rng(7)
    n = len(means) * repeat
    ways = (law.sample(rng, n), np.bincount(law.events(rng, n), minlength=n))
    for drawn in ways:
        for one, draws in zip(means, drawn.reshape(len(means), repeat), strict=True):
            alone = ZeroInflated(0.4, one, 1.5)
            assert abs(draws.mean() - one) <= 5 * math.sqrt(max(alone.variance, 0) / repeat)
    some = law.sample_some(rng, n).reshape(len(means), repeat)
    assert np.all(some[0] == 1)  # the limit of a rate of nothing
    for one, draws in zip(means[1:], some[1:], strict=True):
        given = ZeroInflated(0.4, one, 1.5).given_some()
        assert abs(draws.mean() - given.mean) <= 5 * math.sqrt(given.variance / repeat)
    taken = law.take(np.array([repeat]))
    np.testing.assert_allclose(taken.zero, ZeroInflated(0.4, 0.5, 1.5).zero, rtol=1e-14)


def test_no_periods_no_events():
    law, rng = MixedPoisson(Uniform(0.0, 2.0), 1.0), np.random.default_rng(1)
    assert len(law.events(rng, 0)) == len(law.sample(rng, 0)) == len(law.sample_some(rng, 0)) == 0


def test_years_that_do_not_differ_are_poisson():
    law = MixedPoisson(Constant(1.0), 3.0, 2.5)
    np.testing.assert_allclose(law.pgf(CIRCLE), Poisson(3.0).pgf(CIRCLE), atol=1e-14)
    assert law.variance == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ZeroInflated(1.0, 1.0), "below 1"),
        (lambda: ZeroInflated(-0.1, 1.0), "at least 0"),
        (lambda: ZeroInflated(0.1, -1.0), "must be >= 0"),
        (lambda: MixedPoisson(Uniform(0.0, 1.0), 1.0), "the mean 1"),
        (lambda: MixedPoisson(Uniform(-1.0, 3.0), 1.0), "never negative"),
        (lambda: MixedPoisson(Pareto(1.5, 1 / 3), 1.0), "finite variance"),
        (lambda: MixedPoisson(Uniform(0.0, 2.0), 1.0, 0.0), "longer than nothing"),
        (lambda: MixedPoisson(Lognormal.from_mean_sd(1.0, 1.0), 1e9), "too many"),
        (lambda: MixedPoisson(Uniform(0.0, 2.0), 1.0).thin(1.5), "in \\[0, 1\\]"),
    ],
)
def test_what_is_no_law_is_refused(make, says):
    with pytest.raises(MisuseError, match=says):
        make()
