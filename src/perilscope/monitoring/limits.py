# SPDX-License-Identifier: Apache-2.0
"""Risk appetite against result: how much of each limit is used, and by whom it is owned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perilscope.beliefs.law import point
from perilscope.book import Limit, Venue
from perilscope.engines.grids.loss import LossLaw
from perilscope.errors import AssessmentError
from perilscope.layers.desk import Desk
from perilscope.layers.limit_figures import measured
from perilscope.layers.market import MarketResult
from perilscope.layers.valuation import Valuation


@dataclass(frozen=True)
class Standing:
    """One limit against today's figure.

    Parameters
    ----------
    subject : str
        What the figure belongs to (the venue with the largest balance); empty for the enterprise.
    unit : str
        ``money``, ``probability``, ``times`` or ``days``.
    used : float
        Value divided by limit.
    """

    measure: str
    value: float
    limit: float
    used: float
    breached: bool
    warned: bool
    owner: str
    scope: str
    subject: str
    unit: str
    kind: str = ""
    amount: float | None = None


@dataclass(frozen=True)
class Figures:
    """What limits are held against; ``law`` and ``ale`` are of one year."""

    law: LossLaw
    ale: float
    market: MarketResult | None
    valuation: Valuation
    desk: Desk | None = None


def standing(limit: Limit, figures: Figures) -> Standing:
    """Hold one limit against the figures.

    Raises
    ------
    AssessmentError
        The figure that the limit is about does not exist (a market limit without positions).
    """
    value, subject, unit = _READ.get(limit.measure.kind, _of_desk)(limit, figures)
    allowed = point(
        limit.at_most,
        price=figures.valuation.price,
        worth=lambda what: figures.valuation.worth(what).mean,
    )
    used = value / allowed if allowed > 0 else (float("inf") if value > 0 else 0.0)
    if used == float("inf"):
        raise AssessmentError("a limit of zero is used without end: give a small amount instead")
    breached = value > allowed
    warned = not breached and used >= point(limit.warn_at)
    above = limit.measure.amount
    return Standing(
        measure=limit.measure.text,
        value=value,
        limit=allowed,
        used=used,
        breached=breached,
        warned=warned,
        owner=limit.owner or "",
        scope=figures.desk.spelled(limit.scope) if figures.desk else limit.scope,
        subject=subject,
        unit=unit,
        kind=limit.measure.kind,
        amount=None if above is None else point(above, price=figures.valuation.price),
    )


Reader = Callable[[Limit, Figures], tuple[float, str, str]]


def _expected(_limit: Limit, figures: Figures) -> tuple[float, str, str]:
    return figures.ale, "", "money"


def _var(limit: Limit, figures: Figures) -> tuple[float, str, str]:
    return figures.law.var(_level(limit)), "", "money"


def _cvar(limit: Limit, figures: Figures) -> tuple[float, str, str]:
    return figures.law.cvar(_level(limit)), "", "money"


def _chance(limit: Limit, figures: Figures) -> tuple[float, str, str]:
    assert limit.measure.amount is not None
    amount = point(limit.measure.amount, price=figures.valuation.price)
    return figures.law.exceed(amount), "", "probability"


def _balance(limit: Limit, figures: Figures) -> tuple[float, str, str]:
    wanted = limit.measure.text.rsplit(" ", 1)[-1]
    found: list[tuple[float, str]] = []
    for venue in figures.valuation.book.venues.values():
        if wanted not in ("venue", venue.kind):
            continue
        try:
            found.append((_at(venue, figures), venue.id))
        except AssessmentError:
            continue
    if not found:
        raise AssessmentError(f"no {wanted} with a balance is declared")
    value, subject = max(found)
    return value, subject, "money"


def _at(venue: Venue, figures: Figures) -> float:
    """Worth of what stands at a venue: as declared, or the positions there, contracts and all."""
    valuation, desk = figures.valuation, figures.desk
    kept = any(asset.at == venue.id for asset in valuation.book.assets.values())
    if venue.holds is None and not kept and desk is not None:
        lots = [lot for lot in desk.priced() if lot.venue == venue.id]
        if lots:
            return math.fsum(desk.worth_of(lot) for lot in lots)
    return valuation.worth(venue.id).mean


def _market(limit: Limit, figures: Figures) -> tuple[float, str, str]:
    """Of everything by the run's own figures; of a scope or another horizon by the desk's."""
    if figures.market is None:
        raise AssessmentError("there are no market figures: no positions, or no prices")
    desk, days, level = figures.desk, limit.measure.days or 1, _level(limit)
    by_level = figures.market.methods[figures.market.default_method].get(days, {})
    scoped = desk is not None and desk.scope(limit.scope)[0]
    if scoped or level not in by_level:
        return _of_desk(limit, figures)
    figure = by_level[level]
    return (figure.var if limit.measure.kind == "market_var" else figure.cvar), "", "money"


def _of_desk(limit: Limit, figures: Figures) -> tuple[float, str, str]:
    """What positions alone tell: exposures, concentration, stress losses."""
    if figures.desk is None:
        raise AssessmentError("there are no positions, or no prices of them")
    return measured(figures.desk, limit.measure, limit.scope or "")


def _level(limit: Limit) -> float:
    return float(limit.measure.level) if limit.measure.level is not None else 0.99


_READ: dict[str, Reader] = {
    "expected_loss": _expected,
    "loss_in_year": _var,
    "annual_var": _var,
    "annual_cvar": _cvar,
    "chance_above": _chance,
    "balance": _balance,
    "market_var": _market,
    "market_cvar": _market,
}


def breached(standings: Sequence[Standing]) -> int:
    """How many limits are breached."""
    return sum(s.breached for s in standings)
