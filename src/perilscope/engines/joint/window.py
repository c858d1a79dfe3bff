# SPDX-License-Identifier: Apache-2.0
"""A grid that reaches below zero, and how scenarios of gains and losses are put on it.

Losses that are never negative stand on the grid of `grids.grid`. A market loses and
gains: its scenarios are moved up by whole steps, once, so that a product of transforms is the law
of the sum moved up by as much. One such factor only may be moved (and damped): several would wrap
around on the left, where damping amplifies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, Transform
from perilscope.errors import MisuseError

Array = npt.NDArray[np.float64]

FINE = 600.0
"""Steps of the grid below the scale of the loss (the middle of the law to its 95 % quantile)."""
USUAL, MOST = 2**15, 2**18
"""Points of a window, usually and at most."""


@dataclass(frozen=True)
class Window:
    """Points (k - zero) * step for k = 0 .. points - 1.

    Parameters
    ----------
    grid : Grid
        Step and points, counted from the lowest point.
    zero : int
        Index of the point 0; even, so that it is a point of half the grid as well.

    Examples
    --------
    >>> window = Window(Grid(1.0, 8), 4)
    >>> window.low, window.high
    (-4.0, 3.0)
    """

    grid: Grid
    zero: int

    def __post_init__(self) -> None:
        if not 0 <= self.zero < self.grid.points:
            raise MisuseError(f"zero must be a point of the grid, got index {self.zero}")

    @property
    def low(self) -> float:
        """The lowest point."""
        return -self.zero * self.grid.step

    @property
    def high(self) -> float:
        """The highest point."""
        return (self.grid.points - 1 - self.zero) * self.grid.step

    def coarse(self) -> Window:
        """The same range with half the points; the point 0 must be one of them."""
        if self.zero % 2:
            raise MisuseError(f"half the grid must hold zero, which is at index {self.zero}")
        return Window(self.grid.coarse(), self.zero // 2)

    def halved(self, transform: Transform) -> Transform:
        """Transform of the same law on half the points, each odd one split between neighbours.

        With E and O what even and odd points add, E + O stands in the lower half of the
        transform and E - O in the upper.
        """
        points, half = self.grid.points, self.grid.points // 2
        here, there = transform[: half // 2 + 1], transform[half - half // 2 :][::-1].conj()
        frequencies = 2j * np.pi * np.arange(half // 2 + 1)
        aside = np.cosh((self.grid.tilt + frequencies) / points)
        z: Transform = 0.5 * ((here + there) + aside * (here - there))
        return z

    def mass(
        self,
        losses: Array,
        weights: Array,
        owners: npt.NDArray[np.int64] | None = None,
        count: int = 1,
    ) -> Array:
        """Law of scenarios on the window: each is split between its two neighbours, mean kept.

        Parameters
        ----------
        losses : array, shape (n,)
            Gains are negative. What gains more than the window holds counts as its lowest point;
            what loses more is left out, as losses beyond the end of any grid are.
        weights : array, shape (n,) or (rows, n)
            Of each scenario; any weights, so that means of parts are split alike.
        owners : array of int, shape (n,), optional
            To which of several laws each scenario belongs.
        count : int
            How many laws.

        Returns
        -------
        array, shape (points,) or (rows, points)
            With owners (count, points) or (rows, count, points).

        Examples
        --------
        >>> window = Window(Grid(1.0, 8), 4)
        >>> window.mass(np.array([-0.25, 2.0]), np.array([0.5, 0.5])).tolist()
        [0.0, 0.0, 0.0, 0.125, 0.375, 0.0, 0.5, 0.0]
        """
        points = self.grid.points
        at = np.maximum(losses / self.grid.step + self.zero, 0.0)
        inside = at <= points - 1
        if not inside.all():
            at, weights = at[inside], weights[..., inside]
            owners = None if owners is None else owners[inside]
        below = np.minimum(at.astype(np.int64), points - 2)
        part = at - below
        several = () if owners is None else (count,)
        size = points * count
        if owners is not None:
            below += points * owners
        found = np.empty((*weights.shape[:-1], size))
        for row, own in zip(np.atleast_2d(found), np.atleast_2d(weights), strict=True):
            row[:] = np.bincount(below, own * (1.0 - part), size)
            row += np.bincount(below + 1, own * part, size)
        return found.reshape(*weights.shape[:-1], *several, points)

    def read(self, values: Array, losses: Array) -> Array:
        """Values at the points, read at losses as :meth:`mass` splits them; 0 beyond the window.

        Parameters
        ----------
        values : array, shape (points,)
        losses : array, shape (n,)

        Examples
        --------
        >>> window = Window(Grid(1.0, 8), 4)
        >>> window.read(np.arange(8.0) ** 2, np.array([-0.25, 2.0, 9.0])).tolist()
        [14.25, 36.0, 0.0]
        """
        at = np.maximum(losses / self.grid.step + self.zero, 0.0)
        inside = at <= self.grid.points - 1
        below = np.minimum(at, self.grid.points - 2).astype(np.int64)
        part = at - below
        found = values[below] * (1.0 - part) + values[below + 1] * part
        return np.where(inside, found, 0.0)

    def transform(
        self,
        losses: Array,
        weights: Array,
        owners: npt.NDArray[np.int64] | None = None,
        count: int = 1,
    ) -> Transform:
        """Transform of :meth:`mass`."""
        return self.grid.forward(self.mass(losses, weights, owners, count))

    def clamped(self, losses: Array) -> Array:
        """Losses as the window holds them: no gain beyond its lowest point."""
        return np.maximum(losses, self.low)


def window(gain: float, loss: float, scale: float, *, most: int = MOST) -> Window:
    """A window that holds a range and is fine against a scale.

    Parameters
    ----------
    gain, loss : float
        How far it reaches on either side, in money, both positive.
    scale : float
        What steps are compared with: the middle of the law to its 95 % quantile.
    most : int
        Points at most. Where they do not do, gains are cut first, then the step grows.

    Examples
    --------
    >>> made = window(3e6, 9e6, 1e6)
    >>> made.grid.points, made.low <= -3e6, made.high >= 9e6
    (32768, True, True)
    """
    wanted = scale / FINE
    points = USUAL
    while points < most and points * wanted < gain + loss:
        points *= 2
    if points * wanted < gain + loss:
        gain = max(min(gain, points * wanted - loss), min(gain, loss))
    step = _rounded((gain + loss) / (points - 8))
    zero = 2 * math.ceil(gain / step / 2.0)
    return Window(Grid(step, points), zero)


def _rounded(step: float) -> float:
    """The next step of few, so that whatever differs a little stands on the same grid."""
    return float(2.0 ** (math.ceil(16.0 * math.log2(step)) / 16.0))
