# SPDX-License-Identifier: Apache-2.0
"""Transforms of very many patterns, which are products of few: mixed without listing them.

Given which lines have events the units of a part are independent, so the transform of a pattern is
the product of its units' own. A mixture over patterns is summed along a tree of units, each product
taken once for all patterns that begin alike. Where many patterns are made of few beginnings and few
ends, the weights are a matrix between both, and one matrix product takes the place of the lower
half of the tree.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.compound import Compound
from perilscope.engines.grid import Transform, against, weighed
from perilscope.engines.structure import Component, felt_names, picked
from perilscope.engines.transforms import Transforms

Array = npt.NDArray[np.float64]
Pattern = tuple[tuple[str, float], ...]
Bricks = Sequence[Mapping[Pattern, Transform]]
Row = tuple[tuple[Pattern, ...], Any]
"""What each unit of a pattern is, and its weight, or what is mixed below it."""
_FEW = 128
"""Most beginnings and ends of patterns whose transforms are listed."""


class Many:
    """Transforms by pattern; ``weights @ many`` is their mixture, and they may be listed.

    Parameters
    ----------
    component : Component
        Without beliefs that its lines share.
    patterns : sequence
        Which lines have events.
    transforms : Transforms
    lines : mapping of Compound
    shares : bool
        Whether E[line; unit = s] is wanted of each line.
    """

    __array_ufunc__ = None  # so that an array at the left asks here

    def __init__(
        self,
        component: Component,
        patterns: Sequence[Pattern],
        transforms: Transforms,
        lines: Mapping[str, Compound],
        *,
        shares: bool = False,
    ) -> None:
        self._size = transforms.grid.points // 2 + 1
        self.bricks: list[dict[Pattern, Transform]] = []
        self.shares: dict[str, tuple[int, dict[Pattern, Transform]]] = {}
        own: list[tuple[Pattern, ...]] = []
        for u, unit in enumerate(component.units):
            keys = _felt_by(tuple(patterns), felt_names(unit.keys, lines))
            found = {
                key: transforms.unit(unit, lines, dict(key), shares=shares)
                for key in dict.fromkeys(keys)
            }
            self.bricks.append({key: z for key, (z, _) in found.items()})
            for line in unit.keys:
                each = {key: mine[line] for key, (_, mine) in found.items() if line in mine}
                self.shares[line] = (u, each)
            own.append(keys)
        self._keys: list[tuple[Pattern, ...]] = list(zip(*own, strict=True))

    def __iter__(self) -> Iterator[tuple[int, Transform]]:
        """Each pattern with its transform, in the order of the tree, so that few are held."""
        start = np.ones(self._size, dtype=np.complex128)
        return self._each(range(len(self._keys)), 0, start)

    def _each(
        self, places: Sequence[int], u: int, ahead: Transform
    ) -> Iterator[tuple[int, Transform]]:
        if u == len(self.bricks):
            yield from ((j, ahead) for j in places)
            return
        groups: dict[Pattern, list[int]] = {}
        for j in places:
            groups.setdefault(self._keys[j][u], []).append(j)
        for key, mine in groups.items():
            yield from self._each(mine, u + 1, np.asarray(ahead * self.bricks[u][key]))

    def __rmatmul__(self, weights: Array) -> Transform:
        at, rows = self._middle, self._alive(weights)
        if at:
            rows = self._folded(rows)[0]
        found = _sum(rows, self.bricks[:at] if at else self.bricks)
        return np.asarray(np.zeros(self._size, dtype=np.complex128) + found)

    def weighed(self, weights: Array, by: Transform) -> dict[str, float]:
        """For each line the weighted sum of E[line; part = s], mixed over the patterns.

        Parameters
        ----------
        weights : array, shape (patterns,)
        by : array, shape (frequencies,)
            As in `perilscope.engines.allocation.weighed_sizes`.
        """
        rests: list[dict[Pattern, Any]] = [{} for _ in self.bricks]
        at, rows = self._middle, self._alive(weights)
        if at:
            heads, tails = self._folded(rows)
            _spread(heads, self.bricks[:at], rests[:at])
            _spread(tails, self.bricks[at:], rests[at:])
        else:
            _spread(rows, self.bricks, rests)
        found = {}
        for line, (u, each) in self.shares.items():
            terms = [
                weighed(against(by, rests[u][key]), size)
                for key, size in each.items()  # a line that has no events bears nothing
                if key in rests[u]
            ]
            found[line] = math.fsum(terms)
        return found

    def _alive(self, weights: Array) -> list[Row]:
        return [(keys, float(w)) for keys, w in zip(self._keys, weights, strict=True) if w > 0.0]

    @cached_property
    def _middle(self) -> int:
        """The unit before which patterns are cut in two; 0 where that saves nothing."""
        cuts = range(1, len(self.bricks))
        sizes = {
            u: len({k[:u] for k in self._keys}) + len({k[u:] for k in self._keys}) for u in cuts
        }
        best = min(sizes, key=lambda u: sizes[u], default=0)
        return best if best and sizes[best] <= min(_FEW, len(self._keys) // 2) else 0

    def _folded(self, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
        """Beginnings of patterns with the mixture of their ends, and ends with that of theirs."""
        at = self._middle
        heads = {keys[:at]: 0 for keys, _ in rows}
        tails = {keys[at:]: 0 for keys, _ in rows}
        for each in (heads, tails):
            each.update(zip(each, range(len(each)), strict=True))
        table = np.zeros((len(heads), len(tails)))
        for keys, weight in rows:
            table[heads[keys[:at]], tails[keys[at:]]] += weight
        below = _mixed(table, _listed(tails, self.bricks[at:]))
        above = _mixed(table.T, _listed(heads, self.bricks[:at]))
        return list(zip(heads, below, strict=True)), list(zip(tails, above, strict=True))


def _listed(keys: Iterable[tuple[Pattern, ...]], bricks: Bricks) -> Transform:
    """Products of bricks, one row for each."""
    rows = [[brick[key] for key, brick in zip(each, bricks, strict=True)] for each in keys]
    return np.stack([functools.reduce(np.multiply, row) for row in rows])


def _mixed(weights: Array, transforms: Transform) -> Transform:
    """Real weights times complex rows, as real matrices."""
    found: Transform = (weights @ transforms.view(np.float64)).view(np.complex128)
    return found


def _sum(rows: Sequence[Row], bricks: Bricks, u: int = 0) -> Any:
    """Sum over rows of weights times the product of the bricks from the u-th on."""
    if u == len(bricks):
        return sum(w for _, w in rows)
    total: Any = 0.0
    for key, mine in _alike(rows, u).items():
        total = total + bricks[u][key] * _sum(mine, bricks, u + 1)
    return total


def _spread(
    rows: Sequence[Row],
    bricks: Bricks,
    rests: Sequence[dict[Pattern, Any]],
    u: int = 0,
    ahead: Any = 1.0,
) -> Any:
    """The same, and for each brick from the u-th on what it stands beside in all rows."""
    if u == len(bricks):
        return sum(w for _, w in rows)
    total: Any = 0.0
    for key, mine in _alike(rows, u).items():
        behind = _spread(mine, bricks, rests, u + 1, ahead * bricks[u][key])
        beside = ahead * behind
        rests[u][key] = rests[u][key] + beside if key in rests[u] else beside
        total = total + bricks[u][key] * behind
    return total


@functools.lru_cache(maxsize=256)
def _felt_by(patterns: tuple[Pattern, ...], names: tuple[str, ...]) -> tuple[Pattern, ...]:
    """What of each pattern some names tell; the same for all grids."""
    return tuple(picked(names, dict(pattern)) for pattern in patterns)


def listed(patterns: Transform | Many) -> Iterator[tuple[int, Transform]]:
    """Patterns with their transforms, one by one."""
    return iter(patterns) if isinstance(patterns, Many) else iter(enumerate(patterns))


def _alike(rows: Sequence[Row], u: int) -> dict[Pattern, list[Row]]:
    """Rows by the brick of the u-th unit."""
    groups: dict[Pattern, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0][u], []).append(row)
    return groups
