# SPDX-License-Identifier: Apache-2.0
"""A model's forecasts day after day, each from the days before it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.history import LEAST, Sample
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw, Law, NormalLaw, StudentLaw
from perilscope.engines.forecasts.predictive import Model, checked_level
from perilscope.errors import AssessmentError, MisuseError

Array = NDArray[np.float64]

WINDOW = 365
"""Daily returns that each forecast is fitted to."""
DAYS = 365


@dataclass(frozen=True, eq=False)
class Rolled:
    """One-day forecasts and what came.

    Parameters
    ----------
    days : array of int, shape (n,)
        Rows of the returns that were forecast.
    loss, var, cvar, pit : arrays, shape (n,)
        Shares of the value, losses positive; ``pit`` is the probability the forecast gave to a loss
        no larger than the one that came.
    mean, sd : arrays, shape (n,), or None
        Of the forecast laws, where all of them are normal or Student laws that have both.
    failed : tuple of (int, str)
        Rows on which the model gave no forecast, and why.
    """

    days: NDArray[np.int64]
    loss: Array
    var: Array
    cvar: Array
    pit: Array
    mean: Array | None
    sd: Array | None
    failed: tuple[tuple[int, str], ...] = ()


def rolled(
    model: Model,
    sample: Sample,
    level: float,
    days: int = DAYS,
    window: int = WINDOW,
    *,
    at_once: bool = False,
) -> Rolled:
    """Forecast the loss of today's holdings on each of the last days, from the days before it.

    Parameters
    ----------
    model : Model
    sample : Sample
        Daily returns, ``T >= window + days``, and what is held today.
    level : float
    at_once : bool
        Make GARCH fits of all days together where that can be done: quick with compiled
        likelihoods, slow without.

    Raises
    ------
    MisuseError
        Too short a window, or no day to forecast.
    AssessmentError
        Too few returns; or the model failed on more than a tenth of the days.

    Examples
    --------
    >>> from perilscope.engines.forecasts.models import named
    >>> moves = 0.02 * np.random.default_rng(1).standard_normal((400, 1))
    >>> found = rolled(named("normal"), Sample(moves, np.ones(1)), 0.975, 100, 250)
    >>> found.var.shape, bool(0.03 < found.var.mean() < 0.05), found.sd is not None
    ((100,), True, True)
    """
    checked_level(level)
    if window < LEAST or days < 1:
        raise MisuseError(f"a window of at least {LEAST} days, and at least one day to forecast")
    size = len(sample.returns)
    if size < window + days:
        raise AssessmentError(
            f"{size:,} daily returns are fewer than a window of {window} and {days} days "
            "to forecast: give more history, or ask for fewer days"
        )
    loss_of = -sample.daily
    rows: list[int] = []
    found: list[tuple[float, float, float, float, float]] = []
    failed: list[tuple[int, str]] = []
    if at_once:
        _foreseen(model.name, sample, days, window)
    for row in range(size - days, size):
        try:
            law = model.fit(sample.cut(slice(row - window, row))).law
            told = (
                law.var(level),
                law.cvar(level),
                whereabouts(law, float(loss_of[row])),
                *_two(law),
            )
        except AssessmentError as error:
            failed.append((row, str(error)))
            continue
        rows.append(row)
        found.append(told)
    if len(failed) > days / 10:
        row, why = failed[0]
        raise AssessmentError(f"no forecast on {len(failed)} of {days} days; the first: {why}")
    table = np.array(found)
    known = bool(np.all(np.isfinite(table[:, 3:])))
    at = np.array(rows, dtype=np.int64)
    return Rolled(
        at,
        loss_of[at],
        table[:, 0],
        # rounding may leave the mean beyond VaR a hair below it
        np.maximum(table[:, 1], table[:, 0]),
        table[:, 2],
        table[:, 3] if known else None,
        table[:, 4] if known else None,
        tuple(failed),
    )


def _foreseen(name: str, sample: Sample, days: int, window: int) -> None:
    """Fits of all days that have one; a day whose returns no model takes is left to the model."""
    from perilscope.engines.forecasts.garch_ahead import (
        fit_ahead,  # most runs have no model that it fits
    )

    try:
        fit_ahead(
            name,
            [
                sample.cut(slice(row - window, row))
                for row in range(len(sample.returns) - days, len(sample.returns))
            ],
        )
    except AssessmentError:
        return


def whereabouts(law: Law, loss: float) -> float:
    """Probability of no larger a loss; a sample of n knows no finer than half of 1 / (n + 1)."""
    u = float(law.cdf(np.array([loss]))[0])
    if isinstance(law, EmpiricalLaw):
        least = 0.5 / (law.losses.size + 1.0)
        return min(max(u, least), 1.0 - least)
    return min(max(u, 0.0), 1.0)


def _two(law: Law) -> tuple[float, float]:
    """Mean and standard deviation of a normal or Student law; NaN where they are not known."""
    if isinstance(law, NormalLaw):
        return law.location, law.scale
    if isinstance(law, StudentLaw) and law.df > 2.05:
        return law.location, law.scale * float(np.sqrt(law.df / (law.df - 2.0)))
    return float("nan"), float("nan")
