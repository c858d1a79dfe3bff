# SPDX-License-Identifier: Apache-2.0
"""What must hold for the largest event of every register."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.largest import largest
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Exponential

from ..lines import fixed, registers


@given(registers, st.floats(0.01, 0.9999))
def test_a_quantile_is_the_smallest_that_reaches_its_level(
    lines: list[Compound], level: float
) -> None:
    law = largest(Register(lines))
    v = law.var(level)
    assert 1.0 - law.exceed(v) >= level - 2e-12
    assert v == 0.0 or 1.0 - law.exceed(v * (1 - 1e-9)) <= level
    assert law.none == pytest.approx(1.0 - law.exceed(0.0), rel=1e-15)


@given(registers)
def test_the_curve_falls(lines: list[Compound]) -> None:
    law = largest(Register(lines))
    rows = law.curve(40)
    assert rows[0] == (0.0, pytest.approx(1.0 - law.none))
    assert all(a[0] < b[0] and a[1] >= b[1] for a, b in itertools.pairwise(rows))
    assert len(rows) <= 42


@given(registers)
def test_the_largest_event_is_no_larger_than_the_sum(lines: list[Compound]) -> None:
    register = Register(lines)
    law, total = largest(register), register.law()
    assert law.none == pytest.approx(total.none, rel=1e-12)
    for level in (0.5, 0.9, 0.99):
        # the grid of the sum may put a quantile half a step too low
        assert law.var(level) <= total.var(level) + total.step


@given(registers)
def test_another_line_makes_it_no_smaller(lines: list[Compound]) -> None:
    more = [*lines, fixed("more", Poisson(0.5), Exponential(1e5))]
    for x in (0.0, 1e4, 1e6):
        assert largest(Register(more)).exceed(x) >= largest(Register(lines)).exceed(x) - 1e-15
