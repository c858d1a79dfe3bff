# SPDX-License-Identifier: Apache-2.0
"""Why a figure moved: the change shared out over what changed, so that the parts add up.

A figure is known for any choice of what is old and what is new. Put in one after the other, each
change moves it by some amount, which depends on what was put in before. Averaged over all orders
these amounts are the Shapley values: they add up to the whole move, a change that does nothing gets
nothing, and no order is preferred. With many changes two orders stand for all of them.

Source: Shapley, "A value for n-person games" (1953); Owen, "Monte Carlo calculation of the Shapley
value" (1972) for pairs of an order and its reverse.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Value = Callable[[frozenset[int]], Array]
"""The figures where these changes are in and the others are not."""

ALL_ORDERS = 4
"""Changes up to which all orders are gone through: 2^4 = 16 sets of them."""


@dataclass(frozen=True)
class Shares:
    """What each change moved.

    Parameters
    ----------
    moved : array, shape (changes, figures)
        The rows add up to the new figures less the old.
    least, most : arrays of the same shape
        The smallest and the largest move over the orders that were gone through.
    orders : int
        How many orders.
    """

    moved: Array
    least: Array
    most: Array
    orders: int


def shares(value: Value, changes: int) -> Shares:
    """Share a move out over what changed.

    Parameters
    ----------
    value : callable
        Called once for each set of changes that is wanted.
    changes : int
        How many there are.

    Returns
    -------
    Shares
        Over all orders for up to four changes; above, over the order given and its reverse.

    Examples
    --------
    Of a product 2 · 3 that was 1 · 1, a part comes from both factors at once, and is halved:

    >>> new, old = (2.0, 3.0), (1.0, 1.0)
    >>> found = shares(
    ...     lambda s: np.array([np.prod([(new if i in s else old)[i] for i in (0, 1)])]), 2
    ... )
    >>> found.moved.ravel().tolist(), found.least.ravel().tolist(), found.most.ravel().tolist()
    ([2.0, 3.0], [1.0, 2.0], [3.0, 4.0])
    """
    every = range(changes)
    orders: list[Sequence[int]] = (
        list(itertools.permutations(every)) if changes <= ALL_ORDERS else [every, every[::-1]]
    )
    known: dict[frozenset[int], Array] = {}

    def at(chosen: frozenset[int]) -> Array:
        if chosen not in known:
            known[chosen] = np.asarray(value(chosen), dtype=np.float64)
        return known[chosen]

    size = at(frozenset()).size
    moves = np.zeros((len(orders), changes, size))
    for row, order in enumerate(orders):
        for place, change in enumerate(order):
            before = frozenset(order[:place])
            moves[row, change] = at(before | {change}) - at(before)
    return Shares(moves.mean(axis=0), moves.min(axis=0), moves.max(axis=0), len(orders))
