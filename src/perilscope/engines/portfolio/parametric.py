# SPDX-License-Identifier: Apache-2.0
"""Normal and Student-t laws of loss, fitted by maximum likelihood, with closed-form measures.

The shape of the loss is learnt from the sample; its mean is not, because a few years of daily
returns say almost nothing about it: it is minus the drift that the caller declares (zero unless
said). Intervals come from the delta method with variances that allow for neighbouring days being
alike (Bartlett weights; Newey and West, Econometrica 55 (1987)).

Sources: McNeil, Frey and Embrechts, *Quantitative Risk Management* (2015), section 2.3 for the
measures; Kent, Tyler and Vardi, Comm. Statist. Simul. 23 (1994) for the fast EM iteration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.errors import AssessmentError, MisuseError

Array = NDArray[np.float64]
Measures = tuple[float, float]
Intervals = tuple[tuple[float, float], tuple[float, float]]

#: Degrees of freedom are sought between these. Below, CVaR is close to infinite; above, normal.
LEAST_DF, MOST_DF = 1.5, 200.0
_Z90 = 1.6448536269514722  # half-width of a 90 % interval in standard errors


def checked(losses: Array, *levels: float) -> Array:
    """Losses as float64, refused when there are none or one is not finite; levels in (0, 1)."""
    for level in levels:
        if not 0.0 < level < 1.0:
            raise MisuseError(f"a level must lie between 0 and 1, like 0.99; not {level}")
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise AssessmentError("there are no losses to measure; more history is needed")
    if not np.all(np.isfinite(values)):
        raise AssessmentError("a loss is not a finite number")
    return values


def _long_run(scores: Array, lags: int) -> Array:
    """Variance of the mean of correlated rows (n, k), times n, with Bartlett weights."""
    size = scores.shape[0]
    centred = scores - scores.mean(axis=0)
    total: Array = np.asarray(np.einsum("ti,tj->ij", centred, centred)) / size
    for lag in range(1, min(lags, size - 1) + 1):
        cross = np.asarray(np.einsum("ti,tj->ij", centred[lag:], centred[:-lag])) / size
        total = total + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return np.asarray(total)


def _around(centre: float, reach: float, error: float) -> tuple[float, float]:
    """Interval of ``centre + reach``: 90 % for the logarithm of the reach, so that it stays > 0."""
    wide = math.exp(_Z90 * error)
    return centre + reach / wide, centre + reach * wide


@dataclass(frozen=True)
class NormalFit:
    """A normal law of loss: sample mean, maximum-likelihood standard deviation, its error.

    Parameters
    ----------
    location, scale : float
        In the unit of the losses.
    scale_error : float
        Standard error of the logarithm of ``scale``.

    Examples
    --------
    >>> [round(x, 6) for x in NormalFit(0.0, 1.0, 0.0).measures(0.975)]  # the density over 2.5 %
    [1.959964, 2.337803]
    """

    location: float
    scale: float
    scale_error: float

    def measures(self, level: float, drift: float = 0.0) -> Measures:
        """VaR and CVaR when the expected gain is ``drift``."""
        z = float(special.ndtri(level))
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        return -drift + self.scale * z, -drift + self.scale * density / (1.0 - level)

    def intervals(self, level: float, drift: float = 0.0) -> Intervals:
        """90 % intervals of VaR and CVaR from the uncertainty of the scale alone."""
        var, cvar = self.measures(level, drift)
        return (
            _around(-drift, var + drift, self.scale_error),
            _around(-drift, cvar + drift, self.scale_error),
        )


def fit_normal(losses: Array, lags: int = 10) -> NormalFit:
    """Fit a normal law.

    Parameters
    ----------
    losses : array, shape (n,)
        In the order of time.
    lags : int
        How many days apart losses may still be alike; at least the length of an overlap.

    Examples
    --------
    >>> fit_normal(np.array([1.0, -1.0, 1.0, -1.0]), lags=0).scale
    1.0
    """
    values = checked(losses)
    location = float(values.mean())
    squares = (values - location) ** 2
    variance = float(squares.mean())
    if variance == 0.0:
        return NormalFit(location, 0.0, 0.0)
    spread = max(float(_long_run(squares[:, None], lags)[0, 0]), 0.0)
    return NormalFit(
        location, math.sqrt(variance), math.sqrt(spread / values.size) / (2.0 * variance)
    )


def normal(losses: Array, level: float, drift: float = 0.0) -> Measures:
    """VaR and CVaR of a normal law with the sample's standard deviation.

    Parameters
    ----------
    losses : array, shape (n,)
    level : float
    drift : float
        Expected gain over the same days, in the unit of the losses; 0 unless declared.

    Returns
    -------
    var, cvar : float

    Examples
    --------
    >>> var, cvar = normal(np.array([1.0, -1.0, 1.0, -1.0]), 0.99)
    >>> round(var, 6), round(cvar, 6)
    (2.326348, 2.665214)
    """
    checked(losses, level)
    return fit_normal(losses).measures(level, drift)


@dataclass(frozen=True)
class StudentFit:
    """A Student-t law of loss fitted by maximum likelihood.

    Parameters
    ----------
    location, scale : float
        In the unit of the losses; the standard deviation is ``scale * sqrt(df / (df - 2))``.
    df : float
        Degrees of freedom, between `LEAST_DF` and `MOST_DF`.
    likelihood : float
        Logarithm of the likelihood at the maximum.
    covariance : tuple
        Of (log scale, df): three numbers, variance, covariance, variance.
    """

    location: float
    scale: float
    df: float
    likelihood: float
    covariance: tuple[float, float, float]

    @property
    def at_bound(self) -> bool:
        """Whether the degrees of freedom lie at the end of what is allowed."""
        return not LEAST_DF * 1.001 < self.df < MOST_DF * 0.999

    def measures(self, level: float, drift: float = 0.0) -> Measures:
        """VaR and CVaR when the expected gain is ``drift``."""
        var, cvar = student_measures(level, self.df)
        return -drift + self.scale * var, -drift + self.scale * cvar

    def intervals(self, level: float, drift: float = 0.0) -> Intervals:
        """90 % intervals of VaR and CVaR by the delta method on the logarithm of their reach."""
        step = 1e-4 * self.df
        low, high = student_measures(level, self.df - step), student_measures(level, self.df + step)
        found = []
        for unit, less, more in zip(student_measures(level, self.df), low, high, strict=True):
            slope = (more - less) / (2.0 * step) / unit if unit else 0.0
            ss, sd, dd = self.covariance
            error = math.sqrt(max(ss + 2.0 * slope * sd + slope * slope * dd, 0.0))
            found.append(_around(-drift, self.scale * unit, error))
        return found[0], found[1]


def student_measures(level: float, df: float) -> Measures:
    """VaR and CVaR of the standard Student-t law with more than one degree of freedom.

    Examples
    --------
    >>> [round(x, 6) for x in student_measures(0.99, 4.0)]
    [3.746947, 5.220584]
    """
    if not df > 1.0:
        raise AssessmentError(f"CVaR of a t law with {df} degrees of freedom does not exist")
    q = float(special.stdtrit(df, level))
    front = special.gammaln((df + 1.0) / 2.0) - special.gammaln(df / 2.0)
    log_density = front - 0.5 * math.log(df * math.pi) - (df + 1.0) / 2.0 * math.log1p(q * q / df)
    cvar = math.exp(float(log_density)) / (1.0 - level) * (df + q * q) / (df - 1.0)
    return q, cvar


def _settle(x: Array, df: float, m: float, s: float) -> tuple[float, float]:
    """Location and scale that maximise the likelihood for given degrees of freedom (EM)."""
    for _ in range(500):
        weight = (df + 1.0) / (df + ((x - m) / s) ** 2)
        total = float(weight.sum())
        centre = float((weight * x).sum()) / total
        # divided by the weights and not by n: same fixed point, several times fewer steps
        scale = math.sqrt(float((weight * (x - centre) ** 2).sum()) / total)
        moved = abs(centre - m) + abs(scale - s)
        m, s = centre, scale
        if moved <= 1e-11 * s:
            break
    return m, s


def _likelihood(x: Array, df: float, m: float, s: float) -> float:
    front = float(special.gammaln((df + 1.0) / 2.0) - special.gammaln(df / 2.0))
    front -= 0.5 * math.log(df * math.pi) + math.log(s)
    tail = float(np.log1p(((x - m) / s) ** 2 / df).sum())
    return x.size * front - (df + 1.0) / 2.0 * tail


class _Profile:
    """The likelihood as a function of log df alone; each search starts where the last ended."""

    def __init__(self, x: Array) -> None:
        self.x = x
        self.m, self.s = float(np.median(x)), float(x.std())

    def __call__(self, log_df: float) -> float:
        df = math.exp(log_df)
        self.m, self.s = _settle(self.x, df, self.m, self.s)
        return _likelihood(self.x, df, self.m, self.s)


def _peak(profile: _Profile) -> float:
    """The log df of the highest likelihood: a coarse look, then Brent's method."""
    grid = np.linspace(math.log(LEAST_DF), math.log(MOST_DF), 12).tolist()
    heights = [profile(at) for at in grid]
    best = heights.index(max(heights))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    from scipy import optimize  # heavy, and most runs fit no t law

    found = optimize.minimize_scalar(
        lambda at: -profile(float(at)), bounds=(low, high), method="bounded",
        options={"xatol": 1e-8},
    )  # fmt: skip
    return float(found.x)


def scores(x: Array, m: float, log_s: float, df: float) -> Array:
    """Derivatives of the log density by location, log scale and df, shape (n, 3)."""
    s = math.exp(log_s)
    z = (x - m) / s
    weight = (df + 1.0) / (df + z * z)
    by_df = 0.5 * (
        float(special.psi((df + 1.0) / 2.0) - special.psi(df / 2.0))
        - 1.0 / df
        - np.log1p(z * z / df)
        + weight * z * z / df
    )
    return np.stack([weight * z / s, weight * z * z - 1.0, by_df], axis=1)


def _covariance(x: Array, m: float, s: float, df: float, lags: int) -> tuple[float, float, float]:
    """Sandwich covariance of (log scale, df); df counts as known where it lies at a bound."""
    at = np.array([m, math.log(s), df])
    steps = (1e-5 * s, 1e-5, 1e-5 * df)
    hessian = np.empty((3, 3))
    for row, step in enumerate(steps):
        shift = np.zeros(3)
        shift[row] = step
        more, less = scores(x, *(at + shift)), scores(x, *(at - shift))
        hessian[row] = (more.mean(axis=0) - less.mean(axis=0)) / (2.0 * step)
    free = [0, 1, 2] if LEAST_DF * 1.001 < df < MOST_DF * 0.999 else [0, 1]
    inner = np.ix_(free, free)
    bread = np.linalg.inv(hessian[inner])
    meat = _long_run(scores(x, m, math.log(s), df)[:, free], lags)
    law = np.einsum("ij,jk,lk->il", bread, meat, bread) / x.size
    if len(free) == 2:
        return float(law[1, 1]), 0.0, 0.0
    return float(law[1, 1]), float(law[1, 2]), float(law[2, 2])


def fit_student(losses: Array, lags: int = 10) -> StudentFit:
    """Fit location, scale and degrees of freedom of a Student-t law by maximum likelihood.

    Parameters
    ----------
    losses : array, shape (n,)
        In the order of time.
    lags : int
        How many days apart losses may still be alike; at least the length of an overlap.

    Raises
    ------
    AssessmentError
        If there are fewer than 10 losses, or half of them are the same: the likelihood then has
        no maximum.

    Examples
    --------
    >>> quantiles = special.stdtrit(4.0, (np.arange(2000) + 0.5) / 2000)
    >>> fit = fit_student(3.0 * quantiles, lags=0)
    >>> round(fit.scale, 1), round(fit.df)
    (3.0, 4)
    """
    values = checked(losses)
    if values.size < 10:
        raise AssessmentError(f"{values.size} losses are too few to fit a t law; 10 are needed")
    if float(values.min()) == float(values.max()):
        return StudentFit(float(values[0]), 0.0, MOST_DF, math.inf, (0.0, 0.0, 0.0))
    if int(np.unique(values, return_counts=True)[1].max()) * 2 >= values.size:
        raise AssessmentError(
            "half of the losses or more are the same number, so a t law cannot be fitted; use the "
            "historical method"
        )
    # in units of the spread, so that the search does not depend on the currency
    centre, spread = float(np.median(values)), float(values.std())
    x = (values - centre) / spread
    profile = _Profile(x)
    df = math.exp(_peak(profile))
    m, s = _settle(x, df, profile.m, profile.s)
    likelihood = _likelihood(x, df, m, s) - values.size * math.log(spread)
    return StudentFit(
        centre + spread * m, spread * s, df, likelihood, _covariance(x, m, s, df, lags)
    )


def student(losses: Array, level: float, drift: float = 0.0) -> Measures:
    """VaR and CVaR of a Student-t law fitted by maximum likelihood.

    Parameters
    ----------
    losses : array, shape (n,)
    level : float
    drift : float
        Expected gain over the same days, in the unit of the losses; 0 unless declared.

    Returns
    -------
    var, cvar : float

    Raises
    ------
    MisuseError, AssessmentError
        As `fit_student` and for a level out of range.
    """
    checked(losses, level)
    return fit_student(losses).measures(level, drift)
