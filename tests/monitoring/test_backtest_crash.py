# SPDX-License-Identifier: Apache-2.0
"""Forecasts of every odd kind: each test gives a figure or a reason, and never fails."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from perilscope.evidence.forecasts import Forecasts
from perilscope.monitoring.backtest import TESTS, Verdict, backtest

N = 120
NORMAL = np.random.default_rng(1).standard_normal(N)
ONE = np.ones(N)
ODD = {
    "constant losses": (0.0 * ONE, 1.96 * ONE, 2.34 * ONE),
    "losses at VaR": (1.96 * ONE, 1.96 * ONE, 2.34 * ONE),
    "all above": (5.0 * ONE, 1.96 * ONE, 2.34 * ONE),
    "negative VaR": (NORMAL, -1.0 * ONE, -0.5 * ONE),
    "CVaR at VaR": (NORMAL, 1.2 * ONE, 1.2 * ONE),
    "CVaR of zero": (NORMAL, -1.0 * ONE, 0.0 * ONE),
    "huge": (1e12 * NORMAL, 1.96e12 * ONE, 2.34e12 * ONE),
    "tiny": (1e-12 * NORMAL, 1.96e-12 * ONE, 2.34e-12 * ONE),
    "any sign": (NORMAL, np.sin(np.arange(N)), np.sin(np.arange(N)) + np.abs(NORMAL)),
    "nearly the same": (NORMAL, 1.96 + 1e-12 * NORMAL, 2.34 + 1e-12 * NORMAL),
    "steep": (np.exp(NORMAL * 5), np.exp(NORMAL * 4), 2.0 * np.exp(NORMAL * 4)),
    "one wild loss": (np.where(np.arange(N) == 60, 1e9, NORMAL), 1.96 * ONE, 2.34 * ONE),
}


def told(n: int, loss: np.ndarray, var: np.ndarray, cvar: np.ndarray, sd: float) -> Forecasts:
    days = tuple(date(1900, 1, 1) + timedelta(k) for k in range(n))
    return Forecasts("odd", days, loss, var, cvar, np.zeros(n), np.full(n, sd))


def sound(found: tuple[Verdict, ...]) -> None:
    for each in found:
        if each.result is None:
            assert each.reason
            continue
        assert math.isfinite(each.result.statistic), each.test.name
        for p in (each.result.p_value, each.p_value):
            assert p is None or 0.0 <= p <= 1.0, each.test.name


@pytest.mark.parametrize("name", ODD)
def test_odd_forecasts(name: str) -> None:
    loss, var, cvar = ODD[name]
    sound(backtest(told(N, loss, var, cvar, max(float(np.abs(loss).max()) / 3.0, 1e-13)), 0.975))


@pytest.mark.parametrize("n", [1, 2, 3, 12, 40])
def test_short_series(n: int) -> None:
    loss = NORMAL[:n].copy()
    loss[0] = 3.0
    sound(backtest(told(n, loss, 1.96 * ONE[:n], 2.34 * ONE[:n], 1.0), 0.975))


def test_a_long_series_has_figures_or_reasons() -> None:
    n = 20_100
    loss = np.random.default_rng(2).standard_normal(n)
    some = ("dq", "du-escanciano-conditional", "e-backtest", "esr-strict", "z2", "z3")
    found = backtest(told(n, loss, np.full(n, 1.96), np.full(n, 2.338), 1.0), 0.975, only=some)
    assert len(found) == len(some)
    sound(found)
    reasons = {each.test.name: each.reason for each in found if each.reason}
    assert set(reasons) == {"e-backtest", "esr-strict"}


def test_names_are_unlike_each_other() -> None:
    assert len({test.name for test in TESTS}) == len(TESTS) == 37
