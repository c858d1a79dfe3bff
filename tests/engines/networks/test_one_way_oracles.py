# SPDX-License-Identifier: Apache-2.0
"""Sensitivity functions against networks with the entry moved; shares and worths by enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perilscope.engines.networks import information
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.engines.networks.information import (
    conflict,
    mutual_information,
    perfect_information,
    shares,
    worth_knowing,
)
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.one_way import OneWay, one_way
from perilscope.engines.networks.session import Session
from perilscope.errors import AssessmentError


def chest() -> Network:
    """Much like Asia of Lauritzen and Spiegelhalter (1988), with a node of three states."""
    rng = np.random.default_rng(3)
    two = ("no", "yes")
    return Network(
        (
            Node("asia", two, (), np.array([0.99, 0.01])),
            Node("tub", two, ("asia",), np.array([[0.99, 0.01], [0.95, 0.05]])),
            Node("smoke", ("none", "some", "much"), (), np.array([0.5, 0.3, 0.2])),
            Node("lung", two, ("smoke",), np.array([[0.99, 0.01], [0.95, 0.05], [0.85, 0.15]])),
            Node("either", two, ("tub", "lung"), np.array([[[1, 0], [0, 1]], [[0, 1], [0, 1.0]]])),
            Node("xray", two, ("either",), np.array([[0.95, 0.05], [0.02, 0.98]])),
            Node("dysp", two, ("either", "smoke"), rng.dirichlet([1.0, 1.0], (2, 3))),
        )
    )


def moved(net: Network, line: OneWay, t: float) -> Network:
    """The network with one entry at t, the others of its row in proportion."""
    node = net.node(line.node)
    at = tuple(net.state(parent, state) for parent, state in line.row)
    table, k = np.array(node.table), node.states.index(line.state)
    row = table[at] * (1.0 - t) / (1.0 - table[at][k])
    row[k] = t
    table[at] = row / row.sum()
    return net.replaced(Node(node.name, node.states, node.parents, table))


SEEN = Findings(hard={"xray": "yes"}, likelihood={"dysp": [0.2, 0.9]})


@pytest.mark.parametrize("findings", [Findings(), SEEN, Findings(do={"either": "yes"})])
def test_every_entry_moved_gives_the_value_of_its_function(findings: Findings) -> None:
    net = chest()
    lines = one_way(net, "lung", "yes", findings)
    rows = sum(math.prod(n.table.shape) for n in net.nodes if n.name not in findings.do)
    assert len(lines) >= rows - 8  # those of certain rows are left out
    for line in lines:
        assert line.at(line.value) == pytest.approx(
            ask(net, findings).marginals["lung"]["yes"], rel=1e-12
        )
        for t in (0.03, 0.5, 0.9):
            wanted = ask(moved(net, line, t), findings).marginals["lung"]["yes"]
            assert line.at(t) == pytest.approx(wanted, abs=1e-12)


def test_slopes_are_central_differences() -> None:
    net, step = chest(), 1e-5
    for line in one_way(net, "tub", "yes", SEEN):
        high, low = (
            ask(moved(net, line, line.value + e), SEEN).marginals["tub"]["yes"]
            for e in (step, -step)
        )
        assert line.slope == pytest.approx((high - low) / (2 * step), abs=1e-6)


def test_a_target_that_nothing_moves_is_refused() -> None:
    with pytest.raises(AssessmentError, match="known for certain"):
        one_way(chest(), "xray", "yes", SEEN)
    with pytest.raises(AssessmentError, match="cannot happen"):
        one_way(chest(), "either", "no", Findings(hard={"lung": "yes"}))


def test_shares_are_mean_effects_over_all_orders_and_add_up() -> None:
    net = chest()
    findings = Findings(hard={"xray": "yes", "smoke": "much"}, likelihood={"dysp": [0.2, 0.9]})
    pieces = dict(findings.pieces())

    def chance(names: tuple[str, ...]) -> float:
        joined = Findings()
        for name in names:
            joined = joined.joined(pieces[name])
        return ask(net, joined).marginals["lung"]["yes"]

    found = shares(net, "lung", "yes", findings)
    for share in found:
        effects = []
        for order in itertools.permutations(pieces):
            before = order[: order.index(share.finding)]
            effects.append(chance((*before, share.finding)) - chance(before))
        assert share.share == pytest.approx(sum(effects) / len(effects), abs=1e-12)
    total = chance(tuple(pieces)) - chance(())
    assert math.fsum(s.share for s in found) == pytest.approx(total, abs=1e-12)


def test_shares_by_drawn_orders_add_up_and_know_their_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against the exact ones: within four standard errors, and together the whole change."""
    net = chest()
    findings = Findings(
        hard={"xray": "yes", "smoke": "much", "asia": "yes"}, likelihood={"dysp": [0.2, 0.9]}
    )
    exact = shares(net, "lung", "yes", findings)
    assert all(share.error == 0.0 for share in exact)
    monkeypatch.setattr(information, "MOST", 2)
    drawn = shares(net, "lung", "yes", findings)
    for one, other in zip(drawn, exact, strict=True):
        assert one.finding == other.finding
        assert 0.0 < one.error < 0.02
        assert abs(one.share - other.share) < 4.0 * one.error
        assert (one.alone, one.last) == (other.alone, other.last)
    assert math.fsum(s.share for s in drawn) == pytest.approx(
        math.fsum(s.share for s in exact), abs=1e-12
    )


def test_pairs_are_joint_laws_and_leave_no_trace() -> None:
    session = Session(chest())
    findings = Findings(hard={"xray": "yes"}, likelihood={"lung": [0.3, 0.7]})
    session.know(findings)
    before = session.marginals()
    for other, law in session.pairs("lung", ["smoke", "lung", "dysp", "xray"]):
        assert law == pytest.approx(session.joint([other, "lung"]), abs=1e-15)
    assert session.marginals() == before


def test_findings_that_do_not_go_together_are_in_conflict() -> None:
    net = chest()
    assert conflict(net, Findings(hard={"xray": "yes", "lung": "yes"})) < -1.0
    apart = Findings(hard={"asia": "yes", "smoke": "none"})
    assert conflict(net, apart) == pytest.approx(0.0, abs=1e-12)
    against = Findings(hard={"xray": "no", "lung": "yes"})
    by_hand = math.log2(
        ask(net, Findings(hard={"xray": "no"})).probability_of_evidence
        * ask(net, Findings(hard={"lung": "yes"})).probability_of_evidence
        / ask(net, against).probability_of_evidence
    )
    assert conflict(net, against) == pytest.approx(by_hand, abs=1e-10)
    assert by_hand > 1.0


def test_what_is_worth_knowing_is_the_fall_of_entropy() -> None:
    net = chest()

    def entropy(law: dict[str, float]) -> float:
        return -math.fsum(p * math.log2(p) for p in law.values() if p > 0.0)

    before = ask(net).marginals
    for worth in worth_knowing(net, "lung"):
        after = math.fsum(
            p * entropy(ask(net, Findings(hard={worth.node: s})).marginals["lung"])
            for s, p in before[worth.node].items()
            if p > 0.0
        )
        assert worth.information == pytest.approx(entropy(before["lung"]) - after, abs=1e-12)
        chances = [
            ask(net, Findings(hard={worth.node: s})).marginals["lung"]["yes"]
            for s, p in before[worth.node].items()
            if p > 0.0
        ]
        assert worth.swing == pytest.approx((min(chances), max(chances)), abs=1e-12)
    assert worth_knowing(net, "lung")[0].node == "either"
    assert mutual_information(np.outer([0.3, 0.7], [0.5, 0.5])) == pytest.approx(0.0, abs=1e-15)


def test_what_an_answer_is_worth_before_acting() -> None:
    net = chest()
    gains = {"treat": {"no": -10.0, "yes": 50.0}, "wait": {"no": 0.0, "yes": -100.0}}
    p = ask(net).marginals["lung"]["yes"]
    action, value, worth = perfect_information(net, "lung", gains)
    by_hand = {"treat": -10 * (1 - p) + 50 * p, "wait": -100 * p}
    assert action == max(by_hand, key=lambda a: by_hand[a])
    assert value == pytest.approx(by_hand[action], rel=1e-12)
    assert worth == pytest.approx(50 * p - value, rel=1e-10)
    _, _, partly = perfect_information(net, "lung", gains, asked="xray")
    informed = 0.0
    for state, chance in ask(net).marginals["xray"].items():
        q = ask(net, Findings(hard={"xray": state})).marginals["lung"]["yes"]
        informed += chance * max(-10 * (1 - q) + 50 * q, -100 * q)
    assert partly == pytest.approx(informed - value, abs=1e-12)
