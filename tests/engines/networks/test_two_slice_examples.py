# SPDX-License-Identifier: Apache-2.0
"""What two-slice networks refuse, and their edges."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.two_slice import TwoSlice, at, before, spread
from perilscope.errors import AssessmentError, MisuseError

TWO = ("no", "yes")
EVEN = np.array([0.5, 0.5])
STAY = np.array([[0.9, 0.1], [0.2, 0.8]])


def root(name: str) -> Node:
    return Node(name, TWO, (), EVEN)


def child(name: str, parent: str) -> Node:
    return Node(name, TWO, (parent,), STAY)


@pytest.mark.parametrize(
    ("first", "step", "match"),
    [
        ([root("a"), root("b")], [root("a")], "node b has no step"),
        ([root("a")], [root("a"), root("b")], "node b has no node in the first slice"),
        ([root("a")], [Node("a", ("n", "y"), (), EVEN)], "has the states n, y"),
        ([root("a")], [child("a", "b[t-1]")], "no parent b.t-1.; allowed are a"),
        ([root("a")], [child("a", "b")], "no parent b; allowed are a"),
        ([root("a[t-1]")], [root("a[t-1]")], "must not end with"),
        (
            [root("a"), root("b")],
            [child("a", "b"), child("b", "a")],
            "cycle among a, b",
        ),
        (
            [root("a")],
            [Node("a", TWO, (before("a"),), np.full((3, 2), 0.5))],
            "does not fit the states of its parents",
        ),
    ],
)
def test_models_that_do_not_hold_together(first: list, step: list, match: str) -> None:
    with pytest.raises(MisuseError, match=match):
        TwoSlice(Network(tuple(first)), tuple(step))


def loop() -> TwoSlice:
    """A cycle over time that is none within a slice."""
    first = Network((root("a"), root("b")))
    return TwoSlice(first, (child("a", before("b")), child("b", "a")))


def test_the_unrolled_network_has_parents_where_they_belong() -> None:
    net = loop().unrolled(3)
    assert {node.name: node.parents for node in net.nodes} == {
        "a[0]": (),
        "b[0]": (),
        "a[1]": ("b[0]",),
        "b[1]": ("a[1]",),
        "a[2]": ("b[1]",),
        "b[2]": ("a[2]",),
    }
    assert at("a", 2) == "a[2]"
    with pytest.raises(MisuseError, match="0 slices; at least 1"):
        loop().unrolled(0)


def test_findings_that_do_not_fit_are_told_with_their_slice() -> None:
    model, nothing = loop(), Findings()
    with pytest.raises(MisuseError, match="no slice"):
        model.filtered([])
    with pytest.raises(MisuseError, match="slice 1: there is no node c"):
        model.filtered([nothing, Findings(hard={"c": "yes"})])
    with pytest.raises(MisuseError, match="slice 0: node a has no state maybe"):
        model.smoothed([Findings(hard={"a": "maybe"})])
    with pytest.raises(MisuseError, match="slice 2: targets"):
        model.filtered([nothing, nothing, Findings(target={"a": [0.5, 0.5]})])


def test_what_cannot_happen_is_told_with_its_slice() -> None:
    first = Network((root("a"),))
    model = TwoSlice(first, (Node("a", TWO, (before("a"),), np.eye(2)),))
    seen = [Findings(hard={"a": "no"}), Findings(), Findings(hard={"a": "yes"})]
    with pytest.raises(AssessmentError, match=r"slice 2: .*a=yes"):
        model.filtered(seen)
    with pytest.raises(AssessmentError, match=r"slice 2: .*a=yes"):
        model.smoothed(seen)
    with pytest.raises(AssessmentError, match="2 stationary laws"):
        model.stationary()


def test_slices_that_do_not_touch() -> None:
    first = Network((root("a"),))
    model = TwoSlice(first, (Node("a", TWO, (), np.array([0.25, 0.75])),))
    assert model.interface == ()
    found = model.smoothed([Findings(), Findings(), Findings(hard={"a": "yes"})])
    assert [law["a"]["yes"] for law in found.laws] == pytest.approx([0.5, 0.75, 1.0])
    assert found.log_probability == pytest.approx(np.log(0.75))
    assert model.transition().tolist() == [[1.0]]
    assert model.settled()["a"]["yes"] == pytest.approx(0.75)


def test_an_interface_that_is_too_large_is_refused_before_any_table() -> None:
    names = [f"n{k}" for k in range(21)]
    step = tuple(child(name, before(name)) for name in names)
    model = TwoSlice(Network(tuple(root(name) for name in names)), step)
    with pytest.raises(AssessmentError, match="2,097,152 joint states and at most 1,048,576"):
        model.filtered([Findings()])
    fewer = TwoSlice(Network(tuple(root(name) for name in names[:13])), step[:13])
    with pytest.raises(AssessmentError, match="8,192 joint states and at most 4,096"):
        fewer.transition()


def test_what_is_known_is_spread_over_the_unrolled_names() -> None:
    known = [Findings(hard={"a": "no"}), Findings(likelihood={"b": [1.0, 2.0]}, do={"a": "yes"})]
    joined = spread(known)
    assert joined.hard == {"a[0]": "no"}
    assert joined.likelihood == {"b[1]": [1.0, 2.0]}
    assert joined.do == {"a[1]": "yes"}
