# SPDX-License-Identifier: Apache-2.0
"""Measures of loss against scipy.stats, published figures, closed forms and brute force."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import integrate, stats

from perilscope.engines.portfolio import bootstrap, returns
from perilscope.engines.portfolio.parametric import fit_normal, fit_student, student_measures

from ...reference import FOLDER, case


def test_closed_forms_of_normal_and_t_as_published() -> None:
    # McNeil, Frey, Embrechts, section 2.3
    published = case("closed_form_normal_t")
    unit = np.array([-1.0, 1.0])  # standard deviation 1
    for name, row in published["outputs"].items():
        law, level = name.split("_")
        if law == "normal":
            got = returns.normal(unit, float(level))
        else:
            got = student_measures(float(level), float(law[1:]))
        assert got == pytest.approx((row["VaR"], row["ES"]), rel=1e-9), name


@pytest.mark.parametrize("df", [1.5, 2.3, 4.0, 30.0, 200.0])
@pytest.mark.parametrize("level", [0.6, 0.95, 0.99, 0.999])
def test_student_measures_against_integration(df: float, level: float) -> None:
    law = stats.t(df)
    var = law.ppf(level)
    tail = integrate.quad(lambda u: law.isf((1 - level) * u**3) * 3 * u * u, 0, 1, limit=300)[0]
    assert student_measures(level, df) == pytest.approx((var, tail), rel=1e-6)


def test_edhec_normal_value_at_risk() -> None:
    # R PerformanceAnalytics 2.0.8, VaR(method = "gaussian"): mean and ML standard deviation
    published = case("pa_edhec_single_95")
    table = np.genfromtxt(FOLDER / "ref_edhec.csv", delimiter=",", skip_header=1)[:, 1:6]
    for column, expected in zip(table.T, published["outputs"]["gaussian"], strict=True):
        var, _ = returns.normal(-column, 0.95, drift=float(column.mean()))
        assert -var == pytest.approx(expected, rel=1e-9)


def test_mixture_of_two_normals() -> None:
    # closed form: L0 ~ N(0, 5), L1 ~ N(12, 8), level 0.99; sets are equally likely quantiles
    published = case("MIX-01")
    u = (np.arange(400_000) + 0.5) / 400_000
    calm, stress = stats.norm.ppf(u, 0, 5), stats.norm.ppf(u, 12, 8)
    for chance, expected in published["expected"].items():
        p = float(chance)
        got = returns.reweighted([(1 - p, calm), (p, stress)], 0.99)
        assert got == pytest.approx(tuple(expected), rel=2e-4), chance


@pytest.mark.parametrize("df", [2.2, 3.0, 6.0, 15.0])
@pytest.mark.parametrize("currency", [1e-6, 1.0, 3e7])
def test_student_fit_is_at_least_as_likely_as_scipys(df: float, currency: float) -> None:
    x = stats.t.rvs(df, loc=0.3, scale=2.0, size=1500, random_state=7) * currency
    fit = fit_student(x)
    theirs = stats.t.fit(x / currency)
    best = stats.t.logpdf(x / currency, *theirs).sum() - x.size * math.log(currency)
    own = stats.t.logpdf(x, fit.df, fit.location, fit.scale).sum()
    assert fit.likelihood == pytest.approx(own, abs=1e-6)
    assert fit.likelihood >= best - 1e-6
    assert fit.df == pytest.approx(theirs[0], rel=2e-2)


def test_student_fit_on_dem_gbp() -> None:
    path = FOLDER / "ref_dem2gbp.csv"
    if not path.exists():
        pytest.skip("no reference returns beside the project")
    x = np.genfromtxt(path, skip_header=1)
    df, location, scale = stats.t.fit(x)
    fit = fit_student(x)
    assert fit.likelihood >= stats.t.logpdf(x, df, location, scale).sum() - 1e-6
    assert (fit.df, fit.scale) == pytest.approx((df, scale), rel=1e-3)


def test_drift_shifts_and_nothing_else() -> None:
    x = stats.t.rvs(4, loc=-5.0, size=800, random_state=2)
    for method in (returns.normal, returns.student):
        still, moved = method(x, 0.99), method(x, 0.99, drift=3.0)
        assert np.subtract(still, moved) == pytest.approx([3.0, 3.0], abs=1e-9)
    fit = fit_student(x)
    q = stats.t.ppf(0.99, fit.df)
    assert returns.student(x, 0.99)[0] == pytest.approx(fit.scale * q, rel=1e-9)


def exact(losses: list[int], level: Fraction) -> tuple[Fraction, Fraction]:
    """VaR and CVaR by the definition, in fractions."""
    ordered = sorted(losses)
    n = len(ordered)
    var = next(x for k, x in enumerate(ordered, 1) if Fraction(k, n) >= level)
    left, total = 1 - level, Fraction(0)
    for x in reversed(ordered):
        take = min(left, Fraction(1, n))
        total += take * x
        left -= take
    return Fraction(var), total / (1 - level)


@pytest.mark.parametrize("n", [1, 7, 20, 100, 365, 1000])
@pytest.mark.parametrize("level", ["0.07", "0.5", "0.9", "0.95", "0.975", "0.99"])
def test_historical_by_the_definition(n: int, level: str) -> None:
    losses = np.random.default_rng(n).integers(-50, 50, n)
    var, cvar = exact(losses.tolist(), Fraction(level))
    got = returns.historical(losses.astype(float), float(level))
    assert got == pytest.approx((float(var), float(cvar)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("method", ["normal", "student-t", "historical"])
def test_ninety_percent_intervals_cover_about_ninety_percent(method: str) -> None:
    # by simulation; 300 trials have a standard error of 1.7 points
    law, rng, level, trials = stats.t(5), np.random.default_rng(5), 0.95, 300
    truth = law.ppf(level), student_measures(level, 5.0)[1]
    if method == "normal":
        law = stats.norm()
        truth = law.ppf(level), law.pdf(law.ppf(level)) / (1 - level)
    hits = np.zeros(2)
    for trial in range(trials):
        x = law.rvs(600, random_state=rng)
        if method == "historical":
            found = bootstrap.block_bootstrap(x, level, seed=trial, block=5, reps=200)
        else:
            fit = fit_normal(x, lags=5) if method == "normal" else fit_student(x, lags=5)
            found = fit.intervals(level)
        hits += [low <= true <= high for (low, high), true in zip(found, truth, strict=True)]
    assert np.all(hits / trials > 0.82), hits / trials
    assert np.all(hits / trials < 0.97), hits / trials


def test_intervals_widen_where_days_are_alike() -> None:
    # an average over 10 days moves slowly: a sample of it says less than as many separate days
    rng = np.random.default_rng(9)
    alike = np.convolve(rng.standard_normal(3009), np.ones(10) / math.sqrt(10), "valid")
    apart = rng.standard_normal(3000)

    def width(x: np.ndarray, lags: int) -> list[float]:
        (low, high), _ = bootstrap.block_bootstrap(x, 0.95, 1, block=lags)
        pairs = [(low, high), fit_normal(x, lags).intervals(0.95)[0]]
        return [math.log(top / bottom) for bottom, top in pairs]

    assert np.all(np.array(width(alike, 30)) > 1.7 * np.array(width(apart, 30)))
