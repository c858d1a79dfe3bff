# SPDX-License-Identifier: Apache-2.0
"""What a file declares, gathered and then checked whole: every reader ends here.

A reader hands over nodes and tables with their places. Shapes are known before numbers are: a
table whose declared shape is too large is refused before anything is allocated for it. All faults
that can be found are found, then the file is refused with all of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.networks.network import CELLS, AnyNode, Network, Node
from perilscope.errors import DataError, Fault

Array = NDArray[np.float64]
Shape = tuple[int, ...]

#: Nodes and states of a file, and faults that are told of one.
NODES, STATES, FAULTS = 20_000, 1_000_000, 50
#: An array has at most 64 axes.
PARENTS = 63
#: How far a row may sum from 1.
TOLERANCE = 1e-6
#: The same of sums of doubles: three times 0.333333 is 1e-6 off, and a double says a little more.
WITHIN = TOLERANCE * (1.0 + 1e-6)
#: What rounding alone does to a row: so many units in the last place of 1 for each number.
_ULP = 2.0**-52

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, order=True)
class Place:
    """Line and column in a file, counted from 1; zero where it is not known."""

    line: int = 0
    column: int = 0


class RefusedError(Exception):
    """One thing that is wrong in one place; becomes a fault of the draft."""

    def __init__(self, place: Place, path: str, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.place, self.path, self.what, self.mend = place, path, what, mend


@dataclass(frozen=True)
class Declared:
    """A node as a file declares it.

    Parameters
    ----------
    key : str
        The name by which the file calls it.
    states : tuple of str
        As the file calls them.
    place : Place
    name, labels : str and tuple of str, optional
        The real names, where the file had to call them otherwise.
    """

    key: str
    states: tuple[str, ...]
    place: Place = Place()
    name: str | None = None
    labels: tuple[str, ...] | None = None


Made = Callable[[str, tuple[str, ...], tuple[str, ...], Shape], AnyNode]


@dataclass(frozen=True)
class Tabled:
    """A table as a file declares it.

    Parameters
    ----------
    key : str
        The node it belongs to, as the file calls it.
    parents : tuple of str
    place : Place
    numbers : function of a shape
        The numbers for that many states (parents first, the node last), last axis fastest; raises
        `RefusedError`. Called once the shape is known to be allowed.
    row_place : function of a row and the count of numbers in a row
        Where that row stands, to be told in a fault.
    made : function of name, states, parents and their numbers of states, optional
        Makes the node without a table; raises `RefusedError`. Nothing is asked of ``numbers`` then.
    """

    key: str
    parents: tuple[str, ...]
    place: Place
    numbers: Callable[[Shape], Array]
    row_place: Callable[[int, int], Place]
    made: Made | None = None


def number(text: str) -> float | None:
    """A decimal number in plain ASCII as the nearest float64; None for anything else.

    Examples
    --------
    >>> number("0.1"), number("1e-3"), number("nan"), number("1_000"), number("1e999")
    (0.1, 0.001, None, None, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def shown(text: str) -> str:
    """A piece of the file, fit to be shown in a fault."""
    return ascii(text[:40]) + ("..." if len(text) > 40 else "")


def readable(text: str, most: int = 400) -> str:
    """Text of a file in a message: nothing that a screen would obey, and not too long."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text[:most])
    return text if len(text) <= most else text[: most - 3] + "..."


def many(count: int) -> str:
    """A count, however large.

    Examples
    --------
    >>> many(20_000), many(2**100)
    ('20,000', 'about 10^30')
    """
    return f"{count:,}" if count < 10**15 else f"about 10^{math.log10(count):.0f}"


def counted(values: Sequence[float] | Array, shape: Shape, place: Place, path: str) -> Array:
    """The numbers as an array, where there are as many as the shape wants."""
    wanted = math.prod(shape)
    if len(values) != wanted:
        raise RefusedError(
            place,
            path,
            f"{len(values):,} numbers stand here and {wanted:,} are wanted",
            f"{' x '.join(map(str, shape))}: states of the parents in order, then of the node",
        )
    return np.array(values, dtype=np.float64)


def listed(
    key: str,
    parents: tuple[str, ...],
    place: Place,
    values: Sequence[float],
    place_of: Callable[[int], Place],
) -> Tabled:
    """A table given as one list of numbers, last axis fastest.

    Parameters
    ----------
    key, parents, place
        As of `Tabled`.
    values : sequence of float
    place_of : function of a position in ``values``
        Where that number stands.
    """

    def row_place(row: int, width: int) -> Place:
        return place_of(min(row * width, len(values) - 1)) if values else place

    return Tabled(key, parents, place, lambda shape: counted(values, shape, place, key), row_place)


class Draft:
    """A network in the making.

    Parameters
    ----------
    file : str
        Name of the file as the user gave it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.notes: list[str] = []
        self._faults: list[Fault] = []
        self._nodes: dict[str, Declared] = {}
        self._tables: dict[str, Tabled] = {}
        self._states = 0
        self._cells = 0
        self._evened: list[str] = []
        self._evened_rows, self._furthest = 0, 0.0

    def fault(self, place: Place, path: str, what: str, mend: str = "") -> None:
        """Note a fault; after so many the file is refused at once."""
        told = (readable(path, 120), readable(what), readable(mend))
        self._faults.append(Fault(self.file, place.line, place.column, *told))
        if len(self._faults) >= FAULTS:
            raise DataError(self._faults)

    def refused(self, error: RefusedError) -> None:
        """Note as a fault what was refused."""
        self.fault(error.place, error.path, error.what, error.mend)

    def stop(self) -> None:
        """Refuse the file if a fault was noted."""
        if self._faults:
            raise DataError(self._faults)

    def node(self, node: Declared) -> None:
        """Take a node."""
        self._states += len(node.states)
        if len(self._nodes) >= NODES or self._states > STATES:
            what = f"more than {NODES:,} nodes or {STATES:,} states are not read"
            self.fault(node.place, shown(node.key), what)
            self.stop()
        if node.key in self._nodes:
            line = self._nodes[node.key].place.line
            before = f" in line {line}" if line else ""
            self.fault(node.place, node.key, f"this node was declared before{before}")
            return
        if not node.states:
            self.fault(node.place, node.key, "a node needs at least one state")
        counts = Counter(node.states)
        twice = [shown(state) for state, count in counts.items() if count > 1][:3]
        if twice:
            self.fault(node.place, node.key, f"states repeat: {', '.join(twice)}")
        if node.labels is not None and len(set(node.labels)) != len(node.states):
            what = f"{len(set(node.labels))} real names are given for {len(node.states)} states"
            self.fault(node.place, node.key, what)
        self._nodes[node.key] = node

    def table(self, table: Tabled) -> None:
        """Take a table."""
        if table.key in self._tables:
            line = self._tables[table.key].place.line
            before = f" in line {line}" if line else ""
            self.fault(table.place, table.key, f"this node had a table before{before}")
            return
        self._tables[table.key] = table

    def states(self, key: str) -> tuple[str, ...] | None:
        """The states of a node as the file calls them; None where there is no such node."""
        node = self._nodes.get(key)
        return None if node is None else node.states

    def network(self) -> Network:
        """The network, or every fault there is.

        Raises
        ------
        DataError
            With the place of each fault.
        """
        self.stop()
        for key, table in self._tables.items():
            if key not in self._nodes:
                self.fault(
                    table.place, key, "there is a table for this node, which is not declared"
                )
        for key, node in self._nodes.items():
            if key not in self._tables:
                self.fault(node.place, key, "this node has no table of probabilities")
        if not self._nodes:
            self.fault(Place(), "", "no node is declared here")
        self.stop()
        arrays = {key: self._array(self._tables[key]) for key in self._nodes}
        self._refuse_cycles()
        self.stop()
        names = self._names()
        self.stop()
        self._tell_evened(names)
        nodes: list[AnyNode] = []
        for key, node in self._nodes.items():
            array, table = arrays[key], self._tables[key]
            assert array is not None  # else there was a fault
            parents = tuple(names[parent] for parent in table.parents)
            states = node.labels or node.states
            if table.made is None:
                nodes.append(Node(names[key], states, parents, array))
                continue
            sizes = tuple(len(self._nodes[parent].states) for parent in table.parents)
            try:
                nodes.append(table.made(names[key], states, parents, sizes))
            except RefusedError as error:
                self.refused(error)
        self.stop()
        return Network(tuple(nodes))

    def _names(self) -> Mapping[str, str]:
        names = {key: key if node.name is None else node.name for key, node in self._nodes.items()}
        seen: dict[str, str] = {}
        for key, name in names.items():
            if name in seen:
                what = f"this node and {seen[name]} have the same real name {shown(name)}"
                self.fault(self._nodes[key].place, key, what)
            seen.setdefault(name, key)
        return names

    def _array(self, table: Tabled) -> Array | None:
        """The numbers of a table in its shape, every row a law; None where there was a fault."""
        unknown = [parent for parent in table.parents if parent not in self._nodes]
        for parent in unknown:
            self.fault(table.place, table.key, f"the parent {shown(parent)} is not declared")
        if len({*table.parents, table.key}) != len(table.parents) + 1:
            self.fault(table.place, table.key, "parents repeat or name the node itself")
            return None
        if unknown:
            return None
        if len(table.parents) > PARENTS and table.made is None:
            what = f"{len(table.parents):,} parents stand here; at most {PARENTS} are taken"
            self.fault(table.place, table.key, what)
            return None
        shape = tuple(len(self._nodes[key].states) for key in (*table.parents, table.key))
        if table.made is not None:
            return np.empty(0)
        cells = math.prod(shape)
        self._cells += cells
        if self._cells > CELLS:
            what = (
                f"this table has {many(cells)} cells, with those before it {many(self._cells)}; "
                f"at most {CELLS:,} are taken"
            )
            self.fault(table.place, table.key, what, "give the node fewer parents or fewer states")
            self.stop()
        try:
            flat = table.numbers(shape)
        except RefusedError as error:
            self.refused(error)
            return None
        rows = flat.reshape(-1, shape[-1])
        return self._evened_out(table, rows, shape).reshape(shape) if rows.size else None

    def _evened_out(self, table: Tabled, rows: Array, shape: Shape) -> Array:
        """Rows that sum to 1: those a little off divided by their sum, those far off refused."""
        with np.errstate(invalid="ignore", over="ignore"):
            sums = rows.sum(axis=1)
            off = np.abs(sums - 1.0)
            bad = ~(off <= WITHIN) | ~np.all(rows >= 0.0, axis=1)
        for row in np.flatnonzero(bad).tolist():
            self._refuse_row(table, row, rows[row], shape)
        loose = np.flatnonzero((off > (shape[-1] + 2) * _ULP) & ~bad).tolist()
        for row in loose:
            rows[row] /= math.fsum(rows[row])
        if loose:
            self._evened.append(table.key)
            self._evened_rows += len(loose)
            self._furthest = max(self._furthest, float(off[loose].max()))
        return rows

    def _refuse_row(self, table: Tabled, row: int, values: Array, shape: Shape) -> None:
        at = np.unravel_index(row, shape[:-1]) if len(shape) > 1 else ()
        given = ", ".join(
            f"{parent}={self._nodes[parent].states[int(place)]}"
            for parent, place in zip(table.parents, at, strict=True)
        )
        listed = ", ".join(repr(value) for value in values[:8].tolist())
        listed += ", ..." if len(values) > 8 else ""
        path = f"{table.key} given {given}" if given else table.key
        if not np.all(values >= 0.0):
            what = f"a probability is negative or no number: {listed}"
        else:
            what = f"the row {listed} sums to {math.fsum(values):.9g}"
        mend = f"a row sums to 1 within {TOLERANCE:g}, and no number is negative"
        self.fault(table.row_place(row, shape[-1]), path, what, mend)

    def _tell_evened(self, names: Mapping[str, str]) -> None:
        if not self._evened:
            return
        some = ", ".join(readable(names[key], 60) for key in self._evened[:10])
        more = len(self._evened) - 10
        rows = f"{self._evened_rows:,} row{'s' if self._evened_rows > 1 else ''}"
        self.notes.append(
            f"{rows} did not sum to 1 and {'were' if self._evened_rows > 1 else 'was'} divided by "
            f"the sum; the largest deviation was {self._furthest:.3g}; nodes: {some}"
            + (f" and {more} more" if more > 0 else "")
        )

    def _refuse_cycles(self) -> None:
        """Take away nodes whose parents are all gone; what is left lies on or below a cycle."""
        left = {
            key: {p for p in self._tables[key].parents if p in self._nodes and p != key}
            for key in self._nodes
        }
        below: dict[str, list[str]] = {key: [] for key in left}
        for key, parents in left.items():
            for parent in parents:
                below[parent].append(key)
        ready = [key for key, parents in left.items() if not parents]
        while ready:
            gone = ready.pop()
            left.pop(gone)
            for key in below[gone]:
                left[key].discard(gone)
                if not left[key]:
                    ready.append(key)
        if left:
            walk = [next(iter(left))]
            while walk[-1] not in walk[:-1]:
                walk.append(next(p for p in self._tables[walk[-1]].parents if p in left))
            circle = walk[walk.index(walk[-1]) :][::-1]
            path = " -> ".join(circle[:12]) + (" -> ..." if len(circle) > 12 else "")
            place = self._tables[circle[0]].place
            self.fault(
                place, circle[0], f"there is a cycle: {path}", "an effect is no cause of its own"
            )
