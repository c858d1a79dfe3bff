# SPDX-License-Identifier: Apache-2.0
"""Elimination against the sum over every joint state, on random small networks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.networks.elimination import (
    Network,
    Node,
    joint,
    marginal,
    marginals,
    probability_of,
)
from perilscope.errors import AssessmentError


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Up to six nodes of two or three states, declared in any order, zeros in tables allowed."""
    count = draw(st.integers(1, 6))
    sizes = [draw(st.integers(2, 3)) for _ in range(count)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nodes = []
    for place in range(count):
        parents = draw(st.sets(st.integers(0, place - 1), max_size=3)) if place else set()
        above = tuple(sorted(parents, reverse=draw(st.booleans())))
        weights = rng.random([*(sizes[one] for one in above), sizes[place]])
        weights[weights < draw(st.sampled_from([0.0, 0.3]))] = 0.0
        weights[..., 0] += 0.01
        table = weights / weights.sum(axis=-1, keepdims=True)
        states = tuple(f"s{state}" for state in range(sizes[place]))
        nodes.append(Node(f"n{place}", states, tuple(f"n{one}" for one in above), table))
    return Network(tuple(draw(st.permutations(nodes))))


@st.composite
def asked(draw: st.DrawFn) -> tuple[Network, list[str], dict[str, str]]:
    net = draw(networks())
    names = [node.name for node in net.nodes]
    wanted = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    seen = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    return net, wanted, {name: draw(st.sampled_from(net.node(name).states)) for name in seen}


def brute(net: Network, names: list[str], evidence: dict[str, str]) -> np.ndarray:
    """P(names, evidence) by going through every joint state of the network."""
    table = np.zeros([len(net.node(name).states) for name in names])
    for states in itertools.product(*(range(len(node.states)) for node in net.nodes)):
        at = {node.name: state for node, state in zip(net.nodes, states, strict=True)}
        if any(at[name] != net.state(name, state) for name, state in evidence.items()):
            continue
        rows = (node.table[(*(at[p] for p in node.parents), at[node.name])] for node in net.nodes)
        table[tuple(at[name] for name in names)] += math.prod(rows)
    return table


@given(asked())
@settings(max_examples=150, deadline=None)
def test_joint_is_the_sum_over_all_states(case: tuple[Network, list[str], dict[str, str]]) -> None:
    net, names, evidence = case
    weights = brute(net, names, evidence)
    assert probability_of(net, evidence) == pytest.approx(weights.sum(), abs=1e-13)
    if weights.sum() == 0.0:
        with pytest.raises(AssessmentError, match="cannot happen"):
            joint(net, names, evidence)
        return
    law = joint(net, names, evidence)
    assert law.shape == weights.shape
    assert law == pytest.approx(weights / weights.sum(), abs=1e-12)


@given(asked())
@settings(max_examples=60, deadline=None)
def test_same_question_same_bits(case: tuple[Network, list[str], dict[str, str]]) -> None:
    net, names, evidence = case
    if probability_of(net, evidence) == 0.0:
        return
    assert joint(net, names, evidence).tobytes() == joint(net, names, evidence).tobytes()
    assert marginals(net, evidence)[names[0]] == marginal(net, names[0], evidence)


@given(asked())
@settings(max_examples=60, deadline=None)
def test_a_node_below_changes_no_bit(case: tuple[Network, list[str], dict[str, str]]) -> None:
    net, names, evidence = case
    if probability_of(net, evidence) == 0.0:
        return
    size = len(net.nodes[0].states)
    below = Node("below", ("a", "b"), (net.nodes[0].name,), np.tile([0.3, 0.7], (size, 1)))
    wider = Network((*net.nodes, below))
    assert joint(wider, names, evidence).tobytes() == joint(net, names, evidence).tobytes()


@given(asked())
@settings(max_examples=60, deadline=None)
def test_law_of_total_probability(case: tuple[Network, list[str], dict[str, str]]) -> None:
    net, names, evidence = case
    name = names[0]
    parts = [
        probability_of(net, {**evidence, name: state})
        for state in net.node(name).states
        if evidence.get(name, state) == state
    ]
    assert sum(parts) == pytest.approx(probability_of(net, evidence), abs=1e-13)
