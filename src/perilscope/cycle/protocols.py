# SPDX-License-Identifier: Apache-2.0
"""Protocols as the run document tells of them, and questions to one of them without a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from perilscope.beliefs.law import point
from perilscope.book import Book, Protocol
from perilscope.cycle.assess import Result
from perilscope.cycle.measures import Document
from perilscope.cycle.workspace import closes_of, open_workspace
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import network_evidence, protocol, protocol_ties
from perilscope.layers.drivers import Drivers
from perilscope.layers.protocol import ProtocolScore
from perilscope.layers.protocol_factors import Price
from perilscope.layers.protocol_loss import BANDS, Position
from perilscope.layers.protocol_ties import Tie
from perilscope.layers.valuation import Valuation

CHANGES = 6
"""What would change the figure most, so many."""
EXITS = ("first", "pro rata", "last")


def protocols(result: Result) -> list[Document]:
    """Each protocol's chance of being exploited, by cause, with what is known and missing."""
    book = result.book
    ties = protocol_ties.ties(book.protocols, book.tokens)
    rows = []
    for score in result.protocols:
        mine = [k for k, s in book.scenarios.items() if s.asset == score.id]
        worth = result.inventory.get(score.id)
        deposit = None if worth is None else worth.mean
        row = card(score, book.protocols[score.id], deposit, result.valuation.price)
        row["relies_on"] = _ties(score.id, ties)
        row["scenarios"] = mine
        known = bool(mine) and mine[0] in result.events
        row["declared_per_year"] = result.events[mine[0]][0] if known else None
        rows.append(row)
    return rows


def card(
    score: ProtocolScore, item: Protocol, deposit: float | None, price: Price | None
) -> Document:
    """Everything about one protocol as plain values."""
    ends = (score.low, score.high)
    return {
        "id": score.id,
        "name": item.name or "",
        "deposit": deposit,
        "probability": score.probability,
        "low": score.low,
        "high": score.high,
        "rating": score.rating,
        "rating_range": [protocol.rating(end) for end in ends],
        "base_rate": {
            "id": score.base.id,
            "what": score.base.what,
            "probability": score.base.probability,
            "events": score.base.events,
            "protocol_years": score.base.exposure,
            "source": score.base.source,
        },
        "causes": dict(score.causes),
        "severity": {
            "mean": score.severity.mean,
            "bands": [
                {"lost": band, "probability": p}
                for band, p in zip(BANDS, score.severity.weights, strict=True)
            ],
        },
        "position": _position(score, item, deposit, price),
        "factors": [{"name": f.name, "value": f.value, "effect": f.effect} for f in score.factors],
        "changes": [
            {"name": c.name, "state": c.state, "probability": c.probability, "known": c.known}
            for c in score.changes[:CHANGES]
        ],
        "missing": list(score.missing),
        "unread": list(score.unread),
        "sentence": score.sentence,
    }


def _position(
    score: ProtocolScore, item: Protocol, deposit: float | None, price: Price | None
) -> Document | None:
    """What an exploit costs us, by who withdraws first; None without a deposit."""
    if not deposit:
        return None
    locked = _money(item, price)
    part = min(deposit / locked, 1.0) if locked else 0.0

    def ours(exits: str, probability: float) -> Position:
        return Position(deposit, probability, score.severity, part, exits)  # type: ignore[arg-type]

    mine = ours(item.exits, score.probability)
    ends = [ours(item.exits, p).expected for p in (score.low, score.high)]
    return {
        "exits": item.exits,
        "part_of_locked": part if locked else None,
        "share": mine.share,
        "expected": mine.expected,
        "expected_range": ends,
        "var": {str(level): mine.var(level) for level in (0.95, 0.99)},
        "cvar": {str(level): mine.cvar(level) for level in (0.95, 0.99)},
        "by_exit": [
            {"exits": each, "share": ours(each, score.probability).share}
            for each in (EXITS if locked else ())
        ],
    }


def _money(item: Protocol, price: Price | None) -> float | None:
    if item.tvl is None:
        return None
    try:
        return point(item.tvl, price=price)
    except AssessmentError:
        return None


def _ties(key: str, ties: Sequence[Tie]) -> list[Document]:
    return [
        {
            "kind": tie.kind,
            "name": tie.name,
            "chance": protocol_ties.KINDS[tie.kind].chance,
            "with": [other for other in tie.protocols if other != key],
        }
        for tie in ties
        if key in tie.protocols
    ]


# --- without a run --------------------------------------------------------------------------------


def asked(
    path: Path, wanted: Sequence[str], evidence: Sequence[str], changed: Sequence[str]
) -> Document:
    """Scorecards of a book's protocols, or of some, and how they hang together.

    Parameters
    ----------
    path : Path
        The book.
    wanted : sequence of str
        Ids; all by default.
    evidence : sequence of ``[PROTOCOL.]NODE=STATE``
    changed : sequence of ``FACTOR=STATE``
        Factors taken otherwise than declared, for all that are asked for.

    Raises
    ------
    MisuseError
        A protocol, factor or state that does not exist.
    """
    workspace = open_workspace(path)
    book = workspace.book
    if not book.protocols:
        raise MisuseError(f"{path}: this book declares no protocols")
    for name in wanted:
        if name not in book.protocols:
            known = ", ".join(book.protocols)
            raise MisuseError(f"no protocol is called {name!r}; there are {known}")
    valuation = Valuation(book, closes_of(workspace))
    drivers = _drivers(book, valuation.price, evidence, changed, wanted)
    ties = protocol_ties.ties(book.protocols, book.tokens)
    rows = []
    for key in wanted or book.protocols:
        item = book.protocols[key]
        known_of = drivers.driver(key).evidence
        score = protocol.score(item, known_of, valuation.price, drivers.marginals[key])
        row = card(score, item, _deposit(valuation, key), valuation.price)
        rows.append({**row, "relies_on": _ties(key, ties)})
    return {
        "currency": book.currency,
        "protocols": rows,
        "together": _together(drivers, [row["id"] for row in rows], ties),
        "ratings": [{"rating": r, "from": low, "below": high} for r, low, high in protocol.scale()],
    }


def _drivers(
    book: Book,
    price: Callable[[str], float],
    evidence: Sequence[str],
    changed: Sequence[str],
    wanted: Sequence[str],
) -> Drivers:
    extra = {item.id: protocol.driver(item, price) for item in book.protocols.values()}
    seen = network_evidence.parse_evidence(evidence, book, extra)
    for key in wanted or book.protocols:
        seen |= network_evidence.parse_evidence([f"{key}.{each}" for each in changed], book, extra)
    known = network_evidence.drivers(book, seen, extra)
    return protocol_ties.tied(known, protocol_ties.ties(book.protocols, book.tokens))


def _deposit(valuation: Valuation, key: str) -> float | None:
    try:
        return valuation.loss(key)
    except AssessmentError:
        return None


def _together(drivers: Drivers, keys: Sequence[str], ties: Sequence[Tie]) -> list[Document]:
    """Pairs of protocols that share something, with the chance that both are exploited."""
    found = []
    for i, first in enumerate(keys):
        for second in keys[i + 1 :]:
            shared = [t for t in ties if first in t.protocols and second in t.protocols]
            if shared:
                both = protocol_ties.chance_of_both(drivers, first, second)
                alone = _product(drivers.marginals, first, second)
                found.append(
                    {
                        "protocols": [first, second],
                        "shared": [f"{tie.kind} {tie.name}" for tie in shared],
                        "both": both,
                        "if_independent": alone,
                    }
                )
    return found


def _product(marginals: Mapping[str, Mapping[str, Mapping[str, float]]], *keys: str) -> float:
    chance = 1.0
    for key in keys:
        chance *= marginals[key][protocol.EXPLOITED]["yes"]
    return chance
