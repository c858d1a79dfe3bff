# SPDX-License-Identifier: Apache-2.0
"""XML as plain elements with their places; nothing is fetched and nothing is expanded.

Entities of the file's own are refused where they are declared, so that none can grow; a list of
element types (which XMLBIF files carry) is passed over. Depth and count of elements are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from typing import Any
from xml.parsers import expat

from perilscope.errors import DataError, Fault
from perilscope.formats.draft import Place, RefusedError, number, shown

#: Deepest nesting and most elements that are read.
DEPTH, ELEMENTS = 40, 200_000


@dataclass(slots=True)
class Element:
    """An element: its tag, attributes, children and own text."""

    tag: str
    attributes: dict[str, str]
    place: Place
    children: list[Element] = field(default_factory=list)
    pieces: list[tuple[int, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text directly inside this element; a comment counts as a blank."""
        return "".join(piece for _, piece in self.pieces)

    def all(self, tag: str) -> Iterator[Element]:
        """The children with this tag."""
        return (child for child in self.children if child.tag == tag)

    def one(self, tag: str) -> Element:
        """The only child with this tag."""
        found = list(self.all(tag))
        if len(found) != 1:
            count = "no" if not found else str(len(found))
            what = f"one <{tag}> is wanted in <{self.tag}>, found {count}"
            raise RefusedError(self.place, "", what)
        return found[0]

    def attribute(self, name: str) -> str:
        """An attribute that has to be there."""
        if name not in self.attributes:
            raise RefusedError(self.place, "", f"<{self.tag}> needs the attribute {name}")
        return self.attributes[name]

    def numbers(self) -> list[float]:
        """The numbers that the text consists of."""
        words = self.text.split()
        values = [value for word in words if (value := number(word)) is not None]
        if len(values) < len(words):
            at = next(at for at, word in enumerate(words) if number(word) is None)
            what = f"a number is wanted here, found {shown(words[at])}"
            raise RefusedError(self.line(at), "", what)
        return values

    def line(self, which: int) -> Place:
        """The line of a word of the text."""
        at = next(islice(re.finditer(r"\S+", self.text), which, None)).start()
        for line, piece in self.pieces:
            if at < len(piece):
                return Place(line + piece.count("\n", 0, at), 1)
            at -= len(piece)
        return self.place


class _Builder:
    """Handlers that build the tree."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._open: list[Element] = []
        self._count = 0
        self.root: Element | None = None

    def place(self) -> Place:
        return Place(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEPTH or self._count > ELEMENTS:
            what = f"elements nested deeper than {DEPTH} or more than {ELEMENTS:,} are not read"
            raise RefusedError(self.place(), "", what)
        element = Element(tag, attributes, self.place())
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _tag: str) -> None:
        self._open.pop()

    def characters(self, data: str) -> None:
        # the text comes in one piece when it ends, and so does the line of its end
        start = self._parser.CurrentLineNumber - data.count("\n")
        self._open[-1].pieces.append((start, data))

    def comment(self, _data: str) -> None:
        if self._open:
            self._open[-1].pieces.append((self._parser.CurrentLineNumber, " "))

    def entity(self, name: str, *_rest: Any) -> None:
        what = (
            f"the entity {name!r} is declared here; files with entities of their own are not read"
        )
        raise RefusedError(self.place(), "", what, "write out what the entity stands for")


def parse(file: str, data: bytes, encoding: str | None = None) -> Element:
    """The root element of an XML text.

    Parameters
    ----------
    file : str
    data : bytes
    encoding : str, optional
        Where it is known; else as the text declares.

    Raises
    ------
    DataError
        If this is not well-formed XML, or declares entities, or is nested too deep.
    """
    parser = expat.ParserCreate(encoding)
    builder = _Builder(parser)
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    parser.specified_attributes = True  # none made up by a declaration
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.CommentHandler = builder.comment
    parser.EntityDeclHandler = builder.entity
    try:
        parser.Parse(data, True)
    except RefusedError as error:
        place, what, mend = error.place, error.what, error.mend
    except expat.ExpatError as error:
        place = Place(error.lineno, error.offset + 1)
        what, mend = f"this is not well-formed XML: {expat.ErrorString(error.code)}", ""
    except (LookupError, ValueError) as error:
        place, what, mend = Place(), f"the encoding cannot be read: {error}", "save it as UTF-8"
    else:
        assert builder.root is not None  # expat refuses a text without an element
        return builder.root
    raise DataError([Fault(file, place.line, place.column, "", what, mend)])


def holds(name: str) -> bool:
    """Whether XML keeps this text as it is: printable, single blanks inside only."""
    return bool(name) and name.isprintable() and name == " ".join(name.split())


def text(value: str) -> str:
    """A text between tags."""
    return escape(value, quote=False)
