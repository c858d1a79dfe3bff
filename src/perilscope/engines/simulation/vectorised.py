# SPDX-License-Identifier: Apache-2.0
"""Events of one line in one block, by NumPy: the twin of :mod:`simulation.compiled`.

Both draw the same random number for event i of a stream, a keyed function of i, and read from it
the same year and the same loss. They differ in the order of additions alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.laws.arrivals import reached as reached
from perilscope.engines.laws.law import Floats, Integers
from perilscope.engines.simulation.tabled import Table

Key = tuple[np.uint64, np.uint64]
NAME = "numpy"
BLOCK = 2**16
"""Horizons of a block."""
PAGE = 2**11
"""Horizons of a page, which the fastest memory holds: low bits of an event's random number."""
_LOW = np.uint64(PAGE - 1)
_CHUNK = 2**15
"""Events that are drawn at a time."""
_STEP, _ONE, _TWO, _THREE = (
    np.uint64(word)
    for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93)
)
_BITS = {bits: np.uint64(bits) for bits in (11, 29, 32)}


def draws(first: int, number: int, key: Key) -> NDArray[np.uint64]:
    """Random numbers of a stream from the place ``first`` on, shape (number,).

    Notes
    -----
    A counter in steps of the golden ratio, then three rounds of multiply and shift (the finaliser
    of SplitMix64, Steele, Lea and Flood 2014, with a round more), keyed before and between them.

    Examples
    --------
    >>> key = np.uint64(1), np.uint64(2)
    >>> bool(draws(5, 1, key)[0] == draws(0, 6, key)[5])
    True
    """
    return draws_at(np.arange(first, first + number, dtype=np.uint64), key)


def draws_at(places: NDArray[np.uint64], key: Key) -> NDArray[np.uint64]:
    """Random numbers of a stream at any places, shape of them."""
    z = places * _STEP + key[0]
    z = (z ^ (z >> _BITS[32])) * _ONE
    z = (z ^ (z >> _BITS[29])) * _TWO + key[1]
    z = (z ^ (z >> _BITS[32])) * _THREE
    return np.asarray(z ^ (z >> _BITS[32]))


def placed(
    out: Floats, also: Floats, table: Table, counts: Integers, key: Key, keep: Floats, marks: Key
) -> None:
    """Add events that fall on horizons at random.

    Parameters
    ----------
    out : array, shape (BLOCK,)
        Losses of the horizons, added to.
    also : array, shape (BLOCK,) or (0,)
        Added to as well, unless it is empty.
    table : Table
        The loss per event.
    counts : array, shape (BLOCK / PAGE,)
        Number of events on each page of horizons.
    key, marks : pairs of words
        Streams of the events, and of the marks that say which of them a control lets pass.
    keep : array, shape (0,), (1,) or (BLOCK,)
        Share of events that pass: no control, one share, one for each horizon.
    """
    ends = np.append(0, np.cumsum(counts))
    for first, number in _chunks(int(ends[-1])):
        r = draws(first, number, key)
        here = np.diff(np.clip(ends, first, first + number))  # events of each page in this chunk
        horizons = (r & _LOW).view(np.int64) + _pages(here)
        _add(out, also, table, r, horizons, first, keep, marks)


def given(
    out: Floats, also: Floats, table: Table, horizons: Integers, key: Key, keep: Floats, marks: Key
) -> None:
    """Add events of which the horizons are known, shape (n,); else as :func:`placed`."""
    for first, number in _chunks(len(horizons)):
        r = draws(first, number, key)
        _add(out, also, table, r, horizons[first : first + number], first, keep, marks)


def hit(counts: Integers, key: Key) -> Integers:
    """The horizons on which marks fall, each once, in the order they are hit first, page by page.

    Parameters
    ----------
    counts : array, shape (BLOCK / PAGE,)
        Number of marks on each page of horizons.
    key : pair of words
        Stream of the marks.
    """
    number = int(counts.sum())
    horizons = (draws(0, number, key) & _LOW).view(np.int64) + _pages(counts)
    order, first = np.arange(number), np.zeros(BLOCK, dtype=np.int64)
    first[horizons[::-1]] = order[::-1]  # the last to be written stays
    return np.asarray(horizons[first[horizons] == order])


def values(table: Table, number: int, key: Key) -> Floats:
    """Independent values of a law, shape (number,)."""
    return table.at(_places(draws(0, number, key)))


def repeated(horizons: Integers, numbers: Integers) -> Integers:
    """Each horizon as many times as is said, shapes (n,).

    Examples
    --------
    >>> repeated(np.array([4, 7]), np.array([2, 1])).tolist()
    [4, 4, 7]
    """
    return np.repeat(horizons, numbers)


def values_at(table: Table, places: Integers, key: Key) -> Floats:
    """Those of the values of a law that stand at these places, shape (n,)."""
    return table.at(_places(draws_at(places.astype(np.uint64), key)))


def _pages(counts: Integers) -> Integers:
    """First horizon of the page of each event."""
    return np.repeat(np.arange(0, BLOCK, PAGE), counts)


def _chunks(number: int) -> list[tuple[int, int]]:
    return [(first, min(_CHUNK, number - first)) for first in range(0, number, _CHUNK)]


def _places(r: NDArray[np.uint64]) -> Floats:
    return np.asarray((r.view(np.int64) >> 16) + 0.5, dtype=np.float64)


def _add(
    out: Floats,
    also: Floats,
    table: Table,
    r: NDArray[np.uint64],
    horizons: Integers,
    first: int,
    keep: Floats,
    marks: Key,
) -> None:
    losses = table.at(_places(r))
    if len(keep):
        mark = (draws(first, len(r), marks) >> _BITS[11]) * 2.0**-53
        kept = mark < (keep[0] if len(keep) == 1 else keep[horizons])
        horizons, losses = horizons[kept], losses[kept]
    added = np.bincount(horizons, weights=losses, minlength=BLOCK)
    out += added
    if len(also):
        also += added
