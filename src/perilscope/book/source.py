# SPDX-License-Identifier: Apache-2.0
"""YAML text -> a plain tree in which every scalar stays text, and the place of every key and value.

The event stream is read, not the parser's own objects: the schema decides the type of a
scalar, so that ``no``, ``0x1F``, ``1_000`` or ``2026-11-20`` cannot become something else on the
way. What a book may not hold (duplicate keys, aliases, tags, several documents, depth) is a
fault with its place. Writing replaces the span of one value and nothing else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, NamedTuple

from ..errors import Fault, MisuseError

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 200_000
Path = tuple[str | int, ...]

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_BYTE_ORDER_MARK = "\ufeff"


class Place(NamedTuple):
    """Where something stands: line and column from 1, span in characters from 0."""

    line: int
    column: int
    start: int
    end: int


NOWHERE = Place(0, 0, 0, 0)


@dataclass
class Source:
    """One file that was read: its tree, its places, and what is wrong with it."""

    file: str
    text: str = ""
    tree: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    silenced: list[Path] = field(default_factory=list)
    fatal: bool = False  # nothing can be said of what the file declares

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return the nearest place that exists; what is missing points at its parent's key."""
        for n in range(len(path), 0, -1):
            at = path[:n]
            if (key or n < len(path)) and at in self.keys:
                return self.keys[at]
            if at in self.values:
                return self.values[at]
        return self.values.get((), Place(1, 1, 0, 0)) if self.values else NOWHERE

    def fault(self, place: Place, path: Path, what: str, mend: str = "") -> None:
        """Note a fault."""
        dotted = ".".join(map(str, path))
        self.faults.append(Fault(self.file, place.line, place.column, dotted, what, mend))

    def refuse(self, place: Place, what: str, mend: str = "") -> Source:
        """Note a fault after which the file says nothing."""
        self.fault(place, (), what, mend)
        self.fatal = True
        return self


def decode(file: str, data: bytes) -> Source:
    """Return a source with its text, or with the fault that makes it no text."""
    source = Source(file)
    if len(data) > MAX_BYTES:
        return source.refuse(
            NOWHERE,
            f"the file is larger than {MAX_BYTES // 1024**2} MiB",
            "A book is small; data go into CSV.",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return source.refuse(Place(1, 1, 0, 0), "the file is UTF-16", "Save it as UTF-8.")
    try:
        source.text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        return source.refuse(_after(before), "this byte is not UTF-8", "Save the file as UTF-8.")
    if found := _UNPRINTABLE.search(source.text):
        code = f"U+{ord(found[0]):04X}"
        return source.refuse(
            _after(source.text[: found.start()]),
            f"the character {code} is not allowed",
            "Delete it.",
        )
    if not source.text.strip(_BYTE_ORDER_MARK + " \t\r\n"):
        return source.refuse(
            Place(1, 1, 0, 0), "the file is empty", "`perilscope new DIR` writes a commented start."
        )
    return source


def _after(before: str) -> Place:
    lines = before.split("\n")
    return Place(len(lines), len(lines[-1]) + 1, len(before), len(before))


def read(file: str, data: bytes) -> Source:
    """Read one file into a tree of text with places.

    Parameters
    ----------
    file : str
        Name as the user gave it; stands in faults.
    data : bytes
        Contents, UTF-8 with or without byte-order mark.

    Returns
    -------
    Source
        ``tree`` holds dicts, lists, text and None; ``faults`` what is wrong.

    Examples
    --------
    >>> source = read("book.yaml", b"a: {b: no}")
    >>> source.tree, source.place(("a", "b"))
    ({'a': {'b': 'no'}}, Place(line=1, column=8, start=7, end=9))
    """
    source = decode(file, data)
    if source.fatal:
        return source
    _Reader(source).run()
    if source.tree is None and not source.fatal and not source.faults:
        source.refuse(Place(1, 1, 0, 0), "the file is empty", "It holds nothing but comments.")
    return source


@dataclass
class _Open:
    """A mapping or list that is being filled."""

    box: Any
    path: Path
    key: tuple[str, Place] | None = None


class _StopReading(Exception):  # noqa: N818 - a signal, not an error
    """Nothing more is read from this file."""


class _Reader:
    """Builds the tree from the event stream."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.offset = 1 if source.text.startswith(_BYTE_ORDER_MARK) else 0
        self.open: list[_Open] = []
        self.documents = 0

    def run(self) -> None:
        """Read every event; ruamel is imported here because a book built in Python needs none."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        source = self.source
        try:
            stream = StringIO(source.text[self.offset :])
            for count, event in enumerate(YAML(typ="safe", pure=True).parse(stream)):
                if count > MAX_NODES:
                    source.refuse(self.at(event), f"the file has more than {MAX_NODES:,} parts")
                    return
                self.take(event)
        except _StopReading:
            return
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1, 0, 0) if mark else Place(1, 1, 0, 0)
            problem = str(error.problem or error.context)
            source.refuse(place, f"not YAML: {problem}", _hint(problem))
        except (YAMLError, ValueError) as error:  # a reader's fault carries no mark
            source.refuse(Place(1, 1, 0, 0), f"not YAML: {type(error).__name__}")

    def at(self, event: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        return Place(
            start.line + 1, start.column + 1, start.index + self.offset, end.index + self.offset
        )

    def take(self, event: Any) -> None:
        match type(event).__name__:
            case "DocumentStartEvent":
                self.documents += 1
                if self.documents > 1:
                    self.source.fault(
                        self.at(event),
                        (),
                        "a second document begins here",
                        "A file holds one; delete `---`.",
                    )
                    raise _StopReading
            case "MappingEndEvent" | "SequenceEndEvent":
                closed = self.open.pop()
                place = self.source.values[closed.path]
                self.source.values[closed.path] = place._replace(end=self.at(event).end)
            case "AliasEvent":
                self.forbid(event, "aliases are not allowed in a book")
                self.put_or_key(event, None)
            case "ScalarEvent":
                self.marks(event)
                empty = event.style is None and event.value in ("", "~", "null")
                self.put_or_key(event, None if empty else event.value)
            case "MappingStartEvent" | "SequenceStartEvent" as kind:
                self.marks(event)
                self.enter(event, {} if kind == "MappingStartEvent" else [])

    def here(self) -> Path:
        if not self.open:
            return ()
        top = self.open[-1]
        if isinstance(top.box, list):
            return (*top.path, len(top.box))
        return (*top.path, top.key[0]) if top.key else top.path

    def marks(self, event: Any) -> None:
        if event.anchor is not None:
            self.forbid(event, "anchors are not allowed in a book")
        if event.tag is not None:
            path = self.here()
            self.source.fault(
                self.at(event),
                path,
                f"the tag `{event.tag}` is not allowed",
                "Delete it: the book knows its types.",
            )

    def forbid(self, event: Any, what: str) -> None:
        self.source.fault(self.at(event), self.here(), what, "Write the value out at each place.")

    def wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].box, dict) and not self.open[-1].key

    def put_or_key(self, event: Any, value: str | None) -> None:
        if self.wants_key():
            key = getattr(event, "value", "*")
            self.open[-1].key = (key, self.at(event))
            return
        path = self.put(value, self.at(event))
        if type(event).__name__ == "AliasEvent":
            self.source.silenced.append(path)

    def enter(self, event: Any, box: Any) -> None:
        if len(self.open) >= MAX_DEPTH:
            self.source.refuse(self.at(event), f"nested deeper than {MAX_DEPTH}")
            raise _StopReading
        if self.wants_key():
            self.source.refuse(self.at(event), "a key is a word, not a list or a mapping")
            raise _StopReading
        self.open.append(_Open(box, self.put(box, self.at(event))))

    def put(self, value: Any, place: Place) -> Path:
        source = self.source
        if not self.open:
            source.tree, source.values[()] = value, place
            return ()
        top = self.open[-1]
        if isinstance(top.box, list):
            path: Path = (*top.path, len(top.box))
            top.box.append(value)
            source.values[path] = place
            return path
        assert top.key is not None
        (key, key_place), top.key = top.key, None
        path = (*top.path, key)
        if path in source.keys:
            first = source.keys[path].line
            mend = f"It stands first on line {first}; delete or rename one."
            source.fault(key_place, path, f"the key `{key}` appears twice", mend)
            path = (*top.path, f"{key}\0{key_place.line}\0{key_place.column}")  # read, not kept
            source.values[path] = place
            return path
        top.box[key] = value
        source.keys[path], source.values[path] = key_place, place
        return path


def _hint(problem: str) -> str:
    """Return how to mend the usual slips, by a piece of what the scanner says."""
    return next((mend for piece, mend in _HINTS.items() if piece in problem), "")


_HINTS = {
    "mapping values are not allowed": "The line is indented too far, or a value with `: ` in it "
    'needs quotes, like "discrete(0: 50 %, 1M: 50 %)".',
    "'\\t'": "Indent with spaces, not tabs.",
    "cannot start any token": "A value that begins with this character needs quotes.",
    "expected ',' or": "A bracket is not closed, or a value with `{ } [ ] , : #` needs quotes.",
    "end of stream": "A quote or a bracket is not closed.",
    "expected <block end>": "This line is indented otherwise than the lines above it.",
    "could not find expected ':'": "A key is followed by `: ` and its value.",
}


def splice(text: str, path: Path | str, new: str) -> str:
    """Return the text with one scalar value replaced and every other byte kept.

    Parameters
    ----------
    text : str
        A whole file.
    path : tuple or str
        Where the value stands, like ``scenarios.pm-phishing.frequency``.
    new : str
        The new value; it is quoted where YAML would read it as something else.

    Raises
    ------
    MisuseError
        If the path names no scalar value of the text.

    Examples
    --------
    >>> splice("a: {b: 1, c: 2}  # kept", "a.b", "pert(1, 2, 3)")
    'a: {b: "pert(1, 2, 3)", c: 2}  # kept'
    """
    steps = _steps(path)
    source = read("text", text.encode("utf-8", "surrogatepass"))
    place = source.values.get(steps)
    if source.faults or place is None or isinstance(at(source.tree, steps), dict | list):
        raise MisuseError(f"no single value stands at {'.'.join(map(str, steps))}")
    if at(source.tree, steps) == new:
        return text
    wanted = _without(source.tree, steps, new)
    end = place.start + len(text[place.start : place.end].rstrip())
    end = end if text[place.start : place.start + 1] in "|>" and end > place.start else place.end
    for written in (new, json.dumps(new, ensure_ascii=False)):
        lead = " " if place.start and text[place.start - 1] == ":" else ""
        trial = text[: place.start] + lead + written + text[end:]
        again = read("text", trial.encode("utf-8", "surrogatepass"))
        if not again.faults and again.tree == wanted:
            return trial
    raise MisuseError(f"the value {new!r} cannot be written at {'.'.join(map(str, steps))}")


def edit(text: str, path: Path | str, new: str) -> str:
    """Return the text with one value changed; see :func:`splice`."""
    return splice(text, path, new)


def _steps(path: Path | str) -> Path:
    if not isinstance(path, str):
        return path
    return tuple(int(step) if step.isdigit() else step for step in path.split("."))


def at(tree: Any, path: Path) -> Any:
    """Return what stands at a path of a tree, or None."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def _without(tree: Any, path: Path, new: Any) -> Any:
    """Return a copy of the tree with the value at the path replaced."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(tree, dict):
        return {k: (_without(v, rest, new) if k == step else v) for k, v in tree.items()}
    return [(_without(v, rest, new) if i == step else v) for i, v in enumerate(tree)]
