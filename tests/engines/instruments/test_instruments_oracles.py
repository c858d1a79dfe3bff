# SPDX-License-Identifier: Apache-2.0
"""Instruments against parity, expected payoffs by quadrature, pools swapped step by step, and loans
liquidated along a fine path."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from perilscope.engines.instruments import contracts, lending, options, pools
from perilscope.errors import MisuseError

calm = settings(max_examples=60, deadline=None)
positive = st.floats(0.01, 100.0)


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize(("f", "k", "v", "t"), [(100, 120, 0.7, 0.5), (50, 20, 1.5, 0.02),
                                                (1e5, 9e4, 0.4, 2.0)])  # fmt: skip
def test_black_is_the_expected_payoff(f: float, k: float, v: float, t: float, call: bool) -> None:
    law = stats.lognorm(v * math.sqrt(t), scale=f * math.exp(-0.5 * v * v * t))
    sign = 1.0 if call else -1.0
    ends = (k, law.ppf(1 - 1e-15)) if call else (law.ppf(1e-16), k)
    expected = integrate.quad(
        lambda x: sign * (x - k) * law.pdf(x), *ends, limit=500, epsabs=1e-10 * f
    )[0]
    found = float(options.black76(f, k, v, t, call=call))
    assert found == pytest.approx(expected, rel=1e-7)


@calm
@given(positive, positive, st.floats(0.01, 4.0), st.floats(0.0, 3.0), st.floats(-0.1, 0.2))
def test_put_call_parity(s: float, k: float, v: float, t: float, r: float) -> None:
    call, put = (float(options.black_scholes(s, k, v, t, r, call=c)) for c in (True, False))
    assert call - put == pytest.approx(s - k * math.exp(-r * t), abs=1e-11 * (s + k))
    assert call >= 0.0
    assert put >= 0.0


def test_published_value() -> None:
    # Hull, Options, Futures and Other Derivatives, example 15.6: c = 4.76, p = 0.81
    call, put = (options.black_scholes(42, 40, 0.2, 0.5, 0.1, call=c) for c in (True, False))
    assert round(float(call), 2) == 4.76
    assert round(float(put), 2) == 0.81


def test_at_expiry_and_at_the_ends() -> None:
    assert float(options.black76(120.0, 100.0, 0.7, 0.0)) == 20.0
    assert float(options.black76(0.0, 100.0, 0.7, 1.0, call=False)) == 100.0
    assert float(options.black76(1e-12, 100.0, 0.7, 1.0)) == 0.0
    assert float(options.inverse(200.0, 100.0, 0.7, 0.0)) == 0.5


@calm
@given(positive, positive, st.floats(0.05, 2.0), st.floats(0.01, 2.0), st.booleans())
def test_delta_is_the_slope(f: float, k: float, v: float, t: float, call: bool) -> None:
    h = 1e-5 * f
    up, down = (float(options.black76(x, k, v, t, call=call)) for x in (f + h, f - h))
    assert float(options.delta(f, k, v, t, call=call)) == pytest.approx(
        (up - down) / (2 * h), abs=2e-4
    )


# --- contracts ------------------------------------------------------------------------------------


@calm
@given(st.floats(-5, 5).filter(lambda q: abs(q) > 0.01), positive, st.floats(0.01, 0.9),
       st.floats(0, 0.05), st.booleans())  # fmt: skip
def test_equity_at_the_liquidation_price_is_the_maintenance_margin(
    q: float, entry: float, lever: float, m: float, coin: bool
) -> None:
    face = q * entry if coin else q
    margin = abs(q) * lever if coin else abs(q) * entry * lever
    p = contracts.liquidation_price(face, entry, margin, m, coin=coin)
    if not 0.0 < p < math.inf:
        return
    gain = contracts.inverse(face, entry, p) if coin else contracts.linear(face, entry, p)
    needed = m * abs(face) / p if coin else m * abs(face) * p
    assert margin + float(gain) == pytest.approx(needed, abs=1e-9 * (1 + margin))


def test_inverse_pays_what_a_sequence_of_hedges_would() -> None:
    # long 100,000 of face from 50,000 to 40,000: 2 coins sold, 2.5 to buy back
    assert float(contracts.inverse(100_000, 50_000, 40_000.0)) == pytest.approx(2.0 - 2.5)


def test_a_short_that_was_squeezed_is_gone_even_if_the_price_came_back() -> None:
    end = np.array([100.0, 100.0])
    high = np.array([109.0, 130.0])
    worth = contracts.held(-1.0, 100.0, 10.0, 0.005, end, end, high)
    assert worth.tolist() == [10.0, 0.0]
    assert float(contracts.held(-1.0, 100.0, 10.0, 0.0, end, end, end, paid=3.0)[0]) == 7.0


def test_a_fully_funded_inverse_short_is_never_liquidated_upwards() -> None:
    # one coin of margin behind a short of one coin's worth: worth 1/price of the face, always
    assert contracts.liquidation_price(-100.0, 100.0, 1.0, 0.005, coin=True) == math.inf


def test_basis_is_gone_at_expiry() -> None:
    assert contracts.carried(np.array([100.0]), 0.05, 30.0, 30.0).tolist() == [100.0]
    assert contracts.carried(np.array([100.0]), 0.05, 30.0, 0.0).tolist() == [105.0]


# --- pools ----------------------------------------------------------------------------------------


def _swapped(x: float, y: float, target: float) -> tuple[float, float]:
    """A pool of x and y with x y constant, traded until its price is the target."""
    for _ in range(200_000):
        price = y / x
        if abs(price / target - 1) < 1e-7:
            break
        step = x * 0.2 * ((price / target) ** 0.5 - 1)
        x, y = x + step, x * y / (x + step)
    return x, y


@pytest.mark.parametrize("target", [0.3, 1.0, 7.0])
def test_constant_product_by_swapping(target: float) -> None:
    x, y = _swapped(10.0, 20.0, target)
    found = pools.amounts(math.sqrt(200.0), target)
    assert [float(a) for a in found] == pytest.approx([x, y], rel=1e-6)
    held = 10.0 * target + 20.0
    k = target / 2.0
    published = 1.0 - 2.0 * math.sqrt(k) / (1.0 + k)
    loss = float(pools.impermanent_loss(math.sqrt(200.0), 2.0, target))
    assert loss / held == pytest.approx(published, abs=1e-12)


@pytest.mark.parametrize("target", [0.5, 1.3, 3.0])
def test_a_range_by_trading_in_small_steps(target: float) -> None:
    # selling the asset on the way up at the price of the moment (and buying on the way down)
    low, high, liquidity, price = 0.8, 2.0, 100.0, 1.0
    asset, quote = (float(a) for a in pools.amounts(liquidity, price, low, high))
    grid = np.exp(np.linspace(math.log(price), math.log(target), 400_001))
    inside = np.clip(grid, low, high)
    units = liquidity / np.sqrt(inside)
    sold = -np.diff(units)
    quote += float((sold * np.sqrt(inside[1:] * inside[:-1])).sum())
    asset -= float(sold.sum())
    found = [float(a) for a in pools.amounts(liquidity, target, low, high)]
    assert found == pytest.approx([asset, quote], abs=1e-6)


@calm
@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.2, 0.99), st.floats(1.01, 5))
def test_laws_of_pools(entry: float, price: float, below: float, above: float) -> None:
    narrow = (entry * below, entry * above)
    loss = float(pools.impermanent_loss(3.0, entry, price, *narrow))
    assert loss >= -1e-9
    units = float(pools.amounts(3.0, entry, *narrow)[0])
    assert pools.liquidity_of(units, entry, *narrow) == pytest.approx(3.0)
    h = 1e-6 * price
    slope = (pools.worth(3.0, price + h, *narrow) - pools.worth(3.0, price - h, *narrow)) / (2 * h)
    assert float(slope) == pytest.approx(float(pools.amounts(3.0, price, *narrow)[0]), abs=1e-3)


def test_the_ends_of_a_range() -> None:
    assert pools.worth(1.0, np.array([1e-300, 0.0])).tolist()[1] == 0.0
    with pytest.raises(MisuseError, match="give its liquidity"):
        pools.liquidity_of(1.0, 5.0, 1.0, 4.0)
    with pytest.raises(MisuseError, match="lower end"):
        pools.amounts(1.0, 1.0, 4.0, 1.0)


# --- loans ----------------------------------------------------------------------------------------


def _walked(units: float, debt: float, t: float, pen: float, low: float, end: float) -> float:
    """A borrower on a fine path down to the low and up to the end, liquidated as the rule says."""
    for price in np.exp(np.linspace(math.log(2000.0), math.log(low), 200_001)).tolist():
        if t * units * price < debt:
            repaid = 0.5 * debt
            units -= repaid * (1 + pen) / price
            debt -= repaid
            if units <= 0.0:
                return 0.0
    return max(units * end - debt, 0.0)


@pytest.mark.parametrize(
    ("low", "end"), [(1500.0, 1500.0), (1400.0, 1900.0), (1200.0, 1200.0), (700.0, 1000.0)]
)
@pytest.mark.parametrize(("t", "pen"), [(0.825, 0.05), (0.65, 0.1)])
def test_liquidations_along_a_path(low: float, end: float, t: float, pen: float) -> None:
    found = lending.equity(10.0, 12_000.0, t, pen, np.array([end]), np.array([low]))
    expected = _walked(10.0, 12_000.0, t, pen, low, end)
    assert float(found[0]) == pytest.approx(expected, abs=15.0)


def test_nothing_is_left_where_the_penalty_eats_the_cushion() -> None:
    price = np.array([1000.0])
    assert lending.equity(10.0, 12_000.0, 0.96, 0.1, price, price).tolist() == [0.0]
    assert lending.equity(10.0, 0.0, 0.8, 0.1, price, price).tolist() == [10_000.0]


def test_a_discount_widens_with_the_fall_and_never_passes_all() -> None:
    price, move = np.array([50.0, 110.0]), np.array([-0.5, 0.1])
    assert lending.staked(price, move, 0.02, 0.1).tolist() == pytest.approx([46.5, 107.8])
    assert lending.staked(price, np.array([-1.0, 0.0]), 0.5, 5.0).tolist() == [0.0, 55.0]


@pytest.mark.parametrize(("price", "left"), [(1400.0, 1400 * (10 - 6000 * 1.05 / 1400) - 6000),
                                             (1000.0, 0.0), (1.0, 0.0)])  # fmt: skip
def test_a_loan_that_is_not_healthy_at_the_start(price: float, left: float) -> None:
    # at 1,400: health 0.9625, so half of the debt of 12,000 is repaid there and then
    now = np.array([price])
    found = lending.equity(10.0, 12_000.0, 0.825, 0.05, now, now, start=price)
    assert float(found[0]) == pytest.approx(left)
