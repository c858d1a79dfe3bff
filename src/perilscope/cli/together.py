# SPDX-License-Identifier: Apache-2.0
"""Commands about the whole institution: a condition, contributions to the tail, sensitivities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perilscope.cli.options import Book, Evidence, Horizon, Json, Level, Positions, Prices, exact
from perilscope.cli.show import answer


def condition(
    book: Book,
    on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODE=STATE",
            help="What is taken to be so (repeat); or SCENARIO=happens.",
        ),
    ] = None,
    above: Annotated[
        str,
        typer.Option(
            metavar="50M",
            help="Instead: what stands behind a loss above so much.",
            show_default=False,
        ),
    ] = "",
    draws: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of a run that kept its draws: they are weighed anew, as a second way.",
            show_default=False,
        ),
    ] = None,
    evidence: Evidence = None,
    horizon: Horizon = "",
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> int:
    """The whole institution under an event, beside what it is without it.

    A node of a network, a protocol's `exploited`, an issuer, a venue: whatever the book's networks
    say; or a scenario that happens. With `--above` the other way round: the joint states most
    likely behind such a loss.

    [bold]perilscope condition my-book --on depeg=yes[/bold]
    [bold]perilscope condition my-book --on usdc-peg.depeg=yes --on harbor-lend.exploited=yes[/bold]
    [bold]perilscope condition my-book --on exchange-default=happens[/bold]
    [bold]perilscope condition my-book --on depeg=yes --draws out[/bold]
    [bold]perilscope condition my-book --above 80M --json -[/bold]
    """
    from perilscope.cycle.questions import conditions
    from perilscope.errors import MisuseError
    from perilscope.report import conditions as drawn

    if bool(on) == bool(above):
        raise MisuseError(
            "either --on NODE=STATE (repeat it for several) or --above AMOUNT is wanted, not both"
        )
    workspace, settings = exact(book, evidence, horizon, prices, positions)
    if on:
        found = conditions.condition(workspace, settings, on, draws)
        answer(found, json, drawn.condition)
    else:
        amount = conditions.amount(above, workspace.book.currency)
        found = conditions.behind(workspace, settings, amount)
        answer(found, json, drawn.behind)
    return 0


def contributions(
    book: Book,
    level: Level = 0.99,
    by: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help="Only: layers, scenarios, assets, protocols, counterparties, threats, "
            "vulnerabilities.",
            show_default=False,
        ),
    ] = "",
    evidence: Evidence = None,
    horizon: Horizon = "",
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> int:
    """Who bears the tail of market, operational and protocol losses together.

    Contributions add up, whichever way they are split. Causes are no addends: of them stands how
    likely they are, given such a loss.

    [bold]perilscope contributions my-book[/bold]
    [bold]perilscope contributions my-book --level 0.975 --by counterparties --json -[/bold]
    """
    from perilscope.cycle.questions.contributions import contributions as look
    from perilscope.errors import MisuseError
    from perilscope.report import together as drawn
    from perilscope.report.frame import WAYS

    if by and by not in WAYS:
        raise MisuseError(f"--by {by!r} is no way of splitting: choose {', '.join(WAYS)}")
    workspace, settings = exact(book, evidence, horizon, prices, positions)
    answer(look(workspace, settings, level), json, drawn.contributions, only=by)
    return 0


def sensitivity(
    book: Book,
    most: Annotated[int, typer.Option(help="Rows of each table.", min=1, max=1000)] = 10,
    estimates: Annotated[
        bool, typer.Option(help="Whether every estimate of every scenario is moved.")
    ] = True,
    evidence: Evidence = None,
    horizon: Horizon = "",
    prices: Prices = None,
    positions: Positions = None,
    json: Json = None,
) -> int:
    """What a bad year of everything is sensitive to: estimates, entries of tables, the market.

    Slopes of table entries are exact; the steepest are also moved in full, odds halved and doubled.

    [bold]perilscope sensitivity my-book[/bold]
    [bold]perilscope sensitivity my-book --no-estimates --most 30 --json -[/bold]
    """
    from perilscope.cycle.questions.sensitivity import sensitivity as look
    from perilscope.report import together as drawn

    workspace, settings = exact(book, evidence, horizon, prices, positions)
    found = look(workspace, settings, estimates=estimates)
    answer(found, json, drawn.sensitivity, most=most)
    return 0
