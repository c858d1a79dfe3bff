# SPDX-License-Identifier: Apache-2.0
"""A trade nets with what is held: it first closes what is held the other way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from perilscope.evidence.positions import Position
from perilscope.layers.revaluation import plain


def netted(
    lots: tuple[Position, ...],
    trade: Position,
    settled: Callable[[Position, float], Position],
) -> tuple[Position, ...]:
    """Lots with a trade among them; what it closes stays with no units, for who names it.

    Parameters
    ----------
    lots : tuple of Position
    trade : Position
    settled : callable
        ``(lot, share) -> Position``: what closing a share of a contract leaves in the account.

    Examples
    --------
    >>> held = Position("ETH", 5.0), Position("BTC", 1.0)
    >>> [lot.quantity for lot in netted(held, Position("ETH", -7.0), lambda lot, share: lot)]
    [0.0, 1.0, -2.0]
    """
    kept, paid, left = [], [], trade.quantity
    for lot in lots:
        if left * lot.quantity < 0.0 and _closes(trade, lot):
            closed = math.copysign(min(abs(left), abs(lot.quantity)), lot.quantity)
            left += closed
            if not plain(lot):
                paid.append(settled(lot, closed / lot.quantity))
            lot = _less(lot, closed)
        kept.append(lot)
    return (*kept, *paid, replace(trade, quantity=left)) if left else (*kept, *paid)


def _less(lot: Position, closed: float) -> Position:
    """A lot without so many of its units, and without their share of its margin."""
    rest = lot.quantity - closed
    margin = lot.terms.margin
    if margin is not None:
        margin *= rest / lot.quantity
    return replace(lot, quantity=rest, terms=replace(lot.terms, margin=margin))


def _closes(trade: Position, lot: Position) -> bool:
    """Whether a trade is of the kind, venue and strategy of a lot, as far as it says."""
    named = all(getattr(trade, k) in ("", getattr(lot, k)) for k in ("venue", "strategy"))
    nets = plain(trade) or (trade.instrument == "perpetual" and not lot.terms.inverse)
    return named and nets and (lot.asset, lot.instrument) == (trade.asset, trade.instrument)
