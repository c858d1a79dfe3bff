# SPDX-License-Identifier: Apache-2.0
"""Transforms of losses carried through a network: E prod_i phi_i(w; states), exactly.

Losses that are independent given the states of some nodes have a total whose transform is a sum
over all joint states of a product of transforms, one a loss. The junction tree takes the sum
apart as it does for probabilities, so the cost grows with the width of the network and not with
the number of losses: no joint table of the nodes that losses hang on is ever made.

Source: Shafer and Shenoy (1990), whose axioms ask of tables only sums and products, so complex
entries serve as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks.capacity import fitted
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.junction import Junction, Table
from perilscope.engines.networks.network import Factor, Network
from perilscope.engines.networks.session import NOTHING, Session, done
from perilscope.engines.networks.triangulation import Cliques, Scope
from perilscope.errors import MisuseError

Complex = npt.NDArray[np.complex128]
Floats = npt.NDArray[np.float64]

CHUNK = 1 << 22
"""Cells of all cliques times points that are held at once (64 MiB of complex numbers)."""


class Carrier(Junction):
    """A tree of cliques that multiplies tables with a trailing axis into the joint law.

    While something is carried, `transform` and `without` are the questions with an answer.
    """

    def __init__(
        self,
        factors: Iterable[Factor],
        sizes: Mapping[str, int],
        found: Cliques,
        carried: Sequence[Scope],
    ) -> None:
        super().__init__(factors, sizes, found)
        self._loads: dict[int, Table] = {}
        self._sites = [self._site(names) for names in carried]

    def _site(self, names: Scope) -> int:
        i = self.clique(names)
        if i is None:
            raise ValueError(f"no clique holds {', '.join(names)}")
        return i

    def carry(self, tables: Sequence[Table], carried: Sequence[Scope]) -> None:
        """Replace what is carried: one table a scope, its last axis the points."""
        self._loads = {}
        for i, names, table in zip(self._sites, carried, tables, strict=True):
            own = _along(names, table, self.cliques.scopes[i])
            self._loads[i] = self._loads[i] * own if i in self._loads else own
        for i in dict.fromkeys(self._sites):
            self._forget(i)

    def _local(self, i: int, without: Scope | None = None) -> Table:
        table = super()._local(i, without)
        load = self._loads.get(i)
        return table if load is None else table * load

    def without(self, names: Scope, log_over: float) -> Table:
        """The slope of the sum of everything in each entry of the factor over these names.

        Returns
        -------
        array, shape (states of name 1, ..., points or 1)
            Over exp(log_over).
        """
        i = self._where[names]
        self._belief(i)
        table, scale = self._gathered(i, without=names)
        scope = self.cliques.scopes[i]
        axes = tuple(k for k, name in enumerate(scope) if name not in names)
        left = [name for name in scope if name in names]
        summed = table.sum(axis=axes) if axes else table
        found: Table = summed.transpose([*(left.index(name) for name in names), len(names)])
        for root in self._roots:
            if root != self._tops[i]:
                other, more = self._belief(root)
                found, scale = found * other.sum(axis=tuple(range(other.ndim - 1))), scale + more
        return found * math.exp(scale - log_over)


def _along(names: Scope, table: Table, scope: Scope) -> Table:
    """A table with its axes in the order of a clique and its points last."""
    order = sorted(range(len(names)), key=lambda axis: scope.index(names[axis]))
    own = {names[axis]: table.shape[axis] for axis in order}
    shape = [*(own.get(name, 1) for name in scope), table.shape[-1]]
    return table.transpose([*order, len(names)]).reshape(shape)


def transform(
    net: Network,
    carried: Sequence[tuple[Sequence[str], npt.ArrayLike]],
    findings: Findings = NOTHING,
    *,
    chunk: int = CHUNK,
) -> Complex:
    """The transform of a sum of losses that are independent given the states of their nodes.

    Parameters
    ----------
    net : Network
    carried : sequence of (names, array of complex, shape (states of name 1, ..., points))
        For each loss the nodes it hangs on and its transform in each of their joint states.
    findings : Findings
        What is known, in any of its kinds.
    chunk : int
        Cells times points held at once; the points are taken in as many turns as it asks.

    Returns
    -------
    array of complex, shape (points,)
        sum over x of P(x | findings) prod_i phi_i(x). Its error is that of double precision: near
        1e-15 times the number of cliques, relative to the largest modulus (1 for transforms of
        laws).

    Raises
    ------
    MisuseError
        Names that do not exist, shapes that do not fit.
    AssessmentError
        Findings that cannot hold together; tables that would be too large.

    Examples
    --------
    A loss of 1 where it rains, looked at where its transform is exp(iw):

    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> w = np.array([0.0, np.pi])
    >>> phi = np.stack([np.ones(2), np.exp(1j * w)])
    >>> transform(Network((rain,)), [(["rain"], phi)]).round(12).real.tolist()
    [1.0, 0.6]
    """
    made = _made(net, carried, findings)
    parts = [tree.transform(made.log_weight) for tree, _ in made.turns(chunk)]
    return np.concatenate(parts).astype(np.complex128)


@dataclass(frozen=True)
class Answers:
    """Sums over a transform that is carried, and what they answer to every table entry.

    Parameters
    ----------
    value : array, shape (sums,)
    slopes : mapping of node to array, shape (sums, *table)
        Derivatives of sum x P(what is known) by each entry of the node's table, over P(what is
        known): entries move one by one, without their row.
    """

    value: Floats
    slopes: Mapping[str, Floats]


def answers(
    net: Network,
    carried: Sequence[tuple[Sequence[str], npt.ArrayLike]],
    by: Complex,
    findings: Findings = NOTHING,
    *,
    chunk: int = CHUNK,
) -> Answers:
    """Weighted sums over a transform, and their slopes in all table entries, from two passes.

    What a clique holds when one table is left out is the slope in that table's entries, as for
    probabilities, at every point.

    Parameters
    ----------
    net : Network
        All of whose nodes have tables.
    carried, findings, chunk
        As for `transform`; findings are hard, likelihoods and interventions.
    by : array of complex, shape (sums, points)
        Each sum is the real part of sum over points of conj(by) transform.

    Notes
    -----
    Darwiche, J. ACM 50 (2003), for complex entries.

    Examples
    --------
    A loss of 1 where it rains; its mean by a step into the complex plane:

    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> loss = (["rain"], np.array([[1.0], [1.0 + 1e-9j]]))
    >>> found = answers(Network((rain,)), [loss], np.array([[1e9j]]))
    >>> found.value.round(12).tolist(), found.slopes["rain"].round(12).tolist()
    ([0.2], [[0.0, 1.0]])
    """
    made = _made(net, carried, findings)
    value = np.zeros(len(by))
    found = {node.name: np.zeros((len(by), *node.table.shape)) for node in made.net.nodes}
    for tree, turn in made.turns(chunk):
        own = np.conj(by[:, turn])
        value += np.real(own @ tree.transform(made.log_weight))
        for node in made.net.nodes:
            table = tree.without((*node.parents, node.name), made.log_weight)
            flat = np.broadcast_to(table, (*table.shape[:-1], own.shape[-1]))
            flat = flat.reshape(-1, own.shape[-1])
            found[node.name] += np.real(own @ flat.T).reshape(len(by), *table.shape[:-1])
    return Answers(value, {name: each for name, each in found.items() if name not in findings.do})


@dataclass(frozen=True)
class _Made:
    """A tree for what is carried, which is taken in a few turns of points."""

    net: Network
    tree: Carrier
    scopes: Sequence[Scope]
    tables: Sequence[Table]
    log_weight: float
    cells: int

    def turns(self, chunk: int) -> Iterator[tuple[Carrier, slice]]:
        """The tree with some of the points at a time."""
        points = self.tables[0].shape[-1]
        step = max(1, min(points, chunk // max(self.cells, 1)))
        for start in range(0, points, step):
            turn = slice(start, min(start + step, points))
            self.tree.carry([table[..., turn] for table in self.tables], self.scopes)
            yield self.tree, turn


def _made(
    net: Network, carried: Sequence[tuple[Sequence[str], npt.ArrayLike]], findings: Findings
) -> _Made:
    scopes = [tuple(names) for names, _ in carried]
    tables = _checked(net, scopes, [np.asarray(table) for _, table in carried])
    findings.checked(net)
    spoken = {*findings.hard, *findings.likelihood, *findings.target}
    wanted = dict.fromkeys([*spoken, *(name for scope in scopes for name in scope)])
    own = Network(done(net, findings.do).above(list(wanted)))
    session = Session(own)
    session.know(Findings(findings.hard, findings.likelihood, findings.target))
    found, sizes = fitted(own, scopes), dict(own.sizes)
    for node in own.nodes:
        sizes.update(node.hidden)
    tree = Carrier([f for node in own.nodes for f in node.factors], sizes, found, scopes)
    tree.know(session.vectors)
    return _Made(own, tree, scopes, tables, session.log_weight, found.cost.total)


def _checked(net: Network, scopes: Sequence[Scope], tables: list[Table]) -> list[Table]:
    if not scopes:
        raise MisuseError("no loss is carried: name at least one")
    points = {table.shape[-1:] for table in tables}
    if len(points) > 1:
        raise MisuseError(f"losses are given at different numbers of points: {sorted(points)}")
    for names, table in zip(scopes, tables, strict=True):
        shape = tuple(len(net.node(name).states) for name in names)
        if not names or len(dict.fromkeys(names)) != len(names) or table.shape[:-1] != shape:
            raise MisuseError(
                f"the loss of ({', '.join(names)}) has shape {table.shape}; one axis for the "
                f"states of each node, {shape}, and a last one for the points are wanted"
            )
    return tables
