# SPDX-License-Identifier: Apache-2.0
"""Calm and turbulent days that follow one another, with jumps: a Markov chain of two regimes.

Log returns are normal with the spread of the regime of the day, or with a small probability a jump
from a wider law. Fitted by maximum likelihood (EM, then Newton steps on the scores of the days).

Sources: Hamilton, Econometrica 57 (1989); Merton, J. Financial Economics 3 (1976) for the jumps;
Baum, Petrie, Soules and Weiss (1970) for EM.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np
from scipy import special

from perilscope.engines.forecasts import switching_plain
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import Z90, gradient
from perilscope.engines.forecasts.predictive import (
    CONVENTIONS,
    Interval,
    Intervals,
    Model,
    Prediction,
    stretched,
)
from perilscope.engines.forecasts.regime_law import Array, MixedLaw, Regimes, ahead
from perilscope.engines.forecasts.switching_plain import steps_of
from perilscope.engines.forecasts.volatility_models import fitted
from perilscope.engines.volatility import garch
from perilscope.errors import AssessmentError

__all__ = ["MODELS", "MixedLaw", "Regimes", "ahead", "day_scores", "filtered", "fit_regimes"]

LEAST = 100
ROUNDS, STEPS, GAIN = 400, 12, 1e-4
WIDEST = 2.0
"""Jumps are at least so many standard deviations of the whole wide."""
WRONG = 1.65
"""Where volatility does not move by regimes, errors are so many times as large: on days simulated
by GARCH (docs/interval-coverage.md)."""
_DOUBT = (
    "GARCH with t innovations describes these days better: rather believe `garch-t` or `gjr-t`; "
    "the interval is wider for it, and where the days have heavy tails still too narrow"
)
_VAGUE = 2.0
"""Spread of what is believed of a logit before the days are looked at: next to nothing."""


def kernel() -> ModuleType:
    """Where filters are computed: by Numba where `garch.prepare` loaded it, else by NumPy."""
    if garch.kernel().NAME == switching_plain.NAME:
        return switching_plain
    from perilscope.engines.forecasts import switching_compiled

    return switching_compiled


def filtered(x: Array, law: Regimes) -> tuple[Array, Array]:
    """Probabilities of the regimes after each day, and the log density of each day given the past.

    Returns
    -------
    after : array, shape (n, 2)
    logs : array, shape (n,)
    """
    after, logs = kernel().filtered(x, law)
    return after, logs


def day_scores(x: Array, at: Array) -> Array:
    """Slope of the log density of each day given the past in every parameter, shape (n, 8)."""
    return np.asarray(kernel().day_scores(x, at))


def fit_regimes(x: Array) -> tuple[Regimes, float]:
    """Fit two regimes with jumps.

    Parameters
    ----------
    x : array, shape (n,)
        Log returns in percent, in the order of time.

    Returns
    -------
    law : Regimes
        The calmer one first.
    likelihood : float

    Raises
    ------
    AssessmentError
        Fewer than 100 days, or prices that never moved.
    """
    scale = float(x.std())
    if x.size < LEAST:
        raise AssessmentError(f"{x.size} days are too few for two regimes; {LEAST} are needed")
    if scale <= 1e-9 or int(np.unique(x, return_counts=True)[1].max()) * 2 >= x.size:
        raise AssessmentError("half of the days or more did not move: there are no two regimes")
    best: tuple[Regimes, float] | None = None
    for stays in ((0.97, 0.93), (0.99, 0.8)):
        law = Regimes(
            float(x.mean()), 0.6 * scale, 1.4 * scale, *stays, 0.01, float(x.mean()), 3.0 * scale
        )
        found = _polished(x, kernel().climbed(x, law, WIDEST * scale, ROUNDS, GAIN))
        if best is None or found[1] > best[1]:
            best = found
    assert best is not None
    law, height = best
    if law.calm > law.wild:
        law = Regimes(
            law.mu, law.wild, law.calm, law.stay_wild, law.stay_calm, law.jumps, law.jump_mean,
            law.jump_scale,
        )  # fmt: skip
    return law, height


def _polished(x: Array, law: Regimes) -> tuple[Regimes, float]:
    """Newton steps with the scores of the days, halved until the likelihood rises."""
    at = law.coded
    height = float(filtered(x, law)[1].sum())
    for _ in range(STEPS):
        scores = day_scores(x, at)
        step = np.linalg.lstsq(scores, np.ones(len(x)), rcond=1e-6)[0]
        step = np.clip(step, -1.0, 1.0)
        for size in (1.0, 0.5, 0.25, 0.1, 0.02):
            moved = Regimes.of(at + size * step)
            now = float(filtered(x, moved)[1].sum())
            if now > height:
                break
        else:
            break
        at, gained, height = at + size * step, now - height, now
        if gained < 1e-7:
            break
    return Regimes.of(at), height


def regime(sample: Sample) -> Prediction:
    """Calm and turbulent days with jumps, from the regimes of today."""
    x = sample.log_percent
    law, likelihood = fit_regimes(x)
    now = filtered(x, law)[0][-1]
    likelier = cache(lambda: _likelier(sample, likelihood))
    return Prediction(
        ahead(law, now, sample.horizon),
        _interval(sample, law, likelier),
        {
            "mu": law.mu, "sigma_calm": law.calm, "sigma_wild": law.wild,
            "stay_calm": law.stay_calm, "stay_wild": law.stay_wild, "jumps": law.jumps,
            "jump_mean": law.jump_mean, "jump_sigma": law.jump_scale,
            "wild_today": float(now[1]),
        },
        likelihood,
        conventions={
            **CONVENTIONS,
            "mean": "the fitted mean",
            "units": "parameters and likelihood of 100 x log returns of the portfolio",
            "horizon": "exact, over every number of calm, turbulent and jump days",
        },
        remarks=lambda: (_DOUBT,) if likelier() > 0.5 else (),
    )  # fmt: skip


def _covariances(x: Array, at: Array) -> tuple[Array, Array]:
    """Of the parameters, by the observed information: of bends, and of squares of slopes.

    What is known beforehand is next to nothing, but keeps apart what the days do not tell of: jumps
    that hardly ever come, regimes that hardly ever change.
    """
    bend = np.empty((at.size, at.size))
    for place, step in enumerate(steps_of(at).tolist()):
        shift = np.zeros(at.size)
        shift[place] = step
        more, less = (day_scores(x, at + sign * shift).sum(axis=0) for sign in (1.0, -1.0))
        bend[:, place] = (more - less) / (2.0 * step)
    scores = day_scores(x, at)
    vague = np.array([0.0, 0.0, 0.0, _VAGUE, _VAGUE, _VAGUE, 3.0 * float(x.std()), 1.0])
    known = np.diag(np.where(vague > 0.0, vague, np.inf) ** -2.0)
    return _inverse(known - 0.5 * (bend + bend.T)), _inverse(known + scores.T @ scores)


def _inverse(information: Array) -> Array:
    """Flat directions, and those that bend up, left out."""
    roots, basis = np.linalg.eigh(information)
    inverse = np.where(roots > 1e-6 * roots.max(), 1.0 / np.maximum(roots, 1e-300), 0.0)
    return np.asarray((basis * inverse) @ basis.T)


def _likelier(sample: Sample, likelihood: float) -> float:
    """Chance that volatility moves rather as by GARCH(1,1) with t innovations than by regimes.

    By Akaike weights (Burnham and Anderson 2002, section 2.9): five parameters against eight.
    """
    other = fitted(sample.log_percent, student=True, presample=sample.presample)
    return float(special.expit(other.log_likelihood - likelihood + 8.0 - 5.0))


def _interval(
    sample: Sample, law: Regimes, likelier: Callable[[], float]
) -> Callable[[float], Intervals]:
    """By the observed information, the larger error of both, on the logarithm of VaR and of CVaR.

    CVaR hangs on the jumps, and is as uncertain as what so few of them tell, two parameters being
    fitted to them: Student's quantile.
    """
    x, at = sample.log_percent, law.coded

    def measures(p: Array, level: float) -> tuple[float, float]:
        moved = Regimes.of(p)
        found = ahead(moved, filtered(x, moved)[0][-1], sample.horizon)
        return found.var(level), found.cvar(level)

    @cache
    def known() -> tuple[tuple[Array, Array], float]:
        return _covariances(x, at), likelier()

    def interval(level: float) -> Intervals:
        covariances, wrong = known()
        jumps = max(law.jumps * x.size * sample.share - 2.0, 2.0)
        few = float(special.stdtrit(jumps, 0.95)) / Z90
        found = []
        for value, slope, own in zip(
            measures(at, level), gradient(measures, at, steps_of(at), level), (1.0, few),
            strict=True,
        ):  # fmt: skip
            square = max(float(slope @ covariance @ slope) for covariance in covariances)
            error = math.sqrt(max(square, 0.0) / sample.share)
            times = math.sqrt((1.0 - wrong) * own**2 + wrong * WRONG**2)
            found.append(_about(value, Z90 * times * error))
        return found[0], found[1]

    return interval


def _about(value: float, reach: float) -> Interval:
    """On the logarithm, going over into straight lines where the reach is more than the value.

    Examples
    --------
    >>> [round(x, 3) for x in _about(1.0, 0.1)], [round(x, 3) for x in _about(0.0, 1.0)]
    ([0.905, 1.105], [-0.632, 1.718])
    """
    if reach <= abs(value):
        return stretched(value, reach / abs(value)) if reach > 0.0 else (value, value)
    less, more = (1.0 - math.exp(-1.0)) * reach, math.expm1(1.0) * reach
    return (value - less, value + more) if value >= 0.0 else (value - more, value + less)


MODELS = (Model("regime", "calm and turbulent days with jumps (Hamilton 1989)", regime),)
