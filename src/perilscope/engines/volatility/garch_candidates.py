# SPDX-License-Identifier: Apache-2.0
"""Likelihoods of many candidates for each window, without derivatives, compiled.

The functions that Numba sees call nothing outside this file, so an edit here is an edit that its
cache knows of.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perilscope.engines.jit import FUSED, compiled

_FEW = 8  # candidates of a window, which are seldom more
_LOG_2 = math.log(2.0)
_EXPONENT, _MANTISSA, _ONE = 52, (1 << 52) - 1, 1023 << 52  # how a double is laid out
_compiled = compiled(FUSED)


@_compiled
def _values_by_lanes(where: Any, given: Any, before: Any, value: Any) -> None:
    # the normal, symmetric case of `garch_values`; four days a turn, so that what is carried on
    # waits for memory less often, and two days share a division. The logarithm of the product of
    # the variances is gathered by its binary exponents.
    series, row, start, size = where
    s = np.empty(8 * _FEW)
    bits = s.view(np.int64)
    OM, A, B, MU = 0, _FEW, 2 * _FEW, 3 * _FEW
    H, PH, F, E = 4 * _FEW, 5 * _FEW, 6 * _FEW, 7 * _FEW
    for lane in range(row.size):
        x = series[row[lane], start[lane] : start[lane] + size]
        for begin in range(0, given.shape[1], _FEW):
            for j in range(_FEW):  # the last handful is filled up with its last
                k = min(begin + j, given.shape[1] - 1)
                s[MU + j], s[OM + j] = given[lane, k, 0], given[lane, k, 1]
                s[A + j] = 0.5 * (given[lane, k, 2] + given[lane, k, 3])
                s[B + j] = given[lane, k, 4]
                s[H + j] = s[OM + j] + (s[A + j] + s[B + j]) * before[lane]
                s[PH + j], s[F + j] = 1.0, 0.0
                bits[E + j] = 0
            turns = 0
            for t in range(0, size - 3, 4):
                x0, x1, x2, x3 = x[t], x[t + 1], x[t + 2], x[t + 3]
                for j in range(_FEW):
                    mu, om, a, b, h0 = s[MU + j], s[OM + j], s[A + j], s[B + j], s[H + j]
                    e0, e1, e2, e3 = (x0 - mu) ** 2, (x1 - mu) ** 2, (x2 - mu) ** 2, (x3 - mu) ** 2
                    h1 = om + a * e0 + b * h0
                    h2 = om + a * e1 + b * h1
                    h3 = om + a * e2 + b * h2
                    one, two = h0 * h1, h2 * h3
                    s[F + j] += (e0 * h1 + e1 * h0) / one + (e2 * h3 + e3 * h2) / two
                    s[PH + j] *= one * two
                    s[H + j] = om + a * e3 + b * h3
                if t & 12 == 12:
                    turns += 1
                    for j in range(_FEW):
                        product = bits[PH + j]
                        bits[E + j] += product >> _EXPONENT
                        bits[PH + j] = (product & _MANTISSA) | _ONE
            for j in range(min(_FEW, given.shape[1] - begin)):
                for t in range(size - size % 4, size):
                    e = (x[t] - s[MU + j]) ** 2
                    s[F + j] += e / s[H + j]
                    s[PH + j] *= s[H + j]
                    s[H + j] = s[OM + j] + s[A + j] * e + s[B + j] * s[H + j]
                log = math.log(s[PH + j]) + (bits[E + j] - 1023 * turns) * _LOG_2
                value[lane, begin + j] = 0.5 * (s[F + j] + log)


@_compiled
def garch_values(
    where: Any,
    given: Any,
    before: Any,
    student: bool,
    value: Any,
) -> None:
    """As `garch_plain.garch_values`."""
    if not student and np.all(given[:, :, 2] == given[:, :, 3]):
        _values_by_lanes(where, given, before, value)
        return
    series, row, start, size = where
    h, ph, pq = np.empty(_FEW), np.empty(_FEW), np.empty(_FEW)
    f, fq, part = np.empty(_FEW), np.empty(_FEW), np.empty((6, _FEW))
    mu, om, ap, am, b, w = part[0], part[1], part[2], part[3], part[4], part[5]
    for lane in range(row.size):
        x = series[row[lane], start[lane] : start[lane] + size]
        bc = before[lane]
        for begin in range(0, given.shape[1], _FEW):
            for j in range(_FEW):  # the last handful is filled up with its last
                k = min(begin + j, given.shape[1] - 1)
                for i in range(6):
                    part[i, j] = given[lane, k, i]
                w[j] = w[j] / (1.0 - 2.0 * w[j])
                h[j] = om[j] + (0.5 * (ap[j] + am[j]) + b[j]) * bc
                ph[j] = pq[j] = 1.0
                f[j] = fq[j] = 0.0
            for t in range(size):
                y = x[t]
                if student:
                    for j in range(_FEW):
                        e = y - mu[j]
                        e2 = e * e
                        ph[j] *= h[j]
                        pq[j] *= 1.0 + w[j] * e2 / h[j]
                        h[j] = om[j] + (am[j] if e < 0.0 else ap[j]) * e2 + b[j] * h[j]
                else:
                    for j in range(_FEW):
                        e = y - mu[j]
                        e2 = e * e
                        ph[j] *= h[j]
                        f[j] += e2 / h[j]
                        h[j] = om[j] + (am[j] if e < 0.0 else ap[j]) * e2 + b[j] * h[j]
                if t & 15 == 15:
                    for j in range(_FEW):
                        f[j] += math.log(ph[j])
                        ph[j] = 1.0
                        if student:
                            fq[j] += math.log(pq[j])
                            pq[j] = 1.0
            for j in range(min(_FEW, given.shape[1] - begin)):
                value[lane, begin + j] = 0.5 * (f[j] + math.log(ph[j]))
                if student:
                    A = 0.5 + 0.5 / given[lane, begin + j, 5]
                    value[lane, begin + j] += A * (fq[j] + math.log(pq[j]))
