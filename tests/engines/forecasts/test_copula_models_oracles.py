# SPDX-License-Identifier: Apache-2.0
"""Copula and vine models and filled-in histories against laws that have closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.forecasts import copula_models, models, proxy, vine
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.margins import Fitted, Margin, fit_margins
from perilscope.engines.forecasts.predictive import predict

R = np.array([[1.0, 0.7, 0.3], [0.7, 1.0, 0.5], [0.3, 0.5, 1.0]])
SCALES, MEANS = np.array([0.02, 0.03, 0.05]), np.array([0.001, 0.0, -0.001])
WEIGHTS = np.array([0.5, 0.8, -0.3])
SPREAD = math.sqrt(float((WEIGHTS * SCALES) @ R @ (WEIGHTS * SCALES)))
CENTRE = -float(WEIGHTS @ MEANS)
LEVELS = (0.95, 0.975, 0.99)


def student(level: float, df: float) -> tuple[float, float]:
    """VaR and CVaR of a standard t law (McNeil, Frey and Embrechts 2015, equation 2.25)."""
    t = float(stats.t.ppf(level, df))
    return t, float(stats.t.pdf(t, df)) / (1.0 - level) * (df + t * t) / (df - 1.0)


def normal(level: float) -> tuple[float, float]:
    z = float(stats.norm.ppf(level))
    return z, float(stats.norm.pdf(z)) / (1.0 - level)


def drawn(df: float, degrees: float | None) -> np.ndarray:
    """Losses of the model with laws and copula as given, nothing fitted."""
    sample = Sample(np.full((30, 3), 0.001), WEIGHTS)
    margins = tuple(Margin(m, s, df) for m, s in zip(MEANS, SCALES, strict=True))
    fitted = Fitted(sample.returns, sample, np.arange(3), margins, np.zeros((30, 3, 3)),
                    (False,) * 3, 0.0)  # fmt: skip
    tied = copula_models.Tied(R, degrees, 0.0)
    return copula_models._losses(fitted, tied, copula_models.Drawn.of(3, 1).scores(tied))


@pytest.mark.parametrize("level", LEVELS)
def test_normal_laws_and_a_gaussian_copula_are_a_multivariate_normal(level: float) -> None:
    """Within 3 of the standard errors that independent draws would have; these are better."""
    losses = drawn(1e9, None)
    var, cvar = (CENTRE + SPREAD * unit for unit in normal(level))
    _agree(losses, level, var, cvar)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("df", [4.0, 9.0])
def test_t_laws_and_a_t_copula_of_one_df_are_a_multivariate_t(df: float, level: float) -> None:
    losses = drawn(df, df)
    var, cvar = (CENTRE + SPREAD * unit for unit in student(level, df))
    _agree(losses, level, var, cvar)


def _agree(losses: np.ndarray, level: float, var: float, cvar: float) -> None:
    error = copula_models.simulated(losses, level) / copula_models.EVEN
    ordered = np.sort(losses)
    place = math.ceil(losses.size * level) - 1
    assert abs(ordered[place] - var) < 3.0 * error
    assert abs(ordered[place + 1 :].mean() - cvar) < 3.0 * error
    assert error < 0.03 * cvar  # so that the comparison says something


def test_a_copula_fitted_to_normal_returns_has_their_closed_form() -> None:
    """By its own fitted means, scales and correlations, which the formula takes."""
    rng = np.random.default_rng(4)
    moves = MEANS + SCALES * (rng.standard_normal((1500, 3)) @ np.linalg.cholesky(R).T)
    found = predict(models.named("gaussian-copula"), Sample(moves, WEIGHTS))
    p = found.parameters
    scales = np.array(
        [p[f"sigma_{k}"] * math.sqrt(p[f"nu_{k}"] / (p[f"nu_{k}"] - 2)) for k in (1, 2, 3)]
    )
    ties = np.eye(3)
    for i, j in ((1, 2), (1, 3), (2, 3)):
        ties[i - 1, j - 1] = ties[j - 1, i - 1] = p[f"rho_{i}_{j}"]
        error = 1.1 / math.sqrt(1500)  # of sin(pi tau / 2), at most
        assert abs(p[f"rho_{i}_{j}"] - R[i - 1, j - 1]) < 4 * error
    bet = WEIGHTS * scales
    centre = -float(WEIGHTS @ [p["mu_1"], p["mu_2"], p["mu_3"]])
    for level in (0.95, 0.975):
        var, cvar = (centre + math.sqrt(bet @ ties @ bet) * unit for unit in normal(level))
        assert found.var(level) == pytest.approx(var, rel=0.02)
        assert found.cvar(level) == pytest.approx(cvar, rel=0.02)


def test_a_gaussian_vine_is_the_gaussian_copula(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pairs that are all Gaussian, whatever the order of the trees."""
    library = pytest.importorskip("pyvinecopulib")
    monkeypatch.setattr(
        vine, "_controls",
        lambda library, count: library.FitControlsVinecop(
            family_set=[library.BicopFamily.gaussian], num_threads=1
        ),
    )  # fmt: skip
    rng = np.random.default_rng(6)
    moves = MEANS + SCALES * (rng.standard_normal((2000, 3)) @ np.linalg.cholesky(R).T)
    sample = Sample(moves, WEIGHTS)
    ours = predict(models.named("vine"), sample)
    other = predict(models.named("gaussian-copula"), sample)
    scores = stats.norm.ppf(stats.rankdata(moves, axis=0) / 2001)
    ties = np.corrcoef(scores.T)
    bet = WEIGHTS * moves.std(axis=0)
    for level in (0.95, 0.975):
        var, cvar = (-float(WEIGHTS @ moves.mean(axis=0)) + math.sqrt(bet @ ties @ bet) * unit
                     for unit in normal(level))  # fmt: skip
        assert ours.var(level) == pytest.approx(var, rel=0.02)
        assert ours.cvar(level) == pytest.approx(cvar, rel=0.02)
        assert ours.cvar(level) == pytest.approx(other.cvar(level), rel=0.03)
    assert library is not None


# --- histories filled in from a factor ------------------------------------------------------------


def test_influences_on_a_vine_say_what_days_left_out_change() -> None:
    library = pytest.importorskip("pyvinecopulib")
    moves = 0.02 * np.random.default_rng(3).standard_normal((2000, 3)) @ np.linalg.cholesky(R).T
    fitted = fit_margins(Sample(moves, np.ones(3)))
    ranks = np.asfortranarray(fitted.ranks)
    found = library.Vinecop.from_data(ranks, vine._controls(library, 3))
    influences = vine._influences(fitted, vine._Vine(library, found, ranks))[:, 9:]

    def parameters(days: np.ndarray) -> np.ndarray:
        again = library.Vinecop.from_structure(
            structure=found.structure, pair_copulas=found.pair_copulas
        )
        again.fit(np.asfortranarray(days))
        pairs = [pair for tree in again.pair_copulas for pair in tree]
        return np.array([np.ravel(pair.parameters)[0] for pair in pairs])

    kept = np.arange(2000) >= 200
    change = parameters(ranks[kept]) - parameters(ranks)
    said = -influences[~kept].sum(axis=0) / kept.sum()
    assert said == pytest.approx(change, abs=0.03 * np.abs(change).max())


def test_beta_is_the_regression_with_what_is_known_before() -> None:
    """The same as least squares with one more row: a beta of 1, half a unit sure."""
    rng = np.random.default_rng(2)
    factor = 0.03 * rng.standard_normal(600)
    own = 1.7 * factor[-60:] + 0.05 * rng.standard_normal(60)
    found = proxy.filled(own, factor, 1, "X")
    x, y = factor[-60:] - factor[-60:].mean(), own - own.mean()
    free = stats.linregress(x, y)
    noise = math.sqrt(((y - free.slope * x) ** 2).sum() / 58)
    rows = np.append(x / noise, 1.0 / 0.5)[:, None]
    want = np.linalg.lstsq(rows, np.append(y / noise, 1.0 / 0.5), rcond=None)[0][0]
    assert found.beta == pytest.approx(want, rel=1e-12)
    assert min(1.0, free.slope) < found.beta < max(1.0, free.slope)
    assert found.returns[-60:] == pytest.approx(own)
    early, residual = found.returns[:-60] - want * factor[:-60], y - want * x
    assert set(np.round(early, 12)) <= set(np.round(residual - residual.mean(), 12))


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_the_effective_size_is_that_of_a_mean_by_regression(noise: float) -> None:
    """Variance of y - b (x - X) over 4,000 pairs of histories, 100 of 1,000 days (2 % error)."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((4000, 1000))
    y = x[:, -100:] + noise * rng.standard_normal((4000, 100))
    near = x[:, -100:]
    gap = near - near.mean(axis=1, keepdims=True)
    slope = (gap * y).sum(axis=1) / (gap**2).sum(axis=1)
    means = y.mean(axis=1) - slope * (near.mean(axis=1) - x.mean(axis=1))
    worth = (1.0 + noise**2) / means.var()
    told = [proxy.filled(0.01 * y[k], 0.01 * x[k], 1, "X").effective for k in range(200)]
    assert float(np.mean(told)) == pytest.approx(worth, rel=0.08)


@pytest.mark.parametrize("degrees", [None, 5.0])
def test_slopes_in_correlations_are_those_of_bumping_each(degrees: float | None) -> None:
    """One pass back through the Cholesky factor against draws with each correlation moved."""
    rng = np.random.default_rng(8)
    moves = 0.03 * rng.standard_t(4, (400, 5)) + 0.02 * rng.standard_normal((400, 1))
    sample = Sample(moves, np.array([0.4, 0.3, -0.2, 0.3, 0.2]))
    fitted = fit_margins(sample)
    matrix = np.corrcoef(moves.T)
    tied, drawn_ = copula_models.Tied(matrix, degrees, 0.0), copula_models.Drawn.of(5, 1, 4096)
    rows = np.argsort(copula_models._losses(fitted, tied, drawn_.scores(tied)))[-400:]
    found = copula_models._slopes(fitted, tied, drawn_, rows)
    for i, j in ((1, 0), (3, 0), (4, 2), (4, 3)):
        means = []
        for shift in (1e-4, -1e-4):
            bumped = matrix.copy()
            bumped[i, j] = bumped[j, i] = matrix[i, j] + shift
            other = copula_models.Tied(bumped, degrees, 0.0)
            means.append(copula_models._losses(fitted, other, drawn_.scores(other, rows)).mean())
        want = (means[0] - means[1]) / 2e-4
        assert found.correlations[i, j] == pytest.approx(want, rel=2e-3, abs=1e-6)
        assert found.correlations[j, i] == found.correlations[i, j]
