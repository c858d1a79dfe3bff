# SPDX-License-Identifier: Apache-2.0
"""Options that take several values after one name: ``--evidence a=1 b=2`` as well as twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperArgument, TyperCommand


class Several(TyperCommand):
    """A command whose repeatable options may be followed by more than one value.

    What stands after such an option goes to it once all arguments of the command are there, so
    every line that meant something before means the same.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read a line, values that follow one another given an option each."""
        wanted = sum(isinstance(param, TyperArgument) for param in self.params)
        takes, several = set[str](), set[str]()
        for param in self.params:
            if not isinstance(param, TyperArgument) and not getattr(param, "is_flag", False):
                takes.update(param.opts)
                several.update(param.opts if param.multiple else ())
        return super().parse_args(ctx, spread(args, wanted, takes, several))


def spread(args: Sequence[str], wanted: int, takes: set[str], several: set[str]) -> list[str]:
    """A line in which every value of a repeatable option has the option before it.

    Parameters
    ----------
    args : sequence of str
        The line, word by word.
    wanted : int
        How many arguments the command has.
    takes, several : set of str
        Options that take a value, and those among them that may be repeated.

    Examples
    --------
    >>> spread(["asia.bif", "-e", "a=1", "b=2", "--json", "-"], 1, {"-e", "--json"}, {"-e"})
    ['asia.bif', '-e', 'a=1', '-e', 'b=2', '--json', '-']
    """
    found: list[str] = []
    words, current, there = list(args), "", 0
    while words:
        word = words.pop(0)
        if word == "--":
            return [*found, word, *words]
        if word.startswith("-") and len(word) > 1:
            found.append(word)
            name = word.split("=", 1)[0]
            current = name if name in several else ""
            if word in takes and words:
                found.append(words.pop(0))
        elif current and there >= wanted:
            found += [current, word]
        else:
            found.append(word)
            there += 1
    return found
