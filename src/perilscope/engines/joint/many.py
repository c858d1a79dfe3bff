# SPDX-License-Identifier: Apache-2.0
"""Transforms of very many patterns, which are products of few: mixed without listing them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import mixing
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.structure import Component, names_of
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Transform, against, weighed
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Pattern = tuple[tuple[str, float], ...]


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
            keys = mixing.restricted(tuple(patterns), names_of(unit.keys, lines))
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
        if self._halves is not None:
            found = self._halves.total(weights)
        else:
            found = mixing.total(self._alive(weights), self.bricks)
        return np.asarray(np.zeros(self._size, dtype=np.complex128) + found)

    def weighed(self, weights: Array, by: Transform) -> dict[str, float]:
        """For each line the weighted sum of E[line; part = s], mixed over the patterns.

        Parameters
        ----------
        weights : array, shape (patterns,)
        by : array, shape (frequencies,)
            As in `perilscope.engines.aggregate.allocation.weighed_sizes`.
        """
        rests = mixing.beside(self._alive(weights), self.bricks, self._middle)
        found = {}
        for line, (u, each) in self.shares.items():
            terms = [
                weighed(against(by, rests[u][key]), size)
                for key, size in each.items()  # a line that has no events bears nothing
                if key in rests[u]
            ]
            found[line] = math.fsum(terms)
        return found

    def _alive(self, weights: Array) -> list[mixing.Row]:
        return [(keys, float(w)) for keys, w in zip(self._keys, weights, strict=True) if w > 0.0]

    @cached_property
    def _halves(self) -> mixing.Halves | None:
        return mixing.Halves(self._keys, self.bricks, self._middle) if self._middle else None

    @cached_property
    def _middle(self) -> int:
        return mixing.middle(self._keys, self._size)


def listed(patterns: Transform | Many) -> Iterator[tuple[int, Transform]]:
    """Patterns with their transforms, one by one."""
    return iter(patterns) if isinstance(patterns, Many) else iter(enumerate(patterns))
