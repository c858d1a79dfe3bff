# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""The law of the sum of a few independent numbers.

Its mean and spread are exact. Its distribution function is put together from several grids, each
eight times as wide as the one before, because one grid cannot be fine where a small part lies
and reach as far as the tail of a large one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy import fft

from perilscope.engines.atoms import sum_in_order
from perilscope.engines.law import Distribution, Floats, Numbers, invert, need, plain

_POINTS = 2**13
_WIDER = 8


@dataclass(frozen=True)
class Total(Distribution):
    """The sum of independent laws, each bounded below.

    Parameters
    ----------
    parts : sequence of Distribution
        The laws.

    Notes
    -----
    Each part is split onto a grid so that its mean is kept (its limited expected value is exact at
    every grid point), the parts are convolved, and between grid points the distribution function
    is taken as straight. The limited expected value is the integral of that, hence concave, with
    an error of the order of the squared step: some 1e-6 of the value. Atoms above the least value
    are spread over one step.

    Examples
    --------
    >>> from perilscope.engines.distributions import Constant, Exponential
    >>> law = Total((Constant(2.0), Exponential(1.0)))
    >>> law.mean, law.variance, round(float(law.cdf(3.0)), 5)
    (3.0, 1.0, 0.63212)
    """

    parts: tuple[Distribution, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        need(len(self.parts) > 0, "a sum has at least one part")
        need([np.all(np.isfinite(part.support[0])) for part in self.parts], "bounded below, each")

    @property
    def mean(self) -> float:
        return _sum([part.mean for part in self.parts])

    @property
    def variance(self) -> float:
        return _sum([part.variance for part in self.parts])

    @property
    def second(self) -> float:
        return self.variance + self.mean * self.mean

    @property
    def support(self) -> tuple[float, float]:
        return _sum([p.support[0] for p in self.parts]), _sum([p.support[1] for p in self.parts])

    def lev(self, x: Numbers) -> Floats:
        return self._curve.lev(np.asarray(x, dtype=np.float64))

    def second_lev(self, x: Numbers) -> Floats:
        return self._curve.second_lev(np.asarray(x, dtype=np.float64))

    def cdf(self, x: Numbers) -> Floats:
        return self._curve.cdf(np.asarray(x, dtype=np.float64))

    def ppf(self, u: Numbers) -> Floats:
        return self._curve.ppf(np.asarray(u, dtype=np.float64), self)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.asarray(sum_in_order(part.sample(rng, n) for part in self.parts))

    @cached_property
    def _curve(self) -> _Curve:
        try:
            return _known(self.parts)
        except TypeError:  # parts with arrays of parameters cannot be looked up
            return _curve(self.parts)


@dataclass(frozen=True)
class _Curve:
    """A distribution function by its values at knots, straight between them."""

    parts: tuple[Distribution, ...]
    knots: Floats  # from the least value up
    below: Floats  # P(S <= knot)
    limited: Floats  # E min(S, knot)
    limited_second: Floats  # E min(S, knot)^2

    @property
    def _rest(self) -> list[float]:
        """For each part what the others bring about, far in its tail."""
        means = [float(p.ppf(0.5)) if not np.isfinite(p.mean) else p.mean for p in self.parts]
        return [math.fsum(means) - mean for mean in means]

    def _beyond(self, x: Floats, *, squared: bool) -> Any:
        """Rise from the last knot to x when one part alone makes the sum large."""
        end = self.knots[-1]
        x = np.maximum(x, end)
        rises = []
        for part, rest in zip(self.parts, self._rest, strict=True):
            rise = part.lev(x - rest) - part.lev(end - rest)
            if squared:  # min(X + rest, x) = min(X, x - rest) + rest
                gained = part.second_lev(x - rest) - part.second_lev(end - rest)
                rise = gained + 2 * rest * rise
            rises.append(rise)
        return sum_in_order(rises)

    def _cell(self, x: Floats) -> tuple[Any, Any, Any, Any]:
        """Index of the cell, way into it, P(S > left end), fall of P(S > .) per unit of way."""
        k = np.clip(np.searchsorted(self.knots, x, side="right") - 1, 0, len(self.knots) - 2)
        width = self.knots[k + 1] - self.knots[k]
        way = np.clip(x - self.knots[k], 0, width)
        return k, way, 1 - self.below[k], (self.below[k + 1] - self.below[k]) / width

    def lev(self, x: Floats) -> Floats:
        least = self.knots[0]
        if len(self.knots) == 1:
            return np.asarray(np.minimum(x, least))
        k, way, above, fall = self._cell(x)
        inside = self.limited[k] + way * above - way**2 * fall / 2
        return np.asarray(np.where(x < least, x, inside) + self._beyond(x, squared=False))

    def second_lev(self, x: Floats) -> Floats:
        least = self.knots[0]
        if len(self.knots) == 1:
            return np.asarray(np.minimum(x, least) ** 2)
        k, way, above, fall = self._cell(x)
        a = self.knots[k]
        rise = 2 * (above * (a * way + way**2 / 2) - fall * (a * way**2 / 2 + way**3 / 3))
        inside = self.limited_second[k] + rise
        return np.where(x < least, x**2, inside + self._beyond(x, squared=True))

    def cdf(self, x: Floats) -> Floats:
        least, end = self.knots[0], self.knots[-1]
        if len(self.knots) == 1:
            return np.where(x >= least, 1.0, 0.0)
        inside = np.interp(x, self.knots, self.below)
        far = np.maximum(x, end)
        tails = [
            1 - part.cdf(far - rest) for part, rest in zip(self.parts, self._rest, strict=True)
        ]
        beyond = np.clip(1 - sum_in_order(tails), self.below[-1], 1.0)
        return np.where(x < least, 0.0, np.where(x > end, beyond, inside))

    def ppf(self, u: Floats, law: Distribution) -> Floats:
        if len(self.knots) == 1:
            return np.full_like(u, self.knots[0])
        rising = np.append(True, np.diff(self.below) > 0)  # the leftmost point of a flat stretch
        found = np.interp(u, self.below[rising], self.knots[rising])
        if np.all(u <= self.below[-1]):
            return np.asarray(found)
        top = law.support[1]
        high = np.minimum(sum_in_order(part.ppf(u) for part in self.parts), top)
        far = invert(law, np.where(u < 1, u, 0.5), self.knots[-1], np.where(u < 1, high, top))
        return np.where(u <= self.below[-1], found, np.where(u < 1, far, top))


@lru_cache(maxsize=64)
def _known(parts: tuple[Distribution, ...]) -> _Curve:
    """The curve of a sum that is asked for again and again, by lines built anew."""
    return _curve(parts)


def _curve(parts: tuple[Distribution, ...]) -> _Curve:
    least = _sum([part.support[0] for part in parts])
    reach = _reach(parts)
    knots: list[Floats] = [np.array([least])]
    below: list[Floats] = [np.array([1.0])]
    if reach:
        at_least = math.prod(float(part.cdf(part.support[0])) for part in parts)
        below = [np.array([at_least])]
        for width in reach:
            step, inside = _convolved(parts, width)
            grid = least + step * np.arange(1, len(inside) + 1)
            fresh = grid > knots[-1][-1] + step / 2
            knots.append(grid[fresh])
            below.append(inside[fresh])
    x: Floats = np.concatenate(knots)
    f = np.clip(np.maximum.accumulate(np.concatenate(below)), 0.0, 1.0)
    w = np.diff(x)
    a, s, fall = x[:-1], 1 - f[:-1], np.diff(f) / np.where(w > 0, w, 1)
    limited = least + np.append(0.0, np.cumsum(w * s - w**2 * fall / 2))
    rises = 2 * (s * (a * w + w**2 / 2) - fall * (a * w**2 / 2 + w**3 / 3))
    limited_second = least**2 + np.append(0.0, np.cumsum(rises))
    return _Curve(parts, x, np.asarray(f, dtype=np.float64), limited, limited_second)


def _reach(parts: Sequence[Distribution]) -> list[float]:
    """Widths of the grids, from the bulk of the law to its far tail."""
    ends = [part.support for part in parts]
    if all(low == high for low, high in ends):
        return []

    def width(u: float) -> float:
        return math.fsum(float(p.ppf(u)) - low for p, (low, _) in zip(parts, ends, strict=True))

    widest = width(1 - 1e-12)
    if all(math.isfinite(high) for _, high in ends):
        widest = math.fsum(high - low for low, high in ends)
    start = next((w for u in (0.9, 0.99, 0.999, 0.9999) if (w := 2 * width(u)) > 0), widest)
    # the first is fine enough for a density that rises without bound at the least value
    widths = [min(start / _WIDER, widest), min(start, widest)]
    while widths[-1] < widest and len(widths) < 12:
        widths.append(min(widths[-1] * _WIDER, widest))
    return widths


def _convolved(parts: Sequence[Distribution], width: float) -> tuple[float, Floats]:
    """Step, and P(S <= least + k step) for k = 1, 2, ... up to the width."""
    step = width / _POINTS
    way = step * np.arange(_POINTS + 2)
    size = fft.next_fast_len(len(parts) * len(way), real=True)  # room for all, so nothing folds
    product: Any = 1.0
    for part in parts:
        low = part.support[0]
        limited = part.lev(low + way)
        slopes = np.clip(np.diff(limited) / step, 0.0, 1.0)  # P(part > x), averaged over a cell
        slopes = np.minimum.accumulate(slopes)
        masses = -np.diff(slopes, prepend=1.0)
        product = product * fft.rfft(masses, size)
    masses = np.maximum(fft.irfft(product, size)[: _POINTS + 1], 0.0)
    cells = np.cumsum(masses)  # mean of F over the cell that begins at each grid point
    return step, (cells[:-1] + cells[1:]) / 2


def _sum(values: Sequence[float]) -> float:
    if not any(np.ndim(value) for value in values):
        return math.fsum(values)
    return plain(sum_in_order(values))
