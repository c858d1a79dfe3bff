# SPDX-License-Identifier: Apache-2.0
"""90 % intervals of VaR and CVaR of fitted laws: the delta method on what each day contributed.

A fit is (nearly) a mean of contributions, one of each day: its influences. The error of a figure is
the spread of that mean, days that are alike counted together (Bartlett weights). It holds whether
or not the law is the true one: the interval is then of what the same fit would say given endless
history. Intervals are of the logarithm of the distance of the figure from the mean, so that they
lean to the side of larger losses, as estimates of spread do.

Source: Huber (1967); White, Econometrica 50 (1982); Newey and West, Econometrica 55 (1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.tail_intervals import Interval, Intervals, long_run

Array = NDArray[np.float64]
Measures = Callable[[Array, float], tuple[float, float]]
"""Parameters and level -> VaR and CVaR."""


def gradient(measures: Measures, at: Array, steps: Array, level: float) -> tuple[Array, Array]:
    """Slopes of VaR and of CVaR in every parameter, by central differences.

    Examples
    --------
    >>> slopes = gradient(lambda p, _: (p[0] + 2 * p[1], p[0]), np.ones(2), np.full(2, 1e-3), 0.9)
    >>> slopes[0].round(6).tolist()
    [1.0, 2.0]
    """
    found = np.empty((2, at.size))
    for place, step in enumerate(steps.tolist()):
        shift = np.zeros(at.size)
        shift[place] = step
        more, less = measures(at + shift, level), measures(at - shift, level)
        found[:, place] = [(a - b) / (2.0 * step) for a, b in zip(more, less, strict=True)]
    return found[0], found[1]


def contributions(scores: Array, curvature: Array) -> Array:
    """Influences of days on parameters that make the mean of scores zero, shape (n, p).

    Parameters
    ----------
    scores : array, shape (n, p)
    curvature : array, shape (p, p)
        Slope of the mean score: row i, column j is that of score i in parameter j.
    """
    return np.asarray(-(scores - scores.mean(axis=0)) @ np.linalg.pinv(curvature).T)


def spread(influences: Array, lags: int, share: float = 1.0, extra: float = 0.0) -> float:
    """Standard error of a figure from the influences of the days on it."""
    size = influences.size
    return math.sqrt(long_run(influences, lags) / (size * share) + extra)


def around(value: float, error: float, centre: float, days: float) -> Interval:
    """90 % interval of a figure from its standard error, Student's quantile for so many days.

    Examples
    --------
    >>> [round(x, 3) for x in around(0.1, 0.01, 0.0, 1000)]
    [0.085, 0.118]
    """
    reach = value - centre
    half = float(special.stdtrit(max(days - 1.0, 2.0), 0.95)) * error
    if abs(reach) <= half:  # no distance to take the logarithm of
        return value - half, value + half
    wide = math.exp(half / abs(reach))
    ends = centre + reach / wide, centre + reach * wide
    return (ends[0], ends[1]) if ends[0] <= ends[1] else (ends[1], ends[0])


def by_influence(
    measures: Measures,
    at: Array,
    steps: Array,
    influences: Array,
    lags: int,
    share: float = 1.0,
    centre: float = 0.0,
) -> Callable[[float], Intervals]:
    """Intervals of a law with fitted parameters.

    Parameters
    ----------
    measures : callable
        Parameters and level -> VaR and CVaR.
    at : array, shape (p,)
        As fitted.
    steps : array, shape (p,)
        For the slopes.
    influences : array, shape (n, p)
        Of each day on each parameter.
    lags, share
        How many days apart they may be alike; what they are worth as a share of their number.
    centre : float
        Mean loss.
    """

    def interval(level: float) -> Intervals:
        figures = measures(at, level)
        slopes = gradient(measures, at, steps, level)
        var, cvar = (
            around(
                figure,
                spread(influences @ slope, lags, share),
                centre,
                share * len(influences) / (1.0 + lags),
            )
            for figure, slope in zip(figures, slopes, strict=True)
        )
        return var, cvar

    return interval
