# SPDX-License-Identifier: Apache-2.0
"""What learning refuses and why, and the cases at its edges."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perilscope.engines.networks import expectation
from perilscope.engines.networks.canonical import noisy_or
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.networks.records import Records
from perilscope.engines.networks.structure_search import suggest_structure
from perilscope.engines.networks.table_learning import learn, pooled
from perilscope.errors import AssessmentError, MisuseError

TWO = ("no", "yes")


def rain(wet: Any = ((0.9, 0.1), (0.2, 0.8)), first: Any = (0.8, 0.2)) -> Network:
    return Network(
        (
            Node("rain", TWO, (), np.array(first)),
            Node("wet", TWO, ("rain",), np.array(wet)),
        )
    )


def columns(places: Any, weights: Any = None) -> Records:
    return Records(("rain", "wet"), (TWO, TWO), places, weights)


def columns3(places: Any) -> Records:
    return Records(("above", "rain", "wet"), (TWO, TWO, TWO), places)


def refused(message: str, act: Callable[[], object], kind: type[Exception] = MisuseError) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert message in str(caught.value)


def test_records_name_what_is_wrong_and_where() -> None:
    of = Records.of
    good = {"rain": "yes"}
    refused(
        "record 2: there is no node snow; there are rain, wet",
        lambda: of(rain(), [good, {"snow": "no"}]),
    )
    refused(
        "record 3: node wet has no state damp; it has no, yes",
        lambda: of(rain(), [{}, good, {"wet": "damp"}]),
    )
    refused("record 2: node wet has no state number 2", lambda: columns([[0, 0], [0, 2]]))
    refused("record 1: node rain has no state number -2", lambda: columns([[-2, 0]]))
    refused("whole numbers", lambda: columns([[0.0, 1.0]]))
    refused("do not fit 2 nodes", lambda: columns([[0, 1, 1]]))
    refused("record 2: a weight must be 0 or more", lambda: columns([[0, 1]] * 2, [1.0, -0.1]))
    refused("record 1: a weight must be 0 or more", lambda: columns([[0, 1]], [np.nan]))
    refused("2 records, but weights of shape (1,)", lambda: columns([[0, 1]] * 2, [1.0]))


def test_columns_stand_in_the_order_of_the_nodes() -> None:
    net = Network(
        (Node("z", ("u", "v", "w"), (), np.ones(3) / 3), Node("a", TWO, (), np.ones(2) / 2))
    )
    records = Records.of(net, [{"a": "yes", "z": "w"}])
    assert records.names == ("z", "a")
    assert records.places.tolist() == [[2, 1]]


def test_a_kept_table_has_no_part_in_the_objective() -> None:
    records = columns([[0, 1], [1, -1], [-1, 0]])
    found = learn(rain(), records, ess=4.0, keep=["wet"])
    assert found.pseudo["wet"].sum() == 0.0
    prior = float(found.pseudo["rain"] @ np.log(found.net.node("rain").table))
    assert found.objective[-1] - found.log_likelihood[-1] == pytest.approx(prior, abs=1e-12)
    assert found.pseudo["rain"].sum() == pytest.approx(4.0)


def test_none_and_left_out_are_both_missing() -> None:
    records = Records.of(rain(), [{"rain": None, "wet": "yes"}, {"wet": "yes"}], [1.0, 2.0])
    assert records.places.tolist() == [[-1, 1], [-1, 1]]
    assert records.weights.tolist() == [1.0, 2.0]


def test_learning_refuses_what_does_not_fit() -> None:
    records = columns([[0, 1]])
    other = Records(("rain",), (("yes", "no"),), [[0]])
    refused("node rain has the states no, yes", lambda: learn(rain(), other))
    refused("there is no node snow", lambda: learn(rain(), Records(("snow",), (TWO,), [[0]])))
    refused("there is no node snow", lambda: learn(rain(), records, keep=["snow"]))
    refused("there is no node snow", lambda: learn(rain(), records, ess={"snow": 1.0}))
    refused("ess must be 0 or more", lambda: learn(rain(), records, ess=-1.0))
    refused("ess must be 0 or more", lambda: learn(rain(), records, ess=float("nan")))
    wrong: Any = "flat"
    refused("no prior is called 'flat'", lambda: learn(rain(), records, prior=wrong))
    refused("at least one round", lambda: learn(rain(), records, rounds=0))


def test_a_record_that_cannot_happen_is_named() -> None:
    sure = rain(wet=((1.0, 0.0), (0.2, 0.8)))
    whole = columns([[1, 1], [0, 1], [0, 1]])
    refused("record 2 cannot happen", lambda: learn(sure, whole, keep=["wet"]), AssessmentError)
    later = columns(whole.places, [0.0, 0.0, 1.0])  # what has no weight is not looked at
    refused("record 3 cannot happen", lambda: learn(sure, later, keep=["wet"]), AssessmentError)
    # learnt from whole records the zero gives way
    assert learn(sure, whole, ess=0.0).net.node("wet").table.tolist() == [[0.0, 1.0], [0.0, 1.0]]
    never = rain(wet=((1.0, 0.0), (1.0, 0.0)))
    gap = columns([[1, 0], [-1, 1], [1, 0]])
    refused("record 2 cannot happen", lambda: learn(never, gap, ess=0.0), AssessmentError)
    # a uniform prior lifts the zero, so the same record can
    assert learn(never, gap, ess=1.0, prior="uniform").converged


def test_a_zero_of_the_table_prior_stays_where_nothing_speaks_against_it() -> None:
    sure = rain(wet=((1.0, 0.0), (0.2, 0.8)))
    found = learn(sure, columns([[-1, 1], [0, 0], [1, -1], [-1, 0]]))
    assert found.net.node("wet").table[0].tolist() == [1.0, 0.0]
    assert found.log_likelihood[-1] > -np.inf


def test_states_that_start_alike_are_refused_when_never_seen() -> None:
    same = rain(wet=((0.5, 0.5), (0.5, 0.5)))
    hidden = columns([[-1, 1], [-1, 0], [-1, 1]])
    refused("states no and yes start alike", lambda: learn(same, hidden))
    # above it, something tells the two states apart
    above = Node("above", TWO, (), np.array([0.5, 0.5]))
    below = Node("rain", TWO, ("above",), np.array([[0.7, 0.3], [0.2, 0.8]]))
    told = learn(Network((above, below, same.node("wet"))), columns3([[0, -1, 0], [1, -1, 1]]))
    assert told.net.node("wet").table[0, 0] > told.net.node("wet").table[1, 0]
    # apart in the start, or seen once, or kept below: nothing to refuse
    assert learn(same, hidden, begin=rain()).net.node("wet").table[0, 0] != 0.5
    assert learn(same, columns([[-1, 1], [1, 0]])).converged
    assert learn(same, hidden, keep=["wet"]).net.node("wet").table.tolist() == [[0.5, 0.5]] * 2


def test_a_node_without_a_column_and_nothing_seen_below_keeps_its_table() -> None:
    net = rain()
    found = learn(net, Records(("rain",), (TWO,), [[1], [1], [0]]), ess=0.0)
    assert found.net.node("wet").table.tolist() == net.node("wet").table.tolist()
    np.testing.assert_allclose(found.net.node("rain").table, [1 / 3, 2 / 3], rtol=0, atol=1e-15)
    assert found.counts["wet"].sum() == 0.0
    assert found.rounds == 1


@pytest.mark.parametrize(
    "records", [columns([]), columns([[0, 1], [-1, 1]], [0.0, 0.0]), columns([[-1, -1]])]
)
@pytest.mark.parametrize("ess", [0.0, 2.0])
def test_nothing_seen_changes_nothing(records: Records, ess: float) -> None:
    net = rain()
    found = learn(net, records, ess=ess)
    for node in net.nodes:
        np.testing.assert_allclose(found.net.node(node.name).table, node.table, rtol=0, atol=1e-15)
    assert found.converged
    assert found.log_likelihood[-1] == 0.0


def test_a_row_without_records_stays_at_ess_0() -> None:
    found = learn(rain(), columns([[0, 1], [0, 0], [0, 0], [0, 0]]), ess=0.0)
    assert found.net.node("wet").table.tolist() == [[0.75, 0.25], [0.2, 0.8]]
    assert found.net.node("rain").table.tolist() == [1.0, 0.0]


def test_the_limit_of_rounds_is_told() -> None:
    records = columns([[-1, 1]] * 3 + [[-1, 0]] * 2 + [[1, 1], [0, 0], [0, 1]])
    short = learn(rain(), records, ess=0.0, rounds=2)
    assert not short.converged
    assert short.rounds == 2
    assert learn(rain(), records, ess=0.0).objective[-1] > short.objective[-1]


def test_spread_narrows_with_what_was_seen_only() -> None:
    records = columns([[-1, 1]] * 30 + [[1, 1], [0, 0]])
    found = learn(rain(), records, ess=2.0)
    assert np.all(found.spread("wet") < found.spread("wet", only_seen=True))
    assert found.seen["wet"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert found.counts["wet"].sum() == pytest.approx(32.0, abs=1e-12)


def test_a_node_that_is_no_table_must_be_kept() -> None:
    cause = Node("cause", TWO, (), np.array([0.5, 0.5]))
    gate = noisy_or("gate", TWO, {"cause": 0.7}, leak=0.1)
    net = Network((cause, gate))
    records = Records(("gate",), (gate.states,), [[1], [0]])
    refused("node gate has no free table", lambda: learn(net, records))
    assert learn(net, records, keep=["gate"]).net.node("gate") is gate


def test_too_much_work_is_refused_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectation, "COMPLETIONS", 0)
    monkeypatch.setattr(expectation, "WORK", 100)
    records = columns([[-1, 1], [-1, 0]])
    refused("2 different records", lambda: learn(rain(), records), AssessmentError)


def test_pooling_refuses() -> None:
    wrong: Any = "best"
    refused("no pooling is called 'best'", lambda: pooled([[1.0]], kind=wrong))
    refused("does not sum to 1", lambda: pooled([[0.5, 0.4]]))
    refused("not shape (2,)", lambda: pooled([0.5, 0.5]))
    refused("2 experts need", lambda: pooled([[0.5, 0.5]] * 2, [1.0]))
    refused("2 experts need", lambda: pooled([[0.5, 0.5]] * 2, [0.0, 0.0]))
    refused("2 experts need", lambda: pooled([[0.5, 0.5]] * 2, [2.0, -1.0]))
    against = [[1.0, 0.0], [0.0, 1.0]]
    refused("rule out every state", lambda: pooled(against, kind="logarithmic"))
    assert pooled(against).tolist() == [0.5, 0.5]


def test_structure_search_refuses() -> None:
    records = columns([[0, 1], [1, 0]])
    wrong: Any = "aic"
    arc, back = ("rain", "wet"), ("wet", "rain")
    refused("no score is called 'aic'", lambda: suggest_structure(records, score=wrong))
    refused(
        "there is no node snow", lambda: suggest_structure(records, forbidden=[("snow", "wet")])
    )
    refused("there is no node snow", lambda: suggest_structure(records, tiers=[["snow"]]))
    refused("two tiers", lambda: suggest_structure(records, tiers=[["rain"], ["rain"]]))
    refused(
        "both required and forbidden",
        lambda: suggest_structure(records, required=[arc], forbidden=[arc]),
    )
    refused(
        "required and forbidden",
        lambda: suggest_structure(records, required=[arc], tiers=[["wet"], ["rain"]]),
    )
    refused("cycle among rain, wet", lambda: suggest_structure(records, required=[arc, back]))
    refused("no record is complete", lambda: suggest_structure(columns([[0, -1]])))


def test_structure_search_counts_what_it_leaves_out() -> None:
    pytest.importorskip("pyagrum", reason="the search is pyAgrum's")
    pytest.importorskip("pandas", reason="the search takes data frames")
    places = [[0, 0], [1, 1]] * 10 + [[0, -1]] * 3 + [[1, 0]] * 4
    found = suggest_structure(columns(places, [1.0] * 23 + [0.0] * 4), tiers=[["rain"], ["wet"]])
    assert (found.used, found.left_out) == (20, 3)
    assert [(arc.parent, arc.child) for arc in found.arcs] == [("rain", "wet")]


def test_structure_search_without_the_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyagrum", None)
    refused("perilscope[agrum,frames]", lambda: suggest_structure(columns([[0, 1]])))
