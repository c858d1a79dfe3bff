# SPDX-License-Identifier: Apache-2.0
"""Text cut into tokens, for the formats that are written with braces and semicolons."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from perilscope.formats.draft import Place, RefusedError, number, shown


def places(text: str) -> list[int]:
    """Where each line of the text starts."""
    return [0, *(found.end() for found in re.finditer("\n", text))]


class Scanner:
    """Tokens of a text, one after the other.

    Parameters
    ----------
    text : str
    pattern : compiled expression
        Groups: ``skip`` (blanks and comments), ``mark`` (punctuation), ``word``, and ``text`` (what
        stands between quotation marks).

    Attributes
    ----------
    token : str
        The token at hand; empty at the end of the text, and for an empty quoted text.
    kind : str
        ``mark``, ``word``, ``text``, or ``end``.
    """

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._text, self._pattern = text, pattern
        self._starts: list[int] | None = None
        self._found = self._cut()
        self.token, self.kind, self.at = "", "end", 0
        self.next()

    def _cut(self) -> Iterator[tuple[str, str, int]]:
        match, at, end = self._pattern.match, 0, len(self._text)
        while at < end:
            found = match(self._text, at)
            if found is None or found.end() == at:
                what = "this text in quotation marks does not end"
                if self._text[at] not in "\"'":
                    what = f"this cannot stand here: {shown(self._text[at : at + 20])}"
                raise RefusedError(self.place(at), "", what)
            kind = found.lastgroup or "skip"
            if kind != "skip":
                yield kind, found[kind], at
            at = found.end()

    def next(self) -> None:
        """Go to the next token."""
        end = ("end", "", len(self._text))
        try:
            self.kind, self.token, self.at = next(self._found, end)
        except RefusedError:  # what cannot be cut cannot be gone past either
            self.kind, self.token, self.at = end
            raise

    def place(self, at: int | None = None) -> Place:
        """Line and column of a position, of the token at hand where none is given."""
        at = self.at if at is None else at
        if self._starts is None:
            self._starts = places(self._text)
        line = bisect_right(self._starts, at)
        return Place(line, at - self._starts[line - 1] + 1)

    def error(self, what: str, path: str = "", mend: str = "") -> RefusedError:
        """A fault at the token at hand."""
        return RefusedError(self.place(), path, what, mend)

    def is_mark(self, mark: str) -> bool:
        """Whether the token at hand is this piece of punctuation."""
        return self.token == mark and self.kind == "mark"

    def is_word(self, word: str) -> bool:
        """Whether the token at hand is this word, not in quotation marks."""
        return self.token == word and self.kind == "word"

    def found(self) -> str:
        """The token at hand, fit to be shown."""
        return "the end of the file" if self.kind == "end" else shown(self.token)

    def take(self, mark: str) -> None:
        """Go past this piece of punctuation, which has to be there."""
        if not self.is_mark(mark):
            raise self.error(f"{mark!r} is wanted here, found {self.found()}")
        self.next()

    def name(self) -> str:
        """A word or quoted text, which has to be there."""
        if self.kind not in ("word", "text"):
            raise self.error(f"a name is wanted here, found {self.found()}")
        token = self.token
        self.next()
        return token

    def number(self) -> float:
        """A number, which has to be there."""
        value = number(self.token) if self.kind == "word" else None
        if value is None:
            raise self.error(f"a number is wanted here, found {self.found()}")
        self.next()
        return value
