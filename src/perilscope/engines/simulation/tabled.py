# SPDX-License-Identifier: Apache-2.0
"""The quantile function of a law as a table from which one random number reads one loss.

The upper 48 bits of a random number, taken as a signed number x half way between two integers, say
where in its law a loss lies: x > 0 is a survival probability of x / 2^48 (below one half), x < 0 a
probability of -x / 2^48 of something smaller. Both tails are cut into octaves (the exponent of x)
and each octave into eight cells (its next three bits), so the bits of x are the index of its cell
and relative precision is the same 1 in 10 and 1 in 10^9 events.

In a cell the quantile function is a cubic in x through its values at four Gauss-Legendre points:
the mean over the cell is then right to the seventh degree, whatever the cubic misses at a point.
Where a jump or a kink of the law (an atom, a cap, a gap) cuts a cell, the cell is halved until each
piece is smooth, or holds a single random number, and the row of the cell points to its pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from perilscope.engines.laws.law import Distribution, Floats, Integers, legendre
from perilscope.errors import MisuseError
from perilscope.once import cached_property

OCTAVES = 48
CELLS = 8
"""Cells of an octave: three bits of the fraction."""
SIDE = 512
"""Rows of one tail; the other tail's begin there."""
ROWS = 2 * SIDE
FINE = 24
"""Octaves that are checked for jumps; an event beyond them is rarer than 1 in 16 million."""
SMOOTH = 1e-4
"""Relative error of the cubic at the ends of a cell beyond which the cell is halved."""
MOST_ROUGH = 1 << 13
"""Jumps that a table holds at most, about."""
_ONE = float(2**OCTAVES)
_DEEP = _ONE * 2.0 ** -(FINE + 1)
_NODES = legendre(4)[0]
_HAIR = 0.25
_THROUGH = np.linalg.inv(np.vander(2 * _NODES - 1, 4, increasing=True))
"""Values at the nodes -> coefficients in the place within the cell, from -1 to 1."""


@dataclass(frozen=True, eq=False)
class Table:
    """A law as rows of cubics.

    Parameters
    ----------
    rows : array, shape (ROWS, 4)
        Per cell the coefficients of 1, x, x² and x³. A cell in pieces has NaN in the first.
    starts : array, shape (p,)
        Where each piece begins, as x, ascending; empty where no cell is in pieces.
    pieces : array, shape (p, 4)
        Coefficients of the powers of x less the start of the piece.
    """

    rows: Floats
    starts: Floats
    pieces: Floats

    def at(self, x: Floats) -> Floats:
        """Losses at these places, which are numbers with a fraction of one half, shape (n,)."""
        loss = _cubic(self.rows.take(cells(x), axis=0).T, x)
        if len(self.starts):
            cut = np.flatnonzero(np.isnan(loss))
            piece = np.searchsorted(self.starts, x[cut], side="right") - 1
            loss[cut] = _cubic(self.pieces[piece].T, x[cut] - self.starts[piece])
        return np.asarray(loss)


def cells(x: Floats) -> Integers:
    """Row of each place: exponent and first three bits of the fraction, then the side."""
    bits = x.view(np.uint64)
    upper = ((bits << np.uint64(1)) >> np.uint64(50)) - np.uint64(0x1FF0)
    return (upper + ((bits >> np.uint64(54)) & np.uint64(SIDE))).view(np.int64)


def table(law: Distribution) -> Table | None:
    """The table of a law with plain parameters.

    Parameters
    ----------
    law : Distribution
        Asked for nothing but ``ppf``.

    Returns
    -------
    Table or None
        None where the law has no finite quantiles or too many jumps for a table.

    Notes
    -----
    Losses beyond a survival probability of 2^-49 are never drawn, which no number of horizons
    that can be simulated would tell.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Constant
    >>> table(Constant(5.0)).at(np.array([-12345.5, 0.5])).tolist()
    [5.0, 5.0]
    """
    try:
        return _known(law)
    except TypeError:  # a law that holds a list cannot be looked up
        return _table(law)


@lru_cache(maxsize=2048)
def _known(law: Distribution) -> Table | None:
    return _table(law)


def _table(law: Distribution) -> Table | None:
    all_cells = _all_cells()
    rows = np.zeros((ROWS, 4))
    try:
        cubic, values = _fitted(law, all_cells)
        flat = _flat(values)
        atoms = np.unique(values[0, flat])
        smooth = _smooth(cubic, values, flat, all_cells, atoms)
        cubic = all_cells.about_zero(cubic).T
        rows[SIDE : SIDE + CELLS * (OCTAVES - FINE)] = cubic[-1]
        rows[all_cells.rows] = cubic[:-1]
        rough = np.flatnonzero(~smooth & all_cells.checked)
        starts, pieces = _pieces(law, all_cells.ends[:, rough], atoms)
    except (FloatingPointError, NotImplementedError, MisuseError):
        return None
    rows[all_cells.rows[rough], 0] = np.nan
    return Table(rows, starts, pieces)


class _Intervals:
    """Stretches of x, each with the places in it that a cubic is made from and checked at.

    Parameters
    ----------
    ends : array, shape (2, n)
        Where each begins and ends.

    Attributes
    ----------
    shares : array, shape (6, n)
        Probabilities at the places: just inside the start, at the four nodes, just inside the end.
    """

    def __init__(self, ends: Floats) -> None:
        self.ends = ends
        start, end = ends
        width = end - start
        self.middle, self.half = (start + end) / 2, width / 2
        places = np.empty((6, len(start)))
        places[0], places[5] = start + _HAIR, end - _HAIR
        places[1:5] = start + width * _NODES[:, None]
        single = width <= 1.0
        places[1:5, single] = self.middle[single]
        self.shares = np.where(places > 0, 1 - places / _ONE, -places / _ONE)
        self.way = 2 * _HAIR / width

    @cached_property
    def rows(self) -> Integers:
        """Rows of the table that all but the last of them fill."""
        return cells(self.middle[:-1])

    @cached_property
    def checked(self) -> Any:
        """Which of them are checked for jumps."""
        return np.abs(self.middle) > _DEEP

    def about_zero(self, c: Floats) -> Floats:
        """Coefficients of the powers of x from those of the place within each, from -1 to 1."""
        return _shifted(c, -self.middle / self.half, 1 / self.half)

    def about_start(self, c: Floats) -> Floats:
        """Coefficients of the powers of x less the start of each."""
        return _shifted(c, np.full(len(self.half), -1.0), 1 / self.half)


@cache
def _all_cells() -> _Intervals:
    """All cells; the least losses of all are the last."""
    upper, lower = _octaves(OCTAVES), -_octaves(FINE)[::-1]
    return _Intervals(np.concatenate([upper, lower, np.array([[-_DEEP], [0.0]])], axis=1))


def _octaves(number: int) -> Floats:
    """Ends of the cells of so many octaves, counted from the fullest, on the side x > 0."""
    octave = np.repeat(np.arange(OCTAVES - 1 - number, OCTAVES - 1), CELLS)
    begin = np.ldexp(1 + np.tile(np.arange(CELLS), number) / CELLS, octave)
    return np.stack([begin, begin + np.ldexp(1 / CELLS, octave)])


def _pieces(law: Distribution, rough: Floats, atoms: Floats) -> tuple[Floats, Floats]:
    """Rough cells halved until every piece is smooth or holds one number; sorted by start."""
    starts, pieces = [np.zeros(0)], [np.zeros((0, 4))]
    while rough.size:
        if rough.shape[1] > MOST_ROUGH:
            raise NotImplementedError("more jumps than a table can hold")
        middle = np.floor(rough.mean(axis=0))  # numbers lie half way between integers
        halves = np.stack([rough[0], middle, middle, rough[1]], axis=1).reshape(-1, 2).T
        halves = halves[:, halves[1] > halves[0]]
        stretches = _Intervals(halves)
        cubic, values = _fitted(law, stretches)
        flat = _flat(values)
        atoms = np.union1d(atoms, values[0, flat])
        done = _smooth(cubic, values, flat, stretches, atoms) | (halves[1] - halves[0] <= 1.0)
        starts.append(halves[0, done])
        pieces.append(stretches.about_start(cubic)[:, done].T)
        rough = halves[:, ~done]
    start, piece = np.concatenate(starts), np.concatenate(pieces)
    order = np.argsort(start, kind="stable")
    start, piece = start[order], piece[order]
    # a stretch of one value is one piece
    again = np.append(False, np.all(piece[1:] == piece[:-1], axis=1)) & ~piece[:, 1:].any(axis=1)
    return start[~again], piece[~again]


def _fitted(law: Distribution, stretches: _Intervals) -> tuple[Floats, Floats]:
    """Cubics in the place within each stretch, shape (4, n), and what they were made from.

    That is the law at the six places of each.
    """
    values = _quantiles(law, stretches.shares)
    cubic = _THROUGH[:, :1] * values[1]
    for node in range(1, 4):
        cubic += _THROUGH[:, node : node + 1] * values[node + 1]
    flat = _flat(values[1:5])
    cubic[0, flat], cubic[1:, flat] = values[1, flat], 0.0
    return cubic, values


def _flat(values: Floats) -> Any:
    """Which stretches have one value alone, an atom of the law."""
    return (values[1:] == values[0]).all(axis=0)


def _smooth(cubic: Floats, values: Floats, flat: Any, stretches: _Intervals, atoms: Floats) -> Any:
    """Whether the law runs smoothly over each stretch, so that the cubic has it to its ends.

    Part of an atom is not smooth, however well it fits: the chance of an atom is to be exact.
    """
    way = stretches.way - 1
    first, last = np.abs(_cubic(cubic, way) - values[0]), np.abs(_cubic(cubic, -way) - values[5])
    fits = np.maximum(first, last) <= SMOOTH * np.abs(values).max(axis=0)
    part = (values[1:] == values[:-1]).any(axis=0)
    if len(atoms):
        part |= np.isin(values[::5], atoms).any(axis=0)
    return fits & (~part | flat)


def _cubic(c: Floats, t: Any) -> Any:
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]))


def _shifted(c: Floats, a: Floats, b: Floats) -> Floats:
    """Coefficients in x of a cubic in t = a + b x."""
    one = b * (c[1] + a * (2 * c[2] + 3 * a * c[3]))
    two = b * b * (c[2] + 3 * a * c[3])
    return np.stack([_cubic(c, a), one, two, b * b * b * c[3]])


def _quantiles(law: Distribution, u: Floats) -> Floats:
    values = np.asarray(law.ppf(u.ravel()), dtype=np.float64)
    if values.shape != (u.size,) or not np.all(np.isfinite(values)):
        raise NotImplementedError("quantiles that are not finite")
    return values.reshape(u.shape)
