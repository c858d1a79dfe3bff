# SPDX-License-Identifier: Apache-2.0
"""Windows fitted side by side are those fitted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch_rolling import roll
from perilscope.errors import AssessmentError, MisuseError

from ..garch_series import likelihood, simulated

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


def jumping(seed: int, days: int) -> np.ndarray:
    """Four series that hardly move but for rare jumps, most of them taken back the next day."""
    rng = np.random.default_rng(seed)
    r = rng.standard_t(3, (days, 4)) * rng.choice([0.02, 0.05, 0.3, 2.0], 4)
    jumps = rng.integers(2, 8, 4)
    for column in range(4):
        for at in rng.integers(0, days - 3, jumps[column]):
            jump = rng.choice([5, 15, 40]) * r[:, column].std() * rng.choice([-1, 1])
            r[at, column] += jump
            if rng.random() < 0.6:
                r[at + 1, column] -= jump * rng.uniform(0.6, 1.2)
    return np.asarray(r.T)


@pytest.mark.parametrize(("seed", "row", "first"), [(38, 3, 60), (29, 0, 0)])
def test_windows_that_one_return_rules_have_their_best_maximum(
    seed: int, row: int, first: int
) -> None:
    """It may be of days with a mean apart and shocks that last, far from where neighbours are."""
    table = jumping(seed, 600)[row : row + 1, first : first + 340]
    found, best = roll(table, 300), roll(table, 300, thorough=True)
    assert (found.log_likelihood > best.log_likelihood - 1e-3).all()


def test_a_maximum_close_to_the_edge_is_found() -> None:
    """One with alpha = 0, the other with a small alpha, 0.2 of log-likelihood better."""
    rng = np.random.default_rng(11)
    alpha, persistence = rng.uniform(0.03, 0.2, 20)[0], rng.uniform(0.85, 0.995, 20)[0]
    z = rng.standard_t(4, (1599, 20))[:, 0] * np.sqrt(0.5)
    h, r = 16.0, np.empty(1599)
    for day in range(1599):
        r[day] = np.sqrt(h) * z[day]
        h = 16.0 * (1 - persistence) + alpha * r[day] ** 2 + (persistence - alpha) * h
    table = r[None, 700:1440].copy()
    found, best = roll(table, 600), roll(table, 600, thorough=True)
    assert (found.log_likelihood > best.log_likelihood - 1e-3).all()


def test_a_fit_finds_a_maximum_with_the_mean_apart() -> None:
    """Calm days with jumps: variance that keeps all of each shock, about a mean that none has."""
    r = jumping(6, 900)[0, 12:612]
    mean, variance = r.mean(), r.var()
    point = {
        "mu": mean + 0.185 * np.sqrt(variance),
        "omega": 0.5154 * variance,
        "alpha": 1.0,
        "beta": 0.0,
    }
    there, _ = likelihood(r, "garch", point)
    assert garch.fit(r).log_likelihood > there - 1e-6


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
