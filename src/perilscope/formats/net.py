# SPDX-License-Identifier: Apache-2.0
"""NET, the files of Hugin: nodes, and potentials with ``data = ((..)(..))``.

The node's own states are fastest, then its last parent. How the parentheses nest follows from the
states and is not looked at. Names that are no identifiers stand in attributes of our own, which the
format allows; names of states are any printable text.

Source: Hugin Expert A/S, *Hugin API Reference Manual*, chapter on the NET language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from perilscope.engines.networks.network import AnyNode, Network
from perilscope.formats import labels
from perilscope.formats.draft import Declared, Draft, Place, RefusedError, listed, number, shown
from perilscope.formats.scan import Scanner

_TOKENS = re.compile(
    r"""(?P<skip>(?:\s|%[^\n]*|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)++)
      |(?P<mark>[{}()=;|])
      |"(?P<text>(?:[^"\\]|\\.)*+)"
      |(?P<word>[^\s{}()=;|"%]++)""",
    re.VERBOSE | re.DOTALL,
)
_BLOCKS = frozenset(
    (
        *("net", "class", "node", "potential", "discrete", "boolean"),
        *("continuous", "decision", "utility", "function", "instance"),
    )
)
_RESERVED = _BLOCKS | {"states", "label", "data", "position", "normal"}
#: Other kinds of node and definitions that are not plain numbers.
_UNREAD = frozenset(["continuous", "decision", "utility", "function", "instance"])


@dataclass
class _Value:
    """What an attribute is given: words and quoted texts, numbers, parentheses passed over."""

    place: Place
    words: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)


def read(draft: Draft, text: str) -> None:
    """Take nodes and tables of a NET text into the draft."""
    scanner = Scanner(text, _TOKENS)
    wrapped = 0
    while scanner.kind != "end":
        try:
            if scanner.is_mark("}") and wrapped:
                wrapped -= 1
                scanner.next()
            elif scanner.is_word("class"):
                scanner.next()
                scanner.name()
                scanner.take("{")
                wrapped += 1
            elif wrapped and scanner.kind == "word" and scanner.token not in _BLOCKS:
                _attribute(scanner)
            else:
                _block(draft, scanner)
        except RefusedError as error:
            draft.refused(error)
            while scanner.kind != "end" and not (
                scanner.kind == "word" and scanner.token in ("node", "potential")
            ):
                scanner.next()


def _block(draft: Draft, scanner: Scanner) -> None:
    place = scanner.place()
    kind = scanner.name()
    if kind == "discrete" and scanner.is_word("node"):
        kind = scanner.name()
    if kind in _UNREAD:
        key = scanner.name()
        key = scanner.name() if key in ("node", "function", "utility", "decision") else key
        what = f"this is a {kind} node; only discrete chance nodes are read"
        raise RefusedError(place, key, what)
    if kind == "net":
        _attributes(scanner)
    elif kind in ("node", "boolean"):
        _node(draft, scanner, place)
    elif kind == "potential":
        _potential(draft, scanner, place)
    else:
        what = f"net, class, node or potential is wanted here, found {shown(kind)}"
        raise RefusedError(place, "", what)


def _attributes(scanner: Scanner) -> dict[str, _Value]:
    """All attributes between braces."""
    scanner.take("{")
    found = {}
    while not scanner.is_mark("}"):
        place = scanner.place()
        key, value = _attribute(scanner)
        if key in found:
            raise RefusedError(place, key, f"{key} stands here twice")
        found[key] = value
    scanner.take("}")
    return found


def _attribute(scanner: Scanner) -> tuple[str, _Value]:
    key = scanner.name()
    scanner.take("=")
    value = _Value(scanner.place())
    depth = 0
    while not (scanner.is_mark(";") and depth == 0):
        if scanner.is_mark("("):
            depth += 1
        elif scanner.is_mark(")"):
            depth -= 1
        elif scanner.kind in ("word", "text"):
            value.words.append(scanner.token)
            value.at.append(scanner.at)
        elif scanner.kind == "end" or scanner.is_mark("}") or scanner.is_mark("{"):
            raise scanner.error(f"the attribute {shown(key)} does not end; ';' is wanted")
        if depth < 0:
            raise scanner.error("this parenthesis was not opened")
        scanner.next()
    scanner.take(";")
    return key, value


def _plain(text: str) -> str:
    """A quoted text without its backslashes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _node(draft: Draft, scanner: Scanner, place: Place) -> None:
    key = scanner.name()
    found = _attributes(scanner)
    if "states" not in found:
        raise RefusedError(place, key, "the states are missing")
    states = tuple(map(_plain, found["states"].words))
    remarks = {name: " ".join(value.words) for name, value in found.items()}
    draft.node(Declared(key, states, place, *labels.restored(remarks)))


def _potential(draft: Draft, scanner: Scanner, place: Place) -> None:
    scanner.take("(")
    names: list[str] = []
    barred = 0
    while not scanner.is_mark(")"):
        if scanner.is_mark("|"):
            barred += 1
            scanner.next()
            if len(names) != 1:
                raise RefusedError(place, "", "one node stands before the bar")
        else:
            names.append(scanner.name())
    scanner.take(")")
    if not names or barred > 1 or (len(names) > 1 and not barred):
        raise RefusedError(place, " ".join(names[:3]), "potential ( node | parents ) is wanted")
    found = _attributes(scanner)
    if "data" not in found:
        model = next((name for name in found if name.startswith("model")), None)
        what = "the table is given by expressions" if model else "there is no data"
        raise RefusedError(place, names[0], what, "a table of numbers is wanted: data = (...);")
    data = found["data"]
    values = [value for word in data.words if (value := number(word)) is not None]
    if len(values) < len(data.words):
        which = next(at for at, word in enumerate(data.words) if number(word) is None)
        what = f"a number is wanted here, found {shown(data.words[which])}"
        raise RefusedError(scanner.place(data.at[which]), names[0], what)
    draft.table(
        listed(names[0], tuple(names[1:]), place, values, lambda at: scanner.place(data.at[at]))
    )


def _holds_state(name: str) -> bool:
    """Printable ASCII without what has a meaning within quotation marks."""
    return name.isascii() and name.isprintable() and not set(name) & set('"\\%') and bool(name)


def write(net: Network) -> str:
    """The network as NET text."""
    names = [node.name for node in net.nodes]
    keys = dict(zip(names, labels.stand_ins(names, labels.is_identifier, _RESERVED), strict=True))
    lines = ["net", "{", "  node_size = (80 40);", "}"]
    for node in net.nodes:
        lines += _node_lines(node, keys[node.name])
    for node in net.nodes:
        lines += _potential_lines(node, keys)
    return "\n".join(lines) + "\n"


def _node_lines(node: AnyNode, key: str) -> list[str]:
    states = labels.stand_ins(node.states, _holds_state)
    label = node.name if _holds_state(node.name) else key
    lines = [f"node {key}", "{", f'  label = "{label}";']
    lines.append("  states = (" + " ".join(f'"{state}"' for state in states) + ");")
    for name, value in labels.remarks(node.name, key, node.states, states):
        lines.append(f'  {name} = "{value}";')
    return [*lines, "}"]


def _potential_lines(node: AnyNode, keys: dict[str, str]) -> list[str]:
    given = "".join(f" {keys[parent]}" for parent in node.parents)
    head = f"potential ({keys[node.name]}{' |' + given if given else ''})"
    return [head, "{", f"  data = {_nested(node)};", "}"]


def _nested(node: AnyNode) -> str:
    """The table in parentheses, one pair for each axis, one row a line."""
    rows = node.table.reshape(-1, len(node.states)).tolist()
    cells = ["(" + " ".join(map(repr, row)) + ")" for row in rows]
    for size in reversed(node.table.shape[:-1]):
        cells = [
            "(" + "\n    ".join(cells[at : at + size]) + ")" for at in range(0, len(cells), size)
        ]
    return cells[0]
