# SPDX-License-Identifier: Apache-2.0
"""What must hold for the band and the intervals of every register."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.aggregate.band import band, line_intervals, mean_interval
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Exponential,
    Gamma,
    Lognormal,
    Uniform,
)

beliefs = st.one_of(
    st.builds(Uniform, st.floats(0.1, 0.4), st.floats(0.5, 0.9)),
    st.builds(Beta, st.floats(0.5, 5.0), st.floats(0.5, 5.0)),
    st.builds(Constant, st.floats(0.2, 0.8)),
)
kinds = st.sampled_from(["rate", "chance", "clusters", "size"])
shares = st.one_of(st.just(Constant(1.0)), st.builds(Uniform, st.just(0.2), st.just(0.7)))


def line(i: int, kind: str, belief: Any, keep: Any, scale: Any, group: str) -> Compound:
    def build(theta: Any, years: float) -> Any:
        if kind == "rate":
            return Poisson(2.0 * theta[0] * years), Lognormal(10.0, 1.0)
        if kind == "chance":
            return Bernoulli(theta[0]), Constant(30_000.0)
        if kind == "clusters":
            return NegativeBinomial(1.5, theta[0]), Exponential(2e4)
        return Poisson(0.8 * years), Exponential(5e4 * theta[0] + 1.0)

    return Compound(f"line {i}", build, (belief,), keep=keep, scale=scale, group=group)


parts = st.tuples(kinds, beliefs, shares, shares)
registers = st.lists(parts, min_size=1, max_size=3)


@settings(max_examples=15)
@given(registers, st.sampled_from([{}, {"g": 60_000.0}]), st.integers(0, 5))
def test_ends_are_in_order(rows: list[Any], caps: dict[str, float], seed: int) -> None:
    lines = [line(i, *row, "g" if i < 2 else "") for i, row in enumerate(rows)]
    register = Register(lines, caps=caps)
    found = band(register, seed=seed, draws=30, points=20)
    for curve in (found.low, found.median, found.high, found.predictive):
        assert np.all((curve >= 0.0) & (curve <= 1.0))
        assert np.all(np.diff(curve) <= 1e-9)
    assert np.all(found.low <= found.median)
    assert np.all(found.median <= found.high)
    assert np.all((found.low_error >= 0.0) & (found.high_error >= 0.0))


@settings(max_examples=25)
@given(registers, st.integers(0, 5))
def test_intervals_are_about_the_mean(rows: list[Any], seed: int) -> None:
    lines = [line(i, *row, "") for i, row in enumerate(rows)]
    register = Register(lines)
    low, high = mean_interval(register, seed)
    assert low <= high
    own = line_intervals(register, seed)
    if len(own) == 1:
        assert (low, high) == next(iter(own.values()))
    for key, (a, b) in own.items():
        mean = register.means[key]
        sure = all(x.support[0] == x.support[1] for x in _laws(register.lines[key]))
        assert (a == b == mean) if sure else (0.0 <= a < b)


def _laws(own: Compound) -> tuple[Any, ...]:
    return (*own.beliefs, own.keep, own.scale)


@settings(max_examples=20)
@given(beliefs.filter(lambda b: b.support[0] < b.support[1]), st.floats(0.1, 0.9))
def test_a_wider_belief_a_wider_interval(belief: Any, share: float) -> None:
    def build(theta: Any, years: float) -> Any:
        return Poisson(theta[0] * years), Constant(1.0)

    def pulled(theta: Any, years: float) -> Any:
        rate = belief.mean + share * (theta[0] - belief.mean)
        return Poisson(rate * years), Constant(1.0)

    wide = mean_interval(Register([Compound("a", build, (belief,))]), 1)
    narrow = mean_interval(Register([Compound("a", pulled, (belief,))]), 1)
    assert math.isclose(narrow[1] - narrow[0], share * (wide[1] - wide[0]), rel_tol=1e-6)


@given(st.floats(0.5, 20.0), st.floats(0.1, 3.0))
def test_a_gamma_belief_about_a_rate(shape: float, scale: float) -> None:
    belief = Gamma(shape, scale)

    def build(theta: Any, years: float) -> Any:
        return Poisson(theta[0] * years), Constant(1.0)

    low, high = mean_interval(Register([Compound("a", build, (belief,))]), 2, draws=200)
    for end, share in ((low, 0.05), (high, 0.95)):
        assert float(belief.ppf(share - 0.01)) <= end <= float(belief.ppf(share + 0.01))
