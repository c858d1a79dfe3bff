# SPDX-License-Identifier: Apache-2.0
"""Bounds of VaR and CVaR that hold whatever the step of the grid, up to rounding, which is added.

Why each is a bound (X a loss per event, h the step, L the sum over the horizon):

- *VaR, and CVaR of capped holdings.* Every X rounded down to a multiple of h makes L smaller in
  every outcome, so its quantiles and its CVaR are no larger; rounded up, no smaller. Counts, sums,
  mixtures and the clamp at a cap all keep that order.
- *CVaR from above, no cap.* Splitting X between its two neighbours on the grid, mean kept, is
  larger in convex order, which independent sums, random counts and mixtures preserve. As
  CVaR = min over v of v + (E L - E min(L, v)) / (1 - a), any v on the grid gives a bound from the
  exact mean and the law up to v: what lies beyond the grid is in the mean.
- *CVaR from below, no cap.* The tangents of d -> E(X - d)+ at the middles of the cells, cut off at
  the points of the grid, are the stop-loss premiums of a law on the grid. They lie under those of
  X, so that law is smaller in increasing convex order, which the same operations preserve.
- *Capped holdings.* A clamp is increasing but concave, so a convex order does not survive it:
  there CVaR is bounded by rounding too, which is wider.
- *Wrap-around.* With damping exp(-t k / n) a transform adds to each point what lies m ranges
  further out times exp(-t m), never less than nothing. The distribution function found is too large
  by at most exp(-t) P(beyond), and what it lacks of one at the end bounds P(beyond).
- *Rounding errors* of transforms are bounded in the mean square (Higham 2002, *Accuracy and
  Stability of Numerical Algorithms*, theorem 24.2), which the inverse keeps (Parseval), and carried
  to sums over points by the inequality of Cauchy and Schwarz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.rounded import NOISE, Put, Reached, Rounded, added
from perilscope.engines.aggregate.structure import Component, components
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.roundings import Cells
from perilscope.errors import AssessmentError, MisuseError

if TYPE_CHECKING:
    from perilscope.engines.aggregate.register import Register

Array = npt.NDArray[np.float64]

_DAMPING, _DAMPING_LATTICE = 8.0, 3.0
POINTS = 2**15
"""VaR's bracket narrows with the points, CVaR's faster; time grows with them."""

_WIDENINGS = 6


@dataclass(frozen=True)
class Bounds:
    """Brackets of VaR and CVaR at one level, in money."""

    var_low: float
    var_high: float
    cvar_low: float
    cvar_high: float


def bounds(register: Register, level: float, *, points: int = POINTS) -> Bounds:
    """Brackets of VaR and CVaR of the register's sum.

    Parameters
    ----------
    register : Register
        The lines, what drives them, and caps.
    level : float
        Between 0 and 1; it counts as reached within 1e-12 of probability.
    points : int
        A power of two: how many points the range has at least, where losses are not on a lattice.

    Returns
    -------
    Bounds
        Low and high, in money. They are about the discretisation: integrals over beliefs are taken
        at the nodes the register uses, and the law of what a factor multiplies as the register has
        it; the error of those is not covered. Where the mean at
        the nodes differs from the register's, CVaR is widened by what that means.

    Raises
    ------
    MisuseError
        For a level that is not between 0 and 1.
    AssessmentError
        For a level that no grid reaches.

    Examples
    --------
    >>> from perilscope.engines.aggregate.compound import Compound
    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Exponential
    >>> from perilscope.engines.aggregate.register import Register
    >>> line = Compound("theft", lambda theta, years: (Poisson(5.0 * years), Exponential(1.0)))
    >>> found = bounds(Register([line]), 0.99)  # VaR is 14.404379...
    >>> round(found.var_low, 2), round(found.var_high, 2)
    (14.4, 14.41)
    """
    return brackets(register, [level], points=points)[level]


def brackets(
    register: Register, levels: Sequence[float], *, points: int = POINTS
) -> dict[float, Bounds]:
    """`bounds` at several levels, from the same laws."""
    checked(levels)
    known, wanted = register.law(), max(levels, default=0.5)
    grid = register.grid
    for _ in range(_WIDENINGS):
        cells = Cells(_refined(grid, points))
        high, _ = _sum(register, cells, Cells.up, Cells.up)
        if high.reaches(wanted):
            low, _ = _sum(register, cells, Cells.down, Cells.down)
            more, exact = _sum(register, cells, Cells.split, Cells.up)
            less, _ = _sum(register, cells, Cells.tangents, Cells.down)
            ways = Ways(low, high, less, more)
            break
        grid = wider(grid)
    else:
        raise AssessmentError(
            f"the level {wanted} lies beyond the range {grid.range:.6g} that a bound can reach"
        )
    apart = known.mean - exact if register.exact else 0.0
    return {level: ways.read(level, apart, known.none) for level in levels}


def checked(levels: Sequence[float]) -> None:
    """Refuse levels that are not between 0 and 1."""
    for level in levels:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level must lie between 0 and 1, got {level}")


@dataclass(frozen=True)
class Ways:
    """A sum put on the grid in four ways: down, up, smaller and larger in convex order."""

    low: Reached
    high: Reached
    less: Reached
    more: Reached

    def read(self, level: float, apart: float, none: float = 0.0) -> Bounds:
        """Brackets at one level.

        Parameters
        ----------
        level : float
        apart : float
            Exact mean less that of the larger sum: CVaR is widened by what that means.
        none : float
            Chance of no loss at all.
        """
        least, most = (
            (0.0, 0.0)  # met by the chance of no loss at all
            if none >= level - NOISE
            else (self.low.quantile_low(level), self.high.quantile_high(level))
        )
        below = self.less.cvar_low(level) + min(apart, 0.0) / (1.0 - level)
        above = self.more.cvar_high(level) + max(apart, 0.0) / (1.0 - level)
        # CVaR is never below VaR, so each may tell about the other
        return Bounds(least, min(most, above), max(below, least), above)


def _refined(grid: Grid, points: int) -> Grid:
    """The same range on many points; a lattice stays as it is."""
    if grid.lattice:
        return Grid(grid.step, grid.points, _DAMPING_LATTICE, lattice=True)
    count = max(points, grid.points)
    return Grid(grid.range / count, count, _DAMPING)


def wider(grid: Grid) -> Grid:
    """Four times the range; of a lattice with as small a step, as losses are multiples of it."""
    if grid.lattice:
        return replace(grid, points=4 * grid.points)
    return replace(grid, step=4.0 * grid.step)


def _sum(register: Register, cells: Cells, free: Put, held: Put) -> tuple[Reached, float]:
    """The sum of all lines put on the grid in one way, and its mean before, but for caps."""
    rounded = Rounded(register, cells, free, held)
    found, certain, exact = [], 0.0, 0.0
    for part in components(register.lines, register.mixtures, register.caps):
        one = rounded.component(part)
        exact += one.exact
        if free is Cells.tangents and is_noise(register, part, one.exact - one.low):
            certain += one.exact
        else:
            found.append(one)
    return Reached(rounded, added(found, cells.grid), certain), exact


def is_noise(register: Register, part: Component, lost: float) -> bool:
    """Whether a line's mean in its place costs CVaR less than what of it the grid loses.

    The mean is smaller in convex order too (Jensen), and better for a line of many small
    losses on a grid that is made for large ones.
    """
    if len(part.keys) > 1 or lost <= 0.0:
        return False
    sd = register.line_moments(part.keys[0])[1]
    return sd * sd < lost * register.law().sd
