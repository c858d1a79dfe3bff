# SPDX-License-Identifier: Apache-2.0
"""The law of the largest single event of the horizon, exact and without a grid.

Insurers call its exceedance curve OEP (occurrence), that of the sum AEP (aggregate).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import factored
from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.expansion import Part, known, parts
from perilscope.engines.aggregate.structure import Component, Unit, components
from perilscope.engines.grids.families import families, joined
from perilscope.engines.grids.multiplied import Multiplied, Nodes
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.counts import Binomial, CountLaw, Poisson
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.laws.jumps import atoms
from perilscope.errors import AssessmentError, MisuseError
from perilscope.once import cached_property

if TYPE_CHECKING:
    from perilscope.engines.aggregate.register import Register

Array = npt.NDArray[np.float64]
Lines = Mapping[str, tuple[Part, ...]]
Case = tuple[float, Drives, Lines]

_NOISE = 1e-12
_FARTHEST = 1e300
_POWERS = 16.0 ** np.arange(-3, 14)
"""Where most losses lie; further out powers of 16 are tried one by one."""
_EVEN = np.linspace(0.0, 1.0, 13)
_ABOUT = np.array([-(2.0**-5), -(2.0**-12), -(2.0**-26), 2.0**-26, 2.0**-12, 2.0**-5])
_CHART = 1e-3
"""How near the ends of a chart are found."""
_TOLD = 1e-7
"""How near quantiles are found that tell an error."""
_STEPS = 4096
"""Fixed sums at most that a factor multiplies."""
_AT_ONCE = 2**18
"""Values that a family of laws is asked for at once, at most."""


def largest(register: Register, *, effort: int = 2) -> LargestLaw:
    """Law of the largest single event of the horizon, over all lines.

    Parameters
    ----------
    register : Register
        The lines, what drives them, and caps: an event on a capped holding costs at most the cap,
        however long the horizon.
    effort : int
        2 for figures, 1 for the comparison that tells their error.

    Returns
    -------
    LargestLaw

    Notes
    -----
    With N independent events of law F the largest is at most x with probability G_N(F(x)), G_N
    being the generating function of the counts (Embrechts, Klüppelberg and Mikosch 1997,
    *Modelling Extremal Events*, section 3.2; zero where there is no event). Lines are independent
    given the joint state of what drives them, so their probabilities multiply and states are
    averaged. Beliefs are integrated at the nodes the register uses. How the lines of a capped
    holding share a year in which the cap binds does not enter: an event counts as what it would
    cost alone.

    Examples
    --------
    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Exponential
    >>> from perilscope.engines.aggregate.register import Register
    >>> line = Compound("theft", lambda theta, years: (Poisson(2.0 * years), Exponential(100.0)))
    >>> law = largest(Register([line]))
    >>> round(law.exceed(300.0), 6)  # 1 - exp(-2 exp(-3))
    0.094777
    """
    found = components(register.lines, register.mixtures, register.caps)
    cases = tuple(cases_of(part, register.lines, effort) for part in found)
    believed = effort > 1 and any(line.beliefs for line in register.lines.values())
    return LargestLaw(
        found, cases, rougher=(lambda: largest(register, effort=1)) if believed else None
    )


def cases_of(part: Component, lines: Mapping[str, Compound], effort: int = 2) -> tuple[Case, ...]:
    """The lines of a component for each value of what they share, also where states say it."""
    steps = _steps_of(part, lines)
    if steps is not None:
        return steps
    return tuple(
        (
            weight,
            values,
            {
                key: _parts(given[key].given(values), key in part.driven, effort)
                for key in part.keys
            },
        )
        for weight, given in factored.closely(part, lines)
        for values in part.belief_values
    )


def _steps_of(part: Component, lines: Mapping[str, Compound]) -> tuple[Case, ...] | None:
    """Cases of a component some losses of which are fixed sums that one factor multiplies.

    The largest of these is one event, as large as the factor times one of a few sums, so that no
    step is left at each value of the factor.
    """
    found = None if part.driven else factored.in_steps(part, lines)
    if found is None:
        return None
    keys, values = found.keys, found.values
    cases: list[Case] = []
    for value, law in zip(values.at.tolist(), values.weighed(), strict=True):
        known = {key: found.at(line, value) for key, line in lines.items() if key in part.keys}
        sizes, chances = _alone({key: known[key] for key in keys})
        if len(sizes) > _STEPS:
            return None
        event = Multiplied(((Nodes(law, sizes / value), chances),), law.whole)
        mine = {key: _parts(known[key]) for key in part.keys if key not in keys}
        first, *others = keys
        mine[first] = (Part(1.0, event, ((1.0, Binomial(1, 1.0)),)),)
        mine |= dict.fromkeys(others, (Part(1.0, Constant(0.0), ((1.0, Binomial(1, 0.0)),)),))
        cases.append((1.0, {}, mine))
    return tuple(cases)


def _alone(lines: Mapping[str, Compound]) -> tuple[Array, Array]:
    """Sums that the largest event of some lines with fixed sums may cost, and their chances."""
    units = tuple(Unit((key,)) for key in lines)
    mixed = {key: _parts(line) for key, line in lines.items()}
    law = LargestLaw((Component(units, ((1.0, ()),)),), (((1.0, {}, mixed),),))
    sizes = np.array(law._steps() or [1.0])
    # a sum may come as many times a loss, and be off in its last digits
    return sizes, np.diff(np.append(law.none, law.cdf(sizes * (1.0 + 1e-12))))


def _parts(line: Compound, driven: bool = False, effort: int = 2) -> tuple[Part, ...]:
    """A line as a mixture without beliefs, as far as its largest event goes.

    Events that all cost one unknown sum are summed up by `parts` as one event of n times that sum.
    The largest of them is the sum itself, so that only whether there is an event counts.
    """
    laws = (*line.beliefs, line.keep, line.scale)
    nodes = quadrature.nodes(laws, effort=1)
    middle = known(line, nodes[len(nodes) // 2][1], line.years, driven=driven)[1]
    if not _single(middle) or not all(
        _single(known(line, theta, line.years, driven=driven)[1]) for _, theta in nodes
    ):
        return parts(line, driven=driven, effort=effort)

    def build(theta: tuple[float, ...], years: float) -> tuple[CountLaw, Distribution]:
        counts, severity = known(line, theta, years, driven=driven)
        return Binomial(1, 1.0 - counts.zero), severity

    return parts(Compound(line.key, build, beliefs=laws, years=line.years), effort=effort)


def _single(law: Distribution) -> bool:
    found = atoms(law)
    return found is not None and len(found) == 1


class Maximum(ABC):
    """Law of a largest loss: quantiles and curves from its distribution function."""

    @abstractmethod
    def cdf(self, x: Any) -> Array:
        """P(largest <= x), any shape."""

    rougher: Callable[[], Maximum] | None = None
    """Makes the same law with less effort; None where effort changes nothing."""

    def standard_error(self, x: Any) -> Array:
        """Standard error of the distribution function from scenarios that were drawn, any shape."""
        return np.zeros_like(np.asarray(x, dtype=np.float64))

    def errors(self, levels: Sequence[float], found: Sequence[float]) -> list[float]:
        """How far quantiles that were found may be off, in money: what less effort changes.

        An estimate, and no bound.
        """
        if self.rougher is None:
            return [0.0] * len(levels)
        return [
            abs(x - rough)
            for x, rough in zip(found, self.rougher().vars(levels, _TOLD), strict=True)
        ]

    def standard_errors(self, levels: Sequence[float], found: Sequence[float]) -> list[float]:
        """Standard errors of quantiles that were found: half of what one of the distribution
        function moves them, either way. An atom that holds its level has none.
        """
        aside = self.standard_error(found)
        if not aside.any():
            return [0.0] * len(levels)
        ends = np.clip(np.stack([levels - aside, levels + aside]), _NOISE, 1.0 - 2.0 * _NOISE)
        low, high = np.reshape(self.vars(ends.ravel().tolist(), _TOLD), ends.shape)
        return [float(x) for x in (high - low) / 2.0]

    def _steps(self) -> list[float] | None:
        """Every amount that is possible, where these are few."""
        return None

    @cached_property
    def none(self) -> float:
        """P(nothing is lost)."""
        return float(self.cdf(0.0))

    def exceed(self, x: float) -> float:
        """P(largest > x), to about 1e-15."""
        return max(1.0 - float(self.cdf(x)), 0.0)

    def var(self, level: float) -> float:
        """Smallest x with P(largest <= x) >= level; levels count as reached within 1e-12.

        Raises
        ------
        MisuseError
            For a level that is not between 0 and 1.
        AssessmentError
            For a level that no finite loss reaches.
        """
        return self.vars([level])[0]

    def vars(self, levels: Sequence[float], near: float = 0.0) -> list[float]:
        """Those of several levels, which are sought together: that takes as long as of one.

        They are found to the last bit, or so near to it, relatively, from above.
        """
        for level in levels:
            if not 0.0 < level < 1.0:
                raise MisuseError(f"a level must lie between 0 and 1, got {level}")
        wanted = np.array(levels) - _NOISE
        some = wanted > self.none
        low, high = np.zeros(len(wanted)), np.zeros(len(wanted))
        high[some] = self._tops(wanted[some])
        under, over = np.full(len(wanted), self.none), np.ones(len(wanted))
        while np.any(open_ := (low < np.nextafter(high, 0.0)) & (high - low > near * high)):
            aim = (wanted - under)[open_] / (over - under)[open_]
            x = _between(low[open_], high[open_], aim)
            found = self.cdf(x)
            k = np.argmax(found >= wanted[open_, None], axis=1)
            row = np.arange(len(x))
            low[open_], high[open_] = x[row, k - 1], x[row, k]
            under[open_], over[open_] = found[row, k - 1], found[row, k]
        return [float(each) for each in high]

    def _tops(self, levels: Array) -> list[float]:
        """For each level a power of 16 that reaches it, where the sixteenth part does not."""
        reached = self.cdf(_POWERS)
        places = [int(np.searchsorted(reached, level)) for level in levels]
        return [
            float(_POWERS[k]) if 0 < k < len(_POWERS) else self._top(float(level))
            for k, level in zip(places, levels, strict=True)
        ]

    def _top(self, level: float) -> float:
        """A power of 16 that reaches a level, where the sixteenth part does not."""
        top = 1.0
        while float(self.cdf(top)) < level:
            top *= 16.0
            if top > _FARTHEST:
                raise AssessmentError(f"no loss is so large as the level {level:.6g} asks")
        while top > 1.0 / _FARTHEST and float(self.cdf(top / 16.0)) >= level:
            top /= 16.0
        return top

    def curve(self, points: int = 150) -> list[tuple[float, float]]:
        """Exceedance for a chart: (loss, P(largest > loss)), the first at zero.

        Parameters
        ----------
        points : int
            About how many points are wanted. Where every event is one of a few amounts these are
            given if they are fewer.
        """
        rows = [(0.0, self.exceed(0.0))]
        if rows[0][1] <= 1e-6:
            return rows
        places = np.array(self._chart(points))
        over = 1.0 - self.cdf(places)
        pairs = zip(places.tolist(), over.tolist(), strict=True)
        return rows + [(x, p) for x, p in pairs if p > 0.0]

    def _chart(self, points: int) -> list[float]:
        steps = self._steps()
        if steps is not None and len(steps) <= points:
            return steps
        some = 1.0 - self.none
        low, high = self.vars([1.0 - 0.998 * some, 1.0 - 1e-6], _CHART)
        low = max(low, high * 1e-9)
        # half of the points lie evenly in loss, half in probability, where the tail is looked at
        even = np.geomspace(low, high, points // 2)
        fine = np.geomspace(low, high, 16 * points)
        rare = 1.0 - np.geomspace(1e-6, 0.998 * some, points - points // 2)
        tail = fine[np.minimum(np.searchsorted(self.cdf(fine), rare), fine.size - 1)]
        return sorted({float(x) for x in np.concatenate([even, tail]) if x > 0.0})


def _between(low: Array, high: Array, aim: Array) -> Array:
    """Places from low to high, ascending, shape (n, 19): some even, so that any law is closed in on
    by a twelfth, others close about the share ``aim`` of the way, where a smooth law has its level.
    """
    shares = np.concatenate(
        [np.broadcast_to(_EVEN, (len(low), _EVEN.size)), np.add.outer(aim, _ABOUT)], axis=1
    )
    x = low[:, None] + np.sort(shares.clip(0.0, 1.0)) * (high - low)[:, None]
    x[:, -1] = high
    return np.asarray(np.minimum(x, high[:, None]))


@dataclass(frozen=True)
class LargestLaw(Maximum):
    """Law of the largest event; nothing lost counts as a largest event of zero.

    Parameters
    ----------
    components : tuple of Component
        Independent of one another.
    cases : tuple of tuple of (weight, mapping, mapping)
        For each component its lines as mixtures without beliefs, given some event where they are
        driven; one case for each value of what the lines share. The first mapping is what those
        joint states say in which the case holds.
    rougher : callable, optional
        Makes the same law with less effort.
    """

    components: tuple[Component, ...]
    cases: tuple[tuple[Case, ...], ...]
    rougher: Callable[[], Maximum] | None = field(default=None, compare=False)

    def cdf(self, x: Any) -> Array:
        """P(largest <= x), any shape."""
        at = np.asarray(x, dtype=np.float64)
        below = np.ones_like(at)
        for laws, rates in self._together:
            below = below * _none_above(laws, rates, at)
        for part, cases in self._apart:
            given = [w * self._component(part.where(s), lines, at) for w, s, lines in cases]
            below = below * sum(given[1:], start=given[0])
        return np.asarray(np.where(at >= 0.0, np.minimum(below, 1.0), 0.0))

    @cached_property
    def _apart(self) -> list[tuple[Component, tuple[Case, ...]]]:
        """Components that are asked one by one."""
        every = zip(self.components, self.cases, strict=True)
        return [(part, cases) for part, cases in every if _plain(part, cases) is None]

    @cached_property
    def _together(self) -> list[tuple[list[Distribution], Array]]:
        """Lines by themselves with Poisson counts, by family: their laws and rates."""
        every = zip(self.components, self.cases, strict=True)
        found = [known for part, cases in every if (known := _plain(part, cases)) is not None]
        laws = [law for law, _ in found]
        return [
            ([laws[i] for i in places], np.array([found[i][1] for i in places]))
            for places in families(laws)
        ]

    def _component(self, part: Component, lines: Lines, x: Array) -> Array:
        line = {key: _below(lines[key], unit.cap, x) for unit in part.units for key in unit.keys}
        return np.asarray(part.product(line))

    def _steps(self) -> list[float] | None:
        """Every amount an event can cost, where these are few."""
        found: set[float] = set()
        for component, cases in zip(self.components, self.cases, strict=True):
            for unit, (_, _, lines) in product(component.units, cases):
                for part in (part for key in unit.keys for part in lines[key]):
                    values = atoms(part.severity)
                    if values is None:
                        return None
                    found.update(min(value, unit.cap) for value, _ in values)
        return sorted(x for x in found if x > 0.0)


def _plain(part: Component, cases: Sequence[Case]) -> tuple[Distribution, float] | None:
    """Loss per event and rate of a component that is one line with Poisson counts, no beliefs."""
    if not part.simple or len(cases) > 1:
        return None
    mixed = cases[0][2][part.keys[0]]
    counts = mixed[0].counts[0][1]
    if len(mixed) > 1 or len(mixed[0].counts) > 1 or not isinstance(counts, Poisson):
        return None
    return mixed[0].severity, counts.mean


def _none_above(laws: Sequence[Distribution], rates: Array, x: Array) -> Array:
    """P(no event of these lines costs more than x): exp of minus the expected number that do."""
    flat = x.ravel()
    some = max(_AT_ONCE // max(flat.size, 1), 1)
    number = np.zeros_like(flat)
    for at in range(0, len(laws), some):
        mine = laws[at : at + some]
        law = joined(mine, [flat.size] * len(mine))
        under = np.asarray(law.cdf(np.tile(flat, len(mine)))).reshape(len(mine), flat.size)
        number += np.einsum("i,ij->j", rates[at : at + some], 1.0 - under)
    return np.exp(-number).reshape(x.shape)


def _below(parts: Sequence[Part], cap: float, x: Array) -> Array:
    """P(no event of a line costs more than x), where one costs at most the cap."""
    total, whole = np.zeros_like(x), 0.0
    for part in parts:
        law = part.severity
        whole += part.weight * (law.whole if isinstance(law, Multiplied) else 1.0)
        below = np.asarray(part.severity.cdf(x), dtype=np.float64)
        for weight, counts in part.counts:
            total = total + part.weight * weight * np.asarray(counts.pgf(below))
    return np.where(x >= cap, whole, total)
