# SPDX-License-Identifier: Apache-2.0
"""The joint law with one line or a few of them another: everything else is computed once.

Where one part of the register changes, its transform in each pattern is multiplied by what
everything else comes to. A part that is counted in a token has such transforms at a lattice of its
prices, and what everything else comes to at each: cells of prices are not walked again, and the law
is the one that would be made anew with as many cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import shared_by
from perilscope.engines.grids.grid import Transform
from perilscope.engines.joint import cells
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.cells import Cell, Coupled
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.means import Means
from perilscope.engines.joint.parts import Part, Rungs
from perilscope.engines.joint.prices import Beside, Places, Priced
from perilscope.engines.joint.side import Side, Weights
from perilscope.engines.kept import Kept
from perilscope.once import cached_property

FINE = 64
"""Cells of prices at least: what one line changes is much less than what they tell apart."""

_RESTS = 2**28
"""Most bytes kept of what parts are multiplied by."""

Array = npt.NDArray[np.float64]
Lines = Mapping[str, Compound]
Rest = Mapping[Rungs, Transform]
"""What a part's transform is multiplied by, by its state of prices."""


@dataclass(frozen=True)
class Figures:
    """VaR and CVaR of a law that differs a little from another, and the mean of its lines.

    Parameters
    ----------
    mean : float
        Of the lines alone, at today's prices; under other weights by as much as it moves.
    changed, before : SignedLaw
        With the other lines and without, on the finest grid.
    base : SignedLaw
        The law before, as well as it is known.
    rough : callable, optional
        ``changed`` and ``before`` with a quarter of the cells of prices.
    """

    mean: float
    changed: SignedLaw
    before: SignedLaw
    base: SignedLaw
    rough: Callable[[], tuple[SignedLaw, SignedLaw]] | None = None

    def var(self, level: float) -> float:
        """Value at risk."""
        return self.base.var(level) + self.changed.var(level) - self.before.var(level)

    def cvar(self, level: float) -> float:
        """Conditional value at risk."""
        return self.base.cvar(level) + self.changed.cvar(level) - self.before.cvar(level)

    def apart(self, level: float, other: Figures | None = None) -> float:
        """Estimate of the error that cells of prices leave in the change of CVaR, in money.

        What the change differs by with a quarter of the cells; 0 where nothing is counted in
        tokens. Measured, not a bound.

        Parameters
        ----------
        level : float
        other : Figures, optional
            Of the same law: what the change is from, instead of the lines as they are.
        """
        if self.rough is None:
            return 0.0
        changed, before = (law.cvar(level) for law in self.rough())
        if other is not None and other.rough is not None:
            before = other.rough()[0].cvar(level)
        start = self.before if other is None else other.changed
        return abs(self.changed.cvar(level) - start.cvar(level) - (changed - before))


class Replaced:
    """A joint law whose lines may be exchanged.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    mean : float
        Of the lines alone, at today's prices: what their mean is said to be before a change.
    """

    def __init__(self, joint: Joint, law: SignedLaw, mean: float) -> None:
        self.lines: Lines = joint.register.lines
        self._law, self._mean = law, mean
        count = max(joint.count, FINE)
        self._fine, self._rough = _Base(joint.celled(count)), _Base(joint.celled(count // 4))

    def with_(self, lines: Sequence[Compound]) -> _Other:
        """The same with some lines replaced, by key."""
        return _Other(self, self._changed(lines))

    def _changed(self, lines: Sequence[Compound]) -> dict[str, Compound]:
        return {x.key: x for x in lines if x is not self.lines[x.key]}

    def figures(self, changed: Lines) -> Figures:
        """What the law is with some lines replaced."""
        return self._figures(changed, self._fine.joint.weights, self._law)

    def under(self, lines: Sequence[Compound], weights: Weights, base: SignedLaw) -> Figures:
        """What the law is with some lines replaced and other weights of the interfaces' states.

        Parameters
        ----------
        lines : sequence of Compound
        weights : sequence of array
            One for each interface.
        base : SignedLaw
            The law under these weights with the lines as they are.
        """
        return self._figures(self._changed(lines), weights, base)

    def _figures(self, changed: Lines, weights: Weights, base: SignedLaw) -> Figures:
        other = Exchanged(self._fine.joint, changed)

        def rough() -> tuple[SignedLaw, SignedLaw]:
            less = Exchanged(self._rough.joint, changed, like=other)
            return self._rough.law(less, weights), self._rough.before(weights)

        law, before = self._fine.law(other, weights), self._fine.before(weights)
        mean = self._mean + other.moved(weights, today=True)
        return Figures(mean, law, before, base, rough if self._fine.joint.tokened else None)


class _Base:
    """A joint law as it is, and what its parts are multiplied by."""

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        self._rests: Kept[Rest] = Kept(_RESTS, lambda rest: sum(z.nbytes for z in rest.values()))
        self._groups: Kept[Places] = Kept(_RESTS, lambda rest: sum(z.nbytes for z in rest.values()))

    def before(self, weights: Weights) -> SignedLaw:
        """The law as it is, on the finest grid."""
        return self._known if weights is self.joint.weights else self._before(weights)

    @cached_property
    def _known(self) -> SignedLaw:
        return self._before(self.joint.weights)

    def _before(self, weights: Weights) -> SignedLaw:
        return self._read(self.joint.fine.total(weights), weights)

    def law(self, other: Exchanged, weights: Weights) -> SignedLaw:
        """The law with other lines."""
        if not other.touched:
            return self.before(weights)
        alone = len(other.touched) == 1 and weights is self.joint.weights
        total = self._one(other) if alone else other.side.total(weights)
        return self._read(total, weights, other.moved(weights))

    def _read(self, total: Transform, weights: Weights, moved: float = 0.0) -> SignedLaw:
        """A law from the transform of everything; its mean is that of the lines as they are and
        what it moves by.
        """
        window = self.joint.window
        mean, cut = self.joint.mean(weights)
        return SignedLaw(window, window.grid.back(total), mean=mean + moved, sd=math.nan, cut=cut)

    # --- one part of the register

    def _one(self, other: Exchanged) -> Transform:
        """Transform of everything where one part has other lines."""
        (c,) = other.touched
        if self.joint.parts[c].counted:
            return self._group(c, other)
        tables = self.joint.parts[c].table(self.joint.weights)
        own = other.own(c)
        total = np.zeros(self.joint.window.grid.points // 2 + 1, dtype=np.complex128)
        for rungs, rest in self._rest(c).items():
            total += (tables[rungs] @ own) * rest
        return total

    def _rest(self, c: int) -> Rest:
        return self._rests.get(c, lambda: self._found(c))

    def _found(self, c: int) -> Rest:
        side, weights, part = self.joint.fine, self.joint.weights, self.joint.parts[c]
        if part.coupled:
            outside = side.fixed(weights)
            moved = side.moved(weights, leave=c)
            return {rungs: rest * outside for rungs, rest in moved.items()}
        whole = sum(side.moved(weights).values(), np.zeros(1, dtype=np.complex128))
        return {(): whole * side.fixed(weights, leave=c)}

    # --- one group of a part that is counted in tokens

    def _group(self, c: int, other: Exchanged) -> Transform:
        """Transform of everything where lines of one group are others."""
        place = self.joint.tokened.index(c)
        ours, theirs = self.joint.priced[place].strands, other.priced[place].strands
        changed = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a is not b]
        if len(changed) != 1:
            return other.side.total(self.joint.weights)
        (group,) = changed
        total = np.zeros(self.joint.window.grid.points // 2 + 1, dtype=np.complex128)
        for (k, case), rest in self._beside_group(place, group).items():
            total += theirs[group].node(k)[case] * rest
        return total

    def _beside_group(self, place: int, group: int) -> Places:
        """What a group is multiplied by, at each price of its lattice and in each case."""
        return self._groups.get((place, group), lambda: self._gathered(place, group))

    def _gathered(self, place: int, group: int) -> Places:
        joint = self.joint
        found = Beside(joint.priced[place], np.multiply, [group])
        outside = joint.fine.fixed(joint.weights)
        for states in joint.alike:
            rests = {
                rungs: outside * joint.fine.in_money(joint.weights, rungs)
                for rungs in states
                if joint.chance(rungs) > 0.0
            }
            for cell in joint.cells(states[0]):
                found.add(cell.prices, *self._cell(place, cell, rests))
        return found.places[group]

    def _cell(
        self, place: int, cell: Cell, rests: Mapping[Rungs, Transform]
    ) -> tuple[dict[int, Transform], dict[str, dict[int, Transform]]]:
        """In one cell, by pattern: what a part and its slopes are multiplied by."""
        joint = self.joint
        at = [each.at(cell.prices) for each in joint.priced]
        flat: dict[int, Transform] = {}
        bent: dict[str, dict[int, Transform]] = {token: {} for token in at[place][1]}
        for rungs, rest in rests.items():
            tables = joint.tables(rungs)
            market = cell.transforms(joint.window, joint.losses(rungs))
            one, slopes = cells.beside(cells.mixed(tables, at), place, market)
            for j in np.flatnonzero(tables[place]).tolist():
                mine = float(tables[place][j]) * rest
                flat[j] = flat[j] + mine * one if j in flat else mine * one
                for token, slope in slopes.items():
                    here = bent[token]
                    here[j] = here[j] + mine * slope if j in here else mine * slope
        return flat, bent


@dataclass(frozen=True)
class _At:
    """What tokens cost under a state of prices, as `perilscope.engines.joint.means` asks it."""

    prices: Mapping[str, float]
    offs: Sequence[Array]


class Exchanged:
    """A joint law with other lines, its window and cells of prices as they were.

    Parameters
    ----------
    joint : Joint
    changed : mapping of Compound
        The other lines.
    like : Exchanged, optional
        The same lines on the same window with other cells; what these do not touch is shared.
    """

    def __init__(self, joint: Joint, changed: Lines, like: Exchanged | None = None) -> None:
        self._joint = joint
        self.touched = tuple(c for c, x in enumerate(joint.parts) if changed.keys() & set(x.keys))
        self._lines = {**joint.register.lines, **changed}
        self._markets: dict[Rungs, Coupled] = {}
        self._like = like
        self._money: dict[int, Any] = {} if like is None else like._money
        self._offs: dict[Rungs, list[Array]] = {}

    @cached_property
    def priced(self) -> list[Priced]:
        """What is counted in tokens; what did not change keeps what it knows."""
        if self._like is not None:
            return self._like.priced
        joint = self._joint
        return [
            each.with_(self._lines) if c in self.touched else each
            for c, each in zip(joint.tokened, joint.priced, strict=True)
        ]

    def own(self, c: int) -> Any:
        """Transforms by pattern of a part that is counted in money."""
        if c not in self._money:
            joint = self._joint
            self._money[c] = joint.parts[c].transforms(joint.fine.transforms, self._lines)
        return self._money[c]

    # --- several parts at once, or other weights

    @cached_property
    def side(self) -> Side:
        """Everything on the grid."""
        parts = {c: self._part(c) for c in self.touched}
        dear = not set(self._joint.tokened).isdisjoint(self.touched)
        return self._joint.fine.with_(self._lines, parts, self._market if dear else None)

    def _part(self, c: int) -> Part:
        """A part without beliefs that its lines no longer share."""
        part = self._joint.parts[c]
        if part.component is None or not part.component.shared:
            return part
        left = {b for key in part.keys for b in shared_by(self._lines[key].beliefs)}
        shared = tuple(belief for belief in part.component.shared if belief in left)
        return replace(part, component=replace(part.component, shared=shared))

    def _market(self, rungs: Rungs, plain: bool) -> Transform:
        if rungs not in self._markets:
            self._markets.update(self._joint.coupled(rungs, self.priced))
        return self._markets[rungs].read(plain)

    # --- means

    def moved(self, weights: Weights, *, today: bool = False) -> float:
        """By how much the mean of the lines moves, at the prices of the scenarios or today's."""

        def mean(means: Means, c: int) -> float:
            return means.today(c, weights) if today else means.part(c, weights)

        new, old = self._means, self._joint.means
        return math.fsum(mean(new, c) - mean(old, c) for c in self.touched)

    @cached_property
    def _means(self) -> Means:
        """Means of what changes."""
        mine = [key for c in self.touched for key in self._joint.parts[c].keys]
        return self._joint.means_of({key: self._lines[key] for key in mine}, self._prices)

    def _prices(self, rungs: Rungs) -> _At:
        """What tokens cost under a state of prices."""
        if rungs not in self._offs:
            self._offs[rungs] = self._off(rungs)
        return _At(self._joint.market(rungs).prices, self._offs[rungs])

    def _off(self, rungs: Rungs) -> list[Array]:
        """By how much parts that change are off their price times today's mean, by pattern."""
        offs = [np.zeros(len(each.part.patterns)) for each in self.priced]
        places = [place for place, c in enumerate(self._joint.tokened) if c in self.touched]
        for cell in self._joint.cells(rungs):
            for each in places:
                own = self.priced[each]
                offs[each] += float(cell.mass.sum()) * own.off(cell.prices)
        return offs


@dataclass(frozen=True)
class _Other:
    """A joint law with some lines replaced, not computed yet."""

    replaced: Replaced
    changed: Lines

    def law(self) -> Figures:
        """Its figures."""
        return self.replaced.figures(self.changed)
