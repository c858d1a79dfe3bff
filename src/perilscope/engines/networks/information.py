# SPDX-License-Identifier: Apache-2.0
"""What findings say about a node, and what is worth finding out next.

Source: Koller and Friedman (2009), section 22.4 (value of information); Jensen, Chamberlain,
Nordahl and Jensen, "Analysis in HUGIN of data conflict" (1990); Shapley (1953).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.network import Array, Network
from perilscope.engines.networks.session import NOTHING, Session
from perilscope.errors import MisuseError

MOST = 12
"""Findings whose shares are still found exactly: 2^12 subsets."""
WORK = 1 << 31
"""Cells that are gone through for exact shares; beyond that orders are drawn."""
ORDERS = 100
"""Orders that are drawn, each with its reverse."""
_SEED = 20261128


@dataclass(frozen=True)
class Share:
    """What one finding does to the probability of a target.

    Parameters
    ----------
    finding : str
    share : float
        Its part of the change from the prior to the posterior; parts of all findings add up.
    alone, last : float
        Change of the probability when it is the only finding, and when it comes after all others.
    error : float
        Standard error of the share where orders were drawn; 0 where it is exact.
    """

    finding: str
    share: float
    alone: float
    last: float
    error: float = 0.0


@dataclass(frozen=True)
class Worth:
    """What learning a node's state would tell of a target.

    Parameters
    ----------
    node : str
    information : float
        Mutual information with the target given what is known, in bits.
    swing : (float, float)
        Lowest and highest probability of the target over the states of the node.
    """

    node: str
    information: float
    swing: tuple[float, float]


def shares(net: Network, node: str, state: str, findings: Findings) -> tuple[Share, ...]:
    """Shapley values of the findings in P(node = state | findings).

    Each finding's share is its mean effect over all orders in which the findings may come. With
    many findings, or in a large network, orders are drawn (the same each time), each with its
    reverse; shares then still add up to the whole change, and each has its standard error.

    Raises
    ------
    AssessmentError
        Findings that cannot happen together.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> peril = Node("peril", ("no", "yes"), (), np.array([0.9, 0.1]))
    >>> found = shares(Network((peril,)), "peril", "yes", Findings(likelihood={"peril": (1, 4)}))
    >>> round(found[0].share, 6)
    0.207692
    """
    net.state(node, state)
    pieces = list(findings.pieces())
    n, session = len(pieces), Session(net)
    kept: dict[int, float] = {}

    def value(subset: int) -> float:
        if subset not in kept:
            joined = Findings(do=findings.do)
            for i, (_, piece) in enumerate(pieces):
                joined = joined.joined(piece) if subset >> i & 1 else joined
            session.know(joined)
            kept[subset] = session.marginal(node)[state]
        return kept[subset]

    exact = n <= MOST and session.cells << n <= WORK
    found = _exact(n, value) if exact else _drawn(n, value)
    whole = (1 << n) - 1
    return tuple(
        Share(
            text,
            share,
            value(1 << i) - value(0),
            value(whole) - value(whole ^ 1 << i),
            error,
        )
        for i, ((text, _), (share, error)) in enumerate(zip(pieces, found, strict=True))
    )


Parts = list[tuple[float, float]]


def _exact(n: int, value: Callable[[int], float]) -> Parts:
    """Mean effects over all orders, by subsets."""
    orders = [math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)]
    return [
        (
            math.fsum(
                orders[subset.bit_count()] * (value(subset | 1 << i) - value(subset))
                for subset in range(1 << n)
                if not subset >> i & 1
            ),
            0.0,
        )
        for i in range(n)
    ]


def _drawn(n: int, value: Callable[[int], float]) -> Parts:
    """Mean effects over some orders and their reverses, with standard errors."""
    rng = np.random.default_rng(_SEED)
    effects = np.zeros((ORDERS, n))
    for k in range(ORDERS):
        order = rng.permutation(n).tolist()
        for walk in (order, order[::-1]):
            subset = 0
            for i in walk:
                effects[k, i] += 0.5 * (value(subset | 1 << i) - value(subset))
                subset |= 1 << i
    errors = effects.std(axis=0, ddof=1) / math.sqrt(ORDERS)
    return list(zip(effects.mean(axis=0).tolist(), errors.tolist(), strict=True))


def conflict(net: Network, findings: Findings) -> float:
    """Jensen's measure in bits: log2 of the product of P(each finding) over P(all of them).

    Above zero the findings are less likely together than if they had nothing to do with each
    other: one of them may be wrong, or the network misses a cause.

    Examples
    --------
    Two copies of a fair coin that agree are half as probable apart as together:

    >>> from perilscope.engines.networks.network import Node
    >>> coin = Node("coin", ("heads", "tails"), (), [0.5, 0.5])
    >>> copy = Node("copy", ("heads", "tails"), ("coin",), [[1.0, 0.0], [0.0, 1.0]])
    >>> round(conflict(Network((coin, copy)), Findings(hard={"coin": "heads", "copy": "heads"})), 9)
    -1.0
    """
    session = Session(net)
    session.know(findings)
    together = session.log_probability
    apart = []
    for _, piece in findings.pieces():
        session.know(Findings(piece.hard, piece.likelihood, piece.target, findings.do))
        apart.append(session.log_probability)
    return (math.fsum(apart) - together) / math.log(2.0)


def worth_knowing(
    net: Network,
    node: str,
    findings: Findings = NOTHING,
    among: Sequence[str] | None = None,
    state: str | None = None,
) -> tuple[Worth, ...]:
    """Nodes by how much their state would tell of a target, the most telling first.

    Parameters
    ----------
    net : Network
    node : str
        The target.
    findings : Findings
    among : sequence of str, optional
        Nodes that could be looked at; all that are not known by default.
    state : str, optional
        Of the target, for the swing; its last by default.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> coin = Node("coin", ("heads", "tails"), (), [0.5, 0.5])
    >>> copy = Node("copy", ("heads", "tails"), ("coin",), [[1.0, 0.0], [0.0, 1.0]])
    >>> (worth,) = worth_knowing(Network((coin, copy)), "coin")
    >>> worth.node, round(worth.information, 9), worth.swing
    ('copy', 1.0, (0.0, 1.0))
    """
    target = net.node(node)
    place = len(target.states) - 1 if state is None else net.state(node, state)
    known = {*findings.hard, *findings.do, node}
    names = [n for n in (among or net.sizes) if n not in known]
    session = Session(net)
    session.know(findings)
    found = [
        Worth(name, mutual_information(law), _swing(law, place))
        for name, law in session.pairs(node, names)
    ]
    return tuple(sorted(found, key=lambda w: (-w.information, w.node)))


def _swing(law: Array, place: int) -> tuple[float, float]:
    seen = law.sum(axis=1)
    given = [float(law[k, place] / p) for k, p in enumerate(seen.tolist()) if p > 0.0]
    return min(given), max(given)


def mutual_information(law: Array) -> float:
    """Mutual information of the two axes of a joint law, in bits.

    Examples
    --------
    >>> mutual_information(np.array([[0.5, 0.0], [0.0, 0.5]]))
    1.0
    """
    apart = np.outer(law.sum(axis=1), law.sum(axis=0))
    some = law > 0.0
    bits = law[some] * np.log2(law[some] / apart[some])
    return max(math.fsum(bits.tolist()), 0.0)


def perfect_information(
    net: Network,
    node: str,
    gains: Mapping[str, Mapping[str, float]],
    findings: Findings = NOTHING,
    asked: str | None = None,
) -> tuple[str, float, float]:
    """The best action, what it is worth, and what knowing first would add (EVPI).

    Parameters
    ----------
    net : Network
    node : str
        What the gains depend on.
    gains : mapping of action to (mapping of state to money)
    asked : str, optional
        The node whose state would be known before acting; the node itself by default.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> net = Network((Node("bad", ("no", "yes"), (), np.array([0.9, 0.1])),))
    >>> gains = {"stay": {"no": 8.0, "yes": -100.0}, "leave": {"no": 0.0, "yes": 0.0}}
    >>> action, value, worth = perfect_information(net, "bad", gains)
    >>> action, round(value, 9), round(worth, 9)
    ('leave', 0.0, 7.2)
    """
    states = net.node(node).states
    for action, each in gains.items():
        if set(each) != set(states):
            raise MisuseError(f"{action} gives no gain for every state: {', '.join(states)}")
    session = Session(net)
    session.know(findings)
    seen = asked or node
    law = np.diag(session.joint([node])) if seen == node else session.joint([seen, node])
    table = np.array([[each[state] for state in states] for each in gains.values()])
    values = [math.fsum((law.sum(axis=0) * row).tolist()) for row in table]
    best = int(np.argmax(values))
    informed = [max(math.fsum((here * row).tolist()) for row in table) for here in law]
    return list(gains)[best], values[best], max(math.fsum(informed) - values[best], 0.0)
