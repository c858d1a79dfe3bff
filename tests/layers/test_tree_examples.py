# SPDX-License-Identifier: Apache-2.0
"""The FAIR tree says what was declared, whose it is, and how its nodes hang together."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest

import perilscope
from perilscope.layers.tree import Node

BASE = {
    "institution": {"name": "Test"},
    "currency": "USD",
    "as_of": "2026-01-31",
    "assets": {
        "wallet": {"kind": "wallet", "worth": "2M"},
        "vault": {"kind": "wallet", "holds": {"ETH": "1000"}},
    },
    "tokens": {"ETH": {"kind": "coin", "price": "3000"}},
}
WHOLE = {
    "asset": "wallet",
    "source": "workshop",
    "by": "ciso",
    "on": "2025-12-01",
    "grade": "expert",
    "frequency": {
        "threat_event_frequency": {
            "contact_frequency": "2 per week",
            "probability_of_action": "belief(beta(2, 38))",
        },
        "vulnerability": {
            "threat_capability": "beta(2, 3)",
            "resistance_strength": {"value": "beta(5, 2)", "source": "tests", "grade": "own data"},
        },
    },
    "magnitude": {
        "primary": {"response": "50k", "replacement": "pert(50k, 400k, 1.55M)"},
        "secondary": {
            "probability": "1 in 4",
            "magnitude": {"fines_and_judgements": "2M", "reputation": "100k to 900k"},
        },
    },
}


def tree(scenario: dict[str, Any], **more: Any) -> Node:
    settings = more.pop("settings", {})
    book = perilscope.declare({**BASE, **more, "scenarios": {"s": scenario}})
    run = perilscope.quantify(book, engine="exact", **settings)
    return run.result.insight.trees["s"]


def by_path(root: Node) -> dict[str, Node]:
    return {node.path: node for node in root.walk()}


def test_the_whole_tree_by_the_names_of_open_fair() -> None:
    names = [(node.path.count("."), node.name) for node in tree(WHOLE).walk()]
    assert [name for _, name in names] == [
        "Annual loss",
        "Loss event frequency",
        "Threat event frequency",
        "Contact frequency",
        "Probability of action",
        "Vulnerability",
        "Threat capability",
        "Resistance strength",
        "Loss magnitude",
        "Primary loss",
        "Response",
        "Replacement",
        "Secondary loss",
        "Secondary loss event frequency",
        "Secondary loss magnitude",
        "Fines and judgements",
        "Reputation",
    ]


def test_leaves_say_what_is_declared_and_whose_it_is() -> None:
    found = by_path(tree(WHOLE))
    contacts = found["frequency.threat_event_frequency.contact_frequency"]
    assert (contacts.text, contacts.kind, contacts.unit) == ("2 per week", "number", "per year")
    assert contacts.mean == pytest.approx(2 * 365.25 / 7, rel=1e-12)
    assert (contacts.source, contacts.by, contacts.grade) == ("workshop", "ciso", "expert")
    assert contacts.on == date(2025, 12, 1)
    strength = found["frequency.vulnerability.resistance_strength"]
    assert (strength.source, strength.grade, strength.by) == ("tests", "own data", "")
    acts = found["frequency.threat_event_frequency.probability_of_action"]
    assert (acts.kind, acts.varies, acts.unit) == ("belief", "belief", "probability")
    lost = found["magnitude.primary.replacement"]
    assert (lost.kind, lost.varies, lost.unit) == ("chance", "chance", "USD")
    assert lost.text == "pert(50k, 400k, 1.55M) USD"


def test_derived_nodes_say_how_their_children_make_them() -> None:
    found = by_path(tree(WHOLE))
    joins = {path: node.joins for path, node in found.items() if node.children}
    assert joins == {
        "annual_loss": "times",
        "frequency": "times",
        "frequency.threat_event_frequency": "times",
        "frequency.vulnerability": "exceeds",
        "magnitude": "plus",
        "magnitude.primary": "plus",
        "magnitude.secondary": "times",
        "magnitude.secondary.magnitude": "plus",
    }
    assert {found[path].kind for path in joins} == {"derived"}
    # the belief about action reaches everything above it and nothing beside it
    believed = {path for path, node in found.items() if node.varies == "belief"}
    assert believed == {
        "annual_loss",
        "frequency",
        "frequency.threat_event_frequency",
        "frequency.threat_event_frequency.probability_of_action",
    }


def test_one_quantity_for_each_factor_is_a_tree_of_three() -> None:
    root = tree({"asset": "wallet", "frequency": "1 in 4 years", "magnitude": "10k to 90k"})
    assert [node.path for node in root.walk()] == ["annual_loss", "frequency", "magnitude"]
    often, much = root.children
    assert (often.low, often.mean, often.high, often.varies) == (0.25, 0.25, 0.25, "")
    assert (much.low, much.high) == (pytest.approx(10e3), pytest.approx(90e3))
    assert (root.low, root.varies, root.unit) == (0.0, "chance", "USD per year")


def test_a_cap_is_named_where_it_holds() -> None:
    s = {
        "asset": "wallet",
        "frequency": "3 per year",
        "magnitude": {"value": "1.5M", "at_most": "wallet"},
    }
    root = tree(s)
    much = root.children[1]
    (cap,) = much.children
    assert (cap.path, cap.name, cap.text, cap.mean) == (
        "magnitude.at_most",
        "At most",
        "wallet",
        2e6,
    )
    assert "wallet" in much.notes[-1]
    assert (much.mean, much.uncapped) == (1.5e6, 1.5e6)
    # the year: nothing, one theft, or the whole wallet however many thefts
    none, one = math.exp(-3), 3 * math.exp(-3)
    assert root.mean == pytest.approx(one * 1.5e6 + (1 - none - one) * 2e6, rel=1e-9)
    assert root.uncapped == pytest.approx(4.5e6, rel=1e-12)
    assert "at most once a year" in root.notes[0]


def test_a_refilled_holding_caps_events_but_no_year() -> None:
    s = {
        "asset": "wallet",
        "frequency": "3 per year",
        "refilled": "yes",
        "magnitude": {"value": "discrete(1M: 50 %, 5M: 50 %)", "at_most": "wallet"},
    }
    root = tree(s)
    assert (root.uncapped, root.notes) == (None, ())
    assert (root.children[1].mean, root.children[1].uncapped) == (1.5e6, 3e6)
    assert root.mean == pytest.approx(4.5e6, rel=1e-12)


def test_tokens_are_shown_as_written_and_counted_at_their_price() -> None:
    root = tree({"asset": "vault", "frequency": "1 per year", "magnitude": "40 ETH"})
    much = root.children[1]
    assert (much.text, much.mean) == ("40 ETH", 120_000.0)
    assert "One ETH counts as 3,000 USD." in much.notes


NETWORK = {
    "period": "1 year",
    "nodes": {"storm": {"states": ["no", "yes"], "table": ["90 %", "10 %"]}},
}


def test_what_a_network_gives_is_shown_with_the_value_used() -> None:
    s = {
        "asset": "wallet",
        "frequency": "from weather.storm",
        "counts": "at most one a year",
        "magnitude": "1M",
        "by": "quant",
    }
    often = tree(s, networks={"weather": NETWORK}).children[0]
    assert (often.kind, often.text, often.by) == ("network", "from weather.storm", "quant")
    assert often.mean == pytest.approx(0.1, rel=1e-12)
    known = tree(s, networks={"weather": NETWORK}, settings={"evidence": {"storm": "yes"}})
    assert known.children[0].mean == 1.0


def test_a_network_may_give_the_vulnerability_alone() -> None:
    s = {
        "asset": "wallet",
        "frequency": {
            "threat_event_frequency": "20 per year",
            "vulnerability": "from weather.storm = no",
        },
        "magnitude": "1k",
    }
    often = tree(s, networks={"weather": NETWORK}).children[0]
    events, weak = often.children
    assert (weak.text, weak.kind) == ("from weather.storm = no", "network")
    assert often.mean == pytest.approx(18.0, rel=1e-12)
    assert events.kind == "number"


def test_laws_of_counts_are_named_where_they_hold() -> None:
    s = {
        "asset": "wallet",
        "frequency": "2 per year",
        "counts": "negative-binomial(3)",
        "magnitude": "1k",
    }
    assert "negative-binomial(3)" in tree(s).children[0].notes[-1]


def test_over_two_years_at_most_one_event_is_fewer_a_year_than_stated() -> None:
    s = {
        "asset": "wallet",
        "frequency": "0.2 per year",
        "counts": "binomial(1)",
        "magnitude": "1k",
    }
    often = tree(s, settings={"horizon": "2 years"}).children[0]
    assert often.mean == pytest.approx((1 - 0.8**2) / 2, rel=1e-12)
    assert any("0.2 a year as stated" in note for note in often.notes)


def test_what_the_log_changed_is_used_and_the_declared_belief_named(tmp_path: Any) -> None:
    (tmp_path / "incidents.csv").write_text(
        "date,scenario,outcome,amount,source\n2025-06-30,s,loss,1000,log\n", encoding="utf-8"
    )
    (tmp_path / "book.yaml").write_text(
        "institution: {name: Test}\ncurrency: USD\nas_of: 2026-01-01\n"
        "observed_since: 2024-01-01\nincidents: incidents.csv\n"
        "assets: {desk: {kind: other, worth: 1M}}\n"
        "scenarios:\n  s: {asset: desk, frequency: 'belief(gamma(2, 10)) per year', "
        "magnitude: 1k}\n",
        encoding="utf-8",
    )
    run = perilscope.quantify(tmp_path / "book.yaml", engine="exact")
    often = run.result.insight.trees["s"].children[0]
    years = 731 / 365.25
    assert often.mean == pytest.approx((2 + 1) / (10 + years), rel=1e-3)
    assert often.kind == "belief"
    (note,) = (note for note in often.notes if "log" in note)
    assert "0.2" in note
