# SPDX-License-Identifier: Apache-2.0
"""Nolde and Ziegel's conditional calibration of VaR and CVaR together.

Both identification functions are signed so that their mean is positive where the forecast is
prudent: ``p - I`` for VaR, and ``CVaR - VaR - (L - VaR)+ / p`` for CVaR, with p = 1 - level.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from perilscope.engines.backtests.forecast_law import ForecastLaw, drawn
from perilscope.engines.backtests.result import (
    Array,
    Result,
    aligned,
    at_least,
    checked_level,
    chi2_tail,
)
from perilscope.errors import AssessmentError

PATHS = 10_000


def identification(loss: Array, var: Array, cvar: Array, level: float) -> Array:
    """The two identification functions, shape (n, 2); mean zero where both forecasts are right.

    Source: Nolde and Ziegel, Annals of Applied Statistics 11 (2017), section 2.2 (signs as above).

    Examples
    --------
    >>> loss, var, cvar = np.array([0.0, 4.0]), np.full(2, 2.0), np.full(2, 3.0)
    >>> identification(loss, var, cvar, 0.75).tolist()
    [[0.25, 1.0], [-0.75, -7.0]]
    """
    loss, var, cvar = aligned(loss, var, cvar)
    p = 1.0 - checked_level(level)
    over = np.maximum(loss - var, 0.0)
    return np.stack([p - (loss > var), cvar - var - over / p], axis=1)


def _weights(
    var: Array, cvar: Array, sd: Array | None, level: float, one_sided: bool
) -> tuple[Array, ...]:
    """Test functions: pairs of what the two identification functions are multiplied by."""
    zero, unit = np.zeros(var.size), np.ones(var.size)
    if sd is None:
        return np.stack([unit, zero]), np.stack([zero, unit])
    if not one_sided:
        # so that only exceptions count: their sum is 1{L > VaR}(CVaR - L) / (sd (1 - level))
        return (np.stack([(var - cvar) / (1.0 - level), unit]) / sd,)
    return (
        np.stack([unit, zero]),
        np.stack([np.abs(var), zero]),
        np.stack([zero, unit]),
        np.stack([zero, 1.0 / sd]),
    )


def _moments(terms: Array) -> tuple[Array, Array]:
    """Means (q,) and second moments (q, q) of moment functions, shape (n, q)."""
    return terms.mean(axis=0), np.einsum("ti,tj->ij", terms, terms) / terms.shape[0]


def _wald(mean: Array, second: Array, days: int) -> Array:
    """``n m' S^-1 m`` of each row; S without inverse only where a direction never varies."""
    return np.asarray(
        days * np.einsum("ri,rij,rj->r", mean, np.linalg.pinv(second, 1e-12, hermitian=True), mean)
    )


def _worst(mean: Array, second: Array, days: int) -> tuple[Array, Array]:
    """Least of the studentised means of each row, and Hommel's p-value of all of them."""
    spread = np.sqrt(np.einsum("rii->ri", second))
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(spread > 0.0, np.sqrt(days) * mean / spread, 0.0)
    p = np.sort(special.ndtr(each), axis=1)
    many = p.shape[1]
    ranks = np.arange(1.0, many + 1.0)
    joint = np.minimum((p / ranks).min(axis=1) * many * (1.0 / ranks).sum(), 1.0)
    return each.min(axis=1), joint


def nolde_ziegel(
    loss: Array,
    var: Array,
    cvar: Array,
    level: float,
    sd: Array | None = None,
    one_sided: bool = False,
    law: ForecastLaw | None = None,
    seed: int = 1,
    paths: int = PATHS,
) -> Result:
    """Traditional backtest of conditional calibration, simple (no ``sd``) or general.

    Parameters
    ----------
    sd : array, optional
        Forecast standard deviations, for the general test.
    one_sided : bool
        Test prudence alone (CVaR and VaR not too low), not calibration.
    law : ForecastLaw, optional
        Where the null is drawn from, for ``p_value_simulated``.

    Returns
    -------
    Result
        Two-sided: a Wald statistic, chi-squared with 2 (simple) or 1 (general). One-sided: the
        least of the studentised means (2 or 4), p-value by Hommel's rule.

    Raises
    ------
    AssessmentError
        Without exceptions: the variance then cannot be estimated.

    Source: Nolde and Ziegel, Annals of Applied Statistics 11 (2017), section 2.3 and their choice
    of test functions for CVaR in section 2.4.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> var, cvar = np.full(1000, 1.96), np.full(1000, 2.338)
    >>> found = nolde_ziegel(rng.standard_normal(1000), var, cvar, 0.975)
    >>> found.parameters["degrees_of_freedom"], found.p_value > 0.01
    (2, True)
    """
    loss, var, cvar = aligned(loss, var, cvar)
    if not np.any(loss > var):
        raise AssessmentError("no exceptions: the variance of the calibration cannot be estimated")
    values = identification(loss, var, cvar, level)
    weights = _weights(var, cvar, sd, level, one_sided)
    terms = np.stack([(w.T * values).sum(axis=1) for w in weights], axis=1)
    mean, second = (each[None] for each in _moments(terms))
    days, many = terms.shape
    if one_sided:
        least, joint = _worst(mean, second, days)
        statistic, p_value = float(least[0]), float(joint[0])
    else:
        statistic = float(_wald(mean, second, days)[0])
        p_value = chi2_tail(statistic, many)
    parameters: dict[str, float | int | str] = {
        "test_functions": many,
        "exceptions": int((loss > var).sum()),
        "side": "one" if one_sided else "two",
    }
    if not one_sided:
        parameters["degrees_of_freedom"] = many
    if law is not None:
        first, two = _simulated(law, var, cvar, weights, seed, paths)
        if one_sided:  # the smaller the p-value the worse
            simulated = at_least(-_worst(first, two, days)[1], -p_value)
        else:
            simulated = at_least(_wald(first, two, days), statistic)
        parameters |= {
            "p_value_simulated": simulated[0],
            "p_value_simulated_error": simulated[1],
            "paths": len(first),
            "drawn_from": law.kind,
        }
    return Result(statistic, p_value, parameters)


def _simulated(
    law: ForecastLaw, var: Array, cvar: Array, weights: tuple[Array, ...], seed: int, paths: int
) -> tuple[Array, Array]:
    """Means and second moments of the moment functions in series drawn from the forecasts.

    Most days are calm and have known values: sums over all days as if all were calm, mended on the
    exceptions. Series without exceptions are left out, as the test is of those with some.
    """
    sample, p, days = drawn(law, seed, paths), 1.0 - law.level, var.size
    paths = sample.paths
    calm = np.stack([np.full(days, p), cvar - var])
    over = (sample.loss - var[sample.day]) / p
    hit = np.stack([np.full(over.size, p - 1.0), (cvar - var)[sample.day] - over])
    quiet = [(w * calm).sum(axis=0) for w in weights]
    loud = [(w[:, sample.day] * hit).sum(axis=0) for w in weights]
    many = len(weights)
    mean, second = np.empty((paths, many)), np.empty((paths, many, many))
    for i in range(many):
        mean[:, i] = (quiet[i].sum() + sample.sums(loud[i] - quiet[i][sample.day])) / days
        for j in range(i, many):
            change = loud[i] * loud[j] - (quiet[i] * quiet[j])[sample.day]
            second[:, i, j] = ((quiet[i] * quiet[j]).sum() + sample.sums(change)) / days
            second[:, j, i] = second[:, i, j]
    some = sample.sums() > 0.0
    return mean[some], second[some]
