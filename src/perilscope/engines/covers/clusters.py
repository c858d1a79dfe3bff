# SPDX-License-Identifier: Apache-2.0
"""Which lines are to be handled together where covers have terms of the year.

Lines that depend on one another, and the covers that pay for them, are a cluster. Clusters are
independent of one another; inside one everything is handled for each value of what its lines share.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from perilscope.engines.aggregate import shared
from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.expansion import certain, known
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.aggregate.structure import State
from perilscope.engines.aggregate.terms import Cover
from perilscope.engines.laws.counts import CountLaw
from perilscope.engines.laws.distributions import Constant, Distribution

_ALL = Constant(1.0)


@dataclass(frozen=True)
class Cluster:
    """Lines that depend on one another or on one cover, and the covers with terms of the year.

    ``whole`` says that one cover pays for all of them by their sum alone, over a year at most.
    """

    keys: tuple[str, ...]
    covers: tuple[Cover, ...]
    shared: tuple[Shared, ...]
    states: tuple[State, ...]
    whole: bool

    def cases(
        self, lines: Mapping[str, Compound], effort: int
    ) -> Iterator[tuple[float, Mapping[str, Compound], Drives]]:
        """Weights, lines and which of them happen, where what they share has one value."""
        for weight, values in shared.cases(self.shared, effort):
            given = {key: lines[key].given(values) for key in self.keys}
            for chance, state in self.states:
                drives = dict(state)
                known = {key: line.given(drives) for key, line in given.items()}
                yield weight * chance, known, drives

    def count(self, effort: int) -> int:
        """Number of cases."""
        return len(self.states) * (len(shared.nodes(self.shared, effort)) if self.shared else 1)


def clusters(register: Register, covers: Sequence[Cover]) -> tuple[Cluster, ...]:
    """Clusters that covers with terms of the year touch."""
    groups: list[tuple[set[int], list[Cover]]] = []
    place = {key: i for i, part in enumerate(register.components) for key in part.keys}
    for cover in covers:
        mine, paying = {place[key] for key in cover.keys}, [cover]
        for other in [group for group in groups if group[0] & mine]:
            groups.remove(other)
            mine, paying = mine | other[0], other[1] + paying
        groups.append((mine, paying))
    return tuple(_cluster(register, sorted(mine), paying) for mine, paying in groups)


def _cluster(register: Register, places: Sequence[int], covers: Sequence[Cover]) -> Cluster:
    components = [register.components[i] for i in places]
    keys = tuple(key for part in components for key in part.keys)
    beliefs = dict.fromkeys(belief for part in components for belief in part.shared)
    years = {register.lines[key].years for cover in covers for key in cover.keys}
    only = len(covers) == 1 and set(covers[0].keys) == set(keys)
    whole = only and covers[0].terms.by_sum and max(years) <= 1.0
    if max(years) > 1.0:
        said = {name for part in components for name in part.driven}
        lines = [opened(register.lines[key]) for cover in covers for key in cover.keys]
        named = (b for line in lines for b in shared.shared_by(line.beliefs))
        beliefs |= dict.fromkeys(b for b in named if b.name not in said)
    states = functools.reduce(_both_states, (part.states for part in components))
    return Cluster(keys, tuple(covers), tuple(beliefs), states, whole)


def _both_states(one: tuple[State, ...], other: tuple[State, ...]) -> tuple[State, ...]:
    return tuple((p * q, (*a, *b)) for p, a in one for q, b in other)


def opened(line: Compound) -> Compound:
    """The line with a name for every belief of its own, so that one value holds for all years."""
    laws = (*line.beliefs, line.keep, line.scale)
    loose = [i for i, law in enumerate(laws) if not certain(law)]
    if all(i < len(line.beliefs) and isinstance(laws[i], Shared) for i in loose):
        return line
    named = [
        law if isinstance(law, Shared) else Shared(f"{line.key}, belief {i}", law)
        for i, law in ((i, laws[i]) for i in loose)
    ]
    fixed = [law.mean for law in laws]

    def build(theta: tuple[float, ...], years: float) -> tuple[CountLaw, Distribution]:
        values = list(fixed)
        for i, value in zip(loose, theta, strict=True):
            values[i] = value
        return known(line, values, years)

    return replace(line, build=build, beliefs=tuple(named), keep=_ALL, scale=_ALL)
