# SPDX-License-Identifier: Apache-2.0
"""Perpetual and dated futures, linear and inverse, with margin, funding and liquidation.

A linear contract is for units of the asset and pays in its quote; an inverse one is for an amount
of the quote and pays in the asset. Longs are positive. Funding is a rate per day that longs pay to
shorts. An isolated position is closed where its margin falls to the maintenance margin, and what is
left of the margin is lost to the insurance fund; the exchange does not claim more.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError

Floats = NDArray[np.float64]


def linear(quantity: float, entry: float, price: Floats | float) -> Floats:
    """Gain of a linear contract since its entry, in the quote.

    Examples
    --------
    >>> linear(-2.0, 100.0, np.array([90.0, 130.0])).tolist()
    [20.0, -60.0]
    """
    return np.asarray(quantity * (np.asarray(price, np.float64) - entry))


def inverse(face: float, entry: float, price: Floats | float) -> Floats:
    """Gain of an inverse contract since its entry, in units of the asset.

    Parameters
    ----------
    face : float
        Amount of the quote, positive for a long.

    Examples
    --------
    >>> inverse(100_000.0, 50_000.0, np.array([40_000.0, 100_000.0])).round(12).tolist()
    [-0.5, 1.0]
    """
    return np.asarray(face * (1.0 / entry - 1.0 / np.asarray(price, np.float64)))


def liquidation_price(
    quantity: float, entry: float, margin: float, maintenance: float, *, coin: bool = False
) -> float:
    """Price at which an isolated position is closed; 0 or infinity where none does it.

    Parameters
    ----------
    quantity : float
        Units of a linear contract, or the face of an inverse one (``coin``).
    entry, margin : float
        The margin in the quote, of an inverse contract in units of the asset.
    maintenance : float
        Maintenance margin as a share of the position at the mark.
    coin : bool
        Whether the contract is inverse.

    Returns
    -------
    float
        Below the entry for a long, above it for a short.

    Notes
    -----
    Linear: margin + q (P - e) = m |q| P. Inverse: margin + f (1/e - 1/P) = m |f| / P.

    Examples
    --------
    >>> liquidation_price(1.0, 100.0, 10.0, 0.0), liquidation_price(-1.0, 100.0, 10.0, 0.0)
    (90.0, 110.0)
    """
    if not (entry > 0.0 and margin >= 0.0 and 0.0 <= maintenance < 1.0):
        raise MisuseError("entry must be above 0, margin not below 0, maintenance in [0, 1)")
    size, side = abs(quantity), math.copysign(1.0, quantity)
    if size == 0.0:
        return 0.0
    if coin:
        left = size / entry + side * margin
        if left <= 0.0:
            return math.inf
        return size * (1.0 + side * maintenance) / left
    return max((size * entry - side * margin) / (size * (1.0 - side * maintenance)), 0.0)


def held(
    quantity: float,
    entry: float,
    margin: float,
    maintenance: float,
    price: Floats,
    low: Floats,
    high: Floats,
    paid: Floats | float = 0.0,
    *,
    coin: bool = False,
) -> Floats:
    """What an isolated position is worth at the end, margin included; 0 where it was closed.

    Parameters
    ----------
    quantity, entry, margin, maintenance
        As for `liquidation_price`.
    price, low, high : array, shape (n,)
        At the end of the time, and the extremes on the way.
    paid : array or float
        Funding paid on the way; it eats the margin.
    coin : bool

    Returns
    -------
    array, shape (n,)
        In the quote, of an inverse contract in units of the asset.

    Examples
    --------
    >>> price, low = np.array([100.0, 100.0]), np.array([95.0, 85.0])
    >>> held(1.0, 100.0, 10.0, 0.0, price, low, price).tolist()
    [10.0, 0.0]
    """
    gain = inverse(quantity, entry, price) if coin else linear(quantity, entry, price)
    worth = margin + gain - paid
    trigger = liquidation_price(quantity, entry, margin, maintenance, coin=coin)
    extreme = np.minimum(low, price) if quantity > 0.0 else np.maximum(high, price)
    closed = extreme <= trigger if quantity > 0.0 else extreme >= trigger
    return np.where(closed, 0.0, np.maximum(worth, 0.0))


def carried(price: Floats, basis: float, days_left: float, days: float) -> Floats:
    """Price of a dated future when its basis shrinks evenly to nothing at expiry.

    Parameters
    ----------
    price : array
        Of the asset at the end of the time.
    basis : float
        Future over spot today, less 1.
    days_left, days : float
        To expiry from today, and the length of the time.

    Examples
    --------
    >>> carried(np.array([100.0]), 0.03, 30.0, 10.0).tolist()
    [102.0]
    """
    left = max(1.0 - days / days_left, 0.0) if days_left > 0.0 else 0.0
    return np.asarray(price * (1.0 + basis * left))
