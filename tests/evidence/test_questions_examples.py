# SPDX-License-Identifier: Apache-2.0
"""Questions to train with: the bank that is shipped, answers as typed, answers from files."""

from __future__ import annotations

import math

import pytest

from perilscope.book.quantity import QuantityError
from perilscope.cycle.people.training import bank, chosen
from perilscope.errors import DataError, MisuseError
from perilscope.evidence.questions import Question, claim, interval, parse_answers, parse_questions

AMOUNT = Question("a", "How many?", 100.0, "blocks", "code")
DATE = Question("d", "When?", 2000.0, "year", "a book")
CLAIM = Question("c", "It is so.", True, "", "a book")


def test_the_bank_is_large_balanced_and_sourced() -> None:
    questions = bank()
    amounts = [q for q in questions if not q.is_statement]
    statements = [q for q in questions if q.is_statement]
    assert len(amounts) >= 60
    assert len(statements) >= 40
    assert 0.4 <= sum(q.truth is True for q in statements) / len(statements) <= 0.6
    for question in questions:
        assert question.source, question.id
        assert question.text[-1] in "?.", question.id
        assert (question.text[-1] == ".") == question.is_statement, question.id
    years = [q.truth for q in amounts if q.unit == "year"]
    assert all(1000 < year <= 2025 and year == int(year) for year in years)


@pytest.mark.parametrize(
    ("id", "truth"),
    [  # facts that follow from others, computed here
        ("seed-words", 2**11),
        ("seed-entropy", 12 * 11 - 4),
        ("contract-size", 0x6000),
        ("bitcoin-retarget", 14 * 24 * 3600 // 600),
        ("bitcoin-most", round(210_000 * 50 * sum(0.5**n for n in range(33)) / 1e6)),
        ("sunlight", round(149_597_870.700 / 299_792.458)),
        ("halving-blocks", 210_000),
    ],
)
def test_facts_that_can_be_computed(id: str, truth: float) -> None:
    assert {q.id: q.truth for q in bank()}[id] == truth


def test_the_same_seed_gives_the_same_round() -> None:
    one, again, other = (chosen(bank(), 25, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert len(set(one)) == 25
    assert chosen(bank(), len(bank()), 5) != bank()
    assert set(chosen(bank(), len(bank()), 5)) == set(bank())


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_too_many_or_no_questions_are_refused(count: int) -> None:
    with pytest.raises(MisuseError, match="can be asked"):
        chosen(bank(), count, 1)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("50 to 150", 50, 150), ("50 150", 50, 150), ("0.1k  to  2k", 100, 2000), ("50;150", 50, 150)],
)
def test_intervals_as_typed(text: str, low: float, high: float) -> None:
    assert (interval(text, AMOUNT).low, interval(text, AMOUNT).high) == (low, high)


@pytest.mark.parametrize(
    "text", ["50", "150 50", "50 50", "0 5", "a b", "1 2 3", "-5 5", "1,000 2,000"]
)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        interval(text, AMOUNT)


def test_a_date_may_be_before_any_year() -> None:
    assert interval("-50 100", DATE).low == -50


@pytest.mark.parametrize(
    ("text", "says", "confidence"),
    [("true 80 %", True, 0.8), ("F 65", False, 0.65), ("no 0.9", False, 0.9), ("y 100%", True, 1)],
)
def test_claims_as_typed(text: str, says: bool, confidence: float) -> None:
    assert (claim(text).says, claim(text).confidence) == (says, confidence)


@pytest.mark.parametrize("text", ["true", "80", "true 40 %", "maybe 80", "true 101", "true x", ""])
def test_what_is_no_claim_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        claim(text)


def test_answers_from_a_file() -> None:
    text = b"id,low,high,answer,confidence\na,50,150,,\nc,,,true,80 %\n"
    (_, first), (_, second) = parse_answers("mine.csv", text, [AMOUNT, CLAIM])
    assert (first.low, first.high) == (50, 150)
    assert math.isnan(first.confidence)
    assert (second.says, second.confidence) == (True, 0.8)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (b"id,low,high\nz,1,2\n", 2, "no question of the bank"),
        (b"id,low,high\na,1,2\na,1,2\n", 3, "answered twice"),
        (b"id,low,high\na,1,\n", 2, "low and high are wanted"),
        (b"id,low,high\nc,1,2\n", 2, "answer and confidence are wanted"),
        (b"id,low,high\na,9,2\n", 2, "does not rise"),
        (b"id,low,high,hihg\na,1,2,3\n", 1, "no column is called 'hihg'"),
        (b"low,high\n1,2\n", 1, "'id' is missing"),
        (b"id,low,high\n", 0, "no answers"),
        (b"", 0, "empty"),
    ],
)
def test_a_broken_file_of_answers_is_refused(text: bytes, line: int, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        parse_answers("mine.csv", text, [AMOUNT, CLAIM])
    assert refused.value.faults[0].line == line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"id,question,truth\na,How many?,5\n", "without a unit"),
        (b"id,question,truth,unit\na,How many?,-5,blocks\n", "above zero"),
        (b"id,question,truth,unit\na,How many?,many,blocks\n", "cannot read"),
        (b"id,question,truth,unit\na,q,true,\na,q,true,\n", "twice"),
        (b"id,question\na,q\n", "'truth' is missing"),
        (b"id,question,truth\n", "no questions"),
    ],
)
def test_a_broken_bank_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        parse_questions("bank.csv", text)
