# SPDX-License-Identifier: Apache-2.0
"""A comma-separated table as rows that know their line: the part all data files have in common.

A line that starts with ``#`` is a note, where a row could begin; blank lines are skipped, column
names are compared without regard to case. Every fault of a file is collected before it is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from perilscope.errors import DataError, Fault

#: So many faults of one file are named one by one; the rest is counted.
MOST_FAULTS = 100
_CELLS = (
    "write one cell for each column; a cell that holds a comma stands in double quotes, and "
    "numbers have no thousands commas or decimal commas"
)


class Faults:
    """Collects the faults of one file and refuses it with all of them at once.

    Examples
    --------
    >>> faults = Faults("prices.csv")
    >>> faults.refuse()  # nothing was noted
    >>> faults.add(3, "no price", "write one")
    >>> faults.refuse()
    Traceback (most recent call last):
    perilscope.errors.DataError: prices.csv:3:1: no price
        write one
    1 fault
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._found: list[Fault] = []
        self._more = 0

    def add(self, line: int, what: str, mend: str = "", column: int = 1, path: str = "") -> None:
        """Note one fault; line 0 means the whole file."""
        if len(self._found) < MOST_FAULTS:
            self._found.append(Fault(self.name, line, column if line else 0, path, what, mend))
        else:
            self._more += 1

    def refuse(self) -> None:
        """Raise DataError if any fault was noted."""
        if self._found:
            rest = Fault(self.name, 0, 0, "", f"and {self._more} more faults like these")
            raise DataError([*self._found, *([rest] if self._more else [])])


@dataclass(frozen=True)
class Table:
    """A table that is read as its rows are asked for, once.

    Parameters
    ----------
    columns : tuple of str
        Names as written, stripped.
    line : int
        Line of the header.
    rows : iterator of (line, cells)
        The line on which the row begins. Every row has as many cells as there are columns; what is
        wrong with others is noted in the faults that were given to `read_table`.
    notes : list of str
        The lines that start with ``#``, without it; complete when the rows are.
    """

    columns: tuple[str, ...]
    line: int
    rows: Iterator[tuple[int, list[str]]]
    notes: list[str]

    def places(self, names: Sequence[str]) -> list[int]:
        """Where columns of any of these names stand, without regard to case."""
        wanted = [name.casefold() for name in names]
        return [at for at, name in enumerate(self.columns) if name.casefold() in wanted]

    def known(
        self, needed: Sequence[str], allowed: Sequence[str], faults: Faults
    ) -> dict[str, int]:
        """Where each column stands, in a table that has these columns and no others.

        Raises
        ------
        DataError
            Columns that are not known, stand twice, or are missing, with what was noted before.
        """
        names = [column.casefold() for column in self.columns]
        more = f"; allowed as well: {', '.join(allowed)}" if allowed else ""
        mend = f"the columns are {', '.join(needed)}{more}"
        for at, name in enumerate(names):
            if name not in (*needed, *allowed):
                faults.add(self.line, f"no column is called {name!r}", mend, at + 1)
            elif name in names[:at]:
                faults.add(self.line, f"column {name!r} stands twice", mend, at + 1)
        for name in needed:
            if name not in names:
                faults.add(self.line, f"column {name!r} is missing", mend)
        faults.refuse()
        return {name: at for at, name in enumerate(names)}

    def records(self, at: Mapping[str, int]) -> Iterator[tuple[int, dict[str, str]]]:
        """Every row with its line: what stands in these columns, without the space around it."""
        for line, cells in self.rows:
            yield line, {column: cells[place].strip() for column, place in at.items()}


def decode(name: str, data: bytes) -> str:
    """UTF-8 text of a file, without a byte-order mark; DataError with the line where it is not.

    Examples
    --------
    >>> decode("a.csv", "\ufeffdate".encode())
    'date'
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError([Fault(name, 1, 1, "", "this is UTF-16 text", "save the file as UTF-8")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        mend = "save the file as UTF-8; if it is compressed, unpack it first"
        raise DataError([Fault(name, line, column, "", what, mend)]) from None


class _Lines:
    """Lines of a text; a note leaves an empty line, so that all keep their numbers.

    Within a row (a quoted cell may hold ends of lines) no line is a note, so whoever reads rows
    says where the next one ``begins``.
    """

    def __init__(self, text: str, notes: list[str]) -> None:
        # Ends of lines alone cut: str.splitlines would also do so at signs that a name may hold.
        self._text, self._notes = io.StringIO(text, newline=""), notes
        self.begins = True

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            noted = self.begins and line.startswith("#")
            self.begins = False
            if noted:
                self._notes.append(line[1:].strip())
            yield "\n" if noted else line


def _rows(
    text: str, notes: list[str], faults: Faults, mark: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """The header, then the rows of the same width, with their lines; the others are noted."""
    lines = _Lines(text, notes)
    reader = csv.reader(lines, delimiter=mark, strict=True)
    width = -1  # no header yet
    line = 1
    try:
        for cells in reader:
            if len(cells) == width:
                yield line, cells
            elif cells and (len(cells) > 1 or cells[0].strip()):  # not a blank line
                if width < 0:
                    width = len(cells)
                    yield line, cells
                else:
                    what = f"this row has {len(cells)} cells and the header has {width}"
                    faults.add(line, what, _CELLS)
            line, lines.begins = reader.line_num + 1, True
    except csv.Error as error:
        what = f"not readable as comma-separated text: {error}"
        faults.add(line, what, "close every quotation mark; what comes after it was not read")


def read_table(name: str, data: bytes, faults: Faults, mark: str = ",") -> Table:
    r"""Read the header of a table, and its rows as they are asked for.

    Parameters
    ----------
    name : str
        Name of the file as the user gave it.
    data : bytes
    faults : Faults
        Where what is wrong with single rows is noted.
    mark : str
        What separates the cells.

    Raises
    ------
    DataError
        If it is not UTF-8, not comma-separated, or has no header.

    Examples
    --------
    >>> faults = Faults("a.csv")
    >>> table = read_table("a.csv", b"# mine\ndate,close\n2026-01-01,5\n", faults)
    >>> table.columns, list(table.rows), table.notes
    (('date', 'close'), [(3, ['2026-01-01', '5'])], ['mine'])
    """
    notes: list[str] = []
    rows = _rows(decode(name, data), notes, faults, mark)
    line, header = next(rows, (0, []))
    if not header:
        faults.add(0, "the file is empty", "give it a header and rows")
        faults.refuse()
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        faults.add(line, f"the columns are not separated by commas: {header[0]!r}", "use commas")
        faults.refuse()
    columns = tuple(cell.strip() for cell in header)
    return Table(columns, line, rows, notes)


def number(text: str) -> float | None:
    """The number written in a cell, or None where it is not one; NaN and infinity are numbers.

    Examples
    --------
    >>> number("1e3"), number("1,000"), number("1_000")
    (1000.0, None, None)
    """
    if "_" in text:  # Python would read 1_000
        return None
    try:
        return float(text)
    except ValueError:
        return None
