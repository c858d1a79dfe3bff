# SPDX-License-Identifier: Apache-2.0
"""Which model to believe, decided again and again from what each foretold: champion and change.

The rule, on every day of decision, from the days up to it and no later:

* a model whose bet (e-process of CVaR) reached `ALARM` within the memory is out;
* of the others the champion stays, unless one has a lower mean FZ0 over the memory and Diebold and
  Mariano's p-value of the difference is at most `SURE`, or the champion itself is out.

So the champion changes for evidence and not for noise, and every change says why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.backtests import comparison, sequential
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.forecasts import Forecasts
from perilscope.monitoring.ranking import common, scored

Array = NDArray[np.float64]

MEMORY = 250
LEAST = 60
"""Days before the first decision."""
EVERY = 7
ALARM = 20.0
SURE = 0.10


@dataclass(frozen=True)
class Change:
    """A change of champion."""

    on: date
    champion: str
    before: str
    why: str


@dataclass(frozen=True)
class Played:
    """What came of a tournament.

    Parameters
    ----------
    names : tuple of str
    score : str
    champion : str
        After the last day.
    changes : tuple of Change
        The first is the choice of the first champion.
    reigned : tuple of str
        The champion that spoke for each day after the first decision, chosen before it.
    means : mapping-like tuple of float
        Mean score of each model over the days on which a champion reigned.
    champions_mean : float
        The same of whoever was champion.
    out : tuple of str
        Models that an alarm excludes after the last day.
    """

    names: tuple[str, ...]
    score: str
    champion: str
    changes: tuple[Change, ...]
    reigned: tuple[str, ...]
    means: tuple[float, ...]
    champions_mean: float
    out: tuple[str, ...]


def _alarmed(told: Forecasts, level: float, start: int, stop: int) -> bool:
    """Whether the bet against a model reached the alarm within a stretch of days."""
    part = told.at(range(start, stop))
    log_wealth = sequential.e_process(part.loss, part.var, part.cvar, level)[0]
    return bool(log_wealth.max() >= math.log(ALARM))


def _better(table: Array, one: int, two: int) -> float:
    """p-value of the difference of mean scores; 1 where they score alike."""
    try:
        return comparison.diebold_mariano(table[:, one], table[:, two]).p_value or 0.0
    except AssessmentError:
        return 1.0


def _decided(table: Array, out: Sequence[bool], champion: int) -> tuple[int, str]:
    """The champion after these days, and why it is another one; empty where it is not."""
    mean = table.mean(axis=0)
    fit = [k for k in range(len(mean)) if not out[k]] or list(range(len(mean)))
    best = min(fit, key=lambda k: float(mean[k]))
    if champion < 0:
        return best, f"lowest mean score, {mean[best]:.4g}"
    if champion not in fit:
        return best, f"the bet against the champion reached {ALARM:g}"
    if best != champion:
        p = _better(table, best, champion)
        if p <= SURE:
            return best, f"mean score {mean[best]:.4g} against {mean[champion]:.4g}, p = {p:.3g}"
    return champion, ""


def play(
    told: Sequence[Forecasts],
    level: float,
    memory: int = MEMORY,
    least: int = LEAST,
    every: int = EVERY,
) -> Played:
    """Walk through the days and choose a champion from what was known on each.

    Raises
    ------
    MisuseError
        Fewer than two models; different losses.
    AssessmentError
        Fewer days than the first decision needs.

    Examples
    --------
    >>> from datetime import timedelta
    >>> days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(200))
    >>> loss = np.random.default_rng(1).standard_normal(200)
    >>> right = Forecasts("right", days, loss, np.full(200, 1.96), np.full(200, 2.34))
    >>> low = Forecasts("low", days, loss, np.full(200, 0.5), np.full(200, 0.6))
    >>> found = play([low, right], 0.975)
    >>> found.champion, found.out
    ('right', ('low',))
    """
    if len(told) < 2:
        raise MisuseError("a tournament needs at least two models")
    told = common(told)
    score, table = scored(told, level)
    days = len(table)
    if days <= least:
        raise AssessmentError(f"{days} common days: the first decision comes after {least}")
    names = tuple(each.name for each in told)
    champion, changes = -1, []
    reigned: list[int] = []
    out = [False] * len(told)
    for now in range(least, days + 1):
        if (now - least) % every == 0 or now == days:
            start = max(now - memory, 0)
            out = [_alarmed(each, level, start, now) for each in told]
            chosen, why = _decided(table[start:now], out, champion)
            if chosen != champion:
                before = names[champion] if champion >= 0 else ""
                changes.append(Change(told[0].days[now - 1], names[chosen], before, why))
                champion = chosen
        if now < days:
            reigned.append(champion)
    after = table[least:]
    return Played(
        names=names,
        score=score,
        champion=names[champion],
        changes=tuple(changes),
        reigned=tuple(names[k] for k in reigned),
        means=tuple(after.mean(axis=0).tolist()),
        champions_mean=float(after[np.arange(len(after)), reigned].mean()),
        out=tuple(name for name, gone in zip(names, out, strict=True) if gone),
    )
