# SPDX-License-Identifier: Apache-2.0
"""Loans against collateral that protocols liquidate, and coins that are staked.

A loan is healthy while threshold x collateral >= debt. Where it is not, a liquidator repays a share
of the debt and takes collateral worth that and a penalty more; what is left is healthy again, until
the price falls further. On a path without jumps every liquidation happens at health 1, so that
all of them together have a closed form in the lowest price.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError

Floats = NDArray[np.float64]
CLOSE = 0.5
"""Share of the debt that one liquidation repays (Aave, Compound)."""


def health(units: float, price: Floats | float, debt: Floats | float, threshold: float) -> Floats:
    """Health factor: threshold x collateral over debt; liquidated below 1.

    Examples
    --------
    >>> float(health(10.0, 2000.0, 12_000.0, 0.825))
    1.375
    """
    return np.asarray(threshold * units * np.asarray(price) / np.asarray(debt))


def equity(
    units: float,
    debt: float,
    threshold: float,
    penalty: float,
    price: Floats,
    low: Floats,
    close: float = CLOSE,
    start: float | None = None,
) -> Floats:
    """What a loan is worth to the borrower after the liquidations on the way, in units of the debt.

    Parameters
    ----------
    units : float
        Of collateral.
    debt : float
        In units of what is owed.
    threshold, penalty : float
        Liquidation threshold and penalty, as shares.
    price, low : array, shape (n,)
        Collateral in units of what is owed, at the end and at its lowest.
    close : float
        Share of the debt that one liquidation repays.
    start : float, optional
        Collateral in units of what is owed at the start: a loan that is not healthy then is
        liquidated there, before any path begins.

    Returns
    -------
    array, shape (n,)
        Never below 0: who owes more than the collateral is worth walks away from both.

    Notes
    -----
    With t = threshold (1 + penalty) a liquidation leaves 1 - close t of the collateral and
    1 - close of the debt, so health becomes (1 - close t) / (1 - close) and the next one comes at
    the price divided by it.

    Examples
    --------
    >>> price = np.array([2000.0, 1200.0])
    >>> equity(10.0, 12_000.0, 0.825, 0.05, price, price).round(2).tolist()
    [8000.0, 856.17]
    """
    if not (0.0 < threshold < 1.0 and 0.0 <= penalty < 1.0 and 0.0 < close <= 1.0):
        raise MisuseError("threshold must lie in (0, 1), penalty in [0, 1), close in (0, 1]")
    p = np.asarray(price, np.float64)
    if debt <= 0.0:
        return np.asarray(units * p - debt)
    if start is not None:
        while threshold * units * start < debt:
            units, debt = units - close * debt * (1.0 + penalty) / start, (1.0 - close) * debt
            if units <= 0.0 or debt <= 0.0:
                return np.asarray(np.maximum(units * p, 0.0))
    lowest = np.minimum(np.asarray(low, np.float64), p)
    first = debt / (threshold * units)  # the price of the first liquidation
    kept = 1.0 - close * threshold * (1.0 + penalty)
    owed = 1.0 - close
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        below = np.log(first / lowest)
        if kept <= owed:  # each liquidation makes the next one due: nothing is left
            times = np.where(below >= 0.0, np.inf, 0.0)
        elif owed == 0.0:
            times = np.where(below >= 0.0, 1.0, 0.0)
        else:
            times = np.where(below >= 0.0, 1.0 + np.floor(below / math.log(kept / owed)), 0.0)
        left = units * kept**times * p - debt * np.where(times > 0.0, owed**times, 1.0)
    if kept <= owed:  # the penalty takes all that the threshold left
        left = np.where(times > 0.0, 0.0, left)
    return np.asarray(np.maximum(left, 0.0))


def staked(
    price: Floats, move: Floats, discount: float, widening: float, slashed: float = 0.0
) -> Floats:
    """Price of a staked coin that cannot be redeemed at once.

    Parameters
    ----------
    price : array
        Of the coin itself.
    move : array
        Its relative move.
    discount : float
        By which the staked coin trades below it today.
    widening : float
        By how much the discount grows for a fall of 1: 0.1 adds 4 points in a fall of 40 %.
    slashed : float
        Share that validators lost.

    Examples
    --------
    >>> staked(np.array([60.0]), np.array([-0.4]), 0.01, 0.1).round(9).tolist()
    [57.0]
    """
    wider = np.minimum(discount + widening * np.maximum(-np.asarray(move), 0.0), 1.0)
    return np.asarray(price * (1.0 - wider) * (1.0 - slashed))
