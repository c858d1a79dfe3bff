# SPDX-License-Identifier: Apache-2.0
"""Options that name a surface of volatilities get the one of their strike and expiry.

It then belongs to the line as if stated there: in scenarios it stays with its strike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from perilscope.engines.instruments.surface import Surface, of_delta, surface_of
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.positions import Position
from perilscope.evidence.surfaces import Quoted

Quotes = Mapping[str, Sequence[Quoted]]


def filled_in(
    lots: Sequence[Position],
    quotes: Quotes,
    spot: Callable[[Position], float],
    as_of: date,
    days_a_year: float,
) -> tuple[tuple[Position, ...], tuple[str, ...]]:
    """The positions, each option that names a surface with its volatility; and what is odd.

    Parameters
    ----------
    lots : sequence of Position
    quotes : mapping of surface to its quotes
    spot : callable
        Today's price of a position's asset in its quote.
    as_of : date
        Of the quotes and of the prices.
    days_a_year : float

    Returns
    -------
    positions, findings
        Findings: arbitrage in a surface, and options beyond what is quoted.

    Raises
    ------
    AssessmentError
        No such surface, quotes twice at one place or none ahead.
    """
    made: dict[str, Surface] = {}
    found, findings = [], []
    for lot in lots:
        terms = lot.terms
        if not terms.surface or terms.strike is None or terms.expiry is None:
            found.append(lot)
            continue
        price = spot(lot)
        if terms.surface not in made:
            made[terms.surface] = _made(lot, quotes, price, as_of, days_a_year)
            findings += _arbitrage(terms.surface, made[terms.surface], days_a_year)
        surface = made[terms.surface]
        moneyness = math.log(terms.strike / price)
        years = (terms.expiry - as_of).days / days_a_year
        findings += _beyond(lot, surface, moneyness, years)
        vol = surface.vol(moneyness, years)
        found.append(replace(lot, terms=replace(terms, vol=vol)))
    return tuple(found), tuple(dict.fromkeys(findings))


def _made(lot: Position, quotes: Quotes, price: float, as_of: date, days_a_year: float) -> Surface:
    name = lot.terms.surface
    line = f" (line {lot.line})" if lot.line else ""
    if name not in quotes:
        there = f"there are {', '.join(quotes)}" if quotes else "name a file: market: {surfaces: …}"
        raise AssessmentError(f"{lot.asset} {lot.instrument}{line}: no surface `{name}`; {there}")
    points = []
    for quote in quotes[name]:
        years = (quote.expiry - as_of).days / days_a_year
        if years <= 0.0:
            continue
        if quote.by == "strike":
            moneyness = math.log(quote.at / price)
        elif quote.by == "moneyness":
            moneyness = math.log(quote.at)
        else:
            moneyness = of_delta(quote.at, quote.vol, years)
        points.append((years, moneyness, quote.vol))
    if not points:
        raise AssessmentError(f"surface `{name}`: every expiry lies before {as_of}")
    try:
        return surface_of(points)
    except MisuseError as error:
        raise AssessmentError(f"surface `{name}`: {error}; is a place quoted twice?") from None


def _arbitrage(name: str, surface: Surface, days_a_year: float) -> list[str]:
    found = []
    for near, far, at in surface.calendar_arbitrage():
        found.append(
            f"surface `{name}`: total variance falls from {near * days_a_year:.0f} to "
            f"{far * days_a_year:.0f} days at {100.0 * math.exp(at):.0f} % of spot (calendar "
            "arbitrage): check the quotes"
        )
    for years, at in surface.butterfly_arbitrage():
        found.append(
            f"surface `{name}`: calls of {years * days_a_year:.0f} days are not convex at "
            f"{100.0 * math.exp(at):.0f} % of spot (butterfly arbitrage): check the quotes"
        )
    return found


def _beyond(lot: Position, surface: Surface, moneyness: float, years: float) -> list[str]:
    first, last = surface.smiles[0], surface.smiles[-1]
    least = min(float(smile.moneyness[0]) for smile in surface.smiles)
    most = max(float(smile.moneyness[-1]) for smile in surface.smiles)
    if first.years <= years <= last.years and least <= moneyness <= most:
        return []
    return [
        f"{lot.asset} {lot.instrument} {lot.terms.strike:g} {lot.terms.expiry} lies beyond the "
        f"quotes of `{lot.terms.surface}`: the volatility at their end is taken"
    ]
