# SPDX-License-Identifier: Apache-2.0
"""What networks whose joint states are not listed have to do with the tail of a joint law.

Their lines' transforms travel through the network, and what a clique holds when a table is left
out is the slope of the transform in that table's entries. P(L > x) and E (L - x)+ are weighted sums
over the transform (Parseval), so both, and their slopes in every entry, come from two passes; the
probability of each state of a node given a loss beyond x is the same slopes times the entries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Transform, against
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.networks import carried
from perilscope.engines.networks.canonical import tabled
from perilscope.engines.networks.network import Network
from perilscope.engines.networks.one_way import OneWay, lines
from perilscope.engines.networks.session import Session
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_STEP = 1e-9
"""Into the complex plane, against the largest mean: second order is far below rounding."""


@dataclass(frozen=True)
class State:
    """A state of a node: P(state), P(state | L > x), and the slope of E (L - x)+ in P(state).

    The other states of the node give way in proportion; no slope where the state is certain or
    cannot be.
    """

    node: str
    state: str
    chance: float
    given: float
    slope: float | None


@dataclass(frozen=True)
class Behind:
    """One network behind a loss beyond x.

    Parameters
    ----------
    net : Unlisted
    plain : Network
        The same with a table for each node.
    value : (float, float, float)
        Mean of its lines, P(L > x), and E (L - x)+.
    above : mapping of node to array, shape (3, *table)
        Slopes of these times P(what is known), over P(what is known), by single entries.
    below : mapping of node to array, shape of the table
        Slopes of log P(what is known).
    """

    net: Unlisted
    plain: Network
    value: tuple[float, float, float]
    above: Mapping[str, Array]
    below: Mapping[str, Array]

    def lines(self) -> Iterator[tuple[OneWay, OneWay, OneWay]]:
        """How mean, P(L > x) and E (L - x)+ answer to each entry, its row in proportion."""
        for name, above in self.above.items():
            node, below = self.plain.node(name), self.below[name]
            each = (
                lines(node, self.plain, value, own, below)
                for value, own in zip(self.value, above, strict=True)
            )
            yield from zip(*each, strict=True)

    def states(self) -> Iterator[State]:
        """Every state of the nodes that drive losses."""
        for name in self.net.nodes(self.net.keys):
            if name not in self.above:
                continue
            node = self.plain.node(name)
            axes = tuple(range(node.table.ndim - 1))
            chance = (node.table * self.below[name]).sum(axis=axes)
            _, exceed, excess = (node.table * self.above[name]).sum(axis=tuple(a + 1 for a in axes))
            for k, state in enumerate(node.states):
                p = min(max(float(chance[k]), 0.0), 1.0)
                given = min(max(float(exceed[k]) / (self.value[1] or 1.0), 0.0), 1.0)
                with_, without = float(excess[k]), self.value[2] - float(excess[k])
                slope = with_ / p - without / (1.0 - p) if 0.0 < p < 1.0 else None
                yield State(name, state, p, given, slope)


class Wide:
    """The part of a joint law that one network drives whose joint states are not listed.

    Parameters
    ----------
    joint : Joint
    place : int
        Of the part.
    """

    def __init__(self, joint: Joint, place: int) -> None:
        component = joint.parts[place].component
        assert component is not None
        assert component.unlisted is not None
        self.net: Unlisted = component.unlisted
        self._joint, self._place, self._component = joint, place, component

    @cached_property
    def _rest(self) -> Transform:
        """Transform of everything else; no state of the network moves prices."""
        side, weights = self._joint.fine, self._joint.weights
        moved = sum(side.moved(weights).values(), np.zeros(1, dtype=np.complex128))
        return np.asarray(moved * side.fixed(weights, leave=self._place))

    def behind(self, law: SignedLaw, x: float) -> Behind:
        """The network behind a loss beyond x.

        Parameters
        ----------
        law : SignedLaw
            Of everything.
        x : float
            Money.
        """
        plain = tabled(self.net.net)
        mean, average = self._mean(plain)
        window = self._joint.window
        away = (window.low + window.grid.places - x) / window.grid.step
        beyond = away > 1e-9 if window.grid.lattice else np.clip(away + 0.5, 0.0, 1.0)
        rows = np.array([beyond, window.grid.step * np.maximum(-away, 0.0)], dtype=np.float64)
        (exceed, short), found = self._answers(plain, window.grid.weighing(rows), self._rest)
        below = _below(plain, self.net, list(found))
        excess = law.excess(x)
        rest = excess - mean - short  # of everything else, which the network does not move
        above = {
            name: np.stack(
                [average[name][0], own[0], average[name][0] + own[1] + rest * below[name]]
            )
            for name, own in found.items()
        }
        return Behind(self.net, plain, (mean, exceed, excess), above, below)

    def _answers(
        self, plain: Network, by: Transform, rest: Transform
    ) -> tuple[list[float], dict[str, Array]]:
        """Weighted sums over the law of everything, and their slopes by single entries."""
        value, slopes = np.zeros(len(by)), dict[str, Array]()
        transforms, known = self._joint.fine.transforms, self._joint.register.lines
        for factor, tables in transforms.carried(self._component, known):
            found = carried.answers(plain, tables, against(by, factor * rest), self.net.findings)
            value = value + found.value
            for name, own in found.slopes.items():
                slopes[name] = slopes[name] + own if name in slopes else own
        return value.tolist(), slopes

    def _mean(self, plain: Network) -> tuple[float, dict[str, Array]]:
        """Mean of the part's lines and its slopes, exact but for capped and shared ones."""
        grid, component = self._joint.window.grid, self._component
        if component.shared or any(unit.capped for unit in component.units):
            by = grid.weighing(np.asarray(grid.places, dtype=np.float64)[None, :])
            (mean,), slopes = self._answers(plain, by, np.ones(1, dtype=np.complex128))
            return mean, slopes
        sizes = self._sizes()
        step = _STEP / max(max(sizes.values()), 1e-300)
        tables = []
        for key, size in sizes.items():
            node, state = self.net.hits[key]
            states = plain.node(node).states
            own = np.ones((len(states), 1), dtype=np.complex128)
            own[states.index(state)] += 1j * step * size
            tables.append(((node,), own))
        found = carried.answers(plain, tables, np.array([[1j / step]]), self.net.findings)
        return float(found.value[0]), dict(found.slopes)

    def _sizes(self) -> dict[str, float]:
        """Mean of each line that the network drives, given that it has events."""
        means = self._joint.register.means
        return {
            key: means[key] / chance if chance > 0.0 else 0.0
            for key, chance in self.net.chances.items()
        }

    def under(self, net: Network) -> SignedLaw:
        """The law of everything, on the finest grid, where the network has other tables."""
        joint, other = self._joint, replace(self.net, net=net)
        component = replace(self._component, unlisted=other)
        z = self._rest * joint.fine.transforms.component(component, joint.register.lines)[0]
        old = [m for m in joint.register.mixtures if not _same(m, self.net)]
        keys = set(component.keys)
        known = {key: line for key, line in joint.register.lines.items() if key in keys}
        new, now = (
            joint.means_of(known, joint.market, [*old, each]).part(self._place, joint.weights)
            for each in (other, self.net)
        )
        mean, cut = joint.mean(joint.weights)
        window = joint.window
        return SignedLaw(window, window.grid.back(z), mean=mean + new - now, sd=math.nan, cut=cut)


def _same(mixture: object, net: Unlisted) -> bool:
    return isinstance(mixture, Unlisted) and mixture.net is net.net


def _below(plain: Network, net: Unlisted, names: Sequence[str]) -> dict[str, Array]:
    """Slopes of log P(what is known) in every entry of some nodes."""
    session = Session(plain)
    session.know(net.findings)
    return {name: session.slopes(plain.node(name)) for name in names}


def wide(joint: Joint) -> list[Wide]:
    """The networks of a joint law whose joint states are not listed.

    Those that share lines with networks that are listed are left out.
    """
    return [
        Wide(joint, c)
        for c, part in enumerate(joint.parts)
        if part.component is not None
        and part.component.unlisted is not None
        and not part.interfaces
    ]
