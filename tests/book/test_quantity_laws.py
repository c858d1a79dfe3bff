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
                f"pert({low}, {mode}, {high}, lambda=2.5)",
                f"gpd(scale={mode}, shape=-0.25)",
                f"gpd(threshold={low}, scale={mode}, shape=belief(uniform(0.1, 0.4)))",
                f"lognormal(p99.9={high}, p5={low}, p50={mode})",
                f"gamma(p010={low}, p90.0={high})",
                f"weibull(p10={low}, p50={mode}, p90={high})",
                f"quantiles(p95={high}, p5={low}, p50={mode})",
                f"metalog(p10={low}, p50={mode}, p90={high})",
                f"metalog(terms=2, high=1e12, low=0, p10={low}, p50={mode}, p90={high})",
                f"empirical({high}, {low}, {mode}, {low})",
            ]
        )
    )


@st.composite
def made_of(draw: st.DrawFn, parts: st.SearchStrategy[str]) -> str:
    """A mixture or a splice of other laws."""
    inner = draw(st.lists(parts, min_size=2, max_size=3))
    at, share = draw(st.integers(1, 10**9)), draw(decimals("0.01", "99", 2))
    weights = [share, *[(100 - share) / (len(inner) - 1)] * (len(inner) - 1)]
    pairs = ", ".join(f"{x}: {w} %" for x, w in zip(inner, weights, strict=True))
    return draw(
        st.sampled_from(
            [
                f"mixture({pairs})",
                f"mixture(0: {share} %, {inner[0]}: {100 - share} %)",
                f"spliced(exponential({at}), {inner[0]}, at={at})",
                f"spliced({inner[0]}, gpd(shape=0.5, scale={at}), at={at}, above={share} %)",
            ]
        )
    )


laws_of_laws = made_of(st.one_of(money_laws(), made_of(money_laws())))


units = st.sampled_from(["", " USD", " ETH", " stETH", " 1INCH", " USDC.e"])


@given(st.one_of(amounts, money_laws(), money_laws().map(lambda t: f"belief({t})")), units)
def test_money(text: str, unit: str) -> None:
    # behind `a to b` a unit stands for both
    if text.startswith("belief(") and text.count("belief(") > 1:
        return  # a belief inside a belief is refused
    quantity = parse(text + unit, "money")
    assert parse(spell(quantity), "money") == quantity
    assert spell(parse(spell(quantity), "money")) == spell(quantity)
    assert quantity.unit == (unit.strip() or "USD")


@given(laws_of_laws, units)
def test_laws_of_laws(text: str, unit: str) -> None:
    quantity = read(text + unit, "money")
    if isinstance(quantity, QuantityError):  # a join outside the laws it joins
        assert "spliced" in quantity.what
        return
    assert parse(spell(quantity), "money") == quantity
    assert spell(parse(spell(quantity), "money")) == spell(quantity)


SHARES = st.sampled_from(
    [
        "mixture(beta(2, 3): 70 %, {a} %: 30 %)",
        "spliced(uniform(0, {b} %), pert({a} %, {b} %, 100 %), at={a} %)",
        "quantiles(p5={a} %, p50={b} %)",
        "beta(p5={a} %, p50={b} %)",
        "metalog(p10={a} %, p90={b} %, low=0, high=1)",
        "empirical({a} %, {b} %)",
        "mixture(uniform({a}, {b}): 1 in 4, {b}: 75 %) %",
        "spliced(uniform(0, {b}), uniform({a}, 100), at={a}, above=5 %) %",
    ]
)


@given(SHARES, st.integers(1, 40), st.integers(50, 90), st.booleans())
def test_shares(text: str, a: int, b: int, money: bool) -> None:
    text = text.format(a=a, b=b) + (" of hot-wallet" if money else "")
    dimension = "money" if money else "probability"
    quantity = parse(text, dimension)
    assert parse(spell(quantity), dimension) == quantity
    assert f"{a} %" in spell(quantity)


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
            [
                *"0123456789kMbn%.,()=:- $€ae perinyutolf",
                *("belief(", " to ", "pert(", " per year", "spliced(", "at=", "mixture("),
                *("empirical(", "p50=", "metalog(", "above=", "lambda="),
            ]
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
