# SPDX-License-Identifier: Apache-2.0
"""Losses carried through a network, against listing its joint states, and a million of them."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, chi2

from perilscope.engines.aggregate import structure
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.counts import Bernoulli, Poisson
from perilscope.engines.laws.distributions import Constant, Lognormal
from perilscope.engines.networks import elimination
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.session import Session
from perilscope.engines.simulation.simulation import simulate
from perilscope.errors import AssessmentError, MisuseError

TWO = ("no", "yes")


def line(key: str, rate: float, mu: float) -> Compound:
    return Compound(key, lambda _t, years: (Poisson(rate * years), Lognormal(mu, 0.8)))


def small() -> tuple[Network, list[Compound], dict[str, tuple[str, str]]]:
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
    rates = {"la": (0.5, 11.0), "lb": (0.2, 12.0), "lb2": (1.0, 10.0), "lc": (0.1, 12.5)}
    lines = [line(key, *pair) for key, pair in rates.items()] + [line("ls", 2.0, 10.0)]
    hits = {key: (key[1], "yes") for key in rates} | {"ls": ("stress", "stress")}
    return net, [*lines, line("free", 1.5, 10.5)], hits


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listed, however few the states."""
    monkeypatch.setattr(structure, "FEW", 1)


def listed(net: Network, hits: dict[str, tuple[str, str]], known: dict[str, str]) -> list:
    nodes = ("stress", "a", "b", "c")
    joint = elimination.joint(net, nodes, known)
    mixture = []
    for index in np.ndindex(*joint.shape):
        at = {n: net.node(n).states[k] for n, k in zip(nodes, index, strict=True)}
        mixture.append(
            (float(joint[index]), {k: at[node] == state for k, (node, state) in hits.items()})
        )
    return mixture


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("known", [{}, {"alert": "yes"}, {"alert": "no", "stress": "tense"}])
@pytest.mark.parametrize("capped", [False, True])
def test_carrying_is_listing(known: dict[str, str], capped: bool) -> None:
    """Every figure of a register; with a holding that two nodes bear on, and another driver."""
    net, lines, hits = small()
    other, caps = [], {}
    if capped:
        lines = [replace(x, group="wallet" if x.key in ("la", "lc", "free") else "") for x in lines]
        caps = {"wallet": 150_000.0}
        other = [((0.8, {"free": False}), (0.2, {"free": True}))]
    one = Register(lines, mixtures=[listed(net, hits, known), *other], caps=caps)
    unlisted = Unlisted(net, hits, Findings(hard=known))
    two = Register(lines, mixtures=[unlisted, *other], caps=caps, grid=one.grid)
    assert any(part.unlisted is not None for part in two.components)
    for key, mean in one.means.items():
        assert two.means[key] == pytest.approx(mean, rel=1e-11)
        assert two.none_of(key) == pytest.approx(one.none_of(key), rel=1e-12)
        if not capped:
            assert two.line_moments(key) == pytest.approx(one.line_moments(key), rel=1e-11)
    a, b = one.law(), two.law()
    assert (b.mean, b.none) == pytest.approx((a.mean, a.none), rel=1e-11)
    # of a capped holding it is read from the grid, where squares of far points weigh rounding
    assert b.sd == pytest.approx(a.sd, rel=1e-8 if capped else 1e-11)
    for level in (0.95, 0.99, 0.999):
        assert b.var(level) == pytest.approx(a.var(level), rel=1e-9)
        assert b.cvar(level) == pytest.approx(a.cvar(level), rel=1e-9)
    shares = one.contributions(0.99)
    assert two.contributions(0.99) == pytest.approx(shares, rel=1e-8, abs=1e-8 * a.cvar(0.99))
    own = Register(lines, mixtures=[unlisted, *other], caps=caps).law()
    assert own.cvar(0.99) == pytest.approx(a.cvar(0.99), rel=1e-4)


@pytest.mark.usefixtures("never")
def test_what_wants_a_list_is_refused_and_not_wrong() -> None:
    net, lines, hits = small()
    register = Register(lines, mixtures=[Unlisted(net, hits)])
    part = next(x for x in register.components if x.unlisted is not None)
    with pytest.raises(AssessmentError, match="24 joint states of"):
        _ = part.states


def test_two_such_networks_may_not_hang_together(never: None) -> None:
    net, lines, hits = small()
    nets = [Unlisted(net, {k: hits[k] for k in keys}) for keys in (("la", "lb"), ("lc", "ls"))]
    held = [replace(x, group="wallet") for x in lines]
    with pytest.raises(AssessmentError, match="two networks"):
        Register(held, mixtures=nets, caps={"wallet": 1e6})


@pytest.mark.parametrize("known", [{}, {"alert": "yes"}])
def test_draws_from_the_tree_are_those_of_the_joint_law(known: dict[str, str]) -> None:
    """Chi-squared of all 24 joint states of a million draws, from the top of the tree down."""
    net, _, _ = small()
    session = Session(net)
    session.know(Findings(hard=known))
    drawn = session.sample(np.random.default_rng(7), 1_000_000)
    nodes = ("stress", "a", "b", "c")
    exact = elimination.joint(net, nodes, known)
    seen = np.zeros(exact.shape)
    np.add.at(seen, tuple(drawn[node] for node in nodes), 1.0)
    expected = 1e6 * exact
    assert chi2.sf(float(((seen - expected) ** 2 / expected).sum()), exact.size - 1) > 1e-4
    assert not known or bool(np.all(drawn["alert"] == 1))


def test_simulation_draws_the_states_that_are_not_listed() -> None:
    """Sixteen nodes in a chain: losses event by event against the carried law."""
    net, lines, hits = chain(16)
    unlisted = Unlisted(net, hits, Findings(hard={"n15": "yes"}))
    exact = Register(lines, mixtures=[unlisted]).law()
    drawn = simulate(lines, [unlisted], draws=200_000, seed=3)
    assert abs(drawn.mean - exact.mean) < 4.0 * drawn.standard_error_of_mean
    for level in (0.9, 0.99):
        x = exact.var(level) + 2.0 * exact.step_at(exact.var(level))
        p = exact.exceed(x)
        assert abs(float(drawn.exceed(x)) - p) < 4.0 * math.sqrt(p * (1.0 - p) / 200_000)


def chain(count: int) -> tuple[Network, list[Compound], dict[str, tuple[str, str]]]:
    rows = np.array([[0.95, 0.05], [0.4, 0.6]])
    nodes = [Node("n0", TWO, (), np.array([0.9, 0.1]))]
    nodes += [Node(f"n{i}", TWO, (f"n{i - 1}",), rows) for i in range(1, count)]
    lines = [line(f"l{i}", 0.3 + 0.05 * i, 10.0 + 0.1 * i) for i in range(count)]
    return Network(tuple(nodes)), lines, {f"l{i}": (f"n{i}", "yes") for i in range(count)}


def test_a_million_joint_states_by_the_closed_form() -> None:
    """Twenty venues that fail together with a market: given it, their number is binomial."""
    count, chances = 20, (0.02, 0.3)
    market = Node("market", TWO, (), np.array([0.9, 0.1]))
    venues = [
        Node(f"v{i}", TWO, ("market",), np.array([[1 - p, p] for p in chances]))
        for i in range(count)
    ]
    lines = ones(count)
    hits = {f"l{i}": (f"v{i}", "yes") for i in range(count)}
    net = Network((market, *venues))

    def law(known: dict[str, str]) -> LossLaw:
        return Register(
            lines, mixtures=[Unlisted(net, hits, Findings(hard=known))], grid=grid
        ).law()

    grid = Grid(1.0, 64, lattice=True)
    for known, weights in (({}, (0.9, 0.1)), ({"market": "yes"}, (0.0, 1.0))):
        found = law(known)
        k = np.arange(count + 1)
        exact = sum(w * binom.pmf(k, count, p) for w, p in zip(weights, chances, strict=True))
        np.testing.assert_allclose(found.mass[: count + 1], exact, atol=1e-13)
    # one venue failed: so did the market, perhaps
    found = law({"v0": "yes"})
    odds = 0.1 * 0.3 / (0.1 * 0.3 + 0.9 * 0.02)
    exact = 1 + 19 * (odds * 0.3 + (1 - odds) * 0.02)
    assert found.mean == pytest.approx(exact)


def test_a_chain_of_forty_nodes_is_listed_along_the_chain() -> None:
    """2^40 joint states; the number of failures along a chain by its own recursion."""
    count, rows = 40, np.array([[0.95, 0.05], [0.4, 0.6]])
    net, _, hits = chain(count)
    grid = Grid(1.0, 128, lattice=True)
    found = Register(ones(count), mixtures=[Unlisted(net, hits)], grid=grid).law()
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
    net, _, hits = small()
    with pytest.raises(MisuseError, match="has no state 'maybe'"):
        Unlisted(net, hits | {"la": ("a", "maybe")})
    with pytest.raises(MisuseError):
        Unlisted(net, hits | {"la": ("nobody", "yes")})


def ones(count: int) -> list[Compound]:
    """Lines that cost 1 where they are driven."""
    return [Compound(f"l{i}", lambda _t, _y: (Bernoulli(0.5), Constant(1.0))) for i in range(count)]
