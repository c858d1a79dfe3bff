# SPDX-License-Identifier: Apache-2.0
"""How bad, and how good, the sum of losses may be where nothing is known of how they hang together.

Of each loss its law is known, of their dependence nothing. CVaR of the sum is then at most the sum
of their CVaRs (all bad years at once). VaR may be larger than that sum: at worst the tails are
arranged so that their sums are as equal as can be, which the rearrangement algorithm does, column
against the sum of the others, in opposite order. Quantiles rounded down and up give two figures
between which its answer lies.

Source: Puccetti and Rueschendorf, "Computation of sharp bounds on the distribution of a function of
dependent risks" (2012); Embrechts, Puccetti and Rueschendorf, "Model uncertainty and VaR
aggregation" (2013), algorithms for the worst and the best VaR; Jakobsons, Han and Wang (2016) for
the best CVaR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]
Quantiles = tuple[Callable[[Array], Array], Callable[[Array], Array]]
"""A law's quantile function, rounded down and rounded up."""

ROWS = 4096
_ROUNDS = 200
_CLOSE = 1e-4


@dataclass(frozen=True)
class Bracket:
    """A figure that lies between two."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """Half way."""
        return 0.5 * (self.low + self.high)


@dataclass(frozen=True)
class Extremes:
    """What VaR and CVaR of a sum may be at one level, whatever the dependence.

    Parameters
    ----------
    worst_var, best_var, best_cvar : Bracket
        By rearrangement: a dependence was found that gives nearly these figures.
    worst_cvar : float
        The sum of the CVaRs; exact.
    added_var : float
        The sum of the VaRs, which all bad years at once would give, and which is no bound.
    """

    level: float
    worst_var: Bracket
    best_var: Bracket
    worst_cvar: float
    best_cvar: Bracket
    added_var: float


def extremes(laws: Sequence[LossLaw], level: float, *, rows: int = ROWS) -> Extremes:
    """Worst and best VaR and CVaR of a sum of losses with known laws and unknown dependence.

    Parameters
    ----------
    laws : sequence of LossLaw
    level : float
    rows : int
        Quantiles of each law; more bring the two ends of each bracket closer.

    Raises
    ------
    MisuseError
        No law; a level that is not between 0 and 1.

    Examples
    --------
    Two losses of 1 that each come once in ten years, and the year that is exceeded 1 in 7: apart,
    at most one comes, and one does in 20 years of 100; never both unless they come together.

    >>> from perilscope.engines.aggregate.compound import Compound
    >>> from perilscope.engines.laws.counts import Bernoulli
    >>> from perilscope.engines.laws.distributions import Constant
    >>> from perilscope.engines.aggregate.register import Register
    >>> law = Register([Compound("x", lambda t, y: (Bernoulli(0.1), Constant(1.0)))]).law()
    >>> found = extremes([law, law], 0.86)
    >>> found.worst_var.low, found.worst_var.high, found.best_var.low, found.added_var
    (1.0, 1.0, 0.0, 0.0)
    """
    pairs, whole = [quantiles(law) for law in laws], _whole(level, rows)
    return Extremes(
        level,
        worst_var=worst_var(pairs, level, rows=rows),
        best_var=best_var(pairs, level, rows=rows),
        worst_cvar=float(sum(law.cvar(level) for law in laws)),
        best_cvar=best_cvar(pairs, level, rows=whole, tops=[_top(law, whole) for law in laws]),
        added_var=float(sum(law.var(level) for law in laws)),
    )


_FEWEST = 8
"""Rows of the worst share, at least."""


def _whole(level: float, rows: int) -> int:
    """About so many rows, such that the worst share is a whole number of them.

    >>> _whole(0.99, 4096), _whole(0.999, 4096)
    (4100, 8000)
    """
    return round(max(round(rows * (1.0 - level)), _FEWEST) / (1.0 - level))


def _top(law: LossLaw, rows: int) -> float:
    """Mean of a loss in the last of so many rows; 0 where its grid does not reach there."""
    try:
        return law.cvar(1.0 - 1.0 / rows)
    except AssessmentError:
        return 0.0


def quantiles(law: LossLaw) -> Quantiles:
    """Quantiles of a law on its grid, rounded down and up to points."""
    sums = law.cumulative
    last = law.points - 1
    aside = 0 if law.grid.lattice else 1

    def at(u: Array) -> Array:
        found = np.minimum(np.searchsorted(sums, u - 1e-12), last)
        return np.where(u <= law.none, 0, found).astype(np.float64)

    return (
        lambda u: np.maximum(at(u) - aside, 0.0) * law.step,
        lambda u: np.minimum(at(u) + np.where(at(u) > 0.0, aside, 0), last) * law.step,
    )


def worst_var(laws: Sequence[Quantiles], level: float, *, rows: int = ROWS) -> Bracket:
    """The largest VaR that the sum may have: the least row sum of the tails, as large as can be.

    Examples
    --------
    Two uniform losses: 1 + level (Makarov 1981).

    >>> unit = (lambda u: u, lambda u: u)
    >>> found = worst_var([unit, unit], 0.9)
    >>> found.low <= 1.9 <= found.high, round(found.high - found.low, 3)
    (True, 0.0)
    """
    _check(laws, level)
    low, high = _edges(level, 1.0, rows)
    return Bracket(
        float(_flat(_matrix(laws, low, 0)).min()), float(_flat(_matrix(laws, high, 1)).min())
    )


def best_var(laws: Sequence[Quantiles], level: float, *, rows: int = ROWS) -> Bracket:
    """The smallest VaR that the sum may have: the largest row sum of what is below the tails.

    For losses bounded from below. It is no smaller than any one loss's VaR with the others' least.

    Examples
    --------
    Two uniform losses: the level (Makarov 1981).

    >>> unit = (lambda u: u, lambda u: u)
    >>> found = best_var([unit, unit], 0.9)
    >>> found.low <= 0.9 <= found.high, round(found.high - found.low, 3)
    (True, 0.0)
    """
    _check(laws, level)
    low, high = _edges(0.0, level, rows)
    ends = []
    for side, edges in ((0, low), (1, high)):
        matrix = _matrix(laws, edges, side)
        alone = matrix.max(axis=0) - matrix.min(axis=0) + matrix.min(axis=0).sum()
        ends.append(max(float(_flat(matrix).max()), float(alone.max())))
    return Bracket(*ends)


def best_cvar(
    laws: Sequence[Quantiles],
    level: float,
    *,
    rows: int = ROWS,
    tops: Sequence[float] | None = None,
) -> Bracket:
    """The smallest CVaR that the sum may have, from the flattest sum that was found.

    For losses bounded from below. Where the worst share is no whole number of rows it is rounded to
    one. ``tops`` are the means of each loss in its last row, which for heavy tails are far from its
    quantiles there.
    """
    _check(laws, level)
    low, high = _edges(0.0, 1.0, rows)
    ends = []
    for side, edges in ((0, low), (1, high)):
        matrix = _matrix(laws, edges, side)
        for j, top in enumerate(tops or ()):
            last = int(np.argmax(matrix[:, j]))
            matrix[last, j] = max(matrix[last, j] if side == 0 else 0.0, top)
        sums = np.sort(_flat(matrix))
        first = round(level * rows)
        ends.append(float(sums[first:].mean()) if first < rows else float(sums[-1]))
    return Bracket(*ends)


def _check(laws: Sequence[Quantiles], level: float) -> None:
    if not laws:
        raise MisuseError("at least one law is needed")
    if not 0.0 < level < 1.0:
        raise MisuseError(f"a level must lie between 0 and 1, got {level}")


def _edges(start: float, end: float, rows: int) -> tuple[Array, Array]:
    """Lower and upper ends of equal slices of probability; the last upper one just below 1."""
    edges = start + (end - start) * np.arange(rows + 1) / rows
    if end == 1.0:
        edges[-1] = end - (end - start) / (2.0 * rows)
    return edges[:-1], edges[1:]


def _matrix(laws: Sequence[Quantiles], levels: Array, side: int) -> Array:
    """Quantiles of each law down a column, in an order that is not that of the others.

    Source: Embrechts, Puccetti and Rueschendorf (2013): columns are shuffled before the start.
    """
    rng = stream(1, "worst case", "order", 0)
    columns = [np.asarray(law[side](levels), dtype=np.float64) for law in laws]
    return np.stack([column[rng.permutation(len(levels))] for column in columns], axis=1)


def _flat(matrix: Array) -> Array:
    """Row sums after each column was ordered against the sum of the others until none changes."""
    if matrix.shape[1] == 1:
        return np.asarray(matrix[:, 0])
    ordered = np.sort(matrix, axis=0)
    sums: Array = matrix.sum(axis=1)
    spread = float(sums.std())
    for _ in range(_ROUNDS):
        for j in range(matrix.shape[1]):
            rest = sums - matrix[:, j]
            order = np.argsort(-rest, kind="stable")
            matrix[order, j] = ordered[:, j]
            sums = rest + matrix[:, j]
        now = float(sums.std())
        if spread - now <= _CLOSE * max(spread, 1e-300):
            break
        spread = now
    return sums
