# SPDX-License-Identifier: Apache-2.0
"""Some lines of the institution by themselves, at the prices that their losses happen in.

A layer beside everything together, and bounds whatever the dependence, want the law of each part as
the joint law has it: a theft of coins at the price of its day, and not at that of today. So the
joint law is asked once more, of these lines alone, with nothing held.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from perilscope.book import Scenario
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.parts import Rungs, Scenarios
from perilscope.layers.joining import Whole

Floats = NDArray[np.float64]


class _Prices(Scenarios):
    """The scenarios of a market in which nothing is held."""

    names = ()

    def __init__(self, market: Scenarios) -> None:
        self._market, self.weights = market, market.weights

    def parts(self, rungs: Rungs) -> Floats:
        return np.zeros((len(self.weights), 0))

    def prices(self, rungs: Rungs) -> Mapping[str, Floats]:
        return self._market.prices(rungs)


def apart(whole: Whole, keys: Iterable[str], *, none: float) -> LossLaw:
    """The law of some lines by themselves over the horizon, at the prices of the market scenarios.

    Parameters
    ----------
    whole : Whole
    keys : iterable of str
        Lines of the register. One that shares a capped holding has it for itself where the others
        are not named.
    none : float
        Probability that they lose nothing, which no price moves.

    Returns
    -------
    LossLaw
        In money, on the part of the window where something is lost.
    """
    joint, wanted = whole.joint, list(keys)
    tokens = {key: joint.tokens[key] for key in wanted if key in joint.tokens}
    register, prices = joint.register.subset(wanted), _Prices(joint.scenarios)
    alone = Joint(register, joint.interfaces, prices, tokens, wide=joint.window)
    mass = alone.fine.law(alone.weights)[joint.window.zero :]
    grid = Grid(joint.window.grid.step, len(mass), lattice=joint.window.grid.lattice)
    return LossLaw(grid, mass, mean=alone.mean(alone.weights)[0], sd=math.nan, none=none)


def layers(
    whole: Whole, scenarios: Mapping[str, Scenario], none: Mapping[str, float]
) -> dict[str, LossLaw]:
    """The same of each layer that has losses in tokens; others cost what they do without a market.

    Parameters
    ----------
    whole : Whole
    scenarios : mapping
        What the lines were declared as.
    none : mapping of layer to float
        Probability that it loses nothing.
    """
    found: dict[str, LossLaw] = {}
    for layer in dict.fromkeys(scenarios[key].layer for key in whole.tokens):
        keys = [key for key in whole.joint.register.lines if scenarios[key].layer == layer]
        found[layer] = apart(whole, keys, none=none[layer])
    return found


def holding_of(whole: Whole, key: str) -> tuple[str, ...]:
    """A line with all that share its capped holding.

    Their losses hang together by the holding itself, so they are one where dependence is unknown.
    """
    units = whole.joint.register.component_of(key).units
    return next(tuple(unit.keys) for unit in units if key in unit.keys)
