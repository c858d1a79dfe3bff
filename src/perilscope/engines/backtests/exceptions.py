# SPDX-License-Identifier: Apache-2.0
"""How many losses lay above VaR, against how many should have: traffic light, binomial, Kupiec."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from perilscope.engines.backtests.result import (
    TIE,
    Hits,
    Result,
    checked_level,
    chi2_tail,
    likelihood,
    two_sided,
)
from perilscope.errors import AssessmentError

YELLOW, RED = 0.95, 0.9999
"""Chances of so many exceptions or fewer at which the zones begin (Basel, MAR99.14 and 99.15)."""
BASEL_DAYS, BASEL_LEVEL = 250, 0.99
_PLUS = {5: 0.40, 6: 0.50, 7: 0.65, 8: 0.75, 9: 0.85}
_PLUS_FRTB = {5: 0.20, 6: 0.26, 7: 0.33, 8: 0.38, 9: 0.42}


def _counted(count: int, days: int, level: float) -> tuple[int, int, float]:
    checked_level(level)
    if days < 1:
        raise AssessmentError("there are no forecasts to test")
    if not 0 <= count <= days:
        raise AssessmentError(f"{count} exceptions in {days} days cannot be")
    return int(count), int(days), 1.0 - level


def zone(below: float, seen: float = 1.0) -> str:
    """The colour of a chance of as much or less; nothing at all is green in the shortest series.

    Examples
    --------
    >>> zone(0.9588)
    'yellow'
    """
    return "green" if below < YELLOW or seen == 0.0 else "yellow" if below < RED else "red"


def multiplier(count: int, days: int, level: float, base: float = 3.0) -> float:
    """Basel's capital multiplier for a number of exceptions.

    Parameters
    ----------
    count, days : int
    level : float
    base : float
        3 of the framework of 1996 (up to 4), or 1.5 of today's (MAR32.9; up to 2).

    Returns
    -------
    float
        The published table for 250 days at 99 %. Elsewhere the rule it was made by: what would
        bring a normal law's quantile at the frequency that was seen back to the level, at most a
        third more; nothing in the green zone, all of it in the red.

    Source: Basel Committee (1996), *Supervisory framework for backtesting*, table 2 and section
    III; Basel framework MAR32.9, MAR99.

    Examples
    --------
    >>> multiplier(5, 250, 0.99), multiplier(6, 250, 0.99, 1.5), multiplier(10, 250, 0.99)
    (3.4, 1.76, 4.0)
    """
    count, days, p = _counted(count, days, level)
    colour = zone(float(special.bdtr(count, days, p)), count)
    if colour == "green":
        return base
    if colour == "red":
        return base * 4.0 / 3.0
    if days == BASEL_DAYS and math.isclose(level, BASEL_LEVEL) and base in (1.5, 3.0):
        return round(base + (_PLUS if base == 3.0 else _PLUS_FRTB)[count], 2)
    seen = float(special.ndtri(1.0 - count / days)) if count < days else -math.inf
    wanted = float(special.ndtri(level))
    return base * (min(wanted / seen, 4.0 / 3.0) if seen > 0.0 else 4.0 / 3.0)


def traffic_light(count: int, days: int, level: float) -> Result:
    """Basel's traffic light.

    Returns
    -------
    Result
        The number of exceptions; p-value: the chance of as many or more were VaR right.
        ``cumulative_probability`` is of as many or fewer.

    Examples
    --------
    >>> found = traffic_light(5, 250, 0.99)
    >>> found.parameters["zone"], round(found.parameters["cumulative_probability"], 4)
    ('yellow', 0.9588)
    """
    count, days, p = _counted(count, days, level)
    below = float(special.bdtr(count, days, p))
    above = float(special.bdtrc(count - 1, days, p)) if count else 1.0
    return Result(
        float(count),
        above,
        {
            "zone": zone(below, count),
            "days": days,
            "expected": days * p,
            "cumulative_probability": below,
            "multiplier": multiplier(count, days, level),
            "multiplier_frtb": multiplier(count, days, level, 1.5),
        },
    )


def binomial(count: int, days: int, level: float) -> Result:
    """The binomial test: z-score of the count, and the exact two-sided p-value.

    Returns
    -------
    Result
        ``(N - n p) / sqrt(n p (1 - p))``; p-value: of all counts not likelier than this one
        (exact; ``p_value_normal`` is the usual approximation, poor where few are expected).

    Source: Jorion, *Value at Risk*, 3rd ed., ch. 6; Clopper and Pearson's exact law.

    Examples
    --------
    >>> found = binomial(0, 250, 0.99)
    >>> round(found.statistic, 4), round(found.p_value, 4)
    (-1.5891, 0.1889)
    """
    count, days, p = _counted(count, days, level)
    z = (count - days * p) / math.sqrt(days * p * (1.0 - p))
    chances = _binomial_law(days, p)
    exact = min(float(chances[chances <= chances[count] * (1.0 + 1e-7)].sum()), 1.0)
    more = float(special.bdtrc(count - 1, days, p)) if count else 1.0
    return Result(
        z,
        exact,
        {
            "exceptions": count,
            "days": days,
            "expected": days * p,
            "p_value_normal": two_sided(z),
            "p_value_too_many": more,
        },
    )


def _binomial_law(days: int, p: float) -> np.ndarray:
    """Chances of 0, ..., days exceptions."""
    k = np.arange(days + 1.0)
    choose = (
        special.gammaln(days + 1.0) - special.gammaln(k + 1.0) - special.gammaln(days - k + 1.0)
    )
    return np.asarray(np.exp(choose + likelihood(k, days, p)))


def _pof(count: np.ndarray | float, days: int, p: float) -> np.ndarray:
    """Kupiec's likelihood ratio of counts."""
    share = np.asarray(count, dtype=np.float64) / days
    return np.maximum(2.0 * (likelihood(count, days, share) - likelihood(count, days, p)), 0.0)


def kupiec_pof(count: int, days: int, level: float) -> Result:
    """Kupiec's proportion of failures: likelihood ratio, chi-squared with one degree of freedom.

    Returns
    -------
    Result
        ``p_value_exact`` is from the binomial law: of all counts with a ratio at least as large.

    Source: Kupiec, J. Derivatives 3(2) (1995), equation 7.

    Examples
    --------
    >>> round(kupiec_pof(20, 252, 0.95).statistic, 4)  # J.P. Morgan 1998, after Jorion
    3.9126
    >>> round(kupiec_pof(0, 250, 0.99).statistic, 4)
    5.0252
    """
    count, days, p = _counted(count, days, level)
    ratio = float(_pof(count, days, p))
    every = _pof(np.arange(days + 1.0), days, p)
    as_far = every >= ratio - TIE * max(ratio, 1e-3)
    exact = min(float(_binomial_law(days, p)[as_far].sum()), 1.0)
    return Result(
        ratio,
        chi2_tail(ratio, 1),
        {
            "exceptions": count,
            "days": days,
            "expected": days * p,
            "frequency": count / days,
            "degrees_of_freedom": 1,
            "p_value_exact": exact,
        },
    )


def kupiec_tuff(breached: Hits, level: float) -> Result:
    """Kupiec's time until the first failure: likelihood ratio, chi-squared with one.

    Without an exception the time is known only to exceed the days there are (censored): the ratio
    is then ``-2 n ln(1 - p)``. ``p_value_exact`` is from the geometric law.

    Source: Kupiec, J. Derivatives 3(2) (1995), equation 5.

    Examples
    --------
    >>> round(kupiec_tuff(np.array([False] * 9 + [True]), 0.99).statistic, 4)
    2.8896
    """
    count, days, p = _counted(int(np.count_nonzero(breached)), len(breached), level)
    if count == 0:
        ratio = -2.0 * days * math.log1p(-p)
        parameters = {"first_exception": None, "days": days, "censored": True}
    else:
        first = int(np.argmax(breached)) + 1
        ratio = float(geometric_ratio(np.array([float(first)]), p)[0])
        parameters = {"first_exception": first, "days": days, "censored": False}
    times = np.arange(1.0, days + 1.0)
    every = geometric_ratio(times, p)
    as_far = every >= ratio - TIE * max(ratio, 1e-3)
    exact = float((p * np.exp((times - 1.0) * math.log1p(-p)))[as_far].sum())
    never = -2.0 * days * math.log1p(-p)
    if never >= ratio - TIE * max(ratio, 1e-3):
        exact += math.exp(days * math.log1p(-p))
    return Result(
        ratio,
        chi2_tail(ratio, 1),
        {**parameters, "degrees_of_freedom": 1, "p_value_exact": min(exact, 1.0)},
    )


def geometric_ratio(times: np.ndarray, p: float) -> np.ndarray:
    """Likelihood ratio of waiting times, each with its own chance against ``p``; shape (k,).

    Examples
    --------
    >>> geometric_ratio(np.array([100.0]), 0.01).round(12).tolist()
    [0.0]
    """
    times = np.asarray(times, dtype=np.float64)
    ratio = 2.0 * (likelihood(1.0, times, 1.0 / times) - likelihood(1.0, times, p))
    return np.asarray(np.maximum(ratio, 0.0))
