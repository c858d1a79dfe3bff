# SPDX-License-Identifier: Apache-2.0
"""Nodes without full tables in our own form: the same network again, to the bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from perilscope import formats
from perilscope.engines.networks.canonical import Canonical, Logistic, NoisyAnd, NoisyMax
from perilscope.engines.networks.network import AnyNode, Network, Node
from perilscope.engines.networks.ranked import Ranked
from perilscope.errors import DataError

PARENTS = ("p0", "p1")
rng = np.random.default_rng(3)
ROOTS: list[AnyNode] = [
    Node("p0", ("no", "yes"), (), rng.dirichlet(np.ones(2))),
    Node("p1", ("a", "b", "c"), (), rng.dirichlet(np.ones(3))),
]
MADE: list[Canonical] = [
    NoisyMax("y", ("l", "m", "h"), PARENTS, (2, 3),
             tuple(rng.dirichlet(np.ones(3), n) for n in (2, 3)), rng.dirichlet(np.ones(3))),
    NoisyAnd("y", ("n", "j"), PARENTS, (2, 3), (rng.random(2), rng.random(3)), 0.7),
    Logistic("y", ("n", "j"), PARENTS, (2, 3), -1.25, (rng.normal(size=2), rng.normal(size=3))),
    Ranked("y", ("l", "m", "h"), PARENTS, (2, 3), (2.0, 0.1), 0.17),
]  # fmt: skip


@pytest.mark.parametrize("node", MADE, ids=lambda node: type(node).__name__)
def test_written_and_read_it_is_the_same(node: Canonical) -> None:
    net = Network((*ROOTS, node))
    text = formats.write(net, "json")
    again = formats.read(text.encode(), "net.json").network
    assert isinstance(again.node("y"), type(node))
    assert again.node("y").table.tobytes() == node.table.tobytes()
    assert formats.write(again, "json") == text


def test_dozens_of_parents_are_written_as_they_are() -> None:
    above = [Node(f"p{k}", ("no", "yes"), (), [0.9, 0.1]) for k in range(25)]
    effects = tuple([[1.0, 0.0], [0.7, 0.3]] for _ in above)
    node = NoisyMax("y", ("no", "yes"), tuple(p.name for p in above), (2,) * 25, effects)
    text = formats.write(Network((*above, node)), "json")
    assert len(text) < 10_000
    assert formats.write(formats.read(text.encode(), "net.json").network, "json") == text


def other(**changes: Any) -> str:
    net = Network((*ROOTS, MADE[1]))
    told = json.loads(formats.write(net, "json"))
    told["nodes"][2]["model"] |= changes
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (other(kind="noisy-xor"), "no kind is called"),
        (other(most=1.5), "outside 0 to 1"),
        (other(passes=[[0.1, 0.2]]), "one probability for each state"),
        (other(passes=[[0.1, "x"], [0, 0, 0]]), "a number is wanted"),
        (other(more=1), "unknown key"),
        (other(passes="many"), "a list is wanted"),
    ],
)
def test_models_that_make_no_node_are_refused(text: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        formats.read(text.encode(), "net.json")
