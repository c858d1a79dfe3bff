# SPDX-License-Identifier: Apache-2.0
"""One factor that scales the losses of several lines, against closed forms and fine integrals."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from perilscope.engines.aggregate.bounds import bounds
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.factor_effects import factor_effect
from perilscope.engines.aggregate.factored import keys, planned
from perilscope.engines.aggregate.readings import Readings
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Distribution,
    Gamma,
    Layered,
    Lognormal,
    Pareto,
    Retained,
    Scaled,
    Uniform,
)
from perilscope.engines.simulation.simulation import simulate

LEVELS = (0.95, 0.99, 0.999)
Curve = tuple[Callable[[float], float], Callable[[float], float]]
"""P(S > x) and E min(S, x)."""


def year(law: Distribution) -> Shared:
    return Shared("year", law, chance=True)


def lognormal(sigma: float) -> Lognormal:
    """With mean one."""
    return Lognormal(-0.5 * sigma * sigma, sigma)


def line(key: str, rate: float, law: Distribution, *factors: Shared) -> Compound:
    def build(theta: tuple[float, ...], years: float) -> tuple[Poisson, Distribution]:
        return Poisson(rate * years), Scaled(law, math.prod(theta)) if theta else law

    return Compound(key, build, beliefs=factors)


def times(factor: Distribution, sizes: Any, chances: Any) -> Curve:
    """F S for a sum S on points, by its closed form."""
    return (
        lambda x: float(chances @ (1.0 - factor.cdf(x / sizes))),
        lambda x: float((chances * sizes) @ factor.lev(x / sizes)),
    )


def check(register: Register, curve: Curve, close: float = 1e-6) -> None:
    """VaR and CVaR as by the curve, within what is shown."""
    law, (over, limited) = register.law(), curve
    for level in LEVELS:
        v = law.var(level)
        near = optimize.brentq(
            lambda x, p=1.0 - level: over(x) - p, 0.9 * v, 1.1 * v, xtol=1e-9 * v
        )
        tail = near + (law.mean - limited(near)) / (1.0 - level)
        assert v == pytest.approx(near, rel=close)
        assert law.cvar(level) == pytest.approx(tail, rel=close)
        apart = max(abs(v / near - 1.0), abs(law.cvar(level) / tail - 1.0))
        assert apart <= law.error_at(level) <= 5e-5


FIXED = (("a", 0.5, 1_000_000.0), ("b", 2.0, 312_345.67), ("c", 0.1, 4_700_000.0))


def fixed_sums() -> tuple[Any, Any]:
    """All sums of the fixed losses above zero, with their chances, by enumeration."""
    counts = np.meshgrid(*[np.arange(30.0)] * 3, indexing="ij")
    sizes = sum(n * size for n, (_, _, size) in zip(counts, FIXED, strict=True))
    pairs = zip(counts, FIXED, strict=True)
    chances = math.prod(stats.poisson.pmf(n, rate) for n, (_, rate, _) in pairs)
    some = (sizes > 0.0) & (chances > 1e-20)
    return sizes[some], chances[some]


@pytest.mark.parametrize("factor", [Gamma(4.0, 0.25), lognormal(0.3), lognormal(1.0)])
def test_fixed_sums_of_several_lines_by_enumeration(factor: Distribution) -> None:
    register = Register([line(k, rate, Constant(c), year(factor)) for k, rate, c in FIXED])
    check(register, times(factor, *fixed_sums()))


@pytest.mark.parametrize("factor", [Gamma(1.65, 0.6), lognormal(0.6)])
def test_one_scenario_of_few_sizes_by_enumeration(factor: Distribution) -> None:
    losses, rates = np.array([3e3, 9e3, 3e4]), 0.3 * np.array([0.6, 0.3, 0.1])
    numbers = np.stack(np.meshgrid(*[np.arange(12.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    chances = stats.poisson.pmf(numbers, rates).prod(axis=1)
    some = (numbers.sum(axis=1) > 0) & (chances > 1e-20)
    one = line("a", 0.3, Discrete((3e3, 9e3, 3e4), (0.6, 0.3, 0.1)), year(factor))
    check(Register([one]), times(factor, (numbers @ losses)[some], chances[some]))


@pytest.mark.parametrize(
    "law",
    [
        Capped(Lognormal(9.0, 1.6), 3e4),
        Layered(Lognormal(9.0, 1.6), deductible=5e3, limit=3e4, share=0.8),
        Retained(Lognormal(9.0, 1.6), deductible=5e3, limit=3e4, share=0.8),
    ],
)
def test_one_scenario_of_which_the_losses_bend(law: Distribution) -> None:
    """The number of simulated years above VaR is binomial, of years drawn here."""
    factor, rate, n = Gamma(1.65, 0.6), 0.13, 2_000_000
    found = Register([line("a", rate, law, year(factor))]).law()
    rng = np.random.default_rng(3)
    counts = rng.poisson(rate, n)
    losses = law.ppf(rng.random(int(counts.sum())))
    total = np.bincount(np.repeat(np.arange(n), counts), losses, n) * rng.gamma(1.65, 0.6, n)
    for level in LEVELS:
        p, hits = found.exceed(found.var(level)), int(np.count_nonzero(total > found.var(level)))
        assert abs(hits - n * p) < 4.5 * math.sqrt(n * p * (1 - p))
        assert p == pytest.approx(1.0 - level, rel=1e-6)
        assert found.error_at(level) < 1e-5


@pytest.mark.parametrize("factor", [Gamma(4.0, 0.25), lognormal(0.05), lognormal(0.6)])
@pytest.mark.parametrize("numbers", [(6e4, 4e4), (1e5,)])
def test_very_many_events_by_their_closed_form(
    factor: Distribution, numbers: tuple[float, ...]
) -> None:
    """100,000 events of gamma size a year: the sum is a Poisson mixture of gamma laws."""
    lines = [line(f"{n:g}", n, Gamma(2.0, 50.0), year(factor)) for n in numbers]
    n = np.arange(98_000.0, 102_001.0)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    sizes = 1e7 + 9.0 * math.sqrt(1e5 * 15_000.0) * nodes
    density = stats.poisson.pmf(n, 1e5) @ stats.gamma.pdf(sizes, 2.0 * n[:, None], scale=50.0)
    chances = density * weights
    check(Register(lines), times(factor, sizes, chances / chances.sum()))


MIXED: tuple[tuple[str, float, Distribution], ...] = (
    ("a", 0.5, Lognormal(13.0, 1.0)),
    ("b", 2.0, Lognormal(11.0, 1.4)),
    ("c", 0.2, Beta.pert(1e5, 5e5, 3e6)),
    ("d", 4.0, Gamma(2.0, 1e5)),
    ("e", 0.05, Pareto(2.5, 2e6)),
)


def integrated(factor: Distribution, at: Callable[[float], Register], top: float) -> Curve:
    """By 60 nodes over log F, of registers without a factor on a fine grid that reaches far."""
    low, high = (math.log(float(factor.ppf(u))) for u in (1e-9, 1.0 - 1e-12))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    f = np.exp(0.5 * (low + high) + 0.5 * (high - low) * nodes)
    chances = weights * (factor.cdf(f * (1 + 1e-6)) - factor.cdf(f * (1 - 1e-6)))
    chances = (chances / chances.sum()).tolist()
    laws = [at(value).on(Grid(40.0 * top / 2**15, 2**15)).law() for value in f]

    def over(x: float) -> float:
        return math.fsum(p * law.exceed(x) for p, law in zip(chances, laws, strict=True))

    def limited(x: float) -> float:
        return math.fsum(p * law.limited(x) for p, law in zip(chances, laws, strict=True))

    return over, limited


@pytest.mark.parametrize("scaled_keys", ["abcde", "bd"])
def test_mixed_losses_under_a_factor_of_all_or_of_some(scaled_keys: str) -> None:
    factor = lognormal(0.5)

    def at(value: float) -> Register:
        parts = ((k, r, Scaled(x, value) if k in scaled_keys else x) for k, r, x in MIXED)
        return Register([line(*part) for part in parts])

    mine = (year(factor),)
    register = Register([line(*part, *(mine if part[0] in scaled_keys else ())) for part in MIXED])
    assert keys(register.component_of("b"), register.lines) == tuple(scaled_keys)
    check(register, integrated(factor, at, register.law().var(0.999)), close=1e-6)


def test_two_factors_and_a_driver_beside() -> None:
    """A factor of magnitudes of two lines, a frailty of all, a state that two lines need."""
    factor, frail = lognormal(0.5), Shared("frail", Gamma(4.0, 0.25), chance=True)
    states = ((0.7, {"b": 0, "d": 0}), (0.2, {"b": 1, "d": 0}), (0.1, {"b": 1, "d": 1}))

    def build(value: float | None) -> Register:
        def one(key: str, rate: float, law: Distribution) -> Compound:
            mine = value is None and key in "ab"

            def made(theta: tuple[float, ...], years: float) -> tuple[Poisson, Distribution]:
                times = theta[1] if mine else value if key in "ab" and value else 1.0
                return Poisson(rate * theta[0] * years), Scaled(law, times)

            return Compound(key, made, beliefs=(frail, year(factor)) if mine else (frail,))

        return Register([one(*part) for part in MIXED[:4]], mixtures=[states])

    register = build(None)
    assert keys(register.component_of("a"), register.lines) == ("a", "b")
    check(register, integrated(factor, build, register.law().var(0.999)), close=2e-6)


@pytest.mark.parametrize("sizes", ["fixed", "mixed"])
def test_contributions_add_up_and_are_what_bumping_gives(sizes: str) -> None:
    """CVaR is homogeneous: the contribution of a line is its slope by a multiple of its losses."""
    factor = year(lognormal(0.5))
    laws = [(k, r, Constant(c)) for k, r, c in FIXED] if sizes == "fixed" else list(MIXED)
    register = Register([line(*part, factor) for part in laws])
    level, law = 0.99, register.law()
    borne = register.contributions(level)
    assert math.fsum(borne.values()) == pytest.approx(law.cvar(level), rel=1e-9)
    for key, rate, size in laws:
        moved = [
            Register([line(k, r, Scaled(x, by if k == key else 1.0), factor) for k, r, x in laws])
            for by in (0.99, 1.01)
        ]
        low, high = (other.law().cvar(level) for other in moved)
        assert borne[key] == pytest.approx((high - low) / 0.02, rel=2e-4), (key, rate, size)


def test_what_a_line_feels_of_a_factor() -> None:
    factor = year(Gamma(4.0, 0.25))

    def both(theta: tuple[float, ...], years: float) -> tuple[Poisson, Distribution]:
        return Poisson(theta[0] * years), Constant(1e6 * theta[0])

    def capped(theta: tuple[float, ...], years: float) -> tuple[Poisson, Distribution]:
        return Poisson(years), Capped(Scaled(Lognormal(13.0, 1.0), theta[0]), 1e6)

    plain = line("a", 1.0, Lognormal(13.0, 1.0), factor)
    assert factor_effect(plain, factor)[1:] == (False, True, True, False)
    assert factor_effect(Compound("b", both, beliefs=(factor,)), factor)[1:] == (
        True,
        True,
        True,
        True,
    )
    assert factor_effect(Compound("b", capped, beliefs=(factor,)), factor)[1:] == (
        False,
        True,
        False,
        False,
    )
    held = Register([plain, line("c", 1.0, Constant(1e6), factor)])
    assert keys(held.component_of("a"), held.lines) == ("a", "c")


def test_factors_with_atoms_are_exact_by_their_values() -> None:
    factor = year(Discrete((0.5, 2.0), (2.0 / 3.0, 1.0 / 3.0)))
    register = Register(
        [line(k, r, Constant(100.0 * n), factor) for n, (k, r, _) in enumerate(FIXED, 1)]
    )
    assert planned(register.component_of("a"), register.lines) is None
    law = register.law()
    none = math.exp(-2.6)
    assert law.none == pytest.approx(none, rel=1e-12)
    # one event of 100 or 200, doubled or halved: P(L = 50) = 2/3 P(one a, nothing else)
    assert law.mass[round(50.0 / law.step)] == pytest.approx(2.0 / 3.0 * 0.5 * none, rel=1e-10)


def test_bounds_hold_beside_a_factor() -> None:
    register = Register([line(*part, year(lognormal(0.5))) for part in MIXED])
    law = register.law()
    for level in (0.95, 0.999):
        found = bounds(register, level)
        assert found.var_low <= law.var(level) <= found.var_high * (1 + 1e-9)
        assert found.cvar_low <= law.cvar(level) <= found.cvar_high * (1 + 1e-6)
        assert found.cvar_high <= found.cvar_low * (1 + 1e-5)


@cache
def _uniform() -> Register:
    lines = [line(k, r, Constant(c), year(Uniform(0.2, 1.8))) for k, r, c in FIXED]
    return Register(lines)


def test_a_factor_whose_density_ends_with_a_step() -> None:
    law = _uniform().law()
    over, limited = times(Uniform(0.2, 1.8), *fixed_sums())
    for level in LEVELS:
        v = law.var(level)
        shown = law.error_at(level)
        assert over(v * (1 + shown)) <= 1.0 - level <= over(v * (1 - shown))
        tail = v + (law.mean - limited(v)) / (1.0 - level)
        assert law.cvar(level) == pytest.approx(tail, rel=1e-5)


def test_one_chance_a_year_and_the_simulation_agree() -> None:
    factor = year(Gamma(2.0, 0.5))

    def once(theta: tuple[float, ...], years: float) -> tuple[Binomial, Distribution]:
        return Binomial(1, 0.3), Constant(2e6 * theta[0])

    lines = [Compound("once", once, beliefs=(factor,)), *(line(*p, factor) for p in MIXED[:3])]
    law, n = Register(lines).law(), 2**18
    drawn = simulate(lines, draws=n, seed=11)
    for level in LEVELS:
        p = law.exceed(law.var(level))
        hits = int(np.count_nonzero(drawn.total > law.var(level)))
        assert abs(hits - n * p) < 4.5 * math.sqrt(n * p * (1 - p))


def test_grids_of_which_each_ends_soon_after_the_one_before_add_up_to_the_law() -> None:
    small = Compound("small", lambda _t, years: (Poisson(3.5 * years), Beta(2.5, 3.5, 1e4, 1.3e5)))
    held = Retained(Lognormal(13.66, 1.58), deductible=4.3e5, limit=4.3e6, share=0.8)
    rare = Compound("rare", lambda _t, _years: (Binomial(1, 0.188), held))
    register = Register([small, rare])
    ends = [rung.grid.range for rung in register.rungs.values()]
    assert any(b < 2.0 * a for a, b in pairwise(ends)), "no two grids are close"
    places, chances = Readings(register).law(2)
    assert float(chances.sum()) == pytest.approx(1.0 - register.law().none, abs=1e-3)
    assert float(chances @ places) == pytest.approx(register.law().mean, rel=1e-6)
    for x in (3e5, 1e6, 3e6):  # the limited mean, which is smooth enough
        mean = float(chances @ np.minimum(places, x))
        assert mean == pytest.approx(register.law().limited(x), rel=1e-4)
