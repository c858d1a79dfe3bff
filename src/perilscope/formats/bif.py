# SPDX-License-Identifier: Apache-2.0
"""BIF, the Bayesian interchange format, as the bnlearn repository, pgmpy and JavaBayes write it.

A table is given row by row, ``(parent states) numbers;``, or in one ``table`` whose first variable,
the node itself, is slowest and whose last parent is fastest. Commas and the bar between node and
parents may be left out. Names that are no identifiers go through `labels`.

Source: F. Cozman, *The Interchange Format for Bayesian Networks* (1998), version 0.15.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from perilscope.engines.networks.network import AnyNode, Network
from perilscope.formats import labels
from perilscope.formats.draft import (
    Array,
    Declared,
    Draft,
    Place,
    RefusedError,
    Shape,
    Tabled,
    counted,
    shown,
)
from perilscope.formats.scan import Scanner

_TOKENS = re.compile(
    r"""(?P<skip>(?:\s|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)++)
      |(?P<mark>[{}()\[\];,|])
      |"(?P<text>[^"]*)"
      |(?P<word>[^\s{}()\[\];,|"]++)""",
    re.VERBOSE,
)
_RESERVED = frozenset(
    ["network", "variable", "probability", "property", "type", "discrete", "default", "table"]
)


@dataclass
class _Rows:
    """What stands in a ``probability`` block."""

    node: str
    parents: tuple[str, ...]
    place: Place
    rows: list[tuple[list[list[str]], list[float], Place]] = field(default_factory=list)
    default: tuple[list[float], Place] | None = None
    table: tuple[list[float], Place] | None = None
    at: dict[int, Place] = field(default_factory=dict)

    def row_place(self, row: int, _width: int) -> Place:
        """Where a row of the table stands."""
        found = self.at.get(row)
        if found is None:
            found = (self.table or self.default or ((), self.place))[1]
        return found


def read(draft: Draft, text: str) -> None:
    """Take nodes and tables of a BIF text into the draft."""
    scanner = Scanner(text, _TOKENS)
    while scanner.kind != "end":
        try:
            _block(draft, scanner)
        except RefusedError as error:
            draft.refused(error)
            while scanner.kind != "end" and not (
                scanner.kind == "word" and scanner.token in ("variable", "probability", "network")
            ):
                scanner.next()


def _block(draft: Draft, scanner: Scanner) -> None:
    place = scanner.place()
    if scanner.is_word("network"):
        scanner.next()
        if not scanner.is_mark("{"):
            scanner.name()
        scanner.take("{")
        while not scanner.is_mark("}"):
            _property(scanner)
        scanner.take("}")
    elif scanner.is_word("variable"):
        scanner.next()
        _variable(draft, scanner, place)
    elif scanner.is_word("probability"):
        scanner.next()
        _probability(draft, scanner, place)
    elif scanner.is_mark(";"):
        scanner.next()
    else:
        what = f"network, variable or probability is wanted here, found {scanner.found()}"
        raise scanner.error(what)


def _property(scanner: Scanner) -> tuple[str, str]:
    """A property, as the text before and after its equals sign."""
    if not scanner.is_word("property"):
        raise scanner.error(f"property is wanted here, found {scanner.found()}")
    scanner.next()
    words = []
    while not scanner.is_mark(";"):
        if scanner.kind == "end" or scanner.is_mark("}"):
            raise scanner.error("this property does not end; ';' is wanted")
        words.append(scanner.token)
        scanner.next()
    scanner.next()
    key, _, value = " ".join(words).partition("=")
    return key.strip(), value.strip()


def _groups(scanner: Scanner, close: str) -> list[list[str]]:
    """What stands between here and ``close``: words, grouped by commas."""
    groups: list[list[str]] = [[]]
    while not scanner.is_mark(close):
        if scanner.is_mark(","):
            groups.append([])
            scanner.next()
        else:
            groups[-1].append(scanner.name())
    scanner.take(close)
    return [group for group in groups if group]


def _names(groups: list[list[str]], wanted: int) -> tuple[str, ...]:
    """So many names: each word one, or, where commas part them, each group one."""
    words = tuple(word for group in groups for word in group)
    if len(words) != wanted and len(groups) == wanted:
        return tuple(" ".join(group) for group in groups)
    return words


def _variable(draft: Draft, scanner: Scanner, place: Place) -> None:
    key = scanner.name()
    scanner.take("{")
    states: tuple[str, ...] | None = None
    remarks: dict[str, str] = {}
    while not scanner.is_mark("}"):
        if not scanner.is_word("type"):
            name, value = _property(scanner)
            remarks[name] = value
            continue
        scanner.next()
        if not scanner.is_word("discrete"):
            what = f"only discrete variables are read, found {scanner.found()}"
            raise scanner.error(what, key)
        scanner.next()
        scanner.take("[")
        count = scanner.number()
        scanner.take("]")
        scanner.take("{")
        at = scanner.place()
        groups = _groups(scanner, "}")
        states = _names(groups, int(count))
        if len(states) != count:
            what = f"{count:g} states are announced and {len(states)} are listed"
            draft.fault(at, key, what)
        if scanner.is_mark(";"):
            scanner.next()
    scanner.take("}")
    if states is None:
        raise RefusedError(place, key, "the type and the states are missing")
    draft.node(Declared(key, states, place, *labels.restored(remarks)))


def _probability(draft: Draft, scanner: Scanner, place: Place) -> None:
    scanner.take("(")
    names: list[list[str]] = [[]]
    barred = False
    while not scanner.is_mark(")"):
        if scanner.is_mark("|"):
            barred = True
            names.append([])
            scanner.next()
        elif scanner.is_mark(","):
            names.append([])
            scanner.next()
        else:
            names[-1].append(scanner.name())
    scanner.take(")")
    listed = [word for group in names for word in group]
    if not listed or (barred and len(names[0]) != 1):
        raise RefusedError(place, "", "probability ( node | parents ) is wanted")
    found = _Rows(listed[0], tuple(listed[1:]), place)
    scanner.take("{")
    while not scanner.is_mark("}"):
        _line(scanner, found)
    scanner.take("}")
    draft.table(
        Tabled(
            found.node,
            found.parents,
            place,
            lambda shape: _filled(draft, found, shape),
            found.row_place,
        )
    )


def _line(scanner: Scanner, found: _Rows) -> None:
    """One line of a probability block."""
    place = scanner.place()
    if scanner.is_mark("("):
        scanner.next()
        key = _groups(scanner, ")")
        found.rows.append((key, _numbers(scanner), place))
    elif scanner.is_word("table") or scanner.is_word("default"):
        which = scanner.token
        scanner.next()
        if getattr(found, which) is not None:
            raise RefusedError(place, found.node, f"{which} stands here twice")
        setattr(found, which, (_numbers(scanner), place))
    elif scanner.is_word("property"):
        _property(scanner)
    else:
        what = f"table, default or (states of the parents) is wanted here, found {scanner.found()}"
        raise scanner.error(what, found.node)


def _numbers(scanner: Scanner) -> list[float]:
    """Numbers up to the semicolon."""
    values = []
    while not scanner.is_mark(";"):
        if scanner.is_mark(","):
            scanner.next()
        else:
            values.append(scanner.number())
    scanner.next()
    return values


def _filled(draft: Draft, found: _Rows, shape: Shape) -> Array:
    """The numbers in the order of the shape."""
    rows, states = math.prod(shape[:-1]), shape[-1]
    if found.table is not None:
        values, place = found.table
        if found.rows or found.default is not None:
            raise RefusedError(place, found.node, "rows and table stand here together")
        flat = counted(values, shape, place, found.node)
        return np.ascontiguousarray(flat.reshape(states, rows).T).reshape(-1)
    table = np.full((rows, states), np.nan)
    if found.default is not None:
        values, place = found.default
        table[:] = counted(values, (states,), place, found.node)
    places = [
        {state: at for at, state in enumerate(draft.states(parent) or ())}
        for parent in found.parents
    ]
    errors: list[RefusedError] = []
    for key, values, place in found.rows:
        try:
            row = _row(found, places, key, place)
            if row in found.at:
                before = found.at[row].line
                raise RefusedError(place, found.node, f"this row was given before in line {before}")
            table[row] = counted(values, (states,), place, found.node)
            found.at[row] = place
        except RefusedError as error:
            errors.append(error)
    if errors:
        for other in errors[:-1]:
            draft.refused(other)
        raise errors[-1]
    if len(found.at) < rows and found.default is None:
        raise _missing(draft, found, shape)
    return table.reshape(-1)


def _row(
    found: _Rows, places: Sequence[dict[str, int]], groups: list[list[str]], place: Place
) -> int:
    """Which row of the table the states of the parents mean."""
    key = _names(groups, len(places))
    if len(key) != len(places):
        what = f"{len(key)} states stand here for {len(places)} parents"
        raise RefusedError(place, found.node, what)
    row = 0
    for parent, where, state in zip(found.parents, places, key, strict=True):
        if state not in where:
            some = ", ".join(list(where)[:8])
            what = f"{parent} has no state {shown(state)}"
            raise RefusedError(place, found.node, what, f"it has {some}")
        row = row * len(where) + where[state]
    return row


def _missing(draft: Draft, found: _Rows, shape: Shape) -> RefusedError:
    rows = math.prod(shape[:-1])
    row = next(row for row in range(rows) if row not in found.at)
    at = np.unravel_index(row, shape[:-1]) if shape[:-1] else ()
    given = ", ".join(
        (draft.states(parent) or ())[int(place)]
        for parent, place in zip(found.parents, at, strict=True)
    )
    lacking = rows - len(found.at)
    what = f"{lacking:,} of {rows:,} rows are missing" if rows > 1 else "the numbers are missing"
    mend = f"the first is ({given})" if given else ""
    return RefusedError(found.place, found.node, what, mend)


def write(net: Network) -> str:
    """The network as BIF text."""
    names = [node.name for node in net.nodes]
    keys = dict(zip(names, labels.stand_ins(names, labels.is_identifier, _RESERVED), strict=True))
    states = {
        node.name: labels.stand_ins(node.states, _holds_state, _RESERVED) for node in net.nodes
    }
    lines = ["network unknown {", "}"]
    for node in net.nodes:
        lines += _variable_lines(node, keys[node.name], states[node.name])
    for node in net.nodes:
        lines += _probability_lines(node, keys, states)
    return "\n".join(lines) + "\n"


def _holds_state(name: str) -> bool:
    return labels.is_identifier(name) or (name.isascii() and name.isdigit())


def _variable_lines(node: AnyNode, key: str, states: tuple[str, ...]) -> list[str]:
    lines = [
        f"variable {key} {{",
        f"  type discrete [ {len(states)} ] {{ {', '.join(states)} }};",
    ]
    for name, value in labels.remarks(node.name, key, node.states, states):
        lines.append(f"  property {name} = {value} ;")
    return [*lines, "}"]


def _probability_lines(
    node: AnyNode, keys: dict[str, str], states: dict[str, tuple[str, ...]]
) -> list[str]:
    table = node.table.reshape(-1, len(node.states)).tolist()
    rows = [", ".join(map(repr, row)) for row in table]
    if not node.parents:
        return [f"probability ( {keys[node.name]} ) {{", f"  table {rows[0]};", "}"]
    given = ", ".join(keys[parent] for parent in node.parents)
    lines = [f"probability ( {keys[node.name]} | {given} ) {{"]
    shape = tuple(len(states[parent]) for parent in node.parents)
    for at, row in zip(np.ndindex(shape), rows, strict=True):
        key = ", ".join(
            states[parent][place] for parent, place in zip(node.parents, at, strict=True)
        )
        lines.append(f"  ({key}) {row};")
    return [*lines, "}"]
