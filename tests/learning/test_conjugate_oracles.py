# SPDX-License-Identifier: Apache-2.0
"""Published figures, scipy.stats and brute force for the two closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from perilscope.engines.laws.distributions import Beta, Gamma
from perilscope.errors import MisuseError
from perilscope.learning.conjugate import beta_binomial, gamma_poisson

from ..reference import case


def test_asthma_mortality() -> None:
    # Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6
    shape, rate = gamma_poisson(3, 5, events=3, exposure=2)
    assert (shape, rate, round(shape / rate, 2)) == (6, 7, 0.86)
    shape, rate = gamma_poisson(3, 5, events=30, exposure=20)
    assert (shape, rate, round(shape / rate, 2)) == (33, 25, 1.32)


def test_placenta_previa() -> None:
    # Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4
    a, b = beta_binomial(1, 1, successes=437, trials=980)
    law = Beta(a, b)
    assert (a, b, round(law.mean, 3)) == (438, 544, 0.446)
    assert round(float(law.ppf(0.025)), 3) == 0.415
    assert round(float(law.ppf(0.975)), 3) == 0.477


def test_reference_gamma_poisson() -> None:
    known = case("GP-01")
    expected, tolerance = known["expected"], float(known["tolerance"])
    shape, rate = gamma_poisson(2, 4, known["inputs"]["events"], known["inputs"]["years"])
    law = Gamma(shape, 1 / rate)
    assert (shape, rate) == (expected["post_shape"], expected["post_rate"])
    assert law.mean == pytest.approx(expected["post_mean"], abs=tolerance)
    assert float(law.ppf(0.05)) == pytest.approx(expected["q05"], abs=tolerance)
    assert float(law.ppf(0.95)) == pytest.approx(expected["q95"], abs=tolerance)


def test_reference_predictive() -> None:
    known = case("CONJ-GP-02")
    shape, rate = gamma_poisson(*known["prior"], known["events"], known["exposure"])
    assert [shape, rate] == known["expected"]["post"]
    quiet = (rate / (rate + 1)) ** shape
    assert quiet == pytest.approx(known["expected"]["P_zero_next_year"], abs=known["tol_abs"])


def test_reference_published() -> None:
    known = case("CONJ-GP-01")
    first, second = known["expected"]["first"], known["expected"]["second"]
    for (events, years), expected in [((3, 2), first), ((30, 20), second)]:
        shape, rate = gamma_poisson(3, 5, events, years)
        assert [shape, rate, shape / rate] == pytest.approx(expected, abs=known["tol_abs"])
    known = case("CONJ-BB-01")
    law = Beta(*beta_binomial(1, 1, 437, 980))
    assert law.mean == pytest.approx(known["expected"]["mean"], abs=known["tol_abs"])
    interval = [float(law.ppf(u)) for u in (0.025, 0.975)]
    assert interval == pytest.approx(known["expected"]["ci"], abs=1e-11)


def test_reference_beta_binomial() -> None:
    known = case("BB-01")
    a, b = beta_binomial(2, 8, known["inputs"]["successes"], known["inputs"]["attacks"])
    assert [a, b] == known["expected"]["post"]
    assert float(Beta(a, b).ppf(0.95)) == pytest.approx(known["expected"]["q95"], abs=1e-12)


def test_reference_rule_of_three() -> None:
    expected = case("CONJ-BB-02")["expected"]
    for name, start in (("uniform", 1.0), ("jeffreys", 0.5)):
        law = Beta(*beta_binomial(start, start, 0, 100))
        assert float(law.ppf(0.95)) == pytest.approx(expected[name], abs=1e-12)


def test_reference_credibility() -> None:
    known = case("CRED-04")
    shape, rate = gamma_poisson(*known["prior"], known["events"], known["n"])
    assert shape / rate == pytest.approx(known["expected"]["premium"], abs=known["tol_abs"])


@settings(deadline=None, max_examples=60)
@given(
    shape=st.floats(2, 20),
    rate=st.floats(0.5, 20),
    events=st.integers(0, 30),
    years=st.floats(0.1, 10),
)
def test_gamma_poisson_is_bayes_rule_on_a_grid(
    shape: float, rate: float, events: int, years: float
) -> None:
    after = stats.gamma(shape + events, scale=1 / (rate + years))
    grid = np.linspace(after.ppf(1e-9), after.ppf(1 - 1e-9), 20_001)
    density = stats.gamma.logpdf(grid, shape, scale=1 / rate) + stats.poisson.logpmf(
        events, grid * years
    )
    weights = np.exp(density - density.max())
    new_shape, new_rate = gamma_poisson(shape, rate, events, years)
    assert new_shape / new_rate == pytest.approx(np.average(grid, weights=weights), rel=1e-4)


@settings(deadline=None, max_examples=60)
@given(a=st.floats(1, 20), b=st.floats(1, 20), trials=st.integers(0, 30), data=st.data())
def test_beta_binomial_is_bayes_rule_on_a_grid(
    a: float, b: float, trials: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, trials))
    grid = (np.arange(20_000) + 0.5) / 20_000
    density = stats.beta.logpdf(grid, a, b) + stats.binom.logpmf(successes, trials, grid)
    weights = np.exp(density - density.max())
    new_a, new_b = beta_binomial(a, b, successes, trials)
    assert new_a / (new_a + new_b) == pytest.approx(np.average(grid, weights=weights), rel=1e-4)


def test_what_is_no_observation_is_refused() -> None:
    for refused in (
        lambda: gamma_poisson(0, 1, 1, 1),
        lambda: gamma_poisson(1, 1, -1, 1),
        lambda: gamma_poisson(1, 1, 1, -1),
        lambda: gamma_poisson(1, 1, 1, float("nan")),
        lambda: beta_binomial(1, 0, 0, 1),
        lambda: beta_binomial(1, 1, 2, 1),
        lambda: beta_binomial(1, 1, -1, 1),
    ):
        with pytest.raises(MisuseError):
            refused()
