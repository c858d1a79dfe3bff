# SPDX-License-Identifier: Apache-2.0
"""A horizon in slices, from the book: nodes that act on each other, what they cost, the market.

Losses of a slice depend on where the states come from and where they go, and on nothing earlier,
so the exposure is that of today in each slice (`rebalance: reset`). What is taken is gone: its loss
stands on the way into a state that is never left, and its prices matter no more from then on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from perilscope.beliefs.law import Reading, point, reading
from perilscope.book import Feedback
from perilscope.book.feedback import BEFORE, Volatilities
from perilscope.engines.forecasts.regimes import Regimes, regimes
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.networks.network import AnyNode, Network, Node
from perilscope.engines.networks.two_slice import TwoSlice, before
from perilscope.engines.slices.paths import Sale
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers.drivers import Drivers
from perilscope.layers.networks import network
from perilscope.layers.slices import (
    NOTHING_HELD,
    SURE,
    Held,
    Seen,
    Slices,
    States,
    Steps,
    Way,
    start_of,
    window,
)
from perilscope.layers.valuation import Valuation
from perilscope.once import cached_property

Floats = NDArray[np.float64]

MOST_STATES = 256
"""Joint states of the nodes that matter."""
MOST_WORLDS = 64
"""Values of all beliefs together, each a chain of its own."""
_YEAR = 365.25


def slices_of(
    declared: Feedback,
    drivers: Drivers,
    valuation: Valuation,
    held: Held = NOTHING_HELD,
    *,
    evidence: Mapping[str, str] | None = None,
    seen: Seen | None = None,
    slices: int | None = None,
) -> Slices:
    """The chains of a book.

    Parameters
    ----------
    declared : Feedback
    drivers : Drivers
        Networks under their evidence: they say how nodes stand that are `first: from` them.
    valuation : Valuation
    held : Held
        What the market moves.
    evidence : mapping of node to state
        What is known of nodes now.
    seen : Seen, optional
        What prices say of the market's regime.
    slices : int, optional
        Instead of the book's.

    Raises
    ------
    AssessmentError
        Too many states or beliefs, a taking state that can be left, a law without a mean.
    MisuseError
        Evidence that names nothing.
    """
    return _Built(
        declared,
        drivers,
        valuation,
        held,
        dict(evidence or {}),
        seen,
        declared.slices if slices is None else slices,
    ).found()


def read_regime(declared: Volatilities, states: States, moves: Floats, days: int = 1) -> Regimes:
    """What daily moves say of the regime: the filter of two states that come and go.

    Raises
    ------
    AssessmentError
        Other than two states with a volatility each.
    """
    if len(states) != 2 or set(declared.volatility) != set(states):
        raise AssessmentError(
            "feedback.market.read_from: a volatility a day for each of the two states is wanted"
        )
    rates = np.array([point(declared.begins), point(declared.ends)]) * days / _YEAR
    total = float(rates.sum())
    if not total > 0.0:
        raise AssessmentError("feedback.market.read_from: a regime that neither begins nor ends")
    usual = np.array([rates[1], rates[0]]) / total
    stays = math.exp(-total)
    chain = stays * np.eye(2) + (1.0 - stays) * usual[None, :]
    sds = np.array([point(declared.volatility[s]) for s in states]) * math.sqrt(days)
    return regimes(moves, sds, chain, usual)


class _Built:
    """The steps from a declaration to chains."""

    def __init__(
        self,
        declared: Feedback,
        drivers: Drivers,
        valuation: Valuation,
        held: Held,
        evidence: dict[str, str],
        seen: Seen | None,
        slices: int,
    ) -> None:
        self.declared, self.drivers, self.valuation = declared, drivers, valuation
        self.held, self.evidence, self.seen, self.slices = held, evidence, seen, slices
        if not 1 <= slices <= 10_000:
            raise MisuseError(f"{slices} slices; 1 to 10,000 are possible")
        self.notes: list[str] = []

    def found(self) -> Slices:
        start, matrix = start_of(self.first, self.tracked), self._matrix()
        readings = self._readings()
        beliefs = tuple(b for read in readings.values() for b in read.beliefs)
        worlds = quadrature.nodes(beliefs, effort=0)
        if len(worlds) > MOST_WORLDS:
            raise AssessmentError(
                f"the costs in `feedback:` hold {len(beliefs)} beliefs; write bare laws for some"
            )
        steps = Steps(start, matrix, *self._ways(matrix))
        laws = [self._costs(readings, theta) for _, theta in worlds]
        places, beyond = window(steps, laws, self.slices)
        if beyond > 2.0 * SURE:
            self.notes.append(
                f"up to {beyond:.1e} of the probability lies beyond the window: costs have heavy "
                "tails; figures at levels near that are not to be trusted"
            )
        chains = tuple(
            (weight, steps.chain(costs, places))
            for (weight, _), costs in zip(worlds, laws, strict=True)
        )
        hold, sale = self.declared.rebalance == "hold", self._sale
        walks = tuple(
            (weight, steps.walk(costs, self.held, hold, sale))
            for (weight, _), costs in zip(worlds, laws, strict=True)
        )
        notes = tuple(self.notes)
        return Slices(self.tracked, self.states, self.first, chains, self.slices, notes, walks)

    @property
    def _sale(self) -> Sale | None:
        market = self.declared.market
        if market is None or market.liquidation is None:
            return None
        return Sale(point(market.liquidation.below), point(market.liquidation.costs))

    # --- the network

    @cached_property
    def chain(self) -> TwoSlice:
        nodes = self.declared.nodes
        roots = {
            f"{BEFORE}{name}": SimpleNamespace(
                states=node.states, parents=(), table=_even_rows(len(node.states)), interaction=None
            )
            for name, node in nodes.items()
        }
        made = network(cast(Any, SimpleNamespace(nodes={**roots, **nodes})))
        step = [_renamed(made.node(name)) for name in nodes]
        return TwoSlice(self.first, tuple(step))

    @cached_property
    def first(self) -> Network:
        """Every node before the first slice, by itself."""
        for name, state in self.evidence.items():
            if name not in self.declared.nodes:
                known = ", ".join(self.declared.nodes)
                raise MisuseError(
                    f"evidence {name}={state}: no node of the feedback; it has {known}"
                )
            if state not in self.declared.nodes[name].states:
                known = ", ".join(self.declared.nodes[name].states)
                raise MisuseError(f"evidence {name}={state}: {name} has the states {known}")
        return Network(tuple(self._root(name) for name in self.declared.nodes))

    def _root(self, name: str) -> Node:
        node = self.declared.nodes[name]
        states = tuple(node.states)
        if name in self.evidence:
            law = np.array([float(s == self.evidence[name]) for s in states])
        elif node.first_from is not None:
            law = np.array([self.drivers.probability(*node.first_from, state) for state in states])
        else:
            law = np.array(node.first[0], dtype=np.float64)
        if self.seen is not None and self._market == name and name not in self.evidence:
            weighed = law * self.seen.found.likelihood
            if not weighed.sum() > 0.0:
                raise AssessmentError(f"prices rule out every state that {name} may have now")
            law = weighed
        return Node(name, states, (), law / law.sum())

    @property
    def _market(self) -> str:
        return "" if self.declared.market is None else self.declared.market.node

    @cached_property
    def tracked(self) -> tuple[str, ...]:
        costing = {loss.node for loss in self.declared.losses.values()} | {self._market}
        wanted = set(self.chain.interface) | costing
        found = tuple(name for name in self.declared.nodes if name in wanted)
        number = math.prod(len(self.declared.nodes[name].states) for name in found)
        if number > MOST_STATES:
            raise AssessmentError(
                f"the nodes of `feedback:` that matter ({', '.join(found)}) have {number:,} joint "
                f"states; at most {MOST_STATES} are taken: fewer states, or fewer nodes before"
            )
        return found

    @cached_property
    def states(self) -> tuple[States, ...]:
        return tuple(itertools.product(*(self.declared.nodes[n].states for n in self.tracked)))

    def _matrix(self) -> Floats:
        """Chances from each joint state of what is tracked to each."""
        rows = self.chain.onward(self.tracked)
        inside = [self.tracked.index(name) for name in self.chain.interface]
        order = {states: k for k, states in enumerate(self.chain.states())}
        picked = [order[tuple(states[i] for i in inside)] for states in self.states]
        return np.asarray(rows[picked])

    # --- what is lost

    def _readings(self) -> dict[str, Reading]:
        found = {}
        for key, loss in self.declared.losses.items():
            if loss.costs is not None:
                found[key] = reading(
                    loss.costs.estimate.value,
                    price=self.valuation.price,
                    worth=self.valuation.loss,
                )
        return found

    def _costs(
        self, readings: Mapping[str, Reading], theta: tuple[float, ...]
    ) -> dict[str, Distribution]:
        found, at = {}, 0
        for key, read in readings.items():
            law = read.value(theta[at : at + len(read.beliefs)])
            at += len(read.beliefs)
            if not (math.isfinite(law.mean) and law.support[0] >= 0.0):
                raise AssessmentError(
                    f"feedback.losses.{key}: its cost has no finite mean, or gains"
                )
            found[key] = law
        return found

    def _ways(self, matrix: Floats) -> tuple[NDArray[np.int64], tuple[Way, ...], dict[Any, Floats]]:
        """Each step's way of losing: a market, and the losses that are met on the way."""
        index: dict[Way, int] = {}
        kinds = np.full(matrix.shape, -1, dtype=np.int64)
        markets: dict[Any, Floats] = {}
        for i, j in itertools.product(range(len(self.states)), repeat=2):
            met = self._met(i, j)
            key = self._market_key(i, j, met)
            if key not in markets:
                markets[key] = self._market_losses(*key)
            costing = tuple(k for k in met if self.declared.losses[k].costs is not None)
            kinds[i, j] = index.setdefault((key, costing), len(index))
        self._final(matrix)
        return kinds, tuple(index), markets

    def _met(self, i: int, j: int) -> tuple[str, ...]:
        """Losses whose state is come into on the way from i to j."""
        found = []
        for key, loss in self.declared.losses.items():
            at = self.tracked.index(loss.node)
            if self.states[j][at] == loss.state != self.states[i][at]:
                found.append(key)
        return tuple(found)

    def _market_key(self, i: int, j: int, met: Sequence[str]) -> tuple[float, tuple[float, ...]]:
        """What multiplies moves, and what is left of and done to each holding."""
        market = self.declared.market
        scale = 1.0
        if market is not None:
            state = self.states[j][self.tracked.index(market.node)]
            scale = point(market.moves[state]) if state in market.moves else 1.0
        rows = []
        for asset in self.held.values:
            left, price = 1.0, 1.0
            for key, loss in self.declared.losses.items():
                at = self.tracked.index(loss.node)
                if asset in loss.takes and self.states[i][at] == loss.state:
                    left *= max(1.0 - point(loss.takes[asset]), 0.0)
                if asset in loss.shocks and key in met:
                    price *= 1.0 + point(loss.shocks[asset])
            rows.append((left, price))
        return scale, tuple(itertools.chain.from_iterable(rows))

    def _market_losses(self, scale: float, flat: tuple[float, ...]) -> Floats:
        left, price = np.array(flat[::2]), np.array(flat[1::2])
        values = np.array(list(self.held.values.values())) * left
        if not values.size:
            return np.zeros(1)
        left_over = 1.0 + np.maximum(scale * self.held.moves, -1.0)
        left_over /= left_over.mean(axis=0)  # nothing costs less than nothing, and no drift
        return np.asarray((-values * (left_over * price - 1.0)).sum(axis=1))

    def _final(self, matrix: Floats) -> None:
        """What is taken does not come back: the states that take are never left."""
        for key, loss in self.declared.losses.items():
            at = self.tracked.index(loss.node)
            inside = np.array([states[at] == loss.state for states in self.states])
            leaves = float(matrix[np.ix_(inside, ~inside)].max(initial=0.0))
            if loss.takes and leaves > 0.0:
                raise AssessmentError(
                    f"feedback.losses.{key}: what it takes does not come back, but {loss.node} can "
                    f"leave the state {loss.state}: give it `{BEFORE}{loss.node}` as a parent and "
                    "a row that stays"
                )
            if leaves > 0.0 and _again(matrix, inside):
                self.notes.append(
                    f"{key} is lost each time that {loss.node} comes into {loss.state}, which it "
                    "can leave"
                )


def _again(matrix: Floats, inside: NDArray[np.bool_]) -> bool:
    """Whether some states can be left and come into again."""
    leads = (matrix > 0.0) | np.eye(len(matrix), dtype=bool)
    for _ in range(len(matrix).bit_length()):
        leads = (leads.astype(np.float64) @ leads.astype(np.float64)) > 0.0
    left = ~inside & (matrix[inside] > 0.0).any(axis=0)
    return bool(leads[left][:, inside].any())


def _even_rows(count: int) -> tuple[tuple[float, ...], ...]:
    return ((1.0 / count,) * count,)


def _renamed(node: AnyNode) -> AnyNode:
    parents = tuple(
        before(p.removeprefix(BEFORE)) if p.startswith(BEFORE) else p for p in node.parents
    )
    return cast(AnyNode, replace(cast(Any, node), parents=parents))
