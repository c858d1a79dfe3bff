# SPDX-License-Identifier: Apache-2.0
"""The trading desk: exposures, market figures and stress losses of what is held, by any scope.

Market figures are of today's holdings under the moves of the past, mixed with the states of the
networks that move prices (the hybrid method; without such networks the historical one). The loss of
every scenario is linear in what is held of each asset, so that the figures after a trade, and the
largest trade that keeps every limit, need no new scenarios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.book import Book
from perilscope.engines.portfolio import returns
from perilscope.engines.portfolio.euler import Euler, euler
from perilscope.errors import AssessmentError
from perilscope.evidence.calendar import Calendar
from perilscope.evidence.episodes import Episode, episodes
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers import revaluation, stress
from perilscope.layers.days import calendar_of
from perilscope.layers.drivers import Drivers
from perilscope.layers.netting import netted
from perilscope.layers.revaluation import Marks, Paths, plain, shifted
from perilscope.layers.scenarios import Scenarios, scenarios
from perilscope.layers.shocks import shocks_of
from perilscope.once import cached_property

Floats = NDArray[np.float64]

SCOPES = ("asset", "venue", "strategy", "chain", "counterparty", "instrument")


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
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset that has a price, in the order of the prices."""
        return tuple(self.prices)

    @cached_property
    def calendar(self) -> Calendar:
        """Of the book."""
        return calendar_of(self.book)

    def within(self, scope: str) -> tuple[Position, ...]:
        """The lots that a scope holds: ``strategy core``, ``venue anchor``, ``asset BTC``, or all.

        A name alone (``core``) is that of a strategy, a venue or an asset that is there.

        Examples
        --------
        >>> lots = (Position("BTC", 1.0, "x", "core"), Position("ETH", 1.0, "y", "basis"))
        >>> desk = Desk(lots, {}, None, None, None)  # type: ignore[arg-type]
        >>> [lot.asset for lot in desk.within("strategy core")]
        ['BTC']
        """
        kind, name = self.scope(scope)
        return tuple(lot for lot in self.lots if not kind or getattr(lot, kind) == name)

    def scope(self, text: str) -> tuple[str, str]:
        """What a scope is of and its name; empty where it is everything."""
        kind, _, name = text.partition(" ")
        if kind in SCOPES and name:
            return kind, name
        alone = (each for each in ("strategy", "venue", "asset") if text in self._names[each])
        return next(((each, text) for each in alone), ("", ""))

    def spelled(self, scope: str) -> str:
        """A scope with what it is of: ``core`` becomes ``strategy core``."""
        return " ".join(self.scope(scope)).strip() or scope

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        return {kind: {getattr(lot, kind) for lot in self.lots} - {""} for kind in SCOPES}

    @cached_property
    def marks(self) -> Marks:
        """Prices of today, and the volatilities of options that do not state theirs."""
        odd = {lot.asset for lot in self.lots if lot.instrument in ("call", "put")}
        found: Marks = self.once(
            ("marks", *sorted(odd)),
            (),
            lambda: Marks(
                self.prices,
                self.book.as_of,
                revaluation.realised(self.history, sorted(odd), self.calendar.days_a_year),
                self.book.currency,
                days_a_year=self.calendar.days_a_year,
            ),
        )
        return found

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset((*self.prices, self.book.currency, ""))

    def priced(self, scope: str = "") -> tuple[Position, ...]:
        """The lots of a scope whose prices are known."""
        known = self._known
        return tuple(
            lot
            for lot in self.within(scope)
            if lot.asset in known and (plain(lot) or lot.terms.quote in known)
        )

    def once(self, what: object, lots: tuple[Position, ...], make: Callable[[], Any]) -> Any:
        """What depends on these very lots and nothing that a trade changes, made once."""
        key = (what, *map(id, lots))
        found = self._kept.get(key)
        if found is None:  # the lots are kept with it, so that no other lot can have their ids
            found = self._kept[key] = (lots, make())
        return found[1]

    def split(self, scope: str = "") -> tuple[Floats, tuple[Position, ...]]:
        """Money in each asset of plain lots, and the lots that are more than that."""
        units = dict.fromkeys(self.prices, 0.0)
        odd = []
        for lot in self.priced(scope):
            if not plain(lot):
                odd.append(lot)
            elif lot.asset in units:
                units[lot.asset] += lot.quantity * self.prices[lot.asset]
        return np.array(list(units.values())), tuple(odd)

    def exposures(self, lot: Position) -> dict[str, float]:
        """Money that a lot gains for a relative move of 1 of each price."""
        if plain(lot):
            return {lot.asset: lot.quantity * self.marks.price(lot.asset)}
        found: dict[str, float] = self.once(
            "exposures", (lot,), lambda: revaluation.exposures(lot, self.marks)
        )
        return found

    def values(self, scope: str = "") -> dict[str, float]:
        """Money exposed to each asset; 0 for what is not held."""
        money, odd = self.split(scope)
        found = dict(zip(self.prices, money.tolist(), strict=True))
        for lot in odd:
            for asset, part in self.exposures(lot).items():
                if asset in found:
                    found[asset] += part
        return found

    def gross(self, scope: str = "") -> float:
        """Exposures of every lot without regard to side; what only prices another is apart."""
        return math.fsum(
            abs(money)
            for lot in self.priced(scope)
            for asset, money in self.exposures(lot).items()
            if asset == lot.asset or lot.instrument == "pool"
        )

    def worth(self, scope: str = "") -> float:
        """What a scope's positions are worth, money."""
        return math.fsum(self.worth_of(lot) for lot in self.priced(scope))

    def worth_of(self, lot: Position) -> float:
        """What one lot is worth, money."""
        if plain(lot):
            return lot.quantity * self.marks.price(lot.asset)
        found: float = self.once("worth", (lot,), lambda: revaluation.worth(lot, self.marks))
        return found

    def traded(self, lot: Position) -> Desk:
        """The desk after a trade.

        Units and perpetuals that are bought or sold first close what is held the other way, of the
        venue and strategy that the trade names, or of any where it names none. What a contract was
        worth stays in the account.

        Examples
        --------
        >>> held = Position("ETH", 5.0, "x", "core"), Position("ETH", 1.0, "y", "basis")
        >>> desk = Desk(held, {}, None, None, None)  # type: ignore[arg-type]
        >>> [(lot.quantity, lot.venue) for lot in desk.traded(Position("ETH", -7.0, "x", "")).lots]
        [(0.0, 'x'), (1.0, 'y'), (-2.0, 'x')]
        """
        return replace(self, lots=netted(self.lots, lot, self._settled))

    def _settled(self, lot: Position, share: float) -> Position:
        """What closing a share of a contract leaves in the account: its gain and its margin."""
        asset = lot.terms.quote or self.book.currency
        units = share * self.worth_of(lot) / self.marks.price(asset)
        kept = ("venue", "strategy", "chain", "counterparty")
        return Position(asset, units, **{k: getattr(lot, k) for k in kept}, instrument="cash")

    def scenarios(self, days: int) -> Scenarios:
        """Every past move over so many days in every state of the networks."""
        if days not in self._kept:
            if self.history is None:
                raise AssessmentError("there are no prices of anything that is held")
            self._kept[days] = scenarios(
                self.history, self.assets, self.values(), self.drivers, shocks_of(self.book), days
            )
        found: Scenarios = self._kept[days]
        return found

    def lot_losses(self, lot: Position, days: int) -> Floats:
        """Loss of one lot in every scenario, money."""
        scenarios = self.scenarios(days)
        if plain(lot):
            value = lot.quantity * self.marks.price(lot.asset)
            if lot.asset not in self.assets:
                return np.zeros(len(scenarios.weights))
            return np.asarray(scenarios.losses[:, self.assets.index(lot.asset)] * value)
        found: Floats = self.once(
            days, (lot,), lambda: revaluation.losses(lot, self.marks, scenarios.paths)
        )
        return found

    def losses(self, days: int, scope: str = "") -> Floats:
        """Loss of what a scope holds in every scenario, money."""
        money, odd = self.split(scope)
        found: Floats = self.scenarios(days).losses @ money
        if odd:
            found = found + self.once(
                ("sum", days), odd, lambda: sum(self.lot_losses(lot, days) for lot in odd)
            )
        return found

    def risk(self, days: int, level: float, scope: str = "") -> tuple[float, float]:
        """VaR and CVaR over so many days, money."""
        return returns.historical(self.losses(days, scope), level, self.scenarios(days).weights)

    def reach(self, days: int, level: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """90 % intervals of VaR and CVaR, money; wider where options are sold.

        Resampling a history knows nothing of moves beyond it, to which short options lose most. So
        their upper ends reach to the figures under moves half as large again.
        """
        scenarios, losses = self.scenarios(days), self.losses(days)
        of_var, of_cvar = scenarios.reach(losses, level)
        var, cvar = returns.historical(losses, level, scenarios.weights)
        most = (var, cvar)
        if revaluation.sold(self.priced()):
            far = self.shifted(scenarios.stretched(revaluation.STRETCH))
            most = returns.historical(far, level, scenarios.weights)
        return (
            (min(of_var[0], var), max(of_var[1], var, most[0])),
            (min(of_cvar[0], cvar), max(of_cvar[1], cvar, most[1])),
        )

    def by_lot(self, days: int, level: float) -> list[tuple[Position, float]]:
        """What each lot adds to CVaR (Euler; adds up), money."""
        tail = returns.tail_weights(self.losses(days), level, self.scenarios(days).weights)
        if not any(not plain(lot) for lot in self.lots):
            slope = tail @ self.scenarios(days).losses
            at = {asset: k for k, asset in enumerate(self.assets)}
            return [
                (x, float(slope[at[x.asset]]) * x.quantity * self.prices[x.asset])
                for x in self.priced()
                if x.asset in at
            ]
        return [(lot, float(tail @ self.lot_losses(lot, days))) for lot in self.priced()]

    def euler(
        self, days: int, level: float, key: Callable[[Position], str]
    ) -> tuple[tuple[str, ...], Euler]:
        """What each group of lots adds to VaR and CVaR, with standard errors; adds up, money."""
        scenarios = self.scenarios(days)
        held: dict[str, Floats] = {}
        other: dict[str, Floats] = {}
        at = {asset: k for k, asset in enumerate(self.assets)}
        for lot in self.priced():
            name = key(lot)
            money = held.setdefault(name, np.zeros(len(at)))
            if not plain(lot):
                lost = self.lot_losses(lot, days)
                other[name] = other[name] + lost if name in other else lost
            elif lot.asset in at:
                money[at[lot.asset]] += lot.quantity * self.prices[lot.asset]
        if not held:
            raise AssessmentError("no position has a price: there is nothing to allocate to")
        table = scenarios.losses @ np.stack(list(held.values()), axis=1)
        for place, name in enumerate(held):
            if name in other:
                table[:, place] += other[name]
        return tuple(held), euler(table, level, scenarios.weights)

    def contributions(self, days: int, level: float) -> dict[str, float]:
        """What each asset adds to CVaR (Euler; adds up), money."""
        found = dict.fromkeys(self.assets, 0.0)
        for lot, part in self.by_lot(days, level):
            found[lot.asset] = found.get(lot.asset, 0.0) + part
        return found

    def marginal(self, asset: str, days: int, level: float) -> float:
        """Slope of CVaR in the money held of an asset."""
        scenarios = self.scenarios(days)
        tail = returns.tail_weights(self.losses(days), level, scenarios.weights)
        return float(tail @ scenarios.losses[:, self.assets.index(asset)])

    def shifted(self, paths: Paths, scope: str = "") -> Floats:
        """Loss of a scope when prices move along paths, every position revalued; shape (n,)."""
        money, odd = self.split(scope)
        at = {asset: k for k, asset in enumerate(self.prices)}
        lost = np.zeros(len(paths.end))
        for asset, column in zip(paths.assets, paths.end.T, strict=True):
            if asset in at:
                lost += money[at[asset]] * (1.0 - column)
        for lot in odd:
            lost += revaluation.losses(lot, self.marks, paths)
        return lost

    def backwards(self, days: int) -> Paths:
        """The last days as paths that start from today, for what today's holdings were worth."""
        history = self.history
        ends = np.ones((days + 1, len(self.prices)))
        for k, asset in enumerate(self.prices):
            if history is not None and asset in history.assets:
                column = history.closes[-days - 1 :, history.assets.index(asset)]
                ends[:, k] = column / column[-1]
        return Paths(self.assets, ends, ends, ends, 0.0)

    def under(
        self,
        moves: Mapping[str, float],
        scope: str = "",
        days: int = 0,
        marks: Marks | None = None,
    ) -> dict[str, float]:
        """Loss in each asset under one move of every price, money; ``marks`` hold afterwards."""
        money, odd = self.split(scope)
        found = {
            asset: -value * moves.get(asset, 0.0)
            for asset, value in zip(self.prices, money.tolist(), strict=True)
        }
        paths = shifted(moves, days)
        for lot in odd:
            then = float(revaluation.valued(lot, marks or self.marks, paths)[0])
            found[lot.asset] = found.get(lot.asset, 0.0) + self.worth_of(lot) - then
        return found

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
        found = [self.replayed(episode, scope) for episode in episodes()]
        return tuple(sorted(found, key=lambda each: -each.loss))

    def replayed(self, episode: Episode, scope: str = "") -> stress.Stressed:
        """One episode replayed on what a scope holds."""
        moves = self._moves(episode)
        lost = self.under({a: move for a, (move, _) in moves.items()}, scope, episode.days)
        money, odd = self.split(scope)
        held = {a for a, m in zip(self.prices, money.tolist(), strict=True) if m}
        held.update(asset for lot in odd for asset in self.exposures(lot))
        return stress.stressed(
            episode.id, episode.name, episode.days,
            [
                stress.Moved(asset, moves[asset][0], lost.get(asset, 0.0), moves[asset][1])
                for asset in self.prices
                if asset in held
            ],
        )  # fmt: skip

    def _moves(self, episode: Episode) -> Mapping[str, tuple[float, str]]:
        """What every price does in an episode, and how that is known."""
        found: Mapping[str, tuple[float, str]] = self.once(
            ("moves", episode.id, *self.prices),
            (),
            lambda: stress.moves_of(episode, self.assets, self.history, self.still()),
        )
        return found

    def stress_losses(self, scope: str = "") -> Floats:
        """Loss of a scope in every episode, in the order of `episodes`."""
        money, odd = self.split(scope)
        table = self.once(
            ("episodes", *self.prices),
            (),
            lambda: np.array([[m for m, _ in self._moves(e).values()] for e in episodes()]),
        )
        found: Floats = -table @ money
        if odd:
            found = found + self.once("episodes", odd, lambda: self._odd_stressed(odd))
        return found

    def _odd_stressed(self, odd: tuple[Position, ...]) -> Floats:
        found = np.zeros(len(episodes()))
        for k, episode in enumerate(episodes()):
            paths = shifted({a: m for a, (m, _) in self._moves(episode).items()}, episode.days)
            for lot in odd:
                found[k] += revaluation.losses(lot, self.marks, paths)[0]
        return found
