# SPDX-License-Identifier: Apache-2.0
"""Quoted implied volatilities: a table of surface, expiry, strike (or moneyness or delta), vol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from perilscope.evidence.table import Faults, number, read_table

BY = ("strike", "moneyness", "delta")
"""What a quote may stand at: a strike, strike over spot, or a forward delta (of a put below 0)."""


@dataclass(frozen=True)
class Quoted:
    """One volatility of a surface.

    Parameters
    ----------
    expiry : date
    by : str
        Of `BY`.
    at : float
    vol : float
        Per square root of a year, 0.6 for 60 %.
    line : int
    """

    expiry: date
    by: str
    at: float
    vol: float
    line: int = 0


def parse_surfaces(name: str, data: bytes) -> Mapping[str, tuple[Quoted, ...]]:
    r"""Read a file of quoted volatilities.

    Raises
    ------
    DataError
        With every fault of the file and its line.

    Examples
    --------
    >>> text = b"surface,expiry,strike,vol\nbtc,2026-12-25,60000,58 %\n"
    >>> parse_surfaces("vols.csv", text)["btc"][0].vol
    0.58
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    at = {}
    for column in ("surface", "expiry", "vol", *BY):
        places = table.places([column])
        if len(places) == 1:
            at[column] = places[0]
        elif column not in BY:
            faults.add(table.line, f"there is no column {column}", "surface,expiry,strike,vol")
    if not set(at) & set(BY):
        faults.add(table.line, "there is no column strike, moneyness or delta", "one of the three")
    faults.refuse()
    found: dict[str, list[Quoted]] = {}
    for line, text in table.records(at):
        quote = _quoted(line, text, faults)
        if quote is not None:
            found.setdefault(text["surface"], []).append(quote)
    faults.refuse()
    if not found:
        faults.add(table.line, "there are no quotes", "one row for each")
        faults.refuse()
    return {key: tuple(quotes) for key, quotes in found.items()}


def _quoted(line: int, text: Mapping[str, str], faults: Faults) -> Quoted | None:
    given = [by for by in BY if text.get(by)]
    if not text["surface"] or len(given) != 1:
        faults.add(line, "a quote has a surface and one of strike, moneyness and delta", "as above")
        return None
    try:
        expiry = date.fromisoformat(text["expiry"][:10])
    except ValueError:
        faults.add(line, f"a date is wanted as expiry, found {text['expiry']!r}", "2026-12-25")
        return None
    at, vol = (_amount(text[column]) for column in (given[0], "vol"))
    low, high = (-1.0, 1.0) if given[0] == "delta" else (0.0, math.inf)
    if not low < at < high or at == 0.0 or not 0.0 < vol < math.inf:
        what = f"{given[0]} {text[given[0]]!r} or vol {text['vol']!r} is out of range"
        faults.add(line, what, "write vol like 0.6 or 60 %, delta from -1 to 1, all others above 0")
        return None
    return Quoted(expiry, given[0], at, vol, line)


def _amount(text: str) -> float:
    value = number(text.rstrip("% "))
    if value is None:
        return math.nan
    return value / 100.0 if text.endswith("%") else value
