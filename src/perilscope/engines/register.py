# SPDX-License-Identifier: Apache-2.0
"""Many lines of loss as one exact law: the law of the sum, of each line, and who bears the tail.

Everything is computed by transforms on one grid; no number here is simulated.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from perilscope.engines import allocation, compound, span
from perilscope.engines.compound import Compound, Drives, Mixture
from perilscope.engines.distributions import Distribution
from perilscope.engines.events import Some
from perilscope.engines.expansion import Part, certain
from perilscope.engines.facts import Facts, summed
from perilscope.engines.grid import Grid, atoms, jumps
from perilscope.engines.kept import Kept
from perilscope.engines.ladder import Ladder
from perilscope.engines.loss import LossLaw, Pair
from perilscope.engines.shared import Shared, shared_by
from perilscope.engines.structure import Component, State, Unit, components
from perilscope.engines.transforms import Block, Transforms, blocks, changed
from perilscope.engines.unlisted import Unlisted
from perilscope.errors import AssessmentError, MisuseError

Array = npt.NDArray[np.float64]
_NO_CAPS: Mapping[str, float] = MappingProxyType({})
_MANY = 2**14


class Register:
    """Lines of loss that are added up.

    Parameters
    ----------
    lines : sequence of Compound
        The lines; their keys are different.
    mixtures : sequence of Mixture or Unlisted
        Joint states of lines that are driven together. In a state where a line has events its
        counts are those given at least one; a control thins them afterwards.
    caps : mapping of float
        Most that the lines of a holding can lose together in one year, by name of the group.
        Over a longer horizon each full year and the fraction that is left are capped apart.
    grid : Grid, optional
        Chosen from all lines when absent.

    Raises
    ------
    MisuseError
        Where keys repeat or mixtures and caps do not fit the lines.

    Examples
    --------
    Two kinds of theft, 1,000,000 at 0.2 a year and 500,000 at 0.5 a year:

    >>> from perilscope.engines.counts import Poisson
    >>> from perilscope.engines.distributions import Constant
    >>> exploit = Compound("exploit", lambda theta, t: (Poisson(0.2 * t), Constant(1_000_000.0)))
    >>> phishing = Compound("phishing", lambda theta, t: (Poisson(0.5 * t), Constant(500_000.0)))
    >>> law = Register([exploit, phishing]).law()
    >>> law.mean, round(law.sd, 1), round(law.none, 4), round(law.exceed(999_999.0), 4)
    (450000.0, 570087.7, 0.4966, 0.2551)
    >>> law.var(0.95), law.method
    (1500000.0, 'exact, lattice')
    """

    def __init__(
        self,
        lines: Sequence[Compound],
        *,
        mixtures: Sequence[Mixture | Unlisted] = (),
        caps: Mapping[str, float] = _NO_CAPS,
        grid: Grid | None = None,
    ) -> None:
        own = {line.key: line for line in lines}
        if len(own) != len(lines):
            raise MisuseError("two lines have the same key")
        self._begin(own, tuple(mixtures), dict(caps), grid, components(own, mixtures, caps))

    def _begin(
        self,
        lines: dict[str, Compound],
        mixtures: tuple[Mixture | Unlisted, ...],
        caps: dict[str, float],
        grid: Grid | None,
        structure: tuple[Component, ...],
    ) -> None:
        self.lines, self.mixtures, self.caps = lines, mixtures, caps
        self._components = structure
        self._place = {key: i for i, part in enumerate(structure) for key in part.keys}
        self._given = grid
        self._narrower: tuple[tuple[float, Grid], ...] | None = None
        self._like: tuple[Transforms, Transforms, Transforms] | None = None
        self._own: dict[str, LossLaw] = {}
        self._moments: dict[Component, tuple[tuple[Compound, ...], tuple[float, float]]] = {}
        self._counted: Kept[tuple[Compound, tuple[float, float]]] = Kept(_MANY)
        self._facts: dict[int, Facts] = {}

    # --- the grid and what stands on it

    @property
    def grid(self) -> Grid:
        """The grid, chosen from all lines unless given."""
        return self._given if self._given is not None else self._chosen[0]

    @cached_property
    def _chosen(self) -> tuple[Grid, bool]:
        """The grid that was chosen, and whether it is fine enough for all levels."""
        caps = [unit.cap for part in self._components for unit in part.units if unit.capped]
        bare = components(self.lines, self.mixtures, {}) if caps else self._components
        look = self._look(self._components)
        return span.choose(self._mixed_parts, caps, look, self._look(bare), self._apart)

    @cached_property
    def _mixed_parts(self) -> dict[str, tuple[Part, ...]]:
        lines = self.lines.items()
        return {key: self._free.parts(line, self._is_driven(key)) for key, line in lines}

    @cached_property
    def _apart(self) -> set[str]:
        """Lines that nothing drives and no cap acts on."""
        return {
            key
            for part in self._components
            for unit in part.units
            if not unit.capped
            for key in unit.keys
            if key not in part.driven
        }

    @cached_property
    def _rungs(self) -> dict[float, Register]:
        """The same register on narrower grids, by the level up to which each is read."""
        if self._narrower is None:
            capped = any(unit.capped for part in self._components for unit in part.units)
            if capped or self._given is not None or self._chosen[1]:
                self._narrower = ()
            else:
                look = self._look(self._components)
                found = span.rungs(self._mixed_parts, self.grid, look, self._apart)
                self._narrower = tuple(found)
        return {level: self.on(grid) for level, grid in self._narrower}

    @cached_property
    def _free(self) -> Transforms:
        """Integrals over beliefs, which need no grid."""
        return Transforms(Grid(1.0, 2))

    def _look(self, structure: Sequence[Component]) -> Callable[[Grid], LossLaw]:
        """Law of the sum on any grid, for choosing one."""

        def look(grid: Grid) -> LossLaw:
            transforms = Transforms(grid, sharp=False, like=self._free)
            mass = grid.back(transforms.sum(structure, self.lines))
            return LossLaw(grid, mass, mean=math.inf, sd=math.inf, none=self._none(self._free))

        return look

    @cached_property
    def _blocks(self) -> list[Block]:
        return blocks(self._components, self.lines)

    @cached_property
    def fine(self) -> Transforms:
        """Transforms on the grid."""
        return Transforms(self.grid, like=self._like[0] if self._like else self._free)

    @cached_property
    def coarse(self) -> Transforms:
        """Transforms on half the points: they tell what a finer grid would still change."""
        like = self._like[1] if self._like else self.fine
        return Transforms(self.grid, halved=True, like=like)

    @cached_property
    def rough(self) -> Transforms:
        """Transforms on half the points with fewer nodes for beliefs."""
        like = self._like[2] if self._like else None
        return Transforms(self.grid, halved=True, effort=1, like=like)

    def _none(self, transforms: Transforms) -> float:
        return math.prod(self._none_of(part, transforms) for part in self._components)

    def _none_of(self, part: Component, transforms: Transforms) -> float:
        if part.simple:
            return transforms.nothing(self.lines[part.keys[0]], driven=False)
        return transforms.none(part, self.lines)

    def _is_driven(self, key: str) -> bool:
        return key in self._components[self._place[key]].driven

    # --- moments

    @property
    def exact(self) -> bool:
        """Whether moments are free of the grid: no holding is capped."""
        return not any(unit.capped for part in self._components for unit in part.units)

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the sum over the horizon.

        Exact; of components with a capped holding from the grid (see ``exact``).
        """
        pairs = [self._component_moments(part) for part in self._components]
        mean = math.fsum(m for m, _ in pairs)
        return mean, math.sqrt(math.fsum(v for _, v in pairs))

    def line_moments(self, key: str) -> tuple[float, float]:
        """Mean and standard deviation of one line; of a capped one from the law of its part."""
        part = self.component_of(key)
        if self._unit_of(key).capped:
            return self.means[key], self.line(key).sd
        return self._mixed(part.over([key]), lambda drives: self._total([key], drives))

    @cached_property
    def means(self) -> dict[str, float]:
        """Mean of each line, after caps."""
        found: dict[str, float] = {}
        for part in self._components:
            found.update(self._means_of(part))
        return {key: found[key] for key in self.lines}

    def _means_of(self, part: Component) -> dict[str, float]:
        """Mean of each line of a component, after caps."""
        free = [key for unit in part.units if not self._bites(unit) for key in unit.keys]
        found = {
            key: self._mixed(part.over([key]), functools.partial(self._total, [key]))[0]
            - self._over(key)[0]
            for key in free
        }
        if len(part.keys) == 1 and not free:  # its part is all there is
            inside = float(
                (self.grid.back(self.fine.tied(part, self.lines)) * self.grid.places).sum()
            )
            found[part.keys[0]] = inside + self._far(part.keys[0])[0]
        elif len(free) < len(part.keys):
            sizes = self.fine.component(part, self.lines, shares=True)[1]
            for key in part.keys:
                if key not in found:
                    inside = math.fsum(self.grid.back(sizes[key]).tolist())
                    found[key] = inside + self._far(key)[0]
        return found

    def _component_moments(self, part: Component) -> tuple[float, float]:
        """Mean and variance of a component; those of untouched ones are known from before."""
        if part.simple:
            mean, sd = self._given_state(self.lines[part.keys[0]], {})
            return mean, sd * sd
        mine = tuple(self.lines[key] for key in part.keys)
        found = self._moments.get(part)
        if found is None or any(a is not b for a, b in zip(found[0], mine, strict=True)):
            found = self._moments[part] = (mine, self._found_moments(part))
        return found[1]

    def _found_moments(self, part: Component) -> tuple[float, float]:
        if not any(self._bites(unit) for unit in part.units):
            cases = [(w, *self._given_case(part, known)) for w, known in part.cases(self.lines, 2)]
            mean = math.fsum(w * m for w, m, _ in cases)
            variance = math.fsum(w * (s * s + (m - mean) ** 2) for w, m, s in cases)
            over = [self._over(key) for key in part.keys]
            return mean - math.fsum(m for m, _ in over), variance - math.fsum(s for _, s in over)
        mass = self.grid.back(self.fine.tied(part, self.lines))
        mean = math.fsum(self._means_of(part).values())
        if not math.isfinite(mean):
            return mean, math.inf
        far = math.fsum(self._far(key)[1] for key in part.keys)
        return mean, math.fsum((mass * (self.grid.places - mean) ** 2).tolist()) + far

    def _bites(self, unit: Unit) -> bool:
        """Whether a unit is capped where the grid sees it.

        A cap beyond the grid is hardly ever reached by the sum, so there moments are those of the
        unit without it, less what single events would bring beyond: the grid would cut them short.
        """
        if not unit.capped or unit.cap <= self.grid.range:
            return unit.capped
        laws = [p.severity for key in unit.keys for p in self.fine.parts(self.lines[key], False)]
        return not all(math.isfinite(law.second) for law in laws)

    def _over(self, key: str) -> tuple[float, float]:
        """What a line's events would bring beyond a cap that lies beyond the grid: E, and E of
        squares.
        """
        cap = self._unit_of(key).cap
        if math.isinf(cap):
            return 0.0, 0.0
        return (
            self._events(key, lambda x: _above(x, cap), cap),
            self._events(key, lambda x: max(x.second - float(x.second_lev(cap)), 0.0), cap),
        )

    def _given_case(self, part: Component, lines: Mapping[str, Compound]) -> tuple[float, float]:
        """Mean and standard deviation of a component where what is shared has one value."""
        net = part.unlisted
        rest = part.keys if net is None else [key for key in part.keys if key not in net.hits]
        mean, sd = self._mixed(part.listed, lambda drives: self._total(rest, drives, lines=lines))
        if net is None:
            return mean, sd
        pairs = {key: self._given_state(lines[key], {key: True}) for key in net.keys}
        more, variance = net.moments({key: (m, s * s) for key, (m, s) in pairs.items()})
        return mean + more, math.sqrt(sd * sd + variance)

    def _total(
        self,
        keys: Iterable[str],
        drives: Drives,
        *,
        lines: Mapping[str, Compound] | None = None,
    ) -> tuple[float, float]:
        known = lines or self.lines
        pairs = [self._given_state(known[key], drives) for key in keys if drives.get(key, True)]
        return math.fsum(m for m, _ in pairs), math.fsum(s * s for _, s in pairs)

    def _given_state(self, line: Compound, drives: Drives) -> tuple[float, float]:
        key, driven, line = line.key, line.key in drives, line.given(drives)
        mean, sd = self._counted.get(
            (id(line), driven), lambda: (line, self._line_moments(line, driven))
        )[1]
        if not math.isfinite(mean):
            raise AssessmentError(
                f"{key}: its loss per event has no finite mean and no cap; "
                "state the most that one event can cost"
            )
        return mean, sd

    def _line_moments(self, line: Compound, driven: bool) -> tuple[float, float]:
        known = None if driven else self._free.known(line)
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

    @property
    def components(self) -> tuple[Component, ...]:
        """Independent components, in the order of their first lines."""
        return self._components

    def component_of(self, key: str) -> Component:
        """Component a line belongs to; raises ``MisuseError`` where there is no such line."""
        if key not in self._place:
            raise MisuseError(f"there is no line {key}")
        return self._components[self._place[key]]

    def _unit_of(self, key: str) -> Unit:
        return next(unit for unit in self.component_of(key).units if key in unit.keys)

    def none_of(self, key: str) -> float:
        """Probability that one line loses nothing."""
        alone = components({key: self.lines[key]}, self.mixtures, {})
        return self.fine.none(alone[0], self.lines)

    # --- laws

    def law(self) -> LossLaw:
        """Law of the sum of all lines over the horizon."""
        return self._law

    @cached_property
    def _law(self) -> LossLaw:
        widest = self._on_grid
        if not self._rungs:
            return widest
        return Ladder(widest, [(level, rung.law()) for level, rung in self._rungs.items()])

    @cached_property
    def _on_grid(self) -> LossLaw:
        fine = self._fine  # first, as it asks for all lines together
        if self.grid.lattice:
            return self._whole.law(self.grid, fine)
        if not self._whole.even:
            return self._whole.law(self.grid, fine, others=lambda this, _: [(this, self._rough)])
        return self._whole.law(self.grid, fine, coarse=self._half, others=self._pairs)

    def _pairs(self, this: LossLaw, x: float) -> list[Pair]:
        """Pairs of laws that tell the error of one that was extrapolated, near a loss."""
        pairs = [(this, self._plain)]
        half = functools.cache(lambda: self._whole.law(self.coarse.grid, self._half))
        if not this.smooth(x):  # not much is to be had from extrapolation there
            pairs.append((self._plain, half()))
        if not self._whole.certain:
            pairs.append((half(), self._rough))
        return pairs

    @cached_property
    def _whole(self) -> Facts:
        known = self._facts
        every = enumerate(self._components)
        return summed([known.get(i) or self._facts_of(i, part) for i, part in every])

    @cached_property
    def _poisson(self) -> Some:
        return self.fine.together(self._blocks, self.lines)

    @cached_property
    def _fine(self) -> Array:
        """Probabilities on the grid."""
        return self.grid.back(self.fine.summed(self._blocks, self.lines, self._poisson))

    @cached_property
    def _half(self) -> Array:
        """The same on half the points."""
        coarse = self.coarse
        return coarse.grid.back(coarse.summed(self._blocks, self.lines, self._poisson))

    @cached_property
    def _plain(self) -> LossLaw:
        """The law that is not extrapolated."""
        return self._whole.law(self.grid, self._fine, within=self._half)

    @cached_property
    def _rough(self) -> LossLaw:
        """The law on half the points with fewer nodes for beliefs."""
        rough = self.rough
        mass = rough.grid.back(rough.sum(self._components, self.lines))
        return self._whole.law(rough.grid, mass)

    def _facts_of(self, i: int, part: Component) -> Facts:
        """Facts of the i-th component; those of an untouched one are known from before."""
        known = self._facts.get(i)
        if known is None:
            known = self._facts[i] = self._found_facts(part)
        return known

    def _found_facts(self, part: Component) -> Facts:
        if part.simple:
            return self._facts_of_line(self.lines[part.keys[0]])
        mine = [self.lines[key] for key in part.keys]
        mean, variance = self._component_moments(part)
        none = self._none_of(part, self.fine)
        if any(unit.capped for unit in part.units):
            return Facts(mean, variance, none)
        excess = math.fsum(
            self._events(key, self.fine.excess, self.grid.range) for key in part.keys
        )
        many = [line for line in mine if line.key not in part.driven and self.fine.is_heavy(line)]
        mixed = [
            x
            for line in mine
            if line not in many
            for x in self.fine.parts(line, line.key in part.driven)
        ]
        known = all(map(certain, (law for x in mine for law in (*x.beliefs, x.keep, x.scale))))
        grain, events = self._of_many(many)
        return Facts(mean, variance, none, excess, self._even(mixed), known, grain, events)

    def _facts_of_line(self, line: Compound) -> Facts:
        """Facts of a component that is one line by itself."""
        fine, known = self.fine, self.fine.known(line)
        mean, sd = self._given_state(line, {})
        excess = math.fsum(
            [
                part.weight * w * counts.mean * fine.excess(part.severity)
                for part in known.parts
                for w, counts in part.counts
            ]
        )
        is_heavy = fine.is_heavy(line)
        even = is_heavy or self._even(known.parts)
        grain, events = self._of_many([line] if is_heavy else [])
        return Facts(mean, sd * sd, known.none, excess, even, known.certain, grain, events)

    def _even(self, mixed: Iterable[Part]) -> bool:
        """Whether all atoms are on every other point of the grid."""
        coarse = self.coarse.grid
        return all(coarse.meets(jumps(part.severity)) for part in mixed)

    def _of_many(self, heavy: Sequence[Compound]) -> tuple[float, float]:
        """Largest amount whose steps are not seen, and number of events, of heavy lines."""
        if not heavy:
            return 0.0, 0.0
        parts = [x for line in heavy for x in self.fine.parts(line, False)]
        events = math.fsum(x.weight * w * counts.mean for x in parts for w, counts in x.counts)
        return max((_grain(x.severity) for x in parts), default=0.0), events

    def _far(self, key: str) -> tuple[float, float]:
        """E X and E X² of a line's events beyond the grid, for a cap that lies beyond it too."""
        unit, end = self._unit_of(key), self.grid.range
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

        return self._events(key, mean, end), self._events(key, square, end)

    def _events(self, key: str, value: Callable[[Distribution], float], end: float) -> float:
        """Expected sum of a value over a line's events, where they may reach beyond ``end``."""
        chances: dict[int, tuple[Compound, float]] = {}
        for p, state in self.component_of(key).over([key]):
            drives = dict(state)
            if drives.get(key, True):
                line = self.lines[key].given(drives)
                chances[id(line)] = line, p + chances.get(id(line), (line, 0.0))[1]
        terms = []
        for line, p in chances.values():
            for part in self.fine.parts(line, self._is_driven(key)):
                if part.severity.support[1] > end:
                    each = value(part.severity)
                    terms += [p * part.weight * w * counts.mean * each for w, counts in part.counts]
        return math.fsum(terms)

    def line(self, key: str) -> LossLaw:
        """Law of one line, on a grid of its own; of a line in a capped holding, of its part.

        Other lines do not change it by a bit, unless they share a capped holding with it.
        """
        if key not in self._own:
            unit = self._unit_of(key)
            alone = Register(
                [self.lines[k] for k in unit.keys], mixtures=self.mixtures, caps=self.caps
            )
            if len(unit.keys) == 1 or not unit.capped:
                self._own[key] = alone.law()
            else:
                self._own[key] = allocation.part(alone, key)
        return self._own[key]

    def contributions(self, level: float) -> dict[str, float]:
        """How much of the CVaR of the sum each line bears: E[X_i | the worst share 1 - level].

        Returns
        -------
        dict of float
            By key, in money; they add to ``law().cvar(level)``. An atom at VaR is split as there.
        """
        law = self.law()
        read = law.rung(level)
        if read is not law:
            rung = next((r for r in self._rungs.values() if r.law() is read), None)
            return (rung or self.on(self.grid)).contributions(level)
        split = allocation.Split(law, level)
        sums = [self.fine.component(part, self.lines)[0] for part in self._components]
        cuts: dict[str, tuple[float, float]] = {}
        for i, rest in allocation.rests(sums, self.grid):
            sizes = self.fine.component(self._components[i], self.lines, shares=True)[1]
            for key, size in sizes.items():
                cuts[key] = split.cut(self.grid.back(size * rest))
        return split.shares({key: cuts[key] for key in self.lines}, self.means)

    # --- other registers

    def on(self, grid: Grid) -> Register:
        """The same register on a given grid."""
        return Register(
            list(self.lines.values()), mixtures=self.mixtures, caps=self.caps, grid=grid
        )

    def subset(self, keys: Iterable[str]) -> Register:
        """Some of the lines, on the same grid."""
        wanted = list(keys)
        for key in wanted:
            self.component_of(key)
        return self._with({key: self.lines[key] for key in self.lines if key in wanted}, self.caps)

    def with_(
        self, lines: Sequence[Compound] = (), caps: Mapping[str, float] | None = None
    ) -> Register:
        """The same register with some lines replaced (by key) or other caps.

        On the same grid, so that what does not change is not computed again; on a grid of its own
        where this one is a lattice that the new losses do not fit.
        """
        replaced = dict(self.lines)
        for line in lines:
            self.component_of(line.key)
            replaced[line.key] = line
        return self._with(replaced, self.caps if caps is None else dict(caps))

    def _on_lattice(self, lines: Sequence[Compound], caps: Mapping[str, float]) -> bool:
        """Whether the losses of some lines, and caps, are whole multiples of the grid's step."""
        values = [cap for cap in caps.values() if math.isfinite(cap)]
        for line in lines:
            for part in self._free.parts(line, self._is_driven(line.key)):
                points = atoms(part.severity)
                if points is None:
                    return False
                values += [value for value, _ in points]
        return self.grid.meets(values)

    def _with(self, lines: dict[str, Compound], caps: Mapping[str, float]) -> Register:
        new = [line for key, line in lines.items() if line is not self.lines[key]]
        if self.grid.lattice and not self._on_lattice(new, caps):
            return Register(list(lines.values()), mixtures=self.mixtures, caps=caps)
        other = Register.__new__(Register)
        same = lines.keys() == self.lines.keys() and caps == self.caps
        if same and all(_held(x) == _held(self.lines[x.key]) for x in new):
            structure = self._components
        else:
            structure = components(lines, self.mixtures, caps)
        other._begin(lines, self.mixtures, dict(caps), self.grid, structure)
        other._narrower = tuple((level, rung.grid) for level, rung in self._rungs.items())
        other._like = (self.fine, self.coarse, self.rough)
        other._free, other._counted = self._free, self._counted
        if structure is self._components:
            other._facts = dict(self._facts)
            places = [self._place[line.key] for line in new]
            other._blocks = changed(self._blocks, places, lines)
            for place in places:
                other._facts.pop(place, None)
        other._moments = dict(self._moments)
        for key, law in self._own.items():
            if key in lines and lines[key] is self.lines[key] and not self._unit_of(key).capped:
                other._own[key] = law
        return other


def _grain(law: Distribution) -> float:
    """The largest amount of a law that has nothing but a few."""
    points = atoms(law)
    return 0.0 if points is None else points[-1][0]


@functools.lru_cache(maxsize=_MANY)
def _above(law: Distribution, x: float) -> float:
    """Expected excess of a loss over x."""
    return max(law.mean - float(law.lev(x)), 0.0)


def _held(line: Compound) -> tuple[str, float, tuple[Shared, ...]]:
    """What of a line the structure of a register depends on, beside its key."""
    return line.group, line.years, shared_by(line.beliefs)
