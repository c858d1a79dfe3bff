# SPDX-License-Identifier: Apache-2.0
"""Amounts are short, keep their size, and never round to a unit that has a better name."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilscope.cycle import amounts

UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "bn": 1e9, "tn": 1e12}
sizes = st.floats(min_value=1.0, max_value=1e14)


def read(text: str) -> float:
    """The value of a short amount, read the way a person reads it."""
    found = re.fullmatch(r"(-?)\$([\d,.]+)(k|M|bn|tn)?", text)
    assert found, text
    value = float(found[2].replace(",", "")) * UNITS[found[3] or ""]
    return -value if found[1] else value


@given(sizes)
def test_a_short_amount_is_within_five_percent_of_what_it_says(value: float) -> None:
    assert read(amounts.money(value)) == pytest.approx(value, rel=0.051)


@given(sizes)
def test_no_amount_is_a_thousand_of_a_smaller_unit(value: float) -> None:
    text = amounts.money(value)
    assert "1,000k" not in text
    assert "1,000M" not in text
    assert "1000" not in text
    assert "1,000.0" not in text


@given(st.lists(sizes, min_size=2, max_size=2))
def test_a_larger_amount_never_reads_smaller(pair: list[float]) -> None:
    low, high = sorted(pair)
    assert read(amounts.money(low)) <= read(amounts.money(high))


@given(sizes)
def test_a_negative_amount_is_the_positive_one_with_a_minus(value: float) -> None:
    assert amounts.money(-value) == "-" + amounts.money(value)


@given(st.floats(min_value=1e-12, max_value=1 - 1e-12))
def test_a_probability_that_is_not_certain_never_reads_as_certain(value: float) -> None:
    assert amounts.probability(value) not in ("0 %", "100 %")
    assert amounts.chance(value) not in ("never", "certain")


@given(st.floats(min_value=1e-9, max_value=2.0))
def test_a_share_of_something_never_reads_as_nothing(value: float) -> None:
    assert amounts.share(value) != "0 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "$0"),
        (999.4, "$999"),
        (999.6, "$1.0k"),
        (9_949, "$9.9k"),
        (9_960, "$10k"),
        (999_499, "$999k"),
        (999_501, "$1.0M"),
        (11_400_000, "$11.4M"),
        (182_000_000, "$182M"),
        (999_960_000, "$1.0bn"),
        (math.inf, "without bound"),
    ],
)
def test_amounts_at_the_edges_of_the_units(value: float, text: str) -> None:
    assert amounts.money(value) == text


def test_currencies_without_a_sign_stand_behind_the_amount() -> None:
    assert amounts.money(0, "CHF") == "0 CHF"
    assert amounts.money_in_full(-1_234.4, "CHF") == "-1,234 CHF"
    assert amounts.money(-0.0) == "$0"


@pytest.mark.parametrize(
    "spell",
    [amounts.money, amounts.share, amounts.probability, amounts.chance, amounts.frequency],
)
def test_an_absent_figure_is_a_dash(spell: object) -> None:
    assert callable(spell)
    assert spell(None) == "–"
