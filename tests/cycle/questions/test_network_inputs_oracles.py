# SPDX-License-Identifier: Apache-2.0
"""Table entries that act through numbers lines take from a network, against runs of other books."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import perilscope
from perilscope.cycle.questions.sensitivity import sensitivity as look
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import open_workspace

WEAK = {"calm": 0.1, "bad": 0.5}


def book(folder: Path, bad: float, calm_stress: float = 0.7, *, tokens: bool = False) -> Path:
    """A book whose theft takes its vulnerability from a node that no joint state says."""
    rng = np.random.default_rng(4)
    last, price, rows = np.datetime64("2026-01-31"), 100.0, ["date,BTC"]
    for k in range(120):
        rows.append(f"{last - np.timedelta64(119 - k, 'D')},{price!r}")
        price *= float(np.exp(rng.normal(0.0, 0.03)))
    (folder / "prices.csv").write_text("\n".join(rows) + "\n")
    (folder / "positions.csv").write_text("asset,quantity\nBTC,20\n")
    written: dict[str, Any] = {
        "institution": {"name": "Test"},
        "currency": "USD",
        "as_of": "2026-01-31",
        "horizon": "1 day",
        "tokens": {"BTC": {"kind": "coin"}},
        "positions": "positions.csv",
        "prices": "prices.csv",
        "assets": {"one": {"kind": "wallet"}, "two": {"kind": "wallet"}},
        "networks": {
            "net": {
                "period": "1 day",
                "nodes": {
                    "stress": {
                        "states": ["calm", "bad"],
                        "means": "state now",
                        "table": [calm_stress, 1 - calm_stress],
                    },
                    "weak": {
                        "states": ["no", "yes"],
                        "means": "state now",
                        "parents": ["stress"],
                        "table": {"calm": [0.9, 0.1], "bad": [1 - bad, bad]},
                    },
                    "fails": {
                        "states": ["no", "yes"],
                        "parents": ["stress"],
                        "table": {"calm": [0.98, 0.02], "bad": [0.75, 0.25]},
                    },
                },
                "shocks": {"fails": {"yes": {"BTC": "-30 %"}}},
            }
        },
        "scenarios": {
            "theft": {
                "asset": "one",
                "frequency": {
                    "threat_event_frequency": "500 per year",
                    "vulnerability": "from net.weak",
                },
                "magnitude": "1 to 6 BTC" if tokens else "100 to 600",
            },
            "other": {"asset": "two", "frequency": "100 per year", "magnitude": "50 to 500"},
        },
        "factors": {
            "storm": {"by": "net.stress", "times": {"bad": 2}, "frequency": ["theft", "other"]}
        },
    }
    path = folder / "book.yaml"
    path.write_text(json.dumps(written))
    return path


def cvar(path: Path) -> float:
    document = perilscope.quantify(path, engine="exact").document
    return float(document["enterprise"]["cvar"]["0.99"])


@pytest.mark.parametrize("tokens", [False, True])
def test_slopes_and_moves_are_those_of_books_with_other_tables(
    tmp_path: Path, tokens: bool
) -> None:
    path = book(tmp_path, WEAK["bad"], tokens=tokens)
    found = look(open_workspace(path), Settings(engine="exact"), estimates=False)
    rows = {row["entry"]: row for row in found["tables"]}
    weak, calm = rows["P(weak=yes | stress=bad)"], rows["P(stress=calm)"]
    tolerance = 5e-3 if tokens else 1e-3  # cells of prices, and differences of both
    step = 5e-3
    ends = [cvar(book(tmp_path, 0.5 + d, tokens=tokens)) for d in (-step, step)]
    assert weak["cvar_slope"] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=tolerance)
    ends = [cvar(book(tmp_path, 0.5, 0.7 + d, tokens=tokens)) for d in (-step, step)]
    assert calm["cvar_slope"] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=tolerance)
    doubled = cvar(book(tmp_path, 2 / 3, tokens=tokens))
    assert weak["cvar"][1] == pytest.approx(doubled, rel=2e-4)
