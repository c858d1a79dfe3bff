# SPDX-License-Identifier: Apache-2.0
"""What the trading desk holds: the nightly export, a table of asset, quantity, venue, strategy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perilscope.evidence import terms as termed
from perilscope.evidence.table import Faults, Table, number, read_table
from perilscope.evidence.terms import PLAIN, SPOT, Terms

_COLUMNS = {
    "asset": ("asset", "symbol", "token", "ticker"),
    "quantity": ("quantity", "qty", "amount", "units"),
    "venue": ("venue", "exchange", "custodian"),
    "strategy": ("strategy",),
    "chain": ("chain", "network"),
    "counterparty": ("counterparty",),
    "instrument": ("instrument", "product"),
    **termed.COLUMNS,
}


MOST = 1e21
"""Units of one position; more would be no asset, and overflow on their way through squares."""


@dataclass(frozen=True)
class Position:
    """One holding.

    Parameters
    ----------
    asset : str
        Symbol as in the price history.
    quantity : float
        Units of the asset; negative for what is owed.
    venue, strategy : str
        Empty where the export does not say.
    line : int
        Line in the file.
    chain, counterparty : str
        Empty where the export does not say.
    instrument : str
        What is held: ``spot``, ``perpetual``, ``future``, ``call``, ``put``, ``pool``, ``staked``,
        ``loan``, ``deposit``, ``fund`` or ``cash``.
    terms : Terms
        What is agreed beside asset and quantity.
    """

    asset: str
    quantity: float
    venue: str = ""
    strategy: str = ""
    line: int = 0
    chain: str = field(default="", repr=False)
    counterparty: str = field(default="", repr=False)
    instrument: str = field(default=SPOT, repr=False)
    terms: Terms = field(default=PLAIN, repr=False)


def _places(table: Table, faults: Faults) -> dict[str, int]:
    """Where each known column stands; the plain name wins over its synonyms."""
    found: dict[str, int] = {}
    for column, names in _COLUMNS.items():
        places = table.places(names[:1]) or table.places(names)
        if len(places) == 1:
            found[column] = places[0]
        elif places:
            both = " and ".join(table.columns[place] for place in places)
            faults.add(table.line, f"both {both} could be the {column}", f"call one `{column}`")
        elif column in ("asset", "quantity"):
            what = f"there is no column {column}; there are {', '.join(table.columns)}"
            faults.add(table.line, what, "the header is asset,quantity[,venue,strategy]")
    return found


def parse_positions(name: str, data: bytes) -> tuple[Position, ...]:
    r"""Read a file of positions.

    Parameters
    ----------
    name : str
        Name of the file as the user gave it.
    data : bytes
        Comma-separated UTF-8 text with a header ``asset,quantity[,venue,strategy]`` in any order
        and case; more columns say what instrument a row is and on what terms (see `terms`), others
        are passed over, lines starting with ``#`` are notes.

    Returns
    -------
    tuple of Position, in the order of the file
        One asset may stand on several lines.

    Raises
    ------
    DataError
        With every fault of the file: missing columns, rows without an asset, quantities that are
        not finite numbers, no rows at all.

    Examples
    --------
    >>> parse_positions("p.csv", b"asset,quantity,venue\nBTC,1.5,binance\n")
    (Position(asset='BTC', quantity=1.5, venue='binance', strategy='', line=2),)
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    at = _places(table, faults)
    if "asset" not in at or "quantity" not in at:
        faults.refuse()
    found = []
    line = 0
    for line, text in table.records(at):
        position = _position(line, text, faults)
        if position is not None:
            found.append(position)
    faults.refuse()
    if not line:
        faults.add(table.line, "there are no positions", "one row for each: asset,quantity")
        faults.refuse()
    return tuple(found)


def _position(line: int, text: dict[str, str], faults: Faults) -> Position | None:
    """One row as a position; None where it cannot be read, which the faults say."""
    noted = termed.RowFaults(lambda what, mend: faults.add(line, what, mend))
    kind = termed.instrument(text.get("instrument", ""), noted)
    terms = PLAIN
    if kind != SPOT or text.get("instrument"):
        terms = termed.terms(kind, {c: text[c] for c in termed.COLUMNS if c in text}, noted)
    said = text["quantity"]
    if not said and kind == "pool" and terms.liquidity is not None:
        said = "0"  # a share of a pool is told by its liquidity alone
    quantity = number(said)
    if not text["asset"]:
        noted("a position without an asset", "name the asset in the first column")
    if quantity is None or not math.isfinite(quantity):
        what = f"a quantity is wanted here, found {text['quantity']!r}"
        noted(what, "write a number like 1200.5, without thousands commas")
    elif abs(quantity) > MOST:
        noted(f"{quantity:g} units are more than any asset has", f"at most {MOST:g} are taken")
    elif kind in ("loan", "pool") and quantity < 0.0:
        noted(f"a {kind} of a negative quantity", "write what is held as a positive number")
    if not noted.clean:
        return None
    return Position(
        text["asset"], quantity or 0.0, text.get("venue", ""), text.get("strategy", ""), line,
        text.get("chain", ""), text.get("counterparty", ""), kind, terms,
    )  # fmt: skip
