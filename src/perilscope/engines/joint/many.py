# SPDX-License-Identifier: Apache-2.0
"""Transforms of very many patterns, which are products of few: mixed without listing them.

Given which lines have events the units of a part are independent, so the transform of a pattern is
the product of its units' own. A mixture over patterns is summed along a tree of units, each product
taken once for all patterns that begin alike.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.compound import Compound
from perilscope.engines.grid import Transform, against, weighed
from perilscope.engines.structure import Component, felt_names, picked
from perilscope.engines.transforms import Transforms

Array = npt.NDArray[np.float64]
Pattern = tuple[tuple[str, float], ...]
Row = tuple[tuple[Pattern, ...], float]
"""What each unit of a pattern is, and its weight."""


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
        found = self._sum(self._alive(weights), 0)
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
        self._spread(self._alive(weights), 0, 1.0, rests)
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

    def _sum(self, rows: Sequence[Row], u: int) -> Any:
        """Sum over patterns of weights times the product of the bricks from the u-th on."""
        if u == len(self.bricks):
            return sum(w for _, w in rows)
        total: Any = 0.0
        for key, mine in _alike(rows, u).items():
            total = total + self.bricks[u][key] * self._sum(mine, u + 1)
        return total

    def _spread(
        self, rows: Sequence[Row], u: int, ahead: Any, rests: Sequence[dict[Pattern, Any]]
    ) -> Any:
        """The same, and for each brick from the u-th on what it stands beside in all patterns."""
        if u == len(self.bricks):
            return sum(w for _, w in rows)
        total: Any = 0.0
        for key, mine in _alike(rows, u).items():
            behind = self._spread(mine, u + 1, ahead * self.bricks[u][key], rests)
            beside = ahead * behind
            rests[u][key] = rests[u][key] + beside if key in rests[u] else beside
            total = total + self.bricks[u][key] * behind
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
