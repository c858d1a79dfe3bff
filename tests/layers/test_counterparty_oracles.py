# SPDX-License-Identifier: Apache-2.0
"""What stands at a venue when it fails, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from perilscope.book import load_text
from perilscope.errors import BookError
from perilscope.evidence.positions import Position, Terms
from perilscope.layers.counterparty import Exposure, exposures
from perilscope.layers.network_evidence import drivers
from perilscope.layers.valuation import Valuation

BOOK = """
institution: {name: Example}
currency: USD
as_of: 2026-11-20
tokens: {BTC: coin, USDC: stablecoin}
discount_rate: 10 % per year
networks:
  peg:
    nodes:
      stress: {states: [calm, stressed], table: [0.8, 0.2]}
      venue: {parents: [stress], table: {calm: [0.99, 0.01], stressed: [0.9, 0.1]}}
      depeg: {parents: [stress], table: {calm: [0.98, 0.02], stressed: [0.7, 0.3]}}
    shocks:
      stress: {stressed: {BTC: -0.4}}
      depeg: {yes: {USDC: -0.1}}
venues:
  exchange:
    kind: exchange
    holds: 9M
    fails: {scenario: default, withdrawn: 20 %, recovers: "uniform(0.2, 0.6)", after: 2 years}
scenarios:
  default: {asset: exchange, frequency: from peg.venue, counts: at most one a year, magnitude: 1M}
"""
LOTS = (
    Position("BTC", 10.0, "exchange"),
    Position("USDC", 1000.0, "exchange"),
    Position("BTC", 5.0, "elsewhere"),
    Position("BTC", -3.0, "exchange", instrument="perpetual"),
)
CLOSES = {"BTC": 100.0, "USDC": 1.0}


def found(text: str = BOOK, lots: Any = LOTS, chance: float = 0.028) -> Exposure:
    book = load_text(text)
    made, notes = exposures(book, drivers(book), Valuation(book, CLOSES), lots, {"default": chance})
    assert not notes
    return made[0]


def test_prices_at_failure_are_those_the_network_has_given_that_it_fails() -> None:
    each = found()
    stressed = 0.2 * 0.1 / (0.2 * 0.1 + 0.8 * 0.01)
    depeg = stressed * 0.3 + (1 - stressed) * 0.02
    assert each.by == "network peg"
    assert each.prices["BTC"] == pytest.approx(1 - 0.4 * stressed)
    assert each.prices["USDC"] == pytest.approx(1 - 0.1 * depeg)
    assert each.today == pytest.approx(2000.0)
    then = 1000.0 * (1 - 0.4 * stressed) + 1000.0 * (1 - 0.1 * depeg)
    then += 3.0 * 40.0 * stressed  # the short entered at today's price gains by the fall
    assert each.at_failure == pytest.approx(then)
    assert each.left == pytest.approx(0.8 * then)
    assert each.lost[0] == pytest.approx(0.8 * then * (1 - 0.4 / 1.21))
    assert each.lost[1] == pytest.approx(0.8 * then * (1 - 0.58 / 1.21))
    assert each.lost[2] == pytest.approx(0.8 * then * (1 - 0.22 / 1.21))
    assert each.expected == pytest.approx(0.028 * each.lost[0])
    assert each.usual == pytest.approx(each.expected * 2000.0 / then)


def test_declared_prices_win_and_a_balance_stands_for_positions() -> None:
    text = BOOK.replace("withdrawn: 20 %", "withdrawn: 20 %, prices: {BTC: 50 %, USDC: -0.5}")
    each = found(text)
    assert each.by == "declared"
    assert each.at_failure == pytest.approx(1000.0 * 1.5 + 500.0)  # what rises is at risk more, and
    assert each.contracts == (0.0, 0.0)  # a short that owes by then is not set off
    alone = found(text, lots=())
    assert alone.today == alone.at_failure == 9e6


def test_nothing_comes_back_unless_it_is_said() -> None:
    text = BOOK.replace(', recovers: "uniform(0.2, 0.6)", after: 2 years', "")
    each = found(text)
    assert each.lost == (each.left, each.left, each.left)


def test_a_scenario_that_failed_or_is_none_is_said() -> None:
    book = load_text(BOOK)
    made, notes = exposures(book, drivers(book), Valuation(book, CLOSES), LOTS, {})
    assert not made
    assert notes == ("venues.exchange: default could not be assessed",)
    with pytest.raises(BookError, match="no scenario is called"):
        load_text(BOOK.replace("fails: {scenario: default", "fails: {scenario: defualt"))
    with pytest.raises(BookError):
        load_text(BOOK.replace("withdrawn: 20 %", "withdrawn: 120 %"))


def test_margins_and_gains_of_contracts_are_lost_with_the_venue_each_floored_at_zero() -> None:
    # a short of 10 from 120 with a margin of 300: 300 + 10 (120 - S); a long of 4 from 130 with a
    # margin of 50 owes at 100 and below; both over the states of the network, not at the mean price
    short = Terms(entry=120.0, margin=300.0)
    long = Terms(entry=130.0, margin=50.0)
    lots = (
        Position("BTC", 10.0, "exchange"),
        Position("BTC", -10.0, "exchange", instrument="perpetual", terms=short),
        Position("BTC", 4.0, "exchange", instrument="perpetual", terms=long),
        Position("BTC", -99.0, "elsewhere", instrument="perpetual", terms=short),
    )
    each = found(lots=lots)
    stressed = 0.2 * 0.1 / (0.2 * 0.1 + 0.8 * 0.01)
    at_failure = stressed * (300.0 + 10.0 * 60.0) + (1 - stressed) * (300.0 + 10.0 * 20.0)
    assert each.contracts == pytest.approx((500.0, at_failure))
    assert each.today == pytest.approx(1500.0)
    assert each.at_failure == pytest.approx(1000.0 * (1 - 0.4 * stressed) + at_failure)
    assert each.lost[0] == pytest.approx(0.8 * each.at_failure * (1 - 0.4 / 1.21))


def test_a_contract_that_pays_in_some_states_alone_counts_in_those() -> None:
    terms = Terms(entry=80.0)  # a cross-margined short: 80 - S, so -20 today and +20 if stressed
    lots = (
        Position("BTC", 1.0, "exchange"),
        Position("BTC", -1.0, "exchange", instrument="perpetual", terms=terms),
    )
    stressed = 0.2 * 0.1 / (0.2 * 0.1 + 0.8 * 0.01)
    assert found(lots=lots).contracts == pytest.approx((0.0, 20.0 * stressed))


def test_contracts_alone_or_the_declared_balance_whichever_is_more() -> None:
    terms = Terms(entry=120.0, margin=300.0)
    lots = (Position("BTC", -10.0, "exchange", instrument="perpetual", terms=terms),)
    assert found(lots=lots).today == 9e6
    each = found(BOOK.replace("    holds: 9M\n", ""), lots=lots)
    assert each.today == pytest.approx(500.0)
    assert each.contracts[0] == pytest.approx(500.0)
