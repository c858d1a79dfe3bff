# SPDX-License-Identifier: Apache-2.0
"""Exact means of the sum, of its lines, and of both in one joint state.

CVaR rests on the mean of the law *as the window holds it*, where gains are cut at the lowest point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Drives, Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.structure import names_of, picked
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.joint.markets import Markets
from perilscope.engines.joint.parts import Part, Pattern, Rungs, State
from perilscope.engines.joint.window import Window
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Weights = Sequence[Array]


class Priced(Protocol):
    """What tokens cost under one state of prices, and parts that are counted in them."""

    @property
    def prices(self) -> Mapping[str, float]:
        """Mean price of each against today's."""
        ...

    @property
    def offs(self) -> Sequence[Array]:
        """By how much a part's mean on the grid is off that, by pattern."""
        ...


PricedAt = Callable[[Rungs], Priced]
"""What tokens cost, given a state of prices."""


class Means:
    """Means of a joint law.

    Parameters
    ----------
    register : Register
        On the window's grid.
    parts : sequence of Part
    markets : Markets
    window : Window
    weights : sequence of array
        Of the interfaces' states, as the register knows them.
    priced : callable
        Given a state of prices, what tokens cost.
    """

    def __init__(
        self,
        register: Register,
        parts: Sequence[Part],
        markets: Markets,
        window: Window,
        weights: Weights,
        priced: PricedAt,
    ) -> None:
        self._register, self._parts, self._markets = register, parts, markets
        self._window, self._weights, self._priced = window, weights, priced
        self._tokened = [c for c, part in enumerate(parts) if part.counted]
        self._place = {key: c for c, part in enumerate(parts) for key in part.keys}
        self._averages: dict[Rungs, tuple[float, float]] = {}
        self._by_pattern: dict[int, dict[str, Array]] = {}
        self._offs: dict[int, Array] = {}
        self._today: dict[int, Array] = {}
        self._beside: dict[tuple[int, Rungs], float] = {}

    def whole(self, weights: Weights) -> tuple[float, float]:
        """Mean of the sum, and what cutting gains at the window's end adds to it."""
        found = self._in_money(weights)
        cut = 0.0
        for rungs in self._markets.states:
            chance = self._markets.chance(rungs, weights)
            if chance <= 0.0:
                continue
            plain, added = self._average(rungs)
            found.append(chance * plain)
            cut += chance * added
        found += [self.tokened(c, weights) for c in self._tokened]
        return math.fsum(found), cut

    def tokened(self, c: int, weights: Weights) -> float:
        """Mean of a part that is counted in a token, at the prices of the scenarios."""
        place, found = self._tokened.index(c), []
        tables = self._parts[c].table(weights)
        for rungs in self._markets.states:
            chance, table = self._markets.chance(rungs, weights), tables[self._made_by(c, rungs)]
            whole = math.fsum(table.tolist())
            if chance > 0.0 and whole > 0.0:
                priced = self._priced(rungs)
                mean = self._mean(c, priced.prices) + priced.offs[place]
                found.append(chance * float(table @ mean) / whole)
        return math.fsum(found)

    def line(self, key: str) -> float:
        """Mean of a line; of one counted in tokens, at the prices of the scenarios."""
        c = self._place[key]
        part = self._parts[c]
        if key not in part.counted:
            return self._register.means[key]
        table, found = part.table(self._weights), 0.0
        for rungs in self._markets.states:
            mine = table[self._made_by(c, rungs)]
            whole = math.fsum(mine.tolist())
            chance = self._markets.chance(rungs, self._weights)
            if whole > 0.0 and chance > 0.0:
                price = self._priced(rungs).prices[part.counted[key]]
                found += chance * price * float(mine @ self.by_pattern(c)[key]) / whole
        return found

    def part(self, c: int, weights: Weights) -> float:
        """Mean of a part's lines, at the prices of the scenarios."""
        if self._parts[c].counted:
            return self.tokened(c, weights)
        return math.fsum(self._line(key, weights) for key in self._parts[c].keys)

    def lines(self, weights: Weights) -> float:
        """Mean of all lines, without the market and at today's prices."""
        return math.fsum(self.today(c, weights) for c in range(len(self._parts)))

    def today(self, c: int, weights: Weights) -> float:
        """Mean of a part's lines, at today's prices."""
        if not self._parts[c].counted:
            return self.part(c, weights)
        tables = self._parts[c].table(weights).values()
        return math.fsum(float(table @ self.in_pattern(c)) for table in tables)

    def given(self, c: int, state: State) -> float:
        """Mean of the sum, as the window holds it, given one state of a part."""
        part = self._parts[c]
        if not part.coupled:  # nothing else answers to it
            return self._held + float(self._off(c)[state.pattern])
        if (c, state.rungs) not in self._beside:  # all else answers to prices alone
            known = list(self._weights)
            for place, i in enumerate(part.interfaces):
                known[i] = np.eye(1, len(known[i]), state.at[place])[0]
            whole = math.fsum(self.whole(known))
            self._beside[c, state.rungs] = whole - float(self.in_pattern(c)[state.pattern])
        return self._beside[c, state.rungs] + float(self.in_pattern(c)[state.pattern])

    def in_pattern(self, c: int) -> Array:
        """Mean of a part's lines in each pattern, at today's prices."""
        if c not in self._today:
            self._today[c] = self._mean(c)
        return self._today[c]

    def _off(self, c: int) -> Array:
        """By how much a part's mean in each pattern is off its mean over all of them."""
        if c not in self._offs:
            whole = self.in_pattern(c)
            self._offs[c] = whole - self._parts[c].table(self._weights)[()] @ whole
        return self._offs[c]

    @cached_property
    def _held(self) -> float:
        """Mean of the sum as the window holds it."""
        return math.fsum(self.whole(self._weights))

    def _average(self, rungs: Rungs) -> tuple[float, float]:
        """Mean loss of the market, and what cutting gains at the window's end adds to it."""
        if rungs not in self._averages:
            losses, weights = self._markets.losses(rungs), self._markets.scenarios.weights
            plain = float(weights @ losses)
            self._averages[rungs] = plain, float(weights @ self._window.clamped(losses)) - plain
        return self._averages[rungs]

    def _made_by(self, c: int, rungs: Rungs) -> Rungs:
        return self._markets.made_by(self._parts[c], rungs)

    # --- lines

    def _in_money(self, weights: Weights) -> list[float]:
        """Means of the lines that are not counted in tokens."""
        keys = [key for part in self._parts if not part.counted for key in part.keys]
        return [self._line(key, weights) for key in keys]

    def _line(self, key: str, weights: Weights) -> float:
        """Mean of a line; under other weights from its means in each pattern."""
        c = self._place[key]
        part = self._parts[c]
        if weights is self._weights or not part.interfaces:
            return self._register.means[key]
        chance = sum(table for table in part.table(weights).values())
        return float(np.asarray(chance) @ self.by_pattern(c)[key])

    def _mean(self, c: int, prices: Mapping[str, float] = MappingProxyType({})) -> Array:
        """Mean of a part in each pattern, at today's prices but for some."""
        part, found = self._parts[c], np.zeros(len(self._parts[c].patterns))
        for key, mean in self.by_pattern(c).items():
            found += prices.get(part.counted.get(key, ""), 1.0) * mean
        return found

    def by_pattern(self, c: int) -> dict[str, Array]:
        """Mean of each line of a part in each pattern, exact but for capped holdings."""
        if c not in self._by_pattern:
            self._by_pattern[c] = self._found(self._parts[c])
        return self._by_pattern[c]

    def _found(self, part: Part) -> dict[str, Array]:
        found = {key: np.zeros(len(part.patterns)) for key in part.keys}
        units = [] if part.component is None else [unit.keys for unit in part.component.units]
        known: dict[Pattern, Mapping[str, float]] = {}
        names = [names_of(keys, self._register.lines) for keys in units]
        for j, drives in enumerate(map(dict, part.patterns)):
            # whatever units share, the mean of one is its own
            for keys, told in zip(units, names, strict=True):
                own = picked(told, drives)
                at = (*own, *((key, True) for key in keys if key not in dict(own)))
                if at not in known:
                    known[at] = self._given_hits(keys, dict(own))
                for key in keys:
                    found[key][j] = known[at][key]
        return found

    def _given_hits(self, keys: Sequence[str], own: Drives) -> Mapping[str, float]:
        """Means of a few lines in one pattern."""
        register = self._register
        lines: list[Compound] = [register.lines[key] for key in keys]
        mixtures: list[Mixture | Unlisted] = [((1.0, own),)] if own else []
        mixtures += [net for net in register.mixtures if isinstance(net, Unlisted)]
        return Register(lines, mixtures=mixtures, caps=register.caps, grid=register.grid).means
