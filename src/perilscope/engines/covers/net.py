# SPDX-License-Identifier: Apache-2.0
"""The law of everything net of covers that have terms of the year.

Given what the lines of a cluster share they are independent, and each cover leaves the law of one
sum: by both sums together (`two_sums`), or where a cover has no terms per event by theirs alone
(`of_year`). Over several years the terms start anew in each.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import span
from perilscope.engines.aggregate.capped import multiplied, periods, power
from perilscope.engines.aggregate.compound import Compound, Drives, moments
from perilscope.engines.aggregate.expansion import Part, certain, parts
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.structure import Component, Unit
from perilscope.engines.aggregate.terms import Cover, Terms, each, retained
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.covers.clusters import Cluster, clusters, opened
from perilscope.engines.covers.of_year import OfYear
from perilscope.engines.covers.two_sums import Both, Stretch
from perilscope.engines.grids.grid import Grid, Transform, spread
from perilscope.engines.grids.ladder import Ladder
from perilscope.engines.grids.loss import LossLaw, Pair
from perilscope.engines.laws.jumps import atoms, jumps, unit
from perilscope.errors import InexactError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_FEW, _USUAL, _MOST = 2**6, 2**9, 2**11
"""Points of a ceded sum: for a first look, usual ones, and at most."""
_NEVER = 1e-10
"""A limit of the year that is used up less often than that never is."""
_WORK = 2**25
"""Numbers of joint transforms, over all cases, that are computed at most for one grid."""
_ENOUGH = 2**11
"""Points of a grid that are taken, however many cases there are."""
_MOST_LATTICE = 2**11
"""Points of a lattice at most."""


def net(
    register: Register, covers: Sequence[Cover], pays: float, used_up: Sequence[float]
) -> LossLaw:
    """Law of the sum of all lines net of covers with terms of the year.

    Parameters
    ----------
    register : Register
        All lines; no line has two covers.
    covers : sequence of Cover
        Each with terms of the year, and a share above zero.
    pays : float
        What all of them pay, expected.
    used_up : sequence of float
        Probability, for each, that the limit of the year is used up.

    Raises
    ------
    InexactError
        Where scenarios share so much that it would take very long.
    """
    return _Net(register, covers, pays, used_up).law()


class _Net:
    """The net sum on any grid."""

    def __init__(
        self, register: Register, covers: Sequence[Cover], pays: float, used_up: Sequence[float]
    ) -> None:
        self.register, self.covers = register, tuple(covers)
        self.used_up = dict(zip(self.covers, used_up, strict=True))
        self.mean = register.moments()[0] - pays
        self.clusters = clusters(register, covers)
        held = {key for cluster in self.clusters for key in cluster.keys}
        self.rest = [part for part in register.components if part.keys[0] not in held]
        several = {key for c in covers for key in c.keys if register.lines[key].years > 1.0}
        self.lines = {
            key: opened(line) if key in several else line for key, line in register.lines.items()
        }
        self._made: dict[tuple[int, object], tuple[Compound, Compound]] = {}

    # --- the law

    def law(self) -> LossLaw:
        """The law, on a grid for each level where one is not fine enough."""
        grid, fine = self._lattice, True
        if grid is not None:
            return self._on(grid)
        look = self._look
        apart = {part.keys[0] for part in self.rest if part.simple}
        top = self.register.grid.range
        grid, fine = span.general(self._severities, (), top, look, look, apart)
        widest = self._on(self._aligned(grid))
        if fine:
            return widest
        rungs = span.rungs(self._severities, grid, look, apart)
        return Ladder(widest, [(level, self._on(self._aligned(own))) for level, own in rungs])

    def _look(self, grid: Grid) -> LossLaw:
        mass = self._mass(grid, effort=0, points=_FEW)
        return LossLaw(grid, mass, mean=math.inf, sd=math.inf, none=_none(mass))

    def _on(self, grid: Grid) -> LossLaw:
        """The law on one grid, with what tells its error."""
        fine = self._mass(grid)
        none = self.register.law().none if self._leaves_some else _none(fine)
        inside = math.fsum((fine * (grid.places - self.mean) ** 2).tolist())
        make = functools.partial(
            LossLaw,
            mean=self.mean,
            sd=math.sqrt(max(inside, 0.0)),
            none=none,
            excess=self.register.law().excess,
        )
        if grid.lattice:
            return make(grid, fine)
        half = self._mass(grid, halved=True)
        rough = functools.cache(
            lambda: make(grid.coarse(), self._mass(grid, halved=True, effort=1))
        )
        if not grid.coarse().meets(self._bends):
            return make(grid, fine, others=lambda this, _: [(this, rough())])
        plain = functools.cache(lambda: make(grid, fine, within=half))

        def others(this: LossLaw, x: float) -> list[Pair]:
            pairs = [(this, plain())]
            if not this.smooth(x):  # not much is to be had from extrapolation there
                pairs.append((plain(), make(grid.coarse(), half)))
            if self._uncertain:
                pairs.append((make(grid.coarse(), half), rough()))
            return pairs

        return make(grid, fine, coarse=half, others=others)

    @cached_property
    def _leaves_some(self) -> bool:
        """Whether something of every loss stays."""
        return all(
            t.deductible > 0.0 or t.share < 1.0 or t.annual_deductible > 0.0
            for t in (cover.terms for cover in self.covers)
        )

    @cached_property
    def _uncertain(self) -> bool:
        laws = (x for line in self.lines.values() for x in (*line.beliefs, line.keep, line.scale))
        return not all(map(certain, laws))

    # --- grids

    @cached_property
    def _severities(self) -> dict[str, tuple[Part, ...]]:
        """Every line by what its events leave, without beliefs."""
        free = Transforms(Grid(1.0, 2))
        terms = {key: cover.terms for cover in self.covers for key in cover.keys}
        found = {}
        for key, line in self.register.lines.items():
            stays = line if key not in terms else each(line, retained(terms[key]))
            driven = key in self.register.component_of(key).driven
            found[key] = free.parts(stays, driven)
        return found

    @cached_property
    def _amounts(self) -> list[float]:
        """Terms in money, where what is left of a year bends."""
        found = []
        for t in (cover.terms for cover in self.covers):
            by = t.share if t.by_sum else 1.0
            ends = t.annual_deductible / by, (t.annual_deductible + t.annual_limit) / by
            left = (x - t.annual_limit for x in ends[1:] if math.isfinite(x))
            found += [*ends, t.annual_deductible, *left]
            found += [] if t.by_sum else [t.deductible, t.share * t.limit]
        return sorted({x for x in found if 0.0 < x < math.inf})

    @cached_property
    def _bends(self) -> set[float]:
        """Terms, and where what single events leave has atoms."""
        events = (part.severity for mine in self._severities.values() for part in mine)
        return set(self._amounts).union(*map(jumps, events))

    def _aligned(self, grid: Grid) -> Grid:
        """A grid with bends on even points; a finer one where it cannot be."""
        most = max((self._cost(cluster, 2) for cluster in self.clusters), default=1)
        most = max(_WORK // (_USUAL // 4 * most), _ENOUGH)
        while grid.points > most:
            grid = grid.coarse()
        for bends in (self._bends, self._amounts):
            common, points = unit(bends), grid.points
            if common is None:
                continue
            step = common / (2.0 * math.ceil(common / (2.0 * grid.step) * (1.0 - 1e-12)))
            while step * points < 0.97 * grid.range:
                points *= 2
            if points <= min(4 * grid.points, most):
                return replace(grid, step=step, points=points)
        if 4 * grid.points > min(most, span.MOST):
            return grid
        return replace(grid, step=grid.step / 4.0, points=grid.points * 4)

    @cached_property
    def _lattice(self) -> Grid | None:
        """A grid on which what events leave and what is ceded are whole steps, if few."""
        terms = {key: cover.terms for cover in self.covers for key in cover.keys}
        values = list(self._amounts)
        for key, line in self.register.lines.items():
            for part in parts(line):
                points = atoms(part.severity)
                if points is None:
                    return None
                for x, _ in points:
                    paid = terms[key].of_event(x) if key in terms else 0.0
                    values += [paid, x - paid]
        step, reach = unit(values), self.register.grid.range
        if step is None or reach / step > _MOST_LATTICE:
            return None
        count = 1 << math.ceil(math.log2(max(reach / step, 64.0)))
        return Grid(step, count, 3.0, lattice=True)

    def _stretch(self, cover: Cover, grid: Grid, points: int, cases: int) -> Stretch:
        """The ceded sums of a cover that are looked at, bends on even points if they can be."""
        t = cover.terms
        exhausts = math.isfinite(t.annual_limit) and self.used_up[cover] > _NEVER
        top = t.annual_deductible + (t.annual_limit if exhausts else 0.0)
        if top == 0.0:
            return Stretch(1.0, 0, exhausts)
        if grid.lattice:
            return Stretch(grid.step, round(top / grid.step), exhausts)
        # as fine as the grid where it meets both ends, so that no beat is seen of one on the other
        met = points > _FEW and grid.coarse().meets([t.annual_deductible, top])
        step = top / points
        if met:
            step = grid.step * 2.0 ** math.floor(math.log2(max(2.0 * step / grid.step, 2.0**-20)))
            step = min(step, grid.step) if top / grid.step <= _MOST else step
        count = round(top / step)
        while count > _FEW and cases * grid.points * count > 2 * _WORK:
            step, count = 2.0 * step, count // 2
        if cases * grid.points * count > 2 * _WORK:
            raise InexactError(
                f"what is left of a year of {', '.join(cover.keys)} under terms per event and of "
                f"the year would take very long: they share what has {cases:,} cases; let fewer "
                "scenarios share drivers, or leave out one kind of terms"
            )
        return Stretch(top / count, count, exhausts)

    # --- transforms

    def _mass(
        self, grid: Grid, *, halved: bool = False, effort: int = 2, points: int = _USUAL
    ) -> Array:
        """Law of the net sum on the points of a grid."""
        rest = Transforms(grid, halved=halved, effort=max(effort, 1), sharp=points > _FEW)
        product = rest.sum(self.rest, self.register.lines)
        here = rest.grid
        transforms = Transforms(grid, halved=halved, effort=max(effort, 1), sharp=False)
        for cluster in self.clusters:
            if cluster.whole:
                product = product * self._whole(cluster, here)
                continue
            cases = self._cost(cluster, effort)
            both = {}
            for cover in cluster.covers:
                if not cover.terms.by_sum:
                    stretch = self._stretch(cover, grid, points, cases)
                    stretch = stretch.coarse() if halved else stretch
                    both[cover] = Both(cover.terms, here, stretch)
            product = product * self._cluster(cluster, transforms, both, effort)
        return here.back(product)

    def _cost(self, cluster: Cluster, effort: int) -> int:
        """Joint transforms that are computed for a cluster, roughly."""
        if cluster.whole:
            return 1
        free, often, once = Transforms(Grid(1.0, 2), effort=max(effort, 1)), 1, 0
        _, lines, drives = next(cluster.cases(self.lines, effort))
        for key in {key for cover in cluster.covers for key in cover.keys}:
            mixed = free.parts(lines[key], key in drives)
            many = len(mixed) + len(mixed[0].counts) - 2
            if lines[key] is self.lines[key]:
                once += many
            else:
                often += many
        return cluster.count(effort) * often + once

    def _whole(self, cluster: Cluster, grid: Grid) -> Transform:
        """A cluster that one cover pays for by its sum: its own law, mapped."""
        law = of_year(self.register.subset(cluster.keys).law(), cluster.covers[0].terms)
        return grid.forward(spread(law.all_limited(np.append(grid.places, grid.range)), grid.step))

    def _cluster(
        self, cluster: Cluster, transforms: Transforms, both: Mapping[Cover, Both], effort: int
    ) -> Transform:
        total = np.zeros(transforms.grid.points // 2 + 1, dtype=np.complex128)
        covered = {key for cover in cluster.covers for key in cover.keys}
        for weight, lines, drives in cluster.cases(self.lines, effort):
            free = [lines[key] for key in cluster.keys if key not in covered]
            product = self._sum(transforms, free, drives)
            for cover in cluster.covers:
                mine = [lines[key] for key in cover.keys if drives.get(key, True)]
                product = product * self._left(cover, mine, drives, transforms, both.get(cover))
            total += weight * product
        return total

    def _left(
        self,
        cover: Cover,
        lines: Sequence[Compound],
        drives: Drives,
        transforms: Transforms,
        both: Both | None,
    ) -> Transform:
        """What a cover leaves of some lines that are independent, over all years."""
        terms, total = cover.terms, None
        for length, count in periods(lines[0].years) if lines else ():
            year = [self._changed(line, length, _lasting(length)) for line in lines]
            gross = self._sum(transforms, year, drives)
            if both is None:
                one = self._mapped(terms, transforms.grid, gross, year, drives)
            else:
                stay = [self._changed(x, terms, lambda x: each(x, retained(terms))) for x in year]
                mixed = [transforms.parts(x, x.key in drives) for x in year]
                one = both.left(mixed, self._sum(transforms, stay, drives), gross)
            mine = power(one, count)
            total = mine if total is None else total * mine
        return multiplied([] if total is None else [total], transforms.grid)

    def _sum(self, transforms: Transforms, lines: Sequence[Compound], drives: Drives) -> Transform:
        """Transform of the sum of independent lines that happen, holdings capped."""
        present = {line.key: line for line in lines if drives.get(line.key, True)}
        plain = [line for line in present.values() if not self._unit(line.key).capped]
        free = [line for line in plain if line.key not in drives]
        structure = [Component((Unit((line.key,)),), ((1.0, ()),)) for line in free]
        total = transforms.sum(structure, {line.key: line for line in free})
        for line in plain:
            if line.key in drives:
                total = total * transforms.line(line, True)
        for held in dict.fromkeys(self._unit(key) for key in present):
            if held.capped:
                total = total * transforms.unit(held, present, drives)[0]
        return total

    def _mapped(
        self,
        terms: Terms,
        grid: Grid,
        gross: Transform,
        lines: Sequence[Compound],
        drives: Drives,
    ) -> Transform:
        """Terms of the year alone act on the law of the sum."""
        mass = grid.back(gross)
        if any(self._unit(line.key).capped for line in lines):
            mean = float(mass @ grid.places)
        else:
            mean = math.fsum(moments(line, driven=line.key in drives)[0] for line in lines)
        law = of_year(LossLaw(grid, mass, mean=mean, sd=math.inf, none=_none(mass)), terms)
        return grid.forward(spread(law.all_limited(np.append(grid.places, grid.range)), grid.step))

    def _unit(self, key: str) -> Unit:
        return next(u for u in self.register.component_of(key).units if key in u.keys)

    def _changed(
        self, line: Compound, how: object, change: Callable[[Compound], Compound]
    ) -> Compound:
        """A line changed in some way; asked twice it is the same object."""
        key = id(line), how
        if key not in self._made:
            self._made[key] = line, change(line)
        return self._made[key][1]


def _lasting(years: float) -> Callable[[Compound], Compound]:
    return lambda line: line if line.years == years else replace(line, years=years)


def _none(mass: Array) -> float:
    """Probability of no loss: what lies at zero, without half of what lies within a step."""
    return min(max(float(mass[0] - 0.5 * mass[1]), 0.0), 1.0)


def of_year(gross: LossLaw, terms: Terms) -> OfYear:
    """What terms that act on a sum alone leave of it."""
    return OfYear(gross, terms.share, terms.annual_deductible, terms.annual_limit)
