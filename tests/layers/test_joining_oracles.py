# SPDX-License-Identifier: Apache-2.0
"""Layers joined from a book: against simulation written anew, and slopes against differences."""

from __future__ import annotations

import math
import os
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from perilscope.book import load_text
from perilscope.cycle.together import joint_law, together
from perilscope.cycle.trading import Lots
from perilscope.engines.joint import causes
from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.history import History
from perilscope.layers import enterprise, joining, moves, network_evidence, networks, slopes
from perilscope.layers.context import Context
from perilscope.layers.holdings import Held
from perilscope.layers.revaluation import Marks
from perilscope.layers.shocks import shocks_of
from perilscope.layers.valuation import Valuation

BOOK = """
institution: {name: Small, kind: hedge fund}
currency: USD
as_of: 2026-11-20
horizon: HORIZON
tokens: {ETH: {kind: coin, price: 2000}, USDC: {kind: stablecoin, price: 1}}
assets:
  wallet: {kind: wallet, holds: {ETH: 500}}
  desk: {kind: other, worth: 5M}
networks:
  peg:
    period: 1 year
    nodes:
      stress: {states: [calm, stressed], table: [0.7, 0.3]}
      depeg:
        parents: [stress]
        table: {calm: [0.95, 0.05], stressed: [0.7, 0.3]}
      run:
        parents: [stress, depeg]
        table:
          calm: {no: [0.99, 0.01], yes: [0.8, 0.2]}
          stressed: {no: [0.9, 0.1], yes: [0.4, 0.6]}
    shocks:
      depeg: {yes: {USDC: -20 %}}
  keys:
    period: 1 year
    nodes:
      leaked: {table: [0.9, 0.1]}
    shocks:
      leaked: {yes: {ETH: -10 %}}
scenarios:
  redemption:
    {asset: desk, frequency: from peg.run, counts: at most one a year, magnitude: 400k to 1.6M}
  sold-low:
    {asset: desk, frequency: from peg.depeg, magnitude: "exponential(300k)", distinct_because: it}
  theft:
    asset: wallet
    frequency: from keys.leaked
    magnitude: {value: 50 to 400 ETH, at_most: wallet}
  error: {asset: desk, frequency: 2 per year, magnitude: 10k to 90k}
"""
VALUES = {"ETH": 3e6, "USDC": 2e6}


def history(days: int = 700) -> History:
    rng = np.random.default_rng(11)
    steps = rng.standard_t(5, (days, 2)) * [0.03, 0.0005]
    first = date(2024, 12, 20)
    return History(
        ("ETH", "USDC"),
        tuple(first + timedelta(days=k) for k in range(days)),
        np.exp(np.cumsum(steps, axis=0)) * [2000.0, 1.0],
    )


def context(
    horizon: str = "1 year", evidence: dict[str, str] | None = None, text: str = BOOK
):  # fmt: skip
    book = load_text(text.replace("HORIZON", horizon))
    drivers = network_evidence.drivers(book, evidence or {})
    valuation = Valuation(book, {})
    return book, Context(book, valuation, drivers, network_evidence.prior(book), book.horizon_years)


@cache
def made(horizon: str = "1 year", text: str = BOOK):
    book, known = context(horizon, text=text)
    joined, _ = enterprise.join(book.scenarios, known)
    assert not joined.failed
    lots = Lots(VALUES, (), Marks({}))
    found = together(joined, book, known, lots, history(), (), 1, lambda _where, _what: None)
    assert found is not None
    return book, known, found


# --- against a simulation that shares nothing with the engine but the market's scenarios


def _simulated(found, n, seed):
    rng = np.random.default_rng(seed)
    market = found.whole.joint.scenarios
    s = rng.integers(0, len(market.moves.end), n)
    stress = rng.random(n) < 0.3
    depeg = rng.random(n) < np.where(stress, 0.3, 0.05)
    likely = np.where(stress, np.where(depeg, 0.6, 0.1), np.where(depeg, 0.2, 0.01))
    run, leaked = rng.random(n) < likely, rng.random(n) < 0.1
    eth = market.moves.end[s, 0] * np.where(leaked, 0.9, 1.0)
    usdc = market.moves.end[s, 1] * np.where(depeg, 0.8, 1.0)
    loss = -VALUES["ETH"] * (eth - 1.0) - VALUES["USDC"] * (usdc - 1.0)
    loss += run * _between(rng, 4e5, 1.6e6, n)
    sold = _truncated(rng, -math.log(1.0 - 0.125), n) * depeg  # P(depeg) = 0.125 before
    loss += rng.gamma(np.maximum(sold, 1e-12), 3e5) * (sold > 0)
    thefts = _truncated(rng, -math.log(0.9), n) * leaked
    taken = np.zeros(n)
    for k in range(1, int(thefts.max()) + 1):
        taken += (thefts >= k) * np.minimum(_between(rng, 50.0, 400.0, n), 500.0)
    loss += np.minimum(taken, 500.0) * 2000.0 * eth
    errors = rng.poisson(2.0, n)
    for k in range(1, int(errors.max()) + 1):
        loss += (errors >= k) * _between(rng, 1e4, 9e4, n)
    return loss, depeg, leaked


def _between(rng, low, high, n):
    """Lognormal with 5 % and 95 % at the ends."""
    z = 1.6448536269514722
    mean, sd = (math.log(low) + math.log(high)) / 2, (math.log(high) - math.log(low)) / (2 * z)
    return rng.lognormal(mean, sd, n)


def _truncated(rng, rate, n):
    """Poisson given at least one event."""
    from scipy.stats import poisson

    u = math.exp(-rate) + rng.random(n) * (1.0 - math.exp(-rate))
    return poisson.ppf(u, rate)


def test_institution_of_a_book_agrees_with_its_simulation():
    n = 4_000_000 if os.environ.get("PERILSCOPE_SEARCH") else 400_000
    *_, found = made()
    law = found.law
    loss, depeg, leaked = _simulated(found, n, 5)
    z = [(loss.mean() - law.mean) / (law.sd / math.sqrt(n))]
    for level in (0.95, 0.99, 0.999):
        v = law.var(level)
        z.append(((loss > v).sum() - n * (1 - level)) / math.sqrt(n * level * (1 - level)))
        tail = v + np.maximum(loss - v, 0.0) / (1 - level)
        z.append((tail.mean() - law.cvar(level)) / (tail.std() / math.sqrt(n)))
    assert max(map(abs, z)) < 4.0, z
    beyond = loss > law.var(0.99)
    for network, node, hit in (("peg", "depeg", depeg), ("keys", "leaked", leaked)):
        at = next(k for k, x in enumerate(found.driving) if x.network == network)
        axis = next(k for k, a in enumerate(found.driving[at].axes) if a.node == node)
        states = [k for k, s in enumerate(found.driving[at].states) if s[axis] == 1]
        given = found.tails[at].posterior[states].sum()
        share = hit[beyond].mean()
        assert abs(share - given) < 4.0 * math.sqrt(given * (1 - given) / beyond.sum())


def test_theft_is_counted_in_the_token_and_its_mean_is_at_the_scenarios_prices():
    book, known, found = made()
    assert found.whole.tokens == {"theft": "ETH"}
    joined, _ = enterprise.join(book.scenarios, known)
    today = joined.register(["theft"]).law().mean
    # leaked, the price falls by a tenth in the very same state
    borne_ = found.whole.joint.line_mean("theft")
    assert borne_ == pytest.approx(0.9 * today, rel=1e-4)


@pytest.mark.parametrize("horizon", ["1 year", "3 months"])
def test_slopes_of_table_entries_are_differences_of_the_law(horizon):
    _, known, found = made(horizon)
    law = found.law
    density = law.density(law.var(0.99))
    means = causes.means(found.whole.joint)
    rows = []
    for each, tail, mean in zip(found.driving, found.tails, means, strict=True):
        values = slopes.Values(mean, tail, density, 0.99, known.years)
        rows += slopes.entries(known.drivers, each, values)
    largest = max(abs(row.cvar) for row in rows)
    assert {row.node for row in rows} == {"stress", "depeg", "run", "leaked"}

    var = law.var(0.99)

    def cvar(row, value):
        other = slopes.changed(known.drivers, row, value)
        moved = found.whole.joint.law(found.whole.weights(other, known.years))
        if horizon == "1 year":
            return moved.cvar(0.99)
        # a quarter's few spans are atoms, between which the grid reads VaR to a step: there the
        # tail beyond the same point, whose slope it is by the envelope theorem
        return var + moved.excess(var) / 0.01

    for row in rows[:8]:
        h = 2e-3 * min(row.value, 1.0 - row.value)
        one, two = (
            (cvar(row, row.value + s) - cvar(row, row.value - s)) / (2 * s) for s in (h, 2 * h)
        )
        assert row.cvar == pytest.approx((4.0 * one - two) / 3.0, abs=1e-6 * largest)
    # of the mean there is no kink: an entry moves it exactly in a straight line here
    leak = next(row for row in rows if row.node == "leaked" and row.state == "yes")
    if horizon == "1 year":
        at = next(k for k, x in enumerate(found.driving) if x.network == "keys")
        tail = found.tails[at]
        exact = (tail.excess[1] - tail.excess[0]) / 0.01
        assert leak.cvar == pytest.approx(exact, rel=1e-9)


def test_horizon_is_each_layers_own():
    """A quarter: counts thinned, nodes by alike periods, prices by spans of a quarter."""
    *_, year = made()
    *_, quarter = made("3 months")
    assert quarter.whole.moves.days == 91
    keys = next(x for x in quarter.driving if x.network == "keys")
    assert keys.interface.weights[1] == pytest.approx(1 - 0.9**0.25, rel=1e-9)
    assert quarter.law.cvar(0.99) < year.law.cvar(0.99)


def test_moves_keep_their_mean_and_their_days_together():
    spans = moves.over(history(), ["ETH", "USDC"], 1.0, seed=1, drift=0.05)
    assert spans.spans.end.mean(axis=0) == pytest.approx([1.05, 1.05], rel=1e-12)
    short = moves.over(history(), ["ETH", "nothing"], 10 / 365.25, seed=1)
    assert not short.sampled
    assert len(short.spans.end) == 690
    assert (short.spans.end[:, 1] == 1.0).all()
    past = history().closes
    plain = past[10:, 0] / past[:-10, 0]
    assert short.spans.end[:, 0] == pytest.approx(plain / plain.mean(), rel=1e-12)
    ways = moves.over(history(), ["nothing", "ETH"], 1.0, seed=1, ways=((1,), (1,))).spans
    end, low, high = ways.of([1])
    assert (low <= end).all()
    assert (high >= end).all()
    assert low.mean() < 0.8 < 1.2 < high.mean()
    still = ways.of([0])
    assert all((each == 1.0).all() for each in still)
    assert [each.shape for each in ways.of([])] == [(len(end), 0)] * 3


def test_variance_of_drawn_moves_is_that_of_the_days():
    """Of independent days the variance of log moves over a year is 365 times that of one."""
    long = history(20_000)  # 666 blocks: the variance of their sums is known to 5.5 %
    drawn = np.log(moves.over(long, ["ETH"], 1.0, seed=3).spans.end[:, 0]).var()
    daily = np.diff(np.log(long.closes[:, 0])).var()
    assert drawn == pytest.approx(365 * daily, rel=0.2)


def test_market_alone_is_that_of_its_scenarios_beside_losses_that_dwarf_it():
    _, _, found = made("10 days", BOOK.replace("400k to 1.6M", "400M to 1.6bn"))
    law, ends = found.whole.market, found.whole.joint.scenarios.moves.end
    assert found.law.step > 0.01 * law.var(0.999)  # a step of everything is much of the market
    periods = 10.0 / 365.25
    depeg, leaked = 1.0 - 0.875**periods, 1.0 - 0.9**periods
    losses, weights = [], []
    for p, usdc in ((depeg, 0.8), (1.0 - depeg, 1.0)):
        for q, eth in ((leaked, 0.9), (1.0 - leaked, 1.0)):
            worth = VALUES["ETH"] * eth * ends[:, 0] + VALUES["USDC"] * usdc * ends[:, 1]
            losses.append(sum(VALUES.values()) - worth)
            weights.append(np.full(len(ends), p * q / len(ends)))
    order = np.argsort(-np.concatenate(losses))
    lost, chance = np.concatenate(losses)[order], np.concatenate(weights)[order]
    assert law.mean == pytest.approx(lost @ chance, rel=1e-9)
    assert law.sd == pytest.approx(math.sqrt(chance @ (lost - law.mean) ** 2), rel=1e-9)
    for level in (0.95, 0.99, 0.999):
        beyond = np.cumsum(chance)
        var = lost[np.searchsorted(beyond, 1.0 - level)]
        share = 1.0 - level
        cvar = var + np.maximum(lost - var, 0.0) @ chance / share
        assert law.var(level) == pytest.approx(var, rel=2e-4)
        assert law.cvar(level) == pytest.approx(cvar, rel=2e-4)


# --- what is wrong is said


def test_another_horizon_of_prices_is_refused():
    book, known = context()
    joined, _ = enterprise.join(book.scenarios, known)
    spans = moves.over(history(), ["ETH", "USDC", "ETH"], 0.25, seed=1)
    with pytest.raises(AssessmentError, match="one horizon is wanted"):
        joining.whole(
            joined, book.scenarios, known, Held(VALUES), spans, shocks_of(book),
            {"theft": "ETH"},
        )  # fmt: skip


def test_few_days_of_prices_join_nothing():
    book, known = context()
    joined, _ = enterprise.join(book.scenarios, known)
    lots = Lots(VALUES, (), Marks({}))
    none = joint_law(joined, book, known, lots, history(20), 1, lambda _a, _b: None)
    assert none is None
    with pytest.raises(AssessmentError, match="too few"):
        moves.over(history(20), ["ETH"], 1.0, seed=1)


def test_evidence_that_cannot_be_is_refused():
    with pytest.raises(MisuseError, match="no such node"):
        context(evidence={"peg.rum": "yes"})
    with pytest.raises(MisuseError, match=r"'weather': no such node; there are .*peg\.run"):
        networks.placed("weather", {"peg.run": ("peg", "run")})
    with pytest.raises(MisuseError, match="no such state"):
        context(evidence={"peg.run": "maybe"})
