# SPDX-License-Identifier: Apache-2.0
"""Simulation: named draws, common random numbers, caps, and the statistics of draws by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Bernoulli, NegativeBinomial, Poisson
from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Exponential,
    Gamma,
    Lognormal,
    Scaled,
    Sometimes,
    Uniform,
)
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.simulation.simulation import BLOCK, simulate
from perilscope.errors import AssessmentError, MisuseError


def line(key="a", rate=0.7, loss=None, **more):
    law = loss if loss is not None else Lognormal(3, 1)
    return Compound(key, lambda theta, years: (Poisson(rate * years), law), **more)


OTHERS = [
    Compound("b", lambda theta, years: (Bernoulli(0.2), Beta.pert(1, 2, 9))),
    Compound("c", lambda theta, years: (NegativeBinomial(1, 2 * years), Exponential(3))),
]


def test_the_same_call_gives_the_same_bits():
    lines = [line(), *OTHERS]
    one, two = (simulate(lines, draws=100_000, seed=3) for _ in range(2))
    assert one.total.tobytes() == two.total.tobytes()
    assert simulate(lines, draws=100_000, seed=4).total.tobytes() != one.total.tobytes()


def test_other_lines_move_no_draw_of_a_line():
    alone = simulate([line()], draws=70_000, seed=3)
    among = simulate([*OTHERS, line()], draws=70_000, seed=3)
    assert alone.lines["a"].tobytes() == among.lines["a"].tobytes()
    edited = simulate([OTHERS[0], line("c"), line()], draws=70_000, seed=3)
    assert edited.lines["b"].tobytes() == among.lines["b"].tobytes()


def test_the_total_is_the_sum_of_its_lines():
    drawn = simulate([line(), *OTHERS], draws=1000, seed=3)
    np.testing.assert_allclose(drawn.total, sum(drawn.lines.values()), rtol=1e-12)
    bare = simulate([line(), *OTHERS], draws=1000, seed=3, keep_lines=False)
    assert bare.lines == {}
    assert bare.total.tobytes() == drawn.total.tobytes()


def test_more_draws_extend_a_run():
    short, long = (simulate([line()], draws=n, seed=3).total for n in (1234, BLOCK + 77))
    assert long[:1234].tobytes() == short.tobytes()


def test_progress_is_told_after_each_block():
    told = []
    simulate([line()], draws=2 * BLOCK + 5, seed=3, progress=told.append)
    assert told == [BLOCK, 2 * BLOCK, 2 * BLOCK + 5]


def test_a_control_takes_events_away_from_the_same_years():
    runs = {
        share: simulate([line(keep=Constant(share))], draws=100_000, seed=3).total
        for share in (0.0, 0.2, 0.6, 1.0)
    }
    assert not runs[0.0].any()
    assert np.all(runs[0.2] <= runs[0.6])
    assert np.all(runs[0.6] <= runs[1.0])
    # on the same years the effect is known far better than on years drawn anew
    effect = runs[1.0] - runs[0.6]
    assert effect.std() < 0.8 * np.sqrt(runs[1.0].var() + runs[0.6].var())


def test_an_uncertain_share_of_events_marks_the_same_events():
    fixed = simulate([line()], draws=100_000, seed=3).total
    unsure = simulate([line(keep=Beta(2, 6))], draws=100_000, seed=3).total
    assert np.all(unsure <= fixed)
    assert np.any((unsure > 0) & (unsure < fixed))
    error = (unsure - 0.25 * fixed).std() / np.sqrt(100_000)
    assert abs((unsure - 0.25 * fixed).mean()) < 4 * error


def test_a_share_of_each_loss_scales_the_year():
    whole = simulate([line()], draws=50_000, seed=3).total
    np.testing.assert_allclose(
        simulate([line(scale=Constant(0.3))], draws=50_000, seed=3).total, 0.3 * whole, rtol=1e-14
    )
    ratio = simulate([line(scale=Uniform(0.2, 0.4))], draws=50_000, seed=3).total
    share = ratio[whole > 0] / whole[whole > 0]
    assert share.min() >= 0.2
    assert share.max() <= 0.4
    assert abs(share.mean() - 0.3) < 4 * share.std() / np.sqrt(len(share))


def test_integers_as_shares():
    assert simulate([line(keep=Constant(1), scale=Constant(2))], draws=10, seed=1).count == 10


def test_a_builder_of_plain_numbers_gives_the_same_bits_as_one_of_arrays():
    def wide(theta, years):
        rate, p = theta
        return Poisson(rate * years), Sometimes(p, Scaled(Lognormal(1, 1), 1 + p))

    def narrow(theta, years):
        rate, p = (float(value) for value in theta)
        return Poisson(rate * years), Sometimes(p, Scaled(Lognormal(1, 1), 1 + p))

    beliefs = (Gamma(2, 0.3), Beta(2, 3))
    runs = [simulate([Compound("a", b, beliefs)], draws=3000, seed=9) for b in (wide, narrow)]
    assert runs[0].total.any()
    assert runs[0].total.tobytes() == runs[1].total.tobytes()


def test_a_shared_cap_is_borne_in_proportion():
    lines = [line("x", 2, Constant(30.0), group="g"), line("y", 1, Constant(50.0), group="g")]
    free = simulate(lines, draws=20_000, seed=3)
    capped = simulate(lines, caps={"g": 100.0}, draws=20_000, seed=3)
    np.testing.assert_allclose(capped.total, np.minimum(free.total, 100), rtol=1e-12)
    over = free.total > 100
    assert over.any()
    for key in ("x", "y"):
        share = 100 * free.lines[key][over] / free.total[over]
        np.testing.assert_allclose(capped.lines[key][over], share, rtol=1e-12)
        assert capped.lines[key][~over].tobytes() == free.lines[key][~over].tobytes()


def test_a_cap_leaves_other_groups_alone():
    lines = [line("x", 2, group="g"), line("y", 2, group="h"), line("z", 2)]
    free = simulate(lines, draws=5000, seed=3)
    capped = simulate(lines, caps={"g": 5.0}, draws=5000, seed=3)
    assert capped.lines["x"].max() == pytest.approx(5.0)
    for key in ("y", "z"):
        assert capped.lines[key].tobytes() == free.lines[key].tobytes()


def test_a_cap_acts_in_each_year():
    many = line("x", 30, Constant(1.0), group="g", years=2.5)
    capped = simulate([many], caps={"g": 10.0}, draws=5000, seed=3)
    assert capped.total.max() == 30.0  # two years and the half year


def test_driven_lines_have_their_events_together():
    states = (
        (0.1, {"a": True, "b": True}),
        (0.2, {"a": True, "b": False}),
        (0.7, {"a": False, "b": False}),
    )
    drawn = simulate([line(), line("b"), line("c")], [states], draws=200_000, seed=3)
    a, b, c = (drawn.lines[key] > 0 for key in "abc")
    assert not np.any(b & ~a)
    for event, p in ((a, 0.3), (b, 0.1), (a & b, 0.1), (a & c, 0.3 * (1 - np.exp(-0.7)))):
        assert abs(event.mean() - p) < 4 * np.sqrt(p * (1 - p) / 200_000)


def test_a_control_acts_after_the_driver():
    states = ((0.5, {"a": True}), (0.5, {"a": False}))
    one = Compound("a", lambda theta, years: (Bernoulli(0.01), Constant(1.0)), keep=Constant(0.2))
    p = simulate([one], [states], draws=200_000, seed=3).mean
    assert abs(p - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 200_000)


def test_misuse_is_refused():
    with pytest.raises(MisuseError, match="'a'"):
        simulate([line(), line()], draws=10, seed=1)
    with pytest.raises(MisuseError, match="at least one"):
        simulate([line()], draws=0, seed=1)
    half = ((0.5, {"a": True}), (0.4, {"a": False}))
    with pytest.raises(MisuseError, match="sum to one"):
        simulate([line()], [half], draws=10, seed=1)
    whole = ((0.5, {"a": True}), (0.5, {"a": False}))
    with pytest.raises(MisuseError, match="two mixtures"):
        simulate([line()], [whole, whole], draws=10, seed=1)


def test_a_line_without_a_law_is_named():
    def build(theta, years):
        return Poisson(-float(theta[0])), Constant(1.0)

    with pytest.raises(AssessmentError, match="theft: no law"):
        simulate([Compound("theft", build, (Uniform(1, 2),))], draws=10, seed=1)


def test_statistics_of_draws_by_hand():
    drawn = Draws(np.array([5.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 4.0]))
    assert drawn.mean == 1.5
    assert drawn.none == 0.5
    assert drawn.var(0.5) == 0
    assert drawn.var(0.51) == 1
    assert drawn.var(0.9) == 4
    assert drawn.cvar(0.5) == pytest.approx(3)
    assert drawn.cvar(0.85) == pytest.approx((0.5 * 4 + 5) / 1.5)  # the atom at 4 is split
    assert drawn.exceed_counts(np.array([0, 0.5, 4, 5])).tolist() == [5, 5, 1, 0]
    assert float(drawn.exceed(4.5)) == 0.1
    assert drawn.sd == pytest.approx(np.std(drawn.total, ddof=1))
    assert drawn.standard_error_of_mean == pytest.approx(drawn.sd / np.sqrt(10))
    assert drawn.var(0.7) <= drawn.cvar(0.7)
    for level in (0, 1, -0.1):
        with pytest.raises(MisuseError):
            drawn.var(level)
    assert Draws(np.array([2.0])).sd == 0


def test_a_level_that_falls_on_a_step_is_not_missed_by_a_bit():
    drawn = Draws(np.arange(1.0, 1001.0))
    for percent in range(1, 100):
        assert drawn.var(percent / 100) == 10 * percent
