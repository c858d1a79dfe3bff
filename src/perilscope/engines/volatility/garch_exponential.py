# SPDX-License-Identifier: Apache-2.0
"""EGARCH likelihoods, their derivatives and paths, compiled.

The functions that Numba sees call nothing outside this file, so an edit here is an edit that its
cache knows of.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perilscope.engines.jit import FUSED, compiled

_compiled = compiled(FUSED)


@_compiled
def egarch(
    where: Any,
    given: Any,
    before: Any,
    student: bool,
    value: Any,
    slope: Any,
    bend: Any,
) -> None:
    """As `garch_plain.egarch`."""
    series, row, start, size = where
    c = math.sqrt(2.0 / math.pi)
    zi, li, d = np.empty(5), np.empty(5), np.empty(5)
    lij, zij = np.empty((5, 5)), np.empty((5, 5))
    for lane in range(row.size):
        mu, om = given[lane, 0], given[lane, 1]
        a, g, b, eta = given[lane, 2], given[lane, 3], given[lane, 4], given[lane, 5]
        low, high = before[lane, 1], before[lane, 2]
        A = w = A1 = w1 = A2 = w2 = 0.0
        if student:
            A = 0.5 + 0.5 / eta
            A1 = -0.5 / eta**2
            A2 = 1.0 / eta**3
            w = eta / (1.0 - 2.0 * eta)
            w1 = 1.0 / (1.0 - 2.0 * eta) ** 2
            w2 = 4.0 / (1.0 - 2.0 * eta) ** 3
        r = w1 / w if student else 0.0
        slope[lane, :] = 0.0
        bend[lane, :, :] = 0.0
        G, H = slope[lane], bend[lane]
        L = om + b * before[lane, 0]
        li[:] = 0.0
        li[1] = 1.0
        li[4] = before[lane, 0]
        lij[:, :] = 0.0
        f = fq = 0.0
        pq = 1.0
        for t in range(size):
            if low > L or high < L:  # held, and then nothing moves it
                L = min(max(L, low), high)
                li[:] = 0.0
                lij[:, :] = 0.0
            s = math.exp(-0.5 * L)
            z = (series[row[lane], start[lane] + t] - mu) * s
            sign = 1.0 if z > 0.0 else -1.0
            f += 0.5 * L
            for i in range(5):
                zi[i] = -0.5 * z * li[i]
            zi[0] -= s
            if student:
                y = w * z * z
                iq = 1.0 / (1.0 + y)
                pq *= 1.0 + y
                k = y * iq
                fz = 2.0 * A * w * z * iq
                fzz = 2.0 * A * w * iq * (1.0 - 2.0 * k)
                fzn = 2.0 * z * iq * (A1 * w + A * w1 * (1.0 - k))
                G[5] += A * r * k
                H[5, 5] += (2.0 * A1 * r + A * w2 / w) * k - A * r * r * k * k
                for i in range(5):
                    H[i, 5] += fzn * zi[i]
                if t & 15 == 15:
                    fq += math.log(pq)
                    pq = 1.0
            else:
                f += 0.5 * z * z
                fz, fzz = z, 1.0
            for i in range(5):
                G[i] += 0.5 * li[i] + fz * zi[i]
                for j in range(i, 5):
                    v = 0.25 * z * li[i] * li[j] - 0.5 * z * lij[i, j]
                    if i == 0:
                        v += 0.5 * s * li[j]
                    if j == 0:
                        v += 0.5 * s * li[i]
                    zij[i, j] = v
                    H[i, j] += 0.5 * lij[i, j] + fz * v + fzz * zi[i] * zi[j]
            tilt = a * sign + g
            for i in range(5):
                for j in range(i, 5):
                    v = tilt * zij[i, j] + b * lij[i, j]
                    if i == 2:
                        v += sign * zi[j]
                    elif i == 3:
                        v += zi[j]
                    elif i == 4:
                        v += li[j]
                    if j == 2:
                        v += sign * zi[i]
                    elif j == 3:
                        v += zi[i]
                    elif j == 4:
                        v += li[i]
                    lij[i, j] = v
            d[0], d[1], d[2], d[3], d[4] = 0.0, 1.0, abs(z) - c, z, L
            for i in range(5):
                li[i] = d[i] + tilt * zi[i] + b * li[i]
            L = om + a * (abs(z) - c) + g * z + b * L
        fq += math.log(pq)
        value[lane] = f + A * fq
        if student:
            G[5] += A1 * fq
            H[5, 5] += A2 * fq
        for i in range(6):
            for j in range(i):
                H[i, j] = H[j, i]


@_compiled
def egarch_values(
    where: Any,
    given: Any,
    before: Any,
    student: bool,
    value: Any,
) -> None:
    """As `garch_plain.egarch_values`."""
    series, row, start, size = where
    c = math.sqrt(2.0 / math.pi)
    for lane in range(row.size):
        for j in range(given.shape[1]):
            p = given[lane, j]
            A = 0.5 + 0.5 / p[5]
            w = p[5] / (1.0 - 2.0 * p[5])
            L = p[1] + p[4] * before[lane, 0]
            f = fq = 0.0
            pq = 1.0
            for t in range(size):
                L = min(max(L, before[lane, 1]), before[lane, 2])
                z = (series[row[lane], start[lane] + t] - p[0]) * math.exp(-0.5 * L)
                f += 0.5 * L
                if student:
                    pq *= 1.0 + w * z * z
                    if t & 15 == 15:
                        fq += math.log(pq)
                        pq = 1.0
                else:
                    f += 0.5 * z * z
                L = p[1] + p[2] * (abs(z) - c) + p[3] * z + p[4] * L
            value[lane, j] = f + (A * (fq + math.log(pq)) if student else 0.0)


@_compiled
def egarch_path(where: Any, given: Any, before: Any, out: Any) -> None:
    """As `garch_plain.egarch_path`."""
    series, row, start, size = where
    c = math.sqrt(2.0 / math.pi)
    for lane in range(row.size):
        mu, om, a, g, b = given[lane, :5]
        L = om + b * before[lane, 0]
        for t in range(size + 1):
            L = min(max(L, before[lane, 1]), before[lane, 2])
            out[lane, t] = math.exp(L)
            if t < size:
                z = (series[row[lane], start[lane] + t] - mu) * math.exp(-0.5 * L)
                L = om + a * (abs(z) - c) + g * z + b * L
