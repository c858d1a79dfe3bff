# SPDX-License-Identifier: Apache-2.0
"""The filter of two regimes with jumps, EM and the scores of days, compiled: see `switching_plain`.

Only what fits many series imports this module, because Numba takes its time to load. The functions
that Numba sees call nothing outside this file, so an edit here is an edit that its cache knows of.
Scores are exact: the slopes of the filtered probability run along with it. Days are smoothed as by
Kim, J. Econometrics 60 (1994).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perilscope.engines.forecasts.regime_law import MOST_JUMPS, Array, Regimes
from perilscope.engines.jit import compiled

__all__ = ["NAME", "climbed", "day_scores", "filtered"]

NAME = "numba"
_FRONT = 1.0 / math.sqrt(2.0 * math.pi)
_MOST = MOST_JUMPS
_compiled = compiled()


@_compiled
def _filtered(x: Any, law: Any, wild: Any, seen: Any, before: Any) -> None:
    # chances of the turbulent regime before and after each day; densities: calm, wild, jump, day
    mu, s0, s1, sc, sw, rate, m, s = law
    front0, front1 = _FRONT * (1.0 - rate) / s0, _FRONT * (1.0 - rate) / s1
    p = (1.0 - sc) / (2.0 - sc - sw)
    for t in range(x.size):
        w = p * sw + (1.0 - p) * (1.0 - sc)
        z0, z1, zj = (x[t] - mu) / s0, (x[t] - mu) / s1, (x[t] - m) / s
        jump = _FRONT * rate / s * math.exp(-0.5 * zj * zj)
        f0 = front0 * math.exp(-0.5 * z0 * z0) + jump + 1e-300
        f1 = front1 * math.exp(-0.5 * z1 * z1) + jump + 1e-300
        day = (1.0 - w) * f0 + w * f1
        p = w * f1 / day
        wild[t], before[t] = p, w
        seen[t, 0], seen[t, 1], seen[t, 2], seen[t, 3] = f0, f1, jump, day


@_compiled
def _climbed(x: Any, law: Any, least: float, rounds: int, gain: float) -> Any:
    n = x.size
    wild, before, seen = np.empty(n), np.empty(n), np.empty((n, 4))
    height = -np.inf
    for _ in range(rounds):
        _filtered(x, law, wild, seen, before)
        now = np.log(seen[:, 3]).sum()
        mu, s0, s1, sc, sw = law[:5]
        first = (1.0 - sc) / (2.0 - sc - sw)
        # sums over days without a jump, by regime, and over jumps: weight, x, x^2
        c0, c1, c2, w0, w1, w2, j0, j1, j2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        # half a move, so that no probability is 0 or 1
        stayed0, left0, left1, stayed1 = 0.5, 0.5, 0.5, 0.5
        q = wild[n - 1]
        for t in range(n - 1, -1, -1):
            day = x[t]
            jump0, jump1 = (1.0 - q) * seen[t, 2] / seen[t, 0], q * seen[t, 2] / seen[t, 1]
            calm, turbulent, jumped = 1.0 - q - jump0, q - jump1, jump0 + jump1
            c0, c1, c2 = c0 + calm, c1 + calm * day, c2 + calm * day * day
            w0, w1, w2 = w0 + turbulent, w1 + turbulent * day, w2 + turbulent * day * day
            j0, j1, j2 = j0 + jumped, j1 + jumped * day, j2 + jumped * day * day
            p, w = wild[t - 1] if t > 0 else first, before[t]
            to0, to1 = (1.0 - q) / (1.0 - w), q / w
            stayed0 += (1.0 - p) * sc * to0
            left0 += (1.0 - p) * (1.0 - sc) * to1
            left1 += p * (1.0 - sw) * to0
            stayed1 += p * sw * to1
            q = p * ((1.0 - sw) * to0 + sw * to1)
        a, b = 1.0 / s0**2, 1.0 / s1**2
        mu = (a * c1 + b * w1) / (a * c0 + b * w0)
        square0 = (c2 - 2.0 * mu * c1 + mu * mu * c0) / (c0 + 1e-12)
        square1 = (w2 - 2.0 * mu * w1 + mu * mu * w0) / (w0 + 1e-12)
        floor = least / 50.0
        j0 += 1e-9
        m = j1 / j0
        law = (
            mu,
            max(math.sqrt(max(square0, 0.0)), floor),
            max(math.sqrt(max(square1, 0.0)), floor),
            stayed0 / (stayed0 + left0),
            stayed1 / (stayed1 + left1),
            min(max(j0 / n, 1e-4), 0.99 * _MOST),
            m,
            max(math.sqrt(max(j2 / j0 - m * m, 0.0)), least),
        )
        if now - height < gain:
            break
        height = now
    return law


@_compiled
def _scored(x: Any, law: Any, out: Any) -> None:
    mu, s0, s1, sc, sw, rate, m, s = law
    gone, moved, slope = 2.0 - sc - sw, np.zeros(8), np.zeros(8)
    calm, wild = np.zeros(8), np.zeros(8)
    by_sc, by_sw, by_rate = sc * (1.0 - sc), sw * (1.0 - sw), rate * (1.0 - rate / _MOST)
    p = (1.0 - sc) / gone
    slope[3] = ((1.0 - sc) / gone - 1.0) / gone * by_sc
    slope[4] = (1.0 - sc) / gone**2 * by_sw
    for t in range(x.size):
        w = p * sw + (1.0 - p) * (1.0 - sc)
        for i in range(8):
            moved[i] = slope[i] * (sw + sc - 1.0)
        moved[3] -= (1.0 - p) * by_sc
        moved[4] += p * by_sw
        z0, z1, zj = (x[t] - mu) / s0, (x[t] - mu) / s1, (x[t] - m) / s
        b0 = _FRONT / s0 * math.exp(-0.5 * z0 * z0)
        b1 = _FRONT / s1 * math.exp(-0.5 * z1 * z1)
        jump = _FRONT / s * math.exp(-0.5 * zj * zj)
        f0 = (1.0 - rate) * b0 + rate * jump + 1e-300
        f1 = (1.0 - rate) * b1 + rate * jump + 1e-300
        calm[0], wild[0] = (1.0 - rate) * b0 * z0 / s0, (1.0 - rate) * b1 * z1 / s1
        calm[1], wild[2] = (1.0 - rate) * b0 * (z0 * z0 - 1.0), (1.0 - rate) * b1 * (z1 * z1 - 1.0)
        calm[5], wild[5] = by_rate * (jump - b0), by_rate * (jump - b1)
        calm[6] = wild[6] = rate * jump * zj / s
        calm[7] = wild[7] = rate * jump * (zj * zj - 1.0)
        day = (1.0 - w) * f0 + w * f1
        after = w * f1 / day
        for i in range(8):
            by_day = moved[i] * (f1 - f0) + (1.0 - w) * calm[i] + w * wild[i]
            out[t, i] = by_day / day
            slope[i] = (moved[i] * f1 + w * wild[i] - after * by_day) / day
        p = after


def filtered(x: Array, law: Regimes) -> tuple[Array, Array]:
    """Probabilities of the regimes after each day, and log densities, as the twin does."""
    wild, before, seen = np.empty(x.size), np.empty(x.size), np.empty((x.size, 4))
    _filtered(x, law.numbers, wild, seen, before)
    return np.stack([1.0 - wild, wild], axis=1), np.log(seen[:, 3])


def climbed(x: Array, law: Regimes, least: float, rounds: int, gain: float) -> Regimes:
    """EM from a start until a round gains too little, as the twin does."""
    return Regimes(*_climbed(x, law.numbers, least, rounds, gain))


def day_scores(x: Array, at: Array) -> Array:
    """Slope of the log density of each day given the past in every parameter, shape (n, 8)."""
    out = np.empty((x.size, at.size))
    _scored(x, Regimes.of(at).numbers, out)
    return out
