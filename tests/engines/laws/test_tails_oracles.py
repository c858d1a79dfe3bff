# SPDX-License-Identifier: Apache-2.0
"""Tails, splices and covers against scipy.stats, closed forms, quadrature and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from perilscope.engines.laws.distributions import (
    Capped,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    GeneralisedPareto,
    Layered,
    Lognormal,
    Pareto,
    Retained,
    Spliced,
    Uniform,
)
from perilscope.engines.laws.law import stack
from perilscope.errors import MisuseError

U = np.array([1e-6, 0.05, 0.3, 0.5, 0.9, 0.999, 1 - 1e-9])
T = np.array([1e-3, 0.1, 0.5, 1.0, 3.0, 20.0])


@pytest.mark.parametrize("shape", [-2.0, -0.5, -0.01, 1e-9, 0.0, 0.2, 0.49, 0.7, 1.0, 1.6])
def test_a_generalised_pareto_law_is_that_of_scipy(shape):
    law = GeneralisedPareto(shape, 200.0, 30.0)
    frozen = stats.genpareto(shape, 30.0, 200.0)
    x = frozen.ppf(U)
    np.testing.assert_allclose(law.ppf(U), x, rtol=1e-9)
    np.testing.assert_allclose(law.cdf(x), U, rtol=1e-8)
    np.testing.assert_allclose(law.support, frozen.support(), rtol=1e-14)
    assert law.mean == pytest.approx(30 + 200 / (1 - shape) if shape < 1 else math.inf, rel=1e-14)
    wanted = 200**2 / ((1 - shape) ** 2 * (1 - 2 * shape)) if shape < 0.5 else math.inf
    assert law.variance == pytest.approx(wanted, rel=1e-14)
    assert law.second == pytest.approx(wanted + law.mean**2, rel=1e-14)


@pytest.mark.parametrize("shape", [-2.0, -0.5, -1e-3, 0.1, 0.499, 0.501, 0.7, 0.999, 1.3, 4.0])
def test_its_limited_moments_are_the_integrals_of_survival(shape):
    law = GeneralisedPareto(shape, 2.0, 5.0)
    frozen = stats.genpareto(shape, 5.0, 2.0)
    for x in (5.5, 6.0, 11.0, 80.0):
        top = min(x, frozen.support()[1])
        once, _ = integrate.quad(frozen.sf, 5, top, epsrel=1e-12, limit=200)
        twice, _ = integrate.quad(lambda v: 2 * v * frozen.sf(v), 5, top, epsrel=1e-12, limit=200)
        assert float(law.lev(x)) == pytest.approx(5 + once, rel=1e-11)
        assert float(law.second_lev(x)) == pytest.approx(25 + twice, rel=1e-11)


def test_its_limited_moments_at_the_shapes_where_the_formulas_change():
    flat, half, one = (GeneralisedPareto(k, 1.0) for k in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(flat.lev(T), -np.expm1(-T), rtol=1e-14)
    np.testing.assert_allclose(flat.second_lev(T), Gamma(1.0, 1.0).second_lev(T), rtol=1e-12)
    np.testing.assert_allclose(half.lev(T), T / (1 + T / 2), rtol=1e-14)
    wanted = 8 * (np.log1p(T / 2) + 1 / (1 + T / 2) - 1)
    np.testing.assert_allclose(half.second_lev(T), wanted, rtol=1e-9)  # the formula here cancels
    np.testing.assert_allclose(one.lev(T), np.log1p(T), rtol=1e-14)
    np.testing.assert_allclose(one.second_lev(T), 2 * (T - np.log1p(T)), rtol=1e-9)


@pytest.mark.parametrize("shape", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("off", [-1e-7, 1e-7, -1e-10, 1e-10, 1e-13, -1e-13, 1e-300])
def test_nothing_jumps_at_those_shapes(shape, off):
    # the slope of E min(X, x)^k in the shape is between 0 and that of x^k sf(x) t^2 and the like;
    # over these x it stays below 500, so a change beyond that is lost digits
    here, near = GeneralisedPareto(shape, 1.0), GeneralisedPareto(shape + off, 1.0)
    np.testing.assert_allclose(near.lev(T), here.lev(T), atol=500 * abs(off) + 1e-13)
    np.testing.assert_allclose(near.second_lev(T), here.second_lev(T), atol=500 * abs(off) + 2e-13)
    np.testing.assert_allclose(near.cdf(T), here.cdf(T), atol=500 * abs(off) + 1e-15)


def test_a_generalised_pareto_law_at_its_threshold_over_its_shape_is_a_pareto_law():
    law, wanted = GeneralisedPareto(0.8, 80.0, 100.0), Pareto(1.25, 100.0)
    x = np.array([50.0, 100.0, 150.0, 1e4, 1e9])
    for name in ("lev", "second_lev", "cdf"):
        np.testing.assert_allclose(getattr(law, name)(x), getattr(wanted, name)(x), rtol=1e-11)
    assert Capped(law, 1e6).mean == pytest.approx(Capped(wanted, 1e6).mean, rel=1e-13)


def test_a_tail_below_shape_zero_ends():
    law = GeneralisedPareto(-0.5, 100.0, 10.0)
    assert law.support == (10.0, 210.0)
    assert law.ppf(np.array([0.0, 1.0])).tolist() == [10.0, 210.0]
    assert law.cdf(np.array([210.0, 1e9, np.inf])).tolist() == [1.0, 1.0, 1.0]
    assert float(law.lev(1e9)) == pytest.approx(law.mean, rel=1e-15)


def test_many_tails_in_one():
    shapes = [-0.3, 0.0, 0.25, 0.5, 1.0, 1.5]
    many = stack([GeneralisedPareto(k, 3.0, 1.0) for k in shapes])
    one = [GeneralisedPareto(k, 3.0, 1.0) for k in shapes]
    for name in ("lev", "second_lev", "cdf"):
        found = getattr(many, name)(7.0)
        np.testing.assert_array_equal(found, [float(getattr(law, name)(7.0)) for law in one])
    np.testing.assert_array_equal(many.mean, [law.mean for law in one])
    np.testing.assert_array_equal(many.second, [law.second for law in one])
    drawn = many.take(np.repeat(np.arange(6), 20_000)).sample(np.random.default_rng(3), 120_000)
    shares = (drawn.reshape(6, -1) > np.array([law.ppf(0.9) for law in one])[:, None]).mean(1)
    np.testing.assert_allclose(shares, 0.1, atol=4 * 0.3 / math.sqrt(20_000))


SPLICES = [
    (Lognormal(10, 1), GeneralisedPareto(0.4, 3e5, 1e5), 1e5, 0.05),
    (Gamma(2, 1e4), Lognormal(11, 2), 3e4, 0.3),
    (Uniform(0, 5e4), Pareto(0.9, 1e3), 2e4, 0.1),
]


@pytest.mark.parametrize("parts", SPLICES, ids=["gpd", "lognormal", "pareto"])
def test_a_splice_is_the_integral_over_its_parts(parts):
    body, tail, at, above = parts
    law = Spliced(*parts)
    under, over = float(body.cdf(at)), 1 - float(tail.cdf(at))

    def survival(x: float) -> float:
        if x <= at:
            return 1 - (1 - above) * float(body.cdf(x)) / under
        return above * (1 - float(tail.cdf(x))) / over

    for x in (at / 3, at, 2 * at, 50 * at):
        ends = [0.0, *[v for v in (at / 30, at, 4 * at, 20 * at) if v < x], x]
        once = twice = 0.0
        for a, b in itertools.pairwise(ends):
            once += integrate.quad(survival, a, b, epsrel=1e-11, limit=200)[0]
            twice += integrate.quad(lambda v: 2 * v * survival(v), a, b, epsrel=1e-11, limit=200)[0]
        assert float(law.cdf(x)) == pytest.approx(1 - survival(x), rel=1e-12)
        assert float(law.lev(x)) == pytest.approx(once, rel=1e-8)
        assert float(law.second_lev(x)) == pytest.approx(twice, rel=1e-8)
    u = np.array([0.01, 0.5, 1 - above, 1 - above / 2, 1 - above / 1e4])
    np.testing.assert_allclose(law.cdf(law.ppf(u)), u, rtol=1e-12)
    assert float(law.ppf(1 - above)) == pytest.approx(at, rel=1e-12)


def test_a_body_continued_by_its_own_tail_is_the_body():
    body = Gamma(2.0, 3.0)
    law = Spliced.continued(body, body, 8.0)
    x = np.array([0.0, 1.0, 8.0, 8.5, 30.0])
    for name in ("lev", "second_lev", "cdf"):
        np.testing.assert_allclose(getattr(law, name)(x), getattr(body, name)(x), rtol=1e-12)
    assert law.mean == pytest.approx(body.mean, rel=1e-12)
    assert law.second == pytest.approx(body.second, rel=1e-12)


def test_a_splice_of_atoms_by_hand():
    coin = Discrete((1.0, 5.0, 9.0), (0.5, 0.3, 0.2))
    law = Spliced(coin, coin, 5.0, 0.25)  # up to 5: 1 and 5 as 5 to 3; beyond: 9
    assert law.mean == pytest.approx(0.75 * (5 / 8 * 1 + 3 / 8 * 5) + 0.25 * 9, rel=1e-14)
    assert law.cdf(np.array([0.9, 1, 4.9, 5, 8.9, 9])).tolist() == pytest.approx(
        [0, 0.75 * 5 / 8, 0.75 * 5 / 8, 0.75, 0.75, 1]
    )
    assert law.ppf(np.array([0.4, 0.47, 0.75, 0.76])).tolist() == [1, 5, 5, 9]
    none, all_of_it = Spliced(coin, coin, 5.0, 0.0), Spliced(coin, coin, 5.0, 1.0)
    assert (none.support, all_of_it.support) == ((1.0, 5.0), (5.0, 9.0))
    assert Spliced(coin, Pareto(0.5, 6.0), 5.0, 0.0).mean == pytest.approx(2.5)


def test_a_splice_without_mean_has_limited_means():
    law = Spliced(Exponential(1.0), GeneralisedPareto(1.2, 1.0, 2.0), 2.0, 0.1)
    assert (law.mean, law.second, law.variance) == (math.inf, math.inf, math.inf)
    assert math.isfinite(float(law.lev(1e9)))


COVERS = [(0.0, np.inf, 0.8), (2.0, 3.0, 1.0), (2.0, 3.0, 0.6), (1.0, np.inf, 1.0), (4.0, 1.0, 0.0)]


@pytest.mark.parametrize("cover", COVERS, ids=str)
def test_covers_of_a_few_values_by_brute_force(cover):
    deductible, limit, share = cover
    values = np.array([0.0, 1.0, 2.0, 3.5, 5.0, 7.0, 12.0])
    weights = np.array([0.1, 0.2, 0.15, 0.2, 0.1, 0.15, 0.1])
    of = Discrete(values, weights)
    paid = share * np.minimum(np.maximum(values - deductible, 0), limit)
    for law, wanted in ((Layered(of, *cover), paid), (Retained(of, *cover), values - paid)):
        borne = law.bears(values)
        np.testing.assert_allclose(borne, wanted, rtol=1e-14)
        assert law.mean == pytest.approx(float(np.sum(weights * borne)), rel=1e-13)
        assert law.second == pytest.approx(float(np.sum(weights * borne**2)), rel=1e-13)
        assert law.support == (borne.min(), borne.max())
        for x in (-1.0, 0.0, 0.3, 1.0, 1.8, 2.0, 3.0, 5.5, 20.0, *borne.tolist()):
            limited = np.minimum(borne, x)
            assert float(law.lev(x)) == pytest.approx(float(np.sum(weights * limited)), abs=1e-13)
            squared = float(np.sum(weights * limited**2))
            assert float(law.second_lev(x)) == pytest.approx(squared, abs=1e-12)
            assert float(law.cdf(x)) == pytest.approx(float(np.sum(weights[borne <= x])), abs=1e-13)
        reached = np.cumsum(weights)
        np.testing.assert_allclose(law.ppf(reached), borne)


def test_covers_of_a_smooth_loss_by_closed_forms():
    of = Exponential(1.0)
    layer = Layered(of, 1.0, 2.0, 0.5)
    assert layer.mean == pytest.approx(0.5 * (math.exp(-1) - math.exp(-3)), rel=1e-13)
    assert float(layer.cdf(0.0)) == pytest.approx(1 - math.exp(-1), rel=1e-13)
    assert float(layer.cdf(0.999)) == pytest.approx(1 - math.exp(-1 - 2 * 0.999), rel=1e-13)
    assert float(layer.cdf(1.0)) == 1.0
    excess = Layered(Pareto(1.5, 1.0), 3.0)  # E (X - d)+ = d^(1 - a) / (a - 1)
    assert excess.mean == pytest.approx(3**-0.5 / 0.5, rel=1e-12)
    assert (excess.second, Layered(Pareto(0.5, 1.0), 3.0).mean) == (math.inf, math.inf)
    kept = Retained(of, 1.0, 2.0, 1.0)
    assert float(kept.cdf(1.0)) == pytest.approx(1 - math.exp(-3), rel=1e-13)
    assert float(kept.cdf(np.nextafter(1.0, 0.0))) == pytest.approx(1 - math.exp(-1), rel=1e-13)
    stop = Retained(Pareto(0.5, 1.0), 3.0)  # all beyond the deductible is covered
    assert stop.mean == pytest.approx(float(Pareto(0.5, 1.0).lev(3.0)), rel=1e-13)
    assert stop.support == (1.0, 3.0)


@pytest.mark.parametrize(
    "of", [Lognormal(1, 1), GeneralisedPareto(0.3, 2.0), Uniform(0, 9)], ids=str
)
def test_what_is_paid_and_what_is_kept_make_the_loss(of: Distribution):
    cover = (2.0, 3.0, 0.7)
    paid, kept = Layered(of, *cover), Retained(of, *cover)
    assert paid.mean + kept.mean == pytest.approx(of.mean, rel=1e-13)
    x = of.ppf(np.linspace(0.01, 0.99, 99))
    np.testing.assert_allclose(paid.bears(x) + kept.bears(x), x, rtol=1e-14)
    for law in (paid, kept):
        # moments over 4 million even quantiles: their error falls with the number
        u = (np.arange(4_000_000) + 0.5) / 4_000_000
        borne = law.bears(of.ppf(u))
        assert law.mean == pytest.approx(float(borne.mean()), rel=2e-4)
        assert float(law.lev(1.3)) == pytest.approx(float(np.minimum(borne, 1.3).mean()), rel=1e-6)
        wanted = float((np.minimum(borne, 4.0) ** 2).mean())
        assert float(law.second_lev(4.0)) == pytest.approx(wanted, rel=1e-6)
        nodes, weights = law.gauss(48)
        assert float(np.sum(weights * np.minimum(nodes, 4))) == pytest.approx(
            float(law.lev(4.0)), rel=2e-3
        )


def test_many_covers_in_one():
    of = Exponential(4.0)
    starts, ends, shares = [0.0, 1.0, 2.0], [np.inf, 3.0, 3.0], [0.5, 1.0, 0.0]
    for kind in (Layered, Retained):
        one = [kind(of, d, limit, s) for d, limit, s in zip(starts, ends, shares, strict=True)]
        many = stack(one)
        for name in ("lev", "second_lev", "cdf"):
            wanted = [float(getattr(law, name)(2.5)) for law in one]
            np.testing.assert_allclose(getattr(many, name)(2.5), wanted, rtol=1e-14)
        np.testing.assert_allclose(many.mean, [law.mean for law in one], rtol=1e-14)
        np.testing.assert_allclose(many.second, [law.second for law in one], rtol=1e-14)


def test_equally_likely_values():
    seen = [12e3, 40e3, 55e3, 40e3]
    law = Discrete.empirical(seen)
    assert law.values == (12e3, 40e3, 55e3)
    assert law.probabilities == (0.25, 0.5, 0.25)
    assert law.mean == pytest.approx(np.mean(seen), rel=1e-15)
    assert law.second == pytest.approx(np.mean(np.square(seen)), rel=1e-15)
    many = np.random.default_rng(4).lognormal(3, 1, 5000)
    law, x = Discrete.empirical(many), np.array([-1.0, 3.0, 20.0, 33.3, 1e9, np.inf])
    wanted = np.minimum(many[:, None], x)
    np.testing.assert_allclose(law.lev(x), wanted.mean(0), rtol=1e-12)
    np.testing.assert_allclose(law.second_lev(x), (wanted**2).mean(0), rtol=1e-12)
    np.testing.assert_allclose(law.cdf(x), (many[:, None] <= x).mean(0), rtol=1e-12)
    np.testing.assert_allclose(law.ppf(np.array([0.5, 1.0])), np.sort(many)[[2499, 4999]])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Spliced(Uniform(2, 3), Pareto(2, 1), 1, 0.1), "begin the tail higher"),
        (lambda: Spliced(Uniform(0, 3), Uniform(0, 1), 2, 0.1), "begin it lower"),
        (lambda: Layered(Uniform(0, 3), np.nan), "deductible"),
        (lambda: Layered(Uniform(0, 3), 0, np.nan), "limit"),
        (lambda: Layered(Uniform(0, 3), 0, 1, np.nan), "share"),
        (lambda: GeneralisedPareto(0.1, np.inf), "finite scale > 0"),
    ],
)
def test_refusals_say_how_to_mend(make, words):
    with pytest.raises(MisuseError, match=words):
        make()
