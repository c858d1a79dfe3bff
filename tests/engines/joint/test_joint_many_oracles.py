# SPDX-License-Identifier: Apache-2.0
"""Mixtures over patterns that are not listed, against the same patterns one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.structure import components
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid, weighed
from perilscope.engines.joint.many import Many
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Exponential

GRID = Grid(0.25, 256)


def made(number: int, patterns):
    lines = {
        f"l{i}": Compound(
            f"l{i}", lambda _t, _y, i=i: (Poisson(0.3 + 0.2 * i), Exponential(1.0 + i))
        )
        for i in range(number)
    }
    mixture = tuple((1.0 / len(patterns), dict(pattern)) for pattern in patterns)
    (part,) = components(lines, [mixture], {})
    return Many(part, patterns, Transforms(GRID), lines, shares=True)


def every(number: int):
    return [
        tuple((f"l{i}", float(x)) for i, x in enumerate(row))
        for row in itertools.product((0, 1), repeat=number)
    ]


CASES = {
    "few": (2, every(2)),
    "all of six": (6, every(6)),
    "all of seven": (7, every(7)),
    "some of seven": (7, every(7)[::3]),
}


@pytest.mark.parametrize("name", CASES)
def test_mixtures_are_those_of_listed_patterns(name):
    number, patterns = CASES[name]
    many, rng = made(number, patterns), np.random.default_rng(4)
    weights = rng.dirichlet(np.ones(len(patterns)))
    weights[1] = 0.0  # what cannot be is left out
    by = GRID.weighing(rng.random(GRID.points))
    # the product over the units of each pattern, and with one line's share in place of its unit
    units = [[many.bricks[u][(pair,)] for u, pair in enumerate(each)] for each in patterns]
    plain = sum(w * math.prod(row) for w, row in zip(weights, units, strict=True))
    assert np.abs(weights @ many - plain).max() < 1e-14
    assert np.abs(sum(weights[j] * z for j, z in many) - plain).max() < 1e-14
    found = many.weighed(weights, by)
    for i in range(number):
        u, shares = many.shares[f"l{i}"]
        wanted = 0.0
        for w, each, row in zip(weights, patterns, units, strict=True):
            if (each[i],) in shares:
                rest = [z for k, z in enumerate(row) if k != u]
                wanted += w * weighed(by, math.prod(rest, start=shares[(each[i],)]))
        assert found[f"l{i}"] == pytest.approx(wanted, rel=1e-12)


def test_patterns_are_cut_in_two_where_that_saves_work():
    assert made(*CASES["all of six"])._middle == 3
    assert made(*CASES["few"])._middle == 0
