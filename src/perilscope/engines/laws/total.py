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
from typing import Any

import numpy as np
from scipy import fft

from perilscope.engines.kept import Kept
from perilscope.engines.laws.atoms import sum_in_order
from perilscope.engines.laws.composites import Sometimes
from perilscope.engines.laws.law import Distribution, Floats, Numbers, invert, need, plain
from perilscope.once import cached_property

_POINTS = 2**13
_WIDER = 8
_PARTS: Kept[Any] = Kept(2**26, lambda transform: transform.nbytes)
_QUANTILES: Kept[float] = Kept(2**14)
_CURVES: Kept[_Curve] = Kept(2**26, lambda curve: 4 * curve.knots.nbytes)
"""Parts on their grids, their quantiles, and sums; where one part of a sum is another, the others
are not computed again.
"""


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
    >>> from perilscope.engines.laws.distributions import Constant, Exponential
    >>> law = Total((Constant(2.0), Exponential(1.0)))
    >>> law.mean, law.variance, round(float(law.cdf(3.0)), 5)
    (3.0, 1.0, 0.63212)
    """

    parts: tuple[Distribution, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        need(len(self.parts) > 0, "a sum needs at least one part")
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

    @cached_property
    def support(self) -> tuple[float, float]:  # asked for every figure
        return _sum([p.support[0] for p in self.parts]), _sum([p.support[1] for p in self.parts])

    def lev(self, x: Numbers) -> Floats:
        x = _floats(x)
        return self._curve(x).lev(x)

    def second_lev(self, x: Numbers) -> Floats:
        x = _floats(x)
        return self._curve(x).second_lev(x)

    def cdf(self, x: Numbers) -> Floats:
        x = _floats(x)
        return self._curve(x).cdf(x)

    def ppf(self, u: Numbers) -> Floats:
        u = _floats(u)
        count, rarest = len(self._widths), np.max(u, initial=0.0)
        curves = map(self._to, range(min(2, count), count))
        near = next((curve for curve in curves if rarest <= curve.below[-1]), None)
        return (near or self._to(count)).ppf(u, self)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.asarray(sum_in_order(part.sample(rng, n) for part in self.parts))

    @cached_property
    def _flat(self) -> tuple[Distribution, ...]:
        """The parts, and for a part that is a sum its own."""
        inner = (part._flat if isinstance(part, Total) else (part,) for part in self.parts)
        return tuple(part for parts in inner for part in parts)

    @cached_property
    def _widths(self) -> tuple[float, ...]:
        return _reach(self._flat)

    @cached_property
    def _found(self) -> dict[int, _Curve]:
        return {}

    def _to(self, count: int) -> _Curve:
        """The curve by so many grids."""
        if count not in self._found:
            self._found[count] = _known(self._flat, self._widths[:count])
        return self._found[count]

    def _curve(self, x: Floats) -> _Curve:
        """The curve as far as wanted; a wider grid changes nothing nearer than its end."""
        far = np.max(x, initial=0.0) - self.support[0]
        widths = enumerate(self._widths, 1)
        within = (count for count, width in widths if far < width * (1 - 1e-9))
        return self._to(next(within, len(self._widths)))


@dataclass(frozen=True)
class _Curve:
    """A distribution function by its values at knots, straight between them."""

    parts: tuple[Distribution, ...]
    knots: Floats  # from the least value up
    below: Floats  # P(S <= knot)

    @cached_property
    def limited(self) -> Floats:
        """E min(S, knot)."""
        w = np.diff(self.knots)
        rises = w * (1 - (self.below[:-1] + self.below[1:]) / 2)
        return np.asarray(self.knots[0] + np.append(0.0, np.cumsum(rises)))

    @cached_property
    def limited_second(self) -> Floats:
        """E min(S, knot)^2."""
        a, w, s = self.knots[:-1], np.diff(self.knots), 1 - self.below[:-1]
        fall = np.diff(self.below) / np.where(w > 0, w, 1)
        rises = 2 * (s * (a * w + w**2 / 2) - fall * (a * w**2 / 2 + w**3 / 3))
        return np.asarray(self.knots[0] ** 2 + np.append(0.0, np.cumsum(rises)))

    @cached_property
    def _rest(self) -> list[float]:
        """For each part what the others bring about, far in its tail."""
        means = [float(p.ppf(0.5)) if not np.isfinite(p.mean) else p.mean for p in self.parts]
        return [math.fsum(means) - mean for mean in means]

    def _beyond(self, x: Floats, *, squared: bool) -> Any:
        """Rise from the last knot to x when one part alone makes the sum large."""
        end = self.knots[-1]
        if not np.any(x > end):
            return 0.0
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
        inside = np.where(x < least, 0.0, np.interp(x, self.knots, self.below))
        if not np.any(x > end):
            return inside
        far = np.maximum(x, end)
        tails = [
            1 - part.cdf(far - rest) for part, rest in zip(self.parts, self._rest, strict=True)
        ]
        beyond = np.clip(1 - sum_in_order(tails), self.below[-1], 1.0)
        return np.where(x > end, beyond, inside)

    def _inside(self, u: Floats) -> Floats:
        """The least value that is reached with probability u, up to the last knot.

        A stretch in which nothing lies is passed over: its end is where the next knot rises from.
        """
        last = len(self.below) - 1
        k = np.clip(np.searchsorted(self.below, u), 1, last)
        low, high = self.below[k - 1], self.below[k]
        way = np.clip((u - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        return np.asarray(self.knots[k - 1] + way * (self.knots[k] - self.knots[k - 1]))

    def ppf(self, u: Floats, law: Distribution) -> Floats:
        if len(self.knots) == 1:
            return np.full_like(u, self.knots[0])
        found = self._inside(u)
        if np.all(u <= self.below[-1]):
            return np.asarray(found)
        top = law.support[1]
        high = np.minimum(sum_in_order(part.ppf(u) for part in self.parts), top)
        far = invert(law, np.where(u < 1, u, 0.5), self.knots[-1], np.where(u < 1, high, top))
        return np.where(u <= self.below[-1], found, np.where(u < 1, far, top))


def _known(parts: tuple[Distribution, ...], widths: tuple[float, ...]) -> _Curve:
    """The curve of a sum that is asked for again and again, by lines built anew."""
    try:
        return _CURVES.get((parts, widths), lambda: _curve(parts, widths))
    except TypeError:  # parts with arrays of parameters cannot be looked up
        return _curve(parts, widths)


def _curve(parts: tuple[Distribution, ...], widths: Sequence[float]) -> _Curve:
    least = _sum([part.support[0] for part in parts])
    knots: list[Floats] = [np.array([least])]
    below: list[Floats] = [np.array([1.0])]
    if widths:
        below = [np.array([math.prod(float(part.cdf(part.support[0])) for part in parts)])]
        for width in widths:
            step, inside = _convolved(parts, width)
            grid = least + step * np.arange(1, len(inside) + 1)
            fresh = grid > knots[-1][-1] + step / 2
            knots.append(grid[fresh])
            below.append(inside[fresh])
    x: Floats = np.concatenate(knots)
    f = np.clip(np.maximum.accumulate(np.concatenate(below)), 0.0, 1.0)
    return _Curve(parts, x, np.asarray(f, dtype=np.float64))


def _reach(parts: tuple[Distribution, ...]) -> tuple[float, ...]:
    """Widths of the grids, from the bulk of the law to its far tail."""
    ends = [part.support for part in parts]
    if all(low == high for low, high in ends):
        return ()

    def width(u: float) -> float:
        return math.fsum(_far(p, u) - low for p, (low, _) in zip(parts, ends, strict=True))

    if all(math.isfinite(high) for _, high in ends):
        widest = math.fsum(high - low for low, high in ends)
    else:
        widest = width(1 - 1e-12)
    if not widest > 0.0:  # more than the least value is hardly ever seen
        return ()
    start = next((w for u in (0.9, 0.99, 0.999, 0.9999) if (w := 2 * width(u)) > 0), widest)
    # a width of few, so that a sum that differs in one part has the others on the same grids
    start = 2 ** (math.ceil(4 * math.log2(min(start, widest))) / 4)
    # the first is fine enough for a density that rises without bound at the least value
    widths = [start / _WIDER, start]
    while widths[-1] < widest and len(widths) < 12:
        widths.append(widths[-1] * _WIDER)
    return tuple(widths)


def _far(part: Distribution, u: float) -> float:
    try:
        return _QUANTILES.get((part, u), lambda: float(part.ppf(u)))
    except TypeError:  # parts with arrays of parameters cannot be looked up
        return float(part.ppf(u))


def _convolved(parts: Sequence[Distribution], width: float) -> tuple[float, Floats]:
    """Step, and P(S <= least + k step) for k = 1, 2, ... up to the width."""
    step = width / _POINTS
    # room for all, so nothing folds
    size = fft.next_fast_len(len(parts) * (_POINTS + 2), real=True)
    product: Any = 1.0
    for part in parts:
        product = product * _split(part, part.support[0], step, size)
    masses = np.maximum(fft.irfft(product, size)[: _POINTS + 1], 0.0)
    cells = np.cumsum(masses)  # mean of F over the cell that begins at each grid point
    return step, (cells[:-1] + cells[1:]) / 2


def _split(part: Distribution, low: float, step: float, size: int) -> Any:
    """Transform of a part above its least value, split onto a grid so that its mean is kept."""

    def made() -> Any:
        if isinstance(part, Sometimes):
            return (1.0 - part.p) + part.p * _split(part.of, low, step, size)
        limited = part.lev(low + step * np.arange(_POINTS + 2))
        slopes = np.clip(np.diff(limited) / step, 0.0, 1.0)  # P(part > x), averaged over a cell
        slopes = np.minimum.accumulate(slopes)
        return fft.rfft(-np.diff(slopes, prepend=1.0), size)

    try:
        return _PARTS.get((part, low, step, size), made)
    except TypeError:  # parts with arrays of parameters cannot be looked up
        return made()


def _floats(x: Numbers) -> Floats:
    return np.asarray(x, dtype=np.float64)


def _sum(values: Sequence[float]) -> float:
    if not any(np.ndim(value) for value in values):
        return math.fsum(values)
    return plain(sum_in_order(values))
