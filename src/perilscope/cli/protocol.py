# SPDX-License-Identifier: Apache-2.0
"""``perilscope protocol``: scorecards of the DeFi protocols that a book uses."""

from __future__ import annotations

from typing import Annotated

import typer

from perilscope.cli.options import Book, Json
from perilscope.cli.show import answer

protocol = typer.Typer(
    name="protocol",
    help="""Score the DeFi protocols of a BOOK: exploit in a year, with interval and reasons.

    [bold]perilscope protocol score examples/hedge-fund[/bold]
    [bold]perilscope protocol score BOOK protocol-x --with audits=none[/bold]
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Wanted = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROTOCOL", help="Which of its protocols; all by default."),
]
Evidence = Annotated[
    list[str] | None,
    typer.Option("--evidence", "-e", metavar="PROTOCOL.NODE=STATE", help="Seen; repeat it."),
]
With = Annotated[
    list[str] | None,
    typer.Option("--with", "-w", metavar="FACTOR=STATE", help="As if a factor were so; repeat it."),
]


@protocol.command()
def score(
    book: Book,
    protocols: Wanted = None,
    evidence: Evidence = None,
    changed: With = None,
    json: Json = None,
) -> None:
    """Show a card for each protocol: rating, causes, what is lost, and what would change it."""
    from perilscope.cycle.protocols import asked
    from perilscope.report.protocols import scored

    answer(asked(book, protocols or (), evidence or (), changed or ()), json, scored)


@protocol.command()
def compare(
    book: Book,
    protocols: Wanted = None,
    evidence: Evidence = None,
    changed: With = None,
    json: Json = None,
) -> None:
    """Put protocols side by side, the safest first, with how they hang together."""
    from perilscope.cycle.protocols import asked
    from perilscope.report.protocols import compared

    answer(asked(book, protocols or (), evidence or (), changed or ()), json, compared)
