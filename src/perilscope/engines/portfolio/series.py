# SPDX-License-Identifier: Apache-2.0
"""VaR and CVaR of many series of equally likely losses at once."""

from __future__ import annotations

import math
import sys

import numpy as np

from perilscope.engines import machine_code
from perilscope.engines.portfolio.returns import SLACK, Array
from perilscope.errors import AssessmentError, MisuseError

_MANY, _STEP = 400, 8
"""From so many losses on the tail is guessed first, from every so many-th loss."""
_COMPILED = "perilscope.engines.portfolio.series_compiled"
_UNFIT = "a table of finite losses is wanted, one column for each series"


def columns(losses: Array, level: float) -> tuple[Array, Array]:
    """VaR and CVaR of many series of equally likely losses at once.

    Parameters
    ----------
    losses : array, shape (n, k)
        Quickest contiguous by rows, and after `prepare`.
    level : float

    Returns
    -------
    var, cvar : arrays, shape (k,)

    Raises
    ------
    AssessmentError
        There are no losses, or one is not a finite number.
    MisuseError
        The level is not between 0 and 1.

    Examples
    --------
    >>> var, cvar = columns(np.arange(1.0, 11.0)[:, None], 0.85)
    >>> var.tolist(), cvar.round(9).tolist()
    ([9.0], [9.666666667])
    """
    table = np.asarray(losses, dtype=np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table.min()):
        raise AssessmentError(_UNFIT)
    if not 0.0 < level < 1.0:
        raise MisuseError(f"a level must lie between 0 and 1, like 0.99; not {level}")
    size = len(table)
    need = size - max(math.ceil(size * level - SLACK), 1) + 1
    compiled = sys.modules.get(_COMPILED)
    if compiled is not None and _guessed(size, need):
        var, beyond = compiled.tails(np.ascontiguousarray(table), need)
    else:
        worst = _worst(np.ascontiguousarray(table.T), need)
        var = worst.min(axis=1)
        beyond = worst.sum(axis=1) - need * var
    if not np.isfinite(beyond).all():  # the largest of each series is in it
        raise AssessmentError(_UNFIT)
    return var, var + beyond / (size * (1.0 - level))


def prepare(cache: machine_code.Cache | None = None) -> bool:
    """Load compiled code for whoever asks `columns` about many tables; False without Numba.

    Parameters
    ----------
    cache : callable, optional
        Gives the folder in which machine code is kept, or None; see `machine_code.load`.
    """
    return machine_code.load(_COMPILED, cache) is not None


def _guessed(size: int, need: int) -> bool:
    """Whether it pays to leave out first what a sample of a series says is not in its tail."""
    return size >= _MANY and need <= size // 4


def _worst(rows: Array, need: int) -> Array:
    """The so many largest of each row, in any order.

    What lies below a low guess of the smallest of them is left out first, because sorting out the
    whole row costs several times as much; where a guess was too high, the row is taken whole.
    """
    size = rows.shape[1]
    if not _guessed(size, need):
        return np.partition(rows, size - need, axis=1)[:, size - need :]
    some = rows[:, ::_STEP]
    count = some.shape[1]
    at = max(int(count * (1.0 - 1.8 * need / size) - _STEP), 0)
    guess = np.partition(some, at, axis=1)[:, at]
    kept = rows >= guess[:, None]
    sizes = np.count_nonzero(kept, axis=1)
    if int(sizes.min()) < need:
        return np.partition(rows, size - need, axis=1)[:, size - need :]
    table = np.full((len(rows), int(sizes.max())), -np.inf)
    table[np.arange(table.shape[1]) < sizes[:, None]] = rows[kept]
    first = table.shape[1] - need
    table.partition(first, axis=1)
    return table[:, first:]
