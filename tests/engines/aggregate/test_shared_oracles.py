# SPDX-License-Identifier: Apache-2.0
"""Beliefs that lines share, against closed forms, enumeration and the other engine."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.aggregate.band import mean_interval
from perilscope.engines.aggregate.bounds import bounds
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.largest import largest
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.added import Added
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Beta, Constant, Discrete, Gamma, Lognormal
from perilscope.engines.simulation.simulation import simulate
from perilscope.errors import AssessmentError, MisuseError

FRAILTY = Shared("frailty", Gamma(4.0, 0.25))


def frail(key: str, rate: float, size: object) -> Compound:
    return Compound(key, lambda t, years: (Poisson(rate * t[0] * years), size), beliefs=(FRAILTY,))


def test_gamma_frailty_is_the_negative_multinomial_law() -> None:
    """P(N1 = n1, N2 = n2) of Poisson counts with one gamma factor, in closed form."""
    rates, units = (0.7, 1.9), (1.0, 100.0)
    lines = [
        frail(f"l{i}", r, Constant(u)) for i, (r, u) in enumerate(zip(rates, units, strict=True))
    ]
    law = Register(lines).law()
    k, scale = 4.0, 0.25
    whole = 1.0 + scale * sum(rates)
    for a, b in ((0, 0), (1, 0), (2, 3), (5, 1)):
        log = (
            math.lgamma(k + a + b) - math.lgamma(k) - math.lgamma(a + 1) - math.lgamma(b + 1)
            - k * math.log(whole) + a * math.log(scale * rates[0] / whole)
            + b * math.log(scale * rates[1] / whole)
        )  # fmt: skip
        place = round((a * units[0] + b * units[1]) / law.step)
        assert law.mass[place] == pytest.approx(math.exp(log), abs=1e-12)
    mean = sum(r * u for r, u in zip(rates, units, strict=True))
    variance = sum(r * u * u for r, u in zip(rates, units, strict=True)) + mean**2 / k
    assert law.mean == pytest.approx(mean, rel=1e-12)
    assert law.sd == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert law.none == pytest.approx(whole**-k, rel=1e-12)


def test_a_shared_vulnerability_is_integrated_once_for_both() -> None:
    v = Shared("staff", Beta(2.0, 5.0))

    def line(key: str, rate: float) -> Compound:
        return Compound(
            key, lambda t, y: (Poisson(rate * y).thin(t[0]), Constant(1.0)), beliefs=(v,)
        )

    law = Register([line("a", 2.0), line("b", 3.0)]).law()
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = (x + 1) / 2, w / 2
    density = x * (1 - x) ** 4 * 30.0
    assert law.none == pytest.approx(float((w * density * np.exp(-5.0 * x)).sum()), rel=1e-12)


def struck(key: str, own: float, chance: float, count: Shared, size: float) -> Compound:
    def build(theta: tuple[float, ...], years: float) -> tuple[Added, Constant]:
        n = np.asarray(theta[0])
        hit = Binomial(np.maximum(n, 1), chance * (n > 0))
        return Added((Poisson(own * years), hit)), Constant(size)

    return Compound(key, build, beliefs=(count,))


def test_one_incident_that_hits_two_lines_by_enumeration() -> None:
    pmf = [math.exp(-0.6) * 0.6**n / math.factorial(n) for n in range(25)]
    count = Shared("outage", Discrete(tuple(range(25)), tuple(p / sum(pmf) for p in pmf)))
    law = Register([struck("a", 0.3, 1.0, count, 1.0), struck("b", 0.2, 0.5, count, 100.0)]).law()

    def poisson(rate: float, k: int) -> float:
        return math.exp(-rate) * rate**k / math.factorial(k)

    def binomial(n: int, p: float, k: int) -> float:
        return math.comb(n, k) * p**k * (1 - p) ** (n - k) if k <= n else 0.0

    for a, b in ((0, 0), (1, 1), (3, 2), (2, 0)):
        chance = math.fsum(
            p
            * math.fsum(poisson(0.3, a - i) * binomial(n, 1.0, i) for i in range(a + 1))
            * math.fsum(poisson(0.2, b - j) * binomial(n, 0.5, j) for j in range(b + 1))
            for n, p in enumerate(pmf)
        )
        assert law.mass[round((a + 100 * b) / law.step)] == pytest.approx(chance, abs=1e-12)
    assert law.mean == pytest.approx(0.9 + 100 * 0.5, rel=1e-12)


def heavy() -> list[Compound]:
    return [
        frail("a", 0.4, Lognormal(13.0, 1.0)),
        frail("b", 3.0, Lognormal(10.0, 0.8)),
        Compound("c", lambda _t, years: (Poisson(0.2 * years), Lognormal(12.0, 1.2))),
    ]


def test_contributions_add_up_and_both_engines_agree() -> None:
    register = Register(heavy())
    law = register.law()
    for level in (0.95, 0.99):
        borne = register.contributions(level)
        assert math.fsum(borne.values()) == pytest.approx(law.cvar(level), rel=1e-9)
    n = 2**18
    drawn = simulate(heavy(), draws=n, seed=5)
    for level in (0.95, 0.99, 0.999):
        p = law.exceed(law.var(level))
        hits = int(np.count_nonzero(drawn.total > law.var(level)))
        assert abs(hits - n * p) < 4.5 * math.sqrt(n * p * (1 - p))
    both = (drawn.lines["a"] > 0) & (drawn.lines["b"] == 0)
    # P(some a, no b) in closed form: E exp(-3 W) - E exp(-3.4 W), W gamma
    p = (1 + 3.0 / 4) ** -4 - (1 + 3.4 / 4) ** -4
    assert abs(int(both.sum()) - n * p) < 4.5 * math.sqrt(n * p * (1 - p))


def test_a_line_alone_and_a_what_if_keep_their_laws() -> None:
    register = Register(heavy())
    alone = Register([heavy()[0]]).law()
    assert register.line("a").var(0.99) == alone.var(0.99)
    # the marginal counts of a gamma frailty are negative binomial, whose chance of none is known
    assert alone.none == pytest.approx((1 + 0.4 / 4) ** -4, rel=1e-12)
    changed = frail("b", 1.5, Lognormal(10.0, 0.8))
    what_if = register.with_([changed]).law()
    fresh = Register([heavy()[0], changed, heavy()[2]], grid=register.grid).law()
    assert what_if.cvar(0.99) == pytest.approx(fresh.cvar(0.99), rel=1e-12)


def test_the_largest_event_under_frailty_in_closed_form() -> None:
    """P(M <= x) = E exp(-W (r1 (1 - F1) + r2 (1 - F2))), a gamma transform."""
    law = largest(Register(heavy()[:2]))
    for x in (0.0, 1e5, 1e6):
        rate = 0.4 * (1 - float(heavy_law(0).cdf(x))) + 3.0 * (1 - float(heavy_law(1).cdf(x)))
        assert law.exceed(x) == pytest.approx(1 - (1 + rate / 4) ** -4, rel=1e-10)


def heavy_law(i: int) -> Lognormal:
    return (Lognormal(13.0, 1.0), Lognormal(10.0, 0.8))[i]


def test_bounds_hold_and_the_interval_of_the_mean_is_that_of_the_factor() -> None:
    register = Register(heavy()[:2])
    law = register.law()
    for level in (0.95, 0.99):
        found = bounds(register, level)
        assert found.cvar_low <= law.cvar(level) * (1 + 1e-6)
        assert law.cvar(level) <= found.cvar_high * (1 + 1e-6)
        assert found.var_low <= law.var(level) <= found.var_high
    low, high = mean_interval(register, seed=1, draws=4000)
    for end, u in ((low, 0.05), (high, 0.95)):  # the mean is the factor times a constant
        assert end == pytest.approx(law.mean * float(FRAILTY.ppf(u)), rel=0.03)


def test_little_frailty_is_next_to_independence() -> None:
    calm = Shared("frailty", Gamma(1e8, 1e-8))
    lines = [replace(line, beliefs=(calm,) if line.beliefs else ()) for line in heavy()]
    free = [
        Compound(x.key, (lambda b: lambda _t, y: b((1.0,), y))(x.build)) for x in heavy()[:2]
    ] + heavy()[2:]
    assert Register(lines).law().cvar(0.99) == pytest.approx(
        Register(free).law().cvar(0.99), rel=1e-6
    )


def test_two_laws_of_one_name_and_too_many_cases_are_refused() -> None:
    other = replace(heavy()[1], beliefs=(Shared("frailty", Gamma(2.0, 0.5)),))
    with pytest.raises(MisuseError, match="two laws"):
        Register([heavy()[0], other])
    many = Discrete(tuple(range(70)), (1 / 70,) * 70)
    both = (Shared("x", many), Shared("y", many))
    lines = [
        Compound(k, lambda t, y: (Poisson((t[0] + t[1]) * y), Constant(1.0)), beliefs=both)
        for k in "ab"
    ]
    with pytest.raises(AssessmentError, match="4,900 cases"):
        Register(lines).law()


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0])
def test_added_counts_thin_part_by_part(q: float) -> None:
    both = Added((Poisson(0.7), Binomial(3, 0.4)))
    z = np.exp(1j * np.linspace(0, 6, 13))
    assert np.allclose(both.thin(q).pgf(z), both.pgf(1 - q + q * z), rtol=0, atol=1e-14)
    assert both.second_factorial == pytest.approx(0.49 + 2 * 0.7 * 1.2 + 3 * 2 * 0.16, rel=1e-12)


def test_added_counts_given_some_by_enumeration() -> None:
    both, n = Added((Poisson(0.3), Binomial(2, 0.25))), 200_000
    drawn = both.sample_some(np.random.default_rng(4), n)
    assert drawn.min() == 1
    p = [math.exp(-0.3) * 0.3**k / math.factorial(k) for k in range(3)]
    one = (p[1] * 0.5625 + p[0] * 0.375) / (1 - p[0] * 0.5625)
    assert abs(np.count_nonzero(drawn == 1) - n * one) < 4.5 * math.sqrt(n * one * (1 - one))


def test_a_fixed_sum_times_a_shared_factor_that_no_other_line_has() -> None:
    """N events of one sum c Y make c N Y: P(c N Y > x) = sum P(N = n) P(Y > x / (c n))."""
    factor = Shared("year", Gamma(4.0, 0.25))

    def build(theta: tuple[float, ...], years: float) -> tuple[Poisson, Constant]:
        return Poisson(1.0 * years), Constant(500.0 * theta[0])

    law = Register([Compound("a", build, beliefs=(factor,))]).law()
    n = np.arange(1, 40)
    chances = stats.poisson.pmf(n, 1.0)
    for level in (0.95, 0.99, 0.999):
        v = law.var(level)
        over = float(chances @ stats.gamma.sf(v / (500.0 * n), 4.0, scale=0.25))
        assert over == pytest.approx(1.0 - level, rel=1e-5)
        assert law.error_at(level) < 1e-5
