# SPDX-License-Identifier: Apache-2.0
"""Declared networks as the engine takes them, and names of their nodes as people write them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from perilscope.book.words import listed
from perilscope.engines.networks import elimination
from perilscope.engines.networks.network import AnyNode, Node
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers.interactions import interaction

if TYPE_CHECKING:
    from perilscope.book import Book
    from perilscope.book import Network as Declared

STATE_NOW = "state now"


@dataclass(frozen=True)
class Driver:
    """One network with what it needs to be asked: its period, its conditions, what was seen.

    Parameters
    ----------
    network : elimination.Network
        The tables.
    years : float
        Period that the probabilities of the network refer to.
    conditions : tuple of str
        Nodes that mean a state now; their probabilities are never converted to a horizon.
    evidence : mapping of node to state
        What is known for sure.
    happens : mapping of node to state
        What is taken to happen within the horizon that is asked for, be it longer or shorter than
        the period; the first state of a node for nothing else happening.
    """

    network: elimination.Network
    years: float = 1.0
    conditions: tuple[str, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)
    happens: Mapping[str, str] = field(default_factory=dict)

    def states(self, node: str) -> tuple[str, ...]:
        """States of a node in the order they were declared."""
        return self.network.node(node).states

    def given(self, evidence: Mapping[str, str]) -> Driver:
        """The same network knowing ``evidence`` as well; what is new wins over what was there."""
        return replace(self, evidence={**self.evidence, **evidence})

    def event(self, node: str, state: str) -> tuple[tuple[tuple[str, ...], ...], int]:
        """Groups of a node's states of which the worst within a horizon tells whether a state
        happens, and which of them; of its first state, whether no other does.
        """
        others = tuple(each for each in self.states(node) if each != state)
        first = self.states(node)[0] == state
        return (((state,), others), 0) if first else ((others, (state,)), 1)


def network(declared: Declared) -> elimination.Network:
    """Tables of a declared network, ready for elimination.

    Parameters
    ----------
    declared : book network
        Its table rows stand in C order of the parents' states, last parent fastest.

    Examples
    --------
    >>> from perilscope.book import from_mapping
    >>> nodes = {"rain": {"table": [0.75, 0.25]}}
    >>> tree = {"institution": {"name": "x"}, "currency": "USD", "as_of": "2026-11-20"}
    >>> book = from_mapping({**tree, "networks": {"weather": {"nodes": nodes}}})
    >>> found = network(book.networks["weather"])
    >>> found.node("rain").states, found.node("rain").table.tolist()
    (('no', 'yes'), [0.75, 0.25])
    """
    sizes = {name: len(node.states) for name, node in declared.nodes.items()}
    made: dict[str, AnyNode] = {}

    def node(name: str) -> AnyNode:
        """The node, its ancestors first: an overall chance needs their law."""
        if name not in made:
            each = declared.nodes[name]
            above = [node(parent) for parent in each.parents]
            if each.interaction is None:
                shape = (*(sizes[parent] for parent in each.parents), len(each.states))
                table = np.array(each.table, dtype=np.float64).reshape(shape)
                made[name] = Node(name, tuple(each.states), tuple(each.parents), table)
            else:
                made[name] = interaction(name, tuple(each.states), each.interaction, above, made)
        return made[name]

    for name in declared.nodes:
        node(name)
    return elimination.Network(tuple(made[name] for name in declared.nodes))


def declared(book: Book) -> dict[str, Driver]:
    """The networks of a book, with what it says was observed."""
    found = {}
    for name, each in book.networks.items():
        nodes = each.nodes.items()
        conditions = tuple(node for node, x in nodes if x.means == STATE_NOW)
        seen = {node: x.observed for node, x in nodes if x.observed is not None}
        found[name] = Driver(network(each), each.period_years, conditions, seen)
    return found


def places(networks: Mapping[str, Driver]) -> dict[str, tuple[str, str]]:
    """``network.node`` to both, of every node."""
    return {
        f"{net}.{node.name}": (net, node.name)
        for net, driver in networks.items()
        for node in driver.network.nodes
    }


def placed(name: str, known: Mapping[str, tuple[str, str]]) -> str:
    """The one ``network.node`` that a name means.

    Examples
    --------
    >>> placed("depeg", {"usdc.depeg": ("usdc", "depeg"), "usdc.reserves": ("usdc", "reserves")})
    'usdc.depeg'
    """
    if name in known:
        return name
    fits = [place for place, (_, node) in known.items() if node == name]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise MisuseError(
            f"evidence {name!r}: several networks have this node; write one of {', '.join(fits)}"
        )
    bare = dict.fromkeys(node for _, node in known.values())
    meant = near(name, [*bare, *known]) or f"; there are {listed(known)}"
    raise MisuseError(f"evidence {name!r}: no such node{meant}")


def check_state(name: str, state: str, states: tuple[str, ...]) -> None:
    """Refuse evidence of a state that a node does not have."""
    if state not in states:
        meant = near(state, states)
        raise MisuseError(
            f"evidence {name}={state}: {name} has no such state{meant}; it has {', '.join(states)}"
        )


def check_possible(net: str, driver: Driver) -> None:
    """Refuse evidence that cannot have happened."""
    if not driver.evidence:
        return
    try:
        possible = elimination.probability_of(driver.network, driver.evidence) > 0.0
    except AssessmentError:
        possible = False
    if not possible:
        seen = ", ".join(f"{net}.{node}={state}" for node, state in driver.evidence.items())
        raise MisuseError(
            f"evidence {seen} cannot have happened: the tables of network {net} give it "
            f"probability 0; take one of these back or correct the table"
        )


def near(name: str, known: Iterable[str]) -> str:
    """What a name may have meant, in words; nothing where nothing is like it.

    Examples
    --------
    >>> near("depegg", ["depeg", "reserves"]), near("x", ["depeg"])
    ('; did you mean depeg?', '')
    """
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""
