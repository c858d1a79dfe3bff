# SPDX-License-Identifier: Apache-2.0
"""Losses by size, compiled: the twin of :func:`perilscope.engines.binned.read`.

Only the compiled backend imports this module, because Numba takes its time to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perilscope.engines.binned import LEAST, OCTAVES, Block, bins_of
from perilscope.engines.jit import compiled
from perilscope.engines.law import Floats, Integers


@compiled()
def _some(losses: Any, some: Any, which: Any) -> Any:
    # without a branch: what is overwritten was none; there is room for one more
    number, total, low, high = 0, 0.0, np.inf, 0.0
    for i in range(losses.size):
        some[number], which[number] = losses[i], i
        number += 1 if losses[i] > 0.0 else 0
    for k in range(number):
        total += some[k]
        low, high = min(low, some[k]), max(high, some[k])
    return number, total, low, high


@compiled()
def _counted(some: Any, shift: Any, base: Any, first: Any, last: Any, bins: Any) -> None:
    bits = some.view(np.int64)
    for k in range(some.size):
        b = np.uint64(min(max((bits[k] >> shift) - base, 0), last) - first)
        here = bins[b]
        here[0] += 1.0
        here[1] += some[k]
        here[2], here[3] = min(here[2], some[k]), max(here[3], some[k])


@compiled()
def _read(some: Any, which: Any, mean: Any, floor: Any, place: Any, shares: Any, out: Any) -> Any:
    squares, above = 0.0, 0
    for k in range(some.size):
        squares += (some[k] - mean) * (some[k] - mean)
        out[above] = some[k]
        above += 1 if some[k] > floor else 0
    if shares.size:
        for k in range(some.size):
            shares[np.uint64(place[np.uint64(which[k])])] += some[k]
    return squares, above


def read(losses: Floats, fine: int, floor: float, place: Integers, shares: Floats) -> Block:
    """What the losses of a block say, and what they come to by the bin of another loss."""
    count = len(losses)
    room, which = np.empty(count + 1), np.empty(count + 1, dtype=np.int64)
    number, total, low, high = _some(losses, room, which)
    some, mean = room[:number], total / count
    first, top = bins_of(np.array([low, high]), fine).tolist() if number else (0, -1)
    bins = np.zeros((max(top - first + 1, 0), 4))
    bins[:, 2] = np.inf
    shift = 52 - fine
    _counted(some, shift, LEAST >> shift, first, (OCTAVES << fine) - 1, bins)
    beyond = np.empty(number + 1)
    squares, above = _read(some, which, mean, floor, place, shares, beyond)
    return Block(
        count=count,
        some=number,
        total=total,
        squares=squares + (count - number) * mean**2,
        first=first,
        counts=bins[:, 0],
        sums=bins[:, 1],
        least=bins[:, 2],
        greatest=bins[:, 3],
        beyond=beyond[:above].copy(),
    )
