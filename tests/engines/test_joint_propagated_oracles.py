# SPDX-License-Identifier: Apache-2.0
"""Losses carried through a network, against listing its joint states, and a million of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from perilscope.engines import elimination
from perilscope.engines.compound import Compound
from perilscope.engines.counts import Bernoulli, Poisson
from perilscope.engines.distributions import Constant, Lognormal
from perilscope.engines.findings import Findings
from perilscope.engines.grid import Grid
from perilscope.engines.joint.propagated import Driven, law
from perilscope.engines.network import Network, Node
from perilscope.engines.register import Register
from perilscope.errors import MisuseError

TWO = ("no", "yes")


def line(key: str, rate: float, mu: float) -> Compound:
    return Compound(key, lambda _t, years: (Poisson(rate * years), Lognormal(mu, 0.8)))


def small() -> tuple[Network, list[Driven]]:
    rng = np.random.default_rng(4)

    def table(*parents: int) -> np.ndarray:
        return rng.dirichlet([4.0, 1.0], parents)

    net = Network(
        (
            Node("stress", ("calm", "tense", "stress"), (), np.array([0.7, 0.2, 0.1])),
            Node("a", TWO, ("stress",), table(3)),
            Node("b", TWO, ("stress", "a"), table(3, 2)),
            Node("c", TWO, ("b",), table(2)),
            Node("alert", TWO, ("c",), table(2)),
        )
    )
    driven = [
        Driven(line("la", 0.5, 11.0), "a"),
        Driven(line("lb", 0.2, 12.0), "b"),
        Driven(line("lb2", 1.0, 10.0), "b"),
        Driven(line("lc", 0.1, 12.5), "c"),
        Driven(line("ls", 2.0, 10.0), "stress", "stress"),
    ]
    return net, driven


@pytest.mark.parametrize("known", [{}, {"alert": "yes"}, {"alert": "no", "stress": "tense"}])
def test_carrying_is_listing(known: dict[str, str]) -> None:
    net, driven = small()
    free = [line("free", 1.5, 10.5)]
    nodes = ("stress", "a", "b", "c")
    joint = elimination.joint(net, nodes, known)
    mixture = []
    for index in np.ndindex(*joint.shape):
        states = {n: net.node(n).states[k] for n, k in zip(nodes, index, strict=True)}
        hits = {each.line.key: states[each.node] == each.state for each in driven}
        mixture.append((float(joint[index]), hits))
    register = Register([*(each.line for each in driven), *free], mixtures=[tuple(mixture)])
    listed = register.law()
    found = law(net, driven, free, Findings(hard=known), grid=register.grid)
    assert found.mean == pytest.approx(listed.mean, rel=1e-12)
    for level in (0.95, 0.99, 0.999):
        assert found.var(level) == pytest.approx(listed.var(level), rel=1e-9)
        assert found.cvar(level) == pytest.approx(listed.cvar(level), rel=1e-9)
    assert found.sd == pytest.approx(listed.sd, rel=1e-9)
    own = law(net, driven, free, Findings(hard=known))
    assert own.cvar(0.99) == pytest.approx(listed.cvar(0.99), rel=1e-4)


def test_a_million_joint_states_by_the_closed_form() -> None:
    """Twenty venues that fail together with a market: given it, their number is binomial."""
    count, chances = 20, (0.02, 0.3)
    market = Node("market", TWO, (), np.array([0.9, 0.1]))
    venues = [
        Node(f"v{i}", TWO, ("market",), np.array([[1 - p, p] for p in chances]))
        for i in range(count)
    ]
    driven = [
        Driven(Compound(f"l{i}", lambda _t, _y: (Bernoulli(0.5), Constant(1.0))), f"v{i}")
        for i in range(count)
    ]
    net = Network((market, *venues))
    grid = Grid(1.0, 64, lattice=True)
    for known, weights in (({}, (0.9, 0.1)), ({"market": "yes"}, (0.0, 1.0))):
        found = law(net, driven, findings=Findings(hard=known), grid=grid)
        k = np.arange(count + 1)
        exact = sum(w * binom.pmf(k, count, p) for w, p in zip(weights, chances, strict=True))
        np.testing.assert_allclose(found.mass[: count + 1], exact, atol=1e-13)
    # one venue failed: so did the market, perhaps
    found = law(net, driven, findings=Findings(hard={"v0": "yes"}), grid=grid)
    odds = 0.1 * 0.3 / (0.1 * 0.3 + 0.9 * 0.02)
    exact = 1 + 19 * (odds * 0.3 + (1 - odds) * 0.02)
    assert found.mean == pytest.approx(exact)


def test_a_chain_of_forty_nodes_is_listed_along_the_chain() -> None:
    """2^40 joint states; the number of failures along a chain by its own recursion."""
    count, rows = 40, np.array([[0.95, 0.05], [0.4, 0.6]])
    nodes = [Node("n0", TWO, (), np.array([0.9, 0.1]))]
    nodes += [Node(f"n{i}", TWO, (f"n{i - 1}",), rows) for i in range(1, count)]
    driven = [
        Driven(Compound(f"l{i}", lambda _t, _y: (Bernoulli(0.5), Constant(1.0))), f"n{i}")
        for i in range(count)
    ]
    found = law(Network(tuple(nodes)), driven, grid=Grid(1.0, 128, lattice=True))
    table = np.zeros((2, count + 1))
    table[0, 0], table[1, 1] = 0.9, 0.1
    for _ in range(1, count):
        new = np.zeros_like(table)
        for a, b in itertools.product((0, 1), repeat=2):
            new[b] += rows[a, b] * (np.roll(table[a], 1) if b else table[a])
        table = new
    np.testing.assert_allclose(found.mass[: count + 1], table.sum(axis=0), atol=1e-13)
    assert math.fsum(found.mass) == pytest.approx(1.0)


def test_what_does_not_exist_is_refused() -> None:
    net, driven = small()
    with pytest.raises(MisuseError, match="no line is driven"):
        law(net, [])
    with pytest.raises(MisuseError, match="has no state 'maybe'"):
        law(net, [Driven(driven[0].line, "a", "maybe")])
    with pytest.raises(MisuseError):
        law(net, [Driven(driven[0].line, "nobody")])
