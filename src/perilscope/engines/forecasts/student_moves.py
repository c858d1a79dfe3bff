# SPDX-License-Identifier: Apache-2.0
"""Joint moves of many prices with heavy tails: a multivariate Student t, fitted and drawn.

Draws come in blocks, each from its own counter-based stream, so that they are the same whatever
number of threads asks for them, and in whatever order.

References
----------
Liu and Rubin (1995), ML estimation of the t distribution using EM and its extensions.
Beskos, Papaspiliopoulos and Roberts (2006): the extreme of a Brownian bridge, equation 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import gammaln

from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

Floats = NDArray[np.float64]
BLOCK = 1 << 13
"""Scenarios of one block: what fits the cache of a core."""
NUS = (2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 30.0, 100.0)
_ROUNDS = 40
RIDGE = 1e-9
MOST = math.log(10.0)
"""Largest log move of a day: the exponential of a Student variable has no mean, so without a bound
what a short loses on average, its CVaR, would be infinite and a simulated one pure chance."""
_NEVER = 8.0
"""A normal variable beyond so many standard deviations is not drawn."""


@dataclass(frozen=True)
class Joint:
    """Law of daily log returns.

    Parameters
    ----------
    mean : array, shape (k,)
    root : array, shape (k, k)
        With ``root @ root.T`` the scatter matrix; the covariance is nu / (nu - 2) of it.
    nu : float
        Degrees of freedom, above 2.
    """

    mean: Floats
    root: Floats
    nu: float

    def __post_init__(self) -> None:
        k = self.mean.size
        if self.root.shape != (k, k) or not self.nu > 2.0:
            raise MisuseError("a square root for every mean, and more than 2 degrees of freedom")

    @property
    def covariance(self) -> Floats:
        """Of daily log returns."""
        found: Floats = self.root @ self.root.T * (self.nu / (self.nu - 2.0))
        return found


def fit(returns: Floats, nu: float | None = None) -> Joint:
    """Maximum-likelihood multivariate t of log returns.

    Parameters
    ----------
    returns : array, shape (n, k)
        Log returns; assets that do not move, or move alike, are no fault.
    nu : float, optional
        Degrees of freedom; the likeliest of `NUS` without.

    Raises
    ------
    AssessmentError
        Fewer than three days, or a return that is no number.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal((4000, 2)) / np.sqrt(rng.chisquare(4, (4000, 1)) / 4)
    >>> found = fit(x)
    >>> 3.0 <= found.nu <= 5.0
    True
    """
    x = np.asarray(returns, np.float64)
    if x.ndim != 2 or len(x) < 3 or not np.isfinite(x).all():
        raise AssessmentError("at least three days of returns that are numbers are needed")
    tried = [_em(x, each) for each in (NUS if nu is None else (nu,))]
    _, mean, scatter, best = max(tried, key=lambda each: each[0])
    values, vectors = np.linalg.eigh(scatter)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return Joint(mean, root, best)


def _em(x: Floats, nu: float) -> tuple[float, Floats, Floats, float]:
    """Log-likelihood, mean and scatter for given degrees of freedom."""
    n = len(x)
    mean, scatter = x.mean(axis=0), np.atleast_2d(np.cov(x.T, ddof=0))
    moves = np.diag(scatter) > 0.0
    found = -math.inf
    for _ in range(_ROUNDS):
        distance, logdet = _distance(x - mean, scatter, moves)
        size = int(moves.sum())
        before, found = found, float(
            n * (gammaln(0.5 * (nu + size)) - gammaln(0.5 * nu))
            - 0.5 * n * (size * math.log(nu * math.pi) + logdet)
            - 0.5 * (nu + size) * np.log1p(distance / nu).sum()
        )  # fmt: skip
        if abs(found - before) < 1e-8 * abs(found):
            break
        weight = (nu + size) / (nu + distance)
        mean = weight @ x / weight.sum()
        centred = x - mean
        scatter = (centred.T * weight) @ centred / n
    return found, mean, scatter, nu


def _distance(x: Floats, scatter: Floats, moves: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Squared Mahalanobis distances, among what has any variance."""
    if not moves.any():
        return np.zeros(len(x)), 0.0
    scale = np.sqrt(np.diag(scatter)[moves])
    matrix = scatter[np.ix_(moves, moves)] / np.outer(scale, scale)
    # what moves alike is told apart by a hair, so that a matrix without an inverse has one
    root = np.linalg.cholesky(matrix + RIDGE * np.eye(len(matrix)))
    turned = solve_triangular(root, (x[:, moves] / scale).T, lower=True, check_finite=False)
    logdet = 2.0 * float(np.log(np.diag(root)).sum() + np.log(scale).sum())
    return np.asarray((turned * turned).sum(axis=0)), logdet


def drawn(
    law: Joint,
    seed: int,
    block: int,
    days: int = 1,
    lows: tuple[int, ...] = (),
    highs: tuple[int, ...] = (),
) -> tuple[Floats, Floats, Floats]:
    """One block of scenarios: where prices end, and how far some of them went on the way.

    Parameters
    ----------
    law : Joint
    seed, block : int
        Name the stream.
    days : int
        Each day is drawn by itself, no price more than ten times or less than a tenth of that of
        the day before; a path is their product.
    lows, highs : tuple of int
        Assets whose lowest, or highest, price is wanted: drawn within each day as that of a
        Brownian bridge with the volatility of that day.

    Returns
    -------
    end, low, high : array, shape (BLOCK, k), (BLOCK, lows), (BLOCK, highs)
        Prices relative to today.
    """
    rng = stream(seed, "market", "joint moves", block)
    bridge = stream(seed, "market", "bridges", block)
    spread = np.sqrt((law.root**2).sum(axis=1))
    # no day with less of a stretch goes beyond the bound
    room = MOST - float(np.abs(law.mean).max(initial=0.0))
    calm = room / (_NEVER * max(float(spread.max(initial=0.0)), 1e-300))
    ways = [(-1.0, list(lows), np.zeros((BLOCK, len(lows)))),
            (1.0, list(highs), np.zeros((BLOCK, len(highs))))]  # fmt: skip
    total = np.zeros((BLOCK, law.mean.size))
    for day in range(days):
        step = rng.standard_normal((BLOCK, law.mean.size)) @ law.root.T
        stretch = np.sqrt(law.nu / rng.chisquare(law.nu, BLOCK))[:, None]
        step *= stretch
        step += law.mean
        wild = np.flatnonzero(stretch > calm)
        step[wild] = np.clip(step[wild], -MOST, MOST)
        for sign, at, way in ways:
            if at:
                far = _extreme(step[:, at], spread[at] * stretch, sign, bridge)
                if day:
                    far += total[:, at]
                (np.minimum if sign < 0.0 else np.maximum)(way, far, out=way)
        if day:
            total += step
        else:
            total = step
    for way in (total, ways[0][2], ways[1][2]):
        np.exp(way, out=way)
    return total, ways[0][2], ways[1][2]


def _extreme(move: Floats, spread: Floats, sign: float, rng: np.random.Generator) -> Floats:
    """Lowest (-1) or highest (1) point of Brownian bridges from 0 to their moves."""
    chance = np.log1p(-rng.random(move.shape))
    chance *= spread
    chance *= spread
    chance *= -2.0
    chance += move * move
    np.sqrt(chance, out=chance)
    chance *= sign
    chance += move
    chance *= 0.5
    return chance
