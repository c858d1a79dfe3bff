# SPDX-License-Identifier: Apache-2.0
"""Means and standard deviations of lines, components and sums: exact, but where caps bite."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from perilscope.engines.aggregate import compound, factored
from perilscope.engines.aggregate.basis import Basis
from perilscope.engines.aggregate.compound import Compound, Drives
from perilscope.engines.aggregate.structure import Component, State, Unit, names_of
from perilscope.engines.aggregate.terms import only_counted
from perilscope.engines.kept import Kept
from perilscope.engines.laws.distributions import Distribution
from perilscope.errors import AssessmentError, InexactError
from perilscope.once import cached_property

_MANY = 2**14
_Pair = tuple[float, float]


class Moments:
    """Moments of lines and components.

    Parameters
    ----------
    basis : Basis
    like : Moments, optional
        Of lines and components that are the same nothing is computed again.
    lines : Moments, optional
        Of another grid, which moments of lines do without.
    """

    def __init__(
        self, basis: Basis, like: Moments | None = None, lines: Moments | None = None
    ) -> None:
        self._basis = basis
        self._known: dict[Component, tuple[tuple[Compound, ...], _Pair]] = {}
        self._lines: Kept[tuple[Compound, _Pair]] = Kept(_MANY)
        if like is not None:
            self._known, self._lines = dict(like._known), like._lines
        elif lines is not None:
            self._lines = lines._lines

    def whole(self) -> tuple[float, float]:
        """Mean and standard deviation of the sum over the horizon.

        Exact; of components with a capped holding from the grid (see `Register.exact`).
        """
        pairs = [self.component(part) for part in self._basis.components]
        mean = math.fsum(m for m, _ in pairs)
        return mean, math.sqrt(math.fsum(v for _, v in pairs))

    def line(self, key: str) -> tuple[float, float]:
        """Mean and standard deviation of one line, before any cap on its holding."""
        return self._of_line(self._basis.component_of(key), key)

    def _of_line(self, part: Component, key: str) -> tuple[float, float]:
        """Mean and standard deviation of one line of a component, before any cap."""
        states = part.states_of(key, names_of([key], self._basis.lines))
        return self._mixed(states, lambda drives: self._total([key], drives))

    @cached_property
    def means(self) -> dict[str, float]:
        """Mean of each line, after caps."""
        found: dict[str, float] = {}
        for part in self._basis.components:
            found.update(self._means_of(part))
        return {key: found[key] for key in self._basis.lines}

    def _means_of(self, part: Component) -> dict[str, float]:
        """Mean of each line of a component, after caps."""
        free = [key for unit in part.units if not self._bites(unit) for key in unit.keys]
        found = {key: self._of_line(part, key)[0] - self._over(key)[0] for key in free}
        if len(part.keys) == 1 and not free:  # its part is all there is
            inside = float(
                (
                    self._basis.grid.back(self._basis.fine.tied(part, self._basis.lines))
                    * self._basis.grid.places
                ).sum()
            )
            found[part.keys[0]] = inside + self._far(part.keys[0])[0]
        elif len(free) < len(part.keys):
            sizes = self._basis.fine.component(part, self._basis.lines, shares=True)[1]
            for key in part.keys:
                if key not in found:
                    inside = math.fsum(self._basis.grid.back(sizes[key]).tolist())
                    found[key] = inside + self._far(key)[0]
        return found

    def component(self, part: Component) -> tuple[float, float]:
        """Mean and variance of a component; those of untouched ones are known from before."""
        if part.simple:
            mean, sd = self.given(self._basis.lines[part.keys[0]], {})
            return mean, sd * sd
        mine = tuple(self._basis.lines[key] for key in part.keys)
        found = self._known.get(part)
        if found is None or any(a is not b for a, b in zip(found[0], mine, strict=True)):
            found = self._known[part] = (mine, self._found_moments(part))
        return found[1]

    def _found_moments(self, part: Component) -> tuple[float, float]:
        if any(self._basis.lines[key].counted is not None for key in part.keys):
            return self._counted(part)
        if not any(self._bites(unit) for unit in part.units):
            cases = [
                (w, *self._given_case(part, known))
                for w, known in factored.averaged(part, self._basis.lines)
            ]
            mean = math.fsum(w * m for w, m, _ in cases)
            if any(math.isinf(s) for _, _, s in cases):  # weights may be below zero
                return mean, math.inf
            variance = math.fsum(w * (s * s + (m - mean) ** 2) for w, m, s in cases)
            over = [self._over(key) for key in part.keys]
            return mean - math.fsum(m for m, _ in over), variance - math.fsum(s for _, s in over)
        mass = self._basis.grid.back(self._basis.fine.tied(part, self._basis.lines))
        mean = math.fsum(self._means_of(part).values())
        if not math.isfinite(mean):
            return mean, math.inf
        far = math.fsum(self._far(key)[1] for key in part.keys)
        return mean, math.fsum((mass * (self._basis.grid.places - mean) ** 2).tolist()) + far

    def _counted(self, part: Component) -> tuple[float, float]:
        """Mean and variance where something else than the loss counts of events that take from a
        holding in turn: by the law on the grid.

        A cap that lies beyond the grid is hardly ever reached: there by what counts of events that
        cost the cap at most.
        """
        grid, basis = self._basis.grid, self._basis
        caps = {key: unit.cap for unit in part.units for key in unit.keys}
        lines = {key: only_counted(basis.lines[key], cap) for key, cap in caps.items()}
        if min(unit.cap for unit in part.units) > grid.range:
            if any(x.annual for x in (basis.lines[key].counted for key in caps) if x is not None):
                raise InexactError("a holding is worth too much against what is lost of it")
            cases = [(w, *self._given_case(part, known)) for w, known in part.cases(lines, 2)]
            mean = math.fsum(w * m for w, m, _ in cases)
            return mean, math.fsum(w * (s * s + (m - mean) ** 2) for w, m, s in cases)
        mass = grid.back(basis.fine.tied(part, basis.lines))
        mean = float(mass @ grid.places)
        far = [self._far(key) for key, cap in caps.items() if cap > grid.range]
        variance = float(mass @ (grid.places - mean) ** 2)
        return mean + math.fsum(m for m, _ in far), variance + math.fsum(s for _, s in far)

    def _bites(self, unit: Unit) -> bool:
        """Whether a unit is capped where the grid sees it.

        A cap beyond the grid is hardly ever reached by the sum, so there moments are those of the
        unit without it, less what single events would bring beyond: the grid would cut them short.
        """
        if not unit.capped or unit.cap <= self._basis.grid.range:
            return unit.capped
        laws = [
            p.severity
            for key in unit.keys
            for p in self._basis.fine.parts(self._basis.lines[key], False)
        ]
        return not all(math.isfinite(law.second) for law in laws)

    def _over(self, key: str) -> tuple[float, float]:
        """What a line's events would bring beyond a cap that lies beyond the grid: E, and E of
        squares.
        """
        cap = self._basis.unit_of(key).cap
        if math.isinf(cap):
            return 0.0, 0.0
        return (
            self.events(key, lambda x: _above(x, cap), cap),
            self.events(key, lambda x: max(x.second - float(x.second_lev(cap)), 0.0), cap),
        )

    def _given_case(self, part: Component, lines: Mapping[str, Compound]) -> tuple[float, float]:
        """Mean and standard deviation of a component where what is shared has one value."""
        net = part.unlisted
        rest = part.keys if net is None else [key for key in part.keys if key not in net.hits]
        mean, sd = self._mixed(part.listed, lambda drives: self._total(rest, drives, lines=lines))
        if net is None:
            return mean, sd
        pairs = {key: self.given(lines[key], {key: True}) for key in net.keys}
        more, variance = net.moments({key: (m, s * s) for key, (m, s) in pairs.items()})
        return mean + more, math.sqrt(sd * sd + variance)

    def _total(
        self,
        keys: Iterable[str],
        drives: Drives,
        *,
        lines: Mapping[str, Compound] | None = None,
    ) -> tuple[float, float]:
        known = lines or self._basis.lines
        pairs = [self.given(known[key], drives) for key in keys if drives.get(key, True)]
        return math.fsum(m for m, _ in pairs), math.fsum(s * s for _, s in pairs)

    def given(self, line: Compound, drives: Drives) -> _Pair:
        """Mean and standard deviation of a line in a joint state.

        Raises
        ------
        AssessmentError
            Its loss per event has no mean.
        """
        key, driven, line = line.key, line.key in drives, line.given(drives)
        found = self._lines.peek((id(line), driven))
        if found is None:
            found = line, self._line_moments(line, driven)
            self._lines.put((id(line), driven), found)
        mean, sd = found[1]
        if not math.isfinite(mean):
            raise AssessmentError(
                f"{key}: its loss per event has no finite mean and no cap; "
                "state the most that one event can cost"
            )
        return mean, sd

    def _line_moments(self, line: Compound, driven: bool) -> tuple[float, float]:
        known = None if driven else self._basis.free.known(line)
        if known is None or not known.certain:
            return compound.moments(line, driven=driven)
        (only,) = known.parts
        mean, variance = compound.given(only.counts[0][1], only.severity)
        return mean, math.sqrt(max(variance, 0.0))

    @staticmethod
    def _mixed(
        states: Sequence[State], total: Callable[[Drives], tuple[float, float]]
    ) -> tuple[float, float]:
        """Mean and standard deviation of a mixture from mean and variance in each state."""
        terms = [(p, *total(dict(state))) for p, state in states]
        mean = math.fsum(p * m for p, m, _ in terms)
        variance = math.fsum(p * v for p, _, v in terms)
        return mean, math.sqrt(variance + math.fsum(p * (m - mean) ** 2 for p, m, _ in terms))

    def _far(self, key: str) -> tuple[float, float]:
        """E X and E X² of a line's events beyond the grid, for a cap that lies beyond it too."""
        unit, end = self._basis.unit_of(key), self._basis.grid.range
        if unit.cap <= end:
            return 0.0, 0.0

        def mean(x: Distribution) -> float:
            above = 1.0 - float(x.cdf(end))
            top = x.mean if not unit.capped else float(x.lev(unit.cap))
            return max(top - float(x.lev(end)) + end * above, 0.0)

        def square(x: Distribution) -> float:
            above = 1.0 - float(x.cdf(end))
            top = x.second if not unit.capped else float(x.second_lev(unit.cap))
            return max(top - float(x.second_lev(end)) + end * end * above, 0.0)

        return self.events(key, mean, end), self.events(key, square, end)

    def events(self, key: str, value: Callable[[Distribution], float], end: float) -> float:
        """Expected sum of a value over a line's events, where they may reach beyond ``end``."""
        chances: dict[int, tuple[Compound, float]] = {}
        for p, state in self._basis.component_of(key).over([key]):
            drives = dict(state)
            if drives.get(key, True):
                line = self._basis.lines[key].given(drives)
                chances[id(line)] = line, p + chances.get(id(line), (line, 0.0))[1]
        terms = []
        for line, p in chances.values():
            for part in self._basis.fine.parts(line, self._basis.is_driven(key)):
                if part.severity.support[1] > end:
                    each = value(part.severity)
                    terms += [p * part.weight * w * counts.mean * each for w, counts in part.counts]
        return math.fsum(terms)


@functools.lru_cache(maxsize=_MANY)
def _above(law: Distribution, x: float) -> float:
    """Expected excess of a loss over x."""
    return max(law.mean - float(law.lev(x)), 0.0)
