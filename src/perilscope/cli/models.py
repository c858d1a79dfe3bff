# SPDX-License-Identifier: Apache-2.0
"""``perilscope market risk``, ``backtest``, ``tournament``, ``frtb``: models and their record."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perilscope.cli.codes import INCOMPLETE
from perilscope.cli.options import (
    Accept,
    First,
    Json,
    Last,
    Level,
    MaybeBook,
    Positions,
    PriceFiles,
    Seed,
    Weights,
    day,
    one_or_bare,
    settings,
)
from perilscope.cli.show import answer

if TYPE_CHECKING:
    from perilscope.cycle.desk.rolling import Source

Method = Annotated[
    list[str] | None, typer.Option(metavar="NAME|all", help="Which models; repeat it.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--method", metavar="NAME|all", help="Which models; the quick ones without. Repeat it."
    ),
]
Forecast = Annotated[int, typer.Option(help="Days that are forecast, the last ones.")]
Window = Annotated[int, typer.Option(help="Daily returns behind each forecast.")]


def risk(
    book: MaybeBook = None,
    prices: PriceFiles = None,
    weights: Weights = "",
    first: First = None,
    last: Last = None,
    level: Level = 0.975,
    horizon: Annotated[int, typer.Option(help="Days; a week is 7.", min=1, max=366)] = 1,
    method: Method = None,
    seed: Seed = 1,
    accept: Accept = None,
    presample: Annotated[
        str,
        typer.Option(
            metavar="backcast|sample", help="GARCH: what stands for squares before the first day."
        ),
    ] = "backcast",
    positions: Positions = None,
    json: Json = None,
) -> int:
    """VaR and CVaR by every model, with 90 % intervals, of weights or of a book.

    Leaves with 4 when several models were asked and none could answer.

    [bold]perilscope market risk --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    """
    from perilscope.cli.show import progress
    from perilscope.cycle.desk import risk as asking
    from perilscope.report import risk as page

    asked = asking.Asked(
        level=level,
        horizon=horizon,
        methods=tuple(method or (asking.ALL,)),
        first=day(first),
        last=day(last),
        seed=seed,
        accept=tuple(accept or ()),
        presample=presample,
    )
    given = one_or_bare(book, prices, weights)
    with progress(quiet=False) as tell:
        if book is not None:
            found = asking.of_book(book, asked, settings(given, positions), tell)
        else:
            found = asking.of_files(prices or [], asking.parse_weights(weights), asked, tell)
    answer(found, json, page.risk)
    return INCOMPLETE if all(each["error"] for each in found["methods"].values()) else 0


def backtest(
    book: Annotated[
        Path | None, typer.Argument(metavar="BOOK", help="A book, or nothing with --file.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CSV", help="Forecasts: date,loss,var[,cvar,mean,sd,pit]; repeat to compare."
        ),
    ] = None,
    level: Level = 0.975,
    prices: PriceFiles = None,
    weights: Weights = "",
    method: Models = None,
    days: Forecast = 365,
    window: Window = 365,
    first: First = None,
    last: Last = None,
    seed: Seed = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Chart of losses against VaR.")
    ] = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Every test of forecasts of VaR and CVaR: anybody's in a file, or our models' on a book.

    [bold]perilscope market backtest --file forecasts.csv --level 0.975[/bold]
    [bold]perilscope market backtest --file ours.csv --file theirs.csv[/bold]
    [bold]perilscope market backtest BOOK --method historical --method t[/bold]
    [bold]perilscope market backtest --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    """
    from perilscope.cli.show import progress
    from perilscope.cycle.desk import backtest as asking
    from perilscope.cycle.desk import rolling
    from perilscope.errors import MisuseError
    from perilscope.report import backtest as page

    if file:
        if book is not None or prices or weights:
            raise MisuseError("either --file with forecasts, or a BOOK or --prices, not both")
        found = asking.of_files(file, level, seed)
    elif book is None and not (prices and weights):
        what = "what is tested? Give --file CSV with forecasts, a BOOK, or --prices and --weights"
        raise MisuseError(what)
    else:
        source = _source(book, prices, weights, method, level, (first, last), seed, positions)
        with progress(quiet=False) as tell:
            found = rolling.backtest(source, rolling.Rolling(source.asked, days, window), tell)
    if out is not None:
        _drawn(page.chart(found), out)
    answer(found, json, page.backtest)


def tournament(
    book: MaybeBook = None,
    level: Level = 0.975,
    prices: PriceFiles = None,
    weights: Weights = "",
    method: Models = None,
    days: Forecast = 365,
    window: Window = 365,
    first: First = None,
    last: Last = None,
    seed: Seed = 1,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Changes of champion are added to this JSON file; the book's without.",
        ),
    ] = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Which model to believe for each asset and the portfolio: champion, and when it changed.

    [bold]perilscope market tournament BOOK --log champions.json[/bold]
    [bold]perilscope market tournament --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    """
    from perilscope.cli.show import progress
    from perilscope.cycle.desk import champions, rolling
    from perilscope.cycle.workspace import open_book
    from perilscope.report import backtest as page

    source = _source(book, prices, weights, method, level, (first, last), seed, positions)
    with progress(quiet=False) as tell:
        found = rolling.play(source, rolling.Rolling(source.asked, days, window), tell)
    where = log or (champions.log_of(*open_book(book)) if book is not None else None)
    if where is not None:
        champions.keep_log(where, found)
    answer(found, json, page.tournament)


def frtb(
    book: MaybeBook = None,
    prices: PriceFiles = None,
    weights: Weights = "",
    liquidity: Annotated[
        str, typer.Option(metavar="BTC=10,SOL=40", help="Liquidity horizons in days; 10 without.")
    ] = "",
    reduced: Annotated[
        str,
        typer.Option(
            metavar="BTC,ETH", help="Factors whose prices reach back to a stress; all without."
        ),
    ] = "",
    unmodelled: Annotated[
        str,
        typer.Option(metavar="SOL,DOGE", help="Assets too seldom traded to model; none without."),
    ] = "",
    pla: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="P&L attribution: date,hypothetical,theoretical; needs no book."
        ),
    ] = None,
    last: Last = None,
    seed: Seed = 1,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Basel's trading book: CVaR over liquidity horizons, stressed, capital, attribution.

    [bold]perilscope market frtb BOOK --liquidity BTC=10,SOL=40 --reduced BTC,ETH[/bold]
    [bold]perilscope market frtb --pla profits.csv[/bold]
    """
    from perilscope.cycle.desk import frtb as asking
    from perilscope.report import frtb as page

    found: dict[str, Any] = {}
    if book is not None or prices or weights or pla is None:
        source = _source(book, prices, weights, None, 0.975, (None, last), seed, positions)
        few, seldom = (
            [name.strip() for name in text.split(",") if name.strip()]
            for text in (reduced, unmodelled)
        )
        found = asking.frtb_of(source, asking.parse_horizons(liquidity), few, seldom)
    if pla is not None:
        found["attribution"] = asking.attributed(pla)
    answer(found, json, page.frtb)


def _source(
    book: Path | None,
    prices: list[Path] | None,
    weights: str,
    method: list[str] | None,
    level: float,
    days: tuple[datetime | None, datetime | None],
    seed: int,
    positions: Path | None,
) -> Source:
    """What is held, of a book or of files, and the models that are asked for."""
    from perilscope.cycle.desk import risk as asking
    from perilscope.cycle.desk import rolling

    asked = asking.Asked(
        level=level,
        methods=tuple(method or rolling.QUICK),
        first=day(days[0]),
        last=day(days[1]),
        seed=seed,
    )
    given = one_or_bare(book, prices, weights)
    if book is not None:
        return rolling.of_book(book, asked, settings(given, positions))
    return rolling.of_prices(prices or [], asking.parse_weights(weights), asked)


def _drawn(spec: dict[str, Any] | None, out: Path) -> None:
    """Write a chart."""
    from perilscope.errors import MisuseError
    from perilscope.report.charts import svg
    from perilscope.store.documents import write_text

    if spec is None:
        raise MisuseError("there is no chart of so many days, or of several forecasts at once")
    write_text(out, svg(spec))
