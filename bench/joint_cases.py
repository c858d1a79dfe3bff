# SPDX-License-Identifier: Apache-2.0
"""What is timed of the joint law: new evidence, what-ifs, several networks, thefts in tokens, and
every table entry behind a tail; bounds, band and the largest single loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from measure import Case

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid, spread
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.band import band
from perilscope.engines.joint.bounds import brackets
from perilscope.engines.joint.dearer import dearer
from perilscope.engines.joint.largest import largest
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.replaced import Replaced
from perilscope.engines.joint.reweighted import Blocks, StateLaws
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Exponential, Gamma, Lognormal
from perilscope.engines.networks.elimination import Network, Node
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.one_way import one_way

EVIDENCE = "evidence to VaR and CVaR at three levels, 20 scenarios, 64 joint states, 2^15 points"
CURVE = "evidence to the whole curve of the same"
WHAT_IF = "what-if of a scenario that a node drives, the same"
NETWORKS = "evidence on 4 networks of 64 states each, VaR and CVaR at three levels"
BUILD = "joint law of 20 scenarios, 4 states of prices, 100,000 market scenarios, cold"
TOKENS = "the same with a theft counted in a token"
BOUNDS = "rigorous bounds of VaR and CVaR at three levels, the same in money"
BAND = "credible band of the same, beliefs about 20 frequencies"
LARGEST = "largest single loss (OEP) of the same, with its curve"
MOVED = "what-if of the theft counted in a token, with its error"
ENTRIES = "slopes of CVaR in 1,000 table entries"

LEVELS = (0.95, 0.99, 0.999)
POINTS = 2**15
LOW, HIGH = -128e6, 384e6


def joint() -> list[Case]:
    """The joint law."""
    return list(_cases())


def _cases() -> Iterator[Case]:
    step = (HIGH - LOW) / POINTS
    window = Window(Grid(step, POINTS), 2 * round(-LOW / step / 2))
    rng = np.random.default_rng(7)
    weights = itertools.cycle(rng.dirichlet(np.ones(64), size=64))
    kept, change, blocks = _kept(window)
    yield Case(EVIDENCE, lambda: _three(kept, next(weights)))
    yield Case(CURVE, lambda: kept.below(next(weights)))
    yield Case(WHAT_IF, lambda: kept.what_if(next(weights), *change, LEVELS))
    yield Case(NETWORKS, lambda: blocks.measures([next(weights) for _ in range(4)], LEVELS))
    turn = count(1)
    yield Case(BUILD, lambda: _law(next(turn), token=False))
    yield Case(TOKENS, lambda: _law(next(turn), token=True))
    known, believed = _joint(0, token=False), _joint(0, token=False, beliefs=True)
    law = believed.law()
    yield Case(BOUNDS, lambda: brackets(known, LEVELS))
    yield Case(BAND, lambda: band(believed, law, LEVELS, seed=next(turn)))
    yield Case(LARGEST, lambda: _largest(known))
    dear = _joint(0, token=True)
    replaced, line = Replaced(dear, dear.law(), 0.0), dear.register.lines["s19"]
    yield Case(MOVED, lambda: _moved(replaced, dearer(line, 1.0 + 1e-3 * next(turn))))
    net, target = _wide_network()
    entries = one_way(net, target, "yes", Findings())
    assert len(entries) >= 1_000
    yield Case(ENTRIES, lambda: one_way(net, target, "yes", Findings()))


def _three(kept: StateLaws, weights: Any) -> list[Any]:
    return [kept.measures(weights, level) for level in LEVELS]


def _kept(window: Window) -> tuple[StateLaws, tuple[Any, ...], Blocks]:
    """Twenty scenarios, of which nodes drive twelve, under 64 joint states."""
    rng = np.random.default_rng(7)
    base = np.clip(4e6 * rng.standard_t(4, 100_000), -100e6, 100e6)
    mass = np.full(base.size, 1.0 / base.size)
    falls = (0.0, 3e6, 6e6, 2e7)
    market = [window.transform(base + fall, mass) for fall in falls]
    mean = np.array([float(window.clamped(base + fall).mean()) for fall in falls])
    laws = [Lognormal(11.5 + 0.2 * (i % 10), 0.9 + 0.05 * (i % 5)) for i in range(20)]
    at = np.arange(POINTS + 1) * window.grid.step
    z = np.array([window.grid.forward(spread(x.lev(at), window.grid.step)) for x in laws]) - 1.0
    often = np.array(
        [
            [0.05 * (1 + i % 4) * (1 + 2 * (k >> (i % 6) & 1) * (i < 12)) for i in range(20)]
            for k in range(64)
        ]
    )
    size = np.array([float(law.mean) for law in laws])
    sums = np.stack([np.exp(often[k] @ z) * market[k % 4] for k in range(64)])
    kept = StateLaws(window, sums, often @ size + mean[np.arange(64) % 4])
    cut = -0.5 * often[:2, 0]
    change = ([k & 1 for k in range(64)], np.exp(cut[:, None] * z[0]), cut * size[0])
    parts = [slice(5 * j, 5 * j + 5) for j in range(4)]
    driven = [np.stack([np.exp(often[k, p] @ z[p]) for k in range(64)]) for p in parts]
    means = [often[:, p] @ size[p] for p in parts]
    return kept, change, Blocks(window, driven, means, market[0], float(mean[0]))


class _Market(Scenarios):
    """A hundred thousand scenarios of two holdings."""

    names = ("BTC", "ETH")

    def __init__(self, nudge: int) -> None:
        rng = np.random.default_rng(3)
        self.moves = np.exp(rng.standard_normal((100_000, 2)) * [0.5, 0.7] - [0.125, 0.245])
        self.moves *= 1.0 + nudge * 1e-12
        self.weights = np.full(100_000, 1e-5)

    def _prices(self, rungs: tuple[int, ...]) -> Any:
        return self.moves * [1.0, 1.0 - 0.1 * rungs[0]]

    def parts(self, rungs: tuple[int, ...]) -> Any:
        return -np.array([20e6, 10e6]) * (self._prices(rungs) - 1.0)

    def prices(self, rungs: tuple[int, ...]) -> dict[str, Any]:
        p = self._prices(rungs)
        return {"BTC": p[:, 0], "ETH": p[:, 1]}


def _law(nudge: int, *, token: bool) -> object:
    law = _joint(nudge, token=token).law()
    return [(law.var(level), law.cvar(level)) for level in LEVELS]


def _joint(nudge: int, *, token: bool, beliefs: bool = False) -> Joint:
    lines = [_line(i, 1.0 + nudge * 1e-12, beliefs=beliefs) for i in range(20)]
    peg = Interface("peg", np.array([0.7, 0.15, 0.1, 0.05]), ({},) * 4, (0, 1, 2, 3), moves=True)
    tokens = {"s19": "ETH"} if token else {}
    return Joint(Register(lines), (peg,), _Market(nudge), tokens)


def _line(i: int, nudge: float, *, beliefs: bool) -> Compound:
    rate, law = 0.2 + 0.02 * i, Exponential(2e5 * (1 + i) * nudge)
    if beliefs:
        return Compound(
            f"s{i}", lambda theta, _years: (Poisson(theta[0]), law), (Gamma(4.0, rate / 4.0),)
        )
    return Compound(f"s{i}", lambda _theta, _years: (Poisson(rate), law))


def _largest(known: Joint) -> object:
    found = largest(known)
    return found.curve(), [found.var(level) for level in LEVELS]


def _moved(replaced: Replaced, line: Compound) -> object:
    found = replaced.with_([line]).law()
    return found.cvar(0.99), found.apart(0.99)


def _wide_network() -> tuple[Network, str]:
    """Six nodes that drive losses below 60 others, and a further node that is the tail."""
    rng = np.random.default_rng(5)
    names = [f"n{i}" for i in range(66)]
    nodes = []
    for i, name in enumerate(names):
        parents = tuple(names[max(i - 3, 0) : i])
        table = rng.dirichlet(np.ones(2), size=(2,) * len(parents))
        nodes.append(Node(name, ("no", "yes"), parents, table))
    chance = rng.random((2,) * 6)
    tail = Node("tail", ("no", "yes"), tuple(names[-6:]), np.stack([1 - chance, chance], axis=-1))
    return Network((*nodes, tail)), "tail"
