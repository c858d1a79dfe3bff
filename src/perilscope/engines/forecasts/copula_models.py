# SPDX-License-Identifier: Apache-2.0
"""Assets with Student t laws tied together by a Gaussian or a t copula, by simulation.

Correlations come from Kendall's tau, which neither the laws of the assets nor a few wild days move
(Lindskog, McNeil and Schmock 2003); the degrees of freedom of the t copula by maximum likelihood
on ranks. Draws are quasi-random (Sobol, scrambled by the seed). Slopes of VaR and CVaR in every
parameter are means over the scenarios at VaR and beyond it, so that no second simulation is
needed; those in all correlations come out of one pass back through the Cholesky factor.

Sources: McNeil, Frey and Embrechts, *Quantitative Risk Management* (2015), sections 7.3 and 7.5;
Murray, *Differentiation of the Cholesky decomposition*, arXiv:1602.07527 (2016), equation 10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.linalg import solve_triangular
from scipy.stats import qmc

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import around, days, lean, spread
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw
from perilscope.engines.forecasts.margins import Fitted, Margin, correlations, fit_margins, kendall
from perilscope.engines.forecasts.predictive import CONVENTIONS, Intervals, Model, Prediction
from perilscope.engines.forecasts.simple_models import student

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

DRAWS = 1 << 15
EVEN = 0.4
"""Quasi-random draws against independent ones: between seeds VaR scatters by 0.15 to 0.43 % where
independent draws of the same number would make 0.9 to 1.3 % of CVaR (2 and 10 assets)."""
BAND = 0.008
"""Half-width in probability of the scenarios that count as lying at VaR."""
_DEGREES = (2.0, 200.0)


@dataclass(frozen=True, eq=False)
class Tied:
    """A fitted copula: correlations, and degrees of freedom (None: Gaussian)."""

    correlation: Array
    degrees: float | None
    likelihood: float


def copula_likelihood(ranks: Array, correlation: Array, degrees: float | None) -> Array:
    """Log density of a Gaussian or a t copula at each row of ranks.

    Parameters
    ----------
    ranks : array, shape (n, k)
    correlation : array, shape (k, k)
    degrees : float or None

    Examples
    --------
    >>> unit = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> copula_likelihood(np.array([[0.5, 0.5]]), unit, None).round(6).tolist()
    [0.143841]
    """
    count = correlation.shape[0]
    factor = np.linalg.cholesky(correlation)
    log_det = 2.0 * float(np.log(np.diag(factor)).sum())
    if degrees is None:
        scores = special.ndtri(ranks)
        form = (np.linalg.solve(factor, scores.T) ** 2).sum(axis=0)
        return np.asarray(-0.5 * (form - (scores**2).sum(axis=1) + log_det))
    scores = special.stdtrit(degrees, ranks)
    form = (np.linalg.solve(factor, scores.T) ** 2).sum(axis=0)
    half = 0.5 * degrees
    front = (
        special.gammaln(half + 0.5 * count)
        + (count - 1.0) * special.gammaln(half)
        - count * special.gammaln(half + 0.5)
    )
    whole = -(half + 0.5 * count) * np.log1p(form / degrees)
    each = (half + 0.5) * np.log1p(scores**2 / degrees).sum(axis=1)
    return np.asarray(front - 0.5 * log_det + whole + each)


def _degrees(ranks: Array, correlation: Array) -> float:
    """Degrees of freedom of most likelihood: golden section on their logarithm."""
    low, high = (math.log(x) for x in _DEGREES)
    golden = 0.5 * (math.sqrt(5.0) - 1.0)

    def height(at: float) -> float:
        return float(copula_likelihood(ranks, correlation, math.exp(at)).sum())

    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = height(left), height(right)
    while high - low > 1e-3:
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = height(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = height(right)
    return math.exp(0.5 * (low + high))


def _tied(fitted: Fitted, tau: Array, *, heavy: bool) -> tuple[Tied, bool]:
    correlation, mended = correlations(tau)
    degrees = None
    ranks = fitted.ranks
    if heavy:
        size = len(ranks)
        places = np.argsort(np.argsort(fitted.moves, axis=0), axis=0).astype(np.float64)
        own: Array = (places + 1.0) / (size + 1.0)
        degrees = _degrees(own, correlation)
    likelihood = float(copula_likelihood(ranks, correlation, degrees).sum())
    return Tied(correlation, degrees, likelihood), mended


@dataclass(frozen=True, eq=False)
class Drawn:
    """Quasi-random draws of everything that a copula needs: normal scores and a mixing variable."""

    normals: Array
    mixing: Array

    @classmethod
    def of(cls, count: int, seed: int, draws: int = DRAWS) -> Drawn:
        """So many draws of so many assets."""
        source = qmc.Sobol(count + 1, scramble=True, rng=np.random.default_rng([seed, count]))
        points = np.clip(source.random(draws), 1e-12, 1.0 - 1e-12)
        return cls(special.ndtri(points[:, :count]), points[:, count])

    def scores(self, tied: Tied, rows: Rows | slice = slice(None)) -> Array:
        """Normal or t scores with the correlations of the copula."""
        found = self.normals[rows] @ np.linalg.cholesky(tied.correlation).T
        return np.asarray(found * self.stretch(tied, rows)[:, None])

    def stretch(self, tied: Tied, rows: Rows | slice = slice(None)) -> Array:
        """What makes t scores out of normal ones, in each draw."""
        if tied.degrees is None:
            return np.ones(len(self.mixing[rows]))
        mixed = special.chdtri(tied.degrees, 1.0 - self.mixing[rows]) / tied.degrees
        return np.asarray(1.0 / np.sqrt(mixed))


def _losses(fitted: Fitted, tied: Tied, scores: Array) -> Array:
    return fitted.lost(fitted.moved(scores, tied.degrees))


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Mean slopes of the loss over chosen scenarios.

    Parameters
    ----------
    margins : array, shape (3 k,)
        In location, log scale and degrees of each asset, in turn.
    correlations : array, shape (k, k)
        In each correlation, symmetric; the diagonal means nothing.
    degrees : float
        In the degrees of freedom of the copula; 0 without.
    """

    margins: Array
    correlations: Array
    degrees: float


def _slopes(fitted: Fitted, tied: Tied, drawn: Drawn, rows: Rows) -> _Slopes:
    scores = drawn.scores(tied, rows)
    pulls = fitted.pulls(scores, tied.degrees)
    by_scores = fitted.by_scores(scores, tied.degrees, pulls)
    normals = drawn.normals[rows] * drawn.stretch(tied, rows)[:, None]
    return _Slopes(
        np.array(fitted.slopes(scores, tied.degrees, pulls)),
        back_through_cholesky(tied.correlation, by_scores.T @ normals / len(rows)),
        _by_degrees(fitted, tied, drawn, rows),
    )


def back_through_cholesky(matrix: Array, slopes: Array) -> Array:
    """Slopes in the entries of a symmetric matrix from those in its Cholesky factor.

    Parameters
    ----------
    matrix : array, shape (k, k)
        Positive definite.
    slopes : array, shape (k, k)
        Of anything in the entries of the lower factor; what stands above the diagonal is not read.

    Returns
    -------
    array, shape (k, k)
        Symmetric; off the diagonal for both entries moved together.

    Source: Murray, arXiv:1602.07527 (2016), equation 10.

    Examples
    --------
    >>> unit = np.array([[1.0, 0.6], [0.6, 1.0]])     # factor [[1, 0], [r, sqrt(1 - r^2)]]
    >>> float(back_through_cholesky(unit, np.array([[0.0, 0.0], [1.0, 0.0]]))[1, 0])
    1.0
    >>> round(float(back_through_cholesky(unit, np.diag([0.0, 1.0]))[1, 0]), 9)    # -r / 0.8
    -0.75
    """
    factor = np.linalg.cholesky(matrix)
    middle = np.tril(factor.T @ np.tril(slopes))
    np.fill_diagonal(middle, 0.5 * np.diag(middle))
    half = solve_triangular(factor, middle, lower=True, trans="T")
    whole = solve_triangular(factor, half.T, lower=True, trans="T").T
    both = whole + whole.T
    np.fill_diagonal(both, np.diag(whole))
    return np.asarray(both)


def _by_degrees(fitted: Fitted, tied: Tied, drawn: Drawn, rows: Rows) -> float:
    if tied.degrees is None:
        return 0.0
    step = 0.02 * tied.degrees
    more, less = (
        _losses(fitted, moved, drawn.scores(moved, rows))
        for moved in (replace(tied, degrees=tied.degrees + shift) for shift in (step, -step))
    )
    return float((more - less).mean()) / (2.0 * step)


@dataclass(frozen=True, eq=False)
class _Influences:
    """Influence of each window on the parameters, in the shape of `_Slopes`."""

    margins: Array
    tau: Array
    parts: Array
    degrees: Array

    def on(self, slopes: _Slopes) -> Array:
        """Of each window on a figure with these slopes, shape (n,)."""
        found = self.margins @ slopes.margins + self.degrees * slopes.degrees
        # rho = sin(pi tau / 2), and tau is a mean over pairs of windows: twice the mean over one
        bend = 0.5 * math.pi * np.cos(0.5 * math.pi * self.tau)
        pull = np.tril(2.0 * bend * slopes.correlations, -1)
        found += np.tensordot(self.parts, pull, 2) - float((self.tau * pull).sum())
        return np.asarray(found)


def _degree_influences(ranks: Array, tied: Tied) -> Array:
    """Influence of each window on the degrees of the copula; none at their bound."""
    degrees = tied.degrees or 0.0  # without degrees it lies outside the bounds
    if not _DEGREES[0] * 1.02 < degrees < _DEGREES[1] * 0.98:
        return np.zeros(len(ranks))
    step = 0.02 * degrees
    more, here, less = (
        copula_likelihood(ranks, tied.correlation, degrees + shift) for shift in (step, 0.0, -step)
    )
    score = (more - less) / (2.0 * step)
    curve = float((more - 2.0 * here + less).mean()) / step**2
    if curve >= 0.0:
        return np.zeros(len(ranks))
    return np.asarray(-(score - score.mean()) / curve)


def _copula(sample: Sample, *, heavy: bool) -> Prediction:
    fitted = fit_margins(sample)
    count = len(fitted.margins)
    if count == 1:
        return alone(sample)
    tau, parts = kendall(fitted.moves)
    tied, mended = _tied(fitted, tau, heavy=heavy)
    drawn = Drawn.of(count, sample.seed)
    losses = _losses(fitted, tied, drawn.scores(tied))
    centre = float(losses.mean())
    law = EmpiricalLaw(losses)

    def interval(level: float) -> Intervals:
        influences = _Influences(
            fitted.influences.reshape(len(fitted.moves), 3 * count),
            tau,
            parts,
            _degree_influences(fitted.ranks, tied),
        )
        order = np.argsort(losses, kind="stable")
        first = math.ceil(losses.size * level) - 1
        half = max(min(int(BAND * losses.size), (losses.size - first) // 2), 8)
        near = order[max(first - half, 0) : first + half + 1]
        beyond = order[first:]
        found = []
        for value, rows in ((law.var(level), near), (law.cvar(level), beyond)):
            line = influences.on(_slopes(fitted, tied, drawn, rows))
            error = spread(line, sample.lags, sample.share, simulated(losses, level) ** 2, 3)
            freedom = days(line, sample.lags, sample.share)
            found.append(around(value, error, centre, freedom, lean(line)))
        return found[0], found[1]

    parameters = _parameters(fitted, tied)
    parameters["draws"] = float(DRAWS)
    parameters["simulation_error"] = simulated(losses, 0.975)
    notes = []
    if mended:
        notes.append("the correlations by Kendall's tau were no correlation matrix and are mended")
    return Prediction(
        law,
        interval,
        parameters,
        fitted.likelihood + tied.likelihood,
        notes=tuple(notes),
        conventions={
            **CONVENTIONS,
            "mean": "the fitted mean of each asset",
            "margins": "Student t by maximum likelihood",
            "correlations": "sin(pi tau / 2) of Kendall's tau",
            "draws": f"{DRAWS} quasi-random (Sobol, scrambled)",
        },
    )


def alone(sample: Sample) -> Prediction:
    """One asset has nothing to be tied to: its own t law."""
    if sample.revalued is not None:
        found = student(sample)
        return replace(found, notes=("only one asset moves: a t law of the losses", *found.notes))
    kept = int(np.argmax(np.abs(sample.weights) * sample.moves.std(axis=0)))
    weight = float(sample.weights[kept])
    one = Sample(
        np.ascontiguousarray(sample.returns[:, [kept]]),
        np.array([weight]),
        sample.horizon,
        sample.seed,
        sample.share,
    )
    found = student(one)
    return Prediction(
        found.law,
        found.interval_at,
        found.parameters,
        found.log_likelihood,
        notes=("only one asset moves: no copula, its own t law", *found.notes),
        conventions=found.conventions,
    )


def simulated(losses: Array, level: float) -> float:
    """Standard error of VaR and CVaR from the draws: `EVEN` times that of independent ones."""
    var = float(np.quantile(losses, level))
    beyond = np.maximum(losses - var, 0.0) / (1.0 - level)
    return EVEN * float(beyond.std() / math.sqrt(losses.size))


def _parameters(fitted: Fitted, tied: Tied) -> dict[str, float]:
    found: dict[str, float] = {}
    for place, margin in enumerate(fitted.margins, 1):
        found[f"mu_{place}"] = margin.location
        found[f"sigma_{place}"] = margin.scale
        found[f"nu_{place}"] = margin.df
    for i in range(len(fitted.margins)):
        for j in range(i):
            found[f"rho_{j + 1}_{i + 1}"] = float(tied.correlation[i, j])
    if tied.degrees is not None:
        found["nu"] = tied.degrees
    return found


def gaussian(sample: Sample) -> Prediction:
    """Student t laws of each asset, ranks tied by a Gaussian copula."""
    return _copula(sample, heavy=False)


def t(sample: Sample) -> Prediction:
    """Student t laws of each asset, ranks tied by a t copula, which has joint extremes."""
    return _copula(sample, heavy=True)


MODELS = (
    Model("gaussian-copula", "t laws of each asset, Gaussian copula, simulated", gaussian),
    Model("t-copula", "t laws of each asset, t copula, simulated", t),
)

__all__ = ["MODELS", "Margin", "copula_likelihood", "gaussian", "t"]
