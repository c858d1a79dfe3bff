# SPDX-License-Identifier: Apache-2.0
"""The generalised Pareto law of excesses over a threshold: fit, errors, posterior, measures.

Sources: Pickands, Annals of Statistics 3 (1975); Grimshaw, Technometrics 35 (1993) for the search
in one dimension; Smith, Biometrika 72 (1985) for the errors; McNeil and Frey, J. Empirical Finance
7 (2000), equations 8 to 16, for VaR and CVaR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.influence import contributions
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]

LOWEST = -0.5
"""Below this shape the likelihood has no regular maximum."""
REGULAR = -0.4
"""Below this shape errors by derivatives say nothing."""
TRUSTED = 50.0
"""So many excesses tell as much of how wrong the law is as is taken for granted without any."""
_GRID = 60


@dataclass(frozen=True)
class ParetoFit:
    """A generalised Pareto law of excesses.

    Parameters
    ----------
    xi, beta : float
        Shape and scale.
    log_likelihood : float
    count : int
    """

    xi: float
    beta: float
    log_likelihood: float
    count: int

    @property
    def errors(self) -> tuple[float, float]:
        """Standard errors of shape and scale by the expected information (Smith 1985).

        Examples
        --------
        >>> [round(x, 3) for x in ParetoFit(0.5, 7.0, 0.0, 109).errors]
        [0.144, 1.161]
        """
        free = 1.0 + self.xi
        return (
            free / math.sqrt(self.count),
            self.beta * math.sqrt(2.0 * free / self.count),
        )


def fit_pareto(excesses: Array) -> ParetoFit:
    """Fit shape and scale to excesses over a threshold by maximum likelihood.

    Parameters
    ----------
    excesses : array, shape (n,)
        Positive.

    Raises
    ------
    AssessmentError
        Fewer than 5 excesses, or they are all the same.

    Notes
    -----
    With t = xi / beta the likelihood has its maximum in xi at mean(log(1 + t y)), which leaves one
    dimension to search (Grimshaw 1993): on a grid first, since there may be two maxima.

    Examples
    --------
    >>> places = (np.arange(4000) + 0.5) / 4000
    >>> fit = fit_pareto(2.0 / 0.3 * ((1 - places) ** -0.3 - 1))
    >>> round(fit.xi, 2), round(fit.beta, 2)
    (0.3, 2.0)
    """
    values = np.asarray(excesses, dtype=np.float64)
    if values.size < 5:
        raise AssessmentError(f"{values.size} losses beyond the threshold; at least 5 are needed")
    top, mean = float(values.max()), float(values.mean())
    if not float(values.min()) >= 0.0 or not top > 0.0:
        raise AssessmentError("excesses over a threshold are positive numbers")
    if top - float(values.min()) <= 1e-12 * top:
        raise AssessmentError("the losses beyond the threshold are all the same")
    unit = values / mean
    size = values.size

    def height(t: float) -> float:
        """Likelihood on the ridge; that of the exponential law at 0."""
        if abs(t) < 1e-7:
            return -size * (1.0 + 0.0 * t)
        xi = max(float(np.log1p(t * unit).mean()), LOWEST)
        if xi == 0.0 or xi / t <= 0.0:
            return -math.inf
        return -size * math.log(xi / t) - (1.0 + 1.0 / xi) * float(np.log1p(t * unit).sum())

    least = -(1.0 - 1e-6) * mean / top
    grid = np.concatenate([np.linspace(least, -1e-4, 24), np.geomspace(1e-4, 1e9, 80)])
    heights = [height(t) for t in grid.tolist()]
    best = int(np.argmax(heights))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    from scipy import optimize  # heavy, and most runs fit no tail

    found = optimize.minimize_scalar(
        lambda t: -height(float(t)), bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    t = float(found.x) if -float(found.fun) >= heights[best] else float(grid[best])
    if abs(t) < 1e-7:
        xi, beta = 0.0, 1.0
    else:
        xi = max(float(np.log1p(t * unit).mean()), LOWEST)
        beta = xi / t
    return ParetoFit(xi, beta * mean, height(t) - size * math.log(mean), size)


def pareto_scores(excesses: Array, xi: float, log_beta: float) -> Array:
    """Derivatives of the log density in shape and log scale, shape (n, 2).

    Examples
    --------
    >>> pareto_scores(np.array([1.0]), 0.5, 0.0).round(4).tolist()
    [[-0.3781, 0.0]]
    """
    unit = excesses / math.exp(log_beta)
    if abs(xi) < 1e-5:  # the limit
        return np.stack([0.5 * unit**2 - unit, unit - 1.0], axis=1)
    grown = 1.0 + xi * unit
    by_xi = np.log(grown) / xi**2 - (1.0 + 1.0 / xi) * unit / grown
    return np.stack([by_xi, (1.0 + xi) * unit / grown - 1.0], axis=1)


def pareto_influences(excesses: Array, fit: ParetoFit) -> Array:
    """Influence of each excess on shape and log scale, shape (n, 2)."""
    at = np.array([fit.xi, math.log(fit.beta)])
    slope = np.empty((2, 2))
    for place in range(2):
        shift = np.zeros(2)
        shift[place] = 1e-4
        more = pareto_scores(excesses, *(at + shift)).mean(axis=0)
        less = pareto_scores(excesses, *(at - shift)).mean(axis=0)
        slope[:, place] = (more - less) / 2e-4
    return contributions(pareto_scores(excesses, *at), slope)


def pareto_posterior(excesses: Array, fit: ParetoFit, worth: float = 1.0) -> tuple[Array, ...]:
    """Shapes, scales and their chances, given the excesses and Jeffreys' prior.

    Under this prior, 1 / (beta (1 + xi) sqrt(1 + 2 xi)), chances are very nearly coverage for few
    excesses too, where estimates of the shape are skew and too low on average (Castellanos and
    Cabras, J. Statistical Planning and Inference 137 (2007)). Shapes lie between -0.5 and 1, where
    there is a mean.

    Parameters
    ----------
    excesses : array, shape (n,)
    fit : ParetoFit
        Of them.
    worth : float
        What an excess is worth, as a share of an independent one.

    Returns
    -------
    xi, beta, chance : arrays, shape (m,)

    Examples
    --------
    >>> places = (np.arange(400) + 0.5) / 400
    >>> values = 2.0 / 0.2 * ((1 - places) ** -0.2 - 1)
    >>> xi, beta, chance = pareto_posterior(values, fit_pareto(values))
    >>> round(float(chance @ xi), 1), round(float(chance @ beta), 1)
    (0.2, 2.0)
    """
    size = excesses.size * worth
    # the information at a shape near -0.5 says too little of how far the grid has to reach
    centre = min(max(fit.xi, -0.2), 0.9)
    error = (1.0 + centre) / math.sqrt(size)
    low, high = max(min(fit.xi, 0.9) - 6.0 * error, LOWEST), min(centre + 8.0 * error, 1.0)
    step = (high - low) / _GRID
    xi = low + step * (np.arange(_GRID) + 0.5)
    reach = 7.0 * math.sqrt(2.0 * (1.0 + centre) / size)
    log_beta = math.log(fit.beta) + np.linspace(-reach, reach, _GRID)
    xi, log_beta = (each.ravel() for each in np.meshgrid(xi, log_beta))
    xi[np.abs(xi) < 1e-9] = 1e-9
    grown = 1.0 + np.multiply.outer(xi * np.exp(-log_beta), excesses)
    inside = grown.min(axis=1) > 0.0
    xi, log_beta, grown = xi[inside], log_beta[inside], grown[inside]
    height = -(1.0 + 1.0 / xi) * np.log(grown).sum(axis=1) - excesses.size * log_beta
    height = worth * height - np.log1p(xi) - 0.5 * np.log(1.0 + 2.0 * xi)
    chance = np.exp(height - height.max())
    return xi, np.exp(log_beta), chance / chance.sum()


def misfit(excesses: Array, fit: ParetoFit, reach: float) -> float:
    """Variance of the CVaR beyond a threshold, over what it were if the law were Pareto.

    Where excesses follow another law, the error of a fit is not that of its likelihood: it is the
    sandwich of White (Econometrica 50 (1982), theorem 3.2). From few excesses its variance is
    noisy, and too low by some ``1 / sqrt(n)`` under the Pareto law itself (simulated: 0.79, 0.91,
    0.94, 0.98 for 25, 100, 200, 500 excesses of shape 0.2); so it is taken against that, and its
    logarithm counts as ``n / (n + 50)``.

    Parameters
    ----------
    excesses : array, shape (n,)
    fit : ParetoFit
        Of them.
    reach : float
        Probability of the threshold over that of the measure, above 1.

    Examples
    --------
    >>> places = (np.arange(2000) + 0.5) / 2000
    >>> pareto = 2.0 / 0.2 * ((1 - places) ** -0.2 - 1)
    >>> round(misfit(pareto, fit_pareto(pareto), 4.0), 1)
    1.0
    """
    size = excesses.size
    if fit.xi <= REGULAR:
        return 1.0
    free, step = 1.0 + fit.xi, 1e-4

    def height(xi: float) -> float:
        """Logarithm of CVaR beyond the threshold, in scales."""
        _, cvar = tail_measures(0.0, reach, xi, 1.0, 0.0)
        return math.log(cvar)

    shape = min(fit.xi, 0.95)
    slope = np.array([(height(shape + step) - height(shape - step)) / (2.0 * step), 1.0])
    expected = free * np.array([[free, -1.0], [-1.0, 2.0]])  # Smith 1985, times n
    seen = float(((pareto_influences(excesses, fit) @ slope) ** 2).mean())
    ratio = seen / float(slope @ expected @ slope) / (1.0 - 1.0 / math.sqrt(size))
    return float(min(max(ratio, 0.2), 5.0) ** (size / (size + TRUSTED)))


def tail_measures(
    threshold: float, share: float, xi: float, beta: float, level: float
) -> tuple[float, float]:
    """VaR and CVaR beyond a threshold; CVaR is infinite from a shape of 1.

    Examples
    --------
    >>> var, cvar = tail_measures(10.0, 109 / 2167, 0.4969858, 6.9754681, 0.99)
    >>> round(var, 4), round(cvar, 4)  # Danish fire losses
    (27.29, 58.2401)
    """
    ratio = (1.0 - level) / share
    if abs(xi) < 1e-9:
        var = threshold - beta * math.log(ratio)
    else:
        var = threshold + beta / xi * math.expm1(-xi * math.log(ratio))
    if xi >= 1.0:
        return var, math.inf
    return var, (var + beta - xi * threshold) / (1.0 - xi)
