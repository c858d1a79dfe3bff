# SPDX-License-Identifier: Apache-2.0
"""Losses in several tokens and in money that a network and a belief tie: scenario by scenario."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint import borne, causes
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.bounds import brackets
from perilscope.engines.joint.largest import largest
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.replaced import Replaced
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Discrete, Exponential, Scaled

CARE = Shared("care", Discrete((0.5, 2.0), (0.7, 0.3)))
WORN = Shared("worn", Discrete((0.6, 1.8), (2 / 3, 1 / 3)))
"""Felt by two lines in money alone."""
RATES = {"btc": 0.6, "eth": 0.9, "cash": 1.5, "fees": 2.0}
SIZES = {"btc": 2e6, "eth": 1e6, "cash": 5e5, "fees": 3e5}
TOKENS = {"btc": "BTC", "eth": "ETH"}
BELIEFS = {"btc": (), "eth": (CARE,), "cash": (CARE, WORN), "fees": (WORN,)}
WEIGHTS = np.array([0.7, 0.2, 0.1])
HITS = (
    {"btc": False, "eth": False, "cash": True},
    {"btc": True, "eth": False, "cash": True},
    {"btc": True, "eth": True, "cash": False},
)
FALLS = (1.0, 1.0, 0.6)
"""What the state does to both prices."""
LEVELS = (0.95, 0.99, 0.999)
WIDE = Window(Grid(9e7 / 2**12, 2**12), 2**10)


class Market(Scenarios):
    """A few scenarios of two coins that are held."""

    names = ("BTC", "ETH")

    def __init__(self):
        rng = np.random.default_rng(8)
        self.ends = np.exp(rng.multivariate_normal([-0.1, -0.15], [[0.2, 0.2], [0.2, 0.3]], 12))
        self.weights = np.full(12, 1.0 / 12.0)

    def parts(self, rungs):
        return -np.array([3e6, 1e6]) * (self.ends * FALLS[rungs[0]] - 1.0)

    def prices(self, rungs):
        return dict(zip(self.names, (self.ends * FALLS[rungs[0]]).T, strict=True))


def line(key, rate=None, size=None):
    rate, size = rate or RATES[key], size or SIZES[key]

    def build(theta, years):
        return Poisson(rate * years * math.prod(theta)), Exponential(size)

    return Compound(key, build, beliefs=BELIEFS[key])


@cache
def joint():
    interface = Interface("net", WEIGHTS, HITS, (0, 0, 1), moves=True)
    interface = replace(interface, rungs=(0, 1, 2))
    mixture = tuple(zip(WEIGHTS.tolist(), HITS, strict=True))
    register = Register([line(key) for key in RATES], mixtures=[mixture])
    return Joint(register, [interface], Market(), TOKENS, wide=WIDE, cells=64)


def cases():
    """Weight, state, scenario, and the rate of each line given these; 0 where it has no events."""
    market = Market()
    beliefs = itertools.product((0.5, 2.0), (0.6, 1.8))
    chances = itertools.product((0.7, 0.3), (2 / 3, 1 / 3))
    for (care, worn), (p, q) in zip(beliefs, chances, strict=True):
        own = {"btc": 1.0, "eth": care, "cash": care * worn, "fees": worn}
        for k, hits in enumerate(HITS):
            for s in range(len(market.weights)):
                rates = {key: RATES[key] * own[key] for key in RATES}
                yield p * q * WEIGHTS[k] * market.weights[s], k, s, rates, hits


def driven(key, rate, hits, z):
    """Transform of a line: Poisson, given at least one event where the network drives it."""
    if key not in hits:
        return np.exp(rate * (z - 1.0))
    if not hits[key]:
        return np.ones_like(z)
    return (np.exp(rate * (z - 1.0)) - math.exp(-rate)) / -math.expm1(-rate)


@cache
def by_hand(changed=""):
    """The law of everything, every scenario, state and value by itself."""
    made, market = joint(), Market()
    total = np.zeros(WIDE.grid.points // 2 + 1, dtype=np.complex128)
    mean = cut = 0.0
    for weight, k, s, rates, hits in cases():
        prices = {key: float(x[s]) for key, x in market.prices((k,)).items()}
        loss = made.losses((k,))[s : s + 1]
        z = WIDE.transform(loss, np.array([weight]))
        mean += weight * float(loss[0])
        cut += weight * float(WIDE.clamped(loss)[0] - loss[0])
        for key, rate in rates.items():
            price = prices.get(TOKENS.get(key, ""), 1.0)
            size = SIZES[key] * (1.5 if key == changed else 1.0)
            severity = made.fine.transforms.severity(Exponential(size * price))
            z = z * driven(key, rate, hits, severity)
            events = rate if key not in hits else rate / -math.expm1(-rate) * hits[key]
            mean += weight * events * size * price
        total += z
    return SignedLaw(WIDE, WIDE.grid.back(total), mean=mean, sd=math.nan, cut=cut)


def test_losses_in_two_tokens_take_the_price_of_their_scenario():
    made, wanted = joint(), by_hand()
    assert made.tokens == TOKENS
    law = made.law()
    assert law.mean == pytest.approx(wanted.mean, rel=1e-12)
    for level in LEVELS:
        assert law.var(level) == pytest.approx(wanted.var(level), rel=1e-6)
        assert law.cvar(level) == pytest.approx(wanted.cvar(level), rel=1e-6)


@pytest.mark.parametrize("key", ["btc", "eth", "cash"])
def test_another_line_is_the_law_made_anew(key):
    """One group changes, so what everything else is to it serves."""
    made = joint()
    other = replace(line(key), scale=Scaled(made.register.lines[key].scale, 1.5))
    replaced = Replaced(made, made.law(), made.own_mean(made.weights))
    found, wanted = replaced.with_([other]).law(), by_hand(key)
    for level in LEVELS:
        assert found.var(level) == pytest.approx(wanted.var(level), rel=1e-5)
        assert found.cvar(level) == pytest.approx(wanted.cvar(level), rel=1e-5)


def test_contributions_are_the_slopes_of_cvar_in_the_size_of_each_line():
    """Euler: what a line bears is how CVaR answers to all its losses growing alike."""
    made = joint()
    law, level, step = made.law(), 0.99, 1e-3
    found = borne.contributions(made, law, level)
    assert abs(found.off) < 1e-6
    for key in RATES:
        sides = []
        for way in (1.0 + step, 1.0 - step):
            other = replace(line(key), scale=Scaled(made.register.lines[key].scale, way))
            lines = [other if x == key else line(x) for x in RATES]
            register = Register(lines, mixtures=made.register.mixtures)
            again = Joint(register, made.interfaces, Market(), TOKENS, wide=WIDE, cells=64)
            sides.append(again.law().cvar(level))
        assert found.lines[key] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=2e-4)


def test_states_behind_the_tail_are_those_of_each_state_by_itself():
    made, wanted = joint(), by_hand()
    law = made.law()
    (tail,) = causes.tails(made, law, law.var(0.99))
    assert tail.chance @ tail.exceed == pytest.approx(wanted.exceed(law.var(0.99)), rel=1e-4)
    each = [made.law([np.eye(3)[k]]).exceed(law.var(0.99)) for k in range(3)]
    assert tail.exceed.tolist() == pytest.approx(each, rel=1e-6)


def test_largest_loss_is_the_enumerated_one():
    found, market = largest(joint()), Market()
    for x in (1e5, 1e6, 3e6, 8e6, 2e7):
        total = 0.0
        for weight, k, s, rates, hits in cases():
            if joint().losses((k,))[s] > x:
                continue
            below = weight
            for key, rate in rates.items():
                price = float(market.prices((k,)).get(TOKENS.get(key, ""), np.ones(12))[s])
                f = -math.expm1(-x / (SIZES[key] * price))
                below *= float(driven(key, rate, hits, np.array([f]))[0])
            total += below
        assert float(found.cdf(x)) == pytest.approx(total, rel=1e-5)


def test_bounds_hold_the_law_by_hand():
    found, wanted = brackets(joint(), (0.99,))[0.99], by_hand()
    assert found.var_low <= wanted.var(0.99) <= found.var_high
    assert found.cvar_low <= wanted.cvar(0.99) <= found.cvar_high
    assert found.cvar_high / found.cvar_low < 1.05
