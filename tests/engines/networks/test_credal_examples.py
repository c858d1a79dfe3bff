# SPDX-License-Identifier: Apache-2.0
"""Bounds by hand, what is refused, and edges where something cannot happen."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.networks.credal import bounds
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network, Node
from perilscope.errors import AssessmentError, MisuseError

TWO = ("no", "yes")


def rain() -> Network:
    return Network(
        (
            Node("rain", TWO, (), np.array([0.8, 0.2])),
            Node("wet", TWO, ("rain",), np.array([[0.9, 0.1], [0.0, 1.0]])),
        )
    )


def test_a_root_alone_has_its_own_ends() -> None:
    found = bounds(rain(), {"rain": ([0.7, 0.1], [0.8, 0.25])}, "rain", "yes")
    # at most 0.8 for the first leaves at least 0.2
    assert (found.lower.value, found.upper.value) == pytest.approx((0.2, 0.25), rel=1e-12)


@pytest.mark.parametrize("most", [0, 20_000])
def test_bayes_with_intervals_by_hand(most: int) -> None:
    known = {
        "rain": ([0.7, 0.1], [0.9, 0.3]),
        "wet": ([[0.8, 0.05], [0.0, 0.9]], [[0.95, 0.2], [0.1, 1.0]]),
    }
    found = bounds(rain(), known, "rain", "yes", Findings(hard={"wet": "yes"}), most=most)
    least = 0.1 * 0.9 / (0.1 * 0.9 + 0.9 * 0.2)
    greatest = 0.3 * 1.0 / (0.3 * 1.0 + 0.7 * 0.05)
    assert (found.lower.value, found.upper.value) == pytest.approx((least, greatest), rel=1e-12)


@pytest.mark.parametrize("most", [0, 20_000])
def test_tables_without_room_give_the_number_itself(most: int) -> None:
    net = rain()
    known = {node.name: (node.table, node.table) for node in net.nodes}
    found = bounds(net, known, "rain", "yes", Findings(hard={"wet": "yes"}), most=most)
    for bound in (found.lower, found.upper, found.outer_lower, found.outer_upper):
        assert bound.value == pytest.approx(0.2 / 0.28, rel=1e-10)
        assert bound.kind == "exact"


@pytest.mark.parametrize("most", [0, 20_000])
def test_tables_under_which_nothing_was_seen_do_not_count(most: int) -> None:
    # wet only when it rains, and it may never rain: where it is wet at all, it rained
    net = rain().replaced(Node("wet", TWO, ("rain",), np.array([[1.0, 0.0], [0.5, 0.5]])))
    free = {"rain": ([0.0, 0.0], [1.0, 1.0])}
    found = bounds(net, free, "rain", "yes", Findings(hard={"wet": "yes"}), most=most)
    assert (found.lower.value, found.upper.value) == pytest.approx((1.0, 1.0))
    never = bounds(net, free, "rain", "no", Findings(hard={"wet": "yes"}), most=most)
    assert (never.lower.value, never.upper.value) == (0.0, 0.0)
    assert never.outer_upper.value == 0.0


@pytest.mark.parametrize("most", [0, 20_000])
def test_all_laws_allowed_give_all_probabilities(most: int) -> None:
    free = {"rain": (np.zeros(2), np.ones(2)), "wet": (np.zeros((2, 2)), np.ones((2, 2)))}
    found = bounds(rain(), free, "wet", "yes", most=most)
    values = [found.lower, found.upper, found.outer_lower, found.outer_upper]
    assert [bound.value for bound in values] == pytest.approx([0.0, 1.0, 0.0, 1.0], abs=1e-12)


def test_nodes_that_cannot_matter_cost_nothing() -> None:
    net = rain()
    below = [Node(f"n{k}", TWO, ("wet",), np.full((2, 2), 0.5)) for k in range(30)]
    known = {node.name: (np.zeros((2, 2)), np.ones((2, 2))) for node in below}
    known["rain"] = (np.array([0.7, 0.1]), np.array([0.9, 0.3]))
    # 60 open rows below, none of them asked for or seen: two corners are left
    found = bounds(Network((*net.nodes, *below)), known, "wet", "yes", most=2)
    wanted = (0.9 * 0.1 + 0.1, 0.7 * 0.1 + 0.3)
    assert (found.lower.value, found.upper.value) == pytest.approx(wanted, rel=1e-12)
    assert found.lower.kind == "exact"


def test_an_intervention_closes_the_table_of_its_node() -> None:
    known = {"rain": ([0.0, 0.0], [1.0, 1.0])}
    found = bounds(rain(), known, "wet", "yes", Findings(do={"rain": "no"}))
    assert (found.lower.value, found.upper.value) == pytest.approx((0.1, 0.1), rel=1e-12)


@pytest.mark.parametrize(
    ("known", "match"),
    [
        ({"sun": ([0.1, 0.1], [0.9, 0.9])}, "no node sun"),
        ({"rain": ([0.1], [0.9])}, r"lower table has shape \(1,\), its own has \(2,\)"),
        ({"rain": ([0.5, 0.1], [0.4, 0.9])}, "0 <= lower <= upper <= 1"),
        ({"rain": ([float("nan"), 0.1], [0.4, 0.9])}, "0 <= lower <= upper <= 1"),
        ({"rain": ([0.1, 0.1], [0.4, 0.5])}, r"row \(\): the lower ones add to 0.2 .* to 0.9"),
        (
            {"wet": ([[0.1, 0.1], [0.6, 0.6]], [[0.9, 0.9], [0.9, 0.9]])},
            r"row \(1,\): the lower ones add to 1.2",
        ),
    ],
)
def test_intervals_that_do_not_fit(known: dict, match: str) -> None:
    with pytest.raises(MisuseError, match=match):
        bounds(rain(), known, "wet", "yes")


def test_questions_that_have_no_bounds() -> None:
    net, known = rain(), {"rain": ([0.7, 0.1], [0.9, 0.3])}
    with pytest.raises(MisuseError, match="no state maybe"):
        bounds(net, known, "wet", "maybe")
    with pytest.raises(MisuseError, match="targets"):
        bounds(net, known, "wet", "yes", Findings(target={"rain": [0.5, 0.5]}))
    with pytest.raises(AssessmentError, match="known for certain"):
        bounds(net, known, "wet", "yes", Findings(hard={"wet": "yes"}))
    certain = {"rain": ([0.0, 1.0], [0.0, 1.0])}
    with pytest.raises(AssessmentError, match="cannot happen"):
        bounds(net, certain, "rain", "yes", Findings(hard={"wet": "no"}))


def test_bounds_that_would_take_too_long_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from perilscope.engines.networks import credal_rows

    monkeypatch.setattr(credal_rows, "WORK", 5)
    nodes = [Node("n0", ("no", "yes"), (), np.array([0.5, 0.5]))]
    row = np.array([[0.9, 0.1], [0.4, 0.6]])
    nodes += [Node(f"n{i}", ("no", "yes"), (f"n{i - 1}",), row) for i in range(1, 4)]
    wide = {node.name: (node.table * 0.9, node.table * 0.9 + 0.1) for node in nodes}
    with pytest.raises(AssessmentError, match=r"too long: 4 doubted tables"):
        bounds(Network(tuple(nodes)), wide, "n3", "yes")
