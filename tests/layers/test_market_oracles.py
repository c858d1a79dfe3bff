# SPDX-License-Identifier: Apache-2.0
"""Market figures against independent computations: by hand, by sorting, by closed form."""

from __future__ import annotations

import math
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.book import MarketSettings, NetNode, Network
from perilscope.evidence.prices import History, parse_prices
from perilscope.layers import network_evidence
from perilscope.layers.market import market
from perilscope.layers.shocks import mixture_intervals

PRICES = Path(__file__).parents[2].parent / "shared" / "data" / "prices"


def history(closes: dict[str, list[float]]) -> History:
    days = len(next(iter(closes.values())))
    table = np.array(list(closes.values())).T
    return History(
        tuple(closes), tuple(date(2021, 1, 1) + timedelta(d) for d in range(days)), table
    )


def book(chance: float, shocks: dict[str, str]) -> Any:
    net = Network(
        id="peg",
        nodes={"depeg": NetNode(id="depeg", table=[[str(1 - chance), str(chance)]])},
        shocks={"depeg": {"yes": shocks}},
    )
    return SimpleNamespace(networks={"peg": net}, market=MarketSettings(default="hybrid"))


def by_sorting(pairs: list[tuple[float, float]], level: float) -> tuple[float, float]:
    """VaR and CVaR of (weight, loss) pairs: from the worst down, the last one split."""
    left = tail = 1.0 - level
    spent = 0.0
    for weight, loss in sorted(pairs, key=lambda pair: -pair[1]):
        used = min(weight, left)
        spent += used * loss
        left -= used
        if left <= 1e-15:
            return loss, spent / tail
    raise AssertionError("weights do not reach the tail")


@pytest.mark.parametrize("days", [1, 7, 10])
@pytest.mark.parametrize("evidence", [{}, {"peg.depeg": "yes"}])
def test_hybrid_is_the_mixture_sorted_by_hand(days: int, evidence: dict[str, str]) -> None:
    rng = np.random.default_rng(2)
    walk = np.exp(np.cumsum(0.03 * rng.standard_t(3, (400, 2)), axis=0))
    closes = {"ETH": walk[:, 0].tolist(), "USDC": (1 + 0.001 * rng.standard_normal(400)).tolist()}
    values = {"ETH": 1.3e6, "USDC": 4.2e6}
    shocks = {"USDC": -0.11, "ETH": -0.04}
    declared = book(0.35, {token: f"{100 * move:g} %" for token, move in shocks.items()})
    found = market(values, history(closes), network_evidence.drivers(declared, evidence), declared)

    chance = 1.0 if evidence else 1.0 - 0.65 ** (days / 365.25)
    pairs = []
    for hit, weight in ((False, 1.0 - chance), (True, chance)):
        if weight == 0.0:
            continue
        for t in range(400 - days):
            loss = 0.0
            for token, prices in closes.items():
                r = prices[t + days] / prices[t] - 1.0
                s = shocks[token] if hit else 0.0
                loss -= values[token] * ((1.0 + r) * (1.0 + s) - 1.0)
            pairs.append((weight / (400 - days), loss))
    for level in (0.95, 0.975, 0.99):
        var, cvar = by_sorting(pairs, level)
        figure = found.methods["hybrid"][days][level]
        assert figure.var == pytest.approx(var, rel=1e-12)
        assert figure.cvar == pytest.approx(cvar, rel=1e-10)


def test_historical_measures_in_exact_arithmetic() -> None:
    """100 days of losses 1..100 in mixed order: VaR 95 % is 95, CVaR the mean of 96..100."""
    rng = np.random.default_rng(4)
    steps = rng.permutation(np.arange(1, 101)) / 1000.0
    closes = [1.0]
    for step in steps:
        closes.append(closes[-1] * (1.0 - step))
    declared = SimpleNamespace(networks={}, market=MarketSettings())
    found = market(
        {"X": 1000.0}, history({"X": closes}), network_evidence.drivers(declared), declared
    )
    figure = found.methods["historical"][1][0.95]
    assert figure.var == pytest.approx(95.0, rel=1e-12)
    assert figure.cvar == pytest.approx(98.0, rel=1e-12)
    worst = found.methods["historical"][1][0.975]  # worst 2.5 of 100: 100, 99, half of 98
    assert worst.var == pytest.approx(98.0, rel=1e-12)
    assert worst.cvar == pytest.approx(float(Fraction(100 + 99 + 49) / Fraction(5, 2)), rel=1e-12)


def test_normal_is_z_times_the_spread_without_drift() -> None:
    rng = np.random.default_rng(8)
    closes = np.exp(np.cumsum(0.02 * rng.standard_normal(800))).tolist()
    declared = SimpleNamespace(networks={}, market=MarketSettings())
    found = market({"X": 5e6}, history({"X": closes}), network_evidence.drivers(declared), declared)
    x = np.array(closes)
    for days in (1, 7, 10):
        losses = -5e6 * (x[days:] / x[:-days] - 1.0)
        figure = found.methods["normal"][days][0.99]
        assert figure.var == pytest.approx(2.3263478740408408 * losses.std(), rel=1e-9)
        assert figure.cvar == pytest.approx(2.6652142203458076 * losses.std(), rel=1e-9)


def test_student_contributions_and_measures_follow_the_portfolio_under_scaling() -> None:
    rng = np.random.default_rng(9)
    walk = np.exp(np.cumsum(0.02 * rng.standard_t(4, (700, 2)), axis=0))
    past = history({"A": walk[:, 0].tolist(), "B": walk[:, 1].tolist()})
    declared = SimpleNamespace(networks={}, market=MarketSettings(default="student-t"))
    drivers = network_evidence.drivers(declared)
    once = market({"A": 1e6, "B": 2e6}, past, drivers, declared)
    twice = market({"A": 2e6, "B": 4e6}, past, drivers, declared)
    for one, two in zip(once.contributions, twice.contributions, strict=True):
        assert two.cvar == pytest.approx(2 * one.cvar, rel=1e-6)
    # Euler: a small change of one holding moves CVaR by its contribution per unit, for the fit's
    # covariance part exactly in the normal law
    declared = SimpleNamespace(networks={}, market=MarketSettings(default="normal"))
    base = market({"A": 1e6, "B": 2e6}, past, drivers, declared)
    step = 10.0
    more = market({"A": 1e6 + step, "B": 2e6}, past, drivers, declared)
    slope = (more.methods["normal"][1][0.99].cvar - base.methods["normal"][1][0.99].cvar) / step
    assert base.contributions[0].cvar / 1e6 == pytest.approx(slope, rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.integers(1, 12))
def test_mixture_intervals_agree_with_rebuilding_every_history(
    seed: int, chance: float, block: int
) -> None:
    """The fast way (how often each day is drawn) against mixtures built from the drawn days."""
    from perilscope.engines.portfolio import returns
    from perilscope.layers import shocks

    rng = np.random.default_rng(seed)
    n = 61  # no level falls on a whole day
    calm = rng.standard_t(3, n)
    sets = [(1.0 - chance, calm), (chance, 3.0 + 0.5 * calm)]
    levels = (0.7, 0.9)
    often = shocks._drawn(n, block, seed, "x")
    assert often.sum(axis=1) == pytest.approx(np.full(len(often), n))
    found = mixture_intervals(sets, levels, block, seed, "x")
    for level, (var_reach, cvar_reach) in zip(levels, found, strict=True):
        slow = []
        for counts in often:
            losses = np.concatenate([losses for _, losses in sets])
            weights = np.concatenate([p / n * counts for p, _ in sets])
            slow.append(returns.historical(losses, level, weights))
        cut = math.floor(0.05 * len(slow))
        for reach, values in zip((var_reach, cvar_reach), zip(*slow, strict=True), strict=True):
            ordered = sorted(values)
            assert reach[0] == pytest.approx(ordered[cut], abs=1e-9)
            assert reach[1] == pytest.approx(ordered[-1 - cut], abs=1e-9)


def test_hybrid_intervals_of_one_set_cover_what_the_plain_bootstrap_covers() -> None:
    rng = np.random.default_rng(12)
    losses = rng.standard_normal(1500)
    (var, cvar), *_ = mixture_intervals([(1.0, losses)], (0.95,), 5, 1, "x")
    # normal theory: se of the 95 % quantile is sqrt(.05 .95 / n) / density(1.645)
    wide = 2 * 1.645 * math.sqrt(0.05 * 0.95 / 1500) / 0.10313564
    assert var[1] - var[0] == pytest.approx(wide, rel=0.4)
    assert cvar[0] < 2.0627 < cvar[1]


@pytest.mark.acceptance
def test_real_prices_around_a_known_depeg() -> None:
    """On closes of 2021-2022, a portfolio half in a stablecoin: evidence of a de-peg costs at least
    the shock on the stablecoin, and the rise equals the mixture sorted by hand."""
    file = PRICES / "binance_spot_daily_ohlcv_2021_2022.csv"
    if not file.exists():
        pytest.skip(f"{file} is absent: real prices are not part of the project")
    full = parse_prices(file.name, file.read_bytes())
    keep = [a for a in ("BTC", "ETH", "SOL", "USDC") if a in full.assets]
    columns = [full.assets.index(a) for a in keep]
    closes = np.array(full.closes[:, columns])
    whole = np.isfinite(closes).all(axis=1)
    past = History(
        tuple(keep), tuple(d for d, ok in zip(full.days, whole, strict=True) if ok), closes[whole]
    )
    values = dict.fromkeys(keep, 1e6)
    token = keep[-1]
    declared = book(0.02, {token: "-12 %"})
    before = market(values, past, network_evidence.drivers(declared), declared)
    after = market(values, past, network_evidence.drivers(declared, {"peg.depeg": "yes"}), declared)
    prices = closes[whole]
    rows = prices[1:] / prices[:-1] - 1.0
    at = keep.index(token)
    shocked = np.array(rows)
    shocked[:, at] = (1.0 + rows[:, at]) * 0.88 - 1.0
    pairs = [(1.0 / len(rows), -1e6 * float(r.sum())) for r in shocked]
    assert after.methods["hybrid"][1][0.99].cvar == pytest.approx(
        by_sorting(pairs, 0.99)[1], rel=1e-10
    )
    assert after.methods["hybrid"][1][0.99].cvar > before.methods["hybrid"][1][0.99].cvar
