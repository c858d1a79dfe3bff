# SPDX-License-Identifier: Apache-2.0
"""What each part of a portfolio adds to its VaR and CVaR: Euler allocations that add up.

A part adds to CVaR its mean loss in the worst 1 - level of scenarios, and to VaR its mean loss
where the whole loses exactly VaR. The former is exact; the latter is a local-linear regression of
the part on the whole at VaR, because hardly a scenario lies there, and since the regression of the
whole on itself is exact, these parts add up to VaR as well.

Sources: Tasche, *Risk contributions and performance measurement* (1999), theorems 4.4 and 5.2;
Epperlein and Smillie, Risk 19 (2006) for kernels; Fan and Gijbels (1996) for local lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.portfolio import returns
from perilscope.errors import MisuseError

Array = NDArray[np.float64]

LEAST_NEAR = 30.0
"""The regression reaches at least to so many scenarios."""


@dataclass(frozen=True, eq=False)
class Euler:
    """Contributions of k parts, with their standard errors.

    Parameters
    ----------
    var, cvar : float
        Of the whole.
    to_var, to_cvar : array, shape (k,)
        Add up to ``var`` and ``cvar``.
    var_errors, cvar_errors : array, shape (k,)
        As if scenarios were independent.
    """

    var: float
    cvar: float
    to_var: Array
    to_cvar: Array
    var_errors: Array
    cvar_errors: Array


def slopes(moves: Array, amounts: Array, level: float) -> tuple[float, Array]:
    """CVaR of holdings under equally likely moves, and its slope in each amount: exact and fast.

    Parameters
    ----------
    moves : array, shape (n, k)
        Simple returns.
    amounts : array, shape (k,)
    level : float

    Returns
    -------
    cvar : float
    slopes : array, shape (k,)
        ``amounts * slopes`` adds up to CVaR.

    Examples
    --------
    >>> moves = np.array([[-0.5, 0.1], [0.0, -0.2], [0.3, 0.0], [-0.1, -0.1]])
    >>> cvar, slope = slopes(moves, np.array([20.0, 10.0]), 0.75)
    >>> cvar, slope.tolist()
    (9.0, [0.5, -0.1])
    """
    losses = moves @ -amounts
    size = losses.size
    place = max(math.ceil(size * level - 1e-9), 1) - 1
    var = float(np.partition(losses, place)[place])
    at = np.flatnonzero(losses >= var)
    worst = losses[at]
    whole = size * (1.0 - level)
    beyond = worst > var
    share = np.where(beyond, 1.0, (whole - float(beyond.sum())) / max(float((~beyond).sum()), 1.0))
    slope = -(share @ moves[at]) / whole
    return float(amounts @ slope), slope


def euler(parts: Array, level: float, weights: Array | None = None) -> Euler:
    """Contributions of parts to VaR and CVaR.

    Parameters
    ----------
    parts : array, shape (n, k)
        Loss of each part in each scenario.
    level : float
    weights : array, shape (n,), optional
        Probability of each scenario; equal without.

    Raises
    ------
    MisuseError
        There are no parts, or the level is out of range.

    Examples
    --------
    >>> found = euler(np.random.default_rng(1).standard_normal((2000, 3)), 0.95)
    >>> bool(abs(found.to_var.sum() - found.var) < 1e-9)
    True
    >>> bool(abs(found.to_cvar.sum() - found.cvar) < 1e-9)
    True
    """
    table = np.asarray(parts, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1]:
        raise MisuseError("there are no parts to allocate to")
    whole = table.sum(axis=1)
    var, cvar = returns.historical(whole, level, weights)
    mass = np.full(len(table), 1.0 / len(table)) if weights is None else weights / weights.sum()
    share = returns.tail_weights(whole, level, weights)
    to_cvar = np.asarray(share @ table)
    to_var, var_errors = _at_var(table, whole, var, mass)
    tail = np.flatnonzero(whole > var)  # elsewhere all influences are the same
    inside = (table[tail] - to_var) / (1.0 - level) + to_var - to_cvar
    squares = mass**2
    spread = squares[tail] @ inside**2
    spread += float(squares.sum() - squares[tail].sum()) * (to_var - to_cvar) ** 2
    return Euler(var, cvar, to_var, to_cvar, var_errors, np.sqrt(spread))


def _at_var(table: Array, whole: Array, var: float, mass: Array) -> tuple[Array, Array]:
    """Mean loss of each part where the whole loses VaR, and its standard error."""
    mean = float(mass @ whole)
    spread = math.sqrt(max(float(mass @ (whole - mean) ** 2), 0.0))
    if spread <= 1e-12 * max(abs(var), 1e-300):  # the whole never moves
        return np.asarray(mass @ table), np.zeros(table.shape[1])
    count = 1.0 / float(mass @ mass)
    away = whole - var
    near = float(np.partition(np.abs(away), min(int(LEAST_NEAR), away.size - 1))[
        min(int(LEAST_NEAR), away.size - 1)
    ])  # fmt: skip
    band = max(2.345 * spread * count**-0.2 * 0.5, near, 1e-12 * spread)
    kernel = mass * np.maximum(1.0 - (away / band) ** 2, 0.0)
    sums = [float(kernel.sum()), float(kernel @ away), float(kernel @ away**2)]
    bottom = sums[0] * sums[2] - sums[1] ** 2
    if bottom <= 1e-12 * sums[0] * sums[2]:
        line = kernel / sums[0]
        line = line * var / float(line @ whole) if float(line @ whole) else line
    else:
        line = kernel * (sums[2] - sums[1] * away) / bottom
    rows = np.flatnonzero(kernel > 0.0)
    kernel, away, line, near_by = kernel[rows], away[rows], line[rows], table[rows]
    found = np.asarray(line @ near_by)
    residual = near_by - found - _tilt(kernel, away, near_by, found)
    return found, np.sqrt(line**2 @ residual**2)


def _tilt(kernel: Array, away: Array, table: Array, at: Array) -> Array:
    """Slope of each part in the whole near VaR, times the distance."""
    power = float(kernel @ away**2)
    slope = ((kernel * away) @ (table - at)) / power if power > 0.0 else np.zeros(at.size)
    return np.asarray(away[:, None] * slope)
