# SPDX-License-Identifier: Apache-2.0
"""The commands. Everything heavy is imported when a command runs, so that ``--help`` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perilscope.cli import elicit
from perilscope.cli.capital import capital
from perilscope.cli.diff import diff
from perilscope.cli.feedback import feedback
from perilscope.cli.market import market
from perilscope.cli.network import network
from perilscope.cli.options import Book, Json, Positions, Prices
from perilscope.cli.prices import prices
from perilscope.cli.protocol import protocol
from perilscope.cli.run import MEASURES, explain, monitor, quick, run, show
from perilscope.cli.together import condition, contributions, sensitivity

app = typer.Typer(
    name="perilscope",
    help="""Risk of digital-asset operations in probabilities and money.

    A BOOK is a YAML file, or a folder of them, that declares an institution: what it has, what
    threatens it, what it estimates, what it may do about it, and what it will not accept.

    Start with:  perilscope new my-book   then   perilscope run my-book
    """,
    epilog="""Exit codes: 0 finished; 1 book or data refused; 2 wrong use; 3 limit breached (with
    --fail-on-breach); 4 a scenario could not be assessed; 70 internal error.""",
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import perilscope

        typer.echo(f"perilscope {perilscope.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make; it must not hold a book yet.")
    ],
) -> None:
    """Write a commented starting book into DIR, ready to be checked and run."""
    from perilscope.cycle.begin import begin

    written = begin(folder)
    for path in written:
        typer.echo(f"wrote {path}", err=True)
    typer.echo(f"next: perilscope check {folder}    perilscope run {folder}", err=True)


@app.command()
def check(
    book: Book,
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> int:
    """Read BOOK and its data; list every fault, or say how each part will be assessed.

    For each scenario, protocol and portfolio: the method, why that one, and which of its data are
    present, stale or missing. Then what is unowned or overdue, what hangs on one piece, and which
    assets were never looked at under which threats.
    """
    from dataclasses import asdict

    from perilscope.cli.show import emit, printer
    from perilscope.cycle.guide import guide
    from perilscope.cycle.settings import Settings
    from perilscope.cycle.workspace import open_workspace
    from perilscope.report import guide as drawn

    found = guide(open_workspace(book, Settings(prices=prices, positions=positions)))
    emit(json, asdict(found))
    printer(json).print(drawn.render(asdict(found)))
    return 0


@app.command()
def schema(json: Json = None) -> int:
    """Print the JSON Schema of a book, for editors that complete and check while you type.

    In VS Code (YAML extension) put this on the first line of the book:
    [bold]# yaml-language-server: $schema=book.schema.json[/bold]
    """
    from perilscope.book import json_schema
    from perilscope.cli.show import emit

    emit(json or "-", json_schema())
    return 0


app.command(epilog=MEASURES)(run)
app.command(epilog=MEASURES)(quick)
app.command()(explain)
app.command()(show)
app.command()(monitor)
app.command()(capital)
app.command()(diff)
app.command()(feedback)
app.command()(condition)
app.command()(contributions)
app.command()(sensitivity)
app.add_typer(elicit.app, name="elicit")
app.add_typer(market, name="market")
app.add_typer(network, name="network")
app.add_typer(prices, name="prices")
app.add_typer(protocol, name="protocol")
