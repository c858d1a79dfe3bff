# SPDX-License-Identifier: Apache-2.0
"""Drivers, capped holdings and beliefs against enumeration and plain averaging."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Bernoulli, Poisson, ZeroModifiedPoisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Exponential,
    Lognormal,
)
from perilscope.errors import MisuseError

Law = dict[tuple[float, ...], float]


def poisson(rate: float, some: bool = False) -> list[float]:
    mass = [math.exp(-rate) * rate**n / math.factorial(n) for n in range(26)]
    return [0.0, *(m / (1 - mass[0]) for m in mass[1:])] if some else mass


def held(laws: list[list[tuple[float, float]]], cap: float) -> Law:
    """Joint law of the parts of independent lines whose sum is capped, pro rata."""
    found: Law = defaultdict(float)
    for combination in itertools.product(*laws):
        total = sum(x for x, _ in combination)
        share = min(total, cap) / total if total else 0.0
        found[tuple(x * share for x, _ in combination)] += math.prod(p for _, p in combination)
    return found


def added(a: Law, b: Law) -> Law:
    found: Law = defaultdict(float)
    for (x, p), (y, q) in itertools.product(a.items(), b.items()):
        found[tuple(round(u + v, 6) for u, v in zip(x, y, strict=True))] += p * q
    return found


def blended(laws: list[tuple[float, Law]]) -> Law:
    found: Law = defaultdict(float)
    for weight, law in laws:
        for x, p in law.items():
            found[x] += weight * p
    return found


def agrees(register: Register, joint: Law, level: float, *, rel: float = 1e-9) -> None:
    """Law of the sum, moments and contributions against an enumerated joint law of the parts."""
    law = register.law()
    mean = sum(sum(x) * p for x, p in joint.items())
    sd = math.sqrt(sum((sum(x) - mean) ** 2 * p for x, p in joint.items()))
    assert register.moments() == pytest.approx((mean, sd), rel=rel)
    totals: dict[float, float] = defaultdict(float)
    for x, p in joint.items():
        totals[round(sum(x), 3)] += p
    reached, var = 0.0, 0.0
    for var in sorted(totals):
        reached += totals[var]
        if reached >= level - 1e-12:
            break
    assert law.var(level) == pytest.approx(var, rel=rel)
    split = reached - level
    worst: list[float] = [0.0] * len(register.lines)
    at = totals[var]
    for x, p in joint.items():
        if abs(round(sum(x), 3) - var) < 1e-9:
            p *= split / at
        elif sum(x) < var:
            continue
        for i, part in enumerate(x):
            worst[i] += part * p / (1 - level)
    assert law.cvar(level) == pytest.approx(sum(worst), rel=rel)
    parts = register.contributions(level)
    assert list(parts.values()) == pytest.approx(worst, rel=max(rel, 1e-8))
    for i, key in enumerate(register.lines):
        own = sum(x[i] * p for x, p in joint.items())
        assert register.line_moments(key)[0] == pytest.approx(own, rel=rel)


def fixed(key: str, rate: float, loss: Any, **more: Any) -> Compound:
    return Compound(key, lambda _, t: (Poisson(rate * t), loss), **more)


def counted(rate: float, size: float, some: bool = False) -> list[tuple[float, float]]:
    return [(n * size, p) for n, p in enumerate(poisson(rate, some))]


ONE, TWO = 200_000.0, 300_000.0


def test_a_capped_holding() -> None:
    lines = [
        fixed("a", 0.7, Constant(ONE), group="safe"),
        fixed("b", 0.4, Constant(TWO), group="safe"),
    ]
    joint = held([counted(0.7, ONE), counted(0.4, TWO)], 700_000.0)
    for level in (0.6, 0.9, 0.99):
        agrees(Register(lines, caps={"safe": 700_000.0}), joint, level)


def test_a_cap_by_the_year_over_two_years_and_a_half_with_beliefs() -> None:
    rates = Discrete((0.2, 1.1), (0.6, 0.4))
    keep = Discrete((0.5, 1.0), (0.3, 0.7))
    lines = [
        Compound(
            "a",
            lambda th, t: (Poisson(th[0] * t), Constant(ONE)),
            beliefs=(rates,),
            years=2.5,
            group="safe",
        ),
        fixed("b", 0.4, Constant(TWO), years=2.5, group="safe", keep=keep),
    ]
    cases = []
    for (r, p), (k, q) in itertools.product([(0.2, 0.6), (1.1, 0.4)], [(0.5, 0.3), (1.0, 0.7)]):
        year = held([counted(r, ONE)[:12], counted(0.4 * k, TWO)[:12]], 500_000.0)
        half = held([counted(r / 2, ONE)[:12], counted(0.2 * k, TWO)[:12]], 500_000.0)
        cases.append((p * q, added(added(year, year), half)))
    register = Register(lines, caps={"safe": 500_000.0})
    for level in (0.9, 0.99):
        agrees(register, blended(cases), level, rel=1e-6)


MIXTURE = (
    (0.10, {"a": True, "b": True}),
    (0.05, {"a": True, "b": False}),
    (0.15, {"a": False, "b": True}),
    (0.70, {"a": False, "b": False}),
)


def test_driven_lines_by_enumeration() -> None:
    lines = [
        fixed("a", 0.7, Constant(ONE)),
        fixed("b", 0.4, Constant(TWO)),
        fixed("c", 0.3, Constant(ONE)),
    ]
    nothing = [(0.0, 1.0)]
    cases = []
    for p, drives in MIXTURE:
        a = counted(0.7, ONE, some=True) if drives["a"] else nothing
        b = counted(0.4, TWO, some=True) if drives["b"] else nothing
        cases.append((p, held([a[:14], b[:14], counted(0.3, ONE)[:14]], math.inf)))
    register = Register(lines, mixtures=[MIXTURE])
    agrees(register, blended(cases), 0.95, rel=1e-7)
    assert register.law().none == pytest.approx(0.7 * math.exp(-0.3), rel=1e-12)
    assert register.line("a").none == pytest.approx(0.85, rel=1e-12)


def test_driven_lines_in_a_capped_holding() -> None:
    lines = [
        fixed("a", 0.7, Constant(ONE), group="safe"),
        fixed("b", 0.4, Constant(TWO)),
        fixed("c", 0.3, Constant(ONE), group="safe"),
    ]
    cases = []
    for p, drives in MIXTURE:
        a = counted(0.7, ONE, some=True)[:14] if drives["a"] else [(0.0, 1.0)]
        b = counted(0.4, TWO, some=True)[:14] if drives["b"] else [(0.0, 1.0)]
        safe = held([a, counted(0.3, ONE)[:14]], 500_000.0)
        joint: Law = defaultdict(float)
        for (x, z), q in safe.items():
            for y, r in b:
                joint[x, y, z] += q * r
        cases.append((p, joint))
    agrees(
        Register(lines, mixtures=[MIXTURE], caps={"safe": 500_000.0}),
        blended(cases),
        0.95,
        rel=1e-7,
    )


def test_a_driven_line_with_a_yearly_cap_over_two_years() -> None:
    """It has events somewhere in the two years: the law less that of no events, rescaled."""
    lines = [
        fixed("a", 0.7, Constant(ONE), years=2.0, group="safe"),
        fixed("b", 0.4, Constant(TWO), years=2.0, group="safe"),
    ]
    both = held([counted(0.7, ONE)[:14], counted(0.4, TWO)[:14]], 500_000.0)
    alone = held([[(0.0, 1.0)], counted(0.4, TWO)[:14]], 500_000.0)
    none = math.exp(-1.4)
    free, without = added(both, both), added(alone, alone)
    given = blended([(1 / (1 - none), free), (-none / (1 - none), without)])
    mixture = ((0.25, {"a": True}), (0.75, {"a": False}))
    joint = blended([(0.25, given), (0.75, without)])
    agrees(Register(lines, mixtures=[mixture], caps={"safe": 500_000.0}), joint, 0.95, rel=1e-6)


def test_a_control_thins_what_a_driver_has_set_off() -> None:
    line = Compound("a", lambda *_: (Bernoulli(0.2), Constant(100.0)), keep=Constant(0.5))
    mixture = ((0.2, {"a": True}), (0.8, {"a": False}))
    law = Register([line], mixtures=[mixture]).law()
    assert law.mean == pytest.approx(10.0, rel=1e-12)
    assert law.none == pytest.approx(0.9, rel=1e-12)


def test_a_mixture_of_independent_drivers_changes_nothing() -> None:
    loss = Lognormal(12.0, 1.0)
    pair = [
        Compound("a", lambda *_: (ZeroModifiedPoisson(0.3, 1.2), loss)),
        Compound("b", lambda *_: (ZeroModifiedPoisson(0.1, 0.4), loss)),
    ]
    mixture = tuple(
        ((0.3 if a else 0.7) * (0.1 if b else 0.9), {"a": a, "b": b})
        for a, b in itertools.product((True, False), repeat=2)
    )
    plain = Register(pair)
    driven = Register(pair, mixtures=[mixture], grid=plain.grid)
    assert driven.moments() == pytest.approx(plain.moments(), rel=1e-12)
    assert np.allclose(driven.law().mass, plain.law().mass, atol=1e-12)


def test_states_of_lines_that_are_not_there_are_summed_out() -> None:
    alone = Register([fixed("a", 0.7, Constant(ONE))], mixtures=[MIXTURE]).law()
    assert alone.none == pytest.approx(0.85)


def test_a_line_is_driven_once() -> None:
    line = fixed("a", 0.7, Constant(ONE))
    mixture = ((0.5, {"a": True}), (0.5, {"a": False}))
    with pytest.raises(MisuseError, match="two mixtures"):
        Register([line], mixtures=[mixture, mixture])


@pytest.mark.parametrize(("key", "i"), [("a", 0), ("b", 1)])
def test_law_of_a_part_of_a_capped_holding(key: str, i: int) -> None:
    lines = [
        fixed("a", 0.7, Constant(ONE), group="safe"),
        fixed("b", 0.4, Constant(TWO), group="safe"),
    ]
    joint = held([counted(0.7, ONE), counted(0.4, TWO)], 500_000.0)
    law = Register(lines, caps={"safe": 500_000.0}).line(key)
    mean = sum(x[i] * p for x, p in joint.items())
    sd = math.sqrt(sum((x[i] - mean) ** 2 * p for x, p in joint.items()))
    assert (law.mean, law.sd) == (pytest.approx(mean, rel=1e-6), pytest.approx(sd, rel=1e-3))
    for limit in (60_000.0, 150_000.0, 250_000.0, 450_000.0):
        over = sum(p for x, p in joint.items() if x[i] > limit)
        assert law.exceed(limit) == pytest.approx(over, abs=1e-6)


def test_a_capped_sum_with_densities_against_two_dimensions() -> None:
    """min(X + Y, cap) for two losses with densities that happen for certain."""
    lines = [
        Compound("a", lambda *_: (Bernoulli(1.0), Exponential(100.0)), group="safe"),
        Compound("b", lambda *_: (Bernoulli(1.0), Exponential(50.0)), group="safe"),
    ]
    register = Register(lines, caps={"safe": 250.0})
    t = (np.arange(4000) + 0.5) / 4000
    x, y = np.meshgrid(-100.0 * np.log(t), -50.0 * np.log(t))
    share = np.minimum(x + y, 250.0) / (x + y)
    assert register.moments()[0] == pytest.approx(float((share * (x + y)).mean()), rel=2e-4)
    assert register.line_moments("a")[0] == pytest.approx(float((share * x).mean()), rel=5e-4)
    assert register.line("a").sd == pytest.approx(float((share * x).std()), rel=2e-3)
    assert register.law().var(0.99) == pytest.approx(250.0, rel=1e-9)
    parts = register.contributions(0.95)
    worst = x + y >= 250.0
    expected = float((share * x)[worst].mean())
    assert parts["a"] == pytest.approx(expected, rel=1e-3)
    assert math.fsum(parts.values()) == pytest.approx(250.0, rel=1e-6)


# --- beliefs against averaging over many values


def averaged(build: Any, law: Any, grid: Grid, places: list[float], count: int) -> list[float]:
    total = np.zeros(len(places))
    for u in (np.arange(count) + 0.5) / count:
        value = float(law.ppf(u))
        known = Register([Compound("a", lambda _, t, v=value: build((v,), t))], grid=grid).law()
        total += [known.exceed(x) for x in places]
    return list(total / count)


@pytest.mark.parametrize(
    ("build", "belief"),
    [
        (lambda th, t: (Poisson(th[0] * t), Lognormal(12.0, 0.8)), Beta(2.0, 3.0, 0.1, 3.0)),
        (lambda th, t: (Poisson(0.8 * t), Lognormal(th[0], 0.8)), Beta(4.0, 4.0, 11.0, 13.0)),
        (lambda th, t: (Bernoulli(th[0]), Exponential(3e5)), Beta(2.0, 8.0)),
    ],
)
def test_beliefs_by_averaging(build: Any, belief: Any) -> None:
    grid = Grid(4_000.0, 4096)
    places = [1e4, 1e5, 4e5, 1e6, 3e6]
    law = Register([Compound("a", build, beliefs=(belief,))], grid=grid).law()
    expected = averaged(build, belief, grid, places, 400)
    assert [law.exceed(x) for x in places] == pytest.approx(expected, rel=2e-3)


def test_a_belief_about_the_share_of_a_constant_loss() -> None:
    """One event at most, of 1,000,000 times a beta share: the law of the share itself."""
    share = Beta(2.0, 5.0)
    line = Compound("a", lambda *_: (Bernoulli(0.4), Constant(1e6)), scale=share)
    law = Register([line]).law()
    for x in (5e4, 2e5, 4e5, 7e5):
        expected = 0.4 * (1.0 - float(share.cdf(x / 1e6)))
        assert law.exceed(x) == pytest.approx(expected, abs=0.4 / 32)
    exact = 1e6 * float(share.ppf(1.0 - 0.05 / 0.4))
    assert abs(law.var(0.95) / exact - 1.0) <= law.error[0.95]


def test_beliefs_of_several_lines_are_their_own() -> None:
    """Two lines with one belief each: the product of the mixtures, not a mixture of products."""
    belief = Discrete((0.2, 1.4), (0.5, 0.5))

    def line(key: str) -> Compound:
        return Compound(key, lambda th, t: (Poisson(th[0] * t), Constant(1.0)), beliefs=(belief,))

    law = Register([line("a"), line("b")]).law()
    assert law.none == pytest.approx((0.5 * math.exp(-0.2) + 0.5 * math.exp(-1.4)) ** 2, rel=1e-12)


def test_mapping_of_caps_without_lines_is_harmless() -> None:
    caps: Mapping[str, float] = {"elsewhere": 1.0}
    line = fixed("a", 0.7, Constant(ONE), group="safe")
    assert Register([line], caps=caps).law().mean == pytest.approx(0.7 * ONE)
