# SPDX-License-Identifier: Apache-2.0
"""Losses counted in tokens, at any price of these: lines, holdings, and their transforms."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate import allocation
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Grid, Transform, against, weighed
from perilscope.engines.joint.dearer import dear, dearer
from perilscope.engines.joint.groups import Group, Row, grouped
from perilscope.engines.joint.parts import Part
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Lines = Mapping[str, Compound]
Prices = Mapping[str, float]
Slopes = Mapping[str, Transform]
"""Derivatives by the price of each token."""
Places = dict[tuple[int, int], Transform]
"""Of one group: something by place on its lattice of prices, and by case."""

_STEPS = (0.1, 0.05, 0.025, 0.0125)
"""Distances between the prices at which losses are transformed, in log price."""
_FITS = 0.05
"""Difference of transforms between two prices, of what losses change in them, that is none: fixed
sums stand in stairs as wide as the distance, and law of a wide loss does not.
"""
_ROOM, _RANGE = 2**28, 6.0
"""Bytes that transforms may take to have them closer, over such a range of log prices."""
_BESIDE = (-2, -1, 0, 1, 2, 3)
_POWERS = np.arange(len(_BESIDE))
_FROM_POWERS = np.linalg.inv(np.vander(_BESIDE, increasing=True).T)
"""What the points beside count for, from the powers of a place between them."""
_WIDE = 40.0
"""Widest range of prices of one token, in log price."""


class Strand:
    """Transforms of one group's losses in each of its cases at any price of its token.

    Parameters
    ----------
    group : Group
    lines : mapping of Compound
        At today's price.
    transforms : Transforms
        On the grid.

    Notes
    -----
    Interpolation of fifth order in log price through six lattice points, and its slope. Money has
    one price.
    """

    def __init__(
        self, group: Group, lines: Lines, transforms: Transforms, step: float = _STEPS[0]
    ) -> None:
        self.group, self._lines, self._transforms, self.step = group, lines, transforms, step
        self._known: dict[int, Transform] = {}
        self._capped: dict[int, Array] = {}
        self._cases: dict[int, list[tuple[Component, dict[str, Compound]]]] = {}
        self._anywhere = Transforms(Grid(1.0, 2))

    @property
    def keys(self) -> tuple[str, ...]:
        """The lines."""
        return self.group.component.keys

    @property
    def token(self) -> str:
        """What they are counted in; empty for money."""
        return self.group.token

    def with_(self, lines: Lines) -> Strand:
        """The same with other lines; itself where none of its own are others."""
        if all(lines[key] is self._lines[key] for key in self.keys):
            return self
        return Strand(self.group, lines, self._transforms, self.step)

    def closer(self, step: float) -> Strand:
        """The same with another distance between prices."""
        return Strand(self.group, self._lines, self._transforms, step)

    @cached_property
    def fits(self) -> bool:
        """Whether losses between two prices are what they are there."""
        if not self.token:
            return True
        price = math.exp(0.5 * self.step)
        between, there = self.at(price)[0], self._summed_at(self._dear(price))
        return float(np.abs(between - there).max()) <= _FITS * float(np.abs(there - 1.0).max())

    def affordable(self, step: float) -> bool:
        """Whether transforms at so many prices may be kept."""
        bytes_each = 16 * len(self.group.cases) * (self._transforms.grid.points // 2 + 1)
        return bytes_each * _RANGE / step <= _ROOM

    def node(self, k: int) -> Transform:
        """Transforms by case at a price of the lattice, as `beside` names them."""
        found = self._known.get(k)
        if found is None:
            if len(self._known) * self.step >= _WIDE:
                raise AssessmentError(
                    f"{', '.join(self.keys)}: the price of {self.token} ranges too widely"
                )
            found = self._known[k] = self._made(k)
        return found

    def _made(self, k: int) -> Transform:
        cases = self._at_node(k)
        transforms = self._fresh()
        self._capped[k] = np.array([self._means(*case, transforms) for case in cases])
        return self._summed_at(cases, transforms)

    def _summed_at(
        self,
        cases: Sequence[tuple[Component, dict[str, Compound]]],
        transforms: Transforms | None = None,
    ) -> Transform:
        known = transforms or self._fresh()
        return np.stack([_summed(*case, known) for case in cases])

    def _fresh(self) -> Transforms:
        """Transforms that keep nothing of a grid beyond one price."""
        grid = self._transforms.grid
        return Transforms(grid, like=self._anywhere) if self.token else self._transforms

    def _at_node(self, k: int) -> list[tuple[Component, dict[str, Compound]]]:
        """The group in each case, at a price of the lattice."""
        if k not in self._cases:
            self._cases[k] = self._dear(math.exp(k * self.step))
        return self._cases[k]

    def _dear(self, price: float) -> list[tuple[Component, dict[str, Compound]]]:
        lines = {key: dearer(self._lines[key], price) for key in self.keys}
        found = []
        for case in self.group.cases:
            component, given = self.group.at(case, lines)
            found.append((dear(component, price), given))
        return found

    def _means(self, component: Component, lines: Lines, transforms: Transforms) -> list[float]:
        """Mean on the grid of each capped holding."""
        if not self.token:
            return []
        grid = transforms.grid
        alone = (replace(component, units=(unit,)) for unit in component.units if unit.capped)
        each = (transforms.component(one, lines)[0] for one in alone)
        return [float(grid.back(z) @ grid.places) for z in each]

    def beside(self, price: float) -> list[tuple[int, float, float]]:
        """Places on the lattice beside a price: what each adds to the value, and to the slope."""
        if not self.token:
            return [(0, 1.0, 0.0)]
        price = max(price, 1e-6)
        x = math.log(price) / self.step
        k = math.floor(x)
        value, slope = _lagrange(x - k)
        pairs = zip(_BESIDE, value, slope, strict=True)
        return [(k + i, v, s / (self.step * price)) for i, v, s in pairs]

    def at(self, price: float) -> tuple[Transform, Transform]:
        """Transforms by case at a price against today's, and their derivatives by it."""
        near = [(self.node(k), v, s) for k, v, s in self.beside(price)]
        value: Transform = sum(v * z for z, v, _ in near)  # type: ignore[assignment]
        slope: Transform = sum(s * z for z, _, s in near)  # type: ignore[assignment]
        return value, slope

    def weighed(self, k: int, by: Mapping[int, Transform]) -> dict[str, float]:
        """For each line the weighted sum of E[line; group = s] at a price of the lattice.

        Parameters
        ----------
        k : int
            As `beside` gives it.
        by : mapping of case to array, shape (frequencies,)
            As in `perilscope.engines.aggregate.allocation.weighed_sizes`.
        """
        if len(self.keys) == 1:  # the group is the line
            return {self.keys[0]: self._alone(k, by)}
        transforms, cases = self._fresh(), self._at_node(k)
        found = dict.fromkeys(self.keys, 0.0)
        for case, mine in by.items():
            component, lines = cases[case]
            loose = _loose(component)
            if loose:
                known = self.node(k)[case]
                sums = allocation.weighed_sizes(transforms, loose, lines, mine, known)
            else:
                sizes = transforms.component(component, lines, shares=True)[1]
                sums = {key: weighed(mine, size) for key, size in sizes.items()}
            for key, x in sums.items():
                found[key] += x
        return found

    def _alone(self, k: int, by: Mapping[int, Transform]) -> float:
        grid, node = self._transforms.grid, self.node(k)
        sizes = (grid.forward(grid.back(node[case]) * grid.places) for case in by)
        pairs = zip(by.values(), sizes, strict=True)
        return math.fsum(weighed(mine, size) for mine, size in pairs)

    def off(self, price: float) -> Array:
        """By how much the mean on the grid is off the price times today's, by case, in money.

        A cap seldom lies on a point of the grid, and at another price it lies elsewhere between
        two; without caps nothing is off.
        """
        found = np.zeros(len(self.group.cases))
        if self.token and any(unit.capped for unit in self.group.component.units):
            for k, value, _ in self.beside(price):
                found += value * self._off(k)
        return found

    def _off(self, k: int) -> Array:
        price, found = math.exp(k * self.step), np.zeros(len(self.group.cases))
        caps = [unit.cap for unit in self.group.component.units if unit.capped]
        for place, cap in enumerate(caps):
            if cap * max(price, 1.0) <= self._transforms.grid.range:  # else no cap is seen there
                for node in (k, 0):
                    self.node(node)
                found += self._capped[k][:, place] - price * self._capped[0][:, place]
        return found


def _spaced(strands: list[Strand]) -> tuple[Strand, ...]:
    """Strands at prices as close as they want them, all at the same; as close as is affordable."""
    for step in _STEPS[1:]:
        if all(each.fits for each in strands):
            break
        if not all(each.affordable(step) for each in strands if each.token):
            break
        strands = [each.closer(step) if each.token else each for each in strands]
    return tuple(strands)


def _loose(component: Component) -> tuple[Component, ...]:
    """Units as components of their own, where nothing ties them; else none."""
    if component.driven or component.shared:
        return ()
    return tuple(replace(component, units=(unit,)) for unit in component.units)


def _summed(component: Component, lines: Lines, transforms: Transforms) -> Transform:
    loose = _loose(component)
    return transforms.sum(loose, lines) if loose else transforms.component(component, lines)[0]


class Priced:
    """Transforms of one part's losses at any prices of the tokens they are counted in.

    Parameters
    ----------
    part : Part
        Some of whose lines are counted in tokens.
    lines : mapping of Compound
        At today's prices.
    transforms : Transforms
        On the grid.
    """

    def __init__(self, part: Part, lines: Lines, transforms: Transforms) -> None:
        self.part = part
        self._split = grouped(part, lines, transforms.effort)
        self.strands = _spaced([Strand(group, lines, transforms) for group in self._split.groups])
        self._last: tuple[list[float], list[tuple[Transform, Transform]]] | None = None
        self._known: dict[int, Transform] = {}

    @property
    def stairs(self) -> float:
        """How far losses may stand from where they are, of their size: fixed sums in stairs."""
        return max((0.5 * each.step for each in self.strands if not each.fits), default=0.0)

    def with_(self, lines: Lines) -> Priced:
        """The same with other lines; groups whose lines are as they were know what they knew."""
        other = copy.copy(self)
        other.strands = tuple(strand.with_(lines) for strand in self.strands)
        other._last, other._known = None, {}
        return other

    @cached_property
    def rows(self) -> tuple[tuple[Row, ...], ...]:
        """The rows of each pattern."""
        by = groupby(self._split.rows, key=lambda row: row.pattern)
        return tuple(tuple(rows) for _, rows in by)

    def each(self, prices: Prices) -> list[tuple[Transform, Transform]]:
        """Value and slope of each group, by case; those of the last prices are kept."""
        mine = [prices.get(strand.token, 1.0) for strand in self.strands]
        known = self._last  # another thread may put another one there
        if known is None or known[0] != mine:
            pairs = zip(self.strands, mine, strict=True)
            known = self._last = mine, [strand.at(price) for strand, price in pairs]
        return known[1]

    @cached_property
    def alone(self) -> Strand | None:
        """A group of the one token that there is; None where there are several."""
        priced = [strand for strand in self.strands if strand.token]
        return priced[0] if len({strand.token for strand in priced}) == 1 else None

    def at(self, prices: Prices) -> tuple[Transform, Slopes]:
        """Transforms by pattern at prices against today's, and derivatives by each of them."""
        if self.alone is None:
            return self._several(prices)
        token = self.alone.token
        near = [(self.node(k), v, s) for k, v, s in self.alone.beside(prices[token])]
        value: Transform = sum(v * z for z, v, _ in near)  # type: ignore[assignment]
        slope: Transform = sum(s * z for z, _, s in near)  # type: ignore[assignment]
        return value, {token: slope}

    def node(self, k: int) -> Transform:
        """Transforms by pattern at a price of the lattice of the one token."""
        if k not in self._known:
            self._known[k] = self._mixed(self.at_node(k))
        return self._known[k]

    def at_node(self, k: int) -> list[Transform]:
        """Of each group its transforms by case, at a price of that lattice."""
        return [strand.node(k if strand.token else 0) for strand in self.strands]

    def _mixed(self, each: Sequence[Transform]) -> Transform:
        """By pattern the sum over its rows of products of groups."""
        found = np.zeros((len(self.rows), each[0].shape[1]), dtype=np.complex128)
        for j, rows in enumerate(self.rows):
            for row in rows:
                pairs = zip(each, row.cases, strict=True)
                found[j] += _times(row.weight, [own[case] for own, case in pairs])
        return found

    def _several(self, prices: Prices) -> tuple[Transform, Slopes]:
        each = self.each(prices)
        values = [value for value, _ in each]
        slopes: dict[str, Transform] = {}
        for i, strand in enumerate(self.strands):
            if strand.token:
                one = self._mixed([*values[:i], each[i][1], *values[i + 1 :]])
                known = slopes.get(strand.token)
                slopes[strand.token] = one if known is None else known + one
        return self._mixed(values), slopes

    def off(self, prices: Prices) -> Array:
        """By how much the mean on the grid is off the prices times today's, by pattern."""
        each = [strand.off(prices.get(strand.token, 1.0)) for strand in self.strands]
        pairs = [[(row.weight, row.cases) for row in rows] for rows in self.rows]
        return np.array(
            [
                math.fsum(w * x[c] for w, cases in rows for x, c in zip(each, cases, strict=True))
                for rows in pairs
            ]
        )


def _put(found: Places, at: tuple[int, int], term: Transform) -> None:
    found[at] = found[at] + term if at in found else term


def _times(weight: float, factors: Sequence[Transform]) -> Transform:
    return np.asarray(functools.reduce(np.multiply, factors, np.full(1, weight, np.complex128)))


class Beside:
    """What everything else is to each group of a part, gathered over cells of prices.

    Parameters
    ----------
    priced : Priced
    times : callable
        Puts a factor to what everything else is: a product, or `against` for weights.
    wanted : sequence of int, optional
        Places of the groups that are asked for; all by default.
    """

    def __init__(
        self,
        priced: Priced,
        times: Callable[[Transform, Transform], Transform] = against,
        wanted: Sequence[int] | None = None,
    ) -> None:
        self._priced, self._times = priced, times
        self._wanted = range(len(priced.strands)) if wanted is None else wanted
        self._found: list[Places] = [{} for _ in priced.strands]
        self._nodes: Places = {}

    @property
    def tokens(self) -> tuple[str, ...]:
        """What the part is counted in."""
        return self._priced.part.tokens

    def add(
        self,
        prices: Prices,
        flat: Mapping[int, Transform],
        bent: Mapping[str, Mapping[int, Transform]],
    ) -> None:
        """Add one cell.

        Parameters
        ----------
        prices : mapping of token to float
            Of the cell.
        flat : mapping of pattern to array
            What everything else is to the part's transform.
        bent : mapping of token to mapping of pattern to array
            And to its derivatives.
        """
        if self._priced.alone is not None:
            self._add_nodes(prices, flat, bent)
            return
        strands, known = self._priced.strands, self._priced.each(prices)
        for place in self._wanted:
            sums: dict[int, list[Transform]] = {}
            for j, here in flat.items():
                for row in self._priced.rows[j]:
                    own = [(v[c], s[c]) for (v, s), c in zip(known, row.cases, strict=True)]
                    tilts = {token: each[j] for token, each in bent.items()}
                    mine = self._row(place, row.weight, own, here, tilts)
                    kept = sums.get(row.cases[place])
                    sums[row.cases[place]] = (
                        mine if kept is None else [a + b for a, b in zip(kept, mine, strict=True)]
                    )
            strand, found = strands[place], self._found[place]
            for k, value, slope in strand.beside(prices.get(strand.token, 1.0)):
                for case, (plain, *tilted) in sums.items():
                    term = value * plain + slope * tilted[0] if tilted else value * plain
                    _put(found, (k, case), term)

    def _add_nodes(
        self,
        prices: Prices,
        flat: Mapping[int, Transform],
        bent: Mapping[str, Mapping[int, Transform]],
    ) -> None:
        """Where one token has a price, by place on its lattice and by pattern."""
        strand = self._priced.alone
        assert strand is not None
        for k, value, slope in strand.beside(prices[strand.token]):
            for j, here in flat.items():
                _put(self._nodes, (k, j), value * here + slope * bent[strand.token][j])

    @property
    def places(self) -> list[Places]:
        """What everything else is to each group, by place on its lattice and by case."""
        strands = self._priced.strands
        for (k, j), here in self._nodes.items():
            each = self._priced.at_node(k)
            for row in self._priced.rows[j]:
                own = [values[case] for values, case in zip(each, row.cases, strict=True)]
                for place in self._wanted:
                    rest = _times(row.weight, [*own[:place], *own[place + 1 :]])
                    at = k if strands[place].token else 0, row.cases[place]
                    _put(self._found[place], at, self._times(here, rest))
        self._nodes = {}
        return self._found

    def _row(
        self,
        place: int,
        weight: float,
        own: Sequence[tuple[Transform, Transform]],
        flat: Transform,
        bent: Slopes,
    ) -> list[Transform]:
        """What everything else is to one group's transform, and to its slope where it has one."""
        strands = self._priced.strands
        others = [i for i in range(len(own)) if i != place]
        rest = _times(weight, [own[i][0] for i in others])
        plain = self._times(flat, rest)
        for i in others:
            if strands[i].token:
                turned = [own[k][1] if k == i else own[k][0] for k in others]
                plain = plain + self._times(bent[strands[i].token], _times(weight, turned))
        token = strands[place].token
        return [plain, self._times(bent[token], rest)] if token else [plain]

    def lines(self) -> dict[str, float]:
        """For each line the weighted sum of E[line; everything = s]."""
        found: dict[str, float] = {}
        for strand, places in zip(self._priced.strands, self.places, strict=True):
            found |= dict.fromkeys(strand.keys, 0.0)
            for k in sorted({k for k, _ in places}):
                by = {case: z for (i, case), z in places.items() if i == k}
                for key, x in strand.weighed(k, by).items():
                    found[key] += x
        return found


def _lagrange(t: float) -> tuple[list[float], list[float]]:
    """Weights of the points beside for the value at t, and for the slope.

    Examples
    --------
    >>> value, slope = _lagrange(0.25)
    >>> places = (-2, -1, 0, 1, 2, 3)
    >>> round(sum(w * x**3 for w, x in zip(value, places)), 12) == 0.25**3
    True
    >>> round(sum(w * x**3 for w, x in zip(slope, places)), 12) == 3 * 0.25**2
    True
    """
    powers = t**_POWERS
    falling = np.concatenate([[0.0], _POWERS[1:] * powers[:-1]])
    value, slope = (_FROM_POWERS @ np.stack([powers, falling], axis=1)).T.tolist()
    return value, slope
