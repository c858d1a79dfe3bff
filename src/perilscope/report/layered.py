# SPDX-License-Identifier: Apache-2.0
"""Placing the nodes of a directed graph without cycles in layers, so that arrows point one way.

The steps of Sugiyama, Tagawa and Toda (IEEE Trans. Systems, Man, Cybernetics 11(2), 1981, 109-125):
layers by the longest path from a root, stand-ins where an arrow passes a layer, order within
the layers by barycentres, then places as near to the neighbours as the order allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 8
_PULLS = 12


@dataclass
class Layers:
    """Nodes by layer, and the way of each arrow through the stand-ins.

    Parameters
    ----------
    rows : list of list of str
        Names in each layer, in order; stand-ins among them.
    ways : dict
        (parent, child) to the names passed, both ends included.
    """

    rows: list[list[str]]
    ways: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def arrange(parents: Mapping[str, Sequence[str]]) -> Layers:
    """Return the nodes in layers, ordered so that few arrows cross.

    Parameters
    ----------
    parents : mapping
        Node to its parents, every parent being a node; parents that are not are left out.

    Returns
    -------
    Layers
        The same for the same mapping, order included.

    Examples
    --------
    >>> arrange({"a": [], "b": ["a"], "c": ["a", "b"]}).rows
    [['a'], ['b', '~0'], ['c']]
    """
    known = {name: [each for each in above if each in parents] for name, above in parents.items()}
    depth = _depths(known)
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in known:
        rows[depth[name]].append(name)
    layers = Layers(rows)
    stand_ins = 0
    for child, above in known.items():
        for parent in above:
            way = [parent]
            for level in range(depth[parent] + 1, depth[child]):
                way.append(f"~{stand_ins}")
                rows[level].append(way[-1])
                stand_ins += 1
            layers.ways[parent, child] = [*way, child]
    _order(layers)
    return layers


def _depths(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Longest path from a root; a cycle, which a book cannot hold, would be cut, not followed."""
    depth = dict.fromkeys(parents, 0)
    for _ in range(len(parents)):
        moved = False
        for name, above in parents.items():
            level = max((depth[each] + 1 for each in above), default=0)
            if depth[name] < level < len(parents):
                depth[name] = level
                moved = True
        if not moved:
            break
    return depth


def _links(layers: Layers) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {name: [] for row in layers.rows for name in row}
    after: dict[str, list[str]] = {name: [] for row in layers.rows for name in row}
    for way in layers.ways.values():
        for one, other in pairwise(way):
            before[other].append(one)
            after[one].append(other)
    return before, after


def _order(layers: Layers) -> None:
    """Sort each layer by the mean place of its neighbours, down and up in turn; keep the best."""
    before, after = _links(layers)
    best, fewest = [list(row) for row in layers.rows], _crossings(layers.rows, after)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        levels = range(1, len(layers.rows)) if down else range(len(layers.rows) - 2, -1, -1)
        for level in levels:
            beside = layers.rows[level - 1 if down else level + 1]
            place = {name: number for number, name in enumerate(beside)}
            near = before if down else after
            middle = {
                name: sum(place[each] for each in near[name]) / len(near[name])
                if near[name]
                else number
                for number, name in enumerate(layers.rows[level])
            }
            layers.rows[level].sort(key=middle.__getitem__)
        crossings = _crossings(layers.rows, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in layers.rows], crossings
    layers.rows[:] = best


def _crossings(rows: Sequence[Sequence[str]], after: Mapping[str, Sequence[str]]) -> int:
    count = 0
    for row, following in pairwise(rows):
        place = {name: number for number, name in enumerate(following)}
        ends = [(number, place[each]) for number, name in enumerate(row) for each in after[name]]
        count += sum(
            1
            for one, (start, stop) in enumerate(ends)
            for other_start, other_stop in ends[one + 1 :]
            if (start - other_start) * (stop - other_stop) < 0
        )
    return count


def places(layers: Layers, sizes: Mapping[str, float], gap: float) -> dict[str, float]:
    """Return the middle of each name across its layer, near its neighbours and never overlapping.

    Parameters
    ----------
    layers : Layers
        What :func:`arrange` returned.
    sizes : mapping
        Size of each node across the layer; stand-ins may be absent (0).
    gap : float
        Least distance between two neighbours' edges.

    Returns
    -------
    dict
        Name to its middle, the smallest edge being at 0.
    """
    before, after = _links(layers)
    at: dict[str, float] = {}
    for row in layers.rows:
        _pack(row, dict.fromkeys(row, 0.0), sizes, gap, at)
    for pull in range(_PULLS):
        down = pull % 2 == 0
        near = before if down else after
        for row in layers.rows if down else reversed(layers.rows):
            wish = {
                name: sum(at[each] for each in near[name]) / len(near[name])
                if near[name]
                else at[name]
                for name in row
            }
            _pack(row, wish, sizes, gap, at)
    lowest = min((at[name] - sizes.get(name, 0.0) / 2 for name in at), default=0.0)
    return {name: middle - lowest for name, middle in at.items()}


def _pack(
    row: Sequence[str],
    wish: Mapping[str, float],
    sizes: Mapping[str, float],
    gap: float,
    at: dict[str, float],
) -> None:
    """Put a layer's names where they wish to be, pushed apart in order, errors shared evenly."""

    def half(name: str) -> float:
        return sizes.get(name, 0.0) / 2

    forward: list[float] = []
    for number, name in enumerate(row):
        least = forward[-1] + half(row[number - 1]) + gap + half(name) if number else wish[name]
        forward.append(max(wish[name], least))
    backward: list[float] = []
    for number, name in enumerate(reversed(row)):
        most = (
            backward[-1] - half(row[len(row) - number]) - gap - half(name) if number else wish[name]
        )
        backward.append(min(wish[name], most))
    for name, low, high in zip(row, forward, reversed(backward), strict=True):
        at[name] = (low + high) / 2
