# SPDX-License-Identifier: Apache-2.0
"""What must hold for every register."""

from __future__ import annotations

import gc
import itertools
import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Bernoulli, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
)
from perilscope.errors import AssessmentError, MisuseError

from ..lines import fixed, registers

LEVELS = (0.95, 0.975, 0.99, 0.999)


@settings(max_examples=40, deadline=None)
@given(registers)
def test_measures_are_in_order_and_parts_add_up(lines: list[Compound]) -> None:
    register = Register(lines)
    law = register.law()
    before = (0.0, 0.0)
    for level in LEVELS:
        v, c = law.var(level), law.cvar(level)
        assert c >= v >= before[0]
        assert c >= before[1] * (1.0 - 1e-12)
        before = (v, c)
        parts = register.contributions(level)
        assert math.isclose(math.fsum(parts.values()), c, rel_tol=1e-9)
        for line in lines:
            assert parts[line.key] >= -1e-6 * c
            assert parts[line.key] <= register.line(line.key).cvar(level) * (1 + 1e-3)
    assert abs(law.mean_gap) < 2e-3
    curve = law.curve()
    assert curve[0] == (0.0, pytest.approx(1.0 - law.none))
    assert all(a[0] < b[0] and a[1] >= b[1] for a, b in itertools.pairwise(curve))


@settings(max_examples=25, deadline=None)
@given(registers, st.floats(0.05, 0.95))
def test_fewer_events_or_smaller_losses_are_no_worse(lines: list[Compound], share: float) -> None:
    register = Register(lines)
    whole = register.law()
    first = lines[0]
    for change in ({"keep": Constant(share)}, {"scale": Constant(share)}):
        less = register.with_([Compound(first.key, first.build, **change)]).law()
        assert less.mean < whole.mean
        for level in LEVELS:
            slack = 1e-3 * whole.var(level) + 2 * register.grid.step
            assert less.var(level) <= whole.var(level) + slack
            assert less.cvar(level) <= whole.cvar(level) * (1 + 1e-4)


@settings(max_examples=25, deadline=None)
@given(registers, st.sampled_from([0.5, 2.0, 4.0]))
def test_figures_scale_with_the_currency(lines: list[Compound], factor: float) -> None:
    grown = [Compound(x.key, x.build, scale=Constant(factor)) for x in lines]
    one, other = Register(lines).law(), Register(grown).law()
    assert other.mean == pytest.approx(factor * one.mean, rel=1e-12)
    assert other.sd == pytest.approx(factor * one.sd, rel=1e-12)
    for level in LEVELS:
        slack = (
            2.0 * one.step * factor * max(1.0, 2.0 * one.error[level] * one.var(level) / one.step)
        )
        assert other.var(level) == pytest.approx(factor * one.var(level), abs=slack)
        assert other.cvar(level) == pytest.approx(factor * one.cvar(level), rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(registers)
def test_order_of_the_lines_does_not_matter(lines: list[Compound]) -> None:
    register = Register(lines)
    other = Register(lines[::-1], grid=register.grid)
    one, two = register.law(), other.law()
    assert one.mean == pytest.approx(two.mean, rel=1e-12)
    for level in LEVELS:
        assert one.cvar(level) == pytest.approx(two.cvar(level), rel=1e-9)


def some_lines() -> list[Compound]:
    return [
        Compound(
            "a",
            lambda th, t: (Poisson(th[0] * t), Lognormal(12.0, 1.1)),
            beliefs=(Gamma(2.0, 0.2),),
        ),
        fixed("b", Bernoulli(0.1), Exponential(4e5), keep=Beta(2.0, 3.0)),
        fixed("c", Poisson(0.3), Discrete((1e5, 7e5), (0.5, 0.5)), scale=Beta(4.0, 2.0)),
    ]


def test_the_same_bits_every_time() -> None:
    one, two = Register(some_lines()), Register(some_lines())
    assert np.array_equal(one.law().mass, two.law().mass)
    assert one.contributions(0.99) == two.contributions(0.99)
    assert one.law().error == two.law().error


def test_another_line_leaves_the_laws_of_the_others_alone() -> None:
    few = Register(some_lines())
    more = Register([fixed("big", Poisson(0.5), Lognormal(16.0, 1.5)), *some_lines()])
    for key in few.lines:
        assert np.array_equal(few.line(key).mass, more.line(key).mass)
        assert few.line(key).cvar(0.99) == more.line(key).cvar(0.99)


def test_what_is_replaced_is_as_if_it_had_been_there() -> None:
    register = Register(some_lines())
    register.law()
    other = fixed("b", Bernoulli(0.02), Exponential(1e5))
    lines = [other if line.key == "b" else line for line in register.lines.values()]
    fresh = Register(lines, grid=register.grid)
    changed = register.with_([other])
    assert np.array_equal(changed.law().mass, fresh.law().mass)
    assert changed.moments() == fresh.moments()
    assert changed.grid == register.grid
    assert register.with_().law().var(0.99) == register.law().var(0.99)


def test_a_subset_stands_on_the_same_grid() -> None:
    register = Register(some_lines())
    part = register.subset(["c", "a"])
    assert list(part.lines) == ["a", "c"]
    assert part.grid == register.grid
    alone = Register([some_lines()[0], some_lines()[2]]).law()
    assert part.law().cvar(0.99) == pytest.approx(alone.cvar(0.99), rel=1e-4)


def test_heavy_tails_lose_nothing_beyond_the_grid() -> None:
    law = Register([fixed("a", Bernoulli(1.0), Pareto(1.5, 1000.0))]).law()
    assert law.mean == pytest.approx(3000.0)
    assert law.sd == math.inf
    for level in LEVELS:
        exact = 1000.0 * (1.0 - level) ** (-1.0 / 1.5)
        assert law.var(level) == pytest.approx(exact, rel=1e-4)
        assert law.cvar(level) == pytest.approx(3.0 * exact, rel=1e-4)


def test_a_loss_without_a_mean_is_refused_by_name_unless_it_is_capped() -> None:
    wild = fixed("rug pull", Poisson(0.2), Pareto(0.8, 1e5))
    with pytest.raises(AssessmentError, match="rug pull"):
        Register([fixed("b", Poisson(1.0), Constant(5.0)), wild]).law()
    single = fixed("rug pull", Poisson(0.2), Capped(Pareto(0.8, 1e5), 5e6))
    assert Register([single]).law().mean < 1e6
    held = fixed("rug pull", Poisson(0.2), Pareto(0.8, 1e5), group="safe")
    law = Register([held], caps={"safe": 5e6}).law()
    assert law.var(0.999) == pytest.approx(5e6)
    assert law.cvar(0.999) == pytest.approx(5e6, rel=1e-6)


def test_too_coarse_a_grid_says_so() -> None:
    line = fixed("a", Poisson(0.5), Lognormal(12.0, 1.0))
    fine, coarse = Register([line]).law(), Register([line], grid=Grid(5e5, 64)).law()
    assert coarse.error[0.95] > 0.02
    assert fine.error[0.95] < 1e-4
    off = abs(coarse.var(0.95) / fine.var(0.95) - 1.0)
    assert off <= coarse.error[0.95]
    short = Register([line], grid=Grid(100.0, 4096)).law()
    assert short.error[0.999] == math.inf
    with pytest.raises(AssessmentError, match="beyond the range"):
        short.var(0.999)


def test_nothing_at_all() -> None:
    assert Register([]).law().mean == 0.0
    law = Register([fixed("a", Poisson(0.0), Lognormal(1.0, 1.0))]).law()
    assert (law.mean, law.none, law.var(0.99), law.cvar(0.99)) == (0.0, 1.0, 0.0, 0.0)
    assert law.curve() == [(0.0, 0.0)]


def test_var_is_zero_where_nothing_happens_more_often_than_the_level() -> None:
    law = Register([fixed("a", Bernoulli(0.02), Exponential(1000.0))]).law()
    assert law.var(0.95) == law.var(0.98) == 0.0
    assert law.cvar(0.98) == pytest.approx(1000.0, rel=1e-9)
    assert law.cvar(0.95) == pytest.approx(400.0, rel=1e-9)


def test_misuse_is_named() -> None:
    line = fixed("a", Poisson(0.5), Constant(1.0))
    with pytest.raises(MisuseError, match="same key"):
        Register([line, line])
    with pytest.raises(MisuseError, match="no line"):
        Register([line]).line("b")
    with pytest.raises(MisuseError, match="between 0 and 1"):
        Register([line]).law().var(1.0)
    with pytest.raises(MisuseError, match="probability"):
        Register([line], mixtures=[((0.4, {"a": True}), (0.4, {"a": False}))])


def test_a_register_that_nobody_wants_goes_at_once_and_its_law_still_tells_its_error() -> None:
    line = fixed("a", Poisson(2.0), Lognormal(10.0, 1.0))
    register = Register([line, fixed("b", Bernoulli(0.3), Exponential(1e5))])
    law, gone = register.law(), weakref.ref(register)
    kept = Register([line, fixed("b", Bernoulli(0.3), Exponential(1e5))]).law()
    gc.collect()
    gc.disable()
    try:
        del register
        assert gone() is None
    finally:
        gc.enable()
    assert law.error == kept.error


def test_what_did_not_change_is_found_again_after_any_number_of_other_registers() -> None:
    law = Lognormal(10.0, 1.0)
    register = Register([fixed("first", Poisson(1.0), law), fixed("last", Poisson(1.0), law)])
    register.law()
    for k in range(300):
        register.on(Grid(1e4 + k, 64)).fine.mass(law)
    other = register.with_([fixed("last", Poisson(2.0), law)])
    before = vars(register.fine)
    assert all(vars(other.fine)[name] is before[name] for name in ("_many", "_here", "_anywhere"))
