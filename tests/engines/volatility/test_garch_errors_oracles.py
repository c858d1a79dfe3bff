# SPDX-License-Identifier: Apache-2.0
"""Errors of volatility models: days left out in truth, and the scatter of many fits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch_errors import Errors

from ..garch_series import simulated

CASES = [("garch", False), ("garch", True), ("gjr", False)]


@pytest.mark.parametrize(("kind", "student"), CASES)
def test_a_day_left_out_moves_the_fit_as_told(kind: str, student: bool) -> None:
    returns = simulated(3, 4000, 0.05, 0.4, 0.1, 0.05, 0.84, 6.0)
    fit = garch.fit(returns, kind, student)
    assert not fit.at_bounds
    mean, variance, _ = fit.windows.moments
    reach, box = fit.form.reach, np.array(fit.form.box(fit.windows))[:, 0]
    told = -Errors(fit).without / returns.size / reach
    wild = np.argsort(-np.abs(fit.residuals))[[2, 8, 1000]]
    for day in wild.tolist():

        def height(unit: np.ndarray, day: int = day) -> float:
            natural = fit.form.natural((unit * reach)[None], mean[0], variance[0])
            each = fit.densities(natural)[0]
            return float(each[day] - each.sum())

        found = optimize.minimize(
            height, fit.x / reach, method="L-BFGS-B", bounds=(box / reach).T,
            options={"ftol": 1e-14, "gtol": 1e-7},
        )  # fmt: skip
        moved = found.x - fit.x / reach
        # one step of Newton's is off by the square of how far it goes
        assert np.abs(moved - told[day]).max() < 0.2 * np.abs(moved).max() + 5e-4


def test_the_error_of_tomorrow_is_how_much_it_scatters() -> None:
    if not garch.prepare():
        pytest.skip("without numba this takes too long")
    moved, told = [], []
    for seed in range(40):
        returns = simulated(1000 + seed, 1000, 0.05, 0.4, 0.1, 0.0, 0.86, 6.0)
        fit = garch.fit(returns)
        true = np.array([[0.05, 0.4, 0.1, 0.1, 0.86, 0.0]])
        sigma = math.sqrt(float(fit.paths(true)[0, -1]))
        slope = fit.slopes(lambda natural, fit=fit: 0.5 * np.log(fit.paths(natural)[:, -1]))
        moved.append(math.log(fit.sigma / sigma))
        told.append(Errors(fit).of(slope))
    ratio = np.array(moved) / np.array(told)
    # 40 fits tell a spread to 11 %
    assert 0.7 < float(np.sqrt((ratio**2).mean())) < 1.35
