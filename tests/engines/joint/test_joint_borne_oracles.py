# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail of a joint law: against slopes by bumping, and against Panjer's recursion."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from perilscope.engines.aggregate.allocation import weighed_sizes
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint import borne, causes, parts
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Interface, Rungs, Scenarios
from perilscope.engines.joint.reach import SURE
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Binomial, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import Constant, Exponential, Gamma

Array = npt.NDArray[np.float64]
LEVEL = 0.975


class Desk(Scenarios):
    """A coin and a stable coin in scenarios of which each rung takes a share of the second."""

    names = ("BTC", "USDC")

    def __init__(self, prices: Array, values: tuple[float, float], falls: tuple[float, ...]):
        self.each, self.values, self.falls = prices, np.array(values), falls
        self.weights = np.full(len(prices), 1.0 / len(prices))

    def _at(self, rungs: Rungs) -> Array:
        fall = math.prod(self.falls[r] for r in rungs)
        found: Array = self.each * np.array([1.0, fall])
        return found

    def parts(self, rungs: Rungs) -> Array:
        found: Array = -self.values * (self._at(rungs) - 1.0)
        return found

    def prices(self, rungs: Rungs) -> dict[str, Array]:
        p = self._at(rungs)
        return {"BTC": p[:, 0], "USDC": p[:, 1]}


def _desk(values: tuple[float, float] = (6.0, 4.0), size: int = 24) -> Desk:
    rng = np.random.default_rng(5)
    logs = rng.standard_normal((size, 2)) * [0.5, 0.1]
    return Desk(np.exp(logs - [0.125, 0.005]), values, (1.0, 0.7))


# --- every kind of line, against CVaR with a little more of it

KINDS: dict[str, tuple[Any, Any]] = {
    "often": (Poisson(2.0), Gamma(2.0, 0.5)),
    "clustered": (NegativeBinomial(1.5, 1.0), Exponential(1.0)),
    "peg_a": (Poisson(0.8), Exponential(2.0)),
    "peg_b": (Binomial(2, 0.4), Gamma(1.5, 1.0)),
    "cloud_a": (Poisson(1.0), Exponential(1.5)),
    "cloud_b": (Poisson(0.5), Gamma(3.0, 0.5)),
    "coins_hot": (Poisson(0.6), Exponential(2.0)),
    "coins_cold": (NegativeBinomial(2.0, 0.2), Gamma(2.0, 1.0)),
    "coins_staff": (Poisson(0.7), Exponential(1.5)),
}
COINS = {"coins_hot": "BTC", "coins_cold": "BTC", "coins_staff": "BTC"}


def _hits(*keys: str) -> tuple[dict[str, bool], ...]:
    either = itertools.product((False, True), repeat=len(keys))
    return tuple(dict(zip(keys, at, strict=True)) for at in either)


PEG = Interface(
    "peg", np.array([0.7, 0.1, 0.1, 0.1]), _hits("peg_a", "peg_b"), (0, 1, 1, 1), moves=True
)
CLOUD = Interface("cloud", np.array([0.6, 0.2, 0.1, 0.1]), _hits("cloud_a", "cloud_b"), (0,) * 4)
STAFF = Interface("staff", np.array([0.8, 0.2]), _hits("coins_staff"), (0, 0))
WIDE = Window(Grid(96.0 / 2**12, 2**12), 2**9)


def _law(
    more: str = "", by: float = 0.0, tokens: dict[str, str] = COINS
) -> tuple[Joint, SignedLaw]:
    """Everything, with a little more of one line or of one holding."""
    lines = []
    for key, (counts, severity) in KINDS.items():
        scale = Constant(1.0 + by * (key == more))
        line = Compound(key, lambda _t, _y, c=counts, s=severity: (c, s))
        lines.append(replace(line, scale=scale))
    held = (6.0 * (1.0 + by * (more == "BTC")), 4.0 * (1.0 + by * (more == "USDC")))
    driven = (PEG, CLOUD, STAFF)
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in driven]
    desk = _desk(held)
    # a cell for each scenario, so that a bump does not gather them otherwise
    joint = Joint(
        Register(lines, mixtures=mixtures), driven, desk, tokens, wide=WIDE, cells=len(desk.each)
    )
    return joint, joint.law()


@pytest.mark.parametrize("few", [16, 1])
@pytest.mark.parametrize("tokens", [COINS, {}])
def test_contributions_are_slopes_of_cvar(
    monkeypatch: pytest.MonkeyPatch, few: int, tokens: dict[str, str]
) -> None:
    """Euler: what X bears is the slope of CVaR(L + e X) by e, by central differences."""
    monkeypatch.setattr(parts, "FEW", few)
    joint, law = _law(tokens=tokens)
    assert any(part.many for part in joint.parts) is (few == 1)
    found = borne.contributions(joint, law, LEVEL)
    step = 2e-3
    for name, share in {**found.lines, **found.holdings}.items():
        up, down = (_law(name, way * step, tokens)[1].cvar(LEVEL) for way in (1.0, -1.0))
        assert share == pytest.approx((up - down) / (2 * step), abs=2e-4 * law.cvar(LEVEL)), name
    every = [*found.lines.values(), *found.holdings.values()]
    assert math.fsum(every) == pytest.approx(law.cvar(LEVEL), rel=1e-12)
    assert abs(found.off) < 1e-4


# --- two thefts in one token, by Panjer's recursion in each scenario

HOT, COLD = (0.9, 2.0), (0.4, 3.0)
"""Events in a year, and the mean amount of one in coins, exponential."""
STEP, POINTS = 1 / 32, 2**11


def _panjer(rate: float, mean: float) -> Array:
    """Law of a compound Poisson sum of exponential losses on the grid, by recursion."""
    ends = np.exp(-STEP * np.maximum(np.arange(POINTS + 1) - 0.5, 0.0) / mean)
    event = ends[:-1] - ends[1:]
    law = np.zeros(POINTS)
    law[0] = math.exp(-rate * (1.0 - event[0]))
    places = np.arange(1, POINTS)
    for k in range(1, POINTS):
        j = places[:k]
        law[k] = rate / k * float((j * event[j]) @ law[k - j])
    return law


def _by_panjer(desk: Desk) -> tuple[float, tuple[float, float, float]]:
    """CVaR, and what hot and cold thefts and the market bear, adding scenario to scenario."""
    losses, prices = desk.parts(()).sum(axis=1), desk.prices(())["BTC"]
    rows = []
    for loss, price in zip(losses, prices, strict=True):
        one, two = (_panjer(rate, mean * price) for rate, mean in (HOT, COLD))
        x = np.arange(POINTS) * STEP
        both = np.convolve(one, two)[:POINTS]
        hot = np.convolve(one * x, two)[:POINTS]
        cold = np.convolve(one, two * x)[:POINTS]
        rows.append(np.stack([x + loss, both, hot, cold, both * loss]))
    places, mass, *sizes = (
        np.concatenate(each) / (1 if i == 0 else len(rows))
        for i, each in enumerate(zip(*rows, strict=True))
    )
    order = np.argsort(places)
    reached = np.cumsum(mass[order])
    tail = np.searchsorted(reached, LEVEL)
    worst = order[tail:]
    spare = float(reached[tail]) - LEVEL  # of the first point only this much is in the tail
    first = order[tail]
    share = np.ones(len(worst))
    share[0] = spare / mass[first]
    shares = [float(size[worst] @ share) / (1.0 - LEVEL) for size in sizes]
    return math.fsum(shares), (shares[0], shares[1], shares[2])


@pytest.mark.parametrize(("cells", "near"), [(24, 3e-4), (0, 1e-3)])
def test_two_thefts_in_one_token_by_panjers_recursion(cells: int, near: float) -> None:
    desk = _desk((-3.0, 0.0))  # short: dear coins cost twice
    lines = [
        Compound(key, lambda _t, _y, r=rate, m=mean: (Poisson(r), Exponential(m)))
        for key, (rate, mean) in (("hot", HOT), ("cold", COLD))
    ]
    wide = Window(Grid(96.0 / 2**13, 2**13), 2**9)
    joint = Joint(Register(lines), (), desk, {"hot": "BTC", "cold": "BTC"}, wide=wide, cells=cells)
    law = joint.law()
    cvar, expected = _by_panjer(desk)
    assert law.cvar(LEVEL) == pytest.approx(cvar, rel=near)
    found = borne.contributions(joint, law, LEVEL)
    shares = [found.lines["hot"], found.lines["cold"], math.fsum(found.holdings.values())]
    assert shares == pytest.approx(expected, abs=2 * near * cvar)


# --- the window that is chosen


def test_chosen_window_holds_thefts_at_the_scenarios_prices() -> None:
    """No more is left beyond it than is sought, and one four times as wide changes no figure."""
    lines = [Compound("hot", lambda _t, _y: (Poisson(0.5), Gamma(0.5, 8e6)))]
    rng = np.random.default_rng(8)
    prices = np.exp(rng.standard_normal((2_000, 2)) * [0.7, 0.1] - [0.245, 0.005])
    desk = Desk(prices, (2e6, 1e6), (1.0,))
    made = Joint(Register(lines), (), desk, {"hot": "BTC"}, cells=64)
    law = made.law()
    assert law.beyond <= SURE
    grid = replace(made.window.grid, points=4 * made.window.grid.points)
    wider = Joint(
        Register(lines), (), desk, {"hot": "BTC"}, cells=64, wide=Window(grid, made.window.zero)
    ).law()
    for level in (0.95, 0.99, 0.999):
        assert law.cvar(level) == pytest.approx(wider.cvar(level), rel=1e-6)
        assert law.var(level) == pytest.approx(wider.var(level), rel=1e-6)


# --- what inner products stand for


def test_weighed_sizes_are_sums_over_laws_brought_back() -> None:
    grid = Grid(0.25, 2**10)
    lines = {
        key: Compound(key, lambda _t, _y, c=counts, s=severity: (c, s))
        for key, (counts, severity) in list(KINDS.items())[:2]
    }
    register = Register(list(lines.values()), grid=grid)
    transforms, weights = Transforms(grid), np.linspace(1.0, 0.0, grid.points) ** 3
    found = weighed_sizes(transforms, register.components, register.lines, grid.weighing(weights))
    laws = {key: grid.back(transforms.line(line, False)) for key, line in register.lines.items()}
    for key, other in (("often", "clustered"), ("clustered", "often")):
        sized = np.convolve(laws[key] * grid.places, laws[other])[: grid.points]
        assert found[key] == pytest.approx(float(weights @ sized), rel=1e-9)


@pytest.mark.parametrize("loss", [3.0, 11.3, 30.0])
def test_what_lies_beyond_a_loss_is_that_of_the_law_brought_back(loss: float) -> None:
    """Every state of every part, against its law on the whole window, read as any joint law is."""
    joint, law = _law()
    tails = causes.tails(joint, law, loss)
    for i, interface in enumerate((PEG, CLOUD, STAFF)):
        for k in range(len(interface.weights)):
            weights = list(joint.weights)
            weights[i] = np.eye(len(interface.weights))[k]
            given = joint.law(weights)
            assert tails[i].exceed[k] == pytest.approx(given.exceed(loss), abs=1e-12)
            assert tails[i].excess[k] == pytest.approx(given.excess(loss), abs=1e-10)
