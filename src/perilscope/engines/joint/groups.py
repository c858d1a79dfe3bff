# SPDX-License-Identifier: Apache-2.0
"""Lines that hang together, grouped by what their losses are counted in.

Given the joint state of the networks and the values of the beliefs that several groups feel, the
groups are independent of each other: one for each token (several where its lines feel several such
beliefs), and in money the lines that feel a belief of their own. What only one group feels is
integrated inside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared, nodes, shared_by
from perilscope.engines.aggregate.structure import Component, Unit, state_of
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Transform
from perilscope.engines.joint.parts import Part

Lines = Mapping[str, Compound]
Values = tuple[tuple[float, tuple[float, ...]], ...]

MOST_ROWS = 512
"""Values of what groups share, in all patterns of a part."""
_RAREST = 1e-13
_FEWER, _MANY, _ONE = (3, 4, 5, 6, 8, 10), 14, 32
"""Gauss nodes that are tried, and those of each of several beliefs, or of one, that they are held
against."""
_ALIKE = 1e-10
"""Difference of transforms that is none."""


@dataclass(frozen=True)
class Case:
    """What one group is told: which of its lines have events, and values of shared beliefs."""

    drives: tuple[tuple[str, float], ...]
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Group:
    """Lines of a part that are counted in one token, or some that are in money.

    Parameters
    ----------
    token : str
        Empty for money.
    component : Component
        Of these lines alone, with the beliefs that no other group feels.
    cases : tuple of Case
        Each once.
    """

    token: str
    component: Component
    cases: tuple[Case, ...]

    def at(self, case: Case, lines: Lines) -> tuple[Component, dict[str, Compound]]:
        """The group and its lines in one case."""
        values = dict(case.values)
        given = {key: lines[key].given(values) for key in self.component.keys}
        return replace(self.component, listed=((1.0, case.drives),)), given


@dataclass(frozen=True)
class Row:
    """One value of what groups share, in one pattern: its weight, and the case of each group."""

    pattern: int
    weight: float
    cases: tuple[int, ...]


@dataclass(frozen=True)
class Grouped:
    """A part as independent groups: the sum over rows of weights times products of groups.

    Parameters
    ----------
    groups : tuple of Group
    rows : tuple of Row
        By pattern; the weights of one pattern's rows add up to 1.
    """

    groups: tuple[Group, ...]
    rows: tuple[Row, ...]


def grouped(part: Part, lines: Lines, effort: int = 2) -> Grouped:
    """The groups of a part.

    Parameters
    ----------
    part : Part
        With lines.
    lines : mapping of Compound
        By key.
    effort : int
        As `perilscope.engines.aggregate.shared.nodes` takes it.
    """
    whole = part.component
    assert whole is not None
    units = _by_token(part)
    outer = _outer(part, lines)
    shared = {belief.name for belief in whole.shared}
    own = [
        (token, mine)
        for token in part.tokens
        for mine in _by_belief(units[token], lines, shared, outer)
    ]
    own += [("", mine) for mine in _apart(units[""], lines, shared, outer)]
    components = [
        Component(mine, ((1.0, ()),), _inner(whole.shared, outer, _felt(mine, lines)))
        for _, mine in own
    ]
    feels = [_felt(mine, lines) for _, mine in own]
    names = tuple(belief.name for belief in outer)
    beside = len(whole.shared) - len(outer)
    most = tuple(part.nodes[name] for name in names) if part.nodes else ()
    values = _kept(nodes(outer, effort, beside, most)) if outer else ((1.0, ()),)
    found: list[dict[Case, int]] = [{} for _ in own]
    rows = []
    for j, pattern in enumerate(part.patterns):
        told = [state_of(component.keys, lines, dict(pattern)) for component in components]
        for weight, value in values:
            pairs = tuple(zip(names, value, strict=True))
            cases = (
                Case(drives, tuple(pair for pair in pairs if pair[0] in names_felt))
                for drives, names_felt in zip(told, feels, strict=True)
            )
            places = tuple(
                known.setdefault(case, len(known)) for known, case in zip(found, cases, strict=True)
            )
            rows.append(Row(j, weight, places))
    groups = tuple(
        Group(token, component, tuple(known))
        for (token, _), component, known in zip(own, components, found, strict=True)
    )
    return Grouped(groups, tuple(rows))


def _by_token(part: Part) -> dict[str, tuple[Unit, ...]]:
    """Units by what they are counted in; empty for money."""
    every = () if part.component is None else part.component.units
    return {
        token: tuple(u for u in every if part.counted.get(u.keys[0], "") == token)
        for token in ("", *part.tokens)
    }


def _outer(part: Part, lines: Lines) -> tuple[Shared, ...]:
    """The beliefs that losses counted in different things share."""
    if part.component is None:
        return ()
    felt_by = [_felt(mine, lines) for mine in _by_token(part).values()]
    return tuple(b for b in part.component.shared if sum(b.name in x for x in felt_by) > 1)


def _felt(units: Sequence[Unit], lines: Lines) -> set[str]:
    """Names of the beliefs with a name that some units feel."""
    return {b.name for u in units for key in u.keys for b in shared_by(lines[key].beliefs)}


def _apart(
    units: Sequence[Unit], lines: Lines, shared: set[str], outer: Sequence[Shared]
) -> list[tuple[Unit, ...]]:
    """Units in money, together where they feel the same belief that no token feels."""
    inside = shared - {belief.name for belief in outer}
    found: list[tuple[tuple[Unit, ...], set[str]]] = []
    for unit in units:
        mine: tuple[Unit, ...] = (unit,)
        names = _felt([unit], lines) & inside
        rest = []
        for others, known in found:
            if known & names:
                mine, names = (*others, *mine), names | known
            else:
                rest.append((others, known))
        found = [*rest, (mine, names)]
    return [mine for mine, _ in found]


def _by_belief(
    units: Sequence[Unit], lines: Lines, shared: set[str], outer: Sequence[Shared]
) -> list[tuple[Unit, ...]]:
    """Units in one token, apart where they feel others of several beliefs that groups share: each
    then has but the cases of its own.
    """
    if len(outer) < 2:
        return [tuple(units)]
    names = {belief.name for belief in outer}
    found: dict[frozenset[str], tuple[Unit, ...]] = {}
    for mine in _apart(units, lines, shared, outer):
        key = frozenset(_felt(mine, lines) & names)
        found[key] = (*found.get(key, ()), *mine)
    return list(found.values())


def _kept(values: Values) -> Values:
    """Without values so rare that they tell nothing; weights still add up to 1."""
    kept = [(weight, value) for weight, value in values if weight > _RAREST]
    whole = math.fsum(weight for weight, _ in kept)
    return tuple((weight / whole, value) for weight, value in kept)


def affordable(
    parts: Sequence[Part], lines: Lines, transforms: Callable[[], Transforms]
) -> tuple[Part, ...]:
    """The parts; in money where groups in tokens would have too many rows to be added up."""
    found = [_sparing(part, lines, transforms) for part in parts]
    return tuple(
        replace(part, counted={})
        if part.counted and len(grouped(part, lines).rows) > MOST_ROWS
        else part
        for part in found
    )


def _sparing(part: Part, lines: Lines, transforms: Callable[[], Transforms]) -> Part:
    """The part with as few values of the beliefs that its groups share as do."""
    outer = _outer(part, lines) if part.counted else ()
    many = _ONE if len(outer) == 1 else _MANY
    return replace(part, nodes={b.name: _enough(part, b, lines, transforms(), many) for b in outer})


def _enough(part: Part, belief: Shared, lines: Lines, transforms: Transforms, many: int) -> int:
    """Fewest Gauss nodes of a belief that give the transform that many give, others at their mean.

    Prices stretch the axis of frequencies and move no value of the transform, so what is enough at
    today's is so at all.
    """
    component = part.component
    assert component is not None
    bare = replace(component, shared=())
    others = {b.name: b.mean for b in component.shared if b is not belief}

    def mixed(count: int) -> Transform:
        pairs = zip(*(each.tolist() for each in belief.gauss(count)), strict=True)
        terms = (
            weight * transforms.component(bare, _given(bare, lines, {**others, belief.name: x}))[0]
            for x, weight in pairs
        )
        return np.asarray(sum(terms))

    best = mixed(many)
    near = (n for n in (*_FEWER, _MANY) if float(np.abs(mixed(n) - best).max()) < _ALIKE)
    return next(near, many)


def _given(component: Component, lines: Lines, values: Mapping[str, float]) -> dict[str, Compound]:
    return {key: lines[key].given(values) for key in component.keys}


def _inner(
    shared: tuple[Shared, ...], outer: tuple[Shared, ...], names: set[str]
) -> tuple[Shared, ...]:
    """The beliefs that one group alone feels."""
    return tuple(belief for belief in shared if belief.name in names and belief not in outer)
