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

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perilscope.engines import capped
from perilscope.engines.compound import Compound, Drives
from perilscope.engines.distributions import Distribution
from perilscope.engines.expansion import Part, parts
from perilscope.engines.grid import Grid, Transform
from perilscope.engines.roundings import Cells, Placed
from perilscope.engines.structure import Component, Unit, components, felt
from perilscope.errors import AssessmentError, MisuseError

if TYPE_CHECKING:
    from perilscope.engines.register import Register

Array = npt.NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_NOISE = 1e-12
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
        at the nodes the register uses, and the error of those is not covered. Where the mean at
        the nodes differs from the register's, CVaR is widened by what that means.

    Raises
    ------
    MisuseError
        For a level that is not between 0 and 1.
    AssessmentError
        For a level that no grid reaches.

    Examples
    --------
    >>> from perilscope.engines.compound import Compound
    >>> from perilscope.engines.counts import Poisson
    >>> from perilscope.engines.distributions import Exponential
    >>> from perilscope.engines.register import Register
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
    for level in levels:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level lies between 0 and 1, got {level}")
    known, wanted = register.law(), max(levels, default=0.5)
    grid = register.grid
    for _ in range(_WIDENINGS):
        cells = Cells(_refined(grid, points))
        high = _Sum(register, cells, Cells.up, Cells.up)
        if high.reaches(wanted):
            low = _Sum(register, cells, Cells.down, Cells.down)
            more = _Sum(register, cells, Cells.split, Cells.up)
            less = _Sum(register, cells, Cells.tangents, Cells.down)
            break
        grid = _wider(grid)
    else:
        raise AssessmentError(
            f"the level {wanted} lies beyond the range {grid.range:.6g} that a bound can reach"
        )
    apart = known.mean - more.exact if register.exact else 0.0
    found = {}
    for level in levels:
        # a level that is met by the chance of no loss at all
        least, most = (
            (0.0, 0.0)
            if known.none >= level - _NOISE
            else (low.quantile_low(level), high.quantile_high(level))
        )
        below = less.cvar_low(level) + min(apart, 0.0) / (1.0 - level)
        above = more.cvar_high(level) + max(apart, 0.0) / (1.0 - level)
        # CVaR is never below VaR, so each may tell about the other
        found[level] = Bounds(least, min(most, above), max(below, least), above)
    return found


def _refined(grid: Grid, points: int) -> Grid:
    """The same range on many points; a lattice stays as it is."""
    if grid.lattice:
        return Grid(grid.step, grid.points, _DAMPING_LATTICE, lattice=True)
    count = max(points, grid.points)
    return Grid(grid.range / count, count, _DAMPING)


def _wider(grid: Grid) -> Grid:
    """Four times the range; of a lattice with as small a step, as losses are multiples of it."""
    if grid.lattice:
        return replace(grid, points=4 * grid.points)
    return replace(grid, step=4.0 * grid.step)


# --- the sum of all lines on the grid


Put = Callable[[Cells, Distribution], Placed]


class _Sum:
    """Law of the sum with losses put on the grid in one way, those of capped holdings in another.

    Parameters
    ----------
    register : Register
        The lines.
    cells : Cells
        The grid on which the law stands.
    free, held : callable
        How losses of lines by themselves and of lines of capped holdings are put; the latter down
        or up.

    Attributes
    ----------
    low, high : float
        Bounds of the mean of the sum as it is put on the grid.
    exact : float
        Mean of the lines by themselves before they are put on the grid.
    certain : float
        Mean of lines that stand as their mean: see ``_is_noise``.
    """

    def __init__(self, register: Register, cells: Cells, free: Put, held: Put) -> None:
        grid = cells.grid
        self.grid, self._puts = grid, (free, held)
        self._lines: Mapping[str, Compound] = register.lines
        self._cells = cells
        self._transforms: dict[tuple[Distribution, bool], Transform] = {}
        self._means: dict[tuple[Distribution, bool], float] = {}
        self._parts: dict[tuple[Compound, bool], tuple[Part, ...]] = {}
        self._delta = 8.0 * _EPS * math.log2(grid.points)
        """Bound of the error of the transform of the sum, in the mean square."""
        self._wraps = 0.0
        self.low = self.high = self.exact = 0.0
        self.certain = 0.0
        total = capped.multiplied([], grid)
        for part in components(register.lines, register.mixtures, register.caps):
            low, exact = self.low, self.exact
            transform = self._component(part)
            lost = (self.exact - exact) - (self.low - low)
            if free is Cells.tangents and self._is_noise(register, part, lost):
                self.certain += self.exact - exact
                self.low = low
            else:
                total = total * transform
        self._reached, self._noise, wraps = self._law(total, self._delta)
        self._wraps += wraps

    @staticmethod
    def _is_noise(register: Register, part: Component, lost: float) -> bool:
        """Whether a line's mean in its place costs CVaR less than what of it the grid loses.

        The mean is smaller in convex order too (Jensen), and better for a line of many small
        losses on a grid that is made for large ones.
        """
        if len(part.keys) > 1 or lost <= 0.0:
            return False
        sd = register.line_moments(part.keys[0])[1]
        return sd * sd < lost * register.law().sd

    def _law(self, transform: Transform, delta: float) -> tuple[Array, Array, float]:
        """P(sum <= each point), its rounding error, and how much of it may be wrap-around."""
        reached = np.cumsum(self.grid.back(transform))
        at = np.arange(self.grid.points, dtype=np.float64)
        swell = np.cumsum(np.exp(2.0 * self.grid.tilt * at / self.grid.points))
        noise = delta * np.sqrt(swell) + _EPS * at
        damped = math.exp(-self.grid.tilt)
        beyond = (1.0 - float(reached[-1]) + float(noise[-1])) / (1.0 - damped)
        return reached, noise, damped * min(max(beyond, 0.0), 1.0)

    def _severity(self, law: Distribution, held: bool) -> Transform:
        found = self._transforms.get((law, held))
        if found is None:
            placed = self._puts[held](self._cells, law)
            found = self._transforms[law, held] = self.grid.forward(placed.mass)
            self._means[law, held] = placed.mean
        return found

    def _mixture(self, key: str, driven: bool) -> tuple[Part, ...]:
        line = self._lines[key]
        if (line, driven) not in self._parts:
            self._parts[line, driven] = parts(line, driven=driven)
        return self._parts[line, driven]

    def _line(self, key: str, driven: bool, held: bool) -> Transform:
        """Transform of a line's sum over the horizon."""
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        events = 0.0
        for part in self._mixture(key, driven):
            z = self._severity(part.severity, held)
            for weight, counts in part.counts:
                total += part.weight * weight * counts.pgf(z)
                events += part.weight * weight * counts.mean
        # an error of z is multiplied by at most the slope E N of the generating function
        self._delta += 8.0 * _EPS * math.log2(self.grid.points) * (1.0 + events)
        return total

    def _mean(self, key: str, driven: bool, size: Callable[[Distribution], float]) -> float:
        """Expected sum over a line's events of what each is worth."""
        terms = [
            part.weight * weight * counts.mean * size(part.severity)
            for part in self._mixture(key, driven)
            for weight, counts in part.counts
            if counts.mean > 0.0
        ]
        return math.fsum(terms)

    def _component(self, part: Component) -> Transform:
        """Transform of a component, a mixture over what its lines share; means are added up."""
        every = self._lines
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        for weight, self._lines in part.cases(every, 2):
            total += weight * self._given(part, weight)
        self._lines = every
        return total

    def _given(self, part: Component, weight: float) -> Transform:
        """The same where what is shared has one value: a mixture over its joint states."""
        total = np.zeros(self.grid.points // 2 + 1, dtype=np.complex128)
        cache: dict[Any, _Unit] = {}
        every = self._lines
        for probability, state in part.states:
            drives = dict(state)
            self._lines = {key: line.given(drives) for key, line in every.items()}
            product = capped.multiplied([], self.grid)
            for i, unit in enumerate(part.units):
                at = (i, felt(unit.keys, every, drives))
                if at not in cache:
                    cache[at] = self._unit(unit, drives)
                found = cache[at]
                product = product * found.transform
                self.low += weight * probability * found.low
                self.high += weight * probability * found.high
                self.exact += weight * probability * found.exact
            total += probability * product
        self._lines = every
        return total

    def _unit(self, unit: Unit, drives: Drives) -> _Unit:
        """A unit in a joint state."""
        present = {key: key in drives for key in unit.keys if drives.get(key, True)}
        if not present:
            return _Unit(capped.multiplied([], self.grid), 0.0, 0.0, 0.0)
        if unit.capped:
            return self._held(unit.cap, present)
        ((key, driven),) = present.items()
        transform = self._line(key, driven, held=False)
        mean = self._mean(key, driven, lambda law: self._means[law, False])
        return _Unit(transform, mean, mean, self._mean(key, driven, lambda law: law.mean))

    def _held(self, cap: float, present: Mapping[str, bool]) -> _Unit:
        """Lines of a capped holding, given whether each is known to have events."""
        lines = [self._lines[key] for key in present]
        years = sum(count for _, count in capped.periods(lines[0].years))
        at = self._cap(cap)
        own = [self._line(key, driven, held=True) for key, driven in present.items()]
        if lines[0].years <= 1.0:
            found = capped.once(self.grid, own, at, [], shares=False).sum
        else:
            laws = capped.known_severities(lines, 2)
            known = {law: self._severity(law, True) for law in laws}
            tied = list(present.values())
            found = capped.horizon(lines, tied, at, self.grid, known, effort=2, shares=False).sum
        # a year without its cap is no larger than the horizon without it
        *_, wraps = self._law(capped.multiplied(own, self.grid), self._delta)
        self._wraps += years * wraps
        # what is clamped comes back with its rounding error in one point
        self._delta *= 1.0 + years * math.sqrt(self.grid.points) * self._signs(present, years)
        reached, noise, _ = self._law(found, self._delta)
        step, slack = self.grid.step, years * wraps
        low = step * float(np.maximum(1.0 - reached - noise, 0.0).sum())
        over = np.clip(1.0 - reached + slack + noise, 0.0, 1.0)
        high = step * float(over.sum()) + max(years * at - self.grid.range, 0.0) * float(over[-1])
        alone = math.fsum(
            self._mean(key, driven, lambda law: self._limited_mean(law, at))
            for key, driven in present.items()
        )
        return _Unit(found, low, min(high, alone), 0.0)

    def _limited_mean(self, law: Distribution, cap: float) -> float:
        """At least E min(X, cap) of a loss that was rounded up."""
        end = self.grid.range
        beyond = float(law.lev(cap)) - float(law.lev(end)) if cap > end else 0.0
        return self._means[law, True] + beyond

    def _cap(self, cap: float) -> float:
        """A cap at the point of the grid to which losses are rounded, too."""
        at = cap / self.grid.step
        if abs(at - round(at)) <= 1e-9 * max(1.0, at):
            return round(at) * self.grid.step
        up = self._puts[True] is Cells.up
        return (math.ceil(at) if up else math.floor(at)) * self.grid.step

    def _signs(self, present: Mapping[str, bool], years: int) -> float:
        """Sum of the sizes of the signed weights of laws that several years are made of."""
        size = 1.0
        for key, driven in present.items():
            if driven and years > 1:
                idle = max(counts.zero for p in self._mixture(key, False) for _, counts in p.counts)
                size *= 2.0 / max(1.0 - idle, _NOISE)
        return size

    # measures

    def reaches(self, level: float) -> bool:
        """Whether the level lies on the grid for certain."""
        return bool((self._reached - self._wraps - self._noise >= level - _NOISE).any())

    def quantile_low(self, level: float) -> float:
        """A point that VaR of this sum does not lie below."""
        return self.grid.step * int(np.argmax(self._reached + self._noise >= level - _NOISE))

    def quantile_high(self, level: float) -> float:
        """A point that VaR of this sum does not lie above."""
        least = self._reached - self._wraps - self._noise
        return self.grid.step * int(np.argmax(least >= level - _NOISE))

    def cvar_low(self, level: float) -> float:
        """What CVaR of this sum is at least."""
        above = 1.0 - self._reached + self._wraps + self._noise
        return self._cvar(level, self.low, above, -1.0) + self.certain

    def cvar_high(self, level: float) -> float:
        """What CVaR of this sum is at most."""
        return self._cvar(level, self.high, 1.0 - self._reached - self._noise, 1.0)

    def _cvar(self, level: float, mean: float, above: Array, side: float) -> float:
        """Least v + (mean - E min(L, v)) / (1 - a) over the grid, from P(L > each point)."""
        limited_mean = np.cumsum(np.clip(above, 0.0, 1.0)) * self.grid.step
        limited_mean -= side * _EPS * self.grid.points * limited_mean
        v = self._cells.places
        rest = mean * (1.0 + side * _NOISE) - np.concatenate([[0.0], limited_mean])
        return max(float((v + rest / (1.0 - level)).min()), 0.0)


@dataclass(frozen=True)
class _Unit:
    """Transform of a unit in a joint state; its mean from below and above, and unrounded."""

    transform: Transform
    low: float
    high: float
    exact: float
