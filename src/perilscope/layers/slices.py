# SPDX-License-Identifier: Apache-2.0
"""A horizon in slices as values: its chains, on a window that holds what they may lose and gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.regimes import Regimes
from perilscope.engines.grids.grid import spread
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.networks.network import Network, Node
from perilscope.engines.slices.chain import Chain, Places
from perilscope.engines.slices.paths import Sale, Walk
from perilscope.engines.slices.reach import reach

Floats = NDArray[np.float64]
States = tuple[str, ...]
Way = tuple[Any, tuple[str, ...]]
"""A market, by what makes it, and the costs that are met on the way."""

SURE = 1e-7
"""Probability that the window may cut off, where it can be fine enough all the same."""
_SURE = (SURE, 1e-6, 1e-5, 1e-4)
_ENOUGH = 4
"""By how much fewer points than wanted may do."""
_HELD = 1e-13
_USUAL, _MOST, _LOOK = 2**15, 2**17, 2**11
_FINE = 400.0
_ALIGNED = 64
_WIDENINGS = 40


@dataclass(frozen=True)
class Held:
    """What is held and how its prices moved, over as many days as a slice has.

    Parameters
    ----------
    values : mapping of asset to money
    moves : array, shape (n, assets)
        Past returns over ``days`` days, their mean taken off.
    days : int
    """

    values: Mapping[str, float]
    moves: Floats
    days: int


NOTHING_HELD = Held({}, np.zeros((1, 0)), 1)


@dataclass(frozen=True)
class Seen:
    """What the moves of an asset say of the market's regime."""

    asset: str
    states: States
    found: Regimes
    days: int


@dataclass(frozen=True)
class Slices:
    """Chains of a book over its horizon: one for each value of what is believed.

    Parameters
    ----------
    nodes : tuple of str
        The nodes that matter: those with children in the next slice, and those that cost.
    states : tuple of tuple of str
        Their joint states, in the order of the chain.
    first : Network
        All nodes before the first slice, with what was seen of them.
    chains : tuple of (weight, Chain)
    slices : int
    notes : tuple of str
    walks : tuple of (weight, Walk)
        The same, to be drawn path by path.
    """

    nodes: tuple[str, ...]
    states: tuple[States, ...]
    first: Network
    chains: tuple[tuple[float, Chain], ...]
    slices: int
    notes: tuple[str, ...] = ()
    walks: tuple[tuple[float, Walk], ...] = ()

    def chance(self, law: Floats, node: str, state: str) -> float:
        """Probability of a state of one node under a law of the joint states."""
        at = self.nodes.index(node)
        return math.fsum(
            p for p, states in zip(law.tolist(), self.states, strict=True) if states[at] == state
        )

    def starting(self, node: str, state: str) -> Slices:
        """The same where one node is known before the first slice."""
        own = self.first.node(node)
        sure = np.array([float(s == state) for s in own.states])
        first = self.first.replaced(Node(node, own.states, (), sure))
        start = start_of(first, self.nodes)
        return replace(self, first=first, chains=tuple((w, c.from_(start)) for w, c in self.chains))

    def apart(self) -> Slices:
        """The same where each node keeps its own course and forgets those of the others.

        Each node goes from state to state as often as before, whatever the others do: its chances
        given its own state alone, on average over the horizon.
        """
        chain = self.chains[0][1]
        visits = chain.visits(self.slices)
        sizes = [len(self.first.node(node).states) for node in self.nodes]
        count = len(self.nodes)
        joint = visits.reshape(*sizes, *sizes)
        matrix, start = np.ones((1, 1)), np.ones(1)
        for k in range(count):
            others = tuple(i for i in range(2 * count) if i not in (k, count + k))
            own = joint.sum(axis=others)
            mass = own.sum(axis=1, keepdims=True)
            rows = np.divide(own, mass, out=np.eye(sizes[k]), where=mass > 0.0)
            matrix = np.kron(matrix, rows)
            rest = tuple(i for i in range(count) if i != k)
            start = np.kron(start, chain.start.reshape(sizes).sum(axis=rest))
        start = start / start.sum()
        matrix = matrix / matrix.sum(axis=1, keepdims=True)
        chains = tuple((w, replace(c, start=start, transition=matrix)) for w, c in self.chains)
        walks = tuple((w, replace(walk, transition=matrix)) for w, walk in self.walks)
        return replace(self, chains=chains, walks=walks)


@dataclass(frozen=True)
class Steps:
    """Everything about a chain but the window it stands on.

    Parameters
    ----------
    start, matrix : arrays
        Of the joint states.
    kinds : array of int
        The way of losing of each step.
    ways : tuple
    markets : mapping of array
        By what makes a market, its losses, equally likely.
    """

    start: Floats
    matrix: Floats
    kinds: NDArray[np.int64]
    ways: tuple[Way, ...]
    markets: Mapping[Any, Floats]

    def chain(self, costs: Mapping[str, Distribution], places: Places) -> Chain:
        """The chain on a window, where costs have these laws."""
        laws: dict[Any, int] = {}
        masses: list[Floats] = []

        def place(key: Any, make: Callable[[], Floats]) -> int:
            if key not in laws:
                laws[key] = len(masses)
                masses.append(make())
            return laws[key]

        def market(key: Any) -> Floats:
            losses = self.markets[key]
            return places.mass(losses, 1.0 / len(losses))

        rows = [
            (
                place(key, lambda key=key: market(key)),  # type: ignore[misc]
                *(place(k, lambda k=k: severity(costs[k], places)) for k in met),  # type: ignore[misc]
            )
            for key, met in self.ways
        ]
        laws_on = np.stack(masses)
        own = {key: float(np.mean(losses)) for key, losses in self.markets.items()}
        own |= {key: float(law.mean) for key, law in costs.items()}
        means = np.array([own[key] for key in laws])  # in the order in which they were placed
        # a mean that the window holds is left alone: its last bits are those of the masses
        lacks = laws_on.sum(axis=1) < 1.0 - _HELD
        beyond = np.where(lacks, means - laws_on @ places.amounts, 0.0)
        ways = tuple(rows)
        return Chain(self.start, self.matrix, self.kinds, ways, laws_on, places, beyond)

    def walk(
        self, costs: Mapping[str, Distribution], held: Held, hold: bool, sale: Sale | None
    ) -> Walk:
        """The same, to be drawn path by path."""
        assets = len(held.values)
        flat = [np.array(key[1]).reshape(assets, 2) for key, _ in self.ways]
        return Walk(
            self.matrix,
            self.kinds,
            np.array([key[0] for key, _ in self.ways]),
            np.stack([each[:, 0] for each in flat]),
            np.stack([each[:, 1] for each in flat]),
            tuple(met for _, met in self.ways),
            costs,
            np.array(list(held.values.values())),
            held.moves,
            hold,
            sale,
        )


def window(
    steps: Steps, worlds: Sequence[Mapping[str, Distribution]], slices: int
) -> tuple[Places, float]:
    """A window wide enough that hardly anything is cut off, and fine against the spread of the law.

    Returns
    -------
    (Places, float)
        And at most how probable it is to lie beyond it.
    """
    for sure in _SURE:
        low, high, beyond = _range(steps, worlds, slices, sure)
        look = _places(low, high, _LOOK)
        sums = np.cumsum(steps.chain(worlds[0], look).mass(slices))
        ends = [look.amounts[min(int(np.searchsorted(sums, a)), _LOOK - 1)] for a in (0.5, 0.95)]
        # where the look is too coarse to tell, a finer one is wanted
        scale = max(float(ends[1] - ends[0]), look.step)
        points = 2 ** math.ceil(math.log2((low + high) / (scale / _FINE)))
        if points <= _ENOUGH * _MOST and scale > look.step:
            break
    return _places(low, high, int(min(max(points, _USUAL), _MOST))), beyond


def _range(
    steps: Steps, worlds: Sequence[Mapping[str, Distribution]], slices: int, sure: float
) -> tuple[float, float, float]:
    """How far a window reaches below and above zero, and how probable it is to lie beyond."""
    most = max(float(np.abs(x).max()) for x in steps.markets.values())
    each = max((law.mean for costs in worlds for law in costs.values()), default=0.0)
    low = high = max(most, each, 1.0) * 2.0
    for _ in range(_WIDENINGS):
        cut = [reach(steps.chain(costs, _places(low, high, _LOOK)), slices) for costs in worlds]
        below, above = max(c.below for c in cut), max(c.above + c.single for c in cut)
        if below <= sure and above <= sure:
            break
        low *= 1.5 if below > sure else 1.0
        high *= 1.5 if above > sure else 1.0
    return low, high, below + above


def severity(law: Distribution, places: Places) -> Floats:
    """A loss that is never negative on a window, its limited means kept."""
    above = places.points - places.zero
    level = np.asarray(law.lev(np.arange(above + 1) * places.step), dtype=np.float64)
    mass = np.zeros(places.points)
    mass[places.zero :] = spread(level, places.step)
    return mass


def _places(low: float, high: float, points: int) -> Places:
    step = (low + high) / (points - 2 * _ALIGNED)
    zero = _ALIGNED * math.ceil(low / step / _ALIGNED)  # so that it is a point of coarser windows
    return Places(step, points, zero)


def start_of(first: Network, nodes: Sequence[str]) -> Floats:
    """Law of the joint states of some nodes that have no parents; the last changes fastest."""
    law: Floats = np.ones(1)
    for name in nodes:
        node = first.node(name)
        assert isinstance(node, Node)
        law = np.asarray(np.kron(law, node.table), dtype=np.float64)
    return np.asarray(law / law.sum(), dtype=np.float64)
