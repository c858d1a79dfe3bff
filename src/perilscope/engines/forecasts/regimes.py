# SPDX-License-Identifier: Apache-2.0
"""Which regime a market is in, by the size of its moves: an exact filter of a hidden chain.

Each regime has normal moves of its own volatility; regimes follow each other as a Markov chain.
What the moves say *by themselves* is a likelihood: the filter's law over what the same filter says
without its observations. A network that has a prior of its own takes that likelihood in, so no
number is counted twice.

Source: Hamilton, "A new approach to the economic analysis of nonstationary time series" (1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Regimes:
    """What is known of the regime at the end of the moves.

    Parameters
    ----------
    probability : array, shape (regimes,)
        Given all moves.
    without : array, shape (regimes,)
        By the same filter without its observations.
    path : array, shape (moves, regimes)
        After each move, given the moves up to it.
    log_likelihood : float
        Of all moves.
    """

    probability: Array
    without: Array
    path: Array
    log_likelihood: float

    @property
    def likelihood(self) -> Array:
        """What the moves say by themselves, the largest 1: for a node of a network."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.without > 0.0, self.probability / self.without, 0.0)
        found: Array = ratio / ratio.max()
        return found


def regimes(moves: Array, volatility: Array, transition: Array, start: Array) -> Regimes:
    """Filter a series of moves.

    Parameters
    ----------
    moves : array, shape (n,)
        Returns over one step each, the oldest first.
    volatility : array, shape (regimes,)
        Standard deviation of a move in each regime.
    transition : array, shape (regimes, regimes)
        Chances from each regime (row) to each in a step.
    start : array, shape (regimes,)
        Law of the regime before the first move.

    Raises
    ------
    MisuseError
        Volatilities that are not positive, chances that are none, moves that are no numbers.
    AssessmentError
        Moves that no regime can make.

    Examples
    --------
    Quiet days, then three of 6 %:

    >>> chain = np.array([[0.99, 0.01], [0.05, 0.95]])
    >>> moves = np.array([0.01, -0.02, 0.01, -0.06, 0.05, -0.07])
    >>> found = regimes(moves, np.array([0.02, 0.06]), chain, np.array([0.8, 0.2]))
    >>> found.probability.round(3).tolist(), found.without.round(3).tolist()
    ([0.005, 0.995], [0.81, 0.19])
    """
    _check(moves, volatility, transition, start)
    at, free, total = start.astype(np.float64), start.astype(np.float64), 0.0
    path = np.empty((len(moves), len(volatility)))
    for k, move in enumerate(moves.tolist()):
        at, free = at @ transition, free @ transition
        logs = -0.5 * (move / volatility) ** 2 - np.log(volatility)
        top = float(logs[at > 0.0].max())
        weighed = at * np.exp(np.minimum(logs - top, 0.0))
        size = float(weighed.sum())
        if not size > 0.0:
            raise AssessmentError(f"no regime can make the move {move:g}")
        at = weighed / size
        total += np.log(size) + top - 0.5 * np.log(2.0 * np.pi)
        path[k] = at
    return Regimes(at, free, path, float(total))


def _check(moves: Array, volatility: Array, transition: Array, start: Array) -> None:
    count = len(volatility)
    if not np.all(np.isfinite(volatility)) or not np.all(volatility > 0.0):
        raise MisuseError("volatilities are positive numbers")
    if transition.shape != (count, count) or start.shape != (count,):
        raise MisuseError(f"{count} regimes have {count} rows of chances and a start")
    for rows in (transition, start[None, :]):
        if np.any(rows < 0.0) or np.any(np.abs(rows.sum(axis=1) - 1.0) > 1e-9):
            raise MisuseError("chances of regimes must not be negative and must add up to 1")
    if not np.all(np.isfinite(moves)):
        raise MisuseError("a move is no number")
