# SPDX-License-Identifier: Apache-2.0
"""Metalog laws against the reference cases, laws they contain, and quadrature."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, logit

from perilscope.engines.laws.distributions import Capped, Metalog
from perilscope.engines.laws.law import stack
from perilscope.errors import MisuseError

from ...reference import cases_like

P10, P50 = (0.1, 0.5, 0.9), (0.05, 0.25, 0.5, 0.75, 0.95)


@pytest.mark.acceptance
def test_reference_cases_of_three_quantiles():
    for case in cases_like("MLOG-"):
        alpha, wanted = case["inputs"]["alpha"], case["expected"]
        law = Metalog.from_quantiles((alpha, 0.5, 1 - alpha), case["inputs"]["q"])
        found = [*law.coefficients, *law.ppf(np.array([alpha, 0.5, 1 - alpha, 0.01, 0.99]))]
        names = [*wanted["a"], *wanted["check"], wanted["q01"], wanted["q99"]]
        assert [*found, law.mean] == pytest.approx([*names, wanted["mean"]], rel=1e-10), case["id"]


def keelin(a: list[float], z: Any) -> Any:
    """Keelin's sum as he writes it, equation 6; z is the logarithm in it."""
    log, s = z, np.tanh(z / 2) / 2
    total = a[0] + a[1] * log
    for k, coefficient in enumerate(a[2:], start=3):
        if k == 3:
            total += coefficient * s * log
        elif k == 4:
            total += coefficient * s
        elif k % 2:
            total += coefficient * s ** ((k - 1) // 2)
        else:
            total += coefficient * s ** (k // 2 - 1) * log
    return total


LAWS = [
    Metalog((20.0, 6.8, 5.7)),
    Metalog((3.0, 0.4, 0.1, 0.3, -0.5, 0.2, 0.4), 10.0),
    Metalog((0.2, 0.6, -0.3, 0.5, 0.4), 2.0, 30.0),
    Metalog.from_quantiles(P50, (5, 12, 20, 32, 50), 0),
    Metalog((5.0, 3.0, 0.2), 0.0, 1e9),
    Metalog((2.0, 0.02, 0.005), 0.0),
]


@pytest.mark.parametrize("law", LAWS, ids=range(len(LAWS)))
def test_quantiles_are_keelins_sum_and_moments_their_integrals(law):
    def quantile(z: Any) -> Any:
        m = keelin(list(law.coefficients), z)
        if np.isinf(law.low):
            return m
        if np.isinf(law.high):
            return law.low + np.exp(m)
        return (law.low + law.high * np.exp(m)) / (1 + np.exp(m))

    u = np.array([1e-9, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-9])
    z = logit(u)
    x = quantile(z)
    np.testing.assert_allclose(law.ppf(u), x, rtol=1e-12)
    # a quantile near an end is known to few digits, and so is the level it stands for
    with np.errstate(divide="ignore"):
        blur = 4 * np.spacing(x) * u * (1 - u) * 1e-4 / (quantile(z + 1e-4) - x)
    assert np.all(np.abs(law.cdf(x) - u) <= 1e-12 * u + blur)

    def below(end: float, power: int) -> float:
        """The integral over y up to expit(end), in z, where it is smooth."""
        ends = [v for v in (-50.0, -8.0, -2.0, 2.0, 8.0, 20.0) if v < end]
        pieces = pairwise([*ends, end])
        smooth = lambda t: quantile(t) ** power * expit(t) * expit(-t)  # noqa: E731
        return math.fsum(integrate.quad(smooth, a, b, epsrel=1e-13)[0] for a, b in pieces)

    for end in (-3.0, 0.1, 1.7, 6.0):
        at, above = float(quantile(end)), float(expit(-end))
        for power, found in ((1, law.lev(at)), (2, law.second_lev(at))):
            assert float(found) == pytest.approx(below(end, power) + at**power * above, rel=1e-11)
    assert law.mean == pytest.approx(below(90.0, 1), rel=1e-11)
    if law is not LAWS[1]:  # whose second moment is not finite
        assert law.second == pytest.approx(below(90.0, 2), rel=1e-11)


def test_two_terms_are_the_logistic_law():
    law = Metalog((7.0, 2.0))
    x = np.array([-40.0, -1.0, 6.0, 7.0, 9.0, 30.0, 200.0])
    np.testing.assert_allclose(law.cdf(x), stats.logistic.cdf(x, 7, 2), rtol=1e-13)
    wanted = x - 2 * np.logaddexp(0, (x - 7) / 2)  # the integral of the survival function
    np.testing.assert_allclose(law.lev(x), wanted, rtol=1e-13)
    assert law.mean == pytest.approx(7, rel=1e-14)
    assert law.variance == pytest.approx(4 * math.pi**2 / 3, rel=1e-13)


@pytest.mark.parametrize("slope", [0.02, 0.3, 0.49, 0.51, 0.95, 0.999, 1.0, 1.4, 3.0])
def test_two_terms_above_a_least_value_are_the_log_logistic_law(slope):
    law = Metalog((2.0, slope), 3.0)
    frozen = stats.fisk(1 / slope, 3.0, math.exp(2.0))
    x = np.array([3.1, 5.0, 8.0, 20.0, 300.0, 1e6])
    np.testing.assert_allclose(law.cdf(x), frozen.cdf(x), rtol=1e-11)
    mean = 3 + math.exp(2) / np.sinc(slope) if slope < 1 else math.inf
    assert law.mean == pytest.approx(mean, rel=1e-11)
    if slope < 0.5:
        square = math.exp(4) / np.sinc(2 * slope)
        assert law.second == pytest.approx(9 + 6 * (mean - 3) + square, rel=1e-11)
    else:
        assert law.second == math.inf
    for at in (5.0, 20.0, 300.0):
        stretches = [3.0, *[v for v in (6.0, 12.0, 60.0) if v < at], at]
        survival = lambda v: 1 / (1 + ((v - 3) / math.exp(2)) ** (1 / slope))  # noqa: E731
        rises = [
            integrate.quad(survival, a, b, epsrel=1e-12, limit=200)[0]
            for a, b in pairwise(stretches)
        ]
        assert float(law.lev(at)) == pytest.approx(3 + math.fsum(rises), rel=1e-10)


def test_far_out_the_limited_mean_of_a_law_without_mean_goes_on_in_closed_form():
    law = Metalog((0.0, 1.0), 0.0)  # P(X > x) = 1 / (1 + x)
    x = np.array([1e3, 1e12, 1e17, 1e18, 1e25, 1e60])
    np.testing.assert_allclose(law.lev(x), np.log1p(x), rtol=1e-13)
    np.testing.assert_allclose(law.second_lev(x), 2 * (x - np.log1p(x)), rtol=1e-12)
    assert Capped(law, 1e30).mean == pytest.approx(math.log(1e30), rel=1e-12)


def test_a_straight_quantile_function_is_the_uniform_law():
    law = Metalog((0.5, 0.0, 0.0, 1.0))
    assert law.support == (0.0, 1.0)
    x = np.array([-1.0, 0.0, 0.2, 0.9, 1.0, 4.0])
    np.testing.assert_allclose(law.cdf(x), np.clip(x, 0, 1), atol=1e-15)
    np.testing.assert_allclose(law.lev(x), [-1, 0, 0.18, 0.495, 0.5, 0.5], atol=1e-15)
    assert [law.mean, law.second] == pytest.approx([1 / 2, 1 / 3], rel=1e-14)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.25])
def test_three_symmetric_quantiles_are_feasible_where_keelin_says(alpha):
    bound = 0.5 * (1 - 1.66711 * (0.5 - alpha))  # the constant has six digits
    for way, allowed in ((bound - 1e-4, False), (bound + 1e-4, True), (0.5, True)):
        for place in (way, 1 - way):
            values = (0.0, place, 1.0)
            if allowed:
                found = Metalog.from_quantiles((alpha, 0.5, 1 - alpha), values)
                np.testing.assert_allclose(found.ppf(np.array([0.5])), place, rtol=1e-12)
            else:
                with pytest.raises(MisuseError, match="density would be negative"):
                    Metalog.from_quantiles((alpha, 0.5, 1 - alpha), values)


@pytest.mark.parametrize("at", [0.5, 0.6180339, 0.123456])
def test_a_narrow_dip_of_the_quantile_function_is_found(at):
    # dM/dy = 1 / (y (1 - y)) + a4 + 2 a5 (y - 1/2) touches c from above at y = at
    slope = (2 * at - 1) / (at * (1 - at)) ** 2  # of 1 / (y (1 - y))

    def touching(c: float) -> Metalog:
        level = c - 1 / (at * (1 - at))
        return Metalog((0.0, 1.0, 0.0, level + slope * (at - 0.5), -slope / 2))

    assert touching(1e-7).support == (-math.inf, math.inf)
    with pytest.raises(MisuseError, match=f"between its {100 * at:.3g} % and {100 * at:.3g} %"):
        touching(-1e-7)


def test_nodes_have_the_moments_of_the_law():
    for law in (LAWS[0], LAWS[2], LAWS[4]):
        nodes, weights = law.gauss(6)
        assert float(np.sum(weights * nodes)) == pytest.approx(law.mean, rel=1e-12)
        assert float(np.sum(weights * nodes**2)) == pytest.approx(law.second, rel=1e-12)
    nodes, weights = LAWS[3].gauss(8)
    assert float(np.sum(weights * nodes)) == pytest.approx(LAWS[3].mean, rel=1e-8)


def test_many_metalogs_in_one():
    medians = np.array([20.0, 22.0, 25.0])
    many = Metalog.from_quantiles(P10, (10.0, medians, 40.0), 0.0)
    one = [Metalog.from_quantiles(P10, (10.0, m, 40.0), 0.0) for m in medians.tolist()]
    for name, x in (("lev", 30.0), ("second_lev", 30.0), ("cdf", 30.0), ("ppf", 0.7)):
        wanted = [float(getattr(law, name)(x)) for law in one]
        np.testing.assert_allclose(getattr(many, name)(x), wanted, rtol=1e-12)
    np.testing.assert_allclose(many.mean, [law.mean for law in one], rtol=1e-12)
    np.testing.assert_allclose(stack(one).second, [law.second for law in one], rtol=1e-12)
    drawn = many.take(np.repeat(np.arange(3), 20_000)).sample(np.random.default_rng(8), 60_000)
    shares = (drawn.reshape(3, -1) < medians[:, None]).mean(1)
    np.testing.assert_allclose(shares, 0.5, atol=4 * 0.5 / math.sqrt(20_000))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Metalog((1.0,)), "2 to 16 coefficients"),
        (lambda: Metalog((1.0, -1.0)), "negative in both tails"),
        (lambda: Metalog((1.0, 1.0, 3.0)), "up to its"),
        (lambda: Metalog((1.0, 1.0, -3.0)), "quantile on"),
        (lambda: Metalog((1.0, np.nan)), "finite"),
        (lambda: Metalog((1.0, 0.0)), "density"),
        (lambda: Metalog((1.0, 1.0), -np.inf, 3.0), "give low"),
        (lambda: Metalog((1.0, 1.0), 3.0, 3.0), "low < high"),
        (lambda: Metalog((1.0, 1.0), np.nan), "numbers"),
        (lambda: Metalog.from_quantiles((0.1, 0.9), (1, 2), terms=3), "2 terms, not 3"),
        (lambda: Metalog.from_quantiles((0.1, 0.9), (1, 2), terms=1), "not 1"),
        (lambda: Metalog.from_quantiles((0.1,), (1,)), "two quantiles"),
        (lambda: Metalog.from_quantiles((0.1, 0.9), (1,)), "as many values"),
        (lambda: Metalog.from_quantiles((0.0, 0.9), (1, 2)), "between 0 and 1"),
        (lambda: Metalog.from_quantiles((0.9, 0.1), (1, 2)), "probabilities of quantiles rise"),
        (lambda: Metalog.from_quantiles((0.1, 0.9), (2, 2)), "quantiles rise"),
        (lambda: Metalog.from_quantiles((0.1, 0.9), (1, np.inf)), "finite"),
        (lambda: Metalog.from_quantiles((0.1, 0.9), (0, 2), 0.0), "between the ends"),
        (lambda: Metalog.from_quantiles(P10, (10, np.array([20, 11]), 40)), "some of these"),
    ],
)
def test_what_is_no_metalog_law_is_refused_with_words(make, words):
    with pytest.raises(MisuseError, match=words):
        make()
