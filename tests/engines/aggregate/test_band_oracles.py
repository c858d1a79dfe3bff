# SPDX-License-Identifier: Apache-2.0
"""Bands and intervals against curves that are known given the one belief there is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import gammaincc, pdtrc

from perilscope.engines.aggregate.band import Band, band, line_intervals, mean_interval, means
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.counts import Bernoulli, Binomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    Lognormal,
    Normal,
    Pareto,
    Uniform,
)
from perilscope.errors import AssessmentError, MisuseError

from ..lines import fixed

DRAWS = 256
# with one belief draw k of n lies in its stratum, so an end is right to two strata of the belief
SLIP = 2.0 / DRAWS


def rated(key: str, rate: Distribution, loss: Any, **more: Any) -> Compound:
    return Compound(key, lambda theta, t: (Poisson(theta[0] * t), loss), (rate,), **more)


def between(found: float, curve: Any, belief: Distribution, share: float, grid: float) -> None:
    low, high = (float(curve(float(belief.ppf(share + s)))) for s in (-SLIP, SLIP))
    assert min(low, high) - grid <= found <= max(low, high) + grid


@pytest.mark.parametrize("rate", [Uniform(0.5, 3.0), Gamma(2.0, 1.0), Beta.pert(0.2, 1.0, 4.0)])
def test_a_belief_about_a_rate(rate: Distribution) -> None:
    # P(more than k events of 100) is known and rises with the rate
    found = band(Register([rated("a", rate, Constant(100.0))]), seed=3, draws=DRAWS)
    assert found.draws == DRAWS
    assert found.losses[0] == 0.0
    for i, x in enumerate(found.losses):
        events = round(float(x) / 100.0)
        ends = (found.low[i], 0.05), (found.median[i], 0.5), (found.high[i], 0.95)
        for end, share in ends:
            between(float(end), lambda r, k=events: pdtrc(k, r), rate, share, 1e-9)


def compound(rate: float, mean: float, x: float) -> float:
    terms = (
        math.exp(n * math.log(rate) - rate - math.lgamma(n + 1)) * float(gammaincc(n, x / mean))
        for n in range(1, 60)
    )
    return math.fsum(terms)


@pytest.mark.parametrize("by", ["severity", "scale", "keep"])
def test_a_belief_about_size_or_a_control(by: str) -> None:
    belief = Uniform(0.3, 0.9)
    if by == "severity":
        line = Compound("a", lambda t, _: (Poisson(2.0), Exponential(t[0])), (belief,))
    else:
        line = fixed("a", Poisson(2.0), Exponential(1.0), **{by: belief})
    found = band(Register([line]), seed=3, draws=DRAWS)

    def curve(theta: float, x: float) -> float:
        return compound(2.0 * theta, 1.0, x) if by == "keep" else compound(2.0, theta, x)

    for i in range(1, len(found.losses), 7):
        x = float(found.losses[i])
        for end, share in ((found.low[i], 0.05), (found.high[i], 0.95)):
            between(float(end), lambda theta, x=x: curve(theta, x), belief, share, 3e-5)


def test_what_nobody_doubts_beside_a_belief() -> None:
    # the certain line's law is convolved in: with the same loss the rates add
    rate = Uniform(0.5, 2.0)
    lines = [rated("a", rate, Constant(50.0)), fixed("b", Poisson(0.7), Constant(50.0))]
    found = band(Register(lines), seed=1, draws=DRAWS)
    for i, x in enumerate(found.losses):
        k = round(float(x) / 50.0)
        for end, share in ((found.low[i], 0.05), (found.high[i], 0.95)):
            between(float(end), lambda r, k=k: pdtrc(k, r + 0.7), rate, share, 1e-9)


def test_driven_lines() -> None:
    # in the state that drives it, of probability 0.4, at least one event
    rate = Uniform(0.5, 2.0)
    mixture = ((0.4, {"a": True, "b": False}), (0.6, {"a": False, "b": True}))
    lines = [rated("a", rate, Constant(10.0)), fixed("b", Bernoulli(0.3), Constant(10.0))]
    register = Register(lines, mixtures=[mixture])
    found = band(register, seed=1, draws=DRAWS)

    def over(r: float, k: int) -> float:
        return 0.4 * float(pdtrc(k, r)) / -math.expm1(-r) + (0.6 if k < 1 else 0.0)

    for i, x in enumerate(found.losses):
        k = round(float(x) / 10.0)
        for end, share in ((found.low[i], 0.05), (found.high[i], 0.95)):
            between(float(end), lambda r, k=k: over(r, k), rate, share, 1e-9)
    low, high = line_intervals(register, 1)["a"]
    for end, share in ((low, 0.05), (high, 0.95)):
        between(end, lambda r: 4.0 * r / -math.expm1(-r), rate, share, 1e-9)
    assert line_intervals(register, 1)["b"] == (pytest.approx(6.0), pytest.approx(6.0))


def test_a_capped_holding() -> None:
    # at most one event of 80 or 100 a year in a vault that holds 60: what is believed is how likely
    chance = Uniform(0.1, 0.5)

    def build(theta: Any, years: float) -> Any:
        return Bernoulli(theta[0]), Discrete((80.0, 100.0), (0.5, 0.5))

    register = Register([Compound("a", build, (chance,), group="g")], caps={"g": 60.0})
    found = band(register, seed=2, draws=DRAWS)
    assert found.losses[-1] < 60.0
    between(float(found.low[0]), lambda p: p, chance, 0.05, 1e-12)
    between(float(found.high[0]), lambda p: p, chance, 0.95, 1e-12)
    own = means(register, 2, draws=DRAWS)
    assert own["a"] == own[""]
    # 128 draws, so that a stratum is twice as wide, and not each of them holds one
    spread = 3.5 * math.sqrt(0.05 * 0.95 / 128)
    assert 60 * (0.1 + 0.4 * max(0.05 - spread, 0.0)) <= own["a"].low
    assert own["a"].low <= 60 * (0.1 + 0.4 * (0.05 + spread))
    assert 60 * (0.1 + 0.4 * (0.95 - spread)) <= own["a"].high <= 60 * 0.5


def test_each_draw_is_the_law_of_a_register_without_beliefs() -> None:
    # two ways to the same curves: all draws at once, and a register for a belief of one point
    def line(rate: Distribution, size: Distribution) -> list[Compound]:
        def build(theta: Any, years: float) -> Any:
            return Poisson(theta[0] * years), Lognormal(theta[1], 1.0)

        return [
            Compound("a", build, (rate, size)),
            fixed("b", Poisson(1.0), Exponential(1e4)),
        ]

    # beliefs so narrow that every draw is the same law to eight digits
    narrow = line(Uniform(2.0, 2.0 + 1e-9), Uniform(9.0, 9.0 + 1e-9))
    found = band(Register(narrow), seed=1, draws=20)
    law = Register(line(Constant(2.0), Constant(9.0))).law()
    for i, x in enumerate(found.losses):
        assert found.low[i] == pytest.approx(law.exceed(float(x)), abs=2e-4)
        assert found.high[i] == pytest.approx(found.low[i], abs=1e-7)


# --- intervals of the mean


def test_mean_of_a_line_and_of_the_sum() -> None:
    rate = Uniform(1.0, 3.0)
    lines = [
        rated("a", rate, Exponential(100.0), years=2.0),
        fixed("b", Poisson(1.0), Constant(7.0)),
    ]
    register = Register(lines)
    found = line_intervals(register, 5)
    for end, share in zip(found["a"], (0.05, 0.95), strict=True):
        between(end, lambda r: 200.0 * r, rate, share, 1e-9)
    assert found["b"] == (7.0, 7.0)
    low, high = mean_interval(register, 5)
    assert (low, high) == (pytest.approx(found["a"][0] + 7.0), pytest.approx(found["a"][1] + 7.0))


def test_sum_of_two_lines_in_doubt() -> None:
    # the sum of two uniform laws on [0, 1] is triangular: 5 % quantile sqrt(0.1)
    lines = [rated(key, Uniform(0.0, 1.0), Constant(1.0)) for key in "ab"]
    found = means(Register(lines), 11, draws=2000)[""]
    for end, error, exact in (
        (found.low, found.low_error, math.sqrt(0.1)),
        (found.high, found.high_error, 2 - math.sqrt(0.1)),
    ):
        assert abs(end - exact) < 4 * error
        # standard error of a sample quantile: sqrt(p (1-p) / n) over the density, sqrt(0.1)
        assert error == pytest.approx(math.sqrt(0.05 * 0.95 / 2000) / math.sqrt(0.1), rel=0.5)


def test_losses_that_reach_below_zero_and_builds_that_want_numbers() -> None:
    def build(theta: Any, years: float) -> Any:
        return Poisson(2.0 * years), Normal(float(theta[0]), 1.0)

    belief = Uniform(-1.0, 1.0)
    low, high = mean_interval(Register([Compound("a", build, (belief,))]), 1)

    def mean(m: float) -> float:  # of the positive part of a normal law
        return 2 * (
            m * 0.5 * math.erfc(-m / math.sqrt(2)) + math.exp(-m * m / 2) / math.sqrt(2 * math.pi)
        )

    for end, share in ((low, 0.05), (high, 0.95)):
        between(end, mean, belief, share, 1e-9)


def test_nothing_is_believed() -> None:
    register = Register([fixed("a", Poisson(2.0), Exponential(100.0))])
    law = register.law()
    assert mean_interval(register, 1) == (law.mean, law.mean)
    assert line_intervals(register, 1) == {"a": (law.mean, law.mean)}
    found = band(register, seed=1)
    assert found.draws == 0
    for end in (found.low, found.median, found.high):
        np.testing.assert_array_equal(end, found.predictive)
    assert not found.low_error.any()


def test_the_same_seed_the_same_bits_and_another_line_moves_no_draw() -> None:
    lines = [rated(key, Uniform(0.0, 1.0), Constant(1.0)) for key in "ab"]
    more = [*lines, rated("c", Uniform(0.0, 1.0), Constant(1.0))]
    one, two = line_intervals(Register(lines), 4), line_intervals(Register(more), 4)
    assert {key: two[key] for key in "ab"} == one
    assert line_intervals(Register(lines), 5) != one
    first, again = (band(Register(lines), seed=4, draws=20) for _ in range(2))
    np.testing.assert_array_equal(first.low, again.low)


def test_refusals() -> None:
    register = Register([rated("a", Uniform(0.0, 1.0), Constant(1.0))])
    with pytest.raises(MisuseError, match="at least 20 draws"):
        band(register, seed=1, draws=19)
    with pytest.raises(MisuseError, match="at least 2 points"):
        band(register, seed=1, points=1)

    def build(theta: Any, years: float) -> Any:
        return Poisson(1.0), Pareto(theta[0], 1.0)

    endless = Register([Compound("a", build, (Uniform(0.9, 1.2),))])
    with pytest.raises(AssessmentError, match="a: for some values of its beliefs"):
        mean_interval(endless, 1)


def test_the_band_holds_its_parts_in_order() -> None:
    found: Band = band(
        Register([rated("a", Gamma(1.5, 1.0), Lognormal(3.0, 1.0))]), seed=9, draws=64, points=30
    )
    assert np.all(np.diff(found.losses) > 0)
    assert np.all(found.low <= found.median)
    assert np.all(found.median <= found.high)
    assert np.all(np.diff(found.high) <= 1e-12)
    # the predictive curve is the mean over beliefs, so it lies between their extremes
    assert np.all((found.predictive > found.low) & (found.predictive < found.high))


def test_chance_that_moves_several_lines_is_averaged_in_every_draw() -> None:
    """A bad year doubles both chances; only the belief about the first line is drawn."""
    bad = Shared("bad years", Discrete((1.0, 2.0), (0.75, 0.25)), chance=True)
    rate = Uniform(0.1, 0.4)
    first = Compound(
        "a", lambda t, _y: (Binomial(1, t[0] * t[1]), Constant(50.0)), beliefs=(rate, bad)
    )
    second = Compound("b", lambda t, _y: (Binomial(1, 0.2 * t[0]), Constant(20.0)), (bad,))
    found = band(Register([first, second]), seed=5, draws=512)

    def lost(p: float) -> float:
        return sum(w * (1.0 - (1.0 - p * f) * (1.0 - 0.2 * f)) for w, f in ((0.75, 1), (0.25, 2)))

    ends = (found.low[0], found.high[0])
    for end, u in zip(ends, (0.05, 0.95), strict=True):
        near = abs(lost(float(rate.ppf(u + 2 / 512))) - lost(float(rate.ppf(u))))
        assert float(end) == pytest.approx(lost(float(rate.ppf(u))), abs=near)
    assert found.losses[0] == 0.0
