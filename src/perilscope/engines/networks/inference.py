# SPDX-License-Identifier: Apache-2.0
"""The door to all inference: what is asked of a network goes to the engine that can answer it.

Our own junction tree is the engine of record. A network that is too large for it goes to the other
library, where that is installed and can hold it, and the answer says so and is rounded to 12
digits; one that no engine can hold is refused before anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.networks import elimination
from perilscope.engines.networks.capacity import OTHERS, TooLargeError, cost, others_hold
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Array, Network
from perilscope.engines.networks.session import NOTHING, Explanation, Law, Session, done
from perilscope.errors import MisuseError

TREE, OTHER = "junction tree", "pyAgrum, rounded to 12 digits"


@dataclass(frozen=True)
class Answer:
    """Laws of the nodes asked for, given what is known.

    Parameters
    ----------
    marginals : dict of node to state to probability
    log_probability : float
        Natural logarithm of the probability of the findings; of targets and interventions nothing.
    algorithm : str
        Which engine answered.
    """

    marginals: dict[str, Law]
    log_probability: float
    algorithm: str

    @property
    def probability_of_evidence(self) -> float:
        """Probability of the findings; below 1e-308 it is zero, its logarithm is not."""
        return math.exp(self.log_probability)


def ask(
    net: Network,
    findings: Findings = NOTHING,
    targets: Sequence[str] | None = None,
    *,
    engine: str = "auto",
) -> Answer:
    """Laws of nodes given what is known, by the engine that can hold the network.

    Parameters
    ----------
    net : Network
    findings : Findings
    targets : sequence of str, optional
        The nodes asked for; all by default.
    engine : str
        ``auto``, ``junction tree`` or ``pyAgrum``.

    Raises
    ------
    MisuseError
        Names that do not exist, an engine that does not.
    AssessmentError
        Findings that cannot hold together; a network that no engine can hold.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), np.array([0.8, 0.2]))
    >>> ask(Network((rain,))).marginals
    {'rain': {'no': 0.8, 'yes': 0.2}}
    """
    if engine not in ("auto", TREE, "pyAgrum"):
        raise MisuseError(f"no engine is called {engine!r}: auto, junction tree or pyAgrum")
    for name in targets or ():
        net.node(name)
    if engine != "pyAgrum":
        try:
            return _by_own(net, findings, targets)
        except TooLargeError as refused:
            if engine == TREE or not (others_hold(refused.cost) and _others_there()):
                raise
    elif not others_hold(found := cost(net, OTHERS)):
        raise TooLargeError(found)
    return _by_other(net, findings, targets)


def _by_own(net: Network, findings: Findings, targets: Sequence[str] | None) -> Answer:
    try:
        session = Session(net)
    except TooLargeError:
        part = None if targets is None else _behind(net, findings, targets)
        if part is None or len(part.nodes) == len(net.nodes):
            raise
        session = Session(part)
    session.know(findings)
    weight = 0.0 if findings.target else session.log_probability
    return Answer(session.marginals(targets), weight, TREE)


def _behind(net: Network, findings: Findings, targets: Sequence[str]) -> Network:
    """What can matter: the nodes asked for, what is known of, and all that stands above them."""
    findings.checked(net)
    spoken = (*findings.hard, *findings.likelihood, *findings.target, *findings.do)
    return Network(done(net, findings.do).above([*targets, *spoken]))


def _others_there() -> bool:
    from perilscope.engines.networks import agrum

    return agrum.installed()


def _by_other(net: Network, findings: Findings, targets: Sequence[str] | None) -> Answer:
    from perilscope.engines.networks import agrum

    findings.checked(net)
    if findings.target:
        raise MisuseError("targets are fitted by the junction tree only")
    cut = done(net, findings.do)
    laws = agrum.laws(cut, findings.hard, findings.likelihood, targets)
    weight = agrum.weight(cut, findings.hard, findings.likelihood)
    told = {n: {s: float(f"{p:.12g}") for s, p in law.items()} for n, law in laws.items()}
    return Answer(told, math.log(weight) if weight > 0.0 else -math.inf, OTHER)


def joint(net: Network, names: Sequence[str], findings: Findings = NOTHING) -> Array:
    """The joint law of some nodes given what is known; nodes that cannot matter are left out.

    Adding such a node changes no bit of the answer.

    Parameters
    ----------
    net : Network
    names : sequence of str
        The axes of the answer, in their order.
    findings : Findings

    Returns
    -------
    array
        One axis a name, along the states in the order they are declared; sums to one.

    Raises
    ------
    AssessmentError
        Findings that cannot hold together.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> joint(Network((rain, wet)), ("rain", "wet")).round(12).tolist()
    [[0.72, 0.08], [0.0, 0.2]]
    """
    findings.checked(net)
    if not findings.likelihood and not findings.target:
        return elimination.joint(done(net, findings.do), names, findings.hard)
    session = Session(net)
    session.know(findings)
    return session.joint(names)


def most_probable(
    net: Network, findings: Findings = NOTHING, names: Sequence[str] | None = None
) -> Explanation:
    """The most probable states given what is known: of all nodes, or of some (the others summed).

    Ties go to the states that are declared first.

    Raises
    ------
    AssessmentError
        Findings that cannot hold together; too many joint states of the nodes asked for.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> found = most_probable(Network((rain, wet)), Findings(hard={"wet": "yes"}))
    >>> found.states["rain"], round(found.probability, 9)  # 0.2 / 0.28
    ('yes', 0.714285714)
    """
    if names is None:
        session = Session(net)
        session.know(findings)
        return session.most_probable()
    law = joint(net, names, findings)
    place = np.unravel_index(int(np.argmax(law)), law.shape)
    states = {n: net.node(n).states[k] for n, k in zip(names, place, strict=True)}
    return Explanation(states, float(law[place]))
