# SPDX-License-Identifier: Apache-2.0
"""Models of one law without a memory: the history itself, the normal and the Student t law."""

from __future__ import annotations

import math

from perilscope.engines import parametric
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
from perilscope.engines.returns import intervals
from perilscope.errors import AssessmentError

OBSERVED = {**CONVENTIONS, "mean": "returns as observed"}
FITTED = {**CONVENTIONS, "mean": "the fitted mean", "ddof": "0 (maximum likelihood)"}


def historical(sample: Sample) -> Prediction:
    """The moves of the past, all equally likely.

    Examples
    --------
    >>> import numpy as np
    >>> sample = Sample(np.linspace(-0.5, 0.5, 100)[:, None], np.ones(1))
    >>> round(historical(sample).var(0.95), 4)
    0.4495
    """

    def interval(level: float) -> Intervals:
        block = max(2 * sample.horizon, sample.lags)
        return intervals(sample.losses, (level,), sample.seed, block)[0]

    return Prediction(EmpiricalLaw(sample.losses), interval, conventions=OBSERVED)


def normal(sample: Sample) -> Prediction:
    """A normal law with the mean and the standard deviation of the sample."""
    fit = parametric.fit_normal(sample.losses, sample.lags)
    if fit.scale == 0.0:
        raise AssessmentError("the value never moved, so there is no normal law of its losses")
    size = sample.losses.size
    likelihood = -0.5 * size * (math.log(2.0 * math.pi * fit.scale**2) + 1.0)
    return Prediction(
        NormalLaw(fit.location, fit.scale),
        lambda level: fit.intervals(level, -fit.location),
        {"mu": -fit.location, "sigma": fit.scale},
        likelihood,
        conventions=FITTED,
    )


def student(sample: Sample) -> Prediction:
    """A Student t law: location, scale and degrees of freedom by maximum likelihood."""
    fit = parametric.fit_student(sample.losses, sample.lags)
    if fit.scale == 0.0:
        raise AssessmentError("the value never moved, so there is no t law of its losses")
    notes: tuple[str, ...] = ()
    if fit.at_bound:
        notes = (f"degrees of freedom at the bound of {fit.df:.3g}",)
    return Prediction(
        StudentLaw(fit.location, fit.scale, fit.df),
        lambda level: fit.intervals(level, -fit.location),
        {"mu": -fit.location, "sigma": fit.scale, "nu": fit.df},
        fit.likelihood,
        notes=notes,
        conventions=FITTED,
    )


MODELS = (
    Model("historical", "the moves of the past, equally likely", historical),
    Model("normal", "normal law, maximum likelihood", normal),
    Model("t", "Student t law, maximum likelihood", student),
)
