# SPDX-License-Identifier: Apache-2.0
"""Lines of very many small events against sums over their number, and expansions in cumulants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.heavy import below_one, heavy
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
    Uniform,
)
from perilscope.errors import AssessmentError

LEVELS = (0.95, 0.99, 0.999)


def line(key: str, counts: Any, loss: Any) -> Compound:
    return Compound(key, lambda *_: (counts, loss))


def is_heavy(register: Register) -> bool:
    return all(register.fine.is_heavy(x) for x in register.lines.values())


@pytest.mark.parametrize("shape", [1.0, 0.3, 4.0])
@pytest.mark.parametrize("counts", [Poisson(2e4), NegativeBinomial(3.0, 1e4)])
def test_gamma_losses_by_a_sum_over_their_number(shape: float, counts: Any) -> None:
    """Given n events the sum is gamma with the shape n times that of one."""
    register = Register([line("a", counts, Gamma(shape, 2.0))])
    law = register.law()
    assert is_heavy(register)
    if isinstance(counts, Poisson):
        n = np.arange(18_000, 22_000)
        chances = stats.poisson.pmf(n, counts.mean)
    else:
        n = np.arange(1, 120_000)
        chances = stats.nbinom.pmf(n, counts.size, counts.size / (counts.size + counts.mean))
    for level in LEVELS:
        v = law.var(level)
        reached = float(chances @ special.gammainc(shape * n, v / 2.0))
        slope = float(chances @ stats.gamma.pdf(v, shape * n, scale=2.0))
        assert abs(reached - level) <= max(law.error_at(level) * v * slope, 1e-9)
        assert abs(reached - level) <= 1e-6
        over = 2.0 * shape * n * special.gammaincc(shape * n + 1.0, v / 2.0)
        excess = float(chances @ (over - v * special.gammaincc(shape * n, v / 2.0)))
        assert law.cvar(level) == pytest.approx(v + excess / (1.0 - level), rel=2e-6)
        assert law.error_at(level) < 1e-5


@pytest.mark.parametrize("events", [1e5, 1e7])
def test_lognormal_losses_by_cumulants(events: float) -> None:
    """Cornish and Fisher's expansion to the fourth cumulant: it leaves some 1e-8 here at least."""
    mu, sigma = 3.0, 0.8
    k = [0.0, *(events * math.exp(j * mu + 0.5 * (j * sigma) ** 2) for j in range(1, 5))]
    skew, tail = k[3] / k[2] ** 1.5, k[4] / k[2] ** 2
    register = Register([line("a", Poisson(events), Lognormal(mu, sigma))])
    law = register.law()
    assert is_heavy(register)
    for level in LEVELS:
        z = stats.norm.ppf(level)
        w = z + skew * (z * z - 1) / 6 + tail * (z**3 - 3 * z) / 24
        w -= skew**2 * (2 * z**3 - 5 * z) / 36
        assert law.var(level) == pytest.approx(k[1] + w * math.sqrt(k[2]), rel=3e-8)
        assert law.error_at(level) < 1e-5


def test_equal_amounts_are_a_poisson_law() -> None:
    law = Register([line("a", Poisson(1e5), Constant(3.0))]).law()
    assert law.method == "exact, lattice"
    for level in LEVELS:
        assert law.var(level) == 3.0 * stats.poisson.ppf(level, 1e5)
    law = Register([line("a", Poisson(4e6), Constant(3.0))]).law()
    for level in LEVELS:  # its steps are not seen, and told as error
        known = 3.0 * stats.poisson.ppf(level, 4e6)
        assert abs(law.var(level) - known) <= law.error_at(level) * known
        assert law.error_at(level) < 1e-6


def test_beside_a_large_loss() -> None:
    """The sum of both by a mean over the large one."""
    small, low, high = 3e4, 20e3, 60e3
    register = Register(
        [
            line("small", Poisson(small), Exponential(1.0)),
            line("large", Bernoulli(0.1), Uniform(low, high)),
        ]
    )
    law, n = register.law(), np.arange(int(small - 2200), int(small + 2200))
    chances = stats.poisson.pmf(n, small)
    t, w = np.polynomial.legendre.leggauss(80)
    sizes = low + (high - low) * (t + 1) / 2
    for level in LEVELS:
        v = law.var(level)
        beside = [float(chances @ special.gammainc(n, v - x)) if x < v else 0.0 for x in sizes]
        reached = 0.9 * float(chances @ special.gammainc(n, v)) + 0.1 * float(w @ beside) / 2
        assert reached == pytest.approx(level, abs=2e-6)
    borne = register.contributions(0.99)
    assert math.fsum(borne.values()) == pytest.approx(law.cvar(0.99), rel=1e-9)
    assert borne["small"] == pytest.approx(small, rel=0.01)


def test_one_loss_in_closed_form() -> None:
    grid = Grid(1.0, 4096, 11.0)
    s = (grid.tilt + 2j * np.pi * np.arange(40)) / grid.range
    for law, known in (
        (Exponential(0.3), 0.3 * s / (1.0 + 0.3 * s)),
        (Discrete((0.5, 2.0), (0.25, 0.75)), -0.25 * np.expm1(-0.5 * s) - 0.75 * np.expm1(-2 * s)),
    ):
        found = below_one(law, grid, 0.0, halved=False)
        assert np.abs(found[:40] - known).max() < 2e-8
        assert np.abs(found[:8] - known[:8]).max() < 1e-10


def test_what_is_heavy() -> None:
    grid = Grid(1.0, 4096, 11.0)
    small = Register([line("a", Poisson(1e5), Exponential(0.3))])
    assert heavy(small.fine.parts(small.lines["a"], False), grid)
    for counts, loss in (
        (Poisson(100.0), Exponential(0.3)),  # few
        (Poisson(1e5), Exponential(30.0)),  # large
        (Poisson(1e5), Exponential(0.001)),  # next to nothing
    ):
        other = Register([line("a", counts, loss)])
        assert not heavy(other.fine.parts(other.lines["a"], False), grid)


@pytest.mark.parametrize("loss", [Lognormal(1.0, 1.0), Constant(2.0), Uniform(1.0, 2.0)])
def test_a_thousand_million_events_are_refused_with_a_way_out(loss: Any) -> None:
    with pytest.raises(AssessmentError, match=r"a: 1e\+09 events are too many.*as one event"):
        Register([line("a", Poisson(1e9), loss)]).law()


def test_few_of_very_many_are_large() -> None:
    """A power tail: the far quantile is that of the largest event, shifted by the mean of the rest.

    P(S > x) ~ n P(X > x - E S) to first order (Embrechts et al. 1997, section 1.3.2).
    """
    n, shape = 1e5, 2.5
    law = Register([line("a", Poisson(n), Pareto(shape, 1.0))]).law()
    mean = n * shape / (shape - 1.0)
    far = (n / 1e-5) ** (1 / shape)
    assert law.exceed(mean + far) == pytest.approx(1e-5, rel=0.05)
    for level in LEVELS:
        assert law.error_at(level) < 1e-5
