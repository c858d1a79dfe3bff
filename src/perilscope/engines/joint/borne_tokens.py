# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail of losses in tokens that are put on the window scenario by scenario.

Weights of the points of the window (how much counts of a total) are moved past everything else,
then read where each scenario has put each point of a cloud. Over the cloud that gives the weight in
each scenario, which holdings share; over scenarios, times the price, what each unit lost counts
for, which is brought back from cells to the grid of the lines and shared by these.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Transform, against
from perilscope.engines.joint import stretched
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.cloud import Cloud
from perilscope.engines.joint.clouds import Clouds, Key, Term
from perilscope.engines.joint.parts import Rungs

Array = npt.NDArray[np.float64]
Sums = dict[Key, Transform]
"""By what some groups are told: weights of their sum."""


def below(
    joint: Joint, clouds: Clouds, by: Transform
) -> tuple[dict[str, float], dict[Rungs, Array]]:
    """Weighted sums of the lines in tokens and of money that hangs on them; weight by scenario.

    Parameters
    ----------
    joint : Joint
    clouds : Clouds
        What its law is made with.
    by : array, shape (frequencies,)
        Of the weights of the total, see `perilscope.engines.grids.grid.Grid.weighing`.

    Returns
    -------
    dict of line to float
    dict of state of prices to array, shape (n,)
        Weight in each scenario, times the probability of the state.
    """
    outside = against(by, joint.fine.fixed(joint.weights))
    tokens: dict[Key, Array] = {}
    money: Sums = {}
    under = {}
    for rungs in joint.markets:
        if joint.chance(rungs) <= 0.0:
            continue
        under[rungs] = np.zeros(len(joint.scenarios.weights))
        losses, weights = joint.losses(rungs), joint.scenarios.weights
        prices = joint.counted(rungs)
        every = against(outside, joint.fine.in_money(joint.weights, rungs))
        for chance, term in stretched.likely(clouds, joint.tables(rungs)):
            rest = chance * every
            values = joint.window.grid.weights(against(rest, term.beside))
            for cloud in term.clouds:
                (mean,), priced = stretched.read(
                    joint.window, values[None], losses, prices, cloud, weights
                )
                under[rungs] += mean
                _bring_back(clouds, term, cloud, [each[:, 0] for each in priced], tokens)
            if term.money:
                one = against(rest, stretched.bare(joint.window, losses, weights, prices, term))
                money[term.money] = money[term.money] + one if term.money in money else one
    sums = {key: clouds.grid.weighing(values) for key, values in tokens.items()}
    return _lines(clouds, [*sums.items(), *money.items()]), under


def _bring_back(
    clouds: Clouds, term: Term, cloud: Cloud, priced: list[Array], found: dict[Key, Array]
) -> None:
    """Add what each unit lost counts for, on the grid, by what the groups of its token are told."""
    for place, (token, values) in enumerate(zip(cloud.tokens, priced, strict=True)):
        at = clouds.tokens.index(token)
        cells = cloud.by_row(place, values)
        for keys, own in zip(term.rows, cells, strict=True):
            on_grid = cloud.factors[place].on(clouds.grid, own)
            known = found.get(keys[at])
            found[keys[at]] = on_grid if known is None else known + on_grid


def _lines(clouds: Clouds, sums: list[tuple[Key, Transform]]) -> dict[str, float]:
    """Weighted sums by line, from weights of the sums of groups."""
    by: dict[tuple[int, int], dict[int, Transform]] = {}
    for key, weights in sums:
        for p, g, case in key:
            others = tuple(at for at in key if at[:2] != (p, g))
            mine, known = against(weights, clouds.product(others)), by.setdefault((p, g), {})
            known[case] = known[case] + mine if case in known else mine
    found: dict[str, float] = {}
    for p, groups in enumerate(clouds.groups):
        for g, strand in enumerate(groups):
            found |= dict.fromkeys(strand.keys, 0.0)
            found |= strand.weighed(0, by.get((p, g), {}))
    return found
