# SPDX-License-Identifier: Apache-2.0
"""Laws of loss from laws of the log return: loss = 1 - exp(r / 100), r in percent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.once import cached_property

Array = NDArray[np.float64]
_NODES = 160


def lost(log_percent: Array) -> Array:
    """Losses as shares of the value from 100 x log returns.

    Examples
    --------
    >>> lost(np.array([100.0 * np.log(0.9)])).round(12).tolist()
    [0.1]
    """
    return np.asarray(-np.expm1(np.asarray(log_percent) / 100.0))


def _grown(losses: Array) -> Array:
    """100 x log returns of losses; minus infinity where all is lost."""
    with np.errstate(divide="ignore"):
        return np.asarray(100.0 * np.log1p(-np.minimum(losses, 1.0)))


def _tail_mean(quantile: object, level: float) -> float:
    """The mean of a bounded loss beyond a level, from its values at 1 - level times a share."""
    assert callable(quantile)
    nodes, weights = _rule()
    return float(weights @ quantile((1.0 - level) * nodes))


@cache
def _rule() -> tuple[Array, Array]:
    """Nodes and weights on (0, 1), crowded at 0, where the worst losses are."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    v = 0.5 * (x + 1.0)
    return v**6, 3.0 * w * v**5


@dataclass(frozen=True)
class LogLaw:
    """A normal or Student t law of 100 x log returns.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the log return, in percent.
    nu : float or None
        Degrees of freedom, above 2; None is normal.

    Examples
    --------
    >>> round(LogLaw(0.0, 4.0).var(0.975), 6)
    0.075404
    """

    mu: float
    sigma: float
    nu: float | None = None

    @cached_property
    def _spread(self) -> float:
        return self.sigma if self.nu is None else self.sigma * math.sqrt((self.nu - 2.0) / self.nu)

    def quantile(self, chance: Array) -> Array:
        """Loss that is exceeded with a probability."""
        if self.nu is None:
            return lost(self.mu + self.sigma * special.ndtri(chance))
        return lost(self.mu + self._spread * special.stdtrit(self.nu, chance))

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return float(self.quantile(np.asarray(1.0 - level)))

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        if self.nu is None:  # the exponential of a normal law, cut off
            s = self.sigma / 100.0
            kept = float(special.log_ndtr(special.ndtri(1.0 - level) - s))
            return -math.expm1(self.mu / 100.0 + 0.5 * s * s + kept - math.log1p(-level))
        return _tail_mean(self.quantile, level)

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        z = (_grown(losses) - self.mu) / self._spread
        return np.asarray(special.ndtr(-z) if self.nu is None else special.stdtr(self.nu, -z))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        if self.nu is None:
            return lost(self.mu + self.sigma * rng.standard_normal(count))
        return lost(self.mu + self._spread * rng.standard_t(self.nu, count))


@dataclass(frozen=True, eq=False)
class PeaksLaw:
    """Observed residuals up to a threshold and a Pareto tail beyond, in a log return.

    Parameters
    ----------
    mu, sigma : float
        The log return, in percent, is mu - sigma x.
    below : array
        Values of x at or below the threshold, in order.
    count : int
        How many values of x there are in all.
    threshold, xi, beta : float
        Of the Pareto tail of x.

    Examples
    --------
    >>> law = PeaksLaw(0.0, 4.0, np.linspace(-2.0, 1.3, 90), 100, 1.3, 0.2, 0.6)
    >>> round(law.var(0.99), 6)
    0.115017
    """

    mu: float
    sigma: float
    below: Array
    count: int
    threshold: float
    xi: float
    beta: float

    @property
    def share(self) -> float:
        """Probability to exceed the threshold."""
        return 1.0 - self.below.size / self.count

    def at(self, chance: Array) -> Array:
        """Value of x that is exceeded with a probability."""
        chance = np.asarray(chance, dtype=np.float64)
        with np.errstate(divide="ignore", over="ignore"):
            ratio = np.log(np.minimum(chance / self.share, 1.0))
            curved = np.expm1(-self.xi * ratio) / self.xi if self.xi else -ratio
        rank = np.ceil((1.0 - chance) * self.count - 1e-9).astype(int) - 1
        body = self.below[np.clip(rank, 0, self.below.size - 1)]
        beyond = self.threshold + self.beta * curved
        return np.asarray(np.where(chance < self.share, beyond, body))

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        return float(lost(self.mu - self.sigma * self.at(np.asarray(1.0 - level))))

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        edge = max(level, 1.0 - self.share)
        worst = _tail_mean(lambda c: lost(self.mu - self.sigma * self.at(c)), edge)
        if edge == level:
            return worst
        first = np.arange(self.below.size) / self.count
        held = np.clip(first + 1.0 / self.count - np.maximum(first, level), 0.0, None)
        body = float(held @ lost(self.mu - self.sigma * self.below))
        return (body + (1.0 - edge) * worst) / (1.0 - level)

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        x = (self.mu - _grown(losses)) / self.sigma
        y = np.maximum(x - self.threshold, 0.0) / self.beta
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.xi:
                left = np.exp(-np.log(np.maximum(1.0 + self.xi * y, 0.0)) / self.xi)
            else:
                left = np.exp(-y)
        body = np.searchsorted(self.below, x, side="right") / self.count
        return np.asarray(np.where(x > self.threshold, 1.0 - self.share * left, body))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        return lost(self.mu - self.sigma * self.at(rng.random(count)))
