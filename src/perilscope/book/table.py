# SPDX-License-Identifier: Apache-2.0
"""A register as a plain table: one scenario a row, without a book around it.

Columns ``id`` (or ``name``), ``frequency``, ``severity`` and, if wanted, ``name`` and ``layer``.
A frequency is a rate as in a book, a number alone (so many a year), or a count law with its yearly
mean, shorthands that exist only here: ``poisson(0.08)``, ``bernoulli(0.03)``,
``binomial(12, 0.5)`` (at most so many, mean; or ``binomial(12, p=0.04)`` by the chance of each),
``negative-binomial(2, 0.5)`` (size, mean),
``zero-inflated(0.3, 0.5)`` (chance of a barred year, mean),
``mixed-poisson(gamma(4, 4), 0.5)`` (law of how years differ, mean).

Cells are parted by commas, semicolons or tabs, and an id may be any short text: tables come from
spreadsheets and other tools' registers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from perilscope.book.laws import NAMES
from perilscope.book.load import from_mapping
from perilscope.book.model import Book
from perilscope.book.names import ID
from perilscope.book.quantity import QuantityError
from perilscope.book.words import near
from perilscope.errors import BookError, Fault

COLUMNS = ("id", "name", "layer", "frequency", "severity")
MOST_ROWS = 20_000
_TOO_MANY = f"more than {MOST_ROWS:,} rows: to assess them would take longer than anybody waits"
_FEWER = "Add up rows of one kind, or assess parts of the register by themselves."
_COUNTED = re.compile(r"([a-z_-]+) ?\((.*)\)", re.IGNORECASE)
_PERCENT = re.compile(r"([0-9.]+) ?%")
_CHANCE = re.compile(r"p ?= ?([0-9.]+) ?(%?)")
_PLAIN = re.compile(r"[0-9]*\.?[0-9]+")
_ALONE = {"poisson": "poisson", "bernoulli": "at most one a year"}
_SIZED = ("binomial", "negative-binomial", "zero-inflated", "mixed-poisson")
_LIKE = (
    "Written: `poisson(0.08)`, `bernoulli(0.03)`, `binomial(12, 0.5)`, "
    "`negative-binomial(2, 0.5)`, `zero-inflated(0.3, 0.5)`, `mixed-poisson(gamma(4, 4), 0.5)`; "
    "the last number is the yearly mean (`binomial(12, p=0.04)`: the chance of each)."
)
_COLUMN = {"magnitude": "severity", "counts": "frequency"}  # where a field of the book stands
_BUSINESS = "business"
_STAND_IN, _DOT, _LONGEST = "row-of-table-", "\0", 100


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
    >>> frequency("binomial(12, p=4 %)")
    {'frequency': '0.48 per year', 'counts': 'binomial(12)'}
    >>> frequency("1 in 5 years")
    {'frequency': '1 in 5 years'}
    >>> frequency("0.2")
    {'frequency': '0.2 per year'}
    """
    if _PLAIN.fullmatch(text.strip()):
        return {"frequency": f"{text.strip()} per year"}
    found = _COUNTED.fullmatch(" ".join(text.split()))
    if not found or found[1] in (*NAMES, "belief"):
        return {"frequency": text.strip()}
    law, inside = found[1].lower().replace("_", "-"), found[2].strip()
    if law not in (*_ALONE, *_SIZED):
        close = near(law, (*_ALONE, *_SIZED))
        raise QuantityError(f"no law of counts is called `{found[1]}`", f"{close}{_LIKE}")
    *before, last = _arguments(inside)
    if not last or len(before) != (law not in _ALONE):
        wanted = "one number, its yearly mean" if law in _ALONE else "its shape and its yearly mean"
        raise QuantityError(f"`{law}` takes {wanted}", _LIKE)
    if law == "binomial" and (chance := _CHANCE.fullmatch(last)):  # as textbooks write it
        last = _many(before[0], chance)
    mean = re.sub(r"^mean ?= ?", "", last)
    percent = _PERCENT.fullmatch(mean) if law == "bernoulli" else None
    if percent:  # a rate has none, the chance of one event a year may
        mean = str(Decimal(percent[1]) / 100)
    counts = _ALONE.get(law) or f"{law}({before[0]})"
    rate = mean if re.search(r" (per|in) ", mean) else f"{mean} per year"
    return {"frequency": rate, "counts": counts}


def _many(most: str, chance: re.Match[str]) -> str:
    """The yearly mean of so many chances of the same probability."""
    try:
        times = Decimal(re.sub(r"^n ?= ?", "", most))
        return f"{times * Decimal(chance[1]).scaleb(-2 if chance[2] else 0):f}"
    except InvalidOperation:
        raise QuantityError("`binomial` takes two plain numbers here", _LIKE) from None


def _arguments(inside: str) -> list[str]:
    """What commas part, but not those inside brackets."""
    found, depth = [""], 0
    for sign in inside:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return [part.strip() for part in found]


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
    known = {key: _known_as(key, i) for i, key in enumerate(rows, 1)}
    for given, row in rows.items():
        key = known[given]
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
    written = {key: given for given, key in known.items()}
    try:
        read = from_mapping(tree)
    except BookError as error:
        faults = [*faults, *error.faults]
    if faults:
        raise BookError([_renamed(fault, written) for fault in faults])
    return _as_written(read, written)


def _known_as(key: str, place: int) -> str:
    """An id as a book has it: itself, or one that stands for any other text."""
    return key if ID.fullmatch(key) and not key.startswith(_STAND_IN) else f"{_STAND_IN}{place}"


def _renamed(fault: Fault, written: Mapping[str, str]) -> Fault:
    """A fault with ids as they were written; the dots of an id are no steps of the path."""
    steps = fault.path.split(".")
    if len(steps) > 1 and steps[0] == "scenarios":
        steps[1] = written.get(steps[1], steps[1]).replace(".", _DOT)
    return replace(fault, path=".".join(steps))


def _as_written(read: Book, written: Mapping[str, str]) -> Book:
    if all(key == given for key, given in written.items()):
        return read
    entries = {
        written[key]: entry.model_copy(update={"id": written[key]})
        for key, entry in read.scenarios.items()
    }
    return read.model_copy(update={"scenarios": type(read.scenarios)(entries)})


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
        lines = csv.DictReader(
            io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text)
        )
        header = [column.strip().lower() for column in lines.fieldnames or ()]
        lines.fieldnames = header
        _known(file, header)
        if data.count(b"\n") > MOST_ROWS + 1:
            raise BookError([Fault(file, 0, 0, "", _TOO_MANY, _FEWER)])
        rows, places = _rows(file, lines)
    except UnicodeDecodeError as error:
        what = f"this is no text in UTF-8: byte {error.start + 1} is {data[error.start]:#x}"
        mend = "Save the table as CSV with the encoding UTF-8."
        raise BookError([Fault(file, 0, 0, "", what, mend)]) from error
    except csv.Error as error:
        mend = "A quotation mark may have been left open."
        what = f"this is no CSV: {error}"
        raise BookError([Fault(file, 0, 0, "", what, mend)]) from error
    try:
        return book(rows, name=file, currency=currency, as_of=as_of)
    except BookError as error:
        raise BookError(sorted(_placed(fault, file, places) for fault in error.faults)) from error


def _delimiter(text: str) -> str:
    """What parts the columns of the header: a comma, or else a semicolon or a tab."""
    first = text.partition("\n")[0]
    return max(",;\t", key=lambda sign: (first.count(sign), sign == ","))


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
    faults += [
        Fault(file, 1, 1, "", f"the column `{column}` stands twice")
        for column in dict.fromkeys(header)
        if column in COLUMNS and header.count(column) > 1
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
        if not any(cells.values()):
            continue  # spreadsheets leave such lines at the end
        key = cells.get("id") or _slug(cells.get("name", ""))
        wrong = _wrong_id(key) or next(
            (f"the {column} is empty" for column in ("frequency", "severity") if not cells[column]),
            "",
        )
        if wrong:
            faults.append(Fault(file, place, 1, key[:_LONGEST], wrong))
            continue
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


def _wrong_id(key: str) -> str:
    if not key:
        return "the row has neither an id nor a name"
    if len(key) > _LONGEST:
        return f"the id has more than {_LONGEST} characters"
    return "" if key.isprintable() else "the id holds signs that cannot be shown"


def _slug(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words if words[:1].isalpha() else name


def _placed(fault: Fault, file: str, places: Mapping[str, int]) -> Fault:
    """A fault of the book as one of the table: its line, and the column's name."""
    steps = fault.path.split(".")
    key = steps[1].replace(_DOT, ".") if len(steps) > 1 and steps[0] == "scenarios" else ""
    column = _COLUMN.get(steps[2], steps[2]) if len(steps) > 2 else ""
    path = f"{key}.{column}".strip(".") if key else fault.path
    return Fault(file, places.get(key, 0), 1 if key in places else 0, path, fault.what, fault.mend)
