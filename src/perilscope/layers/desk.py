# SPDX-License-Identifier: Apache-2.0
"""The trading desk: exposures, market figures and stress losses of what is held, by any scope.

Market figures are of today's holdings under the moves of the past, mixed with the states of the
networks that move prices (the hybrid method; without such networks the historical one). The loss of
every scenario is linear in what is held of each asset, so that the figures after a trade, and the
largest trade that keeps every limit, need no new scenarios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from perilscope.beliefs.law import point
from perilscope.book import Book, MeasureSpec
from perilscope.engines import returns
from perilscope.errors import AssessmentError
from perilscope.evidence.episodes import episodes
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers import stress
from perilscope.layers.drivers import Drivers
from perilscope.layers.shocks import scenario_sets, shocks_of

Floats = NDArray[np.float64]
Figure = tuple[float, str, str]
"""Value, what it belongs to, and its unit: ``money``, ``times`` or ``days``."""

PARTICIPATION = 0.1
"""Share of a day's volume that can be sold without moving the price much."""
SCOPES = ("asset", "venue", "strategy")


@dataclass(frozen=True)
class Scenarios:
    """Losses per unit of money held, and the probability of each scenario.

    Parameters
    ----------
    losses : array, shape (n, assets)
    weights : array, shape (n,)
    """

    losses: Floats
    weights: Floats


@dataclass(frozen=True)
class Desk:
    """What is held, at what prices, and what may happen to them.

    Parameters
    ----------
    lots : tuple of Position
    prices : mapping of asset to price
    book : Book
    history : History or None
        Closes of what is held and what may be traded, without gaps.
    drivers : Drivers
    net_assets : float or None
    """

    lots: tuple[Position, ...]
    prices: Mapping[str, float]
    book: Book
    history: History | None
    drivers: Drivers
    net_assets: float | None = None
    _kept: dict[int, Scenarios] = field(default_factory=dict, repr=False, compare=False)

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset that has a price, in the order of the prices."""
        return tuple(self.prices)

    def within(self, scope: str) -> tuple[Position, ...]:
        """The lots that a scope holds: ``strategy core``, ``venue anchor``, ``asset BTC``, or all.

        Examples
        --------
        >>> lots = (Position("BTC", 1.0, "x", "core"), Position("ETH", 1.0, "y", "basis"))
        >>> desk = Desk(lots, {}, None, None, None)  # type: ignore[arg-type]
        >>> [lot.asset for lot in desk.within("strategy core")]
        ['BTC']
        """
        kind, _, name = scope.partition(" ")
        if kind in SCOPES and name:
            return tuple(lot for lot in self.lots if getattr(lot, kind) == name)
        return self.lots

    def values(self, scope: str = "") -> dict[str, float]:
        """Money in each asset; 0 for what is not held."""
        found = dict.fromkeys(self.prices, 0.0)
        for lot in self.within(scope):
            if lot.asset in found:
                found[lot.asset] += lot.quantity * self.prices[lot.asset]
        return found

    def traded(self, lot: Position) -> Desk:
        """The desk after a trade."""
        return replace(self, lots=(*self.lots, lot))

    def scenarios(self, days: int) -> Scenarios:
        """Every past move over so many days in every state of the networks."""
        if days not in self._kept:
            self._kept[days] = self._scenarios(days)
        return self._kept[days]

    def _scenarios(self, days: int) -> Scenarios:
        known = [a for a in self.assets if self.history and a in self.history.assets]
        if self.history is None or not known:
            raise AssessmentError("there are no prices of anything that is held")
        columns = [self.history.assets.index(a) for a in known]
        moves = np.zeros((len(self.history.days) - days, len(self.assets)))
        observed = returns.overlapping(self.history.closes[:, columns], days)
        moves[:, [self.assets.index(a) for a in known]] = observed
        sets = scenario_sets(self.drivers, shocks_of(self.book), self.values(), days)
        losses = np.concatenate([-((1.0 + moves) * s.factors - 1.0) for s in sets])
        weights = np.concatenate([np.full(len(moves), s.probability / len(moves)) for s in sets])
        return Scenarios(losses, weights)

    def losses(self, days: int, scope: str = "") -> Floats:
        """Loss of what a scope holds in every scenario, money."""
        found: Floats = self.scenarios(days).losses @ np.array(list(self.values(scope).values()))
        return found

    def risk(self, days: int, level: float, scope: str = "") -> tuple[float, float]:
        """VaR and CVaR over so many days, money."""
        return returns.historical(self.losses(days, scope), level, self.scenarios(days).weights)

    def contributions(self, days: int, level: float) -> dict[str, float]:
        """What each asset adds to CVaR (Euler; adds up), money."""
        worth = np.array(list(self.values().values()))
        scenarios = self.scenarios(days)
        parts = returns.contributions(scenarios.losses * worth, level, scenarios.weights)
        return dict(zip(self.assets, parts.tolist(), strict=True))

    def marginal(self, asset: str, days: int, level: float) -> float:
        """Slope of CVaR in the money held of an asset."""
        scenarios = self.scenarios(days)
        tail = returns.tail_weights(self.losses(days), level, scenarios.weights)
        return float(tail @ scenarios.losses[:, self.assets.index(asset)])

    def still(self) -> list[str]:
        """Assets that keep a peg: they move in a stress only where it was observed."""
        tokens = self.book.tokens
        return [
            a
            for a in self.assets
            if a == self.book.currency or (a in tokens and tokens[a].kind == "stablecoin")
        ]

    def stresses(self, scope: str = "") -> tuple[stress.Stressed, ...]:
        """Every episode of the past replayed on what a scope holds, the dearest first."""
        held = {a: v for a, v in self.values(scope).items() if v != 0.0}
        found = [stress.replayed(e, held, self.history, self.still()) for e in episodes()]
        return tuple(sorted(found, key=lambda each: -each.loss))

    def measure(self, spec: MeasureSpec, scope: str = "") -> Figure:
        """The figure that a limit of the desk is held against.

        Raises
        ------
        AssessmentError
            What it needs is not there: prices, net assets, volumes, an episode of that name.
        """
        return _READ[spec.kind](self, spec, scope)


def _gross(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    return _whole(desk, scope), "", "money"


def _whole(desk: Desk, scope: str) -> float:
    lots = desk.within(scope)
    return math.fsum(abs(lot.quantity) * desk.prices.get(lot.asset, 0.0) for lot in lots)


def _net(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    return abs(math.fsum(desk.values(scope).values())), "", "money"


def _leverage(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    if not desk.net_assets:
        raise AssessmentError("leverage is of net assets: declare `institution: net_assets`")
    return _whole(desk, scope) / desk.net_assets, "", "times"


def _concentration(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    parts: dict[str, float] = {}
    for lot in desk.within(scope):
        key = _issuer(desk.book, lot.asset) if spec.subject == "issuer" else ""
        key = key or getattr(lot, spec.subject, "")
        if key:
            parts[key] = parts.get(key, 0.0) + lot.quantity * desk.prices.get(lot.asset, 0.0)
    if not parts:
        raise AssessmentError(f"no position names its {spec.subject}")
    name = max(parts, key=lambda each: abs(parts[each]))
    return abs(parts[name]), name, "money"


def _issuer(book: Book, asset: str) -> str:
    token = book.tokens.get(asset)
    return token.issuer or "" if token is not None else ""


def _liquidation(desk: Desk, _spec: MeasureSpec, scope: str) -> Figure:
    """Days to sell what takes longest, at a tenth of the daily volume."""
    slowest, name, unknown = 0.0, "", []
    still = desk.still()
    for asset, value in desk.values(scope).items():
        token = desk.book.tokens.get(asset)
        volume = token.daily_volume if token is not None else None
        if volume is None:
            if value and asset not in still:
                unknown.append(asset)
            continue
        days = abs(value) / (PARTICIPATION * point(volume))
        if days > slowest:
            slowest, name = days, asset
    if unknown:
        raise AssessmentError(
            f"days to liquidate: no daily volume of {', '.join(unknown)}; give "
            f"`tokens: {{{unknown[0]}: {{daily_volume: 300M}}}}`"
        )
    return slowest, name, "days"


def _stress(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    found = desk.stresses(scope)
    if spec.subject:
        named = [each for each in found if each.id == spec.subject]
        if not named:
            known = ", ".join(sorted(each.id for each in found))
            raise AssessmentError(f"no episode is called {spec.subject}; there are {known}")
        found = tuple(named)
    return max(found[0].loss, 0.0), found[0].id, "money"


def _drawdown(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    """Largest fall from a peak of today's holdings over the last days."""
    days = spec.days or 1
    history = desk.history
    if history is None or len(history.days) <= days:
        raise AssessmentError(f"a drawdown over {days} days needs as many days of prices")
    worth = desk.values(scope)
    known = [a for a in worth if a in history.assets]
    closes = history.closes[-days - 1 :, [history.assets.index(a) for a in known]]
    path = (closes / closes[-1]) @ np.array([worth[a] for a in known])
    falls = np.maximum.accumulate(path) - path
    return float(falls.max(initial=0.0)), "", "money"


def _var(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    return desk.risk(spec.days or 1, _level(spec), scope)[0], "", "money"


def _cvar(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    return desk.risk(spec.days or 1, _level(spec), scope)[1], "", "money"


def _contribution(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    """What a scope adds to the CVaR of the whole: a budget of risk."""
    if desk.within(scope) == desk.lots:
        raise AssessmentError("a contribution is of a scope: `scope: strategy core`")
    days, level = spec.days or 1, _level(spec)
    scenarios = desk.scenarios(days)
    tail = returns.tail_weights(desk.losses(days), level, scenarios.weights)
    return float(tail @ desk.losses(days, scope)), "", "money"


def _level(spec: MeasureSpec) -> float:
    return float(spec.level) if spec.level is not None else 0.99


def _balance(desk: Desk, spec: MeasureSpec, scope: str) -> Figure:
    """Largest balance at one venue of a kind, by the positions."""
    parts: dict[str, float] = {}
    for lot in desk.within(scope):
        venue = desk.book.venues.get(lot.venue)
        if venue is not None and spec.subject in ("venue", venue.kind):
            value = lot.quantity * desk.prices.get(lot.asset, 0.0)
            parts[lot.venue] = parts.get(lot.venue, 0.0) + value
    if not parts:
        raise AssessmentError(f"no position lies at a {spec.subject} that the book declares")
    name = max(parts, key=lambda each: parts[each])
    return parts[name], name, "money"


_READ: Mapping[str, Callable[[Desk, MeasureSpec, str], Figure]] = {
    "gross": _gross,
    "net": _net,
    "leverage": _leverage,
    "concentration": _concentration,
    "liquidation": _liquidation,
    "stress": _stress,
    "drawdown": _drawdown,
    "contribution": _contribution,
    "market_var": _var,
    "market_cvar": _cvar,
    "balance": _balance,
}


def desk_limits(kinds: Sequence[str]) -> list[bool]:
    """Which kinds of measure the desk can tell by itself."""
    return [kind in _READ for kind in kinds]
