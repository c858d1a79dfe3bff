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

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.capacity import fitted
from perilscope.engines.findings import Findings
from perilscope.engines.inference import NOTHING, Session, done
from perilscope.engines.junction import Junction, Table
from perilscope.engines.network import Factor, Network
from perilscope.engines.triangulation import Cliques, Scope
from perilscope.errors import MisuseError

Complex = npt.NDArray[np.complex128]

CHUNK = 1 << 22
"""Cells of all cliques times points that are held at once (64 MiB of complex numbers)."""


class Carrier(Junction):
    """A tree of cliques that multiplies tables with a trailing axis into the joint law.

    While something is carried, `transform` is the one question with an answer.
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

    >>> from perilscope.engines.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> w = np.array([0.0, np.pi])
    >>> phi = np.stack([np.ones(2), np.exp(1j * w)])
    >>> transform(Network((rain,)), [(["rain"], phi)]).round(12).real.tolist()
    [1.0, 0.6]
    """
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
    points = tables[0].shape[-1]
    step = max(1, min(points, chunk // max(found.cost.total, 1)))
    parts = []
    for start in range(0, points, step):
        tree.carry([table[..., start : start + step] for table in tables], scopes)
        parts.append(tree.transform(session.log_weight))
    return np.concatenate(parts).astype(np.complex128)


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
