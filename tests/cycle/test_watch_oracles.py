# SPDX-License-Identifier: Apache-2.0
"""VaR exceptions since a run, of a book with instruments, by plain formulas."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.cycle.watch import watch
from perilscope.cycle.workspace import open_workspace

START = date(2026, 1, 1)


@pytest.fixture
def closes() -> np.ndarray[Any, Any]:
    steps = 0.04 * np.random.default_rng(3).standard_normal(40)
    return np.asarray(100.0 * np.exp(np.cumsum(steps)))


@pytest.fixture
def book(tmp_path: Path, closes: np.ndarray[Any, Any]) -> Path:
    rows = [f"{START + timedelta(k)},{float(p)!r}" for k, p in enumerate(closes)]
    (tmp_path / "prices.csv").write_text("date,BTC\n" + "\n".join(rows) + "\n")
    path = tmp_path / "book.yaml"
    said = "institution: {name: Desk, kind: fund}\nas_of: 2026-02-09\ncurrency: USD\n"
    path.write_text(said + "prices: prices.csv\n")
    return path


def since(lots: list[dict[str, Any]] | None) -> dict[str, Any]:
    valued = [{"asset": "BTC", "instrument": "spot", "quantity": 1.0},
              {"asset": "BTC", "instrument": "perpetual", "quantity": -3.0}]  # fmt: skip
    market: dict[str, Any] = {"valued": valued}
    if lots is not None:
        market["lots"] = lots
    return {
        "as_of": START.isoformat(),
        "currency": "USD",
        "book": {"name": "Desk", "hash": "x"},
        "forecast": {"scenarios": [], "market": {"level": 0.975, "var": 6.0}},
        "market": market,
    }


def test_instruments_are_walked_by_the_terms_that_were_written(
    book: Path, closes: np.ndarray[Any, Any]
) -> None:
    short = {"asset": "BTC", "instrument": "perpetual", "quantity": -3.0,
             "terms": {"entry": 100.0, "funding": 0.001}}  # fmt: skip
    found = watch(open_workspace(book), since([short]), date(2026, 2, 9))["var"]
    lost = -np.diff(closes) + 3.0 * np.diff(closes) - 3.0 * 0.001 * closes[:-1]
    assert found["days"] == 39
    assert found["exceptions"] == int((lost > 6.0).sum()) > 0
    assert found["worst"] == pytest.approx(lost.max())


def test_runs_without_terms_are_not_guessed_at(book: Path) -> None:
    assert watch(open_workspace(book), since(None), date(2026, 2, 9))["var"] is None
