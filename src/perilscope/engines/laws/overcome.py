# SPDX-License-Identifier: Apache-2.0
"""P(X > Y) for two independent laws, by quadrature over the quantiles of Y."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.laws.distributions import Constant, Distribution


def overcome(capability: Distribution, strength: Distribution) -> Any:
    """P(threat capability > resistance strength), integrated over strength (Open FAIR).

    The integral over the quantile u of strength runs between the points where strength passes the
    ends of capability: below them every attempt succeeds, above none. Gauss-Legendre panels shrink
    towards both ends, where quantile functions are steep.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> round(float(overcome(Uniform(0, 1), Uniform(0, 1))), 9)
    0.5
    """
    if np.ndim(capability.mean) > 0 or np.ndim(strength.mean) > 0:
        return _overcome_drawn(capability, strength)
    if isinstance(strength, Constant):
        return 1.0 - float(capability.cdf(strength.value))
    if isinstance(capability, Constant):  # an equal strength holds
        return float(strength.cdf(math.nextafter(capability.value, -math.inf)))
    low, high = (float(strength.cdf(end)) for end in capability.support)
    nodes, weights = _panels()
    u = low + (high - low) * nodes
    beats = 1.0 - np.asarray(capability.cdf(strength.ppf(u)))
    return min(max(low + (high - low) * float(np.sum(weights * beats)), 0.0), 1.0)


def _overcome_drawn(capability: Distribution, strength: Distribution) -> Any:
    """The same for laws with arrays of drawn parameters; its error is far below their noise."""
    total: Any = 0.0
    nodes, weights = np.polynomial.legendre.leggauss(32)
    for u, w in zip((0.5 * (nodes + 1.0)).tolist(), (0.5 * weights).tolist(), strict=True):
        total = total + w * (1.0 - capability.cdf(strength.ppf(u)))
    return np.clip(total, 0.0, 1.0)


@cache
def _panels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights on 0 to 1: 12 per panel, panels a quarter as wide at each step outwards."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.concatenate([[0.0], 0.5 * 0.25 ** np.arange(24, -1, -1.0)])
    edges = np.concatenate([edges, 1.0 - edges[-2::-1]])
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + width * 0.5 * (nodes + 1.0)).ravel(), (width * 0.5 * weights).ravel()
