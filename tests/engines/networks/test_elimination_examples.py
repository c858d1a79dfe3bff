# SPDX-License-Identifier: Apache-2.0
"""What elimination takes, what it refuses, and that it repeats to the bit across processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from perilscope.engines.networks.elimination import Network, Node, joint, marginal, marginals
from perilscope.errors import AssessmentError, MisuseError

YES = ("no", "yes")


def coin(name: str, *parents: str, p: float = 0.5) -> Node:
    return Node(name, YES, parents, np.broadcast_to([1 - p, p], [2] * (len(parents) + 1)))


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (lambda: (coin("a", "b"), coin("b", "a")), "cycle"),
        (lambda: (coin("a", "z"),), "z is not declared"),
        (lambda: (coin("a"), coin("a")), "same name"),
        (lambda: (coin("a", "a"),), "the node itself"),
        (lambda: (Node("a", YES, (), [0.5, 0.6]),), "sum to 1"),
        (lambda: (Node("a", YES, (), [-0.5, 1.5]),), "negative"),
        (lambda: (Node("a", YES, (), [float("nan"), 1.0]),), "sum to 1"),
        (lambda: (Node("a", ("x", "x"), (), [0.5, 0.5]),), "differ"),
        (lambda: (Node("a", YES, (), [1.0]),), "does not fit"),
        (
            lambda: (Node("a", ("x", "y", "z"), (), [1.0, 0.0, 0.0]), coin("b", "a")),
            "does not fit the states of its parents",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused(nodes: object, told: str) -> None:
    with pytest.raises(MisuseError, match=told):
        Network(nodes())  # type: ignore[operator]


def test_unknown_names_are_told_with_what_there_is() -> None:
    net = Network((coin("depeg"),))
    with pytest.raises(MisuseError, match="no node peg; there are depeg"):
        marginal(net, "peg")
    with pytest.raises(MisuseError, match="no state maybe; it has no, yes"):
        marginal(net, "depeg", {"depeg": "maybe"})
    with pytest.raises(MisuseError, match="twice"):
        joint(net, ["depeg", "depeg"])


def test_impossible_evidence_names_itself() -> None:
    net = Network((coin("a", p=0.0), coin("b")))
    with pytest.raises(AssessmentError, match="a=yes"):
        marginals(net, {"a": "yes"})


def test_observed_node_is_certain() -> None:
    net = Network((coin("a"), coin("b", "a")))
    assert marginal(net, "a", {"a": "yes"}) == {"no": 0.0, "yes": 1.0}
    assert joint(net, ["b", "a"], {"a": "yes"}).tolist() == [[0.0, 0.5], [0.0, 0.5]]


def test_nothing_asked_is_one() -> None:
    assert joint(Network((coin("a"),)), []).tolist() == 1.0


def test_too_dense_a_network_is_refused_before_memory_is_taken() -> None:
    roots = tuple(coin(f"r{place}") for place in range(30))
    with pytest.raises(AssessmentError, match="densely connected"):
        joint(Network(roots), [node.name for node in roots])


def test_tables_cannot_be_changed_afterwards() -> None:
    given = np.array([0.5, 0.5])
    node = Node("a", YES, (), given)
    given[0] = 9.0
    assert node.table[0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        node.table[0] = 1.0


def test_a_long_chain_is_quick() -> None:
    chain = [coin("n0")] + [coin(f"n{place}", f"n{place - 1}") for place in range(1, 60)]
    net = Network(tuple(chain))
    start = time.process_time()
    law = marginal(net, "n59", {"n0": "yes"})
    assert time.process_time() - start < 2.0
    assert law == {"no": 0.5, "yes": 0.5}


SCRIPT = """
import numpy as np
from perilscope.engines.networks.elimination import Network, Node, marginals
rng = np.random.default_rng(7)
nodes = []
for i in range(12):
    above = tuple(f"n{j}" for j in range(max(0, i - 3), i))
    table = rng.random([2] * len(above) + [2])
    nodes.append(Node(f"n{i}", ("no", "yes"), above, table / table.sum(-1, keepdims=True)))
net = Network(tuple(nodes))
print([p.hex() for law in marginals(net, {"n11": "yes"}).values() for p in law.values()])
"""


def test_bits_do_not_depend_on_hashing_or_threads() -> None:
    answers = []
    for seed, threads in (("0", "1"), ("1", "2"), ("4242", "2")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        )
        answers.append(done.stdout)
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].count("0x") == 24
