# SPDX-License-Identifier: Apache-2.0
"""What is known in general about protocols: factors, how common their states are, what they do.

A factor has the name of the book's field. ``hazard`` says by how much each state multiplies the
hazard of a cause; a cause that is not named is left as it is. Audits lower every cause, code the
most: a review also sees how prices, rights and other contracts are used.

Shares of causes: public incident lists of 2021-2025, incidents of at least 100 thousand USD.
Multipliers and prior shares of states are judgement, of the size of published odds ratios (without
any audit about 1.7 times as many incidents; spot prices as oracle about four times).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perilscope.beliefs.law import point
from perilscope.book import Duration, Protocol, Quantity
from perilscope.book.quantity import spell
from perilscope.errors import AssessmentError

CAUSES: Mapping[str, float] = {
    "code": 0.62,
    "oracle": 0.15,
    "keys": 0.15,
    "governance": 0.015,
    "other": 0.055,
}
"""Causes of an exploit and their shares (they need not add up to 1: only their ratios count)."""

Multipliers = tuple[float, ...]
Price = Callable[[str], float]


@dataclass(frozen=True)
class Factor:
    """One property of a protocol.

    Parameters
    ----------
    name : str
        Node of the network, and field of the book where there is one.
    states : tuple of str
        Worst first.
    common : tuple of float, or one tuple for each state of ``parent``
        How common the states are.
    hazard : mapping of cause to multipliers, one for each state
    parent : str
        The factor that ``common`` depends on, or empty.
    read : callable or None
        Value of the book's field -> state, or None if it cannot be understood. A factor without it
        has no field in the book and is only known by evidence.
    """

    name: str
    states: tuple[str, ...]
    common: tuple[Any, ...]
    hazard: Mapping[str, Multipliers]
    parent: str = ""
    read: Callable[[Any], str | None] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Told:
    """A declared factor: the field, its value in words, and the state it means (None: unclear)."""

    name: str
    value: str
    state: str | None


def _plain(value: Any, price: Price | None) -> Any:
    """Quantities as numbers (money in the currency, time in years), delays in hours."""
    if isinstance(value, Quantity):
        try:
            return point(value, price=price)
        except AssessmentError:
            return None
    return float(value.hours) if isinstance(value, Duration) else value


def _banded(value: Any, low: float, high: float, states: tuple[str, str, str]) -> str | None:
    """First state below ``low``, second below ``high``, third from there on."""
    if value is None:
        return None
    return states[0] if value < low else states[1] if value < high else states[2]


def _size(tvl: Any) -> str | None:
    return _banded(tvl, 10e6, 100e6, ("small", "medium", "large"))


def _audits(count: Any) -> str | None:
    return _banded(count, 1, 2, ("none", "one", "two-or-more"))


def _age(live_for: Any) -> str | None:
    return _banded(live_for, 0.5, 2.0, ("under-6-months", "under-2-years", "2-years-or-more"))


def _complexity(lines: Any) -> str | None:
    return _banded(lines, 2_000, 10_001, ("low", "medium", "high"))


def _delay(hours: Any) -> str | None:
    return _banded(hours, 1, 48, ("none", "short", "long"))


def _yes(value: Any) -> str | None:
    return "yes" if value else "no"


def _bounty(value: Any) -> str | None:
    return "yes" if value is None or value > 0 else "no"


def _admin(text: Any) -> str | None:
    """``4-of-7 multisig``, ``single key``, ``none``: who can change the protocol."""
    words = str(text).strip().lower()
    quorum = re.search(r"(\d+)[\s-]*(?:of|/)[\s-]*\d+", words)
    if quorum:
        needed = int(quorum[1])
        return "single-key" if needed < 2 else "small-multisig" if needed < 3 else "multisig"
    if words in ("none", "no", "no admin", "immutable", "renounced"):
        return "none"
    if re.search(r"single|one key|\beoa\b", words):
        return "single-key"
    # A multisig that does not say how many must sign is taken for a small one.
    return "small-multisig" if re.search(r"multi-?sig|\bsafe\b", words) else None


def _oracle(text: Any) -> str | None:
    """Where the protocol takes its prices from."""
    words = str(text).strip().lower()
    if words in ("none", "no", "no oracle"):
        return "none"
    if "spot" in words:
        return "spot-price"
    if re.search(r"twap|average|single", words):
        return "averaged"
    return "robust" if re.search(r"chainlink|pyth|redstone|api3|robust|median", words) else None


FACTORS: tuple[Factor, ...] = (
    Factor(
        "tvl",
        ("large", "medium", "small"),
        (0.35, 0.45, 0.20),
        dict.fromkeys(CAUSES, (1.4, 1.0, 0.7)),
        read=_size,
    ),
    Factor(
        "audits",
        ("none", "one", "two-or-more"),
        ((0.05, 0.35, 0.60), (0.15, 0.45, 0.40), (0.40, 0.40, 0.20)),
        {
            "code": (1.7, 1.0, 0.6),
            **dict.fromkeys(("oracle", "keys", "governance", "other"), (1.3, 1.0, 0.85)),
        },
        parent="tvl",
        read=_audits,
    ),
    Factor(
        "live_for",
        ("under-6-months", "under-2-years", "2-years-or-more"),
        (0.20, 0.35, 0.45),
        {"code": (1.8, 1.0, 0.5), "oracle": (1.3, 1.0, 0.8)},
        read=_age,
    ),
    Factor(
        "lines_of_code",
        ("high", "medium", "low"),
        (0.25, 0.45, 0.30),
        {"code": (1.8, 1.0, 0.6)},
        read=_complexity,
    ),
    Factor("unaudited_change", ("yes", "no"), (0.3, 0.7), {"code": (1.6, 0.8)}, read=_yes),
    Factor("bounty", ("no", "yes"), (0.6, 0.4), {"code": (1.1, 0.8)}, read=_bounty),
    Factor(
        "oracle",
        ("spot-price", "averaged", "robust", "none"),
        (0.12, 0.23, 0.50, 0.15),
        {"oracle": (4.0, 1.3, 0.4, 0.1)},
        read=_oracle,
    ),
    Factor(
        "admin",
        ("single-key", "small-multisig", "multisig", "none"),
        (0.15, 0.30, 0.40, 0.15),
        {"keys": (2.5, 1.2, 0.8, 0.2)},
        read=_admin,
    ),
    Factor(
        "timelock",
        ("none", "short", "long"),
        (0.45, 0.25, 0.30),
        {"keys": (1.2, 1.0, 0.6), "governance": (1.5, 1.0, 0.5)},
        read=_delay,
    ),
    Factor("upgradeable", ("yes", "no"), (0.7, 0.3), {"keys": (1.15, 0.6)}, read=_yes),
    Factor("voting", ("concentrated", "dispersed"), (0.4, 0.6), {"governance": (1.8, 0.5)}),
)
"""``tvl`` stands before the factors that depend on it."""


def declared(protocol: Protocol, price: Price | None = None) -> tuple[Told, ...]:
    """The factors that the book declares for a protocol, in the order of :data:`FACTORS`.

    Parameters
    ----------
    protocol : Protocol
    price : callable, optional
        Price of a token in the currency; without it money counts as written.
    """
    told = []
    for factor in FACTORS:
        value = getattr(protocol, factor.name, None)
        if factor.read is not None and value is not None:
            told.append(Told(factor.name, _words(value), factor.read(_plain(value, price))))
    return tuple(told)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Quantity):
        return spell(value)
    return f"{float(value.hours):g} hours" if isinstance(value, Duration) else str(value)
