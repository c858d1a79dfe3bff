# SPDX-License-Identifier: Apache-2.0
"""Events of one line in one block, compiled: the twin of :mod:`simulation.vectorised`.

Only the compiled backend imports this module, because Numba takes its time to load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from perilscope.engines.jit import compiled
from perilscope.engines.laws.law import Floats, Integers
from perilscope.engines.simulation.tabled import Table

Key = tuple[np.uint64, np.uint64]
NAME = "numba"
BLOCK, PAGE = 2**16, 2**11
HANDFUL = 256
"""Events whose numbers are made before their losses are read."""
FEW = 4
"""Times that any horizon is written when it is repeated."""

_U = np.uint64
_STEP = _U(0x9E3779B97F4A7C15)
_LOW = _U(PAGE - 1)
_types: Any = types


def _written(function: Callable[..., Any]) -> Any:
    # code of the compiler, written out
    return intrinsic(function)


@compiled()
def _mixed(z: Any, two: Any) -> Any:
    z = (z ^ (z >> _U(32))) * _U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> _U(29))) * _U(0x94D049BB133111EB) + two
    z = (z ^ (z >> _U(32))) * _U(0xD6E8FEB86659FD93)
    return z ^ (z >> _U(32))


@compiled()
def _draw(i: Any, one: Any, two: Any) -> Any:
    return _mixed(_U(i) * _STEP + one, two)


@compiled()
def _made(first: Any, some: Any, one: Any, two: Any, years: Any, places: Any, cells: Any) -> None:
    # a handful of events as vectors of the processor: `_draw`, then the row of each in the table
    z = _U(first) * _STEP + one
    for i in range(some):
        years[i] = _mixed(z, two)
        z += _STEP
    for i in range(some):
        r = years[i]
        x = np.float64(np.int64(r) >> 16) + 0.5
        bits = np.float64(x).view(np.uint64)
        c = ((bits << _U(1)) >> _U(50)) - _U(0x1FF0) + ((bits >> _U(54)) & _U(512))
        places[i], cells[i], years[i] = x, c << _U(2), r & _LOW


@compiled()
def _cubic(table: Any, c: Any, x: Any) -> Any:
    return table[c] + x * (table[c + _U(1)] + x * (table[c + _U(2)] + x * table[c + _U(3)]))


@_written
def _four_cubics(_context: Any, table: Any, cells: Any, places: Any, first: Any) -> Any:
    # `_cubic` of four events: each row of the table is read as one vector, and the four turned
    # into one vector for each coefficient; the loops of Numba read number by number
    signature = _types.UniTuple(_types.float64, 4)(table, cells, places, first)
    vector, whole = ir.VectorType(ir.DoubleType(), 4), ir.IntType(32)

    def code(context: Any, build: Any, signature: Any, values: Any) -> Any:
        arrays = zip(signature.args[:3], values[:3], strict=True)
        rows, at, x = [context.make_array(kind)(context, build, it).data for kind, it in arrays]

        def read(data: Any, place: Any) -> Any:
            where = build.bitcast(build.gep(data, [place]), vector.as_pointer())
            return build.load(where, align=8)

        def mixed(one: Any, two: Any, order: list[int]) -> Any:
            return build.shuffle_vector(one, two, ir.Constant(ir.VectorType(whole, 4), order))

        events = [build.add(values[3], ir.Constant(values[3].type, k)) for k in range(4)]
        a, b, c, d = [read(rows, build.load(build.gep(at, [event]))) for event in events]
        even, odd = [0, 4, 2, 6], [1, 5, 3, 7]
        left, right = [0, 1, 4, 5], [2, 3, 6, 7]
        power = {
            half + first: mixed(mixed(a, b, pick), mixed(c, d, pick), side)
            for first, pick in enumerate((even, odd))
            for half, side in ((0, left), (2, right))
        }
        place, loss = read(x, values[3]), power[3]
        for k in (2, 1, 0):
            loss = build.fadd(power[k], build.fmul(place, loss))
        found = [build.extract_element(loss, ir.Constant(whole, k)) for k in range(4)]
        return context.make_tuple(build, signature.return_type, found)

    return signature, code


@compiled()
def _read(
    out: Any, table: Any, starts: Any, pieces: Any, some: Any, places: Any, cells: Any, cut: Any
) -> None:
    # its lower half, four by four; then those of which the cell is in pieces
    fours = some & -4
    for i in range(0, fours, 4):
        out[i], out[i + 1], out[i + 2], out[i + 3] = _four_cubics(table, cells, places, i)
    for i in range(fours, some):
        out[i] = _cubic(table, cells[i], places[i])
    rough = 0
    for i in range(some if starts.size else 0):
        cut[rough] = i
        rough += 0 if out[i] == out[i] else 1
    for k in range(rough):
        i = cut[k]
        # the last piece that begins no later, by halves without a branch
        x, p, left = places[i], 0, starts.size
        while left > 1:
            half = left >> 1
            p += half if starts[p + half] <= x else 0
            left -= half
        out[i] = _cubic(pieces, _U(p) << _U(2), x - starts[p])


@compiled()
def _add(
    out: Any, also: Any, years: Any, losses: Any, first: Any, keep: Any, one: Any, two: Any
) -> None:
    # what a control stops costs nothing; a share that passes is one for all, or of each year
    if keep.size:
        for i in range(losses.size):
            share = keep[years[i]] if keep.size > 1 else keep[0]
            if not np.float64(_draw(first + i, one, two) >> _U(11)) * 2.0**-53 < share:
                losses[i] = 0.0
    if also.size:
        for i in range(losses.size):
            also[years[i]] += losses[i]
            out[years[i]] += losses[i]
    else:
        for i in range(losses.size):
            out[years[i]] += losses[i]


@compiled()
def _read_on(
    out: Any, also: Any, table: Any, some: Any, years: Any, places: Any, cells: Any
) -> None:
    # `_read` and `_add` in one, for the usual case: no pieces, nothing stopped
    fours = some & -4
    for i in range(0, fours, 4):
        a, b, c, d = _four_cubics(table, cells, places, i)
        out[years[i]] += a
        out[years[i + 1]] += b
        out[years[i + 2]] += c
        out[years[i + 3]] += d
        if also.size:
            also[years[i]] += a
            also[years[i + 1]] += b
            also[years[i + 2]] += c
            also[years[i + 3]] += d
    for i in range(fours, some):
        loss = _cubic(table, cells[i], places[i])
        out[years[i]] += loss
        if also.size:
            also[years[i]] += loss


@compiled()
def _placed(
    out: Any,
    also: Any,
    table: Any,
    starts: Any,
    pieces: Any,
    counts: Any,
    key: Any,
    keep: Any,
    marks: Any,
) -> None:
    years, cells = np.empty(HANDFUL, np.uint64), np.empty(HANDFUL, np.uint64)
    places, losses = np.empty(HANDFUL, np.float64), np.empty(HANDFUL, np.float64)
    cut, first = np.empty(HANDFUL + 1, np.int64), 0
    for page in range(counts.size):
        end = first + counts[page]
        low, high = page * PAGE, (page + 1) * PAGE
        mine, too = out[low:high], also[low:high]
        shares = keep[low:high] if keep.size > 1 else keep
        for begin in range(first, end, HANDFUL):
            some = min(HANDFUL, end - begin)
            _made(begin, some, key[0], key[1], years, places, cells)
            if starts.size == 0 and keep.size == 0:
                _read_on(mine, too, table, some, years, places, cells)
                continue
            _read(losses, table, starts, pieces, some, places, cells, cut)
            _add(mine, too, years, losses[:some], begin, shares, marks[0], marks[1])
        first = end


@compiled()
def _given(
    out: Any,
    also: Any,
    table: Any,
    starts: Any,
    pieces: Any,
    horizons: Any,
    key: Any,
    keep: Any,
    marks: Any,
) -> None:
    years, cells = np.empty(HANDFUL, np.uint64), np.empty(HANDFUL, np.uint64)
    places, losses = np.empty(HANDFUL, np.float64), np.empty(HANDFUL, np.float64)
    cut = np.empty(HANDFUL + 1, np.int64)
    for begin in range(0, horizons.size, HANDFUL):
        some = min(HANDFUL, horizons.size - begin)
        _made(begin, some, key[0], key[1], years, places, cells)
        _read(losses, table, starts, pieces, some, places, cells, cut)
        for i in range(some):
            years[i] = _U(horizons[begin + i])
        _add(out, also, years, losses[:some], begin, keep, marks[0], marks[1])


@compiled()
def _hit(years: Any, counts: Any, key: Any) -> Any:
    flags, first, found = np.zeros(PAGE, np.bool_), 0, 0
    for page in range(counts.size):
        flags[:] = False
        for i in range(first, first + counts[page]):
            year = _draw(i, key[0], key[1]) & _LOW
            if not flags[year]:
                flags[year] = True
                years[found] = page * PAGE + np.int64(year)
                found += 1
        first += counts[page]
    return found


@compiled()
def _values(out: Any, table: Any, starts: Any, pieces: Any, key: Any) -> None:
    years, cells = np.empty(HANDFUL, np.uint64), np.empty(HANDFUL, np.uint64)
    places, cut = np.empty(HANDFUL, np.float64), np.empty(HANDFUL + 1, np.int64)
    for begin in range(0, out.size, HANDFUL):
        some = min(HANDFUL, out.size - begin)
        _made(begin, some, key[0], key[1], years, places, cells)
        _read(out[begin : begin + some], table, starts, pieces, some, places, cells, cut)


@compiled()
def _repeated(found: Any, horizons: Any, numbers: Any) -> None:
    # most are repeated a few times: so many are written at once, what is too much overwritten
    k = 0
    for i in range(horizons.size):
        year, end = horizons[i], k + numbers[i]
        for j in range(FEW):
            found[k + j] = year
        for j in range(k + FEW, end):
            found[j] = year
        k = end


@compiled()
def _reached(found: Any, stretches: Any, gaps: Any) -> Any:
    k, time, end = 0, 0.0, stretches[0]
    for i in range(gaps.size):
        time += gaps[i]
        while end <= time:
            k += 1
            if k == stretches.size:
                return i
            end += stretches[k]
        found[i] = k
    return gaps.size


def placed(
    out: Floats, also: Floats, table: Table, counts: Integers, key: Key, keep: Floats, marks: Key
) -> None:
    """Add events that fall on horizons at random, as the twin does."""
    _placed(out, also, *_flat(table), counts, key, keep, marks)


def given(
    out: Floats, also: Floats, table: Table, horizons: Integers, key: Key, keep: Floats, marks: Key
) -> None:
    """Add events of which the horizons are known, as the twin does."""
    _given(out, also, *_flat(table), horizons, key, keep, marks)


def _flat(table: Table) -> tuple[Floats, Floats, Floats]:
    """Rows and pieces as one row each, with the starts of pieces between them."""
    return table.rows.reshape(-1), table.starts, table.pieces.reshape(-1)


def hit(counts: Integers, key: Key) -> Integers:
    """The horizons on which marks fall, each once, as the twin finds them."""
    years = np.empty(int(counts.sum()), dtype=np.int64)
    return years[: _hit(years, counts, key)]


def values(table: Table, number: int, key: Key) -> Floats:
    """Independent values of a law, shape (number,)."""
    out = np.empty(number)
    _values(out, *_flat(table), key)
    return out


def repeated(horizons: Integers, numbers: Integers) -> Integers:
    """Each horizon as many times as is said, as the twin does."""
    total = int(numbers.sum())
    found = np.empty(total + FEW, dtype=np.int64)
    _repeated(found, horizons, numbers)
    return found[:total]


def reached(stretches: Floats, gaps: Floats) -> Integers:
    """The stretch that each point lies in, as the twin finds it."""
    found = np.empty(gaps.size, dtype=np.int64)
    return found[: _reached(found, stretches, gaps)]
