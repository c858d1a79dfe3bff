# SPDX-License-Identifier: Apache-2.0
"""The exact joint law and its simulation, which share no transform, on random institutions."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.drawn import draw, pages, planned
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Exponential, Lognormal, Uniform
from perilscope.errors import AssessmentError

WIDE = os.environ.get("PERILSCOPE_SEARCH", "")
FIRST, LAST, DRAWS, SEED = (
    (int(float(x)) for x in WIDE.split(","))
    if "," in WIDE
    else ((0, 100, 10_000_000, 0) if WIDE else (0, 6, 100_000, 0))
)


class Market(Scenarios):
    """Scenarios of two holdings; a state of prices takes a share of the second."""

    names = ("BTC", "USDC")

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        moves = np.exp(rng.standard_t(5, (2_000, 2)) * [0.2, 0.01])
        self.ends = np.clip(moves, 0.2, 5.0)
        self.values = np.array([rng.uniform(1e6, 2e7), rng.uniform(1e6, 1e7)])
        self.weights = np.full(len(moves), 1.0 / len(moves))

    def _prices(self, rungs: tuple[int, ...]) -> np.ndarray:
        return self.ends * np.array([1.0, math.prod(1.0 - 0.15 * r for r in rungs)])

    def parts(self, rungs: tuple[int, ...]) -> np.ndarray:
        return -self.values * (self._prices(rungs) - 1.0)

    def prices(self, rungs: tuple[int, ...]) -> dict[str, np.ndarray]:
        found = self._prices(rungs)
        return {"BTC": found[:, 0], "USDC": found[:, 1]}


def institution(seed: int, *, coins: bool) -> Joint:
    rng = np.random.default_rng(1_000 + seed)

    def line(key: str, group: str = "") -> Compound:
        rate, size = float(10 ** rng.uniform(-1.5, 0.7)), float(10 ** rng.uniform(4.5, 6.3))
        severity = [
            Lognormal(math.log(size), float(rng.uniform(0.3, 1.2))),
            Exponential(size),
            Uniform(0.2 * size, 2.0 * size),
        ][int(rng.integers(3))]
        few = rng.random() < 0.3
        counts = (lambda y: Binomial(1, min(rate, 0.6))) if few else (lambda y: Poisson(rate * y))
        return Compound(key, lambda _t, y: (counts(y), severity), group=group)

    lines = [line("a", "wallet"), line("b", "wallet"), line("c"), line("d"), line("coins")]
    peg = Interface(
        "peg",
        rng.dirichlet([6.0, 1.0, 1.0]),
        tuple({"a": x, "c": y} for x, y in ((False, False), (True, False), (True, True))),
        (0, 0, 1),
        moves=True,
    )
    staff = Interface("staff", rng.dirichlet([5.0, 1.0]), ({"d": False}, {"d": True}), (0, 0))
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in (peg, staff)]
    register = Register(lines, mixtures=mixtures, caps={"wallet": float(10 ** rng.uniform(6, 7))})
    tokens = {"coins": "BTC"} if coins else {}
    return Joint(register, (peg, staff), Market(seed), tokens, cells=256 if coins else 0)


LEVELS = (0.9, 0.95, 0.99, 0.999)
OTHER = [np.array([0.5, 0.2, 0.3]), np.array([0.0, 1.0])]
"""Staff fails for sure, the peg likelier breaks."""


def gaps(joint: Joint, draws: int, seed: int) -> list[float]:
    """Differences of both ways in standard errors, before evidence and after, of the same draws.

    Of the mean, of P(loss > x) over one step of the grid (market scenarios are atoms, which a grid
    puts on the points beside them), and of E(loss - x)+, for x about VaR at four levels. Only sums
    are kept, so that memory does not grow with the draws.
    """
    laws = [joint.law(), joint.law(OTHER)]
    low, h = laws[0].window.low, laws[0].step
    xs = [[low + round((law.var(a) - low) / h) * h for a in LEVELS] for law in laws]
    plan = planned(joint.weights, draws, seed, fewest=draws // 6)
    strata, count, centre = plan.strata, plan.count, laws[0].mean

    def read(here: slice, losses: np.ndarray) -> np.ndarray:
        values = [losses - centre]
        for x in (*xs[0], *xs[1]):
            beyond = np.maximum(losses - x, 0.0)
            values += [np.minimum(beyond, h) / h, beyond]
        return np.array([[np.bincount(strata[here], v**k, count) for v in values] for k in (1, 2)])

    sums = sum(pages(joint, plan, seed, read))
    n = np.bincount(strata, minlength=count)
    means = sums[0] / n
    spread = (sums[1] / n - means**2) / (n - 1)
    found = []
    for place, (law, weights) in enumerate(zip(laws, (joint.weights, OTHER), strict=True)):
        w = np.outer(*weights).ravel()
        value, error = means @ w, np.sqrt(spread @ w**2)
        exact = [law.mean - centre]
        for x in xs[place]:
            exact += [(law.excess(x) - law.excess(x + h)) / h, law.excess(x)]
        first = 1 + 2 * len(LEVELS) * place
        mine = [0, *range(first, first + 2 * len(LEVELS))]
        found += ((value[mine] - exact) / error[mine]).tolist()
    return found


def test_both_ways_agree_on_random_institutions_before_and_after_evidence() -> None:
    """With PERILSCOPE_SEARCH=first,last,draws,seed as asked; 100 institutions of 1e7 in the end."""
    z = []
    for one in range(FIRST, LAST):
        z.append(gaps(institution(one, coins=one % 3 == 0), DRAWS, SEED + one))
        if WIDE:
            print(one, SEED + one, " ".join(f"{x:.1f}" for x in z[-1]), flush=True)
    table = np.array(z)
    assert np.abs(table).max() <= 5.0, table
    assert (np.abs(table) > 3.0).mean() <= 0.01, table
    # figures of one institution go together, institutions do not
    assert np.abs(table.mean(axis=0)).max() < (3.5 if WIDE else 4.0) / math.sqrt(len(table))


def test_what_lies_beyond_the_window_is_added_by_means_and_what_wraps_is_bounded() -> None:
    """Of P(beyond) a share exp(-tilt) comes back, and each costs E(loss - x)+ a range at most."""
    for one in range(6):
        joint = institution(one, coins=one % 3 == 0)
        for law in (joint.law(), joint.law(OTHER)):
            grid = law.window.grid
            wrapped = law.beyond * math.exp(-grid.tilt) * grid.range
            assert wrapped / (1.0 - 0.99) < 1e-6 * law.cvar(0.99)


def test_horizons_that_are_kept_give_the_same_figures_and_their_errors() -> None:
    joint = institution(4, coins=False)
    drawn = draw(joint, 200_000, 11)
    for weights in (joint.weights, OTHER):
        law, known = joint.law(weights), drawn.weighed(weights)
        assert abs(known.mean.value - law.mean) < 4.0 * known.mean.error
        for level in (0.95, 0.99):
            for found, exact in ((known.var, law.var), (known.cvar, law.cvar)):
                assert abs(found(level).value - exact(level)) < 4.0 * found(level).error
    with pytest.raises(AssessmentError, match=r"tail beyond 0\.99 is worth"):
        draw(joint, 5_000, 1).weighed([np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0])]).cvar(0.99)


def test_threads_change_no_bit() -> None:
    joint = institution(3, coins=True)
    one, two = draw(joint, 150_000, 1), draw(joint, 150_000, 1, workers=2)
    assert np.array_equal(one.losses, two.losses)
    assert min(one.strata.counts) >= 200


def test_too_many_states_are_drawn_themselves_and_weigh_the_ratio() -> None:
    """Four networks of eight states move one price: against the exact law, evidence too."""
    lines = list(institution(3, coins=False).register.lines.values())
    rng = np.random.default_rng(8)
    wide = [
        Interface(f"n{i}", rng.dirichlet(np.ones(8)), ({},) * 8, (0, 0, 0, 0, 0, 0, 1, 1), True)
        for i in range(4)
    ]
    joint = Joint(Register(lines), wide, Market(1))
    drawn = draw(joint, 300_000, 5)
    assert drawn.plan.chances
    assert drawn.plan.count == 1
    after = [rng.dirichlet(np.ones(8)) if i % 2 else w for i, w in enumerate(joint.weights)]
    for weights in (joint.weights, after):
        law, known = joint.law(weights), drawn.weighed(weights)
        assert abs(known.mean.value - law.mean) < 4.0 * known.mean.error
        for level in (0.95, 0.99):
            assert abs(known.cvar(level).value - law.cvar(level)) < 4.0 * known.cvar(level).error
            x = law.var(level) + 2.0 * law.step
            exceed = known.exceed(x)
            assert abs(exceed.value - law.exceed(x)) < 4.0 * exceed.error
    assert drawn.weighed(after).effective(0.95) < drawn.weighed(joint.weights).effective(0.95)
