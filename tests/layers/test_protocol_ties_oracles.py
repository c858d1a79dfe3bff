# SPDX-License-Identifier: Apache-2.0
"""Protocols that share something: each alone as before, together by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perilscope.book import Protocol
from perilscope.engines.networks.network import Node
from perilscope.layers import network_evidence, protocol, protocol_ties
from perilscope.layers.drivers import Drivers
from perilscope.layers.protocol_ties import KINDS, Kind, _shared, relied_on, tied, ties

NONE: Any = SimpleNamespace(networks={})
PAIR = {
    "a": Protocol(id="a", oracle="chainlink", chain="Ethereum", audits=0, bridge="Wormhole"),
    "b": Protocol(id="b", oracle="Chainlink feeds", chain="ethereum", depends_on=("USDC",)),
    "c": Protocol(id="c", chain="solana", fork_of="compound-v2", depends_on=("USDC",)),
    "d": Protocol(id="d", oracle="pyth"),
}


def drivers(evidence: dict[str, str] | None = None) -> Drivers:
    extra = {key: protocol.driver(item) for key, item in PAIR.items()}
    known = network_evidence.drivers(NONE, evidence or {}, extra)
    return tied(known, ties(PAIR, ["USDC"]))


def test_what_is_relied_on_is_read_from_the_book() -> None:
    found = {(tie.kind, tie.name): tie.protocols for tie in ties(PAIR, ["USDC"])}
    assert found == {
        ("oracle", "chainlink"): ("a", "b"),
        ("chain", "ethereum"): ("a", "b"),
        ("coin", "USDC"): ("b", "c"),
    }
    assert relied_on(PAIR["c"], []) == (("chain", "solana"), ("code of", "compound-v2"))


def test_every_protocol_alone_keeps_its_law() -> None:
    together = drivers()
    assert [group.members for group in together.groups] == [("a", "b", "c")]
    alone = Drivers(together.networks)
    for key in PAIR:
        for node, law in alone.marginals[key].items():
            assert together.marginals[key][node] == pytest.approx(law, abs=1e-13)


def test_a_shared_cause_by_hand() -> None:
    """One cause of two protocols through one thing: four numbers."""
    q, r, p1, p2 = 0.01, 0.4, 0.002, 0.03
    v = [(1.0 - (1.0 - p) ** r) / q for p in (p1, p2)]
    v = [min(x, 1.0) for x in v]
    own = [(1.0 - p) / (1.0 - q * x) for p, x in zip((p1, p2), v, strict=True)]
    both = 0.0
    for fails, weight in ((False, 1.0 - q), (True, q)):
        hit = [1.0 - o * (1.0 - x if fails else 1.0) for o, x in zip(own, v, strict=True)]
        both += weight * math.prod(hit)
    tables = [_shared(np.array([1.0 - p, p]), [("n", q, r)]) for p in (p1, p2)]
    found = (1.0 - q) * tables[0][0, 1] * tables[1][0, 1] + q * tables[0][1, 1] * tables[1][1, 1]
    assert found == pytest.approx(both, rel=1e-13)
    assert both > p1 * p2


@pytest.mark.parametrize("p", [1e-6, 0.003, 0.2, 0.9, 1.0])
def test_the_chance_of_a_cause_is_kept_for_every_state(p: float) -> None:
    table = np.array([[1.0 - p, p], [1.0 - p / 2, p / 2]])
    shares = [("x", 0.01, 0.4), ("y", 0.03, 0.2), ("z", 0.01, 0.05)]
    found = _shared(table, shares)
    assert found.shape == (2, 2, 2, 2, 2)
    weights = np.array([0.99, 0.01])
    mean = np.einsum("sabct,a,b,c->st", found, weights, [0.97, 0.03], weights)
    assert mean == pytest.approx(table, abs=1e-14)
    assert np.all(found >= 0.0)


def test_two_fall_together_more_often_and_one_tells_of_the_other() -> None:
    together = drivers()
    both = protocol_ties.chance_of_both(together, "a", "b")
    alone = [together.probability(key, "exploited") for key in ("a", "b")]
    assert both > 1.05 * math.prod(alone)
    assert protocol_ties.chance_of_both(together, "a", "d") == pytest.approx(
        alone[0] * together.probability("d", "exploited")
    )
    seen = drivers({"a.oracle-failure": "yes"})
    assert seen.probability("b", "exploited") > 1.2 * alone[1]
    assert seen.probability("d", "exploited") == together.probability("d", "exploited")
    # Bayes' rule ties the two
    told = drivers({"a.exploited": "yes"}).probability("b", "exploited")
    assert told == pytest.approx(both / alone[0], rel=1e-11)


def test_a_year_of_both_by_the_joint_law_of_the_group() -> None:
    together = drivers()
    group, node = together.place("a", "exploited")
    _, other = together.place("b", "exploited")
    law = together.joint_over(group, ((node, "yes"), (other, "yes")), 1.0)
    chances = {hits: p for p, hits in law}
    both = protocol_ties.chance_of_both(together, "a", "b")
    assert chances[(True, True)] == pytest.approx(both, rel=1e-12)
    half = {hits: p for p, hits in together.joint_over(group, ((node, "yes"),), 0.5)}
    assert half[(True,)] == pytest.approx(
        1.0 - (1.0 - together.probability("a", "exploited")) ** 0.5
    )


def test_kinds_take_no_more_than_the_whole_of_a_cause() -> None:
    for kind in KINDS.values():
        assert isinstance(kind, Kind)
        assert 0.0 < kind.chance < 0.1
    for cause in ("code", "oracle", "bridge"):
        assert sum(kind.share for kind in KINDS.values() if kind.cause == cause) < 1.0
    assert isinstance(protocol.network().nodes[0], Node)
