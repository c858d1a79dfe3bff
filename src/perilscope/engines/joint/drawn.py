# SPDX-License-Identifier: Apache-2.0
"""The same institution simulated: horizons drawn in each joint state of the networks.

A second way to every figure of `assembly`, which shares no transform with it: events are drawn one
by one, a scenario of prices for each horizon, thefts in tokens at its prices. What depends on the
path and has no transform is simulated like this alone.

Few joint states are strata, each with a number of horizons fixed beforehand. Where they are too
many each horizon draws its own, from their probabilities with a tenth spread evenly, and weighs
the ratio of both. New evidence changes weights alone (`perilscope.engines.simulation.stratified`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Mixture
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.machine_code import Cache
from perilscope.engines.simulation.simulation import Blocks, prepared
from perilscope.engines.simulation.stratified import Strata, Weighted
from perilscope.engines.simulation.vectorised import BLOCK
from perilscope.engines.streams import stream
from perilscope.errors import MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
States = npt.NDArray[np.int16]
"""State of each interface in each horizon, shape (horizons, interfaces)."""

MOST_STRATA = 1024
"""Joint states that are strata of their own."""
FEWEST = 200
"""Draws that a state has at least, so that evidence may make it likely later."""
_EVEN = 0.25
"""Share of the draws that all states share alike."""
_SPREAD = 0.1
"""Share of its probability that an interface with too many states spreads evenly."""


@dataclass(frozen=True)
class Plan:
    """In which joint state each horizon is drawn.

    Parameters
    ----------
    at : array of int, shape (horizons, interfaces)
    chances : tuple of array
        For each interface the probabilities that its states were drawn with; empty where joint
        states are strata.
    sizes : tuple of int
        States of each interface.
    """

    at: States
    chances: tuple[Array, ...]
    sizes: tuple[int, ...]

    @cached_property
    def strata(self) -> npt.NDArray[np.int64]:
        """Stratum of each horizon; all are in one where states are drawn."""
        if self.chances or not self.sizes:
            return np.zeros(len(self.at), dtype=np.int64)
        return np.asarray(np.ravel_multi_index(self.at.T.astype(np.int64), self.sizes))

    @property
    def count(self) -> int:
        """Number of strata."""
        return 1 if self.chances else math.prod(self.sizes)

    def masses(self, weights: Sequence[Array]) -> Array:
        """Weight of each horizon under probabilities of the states of each interface.

        Raises
        ------
        MisuseError
            Probabilities of other interfaces, or of a stratum that has no draws.
        """
        if tuple(map(len, weights)) != self.sizes:
            raise MisuseError(f"weights of {self.sizes} states are needed")
        found = np.ones(len(self.at))
        for place, known in enumerate(weights):
            ratio = np.asarray(known, dtype=np.float64)
            found *= (ratio / self.chances[place] if self.chances else ratio)[self.at[:, place]]
        counts = np.bincount(self.strata, minlength=self.count)
        return np.asarray(found / counts[self.strata])


@dataclass(frozen=True)
class Drawn:
    """Horizons with the joint state that each was drawn in.

    Parameters
    ----------
    losses : array, shape (horizons,)
        Of everything; gains are negative.
    plan : Plan
    finite : bool
        Whether losses have a variance.
    """

    losses: Array
    plan: Plan
    finite: bool = True

    @cached_property
    def strata(self) -> Strata:
        """The losses by stratum."""
        return Strata.of(self.losses, self.plan.strata, self.plan.count, finite=self.finite)

    def weighed(self, weights: Sequence[Array]) -> Weighted:
        """The law under probabilities of the states of each interface."""
        return self.strata.given(self.plan.masses(weights))


def planned(weights: Sequence[Array], draws: int, seed: int, *, fewest: int | None = None) -> Plan:
    """Which joint state each of about so many horizons is drawn in.

    Parameters
    ----------
    weights : sequence of array
        Probabilities of the states of each interface, which are independent.
    draws : int
    seed : int
    fewest : int, optional
        Draws of each stratum at least; by default 200, or a quarter of all shared alike.

    Examples
    --------
    >>> plan = planned([np.array([0.9, 0.1])], 10_000, 1)
    >>> np.bincount(plan.strata).tolist()
    [9000, 1250]
    """
    sizes = tuple(len(each) for each in weights)
    number = math.prod(sizes)
    if number > MOST_STRATA:
        return _random(weights, sizes, draws, seed)
    least = max(FEWEST, int(draws * _EVEN / number)) if fewest is None else fewest
    states = list(itertools.product(*map(range, sizes)))
    chances = [math.prod(float(w[k]) for w, k in zip(weights, at, strict=True)) for at in states]
    counts = [max(round(draws * chance), least) for chance in chances]
    at = np.repeat(np.array(states, dtype=np.int16).reshape(number, len(sizes)), counts, axis=0)
    return Plan(at, (), sizes)


def _random(weights: Sequence[Array], sizes: tuple[int, ...], draws: int, seed: int) -> Plan:
    chances = tuple((1.0 - _SPREAD) * w + _SPREAD / len(w) for w in weights)
    at = np.empty((draws, len(sizes)), dtype=np.int16)
    for place, chance in enumerate(chances):
        u = stream(seed, "joint", f"state {place}").random(draws)
        reached = np.cumsum(chance)[:-1]
        at[:, place] = np.searchsorted(reached, u, side="right")
    return Plan(at, chances, sizes)


def draw(
    joint: Joint,
    draws: int,
    seed: int,
    *,
    fewest: int | None = None,
    workers: int = 1,
    backend: str = "auto",
    cache: Cache | None = None,
) -> Drawn:
    """Draw horizons of everything together.

    Parameters
    ----------
    joint : Joint
    draws : int
        In all, about; shared out by the probabilities of the states as they are now.
    seed : int
    fewest : int, optional
        Draws of each state at least.
    workers : int
        Threads; they change no bit.
    backend, cache
        As in `perilscope.engines.simulation.simulation.simulate`.
    """
    plan = planned(joint.weights, draws, seed, fewest=fewest)
    read = pages(joint, plan, seed, lambda _here, losses: losses, workers, backend, cache)
    blocks = list(read)
    return Drawn(np.concatenate(blocks), plan, math.isfinite(joint.register.moments()[1]))


def pages(
    joint: Joint,
    plan: Plan,
    seed: int,
    read: Callable[[slice, Array], Any],
    workers: int = 1,
    backend: str = "auto",
    cache: Cache | None = None,
) -> Iterator[Any]:
    """What is read of the losses of each block of horizons, in order; memory does not grow.

    Parameters
    ----------
    joint : Joint
    plan : Plan
    seed : int
    read : callable
        Given the horizons of the plan, and their losses.
    workers, backend, cache
        As in :func:`draw`.
    """
    drawing = _Drawing(joint, plan, seed, backend, cache)

    def block(number: int) -> Any:
        here = slice(number * BLOCK, min((number + 1) * BLOCK, len(plan.at)))
        return read(here, drawing.block(number))

    drawing.warm()
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(block, range(-(-len(plan.at) // BLOCK)))


def gaps(law: SignedLaw, known: Weighted, levels: Sequence[float]) -> list[float]:
    """Differences of both ways in standard errors.

    Of the mean; and at the VaR of each level x of P(loss > x), on average over one step of the
    grid (market scenarios are atoms, which a grid puts on the points beside them), and of
    E(loss - x)+, which is CVaR where x is known. Empty where losses have no variance.

    Errors are those of the draws, or those that the exact law implies where they are larger. The
    spread of draws is small just when the large losses are missing among them: measured in it
    alone, heavy tails fall short by 4 and 5 standard errors by chance.
    """
    if not known.strata.finite:
        return []
    low, h = law.window.low, law.step
    mean, second = law.mean, law.sd**2
    found = [_gap(known, lambda losses: losses - mean, 0.0, second)]
    for level in levels:
        x = low + round((law.var(level) - low) / h) * h
        share = (law.excess(x) - law.excess(x + h)) / h
        found += [
            _gap(known, lambda losses, x=x: np.clip((losses - x) / h, 0.0, 1.0), share, share),  # type: ignore[misc]
            _gap(known, lambda losses, x=x: np.maximum(losses - x, 0.0), law.excess(x),  # type: ignore[misc]
                 law.squared_excess(x)),
        ]  # fmt: skip
    return [z for z in found if z is not None]


def _gap(
    known: Weighted, function: Callable[[Array], Array], mean: float, second: float
) -> float | None:
    """Difference of the mean of a function of the loss, given its exact mean and mean square.

    The error of the draws knows of strata; it grows where the exact law has a larger mean square
    than the draws happen to have. Two errors, of which one is too small where large losses are
    missing and the other where one too many is there, do not agree on either by chance.
    """
    value = known.of(function)
    drawn = known.of(lambda losses: np.square(function(losses)))
    if value.error and drawn.value > 0.0:
        error = value.error * math.sqrt(max(second / drawn.value, 1.0))
    else:  # none of the draws is there
        error = math.sqrt(second * known.concentration)
    return (value.value - mean) / error if error > 0.0 else None


class _Drawing:
    """Everything drawn block by block."""

    def __init__(
        self, joint: Joint, plan: Plan, seed: int, backend: str, cache: Cache | None
    ) -> None:
        self.joint, self.plan, self.seed = joint, plan, seed
        lines = list(joint.register.lines.values())
        # states of interfaces are the plan's; those of networks that are not listed are drawn
        mixtures: list[Mixture | Unlisted] = [
            m for m in joint.register.mixtures if isinstance(m, Unlisted)
        ]
        mixtures += [((1.0, each.hits[0]),) for each in joint.interfaces if each.keys]
        self.events: Blocks | None = (
            prepared(lines, mixtures, joint.register.caps, draws=len(plan.at), seed=seed,
                     backend=backend, cache=cache)
            if lines else None
        )  # fmt: skip
        self.happens = [
            {key: np.array([hit[key] for hit in each.hits]) for key in each.keys}
            for each in joint.interfaces
        ]
        self.movers = [i for i, each in enumerate(joint.interfaces) if each.moves]
        self.rungs = [np.array(joint.interfaces[i].rungs) for i in self.movers]
        self.reached = np.cumsum(joint.scenarios.weights)
        self.even = bool(np.ptp(joint.scenarios.weights) == 0.0)

    def warm(self) -> None:
        """Every state of prices valued once, before threads ask for it."""
        for rungs in self.joint.markets:
            self.joint.losses(rungs)
            self.joint.prices(rungs)

    def block(self, number: int) -> Array:
        """Losses of the horizons of one block."""
        at = self.plan.at[number * BLOCK : (number + 1) * BLOCK]
        size = len(at)
        if size < BLOCK:  # a block is always drawn whole
            at = np.concatenate([at, np.repeat(at[-1:], BLOCK - size, axis=0)])
        scenario = self._scenarios(number)
        groups = list(self._markets(at))
        total = np.empty(BLOCK)
        for rungs, where in groups:
            total[where] = self.joint.losses(rungs)[scenario[where]]
        if self.events is not None:
            self._add(total, self.events, number, at, scenario, groups)
        return total[:size]

    def _add(
        self,
        total: Array,
        events: Blocks,
        number: int,
        at: States,
        scenario: npt.NDArray[np.int64],
        groups: Sequence[tuple[tuple[int, ...], Any]],
    ) -> None:
        """What is lost in events; what is counted in tokens at the prices of the scenario."""
        happens = {
            key: hit[at[:, place]]
            for place, each in enumerate(self.happens)
            for key, hit in each.items()
        }
        prices: dict[str, Array] = {}
        for token in sorted(set(self.joint.tokens.values())):
            found = prices[token] = np.empty(BLOCK)
            for rungs, where in groups:
                found[where] = self.joint.prices(rungs)[token][scenario[where]]
        plain = np.zeros(BLOCK)
        for key, loss in events.block(number, plain, self._space, happens):
            token = self.joint.tokens.get(key, "")
            if token:  # it stands in the plain sum at today's price
                plain += loss * (prices[token] - 1.0)
        total += plain

    def _space(self, key: str, _block: int) -> Array:
        """Room for a line that is asked for: of those counted in tokens, of others not."""
        if key not in self.joint.tokens:
            return np.zeros(0)
        return np.zeros(BLOCK)

    def _scenarios(self, number: int) -> npt.NDArray[np.int64]:
        """Which market scenario each horizon of a block meets."""
        rng, count = stream(self.seed, "joint", "prices", number), len(self.reached)
        if self.even:
            return np.asarray(rng.integers(count, size=BLOCK))
        u = rng.random(BLOCK) * self.reached[-1]
        return np.asarray(np.minimum(np.searchsorted(self.reached, u, side="right"), count - 1))

    def _markets(self, at: States) -> Iterator[tuple[tuple[int, ...], Any]]:
        """States of prices, and the horizons that are in them."""
        if not self.movers:
            yield (), slice(None)
            return
        made = [rung[at[:, i]] for i, rung in zip(self.movers, self.rungs, strict=True)]
        sizes = [int(rung.max()) + 1 for rung in self.rungs]
        placed = np.ravel_multi_index(made, sizes)
        for value in np.unique(placed):
            rungs = tuple(int(k) for k in np.unravel_index(value, sizes))
            yield rungs, np.flatnonzero(placed == value)
