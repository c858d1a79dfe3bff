# SPDX-License-Identifier: Apache-2.0
"""The law of a loss over the horizon, as the exact engine gives it, with its own error.

Conventions: losses are positive; VaR at level a is the smallest x with F(x) >= a; CVaR is the mean
of the worst share 1 - a, an atom at VaR being split. Expected losses beyond a point come from
exact means less what lies below the point, so nothing beyond the end of the grid is lost.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.extrapolation import cumulative, from_sums
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.interpolation import Between
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

LEVELS = (0.95, 0.975, 0.99, 0.999)
_NOISE = 1e-12
_RAREST = 1e-6
"""Probability up to which a chart shows a law."""
_ATOM = 30.0
_ASIDE = 0.02
_EPS = 2.0**-52
_READ = 2e-8
"""What reading a smooth law between the points of its grid leaves, relative."""


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
    coarse : array of grid.points / 2, optional
        Probabilities of the same law on every other point, to extrapolate from.
    grain : float
        Steps of the true law that the grid does not see; counted as error of VaR.
    events : float
        Expected number of events of heavy lines: with them the rounding of transforms grows.
    within : array of grid.points / 2, optional
        The same, only to hold the distribution function by, where it is not extrapolated.
    others : callable, optional
        Gives pairs of laws on grids of the same range whose differences tell the error of this
        one.
    asides : sequence of float
        How far atoms may lie aside on one grid of a pair, in steps; of several what tells least.

    Examples
    --------
    Nothing with 90 %, else 2 or 3, alike: of the worst fifth of cases half lose 2.5 on average.

    >>> mass = np.array([0.9, 0.0, 0.05, 0.05])
    >>> law = LossLaw(Grid(1.0, 4, lattice=True), mass, mean=0.25, sd=0.766, none=0.9)
    >>> law.var(0.95), round(law.exceed(2.0), 9), round(law.cvar(0.8), 9)
    (2.0, 0.05, 1.25)
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
        coarse: Array | None = None,
        within: Array | None = None,
        others: Others | None = None,
        grain: float = 0.0,
        events: float = 0.0,
        asides: Sequence[float] = (_ASIDE,),
    ) -> None:
        self.grid = grid
        self.mean, self.sd, self.none = mean, sd, none
        self.excess = excess
        self._others, self._grain, self._events = others, grain, events
        self._asides = asides
        self._mass: Array | None
        by = coarse if within is None else within
        reached = None if by is None else np.cumsum(by)
        if coarse is None or reached is None:
            self._mass, sums = mass, np.cumsum(mass)
        else:
            self._mass, sums = None, from_sums(mass, reached)
        self._sums = sums
        self.cumulative = cumulative(sums, reached)
        self.step, self.points, self.tilt = grid.step, grid.points, grid.tilt
        self.method = "exact, lattice" if grid.lattice else "exact, FFT"
        self._between = Between(self.cumulative)
        self._quantiles: dict[float, float] = {}

    @cached_property
    def mass(self) -> Array:
        """Probabilities of the points."""
        return np.diff(self._sums, prepend=0.0) if self._mass is None else self._mass

    def _masses(self, first: int, last: int) -> list[float]:
        """Probabilities of a few points in a row."""
        if self._mass is not None:
            few: list[float] = self._mass[first:last].tolist()
            return few
        sums: list[float] = self._sums[max(first - 1, 0) : last].tolist()
        sums = sums if first > 0 else [0.0, *sums]
        return [b - a for a, b in itertools.pairwise(sums)]

    def partial(self, k: int) -> float:
        """E[L; L <= the k-th point]."""
        return self.step * (k * float(self._sums[k]) - float(self._sums[:k].sum()))

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
        if level not in self._quantiles:
            self._quantiles[level] = self._var(level)
        return self._quantiles[level]

    def _var(self, level: float) -> float:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level must lie between 0 and 1, got {level}")
        if self.none >= level - _NOISE:
            return 0.0
        k = int(self.cumulative.searchsorted(level - (_NOISE if self.grid.lattice else 0.0)))
        if k >= self.points - 1:
            if level <= float(self.cumulative[-1]) + _NOISE:
                return (self.points - 1) * self.step
            raise AssessmentError(
                f"the level {level} lies beyond the range {self.grid.range:.6g} of the grid"
            )
        if self.grid.lattice:
            return k * self.step
        below, even, atom = self._cell(k)
        if k > 0 and atom == 0.0:
            return self.step * self._between.find(k, level)
        at = k + self._aside(k) if atom > 0.0 else 0.0
        if below + 0.5 * even < level <= below + 0.5 * even + atom:
            return at * self.step
        upper = level > below + 0.5 * even
        rest = level - below - (atom if upper else 0.0)
        share = min(rest / even, 1.0) if even > 0.0 else 0.5
        if k == 0:
            return self.step * 0.5 * share
        found = k - 0.5 + share
        return self.step * (max(found, at) if upper else min(found, at))

    def _aside(self, k: int) -> float:
        """How far an atom lies from its point, in steps, from how its mass was split.

        What lies evenly beside it is taken off, as it stands one point further out.
        """
        m = [max(x, 0.0) for x in self._masses(max(k - 2, 0), k + 3)]
        if len(m) < 5 or m[1] + m[2] + m[3] <= 0.0:
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
        if k < self.points - 1:
            before, _, after = self._masses(k - 1, k + 2)
            if mass > _ATOM * max(before, after, 0.0):
                even = max(0.5 * (before + after), 0.0) if k > 1 else 0.0
                return below, even, mass - even
        return below, mass, 0.0

    def squared_excess(self, x: float) -> float:
        """E ((min(L, end) - x)+)^2, in money squared: what lies beyond the grid counts as its end.

        >>> mass = np.array([0.9, 0.0, 0.05, 0.05])
        >>> law = LossLaw(Grid(1.0, 4, lattice=True), mass, mean=0.25, sd=0.766, none=0.9)
        >>> round(law.squared_excess(1.0), 9)  # 0.05 x 1 + 0.05 x 4
        0.25
        """
        above = np.maximum(self.step * np.arange(self.points) - x, 0.0) ** 2
        return float(self.mass @ above) + self.beyond * float(above[-1])

    def limited(self, x: float) -> float:
        """E min(L, x) for x on the grid's range."""
        j = min(math.floor(x / self.step * (1 + 1e-15)), self.points - 1)
        at_point = self.step * (j - float(self._sums[:j].sum()))
        further = x - j * self.step
        if self.grid.lattice or further <= 0.0 or not self._between.smooth(x / self.step):
            return at_point + max(further, 0.0) * (1.0 - float(self.cumulative[j]))
        return at_point + further - self.step * self._between.below(x / self.step)

    def all_limited(self, x: Array) -> Array:
        """The same at many losses; between points by parabolas wherever they are."""
        at = np.minimum(x / self.step, self.points - 1.0)
        j = np.floor(at * (1 + 1e-15)).astype(np.int64)
        below = np.concatenate([[0.0], np.cumsum(self._sums)])
        t, here = at - j, self._sums[j]
        if self.grid.lattice:
            inside = t * here
        else:
            ahead, behind = self._sums[np.minimum(j + 1, self.points - 1)], self._sums[j - 1]
            rise = np.where(j > 0, 0.5 * (ahead - np.where(j > 0, behind, 0.0)), 0.0)
            inside = t * here - 0.5 * rise * t * (1.0 - t)
        found: Array = self.step * (at - below[j] - inside)
        return np.where(x >= self.grid.range, self.mean, found)

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
            if k == 0:
                under = below + min(2.0 * at, 1.0) * even
            elif atom == 0.0:
                under = self._between.at(at)
            else:
                here = k + self._aside(k) - 1e-9
                under = below + min(at + 0.5 - k, 1.0) * even + (atom if at >= here else 0.0)
        return min(max(1.0 - under, 0.0), max(1.0 - self.none, 0.0))

    def _all_exceed(self, x: Array) -> Array:
        """The same as `exceed` for losses that lie close together."""
        at = x / self.step
        low, high = math.floor(at[0] + 0.5), math.floor(at[-1] + 0.5)
        if not self.grid.lattice and low >= 1 and high < self.points - 1:
            mass = self.mass[low - 1 : high + 2]
            beside = np.maximum(np.maximum(mass[:-2], mass[2:]), 0.0)
            if not np.any(mass[1:-1] > _ATOM * beside):
                over = np.maximum(1.0 - self._between.all_at(at), 0.0)
                return np.minimum(over, max(1.0 - self.none, 0.0))
        return np.array([self.exceed(loss) for loss in x.tolist()])

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Exceedance for a chart: (loss, P(L > loss)), the first at zero.

        Parameters
        ----------
        points : int
            About how many points are wanted. A lattice gives its steps where they are fewer.
        """
        start = [(0.0, self.exceed(0.0))]
        if start[0][1] <= _RAREST:
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
        top = int(np.searchsorted(self.cumulative, 1.0 - _RAREST))
        top = min(max(top, 1), self.points - 1)
        if self.grid.lattice:
            steps = np.flatnonzero(self.mass[1 : top + 1] > 1e-12) + 1
            if steps.size > points:
                steps = steps[np.unique(np.linspace(0, steps.size - 1, points).astype(int))]
            return [float(k * self.step) for k in steps]
        low = max(self.var(self.none + 0.002 * (1.0 - self.none)), self.step * 1e-2)
        # half of the points lie evenly in loss, half in probability, where the tail is looked at
        even = np.geomspace(low, max(top * self.step, 2 * low), points // 2)
        rare = np.geomspace(_RAREST, max(1.0 - self.none, 2.0 * _RAREST), points - points // 2)
        ranks = np.searchsorted(self.cumulative, 1.0 - rare[(1.0 - rare) > self.none])
        tail = np.minimum(ranks, top) * self.step
        return sorted({float(x) for x in np.concatenate([even, tail]) if x > 0.0})

    def step_at(self, _x: float) -> float:
        """Distance between the points of the grid that is read at a loss."""
        return self.step

    def rung(self, _level: float) -> LossLaw:
        """The law that is read at a level: itself; see `perilscope.engines.grids.ladder`."""
        return self

    def smooth(self, x: float) -> bool:
        """Whether the law is smooth, as far as the grid can tell, a step around a loss."""
        at = x / self.step
        return all(self._between.smooth(at + aside) for aside in (-1.0, 0.0, 1.0))

    @cached_property
    def mean_gap(self) -> float:
        """Mean of the grid's law against the exact mean, relative."""
        if self.mean == 0.0 or not math.isfinite(self.mean):
            return 0.0
        return (self._own_mean + self.excess) / self.mean - 1.0

    @property
    def _own_mean(self) -> float:
        return self.partial(self.points - 1) + self.beyond * self.grid.range

    @cached_property
    def error(self) -> dict[float, float]:
        """Estimate of the relative error of VaR and CVaR, the larger of the two, by level.

        On a lattice only rounding and what lies beyond the range remain. Else three times
        the difference between this law and one that is known to be worse (see `Register.law`): an
        estimate, on the safe side, not a bound. For VaR the largest difference of the
        distribution functions within a few steps is carried through the quantile, which also
        tells where the function is nearly flat. Added to that is the part of the gap between the
        means that the tail beyond the grid does not explain.
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
        mean += self._aliased * v / (1.0 - level) / c
        if self.grid.lattice or self._others is None:
            return self._wrapped / self.grid.range + _NOISE / (1.0 - level) + mean
        pairs = self._others(self, v)
        try:
            apart = math.fsum(abs(one.cvar(level) - two.cvar(level)) for one, two in pairs)
        except AssessmentError:
            return math.inf
        grain = self._grain / max(v, self._grain) if self._grain else 0.0
        return 3.0 * max(apart / c, self._quantile_error(level, v, pairs)) + mean + grain + _READ

    @property
    def _wrapped(self) -> float:
        """Money that may have come round from beyond the end of the grid."""
        return self.beyond * self.grid.range

    @property
    def _aliased(self) -> float:
        """Probability that has come round, after damping."""
        return self.beyond * math.exp(-self.tilt) if self.tilt > 0.0 else 0.0

    def _quantile_error(self, level: float, v: float, pairs: Sequence[Pair]) -> float:
        if v == 0.0:
            same = all(abs(one.none - two.none) < _NOISE for one, two in pairs)
            return 0.0 if same else 1.0
        # an atom that lies a little aside on one of two grids is no difference of probabilities
        asides = (0.0,) if self.smooth(v) else self._asides
        return min(self._aside_error(level, v, pairs, aside * self.step) for aside in asides)

    def _aside_error(self, level: float, v: float, pairs: Sequence[Pair], aside: float) -> float:
        """The same where atoms may lie so far aside."""
        gap = math.fsum(_largest_gap(one, two, v, aside) for one, two in pairs)
        gap = max(gap, _NOISE) + self._aliased
        gap += _EPS * self._events * math.exp(self.tilt * v / self.grid.range)
        low, high = level - gap, level + gap
        if low <= 0.0 or high >= float(self.cumulative[-2]):
            return math.inf
        apart = math.fsum(abs(one.var(level) - two.var(level)) for one, two in pairs)
        k = round(v / self.step)
        between = 0.0
        if 0 < k < self.points - 1 and self._cell(k)[2] > 0.0:
            # an atom: on a point as far as can be told, or somewhere beside it
            between = self.step * (0.125 if self._aside(k) != 0.0 else 1e-4)
        return (aside + max(between, apart, *(abs(self.var(end) - v) for end in (low, high)))) / v


Pair = tuple[LossLaw, LossLaw]
Others = Callable[[LossLaw, float], Sequence[Pair]]
"""Given a law and a loss, the pairs that tell the error of figures near that loss."""


def _largest_gap(one: LossLaw, two: LossLaw, v: float, aside: float) -> float:
    """Largest difference of two distribution functions within a few steps of a point, where one
    may be shifted a little aside.
    """
    reach = 4.0 * max(one.step, two.step)
    near = np.linspace(max(v - reach, one.step * 1e-6), v + reach, 17)
    second = two._all_exceed(near)
    if aside == 0.0:
        return float(np.abs(one._all_exceed(near) - second).max())
    low, high = one._all_exceed(near + aside), one._all_exceed(np.maximum(near - aside, 0.0))
    return max(float((second - high).max()), float((low - second).max()), 0.0)
