# SPDX-License-Identifier: Apache-2.0
"""What is known of the nodes of a network: for certain, by degrees, or because it was done.

The two kinds of soft evidence are told apart by name. A *likelihood* says how probable what was
seen is in each state (virtual evidence, Pearl 1988, section 2.2.2); a *target* says what the
probabilities are once it is taken into account (Jeffrey 1965). They are not the same: a likelihood
is weighed against what is believed already, a target replaces it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from perilscope.engines.networks.network import Network
from perilscope.errors import MisuseError

Vector = Sequence[float]


@dataclass(frozen=True)
class Findings:
    """What is known of some nodes, each in at most one way but for interventions.

    Parameters
    ----------
    hard : mapping of node to state
        Seen for certain.
    likelihood : mapping of node to numbers
        One for each state, not negative, not all zero; only their ratios count.
    target : mapping of node to probabilities
        One for each state, adding to 1 within 1e-9.
    do : mapping of node to state
        Set from outside: what usually causes the node no longer does.

    Examples
    --------
    >>> Findings(hard={"rain": "yes"}).items()
    ['rain=yes']
    """

    hard: Mapping[str, str] = field(default_factory=dict)
    likelihood: Mapping[str, Vector] = field(default_factory=dict)
    target: Mapping[str, Vector] = field(default_factory=dict)
    do: Mapping[str, str] = field(default_factory=dict)

    def checked(self, net: Network) -> Findings:
        """The same, if it fits a network.

        Raises
        ------
        MisuseError
            An unknown node or state, a vector of the wrong length or that is no likelihood or law,
            a node that is known in two ways.
        """
        for name, state in (*self.hard.items(), *self.do.items()):
            net.state(name, state)
        for name, vector in self.likelihood.items():
            _fits(net, name, vector)
            if not max(vector) > 0.0:
                raise MisuseError(f"node {name}: a likelihood that is nowhere above zero")
        for name, vector in self.target.items():
            _fits(net, name, vector)
            if abs(math.fsum(vector) - 1.0) > 1e-9:
                raise MisuseError(f"node {name}: target probabilities add to {math.fsum(vector)}")
        twice = [n for n in self.hard if n in self.likelihood or n in self.target or n in self.do]
        twice += [n for n in self.likelihood if n in self.target]
        if twice:
            raise MisuseError(f"node {twice[0]} is known in two ways")
        return self

    def items(self) -> list[str]:
        """Each piece as people write it."""
        return [text for text, _ in self.pieces()]

    def pieces(self) -> Iterator[tuple[str, Findings]]:
        """Each piece with its text, by itself; interventions stay together with every one."""
        for name, state in self.hard.items():
            yield f"{name}={state}", Findings(hard={name: state})
        for name, vector in self.likelihood.items():
            yield f"{name} with likelihood {_said(vector)}", Findings(likelihood={name: vector})
        for name, vector in self.target.items():
            yield f"{name} with target {_said(vector)}", Findings(target={name: vector})

    def joined(self, other: Findings) -> Findings:
        """Both; the other wins where they speak of the same node."""
        return Findings(
            {**self.hard, **other.hard},
            {**self.likelihood, **other.likelihood},
            {**self.target, **other.target},
            {**self.do, **other.do},
        )


def _fits(net: Network, name: str, vector: Vector) -> None:
    states = net.node(name).states
    if len(vector) != len(states):
        raise MisuseError(
            f"node {name}: {len(vector)} numbers for {len(states)} states ({', '.join(states)})"
        )
    if not all(math.isfinite(x) and x >= 0.0 for x in vector):
        raise MisuseError(f"node {name}: numbers that are negative or not finite")


def _said(vector: Vector) -> str:
    return "(" + ", ".join(f"{x:g}" for x in vector) + ")"
