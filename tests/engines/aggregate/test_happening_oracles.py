# SPDX-License-Identifier: Apache-2.0
"""A line given that it has an event: closed forms, and the law of total probability."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Beta, Constant, Gamma, Lognormal

RATE = Compound(
    "rate",
    lambda theta, years: (Poisson(theta[0] * years), Constant(1000.0)),
    beliefs=(Gamma(2.0, 0.25),),
)
BOTH = Compound(
    "both",
    lambda theta, years: (Poisson(3.0 * theta[0] * theta[1] * years), Lognormal(11.0, 0.7)),
    beliefs=(Beta(2.0, 8.0), Beta(1.5, 6.0)),
    keep=Beta(3.0, 2.0),
)
ONCE = Compound("once", lambda theta, _: (Binomial(1, theta[0]), Lognormal(12.0, 0.5)),
                beliefs=(Beta(1.0, 9.0),))  # fmt: skip
OTHER = Compound("other", lambda _, years: (Poisson(0.8 * years), Lognormal(11.0, 1.0)))


def test_a_gamma_rate_makes_a_negative_binomial_law_without_its_zero() -> None:
    given = Register([replace(RATE, happens=True)]).law()
    counts = stats.nbinom(2.0, 4.0 / 5.0)  # shape 2, scale 1/4 of the rate
    some = counts.sf(0)
    assert RATE.some == pytest.approx(some, rel=1e-9)
    assert given.mean == pytest.approx(1000.0 * 0.5 / some, rel=1e-9)
    second = counts.var() + counts.mean() ** 2
    assert given.sd == pytest.approx(
        1000.0 * math.sqrt(second / some - (0.5 / some) ** 2), rel=1e-9
    )
    for n in (1, 2, 5):
        assert given.exceed(1000.0 * n) == pytest.approx(counts.sf(n) / some, rel=1e-7)


def test_one_event_at_most_is_one_event() -> None:
    given = Register([replace(ONCE, happens=True)]).law()
    loss = stats.lognorm(0.5, scale=math.exp(12.0))
    assert ONCE.some == pytest.approx(0.1, rel=1e-12)
    for level in (0.95, 0.99, 0.999):
        assert given.var(level) == pytest.approx(loss.ppf(level), rel=1e-5)


def test_unknowns_weigh_by_how_likely_they_make_an_event() -> None:
    """Two unknowns and a control's share under one event, by a series: E X^n is closed for each."""
    shapes = (2.0, 8.0), (1.5, 6.0), (3.0, 2.0)
    chance = math.fsum(
        (-1.0) ** (n + 1) * 3.0**n / math.factorial(n)
        * math.prod(special.poch(a, n) / special.poch(a + b, n) for a, b in shapes)
        for n in range(1, 40)
    )  # fmt: skip
    assert BOTH.some == pytest.approx(chance, rel=1e-9)
    events = 3.0 * 0.2 * 0.2 * 0.6
    mean = events * math.exp(11.0 + 0.7**2 / 2) / BOTH.some
    assert Register([replace(BOTH, happens=True)]).law().mean == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("line", [RATE, BOTH, ONCE], ids=lambda line: line.key)
@pytest.mark.parametrize("cap", [math.inf, 150_000.0])
def test_happening_or_not_makes_the_whole(line: Compound, cap: float) -> None:
    """P(S > x) = p P(S > x | event) + (1 - p) P(S > x | none), whatever else there is."""
    grouped = replace(line, group="till") if math.isfinite(cap) else line
    caps = {"till": cap} if math.isfinite(cap) else {}
    whole = Register([grouped, OTHER], caps=caps).law()
    given = Register([replace(grouped, happens=True), OTHER], caps=caps).law()
    without = Register([OTHER]).law()
    p = line.some
    assert p * given.mean + (1 - p) * without.mean == pytest.approx(whole.mean, rel=1e-7)
    for x in np.geomspace(4e5, 3e6, 8):  # what grids are made for
        mixed = p * given.exceed(x) + (1 - p) * without.exceed(x)
        assert mixed == pytest.approx(whole.exceed(x), rel=2e-5)
