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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]

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
        if not own or not any(each.size for each in own):
            raise MisuseError("no draws: at least one state has some")
        if not all(np.all(np.isfinite(each)) for each in own):
            raise MisuseError("a loss that was drawn is no number")
        self.counts = np.array([each.size for each in own])
        self.finite = finite
        pooled = np.concatenate(own)
        order = np.argsort(pooled, kind="stable")
        self.losses: Array = pooled[order]
        self.states = np.repeat(np.arange(len(own)), self.counts)[order]

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
        return Weighted(self, known)


class Weighted:
    """The law of draws under given probabilities of the states."""

    def __init__(self, strata: Strata, weights: Array) -> None:
        self.strata, self.weights = strata, weights
        each = np.divide(weights, strata.counts, out=np.zeros_like(weights),
                         where=strata.counts > 0)  # fmt: skip
        self.each: Array = each
        self._mass: Array = each[strata.states]
        self._sums: Array = np.cumsum(self._mass)

    def _error(self, values: Array) -> float | None:
        """Standard error of the weighted mean of values, one a draw: states apart."""
        if not self.strata.finite:
            return None
        total = 0.0
        for k, (weight, count) in enumerate(zip(self.weights, self.strata.counts, strict=True)):
            if weight > 0.0:
                own = values[self.strata.states == k]
                spread = float(own.var(ddof=1)) if count > 1 else math.inf
                total += weight * weight * spread / count
        return math.sqrt(total)

    @cached_property
    def mean(self) -> Estimate:
        """Mean loss."""
        losses = self.strata.losses
        return Estimate(float(self._mass @ losses), self._error(losses))

    def exceed(self, x: float) -> Estimate:
        """P(loss > x); always with a standard error."""
        above = (self.strata.losses > x).astype(np.float64)
        total = 0.0
        for k, (weight, count) in enumerate(zip(self.weights, self.strata.counts, strict=True)):
            if weight > 0.0:
                p = float(above[self.strata.states == k].mean())
                # one more of each kind, so that a state without either is not taken as certain
                q = (p * count + 1.0) / (count + 2.0)
                total += weight * weight * q * (1.0 - q) / count
        return Estimate(float(self._mass @ above), math.sqrt(total))

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
        needs = np.array(
            [
                w * (float(excess[self.strata.states == k].std()) if n > 1 else 0.0)
                for k, (w, n) in enumerate(zip(self.weights, self.strata.counts, strict=True))
            ]
        )
        total = float(needs.sum())
        shares = needs / total if total > 0.0 else self.weights
        return np.asarray(np.round(draws * shares), dtype=np.int64)

    def _rank(self, level: float) -> int:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level lies between 0 and 1, got {level}")
        return min(int(np.searchsorted(self._sums, level - 1e-12)), len(self._sums) - 1)

    def _at(self, level: float) -> float:
        return float(self.strata.losses[self._rank(level)])

    def _refuse_thin(self, level: float) -> None:
        worth = self.effective(level)
        if worth < THIN:
            k = int(np.argmax(self.each))
            raise AssessmentError(
                f"the tail beyond {level:g} is worth {worth:.0f} draws under this evidence, and "
                f"{THIN:.0f} are wanted: draw more horizons (state {k} has "
                f"{self.strata.counts[k]:,} and now the weight {self.weights[k]:.3g})"
            )
