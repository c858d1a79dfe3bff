# SPDX-License-Identifier: Apache-2.0
"""What a changed line does to the joint law, against every scenario assessed by itself.

The oracle prices the losses of each market scenario in it, takes their law from a register of its
own, moves it by what the market loses, and mixes: no window, no cells, no lattice of prices.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.dearer import dearer
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.replaced import FINE, Replaced
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Exponential, Lognormal

LEVEL = 0.99
WIDE = Window(Grid(1.6e8 / 2**14, 2**14), 2**12)
PEG = Interface("peg", np.array([0.9, 0.1]), ({"coins": False}, {"coins": True}), (0, 1), True)
LOOSE = Interface("peg", np.array([0.9, 0.1]), ({}, {}), (0, 1), True)


class Market(Scenarios):
    """Scenarios of two coins; where the peg fails the second falls by a third."""

    names = ("BTC", "ETH")

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(count)
        self.moves = np.exp(rng.standard_normal((count, 2)) * [0.5, 0.6] - [0.125, 0.18])
        self.weights = np.full(count, 1.0 / count)

    def _prices(self, rungs):
        return self.moves * [1.0, 1.0 - rungs[0] / 3.0]

    def parts(self, rungs):
        return -np.array([3e6, 2e6]) * (self._prices(rungs) - 1.0)

    def prices(self, rungs):
        return dict(zip(self.names, self._prices(rungs).T, strict=True))


def lines(*, often: float = 0.8, size: float = 14.0, other: float = 0.5) -> list[Compound]:
    return [
        Compound("coins", lambda _t, _y: (Poisson(often), Lognormal(size, 0.8))),
        Compound("purse", lambda _t, _y: (Poisson(other), Exponential(1.5e6)), group="purse"),
        Compound("money", lambda _t, _y: (Poisson(0.5), Exponential(1e6))),
    ]


TOKENS = {"coins": "ETH", "purse": "BTC"}
CAPS = {"purse": 4e6}


def mixture(peg: Interface):
    return [tuple(zip(peg.weights.tolist(), peg.hits, strict=True))] if peg.keys else []


def joint(market: Market, peg: Interface, known: list[Compound], cells: int) -> Joint:
    register = Register(known, mixtures=mixture(peg), caps=CAPS)
    return Joint(register, (peg,), market, TOKENS, wide=WIDE, cells=cells)


def enumerated(market: Market, peg: Interface, known: list[Compound]) -> float:
    """CVaR by listing every state of the peg and every scenario."""
    pieces = []
    for chance, hits, rung in zip(peg.weights, peg.hits, peg.rungs, strict=True):
        losses = market.parts((rung,)).sum(axis=1)
        prices = market.prices((rung,))
        for s, weight in enumerate(market.weights):
            cost = {key: float(prices[token][s]) for key, token in TOKENS.items()}
            priced = [dearer(line, cost.get(line.key, 1.0)) for line in known]
            caps = {"purse": CAPS["purse"] * cost["purse"]}
            mixtures = [((1.0, hits),)] if peg.keys else []
            law = Register(priced, mixtures=mixtures, caps=caps).law()
            pieces.append((chance * weight, losses[s], law))

    def above(x: float) -> float:
        return math.fsum(w * (law.exceed(x - m) if x >= m else 1.0) for w, m, law in pieces)

    def excess(x: float) -> float:
        return math.fsum(
            w * (law.mean - law.limited(x - m) if x >= m else law.mean + m - x)
            for w, m, law in pieces
        )

    var = brentq(lambda x: above(x) - (1.0 - LEVEL), 0.0, 1e8, xtol=1.0)
    return var + excess(var) / (1.0 - LEVEL)


CHANGES = {
    "frequency": {"often": 1.1},
    "size": {"size": 14.2},
    "capped": {"other": 0.9},
    "two parts at once": {"often": 1.1, "other": 0.9},
}


@pytest.mark.parametrize("peg", [PEG, LOOSE], ids=["driven", "loose"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_change_of_a_theft_in_tokens_is_that_of_every_scenario_by_itself(peg, change):
    market = Market(8)
    before, after = lines(), lines(**change)
    made = joint(market, peg, before, 4)  # so few that the law itself is off
    found = Replaced(made, made.law(), 0.0).with_(after).law()
    expected = enumerated(market, peg, after) - enumerated(market, peg, before)
    moved = found.cvar(LEVEL) - made.law().cvar(LEVEL)
    assert moved == pytest.approx(expected, rel=2e-3)
    assert found.apart(LEVEL) <= 1e-3 * abs(expected)  # as many cells as scenarios


def test_mean_prices_would_misstate_the_change():
    """What the engine did before: the change is wrong by a fifth and more."""
    market, level = Market(8), LEVEL
    before, after = lines(), lines(often=1.1)
    cost = {key: float(market.prices((0,))[token].mean()) for key, token in TOKENS.items()}
    both = []
    for known in (before, after):
        priced = [dearer(line, cost.get(line.key, 1.0)) for line in known]
        caps = {"purse": CAPS["purse"] * cost["purse"]}
        register = Register(priced, caps=caps)
        both.append(Joint(register, (LOOSE,), market, wide=WIDE).law().cvar(level))
    expected = enumerated(market, LOOSE, after) - enumerated(market, LOOSE, before)
    assert abs(both[1] - both[0] - expected) > 0.2 * abs(expected)


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_cells_stay_within_the_error_that_is_told(change):
    """Four hundred scenarios in 64 cells, against each in a cell of its own."""
    market = Market(400)
    before, after = lines(), lines(**change)
    made = joint(market, LOOSE, before, 16)
    found = Replaced(made, made.law(), 0.0).with_(after).law()
    every = joint(market, LOOSE, before, 400)
    other = joint(market, LOOSE, after, 400)
    expected = other.law().cvar(LEVEL) - every.law().cvar(LEVEL)
    moved = found.cvar(LEVEL) - made.law().cvar(LEVEL)
    assert abs(moved - expected) <= found.apart(LEVEL) + 1e-4 * abs(expected)
    assert found.apart(LEVEL) < 0.05 * abs(expected)
    assert every.count > FINE


def test_other_weights_together_with_other_lines():
    market = Market(8)
    before, after = lines(), lines(often=1.1, other=0.7)
    made = joint(market, PEG, before, 8)
    weights = [np.array([0.7, 0.3])]
    peg = Interface(PEG.name, weights[0], PEG.hits, PEG.rungs, PEG.moves)
    base = made.law(weights)
    found = Replaced(made, made.law(), 0.0).under(after, weights, base)
    expected = enumerated(market, peg, after) - enumerated(market, peg, before)
    assert found.cvar(LEVEL) - base.cvar(LEVEL) == pytest.approx(expected, rel=2e-3)


def test_means_are_at_the_prices_of_the_scenarios_and_at_todays():
    market = Market(8)
    before, after = lines(), lines(often=1.1)
    made = joint(market, LOOSE, before, 8)
    found = Replaced(made, made.law(), 1e6).with_(after).law()
    size = math.exp(14.0 + 0.32)
    price = 0.9 * market.prices((0,))["ETH"].mean() + 0.1 * market.prices((1,))["ETH"].mean()
    assert found.mean - 1e6 == pytest.approx(0.3 * size, rel=1e-9)
    assert found.changed.mean - found.before.mean == pytest.approx(0.3 * size * price, rel=1e-9)
