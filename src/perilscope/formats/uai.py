# SPDX-License-Identifier: Apache-2.0
"""UAI, the files of the inference competitions: numbers only, no names.

After ``BAYES`` come the count of variables, their counts of states, one scope for each (parents,
then the variable itself), and one table for each scope; the last variable of a scope is fastest.
Variables and states are called by their numbers. Our own files keep real names in comments after
the tables, where a reader that counts its numbers has stopped.

pyAgrum writes and reads UAI with the first parent fastest, against the format. Nothing in a file
tells its order, so files are read as the format says; where comments stand behind scopes, as
pyAgrum puts them, a note says so. pgmpy writes the first variable fastest, the whole table
backwards: rows read as the format says then do not sum to 1, and where all of them do backwards
they are read so, with a note.

Source: *UAI 2010 Approximate Inference Challenge, file formats*.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right

import numpy as np

from perilscope.engines.networks.network import Network
from perilscope.formats import labels
from perilscope.formats.draft import (
    PARENTS,
    WITHIN,
    Array,
    Declared,
    Draft,
    Place,
    RefusedError,
    listed,
    number,
    shown,
)
from perilscope.formats.scan import places

_REMARK = re.compile(rf"#\s*({labels.NAME}|{labels.STATES})\s+([0-9]{{1,9}})\s+([^\n]*)")


class _Words:
    """The words of a text one after the other."""

    def __init__(self, text: str) -> None:
        bare = re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), text)
        self._found = re.finditer(r"\S+", bare)
        self._starts = places(text)
        self._end = len(text)

    def place(self, at: int) -> Place:
        line = bisect_right(self._starts, at)
        return Place(line, at - self._starts[line - 1] + 1)

    def word(self, what: str) -> tuple[str, int]:
        """The next word and its position."""
        found = next(self._found, None)
        if found is None:
            place = self.place(self._end)
            raise RefusedError(place, "", f"{what} is wanted here, found the end of the file")
        return found[0], found.start()

    def count(self, what: str, most: int) -> tuple[int, int]:
        """A whole number from 0 to ``most``."""
        word, at = self.word(what)
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) <= most):
            mend = f"a whole number up to {most:,}"
            raise RefusedError(
                self.place(at), "", f"{what} is wanted here, found {shown(word)}", mend
            )
        return int(word), at

    def number(self, what: str) -> tuple[float, int]:
        word, at = self.word(what)
        value = number(word)
        if value is None:
            raise RefusedError(self.place(at), "", f"{what} is wanted here, found {shown(word)}")
        return value, at


def read(draft: Draft, text: str) -> None:
    """Take nodes and tables of a UAI text into the draft."""
    words = _Words(text)
    kind, at = words.word("BAYES")
    if kind.upper() != "BAYES":
        what = f"BAYES is wanted here, found {shown(kind)}"
        mend = "a Markov network has no directions and is not read" if kind == "MARKOV" else ""
        raise RefusedError(words.place(at), "", what, mend)
    size, at = words.count("the number of variables", 20_000)
    remarks: dict[str, dict[str, str]] = {}
    for key, which, value in _REMARK.findall(text):
        remarks.setdefault(which, {})[key] = value.strip()
    for node in range(size):
        states, at = words.count("a number of states", 1_000_000)
        real = labels.restored(remarks.get(str(node), {}))
        draft.node(Declared(str(node), tuple(map(str, range(states))), words.place(at), *real))
    draft.stop()
    count, at = words.count("the number of tables", 20_000)
    scopes = [_scope(words, size) for _ in range(count)]
    tables = [_table(words) for _ in scopes]
    if turned := _backwards(
        draft, [scope for scope, _ in scopes], [values for values, _ in tables]
    ):
        tables = [(values, starts) for values, (_, starts) in zip(turned, tables, strict=True)]
        draft.notes.append(
            "the first variable of each scope was read as the fastest, as pgmpy writes it, against "
            "the format: read as the format says, rows would not sum to 1"
        )
    for (scope, place), (values, starts) in zip(scopes, tables, strict=True):
        draft.table(listed(scope[-1], scope[:-1], place, values, _Places(words, starts)))
    if re.search(r"^[ \t]*[0-9][0-9 \t]*#", text, re.MULTILINE) and any(
        len(scope) > 2 for scope, _ in scopes
    ):
        draft.notes.append(
            "comments stand behind scopes, as in files that pyAgrum writes: it lists tables with "
            "the first parent fastest, against the format; the numbers were read as the format "
            "says, the last one fastest"
        )


def _table(words: _Words) -> tuple[list[float], list[int]]:
    """The numbers of one table, and where they stand."""
    wanted, _ = words.count("the number of entries", 1 << 24)
    found = [words.number("a probability") for _ in range(wanted)]
    return [value for value, _ in found], [start for _, start in found]


def _backwards(
    draft: Draft, scopes: list[tuple[str, ...]], tables: list[list[float]]
) -> list[list[float]] | None:
    """All tables turned round; None where the format's order holds or this one does not."""
    turned, wrong = [], False
    for scope, values in zip(scopes, tables, strict=True):
        sizes = [len(draft.states(key) or ()) for key in scope]
        if len(sizes) > PARENTS or math.prod(sizes) != len(values) or not values:
            return None
        given = np.array(values)
        other = given.reshape(sizes[::-1]).transpose().reshape(-1)
        if not _laws(other, sizes[-1]):
            return None
        wrong = wrong or not _laws(given, sizes[-1])
        turned.append(other.tolist())
    return turned if wrong else None


def _laws(values: Array, states: int) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.all(np.abs(values.reshape(-1, states).sum(axis=1) - 1.0) <= WITHIN))


class _Places:
    """Where the numbers of one table stand."""

    def __init__(self, words: _Words, starts: list[int]) -> None:
        self._words, self._starts = words, starts

    def __call__(self, at: int) -> Place:
        return self._words.place(self._starts[at])


def _scope(words: _Words, size: int) -> tuple[tuple[str, ...], Place]:
    length, at = words.count("the size of a scope", size)
    place = words.place(at)
    if not length:
        raise RefusedError(place, "", "a scope names at least the variable itself")
    return tuple(str(words.count("a variable", size - 1)[0]) for _ in range(length)), place


def write(net: Network) -> str:
    """The network as UAI text, names in comments at the end."""
    at = {node.name: str(place) for place, node in enumerate(net.nodes)}
    lines = ["BAYES", str(len(net.nodes)), " ".join(str(len(node.states)) for node in net.nodes)]
    lines.append(str(len(net.nodes)))
    for node in net.nodes:
        scope = [at[name] for name in (*node.parents, node.name)]
        lines.append(" ".join([str(len(scope)), *scope]))
    for node in net.nodes:
        lines += ["", str(node.table.size)]
        rows = node.table.reshape(-1, len(node.states)).tolist()
        lines += [" ".join(map(repr, row)) for row in rows]
    lines.append("")
    for node in net.nodes:
        numbers = tuple(map(str, range(len(node.states))))
        for key, value in labels.remarks(node.name, at[node.name], node.states, numbers):
            lines.append(f"# {key} {at[node.name]} {value}")
    return "\n".join(lines) + "\n"
