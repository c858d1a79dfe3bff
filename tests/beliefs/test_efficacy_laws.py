# SPDX-License-Identifier: Apache-2.0
"""A control's effect: the mean is exact, the 90 % interval as wide as stated."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from perilscope.beliefs.law import kept
from perilscope.book.quantity import Belief, Call, Num, Quantity, To, parse
from perilscope.engines.laws.distributions import Beta, Constant
from perilscope.errors import AssessmentError


def share(text: str) -> Quantity:
    return parse(text, "probability")


@settings(deadline=None, max_examples=60)
@given(
    mean=st.integers(1, 999).map(lambda k: Decimal(k) / 1000),
    below=st.integers(1, 500).map(lambda k: Decimal(k) / 1000),
    above=st.integers(1, 500).map(lambda k: Decimal(k) / 1000),
)
def test_mean_and_width_are_kept(mean: Decimal, below: Decimal, above: Decimal) -> None:
    low, high = mean - below, mean + above
    assume(low >= 0 and high <= 1 and high - low < Decimal("0.999"))
    by = Quantity(Num(mean), "probability")
    sure = Quantity(To(Num(low), Num(high)), "probability")
    try:
        law = kept(by, sure)
    except AssessmentError:
        assert not 0.05 < mean < 0.95  # only near 0 and 1 have some widths no beta law
        return
    assert isinstance(law, Beta)
    peer = stats.beta(law.a, law.b)
    assert law.mean == pytest.approx(float(1 - mean), rel=1e-12)
    assert peer.ppf(0.95) - peer.ppf(0.05) == pytest.approx(float(high - low), rel=1e-8)


def test_the_reference_control() -> None:
    law = kept(share("80 %"), share("60 % to 90 %"))
    assert law.mean == pytest.approx(0.2, rel=1e-15)
    assert float(law.ppf(0.95) - law.ppf(0.05)) == pytest.approx(0.3, rel=1e-12)


def test_without_an_interval_the_effect_is_exact_to_the_bit() -> None:
    assert kept(share("80 %"), None) == Constant(0.2)
    assert kept(share("100 %"), None) == Constant(0.0)
    assert kept(share("0 %"), None) == Constant(1.0)


@pytest.mark.parametrize(
    ("by", "sure", "says"),
    [
        ("80 %", "10 % to 70 %", "does not contain the mean effect 80 %"),
        ("80 %", "85 % to 95 %", "does not contain the mean"),
        ("100 %", "80 % to 100 %", "leaves nothing to be unsure of"),
        ("99 %", "10 % to 99.5 %", "does not fit a mean effect of 0.99"),
        ("80 %", "79.9999999 % to 80.0000001 %", "leave out `sure`"),
    ],
)
def test_an_interval_that_cannot_be_is_refused(by: str, sure: str, says: str) -> None:
    with pytest.raises(AssessmentError) as refused:
        kept(share(by), share(sure))
    assert says in str(refused.value)


def test_an_effect_outside_0_to_1_is_refused() -> None:
    with pytest.raises(AssessmentError, match="between 0 and 1"):
        kept(Quantity(Num(Decimal("1.2")), "probability"), None)


def test_a_believed_effect_is_mirrored() -> None:
    by = Quantity(
        Belief(Call("beta", (("a", Num(Decimal(8))), ("b", Num(Decimal(2)))))), "probability"
    )
    assert kept(by, None) == Beta(2.0, 8.0)
    with pytest.raises(AssessmentError, match="is a belief already"):
        kept(by, share("60 % to 90 %"))
