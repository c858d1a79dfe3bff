# SPDX-License-Identifier: Apache-2.0
"""What is spelled is read back the same, whatever it is."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from perilscope.book.quantity import Quantity, QuantityError, parse, spell


def read(text: str, dimension: str) -> Quantity | QuantityError:
    try:
        return parse(text, dimension)
    except QuantityError as error:
        return error


PERIODS = ("year", "month", "week", "day", "hour")


def decimals(low: str, high: str, places: int = 4) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places)


amounts = st.one_of(
    decimals("0.01", "999", 2).map(str),
    st.tuples(decimals("0.001", "9999", 3), st.sampled_from(["k", "M", "bn"])).map(
        lambda p: f"{p[0]}{p[1]}"
    ),
    st.integers(1, 10**15).map(str),
)


@st.composite
def ordered(draw: st.DrawFn, n: int) -> list[str]:
    found = draw(st.lists(st.integers(1, 10**9), min_size=n, max_size=n, unique=True))
    return [str(x) for x in sorted(found)]


@st.composite
def money_laws(draw: st.DrawFn) -> str:
    low, mode, high = draw(ordered(3))
    return draw(
        st.sampled_from(
            [
                f"pert({low}, {mode}, {high})",
                f"triangular(high={high}, low={low}, mode={mode})",
                f"uniform({low}, {high})",
                f"{low} to {high}",
                f"lognormal(p5={low}, p95={high})",
                f"lognormal(p95={high}, median={mode})",
                f"lognormal(mean={mode}, sd={high})",
                "lognormal(mu=12.5, sigma=0.8)",
                f"gamma(mean={mode}, sd={low})",
                f"gamma(shape=2, scale={mode})",
                f"exponential({mode})",
                f"weibull(1.5, {mode})",
                f"pareto(2.5, {low})",
                f"discrete({low}: 25 %, {mode}: 0.5, {high}: 1 in 4)",
                f"lognormal(median=belief(pert({low}, {mode}, {high})), p95={int(high) * 2})",
            ]
        )
    )


units = st.sampled_from(["", " USD", " ETH", " stETH", " 1INCH", " USDC.e"])


@given(st.one_of(amounts, money_laws(), money_laws().map(lambda t: f"belief({t})")), units)
def test_money(text: str, unit: str) -> None:
    # behind `a to b` a unit stands for both
    if "belief(pert" in text and text.startswith("belief("):
        return  # a belief inside a belief is refused
    quantity = parse(text + unit, "money")
    assert parse(spell(quantity), "money") == quantity
    assert spell(parse(spell(quantity), "money")) == spell(quantity)
    assert quantity.unit == (unit.strip() or "USD")


@given(decimals("0.0001", "999"), st.sampled_from(PERIODS), st.booleans())
def test_rates(value: Decimal, per: str, plural: bool) -> None:
    for text in (
        f"{value} per {per}",
        f"1 in {value} {per}{'s' if plural else ''}",
        f"belief(gamma(mean={value}, sd=0.1)) per {per}",
        f"belief({value} to {value + 1}) per {per}",
    ):
        quantity = parse(text, "rate")
        assert quantity.per == per
        assert parse(spell(quantity), "rate") == quantity


@given(decimals("0", "1", 6))
def test_probabilities(value: Decimal) -> None:
    assert parse(f"{value * 100:f} %", "probability") == parse(f"{value:f}", "probability")
    quantity = parse(f"{value:f}", "probability")
    assert parse(spell(quantity), "probability") == quantity
    share = parse(f"{value * 100:f} % of hot-wallet", "money")
    assert parse(spell(share), "money") == share


@given(decimals("0.001", "500", 3), st.sampled_from(PERIODS))
def test_lengths_of_time(value: Decimal, unit: str) -> None:
    quantity = parse(f"{value} {unit}s", "years")
    assert parse(spell(quantity), "years") == quantity


@given(
    st.lists(
        st.sampled_from(
            [*"0123456789kMbn%.,()=:- $€ae perinyutolf", "belief(", " to ", "pert(", " per year"]
        ),
        max_size=30,
    ).map("".join),
    st.sampled_from(["money", "rate", "probability", "number", "years", "money_rate"]),
)
def test_any_text_is_a_quantity_that_reads_back_or_a_refusal_that_helps(
    text: str, dimension: str
) -> None:
    quantity = read(text, dimension)
    if isinstance(quantity, QuantityError):
        assert quantity.what
        assert quantity.mend
    else:
        assert parse(spell(quantity), dimension) == quantity


@given(st.text(max_size=60))
def test_no_text_breaks_the_grammar(text: str) -> None:
    assert isinstance(read(text, "money"), Quantity | QuantityError)
