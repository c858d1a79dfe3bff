# SPDX-License-Identifier: Apache-2.0
"""What is held today on the days of the past: forecast day by day, and what it lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw
from perilscope.engines.forecasts.predictive import Array
from perilscope.engines.forecasts.rolling import Rolled, rolled, whereabouts
from perilscope.engines.forecasts.simple_models import MODELS
from perilscope.engines.portfolio.revalued import Revalued
from perilscope.evidence.calendar import Calendar
from perilscope.evidence.forecasts import Forecasts
from perilscope.evidence.history import History
from perilscope.evidence.positions import Position
from perilscope.layers import revaluation
from perilscope.layers.desk import Desk
from perilscope.layers.revaluation import Marks, Paths, plain
from perilscope.layers.scenarios import extremes
from perilscope.layers.shocks import scenario_sets, shocks_of

YEAR, LEAST_DAYS = 365, 60
LEVEL = 0.975
MOST_STATES = 16
"""States of networks with which the hybrid method is rolled; with more the historical one is."""
_MODELS = {"historical": "historical", "normal": "normal", "student-t": "t"}


@dataclass(frozen=True)
class PastYear:
    """What VaR would have said of today's holdings, day after day, and what they lost.

    Parameters
    ----------
    told : Forecasts
        One-day VaR and CVaR from the history before each day, in money; named after the method.
    level : float
    window : int
        Daily returns behind each forecast.
    """

    told: Forecasts
    level: float
    window: int


def past_year(desk: Desk | None, method: str = "historical") -> PastYear | None:
    """Roll a method over the last year of today's holdings, every instrument revalued.

    The hybrid method takes today's probabilities of the states that networks are in on every day.
    None where fewer than `LEAST_DAYS` days could be forecast from as many before, or nothing moves.
    """
    if desk is None or desk.history is None or not desk.gross() > 0.0:
        return None
    sample = _sample(desk, desk.history)
    if sample is None:
        return None
    days = min(YEAR, len(sample.returns) // 2)
    if days < LEAST_DAYS:
        return None
    window = min(YEAR, len(sample.returns) - days)
    scale = desk.gross()
    found = _hybrid(desk, sample, days, window) if method == "hybrid" else None
    name = method if found is not None or method in _MODELS else "historical"
    if found is None:
        model = next(each for each in MODELS if each.name == _MODELS[name])
        found = rolled(model, sample, LEVEL, days, window)
    told = Forecasts(
        name=name,
        days=tuple(desk.history.days[row + 1] for row in found.days.tolist()),
        loss=scale * found.loss,
        var=scale * found.var,
        cvar=scale * found.cvar,
        pit=found.pit,
    )
    return PastYear(told, LEVEL, window)


def _sample(desk: Desk, history: History) -> Sample | None:
    """Daily returns of what moves, holdings as shares of the exposures; None where nothing does."""
    values = desk.values()
    assets = tuple(asset for asset in desk.prices if asset in history.assets)
    weights = np.array([values[asset] for asset in assets]) / desk.gross()
    odd = desk.split()[1]
    if not assets or not (odd or np.any(weights != 0.0)):
        return None
    columns = [history.assets.index(asset) for asset in assets]
    closes = history.closes[:, columns]
    moves = closes[1:] / closes[:-1] - 1.0
    if len(moves) < 2 * LEAST_DAYS:
        return None

    def after(end: Array, low: Array, high: Array, days: int) -> Array:
        return desk.shifted(Paths(assets, end, low, high, days)) / desk.gross()

    held = Revalued.over(after, moves, *extremes(history, columns, 1)) if odd else None
    return Sample(moves, weights, revalued=held)


def _hybrid(desk: Desk, sample: Sample, days: int, window: int) -> Rolled | None:
    """The past mixed with the states of the networks; None without states, or with too many."""
    history = desk.history
    assert history is not None
    sets = scenario_sets(desk.drivers, shocks_of(desk.book), desk.values(), 1)
    if not 1 < len(sets) <= MOST_STATES:
        return None
    at = [k for k, asset in enumerate(desk.prices) if asset in history.assets]
    lost = []
    for each in sets:
        factors = each.factors[at]
        end = (1.0 + sample.returns) * factors
        if sample.revalued is None:
            lost.append(-(end - 1.0) @ sample.weights)
        else:
            low = sample.revalued.low * np.minimum(factors, 1.0)
            high = sample.revalued.high * np.maximum(factors, 1.0)
            lost.append(sample.revalued.after(end, low, high, 1))
    mass = np.concatenate([np.full(window, each.probability / window) for each in sets])
    rows = range(len(sample.returns) - days, len(sample.returns))
    loss = -sample.daily
    found = []
    for row in rows:
        law = EmpiricalLaw(np.concatenate([each[row - window : row] for each in lost]), mass)
        found.append((law.var(LEVEL), law.cvar(LEVEL), whereabouts(law, float(loss[row]))))
    var, cvar, pit = np.array(found).T
    at_rows: NDArray[np.int64] = np.array(rows, dtype=np.int64)
    return Rolled(at_rows, loss[at_rows], var, np.maximum(cvar, var), pit, None, None)


def day_by_day(
    lots: Sequence[Position],
    history: History,
    since: date,
    until: date,
    calendar: Calendar,
    currency: str = "USD",
) -> Array:
    """Loss of fixed positions on each day from one to another, money; shape (days,).

    Every instrument is revalued from close to close at the same implied volatility; what is
    liquidated or has expired is gone. Days on which a price is missing are passed over.

    Examples
    --------
    >>> days = tuple(date(2026, 1, d) for d in (1, 2, 3))
    >>> history = History(("A",), days, np.array([[10.0], [9.0], [9.5]]))
    >>> day_by_day([Position("A", 2.0)], history, days[0], days[-1], Calendar()).tolist()
    [2.0, -1.0]
    """
    needed = [
        asset
        for asset in dict.fromkeys(a for lot in lots for a in revaluation.factors(lot, currency))
        if asset in history.assets
    ]
    held = [
        lot for lot in lots if {*needed, currency}.issuperset(revaluation.factors(lot, currency))
    ]
    columns = [history.assets.index(asset) for asset in needed]
    rows = [row for row, day in enumerate(history.days) if since <= day <= until]
    low, high = extremes(history, columns, 1) if needed and len(rows) > 1 else (None, None)
    found = []
    for row, after in pairwise(rows):
        closes = history.closes[[row, after]][:, columns]
        if low is None or high is None or not np.all(np.isfinite(closes)):
            continue
        marks = Marks(
            dict(zip(needed, closes[0].tolist(), strict=True)), history.days[row],
            _vols(history, row, held, calendar), currency,
            response=0.0, days_a_year=calendar.days_a_year,
        )  # fmt: skip
        held = [x for x in held if x.terms.expiry is None or x.terms.expiry > history.days[row]]
        end = closes[1:] / closes[:1]
        paths = Paths(tuple(needed), end, low[row : row + 1], high[row : row + 1], 1.0)
        found.append(math.fsum(float(revaluation.losses(x, marks, paths)[0]) for x in held))
        held = [x for x in held if not _gone(x, marks, paths)]
    return np.array(found)


def _vols(
    history: History, row: int, lots: Sequence[Position], calendar: Calendar
) -> dict[str, float]:
    """Of options that do not state theirs, from the days up to one."""
    odd = sorted({x.asset for x in lots if x.instrument in ("call", "put") and not x.terms.vol})
    if not odd:
        return {}
    past = History(history.assets, history.days[: row + 1], history.closes[: row + 1])
    return revaluation.realised(past, odd, calendar.days_a_year)


def _gone(lot: Position, marks: Marks, paths: Paths) -> bool:
    """Whether a position with a margin or a debt of its own has nothing left."""
    if plain(lot) or (lot.terms.margin is None and lot.instrument != "loan"):
        return False
    return lot.instrument not in ("call", "put") and not revaluation.valued(lot, marks, paths)[0]
