# SPDX-License-Identifier: Apache-2.0
"""Losses per event on a grid and on half its points, those of many laws in one call.

A law with a density is held as its limited means at the points. They are linear in the law, so that
the events of many lines together are one sum of limited means, put on the points once. A law that
is a few atoms is held as the probabilities of points, so that what is on a point stays on it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, place, share, spread
from perilscope.engines.grids.limited import (
    Few,
    all_between,
    asked_of,
    between,
    few,
    smooth,
    together,
)
from perilscope.engines.kept import Kept
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.jumps import atoms

Array = npt.NDArray[np.float64]

_SMALL = 2.0
_AT_ONCE = 32
"""Laws that are asked together at most."""


@dataclass(frozen=True, eq=False)
class Where:
    """A grid on which losses per event stand, see `where`.

    Parameters
    ----------
    grid : Grid
    sharp : bool
        Whether a loss below a step is spread for extrapolation, see
        `perilscope.engines.grids.grid.share`.
    """

    grid: Grid
    sharp: bool


@functools.lru_cache(maxsize=256)
def where(grid: Grid, sharp: bool) -> Where:
    """Always the same object for a grid, so that what is kept for it is found fast."""
    return Where(grid, sharp)


class Event:
    """A loss per event on a grid.

    Parameters
    ----------
    excess : float
        E max(X - n h, 0).
    few : Few or None
        Its limited means.
    more : array or None
        How much larger they are taken on the grid, but not on half its points, see
        `perilscope.engines.grids.grid.share`; at the points that are asked for.
    fine, half : arrays of n and n / 2, or None
        Of atoms the probabilities of points.
    """

    __slots__ = ("excess", "few", "fine", "half", "more", "nbytes")

    def __init__(
        self,
        excess: float,
        few: Few | None = None,
        more: Array | None = None,
        fine: Array | None = None,
        half: Array | None = None,
    ) -> None:
        self.excess, self.few, self.more, self.fine, self.half = excess, few, more, fine, half
        self.nbytes = _bytes(few, more, fine, half)

    @property
    def alike(self) -> bool:
        """Whether on half the points it is the same law, with a density, put on fewer."""
        return self.few is not None and self.more is None

    def mass(self, grid: Grid, *, halved: bool) -> Array:
        """Probabilities of the points of a grid, or of half of them."""
        if self.few is None:
            points = self.half if halved else self.fine
            return np.zeros(0) if points is None else points
        return _spread(self.few, None if halved else self.more, grid, halved, 1.0)


def _bytes(*held: Few | Array | None) -> int:
    """Memory that arrays take."""
    return sum([x.nbytes for x in held if x is not None])


def _spread(few: Few, more: Array | None, grid: Grid, halved: bool, number: float) -> Array:
    every, few = 2 if halved else 1, few if more is None else few.plus(more)
    return spread(between(few, grid.points, every=every), grid.step * every, number)


def masses(events: Sequence[Event], grid: Grid) -> list[Array]:
    """Of losses per event the probabilities of the points of a grid."""
    dense = [x.few if x.more is None else x.few.plus(x.more) for x in events if x.few is not None]
    rows = iter(spread(all_between(dense, grid.points), grid.step) if dense else ())
    return [x.mass(grid, halved=False) if x.few is None else next(rows) for x in events]


_EVENTS: Kept[Event] = Kept(2**27, lambda event: event.nbytes)
"""Losses per event of all registers, by law and grid."""


def known(law: Distribution, at: Where) -> Event:
    """A loss per event on a grid."""
    key = law, at
    found = _EVENTS.peek(key)
    return found if found is not None else _EVENTS.put(key, _found([law], at)[0])


def foresee(laws: Iterable[Distribution], at: Where) -> None:
    """Have losses per event known, those of many laws at once, which costs less than one by one."""
    wanted = [law for law in dict.fromkeys(laws) if (law, at) not in _EVENTS]
    for first in range(0, len(wanted), _AT_ONCE):
        some = wanted[first : first + _AT_ONCE]
        for law, event in zip(some, _found(some, at), strict=True):
            _EVENTS.put((law, at), event)


class Some:
    """Events of several lines together, each loss per event times how many there are.

    Parameters
    ----------
    number : float
        How many there are in all.
    spread : float
        How many of them are put on points by limited means.
    few, more, fine, half
        As of one event.
    """

    __slots__ = ("_rows", "few", "fine", "half", "more", "nbytes", "number", "spread")

    def __init__(
        self,
        number: float = 0.0,
        spread: float = 0.0,
        few: Few | None = None,
        more: Array | None = None,
        fine: Array | None = None,
        half: Array | None = None,
    ) -> None:
        self.number, self.spread = number, spread
        self.few, self.more, self.fine, self.half = few, more, fine, half
        self.nbytes = _bytes(few, more, fine, half)
        self._rows: Array | None = None

    @classmethod
    def of(cls, events: Sequence[tuple[float, Event]]) -> Some:
        """Of each event so many."""
        dense = [(number, event.few) for number, event in events if event.few is not None]
        on_points = [] if len(dense) == len(events) else events
        return cls(
            math.fsum([number for number, _ in events]),
            math.fsum([number for number, _ in dense]),
            together(dense),
            _sum([number * event.more for number, event in events if event.more is not None]),
            _sum([number * event.fine for number, event in on_points if event.fine is not None]),
            _sum([number * event.half for number, event in on_points if event.half is not None]),
        )

    @classmethod
    def sum(cls, parts: Sequence[Some]) -> Some:
        """All of these, added up in their order."""
        return cls(
            math.fsum([part.number for part in parts]),
            math.fsum([part.spread for part in parts]),
            together([(1.0, part.few) for part in parts if part.few is not None]),
            _sum([part.more for part in parts if part.more is not None]),
            _sum([part.fine for part in parts if part.fine is not None]),
            _sum([part.half for part in parts if part.half is not None]),
        )

    def mass(self, grid: Grid, *, halved: bool) -> Array:
        """What is put on each point of a grid, or on each of half of them."""
        points = self.half if halved else self.fine
        if self.few is None:
            return np.zeros(0) if points is None else points
        rows = self._levels(self.few, grid)
        level = rows[0, ::2] if halved else rows[0] if self.more is None else rows[0] + rows[1]
        mass = spread(level, grid.step * (2 if halved else 1), self.spread)
        return mass if points is None else mass + points

    def _levels(self, few: Few, grid: Grid) -> Array:
        """Limited means at the points of the grid, and how much larger they are taken; known from
        one for both grids.
        """
        if self._rows is None:
            more = [] if self.more is None else [smooth(self.more)]
            self._rows = all_between([few, *more], grid.points)
        return self._rows


def _sum(arrays: Sequence[Array]) -> Array | None:
    if not arrays:
        return None
    total = arrays[0]
    for other in arrays[1:]:
        total = total + other
    return total


def _found(laws: Sequence[Distribution], at: Where) -> list[Event]:
    points = [atoms(law) for law in laws]
    dense = [law for law, own in zip(laws, points, strict=True) if own is None]
    made = iter(_dense(dense, at))
    return [next(made) if own is None else _placed(own, at.grid) for own in points]


def _dense(laws: Sequence[Distribution], at: Where) -> list[Event]:
    levels, grid = few(laws, at.grid), at.grid
    means = [law.mean for law in laws]
    small = [i for i, mean in enumerate(means) if at.sharp and mean <= _SMALL * grid.step]
    more: dict[int, Array] = {}
    if small:
        rows = spread(all_between([levels[i] for i in small], grid.points), grid.step)
        for i, mass in zip(small, rows, strict=True):
            more[i] = _more(laws[i], levels[i], mass, grid)
    return [
        Event(max(mean - level.end, 0.0), level, more.get(i))
        for i, (mean, level) in enumerate(zip(means, levels, strict=True))
    ]


def _placed(points: Sequence[tuple[float, float]], grid: Grid) -> Event:
    on_points, end = place(points, grid), grid.range
    above = math.fsum(p * (value - end) for value, p in points if value > end)
    return Event(above, fine=on_points, half=grid.halved(on_points))


def _more(law: Distribution, level: Few, mass: Array, grid: Grid) -> Array:
    """How much larger limited means of a small loss, which puts so much on each point, are taken on
    the grid.
    """
    second = law.second if law.support[1] <= grid.range else float(law.second_lev(grid.range))
    mass *= grid.step * share(mass, second, grid)
    mass[0] = 0.0
    mass[level.kinks] = 0.0  # of what is rare and not smooth nothing is taken
    # where mass comes to a point from both its neighbours the mean up to there is larger
    return asked_of(mass)
