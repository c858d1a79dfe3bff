# SPDX-License-Identifier: Apache-2.0
"""Events of a Poisson process that runs through periods of different length."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from perilscope.engines.laws.law import Floats, Integers


def reached(stretches: Floats, gaps: Floats) -> Integers:
    """The stretch that each point lies in, of stretches laid end to end.

    Parameters
    ----------
    stretches : array, shape (n,)
        Their lengths, which may be zero.
    gaps : array, shape (m,)
        From each point to the next, the first from the beginning. Points from the end of the last
        stretch on are left out.

    Examples
    --------
    >>> reached(np.array([1.0, 0.0, 2.0]), np.array([0.5, 0.5, 1.5, 0.5, 0.1])).tolist()
    [0, 2, 2]
    """
    ends, points = np.cumsum(stretches), np.cumsum(gaps)
    return np.searchsorted(ends, points[: np.searchsorted(points, ends[-1])], side="right")


def arrivals(
    rng: np.random.Generator,
    means: Floats,
    within: Callable[[Floats, Floats], Integers] = reached,
) -> Integers:
    """For each event of Poisson counts with means of their own the index of its period, ascending.

    One unit-rate process runs through the periods laid end to end, each as long as its mean: its
    gaps are exponential, and nothing is sorted. ``within`` is :func:`reached` or a twin of it.

    Examples
    --------
    Periods in which nothing is expected have no events:

    >>> found = arrivals(np.random.default_rng(1), np.array([0.0, 1000.0, 0.0]))
    >>> set(found.tolist()), bool(abs(len(found) - 1000) < 5 * 1000**0.5)
    ({1}, True)
    """
    length = float(np.sum(means))
    some = int(length + 6.0 * math.sqrt(length)) + 16
    gaps = rng.standard_exponential(some)
    found = within(means, gaps)
    while len(found) == len(gaps):  # six standard deviations of events more than expected
        gaps = np.append(gaps, rng.standard_exponential(some))
        found = within(means, gaps)
    return found
