# SPDX-License-Identifier: Apache-2.0
"""From a network to a tree of cliques, and what inference in it would cost, before any table is.

The variables are eliminated in an order that adds few edges (min-fill) or makes small tables
(min-weight), whichever costs less; ties go by the order of declaration, so the tree is always the
same. Where both are dear a third is tried (few edges, weighed by their cells), and where no order
at all can do, that is proved first, by the largest clique that contracting edges must leave.
Source: Koller and Friedman (2009), sections 9.4 and 10.4; Bodlaender and Koster, "Treewidth
computations II", Information and Computation 209 (2011), for the lower bound.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Scope = tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """What a tree of cliques would take.

    Parameters
    ----------
    largest, total : int
        Cells of the largest clique and of all; where ``stopped``, of those found so far.
    width : int
        Variables in the largest clique, less one: the treewidth of the order found.
    stopped : bool
        Whether the search was given up because a clique was beyond the limit.
    """

    largest: int
    total: int
    width: int
    stopped: bool = False


@dataclass(frozen=True)
class Cliques:
    """A tree of cliques, the root last; every clique but roots has a parent after it.

    Parameters
    ----------
    scopes : tuple of tuple of str
        Variables of each clique, in the order of declaration.
    parents : tuple of int
        Place of each clique's parent; -1 for a root (one for each part of the network that hangs
        together).
    separators : tuple of tuple of str
        What each shares with its parent.
    cost : Cost
    """

    scopes: tuple[Scope, ...]
    parents: tuple[int, ...]
    separators: tuple[Scope, ...]
    cost: Cost


def cliques(scopes: Iterable[Scope], sizes: Mapping[str, int], limit: float = math.inf) -> Cliques:
    """The cheaper of the trees that min-fill and min-weight find.

    Parameters
    ----------
    scopes : iterable of tuple of str
        The variables of every table.
    sizes : mapping of str to int
        States of each variable, in the order of declaration.
    limit : float
        Cells of a clique beyond which the search is given up.

    Examples
    --------
    A chain is cut into pairs:

    >>> found = cliques([("a",), ("a", "b"), ("b", "c")], {"a": 2, "b": 2, "c": 2})
    >>> found.scopes, found.cost.total
    ((('a', 'b'), ('b', 'c')), 8)
    """
    tables = list(scopes)
    if len(sizes) > _PROVE and limit < math.inf:
        bound = _least(tables, sizes, limit)
        if bound.stopped:
            return Cliques((), (), (), bound)
    found = _eliminated(tables, sizes, _fill, limit)
    if len(sizes) <= 400 or found.cost.stopped or found.cost.total > _DEAR:
        found = _cheaper(found, _eliminated(tables, sizes, _weight, limit))
    if found.cost.stopped or found.cost.total > _DEAR:
        found = _cheaper(found, _eliminated(tables, sizes, _fill_cells, limit))
    return found


_PROVE = 24
"""Variables below which a search is quick whatever it finds."""
_DEAR = 1 << 20
"""Cells of all cliques together beyond which a better order is worth looking for."""


def _cheaper(one: Cliques, other: Cliques) -> Cliques:
    """The one with fewer cells, the first where both have as many."""
    return min(one, other, key=lambda found: (found.cost.stopped, found.cost.total))


Near = dict[str, set[str]]
Rule = Callable[[str, Near, Mapping[str, int]], int]


def _fill(name: str, near: Near, _sizes: Mapping[str, int]) -> int:
    """Edges that eliminating a variable would add."""
    around = near[name]
    present = sum(len(near[other] & around) for other in around)
    return (len(around) * (len(around) - 1) - present) // 2


def _weight(name: str, near: Near, sizes: Mapping[str, int]) -> int:
    """Cells of the table that eliminating a variable would make."""
    return math.prod(sizes[other] for other in near[name]) * sizes[name]


def _fill_cells(name: str, near: Near, sizes: Mapping[str, int]) -> int:
    """Cells of the edges that eliminating a variable would add."""
    around = near[name]
    states = sum(sizes[other] for other in around)
    twice = 0
    for other in around:
        present = sum(sizes[third] for third in near[other] & around)
        twice += sizes[other] * (states - sizes[other] - present)
    return twice // 2


def _moral(tables: Sequence[Scope], sizes: Mapping[str, int]) -> Near:
    """Which variables stand in a table together."""
    near: Near = {name: set() for name in sizes}
    for scope in tables:
        for name in scope:
            near[name].update(scope)
    for name, around in near.items():
        around.discard(name)
    return near


def _least(tables: Sequence[Scope], sizes: Mapping[str, int], limit: float) -> Cost:
    """What every order must at least make, found until that is beyond the limit.

    Contracting an edge leaves a graph that is no harder; in any graph the first variable to go
    has a clique with no fewer cells than the cheapest variable's has.
    """
    near, own = _moral(tables, sizes), dict(sizes)
    place = {name: i for i, name in enumerate(sizes)}

    def cells(name: str) -> int:
        return own[name] * math.prod(own[other] for other in near[name])

    now = {name: cells(name) for name in sizes}
    heap = [(score, place[name], name) for name, score in now.items()]
    heapq.heapify(heap)
    largest = width = 0
    while heap:
        score, _, name = heapq.heappop(heap)
        if name not in near or now[name] != score:
            continue  # out of date
        width = len(near[name]) if score > largest else width
        largest = max(largest, score)
        if largest > limit:
            return Cost(largest, largest, width, stopped=True)
        around = near.pop(name)
        for other in around:
            near[other].discard(name)
        if around:
            into = min(around, key=lambda other: (len(near[other] & around), place[other]))
            own[into] = min(own[into], own[name])
            for other in around - near[into] - {into}:
                near[other].add(into)
                near[into].add(other)
            for other in around | near[into]:
                now[other] = cells(other)
                heapq.heappush(heap, (now[other], place[other], other))
    return Cost(largest, largest, width)


def _eliminated(
    tables: Sequence[Scope], sizes: Mapping[str, int], rule: Rule, limit: float
) -> Cliques:
    place = {name: i for i, name in enumerate(sizes)}
    near = _moral(tables, sizes)
    heap = [(rule(name, near, sizes), place[name], name) for name in sizes]
    heapq.heapify(heap)
    now = {name: score for score, _, name in heap}
    found: list[frozenset[str]] = []
    order: list[str] = []
    largest = total = width = 0
    while heap:
        score, _, name = heapq.heappop(heap)
        if name not in near or now[name] != score:
            continue  # out of date
        around = near.pop(name)
        cells = math.prod(sizes[other] for other in around) * sizes[name]
        largest, total, width = max(largest, cells), total + cells, max(width, len(around))
        if cells > limit:
            return Cliques((), (), (), Cost(largest, total, width, stopped=True))
        order.append(name)
        found.append(frozenset((name, *around)))
        for changed in _joined(name, around, near):
            now[changed] = rule(changed, near, sizes)
            heapq.heappush(heap, (now[changed], place[changed], changed))
    return _tree(found, order, place, sizes)


def _joined(name: str, around: set[str], near: Near) -> list[str]:
    """Join what was around a variable that is gone; the variables whose score may have changed."""
    changed = set(around)
    for other in around:
        near[other].discard(name)
        new = around - near[other] - {other}
        if new:
            near[other] |= new
            changed |= near[other]
    return sorted(changed)


def _tree(
    found: Sequence[frozenset[str]],
    order: Sequence[str],
    place: Mapping[str, int],
    sizes: Mapping[str, int],
) -> Cliques:
    """Join each clique to that of its next variable to go, and drop those inside another."""
    when = {name: i for i, name in enumerate(order)}
    parent = [
        min((when[other] for other in clique if when[other] > i), default=-1)
        for i, clique in enumerate(found)
    ]
    # a clique that lies inside its child's (they differ by the child's own variable) gives way
    host = list(range(len(found)))
    for i, above in enumerate(parent):
        if above >= 0 and found[above] <= found[_host(host, i)]:
            host[above] = _host(host, i)
    kept = [i for i in range(len(found)) if host[i] == i]
    at = {i: k for k, i in enumerate(kept)}
    above_of: dict[int, int] = {}
    for i in range(len(found)):
        up = parent[i]
        one = _host(host, i)
        other = _host(host, up) if up >= 0 else -1
        if other not in (one, -1):
            above_of[one] = other
    scopes = [tuple(sorted(found[i], key=place.__getitem__)) for i in kept]
    parents = [at[above_of[i]] if i in above_of else -1 for i in kept]
    return _sorted(scopes, parents, place, sizes)


def _host(host: list[int], i: int) -> int:
    while host[i] != i:
        i = host[i]
    return i


def _sorted(
    scopes: list[Scope], parents: list[int], place: Mapping[str, int], sizes: Mapping[str, int]
) -> Cliques:
    """Children before parents."""
    depth: list[int] = []
    for i in range(len(scopes)):
        steps, up = 0, parents[i]
        while up >= 0:
            steps, up = steps + 1, parents[up]
        depth.append(steps)
    order = sorted(range(len(scopes)), key=lambda i: (-depth[i], i))
    at = {i: k for k, i in enumerate(order)}
    ups = tuple(at[parents[i]] if parents[i] >= 0 else -1 for i in order)
    own = tuple(scopes[i] for i in order)
    between = tuple(
        tuple(name for name in own[k] if up >= 0 and name in own[up]) for k, up in enumerate(ups)
    )
    cells = [math.prod(sizes[name] for name in scope) for scope in own]
    widest = max((len(scope) for scope in own), default=1)
    return Cliques(own, ups, between, Cost(max(cells, default=0), sum(cells), widest - 1))
