# SPDX-License-Identifier: Apache-2.0
"""The law of a loss that has one of a few laws, each with its probability.

Each law keeps its own grid: quantiles are those of the mixed distribution function, and the mean of
what lies beyond adds up what each says of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from perilscope.engines.grids.loss import LossLaw
from perilscope.errors import MisuseError

_HALVINGS = 200


class Blend:
    """A mixture of laws.

    Parameters
    ----------
    parts : sequence of (probability, LossLaw)
        Their probabilities add up to 1.

    Examples
    --------
    Nothing with probability 0.9, else 5 for sure:

    >>> import numpy as np
    >>> from perilscope.engines.grids.grid import Grid
    >>> grid = Grid(1.0, 8, lattice=True)
    >>> law = lambda x: LossLaw(grid, np.eye(8)[x], mean=float(x), sd=0.0, none=float(x == 0))
    >>> both = Blend([(0.9, law(0)), (0.1, law(5))])
    >>> both.mean, both.none, both.var(0.89), both.var(0.95), round(both.cvar(0.8), 9)
    (0.5, 0.9, 0.0, 5.0, 2.5)
    """

    def __init__(self, parts: Sequence[tuple[float, LossLaw]]) -> None:
        self.parts = [(p, law) for p, law in parts if p > 0.0]
        if abs(math.fsum(p for p, _ in self.parts) - 1.0) > 1e-9:
            raise MisuseError("the probabilities of a blend of laws do not add up to 1")

    @property
    def mean(self) -> float:
        """Mean loss."""
        return math.fsum(p * law.mean for p, law in self.parts)

    @property
    def none(self) -> float:
        """P(nothing is lost)."""
        return math.fsum(p * law.none for p, law in self.parts)

    def exceed(self, x: float) -> float:
        """P(loss > x)."""
        return math.fsum(p * law.exceed(x) for p, law in self.parts)

    def var(self, level: float) -> float:
        """Smallest loss with at least ``level`` at or below it."""
        if len(self.parts) == 1:
            return self.parts[0][1].var(level)
        if 1.0 - self.exceed(0.0) >= level - 1e-12:
            return 0.0
        low, high = 0.0, max(*(law.var(level) for _, law in self.parts), 1e-9)
        if self.exceed(high) > 1.0 - level + 1e-12:  # but for noise it is one of the quantiles
            low, high = high, 1.001 * high
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            if not low < middle < high:
                break
            if self.exceed(middle) <= 1.0 - level + 1e-12:
                high = middle
            else:
                low = middle
        return self._snapped(high)

    def _snapped(self, x: float) -> float:
        """The point of a lattice that x is but for rounding."""
        for _, law in self.parts:
            if law.grid.lattice:
                near = round(x / law.grid.step) * law.grid.step
                if abs(near - x) <= 1e-9 * max(x, law.grid.step):
                    return near
        return x

    def cvar(self, level: float) -> float:
        """Mean of the worst share 1 - level, an atom at VaR split."""
        if len(self.parts) == 1:
            return self.parts[0][1].cvar(level)
        v = self.var(level)
        beyond = math.fsum(p * max(law.mean - law.limited(v), 0.0) for p, law in self.parts)
        return v + beyond / (1.0 - level)

    def error_at(self, level: float) -> float:
        """Relative error of VaR and CVaR: the largest of any part where it is read."""
        if len(self.parts) == 1:
            return self.parts[0][1].error_at(level)
        v = self.var(level)
        found = []
        for _, law in self.parts:
            at = 1.0 - law.exceed(v)
            found.append(law.error_at(min(max(at, 0.5), 0.9999)))
        return max(found)
