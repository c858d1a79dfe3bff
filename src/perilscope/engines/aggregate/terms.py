# SPDX-License-Identifier: Apache-2.0
"""Terms of a cover, of each event and of the sum of a year, and lines of loss under them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.kept import Kept
from perilscope.engines.laws.counts import CountLaw
from perilscope.engines.laws.distributions import Capped, Distribution, Layered, Retained
from perilscope.errors import MisuseError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """Terms of a cover, in money; `share` is what it bears of each layer (coinsurance).

    Examples
    --------
    >>> terms = Terms(deductible=100.0, limit=500.0, share=0.9, annual_limit=800.0)
    >>> terms.of_event(1_000.0), float(terms.of_year(np.array([900.0]))[0])
    (450.0, 800.0)
    """

    deductible: float = 0.0
    limit: float = math.inf
    share: float = 1.0
    annual_deductible: float = 0.0
    annual_limit: float = math.inf

    def __post_init__(self) -> None:
        amounts = (self.deductible, self.limit, self.annual_deductible, self.annual_limit)
        if any(math.isnan(x) or x < 0.0 for x in amounts) or not 0.0 <= self.share <= 1.0:
            raise MisuseError("terms of a cover must not be negative, nor its share above 1")

    @property
    def annual(self) -> bool:
        """Whether terms act on the sum of a year."""
        return self.annual_deductible > 0.0 or math.isfinite(self.annual_limit)

    @property
    def by_sum(self) -> bool:
        """Whether what is paid depends on the sum of a year alone."""
        return self.deductible == 0.0 and math.isinf(self.limit) and self.share > 0.0

    def of_event(self, x: float) -> float:
        """What is paid for one loss, before terms of the year."""
        return self.share * min(max(x - self.deductible, 0.0), self.limit)

    def of_year(self, y: Array) -> Array:
        """What is paid of a year's sum."""
        paid: Array = np.minimum(np.maximum(y - self.annual_deductible, 0.0), self.annual_limit)
        return paid


@dataclass(frozen=True)
class Cover:
    """Terms for the losses of some lines, by their keys."""

    keys: tuple[str, ...]
    terms: Terms


Change = Callable[[Distribution], Distribution]


def layered(terms: Terms) -> Change:
    """What a cover is asked for of one loss."""
    return lambda x: Layered(x, terms.deductible, terms.limit, terms.share)


def retained(terms: Terms) -> Change:
    """What stays of one loss."""
    return lambda x: Retained(x, terms.deductible, terms.limit, terms.share)


def only_counted(line: Compound, cap: float) -> Compound:
    """The line of what counts of its events, each of which costs ``cap`` at most, and all is free
    of caps; asked twice the same object.
    """
    counted = line.counted
    if counted is None:
        return line

    def change(law: Distribution) -> Distribution:
        return counted.change(at_most(law, cap))

    made = lambda: (line, replace(each(line, change), counted=None))  # noqa: E731
    return _COUNTED.get((id(line), cap), made)[1]


_COUNTED: Kept[tuple[Compound, Compound]] = Kept(2**12)


def at_most(law: Distribution, cap: float) -> Distribution:
    """A loss that costs no more than a holding has."""
    return law if law.support[1] <= cap else Capped(law, cap)


def each(line: Compound, change: Change) -> Compound:
    """The line with another loss for each event."""

    def build(theta: tuple[float, ...], years: float) -> tuple[CountLaw, Distribution]:
        counts, loss = line.build(theta, years)
        return counts, change(loss)

    return replace(line, build=build)
