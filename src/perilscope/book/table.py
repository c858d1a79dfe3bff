# SPDX-License-Identifier: Apache-2.0
"""A register as a plain table: one scenario a row, without a book around it.

Columns ``id`` (or ``name``), ``frequency``, ``severity`` and, if wanted, ``name`` and ``layer``.
A frequency is a rate as in a book, or a count law with its yearly mean, a shorthand that exists
only here: ``poisson(0.08)``, ``bernoulli(0.03)``, ``negative-binomial(2, 0.5)`` (size, mean).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from perilscope.book.load import from_mapping
from perilscope.book.model import Book
from perilscope.errors import BookError, Fault

COLUMNS = ("id", "name", "layer", "frequency", "severity")
_COUNTED = re.compile(r"(poisson|bernoulli|negative-binomial)\(([^()]*)\)")
_BUSINESS = "business"


def frequency(text: str) -> dict[str, str]:
    """``frequency`` and ``counts`` as a book writes them.

    Examples
    --------
    >>> frequency("bernoulli(0.03)")
    {'frequency': '0.03 per year', 'counts': 'at most one a year'}
    >>> frequency("1 in 5 years")
    {'frequency': '1 in 5 years'}
    """
    found = _COUNTED.fullmatch(text.strip())
    if not found:
        return {"frequency": text.strip()}
    law, numbers = found[1], [part.strip() for part in found[2].split(",")]
    mean = numbers[-1].removeprefix("mean").lstrip(" =")
    if law == "negative-binomial":
        size = numbers[0].removeprefix("size").lstrip(" =")
        return {"frequency": f"{mean} per year", "counts": f"negative-binomial({size})"}
    counts = {"poisson": "poisson", "bernoulli": "at most one a year"}[law]
    return {"frequency": f"{mean} per year", "counts": counts}


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
    for key, row in rows.items():
        scenario = {"asset": _BUSINESS, **frequency(row["frequency"]), "magnitude": row["severity"]}
        scenario.update({k: row[k] for k in ("name", "layer") if row.get(k)})
        scenarios[key] = scenario
    tree: dict[str, Any] = {
        "institution": {"name": name},
        "currency": currency,
        "as_of": as_of,
        "assets": {_BUSINESS: {"kind": "other"}},
        "scenarios": scenarios,
    }
    return from_mapping(tree)


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
        rows, places = _rows(file, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BookError([Fault(file, 0, 0, "", f"this is no CSV in UTF-8: {error}")]) from error
    try:
        return book(rows, name=file, currency=currency, as_of=as_of)
    except BookError as error:
        raise BookError([_placed(fault, file, places) for fault in error.faults]) from error


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
    column = ".".join(steps[2:]).replace("magnitude", "severity", 1)
    path = f"{key}.{column}".strip(".") if key else fault.path
    return Fault(file, places.get(key, 0), 1 if key in places else 0, path, fault.what, fault.mend)
