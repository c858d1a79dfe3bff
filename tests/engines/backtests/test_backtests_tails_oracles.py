# SPDX-License-Identifier: Apache-2.0
"""Tests of CVaR and of whole laws against plain loops, other searches and brute simulation."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from perilscope.engines.backtests import calibration, esr, shortfall, transforms
from perilscope.engines.backtests.forecast_law import ForecastLaw, drawn, forecast_law, whole_law
from perilscope.engines.backtests.lines import quantile_lines
from perilscope.errors import AssessmentError

LEVEL, P = 0.975, 0.025
Z, TAIL = float(stats.norm.ppf(LEVEL)), float(stats.norm.pdf(stats.norm.ppf(LEVEL)) / P)


def normal_case(seed: int, n: int = 250, wider: float = 1.0) -> tuple[np.ndarray, ...]:
    """Losses, VaR, CVaR, mean, sd of normal forecasts; losses ``wider`` than forecast."""
    rng = np.random.default_rng(seed)
    sd, mean = np.exp(0.3 * rng.standard_normal(n)), 0.05 * rng.standard_normal(n)
    loss = mean + wider * sd * rng.standard_normal(n)
    return loss, mean + Z * sd, mean + TAIL * sd, mean, sd


def law_of(case: tuple[np.ndarray, ...]) -> ForecastLaw:
    _, var, cvar, mean, sd = case
    return forecast_law(LEVEL, var, cvar, mean, sd)


# --- which law ------------------------------------------------------------------------------------


def test_the_law_is_read_from_its_four_figures() -> None:
    df = np.linspace(3.0, 12.0, 50)
    sd, mean = np.linspace(0.5, 2.0, 50), np.linspace(-1.0, 1.0, 50)
    unit = np.sqrt((df - 2) / df)
    q = stats.t(df).ppf(LEVEL)
    tail = stats.t(df).pdf(q) / P * (df + q**2) / (df - 1)
    law = whole_law(LEVEL, mean + sd * unit * q, mean + sd * unit * tail, mean, sd)
    assert law is not None
    assert law.kind == "student"
    assert law.df == pytest.approx(df, rel=2e-3)
    loss = mean + sd * unit * stats.t(df).ppf(0.4)
    assert law.pit(loss) == pytest.approx(np.full(50, 0.4), abs=1e-3)
    assert whole_law(LEVEL, mean + 3 * sd, mean + 3.1 * sd, mean, sd) is None
    assert law_of(normal_case(1)).kind == "normal"


@pytest.mark.parametrize("kind", ["normal", "student", "exponential"])
def test_what_is_drawn_has_the_cvar_that_was_forecast(kind: str) -> None:
    var, cvar, mean, sd = np.full(100, Z), np.full(100, TAIL), np.zeros(100), np.ones(100)
    if kind == "student":
        unit = math.sqrt(3 / 5)
        q = float(stats.t(5).ppf(LEVEL))
        var = np.full(100, unit * q)
        cvar = np.full(100, unit * float(stats.t(5).pdf(q)) / P * (5 + q * q) / 4)
    law = (
        forecast_law(LEVEL, var, cvar)
        if kind == "exponential"
        else forecast_law(LEVEL, var, cvar, mean, sd)
    )
    assert law.kind == kind
    sample = drawn(law, 3, 20_000)
    error = float(sample.loss.std()) / math.sqrt(sample.loss.size)
    assert float(sample.loss.min()) >= var[0] - 1e-6
    assert float(sample.loss.mean()) == pytest.approx(cvar[0], abs=5 * error)


# --- Acerbi and Szekely ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_z1_and_z2_as_published_for_returns(seed: int) -> None:
    case = normal_case(seed, wider=1.3)
    loss, var, cvar = case[:3]
    z1 = z2 = 0.0
    count = 0
    for x, v, e in zip(-loss, var, cvar, strict=True):  # X is the return; I = (X + VaR < 0)
        if x + v < 0:
            count += 1
            z1 += x / e
            z2 += x / e
    z1, z2 = z1 / count + 1.0, z2 / (len(loss) * P) + 1.0
    law = law_of(case)
    assert shortfall.acerbi_szekely_z1(loss, var, cvar, law, paths=200).statistic == pytest.approx(
        z1
    )
    assert shortfall.acerbi_szekely_z2(loss, var, cvar, law, paths=200).statistic == pytest.approx(
        z2
    )


def test_critical_values_that_were_published() -> None:
    """Acerbi and Szekely: 5 % of years of 250 days at 97.5 % have Z2 below about -0.70."""
    for case in (normal_case(1), normal_case(2)):
        var, cvar = case[1] - case[3], case[2] - case[3]  # their laws have mean zero
        law = forecast_law(LEVEL, var, cvar, np.zeros(250), case[4])
        sample = drawn(law, 1, 40_000)
        z2 = 1 - sample.sums(sample.loss / cvar[sample.day]) / (250 * P)
        assert float(np.mean(z2)) == pytest.approx(0.0, abs=5 * float(z2.std()) / 200)
        assert float(np.quantile(z2, 0.05)) == pytest.approx(-0.70, abs=0.03)


def test_z_tests_hold_their_size_and_see_what_is_wrong() -> None:
    right: dict[str, list[float]] = {"z1": [], "z2": [], "z3": []}
    wrong: dict[str, list[float]] = {"z1": [], "z2": [], "z3": []}
    for seed in range(250):
        for found, wider in ((right, 1.0), (wrong, 1.35)):
            case = normal_case(seed, wider=wider)
            loss, var, cvar, law = *case[:3], law_of(case)
            if np.any(loss > var):
                found["z1"].append(
                    shortfall.acerbi_szekely_z1(loss, var, cvar, law, seed, 400).p_value or 0
                )
            found["z2"].append(
                shortfall.acerbi_szekely_z2(loss, var, cvar, law, seed, 400).p_value or 0
            )
            found["z3"].append(shortfall.acerbi_szekely_z3(loss, law, seed, 400).p_value or 0)
    for name, values in right.items():
        p = np.array(values)
        for a in (0.1, 0.5):
            assert float((p <= a).mean()) == pytest.approx(
                a, abs=4 * math.sqrt(a * (1 - a) / 250)
            ), name
    for name, least in (("z1", 0.2), ("z2", 0.6), ("z3", 0.5)):
        assert float((np.array(wrong[name]) <= 0.05).mean()) > least, name


def test_z3_by_brute_simulation() -> None:
    case = normal_case(5, 120)
    loss, _, _, mean, sd = case
    law = law_of(case)
    largest = 3  # floor(120 * 0.025)
    rng = np.random.default_rng(1)
    tops = np.sort(rng.standard_normal((100_000, 120)), axis=1)[:, -largest:].mean(axis=1)
    error = float(tops.std()) / math.sqrt(100_000)
    assert shortfall.mean_of_largest(None, 120, largest) == pytest.approx(
        float(tops.mean()), abs=5 * error
    )
    u = special.ndtr((loss - mean) / sd)
    z = np.sort(special.ndtri(u))[-largest:]
    ratio = [np.mean(m + s * z) / (m + s * tops.mean()) for m, s in zip(mean, sd, strict=True)]
    found = shortfall.acerbi_szekely_z3(loss, law, paths=20_000)
    assert found.statistic == pytest.approx(1 - float(np.mean(ratio)), abs=5e-3)
    ahead = mean + sd * float(tops.mean())
    null = 1 - (mean / ahead).mean() - (sd / ahead).mean() * tops
    p = float((null <= found.statistic).mean())
    assert found.p_value == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / 20_000) + 2e-3)


def test_no_exception_and_one() -> None:
    n = 250
    loss, var, cvar = np.zeros(n), np.full(n, Z), np.full(n, TAIL)
    law = forecast_law(LEVEL, var, cvar)
    assert shortfall.acerbi_szekely_z2(loss, var, cvar, law).statistic == 1.0
    assert shortfall.acerbi_szekely_z2(loss, var, cvar, law).p_value == 1.0
    with pytest.raises(AssessmentError, match="no exceptions"):
        shortfall.acerbi_szekely_z1(loss, var, cvar, law)
    with pytest.raises(AssessmentError, match="no exceptions"):
        calibration.nolde_ziegel(loss, var, cvar, LEVEL)
    loss[7] = 3.0
    assert 0 < (shortfall.acerbi_szekely_z1(loss, var, cvar, law).p_value or 0) <= 1
    with pytest.raises(AssessmentError, match="two different"):
        shortfall.mcneil_frey(loss, var, cvar)
    assert 0 <= (calibration.nolde_ziegel(loss, var, cvar, LEVEL, law=law).p_value or 0) <= 1
    everything = shortfall.acerbi_szekely_z2(np.full(n, 9.0), var, cvar, law)
    assert everything.p_value == pytest.approx(1 / 10_001)


# --- McNeil and Frey ------------------------------------------------------------------------------


def test_residuals_by_hand_and_bootstrap_by_every_resample() -> None:
    loss = np.array([0.0, 3.0, 1.0, 5.0, 4.0])
    var, cvar, sd = np.full(5, 2.0), np.full(5, 3.2), np.array([1.0, 2.0, 1.0, 1.0, 0.5])
    r = np.array([-0.1, 1.8, 1.6])
    found = shortfall.mcneil_frey(loss, var, cvar, sd)
    t = r.mean() / (r.std(ddof=1) / math.sqrt(3))
    assert found.statistic == pytest.approx(t)
    centred, far, every = r - r.mean(), 0.0, 0
    for i in range(27):  # all 27 resamples of three
        b = centred[[i // 9, i // 3 % 3, i % 3]]
        wide = b.std(ddof=1)
        value = (
            math.copysign(math.inf, b.mean()) if wide < 1e-12 else b.mean() / (wide / math.sqrt(3))
        )
        far += value >= t - 1e-12
        every += 1
    want = far / every
    assert found.p_value == pytest.approx(want, abs=5 * math.sqrt(want * (1 - want) / 9999) + 2e-4)


# --- the whole law --------------------------------------------------------------------------------


def test_berkowitz_by_another_search() -> None:
    rng = np.random.default_rng(3)
    z = 0.2 + 1.2 * rng.standard_normal(300)
    z[1:] += 0.3 * z[:-1]

    def height(at: np.ndarray) -> float:
        c, r, s = at[0], at[1], math.exp(at[2])
        return float(stats.norm(c + r * z[:-1], s).logpdf(z[1:]).sum())

    best = optimize.minimize(lambda at: -height(at), np.zeros(3), method="BFGS")
    found = transforms.berkowitz(z)
    assert found.statistic == pytest.approx(2 * (-best.fun - height(np.zeros(3))), rel=1e-6)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 3), rel=1e-6)
    cut = float(stats.norm.ppf(0.9))

    def tail(at: np.ndarray) -> float:
        m, s = at[0], math.exp(at[1])
        inside = int((z <= cut).sum()) * stats.norm(m, s).logcdf(cut)
        return float(stats.norm(m, s).logpdf(z[z > cut]).sum() + inside)

    best = optimize.minimize(lambda at: -tail(at), [0.1, 0.1], method="BFGS")
    deep = transforms.berkowitz_tail(z, 0.9)
    assert deep.statistic == pytest.approx(2 * (-best.fun - tail(np.zeros(2))), rel=1e-5)


def test_tests_of_the_law_hold_their_size() -> None:
    rng = np.random.default_rng(4)
    p: dict[str, list[float]] = {}
    for _ in range(500):
        u = rng.random(500)
        scores = transforms.normal_scores(u)
        for name, found in (
            ("berkowitz", transforms.berkowitz(scores)),
            ("tail", transforms.berkowitz_tail(scores, 0.9)),
            ("uniform", transforms.uniformity(u)),
            ("depth", transforms.du_escanciano_unconditional(u, 0.9)),
            ("light", transforms.costanzino_curran(u, 0.9)),
        ):
            p.setdefault(name, []).append(found.p_value or 0.0)
    for name, values in p.items():
        for a in (0.05, 0.5):  # asymptotic ones are given 0.015 for what 500 days leave
            room = 4 * math.sqrt(a * (1 - a) / 500) + 0.015
            assert float((np.array(values) <= a).mean()) == pytest.approx(a, abs=room), name


def test_uniformity_against_scipy() -> None:
    for seed in range(12):
        u = np.random.default_rng(seed).random(80 + 300 * (seed % 2)) ** (1 + 0.1 * (seed % 4))
        found, want = transforms.uniformity(u), stats.kstest(u, "uniform")
        assert found.statistic == pytest.approx(want.statistic)
        assert found.p_value == pytest.approx(want.pvalue, rel=1e-3, abs=1e-9)


def test_depths_by_hand() -> None:
    u = np.array([0.5, 0.98, 0.99, 0.3, 0.999] * 30)
    depth = np.array([max(1 - (1 - x) / P, 0) for x in u])
    n = len(u)
    z = math.sqrt(n) * (depth.mean() - P / 2) / math.sqrt(P * (1 / 3 - P / 4))
    assert transforms.du_escanciano_unconditional(u, LEVEL).statistic == pytest.approx(z)
    about = depth - P / 2
    gamma = [float((about[k:] * about[: n - k]).sum()) / (n - k) for k in range(6)]
    for lags in (1, 5):
        want = n * sum((gamma[k] / gamma[0]) ** 2 for k in range(1, lags + 1))
        found = transforms.du_escanciano_conditional(u, LEVEL, paths=199, lags=lags)
        assert found.statistic == pytest.approx(want)
    with pytest.raises(AssessmentError, match="nothing to correlate"):
        transforms.du_escanciano_conditional(np.full(250, 0.5), LEVEL)


@pytest.mark.parametrize("count", [1, 2, 5, 12, 29, 30, 45])
def test_sum_of_uniforms_by_exact_fractions(count: int) -> None:
    for share in (0.2, 0.45, 0.5, 0.7):
        x = Fraction(share) * count
        terms = (
            (-1) ** k * math.comb(count, k) * (x - k) ** count for k in range(math.floor(x) + 1)
        )
        want = float(sum(terms, Fraction(0)) / math.factorial(count))
        found = transforms.uniform_sum(float(x), count)
        assert found == pytest.approx(want, abs=1e-12 if count < 30 else 2e-5)


@pytest.mark.parametrize("days", [20, 250, 2000])
def test_light_for_cvar_has_the_law_of_the_sum(days: int) -> None:
    rng = np.random.default_rng(5)
    sums = []
    for _ in range(20):
        deep = np.maximum(1 - rng.random((2000, days)) / P, 0)
        sums.append(deep.sum(axis=1))
    total = np.concatenate(sums)
    u = np.full(days, 0.5)
    u[:3] = [0.99, 0.98, 0.996]
    found = transforms.costanzino_curran(u, LEVEL)
    want = float((total >= found.statistic - 1e-12).mean())
    assert found.p_value == pytest.approx(
        want, abs=5 * math.sqrt(want * (1 - want) / 40_000) + 1e-4
    )


# --- calibration ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_nolde_ziegel_by_loops(seed: int) -> None:
    loss, var, cvar, _, sd = normal_case(seed, 400, 1.1)
    simple, general, four = [], [], []
    for x, v, e, s in zip(loss, var, cvar, sd, strict=True):
        hit = 1.0 if x > v else 0.0
        first, second = P - hit, e - v - hit * (x - v) / P
        simple.append([first, second])
        # as published: V2 = r1 - r2 - 1{x > r1}(r1 - x) / (1 - nu)
        second_published = v - e - hit * (v - x) / P
        general.append([((e - v) / P * first + second_published) / s])
        four.append([first, abs(v) * first, second, second / s])
    for terms, sigma in ((simple, None), (general, sd)):
        h = np.array(terms)
        mean, omega = h.mean(axis=0), h.T @ h / len(h)
        want = len(h) * mean @ np.linalg.solve(omega, mean)
        found = calibration.nolde_ziegel(loss, var, cvar, LEVEL, sigma)
        assert found.statistic == pytest.approx(want, rel=1e-8)
        assert found.p_value == pytest.approx(stats.chi2.sf(want, h.shape[1]))
    for terms, sigma in ((simple, None), (four, sd)):
        h = np.array(terms)
        t = math.sqrt(len(h)) * h.mean(axis=0) / np.sqrt((h**2).mean(axis=0))
        q = len(t)
        p = np.sort(stats.norm.cdf(t))
        joint = min(
            min(p[i] / (i + 1) for i in range(q)) * q * sum(1 / k for k in range(1, q + 1)), 1
        )
        found = calibration.nolde_ziegel(loss, var, cvar, LEVEL, sigma, one_sided=True)
        assert found.statistic == pytest.approx(t.min())
        assert found.p_value == pytest.approx(joint)


def test_general_calibration_is_the_exceedance_residual() -> None:
    """With its test function the moment is 1{L > VaR}(CVaR - L) / (sd p): McNeil and Frey's."""
    loss, var, cvar, _, sd = normal_case(7, 500, 1.2)
    moment = np.where(loss > var, (cvar - loss) / (sd * P), 0.0)
    want = 500 * moment.mean() ** 2 / (moment**2).mean()
    assert calibration.nolde_ziegel(loss, var, cvar, LEVEL, sd).statistic == pytest.approx(want)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("general", [False, True])
def test_simulated_calibration_by_brute_force(general: bool, one_sided: bool) -> None:
    case = normal_case(8, 150, 1.1)
    loss, var, cvar, mean, sd = case
    sigma = sd if general else None
    found = calibration.nolde_ziegel(
        loss, var, cvar, LEVEL, sigma, one_sided, law_of(case), paths=4000
    )
    rng = np.random.default_rng(2)
    null = []
    for _ in range(1500):
        again = mean + sd * rng.standard_normal(150)
        if np.any(again > var):
            null.append(calibration.nolde_ziegel(again, var, cvar, LEVEL, sigma, one_sided))
    if one_sided:
        want = float(np.mean([each.p_value <= found.p_value + 1e-12 for each in null]))  # type: ignore[operator]
    else:
        want = float(np.mean([each.statistic >= found.statistic for each in null]))
    error = math.sqrt(max(want * (1 - want), 0.01) * (1 / 1500 + 1 / 4000))
    assert found.parameters["p_value_simulated"] == pytest.approx(want, abs=5 * error)


# --- ESR ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_quantile_regression_by_every_pair(weighted: bool) -> None:
    """The minimum of the pinball loss goes through two of the points: try all pairs."""
    rng = np.random.default_rng(6)
    x = np.stack([np.ones(30), rng.standard_normal(30)], axis=1)
    y = 0.3 + 0.8 * x[:, 1] + rng.standard_normal(30)
    weights = rng.random(30) + 0.1 if weighted else np.ones(30)

    def loss(beta: np.ndarray) -> float:
        gap = y - x @ beta
        return float((weights * np.maximum(0.2 * gap, -0.8 * gap)).sum())

    best = min(loss(np.linalg.solve(x[[i, j]], y[[i, j]])) for i, j in combinations(range(30), 2))
    found = quantile_lines(y[None, :], x[:, 1], 0.2, weights[None, :])[0][0]
    assert loss(found) == pytest.approx(best, rel=1e-9)


def test_joint_regression_is_no_worse_than_a_general_search() -> None:
    rng = np.random.default_rng(7)
    sd = np.exp(0.4 * rng.standard_normal(400))
    y, x = -sd * rng.standard_t(6, 400), np.stack([np.ones(400), -2.5 * sd], axis=1)
    fits = esr.joint_regression(y[None, :], x[:, 1], x[:, 1], 0.05)
    shift = y.max()

    def height(at: np.ndarray) -> float:
        q, e = x @ at[:2] - shift, x @ at[2:] - shift
        if np.any(e >= 0):
            return math.inf
        z = q - np.maximum(q - (y - shift), 0) / 0.05
        return float((z / e + np.log(-e)).mean())

    ours = np.concatenate([fits.quantile[0], fits.cvar[0]])
    best = height(ours)
    for start in (ours, np.array([0, 0.8, 0, 1.0]), np.array([-0.2, 0.7, -0.1, 0.9])):
        found = optimize.minimize(height, start, method="Nelder-Mead",
                                  options={"maxiter": 6000, "maxfev": 6000})  # fmt: skip
        assert best <= found.fun + 2e-5


def test_esr_tests_hold_their_size_and_see_what_is_wrong() -> None:
    """1,000 days at 95 %: sizes within 4 standard errors plus 0.05, as the authors find them."""
    right: dict[str, list[float]] = {}
    wrong: dict[str, list[float]] = {}
    z, tail = float(stats.norm.ppf(0.95)), float(stats.norm.pdf(stats.norm.ppf(0.95)) / 0.05)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sd = np.exp(0.4 * np.sin(np.arange(1000) / 50 + rng.random()))
        for found, wider in ((right, 1.0), (wrong, 1.25)):
            loss = wider * sd * rng.standard_normal(1000)
            for form in ("strict", "auxiliary", "intercept"):
                each = esr.esr(loss, tail * sd, 0.95, form, z * sd)  # type: ignore[arg-type]
                found.setdefault(form, []).append(each.p_value or 0.0)
    for form in right:
        assert float(np.mean(np.array(right[form]) < 0.05)) <= 0.05 + 0.05 + 4 * math.sqrt(
            0.0475 / 60
        )
        assert float(np.mean(np.array(wrong[form]) < 0.05)) >= 0.7, form


def test_simulated_p_values_of_esr_hold_their_size_in_a_year(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 30 right years at 5 % more than 6 are rejected in 1 of 1,000; as published, 40 %."""
    monkeypatch.setattr(esr, "PATHS", (99, 99))
    t = float(stats.t.ppf(0.975, 4))
    var, cvar = t / math.sqrt(2), stats.t.pdf(t, 4) / 0.025 * (4 + t * t) / 3 / math.sqrt(2)
    published, simulated, wrong = 0, 0, 0
    for seed in range(30):
        rng = np.random.default_rng([seed, 250])
        sd = np.exp(0.4 * np.sin(np.arange(250) / 40 + 6 * rng.random()))
        loss = sd * rng.standard_t(4, 250) / math.sqrt(2)
        law = forecast_law(0.975, var * sd, cvar * sd)  # knows VaR and CVaR, not the t law
        found = esr.esr(loss, cvar * sd, 0.975, "strict", law=law, seed=seed)
        published += (found.p_value or 0.0) < 0.05
        simulated += float(str(found.parameters["p_value_simulated"])) <= 0.05
        found = esr.esr(2.0 * loss, cvar * sd, 0.975, "intercept", law=law, seed=seed)
        wrong += float(str(found.parameters["p_value_too_low_simulated"])) <= 0.05
    assert simulated <= 6
    assert published >= 5
    assert wrong >= 15  # losses twice as large as forecast are seen


def test_drawn_losses_have_the_figures_of_the_forecast() -> None:
    """Shares beyond VaR and means beyond it, within 4 standard errors, for each kind of law."""
    rng = np.random.default_rng(3)
    one = np.ones(40_000)
    for law in (
        forecast_law(0.975, one, 1.4 * one),
        whole_law(0.975, 1.959964 * one, 2.337803 * one, 0 * one, one),
        whole_law(0.975, 1.991164 * one, 2.727802 * one, 0 * one, one),
    ):
        assert law is not None
        var, cvar = {"exponential": (1.0, 1.4), "normal": (1.959964, 2.337803)}.get(
            law.kind, (1.991164, 2.727802)
        )
        drawn_ = law.drawn(1.0 - rng.random(40_000))
        beyond = drawn_[drawn_ > var]
        assert abs(beyond.size / 40_000 - 0.025) < 4 * math.sqrt(0.025 * 0.975 / 40_000)
        assert abs(beyond.mean() - cvar) < 4 * beyond.std() / math.sqrt(beyond.size)
        assert abs(np.median(drawn_)) < 0.05


def test_regressions_that_cannot_be() -> None:
    rng = np.random.default_rng(8)
    loss = rng.standard_normal(300)
    with pytest.raises(AssessmentError, match="the same every day"):
        esr.esr(loss, np.full(300, 2.3), LEVEL, "strict")
    assert esr.esr(loss, np.full(300, 2.3), LEVEL, "intercept").p_value is not None
    exact = 0.9 * (2 + rng.random(300))  # returns on a line of the forecasts: no error is left
    with pytest.raises(AssessmentError, match="no error"):
        esr.esr(exact, exact / 0.9, LEVEL, "strict")
    with pytest.raises(AssessmentError, match="do not vary"):
        esr.esr(np.zeros(300), 2 + rng.random(300), LEVEL, "strict")
    with pytest.raises(AssessmentError, match="fewer than two"):
        esr.esr(loss[:40], 2 + rng.random(40), LEVEL, "strict")


@pytest.mark.parametrize(("days", "largest"), [(250, 6), (1600, 40), (20_000, 500)])
def test_mean_of_the_largest_by_adaptive_quadrature(days: int, largest: int) -> None:
    law = stats.norm()

    def share(z: float) -> float:
        return float(z * law.pdf(z) * special.betainc(days - largest, largest, law.cdf(z)))

    edges = (-9.0, 0.0, 1.5, 1.9, 2.0, 2.5, 9.0)
    total = sum(integrate.quad(share, a, b, limit=300)[0] for a, b in pairwise(edges))
    found = shortfall.mean_of_largest(None, days, largest)
    assert found == pytest.approx(days / largest * total, rel=1e-8)
