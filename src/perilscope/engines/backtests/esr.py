# SPDX-License-Identifier: Apache-2.0
"""Expected shortfall regression backtests of Bayer and Dimitriadis.

Returns (minus losses) are regressed on the forecasts so that the fits are their VaR and CVaR: the
joint loss of Fissler and Ziegel is minimised, in turn over the quantile's coefficients (a weighted
quantile regression, solved exactly as a linear programme) and over those of CVaR. If the forecasts
are right the line of CVaR has intercept 0 and slope 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy import special

from perilscope.engines.backtests.result import (
    Array,
    Result,
    Value,
    aligned,
    checked_level,
    chi2_tail,
    two_sided,
)
from perilscope.errors import AssessmentError

Form = Literal["strict", "auxiliary", "intercept"]
MOST_DAYS = 20_000
_ROUNDS = 40
FEW = 25.0
CAUTION = "few days in the tail: right forecasts are rejected far too often"
"""Of 100 series of 250 days at 97.5 % the strict form rejects 45 at 5 %, the intercept 19."""


def quantile_regression(y: Array, x: Array, share: float, weights: Array | None = None) -> Array:
    """Coefficients that minimise the weighted pinball loss of a quantile; shape (k,).

    Parameters
    ----------
    y : array, shape (n,)
    x : array, shape (n, k)
    share : float
        Of y that shall lie below.

    Source: Koenker and Bassett, Econometrica 46 (1978), as the dual linear programme.

    Examples
    --------
    >>> y = np.array([3.0, 1.0, 2.0])
    >>> float(quantile_regression(y, np.ones((3, 1)), 0.5)[0])
    2.0
    """
    days, many = x.shape
    weight = np.ones(days) if weights is None else weights / weights.mean()
    scale = float(np.abs(y).max()) or 1.0
    # max y'd with X'd = share-weighted sums, 0 <= d <= w; the coefficients are its prices
    from scipy import optimize, sparse  # slow to load, and seldom wanted

    found = optimize.linprog(
        -y / scale,
        A_eq=sparse.csr_matrix(x.T),
        b_eq=(1.0 - share) * (x.T * weight).sum(axis=1),
        bounds=np.stack([np.zeros(days), weight], axis=1),
        method="highs",
    )
    if found.status != 0:
        raise AssessmentError(f"the quantile regression found no solution: {found.message}")
    return np.asarray(-found.eqlin.marginals * scale).reshape(many)


def _height(z: Array, e: Array) -> float:
    """The joint loss given ``z``, whose mean is CVaR; e is negative."""
    return float((z / e + np.log(-e)).mean())


def _descend(z: Array, x: Array, start: Array) -> Array:
    """Coefficients of CVaR that minimise the joint loss for fixed quantiles (Fisher scoring)."""
    best, height = start, _height(z, x @ start)
    for _ in range(100):
        e = x @ best
        weight = 1.0 / e**2
        step = np.linalg.lstsq(x * np.sqrt(weight)[:, None], (z - e) * np.sqrt(weight), rcond=None)[
            0
        ]
        for _ in range(40):
            trial = x @ (best + step)
            if np.all(trial < 0.0) and _height(z, trial) <= height:
                break
            step = 0.5 * step
        else:
            return best
        best, gain, height = best + step, height - _height(z, trial), _height(z, trial)
        if gain <= 1e-14 * max(abs(height), 1.0):
            return best
    return best


def joint_regression(
    y: Array, quantile_x: Array, cvar_x: Array, share: float
) -> tuple[Array, Array, Array]:
    """Fit quantile and lower tail mean of y, both linear; y shifted to at most 0 as published.

    Parameters
    ----------
    y : array, shape (n,)
        Returns.
    quantile_x, cvar_x : arrays, shape (n, k) and (n, m)
        The first column of each is a constant.
    share : float
        Probability of the lower tail.

    Returns
    -------
    quantile, cvar : arrays
        Coefficients.
    covariance : array, shape (m, m)
        Of the coefficients of CVaR, by the sandwich of the joint loss, which needs no density.

    Source: Dimitriadis and Bayer, Electronic J. Statistics 13 (2019), theorem 2.6 and section 3;
    G1 = 0 and G2(z) = -log(-z), the choice of R's ``esreg``.
    """
    shift = float(y.max())
    moved = y - shift
    quantile = quantile_regression(moved, quantile_x, share)
    spread = float(moved.std())
    first = np.zeros(cvar_x.shape[1])
    # a constant below every loss to begin with: always allowed
    first[0] = min(float(np.quantile(moved, share / 2.0)), -1e-6 * spread)
    cvar, height = first, np.inf
    for _ in range(_ROUNDS):
        q = quantile_x @ quantile
        z = q - np.maximum(q - moved, 0.0) / share
        cvar = _descend(z, cvar_x, cvar)
        e = cvar_x @ cvar
        gain, height = height - _height(z, e), _height(z, e)
        if gain <= 1e-12 * max(abs(height), 1.0):
            break
        quantile = quantile_regression(moved, quantile_x, share, -1.0 / e)
    e = cvar_x @ cvar
    score = cvar_x * ((e - z) / e**2)[:, None]
    bread = np.linalg.pinv(np.einsum("ti,tj->ij", cvar_x, cvar_x / (e**2)[:, None]))
    covariance = bread @ np.einsum("ti,tj->ij", score, score) @ bread
    quantile, cvar = quantile.copy(), cvar.copy()
    quantile[0] += shift
    cvar[0] += shift
    return quantile, cvar, covariance


def esr(loss: Array, cvar: Array, level: float, form: Form, var: Array | None = None) -> Result:
    """ESR backtest.

    Parameters
    ----------
    form : str
        ``strict``: quantile and CVaR of returns on the CVaR forecast. ``auxiliary``: the quantile
        on the VaR forecast instead. ``intercept``: of returns less CVaR, a constant alone.

    Returns
    -------
    Result
        Strict and auxiliary: Wald statistic of (0, 1), chi-squared with 2. Intercept: the
        t-statistic, positive where CVaR was too low; ``p_value_too_low`` is one-sided.

    Raises
    ------
    AssessmentError
        Where forecasts do not vary, days are too few for the tail, or losses do not vary.

    Source: Bayer and Dimitriadis, J. Financial Econometrics 20 (2022), section 2; versions 1, 2, 3
    of R's ``esback``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> sd = np.exp(0.3 * rng.standard_normal(1000))
    >>> found = esr(sd * rng.standard_normal(1000), 2.3378 * sd, 0.975, "strict")
    >>> found.parameters["degrees_of_freedom"], found.p_value > 0.001
    (2, True)
    """
    loss, cvar = aligned(loss, cvar)
    share, days = 1.0 - checked_level(level), loss.size
    if days * share < 2.0 or days < 30:
        raise AssessmentError(f"{days} days have fewer than two in the tail to regress on")
    if days > MOST_DAYS:
        raise AssessmentError(f"more than {MOST_DAYS:,} days are not regressed on")
    unit = np.ones(days)
    line = np.stack([unit, -cvar], axis=1)
    if form == "intercept":
        y, quantile_x, cvar_x, null = cvar - loss, line, unit[:, None], np.zeros(1)
    else:
        beside = -cvar if form == "strict" else -aligned(loss, var if var is not None else cvar)[1]
        y, quantile_x, cvar_x, null = (
            -loss,
            np.stack([unit, beside], axis=1),
            line,
            np.array([0, 1.0]),
        )
    if float(np.ptp(y)) <= 0.0:
        raise AssessmentError("losses do not vary")
    if form == "intercept" and float(np.ptp(cvar)) <= 1e-9 * float(np.abs(cvar).max()):
        quantile_x = unit[:, None]  # one forecast for all days: a constant says it all
    elif any(
        float(np.ptp(x[:, 1])) <= 1e-9 * float(np.abs(x[:, 1]).max()) for x in (quantile_x, line)
    ):
        raise AssessmentError(
            "the forecasts are the same every day: there is nothing to regress on"
        )
    quantile, fitted, covariance = joint_regression(y, quantile_x, cvar_x, share)
    found = _told(form, quantile, fitted, covariance, null)
    if days * share >= FEW:
        return found
    return replace(found, parameters={**found.parameters, "caution": CAUTION})


def _told(form: Form, quantile: Array, fitted: Array, covariance: Array, null: Array) -> Result:
    gap = fitted - null
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if not np.all(errors > 0.0) or not np.all(np.isfinite(errors)):
        raise AssessmentError("the regression leaves no error to test with")
    parameters: dict[str, Value] = {
        "intercept": float(fitted[0]),
        "intercept_error": float(errors[0]),
        "quantile_coefficients": tuple(quantile.tolist()),
    }
    if form == "intercept":
        t = -float(gap[0] / errors[0])
        return Result(t, two_sided(t), {**parameters, "p_value_too_low": float(special.ndtr(-t))})
    wald = float(gap @ np.linalg.pinv(covariance) @ gap)
    return Result(
        wald,
        chi2_tail(wald, 2),
        {
            **parameters,
            "slope": float(fitted[1]),
            "slope_error": float(errors[1]),
            "degrees_of_freedom": 2,
        },
    )
