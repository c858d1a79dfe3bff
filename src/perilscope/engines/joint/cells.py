# SPDX-License-Identifier: Apache-2.0
"""Losses counted in tokens, at the price of the same scenario that moves the market.

Given a scenario the law of such losses is exact; only there are too many scenarios. They are
gathered into cells that are narrow in *price*; the full law of gains and losses is kept in each.
Losses are priced at the cell's mean price, and to first order at the scenario's own:

    sum over cells of  H_c(w) F(p_c, w) + sum over tokens of D_ct(w) dF/dp_t(p_c, w),

H_c the transform of the cell's scenarios, D_ct the same weighted by p_t - p_ct, F the transform of
the losses. Without the second term tails come out too heavy, with it slightly too light, so what
the two differ by tells the error (measured; not a bound).
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Transform
from perilscope.engines.joint.parts import Rungs
from perilscope.engines.joint.prices import Priced, Slopes
from perilscope.engines.joint.window import Window
from perilscope.engines.kept import Kept

Array = npt.NDArray[np.float64]

_CELLS: Kept[npt.NDArray[np.int64]] = Kept(2**28, lambda labels: labels.nbytes)
"""Cells by the hash of the prices they were made from."""

_ALIKE = 1e-12
"""Prices that differ by less, relative, are the same."""


def labelled(
    prices: Mapping[str, Array], matter: Mapping[str, float], count: int
) -> npt.NDArray[np.int64]:
    """Cells of scenarios that are narrow in price: the cell whose split gains most comes first.

    Parameters
    ----------
    prices : mapping of token to array, shape (n,)
        Prices against today's.
    matter : mapping of token to float
        What is expected to be lost in it: a spread of a price counts so much.
    count : int
        How many cells.

    Returns
    -------
    array of int, shape (n,)
        The cell of each scenario.

    Examples
    --------
    >>> labelled({"ETH": np.array([0.5, 0.6, 2.0, 2.1])}, {"ETH": 1.0}, 2).tolist()
    [0, 0, 1, 1]
    """
    tokens = sorted(prices)
    digest = hashlib.sha256(f"{count} {sorted(matter.items())}".encode())
    for token in tokens:
        digest.update(token.encode() + prices[token].tobytes())
    return _CELLS.get(digest.hexdigest(), lambda: _split(prices, tokens, matter, count))


def _split(
    prices: Mapping[str, Array], tokens: Sequence[str], matter: Mapping[str, float], count: int
) -> npt.NDArray[np.int64]:
    size = len(prices[tokens[0]])
    labels = np.zeros(size, dtype=np.int64)

    def gain(members: npt.NDArray[np.int64]) -> tuple[float, str]:
        spreads = [matter.get(t, 0.0) * _spread(prices[t][members]) for t in tokens]
        best = int(np.argmax(spreads))
        return -len(members) * spreads[best] ** 2, tokens[best]

    whole = np.arange(size)
    heap = [(*gain(whole), 0)]
    held = {0: whole}
    for fresh in range(1, min(count, size)):
        score, token, cell = heapq.heappop(heap)
        if score >= 0.0:
            break
        members = held[cell]
        column = prices[token][members]
        high = column > column.mean()
        held[cell], held[fresh] = members[~high], members[high]
        labels[held[fresh]] = fresh
        for each in (cell, fresh):
            heapq.heappush(heap, (*gain(held[each]), each))
    return labels


def _spread(prices: Array) -> float:
    """Their standard deviation; none of prices that are the same but for rounding."""
    apart = float(np.ptp(prices)) > _ALIKE * float(np.abs(prices).max())
    return float(prices.std()) if apart else 0.0


@dataclass(frozen=True)
class Cell:
    """Scenarios that are close in price.

    Parameters
    ----------
    members : array of int
        Which scenarios.
    mass : array
        Their probabilities.
    prices : mapping of token to float
        Their mean.
    aside : mapping of token to array
        By how much each scenario is off that.
    """

    members: npt.NDArray[np.int64]
    mass: Array
    prices: Mapping[str, float]
    aside: Mapping[str, Array]

    def only(self, some: slice) -> Cell:
        """Some of its scenarios, prices off the same mean."""
        aside = {token: off[some] for token, off in self.aside.items()}
        return Cell(self.members[some], self.mass[some], self.prices, aside)

    def transforms(
        self,
        window: Window,
        losses: Array,
        owners: npt.NDArray[np.int64] | None = None,
        count: int = 1,
    ) -> tuple[Transform, dict[str, Transform]]:
        """The market in this cell, and the same weighted by how far each price is off the mean.

        Parameters
        ----------
        window : Window
        losses : array, shape (n,)
            Of all scenarios.
        owners : array of int, shape (members,), optional
            To which of several markets each scenario of the cell belongs, which are then rows.
        count : int
            How many markets.
        """
        rows = np.stack([self.mass, *(self.mass * off for off in self.aside.values())])
        # as rows they take a third
        law, *aside = window.transform(losses[self.members], rows, owners, count)
        return law, dict(zip(self.aside, aside, strict=True))


def gathered(
    prices: Mapping[str, Array], weights: Array, matter: Mapping[str, float], count: int
) -> Iterator[Cell]:
    """Cells of scenarios, see :func:`labelled`; those that cannot happen are left out."""
    labels = labelled(prices, matter, count)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels)).tolist()
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        members = order[start:end]
        mass = weights[members]
        whole = float(mass.sum())
        if whole > 0.0:
            mean = {t: float(mass @ each[members]) / whole for t, each in prices.items()}
            aside = {t: each[members] - mean[t] for t, each in prices.items()}
            yield Cell(members, mass, mean, aside)


@dataclass(frozen=True)
class Coupled:
    """The market with the losses counted in tokens, under one state of prices.

    Parameters
    ----------
    linear, plain : array, shape (combinations, frequencies)
        With the linear term, and without; by combination of patterns of the parts that are
        counted in tokens, the last part's pattern changing fastest.
    prices : mapping of token to float
        Mean prices.
    offs : tuple of array, shape (patterns,)
        Of each part, by how much its mean on the grid is off these prices times today's means.
    """

    linear: Transform
    plain: Transform
    prices: Mapping[str, float]
    offs: tuple[Array, ...]

    def read(self, plain: bool) -> Transform:
        """Without the linear term, or with it."""
        return self.plain if plain else self.linear


def coupled(
    window: Window,
    losses: Mapping[Rungs, Array],
    weights: Array,
    prices: Mapping[str, Array],
    parts: Sequence[Priced],
    matter: Mapping[str, float],
    count: int,
) -> dict[Rungs, Coupled]:
    """The law of the market and of losses counted in tokens, in states with the same prices.

    Parameters
    ----------
    window : Window
    losses : mapping of state of prices to array, shape (n,)
        What the portfolio loses in each scenario.
    weights : array, shape (n,)
        Probabilities of the scenarios.
    prices : mapping of token to array, shape (n,)
        Of the tokens that losses are counted in.
    parts : sequence of Priced
    matter : mapping
        As in :func:`labelled`.
    count : int
        Cells.
    """
    many = [len(each.part.patterns) for each in parts]
    combinations = list(itertools.product(*(range(n) for n in many)))
    shape = len(combinations), window.grid.points // 2 + 1
    plain = {rungs: np.zeros(shape, dtype=np.complex128) for rungs in losses}
    linear = {rungs: np.zeros(shape, dtype=np.complex128) for rungs in losses}
    offs = tuple(np.zeros(n) for n in many)
    for cell in gathered(prices, weights, matter, count):
        at = [each.at(cell.prices) for each in parts]
        whole = float(cell.mass.sum())
        for off, each in zip(offs, parts, strict=True):
            off += whole * each.off(cell.prices)
        rows = [
            products([(v[j], _of(s, j)) for (v, s), j in zip(at, row, strict=True)])
            for row in combinations
        ]
        for rungs, own in losses.items():
            law, aside = cell.transforms(window, own)
            for row, (value, slopes) in enumerate(rows):
                term = law * value
                plain[rungs][row] += term
                for token, slope in slopes.items():
                    term += aside[token] * slope
                linear[rungs][row] += term
    mean = {token: float(weights @ each) for token, each in prices.items()}
    return {rungs: Coupled(linear[rungs], plain[rungs], mean, offs) for rungs in losses}


Mixed = Sequence[tuple[Transform, Slopes]]
"""Of each part that is counted in tokens its transform at some prices, and its derivatives."""


def mixed(tables: Sequence[Array], at: Mixed) -> list[tuple[Transform, dict[str, Transform]]]:
    """Each part mixed over its patterns."""
    return [
        (own @ value, {token: own @ slope for token, slope in slopes.items()})
        for own, (value, slopes) in zip(tables, at, strict=True)
    ]


def _of(slopes: Slopes, pattern: int) -> Slopes:
    return {token: each[pattern] for token, each in slopes.items()}


def products(at: Mixed) -> tuple[Transform, dict[str, Transform]]:
    """Product of the parts' transforms, and its derivatives by the price of each token; of no part
    the product is 1.
    """
    slopes: dict[str, Transform] = {}
    for place, (_, own) in enumerate(at):
        others = [value for i, (value, _) in enumerate(at) if i != place]
        for token, slope in own.items():
            one = _multiplied([*others, slope])
            slopes[token] = slopes[token] + one if token in slopes else one
    return _multiplied([value for value, _ in at]), slopes


def beside(
    at: Mixed, place: int, market: tuple[Transform, Mapping[str, Transform]]
) -> tuple[Transform, dict[str, Transform]]:
    """What one part's own transform is multiplied by in a cell, and its derivatives by the prices.

    Parameters
    ----------
    at : sequence of (transform, derivatives)
        Of each part, mixed over its patterns.
    place : int
        Which part.
    market : (transform, mapping of transform)
        As :meth:`Cell.transforms` gives it.
    """
    law, aside = market
    value, slopes = products([x for i, x in enumerate(at) if i != place])
    flat = law * value
    for token, slope in slopes.items():
        flat += aside[token] * slope
    return flat, {token: aside[token] * value for token in at[place][1]}


def _multiplied(factors: Sequence[Transform]) -> Transform:
    return np.asarray(functools.reduce(np.multiply, factors, np.ones(1, dtype=np.complex128)))
