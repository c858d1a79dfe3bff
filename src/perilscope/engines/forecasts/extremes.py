# SPDX-License-Identifier: Apache-2.0
"""Losses as they were up to a threshold and of a generalised Pareto law beyond: VaR and CVaR.

Source: McNeil and Frey, J. Empirical Finance 7 (2000), equations 8 to 16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.clustering import Alike
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.pareto import (
    LOWEST,
    ParetoFit,
    fit_pareto,
    misfit,
    pareto_posterior,
    tail_measures,
)
from perilscope.engines.forecasts.predictive import CONVENTIONS, Model, Prediction
from perilscope.engines.forecasts.tail_intervals import Intervals, alike, observed, stretched
from perilscope.engines.portfolio import returns
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = NDArray[np.float64]

SHARE = 0.1
"""Share of the losses that lies beyond the threshold (McNeil and Frey take a tenth)."""
LEAST = 20
HEAVY = 0.6
_NODES = 7
_Z90 = 1.6448536269514722


@dataclass(frozen=True, eq=False)
class TailLaw:
    """Given losses up to a threshold, a generalised Pareto law beyond.

    Parameters
    ----------
    losses : array, shape (n,)
    threshold : float
    xi, beta : float

    Examples
    --------
    An exponential tail of mean 2 beyond the tenth of losses above 9: VaR at 95 % is 9 + 2 ln 2.

    >>> law = TailLaw(np.arange(1.0, 11.0), 9.0, 0.0, 2.0)
    >>> round(law.share, 9), round(law.var(0.95), 9), round(law.cvar(0.95), 9)
    (0.1, 10.386294361, 12.386294361)
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


def _share_error(sample: Sample, law: TailLaw, tied: Alike) -> float:
    """Relative standard error of the share beyond the threshold."""
    count = sample.losses.size * sample.share / tied.share
    return math.sqrt((1.0 - law.share) / (law.share * count))


def _beyond(sample: Sample, law: TailLaw, fit: ParetoFit, level: float, tied: Alike) -> Intervals:
    """What 90 % of the chance of shares, shapes and scales lies between."""
    losses = sample.losses
    excesses = losses[losses > law.threshold] - law.threshold
    # how alike excesses are when it is known how many there are
    mean, spread = float(excesses.mean()), float(excesses.var())
    known = mean**2 * (1.0 - law.share)
    sizes = max((tied.excess * (spread + known) - tied.share * known) / spread, 1.0)
    xi, beta, chance = pareto_posterior(excesses, fit, sample.share / sizes)
    error = _share_error(sample, law, tied)
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
    # VaR lies among losses that were seen, and hardly asks what law they are of
    times = math.sqrt(misfit(excesses, fit, law.share / (1.0 - level)))
    return found[0], stretched(law.cvar(level), found[1], times)


def evt(sample: Sample) -> Prediction:
    """Peaks over threshold: the largest tenth of the losses by a generalised Pareto law.

    The threshold counts as chosen; the interval has the error of the share beyond it, and of shape
    and scale by their posterior, which is skew where a straight line from the maximum is not.
    """
    losses = sample.losses
    law, fit = tail_law(losses)

    def interval(level: float) -> Intervals:
        tied = alike(losses, law.threshold, sample.lags, clustered=sample.horizon == 1)
        error = _share_error(sample, law, tied)
        if (1.0 - level) * math.exp(_Z90 * error) < law.share:
            return _beyond(sample, law, fit, level, tied)
        # VaR may well lie among the losses that are taken as they are
        plain = observed(
            losses, level, sample.seed, sample.lags, sample.share, clustered=sample.horizon == 1
        )
        if 1.0 - level > law.share * (1.0 + 1e-9):
            return plain
        both = zip(plain, _beyond(sample, law, fit, level, tied), strict=True)
        var, cvar = ((min(one[0], two[0]), max(one[1], two[1])) for one, two in both)
        return var, cvar

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
