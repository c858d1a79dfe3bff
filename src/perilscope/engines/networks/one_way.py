# SPDX-License-Identifier: Apache-2.0
"""How a probability answers to every entry of every table of a network, in closed form.

When one entry t of a row moves and the others of the row keep their proportions, P(target, seen)
and P(seen) are straight lines in t, so the answer is (a t + b) / (c t + d). All lines come from one
pass of messages with the target and one without: the slope of the whole sum in a table entry is
what its clique holds when that table is left out.

Source: Castillo, Gutierrez and Hadi (1997); Darwiche, "A differential approach to inference in
Bayesian networks", J. ACM 50 (2003); Chan and Darwiche, JAIR 17 (2002) for covariation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from perilscope.engines.networks.canonical import tabled
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import AnyNode, Array, Network
from perilscope.engines.networks.session import NOTHING, Session
from perilscope.errors import AssessmentError


@dataclass(frozen=True)
class OneWay:
    """The probability of a target as a function of one entry of one table.

    Parameters
    ----------
    node, state : str
        The entry is P(state | row).
    row : tuple of (str, str)
        Parents and their states; empty for a root.
    value : float
        The entry as it is.
    a, b, c, d : float
        P(target | seen) = (a t + b) / (c t + d) when the entry is t.
    """

    node: str
    state: str
    row: tuple[tuple[str, str], ...]
    value: float
    a: float
    b: float
    c: float
    d: float

    def at(self, t: float) -> float:
        """P(target | seen) when the entry is t; NaN where what was seen could then not happen."""
        under = self.c * t + self.d
        return (self.a * t + self.b) / under if under > 0.0 else math.nan

    @property
    def slope(self) -> float:
        """The derivative at the entry as it is."""
        under = self.c * self.value + self.d
        return (self.a * self.d - self.b * self.c) / under**2

    def swing(self, odds: float = 2.0) -> tuple[float, float]:
        """The target when the odds of the entry are divided and multiplied by a factor."""
        p = self.value
        low, high = (p * k / (1.0 - p + p * k) for k in (1.0 / odds, odds))
        return self.at(low), self.at(high)

    def __str__(self) -> str:
        given = ", ".join(f"{parent}={state}" for parent, state in self.row)
        return f"P({self.node}={self.state}{' | ' if given else ''}{given})"


def one_way(
    net: Network, node: str, state: str, findings: Findings = NOTHING
) -> tuple[OneWay, ...]:
    """Sensitivity functions of P(node = state | findings) to every table entry that is not fixed.

    Parameters
    ----------
    net : Network
    node, state : str
        The target.
    findings : Findings
        Hard findings, likelihoods and interventions; no targets.

    Returns
    -------
    tuple of OneWay
        In the order of declaration. Rows with an entry of 1 are left out: there the others have
        no proportions to keep.

    Raises
    ------
    AssessmentError
        A target that is known for certain or cannot happen; findings that cannot happen.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> wet = Node("wet", ("no", "yes"), ("rain",), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> found = one_way(Network((rain, wet)), "rain", "yes", Findings(hard={"wet": "yes"}))
    >>> print(found[1], round(found[1].at(0.5), 6))
    P(rain=yes) 0.888889
    """
    place = net.state(node, state)
    if findings.target:
        raise AssessmentError("sensitivities are taken under findings and likelihoods, not targets")
    if node in findings.hard or node in findings.do:
        raise AssessmentError(f"{node} is known for certain, so no table moves it")
    net = tabled(net)
    session = Session(net)
    session.know(findings)
    chance = session.marginal(node)[state]
    if not chance > 0.0:
        raise AssessmentError(f"{node}={state} cannot happen given what is known")
    free = [each for each in net.nodes if each.name not in findings.do]
    below = {each.name: session.slopes(each) for each in free}
    vector = np.zeros(len(net.node(node).states))
    vector[place] = 1.0
    vector *= np.asarray(findings.likelihood.get(node, 1.0))
    likelihood = {**findings.likelihood, node: vector.tolist()}
    session.know(Findings(findings.hard, likelihood, do=findings.do))
    found: list[OneWay] = []
    for each in free:
        found += lines(each, net, chance, chance * session.slopes(each), below[each.name])
    return tuple(found)


def lines(
    node: AnyNode, net: Network, chance: float, above: Array, below: Array
) -> Iterator[OneWay]:
    """The lines of a node's entries, on the scale where P(seen) is 1.

    Parameters
    ----------
    node : node of net
    net : Network
    chance : float
        The target: a probability, or an expectation of anything, given what is seen.
    above : array, shape of the table
        Slopes of target x P(seen) over P(seen), by single entries.
    below : array, shape of the table
        Slopes of log P(seen).
    """
    for at in np.ndindex(*node.table.shape[:-1]):
        row = node.table[at]
        if float(row.max()) >= 1.0:
            continue
        names = tuple((p, net.node(p).states[k]) for p, k in zip(node.parents, at, strict=True))
        for k, value in enumerate(row.tolist()):
            a, c = _along(above[at], row, k), _along(below[at], row, k)
            line = (a, chance - a * value, c, 1.0 - c * value)
            yield OneWay(node.name, node.states[k], names, value, *line)


def _along(slopes: Array, row: Array, k: int) -> float:
    """Slope when entry k moves and the others of its row keep their proportions."""
    others = np.delete(slopes * row, k)
    return float(slopes[k]) - math.fsum(others.tolist()) / (1.0 - float(row[k]))
