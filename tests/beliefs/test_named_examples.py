# SPDX-License-Identifier: Apache-2.0
"""Arguments that make no law are refused in a sentence, whoever checked them before."""

from __future__ import annotations

import math

import pytest

from perilscope.beliefs.law import reading
from perilscope.beliefs.named import build
from perilscope.book.quantity import parse
from perilscope.engines.laws.distributions import Constant
from perilscope.errors import AssessmentError


@pytest.mark.parametrize(
    ("law", "arguments", "says"),
    [
        ("pert", {"low": 5.0, "mode": 2.0, "high": 9.0}, "pert needs low <= mode <= high"),
        ("pert", {"low": 1.0, "mode": 20.0, "high": 9.0}, "mode = 20"),
        ("triangular", {"low": 5.0, "mode": 2.0, "high": 9.0}, "low <= mode <= high"),
        ("uniform", {"low": 5.0, "high": 2.0}, "low <= high"),
        ("normal", {"mean": 5.0, "sd": -1.0}, "sd of zero or more"),
        ("lognormal", {"p5": 9.0, "p95": 2.0}, "0 < p5 <= p95"),
        ("lognormal", {"p5": 0.0, "p95": 2.0}, "0 < p5"),
        ("lognormal", {"median": 9.0, "p95": 2.0}, "0 < median <= p95"),
        ("lognormal", {"mean": 0.0, "sd": 2.0}, "mean above zero"),
        ("lognormal", {"mu": 1.0, "sigma": -2.0}, "sigma"),
        ("beta", {"mean": 0.1, "sd": 0.31}, "sd below sqrt"),
        ("beta", {"mean": 1.2, "sd": 0.1}, "between 0 and 1"),
        ("beta", {"a": 0.0, "b": 1.0}, "above zero"),
        ("gamma", {"shape": 2.0, "rate": 0.0}, "above zero"),
        ("gamma", {"shape": -2.0, "scale": 1.0}, "above zero"),
        ("gamma", {"mean": -2.0, "sd": 1.0}, "mean above zero"),
        ("exponential", {"mean": 0.0}, "mean above zero"),
        ("weibull", {"shape": 0.0, "scale": 1.0}, "above zero"),
        ("pareto", {"shape": 2.0, "minimum": 0.0}, "above zero"),
        ("lognormal", {"p5": 1.0, "p95": math.inf}, "finite"),
        ("lognormal", {"p5": 1.0, "p95": math.nan}, "finite"),
        ("lognormal", {"p5": 1.0, "sd": 2.0}, "no law is written"),
        ("cauchy", {"mean": 1.0}, "no law is written"),
    ],
)
def test_an_impossible_law_is_refused(law: str, arguments: dict[str, float], says: str) -> None:
    with pytest.raises(AssessmentError) as refused:
        build(law, arguments)
    assert says in str(refused.value)
    assert law in str(refused.value)


@pytest.mark.parametrize(
    ("law", "arguments"),
    [
        ("pert", {"low": 5.0, "mode": 5.0, "high": 5.0}),
        ("triangular", {"low": 5.0, "mode": 5.0, "high": 5.0}),
        ("uniform", {"low": 5.0, "high": 5.0}),
        ("normal", {"mean": 5.0, "sd": 0.0}),
        ("lognormal", {"p5": 5.0, "p95": 5.0}),
        ("lognormal", {"median": 5.0, "p95": 5.0}),
        ("lognormal", {"mean": 5.0, "sd": 0.0}),
        ("gamma", {"mean": 5.0, "sd": 0.0}),
    ],
)
def test_without_spread_a_law_is_a_constant(law: str, arguments: dict[str, float]) -> None:
    assert build(law, arguments) == Constant(5.0)


@pytest.mark.parametrize(
    ("text", "dimension", "says"),
    [
        ("belief(lognormal(mean=0.2, sd=0.1))", "probability", "can be above 1"),
        ("belief(0 % to 9 %)", "probability", "no range for a probability"),
    ],
)
def test_a_probability_stays_between_0_and_1(text: str, dimension: str, says: str) -> None:
    # The book refuses some of these texts first; then there is nothing left to read.
    try:
        quantity = parse(text, dimension)
    except ValueError:
        return
    with pytest.raises(AssessmentError, match=says):
        reading(quantity)


def test_a_rate_that_can_be_negative_is_refused() -> None:
    quantity = parse("belief(normal(mean=0.4, sd=0.1)) per year", "rate")
    with pytest.raises(AssessmentError, match="can be negative: use gamma"):
        reading(quantity)


def test_a_normal_law_of_losses_may_reach_below_zero_as_rarely_as_the_book_allows() -> None:
    assert reading(parse("normal(300k, 100k)", "money")).value(()).mean == 300_000.0
