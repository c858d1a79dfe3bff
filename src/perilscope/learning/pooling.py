# SPDX-License-Identifier: Apache-2.0
"""The laws of several experts as one: linear and logarithmic pools of pieces of even density.

Between two quantiles an expert says nothing more than how likely the stretch is, so the density
there is taken as even: on the scale of the question, plain or logarithmic, within a range a little
wider than all that was answered (Cooke 1991). Pools of such laws are such laws, so their quantiles,
means and densities are exact.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.laws.law import Floats
from perilscope.errors import MisuseError
from perilscope.evidence.judgements import Item, Scale

#: The range reaches beyond the outermost answers by this part of their distance.
OVERSHOOT = 0.1
#: Sums of masses are exact to about this; a level so near a knot is at the knot.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Pieces:
    """A law with even density between knots, on a plain or a logarithmic scale.

    Parameters
    ----------
    values : tuple of float, length K + 1
        The knots, rising.
    masses : tuple of float, length K
        Probability of each piece; they sum to one.
    scale : "uniform" or "log"
        Whether the density is even over the values or over their logarithms.

    Examples
    --------
    >>> law = Pieces((0.0, 10.0, 20.0), (0.25, 0.75), "uniform")
    >>> law.quantile(0.25), law.quantile(0.5), law.cdf(5.0), law.mean
    (10.0, 13.333333333333332, 0.125, 12.5)
    """

    values: tuple[float, ...]
    masses: tuple[float, ...]
    scale: Scale

    def quantile(self, level: float) -> float:
        """Smallest value below which lies the probability ``level``, 0 < level < 1."""
        below = 0.0
        for n, mass in enumerate(self.masses):
            upto = below + mass
            if abs(upto - level) <= _ROUNDING:
                return self.values[n + 1]
            if upto > level:
                return self._between(n, (level - below) / mass)
            below = upto
        return self.values[-1]

    def cdf(self, x: float) -> float:
        """P(X <= x)."""
        if x <= self.values[0]:
            return 0.0
        if x >= self.values[-1]:
            return 1.0
        n = bisect.bisect_right(self.values, x) - 1
        low, high = self.values[n], self.values[n + 1]
        part = (_on(x, self.scale) - _on(low, self.scale)) / width(low, high, self.scale)
        return math.fsum(self.masses[:n]) + self.masses[n] * part

    @property
    def mean(self) -> float:
        """Expected value."""
        return math.fsum(
            mass * _middle(low, high, self.scale)
            for mass, (low, high) in zip(self.masses, itertools.pairwise(self.values), strict=True)
        )

    def _between(self, n: int, part: float) -> float:
        low, high = self.values[n], self.values[n + 1]
        if self.scale == "log":
            return low * math.exp(part * width(low, high, self.scale))
        return low + part * (high - low)


class Sheet:
    """What all experts said of one question, on common knots.

    Parameters
    ----------
    item : Item
    levels : sequence of float
        Probabilities of the quantiles.

    Attributes
    ----------
    low, high : float
        The range: all answers and the known one, and a tenth of their distance beyond.
    answered : tuple of bool
        For each expert.
    """

    def __init__(self, item: Item, levels: Sequence[float]) -> None:
        self.item, self.scale = item, item.scale
        self.shares = shares(levels)
        self.answered = tuple(answer is not None for answer in item.answers)
        self.low, self.high = spread(item)
        inner = {value for answer in item.answers if answer for value in answer}
        self.values = (self.low, *sorted(inner), self.high)
        self._widths = np.diff([_on(value, self.scale) for value in self.values])
        rows = [self._density(answer) for answer in item.answers]
        self._densities = np.array(rows, dtype=np.float64)

    def _density(self, answer: tuple[float, ...] | None) -> list[float]:
        """Density of one expert on each piece; zero where nothing was answered."""
        if answer is None:
            return [0.0] * (len(self.values) - 1)
        knots = (self.low, *answer, self.high)
        stretches = zip(self.shares, itertools.pairwise(knots), strict=True)
        own = [mass / width(a, b, self.scale) for mass, (a, b) in stretches]
        return [own[bisect.bisect_right(answer, left)] for left in self.values[:-1]]

    def information(self, quantiles: Sequence[float]) -> float:
        """Information of quantiles relative to a flat law over the range, in nats (Cooke 1991).

        Examples
        --------
        >>> sheet = Sheet(Item("a", ((1.0, 6.0, 11.0),)), (0.25, 0.5, 0.75))  # range 0 to 12
        >>> round(sheet.information((3.0, 6.0, 9.0)), 12)
        0.0
        """
        whole = width(self.low, self.high, self.scale)
        stretches = zip(
            self.shares, itertools.pairwise((self.low, *quantiles, self.high)), strict=True
        )
        said = (
            mass * math.log(mass * whole / width(a, b, self.scale)) for mass, (a, b) in stretches
        )
        return max(math.fsum(said), 0.0)

    def linear(self, weights: Sequence[float]) -> Pieces | None:
        """The mixture of the experts' laws; None where nobody with a weight has answered.

        Examples
        --------
        >>> item = Item("a", ((1.0, 2.0, 4.0), (2.0, 3.0, 6.0)))
        >>> law = Sheet(item, (0.05, 0.5, 0.95)).linear((1.0, 1.0))
        >>> round(law.cdf(2.0), 12)
        0.275
        """
        shared = self._weights(weights)
        if shared is None:
            return None
        return self._law((shared[:, None] * self._densities).sum(axis=0) * self._widths)

    def logarithmic(self, weights: Sequence[float]) -> Pieces | None:
        """The weighted geometric mean of the experts' densities, brought to one.

        The same on a plain and on a logarithmic axis, because the weights sum to one.

        Examples
        --------
        >>> item = Item("a", ((1.0, 2.0, 4.0), (2.0, 3.0, 6.0)))
        >>> law = Sheet(item, (0.05, 0.5, 0.95)).logarithmic((1.0, 0.0))
        >>> round(law.quantile(0.5), 12)
        2.0
        """
        shared = self._weights(weights)
        if shared is None:
            return None
        named = shared > 0
        logs = (shared[named, None] * np.log(self._densities[named])).sum(axis=0)
        masses = np.exp(logs - logs.max()) * self._widths
        return self._law(masses / masses.sum())

    def _weights(self, weights: Sequence[float]) -> Floats | None:
        """Weights of those who answered, summing to one."""
        given = [w if here else 0.0 for w, here in zip(weights, self.answered, strict=True)]
        total = math.fsum(given)
        return np.array(given) / total if total > 0 else None

    def _law(self, masses: Floats) -> Pieces:
        return Pieces(self.values, tuple(masses.tolist()), self.scale)


def shares(levels: Sequence[float]) -> tuple[float, ...]:
    """Probabilities of the stretches between quantiles.

    Examples
    --------
    >>> shares((0.25, 0.5, 0.75))
    (0.25, 0.25, 0.25, 0.25)
    """
    return tuple(b - a for a, b in itertools.pairwise((0.0, *levels, 1.0)))


def spread(item: Item) -> tuple[float, float]:
    """The range of a question: what anybody answered and the truth, and a tenth beyond.

    That of a target does not reach below zero, or above one for a probability, unless an answer
    does; that of a seed is as Cooke has it, so that scores are comparable.

    Raises
    ------
    MisuseError
        If everybody gave the same single number, so that there is no range.

    Examples
    --------
    >>> spread(Item("a", ((1.0, 2.0, 21.0),), truth=6.0)), spread(Item("a", ((1.0, 2.0, 21.0),)))
    ((-1.0, 23.0), (0.0, 23.0))
    """
    numbers = [value for answer in item.answers if answer for value in answer]
    numbers += [] if item.truth is None else [item.truth]
    low, high = min(numbers), max(numbers)
    if item.scale == "log":
        factor = math.exp(OVERSHOOT * math.log(high / low))
        ends = low / factor, high * factor
    else:
        reach = OVERSHOOT * (high - low)
        ends = low - reach, high + reach
    if item.truth is None and item.kind != "number":
        ends = (max(ends[0], 0.0) if low > 0 else ends[0]), ends[1]
        if item.kind == "probability" and high < 1:
            ends = ends[0], min(ends[1], 1.0)
    if not (ends[0] < low and high < ends[1] and math.isfinite(ends[1] - ends[0])):
        raise MisuseError(f"{item.name}: the answers leave no range between {low:g} and {high:g}")
    return ends


def _on(value: float, scale: Scale) -> float:
    return math.log(value) if scale == "log" else value


def width(low: float, high: float, scale: Scale) -> float:
    """Length of a stretch on the scale of the question.

    Examples
    --------
    >>> width(2.0, 5.0, "uniform"), width(1.0, 1.0, "log")
    (3.0, 0.0)
    """
    return math.log(high / low) if scale == "log" else high - low


def _middle(low: float, high: float, scale: Scale) -> float:
    """Mean of an even density between two values."""
    if scale == "log":
        return (high - low) / math.log(high / low)
    return (low + high) / 2
