# SPDX-License-Identifier: Apache-2.0
"""Losses of one block of horizons by size: how many fall into each bin, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perilscope.engines.law import Floats, Integers

LEAST = int(np.float64(2.0**-20).view(np.int64))
OCTAVES = 80
"""From a millionth to 10^18; what is smaller or larger goes to the bins at the ends."""


@dataclass(frozen=True)
class Block:
    """What one block says of one loss.

    Parameters
    ----------
    count, some : int
        Horizons, and horizons with a loss.
    total, squares : float
        Sum of the losses, and of their squared distances from their mean.
    first : int
        Lowest bin that losses fall into.
    counts, sums, least, greatest : arrays, shape (b,)
        How many losses fall into each bin from the first to the highest, and what they come to;
        the least is infinite and the greatest zero where there are none.
    beyond : array
        The losses above a floor, in no order.
    """

    count: int
    some: int
    total: float
    squares: float
    first: int
    counts: Integers
    sums: Floats
    least: Floats
    greatest: Floats
    beyond: Floats


Read = Callable[[Floats, int, float, Integers, Floats], Block]
"""As :func:`read`."""


def reader(backend: str) -> Read:
    """What reads the losses of a block, by name of the backend that drew them."""
    if backend != "numba":
        return read
    from perilscope.engines import binned_compiled  # Numba takes its time to load

    return binned_compiled.read


def read(losses: Floats, fine: int, floor: float, place: Integers, shares: Floats) -> Block:
    """What the losses of a block say, and what they come to by the bin of another loss.

    Parameters
    ----------
    losses : array, shape (n,)
        Of each horizon.
    fine : int
        How fine bins are: a power of two of them for each doubling of the loss.
    floor : float
        Above it losses are told one by one.
    place : array of int, shape (n,)
        Of each horizon, the bin of that other loss.
    shares : array of zeros, shape (b,)
        The losses are added to it by ``place``; empty where nobody asks.
    """
    where = np.flatnonzero(losses > 0)  # of most lines few horizons have any
    some, count = losses[where], len(losses)
    if len(shares):
        shares += np.bincount(place[where], some, len(shares))
    total = float(some.sum())
    mean, idle = total / count, count - len(some)
    squares = float(np.sum((some - mean) ** 2)) + idle * mean**2
    bins = bins_of(some, fine)
    first = int(bins.min(initial=OCTAVES << fine)) if len(some) else 0
    bins -= first
    width = int(bins.max(initial=-1)) + 1
    least, greatest = np.full(width, np.inf), np.zeros(width)
    np.minimum.at(least, bins, some)
    np.maximum.at(greatest, bins, some)
    return Block(
        count=count,
        some=len(some),
        total=total,
        squares=squares,
        first=first,
        counts=np.bincount(bins, minlength=width),
        sums=np.bincount(bins, some, width).astype(np.float64, copy=False),
        least=least,
        greatest=greatest,
        beyond=some[some > floor],
    )


def bins_of(losses: Floats, fine: int) -> Integers:
    """Bins of positive losses: the exponent and the first bits of the fraction."""
    bins = (losses.view(np.int64) >> (52 - fine)) - (LEAST >> (52 - fine))
    return np.asarray(np.clip(bins, 0, (OCTAVES << fine) - 1))
