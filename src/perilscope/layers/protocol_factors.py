# SPDX-License-Identifier: Apache-2.0
"""What is known in general about protocols: factors, how common their states are, what they do.

A factor has the name of the book's field. ``odds`` says by how much its worst and its best state
multiply the odds of a failure: two numbers for a factor and a cause, and a cause that is not named
is left as it is. Audits help against every cause, code the most: a review also sees how prices,
rights and other contracts are used. ``tvl`` bears on audits *and* on failures: large protocols are
audited more and attacked more, so that raw counts of incidents give audits the wrong sign.

Shares of causes: 594 incidents of 2021-2025 with a loss of at least 100 thousand USD, from public
lists. Odds and how common states are: judgement, of the size of published odds ratios (without
any audit about 1.7 times as many incidents; spot prices as oracle about four times).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perilscope.beliefs.law import point
from perilscope.book import Duration, Findings, Protocol, Quantity
from perilscope.book.quantity import spell
from perilscope.errors import AssessmentError

CAUSES: Mapping[str, float] = {
    "code": 0.62,
    "oracle": 0.15,
    "keys": 0.15,
    "governance": 0.015,
    "bridge": 0.055,
}
"""Causes of an exploit and their shares (they need not add up to 1: only their ratios count)."""

Odds = tuple[float, float]
Price = Callable[[str], float]


@dataclass(frozen=True)
class Factor:
    """One property of a protocol.

    Parameters
    ----------
    name : str
        Node of the network, and field of the book.
    states : tuple of str
        Worst first.
    common : tuple of float, or one tuple for each state of ``parent``
        How common the states are.
    odds : mapping of cause to (worst, best)
        By how much the worst and the best state multiply the odds of a failure by that cause.
    read : callable
        Value of the book's field -> state, or None if it cannot be understood.
    parent : str
        The factor that ``common`` depends on, or empty.
    places : tuple of float, optional
        Where each state lies from 1 (worst) over 0 (no effect) to -1 (best); evenly if not given.
    """

    name: str
    states: tuple[str, ...]
    common: tuple[Any, ...]
    odds: Mapping[str, Odds]
    read: Callable[[Any], str | None] = field(repr=False)
    parent: str = ""
    places: tuple[float, ...] = ()

    @property
    def along(self) -> tuple[float, ...]:
        """Place of each state between worst (1) and best (-1)."""
        last = len(self.states) - 1
        return self.places or tuple(1.0 - 2.0 * k / last for k in range(last + 1))


@dataclass(frozen=True)
class Declared:
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


def _banded(value: Any, edges: tuple[float, ...], states: tuple[str, ...]) -> str | None:
    """The first state below the first edge, and so on; the last from the last edge on."""
    return None if value is None else states[sum(value >= edge for edge in edges)]


def _size(tvl: Any) -> str | None:
    return _banded(tvl, (10e6, 100e6, 1e9), ("small", "medium", "large", "very-large"))


def _audits(count: Any) -> str | None:
    return _banded(count, (1, 2, 4), ("none", "one", "two-or-three", "four-or-more"))


def _age(live_for: Any) -> str | None:
    states = ("under-6-months", "under-2-years", "under-4-years", "4-years-or-more")
    return _banded(live_for, (0.5, 2.0, 4.0), states)


def _complexity(lines: Any) -> str | None:
    return _banded(lines, (2_000, 10_001), ("low", "medium", "high"))


def _delay(hours: Any) -> str | None:
    return _banded(hours, (1, 48), ("none", "short", "long"))


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


def _bridge(text: Any) -> str | None:
    """How value comes from other chains; any name is a bridge of somebody else's."""
    words = str(text).strip().lower()
    if words in ("none", "no", "no bridge"):
        return "none"
    return "canonical" if re.search(r"canonical|native|rollup", words) else "third-party"


def _keys(text: Any) -> str | None:
    """How the keys that can change the protocol are kept."""
    words = str(text).strip().lower()
    if re.search(r"hsm|mpc|hardware|cold", words):
        return "hardware"
    if re.search(r"hot|weak|shared|laptop|browser", words):
        return "weak"
    return "standard" if "standard" in words else None


def _word(*states: str) -> Callable[[Any], str | None]:
    return lambda text: word if (word := str(text).strip().lower()) in states else None


def _fresh(updates: Any) -> str | None:
    """Hours between two updates of the price; more than a day and a bit is stale."""
    return None if updates is None else "fresh" if updates <= 25.0 else "stale"


def _findings(found: Any) -> str | None:
    """How dense weighty findings are in the protocol's own code: findings and its lines.

    Weights fall with severity, so that what scanners always report counts next to nothing; a
    thousand lines are the least that is divided by, so that a thin wrapper is not dense.
    """
    scanned, lines = found
    if not isinstance(scanned, Findings) or scanned.bare is not None or scanned.file:
        return None
    count = scanned.high + scanned.medium + scanned.low
    if lines and not scanned.note and 10.0 * count > lines:
        return None  # more than one in ten lines: most of them in libraries
    weight = scanned.high + 0.3 * scanned.medium + 0.03 * scanned.low
    density = weight / max((lines or 0) / 1000.0, 1.0)
    return "many" if density >= 1.0 else "some" if density >= 0.1 else "none"


_EVERY = tuple(CAUSES)

FACTORS: tuple[Factor, ...] = (
    Factor(
        "tvl",
        ("very-large", "large", "medium", "small"),
        (0.08, 0.27, 0.45, 0.20),
        dict.fromkeys(_EVERY, (1.5, 0.7)),
        _size,
        places=(1.0, 0.6, 0.0, -1.0),
    ),
    Factor(
        "audits",
        ("none", "one", "two-or-three", "four-or-more"),
        (
            (0.05, 0.25, 0.42, 0.28),
            (0.08, 0.36, 0.40, 0.16),
            (0.15, 0.45, 0.32, 0.08),
            (0.35, 0.40, 0.20, 0.05),
        ),
        {**dict.fromkeys(_EVERY, (1.3, 0.75)), "code": (1.7, 0.5)},
        _audits,
        parent="tvl",
        places=(1.0, 0.0, -0.6, -1.0),
    ),
    Factor(
        "live_for",
        ("under-6-months", "under-2-years", "under-4-years", "4-years-or-more"),
        (0.20, 0.35, 0.30, 0.15),
        {"code": (1.8, 0.4), "oracle": (1.3, 0.75)},
        _age,
        places=(1.0, 0.0, -0.7, -1.0),
    ),
    Factor(
        "lines_of_code",
        ("high", "medium", "low"),
        (0.25, 0.45, 0.30),
        {"code": (1.8, 0.6)},
        _complexity,
    ),
    # scanners cry wolf: what they find weighs little, and what they do not find less
    Factor(
        "findings",
        ("many", "some", "none"),
        (0.08, 0.22, 0.70),
        {"code": (1.4, 0.97)},
        _findings,
        places=(1.0, 0.3, -1.0),
    ),
    Factor("unaudited_change", ("yes", "no"), (0.3, 0.7), {"code": (1.6, 0.8)}, _yes),
    Factor("bounty", ("no", "yes"), (0.6, 0.4), {"code": (1.1, 0.8)}, _bounty),
    Factor(
        "oracle",
        ("spot-price", "averaged", "robust", "none"),
        (0.12, 0.23, 0.50, 0.15),
        {"oracle": (4.0, 0.1)},
        _oracle,
        places=(1.0, 0.2, -0.4, -1.0),
    ),
    Factor("oracle_updates", ("stale", "fresh"), (0.1, 0.9), {"oracle": (2.5, 0.9)}, _fresh),
    Factor(
        "liquidity", ("thin", "deep"), (0.45, 0.55), {"oracle": (1.8, 0.6)}, _word("thin", "deep")
    ),
    Factor(
        "admin",
        ("single-key", "small-multisig", "multisig", "none"),
        (0.15, 0.30, 0.40, 0.15),
        {"keys": (2.5, 0.2)},
        _admin,
        places=(1.0, 0.2, -0.15, -1.0),
    ),
    Factor(
        "timelock",
        ("none", "short", "long"),
        (0.45, 0.25, 0.30),
        {"keys": (1.2, 0.6), "governance": (1.5, 0.5)},
        _delay,
    ),
    Factor(
        "keys", ("weak", "standard", "hardware"), (0.2, 0.55, 0.25), {"keys": (2.5, 0.5)}, _keys
    ),
    Factor("upgradeable", ("yes", "no"), (0.7, 0.3), {"keys": (1.15, 0.6)}, _yes),
    Factor(
        "voting",
        ("concentrated", "dispersed"),
        (0.4, 0.6),
        {"governance": (1.8, 0.5)},
        _word("concentrated", "dispersed"),
    ),
    Factor(
        "bridge",
        ("third-party", "canonical", "none"),
        (0.3, 0.2, 0.5),
        {"bridge": (3.0, 0.05)},
        _bridge,
    ),
    # whether it can be stopped bears on how much is lost, not on whether
    Factor("pausable", ("no", "yes"), (0.6, 0.4), {}, _yes),
)
"""``tvl`` stands before the factors that depend on it."""

BY_NAME: Mapping[str, Factor] = {factor.name: factor for factor in FACTORS}


def declared(protocol: Protocol, price: Price | None = None) -> tuple[Declared, ...]:
    """The factors that the book declares for a protocol, in the order of :data:`FACTORS`.

    Parameters
    ----------
    protocol : Protocol
    price : callable, optional
        Price of a token in the currency; without it money counts as written.
    """
    found = []
    for factor in FACTORS:
        value = getattr(protocol, factor.name, None)
        if value is not None:
            plain = _plain(value, price)
            if isinstance(value, Findings):
                plain = (value, protocol.lines_of_code)
            found.append(Declared(factor.name, _words(value), factor.read(plain)))
    return tuple(found)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Quantity):
        return spell(value)
    return f"{float(value.hours):g} hours" if isinstance(value, Duration) else str(value)
