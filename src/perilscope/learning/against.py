# SPDX-License-Identifier: Apache-2.0
"""Evidence against what is declared as a plain number, or as a belief that cannot learn.

Such an estimate is never changed. What was seen is set against what it led one to expect, with the
probability of seeing as many, or as few, if it were true.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import betainc, gammainc, gammaincc

Weighted = Sequence[tuple[float, float]]
"""Weights and values of a rate or a probability; one pair for a plain number."""


@dataclass(frozen=True)
class Against:
    """What was seen against one declared estimate.

    Parameters
    ----------
    scenario, factor : str
        Whose estimate it is: a scenario and one of its factors, or a control and ``sure``.
    declared : float
        The estimate, or its mean: events per year, or a probability.
    observed : int
        Events seen, or successes of the trials.
    expected : float
        How many the estimate led one to expect.
    probability : float
        Chance of seeing as many as observed where that is more than expected, as few where it is
        less.
    exposure_years, trials : float, int
        For how long, or how often, it was looked at; the other one is zero.
    sentence : str
        The same in words.
    """

    scenario: str
    factor: str
    declared: float
    observed: int
    expected: float
    probability: float
    sentence: str
    exposure_years: float = 0.0
    trials: int = 0


def rate_against(
    scenario: str, factor: str, text: str, rates: Weighted, events: int, years: float
) -> Against:
    """Events seen in so many years against a declared rate, counted as a Poisson number.

    Parameters
    ----------
    text : str
        The estimate as declared.
    rates : sequence of (weight, rate)
        Rate per year; several points for a belief, which is integrated.

    Examples
    --------
    >>> found = rate_against("theft", "frequency", "1 in 5 years", [(1.0, 0.2)], 3, 5.0)
    >>> print(found.sentence)
    theft: frequency is declared as 1 in 5 years; in 5 years 1 event was expected and 3 were seen.
    As many or more would be seen in 8 % of cases.
    """
    declared = math.fsum(w * rate for w, rate in rates)
    expected = declared * years
    many = events >= expected
    probability = math.fsum(w * poisson_tail(events, rate * years, many) for w, rate in rates)
    what = "event was" if f"{expected:.3g}" == "1" else "events were"
    head = f"in {years:.3g} years {expected:.3g} {what} expected and {_count(events)} seen"
    return Against(
        scenario, factor, declared, events, expected, probability,
        _sentence(scenario, factor, text, head, many, events, probability), exposure_years=years,
    )  # fmt: skip


def share_against(
    scenario: str, factor: str, text: str, shares: Weighted, successes: int, trials: int
) -> Against:
    """Successes of trials against a declared probability.

    Examples
    --------
    >>> found = share_against("phishing", "vulnerability", "10 %", [(1.0, 0.1)], 4, 10)
    >>> round(found.probability, 6)
    0.012795
    """
    declared = math.fsum(w * share for w, share in shares)
    expected = declared * trials
    many = successes >= expected
    probability = math.fsum(w * binomial_tail(successes, trials, p, many) for w, p in shares)
    cases = "1 case" if trials == 1 else f"{trials} cases"
    head = f"of {cases} {expected:.3g} were expected to succeed and {_count(successes)} seen to"
    return Against(
        scenario, factor, declared, successes, expected, probability,
        _sentence(scenario, factor, text, head, many, successes, probability), trials=trials,
    )  # fmt: skip


def poisson_tail(events: int, mean: float, many: bool) -> float:
    """P(N >= events) when ``many``, else P(N <= events), for a Poisson number N.

    Examples
    --------
    1 - exp(-1/2) and exp(-2):

    >>> round(poisson_tail(1, 0.5, many=True), 9), round(poisson_tail(0, 2.0, many=False), 9)
    (0.39346934, 0.135335283)
    """
    if many:
        return 1.0 if events == 0 else float(gammainc(events, mean))
    return float(gammaincc(events + 1, mean))


def binomial_tail(successes: int, trials: int, share: float, many: bool) -> float:
    """P(S >= successes) when ``many``, else P(S <= successes), for a binomial number S.

    Examples
    --------
    >>> round(binomial_tail(2, 3, 0.5, many=True), 9)
    0.5
    >>> round(binomial_tail(0, 3, 0.5, many=False), 9)
    0.125
    """
    if many:
        return 1.0 if successes == 0 else float(betainc(successes, trials - successes + 1, share))
    if successes == trials:
        return 1.0
    return float(betainc(trials - successes, successes + 1, 1.0 - share))


def _count(number: int) -> str:
    return {0: "none was", 1: "1 was"}.get(number, f"{number} were")


def _sentence(
    scenario: str, factor: str, text: str, head: str, many: bool, number: int, probability: float
) -> str:
    name = "effect" if factor == "sure" else factor.rsplit(".", 1)[-1].replace("_", " ")
    as_seen = "As many or more" if many else ("None" if number == 0 else "As few or fewer")
    percent = "less than 0.1 %" if probability < 1e-3 else f"{100 * probability:.2g} %"
    return (
        f"{scenario}: {name} is declared as {text}; {head}. "
        f"{as_seen} would be seen in {percent} of cases."
    )
