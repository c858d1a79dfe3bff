# SPDX-License-Identifier: Apache-2.0
"""Clouds put on the window and read there, compiled: the twin of `stretched`'s own loops.

They agree to rounding. Only who asks for compiled code imports this, because Numba takes its time
to load.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perilscope.engines.jit import compiled


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
    last = float(found.size - 2)
    for i in range(starts.size):
        for k in range(mass.size):
            at = starts[i]
            for t in range(places.shape[0]):
                at += rates[i, t] * places[t, k]
            at = min(at, last)
            below = np.int64(at)
            own = weights[i] * mass[k]
            above = own * (at - below)
            found[below] += own - above
            found[below + 1] += above


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
    last = float(len(values) - 2)
    for i in range(starts.size):
        for k in range(mass.size):
            at = starts[i]
            for t in range(places.shape[0]):
                at += rates[i, t] * places[t, k]
            at = min(at, last)
            below = np.int64(at)
            part = at - below
            for r in range(values.shape[1]):
                here = values[below, r] + part * (values[below + 1, r] - values[below, r])
                mean[i, r] += mass[k] * here


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

    Points are gone through one by one: scenarios then lie side by side, which takes little more
    than half the time.

    Parameters
    ----------
    starts, places, mass
        As of :func:`put`.
    rates, scaled : array, shape (tokens, n)
        Steps that a unit of money goes up; what a scenario counts for in the sum over scenarios:
        its probability times the price.
    values : array, shape (points + 2,)
    mean : array of zeros, shape (n,)
    found : array, shape (tokens, m)
    """
    last = float(values.size - 2)
    for k in range(mass.size):
        here = starts.copy()
        for t in range(places.shape[0]):
            for i in range(starts.size):
                here[i] += rates[t, i] * places[t, k]
        for i in range(starts.size):
            at = min(here[i], last)
            below = np.int64(at)
            value = values[below]
            value += (at - below) * (values[below + 1] - value)
            mean[i] += mass[k] * value
            here[i] = value
        for t in range(scaled.shape[0]):
            total = 0.0
            for i in range(starts.size):
                total += scaled[t, i] * here[i]
            found[t, k] = total
