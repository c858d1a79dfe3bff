# SPDX-License-Identifier: Apache-2.0
"""The law of a register as points and their probabilities, for sums of something smooth over it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_RARE, _WIDER, _MOST = 1e-8, 8, 2**16
"""Chance of lying beyond a grid from which a wider one is read too, how much wider that is, and its
points at most."""
_UNSEEN, _NEARLY = 1e-13, 0.99


@dataclass(frozen=True, eq=False)
class _Reading:
    """A register on one of its grids: probabilities by which sums of something smooth over the law
    are right, others whose difference from these tells the error, and how far the grid is read.
    """

    register: Register
    mass: Array
    worse: Array
    read: Array

    @property
    def places(self) -> Array:
        """Points above zero."""
        return self.register.grid.places[1:]


class Readings:
    """The law of a sum by points above zero and their probabilities.

    Parameters
    ----------
    register : Register
        The lines of the sum.

    Notes
    -----
    Each grid of the register gives way to the next where it ends, so gradually that sums of
    something smooth over both are as good as over one. What lies beyond the last stands at its
    mean.
    """

    def __init__(self, register: Register) -> None:
        self._register = register

    @cached_property
    def _all(self) -> list[_Reading]:
        found: list[_Reading] = []
        ends: list[float] = []
        *narrow, widest = _grids(self._register)
        for register in (*narrow, widest):
            places = register.grid.places[1:]
            read = np.ones(places.size)
            for end in ends:  # what all before have left
                read *= 1.0 - _fading(places, end)
            if register is not widest:
                ends.append(register.grid.range)
                read *= _fading(places, ends[-1])
            found.append(_Reading(register, *_masses(register), read))
        return found

    def law(self, effort: int) -> tuple[Array, Array]:
        """Points and their probabilities; with effort 1 those whose difference tells the error."""
        places = [x.places for x in self._all] + [self._end[0]]
        chances = [x.read * (x.mass if effort > 1 else x.worse)[1:] for x in self._all]
        return np.concatenate(places), np.concatenate([*chances, self._end[1]])

    @cached_property
    def _end(self) -> tuple[Array, Array]:
        """What lies beyond all grids, at its mean; empty arrays where nothing does."""
        grid, mass = self._all[-1].register.grid, self._all[-1].mass
        beyond = 1.0 - float(mass.sum())
        left = math.fsum(self._register.means.values()) - float(mass @ grid.places)
        if beyond > _UNSEEN and grid.range * beyond < left < math.inf:
            return np.array([left / beyond]), np.array([beyond])
        return np.zeros(0), np.zeros(0)

    def shares(self) -> Iterator[tuple[str, Array, Array]]:
        """By line, several times each: points s, and E[X_i; sum = s] / s."""
        for x in self._all:
            for key, size in x.register.sizes():
                yield key, x.places, x.read * size[1:] / x.places
                if x is self._all[-1]:
                    end = self._end[0]
                    yield key, end, (self._register.means[key] - float(size.sum())) / end


def _fading(places: Array, end: float) -> Array:
    """One, falling to zero towards the end of a grid."""
    t = np.clip(np.log(2.0 * places / end) / math.log(2.0 * _NEARLY), 0.0, 1.0)
    return np.asarray(1.0 - t**3 * (10.0 + t * (6.0 * t - 15.0)))


def _grids(register: Register) -> Iterator[Register]:
    """The register on each of its grids, the narrowest first, and on one far wider."""
    yield from register.rungs.values()
    yield register
    if 1.0 - float(_law(register, register.fine).sum()) > _RARE:
        grid = register.grid
        count = max(grid.points, min(_WIDER * grid.points, _MOST))
        yield register.on(replace(grid, step=_WIDER * grid.range / count, points=count))


def _masses(register: Register) -> tuple[Array, Array]:
    """Probabilities on the grid, for figures and for what tells their error."""
    facts, fine = register.facts, _law(register, register.fine)
    if register.grid.lattice:
        return fine, fine
    mass = _without_step(fine, _law(register, register.coarse)) if facts.even else fine
    many = facts.certain and facts.events > 0.0
    return mass, fine if many else _apart(_worse(register))


def _worse(register: Register) -> Array:
    """On half the points a law that is worse by about what a step twice as wide leaves."""
    grid = register.coarse.grid
    if not register.facts.even:  # atoms may happen to be as far from points twice as far apart
        return _apart(grid.halved(_law(register, register.rough)))
    if register.facts.events > 0.0:  # on wider steps lines of very many events are another law
        return _law(register, register.rough)
    half, quarter = (Transforms(grid, effort=1, halved=halved) for halved in (False, True))
    return _without_step(_law(register, half), _law(register, quarter))


def _law(register: Register, transforms: Transforms) -> Array:
    """Probabilities on the points of a grid."""
    return transforms.grid.back(transforms.sum(register.components, register.lines))


def _without_step(fine: Array, half: Array) -> Array:
    """Probabilities for sums without the part of the error that falls with the step's square.

    Richardson's extrapolation of what a sum of something smooth is on a grid and on half of it.
    """
    found: Array = (4.0 * fine - _apart(half)) / 3.0
    return found


def _apart(half: Array) -> Array:
    """A law on every other point as one on all of them."""
    found = np.zeros(2 * half.size)
    found[::2] = half
    return found
