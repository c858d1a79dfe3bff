# SPDX-License-Identifier: Apache-2.0
"""What the nodes of networks drive: scenarios that a state brings about, factors that it says.

Lines that one network drives depend on each other through the joint states of its nodes. A state
says which lines have events, and which value each factor has (a belief that lines share).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from perilscope.book import Book, Scenario
from perilscope.engines.aggregate.compound import Mixture
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.layers import dependence, frequency
from perilscope.layers.context import Context
from perilscope.layers.drivers import MOST_CELLS, Drivers, Ladder

Event = tuple[str, str]
"""A node and the state of it that brings events about."""


@dataclass(frozen=True)
class Axis:
    """One node that drives losses or moves prices, with its states in groups, mildest first."""

    node: str
    groups: Ladder


@dataclass(frozen=True)
class Scaled:
    """A factor that a node says: what it is in each group of states, and of which lines."""

    axis: Axis
    times: tuple[float, ...]
    keys: tuple[str, ...]


@dataclass
class Driven:
    """What one network drives.

    Parameters
    ----------
    events : mapping
        (node, state) to the lines that have events in it.
    factors : mapping
        Name of a shared belief to what says it.

    Examples
    --------
    >>> hit = Driven({("fire", "yes"): ["burnt"]})
    >>> hit.values({("fire", "yes"): 1}), hit.values({("fire", "yes"): 0})
    ({'burnt': True}, {'burnt': False})
    """

    events: dict[Event, list[str]] = field(default_factory=dict)
    factors: dict[str, Scaled] = field(default_factory=dict)

    @property
    def ties(self) -> int:
        """Ends of lines that hang on the network; with one alone its own law says all."""
        scaled = sum(len(each.keys) for each in self.factors.values())
        return sum(map(len, self.events.values())) + scaled

    def axes(self, drivers: Drivers, network: str) -> dict[Event | str, Axis]:
        """The axis of every event and of every factor."""
        found: dict[Event | str, Axis] = {}
        for node, state in self.events:
            drivers.probability(network, node, state)  # names are checked here
            others = tuple(s for s in drivers.driver(network).states(node) if s != state)
            found[node, state] = Axis(node, (others, (state,)))
        return {**found, **{name: each.axis for name, each in self.factors.items()}}

    def values(self, at: Mapping[Event | str, int]) -> dict[str, float]:
        """Which lines have events and what factors are, given the group on the axis of each."""
        hits = {key: at[event] == 1 for event, keys in self.events.items() for key in keys}
        return {**hits, **{name: each.times[at[name]] for name, each in self.factors.items()}}


def places(book: Book, scenario: Scenario) -> tuple[Event, ...]:
    """Every network and node of it that a scenario asks, by itself or by a factor."""
    asked = [(each.network, each.node) for each in frequency.drivers_of(scenario)]
    for factor in dependence.scaled(book).values():
        if factor.by is not None and scenario.id in (*factor.frequency, *factor.magnitude):
            asked.append(factor.by)
    return tuple(dict.fromkeys(asked))


def driven(
    keys: Iterable[str], scenarios: Mapping[str, Scenario], context: Context
) -> dict[str, Driven]:
    """Network -> what it drives, of some scenarios."""
    found: dict[str, Driven] = {}
    wanted = list(keys)
    for key in wanted:
        source = frequency.trigger(scenarios[key])
        if source is not None:
            network, node = context.drivers.place(source.network, source.node)
            events = found.setdefault(network, Driven()).events
            events.setdefault((node, source.state), []).append(key)
    for name, factor in dependence.scaled(context.book).items():
        mine = tuple(k for k in wanted if k in factor.frequency or k in factor.magnitude)
        if mine:
            network, node = context.drivers.place(*(factor.by or ("", "")))
            rungs = dependence.multiples(factor, context.drivers.driver(network).states(node))
            axis = Axis(node, tuple(group for _, group in rungs))
            scaled = Scaled(axis, tuple(value for value, _ in rungs), mine)
            found.setdefault(network, Driven()).factors[name] = scaled
    return found


def mixture(network: str, hit: Driven, context: Context) -> Mixture | Unlisted:
    """Joint states over the horizon of what a network drives.

    Raises
    ------
    AssessmentError
        Too many to be listed, and some say factors.
    """
    axes = hit.axes(context.drivers, network)
    apart = list(dict.fromkeys(axes.values()))
    if math.prod(len(axis.groups) for axis in apart) > MOST_CELLS and not hit.factors:
        hits = {key: event for event, keys in hit.events.items() for key in keys}
        return context.drivers.unlisted(network, hits, context.years)
    table = context.drivers.over(
        network, [(axis.node, axis.groups) for axis in apart], context.years
    ).table
    place = {what: apart.index(axis) for what, axis in axes.items()}
    return tuple(
        (float(table[at]), hit.values({what: at[k] for what, k in place.items()}))
        for at in np.ndindex(*table.shape)
        if table[at] > 0.0
    )
