# SPDX-License-Identifier: Apache-2.0
"""Joint moves of many prices with heavy tails: a multivariate Student t, fitted and drawn.

Draws come in blocks, each from its own counter-based stream, so that they are the same whatever
number of threads asks for them, and in whatever order.

References
----------
Liu and Rubin (1995), ML estimation of the t distribution using EM and its extensions.
Liu, Rubin and Wu (1998), Parameter expansion to accelerate EM: the PX-EM algorithm.
Beskos, Papaspiliopoulos and Roberts (2006): the extreme of a Brownian bridge, equation 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

Floats = NDArray[np.float64]
BLOCK = 1 << 13
"""Scenarios of one block: what fits the cache of a core."""
LEAST, LARGEST = 2.05, 1000.0
"""Degrees of freedom that are looked for: with a variance, and as good as normal."""
_ROUNDS, _CLOSE = 2000, 1e-7
_STILL = 1e-10
"""Variance of a direction that does not move, of assets scaled to a variance of 1."""
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
        Degrees of freedom; the likeliest between `LEAST` and `LARGEST` without.

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
    mean, spread = x.mean(axis=0), x.std(axis=0)
    scaled = (x - mean) / np.where(spread > 0.0, spread, 1.0)
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(x))
    # only directions that have any variance: assets may stand still, or move alike
    moving = values > _STILL
    sides = vectors[:, moving] * np.sqrt(values[moving])
    found = _ecme(scaled @ (vectors[:, moving] / np.sqrt(values[moving])), nu)
    root = np.zeros((x.shape[1], x.shape[1]))
    root[:, moving] = spread[:, None] * (sides @ np.linalg.cholesky(found.scatter))
    return Joint(mean + spread * (sides @ found.mean), root, found.nu)


class _Fitted(NamedTuple):
    mean: Floats
    scatter: Floats
    nu: float


def _ecme(x: Floats, nu: float | None) -> _Fitted:
    """Location, scatter and degrees of freedom of whitened moves.

    The likelihood itself is maximised over nu at each step (ECME), and weights are divided by their
    sum (parameter expansion, Liu, Rubin and Wu 1998), which takes tens of steps where EM takes
    hundreds.
    """
    size = x.shape[1]
    now = _Fitted(np.zeros(size), np.eye(size), 4.0 if nu is None else nu)
    for _ in range(_ROUNDS if size else 0):
        weight = (now.nu + size) / (now.nu + _distance(x - now.mean, now.scatter))
        mean = weight @ x / weight.sum()
        centred = x - mean
        scatter = (centred.T * weight) @ centred / weight.sum()
        degrees = _likeliest(_distance(centred, scatter), size) if nu is None else nu
        before, now = now, _Fitted(mean, scatter, degrees)
        moved = max(np.abs(scatter - before.scatter).max(), abs(mean - before.mean).max())
        if max(moved, abs(math.log(now.nu / before.nu))) < _CLOSE:
            break
    return now


def _likeliest(distance: Floats, size: int) -> float:
    """Degrees of freedom of the largest likelihood, given the distances."""

    def surprise(log_nu: float) -> float:
        nu = math.exp(log_nu)
        return float(
            gammaln(0.5 * nu) - gammaln(0.5 * (nu + size)) + 0.5 * size * math.log(nu)
            + 0.5 * (nu + size) * np.log1p(distance / nu).mean()
        )  # fmt: skip

    ends = math.log(LEAST), math.log(LARGEST)
    best = minimize_scalar(surprise, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return math.exp(min((*ends, float(best.x)), key=surprise))


def _distance(x: Floats, scatter: Floats) -> Floats:
    """Squared Mahalanobis distances."""
    turned = solve_triangular(np.linalg.cholesky(scatter), x.T, lower=True, check_finite=False)
    return np.asarray((turned * turned).sum(axis=0))


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
