# SPDX-License-Identifier: Apache-2.0
"""``perilscope prices`` downloads prices; ``market check-data`` says whether to believe them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from perilscope.cli.options import Json
from perilscope.cli.show import answer

prices = typer.Typer(
    name="prices",
    help="""Get prices from exchanges.

    [bold]perilscope prices fetch binance BTC/USDT ETH/USDT --since 2023-01-01[/bold]
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Day = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="First day.")
]


@prices.callback()
def _whole() -> None:
    """Get prices from exchanges."""


@prices.command()
def fetch(
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE", help="Like binance or kraken.")],
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Like BTC/USDT.")],
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day, UTC.")
    ],
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day; yesterday without."),
    ] = None,
    timeframe: Annotated[str, typer.Option(metavar="1d|1h", help="Length of a bar.")] = "1d",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write.")] = Path("prices.csv"),
) -> None:
    """Download daily or hourly prices with ccxt (an extra), whole days only.

    [bold]perilscope prices fetch binance BTC/USDT --since 2023-01-01 --out btc.csv[/bold]
    """
    from datetime import UTC, timedelta

    from perilscope.cli.show import printer
    from perilscope.sources import exchange as venues
    from perilscope.store.documents import write_text

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    last = min(until.date() if until else yesterday, yesterday)
    venue = venues.exchange(exchange)
    data = venues.fetch(venue, symbols, since.date(), last, timeframe)
    write_text(out, data.decode())
    rows = data.count(b"\n") - 1
    said = f"{out}: {rows:,} bars of {', '.join(symbols)} from {exchange}, {since.date()} to {last}"
    printer(None).print(said)


def check_data(
    book: Annotated[
        Path | None, typer.Argument(metavar="BOOK", help="A book, or nothing with --prices.")
    ] = None,
    files: Annotated[
        list[Path] | None, typer.Option("--prices", metavar="FILE", help="Prices; repeat it.")
    ] = None,
    second: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="The same prices from another source; repeat it."),
    ] = None,
    asset: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL", help="Only these; repeat it.")
    ] = None,
    first: Day = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="Last day."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL", help="Use it whatever is found; repeat it."),
    ] = None,
    cutoff: Annotated[
        int, typer.Option(metavar="HOUR", help="Hour at which a day of hourly prices ends.")
    ] = 0,
    zone: Annotated[str, typer.Option(metavar="ZONE", help="Zone of that hour.")] = "UTC",
    json: Json = None,
) -> None:
    """What is wrong with prices, before a figure rests on them.

    Re-used tickers, delisted assets, missing and repeated days, stale prices, glitches against a
    second source, bars that are not whole, moves that cannot be.

    [bold]perilscope market check-data --prices yahoo.csv --second binance.csv[/bold]
    """
    from datetime import UTC

    from perilscope.cycle.desk.checking import check_data as checked
    from perilscope.evidence.calendar import Calendar
    from perilscope.report import checking as page

    found = checked(
        book,
        prices=files or (),
        second=second or (),
        assets=asset or (),
        first=first.date() if first else None,
        last=last.date() if last else None,
        accept=accept or (),
        today=datetime.now(UTC).date(),
        calendar=Calendar(cutoff=cutoff, zone=zone) if files else None,
    )
    answer(found, json, page.checked)
