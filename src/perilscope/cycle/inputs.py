# SPDX-License-Identifier: Apache-2.0
"""What a run was made from, kept beside its answer, so that it can be made again with one change.

The archive holds the files of the book and the data it names, byte by byte, and the settings. It is
read back as any book is: nothing in it is trusted more than a file that a user gives.
"""

from __future__ import annotations

import json
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perilscope.book import Book
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import Origin, Workspace, open_workspace
from perilscope.errors import MisuseError, PerilscopeError
from perilscope.sources import archive, files
from perilscope.store.documents import read_run

INPUTS_FILE = "inputs.zip"
_SETTINGS = "settings.json"
_LIMIT = 64 << 20
"""Most bytes of books and data that are kept with a run."""

Data = dict[str, bytes]


@dataclass(frozen=True)
class Made:
    """A run that was written, with what it was made from where that was kept.

    Parameters
    ----------
    document : dict
        The run document.
    workspace : Workspace or None
        None where the inputs were not kept, or cannot be read: ``why`` says so.
    """

    document: dict[str, Any]
    workspace: Workspace | None
    settings: Settings
    why: str = ""


def collect(book: Path, settings: Settings, workspace: Workspace) -> bytes | None:
    """The inputs of a run as one archive; None where they cannot be kept.

    The book is kept as the run read it. Inputs are not kept where they have more than 64 MiB or
    the book names files by absolute paths, or where a file of data has gone since the run read it.

    Parameters
    ----------
    book : Path
        Where the book was read.
    settings : Settings
    workspace : Workspace
        What was read there.
    """
    if workspace.origin is None:
        return None
    try:
        found = _collected(book, settings, workspace.origin)
    except (PerilscopeError, OSError):
        return None
    if found is None or sum(map(len, found.values())) > _LIMIT:
        return None
    return archive.pack(found)


def _collected(path: Path, settings: Settings, origin: Origin) -> Data | None:
    beside = dict(origin.beside)
    for name in _named(origin.book, settings):
        for inner, content in _read(origin.base / name):
            beside[posixpath.join(name, inner) if inner else name] = content
    if any(posixpath.isabs(name) or Path(name).is_absolute() for name in beside):
        return None
    up = max([posixpath.normpath(name).split("/").count("..") for name in beside], default=0)
    room = posixpath.join(*["book"] * (up + 1))
    found = {posixpath.normpath(f"{room}/{name}"): text for name, text in beside.items()}
    found |= {f"{room}/{Path(name).name}": text for name, text in origin.files.items()}
    told = asdict(settings)
    for field in ("prices", "positions"):
        given: Path | None = getattr(settings, field)
        if given is not None:
            place = f"given/{field}/{given.name}"
            told[field] = place
            for inner, content in _read(given):
                found[posixpath.join(place, inner) if inner else place] = content
    told["book"] = room if path.is_dir() else f"{room}/{path.name}"
    found[_SETTINGS] = json.dumps(told, sort_keys=True, indent=1).encode()
    return found


def _named(book: Book, settings: Settings) -> list[str]:
    """Files and folders of data that a book names, without those that a setting replaces."""
    names = [book.incidents, book.tests, book.alerts, book.market.surfaces]
    names += [None if settings.prices else book.prices]
    names += [None if settings.positions else book.positions]
    names += [p.findings.file for p in book.protocols.values() if p.findings is not None]
    return [name for name in names if name]


def _read(where: Path) -> Iterator[tuple[str, bytes]]:
    if where.is_dir():
        for each in sorted(where.iterdir()):
            if each.is_file() and each.suffix.lower() in (".csv", ".parquet"):
                yield each.name, files.read_bytes(each)
    else:
        yield "", files.read_bytes(where)


def reopen(run: Path, look: Callable[[Path], dict[str, Any]] = read_run) -> Made:
    """A written run and what it was made from.

    Parameters
    ----------
    run : Path
        The folder that ``run --out`` wrote, or its ``run.json``.

    Raises
    ------
    StoreError
        There is no run, or it is none.
    """
    document = look(run)
    folder = run if run.is_dir() else run.parent
    bare = Settings(evidence=tuple(f"{k}={v}" for k, v in document.get("evidence", {}).items()))
    if not (folder / INPUTS_FILE).is_file():
        return Made(document, None, bare, f"there is no {INPUTS_FILE} beside it")
    try:
        workspace, settings = _opened(folder / INPUTS_FILE)
    except PerilscopeError as error:
        return Made(document, None, bare, f"{INPUTS_FILE} cannot be read: {error}")
    if workspace.hash != document["book"].get("hash"):
        return Made(document, None, bare, f"{INPUTS_FILE} holds another book than the run's")
    return Made(document, workspace, settings)


def _opened(path: Path) -> tuple[Workspace, Settings]:
    found = archive.unpack(files.read_bytes(path), path.name)
    try:
        told = json.loads(found.pop(_SETTINGS))
        book = str(told.pop("book"))
        told["evidence"] = tuple(map(str, told["evidence"]))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            archive.spread(found, folder)
            for field in ("prices", "positions"):
                told[field] = None if told[field] is None else folder / _inside(told[field])
            settings = Settings(**told)
            return open_workspace(folder / _inside(book), settings), settings
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MisuseError(f"its {_SETTINGS} is damaged ({error}): make the run again") from None


def _inside(name: object) -> str:
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name!r} leads out of the archive")
    return name
