# SPDX-License-Identifier: Apache-2.0
"""A Pareto tail of GARCH residuals: `conditional-evt`.

Source: McNeil and Frey, J. Empirical Finance 7 (2000).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from perilscope.engines.forecasts.filtered_models import Filter, by_residuals
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.log_laws import PeaksLaw, lost
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw, Law
from perilscope.engines.forecasts.pareto import (
    ParetoFit,
    fit_pareto,
    pareto_influences,
    pareto_posterior,
)
from perilscope.engines.forecasts.predictive import Array, Intervals, Model, Prediction
from perilscope.engines.forecasts.tail_intervals import wider
from perilscope.engines.forecasts.volatility_models import (
    PATHS,
    conventions_of,
    fitted,
    notes_of,
    simulated_error,
    walk,
)
from perilscope.engines.portfolio.returns import historical
from perilscope.engines.streams import stream
from perilscope.engines.volatility.garch import Fit

TAIL = 0.1
"""Share of the residuals that a Pareto tail is fitted to."""


def conditional_evt(sample: Sample) -> Prediction:
    """GARCH residuals with a Pareto tail."""
    fit = fitted(sample.log_percent, presample=sample.presample)
    x = -fit.residuals
    ordered = np.sort(x)
    count = max(math.ceil(TAIL * x.size), min(20, x.size // 2))
    threshold = float(ordered[-count - 1])
    tail = fit_pareto(ordered[ordered > threshold] - threshold)
    one = PeaksLaw(
        fit.mu,
        fit.sigma,
        ordered[ordered <= threshold],
        x.size,
        threshold,
        tail.xi,
        tail.beta,
    )
    daily = _by_peaks(sample, fit, one, tail, x)
    law: Law = one
    interval = daily
    if sample.horizon > 1:
        rng = stream(sample.seed, "market", "paths of conditional-evt")
        z = -one.at(rng.random((sample.horizon, PATHS)))
        losses = lost(walk(fit.form, fit.natural, float(fit.variances[-1]), z))
        law, interval = EmpiricalLaw(losses), _scaled(daily, one, losses)
    parameters = {
        **fit.parameters,
        "sigma": fit.sigma,
        "threshold": threshold,
        "exceedances": float(tail.count),
        "xi": tail.xi,
        "tail_beta": tail.beta,
    }
    return Prediction(
        law,
        interval,
        parameters,
        fit.log_likelihood,
        notes=notes_of(fit),
        conventions={
            **conventions_of(sample),
            "threshold": "the worst tenth of the residuals lie beyond",
        },
    )


def _by_peaks(
    sample: Sample, fit: Fit, law: PeaksLaw, tail: ParetoFit, x: Array
) -> Callable[[float], Intervals]:
    """The posterior of the tail, widened by the filter and by the share beyond the threshold.

    These two by the delta method, with what they have in common with the tail.
    """
    beyond = x > law.threshold
    excesses = x[beyond] - law.threshold
    own = np.zeros((x.size, 3))
    own[beyond, :2] = pareto_influences(excesses, tail) / law.share
    own[:, 2] = beyond - law.share
    volatility = Filter(fit)
    influences = np.column_stack([own, volatility.influences])
    steps = np.array([1e-4, 1e-4, 1e-3 * law.share, 1e-4, 1e-4 * fit.sigma])

    @cache
    def posterior() -> tuple[Array, ...]:
        return pareto_posterior(excesses, tail, sample.share)

    moves = (fit.mu - fit.sigma * x)[:, None]
    # of the portfolio as one asset, instruments in its returns
    whole = replace(sample, returns=np.expm1(sample.log_percent / 100.0)[:, None],
                    weights=np.ones(1), revalued=None)  # fmt: skip
    among = by_residuals(whole, [fit], moves)

    def interval(level: float) -> Intervals:
        if 1.0 - level >= law.share:  # VaR lies among the residuals, not in the tail
            var, cvar = among(level)
            gap = law.cvar(level) - historical(lost(moves[:, 0]), level)[1]
            return var, (cvar[0] + gap, cvar[1] + gap)
        slopes = np.empty((5, 2))
        for i, step in enumerate(steps.tolist()):
            up, down = (_moved(law, i, side * step, level) for side in (1.0, -1.0))
            slopes[i] = (np.array(up) - np.array(down)) / (2.0 * step)
        found = []
        for value, end, slope in zip(
            (law.var(level), law.cvar(level)), _tail_ends(law, level, *posterior()), slopes.T,
            strict=True,
        ):  # fmt: skip
            line = influences @ slope
            rest = float((line**2).mean() - ((own[:, :2] @ slope[:2]) ** 2).mean())
            more = max(rest, 0.0) / x.size + volatility.unseen(slope[3:])
            found.append(wider(value, end, more / sample.share))
        return found[0], found[1]

    return interval


def _tail_ends(law: PeaksLaw, level: float, xi: Array, beta: Array, chance: Array) -> Intervals:
    """Of VaR and CVaR, what 90 % of the chance of shapes and scales lies between."""
    best = _in_residuals(law, level, np.array([min(law.xi, 0.99) or 1e-9]), np.array([law.beta]))
    found = []
    for figures, own, value in zip(
        _in_residuals(law, level, xi, beta),
        best,
        (law.var(level), law.cvar(level)),
        strict=True,
    ):
        order = np.argsort(figures, kind="stable")
        below = np.cumsum(chance[order]) - 0.5 * chance[order]
        ends = np.interp([0.05, 0.95], below, figures[order])
        # a mean of losses is not quite the loss of a mean
        moved = lost(law.mu - law.sigma * ends) - lost(law.mu - law.sigma * own)
        low, high = (value + moved).tolist()
        found.append((min(low, value), max(high, value)))
    return found[0], found[1]


def _in_residuals(law: PeaksLaw, level: float, xi: Array, beta: Array) -> tuple[Array, Array]:
    """VaR and CVaR of a residual, beyond the threshold, for many tails."""
    var = law.threshold + beta * np.expm1(-xi * math.log((1.0 - level) / law.share)) / xi
    return var, (var + beta - xi * law.threshold) / (1.0 - xi)


def _moved(law: PeaksLaw, which: int, by: float, level: float) -> tuple[float, float]:
    """VaR and CVaR when xi, log beta, the share beyond, mu or sigma is another."""
    at = level
    if which == 0:
        law = replace(law, xi=law.xi + by)
    elif which == 1:
        law = replace(law, beta=law.beta * math.exp(by))
    elif which == 2:  # as if the level were another
        at = 1.0 - (1.0 - level) * law.share / (law.share + by)
    elif which == 3:
        law = replace(law, mu=law.mu + by)
    else:
        law = replace(law, sigma=law.sigma + by)
    return law.var(at), law.cvar(at)


def _scaled(
    interval: Callable[[float], Intervals], one: PeaksLaw, losses: Array
) -> Callable[[float], Intervals]:
    """The relative interval of a law of one day, with the error of the simulation, about more."""

    def at(level: float) -> Intervals:
        found = []
        for own, value, ends, noise in zip(
            (one.var(level), one.cvar(level)),
            historical(losses, level),
            interval(level),
            simulated_error(losses, level),
            strict=True,
        ):
            found.append(wider(value, (value * ends[0] / own, value * ends[1] / own), noise))
        return found[0], found[1]

    return at


MODELS = (
    Model("conditional-evt", "GARCH residuals with a Pareto tail (McNeil-Frey)", conditional_evt),
)
