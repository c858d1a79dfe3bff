# SPDX-License-Identifier: Apache-2.0
"""How much less alike losses tell than independent ones, where calm and wild times last.

A few exceedances of VaR say next to nothing of how they cluster, but the size of every loss does.
So a variance that follows the losses is fitted, h' = (1 - p) + p s e^2 + p (1 - s) h in units of
the long-run variance, and what it implies for exceedances of a threshold is worked out: that a
loss beyond it today raises the chance of the next, and how fast that fades. The likelihood is
looked at on a grid and the answers averaged by it, tempered by the kurtosis of what is left, as
befits a quasi-likelihood.

Sources: Bollerslev, J. Econometrics 31 (1986); Francq, Horvath and Zakoian, J. Financial
Econometrics 9 (2011) for targeting the variance; Mueller, Econometrica 81 (2013) for the tempering.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
PERSISTENCE = (0.6, 0.8, 0.9, 0.94, 0.96, 0.975, 0.985)
"""Beyond the last, a history of a few years does not tell how long wild times last."""
SHARES = (0.03, 0.07, 0.12, 0.2, 0.35)
_TURNS = 40
_LIGHT = 0.01
_Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Alike:
    """Variance of means of clustered values over that of as many independent ones.

    Parameters
    ----------
    share : float
        Of the share of losses beyond the threshold.
    excess : float
        Of the mean of what losses exceed it by.
    """

    share: float
    excess: float


def alike(losses: Array, threshold: float) -> Alike:
    """How alike exceedances of a threshold are, by the clustering of all losses.

    Parameters
    ----------
    losses : array, shape (n,)
        In the order of time, not overlapping.
    threshold : float

    Examples
    --------
    >>> losses = np.random.default_rng(1).standard_normal(1000)
    >>> found = alike(losses, 1.96)
    >>> found.share < 1.3, found.excess < 1.3
    (True, True)
    """
    centred = losses - losses.mean()
    scale = float(centred.std())
    if scale == 0.0 or losses.size < 50:
        return Alike(1.0, 1.0)
    unit = centred / scale
    grid, h, weight = _looked_at(unit**2)
    edge = (threshold - float(losses.mean())) / scale
    found = np.ones((len(grid), 2))
    for k in np.flatnonzero(weight > _LIGHT).tolist():
        found[k] = _implied(unit, h[:-1, k], grid[k], edge)
    kept = np.where(weight > _LIGHT, weight, 0.0)
    kept /= kept.sum()
    mean = kept @ found
    doubt = kept @ (found - mean) ** 2 / mean**2
    # a variance this uncertain is one of so many degrees of freedom (Satterthwaite 1946)
    wider = special.stdtrit(np.maximum(2.0 / np.maximum(doubt, 1e-6), 3.0), 0.95) / _Z90
    share, excess = (mean * wider**2).tolist()
    return Alike(share, excess)


def tracking(values: Array, weights: Array) -> float:
    """How far a weighted mean of squares lies from tomorrow's variance, for want of more days.

    Where the variance stands still, its squared relative error is (K - 1) times the sum of the
    squared weights, K the kurtosis of a day. Where it moves with the squares themselves, so does
    the mean, and less is left between them: the weights are taken off those of the variance as an
    ARCH(infinity) of its own shocks. Averaged over how the variance may move, never more than
    where it stands still.

    Parameters
    ----------
    values : array, shape (n,)
        In the order of time, about their mean.
    weights : array, shape (n,)
        Of the square of each day, the oldest first.

    Returns
    -------
    float
        What stands for the sum of the squared weights.

    Examples
    --------
    >>> values = np.random.default_rng(1).standard_normal(500)
    >>> even = np.full(500, 1 / 500)
    >>> bool(0.9 < 500 * tracking(values, even) < 1.0 + 1e-12)
    True
    """
    scale = float(values.std())
    steady = float(weights @ weights)
    if scale == 0.0 or values.size < 50:
        return steady
    grid, _, weight = _looked_at((values / scale) ** 2)
    p, s = grid.T
    held = np.zeros(len(grid))  # what a shock left in the variances that the mean has seen since
    fade, found = np.ones(len(grid)), np.zeros(len(grid))
    for each in weights[::-1].tolist():
        off = each + p * s * (held - fade)
        found += off * off
        held, fade = p * held + each, p * fade
    return float(weight @ np.minimum(found, steady))


def _looked_at(squares: Array) -> tuple[Array, Array, Array]:
    """Points (p, s) of the grid, the variances of each, and how likely each is."""
    grid = np.array([(0.0, 0.0), *product(PERSISTENCE, SHARES)])
    h = _variances(squares, grid)
    return grid, h, _weights(squares, h)


def _variances(squares: Array, grid: Array) -> Array:
    """Of each day and the next, for every point of the grid, shape (n + 1, K)."""
    p, s = grid.T
    feed = (1.0 - p) + np.multiply.outer(squares, p * s)
    stay, out = p * (1.0 - s), np.ones((squares.size + 1, len(grid)))
    for day in range(squares.size):
        np.multiply(stay, out[day], out=out[day + 1])
        out[day + 1] += feed[day]
    return out


def _weights(squares: Array, h: Array) -> Array:
    """Tempered likelihoods, summing to 1: no clustering, and all of the others, alike likely."""
    left = squares[:, None] / h[:-1]
    height = -0.5 * (np.log(h[:-1]) + left).sum(axis=0)
    best = int(np.argmax(height))
    kurtosis = float((left[:, best] ** 2).mean() / left[:, best].mean() ** 2)
    weight = np.exp((height - height[best]) * 2.0 / max(kurtosis - 1.0, 1.0))
    weight[1:] /= len(weight) - 1.0
    return np.asarray(weight / weight.sum())


def _implied(unit: Array, h: Array, point: Array, edge: float) -> tuple[float, float]:
    """What a variance says of shares beyond an edge and of the excess over it."""
    p, s = point.tolist()
    if p == 0.0:
        return 1.0, 1.0
    size, root = unit.size, np.sqrt(h)
    z = unit / root
    order = np.sort(z)
    above = np.concatenate([np.cumsum(order[::-1])[::-1], [0.0]])

    def beyond(scale: Array) -> tuple[Array, Array]:
        """Chance to exceed the edge, and mean excess, of a day with this scale."""
        place = np.searchsorted(order, edge / scale, side="right")
        count = size - place
        return count / size, (scale * above[place] - edge * count) / size

    chance, excess = beyond(root)
    step = max(size // _TURNS, 1)
    days = (np.arange(size)[:, None] + step * np.arange(_TURNS)) % size
    drawn = z[days]
    over = drawn * root[:, None] - edge
    hit = over > 0.0
    then = (1.0 - p) + p * (s * drawn**2 + 1.0 - s) * h[:, None]
    next_chance, next_excess = beyond(np.sqrt(then[hit]))
    pairs = float(size * _TURNS)
    share, mean = float(chance.mean()), float(excess.mean())
    if share <= 0.0 or mean <= 0.0:
        return 1.0, 1.0
    square = float((over[hit] ** 2).sum()) / pairs
    tied = float(next_chance.sum()) / pairs - share**2
    tied_excess = float((over[hit] * next_excess).sum()) / pairs - mean**2
    reach = 1.0 / (1.0 - p) - (1.0 - p**size) / (size * (1.0 - p) ** 2)
    return (
        1.0 + 2.0 * reach * max(tied, 0.0) / (share * (1.0 - share)),
        1.0 + 2.0 * reach * max(tied_excess, 0.0) / max(square - mean**2, 1e-300),
    )
