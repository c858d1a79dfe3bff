# SPDX-License-Identifier: Apache-2.0
"""What is timed of horizons in slices: the law of a year, and the chance of ruin within it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from measure import Case

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Grid, against
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Lognormal
from perilscope.engines.networks.carried import answers
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.slices.chain import Chain, Places
from perilscope.engines.slices.passage import passage

SMALL = "feedback year, 8 states, 52 slices, 32,768 points"
LARGE = "feedback year, 64 states, 52 slices, 16,384 points"
CARRIED = "24 nodes drive 24 lines (2^24 joint states), one finding changed"
SLOPES = "slopes of two sums over the same law in all their table entries"
RUIN = "ruin within a year, 8 states, 52 slices, 8,192 points"


def drawn(states: int, points: int, ways: int, seed: int = 0) -> Chain:
    """A chain with any state after any other, and gains and losses of its own on each way."""
    rng = np.random.default_rng(seed)
    places = Places(1.0, points, points // 2)
    laws = np.zeros((ways, points))
    middle = points // 2
    laws[:, middle - 20 : middle + 30] = rng.dirichlet(np.ones(50), ways)
    start = np.zeros(states)
    start[0] = 1.0
    return Chain(
        start,
        rng.dirichlet(np.ones(states), states),
        rng.integers(0, ways, (states, states)),
        tuple((i,) for i in range(ways)),
        laws,
        places,
    )


STATES = ("no", "yes")


def _failing() -> tuple[Network, list[Compound], dict[str, tuple[str, str]]]:
    """A market, 24 nodes that fail with it, and the lines that they drive."""
    nodes = [Node("market", STATES, (), np.array([0.9, 0.1]))]
    rows = np.array([[0.98, 0.02], [0.7, 0.3]])
    nodes += [Node(f"v{i}", STATES, ("market",), rows) for i in range(24)]
    lines = [
        Compound(f"l{i}", lambda _t, y, i=i: (Poisson(0.3 * y), Lognormal(11.0 + 0.05 * i, 0.9)))
        for i in range(24)
    ]
    return Network(tuple(nodes)), lines, {f"l{i}": (f"v{i}", "yes") for i in range(24)}


def _slopes() -> Callable[[], object]:
    """P(L > x) and E (L - x)+ and their slopes, the losses carried as in `_carried`."""
    net, lines, hits = _failing()
    register = Register(lines, mixtures=[Unlisted(net, hits)], grid=Grid(4096.0, 2**15))
    (part,) = (x for x in register.components if x.unlisted is not None)
    ((factor, tables),) = register.fine.carried(part, register.lines)
    away = register.grid.places / register.grid.step - 2**12
    rows = np.stack([np.clip(away + 0.5, 0.0, 1.0), np.maximum(-away, 0.0)])
    by = against(register.grid.weighing(rows), factor)
    return lambda: answers(net, tables, by)


def _carried() -> Callable[[], object]:
    """Losses carried through a network of a market and what fails with it."""
    net, lines, hits = _failing()
    grid, turn = Grid(4096.0, 2**15), count()

    def call() -> object:
        seen = Findings(hard={"market": STATES[next(turn) % 2]})
        return Register(lines, mixtures=[Unlisted(net, hits, seen)], grid=grid).law().var(0.99)

    return call


def chains() -> list[Case]:
    """Every case of chains; the first call compiles and does not count."""
    small, large, ruin = drawn(8, 2**15, 8), drawn(64, 2**14, 128), drawn(8, 2**13, 8)
    for chain in (small, large):
        _ = chain.transforms
    return [
        Case(SMALL, lambda: small.mass(52, workers=2)),
        Case(LARGE, lambda: large.mass(52, workers=2)),
        Case(CARRIED, _carried()),
        Case(SLOPES, _slopes()),
        Case(RUIN, lambda: passage(ruin, 52, 400.0)),
    ]
