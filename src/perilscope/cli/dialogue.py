# SPDX-License-Identifier: Apache-2.0
"""A dialogue in the terminal: one question, one line, and a way out at any time.

Answers are lines of standard input, so a dialogue works from a pipe as well. ``?`` explains, an
empty line asks again, what cannot be read is refused with the reason and asked again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from perilscope.book.quantity import QuantityError
from perilscope.errors import PerilscopeError

_Answer = TypeVar("_Answer")


class EndedError(Exception):
    """There are no more lines: the end of the pipe, or Ctrl-D."""


class Dialogue:
    """Asks questions on a console and keeps what was answered.

    Parameters
    ----------
    console : Console
        Where questions go.
    read : callable, optional
        Gives the next line with its end, or an empty text at the end; standard input unless given.
    """

    def __init__(self, console: Console, read: Callable[[], str] | None = None) -> None:
        self.console = console
        self.gathered: dict[str, str] = {}
        self._read = read or (lambda: sys.stdin.readline())

    def ask(self, question: str, explain: str, understand: Callable[[str], _Answer]) -> _Answer:
        r"""One answer, once it can be understood.

        Parameters
        ----------
        question : str
            What is asked, in one line.
        explain : str
            What ``?`` says.
        understand : callable
            Turns the line into the answer, or raises with the reason why not.

        Raises
        ------
        EndedError
            There are no more lines.

        Examples
        --------
        >>> import io
        >>> lines = iter(["\n", "?\n", "two\n", "2\n"])
        >>> out = Console(file=io.StringIO())
        >>> def understood(text):
        ...     if not text.isdigit():
        ...         raise PerilscopeError(f"{text} is no number")
        ...     return int(text)
        >>> Dialogue(out, lambda: next(lines)).ask("How many?", "A number.", understood)
        2
        """
        while True:
            self.console.print(f" {question} ", end="", markup=False)
            line = self._read()
            if not line:
                self.console.print()
                raise EndedError
            text = line.strip()
            if not sys.stdin.isatty():  # a pipe shows no typing, so what was read is shown here
                self.console.print(text, markup=False)
            if text == "?":
                self.say(explain)
            elif text:
                try:
                    answer = understand(text)
                except QuantityError as error:
                    self.say(f"{error.what}. {error.mend}".rstrip())
                except PerilscopeError as error:
                    self.say(" ".join(str(error).split()))
                else:
                    self.gathered[question.rstrip(" ?:>")] = text
                    return answer

    def say(self, text: str) -> None:
        """A remark, in as many lines as it needs."""
        from perilscope.report.columns import wrapped

        for line in wrapped(text, self.console.width, 99, indent="   "):
            self.console.print(line)

    def so_far(self) -> None:
        """What was answered, for somebody who leaves early."""
        if self.gathered:
            self.console.print("\n Left early; so far:")
            for question, answer in self.gathered.items():
                self.console.print(f"   {question}: {answer}", markup=False)


def one_of(words: dict[str, str]) -> Callable[[str], str]:
    """Understands one of some words, by any beginning that belongs to one of them only.

    Examples
    --------
    >>> one_of({"interval": "i", "urn": "u"})("i")
    'interval'
    """

    def understand(text: str) -> str:
        typed = text.lower()
        found = [w for w, short in words.items() if typed == short] or [
            w for w in words if w.startswith(typed)
        ]
        if len(found) != 1:
            raise PerilscopeError(f"answer one of {', '.join(words)}")
        return found[0]

    return understand
