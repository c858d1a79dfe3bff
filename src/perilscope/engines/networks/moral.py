# SPDX-License-Identifier: Apache-2.0
"""The moral graph of a network: which variables stand in a table together, and what joining costs.

Neighbours are kept twice, as sets to walk through and as bits of one whole number to count with.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping


class Moral:
    """A graph of variables that go one by one, what was around each joined.

    Parameters
    ----------
    tables : iterable of tuple of str
        The variables of every table.
    sizes : mapping of str to int
        States of each variable, in the order of declaration.

    Examples
    --------
    >>> graph = Moral([("a", "b"), ("b", "c")], {"a": 2, "b": 2, "c": 3})
    >>> graph.fill("b"), graph.weight("b"), graph.fill_cells("b")
    (1, 12, 6)
    >>> sorted(graph.remove("b")), graph.near["a"]
    (['a', 'c'], {'c'})
    """

    def __init__(self, tables: Iterable[tuple[str, ...]], sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self.place = {name: i for i, name in enumerate(sizes)}
        self.near: dict[str, set[str]] = {name: set() for name in sizes}
        for scope in tables:
            for name in scope:
                self.near[name].update(scope)
        self._mask: dict[str, int] = {}
        for name, around in self.near.items():
            around.discard(name)
            self._mask[name] = self._bits(around)
        self._alike: dict[int, int] = {}
        for name, size in sizes.items():
            self._alike[size] = self._alike.get(size, 0) | 1 << self.place[name]

    def _bits(self, names: Iterable[str]) -> int:
        found = 0
        for name in names:
            found |= 1 << self.place[name]
        return found

    def fill(self, name: str) -> int:
        """Edges that removing a variable would add."""
        around, mask = self.near[name], self._mask[name]
        present = sum((self._mask[other] & mask).bit_count() for other in around)
        return (len(around) * (len(around) - 1) - present) // 2

    def weight(self, name: str) -> int:
        """Cells of the table that removing a variable would make."""
        return math.prod(self.sizes[other] for other in self.near[name]) * self.sizes[name]

    def fill_cells(self, name: str) -> int:
        """Cells of the edges that removing a variable would add."""
        mask = self._mask[name]
        twice = 0
        for other in self.near[name]:
            absent = mask & ~self._mask[other] & ~(1 << self.place[other])
            states = sum(k * (absent & alike).bit_count() for k, alike in self._alike.items())
            twice += self.sizes[other] * states
        return twice // 2

    def remove(self, name: str) -> set[str]:
        """Let a variable go and join what was around it; those whose costs may have changed."""
        around = self._cut(name)
        mask = self._bits(around)
        changed = set(around)
        for other in around:
            new = around - self.near[other] - {other}
            if new:
                self.near[other] |= new
                self._mask[other] |= mask & ~(1 << self.place[other])
                changed |= self.near[other]
        return changed

    def contract(self, name: str) -> set[str]:
        """Draw a variable into the neighbour it shares least with; those whose costs may differ.

        The neighbour keeps the states of the smaller of both.
        """
        around = self._cut(name)
        if not around:
            return set()
        mask = self._bits(around)
        into = min(
            around,
            key=lambda other: ((self._mask[other] & mask).bit_count(), self.place[other]),
        )
        self.sizes[into] = min(self.sizes[into], self.sizes[name])
        bit = 1 << self.place[into]
        for other in around - self.near[into] - {into}:
            self.near[other].add(into)
            self._mask[other] |= bit
        self.near[into] |= around - {into}
        self._mask[into] |= mask & ~bit
        return around | self.near[into]

    def _cut(self, name: str) -> set[str]:
        around = self.near.pop(name)
        gone = ~(1 << self.place[name])
        for other in around:
            self.near[other].discard(name)
            self._mask[other] &= gone
        return around


def least(
    tables: Iterable[tuple[str, ...]], sizes: Mapping[str, int], limit: float = math.inf
) -> tuple[int, int]:
    """Cells that the largest clique of every order at least has, found until beyond a limit.

    Contracting an edge leaves a graph that is no harder, and in any graph the first variable to go
    has a clique with no fewer cells than the cheapest variable's.

    Returns
    -------
    (int, int)
        The cells, and how many variables have them, less one.

    Examples
    --------
    Three variables of which any two stand together are one clique, whatever goes first:

    >>> least([("a", "b"), ("b", "c"), ("a", "c")], {"a": 2, "b": 2, "c": 2})
    (8, 2)
    """
    graph = Moral(tables, sizes)
    now = {name: graph.weight(name) for name in sizes}
    heap = [(score, graph.place[name], name) for name, score in now.items()]
    heapq.heapify(heap)
    largest = width = 0
    while heap:
        score, _, name = heapq.heappop(heap)
        if name not in graph.near or now[name] != score:
            continue  # out of date
        if score > largest:
            largest, width = score, len(graph.near[name])
        if largest > limit:
            break
        for other in graph.contract(name):
            now[other] = graph.weight(other)
            heapq.heappush(heap, (now[other], graph.place[other], other))
    return largest, width
