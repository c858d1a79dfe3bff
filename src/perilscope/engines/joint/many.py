# SPDX-License-Identifier: Apache-2.0
"""Transforms of very many patterns, which are products of few: mixed without listing them.

Given which lines have events the units of a part are independent, so the transform of a pattern is
the product of its units' own. A mixture over patterns is summed along a tree of units, each product
taken once for all patterns that begin alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.compound import Compound
from perilscope.engines.grid import Transform
from perilscope.engines.structure import Component
from perilscope.engines.transforms import Transforms

Array = npt.NDArray[np.float64]
Pattern = tuple[tuple[str, bool], ...]
Brick = Mapping[Pattern, Transform]


class Many:
    """Transforms by pattern; ``weights @ many`` is their mixture and ``many[j]`` one of them.

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
        own: list[list[Pattern]] = []
        for u, unit in enumerate(component.units):
            keys = [tuple((k, hit) for k, hit in p if k in unit.keys) for p in patterns]
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

    def __getitem__(self, j: int) -> Transform:
        found = np.ones(self._size, dtype=np.complex128)
        for brick, key in zip(self.bricks, self._keys[j], strict=True):
            found = np.asarray(found * brick[key])
        return found

    def __rmatmul__(self, weights: Array) -> Transform:
        return self._mixed(weights, self.bricks)

    def weighed(self, weights: Array, line: str) -> Transform:
        """Mixture of a line's E[line; part = s] over the patterns."""
        u, each = self.shares[line]
        bricks: list[dict[Pattern, Transform]] = list(self.bricks)
        bricks[u] = each
        return self._mixed(weights, bricks)

    def _mixed(self, weights: Array, bricks: Sequence[Brick]) -> Transform:
        alive = [(keys, float(w)) for keys, w in zip(self._keys, weights, strict=True) if w > 0.0]
        found = self._sum(alive, 0, bricks)
        return np.asarray(np.zeros(self._size, dtype=np.complex128) + found)

    def _sum(
        self, rows: Sequence[tuple[tuple[Pattern, ...], float]], u: int, bricks: Sequence[Brick]
    ) -> Any:
        """Sum over patterns of weights times the product of the bricks from the u-th on."""
        if u == len(bricks):
            return sum(w for _, w in rows)
        groups: dict[Pattern, list[tuple[tuple[Pattern, ...], float]]] = {}
        for row in rows:
            groups.setdefault(row[0][u], []).append(row)
        total: Any = 0.0
        for key, mine in groups.items():
            if key in bricks[u]:  # a line that has no events bears nothing
                total = total + bricks[u][key] * self._sum(mine, u + 1, bricks)
        return total
