# SPDX-License-Identifier: Apache-2.0
"""What is left of a period's loss where terms per event and terms of the year act on the same loss.

Of each event x a cover is asked for y = share x min((x - deductible)+, limit), and z = x - y stays.
Of the sum Y it pays R(Y), so that Z + g(Y) is left, with g(y) = y - R(y): both sums are wanted
together. But g is straight below the annual deductible, level up to the annual limit and straight
beyond, and where it is straight all follows from the laws of Z and of Z + Y, in one dimension each.
So the joint law is wanted only where Y has not used up the terms of the year: for each frequency of
Z, a measure over a short stretch of Y.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from perilscope.engines.aggregate.expansion import Part
from perilscope.engines.aggregate.terms import Terms
from perilscope.engines.grids.grid import Grid, Transform, spread
from perilscope.engines.grids.limited import limited
from perilscope.engines.kept import Kept
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Distribution
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Cube = npt.NDArray[np.complex128]

_AT_ONCE = 2**19
"""Numbers of the joint transform that are held at a time."""
_KEPT = 2**22
"""Numbers of what is left of each sum, by frequency, that are kept from call to call."""
_DAMPED = 16.0


@dataclass(frozen=True)
class Stretch:
    """The ceded sums that are looked at: ``count`` points from zero on, ``step`` apart.

    Parameters
    ----------
    step : float
    count : int
        A power of two; none where terms of the year change nothing but by a fixed sum.
    exhausts : bool
        Whether the stretch ends where the limit of the year is used up; else it ends at the annual
        deductible, and the limit is never reached.
    """

    step: float
    count: int
    exhausts: bool

    def coarse(self) -> Stretch:
        """The same stretch with half the points."""
        return Stretch(2.0 * self.step, self.count // 2, self.exhausts)

    @property
    def places(self) -> Array:
        """The points, in money."""
        places: Array = np.arange(self.count, dtype=np.float64) * self.step
        return places


@dataclass(frozen=True)
class _Event:
    """One event, or the expected events of a period: where the cover asks for nothing, in its
    layer, and above it.

    ``below`` and ``above`` are transforms of what stays; ``within`` is a law over what is ceded.
    """

    below: Transform
    within: Array
    above: Transform

    def times(self, number: float) -> _Event:
        return _Event(number * self.below, number * self.within, number * self.above)

    def plus(self, other: _Event) -> _Event:
        return _Event(
            self.below + other.below, self.within + other.within, self.above + other.above
        )


class Both:
    """Both sums of the lines of a cover over one period, on a grid for what stays.

    Parameters
    ----------
    terms : Terms
        With a share above zero.
    grid : Grid
        Of what is left.
    stretch : Stretch
        Of what is ceded.
    """

    def __init__(self, terms: Terms, grid: Grid, stretch: Stretch) -> None:
        self.terms, self.grid, self.stretch = terms, grid, stretch
        self._events: Kept[_Event] = Kept(2**26, lambda e: e.below.nbytes + e.within.nbytes)
        self._held: dict[tuple[str, int], Cube] = {}
        self._lines: dict[tuple[int, int], tuple[Sequence[Part], Cube]] = {}
        self._room = 2 * _KEPT

    def left(
        self, lines: Sequence[Sequence[Part]], stays: Transform, gross: Transform
    ) -> Transform:
        """Transform of what is left of a period's loss.

        Parameters
        ----------
        lines : sequence of sequences of Part
            Independent lines, each without beliefs.
        stays, gross : Transform
            Of the sums of what each event leaves, and of whole losses.
        """
        n = self.grid.points // 2 + 1
        if not self.stretch.count:
            return gross if self.stretch.exhausts else stays
        found, passed = np.zeros(n, np.complex128), np.zeros(n, np.complex128)
        pooled, others = self._pooled(lines)
        for rows in self._slices():
            by_sum = self._ceded(pooled, others, rows)
            left, beyond = self._kept_at("left", rows), self._kept_at("beyond", rows)
            found[rows] = (left * by_sum).sum(axis=1)
            passed[rows] = (beyond * by_sum).sum(axis=1)
        if not self.stretch.exhausts:
            at = self._at(np.array([self.terms.annual_deductible]), slice(0, n))[:, 0]
            return found - passed + at * stays
        return found + self._shifted(gross - passed, self.terms.annual_limit)

    def _ceded(
        self,
        pooled: tuple[float, _Event] | None,
        others: Sequence[Sequence[Part]],
        rows: slice,
    ) -> Cube:
        """For some frequencies of what stays, a measure over what is ceded."""
        shape = rows.stop - rows.start, self.stretch.count
        product = np.ones(shape, np.complex128)
        if pooled is not None:
            exponent = self._rows(pooled[1], rows)
            product = _turned(np.exp(exponent.real - pooled[0]), -exponent.imag)
        for line in others:
            product = product * self._line(line, rows)
        found: Cube = scipy.fft.ifft(product, axis=1) / self._damping
        return found

    def _line(self, line: Sequence[Part], rows: slice) -> Cube:
        """Joint transform of one line, kept for cases that do not change it."""
        key = id(line), rows.start
        if key in self._lines:
            return self._lines[key][1]
        total = np.zeros((rows.stop - rows.start, self.stretch.count), np.complex128)
        for part in line:
            z = self._rows(self._event(part.severity), rows)
            for weight, counts in part.counts:
                total += part.weight * weight * counts.pgf(z)
        if self._room >= total.size:
            self._room -= total.size
            self._lines[key] = line, total
        return total

    def _shifted(self, transform: Transform, down: float) -> Transform:
        """A law moved towards zero.

        Nothing of it lies nearer to zero than that, but for what two ways to put one law on points
        differ by; that is kept at zero, for what it takes from points beyond.
        """
        steps = down / self.grid.step
        near = round(steps)
        steps = near if abs(steps - near) <= 1e-9 * max(1.0, steps) else steps
        moved = self.grid.places / self.grid.step - steps
        below = np.floor(moved)
        share, at = moved - below, np.maximum(below, -1.0).astype(np.int64)
        mass = self.grid.back(transform)
        found = np.zeros(self.grid.points + 1)
        np.add.at(found, np.maximum(at, 0), mass * (1.0 - share))
        np.add.at(found, at + 1, mass * share)
        return self.grid.forward(found[: self.grid.points])

    def _pooled(
        self, lines: Sequence[Sequence[Part]]
    ) -> tuple[tuple[float, _Event] | None, list[Sequence[Part]]]:
        """Poisson lines together, with the number of their events; and all others."""
        others: list[Sequence[Part]] = []
        number, events = 0.0, None
        for line in lines:
            only = line[0].counts[0][1]
            if len(line) == 1 and len(line[0].counts) == 1 and isinstance(only, Poisson):
                mine = self._event(line[0].severity).times(only.mean)
                number, events = number + only.mean, mine if events is None else events.plus(mine)
            else:
                others.append(line)
        return (None if events is None else (number, events)), others

    def _event(self, law: Distribution) -> _Event:
        return self._events.get(law, lambda: self._split(law))

    def _split(self, law: Distribution) -> _Event:
        """One event in its three classes, each put on points with its mean kept."""
        terms, grid = self.terms, self.grid
        start, end = terms.deductible, terms.deductible + terms.limit
        points = np.append(grid.places, grid.range)
        at_start, at_end = (
            float(law.lev(start)),
            law.mean if math.isinf(end) else float(law.lev(end)),
        )
        under, over = float(law.cdf(start)), 1.0 - float(law.cdf(end))
        level = np.where(points <= start, limited([law], grid)[0], at_start)
        below = level - np.minimum(points, start) * (1.0 - under)
        above = np.zeros(grid.points)
        if over > 0.0 and math.isfinite(end):
            most = terms.share * terms.limit
            rise = np.asarray(law.lev(np.maximum(points + most, end))) - at_end
            above = _part(np.minimum(points, end - most) * over + rise, over, grid.step)
        asked = np.arange(self.stretch.count + 1) * self.stretch.step / terms.share
        inside = np.asarray(law.lev(np.minimum(start + asked, end))) - at_start
        if over > 0.0:
            inside = inside - np.minimum(asked, terms.limit) * over
        within = _part(terms.share * inside, 1.0 - under - over, self.stretch.step)
        return _Event(grid.forward(_part(below, under, grid.step)), within, grid.forward(above))

    def _rows(self, event: _Event, rows: slice) -> Cube:
        """Joint transform of what stays and what is ceded, at some frequencies of what stays."""
        terms = self.terms
        inside = event.within * self._damping
        if terms.share == 1.0:
            at = self._at(np.array([terms.deductible]), rows)
            found: Cube = at * scipy.fft.fft(inside)[None, :]
        else:
            found = scipy.fft.fft(self._kept_at("within", rows) * inside[None, :], axis=1)
        found += event.below[rows, None]
        full = self._full
        if full is not None:
            found += event.above[rows, None] * full[None, :]
        return found

    @cached_property
    def _full(self) -> Transform | None:
        """Transform, over what is ceded, of the most that is ceded of one event; None where that
        lies beyond the stretch.
        """
        at = self.terms.share * self.terms.limit / self.stretch.step
        if not at < self.stretch.count:
            return None
        near = round(at)
        at = near if abs(at - near) <= 1e-9 * max(1.0, at) else at
        mass, below = np.zeros(self.stretch.count + 1), math.floor(at)
        mass[below], mass[below + 1] = below + 1 - at, at - below
        found: Transform = scipy.fft.fft(mass[:-1] * self._damping)
        return found

    @cached_property
    def _damping(self) -> Array:
        return np.exp(-_DAMPED * np.arange(self.stretch.count) / self.stretch.count)

    def _slices(self) -> Iterator[slice]:
        n = self.grid.points // 2 + 1
        rows = max(_AT_ONCE // self.stretch.count, 1)
        for start in range(0, n, rows):
            yield slice(start, min(start + rows, n))

    def _kept_at(self, what: str, rows: slice) -> Cube:
        key = what, rows.start
        if key in self._held:
            return self._held[key]
        terms, y = self.terms, self.stretch.places
        if what == "within":  # what stays of an event of which so much is ceded
            places = terms.deductible + (1.0 - terms.share) / terms.share * y
        elif what == "left":
            places = y - terms.of_year(y)
        else:  # what is said of these sums by the law that holds beyond
            places = y if self.stretch.exhausts else np.array([terms.annual_deductible])
        found: Cube = self._at(places, rows)
        if (self.grid.points // 2 + 1) * self.stretch.count <= _KEPT:
            self._held[key] = found
        return found

    def _at(self, places: Array, rows: slice) -> Cube:
        """Transforms of points, each split between its neighbours, at some frequencies."""
        steps = places / self.grid.step
        near = np.rint(steps)
        steps = np.where(np.abs(steps - near) <= 1e-9 * np.maximum(1.0, np.abs(steps)), near, steps)
        below = np.floor(steps)
        n = self.grid.points
        turn = 2.0 * math.pi / n * np.arange(rows.start, rows.stop)
        found = _turned(np.exp(-self.grid.tilt / n * below)[None, :], turn[:, None] * below)
        share = (steps - below)[None, :]
        if np.any(share):
            found *= 1.0 - share + share * np.exp(-self.grid.tilt / n - 1j * turn)[:, None]
        return found


def _part(level: Array, whole: float, step: float) -> Array:
    """A law of less than probability one on points, from its limited means."""
    mass = spread(level, step)
    mass[0] -= 1.0 - whole
    return mass


def _turned(size: Array, angle: Array) -> Cube:
    """Complex numbers by size and (negative) angle: parts have faster ways than the whole."""
    found = np.empty(angle.shape, np.complex128)
    np.multiply(size, np.cos(angle), out=found.real)
    np.multiply(-size, np.sin(angle), out=found.imag)
    return found
