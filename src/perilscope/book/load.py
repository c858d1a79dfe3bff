# SPDX-License-Identifier: Apache-2.0
"""Files -> book, or every fault of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from ..errors import BookError, MisuseError
from . import cross, faults, feedback
from .library import Library, Reader, gather, resolve_networks
from .model import Book
from .network_file import Tables
from .quantity import Quantity, spell
from .source import Source
from .tables import lay_out
from .words import shown


def load(
    files: Mapping[str, bytes], read: Reader | None = None, tables: Tables | None = None
) -> Book:
    """Read a book from its files.

    Parameters
    ----------
    files : mapping of str to bytes
        Every top-level YAML file of the book by name; a top-level key stands in one of them.
    read : callable, optional
        Returns the bytes of a file the book names (its networks), by the path as written.
    tables : callable, optional
        Returns the nodes of a network file of another program, by its name and content.

    Returns
    -------
    Book

    Raises
    ------
    BookError
        With every fault of every file, each with its place and how to mend it.
    """
    if not files:
        raise MisuseError("a book needs at least one file")
    library = gather(files, read, tables)
    if library.fatal:
        raise BookError(library.faults())
    return _build(library)


def load_text(
    text: str,
    read: Reader | None = None,
    name: str = "book.yaml",
    tables: Tables | None = None,
) -> Book:
    """Read a book from one text.

    Examples
    --------
    >>> book = load_text('''
    ... institution: {name: Example, kind: hedge fund}
    ... currency: USD
    ... as_of: 2026-11-20
    ... assets: {desk: {kind: other}}
    ... scenarios:
    ...   outage: {asset: desk, frequency: 1 in 5 years, magnitude: 1M}
    ... ''')
    >>> book.scenarios["outage"].frequency.estimate.value.per
    'year'
    """
    return load({name: text.encode("utf-8", "surrogatepass")}, read, tables)


def from_mapping(tree: Mapping[str, Any]) -> Book:
    """Build a book in Python from the same names a file has.

    Parameters
    ----------
    tree : mapping
        Nested mappings and lists; text, numbers, booleans, dates and quantities as values.

    Raises
    ------
    BookError
        With every fault; faults name the path, there being no line.
    """
    source = Source("book")
    library = Library()
    library.sources.append(source)
    plain = _text(tree, ())
    for key, value in plain.items():
        library.owners[key] = source
        library.tree[key] = value
    resolve_networks(library)
    return _build(library)


def _text(value: Any, path: tuple[str | int, ...]) -> Any:
    """Return the tree a file with these values would have."""
    if isinstance(value, Mapping):
        return {str(k): _text(v, (*path, str(k))) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_text(v, (*path, i)) for i, v in enumerate(value)]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Quantity):
        return spell(value)
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    what = f"{'.'.join(map(str, path))}: {shown(value)} is no text, number, date or quantity"
    raise MisuseError(what)


def _build(library: Library) -> Book:
    tree = dict(library.tree)
    context = cross.gather_context(tree)
    cross.check(library)
    tree["networks"] = _laid_out(library)
    if not tree["networks"]:
        del tree["networks"]
    if "feedback" in tree:
        tree["feedback"] = feedback.laid_out(tree["feedback"], library.fault)
    tokens = tree.get("tokens", {})
    if isinstance(tokens, dict):
        implied: dict[str, Any] = {t: {} for t in cross.implied_tokens(tree) if t not in tokens}
        tree["tokens"] = {**tokens, **implied}
    book = None
    try:
        book = Book.model_validate(tree, context=context)
    except ValidationError as error:
        faults.report(error, library, tree)
    found = library.faults()
    if found or book is None:
        raise BookError(found)
    return book


def _laid_out(library: Library) -> Any:
    """Return the networks with their tables laid out; one that could not be read is left out."""
    written = library.tree.get("networks")
    if not isinstance(written, dict):
        return written
    return {
        key: lay_out(net, ("networks", key), library.fault) if isinstance(net, dict) else net
        for key, net in written.items()
        if net is not None
    }
