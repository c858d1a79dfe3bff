# SPDX-License-Identifier: Apache-2.0
"""What network states do to prices: scenario sets, one for each joint state, with its probability.

A set holds the past moves of all holdings with the shocks of its state on top. New evidence changes
the probabilities of the sets and nothing else, so measures of the mixture are a re-weighting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.beliefs.law import point
from perilscope.book import Book
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError
from perilscope.layers.drivers import Drivers, Ladder

Floats = NDArray[np.float64]
Shocks = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]
"""Network -> node -> state -> token -> relative change of price."""
Interval = tuple[float, float]

DAYS_A_YEAR = 365.25
MOST_SETS = 256
"""Joint states of the nodes that move prices."""
REPETITIONS = 200
"""Resampled histories behind an interval of a mixture."""


@dataclass(frozen=True)
class ScenarioSet:
    """Past moves of all holdings under one joint state of the nodes that move prices.

    Parameters
    ----------
    probability : float
        Of the state over the days of the moves.
    factors : array, shape (k,)
        What the state multiplies each price by, 1 where it does nothing.

    Examples
    --------
    Prices that rose by 10 % and are halved by a state: 100 held become 55.

    >>> fall = ScenarioSet(0.02, np.array([0.5]))
    >>> fall.parts(np.array([[0.1]]), np.array([100.0])).round(9).tolist()
    [[45.0]]
    """

    probability: float
    factors: Floats

    def parts(self, moves: Floats, values: Floats) -> Floats:
        """Loss of each holding in each scenario, shape (n, k), positive for a loss."""
        return np.asarray(-values * ((1.0 + moves) * self.factors - 1.0))


def shocks_of(book: Book) -> Shocks:
    """What the networks of a book say a state does to prices, as numbers."""
    return {
        name: {
            node: {
                state: {token: point(change) for token, change in tokens.items()}
                for state, tokens in states.items()
            }
            for node, states in network.shocks.items()
        }
        for name, network in book.networks.items()
        if network.shocks
    }


def scenario_sets(
    drivers: Drivers,
    shocks: Shocks,
    values: Mapping[str, float],
    days: int,
    note: Callable[[str], None] = lambda _text: None,
) -> tuple[ScenarioSet, ...]:
    """The joint states of the nodes that move what is held, each with its probability.

    Parameters
    ----------
    drivers : Drivers
        Networks are independent of each other; within one, the joint law over the days is used.
    shocks : mapping
        Network -> node -> state -> token -> relative change of price. Shocks of several nodes on
        one token multiply. Of several states that a node passes through within the days, the one
        that costs this portfolio most counts.
    values : mapping of asset to money
    days : int
    note : callable
        Told what a reader must know about the conversion to the days, if anything.

    Raises
    ------
    AssessmentError
        More joint states than can be listed, or a shock on a node that does not exist.

    Examples
    --------
    >>> from perilscope.engines.networks.elimination import Network, Node
    >>> from perilscope.layers.networks import Driver
    >>> peg = Driver(Network((Node("depeg", ("no", "yes"), (), [0.98, 0.02]),)))
    >>> shocks = {"peg": {"depeg": {"yes": {"USDC": -0.12}}}}
    >>> for s in scenario_sets(Drivers({"peg": peg}), shocks, {"USDC": 1e6}, days=10):
    ...     print(f"{s.probability:.6f}", s.factors)
    0.999447 [1.]
    0.000553 [0.88]
    """
    assets = tuple(values)
    sets: dict[tuple[float, ...], float] = {(1.0,) * len(assets): 1.0}
    for net, nodes in shocks.items():
        ladders = [
            (node, ladder(drivers, net, node, states, values)) for node, states in nodes.items()
        ]
        law = drivers.over(net, ladders, days / DAYS_A_YEAR)
        if law.note:
            note(law.note)
        merged: dict[tuple[float, ...], float] = {}
        for rungs in np.ndindex(*law.table.shape):
            chance = float(law.table[rungs])
            if chance <= 0.0:
                continue
            states = [groups[rung][0] for (_, groups), rung in zip(ladders, rungs, strict=True)]
            changes = [
                nodes[node].get(state, {}) for (node, _), state in zip(ladders, states, strict=True)
            ]
            for before, known in sets.items():
                after = tuple(
                    factor * math.prod(1.0 + change.get(asset, 0.0) for change in changes)
                    for asset, factor in zip(assets, before, strict=True)
                )
                merged[after] = merged.get(after, 0.0) + known * chance
        sets = merged
        if len(sets) > MOST_SETS:
            raise AssessmentError(f"more than {MOST_SETS} joint states move prices")
    return tuple(ScenarioSet(p, np.array(factors)) for factors, p in sets.items())


def ladder(
    drivers: Drivers,
    net: str,
    node: str,
    states: Mapping[str, Mapping[str, float]],
    values: Mapping[str, float],
) -> Ladder:
    """States of a node, those that move nothing together at the bottom, the costliest on top."""
    every = drivers.driver(net).states(node)
    calm = tuple(s for s in every if s not in states)

    def cost(state: str) -> float:
        return -math.fsum(values.get(token, 0.0) * move for token, move in states[state].items())

    moved = sorted((s for s in every if s in states), key=cost)
    return ((calm,) if calm else ()) + tuple((state,) for state in moved)


def mixture_intervals(
    sets: Sequence[tuple[float, Floats]], levels: Sequence[float], block: int, seed: int, name: str
) -> list[tuple[Interval, Interval]]:
    """90 % intervals of VaR and CVaR of a mixture: days are resampled in blocks, the same for all.

    Only how often each day is drawn changes, so the pooled losses are sorted once.

    Parameters
    ----------
    sets : sequence of (probability, losses)
        Losses of the same n days under each state, in the order of time.
    levels : sequence of float
    block : int
        Days drawn together.
    seed : int
    name : str
        Names the random stream together with the seed.

    Returns
    -------
    list, one ``((var_low, var_high), (cvar_low, cvar_high))`` for each level

    Source: Kuensch, Annals of Statistics 17 (1989), moving blocks; percentile intervals.

    Examples
    --------
    >>> calm = np.sin(np.arange(500.0) ** 2)
    >>> ((low, high), _), = mixture_intervals([(0.9, calm), (0.1, calm + 5)], (0.95,), 5, 1, "x")
    >>> 4.0 < low < high < 6.0
    True
    """
    n = len(sets[0][1])
    pooled = np.concatenate([losses for _, losses in sets])
    weight = np.concatenate([np.full(n, p / n) for p, _ in sets])
    order = np.argsort(-pooled, kind="stable")
    # three times the widest tail is enough for every resampled history
    kept = int(np.searchsorted(np.cumsum(weight[order]), 3.0 * (1.0 - min(levels)))) + 1
    order = order[:kept]
    losses, weight, row = pooled[order], weight[order], order % n
    mass = weight * _drawn(n, block, seed, name)[:, row]
    above = np.cumsum(mass, axis=1)
    spent = np.cumsum(mass * losses, axis=1)
    found = []
    every = np.arange(REPETITIONS)
    for level in levels:
        tail = 1.0 - level
        at = np.minimum((above <= tail * (1.0 + 1e-9)).sum(axis=1), len(order) - 1)
        var = losses[at]
        beyond = np.where(at > 0, spent[every, at - 1] - var * above[every, at - 1], 0.0)
        found.append((_middle(var), _middle(var + beyond / tail)))
    return found


def _drawn(n: int, block: int, seed: int, name: str) -> Floats:
    """How often each day is drawn in each resampled history, relative to once; (reps, n)."""
    block = min(block, max(n // 3, 1))
    count = -(-n // block)
    rng = stream(seed, "market", name, 0)
    starts = rng.integers(0, n - block + 1, size=(REPETITIONS, count))
    # a day is drawn as often as a block starts less than a block's length before it
    line = np.arange(REPETITIONS)[:, None] * (n + 1)
    size = REPETITIONS * (n + 1)
    steps = np.bincount((starts + line).ravel(), minlength=size)
    steps -= np.bincount((starts + block + line).ravel(), minlength=size)
    often = np.cumsum(steps).reshape(REPETITIONS, n + 1)[:, :n]
    return np.asarray(often * (n / (count * block)), dtype=np.float64)


def _middle(estimates: Floats) -> Interval:
    ordered = np.sort(estimates)
    cut = math.floor(0.05 * ordered.size)
    return float(ordered[cut]), float(ordered[ordered.size - 1 - cut])
