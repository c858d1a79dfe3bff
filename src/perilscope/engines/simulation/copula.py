# SPDX-License-Identifier: Apache-2.0
"""Losses tied together by a Gaussian or a t copula: by simulation, from exact laws of each.

A copula says how ranks go together and nothing about why. Where the reason is known, a driver that
lines share is the better model, and it has an exact law.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr

from perilscope.engines.grids.ladder import Ladder
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.laws.law import Floats
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.streams import stream
from perilscope.errors import MisuseError

BLOCK = 2**16


@dataclass(frozen=True)
class Copula:
    """How the ranks of some losses go together.

    Parameters
    ----------
    correlation : array, shape (k, k)
        Correlations of the normal (or t) scores, ones on the diagonal; positive definite.
    degrees : float or None
        Degrees of freedom of a t copula; None for the Gaussian.

    Raises
    ------
    MisuseError
        A matrix that is no correlation matrix.

    Notes
    -----
    Demarta and McNeil (2005), "The t copula and related copulas": Kendall's tau of a pair is
    (2 / pi) arcsin(rho) for both; only the t copula has joint extremes, the more the fewer degrees.

    Examples
    --------
    >>> Copula(np.array([[1.0, 0.5], [0.5, 1.0]])).scores(1, 0).shape
    (65536, 2)
    """

    correlation: Floats
    degrees: float | None = None

    def __post_init__(self) -> None:
        matrix = np.asarray(self.correlation, dtype=np.float64)
        square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
        if not square or not np.array_equal(matrix, matrix.T) or np.any(np.diag(matrix) != 1.0):
            raise MisuseError("a correlation matrix is square and symmetric with ones across")
        if self.degrees is not None and not self.degrees > 0.0:
            raise MisuseError(f"a t copula has degrees of freedom above 0, not {self.degrees:g}")
        least = float(np.linalg.eigvalsh(matrix)[0])
        if least <= 0.0:
            raise MisuseError(
                "these correlations cannot hold together: the matrix is not positive definite "
                f"(least eigenvalue {least:.3g}); bring the named correlations nearer to zero"
            )
        object.__setattr__(self, "correlation", matrix)

    def scores(self, seed: int, block: int) -> Floats:
        """Uniform scores of one block of horizons, shape (65536, k)."""
        k = len(self.correlation)
        lower = np.linalg.cholesky(self.correlation)
        normal = stream(seed, "copula", "normal", block).standard_normal((BLOCK, k))
        tied = np.einsum("nj,ij->ni", normal, lower)  # a fixed order of sums, unlike a BLAS product
        if self.degrees is None:
            return np.asarray(ndtr(tied))
        mixing = stream(seed, "copula", "chi-square", block).chisquare(self.degrees, BLOCK)
        return np.asarray(stdtr(self.degrees, tied / np.sqrt(mixing / self.degrees)[:, None]))


def simulate(laws: Mapping[str, LossLaw], copula: Copula, *, draws: int, seed: int) -> Draws:
    """Losses of horizons whose ranks follow a copula.

    Parameters
    ----------
    laws : mapping of LossLaw
        Exact law of each line, in the order of the matrix.
    copula : Copula
    draws : int
        Number of horizons.
    seed : int

    Returns
    -------
    Draws
        Total and lines, shape (draws,). Each line follows its own law; a loss beyond the end of
        its grid (at most 1 in 10,000 or so, see ``LossLaw.beyond``) counts as the end.
    """
    if len(laws) != len(copula.correlation):
        raise MisuseError(f"{len(laws)} lines and correlations of {len(copula.correlation)}")
    lines = {key: np.empty(draws) for key in laws}
    for block in range(math.ceil(draws / BLOCK)):
        here = slice(block * BLOCK, min((block + 1) * BLOCK, draws))
        scores = copula.scores(seed, block)[: here.stop - here.start]
        for i, (key, law) in enumerate(laws.items()):
            lines[key][here] = quantiles(law, scores[:, i])
    total = np.zeros(draws)
    for losses in lines.values():
        total += losses
    return Draws(total, lines, seed)


def quantiles(law: LossLaw, u: Floats) -> Floats:
    """Quantiles of an exact law at many levels: ``law.var``, level by level, but straight between
    the points of the grid.
    """
    if isinstance(law, Ladder):
        found = quantiles(law.widest, u)
        for top, rung in reversed(law.rungs):
            mine = u <= top
            found[mine] = quantiles(rung, u[mine])
        return found
    places, reached = law.grid.places, law.cumulative
    at = np.minimum(np.searchsorted(reached, u), law.points - 1)
    found = places[at]
    if not law.grid.lattice:
        below = np.where(at > 0, reached[np.maximum(at - 1, 0)], law.none)
        inside = np.maximum(reached[at] - below, 1e-300)
        share = np.clip((u - below) / inside, 0.0, 1.0)
        found = law.step * np.where(at > 0, at - 0.5 + share, 0.5 * share)
    return np.asarray(np.where(u <= law.none, 0.0, found))
