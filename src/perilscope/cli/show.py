# SPDX-License-Identifier: Apache-2.0
"""Where answers go: documents to a file or standard output, everything else beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from perilscope.report import terminal
from perilscope.store.documents import to_json, write_text

WIDTH = 110
_SELDOM = 0.1
"""Seconds between two drawings of the progress bar."""


def emit(target: str | None, document: dict[str, Any], *, ordered: bool = True) -> None:
    """Write a document to a file, to standard output (``-``), or nowhere (None)."""
    if target is None:
        return
    text = to_json(document, ordered=ordered)
    if target == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_text(Path(target), text)


def printer(target: str | None) -> Console:
    """The console for people: standard output, or standard error where that holds a document."""
    stream = sys.stderr if target == "-" else sys.stdout
    width = None if stream.isatty() else WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=True)


def answer(
    document: dict[str, Any], json: str | None, draw: Any, *, ordered: bool = True, **more: Any
) -> None:
    """Write a document where it is wanted, and draw its page; ``more`` goes to ``draw``."""
    emit(json, document, ordered=ordered)
    console = printer(json)
    console.print(draw(document, width=min(max(console.width, 60), 130), **more))


def summary(document: dict[str, Any], out: Path, book: str, console: Console) -> Text:
    """The answer on one screen."""
    report = out / "report.html"
    text = terminal.render(
        document,
        width=console.width,
        colour=console.is_terminal,
        report=str(report) if report.is_file() else "",
        book=book,
        out=str(out),
    )
    return Text.from_ansi(text.rstrip("\n"))


def circulated(document: dict[str, Any], console: Console) -> Text:
    """The register as risk teams circulate it."""
    text = terminal.register(document, width=console.width, colour=console.is_terminal)
    return Text.from_ansi(text.rstrip("\n"))


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error; silent where nobody watches."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _what, _done, _of: None
        return
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(),
        console=console, transient=True, auto_refresh=False,
    )  # fmt: skip
    tasks: dict[str, Any] = {}
    shown = 0.0

    def tell(what: str, done: int, of: int) -> None:
        # drawn by who tells: a thread of the bar's own would keep a run from other processes
        nonlocal shown
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=of)
        late = monotonic() - shown >= _SELDOM or done == of
        bar.update(tasks[what], completed=done, refresh=late)
        shown = monotonic() if late else shown

    with bar:
        yield tell
