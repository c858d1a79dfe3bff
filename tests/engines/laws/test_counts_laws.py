# SPDX-License-Identifier: Apache-2.0
"""Laws of counts: generating functions, thinning, conditioning, draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.laws.counts import (
    Bernoulli,
    Binomial,
    CountLaw,
    Hurdle,
    NegativeBinomial,
    Poisson,
    ZeroModifiedPoisson,
)
from perilscope.errors import MisuseError

from .count_draws import FAR, WAYS, gap

mean = st.floats(1e-3, 12)
chance = st.floats(0.01, 0.99)
plain = st.one_of(
    st.builds(Poisson, mean),
    st.builds(Binomial, st.integers(1, 12), chance),
    st.builds(Bernoulli, chance),
    st.builds(NegativeBinomial, st.floats(0.2, 20), mean),
    st.builds(ZeroModifiedPoisson, chance, mean),
    st.builds(ZeroModifiedPoisson, chance, st.just(0.0)),
)
laws = st.one_of(plain, st.builds(Hurdle, chance, plain))
CIRCLE = 0.999 * np.exp(2j * np.pi * np.arange(7) / 7)


def pmf(law: CountLaw, n: int = 512) -> np.ndarray:
    """P(N = k) from the generating function on the unit circle."""
    return np.fft.fft(law.pgf(np.exp(2j * np.pi * np.arange(n) / n))).real / n


def pole(law: CountLaw) -> float:
    """How far from 1 the generating function stops being analytic."""
    inner = law.of if isinstance(law, Hurdle) else law
    return inner.size / inner.mean if isinstance(inner, NegativeBinomial) else np.inf


@given(laws)
def test_the_generating_function_has_the_moments(law):
    assert law.pgf(1.0) == pytest.approx(1, abs=1e-12)
    assert float(np.real(law.pgf(0.0))) == pytest.approx(law.zero, abs=1e-12)
    # derivatives at 1 by Cauchy's integral on a small circle
    angle = 2 * np.pi * np.arange(64) / 64
    radius = min(0.5, 0.4 * pole(law))
    g = law.pgf(1 + radius * np.exp(1j * angle))
    first = float(np.mean(g * np.exp(-1j * angle)).real) / radius
    second = 2 * float(np.mean(g * np.exp(-2j * angle)).real) / radius**2
    assert law.mean == pytest.approx(first, rel=1e-9)
    assert law.second_factorial == pytest.approx(second, rel=1e-6, abs=1e-9)
    assert law.variance == pytest.approx(second + first - first**2, rel=1e-6, abs=1e-9)


@given(laws, st.floats(0, 1))
def test_thinning_is_a_change_of_variable(law, q):
    np.testing.assert_allclose(law.thin(q).pgf(CIRCLE), law.pgf(1 - q + q * CIRCLE), atol=1e-12)
    assert law.thin(q).mean == pytest.approx(q * law.mean, rel=1e-12, abs=1e-15)


@given(laws, chance, chance)
def test_thinning_twice_is_thinning_by_the_product(law, q, r):
    np.testing.assert_allclose(
        law.thin(q).thin(r).pgf(CIRCLE), law.thin(q * r).pgf(CIRCLE), atol=1e-12
    )


@given(laws)
def test_given_some_there_is_no_zero(law):
    some = law.given_some()
    assert some.zero == pytest.approx(0, abs=1e-15)
    wanted = (law.pgf(CIRCLE) - law.zero) / (1 - law.zero)
    np.testing.assert_allclose(some.pgf(CIRCLE), wanted, atol=2e-12)
    assert (1 - law.zero) * some.mean == pytest.approx(law.mean, rel=1e-9)


@settings(max_examples=60)
@given(laws, st.integers(0, 2**32), st.sampled_from(WAYS))
def test_draws_have_the_law(law, seed, way):
    assert gap(law, way, seed, pmf) < FAR


@given(
    st.sampled_from(
        [
            lambda m: Poisson(m),
            lambda m: Bernoulli(np.minimum(m / 4, 1)),
            lambda m: NegativeBinomial(2.0, m),
            lambda m: ZeroModifiedPoisson(np.minimum(m / 4, 1), m),
            lambda m: Poisson(m).given_some(),
            lambda m: NegativeBinomial(2.0, m).given_some(),
            lambda m: Binomial(5, np.minimum(m / 4, 1)).given_some(),
            lambda m: Hurdle(0.5, Binomial(5, np.minimum(m / 4, 1))).thin(np.minimum(m / 4, 1)),
        ]
    ),
    st.integers(0, 2**32),
)
def test_arrays_stand_for_many_laws(make, seed):
    means = np.array([0.0, 0.5, 2.0, 0.0, 3.0])
    repeat, rng = 4000, np.random.default_rng(seed)
    law = make(np.repeat(means, repeat))
    for drawn in (
        law.sample(rng, len(means) * repeat),
        np.bincount(law.events(rng, len(means) * repeat), minlength=len(means) * repeat),
    ):
        found = drawn.reshape(len(means), repeat)
        for one, draws in zip(means, found, strict=True):
            alone = make(one)
            error = np.sqrt(max(alone.variance, 0) / repeat)
            assert abs(draws.mean() - alone.mean) <= 5.5 * error + 1e-12
    taken = law.take(np.array([repeat]))
    assert float(np.ravel(taken.mean)[0]) == pytest.approx(make(0.5).mean)


def test_no_periods_no_events():
    for law in (Poisson(1.0), Bernoulli(0.5), NegativeBinomial(1, 1), ZeroModifiedPoisson(1, 1)):
        assert len(law.events(np.random.default_rng(1), 0)) == 0
        assert len(law.given_some().events(np.random.default_rng(1), 0)) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Poisson(-1),
        lambda: Poisson(np.inf),
        lambda: Binomial(0, 0.5),
        lambda: Binomial(2.5, 0.5),
        lambda: Bernoulli(1.2),
        lambda: NegativeBinomial(0, 1),
        lambda: NegativeBinomial(1, np.nan),
        lambda: ZeroModifiedPoisson(-0.1, 1),
        lambda: Hurdle(2, Poisson(1)),
        lambda: Poisson(1).thin(1.5),
    ],
)
def test_what_is_no_law_is_refused(make):
    with pytest.raises(MisuseError):
        make()
