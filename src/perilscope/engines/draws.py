# SPDX-License-Identifier: Apache-2.0
"""Simulated losses and what they say, each figure with its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from perilscope.engines.law import Floats, Integers, Numbers
from perilscope.errors import MisuseError


@dataclass(frozen=True)
class Draws:
    """Losses of n independent horizons.

    Parameters
    ----------
    total : array, shape (n,)
        Loss of all lines together.
    lines : mapping of str to array, shape (n,)
        Loss of each line by its key; empty where it was not kept.
    seed : int
        Seed of the run.

    Examples
    --------
    >>> drawn = Draws(np.array([0.0, 0.0, 0.0, 8.0]))
    >>> drawn.mean, drawn.var(0.5), drawn.cvar(0.5)
    (2.0, 0.0, 4.0)
    """

    total: Floats
    lines: Mapping[str, Floats] = field(default_factory=dict)
    seed: int = 0

    @property
    def count(self) -> int:
        """Number of horizons."""
        return len(self.total)

    @cached_property
    def mean(self) -> float:
        """Mean loss."""
        return float(self.total.mean())

    @cached_property
    def sd(self) -> float:
        """Standard deviation of the loss; zero for a single draw."""
        return float(self.total.std(ddof=1)) if self.count > 1 else 0.0

    @property
    def standard_error_of_mean(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.count)

    @property
    def none(self) -> float:
        """Share of horizons without loss."""
        return float(np.count_nonzero(self.total == 0)) / self.count

    def line(self, key: str) -> Draws:
        """The draws of one line."""
        return Draws(self.lines[key], {}, self.seed)

    def var(self, a: float) -> float:
        """Smallest loss with a share of at least ``a`` of all horizons at or below it."""
        return float(self._sorted[self._rank(a)])

    def var_error(self, a: float) -> float:
        """Standard error of :meth:`var`, from the order statistics one standard deviation away."""
        spread = math.sqrt(self.count * a * (1 - a))
        ranks = np.clip([self._rank(a) - spread, self._rank(a) + spread], 0, self.count - 1)
        low, high = self._sorted[np.rint(ranks).astype(np.int64)]
        return float(high - low) / 2

    def cvar(self, a: float) -> float:
        """Mean of the worst share 1 - a, an atom at the VaR split."""
        return self.var(a) + float(self._excess(a).sum()) / (self.count * (1 - a))

    def cvar_error(self, a: float) -> float:
        """Standard error of :meth:`cvar`, by its influence function (Trindade et al. 2007)."""
        tail = self._excess(a)
        mean = float(tail.sum()) / self.count
        square = float(np.square(tail).sum()) / self.count - mean * mean
        return math.sqrt(max(square, 0.0) / self.count) / (1 - a)

    @property
    def method(self) -> str:
        """How the figures were found."""
        return f"simulation, {self.count:,} horizons"

    @cached_property
    def error(self) -> Mapping[float, float]:
        """Relative standard error at the usual levels: the larger of VaR's and CVaR's."""
        found = {}
        for a in (0.95, 0.975, 0.99, 0.999):
            size, worst = self.cvar(a), max(self.var_error(a), self.cvar_error(a))
            found[a] = worst / size if size > 0 else 0.0
        return found

    def contributions(self, a: float) -> dict[str, float]:
        """Mean of each line over the worst share 1 - a of all horizons (Euler); adds to CVaR.

        Horizons whose total is the VaR itself enter with the share that completes the tail.
        """
        v = self.var(a)
        above, at = self.total > v, self.total == v
        wanted = (1 - a) * self.count
        missing = max(wanted - int(np.count_nonzero(above)), 0.0)
        weights = above + missing / max(int(np.count_nonzero(at)), 1) * at
        return {key: float(np.sum(weights * line)) / wanted for key, line in self.lines.items()}

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Losses and the shares of horizons above them, for a chart."""
        losses = self._sorted[self._sorted > 0]
        if not len(losses):
            return []
        last = len(losses) - 1
        ranks = [
            np.linspace(0, last, points // 2),
            last + 1 - np.geomspace(1, last + 1, points // 2),
        ]
        picked = losses[np.unique(np.rint(np.concatenate(ranks)).astype(np.int64))]
        shares = self.exceed(picked)
        return list(dict.fromkeys(zip(picked.tolist(), shares.tolist(), strict=True)))

    def exceed(self, x: Numbers) -> Floats:
        """Share of horizons with a loss above x, any shape."""
        return self.exceed_counts(x) / self.count

    def exceed_counts(self, x: Numbers) -> Integers:
        """Number of horizons with a loss above x, any shape."""
        return np.asarray(self.count - np.searchsorted(self._sorted, x, side="right"))

    @cached_property
    def _sorted(self) -> Floats:
        return np.sort(self.total)

    def _rank(self, a: float) -> int:
        if not 0 < a < 1:
            raise MisuseError(f"a level lies between 0 and 1, not at {a:g}")
        return max(math.ceil(self.count * a - 1e-9) - 1, 0)

    def _excess(self, a: float) -> Floats:
        rank = self._rank(a)
        return np.asarray(self._sorted[rank:] - self._sorted[rank])
