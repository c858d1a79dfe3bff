# SPDX-License-Identifier: Apache-2.0
"""The past year of a run: VaR of today's holdings on each day, by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from perilscope.cycle.trading import Valued, past_year
from perilscope.evidence.prices import History


def history(n: int = 800) -> History:
    rng = np.random.default_rng(2)
    closes = np.exp(np.cumsum(0.03 * rng.standard_normal((n, 2)), axis=0))
    days = tuple(date(2024, 1, 1) + timedelta(k) for k in range(n))
    return History(("BTC", "ETH"), days, closes)


HELD = (Valued("BTC", 2.0, 50.0, 100.0), Valued("ETH", -1.0, 30.0, -30.0),
        Valued("BTC", 1.0, 1.0, 7.0, "option"), Valued("XYZ", 1.0, 5.0, 5.0))  # fmt: skip


def test_var_and_losses_by_hand() -> None:
    held = history()
    found = past_year(held, HELD)
    assert found is not None
    moves = held.closes[1:] / held.closes[:-1] - 1.0
    loss = -(moves @ [100.0, -30.0])
    told = found.told
    assert (len(told.days), found.window) == (365, 365)
    assert told.days[-1] == held.days[-1]
    assert told.loss == pytest.approx(loss[-365:])
    for at in (0, 200, 364):
        row = len(loss) - 365 + at
        before = np.sort(loss[row - 365 : row])
        assert told.var[at] == pytest.approx(before[math.ceil(365 * 0.975) - 1])
    assert told.exceptions == int((told.loss > told.var).sum())


def test_short_histories_and_nothing_that_moves() -> None:
    assert past_year(None, HELD) is None
    assert past_year(history(100), HELD) is None
    assert past_year(history(), (HELD[3],)) is None
    some = past_year(history(200), HELD)
    assert some is not None
    assert len(some.told.days) == 99
    assert some.window == 100
