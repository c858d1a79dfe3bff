# SPDX-License-Identifier: Apache-2.0
"""Sales day by day against a clerk who sells, and losses against a portfolio that is walked."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.portfolio import liquidity
from perilscope.errors import MisuseError

START = date(2026, 11, 19)  # a Thursday


def clerk(value: float, volume: float, start: date, part: float, weekend: float) -> float:
    """Days, selling in a thousand slices a day."""
    sold, slices = 0.0, 0
    while sold < value - 1e-9:
        day = start + timedelta(days=1 + slices // 1000)
        sold += part * volume * (weekend if day.weekday() >= 5 else 1.0) / 1000
        slices += 1
    return slices / 1000


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 300), st.floats(20, 200), st.integers(0, 6), st.floats(0.05, 0.5),
       st.floats(0.3, 1.0))  # fmt: skip
def test_days_are_those_of_a_clerk(
    value: float, volume: float, shift: int, part: float, weekend: float
) -> None:
    start = START + timedelta(days=shift)
    if value > 50 * part * volume * weekend:
        return
    found = liquidity.days(value, volume, start, part, weekend)
    assert found == pytest.approx(clerk(value, volume, start, part, weekend), abs=2.1e-3)
    left = liquidity.schedule(value, volume, start, part, weekend)
    assert left[0] == 1.0
    assert np.all(np.diff(left) < 0.0)
    assert len(left) == max(math.ceil(found - 1e-9), 1)


def test_weekends_are_thin() -> None:
    assert liquidity.days(20.0, 100.0, START, 0.1, 1.0) == 2.0
    assert liquidity.days(20.0, 100.0, START, 0.1, 0.5) == 3.0  # Friday 10, twice 5
    assert liquidity.days(-20.0, 100.0, START, 0.1, 0.5) == 3.0  # a short is bought back
    assert liquidity.days(0.0, 100.0, START, 0.1, 0.5) == 0.0
    assert liquidity.days(1e9, 100.0, START, 0.1, 0.5) == math.inf


def test_a_loss_is_that_of_what_is_left() -> None:
    rng = np.random.default_rng(1)
    closes = 100.0 * np.exp(np.cumsum(0.05 * rng.standard_normal((40, 2)), axis=0))
    values = np.array([1000.0, -400.0])
    left = [np.array([1.0, 0.7, 0.2]), np.array([1.0])]
    found = liquidity.unwound(closes, values, left)
    for k in range(37):
        cash = 0.0
        units = [1000.0 / closes[k, 0], -400.0 / closes[k, 1]]
        sold = [[0.3, 0.5, 0.2], [1.0]]
        for asset in range(2):
            for day, part in enumerate(sold[asset]):
                cash += units[asset] * part * closes[k + day + 1, asset]
        assert found[k] == pytest.approx(600.0 - cash)


def test_impact_grows_with_the_root() -> None:
    assert liquidity.impact(4e6, 1e8, 0.05) == pytest.approx(2 * liquidity.impact(1e6, 1e8, 0.05))
    assert liquidity.impact(1e8, 1e8, 0.05) == pytest.approx(0.05)  # a day's volume, a day's move
    assert liquidity.impact(1e20, 1.0, 0.5) == 1.0
    with pytest.raises(MisuseError):
        liquidity.impact(1.0, 0.0, 0.1)
    with pytest.raises(MisuseError):
        liquidity.schedule(1.0, 1.0, START, 0.0, 0.7)
