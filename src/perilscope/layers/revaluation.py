# SPDX-License-Identifier: Apache-2.0
"""What positions are worth today and after a move of prices, every instrument revalued in full.

A position's loss is a function of where prices end and how far they went on the way, never value
times return, except where the position is nothing but units of an asset.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.instruments import contracts, lending, options, pools
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.calendar import UTC_DAYS
from perilscope.evidence.history import History
from perilscope.evidence.positions import Position
from perilscope.evidence.terms import SPOT, Terms

Floats = NDArray[np.float64]

PLAIN = (SPOT, "cash", "deposit", "fund")
"""Instruments that are units of their asset."""
DAYS_A_YEAR = UTC_DAYS.days_a_year
VOL_DAYS = 60
"""Days of returns behind an implied volatility that is not given."""
VOL_FLOOR = 0.05
RESPONSE = 1.0
"""An implied volatility is multiplied by exp(this times the absolute log move of the price)."""
_BUMP = 1e-4
_LEAST = 1e-12
ALL_MONEY = 1e16
ABSURD = 1000.0
"""Short options on more than so many times everything else are a slip of the pen."""
STRETCH = 1.5
"""How much larger moves are taken for the upper ends of intervals where options are sold."""
FAR = "the upper ends of intervals are of moves half as large again, because options are sold"


@dataclass(frozen=True)
class Marks:
    """Prices of today, and what else values depend on.

    Parameters
    ----------
    prices : mapping of asset to money
    as_of : date or None
        None where nothing held has an expiry.
    vols : mapping of asset to implied volatility per year
        Used where a position does not state its own.
    currency : str
        Has the price 1.
    response : float
        See `RESPONSE`.
    vol_shock : float
        Relative change of every implied volatility on top of it.
    skew_shock : float
        Added to every implied volatility for each unit of the logarithm of today's price over the
        strike: above zero, low strikes gain and high ones lose.
    days_a_year : float
        Of volatilities and rates per year.

    Examples
    --------
    >>> marks = Marks({"ETH": 2000.0})
    >>> marks.price("ETH"), marks.price("USD")
    (2000.0, 1.0)
    """

    prices: Mapping[str, float]
    as_of: date | None = None
    vols: Mapping[str, float] = field(default_factory=dict)
    currency: str = "USD"
    response: float = RESPONSE
    vol_shock: float = 0.0
    skew_shock: float = 0.0
    days_a_year: float = DAYS_A_YEAR

    def price(self, asset: str) -> float:
        """Money for one unit; the currency of the book, and nothing named, are worth 1."""
        if asset in self.prices:
            return self.prices[asset]
        if asset in ("", self.currency):
            return 1.0
        raise AssessmentError(f"there is no price of {asset}")


@dataclass(frozen=True)
class Paths:
    """Where prices end, relative to today, and the extremes on the way; shape (n, assets) each.

    Parameters
    ----------
    assets : tuple of str
    end, low, high : array
        1 for a price that does not move.
    days : float
    """

    assets: tuple[str, ...]
    end: Floats
    low: Floats
    high: Floats
    days: float

    def of(self, asset: str) -> tuple[Floats, Floats, Floats]:
        """End, low and high of one asset; ones for what is not among them."""
        if asset not in self.assets:
            still = np.ones(len(self.end))
            return still, still, still
        k = self.assets.index(asset)
        return self.end[:, k], self.low[:, k], self.high[:, k]


def shifted(moves: Mapping[str, float], days: float = 0.0) -> Paths:
    """One scenario of relative moves, with no way between.

    Examples
    --------
    >>> shifted({"ETH": -0.25}).of("ETH")[0].tolist(), shifted({"ETH": -0.25}).of("BTC")[0].tolist()
    ([0.75], [1.0])
    """
    end = np.array([[1.0 + move for move in moves.values()]])
    return Paths(tuple(moves), end, end, end, days)


def plain(lot: Position) -> bool:
    """Whether a position is nothing but units of its asset.

    Examples
    --------
    >>> plain(Position("BTC", 1.0)), plain(Position("BTC", 1.0, instrument="perpetual"))
    (True, False)
    """
    return lot.instrument in PLAIN


def factors(lot: Position, currency: str = "USD") -> tuple[str, ...]:
    """Assets whose prices a position depends on.

    Examples
    --------
    >>> lot = Position("ETH", 1.0, instrument="perpetual", terms=Terms(quote="USDT"))
    >>> factors(lot), factors(Position("ETH", 1.0))
    (('ETH', 'USDT'), ('ETH',))
    """
    quote = lot.terms.quote
    if plain(lot) or not quote or quote == currency:
        return (lot.asset,)
    return (lot.asset, quote)


Ways = tuple[tuple[int, ...], tuple[int, ...]]
"""Places of the assets whose lows, and of those whose highs, matter on the way."""


def ways(lots: Sequence[Position], assets: Sequence[str]) -> Ways:
    """Assets whose lows, and whose highs, may close a position on the way.

    Examples
    --------
    >>> short = Position("ETH", -1.0, instrument="perpetual", terms=Terms(margin=100.0))
    >>> ways([short, Position("BTC", 1.0)], ["BTC", "ETH"])
    ((), (1,))
    """
    closed = [x for x in lots if x.instrument == "loan" or x.terms.margin is not None]
    down = {x.asset for x in closed if x.quantity > 0.0}
    up = {x.asset for x in closed if x.quantity < 0.0}
    return (
        tuple(k for k, asset in enumerate(assets) if asset in down),
        tuple(k for k, asset in enumerate(assets) if asset in up),
    )


@dataclass(frozen=True)
class _State:
    """Prices of one position in units of its quote, at the end and on the way."""

    price: Floats
    low: Floats
    high: Floats
    quote: Floats
    move: Floats
    now: float
    days: float
    marks: Marks
    lot: Position

    @property
    def terms(self) -> Terms:
        return self.lot.terms

    def left(self, what: str = "expiry") -> float:
        """Days from today to expiry."""
        if self.terms.expiry is None or self.marks.as_of is None:
            raise AssessmentError(f"{_name(self.lot)}: no {what}, or no date of the prices")
        days = (self.terms.expiry - self.marks.as_of).days
        if days < 0:
            raise AssessmentError(
                f"{_name(self.lot)}: it expired on {self.terms.expiry}, before "
                f"{self.marks.as_of}; take it out of the positions"
            )
        return float(days)


def _name(lot: Position) -> str:
    line = f" (line {lot.line})" if lot.line else ""
    return f"{lot.asset} {lot.instrument}{line}"


def _perpetual(state: _State) -> Floats:
    """Value in money of a contract, with what its isolated margin is worth."""
    lot, terms = state.lot, state.terms
    price, low, high, now = state.price, state.low, state.high, state.now
    # coins are worth what they trade at, wherever the contract on them stands
    unit = state.quote * (np.maximum(price, _LEAST * now) if terms.inverse else 1.0)
    if lot.instrument == "future":
        left = state.left()
        basis = (terms.mark / now - 1.0) if terms.mark else 0.0
        price = contracts.carried(price, basis, left, state.days)
        low, high = low * (1.0 + min(basis, 0.0)), high * (1.0 + max(basis, 0.0))
        now = terms.mark or now
    elif terms.mark:
        ratio = terms.mark / now
        price, low, high, now = price * ratio, low * ratio, high * ratio, terms.mark
    entry = terms.entry or now
    size = lot.quantity
    floor = _LEAST * now
    price, low = np.maximum(price, floor), np.maximum(low, floor)
    paid = size * terms.funding * state.days * (1.0 / now if terms.inverse else now)
    if terms.margin is None:
        gain = (contracts.inverse if terms.inverse else contracts.linear)(size, entry, price)
        return np.asarray((gain - paid) * unit)
    worth = contracts.held(
        size, entry, terms.margin, terms.maintenance, price, low, high, paid, coin=terms.inverse
    )
    return np.asarray(worth * unit)


def _option(state: _State) -> Floats:
    terms, lot = state.terms, state.lot
    if terms.strike is None:
        raise AssessmentError(f"{_name(lot)}: no strike")
    if terms.surface and not terms.vol:
        raise AssessmentError(
            f"{_name(lot)}: it takes its volatility from the surface `{terms.surface}`, which only "
            "a book names (market: {surfaces: FILE}): state a number here"
        )
    vol = terms.vol or state.marks.vols.get(lot.asset)
    if vol is None:
        raise AssessmentError(
            f"{_name(lot)}: no implied volatility, and no prices to take one from: give `vol`"
        )
    years = max(state.left() - state.days, 0.0) / state.marks.days_a_year
    shock = 1.0 + state.marks.vol_shock
    vol = max(vol + state.marks.skew_shock * math.log(state.now / terms.strike), 0.0)
    with np.errstate(divide="ignore"):
        stretch = np.abs(np.log(np.maximum(1.0 + state.move, _LEAST)))
    sigma = np.maximum(vol * shock * np.exp(state.marks.response * np.minimum(stretch, 3.0)), 0.0)
    value = options.black_scholes(
        state.price, terms.strike, sigma, years, terms.rate, call=lot.instrument == "call"
    )
    margin = (terms.margin or 0.0) * (state.price if terms.inverse else 1.0)
    return np.asarray((lot.quantity * value + margin) * state.quote)


def _pool(state: _State) -> Floats:
    terms, lot = state.terms, state.lot
    liquidity = terms.liquidity
    if liquidity is None:
        try:
            liquidity = pools.liquidity_of(lot.quantity, state.now, terms.lower, terms.upper)
        except MisuseError as error:
            raise AssessmentError(f"{_name(lot)}: {error}") from None
    return np.asarray(pools.worth(liquidity, state.price, terms.lower, terms.upper) * state.quote)


def _staked(state: _State) -> Floats:
    terms = state.terms
    out = state.days >= terms.exit_days > 0.0  # redeemed by then
    price = (
        state.price
        if out
        else lending.staked(state.price, state.move, terms.discount, terms.widening)
    )
    return np.asarray(state.lot.quantity * price * state.quote)


def _loan(state: _State) -> Floats:
    terms = state.terms
    left = lending.equity(
        state.lot.quantity, terms.debt or 0.0, terms.threshold or 0.8, terms.penalty,
        np.maximum(state.price, _LEAST * state.now), np.maximum(state.low, _LEAST * state.now),
        start=state.now,
    )  # fmt: skip
    return np.asarray(left * state.quote)


_VALUE: Mapping[str, Callable[[_State], Floats]] = {
    "perpetual": _perpetual,
    "future": _perpetual,
    "call": _option,
    "put": _option,
    "pool": _pool,
    "staked": _staked,
    "loan": _loan,
}


def valued(lot: Position, marks: Marks, paths: Paths) -> Floats:
    """What a position is worth in every scenario, money; shape (n,).

    Raises
    ------
    AssessmentError
        A price is missing, or the position expired, with its line.

    Examples
    --------
    >>> marks = Marks({"ETH": 2000.0})
    >>> short = Position("ETH", -10.0, instrument="perpetual", terms=Terms(entry=2100.0))
    >>> valued(short, marks, shifted({"ETH": 0.1})).round(6).tolist()
    [-1000.0]
    """
    end, low, high = paths.of(lot.asset)
    price = marks.price(lot.asset)
    if plain(lot):
        return np.asarray(lot.quantity * price * end)
    quote_end = paths.of(lot.terms.quote)[0]
    quote = marks.price(lot.terms.quote)
    now = price / quote
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(quote_end > 0.0, 1.0 / quote_end, 0.0) * now
    state = _State(
        end * inside, low * inside, high * inside, quote * quote_end, end - 1.0, now, paths.days,
        marks, lot,
    )  # fmt: skip
    return _VALUE[lot.instrument](state)


def worth(lot: Position, marks: Marks) -> float:
    """What a position is worth today, money; of a contract its gain and isolated margin.

    Examples
    --------
    Ten units sold at 2,100 that stand at 2,000, with a margin of 500:

    >>> terms = Terms(entry=2100.0, margin=500.0)
    >>> worth(Position("ETH", -10.0, instrument="perpetual", terms=terms), Marks({"ETH": 2000.0}))
    1500.0
    """
    if plain(lot):
        return lot.quantity * marks.price(lot.asset)
    return float(valued(lot, marks, shifted({}))[0])


def losses(lot: Position, marks: Marks, paths: Paths) -> Floats:
    """What a position loses in every scenario, money, positive for a loss; shape (n,).

    Examples
    --------
    >>> losses(Position("ETH", 2.0), Marks({"ETH": 2000.0}), shifted({"ETH": -0.25})).tolist()
    [1000.0]
    """
    return np.asarray(worth(lot, marks) - valued(lot, marks, paths))


def exposures(lot: Position, marks: Marks) -> dict[str, float]:
    """Money that a position gains for a relative move of 1 of each price it depends on (delta).

    Examples
    --------
    >>> marks = Marks({"ETH": 2000.0})
    >>> short = Position("ETH", -10.0, instrument="perpetual", terms=Terms(entry=2100.0))
    >>> {asset: round(money, 3) for asset, money in exposures(short, marks).items()}
    {'ETH': -20000.0}
    """
    if plain(lot):
        return {lot.asset: lot.quantity * marks.price(lot.asset)}
    names = factors(lot, marks.currency)
    ends = np.ones((2 * len(names), len(names)))
    for k in range(len(names)):
        ends[2 * k, k], ends[2 * k + 1, k] = 1.0 + _BUMP, 1.0 - _BUMP
    still = replace(marks, response=0.0, vol_shock=0.0)
    found = valued(lot, still, Paths(names, ends, ends, ends, 0.0))
    return {
        name: float(found[2 * k] - found[2 * k + 1]) / (2.0 * _BUMP) for k, name in enumerate(names)
    }


def realised(
    history: History | None, assets: Sequence[str], days_a_year: float = DAYS_A_YEAR
) -> dict[str, float]:
    """Volatility per year of the last days' log returns, for options that do not state theirs.

    Examples
    --------
    >>> days = tuple(date(2026, 1, d) for d in (1, 2, 3))
    >>> closes = np.array([[100.0], [110.0], [100.0]])
    >>> {a: round(v, 4) for a, v in realised(History(("A",), days, closes), ["A"]).items()}
    {'A': 2.5751}
    """
    found: dict[str, float] = {}
    for asset in assets:
        if history is None or asset not in history.assets:
            continue
        closes = history.closes[-VOL_DAYS - 1 :, history.assets.index(asset)]
        steps = np.diff(np.log(closes[np.isfinite(closes)]))
        if steps.size > 1:
            vol = float(np.std(steps, ddof=1)) * math.sqrt(days_a_year)
            found[asset] = max(vol, VOL_FLOOR)
    return found


def refuse_absurd(lots: Sequence[Position], marks: Marks, net_assets: float | None) -> None:
    """Refuse positions of more money than there is, and short options on far more than the rest.

    Raises
    ------
    AssessmentError
        With the line: no figure of such a size would mean anything.
    """
    for lot in lots:
        amount = 1.0 if lot.terms.inverse else marks.price(lot.asset)
        if not abs(lot.quantity) * amount < ALL_MONEY:
            raise AssessmentError(
                f"{_name(lot)}: {lot.quantity:.3g} units are worth more than all the money there "
                "is. Is the quantity in units of the asset?"
            )
    rest = max(
        net_assets or 0.0,
        math.fsum(abs(lot.quantity) * marks.price(lot.asset) for lot in lots if plain(lot)),
    )
    for lot in lots:
        if lot.instrument not in ("call", "put") or lot.quantity >= 0.0:
            continue
        size = abs(lot.quantity) * marks.price(lot.asset)
        if rest > 0.0 and size > ABSURD * rest:
            raise AssessmentError(
                f"{_name(lot)}: {lot.quantity:,.0f} short options are on {size:,.0f} "
                f"{marks.currency} of {lot.asset}, {size / rest:,.0f} times everything else: no "
                "figure would mean anything. Is the quantity in units of the asset?"
            )


def sold(lots: Sequence[Position]) -> bool:
    """Whether options are sold: a history says nothing of what they lose beyond its moves."""
    return any(lot.instrument in ("call", "put") and lot.quantity < 0.0 for lot in lots)


def notes(lots: Sequence[Position], marks: Marks) -> list[str]:
    """What a reader of the figures must know about how positions were valued."""
    found = []
    own = sorted({x.asset for x in lots if x.instrument in ("call", "put") and not x.terms.vol})
    if own:
        told = ", ".join(f"{a} {100.0 * marks.vols[a]:.0f} %" for a in own if a in marks.vols)
        found.append(f"options without `vol` are valued at the realised volatility: {told}")
    if any(x.instrument in ("call", "put") for x in lots):
        found.append(
            f"implied volatilities rise by exp({marks.response:g} x |log move|) in every scenario"
        )
    if sold(lots):
        found.append("short options lose without bound beyond the moves of the history")
    for lot in lots:
        closed = lot.instrument == "loan" or lot.terms.margin is not None
        if closed and lot.quantity and not worth(lot, marks) > 0.0:
            found.append(
                f"{_name(lot)}: at today's prices it is liquidated with nothing left: are entry, "
                "margin and debt right?"
            )
    if any(x.instrument == "loan" for x in lots):
        found.append("loans are liquidated at health 1, half of the debt at a time, without jumps")
    return found
