# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""The law of a factor times an independent sum, without an integral over the factor.

Where one factor F scales every loss of a sum, the sum is F S with S independent of F, and

    E min(F S, x) = sum over s of P(S = s) s E min(F, x / s).

The limited mean of the factor is known in closed form and is smooth where the factor has a density,
so no stairs are left even where S is a narrow spike or a few fixed sums. As a function of log s it
varies on the scale of log F, so that a sum on many points is moved to few nodes, evenly apart in
log s, by Lagrange's interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.kept import Kept
from perilscope.engines.laws.factor_values import Weighed, lagrange
from perilscope.engines.laws.law import Distribution, Floats, Numbers, invert
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_FEW = 400
"""Points of a sum that are taken as they are."""
_ORDER = 10
"""Nodes that each other point is moved to: polynomials of log s up to degree nine stay exact."""
_WIDEST = 0.125
_LEAST = 128
"""Distance of nodes at most, and number of nodes at least."""
_STEPS = 16.0
"""How much finer nodes are where the density of the factor may end with a step."""
_NOTHING = 1e-14
_AT_ONCE = 2**20
_KERNELS: Kept[Array] = Kept(2**26, lambda kernel: kernel.nbytes)
"""Limited means of a factor times each size, by the nodes and the places."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """A factor and the sizes of a sum that it multiplies.

    Parameters
    ----------
    factor : Distribution
        Never negative, without atoms.
    sizes : array of n
        Positive, in rising order.
    apart : float
        How far apart their logarithms are; zero where they are not evenly so.
    """

    factor: Distribution
    sizes: Array
    apart: float = 0.0

    @property
    def whole(self) -> float:
        """What all values of the factor count for: one, unless it is weighed."""
        return self.factor.whole if isinstance(self.factor, Weighed) else 1.0

    def limited(self, x: Array, weights: Array) -> Array:
        """Weighted sum of E min(F s, x) over the sizes s, at places x of shape (m,)."""
        if x.size * self.sizes.size > _AT_ONCE:
            return self._over(self.factor.lev, x, self.sizes * weights)
        # the same places are asked for again, with the weights of other lines
        made = lambda: self.factor.lev(x[:, None] / self.sizes) * self.sizes  # noqa: E731
        return np.asarray(_KERNELS.get((self, x.tobytes()), made) @ weights)

    def squared(self, x: Array, weights: Array) -> Array:
        """The same of E min(F s, x)^2."""
        return self._over(self.factor.second_lev, x, self.sizes**2 * weights)

    def below(self, x: Array, weights: Array) -> Array:
        """The same of P(F s <= x)."""
        return self._over(self.factor.cdf, x, weights)

    def _over(self, value: Any, x: Array, weights: Array) -> Array:
        found = np.empty(x.size)
        rows = max(_AT_ONCE // self.sizes.size, 1)
        for at in range(0, x.size, rows):
            some = x[at : at + rows]
            found[at : at + rows] = value(some[:, None] / self.sizes) @ weights
        return found


Weighted = tuple[Nodes, Array]
"""A factor with sizes that it multiplies, and what each size counts for."""


@dataclass(frozen=True, eq=False)
class Multiplied(Distribution):
    """F S, given the law of F and that of S by sizes and their probabilities, or a sum of such.

    Parameters
    ----------
    parts : tuple of (Nodes, array of n)
        The factor and the sizes, and the probability of each size. Some may be below zero by what
        moving points to nodes leaves, and where factors are weighed (`factor_values.Weighed`).
    whole : float
        What all of it counts for; S is zero with what the sizes leave of that.

    Examples
    --------
    Two fixed sums under a gamma factor, where P(F S <= x) is a mixture of two gamma laws:

    >>> from perilscope.engines.laws.distributions import Gamma
    >>> sizes, chances = np.array([1.0, 5.0]), np.array([0.5, 0.25])
    >>> law = Multiplied(((Nodes(Gamma(4.0, 0.25), sizes), chances),))
    >>> law.mean, round(float(law.cdf(0.0)), 6), round(float(law.cdf(5.0)), 6)
    (1.75, 0.25, 0.891631)
    """

    parts: tuple[Weighted, ...]
    whole: float = 1.0

    @cached_property
    def mean(self) -> float:
        return math.fsum(x.factor.mean * float(p @ x.sizes) for x, p in self.parts)

    @cached_property
    def second(self) -> float:
        return math.fsum(x.factor.second * float(p @ x.sizes**2) for x, p in self.parts)

    @cached_property
    def none(self) -> float:
        """P(F S = 0)."""
        return self.whole - math.fsum(x.whole * float(p.sum()) for x, p in self.parts)

    @property
    def support(self) -> tuple[float, float]:
        ends = [(*x.factor.support, x.sizes) for x, _ in self.parts]
        least = min(low * float(sizes.min()) for low, _, sizes in ends)
        high = max(high * float(sizes.max()) for _, high, sizes in ends)
        return 0.0 if self.none > _NOTHING else least, high

    def lev(self, x: Numbers) -> Floats:
        return self._at(x, Nodes.limited)

    def second_lev(self, x: Numbers) -> Floats:
        return self._at(x, Nodes.squared)

    def cdf(self, x: Numbers) -> Floats:
        under = self._at(x, Nodes.below) + self.none
        if self.whole == 1.0:
            under = np.clip(under, 0.0, 1.0)
        return np.where(np.asarray(x) >= 0.0, under, 0.0)

    def _at(self, x: Numbers, value: Any) -> Floats:
        at = np.asarray(x, dtype=np.float64)
        places = np.maximum(at.ravel(), 0.0)
        found = sum((value(own, places, p) for own, p in self.parts), np.zeros(places.size))
        return np.asarray(found).reshape(at.shape)

    def ppf(self, u: Numbers) -> Floats:
        u = np.asarray(u, dtype=np.float64)
        rare = np.minimum(1.0 - 1e-3 * (1.0 - u), 1.0 - 2.0**-52)
        far = [x.factor.ppf(rare) * float(x.sizes.max()) for x, _ in self.parts]
        return invert(self, u, np.zeros_like(u), np.max(far, axis=0))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        ((own, p),) = self.parts
        chances = np.append(np.maximum(p, 0.0), max(self.none, 0.0))
        sizes = rng.choice(np.append(own.sizes, 0.0), n, p=chances / chances.sum())
        return np.asarray(sizes * own.factor.sample(rng, n))


def nodes(factor: Distribution, places: Array, chances: Array, close: float) -> Nodes:
    """Sizes that the points of a sum are moved to: themselves where they are few.

    Parameters
    ----------
    factor : Distribution
        What the sum is multiplied by.
    places, chances : array of m
        Points of the sum, positive, and their probabilities.
    close : float
        How far apart the logarithms of nodes are at most, see `closeness`.
    """
    some = places[np.abs(chances) > _NOTHING]
    points = np.unique(some)
    if points.size <= _FEW:
        return Nodes(factor, points if points.size else np.ones(1))
    low, high = math.log(points[0]), math.log(points[-1])
    apart = min(close, _WIDEST, (high - low) / _LEAST)
    first = math.floor(low / apart) - _ORDER // 2 + 1
    last = math.floor(high / apart) + _ORDER // 2
    return Nodes(factor, np.exp(apart * np.arange(first, last + 1.0)), apart)


def closeness(factor: Distribution, fine: float) -> float:
    """How far apart the logarithms of nodes may be under a factor.

    Parameters
    ----------
    factor : Distribution
    fine : float
        Nodes in the width of the factor's law, which is one standard deviation of log F where that
        is normal.
    """
    return width(factor) / (fine * (_STEPS if factor.support[1] < math.inf else 1.0))


def width(factor: Distribution) -> float:
    """How far a factor spreads, about the standard deviation of its logarithm.

    By the ratio of its median to its 10 % quantile or that of its 90 % quantile to its median,
    whichever is smaller.
    """
    low, middle, high = (float(factor.ppf(u)) for u in (0.1, 0.5, 0.9))
    ends = [math.log(high / middle), math.log(middle / low) if low > 0.0 else math.inf]
    return max(min(ends) / 1.2816, 1e-6)


def moved(nodes: Nodes, places: Array, chances: Array) -> Array:
    """Chances of the sizes of nodes that stand for a law, or a part of one, on points.

    Examples
    --------
    Where sizes are evenly apart, polynomials of log s up to degree nine are exact:

    >>> from perilscope.engines.laws.distributions import Gamma
    >>> sizes, places = np.exp(0.1 * np.arange(-300.0, 300.0)), np.array([1.05, 1.23])
    >>> found = moved(Nodes(Gamma(4.0, 0.25), sizes, 0.1), places, np.array([0.5, 0.25]))
    >>> bool(abs(found @ np.log(sizes) ** 9 - [0.5, 0.25] @ np.log(places) ** 9) < 1e-12)
    True
    """
    sizes, some = nodes.sizes, np.abs(chances) > _NOTHING
    places, chances = places[some], chances[some]
    if nodes.apart == 0.0:  # rounding apart, they are all there are
        at = np.minimum(np.searchsorted(sizes, places), sizes.size - 1)
        here = np.where(sizes[at] == places, chances, 0.0)
        return np.asarray(np.bincount(at, here, sizes.size), dtype=np.float64)
    at_nodes = np.log(places / sizes[0]) / nodes.apart
    first = np.clip(np.floor(at_nodes).astype(np.int64) - _ORDER // 2 + 1, 0, sizes.size - _ORDER)
    found = np.zeros(sizes.size)
    for j, weight in enumerate(lagrange(at_nodes - first, _ORDER).T):
        found += np.bincount(first + j, weight * chances, sizes.size)
    return found
