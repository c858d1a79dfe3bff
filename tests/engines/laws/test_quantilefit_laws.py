# SPDX-License-Identifier: Apache-2.0
"""Fits to quantiles: exact where they can be, nearest where not, refused where nothing fits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilscope.engines.laws.distributions import Beta, Gamma, Lognormal, Metalog, Weibull
from perilscope.engines.laws.quantilefit import ALIKE, best, fit
from perilscope.errors import MisuseError

level = st.floats(0.01, 0.95)
shape = st.floats(0.3, 20)
size = st.floats(1e-3, 1e6)
LAWS = {
    "lognormal": st.builds(Lognormal, st.floats(-5, 15), st.floats(0.05, 3)),
    "gamma": st.builds(Gamma, shape, size),
    "weibull": st.builds(Weibull, shape, size),
    "beta": st.builds(Beta, shape, shape),
}
five = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


@pytest.mark.parametrize("family", LAWS)
@given(data=st.data(), p=level, way=st.floats(0.05, 1))
def test_two_quantiles_of_a_law_with_two_parameters_are_met(family, data, p, way):
    law = data.draw(LAWS[family])
    levels = np.array([p, p + (0.99 - p) * way])
    x = law.ppf(levels)
    if not (0 < x[0] < x[1] and (family != "beta" or x[1] < 1 - 1e-9)):
        return
    found = fit(family, levels, x)
    assert found.family == family
    np.testing.assert_allclose(found.law.ppf(levels), x, rtol=1e-8)
    assert found.error <= 1e-8


@pytest.mark.parametrize("family", LAWS)
@given(data=st.data())
def test_the_law_whose_quantiles_are_given_is_found(family, data):
    law = data.draw(LAWS[family])
    x = law.ppf(five)
    if not (x[0] > 1e-9 and np.all(np.diff(x) > 1e-9 * x[:-1]) and x[-1] < (1 - 1e-9) * 1e300):
        return
    if family == "beta" and x[-1] > 1 - 1e-6:
        return
    found = fit(family, five, x)
    assert found.error < 1e-6
    for name in ("a", "b", "shape", "scale", "mu", "sigma"):
        if hasattr(law, name):
            assert getattr(found.law, name) == pytest.approx(getattr(law, name), rel=1e-4, abs=1e-8)


@st.composite
def quantiles(draw: st.DrawFn) -> np.ndarray:
    rises = draw(st.lists(st.floats(0.05, 1.5), min_size=5, max_size=5))
    return np.exp(draw(st.floats(-2, 12)) + np.cumsum(rises))


@pytest.mark.parametrize("family", ["lognormal", "gamma", "weibull"])
@given(x=quantiles())
def test_no_neighbour_is_nearer(family, x):
    law = fit(family, five, x).law
    names = ("mu", "sigma") if family == "lognormal" else ("shape", "scale")

    def far(one: float, two: float) -> float:
        return math.fsum(np.log(type(law)(one, two).ppf(five) / x) ** 2)

    one, two = (getattr(law, name) for name in names)
    least = far(one, two)
    for step in (1e-3, -1e-3):
        assert far(one + step * abs(one), two) >= least - 1e-12
        assert far(one, two * (1 + step)) >= least - 1e-12


@given(quantiles(), st.sampled_from([(0.0, math.inf), (-math.inf, math.inf), (0.0, 1e9)]))
def test_the_best_is_nearly_as_near_as_any_and_has_a_mean(x, ends):
    found = best(five, x, *ends)
    assert math.isfinite(found.law.mean)
    own = found.law.ppf(five)
    assert found.error == pytest.approx(float(np.max(np.abs(own / x - 1))), rel=1e-12, abs=1e-15)
    np.testing.assert_allclose(found.quantiles, own, rtol=1e-15)
    low, high = ends
    assert low <= found.law.support[0]
    assert found.law.support[1] <= high
    if ends == (0.0, math.inf):
        errors = [fit(family, five, x).error for family in ("lognormal", "gamma", "weibull")]
        assert found.error <= min(errors) + ALIKE


def metalog(x: np.ndarray, terms: int = 5) -> Metalog | None:
    """The law, or none where there is none; why there is none is tested elsewhere."""
    try:
        return Metalog.from_quantiles(five, x, 0.0, terms=terms)
    except MisuseError:
        return None


@given(quantiles())
def test_a_metalog_law_with_all_its_terms_meets_every_quantile(x):
    law = metalog(x)
    if law is None:
        return
    np.testing.assert_allclose(law.ppf(five), x, rtol=1e-9)
    u = np.linspace(0.001, 0.999, 400)
    assert np.all(np.diff(law.ppf(u)) > 0)
    np.testing.assert_allclose(law.cdf(law.ppf(u)), u, rtol=1e-9)


@given(quantiles(), st.integers(2, 4))
def test_fewer_terms_are_least_squares(x, terms):
    law = metalog(x, terms)
    if law is None:
        return
    log = np.log(five / (1 - five))
    s = five - 0.5
    basis = np.stack([np.ones(5), log, s * log, s][:terms], axis=1)
    wanted, *_ = np.linalg.lstsq(basis, np.log(x), rcond=None)
    np.testing.assert_allclose(law.coefficients, wanted, rtol=1e-8, atol=1e-9)


def test_alike_families_are_told_apart_by_simplicity():
    assert best((0.05, 0.95), (10.0, 90.0)).family == "lognormal"
    assert best(five, Gamma(2.0, 5.0).ppf(five)).family == "gamma"
    assert best(five, Weibull(1.6, 5.0).ppf(five)).family == "weibull"
    assert best(five, Beta(2.0, 5.0, 0.0, 8.0).ppf(five), high=8.0).family == "beta"
    bent = best((0.1, 0.5, 0.9), (10.0, 20.0, 70.0))
    assert bent.family == "metalog"
    assert bent.error < 1e-9
    assert best((0.1, 0.9), (-5.0, 3.0), low=-math.inf).law.mean == pytest.approx(-1)
    assert best((0.1, 0.5, 0.9), (10.0, 20.0, 50.0), low=5.0).law.support[0] == 5.0


def test_a_metalog_without_mean_is_not_taken_by_itself():
    p, x = (0.05, 0.5, 0.95), (1e3, 2e4, 2e6)
    assert fit("metalog", p, x, low=0.0).law.mean == math.inf
    assert best(p, x).family != "metalog"


P = (0.1, 0.5, 0.9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fit("cauchy", P, (1, 2, 3)), "make a lognormal, gamma"),
        (lambda: fit("gamma", (0.5,), (1,)), "two quantiles or more; 1 is given"),
        (lambda: fit("gamma", (), ()), "0 is given"),
        (lambda: fit("gamma", P, (1, 2)), "one probability and one value"),
        (lambda: fit("gamma", (0, 0.5), (1, 2)), "strictly between 0 and 1"),
        (lambda: fit("gamma", (0.5, 1), (1, 2)), "strictly between 0 and 1"),
        (lambda: fit("gamma", (0.5, math.nan), (1, 2)), "strictly between 0 and 1"),
        (lambda: fit("gamma", (0.5, 0.5), (1, 2)), "probabilities must rise"),
        (lambda: fit("gamma", (0.9, 0.5), (1, 2)), "probabilities must rise"),
        (lambda: fit("gamma", (0.5, 0.9), (2, 1)), "2 at 50 % is not below 1 at 90 %"),
        (lambda: fit("gamma", (0.5, 0.9), (2, 2)), "quantiles rise"),
        (lambda: fit("gamma", (0.5, 0.9), (2, math.inf)), "no finite number"),
        (lambda: fit("lognormal", (0.5, 0.9), (0, 2)), "positive values only"),
        (lambda: fit("weibull", (0.5, 0.9), (-1, 2)), "positive values only"),
        (lambda: fit("lognormal", (0.5, 0.9), (1, 2), low=0), "no ends"),
        (lambda: fit("beta", (0.5, 0.9), (0.2, 0.4), terms=2), "no terms"),
        (lambda: fit("beta", (0.5, 0.9), (0.2, 1.4)), "between the ends"),
        (lambda: fit("beta", (0.5, 0.9), (0.2, 1.4), high=math.inf), "two finite ends"),
        (lambda: fit("gamma", (0.01, 0.99), (1e-300, 1e300)), "no gamma law"),
        (lambda: fit("gamma", (1e-6, 0.99), (1e-200, 1e200)), "no gamma law"),
        (lambda: fit("gamma", (0.1, 0.9), (1, 1 + 1e-12)), "no gamma law"),
        (lambda: fit("weibull", (0.1, 0.9), (1, 1e300)), None),
        (lambda: fit("metalog", P, (10, 11, 40)), "fewer terms"),
        (lambda: best((0.1, 0.9), (1, 2), low=1), "not on them"),
        (lambda: best((0.1, 0.9), (1, 2), high=1.5), "between the ends"),
    ],
)
def test_refusals_say_what_is_wrong(make, words):
    if words is None:  # extreme, but a law
        assert make().error < 1e-9
        return
    with pytest.raises(MisuseError, match=words):
        make()
