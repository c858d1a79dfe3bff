# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""Laws made of another law or a few: scaled, capped, sometimes, one of several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.engines.laws.atoms import as_shares, choose, greatest, least, sum_in_order, weighted
from perilscope.engines.laws.law import (
    Distribution,
    Floats,
    Numbers,
    invert,
    legendre,
    need,
    plain,
    product,
)


@dataclass(frozen=True)
class Scaled(Distribution):
    """A law times a factor.

    Parameters
    ----------
    of : Distribution
        The law.
    factor : float
        Not negative.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> Scaled(Uniform(0, 1), 4.0).mean
    2.0
    """

    of: Distribution
    factor: float

    def __post_init__(self) -> None:
        need((np.asarray(self.factor) >= 0) & np.isfinite(self.factor), "a factor is >= 0")

    @property
    def mean(self) -> float:
        return plain(product(self.factor, self.of.mean))

    @property
    def second(self) -> float:
        return plain(product(self.factor**2, self.of.second))

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.of.support
        return plain(product(self.factor, low)), plain(product(self.factor, high))

    def _divided(self, x: Numbers) -> Any:
        """X in units of the factor; with factor 0 any finite number does, see ``_at_zero``."""
        return np.asarray(x, dtype=np.float64) / np.where(
            np.asarray(self.factor) > 0, self.factor, 1
        )

    def _at_zero(self, otherwise: Any, value: Any) -> Floats:
        return np.asarray(np.where(np.asarray(self.factor) > 0, value, otherwise))

    def lev(self, x: Numbers) -> Floats:
        return self._at_zero(np.minimum(x, 0.0), self.factor * self.of.lev(self._divided(x)))

    def second_lev(self, x: Numbers) -> Floats:
        value = self.factor**2 * self.of.second_lev(self._divided(x))
        return self._at_zero(np.minimum(x, 0.0) ** 2, value)

    def cdf(self, x: Numbers) -> Floats:
        return self._at_zero(np.where(np.asarray(x) >= 0, 1.0, 0.0), self.of.cdf(self._divided(x)))

    def ppf(self, u: Numbers) -> Floats:
        return np.asarray(product(self.factor, self.of.ppf(u)))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.factor * self.of.sample(rng, n)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        nodes, weights = self.of.gauss(n)
        return self.factor * nodes, weights


@dataclass(frozen=True)
class Capped(Distribution):
    """The smaller of a law and a cap: min(X, cap).

    Parameters
    ----------
    of : Distribution
        The law; it may have no mean.
    cap : float
        The cap.

    Examples
    --------
    Half of what is even up to 4 is cut at 2: 1 on average below, 2 above.

    >>> from perilscope.engines.laws.continuous import Uniform
    >>> Capped(Uniform(0.0, 4.0), 2.0).mean
    1.5
    """

    of: Distribution
    cap: float

    def __post_init__(self) -> None:
        need(np.isfinite(self.cap), "a cap is a finite number")

    @property
    def mean(self) -> float:
        return plain(self.of.lev(self.cap))

    @property
    def second(self) -> float:
        return plain(self.of.second_lev(self.cap))

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.of.support
        return plain(np.minimum(low, self.cap)), plain(np.minimum(high, self.cap))

    def lev(self, x: Numbers) -> Floats:
        return self.of.lev(np.minimum(x, self.cap))

    def second_lev(self, x: Numbers) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        return self.of.second_lev(np.minimum(x, self.cap))

    def cdf(self, x: Numbers) -> Floats:
        return np.where(np.asarray(x) >= self.cap, 1.0, self.of.cdf(x))

    def ppf(self, u: Numbers) -> Floats:
        return np.minimum(self.of.ppf(u), self.cap)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.minimum(self.of.sample(rng, n), self.cap)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """The atom at the cap, and Gauss-Legendre in the probability below it."""
        low, high = self.of.support
        if self.cap >= high:
            return self.of.gauss(n)
        below = float(self.of.cdf(self.cap)) if self.cap > low else 0.0
        if not below:
            return np.array([self.cap]), np.array([1.0])
        u, weights = legendre(max(n - 1, 1))
        nodes = np.append(self.ppf(below * u), self.cap)
        return nodes, np.append(below * weights, 1 - below)


@dataclass(frozen=True)
class Sometimes(Distribution):
    """Zero, or with probability p a draw of another law.

    Parameters
    ----------
    p : float
        Probability that the other law counts.
    of : Distribution
        A law of what is not negative.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Constant
    >>> Sometimes(0.25, Constant(8.0)).mean
    2.0
    """

    p: float
    of: Distribution

    def __post_init__(self) -> None:
        need((np.asarray(self.p) >= 0) & (np.asarray(self.p) <= 1), "a probability is in [0, 1]")
        need(np.asarray(self.of.support[0]) >= 0, "what counts sometimes is never negative")

    @property
    def mean(self) -> float:
        return plain(product(self.p, self.of.mean))

    @property
    def second(self) -> float:
        return plain(product(self.p, self.of.second))

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.of.support
        p = np.asarray(self.p)
        return plain(np.where(p == 1, low, 0.0)), plain(np.where(p > 0, high, 0.0))

    def lev(self, x: Numbers) -> Floats:
        return (1 - self.p) * np.minimum(x, 0.0) + self.p * self.of.lev(x)

    def second_lev(self, x: Numbers) -> Floats:
        return (1 - self.p) * np.minimum(x, 0.0) ** 2 + self.p * self.of.second_lev(x)

    def cdf(self, x: Numbers) -> Floats:
        return np.where(np.asarray(x) >= 0, 1 - self.p, 0.0) + self.p * self.of.cdf(x)

    def ppf(self, u: Numbers) -> Floats:
        u = np.asarray(u, dtype=np.float64)
        if self.p == 0:
            return np.zeros_like(u)
        above = np.clip((u - (1 - self.p)) / self.p, 0.0, 1.0)
        return np.where(above > 0, self.of.ppf(above), self.support[0])

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        drawn = np.zeros(n)
        hit = np.flatnonzero(rng.random(n) < self.p)
        drawn[hit] = self.of.take(hit).sample(rng, len(hit))
        return drawn

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """The atom at zero, and the nodes of the other law."""
        nodes, weights = self.of.gauss(max(n - 1, 1))
        return np.append(0.0, nodes), np.append(1 - self.p, self.p * weights)


@dataclass(frozen=True)
class Mixture(Distribution):
    """One of several laws, drawn by weight.

    Parameters
    ----------
    weights : sequence of float
        Probabilities of the parts; they sum to one.
    parts : sequence of Distribution
        The laws.

    Examples
    --------
    >>> from perilscope.engines.laws.continuous import Uniform
    >>> law = Mixture((0.75, 0.25), (Uniform(0.0, 2.0), Uniform(8.0, 12.0)))
    >>> law.mean, float(law.cdf(8.0))
    (3.25, 0.75)
    """

    weights: tuple[float, ...]
    parts: tuple[Distribution, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", as_shares(self.weights))
        object.__setattr__(self, "parts", tuple(self.parts))
        need(len(self.weights) == len(self.parts), "as many weights as laws")

    @property
    def mean(self) -> float:
        return weighted(self.weights, [part.mean for part in self.parts])

    @property
    def second(self) -> float:
        return weighted(self.weights, [part.second for part in self.parts])

    @property
    def support(self) -> tuple[float, float]:
        pairs = zip(self.weights, self.parts, strict=True)
        ends = [part.support for w, part in pairs if np.any(np.asarray(w) > 0)]
        return least([low for low, _ in ends]), greatest([high for _, high in ends])

    def _over(self, function: Callable[[Distribution], Any]) -> Floats:
        pairs = zip(self.weights, self.parts, strict=True)
        return np.asarray(sum_in_order(w * function(part) for w, part in pairs))

    def lev(self, x: Numbers) -> Floats:
        return self._over(lambda part: part.lev(x))

    def second_lev(self, x: Numbers) -> Floats:
        return self._over(lambda part: part.second_lev(x))

    def cdf(self, x: Numbers) -> Floats:
        return np.minimum(self._over(lambda part: part.cdf(x)), 1.0)

    def ppf(self, u: Numbers) -> Floats:
        # a quantile of the mixture lies between the least and the greatest one of its parts
        pairs = zip(self.weights, self.parts, strict=True)
        quantiles = np.stack([np.asarray(part.ppf(u)) for w, part in pairs if w])
        return invert(self, np.asarray(u) * (1 - 1e-15), quantiles.min(0), quantiles.max(0))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        which = choose(rng, self.weights, n)
        drawn = np.zeros(n)
        for index, part in enumerate(self.parts):
            here = np.flatnonzero(which == index)
            drawn[here] = part.take(here).sample(rng, len(here))
        return drawn

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        """The nodes of every part; n for each."""
        pairs = [(w, part.gauss(n)) for w, part in zip(self.weights, self.parts, strict=True) if w]
        return (
            np.concatenate([nodes for _, (nodes, _) in pairs]),
            np.concatenate([w * weights for w, (_, weights) in pairs]),
        )
