# SPDX-License-Identifier: Apache-2.0
"""A chain of slices against every path listed, closed forms, and simulation."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm, poisson

from perilscope.engines.slices import chain as engine
from perilscope.engines.slices.chain import Chain, Places, contraction, law, mixed
from perilscope.engines.slices.passage import capital, passage
from perilscope.engines.slices.reach import reach
from perilscope.errors import AssessmentError, MisuseError

ONE = np.ones((1, 1))
SAME = np.zeros((1, 1), dtype=np.int64)


def drawn(states: int, ways: int, seed: int, points: int = 128) -> Chain:
    """A random chain with a few gains and losses in whole steps, some steps losing nothing."""
    rng = np.random.default_rng(seed)
    places = Places(1.0, points, points // 2)
    laws = np.zeros((ways, points))
    for row in laws:
        at = rng.choice(np.arange(-3, 5), 3, replace=False) + places.zero
        row[at] = rng.dirichlet(np.ones(3))
    return Chain(
        rng.dirichlet(np.ones(states)),
        rng.dirichlet(np.ones(states), states),
        rng.integers(-1, ways, (states, states)),
        tuple((i, (i + 1) % ways) if i % 2 else (i,) for i in range(ways)),
        laws,
        places,
    )


def listed(chain: Chain, slices: int) -> np.ndarray:
    """The law by every path of states and every amount on the way."""
    places, total = chain.places, np.zeros(chain.places.points)
    for path in itertools.product(range(chain.states), repeat=slices + 1):
        weight, mass = chain.start[path[0]], {0: 1.0}
        for a, b in itertools.pairwise(path):
            weight *= chain.transition[a, b]
            way = chain.kinds[a, b]
            for which in chain.ways[way] if way >= 0 else ():
                own = chain.laws[which]
                found: dict[int, float] = {}
                for k, p in mass.items():
                    for j in np.nonzero(own)[0]:
                        key = k + int(j) - places.zero
                        found[key] = found.get(key, 0.0) + p * own[j]
                mass = found
        for k, p in mass.items():
            total[k + places.zero] += weight * p
    return total


@pytest.mark.parametrize(("states", "slices", "seed"), [(1, 4, 1), (2, 4, 2), (3, 3, 3), (4, 2, 4)])
def test_every_path_listed(states: int, slices: int, seed: int) -> None:
    chain = drawn(states, 3, seed)
    np.testing.assert_allclose(chain.mass(slices), listed(chain, slices), atol=1e-14)
    own = chain.places.amounts @ listed(chain, slices)
    assert chain.mean(slices) == pytest.approx(float(own), abs=1e-12)


@pytest.mark.parametrize("states", [5, 20])
def test_the_engines_agree_and_threads_change_no_bit(
    states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    chain = drawn(states, 4, 7, points=1024)
    plain = chain.mass(20)
    monkeypatch.setattr(engine, "_MUCH", 0.0)
    one, two = chain.mass(20), chain.mass(20, workers=3)
    np.testing.assert_allclose(one, plain, atol=1e-14)
    assert np.array_equal(one, two)


def test_what_is_lost_is_lost_once() -> None:
    """Alive to lost with chance q a slice: 1 lost with chance 1 - (1 - q)^K, never 2."""
    places, q = Places(1.0, 64, 0), 0.03
    chain = Chain(
        np.array([1.0, 0.0]),
        np.array([[1 - q, q], [0.0, 1.0]]),
        np.array([[-1, 0], [-1, -1]]),
        ((0,),),
        np.eye(64)[[1]],
        places,
    )
    mass = chain.mass(52)
    assert mass[1] == pytest.approx(1 - (1 - q) ** 52, abs=1e-13)
    assert float(np.abs(mass[2:]).max()) < 1e-14


def test_losses_in_one_state_are_their_sum() -> None:
    """Poisson losses of 1 a slice add up to Poisson; the reach tells that nothing is cut."""
    places = Places(1.0, 256, 0)
    own = poisson.pmf(np.arange(256), 0.4)[None, :]
    chain = Chain(np.ones(1), ONE, SAME, ((0,),), own, places)
    np.testing.assert_allclose(chain.mass(52), poisson.pmf(np.arange(256), 20.8), atol=1e-14)
    assert reach(chain, 52).total < 1e-12


def test_normal_gains_and_losses_have_the_closed_form() -> None:
    """52 weeks of normal returns: VaR and CVaR of a normal law."""
    mu, sd, slices = -0.1, 2.0, 52
    places = Places(0.02, 2**14, 2**13)
    u = (np.arange(200_000) + 0.5) / 200_000
    x = mu + sd * norm.ppf(u)
    chain = Chain(np.ones(1), ONE, SAME, ((0,),), places.mass(x, 1 / x.size)[None, :], places)
    found = law([(1.0, chain)], slices)
    m, s = slices * x.mean(), math.sqrt(slices) * x.std()
    for level in (0.95, 0.99, 0.999):
        z = norm.ppf(level)
        assert found.var(level) + places.low == pytest.approx(m + s * z, rel=2e-5)
        assert found.cvar(level) + places.low == pytest.approx(
            m + s * norm.pdf(z) / (1 - level), rel=2e-5
        )
    assert found.error[0.99] < 1e-4


def test_two_regimes_are_a_mixture_over_the_time_spent_in_them() -> None:
    """The number of slices in stress, listed by a chain of counts, mixes normal laws."""
    p, q, slices = 0.1, 0.3, 12
    places = Places(0.05, 2**12, 2**11)
    u = (np.arange(100_000) + 0.5) / 100_000
    sds = (1.0, 3.0)
    laws = np.stack([places.mass(sd * norm.ppf(u), 1e-5) for sd in sds])
    chain = Chain(
        np.array([1.0, 0.0]),
        np.array([[1 - p, p], [q, 1 - q]]),
        np.array([[0, 1], [0, 1]]),
        ((0,), (1,)),
        laws,
        places,
    )
    count = np.zeros((slices + 1, 2))
    count[0, 0] = 1.0
    for _ in range(slices):
        new = np.zeros_like(count)
        new[:, 0] += count[:, 0] * (1 - p) + count[:, 1] * q
        new[1:, 1] += count[:-1, 0] * p + count[:-1, 1] * (1 - q)
        count = new
    in_stress = count.sum(axis=1)
    found = law([(1.0, chain)], slices)
    for x in (5.0, 10.0, 15.0):
        exact = sum(
            w * norm.sf(x / math.sqrt((slices - k) * sds[0] ** 2 + k * sds[1] ** 2))
            for k, w in enumerate(in_stress)
        )
        assert found.exceed(x - places.low) == pytest.approx(exact, rel=5e-4)


# --- the institution of the guide, simulated


def institution() -> Chain:
    """Market, exploit and peg that act on each other from week to week."""
    states = list(itertools.product((0, 1), repeat=3))  # market, exploited (lost), peg broken
    places = Places(0.125, 2**13, 2**12)
    u = (np.arange(20_000) + 0.5) / 20_000
    laws = np.stack(
        [
            places.mass(3.0 * norm.ppf(u), 5e-5),
            places.mass(9.0 * norm.ppf(u), 5e-5),
            places.mass(np.array([4.0, 10.0]), np.array([0.7, 0.3])),
            places.mass(30.0 * np.array([0.05, 0.2]), np.array([0.6, 0.4])),
        ]
    )
    ways = tuple(
        (m, *((2,) if e else ()), *((3,) if d else ()))
        for m in (0, 1)
        for e in (0, 1)
        for d in (0, 1)
    )
    transition, kinds = np.zeros((8, 8)), np.zeros((8, 8), dtype=np.int64)
    for i, (m, e, d) in enumerate(states):
        for j, (m2, e2, d2) in enumerate(states):
            up = ((0.03, 0.85), (0.45, 0.97))[d][m]
            lost = 1.0 if e else (0.004, 0.02)[m]
            broken = 0.75 if d else 1 - (1 - (0.001, 0.01)[m]) * (1 - 0.2 * (e2 and not e))
            transition[i, j] = (
                (up if m2 else 1 - up) * (lost if e2 else 1 - lost) * (broken if d2 else 1 - broken)
            )
            kinds[i, j] = m2 * 4 + (e2 and not e) * 2 + (d2 and not d)
    start = np.zeros(8)
    start[0] = 1.0
    return Chain(start, transition, kinds, ways, laws, places)


def simulated(chain: Chain, slices: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Totals and running maxima of n horizons."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(chain.transition, axis=1)
    sums = np.cumsum(chain.laws, axis=1)
    state = rng.choice(chain.states, n, p=chain.start)
    total, worst = np.zeros(n), np.zeros(n)
    for _ in range(slices):
        u = rng.random(n)
        new = np.minimum((u[:, None] > steps[state]).sum(axis=1), chain.states - 1)
        way = chain.kinds[state, new]
        for which, row in enumerate(sums):
            has = np.array([which in chain.ways[w] for w in range(len(chain.ways))])[way]
            at = np.searchsorted(row, rng.random(int(has.sum())) * row[-1])
            total[has] += chain.places.amounts[at]
        np.maximum(worst, total, out=worst)
        state = new
    return total, worst


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_feedback_year_agrees_with_simulation(seed: int) -> None:
    chain, slices, n = institution(), 52, 20_000
    total, worst = simulated(chain, slices, n, seed)
    mass = chain.mass(slices)
    amounts = chain.places.amounts
    mean = chain.mean(slices)
    sd = math.sqrt(float(mass @ (amounts - mean) ** 2))
    gaps = [(total.mean() - mean) / (sd / math.sqrt(n))]
    for x in (20.0, 50.0, 80.0):
        p = float(mass[amounts > x].sum())
        gaps.append(((total > x).sum() - n * p) / math.sqrt(n * p * (1 - p)))
        q = float(passage(chain, slices, x).ruined[-1])
        gaps.append(((worst > x).sum() - n * q) / math.sqrt(n * q * (1 - q)))
    assert max(map(abs, gaps)) < 4.2, gaps


def test_stress_and_a_broken_peg_come_together() -> None:
    """Independence with the same marginals understates it: the page on mean-field has the rest."""
    chain = institution()
    joint = chain.start @ np.linalg.matrix_power(chain.transition, 52)
    stress = joint.reshape(2, 2, 2)
    together = stress[1, :, 1].sum()
    apart = stress[1].sum() * stress[:, :, 1].sum()
    assert together > 3.0 * apart


# --- first passage


@pytest.mark.parametrize(("slices", "behind"), [(1, 0), (9, 2), (40, 7), (52, 20)])
def test_ruin_of_a_gambler_by_reflection(slices: int, behind: int) -> None:
    """P(max S_k > a) = P(S_n > a) + P(S_n > a + ...) by the reflection principle."""
    places = Places(1.0, 256, 128)
    coin = places.mass([-1.0, 1.0], 0.5)[None, :]
    chain = Chain(np.ones(1), ONE, SAME, ((0,),), coin, places)
    found = passage(chain, slices, float(behind))
    hit = behind + 1  # first reached
    k = np.arange(slices + 1)
    at, chance = 2 * k - slices, binom.pmf(k, slices, 0.5)
    exact = chance[at >= hit].sum() + chance[at > hit].sum()
    assert found.ruined[-1] == pytest.approx(exact, abs=1e-12)
    assert found.ended == pytest.approx(chance[at > behind].sum(), abs=1e-12)


def test_a_favourable_game_without_end_has_the_known_chance() -> None:
    """Ruin of a game won with p = 0.7: (q/p)^(a + 1) in the long run."""
    places = Places(1.0, 512, 400)
    coin = places.mass([-1.0, 1.0], [0.7, 0.3])[None, :]
    chain = Chain(np.ones(1), ONE, SAME, ((0,),), coin, places)
    found = passage(chain, 400, 3.0)
    assert found.ruined[-1] == pytest.approx((0.3 / 0.7) ** 4, abs=1e-10)
    assert found.short < 1e-10


def test_without_gains_first_passage_is_the_end_and_capital_is_var() -> None:
    places = Places(1.0, 512, 0)
    own = poisson.pmf(np.arange(512), 0.4)[None, :]
    chain = Chain(np.ones(1), ONE, SAME, ((0,),), own, places)
    found = passage(chain, 52, 30.0)
    assert found.ruined[-1] == pytest.approx(found.ended, abs=1e-12)
    enough, less = capital([(1.0, chain)], 52, 0.99)
    assert enough.capital == poisson.ppf(0.99, 20.8)
    assert less.survives < 0.99 <= enough.survives


def test_with_gains_capital_for_survival_is_more_than_var() -> None:
    chain = institution().coarse().coarse()
    enough, less = capital([(1.0, chain)], 52, 0.99)
    at_end = law([(1.0, chain)], 52).var(0.99) + chain.places.low
    assert enough.capital > 1.01 * at_end
    assert less.survives < 0.99 <= enough.survives
    assert enough.capital - less.capital == pytest.approx(chain.places.step)


# --- bounds


def test_the_bound_holds_where_the_window_is_too_narrow() -> None:
    chain = institution()
    wide = chain.mass(52)
    for points in (2048, 1024, 512):
        places = Places(0.125, points, points // 2)
        cut = (chain.places.points - points) // 2
        laws = chain.laws[:, cut : cut + points]
        narrow = replace(chain, laws=laws, places=places)
        amounts = chain.places.amounts
        true = float(wide[(amounts < places.low) | (amounts > places.high)].sum())
        bound = reach(narrow, 52)
        assert bound.total >= true - 1e-12
        wrong = 0.5 * float(np.abs(narrow.mass(52) - wide[cut : cut + points]).sum())
        assert bound.total >= 0.5 * wrong - 1e-12


def test_the_bound_holds_where_losses_come_every_other_slice_at_most() -> None:
    """A large loss on one step, none on the step that must follow: nothing may underflow."""
    places = Places(1.0, 4096, 2048)
    chain = Chain(
        np.array([1.0, 0.0]),
        np.array([[0.5, 0.5], [1.0, 0.0]]),
        np.array([[-1, 0], [-1, -1]]),
        ((0,),),
        places.mass([900.0], 1.0)[None, :],
        places,
    )
    true = 1.0 - sum(_twice(52)[:3])
    assert reach(chain, 52).above >= true
    assert reach(chain, 2).total < 1e-12


def _twice(slices: int) -> np.ndarray:
    """Chances of how often the step is made."""
    count = np.zeros((slices + 1, 2))
    count[0, 0] = 1.0
    for _ in range(slices):
        new = np.zeros_like(count)
        new[:, 0] += 0.5 * count[:, 0] + count[:, 1]
        new[1:, 1] += 0.5 * count[:-1, 0]
        count = new
    return count.sum(axis=1)


def test_mixtures_stand_outside_the_power() -> None:
    one, two = drawn(2, 2, 5), drawn(2, 2, 6)
    mass = mixed([(0.3, one.mass(4)), (0.7, two.mass(4))])
    np.testing.assert_allclose(mass, 0.3 * listed(one, 4) + 0.7 * listed(two, 4), atol=1e-14)
    found = law([(0.3, one), (0.7, two)], 4)
    assert found.mean + one.places.low == pytest.approx(float(mass @ one.places.amounts))


def test_contraction_is_half_the_largest_distance_of_two_rows() -> None:
    matrix = np.random.default_rng(3).dirichlet(np.ones(6), 6)
    slow = max(0.5 * np.abs(a - b).sum() for a in matrix for b in matrix)
    assert contraction(matrix) == pytest.approx(slow, abs=1e-14)
    assert contraction(np.eye(3)) == 1.0


# --- bad input


def test_what_is_no_chain_is_refused() -> None:
    good = drawn(2, 2, 1)
    for bad, said in (
        ({"start": np.array([0.5, 0.6])}, "add up to 1"),
        ({"transition": np.array([[1.2, -0.2], [0.5, 0.5]])}, "not be negative"),
        ({"transition": np.eye(3)}, "shape"),
        ({"kinds": np.full((2, 2), 7)}, "ways of losing must be"),
        ({"ways": ((0,), (9,))}, "must name a law"),
        ({"laws": good.laws * 2.0}, "more than 1"),
        ({"laws": good.laws[:, :-1]}, "one mass for each"),
    ):
        with pytest.raises(MisuseError, match=said):
            replace(good, **bad)
    for slices in (0, -3):
        with pytest.raises(MisuseError, match="slices"):
            good.mass(slices)
    with pytest.raises(MisuseError, match="capital must lie"):
        passage(good, 3, 1e9)
    with pytest.raises(MisuseError, match="survival"):
        capital([(1.0, good)], 3, 1.0)
    tiny = Places(1.0, 8, 4)
    coin = tiny.mass([-1.0, 1.0], 0.5)[None, :]
    with pytest.raises(AssessmentError, match="widen the window"):
        capital([(1.0, Chain(np.ones(1), ONE, SAME, ((0,),), coin, tiny))], 400, 0.999)
