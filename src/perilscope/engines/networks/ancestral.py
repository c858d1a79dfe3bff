# SPDX-License-Identifier: Apache-2.0
"""Draws from a network, parents before children, by look-up in tables of whole thresholds.

Each node has its own stream of random numbers, named by the seed, the node and a block of rows.
So the bits are the same for any number of workers and any cut of the rows; more rows leave the
first ones as they were, and a new node moves no draw of the nodes above or beside it.

A state is drawn with one number of 31 bits: every probability is met within 2^-31 (4.7e-10), far
below what a sample can tell. A probability of exactly 0 is never drawn, one of exactly 1 always;
states rarer than 2^-31 may not be drawn at all and want exact inference.

Source: Henrion (1988) for sampling in the order of the graph; Fung and Chang (1990), Shachter and
Peot (1990) for likelihood weighting; Salmon et al. (2011) for streams that are counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import AnyNode, Array, Network
from perilscope.engines.networks.session import NOTHING, done
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

Column = NDArray[np.int8] | NDArray[np.int16]
Draws = dict[str, Column]

BLOCK = 1 << 16
"""Rows that share a stream and stay near the processor. Another size would be other numbers."""
MANY = 16
"""States from which one search in a sorted table is faster than one comparison for each."""

_BITS = 31
_PURPOSE = "ancestral"


@dataclass(frozen=True, eq=False)
class _Plan:
    """How one node is drawn.

    Parameters
    ----------
    name : str
    parents : tuple of (str, int)
        Parents and the number of their states, the last changing fastest.
    limits : array, shape (states - 1, rows of the table)
        A state is the number of limits of its row that lie below the random number.
    kind : numpy.dtype
        Of the column.
    """

    name: str
    parents: tuple[tuple[str, int], ...]
    limits: NDArray[np.int32]
    kind: np.dtype[Any]


def _plan(node: AnyNode) -> _Plan:
    states = len(node.states)
    running = np.cumsum(node.table.reshape(-1, states), axis=1)
    # a division by the last makes the end exactly 1, also where trailing states have no chance
    shares = running[:, :-1] / running[:, -1:]
    # one below the threshold, so that 0 and 2^31 both fit into 32 bits with a sign
    limits = np.rint(np.ldexp(shares, _BITS)).astype(np.int64) - 1
    kind = np.min_scalar_type(~states)
    parents = tuple(zip(node.parents, node.sizes, strict=True))
    return _Plan(node.name, parents, np.ascontiguousarray(limits.T, dtype=np.int32), kind)


def _numbers(seed: int, name: str, block: int, rows: int) -> NDArray[np.int32]:
    """Whole numbers of 31 bits, one for each row of a block from its first."""
    raw = stream(seed, name, _PURPOSE, block).bit_generator.random_raw((rows + 1) // 2)
    raw &= np.uint64(0x7FFFFFFF7FFFFFFF)
    # the lower half of each word comes first on every machine
    halves: NDArray[np.int32] = raw.astype("<u8", copy=False).view("<i4")[:rows]
    return halves


def _rows(parents: Sequence[tuple[str, int]], drawn: Draws) -> NDArray[np.intp] | int:
    """The row of a table that each draw of its parents picks; 0 for all without parents."""
    if not parents:
        return 0
    number = math.prod(size for _, size in parents)
    # sums stay below the number of rows, so the smallest integers that hold it are enough
    small = np.uint8 if number < 1 << 8 else np.uint16 if number < 1 << 16 else np.intp
    (first, _), *others = parents
    at: Any = drawn[first].astype(small)
    for name, size in others:
        at *= small(size)
        at += drawn[name].astype(small, copy=False)
    wide: NDArray[np.intp] = at.astype(np.intp)
    return wide


def _fill(plan: _Plan, numbers: NDArray[np.int32], drawn: Draws) -> None:
    """Draw one node from its random numbers and its parents."""
    at, out = _rows(plan.parents, drawn), drawn[plan.name]
    below, rows = plan.limits.shape
    if below == 0:
        out[...] = 0
    elif below < MANY:
        first = numbers > _taken(plan.limits[0], at)
        out[...] = first.view(np.int8)
        for limits in plan.limits[1:]:
            out += (numbers > _taken(limits, at)).view(np.int8)
    else:
        lifted = (np.arange(rows, dtype=np.int64) << _BITS)[:, None] + plan.limits.T
        wanted = (np.asarray(at, dtype=np.int64) << _BITS) + numbers
        # limits are one below their thresholds: those of the rows before lie below any number
        out[...] = np.searchsorted(lifted.ravel(), wanted) - np.asarray(at) * below


def _taken(values: NDArray[Any], at: NDArray[np.intp] | int) -> Any:
    # every place is inside, and clipping spares the buffer that checking needs
    return values[at] if isinstance(at, int) else values.take(at, mode="clip")


def _block(plans: Sequence[_Plan], seed: int, block: int, drawn: Draws, rows: int) -> None:
    """The first rows of a block, into the columns that are there already and into new ones."""
    for plan in plans:
        if plan.name not in drawn:
            drawn[plan.name] = np.empty(rows, dtype=plan.kind)
        _fill(plan, _numbers(seed, plan.name, block, rows), drawn)


def draw(
    net: Network,
    n: int,
    seed: int,
    *,
    workers: int = 1,
    names: Sequence[str] | None = None,
    start: int = 0,
) -> Draws:
    """Independent draws of all nodes, or of some.

    Parameters
    ----------
    net : Network
    n : int
        Number of rows.
    seed : int
    workers : int
        Threads; they change no bit.
    names : sequence of str, optional
        The nodes that are kept, in this order; all by default. Nodes that none of them descends
        from are not drawn, and it changes no bit of the others.
    start : int
        The first row, so that a long sample can be drawn in pieces.

    Returns
    -------
    dict of node to integer array, shape (n,)
        Places of states: 8 bits, 16 for nodes of more than 127 states. See `to_rows`.

    Raises
    ------
    MisuseError
        A node that does not exist, a number of rows or workers that is not allowed.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.0, 1.0]]))
    >>> found = draw(Network((rain, wet)), 10_000, 1)
    >>> bool(np.all(found["wet"][found["rain"] == 1] == 1))
    True
    >>> abs(float(found["rain"].mean()) - 0.2) < 0.02
    True
    """
    _allowed(n, workers, start)
    kept = [node.name for node in net.nodes] if names is None else list(names)
    wanted = {node.name for node in net.above(kept)}
    plans = [_plan(node) for node in net.ordered if node.name in wanted]
    kinds = {plan.name: plan.kind for plan in plans}
    found: Draws = {name: np.empty(n, dtype=kinds[name]) for name in kept}

    def work(block: int) -> None:
        begin = max(start - block * BLOCK, 0)
        end = min(start + n - block * BLOCK, BLOCK)
        place = block * BLOCK + begin - start
        parts = {name: column[place : place + end - begin] for name, column in found.items()}
        drawn = dict(parts) if begin == 0 else {}
        _block(plans, seed, block, drawn, end)
        if begin > 0:
            for name, part in parts.items():
                part[...] = drawn[name][begin:]

    _each(work, range(start // BLOCK, -(-(start + n) // BLOCK)), workers)
    return found


def _each(work: Any, blocks: range, workers: int) -> None:
    if workers == 1 or len(blocks) <= 1:
        for block in blocks:
            work(block)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, blocks))  # what is raised inside is raised here


def _allowed(n: int, workers: int, start: int) -> None:
    for text, value, least in (("n", n, 1), ("workers", workers, 1), ("start", start, 0)):
        if value < least:
            raise MisuseError(f"draws: {text} is {value}; it must be at least {least}")


def to_rows(net: Network, drawn: Mapping[str, Column]) -> Iterator[dict[str, str]]:
    """Draws as people read them: a mapping of node to state for each row, made one by one.

    Raises
    ------
    MisuseError
        A column of a node that does not exist.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> sure = Network((Node("rain", ("no", "yes"), (), np.array([0.0, 1.0])),))
    >>> list(to_rows(sure, draw(sure, 2, 1)))
    [{'rain': 'yes'}, {'rain': 'yes'}]
    """
    states = [net.node(name).states for name in drawn]
    columns = [column.tolist() for column in drawn.values()]
    for row in zip(*columns, strict=True):
        yield {name: own[k] for name, own, k in zip(drawn, states, row, strict=True)}


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws that count by how well they fit what is known.

    Parameters
    ----------
    net : Network
    drawn : dict of node to integer array, shape (rows,)
    weights : array, shape (rows,)
        Only their ratios count; the largest that is possible is 1.
    log_scale : float
        Logarithm of what weights of 1 stand for.
    """

    net: Network
    drawn: Draws
    weights: Array
    log_scale: float

    @property
    def effective(self) -> float:
        """Rows of equal weight that would tell as much (Kong 1992)."""
        return float(self.weights.sum() ** 2 / np.square(self.weights).sum())

    @property
    def log_probability(self) -> float:
        """Estimated log of the probability of what is known."""
        return math.log(float(self.weights.mean())) + self.log_scale

    def law(self, name: str) -> dict[str, tuple[float, float]]:
        """Estimated probability of each state given what is known, and its standard error."""
        if name not in self.drawn:
            raise MisuseError(f"node {name} was not drawn; there are {', '.join(self.drawn)}")
        total, squares = float(self.weights.sum()), np.square(self.weights)
        states, column = self.net.node(name).states, self.drawn[name]
        mass = np.bincount(column, self.weights, len(states)) / total
        own = np.bincount(column, squares, len(states))
        # sum of w^2 (hit - p)^2: hits have (1 - p)^2, all others p^2
        spread = own * (1.0 - mass) ** 2 + (squares.sum() - own).clip(0.0) * mass**2
        errors = np.sqrt(spread) / total
        return dict(zip(states, zip(mass.tolist(), errors.tolist(), strict=True), strict=True))


def weighted(
    net: Network, n: int, seed: int, findings: Findings = NOTHING, *, workers: int = 1
) -> Weighted:
    """Draws under what is known, by likelihood weighting.

    Nodes that were seen keep their state and weigh each row by its probability given the parents.
    Good where what was seen lies near the roots; `Weighted.effective` says how good.

    Parameters
    ----------
    net : Network
    n, seed, workers
        As for `draw`.
    findings : Findings
        Hard findings, likelihoods and interventions; no targets.

    Raises
    ------
    MisuseError
        Findings that do not fit the network; targets; numbers that are not allowed.
    AssessmentError
        If no row at all fits what is known.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.0, 1.0]]))
    >>> found = weighted(Network((rain, wet)), 20_000, 1, Findings(hard={"wet": "yes"}))
    >>> value, error = found.law("rain")["yes"]
    >>> abs(value - 0.2 / 0.28) < 5.0 * error < 0.05
    True
    """
    findings.checked(net)
    if findings.target:
        raise MisuseError("targets are fitted by the junction tree only; leave them out here")
    net = done(net, findings.do)
    cut, scales = _cut(net, findings.hard)
    drawn = draw(cut, n, seed, workers=workers)
    weights, log_scale = np.ones(n), 0.0
    for name, (parents, chances) in scales.items():
        top = float(chances.max())
        if not top > 0.0:
            raise AssessmentError(
                f"this cannot happen in the network: {name}={findings.hard[name]}"
            )
        weights *= _taken(chances / top, _rows(parents, drawn))
        log_scale += math.log(top)
    for name, likelihood in findings.likelihood.items():
        weights *= (np.asarray(likelihood, dtype=np.float64) / max(likelihood))[drawn[name]]
        log_scale += math.log(max(likelihood))
    if not weights.any():
        raise AssessmentError(
            f"none of {n:,} rows fits what is known ({', '.join(findings.items())}); "
            "draw more, or ask for exact inference"
        )
    return Weighted(net, drawn, weights, log_scale)


_Scales = dict[str, tuple[tuple[tuple[str, int], ...], Array]]


def _cut(net: Network, hard: Mapping[str, str]) -> tuple[Network, _Scales]:
    """The network with what was seen fixed, and the chance of each given its parents' rows."""
    scales: _Scales = {}
    for name, state in hard.items():
        node = net.node(name)
        parents = tuple(zip(node.parents, node.sizes, strict=True))
        scales[name] = (parents, node.table[..., node.states.index(state)].ravel())
    return done(net, hard), scales
