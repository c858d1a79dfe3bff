# SPDX-License-Identifier: Apache-2.0
"""Ranking and tournament: the right model wins, noise changes no champion, nothing looks ahead."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.forecasts import Forecasts
from perilscope.monitoring.ranking import common, murphy, rank, thresholds
from perilscope.monitoring.tournament import play

Z, TAIL, LEVEL = 1.959963984540054, 2.3378027922014133, 0.975
START = date(2025, 1, 1)


def told(name: str, loss: np.ndarray, sd: np.ndarray | float, start: int = 0) -> Forecasts:
    days = tuple(START + timedelta(start + k) for k in range(len(loss)))
    wide = np.broadcast_to(sd, loss.shape)
    return Forecasts(name, days, loss, Z * wide, TAIL * wide)


def drawn(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sd = np.exp(0.6 * np.sin(np.arange(n) / 30))
    return sd * rng.standard_normal(n), sd


def test_the_right_forecast_ranks_first_and_means_are_of_common_days() -> None:
    loss, sd = drawn(1)
    right, flat = told("right", loss, sd), told("flat", loss, 1.2)
    part = told("half", loss[100:], 2.0 * sd[100:], 100)
    found = rank([flat, part, right], LEVEL)
    assert found.names[0] == "right"
    assert found.days == 300
    assert common([flat, part, right])[0].days[0] == part.days[0]
    over = np.maximum(loss - Z * sd, 0)[100:] / 0.025
    e = TAIL * sd[100:]
    want = (over + Z * sd[100:]) / e + np.log(e) - 1
    assert found.means[0] == pytest.approx(want.mean())
    assert found.against_best[0] is None
    assert found.against_best[2] is not None
    assert found.against_best[2].statistic > 0


def test_murphy_curves_of_the_right_forecast_lie_lower() -> None:
    loss, sd = drawn(2, 4000)
    right, wide = told("right", loss, sd), told("wide", loss, 1.5 * sd)
    at = thresholds([right, wide])
    for one, two in zip(murphy(right, LEVEL, at), murphy(wide, LEVEL, at), strict=True):
        assert one is not None
        assert two is not None
        assert one.mean() < two.mean()


def test_what_cannot_be_ranked() -> None:
    loss, sd = drawn(3)
    with pytest.raises(MisuseError, match="called alike"):
        rank([told("a", loss, sd), told("a", loss, sd)], LEVEL)
    with pytest.raises(MisuseError, match="different losses"):
        rank([told("a", loss, sd), told("b", loss + 1e-3, sd)], LEVEL)
    with pytest.raises(MisuseError, match="no day in common"):
        rank([told("a", loss, sd), told("b", loss, sd, 1000)], LEVEL)
    same = rank([told("a", loss, sd), told("b", loss, sd)], LEVEL)
    assert same.against_best == (None, None)


def test_a_model_that_is_too_low_is_put_out_and_the_right_one_wins() -> None:
    loss, sd = drawn(4)
    found = play([told("low", loss, 0.4 * sd), told("right", loss, sd)], LEVEL)
    assert found.champion == "right"
    assert found.out == ("low",)
    assert found.changes[-1].champion == "right"
    assert found.champions_mean < found.means[0]


def test_the_champion_changes_when_the_world_does() -> None:
    """The first half is calm, the second three times as wide: each model is right in one."""
    rng = np.random.default_rng(5)
    n = 800
    sd = np.where(np.arange(n) < n // 2, 1.0, 3.0)
    loss = sd * rng.standard_normal(n)
    found = play([told("calm", loss, 1.0), told("wild", loss, 3.0)], LEVEL)
    assert [each.champion for each in found.changes] == ["calm", "wild"]
    moved = found.changes[1].on
    assert START + timedelta(n // 2) < moved < START + timedelta(n // 2 + 120)
    assert found.champions_mean < min(found.means)


def test_nothing_looks_ahead() -> None:
    loss, sd = drawn(6, 300)
    models = [("a", 1.0), ("b", 1.4), ("c", 0.8)]
    whole = play([told(name, loss, k * sd) for name, k in models], LEVEL)
    part = play([told(name, loss[:201], k * sd[:201]) for name, k in models], LEVEL)
    assert whole.reigned[: len(part.reigned)] == part.reigned  # 201 days end on a day of decision


def test_noise_seldom_changes_the_champion() -> None:
    """Two models equally wrong by turns: in 10 tournaments of 52 decisions few changes."""
    changes = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        loss = rng.standard_normal(420)
        one, two = np.exp(0.1 * rng.standard_normal((2, 420)))
        changes += len(play([told("one", loss, one), told("two", loss, two)], LEVEL).changes) - 1
    assert changes / 10 < 3


def test_a_tournament_that_cannot_be() -> None:
    loss, sd = drawn(7, 50)
    with pytest.raises(AssessmentError, match="first decision"):
        play([told("a", loss, sd), told("b", loss, 2 * sd)], LEVEL)
    with pytest.raises(MisuseError, match="two models"):
        play([told("a", loss, sd)], LEVEL)
