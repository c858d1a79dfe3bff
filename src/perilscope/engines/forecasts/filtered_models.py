# SPDX-License-Identifier: Apache-2.0
"""Market models on history that was cleansed of its volatility: what is left is drawn again.

`fhs` (Barone-Adesi, Giannopoulos and Vosper, J. Futures Markets 19 (1999)) divides by the
volatility of a GARCH model fitted by normal quasi-likelihood, `volatility-weighted` (Hull and
White, J. Risk 1 (1998)) by an EWMA. `filtered_peaks` puts a Pareto tail on such residuals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.forecasts.clustering import tracking
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.log_laws import lost
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw, Law
from perilscope.engines.forecasts.predictive import Array, Intervals, Model, Prediction
from perilscope.engines.forecasts.tail_intervals import observed, wider
from perilscope.engines.forecasts.volatility_models import (
    FITTED,
    LAMBDA,
    PATHS,
    conventions_of,
    ewma_spread,
    ewma_variances,
    ewma_weights,
    fitted,
    notes_of,
    simulated_error,
    walk,
)
from perilscope.engines.portfolio.returns import historical, tail_weights
from perilscope.engines.streams import stream
from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch import Fit
from perilscope.engines.volatility.garch_errors import Errors
from perilscope.engines.volatility.garch_forms import Form
from perilscope.errors import AssessmentError
from perilscope.once import cached_property


@dataclass(frozen=True, eq=False)
class Filter:
    """Location and scale of tomorrow, and how each day moved them.

    When parameters move, residuals of the past move too. All that a figure of tomorrow feels is
    the location and the scale with the average move of the residuals taken out.
    """

    fit: Fit

    @cached_property
    def _errors(self) -> Errors:
        return Errors(self.fit)

    @cached_property
    def _slopes(self) -> Array:
        """Of location and scale in the variables of the search."""
        fit = self.fit
        h = fit.variances
        inverse = float((1.0 / np.sqrt(h[:-1])).mean())

        def figures(natural: Array) -> Array:
            moved = fit.paths(natural)
            drift = 0.5 * np.log(moved[:, :-1] / h[:-1]).mean(axis=1)
            scale = np.sqrt(moved[:, -1]) * np.exp(-drift)
            location = natural[:, 0] - fit.sigma * inverse * (natural[:, 0] - fit.mu)
            return np.column_stack([location, scale])

        return fit.slopes(figures)

    @cached_property
    def influences(self) -> Array:
        """Of each day on (location, scale), shape (n, 2)."""
        return np.asarray(self._errors.without @ self._slopes.T)

    def unseen(self, by: Array) -> float:
        """Variance of a figure with these slopes that the influences do not show, see `Errors`."""
        seen = float(((self.influences @ by) ** 2).mean()) / len(self.influences)
        return max(self._errors.of(by @ self._slopes) ** 2 - seen, 0.0)


def each_asset(sample: Sample) -> Array:
    """100 x log returns of every asset that is held, shape (n, assets)."""
    return np.asarray(100.0 * np.log1p(sample.returns[:, sample.held]))


def fhs(sample: Sample) -> Prediction:
    """Filtered historical simulation; the residuals of one day stay together across assets."""
    logs = each_asset(sample)
    before = sample.presample
    fits = [fitted(np.ascontiguousarray(x), presample=before) for x in logs.T]
    z = np.column_stack([fit.residuals for fit in fits])
    if sample.horizon == 1:
        moves = np.array([fit.mu for fit in fits]) + z * np.array([fit.sigma for fit in fits])
        law: Law = EmpiricalLaw(_lost(sample, moves))
        interval = by_residuals(sample, fits, moves)
    else:
        losses = _walked(sample, fits, z)
        law = EmpiricalLaw(losses)
        day = np.array([fit.mu for fit in fits]) + z * np.array([fit.sigma for fit in fits])
        interval = _stretched(sample, by_residuals(sample, fits, day), day, losses)
    return Prediction(
        law,
        interval,
        _named(fits),
        math.fsum(fit.log_likelihood for fit in fits),
        notes=tuple(dict.fromkeys(note for fit in fits for note in notes_of(fit))),
        conventions={
            **conventions_of(sample),
            "returns": "100 x log returns of each asset held",
            "residuals": "as they are, those of one day together",
            "log_likelihood": "sum over the assets held",
        },
    )


def _named(fits: Sequence[Fit]) -> dict[str, float]:
    """Parameters; with several assets numbered in the order of the weights."""
    if len(fits) == 1:
        return {**fits[0].parameters, "sigma": fits[0].sigma}
    return {
        f"{name}.{number}": value
        for number, fit in enumerate(fits, start=1)
        for name, value in (*fit.parameters.items(), ("sigma", fit.sigma))
    }


def _lost(sample: Sample, logs: Array, days: int | None = None) -> Array:
    """Losses under 100 x log moves of the assets held."""
    return sample.lost(-lost(logs), days)


def _slopes(sample: Sample, logs: Array) -> Array:
    """Slope of a day's loss in 100 x the log move of each asset held, shape (n, assets)."""
    return np.asarray(sample.slopes(-lost(logs), 1) * np.exp(logs / 100.0) / 100.0)


def _walked(sample: Sample, fits: Sequence[Fit], z: Array) -> Array:
    """Losses at the end of paths of days drawn from the past."""
    rng = stream(sample.seed, "market", "paths of fhs")
    days = rng.integers(0, len(z), size=(sample.horizon, PATHS))
    ends = [
        walk(fit.form, fit.natural, float(fit.variances[-1]), column[days])
        for fit, column in zip(fits, z.T, strict=True)
    ]
    return _lost(sample, np.stack(ends, axis=1))


def by_residuals(sample: Sample, fits: Sequence[Fit], moves: Array) -> Callable[[float], Intervals]:
    """The doubt of residuals that were drawn by chance, and of the filter before them."""
    losses = _lost(sample, moves, 1)
    slope = _slopes(sample, moves)

    def interval(level: float) -> Intervals:
        plain = observed(losses, level, sample.seed, 0, sample.share)
        var, cvar = historical(losses, level)
        tail = tail_weights(losses, level)
        near = _near(losses, var)
        beyond = np.maximum(losses - var, 0.0) / (1.0 - level)
        own_cvar = beyond - beyond.mean()
        own_var = ((losses > var) - (losses > var).mean()) * _sparsity(losses, level)
        found = []
        for mass, own, value, ends in (
            (near, own_var, var, plain[0]),
            (tail, own_cvar, cvar, plain[1]),
        ):
            more = np.zeros(losses.size)
            for j, fit in enumerate(fits):
                pull = mass * slope[:, j]
                by = np.array([pull.sum(), (pull * fit.residuals).sum()])
                more += Filter(fit).influences @ by
            extra = float((more * more).mean() + 2.0 * (more * own).mean())
            found.append(wider(value, ends, max(extra, 0.0) / (losses.size * sample.share)))
        return found[0], found[1]

    return interval


def _near(losses: Array, value: float) -> Array:
    """Weights of the scenarios about a value."""
    width = max(5, losses.size // 40)
    chosen = np.argsort(np.abs(losses - value), kind="stable")[:width]
    found = np.zeros(losses.size)
    found[chosen] = 1.0 / width
    return found


def _sparsity(losses: Array, level: float) -> float:
    """Slope of the quantile at a level, from the losses to both sides."""
    ordered, size = np.sort(losses), losses.size
    place = min(math.ceil(size * level - 1e-9), size) - 1
    width = max(min(size - 1 - place, max(3, size // 40)), 1)
    low, high = max(place - width, 0), min(place + width, size - 1)
    return float(ordered[high] - ordered[low]) * size / (high - low)


def _stretched(
    sample: Sample, interval: Callable[[float], Intervals], day: Array, losses: Array
) -> Callable[[float], Intervals]:
    """The relative interval of one day, with the error of the simulation, about more days."""
    one = _lost(sample, day, 1)

    def at(level: float) -> Intervals:
        daily = historical(one, level)
        several = historical(losses, level)
        found = []
        for own, value, ends, noise in zip(
            daily, several, interval(level), simulated_error(losses, level), strict=True
        ):
            if own <= 0.0 or value <= 0.0:
                reach = max(abs(ends[0] - own), abs(ends[1] - own)) * max(abs(value / own), 1.0)
                ends = value - reach, value + reach
            else:
                ends = value * ends[0] / own, value * ends[1] / own
            found.append(wider(value, ends, noise))
        return found[0], found[1]

    return at


def volatility_weighted(sample: Sample) -> Prediction:
    """Returns of the past scaled to the volatility of today, EWMA of each asset."""
    logs = each_asset(sample)
    roots = np.column_stack([np.sqrt(ewma_variances(garch.checked(x), 0.0)) for x in logs.T])
    if not np.all(roots > 0.0):
        raise AssessmentError("a price stood still from the first day on; begin where it moves")
    now, z = roots[-1], logs / roots[:-1]
    if sample.horizon == 1:
        losses = _lost(sample, z * now)
    else:
        rng = stream(sample.seed, "market", "paths of volatility-weighted")
        days = rng.integers(0, len(z), size=(sample.horizon, PATHS))
        natural = np.array([0.0, 0.0, 1.0 - LAMBDA, 1.0 - LAMBDA, LAMBDA, 0.0])
        ends = [
            walk(Form("garch"), natural, sigma**2, column[days])
            for column, sigma in zip(z.T, now.tolist(), strict=True)
        ]
        losses = _lost(sample, np.stack(ends, axis=1))
    daily = _by_scaled(sample, logs, z, now)
    interval = daily if sample.horizon == 1 else _stretched(sample, daily, z * now, losses)
    sigmas = {"sigma": float(now[0])} if now.size == 1 else {}
    sigmas = sigmas or {f"sigma.{i}": float(s) for i, s in enumerate(now, start=1)}
    return Prediction(
        EmpiricalLaw(losses),
        interval,
        {"lambda": LAMBDA, **sigmas},
        conventions={
            **FITTED,
            "mean": "returns as observed",
            "returns": "100 x log returns of each asset held, divided by their EWMA volatility",
            "lambda": "0.94, not fitted (RiskMetrics)",
        },
    )


def _by_scaled(sample: Sample, logs: Array, z: Array, now: Array) -> Callable[[float], Intervals]:
    """The doubt of the losses that were drawn by chance, and of today's volatilities."""
    each = ewma_weights(len(z))
    moves = z * now
    losses = _lost(sample, moves, 1)
    slope = _slopes(sample, moves) * moves  # of a loss by log volatility
    power = z**2 / (z**2).mean(axis=0) - 1.0
    sizes = np.array(
        [
            ewma_spread(column**2, tracking(log, each) / sample.share)
            for column, log in zip(z.T, logs.T, strict=True)
        ]
    )
    alike = np.atleast_2d(np.corrcoef(power, rowvar=False))
    doubt = 0.25 * np.outer(sizes, sizes) * alike

    def interval(level: float) -> Intervals:
        plain = observed(losses, level, sample.seed, 0, sample.share)
        found = []
        for mass, value, ends in zip(
            (_near(losses, historical(losses, level)[0]), tail_weights(losses, level)),
            historical(losses, level),
            plain,
            strict=True,
        ):
            pull = mass @ slope
            found.append(wider(value, ends, float(pull @ doubt @ pull)))
        return found[0], found[1]

    return interval


MODELS = (
    Model("fhs", "filtered historical simulation, GARCH (Barone-Adesi)", fhs),
    Model(
        "volatility-weighted",
        "history scaled to today's volatility (Hull-White)",
        volatility_weighted,
    ),
)
