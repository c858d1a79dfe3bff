# SPDX-License-Identifier: Apache-2.0
"""What is traded in a run: positions at today's prices, market figures, the desk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from perilscope.beliefs.law import point
from perilscope.book import Book
from perilscope.cycle.amounts import money
from perilscope.cycle.settings import MARKET_DAYS, MARKET_LEVELS, Settings
from perilscope.cycle.workspace import (
    Workspace,
    closes_of,
    held_prices,
    instruments,
    portfolio,
)
from perilscope.errors import AssessmentError
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers import market, revaluation
from perilscope.layers.counterparty import standing
from perilscope.layers.days import calendar_of
from perilscope.layers.desk import Desk
from perilscope.layers.drivers import Drivers
from perilscope.layers.market import MarketResult
from perilscope.layers.past import PastYear, past_year
from perilscope.layers.revaluation import Marks, factors, realised, refuse_absurd
from perilscope.layers.stress import Stressed
from perilscope.layers.valuation import Valuation
from perilscope.monitoring.backtest import Verdict as BacktestVerdict
from perilscope.monitoring.backtest import backtest

Note = Callable[..., None]
"""Takes the weight of a remark, where it belongs, what it says, and how to mend it."""


@dataclass(frozen=True)
class Valued:
    """One position at today's price."""

    asset: str
    quantity: float
    price: float
    value: float
    instrument: str = "spot"


def value(workspace: Workspace, note: Note) -> tuple[History | None, tuple[Valued, ...], Valuation]:
    """Prices of what is held, positions at those prices, and the valuation of everything else."""
    book = workspace.book
    quantities = portfolio(workspace)
    closes = closes_of(workspace)
    bare = Valuation(book, closes)
    valued: list[Valued] = []
    for asset, quantity in quantities.items():
        try:
            price = bare.price(asset)
        except AssessmentError as error:
            note("warning", f"positions.{asset}", str(error), "left out of the market figures")
            continue
        valued.append(Valued(asset, quantity, price, quantity * price))
    valued += _instruments(workspace, bare, note)
    value = math.fsum(v.value for v in valued) if valued else None
    valuation = Valuation(book, closes, value, placed=placed(workspace, bare))
    for venue, text in unlike(valuation):
        note("warning", f"venues.{venue}", text, "scenarios and limits take what is declared")
    for venue in strangers(workspace):
        what = (
            f"`{venue}` is no venue, asset or protocol of the book: limits on venues leave it out"
        )
        note("note", "positions", what)
    needed = [v.asset for v in valued]
    needed += [a for lot in instruments(workspace) for a in factors(lot, book.currency)]
    held, findings = held_prices(workspace, list(dict.fromkeys(needed)))
    for text in findings:
        note("warning", "prices", text)
    return held, tuple(valued), valuation


def strangers(workspace: Workspace) -> list[str]:
    """Venues that positions name and the book, which has some, does not."""
    book = workspace.book
    known = {*book.venues, *book.assets, *book.protocols, ""} if book.venues else None
    names = dict.fromkeys(lot.venue for lot in workspace.positions)
    return [] if known is None else [name for name in names if name not in known]


def placed(workspace: Workspace, valuation: Valuation) -> dict[str, float]:
    """Worth of what stands at each venue; none where some of it has no price.

    It is what the venue's failure takes (`perilscope.layers.counterparty`), contracts with it.
    """
    found, lots = {}, workspace.positions
    marks = marks_at(workspace, valuation, lots)
    for venue in dict.fromkeys(lot.venue for lot in lots if lot.venue in workspace.book.venues):
        with contextlib.suppress(AssessmentError):
            found[venue] = standing(venue, lots, marks)
    return found


def unlike(valuation: Valuation) -> Iterator[tuple[str, str]]:
    """Venues whose declared balance is far from the positions there, and a sentence on each."""
    currency = valuation.book.currency
    for venue in valuation.book.venues:
        apart = valuation.unlike(venue)
        if apart is not None:
            declared, there = (money(each, currency) for each in apart)
            yield venue, f"`{venue}` holds {declared} as declared, but its positions {there}"


def _instruments(workspace: Workspace, valuation: Valuation, note: Note) -> Iterator[Valued]:
    """Instruments at today's prices; one that cannot be valued is named and left out."""
    lots = instruments(workspace)
    if not lots:
        return
    marks = marks_of(workspace, valuation)
    refuse_absurd(lots, marks, _net_assets(workspace.book, valuation))
    for text in (*workspace.notes, *revaluation.notes(lots, marks)):
        note("note", "positions", text)
    for lot in lots:
        try:
            worth = revaluation.worth(lot, marks)
        except AssessmentError as error:
            note("warning", f"positions.{lot.asset}", str(error), "left out of the market figures")
            continue
        yield Valued(lot.asset, lot.quantity, marks.price(lot.asset), worth, lot.instrument)


def marks_of(workspace: Workspace, valuation: Valuation) -> Marks:
    """Prices of what instruments depend on, and volatilities for those that state none."""
    return marks_at(workspace, valuation, instruments(workspace))


def marks_at(workspace: Workspace, valuation: Valuation, lots: Iterable[Position]) -> Marks:
    """The same of what some positions depend on."""
    book, lots = workspace.book, tuple(lots)
    found = {}
    for asset in dict.fromkeys(a for lot in lots for a in factors(lot, book.currency)):
        try:
            found[asset] = valuation.price(asset)
        except AssessmentError:
            continue  # said where the instrument is valued
    year = calendar_of(book).days_a_year
    vols = realised(workspace.history, list(found), year)
    return Marks(found, book.as_of, vols, book.currency, days_a_year=year)


def _net_assets(book: Book, valuation: Valuation) -> float | None:
    return valuation.worth("net_assets").mean if book.institution.net_assets else None


@dataclass(frozen=True)
class Lots:
    """What is held, as the market layers take it.

    Parameters
    ----------
    values : mapping of asset to money
        Units of an asset; 0 for what only instruments depend on.
    odd : tuple of Position
        Instruments that can be valued.
    marks : Marks
        Today's prices of what they depend on.
    """

    values: Mapping[str, float]
    odd: tuple[Position, ...]
    marks: Marks


def held_lots(workspace: Workspace, valued: tuple[Valued, ...]) -> Lots:
    """Everything held that has a price: plain holdings, and instruments apart."""
    currency = workspace.book.currency
    values = {v.asset: v.value for v in valued if v.instrument == "spot"}
    marks = marks_of(workspace, Valuation(workspace.book, closes_of(workspace)))
    priced = {(v.asset, v.instrument) for v in valued}
    odd = [x for x in instruments(workspace) if (x.asset, x.instrument) in priced]
    odd = [x for x in odd if {*marks.prices, currency}.issuperset(factors(x, currency))]
    for lot in odd:
        for asset in factors(lot, currency):
            values.setdefault(asset, 0.0)
    return Lots(values, tuple(odd), marks)


SHOWN = ("traffic-light", "kupiec-pof", "christoffersen-conditional-coverage", "dq", "z1", "z2",
         "e-backtest")  # fmt: skip
"""Backtests of the past year that a run tells; `market backtest BOOK` has them all."""


@dataclass(frozen=True)
class Traded:
    """What a run says of the market alone.

    Parameters
    ----------
    figures : MarketResult or None
        None where the history is too short.
    desk : Desk or None
        None without positions.
    stresses : tuple of Stressed
    past_year : PastYear or None
    backtests : tuple of Verdict
        Those of `SHOWN`, of the past year.
    notes : tuple of tuple of str
        What a reader must know, each as a `Note` is told.
    """

    figures: MarketResult | None
    desk: Desk | None
    stresses: tuple[Stressed, ...]
    past_year: PastYear | None
    backtests: tuple[BacktestVerdict, ...]
    notes: tuple[tuple[str, ...], ...]


def traded(
    workspace: Workspace,
    settings: Settings,
    drivers: Drivers,
    held: History | None,
    valued: tuple[Valued, ...],
    valuation: Valuation,
) -> Traded:
    """All that a run says of the market alone; it hangs on no scenario."""
    notes: list[tuple[str, ...]] = []
    figures = market_figures(
        workspace, settings, drivers, held, valued, lambda *told: notes.append(told)
    )
    desk = desk_of(workspace, held, valuation, drivers)
    past = past_year(desk, figures.default_method if figures else "historical")
    return Traded(
        figures,
        desk,
        desk.stresses() if desk is not None else (),
        past,
        () if past is None else backtest(past.told, past.level, only=SHOWN),
        tuple(notes),
    )


def market_figures(
    workspace: Workspace,
    settings: Settings,
    drivers: Drivers,
    held: History | None,
    valued: tuple[Valued, ...],
    note: Note,
) -> MarketResult | None:
    """VaR and CVaR of what is held by every method; None where the history is too short."""
    book = workspace.book
    if held is None or len(held.days) < 30:
        if valued:
            note("warning", "market", "no market figures: fewer than 30 days of common history")
        return None
    lots = held_lots(workspace, valued)
    figures = market.market(
        lots.values,
        held,
        drivers,
        book,
        days=MARKET_DAYS,
        levels=MARKET_LEVELS,
        drift=0.0 if book.market.drift is None else point(book.market.drift),
        seed=settings.seed,
        odd=lots.odd,
        marks=lots.marks,
    )
    for text in figures.findings:
        note("warning", "market", text)
    return figures


def desk_of(
    workspace: Workspace, held: History | None, valuation: Valuation, drivers: Drivers
) -> Desk | None:
    """The positions as the desk sees them; None without positions."""
    lots = workspace.positions or tuple(
        Position(asset, units) for asset, units in portfolio(workspace).items()
    )
    prices = {}
    currency = workspace.book.currency
    for asset in dict.fromkeys(a for lot in lots for a in factors(lot, currency)):
        try:
            prices[asset] = valuation.price(asset)
        except AssessmentError:
            continue  # said where positions are valued
    if not prices:
        return None
    book = workspace.book
    return Desk(lots, prices, book, held, drivers, _net_assets(book, valuation))
