# SPDX-License-Identifier: Apache-2.0
"""Credible intervals of the joint law against figures given each belief in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.band import band
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Binomial
from perilscope.engines.laws.distributions import Constant, Discrete, Uniform
from perilscope.errors import MisuseError

LOSSES = np.array([4.0, -4.0, 0.0, 12.0])
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
COSTS = {"a": 7.0, "b": 10.0}
CHANCE = Uniform(0.02, 0.3)
PEG = Interface("peg", np.array([0.8, 0.2]), ({}, {}), (0, 1), moves=True)


class Market(Scenarios):
    names, weights = ("fund",), WEIGHTS

    def parts(self, rungs):
        return (LOSSES + 6.0 * rungs[0])[:, None]

    def prices(self, rungs):
        return {"coin": np.array([0.5, 1.5, 1.0, 1.0])}


def _joint(beliefs, tokens=None):
    lines = [
        Compound(
            key,
            lambda theta, _y, cost=COSTS[key]: (Binomial(1, theta[0]), Constant(cost)),
            beliefs=(law,),
        )
        for key, law in beliefs.items()
    ]
    wide = Window(Grid(1.0, 256, lattice=True), 64)
    return Joint(Register(lines), (PEG,), Market(), tokens, wide=wide, cells=4 if tokens else 0)


def _given(chances, level, times=((1.0, 1.0),)):
    """Mean, VaR, CVaR and P(L > 12) with the chance of each line known, by listing.

    ``times`` lists (weight, factor) of what multiplies all chances at once.
    """
    listed = {}
    for (weight, factor), (s, rung), hits in itertools.product(
        times,
        itertools.product(range(4), (0, 1)),
        itertools.product((0, 1), repeat=len(chances)),
    ):
        p, loss = weight * WEIGHTS[s] * (0.2 if rung else 0.8), LOSSES[s] + 6.0 * rung
        for key, hit in zip(chances, hits, strict=True):
            p *= factor * chances[key] if hit else 1.0 - factor * chances[key]
            loss += COSTS[key] * hit
        listed[loss] = listed.get(loss, 0.0) + p
    places, mass = map(np.array, zip(*sorted(listed.items()), strict=True))
    var = places[int(np.searchsorted(np.cumsum(mass), level - 1e-12))]
    cvar = var + float(mass @ np.maximum(places - var, 0.0)) / (1.0 - level)
    return float(mass @ places), var, cvar, float(mass[places > 12.0].sum())


@pytest.mark.parametrize("shared", [False, True])
def test_intervals_are_figures_at_the_quantiles_of_what_moves_them(shared):
    """One belief moves everything, alone or shared by both lines: figures rise with it."""
    law = Shared("chance", CHANCE) if shared else CHANCE
    keys = ("a", "b") if shared else ("a",)
    joint = _joint(dict.fromkeys(keys, law))
    level, draws = 0.9, 512
    found = band(joint, joint.law(), (level,), seed=3, draws=draws)
    ends = [_given(dict.fromkeys(keys, float(CHANCE.ppf(u))), level) for u in (0.05, 0.95)]
    # one draw in each of 512 strata: an end lies within two of them
    near = [
        _given(dict.fromkeys(keys, float(CHANCE.ppf(u))), level)
        for u in (0.05 + 2 / draws, 0.95 + 2 / draws)
    ]
    for k, interval in ((0, found.mean), (2, found.cvar[level])):
        for end, low, other in zip((interval.low, interval.high), ends, near, strict=True):
            assert end == pytest.approx(low[k], abs=abs(other[k] - low[k]) + 1e-9)
    assert (found.var[level].low, found.var[level].high) == (ends[0][1], ends[1][1])
    at = int(np.flatnonzero(found.curve.losses == 12.0)[0])
    for end, low, other in zip(
        (found.curve.low[at], found.curve.high[at]), ends, near, strict=True
    ):
        assert end == pytest.approx(low[3], abs=abs(other[3] - low[3]) + 1e-9)


def test_independent_beliefs_by_their_own_draws():
    """Two beliefs: the interval of CVaR is that of the listed figures over many random beliefs."""
    joint, level = _joint({"a": CHANCE, "b": CHANCE}), 0.9
    found = band(joint, joint.law(), (level,), seed=3, draws=512)
    rng = np.random.default_rng(1)
    drawn = [
        _given({"a": float(p), "b": float(q)}, level)[2]
        for p, q in rng.uniform(0.02, 0.3, (4_000, 2))
    ]
    low, high = np.quantile(drawn, [0.05, 0.95])
    assert found.cvar[level].low == pytest.approx(low, abs=4.0 * found.cvar[level].low_error)
    assert found.cvar[level].high == pytest.approx(high, abs=4.0 * found.cvar[level].high_error)
    # a shared belief leaves more open than two of their own
    both = _joint(dict.fromkeys(("a", "b"), Shared("chance", CHANCE)))
    wider = band(both, both.law(), (level,), seed=3, draws=512).cvar[level]
    assert wider.high - wider.low > 1.2 * (high - low)


def test_what_is_counted_in_tokens_moves_the_same_figure():
    """The interval stands about the figure of the law with its prices."""
    joint = _joint({"a": CHANCE}, {"a": "coin"})
    law = joint.law()
    found = band(joint, law, (0.9,), seed=3)
    assert found.cvar[0.9].low < law.cvar(0.9) < found.cvar[0.9].high
    assert found.mean.low < law.mean < found.mean.high


def test_nothing_believed_leaves_nothing_open():
    joint = _joint({"a": Constant(0.1)})
    law = joint.law()
    found = band(joint, law, (0.9,), seed=3)
    assert found.draws == 0
    assert found.cvar[0.9].low == found.cvar[0.9].high == law.cvar(0.9)


def test_what_cannot_be_drawn_is_refused():
    joint = _joint({"a": CHANCE})
    with pytest.raises(MisuseError, match="at least 20 draws"):
        band(joint, joint.law(), (0.9,), seed=3, draws=5)


def test_chance_that_moves_several_lines_is_averaged_in_every_draw():
    """A bad year doubles both chances; only one belief, about the first line, is drawn."""
    bad = Shared("bad years", Discrete((1.0, 2.0), (0.75, 0.25)), chance=True)
    lines = [
        Compound(
            "a",
            lambda theta, _y: (Binomial(1, theta[0] * theta[1]), Constant(COSTS["a"])),
            beliefs=(CHANCE, bad),
        ),
        Compound(
            "b", lambda theta, _y: (Binomial(1, 0.2 * theta[0]), Constant(COSTS["b"])), (bad,)
        ),
    ]
    wide = Window(Grid(1.0, 256, lattice=True), 64)
    joint = Joint(Register(lines), (PEG,), Market(), wide=wide)
    level, draws, times = 0.9, 512, ((0.75, 1.0), (0.25, 2.0))
    found = band(joint, joint.law(), (level,), seed=3, draws=draws)

    def figures(u):
        return _given({"a": float(CHANCE.ppf(u)), "b": 0.2}, level, times)

    ends = [figures(u) for u in (0.05, 0.95)]
    near = [figures(u) for u in (0.05 + 2 / draws, 0.95 + 2 / draws)]
    for k, interval in ((0, found.mean), (2, found.cvar[level])):
        for end, low, other in zip((interval.low, interval.high), ends, near, strict=True):
            assert end == pytest.approx(low[k], abs=abs(other[k] - low[k]) + 1e-9)
    # without the belief chance alone leaves nothing open
    alone = Joint(Register(lines[1:]), (PEG,), Market(), wide=wide)
    none = band(alone, alone.law(), (level,), seed=3)
    assert none.draws == 0
