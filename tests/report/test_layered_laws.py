# SPDX-License-Identifier: Apache-2.0
"""Arrows point one way, boxes never overlap, and few arrows cross."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from perilscope.report.layered import Layers, arrange, places


@st.composite
def graphs(draw: st.DrawFn, most: int = 10) -> dict[str, list[str]]:
    count = draw(st.integers(0, most))
    return {
        f"n{k}": draw(
            st.lists(st.sampled_from([f"n{j}" for j in range(k)]), unique=True, max_size=3)
        )
        if k
        else []
        for k in range(count)
    }


def crossings(rows: list[list[str]], layers: Layers) -> int:
    """Every pair of arrow pieces between two layers, compared one by one."""
    level = {name: (depth, k) for depth, row in enumerate(rows) for k, name in enumerate(row)}
    pieces = [(level[a], level[b]) for way in layers.ways.values() for a, b in pairwise(way)]
    return sum(
        1
        for one, ((depth, start), (_, stop)) in enumerate(pieces)
        for (other_depth, other_start), (_, other_stop) in pieces[one + 1 :]
        if depth == other_depth and (start - other_start) * (stop - other_stop) < 0
    )


@given(graphs())
def test_every_arrow_goes_one_layer_on_at_each_step(parents: dict[str, list[str]]) -> None:
    layers = arrange(parents)
    level = {name: depth for depth, row in enumerate(layers.rows) for name in row}
    for (parent, child), way in layers.ways.items():
        assert [level[name] for name in way] == list(range(level[parent], level[child] + 1))
    assert set(layers.ways) == {(p, c) for c, above in parents.items() for p in above}


@given(graphs())
def test_boxes_never_overlap(parents: dict[str, list[str]]) -> None:
    layers = arrange(parents)
    sizes = {name: 30.0 + 7 * len(above) for name, above in parents.items()}
    at = places(layers, sizes, gap=10)
    for row in layers.rows:
        for one, other in pairwise(row):
            apart = at[other] - at[one] - (sizes.get(one, 0) + sizes.get(other, 0)) / 2
            assert apart >= 10 - 1e-6
    assert all(at[name] - sizes.get(name, 0) / 2 >= -1e-6 for name in at)


@given(graphs())
def test_ordering_never_adds_crossings_to_the_declared_order(parents: dict[str, list[str]]) -> None:
    layers = arrange(parents)
    # Names, and then the stand-ins, in the order in which they were declared.
    order = [*parents, *(f"~{k}" for k in range(sum(map(len, layers.rows))))]
    declared = [sorted(row, key=order.index) for row in layers.rows]
    assert crossings(layers.rows, layers) <= crossings(declared, layers)


def test_two_chains_declared_crosswise_are_untangled() -> None:
    layers = arrange({"a": [], "b": [], "c": ["b"], "d": ["a"], "e": ["c"], "f": ["d"]})
    assert crossings(layers.rows, layers) == 0


@given(graphs())
def test_the_same_graph_is_drawn_the_same(parents: dict[str, list[str]]) -> None:
    assert arrange(parents) == arrange(dict(parents))


def test_a_cycle_and_an_unknown_parent_do_not_hang() -> None:
    layers = arrange({"a": ["b", "nobody"], "b": ["a"]})
    assert {name for row in layers.rows for name in row if not name.startswith("~")} == {"a", "b"}
