# SPDX-License-Identifier: Apache-2.0
"""Events of one line in one block, compiled: the twin of :mod:`perilscope.engines.vectorised`.

Only the compiled backend imports this module, because Numba takes its time to load. Whoever wants
the machine code kept sets ``numba.config.CACHE_DIR`` before that. The functions that Numba sees
call nothing outside this file, so an edit here is an edit that its cache knows of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba.core.config
import numpy as np

from perilscope.engines.law import Floats, Integers
from perilscope.engines.tabled import Table

_Function = TypeVar("_Function", bound=Callable[..., Any])
Key = tuple[np.uint64, np.uint64]
NAME = "numba"
BLOCK, PAGE = 2**16, 2**11
HANDFUL = 256
"""Events whose numbers are made before their losses are read."""

_U = np.uint64
_LOW = _U(PAGE - 1)
_ANY = _U(BLOCK - 1)


def _compiled(function: _Function) -> _Function:
    # threads run beside each other; nothing is reordered or fused, so bits stay as they are written
    settings: Any = numba.core.config
    keep = bool(settings.CACHE_DIR)
    return cast(_Function, numba.njit(nogil=True, cache=keep, error_model="numpy")(function))


@_compiled
def _draw(i: Any, one: Any, two: Any) -> Any:
    z = _U(i) * _U(0x9E3779B97F4A7C15) + one
    z = (z ^ (z >> _U(32))) * _U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> _U(29))) * _U(0x94D049BB133111EB) + two
    z = (z ^ (z >> _U(32))) * _U(0xD6E8FEB86659FD93)
    return z ^ (z >> _U(32))


@_compiled
def _smooth(r: Any, rows: Any) -> Any:
    x = np.float64(np.int64(r) >> 16) + 0.5
    bits = np.float64(x).view(np.uint64)
    c = ((bits << _U(1)) >> _U(50)) - _U(0x1FF0) + ((bits >> _U(54)) & _U(512))
    return rows[c, 0] + x * (rows[c, 1] + x * (rows[c, 2] + x * rows[c, 3]))


@_compiled
def _at(r: Any, rows: Any, starts: Any, pieces: Any) -> Any:
    loss = _smooth(r, rows)
    if loss == loss:
        return loss
    x = np.float64(np.int64(r) >> 16) + 0.5
    p = np.searchsorted(starts, x, side="right") - 1
    x -= starts[p]
    return pieces[p, 0] + x * (pieces[p, 1] + x * (pieces[p, 2] + x * pieces[p, 3]))


@_compiled
def _passes(i: Any, year: Any, keep: Any, one: Any, two: Any) -> Any:
    if keep.size == 0:
        return True
    share = keep[year] if keep.size > 1 else keep[0]
    return np.float64(_draw(i, one, two) >> _U(11)) * 2.0**-53 < share


@_compiled
def _made(first: Any, some: Any, one: Any, two: Any, years: Any, places: Any, cells: Any) -> None:
    # a handful of events as vectors of the processor: the upper half of `_smooth`
    for i in range(some):
        years[i] = _draw(first + i, one, two)
    for i in range(some):
        r = years[i]
        x = np.float64(np.int64(r) >> 16) + 0.5
        bits = np.float64(x).view(np.uint64)
        c = ((bits << _U(1)) >> _U(50)) - _U(0x1FF0) + ((bits >> _U(54)) & _U(512))
        places[i], cells[i], years[i] = x, c << _U(2), r & _LOW


@_compiled
def _cubic(table: Any, c: Any, x: Any) -> Any:
    return table[c] + x * (table[c + _U(1)] + x * (table[c + _U(2)] + x * table[c + _U(3)]))


@_compiled
def _read(out: Any, also: Any, table: Any, some: Any, years: Any, places: Any, cells: Any) -> None:
    # its lower half, one by one
    if also.size == 0:
        for i in range(some):
            c, x = cells[i], places[i]
            out[years[i]] += _cubic(table, c, x)
        return
    for i in range(some):
        c, x = cells[i], places[i]
        loss = _cubic(table, c, x)
        out[years[i]] += loss
        also[years[i]] += loss


@_compiled
def _smooth_pages(out: Any, also: Any, table: Any, counts: Any, one: Any, two: Any) -> None:
    # the usual case, with nothing to ask
    years, cells = np.empty(HANDFUL, np.uint64), np.empty(HANDFUL, np.uint64)
    places, first = np.empty(HANDFUL, np.float64), 0
    for page in range(counts.size):
        end = first + counts[page]
        mine, too = out[page * PAGE : (page + 1) * PAGE], also[page * PAGE : (page + 1) * PAGE]
        for begin in range(first, end, HANDFUL):
            some = min(HANDFUL, end - begin)
            _made(begin, some, one, two, years, places, cells)
            _read(mine, too, table, some, years, places, cells)
        first = end


@_compiled
def _placed(
    out: Any,
    also: Any,
    rows: Any,
    starts: Any,
    pieces: Any,
    counts: Any,
    key: Any,
    keep: Any,
    marks: Any,
) -> None:
    if starts.size == 0 and keep.size == 0:
        _smooth_pages(out, also, rows.reshape(rows.size), counts, key[0], key[1])
        return
    first = 0
    for page in range(counts.size):
        begin, count = page * PAGE, counts[page]
        for i in range(first, first + count):
            r = _draw(i, key[0], key[1])
            year = _U(begin) + (r & _LOW)
            if _passes(i, year, keep, marks[0], marks[1]):
                loss = _at(r, rows, starts, pieces)
                out[year] += loss
                if also.size:
                    also[year] += loss
        first += count


@_compiled
def _given(
    out: Any,
    also: Any,
    rows: Any,
    starts: Any,
    pieces: Any,
    years: Any,
    key: Any,
    keep: Any,
    marks: Any,
) -> None:
    for i in range(years.size):
        year = _U(years[i])
        if _passes(i, year, keep, marks[0], marks[1]):
            loss = _at(_draw(i, key[0], key[1]), rows, starts, pieces)
            out[year] += loss
            if also.size:
                also[year] += loss


@_compiled
def _hit(years: Any, flags: Any, key: Any) -> Any:
    found = 0
    for i in range(years.size):
        year = _draw(i, key[0], key[1]) & _ANY
        if not flags[year]:
            flags[year] = True
            years[found] = year
            found += 1
    return found


@_compiled
def _values(out: Any, rows: Any, starts: Any, pieces: Any, key: Any) -> None:
    for i in range(out.size):
        out[i] = _at(_draw(i, key[0], key[1]), rows, starts, pieces)


@_compiled
def _reached(found: Any, ends: Any, times: Any) -> None:
    k = 0
    for i in range(times.size):
        while ends[k] <= times[i]:
            k += 1
        found[i] = k


def placed(
    out: Floats, also: Floats, table: Table, counts: Integers, key: Key, keep: Floats, marks: Key
) -> None:
    """Add events that fall on horizons at random, as the twin does."""
    rows, starts, pieces = table.rows, table.starts, table.pieces
    _placed(out, also, rows, starts, pieces, counts, key, keep, marks)


def given(
    out: Floats, also: Floats, table: Table, horizons: Integers, key: Key, keep: Floats, marks: Key
) -> None:
    """Add events of which the horizons are known, as the twin does."""
    rows, starts, pieces = table.rows, table.starts, table.pieces
    _given(out, also, rows, starts, pieces, horizons, key, keep, marks)


def hit(count: int, key: Key) -> Integers:
    """The horizons on which so many events fall, each once, in the order they are hit first."""
    years = np.empty(count, dtype=np.int64)
    return years[: _hit(years, np.zeros(BLOCK, dtype=np.bool_), key)]


def values(table: Table, number: int, key: Key) -> Floats:
    """Independent values of a law, shape (number,)."""
    out = np.empty(number)
    _values(out, table.rows, table.starts, table.pieces, key)
    return out


def reached(ends: Floats, times: Floats) -> Integers:
    """The stretch that each time lies in, as the twin finds it."""
    found = np.empty(times.size, dtype=np.int64)
    _reached(found, ends, times)
    return found
