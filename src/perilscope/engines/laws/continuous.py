# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""Laws given by where they lie and how far they spread: uniform, triangular, normal, lognormal."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erfc, log_ndtr, ndtr, ndtri

from perilscope.engines.laws.law import (
    Distribution,
    Floats,
    Numbers,
    finite,
    golub_welsch,
    legendre,
    need,
    plain,
    positive,
    product,
    rising,
)
from perilscope.once import cached_property

_DENSITY = 1 / np.sqrt(2 * np.pi)
_ROOT = float(np.sqrt(0.5))
_LARGE = 709.0
"""Of a number up to this the exponential is a number."""


@dataclass(frozen=True)
class Uniform(Distribution):
    """Every value between low and high alike.

    Parameters
    ----------
    low, high : float
        Ends; low < high.

    Examples
    --------
    >>> law = Uniform(2.0, 4.0)
    >>> law.mean, float(law.cdf(2.5)), float(law.ppf(0.75))
    (3.0, 0.25, 3.5)
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        need(np.asarray(self.low) < self.high, "a uniform law needs low < high")
        need(finite(self.low, self.high), "a uniform law needs finite ends")

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def second(self) -> float:
        return (self.low * self.low + self.low * self.high + self.high * self.high) / 3

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def lev(self, x: Numbers) -> Floats:
        inside = np.clip(x, self.low, self.high)
        below = np.minimum(np.asarray(x) - self.low, 0)
        return np.asarray(below + inside - (inside - self.low) ** 2 / (2 * (self.high - self.low)))

    def second_lev(self, x: Numbers) -> Floats:
        inside = np.clip(x, self.low, self.high)
        partial = (inside**3 - self.low**3) / (3 * (self.high - self.low))
        return np.where(
            np.asarray(x) < self.low, np.asarray(x) ** 2, partial + inside**2 * (1 - self.cdf(x))
        )

    def cdf(self, x: Numbers) -> Floats:
        return np.clip((np.asarray(x) - self.low) / (self.high - self.low), 0.0, 1.0)

    def ppf(self, u: Numbers) -> Floats:
        return self.low + np.asarray(u) * (self.high - self.low)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.low + (self.high - self.low) * rng.random(n)


@dataclass(frozen=True)
class Triangular(Distribution):
    """A density that rises straight to the mode and falls straight from it.

    Parameters
    ----------
    low, mode, high : float
        low <= mode <= high and low < high.

    Examples
    --------
    >>> Triangular(0, 3, 6).mean
    3.0
    """

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        need(np.asarray(self.low) <= self.mode, "a triangular law needs low <= mode")
        need(np.asarray(self.mode) <= self.high, "a triangular law needs mode <= high")
        need(np.asarray(self.low) < self.high, "a triangular law needs low < high")
        need(finite(self.low, self.high), "a triangular law needs finite ends")

    @property
    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3

    @property
    def second(self) -> float:
        a, b, c = self.low, self.mode, self.high
        return (a * a + b * b + c * c + a * b + a * c + b * c) / 6

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def _sides(self, x: Numbers) -> tuple[Any, Any, Any, Any]:
        """Distances into the rising and from the falling side, and the two slopes' divisors."""
        x = np.asarray(x, dtype=np.float64)
        width = np.asarray(self.high, dtype=np.float64) - self.low
        rise, fall = np.asarray(self.mode) - self.low, np.asarray(self.high) - self.mode
        up = np.clip(x - self.low, 0, rise)
        down = np.clip(self.high - x, 0, fall)
        # a side without width holds no x but its end, where the distance is zero as well
        return up, down, np.where(rise > 0, width * rise, 1), np.where(fall > 0, width * fall, 1)

    def lev(self, x: Numbers) -> Floats:
        up, down, rising, falling = self._sides(x)
        x = np.asarray(x, dtype=np.float64)
        left = np.minimum(x, self.mode) - up**3 / (3 * rising)
        return np.asarray(np.where(x < self.mode, left, self.mean - down**3 / (3 * falling)))

    def second_lev(self, x: Numbers) -> Floats:
        up, down, rising, falling = self._sides(x)
        x = np.asarray(x, dtype=np.float64)
        # x^2 - 2 int F y dy on the rising side; second - 2 int S y dy on the falling side
        left = x**2 - 2 * (up**4 / 4 + self.low * up**3 / 3) / rising
        right = self.second - 2 * (self.high * down**3 / 3 - down**4 / 4) / falling
        return np.asarray(np.where(x < self.mode, left, right))

    def cdf(self, x: Numbers) -> Floats:
        up, down, rising, falling = self._sides(x)
        return np.asarray(
            np.where(np.asarray(x) < self.mode, up**2 / rising, 1 - down**2 / falling)
        )

    def ppf(self, u: Numbers) -> Floats:
        u = np.asarray(u, dtype=np.float64)
        width, rise = self.high - self.low, self.mode - self.low
        fall = self.high - self.mode
        left = self.low + np.sqrt(u * width * rise)
        right = self.high - np.sqrt((1 - u) * width * fall)
        return np.asarray(np.where(u < rise / width, left, right))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.ppf(rng.random(n))

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """Gauss nodes on each side of the mode, so that the kink does no harm."""
        if n < 2:
            return np.array([self.mean]), np.array([1.0])
        t, w = legendre(max(n // 2, 2))  # the density is a polynomial on each side
        sides = [(self.low, self.mode, 2 * t), (self.mode, self.high, 2 * (1 - t))]
        nodes = np.concatenate([a + (b - a) * t for a, b, _ in sides if b > a])
        share = [(b - a) / (self.high - self.low) * w * slope for a, b, slope in sides if b > a]
        weights = np.concatenate(share)
        return nodes, weights / weights.sum()


@dataclass(frozen=True)
class Normal(Distribution):
    """The normal law.

    Parameters
    ----------
    mean, sd : float
        Mean and standard deviation; sd > 0.

    Examples
    --------
    >>> law = Normal(10.0, 2.0)
    >>> law.second, float(law.cdf(10.0))  # 10^2 + 2^2
    (104.0, 0.5)
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        need(np.isfinite(self.mean), "a normal law needs a finite mean")
        positive = (np.asarray(self.sd) > 0) & np.isfinite(self.sd)
        need(positive, "a normal law needs a finite standard deviation > 0")

    @property
    def second(self) -> float:
        return self.mean * self.mean + self.sd * self.sd

    @property
    def support(self) -> tuple[float, float]:
        return -np.inf, np.inf

    def lev(self, x: Numbers) -> Floats:
        z = (np.asarray(x, dtype=np.float64) - self.mean) / self.sd
        return np.asarray(self.mean * ndtr(z) - self.sd * _phi(z) + product(ndtr(-z), x))

    def second_lev(self, x: Numbers) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        z = (x - self.mean) / self.sd
        partial = self.second * ndtr(z) - self.sd * product(_phi(z), self.mean + x)
        return np.asarray(partial + product(ndtr(-z), x**2))

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(ndtr((np.asarray(x) - self.mean) / self.sd))

    def ppf(self, u: Numbers) -> Floats:
        return np.asarray(self.mean + self.sd * ndtri(u))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.mean + self.sd * rng.standard_normal(n)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        z, weights = hermite(n)
        return self.mean + self.sd * z, weights


@dataclass(frozen=True)
class Lognormal(Distribution):
    """The exponential of a normal law.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the logarithm; sigma > 0.

    Examples
    --------
    >>> law = Lognormal.from_quantiles(100_000, 1_000_000)
    >>> round(law.sigma, 9), round(float(law.ppf(0.95)))
    (0.699936169, 1000000)
    """

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        need(finite(self.mu), "a lognormal law needs a finite mu")
        need(positive(self.sigma), "a lognormal law needs a finite sigma > 0")

    @classmethod
    def from_quantiles(cls, low: float, high: float, p: float = 0.05) -> Lognormal:
        """The law with probability p below ``low`` and p above ``high``; 0 < low < high."""
        need(rising(0.0, low, high), "quantiles must satisfy 0 < low < high")
        need(0 < p < 0.5, "the probability outside on each side must lie between 0 and 0.5")
        log = math.log if type(low) is type(high) is float else np.log
        below, above = log(low), log(high)
        return cls(plain((below + above) / 2), plain((above - below) / (-2 * _score(p))))

    @classmethod
    def from_mean_sd(cls, mean: float, sd: float) -> Lognormal:
        """The law with this mean and standard deviation, both > 0."""
        need((np.asarray(mean) > 0) & (np.asarray(sd) > 0), "a lognormal law needs mean, sd > 0")
        square = np.log1p((np.asarray(sd) / mean) ** 2)
        return cls(plain(np.log(mean) - square / 2), plain(np.sqrt(square)))

    @classmethod
    def from_median_p95(cls, median: float, p95: float) -> Lognormal:
        """The law with this median and 95 % quantile; 0 < median < p95."""
        need(
            (np.asarray(median) > 0) & (np.asarray(median) < p95),
            "a lognormal law needs 0 < median < p95",
        )
        return cls(plain(np.log(median)), plain(np.log(np.asarray(p95) / median) / ndtri(0.95)))

    @cached_property  # asked for again and again
    def mean(self) -> float:
        return plain(_exp(self.mu + self.sigma**2 / 2))

    @cached_property
    def second(self) -> float:
        return plain(_exp(2 * self.mu + 2 * self.sigma**2))

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, np.inf

    def _z(self, x: Numbers) -> Any:
        with np.errstate(divide="ignore"):
            return (np.log(np.maximum(x, 0.0)) - self.mu) / self.sigma

    def lev(self, x: Numbers) -> Floats:
        z = self._z(x)
        return np.asarray(self._below(1, z - self.sigma) + _times(_above(z), x))

    def second_lev(self, x: Numbers) -> Floats:
        z = self._z(x)
        return np.asarray(self._below(2, z - 2 * self.sigma) + _times(_above(z), np.square(x)))

    def _below(self, k: int, z: Any) -> Any:
        """E[X^k; X <= x] where z is the score of x less k sigma; by logs where E X^k overflows."""
        moment = self.mean if k == 1 else self.second
        if np.all(np.isfinite(moment)):
            return moment * _above(-z)
        return _exp(k * self.mu + k * k * self.sigma**2 / 2 + log_ndtr(z))

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(ndtr(self._z(x)))

    def ppf(self, u: Numbers) -> Floats:
        return np.asarray(np.exp(self.mu + self.sigma * ndtri(u)))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.exp(self.mu + self.sigma * rng.standard_normal(n))

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        z, weights = hermite(n)
        return np.exp(self.mu + self.sigma * z), weights


@functools.lru_cache(maxsize=64)
def _score(p: float) -> float:
    """Quantile of the standard normal law."""
    return float(ndtri(p))


def hermite(n: int) -> tuple[Floats, Floats]:
    """Gauss nodes and weights of the standard normal law.

    Examples
    --------
    Exact for the moments of a standard normal variable; the fourth is 3:

    >>> x, weights = hermite(3)
    >>> round(float(weights @ x**4), 12)
    3.0
    """
    return golub_welsch(np.zeros(n), np.sqrt(np.arange(1, n, dtype=np.float64)))


def _above(z: Any) -> Any:
    """P(Z > z) of a standard normal Z; as exact as the distribution function, and faster."""
    return 0.5 * erfc(z * _ROOT)


def _times(chance: Any, x: Any) -> Any:
    """A probability times a loss, nothing where the loss is infinite and the probability zero."""
    if np.all(np.isfinite(x)):
        return chance * x
    return product(chance, x)


def _exp(x: Any) -> Any:
    """Exponential; infinite, without a word, where it is too large for a number."""
    if type(x) is float and x < _LARGE:
        return math.exp(x)
    with np.errstate(over="ignore"):
        return np.exp(x)


def _phi(z: Any) -> Any:
    return _DENSITY * np.exp(-np.square(z) / 2)
