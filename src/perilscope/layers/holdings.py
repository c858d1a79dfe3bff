# SPDX-License-Identifier: Apache-2.0
"""What is held, and what it loses in each market scenario under every state of prices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.joint.parts import Rungs, Scenarios
from perilscope.engines.kept import Kept
from perilscope.evidence.positions import Position
from perilscope.layers import revaluation
from perilscope.layers.moves import Spans
from perilscope.layers.revaluation import Marks, Paths
from perilscope.once import cached_property

Floats = NDArray[np.float64]

_REVALUED = 2**26
"""Most bytes kept of instruments that were revalued."""


@dataclass(frozen=True)
class Held:
    """What is held: units of assets, and instruments that are revalued in full.

    Parameters
    ----------
    values : mapping of asset to money
        Negative for what is owed; 0 for what only instruments depend on.
    odd : tuple of Position
    marks : Marks
        Today's prices of what instruments depend on.
    """

    values: Mapping[str, float]
    odd: tuple[Position, ...] = ()
    marks: Marks = field(default_factory=lambda: Marks({}))

    @property
    def exposures(self) -> dict[str, float]:
        """Money exposed to each asset, which tells which of several states costs most."""
        found = dict(self.values)
        for lot in self.odd:
            for asset, money in revaluation.exposures(lot, self.marks).items():
                found[asset] = found.get(asset, 0.0) + money
        return found


@dataclass(frozen=True)
class Market(Scenarios):
    """Market scenarios of what is held, under every state of prices.

    Parameters
    ----------
    held : Held
    tokens : tuple of str
        What losses are counted in.
    moves : Spans
        Of the assets and the tokens.
    days : float
        The horizon.
    factors : tuple of tuple of array, shape (assets + tokens,)
        For each interface that moves prices, by rung: what it multiplies prices by.
    """

    held: Held
    tokens: tuple[str, ...]
    moves: Spans
    days: float
    factors: tuple[tuple[Floats, ...], ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What is held: assets, then instruments, each by a name of its own."""
        found = list(self.held.values)
        for lot in self.held.odd:
            name = f"{lot.asset} {lot.instrument}"
            same = sum(other == name or other.startswith(f"{name} #") for other in found)
            found.append(f"{name} #{same + 1}" if same else name)
        return tuple(found)

    @cached_property
    def weights(self) -> Floats:
        """Every scenario is as likely as another."""
        return np.full(len(self.moves.end), 1.0 / len(self.moves.end))

    def _factor(self, rungs: Rungs) -> Floats:
        found = np.ones(self.moves.end.shape[1])
        for each, rung in zip(self.factors, rungs, strict=True):
            found = found * each[rung]
        return found

    def parts(self, rungs: Rungs) -> Floats:
        """Loss of each holding in each scenario."""
        factor, values = self._factor(rungs), np.array(list(self.held.values.values()))
        found = np.empty((len(self.moves.end), len(self.names)))
        plain = found[:, : len(values)]
        np.multiply(self.moves.end[:, : len(values)], factor[: len(values)], out=plain)
        plain -= 1.0
        plain *= -values
        for place, lot in enumerate(self.held.odd):
            found[:, len(values) + place] = self._odd(place, lot, factor)
        return found

    def total(self, rungs: Rungs) -> Floats:
        """Loss of all holdings in each scenario, without those of each."""
        factor, values = self._factor(rungs), np.array(list(self.held.values.values()))
        plain = self.moves.end[:, : len(values)] @ (-values * factor[: len(values)])
        found = plain + math.fsum(values.tolist())
        for place, lot in enumerate(self.held.odd):
            found += self._odd(place, lot, factor)
        return np.asarray(found)

    def weighed(self, rungs: Rungs, by: Floats) -> Floats:
        """Loss of each holding, scenarios weighed, without those of each scenario."""
        factor, values = self._factor(rungs), np.array(list(self.held.values.values()))
        ends = by @ self.moves.end[:, : len(values)]
        plain = -values * (factor[: len(values)] * ends - by.sum())
        odd = [by @ self._odd(place, lot, factor) for place, lot in enumerate(self.held.odd)]
        return np.concatenate([plain, odd])

    def _odd(self, place: int, lot: Position, factor: Floats) -> Floats:
        """Loss of one instrument, by the two prices at most that it depends on.

        States of prices that leave these alone share one revaluation.
        """
        assets = (*self.held.values, *(f"\0{token}" for token in self.tokens))
        at = [k for k, asset in enumerate(assets) if asset in (lot.asset, lot.terms.quote)]
        mine = factor[at]

        def made() -> Floats:
            end, low, high = self.moves.of(at)
            paths = Paths(
                tuple(assets[k] for k in at),
                end * mine,
                low * np.minimum(mine, 1.0),
                high * np.maximum(mine, 1.0),
                self.days,
            )
            return revaluation.losses(lot, self.held.marks, paths)

        return self._kept.get((place, tuple(mine.tolist())), made)

    @cached_property
    def _kept(self) -> Kept[Floats]:
        return Kept(_REVALUED, lambda found: found.nbytes)

    def prices(self, rungs: Rungs) -> dict[str, Floats]:
        """Price of each token against today's."""
        first, factor = len(self.held.values), self._factor(rungs)
        return {
            token: self.moves.end[:, first + place] * factor[first + place]
            for place, token in enumerate(self.tokens)
        }
