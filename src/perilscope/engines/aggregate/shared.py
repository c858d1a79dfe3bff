# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""Beliefs that several lines have in common: one unknown value that moves all of them at once.

Given the values the lines are independent again, so the law of their sum is a mixture, over the
nodes of what they share, of products of transforms.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from perilscope.engines.laws import quadrature
from perilscope.engines.laws.law import Distribution, Floats, Numbers
from perilscope.errors import AssessmentError

Values = Mapping[str, float]

_EACH: Mapping[int, Sequence[int]] = {2: (32, 14, 8, 5), 1: (20, 10, 6, 4), 0: (6, 4, 3, 2)}
"""Nodes of each by how many are shared: for figures (2), for what tells their error (1), and for a
first look (0)."""
MOST = 4096


@dataclass(frozen=True)
class Shared(Distribution):
    """A belief with a name: where the name is the same, so is the value.

    Parameters
    ----------
    name : str
        Names the belief, and its random stream.
    of : Distribution
        Its law, with plain parameters.
    chance : bool
        True for what differs from horizon to horizon (a bad year), False for what is not known.
        Laws do not depend on it; credible intervals are about what is not known alone.
    counted : bool
        True for a number of incidents over the horizon, each of which has its own time in it.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Gamma
    >>> frailty = Shared("bad years", Gamma(4.0, 0.25))
    >>> frailty.mean, frailty.variance
    (1.0, 0.25)
    """

    name: str
    of: Distribution
    chance: bool = False
    counted: bool = False

    @property
    def mean(self) -> float:
        return self.of.mean

    @property
    def second(self) -> float:
        return self.of.second

    @property
    def support(self) -> tuple[float, float]:
        return self.of.support

    def lev(self, x: Numbers) -> Floats:
        return self.of.lev(x)

    def second_lev(self, x: Numbers) -> Floats:
        return self.of.second_lev(x)

    def cdf(self, x: Numbers) -> Floats:
        return self.of.cdf(x)

    def ppf(self, u: Numbers) -> Floats:
        return self.of.ppf(u)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return self.of.sample(rng, n)

    def gauss(self, n: int) -> tuple[Floats, Floats]:
        return self.of.gauss(n)


def shared_by(beliefs: Sequence[Distribution]) -> tuple[Shared, ...]:
    """Those of some beliefs that have a name."""
    return tuple(belief for belief in beliefs if isinstance(belief, Shared))


@functools.lru_cache(maxsize=64)
def nodes(
    beliefs: tuple[Shared, ...], effort: int, beside: int = 0, most: tuple[int, ...] = ()
) -> tuple[tuple[float, tuple[float, ...]], ...]:
    """Weighted values of some shared beliefs, in their order; discrete ones with all their values.

    Up to four are integrated by the product of their Gauss nodes, more as private beliefs are;
    ``beside`` more of them are integrated by themselves, and nodes are as few as for all; ``most``
    may want fewer of each.

    Raises
    ------
    AssessmentError
        Where that would be more than 4,096 cases.
    """
    effort = min(max(effort, 0), 2)
    few = _EACH[effort]
    if len(beliefs) > len(few):
        return quadrature.nodes(beliefs, effort=effort)
    usual = few[min(len(beliefs) + beside, len(few)) - 1]
    wanted = [min(usual, each) for each in most] or [usual] * len(beliefs)
    axes = [belief.gauss(each) for belief, each in zip(beliefs, wanted, strict=True)]
    number = math.prod(x.size for x, _ in axes)
    if number > MOST:
        names = ", ".join(belief.name for belief in beliefs)
        raise AssessmentError(
            f"{names} together have {number:,} cases, more than the {MOST:,} that are computed: "
            "let fewer scenarios share them"
        )
    pairs = [list(zip(w.tolist(), x.tolist(), strict=True)) for x, w in axes]
    return tuple(
        (math.prod(w for w, _ in case), tuple(x for _, x in case))
        for case in product(*pairs)
        if all(w > 0.0 for w, _ in case)
    )


def cases(beliefs: tuple[Shared, ...], effort: int) -> Iterator[tuple[float, Values]]:
    """Weights and values by name; nothing shared is one case without values."""
    names = [belief.name for belief in beliefs]
    for weight, values in nodes(beliefs, effort) if beliefs else ((1.0, ()),):
        yield weight, dict(zip(names, values, strict=True))
