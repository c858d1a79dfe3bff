# SPDX-License-Identifier: Apache-2.0
"""Transforms carried through networks against sums over all joint states and closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.networks.canonical import noisy_or
from perilscope.engines.networks.carried import transform
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.session import Session
from perilscope.errors import AssessmentError, MisuseError

W = np.array([0.0, 0.3, 1.7, -2.9])


def example(seed: int, nodes: int = 6) -> Network:
    rng = np.random.default_rng(seed)
    made: list[Node] = []
    for i in range(nodes):
        parents = [made[k] for k in sorted(rng.permutation(i)[: rng.integers(0, 3)].tolist())]
        size = int(rng.integers(2, 4))
        table = rng.dirichlet(np.full(size, 0.7), [len(p.states) for p in parents])
        made.append(Node(f"n{i}", tuple("abc"[:size]), tuple(p.name for p in parents), table))
    return Network(tuple(made))


def losses(net: Network, seed: int) -> list[tuple[list[str], np.ndarray]]:
    """One loss a node, and two that hang on pairs which no table holds together."""
    rng = np.random.default_rng(seed)
    pairs = [["n0", "n4"], ["n5", "n1"]]
    names = [[node.name] for node in net.nodes[::2]] + pairs
    return [
        (each, np.exp(1j * rng.normal(size=[*(net.sizes[n] for n in each), 1]) * W))
        for each in names
    ]


def summed(
    net: Network, carried: list[tuple[list[str], np.ndarray]], weigh: dict[str, np.ndarray]
) -> np.ndarray:
    total, weight = np.zeros(len(W), dtype=complex), 0.0
    for states in itertools.product(*(range(k) for k in net.sizes.values())):
        at = dict(zip(net.sizes, states, strict=True))
        p = math.prod(
            float(n.table[tuple(at[name] for name in (*n.parents, n.name))]) for n in net.nodes
        )
        p *= math.prod(float(vector[at[name]]) for name, vector in weigh.items())
        weight += p
        total += p * np.prod([phi[tuple(at[n] for n in names)] for names, phi in carried], axis=0)
    return total / weight


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_any_network_with_any_findings_is_the_sum_over_all_states(seed: int) -> None:
    net = example(seed)
    carried = losses(net, seed)
    likelihood = np.linspace(0.2, 1.0, net.sizes["n2"])
    seen = np.zeros(net.sizes["n3"])
    seen[0] = 1.0
    found = transform(
        net, carried, Findings(hard={"n3": "a"}, likelihood={"n2": likelihood.tolist()})
    )
    wanted = summed(net, carried, {"n3": seen, "n2": likelihood})
    assert np.allclose(found, wanted, rtol=0, atol=1e-13)
    assert found[0] == pytest.approx(1.0, abs=1e-14)


def test_interventions_cut_parents_and_targets_are_met() -> None:
    net = example(3)
    carried = losses(net, 3)
    child = next(node for node in net.nodes if node.parents)
    cut = net.replaced(
        Node(child.name, child.states, (), np.eye(len(child.states))[0]),
    )
    assert np.allclose(
        transform(net, carried, Findings(do={child.name: child.states[0]})),
        summed(cut, carried, {}),
        atol=1e-13,
    )
    target = np.full(net.sizes["n0"], 1.0 / net.sizes["n0"])
    root = net.replaced(Node("n0", net.node("n0").states, (), target))
    assert np.allclose(
        transform(net, carried, Findings(target={"n0": target.tolist()})),
        summed(root, carried, {}),
        atol=1e-12,
    )


def test_points_taken_in_turns_give_the_same() -> None:
    net = example(5)
    carried = losses(net, 5)
    assert np.allclose(
        transform(net, carried), transform(net, carried, chunk=1), rtol=0, atol=2e-15
    )


def test_a_chain_of_two_hundred_losses_is_a_product_of_matrices() -> None:
    step = np.array([[0.97, 0.03], [0.4, 0.6]])
    nodes = [Node("s0", ("up", "down"), (), np.array([0.9, 0.1]))]
    nodes += [Node(f"s{i}", ("up", "down"), (f"s{i - 1}",), step) for i in range(1, 200)]
    phi = np.stack([np.ones(4), 1.0 / (1.0 - 1j * W)])  # an exponential loss while down
    row = np.array([0.9, 0.1])[None, :] * phi.T
    for _ in range(199):
        row = (row @ step) * phi.T
    found = transform(Network(tuple(nodes)), [([node.name], phi) for node in nodes])
    assert np.allclose(found, row.sum(axis=1), rtol=1e-12, atol=1e-15)


def test_losses_below_a_node_with_twenty_five_parents() -> None:
    """1 - prod(1 - p w) in closed form; each parent has a loss of its own too."""
    p, w, leak = 0.05, 0.3, 0.01
    parents = [Node(f"c{i}", ("no", "yes"), (), np.array([1 - p, p])) for i in range(25)]
    child = noisy_or("hit", ("no", "yes"), {node.name: w for node in parents}, leak)
    phi = np.stack([np.ones(4), np.exp(1j * W)])
    net = Network((*parents, child))
    found = transform(net, [(["hit"], phi), *(([node.name], phi) for node in parents)])
    each = (1 - p) + p * np.exp(1j * W)
    quiet = (1 - leak) * ((1 - p) + p * (1 - w) * np.exp(1j * W)) ** 25
    wanted = quiet + (each**25 - quiet) * np.exp(1j * W)
    assert np.allclose(found, wanted, rtol=0, atol=1e-13)


def test_findings_of_tiny_probability_do_not_vanish() -> None:
    """400 findings of chance 1e-3 each: their product is no double."""
    rows = np.array([[0.999, 0.001], [0.998, 0.002]])
    root = Node("root", ("no", "yes"), (), np.array([1.0 - 2.0**-400, 2.0**-400]))
    seen = [Node(f"d{i}", ("no", "yes"), ("root",), rows) for i in range(400)]
    phi = np.stack([np.ones(4), np.exp(1j * W)])
    found = transform(
        Network((root, *seen)),
        [(["root"], phi)],
        Findings(hard={node.name: "yes" for node in seen}),
    )
    assert np.allclose(found, 0.5 + 0.5 * np.exp(1j * W), atol=1e-12)


def test_weights_of_the_session_are_those_of_its_vectors() -> None:
    net = example(8)
    session = Session(net)
    session.know(Findings(hard={"n3": "a"}))
    assert session.log_weight == pytest.approx(session.log_probability, abs=1e-15)
    assert session.vectors["n3"].tolist() == [1.0] + [0.0] * (net.sizes["n3"] - 1)


@pytest.mark.parametrize(
    ("carried", "words"),
    [
        ([], "no loss is carried"),
        ([(["n0"], np.ones((7, 2)))], "one axis for the states of each node"),
        ([([], np.ones(3))], "one axis for the states"),
        ([(["n0", "n0"], np.ones((2, 2, 3)))], "one axis for the states"),
        ([(["snow"], np.ones((2, 2)))], "no node snow"),
        ([(["n0"], np.ones((3, 2))), (["n0"], np.ones((3, 4)))], "different numbers of points"),
    ],
)
def test_what_does_not_fit_is_refused(
    carried: list[tuple[list[str], np.ndarray]], words: str
) -> None:
    with pytest.raises(MisuseError, match=words):
        transform(example(1), carried)


def test_findings_that_cannot_happen_are_named() -> None:
    rain = Node("rain", ("no", "yes"), (), np.array([1.0, 0.0]))
    with pytest.raises(AssessmentError, match="rain=yes"):
        transform(Network((rain,)), [(["rain"], np.ones((2, 1)))], Findings(hard={"rain": "yes"}))
