# SPDX-License-Identifier: Apache-2.0
"""Squared extrapolation, which makes EM faster where its steps shrink slowly.

Source: Varadhan and Roland, "Simple and globally convergent methods for accelerating the
convergence of any EM algorithm", Scand. J. Stat. 35 (2008), scheme S3.
"""

from __future__ import annotations

import numpy as np

from perilscope.engines.networks.network import Array


def squared(start: Array, middle: Array, end: Array) -> Array | None:
    """A point beyond two steps of EM; None where it would be no further than the second step.

    Parameters
    ----------
    start, middle, end : array
        A point of probabilities and where one step and two steps of EM lead from it.

    Returns
    -------
    array or None
        Rows that sum to 1 still do, but for rounding times the length squared. No entry is below a
        tenth of its value in ``end``: EM cannot leave a zero again. The objective may be lower
        there.

    Examples
    --------
    Steps that halve the distance to the goal, here (0.5, 0.5), lead to it at once:

    >>> start, goal = np.array([0.9, 0.1]), np.array([0.5, 0.5])
    >>> squared(start, (start + goal) / 2, (start + 3 * goal) / 4).round(12).tolist()
    [0.5, 0.5]
    """
    first = middle - start
    bend = (end - middle) - first
    size = float(np.linalg.norm(bend))
    if size == 0.0:
        return None
    length = float(np.linalg.norm(first)) / size
    while length > 1.01:
        point: Array = start + 2.0 * length * first + length**2 * bend
        if np.all(point >= 0.1 * end):
            return point
        length = (length + 1.0) / 2.0
    return None
