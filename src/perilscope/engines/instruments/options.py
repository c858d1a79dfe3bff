# SPDX-License-Identifier: Apache-2.0
"""European options: Black (1976) on a forward, Black and Scholes (1973) on spot, coin-margined.

A coin-margined (inverse) option pays ``max(S - K, 0) / S`` units of the asset. At the price of that
moment this is worth what the plain option pays, so the two have the same value in money; what
differs is what premium and margin are kept in.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


def black76(
    forward: Floats | float,
    strike: Floats | float,
    volatility: Floats | float,
    years: float,
    discount: float = 1.0,
    *,
    call: bool = True,
) -> Floats:
    """Value of a European option on a forward.

    Parameters
    ----------
    forward, strike : array or float
        Positive, broadcast against each other and the volatility.
    volatility : array or float
        Per square root of a year of 365 days, 0.7 for 70 %.
    years : float
        To expiry; 0 or less gives the payoff.
    discount : float
        What one unit of money at expiry is worth now.
    call : bool
        A put otherwise.

    Returns
    -------
    array

    References
    ----------
    Black (1976), The pricing of commodity contracts, equation 16.

    Examples
    --------
    >>> float(black76(100.0, 100.0, 0.5, 0.25).round(6))
    9.947645
    """
    f, k = np.asarray(forward, np.float64), np.asarray(strike, np.float64)
    payoff = np.maximum(f - k if call else k - f, 0.0)
    alive, d1, spread = _d1(f, k, volatility, years)
    sign = 1.0 if call else -1.0
    value = sign * (f * ndtr(sign * d1) - k * ndtr(sign * (d1 - spread)))
    # far out of the money the two terms cancel to a little below nothing
    return np.asarray(discount * np.where(alive, np.maximum(value, payoff * 0.0), payoff))


def _d1(
    f: Floats, k: Floats, volatility: Floats | float, years: float
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Where chance is left at all; there Black's d1, and the sd of the logarithm until expiry."""
    spread = np.asarray(volatility, np.float64) * math.sqrt(max(years, 0.0))
    alive = (spread > 0.0) & (f > 0.0)
    safe = np.where(alive, spread, 1.0)
    with np.errstate(divide="ignore"):  # a strike of 0
        moneyness = np.log(np.where(alive, f, 1.0) / np.where(alive, k, 1.0))
    return alive, moneyness / safe + 0.5 * safe, safe


def black_scholes(
    spot: Floats | float,
    strike: Floats | float,
    volatility: Floats | float,
    years: float,
    rate: float = 0.0,
    carry: float = 0.0,
    *,
    call: bool = True,
) -> Floats:
    """Value of a European option on spot that pays ``carry`` (staking, lending) continuously.

    Parameters
    ----------
    spot, strike, volatility, years, call
        As for `black76`.
    rate, carry : float
        Per year, continuously compounded.

    References
    ----------
    Black and Scholes (1973); Merton (1973) for the carry.

    Examples
    --------
    >>> call, put = (float(black_scholes(90, 100, 0.6, 0.5, 0.04, call=c)) for c in (True, False))
    >>> abs(call - put - (90 - 100 * math.exp(-0.02))) < 1e-12
    True
    """
    left = max(years, 0.0)
    forward = np.asarray(spot, np.float64) * math.exp((rate - carry) * left)
    return black76(forward, strike, volatility, left, math.exp(-rate * left), call=call)


def delta(
    forward: Floats | float,
    strike: Floats | float,
    volatility: Floats | float,
    years: float,
    *,
    call: bool = True,
) -> Floats:
    """Slope of the undiscounted value in the forward.

    Examples
    --------
    >>> round(float(delta(100.0, 100.0, 0.5, 1.0) - delta(100.0, 100.0, 0.5, 1.0, call=False)), 12)
    1.0
    """
    f, k = np.asarray(forward, np.float64), np.asarray(strike, np.float64)
    alive, d1, _ = _d1(f, k, volatility, years)
    sign = 1.0 if call else -1.0
    return np.asarray(np.where(alive, sign * ndtr(sign * d1), sign * (sign * (f - k) > 0.0)))


def inverse(
    forward: Floats | float,
    strike: Floats | float,
    volatility: Floats | float,
    years: float,
    *,
    call: bool = True,
) -> Floats:
    """Value of a coin-margined option in units of the asset.

    Examples
    --------
    >>> float(inverse(125.0, 100.0, 0.7, 0.0))
    0.2
    """
    f = np.asarray(forward, np.float64)
    return np.asarray(black76(f, strike, volatility, years, call=call) / f)
