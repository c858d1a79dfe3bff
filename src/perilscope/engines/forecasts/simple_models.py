# SPDX-License-Identifier: Apache-2.0
"""Models of one law without a memory: the history itself, normal, Student t, Cornish-Fisher."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import Z90, by_influence, contributions, days, spread
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw, NormalLaw, StudentLaw
from perilscope.engines.forecasts.predictive import CONVENTIONS, Intervals, Model, Prediction
from perilscope.engines.forecasts.tail_intervals import observed
from perilscope.engines.portfolio import parametric
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]

OBSERVED = {**CONVENTIONS, "mean": "returns as observed"}
FITTED = {**CONVENTIONS, "mean": "the fitted mean", "ddof": "0 (maximum likelihood)"}
FAR = 4.0
REPLICATES = 300
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
        return observed(
            sample.losses, level, sample.seed, sample.lags, sample.share,
            clustered=sample.horizon == 1,
        )  # fmt: skip

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
        return observed(
            sample.losses, level, sample.seed, sample.lags, sample.share, weights,
            clustered=sample.horizon == 1,
        )  # fmt: skip

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
    The expansion is a law only where its quantiles rise: the domain of Maillard (2012), here with
    what turns back only beyond four standard deviations (1 in 31,574).

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
        """Whether the quantiles rise between the probabilities of -4 and of 4."""
        s, k = self.skewness, self.kurtosis
        square, one, free = k / 8.0 - s * s / 6.0, s / 3.0, 1.0 - k / 8.0 + 5.0 * s * s / 36.0
        turns = [-FAR, FAR]
        if square > 0.0:
            turns.append(min(max(-one / (2.0 * square), -FAR), FAR))
        return all((square * z + one) * z + free > 0.0 for z in turns)

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

    def interval(level: float) -> Intervals:
        var, cvar = _resampled(sample, level)
        return var, cvar

    return Prediction(
        law,
        interval,
        parameters,
        conventions={**FITTED, "moments": "of the population (divided by n)"},
    )


def expanded(losses: Array, level: float) -> tuple[Array, Array]:
    """VaR and CVaR by the expansion with the moments of samples, and what each loss adds to them.

    Parameters
    ----------
    losses : array, shape (..., n)
    level : float

    Returns
    -------
    figures : array, shape (2, ...)
    influences : array, shape (2, ..., n)

    Examples
    --------
    >>> figures, influences = expanded(np.array([-1.0, 0.0, 0.0, 1.0]), 0.975)
    >>> influences.shape, bool(abs(influences.mean()) < 1e-12)
    ((2, 4), True)
    """
    mean, scale = losses.mean(-1, keepdims=True), losses.std(-1, keepdims=True)
    u = (losses - mean) / scale
    square = u * u
    s, k4 = (square * u).mean(-1, keepdims=True), (square * square).mean(-1, keepdims=True)
    k = k4 - 3.0
    z = float(special.ndtri(level))
    front = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / (1.0 - level)
    cube, five = z**3 - 3.0 * z, 2.0 * z**3 - 5.0 * z
    away = z * z - 1.0, 2.0 * z * z - 1.0
    var = scale * (z + away[0] * s / 6.0 + cube * k / 24.0 - five * s * s / 36.0)
    cvar = scale * front * (1.0 + z * s / 6.0 + away[0] * k / 24.0 - away[1] * s * s / 36.0)
    skew = square * u - s - 3.0 * u - 1.5 * s * (square - 1.0)
    kurt = square * square - k4 - 4.0 * s * u - 2.0 * k4 * (square - 1.0)
    shared = scale * u, 0.5 * (square - 1.0)
    by_var = scale * (away[0] / 6.0 - five * s / 18.0), scale * cube / 24.0
    by_cvar = scale * front * (z / 6.0 - away[1] * s / 18.0), scale * front * away[0] / 24.0
    return np.stack([(mean + var)[..., 0], (mean + cvar)[..., 0]]), np.stack(
        [
            shared[0] + var * shared[1] + by_var[0] * skew + by_var[1] * kurt,
            shared[0] + cvar * shared[1] + by_cvar[0] * skew + by_cvar[1] * kurt,
        ]
    )


def _resampled(sample: Sample, level: float) -> tuple[tuple[float, float], ...]:
    """Studentised bootstrap: fourth moments scatter too crookedly for less."""
    losses = sample.losses
    figures, influences = expanded(losses, level)
    found = []
    rng = stream(sample.seed, "market", "moments")
    drawn = losses[rng.integers(0, losses.size, (REPLICATES, losses.size))]
    again, parts = expanded(drawn, level)
    errors = parts.std(-1) / math.sqrt(losses.size)
    for place, figure in enumerate(figures.tolist()):
        error = spread(influences[place], sample.lags, sample.share, fitted=4)
        wide = float(special.stdtrit(days(influences[place], sample.lags), 0.95)) / Z90
        rates = (again[place] - figure) / np.maximum(errors[place], 1e-300)
        low, high = (np.quantile(rates, [0.05, 0.95]) * error * wide).tolist()
        found.append((min(figure - high, figure), max(figure - low, figure)))
    return tuple(found)


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


HISTORICAL = Model("historical", "the moves of the past, equally likely", historical)
MODELS = (
    HISTORICAL,
    Model("age-weighted", "the same, recent ones likelier (Boudoukh et al. 1998)", age_weighted),
    Model("normal", "normal law, maximum likelihood", normal),
    Model("t", "Student t law, maximum likelihood", student),
    Model(
        "cornish-fisher", "expansion by skewness and kurtosis (Maillard's domain)", cornish_fisher
    ),
)
