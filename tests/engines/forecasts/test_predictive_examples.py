# SPDX-License-Identifier: Apache-2.0
"""The interface of market models: what is refused, what every model answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw, Law
from perilscope.engines.forecasts.models import MODELS, named
from perilscope.engines.forecasts.predictive import by_blocks, predict
from perilscope.errors import AssessmentError, MisuseError

RNG = np.random.default_rng(1)
MOVES = 0.03 * RNG.standard_t(5, (400, 2)) + 0.001
SAMPLE = Sample(MOVES, np.array([0.6, 0.4]))


@pytest.mark.parametrize("weights", [np.zeros(2), np.ones(3), np.array([math.nan, 1.0])])
def test_weights_that_mean_nothing_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(MisuseError):
        Sample(MOVES, weights)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, -2.0])
def test_impossible_returns_are_refused(bad: float) -> None:
    moves = MOVES.copy()
    moves[7, 1] = bad
    with pytest.raises(AssessmentError):
        Sample(moves, np.ones(2))


def test_too_short_a_history_is_refused_and_a_short_one_noted() -> None:
    with pytest.raises(AssessmentError, match="at least 20"):
        Sample(MOVES[:19], np.ones(2))
    with pytest.raises(AssessmentError, match="windows of 10 days"):
        Sample(MOVES[:28], np.ones(2), horizon=10)
    found = predict(named("historical"), Sample(MOVES[:30], np.array([0.6, 0.4])))
    assert any("30 daily returns" in note for note in found.notes)
    wide, narrow = found.interval(0.975)[1], predict(named("historical"), SAMPLE).interval(0.975)[1]
    assert wide[0] < wide[1]
    assert narrow[0] < narrow[1]


def test_windows_compound() -> None:
    sample = Sample(MOVES, np.array([0.6, 0.4]), horizon=7)
    prices = np.cumprod(np.vstack([np.ones(2), 1.0 + MOVES]), axis=0)
    expected = prices[7:] / prices[:-7] - 1.0
    assert np.allclose(sample.moves, expected, rtol=1e-12, atol=1e-14)
    assert np.allclose(sample.losses, -(expected @ [0.6, 0.4]), rtol=1e-12, atol=1e-14)
    assert sample.effective == pytest.approx(394 / 7)


def test_more_than_everything_has_no_log_return() -> None:
    moves = MOVES.copy()
    moves[3, 0] = -0.5
    with pytest.raises(AssessmentError, match="lost everything"):
        _ = Sample(moves, np.array([3.0, 0.0])).log_percent


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_answers_all_that_is_asked(model) -> None:  # type: ignore[no-untyped-def]
    found = predict(model, SAMPLE)
    assert isinstance(found.law, Law)
    for level in (0.5, 1.0, 97.5, 0.0, math.nan):
        with pytest.raises(MisuseError):
            found.var(level)
    var, cvar = found.var(0.975), found.cvar(0.975)
    (a, b), (c, d) = found.interval(0.975)
    assert a <= var <= b
    assert c <= cvar <= d
    assert var <= cvar
    assert found.effective > 0
    assert {"sign", "var", "cvar", "mean"} <= set(found.conventions)
    assert all(math.isfinite(value) for value in found.parameters.values())
    # the law agrees with itself: cdf at VaR, and its own draws
    assert float(found.cdf(np.array([var]))[0]) == pytest.approx(0.975, abs=0.004)
    drawn = EmpiricalLaw(found.sample(20_000, np.random.default_rng(3)))
    again = EmpiricalLaw(found.sample(20_000, np.random.default_rng(3)))
    assert drawn.var(0.9) == again.var(0.9)
    error = math.sqrt(0.9 * 0.1 / 20_000)  # of the share below VaR
    assert abs(float(found.cdf(np.array([drawn.var(0.9)]))[0]) - 0.9) < 4.5 * error + 0.003


def test_the_jackknife_gives_the_spread_of_a_normal_fit() -> None:
    rng = np.random.default_rng(2)
    sample = Sample(0.02 * rng.standard_normal((2000, 1)), np.ones(1))
    model = named("normal")
    (low, high), _ = by_blocks(model.fit, sample)(0.975)
    # independent normal returns: var(VaR) = s^2 (1 + z^2 / 2) / n
    error = 0.02 * math.sqrt((1.0 + 1.95996**2 / 2.0) / 2000)
    assert (high - low) / 2.0 == pytest.approx(1.645 * error, rel=0.35)


def test_cvar_is_no_less_than_var_at_both_ends() -> None:
    short = Sample(MOVES[:60], np.array([0.6, 0.4]))
    for name in ("historical", "age-weighted", "normal", "t", "evt"):
        (low, high), (least, most) = predict(named(name), short).interval(0.99)
        assert low <= least, name
        assert high <= most, name


def test_an_asset_that_never_moved_changes_nothing() -> None:
    still = np.column_stack([MOVES[:, 0], np.zeros(400), MOVES[:, 1]])
    for name in ("fhs", "volatility-weighted", "t-copula", "historical"):
        alone = predict(named(name), SAMPLE)
        beside = predict(named(name), Sample(still, np.array([0.6, 0.3, 0.4])))
        assert beside.cvar(0.975) == pytest.approx(alone.cvar(0.975), rel=1e-12), name
        assert beside.interval(0.975)[1] == pytest.approx(alone.interval(0.975)[1], rel=1e-9)


def test_a_law_that_loses_more_than_everything_says_so() -> None:
    wild = Sample(0.4 * np.sin(np.arange(300.0))[:, None], np.ones(1), horizon=10)
    found = predict(named("normal"), wild)
    chance = 1.0 - float(found.cdf(np.array([1.0]))[0])
    assert chance > 0.01
    assert f"a chance of {100 * chance:.2g} % to losing more" in " ".join(found.notes)
    low, high = found.interval(0.99)[1]
    assert low < found.cvar(0.99) < high  # no bound on one side of a law without it
    owed = Sample(0.4 * np.sin(np.arange(300.0))[:, None], -np.ones(1), horizon=10)
    assert "losing more" not in " ".join(predict(named("normal"), owed).notes)
