# SPDX-License-Identifier: Apache-2.0
"""Distribution functions on a grid, freed of the error that falls with the square of its step.

Richardson's extrapolation from two grids, and what keeps its result a distribution function.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def extrapolated(fine: Array, coarse: Array) -> Array:
    """Sums of a law on a grid without the part of its error that falls with the square of the step.

    Parameters
    ----------
    fine : array of n
        A sum of losses that were put on the grid with their means kept.
    coarse : array of n / 2
        The same, put on every other point.

    Returns
    -------
    array of n
        What the law has added up to by each point.

    Notes
    -----
    Richardson's extrapolation of the limited mean: what the two laws differ by at common points
    is four times less on the finer grid, so a third of it is taken off, evenly between points.

    Examples
    --------
    Where the laws have the same limited means at common points nothing is left to take off:

    >>> extrapolated(np.array([0.25, 0.5, 0.25, 0.0]), np.array([0.5, 0.5])).tolist()
    [0.25, 0.75, 1.0, 1.0]
    """
    return from_sums(fine, np.cumsum(coarse))


def from_sums(fine: Array, reached: Array) -> Array:
    """As `extrapolated`, from what the law on every other point has added up to."""
    sums, apart = np.cumsum(fine), 2.0 * reached
    even, odd = sums[0::2], sums[1::2]
    apart -= even
    apart -= odd
    apart /= 6.0
    even -= apart
    odd -= apart
    return sums


def held(sums: Array, reached: Array) -> Array:
    """Sums of a law that run neither ahead of it nor behind, by those on every other point.

    What is taken off near an atom, or from many losses below a step, may make a sum larger than
    one that comes after it; then quantiles far beyond would be read there.
    """
    found = sums.copy()
    for side in (found[0::2], found[1::2]):
        np.minimum(side[:-2], reached[2:], out=side[:-2])
        np.maximum(side[2:], reached[:-2], out=side[2:])
    return found


def cumulative(sums: Array, reached: Array | None) -> Array:
    """A distribution function from sums, which rounding may let fall by 1e-16.

    Examples
    --------
    >>> cumulative(np.array([0.25, 0.75, 0.75 - 1e-16, 1.0 + 1e-16]), None).tolist()
    [0.25, 0.75, 0.75, 1.0]
    """
    inside = sums[0] >= 0.0 and sums[-1] <= 1.0 and bool((sums[1:] >= sums[:-1]).all())
    if inside and (reached is None or _is_held(sums, reached)):
        return sums
    rising = np.maximum.accumulate(sums if reached is None else held(sums, reached))
    return np.minimum(np.maximum(rising, 0.0, out=rising), 1.0, out=rising)


def _is_held(rising: Array, reached: Array) -> bool:
    """Whether `held` would leave sums that rise as they are."""
    return bool((rising[1:-4:2] <= reached[2:]).all() and (rising[4::2] >= reached[:-2]).all())
