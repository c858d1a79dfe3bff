# SPDX-License-Identifier: Apache-2.0
"""What a run says of its own simulation: thin tails, and two ways that do not agree."""

from __future__ import annotations

import numpy as np
import pytest

from perilscope.cycle.drawn import Horizons, cvar_error, figures, thin
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.drawn import Drawn, planned
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.window import Window
from perilscope.engines.laws.counts import Binomial
from perilscope.engines.laws.distributions import Exponential
from perilscope.engines.simulation.draws import Draws


def horizons(shift: float, number: int = 20_000) -> Horizons:
    """Gains and losses of a normal law, and the exact law moved by so many steps."""
    window = Window(Grid(1.0, 256), 128)
    at = np.arange(-128, 128, dtype=float)
    mass = np.exp(-0.5 * ((at - shift) / 20.0) ** 2)
    law = SignedLaw(window, mass / mass.sum(), mean=shift, sd=20.0)
    plan = planned([], number, 1)
    losses = 20.0 * np.random.default_rng(3).standard_normal(len(plan.at))
    drawn = Drawn(losses, plan)
    known = drawn.weighed([])
    return Horizons(drawn, known, figures(known, law), thin(known))


def test_two_ways_that_differ_by_more_than_chance_are_an_error() -> None:
    assert horizons(0.0).disagrees == ""
    off = horizons(1.0)  # seven standard errors of the mean
    assert abs(off.figures["gap"]) > 5.0
    assert "not chance" in off.disagrees


def test_a_thin_tail_has_no_figure_and_a_reason() -> None:
    few = horizons(0.0, 2_000)
    assert few.figures["cvar"]["0.999"] is None
    assert few.figures["cvar"]["0.95"] is not None
    assert few.thin.startswith("the tail beyond 0.99")
    assert "state" not in few.thin
    assert horizons(0.0, 100_000).thin == ""


def test_standard_error_of_simulated_cvar_knows_the_losses_that_are_missing() -> None:
    """Exponential losses of mean 1: (L - v)+ has mean p and mean square 2 p beyond p = 1 - level,
    so CVaR of n draws has the error sqrt((2 p - p^2) / n) / p. Draws whose large losses are all
    missing say less; draws with larger ones say more, which stands.
    """
    count, level = 4_000, 0.99
    line = Compound("loss", lambda _theta, _years: (Binomial(1, 1.0), Exponential(1.0)))
    law = Register([line]).law()
    p = 1.0 - level
    exact = np.sqrt((2.0 * p - p**2) / count) / p
    even = -np.log1p(-(np.arange(count) + 0.5) / count)
    for losses, larger in ((np.minimum(even, 5.0), False), (even * (1.0 + (even > 5.0)), True)):
        drawn = Draws(losses)
        wanted = max(exact, drawn.cvar_error(level))
        assert cvar_error(drawn, law, level) == pytest.approx(wanted, rel=5e-3)  # the grid ends
        assert (drawn.cvar_error(level) > 1.05 * exact) == larger
        assert (drawn.cvar_error(level) < 0.95 * exact) != larger


def test_standard_error_by_strata_grows_where_the_exact_law_has_heavier_tails() -> None:
    """The exact law is normal with sd 20 and draws are cut at 45: CVaR 97.5 % lacks the rest."""
    window = Window(Grid(0.25, 4096), 2048)
    at = window.low + window.grid.places
    mass = np.exp(-0.5 * (at / 20.0) ** 2)
    law = SignedLaw(window, mass / mass.sum(), mean=0.0, sd=20.0)
    plan = planned([], 20_000, 1)
    losses = np.minimum(20.0 * np.random.default_rng(3).standard_normal(len(plan.at)), 45.0)
    known = Drawn(losses, plan).weighed([])
    v, n = known.var(0.975).value, len(losses)
    own = np.maximum(losses - v, 0.0)
    above = np.maximum(at - v, 0.0)
    square = float(law.moved.mass @ above**2)
    wanted = own.std() / np.sqrt(n) / 0.025 * np.sqrt(square / np.mean(own**2))
    assert square > 1.5 * np.mean(own**2)
    assert figures(known, law)["cvar_se"]["0.975"] == pytest.approx(wanted, rel=1e-3)
