# SPDX-License-Identifier: Apache-2.0
"""Networks that repeat from one slice of time to the next (two-slice dynamic networks).

Nodes of a slice may have parents in the same slice and in the slice before. All that the past says
about the future goes through the *interface*: the nodes with children in the next slice. Its joint
law is kept as a table and carried from slice to slice, so any number of slices costs no more
memory than two, and nothing is lost by taking marginals on the way. Nodes without full tables
(`canonical`) are given theirs here.

Source: Murphy, *Dynamic Bayesian Networks* (2002), section 3.4 (the interface algorithm).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks import elimination
from perilscope.engines.networks.canonical import tabled
from perilscope.engines.networks.chain import stationary
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.junction import Junction
from perilscope.engines.networks.network import CELLS, AnyNode, Array, Factor, Network, Node
from perilscope.engines.networks.session import Law
from perilscope.engines.networks.triangulation import Cliques, Scope, cliques
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

INTERFACE = 1 << 20
"""Joint states of the interface that are carried from slice to slice (8 MiB a slice)."""

_BEFORE = "[t-1]"


def before(name: str) -> str:
    """How a step names a parent in the slice before.

    Examples
    --------
    >>> before("market")
    'market[t-1]'
    """
    return name + _BEFORE


def at(name: str, slice_: int) -> str:
    """How the unrolled network names a node.

    Examples
    --------
    >>> at("market", 3)
    'market[3]'
    """
    return f"{name}[{slice_}]"


@dataclass(frozen=True)
class Slices:
    """Laws of all nodes in each slice.

    Parameters
    ----------
    laws : tuple of dict of node to state to probability
        One for each slice.
    log_steps : tuple of float
        Log of the probability of what was seen in each slice given all that was seen before it.
    """

    laws: tuple[dict[str, Law], ...]
    log_steps: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """Log of the probability of all that was seen."""
        return math.fsum(self.log_steps)


@dataclass(frozen=True, eq=False)
class TwoSlice:
    """A first slice, and how each slice follows from the one before.

    Parameters
    ----------
    first : Network
        The slice 0.
    step : tuple of Node
        The same nodes in any later slice. A parent is named as it is where it stands in the same
        slice, and `before` where it stands in the slice before (``"market[t-1]"``).

    Raises
    ------
    MisuseError
        A node without a step or the reverse, other states, a parent that does not exist, a cycle
        within the slice.

    Examples
    --------
    A machine that fails in one week of ten and is mended in one of two:

    >>> states = ("up", "down")
    >>> first = Network((Node("machine", states, (), np.array([1.0, 0.0])),))
    >>> step = Node("machine", states, (before("machine"),), np.array([[0.9, 0.1], [0.5, 0.5]]))
    >>> chain = TwoSlice(first, (step,))
    >>> found = chain.filtered([Findings()] * 3)
    >>> [round(law["machine"]["down"], 6) for law in found.laws]
    [0.0, 0.1, 0.14]
    >>> [node.name for node in chain.unrolled(3).nodes]
    ['machine[0]', 'machine[1]', 'machine[2]']
    >>> chain.stationary().round(6).tolist()
    [0.833333, 0.166667]
    """

    first: Network
    step: tuple[AnyNode, ...]

    def __post_init__(self) -> None:
        steps = {node.name: node for node in self.step}
        own = {node.name: node for node in self.first.nodes}
        for name in (*own, *steps):
            if name.endswith(_BEFORE):
                raise MisuseError(f"node {name}: a name must not end with {_BEFORE}")
            if name not in steps or name not in own:
                where = "step" if name in own else "node in the first slice"
                raise MisuseError(f"node {name} has no {where}; every node needs both")
            if steps[name].states != own[name].states:
                raise MisuseError(
                    f"node {name}: its step has the states {', '.join(steps[name].states)}, "
                    f"the first slice has {', '.join(own[name].states)}"
                )
        for node in self.step:
            for parent in node.parents:
                if parent.removesuffix(_BEFORE) not in own:
                    raise MisuseError(
                        f"the step of {node.name}: there is no parent {parent}; allowed are "
                        f"{', '.join(own)}, as they are or with {_BEFORE}"
                    )
        _ = self._pair  # refuses cycles and tables that do not fit

    # --- what the two slices look like

    @cached_property
    def interface(self) -> tuple[str, ...]:
        """The nodes with children in the next slice, in the order of declaration."""
        used = {parent for node in self.step for parent in node.parents}
        return tuple(node.name for node in self.first.nodes if before(node.name) in used)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """States of each node of the interface."""
        return tuple(self.first.sizes[name] for name in self.interface)

    @cached_property
    def _pair(self) -> Network:
        """The step as a network, the slice before it even."""
        past = [_even(before(name), self.first.node(name).states) for name in self.interface]
        return tabled(Network((*past, *self.step)))

    @cached_property
    def _nodes(self) -> tuple[tuple[AnyNode, ...], tuple[AnyNode, ...]]:
        """With full tables: the nodes of the first slice, and of any other."""
        pair = self._pair
        return tabled(self.first).nodes, tuple(pair.node(node.name) for node in self.step)

    @cached_property
    def _past(self) -> Scope:
        return tuple(before(name) for name in self.interface)

    def unrolled(self, slices: int) -> Network:
        """The first slices as one network, its nodes named like ``market[0]``, ``market[1]``."""
        if slices < 1:
            raise MisuseError(f"{slices} slices; at least 1 is wanted")
        nodes = []
        for t in range(slices):
            for node in self._nodes[min(t, 1)]:
                parents = tuple(
                    at(p.removesuffix(_BEFORE), t - 1 if p.endswith(_BEFORE) else t)
                    for p in node.parents
                )
                nodes.append(Node(at(node.name, t), node.states, parents, node.table))
        return Network(tuple(nodes))

    # --- what is known

    def filtered(self, findings: Sequence[Findings]) -> Slices:
        """The law of each slice given what was seen up to it.

        Parameters
        ----------
        findings : sequence of Findings
            What is known in each slice, by the plain names of nodes; empty ones where nothing is,
            also for slices still to come. No targets.

        Raises
        ------
        MisuseError
            No slice; findings that do not fit.
        AssessmentError
            What cannot happen, with its slice; an interface of too many joint states.
        """
        laws, steps = [], []
        for tree, weight, _ in self._forward(findings):
            laws.append(self._laws(tree))
            steps.append(weight)
        return Slices(tuple(laws), tuple(steps))

    def smoothed(self, findings: Sequence[Findings]) -> Slices:
        """The law of each slice given all that was seen, before it and after; see `filtered`."""
        passed = [(weight, belief) for _, weight, belief in self._forward(findings)]
        laws: list[dict[str, Law]] = []
        ahead: Array | None = None
        for t in range(len(findings) - 1, -1, -1):
            tree = self._tree(t, findings[t], passed[t - 1][1] if t else None, ahead)
            laws.append(self._laws(tree))
            if t and self.interface:
                # the slope in a table is what all others say: here, what the later slices say
                slopes = tree.slopes(self._past)
                ahead = slopes / slopes.max()
        return Slices(tuple(laws[::-1]), tuple(weight for weight, _ in passed))

    def _forward(
        self, findings: Sequence[Findings]
    ) -> Iterator[tuple[Junction, float, Array | None]]:
        """For each slice its tree given the past, log-weight, and the law of the interface."""
        if not findings:
            raise MisuseError("no slice: findings are wanted for at least one, if only empty ones")
        self._refuse_large(INTERFACE)
        for t, known in enumerate(findings):
            _fits(self.first, t, known)
        belief: Array | None = None
        for t, known in enumerate(findings):
            tree = self._tree(t, known, belief)
            weight = tree.log_weight()
            if weight == -math.inf:
                said = ", ".join(known.items())
                raise AssessmentError(f"slice {t}: this cannot happen after what was seen: {said}")
            scale = math.fsum(math.log(max(v)) for v in known.likelihood.values())
            belief = self._belief(tree)
            yield tree, weight + scale, belief

    def _belief(self, tree: Junction) -> Array | None:
        """The joint law of the interface."""
        if not self.interface:
            return None
        table = tree.weights(self.interface)[0][..., 0]
        law: Array = table / table.sum()
        return law

    def _laws(self, tree: Junction) -> dict[str, Law]:
        return {
            node.name: dict(zip(node.states, tree.marginal(node.name)[0].tolist(), strict=True))
            for node in self.first.nodes
        }

    def _tree(
        self, t: int, known: Findings, past: Array | None, ahead: Array | None = None
    ) -> Junction:
        """One slice with what is known in it, the law of the interface before and what follows."""
        factors = [
            Factor((node.name,), _certain(node, known.do[node.name]))
            if node.name in known.do
            else node.factor
            for node in self._nodes[min(t, 1)]
        ]
        if past is not None:
            factors.append(Factor(self._past, past))
        if ahead is not None:
            factors.append(Factor(self.interface, ahead))
        tree = Junction(
            factors, self._pair.sizes if t else self.first.sizes, self._found[min(t, 1)]
        )
        vectors: dict[str, npt.ArrayLike] = {
            name: _certain(self.first.node(name), state) for name, state in known.hard.items()
        }
        for name, likelihood in known.likelihood.items():
            vectors[name] = np.asarray(likelihood, dtype=np.float64) / max(likelihood)
        tree.know(vectors)
        return tree

    @cached_property
    def _found(self) -> tuple[Cliques, Cliques]:
        """Trees of cliques for the first slice and for any other, the interface held together."""
        joined = [self.interface] if self.interface else []
        past = [self._past] if self.interface else []
        firsts, steps = ([(*n.parents, n.name) for n in nodes] for nodes in self._nodes)
        found = (
            cliques([*firsts, *joined], self.first.sizes, CELLS),
            cliques([*steps, *joined, *past], self._pair.sizes, CELLS),
        )
        for each in found:
            if each.cost.stopped:
                raise AssessmentError(
                    f"a slice is too densely connected: a table of more than {CELLS:,} joint "
                    f"states of {each.cost.width + 1} nodes would be needed; give nodes fewer "
                    "parents, fewer states or fewer children in the next slice"
                )
        return found

    def _refuse_large(self, most: int) -> None:
        number = math.prod(self.shape)
        if number > most:
            raise AssessmentError(
                f"the nodes with children in the next slice ({', '.join(self.interface)}) have "
                f"{number:,} joint states and at most {most:,} are taken here; let fewer nodes "
                "reach into the next slice, or give them fewer states"
            )

    # --- the chain of the interface

    def states(self) -> tuple[tuple[str, ...], ...]:
        """The joint states of the interface in the order of `transition`; the last fastest."""
        own = [self.first.node(name).states for name in self.interface]
        return tuple(
            tuple(states[k] for states, k in zip(own, place, strict=True))
            for place in np.ndindex(*self.shape)
        )

    def transition(self) -> Array:
        """Chances to go from each joint state of the interface to each, nothing known.

        Returns
        -------
        array, shape (joint states, joint states)
            Rows add to 1; the order is that of `states`.

        Raises
        ------
        AssessmentError
            More than 4,096 joint states.
        """
        self._refuse_large(math.isqrt(CELLS))
        number = math.prod(self.shape)
        law = elimination.joint(self._pair, (*self._past, *self.interface))
        matrix = law.reshape(number, number)
        rows: Array = matrix / matrix.sum(axis=1, keepdims=True)
        return rows

    def onward(self, names: Sequence[str]) -> Array:
        """Chances of nodes of a slice given the interface before it, nothing known.

        Parameters
        ----------
        names : sequence of str

        Returns
        -------
        array, shape (joint states of the interface, joint states of the nodes)
            Rows add to 1; the last node changes fastest.

        Raises
        ------
        AssessmentError
            More joint states of the interface and the nodes together than a table may have.

        Examples
        --------
        >>> states = ("up", "down")
        >>> first = Network((Node("machine", states, (), np.array([1.0, 0.0])),))
        >>> rows = np.array([[0.9, 0.1], [0.5, 0.5]])
        >>> chain = TwoSlice(first, (Node("machine", states, (before("machine"),), rows),))
        >>> chain.onward(["machine"]).tolist()
        [[0.9, 0.1], [0.5, 0.5]]
        """
        number = math.prod(self.shape)
        size = math.prod(self.first.sizes[name] for name in names)
        if number * size > CELLS:
            raise AssessmentError(
                f"{number:,} states before and {size:,} after are too many: let fewer nodes reach "
                "into the next slice, or give them fewer states"
            )
        law = elimination.joint(self._pair, (*self._past, *names)).reshape(number, size)
        rows: Array = law / law.sum(axis=1, keepdims=True)
        return rows

    def stationary(self) -> Array:
        """The law of the interface that a step leaves as it is.

        Returns
        -------
        array, one axis for each node of the interface
            See :func:`perilscope.engines.networks.chain.stationary`.

        Raises
        ------
        AssessmentError
            Where there are several such laws, because the chain cannot leave some set of states
            for another; more than 4,096 joint states.
        """
        return stationary(self.transition(), self.states()).reshape(self.shape)

    def settled(self) -> dict[str, Law]:
        """The law of every node of a slice once the interface has its stationary law."""
        past = self.stationary() if self.interface else None
        return self._laws(self._tree(1, Findings(), past))


def _fits(net: Network, t: int, known: Findings) -> None:
    try:
        known.checked(net)
    except MisuseError as error:
        raise MisuseError(f"slice {t}: {error}") from None
    if known.target:
        raise MisuseError(f"slice {t}: targets are not fitted over time; findings and likelihoods")


def spread(findings: Sequence[Findings]) -> Findings:
    """What is known in each slice as findings of the unrolled network.

    Examples
    --------
    >>> spread([Findings(), Findings(hard={"market": "calm"})]).items()
    ['market[1]=calm']
    """
    joined = Findings()
    for t, known in enumerate(findings):
        here = Findings(
            {at(name, t): state for name, state in known.hard.items()},
            {at(name, t): vector for name, vector in known.likelihood.items()},
            do={at(name, t): state for name, state in known.do.items()},
        )
        joined = joined.joined(here)
    return joined


def _even(name: str, states: tuple[str, ...]) -> Node:
    return Node(name, states, (), np.full(len(states), 1.0 / len(states)))


def _certain(node: AnyNode, state: str) -> Array:
    vector = np.zeros(len(node.states))
    vector[node.states.index(state)] = 1.0
    return vector
