# SPDX-License-Identifier: Apache-2.0
"""A distribution function rises and lies between zero and one, whatever sums it is made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw

MASSES = arrays.arrays(np.float64, 32, elements=st.floats(-0.02, 0.08))
"""Some add up to more than one, and some fall."""


@given(MASSES, st.booleans())
def test_a_distribution_function_rises_from_zero_to_one(mass: np.ndarray, falls: bool) -> None:
    mass = mass if falls else np.abs(mass) / 3.0
    grid = Grid(1.0, 32)
    half = grid.halved(mass)
    law = LossLaw(grid, mass, mean=1.0, sd=1.0, none=0.0, within=half)
    sums, reached = np.cumsum(mass), np.cumsum(half)
    for k in range(32):  # two points of the coarser grid away on either side
        after, before = k // 2 + 2, k // 2 - 2
        sums[k] = min(sums[k], reached[after]) if after < 16 else sums[k]
        sums[k] = max(sums[k], reached[before]) if before >= 0 else sums[k]
    wanted, so_far = [], 0.0
    for value in sums.tolist():
        so_far = max(so_far, value)
        wanted.append(min(so_far, 1.0))
    assert np.allclose(law.cumulative, wanted, rtol=0.0, atol=1e-15)
