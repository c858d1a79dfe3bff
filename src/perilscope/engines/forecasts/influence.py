# SPDX-License-Identifier: Apache-2.0
"""90 % intervals of VaR and CVaR of fitted laws: the delta method on what each day contributed.

A fit is (nearly) a mean of contributions, one of each day: its influences. The error of a figure is
the spread of that mean, days that are alike counted together (Bartlett weights). It holds whether
or not the law is the true one: the interval is then of what the same fit would say given endless
history. Contributions are skew, the more the farther out the figure lies, and the interval leans
accordingly to the side of larger losses.

Source: Huber (1967); White, Econometrica 50 (1982); Newey and West, Econometrica 55 (1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.forecasts.tail_intervals import Interval, Intervals, long_run

Array = NDArray[np.float64]
Z90 = 1.6448536269514722
_MOST_LEAN = 0.8
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


def spread(
    influences: Array, lags: int, share: float = 1.0, extra: float = 0.0, fitted: int = 2
) -> float:
    """Standard error of a figure from the influences of the days on it."""
    size = influences.size
    used = min((lags + 1.0 + fitted) / size, 0.5)  # what taking off means and fits took off
    return math.sqrt(long_run(influences, lags) / (size * share * (1.0 - used)) + extra)


def days(influences: Array, lags: int, share: float = 1.0) -> float:
    """Degrees of freedom of a standard error: few where contributions are alike or far out.

    The spread of n values with kurtosis k is as uncertain as with ``2 n / (k - 1)`` normal ones,
    and one with Bartlett weights as with ``1.5 n / lags`` (Priestley 1981, table 6.1).

    Examples
    --------
    >>> days(np.array([-1.0, 1.0, -1.0, 1.0] * 25), 0)
    150.0
    """
    size = influences.size
    away = influences - influences.mean()
    power = float((away**2).mean())
    kurtosis = float((away**4).mean()) / power**2 if power > 0.0 else 3.0
    return share * min(1.5 * size / (1.0 + lags), 2.0 * size / max(kurtosis - 1.0, 1e-9))


def lean(influences: Array) -> float:
    """How far to the larger side the interval of a mean of skew contributions is moved.

    In standard errors: ``skewness * (2 z^2 + 1) / (6 sqrt(n))``, the first term of the expansion of
    the studentised mean (Hall, J. Royal Stat. Soc. B 54 (1992), equation 2.2), at most 0.8.

    Examples
    --------
    >>> lean(np.array([-1.0, 1.0, -1.0, 1.0]))
    0.0
    """
    away = influences - influences.mean()
    scale = float(away.std())
    if scale == 0.0:
        return 0.0
    skewness = float((away**3).mean()) / scale**3
    moved = skewness * (2.0 * Z90**2 + 1.0) / (6.0 * math.sqrt(influences.size))
    return min(max(moved, -_MOST_LEAN), _MOST_LEAN)


def around(
    value: float, error: float, centre: float, freedom: float, moved: float = 0.0
) -> Interval:
    """90 % interval of a figure from its standard error, Student's quantile for so many days.

    It never reaches beyond ``centre`` on the side on which the figure does not lie.

    Examples
    --------
    >>> [round(x, 3) for x in around(0.1, 0.01, 0.0, 1000)]
    [0.084, 0.116]
    """
    reach = value - centre
    half = float(special.stdtrit(max(freedom - 1.0, 2.0), 0.95))
    low, high = error * (moved - half), error * (moved + half)
    if reach == 0.0:
        return value + low, value + high
    scale = abs(reach)
    nearer, farther = (low, high) if reach > 0.0 else (-high, -low)
    near = scale * (1.0 + math.tanh(nearer / scale))
    far = scale + farther
    ends = centre + math.copysign(near, reach), centre + math.copysign(far, reach)
    return (ends[0], ends[1]) if ends[0] <= ends[1] else (ends[1], ends[0])


def by_influence(
    measures: Measures,
    at: Array,
    steps: Array,
    influences: Array,
    lags: int,
    share: float = 1.0,
    centre: float = 0.0,
    *,
    bent: bool = False,
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
    bent : bool
        Whether figures bend so much in the parameters that the ends are looked up where the
        parameters lie at them, and not on a straight line; ``measures`` must then answer there.
    """

    def interval(level: float) -> Intervals:
        figures = measures(at, level)
        slopes = gradient(measures, at, steps, level)
        found = []
        for place, (figure, slope) in enumerate(zip(figures, slopes, strict=True)):
            parts = influences @ slope
            error = spread(parts, lags, share, fitted=at.size)
            freedom, moved = days(parts, lags, share), lean(parts)
            if not bent or error == 0.0:
                found.append(around(figure, error, centre, freedom, moved))
                continue
            centred = influences - influences.mean(axis=0)  # the direction; the length is `error`
            towards = centred.T @ (centred @ slope)
            towards = towards * (error / float(slope @ towards))
            half = float(special.stdtrit(max(freedom - 1.0, 2.0), 0.95))
            ends = [measures(at + (moved + z) * towards, level)[place] for z in (-half, half)]
            found.append((min(*ends, figure), max(*ends, figure)))
        return found[0], found[1]

    return interval
