# SPDX-License-Identifier: Apache-2.0
"""What a run says of its own simulation: thin tails, and two ways that do not agree."""

from __future__ import annotations

import numpy as np

from perilscope.cycle.drawn import Horizons, figures, thin
from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.drawn import Drawn, planned
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.window import Window


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
