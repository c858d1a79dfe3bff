# SPDX-License-Identifier: Apache-2.0
"""What a factor does to a line: whether its counts move, and whether its losses are in proportion
to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.grids.multiplied import width
from perilscope.engines.kept import Kept
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.distributions import (
    Constant,
    Distribution,
    Scaled,
    Sometimes,
    Total,
)
from perilscope.engines.laws.distributions import Mixture as Mixed
from perilscope.engines.laws.jumps import atoms, jumps

_NARROW = 0.01
"""Spread of a factor below which it is integrated as any other."""
_SAME = 1e-11
_LOOKS = 1e-9, 0.2, 0.9, 0.999, 1.0 - 1e-6, 1.0 - 1e-9
"""Quantiles of a factor at which lines are looked at: a cap may bind in its tail alone."""


class FactorEffect(NamedTuple):
    """What a factor does to a line.

    The number of events that is expected at its mean; whether that moves; whether losses do, and
    if so whether they are in proportion to it; whether losses are a few fixed sums.
    """

    events: float
    counts: bool
    sizes: bool
    proportional: bool
    fixed: bool


_KNOWN: Kept[tuple[Compound, FactorEffect]] = Kept(2**12)


def factor_effect(line: Compound, factor: Shared) -> FactorEffect:
    """What a factor does to a line, as far as some values of it tell."""
    key = id(line), factor
    return _KNOWN.get(key, lambda: (line, _effect(line, factor)))[1]


def _effect(line: Compound, factor: Shared) -> FactorEffect:
    mean = factor.of.mean
    one = line.given({factor.name: mean})
    most, counts, sizes, proportional, fixed = 0.0, False, False, True, False
    for u in _LOOKS:
        value = float(factor.of.ppf(u))
        other = line.given({factor.name: value})
        for _, theta in quadrature.nodes(one.beliefs, effort=-1):
            number, loss = one.build(theta, line.years)
            moved_number, moved_loss = other.build(theta, line.years)
            most = max(most, number.mean)
            counts = counts or number != moved_number
            sizes = sizes or loss != moved_loss
            proportional = proportional and times(loss, moved_loss, value / mean)
            fixed = fixed or atoms(loss) is not None
    return FactorEffect(most, counts, sizes, proportional, fixed)


def smooth(law: Distribution) -> bool:
    """Whether a factor has a density, and is not all but certain."""
    if atoms(law) is not None or jumps(law) or law.support[0] < 0.0:
        return False
    return not float(law.cdf(0.0)) > 0.0 and law.mean < math.inf and width(law) >= _NARROW


def times(law: Distribution, other: Distribution, ratio: float) -> bool:
    """Whether one law is another times a number.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Capped, Lognormal
    >>> times(Lognormal(0.0, 1.0), Lognormal(math.log(3.0), 1.0), 3.0)
    True
    >>> times(Capped(Lognormal(0.0, 1.0), 9.0), Capped(Lognormal(math.log(3.0), 1.0), 9.0), 3.0)
    False
    """
    if isinstance(law, Scaled) and isinstance(other, Scaled) and law.of == other.of:
        return _close(other.factor, ratio * law.factor)
    if isinstance(law, Sometimes) and isinstance(other, Sometimes):
        return bool(law.p == other.p) and times(law.of, other.of, ratio)
    if isinstance(law, Total) and isinstance(other, Total):
        return _all_times(law.parts, other.parts, ratio)
    if isinstance(law, Mixed) and isinstance(other, Mixed):
        return law.weights == other.weights and _all_times(law.parts, other.parts, ratio)
    return _seems(law, other, ratio)


def _all_times(laws: Sequence[Distribution], others: Sequence[Distribution], ratio: float) -> bool:
    pairs = zip(laws, others, strict=False)
    return len(laws) == len(others) and all(times(a, b, ratio) for a, b in pairs)


def _seems(law: Distribution, other: Distribution, ratio: float) -> bool:
    """The same, as far as the ends, the mean and limited means at some places tell."""
    ends = zip((*law.support, law.mean), (*other.support, other.mean), strict=True)
    if type(law) is not type(other) or not all(_close(b, ratio * a) for a, b in ends):
        return False
    if isinstance(law, Constant):
        return True
    middle = law.mean if math.isfinite(law.mean) else float(law.ppf(0.5))
    at = middle * np.array([1e-3, 0.03, 0.2, 0.6, 1.0, 1.7, 4.0, 15.0, 100.0])
    return bool(np.allclose(other.lev(ratio * at), ratio * law.lev(at), rtol=_SAME, atol=0.0))


def _close(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=_SAME)
