# SPDX-License-Identifier: Apache-2.0
"""What holds for draws of any network: the same bits however they are cut, nothing impossible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perilscope.engines.networks import ancestral
from perilscope.engines.networks.ancestral import BLOCK, draw, to_rows, weighted
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.errors import AssessmentError, MisuseError


def mixed(seed: int = 11, number: int = 9) -> Network:
    """Nodes of one to four states and up to three parents, some tables with zeros and ones."""
    rng = np.random.default_rng(seed)
    sizes = [1, *(int(k) for k in rng.integers(2, 5, number - 1))]
    nodes = []
    for i, size in enumerate(sizes):
        above = sorted(rng.choice(i, min(i, int(rng.integers(0, 4))), replace=False).tolist())
        table = rng.dirichlet([1.0] * size, [sizes[p] for p in above])
        table[rng.random(table.shape) < 0.2] = 0.0
        table[table.sum(axis=-1) == 0.0] = np.eye(size)[-1]
        states = tuple(f"s{k}" for k in range(size))
        table /= table.sum(axis=-1, keepdims=True)
        nodes.append(Node(f"n{i}", states, tuple(f"n{p}" for p in above), table))
    return Network((*nodes[::-1],))  # children are declared before their parents


def same(one: ancestral.Draws, two: ancestral.Draws) -> bool:
    return one.keys() == two.keys() and all(
        one[name].dtype == two[name].dtype and bool(np.array_equal(one[name], two[name]))
        for name in one
    )


def test_workers_change_no_bit() -> None:
    net, n = mixed(), 3 * BLOCK + 17
    alone = draw(net, n, 5)
    for workers in (2, 3):
        assert same(alone, draw(net, n, 5, workers=workers))
    assert not same(alone, draw(net, n, 6))


def test_blocks_and_nodes_share_no_numbers() -> None:
    # two fair nodes of one table agree in half of the rows, as do two blocks of one node
    fair = np.array([0.5, 0.5])
    net = Network((Node("a", ("x", "y"), (), fair), Node("b", ("x", "y"), (), fair)))
    drawn = draw(net, 2 * BLOCK, 5)
    pairs = [(drawn["a"], drawn["b"]), (drawn["a"][:BLOCK], drawn["a"][BLOCK:])]
    for one, two in pairs:
        assert abs(float((one == two).mean()) - 0.5) < 5.0 * 0.5 / np.sqrt(len(one))


@pytest.mark.parametrize("cut", [1, 1000, BLOCK, BLOCK + 1])
def test_any_cut_of_the_rows_gives_the_same_rows(cut: int) -> None:
    net, n = mixed(), BLOCK + 999
    whole = draw(net, n, 5)
    head = draw(net, cut, 5)
    assert same(head, {name: column[:cut] for name, column in whole.items()})
    if cut < n:
        tail = draw(net, n - cut, 5, start=cut, workers=2)
        assert same(tail, {name: column[cut:] for name, column in whole.items()})


def test_other_nodes_change_no_bit() -> None:
    net = mixed()
    whole = draw(net, 500, 5)
    some = draw(net, 500, 5, names=["n3", "n0"])
    assert list(some) == ["n3", "n0"]
    assert same(some, {name: whole[name] for name in some})
    more = Network((*net.nodes, Node("new", ("a", "b"), ("n2", "n5"), _even(net, "n2", "n5"))))
    assert same(whole, draw(more, 500, 5, names=list(whole)))


def _even(net: Network, *names: str) -> np.ndarray:
    return np.full([*(net.sizes[name] for name in names), 2], 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_what_has_no_chance_is_never_drawn(seed: int) -> None:
    net = mixed(seed)
    drawn = draw(net, 20_000, seed)
    assert any(np.any(node.table == 0.0) for node in net.nodes)
    for node in net.nodes:
        at = tuple(drawn[name] for name in (*node.parents, node.name))
        assert np.all(node.table[at] > 0.0)


def test_the_least_and_the_greatest_number_keep_to_zeros_and_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the edges of 31 bits are too rare to be met by chance
    tables = [[0.0, 1.0], [1.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0]]
    tables += [np.eye(40)[k].tolist() for k in (0, 17, 39)]
    for edge, table in itertools.product((0, 2**31 - 1), tables):
        states = tuple(map(str, range(len(table))))
        net = Network((Node("a", states, (), np.array(table)),))
        monkeypatch.setattr(
            ancestral, "_numbers", lambda *_, edge=edge: np.full(4, edge, dtype=np.int32)
        )
        assert np.all(np.array(table)[draw(net, 4, 1)["a"]] > 0.0)


def test_many_states_are_drawn_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    states = tuple(map(str, range(200)))
    above = Node("above", ("x", "y", "z"), (), np.array([0.2, 0.5, 0.3]))
    wide = Node("wide", states, ("above",), rng.dirichlet([0.05] * 200, 3))
    below = Node("below", ("x", "y"), ("wide", "above"), rng.dirichlet([1.0, 1.0], (200, 3)))
    net = Network((above, wide, below))
    searched = draw(net, 5000, 3)
    assert [column.dtype for column in searched.values()] == [np.int8, np.int16, np.int8]
    monkeypatch.setattr(ancestral, "MANY", 1000)
    assert same(searched, draw(net, 5000, 3))


def test_rows_carry_the_names_of_states() -> None:
    net = mixed()
    drawn = draw(net, 50, 1)
    rows = list(to_rows(net, drawn))
    assert len(rows) == 50
    for i, row in enumerate(rows):
        assert row.keys() == drawn.keys()
        for name, state in row.items():
            assert net.state(name, state) == drawn[name][i]


def test_what_is_not_allowed_is_told() -> None:
    net = mixed()
    with pytest.raises(MisuseError, match="n is 0; it must be at least 1"):
        draw(net, 0, 1)
    with pytest.raises(MisuseError, match="workers is 0"):
        draw(net, 5, 1, workers=0)
    with pytest.raises(MisuseError, match="start is -1"):
        draw(net, 5, 1, start=-1)
    with pytest.raises(MisuseError, match="there is no node other"):
        draw(net, 5, 1, names=["other"])
    with pytest.raises(MisuseError, match="targets"):
        weighted(net, 5, 1, Findings(target={"n0": [1.0]}))
    with pytest.raises(MisuseError, match="was not drawn"):
        weighted(net, 5, 1).law("other")


def test_what_cannot_happen_is_told() -> None:
    sure = Node("sure", ("no", "yes"), (), np.array([1.0, 0.0]))
    rare = Node("rare", ("no", "yes"), (), np.array([1.0 - 1e-9, 1e-9]))
    same_as = Node("same", ("no", "yes"), ("rare",), np.eye(2))
    net = Network((sure, rare, same_as))
    with pytest.raises(AssessmentError, match="sure=yes"):
        weighted(net, 100, 1, Findings(hard={"sure": "yes"}))
    with pytest.raises(AssessmentError, match="none of 100 rows"):
        weighted(net, 100, 1, Findings(hard={"same": "yes"}))
