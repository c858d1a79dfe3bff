# SPDX-License-Identifier: Apache-2.0
"""Fixed, capped and narrow losses in tokens against all scenarios times all counts, in plain NumPy.

Nothing of the engine is used on the other side: each scenario with each number of thefts is one
loss with a probability, sorted. Narrow laws of one theft have closed forms in each scenario.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, special, stats

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.borne import contributions
from perilscope.engines.joint.clouds import Clouds
from perilscope.engines.joint.doubt import drawn
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Beta, Constant, Lognormal

LEVELS = (0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
COUNT = 1_600
MANY = np.arange(12)
BTC, ETH = 8e6, 5e6
MEDIAN = 4e6
LOG = math.log(MEDIAN)


class Market(Scenarios):
    """Two tokens that may cost five times as much; a bad state halves them."""

    names = ("BTC", "ETH")

    def __init__(self, held: tuple[float, float] = (1e6, 5e5)) -> None:
        z = np.random.default_rng(7).standard_normal((COUNT, 2)) @ [[1.0, 0.6], [0.0, 0.8]]
        self.ends = np.exp(z * [0.8, 0.9] - 0.3)
        self.weights = np.full(COUNT, 1.0 / COUNT)
        self._held = np.array(held)

    def _moved(self, rungs: tuple[int, ...]) -> np.ndarray:
        return self.ends * ((0.6, 0.5) if any(rungs) else (1.0, 1.0))

    def parts(self, rungs: tuple[int, ...]) -> np.ndarray:
        return -self._held * (self._moved(rungs) - 1.0)

    def prices(self, rungs: tuple[int, ...]) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self._moved(rungs).T, strict=True))


class Bitcoin(Market):
    """The same with losses in one token."""

    def prices(self, rungs: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {"BTC": self._moved(rungs)[:, 0]}


def read(losses: np.ndarray, weights: np.ndarray, level: float) -> tuple[float, float]:
    """VaR and CVaR of a discrete law."""
    order = np.argsort(losses, axis=None)
    known, mass = losses.ravel()[order], weights.ravel()[order]
    var = float(known[np.searchsorted(np.cumsum(mass), level - 1e-12)])
    return var, var + float(mass @ np.maximum(known - var, 0.0)) / (1.0 - level)


def agrees(law, losses: np.ndarray, weights: np.ndarray) -> None:
    """VaR and CVaR at every level to 1e-3, and never further off than is shown; the mean."""
    assert math.isclose(weights.sum(), 1.0, abs_tol=1e-9)
    for level in LEVELS:
        var, cvar = read(losses, weights, level)
        shown = law.error_at(level)
        assert shown < 0.03
        assert law.var(level) == pytest.approx(var, rel=min(1e-3, shown))
        assert law.cvar(level) == pytest.approx(cvar, rel=min(1e-4, shown))
    assert law.mean == pytest.approx(float(np.sum(losses * weights)), rel=1e-6)


def evenly(*chances: np.ndarray) -> np.ndarray:
    """Probabilities of scenarios and counts, all independent."""
    found = np.full(COUNT, 1.0 / COUNT)
    for each in chances:
        found = found[..., None] * each
    return found


@pytest.mark.parametrize(("held", "size"), [(1e6, BTC), (1e6, 3e5), (5e7, 3e6)])
def test_fixed_sums(held: float, size: float) -> None:
    market = Bitcoin((held, 5e5))
    theft = Compound("theft", lambda _t, _y: (Poisson(0.3), Constant(size)))
    law = Joint(Register([theft]), (), market, {"theft": "BTC"}).law()
    own, price = market.parts(()).sum(axis=1), market.prices(())["BTC"]
    losses = own[:, None] + price[:, None] * size * MANY
    agrees(law, losses, evenly(stats.poisson.pmf(MANY, 0.3)))


@pytest.mark.parametrize("cap", [12e6, 7e6])
def test_a_wallet_that_can_be_emptied(cap: float) -> None:
    """Fixed sums, no more than the wallet holds in the token."""
    market, many = Bitcoin(), np.arange(25)
    theft = Compound("theft", lambda _t, _y: (Poisson(0.9), Constant(5e6)), group="wallet")
    register = Register([theft], caps={"wallet": cap})
    law = Joint(register, (), market, {"theft": "BTC"}).law()
    own, price = market.parts(()).sum(axis=1), market.prices(())["BTC"]
    losses = own[:, None] + price[:, None] * np.minimum(5e6 * many, cap)
    agrees(law, losses, evenly(stats.poisson.pmf(many, 0.9)))


@pytest.mark.parametrize("share", [1.0, 0.9999, 0.97])
@pytest.mark.parametrize("cap", [8.827e6, 3.1415e6, 6.0001e5])
def test_a_fixed_sum_as_large_as_its_wallet(cap: float, share: float) -> None:
    """All of it, or nearly all of it: a second theft finds what the first has left."""
    market, size = Bitcoin(), share * cap
    theft = Compound("theft", lambda _t, _y: (Poisson(0.3), Constant(size)), group="wallet")
    register = Register([theft], caps={"wallet": cap})
    law = Joint(register, (), market, {"theft": "BTC"}).law()
    own, price = market.parts(()).sum(axis=1), market.prices(())["BTC"]
    losses = own[:, None] + price[:, None] * np.minimum(size * MANY, cap)
    agrees(law, losses, evenly(stats.poisson.pmf(MANY, 0.3)))


@pytest.mark.parametrize("caps", [(8.827e6, 3.1415e6), (7.77e6, 6.9e6)])
def test_two_wallets_of_one_token_emptied(caps: tuple[float, float]) -> None:
    market, rates = Bitcoin(), (0.3, 0.2)
    lines = [emptied(key, *each) for key, *each in zip("ab", rates, caps, strict=True)]
    register = Register(lines, caps=dict(zip("ab", caps, strict=True)))
    law = Joint(register, (), market, dict.fromkeys("ab", "BTC")).law()
    own, price = market.parts(()).sum(axis=1), market.prices(())["BTC"]
    one, two = (cap * np.arange(2) for cap in caps)
    losses = own[:, None, None] + price[:, None, None] * (one[:, None] + two)
    agrees(law, losses, evenly(*([math.exp(-r), -math.expm1(-r)] for r in rates)))


def test_wallets_of_two_tokens_emptied_under_one_belief() -> None:
    market, caps = Market(), (8.827e6, 3.1415e6)
    belief = Shared("control", Beta(2, 6))
    lines = [emptied(k, 1.2, cap, belief) for k, cap in zip("ab", caps, strict=True)]
    register = Register(lines, caps=dict(zip("ab", caps, strict=True)))
    law = Joint(register, (), market, {"a": "BTC", "b": "ETH"}).law()
    own, ends = market.parts(()).sum(axis=1), market.ends
    one, two = (ends[:, t, None] * caps[t] * np.arange(2) for t in range(2))
    losses = own[:, None, None] + one[:, :, None] + two[:, None, :]
    at, weights = special.roots_sh_jacobi(40, 7, 2)  # of the Beta: exact for polynomials
    none = np.exp(-1.2 * at)
    each = np.stack([none, 1.0 - none])
    table = np.einsum("in,jn,n->ij", each, each, weights / weights.sum())
    agrees(law, losses, np.multiply.outer(market.weights, table))


def test_money_and_a_wallet_that_are_emptied_beside_each_other() -> None:
    """A cap in money and one in a token; the shares of the tail need no mending."""
    market, rates, caps = Bitcoin(), (0.3, 0.2), (8.827e6, 3.1415e6)
    lines = [emptied(key, *each) for key, *each in zip("ab", rates, caps, strict=True)]
    register = Register(lines, caps=dict(zip("ab", caps, strict=True)))
    joint = Joint(register, (), market, {"a": "BTC"})
    law, own, price = joint.law(), market.parts(()).sum(axis=1), market.prices(())["BTC"]
    one, two = (cap * np.arange(2) for cap in caps)
    losses = own[:, None, None] + price[:, None, None] * one[:, None] + two
    agrees(law, losses, evenly(*([math.exp(-r), -math.expm1(-r)] for r in rates)))
    assert joint.line_mean("a") == pytest.approx(caps[0] * -math.expm1(-0.3) * price.mean(), 1e-9)
    assert joint.line_mean("b") == pytest.approx(caps[1] * -math.expm1(-0.2), rel=1e-9)
    assert abs(contributions(joint, law, 0.999).off) < 1e-5


def emptied(key: str, rate: float, size: float, *beliefs: Shared) -> Compound:
    """Thefts of all that a wallet of the same name holds."""
    return replace(fixed(key, rate, size, *beliefs), group=key)


def fixed(key: str, rate: float, size: float, *beliefs: Shared) -> Compound:
    """Thefts of one sum; a belief multiplies their rate."""
    return Compound(
        key,
        lambda told, _y: (Poisson(rate * math.prod(told)), Constant(size)),
        beliefs=beliefs,
    )


def both(market: Market, rungs: tuple[int, ...] = ()) -> np.ndarray:
    """Losses by scenario, thefts in one token and thefts in the other."""
    price = market.prices(rungs)
    own = market.parts(rungs).sum(axis=1)[:, None, None]
    one = price["BTC"][:, None, None] * BTC * MANY[:, None]
    return own + one + price["ETH"][:, None, None] * ETH * MANY


def test_two_tokens() -> None:
    market = Market()
    lines = [fixed("one", 0.3, BTC), fixed("two", 0.5, ETH)]
    law = Joint(Register(lines), (), market, {"one": "BTC", "two": "ETH"}).law()
    one, two = (stats.poisson.pmf(MANY, rate) for rate in (0.3, 0.5))
    agrees(law, both(market), evenly(one, two))


def test_two_tokens_that_share_a_belief() -> None:
    """Given its value thefts are independent: the mixture by 200 Gauss nodes of the belief."""
    market, belief = Market(), Shared("signers", Beta(3.0, 9.0))
    lines = [fixed("one", 1.5, BTC, belief), fixed("two", 1.0, ETH, belief)]
    law = Joint(Register(lines), (), market, {"one": "BTC", "two": "ETH"}).law()
    nodes, weights = np.polynomial.legendre.leggauss(200)
    values = 0.5 * (nodes + 1.0)
    weights = 0.5 * weights * stats.beta(3.0, 9.0).pdf(values)
    one, two = (stats.poisson.pmf(MANY, rate * values[:, None]) for rate in (1.5, 1.0))
    joined = np.einsum("q,qi,qj->ij", weights, one, two)
    agrees(law, both(market), np.broadcast_to(joined / COUNT, (COUNT, *joined.shape)))


def test_a_network_that_drives_one_and_moves_both_prices() -> None:
    market, chance = Market(), 0.25
    bad = Interface(
        "bad", np.array([1.0 - chance, chance]), ({"one": False}, {"one": True}), (0, 1), moves=True
    )
    one = Compound("one", lambda _t, _y: (Binomial(1, chance), Constant(BTC)))
    mixtures = [tuple(zip(bad.weights.tolist(), bad.hits, strict=True))]
    register = Register([one, fixed("two", 0.5, ETH)], mixtures=mixtures)
    law = Joint(register, (bad,), market, {"one": "BTC", "two": "ETH"}).law()
    two = stats.poisson.pmf(MANY, 0.5)
    losses = np.stack([both(market, (0,))[:, 0], both(market, (1,))[:, 1]])
    agrees(law, losses, np.stack([(1.0 - chance) * evenly(two), chance * evenly(two)]))


def agrees_with_one_theft(
    law, others: np.ndarray, weights: np.ndarray, price: np.ndarray, chance: float, sigma: float
) -> None:
    """VaR and CVaR where one lognormal theft at most comes to other losses: the excess in each
    scenario in closed form, the levels by a search for the root.
    """

    def places(x: float) -> tuple[np.ndarray, np.ndarray]:
        rest = x - others
        return rest, (np.log(np.maximum(rest / price, 1e-9)) - math.log(MEDIAN)) / sigma

    def exceed(x: float) -> float:
        rest, z = places(x)
        stolen = np.where(rest > 0.0, stats.norm.sf(z), 1.0)
        return float(weights @ ((1.0 - chance) * (rest < 0.0) + chance * stolen))

    def excess(x: float) -> float:
        rest, z = places(x)
        mean = MEDIAN * math.exp(sigma**2 / 2.0)
        # E (pU - r)+ = p E[U; U > r/p] - r P(U > r/p)
        call = price * mean * stats.norm.sf(z - sigma) - rest * stats.norm.sf(z)
        stolen = np.where(rest > 0.0, call, price * mean - rest)
        return float(weights @ ((1.0 - chance) * np.maximum(-rest, 0.0) + chance * stolen))

    for level in LEVELS:
        var = optimize.brentq(lambda x, a=level: exceed(x) - (1.0 - a), -5e6, 1e9, xtol=1.0)
        cvar = var + excess(var) / (1.0 - level)
        shown = law.error_at(level)
        assert law.var(level) == pytest.approx(var, rel=min(1e-3, shown))
        assert law.cvar(level) == pytest.approx(cvar, rel=min(1e-4, shown))


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.5, 1.2])
def test_narrow_and_wide_laws_of_one_theft(sigma: float) -> None:
    market, chance = Bitcoin(), 0.3
    theft = Compound("theft", lambda _t, _y: (Binomial(1, chance), Lognormal(LOG, sigma)))
    found = Joint(Register([theft]), (), market, {"theft": "BTC"}).law()
    own, price = market.parts(()).sum(axis=1), market.prices(())["BTC"]
    agrees_with_one_theft(found, own, market.weights, price, chance, sigma)


@pytest.mark.parametrize("sigma", [0.5, 1.2])
def test_an_emptied_wallet_leaves_its_points_to_the_other_token(sigma: float) -> None:
    """One sum at most in one token, a wide law in the other: drawn scenarios are so many that a
    cloud has few points.
    """
    market, chance = Many(), 0.3
    lines = [
        Compound("one", lambda _t, _y: (Binomial(1, 0.2), Constant(BTC))),
        Compound("two", lambda _t, _y: (Binomial(1, chance), Lognormal(LOG, sigma))),
    ]
    found = Joint(Register(lines), (), market, {"one": "BTC", "two": "ETH"}).law()
    price = market.prices(())
    own = market.parts(()).sum(axis=1)
    others = np.concatenate([own, own + price["BTC"] * BTC])
    weights = np.concatenate([0.8 * market.weights, 0.2 * market.weights])
    agrees_with_one_theft(found, others, weights, np.tile(price["ETH"], 2), chance, sigma)


class Many(Market):
    """The same, each scenario forty times."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = np.tile(self.ends, (40, 1))
        self.weights = np.full(len(self.ends), 1.0 / len(self.ends))


def bear(joint: Joint, losses: np.ndarray, weights: np.ndarray, parts: dict) -> None:
    """What lines and holdings bear beyond VaR, against the same of all scenarios and counts."""
    law = joint.law()
    for level in (0.95, 0.99, 0.999):
        var, cvar = read(losses, weights, level)
        tail, at = weights * (losses > var), weights * (losses == var)
        tail += at * (1.0 - level - tail.sum()) / at.sum()
        found = contributions(joint, law, level)
        known = {**found.lines, **found.holdings}
        assert abs(found.off) < 1e-4
        assert known.keys() == parts.keys()
        for key, part in parts.items():
            share = float(np.sum(tail * part)) / (1.0 - level)
            assert known[key] == pytest.approx(share, abs=1e-4 * cvar)


def test_who_bears_fixed_sums_in_two_tokens() -> None:
    market = Market()
    lines = [fixed("one", 0.3, BTC), fixed("two", 0.5, ETH)]
    joint = Joint(Register(lines), (), market, {"one": "BTC", "two": "ETH"})
    price = {token: own[:, None, None] for token, own in market.prices(()).items()}
    held = market.parts(()).T[:, :, None, None]
    parts = {
        "one": price["BTC"] * BTC * MANY[:, None],
        "two": price["ETH"] * ETH * MANY,
        "BTC": held[0],
        "ETH": held[1],
    }
    chances = [stats.poisson.pmf(MANY, rate) for rate in (0.3, 0.5)]
    bear(joint, both(market), evenly(*chances), parts)


def test_who_bears_two_thefts_of_one_wallet_and_money_that_share_a_belief() -> None:
    """Two lines in one token, one in money, all at rates of one belief: the wallet pays in
    proportion to what is stolen from it.
    """
    market, belief, few = Bitcoin(), Shared("signers", Beta(3.0, 9.0)), np.arange(8)
    rates, cap = (1.5, 0.8, 2.0), 12e6
    lines = [
        replace(fixed("one", rates[0], 8e6, belief), group="wallet"),
        replace(fixed("two", rates[1], 2e6, belief), group="wallet"),
        fixed("money", rates[2], 3e6, belief),
    ]
    register = Register(lines, caps={"wallet": cap})
    joint = Joint(register, (), market, {"one": "BTC", "two": "BTC"})
    nodes, weights = np.polynomial.legendre.leggauss(200)
    values = 0.5 * (nodes + 1.0)
    weights = 0.5 * weights * stats.beta(3.0, 9.0).pdf(values)
    counts = [stats.poisson.pmf(few, rate * values[:, None]) for rate in rates]
    chances = np.einsum("q,qi,qj,qk->ijk", weights, *counts)
    price = market.prices(())["BTC"][:, None, None, None]
    own = [8e6 * few[:, None, None], 2e6 * few[:, None]]
    kept = np.minimum(1.0, cap / np.maximum(own[0] + own[1], 1.0))
    held = market.parts(()).T[:, :, None, None, None]
    parts = {
        "one": price * own[0] * kept,
        "two": price * own[1] * kept,
        "money": 3e6 * few,
        "BTC": held[0],
        "ETH": held[1],
    }
    weights = np.broadcast_to(chances / chances.sum() / COUNT, (COUNT, *chances.shape))
    bear(joint, sum(parts.values()), weights, parts)


@pytest.mark.parametrize("held", [1e6, 5e7])
def test_how_sure_drawn_scenarios_are(held: float) -> None:
    """A theft is dear where its token is, so scenarios differ even where little is held: the
    standard error of their mean excess, all counts enumerated in each.
    """
    market = Market((held, 5e5))
    lines = [fixed("one", 0.3, BTC), fixed("two", 0.5, ETH)]
    joint = Joint(Register(lines), (), market, {"one": "BTC", "two": "ETH"})
    law, levels = joint.law(), (0.95, 0.99)
    counts = np.outer(*(stats.poisson.pmf(MANY, rate) for rate in (0.3, 0.5)))
    found = drawn(joint, law, levels)
    for level in levels:
        excess = np.maximum(both(market) - law.var(level), 0.0)
        mean = np.einsum("sij,ij->s", excess, counts)
        error = mean.std() / math.sqrt(COUNT) / (1.0 - level)
        assert found[level].cvar == pytest.approx(error, rel=1e-2)
        above = np.einsum("sij,ij->s", excess > 0.0, counts)
        apart = above.std() / math.sqrt(COUNT) / law.density(law.var(level))
        assert found[level].var == pytest.approx(apart, rel=1e-2)


def test_clouds_keep_mass_and_means_of_every_pattern() -> None:
    """Three tokens: probability of each set of them, and E[U; all of the set lose], as counted."""
    rates, sizes = {"BTC": 0.4, "ETH": 0.7, "SOL": 0.2}, {"BTC": 8e6, "ETH": 5e6, "SOL": 1e6}
    market = Three()
    lines = [fixed(t, rates[t], sizes[t]) for t in rates]
    joint = Joint(Register(lines), (), market, {t: t for t in rates})
    clouds = joint.clouds
    assert isinstance(clouds, Clouds)
    (term,) = clouds.terms(tuple(0 for _ in clouds.patterns), rough=False)
    known = {cloud.tokens: cloud for cloud in term.clouds}
    assert len(known) == 8
    for hit in itertools.product((False, True), repeat=3):
        tokens = tuple(t for t, yes in zip(sorted(rates), hit, strict=True) if yes)
        none = math.exp(-sum(rate for t, rate in rates.items() if t not in tokens))
        chance = none * math.prod(1.0 - math.exp(-rates[t]) for t in tokens)
        cloud = known[tokens]
        assert cloud.mass.sum() == pytest.approx(chance, rel=1e-9)
        for place, t in enumerate(tokens):
            others = math.prod(1.0 - math.exp(-rates[s]) for s in tokens if s != t)
            mean = none * others * rates[t] * sizes[t]
            assert float(cloud.mass @ cloud.places[place]) == pytest.approx(mean, rel=1e-7)


class Three(Market):
    """A third token that moves with neither."""

    def prices(self, rungs: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {**super().prices(rungs), "SOL": self.ends[::-1, 1]}
