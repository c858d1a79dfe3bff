# SPDX-License-Identifier: Apache-2.0
"""Charts of the market chapter: what is drawn, and what has nothing to draw."""

from __future__ import annotations

from typing import Any

from perilscope.report import charts, holdings

MARKET: dict[str, Any] = {
    "default_method": "historical",
    "methods": {"historical": {"1": {"0.975": {"var": 2.0, "cvar": 3.0}}}},
    "distribution": {"edges": [-2.0, 0.0, 2.0, 4.0], "counts": [5, 90, 5]},
    "contributions": [
        {"asset": "BTC", "value": 60.0, "share_of_cvar": 0.9},
        {"asset": "<b>ETH", "value": -40.0, "share_of_cvar": 0.1},
    ],
}
RUN = {"currency": "USD", "market": MARKET}


def test_days_beyond_var_are_marked() -> None:
    spec = holdings.distribution(RUN)
    assert spec is not None
    rows = spec["layer"][0]["data"]["values"]
    assert [row["beyond"] for row in rows] == [False, False, True]
    assert [row["days"] for row in rows] == [5, 90, 5]
    drawn = charts.svg(spec)
    assert "CVaR 97.5" in drawn
    assert "<svg" in drawn
    assert "−$2" in drawn  # a gain's sign stands before its currency
    assert "$−" not in drawn


def test_shares_of_value_stand_beside_shares_of_risk() -> None:
    spec = holdings.bearers(RUN)
    assert spec is not None
    shares = {(row["place"], row["of"]): row["share"] for row in spec["data"]["values"]}
    assert shares[(0, "share of the exposure")] == 0.6
    assert shares[(0, "share of 1-day CVaR 97.5 %")] == 0.9
    assert "<b>" not in charts.svg(spec)


def test_nothing_is_drawn_of_nothing() -> None:
    for run in ({"currency": "USD"}, {"currency": "USD", "market": {}}):
        assert holdings.distribution(run) is None
        assert holdings.bearers(run) is None
