# SPDX-License-Identifier: Apache-2.0
"""Price moves over a horizon: what daily prices can say, and what they cannot."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from perilscope.errors import AssessmentError
from perilscope.evidence.history import History
from perilscope.layers import moves

DAY = 1.0 / moves.DAYS_A_YEAR


def history(step: int = 1) -> History:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(2).normal(0.0, 0.02, 400)))
    days = tuple(date(2025, 1, 1) + timedelta(days=step * k) for k in range(400))
    return History(("BTC",), days, closes[:, None], source="made")


@pytest.mark.parametrize(
    ("days", "said"), [(1 / 24, "within a day"), (0.4, "within a day"), (1.5, "1.5 days")]
)
def test_a_horizon_that_daily_prices_do_not_have_is_refused(days: float, said: str) -> None:
    with pytest.raises(AssessmentError, match=said):
        moves.over(history(), ("BTC",), days * DAY, seed=1)


@pytest.mark.parametrize("days", [1, 2, 10, 30])
def test_whole_days_are_spans_of_the_past(days: int) -> None:
    found = moves.over(history(), ("BTC",), days * DAY, seed=1)
    assert (found.days, len(found.spans.end)) == (days, 400 - days)


def test_a_quarter_is_taken_in_whole_days() -> None:
    assert moves.over(history(), ("BTC",), 0.25, seed=1, draws=64).days == 91
