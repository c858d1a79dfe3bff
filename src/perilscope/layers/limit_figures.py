# SPDX-License-Identifier: Apache-2.0
"""The figures of a desk that limits are held against, by any scope."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perilscope.book import Book, Limit, MeasureSpec
from perilscope.engines.portfolio import returns
from perilscope.errors import AssessmentError
from perilscope.evidence.episodes import episodes
from perilscope.layers import revaluation
from perilscope.layers.desk import Desk
from perilscope.layers.markets import PARTICIPATION, markets
from perilscope.layers.valuation import Valuation

Figure = tuple[float, str, str]
"""Value, what it belongs to, and its unit: ``money``, ``times`` or ``days``."""


def _gross(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    return desk.gross(scope), "", "money"


def _net(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    return abs(math.fsum(desk.values(scope).values())), "", "money"


def _leverage(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    if not desk.net_assets:
        raise AssessmentError("leverage is of net assets: declare `institution: net_assets`")
    return desk.gross(scope) / desk.net_assets, "", "times"


def _concentration(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    parts: dict[str, float] = {}
    owed = spec.subject in ("venue", "issuer", "counterparty")  # what is lost if they fail
    for lot in desk.priced(scope):
        money = {lot.asset: desk.worth_of(lot)} if owed else desk.exposures(lot)
        for asset, part in money.items():
            key = asset if spec.subject == "asset" else getattr(lot, spec.subject, "")
            if spec.subject == "issuer":
                key = _issuer(desk.book, asset)
            if key:
                parts[key] = parts.get(key, 0.0) + part
    if not parts:
        raise AssessmentError(f"no position names its {spec.subject}")
    name = max(parts, key=lambda each: abs(parts[each]))
    return abs(parts[name]), name, "money"


def _issuer(book: Book, asset: str) -> str:
    token = book.tokens.get(asset)
    return token.issuer or "" if token is not None else ""


def _liquidation(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    """Days to sell what takes longest, each in its own market, at a tenth of the daily volume."""
    slowest, name, unknown = 0.0, "", []
    for each in markets(desk, scope):
        if each.volume is None:
            unknown.append(each.asset)
            continue
        days = each.size / (PARTICIPATION * each.volume)
        if days > slowest:
            slowest, name = days, each.name
    if unknown:
        raise AssessmentError(
            f"no daily volume of {', '.join(dict.fromkeys(unknown))}; give "
            f"`tokens: {{{unknown[0]}: {{daily_volume: 300M}}}}`"
        )
    return slowest, name, "days"


def _stress(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    found, names = desk.stress_losses(scope), [each.id for each in episodes()]
    if spec.subject:
        if spec.subject not in names:
            known = ", ".join(sorted(names))
            raise AssessmentError(f"no episode is called {spec.subject}; there are {known}")
        return max(float(found[names.index(spec.subject)]), 0.0), spec.subject, "money"
    worst = int(np.argmax(found))
    return max(float(found[worst]), 0.0), names[worst], "money"


def _drawdown(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    """Largest fall from a peak of today's holdings over the last days."""
    days = spec.days or 1
    history = desk.history
    if history is None or len(history.days) <= days:
        raise AssessmentError(f"a drawdown over {days} days needs as many days of prices")
    money, odd = desk.split(scope)
    ends = desk.backwards(days)
    path = ends.end @ money
    if odd:
        path = path - desk.once(
            ("path", days),
            odd,
            lambda: sum(revaluation.losses(lot, desk.marks, ends) for lot in odd),
        )
    falls = np.maximum.accumulate(path) - path
    return float(falls.max(initial=0.0)), "", "money"


def _var(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    return desk.risk(spec.days or 1, _level(spec), scope)[0], "", "money"


def _cvar(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    return desk.risk(spec.days or 1, _level(spec), scope)[1], "", "money"


def _contribution(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    """What a scope adds to the CVaR of the whole: a budget of risk."""
    if not desk.scope(scope)[0]:
        raise AssessmentError("a contribution is of a scope: `scope: strategy core`")
    days, level = spec.days or 1, _level(spec)
    scenarios = desk.scenarios(days)
    tail = returns.tail_weights(desk.losses(days), level, scenarios.weights)
    return float(tail @ desk.losses(days, scope)), "", "money"


def _level(spec: MeasureSpec) -> float:
    return float(spec.level) if spec.level is not None else 0.99


def _balance(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    """Largest balance at one venue of a kind: by the positions, or as declared without any."""
    venues = desk.book.venues
    parts: dict[str, float] = {}
    for lot in desk.priced(scope):
        if lot.venue in venues and spec.subject in ("venue", venues[lot.venue].kind):
            parts[lot.venue] = parts.get(lot.venue, 0.0) + desk.worth_of(lot)
    declared = Valuation(desk.book, desk.marks.prices)
    for venue in () if scope else venues.values():
        if venue.id not in parts and venue.holds and spec.subject in ("venue", venue.kind):
            parts[venue.id] = declared.worth(venue.id).mean
    if not parts:
        raise AssessmentError(f"no position lies at a {spec.subject} that the book declares")
    name = max(parts, key=lambda each: parts[each])
    return parts[name], name, "money"


_READ: Mapping[str, Callable[[Desk, MeasureSpec, str], Figure]] = {
    "gross": _gross,
    "net": _net,
    "leverage": _leverage,
    "concentration": _concentration,
    "liquidation": _liquidation,
    "stress": _stress,
    "drawdown": _drawdown,
    "contribution": _contribution,
    "market_var": _var,
    "market_cvar": _cvar,
    "balance": _balance,
}


def measured(desk: Desk, spec: MeasureSpec, scope: str = "") -> Figure:
    """The figure that a limit of the desk is held against.

    Raises
    ------
    AssessmentError
        What it needs is not there: prices, net assets, volumes, an episode of that name.
    """
    return _READ[spec.kind](desk, spec, scope)


def unmet(desk: Desk, limit: Limit) -> str:
    """A sentence where a limit is of positions that are not there; empty where they are."""
    kind, name = desk.scope(limit.scope)
    if not kind or desk.within(limit.scope):
        return ""
    there = sorted({str(getattr(lot, kind)) for lot in desk.lots} - {""})
    known = f"; there are {', '.join(there)}" if there else ""
    return f"{limit.measure.text}, {kind} {name}: no position is of this {kind}{known}"


def desk_limits(kinds: Sequence[str]) -> list[bool]:
    """Which kinds of measure the desk can tell by itself."""
    return [kind in _READ for kind in kinds]
