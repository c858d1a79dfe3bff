# SPDX-License-Identifier: Apache-2.0
"""Lines of a component that one factor scales: their sum is one law, see `multiplied`.

The sum of these lines at the factor's mean is a register of its own, on grids of its own, so that
it is as fine as the sum by itself wants to be, however wide the factor makes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from perilscope.engines import quadrature, shared
from perilscope.engines.compound import Compound, Drives, Mixture
from perilscope.engines.counts import Binomial
from perilscope.engines.distributions import (
    Constant,
    Distribution,
    Scaled,
    Sometimes,
    Total,
)
from perilscope.engines.distributions import Mixture as Mixed
from perilscope.engines.expansion import Part
from perilscope.engines.grid import atoms, jumps
from perilscope.engines.kept import Kept
from perilscope.engines.multiplied import Multiplied, Nodes, moved, nodes, width
from perilscope.engines.shared import Shared, shared_by
from perilscope.engines.structure import Component
from perilscope.once import cached_property

if TYPE_CHECKING:
    from perilscope.engines.readings import Readings

Array = npt.NDArray[np.float64]

_NARROW = 0.01
"""Spread of a factor below which it is integrated as any other."""
_MOST, _MOST_CASES = 64, 2048
"""Sums at the factor's mean that are computed for one component, at most, and cases of others."""
_FINE = {2: 4.0, 1: 3.0}
"""Nodes in the width of the factor, for figures and for what tells their error."""
_SAME = 1e-11


@dataclass(frozen=True, eq=False)
class Group:
    """Lines that one factor scales.

    Parameters
    ----------
    factor : Distribution
        With mean one.
    keys : tuple of str
        The lines.
    read : callable
        Makes the readings of their sum at the factor's mean, which are let go after use: they
        stand on many large arrays.
    """

    factor: Distribution
    keys: tuple[str, ...]
    read: Callable[[], Readings]

    def law(self, effort: int) -> Multiplied:
        """Law of their sum."""
        return self._laws[0 if effort > 1 else 1]

    def shares(self, effort: int) -> Mapping[str, Multiplied]:
        """By line the measure M with E[L_i; sum = x] = x M(x); in all they are the law."""
        return self._by_line if effort > 1 else self._by_line_roughly

    @cached_property
    def _laws(self) -> tuple[Multiplied, Multiplied]:
        read = self.read()
        return self._law(read, 2), self._law(read, 1)

    def _law(self, read: Readings, effort: int) -> Multiplied:
        places, chances = read.law(effort)
        by = nodes(self.factor, places, chances, _FINE[effort])
        return Multiplied(by, moved(by, places, chances))

    @cached_property
    def _by_line(self) -> Mapping[str, Multiplied]:
        return self._split(self.law(2).nodes)

    @cached_property
    def _by_line_roughly(self) -> Mapping[str, Multiplied]:
        return self._split(self.law(1).nodes)

    def _split(self, by: Nodes) -> Mapping[str, Multiplied]:
        found = {key: np.zeros(by.sizes.size) for key in self.keys}
        for key, places, shares in self.read().shares():
            found[key] += moved(by, places, shares)
        return {key: Multiplied(by, own) for key, own in found.items()}


class Case(NamedTuple):
    """What is independent given one value of what a component shares, and in one joint state.

    Its probability, the lines that a factor scales (where there is such a factor and such lines
    have events), the other units, and the lines.
    """

    weight: float
    group: Group | None
    rest: Component
    lines: Mapping[str, Compound]


def cases(component: Component, lines: Mapping[str, Compound], effort: int) -> Iterator[Case]:
    """A component by what is independent given what its lines share.

    Where a factor scales some of its lines this factor is not among what is shared; else these are
    `Component.cases`.
    """
    found = scaled(component, lines)
    if found is None:
        for weight, known in component.cases(lines, effort):
            yield Case(weight, None, component, known)
        return
    factor, keys = found
    others = tuple(belief for belief in component.shared if belief is not factor)
    units = tuple(unit for unit in component.units if unit.keys[0] not in keys)
    if not units:
        weight = math.fsum(p for p, _ in component.listed)
        states = tuple((p / weight, dict(state)) for p, state in component.listed)
        group = _group(factor, [lines[key] for key in keys], states)
        yield Case(weight, group, Component((), ((1.0, ()),)), lines)
        return
    values = shared.cases(others, effort)
    for weight, fixed in values:
        known = {key: lines[key].given(fixed) for key in component.keys}
        for p, state in component.listed:
            drives = dict(state)
            rest = Component(units, ((1.0, tuple((k, v) for k, v in state if k not in keys)),))
            yield Case(weight * p, _in_state(factor, keys, known, drives), rest, known)


def _in_state(
    factor: Shared, keys: Sequence[str], lines: Mapping[str, Compound], drives: Drives
) -> Group | None:
    """Those of the lines that have events in a joint state."""
    present = [lines[key].given(drives) for key in keys if drives.get(key, True)]
    driven = {line.key: 1.0 for line in present if line.key in drives}
    return _group(factor, present, ((1.0, driven),)) if present else None


_GROUPS: Kept[tuple[tuple[Compound, ...], Group]] = Kept(2**10)


def _group(factor: Shared, lines: Sequence[Compound], states: Mixture) -> Group:
    """Lines that a factor scales, in joint states; what was asked for before is not made anew."""
    from perilscope.engines.readings import Readings  # of registers, made of components
    from perilscope.engines.register import Register

    mean = factor.of.mean
    fixed = tuple(line.given({factor.name: mean}) for line in lines)
    named = tuple((p, tuple(drives.items())) for p, drives in states)
    key = factor, tuple(map(id, fixed)), named

    def made() -> tuple[tuple[Compound, ...], Group]:
        mixtures = [states] if any(drives for _, drives in states) else []
        one = factor.of if mean == 1.0 else Scaled(factor.of, 1.0 / mean)
        read = lambda: Readings(Register(fixed, mixtures=mixtures))  # noqa: E731 - made when asked
        return fixed, Group(one, tuple(line.key for line in fixed), read)

    return _GROUPS.get(key, made)[1]


def parts(component: Component, lines: Mapping[str, Compound]) -> tuple[Part, ...]:
    """The sum of the lines that one factor scales, as a single event of a line without beliefs."""
    one = ((1.0, Binomial(1, 1.0)),)
    if not keys(component, lines):
        return ()
    return tuple(
        Part(weight, group.law(2), one)
        for weight, group, *_ in cases(component, lines, 2)
        if group is not None
    )


# --- which lines a factor scales

_Scaled = tuple[tuple[Compound, ...], tuple[Shared, tuple[str, ...]] | None]
_SCALED: Kept[_Scaled] = Kept(2**12)


def scaled(
    component: Component, lines: Mapping[str, Compound]
) -> tuple[Shared, tuple[str, ...]] | None:
    """The factor that scales the losses of most lines of a component, and these lines.

    It acts on nothing else, and no cap acts on them. None where there is no such factor, or where
    its lines depend in too many ways on what others have too.
    """
    if not component.shared or component.unlisted is not None:
        return None
    mine = tuple(lines[key] for key in component.keys)
    key = component, tuple(map(id, mine))
    return _SCALED.get(key, lambda: (mine, _scaled(component, lines)))[1]


def keys(component: Component, lines: Mapping[str, Compound]) -> tuple[str, ...]:
    """Lines of a component that one factor scales; none where there is no such factor."""
    found = scaled(component, lines)
    return () if found is None else found[1]


def _scaled(
    component: Component, lines: Mapping[str, Compound]
) -> tuple[Shared, tuple[str, ...]] | None:
    free = {unit.keys[0] for unit in component.units if not unit.capped}
    best: tuple[Shared, tuple[str, ...]] | None = None
    for factor in component.shared:
        keys = tuple(key for key in component.keys if factor in shared_by(lines[key].beliefs))
        if best is not None and len(keys) <= len(best[1]):
            continue
        fits = _smooth(factor.of) and free.issuperset(keys)
        if fits and all(proportional(lines[key], factor) for key in keys):
            best = factor, keys
    if best is None or len(best[1]) == len(component.keys):
        return best
    others = tuple(belief for belief in component.shared if belief is not best[0])
    number = len(shared.nodes(others, 2)) if others else 1
    felt = {tuple(drive for drive in state if drive[0] in best[1]) for _, state in component.listed}
    few = number * len(felt) <= _MOST and number * len(component.listed) <= _MOST_CASES
    return best if few else None


def _smooth(law: Distribution) -> bool:
    """Whether a factor has a density, and is not all but certain."""
    if atoms(law) is not None or jumps(law) or law.support[0] < 0.0:
        return False
    return not float(law.cdf(0.0)) > 0.0 and law.mean < math.inf and width(law) >= _NARROW


def proportional(line: Compound, factor: Shared) -> bool:
    """Whether the losses of a line are in proportion to a belief that nothing else depends on."""
    mean = factor.of.mean
    one = line.given({factor.name: mean})
    for u in (0.2, 0.9):
        value = float(factor.of.ppf(u))
        other = line.given({factor.name: value})
        for _, theta in quadrature.nodes(one.beliefs, effort=-1):
            counts, loss = one.build(theta, line.years)
            moved_counts, moved_loss = other.build(theta, line.years)
            if counts != moved_counts or not times(loss, moved_loss, value / mean):
                return False
    return True


def times(law: Distribution, other: Distribution, ratio: float) -> bool:
    """Whether one law is another times a number.

    Examples
    --------
    >>> from perilscope.engines.distributions import Capped, Lognormal
    >>> times(Lognormal(0.0, 1.0), Lognormal(math.log(3.0), 1.0), 3.0)
    True
    >>> times(Capped(Lognormal(0.0, 1.0), 9.0), Capped(Lognormal(math.log(3.0), 1.0), 9.0), 3.0)
    False
    """
    if isinstance(law, Scaled) and isinstance(other, Scaled) and law.of == other.of:
        return _close(other.factor, ratio * law.factor)
    if isinstance(law, Sometimes) and isinstance(other, Sometimes):
        return bool(law.p == other.p) and times(law.of, other.of, ratio)
    if isinstance(law, Total) and isinstance(other, Total):
        return _all_times(law.parts, other.parts, ratio)
    if isinstance(law, Mixed) and isinstance(other, Mixed):
        return law.weights == other.weights and _all_times(law.parts, other.parts, ratio)
    return _seems(law, other, ratio)


def _all_times(laws: Sequence[Distribution], others: Sequence[Distribution], ratio: float) -> bool:
    pairs = zip(laws, others, strict=False)
    return len(laws) == len(others) and all(times(a, b, ratio) for a, b in pairs)


def _seems(law: Distribution, other: Distribution, ratio: float) -> bool:
    """The same, as far as the ends, the mean and limited means at some places tell."""
    ends = zip((*law.support, law.mean), (*other.support, other.mean), strict=True)
    if type(law) is not type(other) or not all(_close(b, ratio * a) for a, b in ends):
        return False
    if isinstance(law, Constant):
        return True
    middle = law.mean if math.isfinite(law.mean) else float(law.ppf(0.5))
    at = middle * np.array([1e-3, 0.03, 0.2, 0.6, 1.0, 1.7, 4.0, 15.0, 100.0])
    return bool(np.allclose(other.lev(ratio * at), ratio * law.lev(at), rtol=_SAME, atol=0.0))


def _close(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=_SAME)
