# SPDX-License-Identifier: Apache-2.0
"""Scenarios by prices that are put on a lattice: down, up, or split with the mean of each kept."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.parts import Rungs
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Nodes = tuple[int, ...]

MOST_CELLS = 256
"""Cells of prices under one state of prices, at most."""
_STEP = 0.01
"""Distance of the lattice, in log price, where it does not make too many cells."""
_COARSER = 1.5
_LEAST = -40.0


class Lattice:
    """Prices of the tokens that losses are counted in, on a lattice of log prices.

    Parameters
    ----------
    joint : Joint
    """

    def __init__(self, joint: Joint) -> None:
        self._joint = joint
        self.tokens = sorted({token for c in joint.tokened for token in joint.parts[c].tokens})

    def price(self, node: int) -> float:
        """Price at a node, against today's."""
        return math.exp(node * self._step)

    @cached_property
    def _step(self) -> float:
        """Distance of the lattice of prices: as fine as the number of cells allows."""
        step = _STEP
        while max((self._count(rungs, step) for rungs in self._joint.markets), default=1) > (
            MOST_CELLS
        ):
            step *= _COARSER
        return step

    def _count(self, rungs: Rungs, step: float) -> int:
        return len(np.unique(_packed(self._nodes(rungs, step)))) if self.tokens else 1

    def _nodes(self, rungs: Rungs, step: float) -> Indices:
        """Node at or below each price, shape (scenarios, tokens)."""
        prices = self._joint.prices(rungs)
        columns = [np.log(np.maximum(prices[t], math.exp(_LEAST))) for t in self.tokens]
        found = np.floor(np.column_stack(columns) / step)
        return np.asarray(found, dtype=np.int64)

    def gathered(self, rungs: Rungs, way: str) -> Iterator[tuple[Nodes, Array, Array]]:
        """Scenarios by nodes of prices, put down, up, or split with the means of prices kept."""
        losses, weights = self._joint.losses(rungs), self._joint.scenarios.weights
        if not self.tokens:
            yield (), losses, weights
            return
        nodes = self._nodes(rungs, self._step)
        aside: Sequence[tuple[int, ...]] = [tuple(0 for _ in self.tokens)]
        if way == "up":
            aside = [tuple(1 for _ in self.tokens)]
        elif way == "split":
            aside = list(itertools.product((0, 1), repeat=len(self.tokens)))
        gathered: dict[tuple[int, ...], list[tuple[Array, Array]]] = {}
        shares = self._shares(rungs, nodes)
        packed = _packed(nodes)
        order = np.argsort(packed, kind="stable")
        ends = [*(np.flatnonzero(np.diff(packed[order])) + 1).tolist(), len(order)]
        for a, b in zip([0, *ends[:-1]], ends, strict=True):
            members = order[a:b]
            cell = nodes[members[0]]
            for move in aside:
                mass = weights[members]
                if way == "split":
                    for t, up in enumerate(move):
                        mass = mass * (shares[members, t] if up else 1.0 - shares[members, t])
                at = tuple(int(k) + up for k, up in zip(cell, move, strict=True))
                gathered.setdefault(at, []).append((losses[members], mass))
        for at, rows in gathered.items():
            yield (
                at,
                np.concatenate([loss for loss, _ in rows]),
                np.concatenate([mass for _, mass in rows]),
            )

    def _shares(self, rungs: Rungs, nodes: Indices) -> Array:
        """What of each scenario goes to the node above, means of prices kept."""
        prices = self._joint.prices(rungs)
        here = np.column_stack([prices[t] for t in self.tokens])
        low, high = np.exp(nodes * self._step), np.exp((nodes + 1) * self._step)
        return np.asarray(np.clip((here - low) / (high - low), 0.0, 1.0))


def _packed(nodes: Indices) -> Indices:
    """One number for each row of nodes."""
    from_zero = nodes - nodes.min(axis=0)
    sizes = from_zero.max(axis=0) + 1
    strides = np.concatenate([[1], np.cumprod(sizes)[:-1]])
    return np.asarray(from_zero @ strides, dtype=np.int64)
