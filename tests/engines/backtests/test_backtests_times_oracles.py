# SPDX-License-Identifier: Apache-2.0
"""Independence, waiting times, durations and DQ against plain loops and likelihoods by SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import optimize, stats

from perilscope.engines.backtests import independence as ind
from perilscope.engines.backtests.exceptions import kupiec_pof
from perilscope.engines.backtests.null import places
from perilscope.engines.backtests.regression import dq
from perilscope.errors import AssessmentError

Flags = np.ndarray


def drawn(seed: int, days: int = 300, p: float = 0.04, sticky: float = 0.0) -> Flags:
    rng = np.random.default_rng(seed)
    flags = np.zeros(days, dtype=bool)
    for day in range(days):
        chance = sticky if day and flags[day - 1] and sticky else p
        flags[day] = rng.random() < chance
    return flags


def log(x: float) -> float:
    return math.log(x) if x > 0 else 0.0  # only where its count is zero


def christoffersen(flags: Flags) -> float:
    n = np.zeros((2, 2))
    for a, b in pairwise(flags):
        n[int(a), int(b)] += 1
    both = n[0, 1] + n[1, 1]
    share = both / n.sum()
    null = (n[0, 0] + n[1, 0]) * log(1 - share) + both * log(share)
    free = 0.0
    for row in n:
        if row.sum():
            free += row[0] * log(row[0] / row.sum()) + row[1] * log(row[1] / row.sum())
    return 2 * (free - null)


def haas(flags: Flags, p: float) -> float:
    total, last = 0.0, -1
    for day in np.flatnonzero(flags):
        v = int(day) - last
        free = math.log(1 / v) + (v - 1) * log(1 - 1 / v)
        total += 2 * (free - math.log(p) - (v - 1) * math.log(1 - p))
        last = int(day)
    return total


def weibull(flags: Flags) -> tuple[float, float]:
    """Ratio and b by a bounded search on the likelihood, both parameters free."""
    at = np.flatnonzero(flags)
    whole = np.diff(at).astype(float)
    cut = [float(at[0] + 1)] if not flags[0] else []
    cut += [float(len(flags) - 1 - at[-1])] if not flags[-1] else []

    def height(log_a: float, b: float) -> float:
        law = stats.weibull_min(b, scale=math.exp(-log_a))
        return float(law.logpdf(whole).sum() + law.logsf(np.array(cut)).sum())

    def best(b: float) -> float:
        found = optimize.minimize_scalar(lambda u: -height(u, b), bounds=(-12, 2), method="bounded",
                                         options={"xatol": 1e-11})  # fmt: skip
        return -float(found.fun)

    found = optimize.minimize_scalar(lambda v: -best(math.exp(v)), bounds=(-3.0, math.log(10.0)),
                                     method="bounded", options={"xatol": 1e-9})  # fmt: skip
    return 2 * (-float(found.fun) - best(1.0)), math.exp(float(found.x))


@pytest.mark.parametrize("seed", range(6))
def test_ratios_by_plain_loops(seed: int) -> None:
    flags = drawn(seed, sticky=0.4 if seed % 2 else 0.0)
    pof = kupiec_pof(int(flags.sum()), len(flags), 0.96).statistic
    found = ind.christoffersen_independence(flags, 0.96, paths=199)
    assert found.statistic == pytest.approx(christoffersen(flags), abs=1e-9)
    joint = ind.christoffersen_conditional_coverage(flags, 0.96, paths=199)
    assert joint.statistic == pytest.approx(pof + christoffersen(flags), abs=1e-9)
    assert joint.p_value == pytest.approx(stats.chi2.sf(joint.statistic, 2))
    times = ind.time_between_failures_independence(flags, 0.96, paths=199)
    assert times.statistic == pytest.approx(haas(flags, 0.04), rel=1e-10)
    assert times.p_value == pytest.approx(stats.chi2.sf(times.statistic, flags.sum()))
    mixed = ind.time_between_failures(flags, 0.96, paths=199)
    assert mixed.statistic == pytest.approx(haas(flags, 0.04) + pof, rel=1e-10)
    assert mixed.p_value == pytest.approx(stats.chi2.sf(mixed.statistic, flags.sum() + 1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weibull_by_another_search(seed: int) -> None:
    flags = drawn(seed, sticky=0.4 if seed == 2 else 0.0)
    if seed == 3:
        flags[0] = flags[-1] = True  # nothing is censored
    ratio, b = weibull(flags)
    found = ind.weibull_duration(flags, 0.96, paths=199)
    assert found.statistic == pytest.approx(ratio, abs=1e-6)
    assert found.parameters["b"] == pytest.approx(b, rel=1e-4)
    assert not found.parameters["at_bound"]


TIMES: tuple[Callable[..., object], ...] = (
    ind.christoffersen_independence,
    ind.christoffersen_conditional_coverage,
    ind.time_between_failures,
    ind.time_between_failures_independence,
    ind.weibull_duration,
)


@pytest.mark.parametrize("test", TIMES)
@pytest.mark.parametrize("where", [[], [0], [124], [249], list(range(250)), [7, 8]])
def test_none_one_two_and_all(test: Callable[..., object], where: list[int]) -> None:
    flags = np.zeros(250, dtype=bool)
    flags[where] = True
    found = test(flags, 0.975, paths=199)
    assert math.isfinite(found.statistic)  # type: ignore[attr-defined]
    assert 0.0 <= found.p_value <= 1.0  # type: ignore[attr-defined]
    assert 0.0 < found.parameters["p_value_simulated"] <= 1.0  # type: ignore[attr-defined]


def test_one_exception_tells_no_duration() -> None:
    flags = np.zeros(250, dtype=bool)
    flags[100] = True
    found = ind.weibull_duration(flags, 0.975, paths=199)
    assert (found.statistic, found.p_value, found.parameters["b"]) == (0.0, 1.0, None)


def test_one_day_and_no_day() -> None:
    assert ind.christoffersen_independence(np.array([True]), 0.975, paths=199).p_value == 1.0
    with pytest.raises(AssessmentError):
        ind.weibull_duration(np.zeros(0, dtype=bool), 0.975)


@pytest.mark.parametrize("test", TIMES)
def test_simulated_p_values_are_right_under_the_null(test: Callable[..., object]) -> None:
    """At most a, and not far below it: 400 series, so within 4 standard errors of the binomial."""
    rng = np.random.default_rng(8)
    p = np.array(
        [
            test(rng.random(250) < 0.04, 0.96, seed=k, paths=499).parameters["p_value_simulated"]  # type: ignore[attr-defined]
            for k in range(400)
        ]
    )
    for a in (0.05, 0.2):
        share, error = float((p <= a).mean()), math.sqrt(a * (1 - a) / 400)
        assert share <= a + 4 * error
        assert share >= 0.3 * a  # discrete with few exceptions, so it may fall short


def test_clusters_are_seen() -> None:
    found = [
        ind.christoffersen_independence(drawn(s, 500, 0.02, 0.5), 0.96, paths=199).p_value
        for s in range(20)
    ]
    assert float(np.mean(np.array(found) < 0.05)) > 0.6


def test_drawing_by_waiting_times_has_the_binomial_law() -> None:
    row, day = places(np.random.default_rng(3), 40_000, 50, 0.05)
    counts = np.bincount(row, minlength=40_000)
    seen = np.bincount(counts, minlength=12)[:9] / 40_000
    want = stats.binom(50, 0.05).pmf(np.arange(9))
    assert np.all(np.abs(seen - want) < 5 * np.sqrt(want / 40_000))
    by_day = np.bincount(day, minlength=50)  # every day alike
    assert stats.chisquare(by_day).pvalue > 1e-4
    gaps = np.diff(row * 50 + day)
    assert gaps.min() == 1
    together = np.mean((day[1:] == day[:-1] + 1) & (row[1:] == row[:-1])) / 0.05
    error = math.sqrt(0.05 * 0.95 / row.size) / 0.05  # neighbours are independent
    assert together == pytest.approx(49 / 50, abs=4 * error)


# --- DQ -------------------------------------------------------------------------------------------


def by_least_squares(loss: np.ndarray, var: np.ndarray, p: float) -> float:
    hit = (loss > var) - p
    n = len(hit)
    rows = [[1.0, *(hit[t - k] for k in range(1, 5)), var[t]] for t in range(4, n)]
    x, y = np.array(rows), hit[4:]
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    return float(beta @ x.T @ x @ beta / (p * (1 - p)))


@pytest.mark.parametrize("seed", range(4))
def test_dq_by_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sd = np.exp(0.3 * rng.standard_normal(400))
    loss, var = sd * rng.standard_normal(400), 1.6 * sd
    found = dq(loss, var, 0.95, paths=199)
    assert found.statistic == pytest.approx(by_least_squares(loss, var, 0.05), rel=1e-9)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 6))


def test_dq_with_few_exceptions_and_constant_forecasts() -> None:
    loss = np.zeros(250)
    quiet = dq(loss, np.ones(250), 0.975, paths=199)
    assert quiet.parameters["degrees_of_freedom"] == 1
    assert quiet.statistic == pytest.approx(246 * 0.025 / 0.975)
    loss[100] = 2.0
    one = dq(loss, np.ones(250), 0.975, paths=199)
    assert one.parameters["degrees_of_freedom"] == 5
    assert 0.0 <= one.p_value <= 1.0
    assert one.parameters["p_value_simulated"] > 0.01
    with pytest.raises(AssessmentError, match="too few"):
        dq(np.zeros(10), np.ones(10), 0.975)


def test_dq_sees_what_var_itself_foretells() -> None:
    rng = np.random.default_rng(5)
    sd = np.exp(0.9 * np.sin(np.arange(1000) / 40))
    loss = sd * rng.standard_normal(1000)
    assert dq(loss, np.full(1000, 1.645 * sd.mean()), 0.95, paths=199).p_value < 0.01
    assert dq(loss, 1.645 * sd, 0.95, paths=199).p_value > 0.01
