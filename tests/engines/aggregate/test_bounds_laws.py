# SPDX-License-Identifier: Apache-2.0
"""What must hold for the bounds of every register."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.aggregate.bounds import bounds, brackets
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.roundings import Cells
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Capped,
    Constant,
    Distribution,
    Exponential,
    Lognormal,
    Sometimes,
)

from ..lines import fixed

LEVELS = (0.9, 0.99, 0.999)
POINTS = 2**14


losses = st.one_of(
    st.builds(Exponential, st.floats(1e3, 1e6)),
    st.builds(Constant, st.integers(1, 1000).map(lambda k: k * 1e3)),
    st.builds(Lognormal, st.floats(7.0, 13.0), st.floats(0.3, 1.8)),
    st.builds(
        Capped, st.builds(Lognormal, st.floats(7.0, 13.0), st.just(1.0)), st.floats(1e4, 1e6)
    ),
    st.builds(Sometimes, st.floats(0.1, 0.9), st.builds(Exponential, st.floats(1e3, 1e6))),
)
counts = st.one_of(
    st.builds(Poisson, st.floats(0.02, 8.0)),
    st.builds(Bernoulli, st.floats(0.02, 1.0)),
    st.builds(NegativeBinomial, st.floats(0.5, 3.0), st.floats(0.05, 4.0)),
)
registers = st.lists(st.tuples(counts, losses), min_size=1, max_size=4).map(
    lambda pairs: [fixed(f"line {i}", n, x, group="g") for i, (n, x) in enumerate(pairs)]
)
caps = st.one_of(st.just({}), st.floats(1e4, 1e7).map(lambda cap: {"g": cap}))


@settings(max_examples=40)
@given(registers, caps)
def test_the_figure_lies_between_its_bounds(lines: list[Compound], caps: dict[str, float]) -> None:
    register = Register(lines, caps=caps)
    law = register.law()
    found = brackets(register, LEVELS, points=POINTS)
    for level in LEVELS:
        own, error = found[level], law.error_at(level)
        v, c = law.var(level), law.cvar(level)
        assert 0.0 <= own.var_low <= own.var_high
        assert own.var_low <= own.cvar_low <= own.cvar_high
        assert own.var_high <= own.cvar_high
        assert own.var_low <= v * (1 + error) + 1e-6
        assert v * (1 - error) - 1e-6 <= own.var_high
        assert own.cvar_low <= c * (1 + error) + 1e-6
        assert c * (1 - error) - 1e-6 <= own.cvar_high
    for a, b in itertools.pairwise(found.values()):
        assert a.var_low <= b.var_low
        assert a.var_high <= b.var_high
        assert a.cvar_low <= b.cvar_high


@settings(max_examples=10)
@given(registers)
def test_brackets_of_two_grids_overlap(lines: list[Compound]) -> None:
    register = Register(lines)
    wide, narrow = (bounds(register, 0.99, points=n) for n in (POINTS, 4 * POINTS))
    assert max(wide.var_low, narrow.var_low) <= min(wide.var_high, narrow.var_high)
    assert max(wide.cvar_low, narrow.cvar_low) <= min(wide.cvar_high, narrow.cvar_high)


@settings(max_examples=10)
@given(registers, st.floats(1e4, 1e6))
def test_a_larger_loss_lifts_no_lower_bound_over_the_upper(
    lines: list[Compound], more: float
) -> None:
    register = Register(lines)
    larger = Register([*lines, fixed("more", Poisson(0.3), Exponential(more))])
    a, b = bounds(register, 0.99, points=POINTS), bounds(larger, 0.99, points=POINTS)
    assert a.var_low <= b.var_high
    assert a.cvar_low <= b.cvar_high


@given(losses, st.floats(100.0, 1e5))
def test_what_is_put_beneath_a_loss_is_a_law_and_smaller(law: Distribution, step: float) -> None:
    grid = Grid(step, 256)
    mass = Cells(grid).tangents(law).mass
    assert mass.min() >= -1e-11  # rounding of sums of 256 steps
    assert mass.sum() <= 1.0 + 1e-11
    for end in grid.places[::5]:
        over = float(np.maximum(grid.places - end, 0.0) @ mass)
        assert over <= max(law.mean - float(law.lev(end)), 0.0) * (1.0 + 1e-9) + 1e-9 * step
