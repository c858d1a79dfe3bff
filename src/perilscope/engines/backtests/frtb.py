# SPDX-License-Identifier: Apache-2.0
"""Basel's trading-book rules (FRTB): liquidity horizons, stress scaling, P&L attribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from perilscope.engines.backtests.result import Array, Result, aligned
from perilscope.errors import AssessmentError, MisuseError

BASE_HORIZON = 10.0
HORIZONS = (10.0, 20.0, 40.0, 60.0, 120.0)
LEVEL = 0.975
EXPLAINED = 0.75
"""Share of today's CVaR that the reduced factors must explain."""
AVERAGED = 60
"""Days over which capital is averaged."""
STRESS_CORRELATION, STRESS_HORIZON = 0.6, 20
"""Of factors that cannot be modelled, and the least liquidity horizon of one in days."""
SPEARMAN = (0.80, 0.70)
"""Green at or above the first (strictly above in the standard's table), red below the second."""
DISTANCE = (0.09, 0.12)
DESK_EXCEPTIONS = {0.99: 12, 0.975: 30}
"""Exceptions in 250 days above which a desk loses its model (MAR32.18)."""


def liquidity_horizon_cvar(partial: Mapping[float, float], base: float = BASE_HORIZON) -> float:
    """CVaR over the liquidity horizons of risk factors.

    Parameters
    ----------
    partial : mapping of days to money
        CVaR over the base horizon when only factors with at least this liquidity horizon move; the
        shortest horizon, the base, is that of all of them.
    base : float
        Days of the base horizon.

    Returns
    -------
    float
        ``sqrt(sum((CVaR_j sqrt((LH_j - LH_{j-1}) / base))^2))``; here, and only here, the standard
        scales by the square root of time.

    Raises
    ------
    MisuseError
        Where the base horizon is missing, or a figure is negative or not finite.

    Source: Basel framework, MAR33.4 and MAR33.5.

    Examples
    --------
    >>> parts = {10: 100.0, 20: 80.0, 40: 60.0, 60: 40.0, 120: 20.0}
    >>> round(liquidity_horizon_cvar(parts), 9)
    170.880074906
    """
    if not partial or not math.isclose(min(partial), base):
        raise MisuseError(f"the first liquidity horizon must be {base:g} days, of all risk factors")
    if not all(math.isfinite(value) and value >= 0.0 for value in partial.values()):
        raise MisuseError("CVaR by liquidity horizon must be a finite amount, zero or more")
    total, before = 0.0, 0.0
    for horizon in sorted(partial):
        total += partial[horizon] ** 2 * (horizon - before) / base
        before = horizon
    return math.sqrt(total)


def stressed_cvar(stressed_reduced: float, current_full: float, current_reduced: float) -> float:
    """CVaR of the stress period for all factors, from a reduced set that was there then.

    ``ES_RS * max(ES_FC / ES_RC, 1)``; the reduced set must explain three quarters of today's CVaR.

    Source: Basel framework, MAR33.6 and MAR33.7.

    Examples
    --------
    >>> stressed_cvar(200.0, 110.0, 100.0)
    220.00000000000003
    """
    if min(stressed_reduced, current_full, current_reduced) <= 0.0:
        raise MisuseError("CVaR of all three sets must be above zero")
    if current_reduced < EXPLAINED * current_full:
        raise AssessmentError("the reduced factors explain less than 75 % of today's CVaR")
    return stressed_reduced * max(current_full / current_reduced, 1.0)


def stress_scenarios(alone: Sequence[float]) -> float:
    """Capital for risk factors that cannot be modelled, from the loss of each alone in its stress.

    ``sqrt((rho sum(x))^2 + (1 - rho^2) sum(x^2))`` with rho 0.6: the rule for factors that are not
    shown to be idiosyncratic, which asks for more than the rule for those that are (rho 0).

    Parameters
    ----------
    alone : sequence of float
        Zero or more, in money or shares of the value.

    Source: Basel framework, MAR33.16 and MAR33.17.

    Examples
    --------
    >>> stress_scenarios([3.0]), stress_scenarios([]), round(stress_scenarios([3.0, 4.0]), 9)
    (3.0, 0.0, 5.8)
    """
    losses = np.asarray(alone, dtype=np.float64)
    if not np.all(losses >= 0.0) or not np.all(np.isfinite(losses)):
        raise MisuseError("losses in stress scenarios must be finite amounts, zero or more")
    common = (STRESS_CORRELATION * float(losses.sum())) ** 2
    own = (1.0 - STRESS_CORRELATION**2) * float((losses**2).sum())
    return math.sqrt(common + own)


def capital(modelled: Sequence[float], stressed: Sequence[float], multiplier: float) -> float:
    """Capital for market risk without default risk: of the last day or the mean of sixty.

    ``max(IMCC + SES, m_c mean(IMCC) + mean(SES))``.

    Parameters
    ----------
    modelled : sequence of float
        Stressed CVaR of what can be modelled (IMCC) of each day, the last day last.
    stressed : sequence of float
        Stress scenarios of what cannot (SES), of the same days.
    multiplier : float
        1.5 and more by exceptions (MAR32.9).

    Raises
    ------
    MisuseError
        No days, not as many of both, or a multiplier below 1.5.

    Source: Basel framework, MAR33.41.

    Examples
    --------
    >>> capital([10.0, 10.0, 10.0], [1.0, 2.0, 3.0], 1.5), capital([1.0, 1.0, 10.0], [0.0] * 3, 1.5)
    (17.0, 10.0)
    """
    if not modelled or len(modelled) != len(stressed) or not multiplier >= 1.5:
        raise MisuseError("capital needs as many figures of both kinds, and a multiplier from 1.5")
    averaged = multiplier * float(np.mean(modelled)) + float(np.mean(stressed))
    return max(modelled[-1] + stressed[-1], averaged)


def _zone(value: float, green: float, red: float, high_is_good: bool) -> str:
    good, bad = (value > green, value < red) if high_is_good else (value < green, value > red)
    return "green" if good else "red" if bad else "amber"


def spearman(hypothetical: Array, theoretical: Array) -> Result:
    """P&L attribution by rank correlation: green above 0.80, red below 0.70.

    Parameters
    ----------
    hypothetical : array, shape (n,)
        P&L of yesterday's portfolio by the front office's prices.
    theoretical : array, shape (n,)
        The same by the risk model's prices.

    Source: Basel framework, MAR32.33 to MAR32.44. The p-value is that of no correlation.

    Examples
    --------
    >>> spearman(np.arange(20.0), np.arange(20.0) ** 3).parameters["zone"]
    'green'
    """
    hypothetical, theoretical = aligned(hypothetical, theoretical)
    if hypothetical.size < 10 or np.ptp(hypothetical) == 0.0 or np.ptp(theoretical) == 0.0:
        raise AssessmentError("ten days are needed at least, and P&L that varies")
    from scipy import stats  # slow to load, and seldom wanted

    found = stats.spearmanr(hypothetical, theoretical)
    value = float(found.statistic)
    return Result(
        value,
        float(found.pvalue),
        {"zone": _zone(value, *SPEARMAN, True), "days": hypothetical.size},
    )


def kolmogorov_smirnov(hypothetical: Array, theoretical: Array) -> Result:
    """P&L attribution by the distance of the two laws: green below 0.09, red above 0.12.

    Source: Basel framework, MAR32.33 to MAR32.44. The p-value takes days as independent.

    Examples
    --------
    >>> kolmogorov_smirnov(np.arange(20.0), np.arange(20.0) + 5.0).parameters["zone"]
    'red'
    """
    hypothetical, theoretical = aligned(hypothetical, theoretical)
    if hypothetical.size < 10:
        raise AssessmentError("ten days are needed at least")
    from scipy import stats  # slow to load, and seldom wanted

    found = stats.ks_2samp(hypothetical, theoretical, method="asymp")
    value = float(found.statistic)
    return Result(
        value,
        float(found.pvalue),
        {"zone": _zone(value, *DISTANCE, False), "days": hypothetical.size},
    )


def attribution(hypothetical: Array, theoretical: Array) -> str:
    """The desk's zone: green if both are, red if either is, else amber.

    Examples
    --------
    >>> attribution(np.arange(30.0), np.arange(30.0) + 0.5)
    'green'
    """
    zones = {
        str(test(hypothetical, theoretical).parameters["zone"])
        for test in (spearman, kolmogorov_smirnov)
    }
    return "red" if "red" in zones else "green" if zones == {"green"} else "amber"
