# SPDX-License-Identifier: Apache-2.0
"""Ranked nodes: ordered states around a weighted mean of the parents' places.

Source: Fenton, Neil and Caballero, "Using ranked nodes to model qualitative judgments in Bayesian
networks", IEEE TKDE 19 (2007).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from perilscope.engines.networks.canonical import Canonical
from perilscope.engines.networks.network import CELLS, Array, Factor
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property


@dataclass(frozen=True, eq=False)
class Ranked(Canonical):
    """Ordered states whose place is a weighted mean of the parents' places, with a spread.

    Parameters
    ----------
    weights : sequence of float
        Of the parents, above zero; whole numbers keep the sums few.
    spread : float
        Standard deviation of the normal law, cut to [0, 1], around the weighted mean of the
        parents' places; the k-th of n states lies at (k + 1/2) / n and is its n-th part of [0, 1].

    Examples
    --------
    >>> node = Ranked("risk", ("low", "high"), ("a", "b"), (2, 2), (1, 1), 0.1)
    >>> node.table[0, 0].round(4).tolist()
    [0.9938, 0.0062]
    """

    weights: Sequence[float] = ()
    spread: float = 0.1

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.parents) or not all(w > 0.0 for w in self.weights):
            raise MisuseError(f"node {self.name}: one weight above zero for each parent")
        if not self.spread > 0.0:
            raise MisuseError(f"node {self.name}: a spread above zero")
        if len(self._sums) > 4096:
            raise AssessmentError(
                f"node {self.name}: {len(self._sums):,} different means of its parents; give whole "
                "numbers as weights"
            )

    @cached_property
    def _unit(self) -> Fraction:
        """What all weighted places are whole multiples of; weights as they are written."""
        parts = [
            Fraction(repr(float(w))) / (2 * n)
            for w, n in zip(self.weights, self.sizes, strict=True)
        ]
        return Fraction(1, math.lcm(*(part.denominator for part in parts)))

    def _places(self, i: int) -> list[int]:
        """Places of a parent's states times its weight, in units."""
        step = Fraction(repr(float(self.weights[i]))) / (2 * self.sizes[i]) / self._unit
        return [int(step * (2 * k + 1)) for k in range(self.sizes[i])]

    @cached_property
    def _sums(self) -> list[int]:
        sums = {0}
        for i in range(len(self.parents)):
            sums = {a + b for a in sums for b in self._places(i)}
            if len(sums) > 200_000:
                break
        return sorted(sums)

    @property
    def hidden(self) -> Mapping[str, int]:
        """A partial sum after each parent."""
        return {self._after(i): len(sums) for i, sums in enumerate(self._partial)}

    def _after(self, i: int) -> str:
        return f"\0{self.name}\0{i}"

    @cached_property
    def _partial(self) -> list[list[int]]:
        found, sums = [], {0}
        for i in range(len(self.parents)):
            sums = {a + b for a in sums for b in self._places(i)}
            found.append(sorted(sums))
        return found

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """Variables of each factor: partial sums in a chain, then the node."""
        found: list[tuple[str, ...]] = []
        for i, parent in enumerate(self.parents):
            before = (self._after(i - 1),) if i else ()
            found.append((*before, parent, self._after(i)))
        return (*found, (self._after(len(self.parents) - 1), self.name))

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Sums that are certain given what is added, and the law of the node given the last."""
        found = []
        before = [0]
        for i, after in enumerate(self._partial):
            place = {value: k for k, value in enumerate(after)}
            table = np.zeros((len(before), self.sizes[i], len(after)))
            for a, value in enumerate(before):
                for b, own in enumerate(self._places(i)):
                    table[a, b, place[value + own]] = 1.0
            found.append(Factor(self.scopes[i], table if i else table[0]))
            before = after
        return (*found, Factor(self.scopes[-1], self._rows(before)))

    def _rows(self, sums: npt.ArrayLike) -> Array:
        means = np.asarray(sums, float) * float(self._unit) / math.fsum(self.weights)
        edges = np.linspace(0.0, 1.0, len(self.states) + 1)
        reached = ndtr((edges[None, :] - means[:, None]) / self.spread)
        cells = np.diff(reached, axis=1)
        rows: Array = cells / cells.sum(axis=1, keepdims=True)
        return rows

    @cached_property
    def table(self) -> Array:
        """The full conditional table, parents' axes first."""
        cells = math.prod(self.sizes) * len(self.states)
        if cells > CELLS:
            raise AssessmentError(f"node {self.name}: a full table would have {cells:,} cells")
        total = np.zeros(self.sizes)
        for i, size in enumerate(self.sizes):
            shape = [1] * len(self.sizes)
            shape[i] = size
            total = total + np.array(self._places(i)).reshape(shape)
        found: Array = self._rows(total.ravel()).reshape(*self.sizes, len(self.states))
        return found
