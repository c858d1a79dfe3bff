# SPDX-License-Identifier: Apache-2.0
"""Whether a network can be held, said before a table is made: the guard of memory and of time."""

from __future__ import annotations

import math
from collections.abc import Iterable

from perilscope.engines.networks.network import CELLS, Network
from perilscope.engines.networks.triangulation import Cliques, Cost, Scope, cliques
from perilscope.errors import AssessmentError

TOTAL = 1 << 26
"""Cells of all cliques together that our own tree takes (512 MiB)."""
OTHERS = 1 << 26
"""Cells of the largest clique that the other library is given (512 MiB)."""
OTHERS_TOTAL = 1 << 27
"""Cells of all cliques together that the other library is given (1 GiB)."""


class TooLargeError(AssessmentError):
    """A network that is too densely connected; ``cost`` says what it would take."""

    def __init__(self, cost: Cost) -> None:
        self.cost = cost
        super().__init__(_said(cost))


def cost(net: Network, limit: float = math.inf) -> Cost:
    """What exact inference in a network would take, found without building a table.

    Parameters
    ----------
    net : Network
    limit : float
        Cells of a clique beyond which the search is given up.

    Examples
    --------
    One clique of two nodes with two states each:

    >>> from perilscope.engines.networks.network import Node
    >>> rain = Node("rain", ("no", "yes"), (), [0.8, 0.2])
    >>> wet = Node("wet", ("no", "yes"), ("rain",), [[0.9, 0.1], [0.0, 1.0]])
    >>> cost(Network((rain, wet))).largest
    4
    """
    return _found(net, (), limit).cost


def fitted(net: Network, more: Iterable[Scope] = ()) -> Cliques:
    """The tree of cliques of a network that our own engine can hold.

    Parameters
    ----------
    net : Network
    more : iterable of tuple of str
        Further sets of variables that a clique has to hold.

    Raises
    ------
    TooLargeError
        Where its tables would be too large.
    """
    found = _found(net, more, OTHERS)
    if not own_holds(found.cost):
        raise TooLargeError(found.cost)
    return found


def own_holds(cost: Cost) -> bool:
    """Whether our own engine takes a network of this cost."""
    return not cost.stopped and cost.largest <= CELLS and cost.total <= TOTAL


def others_hold(cost: Cost) -> bool:
    """Whether the other library can be given a network of this cost."""
    return not cost.stopped and cost.largest <= OTHERS and cost.total <= OTHERS_TOTAL


def _found(net: Network, more: Iterable[Scope], limit: float) -> Cliques:
    sizes = dict(net.sizes)
    scopes = list(more)
    for node in net.nodes:
        sizes.update(node.hidden)
        scopes += node.scopes
    return cliques(scopes, sizes, limit)


def _said(found: Cost) -> str:
    more = "more than " if found.stopped else ""
    if found.stopped or found.largest > CELLS:
        wanted = (
            f"a table of {more}{found.largest:,} joint states of {found.width + 1} nodes would be "
            f"needed, and at most {CELLS:,} are taken"
        )
    else:
        wanted = (
            f"its tables would have {found.total:,} joint states in all, and at most {TOTAL:,} are "
            "taken"
        )
    return (
        f"the network is too densely connected: {wanted}; ask for some nodes only, or give nodes "
        "fewer parents or fewer states"
    )
