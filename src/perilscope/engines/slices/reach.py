# SPDX-License-Identifier: Apache-2.0
"""What a window may cut off on either side of the loss over many slices: bounds, not estimates.

    P(L > b) <= inf over s > 0 of exp(-s b) E exp(s L),   E exp(s L) = start' [P o M(s)]^K 1,

and the same for gains with s < 0; M(s) holds E exp(s X) of what is lost in one step. For M the
laws are first moved outward on a few coarse points, which makes the bound larger and never smaller.

Source: Chernoff (1952); the transform of `perilscope.engines.slices.chain` at real arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from perilscope.engines.slices.chain import Chain

Array = npt.NDArray[np.float64]

_BLOCKS = 512
_TURNS = 20


@dataclass(frozen=True)
class Reach:
    """At most how probable it is to lie beyond each side of the window.

    Parameters
    ----------
    below, above : float
        Of the sum, given that no single loss of a slice lies outside.
    single : float
        That some single loss of a slice does.
    """

    below: float
    above: float
    single: float

    @property
    def total(self) -> float:
        """At most how much probability the law on the window has in the wrong place."""
        return min(self.below + self.above + self.single, 1.0)


def reach(chain: Chain, slices: int) -> Reach:
    """Bounds of what the window cuts off.

    Examples
    --------
    A step of 1 up or down, 16 times, in a window that reaches to 64 on both sides:

    >>> from perilscope.engines.slices.chain import Places
    >>> places = Places(1.0, 128, 64)
    >>> coin = places.mass([-1.0, 1.0], 0.5)[None, :]
    >>> one = np.ones((1, 1))
    >>> chain = Chain(np.ones(1), one, np.zeros((1, 1), dtype=np.int64), ((0,),), coin, places)
    >>> reach(chain, 16).total < 1e-12
    True
    """
    places = chain.places
    return Reach(
        below=_beyond(chain, slices, -places.low, gains=True),
        above=_beyond(chain, slices, places.high, gains=False),
        single=chain.outside(slices),
    )


def _beyond(chain: Chain, slices: int, far: float, *, gains: bool) -> float:
    """Chernoff's bound of the loss (or gain) beyond ``far``."""
    size = max(chain.places.points // _BLOCKS, 1)
    amounts = chain.places.amounts * (-1.0 if gains else 1.0)
    edges = np.arange(0, chain.places.points, size)
    masses = np.add.reduceat(np.maximum(chain.laws, 0.0), edges, axis=1)
    outward = np.maximum.reduceat(amounts, edges)
    top = float(np.abs(amounts).max())
    if not np.any(chain.laws[:, amounts > 0.0] > 0.0):
        return 0.0

    def exponent(t: float) -> float:
        return _log_moment(chain, slices, masses, outward, t / top) - t * far / top

    # convex in t; where losses are many times smaller than the window t is large
    places = np.geomspace(1e-3, 4096.0, 23)
    values = [exponent(t) for t in places.tolist()]
    k = int(np.argmin(values))
    low, high = float(places[max(k - 1, 0)]), float(places[min(k + 1, len(places) - 1)])
    least = values[k]
    for _ in range(_TURNS):
        thirds = low + (high - low) / 3.0, high - (high - low) / 3.0
        one, two = exponent(thirds[0]), exponent(thirds[1])
        low, high = (low, thirds[1]) if one <= two else (thirds[0], high)
        least = min(least, one, two)
    return math.exp(min(least, 0.0))


def _log_moment(chain: Chain, slices: int, masses: Array, amounts: Array, s: float) -> float:
    """Log E exp(s L) over some slices."""
    with np.errstate(divide="ignore"):
        logs = np.log(masses) + s * amounts
    top = logs.max(axis=1, keepdims=True)
    own = (top + np.log(np.exp(logs - top).sum(axis=1, keepdims=True))).ravel()
    per_way = np.array([*(sum(own[i] for i in way) for way in chain.ways), 0.0])
    with np.errstate(divide="ignore"):  # by logarithms: steps may differ by any factor
        steps = np.log(chain.transition) + per_way[chain.kinds]
        at = np.log(chain.start)
    for _ in range(slices):
        paths = at[:, None] + steps
        most = paths.max(axis=0)
        most = np.where(np.isfinite(most), most, 0.0)
        with np.errstate(divide="ignore"):
            at = most + np.log(np.exp(paths - most).sum(axis=0))
    return float(logsumexp(at))
