# SPDX-License-Identifier: Apache-2.0
"""Questions with known answers, to train with, and the answers that people gave to them.

The package brings a bank of its own (``questions.csv`` beside this file); any table of the same
form can stand in its place: ``id,question,truth,unit,source``. A truth is a number with what it
counts as ``unit`` (``year`` for dates), or ``true`` or ``false`` without a unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perilscope.book.quantity import QuantityError, parse, plain
from perilscope.evidence.judgements import Scale
from perilscope.evidence.table import Faults, read_table

_NEEDED, _ALLOWED = ("id", "question", "truth"), ("unit", "source")
_ANSWERS = ("low", "high", "answer", "confidence")
_WORDS = {"true": True, "yes": True, "t": True, "y": True,
          "false": False, "no": False, "f": False, "n": False}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A question with a known answer.

    Parameters
    ----------
    id, text : str
        Short name, and the question or statement in words.
    truth : float or bool
        A number, or whether the statement is true.
    unit : str
        ``year`` for a date, else what is counted; empty for a statement.
    source : str
        Where the answer is written.
    """

    id: str
    text: str
    truth: float | bool
    unit: str = ""
    source: str = ""

    @property
    def is_statement(self) -> bool:
        """Whether it is answered by true or false."""
        return isinstance(self.truth, bool)

    @property
    def scale(self) -> Scale:
        """Dates differ by differences, amounts by factors."""
        return "uniform" if self.unit == "year" else "log"


@dataclass(frozen=True)
class Given:
    """An answer as given: an interval, or true or false with a confidence."""

    low: float = math.nan
    high: float = math.nan
    says: bool = False
    confidence: float = math.nan


def number(text: str) -> float:
    """A number as books write it.

    Raises
    ------
    QuantityError
        For anything else.

    Examples
    --------
    >>> number("200k"), number("4 %")
    (200000.0, 0.04)
    """
    found = plain(parse(text.strip(), "number").node)
    if found is None:
        raise QuantityError(f"{text!r} is not a plain number", "Write it like 40, 0.5 or 200k.")
    return float(found)


def interval(text: str, question: Question) -> Given:
    """An interval as typed: ``2008 to 2012``, ``8k to 12k``, or two numbers with a space between.

    Raises
    ------
    QuantityError
        For anything else, for ends that do not rise, and for amounts not above zero.

    Examples
    --------
    >>> found = interval("8k to 12k", Question("a", "How many?", 1e4, "blocks"))
    >>> found.low, found.high
    (8000.0, 12000.0)
    """
    parts = [part for part in re.split(r"\s+to\s+|\s*;\s*|\s+", text.strip()) if part]
    if len(parts) != 2:
        raise QuantityError(
            f"{text!r} is not an interval", "Write two numbers: `8k to 12k`, or `2008 2012`."
        )
    return _interval(number(parts[0]), number(parts[1]), question.scale)


def claim(text: str) -> Given:
    """True or false with a confidence as typed: ``true 80 %``, ``f 65``, ``no 0.9``.

    Raises
    ------
    QuantityError
        For anything else, and for a confidence below 50 % or above 100 %.

    Examples
    --------
    >>> claim("f 65").says, claim("f 65").confidence
    (False, 0.65)
    """
    word, _, rest = text.strip().partition(" ")
    if word.lower() not in _WORDS or not rest.strip():
        raise QuantityError(
            f"{text!r} is not an answer with a confidence", "Write `true 80 %` or `false 60 %`."
        )
    return Given(says=_WORDS[word.lower()], confidence=_confidence(rest))


def parse_questions(name: str, data: bytes) -> tuple[Question, ...]:
    r"""Questions of a bank, in the order of its lines.

    Raises
    ------
    DataError
        With every fault and its line.

    Examples
    --------
    >>> bank = b"id,question,truth,unit,source\nhalving,How many blocks?,210k,blocks,code\n"
    >>> parse_questions("bank.csv", bank)[0].truth
    210000.0
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    at = table.known(_NEEDED, _ALLOWED, faults)
    found: dict[str, Question] = {}
    for line, row in table.records(at):
        if not row["id"] or row["id"] in found:
            faults.add(line, "an id is missing or stands twice", "give every question its own")
            continue
        try:
            truth = _truth(row["truth"], row.get("unit", ""))
        except QuantityError as error:
            faults.add(line, error.what, error.mend, path="truth")
            continue
        found[row["id"]] = Question(
            row["id"], row["question"], truth, row.get("unit", ""), row.get("source", "")
        )
    if not found:
        faults.add(0, "there are no questions in this file")
    faults.refuse()
    return tuple(found.values())


def parse_answers(
    name: str, data: bytes, questions: Sequence[Question]
) -> tuple[tuple[Question, Given], ...]:
    r"""Answers to questions of a bank: ``id,low,high`` and ``id,answer,confidence``.

    Raises
    ------
    DataError
        With every fault and its line.

    Examples
    --------
    >>> asked = [Question("halving", "How many blocks?", 210_000, "blocks")]
    >>> (_, given), = parse_answers("mine.csv", b"id,low,high\nhalving,100k,400k\n", asked)
    >>> given.low
    100000.0
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    at = table.known(("id",), _ANSWERS, faults)
    bank = {question.id: question for question in questions}
    found: dict[str, tuple[Question, Given]] = {}
    for line, row in table.records(at):
        question = bank.get(row["id"])
        if question is None or row["id"] in found:
            what = "is answered twice" if question else "is no question of the bank"
            faults.add(line, f"{row['id']!r} {what}", "`elicit train --list` shows their ids")
            continue
        try:
            found[row["id"]] = question, _given(row, question)
        except QuantityError as error:
            faults.add(line, error.what, error.mend, path=row["id"])
    if not found:
        faults.add(0, "there are no answers in this file")
    faults.refuse()
    return tuple(found.values())


def _given(row: Mapping[str, str], question: Question) -> Given:
    wanted = ("answer", "confidence") if question.is_statement else ("low", "high")
    if not all(row.get(key) for key in wanted):
        raise QuantityError(f"{' and '.join(wanted)} are wanted for this question")
    if question.is_statement:
        return claim(f"{row['answer']} {row['confidence']}")
    return _interval(number(row["low"]), number(row["high"]), question.scale)


def _interval(low: float, high: float, scale: Scale) -> Given:
    if not low < high:
        raise QuantityError(
            f"{low:g} to {high:g} does not rise", "The lower end stands first and is smaller."
        )
    if scale == "log" and not low > 0:
        raise QuantityError(f"the lower end is {low:g}", "Write an amount above zero.")
    return Given(low, high)


def _confidence(text: str) -> float:
    value = number(text)
    value = value / 100 if value > 1 else value
    if not 0.5 <= value <= 1:
        raise QuantityError(
            f"a confidence of {text.strip()}",
            "It lies between 50 % (a coin) and 100 % (certain); below 50 %, take the other answer.",
        )
    return value


def _truth(text: str, unit: str) -> float | bool:
    if text.lower() in ("true", "false") and not unit:
        return text.lower() == "true"
    value = number(text)
    if not unit:
        raise QuantityError("a number without a unit", "Say what is counted; `year` for dates.")
    if unit != "year" and not value > 0:
        raise QuantityError(f"an amount of {text}", "Amounts must be above zero.")
    return value
