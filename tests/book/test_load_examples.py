# SPDX-License-Identifier: Apache-2.0
"""What a well-formed book becomes."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from perilscope.book import (
    Book,
    Counts,
    Duration,
    Forms,
    Frequency,
    From,
    Leaf,
    ThreatEvents,
    Vulnerability,
    content_hash,
    from_mapping,
    json_schema,
    load,
    load_text,
)
from perilscope.book.quantity import Belief, Call, Num, OneIn, ShareOf, To, parse

from .books import BOOK, STAFF, read

FACE = Path(__file__).parents[3] / "shared" / "design" / "FACE.md"


@pytest.fixture(scope="module")
def book() -> Book:
    return load_text(BOOK, read)


def test_entries_know_their_ids_and_keep_the_order_of_the_file(book: Book) -> None:
    assert list(book.assets) == ["hot-wallet", "keys", "models", "clients-data"]
    assert all(entry.id == key for key, entry in book.scenarios.items())
    assert [n.id for n in book.networks["staff"].nodes.values()] == ["training", "filter", "click"]
    assert book.assets["keys"].label == "keys"
    assert book.experts["mara"].label == "Mara K."


def test_the_institution(book: Book) -> None:
    assert book.institution.net_assets is not None
    assert book.institution.net_assets.value.node == Num(Decimal(60_000_000))
    assert book.institution.net_assets.on == date(2026, 9, 30)
    assert (book.institution.people, book.institution.transactions_per_year) == (25, 120_000)
    assert book.horizon_years == 1.0
    assert book.as_of == date(2026, 11, 20)
    assert book.review is not None
    assert book.review.every_days == 91
    assert book.discount_rate.node == Num(Decimal("0.04"))
    assert (book.market.default, book.market.stale_after_days) == ("student-t", 3)


def test_a_deposit_declares_its_token(book: Book) -> None:
    assert list(book.tokens) == ["ETH", "stETH", "1INCH", "USDC.e", "DAI"]
    assert book.tokens["1INCH"].price is not None
    assert book.protocols["pool"].deposit is not None
    assert book.protocols["pool"].deposit.value.unit == "DAI"


def test_what_is_held(book: Book) -> None:
    wallet = book.assets["hot-wallet"]
    assert wallet.holds["ETH"].value == parse("1200 ETH", "money")
    assert wallet.holds["stETH"].value == parse("10 stETH", "money")
    assert book.assets["keys"].worth is not None
    assert book.assets["keys"].worth.through_protected
    parts = book.assets["models"].worth
    assert parts is not None
    assert list(parts.parts) == ["replacement", "revenue"]
    assert isinstance(parts.parts["revenue"].value.node, To)
    data = book.assets["clients-data"]
    assert (data.belongs_to, data.liable.node, data.tags) == (
        "clients",
        Num(Decimal("0.4")),
        ("gdpr", "2026"),
    )
    assert data.worth is not None
    assert data.worth.value is not None
    assert data.worth.value.grade == "guess"
    assert data.note == "Two lines\nof text.\n"


def test_a_protocol_with_all_its_facts(book: Book) -> None:
    pool = book.protocols["pool"]
    assert pool.earns == parse("6 % per year", "rate", percent=True)
    assert pool.live_for is not None
    assert pool.live_for.node == Num(Decimal("1.5"))
    assert (pool.audits, pool.lines_of_code, pool.admin) == (3, 4000, "single key")
    assert pool.timelock == Duration(Decimal(0))
    assert (pool.upgradeable, pool.unaudited_change) == (True, False)


def test_factors_are_quantities_or_their_children_at_every_depth(book: Book) -> None:
    phished = book.scenarios["phished"]
    assert isinstance(phished.frequency, Frequency)
    events = phished.frequency.threat_event_frequency
    assert isinstance(events, ThreatEvents)
    assert isinstance(events.contact_frequency, Leaf)
    assert events.contact_frequency.estimate.value.per == "week"
    assert isinstance(events.probability_of_action, Leaf)
    assert isinstance(events.probability_of_action.estimate.value.node, Belief)
    assert phished.frequency.vulnerability == From(network="staff", node="click", state="yes")
    assert phished.flaw == "weak-approval"
    assert phished.counts == Counts("negative-binomial", Decimal(2))
    assert isinstance(phished.magnitude.primary, Forms)
    assert phished.magnitude.secondary is not None
    assert isinstance(phished.magnitude.secondary.magnitude, Forms)
    assert phished.magnitude.secondary.probability.estimate.value.node == OneIn(Decimal(4))
    assert (phished.magnitude.at_most, phished.refilled) == ("hot-wallet", True)
    skilled = book.scenarios["skilled"]
    assert isinstance(skilled.frequency, Frequency)
    assert isinstance(skilled.frequency.vulnerability, Vulnerability)
    assert book.scenarios["halt"].frequency == From(network="staff", node="training", state="none")
    assert book.scenarios["halt"].counts.law == "bernoulli"


def test_the_layer_follows_from_the_asset(book: Book) -> None:
    layers = {key: scenario.layer for key, scenario in book.scenarios.items()}
    assert layers.pop("pool-exploit") == "protocol"
    assert set(layers.values()) == {"operational"}


def test_estimates_inherit_the_provenance_of_their_scenario(book: Book) -> None:
    found = dict(book.scenarios["phished"].estimates())
    assert list(found) == [
        "frequency.threat_event_frequency.contact_frequency",
        "frequency.threat_event_frequency.probability_of_action",
        "magnitude.primary.response",
        "magnitude.primary.replacement",
        "magnitude.secondary.probability",
        "magnitude.secondary.magnitude.fines_and_judgements",
    ]
    own = found["frequency.threat_event_frequency.contact_frequency"]
    assert (own.source, own.by, own.on, own.grade) == ("", "mara", date(2026, 10, 1), "own data")
    taken = found["magnitude.primary.response"]
    assert (taken.source, taken.on, taken.grade) == ("interviews", date(2026, 9, 1), "expert")
    assert [path for path, _ in book.scenarios["slip"].estimates()] == ["frequency", "magnitude"]
    assert book.scenarios["phished"].drivers() == (
        ("frequency.vulnerability", From(network="staff", node="click")),
    )


def test_controls(book: Book) -> None:
    training, cap = book.controls["training"], book.controls["limits-at-kraken"]
    assert [(c.scenario, c.factor, c.by.node) for c in training.cuts] == [
        ("phished", "vulnerability", Num(Decimal("0.6"))),
        ("phished", "primary", Num(Decimal("0.1"))),
    ]
    assert all(cut.sure == training.sure for cut in training.cuts)
    assert training.costs.once == parse("30k", "money")
    assert training.costs.per_year == parse("12k per year", "money_rate")
    assert training.costs.life_years == Decimal(3)
    assert cap.costs.per_year == parse("5k per month", "money_rate")
    assert (cap.state, cap.cuts[0].sure, cap.caps["kraken"].node) == (
        "in place",
        None,
        Num(Decimal(2_000_000)),
    )


def test_tables_become_rows_in_c_order_of_the_parents(book: Book) -> None:
    staff = book.networks["staff"]
    assert staff.nodes["training"].table == ((Decimal("0.7"), Decimal("0.3")),)
    rows = [[float(p) for p in row] for row in staff.nodes["click"].table]
    assert rows == [[0.9, 0.1], [0.98, 0.02], [0.6, 0.4], [0.9, 0.1]]
    assert staff.period_years == 1.0
    assert staff.shocks["click"]["yes"]["ETH"].node == Num(Decimal("-0.03"))
    joined = """good, no: [0.9, 0.1]
      good, yes: [0.98, 0.02]
      none, no: [0.6, 0.4]
      none, yes: [0.9, 0.1]"""
    start = STAFF.index("good: {no: [0.9")
    end = STAFF.index("shocks")
    other = STAFF[:start] + joined + "\n" + STAFF[end:]
    again = load_text(BOOK, lambda _: other.encode())
    assert again.networks["staff"] == staff


def test_limits(book: Book) -> None:
    first, second, third, fourth = book.limits
    assert (first.measure.kind, first.warn_at.node) == ("expected_loss", Num(Decimal("0.75")))
    assert (second.measure.kind, second.measure.level) == ("annual_cvar", Decimal("0.995"))
    assert second.at_most.node == ShareOf(Num(Decimal("0.1")), "net_assets")
    assert (third.measure.kind, third.measure.days) == ("market_var", 10)
    assert fourth.measure.amount == parse("5M", "money")
    assert (fourth.at_most.dimension, fourth.at_most.node) == ("probability", OneIn(Decimal(50)))


def test_a_book_is_frozen_hashable_and_picklable(book: Book) -> None:
    with pytest.raises(TypeError):
        book.assets["new"] = book.assets["keys"]  # type: ignore[index]
    with pytest.raises(TypeError):
        book.assets.pop("keys")
    with pytest.raises(ValueError):
        book.currency = "EUR"  # type: ignore[misc]
    assert hash(book) == hash(load_text(BOOK, read))
    again = pickle.loads(pickle.dumps(book))
    assert again == book
    assert again.scenarios["phished"].id == "phished"


def test_a_book_built_in_python_is_the_same_book() -> None:
    text = """
institution: {name: F, people: 12}
currency: EUR
as_of: 2026-11-20
assets: {desk: {worth: 250k}}
venues: {x: {segregated: yes}}
scenarios: {s: {asset: desk, frequency: 0.5 per year, magnitude: 1M, refilled: no}}
"""
    tree = {
        "institution": {"name": "F", "people": 12},
        "currency": "EUR",
        "as_of": date(2026, 11, 20),
        "assets": {"desk": {"worth": 250_000}},
        "venues": {"x": {"segregated": True}},
        "scenarios": {
            "s": {
                "asset": "desk",
                "frequency": parse("0.5 per year", "rate"),
                "magnitude": Decimal("1e6"),
                "refilled": False,
                "threat": None,
            }
        },
    }
    assert from_mapping(tree) == load_text(text)
    assert content_hash(from_mapping(tree)) == content_hash(load_text(text))


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    windows = ("\ufeff" + BOOK.replace("\n", "\r\n")).encode("utf-8")
    other = load({"book.yaml": windows}, read)
    assert content_hash(other) == content_hash(load_text(BOOK, read))


def test_the_words_yes_no_and_numbers_that_yaml_would_change_stay_as_written() -> None:
    head = "institution: {name: 0x1F}\ncurrency: USD\nas_of: 2026-11-20\ntitle: 1_000\n"
    head += "assets: {a: {name: no, chain: 1e3, basis: 010}}\n"
    book = load_text(head)
    assert (book.institution.name, book.title) == ("0x1F", "1_000")
    assert (book.assets["a"].name, book.assets["a"].chain) == ("no", "1e3")
    assert book.assets["a"].basis == "010"


def test_the_book_that_sets_the_tone_loads_unchanged() -> None:
    if not FACE.is_file():
        pytest.skip(f"the design folder is not beside the project ({FACE.parent.name} absent)")
    found = re.search(r"```yaml\n(.*?)```", FACE.read_text(encoding="utf-8"), re.S)
    assert found is not None
    peg = b"nodes: {depeg: {table: [0.98, 0.02]}}\nshocks: {depeg: {yes: {USDC: -12 %}}}\n"
    staff = b"nodes: {click: {table: [0.9, 0.1]}}\n"
    book = load_text(found[1], lambda name: peg if "peg" in name else staff)
    assert len(book.scenarios) == 6
    assert list(book.networks) == ["usdc-peg", "staff-to-phishing"]
    assert book.protocols["protocol-x"].timelock == Duration(Decimal(48))
    default = book.scenarios["exchange-default"].magnitude.primary
    assert isinstance(default, Leaf)
    node = default.estimate.value.node
    assert isinstance(node, ShareOf)
    assert (node.of, isinstance(node.share, Call)) == ("binance", True)
    assert book.scenarios["protocol-exploit"].layer == "protocol"
    assert book.controls["anti-phishing"].cuts[0].by.node == Num(Decimal("0.8"))
    assert [limit.measure.kind for limit in book.limits] == [
        "expected_loss",
        "loss_in_year",
        "balance",
        "market_cvar",
    ]


def test_importing_the_book_is_light() -> None:
    code = (
        "import sys, perilscope.book; "
        "heavy = {'numpy', 'scipy', 'lark', 'ruamel.yaml'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_quantity_is_read_once() -> None:
    from perilscope.book.grammar import read as read_quantity

    text = (
        "institution: {name: F}\ncurrency: USD\nas_of: 2026-11-20\nassets: {desk: {}}\nscenarios:\n"
    )
    for i in range(40):
        text += f"  s{i}: {{asset: desk, frequency: 1 in {i + 500} years, magnitude: {i + 700}k}}\n"
    before = read_quantity.cache_info().misses
    load_text(text)
    load_text(text)
    assert read_quantity.cache_info().misses - before <= 80


def test_the_schema_names_every_top_level_key() -> None:
    assert set(json_schema()["properties"]) == set(Book.model_fields)
