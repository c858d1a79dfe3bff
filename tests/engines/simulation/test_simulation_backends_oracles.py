# SPDX-License-Identifier: Apache-2.0
"""The two backends draw the same events, in any share of the work; and they draw the right laws."""

from __future__ import annotations

import math
import random
import sys

import numpy as np
import pytest
from scipy import stats

from perilscope.engines import machine_code
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.laws.counts import (
    Bernoulli,
    Binomial,
    Hurdle,
    NegativeBinomial,
    Poisson,
    ZeroModifiedPoisson,
)
from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Exponential,
    Gamma,
    Lognormal,
    Sometimes,
    Uniform,
)
from perilscope.engines.simulation import backends
from perilscope.engines.simulation.plain import plain
from perilscope.engines.simulation.simulation import BLOCK, simulate
from perilscope.engines.simulation.tabled import table
from perilscope.errors import MisuseError

COUNTS = {
    "poisson": Poisson(1.3),
    "seldom": Poisson(0.01),
    "often": Poisson(40.0),
    "never": Poisson(0.0),
    "bernoulli": Bernoulli(0.08),
    "likely": Bernoulli(0.9),
    "certain": Bernoulli(1.0),
    "binomial": Binomial(6, 0.3),
    "clustered": NegativeBinomial(0.4, 1.5),
    "burst": NegativeBinomial(0.05, 0.2),
    "some": ZeroModifiedPoisson(0.2, 2.0),
    "hurdle": Hurdle(0.3, NegativeBinomial(2.0, 3.0)),
}
LOSSES = [
    Lognormal(3, 1),
    Beta.pert(1, 3, 9),
    Constant(2.0),
    Discrete((1, 5), (0.7, 0.3)),
    Sometimes(0.4, Capped(Exponential(4), 10.0)),
]


def compound(key, counts, loss=LOSSES[0], **more):
    def build(theta, years):
        return (Poisson(counts.mean * years) if isinstance(counts, Poisson) else counts), loss

    return Compound(key, build, **more)


def everything() -> dict:
    """A register of every kind of line that tables draw, and one that they do not."""
    names = list(COUNTS)
    lines = [compound(name, COUNTS[name], LOSSES[i % len(LOSSES)]) for i, name in enumerate(names)]
    lines += [
        compound("kept", Poisson(2.0), keep=Constant(0.4)),
        compound("kept perhaps", Binomial(3, 0.5), keep=Beta(2, 3), scale=Uniform(0.1, 0.6)),
        compound("scaled", Poisson(2.0), scale=Constant(0.25)),
        compound("capped", Poisson(3.0), group="vault", years=2.5),
        compound("capped too", Poisson(1.0), LOSSES[1], group="vault", years=2.5),
        compound("driven", Poisson(0.8), LOSSES[1]),
        compound("driven too", NegativeBinomial(1.0, 0.5), keep=Constant(0.5)),
        Compound("believed", lambda t, y: (Poisson(t[0] * y), Exponential(2.0)), (Gamma(2, 0.5),)),
    ]
    states = (
        (0.1, {"driven": True, "driven too": True}),
        (0.3, {"driven": True, "driven too": False}),
        (0.6, {"driven": False, "driven too": False}),
    )
    return {"lines": lines, "mixtures": [states], "caps": {"vault": 60.0}}


DRAWS = BLOCK + 5000


@pytest.fixture(scope="module")
def drawn():
    pytest.importorskip("numba", reason="the compiled backend is an extra")
    return {
        (name, workers): simulate(
            **everything(), draws=DRAWS, seed=5, backend=name, workers=workers
        )
        for name in ("numpy", "numba")
        for workers in (1, 2)
    }


def test_the_backends_agree_to_twelve_digits(drawn):
    one, other = drawn["numpy", 1], drawn["numba", 1]
    assert (one.backend, other.backend) == ("numpy", "numba")
    np.testing.assert_allclose(other.total, one.total, rtol=1e-12)
    for key, losses in one.lines.items():
        np.testing.assert_allclose(other.lines[key], losses, rtol=1e-12, err_msg=key)
        assert losses.any() == (key != "never")


def test_the_number_of_threads_changes_no_bit(drawn):
    for name in ("numpy", "numba"):
        one, other = drawn[name, 1], drawn[name, 2]
        assert one.total.tobytes() == other.total.tobytes()
        for key in one.lines:
            assert one.lines[key].tobytes() == other.lines[key].tobytes()


def test_what_is_kept_changes_no_bit(drawn):
    for name in ("numpy", "numba"):
        bare = simulate(**everything(), draws=DRAWS, seed=5, backend=name, keep_lines=False)
        assert bare.total.tobytes() == drawn[name, 1].total.tobytes()


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_a_block_alone_is_the_same_as_among_others(name):
    if name == "numba":
        pytest.importorskip("numba", reason="the compiled backend is an extra")
    backend = backends.backend(name, 0.0)
    for counts in (COUNTS["poisson"], COUNTS["bernoulli"], COUNTS["clustered"]):
        line = compound("x", counts, keep=Constant(0.7))
        whole = simulate([line], draws=3 * BLOCK, seed=9, backend=name).total
        alone = plain(line, [1.0], 9, 3, driven=False)
        assert alone is not None
        for block in (2, 0, 1):
            out = np.zeros(BLOCK)
            alone.add(out, np.zeros(0), block, None, backend)
            assert out.tobytes() == whole[block * BLOCK : (block + 1) * BLOCK].tobytes()


def test_lines_with_and_without_a_control_have_the_same_events():
    for counts in COUNTS.values():
        whole, half, none = (
            simulate([compound("x", counts, keep=Constant(q))], draws=BLOCK, seed=2).total
            for q in (1.0, 0.5, 0.0)
        )
        assert np.all(half <= whole * (1 + 1e-12))
        assert not none.any()


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_events_are_counted_by_their_law(name):
    counts, n = COUNTS[name], 3 * BLOCK
    drawn = simulate([compound(name, counts, Constant(1.0))], draws=n, seed=31)
    wanted = probabilities(counts, 130)
    found = np.bincount(np.rint(drawn.total).astype(int), minlength=len(wanted))[: len(wanted)]
    often = n * wanted > 10
    observed, expected = found[often].astype(float), n * wanted[often]
    observed[-1] += n - observed.sum()  # what is seldom goes to one of the cells
    expected[-1] += n - expected.sum()
    assert stats.chi2.sf(np.sum((observed - expected) ** 2 / expected), len(expected)) > 1e-5
    assert_mean(drawn.total, float(counts.mean))


def probabilities(counts, most: int) -> np.ndarray:
    """The law of a count, from the library of another."""
    k = np.arange(most)
    match counts:
        case Poisson(mean):
            return stats.poisson(mean).pmf(k)
        case Binomial(n, p):
            return stats.binom(n, p).pmf(k)
        case NegativeBinomial(size, mean):
            return stats.nbinom(size, size / (size + mean)).pmf(k)
        case ZeroModifiedPoisson(p, rate):
            some, law = p, stats.poisson(rate).pmf(k)
        case Hurdle(p, of):
            some, law = p, probabilities(of, most)
    law = np.where(k > 0, law, 0.0) * some / (1 - law[0])
    law[0] = 1 - some
    return law


def assert_mean(draws: np.ndarray, wanted: float) -> None:
    error = draws.std(ddof=1) / math.sqrt(len(draws))
    assert abs(draws.mean() - wanted) <= 4.5 * error + 1e-15


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("counts", [Poisson(2.0), Bernoulli(0.3), NegativeBinomial(1.0, 2.0)])
def test_the_exact_engine_agrees(counts, loss):
    line = compound("x", counts, loss)
    n = 4 * BLOCK
    law = Register([line]).law()
    drawn = simulate([line], draws=n, seed=77)
    assert_mean(drawn.total, law.mean)
    assert_mean((drawn.total - law.mean) ** 2, law.sd**2)
    for level in (0.5, 0.9, 0.95, 0.99, 0.999):
        v = law.var(level)
        above = v * (1 + 1e-9) if law.grid.lattice else v + 2 * law.step
        p = law.exceed(above)
        if 0 < p < 1:
            hits = int(drawn.exceed_counts(above))
            assert abs(hits - n * p) <= 4.5 * math.sqrt(n * p * (1 - p))


def test_a_simulation_in_ten_lines_agrees():
    rng, n = random.Random(3), 60_000

    def year() -> float:
        loss, wait = 0.0, rng.expovariate(0.9)
        while wait < 1.0:
            loss += min(rng.lognormvariate(2.0, 1.1), 40.0)
            wait += rng.expovariate(0.9)
        return loss + (rng.uniform(5, 9) if rng.random() < 0.2 else 0.0)

    slow = np.array([year() for _ in range(n)])
    lines = [
        compound("a", Poisson(0.9), Capped(Lognormal(2.0, 1.1), 40.0)),
        compound("b", Bernoulli(0.2), Uniform(5, 9)),
    ]
    fast = simulate(lines, draws=10 * n, seed=8)
    error = math.hypot(slow.std() / math.sqrt(n), fast.standard_error_of_mean)
    assert abs(slow.mean() - fast.mean) < 4.5 * error
    for x in (0.0, 1.0, 5.0, 10.0, 40.0, 40.0 + 1e-9, 60.0, 90.0):
        p = float(fast.exceed(x))
        error = math.sqrt(p * (1 - p) * (1 / n + 1 / fast.count))
        assert abs(float(np.mean(slow > x)) - p) < 4.5 * error


def test_what_is_many_is_compiled_and_only_where_it_can_be(monkeypatch):
    assert backends.backend("auto", 1e6).NAME == "numpy"
    if machine_code.installed():
        assert backends.backend("auto", 1e9).NAME == "numba"
    monkeypatch.setitem(sys.modules, "numba", None)  # as if it were not installed
    assert not machine_code.installed()
    assert backends.backend("auto", 1e9).NAME == "numpy"
    with pytest.raises(MisuseError, match="pip install"):
        backends.backend("numba", 1.0)
    with pytest.raises(MisuseError, match="no backend 'gpu'"):
        simulate([compound("x", Poisson(1.0))], draws=10, seed=1, backend="gpu")


def test_more_events_than_can_be_drawn_are_refused():
    with pytest.raises(MisuseError, match="x: 1e\\+09 events a horizon"):
        simulate([compound("x", Poisson(1e9))], draws=10**6, seed=1)


def test_lines_without_tables_still_have_their_law():
    lines = [compound("x", Poisson(2.0)), compound("y", Bernoulli(0.3))]
    by_laws = simulate(lines, draws=200_000, seed=4, tables=False)
    assert_mean(by_laws.total, 2.3 * LOSSES[0].mean)


def test_both_backends_find_the_stretch_of_a_time():
    rng = np.random.default_rng(8)
    # lengths that add up without rounding, some of them none
    stretches = rng.integers(1, 4_000, 500) / 1024 * (rng.random(500) < 0.7)
    ends = np.cumsum(stretches)
    times = rng.integers(0, int(ends[-1] * 1024), 3_000) / 1024
    times[:3] = ends[5], 0.0, ends[-1]  # at an end the next one begins
    times = np.sort(times)
    wanted = [int(np.flatnonzero(ends > t)[0]) for t in times[times < ends[-1]]]
    assert len(wanted) < len(times)
    for name in ("numpy", "numba"):
        found = backends.backend(name, 0.0).reached(stretches, np.diff(times, prepend=0.0))
        assert found.tolist() == wanted, name


def test_both_backends_repeat_a_horizon_as_often_as_is_said():
    rng = np.random.default_rng(9)
    numbers = rng.integers(0, 12, 3_000) * (rng.random(3_000) < 0.6)
    horizons = np.flatnonzero(rng.random(50_000) < 0.1)[:3_000]
    wanted = [h for h, n in zip(horizons.tolist(), numbers.tolist(), strict=True) for _ in range(n)]
    for name in ("numpy", "numba"):
        found = backends.backend(name, 0.0).repeated(horizons, numbers)
        assert found.tolist() == wanted, name
    assert backends.backend("numba", 0.0).repeated(horizons[:0], numbers[:0]).size == 0


def test_both_backends_read_the_same_values_of_any_law():
    key = np.uint64(3), np.uint64(4)
    chances = stats.nbinom(0.7, 0.1).pmf(np.arange(40))
    counts = Discrete(tuple(range(40)), tuple((chances / chances.sum()).tolist()))
    for law in (*LOSSES, counts):
        for number in (0, 1, 3, 70_001):
            one, other = (
                backends.backend(name, 0.0).values(table(law), number, key)
                for name in ("numpy", "numba")
            )
            np.testing.assert_allclose(other, one, rtol=1e-13, err_msg=str(law))
