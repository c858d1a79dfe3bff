# SPDX-License-Identifier: Apache-2.0
"""The command that says why the figures of two runs differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perilscope.cli.options import Json, Page


def diff(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="The earlier run.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="The later run.")],
    measure: Annotated[
        str,
        typer.Option(
            metavar="ale|var_0.99|cvar_0.99|...", help="The measure whose waterfall is drawn."
        ),
    ] = "cvar_0.99",
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Draw the waterfall too.", show_default=False),
    ] = None,
    report: Page = None,
    json: Json = None,
) -> int:
    """Say what moved from RUN_A to RUN_B, and why: a waterfall that adds up.

    Each run is a folder that `run --out` wrote, or its run.json. Where both kept their inputs,
    every mixture of old and new is run again, so that time, data, evidence and model are told
    apart; else the move is told apart only where one of them changed.

    [bold]perilscope run my-book --out monday[/bold]
    [bold]perilscope run my-book --evidence depeg=yes --out tuesday[/bold]
    [bold]perilscope diff monday tuesday[/bold]
    """
    from perilscope.cli.show import emit, printer, progress
    from perilscope.cycle.inputs import reopen
    from perilscope.cycle.questions.moved import MEASURES, moved
    from perilscope.errors import MisuseError
    from perilscope.report import charts, pages, waterfall
    from perilscope.store.documents import write_text

    if measure not in MEASURES:
        raise MisuseError(f"no measure is called {measure!r}; there are {', '.join(MEASURES)}")
    runs = reopen(before), reopen(after)
    with progress(quiet=False) as tell:
        found = moved(*runs, tell)
    if chart is not None:
        write_text(chart, charts.svg(waterfall.chart(found, measure)))
    if report is not None:
        write_text(report, pages.moved(found))
    emit(json, found)
    printer(json).print(waterfall.render(found, measure))
    return 0
