# SPDX-License-Identifier: Apache-2.0
"""A cloud: what is lost in some tokens, as points, each at the mean of what lies in its cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter1d

from perilscope.engines.grids.grid import Grid

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_TAIL = 1e-11
_ROUNDING = 1e-12
"""Share of a law at a point that may be rounding of its transform: no cell is made for it."""
_ATOM, _LEAST_ATOM, _AROUND = 50.0, 1e-10, 4
"""What an atom has of the least mass within so many points, and at least."""


@dataclass(frozen=True)
class Factor:
    """What is lost in one token, in cells.

    Parameters
    ----------
    cells : array of int
        The cell of each point of the grid from the second on.
    mass : array, shape (rows, cells)
    """

    cells: Indices
    mass: Array

    def on(self, grid: Grid, values: Array) -> Array:
        """Values of the cells at the points of the grid."""
        found = np.zeros(grid.points)
        found[1 : self.cells.size + 1] = values[self.cells]
        return found


@dataclass(frozen=True)
class Cloud:
    """What is lost in some tokens, as points.

    Parameters
    ----------
    tokens : tuple of str
        In which something is lost; in the others nothing is.
    places : array, shape (tokens, points)
        Losses in money at today's prices.
    mass : array, shape (points,)
        Their probabilities.
    weights : array, shape (rows,)
        Of the rows that the cloud is a mixture of, nothing being lost in the other tokens.
    factors : tuple of Factor
        For each token what lies in its cells.
    """

    tokens: tuple[str, ...]
    places: Array
    mass: Array
    weights: Array
    factors: tuple[Factor, ...] = ()

    def by_row(self, place: int, values: Array) -> Array:
        """Weighted sums of values at the points over all tokens but one.

        Parameters
        ----------
        place : int
            Of that token.
        values : array, shape (points,)

        Returns
        -------
        array, shape (rows, cells)
            What its cells add to the sum for each unit of their mass.
        """
        size = [each.mass.shape[1] for each in self.factors]
        spread = np.zeros(size)
        spread[self.kept] = values
        operands: list[Any] = [self.weights, [0], spread, list(range(1, len(size) + 1))]
        for s, factor in enumerate(self.factors):
            if s != place:
                operands += [factor.mass, [0, s + 1]]
        return np.asarray(np.einsum(*operands, [0, place + 1], optimize=True))

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Cells of all tokens that have a point."""
        return _outer(self.weights, [each.mass for each in self.factors]) > 0.0


def cloud(
    grid: Grid,
    tokens: tuple[str, ...],
    weights: Array,
    laws: Sequence[Sequence[Array]],
    points: float,
    fewer: int,
) -> Cloud:
    """Losses in all of some tokens, each law without what loses nothing; weights as they come.

    Parameters
    ----------
    grid : Grid
    tokens : tuple of str
    weights : array, shape (rows,)
        Of a mixture of rows, in each of which losses in the tokens are independent.
    laws : sequence of sequence of array, shape (tokens, rows, points)
    points : float
        Of the cloud, about.
    fewer : int
        What cells in each dimension are divided by.
    """
    factors, moments = [], []
    mixed = [sum(w * own for w, own in zip(weights, each, strict=True)) for each in laws]
    for each, law, count in zip(laws, mixed, _counts(mixed, points), strict=True):
        cells = _cells(law, math.ceil(count / fewer))
        factors.append(Factor(cells, np.stack([_in_cells(cells, own) for own in each])))
        moments.append(np.stack([_in_cells(cells, own, grid.places) for own in each]))
    masses = [each.mass for each in factors]
    mass = _outer(weights, masses)
    kept = mass > 0.0
    places = [
        _outer(weights, [moments[s] if s == t else masses[s] for s in range(len(laws))])[kept]
        for t in range(len(laws))
    ]
    return Cloud(tokens, np.stack(places) / mass[kept], mass[kept], weights, tuple(factors))


def _counts(laws: Sequence[Array], points: float) -> list[float]:
    """Cells of each law, so many of all together: what laws of a few sums leave is the others'.

    Examples
    --------
    One sum in one token, anything in the other:

    >>> _counts([np.array([0.5, 0.0, 0.5, 0.0]), np.full(100, 0.01)], 36.0)
    [1.0, 36.0]
    """

    def used(t: int, wanted: float) -> float:
        return min(wanted, float(_cells(laws[t], math.ceil(wanted))[-1]) + 1.0)

    def share(over: int) -> float:
        return float(max(points, 1.0) ** (1.0 / over))

    found = dict.fromkeys(range(len(laws)), 0.0)
    even = share(len(laws))
    for done, t in enumerate(sorted(found, key=lambda t: used(t, even))):
        found[t] = used(t, share(len(laws) - done))
        points /= found[t]
    return list(found.values())


def _outer(weights: Array, factors: Sequence[Array]) -> Array:
    """Sum over rows of weights times outer products, shape (cells, ...)."""
    operands: list[Any] = [weights, [0]]
    for place, factor in enumerate(factors):
        operands += [factor, [0, place + 1]]
    return np.asarray(np.einsum(*operands, [*range(1, len(factors) + 1)], optimize=True))


def _cells(mass: Array, count: int) -> Indices:
    """Cells of the points of a grid but the first, narrow where much lies and less so further out.

    The density of cells goes by the third root of the law's, which leaves least of the variance
    inside them (Panter and Dite 1951). Points that an atom was split between are one cell, which
    has its mean, so the atom is where it was. What lies beyond all but 1e-11 is in no cell.

    Examples
    --------
    Losses of 1.5 that happen once in four times, and of 8.5 as often, half of the time neither:

    >>> _cells(np.array([0.5, 0.125, 0.125, 0, 0, 0, 0, 0, 0.125, 0.125]), 8).tolist()
    [0, 0, 0, 0, 0, 0, 0, 1, 1]
    """
    known = np.maximum(mass[1:], 0.0)
    beyond = np.cumsum(known[::-1])[::-1]
    top = max(int(np.searchsorted(-beyond, -_TAIL * beyond[0])), 1)
    known = known[:top]
    known[known < _ROUNDING * beyond[0]] = 0.0
    if np.count_nonzero(known) <= count:
        first = np.diff(np.cumsum(known > 0.0), prepend=0) > 0
    else:
        wanted = np.cumsum(np.cbrt(known))
        cells = np.minimum((wanted * (count / wanted[-1])).astype(np.int64), count - 1)
        first = np.diff(cells, prepend=0) > 0
    for start, end in _atoms(known):
        first[start : end + 1] = False
        first[[start, *(end + np.flatnonzero(known[end:])[:1])]] = True
    first[: 1 + int(np.argmax(known > 0.0))] = False
    return np.cumsum(first).astype(np.int64)


def _atoms(mass: Array) -> Iterator[tuple[int, int]]:
    """Where a few points have very much more than what lies around them: start and end."""
    around = minimum_filter1d(mass, 2 * _AROUND + 1, mode="constant")
    high = np.concatenate([[False], mass > _ATOM * around + _LEAST_ATOM, [False]])
    ends = np.flatnonzero(np.diff(high))
    for start, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        if end - start <= _AROUND + 1:
            yield start, end


def _in_cells(cells: Indices, mass: Array, places: Array | None = None) -> Array:
    """What lies in each cell, or its first moment."""
    own = np.maximum(mass[1 : cells.size + 1], 0.0)
    if places is not None:
        own = own * places[1 : cells.size + 1]
    return np.bincount(cells, own, int(cells[-1]) + 1).astype(np.float64)
