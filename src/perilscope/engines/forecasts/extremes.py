# SPDX-License-Identifier: Apache-2.0
"""Losses beyond a threshold: the generalised Pareto law by maximum likelihood, VaR and CVaR by it.

Sources: Pickands, Annals of Statistics 3 (1975); Grimshaw, Technometrics 35 (1993) for the search
in one dimension; McNeil and Frey, J. Empirical Finance 7 (2000), equations 8 to 16; Smith,
Biometrika 72 (1985) for the errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import contributions
from perilscope.engines.forecasts.predictive import CONVENTIONS, Model, Prediction
from perilscope.engines.forecasts.tail_intervals import Intervals, alike, observed
from perilscope.engines.portfolio import returns
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = NDArray[np.float64]

SHARE = 0.1
"""Share of the losses that lies beyond the threshold (McNeil and Frey take a tenth)."""
LEAST = 20
HEAVY = 0.6
LOWEST = -0.5
"""Below this shape the likelihood has no regular maximum."""
_GRID = 60
_NODES = 7


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


@dataclass(frozen=True, eq=False)
class TailLaw:
    """Given losses up to a threshold, a generalised Pareto law beyond.

    Parameters
    ----------
    losses : array, shape (n,)
    threshold : float
    xi, beta : float
    """

    losses: Array
    threshold: float
    xi: float
    beta: float

    @cached_property
    def share(self) -> float:
        """Share of the losses beyond the threshold."""
        return float((self.losses > self.threshold).mean())

    def var(self, level: float) -> float:
        """Smallest x with F(x) >= level."""
        if 1.0 - level >= self.share:
            return returns.historical(self.losses, level)[0]
        return tail_measures(self.threshold, self.share, self.xi, self.beta, level)[0]

    def cvar(self, level: float) -> float:
        """Mean of the worst 1 - level of probability."""
        if 1.0 - level < self.share:
            return tail_measures(self.threshold, self.share, self.xi, self.beta, level)[1]
        beyond = self.threshold + self.beta / (1.0 - self.xi) if self.xi < 1.0 else math.inf
        body = np.sort(self.losses[self.losses <= self.threshold])[::-1]
        left = (1.0 - level - self.share) * self.losses.size
        whole = int(left)
        part = float(body[:whole].sum()) + (left - whole) * float(body[min(whole, body.size - 1)])
        return (self.share * beyond + part / self.losses.size) / (1.0 - level)

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        values = np.asarray(losses, dtype=np.float64)
        ordered = np.sort(self.losses)
        body = np.searchsorted(ordered, values, side="right") / ordered.size
        unit = np.maximum(values - self.threshold, 0.0) / self.beta
        if abs(self.xi) < 1e-9:
            beyond = np.exp(-unit)
        else:
            beyond = np.maximum(1.0 + self.xi * unit, 0.0) ** (-1.0 / self.xi)
        return np.where(values > self.threshold, 1.0 - self.share * beyond, body)

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        at = rng.random(count)
        body = np.sort(self.losses)[
            np.minimum((at * self.losses.size).astype(int), self.losses.size - 1)
        ]
        ratio = np.minimum((1.0 - at) / self.share, 1.0)
        if abs(self.xi) < 1e-9:
            tail = self.threshold - self.beta * np.log(ratio)
        else:
            tail = self.threshold + self.beta / self.xi * np.expm1(-self.xi * np.log(ratio))
        return np.where(1.0 - at < self.share, tail, body)


def tail_law(losses: Array, share: float = SHARE) -> tuple[TailLaw, ParetoFit]:
    """Fit the tail beyond the largest ``share`` of the losses, at least 20 of them.

    Raises
    ------
    AssessmentError
        Fewer than 40 losses, a tail of equal losses, or one so heavy that CVaR is infinite.
    """
    size = losses.size
    if size < 2 * LEAST:
        raise AssessmentError(f"{size} losses are too few for a tail; at least {2 * LEAST}")
    count = max(round(share * size), LEAST)
    threshold = float(np.sort(losses)[size - count - 1])
    excesses = losses[losses > threshold] - threshold
    fit = fit_pareto(excesses)
    if fit.xi >= 1.0:
        raise AssessmentError(
            f"the tail is so heavy (shape {fit.xi:.2f}) that its mean, CVaR, is infinite; give "
            "more history or use another method"
        )
    return TailLaw(losses, threshold, fit.xi, fit.beta), fit


def _beyond(sample: Sample, law: TailLaw, fit: ParetoFit, level: float) -> Intervals:
    """What 90 % of the chance of shares, shapes and scales lies between."""
    losses = sample.losses
    beyond = losses > law.threshold
    times = alike(losses, law.threshold, sample.lags, clustered=sample.horizon == 1)
    excesses = losses[beyond] - law.threshold
    # how alike excesses are when it is known how many there are
    mean, spread = float(excesses.mean()), float(excesses.var())
    known = mean**2 * (1.0 - law.share)
    sizes = max((times.excess * (spread + known) - times.share * known) / spread, 1.0)
    xi, beta, chance = pareto_posterior(excesses, fit, sample.share / sizes)
    count = losses.size * sample.share / times.share
    error = math.sqrt((1.0 - law.share) / (law.share * count))
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    ratio = (1.0 - level) / (law.share * np.exp(error * nodes))
    logs = np.log(np.minimum(ratio, 1.0))[:, None]
    var = law.threshold + beta * np.expm1(-xi * logs) / xi
    cvar = (var + beta - xi * law.threshold) / (1.0 - xi)
    mass = np.multiply.outer(weights / weights.sum(), chance)
    found = []
    for figures, value in ((var, law.var(level)), (cvar, law.cvar(level))):
        order = np.argsort(figures, axis=None, kind="stable")
        below = np.cumsum(mass.ravel()[order])
        low, high = np.interp([0.05, 0.95], below, figures.ravel()[order]).tolist()
        found.append((min(low, value), max(high, value)))
    return found[0], found[1]


def evt(sample: Sample) -> Prediction:
    """Peaks over threshold: the largest tenth of the losses by a generalised Pareto law.

    The threshold counts as chosen; the interval has the error of the share beyond it, and of shape
    and scale by their posterior, which is skew where a straight line from the maximum is not.
    """
    losses = sample.losses
    law, fit = tail_law(losses)

    def interval(level: float) -> Intervals:
        if 1.0 - level >= law.share:  # VaR lies among the losses that are taken as they are
            return observed(
                losses, level, sample.seed, sample.lags, sample.share,
                clustered=sample.horizon == 1,
            )  # fmt: skip
        return _beyond(sample, law, fit, level)

    notes = []
    if fit.xi <= LOWEST + 1e-6:
        notes.append(f"shape at its bound of {LOWEST}")
    if fit.xi > HEAVY:
        notes.append(f"a tail of shape {fit.xi:.2f}: CVaR hangs on a few losses")
    return Prediction(
        law,
        interval,
        {
            "threshold": law.threshold,
            "exceedances": float(fit.count),
            "xi": fit.xi,
            "beta": fit.beta,
            "xi_error": fit.errors[0],
            "beta_error": fit.errors[1],
        },
        fit.log_likelihood,
        notes=tuple(notes),
        conventions={
            **CONVENTIONS,
            "mean": "returns as observed",
            "threshold": f"the largest {100 * SHARE:g} % of the losses lie beyond it",
            "log_likelihood": "of the excesses",
        },
    )


MODELS = (Model("evt", "peaks over threshold, generalised Pareto (McNeil and Frey 2000)", evt),)
