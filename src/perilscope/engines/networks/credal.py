# SPDX-License-Identifier: Apache-2.0
"""Bounds of a probability when table entries are only known to lie between two numbers.

Each row of a table may be any law between its lower and upper entries, each row by itself (the
strong extension of a credal network). P(target | seen) is a ratio of two sums that are linear in
every table, so its bounds are met at corners of the rows. Three ways lead to them:

* *exact*: where there are few corners, all of them at once, by one pass in which each row has a
  variable of its own that says which corner it takes;
* *inner*: else a search. All rows of a node are set to their best while the other nodes stand
  still, which is a sum of sorted fills, node after node and from several starts. What it finds is
  met by tables that are handed back, so the true bound is at least as wide;
* *outer*: a row may answer to all that came before it, not to its parents only. More freedom can
  only widen the bound, so no tables lie beyond. Without evidence and where each node
  above the target has one parent at most, this freedom is worth nothing.

Source: Cozman, "Credal networks", Artificial Intelligence 120 (2000); Cano, Cano and Moral (1994)
for variables that choose corners; Dinkelbach, Management Science 13 (1967) for ratios; Iyengar,
Mathematics of Operations Research 30 (2005) for choices that answer to all before them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perilscope.engines.networks.capacity import TOTAL
from perilscope.engines.networks.credal_rows import Intervals, Task, corners, filled, middle
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.junction import Junction
from perilscope.engines.networks.network import CELLS, Array, Factor, Network, Node
from perilscope.engines.networks.session import NOTHING, Session
from perilscope.engines.networks.triangulation import cliques
from perilscope.engines.streams import stream

CORNERS = 20_000
"""Combinations of corners up to which all of them are tried."""
STARTS = 6
"""Starts of the search, the middle of all rows first."""
CLOSE = 1e-10
"""An inner and an outer bound that are this near, as a share of the larger, are called exact."""

_WIDE = 12
"""States of a node up to which the corners of its rows are listed (12 of them have up to 5,544)."""

_CELLS = 1 << 20
"""Cells up to which an outer bound is taken; beyond, it is 0 or 1."""


@dataclass(frozen=True)
class Bound:
    """One end of what a probability can be.

    Parameters
    ----------
    value : float
    kind : str
        ``exact``; ``inner``, which some tables meet and others may pass; or ``outer``, which none
        passes (but for rounding) and maybe none meets.
    """

    value: float
    kind: str


@dataclass(frozen=True, eq=False)
class Bounds:
    """What a probability can be when tables lie between others.

    Parameters
    ----------
    lower, upper : Bound
        Exact or inner: met by ``at_lower`` and ``at_upper``.
    outer_lower, outer_upper : Bound
        Exact or outer.
    at_lower, at_upper : Network
        With tables that meet the first two.
    """

    lower: Bound
    upper: Bound
    outer_lower: Bound
    outer_upper: Bound
    at_lower: Network
    at_upper: Network


def bounds(
    net: Network,
    intervals: Intervals,
    node: str,
    state: str,
    findings: Findings = NOTHING,
    *,
    seed: int = 0,
    most: int = CORNERS,
) -> Bounds:
    """The least and the greatest P(node = state | findings) over all tables between others.

    Parameters
    ----------
    net : Network
        The tables of nodes without intervals; those of the others do not matter.
    intervals : mapping of node to (lower, upper)
        Entries between which its table lies, both in the shape of the table. In each row the lower
        ones add to at most 1 and the upper ones to at least 1.
    node, state : str
        The target.
    findings : Findings
        Hard findings, likelihoods and interventions; no targets. Tables under which they cannot
        happen do not count.
    seed : int
        Of the starts of the search.
    most : int
        Combinations of corners up to which all are tried.

    Raises
    ------
    MisuseError
        Names that do not exist, intervals that no law fits.
    AssessmentError
        A target that is known for certain; findings that cannot happen under any tables.

    Examples
    --------
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> known = {"rain": ([0.7, 0.1], [0.9, 0.3])}
    >>> seen = Findings(hard={"wet": "yes"})
    >>> found = bounds(Network((rain, wet)), known, "rain", "yes", seen)
    >>> round(found.lower.value, 6), round(found.upper.value, 6), found.upper.kind
    (0.470588, 0.774194, 'exact')
    """
    task = Task(net, intervals, node, state, findings)
    sides = _enumerated(task, most)
    if sides is None:
        sides = (_searched(task, -1, seed), _searched(task, 1, seed))
    (low, under, at_low), (high, over, at_high) = sides
    low_kinds, high_kinds = _kinds(low, under), _kinds(high, over)
    return Bounds(
        Bound(low, low_kinds[0]),
        Bound(high, high_kinds[0]),
        Bound(under, low_kinds[1]),
        Bound(over, high_kinds[1]),
        task.completed(at_low),
        task.completed(at_high),
    )


_Side = tuple[float, float, Network]


def _kinds(inner: float, outer: float) -> tuple[str, str]:
    near = abs(inner - outer) <= CLOSE * max(inner, outer)
    return ("exact", "exact") if near else ("inner", "outer")


# --- all corners at once


@dataclass(frozen=True, eq=False)
class _Row:
    """A row that is open, its corners, and the name of the variable that chooses one."""

    node: str
    at: tuple[int, ...]
    corners: Array
    chooser: str


def _open(task: Task, most: int) -> list[_Row] | None:
    """Rows that are open and can matter; None where they have too many corners."""
    found: list[_Row] = []
    number = 1
    for name, (low, high) in task.pairs.items():
        matters = np.zeros(low.shape[:-1], dtype=np.bool_)
        matters[task.at(name)] = True
        for at in np.ndindex(*matters.shape):
            if matters[at] and np.any(high[at] > low[at]):
                if low.shape[-1] > _WIDE:
                    return None
                # no node can have a name that starts like this by chance
                chooser = f"\0{len(found)}"
                found.append(_Row(name, at, corners(low[at], high[at]), chooser))
                number *= len(found[-1].corners)
                if number > most:
                    return None
    return found


def _enumerated(task: Task, most: int) -> tuple[_Side, _Side] | None:
    """Both ends by all combinations of corners; None where there are too many."""
    rows = _open(task, most)
    if rows is None:
        return None
    asked = (*(row.chooser for row in rows), task.node)
    factors = _factors(task, rows)
    sizes = {name: task.net.sizes[name] for name in task.used}
    sizes |= {row.chooser: len(row.corners) for row in rows}
    found = cliques([asked, *(factor.names for factor in factors)], sizes, CELLS)
    if found.cost.stopped or found.cost.total > TOTAL:
        return None
    tree = Junction(factors, sizes, found)
    tree.know(task.vectors)
    weights = tree.weights(asked)[0][..., 0]
    under = weights.sum(axis=-1)
    chances = np.full(under.shape, np.nan)
    np.divide(weights[..., task.place], under, out=chances, where=under > 0.0)
    return _corner(task, rows, chances, np.nanargmin), _corner(task, rows, chances, np.nanargmax)


def _factors(task: Task, rows: list[_Row]) -> list[Factor]:
    """Tables in which each open row is left to the variable that chooses its corner."""
    tables = {name: np.array(task.middle.node(name).table) for name in task.used}
    factors: list[Factor] = []
    for row in rows:
        node = task.net.node(row.node)
        tables[row.node][row.at] = 1.0
        own = np.ones((*node.table.shape, len(row.corners)))
        own[row.at] = row.corners.T
        factors.append(Factor((*node.parents, row.node, row.chooser), own))
    for name, table in tables.items():
        factors.append(Factor((*task.net.node(name).parents, name), table))
    return factors


def _corner(
    task: Task, rows: list[_Row], chances: Array, best: Callable[[Array], np.intp]
) -> _Side:
    place = np.unravel_index(int(best(chances)), chances.shape)
    tables = {name: np.array(task.middle.node(name).table) for name in task.pairs}
    for row, k in zip(rows, place, strict=True):
        tables[row.node][row.at] = row.corners[k]
    value = float(chances[place])
    return value, value, task.with_tables(tables)


# --- a search from inside


def _searched(task: Task, sign: int, seed: int) -> _Side:
    """The best end that some starts lead to, and the outer bound."""
    value, best = _climbed(task, task.middle, sign)
    if value == 0.0:  # least already; or where the middle has no chance, no tables have one
        return value, value, best
    outer = _outer(task, sign)
    for start in range(1, STARTS):
        if _kinds(value, outer)[0] == "exact":
            break
        rng = stream(seed, task.node, "credal", start)
        tables = {}
        for name, (low, high) in task.pairs.items():
            # halfway to a corner: what can be positive stays so
            corner = filled(low, high, rng.random(low.shape))
            tables[name] = 0.5 * (middle(low, high) + corner)
        other, net = _climbed(task, task.with_tables(tables), sign)
        if sign * other > sign * value:
            value, best = other, net
    return value, sign * max(sign * outer, sign * value), best


def _climbed(task: Task, net: Network, sign: int) -> tuple[float, Network]:
    """Set the tables of one node after the other to their best until none gets better."""
    before = math.nan
    value = _chance(task, net)
    while value > 0.0 and not abs(value - before) <= 1e-13 * value:
        before = value
        for name, (low, high) in task.pairs.items():
            value, over, under = _lines(task, net, name)
            if not value > 0.0:
                return 0.0, net
            table = _best(low, high, (over, under, value), sign)
            if table is not None:
                node = net.node(name)
                net = net.replaced(Node(name, node.states, node.parents, table))
        value = _chance(task, net)
    return value, net


def _chance(task: Task, net: Network) -> float:
    session = Session(net)
    session.know(task.findings)
    return session.marginal(task.node)[net.node(task.node).states[task.place]]


def _lines(task: Task, net: Network, name: str) -> tuple[float, Array, Array]:
    """The target, and what each entry of a table adds to P(target, seen) and to P(seen)."""
    session = Session(net)
    session.know(task.findings)
    target = net.node(task.node)
    chance = session.marginal(task.node)[target.states[task.place]]
    under = session.slopes(net.node(name))
    if not chance > 0.0:
        return 0.0, under, under
    vector = np.zeros(len(target.states))
    vector[task.place] = 1.0
    vector *= np.asarray(task.findings.likelihood.get(task.node, 1.0))
    likelihood = {**task.findings.likelihood, task.node: vector.tolist()}
    session.know(Findings(task.findings.hard, likelihood))
    return chance, chance * session.slopes(net.node(name)), under


def _best(low: Array, high: Array, lines: tuple[Array, Array, float], sign: int) -> Array | None:
    """The table of greatest ratio, by Dinkelbach's steps; None where nothing is better.

    Every way things can go uses exactly one entry of a node's table, so both sums are linear in
    all rows at once, without a constant.
    """
    over, under, value = lines
    best: Array | None = None
    while True:
        table = filled(low, high, sign * (over - value * under))
        above, below = float((over * table).sum()), float((under * table).sum())
        if not sign * (above - value * below) > 1e-14 * value * below:
            return best
        value, best = above / below, table


# --- a bound from outside


def _outer(task: Task, sign: int) -> float:
    """An end that no tables pass: the ratio at which the freest choice gains nothing."""
    vector = np.zeros(task.net.sizes[task.node])
    low, high = 0.0, 1.0
    if _gain(task, sign, vector) is None:
        return high if sign > 0 else low
    for _ in range(100):
        between = 0.5 * (low + high)
        vector[:] = -between
        vector[task.place] += 1.0
        gain = _gain(task, sign, vector)
        assert gain is not None
        # above a ratio of the whole both choices lose, below it both win
        if gain > 0.0 or (gain == 0.0 and sign < 0):
            low = between
        else:
            high = between
        if high - low <= 1e-13 * high:
            break
    return high if sign > 0 else low


def _gain(task: Task, sign: int, vector: Array) -> float | None:
    """The greatest (or least) mean of a vector over the target's states, where what was seen is.

    Nodes go from the last to the first, and each row is chosen for every state of all that are
    left, parents or not. None where that would take too large a table.
    """
    hard = task.findings.hard
    value = Factor((task.node,), vector)
    for name in reversed(task.used):
        seen = task.vectors.get(name)
        if name not in value.names and seen is None:
            continue  # its rows add to 1, whatever they are
        parents = [parent for parent in task.net.node(name).parents if parent not in hard]
        left = tuple(dict.fromkeys((*(n for n in value.names if n != name), *parents)))
        if math.prod(task.net.sizes[other] for other in (*left, name)) > _CELLS:
            return None
        gain = value.along((*left, name))
        gain = gain if seen is None else gain * seen
        least, most = (
            Factor((*parents, name), table[task.at(name)]).along((*left, name))
            for table in task.limits(name)
        )
        law = filled(least, most, sign * gain) if name in task.pairs else least
        value = Factor(left, (law * gain).sum(axis=-1))
    return float(value.table)
