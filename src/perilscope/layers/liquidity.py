# SPDX-License-Identifier: Apache-2.0
"""How long what is held takes to sell, what that costs, and what it adds to VaR and CVaR.

Everything is sold at once, each asset at its own pace: a share of the volume of each day, less at
weekends. Until it is sold it moves: the loss is that of what is left on each day of the sale, over
every stretch of the history, and the cost of the sale comes on top. Instruments count by their
delta; staked coins are there whole until their exit queue is over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.portfolio import bootstrap, liquidity, returns
from perilscope.errors import AssessmentError
from perilscope.evidence.history import History
from perilscope.layers import revaluation
from perilscope.layers.desk import Desk
from perilscope.layers.markets import HEDGE, PARTICIPATION, SPOT, Market, market_of, markets
from perilscope.layers.revaluation import Paths
from perilscope.layers.scenarios import extremes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sale:
    """The sale of what is held in one market.

    Parameters
    ----------
    asset, market : str
        See `markets.Market`.
    value : float
        Money exposed to the price, net.
    size : float
        Money to be traded.
    volume : float or None
        Of a usual day; None where it is not known.
    source : str
        Where the volume is from.
    days, weekend_days : float
        Begun on a working day after the day of the book, and on a Saturday.
    cost : float
        Money.
    volatility : float
        Of one day.
    """

    asset: str
    market: str
    value: float
    size: float
    volume: float | None
    source: str
    days: float
    weekend_days: float
    cost: float
    volatility: float


@dataclass(frozen=True)
class Liquidity:
    """Sales of everything, and what they add to the risk of one day.

    Parameters
    ----------
    sales : tuple of Sale
        The slowest first.
    var, cvar : float
        Of one day, everything sold at once at no cost.
    adjusted_var, adjusted_cvar : float
    var_interval, cvar_interval : tuple of float
        90 % intervals of the adjusted ones.
    cost : float
    windows : int
        Stretches of the history behind them.
    notes : tuple of str
    """

    sales: tuple[Sale, ...]
    var: float
    cvar: float
    adjusted_var: float
    adjusted_cvar: float
    var_interval: tuple[float, float]
    cvar_interval: tuple[float, float]
    cost: float
    windows: int
    notes: tuple[str, ...]


def sold(
    desk: Desk, level: float, participation: float = PARTICIPATION, weekend: float | None = None
) -> Liquidity:
    """The sale of everything a desk holds, and VaR and CVaR adjusted for it.

    A weekend's share of volume is the calendar's where none is given.

    Raises
    ------
    AssessmentError
        Nothing that moves is held, or the history is shorter than the sale.
    """
    history, places = desk.history, markets(desk)
    known = [] if history is None else [each for each in places if each.asset in history.assets]
    if history is None or not known:
        raise AssessmentError("nothing that is held moves and has prices")
    queues = _queues(desk)
    weekend = desk.calendar.weekend if weekend is None else weekend
    found: dict[tuple[str, str], tuple[Sale, Floats]] = {
        (each.asset, each.kind): _sale(desk, each, participation, weekend, queues)
        for each in places
    }
    longest = max(len(found[each.asset, each.kind][1]) for each in known)
    if len(history.days) <= longest + 10:
        raise AssessmentError(
            f"{len(history.days)} days of prices are too few for a sale of {longest} days"
        )
    sales = [sale for sale, _ in found.values()]
    cost = math.fsum(sale.cost for sale in sales)
    left = {key: shares for key, (_, shares) in found.items()}
    losses = _unwound(desk, history, left, longest) + cost
    once = _unwound(desk, history, {}, longest)
    block = max(2 * longest, round(math.cbrt(len(losses))))
    of_var, of_cvar = bootstrap.intervals(losses, (level,), 1, block, name="liquidity")[0]
    adjusted = returns.historical(losses, level)
    return Liquidity(
        tuple(sorted(sales, key=lambda sale: -sale.days)),
        *returns.historical(once, level), *adjusted,
        (min(of_var[0], adjusted[0]), max(of_var[1], adjusted[0])),
        (min(of_cvar[0], adjusted[1]), max(of_cvar[1], adjusted[1])),
        cost, len(losses), tuple(_notes(desk, places, sales)),
    )  # fmt: skip


def _unwound(
    desk: Desk, history: History, left: Mapping[tuple[str, str], Floats], longest: int
) -> Floats:
    """Loss of everything sold day by day over every stretch of the history; at once without."""
    money, odd = desk.split()
    at_once = np.ones(1)
    moving = [k for k, asset in enumerate(desk.prices) if asset in history.assets]
    names = [desk.assets[k] for k in moving]
    closes = history.closes[:, [history.assets.index(asset) for asset in names]]
    shares = [left.get((asset, SPOT), at_once) for asset in names]
    count, own = len(closes) - longest, max(len(each) for each in shares)
    found = liquidity.unwound(closes[: count + own], money[moving], shares)
    most = max((len(left.get((x.asset, market_of(x)), at_once)) for x in odd), default=0)
    ways = _ways(history, names, count, most)
    before = [np.full(count, desk.worth_of(lot)) for lot in odd]
    for day, paths in enumerate(ways):
        for k, lot in enumerate(odd):
            share = left.get((lot.asset, market_of(lot)), at_once)
            if day < len(share):
                worth = revaluation.valued(lot, desk.marks, paths)
                found += share[day] * (before[k] - worth)
                before[k] = worth
    return found


def _ways(history: History, names: list[str], count: int, days: int) -> Iterator[Paths]:
    """Prices of every stretch after one day, two days, ..., with the extremes on the way."""
    columns = [history.assets.index(asset) for asset in names]
    closes = history.closes[:, columns]
    low = high = np.ones((count, len(names)))
    for day in range(1, days + 1):
        lows, highs = extremes(history, columns, 1)  # over the close before
        there = closes[day - 1 : day - 1 + count] / closes[:count]
        low = np.minimum(low, there * lows[day - 1 : day - 1 + count])
        high = np.maximum(high, there * highs[day - 1 : day - 1 + count])
        end = closes[day : day + count] / closes[:count]
        yield Paths(tuple(names), end, low, high, day)


def _notes(desk: Desk, places: Sequence[Market], sales: Sequence[Sale]) -> Iterator[str]:
    for each in places:
        if each.volume is None:
            yield (
                f"no volume of {each.name}: taken to be sold within a day at no cost; give "
                f"`tokens: {{{each.asset}: {{daily_volume: 300M}}}}`"
            )
        elif each.source.startswith(SPOT):
            yield (
                f"{each.name}s are closed in a market of their own, taken to trade as much as the "
                "coin; give a column `market_volume` in the positions"
            )
    for sale in sales:
        if not math.isfinite(sale.days):
            yield f"{sale.asset} {sale.market} takes more than {liquidity.LONGEST} days to sell"
    if any(each.kind == HEDGE for each in places):
        yield "options are not sold: their delta is hedged in the underlying at its volume"
    if any(lot.instrument == "loan" for lot in desk.lots):
        yield "what is owed on a loan is repaid as its collateral is sold"


def _queues(desk: Desk) -> Mapping[str, float]:
    """Days before what is staked can be sold, of the longest queue of each asset."""
    found: dict[str, float] = {}
    for lot in desk.priced():
        if lot.instrument == "staked" and lot.quantity:
            found[lot.asset] = max(found.get(lot.asset, 0.0), lot.terms.exit_days)
    return found


def _sale(
    desk: Desk, place: Market, participation: float, weekend: float, queues: Mapping[str, float]
) -> tuple[Sale, Floats]:
    volatility = _volatility(desk, place.asset)
    told = Sale(
        place.asset, place.kind, place.value, place.size, place.volume, place.source, 1.0, 1.0,
        0.0, volatility,
    )  # fmt: skip
    if place.volume is None:
        return told, np.ones(1)
    day, size = desk.book.as_of, place.size
    shares = liquidity.schedule(size, place.volume, day, participation, weekend)
    saturday = day.fromordinal(day.toordinal() + (4 - day.weekday()) % 7)  # the Friday before
    took = [
        liquidity.days(size, place.volume, each, participation, weekend) for each in (day, saturday)
    ]
    wait = math.ceil(queues.get(place.asset, 0.0)) if place.kind == SPOT else 0
    if wait:
        shares = np.concatenate([np.ones(wait), shares])[: liquidity.LONGEST]
    cost = math.fsum(
        abs(side) * liquidity.impact(side, place.volume, volatility)
        for side in ((place.value,) if place.kind == SPOT else (place.long, place.short))
    )
    return replace(told, days=took[0] + wait, weekend_days=took[1] + wait, cost=cost), shares


def _volatility(desk: Desk, asset: str) -> float:
    """Standard deviation of the log returns of the last 60 days."""
    history = desk.history
    if history is None or asset not in history.assets:
        return 0.0
    closes = history.closes[-61:, history.assets.index(asset)]
    return float(np.std(np.diff(np.log(closes)), ddof=1)) if len(closes) > 2 else 0.0
