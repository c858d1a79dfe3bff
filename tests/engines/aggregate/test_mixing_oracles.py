# SPDX-License-Identifier: Apache-2.0
"""Mixtures of products against the sum written out, and their derivatives by bumping a brick."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perilscope.engines.aggregate import mixing, tied
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Exponential

RNG = np.random.default_rng(3)


def made(columns, kinds, keep):
    """Rows of so many columns with so many kinds of bricks each, of which a share is there."""
    keys = [k for k in itertools.product(range(kinds), repeat=columns) if RNG.random() < keep]
    bricks = [{k: RNG.random(5) * np.exp(1j * RNG.random(5)) for k in range(kinds)}] * columns
    bricks = [{k: z * (1 + i) for k, z in each.items()} for i, each in enumerate(bricks)]
    return [(k, float(w)) for k, w in zip(keys, RNG.random(len(keys)), strict=True)], bricks


def written_out(rows, bricks):
    return sum(w * math.prod(b[k] for k, b in zip(keys, bricks, strict=True)) for keys, w in rows)


@pytest.mark.parametrize("keep", [1.0, 0.4])
@pytest.mark.parametrize(("columns", "kinds"), [(1, 3), (2, 2), (5, 2), (4, 3)])
def test_any_cut_gives_the_sum_and_its_derivatives(columns, kinds, keep):
    rows, bricks = made(columns, kinds, keep)
    if not rows:
        rows = [((0,) * columns, 0.5)]
    whole = written_out(rows, bricks)
    for at in range(columns):
        np.testing.assert_allclose(mixing.total(rows, bricks, at), whole, rtol=1e-13)
        rests = mixing.beside(rows, bricks, at)
        for u, rest in enumerate(rests):
            for key, found in rest.items():
                bumped = [dict(each) for each in bricks]
                bumped[u][key] = bumped[u][key] + 1.0  # linear in each brick
                np.testing.assert_allclose(found, written_out(rows, bumped) - whole, rtol=1e-9)


def test_rows_are_cut_where_few_pieces_are_left_and_memory_holds_them():
    keys = list(itertools.product((0, 1), repeat=6))
    assert mixing.middle(keys, 100) == 3
    assert mixing.middle(keys, 1 << 21) == 0
    assert mixing.middle(keys[:2], 100) == 0
    assert mixing.middle([()], 100) == 0


def test_many_joint_states_are_those_of_each_by_itself(monkeypatch):
    """Six lines that 64 states drive: the law and contributions against a sum over the states."""
    lines = [
        Compound(f"l{i}", lambda _t, _y, i=i: (Poisson(0.5 + 0.3 * i), Exponential(2.0 + i)))
        for i in range(6)
    ]
    states = list(itertools.product((0.0, 1.0), repeat=6))
    weights = RNG.dirichlet(np.ones(64)).tolist()
    drives = [{line.key: x for line, x in zip(lines, state, strict=True)} for state in states]
    whole = Register(lines, mixtures=[tuple(zip(weights, drives, strict=True))])
    law, grid = whole.law(), whole.grid
    wanted, parts = 0.0, dict.fromkeys(whole.lines, 0.0)
    for weight, said in zip(weights, drives, strict=True):
        # a sure joint state needs no mixture of many
        one = Register(lines, mixtures=[((1.0, said),)], grid=grid)
        wanted += weight * one.law().exceed(20.0)
        for key, mean in one.means.items():
            parts[key] += weight * mean
    assert law.exceed(20.0) == pytest.approx(wanted, rel=1e-9)
    assert sum(whole.contributions(0.99).values()) == pytest.approx(law.cvar(0.99), rel=1e-9)
    for key, mean in whole.means.items():
        assert mean == pytest.approx(parts[key], rel=1e-9)
    shared = whole.contributions(0.99)
    monkeypatch.setattr(tied, "_FEW", 10**6)  # states one by one
    listed = Register(lines, mixtures=whole.mixtures, grid=grid)
    for key, value in listed.contributions(0.99).items():
        assert shared[key] == pytest.approx(value, rel=1e-9)
