# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - methods are described where they are declared, in law.py
"""A loss per event is never a gain: laws that reach below zero are floored there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perilscope.engines.laws.law import Distribution, Floats, Numbers, plain


@dataclass(frozen=True)
class Floored(Distribution):
    """max(X, 0).

    Parameters
    ----------
    of : Distribution
        A law that may reach below zero.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> Floored(Uniform(-1.0, 1.0)).mean
    0.25
    """

    of: Distribution

    @property
    def mean(self) -> float:
        return self.of.mean - plain(self.of.lev(0.0))

    @property
    def second(self) -> float:
        return self.of.second - plain(self.of.second_lev(0.0))

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.of.support
        return max(low, 0.0), max(high, 0.0)

    def lev(self, x: Numbers) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        return np.where(x > 0, self.of.lev(np.maximum(x, 0.0)) - self.of.lev(0.0), x)

    def second_lev(self, x: Numbers) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        above = self.of.second_lev(np.maximum(x, 0.0)) - self.of.second_lev(0.0)
        return np.where(x > 0, above, x * x)

    def cdf(self, x: Numbers) -> Floats:
        return np.where(np.asarray(x) >= 0, self.of.cdf(x), 0.0)

    def ppf(self, u: Numbers) -> Floats:
        return np.maximum(self.of.ppf(u), 0.0)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        return np.maximum(self.of.sample(rng, n), 0.0)


def floored(law: Distribution) -> Distribution:
    """The law itself where it is never negative, else its positive part.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Normal, Uniform
    >>> floored(Uniform(0.0, 1.0))
    Uniform(low=0.0, high=1.0)
    >>> round(floored(Normal(0.0, 1.0)).mean, 9)  # 1 / sqrt(2 pi)
    0.39894228
    """
    return law if law.support[0] >= 0.0 else Floored(law)
