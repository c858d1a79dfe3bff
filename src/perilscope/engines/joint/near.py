# SPDX-License-Identifier: Apache-2.0
"""What lies beyond one loss under very many laws, without bringing any of them back.

A law is read near a loss by a dozen of its points, what it has added up to below them, and its
expected shortfall there; all of that is linear in the law, so it is an inner product of transforms.
Everything below those points is put on the first of them, which changes nothing beyond.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, Transform, against
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint.window import Window

Array = npt.NDArray[np.float64]

_POINTS = 16
"""Points that a law is read from; a few would do on either side of the loss."""


class Near:
    """Reads laws on a window near a loss, by their transforms and those on half the points.

    Parameters
    ----------
    window : Window
    x : float
        The loss, in money, on the window.

    Examples
    --------
    >>> window = Window(Grid(1.0, 64, lattice=True), 4)
    >>> z = window.transform(np.array([2.0, 30.0]), np.array([0.75, 0.25]))
    >>> one = np.ones(1, dtype=np.complex128)
    >>> near = Near(window, 20.0)
    >>> [round(v, 9) for v in near.beside(one, one).beyond(z, z, 9.0)]
    [0.25, 2.5]
    """

    def __init__(self, window: Window, x: float) -> None:
        grid, half = window.grid, window.grid.coarse()
        at = math.floor((x - window.low) / grid.step)
        first = min(max(at - _POINTS // 2, 0), grid.points - _POINTS)
        self._first = first - first % 2  # a point of half the grid as well
        self._fine, self._half = (
            g.weighing(_rows(g.points, self._first // k, _POINTS // k))
            for g, k in ((grid, 1), (half, 2))
        )
        self._window, self._x = window, x
        self._grid = Grid(grid.step, _POINTS, lattice=grid.lattice)

    def beside(self, fine: Transform, half: Transform) -> Near:
        """The same of sums with something else, given the transforms of that on both grids."""
        other = object.__new__(Near)
        other.__dict__.update(self.__dict__)
        other._fine, other._half = against(self._fine, fine), against(self._half, half)
        return other

    def beyond(self, fine: Transform, half: Transform, mean: float) -> tuple[float, float]:
        """P(L > x) and E (L - x)+ of a law.

        Parameters
        ----------
        fine, half : array
            Its transform on the window, and on half the points.
        mean : float
            Of the law as the window holds it.
        """
        step, lattice = self._grid.step, self._grid.lattice
        *mass, short = _read(self._fine, fine)
        *coarse, spare = _read(self._half, half) if not lattice else (0.0,)
        if not lattice:  # extrapolated as sums are, see `grids.loss.extrapolated`
            short = (4.0 * short - 2.0 * spare) / 3.0
        start = self._window.low + self._first * step
        law = LossLaw(
            self._grid,
            np.array(mass),
            mean=mean - start + step * short,
            sd=math.inf,
            none=0.0,
            coarse=None if lattice else np.array(coarse),
        )
        x = self._x - start
        return max(law.exceed(x), 0.0), max(law.mean - law.limited(x), 0.0)


def _rows(points: int, first: int, count: int) -> Array:
    """Weights for the mass of each of some points, the first with all below it, and for the
    expected shortfall below that one, in steps.
    """
    rows = np.zeros((count + 1, points))
    rows[0, : first + 1] = 1.0
    rows[np.arange(1, count), first + np.arange(1, count)] = 1.0
    rows[count, :first] = first - np.arange(first)
    return rows


def _read(by: Transform, z: Transform) -> list[float]:
    found: list[float] = (by.view(np.float64) @ z.view(np.float64)).tolist()
    return found
