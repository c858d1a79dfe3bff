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

from perilscope.engines.networks.moral import Moral, least

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
        cells, width = least(tables, sizes, limit)
        if cells > limit:
            return Cliques((), (), (), Cost(cells, cells, width, stopped=True))
    found = _eliminated(tables, sizes, Moral.fill, limit)
    if len(sizes) <= 400 or found.cost.stopped or found.cost.total > _DEAR:
        found = _cheaper(found, _eliminated(tables, sizes, Moral.weight, limit))
    if found.cost.total > _DEAR and len(sizes) <= _SLOW:
        found = _cheaper(found, _eliminated(tables, sizes, Moral.fill_cells, limit))
    return found


_PROVE = 200
"""Variables below which a search is quick whatever it finds."""
_SLOW = 1200
"""Variables above which the third order is not looked for: a refusal should take no second."""
_DEAR = 1 << 20
"""Cells of all cliques together beyond which a better order is worth looking for."""


def _cheaper(one: Cliques, other: Cliques) -> Cliques:
    """The one with fewer cells, the first where both have as many."""
    return min(one, other, key=lambda found: (found.cost.stopped, found.cost.total))


Rule = Callable[[Moral, str], int]


def _eliminated(
    tables: Sequence[Scope], sizes: Mapping[str, int], rule: Rule, limit: float
) -> Cliques:
    place = {name: i for i, name in enumerate(sizes)}
    graph = Moral(tables, sizes)
    place = graph.place
    heap = [(rule(graph, name), place[name], name) for name in sizes]
    heapq.heapify(heap)
    now = {name: score for score, _, name in heap}
    found: list[frozenset[str]] = []
    order: list[str] = []
    largest = total = width = 0
    while heap:
        score, _, name = heapq.heappop(heap)
        if name not in graph.near or now[name] != score:
            continue  # out of date
        around = frozenset(graph.near[name])
        cells = graph.weight(name)
        largest, total, width = max(largest, cells), total + cells, max(width, len(around))
        if cells > limit:
            return Cliques((), (), (), Cost(largest, total, width, stopped=True))
        order.append(name)
        found.append(around | {name})
        for changed in graph.remove(name):
            score = rule(graph, changed)
            if score != now[changed]:
                now[changed] = score
                heapq.heappush(heap, (score, place[changed], changed))
    return _tree(found, order, place, sizes)


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
