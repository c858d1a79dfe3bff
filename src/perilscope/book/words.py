# SPDX-License-Identifier: Apache-2.0
"""Wording that faults share: the nearest name, and a list of names that stays short."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 16


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known name nearest to a word, or an empty text.

    Examples
    --------
    >>> nearest("tresury", ["treasury", "code"])
    'treasury'
    >>> nearest("fines", ["response", "fines_and_judgements"])
    'fines_and_judgements'
    """
    names = list(known)
    close = get_close_matches(word, names, 1, 0.7)
    if close:
        return close[0]
    lower = word.lower()
    starts = [n for n in names if len(lower) >= 3 and n.lower().startswith(lower)]
    if starts:
        return starts[0]
    folded = get_close_matches(lower, [n.lower() for n in names], 1, 0.7)
    return next((n for n in names if folded and n.lower() == folded[0]), "")


def near(word: str, known: Iterable[str]) -> str:
    """Return ``Did you mean ..? `` for the nearest known name, or an empty text."""
    name = nearest(word, known)
    return f"Did you mean `{name}`? " if name else ""


def listed(names: Iterable[str]) -> str:
    """Return names with commas; a long list is cut with a count of the rest.

    Examples
    --------
    >>> listed(["a", "b"])
    'a, b'
    >>> listed([])
    'none'
    """
    known = list(names)
    if len(known) > SHOWN:
        return f"{', '.join(known[:SHOWN])} and {len(known) - SHOWN} more"
    return ", ".join(known) or "none"


def shown(value: object) -> str:
    """Return what was found, short enough for a message and on one line.

    Examples
    --------
    >>> shown("30/06/2025")
    "'30/06/2025'"
    >>> shown(["a"])
    'a list'
    """
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(str(value))
    return text if len(text) <= 60 else f"{text[:56]}...'"
