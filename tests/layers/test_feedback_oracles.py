# SPDX-License-Identifier: Apache-2.0
"""A declared horizon in slices against closed forms and against every path by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perilscope.book import load_text
from perilscope.engines.slices.chain import law
from perilscope.errors import AssessmentError, BookError, MisuseError
from perilscope.layers.feedback import read_regime, slices_of
from perilscope.layers.network_evidence import drivers
from perilscope.layers.slices import Held, Seen, Slices
from perilscope.layers.valuation import Valuation

HEAD = """
institution: {name: Example}
currency: USD
as_of: 2026-11-20
assets: {desk: {kind: other}}
tokens: {USDC: stablecoin, ETH: coin}
networks:
  desk-net: {nodes: {mood: {states: [calm, stressed], table: [0.7, 0.3]}}}
feedback:
  slices: 4
"""
CHAIN = """
  nodes:
    stress:
      states: [calm, stressed]
      first: [0.8, 0.2]
      parents: [before stress, before exploit]
      table:
        calm: {no: [0.9, 0.1], yes: [0.5, 0.5]}
        stressed: {no: [0.3, 0.7], yes: [0.2, 0.8]}
    exploit:
      parents: [before exploit, before stress]
      table: {no: {calm: [0.98, 0.02], stressed: [0.9, 0.1]}, yes: {calm: [0, 1], stressed: [0, 1]}}
  losses:
    exploited: {node: exploit, costs: 100}
"""


def made(text: str, held: Held | None = None, **known: Any) -> Slices:
    book = load_text(HEAD + text)
    assert book.feedback is not None
    given = (held,) if held is not None else ()
    return slices_of(book.feedback, drivers(book), Valuation(book, {}), *given, **known)


def measures(found: Slices) -> tuple[float, Any, float]:
    whole = law(found.chains, found.slices)
    low = found.chains[0][1].places.low
    return whole.mean + low, whole, low


def test_an_exploit_costs_once_with_the_chance_that_paths_have() -> None:
    found = made(CHAIN)
    assert found.nodes == ("stress", "exploit")
    alive = np.array([0.8, 0.2])
    for _ in range(4):
        alive = (alive * [0.98, 0.9]) @ np.array([[0.9, 0.1], [0.3, 0.7]])
    lost = 1.0 - alive.sum()
    mean, whole, low = measures(found)
    assert mean == pytest.approx(100.0 * lost, rel=1e-9)
    assert whole.exceed(50.0 - low) == pytest.approx(lost, rel=1e-9)
    assert whole.exceed(150.0 - low) < 1e-12


def test_evidence_networks_and_prices_say_how_it_starts() -> None:
    known = made(CHAIN, evidence={"stress": "stressed"})
    assert known.chance(known.chains[0][1].start, "stress", "stressed") == 1.0
    linked = made(CHAIN.replace("first: [0.8, 0.2]", "first: from desk-net.mood"))
    assert linked.chance(linked.chains[0][1].start, "stress", "stressed") == pytest.approx(0.3)
    market = CHAIN + "  market: {node: stress, read_from: {asset: ETH, "
    market += "volatility: {calm: 0.02, stressed: 0.06}, begins: 2 per year, ends: 6 per year}}\n"
    book = load_text(HEAD + market)
    assert book.feedback is not None
    assert book.feedback.market is not None
    assert book.feedback.market.read_from is not None
    states = ("calm", "stressed")
    said = read_regime(book.feedback.market.read_from, states, np.array([0.07, -0.05, 0.09]))
    weighed = made(market, seen=Seen("ETH", states, said, 3))
    ratio = said.likelihood
    expected = 0.2 * ratio[1] / (0.8 * ratio[0] + 0.2 * ratio[1])
    start = weighed.chains[0][1].start
    assert weighed.chance(start, "stress", "stressed") == pytest.approx(expected, rel=1e-12)
    assert expected > 0.5


def test_the_market_moves_by_regime_and_what_is_taken_moves_no_more() -> None:
    """Moves of ±10 %, twice that under stress, of a holding that an exploit takes half of."""
    text = CHAIN.replace("costs: 100", "takes: {ETH: 0.5}")
    text += "  market: {node: stress, moves: {calm: 1, stressed: 2}}\n"
    held = Held({"ETH": 1000.0}, np.array([[0.1], [-0.1]]), 7)
    found = made(text, held)
    # by hand: law of (stress, exploit) step by step; variance of a slice is (value * size)^2
    at = np.zeros((2, 2))
    at[:, 0] = (0.8, 0.2)
    variance = 0.0
    for _ in range(4):
        new = np.zeros((2, 2))
        for s in (0, 1):
            for e in (0, 1):
                stress = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.3, 0.7], [0.2, 0.8]]])[s, e]
                gone = np.array([0.0, 1.0]) if e else np.array([[0.98, 0.02], [0.9, 0.1]])[s]
                for s2 in (0, 1):
                    for e2 in (0, 1):
                        p = at[s, e] * stress[s2] * gone[e2]
                        variance += p * (1000.0 * (0.5 if e else 1.0) * 0.1 * (1 + s2)) ** 2
                        new[s2, e2] += p
        at = new
    mean, whole, _ = measures(found)
    assert mean == pytest.approx(0.0, abs=1e-6)
    step = found.chains[0][1].places.step
    assert whole.sd**2 == pytest.approx(variance, rel=1e-6, abs=4 * step**2)


def test_moves_that_are_cut_at_nothing_bring_no_drift() -> None:
    """Moves of ±60 % doubled: what falls by 120 % falls by all, and the mean stays."""
    text = CHAIN.replace("costs: 100", "takes: {ETH: 0.5}")
    text += "  market: {node: stress, moves: {calm: 1, stressed: 2}}\n"
    found = made(text, Held({"ETH": 1000.0}, np.array([[0.6], [-0.6]]), 7))
    assert measures(found)[0] == pytest.approx(0.0, abs=1e-6)


def test_a_shock_multiplies_prices_on_the_way_in_only() -> None:
    text = CHAIN.replace("costs: 100", "shocks: {USDC: -0.12}")
    held = Held({"USDC": 1000.0}, np.zeros((3, 1)), 7)
    found = made(text, held)
    mean, whole, low = measures(found)
    assert whole.exceed(119.0 - low) == pytest.approx(mean / 120.0, rel=1e-6)


def test_beliefs_are_mixed_outside_the_power() -> None:
    text = CHAIN.replace("costs: 100", 'costs: "belief(uniform(50, 150))"')
    found = made(text)
    assert len(found.chains) > 1
    mean, _, _ = measures(found)
    assert mean == pytest.approx(measures(made(CHAIN))[0], rel=1e-9)


def test_nodes_apart_keep_their_own_course() -> None:
    found = made(CHAIN)
    apart = found.apart()
    for k in range(1, 5):
        one, two = (
            f.chains[0][1].start @ np.linalg.matrix_power(f.chains[0][1].transition, k)
            for f in (found, apart)
        )
        assert apart.chance(two, "exploit", "yes") == pytest.approx(
            found.chance(one, "exploit", "yes"), abs=0.03
        )
    assert apart.chains[0][1].transition.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("before stress, before exploit", "before stres, before exploit", "no node is called"),
        ("[0.8, 0.2]", "[0.8, 0.3]", "sums to 1.1"),
        ("[0.8, 0.2]", "from nowhere at all", "cannot read"),
        ("node: exploit", "node: explode", "no node of the feedback"),
        ("costs: 100", "owner: me", "this costs nothing"),
        ("parents: [before exploit, before stress]", "parents: [exploit, before stress]", "cycle"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    with pytest.raises(BookError, match=said):
        load_text(HEAD + CHAIN.replace(old, new, 1))


def test_what_cannot_be_assessed_is_refused() -> None:
    with pytest.raises(MisuseError, match="no node of the feedback"):
        made(CHAIN, evidence={"mood": "bad"})
    with pytest.raises(MisuseError, match="has the states"):
        made(CHAIN, evidence={"stress": "bad"})
    with pytest.raises(MisuseError, match="slices"):
        made(CHAIN, slices=20_000)
    comes_back = CHAIN.replace("yes: {calm: [0, 1], stressed: [0, 1]}",
                               "yes: {calm: [0.1, 0.9], stressed: [0, 1]}")  # fmt: skip
    with pytest.raises(AssessmentError, match="does not come back"):
        made(comes_back.replace("costs: 100", "takes: {ETH: 1}"))
    assert made(comes_back).notes
    with pytest.raises(AssessmentError, match="no finite mean"):
        made(CHAIN.replace("costs: 100", 'costs: "pareto(0.9, 10)"'))
    assert math.isfinite(measures(made(CHAIN))[0])


HEAVY = """
  nodes:
    a: {parents: [before a], table: {no: [0.95, 0.05], yes: [0.5, 0.5]}}
  losses:
    x: {node: a, costs: "pareto(1.5, 100)"}
"""


def test_heavy_costs_keep_their_mean_and_the_window_stays_fine() -> None:
    """Infinite variance: the mean beyond the window counts; exceedance is that of one big one."""
    found = made(HEAVY, slices=52)
    at, entries = np.array([1.0, 0.0]), 0.0
    for _ in range(52):
        entries += at[0] * 0.05
        at = at @ np.array([[0.95, 0.05], [0.5, 0.5]])
    mean, whole, low = measures(found)
    assert mean == pytest.approx(entries * 300.0, rel=1e-9)  # 100 * 1.5 / 0.5
    assert found.chains[0][1].places.step < 0.02 * (whole.var(0.95) + low)
    far = 1e5  # subexponential: one large cost makes it, others add their mean
    alone = entries * (100.0 / (far - mean)) ** 1.5
    assert whole.exceed(far - low) == pytest.approx(alone, rel=0.05)


def test_nodes_that_forget_everything_and_no_nodes_at_all() -> None:
    text = "  nodes: {a: {table: [0.9, 0.1]}}\n  losses: {x: {node: a, costs: 5}}\n"
    mean, whole, low = measures(made(text, slices=52))
    assert mean == pytest.approx(5.0 * (0.1 + 51 * 0.09))
    assert whole.exceed(4.9 - low) == pytest.approx(1.0 - 0.9**52, rel=1e-9)
    with pytest.raises(BookError, match="there is no node"):
        load_text(HEAD + "  nodes: {}\n")
