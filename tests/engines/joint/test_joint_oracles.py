# SPDX-License-Identifier: Apache-2.0
"""The joint law against closed forms, enumeration by brute force, and a much finer grid."""

from __future__ import annotations

import itertools
import math
import os
from collections import defaultdict

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid, spread
from perilscope.engines.joint import borne, causes, cells
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Interface, Scenarios
from perilscope.engines.joint.reach import SURE
from perilscope.engines.joint.reweighted import Blocks, StateLaws, read
from perilscope.engines.joint.window import Window, window
from perilscope.engines.laws.counts import Binomial, Poisson
from perilscope.engines.laws.distributions import Constant, Discrete, Exponential, Lognormal
from perilscope.errors import AssessmentError, MisuseError

from ...reference import case

WIDE = bool(os.environ.get("PERILSCOPE_SEARCH"))


class Market(Scenarios):
    """A few scenarios of two holdings; each rung takes a share of the second's price."""

    names = ("BTC", "USDC")

    def __init__(self, moves, values, falls=(1.0,), weights=None):
        self.moves, self.values, self.falls = np.asarray(moves, float), np.asarray(values), falls
        n = len(self.moves)
        self.weights = np.full(n, 1.0 / n) if weights is None else np.asarray(weights)

    def _prices(self, rungs):
        fall = math.prod(self.falls[r] for r in rungs)
        return (1.0 + self.moves) * np.array([1.0, fall])

    def parts(self, rungs):
        return -self.values * (self._prices(rungs) - 1.0)

    def prices(self, rungs):
        p = self._prices(rungs)
        return {"BTC": p[:, 0], "USDC": p[:, 1]}


# --- closed forms


def _mixture(p, level):
    """VaR and CVaR of N(0,5) with 1 - p and N(12,8) with p, by root finding and integration."""
    laws = ((1 - p, 0.0, 5.0), (p, 12.0, 8.0))
    v = brentq(lambda x: sum(w * norm.sf((x - m) / s) for w, m, s in laws) - (1 - level), -50, 90)
    above = sum(
        w * (s * norm.pdf((v - m) / s) + (m - v) * norm.sf((v - m) / s)) for w, m, s in laws
    )
    return v, v + above / (1 - level)


def _normal(mean, sd, grid, low):
    """A normal law on a window, its limited means exact."""
    x = low + np.arange(grid.points + 1) * grid.step
    z = (x - mean) / sd
    return spread(x - low - (sd * norm.pdf(z) + (x - mean) * norm.cdf(z)), grid.step)


def _two_states(points):
    wide = Window(Grid(240.0 / points, points), points // 4)
    half = wide.coarse()
    fine = [_normal(m, s, wide.grid, wide.low) for m, s in ((0.0, 5.0), (12.0, 8.0))]
    z = np.stack([wide.grid.forward(mass) for mass in fine])
    coarse = [half.grid.back(wide.halved(each)) for each in z]
    return StateLaws(wide, z, np.array([0.0, 12.0]), np.stack(coarse))


def test_mixture_of_depeg_is_the_closed_form():
    """MIX-01: every weight is another mixture of the same two laws."""
    kept = _two_states(2**16)
    for p in (0.0005, 0.002, 0.01, 0.05, 0.2):
        found = kept.measures([1 - p, p], 0.99)
        var, cvar = _mixture(p, 0.99)
        assert found.var == pytest.approx(var, abs=1e-9)
        assert found.cvar == pytest.approx(cvar, abs=1e-9)


@pytest.mark.acceptance
def test_mixture_of_depeg_is_the_reference_case():
    published = case("MIX-01")
    kept = _two_states(2**16)
    for p, (var, cvar) in published["expected"].items():
        found = kept.measures([1 - float(p), float(p)], 0.99)
        assert (found.var, found.cvar) == pytest.approx((var, cvar), abs=1e-9)
        assert _mixture(float(p), 0.99) == pytest.approx((var, cvar), abs=1e-9)


def test_slopes_are_those_of_the_closed_form():
    kept, p, step = _two_states(2**14), 0.05, 1e-4
    slope = np.array([-1.0, 1.0]) @ kept.slopes([1 - p, p], 0.99)
    apart = (_mixture(p + step, 0.99)[1] - _mixture(p - step, 0.99)[1]) / (2 * step)
    assert slope == pytest.approx(apart, rel=1e-5)


# --- small institutions, enumerated


def _enumerated(lines, caps, groups, interfaces, market):
    """The law of the sum by listing everything: (loss, probability)."""
    law = defaultdict(float)
    for at in itertools.product(*(range(len(x.weights)) for x in interfaces)):
        chance = math.prod(float(x.weights[k]) for x, k in zip(interfaces, at, strict=True))
        rungs = tuple(x.rungs[k] for x, k in zip(interfaces, at, strict=True) if x.moves)
        hits = {
            key: hit for x, k in zip(interfaces, at, strict=True) for key, hit in x.hits[k].items()
        }
        losses = market.parts(rungs).sum(axis=1)
        prices = market.prices(rungs)
        for s, weight in enumerate(market.weights):
            annual = []
            for key, (n, p, atoms, token) in lines.items():
                price = prices[token][s] if token else 1.0
                annual.append(_one(n, p, atoms, hits.get(key), price))
            for combination in itertools.product(*annual):
                q = math.prod(prob for _, prob in combination)
                sums = dict(zip(lines, (x for x, _ in combination), strict=True))
                for name, cap in caps.items():
                    mine = [key for key in lines if groups.get(key) == name]
                    both = sum(sums[key] for key in mine)
                    for key in mine:
                        sums[key] *= min(both, cap) / both if both else 1.0
                total = round(losses[s] + sum(sums.values()), 6)
                law[total] += chance * weight * q
    return sorted(law.items())


def _one(n, p, atoms, hit, price):
    """Law of one line's sum; given a hit there is at least one event."""
    if hit is False:
        return [(0.0, 1.0)]
    counts = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    if hit is True:
        counts = [0.0, *(c / (1 - counts[0]) for c in counts[1:])]
    found = defaultdict(float)
    for k, chance in enumerate(counts):
        for events in itertools.product(atoms, repeat=k):
            q = math.prod(w for _, w in events)
            found[round(price * sum(x for x, _ in events), 9)] += chance * q
    return list(found.items())


def _line(key, n, p, atoms, group=""):
    values, chances = zip(*atoms, strict=True)
    severity = Discrete(values, chances) if len(atoms) > 1 else Constant(values[0])
    return Compound(key, lambda _theta, _years: (Binomial(n, p), severity), group=group)


def _mass(found, points, low):
    mass = np.zeros(points)
    for x, p in found:
        mass[round(x - low)] += p
    return mass


SMALL = {
    "theft": (2, 0.3, ((3.0, 0.5), (7.0, 0.5)), ""),
    "fine": (1, 0.4, ((5.0, 1.0),), ""),
    "outage": (2, 0.2, ((1.0, 0.25), (2.0, 0.75)), ""),
    "exploit": (1, 0.5, ((11.0, 1.0),), ""),
}
PEG = Interface(
    "peg",
    np.array([0.5, 0.2, 0.2, 0.1]),
    tuple(
        {"theft": a, "fine": b}
        for a, b in ((False, False), (True, False), (False, True), (True, True))
    ),
    (0, 0, 1, 1),
    moves=True,
)
CHAIN = Interface(
    "chain", np.array([0.7, 0.3]), ({"exploit": False}, {"exploit": True}), (0, 1), moves=True
)
STAFF = Interface("staff", np.array([0.9, 0.1]), ({"outage": False}, {"outage": True}), (0, 0))
RATES = Interface("rates", np.array([0.6, 0.3, 0.1]), ({}, {}, {}), (0, 1, 2), moves=True)
MOVES = [(-0.25, 0.0), (0.5, 0.0), (0.0, 0.0), (-0.5, 0.0)]


@pytest.mark.parametrize(
    ("interfaces", "falls"),
    [
        ((PEG,), (1.0, 0.75)),
        ((PEG, STAFF), (1.0, 0.5)),
        ((PEG, CHAIN, STAFF), (1.0, 0.5)),
        ((RATES, STAFF), (1.0, 0.75, 0.5)),
    ],
)
@pytest.mark.parametrize("capped", [False, True])
def test_joint_law_of_small_institutions_is_the_enumerated_one(interfaces, falls, capped):
    market = Market(MOVES, [8.0, 16.0], falls, weights=[0.4, 0.3, 0.2, 0.1])
    groups = {"theft": "wallet", "exploit": "wallet"} if capped else {}
    caps = {"wallet": 9.0} if capped else {}
    lines = [_line(k, n, p, a, groups.get(k, "")) for k, (n, p, a, _) in SMALL.items()]
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in interfaces if x.keys]
    register = Register(lines, mixtures=mixtures, caps=caps)
    wide = Window(Grid(1.0, 256), 64)
    joint = Joint(register, interfaces, market, wide=wide)
    listed = _enumerated(SMALL, caps, groups, interfaces, market)
    expected = _mass(listed, 256, wide.low)
    assert joint.fine.law(joint.weights) == pytest.approx(expected, abs=1e-12)
    mean, cut = joint.mean(joint.weights)
    assert mean == pytest.approx(sum(x * p for x, p in listed), abs=1e-9)
    assert cut == 0.0

    # new evidence is other weights, and nothing else
    other = [np.roll(x.weights, 1) for x in interfaces]
    moved = [
        Interface(x.name, w, x.hits, x.rungs, x.moves)
        for x, w in zip(interfaces, other, strict=True)
    ]
    again = _mass(_enumerated(SMALL, caps, groups, moved, market), 256, wide.low)
    assert joint.fine.law(other) == pytest.approx(again, abs=1e-12)
    assert joint.mean(other)[0] == pytest.approx(again @ (wide.low + np.arange(256)), abs=1e-9)


def test_states_beyond_a_loss_are_the_enumerated_ones():
    market = Market(MOVES, [8.0, 16.0], (1.0, 0.5))
    interfaces = (PEG, CHAIN, STAFF)
    lines = [_line(k, n, p, a) for k, (n, p, a, _) in SMALL.items()]
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in interfaces]
    wide = Window(Grid(1.0, 256, lattice=True), 64)
    joint = Joint(Register(lines, mixtures=mixtures), interfaces, market, wide=wide)
    found = causes.tails(joint, joint.law(), 15.0)
    for i, interface in enumerate(interfaces):
        for k in range(len(interface.weights)):
            given = list(interfaces)
            sure = np.eye(len(interface.weights))[k]
            given[i] = Interface(
                interface.name, sure, interface.hits, interface.rungs, interface.moves
            )
            listed = _enumerated(SMALL, {}, {}, given, market)
            assert found[i].exceed[k] == pytest.approx(
                sum(p for x, p in listed if x > 15.0), abs=1e-10
            )
            assert found[i].excess[k] == pytest.approx(
                sum(p * max(x - 15.0, 0.0) for x, p in listed), abs=1e-9
            )


def test_contributions_of_small_institution_are_the_enumerated_ones():
    """E[part | L in the worst 2 %] by listing, an atom at VaR split."""
    market = Market(MOVES, [8.0, 16.0], (1.0, 0.5))
    lines = [_line(k, n, p, a) for k, (n, p, a, _) in SMALL.items()]
    mixtures = [tuple(zip(x.weights.tolist(), x.hits, strict=True)) for x in (PEG, STAFF)]
    wide = Window(Grid(1.0, 256, lattice=True), 64)
    joint = Joint(Register(lines, mixtures=mixtures), (PEG, STAFF), market, wide=wide)
    law, level = joint.law(), 0.98
    found = borne.contributions(joint, law, level)
    weights, rows = [], []
    for a, b in itertools.product(range(4), range(2)):
        hits = {**PEG.hits[a], **STAFF.hits[b]}
        parts = market.parts((PEG.rungs[a],))
        each = [_one(n, p, at, hits.get(k), 1.0) for k, (n, p, at, _) in SMALL.items()]
        for s, combination in itertools.product(range(4), itertools.product(*each)):
            chance = PEG.weights[a] * STAFF.weights[b] * market.weights[s]
            weights.append(chance * math.prod(q for _, q in combination))
            rows.append([*parts[s], *(x for x, _ in combination)])
    weights, rows = np.array(weights), np.array(rows)
    total = rows.sum(axis=1).round(6)
    var = law.var(level)
    above, at = total > var + 1e-9, np.abs(total - var) < 1e-9
    share = (1.0 - level - weights[above].sum()) / weights[at].sum()
    taken = weights * (above + share * at)
    expected = taken @ rows / (1.0 - level)
    keys = [*found.holdings.values(), *found.lines.values()]
    assert keys == pytest.approx(expected.tolist(), abs=1e-8)
    assert sum(keys) == pytest.approx(found.cvar, rel=1e-12)


# --- losses counted in tokens


def _tokened(cells_, wide, count=0, values=(4e6, 2e6)):
    lines = [
        Compound("coins", lambda _t, _y: (Poisson(0.8), Exponential(2e6))),
        Compound("other", lambda _t, _y: (Poisson(0.5), Exponential(1e6))),
    ]
    rng = np.random.default_rng(3)
    moves = np.exp(rng.standard_normal((800, 2)) * [0.5, 0.05] - [0.125, 0.00125]) - 1.0
    market = Market(moves, values, (1.0, 0.8))
    interface = Interface("peg", np.array([0.9, 0.1]), ({}, {}), (0, 1), moves=True)
    tokens = {"coins": "BTC"} if cells_ else {}
    return Joint(Register(lines), (interface,), market, tokens, wide=wide, cells=count), market


def test_cells_of_prices_agree_with_every_scenario_by_itself():
    """With as many cells as scenarios nothing is approximated; 256 are within 1e-3 of that."""
    wide = Window(Grid(1.6e8 / 2**13, 2**13), 2**11)
    joint, market = _tokened(True, wide, 256)
    every = np.zeros(wide.grid.points // 2 + 1, dtype=np.complex128)
    side = joint.fine
    plain = side.transforms.line(joint.register.lines["other"], False)
    for rungs, chance in (((0,), 0.9), ((1,), 0.1)):
        losses, prices = joint.losses(rungs), market.prices(rungs)["BTC"]
        for loss, price in zip(losses[:800], prices, strict=True):
            z = side.transforms.severity(Exponential(float(1.0 / (1.0 / (2e6 * price)))))
            one = wide.transform(np.array([loss]), np.array([chance / 800]))
            every += one * np.exp(0.8 * (z - 1.0)) * plain
    mean, cut = joint.mean(joint.weights)
    exact = SignedLaw(wide, wide.grid.back(every), mean=mean, sd=math.nan, cut=cut)
    linear, rough = (joint._measured(joint.weights, plain=p) for p in (False, True))
    for level in (0.95, 0.99, 0.999):
        assert linear.cvar(level) == pytest.approx(exact.cvar(level), rel=1e-3)
        assert linear.var(level) == pytest.approx(exact.var(level), rel=1e-3)
        # plain cells err high; what the two differ by covers the error
        assert rough.cvar(level) >= linear.cvar(level)
        gap = abs(rough.cvar(level) - linear.cvar(level))
        assert abs(linear.cvar(level) - exact.cvar(level)) <= gap + 1e-5 * exact.cvar(level)


def test_price_of_today_misstates_the_tail_when_dear_thefts_come_with_gains():
    wide = Window(Grid(2e8 / 2**13, 2**13), 2**11)
    joint, _ = _tokened(True, wide, 64, values=(-6e6, 0.0))  # short: dear coins cost twice
    today, _ = _tokened(False, wide, values=(-6e6, 0.0))
    assert joint.law().cvar(0.99) > 1.05 * today.law().cvar(0.99)


def test_cells_are_kept_by_the_hash_of_their_prices():
    prices = {"ETH": np.random.default_rng(1).random(500)}
    one = cells.labelled(prices, {"ETH": 1.0}, 16)
    assert cells.labelled({"ETH": prices["ETH"].copy()}, {"ETH": 1.0}, 16) is one
    assert cells.labelled({"ETH": prices["ETH"] * 2}, {"ETH": 1.0}, 16) is not one
    assert len(np.unique(one)) == 16


# --- kept in space


def _institution(points, low=-128e6, high=384e6, states=64):
    """Twenty lines driven by 64 joint states, four markets of heavy tails."""
    step = (high - low) / points
    zero = 2 * round(-low / step / 2)
    wide = Window(Grid(step, points), zero)
    rng = np.random.default_rng(7)
    base = np.clip(4e6 * rng.standard_t(4, 40_000), -100e6, 100e6)
    weight = np.full(40_000, 1 / 40_000)
    falls = [0.0, 3e6, 6e6, 2e7]
    market = [wide.transform(base + fall, weight) for fall in falls]
    means = np.array([float(wide.clamped(base + fall).mean()) for fall in falls])
    laws = [Lognormal(11.5 + 0.2 * (i % 10), 0.9 + 0.05 * (i % 5)) for i in range(20)]
    events = [
        wide.grid.forward(spread(law.lev(np.arange(points + 1) * step), step)) for law in laws
    ]
    z = np.array(events) - 1.0
    often = np.array(
        [
            [0.05 * (1 + i % 4) * (1 + 2 * (k >> (i % 6) & 1) * (i < 12)) for i in range(20)]
            for k in range(states)
        ]
    )
    own = often @ np.array([float(law.mean) for law in laws])
    transforms = np.stack([np.exp(often[k] @ z) * market[k % 4] for k in range(states)])
    return wide, transforms, own + means[np.arange(states) % 4], often, z, laws


def test_evidence_is_a_reweighting_of_what_is_kept():
    wide, transforms, means, *_ = _institution(2**13)
    kept = StateLaws(wide, transforms, means)
    rng = np.random.default_rng(2)
    for _ in range(5):
        weights = rng.dirichlet(np.ones(64))
        whole = read(
            wide, wide.grid.back(weights @ transforms), float(weights @ means), (0.95, 0.99)
        )
        for level, point in whole.items():
            found = kept.measures(weights, level)
            assert found.var == pytest.approx(point.var, rel=1e-9)
            assert found.cvar == pytest.approx(point.cvar, rel=1e-7)
        tail = kept.tail(weights, whole[0.99].var)
        assert tail.sum() == pytest.approx(1.0, abs=1e-12)
        assert weights @ kept.exceed(whole[0.99].var) == pytest.approx(0.01, rel=1e-3)


def test_accuracy_against_a_much_finer_grid():
    """VaR to 3e-6, CVaR to 1e-5: 2^15 points against 2^17, with PERILSCOPE_SEARCH 2^19."""
    states, sizes = (64, (2**15, 2**19)) if WIDE else (4, (2**15, 2**17))
    weights = np.random.default_rng(4).dirichlet(np.ones(states))
    found = {}
    for points in sizes:
        wide, transforms, means, *_ = _institution(points, states=states)
        mass = wide.grid.back(weights @ transforms)
        found[points] = read(wide, mass, float(weights @ means), (0.95, 0.99, 0.999))
    few, many = sorted(found)
    for level, fine in found[many].items():
        assert found[few][level].var == pytest.approx(fine.var, rel=3e-6)
        assert found[few][level].cvar == pytest.approx(fine.cvar, rel=1e-5)


def test_what_if_of_a_driven_line_is_the_law_made_anew():
    wide, transforms, means, often, z, laws = _institution(2**12)
    kept = StateLaws(wide, transforms, means)
    weights = np.random.default_rng(5).dirichlet(np.ones(64))
    groups = [k & 1 for k in range(64)]  # line 0 answers to the first node alone
    cut = np.array([often[0, 0], often[1, 0]]) * -0.5
    factors = np.exp(cut[:, None] * z[0])
    found = kept.what_if(weights, groups, factors, cut * float(laws[0].mean), (0.95, 0.99))
    anew = np.stack([transforms[k] * np.exp(-0.5 * often[k, 0] * z[0]) for k in range(64)])
    mean = float(weights @ (means - 0.5 * often[:, 0] * float(laws[0].mean)))
    expected = read(wide, wide.grid.back(weights @ anew), mean, (0.95, 0.99))
    for level, point in expected.items():
        assert found[level].var == pytest.approx(point.var, rel=1e-9)
        assert found[level].cvar == pytest.approx(point.cvar, rel=1e-9)


def test_independent_networks_are_not_listed_jointly():
    wide, *_, often, z, laws = _institution(2**12)
    size = np.array([float(law.mean) for law in laws])
    some = [0, 1, 63]  # three states each, so that all 9 can be listed
    blocks = [
        np.stack([np.exp(often[k, a:b] @ z[a:b]) for k in some]) for a, b in ((0, 10), (10, 20))
    ]
    means = [often[some, a:b] @ size[a:b] for a, b in ((0, 10), (10, 20))]
    rest = wide.transform(np.array([0.0]), np.array([1.0]))
    both = Blocks(wide, blocks, means, rest, 0.0)
    weights = [np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.7])]
    listed = sum(
        weights[0][i] * weights[1][j] * blocks[0][i] * blocks[1][j] * rest
        for i, j in itertools.product(range(3), range(3))
    )
    mean = float(weights[0] @ means[0] + weights[1] @ means[1])
    expected = read(wide, wide.grid.back(listed), mean, (0.99,))[0.99]
    found = both.measures(weights, (0.99,))[0.99]
    assert (found.var, found.cvar) == pytest.approx((expected.var, expected.cvar), rel=1e-10)


# --- traps


def test_mean_of_the_law_as_cut_is_what_cvar_rests_on():
    """A window that cuts huge gains keeps the tail; the mean shown stays the true one."""
    moves = np.column_stack([np.r_[np.full(90, 0.02), np.full(10, 40.0)], np.zeros(100)])
    market = Market(moves, [1e6, 0.0])
    lines = [Compound("theft", lambda _t, _y: (Poisson(0.5), Exponential(1e6)))]
    narrow = Window(Grid(1e7 / 2**12, 2**14), 6144)
    broad = Window(Grid(1e7 / 2**12, 2**16), 2**15)
    one, two = (Joint(Register(lines), (), market, wide=w).law() for w in (narrow, broad))
    assert one.cut > 1e6 > 1.0 > two.cut
    assert one.mean == pytest.approx(two.mean, rel=1e-12)
    assert one.cvar(0.99) == pytest.approx(two.cvar(0.99), rel=1e-6)
    assert one.var(0.99) == pytest.approx(two.var(0.99), rel=1e-6)


def test_error_covers_the_difference_from_a_finer_grid():
    moves = np.random.default_rng(9).standard_t(4, (4000, 2)) * 0.05
    market = Market(moves, [2e6, 1e6])
    lines = [Compound("theft", lambda _t, _y: (Poisson(0.7), Lognormal(12.5, 0.8)))]
    laws = [
        Joint(Register(lines), (), market, wide=Window(Grid(3e7 / n, n), n // 4)).law()
        for n in (2**9, 2**14)
    ]
    for level in (0.95, 0.99, 0.999):
        for a, b in zip(*([law.var(level), law.cvar(level)] for law in laws), strict=True):
            assert abs(a / b - 1.0) <= laws[0].error_at(level)
    assert laws[1].error_at(0.99) < laws[0].error_at(0.99) / 4


def test_window_too_narrow_for_the_tail_is_refused_and_one_of_its_own_widens():
    market = Market(MOVES, [8e6, 1e6])
    lines = [Compound("theft", lambda _t, _y: (Poisson(0.7), Lognormal(13.0, 2.0)))]
    narrow = Window(Grid(1e7 / 2**12, 2**12), 2**11)
    with pytest.raises(AssessmentError, match="beyond the window"):
        Joint(Register(lines), (), market, wide=narrow).law()
    law = Joint(Register(lines), (), market).law()
    assert law.beyond <= SURE
    assert law.var(0.9999) > 0.0


def test_windows_hold_what_they_are_asked_for():
    for gain, loss, scale in ((0.0, 1e6, 1e5), (1e9, 1e6, 1e5), (5e5, 5e5, 1e9)):
        made = window(gain, loss, scale)
        assert made.high >= loss
        assert made.low <= -min(gain, loss) * (1 - 1e-9) or gain == 0.0
        assert made.zero % 2 == 0


def test_wrong_interfaces_are_refused():
    with pytest.raises(MisuseError, match="add up"):
        Interface("peg", np.array([0.5, 0.4]), ({}, {}), (0, 0))
    with pytest.raises(MisuseError, match="as many"):
        Interface("peg", np.array([1.0]), ({}, {}), (0, 0))
    many = [
        Interface(f"n{i}", np.full(8, 0.125), ({},) * 8, tuple(range(8)), moves=True)
        for i in range(3)
    ]
    market = Market(MOVES, [1e6, 1e6], tuple(1.0 - 0.01 * k for k in range(8)))
    lines = [Compound("theft", lambda _t, _y: (Poisson(0.7), Constant(1e6)))]
    with pytest.raises(AssessmentError, match="512 joint states"):
        Joint(Register(lines), many, market)


def test_very_many_patterns_are_mixed_as_if_they_were_listed(monkeypatch):
    """Twelve lines under one interface: the tree of products against the list of patterns."""
    from perilscope.engines.joint import parts

    rng = np.random.default_rng(6)
    keys = [f"l{i}" for i in range(6)]
    lines = [
        Compound(
            k, lambda _t, _y, i=i: (Poisson(0.5), Exponential(1.0 + i)), group="hold" * (i < 2)
        )
        for i, k in enumerate(keys)
    ]
    hits = tuple(
        dict(zip(keys, at, strict=True)) for at in itertools.product((False, True), repeat=6)
    )
    interface = Interface("n", rng.dirichlet(np.ones(64)), hits, (0, 1) * 32, moves=True)
    mixture = tuple(zip(interface.weights.tolist(), hits, strict=True))
    market = Market(MOVES, [8.0, 16.0], (1.0, 0.5))
    wide = Window(Grid(0.25, 2**10), 2**8)
    found = []
    for few in (16, 64):
        monkeypatch.setattr(parts, "FEW", few)
        register = Register(lines, mixtures=[mixture], caps={"hold": 3.0})
        joint = Joint(register, (interface,), market, wide=wide)
        assert joint.parts[0].many is (few == 16)
        law = joint.law()
        held = borne.contributions(joint, law, 0.99)
        tail = causes.tails(joint, law, law.var(0.99))[0]
        found.append([*law.moved.cumulative, *held.lines.values(), *tail.excess])
    assert found[0] == pytest.approx(found[1], abs=1e-9)
