# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail of a joint law: lines and holdings.

They are addends, so their Euler contributions E[X_i | worst share 1 - a] add up to CVaR (Tasche
1999). What line i bears below VaR is a weighted sum over the law s -> E[X_i; sum = s]. It is linear
in every factor of the law's transform, so all factors but the line's own are moved to the weights,
and one inner product is left for each line; no law is brought back.

For the market that leaves a function of what the market loses: how much of the weight lies below
VaR given a scenario. It is read at the loss of each scenario, and holdings share the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import allocation
from perilscope.engines.grids.grid import Transform, against, weighed
from perilscope.engines.grids.loss import LossLaw
from perilscope.engines.joint import borne_tokens, cells
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.many import Many
from perilscope.engines.joint.parts import Part, Rungs, Scenarios
from perilscope.engines.joint.prices import Beside

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Borne:
    """Contributions to CVaR at one level, in money; together they are CVaR.

    Parameters
    ----------
    level, cvar : float
    lines, holdings : mapping of float
        By key of the line, and by holding of the market.
    off : float
        What they added up to too little before the rest was shared out by their size, relative to
        CVaR: what rounding, cells of prices and the grid leave.
    """

    level: float
    cvar: float
    lines: Mapping[str, float]
    holdings: Mapping[str, float]
    off: float = 0.0


def contributions(joint: Joint, law: SignedLaw, level: float) -> Borne:
    """Euler contributions of lines and holdings to the CVaR of the sum.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    level : float
    """
    by = _weighing(joint, law, level)
    below = _in_money(joint, by)
    priced, under = _with_market(joint, by)
    held, means = _holdings(joint, joint.scenarios, under)
    below |= priced
    known = {key: joint.line_mean(key) - below[key] for key in joint.register.lines}
    lines = {key: x / (1.0 - level) for key, x in known.items()}
    holdings = dict(
        zip(joint.scenarios.names, ((means - held) / (1.0 - level)).tolist(), strict=True)
    )
    cvar = law.cvar(level)
    every = [*lines.values(), *holdings.values()]
    off, size = cvar - math.fsum(every), math.fsum(map(abs, every)) or 1.0
    return Borne(
        level,
        cvar,
        {key: x + off * abs(x) / size for key, x in lines.items()},
        {name: x + off * abs(x) / size for name, x in holdings.items()},
        off / abs(cvar) if cvar else 0.0,
    )


def units(
    joint: Joint, law: SignedLaw, level: float, others: Scenarios
) -> dict[str, tuple[float, float]]:
    """Mean loss of other holdings and the part of CVaR that they would bear, by name, in money.

    What is held long in one place and short in another is nothing in all and bears nothing, but
    each of both does, by what a unit of it loses where everything loses most.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    level : float
    others : Scenarios
        What they lose in the scenarios of the joint law.
    """
    _, under = _with_market(joint, _weighing(joint, law, level))
    held, means = _holdings(joint, others, under)
    tails = (means - held) / (1.0 - level)
    pairs = zip(means.tolist(), tails.tolist(), strict=True)
    return dict(zip(others.names, pairs, strict=True))


def _weighing(joint: Joint, law: SignedLaw, level: float) -> Transform:
    return joint.window.grid.weighing(allocation.Split(_cut(joint, law, level), level).weights)


def _cut(joint: Joint, law: SignedLaw, level: float) -> LossLaw:
    """The law that is cut at VaR; near an atom as the transforms have it, and lines with them.

    Taking off what half the grid differs by moves mass between the points beside an atom, which is
    none of the lines' own: shares of CVaR were then seen 3 % too small together.
    """
    moved = law.moved
    if moved.smooth(law.var(level) - law.window.low):
        return moved
    return LossLaw(
        moved.grid, joint.fine.law(joint.weights), mean=moved.mean, sd=math.nan, none=0.0
    )


# --- lines counted in money


def _in_money(joint: Joint, by: Transform) -> dict[str, float]:
    """Weighted sums of the lines that are not counted in tokens."""
    side, weights, lines = joint.fine, joint.weights, joint.register.lines
    moved = side.moved(weights)
    by_all = against(by, sum(moved.values(), np.zeros(1, dtype=np.complex128)))
    free = [part.component for part in joint.parts if part.free and part.component is not None]
    found = allocation.weighed_sizes(
        side.transforms, free, lines, against(by_all, side.driven(weights))
    )
    fixed = side.fixed(weights)
    for c, part in enumerate(joint.parts):
        if part.free or part.counted or not part.keys:
            continue
        if part.coupled:
            left = side.moved(weights, leave=c).items()
            rests = {rungs: against(by, z * fixed) for rungs, z in left}
        else:
            rests = {(): against(by_all, side.fixed(weights, leave=c))}
        sizes = part.shares(side.transforms, lines)
        for rungs, rest in rests.items():
            for key, x in _mixed(part, sizes, part.table(weights)[rungs], rest).items():
                found[key] = found.get(key, 0.0) + x
    return found


def _mixed(
    part: Part, sizes: Sequence[Mapping[str, Transform]] | Many, table: Array, by: Transform
) -> dict[str, float]:
    """Weighted sums of a part's lines over its patterns."""
    if isinstance(sizes, Many):
        return sizes.weighed(table, by)
    found = dict.fromkeys(part.keys, 0.0)
    for chance, each in zip(table.tolist(), sizes, strict=True):
        if chance > 0.0:
            for key, size in each.items():
                found[key] += chance * weighed(by, size)
    return found


# --- the market, and lines at its prices


def _with_market(joint: Joint, by: Transform) -> tuple[dict[str, float], Mapping[Rungs, Array]]:
    """Weighted sums of the lines counted in tokens, and by state of prices how much of the weight
    lies below VaR given each scenario, times the probability of the state.
    """
    if joint.clouds is not None:
        return borne_tokens.below(joint, joint.clouds, by)
    gathered = [Beside(each) for each in joint.priced]
    outside = against(by, joint.fine.fixed(joint.weights))
    under: dict[Rungs, Array] = {}
    for states in joint.alike:
        rests = {
            rungs: against(outside, joint.fine.in_money(joint.weights, rungs))
            for rungs in states
            if joint.chance(rungs) > 0.0
        }
        under |= {rungs: np.zeros(len(joint.scenarios.weights)) for rungs in rests}
        for cell in joint.cells(states[0]):
            _cell(joint, cell, rests, under, gathered)
    lines = {key: x for each in gathered for key, x in each.lines().items()}
    return lines, under


def _holdings(
    joint: Joint, scenarios: Scenarios, under: Mapping[Rungs, Array]
) -> tuple[Array, Array]:
    """What each holding bears below VaR, and its mean as the window holds it."""
    held, means = (np.zeros(len(scenarios.names)) for _ in range(2))
    for rungs, share in under.items():
        one, two = _shared_out(joint, scenarios, rungs, share)
        held += one
        means += two
    return held, means


def _cell(
    joint: Joint,
    cell: cells.Cell,
    rests: Mapping[Rungs, Transform],
    under: Mapping[Rungs, Array],
    gathered: Sequence[Beside],
) -> None:
    """Add one cell: to the weights of each part that is counted in tokens, and of scenarios."""
    at = [each.at(cell.prices) for each in joint.priced]
    sums: list[dict[int, Transform]] = [{} for _ in at]
    for rungs, rest in rests.items():
        tables = joint.tables(rungs)
        mixed = cells.mixed(tables, at)
        under[rungs][cell.members] = _under(joint, cell, rungs, rest, mixed)
        if not at:
            continue
        market = cell.transforms(joint.window, joint.losses(rungs))
        for place, own in enumerate(tables):
            flat, bent = cells.beside(mixed, place, market)
            both = against(rest, np.stack([flat, *bent.values()]))
            for j in np.flatnonzero(own).tolist():
                mine = own[j] * both
                sums[place][j] = sums[place][j] + mine if j in sums[place] else mine
    for each, found in zip(gathered, sums, strict=True):
        many = range(1 + len(each.tokens))
        plain, *tilted = ({j: rows[i] for j, rows in found.items()} for i in many)
        each.add(cell.prices, plain, dict(zip(each.tokens, tilted, strict=True)))


def _under(
    joint: Joint, cell: cells.Cell, rungs: Rungs, rest: Transform, mixed: cells.Mixed
) -> Array:
    """How much of the weight lies below VaR, given each scenario of a cell."""
    window, losses = joint.window, joint.losses(rungs)[cell.members]
    value, slopes = cells.products(mixed)
    rows = np.stack([against(rest, z) for z in (value, *slopes.values())])
    plain, *bent = window.grid.weights(rows)
    found = window.read(plain, losses)
    for token, own in zip(slopes, bent, strict=True):
        found += cell.aside[token] * window.read(own, losses)
    return found


def _shared_out(
    joint: Joint, scenarios: Scenarios, rungs: Rungs, under: Array
) -> tuple[Array, Array]:
    """What each holding bears below VaR in a state of prices, and its mean as the window holds it.

    Parameters
    ----------
    under : array, shape (scenarios,)
        Weight below VaR given each scenario, times the probability of the state.
    """
    losses = joint.losses(rungs)
    held = joint.window.clamped(losses)
    # what is cut of a gain is cut of every holding alike
    kept = np.divide(held, losses, out=np.ones_like(losses), where=held != losses)
    mass = joint.scenarios.weights * kept
    borne = scenarios.weighed(rungs, mass * under)
    return borne, joint.chance(rungs) * scenarios.weighed(rungs, mass)
