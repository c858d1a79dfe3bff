# SPDX-License-Identifier: Apache-2.0
"""What counts of an event's cost: what a cover pays of it, or what it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.laws.distributions import Constant, Distribution, Layered, Retained

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """A layer of each event's cost, or all that lies beside it; in money.

    Parameters
    ----------
    deductible, limit, share : float
        The layer, ``share x min((x - deductible)+, limit)``.
    pays : bool
        Whether the layer counts, or what it leaves.
    annual_deductible, annual_limit : float
        Of the sum of a year's layers what lies between is paid, if what is left counts; the same
        for all lines of one holding.

    Examples
    --------
    >>> layer = Counted(100.0, 500.0, 0.5, pays=True)
    >>> layer.of(np.array([50.0, 300.0, 900.0])).tolist()
    [0.0, 100.0, 250.0]
    >>> Counted(100.0, 500.0, 0.5, pays=False).of(np.array([50.0, 300.0, 900.0])).tolist()
    [50.0, 200.0, 650.0]
    """

    deductible: float = 0.0
    limit: float = math.inf
    share: float = 0.0
    pays: bool = False
    annual_deductible: float = 0.0
    annual_limit: float = math.inf

    @property
    def annual(self) -> bool:
        """Whether terms act on the sum of a year."""
        return self.annual_deductible > 0.0 or math.isfinite(self.annual_limit)

    def of_year(self, y: Array) -> Array:
        """What is paid of the sum of a year's layers."""
        paid: Array = np.clip(y - self.annual_deductible, 0.0, self.annual_limit)
        return paid

    def of(self, x: Array) -> Array:
        """What counts of costs."""
        paid = self.paid(x)
        return paid if self.pays else x - paid

    def paid(self, x: Array) -> Array:
        """What the layer pays of costs."""
        layer: Array = self.share * np.clip(x - self.deductible, 0.0, self.limit)
        return layer

    def change(self, law: Distribution) -> Distribution:
        """Law of what counts of a loss."""
        if self.share == 0.0:
            return Constant(0.0) if self.pays else law
        kind = Layered if self.pays else Retained
        return kind(law, self.deductible, self.limit, self.share)

    @property
    def nothing(self) -> float:
        """Greatest cost of which nothing counts."""
        if self.pays:
            return self.deductible if self.share > 0.0 and self.limit > 0.0 else math.inf
        whole = self.deductible == self.annual_deductible == 0.0 and self.share == 1.0
        return self.limit if whole else 0.0

    @property
    def bends(self) -> tuple[float, ...]:
        """Costs of an event at which what counts bends."""
        if self.share == 0.0:
            return ()
        return _some(self.deductible, self.deductible + self.limit)

    @property
    def annual_bends(self) -> tuple[float, ...]:
        """Costs of a year, were all in the layer, at which what counts bends."""
        if self.share == 0.0:
            return ()
        year = self.annual_deductible, self.annual_deductible + self.annual_limit
        return _some(*(x / self.share for x in year))

    @property
    def amounts(self) -> tuple[float, ...]:
        """Costs at which what counts bends, and what is paid there."""
        if self.share == 0.0:
            return ()
        ends = (self.deductible, self.deductible + self.limit, self.limit)
        year = (self.annual_deductible, self.annual_deductible + self.annual_limit)
        return _some(*ends, *(self.share * x for x in ends), *year, *self.annual_bends)


def _some(*amounts: float) -> tuple[float, ...]:
    return tuple(x for x in amounts if 0.0 < x < math.inf)
