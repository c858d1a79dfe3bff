# SPDX-License-Identifier: Apache-2.0
"""Losses of one block of horizons by size: how many fall into each bin, and what they come to."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perilscope.engines.laws.law import Floats, Integers

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


@dataclass(frozen=True)
class Some:
    """The losses above zero of a block, which are few for most lines.

    Parameters
    ----------
    where : array of int, shape (m,)
        Their horizons, ascending; a block has at most 65,536.
    losses : array, shape (m,)
    count : int
        Horizons of the block.
    """

    where: npt.NDArray[np.uint16]
    losses: Floats
    count: int


class Sorter(Protocol):
    """What sorts losses: this module, or its compiled twin."""

    def some(self, losses: Floats) -> Some:
        """The losses above zero."""

    def block(self, found: Some, fine: int, floor: float) -> Block:
        """What they say by size."""

    def add(self, total: Floats, place: Integers | None, found: Some) -> None:
        """Add them to a total, each at its place."""


def sorter(backend: str) -> Sorter:
    """What sorts the losses that a backend draws."""
    if backend != "numba":
        return sys.modules[__name__]
    from perilscope.engines.simulation import binned_compiled

    return binned_compiled


def some(losses: Floats) -> Some:
    """The losses above zero of a block, shape (n,)."""
    where = np.flatnonzero(losses > 0)
    return Some(where.astype(np.uint16), losses[where], len(losses))


def add(total: Floats, place: Integers | None, found: Some) -> None:
    """Add losses to a total: each to its horizon, or to the place of its horizon.

    Parameters
    ----------
    total : array, shape (b,)
    place : array of int, shape (n,), or None
        Of each horizon, where in the total.
    found : Some
    """
    if place is None:
        total[found.where] += found.losses
    else:
        total += np.bincount(place[found.where], found.losses, len(total))


def block(found: Some, fine: int, floor: float) -> Block:
    """What the losses of a block say by size.

    Parameters
    ----------
    found : Some
    fine : int
        How fine bins are: a power of two of them for each doubling of the loss.
    floor : float
        Above it losses are told one by one.
    """
    losses, count = found.losses, found.count
    total = float(losses.sum())
    mean, idle = total / count, count - len(losses)
    squares = float(np.sum((losses - mean) ** 2)) + idle * mean**2
    bins = bins_of(losses, fine)
    first = int(bins.min()) if len(losses) else 0
    bins -= first
    width = int(bins.max(initial=-1)) + 1
    least, greatest = np.full(width, np.inf), np.zeros(width)
    np.minimum.at(least, bins, losses)
    np.maximum.at(greatest, bins, losses)
    return Block(
        count=count,
        some=len(losses),
        total=total,
        squares=squares,
        first=first,
        counts=np.bincount(bins, minlength=width),
        sums=np.bincount(bins, losses, width).astype(np.float64, copy=False),
        least=least,
        greatest=greatest,
        beyond=losses[losses > floor],
    )


def bins_of(losses: Floats, fine: int) -> Integers:
    """Bins of positive losses: the exponent and the first bits of the fraction."""
    bins = (losses.view(np.int64) >> (52 - fine)) - (LEAST >> (52 - fine))
    return np.asarray(np.clip(bins, 0, (OCTAVES << fine) - 1))
