# SPDX-License-Identifier: Apache-2.0
"""What things are worth: step one of the cycle.

Everything the institution has is valued on the basis the book declares: tokens at market price,
code and data and credentials at what their loss would cost. A valuation that is not a plain number
is a belief, so it has a mean and an interval. Whose a thing is decides what a loss takes: of what
belongs to clients, the share that we must make good.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from perilscope.beliefs.law import Reading, point, reading
from perilscope.book import Book, Estimate
from perilscope.engines.laws.quadrature import nodes
from perilscope.errors import AssessmentError

UNLIKE = 0.25
"""Share by which a venue's declared balance and its positions may differ before it is remarked."""


@dataclass(frozen=True)
class Worth:
    """What one thing is worth, in the reporting currency.

    Parameters
    ----------
    mean, low, high : float
        Mean and 90 % interval of the valuation; all equal where it is a plain number.
    basis : str
        How the value was found, in words.
    derived : bool
        True when the value repeats what other things are worth (keys that protect a wallet), so
        that totals leave it out.

    Examples
    --------
    >>> Worth(9e6, 9e6, 9e6, "ceiling in treasury policy").share(0.5).mean
    4500000.0
    """

    mean: float
    low: float
    high: float
    basis: str
    derived: bool = False

    def share(self, part: float) -> Worth:
        """The same valuation times ``part``."""
        return Worth(
            self.mean * part, self.low * part, self.high * part, self.basis, derived=self.derived
        )


@dataclass(frozen=True)
class Valuation:
    """Prices and worths of one book at its as-of date.

    ``price`` gives the price of one token in the reporting currency; ``loss`` what losing a thing
    wholly costs *us*; both raise :class:`AssessmentError` for what has no value.
    """

    book: Book
    closes: Mapping[str, float]
    portfolio: float | None = None
    ceilings: Mapping[str, float] | None = None
    placed: Mapping[str, float] = field(default_factory=dict)
    """Worth of what stands at each venue, contracts with it."""

    def price(self, token: str) -> float:
        """Price of one ``token`` in the reporting currency."""
        if token == self.book.currency:
            return 1.0
        declared = self.book.tokens.get(token)
        if declared is not None and declared.price is not None:
            return _estimated(declared.price, self, "").mean
        if token in self.closes:
            return self.closes[token]
        known = ", ".join(sorted(self.closes)) or "none"
        raise AssessmentError(
            f"no price for {token} at {self.book.as_of}: the price history has {known}. "
            f"Add {token} to it, or give `tokens: {{{token}: {{price: ...}}}}`"
        )

    def worth(self, what: str) -> Worth:
        """What the thing called ``what`` is worth, whoever it belongs to."""
        book = self.book
        if what == "positions":
            if self.portfolio is None:
                raise AssessmentError(
                    "the positions are not valued: no positions file, or no prices"
                )
            return Worth(
                self.portfolio, self.portfolio, self.portfolio, "positions at market price"
            )
        if what == "net_assets":
            if book.institution.net_assets is None:
                raise AssessmentError("`institution: net_assets` is not declared")
            return _estimated(book.institution.net_assets, self, "declared")
        if what in book.venues:
            return self._venue(what)
        if what in book.protocols:
            deposit = book.protocols[what].deposit
            if deposit is None:
                raise AssessmentError(f"`protocols.{what}` declares no deposit")
            return _estimated(deposit, self, "deposit at market price")
        return self._asset(what)

    def loss(self, what: str) -> float:
        """Most that losing ``what`` can cost us: its worth, or the part we are liable for."""
        worth = self.worth(what).mean * self.liable(what)
        ceiling = (self.ceilings or {}).get(what)
        return worth if ceiling is None else min(worth, ceiling)

    def liable(self, what: str) -> float:
        """Share of a loss of ``what`` that is ours to bear: 1, of clients' things as declared."""
        asset = self.book.assets.get(what)
        if asset is None or asset.belongs_to != "clients" or asset.liable is None:
            return 1.0
        return point(asset.liable)

    def capped(self, ceilings: Mapping[str, float]) -> Valuation:
        """The same valuation with ceilings on what some things hold (a control's effect)."""
        merged = dict(self.ceilings or {})
        for what, ceiling in ceilings.items():
            merged[what] = min(ceiling, merged.get(what, math.inf))
        return replace(self, ceilings=merged)

    def unlike(self, venue: str) -> tuple[float, float] | None:
        """The declared balance of a venue and its positions' worth, where they are far apart."""
        holds, placed = self.book.venues[venue].holds, self.placed.get(venue)
        if holds is None or placed is None:
            return None
        declared = _estimated(holds, self, "").mean
        apart = abs(placed - declared) > UNLIKE * max(abs(placed), declared)
        return (declared, placed) if apart else None

    def _venue(self, what: str) -> Worth:
        holds = self.book.venues[what].holds
        if holds is not None:
            return _estimated(holds, self, "declared balance")
        here = [a.id for a in self.book.assets.values() if a.at == what]
        if here:
            return _sum([self.worth(a) for a in here], "assets kept there")
        if what in self.placed:
            there = self.placed[what]
            return Worth(there, there, there, "positions there at market price")
        raise AssessmentError(
            f"`venues.{what}` declares no balance, and neither assets nor positions are there"
        )

    def _asset(self, what: str) -> Worth:
        asset = self.book.assets.get(what)
        if asset is None:
            raise AssessmentError(f"nothing called {what!r} has a value")
        if asset.worth is not None:
            if asset.worth.through_protected:
                parts = [self.worth(other) for other in asset.protects]
                return _sum(parts, "what it protects: " + ", ".join(asset.protects), derived=True)
            if asset.worth.value is not None:
                return _estimated(asset.worth.value, self, asset.basis or "declared")
            return _parts(asset.worth.parts, self)
        if asset.holds:
            held = [
                _estimated(amount, self, f"{token} at market price")
                for token, amount in asset.holds.items()
            ]
            return _sum(held, "tokens at market price")
        raise AssessmentError(
            f"`assets.{what}` has no valuation: give `holds:` (tokens) or `worth:`"
        )


def _moments(law: Reading) -> tuple[float, float, float]:
    """Mean and 90 % interval of a reading all of whose laws are beliefs."""
    beliefs, value = law.beliefs, law.value
    if not beliefs:
        fixed = value(())
        return float(fixed.mean), float(fixed.ppf(0.05)), float(fixed.ppf(0.95))
    mean = 0.0
    points: list[tuple[float, float]] = []
    for weight, theta in nodes(beliefs):
        inner = float(value(theta).mean)
        mean += weight * inner
        points.append((inner, weight))
    if len(beliefs) == 1:
        ends = sorted(float(value((float(beliefs[0].ppf(u)),)).mean) for u in (0.05, 0.95))
        return mean, ends[0], ends[1]
    return mean, _weighted(points, 0.05), _weighted(points, 0.95)


def _weighted(points: list[tuple[float, float]], level: float) -> float:
    total = 0.0
    for value, weight in sorted(points):
        total += weight
        if total >= level - 1e-12:
            return value
    return max(points)[0]


def _estimated(estimate: Estimate, valuation: Valuation, basis: str) -> Worth:
    law = reading(
        estimate.value,
        price=valuation.price,
        worth=lambda what: valuation.worth(what).mean,
        as_belief=True,
    )
    mean, low, high = _moments(law)
    return Worth(mean, low, high, estimate.source or basis)


def _sum(parts: list[Worth], basis: str, *, derived: bool = False) -> Worth:
    """Sum of valuations; the interval assumes that they are independent."""
    mean = math.fsum(p.mean for p in parts)
    low = mean - math.sqrt(math.fsum((p.mean - p.low) ** 2 for p in parts))
    high = mean + math.sqrt(math.fsum((p.high - p.mean) ** 2 for p in parts))
    return Worth(mean, low, high, basis, derived)


def _parts(parts: Mapping[str, Estimate], valuation: Valuation) -> Worth:
    worths = [_estimated(part, valuation, name) for name, part in parts.items()]
    return _sum(worths, "sum of " + ", ".join(parts))
