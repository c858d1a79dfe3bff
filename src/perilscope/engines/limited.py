# SPDX-License-Identifier: Apache-2.0
"""Limited means of many laws at the points of a grid, those of one family in one call.

A law costs a few thousand special functions, and as much again in calls that each do little. So
laws of one family are put into one law with arrays for parameters. What a law gives does not depend
on which others it was asked with, not by a bit.
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

_NEAR = 2**9
_DOUBT = 1e-11
_FAMILIES = (Beta, Gamma, Lognormal, Pareto, Weibull)
"""Families that take arrays of parameters for the places where limited means are asked for."""


@dataclass(frozen=True)
class _Stretch:
    """Points ``start`` to ``stop - 1`` of one law, every ``stride``-th asked for."""

    law: int
    start: int
    stop: int
    stride: int

    @property
    def asked(self) -> Array:
        """The points that are asked for, in steps; three and five more beside the stretch."""
        if self.stride == 1:
            return np.arange(self.start, self.stop, dtype=np.float64)
        return self.start + self.stride * np.arange(-3.0, self.count + 5.0)

    @property
    def count(self) -> int:
        """Pieces of a stretch with strides."""
        return -(-(self.stop - self.start) // self.stride)


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


def joined(laws: Sequence[Distribution], counts: Sequence[int]) -> Distribution:
    """Laws of one family as one law with arrays for parameters, each as often as counted.

    A single law too, since an array may take another way to the same figure, up to rounding.

    Examples
    --------
    >>> joined([Lognormal(0.0, 1.0), Lognormal(1.0, 2.0)], [1, 2]).sigma.tolist()
    [1.0, 2.0, 2.0]
    """
    if not _joins(laws[0]):
        return laws[0]
    family = type(laws[0])
    rows = [[getattr(law, field.name) for law in laws] for field in fields(cast(Any, family))]
    made = family.__new__(family)  # the parameters were checked once already
    for field, row in zip(fields(cast(Any, family)), rows, strict=True):
        object.__setattr__(made, field.name, np.repeat(np.array(row, dtype=np.float64), counts))
    return made


def limited(laws: Sequence[Distribution], grid: Grid) -> Array:
    """E min(X, k h) of each law for k = 0 .. n, from which a mean-keeping law on the grid follows.

    Only points inside a law's support are asked for: below it the minimum is the point itself,
    above it the mean. Far from zero few points are asked for, at most a 64th of their distance
    apart, and the others interpolated, where the law is smooth enough for that.

    Parameters
    ----------
    laws : sequence of m Distribution
    grid : Grid
        Of n points, h apart.

    Returns
    -------
    array of shape (m, n + 1)
    """
    points: Array = np.arange(grid.points + 1, dtype=np.float64) * grid.step
    level: Array = np.repeat(points[None, :], len(laws), axis=0)
    wanted: list[_Stretch] = []
    for place, law in enumerate(laws):
        low, high = law.support
        first = int(np.searchsorted(points, low, side="right"))
        last = int(np.searchsorted(points, high, side="left"))
        if last <= grid.points:
            level[place, last:] = law.mean
        wanted += _stretches(place, first, last, high / grid.step)
    doubtful = _fill(level, laws, wanted, grid.step)
    _fill(level, laws, doubtful, grid.step)
    return level


def _stretches(law: int, first: int, last: int, high: float) -> Iterator[_Stretch]:
    """The points from first to last - 1, in stretches of which few points are asked for."""
    start, end = first, _NEAR
    while start < last:
        stop, stride = min(end + 1, last), end // (2 * _NEAR)
        if start < stop:
            inside = start - 3 * stride >= first and stop + 4 * stride < high
            yield _Stretch(law, start, stop, stride if inside and stride > 1 else 1)
            start = stop
        end *= 16


def _fill(
    level: Array, laws: Sequence[Distribution], wanted: Sequence[_Stretch], step: float
) -> list[_Stretch]:
    """Fill stretches of limited means; returns those that want to be asked point by point."""
    doubtful: list[_Stretch] = []
    known = _asked(laws, wanted, step)
    for stretch, values in zip(wanted, known, strict=True):
        if stretch.stride > 1:
            found = _through(values, stretch)
            if found is None:
                doubtful.append(_Stretch(stretch.law, stretch.start, stretch.stop, 1))
                continue
            values = found
        level[stretch.law, stretch.start : stretch.stop] = values
    return doubtful


def _asked(laws: Sequence[Distribution], wanted: Sequence[_Stretch], step: float) -> list[Array]:
    """Limited means at the points of each stretch, one call for each family."""
    found: list[Array] = [np.empty(0)] * len(wanted)
    for places in families([laws[stretch.law] for stretch in wanted]):
        asked = [wanted[place].asked for place in places]
        sizes = [points.size for points in asked]
        law = joined([laws[wanted[place].law] for place in places], sizes)
        values = np.asarray(law.lev(np.concatenate(asked) * step))
        for place, own in zip(places, np.split(values, np.cumsum(sizes)[:-1]), strict=True):
            found[place] = own
    return found


def _through(asked: Array, stretch: _Stretch) -> Array | None:
    """Limited means of a stretch from every stride-th, by polynomials of degree 7.

    Returns None unless those of degree 5 are within 1e-11 of the largest value; a kink or an atom
    is seen by that.
    """
    weights, apart = _lagrange(stretch.stride)
    # copied, which a product of matrices does better with than with rows that overlap
    rows = np.ndarray((stretch.count, 8), asked.dtype, asked, strides=2 * asked.strides).copy()
    if not np.abs(rows @ apart).max() <= _DOUBT * asked[-1]:
        return None
    found: Array = (rows @ weights).ravel()
    return found[: stretch.stop - stretch.start]


@functools.lru_cache(maxsize=32)
def _lagrange(stride: int) -> tuple[Array, Array]:
    """Weights of eight points in a row between the fourth and the fifth of them.

    Second, in the middle, what they differ by from those of the inner six.
    """

    def weights(nodes: Array, t: Array) -> Array:
        others = [np.delete(nodes, i) for i in range(nodes.size)]
        pairs = zip(nodes, others, strict=True)
        return np.array([np.prod((t[:, None] - x) / (at - x), axis=1) for at, x in pairs])

    middle = np.array([0.5])
    eight, six = np.arange(-3.0, 5.0), np.arange(-2.0, 4.0)
    apart = weights(eight, middle)[:, 0]
    apart[1:7] -= weights(six, middle)[:, 0]
    return weights(eight, np.arange(stride) / stride), apart
