# SPDX-License-Identifier: Apache-2.0
"""Networks between files of other programs and books: nodes as a book has them, and book text.

Numbers keep every bit: a float64 is written as the shortest decimal that reads as the same one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from perilscope import formats
from perilscope.book.names import NODE, STATE
from perilscope.book.source import MAX_NODES
from perilscope.book.tables import MAX_ROWS
from perilscope.engines.networks.network import AnyNode, Network
from perilscope.errors import DataError, Fault, MisuseError
from perilscope.formats.labels import stand_ins

MOST_CELLS = 500_000
"""Numbers in all tables of a network that a book names; they are kept as decimals."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*(?: [A-Za-z0-9][A-Za-z0-9_.+-]*)*")
_INDENT = "  "
_SHOWN = 5


@dataclass(frozen=True)
class Declared:
    """What a network file declares.

    Parameters
    ----------
    nodes : dict of name to dict
        ``states``, ``parents`` and ``table``: rows of decimals, the last parent fastest.
    notes : tuple of str
        What was changed on reading.
    """

    nodes: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


def declared(name: str, data: bytes) -> Declared:
    """The nodes of a network file of another program, as a book has them.

    Parameters
    ----------
    name : str
        Of the file; its ending says the kind.
    data : bytes

    Raises
    ------
    DataError
        What is wrong in the file; names that a book cannot hold; tables too large for a book.
    """
    found = formats.read(data, name)
    faults = [Fault(name, 0, 0, "", *each) for each in _unfit(found.network)]
    if faults:
        raise DataError(faults)
    nodes = {
        node.name: {
            "states": list(node.states),
            "parents": list(node.parents),
            "table": tuple(tuple(Decimal(repr(p)) for p in row) for row in _rows(node)),
        }
        for node in found.network.nodes
    }
    return Declared(nodes, found.notes)


def _rows(node: AnyNode) -> list[list[float]]:
    rows: list[list[float]] = node.table.reshape(-1, len(node.states)).tolist()
    return rows


def _unfit(net: Network) -> Iterator[tuple[str, str]]:
    """Why a book cannot hold a network, and what to do."""
    odd = [f"node {node.name!r}" for node in net.nodes if not NODE.fullmatch(node.name)]
    odd += [
        f"state {state!r} of {node.name}"
        for node in net.nodes
        for state in node.states
        if not STATE.fullmatch(state)
    ]
    if odd:
        more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
        yield (
            f"a book cannot hold these names: {', '.join(odd[:_SHOWN])}{more}",
            "Rename them in the file; or `perilscope network convert FILE NAME.yaml` writes it as "
            "part of a book with other names.",
        )
    too_many = _too_large(net)
    if too_many:
        yield (too_many, "Leave out what drives nothing.")
    for node in net.nodes:
        if len(node.states) < 2:
            yield (f"node {node.name} has one state; in a book it has two or more", "Leave it out.")


def _too_large(net: Network) -> str:
    for node in net.nodes:
        if math.prod(node.sizes) > MAX_ROWS:
            return (
                f"the table of {node.name} has {math.prod(node.sizes):,} rows; "
                f"a book takes at most {MAX_ROWS:,}"
            )
    cells = sum(math.prod(node.sizes) * len(node.states) for node in net.nodes)
    if cells > MOST_CELLS:
        return f"its tables have {cells:,} numbers; a book takes at most {MOST_CELLS:,}"
    return ""


def text(net: Network) -> str:
    """A network as a file of a book's own form.

    Names that a book cannot hold have a stand-in, and what they were stands in ``note``.

    Raises
    ------
    MisuseError
        Tables too large for a book.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet/damp", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> print(text(Network((rain, wet))))
    period: 1 year  # no network file says it: for how long do its probabilities hold?
    nodes:
      rain:
        states: [no, yes]
        table: [0.8, 0.2]
      wet_damp:
        note: "called wet/damp elsewhere"
        states: [no, yes]
        parents: [rain]
        table:
          no: [0.9, 0.1]
          yes: [0.0, 1.0]
    <BLANKLINE>
    """
    wrong = _too_large(net) or _single(net)
    if wrong:
        raise MisuseError(f"this network cannot be part of a book: {wrong}")
    keys = stand_ins([node.name for node in net.nodes], _holds(NODE))
    names = dict(zip((node.name for node in net.nodes), keys, strict=True))
    states = {node.name: stand_ins(node.states, _holds(STATE)) for node in net.nodes}
    lines = [
        "period: 1 year  # no network file says it: for how long do its probabilities hold?",
        "nodes:",
    ]
    for node in net.nodes:
        own = states[node.name]
        lines.append(f"{_INDENT}{_scalar(names[node.name])}:")
        told = _told(node, names[node.name], own)
        if told:
            lines.append(f"{_INDENT * 2}note: {json.dumps(told)}")
        lines.append(f"{_INDENT * 2}states: {_listed(own)}")
        if node.parents:
            lines.append(f"{_INDENT * 2}parents: {_listed([names[p] for p in node.parents])}")
        lines += _table(node, [states[p] for p in node.parents])
    if sum(map(_weight, net.nodes)) > MAX_NODES:
        what = "its text is too large"
        raise MisuseError(f"this network cannot be part of a book: {what}; name its file there")
    return "\n".join(lines) + "\n"


def _single(net: Network) -> str:
    one = next((node.name for node in net.nodes if len(node.states) < 2), None)
    return "" if one is None else f"node {one} has one state"


def _weight(node: AnyNode) -> int:
    """About how many keys and values of YAML a node makes."""
    return 2 * math.prod(node.sizes) * (len(node.states) + 2)


def _holds(pattern: re.Pattern[str]) -> Any:
    return lambda name: pattern.fullmatch(name) is not None and name == name.strip()


def _told(node: AnyNode, key: str, states: Sequence[str]) -> str:
    """What the names were, where a book cannot hold them."""
    pairs = [(key, node.name), *zip(states, node.states, strict=True)]
    said = [f"{new} for {old}" for new, old in pairs[1:] if new != old]
    own = [f"called {node.name} elsewhere"] if key != node.name else []
    return "; ".join([*own, *([f"states: {', '.join(said)}"] if said else [])])


def _table(node: AnyNode, above: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: parents' states nested in their order, a row in each."""
    rows = iter(_rows(node))
    if not above:
        return [f"{_INDENT * 2}table: {_row(next(rows))}"]

    def nested(depth: int) -> Iterator[str]:
        for state in above[depth]:
            head = f"{_INDENT * (3 + depth)}{_scalar(state)}:"
            if depth + 1 < len(above):
                yield head
                yield from nested(depth + 1)
            else:
                yield f"{head} {_row(next(rows))}"

    return [f"{_INDENT * 2}table:", *nested(0)]


def _row(numbers: Sequence[float]) -> str:
    return f"[{', '.join(map(repr, numbers))}]"


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_scalar, names))}]"


def _scalar(name: str) -> str:
    """A name as YAML has it: bare where that cannot be misread."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)
