# SPDX-License-Identifier: Apache-2.0
"""Networks too wide to list behind a tail: small ones forced that way, against listing all states.

Listed, the network is an interface whose joint states each have a law of their own; carried, the
same transforms travel through it. Slopes are also taken by differences of laws made anew.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from perilscope.engines.aggregate import structure
from perilscope.engines.aggregate.band import band as plain_band
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint import causes
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.band import band
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.wide import Behind, wide
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Exponential, Gamma, Lognormal
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.session import Session

LEVEL = 0.99
TWO = ("no", "yes")
WIDE = Window(Grid(2.4e8 / 2**14, 2**14), 2**11)
HITS = {"la": ("a", "yes"), "lb": ("b", "yes"), "lc": ("c", "yes")}


def network(move: tuple[str, tuple[int, ...], int, float] | None = None) -> Network:
    """A small network; ``move`` adds to an entry, the rest of its row in proportion."""
    rng = np.random.default_rng(4)
    shapes = {"stress": (), "a": ("stress",), "b": ("stress", "a"), "c": ("b",), "news": ("c",)}
    nodes = []
    for name, parents in shapes.items():
        sizes = [3 if p == "stress" else 2 for p in parents]
        size = 3 if name == "stress" else 2
        table = rng.dirichlet(np.full(size, 2.0), sizes)
        if move is not None and move[0] == name:
            _, row, k, step = move
            own = table[row]
            left = (1.0 - own[k] - step) / (1.0 - own[k])
            own[:] = [p + step if i == k else p * left for i, p in enumerate(own.tolist())]
        states = ("calm", "tense", "stress") if name == "stress" else TWO
        nodes.append(Node(name, states, parents, table))
    return Network(tuple(nodes))


def lines() -> list[Compound]:
    laws = {
        "la": (1.5, Lognormal(14.5, 0.6)),
        "lb": (0.8, Exponential(4e6)),
        "lc": (0.5, Lognormal(15.0, 0.8)),
        "free": (0.7, Exponential(2e6)),
    }
    return [
        Compound(key, lambda _t, _y, rate=rate, law=law: (Poisson(rate), law))
        for key, (rate, law) in laws.items()
    ]


class Market(Scenarios):
    names = ("BTC",)
    moves = np.random.default_rng(2).normal(0.0, 5e6, 400)
    weights = np.full(400, 1.0 / 400)

    def parts(self, rungs):
        return self.moves[:, None]

    def prices(self, rungs):
        return {}


SEEN = [Findings(), Findings(hard={"news": "yes"}), Findings(likelihood={"c": [0.3, 1.0]})]


@pytest.fixture(autouse=True)
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listed, however few the states."""
    monkeypatch.setattr(structure, "FEW", 1)


def carried(net: Network, seen: Findings, caps: dict[str, float] | None = None) -> Joint:
    known = [replace(x, group="purse") if caps and x.key in ("la", "lb") else x for x in lines()]
    register = Register(known, mixtures=[Unlisted(net, HITS, seen)], caps=caps or {})
    return Joint(register, [], Market(), wide=WIDE)


def listed(net: Network, seen: Findings) -> Joint:
    session = Session(net)
    session.know(seen)
    table = session.joint(("a", "b", "c"))
    states = list(np.ndindex(2, 2, 2))
    hits = tuple({key: bool(s[k]) for k, key in enumerate(HITS)} for s in states)
    peg = Interface("net", table.ravel(), hits, (0,) * 8)
    mixtures = [tuple(zip(peg.weights.tolist(), hits, strict=True))]
    return Joint(Register(lines(), mixtures=mixtures), [peg], Market(), wide=WIDE)


def behind(joint: Joint) -> Behind:
    (found,) = wide(joint)
    law = joint.law()
    return found.behind(law, law.var(LEVEL))


@pytest.mark.parametrize("seen", SEEN, ids=["nothing", "news", "likelihood"])
def test_states_behind_the_tail_are_those_of_the_list(seen: Findings) -> None:
    net = network()
    one, two = carried(net, seen), listed(net, seen)
    law = two.law()
    assert one.law().cvar(LEVEL) == pytest.approx(law.cvar(LEVEL), rel=1e-9)
    (tail,) = causes.tails(two, law, law.var(LEVEL))
    found = list(behind(one).states())
    told = {(each.node, each.state): (each.chance, each.given) for each in found}
    slopes = {(each.node, each.state): each.slope for each in found}
    for k, node in enumerate("abc"):
        at = [i for i, s in enumerate(np.ndindex(2, 2, 2)) if s[k] == 1]
        p, q = told[node, "yes"]
        assert p == pytest.approx(tail.chance[at].sum(), rel=1e-10)
        assert q == pytest.approx(tail.posterior[at].sum(), rel=1e-5)
        assert p + told[node, "no"][0] == pytest.approx(1.0, abs=1e-12)
        rest = [i for i in range(8) if i not in at]
        both = [tail.chance[i] @ tail.excess[i] / tail.chance[i].sum() for i in (at, rest)]
        assert slopes[node, "yes"] == pytest.approx(both[0] - both[1], rel=1e-5)


@pytest.mark.parametrize("seen", SEEN, ids=["nothing", "news", "likelihood"])
def test_slopes_are_those_of_laws_of_other_tables(seen: Findings) -> None:
    """By Richardson's differences of the listed law, VaR staying put (the envelope theorem)."""
    base = listed(network(), seen)
    x = base.law().var(LEVEL)
    found = behind(carried(network(), seen))

    def figures(move: tuple[str, tuple[int, ...], int, float]) -> np.ndarray:
        joint = listed(network(move), seen)
        law = joint.law()
        return np.array([joint.own_mean(joint.weights), law.exceed(x), law.excess(x)])

    largest = np.zeros(3)
    rows = []
    for lines_ in found.lines():
        line = lines_[0]
        parents = found.plain.node(line.node).parents
        places = tuple(
            found.plain.node(p).states.index(s) for p, (_, s) in zip(parents, line.row, strict=True)
        )
        k = found.plain.node(line.node).states.index(line.state)
        near, far = (
            (figures((line.node, places, k, h)) - figures((line.node, places, k, -h))) / (2.0 * h)
            for h in (1e-3, 2e-3)
        )
        own = np.array([each.slope for each in lines_])
        rows.append((own, (4.0 * near - far) / 3.0))
        largest = np.maximum(largest, np.abs(own))
    assert len(rows) == 3 + 6 + 12 + 4 + (4 if seen.hard else 0)
    for own, apart in rows:
        assert np.all(np.abs(own - apart) <= [1e-8, 1e-5, 1e-5] * largest)


def test_capped_holdings_answer_by_the_grid() -> None:
    caps = {"purse": 6e6}
    one = carried(network(), Findings(), caps)
    x = one.law().var(LEVEL)
    found = {(y.node, y.row, y.state): (y, z) for _, y, z in behind(one).lines()}
    step = 1e-3
    move = ("b", (1, 0), 1)
    ends = [carried(network((*move, h)), Findings(), caps).law() for h in (-step, step)]
    row = (("stress", "tense"), ("a", "no"))
    exceed, excess = found["b", row, "yes"]
    apart = (ends[1].exceed(x) - ends[0].exceed(x)) / (2.0 * step)
    assert exceed.slope == pytest.approx(apart, rel=1e-4)
    apart = (ends[1].excess(x) - ends[0].excess(x)) / (2.0 * step)
    assert excess.slope == pytest.approx(apart, rel=1e-4)


def test_law_under_other_tables() -> None:
    one = carried(network(), Findings())
    other = network(("stress", (), 2, 0.1))
    (found,) = wide(one)
    before, after = found.under(one.register.mixtures[0].net), found.under(other)
    expected = carried(other, Findings()).law()
    moved = after.cvar(LEVEL) - before.cvar(LEVEL)
    assert moved == pytest.approx(expected.cvar(LEVEL) - one.law().cvar(LEVEL), rel=1e-6)
    assert after.mean == pytest.approx(expected.mean, rel=1e-9)


def test_mean_by_hand() -> None:
    net = network()
    session = Session(net)
    chance = {key: session.marginal(node)[state] for key, (node, state) in HITS.items()}
    hit = {"la": (1.5, math.exp(14.5 + 0.18)), "lb": (0.8, 4e6), "lc": (0.5, math.exp(15.32))}
    mean = sum(chance[k] * rate / -math.expm1(-rate) * size for k, (rate, size) in hit.items())
    assert behind(carried(net, Findings())).value[0] == pytest.approx(mean, rel=1e-9)


def believed() -> list[Compound]:
    """The same lines, their frequencies believed."""
    laws = {x.key: x.build((), 1.0) for x in lines()}
    return [
        Compound(
            key, lambda theta, _y, law=law: (Poisson(theta[0]), law), (Gamma(4.0, counts.mean / 4),)
        )
        for key, (counts, law) in laws.items()
    ]


def test_band_is_that_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same draws of beliefs give the same ends, with the market and without."""
    known = believed()
    monkeypatch.setitem(globals(), "lines", lambda: known)
    both = carried(network(), Findings()), listed(network(), Findings())
    one, two = (band(x, x.law(), (LEVEL,), seed=1, draws=20) for x in both)
    assert one.cvar[LEVEL].low == pytest.approx(two.cvar[LEVEL].low, rel=1e-6)
    assert one.cvar[LEVEL].high == pytest.approx(two.cvar[LEVEL].high, rel=1e-6)
    assert one.cvar[LEVEL].high > 1.05 * one.cvar[LEVEL].low
    one, two = (plain_band(x.register, seed=1, draws=20) for x in both)
    assert one.losses == pytest.approx(two.losses, rel=1e-9, abs=1e-3)
    assert one.low == pytest.approx(two.low, abs=1e-9)
    assert one.high == pytest.approx(two.high, abs=1e-9)
