# SPDX-License-Identifier: Apache-2.0
"""Shares of automated market makers: what they hold and are worth at any price, exactly.

The price is that of the asset in its quote. Liquidity L is what Uniswap calls by that name: a full
range of liquidity L holds L / sqrt(P) of the asset and L sqrt(P) of the quote. Fees are left out.

References: Adams, Zinsmeister and Robinson (2020), Uniswap v2 Core; Adams et al. (2021), Uniswap v3
Core, section 6.2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError

Floats = NDArray[np.float64]


def amounts(
    liquidity: float, price: Floats | float, lower: float = 0.0, upper: float = math.inf
) -> tuple[Floats, Floats]:
    """Units of the asset and of the quote that a range holds.

    Parameters
    ----------
    liquidity : float
    price : array or float
        Positive.
    lower, upper : float
        The range; 0 and infinity are the constant product over all prices.

    Examples
    --------
    >>> [part.tolist() for part in amounts(10.0, np.array([4.0, 25.0]))]
    [[5.0, 2.0], [20.0, 50.0]]
    >>> [part.tolist() for part in amounts(10.0, np.array([1.0, 25.0]), 4.0, 16.0)]
    [[2.5, 0.0], [0.0, 20.0]]
    """
    if not 0.0 <= lower < upper:
        raise MisuseError(f"a range from {lower:g} to {upper:g}: the lower end comes first")
    root = np.sqrt(np.clip(np.asarray(price, np.float64), lower, upper))
    top = 0.0 if math.isinf(upper) else 1.0 / math.sqrt(upper)
    with np.errstate(divide="ignore"):
        asset = liquidity * (1.0 / root - top)
    return np.asarray(asset), np.asarray(liquidity * (root - math.sqrt(lower)))


def worth(
    liquidity: float, price: Floats | float, lower: float = 0.0, upper: float = math.inf
) -> Floats:
    """What a range is worth, in the quote.

    Examples
    --------
    >>> worth(10.0, np.array([4.0, 25.0])).tolist()
    [40.0, 100.0]
    """
    p = np.asarray(price, np.float64)
    asset, quote = amounts(liquidity, p, lower, upper)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(p > 0.0, asset * p, 0.0) + quote)


def impermanent_loss(
    liquidity: float,
    entry: float,
    price: Floats | float,
    lower: float = 0.0,
    upper: float = math.inf,
) -> Floats:
    """What the range is short of, in the quote, against holding what was put in at the entry.

    Returns
    -------
    array
        Not negative.

    Examples
    --------
    >>> loss = impermanent_loss(1.0, 1.0, 4.0)  # of the 5 that holding would be worth
    >>> float(loss), round(float(loss) / 5.0, 12)
    (1.0, 0.2)
    """
    asset, quote = amounts(liquidity, entry, lower, upper)
    p = np.asarray(price, np.float64)
    return np.asarray(asset * p + quote - worth(liquidity, p, lower, upper))


def liquidity_of(units: float, price: float, lower: float = 0.0, upper: float = math.inf) -> float:
    """Liquidity of a range that holds so many units of the asset at a price.

    Raises
    ------
    MisuseError
        The price lies above the range: it holds none of the asset, whatever its liquidity.

    Examples
    --------
    >>> liquidity_of(5.0, 4.0)
    10.0
    """
    each = float(amounts(1.0, price, lower, upper)[0])
    if not each > 0.0:
        raise MisuseError(
            f"at {price:g} a range up to {upper:g} holds none of the asset: give its liquidity"
        )
    return units / each
