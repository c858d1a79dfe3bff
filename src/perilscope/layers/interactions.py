# SPDX-License-Identifier: Apache-2.0
"""Declared interactions -> nodes of the engine that need no full table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit

from perilscope.book import Interaction
from perilscope.engines.networks import elimination
from perilscope.engines.networks.canonical import Logistic, NoisyAnd, NoisyMax
from perilscope.engines.networks.network import AnyNode, Network
from perilscope.engines.networks.ranked import Ranked
from perilscope.errors import AssessmentError

JOINT = 1 << 20
"""Joint states of the parents over which an overall chance is solved for."""


def interaction(
    name: str,
    states: tuple[str, ...],
    said: Interaction,
    parents: Sequence[AnyNode],
    above: Mapping[str, AnyNode],
) -> AnyNode:
    """The node of an interaction.

    Parameters
    ----------
    name, states
        Of the node.
    said : Interaction
    parents : sequence of nodes
    above : mapping of name to node
        At least the parents and all their ancestors.

    Raises
    ------
    AssessmentError
        An overall chance that has to be solved over too many parents.
    """
    names = tuple(parent.name for parent in parents)
    sizes = tuple(len(parent.states) for parent in parents)
    rows = [tuple(map(float, row)) for row in said.by_parent]
    rest = tuple(map(float, said.rest))
    match said.kind:
        case "noisy-or":
            effects = tuple([(1.0 - p, p) for p in row] for row in rows)
            return NoisyMax(name, states, names, sizes, effects, (1.0 - rest[0], rest[0]))
        case "noisy-and":
            return NoisyAnd(name, states, names, sizes, tuple(rows), rest[0])
        case "noisy-max":
            laws = tuple(np.array(row).reshape(-1, len(states)) for row in rows)
            return NoisyMax(name, states, names, sizes, laws, rest)
        case "ranked":
            return Ranked(name, states, names, sizes, tuple(row[0] for row in rows), rest[0])
        case "logistic":
            weights = tuple(tuple(map(math.log, row)) for row in rows)
            if said.says == "overall":
                intercept = _solved(name, names, weights, rest[0], above)
            else:
                first = math.fsum(row[0] for row in weights)
                intercept = math.log(rest[0] / (1.0 - rest[0])) - first
            return Logistic(name, states, names, sizes, intercept, weights)


def _solved(
    name: str,
    parents: tuple[str, ...],
    weights: Sequence[Sequence[float]],
    overall: float,
    above: Mapping[str, AnyNode],
) -> float:
    """The intercept at which the last state has this chance before anything is known."""
    if math.prod(len(row) for row in weights) > JOINT:
        raise AssessmentError(
            f"node {name}: an overall chance is solved over at most {JOINT:,} joint states of its "
            "parents; give `otherwise` in its place"
        )
    law = elimination.joint(Network(tuple(above.values())), parents).ravel()
    sums = np.zeros((1,) * len(weights))
    for axis, row in enumerate(weights):
        shape = [1] * len(weights)
        shape[axis] = len(row)
        sums = sums + np.array(row).reshape(shape)
    flat, intercept = sums.ravel(), math.log(overall / (1.0 - overall))
    for _ in range(200):  # Newton on the logit of the mean, which is nearly straight
        chance = expit(flat + intercept)
        mean = float(law @ chance)
        slope = float(law @ (chance * (1.0 - chance))) / (mean * (1.0 - mean))
        step = (math.log(overall / (1.0 - overall)) - math.log(mean / (1.0 - mean))) / slope
        intercept += min(max(step, -5.0), 5.0)
        if abs(step) <= 1e-15 * max(abs(intercept), 1.0):
            break
    return intercept
