# SPDX-License-Identifier: Apache-2.0
"""Protocols that fall together: an oracle, chain, bridge, code or coin that several rely on.

Each thing that is shared fails with a small chance a year, and when it does it strikes those who
rely on it through one of their causes. It takes over a share of the hazard of this cause and
leaves the rest to the protocol itself, so that every protocol alone keeps its chance exactly; only
how protocols fall together changes. In terms of a cause with hazard h = -ln(1 - p), share r and
chance q of what is shared: given that it fails it strikes with v = (1 - e^(-r h)) / q, at most 1.

Shares and chances are judgement: an oracle network that fails takes many of its users along; a bug
in forked code is a bug in every fork.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.book import Protocol
from perilscope.engines.networks.network import AnyNode, Network, Node
from perilscope.layers.drivers import Drivers, Group
from perilscope.layers.networks import Driver
from perilscope.layers.protocol import failure


@dataclass(frozen=True)
class Kind:
    """A kind of thing that protocols share.

    Parameters
    ----------
    chance : float
        That it fails, per year.
    cause : str
        Through which it strikes. One only: else a protocol's own causes would come together, and
        it would be exploited less often than before.
    share : float
        Of the cause's hazard that comes through it.
    """

    chance: float
    cause: str
    share: float


KINDS: Mapping[str, Kind] = {
    "oracle": Kind(0.01, "oracle", 0.4),
    "chain": Kind(0.01, "oracle", 0.1),
    "bridge": Kind(0.03, "bridge", 0.7),
    "code of": Kind(0.02, "code", 0.4),
    "coin": Kind(0.03, "oracle", 0.2),
}
_ORACLES = re.compile(r"chainlink|pyth|redstone|api3|chronicle|band|switchboard|uma|tellor|dia")
_SAYS = ("no", "yes")


@dataclass(frozen=True)
class Tie:
    """Something that several protocols rely on.

    Parameters
    ----------
    kind, name : str
        As in ``KINDS``, and which one.
    protocols : tuple of str
        Ids.
    """

    kind: str
    name: str
    protocols: tuple[str, ...]

    @property
    def node(self) -> str:
        """Name of its node."""
        return f"{self.kind} {self.name} fails"


def relied_on(protocol: Protocol, tokens: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What a protocol says that it relies on: pairs of kind and name.

    Examples
    --------
    >>> relied_on(Protocol(id="p", oracle="Chainlink, 1 hour", chain="Ethereum"), ())
    (('oracle', 'chainlink'), ('chain', 'ethereum'))
    """
    found = []
    oracle = _ORACLES.search((protocol.oracle or "").lower())
    if oracle:
        found.append(("oracle", oracle[0]))
    for kind, said in (
        ("chain", protocol.chain),
        ("bridge", protocol.bridge or ""),
        ("code of", protocol.fork_of),
    ):
        name = said.strip().lower()
        if name and name not in ("none", "no", "no bridge", "canonical"):
            found.append((kind, name))
    known = set(tokens)
    found += [("coin", name) for name in protocol.depends_on if name in known]
    return tuple(found)


def ties(protocols: Mapping[str, Protocol], tokens: Iterable[str]) -> tuple[Tie, ...]:
    """What two protocols or more rely on, in the order in which it is named."""
    users: dict[tuple[str, str], list[str]] = {}
    known = tuple(tokens)
    for key, protocol in protocols.items():
        for each in dict.fromkeys(relied_on(protocol, known)):
            users.setdefault(each, []).append(key)
    return tuple(Tie(*each, tuple(keys)) for each, keys in users.items() if len(keys) > 1)


def tied(drivers: Drivers, found: Iterable[Tie]) -> Drivers:
    """The same networks, those that share something joined into one."""
    left = list(found)
    groups = []
    while left:
        members, mine = list(left[0].protocols), [left.pop(0)]
        while near := [tie for tie in left if set(tie.protocols) & set(members)]:
            for tie in near:
                left.remove(tie)
                mine.append(tie)
                members += [key for key in tie.protocols if key not in members]
        groups.append(_group({key: drivers.networks[key] for key in members}, mine))
    return Drivers(drivers.networks, tuple(groups))


def _group(members: Mapping[str, Driver], shared: Iterable[Tie]) -> Group:
    nodes: list[AnyNode] = []
    through: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    for tie in shared:
        kind = KINDS[tie.kind]
        nodes.append(Node(tie.node, _SAYS, (), np.array([1.0 - kind.chance, kind.chance])))
        for key in tie.protocols:
            place = (key, failure(kind.cause))
            through.setdefault(place, []).append((tie.node, kind.chance, kind.share))
    for key, member in members.items():
        for node in member.network.nodes:
            names = tuple(f"{key}.{parent}" for parent in node.parents)
            shares = through.get((key, node.name), [])
            table = _shared(np.asarray(node.table), shares)
            parents = (*names, *(name for name, _, _ in shares))
            nodes.append(Node(f"{key}.{node.name}", node.states, parents, table))
    return Group(" + ".join(members), tuple(members), Network(tuple(nodes)))


def _shared(table: Any, shares: Iterable[tuple[str, float, float]]) -> Any:
    """A table with an axis more, before its last, for each thing that is shared."""
    wanted = list(shares)
    if not wanted:
        return table
    alive = table[..., 0]
    with np.errstate(divide="ignore"):
        hazard = -np.log(np.maximum(alive, 1e-300))
    own, given = alive, []
    for _, chance, share in wanted:
        strikes = np.minimum(-np.expm1(-share * hazard) / chance, 1.0)
        given.append(1.0 - strikes)
        own = own / (1.0 - chance * strikes)
    survives = np.minimum(own, 1.0)
    for axis, left in enumerate(given):
        both = np.stack([np.ones_like(left), left], axis=-1)
        both = both.reshape(alive.shape + (1,) * axis + (2,))
        survives = survives[..., None] * both
    return np.stack([survives, 1.0 - survives], axis=-1)


def chance_of_both(drivers: Drivers, first: str, second: str) -> float:
    """Chance that two protocols are exploited within the same year."""
    net, one = drivers.place(first, "exploited")
    other, two = drivers.place(second, "exploited")
    if net != other:
        yes = (drivers.probability(key, "exploited") for key in (first, second))
        return math.prod(yes)
    return float(drivers.joint(net, (one, two))[1, 1])
