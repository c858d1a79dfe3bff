# SPDX-License-Identifier: Apache-2.0
"""Nodes that need no full table: a few numbers a parent, and exact answers with dozens of parents.

Each is written as a sum over one hidden variable of a product of small tables, one a parent, so
that inference never sees the table over all parents at once. Signs and complex phases stand in
these tables; their sum is the conditional law.

Source: Diez and Galan, "Efficient computation for the noisy MAX", IJIS 18 (2003); Henrion (1989) on
leaks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks.network import CELLS, Array, Factor, Network, Node
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

Complex = npt.NDArray[np.complex128]
_FAR = 10.5
"""Where 1 / sinh(pi t) has fallen below 1e-14."""
_DIGITS = 32.0
"""Natural logarithms of accuracy that the sum for a logistic node has in hand."""


@dataclass(frozen=True, eq=False)
class Canonical:
    """A node whose law given its parents is a sum of products over a hidden variable.

    Parameters
    ----------
    name : str
    states : tuple of str
    parents : tuple of str
    sizes : tuple of int
        States of each parent.
    """

    name: str
    states: tuple[str, ...]
    parents: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def own_hidden(self) -> str:
        """Name of the hidden variable, which no node can have."""
        return f"\0{self.name}"

    @property
    def hidden(self) -> Mapping[str, int]:
        """The hidden variable and its number of states."""
        return {self.own_hidden: self.closing.shape[0]}

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """Variables of each factor."""
        pairs = tuple((parent, self.own_hidden) for parent in self.parents)
        return (*pairs, (self.own_hidden, self.name))

    @property
    def factors(self) -> tuple[Factor, ...]:
        """A table for each parent, and one that closes the sum."""
        tables = (*self.opening, self.closing)
        return tuple(Factor(names, table) for names, table in zip(self.scopes, tables, strict=True))

    @property
    def factor(self) -> Factor:
        """The full conditional table as a factor."""
        return Factor((*self.parents, self.name), self.table)

    @property
    def opening(self) -> tuple[Any, ...]:
        """For each parent a table over its states and the hidden ones."""
        raise NotImplementedError

    @property
    def closing(self) -> Any:
        """Table over the hidden states and the node's own."""
        raise NotImplementedError

    @cached_property
    def table(self) -> Array:
        """The full conditional table, parents' axes first.

        Raises
        ------
        AssessmentError
            Where it would have more cells than are taken.
        """
        cells = math.prod(self.sizes) * len(self.states)
        if cells > CELLS:
            raise AssessmentError(
                f"node {self.name}: a full table over {len(self.parents)} parents would have "
                f"{cells:,} cells, and at most {CELLS:,} are taken; this node is answered without"
            )
        total: Any = np.ones((1,) * len(self.parents) + (self.closing.shape[0],))
        for axis, own in enumerate(self.opening):
            shape = [1] * len(self.parents) + [own.shape[1]]
            shape[axis] = own.shape[0]
            total = total * own.reshape(shape)
        found: Array = np.maximum(np.real(total @ self.closing), 0.0)
        found /= found.sum(axis=-1, keepdims=True)
        return found


def _laws(name: str, rows: npt.ArrayLike, size: int) -> Array:
    try:
        found = np.array(rows, dtype=np.float64)
    except ValueError:
        raise MisuseError(f"node {name}: rows of unlike length") from None
    if found.ndim != 2 or found.shape[1] != size:
        raise MisuseError(f"node {name}: every effect must be a law over its {size} states")
    if not (np.all(found >= 0.0) and np.all(np.abs(found.sum(axis=1) - 1.0) <= 1e-9)):
        raise MisuseError(f"node {name}: an effect is negative or does not sum to 1")
    return found


@dataclass(frozen=True, eq=False)
class NoisyMax(Canonical):
    """The node is as bad as the worst of independent effects, one of each parent, and of a leak.

    Parameters
    ----------
    effects : sequence of arrays, shape (states of the parent, own states)
        Law of the effect of each state of each parent; own states rise from harmless to worst.
    leak : sequence of float
        Law of what happens by itself (the leak of Diez: beside the parents, not with them).

    Examples
    --------
    >>> node = NoisyMax("y", ("no", "yes"), ("a",), (2,), ([[1, 0], [0.2, 0.8]],), (0.9, 0.1))
    >>> node.table.round(9).tolist()
    [[0.9, 0.1], [0.18, 0.82]]
    """

    effects: tuple[Any, ...] = ()
    leak: Sequence[float] = field(default=())

    def __post_init__(self) -> None:
        size = len(self.states)
        laws = tuple(_laws(self.name, rows, size) for rows in self.effects)
        if tuple(law.shape[0] for law in laws) != self.sizes or len(laws) != len(self.parents):
            raise MisuseError(f"node {self.name}: one effect for each state of each parent")
        leak = self.leak if len(self.leak) else [1.0] + [0.0] * (size - 1)
        object.__setattr__(self, "effects", laws)
        object.__setattr__(self, "leak", tuple(_laws(self.name, [leak], size)[0].tolist()))

    @property
    def opening(self) -> tuple[Array, ...]:
        """P(effect <= k | state of the parent); the leak goes with what closes the sum."""
        return tuple(np.cumsum(law, axis=1) for law in self.effects)

    @property
    def closing(self) -> Array:
        """Differences of the distribution function, times that of the leak."""
        size = len(self.states)
        differences = np.eye(size) - np.eye(size, k=1)
        found: Array = np.cumsum(self.leak)[:, None] * differences
        return found


@dataclass(frozen=True, eq=False)
class NoisyMin(NoisyMax):
    """A noisy-MAX whose states are declared worst first, as GeNIe does: the first effect counts.

    Parameters
    ----------
    effects : sequence of arrays, shape (states of the parent, own states)
        Law of the effect of each state of each parent; own states fall from worst to harmless.
    leak : sequence of float
        Law of what happens by itself.

    Examples
    --------
    >>> node = NoisyMin("y", ("yes", "no"), ("a",), (2,), ([[0, 1], [0.8, 0.2]],), (0.1, 0.9))
    >>> node.table.round(9).tolist()
    [[0.1, 0.9], [0.82, 0.18]]
    """

    def __post_init__(self) -> None:
        if not len(self.leak):
            object.__setattr__(self, "leak", (*[0.0] * (len(self.states) - 1), 1.0))
        super().__post_init__()

    @property
    def opening(self) -> tuple[Array, ...]:
        """P(effect >= k | state of the parent), counted from the worst."""
        return tuple(np.cumsum(law[:, ::-1], axis=1)[:, ::-1] for law in self.effects)

    @property
    def closing(self) -> Array:
        """Differences of the chances of a state or one after it, times that of the leak."""
        size = len(self.states)
        differences = np.eye(size) - np.eye(size, k=-1)
        found: Array = np.cumsum(np.array(self.leak)[::-1])[::-1][:, None] * differences
        return found


def noisy_or(
    name: str, states: tuple[str, str], parents: Mapping[str, float], leak: float = 0.0
) -> NoisyMax:
    """Each parent that is in its second state causes the second state with its own probability.

    Parameters
    ----------
    parents : mapping of name to probability
        Each with two states.

    Examples
    --------
    >>> node = noisy_or("loss", ("no", "yes"), {"a": 0.3, "b": 0.6}, leak=0.05)
    >>> round(float(node.table[1, 1, 1]), 9)
    0.734
    """
    effects = tuple([[1.0, 0.0], [1.0 - p, p]] for p in parents.values())
    sizes = (2,) * len(parents)
    return NoisyMax(name, states, tuple(parents), sizes, effects, (1.0 - leak, leak))


@dataclass(frozen=True, eq=False)
class NoisyAnd(Canonical):
    """The second state needs every parent: each lets it through with its own probability.

    Parameters
    ----------
    passes : tuple of arrays, one probability for each state of each parent
    most : float
        Probability when every parent lets it through for certain.

    Examples
    --------
    >>> node = NoisyAnd("theft", ("no", "yes"), ("key", "pin"), (2, 2), ((0, 0.9), (0, 0.5)), 0.8)
    >>> round(float(node.table[1, 1, 1]), 9)
    0.36
    """

    passes: tuple[Any, ...] = ()
    most: float = 1.0

    def __post_init__(self) -> None:
        if len(self.states) != 2 or tuple(len(row) for row in self.passes) != self.sizes:
            raise MisuseError(f"node {self.name}: two states, and one probability for each state")
        every = [p for row in self.passes for p in row] + [self.most]
        if not all(0.0 <= p <= 1.0 for p in every):
            raise MisuseError(f"node {self.name}: a probability that is outside 0 to 1")

    @property
    def opening(self) -> tuple[Array, ...]:
        """What each parent lets through, and 1 for the rest."""
        return tuple(np.stack([np.array(row, float), np.ones(len(row))], -1) for row in self.passes)

    @property
    def closing(self) -> Array:
        """Yes with the product, no with what is left of 1."""
        return np.array([[-self.most, self.most], [1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class Logistic(Canonical):
    """Log odds of the second state are a sum: an intercept and a number for each parent's state.

    Parameters
    ----------
    intercept : float
    weights : tuple of arrays, one number for each state of each parent
        Logarithms of odds multipliers.

    Notes
    -----
    1 / (1 + e^-x) = 1/2 + int_0^inf sin(x t) / sinh(pi t) dt. The midpoint rule with step
    2 pi / (X + 32) is exact to 1e-13 for |x| <= X, and each of its points is a product over
    parents of phases: the hidden variable counts the points, with both signs of t.

    Examples
    --------
    >>> import math
    >>> node = Logistic("y", ("no", "yes"), ("a",), (2,), -2.0, ((0.0, math.log(3.0)),))
    >>> bool(abs(node.table[1, 1] - 1 / (1 + math.exp(2.0 - math.log(3.0)))) < 1e-13)
    True
    """

    intercept: float = 0.0
    weights: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if len(self.states) != 2 or tuple(len(row) for row in self.weights) != self.sizes:
            raise MisuseError(f"node {self.name}: two states, and one number for each state")
        every = [x for row in self.weights for x in row] + [self.intercept]
        if not all(math.isfinite(x) for x in every):
            raise MisuseError(f"node {self.name}: a number that is not finite")
        if self._reach > 600.0:
            raise MisuseError(f"node {self.name}: log odds of {self._reach:.0f} are beyond belief")

    @cached_property
    def _reach(self) -> float:
        return abs(self.intercept) + math.fsum(max(map(abs, row)) for row in self.weights)

    @cached_property
    def _points(self) -> tuple[Array, float]:
        step = 2.0 * math.pi / (self._reach + _DIGITS)
        count = math.ceil(_FAR / step)
        points: Any = (np.arange(count) + 0.5) * step
        return points, step

    @property
    def opening(self) -> tuple[Complex, ...]:
        """A phase for each state of each parent, at every point; 1 for the constant."""
        t = self._points[0]
        both = np.concatenate([t, -t])
        found = []
        for row in self.weights:
            phases = np.exp(1j * np.outer(np.array(row, float), both))
            found.append(np.concatenate([phases, np.ones((len(row), 1))], axis=1))
        return tuple(found)

    @property
    def closing(self) -> Complex:
        """Weights of the points, and the half that is constant."""
        t, step = self._points
        half = 0.5 * step / np.sinh(math.pi * t) * np.exp(1j * t * self.intercept) / 1j
        yes = np.concatenate([half, half.conj(), [0.5]])
        no = np.concatenate([-half, -half.conj(), [0.5]])
        return np.stack([no, yes], axis=-1)


def tabled(net: Network) -> Network:
    """The network with full tables throughout, for what works on the entries of tables.

    Raises
    ------
    AssessmentError
        Where a full table would have more cells than are taken.

    Examples
    --------
    >>> cause = Node("a", ("no", "yes"), (), [0.5, 0.5])
    >>> short = NoisyMax("y", ("no", "yes"), ("a",), (2,), ([[1, 0], [0.25, 0.75]],))
    >>> tabled(Network((cause, short))).node("y").table.tolist()
    [[1.0, 0.0], [0.25, 0.75]]
    """
    short = [node for node in net.nodes if isinstance(node, Canonical)]
    if not short:
        return net
    return net.replaced(*(Node(n.name, n.states, n.parents, n.table) for n in short))
