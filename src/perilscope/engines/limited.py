# SPDX-License-Identifier: Apache-2.0
"""Limited means of many laws at the points of a grid, from few points and in few calls.

A law costs a special function or two at every point that it is asked for. Near zero every point is
asked for, farther out one in so many that they lie a 64th of their distance apart; the others are
interpolated, except near a kink or an atom, which is seen. Limited means and what is interpolated
from them are linear in the law: those of many events together are interpolated once, as a sum.

Laws of one family are put into one law with arrays for parameters, so that they share a call. What
a law gives does not depend on which others it was asked with, not by a bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from perilscope.engines.distributions import Beta, Distribution, Gamma, Lognormal, Pareto, Weibull
from perilscope.engines.grid import Grid

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NEAR = 2**7
"""Points that are all asked for; then each stretch is four times as long as what is before it."""
_ROW = 10
"""Points that a piece between two of them is interpolated from."""
_DOUBT = 1e-12
_ALL = (0.0, math.inf)
_NONE, _NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)
_FAMILIES = (Beta, Gamma, Lognormal, Pareto, Weibull)
"""Families that take arrays of parameters for the places where limited means are asked for."""


@dataclass(frozen=True)
class _Stretch:
    """Points ``start`` to ``start + count * stride - 1``: so many pieces of one asked point each.

    ``place`` is where the values that it is interpolated from begin among all values: four points
    before its start and five beyond its end.
    """

    start: int
    count: int
    stride: int
    place: int


@dataclass(frozen=True)
class _Asked:
    """Points of a grid at which a law is asked, in steps, and the stretches between them; for each
    piece of these, in their order, the places of the values that it is interpolated from.
    """

    points: int
    at: Array
    stretches: tuple[_Stretch, ...]
    rows: Integers


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

    def plus(self, level: Array, points: int) -> Few:
        """The same law with something smooth added, given at the points 0 .. n."""
        at = _points(points).at.astype(np.int64)
        within = at < level.size
        values = self.values.copy()
        values[within] += level[at[within]]
        return Few(values, self.kinks, self.apart)

    @property
    def end(self) -> float:
        """At the end of the grid."""
        return float(self.values[-_ROW // 2 if self.values.size > _NEAR + 1 else -1])

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.values.nbytes + self.kinks.nbytes + self.apart.nbytes


def families(laws: Sequence[Distribution]) -> Iterator[list[int]]:
    """Places of laws that are asked in one call: one family each, any other law by itself."""
    found: dict[type[Distribution], list[int]] = {}
    for place, law in enumerate(laws):
        if _joins(law):
            found.setdefault(type(law), []).append(place)
        else:
            yield [place]
    yield from found.values()


def _joins(law: Distribution) -> bool:
    # an infinite mean is handled by logarithms, for all laws of a family at once
    return type(law) in _FAMILIES and math.isfinite(law.second)


def joined(laws: Sequence[Distribution], counts: Sequence[int] = ()) -> Distribution:
    """Laws of one family as one law with arrays for parameters, each as often as counted.

    A single law too, since an array may take another way to the same figure, up to rounding.
    Without counts parameters have shape (laws, 1), for places that all laws have in common.

    Examples
    --------
    >>> joined([Lognormal(0.0, 1.0), Lognormal(1.0, 2.0)], [1, 2]).sigma.tolist()
    [1.0, 2.0, 2.0]
    """
    if not _joins(laws[0]):
        return laws[0]
    family = type(laws[0])
    made = family.__new__(family)  # the parameters were checked once already
    for name in _fields(family):
        row = np.array([getattr(law, name) for law in laws], dtype=np.float64)
        object.__setattr__(made, name, np.repeat(row, counts) if counts else row[:, None])
    return made


@functools.cache
def _fields(family: type[Distribution]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cast(Any, family)))


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
    """The same at few points, from which `between` makes the others.

    Only points inside a law's support are asked for: below it the minimum is the point itself,
    above it the mean.
    """
    asked = _points(grid.points)
    values = _at_all(laws, asked.at * grid.step)
    bent = _bent(values, asked)
    places = [points.astype(np.float64) * grid.step for points, _ in bent.values()]
    more = _at([laws[place] for place in bent], places)
    found = [Few(own, _NONE, _NOTHING) for own in values]
    for (place, (points, smooth)), true in zip(bent.items(), more, strict=True):
        found[place] = Few(values[place], points, true - smooth)
    return found


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
        return Few(total, _NONE, _NOTHING)
    kinks = np.concatenate([law.kinks for _, law in bent])
    return Few(total, kinks, np.concatenate([number * law.apart for number, law in bent]))


def between(law: Few, points: int, *, every: int = 1) -> Array:
    """Limited means at the points 0 .. n, or every other, from those that were asked for."""
    asked, values = _points(points), law.values
    level = np.empty(points // every + 1)
    near = min(_NEAR, points)
    level[: near // every + 1] = values[: near + 1 : every]
    rows, first = values.take(asked.rows), 0
    for s in asked.stretches:
        here = level[s.start // every : (s.start + s.count * s.stride) // every]
        mine, first = rows[first : first + s.count], first + s.count
        np.matmul(mine, _lagrange(s.stride, every)[0], out=here.reshape(s.count, -1))
    level[-1] = law.end
    if law.kinks.size:
        more = np.bincount(law.kinks, law.apart, points + 1)
        level += more[::every]
    return level


@functools.lru_cache(maxsize=32)
def _points(points: int) -> _Asked:
    """Which points of so many are asked for."""
    near = min(_NEAR, points)
    at = [np.arange(near + 1.0)]
    stretches: list[_Stretch] = []
    start, stride, place = near, 2, near + 1
    while start < points:
        count = -(-(min(4 * start, points) - start) // stride)
        stretches.append(_Stretch(start, count, stride, place))
        at.append(start + stride * (np.arange(count + _ROW - 1.0) - (_ROW // 2 - 1)))
        start, stride, place = 4 * start, 4 * stride, place + count + _ROW - 1
    first = [s.place + np.arange(s.count) for s in stretches]
    rows = np.concatenate([_NONE, *first])[:, None] + np.arange(_ROW)
    return _Asked(points, np.concatenate(at), tuple(stretches), rows)


def _at_all(laws: Sequence[Distribution], x: Array) -> Array:
    """Limited means of each law at the same places, of which the first is zero, row by row."""
    values = np.empty((len(laws), x.size))
    bounded = [i for i, law in enumerate(laws) if law.support != _ALL]
    free = [i for i in range(len(laws)) if i not in bounded] if bounded else range(len(laws))
    for group in families([laws[i] for i in free]):
        mine = [free[i] for i in group]
        values[mine, 0] = 0.0
        values[mine, 1:] = joined([laws[i] for i in mine]).lev(x[1:])
    for group in families([laws[i] for i in bounded]):
        own = [bounded[i] for i in group]
        ends = np.array([(*laws[i].support, laws[i].mean) for i in own])[:, :, None]
        low, high, mean = ends[:, 0], ends[:, 1], ends[:, 2]
        inside, level = (x > low) & (x < high), np.where(x >= high, mean, x)
        law = joined([laws[i] for i in own], inside.sum(axis=1).tolist())
        level[inside] = law.lev(np.broadcast_to(x, inside.shape)[inside])
        values[own] = level
    return values


def _at(laws: Sequence[Distribution], places: Sequence[Array]) -> list[Array]:
    """Limited means of each law at places of its own, one call for each family."""
    found, inside = [], []
    for law, x in zip(laws, places, strict=True):
        low, high = law.support
        found.append(np.where(x >= high, law.mean, x))
        inside.append(np.flatnonzero((x > low) & (x < high)))
    for group in families(laws):
        wanted = [places[i][inside[i]] for i in group]
        law = joined([laws[i] for i in group], [x.size for x in wanted])
        known, begin = np.asarray(law.lev(np.concatenate(wanted))), 0
        for i, x in zip(group, wanted, strict=True):
            found[i][inside[i]] = known[begin : begin + x.size]
            begin += x.size
    return found


def _bent(values: Array, asked: _Asked) -> dict[int, tuple[Integers, Array]]:
    """Points at which laws are not known to be smooth, and what is interpolated there, by place.

    A law is smooth where polynomials of degree 9 and 7 are within 1e-12 of the largest value of
    each other.
    """
    owners, points, smooth = [_NONE], [_NONE], [_NOTHING]
    for s in asked.stretches:
        row, piece = _rough(values, s)
        if not row.size:
            continue
        inside = sum(
            values[row, s.place + piece + j, None] * weight
            for j, weight in enumerate(_lagrange(s.stride)[0])
        )
        owners.append(np.repeat(row, s.stride))
        points.append((s.start + piece[:, None] * s.stride + np.arange(s.stride)).ravel())
        smooth.append(np.asarray(inside).ravel())
    if len(owners) == 1:
        return {}
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    bent, begins = np.unique(owner[order], return_index=True)
    own = np.split(order, begins[1:])
    at, known = np.concatenate(points), np.concatenate(smooth)
    return {place: (at[mine], known[mine]) for place, mine in zip(bent.tolist(), own, strict=False)}


def _rough(values: Array, stretch: _Stretch) -> tuple[Integers, Integers]:
    """Laws and pieces of a stretch that are not smooth, or beside such, where a kink shows less."""
    first, count = stretch.place, stretch.count
    weights, gap = _lagrange(stretch.stride)[1], np.zeros((len(values), (count + 1) // 2))
    for j in range(_ROW // 2):  # every other piece, as a kink is seen from many
        k = _ROW - 1 - j
        two = (values[:, first + i : first + i + count : 2] for i in (j, k))
        gap += weights[j] * np.add(*two)
    rough = ~(np.abs(gap) <= _DOUBT * values[:, first + count + _ROW - 2, None])
    if not rough.any():
        return _NONE, _NONE
    law, piece = np.nonzero(rough)
    near = (law * count)[:, None] + np.clip(2 * piece[:, None] + np.arange(-3, 4), 0, count - 1)
    return np.divmod(np.unique(near), count)


@functools.lru_cache(maxsize=32)
def _lagrange(stride: int, every: int = 1) -> tuple[Array, Array]:
    """Weights of ten points in a row between the fifth and the sixth of them, or at every other.

    Second, in the middle, what they differ by from those of the inner eight.
    """

    def weights(nodes: Array, t: Array) -> Array:
        others = [np.delete(nodes, i) for i in range(nodes.size)]
        pairs = zip(nodes, others, strict=True)
        return np.array([np.prod((t[:, None] - x) / (at - x), axis=1) for at, x in pairs])

    middle = np.array([0.5])
    nodes: Array = np.arange(1.0 - _ROW // 2, 1.0 + _ROW // 2)
    apart = weights(nodes, middle)[:, 0]
    apart[1:-1] -= weights(nodes[1:-1], middle)[:, 0]
    return weights(nodes, np.arange(0, stride, every) / stride), apart
