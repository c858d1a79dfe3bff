# SPDX-License-Identifier: Apache-2.0
"""Surfaces of volatilities against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from perilscope.engines.instruments.options import black76
from perilscope.engines.instruments.surface import Smile, Surface, of_delta, surface_of
from perilscope.errors import MisuseError


def test_total_variance_that_is_linear_is_met_everywhere() -> None:
    """w(k, t) = t (a + b k) is linear in both, so interpolation is exact between the quotes."""

    def variance(k: float, t: float) -> float:
        return t * (0.3 + 0.2 * k)

    quotes = [
        (t, k, math.sqrt(variance(k, t) / t)) for t in (0.1, 0.5, 2.0) for k in (-0.4, 0.1, 0.5)
    ]
    surface = surface_of(quotes[::-1])
    for k in np.linspace(-0.4, 0.5, 7):
        for t in (0.1, 0.3, 1.7, 2.0):
            assert surface.vol(k, t) == pytest.approx(math.sqrt(variance(k, t) / t), rel=1e-12)
    assert not list(surface.calendar_arbitrage())


def test_between_expiries_variance_is_that_of_independent_times() -> None:
    """Flat smiles: what happens between two expiries has the forward volatility of the two."""
    surface = surface_of([(0.25, 0.0, 0.8), (1.0, 0.0, 0.6)])
    forward = (0.6**2 * 1.0 - 0.8**2 * 0.25) / 0.75
    for t in (0.25, 0.4, 0.9, 1.0):
        total = 0.8**2 * 0.25 + forward * (t - 0.25)
        assert surface.vol(0.0, t) == pytest.approx(math.sqrt(total / t), rel=1e-12)
    assert surface.vol(3.0, 0.01) == pytest.approx(0.8)
    assert surface.vol(-3.0, 9.0) == pytest.approx(0.6)


def test_calendar_arbitrage_is_where_a_later_option_is_cheaper() -> None:
    good, bad = [(0.1, 0.0, 0.9), (0.2, 0.0, 0.64)], [(0.1, 0.0, 0.9), (0.2, 0.0, 0.63)]
    for quotes in (good, bad):
        near, far = (float(black76(1.0, 1.0, vol, t)) for t, _, vol in quotes)
        found = list(surface_of(quotes).calendar_arbitrage())
        assert bool(found) == (far < near) == (quotes is bad)
    assert found == [(0.1, 0.2, 0.0)]


def test_butterfly_arbitrage_is_a_price_below_nothing() -> None:
    level = [(0.5, k, 0.5) for k in (-0.2, 0.0, 0.2)]
    peak = [(0.5, -0.2, 0.5), (0.5, 0.0, 0.9), (0.5, 0.2, 0.5)]
    for quotes in (level, peak):
        low, middle, high = (float(black76(1.0, math.exp(k), vol, t)) for t, k, vol in quotes)
        weight = (math.exp(0.2) - 1.0) / (math.exp(0.2) - math.exp(-0.2))
        butterfly = weight * low + (1.0 - weight) * high - middle
        assert bool(list(surface_of(quotes).butterfly_arbitrage())) == (butterfly < 0.0)
    assert butterfly < 0.0


@pytest.mark.parametrize("delta", [0.1, 0.25, 0.5, 0.9, -0.1, -0.25, -0.6])
def test_a_delta_is_the_slope_of_the_price(delta: float) -> None:
    vol, years = 0.7, 0.3
    strike = math.exp(of_delta(delta, vol, years))
    up, down = (black76(1.0 + h, strike, vol, years, call=delta > 0.0) for h in (1e-5, -1e-5))
    assert float(up - down) / 2e-5 == pytest.approx(delta, rel=1e-7)
    law = stats.lognorm(vol * math.sqrt(years), scale=math.exp(-0.5 * vol**2 * years))
    paid = integrate.quad(lambda x: x * law.pdf(x), strike, np.inf)[0]
    assert paid == pytest.approx(delta if delta > 0.0 else 1.0 + delta, rel=1e-6)


def test_what_is_no_surface_is_refused() -> None:
    for quotes in ([(0.1, 0.0, 0.5), (0.1, 0.0, 0.6)], [(0.0, 0.0, 0.5)], [(0.1, 0.0, 0.0)]):
        with pytest.raises(MisuseError):
            surface_of(quotes)
    with pytest.raises(MisuseError):
        Surface(())
    with pytest.raises(MisuseError):
        Smile(0.1, np.zeros(2), np.ones(2))
    with pytest.raises(MisuseError):
        of_delta(0.0, 0.5, 1.0)
