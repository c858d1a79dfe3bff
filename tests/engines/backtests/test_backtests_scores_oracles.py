# SPDX-License-Identifier: Apache-2.0
"""Scores, comparisons, bets and Basel's rules against formulas as published and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from perilscope.engines.backtests import comparison, frtb, scores, sequential
from perilscope.errors import AssessmentError, MisuseError

LEVEL, P = 0.975, 0.025


def published_fz0(y: float, v: float, e: float) -> float:
    """Patton, Ziegel and Chen (2019), equation 6: returns, forecasts below zero."""
    hit = 1.0 if y <= v else 0.0
    return -hit * (v - y) / (P * e) + v / e + math.log(-e) - 1.0


def published_fzg(y: float, v: float, e: float) -> float:
    hit = 1.0 if y <= v else 0.0
    logistic = math.exp(e) / (1 + math.exp(e))
    return ((hit - P) * v - hit * y + logistic * (e - v + hit * (v - y) / P)
            - math.log(1 + math.exp(e)) + math.log(2))  # fmt: skip


def forecasts(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sd = np.exp(0.4 * rng.standard_normal(n))
    return sd * rng.standard_t(5, n), 1.9 * sd, 2.5 * sd


def test_scores_as_published_for_returns() -> None:
    loss, var, cvar = forecasts(1)
    rows = list(zip(-loss, -var, -cvar, strict=True))
    assert scores.fz0(loss, var, cvar, LEVEL) == pytest.approx([published_fz0(*r) for r in rows])
    assert scores.fzg(loss, var, cvar, LEVEL) == pytest.approx([published_fzg(*r) for r in rows])
    tick = [(P - (y <= v)) * (y - v) for y, v, _ in rows]
    assert scores.pinball(loss, var, LEVEL) == pytest.approx(tick)


@pytest.mark.parametrize("score", [scores.fz0, scores.fzg])
def test_the_right_forecast_scores_lowest(score) -> None:  # type: ignore[no-untyped-def]
    """Expected scores under the standard normal law by quadrature over a fine grid of quantiles."""
    u = (np.arange(40_000) + 0.5) / 40_000
    loss = stats.norm.ppf(u)

    def expected(at: np.ndarray) -> float:
        v, e = float(at[0]), float(at[1])
        return float(score(loss, np.full(loss.size, v), np.full(loss.size, e), LEVEL).mean())

    found = optimize.minimize(expected, [1.7, 2.6], method="Nelder-Mead",
                              options={"xatol": 1e-5, "fatol": 1e-12})  # fmt: skip
    assert found.x == pytest.approx([1.959964, 2.337803], abs=2e-3)


def test_differences_of_fz0_do_not_depend_on_the_unit() -> None:
    loss, var, cvar = forecasts(2)
    one = scores.fz0(loss, var, cvar, LEVEL) - scores.fz0(loss, 1.2 * var, 1.1 * cvar, LEVEL)
    k = 1e6
    two = scores.fz0(k * loss, k * var, k * cvar, LEVEL) - scores.fz0(
        k * loss, 1.2 * k * var, 1.1 * k * cvar, LEVEL
    )
    assert one == pytest.approx(two, abs=1e-9)


def test_elementary_scores_integrate_to_the_scores() -> None:
    loss, var, cvar = forecasts(3, 60)
    at = np.linspace(min(loss.min(), var.min()) - 0.01, max(loss.max(), var.max()) + 0.01, 8_001)
    area = np.trapezoid(scores.elementary_quantile(loss, var, LEVEL, at), at)
    assert area == pytest.approx(scores.pinball(loss, var, LEVEL).mean(), rel=2e-3)
    # FZ0 weighs thresholds t by 1 / t^2; what depends on the loss alone cancels in a difference
    other_v, other_e = 1.1 * var, 0.9 * cvar + 0.3
    at = np.exp(np.linspace(math.log(0.02), math.log(60.0), 12_001))
    gap = scores.elementary_cvar(loss, var, cvar, LEVEL, at) - scores.elementary_cvar(
        loss, other_v, other_e, LEVEL, at
    )
    # the score of the pair holds a term in VaR alone only through G1, which is zero here
    want = (scores.fz0(loss, var, cvar, LEVEL) - scores.fz0(loss, other_v, other_e, LEVEL)).mean()
    assert np.trapezoid(gap / at**2, at) == pytest.approx(
        want + _tail(loss, var, other_v, 60.0), rel=2e-3
    )


def _tail(loss: np.ndarray, var: np.ndarray, other: np.ndarray, end: float) -> float:
    """Beyond the last threshold both forecasts are passed: a constant over t squared is left."""
    one, two = (np.maximum(loss - v, 0.0) / P + v for v in (var, other))
    return -float((one - two).mean()) / end


def test_scores_refuse_cvar_that_is_not_positive() -> None:
    with pytest.raises(AssessmentError, match="above zero"):
        scores.fz0(np.zeros(2), np.full(2, -1.0), np.zeros(2), LEVEL)


# --- comparison -----------------------------------------------------------------------------------


def test_diebold_mariano_by_hand_and_its_size() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal(50), rng.standard_normal(50)
    d = a - b
    c = d - d.mean()
    gamma = [float((c[k:] * c[: 50 - k]).sum()) / 50 for k in range(3)]
    variance = gamma[0] + 2 * (2 / 3 * gamma[1] + 1 / 3 * gamma[2])
    found = comparison.diebold_mariano(a, b, lags=2)
    assert found.statistic == pytest.approx(d.mean() / math.sqrt(variance / 50))
    p = [
        comparison.diebold_mariano(rng.standard_normal(500), rng.standard_normal(500)).p_value
        for _ in range(600)
    ]
    assert float(np.mean(np.array(p) < 0.1)) == pytest.approx(
        0.1, abs=4 * math.sqrt(0.09 / 600) + 0.02
    )
    with pytest.raises(AssessmentError, match="alike"):
        comparison.diebold_mariano(a, a)


#: p-values that arch 8.0.0 gave for the same table: MCS(t, 0.1, 5000, 7, method, "circular").
ARCH = {
    "range": {"a": 1.0, "b": 0.6586, "c": 0.0998, "d": 0.004, "e": 0.0},
    "max": {"a": 1.0, "b": 0.6586, "c": 0.0428, "d": 0.004, "e": 0.0},
}


@pytest.mark.parametrize("kind", ARCH)
def test_confidence_set_as_arch_has_it(kind: str) -> None:
    rng = np.random.default_rng(11)
    table = rng.standard_normal((400, 5)) * 0.5 + np.array([0, 0.02, 0.05, 0.12, 0.2])
    table = table + rng.standard_normal((400, 1))
    found = comparison.model_confidence_set(table, list("abcde"), kind=kind, reps=5000, block=7)  # type: ignore[arg-type]
    for name, p in ARCH[kind].items():
        error = math.sqrt(2 * p * (1 - p) / 5000) + 3e-4
        assert found.parameters["p_values"][name] == pytest.approx(p, abs=4 * error)  # type: ignore[index, call-overload]


def test_confidence_set_keeps_what_is_equal_and_drops_what_is_worse() -> None:
    rng = np.random.default_rng(6)
    same = rng.standard_normal((100, 1)) * np.ones(3)
    found = comparison.model_confidence_set(same, ("a", "b", "c"), reps=200)
    assert found.parameters["members"] == ("a", "b", "c")
    kept = 0
    for k in range(100):
        table = rng.standard_normal((150, 3))
        kept += (
            "a"
            in comparison.model_confidence_set(table, ("a", "b", "c"), reps=200, seed=k).parameters[
                "members"
            ]
        )  # type: ignore[operator]
    assert kept >= 90 - 4 * 3  # 4 standard errors below 90 %


# --- bets -----------------------------------------------------------------------------------------


def best_stake(e: np.ndarray) -> float:
    if not len(e):
        return 0.0
    found = optimize.minimize_scalar(lambda s: -np.log(1 - s + s * e).mean(), bounds=(0, 0.5),
                                     method="bounded", options={"xatol": 1e-12})  # fmt: skip
    return float(found.x) if -found.fun > 1e-13 else 0.0


def test_stakes_by_another_search() -> None:
    rng = np.random.default_rng(7)
    n = 80
    sd = np.exp(0.3 * rng.standard_normal(n))
    loss = 1.3 * sd * rng.standard_t(4, n)
    var, cvar = 1.0 * sd, 1.6 * sd
    e = sequential.e_values_cvar(loss, var, cvar, 0.9)
    own = [best_stake(e[:t]) for t in range(n)]
    assert sequential.stakes_own(e) == pytest.approx(own, abs=2e-5)
    other = [
        best_stake(np.maximum(loss[:t] - var[t], 0) / (0.1 * (cvar[t] - var[t]))) for t in range(n)
    ]
    assert sequential.stakes_losses(loss, var, cvar, 0.9) == pytest.approx(other, abs=2e-5)
    single = [best_stake((loss[:t] > var[t]) / 0.1) for t in range(n)]
    assert sequential.e_process(loss, var, None, 0.9, "grel")[1] == pytest.approx(single, abs=2e-5)
    wealth, log = 1.0, []
    for stake, value in zip(own, e, strict=True):
        wealth *= 1 - stake + stake * value
        log.append(math.log(wealth))
    assert sequential.e_process(loss, var, cvar, 0.9, "gree")[0] == pytest.approx(log, abs=1e-3)


@pytest.mark.parametrize("method", sequential.METHODS)
def test_wealth_seldom_ever_exceeds_ten_when_forecasts_are_right(method: str) -> None:
    """Ville: at most 10 % of series ever reach 10; 200 series of 250 days, 4 standard errors."""
    rng = np.random.default_rng(9)
    law = stats.t(5)
    v, e = float(law.ppf(LEVEL)), float(law.expect(lambda x: x, lb=law.ppf(LEVEL)) / P)
    reached = reached_var = 0
    for _ in range(200):
        sd = np.exp(0.3 * np.sin(np.arange(250) / 15 + rng.random()))
        loss = sd * law.rvs(250, random_state=rng)
        reached += sequential.e_process(loss, v * sd, e * sd, LEVEL, method)[0].max() > math.log(10)
        reached_var += sequential.e_process(loss, v * sd, None, LEVEL, method)[0].max() > math.log(
            10
        )
    assert max(reached, reached_var) / 200 <= 0.1 + 4 * math.sqrt(0.09 / 200)


def test_forecasts_too_low_are_caught() -> None:
    rng = np.random.default_rng(10)
    caught = 0
    for _ in range(40):
        loss = 1.5 * rng.standard_normal(500)
        found = sequential.e_backtest(loss, np.full(500, 1.96), np.full(500, 2.338), LEVEL)
        caught += found.p_value < 0.05
    assert caught >= 36


def test_bets_at_the_edges() -> None:
    quiet = sequential.e_backtest(np.zeros(100), np.ones(100), np.full(100, 2.0), LEVEL)
    assert (quiet.statistic, quiet.p_value) == (1.0, 1.0)
    all_hit = sequential.e_backtest(np.full(100, 9.0), np.ones(100), np.full(100, 2.0), LEVEL)
    assert all_hit.p_value < 1e-9
    same = sequential.e_backtest(np.full(100, 9.0), np.ones(100), np.ones(100), LEVEL)
    assert same.p_value == 0.0
    assert math.isfinite(same.statistic)
    with pytest.raises(AssessmentError, match="below VaR"):
        sequential.e_values_cvar(np.zeros(2), np.ones(2), np.zeros(2), LEVEL)
    with pytest.raises(MisuseError, match="no way to bet"):
        sequential.e_process(np.zeros(2), np.ones(2), None, LEVEL, "all in")


# --- Basel ----------------------------------------------------------------------------------------


def test_liquidity_horizons_of_the_standard() -> None:
    parts = {10: 100.0, 20: 80.0, 40: 60.0, 60: 40.0, 120: 20.0}
    assert frtb.liquidity_horizon_cvar(parts) == pytest.approx(170.88007490635061, rel=1e-10)
    assert frtb.liquidity_horizon_cvar({10: 70.0}) == pytest.approx(70.0)
    # a normal factor of 40 days, alone: its CVaR over 40 days is twice that over 10
    assert frtb.liquidity_horizon_cvar({10: 1.0, 20: 1.0, 40: 1.0}) == pytest.approx(2.0)
    for wrong in ({}, {20: 1.0}, {10: -1.0}, {10: math.nan}):
        with pytest.raises(MisuseError):
            frtb.liquidity_horizon_cvar(wrong)


def test_capital_of_the_trading_book_by_its_formulas() -> None:
    """MAR33.17: a correlation of 0.6 between all pairs, apart from what is its own; MAR33.41."""
    rng = np.random.default_rng(2)
    alone = rng.uniform(0.0, 9.0, 7)
    pairs = np.where(np.eye(7) > 0, 1.0, 0.36)
    assert frtb.stress_scenarios(alone.tolist()) == pytest.approx(math.sqrt(alone @ pairs @ alone))
    modelled, stressed = rng.uniform(1.0, 2.0, 60), rng.uniform(0.0, 1.0, 60)
    mean = 1.7 * modelled.mean() + stressed.mean()
    told = frtb.capital(modelled.tolist(), stressed.tolist(), 1.7)
    assert told == pytest.approx(max(modelled[-1] + stressed[-1], mean)) == pytest.approx(mean)
    modelled[-1] = 50.0
    assert frtb.capital(modelled.tolist(), stressed.tolist(), 1.7) == 50.0 + stressed[-1]
    for wrong in (([], [], 1.5), ([1.0], [], 1.5), ([1.0], [0.0], 1.4)):
        with pytest.raises(MisuseError):
            frtb.capital(*wrong)
    with pytest.raises(MisuseError):
        frtb.stress_scenarios([-1.0])


def test_attribution_against_scipy_and_its_zones() -> None:
    rng = np.random.default_rng(12)
    hypothetical = rng.standard_normal(250)
    zones = []
    for noise in (0.05, 0.8, 3.0):
        theoretical = hypothetical + noise * rng.standard_normal(250)
        one = frtb.spearman(hypothetical, theoretical)
        two = frtb.kolmogorov_smirnov(hypothetical, theoretical)
        ranks = np.corrcoef(stats.rankdata(hypothetical), stats.rankdata(theoretical))[0, 1]
        assert one.statistic == pytest.approx(ranks)
        grid = np.sort(np.concatenate([hypothetical, theoretical]))
        gap = [abs((hypothetical <= x).mean() - (theoretical <= x).mean()) for x in grid]
        assert two.statistic == pytest.approx(max(gap))
        zones.append(frtb.attribution(hypothetical, theoretical))
    assert zones[0] == "green"
    assert zones[-1] == "red"
