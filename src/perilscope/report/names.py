# SPDX-License-Identifier: Apache-2.0
"""Text from a book is other people's text: it is made visible before it is shown.

Escaping for HTML is the template's work; this module removes what escaping leaves alone:
control characters (which can drive a terminal or break XML), marks that turn the direction of
writing (which can make one number read as another), invisible characters, and towers of accents.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

LONGEST = 2_000
"""No single text is shown with more characters than this."""

_SPACES = frozenset("\t\n\r\v\f\x85\u2028\u2029")
_JOINERS = frozenset("\u200c\u200d")
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_ACCENTS = 4


def basis(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the figures of operational and protocol losses, which are those without the market."""
    found: Mapping[str, Any] = run.get("enterprise_without_market") or run["enterprise"]
    return found


def visible(text: str) -> str:
    r"""Return the text with nothing in it that is not seen.

    Line breaks become spaces; control characters, direction marks, invisible and unassigned
    characters become U+FFFD; more than four accents on one letter are dropped; an
    over-long text ends in an ellipsis.

    Examples
    --------
    >>> visible("a\x1b[31mred\u202e\nline")
    'a�[31mred� line'
    """
    if text.isascii() and text.isprintable() and len(text) <= LONGEST:
        return text
    shown: list[str] = []
    accents = 0
    for character in text[: LONGEST + 1]:
        kind = unicodedata.category(character)
        accents = accents + 1 if kind in ("Mn", "Me") else 0
        if accents > _ACCENTS:
            continue
        if character in _SPACES:
            shown.append(" ")
        elif kind in _REFUSED and character not in _JOINERS:
            shown.append("\ufffd")
        else:
            shown.append(character)
    if len(shown) > LONGEST:
        shown[LONGEST - 1 :] = ["…"]
    return "".join(shown)


class _Clean(dict[str, Any]):
    """A mapping that was cleaned, with sorted keys: nothing is left to do."""


def limited(row: Mapping[str, Any]) -> str:
    """What a limit is of: its measure, its scope where that is one, and what the figure belongs to.

    Examples
    --------
    >>> limited({"measure": "1-day VaR 99 %", "scope": "strategy core", "subject": ""})
    '1-day VaR 99 %, strategy core'
    >>> limited({"measure": "balance at one exchange", "scope": "venues", "subject": "meridian"})
    'balance at one exchange (meridian)'
    """
    scope = str(row.get("scope") or "")
    part = f", {scope}" if scope.startswith(("asset ", "venue ", "strategy ")) else ""
    subject = f" ({row['subject']})" if row.get("subject") else ""
    return f"{row['measure']}{part}{subject}"


def cleaned(value: Any, *, ordered: bool = True) -> Any:
    """Return a copy of a JSON-like value with every text in it, keys too, made visible.

    Keys are sorted, so that a run is drawn the same before it is written and after it is read;
    where ``ordered`` is false they stay as they are, since the states of a node have an order.
    What was cleaned before comes back itself.
    """
    if isinstance(value, _Clean):
        return value
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        keys = sorted(value) if ordered else value
        found = {visible(str(key)): cleaned(value[key], ordered=ordered) for key in keys}
        return _Clean(found) if ordered else found
    if isinstance(value, Sequence):
        return [cleaned(each, ordered=ordered) for each in value]
    return value


def shortened(text: str, cells: int) -> str:
    """Return the text in at most that many columns of a terminal, with an ellipsis when cut.

    Examples
    --------
    >>> shortened("exchange-default", 9)
    'exchange…'
    >>> shortened("phishing", 9)
    'phishing'
    """
    if cell_len(text) <= cells:
        return text
    kept = ""
    for character in text[: max(cells, 0)]:
        if cell_len(kept + character) > cells - 1:
            break
        kept += character
    return kept.rstrip() + "…" if cells > 0 else ""
