# SPDX-License-Identifier: Apache-2.0
"""Rolling forecasts: each from the days before it alone, by plain loops over NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.loss_laws import NormalLaw
from perilscope.engines.forecasts.models import named
from perilscope.engines.forecasts.predictive import Model, Prediction
from perilscope.engines.forecasts.rolling import rolled
from perilscope.errors import AssessmentError, MisuseError

MOVES = 0.02 * np.random.default_rng(3).standard_t(4, (320, 2))
WEIGHTS = np.array([0.7, -0.3])


def test_historical_forecasts_by_hand() -> None:
    found = rolled(named("historical"), Sample(MOVES, WEIGHTS), 0.9, days=40, window=200)
    loss = -(MOVES @ WEIGHTS)
    for place, row in enumerate(range(280, 320)):
        before = np.sort(loss[row - 200 : row])
        var = before[179]  # the smallest with F >= 0.9
        assert found.var[place] == pytest.approx(var)
        assert found.cvar[place] == pytest.approx(before[180:].mean())
        assert found.loss[place] == loss[row]
        assert found.pit[place] == pytest.approx(
            np.clip((before <= loss[row]).mean(), 0.5 / 201, 1 - 0.5 / 201)
        )
    assert found.mean is None


def test_a_forecast_does_not_see_its_own_day_or_later_ones() -> None:
    one = rolled(named("normal"), Sample(MOVES, WEIGHTS), 0.975, days=20, window=200)
    changed = MOVES.copy()
    changed[310:] *= 5.0
    two = rolled(named("normal"), Sample(changed, WEIGHTS), 0.975, days=20, window=200)
    assert np.array_equal(one.var[:11], two.var[:11])  # rows 300 to 310
    assert one.var[11] != two.var[11]


def test_normal_laws_tell_mean_and_sd() -> None:
    found = rolled(named("normal"), Sample(MOVES, WEIGHTS), 0.975, days=10, window=200)
    loss = -(MOVES @ WEIGHTS)
    assert found.mean is not None
    assert found.sd is not None
    assert found.mean[0] == pytest.approx(loss[110:310].mean())
    assert found.sd[0] == pytest.approx(loss[110:310].std())
    want = stats.norm(found.mean, found.sd).cdf(found.loss)
    assert found.pit == pytest.approx(want)


def test_days_without_a_forecast_are_told() -> None:
    def fit(sample: Sample) -> Prediction:
        if abs(float(sample.losses[-1])) > 0.05:
            raise AssessmentError("too wild")
        return Prediction(NormalLaw(0.0, 1.0), lambda _: ((0.0, 1.0), (0.0, 1.0)))

    loss = -(MOVES @ WEIGHTS)
    wild = [row for row in range(220, 320) if abs(loss[row - 1]) > 0.05]
    assert 0 < len(wild) <= 10
    found = rolled(Model("shy", "", fit), Sample(MOVES, WEIGHTS), 0.975, days=100, window=200)
    assert [row for row, _ in found.failed] == wild
    assert len(found.loss) == 100 - len(wild)

    def never(sample: Sample) -> Prediction:
        raise AssessmentError("not today")

    with pytest.raises(AssessmentError, match="not today"):
        rolled(Model("never", "", never), Sample(MOVES, WEIGHTS), 0.975, days=100, window=200)


def test_what_cannot_be_rolled() -> None:
    with pytest.raises(AssessmentError, match="fewer than a window"):
        rolled(named("normal"), Sample(MOVES, WEIGHTS), 0.975, days=200, window=200)
    with pytest.raises(MisuseError, match="window"):
        rolled(named("normal"), Sample(MOVES, WEIGHTS), 0.975, days=10, window=5)
    with pytest.raises(MisuseError, match="level"):
        rolled(named("normal"), Sample(MOVES, WEIGHTS), 97.5, days=10, window=200)
