# SPDX-License-Identifier: Apache-2.0
"""Prices quoted in a coin, turned into money by the price of that coin: never 1 by assumption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from perilscope.evidence.history import History

_RECENT, _AT_PAR = 90, 0.005
"""Last days whose median tells what prices are in, and how near to one it then is."""


def converted(history: History, currency: str = "USD") -> tuple[History, list[str]]:
    """Prices in money, where the history itself has the price of what they are quoted in.

    Parameters
    ----------
    history : History
    currency : str
        What prices without a quote are in.

    Returns
    -------
    history : History
        Days on which the quote had no price have none.
    notes : list of str
        What was converted, and what was not.

    Examples
    --------
    >>> from datetime import date
    >>> import numpy as np
    >>> closes = np.array([[100.0, 0.97]])
    >>> quotes = {"BTC": "USDT"}
    >>> history = History(("BTC", "USDT"), (date(2026, 1, 1),), closes, quotes=quotes)
    >>> converted(history)[0].closes.tolist(), converted(history)[1]
    ([[97.0, 0.97]], ['BTC: quoted in USDT, turned into USD by the price of USDT'])
    """
    quoted: dict[str, list[str]] = {}
    for asset, quote in history.quotes.items():
        if quote and quote not in (currency, asset):
            quoted.setdefault(quote, []).append(asset)
    if not quoted:
        return history, []
    closes, others = history.closes.copy(), {k: a.copy() for k, a in history.others.items()}
    quotes, notes = dict(history.quotes), []
    for quote, assets in quoted.items():
        named = ", ".join(assets[:4]) + (f" and {len(assets) - 4} more" if len(assets) > 4 else "")
        if quote not in history.assets or history.quotes.get(quote, currency) != currency:
            notes.append(
                f"{named}: quoted in {quote}, of which there is no price: figures are in {quote}, "
                f"not in {currency}"
            )
            continue
        rate = history.closes[:, history.assets.index(quote)]
        for asset in assets:
            column = history.assets.index(asset)
            closes[:, column] *= rate
            for key, array in others.items():
                if key != "traded":  # of no known unit
                    array[:, column] *= rate
            quotes[asset] = currency
        notes.append(f"{named}: quoted in {quote}, turned into {currency} by the price of {quote}")
    return replace(history, closes=closes, others=others, quotes=quotes, bars={}), notes


def foreign(history: History, assets: Sequence[str], currency: str) -> list[str]:
    """A sentence about the assets whose prices are still in something else than the currency.

    Examples
    --------
    >>> from datetime import date
    >>> day = (date(2026, 1, 1),)
    >>> history = History(("BTC",), day, np.array([[9.0]]), quotes={"BTC": "USDT"})
    >>> foreign(history, ["BTC"], "USDT"), foreign(history, ["BTC"], "USD")[0][:27]
    ([], 'BTC: prices are in USDT, of')
    """
    quoted: dict[str, list[str]] = {}
    for asset in assets:
        quote = history.quotes.get(asset, "")
        if quote and quote not in (currency, asset):
            quoted.setdefault(quote, []).append(asset)
    return [
        f"{', '.join(names)}: prices are in {quote}, of which there is no price: figures count a "
        f"{quote} as one {currency}; add the price of {quote} to the prices"
        for quote, names in quoted.items()
    ]


def doubtful(
    history: History, assets: Sequence[str], pegs: Mapping[str, str], currency: str
) -> list[str]:
    """A sentence about coins pegged to another currency that cost one of the book's.

    Files of prices seldom say what they are in: then such a coin is what tells.

    Parameters
    ----------
    history : History
    assets : sequence of str
    pegs : mapping of asset to currency
        As declared; a coin that is not is taken to be pegged to the dollar its symbol names.
    currency : str
        Of the book.
    """
    found: dict[str, list[str]] = {}
    for asset in assets:
        peg = pegs.get(asset) or ("USD" if "USD" in asset else currency)
        closes = history.closes[:, history.assets.index(asset)]
        recent = closes[np.isfinite(closes)][-_RECENT:]
        if peg != currency and recent.size and abs(float(np.median(recent)) - 1.0) < _AT_PAR:
            found.setdefault(peg, []).append(asset)
    return [
        f"{', '.join(names)}: pegged to {peg}, but the price is about one {currency}: prices look "
        f"to be in {peg}, and figures count one {peg} as one {currency}"
        for peg, names in found.items()
    ]
