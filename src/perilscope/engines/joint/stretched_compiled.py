# SPDX-License-Identifier: Apache-2.0
"""Clouds put on the window and read there, compiled: the twin of `stretched`'s own loops.

They agree to rounding. Only who asks for compiled code imports this, because Numba takes its time
to load. All points of a cloud are placed before any is added or read: placing them is arithmetic
on arrays, of which a processor does several at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perilscope.engines.jit import compiled


@compiled()
def _placed(start: Any, rates: Any, places: Any, last: Any, below: Any, part: Any) -> None:
    """Where the points of a cloud stand in one scenario: point below, and how far beyond it.

    Parameters
    ----------
    start : float
        Where the scenario stands on the window, in steps.
    rates : array, shape (tokens,)
        Steps that a unit of money lost in a token goes up.
    places : array, shape (tokens, m)
    last : float
        What lies beyond the window stands here.
    below, part : array of int32 and of float, shape (m,)
        What is found.
    """
    part[:] = start
    for t in range(rates.size):
        for k in range(part.size):
            part[k] += rates[t] * places[t, k]
    for k in range(part.size):
        at = min(part[k], last)
        below[k] = np.int32(at)
        part[k] = at - below[k]


@compiled()
def put(starts: Any, rates: Any, weights: Any, places: Any, mass: Any, found: Any) -> None:
    """Add masses, split between the points below and above with the mean kept.

    Parameters
    ----------
    starts, weights : array, shape (n,)
        Where each scenario stands on the window, in steps, and its probability.
    rates : array, shape (n, tokens)
        Steps that a unit of money lost in a token goes up.
    places : array, shape (tokens, m)
    mass : array, shape (m,)
    found : array, shape (points + 2,)
        What is added to; the last two take all that lies beyond the window.
    """
    below, part = np.empty(mass.size, dtype=np.int32), np.empty(mass.size)
    both = np.zeros((found.size, 2))  # the mass from here to the next point, and what of it is up
    for i in range(starts.size):
        _placed(starts[i], rates[i], places, float(found.size - 2), below, part)
        for k in range(mass.size):
            at, own = np.uint32(below[k]), weights[i] * mass[k]
            both[at, 0] += own
            both[at, 1] += own * part[k]
    for j in range(found.size - 1):
        found[j] += both[j, 0] - both[j, 1]
        found[j + 1] += both[j, 1]


@compiled()
def read(starts: Any, rates: Any, places: Any, mass: Any, values: Any, mean: Any) -> None:
    """Means of values over the cloud, in each scenario; rows share the place of each point.

    Parameters
    ----------
    starts, rates, places, mass
        As of :func:`put`.
    values : array, shape (points + 2, rows)
        At the points; the last two are zero.
    mean : array of zeros, shape (n, rows)
    """
    below, part = np.empty(mass.size, dtype=np.int32), np.empty(mass.size)
    total = np.empty(mean.shape[1])
    for i in range(starts.size):
        _placed(starts[i], rates[i], places, float(len(values) - 2), below, part)
        total[:] = 0.0
        for k in range(mass.size):
            at = np.uint32(below[k])
            for r in range(total.size):
                here = values[at, r] + part[k] * (values[at + 1, r] - values[at, r])
                total[r] += mass[k] * here
        mean[i] += total


@compiled()
def priced(
    starts: Any,
    rates: Any,
    scaled: Any,
    places: Any,
    mass: Any,
    values: Any,
    mean: Any,
    found: Any,
) -> None:
    """The same of one row, and means over scenarios at each point of the cloud.

    Parameters
    ----------
    starts, rates, places, mass
        As of :func:`put`.
    scaled : array, shape (n, tokens)
        What a scenario counts for in the sum over scenarios: its probability times the price.
    values : array, shape (points + 2,)
    mean : array of zeros, shape (n,)
    found : array of zeros, shape (tokens, m)
    """
    below, part = np.empty(mass.size, dtype=np.int32), np.empty(mass.size)
    for i in range(starts.size):
        _placed(starts[i], rates[i], places, float(values.size - 2), below, part)
        total = 0.0
        for k in range(mass.size):
            at = np.uint32(below[k])
            part[k] = values[at] + part[k] * (values[at + 1] - values[at])
            total += mass[k] * part[k]
        mean[i] += total
        for t in range(len(found)):
            for k in range(mass.size):
                found[t, k] += scaled[i, t] * part[k]
