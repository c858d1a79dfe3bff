# SPDX-License-Identifier: Apache-2.0
"""Laws over many orders of magnitude, in closed form and by sums."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.ladder import Ladder
from perilscope.engines.laws.counts import Bernoulli, Poisson
from perilscope.engines.laws.distributions import Constant, Exponential, Lognormal, Uniform
from perilscope.engines.simulation.copula import quantiles

LEVELS = (0.95, 0.975, 0.99, 0.999)


def line(key: str, counts: Any, loss: Any) -> Compound:
    return Compound(key, lambda *_: (counts, loss))


@pytest.mark.parametrize("sigma", [6.3, 9.0, 12.0])
def test_one_event_over_many_orders(sigma: float) -> None:
    """At most one event: quantiles and tail means are those of the lognormal law itself."""
    p, loss = 0.3, Lognormal(10.0, sigma)
    law = Register([line("a", Bernoulli(p), loss)]).law()
    assert isinstance(law, Ladder)
    for level in LEVELS:
        z = float(stats.norm.ppf(1.0 - (1.0 - level) / p))
        v = math.exp(10.0 + sigma * z)
        assert law.var(level) == pytest.approx(v, rel=1e-5)
        assert abs(law.var(level) / v - 1.0) <= law.error_at(level) < 1e-4
        mean = p * math.exp(10.0 + 0.5 * sigma**2) * stats.norm.sf(z - sigma) / (1.0 - level)
        assert law.cvar(level) == pytest.approx(mean, rel=1e-6)
        assert law.exceed(v) == pytest.approx(1.0 - level, rel=1e-5)
        below = math.exp(10.0 + 0.5 * sigma**2 + math.log(stats.norm.cdf(z - sigma)))
        known = p * below + (1.0 - level) * v
        assert law.limited(v) == pytest.approx(known, rel=1e-5)
    losses, over = zip(*law.curve(), strict=True)
    assert all(a < b for a, b in pairwise(losses))
    assert all(a >= b for a, b in pairwise(over))
    for x, chance in list(zip(losses, over, strict=True))[20:-20:10]:
        known = p * stats.norm.sf((math.log(x) - 10.0) / sigma)
        assert chance == pytest.approx(known, rel=1e-3, abs=p / 50)


SMALL, RARE = 50.0, 0.01
N = np.arange(1, 200)
CHANCES = stats.poisson.pmf(N, SMALL)


def reached(x: float) -> float:
    """P(sum of a Poisson number of exponential losses <= x)."""
    return math.exp(-SMALL) + float(CHANCES @ special.gammainc(N, x))


def excess(v: float) -> float:
    return float(CHANCES @ (N * special.gammaincc(N + 1, v) - v * special.gammaincc(N, v)))


def both() -> Register:
    return Register(
        [
            line("small", Poisson(SMALL), Exponential(1.0)),
            line("large", Bernoulli(RARE), Uniform(1e9, 2e9)),
        ]
    )


def test_small_losses_every_year_and_a_large_one_in_a_hundred() -> None:
    law = both().law()
    for level in (0.95, 0.975):
        v = law.var(level)
        assert (1.0 - RARE) * reached(v) == pytest.approx(level, abs=1e-4)
        assert abs((1.0 - RARE) * reached(v * (1 - law.error_at(level)))) <= level
        assert (1.0 - RARE) * reached(v * (1 + law.error_at(level))) >= level
        over = (1.0 - RARE) * excess(v) + RARE * (1.5e9 + SMALL - v)
        assert law.cvar(level) == pytest.approx(v + over / (1.0 - level), rel=1e-9)
    v = 1e9 + SMALL + 1e9 * (1.0 - 0.001 / RARE)  # P(S > v) = RARE E P(X > v - rest)
    assert law.var(0.999) == pytest.approx(v, rel=1e-6)
    assert law.cvar(0.999) == pytest.approx((v + 2e9 + SMALL) / 2.0, rel=1e-6)


def test_very_many_small_losses_and_a_rare_large_one() -> None:
    """P(S > x) = P(X > x - rest) for the one large loss; the rest is a thousandth of a step."""
    law = Register(
        [
            line("small", Poisson(1000.0), Exponential(1.8)),
            line("large", Bernoulli(RARE), Uniform(1e9, 2e9)),
        ]
    ).law()
    v = 1e9 + 1800.0 + 1e9 * (1.0 - 0.001 / RARE)
    assert law.var(0.999) == pytest.approx(v, rel=1e-5)
    assert law.error_at(0.999) < 1e-3
    assert law.exceed(1e8) == pytest.approx(RARE, rel=1e-6)


def test_contributions_at_every_level() -> None:
    register = both()
    law = register.law()
    for level in LEVELS:
        borne = register.contributions(level)
        assert math.fsum(borne.values()) == pytest.approx(law.cvar(level), rel=1e-9)
        assert borne["large"] == pytest.approx(law.cvar(level), rel=1e-6)


def test_another_line_keeps_the_rungs() -> None:
    register = both()
    before = register.law()
    after = register.with_([replace(register.lines["small"], keep=Constant(0.5))]).law()
    again = Register([replace(x, keep=Constant(1.0)) for x in register.lines.values()]).law()
    assert isinstance(after, Ladder)
    assert after.var(0.95) < 0.6 * before.var(0.95)
    assert again.var(0.95) == before.var(0.95)


def test_quantiles_for_a_copula() -> None:
    law = both().law()
    u = np.array([0.2, 0.5, 0.9, 0.95, 0.9995])
    assert quantiles(law, u) == pytest.approx([law.var(float(a)) for a in u], rel=1e-3)


def test_usual_registers_have_one_grid() -> None:
    law = Register([line("a", Poisson(0.5), Lognormal(10.0, 1.0))]).law()
    assert not isinstance(law, Ladder)
    assert law.rung(0.95) is law
