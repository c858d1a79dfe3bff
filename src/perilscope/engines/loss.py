# SPDX-License-Identifier: Apache-2.0
"""The law of a loss over the horizon, as the exact engine gives it, with its own error.

Conventions: losses are positive; VaR at level a is the smallest x with F(x) >= a; CVaR is the mean
of the worst share 1 - a, an atom at VaR being split. Expected losses beyond a point come from
exact means less what lies below the point, so nothing beyond the end of the grid is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from perilscope.engines.grid import Grid
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]

LEVELS = (0.95, 0.975, 0.99, 0.999)
_NOISE = 1e-12
_ATOM = 30.0
_SAFETY = 3.0


class LossLaw:
    """Law of a loss that is never negative.

    Attributes
    ----------
    mean, sd : float
        Exact, independent of the grid (of capped holdings: from the grid); sd may be infinite.
    none : float
        P(L = 0), exact.
    step, points, tilt : float, int, float
        The grid.
    mean_gap : float
        Mean of the grid's law, with the expected excess over its end added, against the exact
        mean; relative.
    method : str
        ``"exact, FFT"`` or ``"exact, lattice"``.

    Parameters
    ----------
    grid : Grid
        Where the law stands.
    mass : array of grid.points
        Its probabilities.
    mean, sd, none : float
        As above.
    excess : float
        Expected loss beyond the end of the grid, of single events.
    coarser : callable, optional
        Gives the same law on half the points, for the estimate of error.
    """

    def __init__(
        self,
        grid: Grid,
        mass: Array,
        *,
        mean: float,
        sd: float,
        none: float,
        excess: float = 0.0,
        coarser: Callable[[], LossLaw] | None = None,
    ) -> None:
        self.grid, self.mass = grid, mass
        self.mean, self.sd, self.none = mean, sd, none
        self.excess = excess
        self._coarser = coarser
        # rounding may let a sum fall by 1e-16; a distribution function does not
        self.cumulative: Array = np.maximum.accumulate(np.clip(np.cumsum(mass), 0.0, 1.0))
        self.partial: Array = np.cumsum(mass * grid.places)
        self.step, self.points, self.tilt = grid.step, grid.points, grid.tilt
        self.method = "exact, lattice" if grid.lattice else "exact, FFT"

    @property
    def beyond(self) -> float:
        """P(L > last point of the grid)."""
        return max(1.0 - float(self.cumulative[-1]), 0.0)

    def var(self, level: float) -> float:
        """Value at risk: the smallest x with P(L <= x) >= level.

        Raises
        ------
        MisuseError
            For a level that is not between 0 and 1.
        AssessmentError
            For a level that lies beyond the grid.
        """
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level lies between 0 and 1, got {level}")
        if self.none >= level - _NOISE:
            return 0.0
        k = int(np.searchsorted(self.cumulative, level - (_NOISE if self.grid.lattice else 0.0)))
        if k >= self.points - 1:
            if level <= float(self.cumulative[-1]) + _NOISE:
                return (self.points - 1) * self.step
            raise AssessmentError(
                f"the level {level} lies beyond the range {self.grid.range:.6g} of the grid"
            )
        if self.grid.lattice:
            return k * self.step
        below, even, atom = self._cell(k)
        at = k + self._aside(k) if atom > 0.0 else float(k)
        if below + 0.5 * even < level <= below + 0.5 * even + atom:
            return at * self.step
        upper = level > below + 0.5 * even
        rest = level - below - (atom if upper else 0.0)
        share = min(rest / even, 1.0) if even > 0.0 else 0.5
        found = 0.5 * share if k == 0 else k - 0.5 + share
        if atom > 0.0:
            found = max(found, at) if upper else min(found, at)
        return self.step * found

    def _aside(self, k: int) -> float:
        """How far an atom lies from its point, in steps, from how its mass was split.

        What lies evenly beside it is taken off, as it stands one point further out.
        """
        m = [max(float(x), 0.0) for x in self.mass[max(k - 2, 0) : k + 3]]
        if len(m) < 5:
            return 0.0
        shift = ((m[3] - m[4]) - (m[1] - m[0])) / (m[1] + m[2] + m[3])
        return shift if abs(shift) > 1e-4 else 0.0

    def _cell(self, k: int) -> tuple[float, float, float]:
        """What lies below the cell of a point, evenly in it, and in an atom at the point.

        A point's mass lies evenly over half a step to either side, that of zero above it. A
        point with many times the mass of what is beside it holds an atom.
        """
        if k == 0:
            return self.none, max(float(self.cumulative[0]) - self.none, 0.0), 0.0
        below = float(self.cumulative[k - 1])
        mass = max(float(self.cumulative[k]) - below, 0.0)
        beside = self.mass[k - 1 : k + 2 : 2]
        if k < self.points - 1 and mass > _ATOM * max(float(beside.max()), 0.0):
            even = max(float(beside.mean()), 0.0) if k > 1 else 0.0
            return below, even, mass - even
        return below, mass, 0.0

    def limited(self, x: float) -> float:
        """E min(L, x) for x on the grid's range."""
        j = min(math.floor(x / self.step * (1 + 1e-15)), self.points - 1)
        return float(self.partial[j]) + x * (1.0 - float(self.cumulative[j]))

    def cvar(self, level: float) -> float:
        """Conditional value at risk: mean of the worst share 1 - level, in money."""
        v = self.var(level)
        return v + max(self.mean - self.limited(v), 0.0) / (1.0 - level)

    def exceed(self, x: float) -> float:
        """P(L > x); beyond the grid an upper bound, the probability of lying beyond it."""
        if x < 0.0:
            return 1.0
        if x == 0.0:
            return max(1.0 - self.none, 0.0)
        at = x / self.step
        if self.grid.lattice:
            under = float(self.cumulative[min(math.floor(at + 1e-9), self.points - 1)])
        else:
            k = min(math.floor(at + 0.5), self.points - 1)
            below, even, atom = self._cell(k)
            share = 2.0 * at if k == 0 else min(at + 0.5 - k, 1.0)
            here = k + self._aside(k) - 1e-9 if atom > 0.0 else 0.0
            under = below + share * even + (atom if at >= here else 0.0)
        return min(max(1.0 - under, 0.0), max(1.0 - self.none, 0.0))

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Exceedance for a chart: (loss, P(L > loss)), the first at zero.

        Parameters
        ----------
        points : int
            About how many points are wanted. A lattice gives its steps where they are fewer.
        """
        start = [(0.0, self.exceed(0.0))]
        if start[0][1] <= 0.0:
            return start
        places = self._chart(points)
        rows = [(x, self.exceed(x)) for x in places]
        kept: list[tuple[float, float]] = start
        for x, p in rows:
            if p <= 0.0:
                break
            kept.append((x, p))
        return kept

    def _chart(self, points: int) -> list[float]:
        top = int(np.searchsorted(self.cumulative, 1.0 - 1e-6))
        top = min(max(top, 1), self.points - 1)
        if self.grid.lattice:
            steps = np.flatnonzero(self.mass[1 : top + 1] > 1e-12) + 1
            if steps.size > points:
                steps = steps[np.unique(np.linspace(0, steps.size - 1, points).astype(int))]
            return [float(k * self.step) for k in steps]
        low = max(self.var(self.none + 0.002 * (1.0 - self.none)), self.step * 1e-2)
        # half of the points lie evenly in loss, half in probability, where the tail is looked at
        even = np.geomspace(low, max(top * self.step, 2 * low), points // 2)
        rare = np.geomspace(1e-6, max(1.0 - self.none, 2e-6), points - points // 2)
        ranks = np.searchsorted(self.cumulative, 1.0 - rare[(1.0 - rare) > self.none])
        tail = np.minimum(ranks, top) * self.step
        return sorted({float(x) for x in np.concatenate([even, tail]) if x > 0.0})

    @cached_property
    def mean_gap(self) -> float:
        """Mean of the grid's law against the exact mean, relative."""
        if self.mean == 0.0 or not math.isfinite(self.mean):
            return 0.0
        return (self._own_mean + self.excess) / self.mean - 1.0

    @property
    def _own_mean(self) -> float:
        return float(self.partial[-1]) + self.beyond * self.grid.range

    @cached_property
    def error(self) -> dict[float, float]:
        """Estimate of the relative error of VaR and CVaR, the larger of the two, by level.

        On a lattice only rounding and what lies beyond the range remain. Else the law on half the
        points is compared: the error of the discretisation falls with the square of the step, so
        the difference is about three times the error of the finer law where the law is smooth.
        Near atoms it is not, so three times the difference is given: an estimate, on the safe
        side, not a bound. For VaR the largest difference of the distribution functions within a
        few steps is carried through the quantile, which also tells where the function is nearly
        flat. Added to that is the part of the gap between the means that the tail beyond the
        grid does not explain.
        """
        return {level: self.error_at(level) for level in LEVELS}

    def error_at(self, level: float) -> float:
        """Estimate of the relative error at any level; infinite where it lies beyond the grid."""
        try:
            v, c = self.var(level), self.cvar(level)
        except AssessmentError:
            return math.inf
        if c == 0.0:
            return 0.0
        unexplained = abs(self.mean_gap * self.mean) - 3.0 * self.excess - self._wrapped
        mean = max(unexplained, 0.0) / (1.0 - level) / c
        if self.grid.lattice or self._coarser is None:
            return self._wrapped / self.grid.range + _NOISE / (1.0 - level) + mean
        other = self._coarser()
        try:
            apart = abs(c - other.cvar(level))
        except AssessmentError:
            return math.inf
        return _SAFETY * max(apart / c, self._quantile_error(level, v, other)) + mean + _NOISE

    @property
    def _wrapped(self) -> float:
        """Money that may have come round from beyond the end of the grid."""
        return self.beyond * self.grid.range

    def _quantile_error(self, level: float, v: float, other: LossLaw) -> float:
        if v == 0.0:
            return 0.0 if abs(self.none - other.none) < _NOISE else 1.0
        reach = 4 * other.step
        near = np.linspace(max(v - reach, self.step * 1e-6), v + reach, 33)
        gap = max(abs(self.exceed(float(x)) - other.exceed(float(x))) for x in near)
        gap = max(gap, _NOISE)
        low, high = level - gap, level + gap
        if low <= 0.0 or high >= float(self.cumulative[-2]):
            return math.inf
        ends = (self.var(low), self.var(high), other.var(level))
        k = round(v / self.step)
        between = 0.0
        if 0 < k < self.points - 1 and self._cell(k)[2] > 0.0:
            # an atom: on a point as far as can be told, or somewhere beside it
            between = self.step * (0.125 if self._aside(k) != 0.0 else 1e-4)
        return max(between, *(abs(end - v) for end in ends)) / v
