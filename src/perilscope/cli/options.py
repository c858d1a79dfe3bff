# SPDX-License-Identifier: Apache-2.0
"""Arguments and options that several commands share, and what they are made into."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from perilscope.cycle.settings import Settings
    from perilscope.cycle.workspace import Workspace

Book = Annotated[
    Path,
    typer.Argument(metavar="BOOK", help="A .yaml file, or a folder of them.", show_default=False),
]
MaybeBook = Annotated[
    Path | None,
    typer.Argument(metavar="BOOK", help="A book, or nothing with --prices and --weights."),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE|-",
        help="Write the result as JSON; with - to standard output, and nothing else there.",
        show_default=False,
    ),
]
Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices", metavar="FILE", help="Daily prices (CSV or Parquet) instead of the book's."
    ),
]
PriceFiles = Annotated[
    list[Path] | None, typer.Option("--prices", metavar="FILE", help="Daily prices; repeat it.")
]
Positions = Annotated[
    Path | None,
    typer.Option(
        "--positions", metavar="FILE", help="Positions (CSV or Parquet) instead of the book's."
    ),
]
Evidence = Annotated[
    list[str] | None,
    typer.Option(
        "--evidence",
        "-e",
        metavar="NODE=STATE",
        help="What is known of a node (repeatable); NETWORK.NODE=STATE where two share a name.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]
Horizon = Annotated[
    str, typer.Option(metavar="'6 months'", help="Instead of the book's.", show_default=False)
]
Page = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write an HTML page too."),
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="exact|simulation|both",
        help="Which engine finds the figures; both compares them.",
    ),
]
Years = Annotated[int, typer.Option(help="Simulated horizons.")]
Currency = Annotated[str, typer.Option(help="What amounts without a unit are in.")]
Survival = Annotated[float, typer.Option(help="Probability with which the capital is to last.")]
Weights = Annotated[str, typer.Option(metavar="BTC=0.6,ETH=0.4", help="Shares of the value.")]
Level = Annotated[float, typer.Option(help="Confidence level, above 0.5.")]
Days = Annotated[int, typer.Option(help="Horizon in days.", min=1, max=366)]
Seed = Annotated[
    int, typer.Option(help="Seed of the random numbers; the same one, the same draws.")
]
Accept = Annotated[
    list[str] | None,
    typer.Option(metavar="SYMBOL", help="Use its prices whatever is found; repeat it."),
]
First = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", help="First day of prices."),
]
Last = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], metavar="DATE", help="Last day of prices."),
]


def settings(
    prices: Path | None, positions: Path | None, evidence: list[str] | None = None
) -> Settings:
    """What of the book's data is replaced, and what is known."""
    from perilscope.cycle.settings import Settings

    return Settings(prices=prices, positions=positions, evidence=tuple(evidence or ()))


def exact(
    book: Path,
    evidence: list[str] | None,
    horizon: str,
    prices: Path | None,
    positions: Path | None,
    **more: Any,
) -> tuple[Workspace, Settings]:
    """A book and its data opened for the exact engine; ``more`` are further settings."""
    from perilscope.cycle.settings import Settings
    from perilscope.cycle.workspace import open_workspace

    chosen = Settings(
        engine="exact",
        evidence=tuple(evidence or ()),
        horizon=horizon,
        prices=prices,
        positions=positions,
        **more,
    )
    return open_workspace(book, chosen), chosen


def day(moment: datetime | None) -> date | None:
    """The day of a moment."""
    return moment.date() if moment else None


def one_or_bare(book: Path | None, prices: list[Path] | None, weights: str) -> Path | None:
    """The one price file beside a book, or None; without a book both files and weights are there.

    Raises
    ------
    MisuseError
        Neither a book nor files with weights, or both.
    """
    from perilscope.errors import MisuseError

    if book is not None:
        if weights or len(prices or ()) > 1:
            raise MisuseError("either a BOOK, or --prices FILE with --weights, not both")
        return prices[0] if prices else None
    if not (prices and weights):
        raise MisuseError("what is held? Give a BOOK, or --prices FILE and --weights BTC=0.6,...")
    return None
