# SPDX-License-Identifier: Apache-2.0
"""How well people know what they know: scores of 90 % intervals and of stated confidence.

A calibrated person's 90 % intervals hold the truth 9 times in 10, and what they are 70 % sure of is
right 7 times in 10. Both can be learned, by answering questions whose answers are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perilscope.errors import MisuseError
from perilscope.evidence.judgements import Scale
from perilscope.learning.against import binomial_tail

LEVEL = 0.9
#: A result that a calibrated person would have less often than this is called a deviation.
UNLIKELY = 0.05
Verdict = Literal["too sure", "not sure enough", "as it should be"]


@dataclass(frozen=True)
class Interval:
    """One answer as a 90 % interval, with the truth.

    Parameters
    ----------
    low, high, truth : float
    scale : "uniform" or "log"
        Whether misses are measured in differences (dates) or in factors (amounts).

    Raises
    ------
    MisuseError
        If low is not below high, or a number on the log scale is not above zero.
    """

    low: float
    high: float
    truth: float
    scale: Scale = "uniform"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise MisuseError("an interval has a lower end below its upper end")
        if self.scale == "log" and not min(self.low, self.truth) > 0:
            raise MisuseError("here the lower end is above zero")

    @property
    def hit(self) -> bool:
        """Whether the truth lies inside; the ends belong to it."""
        return self.low <= self.truth <= self.high

    @property
    def ends(self) -> tuple[float, float, float]:
        """Low, high and truth on the scale: as they are, or their logarithms."""
        low, high, truth = self.low, self.high, self.truth
        return (math.log(low), math.log(high), math.log(truth)) if self.scale == "log" else (
            low, high, truth)  # fmt: skip


@dataclass(frozen=True)
class Intervals:
    """Scores of a number of intervals.

    Parameters
    ----------
    asked, hits : int
    expected : float
        Hits of a calibrated person, on average.
    probability : float
        Chance that a calibrated person has so few hits where they are fewer than expected, so many
        where they are more.
    verdict : str
    stretch : float
        By how much the intervals should have been wider (or narrower, below 1) about their
        middles for 9 in 10 to hold.
    scores : dict of scale to (width, penalty)
        Means over the answers on that scale: the interval score is their sum, and less is better.
    """

    asked: int
    hits: int
    expected: float
    probability: float
    verdict: Verdict
    stretch: float
    scores: dict[Scale, tuple[float, float]]


@dataclass(frozen=True)
class Choice:
    """An answer of two, with the confidence that it is right, from 0.5 to 1.

    Raises
    ------
    MisuseError
        For a confidence outside 0.5 to 1.
    """

    confidence: float
    right: bool

    def __post_init__(self) -> None:
        if not 0.5 <= self.confidence <= 1:
            raise MisuseError("a confidence in one of two answers lies between 50 % and 100 %")


@dataclass(frozen=True)
class Choices:
    """Scores of a number of answers with confidence.

    Parameters
    ----------
    asked, right : int
    expected : float
        Right answers that the stated confidences promise.
    probability : float
        Chance of so few right answers where they are fewer than promised, of so many where they
        are more, if each were right with the confidence stated.
    verdict : str
    brier : float
        Mean squared distance of confidence from the outcome: 0 is perfect, 0.25 is a coin.
    reliability, resolution, uncertainty : float
        Brier = reliability - resolution + uncertainty (Murphy 1973), by stated confidence.
    by_confidence : tuple of (confidence, asked, right)
    """

    asked: int
    right: int
    expected: float
    probability: float
    verdict: Verdict
    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    by_confidence: tuple[tuple[float, int, int], ...]


def interval_score(answer: Interval, level: float = LEVEL) -> tuple[float, float]:
    """Width and penalty of one interval; their sum is the interval score, and less is better.

    The penalty is 2 / (1 - level) times the distance by which the truth was missed, so that the
    best answer is the honest one: the two quantiles that one believes.

    Notes
    -----
    Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA
    102, equation 43. On the log scale it is applied to logarithms, where quantiles stay quantiles.

    Examples
    --------
    >>> width, penalty = interval_score(Interval(10.0, 20.0, 22.0))
    >>> width, round(penalty, 9)
    (10.0, 40.0)
    """
    low, high, truth = answer.ends
    missed = max(low - truth, truth - high, 0.0)
    return high - low, 2 / (1 - level) * missed


def score_intervals(answers: Sequence[Interval], level: float = LEVEL) -> Intervals:
    """Score intervals against the truth.

    Examples
    --------
    >>> found = score_intervals([Interval(0, 1, 0.5)] * 5 + [Interval(0, 1, 2)] * 5)
    >>> found.hits, round(found.probability, 6), found.verdict, found.stretch
    (5, 0.001635, 'too sure', 3.0)
    """
    if not answers:
        raise MisuseError("there are no intervals to score")
    asked, hits = len(answers), sum(answer.hit for answer in answers)
    expected = level * asked
    many = hits >= expected
    probability = binomial_tail(hits, asked, level, many)
    scores: dict[Scale, tuple[float, float]] = {}
    for scale in ("uniform", "log"):
        own = [interval_score(answer, level) for answer in answers if answer.scale == scale]
        if own:
            width, penalty = (math.fsum(column) / len(own) for column in zip(*own, strict=True))
            scores[scale] = (width, penalty)
    return Intervals(
        asked, hits, expected, probability, _verdict(probability, many), _stretch(answers, level),
        scores,
    )  # fmt: skip


def score_choices(answers: Sequence[Choice]) -> Choices:
    """Score answers with confidence.

    Examples
    --------
    >>> found = score_choices([Choice(0.9, True)] * 6 + [Choice(0.9, False)] * 4)
    >>> found.right, round(found.brier, 6), round(found.probability, 6), found.verdict
    (6, 0.33, 0.012795, 'too sure')
    """
    if not answers:
        raise MisuseError("there are no answers to score")
    asked, right = len(answers), sum(answer.right for answer in answers)
    expected = math.fsum(answer.confidence for answer in answers)
    law = _number_right([answer.confidence for answer in answers])
    many = right >= expected - 1e-9
    probability = min(math.fsum(law[right:] if many else law[: right + 1]), 1.0)
    rate = right / asked
    groups = _by_confidence(answers)
    parts = [(n, p, k / n) for p, n, k in groups]
    return Choices(
        asked=asked,
        right=right,
        expected=expected,
        probability=probability,
        verdict=_verdict(probability, many),
        brier=math.fsum((a.confidence - a.right) ** 2 for a in answers) / asked,
        reliability=math.fsum(n * (p - seen) ** 2 for n, p, seen in parts) / asked,
        resolution=math.fsum(n * (seen - rate) ** 2 for n, _, seen in parts) / asked,
        uncertainty=rate * (1 - rate),
        by_confidence=groups,
    )


def _verdict(probability: float, many: bool) -> Verdict:
    if probability >= UNLIKELY:
        return "as it should be"
    return "not sure enough" if many else "too sure"


def _stretch(answers: Sequence[Interval], level: float) -> float:
    """Smallest factor on the half-widths with which the wanted share of the truths lies inside."""
    needed = []
    for answer in answers:
        low, high, truth = answer.ends
        needed.append(abs(2 * truth - low - high) / (high - low))
    return sorted(needed)[math.ceil(level * len(needed) - 1e-9) - 1]


def _number_right(confidences: Sequence[float]) -> list[float]:
    """Law of the number of right answers, each right with its own probability."""
    law = [1.0]
    for p in confidences:
        law = [a * (1 - p) + b * p for a, b in zip([*law, 0.0], [0.0, *law], strict=True)]
    return law


def _by_confidence(answers: Sequence[Choice]) -> tuple[tuple[float, int, int], ...]:
    found = []
    for stated in sorted({answer.confidence for answer in answers}):
        own = [answer.right for answer in answers if answer.confidence == stated]
        found.append((stated, len(own), sum(own)))
    return tuple(found)
