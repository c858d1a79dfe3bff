# SPDX-License-Identifier: Apache-2.0
"""Quantities as people write them, and what is refused."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from perilscope.book.laws import NAMES
from perilscope.book.quantity import (
    Belief,
    Call,
    Num,
    OneIn,
    Outcomes,
    Quantity,
    QuantityError,
    Sample,
    ShareOf,
    To,
    parse,
    per_year,
    spell,
)

D = Decimal


def num(text: str) -> Num:
    return Num(Decimal(text))


@pytest.mark.parametrize(
    ("text", "dimension", "node", "unit", "per", "spelled"),
    [
        ("0.2 per year", "rate", num("0.2"), "", "year", "0.2 per year"),
        ("1 in 5 years", "rate", OneIn(D(5)), "", "year", "1 in 5 years"),
        ("1 in 6 months", "rate", OneIn(D(6)), "", "month", "1 in 6 months"),
        ("2 in 5 years", "rate", num("0.4"), "", "year", "0.4 per year"),
        ("250k", "money", num("250000"), "USD", "", "250k USD"),
        ("0.25 M", "money", num("250000"), "USD", "", "250k USD"),
        ("1.2M USD", "money", num("1200000"), "USD", "", "1.2M USD"),
        ("$1.2M", "money", num("1200000"), "USD", "", "1.2M USD"),
        ("€3bn", "money", num("3000000000"), "EUR", "", "3bn EUR"),
        ("1200 ETH", "money", num("1200"), "ETH", "", "1.2k ETH"),
        ("4 %", "probability", num("0.04"), "", "", "4 %"),
        ("0.04", "probability", num("0.04"), "", "", "4 %"),
        ("1 in 25", "probability", OneIn(D(25)), "", "", "1 in 25"),
        ("250k to 8M", "money", To(num("250000"), num("8000000")), "USD", "", "250k to 8M USD"),
        ("50k per year", "money_rate", num("50000"), "USD", "year", "50k USD per year"),
        ("18 months", "years", num("1.5"), "month", "", "18 months"),
        ("1 year", "years", num("1"), "", "", "1 year"),
        ("-12 %", "number", num("-0.12"), "", "", "-0.12"),
        (
            "pert(50k, 400k, 1.55M)",
            "money",
            Call("pert", (("low", num("5e4")), ("mode", num("4e5")), ("high", num("1550000")))),
            "USD",
            "",
            "pert(50k, 400k, 1.55M) USD",
        ),
        (
            "gamma(2, 10)",
            "number",
            Call("gamma", (("shape", num("2")), ("rate", num("10")))),
            "",
            "",
            "gamma(shape=2, rate=10)",
        ),
        (
            "belief(beta(2, 48))",
            "probability",
            Belief(Call("beta", (("a", num("2")), ("b", num("48"))))),
            "",
            "",
            "belief(beta(2, 48))",
        ),
        (
            "discrete(0: 50 %, 1M: 50 %)",
            "money",
            Outcomes(((num("0"), num("0.5")), (num("1e6"), num("0.5")))),
            "USD",
            "",
            "discrete(0: 50 %, 1M: 50 %) USD",
        ),
        (
            "pert(0, 1k, 9k, lambda=2)",
            "money",
            Call(
                "pert",
                (
                    ("low", num("0")),
                    ("mode", num("1e3")),
                    ("high", num("9e3")),
                    ("lambda", num("2")),
                ),
            ),
            "USD",
            "",
            "pert(0, 1k, 9k, lambda=2) USD",
        ),
        (
            "lognormal(p99.9=2M, p05=1k, p50=20k)",
            "money",
            Call("lognormal", (("p5", num("1e3")), ("p50", num("2e4")), ("p99.9", num("2e6")))),
            "USD",
            "",
            "lognormal(p5=1k, p50=20k, p99.9=2M) USD",
        ),
        (
            "spliced(exponential(20k), pareto(1.5, 1M), at=1M, above=0.05) ETH",
            "money",
            Call(
                "spliced",
                (
                    ("body", Call("exponential", (("mean", num("2e4")),))),
                    ("tail", Call("pareto", (("shape", num("1.5")), ("minimum", num("1e6"))))),
                    ("at", num("1e6")),
                    ("above", num("0.05")),
                ),
            ),
            "ETH",
            "",
            "spliced(exponential(20k), pareto(1.5, 1M), at=1M, above=5 %) ETH",
        ),
        (
            "mixture(1k to 9k: 0.7, 5M: 30 %)",
            "money",
            Outcomes(
                ((To(num("1e3"), num("9e3")), num("0.7")), (num("5e6"), num("0.3"))), "mixture"
            ),
            "USD",
            "",
            "mixture(1k to 9k: 70 %, 5M: 30 %) USD",
        ),
        (
            "empirical(12k, 40k, 12k)",
            "money",
            Sample((num("12e3"), num("4e4"), num("12e3"))),
            "USD",
            "",
            "empirical(12k, 40k, 12k) USD",
        ),
        (
            "pert(30, 70, 100) % of binance",
            "money",
            ShareOf(
                Call("pert", (("low", num("0.3")), ("mode", num("0.7")), ("high", num("1")))),
                "binance",
            ),
            "",
            "",
            "pert(30 %, 70 %, 100 %) of binance",
        ),
    ],
)
def test_what_is_written(
    text: str, dimension: str, node: object, unit: str, per: str, spelled: str
) -> None:
    quantity = parse(text, dimension)
    assert quantity == Quantity(node, dimension, unit, per)  # type: ignore[arg-type]
    assert spell(quantity) == spelled == str(quantity)


def test_white_space_is_folded() -> None:
    assert parse("  pert( 50k,\n 400k , 1.55M )\n", "money") == parse(
        "pert(50k, 400k, 1.55M)", "money"
    )


def test_a_year_has_twelve_months_and_365_and_a_quarter_days() -> None:
    factors = [per_year(parse(f"1 per {p}", "rate")) for p in ("year", "month", "day", "hour")]
    assert factors == [1, 12, D("365.25"), 8766]
    assert float(per_year(parse("1 per week", "rate"))) == pytest.approx(52.17857, abs=1e-5)


def test_a_quarter_is_three_months_as_a_length_and_as_a_period() -> None:
    for text, months in (("1 quarter", "3 months"), ("2 quarters", "6 months")):
        assert parse(text, "years").node == parse(months, "years").node
        assert spell(parse(text, "years")) == text
    assert parse("quarter", "years").node == parse("3 months", "years").node
    assert per_year(parse("0.2 per quarter", "rate")) == 4
    assert per_year(parse("1 in 5 quarters", "rate")) == 4


@pytest.mark.parametrize(
    ("text", "dimension", "what", "mend"),
    [
        ("1.55m", "money", "`m` is not a scale", "milli or million"),
        ("1.5 million", "money", "`million`", "Write `M`"),
        ("1,000", "money", "comma inside a number", "1.5M"),
        ("pert(50,000, 400,000, 1,550,000)", "money", "comma inside a number", "1.5M"),
        ("0.5", "rate", "does not say per what", "1 in 5 years"),
        ("3 years", "money", "is a length of time", "250k"),
        ("1.4", "probability", "1.4 is above 1", "1 in 25"),
        ("-5", "money", "-5 is negative", "zero or more"),
        ("pert(-5, 1, 2)", "money", "-5 is negative", "zero or more"),
        ("pert(30 %, 70 %, 140 %)", "probability", "1.4 is above 1", ""),
        ("lognormal(p5=0.1, p95=0.9)", "probability", "not held between 0 and 1", "beta"),
        ("prt(1, 2, 3)", "money", "no law is called `prt`", "Did you mean `pert`?"),
        ("pert(3, 2, 1)", "money", "the low is above the mode", ""),
        ("uniform(2, 2)", "money", "low and high are the same", "write the number"),
        ("lognormal(1, 2)", "money", "needs the names", "lognormal(p5=.., p95=..)"),
        ("lognormal(p5=1, sd=2)", "money", "does not take p5, sd together", "p95"),
        ("lognormal(p5=1, p5=2)", "money", "gives an argument twice", ""),
        ("pert(1, 2, high=3)", "money", "mixes arguments", ""),
        ("pert(lambda=2, 1, 2, 3)", "money", "mixes arguments", ""),
        ("pert(1, 2, 3, lambda=0)", "money", "`lambda` of `pert` must be above zero", ""),
        ("pert(1, 2, 3, lambda=belief(uniform(1, 2)))", "money", "is a belief", ""),
        ("gpd(shape=0.4, scale=0)", "money", "`scale` of `gpd` must be above zero", ""),
        ("gpd(0.4, 1k)", "money", "needs the names", "gpd(shape=.., scale=..)"),
        ("lognormal(p5=1)", "money", "needs two quantiles or more", "p95"),
        ("quantiles(p5=2, p50=1)", "money", "the p5 must be below the p50", ""),
        ("weibull(p5=1, p50=1)", "money", "the p5 must be below the p50", ""),
        ("gamma(p0=1, p50=2)", "money", "`p0` of `gamma` is no quantile", "p99.9"),
        ("gamma(p99_9=1, p50=2)", "money", "does not take", "Write `p99.9`"),
        ("gamma(p5=belief(uniform(1, 2)), p50=3)", "money", "is a belief", "p5 and p95"),
        ("gamma(p5=uniform(1, 2), p50=3)", "money", "is a law", ""),
        ("quantiles(p5=1, median=2)", "money", "does not take", ""),
        ("quantiles(p5=20 %, p50=120 %)", "probability", "1.2 is above 1", ""),
        ("metalog(p10=1, p90=2, low=1)", "money", "the low must be below the p10", ""),
        ("metalog(p10=1, p90=2, low=0, high=2)", "money", "the high must be above the p90", ""),
        ("metalog(p10=1, p90=2, high=3)", "money", "has a low end too", "low"),
        ("metalog(p10=1, p90=2, low=0, terms=3)", "money", "from 2 to 2", ""),
        ("metalog(p10=10 %, p90=20 %)", "probability", "not held between 0 and 1", "high=1"),
        ("spliced(1k to 9k, gpd(shape=1, scale=1k))", "money", "does not take", "at=.."),
        ("spliced(1k to 9k, at=5k)", "money", "takes 2 laws, not 1", ""),
        ("spliced(1k to 9k, 5M, at=5k)", "money", "the tail of `spliced` is a law", "spliced("),
        ("spliced(uniform(1, 2), pareto(2, 1), at=3)", "money", "nothing above `at`", "above="),
        ("spliced(uniform(1, 2), pareto(2, 1), at=1)", "money", "nothing below `at`", ""),
        ("spliced(pareto(2, 1), uniform(1, 2), at=3)", "money", "tail of `spliced` has", ""),
        ("spliced(pareto(2, 1), pareto(1, 3), at=3, above=1)", "money", "between 0 and 1", ""),
        ("spliced(pareto(2, 1), pareto(1, 3), at=3, above=0.1 USD)", "money", "has a unit", ""),
        ("mixture(1k to 9k: 70 %, 5M: 20 %)", "money", "sum to 0.9, not 1", "mixture("),
        ("mixture(1k to 9k, 5M)", "money", "wrong kind of arguments", "mixture("),
        ("mixture(1k to 9k: belief(beta(1, 1)), 5M: 20 %)", "money", "not a plain number", ""),
        ("mixture(beta(1, 2): 50 %, 5M: 50 %)", "money", "no sum of money", "pert"),
        ("discrete(1k to 9k: 50 %, 5M: 50 %)", "money", "is a law", "mixture("),
        ("empirical(1k, belief(uniform(1, 2)))", "money", "plain numbers", "empirical("),
        ("empirical(a=1k, b=2k)", "money", "takes no names", ""),
        ("normal(1, 0)", "money", "`sd` of `normal` must be above zero", ""),
        ("gamma(mean=0, sd=1)", "money", "`mean` of `gamma` must be above zero", ""),
        ("beta(mean=0.5, sd=0.5)", "probability", "no beta has so large an sd", ""),
        ("beta(0, 1)", "probability", "`a` of `beta` must be above zero", ""),
        ("8M to 250k", "money", "the first must be below the second", "5 %"),
        ("discrete(0: 50 %, 1M: 40 %)", "money", "sum to 0.9, not 1", ""),
        ("discrete(0: 150 %, 1M: -50 %)", "money", "outside 0 to 1", ""),
        ("pert(0: 50 %, 1M: 50 %)", "money", "wrong kind of arguments", "discrete("),
        ("belief(belief(uniform(1, 2)))", "money", "a belief stands inside a belief", "One"),
        ("belief(lognormal(median=belief(uniform(1, 2)), p95=9))", "money", "inside a belief", ""),
        ("pert(1 USD, 2 ETH, 3)", "money", "units are mixed: USD, ETH", ""),
        ("1 in 0", "probability", "above zero", ""),
        ("USD 5", "money", "not expected at character 1", "1.2M USD"),
        ("pert(1, 2", "money", "stops too early", "pert("),
        ("", "money", "stops too early", "250k"),
        ("30 %", "money", "a share of what?", "30 % of hot-wallet"),
        ("4 % per year", "rate", "not written in percent", "0.04 per year"),
        ("130 % of desk", "money", "1.3 is above 1", ""),
        ("1e400", "money", "too many digits", ""),
        ("0.1234567890123456789", "probability", "too many digits", ""),
        ("inf", "money", "cannot read", ""),
        ("(" * 40, "money", "too long or too deep", ""),
    ],
)
def test_what_is_refused(text: str, dimension: str, what: str, mend: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse(text, dimension)
    assert what in caught.value.what
    assert mend in caught.value.mend
    assert caught.value.mend


def test_units_are_the_currency_or_declared_tokens() -> None:
    assert parse("5 stETH", "money", "EUR", {"stETH"}).unit == "stETH"
    assert parse("5", "money", "EUR", set()).unit == "EUR"
    with pytest.raises(QuantityError) as caught:
        parse("5 stEHT", "money", "EUR", {"stETH"})
    assert "Did you mean `stETH`?" in caught.value.mend
    assert parse("5 T", "money", "EUR", {"T"}).unit == "T"  # a declared token may be called so


def test_the_guide_shows_every_law_as_it_can_be_written() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "quantities.md"
    table = guide.read_text(encoding="utf-8").split("## The laws")[1].split("A quantile is written")
    rows = [line.split(" | ", 1) for line in table[0].splitlines() if line.startswith("| `")]
    shown = [text for first, _ in rows for text in re.findall(r"`([^`]+)`", first)]
    shown += [
        text
        for _, rest in rows
        for text in re.findall(r"`([a-z]+\([^`]+\))`", rest)
        if "=.." not in text
    ]
    names = set()
    for text in shown:
        node = parse(text, "money").node
        names.add("lognormal" if isinstance(node, To) else node.law)  # type: ignore[union-attr]
    assert names == set(NAMES) - {"beta"}  # a beta is no sum of money
