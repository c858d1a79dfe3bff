# SPDX-License-Identifier: Apache-2.0
"""Models of one law without a memory: the history itself, normal, Student t, Cornish-Fisher."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines import parametric
from perilscope.engines.influence import by_influence, contributions
from perilscope.engines.predictive import (
    CONVENTIONS,
    EmpiricalLaw,
    Intervals,
    Model,
    NormalLaw,
    Prediction,
    Sample,
    StudentLaw,
)
from perilscope.engines.tail_intervals import observed
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]

OBSERVED = {**CONVENTIONS, "mean": "returns as observed"}
FITTED = {**CONVENTIONS, "mean": "the fitted mean", "ddof": "0 (maximum likelihood)"}
DECAY = 0.99
"""Weight of a day against the next one; Boudoukh, Richardson and Whitelaw show 0.97 and 0.99."""


def historical(sample: Sample) -> Prediction:
    """The moves of the past, all equally likely.

    Examples
    --------
    >>> sample = Sample(np.linspace(-0.5, 0.5, 100)[:, None], np.ones(1))
    >>> round(historical(sample).var(0.95), 4)
    0.4495
    """

    def interval(level: float) -> Intervals:
        return observed(sample.losses, level, sample.seed, sample.lags, sample.share)

    return Prediction(EmpiricalLaw(sample.losses), interval, conventions=OBSERVED)


def age_weights(size: int, decay: float = DECAY) -> Array:
    """Weights that fall by ``decay`` with each day back, summing to 1.

    Examples
    --------
    >>> age_weights(3, 0.5).round(4).tolist()
    [0.1429, 0.2857, 0.5714]
    """
    weights = decay ** np.arange(size - 1, -1, -1, dtype=np.float64)
    return np.asarray(weights / weights.sum())


def age_weighted(sample: Sample) -> Prediction:
    """The moves of the past, recent ones likelier.

    Source: Boudoukh, Richardson and Whitelaw, "The best of both worlds", Risk 11 (1998).
    """
    weights = age_weights(sample.windows)

    def interval(level: float) -> Intervals:
        return observed(sample.losses, level, sample.seed, sample.lags, sample.share, weights)

    worth = 1.0 / float(weights @ weights)
    return Prediction(
        EmpiricalLaw(sample.losses, weights),
        interval,
        {"decay": DECAY},
        effective=sample.share * worth / sample.horizon,
        conventions=OBSERVED,
    )


def normal(sample: Sample) -> Prediction:
    """A normal law with the mean and the standard deviation of the sample."""
    losses = sample.losses
    mean, scale = float(losses.mean()), float(losses.std())
    if scale <= 1e-12:
        raise AssessmentError("the value never moved, so there is no normal law of its losses")
    likelihood = -0.5 * losses.size * (math.log(2.0 * math.pi * scale**2) + 1.0)
    away = losses - mean
    influences = np.stack([away, (away**2 - scale**2) / (2.0 * scale**2)], axis=1)
    return Prediction(
        NormalLaw(mean, scale),
        by_influence(
            lambda p, level: _both(NormalLaw(float(p[0]), math.exp(float(p[1]))), level),
            np.array([mean, math.log(scale)]),
            np.array([1e-4 * scale, 1e-4]),
            influences,
            sample.lags,
            sample.share,
            mean,
        ),
        {"mu": -mean, "sigma": scale},
        likelihood,
        conventions=FITTED,
    )


def _both(law: NormalLaw | StudentLaw | CornishFisherLaw, level: float) -> tuple[float, float]:
    return law.var(level), law.cvar(level)


def student(sample: Sample) -> Prediction:
    """A Student t law: location, scale and degrees of freedom by maximum likelihood."""
    losses = sample.losses
    if float(losses.std()) <= 1e-12:
        raise AssessmentError("the value never moved, so there is no t law of its losses")
    fit = parametric.fit_student(losses, sample.lags)
    notes: tuple[str, ...] = ()
    if fit.at_bound:
        notes = (f"degrees of freedom at the bound of {fit.df:.3g}",)
    at = np.array([fit.location, math.log(fit.scale), fit.df])
    steps = np.array([1e-5 * fit.scale, 1e-5, 1e-4 * fit.df])
    return Prediction(
        StudentLaw(fit.location, fit.scale, fit.df),
        by_influence(
            lambda p, level: _both(
                StudentLaw(float(p[0]), math.exp(float(p[1])), float(p[2])), level
            ),
            at,
            steps,
            student_influences(losses, fit),
            sample.lags,
            sample.share,
            fit.location,
        ),
        {"mu": -fit.location, "sigma": fit.scale, "nu": fit.df},
        fit.likelihood,
        notes=notes,
        conventions=FITTED,
    )


def student_influences(losses: Array, fit: parametric.StudentFit) -> Array:
    """Influence of each loss on location, log scale and degrees of freedom, shape (n, 3).

    Degrees of freedom at a bound count as known.
    """
    at = np.array([fit.location, math.log(fit.scale), fit.df])
    slope = np.empty((3, 3))
    for place, step in enumerate((1e-5 * fit.scale, 1e-5, 1e-5 * fit.df)):
        shift = np.zeros(3)
        shift[place] = step
        more = parametric.scores(losses, *(at + shift)).mean(axis=0)
        less = parametric.scores(losses, *(at - shift)).mean(axis=0)
        slope[:, place] = (more - less) / (2.0 * step)
    scores = parametric.scores(losses, *at)
    if not fit.at_bound:
        return contributions(scores, slope)
    free = contributions(scores[:, :2], slope[:2, :2])
    return np.column_stack([free, np.zeros(losses.size)])


# --- Cornish-Fisher -------------------------------------------------------------------------------


@dataclass(frozen=True)
class CornishFisherLaw:
    """Quantiles of the fourth-order expansion about a normal law.

    Parameters
    ----------
    location, scale : float
    skewness, kurtosis : float
        Of the losses; kurtosis beyond that of the normal law.

    Notes
    -----
    Quantile: z + (z^2 - 1) s / 6 + (z^3 - 3z) k / 24 - (2z^3 - 5z) s^2 / 36. CVaR is the mean
    of the quantiles beyond the level (Boudt, Peterson and Croux, J. Risk 11 (2008), integrated).
    The expansion is a law only where its quantiles rise (Maillard 2012, equation 6).

    Examples
    --------
    >>> law = CornishFisherLaw(0.0, 1.0, 0.0, 0.0)
    >>> round(law.var(0.975), 6), round(law.cvar(0.975), 6), law.valid
    (1.959964, 2.337803, True)
    >>> CornishFisherLaw(0.0, 1.0, 0.5, 12.0).valid
    False
    """

    location: float
    scale: float
    skewness: float
    kurtosis: float

    @property
    def valid(self) -> bool:
        """Whether the quantiles rise everywhere."""
        s, k = self.skewness, self.kurtosis
        square, one, free = k / 8.0 - s * s / 6.0, s / 3.0, 1.0 - k / 8.0 + 5.0 * s * s / 36.0
        if square < 0.0 or free <= 0.0:
            return False
        return one * one <= 4.0 * square * free

    def _unit(self, z: Array) -> Array:
        s, k = self.skewness, self.kurtosis
        return np.asarray(
            z
            + (z**2 - 1.0) * s / 6.0
            + (z**3 - 3.0 * z) * k / 24.0
            - (2.0 * z**3 - 5.0 * z) * s * s / 36.0
        )

    def var(self, level: float) -> float:
        """Quantile of the expansion."""
        return self.location + self.scale * float(self._unit(special.ndtri(level)))

    def cvar(self, level: float) -> float:
        """Mean of the quantiles beyond the level."""
        z = float(special.ndtri(level))
        front = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / (1.0 - level)
        s, k = self.skewness, self.kurtosis
        inner = 1.0 + z * s / 6.0 + (z * z - 1.0) * k / 24.0 - (2.0 * z * z - 1.0) * s * s / 36.0
        return self.location + self.scale * front * inner

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much."""
        grid = np.linspace(-12.0, 12.0, 24_001)
        unit = (np.asarray(losses) - self.location) / self.scale
        return np.asarray(special.ndtr(np.interp(unit, self._unit(grid), grid)))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses."""
        return self.location + self.scale * self._unit(rng.standard_normal(count))


def cornish_fisher(sample: Sample) -> Prediction:
    """The Cornish-Fisher expansion with the moments of the sample, where it is a law.

    Where it is none, the Student t law is taken and the note says so; the figures of the formula
    stay among the parameters.
    """
    losses = sample.losses
    mean, scale = float(losses.mean()), float(losses.std())
    if scale <= 1e-12:
        raise AssessmentError("the value never moved, so it has no moments to expand about")
    unit = (losses - mean) / scale
    skewness, kurtosis = float((unit**3).mean()), float((unit**4).mean()) - 3.0
    law = CornishFisherLaw(mean, scale, skewness, kurtosis)
    parameters = {
        "mu": -mean,
        "sigma": scale,
        "skewness": -skewness,
        "excess_kurtosis": kurtosis,
        "valid": float(law.valid),
    }
    if not law.valid:
        return _fallen_back(sample, parameters)
    first = unit
    second = 0.5 * (unit**2 - 1.0)
    third = unit**3 - skewness - 3.0 * unit - 1.5 * skewness * (unit**2 - 1.0)
    fourth = (
        unit**4 - (kurtosis + 3.0) - 4.0 * skewness * unit - 2.0 * (kurtosis + 3.0) * (unit**2 - 1)
    )
    influences = np.stack([scale * first, second, third, fourth], axis=1)

    def measures(p: Array, level: float) -> tuple[float, float]:
        moved = CornishFisherLaw(float(p[0]), math.exp(float(p[1])), float(p[2]), float(p[3]))
        return _both(moved, level)

    return Prediction(
        law,
        by_influence(
            measures,
            np.array([mean, math.log(scale), skewness, kurtosis]),
            np.array([1e-4 * scale, 1e-4, 1e-4, 1e-4]),
            influences,
            sample.lags,
            sample.share,
            mean,
        ),
        parameters,
        conventions={**FITTED, "moments": "of the population (divided by n)"},
    )


def _fallen_back(sample: Sample, parameters: dict[str, float]) -> Prediction:
    found = student(sample)
    note = (
        f"skewness {parameters['skewness']:.2f} and excess kurtosis "
        f"{parameters['excess_kurtosis']:.1f} lie where the expansion is no law (its quantiles do "
        "not rise): the Student t law is shown instead"
    )
    return Prediction(
        found.law,
        found.interval_at,
        {**parameters, **{f"t_{name}": value for name, value in found.parameters.items()}},
        found.log_likelihood,
        notes=(note, *found.notes),
        conventions={**FITTED, "fallback": "Student t"},
    )


MODELS = (
    Model("historical", "the moves of the past, equally likely", historical),
    Model("age-weighted", "the same, recent ones likelier (Boudoukh et al. 1998)", age_weighted),
    Model("normal", "normal law, maximum likelihood", normal),
    Model("t", "Student t law, maximum likelihood", student),
    Model(
        "cornish-fisher", "expansion by skewness and kurtosis (Maillard's domain)", cornish_fisher
    ),
)
