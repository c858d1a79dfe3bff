# SPDX-License-Identifier: Apache-2.0
"""CAViaR: tomorrow's VaR follows today's by its own recursion, fitted to the quantile alone.

``q(t) = b0 + b1 q(t-1) + b2 |r(t-1)|`` (symmetric absolute value), fitted for each level by the
criterion of quantile regression. CVaR by a stated rule: VaR times the mean of loss over VaR on the
days beyond VaR. Over several days q is of the loss over the horizon, fed by the returns of days.

Source: Engle and Manganelli, J. Business & Economic Statistics 22 (2004), equations 3 and 8,
theorem 2 for the errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.signal import lfilter

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import around, days, lean, spread
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw
from perilscope.engines.forecasts.predictive import CONVENTIONS, Intervals, Model, Prediction
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]

LEAST = 200
REFERENCE = 0.975
"""Level whose fit gives the whole law, for what asks of probabilities."""
_FIRST = 300
_STARTS, _FEW, _MANY = 5, 60, 400
_PERSISTENCE = (0.0, 0.3, 0.5, 0.7, 0.8, 0.88, 0.93, 0.96, 0.98, 0.995)
_RESPONSE = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_WIDER = 1.15, 1.10
"""What the doubt about the error itself, a third of it, makes: without, 85 % of intervals held. The
ratio has a part in the error of CVaR, and rests on no density."""
_WIDTH = 0.25
"""Half-width of the band about VaR in which its density is counted, as a share of VaR."""


def path(at: Array, sizes: Array, first: float) -> Array:
    """VaR for each day and for the day after the last, shape (n + 1,).

    Parameters
    ----------
    at : array, shape (3,)
        b0, b1, b2.
    sizes : array, shape (n,)
        Absolute returns.
    first : float
        VaR of the first day.

    Examples
    --------
    >>> path(np.array([1.0, 0.5, 0.1]), np.array([2.0, 4.0]), 3.0).round(3).tolist()
    [3.0, 2.7, 2.75]
    """
    feed = np.concatenate([[first], at[0] + at[2] * sizes])
    return np.asarray(lfilter([1.0], [1.0, -at[1]], feed))


@dataclass(frozen=True, eq=False)
class Recursion:
    """A fitted recursion at one level.

    Parameters
    ----------
    at : array, shape (3,)
    level, first, cost : float
        Level, VaR of the first day, and the mean of the criterion.
    quantiles : array, shape (n + 1,)
    """

    at: Array
    level: float
    first: float
    cost: float
    quantiles: Array


def _cost(at: Array, losses: Array, sizes: Array, first: float, level: float) -> float:
    if not (0.0 <= at[1] < 0.9999) or at[0] < -1e-9 or at[2] < -1e-9:
        return math.inf
    away = losses - path(at, sizes, first)[: losses.size]
    return float((away * (level - (away < 0.0))).mean())


def fit_caviar(losses: Array, sizes: Array, level: float) -> Recursion:
    """Fit the recursion: a grid of starts, the best five a little improved by the simplex method,
    and the best two of these to the end.

    Parameters
    ----------
    losses : array, shape (n,)
        Loss over the horizon from each day on.
    sizes : array, shape (T,)
        Absolute return of each day, T >= n.
    level : float

    Raises
    ------
    AssessmentError
        Too few losses for the level, or none of them positive.
    """
    if losses.size < LEAST or losses.size * (1.0 - level) < 5.0:
        need = max(LEAST, math.ceil(5.0 / (1.0 - level)))
        raise AssessmentError(f"{losses.size} losses are too few for CAViaR; {need} are needed")
    first = float(np.quantile(losses[:_FIRST], level, method="inverted_cdf"))
    whole, size = float(np.quantile(losses, level)), float(sizes.mean())
    if not (whole > 0.0 and size > 0.0 and first > 0.0):
        raise AssessmentError("hardly a day lost anything, so that there is no VaR to follow")
    starts = []
    for stay in _PERSISTENCE:
        for part in _RESPONSE:
            answer = part * (1.0 - stay) * whole / size if stay > 0.9 else part * whole / size
            base = (1.0 - stay) * whole - answer * size
            if base >= 0.0:
                at = np.array([base, stay, answer])
                starts.append((_cost(at, losses, sizes, first, level), at.tolist()))
    starts.sort()
    scale = np.array([whole, 1.0, 1.0])

    def cost(unit: Array) -> float:
        return _cost(unit * scale, losses, sizes, first, level)

    def simplex(begin: Array, most: int, corners: Array | None = None) -> optimize.OptimizeResult:
        return optimize.minimize(
            cost, begin, method="Nelder-Mead",
            options={
                "xatol": 1e-6, "fatol": 1e-10 * whole, "maxfev": most, "initial_simplex": corners
            },
        )  # fmt: skip

    tried = [simplex(np.array(start) / scale, _FEW) for _, start in starts[:_STARTS]]
    tried.sort(key=lambda found: float(found.fun))
    ends = [simplex(found.x, _MANY, found.final_simplex[0]) for found in tried[:2]]
    found = min(ends, key=lambda found: float(found.fun))
    best, at = float(found.fun), np.asarray(found.x) * scale
    return Recursion(at, level, first, best, path(at, sizes, first))


def _gradient(found: Recursion, sizes: Array) -> Array:
    """Slope of each day's VaR in the three parameters, shape (n + 1, 3)."""
    stay = found.at[1]
    zero = np.zeros(1)
    feeds = (np.ones(sizes.size), found.quantiles[:-1], sizes)
    return np.stack(
        [lfilter([1.0], [1.0, -stay], np.concatenate([zero, feed])) for feed in feeds], axis=1
    )


@dataclass(frozen=True, eq=False)
class CaviarLaw:
    """VaR by the recursion of its own level; CVaR in proportion.

    Parameters
    ----------
    losses : array, shape (n,)
    sizes : array, shape (T,)
    """

    losses: Array
    sizes: Array
    _kept: dict[float, Recursion] = field(default_factory=dict, repr=False)

    def at(self, level: float) -> Recursion:
        """The recursion of a level, fitted once."""
        if level not in self._kept:
            self._kept[level] = fit_caviar(self.losses, self.sizes, level)
        return self._kept[level]

    def var(self, level: float) -> float:
        """VaR for the days after the last."""
        return float(self.at(level).quantiles[-1])

    def ratio(self, level: float) -> float:
        """Mean of loss over VaR on the days beyond it."""
        found = self.at(level)
        ratios = self.losses / found.quantiles[: self.losses.size]
        beyond = ratios[ratios > 1.0]
        return float(beyond.mean()) if beyond.size else 1.0

    def cvar(self, level: float) -> float:
        """VaR times the mean ratio beyond it."""
        return self.var(level) * self.ratio(level)

    def _whole(self) -> EmpiricalLaw:
        """Past losses over the VaR of their days, times tomorrow's: the law at the reference."""
        found = self.at(REFERENCE)
        ratios = self.losses / found.quantiles[: self.losses.size]
        return EmpiricalLaw(ratios * found.quantiles[-1])

    def cdf(self, losses: Array) -> Array:
        """Probability of a loss of at most so much, by the recursion of 97.5 %."""
        return self._whole().cdf(losses)

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Independent losses, by the recursion of 97.5 %."""
        return self._whole().sample(count, rng)


def caviar(sample: Sample) -> Prediction:
    """CAViaR, symmetric absolute value."""
    losses, sizes = sample.losses, np.abs(sample.daily)
    law = CaviarLaw(losses, sizes)
    found = law.at(REFERENCE)
    notes = []
    if found.at[1] > 0.998:
        notes.append("VaR hardly moves from day to day (b1 near 1)")
    return Prediction(
        law,
        lambda level: _interval(law, level, sample),
        {
            "beta0": float(found.at[0]),
            "beta1": float(found.at[1]),
            "beta2": float(found.at[2]),
            "level_of_parameters": REFERENCE,
            "ratio": law.ratio(REFERENCE),
            "cost": found.cost,
        },
        notes=tuple(notes),
        conventions={
            **CONVENTIONS,
            "mean": "returns as observed",
            "cvar": "VaR times the mean of loss over VaR on the days beyond VaR",
            "recursion": "symmetric absolute value, fitted for each level",
            "first": f"VaR of the first day is that of the first {_FIRST} losses",
        },
    )


def _interval(law: CaviarLaw, level: float, sample: Sample) -> Intervals:
    """By the influences of days on the parameters, and of exceedances on the ratio."""
    found = law.at(level)
    losses, size = law.losses, law.losses.size
    slopes = _gradient(found, law.sizes)
    quantiles = found.quantiles[:size]
    ratios = losses / quantiles
    dense = float((np.abs(ratios - 1.0) < _WIDTH).mean()) / (2.0 * _WIDTH)
    inner = slopes[:size]
    curvature = (inner.T * (dense / quantiles)) @ inner / size
    hits = (losses > quantiles) - (1.0 - level)
    influences = (inner * hits[:, None]) @ np.linalg.pinv(curvature)
    var, ratio = law.var(level), law.ratio(level)
    by_var = influences @ slopes[-1]
    # the ratio moves with its exceedances and with the whole path
    beyond = (ratios > 1.0) * (ratios - ratio) / (1.0 - level)
    pull = -ratio + dense * (ratio - 1.0) / (1.0 - level)
    by_ratio = beyond + pull * (influences @ (inner / quantiles[:, None]).mean(axis=0))
    by_cvar = ratio * by_var + var * by_ratio
    # only the days beyond VaR tell of it, and three parameters were fitted to them
    telling = max(size * (1.0 - level) * sample.share, 5.0)
    lost = math.sqrt(1.0 - 3.0 / telling)
    ends = []
    for value, line, wider in zip((var, var * ratio), (by_var, by_cvar), _WIDER, strict=True):
        error = spread(line, sample.horizon - 1, sample.share, fitted=0) * wider / lost
        freedom = min(days(line, sample.horizon - 1, sample.share), telling)
        ends.append(around(value, error, 0.0, freedom, lean(line)))
    return ends[0], ends[1]


MODELS = (Model("caviar", "VaR by its own recursion (Engle and Manganelli 2004)", caviar),)
