# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""Laws with a shape: beta (with PERT), gamma, exponential, Weibull, Pareto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import (
    betainc,
    betaincinv,
    betaln,
    gamma,
    gammainc,
    gammaincc,
    gammaincinv,
)

from perilscope.engines.laws.beta_quantiles import MANY, quantiles
from perilscope.engines.laws.betafit import beta_shapes
from perilscope.engines.laws.law import (
    Distribution,
    Floats,
    Numbers,
    finite,
    golub_welsch,
    need,
    plain,
    positive,
    product,
    rising,
)


@dataclass(frozen=True)
class Beta(Distribution):
    """A beta law, on [0, 1] or stretched to [low, high].

    Parameters
    ----------
    a, b : float
        Shapes; > 0.
    low, high : float
        Ends.

    Examples
    --------
    >>> Beta.pert(0, 10, 100).mean
    23.333333333333332
    """

    a: float
    b: float
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        need(positive(self.a, self.b), "a beta law needs finite shapes > 0")
        need(finite(self.a, self.b, self.low, self.high), "beta: shapes and ends must be finite")
        need(rising(self.low, self.high), "a beta law needs low < high")

    @classmethod
    def pert(cls, low: float, mode: float, high: float, weight: float = 4.0) -> Beta:
        """The PERT law in the parametrisation of Vose (2000); the weight of the mode is his lambda.

        The mean is (low + weight mode + high) / (weight + 2).
        """
        if not rising(low, mode, high):
            need(np.asarray(low) <= mode, "a PERT law needs low <= mode")
            need(np.asarray(mode) <= high, "a PERT law needs mode <= high")
            need(np.asarray(low) < high, "a PERT law needs low < high")
        need(positive(weight), "the weight of a PERT law's mode must be a finite number > 0")
        width = high - low
        a, b = 1 + weight * (mode - low) / width, 1 + weight * (high - mode) / width
        return cls(a, b, low, high)

    @classmethod
    def from_mean_sd(cls, mean: float, sd: float, low: float = 0.0, high: float = 1.0) -> Beta:
        """The beta law on [low, high] with this mean and standard deviation."""
        m, s = (np.asarray(mean) - low) / (high - low), np.asarray(sd) / (high - low)
        need((m > 0) & (m < 1), "the mean of a beta law must lie inside its ends")
        need(s > 0, "a beta law needs a standard deviation > 0")
        need(s * s < m * (1 - m), "no beta law with this mean spreads as far as this sd")
        size = m * (1 - m) / (s * s) - 1
        return cls(plain(m * size), plain((1 - m) * size), low, high)

    @classmethod
    def from_quantiles(cls, low: float, high: float, p: float = 0.05) -> Beta:
        """The beta law on [0, 1] with probability p below ``low`` and p above ``high``.

        Raises
        ------
        MisuseError
            If not 0 < low < high < 1, or no law is found.

        Examples
        --------
        >>> law = Beta.from_quantiles(0.02, 0.09)
        >>> [round(float(law.cdf(x)), 9) for x in (0.02, 0.09)]
        [0.05, 0.95]
        """
        need(0 < low < high < 1, "quantiles of a probability must satisfy 0 < low < high < 1")
        need(0 < p < 0.5, "the probability outside on each side must lie between 0 and 0.5")
        return cls(*beta_shapes(low, high, p, p))

    @property
    def mean(self) -> float:
        return self.low + (self.high - self.low) * self.a / (self.a + self.b)

    @property
    def variance(self) -> float:
        size = self.a + self.b
        return (self.high - self.low) ** 2 * self.a * self.b / (size * size * (size + 1))

    @property
    def second(self) -> float:
        return self.variance + self.mean**2

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def _unit(self, x: Numbers) -> Any:
        t = (np.asarray(x) - self.low) / (self.high - self.low)
        return np.minimum(np.maximum(t, 0.0), 1.0)

    def lev(self, x: Numbers) -> Floats:
        t, a, b = self._unit(x), self.a, self.b
        upto, beside = self._upto(t)
        inside = a / (a + b) * (upto - beside) + t * (1.0 - upto)
        below = np.minimum(np.asarray(x) - self.low, 0)
        return np.asarray(self.low + below + (self.high - self.low) * inside)

    def _upto(self, t: Any) -> tuple[Any, Any]:
        """I_t(a, b), and how much I_t(a + 1, b) is below it (DLMF 8.17.20)."""
        a, b = self.a, self.b
        with np.errstate(divide="ignore"):  # at the ends the power is nothing
            power = a * np.log(t) + b * np.log1p(-t)
        return betainc(a, b, t), np.exp(power - betaln(a, b)) / a

    def second_lev(self, x: Numbers) -> Floats:
        t, a, b = self._unit(x), self.a, self.b
        width = self.high - self.low
        upto, beside = self._upto(t)
        first = a / (a + b) * (upto - beside) + t * (1.0 - upto)
        further = beside + t * beside * (a + b) / (a + 1)  # I_t(a + 2, b) is as much below
        square = a * (a + 1) / ((a + b) * (a + b + 1)) * (upto - further)
        inside = width**2 * (square + t**2 * (1.0 - upto))
        whole = self.low**2 + 2 * self.low * width * first + inside
        return np.where(np.asarray(x) < self.low, np.asarray(x) ** 2, whole)

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(betainc(self.a, self.b, self._unit(x)))

    def ppf(self, u: Numbers) -> Floats:
        many = np.ndim(self.a) == 0 and np.ndim(self.b) == 0 and np.size(u) >= MANY
        if many and np.ndim(u) == 1:
            unit = quantiles(self.a, self.b, np.asarray(u, dtype=np.float64))
        else:
            unit = betaincinv(self.a, self.b, u)
        return np.asarray(self.low + (self.high - self.low) * unit)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.low + (self.high - self.low) * rng.beta(self.a, self.b, n)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        a, b = self.a, self.b
        k = np.arange(1, n, dtype=np.float64)
        double = 2 * k + a + b - 2  # Jacobi polynomials on [-1, 1] with exponents b - 1, a - 1
        with np.errstate(divide="ignore", invalid="ignore"):  # the first is mended below
            beside = k * (k + a + b - 2) * (k + a - 1) * (k + b - 1) / (double**2 * (double**2 - 1))
        if n > 1:  # the general term is 0/0 where a + b = 1
            beside[0] = a * b / ((a + b) ** 2 * (a + b + 1))
        diagonal = np.full(n, (a - b) / (a + b))
        diagonal[1:] = (a - b) * (a + b - 2) / (double * (double + 2))
        t, weights = golub_welsch(diagonal, 2 * np.sqrt(beside))
        return self.low + (self.high - self.low) * (1 + t) / 2, weights


@dataclass(frozen=True)
class Gamma(Distribution):
    """A gamma law.

    Parameters
    ----------
    shape, scale : float
        Both > 0; the mean is shape times scale.

    Examples
    --------
    >>> Gamma.from_mean_sd(6.0, 3.0)
    Gamma(shape=4.0, scale=1.5)
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        need(
            (np.asarray(self.shape) > 0) & (np.asarray(self.scale) > 0),
            "gamma: both parameters must be > 0",
        )
        need(finite(self.shape, self.scale), "gamma: both parameters must be finite")

    @classmethod
    def from_mean_sd(cls, mean: float, sd: float) -> Gamma:
        """The gamma law with this mean and standard deviation, both > 0."""
        need((np.asarray(mean) > 0) & (np.asarray(sd) > 0), "a gamma law needs mean, sd > 0")
        return cls((mean / sd) ** 2, sd * sd / mean)

    @property
    def mean(self) -> float:
        return self.shape * self.scale

    @property
    def second(self) -> float:
        return self.shape * (self.shape + 1) * self.scale**2

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, np.inf

    def lev(self, x: Numbers) -> Floats:
        t = np.maximum(x, 0) / self.scale
        inside = self.shape * gammainc(self.shape + 1, t) + product(gammaincc(self.shape, t), t)
        return np.asarray(self.scale * inside + np.minimum(x, 0))

    def second_lev(self, x: Numbers) -> Floats:
        t, k = np.maximum(x, 0) / self.scale, self.shape
        inside = k * (k + 1) * gammainc(k + 2, t) + product(gammaincc(k, t), t**2)
        return np.asarray(self.scale**2 * inside + np.minimum(x, 0) ** 2)

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(gammainc(self.shape, np.maximum(x, 0) / self.scale))

    def ppf(self, u: Numbers) -> Floats:
        return np.asarray(self.scale * gammaincinv(self.shape, u))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.scale * rng.standard_gamma(self.shape, n)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        t, weights = laguerre(n, self.shape)
        return self.scale * t, weights


@dataclass(frozen=True)
class Exponential(Distribution):
    """The exponential law.

    Parameters
    ----------
    mean : float
        Mean; > 0.

    Examples
    --------
    >>> law = Exponential(2.0)
    >>> law.mean, round(float(law.ppf(0.5)), 9)  # 2 ln 2
    (2.0, 1.386294361)
    """

    mean: float

    def __post_init__(self) -> None:
        need(
            (np.asarray(self.mean) > 0) & np.isfinite(self.mean),
            "exponential: the mean must be > 0",
        )

    @property
    def second(self) -> float:
        return 2 * self.mean**2

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, np.inf

    def lev(self, x: Numbers) -> Floats:
        below = np.minimum(x, 0)
        return np.asarray(below - self.mean * np.expm1(-np.maximum(x, 0) / self.mean))

    def second_lev(self, x: Numbers) -> Floats:
        return Gamma(plain(np.ones_like(self.mean)), self.mean).second_lev(x)

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(-np.expm1(-np.maximum(x, 0) / self.mean))

    def ppf(self, u: Numbers) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(-self.mean * np.log1p(-np.asarray(u)))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.mean * rng.standard_exponential(n)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        t, weights = laguerre(n, 1.0)
        return self.mean * t, weights


@dataclass(frozen=True)
class Weibull(Distribution):
    """A Weibull law: P(X > x) = exp(-(x / scale)^shape).

    Parameters
    ----------
    shape, scale : float
        Both > 0.

    Examples
    --------
    With a shape of 1 it is the exponential law:

    >>> law = Weibull(1.0, 2.0)
    >>> law.mean, round(float(law.cdf(2.0)), 9)  # 1 - 1/e
    (2.0, 0.632120559)
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        need(
            (np.asarray(self.shape) > 0) & (np.asarray(self.scale) > 0),
            "Weibull: both parameters must be > 0",
        )
        need(finite(self.shape, self.scale), "Weibull: both parameters must be finite")

    @property
    def mean(self) -> float:
        return plain(self.scale * gamma(1 + 1 / self.shape))

    @property
    def second(self) -> float:
        return plain(self.scale**2 * gamma(1 + 2 / self.shape))

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, np.inf

    def _time(self, x: Numbers) -> Any:
        return (np.maximum(x, 0) / self.scale) ** self.shape

    def lev(self, x: Numbers) -> Floats:
        t = self._time(x)
        inside = self.mean * gammainc(1 + 1 / self.shape, t)
        return np.asarray(inside + product(np.exp(-t), np.maximum(x, 0)) + np.minimum(x, 0))

    def second_lev(self, x: Numbers) -> Floats:
        t = self._time(x)
        inside = self.second * gammainc(1 + 2 / self.shape, t)
        return np.asarray(inside + product(np.exp(-t), np.asarray(x) ** 2))

    def cdf(self, x: Numbers) -> Floats:
        return np.asarray(-np.expm1(-self._time(x)))

    def ppf(self, u: Numbers) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(self.scale * (-np.log1p(-np.asarray(u))) ** (1 / self.shape))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.scale * rng.weibull(self.shape, n)


@dataclass(frozen=True)
class Pareto(Distribution):
    """A Pareto law: P(X > x) = (minimum / x)^shape; no mean for shape <= 1.

    Parameters
    ----------
    shape, minimum : float
        Both > 0.

    Examples
    --------
    >>> Pareto(2, 100).mean, Pareto(1, 100).mean
    (200.0, inf)
    """

    shape: float
    minimum: float

    def __post_init__(self) -> None:
        need(
            (np.asarray(self.shape) > 0) & (np.asarray(self.minimum) > 0),
            "Pareto: both parameters must be > 0",
        )
        need(finite(self.shape, self.minimum), "Pareto: both parameters must be finite")

    @property
    def mean(self) -> float:
        return plain(self._moment(1))

    @property
    def second(self) -> float:
        return plain(self._moment(2))

    @property
    def support(self) -> tuple[float, float]:
        return self.minimum, np.inf

    def _moment(self, k: int) -> Any:
        spare = np.asarray(self.shape, dtype=np.float64) - k
        finite = self.shape * np.asarray(self.minimum) ** k / np.where(spare > 0, spare, 1)
        return np.where(spare > 0, finite, np.inf)

    def _limited(self, x: Numbers, k: int) -> Any:
        """E min(X, x)^k = m^k + k m^k times the integral of exp((k - a) t), t from 0 to ln x/m."""
        span = np.log(np.maximum(x, self.minimum) / np.asarray(self.minimum, dtype=np.float64))
        power = np.asarray(k - self.shape, dtype=np.float64)
        # the integral is the span itself at power 0; an infinite span needs a negative power
        safe = np.where(power == 0, 1, power)
        with np.errstate(over="ignore"):
            grown = np.where(power == 0, span, np.expm1(np.where(span > 0, safe * span, 0)) / safe)
        return np.asarray(self.minimum) ** k * (1 + k * grown)

    def lev(self, x: Numbers) -> Floats:
        return np.asarray(self._limited(x, 1) + np.minimum(np.asarray(x) - self.minimum, 0))

    def second_lev(self, x: Numbers) -> Floats:
        inside = self._limited(x, 2)
        return np.where(np.asarray(x) < self.minimum, np.asarray(x) ** 2, inside)

    def cdf(self, x: Numbers) -> Floats:
        span = np.log(np.maximum(x, self.minimum) / np.asarray(self.minimum, dtype=np.float64))
        return np.asarray(-np.expm1(-self.shape * span))

    def ppf(self, u: Numbers) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(self.minimum * np.exp(-np.log1p(-np.asarray(u)) / self.shape))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.asarray(self.minimum * np.exp(rng.standard_exponential(n) / self.shape))


def laguerre(n: int, shape: float) -> tuple[Floats, Floats]:
    """Gauss nodes and weights of the gamma law with this shape and scale 1.

    Examples
    --------
    Exact for the moments of the law; the second of shape 3 is 3 times 4:

    >>> x, weights = laguerre(3, 3.0)
    >>> round(float(weights @ x**2), 12)
    12.0
    """
    k = np.arange(n, dtype=np.float64)
    return golub_welsch(2 * k + shape, np.sqrt(k[1:] * (k[1:] + shape - 1)))
