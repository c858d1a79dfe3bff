# SPDX-License-Identifier: Apache-2.0
"""The command for a horizon in slices."""

from __future__ import annotations

from typing import Annotated

import typer

from perilscope.cli.options import (
    Book,
    Evidence,
    Horizon,
    Json,
    Page,
    Positions,
    Prices,
    Seed,
    Survival,
    exact,
)


def feedback(
    book: Book,
    slices: Annotated[
        int | None,
        typer.Option(help="Slices of the horizon, instead of the book's.", show_default=False),
    ] = None,
    survival: Survival = 0.99,
    evidence: Evidence = None,
    horizon: Horizon = "",
    prices: Prices = None,
    positions: Positions = None,
    years: Annotated[
        int, typer.Option(help="Simulated horizons, where holdings run on.")
    ] = 100_000,
    seed: Seed = 1,
    report: Page = None,
    json: Json = None,
) -> int:
    """The horizon of BOOK in slices: states that act on each other, and the capital that lasts.

    BOOK declares under `feedback:` how stress, exploits and pegs follow from each other from slice
    to slice, and what they cost. The law of the loss is exact; what acting together adds, the
    horizon from each state, and first passage of the capital stand beside it.

    [bold]perilscope feedback my-book[/bold]
    [bold]perilscope feedback my-book --slices 12 --evidence stress=stressed --json -[/bold]
    """
    from perilscope.cli.show import emit, printer
    from perilscope.cycle.questions.feedback import feedback as look
    from perilscope.report import feedback as drawn
    from perilscope.report import pages
    from perilscope.store.documents import write_text

    workspace, settings = exact(book, evidence, horizon, prices, positions, seed=seed, years=years)
    found = look(workspace, settings, slices=slices, survival=survival)
    if report is not None:
        write_text(report, pages.feedback(found))
    emit(json, found)
    printer(json).print(drawn.render(found))
    return 0
