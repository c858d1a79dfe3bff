# SPDX-License-Identifier: Apache-2.0
"""Conditional tables learnt from records, complete or with gaps, on top of what was believed.

Every row of a table is a Dirichlet law with pseudo-counts ess / rows of the table x prior row. What
is maximised is

    log-likelihood of what was seen + sum over cells of pseudo-count x log probability,

with ``ess`` 0 the likelihood alone. Where nothing is missing the result is in closed form the mean
of the posterior law of each row; with gaps it is the limit of EM (`expectation`), which reaches a
highest point near where it starts, made faster by squared extrapolation that is taken only where
the objective rises.

Source: Heckerman, "A tutorial on learning with Bayesian networks" (1995); Dempster, Laird and
Rubin (1977); Genest and Zidek, "Combining probability distributions", Stat. Sci. 1 (1986).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks.expectation import (
    Expecting,
    Layout,
    Patterns,
    distinct,
    expecting,
    gathered,
)
from perilscope.engines.networks.extrapolation import squared
from perilscope.engines.networks.network import Array, Network, Node
from perilscope.engines.networks.records import MISSING, Places, Records
from perilscope.errors import AssessmentError, MisuseError

CLOSE = 1e-9
"""Largest change of a probability in a plain step at which learning has come to rest."""
FLAT = 1e-15
"""Relative rise of the objective below which its rounding hides all further progress."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """A network with learnt tables, and how far they can be trusted.

    Parameters
    ----------
    net : Network
    log_likelihood, objective : tuple of float
        Of what was seen, and with the prior's term added, at each step taken; the last is that of
        ``net``. The objective never falls by more than its rounding.
    counts : dict of node to array, in the shape of its table
        Weight of the records in each cell; what was not seen is shared out as it is expected.
    seen : dict of node to array, in the shape of its table
        Weight of the records in which the node and all its parents were seen.
    pseudo : dict of node to array, in the shape of its table
        What the prior adds. A learnt row is counts + pseudo, divided by their sum.
    patterns : int
        Different records.
    rounds : int
        Points at which expected counts were taken, refused extrapolations among them.
    converged : bool
        False where the limit of rounds came first.
    """

    net: Network
    log_likelihood: tuple[float, ...]
    objective: tuple[float, ...]
    counts: dict[str, Array]
    seen: dict[str, Array]
    pseudo: dict[str, Array]
    patterns: int
    rounds: int
    converged: bool

    def spread(self, name: str, *, only_seen: bool = False) -> Array:
        """Standard deviation of each entry of a table under the Dirichlet law of its row.

        Shared-out counts are taken as if they had been seen, so with gaps this is too narrow;
        with ``only_seen`` they are left out, which is too wide.
        """
        mean = self.net.node(name).table
        told = self.seen if only_seen else self.counts
        strength = (told[name] + self.pseudo[name]).sum(axis=-1, keepdims=True)
        spread: Array = np.sqrt(mean * (1.0 - mean) / (strength + 1.0))
        return spread


def learn(
    net: Network,
    records: Records,
    *,
    prior: Literal["table", "uniform"] = "table",
    ess: float | Mapping[str, float] = 1.0,
    keep: Collection[str] = (),
    begin: Network | None = None,
    rounds: int = 200,
) -> Learnt:
    """Tables from records, by counting where nothing is missing and by EM where something is.

    Parameters
    ----------
    net : Network
    records : Records
        States must be missing at random: that one was not seen must not depend on what it was.
    prior : str
        Mean of the prior law: the ``table`` that stands in the network, or ``uniform``.
    ess : float or mapping of node to float
        Equivalent sample size of each table: so many records the prior is worth, spread equally
        over the rows. 0 for maximum likelihood; a row without records then stays as it is.
    keep : collection of str
        Nodes whose tables stay as they are.
    begin : Network, optional
        The same nodes with the tables that EM starts from; ``net`` by default.
    rounds : int
        The most times that expected counts are taken.

    Raises
    ------
    MisuseError
        Records or names that do not fit; a node that is never seen and whose states start alike.
    AssessmentError
        A record that cannot happen under tables that are kept or hold zeros; too much to compute.

    Examples
    --------
    >>> net = Network((Node("rain", ("no", "yes"), (), [0.8, 0.2]),))
    >>> records = Records.of(net, [{"rain": "yes"}] * 3 + [{"rain": "no"}, {}])
    >>> learn(net, records, ess=0.0).net.node("rain").table.tolist()
    [0.25, 0.75]
    >>> learn(net, records, ess=5.0).net.node("rain").table.round(6).tolist()
    [0.555556, 0.444444]
    """
    layout = Layout(net)
    fixed = _fixed(layout, keep)
    patterns = _patterns(layout, records)
    engine, seen, whole = expecting(layout, patterns)
    pseudo = np.where(fixed, 0.0, _pseudo(layout, prior, ess))
    problem = _Problem(layout, engine, pseudo, fixed)
    stands = layout.flat(net)
    started = stands if begin is None else np.where(fixed, stands, layout.flat(begin))
    # what was seen whole starts near where it ends; the old row keeps all its states possible
    start = problem.normal(seen + (0.0 if whole else started), started)
    _refuse_twins(layout, layout.tables(start), patterns.places, keep)
    impossible = engine.impossible(start)
    if impossible is not None:
        raise _cannot_happen(layout, patterns, impossible)
    return problem.solved(start, seen, len(patterns.weights), rounds)


def _fixed(layout: Layout, keep: Collection[str]) -> npt.NDArray[np.bool_]:
    fixed = np.zeros(layout.size + 1, dtype=bool)
    fixed[-1] = True
    for name in keep:
        layout.net.node(name)
    for node, span in zip(layout.net.nodes, layout.spans, strict=True):
        fixed[span] = node.name in keep
        if not isinstance(node, Node) and node.name not in keep:
            raise MisuseError(
                f"node {node.name} has no free table to learn: name it in keep, or give it a table"
            )
    return fixed


def _patterns(layout: Layout, records: Records) -> Patterns:
    places = records.fitted(layout.net)
    counted = np.flatnonzero(records.weights > 0.0)
    unique, first, number = distinct(places[counted])
    weights = gathered(number, records.weights[counted], len(unique))
    return Patterns(layout.without_barren(unique), weights, counted[first])


def _pseudo(layout: Layout, prior: str, ess: float | Mapping[str, float]) -> Array:
    if prior not in ("table", "uniform"):
        raise MisuseError(f"no prior is called {prior!r}: table or uniform")
    sizes = ess if isinstance(ess, Mapping) else dict.fromkeys(layout.names, ess)
    for name, size in sizes.items():
        layout.net.node(name)
        if not 0.0 <= size < math.inf:
            raise MisuseError(f"node {name}: ess must be 0 or more, not {size}")
    pseudo = np.zeros(layout.size + 1)
    for node, span, shape in zip(layout.net.nodes, layout.spans, layout.shapes, strict=True):
        rows = node.table.ravel() if prior == "table" else 1.0 / shape[-1]
        pseudo[span] = sizes.get(node.name, 0.0) / math.prod(shape[:-1]) * rows
    return pseudo


def _refuse_twins(
    layout: Layout, tables: dict[str, Array], places: Places, keep: Collection[str]
) -> None:
    """A node never seen with two states that start alike: EM would keep them alike for ever."""
    for k, name in enumerate(layout.names):
        below = [layout.net.node(layout.names[child]) for child in layout.children[k]]
        asked = np.any(places[:, k] == MISSING) and not np.any(places[:, k] >= 0)
        if not asked or all(child.name in keep for child in below):
            continue
        states = layout.net.node(name).states
        axes = [np.moveaxis(tables[c.name], c.parents.index(name), 0) for c in below]
        rows = tables[name].reshape(-1, len(states))
        for i, j in itertools.combinations(range(len(states)), 2):
            crossed = np.outer(rows[:, i], rows[:, j])
            # columns in proportion: how the two share a record does not depend on the parents
            alike = np.allclose(crossed, crossed.T, 1e-12, 0.0)
            if alike and all(np.array_equal(each[i], each[j]) for each in axes):
                raise MisuseError(
                    f"node {name} is never seen, and its states {states[i]} and {states[j]} start "
                    "alike, so no record can tell them apart: give the tables of its children "
                    "different rows for them, here or in begin"
                )


def _cannot_happen(layout: Layout, patterns: Patterns, number: int) -> AssessmentError:
    places = patterns.places[number].tolist()
    pairs = zip(layout.net.nodes, places, strict=True)
    told = ", ".join(f"{node.name}={node.states[k]}" for node, k in pairs if k >= 0)
    return AssessmentError(
        f"record {int(patterns.first[number]) + 1} cannot happen under tables that are kept or "
        f"hold zeros: {told}; a zero never moves where something is missing"
    )


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is maximised, and one step of EM towards it."""

    layout: Layout
    engine: Expecting
    pseudo: Array
    fixed: npt.NDArray[np.bool_]

    def normal(self, counts: Array, before: Array) -> Array:
        """Rows from counts and pseudo-counts; kept tables and empty rows stay as before."""
        after = before.copy()
        rows = self.layout.rows
        cells = (counts + self.pseudo)[:-1]
        sums = np.bincount(rows, weights=cells)[rows]
        free = (sums > 0.0) & ~self.fixed[:-1]
        after[:-1][free] = cells[free] / sums[free]
        return after

    def summed(self, vector: Array) -> Array:
        """Learnt rows brought back to a sum of 1: a long extrapolation magnifies their rounding.

        Rows that sum to more than 1 would look better than any law of probability can be.
        """
        rows, free = self.layout.rows, ~self.fixed[:-1]
        sums = np.bincount(rows, weights=vector[:-1])[rows]
        after = vector.copy()
        after[:-1][free] /= sums[free]
        return after

    def step(self, vector: Array) -> tuple[float, float, Array, Array]:
        """Log-likelihood, objective and expected counts at a point, and where EM goes from it."""
        fit, counts = self.engine.expect(vector)
        told = self.pseudo > 0.0
        with np.errstate(divide="ignore"):
            objective = fit + float(self.pseudo[told] @ np.log(vector[told]))
        return fit, objective, counts, self.normal(counts, vector)

    def solved(self, start: Array, seen: Array, patterns: int, rounds: int) -> Learnt:
        """EM from a start to where it comes to rest."""
        climb = _Climb(self, start, rounds)
        climb.run()
        layout = self.layout
        tables = layout.tables(climb.at)
        learnt = [
            Node(node.name, node.states, node.parents, tables[node.name])
            for node, span in zip(layout.net.nodes, layout.spans, strict=True)
            if not self.fixed[span.start]
        ]
        return Learnt(
            layout.net.replaced(*learnt),
            tuple(climb.fits),
            tuple(climb.objectives),
            layout.tables(climb.counts),
            layout.tables(seen),
            layout.tables(self.pseudo),
            patterns,
            climb.done,
            climb.rest,
        )


class _Climb:
    """The way up: points taken, in pairs of plain steps and an extrapolation behind each pair."""

    def __init__(self, problem: _Problem, start: Array, rounds: int) -> None:
        if rounds < 1:
            raise MisuseError(f"at least one round is needed, not {rounds}")
        self.problem, self.rounds, self.done = problem, rounds, 0
        self.at, self.counts = start, start
        self.fits: list[float] = []
        self.objectives: list[float] = []
        self.rest = False

    def over(self) -> bool:
        """Whether to stop."""
        return self.rest or self.done >= self.rounds

    def _plain(self) -> None:
        """On by one step of EM, which never goes down."""
        self._go(self.at, *self.problem.step(self.at))

    def _go(self, point: Array, fit: float, objective: float, counts: Array, after: Array) -> None:
        self.done += 1
        before = self.objectives[-1] if self.objectives else -math.inf
        hidden = abs(objective - before) <= FLAT * abs(objective)
        self.rest = hidden or float(np.abs(after - point).max()) <= CLOSE
        self.fits.append(fit)
        self.objectives.append(objective)
        self.at, self.counts = after, counts

    def run(self) -> None:
        """Until a plain step changes nothing, or the rounds are used up."""
        while not self.over():
            start = self.at
            self._plain()
            if self.over():
                break
            middle = self.at
            self._plain()
            further = None if self.over() else squared(start, middle, self.at)
            if further is not None:
                further = self.problem.summed(further)
                reached = self.problem.step(further)
                if reached[1] >= self.objectives[-1]:
                    self._go(further, *reached)
                else:
                    self.done += 1
        # the tables handed over are one step beyond the last point that was looked at
        fit, objective, _, _ = self.problem.step(self.at)
        self.fits.append(fit)
        self.objectives.append(objective)


def pooled(
    rows: npt.ArrayLike,
    weights: Sequence[float] | None = None,
    kind: Literal["linear", "logarithmic"] = "linear",
) -> Array:
    """One conditional table from the tables of several experts.

    Parameters
    ----------
    rows : array, shape (experts, ..., states)
        Each expert's row, or whole table; the last axis sums to 1.
    weights : sequence of float, optional
        Of the experts, 0 or more; equal by default. They need not sum to 1.
    kind : str
        ``linear``: the weighted mean, which keeps every state that some expert holds possible.
        ``logarithmic``: the weighted geometric mean, normed, in which each expert with a weight
        can rule a state out.

    Returns
    -------
    array, shape (..., states)

    Raises
    ------
    MisuseError
        Rows that are no laws, weights that do not fit; experts who rule out every state together.

    Examples
    --------
    >>> pooled([[0.9, 0.1], [0.5, 0.5]]).tolist()
    [0.7, 0.3]
    >>> pooled([[0.9, 0.1], [0.5, 0.5]], kind="logarithmic").round(6).tolist()
    [0.75, 0.25]
    """
    table = np.array(rows, dtype=np.float64)
    if kind not in ("linear", "logarithmic"):
        raise MisuseError(f"no pooling is called {kind!r}: linear or logarithmic")
    if table.ndim < 2 or table.size == 0:
        raise MisuseError(f"rows of several experts must have two axes, not shape {table.shape}")
    if not (np.all(table >= 0.0) and np.all(np.abs(table.sum(axis=-1) - 1.0) <= 1e-9)):
        raise MisuseError("a row of an expert is negative or does not sum to 1")
    share = np.array(np.ones(len(table)) if weights is None else weights, dtype=np.float64)
    if share.shape != (len(table),) or not (np.all(share >= 0.0) and 0.0 < share.sum() < np.inf):
        raise MisuseError(f"{len(table)} experts need as many weights of 0 or more, not all 0")
    share /= share.sum()
    if kind == "linear":
        mixed: Array = np.tensordot(share, table, axes=1)
        mixed /= mixed.sum(axis=-1, keepdims=True)
        return mixed
    heard = share > 0.0
    with np.errstate(divide="ignore"):
        logs = np.tensordot(share[heard], np.log(table[heard]), axes=1)
    top = logs.max(axis=-1, keepdims=True)
    if np.any(top == -np.inf):
        raise MisuseError("between them the experts rule out every state of a row: pool linearly")
    scaled: Array = np.exp(logs - top)
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return scaled
