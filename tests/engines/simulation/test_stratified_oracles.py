# SPDX-License-Identifier: Apache-2.0
"""Draws by state, weighed anew: against closed mixtures, and errors against repetition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from perilscope.engines.simulation.stratified import Strata
from perilscope.errors import AssessmentError, MisuseError

LAWS = ((0.0, 5.0), (12.0, 8.0))


def truth(p: float, level: float) -> tuple[float, float]:
    pairs = ((1 - p, *LAWS[0]), (p, *LAWS[1]))
    v = brentq(lambda x: sum(w * norm.sf((x - m) / s) for w, m, s in pairs) - (1 - level), -50, 90)
    above = sum(
        w * (s * norm.pdf((v - m) / s) + (m - v) * norm.sf((v - m) / s)) for w, m, s in pairs
    )
    return v, v + above / (1 - level)


def drawn(n: int, seed: int, alike: bool = True) -> Strata:
    rng = np.random.default_rng(seed)
    sizes = (n, n) if alike else (n, n // 20)
    return Strata([m + s * rng.standard_normal(k) for (m, s), k in zip(LAWS, sizes, strict=True)])


@pytest.mark.parametrize("p", [0.002, 0.01, 0.05, 0.2])
def test_one_set_of_draws_gives_the_closed_mixture_at_every_weight(p: float) -> None:
    known = drawn(200_000, 5).weighed([1 - p, p])
    var, cvar = truth(p, 0.99)
    assert abs(known.mean.value - 12 * p) < 4 * known.mean.error
    assert abs(known.var(0.99).value - var) < 4 * known.var(0.99).error
    assert abs(known.cvar(0.99).value - cvar) < 4 * known.cvar(0.99).error
    exceed = known.exceed(15.0)
    exact = (1 - p) * norm.sf(3.0) + p * norm.sf(3.0 / 8.0)
    assert abs(exceed.value - exact) < 4 * exceed.error


def test_standard_errors_are_those_of_repetition() -> None:
    """What repeats differ by is what each says of itself, within 15 %."""
    p, level = 0.05, 0.98
    rows = []
    for seed in range(300):
        known = drawn(4_000, seed, alike=False).weighed([1 - p, p])
        var, cvar, mean = known.var(level), known.cvar(level), known.mean
        rows.append([var.value, var.error, cvar.value, cvar.error, mean.value, mean.error])
    table = np.array(rows)
    for k in (0, 2, 4):
        assert table[:, k].std() == pytest.approx(table[:, k + 1].mean(), rel=0.15)
    c = truth(p, level)[1]
    z = (table[:, 2].mean() - c) / (table[:, 2].std() / math.sqrt(len(table)))
    assert abs(z) < 5


def test_a_thin_tail_is_refused_and_says_which_state_wants_draws() -> None:
    strata = Strata([np.arange(10_000.0), 1e6 + np.arange(30.0)])
    fine = strata.weighed([0.999, 0.001])
    assert fine.var(0.95).value > 0.0
    thin = strata.weighed([0.5, 0.5])
    assert thin.effective(0.99) < 50
    with pytest.raises(AssessmentError, match=r"draw more horizons \(state 1 has 30"):
        thin.cvar(0.99)
    assert thin.wanted(0.9, 1000).tolist() == [0, 1000]


def test_effective_number_is_that_of_equal_weights_where_they_are_equal() -> None:
    strata = Strata([np.arange(5_000.0), 5_000.0 + np.arange(5_000.0)])
    assert strata.weighed([0.5, 0.5]).effective(0.9) == pytest.approx(1001.0)


def test_without_a_variance_no_error_is_told() -> None:
    heavy = Strata([np.random.default_rng(1).pareto(1.5, 10_000)], finite=False).weighed([1.0])
    assert heavy.cvar(0.95).error is None
    assert heavy.mean.error is None
    assert heavy.var(0.95).error is not None


def test_bad_weights_are_refused() -> None:
    strata = Strata([np.arange(100.0), np.array([])])
    for weights, said in (
        ([0.5, 0.5], "no draws"),
        ([0.5, 0.4], "add up"),
        ([1.5, -0.5], "negative"),
        ([1.0], "2 weights"),
    ):
        with pytest.raises(MisuseError, match=said):
            strata.weighed(weights)
    with pytest.raises(MisuseError, match="no draws"):
        Strata([np.array([])])
    with pytest.raises(MisuseError, match="no number"):
        Strata([np.array([np.nan])])
