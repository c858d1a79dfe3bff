# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in the base class
"""Laws of the number of events in a period, closed under thinning and under "at least one".

Thinning holds for the whole law, not only for its mean: when each event survives independently
with probability q, the generating function becomes G(1 - q + q z). Parameters may be arrays of
length n, as in :mod:`perilscope.engines.laws.law`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perilscope.engines.laws.arrivals import arrivals
from perilscope.engines.laws.exponentials import exponential, log_beside_one
from perilscope.engines.laws.law import Integers, Parameterised, need, plain

_EASY = 64
"""Chances up to which a power is as exact as a logarithm."""


class CountLaw(Parameterised, ABC):
    """The law of the number N of events in a period.

    Attributes
    ----------
    mean : float
        E N.
    second_factorial : float
        E N(N - 1).
    zero : float
        P(N = 0).
    """

    if TYPE_CHECKING:  # at run time some laws carry their mean as a field, which a property bars

        @property
        def mean(self) -> float: ...

    @property
    @abstractmethod
    def second_factorial(self) -> float:
        """E N(N - 1)."""

    @property
    @abstractmethod
    def zero(self) -> float:
        """P(N = 0)."""

    @property
    def variance(self) -> float:
        """Var N."""
        return self.second_factorial + self.mean - self.mean * self.mean

    @abstractmethod
    def pgf(self, z: Any) -> Any:
        """Generating function E z^N for real or complex z with |z| <= 1 (any shape)."""

    @abstractmethod
    def thin(self, q: float) -> CountLaw:
        """The law of the events that survive when each does with probability q."""

    @abstractmethod
    def given_some(self) -> CountLaw:
        """The law given that there is at least one event."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        """Counts, shape (n,)."""

    @abstractmethod
    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        """Counts given at least one event, shape (n,)."""

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        """For each event in n independent periods the index of its period.

        The law is that of ``repeat(arange(n), sample(n))``, in an order that may differ; laws that
        can draw all periods at once do, so that cost follows events and not periods.
        """
        return np.repeat(np.arange(n), self.sample(rng, n))


@dataclass(frozen=True)
class Poisson(CountLaw):
    """Events that come independently at a steady rate.

    Parameters
    ----------
    mean : float
        Expected number in the period.

    Examples
    --------
    >>> Poisson(2.0).thin(0.25)
    Poisson(mean=0.5)
    >>> round(Poisson(2.0).zero, 6)
    0.135335
    """

    mean: float

    def __post_init__(self) -> None:
        if type(self.mean) is not float or not 0.0 <= self.mean < math.inf:
            need(
                np.isfinite(self.mean) & (np.asarray(self.mean) >= 0), "a Poisson mean must be >= 0"
            )

    @property
    def second_factorial(self) -> float:
        return self.mean * self.mean

    @property
    def zero(self) -> float:
        return math.exp(-self.mean) if type(self.mean) is float else plain(np.exp(-self.mean))

    def pgf(self, z: Any) -> Any:
        return exponential(self.mean * (np.asarray(z) - 1))

    def thin(self, q: float) -> Poisson:
        return Poisson(self.mean * share(q))

    def given_some(self) -> ZeroModifiedPoisson:
        return ZeroModifiedPoisson(1.0, self.mean)

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return rng.poisson(self.mean, n)

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        return poisson_some(rng, self.mean, n)

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        if n == 0:
            return np.zeros(0, dtype=np.int64)
        if np.ndim(self.mean) == 0:  # all events at once, each in a period taken at random
            return rng.integers(0, n, rng.poisson(self.mean * n), dtype=np.int64)
        return arrivals(rng, np.asarray(self.mean))


@dataclass(frozen=True)
class Binomial(CountLaw):
    """At most n events, each with probability p.

    Parameters
    ----------
    n : int
        Number of chances.
    p : float
        Probability of each.

    Examples
    --------
    >>> Binomial(3, 0.5).thin(0.5).mean
    0.75
    """

    n: int
    p: float

    def __post_init__(self) -> None:
        if type(self.n) is not int or self.n < 1:
            need(np.asarray(self.n) >= 1, "a binomial law needs at least one chance")
            need(
                np.asarray(self.n) == np.floor(self.n),
                "the chances of a binomial law must be a whole number",
            )
        _probability(self.p)

    @property
    def mean(self) -> float:
        return self.n * self.p

    @property
    def second_factorial(self) -> float:
        return self.n * (self.n - 1) * self.p * self.p

    @property
    def zero(self) -> float:
        if type(self.n) is int and self.n == 1:
            return 1 - self.p
        return plain(np.exp(self.n * log_beside_one(-np.asarray(self.p))))

    def pgf(self, z: Any) -> Any:
        if np.ndim(self.n) == 0 and self.n <= _EASY:
            one = 1 - self.p + self.p * np.asarray(z)
            return one if self.n == 1 else one**self.n
        return np.exp(self.n * log_beside_one(self.p * (np.asarray(z) - 1)))

    def thin(self, q: float) -> Binomial:
        return Binomial(self.n, self.p * share(q))

    def given_some(self) -> CountLaw:
        if np.all(np.asarray(self.n) == 1):
            return Binomial(1, plain(np.ones_like(self.p, dtype=np.float64)))
        return Hurdle(1.0, self)

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return rng.binomial(self.n, self.p, n)

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        # The first success is a truncated geometric; what comes after it is free.
        u = rng.random(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            first = np.ceil(np.log1p(-u * (1 - self.zero)) / np.log1p(-np.asarray(self.p)))
        first = np.where(np.isfinite(first), np.clip(first, 1, self.n), 1).astype(np.int64)
        return 1 + rng.binomial(np.asarray(self.n) - first, self.p, n)

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        if np.all(np.asarray(self.n) == 1):
            return np.flatnonzero(rng.random(n) < self.p)
        return super().events(rng, n)


def Bernoulli(p: float) -> Binomial:  # noqa: N802 - it reads as a law
    """One event with probability p, else none: ``Binomial(1, p)``.

    Examples
    --------
    >>> Bernoulli(0.25).zero
    0.75
    """
    return Binomial(1, p)


@dataclass(frozen=True)
class NegativeBinomial(CountLaw):
    """A Poisson law whose mean is itself gamma with shape ``size``: events that come in clusters.

    Parameters
    ----------
    size : float
        Shape of the mixing law; the smaller, the more clustered.
    mean : float
        Expected number in the period; the variance is mean + mean^2 / size.

    Examples
    --------
    >>> law = NegativeBinomial(2.0, 3.0)
    >>> law.variance, round(law.zero, 9)  # 3 + 9/2, and (1 + 3/2)^-2
    (7.5, 0.16)
    """

    size: float
    mean: float

    def __post_init__(self) -> None:
        need(np.asarray(self.size) > 0, "the size of a negative binomial must be > 0")
        need(
            np.isfinite(self.mean) & (np.asarray(self.mean) >= 0),
            "the mean of a count must be >= 0",
        )

    @property
    def second_factorial(self) -> float:
        return self.mean * self.mean * (1 + 1 / self.size)

    @property
    def zero(self) -> float:
        return plain(np.exp(-self._clusters))

    def pgf(self, z: Any) -> Any:
        return np.exp(-self.size * log_beside_one(self.mean / self.size * (1 - np.asarray(z))))

    def thin(self, q: float) -> NegativeBinomial:
        return NegativeBinomial(self.size, self.mean * share(q))

    def given_some(self) -> Hurdle:
        return Hurdle(1.0, self)

    # It is also a Poisson number of clusters with logarithmic sizes (Quenouille 1949), which draws
    # in proportion to events and knows how to be at least one.
    @property
    def _clusters(self) -> Any:
        return self.size * np.log1p(self.mean / self.size)

    def _sizes(self, rng: np.random.Generator, periods: Integers) -> Integers:
        q = np.asarray(self.mean / (self.mean + self.size))
        return rng.logseries(q[periods] if q.ndim else q, len(periods))

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return np.bincount(self.events(rng, n), minlength=n).astype(np.int64)

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        periods = np.repeat(np.arange(n), poisson_some(rng, self._clusters, n))
        sizes = self._sizes(rng, periods)
        return np.rint(np.bincount(periods, weights=sizes, minlength=n)).astype(np.int64)

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        periods = Poisson(plain(self._clusters)).events(rng, n)
        return np.repeat(periods, self._sizes(rng, periods))


@dataclass(frozen=True)
class ZeroModifiedPoisson(CountLaw):
    """Events with probability p; then their number is Poisson given at least one.

    Parameters
    ----------
    p : float
        P(N >= 1).
    rate : float
        Mean of the Poisson law before it is conditioned; 0 is the limit of exactly one event.

    Examples
    --------
    >>> law = ZeroModifiedPoisson(0.2, 1.5)
    >>> law.zero, law.thin(1.0) == law
    (0.8, True)
    """

    p: float
    rate: float

    def __post_init__(self) -> None:
        _probability(self.p)
        need(np.isfinite(self.rate) & (np.asarray(self.rate) >= 0), "a Poisson mean must be >= 0")

    @property
    def mean(self) -> float:
        return plain(self.p * _mean_some(self.rate))

    @property
    def second_factorial(self) -> float:
        return plain(self.p * self.rate * _mean_some(self.rate))

    @property
    def zero(self) -> float:
        return 1 - self.p

    def pgf(self, z: Any) -> Any:
        z, rate = np.asarray(z), np.asarray(self.rate)
        small = np.where(rate > 1e-290, np.minimum(rate, 1), 1)  # one form where sums would cancel,
        large = np.maximum(rate, 1)  # the other where exponentials would overflow
        near = np.where(rate > 1e-290, np.expm1(small * z) / np.expm1(small), z)
        far = (np.exp(large * (z - 1)) - np.exp(-large)) / -np.expm1(-large)
        return 1 - self.p + self.p * np.where(rate < 1, near, far)

    def thin(self, q: float) -> ZeroModifiedPoisson:
        # The coefficients of z^n, n >= 1, stay proportional to (rate q)^n / n!.
        q = share(q)
        some = self.p * q * (_mean_some(self.rate) / _mean_some(self.rate * q))
        return ZeroModifiedPoisson(plain(np.minimum(some, 1)), self.rate * q)

    def given_some(self) -> ZeroModifiedPoisson:
        return ZeroModifiedPoisson(1.0, self.rate)

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return np.bincount(self.events(rng, n), minlength=n).astype(np.int64)

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        return poisson_some(rng, self.rate, n)

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        return _hurdled(self, self.p, rng, n)


@dataclass(frozen=True)
class Hurdle(CountLaw):
    """Events with probability p; then their number is that of another law given at least one.

    Thinned it stays a hurdle: the survivors of ``of`` given some are, given some, those of the
    thinned law.

    Parameters
    ----------
    p : float
        P(N >= 1).
    of : CountLaw
        The law that is conditioned on at least one event.

    Examples
    --------
    A Poisson number given that it is not 0, with a chance of a half:

    >>> law = Hurdle(0.5, Poisson(1.0))
    >>> law.zero, round(law.mean, 9)  # 1 / (1 - 1/e) / 2
    (0.5, 0.790988353)
    """

    p: float
    of: CountLaw

    def __post_init__(self) -> None:
        _probability(self.p)

    @property
    def mean(self) -> float:
        return plain(self.p * _ratio(self.of.mean, 1 - np.asarray(self.of.zero), 1.0))

    @property
    def second_factorial(self) -> float:
        return plain(self.p * _ratio(self.of.second_factorial, 1 - np.asarray(self.of.zero), 0.0))

    @property
    def zero(self) -> float:
        return 1 - self.p

    def pgf(self, z: Any) -> Any:
        some = _ratio(self.of.pgf(z) - self.of.zero, 1 - np.asarray(self.of.zero), np.asarray(z))
        return 1 - self.p + self.p * some

    def thin(self, q: float) -> Hurdle:
        thinner = self.of.thin(q)
        some = _ratio(1 - np.asarray(thinner.zero), 1 - np.asarray(self.of.zero), q)
        return Hurdle(plain(np.minimum(self.p * some, 1)), thinner)

    def given_some(self) -> Hurdle:
        return Hurdle(1.0, self.of)

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return np.bincount(self.events(rng, n), minlength=n).astype(np.int64)

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        return self.of.sample_some(rng, n)

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        return _hurdled(self, self.p, rng, n)


def _hurdled(law: CountLaw, p: float, rng: np.random.Generator, n: int) -> Integers:
    periods = np.flatnonzero(rng.random(n) < p)
    return np.repeat(periods, law.take(periods).sample_some(rng, len(periods)))


def poisson_some(rng: np.random.Generator, mean: Any, n: int) -> Integers:
    """Poisson counts given at least one: the time of the first event, then what is left."""
    mean = np.asarray(mean, dtype=np.float64)
    left = mean + np.log1p(rng.random(n) * np.expm1(-mean))
    return np.asarray(1 + rng.poisson(np.maximum(left, 0)))


def _mean_some(rate: Any) -> Any:
    """Mean of a Poisson law given at least one event, rate / (1 - exp(-rate)); 1 at rate 0."""
    return _ratio(rate, -np.expm1(-np.asarray(rate, dtype=np.float64)), 1.0)


def _ratio(above: Any, below: Any, otherwise: Any) -> Any:
    """Above / below where below is not next to nothing, else the limit given."""
    below = np.asarray(below)
    there = below > 1e-290  # complex division overflows below that
    return np.where(there, above / np.where(there, below, 1), otherwise)


def share(q: float) -> float:
    """A share of events as given, or refused."""
    if type(q) is not float or not 0.0 <= q <= 1.0:
        need((np.asarray(q) >= 0) & (np.asarray(q) <= 1), "a share of events must lie in [0, 1]")
    return q


def _probability(p: float) -> None:
    if type(p) is not float or not 0.0 <= p <= 1.0:
        need((np.asarray(p) >= 0) & (np.asarray(p) <= 1), "a probability must lie in [0, 1]")
