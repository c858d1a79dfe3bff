# SPDX-License-Identifier: Apache-2.0
"""What cannot be fitted is refused and says why."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.volatility import garch
from perilscope.errors import AssessmentError, MisuseError

NOISE = np.random.default_rng(1).standard_normal(200)


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        (NOISE[:30], "too few"),
        (np.where(np.arange(200) == 7, np.nan, NOISE), "missing"),
        (np.where(np.arange(200) == 7, np.inf, NOISE), "not finite"),
        (np.zeros(200), "stands still"),
        (np.where(np.arange(200) % 3 == 0, NOISE, 0.0), "stands still on 66 %"),
        (np.full(200, 1.5), "stands still"),
    ],
)
def test_bad_returns_are_refused(returns: np.ndarray, says: str) -> None:
    with pytest.raises(AssessmentError, match=says):
        garch.fit(returns)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(MisuseError, match="there are garch, gjr, egarch"):
        garch.fit(NOISE, "figarch")
    with pytest.raises(MisuseError, match="backcast, sample"):
        garch.fit(NOISE, presample="zero")
    with pytest.raises(MisuseError, match="numpy"):
        garch.fit(NOISE, backend="fortran")


@pytest.mark.parametrize(("kind", "student"), [("garch", False), ("gjr", True)])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_units_do_not_matter(kind: str, student: bool, unit: float) -> None:
    one, other = garch.fit(NOISE, kind, student), garch.fit(unit * NOISE, kind, student)
    assert other.sigma == pytest.approx(unit * one.sigma, rel=1e-6)
    shift = NOISE.size * np.log(unit)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - shift, abs=1e-6)


@pytest.mark.parametrize("kind", ["garch", "gjr", "egarch"])
def test_a_crash_and_a_calm_do_not_break_the_search(kind: str) -> None:
    returns = NOISE.copy()
    returns[100] = -80.0
    returns[150:] *= 1e-3
    for student in (False, True):
        found = garch.fit(returns, kind, student)
        assert np.isfinite(found.log_likelihood)
        assert np.all(found.variances > 0.0)
        assert all(np.isfinite(v) for v in found.errors.values())
