# SPDX-License-Identifier: Apache-2.0
"""A round of training: which questions are asked, and what the answers say about the person."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from perilscope.engines.streams import stream
from perilscope.errors import MisuseError
from perilscope.evidence.questions import Given, Question, parse_questions
from perilscope.learning.calibration import (
    Choice,
    Choices,
    Interval,
    Intervals,
    score_choices,
    score_intervals,
)

#: With fewer answers of one kind than this, little can be told.
ENOUGH = 10


def bank() -> tuple[Question, ...]:
    """The questions that come with the package.

    Examples
    --------
    >>> len(bank()) >= 100
    True
    """
    data = (files("perilscope.evidence") / "questions.csv").read_bytes()
    return parse_questions("questions.csv", data)


def chosen(questions: Sequence[Question], count: int, seed: int) -> tuple[Question, ...]:
    """So many questions of a bank: amounts first, then statements, in the bank's proportion.

    The same seed gives the same questions in the same order.

    Raises
    ------
    MisuseError
        If fewer than one, or more than there are, are wanted.

    Examples
    --------
    >>> picked = chosen(bank(), 10, seed=1)
    >>> sum(question.is_statement for question in picked)
    4
    """
    if not 1 <= count <= len(questions):
        raise MisuseError(f"1 to {len(questions)} questions can be asked; {count} are wanted")
    amounts = [question for question in questions if not question.is_statement]
    statements = [question for question in questions if question.is_statement]
    most = round(count * len(amounts) / len(questions))
    sizes = (most, count - most)
    picked: list[Question] = []
    for name, kind, size in zip(
        ("amounts", "statements"), (amounts, statements), sizes, strict=True
    ):
        order = stream(seed, "training", name).permutation(len(kind))[:size]
        picked += [kind[n] for n in order]
    return tuple(picked)


def scored(answers: Sequence[tuple[Question, Given]]) -> dict[str, Any]:
    """The scores of a round, with the sentences that say what they mean.

    Raises
    ------
    MisuseError
        Without an answer.

    Examples
    --------
    >>> found = scored([(Question("a", "When?", 2000.0, "year"), Given(1990.0, 2010.0))])
    >>> found["intervals"]["hits"], found["statements"]
    (1, None)
    """
    if not answers:
        raise MisuseError("there are no answers to score")
    intervals = [
        Interval(given.low, given.high, float(question.truth), question.scale)
        for question, given in answers
        if not question.is_statement
    ]
    choices = [
        Choice(given.confidence, given.says is question.truth)
        for question, given in answers
        if question.is_statement
    ]
    ranges = score_intervals(intervals) if intervals else None
    stated = score_choices(choices) if choices else None
    return {
        "answers": [row(question, given) for question, given in answers],
        "intervals": _intervals(ranges) if ranges else None,
        "statements": _statements(stated) if stated else None,
        "advice": [*(_widen(ranges) if ranges else []), *(_lower(stated) if stated else [])],
    }


def row(question: Question, given: Given) -> dict[str, Any]:
    """One answer beside the truth."""
    shown: dict[str, Any] = {
        "id": question.id, "question": question.text, "truth": question.truth,
        "unit": question.unit, "source": question.source,
    }  # fmt: skip
    if question.is_statement:
        right = given.says is question.truth
        return {**shown, "answer": given.says, "confidence": given.confidence, "right": right}
    inside = given.low <= float(question.truth) <= given.high
    return {**shown, "low": given.low, "high": given.high, "inside": inside}


def _intervals(found: Intervals) -> dict[str, Any]:
    return {
        "asked": found.asked,
        "hits": found.hits,
        "expected": found.expected,
        "probability": found.probability,
        "verdict": found.verdict,
        "stretch": found.stretch,
        "scores": {
            {"uniform": "dates", "log": "amounts"}[scale]: {"width": width, "penalty": penalty}
            for scale, (width, penalty) in found.scores.items()
        },
    }


def _statements(found: Choices) -> dict[str, Any]:
    return {
        "asked": found.asked,
        "right": found.right,
        "expected": found.expected,
        "probability": found.probability,
        "verdict": found.verdict,
        "brier": found.brier,
        "reliability": found.reliability,
        "resolution": found.resolution,
        "uncertainty": found.uncertainty,
        "by_confidence": [
            {"confidence": stated, "asked": asked, "right": right}
            for stated, asked, right in found.by_confidence
        ],
    }


def _widen(found: Intervals) -> list[str]:
    few = ", though so few answers tell little" if found.asked < ENOUGH else ""
    if found.verdict == "too sure":
        return [
            f"Your intervals are too narrow{few}. Had each been {found.stretch:.1f} times as wide, "
            "9 in 10 would have held the truth. Before you give an interval, think of two reasons "
            "why the truth could lie outside, and widen it until you would as gladly bet on it as "
            "on drawing a white ball from an urn with 9 white balls of 10."
        ]
    if found.verdict == "not sure enough":
        return [
            f"Your intervals are wider than they need be{few}: {found.stretch:.1f} times their "
            "width would have done. Ask at each end whether you would really be surprised beyond."
        ]
    if found.asked < ENOUGH:
        return [f"{found.asked} intervals tell little: answer 20 or more before you trust a score."]
    return ["Your intervals hold about what they promise. Keep on as you do."]


def _lower(found: Choices) -> list[str]:
    few = ", though so few answers tell little" if found.asked < ENOUGH else ""
    promised, right = found.expected / found.asked, found.right / found.asked
    if found.verdict == "too sure":
        return [
            f"You were {100 * promised:.0f} % sure on average and {100 * right:.0f} % right{few}. "
            "Keep 90 % and more for what you could prove, and ask what would make you wrong."
        ]
    if found.verdict == "not sure enough":
        return [
            f"You were {100 * promised:.0f} % sure on average and {100 * right:.0f} % right{few}: "
            "you know more than you say. Dare a higher confidence."
        ]
    if found.asked < ENOUGH:
        return [
            f"{found.asked} statements tell little: answer 20 or more before you trust a score."
        ]
    return ["Your confidence is about as high as you are right. Keep on as you do."]
