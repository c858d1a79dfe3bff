# SPDX-License-Identifier: Apache-2.0
"""Rows of which each entry lies between two numbers: their corners and their best members.

And what is asked of a network of which some tables are such rows, checked before it is answered.

Source: Tessem, "Interval probability propagation", IJAR 7 (1992); de Campos, Huete and Moral,
"Probability intervals", IJUFKS 2 (1994).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks.canonical import tabled
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import AnyNode, Array, Network, Node
from perilscope.engines.networks.session import Session, done
from perilscope.errors import AssessmentError, MisuseError

Pair = tuple[Array, Array]
Intervals = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]


def tightened(lower: Array, upper: Array) -> Pair:
    """Lower and upper entries of rows, each as near as the rest of its row lets it be.

    Examples
    --------
    >>> low, high = tightened(np.array([0.2, 0.3]), np.array([0.9, 0.6]))
    >>> low.round(12).tolist(), high.round(12).tolist()
    ([0.4, 0.3], [0.7, 0.6])
    """
    low = np.maximum(lower, 1.0 - (upper.sum(axis=-1, keepdims=True) - upper))
    high = np.minimum(upper, 1.0 - (lower.sum(axis=-1, keepdims=True) - lower))
    return low, np.maximum(low, high)


def checked(node: AnyNode, pair: tuple[npt.ArrayLike, npt.ArrayLike]) -> Pair:
    """Lower and upper table of a node, tightened.

    Raises
    ------
    MisuseError
        Tables of another shape, entries out of order, a row that no law fits.
    """
    low, high = (np.array(table, dtype=np.float64) for table in pair)
    shape = (*node.sizes, len(node.states))
    for text, table in (("lower", low), ("upper", high)):
        if table.shape != shape:
            raise MisuseError(
                f"node {node.name}: the {text} table has shape {table.shape}, its own has {shape}"
            )
    # written so that NaN is refused too
    if not np.all((low >= 0.0) & (low <= high) & (high <= 1.0)):
        raise MisuseError(f"node {node.name}: entries must hold 0 <= lower <= upper <= 1")
    wrong = ~((low.sum(axis=-1) <= 1.0 + 1e-9) & (high.sum(axis=-1) >= 1.0 - 1e-9))
    if np.any(wrong):
        row = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise MisuseError(
            f"node {node.name}: no law lies between the entries of row {row}: the lower ones add "
            f"to {low[row].sum():g} and the upper ones to {high[row].sum():g}; at most and at "
            "least 1 are allowed"
        )
    return tightened(low, high)


def filled(low: Array, high: Array, gain: Array) -> Array:
    """The laws that make the sum of law times gain greatest, row by row.

    All start at their lower entries; what is left goes to the largest gains first.

    Examples
    --------
    >>> low, high = np.array([0.1, 0.2, 0.0]), np.array([0.6, 0.9, 0.5])
    >>> filled(low, high, np.array([3.0, 1.0, 2.0])).round(12).tolist()
    [0.6, 0.2, 0.2]
    """
    low, high, gain = np.broadcast_arrays(low, high, gain)
    order = np.argsort(-gain, axis=-1, kind="stable")
    room = np.take_along_axis(high - low, order, axis=-1)
    left = 1.0 - low.sum(axis=-1, keepdims=True) - (np.cumsum(room, axis=-1) - room)
    more = np.empty_like(room)
    np.put_along_axis(more, order, np.clip(left, 0.0, room), axis=-1)
    best: Array = low + more
    return best


def middle(low: Array, high: Array) -> Array:
    """The law on the way from all lower to all upper entries.

    No entry of it is 0 that can be more, so what cannot happen under it never can.

    Examples
    --------
    >>> middle(np.array([0.0, 0.5]), np.array([0.4, 1.0])).round(12).tolist()
    [0.222222222222, 0.777777777778]
    """
    room = high - low
    width = room.sum(axis=-1, keepdims=True)
    missing = 1.0 - low.sum(axis=-1, keepdims=True)
    share = np.divide(missing, width, out=np.zeros_like(width), where=width > 0.0)
    law: Array = low + share.clip(0.0, 1.0) * room
    return law


def corners(low: Array, high: Array) -> Array:
    """The corners of one row, shape (corners, states): all entries but one are at an end.

    Examples
    --------
    >>> corners(np.array([0.2, 0.3]), np.array([0.7, 0.8])).round(12).tolist()
    [[0.2, 0.8], [0.7, 0.3]]
    """
    least, most = low.tolist(), high.tolist()
    size = len(least)
    found: dict[tuple[float, ...], tuple[float, ...]] = {}
    for free in range(size):
        ends = [tuple({least[k], most[k]}) for k in range(size) if k != free]
        for others in itertools.product(*ends):
            rest = 1.0 - math.fsum(others)
            if least[free] - 1e-12 <= rest <= most[free] + 1e-12:
                own = min(max(rest, least[free]), most[free])
                corner = (*others[:free], own, *others[free:])
                # the same corner comes from several free entries, up to rounding
                found.setdefault(tuple(round(x, 12) for x in corner), corner)
    return np.array(sorted(found.values()))


WORK = 1 << 26
"""Cells of a network times doubted tables beyond which bounds are refused: they take minutes."""


class Task:
    """What is asked, checked and with all that cannot matter left out."""

    def __init__(
        self,
        net: Network,
        intervals: Intervals,
        node: str,
        state: str,
        findings: Findings,
    ) -> None:
        self.place = net.state(node, state)
        findings.checked(net)
        if findings.target:
            raise MisuseError("bounds are taken under findings and likelihoods, not targets")
        if node in findings.hard or node in findings.do:
            raise AssessmentError(f"{node} is known for certain, so no table moves it")
        pairs = {name: checked(net.node(name), pair) for name, pair in intervals.items()}
        pairs = {name: pair for name, pair in pairs.items() if name not in findings.do}
        self.whole = done(tabled(net), findings.do)
        self.node, self.findings = node, Findings(findings.hard, findings.likelihood)
        wanted = [node, *findings.hard, *findings.likelihood]
        self.net = Network(self.whole.above(wanted))
        self.vectors = self._seen()
        self.used = [each.name for each in self.net.ordered]
        self.pairs = {name: pairs[name] for name in self.used if name in pairs}
        inside = {name: middle(*pair) for name, pair in self.pairs.items()}
        self.middle = self.with_tables(inside)
        session = Session(self.middle)
        session.know(self.findings)  # what no tables let happen is refused here
        work = session.cells * len(self.pairs)
        if work > WORK:
            raise AssessmentError(
                f"bounds would take too long: {len(self.pairs):,} doubted tables in a network of "
                f"{session.cells:,} cells; doubt the tables of fewer nodes"
            )

    def _seen(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for name, state in self.findings.hard.items():
            found[name] = np.zeros(self.net.sizes[name])
            found[name][self.net.state(name, state)] = 1.0
        for name, likelihood in self.findings.likelihood.items():
            found[name] = np.asarray(likelihood, dtype=np.float64) / max(likelihood)
        return found

    def with_tables(self, tables: Mapping[str, Array]) -> Network:
        """The network with other tables."""
        nodes = [self.net.node(name) for name in tables]
        return self.net.replaced(
            *(Node(n.name, n.states, n.parents, tables[n.name]) for n in nodes)
        )

    def completed(self, net: Network) -> Network:
        """The whole network with the tables of what can matter."""
        return self.whole.replaced(*(net.node(name) for name in self.pairs))

    def limits(self, name: str) -> Pair:
        """Lower and upper table; the same where there is no interval."""
        table = self.net.node(name).table
        return self.pairs.get(name, (table, table))

    def at(self, name: str) -> tuple[slice | int, ...]:
        """Where in a table the parents have the states that were seen of them."""
        hard, node = self.findings.hard, self.net.node(name)
        return tuple(
            self.net.state(parent, hard[parent]) if parent in hard else slice(None)
            for parent in node.parents
        )
