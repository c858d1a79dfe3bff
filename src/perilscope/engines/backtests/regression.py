# SPDX-License-Identifier: Apache-2.0
"""Whether exceptions can be foretold from what was known: Engle and Manganelli's DQ."""

from __future__ import annotations

import numpy as np

from perilscope.engines.backtests.result import (
    Array,
    Result,
    Value,
    aligned,
    checked_level,
    chi2_tail,
    hits,
)
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

LAGS = 4
PATHS = 1999
_CELLS = 2_000_000
MOST_DAYS = 20_000
"""Longer series have no simulated p-value: they do not need one."""
_RANK = 1e-9  # singular values below so much of the largest are none


def _explained(excess: Array, var: Array, lags: int) -> tuple[Array, Array]:
    """Squared length of each row's projection on its instruments, and how many there are.

    Parameters
    ----------
    excess : array, shape (m, n)
        Exceptions less their chance, of m series.
    var : array, shape (n,)
    """
    many, days = excess.shape
    columns = [np.ones((many, days - lags))]
    columns += [excess[:, lags - k : days - k] for k in range(1, lags + 1)]
    centred = var[lags:] - var[lags:].mean()
    columns.append(np.broadcast_to(centred, (many, days - lags)))
    instruments = np.stack(columns, axis=2)
    length = np.sqrt(np.einsum("ijk,ijk->ik", instruments, instruments))
    scale = np.divide(1.0, length, where=length > 1e-12 * length[:, :1], out=np.zeros_like(length))
    instruments = instruments * scale[:, None, :]
    target = excess[:, lags:]
    gram = np.einsum("ijk,ijl->ikl", instruments, instruments)
    cross = np.einsum("ijk,ij->ik", instruments, target)
    values, vectors = np.linalg.eigh(gram)
    alive = values > _RANK * values[:, -1:]
    along = np.einsum("ilk,il->ik", vectors, cross)
    inside = np.where(alive, along**2 / np.where(alive, values, 1.0), 0.0)
    return inside.sum(axis=1), alive.sum(axis=1)


def dq(
    loss: Array, var: Array, level: float, seed: int = 1, paths: int = PATHS, lags: int = LAGS
) -> Result:
    """Dynamic quantile test: regress exceptions on a constant, their lags and the VaR forecast.

    ``Hit' X (X'X)^-1 X' Hit / (p (1 - p))``, chi-squared with as many degrees of freedom as X has
    independent columns: 6 with four lags, fewer where VaR is constant or exceptions are too rare
    to tell the columns apart. ``p_value_simulated`` draws independent exceptions under the same
    VaR forecasts.

    Parameters
    ----------
    loss, var : array, shape (n,)
    level : float
    lags : int
        Lagged exceptions among the instruments; the first ``lags`` days are used up.

    Source: Engle and Manganelli, J. Business & Economic Statistics 22 (2004), theorem 4 (out of
    sample).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = dq(rng.standard_normal(500), 1.96 + 0.1 * rng.random(500), 0.975)
    >>> found.parameters["degrees_of_freedom"]
    6
    """
    loss, var = aligned(loss, var)
    p = 1.0 - checked_level(level)
    if loss.size < 2 * lags + 10:
        raise AssessmentError(
            f"{loss.size} days are too few for {lags} lags: {2 * lags + 10} at least"
        )
    flags = hits(loss, var)
    inside, rank = _explained(np.asarray(flags[None, :] - p, dtype=np.float64), var, lags)
    statistic, freedom = float(inside[0]) / (p * (1.0 - p)), int(rank[0])
    parameters: dict[str, Value] = {
        "lags": lags,
        "instruments": f"constant, {lags} lagged exceptions, VaR",
        "exceptions": int(flags.sum()),
        "degrees_of_freedom": freedom,
    }
    found = Result(statistic, chi2_tail(statistic, freedom), parameters)
    if loss.size > MOST_DAYS:
        return found
    rng = stream(seed, "backtests", f"dq {loss.size} {p!r}")
    block = max(_CELLS // (loss.size * (lags + 2)), 1)
    tails = []
    for start in range(0, paths, block):
        drawn = np.where(rng.random((min(block, paths - start), loss.size)) < p, 1.0 - p, -p)
        tails.append(_explained(drawn, var, lags)[0] / (p * (1.0 - p)))
    return found.beside(np.concatenate(tails), paths)
