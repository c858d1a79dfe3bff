# SPDX-License-Identifier: Apache-2.0
"""Losses by size, compiled: the twin of :mod:`perilscope.engines.simulation.binned`.

Only the compiled backend imports this module, because Numba takes its time to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perilscope.engines.jit import compiled
from perilscope.engines.laws.law import Floats, Integers
from perilscope.engines.simulation.binned import LEAST, OCTAVES, Block, Some, bins_of


@compiled()
def _some(losses: Any, found: Any, where: Any) -> Any:
    # without a branch: what is overwritten was none; there is room for one more
    number = 0
    for i in range(losses.size):
        found[number], where[number] = losses[i], i
        number += 1 if losses[i] > 0.0 else 0
    return number


@compiled()
def _reach(losses: Any) -> Any:
    total, low, high = 0.0, np.inf, 0.0
    for k in range(losses.size):
        total += losses[k]
        low, high = min(low, losses[k]), max(high, losses[k])
    return total, low, high


@compiled()
def _counted(losses: Any, shift: Any, base: Any, first: Any, last: Any, bins: Any) -> None:
    bits = losses.view(np.int64)
    for k in range(losses.size):
        b = np.uint64(min(max((bits[k] >> shift) - base, 0), last) - first)
        here = bins[b]
        here[0] += 1.0
        here[1] += losses[k]
        here[2], here[3] = min(here[2], losses[k]), max(here[3], losses[k])


@compiled()
def _beyond(losses: Any, mean: Any, floor: Any, out: Any) -> Any:
    squares, above = 0.0, 0
    for k in range(losses.size):
        squares += (losses[k] - mean) * (losses[k] - mean)
        out[above] = losses[k]
        above += 1 if losses[k] > floor else 0
    return squares, above


@compiled()
def _add(total: Any, place: Any, where: Any, losses: Any) -> None:
    if place.size == 0:
        for k in range(losses.size):
            total[np.uint64(where[k])] += losses[k]
    else:
        for k in range(losses.size):
            total[np.uint64(place[np.uint64(where[k])])] += losses[k]


_NOWHERE = np.zeros(0, dtype=np.int64)


def some(losses: Floats) -> Some:
    """The losses above zero of a block, shape (n,)."""
    count = len(losses)
    found, where = np.empty(count + 1), np.empty(count + 1, dtype=np.uint16)
    number = _some(losses, found, where)
    return Some(where[:number].copy(), found[:number].copy(), count)


def add(total: Floats, place: Integers | None, found: Some) -> None:
    """Add losses to a total: each to its horizon, or to the place of its horizon."""
    _add(total, _NOWHERE if place is None else place, found.where, found.losses)


def block(found: Some, fine: int, floor: float) -> Block:
    """What the losses of a block say by size."""
    losses, count = found.losses, found.count
    total, low, high = _reach(losses)
    mean = total / count
    first, top = bins_of(np.array([low, high]), fine).tolist() if len(losses) else (0, -1)
    bins = np.zeros((max(top - first + 1, 0), 4))
    bins[:, 2] = np.inf
    shift = 52 - fine
    _counted(losses, shift, LEAST >> shift, first, (OCTAVES << fine) - 1, bins)
    beyond = np.empty(len(losses) + 1)
    squares, above = _beyond(losses, mean, floor, beyond)
    return Block(
        count=count,
        some=len(losses),
        total=total,
        squares=squares + (count - len(losses)) * mean**2,
        first=first,
        counts=bins[:, 0],
        sums=bins[:, 1],
        least=bins[:, 2],
        greatest=bins[:, 3],
        beyond=beyond[:above].copy(),
    )
