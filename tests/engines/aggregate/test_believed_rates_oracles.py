# SPDX-License-Identifier: Apache-2.0
"""Believed rates of many events: nodes of the belief must leave no humps in the law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import gammainc, gammaincc

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Exponential, Gamma, Lognormal, Uniform

SIZE = 8e3


def _series(most: float) -> tuple[np.ndarray, np.ndarray]:
    """P(N = n) where the rate is uniform from 0 to `most`: gammainc(n + 1, most) / most."""
    n = np.arange(int(most + 12.0 * np.sqrt(most)) + 30)
    return n, gammainc(n + 1, most) / most


def _beyond(most: float, x: float) -> tuple[float, float]:
    """P(L > x) and E (L - x)+ of so many exponential losses."""
    n, chance = _series(most)
    above = np.where(n > 0, gammaincc(np.maximum(n, 1), x), 0.0)
    more = n * gammaincc(n + 1, x) - x * above
    return float(chance @ above), float(chance @ more)


@pytest.mark.parametrize("most", [5.0, 60.0, 600.0, 6000.0])
def test_uniform_belief_about_a_rate_is_the_series_over_counts(most: float) -> None:
    line = Compound("a", lambda t, y: (Poisson(t[0] * y), Exponential(SIZE)), (Uniform(0.0, most),))
    law = Register([line]).law()
    _, chance = _series(most)
    assert law.none == pytest.approx(float(chance[0]), rel=1e-6, abs=1e-12)
    assert law.mean == pytest.approx(SIZE * most / 2.0, rel=1e-9)
    for level in (0.95, 0.99, 0.999):
        var = brentq(lambda x, a=level: _beyond(most, x)[0] - (1.0 - a), 1e-6, 40.0 + 2.0 * most)
        cvar = var + _beyond(most, var)[1] / (1.0 - level)
        off = max(abs(law.var(level) / SIZE / var - 1.0), abs(law.cvar(level) / SIZE / cvar - 1.0))
        assert off < law.error_at(level) < 1e-2
        assert off < 1e-5 or most > 600.0


def test_wide_belief_about_a_frequent_rate_has_a_grid() -> None:
    """20 to 300 a year, 9 of 10: it was refused, as few nodes left humps that no grid joined."""
    belief = Lognormal(np.log(np.sqrt(20.0 * 300.0)), np.log(15.0) / 2.0 / 1.6448536269514722)
    line = Compound("a", lambda t, y: (Poisson(t[0] * y), Exponential(SIZE)), (belief,))
    law = Register([line]).law()
    rng = np.random.default_rng(5)
    rate = belief.ppf(rng.random(1_000_000))
    total = SIZE * rng.standard_gamma(np.maximum(rng.poisson(rate), 1))
    for level in (0.95, 0.99):  # 5 standard errors of a quantile of a million draws
        aside = 5.0 * np.sqrt(level * (1.0 - level) / 1e6)
        near = np.quantile(total, [level - aside, level + aside])
        assert near[0] < law.var(level) < near[1]


@pytest.mark.parametrize("events", [2.0, 20.0, 90.0])
def test_no_loss_under_a_gamma_factor_is_the_negative_binomials_zero(events: float) -> None:
    """Two lines of 3/4 and 1/4 of the events: E exp(-events g) = (1 + events s)^-shape."""
    factor = Shared("bad years", Gamma(1.0 / 0.64, 0.64))
    lines = [
        Compound(key, lambda t, y, n=n: (Poisson(n * t[0] * y), Exponential(SIZE)), (factor,))
        for key, n in (("a", 0.75 * events), ("b", 0.25 * events))
    ]
    law = Register(lines).law()
    assert law.none == pytest.approx((1.0 + events * 0.64) ** (-1.0 / 0.64), rel=1e-5)


def test_no_loss_of_a_count_drawn_year_by_year_under_a_cap_of_its_holding() -> None:
    """Six chances a year, 1 % of attempts work, over a year and a half: two draws, not one."""

    def chance(years: float) -> float:
        return 0.01 * (1.0 - (1.0 - 1.0 / 3.0) ** years)

    line = Compound(
        "a", lambda _t, y: (Binomial(6, chance(y)), Exponential(SIZE)), years=1.5, group="keys"
    )
    law = Register([line], caps={"keys": 5.0 * SIZE}).law()
    none = (1.0 - chance(1.0)) ** 6 * (1.0 - chance(0.5)) ** 6
    assert law.none == pytest.approx(none, rel=1e-12)
    at = float(law.exceed(0.01 * SIZE))
    assert at == pytest.approx(1.0 - none, rel=0.02)  # one loss in a hundred is so small
