# SPDX-License-Identifier: Apache-2.0
"""A commented book to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from perilscope.errors import MisuseError
from perilscope.store.documents import write_text


def begin(folder: Path) -> tuple[Path, ...]:
    """Write the starting book into a folder.

    Raises
    ------
    MisuseError
        The path is a file, or the folder holds a YAML file already: nothing is overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise MisuseError(f"{folder} is a file: name a folder to make")
    if folder.is_dir() and any(folder.glob("*.yaml")):
        raise MisuseError(f"{folder} already holds a book: name another folder")
    templates = resources.files("perilscope.cycle") / "templates"
    written = []
    for template in sorted(templates.iterdir(), key=lambda t: t.name):
        name = "book.yaml" if template.name == "new-book.yaml" else template.name
        write_text(folder / name, template.read_text(encoding="utf-8"))
        written.append(folder / name)
    return tuple(written)
