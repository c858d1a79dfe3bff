# SPDX-License-Identifier: Apache-2.0
"""Reading and writing a network file of any kind.

A file is taken by the ending of its name; where that says nothing, by how its text begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from perilscope.engines.networks.network import Network
from perilscope.errors import DataError, Fault, MisuseError
from perilscope.formats import bif, cmpx, markup, net, own, uai, xdsl, xmlbif
from perilscope.formats.draft import Draft, Place, RefusedError
from perilscope.formats.own import digest

__all__ = ["KINDS", "LIMIT", "Read", "digest", "kind_of", "read", "write"]

#: Largest file that is read, in bytes (or characters).
LIMIT = 32 << 20

#: Kinds of files, and what they are called.
KINDS = {
    "json": "our own, lossless",
    "bif": "BIF, the interchange format of the bnlearn repository",
    "xmlbif": "XMLBIF 0.3",
    "xdsl": "XDSL of GeNIe",
    "net": "NET of Hugin",
    "uai": "UAI of the inference competitions",
    "cmpx": "CMPX of agena.ai, discrete nodes",
}

_ENDINGS = {
    ".bif": "bif",
    ".xmlbif": "xmlbif",
    ".bifxml": "xmlbif",
    ".xdsl": "xdsl",
    ".net": "net",
    ".uai": "uai",
    ".cmpx": "cmpx",
}
_READERS: dict[str, Callable[[Draft, str], None]] = {
    "json": own.read,
    "bif": bif.read,
    "net": net.read,
    "uai": uai.read,
    "cmpx": cmpx.read,
}
_XML_READERS: dict[str, Callable[[Draft, markup.Element], None]] = {
    "xmlbif": xmlbif.read,
    "xdsl": xdsl.read,
}
_WRITERS: dict[str, Callable[[Network], str]] = {
    "json": own.write,
    "bif": bif.write,
    "xmlbif": xmlbif.write,
    "xdsl": xdsl.write,
    "net": net.write,
    "uai": uai.write,
    "cmpx": cmpx.write,
}
_COMMENTS = re.compile(r"(?:\s|//[^\n]*|%[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+")


@dataclass(frozen=True)
class Read:
    """A network as it was read.

    Parameters
    ----------
    network : Network
    kind : str
        One of `KINDS`.
    notes : tuple of str
        What was changed on the way: rows that were divided by their sums, orders that were turned.
    """

    network: Network
    kind: str
    notes: tuple[str, ...]


def kind_of(name: str, data: bytes | str) -> str:
    """The kind of a file, by the ending of its name, else by how it begins.

    Parameters
    ----------
    name : str
        May be empty.
    data : bytes or str

    Returns
    -------
    str
        One of `KINDS`.

    Raises
    ------
    DataError
        If it cannot be told.

    Examples
    --------
    >>> kind_of("asia.bif", ""), kind_of("", "BAYES 2"), kind_of("a.xml", "<?xml?><smile>")
    ('bif', 'uai', 'xdsl')
    """
    head = data[:4096]
    start = head.decode("latin-1").replace("\0", "") if isinstance(head, bytes) else head
    for mark in ("\xef\xbb\xbf", "\ufeff", "\xff\xfe", "\xfe\xff"):  # of UTF-8 and UTF-16
        start = start.removeprefix(mark)
    start = start.lstrip()
    ending = re.search(r"\.[A-Za-z]+$", name)
    said = _ENDINGS.get(ending[0].lower()) if ending else None
    if said is not None and not (said == "bif" and start.startswith("<")):
        return said
    kind = _by_content(start)
    if kind is None:
        what = "what kind of network file this is cannot be told"
        mend = "give the file one of these endings: .json " + " ".join(_ENDINGS)
        raise DataError([Fault(name or "network", 0, 0, "", what, mend)])
    return kind


def _by_content(start: str) -> str | None:
    if start.startswith("<"):
        return "xdsl" if "<smile" in start else "xmlbif"
    if start.startswith("{"):
        return "json" if '"perilscope"' in start else "cmpx"
    found = _COMMENTS.match(start)
    word = re.match(r"[A-Za-z]+", start[found.end() if found else 0 :])
    return {
        "network": "bif",
        "variable": "bif",
        "net": "net",
        "class": "net",
        "node": "net",
        "BAYES": "uai",
        "MARKOV": "uai",
    }.get(word[0] if word else "")


def read(data: bytes | str, name: str = "") -> Read:
    """A network from the text of a file.

    Parameters
    ----------
    data : bytes or str
        The whole file.
    name : str
        Its name, for its ending and for errors.

    Returns
    -------
    Read

    Raises
    ------
    DataError
        With every fault that was found and its place.

    Examples
    --------
    >>> text = "BAYES 1 2 1 1 0 2 0.25 0.75"
    >>> read(text).network.node("0").table.tolist()
    [0.25, 0.75]
    """
    file = name or "network"
    if len(data) > LIMIT:
        what = f"this file has {len(data) / (1 << 20):,.1f} MiB; at most {LIMIT >> 20} are read"
        raise DataError([Fault(file, 0, 0, "", what)])
    kind = kind_of(name, data)
    draft = Draft(file)
    try:
        if kind in _XML_READERS:
            _XML_READERS[kind](draft, _tree(file, data))
        else:
            _READERS[kind](draft, _text(file, data))
    except RefusedError as error:
        draft.refused(error)
    return Read(draft.network(), kind, tuple(draft.notes))


def _tree(file: str, data: bytes | str) -> markup.Element:
    if isinstance(data, bytes):
        return markup.parse(file, data)
    return markup.parse(file, _text(file, data).encode("utf-8", "surrogatepass"), "utf-8")


def _text(file: str, data: bytes | str) -> str:
    """The file as text without a byte-order mark or null characters."""
    if isinstance(data, bytes):
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise RefusedError(Place(1, 1), "", "this is UTF-16 text", "save the file as UTF-8")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            what = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
            raise RefusedError(Place(line, column), "", what, "save the file as UTF-8") from None
    else:
        text = data
    if "\0" in text:
        at = text.index("\0")
        place = Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        raise RefusedError(place, "", "a null character stands here; this is no text")
    return text.removeprefix("\ufeff")


def write(network: Network, kind: str) -> str:
    """The text of a file that holds the network, every number to the last bit.

    Parameters
    ----------
    network : Network
    kind : str
        One of `KINDS`.

    Returns
    -------
    str

    Raises
    ------
    MisuseError
        If there is no such kind.
    """
    if kind not in _WRITERS:
        raise MisuseError(
            f"there is no kind of network file {kind!r}; there are {', '.join(KINDS)}"
        )
    return _WRITERS[kind](network)
