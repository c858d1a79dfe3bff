# SPDX-License-Identifier: Apache-2.0
"""Exact inference in small discrete Bayesian networks by variable elimination.

The order of elimination is fixed (min-fill, ties by order of declaration), products are taken one
after the other and sums along one axis, so the same network and evidence give the same bits on
the same machine, however often they are asked. Nodes that are neither asked for, nor observed, nor
above such a node cannot change the answer and are left out before anything is multiplied; adding
such a node therefore leaves every other answer as it was, to the bit.

Source: Koller and Friedman, *Probabilistic Graphical Models* (2009), chapter 9.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from perilscope.engines.networks.network import CELLS, Array, Factor, Network, Node
from perilscope.errors import AssessmentError, MisuseError

__all__ = ["CELLS", "Factor", "Network", "Node", "joint", "marginal", "marginals", "probability_of"]


def _observed(factor: Factor, at: Mapping[str, int]) -> Factor:
    """The factor with the observed variables fixed and their axes gone."""
    if not any(name in at for name in factor.names):
        return factor
    index = tuple(at.get(name, slice(None)) for name in factor.names)
    left = tuple(name for name in factor.names if name not in at)
    return Factor(left, np.asarray(factor.table[index]))


def _product(factors: Sequence[Factor], scope: tuple[str, ...]) -> Array:
    """Product of factors over ``scope``, taken from the left, as one table."""
    total = np.ones([1] * len(scope))
    for factor in factors:
        total = total * factor.along(scope)
    return total


def _scope(factors: Sequence[Factor], sizes: Mapping[str, int]) -> tuple[str, ...]:
    """All variables of the factors in the order of declaration, if a table over them fits."""
    used = {name for factor in factors for name in factor.names}
    scope = tuple(name for name in sizes if name in used)
    _refuse_large(scope, sizes)
    return scope


def _refuse_large(scope: Sequence[str], sizes: Mapping[str, int]) -> None:
    cells = math.prod(sizes[name] for name in scope)
    if cells > CELLS:
        raise AssessmentError(
            f"the network is too densely connected: {', '.join(scope)} together have {cells:,} "
            f"joint states and at most {CELLS:,} are taken; give these nodes fewer parents or "
            "fewer states"
        )


def _order(factors: Sequence[Factor], sizes: Mapping[str, int], keep: Sequence[str]) -> list[str]:
    """Order of elimination: fewest new edges first, ties by the order of declaration."""
    near: dict[str, set[str]] = {name: set() for name in sizes}
    for factor in factors:
        for name in factor.names:
            near[name].update(other for other in factor.names if other != name)

    def fill(name: str) -> int:
        around = near[name]
        return sum(len(around) - 1 - len(near[each] & around) for each in around) // 2

    left = [name for name in sizes if name not in keep]
    fills = {name: fill(name) for name in left}
    order: list[str] = []
    while left:
        chosen = min(left, key=fills.__getitem__)  # the first among equals: order of declaration
        left.remove(chosen)
        order.append(chosen)
        around = near.pop(chosen)
        for other in around:
            near[other] |= around - {other}
            near[other].discard(chosen)
        # new edges are among those around; they matter to these and to who is near two of them
        del fills[chosen]
        for name in around.union(*(near[other] for other in around)) & fills.keys():
            fills[name] = fill(name)
    return order


def _weights(net: Network, names: Sequence[str], evidence: Mapping[str, str]) -> Array:
    """P(names, evidence), not normalised; observed names must not be asked for here."""
    at = {name: net.state(name, state) for name, state in evidence.items()}
    nodes = net.above((*names, *evidence))
    sizes = {node.name: len(node.states) for node in nodes if node.name not in at}
    for node in nodes:
        sizes.update(node.hidden)
    factors = [_observed(factor, at) for node in nodes for factor in node.factors]
    for name in _order(factors, sizes, names):
        mine = [factor for factor in factors if name in factor.names]
        factors = [factor for factor in factors if name not in factor.names]
        scope = _scope(mine, sizes)
        summed = _product(mine, scope).sum(axis=scope.index(name))
        factors.append(Factor(tuple(other for other in scope if other != name), summed))
    _refuse_large(names, sizes)
    table = _product(factors, tuple(names))
    if any(node.hidden for node in nodes):  # signs and phases, of which rounding is left
        table = np.maximum(np.real(table), 0.0)
    return np.broadcast_to(table, [sizes[name] for name in names])


def joint(net: Network, names: Sequence[str], evidence: Mapping[str, str] | None = None) -> Array:
    """The joint law of ``names`` given evidence.

    Parameters
    ----------
    net : Network
    names : sequence of str
        The nodes asked for, each once. Observed nodes may be among them.
    evidence : mapping of node to state, optional
        What is known for certain.

    Returns
    -------
    array, one axis per name in the order of ``names``, summing to 1

    Raises
    ------
    MisuseError
        If a node or state does not exist or a name repeats.
    AssessmentError
        If the evidence cannot happen in this network, or the network is too densely connected.

    Examples
    --------
    >>> a = Node("a", ("n", "y"), (), [0.5, 0.5])
    >>> b = Node("b", ("n", "y"), ("a",), [[1.0, 0.0], [0.5, 0.5]])
    >>> joint(Network((a, b)), ["b", "a"]).tolist()
    [[0.5, 0.25], [0.0, 0.25]]
    """
    seen = dict(evidence or {})
    if len(dict.fromkeys(names)) != len(names):
        raise MisuseError(f"a node is asked for twice: {', '.join(names)}")
    free = [name for name in names if name not in seen]
    weights = _weights(net, free, seen)
    total = float(weights.sum())
    if not total > 0.0:
        told = ", ".join(f"{name}={state}" for name, state in seen.items())
        raise AssessmentError(f"this evidence cannot happen in the network: {told}")
    law = weights / total
    if len(free) == len(names):
        return law
    full = np.zeros([len(net.node(name).states) for name in names])
    index = tuple(net.state(name, seen[name]) if name in seen else slice(None) for name in names)
    full[index] = law
    return full


def marginal(
    net: Network, name: str, evidence: Mapping[str, str] | None = None
) -> dict[str, float]:
    """The law of one node given evidence, as state -> probability. Raises as `joint`.

    Examples
    --------
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> round(marginal(Network((rain, wet)), "rain", {"wet": "yes"})["yes"], 9)  # 0.2 / 0.28
    0.714285714
    """
    law = joint(net, (name,), evidence)
    return dict(zip(net.node(name).states, law.tolist(), strict=True))


def marginals(
    net: Network, evidence: Mapping[str, str] | None = None
) -> dict[str, dict[str, float]]:
    """The law of every node given evidence, as node -> state -> probability. Raises as `joint`.

    Examples
    --------
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> round(marginals(Network((rain, wet)))["wet"]["yes"], 12)
    0.28
    """
    return {node.name: marginal(net, node.name, evidence) for node in net.nodes}


def probability_of(net: Network, evidence: Mapping[str, str]) -> float:
    """The probability that all of ``evidence`` holds at once; 0 where it cannot happen.

    Examples
    --------
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> round(probability_of(Network((rain, wet)), {"wet": "yes"}), 12)
    0.28
    """
    return float(_weights(net, (), evidence))
