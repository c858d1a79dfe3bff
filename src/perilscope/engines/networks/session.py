# SPDX-License-Identifier: Apache-2.0
"""A network compiled into a junction tree once and asked many times.

Interventions cut the network, targets are fitted, and findings that clash are named. This is our
own engine, the one of record; `inference` chooses between it and the other library.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks.canonical import tabled
from perilscope.engines.networks.capacity import TooLargeError, fitted
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.junction import Junction
from perilscope.engines.networks.network import CELLS, AnyNode, Array, Factor, Network, Node
from perilscope.engines.networks.triangulation import Cost
from perilscope.errors import AssessmentError, MisuseError

ROUNDS, CLOSE = 10_000, 1e-13
"""Rounds of fitting targets, and how near all of them must be met."""
NOTHING = Findings()

Law = dict[str, float]


@dataclass(frozen=True)
class Explanation:
    """The most probable states given what is known.

    Parameters
    ----------
    states : dict of node to state
    probability : float
        Of these states given the findings.
    """

    states: dict[str, str]
    probability: float


class Session:
    """A network compiled once and asked many times.

    Parameters
    ----------
    net : Network

    Raises
    ------
    AssessmentError
        Where its tables would be too large; see `cost`.

    Examples
    --------
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.0, 1.0]]))
    >>> session = Session(Network((rain, wet)))
    >>> session.know(Findings(hard={"wet": "yes"}))
    >>> round(session.marginal("rain")["yes"], 6)
    0.714286
    >>> session.know(Findings(target={"wet": (0.5, 0.5)}))
    >>> round(session.marginal("rain")["yes"], 6)
    0.357143
    """

    def __init__(self, net: Network) -> None:
        self.net = net
        self._trees: dict[tuple[tuple[str, str], ...], Junction] = {}
        self._findings = NOTHING
        self._scale = 0.0
        self._tree = self._compiled({})

    def _compiled(self, do: Mapping[str, str]) -> Junction:
        key = tuple(sorted(do.items()))
        if key not in self._trees:
            net = done(self.net, do)
            found = fitted(net)
            sizes = dict(net.sizes)
            factors: list[Factor] = []
            for node in net.nodes:
                sizes.update(node.hidden)
                factors += node.factors
            self._trees[key] = Junction(factors, sizes, found)
        return self._trees[key]

    def know(self, findings: Findings = NOTHING) -> None:
        """Replace all that is known.

        Raises
        ------
        MisuseError
            Findings that do not fit the network.
        AssessmentError
            Findings, or targets, that cannot hold together; the message names those that clash.
        """
        self._findings = findings.checked(self.net)
        self._tree = self._compiled(findings.do)
        self._scale = math.fsum(math.log(max(v)) for v in findings.likelihood.values())
        vectors = self._vectors(findings)
        self._tree.know(vectors)
        if self._tree.log_weight() == -math.inf:
            raise _impossible(self._clashing(findings))
        if findings.target:
            self._fit(findings, vectors)

    def _vectors(self, findings: Findings) -> dict[str, npt.ArrayLike]:
        vectors: dict[str, npt.ArrayLike] = {}
        for name, state in findings.hard.items():
            vectors[name] = _certain(self.net.node(name), state)
        for name, likelihood in findings.likelihood.items():
            vectors[name] = np.asarray(likelihood, dtype=np.float64) / max(likelihood)
        return vectors

    def _fit(self, findings: Findings, vectors: dict[str, npt.ArrayLike]) -> None:
        """Iterative proportional fitting: each target in turn, until all of them hold.

        Source: Deming and Stephan (1940); Jeffrey's rule for several nodes at once.
        """
        targets = findings.target
        factors = {name: np.ones(len(target)) for name, target in targets.items()}
        wanted = {name: np.asarray(target) for name, target in targets.items()}
        far = math.inf
        for _ in range(ROUNDS):
            far = 0.0
            for name, target in wanted.items():
                now, _ = self._tree.marginal(name)
                if np.any((target > 0.0) & (now <= 0.0)):
                    raise _impossible(self._against(findings, name, (target > 0.0) & (now <= 0.0)))
                far = max(far, float(np.abs(now - target).max()))
                with np.errstate(invalid="ignore", divide="ignore"):
                    factors[name] = factors[name] * np.where(target > 0.0, target / now, 0.0)
                factors[name] = factors[name] / factors[name].max()
                self._tree.know({**vectors, **factors})
            if far <= CLOSE:
                return
        names = ", ".join(targets)
        raise AssessmentError(
            f"the targets of {names} cannot all hold at once: after {ROUNDS:,} rounds one is still "
            f"{far:.1e} off; take one of them back"
        )

    def _clashing(self, findings: Findings) -> list[str]:
        """The least that cannot happen together: whatever is left out of it, the rest can."""
        pieces = list(findings.pieces())
        kept = pieces
        for piece in pieces:
            fewer = [other for other in kept if other is not piece]
            joined = Findings(do=findings.do)
            for _, each in fewer:
                joined = joined.joined(each)
            self._tree.know(self._vectors(joined))
            if self._tree.log_weight() == -math.inf:
                kept = fewer
        self._tree.know({})
        return [text for text, _ in kept]

    def _against(self, findings: Findings, name: str, out: npt.NDArray[np.bool_]) -> list[str]:
        """A target, and what else is known that rules one of its states out."""
        state = self.net.node(name).states[int(np.argmax(out))]
        others = Findings(findings.hard, findings.likelihood, do=findings.do)
        seen = self._clashing(others.joined(Findings(hard={name: state})))
        target = f"{name} with target ({', '.join(f'{p:g}' for p in findings.target[name])})"
        return [target, *(text for text in seen if text != f"{name}={state}")]

    def marginal(self, name: str) -> Law:
        """The law of one node given what is known."""
        node = self.net.node(name)
        vector, _ = self._tree.marginal(name)
        return dict(zip(node.states, vector.tolist(), strict=True))

    def marginals(self, names: Sequence[str] | None = None) -> dict[str, Law]:
        """The laws of some nodes, or of all."""
        wanted = [node.name for node in self.net.nodes] if names is None else names
        return {name: self.marginal(name) for name in wanted}

    def joint(self, names: Sequence[str]) -> Array:
        """The joint law of some nodes given what is known, one axis per node in their order."""
        if len(dict.fromkeys(names)) != len(names):
            raise MisuseError(f"a node is asked for twice: {', '.join(names)}")
        for name in names:
            self.net.node(name)
        if self._tree.clique(names) is not None:
            table, _ = self._tree.weights(names)
            law: Array = np.maximum(np.real(table[..., 0]), 0.0)
            joint: Array = law / law.sum()
            return joint
        return self._apart(list(names))

    def _apart(self, names: list[str]) -> Array:
        """Nodes that no clique holds together: one conditioned on, the others given it."""
        first, *rest = names
        cells = math.prod(len(self.net.node(name).states) for name in names)
        if cells > CELLS:
            raise TooLargeError(Cost(cells, cells, len(names) - 1))
        known = dict(self._tree.known)
        law = np.zeros([len(self.net.node(name).states) for name in names])
        outer, _ = self._tree.marginal(first)
        for k, p in enumerate(outer.tolist()):
            if p > 0.0:
                here = np.zeros(len(outer))
                here[k] = 1.0
                self._tree.know({**known, first: here * known.get(first, 1.0)})
                law[k] = p * self.joint(rest)
        self._tree.know(known)
        return law

    def pairs(self, name: str, others: Iterable[str]) -> Iterator[tuple[str, Array]]:
        """The joint law of one node with each of some others: (other, axes other and node).

        Takes as many propagations as the node has states, however many others there are.
        """
        size = len(self.net.node(name).states)
        found = {
            other: np.zeros((len(self.net.node(other).states), size))
            for other in others
            if other != name
        }
        known = dict(self._tree.known)
        outer, _ = self._tree.marginal(name)
        for k, p in enumerate(outer.tolist()):
            if p > 0.0:
                here = np.zeros(size)
                here[k] = 1.0
                self._tree.know({**known, name: here * known.get(name, 1.0)})
                for other, law in found.items():
                    law[:, k] = p * self._tree.marginal(other)[0]
        self._tree.know(known)
        yield from found.items()

    @property
    def cells(self) -> int:
        """Cells of all tables that one propagation goes through."""
        return self._tree.cliques.cost.total

    def _with_tables(self) -> Session:
        """The same with a full table for each node: a highest state needs tables without signs."""
        session = Session(tabled(self.net))
        session.know(self._findings)
        return session

    @property
    def log_probability(self) -> float:
        """Log of the probability of what is known: of hard findings, each likelihood averaged."""
        if not self._tree.known:
            return 0.0  # nothing is known, and that is certain to the last bit
        return self._tree.log_weight() + self._scale

    @property
    def log_weight(self) -> float:
        """Log of the sum over all states of the joint law times `vectors`."""
        return self._tree.log_weight()

    @property
    def vectors(self) -> Mapping[str, npt.NDArray[Any]]:
        """What is known, as a vector over the states of each node, targets fitted."""
        return self._tree.known

    def sample(self, rng: np.random.Generator, number: int) -> dict[str, npt.NDArray[np.int64]]:
        """Places of the states of all nodes given what is known, in so many draws."""
        if any(node.hidden for node in self.net.nodes):
            return self._with_tables().sample(rng, number)
        return self._tree.sample(rng, number)

    def slopes(self, node: AnyNode) -> Array:
        """D log P(what is known) / d entry for a node's table, in the shape of the table."""
        return self._tree.slopes((*node.parents, node.name))

    def most_probable(self) -> Explanation:
        """The most probable states of all nodes given what is known; see `most_probable`."""
        if any(node.hidden for node in self.net.nodes):
            return self._with_tables().most_probable()
        places, weight = self._tree.most_probable()
        states = {node.name: node.states[places[node.name]] for node in self.net.nodes}
        return Explanation(states, math.exp(weight - self._tree.log_weight()))


def done(net: Network, do: Mapping[str, str]) -> Network:
    """The network in which some nodes are set from outside: their parents no longer matter.

    Source: Pearl, Causality (2009), section 3.2.3.

    Examples
    --------
    A wet street says nothing of the rain once it was made wet with a hose:

    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.0, 1.0]]))
    >>> session = Session(done(Network((rain, wet)), {"wet": "yes"}))
    >>> round(session.marginal("rain")["yes"], 12), session.marginal("wet")["yes"]
    (0.2, 1.0)
    """
    if not do:
        return net
    nodes = [net.node(name) for name in do]
    return net.replaced(*(Node(n.name, n.states, (), _certain(n, do[n.name])) for n in nodes))


def _certain(node: AnyNode, state: str) -> Array:
    vector = np.zeros(len(node.states))
    vector[node.states.index(state)] = 1.0
    return vector


def _impossible(items: Sequence[str]) -> AssessmentError:
    if len(items) == 1:
        return AssessmentError(f"this cannot happen in the network: {items[0]}")
    return AssessmentError(f"these cannot happen together in the network: {', '.join(items)}")
