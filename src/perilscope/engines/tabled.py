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

from perilscope.engines.law import Distribution, Floats, Integers, legendre
from perilscope.errors import MisuseError

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
        loss = _cubic(self.rows.take(cells(x), axis=0), x)
        if len(self.starts):
            cut = np.flatnonzero(np.isnan(loss))
            piece = np.searchsorted(self.starts, x[cut], side="right") - 1
            loss[cut] = _cubic(self.pieces[piece], x[cut] - self.starts[piece])
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
    >>> from perilscope.engines.distributions import Constant
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
    rows, ends = np.zeros((ROWS, 4)), _ends()
    try:
        cubic, values = _fitted(law, ends)
        atoms = np.unique(values[_flat(values), 0])
        smooth = _smooth(cubic, values, ends, atoms)
        cubic = _about_zero(cubic, ends)
        rows[SIDE : SIDE + CELLS * (OCTAVES - FINE)] = cubic[-1]
        rows[cells(_middle(ends[:-1]))] = cubic[:-1]
        rough = ends[~smooth & (np.abs(_middle(ends)) > _DEEP)]
        starts, pieces = _pieces(law, rough, atoms)
    except (FloatingPointError, NotImplementedError, MisuseError):
        return None
    rows[cells(_middle(rough)), 0] = np.nan
    return Table(rows, starts, pieces)


@cache
def _ends() -> Floats:
    """Ends of all cells; the least losses of all are the last."""
    upper, lower = _octaves(OCTAVES), -_octaves(FINE)[:, ::-1]
    return np.concatenate([upper, lower, np.array([[-_DEEP, 0.0]])])


def _octaves(number: int) -> Floats:
    """Ends of the cells of so many octaves, counted from the fullest, on the side x > 0."""
    octave = np.repeat(np.arange(OCTAVES - 1 - number, OCTAVES - 1), CELLS)
    begin = np.ldexp(1 + np.tile(np.arange(CELLS), number) / CELLS, octave)
    return np.stack([begin, begin + np.ldexp(1 / CELLS, octave)], axis=1)


def _pieces(law: Distribution, rough: Floats, atoms: Floats) -> tuple[Floats, Floats]:
    """Rough cells halved until every piece is smooth or holds one number; sorted by start."""
    starts, pieces = [np.zeros(0)], [np.zeros((0, 4))]
    while len(rough):
        if len(rough) > MOST_ROUGH:
            raise NotImplementedError("more jumps than a table can hold")
        middle = np.floor(_middle(rough))  # numbers lie half way between integers
        halves = np.stack([rough[:, 0], middle, middle, rough[:, 1]], axis=1).reshape(-1, 2)
        halves = halves[halves[:, 1] > halves[:, 0]]
        cubic, values = _fitted(law, halves)
        atoms = np.union1d(atoms, values[_flat(values), 0])
        done = _smooth(cubic, values, halves, atoms) | (halves[:, 1] - halves[:, 0] <= 1.0)
        starts.append(halves[done, 0])
        pieces.append(_about_start(cubic[done], halves[done]))
        rough = halves[~done]
    start, piece = np.concatenate(starts), np.concatenate(pieces)
    order = np.argsort(start, kind="stable")
    start, piece = start[order], piece[order]
    # a stretch of one value is one piece
    again = np.append(False, np.all(piece[1:] == piece[:-1], axis=1)) & ~piece[:, 1:].any(axis=1)
    return start[~again], piece[~again]


def _fitted(law: Distribution, ends: Floats) -> tuple[Floats, Floats]:
    """Cubics in the place within each interval, from -1 to 1, and what they were made from.

    That is the law just inside the start, at the four nodes, and just inside the end.
    """
    width = ends[:, 1:] - ends[:, :1]
    places = ends[:, :1] + width * _NODES
    places[width[:, 0] <= 1.0] = ends[width[:, 0] <= 1.0].mean(axis=1, keepdims=True)
    places = np.concatenate([ends[:, :1] + _HAIR, places, ends[:, 1:] - _HAIR], axis=1)
    values = _quantiles(law, places)
    cubic = values[:, 1:2] * _THROUGH[:, 0]
    for node in range(1, 4):
        cubic += values[:, node + 1, None] * _THROUGH[:, node]
    flat = _flat(values[:, 1:5])
    cubic[flat, 0], cubic[flat, 1:] = values[flat, 1], 0.0
    return cubic, values


def _flat(values: Floats) -> Any:
    """Which intervals have one value alone, an atom of the law."""
    flat = values[:, 0] == values[:, 1]
    for column in range(2, values.shape[1]):
        flat &= values[:, 0] == values[:, column]
    return flat


def _smooth(cubic: Floats, values: Floats, ends: Floats, atoms: Floats) -> Any:
    """Whether the law runs smoothly over each interval, so that the cubic has it to its ends.

    Part of an atom is not smooth, however well it fits: the chance of an atom is to be exact.
    """
    way = 2 * _HAIR / (ends[:, 1] - ends[:, 0])
    miss = np.abs(_cubic(cubic, np.stack([way - 1, 1 - way])) - values[:, ::5].T).max(axis=0)
    fits = miss <= SMOOTH * np.abs(values).max(axis=1)
    part = np.zeros(len(values), dtype=bool)
    for column in range(values.shape[1] - 1):
        part |= values[:, column] == values[:, column + 1]
    if len(atoms):
        part |= np.isin(values[:, ::5], atoms).any(axis=1)
    return fits & (~part | _flat(values))


def _cubic(c: Floats, t: Any) -> Any:
    return c[:, 0] + t * (c[:, 1] + t * (c[:, 2] + t * c[:, 3]))


def _middle(ends: Floats) -> Floats:
    return np.asarray((ends[:, 0] + ends[:, 1]) / 2)


def _about_zero(c: Floats, ends: Floats) -> Floats:
    """Coefficients of the powers of x from those of the place within the cell."""
    half = (ends[:, 1] - ends[:, 0]) / 2
    return _shifted(c, -_middle(ends) / half, 1 / half)


def _about_start(c: Floats, ends: Floats) -> Floats:
    """Coefficients of the powers of x less the start of the piece."""
    half = (ends[:, 1] - ends[:, 0]) / 2
    return _shifted(c, np.full(len(ends), -1.0), 1 / half)


def _shifted(c: Floats, a: Floats, b: Floats) -> Floats:
    """Coefficients in x of a cubic in t = a + b x."""
    one = b * (c[:, 1] + a * (2 * c[:, 2] + 3 * a * c[:, 3]))
    two = b * b * (c[:, 2] + 3 * a * c[:, 3])
    return np.stack([_cubic(c, a), one, two, b * b * b * c[:, 3]], axis=1)


def _quantiles(law: Distribution, x: Floats) -> Floats:
    u = np.where(x > 0, 1 - x / _ONE, -x / _ONE).ravel()
    values = np.asarray(law.ppf(u), dtype=np.float64)
    if values.shape != u.shape or not np.all(np.isfinite(values)):
        raise NotImplementedError("quantiles that are not finite")
    return values.reshape(x.shape)
