# SPDX-License-Identifier: Apache-2.0
"""Losses per event on a grid and on half its points, those of many laws in one call.

A law with a density is held as its limited means at the points. They are linear in the law, so that
the events of many lines together are one sum of limited means, put on the points once. A law that
is a few atoms is held as the probabilities of points, so that what is on a point stays on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.distributions import Distribution
from perilscope.engines.grid import Grid, atoms, place, share, spread
from perilscope.engines.kept import Kept
from perilscope.engines.limited import Few, between, families, few, joined, together

Array = npt.NDArray[np.float64]

_SMALL = 2.0


@dataclass(frozen=True)
class Event:
    """A loss per event on a grid.

    Parameters
    ----------
    excess : float
        E max(X - n h, 0).
    few, plain : Few or None
        Its limited means, and the same without what `perilscope.engines.grid.share` is for.
    fine, half : arrays of n and n / 2, or None
        Of atoms the probabilities of points.
    """

    excess: float
    few: Few | None = None
    plain: Few | None = None
    fine: Array | None = None
    half: Array | None = None

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        own = (self.few, None if self.plain is self.few else self.plain, self.fine, self.half)
        return sum([x.nbytes for x in own if x is not None])

    @property
    def alike(self) -> bool:
        """Whether on half the points it is the same law, with a density, put on fewer."""
        return self.few is not None and self.few is self.plain

    def mass(self, grid: Grid, *, halved: bool) -> Array:
        """Probabilities of the points of a grid, or of half of them."""
        few, points = (self.plain, self.half) if halved else (self.few, self.fine)
        if few is None:
            return np.zeros(0) if points is None else points
        return _spread(few, grid, halved, 1.0)


def _spread(few: Few, grid: Grid, halved: bool, number: float) -> Array:
    every = 2 if halved else 1
    return spread(between(few, grid.points, every=every), grid.step * every, number)


_EVENTS: Kept[Event] = Kept(2**27, lambda event: event.nbytes)
"""Losses per event of all registers, by law and grid."""


def known(law: Distribution, grid: Grid, sharp: bool) -> Event:
    """A loss per event on a grid.

    Parameters
    ----------
    law : Distribution
    grid : Grid
    sharp : bool
        Whether a loss below a step is spread for extrapolation, see
        `perilscope.engines.grid.sharpened`.
    """
    return _EVENTS.get((law, grid, sharp), lambda: _found([law], grid, sharp)[0])


def foresee(laws: Iterable[Distribution], grid: Grid, sharp: bool) -> None:
    """Have losses per event known, those of many laws at once, which costs less than one by one."""
    wanted = [law for law in dict.fromkeys(laws) if (law, grid, sharp) not in _EVENTS]
    if len(wanted) > 1:
        for law, event in zip(wanted, _found(wanted, grid, sharp), strict=True):
            _EVENTS.put((law, grid, sharp), event)


@dataclass(frozen=True)
class Some:
    """Events of several lines together, each loss per event times how many there are.

    Parameters
    ----------
    number : float
        How many there are in all.
    spread : float
        How many of them are put on points by limited means.
    few, plain : Few or None
        As of one event.
    fine, half : arrays of n and n / 2, or None
        Of atoms what is on each point.
    """

    number: float = 0.0
    spread: float = 0.0
    few: Few | None = None
    plain: Few | None = None
    fine: Array | None = None
    half: Array | None = None

    @classmethod
    def of(cls, events: Sequence[tuple[float, Event]]) -> Some:
        """Of each event so many."""
        dense = [(number, event.few) for number, event in events if event.few is not None]
        small = [event for _, event in events if event.plain is not event.few]
        atoms = [] if len(dense) == len(events) else events
        few = together(dense)
        return cls(
            math.fsum([number for number, _ in events]),
            math.fsum([number for number, _ in dense]),
            few,
            together([(n, event.plain) for n, event in events if event.plain]) if small else few,
            _sum([number * event.fine for number, event in atoms if event.fine is not None]),
            _sum([number * event.half for number, event in atoms if event.half is not None]),
        )

    @classmethod
    def sum(cls, parts: Sequence[Some]) -> Some:
        """All of these, added up in their order."""
        few = together([(1.0, part.few) for part in parts if part.few is not None])
        small = [part for part in parts if part.plain is not part.few]
        return cls(
            math.fsum([part.number for part in parts]),
            math.fsum([part.spread for part in parts]),
            few,
            together([(1.0, part.plain) for part in parts if part.plain]) if small else few,
            _sum([part.fine for part in parts if part.fine is not None]),
            _sum([part.half for part in parts if part.half is not None]),
        )

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        held = (self.few, None if self.plain is self.few else self.plain, self.fine, self.half)
        return sum([x.nbytes for x in held if x is not None])

    def mass(self, grid: Grid, *, halved: bool) -> Array:
        """What is put on each point of a grid, or on each of half of them."""
        few, points = (self.plain, self.half) if halved else (self.few, self.fine)
        if few is None:
            return np.zeros(0) if points is None else points
        mass = _spread(few, grid, halved, self.spread)
        return mass if points is None else mass + points


def _sum(arrays: Sequence[Array]) -> Array | None:
    if not arrays:
        return None
    total = arrays[0]
    for other in arrays[1:]:
        total = total + other
    return total


def _found(laws: Sequence[Distribution], grid: Grid, sharp: bool) -> list[Event]:
    points = [atoms(law) for law in laws]
    dense = [law for law, own in zip(laws, points, strict=True) if own is None]
    levels = iter(few(dense, grid) if dense else ())
    found = [
        Event(max(law.mean - (level := next(levels)).end, 0.0), level, level)
        if own is None
        else _placed(own, grid)
        for law, own in zip(laws, points, strict=True)
    ]
    small = [i for i, law in enumerate(laws) if sharp and law.mean <= _SMALL * grid.step]
    small = [i for i in small if found[i].few is not None]
    for group in families([laws[i] for i in small]):
        mine = [small[i] for i in group]
        second = joined([laws[i] for i in mine]).second_lev(np.array([grid.range]))
        for i, own in zip(mine, np.ravel(second).tolist(), strict=True):
            found[i] = _sharpened(found[i], own, grid)
    return found


def _placed(points: Sequence[tuple[float, float]], grid: Grid) -> Event:
    on_points, end = place(points, grid), grid.range
    above = math.fsum(p * (value - end) for value, p in points if value > end)
    return Event(above, fine=on_points, half=grid.halved(on_points))


def _sharpened(event: Event, second: float, grid: Grid) -> Event:
    plain = event.plain
    assert plain is not None
    mass = _spread(plain, grid, False, 1.0)
    mass *= grid.step * share(mass, second, grid)
    mass[0] = 0.0
    mass[plain.kinks] = 0.0  # of what is rare and not smooth nothing is taken
    # where mass comes to a point from both its neighbours the mean up to there is larger
    return replace(event, few=plain.plus(mass, grid.points))
