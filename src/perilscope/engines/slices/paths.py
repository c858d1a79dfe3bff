# SPDX-License-Identifier: Apache-2.0
"""Paths of a chain drawn slice by slice, for what depends on the whole path.

Holdings that run on with their prices, a sale of everything once too little is left: such losses
are no sum over slices of what depends on two states, so they have no power of a matrix, and are
simulated. With exposure restored in each slice the same draws are those of the exact law, which
checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.streams import stream
from perilscope.errors import MisuseError

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_BLOCK = 1 << 15


@dataclass(frozen=True)
class Sale:
    """Everything is sold once less than a share of the start is left, at a cost."""

    below: float
    costs: float


@dataclass(frozen=True, eq=False)
class Walk:
    """What happens on each step from state to state.

    Parameters
    ----------
    transition : array, shape (states, states)
    kinds : array of int, shape (states, states)
        The way of each step.
    scales : array, shape (ways,)
        What multiplies the moves of prices.
    left, prices : arrays, shape (ways, assets)
        Share of each holding that is there before the step, and what its price is multiplied by.
    costs : tuple of tuple of str
        Losses that are met, by key of ``laws``.
    laws : mapping of Distribution
    values : array, shape (assets,)
    moves : array, shape (n, assets)
        Of one slice; each is as likely as the others.
    hold : bool
        Whether holdings run on; else they are those of the start in each slice.
    sale : Sale, optional
    """

    transition: Array
    kinds: Indices
    scales: Array
    left: Array
    prices: Array
    costs: tuple[tuple[str, ...], ...]
    laws: Mapping[str, Distribution]
    values: Array
    moves: Array
    hold: bool = True
    sale: Sale | None = None

    def __post_init__(self) -> None:
        if self.sale is not None and not self.hold:
            raise MisuseError("a sale depends on what is left, so holdings must run on")


@dataclass(frozen=True)
class Paths:
    """Loss at the end of each path, and the most it had lost at the end of any slice."""

    loss: Array
    worst: Array


def draw(walk: Walk, start: int, slices: int, number: int, seed: int, name: str = "") -> Paths:
    """Draw paths from one state.

    Parameters
    ----------
    walk : Walk
    start : int
        The state before the first slice.
    slices, number : int
    seed : int
    name : str
        Names the streams, with the start.

    Examples
    --------
    A holding of 100 that halves each slice, held: 50 is lost, then 25.

    >>> one = np.ones((1, 1))
    >>> walk = Walk(one, np.zeros((1, 1), dtype=np.int64), np.ones(1), one, one, ((),), {},
    ...             np.array([100.0]), np.array([[-0.5]]))
    >>> draw(walk, 0, 2, 1, seed=1).loss.tolist()
    [75.0]
    """
    found = [
        _block(walk, start, slices, min(_BLOCK, number - at), seed, name, k)
        for k, at in enumerate(range(0, number, _BLOCK))
    ]
    return Paths(*(np.concatenate([getattr(x, f) for x in found]) for f in ("loss", "worst")))


def _block(
    walk: Walk, start: int, slices: int, count: int, seed: int, name: str, block: int
) -> Paths:
    rng = stream(seed, "paths", f"{name} {start}", block)
    steps = np.cumsum(walk.transition, axis=1)
    state = np.full(count, start)
    held = np.tile(walk.values, (count, 1))
    sold = np.zeros(count, dtype=bool)
    loss, worst = np.zeros(count), np.zeros(count)
    whole = float(walk.values.sum())
    for _ in range(slices):
        after = _next(steps, state, rng.random(count))
        way = walk.kinds[state, after]
        ratio = np.maximum(
            1.0 + walk.scales[way][:, None] * walk.moves[rng.integers(len(walk.moves), size=count)],
            0.0,
        )
        ratio = ratio * walk.prices[way]
        loss -= (held * walk.left[way] * (ratio - 1.0)).sum(axis=1)
        loss += _met(walk, way, count, rng)
        if walk.hold:
            held = held * ratio
            if walk.sale is not None:
                _sell(walk, walk.sale, after, held, sold, loss, whole)
        np.maximum(worst, loss, out=worst)
        state = after
    return Paths(loss, worst)


def _next(steps: Array, state: Indices, u: Array) -> Indices:
    """The next state of each path, by inversion; state by state, so no large table is made."""
    after = np.empty_like(state)
    for s in np.unique(state):
        mine = state == s
        after[mine] = np.minimum(
            np.searchsorted(steps[s], u[mine], side="right"), steps.shape[0] - 1
        )
    return after


def _met(walk: Walk, way: Indices, count: int, rng: np.random.Generator) -> Array:
    """Costs that are met on the way, each drawn for those who meet it."""
    total = np.zeros(count)
    for key, law in walk.laws.items():
        has = np.array([key in met for met in walk.costs])[way]
        number = int(has.sum())
        if number:
            total[has] += law.sample(rng, number)
    return total


def _sell(
    walk: Walk,
    sale: Sale,
    state: Indices,
    held: Array,
    sold: npt.NDArray[np.bool_],
    loss: Array,
    whole: float,
) -> None:
    """Sell what is left of whoever has too little, once."""
    # what is left after coming into a state is what stands before any step out of it
    left = walk.left[walk.kinds[state, state]]
    worth = (held * left).sum(axis=1)
    now = ~sold & (worth < sale.below * whole)
    loss[now] += sale.costs * worth[now]
    held[now] = 0.0
    sold |= now
