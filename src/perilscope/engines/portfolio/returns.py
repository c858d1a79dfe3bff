# SPDX-License-Identifier: Apache-2.0
"""Losses of a portfolio from the returns of what it holds: the empirical law and its measures.

Losses are positive. VaR at level a is the smallest loss x with F(x) >= a; CVaR is the mean of the
worst 1-a of probability, the atom at VaR split (Rockafellar and Uryasev, J. Banking & Finance 26
(2002), theorem 6 and proposition 8). Returns over several days overlap; nothing is scaled by the
square root of time. The parametric laws live in `parametric` and are offered here as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.portfolio.parametric import (
    checked,
    fit_normal,
    fit_student,
    normal,
    student,
)
from perilscope.errors import AssessmentError, MisuseError

__all__ = [
    "contributions",
    "fit_normal",
    "fit_student",
    "historical",
    "mixture",
    "normal",
    "overlapping",
    "pnl",
    "reweighted",
    "student",
    "tail_weights",
]

Array = NDArray[np.float64]
Measures = tuple[float, float]
Intervals = tuple[tuple[float, float], tuple[float, float]]

# A level times a count is off by rounding: 0.07 of 100 is a little over 7, and is 7.
SLACK = 1e-9


def overlapping(prices: Array, days: int) -> Array:
    """Simple returns over ``days`` days from every day on which such a window starts.

    Parameters
    ----------
    prices : array, shape (T, k)
        Daily closes, positive and without holes.
    days : int
        Length of the window.

    Returns
    -------
    array, shape (T - days, k)
        ``price(t + days) / price(t) - 1``.

    Raises
    ------
    MisuseError
        If ``days`` is not positive.
    AssessmentError
        If there are not more days than the window, or a price is not a positive number.

    Examples
    --------
    >>> overlapping(np.array([[100.0], [110.0], [99.0]]), 2).round(3).tolist()
    [[-0.01]]
    """
    table = np.asarray(prices, dtype=np.float64)
    if days < 1:
        raise MisuseError(f"a return needs at least one day, not {days}")
    if table.ndim != 2 or table.shape[0] <= days:
        raise AssessmentError(
            f"{table.shape[0] if table.ndim else 0} days of prices do not hold one window of "
            f"{days} days; more history is needed"
        )
    if not (np.all(np.isfinite(table)) and np.all(table > 0.0)):
        raise AssessmentError("a price is missing, zero or negative; returns need positive prices")
    return table[days:] / table[:-days] - 1.0


def pnl(returns: Array, values: Array) -> Array:
    """Losses of a portfolio, positive: minus the sum of value times return.

    Parameters
    ----------
    returns : array, shape (n, k)
    values : array, shape (k,)
        Worth of each holding today; negative for what is owed.

    Returns
    -------
    array, shape (n,)

    Examples
    --------
    >>> pnl(np.array([[-0.5, 0.25]]), np.array([100.0, 40.0])).tolist()
    [40.0]
    """
    return np.asarray(-(returns * np.asarray(values, dtype=np.float64)).sum(axis=1))


def _weighted(losses: Array, weights: Array | None, level: float) -> tuple[Array, Array]:
    """Losses and weights that sum to 1, both checked."""
    values = checked(losses, level)
    if weights is None:
        return values, np.full(values.shape, 1.0 / values.size)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != values.shape or not np.all(given >= 0.0) or not given.sum() > 0.0:
        raise MisuseError("weights must be as many as the losses, not negative, not all zero")
    return values, given / given.sum()


def _quantile(values: Array, weights: Array | None, level: float) -> float:
    """Smallest value with F(value) >= level."""
    if weights is None:
        place = max(math.ceil(values.size * level - SLACK), 1) - 1
        return float(np.partition(values, place)[place])
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    place = min(int(np.searchsorted(below, level - SLACK / values.size)), values.size - 1)
    return float(values[order[place]])


def historical(losses: Array, level: float, weights: Array | None = None) -> Measures:
    """VaR and CVaR of the empirical law.

    Parameters
    ----------
    losses : array, shape (n,)
        Positive is a loss.
    level : float
        Between 0 and 1, like 0.99.
    weights : array, shape (n,), optional
        Probability of each scenario up to a constant; equal if left out.

    Returns
    -------
    var, cvar : float

    Raises
    ------
    MisuseError
        If the level or the weights are out of range.
    AssessmentError
        If there are no losses, or one is not a number.

    Examples
    --------
    >>> var, cvar = historical(np.arange(1.0, 11.0), 0.85)
    >>> var, round(cvar, 12)  # the worst 1.5 of 10: 10 whole, and half of 9
    (9.0, 9.666666666667)
    """
    if weights is None:
        return _plain(checked(losses, level), level)
    values, mass = _weighted(losses, weights, level)
    var = _quantile(values, mass, level)
    beyond = float((mass * np.maximum(values - var, 0.0)).sum())
    return var, var + beyond / (1.0 - level)


def _plain(values: Array, level: float) -> Measures:
    """VaR and CVaR of equally likely losses: only the tail is added up."""
    place = max(math.ceil(values.size * level - SLACK), 1) - 1
    parted = np.partition(values, place)
    var = float(parted[place])
    beyond = float((parted[place + 1 :] - var).sum())
    return var, var + beyond / (values.size * (1.0 - level))


def tail_weights(losses: Array, level: float, weights: Array | None = None) -> Array:
    """The share of each scenario in the worst 1-level of probability, summing to 1.

    Scenarios beyond VaR count whole; those at VaR share what is left in proportion to their
    weight. ``sum(tail_weights * losses)`` is CVaR. Parameters and errors as for `historical`.

    Examples
    --------
    >>> tail_weights(np.array([1.0, 2.0, 4.0, 3.0]), 0.625).round(3).tolist()
    [0.0, 0.0, 0.667, 0.333]
    """
    values, mass = _weighted(losses, weights, level)
    var = _quantile(values, None if weights is None else mass, level)
    tail = np.where(values > var, mass, 0.0)
    at = np.where(values == var, mass, 0.0)
    left = max((1.0 - level) - float(tail.sum()), 0.0)
    share = (tail + at * (left / float(at.sum()))) if left else tail
    return np.asarray(share / share.sum())


def contributions(parts: Array, level: float, weights: Array | None = None) -> Array:
    """Euler allocation of historical CVaR: the mean loss of each holding in the worst scenarios.

    Parameters
    ----------
    parts : array, shape (n, k)
        Loss of each holding in each scenario, positive; ``-(returns * values)`` for spot holdings.
    level, weights
        As for `historical`.

    Returns
    -------
    array, shape (k,)
        Sums to the CVaR of the total loss. A holding that gains when the rest loses is negative.

    Source: Tasche, *Risk contributions and performance measurement* (1999), theorem 4.4.

    Examples
    --------
    >>> parts = np.array([[10.0, -1.0], [0.0, 2.0], [-3.0, 0.0], [1.0, 1.0]])
    >>> contributions(parts, 0.75).tolist()
    [10.0, -1.0]
    """
    table = np.asarray(parts, dtype=np.float64)
    share = tail_weights(table.sum(axis=1), level, weights)
    return np.asarray((share[:, None] * table).sum(axis=0))


def mixture(sets: Sequence[tuple[float, Array]]) -> tuple[Array, Array]:
    """Scenario sets, each with its probability, as one set of losses and weights.

    Parameters
    ----------
    sets : sequence of (probability, losses)
        Probabilities sum to 1 within 1e-9. Within a set all scenarios are equally likely; a set
        of probability zero adds nothing and may be empty.

    Returns
    -------
    losses, weights : arrays, shape (n,)

    Raises
    ------
    MisuseError
        If the probabilities are negative or do not sum to 1, or a set that can happen is empty.

    Examples
    --------
    >>> losses, weights = mixture([(0.75, np.array([1.0, 2.0, 3.0])), (0.25, np.array([9.0]))])
    >>> losses.tolist(), weights.tolist()
    ([1.0, 2.0, 3.0, 9.0], [0.25, 0.25, 0.25, 0.25])
    """
    chances = [float(chance) for chance, _ in sets]
    if not all(chance >= 0.0 for chance in chances) or not abs(math.fsum(chances) - 1.0) <= 1e-9:
        raise MisuseError(f"the probabilities of scenario sets must sum to 1, not {chances}")
    kept = [(chance, np.asarray(losses, dtype=np.float64)) for chance, losses in sets if chance > 0]
    if any(losses.size == 0 for _, losses in kept):
        raise MisuseError("a set of scenarios that can happen is empty")
    weights = [np.full(losses.size, chance / losses.size) for chance, losses in kept]
    return np.concatenate([losses for _, losses in kept]), np.concatenate(weights)


def reweighted(sets: Sequence[tuple[float, Array]], level: float) -> Measures:
    """VaR and CVaR of a mixture of scenario sets, each with its probability.

    Parameters and errors as for `mixture` and `historical`.

    Examples
    --------
    >>> calm, stress = np.zeros(100), np.full(10, 50.0)
    >>> reweighted([(0.98, calm), (0.02, stress)], 0.95)[0]
    0.0
    >>> round(reweighted([(0.98, calm), (0.02, stress)], 0.95)[1], 9)
    20.0
    """
    losses, weights = mixture(sets)
    return historical(losses, level, weights)
