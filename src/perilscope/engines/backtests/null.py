# SPDX-License-Identifier: Apache-2.0
"""Exceptions as they come when VaR is right: independent, each day with the same chance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

_MOST = 1e7
"""Exceptions that are drawn for one p-value at most; long series are drawn fewer times."""
LEAST_PATHS = 199


def affordable(paths: int, work: float) -> int:
    """How many series are drawn where each takes so much work.

    Examples
    --------
    >>> affordable(9999, 6.25), affordable(9999, 50_000.0)
    (9999, 200)
    """
    return min(paths, max(LEAST_PATHS, int(_MOST / max(work, 1.0))))


def places(rng: np.random.Generator, paths: int, days: int, p: float) -> tuple[Places, Places]:
    """Series and day of every exception, in that order.

    All series are one long run of days, and from exception to exception is a geometric time: the
    work grows with the exceptions and not with the days.

    Examples
    --------
    >>> row, day = places(np.random.default_rng(1), 1000, 250, 0.025)
    >>> bool(abs(row.size / 6250.0 - 1.0) < 0.05), int(day.max()) < 250
    (True, True)
    """
    total = paths * days
    mean = total * p
    size = int(mean + 6.0 * math.sqrt(mean * (1.0 - p)) + 20.0)
    at = np.cumsum(rng.geometric(p, size)) - 1
    while at[-1] < total:  # as good as never
        at = np.concatenate([at, at[-1] + np.cumsum(rng.geometric(p, size))])
    at = at[at < total].astype(np.int64)
    row, day = np.divmod(at, days)
    return row, day
