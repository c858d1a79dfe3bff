# SPDX-License-Identifier: Apache-2.0
"""The tally against the draws it counts, and the memory that it takes."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Bernoulli, Poisson
from perilscope.engines.laws.distributions import Beta, Constant, Lognormal, Uniform
from perilscope.engines.simulation import binned, tally
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.simulation.simulation import BLOCK, simulate
from perilscope.engines.simulation.tally import Tally
from perilscope.errors import MisuseError

LEVELS = (0.3, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.99999)
N = 3 * BLOCK + 1000


def line(key, counts, loss, **more):
    return Compound(key, lambda theta, years: (counts, loss), **more)


LINES = [
    line("a", Poisson(1.5), Lognormal(10, 1.5)),
    line("b", Bernoulli(0.1), Beta.pert(1e5, 4e5, 2e6)),
    line("c", Poisson(0.02), Lognormal(13, 1), scale=Uniform(0.2, 0.8)),
]
ATOMS = [line("x", Poisson(0.4), Constant(500.0)), line("y", Bernoulli(0.2), Constant(1200.0))]
PARTS = {"both": ["a", "c"], "nothing": []}


@pytest.fixture(autouse=True)
def short_tails(monkeypatch):
    monkeypatch.setattr(tally, "MOST_TAIL", 8000)  # so that most levels fall below the tail
    monkeypatch.setattr(tally, "MOST_OF_LINE", 500)


def both(lines=LINES, **more) -> tuple[Draws, Tally]:
    kept = simulate(lines, draws=N, seed=6, parts=PARTS if lines is LINES else {}, **more)
    parts = PARTS if lines is LINES else {}
    counted = simulate(lines, draws=N, seed=6, parts=parts, tally=True, **more)
    assert isinstance(kept, Draws)
    assert isinstance(counted, Tally)
    return kept, counted


def assert_same(counted: Tally, kept: Draws) -> None:
    assert counted.count == kept.count
    assert counted.none == kept.none
    assert counted.mean == pytest.approx(kept.mean, rel=1e-12)
    assert counted.sd == pytest.approx(kept.sd, rel=1e-10)
    for a in LEVELS:
        assert counted.var(a) == pytest.approx(kept.var(a), rel=counted.resolution)
        # as a share of a bin, which is what interpolation leaves of it
        assert counted.cvar(a) == pytest.approx(kept.cvar(a), rel=1e-5)
        assert counted.cvar_error(a) == pytest.approx(kept.cvar_error(a), rel=1e-3)
        assert counted.var_error(a) == pytest.approx(kept.var_error(a), rel=0.05, abs=1e-9)
        if kept.var(a) > counted.ledger.floor:
            assert counted.var(a) == kept.var(a)
            assert counted.cvar(a) == pytest.approx(kept.cvar(a), rel=1e-13)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_it_says_what_the_draws_say(backend):
    if backend == "numba":
        pytest.importorskip("numba")
    kept, counted = both(backend=backend)
    assert_same(counted, kept)
    assert kept.var(0.95) < counted.ledger.floor < kept.var(0.99)
    for key in kept.lines:
        assert_same(counted.line(key), kept.line(key))
    for name in PARTS:
        assert_same(counted.part(name), kept.part(name))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 1.0])
@pytest.mark.parametrize("fine", [tally.LINE, tally.TOTAL])
def test_both_backends_sort_losses_alike(share, fine):
    pytest.importorskip("numba")
    rng = np.random.default_rng(7)
    losses = np.where(rng.random(5000) < share, rng.lognormal(3, 9, 5000), 0.0)  # both ends too
    place = rng.integers(0, 300, 5000)
    sorts = binned.sorter("numpy"), binned.sorter("numba")
    plain, other = (sort.block(sort.some(losses), fine, 50.0) for sort in sorts)
    assert (other.count, other.some, other.first) == (plain.count, plain.some, plain.first)
    assert other.total == pytest.approx(plain.total, rel=1e-12)
    assert other.squares == pytest.approx(plain.squares, rel=1e-12)
    for name in ("counts", "least", "greatest", "beyond"):
        np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))
    np.testing.assert_allclose(other.sums, plain.sums, rtol=1e-12)
    for at, size in ((place, 300), (None, 5000)):
        one, two = np.zeros(size), np.zeros(size)
        for sort, total in zip(sorts, (one, two), strict=True):
            sort.add(total, at, sort.some(losses))
        np.testing.assert_allclose(two, one, rtol=1e-12)
    np.testing.assert_array_equal(one, losses)


def test_var_is_right_to_1_in_10_000_where_bins_are_full():
    losses = np.random.default_rng(1).lognormal(12, 1.2, (40, BLOCK))
    counting = tally.Tallying(["x"], [])
    for block in losses:
        counting.add(counting.read(block, [("x", block)], {}))
    counted, kept = counting.tally(1, "numpy"), Draws(losses.ravel())
    for a in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99):
        assert kept.var(a) < counted.ledger.floor
        assert counted.var(a) == pytest.approx(kept.var(a), rel=1e-4)
        # a line has coarser bins: what they leave open is little beside what chance does
        assert abs(counted.line("x").var(a) - kept.var(a)) < 0.2 * kept.var_error(a)


def test_counts_are_the_same_at_the_ends_of_bins_and_in_the_tail():
    kept, counted = both()
    edges = np.ldexp(1 + np.arange(0, 1024, 100) / 1024, np.arange(8, 24)[:, None]).ravel()
    edges = np.nextafter(edges, 0)  # a bin holds its lower end
    np.testing.assert_array_equal(counted.exceed_counts(edges), kept.exceed_counts(edges))
    tail = np.sort(kept.total)[-4000::7]
    assert tail[0] > counted.ledger.floor
    for x in (tail, np.nextafter(tail, 0), [-1.0, 0.0, 1e300]):
        np.testing.assert_array_equal(counted.exceed_counts(x), kept.exceed_counts(x))
    between = np.geomspace(1e3, 1e6, 300)
    p = kept.exceed(between)
    # inside a bin the count is interpolated: off by a fraction of its own standard error
    gap = np.abs(counted.exceed(between) - p)
    assert np.all(gap < 2 * np.sqrt(p * (1 - p) / N) + 1 / N)


def test_atoms_stay_what_they_are():
    kept, counted = both(ATOMS)
    for a in LEVELS:
        assert counted.var(a) == kept.var(a)
        assert counted.cvar(a) == pytest.approx(kept.cvar(a), rel=1e-12)
    at = np.array([0.0, 499.0, 500.0, 999.0, 1000.0, 1200.0, 1700.0])
    np.testing.assert_array_equal(counted.exceed_counts(at), kept.exceed_counts(at))


def test_contributions_add_to_cvar_and_are_those_of_the_draws():
    kept, counted = both()
    for a in (0.5, 0.9, 0.99, 0.999):
        wanted, found = kept.contributions(a), counted.contributions(a)
        assert math.fsum(found.values()) == pytest.approx(counted.cvar(a), rel=1e-12)
        for key, c in wanted.items():
            assert found[key] == pytest.approx(c, abs=3e-4 * kept.cvar(a))


def test_without_what_contributions_are_read_from_all_else_is_the_same():
    _, counted = both()
    bare = simulate(LINES, draws=N, seed=6, parts=PARTS, tally=True, shares=False)
    for a in LEVELS:
        assert (bare.var(a), bare.cvar(a)) == (counted.var(a), counted.cvar(a))
        for key in ("a", "b", "c"):
            assert bare.line(key).var(a) == counted.line(key).var(a)
    assert bare.part("both").mean == counted.part("both").mean
    with pytest.raises(MisuseError, match="no contributions"):
        bare.contributions(0.99)


def test_the_curve_falls_and_lies_on_the_draws():
    kept, counted = both()
    curve = counted.curve(100)
    x, p = np.array(curve).T
    assert len(curve) > 60
    assert np.all(np.diff(x) > 0)
    assert np.all(np.diff(p) <= 0)
    assert np.max(np.abs(kept.exceed(x) - p)) < 1e-3


def test_threads_change_no_bit():
    one, two = (simulate(LINES, draws=N, seed=6, tally=True, workers=workers) for workers in (1, 3))
    for a in LEVELS:
        assert one.var(a) == two.var(a)
        assert one.cvar(a) == two.cvar(a)
        assert one.contributions(a) == two.contributions(a)
    assert (one.mean, one.sd, one.curve()) == (two.mean, two.sd, two.curve())


def test_no_loss_at_all():
    counted = simulate([line("x", Poisson(0.0), Constant(1.0))], draws=1000, seed=1, tally=True)
    assert (counted.mean, counted.sd, counted.none) == (0.0, 0.0, 1.0)
    assert (counted.var(0.99), counted.cvar(0.99), counted.cvar_error(0.99)) == (0.0, 0.0, 0.0)
    assert counted.curve() == []
    assert counted.contributions(0.99) == {"x": 0.0}
    assert counted.exceed_counts([-1.0, 0.0]).tolist() == [1000, 0]


def test_what_is_small_or_large_beyond_reason_is_counted_too():
    lines = [
        line("small", Poisson(1.0), Lognormal(-30, 1)),
        line("large", Bernoulli(0.01), Lognormal(60, 1)),
    ]
    kept, counted = both(lines)
    assert counted.mean == pytest.approx(kept.mean, rel=1e-12)
    assert counted.none == kept.none
    assert counted.cvar(0.5) == pytest.approx(kept.cvar(0.5), rel=1e-6)
    assert counted.var(0.999) == kept.var(0.999)


def test_few_horizons_are_kept_and_many_are_counted(monkeypatch):
    from perilscope.engines.simulation import simulation

    monkeypatch.setattr(simulation, "MOST_KEPT", 1000)
    assert isinstance(simulate(ATOMS, draws=1000, seed=1), Draws)
    assert isinstance(simulate(ATOMS, draws=1001, seed=1), Tally)
    with pytest.raises(MisuseError, match="level"):
        simulate(ATOMS, draws=1001, seed=1).var(1.0)


_GROWTH = """
import resource, sys
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Lognormal
from perilscope.engines.simulation.simulation import simulate

def line(i):
    law = Lognormal(8 + i % 5, 1)
    return Compound(f"s{i}", lambda theta, years: (Poisson(0.02), law))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

lines = [line(i) for i in range(20)]
first = peak()
simulate(lines, draws=1 << 20, seed=1, workers=2, tally=True, backend="numpy").var(0.99)
some = peak()
drawn = simulate(lines, draws=1 << 23, seed=1, workers=2, backend="numpy")
drawn.var(0.99), drawn.contributions(0.99), drawn.curve()
print(type(drawn).__name__, some - first, peak() - some)
"""


def test_memory_does_not_grow_with_the_horizons():
    pytest.importorskip("resource", reason="peak memory is read as on Unix")
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH], capture_output=True, text=True, check=True, timeout=300
    )
    kind, some, more = done.stdout.split()
    unit = 1 if sys.platform == "darwin" else 1024
    assert kind == "Tally"
    # 21 losses of 8 million horizons would be 1,400 MB; the tail of the total is at most 16 MB
    assert int(some) * unit < 150e6
    assert int(more) * unit < 60e6


def test_many_lines_are_counted_and_not_kept(monkeypatch):
    from perilscope.engines.simulation import simulation

    monkeypatch.setattr(simulation, "MOST_HELD", 1000)
    many = [line(f"line {i}", Poisson(0.1), Uniform(1.0, 2.0)) for i in range(10)]
    assert isinstance(simulate(many, draws=100, seed=1), Draws)
    assert isinstance(simulate(many, draws=101, seed=1), Tally)
    assert isinstance(simulate(many, draws=1000, seed=1, keep_lines=False), Draws)


def test_a_tally_that_was_sent_says_the_same_and_carries_no_empty_room():
    counted = both()[1]
    sent = pickle.loads(pickle.dumps(counted))
    assert [sent.var(a) for a in LEVELS] == [counted.var(a) for a in LEVELS]
    assert [sent.cvar(a) for a in LEVELS] == [counted.cvar(a) for a in LEVELS]
    assert sent.contributions(0.99) == counted.contributions(0.99)
    assert sent.line("a").exceed_counts(1e5) == counted.line("a").exceed_counts(1e5)
    assert len(sent.ledger._tail) == len(counted.ledger.kept)
