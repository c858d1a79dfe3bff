# SPDX-License-Identifier: Apache-2.0
"""Grids of capped holdings, one of each: what there is of the holding is a point of it.

A loss between two points of a grid is split between them, and what of a sum lies beyond a cap comes
back to it. Where the cap lies d of a step beyond a point, a sum that just empties its holding would
stand on both points beside the cap and the upper half come back: d (1 - d) of a step would be lost,
on a grid and on one of half the points alike, so that no comparison of the two would show it. So
sums are added up and capped where the cap is a point; only then is their law split between the
points it is wanted at, with its mean kept.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.laws.jumps import unit

Array = npt.NDArray[np.float64]

_FEW = 8.0
"""Steps below which a cap is few: then points are closer, else a little further apart."""
_MOST = 16
"""Fixed losses that are looked at for a common unit, at most."""
_SAME = 1e-9
"""Steps from a point within which a place is one."""


def own_grid(grid: Grid, cap: float, atoms: Iterable[float] = (), *, halved: bool = False) -> Grid:
    """A grid like another with a cap on an even point; the same where it is on one, or beyond.

    Parameters
    ----------
    grid : Grid
    cap : float
        In money.
    atoms : iterable of float
        Fixed losses, which are on even points as well where they and the cap have a common unit of
        more than a few steps: sums of several may come to just the cap.
    halved : bool
        Whether every other point is wanted alone; else odd ones do as well where the grid has them.

    Examples
    --------
    >>> grid = Grid(1.0, 1024)
    >>> [round(own_grid(grid, cap).step, 4) for cap in (301.0, 300.4, 3.4, 5000.0)]
    [1.0, 1.0013, 0.85, 1.0]
    >>> [round(own_grid(grid, 301.0, sums, halved=True).step, 4) for sums in ([], [43.0])]
    [1.0033, 1.0238]
    """
    if grid.lattice or not 0.0 < cap < grid.range:
        return grid
    fixed = sorted({x for x in atoms if 0.0 < x < cap})
    wanted = [cap, *fixed]
    common = unit(wanted) if len(fixed) <= _MOST else None
    if common is None or common < _FEW * grid.step:
        wanted, common = [cap], cap
    if (grid.coarse() if halved else grid).meets(wanted):
        return grid
    pairs = common / (2.0 * grid.step)
    count = math.floor(pairs) if common >= _FEW * grid.step else math.ceil(pairs)
    return replace(grid, step=common / (2.0 * count))


def moved(transform: Transform, old: Grid, new: Grid) -> Transform:
    """Transform of a law on another grid: each point is split between two, with the mean kept.

    Examples
    --------
    >>> old, new = Grid(1.5, 8), Grid(1.0, 8)
    >>> law = np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0])
    >>> new.back(moved(old.forward(law), old, new))[:4].round(12).tolist()
    [0.5, 0.25, 0.25, 0.0]
    """
    return new.forward(_split(old.back(transform), old, new))


def moved_share(transform: Transform, old: Grid, new: Grid) -> Transform:
    """The same of s -> E[part; sum = s]: parts together stay s times the probability of s."""
    places = old.places
    part = np.divide(old.back(transform), places, out=np.zeros_like(places), where=places > 0.0)
    return new.forward(_split(part, old, new) * new.places)


def _split(mass: Array, old: Grid, new: Grid) -> Array:
    below, part = _placed(old.step / new.step, new.points)
    mass = mass[: below.size]
    above = mass * part
    found = np.bincount(below, mass - above, new.points)
    found += np.bincount(below + 1, above, new.points)
    return np.asarray(found)


@functools.lru_cache(maxsize=4)  # sum and shares of one holding in turn
def _placed(ratio: float, points: int) -> tuple[npt.NDArray[np.int64], Array]:
    """The point below each that lies on the other grid, and how far beyond it, in steps."""
    at = np.arange(points) * ratio
    nearest = np.round(at)
    at = np.where(np.abs(at - nearest) <= _SAME * np.maximum(at, 1.0), nearest, at)
    at = at[at <= points - 1.0]
    below: npt.NDArray[np.int64] = np.minimum(at.astype(np.int64), points - 2)
    part: Array = np.asarray(at - below, dtype=np.float64)
    return below, part
