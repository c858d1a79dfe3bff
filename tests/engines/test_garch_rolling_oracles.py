# SPDX-License-Identifier: Apache-2.0
"""Windows fitted side by side are those fitted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines import garch
from perilscope.engines.garch_rolling import roll
from perilscope.errors import AssessmentError, MisuseError

from .garch_series import simulated

pytest.importorskip("numba", reason="without it thousands of fits take too long for a test")
TABLE = np.array(
    [simulated(1, 420, 0.1, 0.4, 0.1, 0.0, 0.85), simulated(7, 420, 0.0, 1.0, 0.3, 0.0, 0.5, 4.0)]
)


@pytest.fixture(autouse=True)
def _fast() -> None:
    garch.prepare()


@pytest.mark.parametrize("student", [False, True])
def test_each_window_is_as_good_as_fitted_alone(student: bool) -> None:
    found = roll(TABLE, 300, student)
    assert found.log_likelihood.shape == (2, 121)
    for row in range(2):
        for day in range(0, 121, 30):
            alone = garch.fit(TABLE[row, day : day + 300], student=student)
            gap = alone.log_likelihood - found.log_likelihood[row, day]
            assert abs(gap) < 1e-3
            mu, omega, alpha, _, beta, _ = found.natural[row, day]
            said = [alone.parameters[name] for name in ("mu", "omega", "alpha", "beta")]
            assert [mu, omega, alpha, beta] == pytest.approx(said, abs=2e-2, rel=2e-2)


def test_a_thorough_roll_is_what_single_fits_are() -> None:
    found = roll(TABLE[:, :312], 300, thorough=True)
    for row, day in ((0, 0), (0, 12), (1, 5)):
        alone = garch.fit(TABLE[row, day : day + 300])
        assert found.log_likelihood[row, day] == pytest.approx(alone.log_likelihood, abs=1e-8)


def test_threads_change_nothing() -> None:
    one, two = roll(TABLE, 350, threads=1), roll(TABLE, 350, threads=2)
    assert np.array_equal(two.log_likelihood, one.log_likelihood)
    assert np.array_equal(two.natural, one.natural)


def test_a_maximum_that_no_neighbour_has_is_found() -> None:
    """A crash within a window: all weight on the last shock, or none on any and a long decay."""
    rng = np.random.default_rng(102)
    shock, lasting = rng.uniform(0.01, 0.3, 5), rng.uniform(0.6, 0.9999, 5)
    nu = rng.choice([3.0, 4.0, 6.0, 50.0], 5)
    z = rng.standard_t(nu, (700, 5)) * np.sqrt((nu - 2.0) / nu)
    h, series = np.full(5, 9.0), np.empty((700, 5))
    for day in range(700):
        series[day] = np.sqrt(h) * z[day]
        h = 9.0 * (1.0 - lasting) + shock * series[day] ** 2 + (lasting - shock) * h
    table = series.T[:1].copy()
    found, best = roll(table, 600), roll(table, 600, thorough=True)
    assert (found.log_likelihood > best.log_likelihood - 1e-3).all()


def test_residuals_and_the_day_ahead_are_those_of_the_fit() -> None:
    found = roll(TABLE, 400)
    for row, mu, h, z in found.ahead():
        assert h.shape == (21, 401)
        alone = garch.fit(TABLE[row, 20:420])
        assert mu[20] == pytest.approx(alone.mu, abs=1e-3)
        assert h[20, -1] == pytest.approx(alone.sigma**2, rel=2e-3)
        assert z[20] == pytest.approx(alone.residuals, abs=5e-3)


def test_what_cannot_be_rolled_is_refused() -> None:
    with pytest.raises(MisuseError, match="no windows of 500 days"):
        roll(TABLE, 500)
    hole = TABLE.copy()
    hole[1, 5] = np.nan
    with pytest.raises(AssessmentError, match="missing"):
        roll(hole, 300)
    still = TABLE.copy()
    still[0, :150] = 0.0
    with pytest.raises(AssessmentError, match="hardly move"):
        roll(still, 120)
