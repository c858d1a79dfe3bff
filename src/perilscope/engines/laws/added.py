# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in counts.py
"""Events of several kinds counted together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.engines.laws.counts import CountLaw, Hurdle
from perilscope.engines.laws.law import Integers, need, plain


@dataclass(frozen=True)
class Added(CountLaw):
    """The sum of independent counts.

    Parameters
    ----------
    parts : tuple of CountLaw
        The counts.

    Examples
    --------
    >>> from perilscope.engines.laws.counts import Binomial, Poisson
    >>> both = Added((Poisson(1.0), Binomial(2, 0.5)))
    >>> both.mean, round(both.zero, 6)
    (2.0, 0.09197)
    """

    parts: tuple[CountLaw, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        need(len(self.parts) > 0, "a sum needs at least one part")

    @property
    def mean(self) -> float:
        return plain(sum(part.mean for part in self.parts))

    @property
    def second_factorial(self) -> float:
        variance = sum(part.variance for part in self.parts)
        return plain(variance - self.mean + self.mean * self.mean)

    @property
    def zero(self) -> float:
        return plain(math.prod(part.zero for part in self.parts))

    def pgf(self, z: Any) -> Any:
        return math.prod(part.pgf(z) for part in self.parts)

    def thin(self, q: float) -> Added:
        return Added(tuple(part.thin(q) for part in self.parts))

    def given_some(self) -> Hurdle:
        return Hurdle(1.0, self)

    def sample(self, rng: np.random.Generator, n: int) -> Integers:
        return np.asarray(sum(part.sample(rng, n) for part in self.parts))

    def sample_some(self, rng: np.random.Generator, n: int) -> Integers:
        """Which part is the first with events; that one has some, those behind it come freely."""
        zeros = [np.broadcast_to(np.asarray(part.zero), (n,)) for part in self.parts]
        counts, begun = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        for k, part in enumerate(self.parts):
            some = 1 - math.prod(zeros[k:], start=np.ones(n))
            here = np.where(some > 0, (1 - zeros[k]) / np.where(some > 0, some, 1), 1.0)
            begins = ~begun & ((k == len(self.parts) - 1) | (rng.random(n) < here))
            at = np.flatnonzero(begins)
            counts += np.where(begun, part.sample(rng, n), 0)
            counts[at] = part.take(at).sample_some(rng, len(at))
            begun |= begins
        return counts

    def events(self, rng: np.random.Generator, n: int) -> Integers:
        return np.concatenate([part.events(rng, n) for part in self.parts])
