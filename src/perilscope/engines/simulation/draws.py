# SPDX-License-Identifier: Apache-2.0
"""Simulated losses and what they say, each figure with its standard error."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from perilscope.engines.laws.law import Floats, Integers, Numbers, plain
from perilscope.errors import MisuseError
from perilscope.once import cached_property

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Simulated(ABC):
    """Losses of n independent horizons, however they are held.

    Attributes
    ----------
    count : int
        Number of horizons.
    backend : str
        What drew them: ``"numpy"`` or ``"numba"``.
    mean, sd : float
        Mean and standard deviation of the loss (zero for a single horizon).
    none : float
        Share of horizons without loss.
    """

    backend: str

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of horizons."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean loss."""

    @property
    @abstractmethod
    def sd(self) -> float:
        """Standard deviation of the loss; zero for a single horizon."""

    @property
    @abstractmethod
    def none(self) -> float:
        """Share of horizons without loss."""

    @abstractmethod
    def line(self, key: str) -> Simulated:
        """The losses of one line."""

    @abstractmethod
    def part(self, name: str) -> Simulated:
        """The losses of a part: some lines together."""

    @abstractmethod
    def exceed_counts(self, x: Numbers) -> Integers:
        """Number of horizons with a loss above x, any shape."""

    @abstractmethod
    def contributions(self, a: float) -> dict[str, float]:
        """Mean of each line over the worst share 1 - a of all horizons (Euler); adds to CVaR.

        Horizons whose total is the VaR itself enter with the share that completes the tail.
        """

    @abstractmethod
    def _ranked(self, ranks: Integers) -> Floats:
        """Order statistics, ranks from 0, the least loss."""

    @abstractmethod
    def _above(self, rank: int, v: float) -> tuple[float, float]:
        """Sums of the excess over v, and of its square, beyond a rank of which the loss is v."""

    @property
    def standard_error_of_mean(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.count)

    def var(self, a: float) -> float:
        """Smallest loss with a share of at least ``a`` of all horizons at or below it."""
        return float(self._ranked(np.array([self._rank(a)]))[0])

    def var_error(self, a: float) -> float:
        """Standard error of :meth:`var`, from the order statistics one standard deviation away."""
        spread = math.sqrt(self.count * a * (1 - a))
        ranks = np.clip([self._rank(a) - spread, self._rank(a) + spread], 0, self.count - 1)
        low, high = self._ranked(np.rint(ranks).astype(np.int64))
        return float(high - low) / 2

    def cvar(self, a: float) -> float:
        """Mean of the worst share 1 - a, an atom at the VaR split."""
        v = self.var(a)
        return v + self._above(self._rank(a), v)[0] / (self.count * (1 - a))

    def cvar_error(self, a: float) -> float:
        """Standard error of :meth:`cvar`, by its influence function (Trindade et al. 2007)."""
        excess, square = self._above(self._rank(a), self.var(a))
        spread = square / self.count - (excess / self.count) ** 2
        return math.sqrt(max(spread, 0.0) / self.count) / (1 - a)

    @property
    def method(self) -> str:
        """How the figures were found."""
        return f"simulation, {self.count:,} horizons"

    @cached_property
    def error(self) -> Mapping[float, float]:
        """Relative standard error at the usual levels."""
        return {a: self.error_at(a) for a in (0.95, 0.975, 0.99, 0.999)}

    def error_at(self, a: float) -> float:
        """Relative standard error: the larger of VaR's and CVaR's against CVaR."""
        size, worst = self.cvar(a), max(self.var_error(a), self.cvar_error(a))
        return worst / size if size > 0 else 0.0

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Losses and the shares of horizons above them, for a chart."""
        some = int(self.exceed_counts(0.0))
        if not some:
            return []
        last = some - 1
        ranks = [
            np.linspace(0, last, points // 2),
            last + 1 - np.geomspace(1, last + 1, points // 2),
        ]
        picked = np.unique(np.rint(np.concatenate(ranks)).astype(np.int64))
        losses = self._ranked(picked + self.count - some)
        shares = self.exceed(losses)
        return list(dict.fromkeys(zip(losses.tolist(), shares.tolist(), strict=True)))

    def exceed(self, x: Numbers) -> Floats:
        """Share of horizons with a loss above x, any shape."""
        return np.asarray(self.exceed_counts(x) / self.count)

    def _rank(self, a: float) -> int:
        if not 0 < a < 1:
            raise MisuseError(f"a level must lie between 0 and 1, not at {a:g}")
        return max(math.ceil(self.count * a - 1e-9) - 1, 0)


@dataclass(frozen=True)
class Draws(Simulated):
    """Losses of n independent horizons, every one of them held.

    Parameters
    ----------
    total : array, shape (n,)
        Loss of all lines together.
    lines : mapping of str to array, shape (n,)
        Loss of each line by its key; empty where it was not kept.
    seed : int
        Seed of the run.
    backend : str
        What drew them.
    parts : mapping of str to sequence of str
        Keys of the lines of each part.

    Examples
    --------
    >>> drawn = Draws(np.array([0.0, 0.0, 0.0, 8.0]))
    >>> drawn.mean, drawn.var(0.5), drawn.cvar(0.5)
    (2.0, 0.0, 4.0)
    """

    total: Floats
    lines: Mapping[str, Floats] = field(default_factory=dict)
    seed: int = 0
    backend: str = "numpy"
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)

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
        if self.count < 2:
            return 0.0
        squares = plain(np.square(self._some - self.mean).sum()) + self._idle * self.mean**2
        return math.sqrt(squares / (self.count - 1))

    @property
    def none(self) -> float:
        """Share of horizons without loss."""
        return self._idle / self.count

    def line(self, key: str) -> Draws:
        """The draws of one line."""
        if key not in self._known:
            self._known[key] = Draws(self.lines[key], seed=self.seed, backend=self.backend)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[str, Draws]:
        return {}

    def part(self, name: str) -> Draws:
        """The draws of a part: some lines together."""
        total = np.zeros(self.count)
        for key in self.parts[name]:
            total += self.lines[key]
        return Draws(total, seed=self.seed, backend=self.backend)

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

    def exceed_counts(self, x: Numbers) -> Integers:
        """Number of horizons with a loss above x, any shape."""
        x = np.asarray(x)
        above = len(self._some) - np.searchsorted(self._some, x, side="right")
        return np.asarray(np.where(x < 0, self.count, above))

    @cached_property
    def _some(self) -> Floats:
        """The losses above zero, ascending: of most lines few horizons have any."""
        return np.sort(self.total[self.total > 0])

    @property
    def _idle(self) -> int:
        """Horizons without loss."""
        return self.count - len(self._some)

    def _ranked(self, ranks: Integers) -> Floats:
        places = np.asarray(ranks) - self._idle
        if not len(self._some):
            return np.zeros(places.shape)
        return np.asarray(np.where(places < 0, 0.0, self._some[np.maximum(places, 0)]))

    def _above(self, rank: int, v: float) -> tuple[float, float]:
        # where the loss of a rank is zero, what is above it is above zero
        excess = self._some[max(rank - self._idle, 0) :] - v
        return plain(excess.sum()), plain(np.square(excess).sum())
