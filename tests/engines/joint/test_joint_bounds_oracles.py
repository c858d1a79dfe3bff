# SPDX-License-Identifier: Apache-2.0
"""Bounds of the joint law: they hold the truth where it is known, and they are narrow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.bounds import brackets
from perilscope.engines.joint.lattice import Lattice
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Discrete, Exponential, Pareto
from perilscope.errors import MisuseError

from . import test_joint_oracles as small

LEVELS = (0.9, 0.95, 0.975, 0.99, 0.999)


def _true(listed, level):
    """VaR and CVaR of a list of (loss, probability)."""
    places, mass = map(np.array, zip(*sorted(listed), strict=True))
    var = places[int(np.searchsorted(np.cumsum(mass), level - 1e-12))]
    return var, var + float(mass @ np.maximum(places - var, 0.0)) / (1.0 - level)


def _hold(found, truth, *, var, cvar):
    """The truth lies within, and the brackets are no wider than said."""
    for level, each in found.items():
        true_var, true_cvar = truth(level)
        slack = 1e-9 * abs(true_cvar)
        assert each.var_low - slack <= true_var <= each.var_high + slack, level
        assert each.cvar_low - slack <= true_cvar <= each.cvar_high + slack, level
        assert each.var_high - each.var_low <= var, level
        assert each.cvar_high - each.cvar_low <= cvar, level


@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("odd", [1.0, 1.0 / 3.0])
def test_small_institutions_by_enumeration(capped, odd):
    """Losses that are not on the grid (thirds): the enumerated figures lie within a few steps."""
    interfaces = (small.PEG, small.CHAIN, small.STAFF)
    market = small.Market(small.MOVES, [8.0, 16.0 * odd], (1.0, 0.5), weights=[0.4, 0.3, 0.2, 0.1])
    groups = {"theft": "wallet", "exploit": "wallet"} if capped else {}
    caps = {"wallet": 9.0} if capped else {}
    made = {
        k: (n, p, tuple((x * odd, q) for x, q in atoms), token)
        for k, (n, p, atoms, token) in small.SMALL.items()
    }
    lines = [small._line(k, n, p, a, groups.get(k, "")) for k, (n, p, a, _) in made.items()]
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in interfaces]
    register = Register(lines, mixtures=mixtures, caps=caps)
    joint = Joint(register, interfaces, market, wide=Window(Grid(0.25, 512), 128))
    listed = small._enumerated(made, caps, groups, interfaces, market)
    found = brackets(joint, LEVELS, points=2**12)
    _hold(found, lambda level: _true(listed, level), var=0.6, cvar=0.6)


def _normal_scenarios(mean, sd, n=4_000):
    """Scenarios whose mixture is known: the middles of equally likely parts, means kept."""
    edges = norm.ppf(np.arange(n + 1) / n)
    middles = n * -np.diff(norm.pdf(edges))
    return mean + sd * middles


def test_market_and_events_against_a_fine_sum():
    """Exponential thefts, at most one a year, beside scenarios: F by a sum over scenarios."""
    losses, p, size = _normal_scenarios(0.0, 5.0), 0.3, 6.0

    class Market(Scenarios):
        names, weights = ("fund",), np.full(len(losses), 1.0 / len(losses))

        def parts(self, rungs):
            return losses[:, None]

        def prices(self, rungs):
            return {}

    line = Compound("theft", lambda _t, _y: (Binomial(1, p), Exponential(size)))
    joint = Joint(Register([line]), [], Market(), wide=Window(Grid(0.05, 2**13), 2**11))

    def over(x):  # P(M + X > x) and E (M + X - x)+ at every scenario
        d = np.maximum(x - losses, 0.0)
        tail = p * np.exp(-d / size)
        above = np.where(losses > x, 1.0, tail)
        excess = np.where(losses > x, losses - x + p * size, size * tail)
        return float(above.mean()), float(excess.mean())

    def truth(level):
        var = brentq(lambda x: over(x)[0] - (1.0 - level), -40.0, 200.0, xtol=1e-12)
        return var, var + over(var)[1] / (1.0 - level)

    found = brackets(joint, LEVELS)
    _hold(found, truth, var=0.08, cvar=2e-3)
    law = joint.law()
    for level, each in found.items():
        assert each.var_low <= law.var(level) <= each.var_high
        assert each.cvar_low - 1e-4 <= law.cvar(level) <= each.cvar_high + 1e-4


@pytest.mark.parametrize("short", [False, True])
def test_thefts_in_tokens_scenario_by_scenario(short):
    """Thefts at the price of the scenario: every scenario by itself in closed form."""
    rng, n, p, size = np.random.default_rng(7), 400, 0.3, 2e6
    moves = np.exp(rng.standard_normal((n, 2)) * [0.5, 0.05] - [0.125, 0.0]) - 1.0
    market = small.Market(moves, [-3e6 if short else 3e6, 2e6], (1.0, 0.8))
    line = Compound("coins", lambda _t, _y: (Binomial(1, p), Exponential(size)))
    peg = Interface("peg", np.array([0.9, 0.1]), ({}, {}), (0, 1), moves=True)
    wide = Window(Grid(6e7 / 2**12, 2**12), 2**10)
    joint = Joint(Register([line]), (peg,), market, {"coins": "BTC"}, wide=wide, cells=16)
    chances = {(0,): 0.9, (1,): 0.1}
    rows = [(p, joint.losses(r), market.prices(r)["BTC"]) for r, p in chances.items()]

    def over(x):
        above = excess = 0.0
        for chance, losses, price in rows:
            scale = size * price
            tail = p * np.exp(-np.maximum(x - losses, 0.0) / scale)
            above += chance * float(np.where(losses > x, 1.0, tail).mean())
            more = np.where(losses > x, losses - x + p * scale, scale * tail)
            excess += chance * float(more.mean())
        return above, excess

    def truth(level):
        var = brentq(lambda x: over(x)[0] - (1.0 - level), -1e7, 1e8, xtol=1e-6)
        return var, var + over(var)[1] / (1.0 - level)

    found = brackets(joint, (0.9, 0.975, 0.99))
    _hold(found, truth, var=2e5, cvar=1e5)


def test_gains_far_beyond_the_window_and_a_tail_far_beyond_it():
    """One scenario gains a hundred times the tail; thefts are heavy: the window is widened."""
    moves = [(-0.5, 0.0)] * 49 + [(60.0, 0.0)]
    market = small.Market(moves, [8.0, 0.0], (1.0,))
    line = Compound("theft", lambda _t, _y: (Binomial(1, 0.2), Pareto(1.5, 1.0)))
    joint = Joint(Register([line]), [], market, wide=Window(Grid(0.25, 2**11), 2**9))

    def over(x):  # of a loss of 4 in 49 of 50
        d = max(x - 4.0, 0.0)
        tail = float(1.0 - Pareto(1.5, 1.0).cdf(d))
        left = float(Pareto(1.5, 1.0).mean - Pareto(1.5, 1.0).lev(d))
        rare = x + 480.0
        far = float(1.0 - Pareto(1.5, 1.0).cdf(rare))
        more = float(Pareto(1.5, 1.0).mean - Pareto(1.5, 1.0).lev(rare))
        return 0.2 * (0.98 * tail + 0.02 * far), 0.2 * (0.98 * left + 0.02 * more)

    for level, each in brackets(joint, (0.95, 0.999, 0.9999)).items():
        var = brentq(lambda x, a=level: over(x)[0] - (1.0 - a), 4.0 + 1e-9, 1e6)
        cvar = var + over(var)[1] / (1.0 - level)
        assert each.var_low <= var <= each.var_high
        assert each.cvar_low <= cvar <= each.cvar_high
        assert each.cvar_high - each.cvar_low < 0.03 * cvar


def test_prices_on_the_lattice_keep_their_order_and_their_means():
    joint, market = small._tokened(True, Window(Grid(1.6e8 / 2**10, 2**10), 2**8), 4)
    lattice, rungs = Lattice(joint), (1,)
    prices = market.prices(rungs)["BTC"]
    total = {}
    for way in ("down", "up", "split"):
        cells = list(lattice.gathered(rungs, way))
        assert sum(w.sum() for _, _, w in cells) == pytest.approx(1.0, abs=1e-12)
        total[way] = sum(lattice.price(at[0]) * w.sum() for at, _, w in cells)
        losses = sum(float(w @ x) for _, x, w in cells)
        assert losses == pytest.approx(float(market.weights @ joint.losses(rungs)), rel=1e-12)
    mean = float(market.weights @ prices)
    assert total["split"] == pytest.approx(mean, rel=1e-12)
    assert total["down"] < mean < total["up"] < 1.05 * total["down"]


def test_levels_that_are_none():
    joint, _ = small._tokened(False, Window(Grid(1.6e8 / 2**10, 2**10), 2**8))
    with pytest.raises(MisuseError, match="between 0 and 1"):
        brackets(joint, [1.0])


def test_compound_counts_by_brute_force():
    """Two lines with several events a year, driven by one network, in a market of four moves."""
    lines = [
        Compound("a", lambda _t, _y: (Poisson(1.2), Discrete((0.7, 2.3), (0.6, 0.4)))),
        Compound("b", lambda _t, _y: (Binomial(3, 0.3), Discrete((1.1, 4.9), (0.5, 0.5)))),
    ]
    net = Interface(
        "net", np.array([0.8, 0.2]), ({"a": False, "b": True}, {"a": True, "b": True}), (0, 1),
        moves=True,
    )  # fmt: skip
    market = small.Market(small.MOVES, [8.0, 16.0], (1.0, 0.6), weights=[0.4, 0.3, 0.2, 0.1])
    mixtures = [tuple(zip(net.weights.tolist(), net.hits, strict=True))]
    joint = Joint(
        Register(lines, mixtures=mixtures), (net,), market, wide=Window(Grid(0.25, 512), 128)
    )
    b = [(math.comb(3, k) * 0.3**k * 0.7 ** (3 - k) / (1 - 0.7**3), k) for k in (1, 2, 3)]
    a = [
        (math.exp(-1.2) * 1.2**k / math.factorial(k) / (1 - math.exp(-1.2)), k)
        for k in range(1, 14)
    ]
    listed = []
    for rung, chance in ((0, 0.8), (1, 0.2)):
        counts = itertools.product([(1.0, 0)] if rung == 0 else a, b)
        for ((p, i), (q, j)), (s, w) in itertools.product(list(counts), enumerate(market.weights)):
            for m, k in itertools.product(range(i + 1), range(j + 1)):
                split = math.comb(i, m) * 0.6**m * 0.4 ** (i - m) * math.comb(j, k) * 0.5**j
                loss = market.parts((rung,)).sum(axis=1)[s]
                loss += 0.7 * m + 2.3 * (i - m) + 1.1 * k + 4.9 * (j - k)
                listed.append((float(loss), chance * p * q * float(w) * split))
    found = brackets(joint, LEVELS[:4], points=2**13)
    _hold(found, lambda level: _true(listed, level), var=0.5, cvar=0.4)
