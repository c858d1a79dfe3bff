# SPDX-License-Identifier: Apache-2.0
"""The command for capital in every sense."""

from __future__ import annotations

from typing import Annotated

import typer

from perilscope.cli.codes import INCOMPLETE
from perilscope.cli.options import (
    Book,
    Evidence,
    Horizon,
    Json,
    Level,
    Page,
    Positions,
    Prices,
    Survival,
    exact,
)


def capital(
    book: Book,
    level: Level = 0.99,
    survival: Survival = 0.99,
    slices: Annotated[
        int | None,
        typer.Option(
            help="How often within the horizon capital is looked at; 12 unless days are fewer.",
            show_default=False,
        ),
    ] = None,
    evidence: Evidence = None,
    horizon: Horizon = "",
    prices: Prices = None,
    positions: Positions = None,
    report: Page = None,
    json: Json = None,
) -> int:
    """Capital of BOOK: what lasts, what no dependence can exceed, what it earns.

    VaR and CVaR of everything together; their bounds whatever the dependence; the capital that
    lasts the horizon with a given probability; what stands at a venue when it fails; the return on
    risk capital of protocols, venues and strategies.

    [bold]perilscope capital my-book[/bold]
    [bold]perilscope capital my-book --survival 0.995 --evidence depeg=yes --json -[/bold]
    """
    from perilscope.cli.show import emit, printer
    from perilscope.cycle.questions.capital import capital as look
    from perilscope.report import capital as drawn
    from perilscope.report import pages
    from perilscope.store.documents import write_text

    workspace, settings = exact(book, evidence, horizon, prices, positions)
    found = look(workspace, settings, level=level, survival=survival, slices=slices)
    if report is not None:
        write_text(report, pages.capital(found))
    emit(json, found)
    printer(json).print(drawn.render(found))
    return INCOMPLETE if found["failed"] else 0
