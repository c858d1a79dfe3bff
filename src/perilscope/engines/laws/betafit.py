# SPDX-License-Identifier: Apache-2.0
"""The beta law with two given quantiles, found without a library of optimisers."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betainc, betaincc, logit, ndtri

from perilscope.engines.laws.law import Floats
from perilscope.errors import MisuseError


def beta_shapes(low: float, high: float, p: float, q: float) -> tuple[float, float]:
    """Shapes a, b of the law on [0, 1] with probability p below ``low`` and q above ``high``.

    Given the size a + b, the mean that puts probability p below ``low`` is found by bisection
    (more mean, less probability); the larger the size, the lower the upper quantile then lies, so
    the size is found by bisection as well. Newton's method from moments does nearly all cases and
    the bisection is the net under it.

    Examples
    --------
    The uniform law has a tenth below 0.1 and a fifth above 0.8:

    >>> [round(shape, 9) for shape in beta_shapes(0.1, 0.8, 0.1, 0.2)]
    [1.0, 1.0]
    """
    found = _newton(low, high, p, q)
    if found is not None:
        return found
    smallest, largest = math.log(1e-4), math.log(1e12)
    a = b = math.nan
    for _ in range(100):
        size = math.exp((smallest + largest) / 2)
        a, b = _given_size(low, p, size)
        if float(betaincc(a, b, high)) > q:
            smallest = (smallest + largest) / 2
        else:
            largest = (smallest + largest) / 2
    off = max(abs(float(betainc(a, b, low)) - p), abs(float(betaincc(a, b, high)) - q))
    if not off < 1e-6:
        raise MisuseError(f"no beta law has {p:g} below {low:g} and {q:g} above {high:g}")
    return a, b


def _given_size(low: float, p: float, size: float) -> tuple[float, float]:
    less, more = -40.0, 40.0  # logit of the mean
    for _ in range(100):
        middle = (less + more) / 2
        mean = 1 / (1 + math.exp(-middle))
        if float(betainc(size * mean, size * (1 - mean), low)) > p:
            less = middle
        else:
            more = middle
    mean = 1 / (1 + math.exp(-(less + more) / 2))
    return size * mean, size * (1 - mean)


def _newton(low: float, high: float, p: float, q: float) -> tuple[float, float] | None:
    wanted = logit(np.array([p, q]))

    def off(v: Floats) -> Floats:
        a, b = np.exp(v)
        with np.errstate(divide="ignore", invalid="ignore"):
            tails = logit(np.array([betainc(a, b, low), betaincc(a, b, high)]))
        return np.asarray(tails - wanted)

    # start from the logit-normal law with the same quantiles, by moments to first order
    ends = logit(np.array([low, high]))
    below, above = float(ndtri(p)), float(-ndtri(q))
    spread = float(ends[1] - ends[0]) / (above - below)
    m = float(1 / (1 + np.exp(spread * (below + above) / 2 - ends.mean())))
    size = max(1 / (m * (1 - m) * spread * spread), 1e-3)
    v = np.log(np.array([m * size + 0.2, (1 - m) * size + 0.2]))
    now = off(v)
    for _ in range(40):
        if not np.all(np.isfinite(now)):
            return None
        if np.max(np.abs(now)) < 1e-12:
            break
        h = 1e-6
        columns = [(off(v + h * e) - off(v - h * e)) / (2 * h) for e in np.eye(2)]
        (j00, j10), (j01, j11) = columns
        determinant = j00 * j11 - j01 * j10
        if not np.isfinite(determinant) or determinant == 0:
            return None
        step = np.array([j11 * now[0] - j01 * now[1], j00 * now[1] - j10 * now[0]]) / determinant
        step *= min(1.0, 1.0 / float(np.max(np.abs(step))))
        v = v - step
        now = off(v)
    if not np.max(np.abs(now)) < 1e-9:
        return None
    a, b = np.exp(v)
    return float(a), float(b)
