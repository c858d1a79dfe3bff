# SPDX-License-Identifier: Apache-2.0
"""Every command line that the documentation shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from perilscope.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs" / "guides").glob("*.md"))
LINE = re.compile(r"^(?:\$ |    )?(perilscope .*)$", re.MULTILINE)


def shown() -> Iterator[Any]:
    for page in PAGES:
        for line in LINE.findall(page.read_text(encoding="utf-8")):
            yield pytest.param(line, id=f"{page.stem}: {line}")


def taken(line: str) -> None:
    """Read a command line to its end, and run nothing."""
    command: Any = typer.main.get_command(app)
    name, *words = shlex.split(line, comments=True)
    while words and words[0] in getattr(command, "commands", {}):
        name, *words = words
        command = command.commands[name]
    if words and hasattr(command, "commands"):
        raise LookupError(f"no command is called {words[0]}")
    command.make_context(name, words)


@pytest.mark.parametrize("line", list(shown()))
def test_a_command_line_of_the_documentation_is_taken(line: str) -> None:
    taken(line)


@pytest.mark.parametrize("line", ["perilscope run BOOK --loud", "perilscope runs BOOK"])
def test_other_command_lines_are_not(line: str) -> None:
    with pytest.raises(Exception, match=r"loud|runs"):
        taken(line)
