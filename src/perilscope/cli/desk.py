# SPDX-License-Identifier: Apache-2.0
"""``perilscope market limits``, ``morning`` and the like: the desk of what is held."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perilscope.cli.codes import BREACHED
from perilscope.cli.options import (
    Accept,
    Book,
    Days,
    Evidence,
    First,
    Json,
    Last,
    Level,
    MaybeBook,
    Positions,
    PriceFiles,
    Prices,
    Seed,
    Weights,
    day,
    one_or_bare,
    settings,
)
from perilscope.cli.show import answer

if TYPE_CHECKING:
    from perilscope.cycle.desk.desk import Opened


def limits(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """Use and headroom of every limit, and what changed overnight."""
    from perilscope.cycle.desk import desk
    from perilscope.report import desk as page

    found = desk.limits(desk.opened(book, settings(prices, positions, evidence)))
    answer(found, json, page.limits)


def size(
    book: Book,
    asset: Annotated[
        str, typer.Argument(metavar="ASSET", help="What would be traded; ETH-PERP is a perpetual.")
    ],
    venue: Annotated[str, typer.Option(help="Where.")] = "",
    strategy: Annotated[str, typer.Option(help="For which strategy.")] = "",
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """The largest buy and sell that keep every limit, and the limit that binds."""
    from perilscope.cycle.desk import desk
    from perilscope.report import desk as page

    found = desk.size(book, asset, venue, strategy, settings(prices, positions, evidence))
    answer(found, json, page.sized)


def trade(
    book: Book,
    order: Annotated[
        str, typer.Argument(metavar="TRADE", help='Like "buy 200 ETH @ meridian for basis".')
    ],
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> int:
    """Every limit before and after a trade; leaves with 3 when one of them refuses it."""
    from perilscope.cycle.desk import desk
    from perilscope.report import desk as page

    found = desk.trade(book, order, settings(prices, positions, evidence))
    answer(found, json, page.traded)
    return BREACHED if found["refused"] else 0


def morning(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """One page: the day's result against VaR, limits, sizes, contributions, stresses, findings."""
    from perilscope.cycle.desk.morning import morning as look
    from perilscope.report import desk as page

    answer(look(book, settings(prices, positions, evidence)), json, page.morning)


def stress(
    book: MaybeBook = None,
    loss: Annotated[
        str,
        typer.Option(
            metavar="5M", help="What the reverse stress is to cost; of weights also 20 %."
        ),
    ] = "",
    shock: Annotated[
        list[str] | None,
        typer.Option(metavar="ASSET=-40%", help="A move of one's own; * for the rest; repeat it."),
    ] = None,
    vol: Annotated[
        str, typer.Option(metavar="+50%", help="Change of implied volatilities beside it.")
    ] = "",
    skew: Annotated[
        str,
        typer.Option(
            metavar="10%", help="Volatility added at a strike a factor e below the price."
        ),
    ] = "",
    window: Annotated[
        int, typer.Option(metavar="DAYS", help="Length of the worst stretch.", min=1, max=366)
    ] = 10,
    prices: PriceFiles = None,
    weights: Weights = "",
    first: First = None,
    last: Last = None,
    accept: Accept = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Every episode of the past replayed, shocks of one's own, and the mildest move that hurts.

    [bold]perilscope market stress BOOK --shock BTC=-40% --shock "*=-55%" --vol +60%[/bold]
    [bold]perilscope market stress --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    """
    from perilscope.cycle.desk import stressing
    from perilscope.cycle.desk.bare import WORTH
    from perilscope.report import desk as page

    opened = _opened(book, prices, weights, (first, last), accept, positions)
    lost = stressing.parse_loss(loss, None if book is not None else WORTH)
    found = stressing.stresses(opened, lost, shocks=shock or (), vol=vol, skew=skew, window=window)
    answer(found, json, page.stressed)


def contributions(
    book: MaybeBook = None,
    days: Days = 1,
    level: Level = 0.975,
    prices: PriceFiles = None,
    weights: Weights = "",
    first: First = None,
    last: Last = None,
    accept: Accept = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """What each asset, venue, strategy and issuer adds to CVaR.

    [bold]perilscope market contributions --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    """
    from perilscope.cycle.desk.morning import contributions as look
    from perilscope.report import desk as page

    opened = _opened(book, prices, weights, (first, last), accept, positions, evidence)
    found = look(opened, days, level)
    answer(found, json, page.contributed)


def _opened(
    book: Path | None,
    prices: list[Path] | None,
    weights: str,
    days: tuple[datetime | None, datetime | None],
    accept: list[str] | None,
    positions: Path | None,
    evidence: list[str] | None = None,
) -> Opened:
    """The desk of a book, or of bare files and weights."""
    from perilscope.cycle.desk import bare
    from perilscope.cycle.desk import desk as desks
    from perilscope.cycle.desk.risk import Asked, parse_weights
    from perilscope.errors import MisuseError

    given = one_or_bare(book, prices, weights)
    if book is None:
        asked = Asked(first=day(days[0]), last=day(days[1]), accept=tuple(accept or ()))
        return bare.opened(prices or [], parse_weights(weights), asked)
    if days != (None, None) or accept:
        raise MisuseError("--from, --to and --accept go with --prices and --weights, not a BOOK")
    return desks.opened(book, settings(given, positions, evidence))


def propose(
    book: Book,
    risk: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ASSET=SHARE|equal", help="Which share of CVaR an asset bears; repeat it."
        ),
    ] = None,
    days: Days = 1,
    level: Level = 0.975,
    liquid: Annotated[
        float, typer.Option(metavar="DAYS", help="Every holding sold within so many days.")
    ] = 0.0,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """Propose weights of least CVaR, or that bear stated shares of it, with the trades."""
    from perilscope.cycle.desk import proposal
    from perilscope.report import desk as page

    found = proposal.propose(
        book, risk=risk or (), days=days, level=level, liquid=liquid,
        settings=settings(prices, positions, evidence),
    )  # fmt: skip
    answer(found, json, page.proposed)


def simulate(
    book: Book,
    scenarios: Annotated[int, typer.Option(help="How many.", min=1000, max=20_000_000)] = 1_000_000,
    days: Days = 1,
    level: Annotated[
        float | None, typer.Option(help="Confidence level; several without.", show_default=False)
    ] = None,
    seed: Seed = 1,
    threads: Annotated[
        int | None, typer.Option(help="Changes no bit of the answer.", show_default=False, min=1)
    ] = None,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """VaR and CVaR from a million scenarios, every instrument revalued in each of them."""
    from perilscope.cycle.desk.simulated import simulated
    from perilscope.report import selling as page

    found = simulated(
        book, count=scenarios, days=days, level=level, seed=seed, threads=threads,
        settings=settings(prices, positions),
    )  # fmt: skip
    answer(found, json, page.simulated)


def liquidity(
    book: Book,
    level: Level = 0.975,
    participation: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of a day's volume that is sold.")
    ] = 0.1,
    weekend: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Volume of a day at the weekend; the book's calendar without."
        ),
    ] = None,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """How long everything takes to sell, what it costs, and VaR and CVaR adjusted for it."""
    from perilscope.cycle.desk.selling import selling
    from perilscope.report import selling as page

    found = selling(book, level, participation, weekend, settings(prices, positions))
    answer(found, json, page.sold)
