# SPDX-License-Identifier: Apache-2.0
"""One run from files to files: everything is computed before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from perilscope.book import Book, content_hash
from perilscope.cycle import kept_draws
from perilscope.cycle.assess import Result, assess
from perilscope.cycle.document import document
from perilscope.cycle.inputs import INPUTS_FILE
from perilscope.cycle.settings import Settings
from perilscope.cycle.start import Progress
from perilscope.cycle.watch import watch
from perilscope.cycle.workspace import Workspace, open_workspace
from perilscope.errors import MisuseError
from perilscope.store.documents import RUN_FILE, read_run, to_json, write_bytes, write_text


def quantify(
    book: Path, settings: Settings, progress: Progress = lambda _w, _d, _o: None
) -> dict[str, Any]:
    """Assess a book and return its run document."""
    return document(assessed(book, settings, progress))


def assessed(
    book: Path,
    settings: Settings,
    progress: Progress = lambda _w, _d, _o: None,
    *,
    processes: bool = False,
) -> Result:
    """Assess a book, and return every figure as a value; see `perilscope.cycle.assess.assess`."""
    return assess(open_workspace(book, settings), settings, progress, processes=processes)


def draws_of(result: Result) -> bytes:
    """The horizons of everything as a file.

    Raises
    ------
    MisuseError
        None were drawn.
    """
    if result.horizons is None or result.together is None:
        raise MisuseError(
            "no horizons of everything were drawn to keep: a market is wanted (positions with "
            "prices), and --engine both or simulation"
        )
    drawn, whole = result.horizons.drawn, result.together.whole
    return kept_draws.written(drawn, whole, result.settings.seed)


def assess_book(
    book: Book, settings: Settings, progress: Progress = lambda _w, _d, _o: None
) -> dict[str, Any]:
    """Assess a book that names no data, and return its run document."""
    workspace = Workspace(book, content_hash(book), None, (), (), (), ())
    return document(assess(workspace, settings, progress))


def save(
    found: dict[str, Any],
    out: Path,
    pages: Mapping[str, Callable[[], str]],
    inputs: bytes | None = None,
    draws: bytes | None = None,
) -> None:
    """Write a run's folder: the document first, then inputs, draws and the pages drawn from it."""
    text = to_json(found)
    drawn = {name: page() for name, page in pages.items()}
    write_text(out / RUN_FILE, text)
    for name, content in ((INPUTS_FILE, inputs), (kept_draws.FILE, draws)):
        if content is not None:
            write_bytes(out / name, content)
        else:
            (out / name).unlink(missing_ok=True)  # those of an earlier run are not this one's
    for name, page in drawn.items():
        write_text(out / name, page)


def monitor(book: Path, since: Path, on: date, settings: Settings) -> dict[str, Any]:
    """A written run against what happened since, with today's limits."""
    workspace = open_workspace(book, settings)
    return watch(workspace, read_run(since), on, assess(workspace, settings))
