# SPDX-License-Identifier: Apache-2.0
"""Mixtures of products: a sum over many rows of a weight times one brick out of each column.

Given a joint state the units of a component are independent, so its transform is the product of
theirs, and there are few different ones of each. The sum runs along a tree of columns, so that each
product is taken once for all rows that begin alike. Where many rows are made of few beginnings and
few ends, the weights are a matrix between both, and one matrix product takes the place of the lower
half of the tree.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from perilscope.engines.aggregate.structure import picked
from perilscope.engines.grids.grid import Transform

Said = tuple[tuple[str, float], ...]
"""What a joint state, or a part of it, says by name."""
Keys = tuple[Hashable, ...]
Row = tuple[Keys, Any]
"""Which brick of each column, and its weight, or what is mixed below it."""
Bricks = Sequence[Mapping[Any, Transform]]
"""Of each column its bricks by key."""

_MOST = 1 << 22
"""Numbers that beginnings and ends have together at most, where they are listed."""


def total(rows: Sequence[Row], bricks: Bricks, at: int = 0) -> Any:
    """The mixture.

    Parameters
    ----------
    rows : sequence of (keys, weight)
    bricks : sequence of mapping of array
        One for each column.
    at : int
        The column before which rows are cut in two, as `middle` finds it; 0 for nowhere.

    Examples
    --------
    >>> bricks = [{"a": np.array([2.0 + 0j]), "b": np.array([3.0 + 0j])}] * 2
    >>> total([(("a", "b"), 0.5), (("b", "b"), 0.25)], bricks).tolist()
    [(5.25+0j)]
    """
    return _sum(_heads(rows, bricks, at), bricks[:at]) if at else _sum(rows, bricks)


def beside(rows: Sequence[Row], bricks: Bricks, at: int = 0) -> list[dict[Any, Any]]:
    """For each brick what it is multiplied by in the mixture: its derivative by that brick.

    Parameters are those of `total`.
    """
    found: list[dict[Any, Any]] = [{} for _ in bricks]
    if at:
        heads, tails = _folded(rows, bricks, at)
        _spread(heads, bricks[:at], found[:at])
        _spread(tails, bricks[at:], found[at:])
    else:
        _spread(rows, bricks, found)
    return found


def middle(keys: Sequence[Keys], size: int) -> int:
    """The column before which rows are best cut in two; 0 where that saves nothing.

    Parameters
    ----------
    keys : sequence of tuple
        Of the rows.
    size : int
        Numbers of a brick.
    """
    columns = range(1, len(keys[0]) if keys else 0)
    sizes = {u: len({k[:u] for k in keys}) + len({k[u:] for k in keys}) for u in columns}
    best = min(sizes, key=lambda u: sizes[u], default=0)
    most = min(_MOST // size, len(keys) // 2)
    return best if best and sizes[best] <= most else 0


@functools.lru_cache(maxsize=256)
def restricted(states: tuple[Said, ...], names: tuple[str, ...]) -> tuple[Said, ...]:
    """Each joint state as far as some names say something of it; the same for all grids."""
    return tuple(picked(names, dict(state)) for state in states)


def _folded(rows: Sequence[Row], bricks: Bricks, at: int) -> tuple[list[Row], list[Row]]:
    """Beginnings of rows with the mixture of their ends, and ends with that of beginnings."""
    turned = [((*keys[at:], *keys[:at]), weight) for keys, weight in rows]
    moved = [*bricks[at:], *bricks[:at]]
    return _heads(rows, bricks, at), _heads(turned, moved, len(bricks) - at)


def _heads(rows: Sequence[Row], bricks: Bricks, at: int) -> list[Row]:
    """Beginnings of rows, each with the mixture of their ends."""
    halves = Halves([keys for keys, _ in rows], bricks, at)
    return halves.heads(np.array([weight for _, weight in rows]))


class Halves:
    """Rows cut in two, to be mixed by many weights: what their ends come to is found but once.

    Parameters
    ----------
    keys : sequence of tuple
        Of the rows.
    bricks, at
        As in `total`; not 0.
    """

    def __init__(self, keys: Sequence[Keys], bricks: Bricks, at: int) -> None:
        heads = {each: place for place, each in enumerate(dict.fromkeys(k[:at] for k in keys))}
        tails = {each: place for place, each in enumerate(dict.fromkeys(k[at:] for k in keys))}
        self._bricks, self._heads, self._size = bricks[:at], tuple(heads), len(tails)
        places = (heads[k[:at]] * len(tails) + tails[k[at:]] for k in keys)
        self._places = np.fromiter(places, np.int64, len(keys))
        self._below = _listed(tails, bricks[at:])

    def heads(self, weights: Any) -> list[Row]:
        """Beginnings of rows, each with the mixture of their ends."""
        cells = len(self._heads) * self._size
        table = np.bincount(self._places, weights, cells).reshape(-1, self._size)
        return list(zip(self._heads, _mixed(table, self._below), strict=True))

    def total(self, weights: Any) -> Any:
        """The mixture by so much of each row."""
        return _sum(self.heads(weights), self._bricks)


def _listed(keys: Iterable[Keys], bricks: Bricks) -> Transform:
    """Products of bricks, one row for each."""
    rows = ([brick[key] for key, brick in zip(each, bricks, strict=True)] for each in keys)
    return np.stack([functools.reduce(np.multiply, row) for row in rows])


def _mixed(weights: Any, transforms: Transform) -> Transform:
    """Real weights times complex rows, as real matrices."""
    found: Transform = (weights @ transforms.view(np.float64)).view(np.complex128)
    return found


def _sum(rows: Sequence[Row], bricks: Bricks, u: int = 0) -> Any:
    """Sum over rows of weights times the product of the bricks from the u-th on."""
    if u == len(bricks):
        return sum(weight for _, weight in rows)
    found: Any = 0.0
    for key, mine in _alike(rows, u).items():
        found = found + bricks[u][key] * _sum(mine, bricks, u + 1)
    return found


def _spread(
    rows: Sequence[Row],
    bricks: Bricks,
    rests: Sequence[dict[Any, Any]],
    u: int = 0,
    ahead: Any = 1.0,
) -> Any:
    """The same, and for each brick from the u-th on what it stands beside in all rows."""
    if u == len(bricks):
        return sum(weight for _, weight in rows)
    found: Any = 0.0
    for key, mine in _alike(rows, u).items():
        behind = _spread(mine, bricks, rests, u + 1, ahead * bricks[u][key])
        other = ahead * behind
        rests[u][key] = rests[u][key] + other if key in rests[u] else other
        found = found + bricks[u][key] * behind
    return found


def _alike(rows: Sequence[Row], u: int) -> dict[Hashable, list[Row]]:
    """Rows by their brick of the u-th column."""
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0][u], []).append(row)
    return groups
