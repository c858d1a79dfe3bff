# SPDX-License-Identifier: Apache-2.0
"""Losses counted in tokens, put on the window scenario by scenario.

Given a scenario i the total is what the portfolio loses in it and, for each token t, p_ti U_t: what
is lost in the token at today's price, times what it costs against today. The law of the U is the
same in every scenario. It is brought to a *cloud* of points, once; each scenario then puts the
cloud, stretched by its own prices and moved by its own gain or loss, onto the window, where every
point is split between its neighbours with the mean kept. Nothing is interpolated between prices
and no scenarios are gathered, so fixed sums and emptied wallets stand where they are.

Points stand for what lies about them: a cell's mass stands at its mean. In one token cells are so
narrow that this tells nothing; where losses in several tokens meet, a cloud has cells in as many
dimensions. A second set of clouds, with half as many cells in each dimension from a law on half
the grid, tells what is left of that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter1d

from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.joint.groups import Row as Weighed
from perilscope.engines.joint.prices import Priced
from perilscope.engines.joint.strand import Strand
from perilscope.engines.joint.window import Window
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_WORK = 2**24
"""Points that all scenarios together put on the window, of one cloud."""
_LEAST, _MOST, _ONE = 2**9, 2**12, 2**10
"""Points of a cloud at least and at most, and at most of one in one token."""
_SEVERAL, _THREE = 8.0, 4.0
"""What d tokens meet with probability p in has 8 to the d - 1, times sqrt(p), of the points: all of
them at most, more than two tokens four times as many.
"""
_FEW_TOKENS, _RARE = 3, 1e-3
"""So many tokens at once are resolved; more may lose at once with such a probability."""
_MANY_TOKENS = 8
_ROWS, _ROOM = 2**12, 2**28
"""Rows, and bytes of laws, that are gathered into clouds at most."""
_NOTHING = 1e-13
_TAIL = 1e-11
_ROUNDING = 1e-12
"""Share of a law at a point that may be rounding of its transform: no cell is made for it."""
_HARDLY, _SPARE = 1e-9, 1.1
"""What may lie beyond the grid of losses in tokens, and by how much it is longer."""
_LOOKED, _FINEST = 3, 6
"""How often the grid is halved to look how far these reach, and doubled at most."""
_ATOM, _LEAST_ATOM, _AROUND = 50.0, 1e-10, 4
"""What an atom has of the least mass within so many points, and at least."""


Key = tuple[tuple[int, int, int], ...]
"""Part, group and case of some groups."""


@dataclass(frozen=True)
class Cloud:
    """What is lost in some tokens, as points.

    Parameters
    ----------
    tokens : tuple of str
        In which something is lost; in the others nothing is.
    places : array, shape (tokens, points)
        Losses in money at today's prices.
    mass : array, shape (points,)
        Their probabilities.
    weights : array, shape (rows,)
        Of the rows that the cloud is a mixture of, nothing being lost in the other tokens.
    factors : tuple of Factor
        For each token what lies in its cells.
    """

    tokens: tuple[str, ...]
    places: Array
    mass: Array
    weights: Array
    factors: tuple[Factor, ...] = ()

    def by_row(self, place: int, values: Array) -> Array:
        """Weighted sums of values at the points over all tokens but one.

        Parameters
        ----------
        place : int
            Of that token.
        values : array, shape (points,)

        Returns
        -------
        array, shape (rows, cells)
            What its cells add to the sum for each unit of their mass.
        """
        size = [each.mass.shape[1] for each in self.factors]
        spread = np.zeros(size)
        spread[self.kept] = values
        operands: list[Any] = [self.weights, [0], spread, list(range(1, len(size) + 1))]
        for s, factor in enumerate(self.factors):
            if s != place:
                operands += [factor.mass, [0, s + 1]]
        return np.asarray(np.einsum(*operands, [0, place + 1], optimize=True))

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Cells of all tokens that have a point."""
        return _outer(self.weights, [each.mass for each in self.factors]) > 0.0


@dataclass(frozen=True)
class Factor:
    """What is lost in one token, in cells.

    Parameters
    ----------
    cells : array of int
        The cell of each point of the grid from the second on.
    mass : array, shape (rows, cells)
    """

    cells: Indices
    mass: Array

    def on(self, grid: Grid, values: Array) -> Array:
        """Values of the cells at the points of the grid."""
        found = np.zeros(grid.points)
        found[1 : self.cells.size + 1] = values[self.cells]
        return found


@dataclass(frozen=True)
class Term:
    """Clouds that losses in money stand beside: these are independent given what both are told.

    Parameters
    ----------
    beside : array, shape (frequencies,)
        Transform of the losses in money.
    clouds : tuple of Cloud
    money : Key
        What the groups in money are told.
    rows : sequence of tuple of Key
        What the groups in each token are told, by row.
    """

    beside: Transform
    clouds: tuple[Cloud, ...]
    money: Key
    rows: Sequence[tuple[Key, ...]]


Row = tuple[float, tuple[Key, ...]]
"""Its weight, and what is lost in each token."""


class Clouds:
    """Losses of the parts that are counted in tokens, as clouds.

    Parameters
    ----------
    window : Window
    parts : sequence of Priced
    scenarios : int
        How many each cloud is put on the window for.
    most : int
        Points of a cloud at most.
    """

    def __init__(
        self, window: Window, parts: Sequence[Priced], scenarios: int, most: int = _MOST
    ) -> None:
        self._window, self._parts = window, parts
        self.tokens = tuple(sorted({t for each in parts for t in each.part.tokens}))
        self._points = min(max(_WORK // scenarios, _LEAST), most)
        self._known: dict[tuple[tuple[int, ...], bool], list[Term]] = {}
        self._fewer: dict[int, Clouds] = {}

    def fewer(self, most: int) -> Clouds:
        """The same with so many points at most."""
        if most not in self._fewer:
            other = self._fewer[most] = Clouds(self._window, self._parts, 1, most)
            other.grid, other.groups = self.grid, self.groups
        return self._fewer[most]

    @cached_property
    def grid(self) -> Grid:
        """That of losses in tokens: as fine as they let it be at today's prices, before caps."""
        grid = self._window.grid
        look = grid
        for _ in range(_LOOKED):
            look = look.coarse()
        reach = dict.fromkeys(self.tokens, look.step)
        for each in self._parts:
            for strand in (strand for strand in each.groups if strand.token):
                laws = (look.back(z) for z in strand.bare.on(look).node(0))
                reach[strand.token] += max(_top(law, look) for law in laws)
        finer = math.floor(math.log2(grid.range / (_SPARE * max(reach.values()))))
        step = grid.step / 2 ** min(max(finer, 0), _FINEST)
        return Grid(step, grid.points, grid.tilt)

    @cached_property
    def groups(self) -> list[list[Strand]]:
        """Of each part its groups, those in tokens on the grid of these."""
        return [
            [group.on(self.grid) if group.token else group for group in each.groups]
            for each in self._parts
        ]

    def offs(self, prices: Mapping[str, float]) -> tuple[Array, ...]:
        """By how much parts are off what they are on the window, at mean prices, by pattern: caps
        seldom lie on a point of it.
        """
        found = []
        for each, groups in zip(self._parts, self.groups, strict=True):
            apart = [
                prices.get(old.token, 0.0) * (new.capped - old.capped)
                for old, new in zip(each.groups, groups, strict=True)
            ]
            found.append(np.array([_mean(rows, apart) for rows in each.rows]))
        return tuple(found)

    @property
    def affordable(self) -> bool:
        """Whether rows are few enough, and losses in very many tokens at once rare enough."""
        rows = math.prod(max(map(len, each.rows)) for each in self._parts)
        laws = sum(len(s.group.cases) for each in self._parts for s in each.groups if s.token)
        if rows > _ROWS or 8 * laws * self._window.grid.points > _ROOM:
            return False
        return len(self.tokens) <= _FEW_TOKENS or (
            len(self.tokens) <= _MANY_TOKENS and self._crowded <= _RARE
        )

    @property
    def _crowded(self) -> float:
        """Largest probability, over the patterns, that more than a few tokens lose at once."""
        most = 0.0
        for patterns in self.combinations:
            sizes = (
                cloud.mass.sum()
                for term in self.terms(patterns, rough=True)
                for cloud in term.clouds
                if len(cloud.tokens) > _FEW_TOKENS
            )
            most = max(most, math.fsum(map(float, sizes)))
        return most

    @property
    def patterns(self) -> tuple[int, ...]:
        """How many each part has."""
        return tuple(len(each.part.patterns) for each in self._parts)

    @property
    def combinations(self) -> list[tuple[int, ...]]:
        """Patterns of the parts, the last part's changing fastest."""
        return list(itertools.product(*map(range, self.patterns)))

    def terms(self, patterns: tuple[int, ...], *, rough: bool) -> list[Term]:
        """The clouds of one combination of patterns, by what losses in money are told."""
        if (patterns, rough) not in self._known:
            self._known[patterns, rough] = list(self._made(patterns, rough))
        return self._known[patterns, rough]

    def _made(self, patterns: tuple[int, ...], rough: bool) -> Iterator[Term]:
        laws: dict[Key, Array] = {}
        grid = self.grid.coarse() if rough else self.grid

        def law(key: Key) -> Array:
            if key not in laws:
                mass = self.grid.back(self.product(key))
                laws[key] = self.grid.halved(mass) if rough else mass
            return laws[key]

        for money, rows in self._rows(patterns).items():
            weights = np.array([w for w, _ in rows])
            each = [[law(keys[t]) for _, keys in rows] for t in range(len(self.tokens))]
            clouds = self._clouds(grid, weights, each, 2 if rough else 1)
            told = [keys for _, keys in rows]
            yield Term(self.product(money), tuple(clouds), money, told)

    def _rows(self, patterns: tuple[int, ...]) -> dict[Key, list[Row]]:
        """By what the groups in money are told: weights, and what groups in tokens are told."""
        found: dict[Key, dict[tuple[Key, ...], float]] = {}
        pairs = zip(self._parts, patterns, strict=True)
        for rows in itertools.product(*(each.rows[j] for each, j in pairs)):
            told = [
                (self.groups[p][g].token, (p, g, case))
                for p, row in enumerate(rows)
                for g, case in enumerate(row.cases)
            ]
            by = {t: tuple(at for token, at in told if token == t) for t in ("", *self.tokens)}
            keys = tuple(by[t] for t in self.tokens)
            mine = found.setdefault(by[""], {})
            mine[keys] = mine.get(keys, 0.0) + math.prod(row.weight for row in rows)
        return {money: [(w, k) for k, w in mine.items()] for money, mine in found.items()}

    def product(self, key: Key) -> Transform:
        """Transform of the sum of some groups, at today's prices."""
        found = np.ones(self._window.grid.points // 2 + 1, dtype=np.complex128)
        for p, g, case in key:
            found *= self.groups[p][g].node(0)[case]
        return found

    def _clouds(
        self, grid: Grid, weights: Array, laws: Sequence[Sequence[Array]], fewer: int
    ) -> Iterator[Cloud]:
        """The mixture over rows of laws that are independent in each of them.

        Parameters
        ----------
        grid : Grid
        weights : array, shape (rows,)
        laws : sequence of sequence of array, shape (tokens, rows, points)
        fewer : int
            What cells in each dimension are divided by.
        """
        none = np.array([[own[0] for own in each] for each in laws])
        for hit in itertools.product((False, True), repeat=len(laws)):
            places = [t for t, own in enumerate(hit) if own]
            rest = weights * np.prod(np.where(np.array(hit)[:, None], 1.0, none), axis=0)
            chance = float(rest @ np.prod(1.0 - none[places], axis=0))
            if chance <= _NOTHING:
                continue
            tokens = tuple(self.tokens[t] for t in places)
            if not tokens:
                yield Cloud((), np.zeros((0, 1)), np.array([chance]), rest)
                continue
            yield _cloud(
                grid,
                tokens,
                rest,
                [laws[t] for t in places],
                self._wanted(len(tokens), chance),
                fewer,
            )

    def _wanted(self, tokens: int, chance: float) -> float:
        """Points of what so many tokens meet with some probability in."""
        if tokens == 1:
            return min(self._points / 2.0, _ONE)  # errors go by the square of the width of a cell
        times = min(_SEVERAL ** (tokens - 1) * math.sqrt(chance), _THREE if tokens > 2 else 1.0)
        return max(times * self._points, 4.0**tokens)


def _top(law: Array, grid: Grid) -> float:
    """Where hardly anything lies beyond."""
    beyond = np.cumsum(law[::-1])[::-1]
    return grid.step * (1.0 + float(np.max(np.flatnonzero(beyond > _HARDLY), initial=0)))


def _mean(rows: Sequence[Weighed], of: Sequence[Array]) -> float:
    """Mean over rows of what groups add up to in them."""
    pairs = ((row.weight, zip(of, row.cases, strict=True)) for row in rows)
    return math.fsum(
        weight * math.fsum(own[case] for own, case in cases) for weight, cases in pairs
    )


def _cloud(
    grid: Grid,
    tokens: tuple[str, ...],
    weights: Array,
    laws: Sequence[Sequence[Array]],
    points: float,
    fewer: int,
) -> Cloud:
    """Losses in all of some tokens, each law without what loses nothing; weights as they come."""
    factors, moments = [], []
    mixed = [sum(w * own for w, own in zip(weights, each, strict=True)) for each in laws]
    for each, law, count in zip(laws, mixed, _counts(mixed, points), strict=True):
        cells = _cells(law, math.ceil(count / fewer))
        factors.append(Factor(cells, np.stack([_in_cells(cells, own) for own in each])))
        moments.append(np.stack([_in_cells(cells, own, grid.places) for own in each]))
    masses = [each.mass for each in factors]
    mass = _outer(weights, masses)
    kept = mass > 0.0
    places = [
        _outer(weights, [moments[s] if s == t else masses[s] for s in range(len(laws))])[kept]
        for t in range(len(laws))
    ]
    return Cloud(tokens, np.stack(places) / mass[kept], mass[kept], weights, tuple(factors))


def _counts(laws: Sequence[Array], points: float) -> list[float]:
    """Cells of each law, so many of all together: what laws of a few sums leave is the others'.

    Examples
    --------
    One sum in one token, anything in the other:

    >>> _counts([np.array([0.5, 0.0, 0.5, 0.0]), np.full(100, 0.01)], 36.0)
    [1.0, 36.0]
    """

    def used(t: int, wanted: float) -> float:
        return min(wanted, float(_cells(laws[t], math.ceil(wanted))[-1]) + 1.0)

    def share(over: int) -> float:
        return float(max(points, 1.0) ** (1.0 / over))

    found = dict.fromkeys(range(len(laws)), 0.0)
    even = share(len(laws))
    for done, t in enumerate(sorted(found, key=lambda t: used(t, even))):
        found[t] = used(t, share(len(laws) - done))
        points /= found[t]
    return list(found.values())


def _outer(weights: Array, factors: Sequence[Array]) -> Array:
    """Sum over rows of weights times outer products, shape (cells, ...)."""
    operands: list[Any] = [weights, [0]]
    for place, factor in enumerate(factors):
        operands += [factor, [0, place + 1]]
    return np.asarray(np.einsum(*operands, [*range(1, len(factors) + 1)], optimize=True))


def _cells(mass: Array, count: int) -> Indices:
    """Cells of the points of a grid but the first, narrow where much lies and less so further out.

    The density of cells goes by the third root of the law's, which leaves least of the variance
    inside them (Panter and Dite 1951). Points that an atom was split between are one cell, which
    has its mean, so the atom is where it was. What lies beyond all but 1e-11 is in no cell.

    Examples
    --------
    Losses of 1.5 that happen once in four times, and of 8.5 as often, half of the time neither:

    >>> _cells(np.array([0.5, 0.125, 0.125, 0, 0, 0, 0, 0, 0.125, 0.125]), 8).tolist()
    [0, 0, 0, 0, 0, 0, 0, 1, 1]
    """
    known = np.maximum(mass[1:], 0.0)
    beyond = np.cumsum(known[::-1])[::-1]
    top = max(int(np.searchsorted(-beyond, -_TAIL * beyond[0])), 1)
    known = known[:top]
    known[known < _ROUNDING * beyond[0]] = 0.0
    if np.count_nonzero(known) <= count:
        first = np.diff(np.cumsum(known > 0.0), prepend=0) > 0
    else:
        wanted = np.cumsum(np.cbrt(known))
        cells = np.minimum((wanted * (count / wanted[-1])).astype(np.int64), count - 1)
        first = np.diff(cells, prepend=0) > 0
    for start, end in _atoms(known):
        first[start : end + 1] = False
        first[[start, *(end + np.flatnonzero(known[end:])[:1])]] = True
    first[: 1 + int(np.argmax(known > 0.0))] = False
    return np.cumsum(first).astype(np.int64)


def _atoms(mass: Array) -> Iterator[tuple[int, int]]:
    """Where a few points have very much more than what lies around them: start and end."""
    around = minimum_filter1d(mass, 2 * _AROUND + 1, mode="constant")
    high = np.concatenate([[False], mass > _ATOM * around + _LEAST_ATOM, [False]])
    ends = np.flatnonzero(np.diff(high))
    for start, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        if end - start <= _AROUND + 1:
            yield start, end


def _in_cells(cells: Indices, mass: Array, places: Array | None = None) -> Array:
    """What lies in each cell, or its first moment."""
    own = np.maximum(mass[1 : cells.size + 1], 0.0)
    if places is not None:
        own = own * places[1 : cells.size + 1]
    return np.bincount(cells, own, int(cells[-1]) + 1).astype(np.float64)
