# SPDX-License-Identifier: Apache-2.0
"""Quantities as people write them, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perilscope.book.quantity import (
    Belief,
    Call,
    Num,
    OneIn,
    Outcomes,
    Quantity,
    QuantityError,
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
