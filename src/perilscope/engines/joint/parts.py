# SPDX-License-Identifier: Apache-2.0
"""What a joint law is made of: interfaces (joint states of networks), parts of the register.

A part is a component of the register with the interfaces that drive its lines. In a joint state of
these its lines have events or not (a *pattern*), and prices are moved or not (*rungs*).
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.joint.many import Many
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Rungs = tuple[int, ...]
Pattern = tuple[tuple[str, float], ...]

FEW = 16
"""Patterns whose transforms are listed."""
MOST_COMBINATIONS = 64
"""Patterns of all parts that are counted in tokens together."""
MOST_STATES = 16_384
"""Joint states of the interfaces of one part, which are listed one by one."""


@dataclass(frozen=True)
class Interface:
    """Joint states of the nodes of one network that drive losses or move prices.

    Parameters
    ----------
    name : str
    weights : array, shape (states,)
        Their probabilities.
    hits : tuple of mapping
        For each state, by line: whether it has events; by shared belief: its value.
    rungs : tuple of int
        For each state, which state of prices it makes.
    moves : bool
        Whether it makes any; all rungs are 0 where it does not.
    """

    name: str
    weights: Array
    hits: tuple[Drives, ...]
    rungs: tuple[int, ...]
    moves: bool = False

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.hits) == len(self.rungs):
            raise MisuseError(f"{self.name}: as many weights as states are needed")
        if abs(math.fsum(self.weights.tolist()) - 1.0) > 1e-9 or self.weights.min() < 0.0:
            raise MisuseError(f"{self.name}: the weights of its states do not add up to 1")
        if len({frozenset(hits) for hits in self.hits}) > 1:
            raise MisuseError(f"{self.name}: every state names the same lines")

    @property
    def keys(self) -> tuple[str, ...]:
        """The lines it drives."""
        return tuple(self.hits[0])


class Scenarios(ABC):
    """Market scenarios: what each holding loses in each, under every state of prices."""

    names: tuple[str, ...]
    """The holdings."""
    weights: Array
    """Probabilities of the scenarios, the same under every state of prices."""

    @abstractmethod
    def parts(self, rungs: Rungs) -> Array:
        """Loss of each holding in each scenario, shape (scenarios, holdings)."""

    def total(self, rungs: Rungs) -> Array:
        """Loss of all holdings in each scenario, shape (scenarios,)."""
        return np.asarray(self.parts(rungs).sum(axis=1))

    def weighed(self, rungs: Rungs, by: Array) -> Array:
        """Loss of each holding, scenarios weighed; shape (holdings,)."""
        return np.asarray(by @ self.parts(rungs))

    @abstractmethod
    def prices(self, rungs: Rungs) -> Mapping[str, Array]:
        """Price of each token against today's, shape (scenarios,), where a loss is priced by it."""


@dataclass(frozen=True)
class State:
    """A joint state of the interfaces of a part: which of each, and what it makes."""

    at: tuple[int, ...]
    rungs: Rungs
    pattern: int


@dataclass(frozen=True)
class Part:
    """A component of the register, or an interface that moves prices and drives no line.

    Parameters
    ----------
    component : Component or None
        None for an interface that drives no line.
    interfaces : tuple of int
        Places of the interfaces that drive it.
    moving : tuple of int
        Those of them that move prices.
    patterns : tuple
        Which lines have events, each once.
    states : tuple of State
    counted : mapping of line to token
        The lines whose losses are counted in a token; the others are in money.
    nodes : mapping of str to int
        Of beliefs that losses counted otherwise share: values that are as good as very many.
    """

    component: Component | None
    interfaces: tuple[int, ...]
    moving: tuple[int, ...]
    patterns: tuple[Pattern, ...]
    states: tuple[State, ...]
    counted: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, int] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its lines."""
        return () if self.component is None else self.component.keys

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """What its losses are counted in, each once; empty where all are in money."""
        return tuple(sorted(set(self.counted.values())))

    @property
    def coupled(self) -> bool:
        """Whether it depends on the market."""
        return bool(self.moving) or bool(self.counted)

    @property
    def free(self) -> bool:
        """Whether nothing drives it and it is counted in money."""
        return self.component is not None and not self.interfaces and not self.counted

    @cached_property
    def rungs(self) -> tuple[Rungs, ...]:
        """States of prices that its interfaces make, each once."""
        return tuple(dict.fromkeys(state.rungs for state in self.states))

    @cached_property
    def at(self) -> npt.NDArray[np.int64]:
        """The state of each interface in each state, shape (states, interfaces)."""
        at = np.array([state.at for state in self.states], dtype=np.int64)
        return at.reshape(len(self.states), len(self.interfaces))

    @cached_property
    def pattern(self) -> npt.NDArray[np.int64]:
        """The pattern of each state, shape (states,)."""
        return np.array([state.pattern for state in self.states], dtype=np.int64)

    @cached_property
    def _making(self) -> dict[Rungs, npt.NDArray[np.int64]]:
        """The states that make each rungs."""
        found: dict[Rungs, list[int]] = {}
        for k, state in enumerate(self.states):
            found.setdefault(state.rungs, []).append(k)
        return {rungs: np.array(mine, dtype=np.int64) for rungs, mine in found.items()}

    def made(self, rungs: Rungs) -> set[int]:
        """The patterns of the states that make some rungs."""
        return set(self.pattern[self._making[rungs]].tolist())

    def chances(self, weights: Sequence[Array], leave: int = -1) -> Array:
        """Probability of each state, or of what it says of all interfaces but one."""
        found = np.ones(len(self.states))
        for place, i in enumerate(self.interfaces):
            if i != leave:
                found *= weights[i][self.at[:, place]]
        return found

    def table(self, weights: Sequence[Array]) -> dict[Rungs, Array]:
        """Probability of rungs and pattern: for each rungs, one number for each pattern."""
        chances, size = self.chances(weights), len(self.patterns)
        return {
            rungs: np.bincount(self.pattern[mine], chances[mine], size).astype(np.float64)
            for rungs, mine in self._making.items()
        }

    @property
    def many(self) -> bool:
        """Whether its patterns are too many to be listed as transforms."""
        one = self.component
        listed = one is None or bool(one.shared or one.unlisted) or bool(self.counted)
        return len(self.patterns) > FEW and not listed

    def transforms(self, transforms: Transforms, lines: Mapping[str, Compound]) -> Any:
        """Transform of its loss in each pattern, (patterns, frequencies), or what mixes them."""
        if self.component is None:
            return np.ones((1, transforms.grid.points // 2 + 1), dtype=np.complex128)
        if not self.interfaces:
            return transforms.tied(self.component, lines)[None, :]
        if self.many:
            return Many(self.component, self.patterns, transforms, lines)
        return np.stack([transforms.tied(self._in(p), lines) for p in self.patterns])

    def shares(
        self, transforms: Transforms, lines: Mapping[str, Compound]
    ) -> list[Mapping[str, Transform]] | Many:
        """For each pattern, of each line the transform of E[line; part = s]."""
        if self.component is None:
            return [{}]
        if not self.interfaces:
            return [transforms.component(self.component, lines, shares=True)[1]]
        if self.many:
            return Many(self.component, self.patterns, transforms, lines, shares=True)
        each = (self._in(pattern) for pattern in self.patterns)
        return [transforms.component(one, lines, shares=True)[1] for one in each]

    def _in(self, pattern: Pattern) -> Component:
        """The component in one pattern."""
        if self.component is None:
            raise MisuseError("an interface that drives no line has no pattern")
        return replace(self.component, listed=((1.0, pattern),))


def parted(
    components: Sequence[Component], interfaces: Sequence[Interface], tokens: Mapping[str, str]
) -> tuple[Part, ...]:
    """The parts of a joint law.

    Parameters
    ----------
    components : sequence of Component
        Of the register; lines that one interface drives are in one of them.
    interfaces : sequence of Interface
    tokens : mapping of line to token
        Lines whose losses are counted in tokens.

    Raises
    ------
    AssessmentError
        More joint states than can be listed.
    """
    movers = [i for i, each in enumerate(interfaces) if each.moves]
    found = []
    used: set[int] = set()
    for component in _gathered(components, tokens):
        mine = [i for i, x in enumerate(interfaces) if set(x.keys) & component.driven]
        used.update(mine)
        counted = _counted(component, tokens)
        found.append(_part(component, mine, movers, interfaces, counted))
    found += [_part(None, [i], movers, interfaces) for i in movers if i not in used]
    return _few(found)


def _counted(component: Component, tokens: Mapping[str, str]) -> dict[str, str]:
    """The lines of a component that are counted in tokens, and in which.

    None are of a holding that has losses in a token and in money, or in two tokens, nor where joint
    states are not listed, which tie losses in a token to others.
    """
    if component.unlisted is not None:
        return {}
    alike = [u for u in component.units if len({tokens.get(key, "") for key in u.keys}) == 1]
    return {key: tokens[key] for unit in alike for key in unit.keys if key in tokens}


def _few(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts, those with most patterns in money where all in tokens have too many together."""
    found = list(parts)
    while math.prod(len(part.patterns) for part in found if part.counted) > MOST_COMBINATIONS:
        worst = max(
            (c for c, part in enumerate(found) if part.counted),
            key=lambda c: len(found[c].patterns),
        )
        found[worst] = replace(found[worst], counted={})
    return tuple(found)


def _gathered(components: Sequence[Component], tokens: Mapping[str, str]) -> Sequence[Component]:
    """Components with what is counted in one token as one of them, where nothing drives it.

    Their losses move with one price: one transform at each price does for all of them.
    """
    found: list[Component] = []
    first: dict[str, int] = {}
    for component in components:
        counted = _counted(component, tokens)
        if counted and not component.driven and not component.shared:  # one line or holding
            token = next(iter(counted.values()))
            at = first.setdefault(token, len(found))
            if at < len(found):
                found[at] = replace(found[at], units=found[at].units + component.units)
                continue
        found.append(component)
    return found


def _part(
    component: Component | None,
    mine: Sequence[int],
    movers: Sequence[int],
    interfaces: Sequence[Interface],
    counted: Mapping[str, str] = MappingProxyType({}),
) -> Part:
    count = math.prod(len(interfaces[i].weights) for i in mine)
    if count > MOST_STATES:
        names = ", ".join(interfaces[i].name for i in mine)
        raise AssessmentError(
            f"{count:,} joint states of {names} drive losses that hang together; at most "
            f"{MOST_STATES:,} are listed: let fewer nodes drive, or share fewer holdings"
        )
    keys = set() if component is None else set(component.driven)
    moving = tuple(i for i in mine if i in movers)
    patterns: dict[Pattern, int] = {}
    states = []
    for at in itertools.product(*(range(len(interfaces[i].weights)) for i in mine)):
        pairs = list(zip(mine, at, strict=True))
        hits = {key: hit for i, k in pairs for key, hit in interfaces[i].hits[k].items()}
        pattern = tuple(sorted((key, hits[key]) for key in hits if key in keys))
        rungs = tuple(interfaces[i].rungs[k] for i, k in pairs if i in moving)
        states.append(State(at, rungs, patterns.setdefault(pattern, len(patterns))))
    return Part(component, tuple(mine), moving, tuple(patterns), tuple(states), counted)


def ones(grid: Grid) -> Transform:
    """Transform of nothing."""
    return np.ones(grid.points // 2 + 1, dtype=np.complex128)
