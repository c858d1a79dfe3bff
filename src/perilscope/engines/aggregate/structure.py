# SPDX-License-Identifier: Apache-2.0
"""Which lines depend on one another: components of lines that share a driver, a capped holding or
a belief.

Different components are independent. Inside a component everything is handled per joint state of
its drivers and per value of the beliefs it shares; given these its units (a free line, or the lines
of one capped holding) are independent again. A state may say the value of a shared belief; then it
is the state, and no case of its own: ``line.given(state)`` is the line in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Drives, Mixture
from perilscope.engines.aggregate.factor_effects import factor_effect, smooth
from perilscope.engines.aggregate.shared import Shared, cases, shared_by
from perilscope.engines.aggregate.unlisted import FEW, Unlisted
from perilscope.errors import AssessmentError, InexactError, MisuseError
from perilscope.once import cached_property

State = tuple[float, tuple[tuple[str, float], ...]]
_FREE: tuple[State, ...] = ((1.0, ()),)
Array = npt.NDArray[np.float64]

_FEW, _SPARSE = 16, 4
_SOME = 2.0
"""Events of a line above which a factor of their number is integrated as closely as it wants."""
MANY = 256.0
"""Events from which a line may be one of very many."""


@dataclass(frozen=True)
class Unit:
    """A line by itself (``cap`` infinite), or the lines of one capped holding."""

    keys: tuple[str, ...]
    cap: float = math.inf

    @property
    def capped(self) -> bool:
        """Whether a cap acts on the sum of the unit's lines."""
        return math.isfinite(self.cap)


@dataclass(frozen=True)
class Component:
    """Units that depend on one another, and the joint states of what drives them.

    Parameters
    ----------
    units : tuple of Unit
    listed : tuple of State
        Joint states of what drives lines, but for those of ``unlisted``.
    shared : tuple of Shared
    unlisted : Unlisted, optional
        A network whose joint states are too many to be listed, with the lines it drives.
    """

    units: tuple[Unit, ...]
    listed: tuple[State, ...]
    shared: tuple[Shared, ...] = ()
    unlisted: Unlisted | None = None

    def __hash__(self) -> int:  # found once: many joint states may be listed
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.units, self.listed, self.shared, self.unlisted))

    @property
    def states(self) -> tuple[State, ...]:
        """All joint states.

        Raises
        ------
        InexactError
            They are too many to be listed.
        """
        if self.unlisted is not None:
            raise InexactError(
                f"{self.unlisted.size(self.keys):,} joint states of "
                f"{', '.join(self.unlisted.nodes(self.keys)[:3])}, .. drive losses: too many to be "
                "listed, and this figure needs a list"
            )
        return self.listed

    def over(self, keys: Sequence[str]) -> tuple[State, ...]:
        """Joint states of what drives some of the lines."""
        if self.unlisted is None:
            return self.listed
        more = [(p, tuple(hits.items())) for p, hits in self.unlisted.over(keys)]
        return tuple((p * q, (*a, *b)) for p, a in self.listed for q, b in more)

    def states_of(self, key: str, names: Sequence[str]) -> tuple[State, ...]:
        """Joint states as far as one line depends on them by some names, alike ones together."""
        found = self._states_of.get((key, *names))
        if found is None:
            alike: dict[tuple[tuple[str, Any], ...], float] = {}
            for p, state in self.over([key]):
                told = tuple([each for each in state if each[0] in names])
                alike[told] = alike.get(told, 0.0) + p
            found = self._states_of[key, *names] = tuple([(p, told) for told, p in alike.items()])
        return found

    @cached_property
    def _states_of(self) -> dict[tuple[str, ...], tuple[State, ...]]:
        return {}

    def cases(
        self, lines: Mapping[str, Compound], effort: int
    ) -> Iterator[tuple[float, Mapping[str, Compound]]]:
        """Weights, and the lines of the component where what they share has one value."""
        if not self.shared:
            yield 1.0, lines
            return
        for weight, values in cases(self.shared, effort):
            yield weight, {key: lines[key].given(values) for key in self.keys}

    def product(self, values: Mapping[str, Any]) -> Any:
        """Expected product of something of each line that has events, over the joint states.

        Parameters
        ----------
        values : mapping of str to float or array, shape (n,)
            Given some event where the line is driven.
        """
        net = self.unlisted
        beside = 1.0 if net is None else net.product({key: values[key] for key in net.hits})
        rest = self.keys if net is None else [key for key in self.keys if key not in net.hits]
        if self._table is not None:
            return self._contracted(rest, values) * beside
        total: Any = 0.0
        for probability, state in self.listed:
            idle = {key for key, happens in state if not happens}
            found: Any = probability
            for key in rest:
                if key not in idle:
                    found = found * values[key]
            total = total + found
        return total * beside

    @cached_property
    def _table(self) -> tuple[tuple[str, ...], Array] | None:
        """Lines that many joint states drive, and the states' probabilities as a table over them,
        an axis of no and yes for each; None where the states are few or far from all there are.
        """
        keys = tuple(sorted({k for _, state in self.listed for k, _ in state if k in self.keys}))
        if len(self.listed) <= _FEW or 2 ** len(keys) > _SPARSE * len(self.listed):
            return None
        table = np.zeros((2,) * len(keys))
        for probability, state in self.listed:
            hits = dict(state)
            table[tuple(int(hits.get(key, 1.0) > 0.0) for key in keys)] += probability
        return keys, table

    def _contracted(self, rest: Sequence[str], values: Mapping[str, Any]) -> Any:
        """The product over listed states, line by line: states that go on alike share it."""
        assert self._table is not None
        keys, table = self._table
        shape = np.broadcast_shapes(*(np.shape(values[key]) for key in rest))
        found: Any = table[..., None]
        for key in reversed(keys):
            found = found[..., 0, :] + found[..., 1, :] * np.ravel(values[key])
        for key in rest:
            if key not in keys:
                found = found * np.ravel(values[key])
        return found.reshape(shape) if shape else float(found[0])

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All lines of the component."""
        return tuple(key for unit in self.units for key in unit.keys)

    @cached_property
    def simple(self) -> bool:
        """Whether it is one line by itself: neither driven nor of a capped holding."""
        alone = len(self.keys) == 1 and not self.shared
        return alone and not self.units[0].capped and not self.driven

    @cached_property
    def driven(self) -> frozenset[str]:
        """Lines that are driven, and shared beliefs whose value a state says."""
        more = () if self.unlisted is None else self.unlisted.keys
        return frozenset(key for _, drives in self.listed for key, _ in drives).union(more)

    @cached_property
    def capped(self) -> bool:
        """Whether it has a capped holding."""
        return any(unit.capped for unit in self.units)

    @cached_property
    def belief_values(self) -> tuple[Drives, ...]:
        """Values that joint states give to shared beliefs, each combination once."""
        each = dict.fromkeys(self._beliefs(state) for _, state in self.listed)
        return tuple(dict(values) for values in each)

    def where(self, values: Drives) -> Component:
        """The component in those of its states where beliefs have these values; their
        probabilities stay.
        """
        if not values:
            return self
        wanted = tuple(values.items())
        kept = tuple(each for each in self.listed if self._beliefs(each[1]) == wanted)
        return self if len(kept) == len(self.listed) else replace(self, listed=kept)

    def _beliefs(self, state: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
        return tuple((name, value) for name, value in state if name not in self._names)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.keys)


def components(
    lines: Mapping[str, Compound],
    mixtures: Sequence[Mixture | Unlisted],
    caps: Mapping[str, float],
) -> tuple[Component, ...]:
    """Split lines into independent components, in the order of their first lines.

    Parameters
    ----------
    lines : mapping of Compound
        By key.
    mixtures : sequence of Mixture or Unlisted
        Joint states of lines that are driven together; keys that are not among the lines are
        summed out. Independent of one another. Where few states are left they are listed.
    caps : mapping of float
        Cap per year by name of the holding.

    Raises
    ------
    MisuseError
        Where a line is in two mixtures, the probabilities of one do not add to one, a cap is
        negative, or the lines of one holding have different horizons.
    AssessmentError
        Where lines hang on two networks whose joint states are too many to be listed.
    """
    if not mixtures and not caps and not any(line.beliefs for line in lines.values()):
        return tuple([Component((Unit((key,)),), _FREE) for key in lines])
    units = _units(lines, caps)
    left = [_left(mixture, lines) for mixture in mixtures]
    laws = [_restricted(mixture, lines) for mixture in left if not isinstance(mixture, Unlisted)]
    laws = [law for law in laws if law[0][1]]
    nets = [mixture for mixture in left if isinstance(mixture, Unlisted)]
    driven = [*(tuple(key for key, _ in law[0][1]) for law in laws), *(net.keys for net in nets)]
    _check(driven)
    owner = {key: i for i, unit in enumerate(units) for key in unit.keys}
    root = list(range(len(units)))
    shared = _common(lines)
    users = {belief.name: keys for belief, keys in shared.items()}
    driven = [tuple(k for name in names for k in users.get(name, [name])) for names in driven]
    for keys in driven:
        first, *others = sorted({_find(root, owner[key]) for key in keys})
        for other in others:
            root[other] = first
    # what one line alone has is private to it, unless its sum is too narrow to be integrated so
    said = {name for law in laws for name, _ in law[0][1]}
    common = {
        belief: keys
        for belief, keys in shared.items()
        if belief.name not in said and (len(keys) > 1 or _seen(lines[keys[0]], belief))
    }
    for belief in common:
        first, *others = sorted({_find(root, owner[key]) for key in common[belief]})
        for other in others:
            root[other] = first
    found: dict[int, list[Unit]] = {}
    for i, unit in enumerate(units):
        found.setdefault(_find(root, i), []).append(unit)
    built = []
    for top, members in found.items():
        mine = [
            law
            for law, k in zip(laws, driven[: len(laws)], strict=True)
            if _find(root, owner[k[0]]) == top
        ]
        free = tuple(b for b, keys in common.items() if _find(root, owner[keys[0]]) == top)
        own = [net for net in nets if _find(root, owner[net.keys[0]]) == top]
        if len(own) > 1:
            raise AssessmentError(
                "losses hang together that two networks drive whose joint states are too many to "
                "be listed: let fewer nodes drive, or share no holding or belief between them"
            )
        built.append(Component(tuple(members), _product(mine), free, own[0] if own else None))
    return tuple(built)


def _common(lines: Mapping[str, Compound]) -> dict[Shared, list[str]]:
    """Beliefs with a name, and the lines that have them."""
    users: dict[str, list[str]] = {}
    laws: dict[str, Shared] = {}
    for key, line in lines.items():
        for belief in shared_by(line.beliefs):
            if laws.setdefault(belief.name, belief) != belief:
                raise MisuseError(f"the shared belief {belief.name!r} has two laws")
            if key in users.get(belief.name, ()):
                raise MisuseError(f"{key} names the shared belief {belief.name!r} twice")
            users.setdefault(belief.name, []).append(key)
    return {laws[name]: keys for name, keys in users.items()}


def _seen(line: Compound, belief: Shared) -> bool:
    """Whether a belief that one line alone has shows in its sum: it has so many events that given
    its beliefs its sum is hardly uncertain, or the belief is a factor of losses, or of a number of
    events that is not small.
    """
    events = line.build(tuple(belief.mean for belief in line.beliefs), line.years)[0].mean
    if events >= MANY or not belief.chance or not smooth(belief.of):
        return events >= MANY
    felt = factor_effect(line, belief)
    return felt.sizes or (felt.counts and events >= _SOME)


def _find(root: list[int], i: int) -> int:
    while root[i] != i:
        i = root[i]
    return i


def _units(lines: Mapping[str, Compound], caps: Mapping[str, float]) -> list[Unit]:
    held: dict[str, list[str]] = {}
    for key, line in lines.items():
        name = line.group if line.group in caps else ""
        held.setdefault(f"group {name}" if name else f"line {key}", []).append(key)
    units = []
    for keys in held.values():
        cap = caps.get(lines[keys[0]].group, math.inf) if lines[keys[0]].group else math.inf
        if math.isnan(cap) or cap < 0.0:
            raise MisuseError(f"a cap must not be negative, got {cap} for {lines[keys[0]].group}")
        if math.isfinite(cap):
            if len({lines[key].years for key in keys}) > 1:
                raise MisuseError(f"lines that share {lines[keys[0]].group} must have one horizon")
            units.append(Unit(tuple(keys), cap))
        else:
            units.extend(Unit((key,)) for key in keys)
    return units


def _left(mixture: Mixture | Unlisted, lines: Mapping[str, Compound]) -> Mixture | Unlisted:
    """A mixture as these lines see it: a list where few joint states are left."""
    if not isinstance(mixture, Unlisted):
        return mixture
    mine = [key for key in mixture.keys if key in lines]
    return mixture.over(mine) if mixture.size(mine) <= FEW else mixture.only(mine)


def _restricted(mixture: Mixture, lines: Mapping[str, Compound]) -> tuple[State, ...]:
    """The mixture over these lines only, equal states added, states of no weight left out."""
    known = {*lines, *(b.name for line in lines.values() for b in shared_by(line.beliefs))}
    total: dict[tuple[tuple[str, float], ...], float] = {}
    for probability, drives in mixture:
        if not 0.0 <= probability <= 1.0 + 1e-9:
            raise MisuseError(f"a joint state has probability {probability}")
        kept = tuple(sorted((k, v) for k, v in drives.items() if k in known))
        total[kept] = total.get(kept, 0.0) + probability
    whole = math.fsum(total.values())
    if abs(whole - 1.0) > 1e-6:
        raise MisuseError(f"the joint states of a mixture have probability {whole} in all")
    if len({tuple(key for key, _ in kept) for kept in total}) != 1:
        raise MisuseError("every joint state of a mixture must name the same lines")
    return tuple((p / whole, kept) for kept, p in total.items() if p > 0.0)


def _check(driven: Sequence[Sequence[str]]) -> None:
    seen: dict[str, int] = {}
    for i, keys in enumerate(driven):
        for key in keys:
            if key in seen:
                raise MisuseError(f"{key} is driven by two mixtures")
            seen[key] = i


def _product(laws: Sequence[tuple[State, ...]]) -> tuple[State, ...]:
    states: list[State] = [(1.0, ())]
    for law in laws:
        states = [(p * q, (*a, *b)) for p, a in states for q, b in law]
    return tuple(states)


def state_of(keys: Sequence[str], lines: Mapping[str, Compound], drives: Drives) -> tuple[Any, ...]:
    """The part of a joint state that some lines depend on: alike in it, states are one to them."""
    return picked(names_of(keys, lines), drives)


def names_of(keys: Sequence[str], lines: Mapping[str, Compound]) -> tuple[str, ...]:
    """Names by which a joint state may tell something of some lines."""
    return (*keys, *(b.name for key in keys for b in shared_by(lines[key].beliefs)))


def picked(names: Sequence[str], drives: Drives) -> tuple[Any, ...]:
    """What a joint state tells of some names."""
    return tuple((name, drives[name]) for name in names if name in drives)
