# SPDX-License-Identifier: Apache-2.0
"""The estimate of error is never below the error against a grid eight times as fine."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
)


def random_line(rng: np.random.Generator, key: str) -> Compound:
    rate = math.exp(rng.uniform(math.log(0.02), math.log(5.0)))
    size = math.exp(rng.uniform(math.log(5e3), math.log(2e6)))
    loss = (
        Constant(size),
        Lognormal.from_quantiles(size / rng.uniform(2, 12), size * rng.uniform(2, 12)),
        Beta.pert(0.2 * size, size, 5 * size),
        Exponential(size),
        Pareto(rng.uniform(1.3, 3.0), size),
        Discrete((size, 3 * size), (0.7, 0.3)),
    )[rng.integers(6)]
    counts = (
        Poisson(rate),
        Bernoulli(min(rate, 0.9)),
        NegativeBinomial(2.0, rate),
    )[rng.integers(3)]
    kind = rng.integers(6)
    if kind == 0:
        belief = (Gamma(2.0, rate / 2),)
        return Compound(key, lambda th, _: (Poisson(th[0]), loss), beliefs=belief)
    scale = Beta(4.0, 6.0) if kind == 1 else Constant(1.0)
    keep = Beta(2.0, 6.0) if kind == 2 else Constant(1.0)
    return Compound(key, lambda *_: (counts, loss), scale=scale, keep=keep)


@pytest.mark.parametrize("seed", range(24))
def test_error_is_not_understated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = [random_line(rng, f"line {i}") for i in range(rng.integers(1, 7))]
    register = Register(lines)
    grid = register.grid
    if grid.lattice:
        pytest.skip("on a lattice nothing is left to estimate")
    fine = Register(lines, grid=Grid(grid.step / 8, grid.points * 8)).law()
    law = register.law()
    for level in (0.95, 0.975, 0.99, 0.999):
        off = abs(law.cvar(level) / fine.cvar(level) - 1.0)
        if fine.var(level) > 0.0:
            off = max(off, abs(law.var(level) / fine.var(level) - 1.0))
        assert off <= law.error[level], level
