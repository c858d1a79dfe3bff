# SPDX-License-Identifier: Apache-2.0
"""What networks would take, against all orders of elimination, and what is refused before it is."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.networks.capacity import TooLargeError, cost
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import TREE, ask
from perilscope.engines.networks.moral import least
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.session import Session
from perilscope.engines.networks.triangulation import cliques


def dense(n: int, parents: int, seed: int) -> Network:
    """Every node with as many parents as there are, drawn from all before it."""
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []
    for i in range(n):
        above = sorted(rng.choice(i, min(i, parents), replace=False).tolist()) if i else []
        table = np.full([*([2] * len(above)), 2], 0.5)
        nodes.append(Node(f"n{i}", ("no", "yes"), tuple(f"n{k}" for k in above), table))
    return Network(tuple(nodes))


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_no_order_of_all_makes_less_than_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = {name: int(rng.integers(2, 5)) for name in "abcdef"}
    scopes = [tuple(rng.choice(list(sizes), int(rng.integers(1, 4)), False)) for _ in range(7)]
    best = math.inf
    for order in itertools.permutations(sizes):
        near = {n: {m for s in scopes if n in s for m in s} - {n} for n in sizes}
        most = 0
        for name in order:
            around = near.pop(name)
            most = max(most, sizes[name] * math.prod(sizes[o] for o in around))
            for other in around:
                near[other] = (near[other] | around) - {other, name}
        best = min(best, most)
    assert least(scopes, sizes)[0] <= best <= cliques(scopes, sizes).cost.largest


@pytest.mark.parametrize("net", [dense(1000, 5, 1), dense(300, 10, 2)], ids=["wide", "deep"])
def test_what_no_engine_holds_is_refused_at_once(net: Network) -> None:
    begin = time.perf_counter()
    with pytest.raises(TooLargeError, match="too densely connected"):
        ask(net)
    with pytest.raises(TooLargeError, match="too densely connected"):
        ask(net, engine="pyAgrum")
    assert time.perf_counter() - begin < 5.0  # a second on a machine that does nothing else


def test_some_nodes_of_a_network_that_is_too_large_are_answered() -> None:
    net = dense(600, 6, 3)
    part = Network(net.nodes[:12])
    found = ask(net, Findings(hard={"n11": "yes"}), ["n3", "n5"])
    wanted = ask(part, Findings(hard={"n11": "yes"}), ["n3", "n5"])
    assert found.algorithm == TREE
    assert found.marginals == wanted.marginals
    assert found.log_probability == pytest.approx(wanted.log_probability, abs=1e-12)
    with pytest.raises(TooLargeError, match="ask for some nodes only"):
        ask(net, targets=["n599"])


def test_a_network_without_findings_is_certain_to_the_bit() -> None:
    assert Session(dense(12, 3, 4)).log_probability == 0.0


def test_a_bound_given_up_says_so() -> None:
    found = cost(dense(200, 8, 5), 1 << 16)
    assert found.stopped
    assert found.largest > 1 << 16
