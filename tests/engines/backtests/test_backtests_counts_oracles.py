# SPDX-License-Identifier: Apache-2.0
"""Traffic light, binomial and Kupiec against published tables, SciPy and plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.backtests import exceptions as ex
from perilscope.engines.backtests.result import chi2_tail
from perilscope.errors import AssessmentError, MisuseError

#: Kupiec (1995), as reprinted by Jorion: fewest and most failures not rejected at 5 %.
KUPIEC = {
    (0.01, 255): (1, 6), (0.01, 510): (2, 10), (0.01, 1000): (5, 16),
    (0.025, 255): (3, 11), (0.025, 510): (7, 20), (0.025, 1000): (16, 35),
    (0.05, 255): (7, 20), (0.05, 510): (17, 35), (0.05, 1000): (38, 64),
    (0.075, 255): (12, 27), (0.075, 510): (28, 50), (0.075, 1000): (60, 91),
    (0.1, 255): (17, 35), (0.1, 510): (39, 64), (0.1, 1000): (82, 119),
}  # fmt: skip
#: Basel Committee (1996), table 2: cumulative probability in percent, zone, plus factor.
BASEL = {
    0: (8.11, "green", 0.0), 1: (28.58, "green", 0.0), 2: (54.32, "green", 0.0),
    3: (75.81, "green", 0.0), 4: (89.22, "green", 0.0), 5: (95.88, "yellow", 0.40),
    6: (98.63, "yellow", 0.50), 7: (99.60, "yellow", 0.65), 8: (99.89, "yellow", 0.75),
    9: (99.97, "yellow", 0.85), 10: (99.99, "red", 1.0),
}  # fmt: skip
FRTB = {4: 1.5, 5: 1.7, 6: 1.76, 7: 1.83, 8: 1.88, 9: 1.92, 10: 2.0}


@pytest.mark.parametrize("case", KUPIEC)
def test_kupiecs_table(case: tuple[float, int]) -> None:
    p, days = case
    kept = [n for n in range(days + 1) if ex.kupiec_pof(n, days, 1 - p).p_value > 0.05]
    assert (kept[0], kept[-1]) == KUPIEC[case]


def test_jorions_example_and_no_failures() -> None:
    found = ex.kupiec_pof(20, 252, 0.95)
    assert found.statistic == pytest.approx(3.9125508, abs=1e-6)
    assert found.p_value == pytest.approx(0.0479268, abs=1e-6)
    none = ex.kupiec_pof(0, 250, 0.99)
    assert none.statistic == pytest.approx(-500 * math.log(0.99), abs=1e-9)
    assert none.p_value == pytest.approx(0.02498150305344973, abs=1e-9)


@pytest.mark.parametrize("count", BASEL)
def test_basels_table(count: int) -> None:
    found = ex.traffic_light(count, 250, 0.99)
    percent, zone, plus = BASEL[count]
    assert round(100 * found.parameters["cumulative_probability"], 2) == pytest.approx(
        percent, abs=0.0101
    )
    assert found.parameters["zone"] == zone
    assert found.parameters["multiplier"] == pytest.approx(3 + plus)
    if count in FRTB:
        assert found.parameters["multiplier_frtb"] == pytest.approx(FRTB[count])


@pytest.mark.parametrize("count", [5, 6, 7, 8, 9])
def test_the_rule_for_other_samples_is_the_one_that_made_the_table(count: int) -> None:
    # 249.999... days would be the table's; 250 days at a hair's breadth from 99 % take the rule
    near = ex.multiplier(count, 250, 0.99 + 1e-7)
    assert near == pytest.approx(3 + BASEL[count][2], abs=0.035)


@pytest.mark.parametrize("level", [0.95, 0.975, 0.99])
@pytest.mark.parametrize("days", [30, 250])
def test_binomial_and_exact_p_values_by_enumeration(days: int, level: float) -> None:
    p = 1 - level
    for count in (0, 1, 2, 7, days):
        found = ex.binomial(count, days, level)
        assert found.p_value == pytest.approx(stats.binomtest(count, days, p).pvalue, rel=1e-9)
        law = stats.binom(days, p)
        assert found.statistic == pytest.approx((count - law.mean()) / law.std())
        ratio = [ex.kupiec_pof(n, days, level).statistic for n in range(days + 1)]
        far = sum(law.pmf(n) for n in range(days + 1) if ratio[n] >= ratio[count] * (1 - 1e-9))
        assert ex.kupiec_pof(count, days, level).parameters["p_value_exact"] == pytest.approx(
            far, rel=1e-8
        )
        assert ex.traffic_light(count, days, level).p_value == pytest.approx(law.sf(count - 1))


def by_hand(first: int, p: float) -> float:
    seen = 1 / first
    free = math.log(seen) + (first - 1) * (math.log(1 - seen) if first > 1 else 0.0)
    return -2 * (math.log(p) + (first - 1) * math.log(1 - p) - free)


@pytest.mark.parametrize("first", [1, 2, 59, 250])
def test_time_until_first_failure(first: int) -> None:
    flags = np.zeros(250, dtype=bool)
    flags[first - 1] = True
    found = ex.kupiec_tuff(flags, 0.99)
    assert found.statistic == pytest.approx(by_hand(first, 0.01), rel=1e-12, abs=1e-12)
    law = stats.geom(0.01)
    never = -500 * math.log(0.99)
    far = sum(law.pmf(k) for k in range(1, 251) if by_hand(k, 0.01) >= found.statistic - 1e-9)
    far += law.sf(250) if never >= found.statistic - 1e-9 else 0.0
    assert found.parameters["p_value_exact"] == pytest.approx(far, rel=1e-9)


def test_no_failure_is_a_censored_time() -> None:
    found = ex.kupiec_tuff(np.zeros(250, dtype=bool), 0.99)
    assert found.statistic == pytest.approx(-500 * math.log(0.99))
    assert found.parameters["first_exception"] is None


def test_exact_p_values_hold_their_size() -> None:
    """Under the null an exact p-value is below a with probability at most a, for every a."""
    days, p = 250, 0.025
    law = stats.binom(days, p).pmf(np.arange(days + 1))
    for test in (ex.kupiec_pof, ex.binomial):
        exact = [test(n, days, 1 - p) for n in range(days + 1)]
        values = np.array([f.parameters.get("p_value_exact", f.p_value) for f in exact])
        for a in (0.01, 0.05, 0.1, 0.5):
            assert law[values <= a].sum() <= a + 1e-12


def test_chi_squared_tail() -> None:
    for x, k in ((0.0, 1), (3.0, 1), (11.0, 6), (700.0, 2)):
        assert chi2_tail(x, k) == pytest.approx(stats.chi2.sf(x, k), rel=1e-10)
    assert chi2_tail(math.inf, 3) == 0.0


@pytest.mark.parametrize("level", [0.5, 1.0, 97.5, math.nan, -0.975])
def test_a_level_out_of_range(level: float) -> None:
    with pytest.raises(MisuseError, match="level"):
        ex.traffic_light(1, 250, level)


def test_counts_that_cannot_be() -> None:
    for count, days in ((3, 2), (-1, 5), (0, 0)):
        with pytest.raises(AssessmentError):
            ex.kupiec_pof(count, days, 0.99)


def test_every_zone_at_any_sample() -> None:
    for days in (1, 10, 250, 5000):
        for count in {0, 1, days // 2, days}:
            found: Any = ex.traffic_light(count, days, 0.975).parameters
            assert 3.0 <= found["multiplier"] <= 4.0
            assert 1.5 <= found["multiplier_frtb"] <= 2.0
