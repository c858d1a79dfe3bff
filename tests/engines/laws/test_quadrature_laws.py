# SPDX-License-Identifier: Apache-2.0
"""Nodes integrate what they promise to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilscope.engines.laws.distributions import Beta, Constant, Discrete, Gamma, Uniform
from perilscope.engines.laws.quadrature import compress, nodes


@pytest.mark.parametrize("effort", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_two_moments_of_each_belief_are_exact_for_up_to_four(effort: int, count: int) -> None:
    laws = [Beta(2.0, 3.0 + i) for i in range(count)]
    points = nodes(laws, effort=effort)
    assert math.isclose(math.fsum(w for w, _ in points), 1.0, rel_tol=1e-12)
    for i, law in enumerate(laws):
        assert math.isclose(math.fsum(w * x[i] for w, x in points), law.mean, rel_tol=1e-9)
        assert math.isclose(math.fsum(w * x[i] ** 2 for w, x in points), law.second, rel_tol=1e-9)


def test_many_beliefs_take_a_lattice_that_is_close() -> None:
    laws = [Uniform(0.0, 1.0) for _ in range(8)]
    points = nodes(laws)
    assert len(points) == 256
    product = math.fsum(w * math.prod(1.0 + x / 4 for x in theta) for w, theta in points)
    assert math.isclose(product, 1.125**8, rel_tol=5e-3)


def test_what_is_certain_costs_nothing_and_atoms_are_exact() -> None:
    points = nodes([Constant(3.0), Discrete((1.0, 2.0), (0.25, 0.75))])
    assert [(w, x) for w, x in points] == [(0.25, (3.0, 1.0)), (0.75, (3.0, 2.0))]


def test_beliefs_that_are_not_free_stand_at_their_mean() -> None:
    points = nodes([Gamma(2.0, 1.0), Beta(1.0, 3.0)], free=[True, False])
    assert {x[1] for _, x in points} == {0.25}
    assert len(points) == 8


@given(
    st.lists(st.tuples(st.floats(0.01, 100.0), st.floats(0.01, 1.0)), min_size=1, max_size=40),
    st.integers(1, 8),
)
def test_compressed_laws_keep_their_moments(pairs: list[tuple[float, float]], n: int) -> None:
    values = [v for v, _ in pairs]
    total = math.fsum(w for _, w in pairs)
    weights = [w / total for _, w in pairs]
    points, mass = compress(values, weights, n)
    assert len(points) <= max(n, 1)
    assert (mass >= 0.0).all()
    top = max(values)
    for power in range(2 * n):
        expected = math.fsum(w * (v / top) ** power for v, w in zip(values, weights, strict=True))
        found = float(np.sum(mass * (points / top) ** power))
        assert math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
