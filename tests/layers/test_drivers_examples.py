# SPDX-License-Identifier: Apache-2.0
"""Networks of a book as drivers: names, evidence, periods."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from perilscope.book import NetNode, Network
from perilscope.engines.networks import elimination
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import network_evidence, networks
from perilscope.layers.network_evidence import parse_evidence
from perilscope.layers.networks import Driver


def peg(**changes: Any) -> Network:
    nodes = {
        "reserves": NetNode(
            id="reserves",
            states=("sound", "doubtful"),
            table=[["0.97", "0.03"]],
            means="state now",
            observed=changes.pop("observed", None),
        ),
        "depeg": NetNode(
            id="depeg", parents=("reserves",), table=[["0.99", "0.01"], ["0.6", "0.4"]]
        ),
    }
    return Network(id="usdc-peg", nodes=nodes, **changes)


def staff() -> Network:
    nodes = {
        "trained": NetNode(id="trained", table=[["0.25", "0.75"]], means="state now"),
        "click": NetNode(id="click", parents=("trained",), table=[["0.5", "0.5"], ["0.9", "0.1"]]),
    }
    return Network(id="staff", nodes=nodes)


def book(*networks: Network) -> Any:
    return SimpleNamespace(networks={net.id: net for net in networks})


def protocol_like() -> Driver:
    audits = elimination.Node("audits", ("none", "two"), (), [0.5, 0.5])
    exploited = elimination.Node(
        "exploited", ("no", "yes"), ("audits",), [[0.9, 0.1], [0.98, 0.02]]
    )
    return Driver(elimination.Network((audits, exploited)), 1.0, ("audits",), {"audits": "two"})


def test_tables_are_read_with_the_last_parent_fastest() -> None:
    net = Network(
        id="n",
        nodes={
            "a": NetNode(id="a", states=("x", "y"), table=[["0.5", "0.5"]]),
            "b": NetNode(id="b", states=("p", "q", "r"), table=[["0.2", "0.3", "0.5"]]),
            "c": NetNode(
                id="c",
                parents=("a", "b"),
                table=[[f"{1 - k / 10:.1f}", f"{k / 10:.1f}"] for k in range(1, 7)],
            ),
        },
    )
    c = networks.network(net).node("c")
    assert c.table[0, 2].tolist() == [0.7, 0.3]
    assert c.table[1, 0].tolist() == [0.6, 0.4]


def test_probability_is_over_the_own_period_and_depends_on_evidence() -> None:
    calm = network_evidence.drivers(book(peg()))
    assert calm.probability("usdc-peg", "depeg") == pytest.approx(
        0.97 * 0.01 + 0.03 * 0.4, abs=1e-15
    )
    worried = network_evidence.drivers(book(peg()), {"usdc-peg.reserves": "doubtful"})
    assert worried.probability("usdc-peg", "depeg") == pytest.approx(0.4, abs=1e-15)
    assert worried.marginals["usdc-peg"]["reserves"] == {"sound": 0.0, "doubtful": 1.0}
    assert worried.evidence == {"usdc-peg.reserves": "doubtful"}


def test_what_the_book_observed_is_evidence_and_gives_way_to_what_is_asked() -> None:
    observed = book(peg(observed="doubtful"))
    assert network_evidence.drivers(observed).probability("usdc-peg", "depeg") == pytest.approx(0.4)
    asked = network_evidence.drivers(observed, {"usdc-peg.reserves": "sound"})
    assert asked.probability("usdc-peg", "depeg") == pytest.approx(0.01)
    assert network_evidence.prior(observed).probability("usdc-peg", "depeg") == pytest.approx(
        0.0217
    )


def test_horizon_probability_counts_periods_given_the_state_that_holds() -> None:
    yearly = network_evidence.drivers(book(peg()))
    p = yearly.probability("usdc-peg", "depeg")
    assert yearly.horizon_probability("usdc-peg", "depeg", "yes", 1.0) == pytest.approx(
        p, rel=1e-14
    )
    # reserves are a state now: they hold for both years, and what happens is counted given them
    assert yearly.horizon_probability("usdc-peg", "depeg", "yes", 2.0) == pytest.approx(
        0.97 * (1 - 0.99**2) + 0.03 * (1 - 0.6**2), rel=1e-13
    )
    assert yearly.horizon_probability("usdc-peg", "reserves", "doubtful", 2.0) == 0.03
    monthly = network_evidence.drivers(book(peg(period="1 month")))
    assert monthly.horizon_probability("usdc-peg", "depeg", "yes", 1.0) == pytest.approx(
        0.97 * (1 - 0.99**12) + 0.03 * (1 - 0.6**12), rel=1e-13
    )


@pytest.mark.parametrize("years", [10 / 365.25, 0.5, 3.0])
def test_what_is_known_is_averaged_to_what_is_not(years: float) -> None:
    """The law of total probability, over any horizon: evidence must not pay in the mean."""
    mean = 0.0
    for state, weight in {"sound": 0.97, "doubtful": 0.03}.items():
        told = network_evidence.drivers(book(peg()), {"usdc-peg.reserves": state})
        mean += weight * told.horizon_probability("usdc-peg", "depeg", "yes", years)
        joint = told.joint_over("usdc-peg", [("depeg", "yes")], years)
        assert sum(p for p, (hit,) in joint if hit) == pytest.approx(
            told.horizon_probability("usdc-peg", "depeg", "yes", years), rel=1e-12
        )
    free = network_evidence.drivers(book(peg()))
    assert free.horizon_probability("usdc-peg", "depeg", "yes", years) == pytest.approx(
        mean, rel=1e-13
    )
    joint = free.joint_over("usdc-peg", [("depeg", "yes"), ("reserves", "doubtful")], years)
    assert sum(p for p, (hit, _) in joint if hit) == pytest.approx(mean, rel=1e-12)


def test_networks_of_others_stand_under_their_own_id_with_their_own_evidence() -> None:
    both = network_evidence.drivers(book(peg()), {}, {"protocol-x": protocol_like()})
    assert list(both.marginals) == ["usdc-peg", "protocol-x"]
    assert both.probability("protocol-x", "exploited") == pytest.approx(0.02)
    asked = network_evidence.drivers(
        book(peg()), {"protocol-x.audits": "none"}, {"protocol-x": protocol_like()}
    )
    assert asked.probability("protocol-x", "exploited") == pytest.approx(0.1)
    assert network_evidence.prior(book(), {"protocol-x": protocol_like()}).probability(
        "protocol-x", "exploited"
    ) == pytest.approx(0.02)


def test_joint_keeps_the_order_asked_for() -> None:
    net = network_evidence.drivers(book(peg()))
    table = net.joint("usdc-peg", ["depeg", "reserves"])
    assert table.shape == (2, 2)
    assert table[1, 0] == pytest.approx(0.97 * 0.01)


def test_joint_over_lists_what_happens_together() -> None:
    net = network_evidence.drivers(book(peg()))
    found = net.joint_over("usdc-peg", (("depeg", "yes"), ("reserves", "doubtful")), 1.0)
    law = {hits: p for p, hits in found}
    assert law[True, True] == pytest.approx(0.012, rel=1e-12)
    assert law[True, False] == pytest.approx(0.0097, rel=1e-12)
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-15)


def test_a_condition_is_held_through_the_horizon() -> None:
    found = network_evidence.drivers(book(peg())).joint_over(
        "usdc-peg", (("depeg", "yes"), ("reserves", "doubtful")), 3.0
    )
    law = {hits: p for p, hits in found}
    assert law[False, True] == pytest.approx(0.03 * 0.6**3, rel=1e-12)
    assert law[False, False] == pytest.approx(0.97 * 0.99**3, rel=1e-12)


def test_evidence_is_parsed_by_node_or_by_network_and_node() -> None:
    two = book(peg(), staff())
    assert parse_evidence(["reserves=doubtful"], two) == {"usdc-peg.reserves": "doubtful"}
    assert parse_evidence(["staff.click=yes", "depeg=no"], two) == {
        "staff.click": "yes",
        "usdc-peg.depeg": "no",
    }
    extra = {"protocol-x": protocol_like()}
    assert parse_evidence(["exploited=yes"], two, extra) == {"protocol-x.exploited": "yes"}


def test_evidence_is_split_at_the_first_equals_sign() -> None:
    with pytest.raises(MisuseError, match="no such state"):
        parse_evidence(["depeg=yes=no"], book(peg()))


def test_a_node_name_in_two_networks_must_be_qualified() -> None:
    twin = Network(id="usdt-peg", nodes=dict(peg().nodes))
    with pytest.raises(MisuseError, match=r"usdc-peg\.depeg, usdt-peg\.depeg"):
        parse_evidence(["depeg=yes"], book(peg(), twin))
    assert parse_evidence(["usdt-peg.depeg=yes"], book(peg(), twin)) == {"usdt-peg.depeg": "yes"}


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("depge=yes", r"did you mean depeg"),
        ("usdc-peg.resreves=sound", r"usdc-peg\.reserves"),
        ("depeg=maybe", r"it has no, yes"),
        ("reserves=doubtfull", r"did you mean doubtful"),
        ("depeg", "NODE=STATE"),
        ("=yes", "NODE=STATE"),
        ("depeg=", "NODE=STATE"),
        ("", "NODE=STATE"),
        ("Depeg=yes", "did you mean depeg"),
    ],
)
def test_evidence_that_names_nothing_says_what_is_near(item: str, says: str) -> None:
    with pytest.raises(MisuseError, match=says):
        parse_evidence([item], book(peg()))


def test_one_node_cannot_be_in_two_states() -> None:
    with pytest.raises(MisuseError, match="both"):
        parse_evidence(["depeg=yes", "usdc-peg.depeg=no"], book(peg()))
    assert parse_evidence(["depeg=yes", "usdc-peg.depeg=yes"], book(peg())) == {
        "usdc-peg.depeg": "yes"
    }


def test_impossible_evidence_is_refused_with_the_network_named() -> None:
    sure = Network(
        id="sure",
        nodes={
            "a": NetNode(id="a", table=[["1", "0"]]),
            "b": NetNode(id="b", parents=("a",), table=[["1", "0"], ["0.5", "0.5"]]),
        },
    )
    with pytest.raises(MisuseError, match=r"sure\.b=yes cannot have happened.*network sure"):
        network_evidence.drivers(book(sure), {"sure.b": "yes"})


def test_asking_for_what_is_not_there_fails_the_scenario_not_the_run() -> None:
    net = network_evidence.drivers(book(peg()))
    with pytest.raises(AssessmentError, match="did you mean usdc-peg"):
        net.probability("usdc-pegg", "depeg")
    with pytest.raises(AssessmentError, match="no node 'depge'; did you mean depeg"):
        net.probability("usdc-peg", "depge")
    with pytest.raises(AssessmentError, match="no state 'maybe'"):
        net.probability("usdc-peg", "depeg", "maybe")
    with pytest.raises(AssessmentError, match="no node"):
        net.joint_over("usdc-peg", (("nothing", "yes"),), 1.0)


def test_evidence_given_as_a_mapping_is_checked_too() -> None:
    with pytest.raises(MisuseError, match="no such node"):
        network_evidence.drivers(book(peg()), {"usdc-peg.nothing": "yes"})
    with pytest.raises(MisuseError, match="no such state"):
        network_evidence.drivers(book(peg()), {"usdc-peg.depeg": "perhaps"})


def test_too_many_joint_states_are_refused() -> None:
    nodes = {f"n{i}": NetNode(id=f"n{i}", table=[["0.5", "0.5"]]) for i in range(15)}
    net = network_evidence.drivers(book(Network(id="wide", nodes=nodes)))
    with pytest.raises(AssessmentError, match="32768 joint states"):
        net.joint_over("wide", tuple((name, "yes") for name in nodes), 1.0)
