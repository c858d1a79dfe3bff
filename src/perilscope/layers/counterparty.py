# SPDX-License-Identifier: Apache-2.0
"""What stands at a venue when it fails, which is not what stands there on a usual day.

Venues fail in bad markets: prices have fallen by then, clients have withdrawn what they could, and
what comes back comes years later at the prices of the day of failure. Holdings are counted in
tokens and valued at the prices of that moment: as declared, or as the network that drives the
failure has them given that it happens.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perilscope.beliefs.law import point, reading
from perilscope.book import Book, From, Venue
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.errors import AssessmentError
from perilscope.evidence.positions import Position
from perilscope.layers.drivers import Drivers
from perilscope.layers.frequency import trigger
from perilscope.layers.shocks import shocks_of
from perilscope.layers.valuation import Valuation


@dataclass(frozen=True)
class Exposure:
    """One venue on a usual day and on the day it fails, in money.

    Parameters
    ----------
    venue, scenario : str
    chance : float
        Of failing over the horizon.
    today : float
        What stands there.
    at_failure : float
        The same at the prices of the day of failure.
    left : float
        What is still there after withdrawals.
    recovered, low, high : float
        Share of that which comes back: mean and 90 % interval.
    years : float
        How long that takes.
    lost : tuple of float
        Loss when it fails, what comes back discounted: mean, and with the recovery at its high and
        low end.
    prices : mapping of float
        By token, what its price is by then against today.
    by : str
        Where these prices come from.
    """

    venue: str
    scenario: str
    chance: float
    today: float
    at_failure: float
    left: float
    recovered: float
    low: float
    high: float
    years: float
    lost: tuple[float, float, float]
    prices: Mapping[str, float]
    by: str

    @property
    def expected(self) -> float:
        """Expected loss over the horizon."""
        return self.chance * self.lost[0]

    @property
    def usual(self) -> float:
        """The expected loss if failure and prices had nothing to do with each other."""
        return self.expected * self.today / self.at_failure if self.at_failure else math.nan


def exposures(
    book: Book,
    drivers: Drivers,
    valuation: Valuation,
    positions: Sequence[Position],
    chances: Mapping[str, float],
) -> tuple[tuple[Exposure, ...], tuple[str, ...]]:
    """Every venue that the book says how it fails, and what could not be found.

    Parameters
    ----------
    book : Book
    drivers : Drivers
        Networks under the evidence.
    valuation : Valuation
    positions : sequence of Position
        With their venues; where none stands at a venue its declared balance is taken.
    chances : mapping of scenario to probability
        Of happening over the horizon.
    """
    found, notes = [], []
    for venue in book.venues.values():
        if venue.fails is None:
            continue
        if venue.fails.scenario not in chances:
            notes.append(f"venues.{venue.id}: {venue.fails.scenario} could not be assessed")
            continue
        try:
            chance = chances[venue.fails.scenario]
            found.append(_exposure(venue, book, drivers, valuation, positions, chance))
        except AssessmentError as error:
            notes.append(f"venues.{venue.id}: {error}")
    return tuple(found), tuple(notes)


def _exposure(
    venue: Venue,
    book: Book,
    drivers: Drivers,
    valuation: Valuation,
    positions: Sequence[Position],
    chance: float,
) -> Exposure:
    fails = venue.fails
    assert fails is not None
    here = _held(venue, valuation, positions)
    prices, by = _prices(venue, book, drivers, list(here))
    today = math.fsum(here.values())
    then = math.fsum(value * prices.get(token, 1.0) for token, value in here.items())
    left = then * (1.0 - point(fails.withdrawn))
    law = _recovery(venue)
    years = 0.0 if fails.after is None else point(fails.after)
    discount = (1.0 + point(book.discount_rate)) ** -years
    mean, low, high = float(law.mean), float(law.ppf(0.05)), float(law.ppf(0.95))
    lost = tuple(left * (1.0 - share * discount) for share in (mean, high, low))
    return Exposure(
        venue.id, fails.scenario, chance, today, then, left, mean, low, high, years,
        (lost[0], lost[1], lost[2]), {t: prices.get(t, 1.0) for t in here}, by,
    )  # fmt: skip


def _held(venue: Venue, valuation: Valuation, positions: Sequence[Position]) -> dict[str, float]:
    """Worth of what stands at a venue, by token; its declared balance as money."""
    found: dict[str, float] = {}
    for lot in positions:
        if lot.venue == venue.id and lot.instrument in ("spot", "staked", "cash", "deposit"):
            worth = lot.quantity * valuation.price(lot.asset)
            found[lot.asset] = found.get(lot.asset, 0.0) + worth
    owned = {token: worth for token, worth in found.items() if worth > 0.0}
    if owned:
        return owned  # what is owed to a venue is not lost with it, and not set off either
    return {"": valuation.worth(venue.id).mean}


def _prices(
    venue: Venue, book: Book, drivers: Drivers, tokens: Sequence[str]
) -> tuple[dict[str, float], str]:
    """Prices when it fails against today's, and where they come from."""
    fails = venue.fails
    assert fails is not None
    if fails.prices:
        return {t: 1.0 + point(change) for t, change in fails.prices.items()}, "declared"
    source = trigger(book.scenarios[fails.scenario])
    if source is None:
        return {}, "today's"
    return _given(source, book, drivers, tokens)


def _given(
    source: From, book: Book, drivers: Drivers, tokens: Sequence[str]
) -> tuple[dict[str, float], str]:
    """Expected prices by the shocks of a network, given that the driving node is in its state."""
    shocks = shocks_of(book).get(source.network, {})
    if not shocks:
        return {}, "today's"
    known = drivers.driver(source.network).given({source.node: source.state})
    nodes = tuple(shocks)
    law = Drivers({source.network: known}).joint(source.network, nodes)
    states = [known.states(node) for node in nodes]
    found = dict.fromkeys(tokens, 0.0)
    for index, p in zip(_indices(law.shape), law.ravel().tolist(), strict=True):
        for token in found:
            factor = math.prod(
                1.0 + shocks[node].get(states[axis][k], {}).get(token, 0.0)
                for axis, (node, k) in enumerate(zip(nodes, index, strict=True))
            )
            found[token] += p * factor
    return found, f"network {source.network}"


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(size) for size in shape)))


def _recovery(venue: Venue) -> Distribution:
    """The share that comes back, over chance and belief."""
    fails = venue.fails
    assert fails is not None
    if fails.recovers is None:
        return Constant(0.0)
    read = reading(fails.recovers.value, as_belief=True)
    if read.alone is not None:
        return read.alone
    if read.beliefs:
        raise AssessmentError("`recovers` holds a belief inside a law; write one law")
    return read.value(())
