# SPDX-License-Identifier: Apache-2.0
"""Moments of a line against closed forms and plain enumeration."""

from __future__ import annotations

import itertools
import math

import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Normal,
    Pareto,
)


def test_poisson_of_lognormal() -> None:
    line = Compound("a", lambda _, years: (Poisson(5.0 * years), Lognormal(10.5, 1.2)))
    mean, sd = line.moments()
    assert math.isclose(mean, 5 * math.exp(10.5 + 0.72), rel_tol=1e-13)
    assert math.isclose(sd, math.sqrt(5 * math.exp(21.0 + 2 * 1.44)), rel_tol=1e-13)


def test_a_gamma_belief_about_a_poisson_rate_is_a_negative_binomial() -> None:
    unsure = Compound(
        "a",
        lambda theta, years: (Poisson(theta[0] * years), Exponential(7.0)),
        beliefs=(Gamma(2.5, 0.4),),
        years=3.0,
    )
    known = Compound(
        "b", lambda _, years: (NegativeBinomial(2.5, years), Exponential(7.0)), years=3.0
    )
    assert unsure.moments() == pytest.approx(known.moments(), rel=1e-11)


@pytest.mark.parametrize("counts", [Poisson(0.7), Bernoulli(0.3), NegativeBinomial(1.5, 0.9)])
def test_shares_that_survive_a_control_by_enumeration(counts) -> None:
    keep = Discrete((0.1, 0.6), (0.25, 0.75))
    scale = Discrete((0.5, 1.0), (0.4, 0.6))
    line = Compound("a", lambda *_: (counts, Exponential(3.0)), keep=keep, scale=scale)
    first = second = 0.0
    pairs = itertools.product(
        zip(keep.values, keep.probabilities, strict=True),
        zip(scale.values, scale.probabilities, strict=True),
    )
    for (k, p), (s, q) in pairs:
        thin = counts.thin(k)
        mean = thin.mean * 3.0 * s
        variance = thin.mean * 9.0 * s * s + thin.variance * (3.0 * s) ** 2
        first += p * q * mean
        second += p * q * (variance + mean**2)
    assert line.moments() == pytest.approx((first, math.sqrt(second - first**2)), rel=1e-12)


def test_a_belief_about_the_loss_is_exact_too() -> None:
    line = Compound(
        "a",
        lambda theta, _: (Poisson(2.0), Exponential(theta[0])),
        beliefs=(Beta(2.0, 5.0),),
    )
    law = Beta(2.0, 5.0)
    mean = 2.0 * law.mean
    variance = 4.0 * law.second + 4.0 * law.variance  # E Var + Var E
    assert line.moments() == pytest.approx((mean, math.sqrt(variance)), rel=1e-12)


def test_moments_that_do_not_exist_are_infinite() -> None:
    assert Compound("a", lambda *_: (Poisson(1.0), Pareto(0.9, 1.0))).moments() == (
        math.inf,
        math.inf,
    )
    mean, sd = Compound("a", lambda *_: (Poisson(1.0), Pareto(1.5, 1.0))).moments()
    assert (mean, sd) == (pytest.approx(3.0), math.inf)


def test_a_loss_is_never_a_gain() -> None:
    line = Compound("a", lambda *_: (Poisson(1.0), Normal(0.0, 1.0)))
    mean, sd = line.moments()
    assert mean == pytest.approx(1.0 / math.sqrt(2.0 * math.pi), rel=1e-12)
    assert sd == pytest.approx(math.sqrt(0.5), rel=1e-12)


def test_nothing_survives() -> None:
    line = Compound("a", lambda *_: (Poisson(1.0), Constant(5.0)), keep=Constant(0.0))
    assert line.moments() == (0.0, 0.0)
