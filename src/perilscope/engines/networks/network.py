# SPDX-License-Identifier: Apache-2.0
"""Discrete Bayesian networks as values: nodes with states, parents and conditional tables.

Source: Koller and Friedman, *Probabilistic Graphical Models* (2009), chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perilscope.errors import MisuseError
from perilscope.once import cached_property

Array = NDArray[np.float64]

#: The largest table that is built on the way, in cells (128 MiB).
CELLS = 1 << 24


@dataclass(frozen=True, eq=False)
class Factor:
    """A table over named variables, one axis for each name.

    Parameters
    ----------
    names : tuple of str
        The variables, in the order of the axes.
    table : array
        Values; as many axes as names.
    """

    names: tuple[str, ...]
    table: Array

    def along(self, scope: Sequence[str]) -> Array:
        """The table with its axes in the order of ``scope``, length 1 where it does not depend."""
        order = sorted(range(len(self.names)), key=lambda axis: scope.index(self.names[axis]))
        moved = self.table.transpose(order)
        own = {self.names[axis]: self.table.shape[axis] for axis in order}
        return moved.reshape([own.get(name, 1) for name in scope])


class AnyNode(Protocol):
    """What a network needs of a node, with a full table or without (`canonical`)."""

    @property
    def name(self) -> str:
        """As in `Node`."""

    @property
    def states(self) -> tuple[str, ...]:
        """As in `Node`."""

    @property
    def parents(self) -> tuple[str, ...]:
        """As in `Node`."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """States of each parent."""

    @property
    def table(self) -> Array:
        """The full conditional table, shape (states of parent 1, ..., states of this node)."""

    @property
    def factor(self) -> Factor:
        """The full conditional table as a factor over parents and node."""

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Tables whose product, summed over what is hidden, is the conditional table."""

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """The variables of each factor, found without making one."""

    @property
    def hidden(self) -> Mapping[str, int]:
        """Variables of the factors that are no nodes, and how many states they have."""


@dataclass(frozen=True, eq=False)
class Node:
    """One variable: its states and its probabilities given its parents.

    Parameters
    ----------
    name : str
    states : tuple of str
    parents : tuple of str
        In the order of the leading axes of ``table``.
    table : array, shape (states of parent 1, ..., states of this node)
        Conditional probabilities; every row (last axis) sums to 1 within 1e-9.

    Raises
    ------
    MisuseError
        If states repeat or a row is not a law of probability.

    Examples
    --------
    >>> Node("rain", ("no", "yes"), (), [0.8, 0.2]).table.tolist()
    [0.8, 0.2]
    """

    name: str
    states: tuple[str, ...]
    parents: tuple[str, ...]
    table: Array

    def __post_init__(self) -> None:
        table = np.array(self.table, dtype=np.float64)
        if not self.states or len(dict.fromkeys(self.states)) != len(self.states):
            raise MisuseError(f"node {self.name}: states must be there and differ: {self.states}")
        if len(dict.fromkeys((*self.parents, self.name))) != len(self.parents) + 1:
            raise MisuseError(f"node {self.name}: parents repeat or name the node itself")
        if table.ndim != len(self.parents) + 1 or table.shape[-1] != len(self.states):
            raise MisuseError(f"node {self.name}: a table of shape {table.shape} does not fit")
        # written so that NaN is refused too
        if not (np.all(table >= 0.0) and np.all(np.abs(table.sum(axis=-1) - 1.0) <= 1e-9)):
            raise MisuseError(f"node {self.name}: a row is negative or does not sum to 1")
        table.flags.writeable = False
        object.__setattr__(self, "table", table)

    @property
    def sizes(self) -> tuple[int, ...]:
        """States of each parent."""
        return self.table.shape[:-1]

    @property
    def factor(self) -> Factor:
        """The conditional table as a factor over parents and node."""
        return Factor((*self.parents, self.name), self.table)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Tables whose product, summed over what is hidden, is the conditional table."""
        return (self.factor,)

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """The variables of each factor, found without making one."""
        return ((*self.parents, self.name),)

    @property
    def hidden(self) -> Mapping[str, int]:
        """Variables of the factors that are no nodes, and how many states they have."""
        return {}


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes in the order of declaration; parents may be declared after their children.

    Raises
    ------
    MisuseError
        If a name repeats, a parent is absent, a table has the wrong shape, or there is a cycle.

    Examples
    --------
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> net = Network((rain, wet))
    >>> [node.name for node in net.above(["wet"])]
    ['rain', 'wet']
    """

    nodes: tuple[AnyNode, ...]
    _by_name: dict[str, AnyNode] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_name = {node.name: node for node in self.nodes}
        if len(by_name) != len(self.nodes):
            raise MisuseError("two nodes have the same name")
        object.__setattr__(self, "_by_name", by_name)
        for node in self.nodes:
            for parent in node.parents:
                if parent not in by_name:
                    raise MisuseError(f"node {node.name}: parent {parent} is not declared")
            shape = tuple(len(by_name[parent].states) for parent in node.parents)
            if node.sizes != shape:
                raise MisuseError(
                    f"node {node.name}: a table of shape {(*node.sizes, len(node.states))} does "
                    f"not fit the states of its parents {shape}"
                )
        _ = self.ordered  # refuses cycles

    @cached_property
    def ordered(self) -> tuple[AnyNode, ...]:
        """Nodes with parents before children, else in the order of declaration."""
        wants = {node.name: len(node.parents) for node in self.nodes}
        ready = [node.name for node in self.nodes if not node.parents]
        placed: list[AnyNode] = []
        for name in ready:  # grows while it is walked through
            placed.append(self._by_name[name])
            for child in self.children[name]:
                wants[child] -= 1
                if wants[child] == 0:
                    ready.append(child)
        if len(placed) < len(self.nodes):
            left = [name for name, number in wants.items() if number > 0]
            raise MisuseError("there is a cycle among " + ", ".join(left))
        return tuple(placed)

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Children of each node, in the order of declaration."""
        found: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for parent in node.parents:
                found[parent].append(node.name)
        return {name: tuple(below) for name, below in found.items()}

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Number of states of each node, in the order of declaration."""
        return {node.name: len(node.states) for node in self.nodes}

    def replaced(self, *nodes: AnyNode) -> Network:
        """The network with some nodes, by name, replaced."""
        new = {node.name: node for node in nodes}
        for name in new:
            self.node(name)
        return Network(tuple(new.get(node.name, node) for node in self.nodes))

    def node(self, name: str) -> AnyNode:
        """The node called ``name``; MisuseError if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name)
            raise MisuseError(f"there is no node {name}; there are {known}") from None

    def state(self, name: str, state: str) -> int:
        """The position of ``state`` in node ``name``; MisuseError if there is none."""
        states = self.node(name).states
        if state not in states:
            raise MisuseError(f"node {name} has no state {state}; it has {', '.join(states)}")
        return states.index(state)

    def above(self, names: Iterable[str]) -> tuple[AnyNode, ...]:
        """The named nodes and all their ancestors, in the order of declaration."""
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting.extend(self.node(name).parents)
        return tuple(node for node in self.nodes if node.name in found)
