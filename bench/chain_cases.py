# SPDX-License-Identifier: Apache-2.0
"""What is timed of horizons in slices: the law of a year, and the chance of ruin within it."""

from __future__ import annotations

import numpy as np
from measure import Case

from perilscope.engines.slices.chain import Chain, Places
from perilscope.engines.slices.passage import passage

SMALL = "feedback year, 8 states, 52 slices, 32,768 points"
LARGE = "feedback year, 64 states, 52 slices, 16,384 points"
RUIN = "ruin within a year, 8 states, 52 slices, 8,192 points"


def drawn(states: int, points: int, ways: int, seed: int = 0) -> Chain:
    """A chain with any state after any other, and gains and losses of its own on each way."""
    rng = np.random.default_rng(seed)
    places = Places(1.0, points, points // 2)
    laws = np.zeros((ways, points))
    middle = points // 2
    laws[:, middle - 20 : middle + 30] = rng.dirichlet(np.ones(50), ways)
    start = np.zeros(states)
    start[0] = 1.0
    return Chain(
        start,
        rng.dirichlet(np.ones(states), states),
        rng.integers(0, ways, (states, states)),
        tuple((i,) for i in range(ways)),
        laws,
        places,
    )


def chains() -> list[Case]:
    """Every case of chains; the first call compiles and does not count."""
    small, large, ruin = drawn(8, 2**15, 8), drawn(64, 2**14, 128), drawn(8, 2**13, 8)
    for chain in (small, large):
        _ = chain.transforms
    return [
        Case(SMALL, lambda: small.mass(52, workers=2)),
        Case(LARGE, lambda: large.mass(52, workers=2)),
        Case(RUIN, lambda: passage(ruin, 52, 400.0)),
    ]
