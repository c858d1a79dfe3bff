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

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.joint.cloud import Cloud, cloud
from perilscope.engines.joint.groups import Row as Weighed
from perilscope.engines.joint.prices import Priced
from perilscope.engines.joint.strand import Strand
from perilscope.engines.joint.window import Window
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

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
_HARDLY, _SPARE = 1e-9, 1.1
"""What may lie beyond the grid of losses in tokens, and by how much it is longer."""
_LOOKED, _FINEST = 3, 6
"""How often the grid is halved to look how far these reach, and doubled at most."""


Key = tuple[tuple[int, int, int], ...]
"""Part, group and case of some groups."""


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
            yield cloud(
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
