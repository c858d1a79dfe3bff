# SPDX-License-Identifier: Apache-2.0
"""JSON taken strictly: numbers as float64, no key twice, nothing that grows beyond bounds."""

from __future__ import annotations

import json
import re
from typing import Any

from perilscope.formats.draft import Place, RefusedError, number, shown

#: Most brackets and commas of a text, counted before it is parsed.
BRACKETS, COMMAS = 2_000_000, 10_000_000
_NO = Place()


def parse(text: str) -> Any:
    """The value that a JSON text stands for.

    Raises
    ------
    RefusedError
        If this is not JSON, a key repeats, a number is no finite float64, or it is too large.

    Examples
    --------
    >>> parse('{"table": [0.1, 1]}')
    {'table': [0.1, 1.0]}
    """
    if text.count("[") + text.count("{") > BRACKETS or text.count(",") > COMMAS:
        raise RefusedError(
            _NO, "", f"more than {BRACKETS:,} lists or {COMMAS:,} items are not read"
        )
    try:
        return json.loads(
            text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_number,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        place = Place(error.lineno, error.colno)
        raise RefusedError(place, "", f"this is not JSON: {error.msg}") from None
    except RecursionError:
        raise RefusedError(_NO, "", "lists are nested too deep here") from None


def _number(text: str) -> float:
    value = number(text)
    if value is None:
        raise RefusedError(_NO, "", f"{shown(text)} is no finite number")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RefusedError(_NO, "", f"the key {shown(key)} stands twice in one object")
        found[key] = value
    return found


def lines_of(text: str, key: str) -> dict[str, Place]:
    """For each text that stands under ``key`` somewhere, the line where it does so first."""
    found: dict[str, Place] = {}
    line, at = 1, 0
    for match in re.finditer(rf'"{key}"\s*:\s*("(?:[^"\\]|\\.)*+")', text):
        line += text.count("\n", at, match.start())
        at = match.start()
        try:
            found.setdefault(json.loads(match[1]), Place(line, 1))
        except json.JSONDecodeError:  # not the start of a text after all
            continue
    return found


def want(value: Any, kind: type, path: str, what: str) -> Any:
    """The value, which has to be of this kind."""
    if not isinstance(value, kind):
        raise RefusedError(_NO, path, f"{what} is wanted here, found {shown(json.dumps(value))}")
    return value


def want_key(found: dict[str, Any], key: str, kind: type, path: str, what: str) -> Any:
    """What stands under a key, which has to be there and of this kind."""
    if key not in found:
        raise RefusedError(_NO, path, f"the key {key} is missing", f"{what} is wanted under it")
    return want(found[key], kind, f"{path}.{key}" if path else key, what)


def want_texts(value: Any, path: str) -> tuple[str, ...]:
    """A list of texts."""
    found = want(value, list, path, "a list of texts")
    return tuple(want(item, str, f"{path}[{at}]", "a text") for at, item in enumerate(found))


def flat(value: Any, depth: int, path: str) -> list[float]:
    """The numbers in lists nested so deep, in order; all lists of a depth are equally long."""
    level = [value]
    for _ in range(depth):
        lengths = set()
        below: list[Any] = []
        for item in level:
            lengths.add(len(want(item, list, path, "a list")))
            below.extend(item)
        if len(lengths) > 1:
            raise RefusedError(
                _NO, path, f"lists of {min(lengths)} and {max(lengths)} stand together"
            )
        level = below
    return [want(item, float, path, "a number") for item in level]
