# SPDX-License-Identifier: Apache-2.0
"""Which of several forecasts is best: mean scores, Diebold-Mariano, confidence set, Murphy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.backtests import comparison, scores
from perilscope.engines.backtests.result import Result, checked_level
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.forecasts import Forecasts

Array = NDArray[np.float64]
POINTS = 61


@dataclass(frozen=True)
class Ranking:
    """Forecasters from the best mean score to the worst.

    Parameters
    ----------
    names : tuple of str
    score : str
        ``fz0``, or ``quantile-score`` where some forecast has no CVaR above zero.
    means : tuple of float
    against_best : tuple of Result or None
        Diebold-Mariano of each against the first; None for the first, and where the two score
        alike on every day.
    confidence_set : Result or None
        None for fewer than 20 days.
    """

    names: tuple[str, ...]
    score: str
    means: tuple[float, ...]
    against_best: tuple[Result | None, ...]
    confidence_set: Result | None
    days: int


def common(told: Sequence[Forecasts]) -> tuple[Forecasts, ...]:
    """The days that all of them have, where the losses must be the same.

    Raises
    ------
    MisuseError
        Two of them have the same name, different losses on a day, or no day in common.
    """
    names = [each.name for each in told]
    if len(set(names)) < len(names):
        raise MisuseError(f"two forecasts are called alike: {', '.join(names)}")
    days = sorted(set(told[0].days).intersection(*(each.days for each in told[1:])))
    if not days:
        raise MisuseError(f"{', '.join(names)} have no day in common")
    found = []
    for each in told:
        place = {day: at for at, day in enumerate(each.days)}
        rows = [place[day] for day in days]
        found.append(each.at(rows))
    for each in found[1:]:
        gap = np.abs(each.loss - found[0].loss)
        if np.any(gap > 1e-9 * np.maximum(np.abs(found[0].loss), 1e-12)):
            day = days[int(np.argmax(gap))]
            raise MisuseError(f"{found[0].name} and {each.name} state different losses on {day}")
    return tuple(found)


def scored(told: Sequence[Forecasts], level: float) -> tuple[str, Array]:
    """The score that all of them bear, and its values, shape (days, forecasters)."""
    checked_level(level)
    if all(each.cvar is not None and np.all(each.cvar > 0.0) for each in told):
        columns = [
            scores.fz0(each.loss, each.var, each.cvar, level)
            for each in told
            if each.cvar is not None
        ]
        return "fz0", np.stack(columns, axis=1)
    return "quantile-score", np.stack(
        [scores.pinball(each.loss, each.var, level) for each in told], axis=1
    )


def rank(told: Sequence[Forecasts], level: float, seed: int = 1) -> Ranking:
    """Rank forecasts of the same days.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(300))
    >>> loss = np.random.default_rng(1).standard_normal(300)
    >>> right = Forecasts("right", days, loss, np.full(300, 1.96), np.full(300, 2.34))
    >>> wrong = Forecasts("wrong", days, loss, np.full(300, 5.0), np.full(300, 6.0))
    >>> rank([wrong, right], 0.975).names
    ('right', 'wrong')
    """
    told = common(told)
    score, table = scored(told, level)
    order = np.argsort(table.mean(axis=0), kind="stable")
    table = table[:, order]
    names = tuple(told[at].name for at in order.tolist())
    against: list[Result | None] = [None]
    for column in range(1, table.shape[1]):
        try:
            against.append(comparison.diebold_mariano(table[:, column], table[:, 0]))
        except AssessmentError:
            against.append(None)
    try:
        members = comparison.model_confidence_set(table, names, seed=seed)
    except AssessmentError:
        members = None
    return Ranking(
        names, score, tuple(table.mean(axis=0).tolist()), tuple(against), members, len(table)
    )


def thresholds(told: Sequence[Forecasts]) -> Array:
    """Where Murphy diagrams are drawn: over all that VaR and CVaR were forecast to be."""
    every = np.concatenate(
        [each.var for each in told] + [each.cvar for each in told if each.cvar is not None]
    )
    low, high = float(every.min()), float(every.max())
    reach = 0.05 * (high - low) or 0.5 * abs(high) or 1.0
    return np.linspace(low - reach, high + reach, POINTS)


def murphy(told: Forecasts, level: float, at: Array) -> tuple[Array, Array | None]:
    """Murphy curves of VaR and, where there is CVaR, of the pair."""
    curve = scores.elementary_quantile(told.loss, told.var, level, at)
    if told.cvar is None:
        return curve, None
    return curve, scores.elementary_cvar(told.loss, told.var, told.cvar, level, at)
