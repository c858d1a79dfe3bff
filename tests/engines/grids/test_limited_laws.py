# SPDX-License-Identifier: Apache-2.0
"""Limited means of many laws at once: what a law gives does not depend on the others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.limited import limited
from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Distribution,
    Gamma,
    Lognormal,
    Pareto,
    Weibull,
)

SHAPES = st.floats(0.3, 4.0)
SCALES = st.floats(0.1, 300.0)
LAWS = st.one_of(
    st.builds(Lognormal, st.floats(-2.0, 6.0), st.floats(0.05, 4.0)),
    st.builds(Gamma, SHAPES, SCALES),
    st.builds(Weibull, SHAPES, SCALES),
    st.builds(Pareto, st.floats(0.8, 5.0), SCALES),
    st.builds(lambda a, b, high: Beta(a, b, 0.0, high), SHAPES, SHAPES, SCALES),
    st.builds(lambda law, cap: Capped(law, cap), st.builds(Gamma, SHAPES, SCALES), SCALES),
)


@given(st.lists(LAWS, min_size=2, max_size=7), st.sampled_from([64, 4096]))
def test_a_law_gives_the_same_bits_alone_and_among_others(
    laws: list[Distribution], points: int
) -> None:
    grid = Grid(0.37, points)
    together = limited(laws, grid)
    for row, law in zip(together, laws, strict=True):
        assert np.array_equal(row, limited([law], grid)[0])


@given(LAWS)
def test_every_point_is_the_limited_mean_of_the_law(law: Distribution) -> None:
    grid = Grid(0.25, 4096)
    wanted = law.lev(np.arange(grid.points + 1) * grid.step)
    assert np.allclose(limited([law], grid)[0], wanted, rtol=2e-10, atol=1e-12)


@given(st.floats(1.0, 5.0), st.sampled_from([63, 64, 65, 511, 512, 513, 4095, 4096, 4097, 9000]))
def test_a_law_may_end_anywhere(mode: float, end: int) -> None:
    law, grid = Beta(mode, 6.0 - mode, 0.0, 0.25 * end), Grid(0.25, 4096)
    wanted = law.lev(np.arange(grid.points + 1) * grid.step)
    assert np.allclose(limited([law], grid)[0], wanted, rtol=2e-10, atol=1e-12)
