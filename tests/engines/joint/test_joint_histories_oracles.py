# SPDX-License-Identifier: Apache-2.0
"""What the length of a history leaves open, against the law made anew for every history."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.joint import doubt
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.doubt import histories
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Lognormal


class Short(Scenarios):
    """A coin that is owed, with prices of some spreads; a state takes a third of it."""

    names = ("COIN",)

    def __init__(self, *spreads: float) -> None:
        draws = np.random.default_rng(5).standard_normal(3_000)
        each = [np.exp(spread * draws) for spread in spreads]
        self.ends = np.concatenate([ends / ends.mean() for ends in each])
        self.weights = np.full(self.ends.size, 1.0 / self.ends.size)

    def _price(self, rungs):
        return self.ends * (1.0, 0.67)[rungs[0]]

    def parts(self, rungs):
        return 1e7 * (self._price(rungs) - 1.0)[:, None]

    def prices(self, rungs):
        return {"COIN": self._price(rungs)}


@pytest.mark.parametrize("tokens", [{"theft": "COIN"}, {}])
def test_the_interval_prices_thefts_by_the_scenario(tokens: dict[str, str]) -> None:
    """A theft of coins that are owed costs most when they are dear, so the spread counts twice."""
    line = Compound("theft", lambda _t, years: (Poisson(0.4 * years), Lognormal(15.0, 0.8)))
    peg = Interface("peg", np.array([0.9, 0.1]), ({}, {}), (0, 1), moves=True)

    def made(market, wide=None, cells=0):
        return Joint(Register([line]), [peg], market, tokens, wide=wide, cells=cells)

    joint = made(Short(0.4))
    law, levels = joint.law(), (0.95, 0.99)
    spreads = np.linspace(0.3, 0.5, 20)
    found = histories(joint, law, Short(*spreads), len(spreads), levels)
    anew = [made(Short(x), joint.window, 64).law() for x in (spreads[1], spreads[-2])]
    for level in levels:
        var, cvar = found[level]
        assert var == pytest.approx([each.var(level) for each in anew], rel=2e-3)
        assert cvar == pytest.approx([each.cvar(level) for each in anew], rel=2e-3)


def test_histories_that_are_transformed_a_few_at_a_time_have_the_same_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Compound("theft", lambda _t, years: (Poisson(0.4 * years), Lognormal(15.0, 0.8)))
    peg = Interface("peg", np.array([0.9, 0.1]), ({}, {}), (0, 1), moves=True)
    joint = Joint(Register([line]), [peg], Short(0.4), {"theft": "COIN"})
    spreads = np.linspace(0.35, 0.45, 7)
    found = []
    for most in (1, 3 * joint.window.grid.points, 2**30):
        monkeypatch.setattr(doubt, "_MOST", most)
        found.append(histories(joint, joint.law(), Short(*spreads), len(spreads), (0.95, 0.99)))
    for level in (0.95, 0.99):
        one, *others = (np.array(each[level]) for each in found)
        assert all(np.allclose(one, other, rtol=1e-12) for other in others)
