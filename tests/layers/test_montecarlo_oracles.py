# SPDX-License-Identifier: Apache-2.0
"""Simulated revaluation against closed forms: tails of a t, barriers, options, order statistics."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from perilscope.engines.forecasts import student_moves
from perilscope.engines.forecasts.student_moves import Joint
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.positions import Position
from perilscope.evidence.terms import Terms
from perilscope.layers.montecarlo import simulate
from perilscope.layers.revaluation import Marks

MARKS = Marks({"A": 100.0, "B": 10.0}, date(2026, 1, 1), response=0.0)
NORMAL = 1e9
COUNT = 200_000


def law(*sigmas: float, nu: float = NORMAL, rho: float = 0.0) -> Joint:
    corr = np.full((len(sigmas), len(sigmas)), rho)
    np.fill_diagonal(corr, 1.0)
    root = np.linalg.cholesky(corr) * np.array(sigmas)[:, None]
    return Joint(np.zeros(len(sigmas)), root, nu)


def test_var_and_cvar_of_one_coin_with_student_tails() -> None:
    found = simulate([Position("A", 2.0)], MARKS, law(0.03, nu=4.0), ["A"], count=1_000_000)
    t = stats.t(4)
    for level in (0.975, 0.99):
        q = float(t.ppf(1 - level))
        var = 200.0 * (1 - math.exp(0.03 * q))
        xs = t.ppf((np.arange(200_000) + 0.5) / 200_000 * (1 - level))
        cvar = 200.0 * (1 - float(np.exp(0.03 * xs).mean()))
        figure = found.figure(level)
        spread = (figure["cvar_high"] - figure["cvar_low"]) / 2
        assert abs(figure["var"] - var) < 3 * (figure["var_high"] - figure["var_low"]) / 2
        assert abs(figure["cvar"] - cvar) < 2.5 * spread
        assert figure["var_low"] < figure["var"] < figure["var_high"]


@pytest.mark.parametrize(("quantity", "days"), [(1.0, 1), (-1.0, 1), (1.0, 5)])
def test_a_liquidation_comes_as_often_as_a_path_meets_its_barrier(
    quantity: float, days: int
) -> None:
    # no drift: the extreme of a Brownian path passes b with twice the chance that its end does
    lot = Position("A", quantity, instrument="perpetual", terms=Terms(entry=100.0, margin=5.0,
                                                                   maintenance=0.0))  # fmt: skip
    found = simulate([lot], MARKS, law(0.03), ["A"], count=COUNT, days=days)
    barrier = math.log(0.95) if quantity > 0 else math.log(1.05)
    chance = 2.0 * float(stats.norm.cdf(-abs(barrier) / (0.03 * math.sqrt(days))))
    seen = float((found.losses == 5.0).mean())
    assert abs(seen - chance) < 4 * math.sqrt(chance * (1 - chance) / COUNT)
    assert found.losses.max() == 5.0


def test_the_mean_of_an_option_is_its_value() -> None:
    # held to expiry under a law without drift of the price: its value is the mean payoff
    sigma = 0.02
    moving = Joint(np.array([-0.5 * sigma**2]), np.array([[sigma]]), NORMAL)
    lot = Position("A", 1.0, instrument="call", terms=Terms(strike=102.0, expiry=date(2026, 1, 11),
                   vol=sigma * math.sqrt(365)))  # fmt: skip
    found = simulate([lot], MARKS, moving, ["A"], count=COUNT, days=10)
    error = float(found.losses.std()) / math.sqrt(COUNT)
    assert abs(float(found.losses.mean())) < 4 * error


def test_threads_and_counts_change_no_bit() -> None:
    lots = [
        Position("A", 1.0),
        Position("B", -5.0, instrument="perpetual", terms=Terms(margin=20.0)),
        Position("A", -1.0, instrument="put", terms=Terms(strike=90.0, expiry=date(2026, 3, 1),
                                                          vol=0.6)),
    ]  # fmt: skip
    both = law(0.03, 0.05, nu=4.0, rho=0.7)
    one, two, three = (
        simulate(lots, MARKS, both, ["A", "B"], count=50_000, days=2, threads=t).losses
        for t in (1, 2, 3)
    )
    assert one.tobytes() == two.tobytes() == three.tobytes()
    fewer = simulate(lots, MARKS, both, ["A", "B"], count=20_000, days=2).losses
    assert fewer.tobytes() == one[:20_000].tobytes()
    other = simulate(lots, MARKS, both, ["A", "B"], count=20_000, days=2, seed=2).losses
    assert not np.array_equal(fewer, other)


def test_a_loss_is_that_of_the_same_scenario_by_hand() -> None:
    both = law(0.03, 0.05, nu=4.0, rho=0.7)
    lots = [Position("A", 3.0), Position("B", -2.0),
            Position("B", 4.0, instrument="perpetual", terms=Terms(entry=11.0))]  # fmt: skip
    found = simulate(lots, MARKS, both, ["A", "B"], count=8192)
    end, _, _ = student_moves.drawn(both, 1, 0)
    expected = 300 * (1 - end[:, 0]) + 20 * (1 - end[:, 1]) * (-1 + 2)
    assert found.losses == pytest.approx(expected, abs=1e-9)


def test_moves_hang_together_as_declared() -> None:
    both = law(0.03, 0.05, nu=5.0, rho=0.7)
    end = np.concatenate([student_moves.drawn(both, 1, block)[0] for block in range(20)])
    x = np.log(end)
    assert np.cov(x.T) == pytest.approx(both.covariance, rel=0.05)


def test_the_fit_finds_what_was_drawn() -> None:
    both = law(0.03, 0.05, nu=4.0, rho=0.7)
    x = np.log(student_moves.drawn(both, 3, 0)[0])
    found = student_moves.fit(x)
    assert 3.5 <= found.nu <= 5.0
    again = student_moves.fit(x, nu=4.0)
    assert again.covariance == pytest.approx(both.covariance, rel=0.06)


@pytest.mark.parametrize(("nu", "seed"), [(2.3, 1), (2.75, 2), (4.4, 3), (12.0, 4)])
def test_the_fit_is_that_of_largest_likelihood(nu: float, seed: int) -> None:
    """Degrees of freedom between round numbers too; by a general search on SciPy's density."""
    rng = np.random.default_rng(seed)
    both = np.array([[0.03, 0.0], [0.04, 0.03]])
    x = (rng.standard_normal((700, 2)) @ both.T) * np.sqrt(nu / rng.chisquare(nu, 700))[:, None]

    def missing(p: np.ndarray) -> float:
        root = np.array([[math.exp(p[2]), 0.0], [p[3], math.exp(p[4])]])
        density = stats.multivariate_t(p[:2], root @ root.T, math.exp(p[5]))
        return -float(density.logpdf(100 * x).sum())

    start = np.array([0.0, 0.0, 1.0, 3.0, 1.0, math.log(4.0)])
    best = optimize.minimize(missing, start, method="BFGS")
    found = student_moves.fit(x)
    own = stats.multivariate_t(100 * found.mean, 1e4 * found.root @ found.root.T, found.nu)
    assert -float(own.logpdf(100 * x).sum()) <= best.fun + 1e-6
    assert found.nu == pytest.approx(math.exp(best.x[5]), rel=1e-3)
    assert 100 * found.mean == pytest.approx(best.x[:2], abs=1e-3)


def test_an_asset_twice_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_t(3, (600, 1)) * 0.02
    one, two = student_moves.fit(x), student_moves.fit(np.column_stack([x, x, 0.0 * x]))
    assert two.nu == pytest.approx(one.nu, rel=1e-4)
    assert two.covariance[:2, :2] == pytest.approx(np.full((2, 2), one.covariance[0, 0]), rel=1e-4)


def test_assets_that_move_alike_or_not_at_all() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(500) * 0.02
    found = student_moves.fit(np.column_stack([x, x, np.zeros(500)]))
    assert found.covariance[0, 1] == pytest.approx(found.covariance[0, 0], rel=1e-6)
    assert found.covariance[2, 2] == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(AssessmentError, match="at least three days"):
        student_moves.fit(np.zeros((2, 2)))


def test_what_cannot_be_simulated() -> None:
    for words in ({"count": 10}, {"count": 10**9}, {"days": 0}):
        with pytest.raises(MisuseError):
            simulate([Position("A", 1.0)], MARKS, law(0.03), ["A"], **words)  # type: ignore


def test_cvar_of_a_short_is_that_of_a_law_with_a_bound() -> None:
    """Without a bound on a day's move it is infinite, and a simulated one is pure chance."""
    short = Position("A", -1.0, instrument="perpetual", terms=Terms(entry=100.0))
    found = simulate([short], MARKS, law(0.03, nu=2.5), ["A"], count=400_000, seed=3)
    figure, most = found.figure(0.99), math.log(10.0)

    def loss(u: float) -> float:
        return 100.0 * math.expm1(min(0.03 * float(stats.t.ppf(u, 2.5)), most))

    cut = float(stats.t.cdf(most / 0.03, 2.5))
    cvar = (integrate.quad(loss, 0.99, cut, limit=400)[0] + (1.0 - cut) * 900.0) / 0.01
    spread = (figure["cvar_high"] - figure["cvar_low"]) / 2
    assert abs(figure["cvar"] - cvar) < 2.5 * spread
    assert spread < 0.1 * cvar
    assert abs(figure["var"] - loss(0.99)) < 3 * (figure["var_high"] - figure["var_low"]) / 2
