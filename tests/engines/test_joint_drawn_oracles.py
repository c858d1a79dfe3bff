# SPDX-License-Identifier: Apache-2.0
"""The exact joint law and its simulation, which share no transform, on random institutions."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from perilscope.engines.compound import Compound
from perilscope.engines.counts import Binomial, Poisson
from perilscope.engines.distributions import Exponential, Lognormal, Uniform
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.drawn import Drawn, draw
from perilscope.engines.joint.parts import Interface
from perilscope.engines.register import Register
from perilscope.errors import AssessmentError

WIDE = bool(os.environ.get("PERILSCOPE_SEARCH"))
SEEDS, DRAWS = (range(100), 10_000_000) if WIDE else (range(4), 50_000)


class Market:
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


def gaps(joint: Joint, drawn: Drawn, interfaces: list[np.ndarray]) -> list[float]:
    """Differences of both ways, in standard errors: the mean, and how often VaR is exceeded."""
    law = joint.law(interfaces)
    known = drawn.strata.weighed(drawn.weights(interfaces))
    found = [(known.mean.value - law.mean) / known.mean.error]
    for level in (0.9, 0.95, 0.99):
        x = law.var(level) + 2.0 * law.step
        exceed = known.exceed(x)
        found.append((exceed.value - law.exceed(x)) / exceed.error)
        c = known.cvar(level)
        found.append((c.value - law.cvar(level)) / c.error)
    return found


def test_both_ways_agree_on_random_institutions_before_and_after_evidence() -> None:
    every = []
    for seed in SEEDS:
        joint = institution(seed, coins=seed % 3 == 0)
        drawn = draw(joint, DRAWS, seed, fewest=DRAWS // 6)
        every += gaps(joint, drawn, joint.weights)
        # the same draws under other probabilities: staff fails for sure, the peg likelier breaks
        other = [np.array([0.5, 0.2, 0.3]), np.array([0.0, 1.0])]
        every += gaps(joint, drawn, other)
    z = np.array(every)
    assert np.abs(z).max() <= 5.0, z
    assert (np.abs(z) > 3.0).mean() <= (0.01 if WIDE else 0.03), z
    assert abs(z.mean()) < 5.0 / math.sqrt(len(z))  # figures of one institution go together


def test_threads_change_no_bit_and_many_states_are_refused() -> None:
    joint = institution(3, coins=False)
    one, two = draw(joint, 5_000, 1), draw(joint, 5_000, 1, workers=2)
    assert np.array_equal(one.strata.losses, two.strata.losses)
    assert min(one.strata.counts) >= 200
    wide = [Interface(f"n{i}", np.full(8, 0.125), ({},) * 8, tuple(range(8))) for i in range(4)]
    many = Joint(Register(list(joint.register.lines.values())), wide, Market(1))
    with pytest.raises(AssessmentError, match="4,096 joint states"):
        draw(many, 10_000, 1)
