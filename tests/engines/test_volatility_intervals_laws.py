# SPDX-License-Identifier: Apache-2.0
"""90 % intervals of models with moving volatility hold what they should, model true or wrong.

A wrong model is asked for what it would say of the same days given endless history: GARCH by normal
quasi-likelihood finds the variance whatever the innovations are, so that is known.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from perilscope.engines import garch, models
from perilscope.engines.log_laws import LogLaw
from perilscope.engines.predictive import Sample

SEARCH = bool(os.environ.get("PERILSCOPE_SEARCH"))
RUNS = 1000 if SEARCH else 80
DAYS, LEVEL = 1000, 0.975
STEADY = ("ewma", "volatility-weighted")
"""Their weight is not fitted: asked of returns whose volatility does not move."""
PROCESS = {"mu": 0.05, "omega": 0.4, "alpha": 0.10, "beta": 0.86}


def drawn(seed: int, nu: float | None, gamma: float = 0.0) -> tuple[np.ndarray, float]:
    """Log returns in percent, and the standard deviation of the day after the last."""
    rng = np.random.default_rng(seed)
    n, burn = DAYS, 200
    z = rng.standard_normal(n + burn)
    if nu is not None:
        z = rng.standard_t(nu, n + burn) * math.sqrt((nu - 2) / nu)
    p, r = PROCESS, np.empty(n + burn)
    h = p["omega"] / (1 - p["alpha"] - p["beta"] - gamma / 2)
    for t in range(n + burn):
        e = math.sqrt(h) * z[t]
        r[t] = p["mu"] + e
        h = p["omega"] + (p["alpha"] + gamma * (e < 0)) * e * e + p["beta"] * h
    return r[burn:], math.sqrt(h)


def steady(seed: int, nu: float | None) -> tuple[np.ndarray, float]:
    """Returns of one standard deviation."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(DAYS)
    if nu is not None:
        z = rng.standard_t(nu, DAYS) * math.sqrt((nu - 2) / nu)
    return PROCESS["mu"] + 3.0 * z, 3.0


def cover(
    name: str, nu: float | None, said: float | None, gamma: float = 0.0
) -> tuple[float, float]:
    """Shares of intervals of VaR and CVaR that hold what the law ``said`` (nu) makes of the day."""
    held = np.zeros(2)
    for seed in range(RUNS):
        r, sigma = steady(seed, nu) if name in STEADY else drawn(seed, nu, gamma)
        truth = LogLaw(PROCESS["mu"], sigma, said)
        found = models.named(name).fit(Sample(np.expm1(r / 100)[:, None], np.ones(1)))
        (low, high), (low_c, high_c) = found.interval(LEVEL)
        held += [low <= truth.var(LEVEL) <= high, low_c <= truth.cvar(LEVEL) <= high_c]
    return float(held[0] / RUNS), float(held[1] / RUNS)


# quick: 80 runs, where a coverage of 0.90 is seen between 0.79 and 0.98 but for 1 run in 2,000
QUICK = [
    ("garch", None, None, 0.0),
    ("garch", 6.0, None, 0.0),
    ("fhs", 6.0, 6.0, 0.0),
    ("conditional-evt", None, None, 0.0),
    ("volatility-weighted", 6.0, 6.0, 0.0),
]
LONG = [
    *QUICK,
    ("gjr", None, None, 0.05),
    ("gjr", 6.0, None, 0.05),
    ("garch-t", 6.0, 6.0, 0.0),
    ("gjr-t", 6.0, 6.0, 0.05),
    ("fhs", None, None, 0.0),
    ("conditional-evt", 6.0, 6.0, 0.0),
    ("volatility-weighted", None, None, 0.0),
    ("ewma", None, None, 0.0),
    ("ewma", 6.0, None, 0.0),
]


@pytest.mark.parametrize(("name", "nu", "said", "gamma"), LONG if SEARCH else QUICK)
def test_intervals_cover(name: str, nu: float | None, said: float | None, gamma: float) -> None:
    if not garch.prepare():
        pytest.skip("without numba this takes too long")
    var, cvar = cover(name, nu, said, gamma)
    print(f"{name} data nu={nu}: VaR {var:.3f}, CVaR {cvar:.3f} of {RUNS}")
    reach = 3.5 * math.sqrt(0.09 / RUNS)
    least = 0.86 if SEARCH else 0.90 - reach
    assert least <= var <= 0.90 + max(reach, 0.05)
    assert least <= cvar <= 0.90 + max(reach, 0.05)


def test_no_interval_is_a_point_on_either_side_of_the_threshold() -> None:
    r, _ = steady(1, 6.0)
    found = models.named("conditional-evt").fit(Sample(np.expm1(r / 100)[:, None], np.ones(1)))
    for level in (0.55, 0.8, 0.89, 0.9, 0.91, 0.975, 0.999):
        values = found.law.var(level), found.law.cvar(level)
        for value, (low, high) in zip(values, found.interval(level), strict=True):
            assert low < 0.99 * value < 1.01 * value < high, level
