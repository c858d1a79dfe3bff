# SPDX-License-Identifier: Apache-2.0
"""Lines of very many events that are small against the step of a grid.

To put each event on a point of the grid would blur the sum: n events that are less than a step h
gain a variance of n h E X. But the sum of so many events is smooth over many steps, so that of its
characteristic function only the frequencies of the grid matter, and there that of a small event
follows from few moments. It is computed as it is, without a grid, and split onto the points once,
as a sum.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.structure import MANY
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.grids.limited import limited
from perilscope.engines.laws.counts import CountLaw
from perilscope.engines.laws.distributions import Distribution

Array = npt.NDArray[np.float64]

_SMALL = 2.0  # steps: mean size of an event, at most
_WIDE = 12.0  # steps: standard deviation of the sum, at least
_NEAR = 64  # points below which an event is not put on the grid; half of them on half the points
_RATIO = 0.02  # widths of cells below that, relative to where they lie
_LEAST = 1e-7  # of the way to the last of these points: the end of the first cell
_FADED = 45.0  # exponent at which a characteristic function is nothing
_AT_ONCE = 2**20


def heavy(mixed: Sequence[Part], grid: Grid) -> bool:
    """Whether a line without beliefs is one of very many events, small against a grid's step.

    Parameters
    ----------
    mixed : sequence of Part
        The line as a mixture.
    grid : Grid
    """
    if grid.lattice:
        return False
    return all(
        counts.mean >= MANY and _is_wide(part.severity, counts, grid)
        for part in mixed
        for _, counts in part.counts
    )


@functools.lru_cache(maxsize=2**12)
def _is_wide(law: Distribution, counts: CountLaw, grid: Grid) -> bool:
    """Whether events are small and their sum is wide against a step."""
    if not law.mean <= _SMALL * grid.step:
        return False
    mean, second = float(law.lev(grid.range)), float(law.second_lev(grid.range))
    more = counts.second_factorial - counts.mean**2  # none where counts are Poisson
    return counts.mean * second + more * mean**2 >= (_WIDE * grid.step) ** 2


def far_events(mixed: Sequence[Part], grid: Grid) -> float:
    """Expected number of events that are put on points all the same: the few that are large."""
    end = _NEAR * grid.step
    return math.fsum(
        part.weight * w * counts.mean * (1.0 - float(part.severity.cdf(end)))
        for part in mixed
        for w, counts in part.counts
    )


def below_one(law: Distribution, grid: Grid, most: float, *, halved: bool) -> Transform:
    """One minus the transform of a small loss at the damped frequencies of a grid.

    Parameters
    ----------
    law : Distribution
        The loss, never negative.
    grid : Grid
        Its frequencies are wanted, s = (tilt + 2 pi i k) / range.
    most : float
        Most events that the loss is used with; where this many would make the transform of their
        sum nothing, and beyond, frequencies are left out (1 stands there).
    halved : bool
        Whether cells are twice as wide, so that what they leave falls as the step's does.

    Returns
    -------
    complex array of points // 2 + 1

    Notes
    -----
    With S(x) = P(X > x), 1 - E exp(-s X) = s int exp(-s x) S(x) dx. Up to 64 points the integral
    goes over cells whose widths are in proportion to where they lie; each is taken at its centre
    of mass, from the limited first and second moment, so that the first two moments of X are kept.
    Beyond, S is taken by its means over the cells of the grid, as for any loss put on points.
    """
    turns = 2j * np.pi * np.arange(grid.points // 2 + 1)
    s: Transform = np.asarray((grid.tilt + turns) / grid.range, dtype=np.complex128)
    near = min(_NEAR // 2 if halved else _NEAR, grid.points // 2)
    weights, centres = _cells(law, near * grid.step, 2.0 * _RATIO if halved else _RATIO)
    level = limited([law], grid)[0]
    over = np.diff(level) / grid.step
    over[:near] = 0.0
    found = -np.expm1(-s * grid.step) * grid.forward(over)
    wanted = _reaching(weights, centres, s, most)
    for at in range(0, wanted, max(_AT_ONCE // centres.size, 1)):
        some = s[at : min(at + max(_AT_ONCE // centres.size, 1), wanted)]
        found[at : at + some.size] += some * (np.exp(-some[:, None] * centres) @ weights)
    found[wanted:] = 1.0
    return np.asarray(found)


def _cells(law: Distribution, end: float, ratio: float) -> tuple[Array, Array]:
    """Integrals of P(X > x) over cells from zero to an end, and their centres of mass."""
    number = math.ceil(-math.log(_LEAST) / math.log1p(ratio))
    edges = np.append(0.0, end * (1.0 + ratio) ** np.arange(-number, 1.0))
    edges[-1] = end
    weights = np.diff(np.asarray(law.lev(edges), dtype=np.float64))
    moments = 0.5 * np.diff(np.asarray(law.second_lev(edges), dtype=np.float64))
    middles = 0.5 * (edges[1:] + edges[:-1])
    some = weights > 1e-300
    centres = np.where(some, moments / np.where(some, weights, 1.0), middles)
    return np.maximum(weights, 0.0), np.clip(centres, edges[:-1], edges[1:])


def _reaching(weights: Array, centres: Array, s: Transform, most: float) -> int:
    """Number of frequencies at which the sum of events still has a transform that counts.

    The real part of s int exp(-s x) S(x) dx, which damps, grows with the frequency as long as
    that is small against the events; a bisection over it is on the safe side by a factor.
    """

    def damping(k: int) -> float:
        return most * float((s[k] * (np.exp(-s[k] * centres) * weights).sum()).real)

    least = damping(0)
    low, high = 0, len(s)
    while high - low > 1:
        middle = (low + high) // 2
        if damping(middle) - least > _FADED:
            high = middle
        else:
            low = middle
    return min(max(high + high // 8, 2), len(s))


def split(grid: Grid) -> Transform:
    """Transform of what splitting a sum between the points beside it does to it: a triangle."""
    turn = (grid.tilt + 2j * np.pi * np.arange(grid.points // 2 + 1)) / grid.points
    half = np.sinh(0.5 * turn) / (0.5 * turn)
    return np.asarray(half * half)
