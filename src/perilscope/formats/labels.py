# SPDX-License-Identifier: Apache-2.0
"""Names that a format cannot hold: a plain stand-in, and the real name beside it.

Most formats take only identifiers as names, or break on commas, slashes and quotes. A writer gives
such a name a stand-in made of letters, digits and underscores, and keeps the real one in a remark
of the format under the two keys below, percent-encoded so that no parser can stumble over it. Other
programs see the stand-in; our reader restores the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

#: Keys of the remarks that hold a node's real name and the real names of its states.
NAME, STATES = "perilscope_name", "perilscope_states"

_SAFE = re.compile(r"[A-Za-z0-9_.-]+")
_ENCODED = re.compile(r"(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Longest stand-in; longer names are cut and numbered.
_LONGEST = 60


def is_identifier(text: str) -> bool:
    """Whether ``text`` is made of ASCII letters, digits and underscores and starts with no digit.

    Examples
    --------
    >>> is_identifier("Asy_Patch"), is_identifier("Asy/Patch"), is_identifier("5_12")
    (True, False, False)
    """
    return _IDENTIFIER.fullmatch(text) is not None


def encoded(text: str) -> str:
    """Any text in letters, digits and ``_ . - %``; the empty text is a lone ``%``.

    Examples
    --------
    >>> encoded("Asy/Patch"), encoded("5 – 12"), encoded("")
    ('Asy%2FPatch', '5%20%E2%80%93%2012', '%')
    """
    if _SAFE.fullmatch(text):
        return text
    pieces = (
        chr(byte) if _SAFE.fullmatch(chr(byte)) else f"%{byte:02X}"
        for byte in text.encode("utf-8", "surrogatepass")
    )
    return "".join(pieces) or "%"


def decoded(text: str) -> str | None:
    """The text that was `encoded`; None where this is not such a spelling.

    Examples
    --------
    >>> decoded("Asy%2FPatch"), decoded("%"), decoded("50%")
    ('Asy/Patch', '', None)
    """
    if text == "%":
        return ""
    if not _ENCODED.fullmatch(text):
        return None
    raw = re.sub(r"%(..)", lambda found: chr(int(found[1], 16)), text).encode("latin-1")
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def encoded_list(texts: Iterable[str]) -> str:
    """Several names, each `encoded`, with spaces between."""
    return " ".join(map(encoded, texts))


def decoded_list(text: str) -> tuple[str, ...] | None:
    """The names of an `encoded_list`; None where one of them is not such a spelling."""
    names = [decoded(word) for word in text.split()]
    good = tuple(name for name in names if name is not None)
    return good if len(good) == len(names) else None


def remarks(
    name: str, key: str, states: Sequence[str], keys: Sequence[str]
) -> list[tuple[str, str]]:
    """What to remark of a node: its real names, where the file calls it or its states otherwise."""
    found = [] if key == name else [(NAME, encoded(name))]
    return found if tuple(keys) == tuple(states) else [*found, (STATES, encoded_list(states))]


def restored(remarks: Mapping[str, str]) -> tuple[str | None, tuple[str, ...] | None]:
    """Real name and real names of states as remarked; None where there is no such remark."""
    name, states = remarks.get(NAME), remarks.get(STATES)
    return (
        None if name is None else decoded(name),
        None if states is None else decoded_list(states),
    )


def stand_ins(
    names: Sequence[str], holds: Callable[[str], bool], reserved: Iterable[str] = ()
) -> tuple[str, ...]:
    """A name the format can hold for each of ``names``: itself where it can, all of them different.

    Parameters
    ----------
    names : sequence of str
        Different from each other.
    holds : function of a name
        Whether the format can hold it as it is.
    reserved : iterable of str
        Words of the format, in small letters, which no name may be.

    Examples
    --------
    >>> stand_ins(("Asy/Patch", "Asy_Patch", "5 to 12"), is_identifier)
    ('Asy_Patch_2', 'Asy_Patch', 's5_to_12')
    """
    words = set(reserved)

    def fits(name: str) -> bool:
        return holds(name) and name.lower() not in words

    taken = {name for name in names if fits(name)}
    found = []
    numbers: dict[str, int] = {}
    for name in names:
        if fits(name):
            found.append(name)
            continue
        stem = re.sub(r"[^A-Za-z0-9_]+", "_", name[:_LONGEST]).strip("_") or "s"
        stem = stem if is_identifier(stem) and stem.lower() not in words else f"s{stem}"
        chosen = stem
        while chosen in taken or not fits(chosen):
            numbers[stem] = numbers.get(stem, 1) + 1
            chosen = f"{stem}_{numbers[stem]}"
        taken.add(chosen)
        found.append(chosen)
    return tuple(found)
