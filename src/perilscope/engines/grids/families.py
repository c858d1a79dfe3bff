# SPDX-License-Identifier: Apache-2.0
"""Limited means of many laws at once, each at places of its own or all at the same.

Laws of one family are put into one law with arrays for parameters, so that they share a call. What
a law gives does not depend on which others it was asked with, not by a bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from perilscope.engines.laws.distributions import (
    Beta,
    Distribution,
    Gamma,
    Lognormal,
    Pareto,
    Weibull,
)

Array = npt.NDArray[np.float64]

_ALL = (0.0, math.inf)
_FAMILIES = (Beta, Gamma, Lognormal, Pareto, Weibull)
"""Families that take arrays of parameters for the places where limited means are asked for."""


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


def at_same(laws: Sequence[Distribution], x: Array) -> Array:
    """Limited means of each law at the same places, of which the first is zero, row by row."""
    values = np.empty((len(laws), x.size))
    bounded = [i for i, law in enumerate(laws) if law.support != _ALL]
    free = [i for i in range(len(laws)) if i not in bounded] if bounded else range(len(laws))
    for group in families([laws[i] for i in free]):
        mine = [free[i] for i in group]
        values[mine, 0] = 0.0
        values[mine, 1:] = joined([laws[i] for i in mine]).lev(x[1:])
    if bounded:
        values[bounded] = between_ends([laws[i] for i in bounded], x)
    return values


def between_ends(laws: Sequence[Distribution], x: Array) -> Array:
    """Limited means of laws with ends at the same places, each asked between its ends."""
    ends = np.array([(*law.support, law.mean) for law in laws])[:, :, None]
    low, high, mean = ends[:, 0], ends[:, 1], ends[:, 2]
    inside, level = (x > low) & (x < high), np.where(x >= high, mean, x)
    for group in families(laws):
        mine = inside[group]
        law = joined([laws[i] for i in group], mine.sum(axis=1).tolist())
        rows = level[group]
        rows[mine] = law.lev(np.broadcast_to(x, mine.shape)[mine])
        level[group] = rows
    return level


def at_own(laws: Sequence[Distribution], places: Sequence[Array]) -> list[Array]:
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
