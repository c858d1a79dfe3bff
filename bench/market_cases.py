# SPDX-License-Identifier: Apache-2.0
"""What is timed of market risk. Each part has a function that gives its cases; `GOALS` has all."""

from __future__ import annotations

from itertools import count

import numpy as np
from measure import Case

from perilscope.engines.backtests import shortfall
from perilscope.engines.backtests.forecast_law import forecast_law
from perilscope.evidence.forecasts import Forecasts
from perilscope.monitoring.backtest import backtest

Z_ONE = "Z1, 10,000 simulated paths of 250 days"
Z_TWO = "Z2, 10,000 simulated paths of 250 days"
Z_THREE = "Z3, 10,000 simulated paths of 250 days"
EVERY_TEST = "every backtest of 250 days, simulated p-values and all"

GOALS = {Z_ONE: "<= 0.5 s", Z_TWO: "<= 0.5 s", Z_THREE: "<= 0.5 s", EVERY_TEST: ""}
"""Cases of market risk and what they were built to stay under."""


def market() -> list[Case]:
    """Every case of market risk."""
    return [*backtests()]


def backtests() -> list[Case]:
    """Tests of CVaR by simulation, and the whole catalogue; another seed each time."""
    from datetime import date, timedelta

    rng, turn = np.random.default_rng(1), count(1)
    sd = 0.02 * np.exp(0.3 * rng.standard_normal(250))
    loss, mean = sd * rng.standard_t(5, 250), np.zeros(250)
    loss[100] = 3.0 * sd[100]  # so that there is an exception
    var, cvar = 1.959964 * sd, 2.337803 * sd
    law = forecast_law(0.975, var, cvar, mean, sd)
    days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(250))
    told = Forecasts("bench", days, loss, var, cvar, mean, sd)
    one, two, three = (
        shortfall.acerbi_szekely_z1,
        shortfall.acerbi_szekely_z2,
        shortfall.acerbi_szekely_z3,
    )
    return [
        Case(Z_ONE, lambda: one(loss, var, cvar, law, next(turn), 10_000)),
        Case(Z_TWO, lambda: two(loss, var, cvar, law, next(turn), 10_000)),
        Case(Z_THREE, lambda: three(loss, law, next(turn), 10_000)),
        Case(EVERY_TEST, lambda: backtest(told, 0.975, next(turn))),
    ]
