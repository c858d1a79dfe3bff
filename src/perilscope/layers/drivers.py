# SPDX-License-Identifier: Apache-2.0
"""Declared networks and evidence -> probabilities of the nodes that drive losses.

Every network names its period. A node means either that something *happens within the period* or
that something *is so now*. Only the first kind is converted to another horizon: with ``k`` the
horizon counted in periods, a node stays below a rung for the whole horizon with probability
``P(below)^k``, jointly for several nodes (:meth:`Drivers.over`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.networks import elimination, inference
from perilscope.engines.networks.findings import Findings
from perilscope.errors import AssessmentError
from perilscope.layers.horizon import happens_over, powered
from perilscope.layers.networks import (
    Driver,
    near,
)
from perilscope.once import cached_property

if TYPE_CHECKING:
    pass

Floats = NDArray[np.float64]
Ladder = tuple[tuple[str, ...], ...]
"""Groups of states of one node, mildest group first; over a horizon the worst group counts."""

MOST_CELLS = 16_384
"""Joint states that are still listed one by one."""


@dataclass(frozen=True)
class Group:
    """Networks joined into one, because they share something.

    Parameters
    ----------
    name : str
    members : tuple of str
        Ids of the networks.
    network : Network
        All their nodes, each called ``id.node``, and what they share.
    """

    name: str
    members: tuple[str, ...]
    network: elimination.Network


@dataclass(frozen=True)
class HorizonLaw:
    """Joint law over a horizon of the worst rung that each node of one network reaches.

    Parameters
    ----------
    nodes : tuple of str
        The nodes, one per axis.
    table : array
        Probability of each joint rung, axis per node, mildest rung first; sums to 1.
    note : str
        Empty, or why the periods could not be treated as alike and what was done instead.
    """

    nodes: tuple[str, ...]
    table: Floats
    note: str = ""


@dataclass(frozen=True)
class Drivers:
    """All networks of an assessment with what is known, and what follows from it.

    Parameters
    ----------
    networks : mapping of id to Driver
        In the order of the book; protocols stand under the id of the protocol.
    groups : tuple of Group
        Networks that are asked together; all others are independent of each other.

    Examples
    --------
    >>> peg = elimination.Network((elimination.Node("depeg", ("no", "yes"), (), [0.81, 0.19]),))
    >>> drivers = Drivers({"peg": Driver(peg, years=1.0)})
    >>> round(drivers.probability("peg", "depeg"), 9)
    0.19
    >>> round(drivers.horizon_probability("peg", "depeg", "yes", years=0.5), 9)
    0.1
    """

    networks: Mapping[str, Driver]
    groups: tuple[Group, ...] = ()

    @cached_property
    def _joined(self) -> dict[str, Driver]:
        """Each group as one network, knowing what its members know."""
        found = {}
        for group in self.groups:
            seen: dict[str, str] = {}
            happens: dict[str, str] = {}
            held: list[str] = []
            for key in group.members:
                member = self.networks[key]
                seen |= {f"{key}.{node}": state for node, state in member.evidence.items()}
                happens |= {f"{key}.{node}": state for node, state in member.happens.items()}
                held += [f"{key}.{node}" for node in member.conditions]
            years = self.networks[group.members[0]].years
            found[group.name] = Driver(group.network, years, tuple(held), seen, happens)
        return found

    def place(self, net: str, node: str) -> tuple[str, str]:
        """The network that is asked for a node, and the node's name in it."""
        for group in self.groups:
            if net in group.members:
                return group.name, f"{net}.{node}"
        return net, node

    @cached_property
    def marginals(self) -> dict[str, dict[str, dict[str, float]]]:
        """Network -> node -> state -> probability over the network's own period."""
        found = {}
        for name, driver in self.networks.items():
            group, _ = self.place(name, "")
            found[name] = (
                {n.name: self._whole[group][f"{name}.{n.name}"] for n in driver.network.nodes}
                if group in self._whole
                else _marginals(driver)
            )
        return found

    @cached_property
    def _whole(self) -> dict[str, dict[str, dict[str, float]]]:
        return {name: _marginals(driver) for name, driver in self._joined.items()}

    @property
    def evidence(self) -> dict[str, str]:
        """All that is known for sure, as ``network.node`` -> state."""
        return {
            f"{name}.{node}": state
            for name, driver in self.networks.items()
            for node, state in driver.evidence.items()
        }

    def driver(self, net: str) -> Driver:
        """One network by its id.

        Raises
        ------
        AssessmentError
            No network has this id.
        """
        try:
            return self.networks[net] if net in self.networks else self._joined[net]
        except KeyError:
            raise AssessmentError(
                f"no network is called {net!r}{near(net, self.networks)}"
            ) from None

    def happening(self, events: Mapping[str, str], years: float) -> Drivers:
        """The same where some states happen within a horizon, as ``network.node`` to state.

        What means a state now, and what is asked for its network's own period, is known.
        """
        found = dict(self.networks)
        for place, state in events.items():
            net, _, node = place.partition(".")
            driver = found[net]
            if node in driver.conditions or abs(years / driver.years - 1.0) <= 1e-9:
                found[net] = driver.given({node: state})
            else:
                found[net] = replace(driver, happens={**driver.happens, node: state})
        return replace(self, networks=found)

    def probability(self, net: str, node: str, state: str = "yes") -> float:
        """Probability of a state over the network's own period.

        Raises
        ------
        AssessmentError
            The network, node or state does not exist.
        """
        self.driver(net)
        nodes = self.marginals[net] if net in self.networks else self._whole[net]
        if node not in nodes:
            raise AssessmentError(f"network {net} has no node {node!r}{near(node, nodes)}")
        if state not in nodes[node]:
            states = ", ".join(nodes[node])
            raise AssessmentError(f"{net}.{node} has no state {state!r}; it has {states}")
        return nodes[node][state]

    def joint(self, net: str, nodes: Sequence[str]) -> Floats:
        """Joint probabilities over the network's own period, one axis per node."""
        driver = self.driver(net)
        return elimination.joint(driver.network, tuple(nodes), driver.evidence)

    def horizon_probability(self, net: str, node: str, state: str, years: float) -> float:
        """Probability that a state happens within ``years``; a state now is not converted."""
        chance = self.probability(net, node, state)
        driver = self.driver(net)
        if driver.happens:
            others = tuple(each for each in driver.states(node) if each != state)
            return float(self.over(net, [(node, (others, (state,)))], years).table[1])
        if node in driver.conditions:
            return chance
        above = tuple(name for name, _ in self.held(net, [(node, ((state,),))], years))
        if not above:
            return happens_over(chance, years, driver.years)
        joint = self.joint(net, (*above, node))[..., driver.states(node).index(state)]
        given = self.joint(net, above)
        return math.fsum(
            p * happens_over(each / p, years, driver.years)
            for p, each in zip(given.ravel().tolist(), joint.ravel().tolist(), strict=True)
            if p > 0.0
        )

    def held(
        self, net: str, ladders: Sequence[tuple[str, Ladder]], years: float
    ) -> list[tuple[str, Ladder]]:
        """States now that events among some nodes depend on: the nearest ones above them.

        They hold for the whole horizon, so that what happens is converted given each of them. They
        are left out where there is nothing to convert, and where they have too many joint states:
        there their average is converted.
        """
        driver = self.driver(net)
        if years == driver.years:
            return []
        nodes = {node for node, _ in ladders}
        found: dict[str, None] = {}
        todo = [node for node in nodes if node not in driver.conditions]
        seen = set(todo)
        while todo:
            for parent in driver.network.node(todo.pop()).parents:
                if parent in driver.conditions:
                    found.setdefault(parent)
                elif parent not in seen:
                    seen.add(parent)
                    todo.append(parent)
        order = [node.name for node in driver.network.nodes if node.name in found]
        above = [x for x in order if x not in nodes and x not in driver.evidence]
        cells = math.prod(len(groups) for _, groups in ladders)
        if cells * math.prod(len(driver.states(node)) for node in above) > MOST_CELLS:
            return []
        return [(node, tuple((state,) for state in driver.states(node))) for node in above]

    def joint_over(
        self,
        net: str,
        events: Sequence[tuple[str, str]],
        years: float,
        note: Callable[[str], None] = lambda _text: None,
    ) -> tuple[tuple[float, tuple[bool, ...]], ...]:
        """Which of some events happen within ``years``, jointly.

        Parameters
        ----------
        net : str
            Id of the network.
        events : sequence of (node, state)
        years : float
            The horizon.
        note : callable
            Told what a reader must know about the conversion to the horizon, if anything.

        Returns
        -------
        tuple of (probability, hits)
            Every combination that is possible, ``hits`` in the order of ``events``, summing to 1.
        """
        driver = self.driver(net)
        ladders = []
        for node, state in events:
            self.probability(net, node, state)  # names are checked here
            others = tuple(s for s in driver.states(node) if s != state)
            ladders.append((node, (others, (state,))))
        law = self.over(net, ladders, years)
        if law.note:
            note(law.note)
        table = law.table
        return tuple(
            (float(table[index]), tuple(rung == 1 for rung in index))
            for index in np.ndindex(*table.shape)
            if table[index] > 0.0
        )

    def unlisted(self, net: str, hits: Mapping[str, tuple[str, str]], years: float) -> Unlisted:
        """Lines that too many nodes drive for their joint states to be listed.

        Parameters
        ----------
        net : str
            Id of the network.
        hits : mapping of str to (node, state)
            For each line what drives it.
        years : float
            The horizon, which has to be the network's period unless all nodes mean a state now: the
            worst of several periods is no product over a network.

        Raises
        ------
        AssessmentError
            Another horizon.
        """
        driver = self.driver(net)
        moving = {node for node, _ in hits.values()} - set(driver.conditions)
        if (moving or driver.happens) and abs(years / driver.years - 1.0) > 1e-9:
            count = len(set(hits.values()))
            raise AssessmentError(
                f"network {net}: {count} events of its nodes drive losses; so many are computed "
                f"over its own period alone ({driver.years:g} years, the horizon is {years:g}): "
                "write its tables for a period as long as the horizon, or let fewer nodes drive"
            )
        return Unlisted(driver.network, hits, Findings(hard=driver.evidence))

    def over(self, net: str, ladders: Sequence[tuple[str, Ladder]], years: float) -> HorizonLaw:
        """Joint law of the worst rung that each node reaches within ``years``.

        With k = years / period and alike, independent periods, P_H(no node above its rung) =
        P_T(no node above its rung)^k; the joint rungs follow by Moebius inversion (differences
        along every axis). Nodes that mean a state now are conditioned on, not converted: they are
        held for the whole horizon, also those above the nodes that are asked for.

        Parameters
        ----------
        net : str
            Id of the network.
        ladders : sequence of (node, groups of its states, mildest first)
        years : float
            The horizon.

        Raises
        ------
        AssessmentError
            More joint rungs than can be listed.
        """
        key = net, tuple(ladders), years
        if key not in self._laws:
            self._laws[key] = self._over(net, ladders, years)
            self._laws[key].table.setflags(write=False)
        return self._laws[key]

    @cached_property
    def _laws(self) -> dict[tuple[str, tuple[tuple[str, Ladder], ...], float], HorizonLaw]:
        return {}

    def _over(self, net: str, ladders: Sequence[tuple[str, Ladder]], years: float) -> HorizonLaw:
        driver = self.driver(net)
        asked = len(ladders)
        events = [(node, *driver.event(node, state)) for node, state in driver.happens.items()]
        ladders = [*ladders, *((node, groups) for node, groups, _ in events)]
        cells = math.prod(len(groups) for _, groups in ladders)
        if cells > MOST_CELLS:
            raise AssessmentError(
                f"network {net} would need {cells} joint states of the nodes that drive losses; "
                f"at most {MOST_CELLS} are listed: let fewer nodes drive"
            )
        ladders = [*ladders, *self.held(net, ladders, years)]
        within = _rungs(self, net, ladders)
        held = [axis for axis, (node, _) in enumerate(ladders) if node in driver.conditions]
        notes: list[str] = []
        table = np.zeros_like(within)
        for rung in np.ndindex(*(within.shape[axis] for axis in held)):
            at: list[slice | int] = [slice(None)] * within.ndim
            for axis, index in zip(held, rung, strict=True):
                at[axis] = index
            part = within[tuple(at)]
            mass = math.fsum(part.ravel().tolist())
            if mass > 0.0:
                law, note = powered(part / mass, years / driver.years)
                table[tuple(at)] = mass * law
                notes += [note] if note and note not in notes else []
        table = table.sum(axis=tuple(range(asked + len(events), table.ndim)))
        for *_, place in events:
            table = table.take(place, axis=asked)
        if events:
            table = table / math.fsum(table.ravel().tolist())
        nodes = tuple(node for node, _ in ladders[:asked])
        return HorizonLaw(nodes, table, f"network {net}: {notes[0]}" if notes else "")


def _marginals(driver: Driver) -> dict[str, dict[str, float]]:
    return inference.ask(driver.network, Findings(hard=driver.evidence)).marginals


def _rungs(given: Drivers, net: str, ladders: Sequence[tuple[str, Ladder]]) -> Floats:
    """Joint probabilities of the rungs within one period; a node may stand on several axes."""
    driver = given.driver(net)
    nodes = tuple(dict.fromkeys(node for node, _ in ladders))
    joint = given.joint(net, nodes)
    climbs = []
    for node, groups in ladders:
        of = {state: rung for rung, group in enumerate(groups) for state in group}
        climbs.append((nodes.index(node), [of[state] for state in driver.states(node)]))
    if not ladders:
        return joint
    shape = tuple(len(groups) for _, groups in ladders)
    at = np.indices(joint.shape).reshape(joint.ndim, -1)
    rungs = tuple(np.array(rung)[at[axis]] for axis, rung in climbs)
    places = np.ravel_multi_index(rungs, shape)
    table = np.bincount(places, joint.ravel(), math.prod(shape))
    return table.astype(np.float64).reshape(shape)
