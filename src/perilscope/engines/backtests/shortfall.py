# SPDX-License-Identifier: Apache-2.0
"""Tests of CVaR by the size of exceptions: Acerbi and Szekely, McNeil and Frey.

The statistics are as published, in terms of losses: near 0 under the null, below it where CVaR was
forecast too low. Their p-values are simulated from the law of the forecasts, one-sided.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from perilscope.engines.backtests.forecast_law import ForecastLaw, drawn
from perilscope.engines.backtests.null import affordable
from perilscope.engines.backtests.result import (
    Array,
    Result,
    Value,
    aligned,
    at_least,
    hits,
)
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

PATHS = 10_000
BOOTSTRAPS = 9_999
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def _positive(cvar: Array) -> None:
    if not np.all(cvar > 0.0):
        raise AssessmentError("CVaR is not above zero on every day, and losses are divided by it")


def _told(statistic: float, simulated: Array, law: ForecastLaw, **more: Value) -> Result:
    p, error = at_least(-simulated, -statistic)
    return Result(
        statistic,
        p,
        {
            **more,
            "p_value_error": error,
            "paths": int(simulated.size),
            "drawn_from": law.kind,
            "degrees_of_freedom_of_law": law.shape,
        },
    )


def acerbi_szekely_z1(
    loss: Array, var: Array, cvar: Array, law: ForecastLaw, seed: int = 1, paths: int = PATHS
) -> Result:
    """Z1: the mean of loss over CVaR on exceptions, given that there are any.

    ``1 - sum(L I / CVaR) / N``. Series drawn without an exception are left out of the p-value.

    Raises
    ------
    AssessmentError
        Without exceptions, or where CVaR is not positive.

    Source: Acerbi and Szekely, *Backtesting expected shortfall*, Risk (Dec 2014), equation 4.

    Examples
    --------
    >>> from perilscope.engines.backtests.forecast_law import forecast_law
    >>> loss, var, cvar = np.array([0.0, 3.0, 0.0, 6.0]), np.full(4, 2.0), np.full(4, 3.0)
    >>> acerbi_szekely_z1(loss, var, cvar, forecast_law(0.75, var, cvar)).statistic
    -0.5
    """
    loss, var, cvar = aligned(loss, var, cvar)
    _positive(cvar)
    breached = hits(loss, var)
    count = int(breached.sum())
    if count == 0:
        raise AssessmentError("no exceptions: Z1 is a mean over exceptions")
    statistic = 1.0 - float((loss / cvar)[breached].sum()) / count
    sample = drawn(law, seed, paths)
    many, total = sample.sums(), sample.sums(sample.loss / cvar[sample.day])
    simulated = np.full(sample.paths, np.nan)
    np.divide(total, many, out=simulated, where=many > 0.0)
    return _told(statistic, 1.0 - simulated, law, exceptions=count)


def acerbi_szekely_z2(
    loss: Array, var: Array, cvar: Array, law: ForecastLaw, seed: int = 1, paths: int = PATHS
) -> Result:
    """Z2: the sum of loss over CVaR on exceptions against its mean; sees number and size.

    ``1 - sum(L I / CVaR) / (n (1 - level))``. Without exceptions it is 1.

    Source: Acerbi and Szekely, *Backtesting expected shortfall*, Risk (Dec 2014), equation 6; below
    -0.70 in 5 % of years of 250 days at 97.5 % for most laws (their table of critical values).

    Examples
    --------
    >>> from perilscope.engines.backtests.forecast_law import forecast_law
    >>> loss, var, cvar = np.array([0.0, 3.0, 0.0, 6.0]), np.full(4, 2.0), np.full(4, 3.0)
    >>> acerbi_szekely_z2(loss, var, cvar, forecast_law(0.75, var, cvar)).statistic
    -2.0
    """
    loss, var, cvar = aligned(loss, var, cvar)
    _positive(cvar)
    breached = hits(loss, var)
    expected = loss.size * (1.0 - law.level)
    statistic = 1.0 - float((loss / cvar)[breached].sum()) / expected
    sample = drawn(law, seed, paths)
    simulated = 1.0 - sample.sums(sample.loss / cvar[sample.day]) / expected
    return _told(statistic, simulated, law, exceptions=int(breached.sum()))


def _quantile(df: float | None, u: Array | float) -> Array:
    """Quantiles of the standardised law."""
    if df is None:
        return np.asarray(special.ndtri(u))
    return np.asarray(math.sqrt((df - 2.0) / df) * special.stdtrit(df, u))


def mean_of_largest(df: float | None, days: int, largest: int) -> float:
    """Mean of the average of the largest of ``days`` values of the standardised law.

    ``days / largest`` times the integral of the quantile at u times the chance that a value there
    is among the largest, which is a regularised incomplete beta function of u.

    Source: Acerbi and Szekely (2014), appendix (law of the sample's expected shortfall).

    Examples
    --------
    >>> round(mean_of_largest(None, 2, 1), 9)  # 1 / sqrt(pi)
    0.564189584
    """
    # in x = -log(1 - u) both ends are tame; panels are finer where u is small
    edges = np.concatenate([[0.0], np.geomspace(1e-8, 4.0 * math.log(days / largest), 300)])
    edges = np.concatenate([edges, np.linspace(edges[-1], 120.0, 40)[1:]])
    half = 0.5 * np.diff(edges)[:, None]
    x = edges[:-1, None] + half * (1.0 + _NODES)
    rest, u = np.exp(-x), -np.expm1(-x)
    at = np.where(u < 0.5, _quantile(df, np.minimum(u, 0.5)), -_quantile(df, np.minimum(rest, 0.5)))
    among = special.betainc(days - largest, largest, u)
    total = float((half * _WEIGHTS * at * among * rest).sum())
    return days / largest * total


def acerbi_szekely_z3(loss: Array, law: ForecastLaw, seed: int = 1, paths: int = PATHS) -> Result:
    """Z3: the sample CVaR of the PIT, sent back through each day's law, against its mean.

    ``1 - mean(CVaR_n(P_t^-1(U)) / E CVaR_n(P_t^-1(V)))``, where CVaR_n averages the largest
    ``floor(n (1 - level))`` of n. Where degrees of freedom differ from day to day their median
    stands for all of them in the inverse.

    Raises
    ------
    AssessmentError
        Where only the tail of the law is known, or there are fewer than ``1 / (1 - level)`` days.

    Source: Acerbi and Szekely, *Backtesting expected shortfall*, Risk (Dec 2014), equation 8.

    Examples
    --------
    >>> from perilscope.engines.backtests.forecast_law import ForecastLaw
    >>> law = ForecastLaw("normal", 0.975, np.zeros(500), np.ones(500))
    >>> u = (np.arange(500) + 0.5) / 500
    >>> abs(acerbi_szekely_z3(special.ndtri(u), law, paths=500).statistic) < 0.02
    True
    """
    (loss,) = aligned(loss)
    days = loss.size
    largest = math.floor(days * (1.0 - law.level) + 1e-9)
    if largest < 1:
        raise AssessmentError(f"{days} days are fewer than 1 / (1 - level)")
    u = law.pit(loss)
    df, centre, scale = law.shape, law.centre, law.scale
    expected = mean_of_largest(df, days, largest)
    ahead = centre + scale * expected
    _positive(ahead)

    def z3(average: Array | float) -> Array:
        # mean over days of (m + s T) / (m + s E T), which is a line in T
        flat, steep = float((centre / ahead).mean()), float((scale / ahead).mean())
        return np.asarray(1.0 - flat - steep * average)

    top = np.minimum(np.sort(u)[-largest:], 1.0 - 1e-16)
    statistic = float(z3(float(_quantile(df, top).mean())))
    rng = stream(seed, "backtests", f"z3 {days} {law.level!r}")
    paths = affordable(paths, float(largest))
    gaps = rng.standard_exponential((paths, largest + 1))
    gaps[:, -1] = rng.standard_gamma(days - largest + 0.0, paths) + gaps[:, -1]
    # the largest of n uniforms from partial sums of exponentials (Renyi): no sorting
    beyond = np.cumsum(gaps[:, :largest], axis=1) / gaps.sum(axis=1)[:, None]
    simulated = z3(-_quantile(df, beyond).mean(axis=1))
    return _told(statistic, simulated, law, largest=largest)


# --- McNeil and Frey ------------------------------------------------------------------------------


def mcneil_frey(
    loss: Array,
    var: Array,
    cvar: Array,
    sd: Array | None = None,
    seed: int = 1,
    bootstraps: int = BOOTSTRAPS,
) -> Result:
    """McNeil and Frey's exceedance residuals: is the mean of loss less CVaR on exceptions zero?

    Parameters
    ----------
    sd : array, optional
        Residuals are divided by it where it is given.

    Returns
    -------
    Result
        The t-statistic of the mean; the p-value is of a mean above zero (CVaR too low), by
        bootstrap of the centred residuals; ``p_value_two_sided`` of any mean.

    Raises
    ------
    AssessmentError
        With fewer than two different residuals.

    Source: McNeil and Frey, J. Empirical Finance 7 (2000), section 4.2; Efron and Tibshirani,
    *An Introduction to the Bootstrap* (1993), algorithm 16.2.

    Examples
    --------
    >>> loss = np.array([3.0, 5.0, 1.0, 4.0])
    >>> round(mcneil_frey(loss, np.full(4, 2.0), np.full(4, 3.5)).statistic, 6)
    0.866025
    """
    loss, var, cvar = aligned(loss, var, cvar)
    residual = (loss - cvar) / (1.0 if sd is None else aligned(loss, sd)[1])
    residual = residual[hits(loss, var)]
    count = residual.size
    if count < 2 or float(residual.max() - residual.min()) <= 0.0:
        raise AssessmentError("two different exceptions are needed at least")
    mean, spread = float(residual.mean()), float(residual.std(ddof=1))
    statistic = mean / (spread / math.sqrt(count))
    rng = stream(seed, "backtests", f"residuals {count}")
    centred = residual - mean
    # chunks keep long series within memory
    bootstraps = affordable(bootstraps, float(count))
    block = max(4_000_000 // count, 1)
    found = []
    for start in range(0, bootstraps, block):
        again = centred[rng.integers(0, count, (min(block, bootstraps - start), count))]
        middle, wide = again.mean(axis=1), again.std(axis=1, ddof=1)
        flat = wide <= 1e-12 * spread  # one residual drawn throughout: infinitely far on its side
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = middle / (wide / math.sqrt(count))
        found.append(np.where(flat, np.copysign(np.inf, middle), ratio))
    t = np.concatenate(found)
    p, error = at_least(t, statistic)
    return Result(
        statistic,
        p,
        {
            "mean_residual": mean,
            "exceptions": count,
            "standardised": sd is not None,
            "p_value_error": error,
            "p_value_two_sided": at_least(np.abs(t), abs(statistic))[0],
            "bootstraps": bootstraps,
        },
    )
