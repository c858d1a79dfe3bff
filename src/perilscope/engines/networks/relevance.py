# SPDX-License-Identifier: Apache-2.0
"""Most relevant explanation: the few states that speak most for what was seen.

The most probable states of all nodes say much that has nothing to do with the findings. Here the
generalised Bayes factor GBF(x; e) = P(e | x) / P(e | not x) is greatest, over the states of some
nodes only; adding a node that explains nothing more lowers it.

Source: Yuan, Lim and Lu, "Most relevant explanation in Bayesian networks", JAIR 42 (2011).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Network
from perilscope.engines.networks.session import Session
from perilscope.errors import MisuseError

MOST, AMONG = 3, 8
"""Nodes of an explanation, and nodes that are combined: those that explain most alone."""
LARGE = 1 << 20
"""Cells of a network whose nodes are looked at one by one only."""


@dataclass(frozen=True)
class Relevant:
    """States that explain what is known.

    Parameters
    ----------
    states : dict of node to state
    factor : float
        How many times as probable they make the findings as their contrary does; infinite where
        without them the findings cannot be.
    before, after : float
        Their joint probability without the findings, and given them.
    """

    states: dict[str, str]
    factor: float
    before: float
    after: float


def most_relevant(
    net: Network, findings: Findings, among: Sequence[str] | None = None
) -> tuple[Relevant, ...]:
    """States of up to three nodes by their Bayes factor, the best first.

    Of each set of nodes the best; none that says more than another and explains no better. In a
    network so large that joint laws take long, single nodes only.

    Parameters
    ----------
    net : Network
    findings : Findings
        At least one finding or likelihood.
    among : sequence of str, optional
        Nodes that may explain; by default every ancestor of what is known.

    Raises
    ------
    MisuseError
        Nothing is known, or nothing could explain it.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> best = most_relevant(Network((rain, wet)), Findings(hard={"wet": "yes"}))[0]
    >>> best.states, round(best.factor, 9)
    ({'rain': 'yes'}, 8.0)
    """
    seen = [*findings.hard, *findings.likelihood, *findings.target]
    if not seen:
        raise MisuseError("nothing is known, so nothing is to be explained")
    known = {*findings.hard, *findings.do}
    names = [node.name for node in net.above(seen)] if among is None else list(among)
    names = [name for name in names if name not in known]
    if not names:
        raise MisuseError("no node is left that could explain what is known")
    before, after = Session(net), Session(net)
    before.know(Findings(do=findings.do))
    after.know(findings)

    def best(nodes: tuple[str, ...]) -> Relevant:
        return _best(net, nodes, before.joint(nodes), after.joint(nodes))

    alone = sorted((best((name,)) for name in names), key=lambda each: -each.factor)
    few = [next(iter(each.states)) for each in alone[:AMONG]]
    found = list(alone)
    for size in range(2, MOST + 1 if after.cells <= LARGE else 2):
        found += [best(nodes) for nodes in itertools.combinations(few, size)]
    found.sort(key=lambda each: (-each.factor, len(each.states)))
    kept: list[Relevant] = []
    for each in found:  # what says more than another and explains no better is left out
        if not any(other.states.items() <= each.states.items() for other in kept):
            kept.append(each)
    return tuple(kept)


def _best(net: Network, nodes: tuple[str, ...], prior: object, posterior: object) -> Relevant:
    p, q = np.asarray(prior, dtype=np.float64), np.asarray(posterior, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = q * (1.0 - p) / (p * (1.0 - q))
    factors = np.where(p > 0.0, np.where(p >= 1.0, 1.0, factors), 0.0)
    place = np.unravel_index(int(np.argmax(factors)), factors.shape)
    states = {name: net.node(name).states[int(k)] for name, k in zip(nodes, place, strict=True)}
    factor = float(factors[place])
    whole = factor if math.isfinite(factor) else math.inf
    return Relevant(states, whole, float(p[place]), float(q[place]))
