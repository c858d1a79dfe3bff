# SPDX-License-Identifier: Apache-2.0
"""The desk of a book: limits with headroom, the largest trades, what a trade would do."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from perilscope.beliefs.law import point
from perilscope.book import Limit
from perilscope.cycle.settings import Settings
from perilscope.cycle.trading import placed, unlike
from perilscope.cycle.workspace import (
    Workspace,
    closes_of,
    held_prices,
    open_workspace,
    portfolio,
)
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers import network_evidence, revaluation, watching
from perilscope.layers.desk import Desk
from perilscope.layers.drivers import Drivers
from perilscope.layers.limit_figures import desk_limits, measured, unmet
from perilscope.layers.valuation import Valuation

if TYPE_CHECKING:
    from perilscope.cycle.measures import Document  # it knows the whole walk


LEVEL = 0.975
"""Level of the figures that are shown beside the limits."""
CLOSE = 1e-4
"""How near, as a share, the largest trade is found."""
NOTHING = 1.0
"""A trade of less than so much money is none."""
_TRADE = re.compile(
    r"(buy|sell) ([0-9][0-9,_]*(?:\.[0-9]+)?)(k|M|bn)? ?(\S+?)(?: ?@ ?(\S+))?(?: for (\S+))?",
    re.IGNORECASE,
)
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "bn": 1e9}


@dataclass(frozen=True)
class Opened:
    """A book's desk, and what was noticed in its data."""

    desk: Desk
    workspace: Workspace
    valuation: Valuation
    findings: tuple[str, ...]


def opened(path: Path, settings: Settings | None = None, also: Sequence[str] = ()) -> Opened:
    """The desk of a book: its positions, or without them its own token holdings.

    Raises
    ------
    MisuseError
        Nothing is held.
    BookError, DataError, AssessmentError
        As in a run.
    """
    settings = settings or Settings()
    workspace = open_workspace(path, settings)
    book = workspace.book
    lots = workspace.positions or tuple(
        Position(asset, units) for asset, units in portfolio(workspace).items()
    )
    if not lots:
        raise MisuseError(f"{path}: no positions, and no tokens are held: nothing is traded here")
    valuation = Valuation(book, closes_of(workspace))
    prices, findings = {}, []
    needed = [asset for lot in lots for asset in revaluation.factors(lot, book.currency)]
    for asset in dict.fromkeys([*needed, *also]):
        try:
            prices[asset] = valuation.price(asset)
        except AssessmentError as error:
            if asset in also:
                raise
            findings.append(str(error))
    history, noticed = held_prices(workspace, list(prices))
    worth = None
    if book.institution.net_assets is not None:
        worth = valuation.worth("net_assets").mean
    drivers = _drivers(workspace, settings)
    desk = Desk(lots, prices, book, history, drivers, worth)
    revaluation.refuse_absurd(desk.priced(), desk.marks, worth)
    valuation = replace(valuation, placed=placed(workspace, valuation))
    odd = [text for _, text in unlike(valuation)]
    odd += filter(None, (unmet(desk, limit) for limit in book.limits))
    noticed = (*odd, *noticed, *workspace.notes, *revaluation.notes(desk.priced(), desk.marks))
    return Opened(desk, workspace, valuation, (*findings, *noticed))


def _drivers(workspace: Workspace, settings: Settings) -> Drivers:
    """The book's networks under evidence, watched conditions heard."""
    book = workspace.book
    known = network_evidence.drivers(book, network_evidence.parse_evidence(settings.evidence, book))
    seen = watching.watched(book, workspace.alerts)
    networks = {
        net: watching.with_signs(driver, mine)
        if (mine := [each for each in seen if each.network == net])
        else driver
        for net, driver in known.networks.items()
    }
    return Drivers(networks)


# --- limits ---------------------------------------------------------------------------------------


def _chosen(found: Opened) -> list[Limit]:
    book = found.workspace.book
    able = desk_limits([limit.measure.kind for limit in book.limits])
    return [limit for limit, fits in zip(book.limits, able, strict=True) if fits]


def allowed(found: Opened, limit: Limit) -> float:
    """What a limit allows, in its unit."""
    valuation = found.valuation
    return point(
        limit.at_most, price=valuation.price, worth=lambda what: valuation.worth(what).mean
    )


def _standing(found: Opened, limit: Limit, before: Desk | None = None) -> Document:
    """One limit against today's figure, with headroom and what it was yesterday."""
    row: Document = {
        "measure": limit.measure.text,
        "scope": found.desk.spelled(limit.scope),
        "owner": limit.owner or "",
        "limit": None,
        "value": None,
        "used": None,
        "headroom": None,
        "yesterday": None,
        "subject": "",
        "unit": "money",
        "state": "unknown",
        "why": "",
    }
    try:
        most = allowed(found, limit)
        value, subject, unit = measured(found.desk, limit.measure, limit.scope or "")
    except AssessmentError as error:
        return {**row, "why": str(error)}
    if before is not None:
        try:
            row["yesterday"] = measured(before, limit.measure, limit.scope or "")[0]
        except AssessmentError:
            row["yesterday"] = None
    used = value / most if most > 0.0 else math.inf
    warned = used >= point(limit.warn_at)
    state = "breached" if value > most else "warned" if warned else "kept"
    return {
        **row,
        "limit": most,
        "value": value,
        "used": used if math.isfinite(used) else None,
        "headroom": most - value,
        "subject": subject,
        "unit": unit,
        "state": state,
    }


def yesterday(desk: Desk) -> Desk | None:
    """The same lots at the close before the last, with the history that was known then."""
    history = desk.history
    if history is None or len(history.days) < 3:
        return None
    shorter = _cut(history)
    prices = {
        asset: float(shorter.closes[-1, shorter.assets.index(asset)])
        if asset in shorter.assets
        else price
        for asset, price in desk.prices.items()
    }
    return Desk(desk.lots, prices, desk.book, shorter, desk.drivers, desk.net_assets)


def _cut(history: History) -> History:
    return replace(history, days=history.days[:-1], closes=history.closes[:-1])


def limits(found: Opened) -> Document:
    """Every limit of the desk: use, headroom, what changed overnight."""
    before = yesterday(found.desk)
    rows = [_standing(found, limit, before) for limit in _chosen(found)]
    return {**head(found), "limits": rows, "findings": list(found.findings)}


def head(found: Opened) -> Document:
    """What every page of the desk begins with."""
    book, desk = found.workspace.book, found.desk
    values = desk.values()
    return {
        "book": book.institution.name,
        "as_of": book.as_of.isoformat(),
        "currency": book.currency,
        "net_assets": desk.net_assets,
        "gross": desk.gross(),
        "net": math.fsum(values.values()),
        "positions_worth": desk.worth(),
        "positions": len(desk.lots),
    }


# --- trades ---------------------------------------------------------------------------------------


def parse_trade(text: str) -> Position:
    """A trade as it is said: ``buy 200 ETH @ binance``, ``sell 1.5k SOL @ kestrel for momentum``.

    ``ETH-PERP`` is a perpetual of the whole account, entered at today's price.

    Examples
    --------
    >>> lot = parse_trade("sell 1.5k SOL @ kestrel for momentum")
    >>> lot.asset, lot.quantity, lot.venue, lot.strategy
    ('SOL', -1500.0, 'kestrel', 'momentum')
    """
    said = _TRADE.fullmatch(" ".join(text.split()))
    if said is None:
        raise MisuseError(f"{text!r}: write it like 'buy 200 ETH @ binance'")
    units = float(re.sub("[,_]", "", said[2])) * _SCALES[(said[3] or "").lower()]
    sign = 1.0 if said[1].lower() == "buy" else -1.0
    if not units > 0.0:
        raise MisuseError(f"{text!r}: more than nothing is bought or sold")
    return _lot(said[4], sign * units, said[5] or "", said[6] or "")


def _lot(name: str, units: float, venue: str = "", strategy: str = "") -> Position:
    """Units of an asset, or of its perpetual where ``-PERP`` follows the name."""
    if name.upper().endswith("-PERP"):
        return Position(name[:-5], units, venue, strategy, instrument="perpetual")
    return Position(name, units, venue, strategy)


def trade(path: Path, text: str, settings: Settings | None = None) -> Document:
    """Every limit before and after a trade, and whether all of them allow it.

    A limit refuses what breaches it, or makes a breach worse.
    """
    lot = parse_trade(text)
    found = opened(path, settings, [lot.asset])
    after = replace(found, desk=found.desk.traded(lot))
    rows = []
    for limit in _chosen(found):
        old, new = _standing(found, limit), _standing(after, limit)
        refused = new["state"] == "breached" and new["value"] > (old["value"] or 0.0) * (1 + 1e-12)
        rows.append({**new, "before": old["value"], "refused": refused})
    worth = lot.quantity * found.desk.prices[lot.asset]
    return {
        **head(found),
        "trade": text,
        "worth": worth,
        "limits": rows,
        "refused": any(row["refused"] for row in rows),
        "risk": _risks(found.desk, after.desk, lot.asset, worth),
        "findings": list(found.findings),
    }


def _risks(before: Desk, after: Desk, asset: str, worth: float) -> list[Document]:
    """CVaR before and after, and its slope in the asset."""
    rows = []
    for days in (1, 10):
        try:
            (old_var, old), (new_var, new) = before.risk(days, LEVEL), after.risk(days, LEVEL)
            slope = before.marginal(asset, days, LEVEL)
        except AssessmentError:
            continue
        rows.append(
            {
                "days": days,
                "level": LEVEL,
                "var": [old_var, new_var],
                "cvar": [old, new],
                "marginal": slope * worth,
                "incremental": new - old,
            }
        )
    return rows


def size(path: Path, asset: str, venue: str = "", strategy: str = "",
         settings: Settings | None = None) -> Document:  # fmt: skip
    """The largest buy and sell that keep every limit, and the limit that binds.

    ``ETH-PERP`` is a perpetual of the whole account, as in a trade.
    """
    found = opened(path, settings, [_lot(asset, 1.0).asset])
    return {**head(found), **sized(found, asset, venue, strategy)}


def sized(found: Opened, asset: str, venue: str = "", strategy: str = "") -> Document:
    """The largest buy and sell of an asset or its perpetual, with the price and what is held."""
    base = _lot(asset, 1.0).asset
    price = found.desk.prices[base]
    sides = {}
    for side, sign in (("buy", 1.0), ("sell", -1.0)):
        units, binding = _largest(found, _lot(asset, sign, venue, strategy))
        if units is not None and units * price < NOTHING:
            units = 0.0
        sides[side] = {
            "units": units,
            "worth": None if units is None else units * price,
            "binding": binding,
        }
    held = found.desk.values()[base] / price  # options and contracts by their delta
    return {"asset": asset, "price": price, "held": held, **sides}


def _largest(found: Opened, unit: Position) -> tuple[float | None, str]:
    """Units up to which no limit is breached anew or worse; None where nothing binds."""
    price = found.desk.prices[unit.asset]
    gross = math.fsum(abs(v) for v in found.desk.values().values())
    most = 100.0 * max(gross, found.desk.net_assets or 0.0) / price
    least, binding = most, ""
    for limit in _chosen(found):
        try:
            bound = allowed(found, limit)
            now = measured(found.desk, limit.measure, limit.scope or "")[0]
        except AssessmentError:
            continue
        ceiling = max(bound, now * (1.0 + 1e-12))
        units = _reach(found.desk, limit, unit, ceiling, least)
        if units < least:
            least, binding = units, f"{limit.measure.text} {limit.scope or ''}".strip()
    return (least, binding) if binding else (None, "")


def _reach(desk: Desk, limit: Limit, unit: Position, ceiling: float, most: float) -> float:
    """Units at which a limit is reached; ``most`` where it is not reached before."""

    def keeps(units: float) -> bool:
        lot = replace(unit, quantity=unit.quantity * units)
        return measured(desk.traded(lot), limit.measure, limit.scope or "")[0] <= ceiling

    low, high = 0.0, most
    step = most * 1e-6
    while step < most:  # the first that fails, in steps that double: falls may come before rises
        if not keeps(step):
            high = step
            break
        low, step = step, 2.0 * step
    else:
        if keeps(most):
            return most
    while high - low > CLOSE * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low
