# SPDX-License-Identifier: Apache-2.0
"""Weights of a portfolio by the risk they bear: least CVaR, or stated shares of CVaR.

Losses are linear in what is held, scenario by scenario. Least CVaR under bounds is a linear
programme (Rockafellar and Uryasev 2000). Weights whose Euler contributions stand in stated
proportions are the minimum of CVaR(w) - sum b_i ln w_i over positive weights, brought to the wanted
total (Spinu 2013 for volatility; it holds for every convex measure that grows in proportion).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, eye_array, hstack

from perilscope.engines.portfolio import returns
from perilscope.errors import AssessmentError, MisuseError

Floats = NDArray[np.float64]
ROUNDS = 5_000
CLOSE = 2e-3
"""Largest difference of a contribution from its share that is called met, where the tail has many
scenarios; with few, half of what one of them is of the tail: shares jump where it comes or goes.
"""


def least_cvar(
    losses: Floats, level: float, total: float, most: Floats, weights: Floats | None = None
) -> Floats:
    """Money in each asset with the least CVaR, nothing short.

    Parameters
    ----------
    losses : array, shape (n, k)
        Loss of each asset per unit of money, scenario by scenario.
    level : float
    total : float
        Money in all.
    most : array, shape (k,)
        The most in each.
    weights : array, shape (n,), optional
        Probability of each scenario; equal without.

    Raises
    ------
    AssessmentError
        The bounds leave no room for the total.

    Examples
    --------
    >>> bad = np.array([[0.1, 0.0], [0.0, 0.05]])
    >>> least_cvar(bad, 0.5, 3.0, np.array([9.0, 9.0])).round(6).tolist()
    [1.0, 2.0]
    """
    n, k = losses.shape
    if not float(np.sum(most)) >= total > 0.0:
        raise AssessmentError("the most that each asset may hold is together less than the total")
    mass = np.full(n, 1.0 / n) if weights is None else weights
    # variables: money, VaR, what lies beyond it in each scenario
    cost = np.concatenate([np.zeros(k), [1.0], mass / (1.0 - level)])
    beyond = hstack([csr_matrix(losses), csr_matrix(-np.ones((n, 1))), -eye_array(n)])
    whole = csr_matrix(np.concatenate([np.ones(k), np.zeros(n + 1)])[None])
    bounds = [(0.0, float(m)) for m in most] + [(None, None)] + [(0.0, None)] * n
    found = linprog(
        cost, A_ub=beyond, b_ub=np.zeros(n), A_eq=whole, b_eq=[total], bounds=bounds, method="highs"
    )
    if not found.success:
        raise AssessmentError(f"no weights of least CVaR were found: {found.message}")
    return np.asarray(found.x[:k], dtype=np.float64)


def shared_cvar(
    losses: Floats,
    level: float,
    total: float,
    shares: Floats,
    weights: Floats | None = None,
) -> Floats:
    """Money in each asset so that each bears its share of CVaR.

    Parameters
    ----------
    losses, level, total, weights
        As for `least_cvar`.
    shares : array, shape (k,)
        Above zero; only their proportions count.

    Raises
    ------
    MisuseError
        Shares that are not above zero.
    AssessmentError
        No positive weights meet them (an asset that hedges the others).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> bad = rng.standard_normal((4000, 2)) * [0.01, 0.03]
    >>> money = shared_cvar(bad, 0.95, 4.0, np.array([1.0, 1.0]))
    >>> bool(abs(money[0] / money[1] - 3.0) < 0.25)
    True
    """
    if not np.all(shares > 0.0):
        raise MisuseError("a share of the risk must be above zero")
    wanted = shares / shares.sum()
    mass = np.full(len(losses), 1.0 / len(losses)) if weights is None else weights
    money = wanted / np.maximum(np.sqrt(mass @ losses**2), 1e-300)
    money = money * total / money.sum()
    best, nearest = money, np.inf
    for turn in range(ROUNDS):
        parts = returns.contributions(losses * money, level, mass)
        cvar = float(parts.sum())
        if not cvar > 0.0:
            break
        gap = parts / cvar - wanted
        if np.abs(gap).max() < nearest:
            best, nearest = money, float(np.abs(gap).max())
        if nearest <= 1e-6:
            break
        # down the gradient in logarithms, in steps that shorten: CVaR has kinks
        money = money * np.exp(-gap / np.maximum(wanted, 0.02) * 0.5 / (1.0 + turn / 50.0))
        money = money * total / money.sum()
    if nearest > max(CLOSE, 0.5 * float(mass.max()) / (1.0 - level)):
        raise AssessmentError(
            f"no weights were found that bear these shares: the nearest are {100 * nearest:.1f} "
            "points off; an asset that hedges the others bears no positive share"
        )
    return np.asarray(best)
