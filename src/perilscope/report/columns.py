# SPDX-License-Identifier: Apache-2.0
"""Columns of text in which words may be shortened and numbers never are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from perilscope.report.names import shortened

GAP = 2
Cell = tuple[str, str]
"""A text and its style."""


@dataclass(frozen=True)
class Column:
    """One column: its header lines, where it stands, and whether it may be shortened.

    Parameters
    ----------
    header : tuple of str
        Lines above the column, bottom-aligned.
    right : bool
        Numbers stand at the right.
    least : int or None
        Fewest cells a shortened column keeps; ``None`` for a column that is never shortened.
    most : int
        Most cells it may take.
    """

    header: tuple[str, ...] = ()
    right: bool = True
    least: int | None = None
    most: int = 200


def table_of(*columns: tuple[str, JustifyMethod]) -> Table:
    """Return a table without lines, of columns given by header and side, none ever broken."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for header, justify in columns:
        table.add_column(header, justify=justify, no_wrap=True)
    return table


def words(header: str, least: int, most: int) -> Column:
    """Return a left-aligned column of words that may be shortened."""
    return Column((header,) if header else (), right=False, least=least, most=most)


def figures(*header: str) -> Column:
    """Return a right-aligned column of figures that is never shortened."""
    return Column(header)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    sizes = []
    for place, column in enumerate(columns):
        texts = [*column.header, *(row[place][0] for row in rows)]
        sizes.append(min(max((cell_len(text) for text in texts), default=0), column.most))
    # The last column of words gives way first: the name of a thing matters more than a remark.
    for place in reversed(range(len(columns))):
        least = columns[place].least
        over = sum(sizes) + GAP * (len(sizes) - 1) + 1 - width
        if least is not None and over > 0:
            sizes[place] = max(min(least, sizes[place]), sizes[place] - over)
    return sizes


def lay(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[Text]:
    """Return the header and the rows as lines of at most ``width`` cells.

    Examples
    --------
    >>> lines = lay([words("name", 4, 20), figures("loss")], [[("theft", ""), ("$2M", "")]], 40)
    >>> [line.plain for line in lines]
    [' name   loss', ' theft   $2M']
    """
    sizes = _widths(columns, rows, width)
    depth = max((len(column.header) for column in columns), default=0)
    lines = []
    for level in range(depth):
        cells = []
        for column in columns:
            lead = depth - len(column.header)
            text = column.header[level - lead] if level >= lead else ""
            cells.append((text, "bold" if column is columns[0] else "dim"))
        lines.append(_line(columns, cells, sizes))
    return lines + [_line(columns, row, sizes) for row in rows]


def _line(columns: Sequence[Column], cells: Sequence[Cell], sizes: Sequence[int]) -> Text:
    line = Text(" ", no_wrap=True, overflow="ignore")
    for place, (column, (text, style), size) in enumerate(zip(columns, cells, sizes, strict=True)):
        shown = shortened(text, size) if column.least is not None else text
        padding = " " * max(size - cell_len(shown), 0)
        line.append(" " * GAP if place else "")
        if column.right:
            line.append(padding)
        line.append(shown, style)
        if not column.right:
            line.append(padding)
    line.rstrip()
    return line


_SMALL_PRINT = 10
"""Most lines of conventions."""


def wrapped(text: str, width: int, most: int, *, style: str = "", indent: str = " ") -> list[Text]:
    """Return a sentence in at most ``most`` lines, broken between words.

    Examples
    --------
    >>> [line.plain for line in wrapped("one two three", 12, 2)]
    [' one two', ' three']
    >>> [line.plain for line in wrapped("one two three four", 14, 1)]
    [' one two …']
    """
    lines: list[str] = []
    room = max(width - cell_len(indent), 10)
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= room:
            lines[-1] += " " + word
        else:
            lines.append(shortened(word, room))
    if len(lines) > most:
        last = lines[most - 1]
        # Cut between words, so that no number is cut in its middle.
        while cell_len(last) + 2 > room and " " in last:
            last = last.rpartition(" ")[0]
        lines = [*lines[: most - 1], shortened(last, room - 2) + " …"]
    return [Text(indent + line, style=style, no_wrap=True, overflow="ignore") for line in lines]


def allot(lines: int, wanted: Sequence[int], least: Sequence[int]) -> list[int]:
    """Return how many lines each list gets, the first being served twice as often.

    Examples
    --------
    >>> allot(16, [15, 8, 4], [5, 3, 3])
    [8, 4, 4]
    >>> allot(40, [15, 8, 4], [5, 3, 3])
    [15, 8, 4]
    >>> allot(9, [15, 8, 4], [5, 3, 3])
    [3, 3, 3]
    """
    given = [min(want, few) for want, few in zip(wanted, least, strict=True)]
    while sum(given) > lines and max(given) > 1:
        given[given.index(max(given))] -= 1
    left = lines - sum(given)
    order = [0, *range(len(given))]
    while left > 0 and any(got < want for got, want in zip(given, wanted, strict=True)):
        for place in order:
            if left > 0 and given[place] < wanted[place]:
                given[place] += 1
                left -= 1
    return given


def conventions(said: Mapping[str, str], width: int) -> list[Text]:
    """What the figures of a page mean, in one sentence of small print.

    Examples
    --------
    >>> conventions({"var": "smallest x with F(x) >= level"}, 80)[0].plain
    ' Conventions. VaR: smallest x with F(x) >= level.'
    """
    names = {"var": "VaR", "cvar": "CVaR", "p_value": "p-values"}
    told = ". ".join(f"{names.get(key, key)}: {text}" for key, text in said.items())
    return wrapped(f"Conventions. {told}.", width, _SMALL_PRINT, style="dim") if said else []
