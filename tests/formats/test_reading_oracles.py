# SPDX-License-Identifier: Apache-2.0
"""Network files against what is published of them and against pyAgrum's own reading and writing.

pyAgrum reads text in single precision, so agreement is to 1e-6. It lists the parents of XDSL and
UAI tables in the reverse order of the formats; ``as_pyagrum_lists`` writes for that habit.
"""

from __future__ import annotations

import itertools
import math
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope import formats
from perilscope.engines.networks import agrum
from perilscope.engines.networks.elimination import marginals
from perilscope.engines.networks.network import Network, Node

from .networks import mixed, published

pytest.importorskip("pyagrum")
gum: Any = agrum._library()

#: Nodes, arcs and free parameters as the bnlearn repository prints them (bnlearn.com/bnrepository).
PRINTED = {
    "asia": (8, 8, 18),
    "cancer": (5, 4, 10),
    "earthquake": (5, 4, 10),
    "survey": (6, 6, 21),
    "sachs": (11, 17, 178),
    "child": (20, 25, 230),
    "alarm": (37, 46, 509),
    "insurance": (27, 52, 1008),
    "hailfinder": (56, 66, 2656),
}
ENDINGS = {"bif": "bif", "xmlbif": "bifxml", "net": "net", "xdsl": "xdsl", "uai": "uai"}
REVERSED = ("xdsl", "uai")


def network(name: str) -> Network:
    return mixed() if name == "mixed" else formats.read(published(name), f"{name}.bif").network


def as_pyagrum_lists(net: Network) -> Network:
    """The network whose file pyAgrum takes for ``net``, where it lists the first parent fastest."""
    nodes = []
    for node in net.nodes:
        last = len(node.parents)
        turned = node.table.transpose(*reversed(range(last)), last).reshape(node.table.shape)
        nodes.append(Node(node.name, node.states, node.parents, turned))
    return Network(tuple(nodes))


def by_pyagrum(text: str, kind: str, folder: Path) -> Any:
    path = folder / f"net.{ENDINGS[kind]}"
    path.write_text(text, encoding="utf-8")
    return gum.loadBN(str(path))


def called(net: Network, kind: str) -> dict[str, str]:
    """What pyAgrum calls each node: it takes plain names, titles in XDSL, and numbers in UAI."""
    if kind == "uai":
        return {node.name: str(place) for place, node in enumerate(net.nodes)}
    plain = kind in ("bif", "net")
    return {
        node.name: re.sub(r"[^A-Za-z0-9_]+", "_", node.name).strip("_") if plain else node.name
        for node in net.nodes
    }


@pytest.mark.parametrize("name", PRINTED)
def test_sizes_are_as_the_repository_prints_them(name: str) -> None:
    net = network(name)
    free = sum(node.table.size - node.table.size // len(node.states) for node in net.nodes)
    arcs = sum(len(node.parents) for node in net.nodes)
    assert (len(net.nodes), arcs, free) == PRINTED[name]


@pytest.mark.parametrize("name", sorted({*PRINTED} - {"child"}))
def test_published_files_read_as_pyagrum_reads_them(name: str, tmp_path: Path) -> None:
    # child is left out: its state Asy/Patch is more than pyAgrum's parser takes
    data = published(name)
    theirs = by_pyagrum(data.decode(), "bif", tmp_path)
    ours = formats.read(data, f"{name}.bif").network
    assert {theirs.variable(node).name() for node in theirs.nodes()} == {
        node.name for node in ours.nodes
    }
    for node in ours.nodes:
        assert theirs.variable(node.name).labels() == node.states
        compare(node, theirs, {node.name: node.name for node in ours.nodes})


def compare(node: Node, theirs: Any, names: dict[str, str]) -> None:
    """Every row of a table, by name, to single precision."""
    cpt = theirs.cpt(names[node.name])
    for at in itertools.product(*(range(size) for size in node.table.shape[:-1])):
        given = {names[parent]: where for parent, where in zip(node.parents, at, strict=True)}
        row = cpt[given].tolist() if given else cpt.tolist()
        assert row == pytest.approx(node.table[at].tolist(), abs=1e-6), (node.name, at)


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize("name", [*PRINTED, "mixed"])
def test_files_we_write_are_taken_by_pyagrum_and_mean_the_same(
    name: str, kind: str, tmp_path: Path
) -> None:
    net = network(name)
    text = formats.write(as_pyagrum_lists(net) if kind in REVERSED else net, kind)
    theirs = by_pyagrum(text, kind, tmp_path)
    names = called(net, kind)
    for node in net.nodes:
        compare(node, theirs, names)
    posterior = gum.LazyPropagation(theirs)
    posterior.makeInference()
    for title, law in marginals(net).items():
        row = posterior.posterior(names[title]).tolist()
        assert row == pytest.approx(list(law.values()), abs=1e-6), title


@pytest.mark.parametrize("kind", ENDINGS)
def test_files_pyagrum_writes_are_read_as_it_means_them(kind: str, tmp_path: Path) -> None:
    bn = gum.fastBN("a[3]->c{x|y}<-b{u|v}")
    law = [[[0.125, 0.875], [0.25, 0.75]], [[0.5, 0.5], [0.0, 1.0]], [[0.75, 0.25], [1.0, 0.0]]]
    bn.cpt("a").fillWith([0.5, 0.25, 0.25])
    bn.cpt("b").fillWith([0.125, 0.875])
    for at in itertools.product(range(3), range(2)):
        bn.cpt("c")[{"a": at[0], "b": at[1]}] = law[at[0]][at[1]]
    path = tmp_path / f"net.{ENDINGS[kind]}"
    gum.saveBN(bn, str(path))
    found = formats.read(path.read_bytes(), path.name)
    c = found.network.node({"uai": "1"}.get(kind, "c"))
    table = np.array(law)
    if kind == "uai":  # nothing in the file tells of the habit: read as the format says, and noted
        table = table.transpose(1, 0, 2).reshape(table.shape)
    order = [found.network.node(parent).table.tolist() for parent in c.parents]
    assert order == [[0.5, 0.25, 0.25], [0.125, 0.875]]
    assert c.table.tolist() == table.tolist()
    assert any("pyAgrum" in note for note in found.notes) == (kind in REVERSED)


def test_hailfinder_reads_and_writes_in_a_moment() -> None:
    data = published("hailfinder")
    start = time.process_time()
    net = formats.read(data, "hailfinder.bif").network
    for kind in formats.KINDS:
        formats.read(formats.write(net, kind), f"a.{kind}")
    assert time.process_time() - start < 3.0  # 0.2 s where this was written


def test_a_thousand_nodes_with_eighty_thousand_numbers_read_in_about_a_second() -> None:
    rng = np.random.default_rng(1)
    nodes = []
    for place in range(1000):  # as munin: 1,041 nodes, 80,592 free parameters
        parents = tuple(f"n{place - back}" for back in (1, 7) if place >= back)
        table = rng.random([5] * (len(parents) + 1))
        nodes.append(
            Node(f"n{place}", tuple("abcde"), parents, table / table.sum(axis=-1, keepdims=True))
        )
    net = Network(tuple(nodes))
    assert math.fsum(node.table.size for node in nodes) > 100_000
    for kind in formats.KINDS:
        text = formats.write(net, kind)
        start = time.process_time()
        formats.read(text, f"a.{kind}")
        assert time.process_time() - start < 5.0, kind  # 0.1 to 0.8 s where this was written
