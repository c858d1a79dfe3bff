# SPDX-License-Identifier: Apache-2.0
"""The desk of bare price files and weights, for those who have no book yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from perilscope.book.canonical import content_hash
from perilscope.book.load import load_text
from perilscope.cycle.desk.desk import Opened
from perilscope.cycle.desk.samples import Asked, within
from perilscope.cycle.workspace import Workspace, held_prices
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.positions import Position
from perilscope.evidence.quotes import converted
from perilscope.layers.desk import Desk
from perilscope.layers.drivers import Drivers
from perilscope.layers.valuation import Valuation
from perilscope.sources.files import read_prices

WORTH = 1_000_000.0
"""What the portfolio is taken to be worth, so that its losses are amounts."""
_BOOK = "institution: {{name: {name}, kind: portfolio}}\nas_of: {as_of}\ncurrency: USD\n"


def opened(paths: Sequence[Path], weights: Mapping[str, float], asked: Asked) -> Opened:
    """The desk of what is held, worth `WORTH` on the last day; no asset is taken to keep a peg.

    Raises
    ------
    MisuseError
        A weight of something without prices.
    DataError
        A file that is no price history; gaps in what is held.
    AssessmentError
        Nothing that is held has prices that can be used.
    """
    history, notes = converted(read_prices(list(paths)))
    absent = [asset for asset in weights if asset not in history.assets]
    if absent:
        some = ", ".join(sorted(history.assets)[:12])
        raise MisuseError(f"{', '.join(absent)}: held, but there are no prices; there are {some}")
    history = within(history, asked.first, asked.last)
    name = ", ".join(f"{asset} {weight:g}" for asset, weight in weights.items())
    book = load_text(_BOOK.format(name=repr(name), as_of=history.days[-1]))
    market = book.market.model_copy(update={"accept": asked.accept})
    book = book.model_copy(update={"market": market})
    workspace = Workspace(book, content_hash(book), history, (), (), (), ())
    held, noticed = held_prices(workspace, list(weights))
    if held is None:
        raise AssessmentError("nothing that is held can be used: " + "; ".join(noticed))
    closes = {a: float(held.closes[-1, held.assets.index(a)]) for a in weights if a in held.assets}
    lots = tuple(Position(a, WORTH * weights[a] / price) for a, price in closes.items())
    desk = Desk(lots, closes, book, held, Drivers({}))
    said = f"amounts are of a portfolio worth {WORTH:,.0f} USD held at these weights"
    workspace = replace(workspace, positions=lots)
    return Opened(desk, workspace, Valuation(book, closes), (said, *notes, *noticed))
