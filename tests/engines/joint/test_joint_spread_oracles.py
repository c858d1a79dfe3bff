# SPDX-License-Identifier: Apache-2.0
"""The standard deviation of everything, against the law of total variance written out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Exponential, Lognormal


class Market(Scenarios):
    """One coin; a state of prices takes a fifth of it."""

    names = ("BTC",)

    def __init__(self) -> None:
        self.ends = np.exp(0.5 * np.random.default_rng(8).standard_normal(1_500))
        self.weights = np.full(len(self.ends), 1.0 / len(self.ends))

    def parts(self, rungs: tuple[int, ...]) -> np.ndarray:
        kept = math.prod(0.8 if rung else 1.0 for rung in rungs)
        return (2e5 * (1.0 - kept * self.ends))[:, None]

    def prices(self, rungs: tuple[int, ...]) -> dict[str, np.ndarray]:
        kept = math.prod(0.8 if rung else 1.0 for rung in rungs)
        return {"BTC": kept * self.ends}


SEVERITIES = {"heavy": Lognormal(13.0, 1.8), "light": Exponential(3e5)}
RATE = 0.2


def moments(kind: str) -> tuple[float, float]:
    """First two moments of one loss."""
    if kind == "light":
        return 3e5, 2.0 * 3e5**2
    return math.exp(13.0 + 1.8**2 / 2), math.exp(26.0 + 2 * 1.8**2)


def line(kind: str) -> Compound:
    return Compound("theft", lambda _t, y: (Poisson(RATE * y), SEVERITIES[kind]))


def at_most_one(kind: str) -> Compound:
    return Compound("theft", lambda _t, _y: (Binomial(1, RATE), SEVERITIES[kind]))


@pytest.mark.parametrize("kind", ["heavy", "light"])
def test_variances_of_lines_and_market_add_up_however_heavy_a_tail(kind: str) -> None:
    market = Market()
    _, second = moments(kind)
    wanted = math.sqrt(RATE * second + float(np.var(market.parts(()).sum(axis=1))))
    found = Joint(Register([line(kind)]), (), market).law().sd
    assert found == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("kind", ["heavy", "light"])
@pytest.mark.parametrize("chance", [0.1, 0.7])
def test_a_node_that_lets_thefts_happen_and_moves_prices_ties_both(
    kind: str, chance: float
) -> None:
    market = Market()
    net = Interface(
        "peg", np.array([0.9, 0.1]), ({"theft": False}, {"theft": True}), (0, 1), moves=True
    )
    mixture = tuple(zip(net.weights.tolist(), net.hits, strict=True))
    joint = Joint(Register([at_most_one(kind)], mixtures=[mixture]), (net,), market)
    first, second = moments(kind)
    known = [market.parts((rung,)).sum(axis=1) for rung in (0, 1)]
    # a period with the state has one theft; one without it has none
    means = [known[0].mean(), known[1].mean() + first]
    spreads = [known[0].var(), known[1].var() + second - first**2]
    weights = np.array([1.0 - chance, chance])
    mean = float(weights @ means)
    wanted = math.sqrt(float(weights @ (np.array(spreads) + (np.array(means) - mean) ** 2)))
    law = joint.law() if chance == 0.1 else joint.law([weights])
    assert law.mean == pytest.approx(mean, rel=1e-9)
    assert law.sd == pytest.approx(wanted, rel=1e-3)


def test_a_theft_of_coins_with_a_heavy_tail_has_the_variance_of_its_prices() -> None:
    """Var = r E p^2 E X^2 given a price p, and r E X p less what is held vary with it.

    A quarter of the variance lies beyond the window; reckoned at today's price the deviation was
    8 % too small.
    """
    market = Market()
    first, second = moments("heavy")
    price, lost = market.prices(())["BTC"], market.parts(()).sum(axis=1)
    given = RATE * second * np.mean(price**2)
    wanted = math.sqrt(given + np.var(RATE * first * price + lost))
    joint = Joint(Register([line("heavy")]), (), market, {"theft": "BTC"})
    assert joint.law().sd == pytest.approx(wanted, rel=1e-4)
    # another line in money is apart from it
    fine = Compound("fine", lambda _t, y: (Poisson(RATE * y), SEVERITIES["heavy"]))
    both = Joint(Register([line("heavy"), fine]), (), market, {"theft": "BTC"}).law().sd
    assert both == pytest.approx(math.sqrt(wanted**2 + RATE * second), rel=1e-3)
