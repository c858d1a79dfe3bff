# SPDX-License-Identifier: Apache-2.0
"""How long what is held takes to sell, what that costs, and what it adds to VaR and CVaR.

Everything is sold at once, each asset at its own pace: a share of the volume of each day, less at
weekends. Until it is sold it moves: the loss is that of what is left on each day of the sale, over
every stretch of the history, and the cost of the sale comes on top. Instruments count by their
delta; staked coins are there whole until their exit queue is over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.beliefs.law import point
from perilscope.engines import liquidity, returns
from perilscope.errors import AssessmentError
from perilscope.layers.desk import PARTICIPATION, Desk

Floats = NDArray[np.float64]
VOLUME_DAYS = 30
REFILLS = 24.0
"""Times a day that order books fill up again, where only their depth is known."""
WEEKEND = 0.7
"""Volume of a day at the weekend: of Bitcoin 0.71 of a working day, 2021 to 2022."""


@dataclass(frozen=True)
class Sale:
    """The sale of what is held of one asset.

    Parameters
    ----------
    asset : str
    value : float
        Money exposed to it.
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
    value: float
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
    desk: Desk, level: float, participation: float = PARTICIPATION, weekend: float = WEEKEND
) -> Liquidity:
    """The sale of everything a desk holds, and VaR and CVaR adjusted for it.

    Raises
    ------
    AssessmentError
        Nothing that moves is held, or the history is shorter than the sale.
    """
    history = desk.history
    still, notes = desk.still(), []
    values = {a: v for a, v in desk.values().items() if v and a not in still}
    known = [a for a in values if history is not None and a in history.assets]
    if history is None or not known:
        raise AssessmentError("nothing that is held moves and has prices")
    queues = _queues(desk)
    sales, left, moving = [], [], []
    for asset in values:
        sale, shares = _sale(desk, asset, values[asset], participation, weekend, queues)
        sales.append(sale)
        if sale.volume is None:
            notes.append(
                f"no volume of {asset}: taken to be sold within a day at no cost; give "
                f"`tokens: {{{asset}: {{daily_volume: 300M}}}}`"
            )
        if not math.isfinite(sale.days):
            notes.append(f"{asset} takes more than {liquidity.LONGEST} days to sell")
        if asset in known:
            moving.append(asset)
            left.append(shares)
    closes = history.closes[:, [history.assets.index(a) for a in moving]]
    longest = max(len(each) for each in left)
    if len(closes) <= longest + 10:
        raise AssessmentError(
            f"{len(closes)} days of prices are too few for a sale of {longest} days"
        )
    cost = math.fsum(sale.cost for sale in sales)
    worth = np.array([values[a] for a in moving])
    losses = liquidity.unwound(closes, worth, left) + cost
    once = liquidity.unwound(closes, worth, [np.ones(1)] * len(moving))
    block = max(2 * longest, round(math.cbrt(len(losses))))
    of_var, of_cvar = returns.intervals(losses, (level,), 1, block, name="liquidity")[0]
    adjusted = returns.historical(losses, level)
    if any(lot.instrument not in ("spot", "cash") for lot in desk.lots):
        notes.append("instruments count by their delta; what is owed on a loan is repaid as sold")
    return Liquidity(
        tuple(sorted(sales, key=lambda sale: -sale.days)),
        *returns.historical(once, level), *adjusted,
        (min(of_var[0], adjusted[0]), max(of_var[1], adjusted[0])),
        (min(of_cvar[0], adjusted[1]), max(of_cvar[1], adjusted[1])),
        cost, len(losses), tuple(notes),
    )  # fmt: skip


def _queues(desk: Desk) -> Mapping[str, float]:
    """Days before what is staked can be sold, of the longest queue of each asset."""
    found: dict[str, float] = {}
    for lot in desk.priced():
        if lot.instrument == "staked" and lot.quantity:
            found[lot.asset] = max(found.get(lot.asset, 0.0), lot.terms.exit_days)
    return found


def _sale(
    desk: Desk, asset: str, value: float, participation: float, weekend: float,
    queues: Mapping[str, float],
) -> tuple[Sale, Floats]:  # fmt: skip
    volume, source = _volume(desk, asset)
    volatility = _volatility(desk, asset)
    if volume is None:
        return Sale(asset, value, None, "", 1.0, 1.0, 0.0, volatility), np.ones(1)
    day = desk.book.as_of
    shares = liquidity.schedule(value, volume, day, participation, weekend)
    saturday = day.fromordinal(day.toordinal() + (4 - day.weekday()) % 7)  # the Friday before
    took = [liquidity.days(value, volume, each, participation, weekend) for each in (day, saturday)]
    wait = math.ceil(queues.get(asset, 0.0))
    if wait:
        shares = np.concatenate([np.ones(wait), shares])[: liquidity.LONGEST]
    cost = abs(value) * liquidity.impact(value, volume, volatility)
    sale = Sale(asset, value, volume, source, took[0] + wait, took[1] + wait, cost, volatility)
    return sale, shares


def _volume(desk: Desk, asset: str) -> tuple[float | None, str]:
    """Money that changes hands on a usual day: declared, from the depth, or from the prices."""
    token = desk.book.tokens.get(asset)
    if token is not None and token.daily_volume is not None:
        return point(token.daily_volume), "declared"
    if token is not None and token.depth is not None:
        return REFILLS * point(token.depth), "depth"
    table = desk.history.others.get("volume") if desk.history is not None else None
    if table is not None and desk.history is not None and asset in desk.history.assets:
        recent = table[-VOLUME_DAYS:, desk.history.assets.index(asset)]
        if np.isfinite(recent).any() and float(np.nanmedian(recent)) > 0.0:
            return float(np.nanmedian(recent)), "price file"
    return None, ""


def _volatility(desk: Desk, asset: str) -> float:
    """Standard deviation of the log returns of the last 60 days."""
    history = desk.history
    if history is None or asset not in history.assets:
        return 0.0
    closes = history.closes[-61:, history.assets.index(asset)]
    return float(np.std(np.diff(np.log(closes)), ddof=1)) if len(closes) > 2 else 0.0
