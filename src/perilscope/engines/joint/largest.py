# SPDX-License-Identifier: Apache-2.0
"""The largest single loss of the horizon where the market is one of them.

The market's loss over the horizon counts as one event beside the others: what is asked is
max(0, market, largest event of any line). Given the joint state of what moves prices all of them
are independent, so their distribution functions multiply; losses counted in tokens are priced by
the market's scenario, so there the product stands inside the sum over scenarios.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.largest import Case, LargestLaw, Maximum, cases_of
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.joint import cells
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.parts import Part, Rungs
from perilscope.engines.laws.jumps import atoms
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Given = tuple[Component, tuple[Case, ...]]
"""A component with its lines for each value of what they share."""

EACH = 256
"""Scenarios that are taken one by one; more are gathered into as many cells of prices."""
_LATTICE = 2**12
_DEEP = 1e-7
_REACHED = 1.0 - 1e-9


def largest(joint: Joint, *, effort: int = 2) -> JointLargest:
    """Law of the largest of the market's loss and all single events.

    Parameters
    ----------
    joint : Joint
    effort : int
        2 for figures; 1, with fewer values of beliefs and cells of prices, tells their error.

    Returns
    -------
    JointLargest

    Notes
    -----
    Exact, but for losses counted in tokens under more scenarios than are taken one by one: these
    are gathered into cells narrow in price, each taken at its mean price *given* what the market
    has lost, which leaves an error of the square of a cell's width.

    Examples
    --------
    A market that loses 4 or gains 4, and one event in ten years that costs 3:

    >>> from perilscope.engines.aggregate.compound import Compound
    >>> from perilscope.engines.laws.counts import Binomial
    >>> from perilscope.engines.laws.distributions import Constant
    >>> from perilscope.engines.grids.grid import Grid
    >>> from perilscope.engines.joint.window import Window
    >>> from perilscope.engines.aggregate.register import Register
    >>> from perilscope.engines.joint.parts import Scenarios
    >>> class Coin(Scenarios):
    ...     names, weights = ("coin",), np.array([0.5, 0.5])
    ...     def parts(self, rungs): return np.array([[4.0], [-4.0]])
    ...     def prices(self, rungs): return {}
    >>> line = Compound("theft", lambda theta, years: (Binomial(1, 0.1), Constant(3.0)))
    >>> law = largest(Joint(Register([line]), [], Coin(), wide=Window(Grid(1.0, 64), 16)))
    >>> law.exceed(0.0), law.exceed(3.0), law.var(0.95)
    (0.55, 0.5, 4.0)
    """
    tables = [part.table(joint.weights) for part in joint.parts]
    cases = [
        ()
        if part.component is None or part.counted
        else cases_of(part.component, joint.register.lines, effort)
        for part in joint.parts
    ]
    free = [c for c, part in enumerate(joint.parts) if not part.coupled]
    outside = _law([_given(joint.parts[c], tables[c][()], cases[c]) for c in free])
    states = [
        found
        for rungs in joint.markets
        if (found := _state(joint, rungs, tables, cases, effort)) is not None
    ]
    believed = any(line.beliefs for line in joint.register.lines.values())
    rougher = effort > 1 and (joint.tokened or believed)
    return JointLargest(
        outside, tuple(states), (lambda: largest(joint, effort=1)) if rougher else None
    )


def _state(
    joint: Joint,
    rungs: Rungs,
    tables: Sequence[Mapping[Rungs, Array]],
    cases: Sequence[tuple[Case, ...]],
    effort: int,
) -> _State | None:
    """One state of prices; None where it cannot be."""
    money: list[Given] = []
    chance = 1.0
    for c, part in enumerate(joint.parts):
        if not part.coupled:
            continue
        mine = tables[c][joint.rungs_of(c, rungs)]
        whole = math.fsum(mine.tolist())
        if not whole > 0.0:
            return None
        chance *= whole
        if part.component is not None and not part.counted:
            money.append(_given(part, mine / whole, cases[c]))
    losses, weights = joint.losses(rungs), joint.scenarios.weights
    if not joint.tokened:
        order = np.argsort(losses)
        market: _Market = _Alone(losses[order], weights[order])
    else:
        market = _priced(joint, rungs, effort)
    return _State(chance, _law(money), market)


def _given(part: Part, chances: Array, cases: tuple[Case, ...]) -> Given:
    """A part with its patterns as likely as they are."""
    assert part.component is not None
    if not part.interfaces:
        return part.component, cases
    pairs = zip(chances.tolist(), part.patterns, strict=True)
    states = tuple((p, pattern) for p, pattern in pairs if p > 0.0)
    return replace(part.component, listed=states), cases


def _law(given: Sequence[Given]) -> LargestLaw:
    return LargestLaw(tuple(part for part, _ in given), tuple(cases for _, cases in given))


@dataclass(frozen=True)
class _State:
    """One state of prices: its probability, the losses in money that it moves, the market."""

    chance: float
    law: LargestLaw
    market: _Market


class JointLargest(Maximum):
    """Law of max(0, market, largest event).

    Parameters
    ----------
    outside : LargestLaw
        Of lines that no state of prices touches.
    states : tuple
        States of prices.
    rougher : callable, optional
        Makes the same law with less effort.
    """

    def __init__(
        self,
        outside: LargestLaw,
        states: tuple[_State, ...],
        rougher: Callable[[], Maximum] | None = None,
    ) -> None:
        self._outside, self._states, self.rougher = outside, states, rougher

    def cdf(self, x: Any) -> Array:
        """P(largest <= x), any shape."""
        at = np.asarray(x, dtype=np.float64)
        flat, back = np.unique(np.maximum(at.ravel(), 0.0), return_inverse=True)
        found = np.zeros_like(flat)
        for state in self._states:
            found += state.chance * state.law.cdf(flat) * state.market.below(flat)
        found *= self._outside.cdf(flat)
        return np.where(at >= 0.0, np.minimum(found, 1.0)[back].reshape(at.shape), 0.0)

    def standard_error(self, x: Any) -> Array:
        """Standard error from the number of scenarios, any shape; at most that where several states
        of prices share scenarios, whose errors are added.
        """
        at = np.asarray(x, dtype=np.float64)
        flat, back = np.unique(np.maximum(at.ravel(), 0.0), return_inverse=True)
        found = np.zeros_like(flat)
        for state in self._states:
            found += state.chance * state.law.cdf(flat) * state.market.standard_error(flat)
        return np.asarray((found * self._outside.cdf(flat))[back].reshape(at.shape))


class _Market(ABC):
    """P(the market and what is counted in tokens lose no more than x, each)."""

    weights: Array
    """Of the scenarios."""

    def below(self, x: Array) -> Array:
        """At losses in rising order."""
        return self.moments(x)[0]

    @abstractmethod
    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean over scenarios of that chance given each, and mean of its square."""

    def standard_error(self, x: Array) -> Array:
        """What the number of scenarios leaves open of the mean."""
        mean, square = self.moments(x)
        number = float(self.weights.sum()) ** 2 / float(self.weights @ self.weights)
        return np.asarray(np.sqrt(np.maximum(square - mean**2, 0.0) / number))


@dataclass(frozen=True)
class _Alone(_Market):
    """Nothing is counted in tokens."""

    losses: Array
    weights: Array

    @cached_property
    def _reached(self) -> Array:
        return np.concatenate([[0.0], np.cumsum(self.weights)])

    def moments(self, x: Array) -> tuple[Array, Array]:
        mean = self._reached[np.searchsorted(self.losses, x, side="right")]
        return mean, mean  # a scenario loses more or does not


@dataclass(frozen=True)
class _Priced(_Market):
    """Scenarios by cell of prices, in rising order of loss, and each part in tokens in its kinds
    of states.
    """

    losses: Array
    weights: Array
    labels: npt.NDArray[np.int64]
    parts: tuple[tuple[tuple[Array, ...], tuple[_Kind, ...]], ...]
    """Prices of each group in a token by scenario, and the kinds."""

    def moments(self, x: Array) -> tuple[Array, Array]:
        many = int(self.labels.max()) + 1
        reached = np.searchsorted(self.losses, x, side="right")
        at = np.repeat(np.arange(x.size), np.diff(reached, prepend=0)) * many
        at += self.labels[: at.size]

        def added(weights: Array) -> Array:
            """By loss and cell, the scenarios that lose no more."""
            found = np.bincount(at, weights[: at.size], x.size * many)
            return np.asarray(np.cumsum(found.reshape(-1, many), axis=0, dtype=np.float64))

        mass = added(self.weights)
        found = mass.copy()
        for prices, kinds in self.parts:
            means = [added(self.weights * each) for each in prices]
            places = [
                np.divide(x[:, None] * mass, mean, out=np.zeros_like(mass), where=mean > 0.0)
                for mean in means
            ]
            found *= sum(kind.below(x, places) for kind in kinds)
        given = np.divide(found, mass, out=np.zeros_like(mass), where=mass > 0.0)
        return found.sum(axis=1), (found * given).sum(axis=1)


@dataclass(frozen=True)
class _Table:
    """A distribution function on a fine lattice of logarithms, its steps kept."""

    logs: Array
    values: Array
    none: float

    def at(self, y: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.interp(np.log(y), self.logs, self.values, left=self.none)


@dataclass(frozen=True)
class _Kind:
    """Given what the groups of a part share: their laws in tokens at today's prices, and the law of
    what is in money.
    """

    weight: float
    tables: tuple[_Table, ...]
    money: tuple[LargestLaw, ...]

    def below(self, x: Array, places: Sequence[Array]) -> Array:
        """Its weight times the chance of no more than x, at x over the price of each table."""
        found = np.full((x.size, 1), self.weight)
        for law in self.money:
            found = found * law.cdf(x)[:, None]
        for table, at in zip(self.tables, places, strict=True):
            found = found * table.at(at)
        return np.asarray(found)


def _kinds(joint: Joint, place: int, chances: Array, effort: int) -> tuple[_Kind, ...]:
    """The kinds of states in which the groups of a part are independent.

    Parameters
    ----------
    place : int
        Among the parts that are counted in tokens.
    chances : array, shape (patterns,)
    effort : int
    """
    priced = joint.priced[place]
    groups = [strand.group for strand in priced.groups]
    laws: dict[tuple[int, int], LargestLaw] = {}
    tables: dict[tuple[int, int], _Table] = {}

    def law(i: int, case: int) -> LargestLaw:
        if (i, case) not in laws:
            one, lines = groups[i].at(groups[i].cases[case], joint.register.lines)
            laws[i, case] = _law([(one, cases_of(one, lines, effort))])
        return laws[i, case]

    def table(i: int, case: int) -> _Table:
        if (i, case) not in tables:
            tables[i, case] = _tabled(law(i, case))
        return tables[i, case]

    found = []
    for chance, rows in zip(chances.tolist(), priced.rows, strict=True):
        for row in rows if chance > 0.0 else ():
            pairs = list(enumerate(row.cases))
            money = tuple(law(i, c) for i, c in pairs if not groups[i].token)
            counted = tuple(table(i, c) for i, c in pairs if groups[i].token)
            found.append(_Kind(chance * row.weight, counted, money))
    return tuple(found)


def _priced(joint: Joint, rungs: Rungs, effort: int) -> _Priced:
    losses, weights = joint.losses(rungs), joint.scenarios.weights
    prices = joint.prices(rungs)
    few = EACH if effort > 1 else EACH // 4
    if len(losses) <= few:
        labels = np.arange(len(losses))
    else:
        chosen = {token: prices[token] for token in joint.matter}
        labels = cells.labelled(chosen, joint.matter, few)
    order = np.argsort(losses)
    parts = []
    for place, table in enumerate(joint.tables(rungs)):
        tokens = [strand.token for strand in joint.priced[place].groups if strand.token]
        kinds = _kinds(joint, place, table / math.fsum(table.tolist()), effort)
        parts.append((tuple(prices[token][order] for token in tokens), kinds))
    return _Priced(losses[order], weights[order], labels[order], tuple(parts))


def _tabled(law: LargestLaw) -> _Table:
    none = law.none
    top = law.var(_REACHED) if none < _REACHED else 1.0
    lattice = top * np.geomspace(_DEEP, 1.0, _LATTICE)
    steps = np.array(sorted({x for x in _jumps(law) if 0.0 < x <= top}))
    places = np.unique(np.concatenate([lattice, steps, np.nextafter(steps, 0.0)]))
    return _Table(np.log(places), law.cdf(places), none)


def _jumps(law: LargestLaw) -> set[float]:
    """Where its distribution function steps: amounts that have a chance of their own, and caps."""
    found: set[float] = set()
    for part, cases in zip(law.components, law.cases, strict=True):
        for unit in part.units:
            found |= {unit.cap} if unit.capped else set()
            for _, _, lines in cases:
                for each in (each for key in unit.keys for each in lines[key]):
                    found |= {min(x, unit.cap) for x, _ in atoms(each.severity) or ()}
    return found
