# SPDX-License-Identifier: Apache-2.0
"""Scores that rank forecasts of VaR and CVaR: the lower the mean, the better.

Each is strictly consistent: no other forecast than the right one has a lower expected score. The
published forms speak of returns; here losses, VaR and CVaR are positive.
"""

from __future__ import annotations

import math

import numpy as np

from perilscope.engines.backtests.result import Array, aligned, checked_level
from perilscope.errors import AssessmentError


def pinball(loss: Array, var: Array, level: float) -> Array:
    """Quantile (tick) score of VaR, in the unit of the losses; shape (n,).

    Source: Koenker and Bassett, Econometrica 46 (1978); Gneiting, JASA 106 (2011).

    Examples
    --------
    >>> pinball(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 0.75).tolist()
    [0.75, 0.25]
    """
    loss, var = aligned(loss, var)
    gap = loss - var
    return np.asarray(np.maximum(checked_level(level) * gap, (level - 1.0) * gap))


def fz0(loss: Array, var: Array, cvar: Array, level: float) -> Array:
    """Zero-homogeneous Fissler-Ziegel score: differences do not depend on the unit; shape (n,).

    Raises
    ------
    AssessmentError
        Where CVaR is not above zero.

    Source: Patton, Ziegel and Chen, J. Econometrics 211 (2019), equation 6, with the return
    ``-loss`` and forecasts ``-var`` and ``-cvar``.

    Examples
    --------
    >>> fz0(np.array([3.0]), np.array([2.0]), np.array([4.0]), 0.75).round(6).tolist()
    [1.886294]
    """
    loss, var, cvar = aligned(loss, var, cvar)
    if not np.all(cvar > 0.0):
        raise AssessmentError("CVaR is not above zero on every day, and FZ0 takes its logarithm")
    over = np.maximum(loss - var, 0.0) / (1.0 - checked_level(level))
    return np.asarray((over + var) / cvar + np.log(cvar) - 1.0)


def fzg(loss: Array, var: Array, cvar: Array, level: float) -> Array:
    """Fissler-Ziegel-Gneiting score: any sign of forecasts, but the unit matters; shape (n,).

    Source: Fissler, Ziegel and Gneiting, Risk (Jan 2016): G1(x) = x, G2(x) = exp(x)/(1+exp(x)),
    with log 2 added as Taylor (2020) does.

    Examples
    --------
    >>> fzg(np.zeros(1), np.zeros(1), np.zeros(1), 0.975).tolist()
    [0.0]
    """
    loss, var, cvar = aligned(loss, var, cvar)
    p = 1.0 - checked_level(level)
    over = np.maximum(loss - var, 0.0)
    slope = 1.0 / (1.0 + np.exp(np.minimum(cvar, 700.0)))
    first = p * var + over  # (1{y<=v} - p) v - 1{y<=v} y
    second = slope * (var - cvar + over / p) - np.logaddexp(0.0, -cvar)
    return np.asarray(first + second + math.log(2.0))


# --- Murphy diagrams ------------------------------------------------------------------------------


def elementary_quantile(loss: Array, var: Array, level: float, thresholds: Array) -> Array:
    """Mean elementary score of VaR at each threshold; shape (k,).

    Any consistent score of VaR is a mixture of these: a forecast whose curve lies lowest
    everywhere is best whatever the score. Over all thresholds they integrate to the pinball score.

    Source: Ehm, Gneiting, Jordan and Krueger, JRSS B 78 (2016), equation 7.

    Examples
    --------
    >>> loss, var = np.array([3.0, 1.0]), np.array([2.0, 2.0])
    >>> elementary_quantile(loss, var, 0.75, np.array([1.5, 2.5])).tolist()
    [0.125, 0.375]
    """
    loss, var = aligned(loss, var)
    a = checked_level(level)
    curve = [
        float(
            np.where(
                loss > var, a * ((var <= t) & (t < loss)), (1 - a) * ((loss <= t) & (t < var))
            ).mean()
        )
        for t in np.asarray(thresholds, dtype=np.float64).tolist()
    ]
    return np.array(curve)


def elementary_cvar(loss: Array, var: Array, cvar: Array, level: float, thresholds: Array) -> Array:
    """Mean elementary score of the pair at each CVaR threshold; shape (k,).

    Source: Ziegel, Krueger, Jordan and Fasciati, J. Financial Econometrics 18 (2020), equation 4,
    with losses.

    Examples
    --------
    >>> loss, var, cvar = np.array([3.0]), np.array([2.0]), np.array([4.0])
    >>> elementary_cvar(loss, var, cvar, 0.75, np.array([3.5, 5.0])).tolist()
    [0.5, 3.0]
    """
    loss, var, cvar = aligned(loss, var, cvar)
    over = np.maximum(loss - var, 0.0) / (1.0 - checked_level(level))
    curve = [
        float(np.where(cvar <= t, over + var - t, 0.0).mean() + np.maximum(t - loss, 0.0).mean())
        for t in np.asarray(thresholds, dtype=np.float64).tolist()
    ]
    return np.array(curve)
