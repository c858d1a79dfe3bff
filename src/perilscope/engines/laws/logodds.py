# SPDX-License-Identifier: Apache-2.0
"""Quantile functions written in log-odds, and the integrals under them.

With z = ln(y / (1 - y)), y the probability, the terms of a metalog law are smooth, its tails are
straight lines, and no digits are lost where y is near 1. A `Curve` is such a quantile function;
`Panels` hold what is needed to invert and to integrate it quickly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy.special import expit

from perilscope.engines.laws.law import Floats, legendre

END = 40.0  # beyond this |z| lies a probability of 4e-18, and there M is straight in z
WIDTH = 1 / 16  # of the panels in z over which integrals are kept


@dataclass(frozen=True)
class Curve:
    """M(z) = P(s) + z L(s) with s = y - 1/2, and what it means between the ends of a law.

    Parameters
    ----------
    logs, powers : tuple of float
        Coefficients of the polynomials L and P, by rising power.
    low, high : float
        Ends. With none the quantile is M; with the lower one low + exp(M); with both
        (low + high exp(M)) / (1 + exp(M)).
    """

    logs: tuple[Any, ...]
    powers: tuple[Any, ...]
    low: Any = -np.inf
    high: Any = np.inf

    def level(self, z: Any) -> tuple[Any, Any]:
        """M, and the density of z at z."""
        s, density = _place(z)
        return _at(self.powers, s) + z * _at(self.logs, s), density

    def line(self, z: Any) -> tuple[Any, Any]:
        """M and its slope in z."""
        s, density = _place(z)
        logs = _at(self.logs, s)
        across = z * _slope(self.logs, s) + _slope(self.powers, s)
        return _at(self.powers, s) + z * logs, logs + across * density

    def rise(self, z: Any) -> Any:
        """The slope of M in y; the density of the law is positive where this is."""
        return self.line(z)[1] / _place(z)[1]

    def quantile(self, z: Any) -> Any:
        """The quantile at y = expit(z)."""
        return self.back(self.level(z)[0])

    def far(self, side: float) -> tuple[Any, Any]:
        """Slope and intercept of the line that M is far out, at z -> inf for side 1, -inf for -1.

        Examples
        --------
        >>> Curve((2.0, 4.0), (1.0,)).far(1.0)
        (4.0, 1.0)
        """
        return _at(self.logs, side / 2), _at(self.powers, side / 2)

    def back(self, m: Any) -> Any:
        """From M to the quantile."""
        if np.all(np.isinf(self.low)):
            return m
        if np.all(np.isinf(self.high)):
            return self.low + np.exp(m)
        return self.low + (self.high - self.low) * expit(m)

    def forward(self, x: Any) -> Any:
        """From a quantile to M: -inf at or below the lower end, inf at or above the upper one."""
        x = np.asarray(x, dtype=np.float64)
        if np.all(np.isinf(self.low)):
            return x
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.log(np.maximum(x - self.low, 0.0))
            if np.all(np.isinf(self.high)):
                return above
            return np.where(x < self.high, above - np.log(self.high - x), np.inf)


@dataclass(frozen=True)
class Panels:
    """What is known of one rising curve at the ends of panels in z.

    Notes
    -----
    The terms of M have no singularity within pi of the real line, so Gauss-Legendre with a few
    nodes on a panel of width 1/16 is exact to the last digits. What lies beyond the last panel
    matters only where exp(M) grows nearly as fast as probability falls, and is in closed form.
    """

    curve: Curve
    z: Floats
    level: Floats  # M
    slope: Floats  # dM/dz
    below: tuple[Floats, Floats]  # the integral of the quantile, and its square, over y up to z

    @classmethod
    def of(cls, curve: Curve) -> Panels:
        """Panels as narrow as the curve wants them: an exponent may be steep."""
        panels = round(2 * END / WIDTH)
        steep = 0.0
        if np.isfinite(curve.low):
            steep = float(np.max(curve.line(np.linspace(-END, END, panels + 1))[1]))
        z = np.linspace(-END, END, min(max(math.ceil(steep), 1), 64) * panels + 1)
        level, slope = curve.line(z)
        first, second = (np.cumsum(_over(curve, z[:-1], z[1:], power, 6)) for power in (1, 2))
        below = np.append(0.0, first), np.append(0.0, second)
        return cls(curve, z, np.maximum.accumulate(level), slope, below)

    def inverse(self, w: Any) -> tuple[Floats, Any]:
        """Where M is w, and the panel; beyond the panels M is straight."""
        w = np.asarray(w, dtype=np.float64)
        k = np.clip(np.searchsorted(self.level, w, side="right") - 1, 0, self.z.size - 2)
        within = np.clip(w, self.level[k], self.level[k + 1])
        z = self._within(np.atleast_1d(within), np.atleast_1d(k)).reshape(w.shape)
        for side, out in ((-1.0, w <= self.level[0]), (1.0, w >= self.level[-1])):
            if not np.any(out):
                continue
            slope, level = self.curve.far(side)
            end = (w - level) / slope if slope > 0 else side * np.inf
            z = np.where(out, side * np.maximum(side * end, END), z)
        return z, k

    def _within(self, w: Floats, k: Any) -> Floats:
        """Newton's method kept within the panel, from a cubic through both ends."""
        low, high = self.z[k], self.z[k + 1]
        rise = np.maximum(self.level[k + 1] - self.level[k], np.finfo(np.float64).tiny)
        way = (w - self.level[k]) / rise
        with np.errstate(divide="ignore", over="ignore"):
            first, last = (np.minimum(rise / self.slope[j], 1.0) for j in (k, k + 1))
        bend = first * (1 - way) ** 2 - last * way * (1 - way)
        z: Floats = np.clip(low + way * (bend + (high - low) * way * (3 - 2 * way)), low, high)
        for _ in range(100):
            level, slope = self.curve.line(z)
            off = level - w
            low, high = np.where(off <= 0, z, low), np.where(off >= 0, z, high)
            step = z - off / np.where(slope > 0, slope, np.inf)
            step = np.where((step >= low) & (step <= high), step, (low + high) / 2)
            moved = float(np.max(np.abs(step - z), initial=0.0))
            z = step
            if moved < 1e-7:  # what is left is some square of that
                break
        return z

    def upto(self, z: Floats, k: Any, power: int) -> Floats:
        """The integral of the quantile to this power, 1 or 2, over all y up to expit(z)."""
        sums, inside = self.below[power - 1], np.clip(z, -END, END)
        k = k + (self.z[k + 1] - inside < inside - self.z[k])  # the nearer end of the panel
        known: Floats = sums[k] + _over(self.curve, self.z[k], inside, power, 3)
        if not np.any(z > END):
            return known
        return np.where(z > END, sums[-1] + self._beyond(z, power), known)

    def total(self, power: int) -> float:
        """The integral over all y; infinite where the tail is too heavy for one."""
        return float(self.below[power - 1][-1] + self._beyond(np.asarray(np.inf), power))

    def _beyond(self, z: Floats, power: int) -> Any:
        """The integral from the last panel up to z, of the terms with exp(M); no other counts."""
        slope, level = self.curve.far(1.0)
        if not np.isfinite(self.curve.low) or np.isfinite(self.curve.high) or slope == 0:
            return 0.0
        way = np.maximum(z - END, 0.0)
        found = _grown(way, slope, level)
        if power == 2:
            found = 2 * self.curve.low * found + _grown(way, 2 * slope, 2 * level)
        return found


def _grown(way: Any, slope: float, level: float) -> Any:
    """The integral of exp(slope z + level - z) over ``way``, from where the panels end."""
    rate = slope - 1.0
    with np.errstate(over="ignore"):
        start = np.exp(level + rate * END)
        return start * (np.expm1(rate * way) / rate if rate else way)


def _over(curve: Curve, start: Floats, end: Floats, power: int, nodes: int) -> Floats:
    """The integral of the quantile to a power over y, from expit(start) to expit(end)."""
    total, width = np.zeros_like(start), end - start
    for t, weight in zip(*legendre(nodes), strict=True):
        level, density = curve.level(start + t * width)
        with np.errstate(over="ignore"):
            quantile = curve.back(level)
            total += weight * width * density * (quantile if power == 1 else quantile * quantile)
    return total


def _place(z: Any) -> tuple[Any, Any]:
    """Y - 1/2 and y (1 - y), from one exponential and to full precision on both sides."""
    odds = np.exp(-np.abs(z))
    part = 1 / (1 + odds)
    return np.copysign((1 - odds) * part / 2, z), odds * part * part


def _at(polynomial: Sequence[Any], s: Any) -> Any:
    return reduce(lambda value, a: value * s + a, reversed(polynomial[:-1]), polynomial[-1])


def _slope(polynomial: Sequence[Any], s: Any) -> Any:
    return _at([k * a for k, a in enumerate(polynomial)][1:] or [0.0], s)
