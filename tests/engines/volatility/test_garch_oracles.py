# SPDX-License-Identifier: Apache-2.0
"""Volatility models against a plain loop, the library arch, a published fit, and brute force."""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.engines.volatility import garch, garch_plain
from perilscope.engines.volatility.garch_forms import Form, Windows
from perilscope.engines.volatility.garch_search import evaluate, values

from ..garch_series import likelihood, simulated

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
PLAIN = simulated(1, 700, 0.1, 0.4, 0.1, 0.0, 0.85)
SKEWED = simulated(2, 700, 0.0, 0.3, 0.03, 0.12, 0.88, 5.0)
FORMS = [(kind, student) for kind in ("garch", "gjr", "egarch") for student in (False, True)]

# arch 8.0.0, arch_model(r, mean="Constant", vol=..., p=1, o=0 or 1, q=1, dist=..., rescale=False)
# .fit(tol=1e-12): log-likelihood, standard deviation of the next day, and of the first series the
# parameters with their robust standard errors
ARCH = {
    ("plain", "garch", False): (-1634.0401696426286, 3.1194856283874817),
    ("plain", "garch", True): (-1633.9476017874063, 3.120067199365061),
    ("plain", "gjr", False): (-1633.9142685561185, 3.183980887479963),
    ("plain", "gjr", True): (-1633.8323817428484, 3.183004483131607),
    ("plain", "egarch", False): (-1635.3703920006606, 3.206509638974943),
    ("plain", "egarch", True): (-1635.328117791316, 3.204690444083206),
    ("skewed", "garch", False): (-1745.2906401278733, 3.147143957023284),
    ("skewed", "garch", True): (-1718.2612075946738, 3.160893469795028),
    ("skewed", "gjr", False): (-1738.1193197742546, 2.64655208932348),
    ("skewed", "gjr", True): (-1715.6165124804625, 2.774650831042567),
    ("skewed", "egarch", False): (-1740.4361944919299, 2.791854730888856),
    ("skewed", "egarch", True): (-1716.6164186875762, 2.924282961867576),
}
ARCH_PARAMETERS = {
    ("garch", False): (
        [-0.0147491, 0.556069, 0.15185, 0.771127],
        [0.08604, 0.24692, 0.050211, 0.074383],
    ),
    ("gjr", False): (
        [-0.0265963, 0.542947, 0.133041, 0.0274569, 0.777516],
        [0.088997, 0.256, 0.058993, 0.054205, 0.078411],
    ),
}


@pytest.mark.parametrize(("kind", "student"), FORMS)
@pytest.mark.parametrize("presample", garch.PRESAMPLES)
def test_a_fit_says_what_a_plain_loop_says(kind: str, student: bool, presample: str) -> None:
    returns = SKEWED[:300]
    found = garch.fit(returns, kind, student, presample)
    value, h = likelihood(returns, kind, dict(found.parameters), presample)
    assert found.log_likelihood == pytest.approx(value, abs=1e-8)
    assert found.variances == pytest.approx(h, rel=1e-9)
    assert found.densities(found.natural[None])[0].sum() == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("series", ["plain", "skewed"])
@pytest.mark.parametrize(("kind", "student"), FORMS)
def test_never_worse_than_arch(series: str, kind: str, student: bool) -> None:
    found = garch.fit({"plain": PLAIN, "skewed": SKEWED}[series], kind, student)
    expected, sigma = ARCH[series, kind, student]
    assert found.log_likelihood >= expected - 1e-4
    if found.log_likelihood <= expected + 1e-4:  # the same maximum
        assert found.sigma == pytest.approx(sigma, rel=5e-3)


@pytest.mark.parametrize("kind", ["garch", "gjr"])
def test_parameters_and_robust_errors_as_arch(kind: str) -> None:
    found = garch.fit(PLAIN, kind)
    expected, errors = ARCH_PARAMETERS[kind, False]
    assert list(found.parameters.values()) == pytest.approx(expected, abs=2e-4)
    assert list(found.errors.values()) == pytest.approx(errors, rel=0.02)


@pytest.mark.acceptance
def test_the_published_fit_of_marks_and_pounds() -> None:
    """Fiorentini, Calzolari and Panattoni (1996); robust errors by McCullough and Renfro (1999)."""
    file = SHARED / "reference" / "ref_dem2gbp.csv"
    if not file.exists():
        pytest.skip("the private data set is not beside the project")
    returns = np.loadtxt(file, skiprows=1)
    found = garch.fit(returns, presample="sample")
    expected = {"mu": -0.00619041, "omega": 0.0107613, "alpha": 0.153134, "beta": 0.805974}
    for name, value in expected.items():
        assert found.parameters[name] == pytest.approx(value, abs=6e-7)
    assert found.log_likelihood == pytest.approx(-1106.60788, abs=1e-5)
    robust = {"mu": 0.00918935, "omega": 0.00649319, "alpha": 0.0535317, "beta": 0.0724614}
    for name, value in robust.items():
        assert found.errors[name] == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(("kind", "student"), FORMS)
@pytest.mark.parametrize("presample", garch.PRESAMPLES)
def test_derivatives_are_those_of_the_likelihood(kind: str, student: bool, presample: str) -> None:
    form = Form(kind, student)
    one = np.arange(2) * 0
    windows = Windows(SKEWED[None], one, np.array([0, 40]), 200, presample)
    x = {"garch": [0.1, -2.0, 0.9, 0.1], "gjr": [0.1, -2.0, 0.9, 0.1, 0.3]}.get(kind)
    x = np.tile([*(x or [0.1, 0.2, 0.2, -0.1, 0.9]), *([0.2] if student else [])], (2, 1))
    _, slope, bend = evaluate(garch_plain, form, windows, x)
    for i in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[i] = 1e-6
        up, down = (evaluate(garch_plain, form, windows, x + side * step) for side in (1, -1))
        assert slope[:, i] == pytest.approx((up[0] - down[0]) / 2e-6, rel=1e-5, abs=1e-4)
        assert bend[:, i] == pytest.approx((up[1] - down[1]) / 2e-6, rel=1e-5, abs=1e-2)
    if presample == "backcast":
        both = values(garch_plain, form, windows, x[:, None])
        assert both[:, 0] == pytest.approx(evaluate(garch_plain, form, windows, x)[0], abs=1e-8)


@pytest.mark.parametrize(("kind", "student"), FORMS)
def test_the_compiled_twin_agrees(kind: str, student: bool) -> None:
    pytest.importorskip("numba")
    own, twin = (garch.fit(PLAIN, kind, student, backend=name) for name in ("numpy", "numba"))
    assert twin.log_likelihood == pytest.approx(own.log_likelihood, abs=1e-9)
    assert twin.sigma == pytest.approx(own.sigma, rel=1e-7)
    for name, value in own.parameters.items():
        assert twin.parameters[name] == pytest.approx(value, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("kind", ["garch", "gjr"])
def test_no_random_point_is_better(kind: str) -> None:
    """Brute force: 300 points over the whole region and about the maximum, by the plain loop."""
    returns = simulated(5, 150, 0.0, 0.2, 0.3, 0.0, 0.6, 4.0)
    found = garch.fit(returns, kind)
    rng = np.random.default_rng(0)
    best = -np.inf
    for turn in range(300):
        if turn % 2:
            p, s, q = rng.uniform(size=3)
            q = q if kind == "gjr" else 0.5
            omega = returns.var() * 10 ** rng.uniform(-4, 0.5)
            at = {"mu": rng.normal(0, 0.2), "omega": omega, "alpha": 2 * p * s * q}
            at |= {"gamma": 2 * p * s * (1 - 2 * q), "beta": p * (1 - s)}
        else:
            at = {k: v * rng.lognormal(0, 0.03) for k, v in found.parameters.items()}
            if at["alpha"] + at.get("gamma", 0.0) / 2 + at["beta"] > 1:
                continue
        best = max(best, likelihood(returns, kind, at)[0])
    assert best <= found.log_likelihood + 1e-9


def test_what_was_simulated_is_recovered() -> None:
    """Estimates lie about the truth as their own standard errors say: 5 of 40 scores beyond 2."""
    truth = {"mu": 0.1, "omega": 0.4, "alpha": 0.1, "beta": 0.85}
    scores = []
    for seed in range(10, 20):
        found = garch.fit(simulated(seed, 3000, *list(truth.values())[:3], 0.0, truth["beta"]))
        scores += [(found.parameters[k] - v) / found.errors[k] for k, v in truth.items()]
    spread = np.array(scores)
    # 40 scores, nearly normal: the chance of more than seven beyond 2 is 1 in 1,000
    assert int((np.abs(spread) > 2.0).sum()) <= 7
    assert abs(float(spread.mean())) < 4 / np.sqrt(40)


def windows_of(file: Path, size: int, step: int) -> list[tuple[str, int, np.ndarray]]:
    """Windows of 100 x log returns of every asset of a file."""
    closes: dict[str, list[tuple[str, float]]] = {}
    with file.open() as lines:
        for row in csv.DictReader(lines):
            try:
                closes.setdefault(row["asset"], []).append((row["date"], float(row["close"])))
            except ValueError:
                continue
    found = []
    for asset, rows in closes.items():
        r = 100 * np.diff(np.log([price for _, price in sorted(rows)]))
        found += [(asset, i, r[i : i + size]) for i in range(0, r.size - size + 1, step)]
    return found


@pytest.mark.acceptance
@pytest.mark.skipif(not os.environ.get("PERILSCOPE_SEARCH"), reason="long: PERILSCOPE_SEARCH=1")
@pytest.mark.parametrize(("kind", "student"), FORMS[:4])
def test_never_worse_than_arch_on_real_windows(kind: str, student: bool) -> None:
    arch: Any = pytest.importorskip("arch")
    files = [
        SHARED / "prices" / f"{name}.csv"
        for name in ("yahoo_daily_ohlcv_2014_2024", "binance_spot_daily_ohlcv_2021_2022")
    ]
    if not all(file.exists() for file in files):
        pytest.skip("the private data set is not beside the project")
    where = [*windows_of(files[0], 600, 100), *windows_of(files[1], 600, 100)]
    asymmetry = {"o": 1} if kind == "gjr" else {}
    for asset, start, returns in where:
        found = garch.fit(returns, kind, student, backend="auto")
        model = arch.arch_model(
            returns,
            mean="Constant",
            p=1,
            q=1,
            dist="t" if student else "normal",
            rescale=False,
            **asymmetry,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = model.fit(disp="off", show_warning=False)
        p = theirs.params
        total = p["alpha[1]"] + p["beta[1]"] + 0.5 * p.get("gamma[1]", 0.0)
        if total <= 1.0 + 1e-7:  # arch now and then ends outside its own bounds
            assert found.log_likelihood >= theirs.loglikelihood - 1e-3, (asset, start)
