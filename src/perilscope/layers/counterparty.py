# SPDX-License-Identifier: Apache-2.0
"""What stands at a venue when it fails, which is not what stands there on a usual day.

Venues fail in bad markets: prices have fallen by then, clients have withdrawn what they could, and
what comes back comes years later at the prices of the day of failure. Holdings are counted in
tokens and valued at the prices of that moment: as declared, or as the network that drives the
failure has them given that it happens. Contracts there are what a client loses with them: margin
with unrealised gain, an option's value. Each is revalued at these prices and is nothing below zero,
for a debt to a failed venue is neither forgiven nor a gain.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.beliefs.law import point, reading
from perilscope.book import Book, From, Venue
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.errors import AssessmentError
from perilscope.evidence.positions import Position
from perilscope.layers import revaluation
from perilscope.layers.drivers import Drivers
from perilscope.layers.frequency import trigger
from perilscope.layers.shocks import shocks_of
from perilscope.layers.valuation import Valuation

Floats = NDArray[np.float64]
_COINS = ("spot", "staked", "cash", "deposit")
"""Instruments whose units are ours at the venue; all others are contracts with it."""
_Shocks = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Change of the price of a token by node and state of one network."""


@dataclass(frozen=True)
class Exposure:
    """One venue on a usual day and on the day it fails, in money.

    Parameters
    ----------
    venue, scenario : str
    chance : float
        Of failing over the horizon.
    today : float
        What stands there, contracts with it.
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
    contracts : tuple of float
        Of what stands there, what is margin, gains and values of contracts: today, and at failure.
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
    contracts: tuple[float, float] = (0.0, 0.0)

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
    marks: revaluation.Marks | None = None,
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
    marks : Marks, optional
        What contracts are valued at; prices alone without.
    """
    found, notes = [], []
    marks = marks or _prices_alone(valuation, positions)
    for venue in book.venues.values():
        if venue.fails is None:
            continue
        if venue.fails.scenario not in chances:
            notes.append(f"venues.{venue.id}: {venue.fails.scenario} could not be assessed")
            continue
        try:
            chance = chances[venue.fails.scenario]
            found.append(_exposure(venue, book, drivers, valuation, positions, chance, marks))
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
    marks: revaluation.Marks,
) -> Exposure:
    fails = venue.fails
    assert fails is not None
    here, contracts = _held(venue, valuation, positions, marks)
    named = [a for lot in contracts for a in revaluation.factors(lot, book.currency)]
    then = _then(venue, book, drivers, list(dict.fromkeys([*here, *named])))
    prices = {
        token: float(then.chances @ then.factors[:, k]) for k, token in enumerate(then.tokens)
    }
    of_contracts = _worth(contracts, marks, _TODAY), _worth(contracts, marks, then)
    today = math.fsum(here.values()) + of_contracts[0]
    at_failure = math.fsum(value * prices[token] for token, value in here.items()) + of_contracts[1]
    left = at_failure * (1.0 - point(fails.withdrawn))
    law = _recovery(venue)
    years = 0.0 if fails.after is None else point(fails.after)
    discount = (1.0 + point(book.discount_rate)) ** -years
    mean, low, high = float(law.mean), float(law.ppf(0.05)), float(law.ppf(0.95))
    lost = tuple(left * (1.0 - share * discount) for share in (mean, high, low))
    return Exposure(
        venue.id, fails.scenario, chance, today, at_failure, left, mean, low, high, years,
        (lost[0], lost[1], lost[2]), prices, then.by, of_contracts,
    )  # fmt: skip


def standing(venue: str, positions: Sequence[Position], marks: revaluation.Marks) -> float:
    """What stands at a venue today, in money: all that would be lost with it.

    Coins count by their balance, contracts by margin, gains and value; what is owed there counts
    nothing and is not set off, for a debt to a failed venue is not forgiven.

    Parameters
    ----------
    venue : str
    positions : sequence of Position
        With their venues.
    marks : Marks

    Raises
    ------
    AssessmentError
        Something there has no price.

    Examples
    --------
    >>> lots = [Position("ETH", 5.0, "kraken"), Position("USDT", -900.0, "kraken")]
    >>> standing("kraken", lots, revaluation.Marks({"ETH": 2000.0, "USDT": 1.0}))
    10000.0
    """
    owned, contracts = _split(venue, positions, marks.price)
    return math.fsum(owned.values()) + _worth(contracts, marks, _TODAY)


def _split(
    venue: str, positions: Sequence[Position], price: Callable[[str], float]
) -> tuple[dict[str, float], list[Position]]:
    """Worth of the coins that are ours at a venue, by token, and the contracts there."""
    found: dict[str, float] = {}
    contracts = []
    for lot in positions:
        if lot.venue != venue:
            continue
        if lot.instrument in _COINS:
            found[lot.asset] = found.get(lot.asset, 0.0) + lot.quantity * price(lot.asset)
        else:
            contracts.append(lot)
    return {token: worth for token, worth in found.items() if worth > 0.0}, contracts


def _held(
    venue: Venue, valuation: Valuation, positions: Sequence[Position], marks: revaluation.Marks
) -> tuple[dict[str, float], list[Position]]:
    """Worth of what stands at a venue by token, and contracts there; or its balance as money."""
    owned, contracts = _split(venue.id, positions, valuation.price)
    if owned:
        return owned, contracts
    there = _worth(contracts, marks, _TODAY)
    try:
        declared = valuation.worth(venue.id).mean
    except AssessmentError:
        if not contracts:
            raise
        return {}, contracts
    # a declared balance may hold the margins already: the larger of both, never their sum
    return ({}, contracts) if there >= declared else ({"": declared}, [])


def _prices_alone(valuation: Valuation, positions: Sequence[Position]) -> revaluation.Marks:
    """Marks without volatilities; what has no price is missed only where it is needed."""
    prices = {}
    for name in {a for x in positions for a in revaluation.factors(x, valuation.book.currency)}:
        with contextlib.suppress(AssessmentError):
            prices[name] = valuation.price(name)
    return revaluation.Marks(prices, valuation.book.as_of, currency=valuation.book.currency)


@dataclass(frozen=True)
class _Then:
    """Prices against today's in every case, shape (n, tokens), and how likely each is, (n,)."""

    tokens: tuple[str, ...]
    chances: Floats
    factors: Floats
    by: str


_TODAY = _Then((), np.ones(1), np.ones((1, 0)), "today's")


def _worth(contracts: Sequence[Position], marks: revaluation.Marks, then: _Then) -> float:
    """What a client has in contracts, expected over cases; one that is owed on counts nothing."""
    paths = revaluation.Paths(then.tokens, then.factors, then.factors, then.factors, 0.0)
    values = (np.maximum(revaluation.valued(lot, marks, paths), 0.0) for lot in contracts)
    return math.fsum(float(then.chances @ each) for each in values)


def _then(venue: Venue, book: Book, drivers: Drivers, tokens: Sequence[str]) -> _Then:
    """Prices when it fails against today's, and where they come from."""
    fails = venue.fails
    assert fails is not None
    names = tuple(tokens)
    if fails.prices:
        said = {t: 1.0 + point(change) for t, change in fails.prices.items()}
        return _Then(names, np.ones(1), np.array([[said.get(t, 1.0) for t in names]]), "declared")
    source = trigger(book.scenarios[fails.scenario])
    shocks = {} if source is None else shocks_of(book).get(source.network, {})
    if source is None or not shocks:
        return _Then(names, np.ones(1), np.ones((1, len(names))), "today's")
    return _given(source, shocks, drivers, names)


def _given(source: From, shocks: _Shocks, drivers: Drivers, tokens: tuple[str, ...]) -> _Then:
    """Prices by the shocks of a network, given that the driving node is in its state."""
    known = drivers.driver(source.network).given({source.node: source.state})
    nodes = tuple(shocks)
    law = Drivers({source.network: known}).joint(source.network, nodes)
    states = [known.states(node) for node in nodes]
    factors = [
        [
            math.prod(
                1.0 + shocks[node].get(states[axis][k], {}).get(token, 0.0)
                for axis, (node, k) in enumerate(zip(nodes, index, strict=True))
            )
            for token in tokens
        ]
        for index in _indices(law.shape)
    ]
    shape = law.size, len(tokens)
    return _Then(tokens, law.ravel(), np.array(factors).reshape(shape), f"network {source.network}")


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
