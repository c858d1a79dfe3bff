# SPDX-License-Identifier: Apache-2.0
"""The tails of many series of losses at once, compiled: the twin of `series._worst`.

Only what asks for many tables imports this module, because Numba takes its time to load. The
functions that Numba sees call nothing outside this file, so an edit here is an edit that its cache
knows of.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.jit import compiled

Array = NDArray[np.float64]
_SAMPLE = 200
_SURE = 3.0  # standard deviations by which the guess lies below what is looked for
_compiled = compiled()


def tails(table: Array, need: int) -> tuple[Array, Array]:
    """The need-th largest of each column, and what the larger ones exceed it by, added up.

    One walk over the rows keeps what lies above a guess for its column, which a sample of the
    column gives; where a guess kept too little or too much, the column is taken whole.

    Parameters
    ----------
    table : array, shape (n, k)
        Contiguous by rows; NaN and infinities give NaN or infinities.
    need : int
        At most ``n // 4``.

    Returns
    -------
    arrays, shapes (k,), (k,)

    Examples
    --------
    >>> at, beyond = tails(np.arange(40.0)[:, None], 3)
    >>> at.tolist(), beyond.tolist()
    ([37.0], [3.0])
    """
    size, count = table.shape
    step = max(size // _SAMPLE, 1)
    share = need / step  # so many of the sample are expected in the tail
    rank = min(int(share + _SURE * math.sqrt(share)) + 2, -(-size // step))
    room = min(int(step * (rank + 5.0 * math.sqrt(rank) + 5.0)), size)
    at, beyond = np.empty(count), np.empty(count)
    _tails(table, need, step, rank, room, at, beyond)
    return at, beyond


@_compiled
def _tails(table: Any, need: int, step: int, rank: int, room: int, at: Any, beyond: Any) -> None:
    size, count = table.shape
    guess = np.empty(count)
    sample = np.empty(-(-size // step))
    for j in range(count):
        for i in range(sample.size):
            sample[i] = table[i * step, j]
        guess[j] = _largest(sample, sample.size, rank)
    kept, taken = np.empty((count, room)), np.zeros(count, np.int64)
    for i in range(size):
        for j in range(count):
            x = table[i, j]
            if not x < guess[j]:  # what is not a number is kept
                place = taken[j]
                if place < room:
                    kept[j, place] = x
                taken[j] = place + 1
    whole = np.empty(size)
    for j in range(count):
        tail, length = kept[j], taken[j]
        if length < need or length > room:
            for i in range(size):
                whole[i] = table[i, j]
            tail, length = whole, size
        at[j] = _largest(tail, length, need)
        total = 0.0
        for i in range(need):  # the largest stand first now
            total += tail[i] - at[j]
        beyond[j] = total


@_compiled
def _largest(values: Any, length: int, rank: int) -> Any:
    # the rank-th largest of the first so many values, moved so that those before it are no smaller
    begin, end = 0, length
    while True:
        a, b, c = values[begin], values[(begin + end) // 2], values[end - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        middle = begin
        for i in range(begin, end):  # without a branch, which nobody could foresee
            x = values[i]
            values[i] = values[middle]
            values[middle] = x
            middle += x > pivot
        if rank <= middle:
            end = middle
            continue
        last = middle
        for i in range(middle, end):
            x = values[i]
            values[i] = values[last]
            values[last] = x
            last += not x < pivot
        if rank <= last:
            return pivot
        begin = last
