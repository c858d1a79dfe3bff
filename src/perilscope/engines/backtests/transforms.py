# SPDX-License-Identifier: Apache-2.0
"""Tests of the whole forecast law or of its tail, by where losses fell in it (their PIT).

``u`` is the probability that the forecast gave to a loss no larger than the one that came: uniform
and independent from day to day if the forecasts are right.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from perilscope.engines.backtests.exceptions import zone
from perilscope.engines.backtests.result import (
    Array,
    Result,
    Value,
    aligned,
    checked_level,
    chi2_tail,
    two_sided,
)
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

PATHS = 9999
LAGS = (1, 5)
MOST_DAYS = 20_000
"""Longer series have no simulated p-value of dependence: they do not need one."""
LEAST_U = 1e-15
"""A PIT nearer to 0 or 1 is moved here, so that its normal score is finite."""
_LARGE = 30  # uniforms of which the sum counts as normal (the gap is far below 1e-4)


def normal_pit(loss: Array, mean: Array, sd: Array) -> Array:
    """PIT of losses under normal forecasts; shape (n,).

    Examples
    --------
    >>> normal_pit(np.array([0.0]), np.array([0.0]), np.array([2.0])).tolist()
    [0.5]
    """
    loss, mean, sd = aligned(loss, mean, sd)
    if not np.all(sd > 0.0):
        raise AssessmentError("a standard deviation is not above zero")
    return np.asarray(special.ndtr((loss - mean) / sd))


def _unit(u: Array) -> Array:
    (u,) = aligned(u)
    if not np.all((u >= 0.0) & (u <= 1.0)):
        raise AssessmentError("a probability integral transform lies outside 0 to 1")
    return u


def normal_scores(u: Array) -> Array:
    """Standard normal quantiles of a PIT, kept finite."""
    return np.asarray(special.ndtri(np.clip(_unit(u), LEAST_U, 1.0 - LEAST_U)))


# --- Berkowitz ------------------------------------------------------------------------------------


def _normal_height(z: Array, mean: Array | float, variance: float) -> float:
    return float(-0.5 * (np.log(2.0 * np.pi * variance) + (z - mean) ** 2 / variance).sum())


def berkowitz(scores: Array) -> Result:
    """Berkowitz's test of the whole law: mean 0, variance 1 and no autocorrelation at once.

    Parameters
    ----------
    scores : array, shape (n,)
        Normal quantiles of the PIT, or ``(loss - mean) / sd`` of normal forecasts.

    Returns
    -------
    Result
        Likelihood ratio of a first-order autoregression, the first day taken as given;
        chi-squared with 3.

    Source: Berkowitz, J. Business & Economic Statistics 19 (2001), equation 8, whose likelihood has
    the first day's stationary law as well; without it the fit is least squares.

    Examples
    --------
    >>> found = berkowitz(np.random.default_rng(1).standard_normal(500))
    >>> 0.0 < found.p_value < 1.0
    True
    """
    (z,) = aligned(scores)
    if z.size < 10:
        raise AssessmentError(f"{z.size} days are too few to fit an autoregression: 10 at least")
    before, after = z[:-1], z[1:]
    centred = before - before.mean()
    spread = float((centred**2).sum())
    if spread <= 1e-20 * max(float((before**2).sum()), 1.0):
        raise AssessmentError("the losses stand at the same place of every forecast law")
    slope = float((centred * after).sum()) / spread
    constant = float(after.mean() - slope * before.mean())
    variance = float(((after - constant - slope * before) ** 2).mean())
    if variance <= 0.0:
        raise AssessmentError("each loss follows from the one before without error")
    free = _normal_height(after, constant + slope * before, variance)
    statistic = max(2.0 * (free - _normal_height(after, 0.0, 1.0)), 0.0)
    return Result(
        statistic,
        chi2_tail(statistic, 3),
        {
            "mean": constant / (1.0 - slope) if slope != 1.0 else None,
            "variance": variance,
            "autocorrelation": slope,
            "degrees_of_freedom": 3,
        },
    )


def berkowitz_tail(scores: Array, level: float) -> Result:
    """Berkowitz's test of the tail beyond the level: mean and variance of the censored scores.

    Scores below the quantile of the level are known only to lie there. Chi-squared with 2.

    Source: Berkowitz, J. Business & Economic Statistics 19 (2001), equation 11 (losses positive).

    Examples
    --------
    >>> found = berkowitz_tail(np.random.default_rng(1).standard_normal(500), 0.95)
    >>> 0.0 < found.p_value < 1.0
    True
    """
    (z,) = aligned(scores)
    cut = float(special.ndtri(checked_level(level)))
    tail = z[z > cut]
    if tail.size < 2 or float(tail.max() - tail.min()) <= 0.0:
        raise AssessmentError("fewer than two different losses lie beyond the level")
    below = z.size - tail.size

    def height(mean: float, log_sd: float) -> float:
        sd = math.exp(log_sd)
        inside = below * float(special.log_ndtr((cut - mean) / sd)) if below else 0.0
        return _normal_height(tail, mean, sd * sd) + inside

    from scipy import optimize  # slow to load, and seldom wanted

    found = optimize.minimize(
        lambda at: -height(at[0], at[1]) / z.size,
        np.zeros(2),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000},
    )
    statistic = max(2.0 * (-float(found.fun) * z.size - height(0.0, 0.0)), 0.0)
    return Result(
        statistic,
        chi2_tail(statistic, 2),
        {
            "mean": float(found.x[0]),
            "variance": math.exp(2.0 * float(found.x[1])),
            "in_tail": int(tail.size),
            "degrees_of_freedom": 2,
        },
    )


# --- how deep losses fell into the tail -----------------------------------------------------------


def cumulative_violations(u: Array, level: float) -> Array:
    """How deep in the tail each loss fell: 0 up to VaR, rising to 1; mean ``(1 - level) / 2``.

    Source: Du and Escanciano, Management Science 63 (2017), equation 5.

    Examples
    --------
    >>> cumulative_violations(np.array([0.9, 0.975, 0.9875]), 0.975).round(9).tolist()
    [0.0, 0.0, 0.5]
    """
    p = 1.0 - checked_level(level)
    return np.asarray(np.maximum(1.0 - (1.0 - _unit(u)) / p, 0.0))


def du_escanciano_unconditional(u: Array, level: float) -> Result:
    """Du and Escanciano's unconditional test of CVaR: is the mean depth half of ``1 - level``?

    Returns
    -------
    Result
        Standard normal statistic, positive where the tail was deeper than forecast; the p-value is
        two-sided, ``p_value_too_low`` that of forecasts too low.

    Source: Du and Escanciano, Management Science 63 (2017), section 3.1 (no estimation effect).

    Examples
    --------
    >>> u = (np.arange(1000) + 0.5) / 1000
    >>> round(du_escanciano_unconditional(u, 0.975).statistic, 9)
    0.0
    """
    depth = cumulative_violations(u, level)
    p = 1.0 - level
    z = math.sqrt(depth.size) * (float(depth.mean()) - p / 2.0) / math.sqrt(p * (1 / 3 - p / 4))
    return Result(
        z,
        two_sided(z),
        {
            "mean_depth": float(depth.mean()),
            "expected": p / 2.0,
            "p_value_too_low": float(special.ndtr(-z)),
        },
    )


def _box_pierce(depth: Array, p: float, lags: int) -> Array:
    """Box-Pierce statistics of the depths about their known mean, of each row."""
    days = depth.shape[1]
    about = depth - p / 2.0
    spread = (about**2).mean(axis=1)
    total = np.zeros(depth.shape[0])
    for lag in range(1, lags + 1):
        cross = (about[:, lag:] * about[:, :-lag]).sum(axis=1) / (days - lag)
        total += (cross / spread) ** 2
    return np.asarray(days * total)


def du_escanciano_conditional(
    u: Array, level: float, seed: int = 1, paths: int = PATHS, lags: int = LAGS[0]
) -> Result:
    """Du and Escanciano's conditional test of CVaR: are the depths uncorrelated in time?

    Chi-squared with ``lags``. With few exceptions that law is wrong, and ``p_value_simulated``
    (uniform, independent PIT; series without exceptions left out) is right.

    Source: Du and Escanciano, Management Science 63 (2017), section 3.2.

    Examples
    --------
    >>> found = du_escanciano_conditional(np.random.default_rng(1).random(500), 0.975)
    >>> found.parameters["lags"]
    1
    """
    depth = cumulative_violations(u, level)
    if not np.any(depth > 0.0):
        raise AssessmentError("no loss lay beyond the level: there is nothing to correlate")
    if depth.size < lags + 10:
        raise AssessmentError(
            f"{depth.size} days are too few for {lags} lags: {lags + 10} at least"
        )
    p = 1.0 - level
    statistic = float(_box_pierce(depth[None, :], p, lags)[0])
    parameters: dict[str, Value] = {"lags": lags, "degrees_of_freedom": lags}
    found = Result(statistic, chi2_tail(statistic, lags), parameters)
    if depth.size > MOST_DAYS:
        return found
    rng = stream(seed, "backtests", f"depth {depth.size} {p!r}")
    block = max(4_000_000 // depth.size, 1)
    drawn = []
    for start in range(0, paths, block):
        deep = np.maximum(1.0 - rng.random((min(block, paths - start), depth.size)) / p, 0.0)
        drawn.append(_box_pierce(deep[deep.any(axis=1)], p, lags))
    return found.beside(np.concatenate(drawn), paths)


def uniform_sum(x: float, count: int) -> float:
    """Chance that the sum of ``count`` independent uniforms is at most ``x`` (Irwin and Hall).

    The alternating sum cancels for many terms: from 30 on an Edgeworth expansion is taken.

    Examples
    --------
    >>> uniform_sum(0.5, 1), uniform_sum(1.0, 2), round(uniform_sum(7.5, 15), 12)
    (0.5, 0.5, 0.5)
    """
    if x <= 0.0:
        return 1.0 if count == 0 and x >= 0.0 else 0.0
    if x >= count:
        return 1.0
    if x > count / 2.0:  # fewer terms, less to cancel
        return 1.0 - uniform_sum(count - x, count)
    if count >= _LARGE:
        z = (x - count / 2.0) / math.sqrt(count / 12.0)
        # the fourth cumulant of a uniform is -1/120: excess kurtosis of the sum -6 / (5 count)
        kurtosis = -1.2 / count
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        found = float(special.ndtr(z)) - density * kurtosis / 24.0 * (z**3 - 3.0 * z)
        return min(max(found, 0.0), 1.0)
    terms = [(-1) ** k * math.comb(count, k) * (x - k) ** count for k in range(math.floor(x) + 1)]
    return min(max(math.fsum(terms) / math.factorial(count), 0.0), 1.0)


def costanzino_curran(u: Array, level: float) -> Result:
    """Costanzino and Curran's traffic light for CVaR: the sum of depths against its exact law.

    Returns
    -------
    Result
        The sum; p-value: the chance of as much or more. Zones begin as in Basel's light for VaR,
        where the chance of as much or less reaches 95 % and 99.99 %.

    Source: Costanzino and Curran, Risks 6(1) (2018), sections 3 and 4. The law of the sum is exact
    (binomial number of uniforms) rather than their normal one, which is ``p_value_normal``.

    Examples
    --------
    >>> found = costanzino_curran(np.full(250, 0.5), 0.975)
    >>> found.statistic, found.parameters["zone"], found.p_value
    (0.0, 'green', 1.0)
    """
    depth = cumulative_violations(u, level)
    p, days, total = 1.0 - level, depth.size, math.fsum(depth.tolist())
    counts = np.arange(days + 1.0)
    chance = np.exp(
        special.gammaln(days + 1.0)
        - special.gammaln(counts + 1.0)
        - special.gammaln(days - counts + 1.0)
        + special.xlogy(counts, p)
        + special.xlog1py(days - counts, -p)
    )
    likely = np.flatnonzero(chance > 1e-18)
    below = math.fsum(float(chance[k]) * uniform_sum(total, int(k)) for k in likely.tolist())
    below = min(max(below, 0.0), 1.0)
    # a sum of zero has an atom: no exception at all
    above = 1.0 if total == 0.0 else 1.0 - below
    z = (total - days * p / 2.0) / math.sqrt(days * p * (1 / 3 - p / 4))
    return Result(
        total,
        above,
        {
            "zone": zone(below, total),
            "expected": days * p / 2.0,
            "cumulative_probability": below,
            "p_value_normal": float(special.ndtr(-z)),
        },
    )


def kolmogorov_tail(days: int, distance: float) -> float:
    """Chance that the largest gap between a sample and its law is at least ``distance``.

    Exact by the matrix of Marsaglia, Tsang and Wang (J. Statistical Software 8(18), 2003); in the
    far tail twice the one-sided chance, and beyond 5,000 days Stephens's form of the limit law.

    Examples
    --------
    >>> round(1.0 - kolmogorov_tail(10, 0.274), 6)  # as printed in the paper: 0.628480
    0.62848
    """
    one_sided = float(special.smirnov(days, distance))
    if one_sided < 0.005:
        return min(2.0 * one_sided, 1.0)
    if days > 5_000:
        root = math.sqrt(days)
        return float(special.kolmogorov((root + 0.12 + 0.11 / root) * distance))
    k = math.floor(days * distance) + 1
    size, h = 2 * k - 1, k - days * distance
    place = np.arange(size)
    gap = place[:, None] - place + 1
    matrix = np.where(gap >= 0, 1.0, 0.0)
    powers = h ** (place + 1.0)
    matrix[:, 0] -= powers
    matrix[-1, :] -= powers[::-1]
    matrix[-1, 0] += max(2.0 * h - 1.0, 0.0) ** size
    matrix = matrix * np.exp(-special.gammaln(np.maximum(gap, 0) + 1.0))
    row = np.zeros(size)
    row[k - 1] = 1.0
    scale = 0.0
    for step in range(1, days + 1):
        row = row @ matrix
        scale += math.log(step / days)
        if step % 64 == 0:  # keep within the range of numbers
            most = float(row.max())
            row, scale = row / most, scale + math.log(most)
    below = float(row[k - 1]) * math.exp(scale)
    return min(max(1.0 - below, 0.0), 1.0)


def uniformity(u: Array) -> Result:
    """Kolmogorov and Smirnov's distance of the PIT from the uniform law.

    The p-value is exact up to 5,000 days (`kolmogorov_tail`).

    Examples
    --------
    >>> round(uniformity((np.arange(10) + 0.5) / 10).statistic, 6)
    0.05
    """
    ordered, days = np.sort(_unit(u)), u.size
    places = np.arange(days + 1.0) / days
    distance = float(max((places[1:] - ordered).max(), (ordered - places[:-1]).max()))
    return Result(distance, kolmogorov_tail(days, distance), {"days": days})
