# SPDX-License-Identifier: Apache-2.0
"""From one period to a horizon: laws that hold for every network, and brute-force enumeration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.networks.elimination import Network, Node
from perilscope.layers.drivers import Drivers
from perilscope.layers.horizon import happens_over, powered
from perilscope.layers.networks import Driver

LADDERS = [("a", (("no",), ("yes",))), ("b", (("no",), ("yes",))), ("c", (("x",), ("y",), ("z",)))]


def rows(count: int, states: int) -> st.SearchStrategy[list[list[float]]]:
    row = st.lists(st.floats(0.01, 1.0), min_size=states, max_size=states)
    return st.lists(row, min_size=count, max_size=count).map(
        lambda table: [[x / math.fsum(r) for x in r] for r in table]
    )


@st.composite
def common_cause(draw: st.DrawFn) -> Driver:
    """Three nodes under one hidden cause: they are positively or negatively dependent."""
    cause = Node("cause", ("low", "high"), (), np.array(draw(rows(1, 2)))[0])
    a = Node("a", ("no", "yes"), ("cause",), np.array(draw(rows(2, 2))))
    b = Node("b", ("no", "yes"), ("cause",), np.array(draw(rows(2, 2))))
    c = Node("c", ("x", "y", "z"), ("cause",), np.array(draw(rows(2, 3))))
    return Driver(Network((cause, a, b, c)), draw(st.sampled_from([1.0, 0.5, 2.0])))


def worst_of(within: np.ndarray, times: int) -> np.ndarray:
    """The law of the componentwise worst of some draws, by listing all of them."""
    law = np.zeros_like(within)
    cells = list(np.ndindex(*within.shape))
    for draws in itertools.product(cells, repeat=times):
        law[tuple(np.max(draws, axis=0))] += math.prod(within[cell] for cell in draws)
    return law


@settings(max_examples=20, deadline=None)
@given(common_cause(), st.integers(1, 3))
def test_whole_periods_agree_with_listing_all_draws(driver: Driver, times: int) -> None:
    drivers = Drivers({"n": driver})
    within = drivers.joint("n", ["a", "b", "c"])
    law = drivers.over("n", LADDERS, times * driver.years)
    assert law.note == ""
    np.testing.assert_allclose(law.table, worst_of(within, times), atol=1e-13)


@settings(max_examples=60, deadline=None)
@given(common_cause(), st.floats(0.001, 20.0))
def test_joint_law_is_a_law_and_keeps_every_probability(driver: Driver, years: float) -> None:
    drivers = Drivers({"n": driver})
    table = drivers.over("n", LADDERS, years).table
    assert table.min() >= 0.0
    assert math.fsum(table.ravel().tolist()) == pytest.approx(1.0, abs=1e-12)
    a = float(table[1].sum())
    assert a == pytest.approx(drivers.horizon_probability("n", "a", "yes", years), abs=1e-11)
    z = float(table[:, :, 2].sum())
    assert z == pytest.approx(drivers.horizon_probability("n", "c", "z", years), abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(common_cause(), st.floats(0.01, 5.0), st.floats(0.01, 5.0))
def test_two_stretches_in_a_row_are_one_long_stretch(
    driver: Driver, first: float, second: float
) -> None:
    drivers = Drivers({"n": driver})
    parts = [drivers.over("n", LADDERS[:2], years) for years in (first, second, first + second)]
    if any(part.note for part in parts):
        return
    below = [np.cumsum(np.cumsum(part.table, 0), 1) for part in parts]
    np.testing.assert_allclose(below[0] * below[1], below[2], atol=1e-11)


@settings(max_examples=60, deadline=None)
@given(common_cause(), st.floats(0.01, 5.0))
def test_listing_hits_agrees_with_the_table(driver: Driver, years: float) -> None:
    drivers = Drivers({"n": driver})
    found = drivers.joint_over("n", (("b", "yes"), ("c", "z")), years)
    assert math.fsum(p for p, _ in found) == pytest.approx(1.0, abs=1e-12)
    b = math.fsum(p for p, hits in found if hits[0])
    assert b == pytest.approx(drivers.horizon_probability("n", "b", "yes", years), abs=1e-11)
    assert len({hits for _, hits in found}) == len(found)


def test_two_states_of_one_node_may_both_happen_over_a_longer_horizon() -> None:
    node = Node("c", ("x", "y", "z"), (), [0.5, 0.3, 0.2])
    drivers = Drivers({"n": Driver(Network((node,)))})
    law = {hits: p for p, hits in drivers.joint_over("n", (("c", "y"), ("c", "z")), 2.0)}
    assert law[False, False] == pytest.approx(0.25)
    assert law[True, True] == pytest.approx(2 * 0.3 * 0.2)
    assert law[True, False] == pytest.approx(0.3**2 + 2 * 0.5 * 0.3)


def test_exclusive_events_over_less_than_a_period_keep_their_own_probabilities_and_say_so() -> None:
    node = Node("c", ("x", "y", "z"), (), [0.4, 0.3, 0.3])
    drivers = Drivers({"n": Driver(Network((node,)))})
    ladders = [("c", (("x", "z"), ("y",))), ("c", (("x", "y"), ("z",)))]
    law = drivers.over("n", ladders, 0.5)
    assert "exclude each other" in law.note
    assert law.table.min() >= 0.0
    assert law.table.sum() == pytest.approx(1.0, abs=1e-14)
    assert law.table[1].sum() == pytest.approx(1 - math.sqrt(0.7), abs=1e-14)
    assert law.table[:, 1].sum() == pytest.approx(1 - math.sqrt(0.7), abs=1e-14)
    told: list[str] = []
    drivers.joint_over("n", (("c", "y"), ("c", "z")), 0.5, told.append)
    assert told == [law.note]
    longer = drivers.over("n", ladders, 1.5)
    assert longer.table[1].sum() == pytest.approx(1 - 0.7**1.5, abs=1e-13)


@pytest.mark.parametrize("p", [1e-12, 1e-6, 0.02, 0.5, 1 - 1e-9])
@pytest.mark.parametrize("k", [1 / 365.25, 10 / 365.25, 0.5, 1.0, 7.0])
def test_small_probabilities_keep_their_digits(p: float, k: float) -> None:
    with localcontext(prec=60):
        exact = float(1 - (1 - Decimal(p)) ** Decimal(k))
    assert happens_over(p, k, 1.0) == pytest.approx(exact, rel=1e-12)
    law, note = powered(np.array([1.0 - p, p]), k)
    assert note == ""
    assert law[1] == pytest.approx(exact, rel=1e-9)


def test_certainty_stays_certain() -> None:
    assert happens_over(1.0, 0.1, 1.0) == 1.0
    assert happens_over(0.0, 5.0, 1.0) == 0.0
    node = Node("depeg", ("no", "yes"), (), [0.98, 0.02])
    known = Drivers({"n": Driver(Network((node,)), 1.0, (), {"depeg": "yes"})})
    assert known.joint_over("n", (("depeg", "yes"),), 0.01) == ((1.0, (True,)),)


def test_the_same_question_gives_the_same_bits() -> None:
    def ask(order: Sequence[str]) -> list[float]:
        nodes = {
            "a": Node("a", ("no", "yes"), (), [0.9, 0.1]),
            "b": Node("b", ("no", "yes"), ("a",), [[0.8, 0.2], [0.3, 0.7]]),
        }
        drivers = Drivers({"n": Driver(Network(tuple(nodes[name] for name in order)))})
        table = drivers.over(
            "n", [("a", (("no",), ("yes",))), ("b", (("no",), ("yes",)))], 0.3
        ).table
        return table.ravel().tolist()

    assert ask("ab") == ask("ab")
    assert ask("ab") == pytest.approx(ask("ba"), abs=1e-15)


@given(
    st.floats(0.01, 0.6),
    st.floats(0.0, 0.3),
    st.floats(0.3, 0.9),
    st.sampled_from([0.1, 0.25, 3.0]),
)
def test_what_happens_within_another_horizon_is_the_joint_law_given_it(
    crash: float, calm: float, rough: float, years: float
) -> None:
    """By hand, from periods that are alike: given a crash at some time, and given none."""
    nodes = (
        Node("crash", ("no", "yes"), (), np.array([1.0 - crash, crash])),
        Node("fails", ("no", "yes"), ("crash",), np.array([[1 - calm, calm], [1 - rough, rough]])),
    )
    asked = Drivers({"net": Driver(Network(nodes))})
    # by hand: no crash, no failure, and neither in any part of the horizon
    no_crash = (1.0 - crash) ** years
    no_fail = (1.0 - crash * rough - (1.0 - crash) * calm) ** years
    neither = ((1.0 - crash) * (1.0 - calm)) ** years
    given_crash = 1.0 - (no_fail - neither) / (1.0 - no_crash)
    given_none = 1.0 - neither / no_crash
    for state, wanted in (("yes", given_crash), ("no", given_none)):
        known = asked.happening({"net.crash": state}, years)
        found = known.horizon_probability("net", "fails", "yes", years)
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        ((_, hits),) = known.joint_over("net", [("crash", "yes")], years)
        assert hits == (state == "yes",)


def test_what_happens_within_the_period_or_is_so_now_is_known() -> None:
    node = Node("crash", ("no", "yes"), (), np.array([0.9, 0.1]))
    asked = Drivers({"net": Driver(Network((node,)), years=1.0)})
    now = Drivers({"net": Driver(Network((node,)), 1.0, ("crash",))})
    for each, years in ((asked, 1.0), (now, 0.25)):
        known = each.happening({"net.crash": "yes"}, years)
        assert known.evidence == {"net.crash": "yes"}
