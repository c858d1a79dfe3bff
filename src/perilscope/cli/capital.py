# SPDX-License-Identifier: Apache-2.0
"""The command for capital in every sense."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INCOMPLETE = 4


def capital(
    book: Annotated[
        Path, typer.Argument(metavar="BOOK", help="A .yaml file, or a folder of them.")
    ],
    level: Annotated[float, typer.Option(help="Level of VaR and CVaR.")] = 0.99,
    survival: Annotated[
        float, typer.Option(help="Probability with which the capital is to last.")
    ] = 0.99,
    slices: Annotated[
        int, typer.Option(help="How often within the horizon capital is looked at.")
    ] = 12,
    evidence: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE=STATE", help="What is known of a node (repeatable)."),
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
    """Capital of BOOK: what lasts, what no dependence can exceed, what it earns.

    VaR and CVaR of everything together; their bounds whatever the dependence; the capital that
    lasts the horizon with a given probability; what stands at a venue when it fails; the return on
    risk capital of protocols, venues and strategies.

    [bold]perilscope capital my-book[/bold]
    [bold]perilscope capital my-book --survival 0.995 --evidence depeg=yes --json -[/bold]
    """
    from perilscope.cli.show import emit, printer
    from perilscope.cycle.capital import capital as look
    from perilscope.cycle.settings import Settings
    from perilscope.cycle.workspace import open_workspace
    from perilscope.report import capital as drawn

    settings = Settings(
        engine="exact",
        evidence=tuple(evidence or ()),
        horizon=horizon,
        prices=prices,
        positions=positions,
    )
    workspace = open_workspace(book, settings)
    found = look(workspace, settings, level=level, survival=survival, slices=slices)
    emit(json, found)
    printer(json).print(drawn.render(found))
    return INCOMPLETE if found["failed"] else 0
