# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import Constant, Gamma, Sometimes
from perilscope.evidence.calendar import Calendar
from perilscope.evidence.incidents import Incident
from perilscope.evidence.positions import Position
from perilscope.evidence.prices import History
from perilscope.layers.past import day_by_day
from perilscope.monitoring.compare import compare, exceptions
from perilscope.monitoring.forecast import Band, events


@pytest.mark.parametrize("rate", [0.05, 0.5, 3.0, 40.0, 900.0])
def test_poisson_quantiles(rate: float) -> None:
    line = Compound("x", lambda _t, years: (Poisson(rate * years), Constant(7.0)))
    band = events(line, 0.5)
    law = stats.poisson(rate * 0.5)
    assert (band.low, band.high) == (law.ppf(0.05), law.ppf(0.95))
    assert band.mean == pytest.approx(rate * 0.5, rel=1e-12)


def test_a_gamma_belief_makes_it_negative_binomial() -> None:
    belief = Gamma(2.0, 1.5)
    line = Compound("x", lambda t, years: (Poisson(t[0] * years), Constant(1.0)), (belief,))
    law = stats.nbinom(2.0, 1 / (1 + 1.5))
    band = events(line, 1.0)
    assert (band.low, band.high) == (law.ppf(0.05), law.ppf(0.95))


def test_events_without_loss_do_not_count() -> None:
    line = Compound(
        "x",
        lambda _t, years: (
            NegativeBinomial(2.0 * years, 10.0 * years),
            Sometimes(0.3, Constant(1.0)),
        ),
    )
    law = stats.nbinom(2.0, 2.0 / (2.0 + 3.0))
    band = events(line, 1.0)
    assert band.mean == pytest.approx(3.0, rel=1e-12)
    assert (band.low, band.high) == (law.ppf(0.05), law.ppf(0.95))


def test_only_losses_after_the_forecast_and_up_to_the_day_count() -> None:
    start, on = date(2026, 1, 1), date(2026, 7, 1)
    written = [
        {
            "id": "theft",
            "events": [vars(Band(1.0, 2.0, 0.0, 5.0))],
            "loss": [vars(Band(1.0, 2e5, 0.0, 5e5))],
        }
    ]
    days = [start, start + timedelta(1), on, on + timedelta(1)]
    log = [Incident(day, "theft", "loss", 1e5, "", 2) for day in days]
    log += [
        Incident(on, "theft", "blocked", None, "", 3),
        Incident(on, "other", "loss", 1.0, "", 4),
    ]
    (outcome,) = compare(written, log, start, on)
    assert (outcome.happened, outcome.lost) == (2, 2e5)
    assert not outcome.surprising


def test_exceptions_are_days_beyond_var() -> None:
    rng = np.random.default_rng(5)
    days = tuple(date(2026, 1, 1) + timedelta(i) for i in range(251))
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, size=(251, 1)), axis=0))
    history = History(("BTC",), days, closes)
    losses = -10.0 * np.diff(closes[:, 0])
    var = float(np.quantile(losses, 0.95))
    walked = day_by_day([Position("BTC", 10.0)], history, days[0], days[-1], Calendar())
    assert walked == pytest.approx(losses)
    found = exceptions(walked, 0.99, var)
    assert found is not None
    assert found.days == 250
    assert found.exceptions == int(np.sum(losses > var))
    assert found.probability == pytest.approx(
        stats.binom.sf(found.exceptions - 1, 250, 0.01), rel=1e-9
    )
