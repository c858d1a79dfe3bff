# SPDX-License-Identifier: Apache-2.0
"""How sure a joint law is: scenarios that were drawn, and the history they were drawn from.

Given the market's scenario the law of everything else is exact, so the error of a finite number of
scenarios is that of a mean over them: E[(O + M_s - v)+] at each scenario s, O being the rest. That
leaves less to chance than whole years drawn at random would.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Transform
from perilscope.engines.joint import cells
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.cells import Coupled
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Rungs, Scenarios

Array = npt.NDArray[np.float64]
Interval = tuple[float, float]

_CELLS = 4
"""Cells of prices of each other history."""


@dataclass(frozen=True)
class Drawn:
    """Standard errors of VaR and CVaR from the number of scenarios, in money."""

    var: float
    cvar: float


def around(joint: Joint) -> dict[Rungs, Transform]:
    """Everything but the market, by state of prices, with the probability of the state.

    What is counted in tokens stands at the mean price of the state.
    """
    outside = joint.fine.fixed(joint.weights)
    found = {}
    for rungs in joint.markets:
        if joint.chance(rungs) <= 0.0:
            continue
        term = outside * joint.fine.in_money(joint.weights, rungs)
        for place, c in enumerate(joint.tokened):
            table = joint.parts[c].table(joint.weights)[joint.rungs_of(c, rungs)]
            term = term * (table @ joint.priced[place].at(joint.market(rungs).prices)[0])
        found[rungs] = term
    return found


def drawn(joint: Joint, law: SignedLaw, levels: Sequence[float]) -> dict[float, Drawn]:
    """Standard errors from the number of scenarios, which were drawn at random.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    levels : sequence of float
    """
    rest = {rungs: joint.window.grid.back(z) for rungs, z in around(joint).items()}
    count = math.sqrt(len(joint.scenarios.weights))
    found = {}
    for level in levels:
        v = law.var(level)
        above = np.zeros(len(joint.scenarios.weights))
        excess = np.zeros_like(above)
        for rungs, mass in rest.items():
            p, e = _beyond(mass, joint.window.grid.step, v - joint.losses(rungs))
            above += p
            excess += e
        density = law.density(v)
        var = float(above.std()) / count / density if density > 0.0 else math.inf
        found[level] = Drawn(var, float(excess.std()) / count / (1.0 - level))
    return found


def _beyond(mass: Array, step: float, d: Array) -> tuple[Array, Array]:
    """P(O > d) and E (O - d)+ of a law that is never negative, at many points."""
    whole = float(mass.sum())
    above = whole - np.cumsum(mass)
    mean = step * float(mass @ np.arange(mass.size))
    # E (O - k h)+ falls by h P(O > k h) from each point to the next
    excess = np.concatenate([[mean], mean - step * np.cumsum(above)[:-1]])
    place = np.clip(d / step, 0.0, mass.size - 1.0)
    k = np.minimum(place.astype(np.intp), mass.size - 2)
    place -= k
    p, e = (found[k] + place * np.diff(found)[k] for found in (above, excess))
    return np.where(d < 0.0, whole, p), np.where(d < 0.0, mean - d * whole, e)


def histories(
    joint: Joint, law: SignedLaw, apart: Sequence[Scenarios], levels: Sequence[float]
) -> dict[float, tuple[Interval, Interval]]:
    """90 % intervals of VaR and CVaR from the length of the price history.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    apart : sequence of Scenarios
        As other histories would have given them.
    levels : sequence of float

    Returns
    -------
    dict of level to (interval of VaR, interval of CVaR), in money
        What is counted in tokens is priced in a few cells; moved by as much as the law differs
        from the same in so few.
    """
    base = _measured(joint, joint.scenarios)
    laws = [_measured(joint, each) for each in apart]
    found = {}
    for level in levels:
        var = [each.var(level) - base.var(level) + law.var(level) for each in laws]
        cvar = [each.cvar(level) - base.cvar(level) + law.cvar(level) for each in laws]
        found[level] = (_middle(var), _middle(cvar))
    return found


def _measured(joint: Joint, scenarios: Scenarios) -> SignedLaw:
    """The law with other market scenarios; prices are expected to be what they are in its own."""
    window, weights = joint.window, scenarios.weights
    known: dict[Rungs, Coupled] = {}
    for states in joint.alike:
        losses = {rungs: scenarios.total(rungs) for rungs in states}
        known |= _coupled(joint, losses, weights, scenarios.prices(states[0]))
    side = joint.fine.with_(joint.register.lines, {}, lambda rungs, plain: known[rungs].read(plain))
    mean = math.fsum(
        joint.chance(rungs) * float(weights @ window.clamped(scenarios.total(rungs)))
        for rungs in joint.markets
    )
    lines = math.fsum(joint.line_mean(key) for key in joint.register.lines)
    return SignedLaw(window, side.law(joint.weights), mean=mean + lines, sd=math.nan)


def _coupled(
    joint: Joint, losses: Mapping[Rungs, Array], weights: Array, prices: Mapping[str, Array]
) -> dict[Rungs, Coupled]:
    """Other scenarios of the market, with what is counted in tokens in a few cells of prices."""
    if joint.tokened:
        counted = {token: prices[token] for token in joint.matter}
        return cells.coupled(
            joint.window, losses, weights, counted, joint.priced, joint.matter, _CELLS
        )
    alone = {rungs: joint.window.transform(x, weights)[None, :] for rungs, x in losses.items()}
    return {rungs: Coupled(z, z, {}, ()) for rungs, z in alone.items()}


def _middle(values: Sequence[float]) -> Interval:
    ordered = sorted(values)
    cut = math.floor(0.05 * len(ordered))
    return ordered[cut], ordered[len(ordered) - 1 - cut]
