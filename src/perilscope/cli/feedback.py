# SPDX-License-Identifier: Apache-2.0
"""The command for a horizon in slices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def feedback(
    book: Annotated[
        Path, typer.Argument(metavar="BOOK", help="A .yaml file, or a folder of them.")
    ],
    slices: Annotated[
        int | None,
        typer.Option(help="Slices of the horizon, instead of the book's.", show_default=False),
    ] = None,
    survival: Annotated[
        float, typer.Option(help="Probability with which the capital is to last.")
    ] = 0.99,
    evidence: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE=STATE", help="What is known of a node now (repeatable)."),
    ] = None,
    horizon: Annotated[
        str, typer.Option(metavar="'6 months'", help="Instead of the book's.", show_default=False)
    ] = "",
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Daily prices instead of the book's.")
    ] = None,
    positions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Positions instead of the book's.")
    ] = None,
    years: Annotated[
        int, typer.Option(help="Simulated horizons, where holdings run on.")
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="Names the random streams of the simulation.")] = 1,
    json: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE|-",
            help="Write the result as JSON; with - to standard output, and nothing else there.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """The horizon of BOOK in slices: states that act on each other, and the capital that lasts.

    BOOK declares under `feedback:` how stress, exploits and pegs follow from each other from slice
    to slice, and what they cost. The law of the loss is exact; what acting together adds, the
    horizon from each state, and first passage of the capital stand beside it.

    [bold]perilscope feedback my-book[/bold]
    [bold]perilscope feedback my-book --slices 12 --evidence stress=stressed --json -[/bold]
    """
    from perilscope.cli.show import emit, printer
    from perilscope.cycle.feedback import feedback as look
    from perilscope.cycle.settings import Settings
    from perilscope.cycle.workspace import open_workspace
    from perilscope.report import feedback as drawn

    settings = Settings(
        engine="exact",
        seed=seed,
        years=years,
        evidence=tuple(evidence or ()),
        horizon=horizon,
        prices=prices,
        positions=positions,
    )
    found = look(open_workspace(book, settings), settings, slices=slices, survival=survival)
    emit(json, found)
    printer(json).print(drawn.render(found))
    return 0
