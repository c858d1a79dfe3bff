# SPDX-License-Identifier: Apache-2.0
"""How far a window reaches where what is stolen may cost many times what it does today."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.laws.counts import Binomial
from perilscope.engines.laws.distributions import Uniform

CHANCE, LOW, HIGH, CAP = 0.3, 2e6, 10e6, 6e6
DRIVEN = 0.2


class Dear(Scenarios):
    """Little is held of a token that may cost twenty times as much at the end."""

    names = ("ETH",)

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.ends = np.clip(np.exp(rng.normal(-0.3, 0.8, 4_000)), 0.1, 20.0)
        self.weights = np.full(4_000, 1.0 / 4_000)

    def parts(self, rungs: tuple[int, ...]) -> np.ndarray:
        return -1e6 * (self.ends[:, None] - 1.0)

    def prices(self, rungs: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {"ETH": self.ends}


def exceed(market: Dear, x: float, chance: float) -> float:
    """P(sum > x), scenario by scenario: one theft at most, of what the holding is worth at most."""
    own = -1e6 * (market.ends - 1.0)
    units = (x - own) / market.ends  # of the theft at today's price
    least = np.clip((HIGH - np.maximum(units, LOW)) / (HIGH - LOW), 0.0, 1.0)
    stolen = np.where(units < CAP, np.where(units < LOW, 1.0, least), 0.0)
    stolen = np.where(units < 0.0, 1.0, stolen)
    return float(np.mean((1.0 - chance) * (own > x) + chance * stolen))


@pytest.mark.parametrize("driven", [False, True])
def test_a_capped_holding_is_seen_at_the_dearest_prices(driven: bool) -> None:
    """Driven or not: what the holding is worth grows with the price, and so must the window."""
    market = Dear()
    theft = Compound(
        "theft", lambda _t, _y: (Binomial(1, CHANCE), Uniform(LOW, HIGH)), group="vault"
    )
    staff = Interface(
        "staff", np.array([1.0 - DRIVEN, DRIVEN]), ({"theft": False}, {"theft": True}), (0, 0)
    )
    interfaces = (staff,) if driven else ()
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in interfaces]
    register = Register([theft], mixtures=mixtures, caps={"vault": CAP})
    law = Joint(register, interfaces, market, {"theft": "ETH"}).law()
    assert law.beyond <= 2e-5
    chance = DRIVEN * 1.0 if driven else CHANCE
    for x in (5e6, 1e7, 2e7):
        assert law.exceed(x) == pytest.approx(exceed(market, x, chance), rel=0.02)
    assert math.isclose(law.mean, mean(market, chance), rel_tol=1e-6)


def mean(market: Dear, chance: float) -> float:
    held = (CAP**2 - LOW**2) / 2.0 / (HIGH - LOW) + CAP * (HIGH - CAP) / (HIGH - LOW)
    return float(np.mean(chance * held * market.ends - 1e6 * (market.ends - 1.0)))
