# SPDX-License-Identifier: Apache-2.0
"""Probability tables of declared networks: as written -> rows, with shape, sums and cycles checked.

Works on the raw tree, so that a broken node hides no other. Rows come in C order of the parents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any

from .interaction import Reader, is_interaction
from .quantity import QuantityError, parse, plain
from .source import Path
from .words import listed, near, shown

States = Mapping[str, tuple[str, ...]]
Report = Callable[..., None]
TOLERANCE = Decimal("1e-9")
MAX_ROWS = 4096
DEFAULT_STATES = ("no", "yes")
# A probability as programs write it, down to the smallest double; all others are quantities.
_BARE = re.compile(r"[01](\.\d{1,17})?([eE]-\d{1,3})?|[2-9](\.\d{1,16})?[eE]-\d{1,3}")


def states_of(nodes: Any) -> dict[str, tuple[str, ...]]:
    """Return the states of every node that says them; two-state nodes may leave them out."""
    if not isinstance(nodes, dict):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, node in nodes.items():
        written = node.get("states") if isinstance(node, dict) else None
        if written is None:
            found[name] = DEFAULT_STATES
        elif isinstance(written, list):
            found[name] = tuple(s for s in written if isinstance(s, str))
        else:
            found[name] = ()
    return found


def lay_out(network: dict[str, Any], path: Path, report: Report) -> dict[str, Any]:
    """Return a copy of a raw network with every table laid out as rows; report what is wrong."""
    nodes = network.get("nodes")
    if not isinstance(nodes, dict):
        return network
    states = states_of(nodes)
    parents = {n: _parents(v) for n, v in nodes.items()}
    base: Path = (*path, "nodes")
    for name, above in parents.items():
        _parents_exist(name, above, states, (*base, name, "parents"), report)
        _states_sound(nodes[name], states[name], (*base, name, "states"), report)
    _cycle(parents, base, report)
    laid: dict[str, Any] = {}
    for name, node in nodes.items():
        laid[name] = node
        if not isinstance(node, dict) or "table" not in node:
            continue
        if isinstance(node["table"], tuple):
            continue  # from a network file, which lays rows out and has checked them
        known = all(p in states for p in parents[name]) and states[name]
        if known and is_interaction(node["table"]):
            reader = Reader(states[name], parents[name], states, report)
            found = reader.read(node["table"], (*base, name, "table"))
            laid[name] = {**node, "table": (), "interaction": found}
            continue
        above_states = [states[p] for p in parents[name]] if known else []
        rows: Any = ()
        if known and _size(above_states) <= MAX_ROWS:
            layout = _Layout(states[name], parents[name], report)
            rows = tuple(layout.rows(node["table"], above_states, (*base, name, "table")))
        elif known:
            report((*base, name, "parents"), f"a table of more than {MAX_ROWS} rows")
        laid[name] = {**node, "table": rows}
    _shocks(network.get("shocks"), states, (*path, "shocks"), report)
    return {**network, "nodes": laid}


def _size(states: list[tuple[str, ...]]) -> int:
    size = 1
    for s in states:
        size *= max(len(s), 1)
    return size


def _parents(node: Any) -> tuple[str, ...]:
    written = node.get("parents") if isinstance(node, dict) else None
    return tuple(p for p in written if isinstance(p, str)) if isinstance(written, list) else ()


def _parents_exist(
    name: str, parents: tuple[str, ...], states: States, path: Path, report: Report
) -> None:
    for i, parent in enumerate(parents):
        if parent not in states:
            mend = f"{near(parent, states)}Nodes: {listed(states)}."
            report((*path, i), f"no node is called `{parent}`", mend)
        elif parent in parents[:i]:
            report((*path, i), f"the parent `{parent}` is named twice")


def _states_sound(node: Any, states: tuple[str, ...], path: Path, report: Report) -> None:
    if isinstance(node, dict) and isinstance(node.get("states"), list):
        if len(set(states)) < len(states):
            report(path, "a state is named twice")
        elif len(states) < 2:
            report(path, "a node has at least two states", "Like `[no, yes]`.")


def _cycle(parents: Mapping[str, tuple[str, ...]], base: Path, report: Report) -> None:
    """Report every cycle once, at the parents of its first node in the order of the file."""
    done: set[str] = set()
    for start in parents:
        trail: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(parents[start]))]
        if start in done:
            continue
        trail.append(start)
        while stack:
            node, above = stack[-1]
            parent = next((p for p in above if p in parents), None)
            if parent is None:
                stack.pop()
                trail.pop()
                done.add(node)
            elif parent in trail:
                loop = [*trail[trail.index(parent) :], parent]
                at = (*base, node, "parents", parents[node].index(parent))
                report(
                    at,
                    f"the network has a cycle: {' -> '.join(reversed(loop))}",
                    "Remove one of these arrows.",
                )
            elif parent not in done:
                trail.append(parent)
                stack.append((parent, iter(parents[parent])))


class _Layout:
    """Lays out the table of one node."""

    def __init__(self, states: tuple[str, ...], parents: tuple[str, ...], report: Report) -> None:
        self.states = states
        self.parents = parents
        self.report = report

    def rows(
        self, written: Any, above: list[tuple[str, ...]], path: Path
    ) -> Iterator[tuple[Decimal, ...]]:
        """Yield the rows under the parents whose states are still to be chosen."""
        if not above:
            yield self.row(written, path)
            return
        parent = self.parents[len(self.parents) - len(above)]
        if isinstance(written, list):
            if len(written) != len(above[0]):
                what = f"{len(written)} rows where `{parent}` has {len(above[0])} states"
                self.report(path, what, f"Its states: {', '.join(above[0])}.")
                return
            for i, item in enumerate(written):
                yield from self.rows(item, above[1:], (*path, i))
        elif isinstance(written, dict):
            if len(above) > 1 and any("," in key for key in written):
                yield from self.joined(written, above, path)
            else:
                yield from self.nested(written, above, path, parent)
        else:
            mend = f"A mapping of each state of `{parent}` ({', '.join(above[0])}) to a row."
            self.report(path, f"a table is wanted here, found {shown(written)}", mend)

    def nested(
        self, written: dict[str, Any], above: list[tuple[str, ...]], path: Path, parent: str
    ) -> Iterator[tuple[Decimal, ...]]:
        for key in written:
            if key not in above[0]:
                mend = f"{near(key, above[0])}Its states: {', '.join(above[0])}."
                self.report((*path, key), f"`{parent}` has no state `{key}`", mend, key=True)
        for state in above[0]:
            if state in written:
                yield from self.rows(written[state], above[1:], (*path, state))
            elif all(key in above[0] for key in written):
                self.report(path, f"there is no row for `{parent}` = `{state}`")

    def joined(
        self, written: dict[str, Any], above: list[tuple[str, ...]], path: Path
    ) -> Iterator[tuple[Decimal, ...]]:
        given = {tuple(part.strip() for part in key.split(",")): key for key in written}
        wanted = list(product(*above))
        for combination, key in given.items():
            if combination not in wanted:
                names = ", ".join(self.parents[-len(above) :])
                mend = f"One state each of {names}, like `{', '.join(wanted[0])}`."
                self.report((*path, key), f"no such states of the parents: `{key}`", mend, key=True)
        for combination in wanted:
            if combination in given:
                key = given[combination]
                yield self.row(written[key], (*path, key))
            elif all(c in wanted for c in given):
                self.report(path, f"there is no row for `{', '.join(combination)}`")

    def row(self, written: Any, path: Path) -> tuple[Decimal, ...]:
        """Return one row; what is wrong with it is reported once."""
        if isinstance(written, dict):
            cells = self.by_state(written, path)
        elif isinstance(written, list):
            cells = [((*path, i), cell) for i, cell in enumerate(written)]
            if len(cells) != len(self.states):
                what = f"{len(cells)} probabilities for {len(self.states)} states"
                self.report(path, what, f"In the order {', '.join(self.states)}.")
                return ()
        else:
            mend = "Like `[0.98, 0.02]` or `{no: 98 %, yes: 2 %}`."
            self.report(
                path, f"a row of probabilities is wanted here, found {shown(written)}", mend
            )
            return ()
        row = [self.cell(cell, at) for at, cell in cells]
        known = [p for p in row if p is not None]
        if not known or len(known) < len(row) or len(row) < len(self.states):
            return ()
        if abs(sum(known, Decimal(-1))) > TOLERANCE:
            what = f"this row sums to {float(sum(known)):.9g}, not 1"
            self.report(path, what, "The probabilities of all states sum to 1.")
        return tuple(known)

    def by_state(self, written: dict[str, Any], path: Path) -> list[tuple[Path, Any]]:
        for key in written:
            if key not in self.states:
                mend = f"{near(key, self.states)}Its states: {', '.join(self.states)}."
                self.report((*path, key), f"there is no state `{key}`", mend, key=True)
                return []
        missing = [s for s in self.states if s not in written]
        if missing:
            self.report(path, f"no probability is given for {', '.join(missing)}")
            return []
        return [((*path, s), written[s]) for s in self.states]

    def cell(self, written: Any, path: Path) -> Decimal | None:
        try:
            if not isinstance(written, str):
                raise QuantityError(f"a probability is wanted here, found {shown(written)}")
            if _BARE.fullmatch(written) and Decimal(written) <= 1:
                return Decimal(written).normalize() + 0
            value = plain(parse(written, "probability").node)
            if value is None:
                raise QuantityError("a table holds plain probabilities")
        except QuantityError as error:
            self.report(path, error.what, error.mend)
            return None
        return value


def _shocks(written: Any, states: States, path: Path, report: Report) -> None:
    """Check that shocks name nodes and states that exist."""
    if not isinstance(written, dict):
        return
    for node, by_state in written.items():
        if node not in states:
            mend = f"{near(node, states)}Nodes: {listed(states)}."
            report((*path, node), f"no node is called `{node}`", mend, key=True)
        elif isinstance(by_state, dict):
            for state in by_state:
                if state not in states[node]:
                    mend = f"{near(state, states[node])}Its states: {', '.join(states[node])}."
                    report((*path, node, state), f"`{node}` has no state `{state}`", mend, key=True)
