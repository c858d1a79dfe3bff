# SPDX-License-Identifier: Apache-2.0
"""Slopes of CVaR by table entries against small institutions enumerated by brute force.

Where VaR stays at one atom CVaR is a polynomial in a table entry (with evidence a quotient of two),
so Richardson's differences of the enumerated CVaR are exact but for rounding.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint import causes
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Binomial
from perilscope.engines.laws.distributions import Constant
from perilscope.engines.networks.network import Network, Node
from perilscope.layers import slopes
from perilscope.layers.drivers import Drivers
from perilscope.layers.joining import Axis, Driving
from perilscope.layers.networks import Driver

LEVEL = 0.97
LINES = {"queue": ("run", 2, 0.5, 3.0), "sold": ("depeg", 1, 0.6, 5.0)}
MOVES = ((2.0, 0.0, 0.4), (-6.0, 0.0, 0.3), (0.0, 0.0, 0.2), (9.0, 0.0, 0.1))
FALL = 8.0
"""What the peg's loss costs on the market; each move is (loss, nothing, probability)."""
TABLES = {
    "stress": np.array([0.7, 0.3]),
    "depeg": np.array([[0.95, 0.05], [0.7, 0.3]]),
    "run": np.array([[[0.99, 0.01], [0.8, 0.2]], [[0.9, 0.1], [0.4, 0.6]]]),
    "news": np.array([[0.9, 0.1], [0.4, 0.6]]),
}
PARENTS = {"stress": (), "depeg": ("stress",), "run": ("stress", "depeg"), "news": ("stress",)}


class Market(Scenarios):
    names = ("USDC",)
    weights = np.array([p for *_, p in MOVES])

    def parts(self, rungs):
        return np.array([[x + FALL * rungs[0]] for x, *_ in MOVES])

    def prices(self, rungs):
        return {}


def _drivers(tables, periods, seen):
    nodes = tuple(Node(n, ("no", "yes"), PARENTS[n], t) for n, t in tables.items())
    return Drivers({"peg": Driver(Network(nodes), 1.0 / periods, (), seen)})


def _engine(drivers):
    """Slopes as the engine has them."""
    axes = tuple(Axis(n, (("no",), ("yes",))) for n in ("depeg", "run"))
    table = drivers.over("peg", [(a.node, a.groups) for a in axes], 1.0).table
    states = tuple(np.ndindex(2, 2))
    hits = tuple({"sold": d == 1, "queue": r == 1} for d, r in states)
    interface = Interface("peg", table.ravel(), hits, tuple(d for d, _ in states), moves=True)
    lines = [
        Compound(key, lambda _t, _y, n=n, p=p, x=x: (Binomial(n, p), Constant(x)))
        for key, (_, n, p, x) in LINES.items()
    ]
    mixtures = [tuple(zip(interface.weights.tolist(), hits, strict=True))]
    wide = Window(Grid(1.0, 64, lattice=True), 16)
    joint = Joint(Register(lines, mixtures=mixtures), [interface], Market(), wide=wide)
    law = joint.law()
    (tail,) = causes.tails(joint, law, law.var(LEVEL))
    values = slopes.Values(np.zeros(4), tail, 0.0, LEVEL, 1.0)
    return law, slopes.entries(drivers, Driving("peg", axes, states, interface), values)


# --- the same by listing everything


def _within(tables, seen):
    """P(depeg, run | what was seen) within one period."""
    found = np.zeros((2, 2))
    for at in itertools.product((0, 1), repeat=4):
        state = dict(zip(TABLES, at, strict=True))
        chance = 1.0
        for node, parents in PARENTS.items():
            chance *= tables[node][tuple(state[p] for p in parents)][state[node]]
        if all(state[node] == ("no", "yes").index(s) for node, s in seen.items()):
            found[state["depeg"], state["run"]] += chance
    return found / found.sum()


def _listed(tables, periods, seen):
    """VaR and CVaR of the sum by listing periods, events and moves."""
    within, law = _within(tables, seen), defaultdict(float)
    for draws in itertools.product(itertools.product((0, 1), repeat=2), repeat=periods):
        chance = math.prod(float(within[d]) for d in draws)
        worst = {"depeg": max(d for d, _ in draws), "run": max(r for _, r in draws)}
        sums = {0.0: 1.0}
        for node, n, p, x in LINES.values():
            mine = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
            mine = [0.0, *(q / (1 - mine[0]) for q in mine[1:])] if worst[node] else [1.0]
            both = defaultdict(float)
            for (s, q), (k, other) in itertools.product(sums.items(), enumerate(mine)):
                both[s + k * x] += q * other
            sums = both
        for (s, q), (x, _, p) in itertools.product(sums.items(), MOVES):
            law[s + x + FALL * worst["depeg"]] += chance * q * p
    places, mass = map(np.array, zip(*sorted(law.items()), strict=True))
    var = places[int(np.searchsorted(np.cumsum(mass), LEVEL - 1e-12))]
    return var, var + float(mass @ np.maximum(places - var, 0.0)) / (1.0 - LEVEL)


def _apart(entry, periods, seen):
    """d CVaR / d entry by Richardson's differences, the rest of the row in proportion."""
    row = tuple(("no", "yes").index(s) for _, s in entry.row)
    k = ("no", "yes").index(entry.state)

    def cvar(value):
        table = TABLES[entry.node].copy()
        table[row] *= (1.0 - value) / (1.0 - table[(*row, k)])
        table[(*row, k)] = value
        found, cvar = _listed({**TABLES, entry.node: table}, periods, seen)
        assert found == _listed(TABLES, periods, seen)[0]  # no kink in between
        return cvar

    h = 1e-3
    one, two = ((cvar(entry.value + s) - cvar(entry.value - s)) / (2 * s) for s in (h, 2 * h))
    return (4.0 * one - two) / 3.0


@pytest.mark.parametrize("periods", [1, 3])
@pytest.mark.parametrize("seen", [{}, {"news": "yes"}])
def test_slopes_are_those_of_the_enumerated_institution(periods, seen):
    """Every derivative within 1e-6 of the largest, over one period and over three."""
    law, found = _engine(_drivers(TABLES, periods, seen))
    var, cvar = _listed(TABLES, periods, seen)
    assert law.var(LEVEL) == var
    assert law.cvar(LEVEL) == pytest.approx(cvar, rel=1e-12)
    assert len(found) == 18  # every entry of every table
    largest = max(abs(each.cvar) for each in found)
    for each in found:
        assert each.cvar == pytest.approx(_apart(each, periods, seen), abs=1e-6 * largest), each


def test_a_part_of_a_period_by_the_distribution_functions_power():
    """Slopes by the law of a period: closed form against differences, an axis held apart too."""
    within, worth = np.array([[0.6, 0.1], [0.1, 0.2]]), np.array([[0.0, 2.0], [3.0, 11.0]])
    for held in ([], [0]):
        exact = slopes._exactly(within, held, 0.25, worth)
        steps = slopes._by_steps(within, held, 0.25, worth)
        assert exact is not None
        assert exact - exact[0, 0] == pytest.approx(steps, abs=1e-8)
    # two events that exclude each other: their law over a part of it is an estimate
    apart = np.array([[0.7, 0.1], [0.2, 0.0]])
    assert slopes._exactly(apart, [], 0.25, worth) is None
    # given the first axis each part is a law of its own
    assert slopes._exactly(apart, [0], 0.25, worth) is not None
