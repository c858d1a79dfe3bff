# SPDX-License-Identifier: Apache-2.0
"""Bounds against closed forms, recursion written out, enumeration and converged figures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest
from scipy.optimize import brentq
from scipy.special import gammaincc

from perilscope.engines.aggregate.bounds import Bounds, bounds, brackets
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Bernoulli, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Exponential,
    Lognormal,
    Pareto,
    Uniform,
)
from perilscope.errors import AssessmentError, MisuseError

from ...reference import case
from ..lines import fixed


def holds(found: Bounds, var: float, cvar: float, figure: float = 0.0) -> None:
    """The truth lies inside; ``figure`` is the relative error of the truth as it is given."""
    assert found.var_low <= var * (1 + figure)
    assert var * (1 - figure) <= found.var_high
    assert found.cvar_low <= cvar * (1 + figure)
    assert cvar * (1 - figure) <= found.cvar_high


# --- closed forms


@pytest.mark.parametrize("amount", [27_000.0, 53_000.0])
def test_a_certain_loss_that_begins_steeply_beside_fixed_sums(amount: float) -> None:
    """S = amount times a Poisson count, plus a capped lognormal: a sum over the counts."""
    one = Capped(Lognormal(7.0, 1.0), 10_000.0)
    chances = [math.exp(-1.0) / math.factorial(n) for n in range(40)]

    def below(x: float) -> float:
        rest = [(p, x - n * amount) for n, p in enumerate(chances)]
        return math.fsum(p * float(one.cdf(y)) for p, y in rest if y >= 0.0)

    def over(x: float) -> float:
        rest = [(p, x - n * amount) for n, p in enumerate(chances)]
        return math.fsum(p * (one.mean - (y if y <= 0.0 else float(one.lev(y)))) for p, y in rest)

    lines = [
        fixed("fixed", Poisson(1.0), Constant(amount)),
        fixed("certain", Bernoulli(1.0), one),
    ]
    for level, found in brackets(Register(lines), (0.95, 0.99), points=2**14).items():
        var = float(brentq(lambda x, at=level: below(x) - at, 0.0, 10 * amount, xtol=1e-9))
        holds(found, var, var + over(var) / (1.0 - level), 1e-12)


def gammas(weights: Sequence[float], v: float) -> tuple[float, float]:
    """P(L > v) and E(L - v)+ of a mixture of gamma laws of unit scale and shapes 1, 2, ..."""
    over = math.fsum(p * float(gammaincc(n, v)) for n, p in enumerate(weights, start=1))
    terms = [
        p * (n * float(gammaincc(n + 1, v)) - v * float(gammaincc(n, v)))
        for n, p in enumerate(weights, start=1)
    ]
    return over, math.fsum(terms)


def poisson(rate: float, most: int) -> list[float]:
    return [math.exp(n * math.log(rate) - rate - math.lgamma(n + 1)) for n in range(1, most)]


def solved(weights: Sequence[float], level: float) -> tuple[float, float]:
    """VaR and CVaR of such a mixture by bisection."""
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if gammas(weights, middle)[0] > 1 - level else (low, middle)
    return high, high + gammas(weights, high)[1] / (1 - level)


@pytest.mark.parametrize("rate", [0.7, 5.0, 50.0])
@pytest.mark.parametrize("level", [0.95, 0.99, 0.999])
def test_poisson_counts_of_exponential_losses(rate: float, level: float) -> None:
    published = case(f"CPEXP-{rate:g}")["expected"]["quantiles"][f"{level:g}"]
    var, cvar = solved(poisson(rate, 200), level)
    assert var == pytest.approx(published, rel=1e-8)
    register = Register([fixed("a", Poisson(rate), Exponential(1.0))])
    found = bounds(register, level)
    holds(found, var, cvar)
    # the width of VaR is at most a step for each event, that of CVaR is of second order
    assert found.var_high - found.var_low < 0.012 * var
    assert found.cvar_high - found.cvar_low < 3e-5 * cvar


def test_a_level_beyond_the_usual_grid() -> None:
    published = case("CPEXP-5")["expected"]["quantiles"]["0.999999"]
    var, cvar = solved(poisson(5.0, 200), 0.999999)
    assert var == pytest.approx(published, rel=1e-8)
    holds(bounds(Register([fixed("a", Poisson(5.0), Exponential(1.0))]), 0.999999), var, cvar)


def test_one_heavy_tailed_event() -> None:
    # Bernoulli(p) Pareto: far beyond every grid half of the mean of the tail is still to come
    shape, low, p = 1.2, 100.0, 0.3
    found = bounds(Register([fixed("a", Bernoulli(p), Pareto(shape, low))]), 0.99)
    var = low * (p / 0.01) ** (1 / shape)
    holds(found, var, var * shape / (shape - 1))
    assert found.cvar_high < 1.001 * found.cvar_low


@pytest.mark.parametrize("cap", [1.5, 1.23456789])
def test_a_limit_on_each_event(cap: float) -> None:
    # an atom beside a density: at most one event of min(exponential, cap)
    register = Register([fixed("a", Bernoulli(0.2), Capped(Exponential(1.0), cap))])
    for level in (0.85, 0.9, 0.99):
        var = min(-math.log((1 - level) / 0.2), cap)
        tail = 0.2 * (math.exp(-var) - math.exp(-cap)) / (1 - level)
        found = bounds(register, level)
        holds(found, var, var + tail)
        assert found.var_high - found.var_low < 1e-3
        assert found.cvar_high - found.cvar_low < 1e-4


def test_driven_lines() -> None:
    # with 0.1 one event on each of two lines: the sum of two exponentials, else of one
    mixture = (
        (0.1, {"a": True, "b": True}),
        (0.2, {"a": True, "b": False}),
        (0.7, {"a": False, "b": False}),
    )
    lines = [fixed(key, Bernoulli(0.5), Exponential(1.0)) for key in "ab"]
    found = brackets(Register(lines, mixtures=[mixture]), [0.95, 0.99])
    for level in (0.95, 0.99):
        holds(found[level], *solved([0.2, 0.1], level))


# --- capped holdings


def capped_measures(weights: Sequence[float], cap: float, level: float) -> tuple[float, float]:
    var = min(solved(weights, level)[0], cap)
    rest = gammas(weights, var)[1] - gammas(weights, cap)[1]
    return var, var + rest / (1 - level)


@pytest.mark.parametrize("cap", [3.0, 6.7, 14.0, 1e4])
def test_a_capped_holding(cap: float) -> None:
    # two lines of rates 2 and 3 share a cap; the sum is one line of rate 5, capped
    lines = [fixed(k, Poisson(n), Exponential(1.0), group="g") for k, n in (("a", 2.0), ("b", 3.0))]
    register = Register(lines, caps={"g": cap})
    for level in (0.9, 0.99, 0.999):
        found = bounds(register, level)
        holds(found, *capped_measures(poisson(5.0, 200), cap, level))
        assert found.var_high <= max(cap, found.var_low * 1.01) * (1 + 1e-9)
        assert found.cvar_high < 1.01 * found.cvar_low


def test_a_cap_in_place_of_a_mean() -> None:
    line = fixed("a", Bernoulli(0.1), Pareto(0.9, 1.0), group="g")
    found = bounds(Register([line], caps={"g": 50.0}), 0.95)
    var = (0.1 / 0.05) ** (1 / 0.9)
    # the integral of 0.1 x^-0.9 from VaR to the cap
    holds(found, var, var + 0.1 * (50.0**0.1 - var**0.1) / 0.1 / 0.05)
    assert found.cvar_high < 1.02 * found.cvar_low


def test_a_cap_in_each_of_two_years() -> None:
    def build(_: Any, years: float) -> Any:
        return Poisson(0.8 * years), Constant(3.0)

    line = Compound("a", build, years=2.0, group="g")
    register = Register([line], caps={"g": 5.0})
    year = {0.0: math.exp(-0.8), 3.0: 0.8 * math.exp(-0.8)}
    year[5.0] = 1.0 - sum(year.values())
    total: dict[float, float] = {}
    for (x, p), (y, q) in itertools.product(year.items(), year.items()):
        total[x + y] = total.get(x + y, 0.0) + p * q
    for level in (0.5, 0.8, 0.95):
        found = bounds(register, level)
        var, cvar = enumerated(total, level)
        holds(found, var, cvar, 1e-9)
        assert (found.var_low, found.var_high) == (var, var)
        assert found.cvar_high == pytest.approx(found.cvar_low, rel=1e-7)


def enumerated(law: dict[float, float], level: float) -> tuple[float, float]:
    reached, at = 0.0, 0.0
    for at in sorted(law):
        reached += law[at]
        if reached >= level - 1e-12:
            break
    return at, at + math.fsum(p * max(x - at, 0.0) for x, p in law.items()) / (1 - level)


# --- lattices


def test_bounds_meet_on_a_lattice() -> None:
    lines = [
        fixed("exploit", Poisson(0.2), Constant(1_000_000.0)),
        fixed("phishing", Poisson(0.5), Constant(500_000.0)),
    ]
    law: dict[float, float] = {}
    for i, j in itertools.product(range(40), range(60)):
        p = math.exp(-0.7) * 0.2**i / math.factorial(i) * 0.5**j / math.factorial(j)
        x = 1e6 * i + 5e5 * j
        law[x] = law.get(x, 0.0) + p
    for level in (0.4, 0.5, 0.9, 0.95, 0.99, 0.999):
        found = bounds(Register(lines), level)
        var, cvar = enumerated(law, level)
        assert (found.var_low, found.var_high) == (var, var)
        assert found.cvar_low == pytest.approx(cvar, rel=1e-9)
        assert found.cvar_high == pytest.approx(cvar, rel=1e-9)


def test_a_level_that_is_met_by_a_step() -> None:
    found = bounds(Register([fixed("a", Bernoulli(0.05), Constant(100.0))]), 0.95)
    assert (found.var_low, found.var_high) == (0.0, 0.0)
    assert found.cvar_high == pytest.approx(100.0, rel=1e-9)


def test_losses_beside_the_points() -> None:
    loss = Discrete((1.3, 2.9), (0.6, 0.4))
    register = Register([fixed("a", Bernoulli(0.7), loss), fixed("b", Bernoulli(0.4), loss)])
    one = {0.0: 0.3, 1.3: 0.42, 2.9: 0.28}
    other = {0.0: 0.6, 1.3: 0.24, 2.9: 0.16}
    law: dict[float, float] = {}
    for (x, p), (y, q) in itertools.product(one.items(), other.items()):
        law[x + y] = law.get(x + y, 0.0) + p * q
    off = register.on(Grid(0.5, 64))
    for level in (0.5, 0.8, 0.97):
        holds(bounds(off, level, points=64), *enumerated(law, level), 1e-12)


# --- recursion (Panjer 1981), written out


def panjer(rate: float, severity: Sequence[float]) -> list[float]:
    g = [math.exp(rate * (severity[0] - 1.0))]
    for s in range(1, len(severity)):
        g.append(rate / s * math.fsum(j * severity[j] * g[s - j] for j in range(1, s + 1)))
    return g


@pytest.mark.parametrize("level", [0.9, 0.99])
def test_recursion_with_rounded_losses(level: float) -> None:
    step, size, rate = 0.25, 256, 3.0
    cdf = [-math.expm1(-k * step) for k in range(size + 1)]
    down = panjer(rate, [cdf[k + 1] - cdf[k] for k in range(size)])
    up = panjer(rate, [0.0, *(cdf[k] - cdf[k - 1] for k in range(1, size))])
    register = Register([fixed("a", Poisson(rate), Exponential(1.0))]).on(Grid(step, size))
    found = bounds(register, level, points=size)

    def quantile(mass: Sequence[float]) -> float:
        return step * next(
            k for k, reached in enumerate(itertools.accumulate(mass)) if reached >= level
        )

    assert found.var_low == quantile(down)
    assert found.var_high == quantile(up)
    # split between neighbours: second differences of the limited mean 1 - exp(-x)
    split = [1.0 - cdf[1] / step]
    split += [(2 * cdf[k] - cdf[k - 1] - cdf[k + 1]) / step for k in range(1, size)]
    mass = panjer(rate, split)
    at = quantile(mass)
    below = math.fsum(p * min(k * step, at) for k, p in enumerate(mass))
    below += at * (1.0 - math.fsum(mass))
    assert found.cvar_high == pytest.approx(at + (rate - below) / (1 - level), rel=1e-9)


# --- converged figures


def line_of(row: dict[str, Any]) -> Compound:
    (kind, mean), (family, *numbers) = row["freq"], row["sev"]
    loss = Beta.pert(*numbers) if family == "pert" else Lognormal.from_quantiles(*numbers)
    return fixed(row["name"], Poisson(mean) if kind == "poisson" else Bernoulli(mean), loss)


@pytest.mark.parametrize("name", ["TRUTH-REG20", "TRUTH-SEED_DIST"])
def test_converged_registers(name: str) -> None:
    entry = case(name)
    register = Register([line_of(row) for row in entry["inputs"]["register"]])
    found = brackets(register, [0.95, 0.99, 0.999])
    for level, digits in ((0.95, "95"), (0.99, "99"), (0.999, "999")):
        var, cvar = entry["expected"]["VaR" + digits], entry["expected"]["TVaR" + digits]
        holds(found[level], var, cvar, 2e-6)  # grids of the figures agree to 2e-5 or better
        assert found[level].var_high - found[level].var_low < 0.01 * var
        assert found[level].cvar_high - found[level].cvar_low < 3e-4 * cvar


# --- beliefs, refusals


def test_beliefs_stand_at_their_nodes() -> None:
    # 1 or 3 events a year, equally likely: a mixture of two Poisson laws
    def build(theta: Any, years: float) -> Any:
        return Poisson(theta[0] * years), Exponential(1.0)

    rate = Discrete((1.0, 3.0), (0.5, 0.5))
    weights = [(a + b) / 2 for a, b in zip(poisson(1.0, 150), poisson(3.0, 150), strict=True)]
    found = bounds(Register([Compound("a", build, (rate,))]), 0.99)
    holds(found, *solved(weights, 0.99))


def test_many_beliefs_whose_nodes_miss_the_mean() -> None:
    # seven beliefs are integrated by quantiles, whose mean is not quite that of the register
    def build(theta: Any, years: float) -> Any:
        return Poisson(sum(theta) * years), Exponential(1.0)

    line = Compound("a", build, tuple(Uniform(0.0, 1.0) for _ in range(7)))
    register = Register([line])
    found = bounds(register, 0.95)
    law = register.law()
    holds(found, law.var(0.95), law.cvar(0.95), law.error_at(0.95))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, math.nan])
def test_no_such_level(level: float) -> None:
    register = Register([fixed("a", Poisson(1.0), Exponential(1.0))])
    with pytest.raises(MisuseError, match="between 0 and 1"):
        bounds(register, level)


def test_a_level_that_rounding_hides() -> None:
    register = Register([fixed("a", Poisson(1.0), Exponential(1.0))])
    with pytest.raises(AssessmentError, match="lies beyond"):
        bounds(register, 1.0 - 1e-13)
