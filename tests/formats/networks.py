# SPDX-License-Identifier: Apache-2.0
"""Networks for the tests of the formats: hostile names, every shape, bits that must survive."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from perilscope.engines.networks.network import Network, Node

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "networks"

HOSTILE = (
    "Asy/Patch",
    "5 to 12, or so",
    "",
    " blank ",
    'say "no"',
    "it's; {over} (now) | [then]",
    "table",
    "default",
    "50% \\ 100%",
    "größer – 日本",
    "line\nbreak\ttab",
    "\x00\x07",
    "\ud800",
    "<a>&amp;</a>",
    "# no comment",
    "// nor this",
    "-->",
    "perilscope_name",
    "s1",
    "1",
)

names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=8),
    st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True),
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A network of 1 to 5 nodes with 1 to 4 states, declared in any order."""
    titles = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    states = {
        title: tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True))) for title in titles
    }
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nodes = []
    for place, title in enumerate(titles):
        above = draw(st.permutations(titles[:place]))
        parents = tuple(above[: draw(st.integers(0, min(3, place)))])
        shape = [len(states[parent]) for parent in (*parents, title)]
        # from nearly nothing to all: exponents of every size are in the text
        table = rng.random(shape) ** draw(st.sampled_from([1, 1, 8, 200]))
        table[..., 0] += np.finfo(float).tiny
        nodes.append(Node(title, states[title], parents, table / table.sum(axis=-1, keepdims=True)))
    return Network(tuple(draw(st.permutations(nodes))))


def same(one: Network, other: Network) -> None:
    """Equal in names, orders and every bit."""
    assert [node.name for node in one.nodes] == [node.name for node in other.nodes]
    for mine, theirs in zip(one.nodes, other.nodes, strict=True):
        assert mine.states == theirs.states
        assert mine.parents == theirs.parents
        assert mine.table.shape == theirs.table.shape
        assert bits(mine) == bits(theirs), mine.name


def bits(node: Node) -> list[bytes]:
    return [struct.pack("<d", value) for value in node.table.reshape(-1).tolist()]


def mixed() -> Network:
    """Parents with 2, 3 and 4 states in an order that shows every exchange of axes."""
    rng = np.random.default_rng(3)

    def law(*shape: int) -> np.ndarray:
        table = rng.random(shape)
        return np.asarray(table / table.sum(axis=-1, keepdims=True))

    return Network(
        (
            Node("child", ("a", "b", "c"), ("y", "x", "z"), law(3, 2, 4, 3)),
            Node("x", ("0", "1"), (), law(2)),
            Node("y", ("low", "mid", "high"), ("x",), law(2, 3)),
            Node("z", ("up", "down", "side|ways", "Asy/Patch"), ("y", "x"), law(3, 2, 4)),
            Node("odd name, with {signs}", ("no", "yes"), ("child",), law(3, 2)),
        )
    )


def published(name: str) -> bytes:
    """A file of the bnlearn repository, or a loud skip."""
    path = DATA / f"{name}.bif"
    if not path.exists():
        pytest.skip(f"no published network beside the project: {path.name}")
    return path.read_bytes()
