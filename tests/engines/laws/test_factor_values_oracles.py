# SPDX-License-Identifier: Apache-2.0
"""One factor of how often several lines lose, or beside caps, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize, stats

from perilscope.engines.aggregate.bounds import bounds
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.factor_plans import planned
from perilscope.engines.aggregate.factored import cases
from perilscope.engines.aggregate.largest import largest
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Distribution,
    Gamma,
    Lognormal,
    Pareto,
    Scaled,
    Uniform,
)
from perilscope.engines.laws.distributions import Mixture as Mixed
from perilscope.engines.laws.factor_values import Demand, Values
from perilscope.engines.simulation.simulation import simulate

LEVELS = (0.95, 0.99, 0.999)
FACTOR = Gamma(4.0, 0.25)
YEAR = Shared("year", FACTOR, chance=True)
MIXED: tuple[tuple[str, float, Distribution], ...] = (
    ("a", 0.5, Lognormal(13.0, 1.0)),
    ("b", 2.0, Lognormal(11.0, 1.4)),
    ("c", 0.2, Beta.pert(1e5, 5e5, 3e6)),
    ("d", 4.0, Gamma(2.0, 1e5)),
    ("e", 0.05, Pareto(2.5, 2e6)),
)


def line(
    key: str,
    rate: float,
    law: Distribution,
    factor: Shared = YEAR,
    *,
    counts: bool = False,
    sizes: bool = False,
    cap: float = math.inf,
    group: str = "",
) -> Compound:
    """A line whose counts or losses a factor multiplies; losses are capped after that."""

    def build(theta: tuple[float, ...], years: float) -> tuple[Poisson, Distribution]:
        (f,) = theta or (1.0,)
        loss = Scaled(law, f) if sizes else law
        number = Poisson(rate * years * (f if counts else 1.0))
        return number, loss if math.isinf(cap) else Capped(loss, cap)

    beliefs = (factor,) if counts or sizes else ()
    return Compound(key, build, beliefs=beliefs, group=group)


def near(register: Register, over: Callable[[float], float], rel: float) -> None:
    """VaR as by P(S > x), within what is shown."""
    law = register.law()
    for level in LEVELS:
        v = law.var(level)
        true = optimize.brentq(lambda x, p=1.0 - level: over(x) - p, 0.5 * v, 2.0 * v, rtol=1e-12)
        assert v == pytest.approx(true, rel=rel)
        assert abs(v / true - 1.0) <= law.error_at(level) + 1e-9
        assert law.error_at(level) < 3e-3


@pytest.mark.parametrize("factor", [FACTOR, Gamma(0.7, 1 / 0.7), Lognormal(-0.5, 1.0)])
@pytest.mark.parametrize("demand", [Demand(8.0, 0.0), Demand(2.0, 6.0)])
def test_means_over_the_values_and_what_they_stand_for(
    factor: Distribution, demand: Demand
) -> None:
    values = Values(factor, demand)
    assert values.chances.sum() == pytest.approx(1.0, abs=1e-12)
    assert values.chances @ values.at == pytest.approx(factor.mean, rel=1e-8)
    f = factor.ppf((np.arange(100_000) + 0.5) / 100_000)
    for t in (0.3, 3.0):
        assert values.chances @ np.exp(-t * values.at) == pytest.approx(
            np.exp(-t * f).mean(), abs=1e-5
        )
    x = np.array([0.2, 1.0, 4.0])
    whole = values.weighed()
    assert sum(law.lev(x) for law in whole) == pytest.approx(factor.lev(x), rel=1e-9)
    assert sum(law.second_lev(x) for law in whole) == pytest.approx(factor.second_lev(x), rel=2e-5)
    assert sum(law.cdf(x) for law in whole) == pytest.approx(factor.cdf(x), abs=1e-5)
    squares = values.weighed(values.at**2)
    assert sum(law.mean for law in squares) == pytest.approx(factor.second, rel=2e-5)
    nearest = Values(factor, demand, 1)
    assert nearest.chances.min() >= 0.0
    assert nearest.chances.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("times", [1.0, 20.0])
def test_frequencies_under_a_gamma_factor_are_negative_binomial_together(times: float) -> None:
    """Poisson counts under a gamma factor are one negative binomial number of mixed losses."""
    total = math.fsum(rate for _, rate, _ in MIXED)
    severity = Mixed([rate / total for _, rate, _ in MIXED], [law for *_, law in MIXED])
    alike = Compound("all", lambda _, years: (NegativeBinomial(4.0, times * total), severity))
    other = Register([alike]).law()
    law = Register([line(k, times * r, x, counts=True) for k, r, x in MIXED]).law()
    for level in LEVELS:
        assert law.var(level) == pytest.approx(other.var(level), rel=3e-6)
        assert law.cvar(level) == pytest.approx(other.cvar(level), rel=3e-6)
        assert law.error_at(level) < 3e-3


@pytest.mark.parametrize("number", [300.0, 1e4, 1e5])
def test_very_many_events_whose_number_a_factor_moves(number: float) -> None:
    """Gamma losses and a negative binomial number: P(S > x) is a sum over that number."""
    n = np.arange(0.0, 12.0 * number, max(number // 10_000, 1.0))
    chances = stats.nbinom.pmf(n, 4.0, 4.0 / (4.0 + number))
    chances /= chances.sum()  # of every tenth or hundredth number, where these are many
    register = Register([line("many", number, Gamma(2.0, 50.0), counts=True)])

    def over(x: float) -> float:
        return float(chances @ stats.gamma.sf(x, 2.0 * np.maximum(n, 0.01), scale=50.0))

    near(register, over, 5e-6)


def test_fixed_sums_whose_number_and_size_a_factor_moves() -> None:
    """Given n events a gamma factor is gamma again, so that P(c F N > x) is a sum over n."""
    rate, size = 3.0, 1e5
    n = np.arange(1.0, 400.0)
    chances = stats.nbinom.pmf(n, 4.0, 4.0 / (4.0 + rate))

    def over(x: float) -> float:
        return float(chances @ stats.gamma.sf(x / (size * n), 4.0 + n, scale=1.0 / (4.0 + rate)))

    lines = [
        line(k, r, Constant(size), counts=True, sizes=True) for k, r in (("a", 1.0), ("b", 2.0))
    ]
    near(Register(lines), over, 2e-6)
    law = largest(Register(lines))
    for x in (5e4, 1.5e5, 3e5):  # the largest is c F where there is an event
        f = np.linspace(x / size, 12.0, 200_001)
        density = stats.gamma.pdf(f, 4.0, scale=0.25) * -np.expm1(-rate * f)
        assert law.exceed(x) == pytest.approx(float(np.trapezoid(density, f)), rel=2e-5)


def test_a_capped_year_of_fixed_sums_is_the_clamped_law() -> None:
    """min(F S, cap) with a second line in the holding that does not feel the factor."""
    cap, sizes = 2.5e6, (1e6, 312_345.67)
    lines = [
        line("a", 0.5, Constant(sizes[0]), sizes=True, group="wallet"),
        line("b", 2.0, Constant(sizes[1]), group="wallet"),
        line("c", 0.7, Constant(2e5)),
    ]
    a, b, c = np.meshgrid(np.arange(1.0, 15.0), np.arange(25.0), np.arange(14.0), indexing="ij")
    pmf = stats.poisson.pmf
    beside = pmf(b, 2.0) * pmf(c, 0.7)
    none = math.exp(-0.5)

    def over(x: float) -> float:
        left = x - 2e5 * c  # min(F a s + b t, cap) > left
        fixed = np.where(left >= cap, 0.0, 1.0) * (left < cap)
        f = np.maximum(left - sizes[1] * b, 0.0) / (sizes[0] * a)
        some = pmf(a, 0.5) * beside * fixed * beyond(f)
        still = beside[0] * (np.minimum(sizes[1] * b[0], cap) > left[0])
        return float(some.sum() + none * still.sum())

    register = Register(lines, caps={"wallet": cap})
    plan = planned(register.component_of("a"), register.lines)
    assert plan is None or plan.keys == ("a",)
    law = register.law()
    for x in (4.1e5, 1.23e6, 2.2e6, 2.61e6):
        assert law.exceed(x) == pytest.approx(over(x), abs=2e-4)


def beyond(x: np.ndarray) -> np.ndarray:
    return np.asarray(stats.gamma.sf(x, 4.0, scale=0.25))


def test_all_of_a_capped_holding_scales() -> None:
    cap = 1.7e6
    lines = [line(k, r, Constant(c), sizes=True, group="w") for k, r, c in
             (("a", 0.5, 1e6), ("b", 2.0, 312_345.67))]  # fmt: skip
    free = Register([line(k, r, Constant(c), sizes=True) for k, r, c in
                     (("a", 0.5, 1e6), ("b", 2.0, 312_345.67))])  # fmt: skip
    held = Register(lines, caps={"w": cap})
    law, other = held.law(), free.law()
    for x in (2e5, 7e5, 1.5e6):
        assert law.exceed(x) == pytest.approx(other.exceed(x), abs=1e-6)
    assert law.mean == pytest.approx(other.limited(cap), rel=1e-6)
    for level in LEVELS:
        assert law.var(level) == pytest.approx(min(other.var(level), cap), rel=2e-5)
    borne = held.contributions(0.95)
    assert math.fsum(borne.values()) == pytest.approx(law.cvar(0.95), rel=1e-9)


def given(
    lines: Callable[[float], Register], factor: Distribution, top: float
) -> Callable[..., float]:
    """P(S > x) by 60 nodes over log F of registers that know it, on a grid that reaches far."""
    low, high = (math.log(float(factor.ppf(u))) for u in (1e-9, 1.0 - 1e-12))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    f = np.exp(0.5 * (low + high) + 0.5 * (high - low) * nodes)
    chances = weights * (factor.cdf(f * (1 + 1e-6)) - factor.cdf(f * (1 - 1e-6)))
    chances = (chances / chances.sum()).tolist()
    laws = [lines(value).on(Grid(8.0 * top / 2**15, 2**15)).law() for value in f]
    return lambda x: math.fsum(p * law.exceed(x) for p, law in zip(chances, laws, strict=True))


@pytest.mark.parametrize("what", ["both", "event", "year"])
def test_losses_with_a_density_by_a_fine_integral(what: str) -> None:
    factor = Lognormal(-0.125, 0.5)
    cap = 1.5e6 if what == "event" else math.inf
    held = {"w": 1.2e6} if what == "year" else {}
    shared = Shared("year", factor, chance=True)
    register = Register(
        [
            line(
                k,
                r,
                x,
                shared,
                counts=what == "both",
                sizes=True,
                cap=cap,
                group="w" if k in "ab" else "",
            )
            for k, r, x in MIXED
        ],
        caps=held,
    )

    def at(f: float) -> Register:
        times = f if what == "both" else 1.0
        laws = (
            (k, r, Scaled(x, f) if math.isinf(cap) else Capped(Scaled(x, f), cap))
            for k, r, x in MIXED
        )
        return Register(
            [line(k, times * r, x, group="w" if k in "ab" else "") for k, r, x in laws], caps=held
        )

    near(register, given(at, factor, register.law().var(0.999)), 2e-5)


def test_contributions_are_what_bumping_gives_where_counts_move() -> None:
    laws = (
        ("many", 2000.0, Gamma(2.0, 500.0)),
        ("few", 1.5, Constant(4e5)),
        ("one", 0.3, Lognormal(13.0, 1.0)),
    )

    def at(key: str = "", by: float = 1.0) -> Register:
        return Register(
            [line(k, r, Scaled(x, by if k == key else 1.0), counts=k != "one") for k, r, x in laws]
        )

    register, level = at(), 0.99
    borne = register.contributions(level)
    assert math.fsum(borne.values()) == pytest.approx(register.law().cvar(level), rel=1e-7)
    for key, *_ in laws:
        low, high = (at(key, by).law().cvar(level) for by in (0.99, 1.01))
        assert borne[key] == pytest.approx((high - low) / 0.02, rel=1e-3)


def test_bounds_hold_where_counts_move() -> None:
    register = Register([line(k, r, x, counts=True, sizes=k in "ab") for k, r, x in MIXED])
    law = register.law()
    for level in (0.95, 0.999):
        found = bounds(register, level)
        assert found.var_low <= law.var(level) * (1 + 1e-5)
        assert law.var(level) <= found.var_high * (1 + 1e-5)
        assert found.cvar_low <= law.cvar(level) * (1 + 1e-4)
        assert law.cvar(level) <= found.cvar_high * (1 + 1e-4)


def test_a_cap_that_binds_in_the_tail_of_the_factor_alone_is_seen() -> None:
    """Losses are in proportion to the factor but where it is above its 99.9 % quantile."""
    f = float(FACTOR.ppf(0.9995))
    one = line("a", 1.0, Constant(1e5), sizes=True, cap=1e5 * f)
    other = line("b", 0.5, Uniform(1e4, 2e5), sizes=True)
    register = Register([one, other])
    plan = planned(register.component_of("a"), register.lines)
    assert plan is not None
    assert "a" not in plan.keys
    total = math.fsum(
        case.weight * (case.group.law.whole if case.group else 1.0)
        for case in cases(register.component_of("a"), register.lines, 2)
    )
    assert total == pytest.approx(1.0, abs=1e-9)
    n = 2**18
    drawn = simulate([one, other], draws=n, seed=7)
    for level in LEVELS:
        v = register.law().var(level)
        p = register.law().exceed(v)
        hits = int(np.count_nonzero(drawn.total > v))
        assert abs(hits - n * p) < 4.5 * math.sqrt(n * p * (1 - p))


def test_losses_without_a_second_moment() -> None:
    """The variance is infinite whatever the weights of values; figures are finite."""
    laws = (("a", 40.0, Lognormal(11.0, 1.0)), ("b", 0.1, Pareto(1.6, 1e5)))
    register = Register([line(k, r, x, counts=True, sizes=True) for k, r, x in laws])
    law = register.law()
    assert math.isinf(law.sd)
    mean = (40.0 * math.exp(11.5) + 0.1 * 1e5 * 1.6 / 0.6) * FACTOR.second
    assert law.mean == pytest.approx(mean, rel=1e-9)
    assert math.fsum(register.means.values()) == pytest.approx(mean, rel=1e-9)
    assert 0.0 < law.var(0.95) < law.cvar(0.95) < law.cvar(0.99) < math.inf
