# SPDX-License-Identifier: Apache-2.0
"""Two beliefs that thefts in a coin and losses in money share, beside a network: every scenario by
itself, beliefs by 40 x 40 nodes of SciPy's rules.

Transforms are interpolated between prices, which leaves some 1e-8 of a probability; what fewer
values of the beliefs leave is looked at by itself, against all of them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint import groups
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.borne import contributions
from perilscope.engines.joint.groups import grouped
from perilscope.engines.joint.largest import largest
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Beta, Exponential, Gamma

WEAK, GREED = Shared("weak", Beta(2.0, 8.0)), Shared("greed", Gamma(2.0, 0.25))
RATES = {"keys": 1.2, "inside": 0.6, "wire": 3.0, "fraud": 1.0}
SIZES = {"keys": 1e6, "inside": 5e5, "wire": 4e5, "fraud": 3e5}
BELIEFS = {"keys": (WEAK, GREED), "inside": (GREED,), "wire": (WEAK,), "fraud": (GREED,)}
ONE = {"keys": "ETH", "inside": "ETH"}
TWO = {**ONE, "fraud": "BTC"}
WEIGHTS = np.array([0.8, 0.2])
HITS = ({"keys": False, "fraud": True}, {"keys": True, "fraud": False})
WIDE = Window(Grid(6e7 / 2**12, 2**12), 2**10)


class Market(Scenarios):
    """A few scenarios of two coins, of which one is held."""

    names = ("ETH",)

    def __init__(self):
        rng = np.random.default_rng(5)
        self.ends, self.others = np.exp(rng.normal(-0.1, 0.5, (2, 8)))
        self.weights = np.full(8, 1.0 / 8.0)

    def parts(self, rungs):
        return -2e6 * (self.ends[:, None] - 1.0)

    def prices(self, rungs):
        return {"ETH": self.ends, "BTC": self.others}


def line(key):
    def build(theta, years):
        return Poisson(RATES[key] * years * math.prod(theta)), Exponential(SIZES[key])

    return Compound(key, build, beliefs=BELIEFS[key])


def made(tokens):
    interface = Interface("net", WEIGHTS, HITS, (0, 0))
    mixture = tuple(zip(WEIGHTS.tolist(), HITS, strict=True))
    register = Register([line(key) for key in RATES], mixtures=[mixture])
    return Joint(register, [interface], Market(), tokens, wide=WIDE, cells=64)


def driven(key, rate, hits, z):
    """Transform of a line: Poisson, given at least one event where the network drives it."""
    if key not in hits:
        return np.exp(rate * (z - 1.0))
    if not hits[key]:
        return np.ones_like(z)
    return (np.exp(rate * (z - 1.0)) - math.exp(-rate)) / -math.expm1(-rate)


def by_hand(joint, tokens):
    market = Market()
    x, w = scipy.special.roots_jacobi(40, 7.0, 1.0)
    weak = (0.5 * (1.0 + x), w / w.sum())
    y, v = scipy.special.roots_genlaguerre(40, 1.0)
    greed = (0.25 * y, v / v.sum())
    total = np.zeros(WIDE.grid.points // 2 + 1, dtype=np.complex128)
    for s in range(len(market.weights)):
        price = {token: float(each[s]) for token, each in market.prices(()).items()}
        own = WIDE.transform(market.total(())[s : s + 1], np.array([1.0 / 8.0]))
        z = {
            key: joint.fine.transforms.severity(
                Exponential(size * price.get(tokens.get(key, ""), 1.0))
            )
            for key, size in SIZES.items()
        }
        for a, p in zip(*weak, strict=True):
            for b, q in zip(*greed, strict=True):
                felt = {WEAK: a, GREED: b}
                rates = {k: r * math.prod(felt[x] for x in BELIEFS[k]) for k, r in RATES.items()}
                for weight, hits in zip(WEIGHTS.tolist(), HITS, strict=True):
                    lines = (driven(k, rate, hits, z[k]) for k, rate in rates.items())
                    total += weight * p * q * own * np.prod(np.stack([*lines]), axis=0)
    return WIDE.grid.back(total)


@pytest.mark.parametrize("tokens", [ONE, TWO])
def test_few_values_of_beliefs_give_what_very_many_do(
    tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = made(tokens)
    (part,) = [part for part in joint.parts if part.counted]
    assert dict(part.counted) == tokens
    few = len(grouped(part, joint.register.lines).rows)
    mine, hand = joint.fine.law(joint.weights), by_hand(joint, tokens)
    assert np.abs(np.cumsum(mine) - np.cumsum(hand)).max() < 2e-8
    mean, cut = joint.mean(joint.weights)
    one, two = (SignedLaw(WIDE, x, mean=mean, sd=math.nan, cut=cut) for x in (mine, hand))
    for level in (0.95, 0.99, 0.999):
        assert one.var(level) == pytest.approx(two.var(level), rel=1e-6)
        assert one.cvar(level) == pytest.approx(two.cvar(level), rel=1e-6)
    monkeypatch.setattr(groups, "_FEWER", ())
    full = made(tokens)
    (part,) = [part for part in full.parts if part.counted]
    assert few < len(grouped(part, full.register.lines).rows) / 4
    many = full.fine.law(full.weights)
    assert np.abs(np.cumsum(mine) - np.cumsum(many)).max() < 1e-9


@pytest.mark.parametrize("tokens", [ONE, TWO])
def test_lines_in_one_token_may_stand_in_groups_of_their_own_or_together(
    tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who bears the tail and the largest loss, too.

    Products are interpolated between prices or factors are: 1e-8 of a probability, 1e-6 of a tail.
    """
    points = np.array([5e5, 1e6, 3e6, 8e6])
    apart = made(tokens)
    many = len(apart.priced[0].strands)
    monkeypatch.setattr(groups, "_by_belief", lambda units, *_: [tuple(units)])
    whole = made(tokens)
    assert many > len(whole.priced[0].strands)
    one, two = (contributions(joint, joint.law(), 0.99) for joint in (apart, whole))
    assert one.off == pytest.approx(two.off, abs=1e-6)
    for key in RATES:
        assert one.lines[key] == pytest.approx(two.lines[key], rel=1e-6)
    assert one.holdings["ETH"] == pytest.approx(two.holdings["ETH"], rel=1e-6)
    three, four = (largest(joint).cdf(points) for joint in (apart, whole))
    assert three == pytest.approx(four, abs=1e-6)
