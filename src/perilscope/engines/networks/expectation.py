# SPDX-License-Identifier: Apache-2.0
"""Expected counts of incomplete records under the tables of a network: the E-step of EM.

A record falls apart given what was seen in it: families (a node with its parents) that were seen
whole are only counted, a node that was not seen and below which nothing was seen tells nothing, and
the other missing nodes split into pieces that no family joins. Equal pieces of all records are
treated once, so the work follows the number of different situations and not that of records.

Source: Dempster, Laird and Rubin, JRSS B 39 (1977); Lauritzen, "The EM algorithm for graphical
association models with missing data", Comp. Stat. Data Anal. 19 (1995).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.networks.capacity import cost
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import CELLS, Array, Network, Node
from perilscope.engines.networks.records import MISSING, Places
from perilscope.engines.networks.session import Session
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

OUT = -2
"""The place of a state that does not matter where it stands."""
COMPLETIONS = 1 << 23
"""Completions of all pieces, times families of a piece, that are held (64 MiB of places)."""
PART = 1 << 20
"""Completions, times nodes, that are made at a time."""
WORK = 5e7
"""Records times (cells of the tree + nodes times `STEP`) that a round by trees may take."""
STEP = 2_000
"""What a step of a tree takes beside its cells, measured in cells."""


def distinct(rows: Places) -> tuple[Places, Places, Places]:
    """Different rows in rising order, where each comes first, and for every row its number."""
    if not len(rows):
        none = np.zeros(0, dtype=np.int64)
        return rows, none, none
    # the sort is stable, so the first of equal rows is the one that stands first
    order = np.lexsort(rows.T[::-1]) if rows.shape[1] else np.arange(len(rows))
    ranked = rows[order]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = np.any(ranked[1:] != ranked[:-1], axis=1)
    number = np.empty(len(rows), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    return ranked[fresh], order[fresh], number


def gathered(number: Places, weights: Array, size: int) -> Array:
    """Sums of weights by number; the same to the bit whatever the order of the records."""
    order = np.argsort(weights, kind="stable")
    sums: Array = np.bincount(number[order], weights[order], size).astype(np.float64)
    return sums


class Layout:
    """All tables of a network in one vector, and behind them one cell that is always 1.

    Parameters
    ----------
    net : Network
    """

    def __init__(self, net: Network) -> None:
        self.net = net
        self.names = tuple(node.name for node in net.nodes)
        self.shapes = [node.table.shape for node in net.nodes]
        ends = list(itertools.accumulate((math.prod(s) for s in self.shapes), initial=0))
        self.spans = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.size = ends[-1]
        at = {name: k for k, name in enumerate(self.names)}
        self.families = [[*(at[p] for p in node.parents), at[node.name]] for node in net.nodes]
        self.children = [[at[c] for c in net.children[name]] for name in self.names]
        self.order = [at[node.name] for node in net.ordered]

    def flat(self, net: Network) -> Array:
        """The tables of a network of the same shape as a vector, length size + 1."""
        tables = [net.node(name).table.ravel() for name in self.names]
        return np.concatenate([*tables, np.ones(1)])

    def tables(self, vector: Array) -> dict[str, Array]:
        """The vector cut into tables again."""
        cut = zip(self.names, self.spans, self.shapes, strict=True)
        return {name: vector[span].reshape(shape) for name, span, shape in cut}

    @cached_property
    def rows(self) -> Places:
        """Number of the row of a conditional table that each cell belongs to, length size."""
        long = [np.full(math.prod(s[:-1]), s[-1]) for s in self.shapes]
        lengths = np.concatenate(long)
        return np.repeat(np.arange(len(lengths)), lengths)

    def cells(self, places: Places) -> Places:
        """The cell of each family of each record, shape (records, nodes); below 0 if not seen."""
        found = np.empty(places.shape, dtype=np.int64)
        for k, (family, shape) in enumerate(zip(self.families, self.shapes, strict=True)):
            strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
            own = places[:, family]
            cell = self.spans[k].start + own @ np.array(strides, dtype=np.int64)
            found[:, k] = np.where(np.any(own < 0, axis=1), -1, cell)
        return found

    def without_barren(self, places: Places) -> Places:
        """Missing nodes below which nothing was seen are marked as out: they tell nothing."""
        marked = places.copy()
        for k in reversed(self.order):
            below = np.all(marked[:, self.children[k]] == OUT, axis=1)
            marked[(marked[:, k] == MISSING) & below, k] = OUT
        return marked


@dataclass(frozen=True, eq=False)
class Patterns:
    """Different records with their weights.

    Parameters
    ----------
    places : array, shape (patterns, nodes)
        States; `MISSING`, or `OUT` where a missing state tells nothing.
    weights : array, shape (patterns,)
    first : array, shape (patterns,)
        The record in which each comes first, counted from 0.
    """

    places: Places
    weights: Array
    first: Places


class Expecting(Protocol):
    """What gives expected counts."""

    def expect(self, vector: Array) -> tuple[float, Array]:
        """Log-likelihood of all records, and expected counts of all cells, length size + 1."""

    def impossible(self, vector: Array) -> int | None:
        """The number of a pattern that cannot happen, if there is one."""


class Completions:
    """Every piece is written out in all its completions once; a round is a few gathers.

    Parameters
    ----------
    layout : Layout
    patterns : Patterns
    """

    def __init__(self, layout: Layout, patterns: Patterns) -> None:
        self.size = layout.size
        cells = layout.cells(patterns.places)
        self._whole = cells
        known = cells >= 0
        repeated = np.broadcast_to(patterns.weights[:, None], cells.shape)
        self.seen: Array = np.bincount(cells[known], repeated[known], self.size + 1).astype(
            np.float64
        )
        pieces, self._from = _pieces(layout, patterns.places)
        unique, first, number = distinct(pieces)
        self.weights = gathered(number, patterns.weights[self._from], len(unique))
        self._from = self._from[first]
        self.number = _numbers(layout, unique)
        width = int(_active(layout, unique).sum(axis=1).max(initial=0))
        self.fits = float(self.number.sum()) * width <= COMPLETIONS
        if self.fits:
            self.starts = np.cumsum(self.number) - self.number
            self.cells = _written_out(layout, unique, self.number)

    def _shares(self, vector: Array) -> tuple[Array, Array]:
        """Log-probability of each piece, and the share of each completion in its piece."""
        with np.errstate(divide="ignore"):
            logs = np.log(vector)
        weights = logs[self.cells].sum(axis=0)
        top = np.maximum.reduceat(weights, self.starts)
        top[top == -np.inf] = 0.0
        weights = np.exp(weights - np.repeat(top, self.number))
        sums = np.add.reduceat(weights, self.starts)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(sums) + top, weights / np.repeat(sums, self.number)

    def expect(self, vector: Array) -> tuple[float, Array]:
        """Log-likelihood of all records, and expected counts of all cells, length size + 1."""
        told = self.seen[:-1] > 0.0
        with np.errstate(divide="ignore"):
            fit = float(self.seen[:-1][told] @ np.log(vector[:-1][told]))
        if not len(self.weights):
            return fit, self.seen
        logs, shares = self._shares(vector)
        if fit == -math.inf or np.any(logs == -np.inf):
            return -math.inf, self.seen
        shares *= np.repeat(self.weights, self.number)
        counts = np.bincount(
            self.cells.ravel(), np.tile(shares, len(self.cells)), minlength=self.size + 1
        )
        return fit + float(self.weights @ logs), counts + self.seen

    def impossible(self, vector: Array) -> int | None:
        """The number of a pattern that cannot happen, if there is one."""
        chances = np.append(vector, 1.0)[self._whole]
        chances[self._whole < 0] = 1.0
        bad = np.flatnonzero(np.any(chances <= 0.0, axis=1)).tolist()
        if len(self.weights):
            logs, _ = self._shares(vector)
            bad += self._from[logs == -np.inf].tolist()
        return min(bad, default=None)


def _pieces(layout: Layout, places: Places) -> tuple[Places, Places]:
    """Pieces of the patterns, all else marked as out, and the pattern each piece is from."""
    if not len(places):
        return places, np.zeros(0, dtype=np.int64)
    masks, _, number = distinct(np.where(places < 0, places, 0))
    blocks = [np.zeros((0, places.shape[1]), dtype=np.int64)]
    owners = [np.zeros(0, dtype=np.int64)]
    order = np.argsort(number, kind="stable")
    members = np.split(order, np.searchsorted(number[order], np.arange(1, len(masks))))
    for mask, rows in zip(masks.tolist(), members, strict=True):
        for involved in _components(layout, mask):
            block = np.full((len(rows), places.shape[1]), OUT, dtype=np.int64)
            block[:, involved] = places[np.ix_(rows, np.array(involved))]
            blocks.append(block)
            owners.append(rows)
    return np.concatenate(blocks), np.concatenate(owners)


def _components(layout: Layout, mask: list[int]) -> list[list[int]]:
    """Nodes of the families that missing nodes join, one list for each joined group."""
    groups: list[tuple[set[int], set[int]]] = []
    for k, family in enumerate(layout.families):
        lost = {node for node in family if mask[node] == MISSING}
        if mask[k] == OUT or not lost:
            continue
        nodes = set(family)
        apart = []
        for group in groups:
            if group[0] & lost:
                lost |= group[0]
                nodes |= group[1]
            else:
                apart.append(group)
        groups = [*apart, (lost, nodes)]
    return [sorted(nodes) for _, nodes in groups]


def _numbers(layout: Layout, pieces: Places) -> Places:
    """Number of completions of each piece; capped where it is beyond all use."""
    sizes = np.array([shape[-1] for shape in layout.shapes], dtype=np.float64)
    logs = np.where(pieces == MISSING, np.log(sizes), 0.0).sum(axis=1)
    numbers: Places = np.rint(np.exp(np.minimum(logs, math.log(1e12)))).astype(np.int64)
    return numbers


def _active(layout: Layout, pieces: Places) -> NDArray[np.bool_]:
    """Families that belong to each piece, shape (pieces, nodes)."""
    lost = [np.any(pieces[:, family] == MISSING, axis=1) for family in layout.families]
    active: NDArray[np.bool_] = np.stack(lost, axis=1) & (pieces != OUT)
    return active


def _written_out(layout: Layout, pieces: Places, number: Places) -> Places:
    """Cells of each completion of each piece, shape (families at most, completions)."""
    active = _active(layout, pieces)
    width = int(active.sum(axis=1).max(initial=0))
    front = np.argsort(~active, axis=1, kind="stable")[:, :width]
    ends = np.cumsum(number)
    found = np.empty((width, int(ends[-1]) if len(ends) else 0), dtype=np.int64)
    # part by part, for on the way every node has a column
    parts = np.unique(ends * pieces.shape[1] // PART, return_index=True)[1].tolist()
    for low, high in itertools.pairwise([*parts, len(pieces)]):
        own = slice(low, high)
        owner = np.repeat(np.arange(low, high), number[own])
        full = _completed(layout, pieces[owner], number[own])
        cells = layout.cells(full)
        cells[~active[owner]] = layout.size
        begin = int(ends[low] - number[low])
        found[:, begin : begin + len(owner)] = np.take_along_axis(cells, front[owner], axis=1).T
    return found


def _completed(layout: Layout, full: Places, number: Places) -> Places:
    """Repeated pieces with their missing states counted through."""
    left = np.arange(len(full)) - np.repeat(np.cumsum(number) - number, number)
    for k, shape in enumerate(layout.shapes):
        gap = full[:, k] == MISSING
        full[gap, k] = left[gap] % shape[-1]
        left[gap] //= shape[-1]
    return full


class Trees:
    """One junction tree a round, asked for every pattern: slow, for pieces too large to write out.

    Parameters
    ----------
    layout : Layout
    patterns : Patterns

    Raises
    ------
    AssessmentError
        Where a round would take too long, or no tree holds the network.
    """

    def __init__(self, layout: Layout, patterns: Patterns) -> None:
        self.layout, self.patterns = layout, patterns
        found = cost(layout.net, CELLS)
        number = len(patterns.weights)
        work = number * (found.total + STEP * len(layout.names))
        if found.stopped or work > WORK:
            raise AssessmentError(
                f"learning would take too long: {number:,} different records, each with "
                f"{found.total:,} cells to go through, every round; leave out nodes that were "
                "hardly ever seen, keep fewer states, or learn from fewer records"
            )

    def expect(self, vector: Array) -> tuple[float, Array]:
        """Log-likelihood of all records, and expected counts of all cells, length size + 1."""
        session = self._session(vector)
        counts = np.zeros(self.layout.size + 1)
        fit = 0.0
        for places, weight in zip(
            self.patterns.places.tolist(), self.patterns.weights.tolist(), strict=True
        ):
            try:
                session.know(self._findings(places))
            except AssessmentError:
                return -math.inf, counts
            fit += weight * session.log_probability
            for k, name in enumerate(self.layout.names):
                if places[k] != OUT:
                    span = self.layout.spans[k]
                    slopes = session.slopes(session.net.node(name)).ravel()
                    counts[span] += weight * slopes * vector[span]
        return fit, counts

    def _session(self, vector: Array) -> Session:
        tables = self.layout.tables(vector)
        nodes = self.layout.net.nodes
        return Session(
            Network(tuple(Node(n.name, n.states, n.parents, tables[n.name]) for n in nodes))
        )

    def _findings(self, places: list[int]) -> Findings:
        pairs = zip(self.layout.net.nodes, places, strict=True)
        return Findings(hard={node.name: node.states[k] for node, k in pairs if k >= 0})

    def impossible(self, vector: Array) -> int | None:
        """The number of a pattern that cannot happen, if there is one."""
        session = self._session(vector)
        for number, places in enumerate(self.patterns.places.tolist()):
            try:
                session.know(self._findings(places))
            except AssessmentError:
                return number
        return None


def expecting(layout: Layout, patterns: Patterns) -> tuple[Expecting, Array, bool]:
    """What gives expected counts, the counts seen whole, and whether nothing else is to be done."""
    written = Completions(layout, patterns)
    if written.fits:
        return written, written.seen, not len(written.weights)
    return Trees(layout, patterns), written.seen, False
