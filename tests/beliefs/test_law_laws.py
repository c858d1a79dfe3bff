# SPDX-License-Identifier: Apache-2.0
"""Properties of every reading: one law for floats and for arrays, and scaling that is linear."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.beliefs.law import reading, times
from perilscope.book.quantity import Belief, Call, Node, Num, Outcomes, Quantity, Sample, To

positive = st.integers(1, 10**6).map(lambda k: Decimal(k) / 1000)


def call(law: str, **arguments: Decimal) -> Call:
    return Call(law, tuple((name, Num(value)) for name, value in arguments.items()))


@st.composite
def laws(draw: st.DrawFn) -> Node:
    x, y, z = sorted(draw(st.lists(positive, min_size=3, max_size=3, unique=True)))
    return draw(
        st.sampled_from(
            [
                call("pert", low=x, mode=y, high=z),
                call("triangular", low=x, mode=y, high=z),
                call("uniform", low=x, high=z),
                call("lognormal", p5=x, p95=z),
                call("lognormal", mean=y, sd=x),
                call("lognormal", median=x, p95=z),
                call("gamma", mean=y, sd=x),
                call("gamma", shape=x, scale=z),
                call("exponential", mean=x),
                To(Num(x), Num(z)),
                call("pert", low=x, mode=y, high=z, **{"lambda": Decimal("2.5")}),
                call("gpd", shape=Decimal("0.3"), scale=y, threshold=x),
                call("metalog", p10=x, p90=z, low=Decimal(0)),
                call("metalog", p10=x, p90=z, low=Decimal(0), high=2 * z),
                Sample((Num(x), Num(z), Num(y))),
                Outcomes(
                    ((To(Num(x), Num(z)), Num(Decimal("0.3"))), (Num(y), Num(Decimal("0.7")))),
                    "mixture",
                ),
                Call(
                    "spliced",
                    (
                        ("body", To(Num(x), Num(z))),
                        ("tail", call("pareto", shape=Decimal(3), minimum=x)),
                        ("at", Num(y)),
                    ),
                ),
            ]
        )
    )


@settings(deadline=None, max_examples=60)
@given(node=laws(), factor=st.floats(1e-3, 1e5))
def test_a_law_times_a_number_scales_its_quantiles(node: Node, factor: float) -> None:
    law = reading(Quantity(node, "money", "USD")).value(())
    levels = np.array([0.05, 0.5, 0.95])
    assert times(law, factor).ppf(levels) == pytest.approx(factor * law.ppf(levels), rel=1e-9)
    assert times(law, factor).mean == pytest.approx(factor * law.mean, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(node=laws())
def test_a_belief_has_the_law_that_the_chance_would_have(node: Node) -> None:
    chance = reading(Quantity(node, "money", "USD"))
    belief = reading(Quantity(Belief(node), "money", "USD"))
    meant = reading(Quantity(node, "money", "USD"), as_belief=True)
    assert belief.beliefs == meant.beliefs == (chance.value(()),)
    assert belief.number((7.5,)) == 7.5


@settings(deadline=None, max_examples=60)
@given(node=laws(), per=st.sampled_from(["year", "month", "week", "day"]))
def test_a_believed_rate_in_another_period_is_the_same_belief_scaled(node: Node, per: str) -> None:
    factor = {"year": 1.0, "month": 12.0, "week": 365.25 / 7, "day": 365.25}[per]
    (yearly,) = reading(Quantity(Belief(node), "rate", per="year")).beliefs
    (other,) = reading(Quantity(Belief(node), "rate", per=per)).beliefs
    assert float(other.ppf(0.3)) == pytest.approx(factor * float(yearly.ppf(0.3)), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    medians=st.lists(st.floats(1.0, 90.0), min_size=1, max_size=5),
    p95=st.integers(100, 1000).map(Decimal),
)
def test_arrays_and_floats_give_the_same_law(medians: list[float], p95: Decimal) -> None:
    median = Belief(call("uniform", low=Decimal(1), high=Decimal(90)))
    node = Call("lognormal", (("median", median), ("p95", Num(p95))))
    read = reading(Quantity(node, "money", "USD"), price=lambda _unit: 2.0)
    together = np.atleast_1d(np.asarray(read.value((np.array(medians),)).mean))
    apart = [read.value((median,)).mean for median in medians]
    assert together == pytest.approx(apart, rel=1e-13)
