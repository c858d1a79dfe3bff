# SPDX-License-Identifier: Apache-2.0
"""Student t laws of each asset, and how ranks of assets go together: what copula models share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.simple_models import student_influences
from perilscope.engines.portfolio import parametric
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = NDArray[np.float64]

_GRID = np.sinh(np.linspace(-8.0, 8.0, 4001)) / 40.0
"""Places at which quantiles are tabulated, dense in the middle, out to +-37."""
_CHUNK = 1 << 22


@lru_cache(maxsize=64)
def _tabulated(degrees: float | None, df: float) -> Array:
    """Standard t quantiles at the ranks of the scores of `_GRID`; a fit asks for few, often."""
    places = _GRID[: _GRID.size // 2 + 1]
    with np.errstate(all="ignore"):
        lower = special.ndtr(places) if degrees is None else special.stdtr(degrees, places)
        half = special.stdtrit(df, np.maximum(lower, 1e-300))
    half[-1] = 0.0
    table = np.concatenate([half, -half[-2::-1]])
    table.flags.writeable = False
    return np.asarray(table)


@dataclass(frozen=True)
class Margin:
    """A Student t law of one asset's returns.

    Parameters
    ----------
    location, scale, df : float
    """

    location: float
    scale: float
    df: float

    def quantiles(self, scores: Array, degrees: float | None) -> Array:
        """Returns at normal scores, or at t scores with so many degrees of freedom."""
        return self.location + self.scale * self.units(scores, degrees, self.df)

    @staticmethod
    def units(scores: Array, degrees: float | None, df: float) -> Array:
        """Standard t quantiles at the ranks of scores, from a table.

        Examples
        --------
        >>> Margin.units(np.array([0.0, 1.959963984540054]), None, 4.0).round(5).tolist()
        [0.0, 2.77645]
        """
        return np.asarray(np.interp(scores, _GRID, _tabulated(degrees, df)))

    def steps(self, scores: Array, degrees: float | None) -> Array:
        """Slopes of `quantiles` in the scores, by the same table.

        Examples
        --------
        >>> Margin(0.0, 2.0, 4.0).steps(np.array([1.0]), 4.0).round(6).tolist()
        [2.0]
        """
        table = _tabulated(degrees, self.df)
        at = np.clip(np.searchsorted(_GRID, scores), 1, _GRID.size - 1)
        return np.asarray(self.scale * (table[at] - table[at - 1]) / (_GRID[at] - _GRID[at - 1]))

    def ranks(self, moves: Array) -> Array:
        """Probability of a return of at most so much."""
        return np.asarray(special.stdtr(self.df, (moves - self.location) / self.scale))


@dataclass(frozen=True, eq=False)
class Fitted:
    """Laws of the assets that move.

    Parameters
    ----------
    moves : array, shape (n, k)
    sample : Sample
        What they are fitted to.
    columns : array of int, shape (k,)
        Of the sample's assets, those that are held and move.
    margins : tuple of Margin
    influences : array, shape (n, k, 3)
        Of each window on location, log scale and degrees of freedom of each asset.
    at_bound : tuple of bool
        Whether the degrees of freedom lie at a bound, and count as known.
    likelihood : float
    notes : tuple of str
    """

    moves: Array
    sample: Sample
    columns: NDArray[np.intp]
    margins: tuple[Margin, ...]
    influences: Array
    at_bound: tuple[bool, ...]
    likelihood: float

    @cached_property
    def ranks(self) -> Array:
        """Of every return in its law, shape (n, k), inside (0, 1)."""
        columns = [m.ranks(self.moves[:, j]) for j, m in enumerate(self.margins)]
        return np.clip(np.stack(columns, axis=1), 1e-9, 1.0 - 1e-9)

    def moved(self, scores: Array, degrees: float | None) -> Array:
        """Returns at normal scores, or at t scores; no price falls below nothing, shape (n, k)."""
        found = [m.quantiles(scores[:, j], degrees) for j, m in enumerate(self.margins)]
        return np.maximum(np.stack(found, axis=1), -1.0)

    def lost(self, moves: Array) -> Array:
        """Losses of what is held under such returns, shape (n,)."""
        return self.sample.lost(self._whole(moves))

    def _whole(self, moves: Array) -> Array:
        """The same with the assets that never move."""
        found = np.zeros((len(moves), self.sample.held.size))
        found[:, np.searchsorted(self.sample.held, self.columns)] = moves
        return found

    def pulls(self, scores: Array, degrees: float | None) -> Array:
        """Slope of the loss in the return of each asset in each scenario, shape (n or 1, k)."""
        whole = self.sample.slopes(self._whole(self.moved(scores, degrees)))
        return whole[:, np.searchsorted(self.sample.held, self.columns)]

    def by_scores(self, scores: Array, degrees: float | None, pulls: Array) -> Array:
        """Slope of the loss in the score of each asset, shape (n, k); none where all is lost."""
        steps = [m.steps(scores[:, j], degrees) for j, m in enumerate(self.margins)]
        return pulls * np.stack(steps, axis=1) * (self.moved(scores, degrees) > -1.0)

    def slopes(self, scores: Array, degrees: float | None, pulls: Array) -> list[float]:
        """Mean slope of the loss in location, log scale and degrees of each asset, in turn."""
        found = []
        for j, margin in enumerate(self.margins):
            unit = margin.units(scores[:, j], degrees, margin.df)
            step = 0.01 * margin.df
            more = margin.units(scores[:, j], degrees, margin.df + step)
            less = margin.units(scores[:, j], degrees, margin.df - step)
            by_df = np.zeros(1) if self.at_bound[j] else (more - less) / (2.0 * step)
            pull = pulls[:, j]
            found += [float(pull.mean()), margin.scale * float((pull * unit).mean())]
            found.append(margin.scale * float((pull * by_df).mean()))
        return found


def fit_margins(sample: Sample) -> Fitted:
    """Fit a t law to each asset that is held and moves.

    Raises
    ------
    AssessmentError
        Nothing moves, or an asset's law cannot be fitted.
    """
    moves, lags = sample.moves, sample.lags
    kept = [j for j in sample.held.tolist() if float(moves[:, j].std()) > 1e-12]
    if not kept:
        raise AssessmentError("nothing that is held ever moved, so there are no laws of its moves")
    margins, influences, bounds, likelihood = [], [], [], 0.0
    for j in kept:
        fit = parametric.fit_student(moves[:, j], lags)
        margins.append(Margin(fit.location, fit.scale, fit.df))
        influences.append(student_influences(moves[:, j], fit))
        bounds.append(fit.at_bound)
        likelihood += fit.likelihood
    return Fitted(
        moves[:, kept],
        sample,
        np.array(kept),
        tuple(margins),
        np.stack(influences, axis=1),
        tuple(bounds),
        likelihood,
    )


def kendall(moves: Array) -> tuple[Array, Array]:
    """Kendall's tau of every pair, and what each row adds to it.

    Parameters
    ----------
    moves : array, shape (n, k)

    Returns
    -------
    tau : array, shape (k, k)
    parts : array, shape (n, k, k)
        Mean of the agreement of each row with all others; its mean is tau.

    Examples
    --------
    >>> tau, _ = kendall(np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 1.0]]))
    >>> round(float(tau[0, 1]), 4)
    -0.3333
    """
    size, count = moves.shape
    parts = np.empty((size, count, count))
    step = max(_CHUNK // (size * count), 1)
    for first in range(0, size, step):
        rows = moves[first : first + step]
        signs = (rows[:, None, :] > moves).astype(np.float32)
        signs -= rows[:, None, :] < moves
        parts[first : first + step] = np.matmul(signs.transpose(0, 2, 1), signs) / (size - 1)
    tau = parts.mean(axis=0)
    np.fill_diagonal(tau, 1.0)
    return tau, parts


def correlations(tau: Array) -> tuple[Array, bool]:
    """Correlations of the scores, sin(pi tau / 2); the nearest that is one where it is none.

    Returns
    -------
    matrix : array, shape (k, k)
    mended : bool
        Whether negative eigenvalues had to be lifted (Rebonato and Jaeckel 1999).

    Examples
    --------
    >>> correlations(np.array([[1.0, 1 / 3], [1 / 3, 1.0]]))[0].round(9).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    matrix = np.sin(0.5 * math.pi * tau)
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh(matrix)
    if float(values.min()) > 1e-8:
        return np.asarray(matrix), False
    lifted = (vectors * np.maximum(values, 1e-8)) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    lifted = lifted / scale[:, None] / scale[None, :]
    np.fill_diagonal(lifted, 1.0)
    return np.asarray(lifted), True
