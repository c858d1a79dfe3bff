# SPDX-License-Identifier: Apache-2.0
"""Limited means of many laws at the points of a grid, from few points and in few calls.

A law costs a special function or two at every point that it is asked for. Near zero every point is
asked for, farther out one in so many that they lie a 32nd of their distance apart; the others are
interpolated, except near a kink or an atom, which is seen. Limited means and what is interpolated
from them are linear in the law: those of many events together are interpolated once, as a sum.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.families import at_own, at_same, between_ends
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.distributions import Distribution

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NEAR = 2**6
"""Points that are all asked for; then each stretch is twice as long as what is before it."""
_SHORT = 2**9
"""Points up to which a law that has an end is asked for each."""
_PIECES, _ROW = 32, 12
"""Pieces of a stretch, and points that a piece between two of them is interpolated from."""
_DOUBT = 1e-12
_NONE, _NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)


class _Asked(NamedTuple):
    """Points of a grid at which a law is asked, in steps: each up to ``near``, then a row for each
    stretch. The k-th stretch has 32 pieces of ``strides[k]`` points from near 2^k on, and values
    from five of its points before its start to five beyond its end.
    """

    near: int
    at: Array
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Few:
    """Limited means of a law at few points of a grid.

    Parameters
    ----------
    values : array
        At the points that are asked for.
    kinks : array of int
        Points near which the law is not smooth.
    apart : array
        How much more it is there than what is interpolated.
    """

    values: Array
    kinks: Integers
    apart: Array

    def plus(self, more: Array) -> Few:
        """The same law with something smooth added, given at the points that are asked for."""
        return Few(self.values + more, self.kinks, self.apart)

    @property
    def end(self) -> float:
        """At the end of the grid."""
        return float(self.values[-_ROW // 2 if self.values.size > _NEAR + 1 else -1])

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.values.nbytes + self.kinks.nbytes + self.apart.nbytes


def limited(laws: Sequence[Distribution], grid: Grid) -> Array:
    """E min(X, k h) of each law for k = 0 .. n, from which a mean-keeping law on the grid follows.

    Parameters
    ----------
    laws : sequence of m Distribution
    grid : Grid
        Of n points, h apart.

    Returns
    -------
    array of shape (m, n + 1)
    """
    level: Array = np.stack([between(own, grid.points) for own in few(laws, grid)])
    return level


def few(laws: Sequence[Distribution], grid: Grid) -> list[Few]:
    """The same at few points, from which `interpolation` makes the others.

    Only points inside a law's support are asked for: below it the minimum is the point itself,
    above it the mean.
    """
    reach = min(_SHORT, grid.points) * grid.step
    near = [i for i, law in enumerate(laws) if law.support[1] <= reach]
    far = [i for i, law in enumerate(laws) if not law.support[1] <= reach]
    found = dict(zip(near, _near_ones([laws[i] for i in near], grid), strict=True))
    found.update(zip(far, _far_ones([laws[i] for i in far], grid), strict=True))
    return [found[i] for i in range(len(laws))]


def _near_ones(laws: Sequence[Distribution], grid: Grid) -> list[Few]:
    """Laws that end soon: they are asked at every point up to there."""
    if not laws:
        return []
    asked = _points(grid.points)
    mean = np.array([law.mean for law in laws])
    ends = [math.ceil(law.support[1] / grid.step) for law in laws]
    level = between_ends(laws, np.arange(max(*ends, asked.near) + 1.0) * grid.step)
    values = np.empty((len(laws), asked.at.size))
    values[:] = mean[:, None]
    values[:, : asked.near + 1] = level[:, : asked.near + 1]
    return [
        Few(own, np.arange(asked.near, end), row[asked.near : end] - top)
        for own, row, end, top in zip(values, level, ends, mean, strict=True)
    ]


def _far_ones(laws: Sequence[Distribution], grid: Grid) -> list[Few]:
    """Laws that are interpolated from few points, but where they are not smooth."""
    if not laws:
        return []
    asked = _points(grid.points)
    values = at_same(laws, asked.at * grid.step)
    bent = _bent(values, asked)
    places = [points.astype(np.float64) * grid.step for points, _ in bent.values()]
    more = at_own([laws[place] for place in bent], places)
    found = [smooth(own) for own in values]
    for (place, (points, inner)), true in zip(bent.items(), more, strict=True):
        found[place] = Few(values[place], points, true - inner)
    return found


def asked_of(row: Array) -> Array:
    """Of something given at the points 0 .. n - 1 what it is where laws are asked, and beyond
    these zero.
    """
    places, found = _places(row.size), np.zeros(_points(row.size).at.size)
    found[: places.size] = row.take(places)
    return found


def smooth(values: Array) -> Few:
    """Something without kinks, given at the points that are asked for."""
    return Few(values, _NONE, _NOTHING)


def unbent(law: Distribution, grid: Grid) -> Few:
    """Limited means of a law that is taken to be smooth from one point that is asked for to the
    next: nobody looks for kinks.
    """
    return smooth(np.asarray(law.lev(_points(grid.points).at * grid.step)))


def together(laws: Sequence[tuple[float, Few]]) -> Few | None:
    """The sum of laws, each times a number, in their order; None of none."""
    if not laws:
        return None
    number, first = laws[0]
    total, turn = number * first.values, np.empty_like(first.values)
    for number, law in laws[1:]:
        total += law.values if number == 1.0 else np.multiply(law.values, number, out=turn)
    bent = [(number, law) for number, law in laws if law.kinks.size]
    if not bent:
        return smooth(total)
    kinks = np.concatenate([law.kinks for _, law in bent])
    return Few(total, kinks, np.concatenate([number * law.apart for number, law in bent]))


def between(law: Few, points: int, *, every: int = 1) -> Array:
    """Limited means at the points 0 .. n, or every other, from those that were asked for."""
    level: Array = all_between([law], points, every=every)[0]
    return level


def all_between(laws: Sequence[Few], points: int, *, every: int = 1) -> Array:
    """The same of many laws, row by row."""
    near, windows, weights = _pieces(points, every)
    values = np.array([law.values for law in laws])
    level = np.empty((len(laws), points // every + 1))
    start = near // every
    level[:, : start + 1] = values[:, : near + 1 : every]
    rows = values[:, near + 1 :].take(windows, axis=1)
    for k, mine in enumerate(weights):  # law by law, so that none depends on the others
        here = level[:, start : 2 * start].reshape(len(laws), _PIECES, -1)
        np.matmul(rows[:, k], mine, out=here)
        start *= 2
    for row, law in zip(level, laws, strict=True):
        row[-1] = law.end
        if law.kinks.size:
            more = np.bincount(law.kinks, law.apart)[::every]
            row[: more.size] += more
    return level


@functools.lru_cache(maxsize=32)
def _points(points: int) -> _Asked:
    """Which points of so many, a power of two, are asked for."""
    near = min(_NEAR, points)
    strides = [2 * start // _NEAR for start in _starts(points)]
    beside = np.arange(_PIECES + _ROW - 1.0) - (_ROW // 2 - 1)
    rows = [stride * (_PIECES + beside) for stride in strides]  # 32 strides are its start
    return _Asked(near, np.concatenate([np.arange(near + 1.0), *rows]), tuple(strides))


def _starts(points: int) -> list[int]:
    """Where stretches start; each ends where the next one does."""
    starts, start = [], _NEAR
    while start < points:
        starts.append(start)
        start *= 2
    return starts


@functools.lru_cache(maxsize=32)
def _places(points: int) -> Integers:
    """Those of the points that are asked for that are below so many."""
    at = _points(points).at
    return np.asarray(at[at < points], dtype=np.int64)


@functools.lru_cache(maxsize=64)
def _pieces(points: int, every: int) -> tuple[int, Integers, tuple[Array, ...]]:
    """How many points are near; for each stretch and piece the places of the values that it is
    interpolated from; for each stretch their weights for its points, or for every other.
    """
    asked = _points(points)
    first = (_PIECES + _ROW - 1) * np.arange(len(asked.strides))[:, None] + np.arange(_PIECES)
    windows = first[:, :, None] + np.arange(_ROW)
    return asked.near, windows, tuple(_lagrange(stride, every) for stride in asked.strides)


def _bent(values: Array, asked: _Asked) -> dict[int, tuple[Integers, Array]]:
    """Points at which laws are not known to be smooth, and what is interpolated there, by place.

    A law is smooth where polynomials of degree 11 and 9 are within 1e-12 of the largest value of
    each other.
    """
    shape = len(values), len(asked.strides), _PIECES + _ROW - 1
    far = values[:, asked.near + 1 :].reshape(shape)
    law, piece = _rough(far)
    if not law.size:
        return {}
    owners, points, inner = [], [], []
    stretch = piece // _PIECES
    for k in np.unique(stretch).tolist():
        mine, stride = stretch == k, asked.strides[k]
        row, here = law[mine], piece[mine] % _PIECES
        windows = far[row[:, None], k, here[:, None] + np.arange(_ROW)]
        owners.append(np.repeat(row, stride))
        points.append((stride * (_PIECES + here)[:, None] + np.arange(stride)).ravel())
        inside = sum(windows[:, j, None] * by for j, by in enumerate(_lagrange(stride)))
        inner.append(np.asarray(inside).ravel())
    owner, at, known = map(np.concatenate, (owners, points, inner))
    order = np.argsort(owner, kind="stable")
    bent, begins = np.unique(owner[order], return_index=True)
    own = np.split(order, begins[1:])
    return {place: (at[mine], known[mine]) for place, mine in zip(bent.tolist(), own, strict=False)}


def _rough(far: Array) -> tuple[Integers, Integers]:
    """Laws and pieces of all stretches that are not smooth, or beside such, where a kink shows
    less.
    """
    gap = np.matmul(far, _doubts())  # law by law, so that none depends on the others
    rough = ~(np.abs(gap) <= _DOUBT * far[:, :, -1:])
    if not rough.any():
        return _NONE, _NONE
    law, stretch, piece = np.nonzero(rough)
    stretch += law * far.shape[1]
    near = np.clip(2 * piece[:, None] + np.arange(-3, 4), 0, _PIECES - 1)
    return np.divmod(np.unique(stretch[:, None] * _PIECES + near), far.shape[1] * _PIECES)


@functools.cache
def _doubts() -> Array:
    """What tells from the values of a stretch how far polynomials of degree 11 and 9 lie apart, in
    the middle of every other piece, as a kink is seen from many.
    """
    nodes, middle = _nodes(), np.array([0.5])
    apart = _weights(nodes, middle)[:, 0]
    apart[1:-1] -= _weights(nodes[1:-1], middle)[:, 0]
    found = np.zeros((_PIECES + _ROW - 1, _PIECES // 2))
    for column in range(_PIECES // 2):
        found[2 * column : 2 * column + _ROW, column] = apart
    return found


@functools.lru_cache(maxsize=64)
def _lagrange(stride: int, every: int = 1) -> Array:
    """Weights of twelve points in a row for those between the sixth and the seventh of them, or
    every other of these.
    """
    return _weights(_nodes(), np.arange(0, stride, every) / stride)


def _nodes() -> Array:
    nodes: Array = np.arange(1.0 - _ROW // 2, 1.0 + _ROW // 2)
    return nodes


def _weights(nodes: Array, t: Array) -> Array:
    """Of each node the polynomial that is one there and zero at the others."""
    others = [np.delete(nodes, i) for i in range(nodes.size)]
    pairs = zip(nodes, others, strict=True)
    return np.array([np.prod((t[:, None] - x) / (at - x), axis=1) for at, x in pairs])
