# SPDX-License-Identifier: Apache-2.0
"""Sums of lines under a factor: their laws at values of it, and what each is multiplied by.

Each sum is a register of its own, on grids of its own, so that it is as fine as the sum by itself
wants to be, however wide the factor makes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.grids.multiplied import Multiplied, Nodes, Weighted, moved, nodes
from perilscope.engines.kept import Kept
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.laws.factor_values import Weighed
from perilscope.once import cached_property

if TYPE_CHECKING:
    from perilscope.engines.aggregate.readings import Readings

Array = npt.NDArray[np.float64]

_POINTS: Kept[tuple[Array, Array, Array]] = Kept(2**26, lambda x: sum(each.nbytes for each in x))
"""Laws of sums: points, and their probabilities for figures and for what tells their error."""


_MOVED: Kept[tuple[Nodes, Array]] = Kept(2**25, lambda x: x[0].sizes.nbytes + x[1].nbytes)

_SPLIT: Kept[Mapping[str, Array]] = Kept(2**25, lambda x: sum(own.nbytes for own in x.values()))


@dataclass(frozen=True, eq=False)
class Sum:
    """Lines whose sum is divided by what the factor makes of it.

    Parameters
    ----------
    lines : tuple of Compound
        At one value of the factor.
    states : Mixture
        Joint states of what drives them.
    """

    lines: tuple[Compound, ...]
    states: Mixture

    def points(self, effort: int) -> tuple[Array, Array]:
        """Points and their probabilities; with effort 1 those whose difference tells the error."""
        places, fine, rough = _POINTS.get(self, self._read)
        return places, fine if effort > 1 else rough

    def moved(self, divided: float, effort: int, close: float) -> tuple[Nodes, Array]:
        """The sum divided by a number, moved to nodes so close; their factor is any."""
        made = lambda: self._moved(divided, effort, close)  # noqa: E731 - as elsewhere
        return _MOVED.get((self, divided, effort, close), made)

    def _moved(self, divided: float, effort: int, close: float) -> tuple[Nodes, Array]:
        places, chances = self.points(effort)
        by = nodes(Constant(1.0), places / divided, chances, close)
        return by, moved(by, places / divided, chances)

    def _read(self) -> tuple[Array, Array, Array]:
        read = self._readings()
        return (*read.law(2), read.law(1)[1])

    def _readings(self) -> Readings:
        from perilscope.engines.aggregate.readings import (
            Readings,  # of registers, made of components
        )
        from perilscope.engines.aggregate.register import Register

        mixtures = [self.states] if any(drives for _, drives in self.states) else []
        return Readings(Register(self.lines, mixtures=mixtures))

    def split(self, by: Nodes, divided: float) -> Mapping[str, Array]:
        """By line E[X_i; sum = s] / s, moved to nodes of the sum divided by a number."""
        key = self, by.sizes.tobytes(), divided
        return _SPLIT.get(key, lambda: self._split(by, divided))

    def _split(self, by: Nodes, divided: float) -> Mapping[str, Array]:
        found = {line.key: np.zeros(by.sizes.size) for line in self.lines}
        for key, places, shares in self._readings().shares():
            found[key] += moved(by, places / divided, shares)
        return found


class Term(NamedTuple):
    """A sum at one value of a factor: what it is multiplied by, and what it is divided by before.

    Parameters
    ----------
    factor : Distribution
        The factor, or what is weighed by what the value stands for.
    divided : float
    of : Sum
    """

    factor: Distribution
    divided: float
    of: Sum


@dataclass(frozen=True, eq=False)
class Group:
    """Lines whose sum a factor scales.

    Parameters
    ----------
    keys : tuple of str
        The lines.
    terms : tuple of Term
        Their sum at each value of the factor.
    effort : int
        2 for figures, 1 for what tells their error.
    close : float
        How far apart the logarithms of nodes of a sum may be.
    """

    keys: tuple[str, ...]
    terms: tuple[Term, ...]
    effort: int
    close: float

    @property
    def plain(self) -> bool:
        """Whether the factor is one law, which is not weighed."""
        return not any(isinstance(term.factor, Weighed) for term in self.terms)

    @cached_property
    def law(self) -> Multiplied:
        """Law of their sum; of some values of the factor what these count for."""
        whole = math.fsum(
            term.factor.whole if isinstance(term.factor, Weighed) else 1.0 for term in self.terms
        )
        found = []
        for term in self.terms:
            by, chances = term.of.moved(term.divided, self.effort, self.close)
            found.append((replace(by, factor=term.factor), chances))
        return Multiplied(tuple(found), whole)

    @cached_property
    def shares(self) -> Mapping[str, Multiplied]:
        """By line the measure M with E[L_i; sum = x] = x M(x); in all they are the law."""
        found: dict[str, list[Weighted]] = {key: [] for key in self.keys}
        for term, (by, _) in zip(self.terms, self.law.parts, strict=True):
            for key, own in term.of.split(by, term.divided).items():
                found[key].append((by, own))
        return {key: Multiplied(tuple(own)) for key, own in found.items()}
