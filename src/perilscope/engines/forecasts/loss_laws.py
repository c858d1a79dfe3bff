# SPDX-License-Identifier: Apache-2.0
"""Laws of loss, as a share of the value: what any of them can be asked, and the plain ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.portfolio import returns
from perilscope.engines.portfolio.parametric import student_measures
from perilscope.once import cached_property

Array = NDArray[np.float64]


@runtime_checkable
class Law(Protocol):
    """A law of loss, as a share of the value."""

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        ...

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        ...

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much, for each of them."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """So many independent losses."""
        ...


@dataclass(frozen=True)
class NormalLaw:
    """A normal law of loss.

    Examples
    --------
    >>> round(NormalLaw(0.0, 1.0).cvar(0.975), 6)
    2.337803
    """

    location: float
    scale: float

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return self.location + self.scale * float(special.ndtri(level))

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        z = float(special.ndtri(level))
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        return self.location + self.scale * density / (1.0 - level)

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        return np.asarray(special.ndtr((losses - self.location) / self.scale))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        return self.location + self.scale * rng.standard_normal(count)


@dataclass(frozen=True)
class StudentLaw:
    """A Student t law of loss; the standard deviation is ``scale * sqrt(df / (df - 2))``.

    Examples
    --------
    >>> round(StudentLaw(0.0, 1.0, 4.0).cvar(0.975), 6)
    3.993557
    """

    location: float
    scale: float
    df: float

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return self.location + self.scale * student_measures(level, self.df)[0]

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        return self.location + self.scale * student_measures(level, self.df)[1]

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        return np.asarray(special.stdtr(self.df, (losses - self.location) / self.scale))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        return self.location + self.scale * rng.standard_t(self.df, count)


@dataclass(frozen=True, eq=False)
class EmpiricalLaw:
    """Given losses with their probabilities (equal without).

    Examples
    --------
    >>> law = EmpiricalLaw(np.arange(1.0, 11.0))
    >>> law.var(0.85), round(law.cvar(0.85), 9), law.cdf(np.array([5.0])).tolist()
    (9.0, 9.666666667, [0.5])
    """

    losses: Array
    weights: Array | None = None

    @cached_property
    def _ordered(self) -> tuple[Array, Array]:
        """Losses in order, and the probability of each or less."""
        order = np.argsort(self.losses, kind="stable")
        if self.weights is None:
            return self.losses[order], np.arange(1.0, order.size + 1.0) / order.size
        below = np.cumsum(self.weights[order])
        return self.losses[order], below / below[-1]

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return returns.historical(self.losses, level, self.weights)[0]

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        return returns.historical(self.losses, level, self.weights)[1]

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        values, below = self._ordered
        place = np.searchsorted(values, losses, side="right")
        return np.asarray(np.concatenate([[0.0], below])[place])

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        values, below = self._ordered
        return np.asarray(values[np.searchsorted(below, rng.random(count), side="right")])
