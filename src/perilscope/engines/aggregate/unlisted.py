# SPDX-License-Identifier: Apache-2.0
"""Joint states of lines that many nodes of one network drive, too many to be listed.

Twenty nodes with two states have a million joint states; listing them is hopeless where the
network itself is narrow. What is asked of a list of joint states is asked of the network instead:
the law of a few lines, means and covariances, sums over all states of products of tables
(transforms travel through the tree of cliques as probabilities do), and draws. The cost grows with
the width of the network, not with the number of nodes that drive losses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Mixture
from perilscope.engines.networks import carried
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network
from perilscope.engines.networks.session import NOTHING, Session
from perilscope.errors import MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Table = tuple[tuple[str, ...], npt.NDArray[np.complex128]]
"""Nodes, and something in each of their joint states: one axis a node, then points."""

FEW = 64
"""Joint states that are listed after all, because some lines alone are looked at."""


@dataclass(frozen=True, eq=False)
class Unlisted:
    """Lines that have events where a node is in a state, and none elsewhere.

    Parameters
    ----------
    net : Network
        Over the horizon of the lines.
    hits : mapping of str to (node, state)
        For each line the node that drives it and the state in which it has events.
    findings : Findings
        What is known.

    Raises
    ------
    MisuseError
        Nodes or states that do not exist.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[1.0, 0.0], [0.5, 0.5]]))
    >>> both = Unlisted(Network((rain, wet)), {"a": ("rain", "yes"), "b": ("wet", "yes")})
    >>> {key: round(p, 12) for key, p in both.chances.items()}
    {'a': 0.2, 'b': 0.1}
    >>> both.over(["b"])
    ((0.9, {'b': False}), (0.1, {'b': True}))
    """

    net: Network
    hits: Mapping[str, tuple[str, str]]
    findings: Findings = NOTHING

    def __post_init__(self) -> None:
        for key, (node, state) in self.hits.items():
            states = self.net.node(node).states
            if state not in states:
                raise MisuseError(
                    f"{key}: {node} has no state {state!r}; it has {', '.join(states)}"
                )

    @property
    def keys(self) -> tuple[str, ...]:
        """The lines."""
        return tuple(self.hits)

    def only(self, keys: Sequence[str]) -> Unlisted:
        """The same for some of the lines."""
        kept = {key: self.hits[key] for key in self.hits if key in keys}
        return self if len(kept) == len(self.hits) else replace(self, hits=kept)

    def nodes(self, keys: Sequence[str]) -> tuple[str, ...]:
        """The nodes that drive some lines, each once."""
        return tuple(dict.fromkeys(self.hits[key][0] for key in keys if key in self.hits))

    def size(self, keys: Sequence[str]) -> int:
        """Joint states of the nodes that drive some lines."""
        return math.prod(len(self.net.node(node).states) for node in self.nodes(keys))

    def drives(self, keys: Sequence[str], at: Mapping[str, int]) -> dict[str, bool]:
        """Which of some lines have events, given the places of the states of their nodes."""
        found = {}
        for key in keys:
            if key in self.hits:
                node, state = self.hits[key]
                found[key] = self.net.node(node).states[at[node]] == state
        return found

    @cached_property
    def _session(self) -> Session:
        session = Session(self.net)
        session.know(self.findings)
        return session

    @cached_property
    def chances(self) -> dict[str, float]:
        """Probability that each line has events."""
        laws = self._session.marginals(self.nodes(self.keys))
        return {key: laws[node][state] for key, (node, state) in self.hits.items()}

    def over(self, keys: Sequence[str]) -> Mixture:
        """The joint states of few lines, listed; those that are alike added up."""
        nodes = self.nodes(keys)
        mine = [key for key in keys if key in self.hits]
        if not nodes:
            return ((1.0, {}),)
        table = self._session.joint(nodes)
        found: dict[tuple[bool, ...], float] = {}
        for index in np.ndindex(*table.shape):
            hits = self.drives(mine, dict(zip(nodes, index, strict=True)))
            key = tuple(hits.values())
            found[key] = found.get(key, 0.0) + float(table[index])
        return tuple((p, dict(zip(mine, hit, strict=True))) for hit, p in found.items())

    def moments(self, each: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """Mean and variance of the sum of the lines.

        Parameters
        ----------
        each : mapping of str to (mean, variance)
            Of each line given that it has events; lines are independent given the nodes.
        """
        chances = self.chances
        mean = math.fsum(chances[key] * m for key, (m, _) in each.items())
        terms = [chances[key] * v for key, (_, v) in each.items()]
        size: dict[str, Array] = {}
        for key, (m, _) in each.items():
            node, state = self.hits[key]
            states = self.net.node(node).states
            size.setdefault(node, np.zeros(len(states)))[states.index(state)] += m
        names = list(size)
        for k, name in enumerate(names):
            law = np.array(list(self._session.marginal(name).values()))
            terms.append(float(law @ size[name] ** 2) - float(law @ size[name]) ** 2)
            for other, joint in self._session.pairs(name, names[:k]):
                apart = joint - np.outer(joint.sum(axis=1), joint.sum(axis=0))
                terms.append(2.0 * float(size[other] @ apart @ size[name]))
        return mean, max(math.fsum(terms), 0.0)

    def carry(self, tables: Sequence[Table]) -> npt.NDArray[np.complex128]:
        """Sum over all joint states of P(state) times the product of the tables, by point."""
        return carried.transform(self.net, tables, self.findings)

    def product(self, values: Mapping[str, Any]) -> Any:
        """Expected product of a number, or of an array of shape (n,), of each line with events."""
        shapes = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
        tables = []
        for key, value in values.items():
            node, state = self.hits[key]
            states = self.net.node(node).states
            own = np.ones((len(states), math.prod(shapes)), dtype=np.complex128)
            own[states.index(state)] = np.broadcast_to(value, shapes).ravel()
            tables.append(((node,), own))
        found = self.carry(tables).reshape(shapes)
        if not any(np.iscomplexobj(value) for value in values.values()):
            found = np.real(found)
        return found.item() if not shapes else found

    def sample(self, rng: np.random.Generator, number: int) -> dict[str, npt.NDArray[np.bool_]]:
        """Which lines have events in each of so many horizons.

        Cliques of the tree are drawn from the top down, each given what it shares with the one
        above, which is exact.
        """
        drawn = self._session.sample(rng, number)
        found = {}
        for key, (node, state) in self.hits.items():
            found[key] = drawn[node] == self.net.node(node).states.index(state)
        return found
