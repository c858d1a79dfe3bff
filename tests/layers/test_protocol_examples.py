# SPDX-License-Identifier: Apache-2.0
"""What a protocol declares becomes states, and states become a probability with reasons."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from perilscope.book import Duration, Findings, Protocol
from perilscope.book.quantity import parse
from perilscope.errors import MisuseError
from perilscope.layers import network_evidence, protocol
from perilscope.layers.protocol_factors import FACTORS, declared

QUANTITIES = {"live_for": "years", "tvl": "money", "bounty": "money"}


def declare(**fields: Any) -> Protocol:
    read = {k: parse(v, QUANTITIES[k]) if k in QUANTITIES else v for k, v in fields.items()}
    return Protocol(id="protocol-x", **read)


def state(**field: Any) -> str | None:
    (told,) = declared(declare(**field))
    return told.state


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("audits", 0, "none"),
        ("audits", 1, "one"),
        ("audits", 2, "two-or-three"),
        ("audits", 5, "four-or-more"),
        ("live_for", "5 months", "under-6-months"),
        ("live_for", "6 months", "under-2-years"),
        ("live_for", "2 years", "under-4-years"),
        ("live_for", "4 years", "4-years-or-more"),
        ("tvl", "9.9M", "small"),
        ("tvl", "10M", "medium"),
        ("tvl", "100M", "large"),
        ("tvl", "200M to 400M", "large"),
        ("tvl", "3bn", "very-large"),
        ("lines_of_code", 1999, "low"),
        ("lines_of_code", 10_000, "medium"),
        ("lines_of_code", 10_001, "high"),
        ("admin", "4-of-7 multisig", "multisig"),
        ("admin", "2 of 3", "small-multisig"),
        ("admin", "1/1 multisig", "single-key"),
        ("admin", "multisig", "small-multisig"),
        ("admin", "Single key", "single-key"),
        ("admin", "none", "none"),
        ("admin", "the founder's cousin", None),
        ("oracle", "Chainlink", "robust"),
        ("oracle", "spot price", "spot-price"),
        ("oracle", "30-minute TWAP", "averaged"),
        ("oracle", "none", "none"),
        ("oracle", "a crystal ball", None),
        ("upgradeable", True, "yes"),
        ("upgradeable", False, "no"),
        ("unaudited_change", True, "yes"),
        ("bounty", "1M", "yes"),
        ("bounty", "0", "no"),
        ("bridge", "none", "none"),
        ("bridge", "canonical rollup bridge", "canonical"),
        ("bridge", "Wormhole", "third-party"),
        ("keys", "MPC, three sites", "hardware"),
        ("keys", "hot wallet on a laptop", "weak"),
        ("keys", "somewhere", None),
        ("liquidity", "deep", "deep"),
        ("liquidity", "so-so", None),
        ("voting", "concentrated", "concentrated"),
        ("pausable", True, "yes"),
        ("findings", Findings(high=2.0), "many"),
        ("findings", Findings(medium=1.0), "some"),
        ("findings", Findings(low=3.0), "none"),
        ("findings", Findings(bare=138), None),
    ],
)
def test_declared_values_mean_states(field: str, value: Any, expected: str | None) -> None:
    assert state(**{field: value}) == expected


@pytest.mark.parametrize(("hours", "expected"), [("0", "none"), ("24", "short"), ("48", "long")])
def test_a_timelock_is_banded_by_its_hours(hours: str, expected: str) -> None:
    assert state(timelock=Duration(Decimal(hours))) == expected


def test_value_locked_in_a_token_is_priced() -> None:
    item = Protocol(id="p", tvl=parse("50k ETH", "money", tokens=frozenset({"ETH"})))
    (told,) = declared(item, lambda token: {"ETH": 3000.0}[token])
    assert told.state == "large"


def test_nothing_declared_is_the_base_rate() -> None:
    bare = protocol.score(declare())
    assert bare.probability == pytest.approx(0.045, abs=1e-12)
    # the gamma law of the base rate alone: 1.7 % to 8.5 %
    assert (bare.low, bare.high) == pytest.approx((0.0166, 0.0846), rel=0.03)
    assert bare.factors == ()
    assert len(bare.missing) == len(FACTORS)
    assert "chance of 4.5 % of being exploited" in bare.sentence


def test_the_score_says_what_moved_it_and_what_is_missing() -> None:
    item = declare(audits=2, live_for="3 years", admin="4-of-7 multisig", oracle="spot price")
    found = protocol.score(item)
    assert found.low < found.probability < found.high
    assert sum(found.causes.values()) == pytest.approx(found.probability, abs=1e-15)
    effects = {f.name: f.effect for f in found.factors}
    assert effects["oracle"] > 0 > effects["audits"]
    assert [abs(f.effect) for f in found.factors] == sorted(
        (abs(e) for e in effects.values()), reverse=True
    )
    assert "live_for" not in found.missing
    assert "tvl" in found.missing
    assert "What raises it most is oracle (spot price)" in found.sentence
    assert "Not declared: tvl" in found.sentence


def test_leaving_one_out_is_the_score_without_it() -> None:
    item = declare(audits=2, oracle="spot price", admin="single key")
    found = protocol.score(item)
    for factor in found.factors:
        fields = {"audits": 2, "oracle": "spot price", "admin": "single key"}
        fields.pop(factor.name)
        without = protocol.score(declare(**fields)).probability
        assert factor.effect == pytest.approx(found.probability - without, abs=1e-14)


def test_what_is_not_understood_is_left_open_and_named() -> None:
    found = protocol.score(declare(admin="the founder's cousin"))
    assert found.probability == pytest.approx(0.045, abs=1e-12)
    assert found.unread == ("admin: the founder's cousin",)
    assert "admin" in found.missing


def test_evidence_wins_over_what_is_declared() -> None:
    item = declare(audits=2)
    found = protocol.score(item, {"audits": "none", "code-failure": "yes"})
    assert found.probability == pytest.approx(
        protocol.score(declare(audits=0)).probability, abs=1e-15
    )
    with pytest.raises(MisuseError, match="has no state"):
        protocol.score(item, {"audits": "plenty"})


def test_evidence_that_repeats_the_book_keeps_the_words_of_the_book() -> None:
    item = declare(audits=2, oracle="chainlink")
    evidence = {**protocol.driver(item).evidence, "oracle": "spot-price"}
    values = {f.name: f.value for f in protocol.score(item, evidence).factors}
    assert values == {"audits": "2", "oracle": "spot-price (evidence)"}


def test_the_driver_carries_what_is_declared_and_takes_evidence() -> None:
    from types import SimpleNamespace

    item = declare(audits=2, oracle="chainlink")
    book: Any = SimpleNamespace(networks={})
    extra = {"protocol-x": protocol.driver(item)}
    drivers = network_evidence.drivers(book, {}, extra)
    score = protocol.score(item)
    told = drivers.probability("protocol-x", "exploited")
    assert told == pytest.approx(score.probability, rel=1e-13)
    before = network_evidence.prior(book, extra).probability("protocol-x", "exploited")
    assert before == pytest.approx(score.probability, rel=1e-13)
    asked = network_evidence.drivers(book, {"protocol-x.oracle": "spot-price"}, extra)
    assert asked.probability("protocol-x", "exploited") > score.probability
    assert drivers.horizon_probability("protocol-x", "exploited", "yes", 0.5) == pytest.approx(
        1 - (1 - score.probability) ** 0.5
    )


def test_the_network_of_the_contract_is_shared() -> None:
    assert protocol.driver(declare(audits=2)).network is protocol.driver(declare()).network
