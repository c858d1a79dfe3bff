# SPDX-License-Identifier: Apache-2.0
"""Distributions against scipy.stats, closed forms and the reference cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Mixture,
    Normal,
    Pareto,
    Scaled,
    Sometimes,
    Total,
    Triangular,
    Uniform,
    Weibull,
)

from ...reference import cases_like

PAIRS = [
    (Uniform(2, 7), stats.uniform(2, 5)),
    (Triangular(1, 2, 6), stats.triang(0.2, 1, 5)),
    (Triangular(1, 1, 6), stats.triang(0.0, 1, 5)),
    (Triangular(1, 6, 6), stats.triang(1.0, 1, 5)),
    (Normal(3, 2), stats.norm(3, 2)),
    (Lognormal(1.5, 0.8), stats.lognorm(0.8, scale=math.exp(1.5))),
    (Beta(2, 48), stats.beta(2, 48)),
    (Beta(0.7, 0.3, 10, 30), stats.beta(0.7, 0.3, 10, 20)),
    (Gamma(2.5, 4), stats.gamma(2.5, scale=4)),
    (Exponential(7), stats.expon(scale=7)),
    (Weibull(0.7, 5), stats.weibull_min(0.7, scale=5)),
    (Pareto(2.5, 100), stats.pareto(2.5, scale=100)),
]


def named(pair: Any) -> str:
    return repr(pair[0]) if isinstance(pair, tuple) else ""


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_functions_and_moments_are_those_of_scipy(pair):
    law, frozen = pair
    u = np.array([1e-6, 0.05, 0.3, 0.5, 0.9, 0.999])
    x = frozen.ppf(u)
    np.testing.assert_allclose(law.ppf(u), x, rtol=1e-10)
    np.testing.assert_allclose(law.cdf(x), u, rtol=1e-8)
    assert law.mean == pytest.approx(frozen.mean(), rel=1e-12)
    assert law.variance == pytest.approx(frozen.var(), rel=1e-9)


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_limited_moments_are_those_by_quadrature(pair):
    law, frozen = pair
    for u in (0.1, 0.6, 0.97):
        x = float(frozen.ppf(u))
        for power, found in ((1, law.lev(x)), (2, law.second_lev(x))):
            below, _ = integrate.quad(
                lambda v, power=power: frozen.ppf(v) ** power, 0, u, limit=200, epsrel=1e-10
            )
            assert float(found) == pytest.approx(below + x**power * (1 - u), rel=1e-7)


def test_pareto_without_mean_has_limited_means():
    for shape in (0.8, 1.0, 2.0):
        law, x = Pareto(shape, 3.0), 50.0
        wanted, _ = integrate.quad(lambda v, s=shape: (3.0 / v) ** s, 3, x, epsrel=1e-12)
        assert float(law.lev(x)) == pytest.approx(3 + wanted, rel=1e-10)
        wanted, _ = integrate.quad(lambda v, s=shape: 2 * v * (3.0 / v) ** s, 3, x, epsrel=1e-12)
        assert float(law.second_lev(x)) == pytest.approx(9 + wanted, rel=1e-10)
    assert Pareto(1, 3).mean == math.inf
    assert Pareto(1.5, 3).second == math.inf
    assert Pareto(1.5, 3).variance == math.inf
    assert math.isfinite(Capped(Pareto(0.8, 3), 1e6).mean)


def test_pareto_capped_at_the_limit_case_one_is_a_logarithm():
    assert Capped(Pareto(1, 2), 20).mean == pytest.approx(2 * (1 + math.log(10)), rel=1e-14)


@pytest.mark.parametrize(
    ("parts", "frozen"),
    [
        ((Gamma(1.5, 3), Gamma(2.5, 3)), stats.gamma(4, scale=3)),
        ((Exponential(5), Exponential(5), Exponential(5)), stats.gamma(3, scale=5)),
        ((Constant(7), Gamma(2, 3)), stats.gamma(2, 7, 3)),
        ((Gamma(0.5, 2), Gamma(0.5, 2)), stats.expon(scale=2)),
        ((Uniform(0, 4), Uniform(0, 4)), stats.triang(0.5, 0, 8)),
    ],
)
def test_sums_with_a_closed_form(parts, frozen):
    law = Total(parts)
    u = np.array([0.01, 0.1, 0.5, 0.9, 0.99, 0.9999])
    x = frozen.ppf(u)
    np.testing.assert_allclose(law.cdf(x), u, atol=2e-4 if parts[0] == Gamma(0.5, 2) else 2e-6)
    np.testing.assert_allclose(law.ppf(u[1:]), x[1:], rtol=2e-3)
    for level, at in zip(u, x, strict=True):
        below, _ = integrate.quad(frozen.ppf, 0, level, limit=200)
        assert float(law.lev(at)) == pytest.approx(below + at * (1 - level), rel=1e-5)
        square, _ = integrate.quad(lambda v: frozen.ppf(v) ** 2, 0, level, limit=200)
        wanted = square + at**2 * (1 - level)
        assert float(law.second_lev(at)) == pytest.approx(wanted, rel=5e-5)


def test_a_sum_of_heavy_and_light_parts_by_quadrature():
    light, heavy, p = Gamma(2, 100.0), Lognormal(10, 1.2), 0.05
    law = Total((light, Sometimes(p, heavy)))
    for x in (50.0, 300.0, 5e3, 5e4, 1e6):
        # condition on the light part
        hit, _ = integrate.quad(
            lambda y, x=x: stats.gamma(2, scale=100).pdf(y) * float(heavy.cdf(x - y)),
            0,
            min(x, 4000.0),
            epsrel=1e-10,
            limit=200,
        )
        wanted = (1 - p) * float(light.cdf(x)) + p * hit
        assert float(law.cdf(x)) == pytest.approx(wanted, abs=1e-5)


def test_laws_with_atoms_by_hand():
    coin = Discrete((0.0, 10.0, 4.0), (0.5, 0.2, 0.3))
    assert coin.mean == pytest.approx(3.2)
    assert coin.second == pytest.approx(24.8)
    assert coin.ppf(np.array([0.2, 0.5, 0.5001, 0.8, 0.81, 1.0])).tolist() == [0, 0, 4, 4, 10, 10]
    assert coin.cdf(np.array([-1, 0, 3.9, 4, 10])).tolist() == pytest.approx([0, 0.5, 0.5, 0.8, 1])
    assert float(coin.lev(5.0)) == pytest.approx(0.3 * 4 + 0.2 * 5)
    some = Sometimes(0.25, Uniform(10, 20))
    assert float(some.cdf(0.0)) == pytest.approx(0.75)
    assert some.ppf(np.array([0.75, 0.875])).tolist() == pytest.approx([0, 15])
    capped = Capped(Uniform(0, 10), 4)
    assert capped.mean == pytest.approx(3.2)
    assert capped.second == pytest.approx(64 / 30 + 9.6)
    assert float(np.sum(np.prod(capped.gauss(8), axis=0))) == pytest.approx(3.2, rel=1e-12)
    nothing = Scaled(Lognormal(0, 1), 0.0)
    assert (nothing.mean, nothing.second, float(nothing.cdf(0)), float(nothing.lev(2))) == (
        0,
        0,
        1,
        0,
    )
    assert Sometimes(0.0, Pareto(0.5, 1)).mean == 0
    assert Total((Constant(2), Constant(3))).ppf(np.array([0.1, 0.9])).tolist() == [5, 5]


def test_quantiles_of_a_sum_pass_over_what_nothing_reaches():
    """300k, in one of four with 1M on top: nothing lies between, and the mean of quantiles is that
    of the law.
    """
    law = Total((Constant(300e3), Sometimes(0.25, Constant(1e6))))
    few, more = law.ppf(np.array([0.01, 0.5, 0.7499])), law.ppf(np.array([0.7501, 0.9, 0.9999]))
    np.testing.assert_allclose(few, 300e3, rtol=1e-12)
    np.testing.assert_allclose(more, 1.3e6, rtol=1e-3)
    u = (np.arange(100_000) + 0.5) / 100_000
    assert law.ppf(u).mean() == pytest.approx(550e3, rel=1e-6)


def test_a_mixture_finds_its_quantiles_between_those_of_its_parts():
    law = Mixture((0.3, 0.7), (Normal(0, 1), Normal(12, 2)))
    x = law.ppf(np.array([0.1, 0.3, 0.9]))
    np.testing.assert_allclose(
        0.3 * stats.norm.cdf(x) + 0.7 * stats.norm.cdf(x, 12, 2), [0.1, 0.3, 0.9], rtol=1e-12
    )


@pytest.mark.acceptance
def test_reference_pert():
    for case in cases_like("PERT-"):
        given, wanted = case["inputs"], case["expected"]
        law = Beta.pert(given["low"], given["mode"], given["high"], given["gamma"])
        found = [law.a, law.b, law.mean, math.sqrt(law.variance)]
        found += [float(law.ppf(u)) for u in (0.05, 0.5, 0.95, 0.99)]
        names = ("alpha", "beta", "mean", "sd", "q05", "q50", "q95", "q99")
        assert found == pytest.approx([wanted[name] for name in names], rel=1e-9), case["id"]


@pytest.mark.acceptance
def test_reference_lognormal_from_an_interval():
    for case in cases_like("HUB-"):
        law = Lognormal.from_quantiles(*case["inputs"]["ci90"])
        wanted = case["expected"]
        found = [law.mu, law.sigma, law.mean, float(law.ppf(0.5)), float(law.ppf(0.99))]
        names = ("mu", "sigma_exact", "mean_exact", "median", "q99")
        assert found == pytest.approx([wanted[name] for name in names], rel=1e-9), case["id"]


@pytest.mark.acceptance
def test_reference_beta_posteriors():
    (case,) = cases_like("CONJ-BB-02")
    wanted = case["expected"]
    assert float(Beta(1, 101).ppf(0.95)) == pytest.approx(wanted["uniform"], abs=1e-12)
    assert float(Beta(0.5, 100.5).ppf(0.95)) == pytest.approx(wanted["jeffreys"], abs=1e-12)
    (case,) = cases_like("CONJ-BB-01")
    law, wanted = Beta(438, 544), case["expected"]
    assert [law.mean, math.sqrt(law.variance)] == pytest.approx(
        [wanted["mean"], wanted["sd"]], abs=1e-12
    )
    assert law.ppf(np.array([0.025, 0.975])).tolist() == pytest.approx(wanted["ci"], abs=1e-12)


def test_a_lognormal_too_wide_for_numbers_has_limited_means_still() -> None:
    """E min(X, x) by plain quadrature of the survival function in log x, with an infinite mean."""
    law = Lognormal(0.0, 84.0)
    assert law.mean == np.inf
    assert law.second == np.inf
    z = np.linspace(-40.0, 0.0, 400_001)  # scores below that of x = 1
    # E min(X, 1) = E[X; X <= 1] + P(X > 1), the first by the trapezoid rule
    density = np.exp(84.0 * z - z * z / 2) / np.sqrt(2 * np.pi)
    expected = float(np.trapezoid(density, z)) + 0.5
    assert float(law.lev(1.0)) == pytest.approx(expected, rel=1e-6)
