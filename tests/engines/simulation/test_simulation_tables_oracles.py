# SPDX-License-Identifier: Apache-2.0
"""Tables of quantiles against the laws they were made from: means, quantiles, atoms, kinks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Mixture,
    Pareto,
    Scaled,
    Sometimes,
    Triangular,
    Uniform,
    Weibull,
)
from perilscope.engines.simulation.tabled import Table, table

ONE = 2.0**48
SMOOTH = [
    Lognormal(3, 1),
    Lognormal(0, 2.2),
    Beta.pert(1e3, 15e3, 200e3),
    Beta.pert(0, 0, 1),
    Gamma(0.3, 1),
    Gamma(5, 2),
    Uniform(2, 5),
    Weibull(0.5, 2),
    Exponential(3),
    Pareto(3, 1),
    Scaled(Lognormal(0, 1), 3),
]
BROKEN = [
    Constant(7.0),
    Triangular(1, 2, 9),
    Discrete((0, 1, 5), (0.5, 0.3, 0.2)),
    Discrete((4, 2, 3), (0.1, 0.2, 0.7)),
    Sometimes(0.1, Lognormal(0, 1)),
    Capped(Lognormal(3, 1), 60.0),
    Sometimes(0.7, Capped(Lognormal(3, 1), 60.0)),
    Mixture((0.7, 0.3), (Uniform(0, 1), Uniform(100, 101))),
    Mixture((0.7, 0.3), (Constant(5.0), Lognormal(1, 1))),
    Capped(Pareto(0.8, 1), 1e4),
]


def tabled(law) -> Table:
    found = table(law)
    assert found is not None
    return found


def moments(found: Table, most: float) -> tuple[float, float]:
    """E min(X, most) and of its square by Gauss-Legendre over every cell and piece."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.ldexp(1.0 + np.arange(8) / 8, np.arange(-1, 47)[:, None]).ravel()
    edges = np.unique(np.concatenate([edges, [2.0**47], np.abs(found.starts)]))
    mean = second = 0.0
    for side in (edges, -edges[::-1]):
        width = np.diff(side)[:, None]
        x = side[:-1, None] + width * (nodes + 1) / 2
        loss = np.minimum(found.at(x.ravel()), most).reshape(x.shape)
        mean += float(np.sum(width * weights / 2 * loss)) / ONE
        second += float(np.sum(width * weights / 2 * loss**2)) / ONE
    return mean, second


@pytest.mark.parametrize("law", [*SMOOTH, *BROKEN], ids=str)
def test_mean_and_spread_are_those_of_the_law(law):
    most = float(law.ppf(1 - 2.0**-30))  # the end of a cell
    mean, second = moments(tabled(law), most)
    assert mean == pytest.approx(float(law.lev(most)), rel=1e-9)
    assert second == pytest.approx(float(law.second_lev(most)), rel=1e-7)


@pytest.mark.parametrize("law", [*SMOOTH, *BROKEN], ids=str)
def test_the_whole_mean_is_that_of_the_law(law):
    # of a lognormal with sigma 2.2 a few 1e-9 lie beyond a chance of 2^-49, where no table reaches
    assert moments(tabled(law), math.inf)[0] == pytest.approx(law.mean, rel=1e-8)


@pytest.mark.parametrize("law", [*SMOOTH, *BROKEN], ids=str)
def test_quantiles_are_those_of_the_law(law):
    found, rng = tabled(law), np.random.default_rng(5)
    # both tails down to a chance of 2^-24, evenly in its logarithm
    x = np.floor(np.exp2(rng.uniform(24, 47, 20_000))) + 0.5
    for side, u in ((x, 1 - x / ONE), (-x, x / ONE)):
        wanted = law.ppf(u)
        np.testing.assert_allclose(found.at(side), wanted, rtol=1e-4, atol=1e-12)
        typical = np.abs(found.at(side) - wanted) / np.maximum(np.abs(wanted), 1e-300)
        assert np.median(typical) < 2e-6


def test_the_far_tail_keeps_its_relative_precision():
    found = tabled(Pareto(1.5, 1))
    chance = np.ldexp(1.0, -np.arange(25, 46))  # down to 3e-14, by the closed form of the tail
    x = np.floor(chance * ONE) + 0.5
    np.testing.assert_allclose(found.at(x), (x / ONE) ** (-1 / 1.5), rtol=1e-3)


def test_atoms_have_their_chance_to_one_in_10_to_the_14():
    law = Discrete((0, 1, 5), (0.45, 0.35, 0.2))
    found = tabled(law)
    step = np.floor(0.2 * ONE)
    near = np.array([-3.0, -1.0, 2.0, 4.0]) + 0.5
    assert found.at(step + near).tolist() == [5, 5, 1, 1]
    step = -np.floor(0.45 * ONE)
    assert found.at(step + near).tolist() == [1, 1, 0, 0]


def test_nothing_lies_between_atoms():
    values = np.sort(np.random.default_rng(3).lognormal(0, 2, 300))
    found = tabled(Discrete(tuple(values), (1 / 300,) * 300))
    x = np.random.default_rng(4).integers(-(2**47), 2**47, 50_000) + 0.5
    assert set(found.at(x).tolist()) <= set(values.tolist())


def test_a_cap_is_met_exactly_and_as_often_as_it_is():
    law = Capped(Lognormal(3, 1), 60.0)
    chance = 0.5 * math.erfc((math.log(60) - 3) / math.sqrt(2))
    found = tabled(law)
    at_cap = np.floor(chance * ONE * np.array([1e-9, 0.5, 1 - 1e-12])) + 0.5
    assert found.at(at_cap).tolist() == [60.0] * 3
    below = np.floor(chance * ONE * np.array([1 + 1e-9, 1.001])) + 0.5
    assert np.all(found.at(below) < 60.0)


def test_a_law_without_finite_quantiles_has_no_table():
    class Endless(Exponential):
        def ppf(self, u):
            return np.where(np.asarray(u) > 0.9, np.inf, super().ppf(u))

    assert table(Endless(1.0)) is None
