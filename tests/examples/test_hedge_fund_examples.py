# SPDX-License-Identifier: Apache-2.0
"""The example institution holds what its readers and the reference figures rely on."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from perilscope.book import Book, load

FOLDER = Path(__file__).parents[2] / "examples" / "hedge-fund"


@pytest.fixture(scope="module")
def book() -> Book:
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.yaml"))}
    return load(files, lambda name: (FOLDER / name).read_bytes())


def log(name: str) -> list[dict[str, str]]:
    with (FOLDER / "data" / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_it_has_the_size_it_promises(book: Book) -> None:
    assert len(book.scenarios) == 15
    assert len(book.controls) == 8
    assert len(book.assets) == 12
    assert len(book.protocols) == 4
    assert 6 <= len(book.limits) <= 8
    assert set(book.networks) == {"usdc-peg", "staff"}
    assert book.as_of == date(2026, 11, 20)
    assert len(book.no_scenario) >= 1
    assert len(book.experts) >= 3
    assert len(book.threats) >= 5
    assert len(book.vulnerabilities) >= 3


def test_reference_scenarios_are_exact(book: Book) -> None:
    for name, often, loss in (("protocol-exploit", 5, 1_000_000), ("pm-phishing", 2, 500_000)):
        scenario = book.scenarios[name]
        rate = scenario.frequency.estimate.value
        assert (rate.node.n, rate.per) == (Decimal(often), "year")
        assert scenario.counts.law == "poisson"
        money = scenario.magnitude.primary.estimate.value
        assert (money.node.value, money.unit) == (Decimal(loss), "USD")
        assert scenario.magnitude.secondary is None
        assert scenario.magnitude.at_most is None
    assert book.scenarios["protocol-exploit"].layer == "protocol"
    assert book.scenarios["protocol-exploit"].asset == "protocol-x"
    assert book.scenarios["pm-phishing"].layer == "operational"


def test_reference_control_is_exact(book: Book) -> None:
    control = book.controls["anti-phishing"]
    assert control.state == "candidate"
    assert control.costs.per_year.node.value == Decimal(50_000)
    assert control.costs.once is None
    (cut,) = control.cuts
    assert (cut.scenario, cut.factor) == ("pm-phishing", "frequency")
    assert cut.by.node.value == Decimal("0.8")


def test_reference_control_is_not_moved_by_the_logs() -> None:
    named = {row["scenario"] for row in log("incidents.csv") if row["outcome"] == "loss"}
    assert "protocol-exploit" not in named
    assert all("phishing" not in row["target"] for row in log("tests.csv"))


def test_peg_network_is_what_the_command_line_promises(book: Book) -> None:
    peg = book.networks["usdc-peg"]
    assert peg.nodes["depeg"].states == ("no", "yes")
    shocks = peg.shocks["depeg"]["yes"]
    assert shocks["USDC"].node.value == Decimal("-0.12")
    assert Decimal("-0.12") < shocks["DAI"].node.value < 0


def test_portfolio_has_eight_tokens_two_of_them_stable(book: Book) -> None:
    held = {row["asset"] for row in log("positions.csv")}
    assert len(held) == 8
    assert held == set(book.tokens)
    assert sum(book.tokens[token].kind == "stablecoin" for token in held) == 2
    assert {row["venue"] for row in log("positions.csv")} <= set(book.venues)


def test_balances_of_the_exchanges_agree_with_the_positions(book: Book) -> None:
    prices = [
        line
        for line in (FOLDER / "data" / "prices.csv").read_text("ascii").splitlines()
        if line[0] != "#"
    ]
    last = dict(zip(prices[0].split(","), prices[-1].split(","), strict=True))
    for venue in ("anchor", "meridian", "kestrel"):
        total = sum(
            float(row["quantity"]) * float(last[row["asset"]])
            for row in log("positions.csv")
            if row["venue"] == venue
        )
        assert float(book.venues[venue].holds.value.node.value) == pytest.approx(total, rel=0.005)


def test_logs_name_scenarios_and_controls_and_lie_in_the_observed_time(book: Book) -> None:
    for row in log("incidents.csv"):
        assert row["scenario"] in book.scenarios
        assert row["outcome"] in ("loss", "near miss", "blocked")
        assert book.observed_since <= date.fromisoformat(row["date"]) <= book.as_of
        assert bool(row["amount"]) == (row["outcome"] == "loss")
    for row in log("tests.csv"):
        assert row["target"].split(".")[0] in {*book.scenarios, *book.controls}
        assert 0 <= int(row["successes"]) <= int(row["trials"])
        assert date.fromisoformat(row["date"]) <= book.as_of


def test_a_review_is_overdue(book: Book) -> None:
    next_reviews = [v.review.next for v in book.venues.values() if v.review and v.review.next]
    assert any(day < book.as_of for day in next_reviews)


def test_every_declared_estimate_says_where_it_comes_from(book: Book) -> None:
    for scenario in book.scenarios.values():
        for path, estimate in scenario.estimates():
            assert estimate.source, f"{scenario.id}.{path}"
            assert estimate.grade, f"{scenario.id}.{path}"
