# SPDX-License-Identifier: Apache-2.0
"""What prices are in, told by a coin that is pegged."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from perilscope.evidence.history import History
from perilscope.evidence.quotes import doubtful

DAYS = tuple(date(2024, 1, 1) + timedelta(days=k) for k in range(120))


def history(symbol: str, level: float) -> History:
    noise = np.random.default_rng(1).normal(0.0, 0.0005, len(DAYS))
    closes = np.column_stack([level * (1.0 + noise), np.full(len(DAYS), 40_000.0)])
    closes[3] = np.nan  # a missing day decides nothing
    return History((symbol, "BTC"), DAYS, closes)


@pytest.mark.parametrize(
    ("symbol", "level", "pegs", "currency", "peg"),
    [
        ("USDC", 1.0, {}, "EUR", "USD"),  # dollars under euros: told
        ("DAI", 1.0, {"DAI": "USD"}, "EUR", "USD"),
        ("EURC", 1.0, {"EURC": "EUR"}, "USD", "EUR"),
        ("USDC", 0.92, {}, "EUR", ""),  # in euros
        ("USDC", 1.0, {}, "USD", ""),
        ("DAI", 1.0, {}, "EUR", ""),  # nothing says what it is pegged to
    ],
)
def test_a_pegged_coin_at_one_tells_what_prices_are_in(
    symbol: str, level: float, pegs: dict[str, str], currency: str, peg: str
) -> None:
    found = doubtful(history(symbol, level), [symbol, "BTC"], pegs, currency)
    assert len(found) == bool(peg)
    if peg:
        assert found[0].startswith(f"{symbol}: pegged to {peg}")
        assert f"count one {peg} as one {currency}" in found[0]
