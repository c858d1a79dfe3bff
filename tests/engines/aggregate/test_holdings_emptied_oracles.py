# SPDX-License-Identifier: Apache-2.0
"""Holdings that are emptied, several beside each other, on grids that meet none of their caps.

On the other side all numbers of thefts are listed, each with its probability.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Constant, Lognormal

CAPS = {"a": 8_827_123.0, "b": 3_141_592.7, "c": 234_567.0}
RATES = {"a": 0.3, "b": 0.2, "c": 0.4}
MANY = np.arange(14)
SHARES = (1.0, 0.9999, 0.6)
"""Of the holding, what one theft takes."""


def theft(key: str, size: float, wallet: str, rate: float) -> Compound:
    """Thefts of a fixed sum."""
    return Compound(key, lambda _t, y: (Poisson(rate * y), Constant(size)), group=wallet)


def thefts(share: float, years: float = 1.0) -> list[Compound]:
    """Thefts of a share of each of three wallets."""
    lines = [theft(key, share * cap, key, RATES[key]) for key, cap in CAPS.items()]
    return [replace(line, years=years) for line in lines]


def lost(key: str, share: float, years: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """What a wallet loses in one period, by the number of thefts, and the probabilities."""
    return CAPS[key] * np.minimum(share * MANY, 1.0), stats.poisson.pmf(MANY, RATES[key] * years)


@pytest.mark.parametrize("years", [0.25, 1.0, 2.5])
@pytest.mark.parametrize("share", SHARES)
def test_the_mean_of_each_of_several_wallets(share: float, years: float) -> None:
    """Also beside losses of any size, where the grid is chosen; each year wallets are full."""
    small = Compound("small", lambda _t, y: (Poisson(3.0 * y), Lognormal(12.0, 1.0)), years=years)
    chosen = Register([*thefts(share, years), small], caps=CAPS)
    periods = [1.0] * int(years) + ([years % 1.0] if years % 1.0 else [])
    for register in (chosen, chosen.on(Grid(54_321.0, 2**11))):
        for key in CAPS:
            pairs = [lost(key, share, period) for period in periods]
            exact = math.fsum(float(size @ chance) for size, chance in pairs)
            assert register.means[key] == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("share", SHARES)
def test_the_tail_of_several_wallets(share: float) -> None:
    register = Register(thefts(share), caps=CAPS, grid=Grid(2_345.6, 2**14))
    law, pairs = register.law(), [lost(key, share) for key in CAPS]
    losses = np.array([sum(own) for own in itertools.product(*(size for size, _ in pairs))])
    chances = np.array([math.prod(own) for own in itertools.product(*(p for _, p in pairs))])
    assert law.mean == pytest.approx(float(losses @ chances), rel=1e-7)
    known = np.unique(losses[chances > 1e-6])
    wide = np.argsort(np.diff(known))[-5:]
    for x in 0.5 * (known[wide] + known[wide + 1]):  # far from sums, which stand on two points each
        excess = float(chances @ np.maximum(losses - x, 0.0))
        assert law.mean - law.limited(x) == pytest.approx(excess, rel=1e-6)


def test_who_bears_what_empties_a_wallet() -> None:
    """Two kinds of theft share what a wallet holds in proportion to what they come to."""
    cap, sizes, rates = 3_141_592.8, (2_094_395.2, 1_047_197.6), (0.5, 0.8)
    pairs = zip("xy", sizes, rates, strict=True)
    lines = [theft(key, size, "wallet", rate) for key, size, rate in pairs]
    register = Register(lines, caps={"wallet": cap}, grid=Grid(2_345.6, 2**14))
    own = [sizes[0] * MANY[:, None], sizes[1] * MANY]
    chance = np.multiply.outer(*(stats.poisson.pmf(MANY, rate) for rate in rates))
    kept = np.minimum(1.0, cap / np.maximum(own[0] + own[1], 1.0))
    found = register.contributions(0.95)
    tail = chance * (own[0] + own[1] >= cap)
    assert tail.sum() > 0.05  # the worst share is some of it, which loses the cap
    for key, each in zip("xy", own, strict=True):
        assert register.means[key] == pytest.approx(float(np.sum(chance * each * kept)), rel=1e-6)
        share = float(np.sum(tail * each * kept) / tail.sum()) / cap
        assert found[key] / sum(found.values()) == pytest.approx(share, rel=1e-6)
