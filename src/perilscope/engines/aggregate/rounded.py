# SPDX-License-Identifier: Apache-2.0
"""Lines of loss put on a grid so that a figure of their sum is a bound, and what errors add to it.

See `perilscope.engines.aggregate.bounds` for why each way is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import capped, factored
from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.expansion import Part, parts
from perilscope.engines.aggregate.factor_sums import Group
from perilscope.engines.aggregate.structure import Component, Unit, state_of
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.grids.roundings import Cells, Placed
from perilscope.engines.laws.distributions import Distribution

if TYPE_CHECKING:
    from perilscope.engines.aggregate.register import Register

Array = npt.NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
NOISE = 1e-12
"""A level counts as reached within so much probability."""

Put = Callable[[Cells, Distribution], Placed]


@dataclass(frozen=True)
class Sized:
    """Transform of a sum; its mean from below and above, and unrounded where nothing is capped."""

    transform: Transform
    low: float
    high: float
    exact: float


class Rounded:
    """Lines put on the grid in one way, those of capped holdings in another.

    Parameters
    ----------
    register : Register
        The lines.
    cells : Cells
        The grid on which their laws stand.
    free, held : callable
        How losses of lines by themselves and of lines of capped holdings are put; the latter down
        or up.

    Attributes
    ----------
    delta : float
        Bound of the error of the transform of everything asked for so far, in the mean square.
    wraps : float
        What clamps may have taken in from beyond the grid.
    """

    def __init__(self, register: Register, cells: Cells, free: Put, held: Put) -> None:
        self.grid, self._puts = cells.grid, (free, held)
        self._lines: Mapping[str, Compound] = register.lines
        self.cells = cells
        self._transforms: dict[tuple[Distribution, bool], Transform] = {}
        self._means: dict[tuple[Distribution, bool], float] = {}
        self._parts: dict[tuple[Compound, bool], tuple[Part, ...]] = {}
        self._start = self.delta = 8.0 * _EPS * math.log2(self.grid.points)
        self.wraps = 0.0

    @property
    def up(self) -> bool:
        """Whether losses of capped holdings are put up."""
        return self._puts[True] is Cells.up

    def law(self, transform: Transform, delta: float) -> tuple[Array, Array, float]:
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
            placed = self._puts[held](self.cells, law)
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
        self.delta += 8.0 * _EPS * math.log2(self.grid.points) * (1.0 + events)
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

    def component(self, part: Component, lines: Mapping[str, Compound] | None = None) -> Sized:
        """A component, a mixture over what its lines share and over its joint states.

        Weights of states may add up to less than one; means are weighed by them too.
        """
        own = self._lines
        found = mixed(self._cases(part, own if lines is None else lines), self.grid)
        self._lines = own
        return found

    def _cases(
        self, part: Component, lines: Mapping[str, Compound]
    ) -> Iterator[tuple[float, Sized]]:
        """The component for each value of what its lines share."""
        for weight, group, rest, known, _ in factored.cases(part, lines, 2, positive=True):
            own = mixed(self._states(rest, known), self.grid)
            yield weight, own if group is None else added([own, self._scaled(group)], self.grid)

    def _scaled(self, group: Group) -> Sized:
        """Lines that one factor scales, of which only the sum is put on the grid."""
        law = group.law
        transform, mean = self._severity(law, False), self._means[law, False]
        self.delta += 16.0 * _EPS * math.log2(self.grid.points)
        return Sized(transform, mean, mean, law.mean)

    def _states(
        self, part: Component, every: Mapping[str, Compound]
    ) -> Iterator[tuple[float, Sized]]:
        """The component in each of its joint states."""
        cache: dict[Any, Sized] = {}
        for probability, state in part.states:
            drives = dict(state)
            self._lines = {key: every[key].given(drives) for key in part.keys}
            units = []
            for i, unit in enumerate(part.units):
                at = (i, state_of(unit.keys, every, drives))
                if at not in cache:
                    cache[at] = self._unit(unit, drives)
                units.append(cache[at])
            yield probability, added(units, self.grid)

    def _unit(self, unit: Unit, drives: Drives) -> Sized:
        """A unit in a joint state."""
        present = {key: key in drives for key in unit.keys if drives.get(key, True)}
        if not present:
            return Sized(capped.multiplied([], self.grid), 0.0, 0.0, 0.0)
        if unit.capped:
            return self._held(unit.cap, present)
        ((key, driven),) = present.items()
        transform = self._line(key, driven, held=False)
        mean = self._mean(key, driven, lambda law: self._means[law, False])
        return Sized(transform, mean, mean, self._mean(key, driven, lambda law: law.mean))

    def _held(self, cap: float, present: Mapping[str, bool]) -> Sized:
        """Lines of a capped holding, given whether each is known to have events."""
        lines = [self._lines[key] for key in present]
        years = sum(count for _, count in capped.periods(lines[0].years))
        at = self._cap(cap)
        others, self.delta = self.delta, self._start
        own = [self._line(key, driven, held=True) for key, driven in present.items()]
        if lines[0].years <= 1.0:
            found = capped.once(self.grid, own, at, [], shares=False).sum
        else:
            laws = capped.known_severities(lines, 2)
            known = {law: self._severity(law, True) for law in laws}
            tied = list(present.values())
            found = capped.horizon(lines, tied, at, self.grid, known, effort=2, shares=False).sum
        # a year without its cap is no larger than the horizon without it
        *_, wraps = self.law(capped.multiplied(own, self.grid), self.delta)
        self.wraps += years * wraps
        # what is clamped comes back with its rounding error in one point
        self.delta *= 1.0 + years * math.sqrt(self.grid.points) * self._signs(present, years)
        reached, noise, _ = self.law(found, self.delta)
        self.delta += others  # errors of what is independent add up
        step, slack = self.grid.step, years * wraps
        low = step * float(np.maximum(1.0 - reached - noise, 0.0).sum())
        over = np.clip(1.0 - reached + slack + noise, 0.0, 1.0)
        high = step * float(over.sum()) + max(years * at - self.grid.range, 0.0) * float(over[-1])
        alone = math.fsum(
            self._mean(key, driven, lambda law: self._limited_mean(law, at))
            for key, driven in present.items()
        )
        return Sized(found, low, min(high, alone), 0.0)

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
        return (math.ceil(at) if self.up else math.floor(at)) * self.grid.step

    def _signs(self, present: Mapping[str, bool], years: int) -> float:
        """Sum of the sizes of the signed weights of laws that several years are made of."""
        size = 1.0
        for key, driven in present.items():
            if driven and years > 1:
                idle = max(counts.zero for p in self._mixture(key, False) for _, counts in p.counts)
                size *= 2.0 / max(1.0 - idle, NOISE)
        return size


def added(units: Sequence[Sized], grid: Grid) -> Sized:
    """The sum of what is independent."""
    return Sized(
        capped.multiplied([unit.transform for unit in units], grid),
        math.fsum(unit.low for unit in units),
        math.fsum(unit.high for unit in units),
        math.fsum(unit.exact for unit in units),
    )


def mixed(found: Iterable[tuple[float, Sized]], grid: Grid) -> Sized:
    """A mixture by weights; each is forgotten once it is added."""
    total = np.zeros(grid.points // 2 + 1, dtype=np.complex128)
    low = high = exact = 0.0
    for weight, each in found:
        total += weight * each.transform
        low += weight * each.low
        high += weight * each.high
        exact += weight * each.exact
    return Sized(total, low, high, exact)


class Reached:
    """A sum as it stands on the grid, read as a bound.

    Parameters
    ----------
    rounded : Rounded
        What its parts were asked of.
    total : Sized
    certain : float
        A sure loss beside it.
    """

    def __init__(self, rounded: Rounded, total: Sized, certain: float = 0.0) -> None:
        self._grid, self._places = rounded.grid, rounded.cells.places
        self._low, self._high, self._certain = total.low, total.high, certain
        self._reached, self._noise, wraps = rounded.law(total.transform, rounded.delta)
        self._wraps = rounded.wraps + wraps

    def reaches(self, level: float) -> bool:
        """Whether the level lies on the grid for certain."""
        return bool((self._reached - self._wraps - self._noise >= level - NOISE).any())

    def quantile_low(self, level: float) -> float:
        """A point that VaR of this sum does not lie below."""
        return self._grid.step * int(np.argmax(self._reached + self._noise >= level - NOISE))

    def quantile_high(self, level: float) -> float:
        """A point that VaR of this sum does not lie above."""
        least = self._reached - self._wraps - self._noise
        return self._grid.step * int(np.argmax(least >= level - NOISE))

    def cvar_low(self, level: float) -> float:
        """What CVaR of this sum is at least."""
        above = 1.0 - self._reached + self._wraps + self._noise
        return self._cvar(level, self._low, above, -1.0) + self._certain

    def cvar_high(self, level: float) -> float:
        """What CVaR of this sum is at most."""
        return self._cvar(level, self._high, 1.0 - self._reached - self._noise, 1.0)

    def _cvar(self, level: float, mean: float, above: Array, side: float) -> float:
        """Least v + (mean - E min(L, v)) / (1 - a) over the grid, from P(L > each point)."""
        limited_mean = np.cumsum(np.clip(above, 0.0, 1.0)) * self._grid.step
        limited_mean -= side * _EPS * self._grid.points * limited_mean
        v = self._places
        rest = mean * (1.0 + side * NOISE) - np.concatenate([[0.0], limited_mean])
        return max(float((v + rest / (1.0 - level)).min()), 0.0)
