# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""Laws that sit on a few values: a constant and a list of outcomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from perilscope.engines.laws.law import Distribution, Floats, Numbers, finite, need, plain, product
from perilscope.once import cached_property


@dataclass(frozen=True)
class Constant(Distribution):
    """Always the same value.

    Parameters
    ----------
    value : float
        The value.

    Examples
    --------
    >>> Constant(3.0).mean, float(Constant(3.0).lev(2.0))
    (3.0, 2.0)
    """

    value: float

    def __post_init__(self) -> None:
        need(np.isfinite(self.value), "a constant is a finite number")

    @property
    def mean(self) -> float:
        return self.value

    @property
    def second(self) -> float:
        return self.value * self.value

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def lev(self, x: Numbers) -> Floats:
        return np.minimum(self.value, x)

    def second_lev(self, x: Numbers) -> Floats:
        return np.minimum(self.value, x) ** 2

    def cdf(self, x: Numbers) -> Floats:
        return np.where(np.asarray(x) >= self.value, 1.0, 0.0)

    def ppf(self, u: Numbers) -> Floats:
        return np.where(np.asarray(u) >= 0, self.value, np.nan)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.full(n, self.value, dtype=np.float64)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        return np.array([self.value]), np.array([1.0])


@dataclass(frozen=True)
class Discrete(Distribution):
    """One of a few values.

    Parameters
    ----------
    values : sequence of float
        The values, in any order.
    probabilities : sequence of float
        Their probabilities; they sum to one within 1e-9 and are then made to.

    Examples
    --------
    >>> Discrete((0, 10), (0.75, 0.25)).mean
    2.5
    """

    values: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", as_tuple(self.values))
        object.__setattr__(self, "probabilities", as_shares(self.probabilities))
        need(len(self.values) == len(self.probabilities), "as many values as probabilities")
        need(finite(*self.values), "the values of a discrete law are finite numbers")

    @classmethod
    def empirical(cls, values: Sequence[float]) -> Discrete:
        """Values that were seen, each as likely as any other; one seen twice counts twice.

        Parameters
        ----------
        values : sequence of float
            Plain finite numbers, in any order.

        Examples
        --------
        >>> Discrete.empirical([40, 10, 40, 30]).probabilities
        (0.25, 0.25, 0.5)
        """
        seen = np.asarray(values, dtype=np.float64)
        need(seen.ndim == 1 and seen.size > 0, "an empirical law has at least one value")
        points, counts = np.unique(seen, return_counts=True)
        return cls(tuple(points.tolist()), tuple((counts / seen.size).tolist()))

    @property
    def mean(self) -> float:
        return weighted(self.probabilities, self.values)

    @property
    def second(self) -> float:
        return weighted(self.probabilities, [value * value for value in self.values])

    @property
    def support(self) -> tuple[float, float]:
        return least(self.values), greatest(self.values)

    def lev(self, x: Numbers) -> Floats:
        if self.varies:
            return self._over(lambda value: np.minimum(value, x))
        return self._limited(x, 1)

    def second_lev(self, x: Numbers) -> Floats:
        if self.varies:
            return self._over(lambda value: np.minimum(value, x) ** 2)
        return self._limited(x, 2)

    def cdf(self, x: Numbers) -> Floats:
        if self.varies:
            total = self._over(lambda value: np.where(np.asarray(x) >= value, 1.0, 0.0))
            return np.where(np.asarray(x) >= self.support[1], 1.0, np.minimum(total, 1.0))
        values, reached = self._steps
        return reached[np.searchsorted(values, x, side="right")]

    def ppf(self, u: Numbers) -> Floats:
        values, reached = self._steps
        # a level that was itself summed from probabilities must not miss its step by one bit
        index = np.searchsorted(reached[1:], np.asarray(u) * (1 - 1e-15), side="left")
        return values[np.minimum(index, len(values) - 1)]

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        drawn = choose(rng, self.probabilities, n)
        if not any(np.ndim(value) for value in self.values):
            return np.asarray(np.asarray(self.values, dtype=np.float64)[drawn])
        table = np.stack([np.broadcast_to(value, (n,)) for value in self.values])
        return np.asarray(table[drawn, np.arange(n)], dtype=np.float64)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        order = np.argsort(self.values, kind="stable")
        return (
            np.asarray(self.values, dtype=np.float64)[order],
            np.asarray(self.probabilities, dtype=np.float64)[order],
        )

    @cached_property
    def _steps(self) -> tuple[Floats, Floats]:
        """The values in rising order, and the probability up to none, one, ..., all of them."""
        values, probabilities = self.gauss(len(self.values))
        reached = np.append(0.0, np.minimum(np.cumsum(probabilities), 1.0))
        reached[-1] = 1.0
        return values, reached

    def _limited(self, x: Numbers, power: int) -> Floats:
        """E min(X, x)^power: the values up to x as they are, the others as x."""
        x = np.asarray(x, dtype=np.float64)
        values, probabilities = self.gauss(len(self.values))
        whole = np.append(0.0, np.cumsum(probabilities * values**power))
        beyond = np.append(np.cumsum(probabilities[::-1])[::-1], 0.0)
        k = np.searchsorted(values, x, side="right")
        return np.asarray(whole[k] + product(beyond[k], x**power))

    def _over(self, function: Any) -> Floats:
        pairs = zip(self.probabilities, self.values, strict=True)
        return np.asarray(sum_in_order(p * function(value) for p, value in pairs))


def as_tuple(values: Sequence[Any]) -> tuple[Any, ...]:
    """A tuple of plain floats, or of arrays where an entry stands for many laws."""
    need(len(values) > 0, "a law needs at least one value")
    return tuple(plain(value) for value in values)


def as_shares(probabilities: Sequence[Any]) -> tuple[Any, ...]:
    """Probabilities as a tuple that sums to one.

    Examples
    --------
    >>> as_shares([0.25, 0.75])
    (0.25, 0.75)
    """
    shares = as_tuple(probabilities)
    need([np.all(np.asarray(p) >= 0) for p in shares], "a probability must not be negative")
    total = sum_in_order(iter(shares))
    need(np.abs(total - 1) <= 1e-9, "probabilities sum to one")
    return tuple(plain(p / total) for p in shares)


def weighted(weights: Sequence[float], values: Sequence[float]) -> float:
    """Sum of products; an infinite value with weight zero does not count.

    Examples
    --------
    >>> weighted([0.5, 0.5, 0.0], [1.0, 3.0, math.inf])
    2.0
    """
    if not any(np.ndim(part) for part in (*weights, *values)):
        return math.fsum(w * v for w, v in zip(weights, values, strict=True) if w)
    return plain(sum_in_order(w * v for w, v in zip(weights, values, strict=True)))


def least(values: Sequence[float]) -> float:
    """The smallest, entry by entry where there are arrays."""
    return plain(reduce(np.minimum, values))


def greatest(values: Sequence[float]) -> float:
    """The largest, entry by entry where there are arrays."""
    return plain(reduce(np.maximum, values))


def sum_in_order(parts: Any) -> Any:
    """Sum from the first to the last, whatever the shapes."""
    total: Any = 0.0
    for part in parts:
        total = total + part
    return total


def choose(rng: np.random.Generator, probabilities: Sequence[Any], n: int) -> Any:
    """Index of one of a few cases for each of n draws; probabilities may be arrays (n,)."""
    u = rng.random(n)
    reached: Any = 0.0
    drawn = np.zeros(n, dtype=np.int64)
    for p in probabilities[:-1]:
        reached = reached + p
        drawn += u >= reached
    return drawn
