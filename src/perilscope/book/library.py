# SPDX-License-Identifier: Apache-2.0
"""The files of one book put together: one tree, and for every path the file it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Fault, FaultsError, PerilscopeError
from . import network_file
from .network_file import Tables
from .source import NOWHERE, Path, Source, read
from .words import shown

TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".zip", ".xlsx")

Reader = Callable[[str], bytes]


class Library:
    """All sources of a book; collects the faults of every step.

    ``tree`` is the merged mapping of top-level keys, with ``networks`` resolved to a mapping of
    id to network, or None for a network whose file cannot be read.
    """

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {}
        self.fatal = False  # a top-level file could not be read at all
        self.sources: list[Source] = []
        self.owners: dict[str, Source] = {}
        self.networks: dict[str, tuple[Source, Path]] = {}

    def faults(self) -> list[Fault]:
        """Return every fault, file by file, in the order of the text; one for each place."""
        found: dict[tuple[str, int, int, str], Fault] = {}
        for source in self.sources:
            for fault in sorted(source.faults, key=lambda f: (f.line, f.column)):
                found.setdefault((fault.file, fault.line, fault.column, fault.path), fault)
        return list(found.values())

    def locate(self, path: Path) -> tuple[Source, Path]:
        """Return the source a path of the tree came from, and the path inside it."""
        if len(path) > 1 and path[0] == "networks" and path[1] in self.networks:
            source, local = self.networks[str(path[1])]
            return source, (*local, *path[2:])
        owner = self.owners.get(str(path[0])) if path else None
        return owner or self.sources[0], path

    def fault(self, path: Path, what: str, mend: str = "", *, key: bool = False) -> None:
        """Note a fault at a path of the tree, unless the place is known to be broken."""
        source, local = self.locate(path)
        if any(local[: len(q)] == q for q in source.silenced):
            return
        source.fault(source.place(local, key=key), local, what, mend)

    def where(self, path: Path, *, key: bool = False) -> str:
        """Return a place in words, to name a second place in a fault."""
        source, local = self.locate(path)
        line = source.place(local, key=key).line
        return f"{source.file} line {line}" if line else source.file


def _table(name: str) -> Source:
    """A table given as a book, which is easily done where a command also takes prices."""
    mend = "A table of prices is given by `--prices FILE`, without a book."
    return Source(name).refuse(NOWHERE, "this is a table, not a book", mend)


def gather(
    files: Mapping[str, bytes], reader: Reader | None, tables: Tables | None = None
) -> Library:
    """Read the files of a book and the networks they name."""
    library = Library()
    for name, data in files.items():
        source = _table(name) if name.lower().endswith(TABLES) else read(name, data)
        library.sources.append(source)
        if not source.fatal and not isinstance(source.tree, dict):
            source.refuse(source.place(()), "a book is a mapping that begins with `institution:`")
        if source.fatal:
            library.fatal = True
            continue
        if "nodes" in source.tree and "institution" not in source.tree:
            mend = "Put it into a folder below, and name it under `networks:`."
            place = source.place(("nodes",), key=True)
            source.fault(place, ("nodes",), "this file is a network, not a part of the book", mend)
            continue
        tidy(source)
        for key, value in source.tree.items():
            if key in library.owners:
                first = library.where((key,), key=True)
                mend = f"It stands first in {first}; a top-level key stands in one file."
                source.fault(
                    source.place((key,), key=True), (key,), f"the key `{key}` appears twice", mend
                )
                continue
            library.owners[key] = source
            library.tree[key] = value
    resolve_networks(library, reader, tables)
    return library


def resolve_networks(
    library: Library, reader: Reader | None = None, tables: Tables | None = None
) -> None:
    """Read the network files the book names, and put every network under its id."""
    written = library.tree.get("networks")
    if not isinstance(written, dict | list):
        return
    resolved: dict[str, Any] = {}
    items = written.items() if isinstance(written, dict) else enumerate(written)
    for step, item in items:
        path: Path = ("networks", step)
        if not isinstance(item, str) and not isinstance(step, str):
            library.fault(
                path,
                f"the path of a network file is wanted here, found {shown(item)}",
                "Networks written in the book are a mapping of ids: `networks: {usdc-peg: {..}}`.",
            )
            continue
        source, tree, name = None, item, str(step)
        if isinstance(item, str) and network_file.is_one(item):
            tree, name = {"file": item}, name if isinstance(step, str) else _stem(item)
        elif isinstance(item, str):
            source = _fetch(library, reader, path, item)
            tree = source.tree if source is not None and not source.fatal else None
            name = name if isinstance(step, str) else _id(source, item)
        if name in resolved:
            library.fault(
                path, f"a network called `{name}` is named twice", "Give one another `id:`."
            )
            continue
        if source is not None and tree is not None:
            library.networks[name] = (source, ())
        elif isinstance(item, str):
            owner, local = library.locate(path)
            library.networks[name] = (owner, local)
        if isinstance(tree, dict) and "file" in tree:
            alone = isinstance(item, str) and source is None
            at: Path = path if alone else ("networks", name, "file")
            tree = _filled(library, reader, tables, name, tree, at)
        resolved[name] = tree
    library.tree["networks"] = resolved


def _filled(
    library: Library,
    reader: Reader | None,
    tables: Tables | None,
    key: str,
    entry: dict[str, Any],
    at: Path,
) -> dict[str, Any] | None:
    """A network with the nodes of the file it names at a path; nothing where none can be read."""
    path: Path = ("networks", key)
    name = entry["file"]
    if not isinstance(name, str):
        what = f"the path of a network file is wanted here, found {shown(name)}"
        library.fault(at, what, "Like `file: networks/depeg.bif`.")
        return None
    data = _bytes(library, reader, at, name)
    if data is None:
        return None
    nodes, faults = network_file.read(name, data, tables)
    if nodes is None:
        library.sources.append(Source(name, faults=faults))
        return None
    return network_file.together(entry, nodes, path, library.fault)


def _bytes(library: Library, reader: Reader | None, path: Path, name: str) -> bytes | None:
    if reader is None:
        library.fault(
            path, f"the file `{name}` cannot be read here", "Write the network in the book."
        )
        return None
    try:
        return reader(name)
    except (OSError, PerilscopeError) as error:
        if isinstance(error, FaultsError):
            reason = "; ".join(fault.what for fault in error.faults)
        else:
            reason = getattr(error, "strerror", None) or str(error)
        library.fault(path, f"the file `{name}` cannot be read: {reason}")
        return None


def _fetch(library: Library, reader: Reader | None, path: Path, name: str) -> Source | None:
    data = _bytes(library, reader, path, name)
    if data is None:
        return None
    source = read(name, data)
    library.sources.append(source)
    if not source.fatal and not isinstance(source.tree, dict):
        source.refuse(source.place(()), "a network is a mapping with `nodes:`")
    if not source.fatal:
        tidy(source)
    return source


def _id(source: Source | None, name: str) -> str:
    if source is not None and isinstance(source.tree, dict):
        own = source.tree.get("id")
        if isinstance(own, str):
            return own
    return _stem(name)


def _stem(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]


def tidy(source: Source) -> None:
    """Mend what YAML splits or leaves empty, noting each as a fault."""
    _tidy(source, source.tree, ())


def _tidy(source: Source, box: Any, path: Path) -> None:
    if isinstance(box, list):
        if _split(box):
            source.fault(source.place(path), path, *_quote("[ ]", ", ".join(map(str, box))))
            source.silenced.append(path)
            return
        for i, item in enumerate(box):
            _tidy(source, item, (*path, i))
            if item is None:
                _empty(source, (*path, i))
        return
    if not isinstance(box, dict):
        return
    _rejoin(source, box, path)
    for key, value in box.items():
        _tidy(source, value, (*path, key))
        if value is None:
            _empty(source, (*path, key))


def _empty(source: Source, path: Path) -> None:
    if path not in source.silenced:
        what = f"`{path[-1]}` is empty" if isinstance(path[-1], str) else "this item is empty"
        source.fault(source.place(path, key=True), path, what, "Give a value or delete the line.")
        source.silenced.append(path)


def _split(items: list[Any]) -> bool:
    """Whether a list holds the pieces of one quantity: ``[pert(1, 2, 3)]``."""
    texts = [item for item in items if isinstance(item, str)]
    return any(t.count("(") > t.count(")") for t in texts) and any(
        t.count(")") > t.count("(") for t in texts
    )


def _rejoin(source: Source, box: dict[str, Any], path: Path) -> None:
    """Put together a quantity that the commas of ``{ }`` have cut into keys without values."""
    keys = list(box)
    for i, key in enumerate(keys):
        text = box.get(key)
        if not isinstance(text, str) or text.count("(") <= text.count(")"):
            continue
        pieces = [text]
        for piece in keys[i + 1 :]:
            if box[piece] is not None:
                break
            pieces.append(piece)
            if ", ".join(pieces).count("(") == ", ".join(pieces).count(")"):
                break
        joined = ", ".join(pieces)
        if len(pieces) > 1 and joined.count("(") == joined.count(")"):
            for piece in pieces[1:]:
                del box[piece]
            box[key] = joined
            at = (*path, key)
            source.fault(source.place(at), at, *_quote("{ }", joined))
            source.silenced.append(at)


def _quote(brackets: str, text: str) -> tuple[str, str]:
    return f"a comma inside {brackets} has split this quantity", f'Quote it: "{text}".'
