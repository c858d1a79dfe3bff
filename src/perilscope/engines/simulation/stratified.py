# SPDX-License-Identifier: Apache-2.0
"""Horizons drawn once for each state, and weighed anew when the states' probabilities change.

Evidence changes how probable states are and not what happens in them. So horizons are drawn state
by state, a number fixed beforehand, sorted and kept; new evidence gives each draw of a state the
weight P(state) / draws of the state. How many equally weighted draws the tail is worth is shown,
and where they are too few no figure is given.

Source: Owen, *Monte Carlo theory, methods and examples* (2013), sections 8.4 and 9.3; Kish (1965)
for the effective number; Trindade et al. (2007) for the standard error of CVaR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

THIN = 50.0
"""Fewest draws' worth of tail from which VaR and CVaR are told."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error; none where the variance is infinite."""

    value: float
    error: float | None


class Strata:
    """Losses drawn for each state.

    Parameters
    ----------
    losses : sequence of array
        For each state the losses drawn in it; empty for a state that cannot be.
    finite : bool
        Whether losses have a variance. Without one no standard error is told.

    Examples
    --------
    >>> strata = Strata([np.arange(1000.0), 5000.0 + np.arange(1000.0)])
    >>> known = strata.weighed([0.9, 0.1])
    >>> known.mean.value, known.var(0.89).value, round(known.effective(0.95))
    (999.5, 988.0, 501)
    """

    def __init__(self, losses: Sequence[npt.ArrayLike], *, finite: bool = True) -> None:
        own = [np.asarray(each, dtype=np.float64) for each in losses]
        states = np.repeat(np.arange(len(own)), [each.size for each in own])
        self._hold(np.concatenate(own) if own else np.zeros(0), states, len(own), finite)

    @classmethod
    def of(cls, losses: Array, states: Integers, number: int, *, finite: bool = True) -> Strata:
        """Losses with the state that each was drawn in, of so many states."""
        found = cls.__new__(cls)
        found._hold(losses, states, number, finite)
        return found

    def _hold(self, losses: Array, states: Integers, number: int, finite: bool) -> None:
        if not losses.size:
            raise MisuseError("no draws: at least one state has some")
        if not np.all(np.isfinite(losses)):
            raise MisuseError("a loss that was drawn is no number")
        self.counts = np.bincount(states, minlength=number)
        self.finite = finite
        self.order = np.argsort(losses, kind="stable")
        self.losses: Array = losses[self.order]
        self.states = states[self.order]

    def added(self, values: Array) -> Array:
        """What values, one a draw in the order of ``losses``, come to in each state."""
        if len(self.counts) == 1:
            return np.array([values.sum()])
        return np.asarray(np.bincount(self.states, values, len(self.counts)), dtype=np.float64)

    def weighed(self, weights: Sequence[float] | Array) -> Weighted:
        """The law under given probabilities of the states.

        Raises
        ------
        MisuseError
            Weights that are no probabilities, or on a state without draws.
        """
        known = np.asarray(weights, dtype=np.float64)
        if known.shape != self.counts.shape or np.any(known < 0.0):
            raise MisuseError(f"{len(self.counts)} weights, none negative, are wanted")
        if abs(float(known.sum()) - 1.0) > 1e-9:
            raise MisuseError("the weights of the states do not add up to 1")
        if np.any((self.counts == 0) & (known > 0.0)):
            k = int(np.argmax((self.counts == 0) & (known > 0.0)))
            raise MisuseError(f"state {k} has a weight and no draws: draw it first")
        each = np.divide(known, self.counts, out=np.zeros_like(known), where=self.counts > 0)
        return Weighted(self, each[self.states])

    def given(self, masses: Array) -> Weighted:
        """The law where each draw has a weight of its own, in the order they were drawn.

        Weights are scaled so that they add up to 1 (a ratio estimate).

        Raises
        ------
        MisuseError
            Weights that are negative, or all zero.
        """
        if masses.shape != self.losses.shape or np.any(masses < 0.0) or not masses.sum() > 0.0:
            raise MisuseError(f"{self.losses.size:,} weights, none negative, are wanted")
        return Weighted(self, masses[self.order] / math.fsum(masses.tolist()))


class Weighted:
    """The law of draws under given probabilities of the states.

    Parameters
    ----------
    strata : Strata
    mass : array, shape (draws,)
        Weight of each draw, in the order of ``strata.losses``; they add up to 1.
    """

    def __init__(self, strata: Strata, mass: Array) -> None:
        self.strata, self._mass = strata, mass
        self.weights = strata.added(mass)
        self._sums: Array = np.cumsum(mass)

    @cached_property
    def each(self) -> Array:
        """Weight of a draw of each state, on average."""
        counts = self.strata.counts
        return np.divide(self.weights, counts, out=np.zeros_like(self.weights), where=counts > 0)

    def _error(self, values: Array) -> float | None:
        """Standard error of the weighted mean of values, one a draw: states apart."""
        return math.sqrt(self._variance(values)) if self.strata.finite else None

    def _variance(self, values: Array) -> float:
        """Of each state the spread of its weighted draws about what all come to."""
        counts, states = self.strata.counts, self.strata.states
        terms = self._mass * (values - float(self._mass @ values))
        if np.any((counts == 1) & (self.weights > 0.0)):
            return math.inf  # of one draw no spread can be told
        sums = self.strata.added(terms)
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        terms -= means[0] if len(counts) == 1 else means[states]
        apart = self.strata.added(np.square(terms))
        return float(np.sum(apart * counts / np.maximum(counts - 1, 1)))

    @property
    def concentration(self) -> float:
        """Sum of the squared weights: one over how many equally weighted draws all are worth."""
        return float(self._mass @ self._mass)

    @cached_property
    def mean(self) -> Estimate:
        """Mean loss."""
        losses = self.strata.losses
        return Estimate(float(self._mass @ losses), self._error(losses))

    def of(self, function: Callable[[Array], Array]) -> Estimate:
        """Mean of a function of the loss."""
        values = function(self.strata.losses)
        return Estimate(float(self._mass @ values), self._error(values))

    def exceed(self, x: float) -> Estimate:
        """P(loss > x); always with a standard error."""
        above = (self.strata.losses > x).astype(np.float64)
        counts = self.strata.counts
        inside = self.strata.added(self._mass * above)
        p = np.divide(inside, self.weights, out=np.zeros_like(inside), where=self.weights > 0.0)
        # one more of each kind, so that a state without either is not taken as certain
        q = (p * counts + 1.0) / (counts + 2.0)
        squares = self.strata.added(np.square(self._mass))
        least = float(np.sum(squares * q * (1.0 - q)))
        if self.alike:
            return Estimate(float(self._mass @ above), math.sqrt(least))
        return Estimate(float(self._mass @ above), math.sqrt(max(least, self._variance(above))))

    def shares(self, places: Array) -> Array:
        """P(loss > x) for many x, shape of them, without errors: for a curve."""
        at = np.searchsorted(self.strata.losses, places, side="right")
        return np.asarray(np.maximum(1.0 - np.append(0.0, self._sums)[at], 0.0))

    @cached_property
    def alike(self) -> bool:
        """Whether all draws of a state have one weight."""
        return bool(np.allclose(self._mass, self.each[self.strata.states], rtol=1e-9, atol=0.0))

    def effective(self, level: float) -> float:
        """How many equally weighted draws the tail beyond VaR is worth (Kish)."""
        at = self._rank(level)
        mass = self._mass[at:]
        squares = float(mass @ mass)
        return float(mass.sum()) ** 2 / squares if squares > 0.0 else 0.0

    def var(self, level: float) -> Estimate:
        """Value at risk: the smallest loss with weight ``level`` at or below it.

        Raises
        ------
        AssessmentError
            The tail is worth too few draws.
        """
        self._refuse_thin(level)
        value = self._at(level)
        spread = self.exceed(value).error or 0.0
        low, high = (self._at(min(max(level + s * spread, 1e-12), 1.0 - 1e-12)) for s in (-1, 1))
        return Estimate(value, (high - low) / 2.0)

    def cvar(self, level: float) -> Estimate:
        """Mean of the worst share 1 - level, an atom at VaR split.

        Raises
        ------
        AssessmentError
            The tail is worth too few draws.
        """
        self._refuse_thin(level)
        v = self._at(level)
        excess = np.maximum(self.strata.losses - v, 0.0)
        error = self._error(excess)
        value = v + float(self._mass @ excess) / (1.0 - level)
        return Estimate(value, None if error is None else error / (1.0 - level))

    def wanted(self, level: float, draws: int) -> npt.NDArray[np.int64]:
        """How so many draws would best be shared out over the states for CVaR at a level.

        Source: Neyman (1934): in proportion to weight times standard deviation of the excess.
        """
        v = self._at(level)
        excess = np.maximum(self.strata.losses - v, 0.0)
        counts, states = self.strata.counts, self.strata.states
        some = np.maximum(counts, 1)
        means = np.bincount(states, excess, len(counts)) / some
        spread = np.bincount(states, (excess - means[states]) ** 2, len(counts)) / some
        needs = self.weights * np.sqrt(spread)
        total = float(needs.sum())
        shares = needs / total if total > 0.0 else self.weights
        return np.asarray(np.round(draws * shares), dtype=np.int64)

    def _rank(self, level: float) -> int:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level must lie between 0 and 1, got {level}")
        return min(int(np.searchsorted(self._sums, level - 1e-12)), len(self._sums) - 1)

    def _at(self, level: float) -> float:
        return float(self.strata.losses[self._rank(level)])

    def _refuse_thin(self, level: float) -> None:
        worth = self.effective(level)
        if worth < THIN:
            k, counts = int(np.argmax(self.each)), self.strata.counts
            whose = f"state {k} has {counts[k]:,} and now the weight {self.weights[k]:.3g}"
            raise AssessmentError(
                f"the tail beyond {level:g} is worth {worth:.0f} draws under this evidence, and "
                f"{THIN:.0f} are wanted: draw more horizons"
                + (f" ({whose})" if len(counts) > 1 else "")
            )
