# SPDX-License-Identifier: Apache-2.0
"""Laws of every joint state, kept in space, so that new evidence is another mixture of them.

For each state the distribution function and its running sum are kept, point by point. VaR of a
mixture is then a bisection that needs one product of two short vectors at each step, and CVaR
follows from the running sums at VaR: nothing of the size of the grid is touched.

Source: MODEL of mixtures; d CVaR / d P(state) = E[(L - VaR)+ | state] / (1 - level).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.extrapolation import extrapolated
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.grids.interpolation import Between
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint.window import Window
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_REACH = 6
"""Points beside VaR that are read from the mixture."""
_ATOM = 30.0


@dataclass(frozen=True)
class Point:
    """VaR and CVaR at one level, in money."""

    var: float
    cvar: float


class StateLaws:
    """The law of the sum in every joint state.

    Parameters
    ----------
    window : Window
        Where the laws stand.
    transforms : array, shape (states, frequencies)
        Of the sum, moved up by the window's lowest point.
    means : array, shape (states,)
        Exact, of the sum as the window holds it (no gain beyond its lowest point).
    coarse : array, shape (states, points / 2), optional
        The same laws on half the points, to extrapolate from.

    Examples
    --------
    Two states, a loss of 2 and of 6:

    >>> window = Window(Grid(1.0, 64), 4)
    >>> laws = [window.transform(np.array([x]), np.array([1.0])) for x in (2.0, 6.0)]
    >>> kept = StateLaws(window, np.stack(laws), np.array([2.0, 6.0]))
    >>> [round(float(x), 9) for x in (kept.measures([0.5, 0.5], 0.75).cvar, kept.excess(3.0)[1])]
    [6.0, 3.0]
    """

    def __init__(
        self,
        window: Window,
        transforms: Transform,
        means: Array,
        coarse: Array | None = None,
    ) -> None:
        if len(transforms) != len(means):
            raise MisuseError("as many means as states are needed")
        self.window, self.transforms, self.means = window, transforms, np.asarray(means)
        points = window.grid.points
        self._below = np.empty((points, len(means)))
        for k, z in enumerate(transforms):
            mass = window.grid.back(z)
            sums = np.cumsum(mass) if coarse is None else extrapolated(mass, coarse[k])
            self._below[:, k] = sums
        self._summed = np.zeros((points + 1, len(means)))
        np.cumsum(self._below, axis=0, out=self._summed[1:])

    @property
    def states(self) -> int:
        """How many there are."""
        return len(self.means)

    def _weights(self, weights: Sequence[float] | Array) -> Array:
        known = np.asarray(weights, dtype=np.float64)
        if known.shape != self.means.shape:
            raise MisuseError(f"{self.states} weights are needed, got {known.size}")
        return known

    def measures(self, weights: Sequence[float] | Array, level: float) -> Point:
        """VaR and CVaR of the mixture at one level.

        Raises
        ------
        AssessmentError
            The level lies beyond the window.
        """
        known = self._weights(weights)
        var = self._var(known, level)
        return Point(var, var + self._excess(known, var) / (1.0 - level))

    def _var(self, weights: Array, level: float) -> float:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level must lie between 0 and 1, got {level}")
        low, high = -1, self.window.grid.points - 1
        if float(self._below[high] @ weights) < level:
            raise AssessmentError(
                f"the level {level} lies beyond the window {self.window.high:.6g}"
            )
        while high - low > 1:
            middle = (low + high) // 2
            if float(self._below[middle] @ weights) >= level:
                high = middle
            else:
                low = middle
        first = max(high - _REACH, 0)
        near = self._below[first : high + _REACH] @ weights
        return self._place(near, first, high, level) * self.window.grid.step + self.window.low

    @staticmethod
    def _place(near: Array, first: int, high: int, level: float) -> float:
        """Where a level is reached, in steps, from the distribution function beside it."""
        mass = np.diff(near, prepend=0.0)
        k = high - first
        beside = max(float(mass[max(k - 1, 0)]), float(mass[min(k + 1, mass.size - 1)]))
        if k == 0 or k >= near.size - 2 or mass[k] > _ATOM * max(beside, 0.0):
            return float(high)
        return first + Between(near).find(k, level)

    def _excess(self, weights: Array, x: float) -> float:
        return max(float(self.excess(x) @ weights), 0.0)

    def excess(self, x: float) -> Array:
        """E (L - x)+ in each state, shape (states,), in money."""
        at = (x - self.window.low) / self.window.grid.step
        j = min(max(math.floor(at), 0), self.window.grid.points - 1)
        rest = at - j
        limited = j - self._summed[j]
        if rest > 0.0:
            limited = limited + rest - self._partly(j, rest)
        return np.asarray(
            self.means - self.window.low - self.window.grid.step * limited, dtype=np.float64
        )

    def _partly(self, j: int, rest: float) -> Array:
        """Integral of the distribution functions over a part of a cell, by parabolas."""
        last = self.window.grid.points - 1
        one, two, three = (self._below[min(max(j + i, 0), last)] for i in (-1, 0, 1))
        # mean over the cell is `two`; ends from the means beside it, as a parabola
        left, right = (one + two) / 2.0, (two + three) / 2.0
        bend = 3.0 * (left + right - 2.0 * two)
        slope = right - left
        centred = rest - 0.5
        inside = two * rest + slope * (centred**2 - 0.25) / 2.0
        return np.asarray(inside + bend * ((centred**3 + 0.125) / 3.0 - rest / 12.0))

    def exceed(self, x: float) -> Array:
        """P(L > x) in each state, shape (states,)."""
        at = (x - self.window.low) / self.window.grid.step
        j = min(max(math.floor(at + 0.5), 1), self.window.grid.points - 1)
        share = at + 0.5 - j
        under = self._below[j - 1] + share * (self._below[j] - self._below[j - 1])
        return np.asarray(1.0 - np.clip(under, 0.0, 1.0))

    def below(self, weights: Sequence[float] | Array) -> Array:
        """Distribution function of the mixture at every point, shape (points,)."""
        return np.asarray(self._below @ self._weights(weights))

    def slopes(self, weights: Sequence[float] | Array, level: float) -> Array:
        """Derivatives of CVaR by P(state), shape (states,), in money.

        Weights change along a direction that adds up to zero; then the sum of these times the
        direction is the derivative (VaR being unique).
        """
        var = self._var(self._weights(weights), level)
        return self.excess(var) / (1.0 - level)

    def tail(self, weights: Sequence[float] | Array, x: float) -> Array:
        """P(state | L > x), shape (states,)."""
        known = self._weights(weights) * self.exceed(x)
        whole = math.fsum(known.tolist())
        return known / whole if whole > 0.0 else known

    @cached_property
    def _flat(self) -> Array:
        """Transforms as plain numbers, so that a mixture is one product."""
        return np.ascontiguousarray(self.transforms).view(np.float64)

    def what_if(
        self,
        weights: Sequence[float] | Array,
        groups: Sequence[int],
        factors: Transform,
        means: Array,
        levels: Sequence[float],
    ) -> dict[float, Point]:
        """VaR and CVaR of the mixture where one line is another.

        Parameters
        ----------
        weights : array, shape (states,)
        groups : sequence of int, shape (states,)
            Which of the factors each state takes: states alike in what drives the line are one
            group.
        factors : array, shape (groups, frequencies)
            Transform of the line as it would be over the one it is.
        means : array, shape (groups,)
            By how much its mean changes.
        levels : sequence of float
        """
        known, of = self._weights(weights), np.asarray(groups)
        rows = np.zeros((len(factors), self.states))
        rows[of, np.arange(self.states)] = known
        mixed = (rows @ self._flat).view(np.complex128)
        total = (mixed * factors).sum(axis=0)
        mean = float(known @ self.means) + float(rows.sum(axis=1) @ means)
        return read(self.window, self.window.grid.back(total), mean, levels)


def read(window: Window, mass: Array, mean: float, levels: Sequence[float]) -> dict[float, Point]:
    """VaR and CVaR of a law on a window.

    Parameters
    ----------
    mass : array, shape (points,)
    mean : float
        Of the sum as the window holds it.
    levels : sequence of float
    """
    law = LossLaw(window.grid, mass, mean=mean - window.low, sd=math.inf, none=0.0)
    return {a: Point(law.var(a) + window.low, law.cvar(a) + window.low) for a in levels}


class Blocks:
    """Independent networks whose joint states are too many to list together.

    Parameters
    ----------
    window : Window
    blocks : sequence of array, shape (states, frequencies)
        Of each network, the transform of what it drives in each of its states.
    means : sequence of array, shape (states,)
    rest : array, shape (frequencies,)
        Of everything else, moved up by the window's lowest point.
    mean : float
        Of everything else, as the window holds it.

    Examples
    --------
    >>> grid = Grid(1.0, 64)
    >>> window = Window(grid, 0)
    >>> block = np.stack([grid.forward(np.eye(64)[k]) for k in (0, 5)])
    >>> means, rest = [np.array([0.0, 5.0])] * 2, grid.forward(np.eye(64)[0])
    >>> both = Blocks(window, [block, block], means, rest, 0.0)
    >>> found = both.measures([[0.5, 0.5], [0.5, 0.5]], [0.9])
    >>> round(found[0.9].var, 9), round(found[0.9].cvar, 9)
    (10.0, 10.0)
    """

    def __init__(
        self,
        window: Window,
        blocks: Sequence[Transform],
        means: Sequence[Array],
        rest: Transform,
        mean: float,
    ) -> None:
        self.window, self.means, self.rest, self.mean = window, list(means), rest, mean
        self._flat = [np.ascontiguousarray(block).view(np.float64) for block in blocks]

    def law(self, weights: Sequence[Sequence[float] | Array]) -> Array:
        """Law of the sum under weights of each network's states, shape (points,)."""
        total = self.rest
        for flat, known in zip(self._flat, weights, strict=True):
            total = total * (np.asarray(known, dtype=np.float64) @ flat).view(np.complex128)
        return self.window.grid.back(total)

    def measures(
        self, weights: Sequence[Sequence[float] | Array], levels: Sequence[float]
    ) -> Mapping[float, Point]:
        """VaR and CVaR under weights of each network's states."""
        pairs = zip(self.means, weights, strict=True)
        mean = self.mean + math.fsum(float(np.asarray(w) @ m) for m, w in pairs)
        return read(self.window, self.law(weights), mean, levels)


__all__ = ["Blocks", "Grid", "Point", "StateLaws", "read"]
