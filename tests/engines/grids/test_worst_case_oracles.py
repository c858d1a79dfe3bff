# SPDX-License-Identifier: Apache-2.0
"""Bounds without any dependence against closed forms: two risks, and many alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import lognorm, norm, pareto

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.worst_case import best_cvar, best_var, extremes, worst_var
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Lognormal, Pareto
from perilscope.errors import MisuseError


def exact(ppf):
    return (lambda u: ppf(u), lambda u: ppf(u))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "laws", [(lognorm(1.0), lognorm(1.5)), (norm(), norm(1, 2)), (pareto(2), lognorm(0.5))]
)
def test_two_risks_have_makarov_s_bounds(laws, level: float) -> None:
    """inf over u of F^-1(level + u) + G^-1(1 - u), and its mirror for the best."""
    one, two = laws
    u = (1 - level) * np.linspace(1e-9, 1 - 1e-9, 200_001)
    worst = float((one.ppf(level + u) + two.ppf(1 - u)).min())
    found = worst_var([exact(one.ppf), exact(two.ppf)], level)
    assert found.low <= worst * (1 + 1e-4) + 1e-3
    assert worst <= found.high + 1e-3
    assert found.high - found.low < 0.02 * abs(worst) + 0.02
    if one.ppf(0.0) > -np.inf:  # the best is for what is bounded from below
        v = level * np.linspace(0.0, 1.0, 200_001)
        best = float((one.ppf(v) + two.ppf(np.maximum(level - v, 0.0))).max())
        given = best_var([exact(one.ppf), exact(two.ppf)], level)
        assert given.low <= best + 1e-6
        assert best <= given.high * (1 + 2e-2) + 1e-3


@pytest.mark.parametrize(("tail", "risks"), [(2.0, 8), (3.0, 20), (4.0, 3)])
def test_many_alike_have_the_dual_bound(tail: float, risks: int) -> None:
    """Puccetti and Rueschendorf (2013): sharp for laws with a falling density."""
    law, level = pareto(tail, loc=-1), 0.99

    def dual(s: float) -> float:
        def inner(t: float) -> float:
            b = s - (risks - 1) * t
            return risks * quad(law.sf, t, b, limit=200)[0] / (s - risks * t)

        return float(minimize_scalar(inner, bounds=(0.0, s / risks * 0.9999), method="bounded").fun)

    start = risks * law.ppf(level)
    sharp = brentq(lambda s: dual(s) - (1 - level), start * 0.5, start * 20.0)
    found = worst_var([exact(law.ppf)] * risks, level, rows=8192)
    assert found.low == pytest.approx(sharp, rel=5e-3)
    assert found.high == pytest.approx(sharp, rel=5e-3)


def test_every_dependence_of_three_small_laws_lies_between() -> None:
    """All ways to pair three laws of four equally likely values, listed."""
    values = np.array([[0.0, 1.0, 4.0, 9.0], [0.0, 0.0, 5.0, 6.0], [1.0, 2.0, 3.0, 8.0]])

    def step(row):
        def at(u):
            return row[np.minimum(np.ceil(np.asarray(u) * 4 - 1e-9).astype(int) - 1, 3).clip(0)]

        return at

    laws = [(step(row), step(row)) for row in values]
    vars_, cvars = [], []
    for two, three in itertools.product(itertools.permutations(range(4)), repeat=2):
        sums = np.sort(values[0] + values[1][list(two)] + values[2][list(three)])
        vars_.append(sums[2])  # the smallest with F >= 3/4
        cvars.append(sums[2:].mean())
    # just above 1/2 the VaR is the third smallest sum
    assert worst_var(laws, 0.5, rows=2).high == pytest.approx(max(vars_))
    assert best_var(laws, 0.75, rows=3).high == pytest.approx(min(vars_))
    assert best_cvar(laws, 0.5, rows=4).high == pytest.approx(min(cvars))
    assert best_cvar(laws, 0.5, rows=4).low <= min(cvars)


def test_laws_of_a_register_stand_between_best_and_worst() -> None:
    def line(key: str, rate: float, mu: float, sigma: float) -> Compound:
        return Compound(key, lambda _t, y: (Poisson(rate * y), Lognormal(mu, sigma)))

    lines = [line("a", 2.0, 10.0, 1.0), line("b", 0.2, 13.0, 1.2), line("c", 0.05, 15.0, 0.8)]
    laws = [Register([x]).law() for x in lines]
    joint = Register(lines).law()
    for level in (0.95, 0.99):
        found = extremes(laws, level)
        assert found.best_var.low <= joint.var(level) <= found.worst_var.high
        assert found.best_cvar.low <= joint.cvar(level) <= found.worst_cvar * (1 + 1e-9)
        assert found.worst_var.low >= found.added_var * 0.99
        assert found.worst_var.high <= found.worst_cvar * (1 + 1e-3)


def test_heavy_tails_keep_their_means() -> None:
    """One loss: its best CVaR is its CVaR, also where the last row holds most of the tail."""
    line = Compound("a", lambda _t, y: (Poisson(1.0 * y), Pareto(1.2, 1e5)))
    law = Register([line]).law()
    found = extremes([law], 0.99).best_cvar
    assert 0.95 * law.cvar(0.99) < found.low <= law.cvar(0.99) <= found.high * (1 + 1e-9)
    assert found.high < 1.05 * law.cvar(0.99)


def test_one_loss_is_itself_and_nonsense_is_refused() -> None:
    law = lognorm(1.0)
    found = worst_var([exact(law.ppf)], 0.99)
    assert found.low == pytest.approx(law.ppf(0.99))
    with pytest.raises(MisuseError, match="at least one law"):
        worst_var([], 0.99)
    with pytest.raises(MisuseError, match="level"):
        best_var([exact(law.ppf)], 1.0)
