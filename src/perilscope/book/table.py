# SPDX-License-Identifier: Apache-2.0
"""A register as a plain table: one scenario a row, without a book around it.

Columns ``id`` (or ``name``), ``frequency``, ``severity`` and, if wanted, ``name`` and ``layer``.
A frequency is a rate as in a book, or a count law with its yearly mean, a shorthand that exists
only here: ``poisson(0.08)``, ``bernoulli(0.03)``, ``binomial(12, 0.5)`` (at most so many, mean),
``negative-binomial(2, 0.5)`` (size, mean), ``zero-inflated(0.3, 0.5)`` (chance of a barred year,
mean), ``mixed-poisson(gamma(4, 4), 0.5)`` (law of how years differ, mean).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from perilscope.book.laws import NAMES
from perilscope.book.load import from_mapping
from perilscope.book.model import Book
from perilscope.book.quantity import QuantityError
from perilscope.book.words import near
from perilscope.errors import BookError, Fault

COLUMNS = ("id", "name", "layer", "frequency", "severity")
MOST_ROWS = 20_000
_TOO_MANY = f"more than {MOST_ROWS:,} rows: to assess them would take longer than anybody waits"
_FEWER = "Add up rows of one kind, or assess parts of the register by themselves."
_COUNTED = re.compile(r"([a-z-]+) ?\((.*)\)")
_ALONE = {"poisson": "poisson", "bernoulli": "at most one a year"}
_SIZED = ("binomial", "negative-binomial", "zero-inflated", "mixed-poisson")
_LIKE = (
    "Written: `poisson(0.08)`, `bernoulli(0.03)`, `binomial(12, 0.5)`, "
    "`negative-binomial(2, 0.5)`, `zero-inflated(0.3, 0.5)`, `mixed-poisson(gamma(4, 4), 0.5)`; "
    "the last number is the yearly mean."
)
_COLUMN = {"magnitude": "severity", "counts": "frequency"}  # where a field of the book stands
_BUSINESS = "business"


def frequency(text: str) -> dict[str, str]:
    """``frequency`` and ``counts`` as a book writes them.

    Raises
    ------
    QuantityError
        A count law with another number of arguments than it takes.

    Examples
    --------
    >>> frequency("bernoulli(0.03)")
    {'frequency': '0.03 per year', 'counts': 'at most one a year'}
    >>> frequency("mixed-poisson(gamma(4, 4), 0.5)")
    {'frequency': '0.5 per year', 'counts': 'mixed-poisson(gamma(4, 4))'}
    >>> frequency("1 in 5 years")
    {'frequency': '1 in 5 years'}
    """
    found = _COUNTED.fullmatch(" ".join(text.split()))
    if not found or found[1] in (*NAMES, "belief"):
        return {"frequency": text.strip()}
    if found[1] not in (*_ALONE, *_SIZED):
        close = near(found[1], (*_ALONE, *_SIZED))
        raise QuantityError(f"no law of counts is called `{found[1]}`", f"{close}{_LIKE}")
    law, inside = found[1], found[2].strip()
    before, comma, last = inside.rpartition(",")
    if bool(comma) == (law in _ALONE):
        wanted = "one number, its yearly mean" if law in _ALONE else "its shape and its yearly mean"
        raise QuantityError(f"`{law}` takes {wanted}", _LIKE)
    mean = re.sub(r"^mean ?= ?", "", last.strip())
    counts = _ALONE.get(law) or f"{law}({before.strip()})"
    rate = mean if re.search(r" (per|in) ", mean) else f"{mean} per year"
    return {"frequency": rate, "counts": counts}


def book(rows: Mapping[str, Mapping[str, str]], *, name: str, currency: str, as_of: str) -> Book:
    """The smallest book that holds these rows.

    Parameters
    ----------
    rows : mapping of id to row
        ``frequency``, ``severity`` and optionally ``name`` and ``layer``.

    Raises
    ------
    BookError
        Every fault, by its path.
    """
    scenarios: dict[str, dict[str, str]] = {}
    faults: list[Fault] = []
    for key, row in rows.items():
        scenario = {"asset": _BUSINESS, "magnitude": row["severity"]}
        try:
            scenario |= frequency(row["frequency"])
        except QuantityError as error:
            path = f"scenarios.{key}.frequency"
            faults.append(Fault(name, 0, 0, path, error.what, error.mend))
            scenario["frequency"] = "1 per year"  # so that the other faults of the row are found
        scenario.update({k: row[k] for k in ("name", "layer") if row.get(k)})
        scenarios[key] = scenario
    tree: dict[str, Any] = {
        "institution": {"name": name},
        "currency": currency,
        "as_of": as_of,
        "assets": {_BUSINESS: {"kind": "other"}},
        "scenarios": scenarios,
    }
    try:
        read = from_mapping(tree)
    except BookError as error:
        raise BookError([*faults, *error.faults]) from error
    if faults:
        raise BookError(faults)
    return read


def register(file: str, data: bytes, *, currency: str, as_of: str) -> Book:
    """Read a table as a book.

    Parameters
    ----------
    file : str
        Name as the user gave it; stands in faults.
    data : bytes
        CSV, UTF-8, with a header.

    Raises
    ------
    BookError
        Every fault with its line.
    """
    try:
        text = data.decode("utf-8-sig")
        lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        header = [column.strip() for column in lines.fieldnames or ()]
        lines.fieldnames = header
        _known(file, header)
        if data.count(b"\n") > MOST_ROWS + 1:
            raise BookError([Fault(file, 0, 0, "", _TOO_MANY, _FEWER)])
        rows, places = _rows(file, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BookError([Fault(file, 0, 0, "", f"this is no CSV in UTF-8: {error}")]) from error
    try:
        return book(rows, name=file, currency=currency, as_of=as_of)
    except BookError as error:
        raise BookError(sorted(_placed(fault, file, places) for fault in error.faults)) from error


def _known(file: str, header: list[str]) -> None:
    faults = [
        Fault(
            file, 1, 1, "", f"there is no column `{column}`", f"The header: {', '.join(COLUMNS)}."
        )
        for column in ("frequency", "severity")
        if column not in header
    ]
    if "id" not in header and "name" not in header:
        faults.append(Fault(file, 1, 1, "", "there is neither a column `id` nor `name`"))
    faults += [
        Fault(file, 1, 1, "", f"unknown column `{column}`", f"Allowed: {', '.join(COLUMNS)}.")
        for column in header
        if column not in COLUMNS
    ]
    if faults:
        raise BookError(faults)


def _rows(
    file: str, lines: csv.DictReader[str]
) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    rows: dict[str, dict[str, str]] = {}
    places: dict[str, int] = {}
    faults: list[Fault] = []
    for row in lines:
        place = lines.line_num
        if None in row or None in row.values():
            mend = "A comma inside a law needs quotation marks around the cell."
            faults.append(Fault(file, place, 1, "", "this line has another number of cells", mend))
            continue
        cells = {column: cell.strip() for column, cell in row.items()}
        key = cells.get("id") or _slug(cells.get("name", ""))
        if key in rows:
            faults.append(
                Fault(file, place, 1, key, f"the id stands twice, first on line {places[key]}")
            )
            continue
        rows[key], places[key] = cells, place
    if not rows and not faults:
        faults.append(Fault(file, 0, 0, "", "the table has no rows"))
    if faults:
        raise BookError(faults)
    return rows, places


def _slug(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words if words[:1].isalpha() else f"row-{words}".rstrip("-")


def _placed(fault: Fault, file: str, places: Mapping[str, int]) -> Fault:
    """A fault of the book as one of the table: its line, and the column's name."""
    steps = fault.path.split(".")
    key = steps[1] if len(steps) > 1 and steps[0] == "scenarios" else ""
    column = _COLUMN.get(steps[2], steps[2]) if len(steps) > 2 else ""
    path = f"{key}.{column}".strip(".") if key else fault.path
    return Fault(file, places.get(key, 0), 1 if key in places else 0, path, fault.what, fault.mend)
