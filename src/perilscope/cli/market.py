# SPDX-License-Identifier: Apache-2.0
"""``perilscope market``: the desk's limits and sizes, stresses and contributions, of a book."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from perilscope.cycle.rolling import Source
    from perilscope.cycle.settings import Settings

market = typer.Typer(
    name="market",
    help="""Market risk of what is held: limits, sizes, trades, stresses.

    [bold]perilscope market morning examples/hedge-fund[/bold]
    [bold]perilscope market risk --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    [bold]perilscope market backtest --file forecasts.csv --level 0.975[/bold]
    [bold]perilscope market trade BOOK "buy 200 ETH @ meridian"[/bold]
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Book = Annotated[
    Path, typer.Argument(metavar="BOOK", help="Folder or file of the book.", show_default=False)
]
Prices = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Daily prices, in place of the book's.")
]
Positions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Positions, in place of the book's.")
]
Evidence = Annotated[
    list[str] | None,
    typer.Option("--evidence", "-e", metavar="NODE=STATE", help="Seen of a network; repeat it."),
]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE|-", help="The answer as JSON; - to standard output."),
]


PriceFiles = Annotated[
    list[Path] | None, typer.Option("--prices", metavar="FILE", help="Daily prices; repeat it.")
]
Weights = Annotated[str, typer.Option(metavar="BTC=0.6,ETH=0.4", help="Shares of the value.")]
Method = Annotated[
    list[str] | None, typer.Option(metavar="NAME|all", help="Which models; repeat it.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--method", metavar="NAME|all", help="Which models; the quick ones without. Repeat it."
    ),
]
First = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="First day of prices."),
]
Last = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="Last day of prices."),
]


def _settings(prices: Path | None, positions: Path | None, evidence: list[str] | None) -> Settings:
    from perilscope.cycle.settings import Settings

    return Settings(prices=prices, positions=positions, evidence=tuple(evidence or ()))


def _told(document: dict[str, Any], json: str | None, draw: Any) -> None:
    from perilscope.cli.show import emit, printer

    emit(json, document)
    console = printer(json)
    console.print(draw(document, width=min(max(console.width, 60), 130)))


@market.command()
def risk(
    book: Annotated[
        Path | None, typer.Argument(metavar="BOOK", help="A book, or nothing with --weights.")
    ] = None,
    prices: PriceFiles = None,
    weights: Weights = "",
    first: First = None,
    last: Last = None,
    level: Annotated[float, typer.Option(help="Confidence level, above 0.5.")] = 0.975,
    horizon: Annotated[int, typer.Option(help="Days; a week is 7.", min=1, max=366)] = 1,
    method: Method = None,
    seed: Annotated[int, typer.Option(help="Names the random streams.")] = 1,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL", help="Use its prices whatever is found; repeat it."),
    ] = None,
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
    from perilscope.cycle import risk as asking
    from perilscope.errors import MisuseError
    from perilscope.report import risk as page

    asked = asking.Asked(
        level=level,
        horizon=horizon,
        methods=tuple(method or (asking.ALL,)),
        first=first.date() if first else None,
        last=last.date() if last else None,
        seed=seed,
        accept=tuple(accept or ()),
        presample=presample,
    )
    if book is not None:
        if weights or len(prices or ()) > 1:
            raise MisuseError("either a BOOK, or --prices FILE with --weights, not both")
        given = prices[0] if prices else None
        found = asking.of_book(book, asked, _settings(given, positions, None))
    elif prices and weights:
        found = asking.of_files(prices, asking.parse_weights(weights), asked)
    else:
        raise MisuseError("what is held? Give a BOOK, or --prices FILE and --weights BTC=0.6,...")
    _told(found, json, page.risk)
    return 4 if all(each["error"] for each in found["methods"].values()) else 0


@market.command()
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
    level: Annotated[float, typer.Option(help="Level of VaR and CVaR, above 0.5.")] = 0.975,
    prices: PriceFiles = None,
    weights: Weights = "",
    method: Models = None,
    days: Annotated[int, typer.Option(help="Days that are forecast, the last ones.")] = 365,
    window: Annotated[int, typer.Option(help="Daily returns behind each forecast.")] = 365,
    first: First = None,
    last: Last = None,
    seed: Annotated[int, typer.Option(help="Names the random streams of p-values.")] = 1,
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
    from perilscope.cycle import backtest as asking
    from perilscope.cycle import rolling
    from perilscope.errors import MisuseError
    from perilscope.report import backtest as page

    if file:
        if book is not None or prices or weights:
            raise MisuseError("either --file with forecasts, or a BOOK or --prices, not both")
        found = asking.of_files(file, level, seed)
    else:
        source = _source(book, prices, weights, method, level, (first, last), seed, positions)
        with progress(quiet=False) as tell:
            found = rolling.backtest(source, rolling.Rolling(source.asked, days, window), tell)
    if out is not None:
        _drawn(page.chart(found), out)
    _told(found, json, page.backtest)


@market.command()
def tournament(
    book: Annotated[
        Path | None, typer.Argument(metavar="BOOK", help="A book, or nothing with --prices.")
    ] = None,
    level: Annotated[float, typer.Option(help="Level of VaR and CVaR, above 0.5.")] = 0.975,
    prices: PriceFiles = None,
    weights: Weights = "",
    method: Models = None,
    days: Annotated[int, typer.Option(help="Days that are forecast, the last ones.")] = 365,
    window: Annotated[int, typer.Option(help="Daily returns behind each forecast.")] = 365,
    first: First = None,
    last: Last = None,
    seed: Annotated[int, typer.Option(help="Names the random streams.")] = 1,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Changes of champion are added to this JSON file."),
    ] = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Which model to believe for each asset and the portfolio: champion, and when it changed.

    [bold]perilscope market tournament BOOK --log champions.json[/bold]
    [bold]perilscope market tournament --prices closes.csv --weights BTC=0.6,ETH=0.4[/bold]
    """
    from perilscope.cli.show import progress
    from perilscope.cycle import rolling
    from perilscope.report import backtest as page

    source = _source(book, prices, weights, method, level, (first, last), seed, positions)
    with progress(quiet=False) as tell:
        found = rolling.play(source, rolling.Rolling(source.asked, days, window), tell)
    if log is not None:
        rolling.keep_log(log, found)
    _told(found, json, page.tournament)


@market.command()
def frtb(
    book: Annotated[
        Path | None, typer.Argument(metavar="BOOK", help="A book, or nothing with --prices.")
    ] = None,
    prices: PriceFiles = None,
    weights: Weights = "",
    liquidity: Annotated[
        str, typer.Option(metavar="BTC=10,SOL=40", help="Liquidity horizons in days; 10 without.")
    ] = "",
    last: Last = None,
    seed: Annotated[int, typer.Option(help="Names the random streams.")] = 1,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Basel's 97.5 % CVaR over liquidity horizons, and the multiplier of its exceptions.

    [bold]perilscope market frtb BOOK --liquidity BTC=10,SOL=40[/bold]
    """
    from perilscope.cycle import frtb as asking
    from perilscope.report import backtest as page

    source = _source(book, prices, weights, None, 0.975, (None, last), seed, positions)
    _told(asking.frtb_of(source, asking.parse_horizons(liquidity)), json, page.frtb)


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
    from perilscope.cycle import risk as asking
    from perilscope.cycle import rolling
    from perilscope.errors import MisuseError

    asked = asking.Asked(
        level=level,
        methods=tuple(method or rolling.QUICK),
        first=days[0].date() if days[0] else None,
        last=days[1].date() if days[1] else None,
        seed=seed,
    )
    if book is not None:
        if weights or len(prices or ()) > 1:
            raise MisuseError("either a BOOK, or --prices FILE with --weights, not both")
        return rolling.of_book(
            book, asked, _settings(prices[0] if prices else None, positions, None)
        )
    if prices and weights:
        return rolling.of_prices(prices, asking.parse_weights(weights), asked)
    raise MisuseError(
        "what is tested? Give --file CSV with forecasts, a BOOK, or --prices FILE and --weights"
    )


def _drawn(spec: dict[str, Any] | None, out: Path) -> None:
    """Write a chart."""
    from perilscope.errors import MisuseError
    from perilscope.report.charts import svg
    from perilscope.store.documents import write_text

    if spec is None:
        raise MisuseError("there is no chart of so many days, or of several forecasts at once")
    write_text(out, svg(spec))


@market.command()
def limits(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """Use and headroom of every limit, and what changed overnight."""
    from perilscope.cycle import desk
    from perilscope.report import desk as page

    found = desk.limits(desk.opened(book, _settings(prices, positions, evidence)))
    _told(found, json, page.limits)


@market.command()
def size(
    book: Book,
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="What would be traded.")],
    venue: Annotated[str, typer.Option(help="Where.")] = "",
    strategy: Annotated[str, typer.Option(help="For which strategy.")] = "",
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """The largest buy and sell that keep every limit, and the limit that binds."""
    from perilscope.cycle import desk
    from perilscope.report import desk as page

    settings = _settings(prices, positions, evidence)
    _told(desk.size(book, asset, venue, strategy, settings), json, page.sized)


@market.command()
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
    from perilscope.cycle import desk
    from perilscope.report import desk as page

    found = desk.trade(book, order, _settings(prices, positions, evidence))
    _told(found, json, page.traded)
    return 3 if found["refused"] else 0


@market.command()
def morning(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """One page: the day's result against VaR, limits, sizes, contributions, stresses, findings."""
    from perilscope.cycle import desk
    from perilscope.report import desk as page

    _told(desk.morning(book, _settings(prices, positions, evidence)), json, page.morning)


@market.command()
def stress(
    book: Book,
    loss: Annotated[
        str, typer.Option(metavar="5M", help="What the reverse stress is to cost.")
    ] = "",
    shock: Annotated[
        list[str] | None,
        typer.Option(metavar="ASSET=-40%", help="A move of one's own; * for the rest; repeat it."),
    ] = None,
    vol: Annotated[
        str, typer.Option(metavar="+50%", help="Change of implied volatilities beside it.")
    ] = "",
    window: Annotated[
        int, typer.Option(metavar="DAYS", help="Length of the worst stretch.", min=1, max=366)
    ] = 10,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """Every episode of the past replayed, shocks of one's own, and the mildest move that hurts.

    [bold]perilscope market stress BOOK --shock BTC=-40% --shock "*=-55%" --vol +60%[/bold]
    """
    from perilscope.cycle import stressing
    from perilscope.report import desk as page

    found = stressing.stresses(
        book, stressing.parse_loss(loss), _settings(prices, positions, None),
        shocks=shock or (), vol=vol, window=window,
    )  # fmt: skip
    _told(found, json, page.stressed)


@market.command()
def contributions(
    book: Book,
    days: Annotated[int, typer.Option(help="Horizon in days.", min=1, max=366)] = 1,
    level: Annotated[float, typer.Option(help="Confidence level.")] = 0.975,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """What each asset, venue, strategy and issuer adds to CVaR."""
    from perilscope.cycle import desk
    from perilscope.report import desk as page

    found = desk.contributions(book, days, level, _settings(prices, positions, evidence))
    _told(found, json, page.contributed)


@market.command()
def propose(
    book: Book,
    risk: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ASSET=SHARE|equal", help="Which share of CVaR an asset bears; repeat it."
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="Horizon in days.", min=1, max=366)] = 1,
    level: Annotated[float, typer.Option(help="Confidence level.")] = 0.975,
    liquid: Annotated[
        float, typer.Option(metavar="DAYS", help="Every holding sold within so many days.")
    ] = 0.0,
    prices: Prices = None,
    positions: Positions = None,
    evidence: Evidence = None,
    json: Json = None,
) -> None:
    """Propose weights of least CVaR, or that bear stated shares of it, with the trades."""
    from perilscope.cycle import proposal
    from perilscope.report import desk as page

    settings = _settings(prices, positions, evidence)
    found = proposal.propose(
        book, risk=risk or (), days=days, level=level, liquid=liquid, settings=settings
    )
    _told(found, json, page.proposed)


@market.command()
def simulate(
    book: Book,
    scenarios: Annotated[int, typer.Option(help="How many.", min=1000, max=20_000_000)] = 1_000_000,
    days: Annotated[int, typer.Option(help="Horizon in days.", min=1, max=366)] = 1,
    level: Annotated[
        float | None, typer.Option(help="Confidence level; several without.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Names the random streams.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Changes no bit of the answer.", show_default=False, min=1)
    ] = None,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """VaR and CVaR from a million scenarios, every instrument revalued in each of them."""
    from perilscope.cycle.simulated import simulated
    from perilscope.report import selling as page

    found = simulated(
        book, count=scenarios, days=days, level=level, seed=seed, threads=threads,
        settings=_settings(prices, positions, None),
    )  # fmt: skip
    _told(found, json, page.simulated)


@market.command()
def liquidity(
    book: Book,
    level: Annotated[float, typer.Option(help="Confidence level.")] = 0.975,
    participation: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of a day's volume that is sold.")
    ] = 0.1,
    weekend: Annotated[
        float, typer.Option(metavar="SHARE", help="Volume of a day at the weekend.")
    ] = 0.7,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> None:
    """How long everything takes to sell, what it costs, and VaR and CVaR adjusted for it."""
    from perilscope.cycle.selling import selling
    from perilscope.report import selling as page

    settings = _settings(prices, positions, None)
    _told(selling(book, level, participation, weekend, settings), json, page.sold)
