# SPDX-License-Identifier: Apache-2.0
"""What stands on a grid keeps its mean, and transforms come back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilscope.engines.grids.grid import Grid, clamp, place, spread
from perilscope.engines.grids.limited import limited
from perilscope.engines.laws.distributions import (
    Capped,
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    Lognormal,
    Mixture,
    Pareto,
    Scaled,
    Sometimes,
    Total,
    Uniform,
    Weibull,
)
from perilscope.engines.laws.jumps import atoms, jumps, unit


@given(st.floats(0.1, 50.0), st.floats(0.01, 3.0))
def test_spreading_keeps_every_limited_mean(mean: float, step: float) -> None:
    law, grid = Exponential(mean), Grid(step, 256)
    level = limited([law], grid)[0]
    mass = spread(level, step)
    places = grid.places
    for k in (1, 7, 100, 255):
        x = k * step
        on_grid = float(np.sum(np.minimum(places, x) * mass)) + x * (1.0 - float(mass.sum()))
        exact = mean * -math.expm1(-x / mean)
        assert math.isclose(on_grid, exact, rel_tol=1e-9, abs_tol=1e-12)


def test_points_outside_the_support_are_not_asked_for() -> None:
    grid = Grid(1.0, 16)
    level = limited([Constant(3.5)], grid)[0]
    assert level.tolist() == [0.0, 1.0, 2.0, 3.0] + [3.5] * 13
    heavy = limited([Pareto(0.9, 2.0)], grid)[0]
    assert np.isfinite(heavy).all()
    assert heavy[:3].tolist() == [0.0, 1.0, 2.0]


@given(st.lists(st.floats(0.0, 1.0), min_size=16, max_size=16), st.floats(0.0, 12.0))
def test_transforms_come_back(values: list[float], tilt: float) -> None:
    grid = Grid(1.0, 16, tilt)
    assert np.allclose(grid.back(grid.forward(np.array(values))), values, atol=1e-9)


@given(st.floats(0.0, 14.9), st.lists(st.floats(0.01, 1.0), min_size=16, max_size=16))
def test_clamping_keeps_the_mean_of_the_smaller(cap: float, weights: list[float]) -> None:
    grid = Grid(1.0, 16)
    mass = np.array(weights) / sum(weights)
    held = clamp(mass, cap, grid)
    expected = float(np.sum(np.minimum(grid.places, cap) * mass))
    assert math.isclose(float(held.sum()), 1.0, rel_tol=1e-12)
    # a cap within 1e-9 of a point counts as on it
    assert math.isclose(float((held * grid.places).sum()), expected, rel_tol=1e-8, abs_tol=2e-9)


def test_atoms_of_composed_laws() -> None:
    two = Discrete((2.0, 1.0), (0.5, 0.5))
    assert atoms(two) == ((1.0, 0.5), (2.0, 0.5))
    assert atoms(Scaled(two, 0.5)) == ((0.5, 0.5), (1.0, 0.5))
    assert atoms(Capped(two, 1.5)) == ((1.0, 0.5), (1.5, 0.5))
    assert atoms(Sometimes(0.25, Constant(4.0))) == ((0.0, 0.75), (4.0, 0.25))
    assert atoms(Mixture((0.5, 0.5), (Constant(1.0), two))) == ((1.0, 0.75), (2.0, 0.25))
    assert atoms(Lognormal(0.0, 1.0)) is None
    assert atoms(Mixture((0.5, 0.5), (Constant(1.0), Exponential(1.0)))) is None


def test_unit_of_decimal_amounts() -> None:
    assert unit([0.1, 0.25]) == 0.05
    assert unit([300_000.0, 1_000_000.0]) == 100_000.0
    assert unit([0.0]) is None


def test_atoms_split_between_neighbours() -> None:
    mass = place([(2.25, 1.0), (15.0, 0.5), (99.0, 0.1)], Grid(1.0, 16))
    assert mass[2] == 0.75
    assert mass[3] == 0.25
    assert mass[15] == 0.5


@pytest.mark.parametrize(
    "law",
    [
        Lognormal(12.0, 1.1),
        Lognormal(16.0, 0.05),
        Gamma(0.5, 1e5),
        Weibull(8.0, 4e6),
        Pareto(1.2, 1e5),
        Uniform(1e6, 9e7),
        Capped(Lognormal(14.0, 1.0), 7.7e7),
        Mixture((0.999, 0.001), (Lognormal(14.0, 1.0), Constant(7.7e7))),
    ],
)
def test_points_that_are_not_asked_for_are_as_if_they_were(law: Distribution) -> None:
    grid = Grid(1800.0, 2**16)
    points = np.arange(1, grid.points + 1) * grid.step
    inside = points[(points > law.support[0]) & (points < law.support[1])]
    found = limited([law], grid)[0][1:][(points > law.support[0]) & (points < law.support[1])]
    assert np.abs(found - law.lev(inside)).max() <= 1e-13 * law.mean


def test_a_law_that_leaves_the_grid_adds_up_to_what_stays() -> None:
    grid = Grid(160.0 / 2**20, 2**20)
    reached = np.cumsum(spread(limited([Exponential(1.0)], grid)[0], grid.step))
    assert abs(float(reached[-1]) - 1.0) < 1e-11


@pytest.mark.parametrize("points", [16, 64])
def test_half_the_points_hold_the_same_limited_means(points: int) -> None:
    grid = Grid(1.0, points, 3.0)
    level = limited([Capped(Exponential(2.0), 7.5)], grid)[0]
    fine = spread(level, 1.0)
    coarse = grid.halved(fine)
    assert np.allclose(coarse, spread(level[::2], 2.0), atol=1e-13)


def test_where_laws_have_atoms() -> None:
    assert jumps(Lognormal(0.0, 1.0)) == frozenset()
    assert jumps(Capped(Lognormal(0.0, 1.0), 2.0)) == {2.0}
    assert jumps(Mixture((0.5, 0.5), (Constant(3.0), Exponential(1.0)))) == {3.0}
    assert jumps(Total((Constant(3.0), Sometimes(0.5, Exponential(1.0))))) == {3.0}
    assert jumps(Total((Constant(3.0), Exponential(1.0)))) == frozenset()
    assert Grid(0.5, 8).meets([1.5, 3.0])
    assert not Grid(0.5, 8).meets([1.25])
