# SPDX-License-Identifier: Apache-2.0
"""The largest event against closed forms, enumeration and a simulation written out."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.largest import largest
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.structure import Component, Unit
from perilscope.engines.laws.counts import Bernoulli, Binomial, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Constant,
    Discrete,
    Exponential,
    Lognormal,
    Pareto,
    Uniform,
)
from perilscope.errors import AssessmentError, MisuseError

from ..lines import fixed


def test_poisson_events_of_one_law() -> None:
    # P(max <= x) = exp(-lambda (1 - F(x)))
    law = largest(Register([fixed("a", Poisson(0.7), Pareto(2.5, 1000.0))]))
    for x in (1000.0, 1500.0, 40_000.0, 1e6):
        rate = 0.7 * (1000.0 / x) ** 2.5
        assert law.exceed(x) == pytest.approx(-math.expm1(-rate), rel=1e-6, abs=1e-15)
    assert law.none == pytest.approx(math.exp(-0.7), rel=1e-14)
    for level in (0.8, 0.95, 0.999):
        expected = 1000.0 * (0.7 / -math.log(level)) ** (1 / 2.5)
        assert law.var(level) == pytest.approx(expected, rel=1e-8)
    assert law.var(0.4) == 0.0


def test_counts_of_other_kinds() -> None:
    x, below = 3.0, 1.0 - math.exp(-3.0)
    law = largest(Register([fixed("a", NegativeBinomial(1.5, 2.0), Exponential(1.0))]))
    assert 1 - law.exceed(x) == pytest.approx((1 + 2.0 / 1.5 * (1 - below)) ** -1.5, rel=1e-12)
    law = largest(Register([fixed("a", Binomial(4, 0.3), Exponential(1.0))]))
    assert 1 - law.exceed(x) == pytest.approx((0.7 + 0.3 * below) ** 4, rel=1e-12)


def test_independent_lines_multiply() -> None:
    lines = [fixed("a", Poisson(2.0), Exponential(1.0)), fixed("b", Poisson(0.5), Exponential(4.0))]
    law = largest(Register(lines))
    for x in (0.5, 2.0, 9.0):
        rate = 2.0 * math.exp(-x) + 0.5 * math.exp(-x / 4.0)
        assert law.exceed(x) == pytest.approx(-math.expm1(-rate), rel=1e-12)


def test_amounts_are_met_to_the_bit() -> None:
    lines = [
        fixed("exploit", Poisson(0.2), Constant(1_000_000.0)),
        fixed("phishing", Poisson(0.5), Constant(500_000.1)),
    ]
    law = largest(Register(lines))
    nothing, small = math.exp(-0.7), math.exp(-0.2)
    assert [law.var(a) for a in (nothing - 1e-3, nothing + 1e-3, small - 1e-3, small + 1e-3)] == [
        0.0,
        500_000.1,
        500_000.1,
        1_000_000.0,
    ]
    assert law.var(small) == 500_000.1  # at the step, whatever the last bit of the level
    assert [x for x, _ in law.curve()] == [0.0, 500_000.1]
    assert law.curve()[1][1] == pytest.approx(-math.expm1(-0.2), rel=1e-12)


def test_driven_lines_and_a_control() -> None:
    # state "both" with 0.3: at least one event each, of which a control keeps a half
    mixture = ((0.3, {"a": True, "b": True}), (0.7, {"a": False, "b": False}))
    keep = Constant(0.5)
    lines = [
        fixed("a", Poisson(1.0), Exponential(2.0), keep=keep),
        fixed("b", Bernoulli(0.2), Exponential(1.0), scale=Constant(0.5)),
    ]
    law = largest(Register(lines, mixtures=[mixture]))

    def some(z: float) -> float:
        return (math.exp(z) - 1.0) / (math.e - 1.0)

    for x in (0.0, 1.0, 5.0):
        a = some(0.5 + 0.5 * (1 - math.exp(-x / 2.0)))
        b = 1 - math.exp(-x / 0.5)
        assert 1 - law.exceed(x) == pytest.approx(0.7 + 0.3 * a * b, rel=1e-12)


@pytest.mark.parametrize("years", [1.0, 2.5])
def test_an_event_costs_at_most_the_cap(years: float) -> None:
    def build(_: Any, span: float) -> Any:
        return Poisson(0.4 * span), Pareto(0.8, 10.0)  # no mean

    lines = [Compound(k, build, years=years, group="vault") for k in "ab"]
    law = largest(Register(lines, caps={"vault": 500.0}))
    assert law.exceed(500.0) == 0.0
    rate = 0.8 * years * (10.0 / 499.0) ** 0.8
    assert law.exceed(499.0) == pytest.approx(-math.expm1(-rate), rel=1e-10)
    assert law.var(0.9999) == 500.0


def test_beliefs_about_how_often() -> None:
    # rate uniform on [1, 3]: the mean of exp(-rate s) in closed form
    def build(theta: Any, years: float) -> Any:
        return Poisson(theta[0] * years), Exponential(1.0)

    law = largest(Register([Compound("a", build, (Uniform(1.0, 3.0),))]))
    for x in (0.5, 2.0, 6.0):
        s = math.exp(-x)
        expected = (math.exp(-s) - math.exp(-3 * s)) / (2 * s)
        assert 1 - law.exceed(x) == pytest.approx(expected, rel=1e-9)


def test_events_that_all_cost_one_unknown_sum() -> None:
    # their sum is n times the sum, their largest is the sum itself
    def build(theta: Any, years: float) -> Any:
        return Poisson(2.0 * years), Constant(theta[0])

    law = largest(Register([Compound("a", build, (Uniform(100.0, 200.0),), keep=Constant(0.5))]))
    some = -math.expm1(-1.0)
    assert law.exceed(150.0) == pytest.approx(some * 0.5, rel=1e-12)
    assert law.exceed(200.0) == 0.0
    assert law.var(1 - some / 4) == pytest.approx(175.0, rel=1e-12)


def test_every_outcome_counted() -> None:
    sizes = {10.0: 0.5, 30.0: 0.3, 70.0: 0.2}
    loss = Discrete(tuple(sizes), tuple(sizes.values()))
    law = largest(Register([fixed("a", Binomial(3, 0.4), loss), fixed("b", Bernoulli(0.5), loss)]))
    one = {0.0: 0.6, **{x: 0.4 * p for x, p in sizes.items()}}
    other = {0.0: 0.5, **{x: 0.5 * p for x, p in sizes.items()}}
    for x in (0.0, 10.0, 29.0, 30.0):
        over = math.fsum(
            math.prod(p for _, p in case)
            for case in itertools.product(one.items(), one.items(), one.items(), other.items())
            if max(v for v, _ in case) > x
        )
        assert law.exceed(x) == pytest.approx(over, rel=1e-12)


def test_a_simulation_agrees() -> None:
    lines = [
        fixed("a", Poisson(1.3), Lognormal(3.0, 1.0)),
        fixed("b", Bernoulli(0.4), Exponential(50.0)),
    ]
    law = largest(Register(lines))
    rng, draws, limit = random.Random(7), 20_000, 60.0
    over = 0
    for _ in range(draws):
        most, time = 0.0, rng.expovariate(1.3)
        while time < 1.0:
            most, time = max(most, rng.lognormvariate(3.0, 1.0)), time + rng.expovariate(1.3)
        if rng.random() < 0.4:
            most = max(most, rng.expovariate(1 / 50.0))
        over += most > limit
    p = law.exceed(limit)
    assert abs(over / draws - p) < 4 * math.sqrt(p * (1 - p) / draws)


def test_no_level_outside_and_no_end_of_the_world() -> None:
    law = largest(Register([fixed("a", Poisson(1.0), Pareto(0.02, 1.0))]))
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(MisuseError, match="between 0 and 1"):
            law.var(level)
    with pytest.raises(AssessmentError, match="so large"):
        law.var(1 - 1e-11)


def test_nothing_can_happen() -> None:
    law = largest(Register([fixed("a", Poisson(0.0), Exponential(1.0))]))
    assert (law.none, law.var(0.999), law.curve()) == (1.0, 0.0, [(0.0, 0.0)])


def test_many_lines_of_a_family_are_asked_at_once() -> None:
    rng = random.Random(7)
    rows = [(rng.uniform(0.01, 2.0), rng.uniform(8, 12), rng.uniform(0.5, 2)) for _ in range(40)]
    lines = [
        fixed(f"{i}", Poisson(rate), Lognormal(mu, sigma))
        for i, (rate, mu, sigma) in enumerate(rows)
    ]
    law = largest(Register([*lines, fixed("b", Bernoulli(0.1), Pareto(2.0, 1e4))]))
    for x in (1e3, 1e5, 1e7):
        number = math.fsum(
            rate * 0.5 * math.erfc((math.log(x) - mu) / sigma / math.sqrt(2))
            for rate, mu, sigma in rows
        )
        below = math.exp(-number) * (1 - 0.1 * min(1.0, (1e4 / x) ** 2))
        assert 1 - law.exceed(x) == pytest.approx(below, rel=1e-12)


def test_a_product_over_many_joint_states_is_that_of_the_list() -> None:
    """Contracted line by line, against the sum over every joint state."""
    rng = np.random.default_rng(4)
    keys = [f"l{i}" for i in range(6)]
    either = list(itertools.product((False, True), repeat=5))
    states = tuple(
        (float(p), tuple(zip(keys[1:], hits, strict=True)))
        for p, hits in zip(rng.dirichlet(np.ones(32)), either, strict=True)
    )
    part = Component(tuple(Unit((key,)) for key in keys), states)
    for values in ({key: float(rng.random()) for key in keys}, {k: rng.random(7) for k in keys}):
        listed = values["l0"] * sum(
            p * math.prod(values[key] for key, happens in state if happens) for p, state in states
        )
        assert part.product(values) == pytest.approx(listed, rel=1e-12)
        assert np.shape(part.product(values)) == np.shape(values["l0"])
