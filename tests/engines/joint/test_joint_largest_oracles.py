# SPDX-License-Identifier: Apache-2.0
"""The largest single loss with the market: against enumeration, and scenario by scenario."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.largest import EACH, largest
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Constant, Discrete, Exponential


class Market(Scenarios):
    names = ("BTC", "USDC")

    def __init__(self, moves, values, falls, weights):
        self.moves, self.values, self.falls = np.asarray(moves, float), np.asarray(values), falls
        self.weights = np.asarray(weights)

    def _prices(self, rungs):
        fall = math.prod(self.falls[r] for r in rungs)
        return (1.0 + self.moves) * np.array([1.0, fall])

    def parts(self, rungs):
        return -self.values * (self._prices(rungs) - 1.0)

    def prices(self, rungs):
        p = self._prices(rungs)
        return {"BTC": p[:, 0], "USDC": p[:, 1]}


LINES = {  # events at most, chance of each, amounts with chances, token
    "theft": (2, 0.3, ((3.0, 0.5), (7.0, 0.5)), "BTC"),
    "fine": (1, 0.4, ((5.0, 1.0),), "BTC"),
    "outage": (2, 0.2, ((1.0, 0.25), (2.0, 0.75)), ""),
    "exploit": (3, 0.5, ((11.0, 0.1), (4.0, 0.9)), "USDC"),
}
INTERFACES = (
    Interface(
        "peg",
        np.array([0.5, 0.2, 0.2, 0.1]),
        tuple(
            {"theft": a, "fine": b}
            for a, b in ((False, False), (True, False), (False, True), (True, True))
        ),
        (0, 0, 1, 1),
        moves=True,
    ),
    Interface(
        "chain", np.array([0.7, 0.3]), ({"exploit": False}, {"exploit": True}), (0, 1), moves=True
    ),
    Interface("staff", np.array([0.9, 0.1]), ({"outage": False}, {"outage": True}), (0, 0)),
)
MOVES = [(-0.25, 0.0), (0.5, 0.1), (0.0, -0.05), (-0.5, 0.0)]


def _listed(market, tokens, caps):
    """(largest, probability) of every outcome."""
    for at in itertools.product(*(range(len(x.weights)) for x in INTERFACES)):
        pairs = list(zip(INTERFACES, at, strict=True))
        chance = math.prod(float(x.weights[k]) for x, k in pairs)
        rungs = tuple(x.rungs[k] for x, k in pairs if x.moves)
        hits = {key: hit for x, k in pairs for key, hit in x.hits[k].items()}
        losses, prices = market.parts(rungs).sum(axis=1), market.prices(rungs)
        for s, weight in enumerate(market.weights):
            each = []
            for key, (n, p, amounts, token) in LINES.items():
                price = prices[token][s] if token and tokens else 1.0
                each.append(_one(n, p, amounts, hits[key], price, caps.get(key, math.inf)))
            for events in itertools.product(*each):
                biggest = max(0.0, losses[s], *(x for x, _ in events))
                yield biggest, chance * weight * math.prod(q for _, q in events)


def _one(n, p, amounts, hit, price, cap):
    """The largest event of one line; given a hit there is at least one."""
    if not hit:
        return [(0.0, 1.0)]
    counts = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(1, n + 1)]
    found = []
    for k, c in enumerate(counts, start=1):
        for events in itertools.product(amounts, repeat=k):
            biggest = min(max(x for x, _ in events), cap)
            found.append((price * biggest, c / sum(counts) * math.prod(q for _, q in events)))
    return found


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("caps", [{}, {"theft": 6.0}])
def test_largest_of_small_institution_is_the_enumerated_one(tokens, caps):
    market = Market(MOVES, [8.0, 16.0], (1.0, 0.5), [0.4, 0.3, 0.2, 0.1])
    lines = []
    for key, (n, p, amounts, _) in LINES.items():
        values, chances = zip(*amounts, strict=True)
        law = Discrete(values, chances) if len(amounts) > 1 else Constant(values[0])
        group = key if key in caps else ""
        lines.append(
            Compound(key, lambda _t, _y, n=n, p=p, law=law: (Binomial(n, p), law), group=group)
        )
    counted = {key: token for key, (*_, token) in LINES.items() if token} if tokens else {}
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in INTERFACES]
    register = Register(lines, mixtures=mixtures, caps=caps)
    joint = Joint(register, INTERFACES, market, counted, wide=Window(Grid(0.5, 512), 128), cells=4)
    assert joint.tokens == counted
    law = largest(joint)
    outcomes = list(_listed(market, tokens, caps))
    assert sum(q for _, q in outcomes) == pytest.approx(1.0, abs=1e-12)
    places = sorted({x for x, _ in outcomes})
    between = [x + 1e-6 for x in places] + [x - 1e-6 for x in places]
    for x in between:
        assert law.exceed(x) == pytest.approx(sum(q for y, q in outcomes if y > x), abs=1e-12)
    reached = np.cumsum([sum(q for y, q in outcomes if y == x) for x in places])
    for level in (0.6, 0.9, 0.97, 0.999):
        expected = places[int(np.searchsorted(reached, level - 1e-12))]
        assert law.var(level) == pytest.approx(expected, rel=1e-9)


def test_many_scenarios_in_cells_of_prices_are_each_by_itself():
    """Theft of exponential amounts in a coin: P = sum over scenarios, in closed form."""
    rng, n = np.random.default_rng(4), 6_000
    moves = np.exp(rng.standard_normal((n, 2)) * [0.6, 0.02] - [0.18, 0.0]) - 1.0
    market = Market(moves, [4e6, 2e6], (1.0, 0.7), np.full(n, 1.0 / n))
    lines = [
        Compound("coins", lambda _t, _y: (Poisson(0.8), Exponential(2e6))),
        Compound("other", lambda _t, _y: (Poisson(0.5), Exponential(1e6))),
    ]
    peg = Interface("peg", np.array([0.9, 0.1]), ({}, {}), (0, 1), moves=True)
    wide = Window(Grid(1.6e8 / 2**12, 2**12), 2**10)
    joint = Joint(Register(lines), (peg,), market, {"coins": "BTC"}, wide=wide, cells=4)
    law = largest(joint)
    assert n > EACH
    for x in (0.0, 3e5, 2e6, 6e6, 2e7):
        below = 0.0
        for rungs, chance in (((0,), 0.9), ((1,), 0.1)):
            price = market.prices(rungs)["BTC"]
            own = np.exp(-0.8 * np.exp(-x / (2e6 * price)))
            below += chance * float(np.mean((joint.losses(rungs) <= x) * own))
        below *= math.exp(-0.5 * math.exp(-x / 1e6))
        assert law.exceed(x) == pytest.approx(1.0 - below, rel=2e-5)
    # no smaller than the largest event alone, and than the market alone
    assert law.var(0.99) > float(np.quantile(joint.losses((0,)), 0.98))


def test_standard_error_is_that_of_a_mean_over_scenarios():
    """Given a scenario the chance is 1(market <= x) (1 - 0.3 1(3 price > x)); 200 are its sample.

    Of VaR it is what one standard error of that chance moves it, about that over the density.
    """
    rng = np.random.default_rng(2)
    count = 200
    moves = np.stack([0.4 * rng.standard_normal(count), np.zeros(count)], axis=1)
    market = Market(moves, (4.0, 0.0), (1.0,), np.full(count, 1.0 / count))
    line = Compound("theft", lambda theta, years: (Binomial(1, 0.3), Constant(3.0)))
    other = Compound("fine", lambda theta, years: (Binomial(1, 0.2), Constant(2.5)))
    joint = Joint(
        Register([line, other]), [], market, {"theft": "BTC"}, wide=Window(Grid(0.02, 2048), 512)
    )
    law = largest(joint)
    prices, lost = 1.0 + moves[:, 0], -4.0 * moves[:, 0]
    for x in (0.5, 1.5, 2.6, 3.5):
        given = (lost <= x) * (1.0 - 0.3 * (3.0 * prices > x)) * (1.0 if x >= 2.5 else 0.8)
        assert float(law.cdf(x)) == pytest.approx(given.mean(), abs=1e-9)
        error = given.std() / math.sqrt(count)
        assert float(law.standard_error(x)) == pytest.approx(error, rel=1e-9)
    level = 0.9
    (var,) = law.vars([level])
    aside = float(law.standard_error(var))
    low, high = law.vars([level - aside, level + aside])
    assert law.standard_errors([level], [var]) == pytest.approx([(high - low) / 2.0], rel=1e-6)
    assert high > low
