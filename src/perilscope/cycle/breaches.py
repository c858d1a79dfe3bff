# SPDX-License-Identifier: Apache-2.0
"""How likely each limit is to be exceeded by what is lost, not by a figure of today.

A limit on annual losses is exceeded by a year that costs more (with the market, where it is joined,
beside it); one on market losses by so many days that cost more. A limit on something that is so
now, like a balance, is exceeded or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from perilscope.beliefs.law import point
from perilscope.cycle.assess import Result
from perilscope.cycle.measures import Document
from perilscope.cycle.trading import Lots, held_lots
from perilscope.errors import AssessmentError
from perilscope.evidence.prices import History
from perilscope.layers import holdings, moves, revaluation
from perilscope.layers.desk import SCOPES
from perilscope.layers.shocks import scenario_sets, shocks_of
from perilscope.monitoring.limits import Standing

ANNUAL = ("expected_loss", "loss_in_year", "annual_var", "annual_cvar", "chance_above")
MARKET = ("market_var", "market_cvar")


def chances(result: Result, history: History | None) -> list[Document]:
    """For each limit, in the order of the run: chances that it is exceeded; empty where there is
    none to tell.

    Parameters
    ----------
    result : Result
    history : History or None
        Of what is held.
    """
    days = {limit.measure.text: limit.measure.days for limit in result.book.limits}
    lots = held_lots(result.workspace, result.valued)
    return [_chance(result, each, days.get(each.measure), lots, history) for each in result.limits]


def _chance(
    result: Result, standing: Standing, days: int | None, lots: Lots, history: History | None
) -> Document:
    amount = standing.limit if standing.amount is None else standing.amount
    if standing.kind in ANNUAL and result.book.horizon_years == 1.0:
        found = {"chance_of_breach": _sure(float(result.law.exceed(amount)))}
        if result.together is not None:
            found["chance_of_breach_with_market"] = _sure(result.together.law.exceed(amount))
        return found
    part = standing.scope.partition(" ")[0] in SCOPES  # of which no chance is told
    if standing.kind in MARKET and history is not None and days and not part:
        try:
            return {"chance_of_breach": _sure(_lost(result, lots, history, days, amount))}
        except AssessmentError:
            return {}
    return {}


def _sure(chance: float) -> float:
    return min(max(float(chance), 0.0), 1.0)


def _lost(result: Result, lots: Lots, history: History, days: int, amount: float) -> float:
    """P(so many days cost more than an amount), under every state of prices."""
    book, assets = result.book, tuple(lots.values)
    drift = 0.0 if book.market.drift is None else point(book.market.drift)
    spans = moves.over(
        history,
        assets,
        days / moves.DAYS_A_YEAR,
        seed=result.settings.seed,
        drift=drift,
        ways=revaluation.ways(lots.odd, assets),
    )
    held = holdings.Held(lots.values, lots.odd, lots.marks)
    terms: list[float] = []
    for each in scenario_sets(result.drivers, shocks_of(book), held.exposures, days):
        market = holdings.Market(held, (), spans.spans, float(days), ((each.factors,),))
        losses = market.total((0,))
        terms.append(each.probability * float((losses > amount).mean()))
    return math.fsum(terms)


def told(rows: Sequence[Document], found: Sequence[Document]) -> list[Document]:
    """Limits with the chances that they are exceeded."""
    return [row | more for row, more in zip(rows, found, strict=True)]
