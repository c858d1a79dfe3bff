# SPDX-License-Identifier: Apache-2.0
"""Losses counted in tokens, at any price of these: lines, holdings, and their transforms."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.grids.grid import Transform, against
from perilscope.engines.joint.groups import Row, grouped
from perilscope.engines.joint.parts import Part
from perilscope.engines.joint.strand import Strand, spaced
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]
Lines = Mapping[str, Compound]
Prices = Mapping[str, float]
Slopes = Mapping[str, Transform]
"""Derivatives by the price of each token."""
Places = dict[tuple[int, int], Transform]
"""Of one group: something by place on its lattice of prices, and by case."""


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
        self.groups = tuple(Strand(group, lines, transforms) for group in self._split.groups)
        self._last: tuple[list[float], list[tuple[Transform, Transform]]] | None = None
        self._known: dict[int, Transform] = {}

    @cached_property
    def strands(self) -> tuple[Strand, ...]:
        """The groups at prices as close as they want them."""
        return spaced(list(self.groups))

    @property
    def fits(self) -> bool:
        """Whether losses between two prices are what they are there."""
        return all(each.fits for each in self.strands)

    @property
    def stairs(self) -> float:
        """How far losses may stand from where they are, of their size: fixed sums in stairs."""
        return max((0.5 * each.step for each in self.strands if not each.fits), default=0.0)

    def with_(self, lines: Lines) -> Priced:
        """The same with other lines; groups whose lines are as they were know what they knew."""
        other = copy.copy(self)
        other.groups = tuple(group.with_(lines) for group in self.groups)
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
