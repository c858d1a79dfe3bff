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

import hashlib
import heapq
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.compound import Compound
from perilscope.engines.distributions import Constant, Scaled
from perilscope.engines.grid import Transform
from perilscope.engines.joint.parts import Part
from perilscope.engines.joint.window import Window
from perilscope.engines.kept import Kept
from perilscope.engines.register import Register
from perilscope.engines.transforms import Transforms
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]

_STEP = 0.1
"""Distance between the prices at which losses are transformed, in log price."""
_BESIDE = (-2, -1, 0, 1, 2, 3)
_WIDE = 400
"""Most such prices that one token may need."""
MOST_COMBINATIONS = 64
"""Patterns of all parts that are counted in tokens together."""
_CELLS: Kept[npt.NDArray[np.int64]] = Kept(2**28, lambda labels: labels.nbytes)
"""Cells by the hash of the prices they were made from."""


class Priced:
    """Transforms of one part's losses at any price, by those at a lattice of prices.

    Parameters
    ----------
    part : Part
        Whose lines and holdings are counted in one token.
    lines : mapping of Compound
        At today's price.
    transforms : Transforms
        On the grid.

    Notes
    -----
    Interpolation of fifth order in log price through six lattice points, and its slope.
    """

    def __init__(self, part: Part, lines: Mapping[str, Compound], transforms: Transforms) -> None:
        self.part, self._lines, self._transforms = part, lines, transforms
        self._known: dict[int, Transform] = {}
        self._offs: dict[int, Array] = {}

    def _node(self, k: int) -> Transform:
        found = self._known.get(k)
        if found is None:
            if len(self._known) >= _WIDE:
                raise AssessmentError(
                    f"{', '.join(self.part.keys)}: the price of {self.part.token} ranges too widely"
                )
            found = self._known[k] = self._made(math.exp(k * _STEP))
        return found

    def _made(self, price: float) -> Transform:
        made = at_price(self.part, price).transforms(
            self._transforms, at_lines(self.part, self._lines, price)
        )
        return np.asarray(made)

    def at(self, price: float) -> tuple[Transform, Transform]:
        """Transforms by pattern at a price against today's, and their derivatives by it."""
        price = max(price, 1e-6)
        x = math.log(price) / _STEP
        k = math.floor(x)
        value, slope = _lagrange(x - k)
        nodes = [self._node(k + i) for i in _BESIDE]
        at: Transform = sum(w * z for w, z in zip(value, nodes, strict=True))  # type: ignore[assignment]
        rise: Transform = sum(w * z for w, z in zip(slope, nodes, strict=True))  # type: ignore[assignment]
        return at, rise / (_STEP * price)

    def off(self, price: float) -> Array:
        """By how much the mean on the grid is off the price times today's, by pattern, in money.

        A cap seldom lies on a point of the grid, and at another price it lies elsewhere between
        two; without caps nothing is off.
        """
        x = math.log(max(price, 1e-6)) / _STEP
        k = math.floor(x)
        found = np.zeros(len(self.part.patterns))
        for w, i in zip(_lagrange(x - k)[0], _BESIDE, strict=True):
            found += w * self._off(k + i)
        return found

    def _off(self, k: int) -> Array:
        if k not in self._offs:
            price = math.exp(k * _STEP)
            self._offs[k] = self._capped(price) - price * self._capped(1.0)
        return self._offs[k]

    def _capped(self, price: float) -> Array:
        """Mean on the grid of what is capped there at a price and today, by pattern."""
        component, grid = self.part.component, self._transforms.grid
        high = grid.range / max(price, 1.0)
        units = () if component is None else tuple(u for u in component.units if u.cap <= high)
        if component is None or not units:
            return np.zeros(len(self.part.patterns))
        part = at_price(replace(self.part, component=replace(component, units=units)), price)
        found = part.transforms(self._transforms, at_lines(part, self._lines, price))
        return np.array([float(grid.back(z) @ grid.places) for z in np.asarray(found)])


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
    value, slope = [], []
    for i in _BESIDE:
        rest = [j for j in _BESIDE if j != i]
        below = math.prod(i - j for j in rest)
        value.append(math.prod(t - j for j in rest) / below)
        terms = (math.prod(t - j for j in rest if j != left) for left in rest)
        slope.append(math.fsum(terms) / below)
    return value, slope


def dearer(line: Compound, price: float) -> Compound:
    """A line all of whose losses cost ``price`` times as much."""
    if price == 1.0:
        return line
    scale = line.scale
    if isinstance(scale, Constant):
        return replace(line, scale=Constant(scale.value * price))
    return replace(line, scale=Scaled(scale, price))


def at_prices(register: Register, prices: Mapping[str, float]) -> Register:
    """A register with some of its lines, and the holdings these belong to, at other prices.

    Parameters
    ----------
    register : Register
    prices : mapping of line to float
        Against today's.
    """
    lines = [dearer(line, prices.get(key, 1.0)) for key, line in register.lines.items()]
    groups = {line.group: prices[line.key] for line in lines if line.group and line.key in prices}
    caps = {name: cap * groups.get(name, 1.0) for name, cap in register.caps.items()}
    return Register(lines, mixtures=register.mixtures, caps=caps)


def at_lines(part: Part, lines: Mapping[str, Compound], price: float) -> dict[str, Compound]:
    """The lines of a part when a token costs ``price`` times what it does today."""
    return {key: dearer(lines[key], price) for key in part.keys}


def at_price(part: Part, price: float) -> Part:
    """The part when a token costs ``price`` times what it does today: holdings grow alike."""
    if part.component is None:
        return part
    units = tuple(replace(unit, cap=unit.cap * price) for unit in part.component.units)
    return replace(part, component=replace(part.component, units=units))


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
        spreads = [matter.get(t, 0.0) * float(prices[t][members].std()) for t in tokens]
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


@dataclass(frozen=True)
class Coupled:
    """The market with the losses counted in tokens, under one state of prices.

    Parameters
    ----------
    combinations : tuple
        Patterns of the parts counted in tokens.
    linear, plain : array, shape (combinations, frequencies)
        With the linear term, and without.
    prices : array, shape (parts,)
        Mean price of each part's token.
    offs : tuple of array, shape (patterns,)
        Of each part, by how much its mean on the grid is off that price times today's mean.
    """

    combinations: tuple[tuple[int, ...], ...]
    linear: Transform
    plain: Transform
    prices: Array
    offs: tuple[Array, ...]


def coupled(
    window: Window,
    losses: Array,
    weights: Array,
    prices: Mapping[str, Array],
    parts: Sequence[Priced],
    matter: Mapping[str, float],
    count: int,
) -> Coupled:
    """The law of the market and of losses counted in tokens, under one state of prices.

    Parameters
    ----------
    window : Window
    losses, weights : array, shape (n,)
        What the portfolio loses in each scenario, and its probability.
    prices : mapping of token to array, shape (n,)
    parts : sequence of Priced
    matter : mapping
        As in :func:`labelled`.
    count : int
        Cells.

    Raises
    ------
    AssessmentError
        Too many combinations of patterns.
    """
    many = [len(each.part.patterns) for each in parts]
    combinations = tuple(itertools.product(*(range(n) for n in many)))
    if len(combinations) > MOST_COMBINATIONS:
        raise AssessmentError("too many networks drive losses that are counted in tokens")
    tokens = sorted({each.part.token for each in parts})
    priced = {token: prices[token] for token in tokens}
    labels = labelled(priced, matter, count)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))
    plain = np.zeros((len(combinations), window.grid.points // 2 + 1), dtype=np.complex128)
    aside = np.zeros_like(plain)
    offs = [np.zeros(n) for n in many]
    for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
        members = order[start:end]
        mass = weights[members]
        whole = float(mass.sum())
        if whole <= 0.0:
            continue
        here = {t: float(mass @ priced[t][members]) / whole for t in tokens}
        law = window.transform(losses[members], mass)
        spread = {
            t: window.transform(losses[members], mass * (priced[t][members] - here[t]))
            for t in tokens
        }
        at = [each.at(here[each.part.token]) for each in parts]
        for off, each in zip(offs, parts, strict=True):
            off += whole * each.off(here[each.part.token])
        for row, combination in enumerate(combinations):
            plain[row] += law * _product(at, combination)
            for place, each in enumerate(parts):
                aside[row] += spread[each.part.token] * _product(at, combination, place)
    mean = np.array([float(weights @ priced[each.part.token]) for each in parts])
    return Coupled(combinations, plain + aside, plain, mean, tuple(offs))


def _product(at: Sequence[Any], combination: Sequence[int], slope: int = -1) -> Transform:
    """Product of the parts' transforms in their patterns; of one of them the derivative."""
    found = None
    for place, pattern in enumerate(combination):
        one = at[place][1 if place == slope else 0][pattern]
        found = one if found is None else found * one
    if found is None:
        raise AssessmentError("no part is counted in tokens")
    return np.asarray(found)
