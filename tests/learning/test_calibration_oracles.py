# SPDX-License-Identifier: Apache-2.0
"""Scores of intervals and confidence against scipy.stats, enumeration and closed forms."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perilscope.errors import MisuseError
from perilscope.learning.calibration import (
    Choice,
    Interval,
    interval_score,
    score_choices,
    score_intervals,
)

HIT, MISS = Interval(0.0, 2.0, 1.0), Interval(0.0, 2.0, 5.0)


@given(hits=st.integers(0, 60), misses=st.integers(0, 60))
def test_chance_of_so_few_hits_is_binomial(hits: int, misses: int) -> None:
    asked = hits + misses
    if not asked:
        return
    found = score_intervals([HIT] * hits + [MISS] * misses)
    law = stats.binom(asked, 0.9)
    expected = law.sf(hits - 1) if hits >= 0.9 * asked else law.cdf(hits)
    assert found.probability == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert (found.hits, found.asked) == (hits, asked)


def test_the_ends_belong_to_the_interval() -> None:
    assert Interval(1.0, 2.0, 1.0).hit
    assert Interval(1.0, 2.0, 2.0).hit
    assert not Interval(1.0, 2.0, math.nextafter(2.0, 3.0)).hit


@pytest.mark.parametrize(
    ("hits", "asked", "verdict"),
    [  # two-sided by eye: P(X <= 15 | 20) = 0.043, P(X <= 16 | 20) = 0.133, P(X = 30 | 30) = 0.042
        (15, 20, "too sure"),
        (16, 20, "as it should be"),
        (20, 20, "as it should be"),
        (30, 30, "not sure enough"),
    ],
)
def test_verdicts(hits: int, asked: int, verdict: str) -> None:
    assert score_intervals([HIT] * hits + [MISS] * (asked - hits)).verdict == verdict


def test_the_interval_score_is_best_at_the_true_quantiles() -> None:
    """For a standard normal truth, by quadrature over it: proper means no better ends than +-z."""
    truths = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)

    def expected(low: float, high: float) -> float:
        return float(np.mean([sum(interval_score(Interval(low, high, t))) for t in truths]))

    z = float(stats.norm.ppf(0.95))
    best = expected(-z, z)
    for low, high in itertools.product((-2.2, -1.9, -z, -1.4, -1.0), (1.0, 1.4, z, 1.9, 2.2)):
        if (low, high) != (-z, z):
            assert expected(low, high) > best
    # Gneiting and Raftery: the expected score of the true interval is 2 phi(z) / (alpha / 2)
    assert best == pytest.approx(2 * stats.norm.pdf(z) / 0.05, rel=1e-3)


def test_amounts_are_scored_by_factors() -> None:
    one = interval_score(Interval(1e3, 1e5, 1e6, "log"))
    other = interval_score(Interval(5e6, 5e8, 5e9, "log"))
    assert one == pytest.approx(other)
    assert one[0] == pytest.approx(math.log(100))
    assert one[1] == pytest.approx(20 * math.log(10))


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 20), st.floats(-80, 80)), min_size=1))
def test_the_stretch_is_the_smallest_that_would_have_done(rows: list[tuple[Any, ...]]) -> None:
    answers = [Interval(low, low + size, truth) for low, size, truth in rows]
    factor = score_intervals(answers).stretch

    def held(by: float) -> int:
        return sum(
            abs(a.truth - (a.low + a.high) / 2) <= by * (a.high - a.low) / 2 + 1e-9 for a in answers
        )

    assert held(factor) >= 0.9 * len(answers) - 1e-9
    if factor > 1e-6:
        assert held(factor * (1 - 1e-6) - 1e-6) < 0.9 * len(answers)


CONFIDENCE = st.sampled_from([0.5, 0.6, 0.75, 0.9, 0.95, 1.0])


@given(st.lists(st.tuples(CONFIDENCE, st.booleans()), min_size=1, max_size=10))
def test_chance_of_so_many_right_by_enumeration(rows: list[tuple[float, bool]]) -> None:
    found = score_choices([Choice(p, right) for p, right in rows])
    many = found.right >= sum(p for p, _ in rows) - 1e-9
    total = 0.0
    for outcome in itertools.product((True, False), repeat=len(rows)):
        if sum(outcome) >= found.right if many else sum(outcome) <= found.right:
            total += math.prod(
                p if hit else 1 - p for (p, _), hit in zip(rows, outcome, strict=True)
            )
    assert found.probability == pytest.approx(total, rel=1e-9, abs=1e-12)


@given(st.lists(st.tuples(CONFIDENCE, st.booleans()), min_size=1, max_size=60))
def test_the_brier_score_falls_into_its_parts(rows: list[tuple[float, bool]]) -> None:
    found = score_choices([Choice(p, right) for p, right in rows])
    assert found.brier == pytest.approx(np.mean([(p - right) ** 2 for p, right in rows]), abs=1e-12)
    parts = found.reliability - found.resolution + found.uncertainty
    assert found.brier == pytest.approx(parts, abs=1e-12)
    assert min(found.reliability, found.resolution, found.uncertainty) >= 0
    assert sum(asked for _, asked, _ in found.by_confidence) == len(rows)


def test_coins_and_certainties() -> None:
    coins = score_choices([Choice(0.5, n % 2 == 0) for n in range(40)])
    assert (coins.brier, coins.verdict) == (0.25, "as it should be")
    certain = score_choices([Choice(1.0, True)] * 8)
    assert (certain.brier, certain.probability) == (0.0, 1.0)
    wrong = score_choices([Choice(1.0, True)] * 7 + [Choice(1.0, False)])
    assert (wrong.probability, wrong.verdict) == (0.0, "too sure")
    timid = score_choices([Choice(0.5, True)] * 20)
    assert timid.probability == pytest.approx(2.0**-20)
    assert timid.verdict == "not sure enough"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Interval(2.0, 2.0, 1.0), "below its upper"),
        (lambda: Interval(float("nan"), 2.0, 1.0), "below its upper"),
        (lambda: Interval(0.0, 2.0, 1.0, "log"), "above zero"),
        (lambda: Choice(0.4, True), "50 %"),
        (lambda: Choice(float("nan"), True), "50 %"),
        (lambda: score_intervals([]), "no intervals"),
        (lambda: score_choices([]), "no answers"),
    ],
)
def test_what_cannot_be_scored_is_refused(made: Any, says: str) -> None:
    with pytest.raises(MisuseError, match=says):
        made()
