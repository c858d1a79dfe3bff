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
def put(
    starts: Any, rates: Any, weights: Any, places: Any, mass: Any, found: Any, moments: Any
) -> None:
    """Add masses to the points below, and what of them goes to the points above.

    Parameters
    ----------
    starts, weights : array, shape (n,)
        Where each scenario stands on the window, in steps, and its probability.
    rates : array, shape (n, tokens)
        Steps that a unit of money lost in a token goes up.
    places : array, shape (tokens, m)
    mass : array, shape (m,)
    found, moments : array, shape (points + 1,)
        What is added to; the last takes all that lies beyond the window.
    """
    last = found.size - 1
    for i in range(starts.size):
        for k in range(mass.size):
            at = starts[i]
            for t in range(places.shape[0]):
                at += rates[i, t] * places[t, k]
            at = min(at, float(last))
            below = np.int64(at)
            own = weights[i] * mass[k]
            found[below] += own
            moments[below] += own * (at - below)


@compiled()
def read(
    starts: Any,
    rates: Any,
    scaled: Any,
    places: Any,
    mass: Any,
    values: Any,
    mean: Any,
    priced: Any,
) -> None:
    """Means of values: over the cloud in each scenario, and over scenarios at each of its points.

    Parameters
    ----------
    starts, rates, places, mass
        As of :func:`put`.
    scaled : array, shape (n, wanted)
        What a scenario counts for in the sum over scenarios: its probability times the price.
    values : array, shape (points + 2, rows)
        At the points; the last two are zero.
    mean : array of zeros, shape (n, rows)
    priced : array of zeros, shape (wanted, m, rows)
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
                for t in range(scaled.shape[1]):
                    priced[t, k, r] += scaled[i, t] * here
