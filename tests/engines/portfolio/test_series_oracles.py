# SPDX-License-Identifier: Apache-2.0
"""VaR and CVaR of many series at once against the sorted series, compiled or not."""

from __future__ import annotations

import importlib
import math
import sys
from fractions import Fraction

import numpy as np
import pytest

from perilscope.engines import machine_code
from perilscope.engines.portfolio import series
from perilscope.errors import AssessmentError

COMPILED = "perilscope.engines.portfolio.series_compiled"


@pytest.fixture(params=["plain", "compiled"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, COMPILED, None)
    elif not machine_code.installed():
        pytest.skip("numba is not installed")
    else:
        monkeypatch.setitem(sys.modules, COMPILED, importlib.import_module(COMPILED))


def by_definition(losses: np.ndarray, level: str) -> tuple[float, float]:
    """The smallest x with F(x) >= level; the mean of the worst 1 - level, the atom split."""
    ordered = sorted(losses.tolist())
    place = math.ceil(len(ordered) * Fraction(level))
    whole = Fraction(len(ordered)) * (1 - Fraction(level))
    beyond = ordered[place:]
    part = float(whole - len(beyond)) * ordered[place - 1]
    return ordered[place - 1], (math.fsum(beyond) + part) / float(whole)


def tables() -> dict[str, np.ndarray]:
    """Series that a sample of every so many-th loss guesses well, badly or not at all."""
    rng = np.random.default_rng(5)
    drawn = rng.standard_t(4, (1600, 50))
    high, low = drawn.copy(), drawn.copy()
    high[::8] += 100.0  # all that is sampled lies in the tail
    low[::8] -= 100.0  # none of it does
    return {
        "drawn": drawn,
        "guessed too high": high,
        "guessed too low": low,
        "sorted": np.sort(drawn, axis=0),
        "sorted downwards": np.sort(drawn, axis=0)[::-1],
        "ties": np.round(drawn),
        "two values": (drawn > 1.5).astype(float),
        "always the same": np.full((1600, 3), 0.25),
        "by columns": np.asfortranarray(drawn[:, :7]),
        "one series of a length of no round number": rng.standard_cauchy((997, 1)),
        "too short to guess": drawn[:150, :4],
        "many": rng.standard_normal((20_011, 2)),
    }


@pytest.mark.parametrize("name", tables())
@pytest.mark.parametrize("level", ["0.7", "0.975", "0.99", "0.999"])
def test_every_series_by_the_definition(name: str, level: str) -> None:
    table = tables()[name]
    var, cvar = series.columns(table, float(level))
    for column in range(table.shape[1]):
        expected = by_definition(table[:, column], level)
        assert var[column] == expected[0]
        assert cvar[column] == pytest.approx(expected[1], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("what", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("size", [100, 1600])
def test_what_is_not_a_finite_number_is_refused(what: float, size: int) -> None:
    table = np.random.default_rng(1).standard_normal((size, 5))
    table[size // 2 + 3, 4] = what
    with pytest.raises(AssessmentError, match="finite losses"):
        series.columns(table, 0.975)
