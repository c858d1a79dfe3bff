# SPDX-License-Identifier: Apache-2.0
"""Quantiles of one beta law at very many probabilities.

The logarithm of a quantile is a smooth function of that of its probability, nearly straight far
out. So the distribution function is computed at a few places, inverted between them by cubics, and
each quantile is corrected by one step with the distribution function at its own place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv, betaln

Array = npt.NDArray[np.float64]

MANY = 512
"""Probabilities from which on this costs less than one by one."""
_PLACES = 257
_LEAST = 0.01
_NEAR = 3e-5
"""Correction up to which nothing is left after it: its cube is less than rounding."""


def quantiles(a: float, b: float, u: Array) -> Array:
    """Smallest x with I_x(a, b) >= u.

    Parameters
    ----------
    a, b : float
        Shapes, > 0.
    u : array, shape (n,)
        Probabilities.

    Notes
    -----
    By Halley's method for the logarithm of the function in that of its argument, which converges
    with the third power; where the step is too long for that, by SciPy. Beyond one half it is the
    other tail that is solved for, so that both ends are precise, unless the law lies so near zero
    that one minus the result would not be.

    Examples
    --------
    >>> x = quantiles(2.0, 3.0, np.linspace(0.0, 1.0, 1001))
    >>> bool(np.abs(x - betaincinv(2.0, 3.0, np.linspace(0.0, 1.0, 1001))).max() < 1e-14)
    True
    """
    found = np.empty_like(u)
    low = u <= 0.5
    found[low] = _below(a, b, u[low])
    near_zero = float(betaincinv(a, b, 0.5)) < _LEAST
    over = u[~low]
    found[~low] = betaincinv(a, b, over) if near_zero else 1.0 - _below(b, a, 1.0 - over)
    return found


def _below(a: float, b: float, p: Array) -> Array:
    """The same for probabilities of at most one half."""
    some = p > 1e-290
    ends = betaincinv(a, b, [p[some].min(), p[some].max()]) if some.any() else [0.0, 0.0]
    if not 1e-290 < ends[0] < ends[1] < 1.0 - 1e-9:
        return np.asarray(betaincinv(a, b, p))
    found, wanted = np.array(betaincinv(a, b, np.where(some, 0.0, p))), p[some]
    t = np.clip(np.exp(_guess(a, b, np.log(wanted), np.log(ends))), *ends)
    reached, slope, bend = _at(a, b, t)
    step = np.log1p((reached - wanted) / wanted) / slope
    close = np.abs(step) * (1.0 + np.abs(bend)) <= _NEAR
    step /= 1.0 - 0.5 * step * bend
    t *= np.exp(-step)
    t[~close] = betaincinv(a, b, wanted[~close])
    found[some] = t
    return found


def _guess(a: float, b: float, wanted: Array, ends: Array) -> Array:
    """Logarithms of quantiles from those of probabilities, by cubics between a few places."""
    y = np.linspace(ends[0], ends[1], _PLACES)
    reached, slope, _ = _at(a, b, np.exp(y))
    level = np.log(reached)
    j = np.clip(np.searchsorted(level, wanted, side="right") - 1, 0, _PLACES - 2)
    width = np.diff(level)[j]
    s = (wanted - level[j]) / width
    first, last = width / slope[j], width / slope[j + 1]
    rise = np.diff(y)[j]
    bend = s * (1.0 - s) * ((1.0 - s) * (first - rise) - s * (last - rise))
    return np.asarray(y[j] + s * rise + bend)


def _at(a: float, b: float, t: Array) -> tuple[Array, Array, Array]:
    """I_t(a, b), the slope of its logarithm in log t, and how fast that slope grows, relative."""
    reached = np.asarray(betainc(a, b, t))
    slope = np.exp(a * np.log(t) + (b - 1.0) * np.log1p(-t) - betaln(a, b)) / reached
    return reached, slope, a - (b - 1.0) * t / (1.0 - t) - slope
