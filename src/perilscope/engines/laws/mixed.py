# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in counts.py
"""Counts of years that differ by chance: zero-inflated and mixed Poisson laws.

The rate of a year is the expected one times a draw W >= 0 with mean 1, anew in every year. This is
chance, not belief: years are independent, so over several years the generating functions
multiply. A part of a year has a draw of its own, which holds for that part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from perilscope.engines.laws import quadrature
from perilscope.engines.laws.counts import CountLaw, Hurdle, Poisson, poisson_some, share
from perilscope.engines.laws.distributions import (
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    Mixture,
    Spliced,
    Triangular,
)
from perilscope.engines.laws.law import Floats, Integers, legendre, need, plain

MOST_NODES = 1 << 13
"""Nodes of a law of years without a Laplace transform of its own; more would be too slow."""

_WORK = 1 << 18  # numbers in one table of nodes times arguments
_DEEP = 24  # panels of quantiles towards each end, each a quarter of the one before
_FEWER = (8, 16, 32, 64)  # nodes of the Gauss rules that are tried in place of all panels
_POINTS = ((1e-4, 16), (1e-7, 10), (1e-10, 6), (0.0, 3))  # panels that hold more have so many


@dataclass(frozen=True)
class MixedPoisson(CountLaw):
    """Poisson counts whose rate is drawn anew each year.

    Parameters
    ----------
    mixing : Distribution
        Law of W, with plain parameters: not negative, mean 1, a finite variance.
    mean : float
        Expected number in the whole period.
    years : float
        Length of the period: its whole years and the part left over each have a draw of W.

    Notes
    -----
    G(z) = L(r (1 - z))^k L(r t (1 - z)) with L the Laplace transform of W, r the mean of one year,
    k whole years and t the part of one. L is known in closed form for atoms and gamma laws (where
    one year is negative binomial), else by Gauss-Legendre panels of quantiles, fine enough for
    the widths that Poisson laws of these rates have.
    Grandell (1997), Mixed Poisson Processes, chapters 2 and 4.

    Examples
    --------
    >>> law = MixedPoisson(Gamma(2.0, 0.5), 3.0)  # the negative binomial law of size 2
    >>> round(law.zero, 12), law.variance
    (0.16, 7.5)
    >>> law.thin(0.5).mean
    1.5
    """

    mixing: Distribution
    mean: float
    years: float = 1.0

    def __post_init__(self) -> None:
        need(not self.mixing.varies, "the law of how years differ has plain parameters")
        need(
            np.isfinite(self.mean) & (np.asarray(self.mean) >= 0),
            "the mean of a count must be >= 0",
        )
        need(0 < self.years < math.inf, "a period is longer than nothing")
        need(self.mixing.support[0] >= 0, "the law of how years differ is never negative")
        need(abs(self.mixing.mean - 1) <= 1e-9, "the law of how years differ has the mean 1")
        need(math.isfinite(self.mixing.second), "the law of how years differ has a finite variance")
        if np.ndim(self.mean) == 0:
            laplace(self.mixing, 2 * self._yearly)  # refused here where it costs too much

    @property
    def _yearly(self) -> Any:
        return self.mean / self.years

    @property
    def _stretches(self) -> list[float]:
        """The lengths that have a draw each: whole years, then what is left."""
        whole, rest = divmod(self.years, 1.0)
        return [1.0] * int(whole) + ([rest] if rest > 0 else [])

    @property
    def second_factorial(self) -> float:
        squares = math.fsum(t * t for t in self._stretches)
        spread = self.mixing.variance * squares / self.years**2
        return self.mean * self.mean * (1 + spread)

    @property
    def zero(self) -> float:
        return plain(np.minimum(np.real(self.pgf(0.0)), 1.0))  # weights sum to 1 but for rounding

    def pgf(self, z: Any) -> Any:
        s = self._yearly * (1 - np.asarray(z))
        whole, rest = divmod(self.years, 1.0)
        value = laplace(self.mixing, s) ** int(whole) if whole else 1.0
        return value * laplace(self.mixing, s * rest) if rest else value

    def thin(self, q: float) -> MixedPoisson:
        return MixedPoisson(self.mixing, self.mean * share(q), self.years)

    def given_some(self) -> Hurdle:
        return Hurdle(1.0, self)

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return rng.poisson(self._rates(rng, n))

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        return Poisson(self._rates(rng, n)).events(rng, n)  # type: ignore[arg-type]

    def _rates(self, rng: np.random.Generator, n: int) -> Floats:
        """Expected events of n periods, given the draws of their years."""
        drawn = np.zeros(n)
        for length in self._stretches:
            drawn += length * self.mixing.sample(rng, n)
        return np.asarray(self._yearly * drawn)

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        """Which stretch is the first with events, how many it has, then what comes freely."""
        yearly = np.broadcast_to(np.asarray(self._yearly, dtype=np.float64), (n,))
        stretches = self._stretches
        none = [np.asarray(laplace(self.mixing, yearly * t)) for t in stretches]
        counts, begun = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        for k, length in enumerate(stretches):
            some = 1 - math.prod(none[k:], start=np.ones(n))
            here = np.where(some > 0, (1 - none[k]) / np.where(some > 0, some, 1), 1.0)
            last = k == len(stretches) - 1
            begins = ~begun & (last | (rng.random(n) < here))
            free = rng.poisson(yearly * length * self.mixing.sample(rng, n))
            counts += np.where(begun, free, 0)
            counts[begins] = self._first(rng, yearly[begins] * length)
            begun |= begins
        return counts

    def _first(self, rng: np.random.Generator, rates: Floats) -> Integers:
        """Counts of stretches given at least one event; the draw of W leans to large values."""
        drawn = np.zeros(len(rates))
        x, w = nodes(self.mixing, float(rates.max(initial=0.0)))
        step = max(_WORK // len(x), 1)
        for at in range(0, len(rates), step):
            means = rates[at : at + step, None] * x
            # P(some | W) over the rate, which stays of use where the rate is zero
            lean = w * x * np.where(means > 0, -np.expm1(-means) / np.where(means > 0, means, 1), 1)
            reached = np.cumsum(lean, axis=1)
            u = rng.random(len(means)) * reached[:, -1]
            which = np.minimum((reached <= u[:, None]).sum(axis=1), len(x) - 1)
            drawn[at : at + step] = means[np.arange(len(means)), which]
        return poisson_some(rng, drawn, len(rates))


def ZeroInflated(barred: float, mean: float, years: float = 1.0) -> MixedPoisson:  # noqa: N802
    """In a barred year nothing can happen; in the others events are Poisson. It reads as a law.

    Parameters
    ----------
    barred : float
        Probability that a year is barred; at least 0, below 1.
    mean : float
        Expected number in the whole period, barred years included.
    years : float
        Length of the period; each year is barred or not by itself.

    Source: Lambert (1992), Zero-inflated Poisson regression, Technometrics 34.

    Examples
    --------
    >>> law = ZeroInflated(0.3, 0.7)  # seven years in ten have the rate 1
    >>> law.mean, round(law.zero, 12) == round(0.3 + 0.7 * math.exp(-1), 12)
    (0.7, True)
    """
    need(0 <= barred < 1, "the chance of a barred year is at least 0 and below 1")
    law = Discrete((0.0, 1 / (1 - barred)), (barred, 1 - barred)) if barred else Constant(1.0)
    return MixedPoisson(law, mean, years)


def laplace(law: Distribution, s: Any) -> Any:
    """E exp(-s W) for s with a real part that is not negative.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> round(float(laplace(Uniform(0.0, 2.0), 1.0)), 12) == round((1 - math.exp(-2)) / 2, 12)
    True
    """
    match law:
        case Constant():
            return np.exp(-s * law.value)
        case Discrete():
            atoms = zip(law.probabilities, law.values, strict=True)
            return sum(p * np.exp(-s * value) for p, value in atoms)
        case Gamma():
            return np.exp(-law.shape * np.log1p(law.scale * s))
        case Exponential():
            return 1 / (1 + law.mean * s)
        case Mixture():
            pairs = zip(law.weights, law.parts, strict=True)
            return sum(w * laplace(part, s) for w, part in pairs)
        case _:
            return _integrated(law, np.asarray(s))


def _integrated(law: Distribution, s: Any) -> Any:
    # on the disc of a generating function |s| is at most twice the rate
    x, w = nodes(law, float(np.max(np.abs(s), initial=0.0)) / 2)
    flat = s.reshape(-1)
    total = np.zeros(flat.shape, dtype=np.result_type(flat, np.float64))
    step = max(_WORK // max(len(flat), 1), 1)
    for at in range(0, len(x), step):
        part = np.exp(-flat[:, None] * x[at : at + step]) * w[at : at + step]
        total += part.sum(axis=1)
    return total.reshape(s.shape)


def nodes(law: Distribution, rate: float) -> tuple[Floats, Floats]:
    """Values and weights that stand for W where the year's expected rate is at most ``rate``."""
    rung = 2.0 ** math.ceil(math.log2(max(rate, 2.0**-10)))
    return _nodes(law, rung)


@lru_cache(maxsize=64)
def _nodes(law: Distribution, rate: float) -> tuple[Floats, Floats]:
    match law:
        case Constant() | Discrete():
            return law.gauss(1)
        case Mixture():
            parts = [
                (w * v, x)
                for w, part in zip(law.weights, law.parts, strict=True)
                if w
                for x, v in [_nodes(part, rate)]
            ]
            return np.concatenate([x for _, x in parts]), np.concatenate([w for w, _ in parts])
    panels = list(_panels(law, rate))
    need(
        sum(cells * count for _, _, cells, count in panels) <= MOST_NODES,
        f"some {rate:,.0f} events a year are too many for a law of years that is integrated: "
        "write `negative-binomial(..)` or `mixed-poisson(gamma(..))`",
    )
    pieces = [_rule(law, *panel) for panel in panels]
    x, w = np.concatenate([p for p, _ in pieces]), np.concatenate([p for _, p in pieces])
    circle = rate * (1 - np.exp(1j * np.geomspace(1e-4, np.pi, 48)))[:, None]
    wanted = (np.exp(-circle * x) * w).sum(axis=1)
    for count in _FEWER:
        y, v = quadrature.compress(x.tolist(), w.tolist(), count)
        if np.max(np.abs((np.exp(-circle * y) * v).sum(axis=1) - wanted)) < 1e-11:
            return y, v
    return x, w


def _panels(law: Distribution, rate: float) -> Iterator[tuple[float, float, int, int]]:
    """Panels of quantiles, which shrink towards both ends: low, high, cells, nodes of each.

    A panel that holds probability is cut so that a Poisson law of its rates is never narrower
    than a cell: exp(s x) turns by some sqrt(72 rate / x) per unit of x before it has died away.
    """
    ends = {0.25**k for k in range(1, _DEEP)} | {1 - 0.25**k for k in range(1, _DEEP)}
    edges = sorted({0.0, 0.5, 1.0, *ends, *_kinks(law)})
    for low, high in itertools.pairwise(edges):
        a, b = float(law.ppf(max(low, 1e-300))), float(law.ppf(min(high, 1 - 2**-53)))
        turns = (b - a) * min(math.pi * rate, math.sqrt(72 * rate / max(a, 1e-300)))
        cells = math.ceil(max(turns, 1.0) / 8) if high - low > 1e-6 else 1
        yield low, high, cells, next(n for held, n in _POINTS if high - low > held)


def _rule(
    law: Distribution, low: float, high: float, cells: int, count: int
) -> tuple[Floats, Floats]:
    """Gauss-Legendre on each cell of one panel."""
    t, w = legendre(count)
    width = (high - low) / cells
    u = (low + width * (np.arange(cells)[:, None] + t)).reshape(-1)
    return np.asarray(law.ppf(np.minimum(u, 1 - 2**-53))), np.tile(width * w, cells)


def _kinks(law: Distribution) -> list[float]:
    """Probabilities at which the quantile function bends or jumps."""
    match law:
        case Triangular():
            return [float(law.cdf(law.mode))]
        case Spliced():
            return [1 - float(law.above)]
        case _:
            return []
