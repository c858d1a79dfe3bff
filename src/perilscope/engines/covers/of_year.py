# SPDX-License-Identifier: Apache-2.0
"""A year's loss net of terms that act on its sum alone: no grid of its own is wanted.

What is left is a rising function of the sum, so its quantiles are those of the sum, mapped; and its
limited mean is made of limited means of the sum.
"""

from __future__ import annotations

import math

import numpy as np

from perilscope.engines.grids.loss import Array, LossLaw


class OfYear(LossLaw):
    """Law of S - min((share S - deductible)+, limit), given that of S.

    Parameters
    ----------
    gross : LossLaw
        The law of S.
    share, deductible, limit : float
        Of the sum: the share that is ceded, and terms on what is. The limit may be infinite.

    Examples
    --------
    >>> from perilscope.engines.aggregate.compound import Compound
    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Constant
    >>> from perilscope.engines.aggregate.register import Register
    >>> line = Compound("a", lambda theta, t: (Poisson(2.0 * t), Constant(100.0)))
    >>> left = OfYear(Register([line]).law(), 1.0, 100.0, 300.0)
    >>> left.var(0.9), left.var(0.999)
    (100.0, 500.0)
    """

    def __init__(self, gross: LossLaw, share: float, deductible: float, limit: float) -> None:
        self.__dict__.update(gross.__dict__)
        self._gross, self._share, self._limit = gross, share, limit
        self._start = deductible / share if share > 0.0 else math.inf
        self._end = (deductible + limit) / share if share > 0.0 else math.inf
        self._quantiles = {}
        self._top = math.inf if math.isinf(self._end) else self._end - limit
        kept = self._kept(math.inf)
        self.mean = kept if math.isfinite(kept) else gross.mean - self.ceded
        places = gross.grid.places
        over = np.maximum(share * places - deductible, 0.0)
        left = places - np.minimum(over, limit) - self.mean
        bounded = math.isinf(limit) and share == 1.0
        spread = math.sqrt(max(float((gross.mass * left**2).sum()), 0.0))
        self.sd = spread if bounded or math.isfinite(gross.sd) else math.inf
        self.none = gross.none if self._start > 0.0 or share < 1.0 else 1.0 - gross.exceed(limit)

    @property
    def ceded(self) -> float:
        """Expected payments."""
        return self._share * (self._limited(self._end) - self._limited(self._start))

    def left(self, s: float) -> float:
        """What is left of a sum."""
        return s - min(max(self._share * s - self._share * self._start, 0.0), self._limit)

    def _limited(self, s: float) -> float:
        """E min(S, s)."""
        return self._gross.mean if s >= self._gross.grid.range else self._gross.limited(s)

    def _sum(self, y: float) -> float:
        """The largest sum of which no more than y is left."""
        if y < self._start:
            return y
        if self._share < 1.0:
            inside = self._start + (y - self._start) / (1.0 - self._share)
            if inside < self._end:
                return inside
        return math.inf if math.isinf(self._end) else max(y + self._limit, self._end)

    def _kept(self, s: float) -> float:
        """E min(what is left, what is left of s)."""
        found = self._limited(min(s, self._start))
        if s > self._start:
            between = self._limited(min(s, self._end)) - self._limited(self._start)
            found += (1.0 - self._share) * between
        if s > self._end:
            found += self._limited(s) - self._limited(self._end)
        return found

    def _var(self, level: float) -> float:
        return self.left(self._gross.var(level))

    def limited(self, x: float) -> float:
        """E min(what is left, x)."""
        return self._kept(self._sum(x))

    def all_limited(self, x: Array) -> Array:
        """The same at many points."""
        sums = np.array([self._sum(y) for y in x.tolist()])
        found = self._gross.all_limited(np.minimum(sums, self._start))
        start, end = self._limited(self._start), self._limited(self._end)
        if self._share < 1.0:
            between = self._gross.all_limited(np.clip(sums, self._start, self._end)) - start
            found = found + (1.0 - self._share) * between
        return found + self._gross.all_limited(np.maximum(sums, self._end)) - end

    def exceed(self, x: float) -> float:
        """P(more than x is left)."""
        if x < 0.0:
            return 1.0
        s = self._sum(x)
        return self._gross.exceed(s) if s < self._gross.grid.range else 0.0

    def cvar(self, level: float) -> float:
        """Conditional value at risk: mean of the worst share 1 - level, in money."""
        v = self.var(level)
        return v + max(self.mean - self.limited(v), 0.0) / (1.0 - level)

    def error_at(self, level: float) -> float:
        """That of the sum, against what is left of it: what is left moves no more than the sum."""
        gross = self._gross
        pairs = (gross.var(level), self.var(level)), (gross.cvar(level), self.cvar(level))
        return gross.error_at(level) * max((s / left for s, left in pairs if left > 0.0), default=0)
