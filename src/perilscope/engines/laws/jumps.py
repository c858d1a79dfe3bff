# SPDX-License-Identifier: Apache-2.0
"""Where laws have atoms, and what step those are multiples of."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from fractions import Fraction

from perilscope.engines.laws.distributions import (
    Beta,
    Capped,
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    Layered,
    Lognormal,
    Mixture,
    Pareto,
    Retained,
    Scaled,
    Sometimes,
    Total,
    Triangular,
    Uniform,
    Weibull,
)

_MOST_ATOMS = 4096
_FEW = 16
"""Atoms of each part of a sum that are added to those of the others."""
_SEEN = 1e-6
"""A smaller probability at an end of a law is no atom."""
_UNBROKEN = {Gamma, Lognormal, Pareto, Weibull}
"""Laws without atoms, most of which are asked for often."""
_DENSE = {*_UNBROKEN, Beta, Exponential, Triangular, Uniform}
"""Laws that surely are no list of points."""


def atoms(law: Distribution) -> tuple[tuple[float, float], ...] | None:
    """Points and probabilities of a law that has nothing but points.

    Returns
    -------
    tuple of (value, probability), or None
        In rising order; None for a law with a density (or with more than 4,096 points).

    Examples
    --------
    >>> atoms(Scaled(Constant(500.0), 0.5))
    ((250.0, 1.0),)
    """
    found = _atoms(law)
    if found is None or len(found) > _MOST_ATOMS:
        return None
    total: dict[float, float] = {}
    for value, probability in found:
        total[value] = total.get(value, 0.0) + probability
    return tuple(sorted((v, p) for v, p in total.items() if p > 0.0))


def _atoms(law: Distribution) -> list[tuple[float, float]] | None:
    if type(law) in _DENSE:
        return None
    if isinstance(law, Constant):
        return [(float(law.value), 1.0)]
    if isinstance(law, Discrete):
        return list(zip(map(float, law.values), map(float, law.probabilities), strict=True))
    if isinstance(law, Mixture):
        parts = [_atoms(part) for part in law.parts]
        if any(part is None for part in parts):
            return None
        pairs = zip(law.weights, parts, strict=True)
        return [(v, w * p) for w, part in pairs for v, p in part or ()]
    if isinstance(law, Scaled | Capped | Sometimes | Layered | Retained):
        inner = _atoms(law.of)
        if inner is None:
            return None
        if isinstance(law, Scaled):
            return [(float(f"{v * law.factor:.14g}"), p) for v, p in inner]
        if isinstance(law, Capped):
            return [(min(v, law.cap), p) for v, p in inner]
        if isinstance(law, Layered | Retained):
            return [(float(f"{float(law.bears(v)):.14g}"), p) for v, p in inner]
        return [(0.0, 1.0 - law.p), *((v, law.p * p) for v, p in inner)]
    return None


def unbroken(law: Distribution) -> bool:
    """Whether a law surely has no atoms; asked often, so only of the usual ones it is known."""
    if type(law) in _UNBROKEN:
        return True
    if type(law) is not Beta or not law.b >= 1.0 or not law.a + law.b < 100.0:
        return False
    return law.high - law.low > 1e-3 * law.high  # the last number below the end is close to it


@functools.lru_cache(maxsize=4096)
def jumps(law: Distribution) -> frozenset[float]:
    """Where a law has atoms, as far as its make and its ends tell.

    Examples
    --------
    >>> sorted(jumps(Sometimes(0.5, Capped(Scaled(Discrete((1.0, 9.0), (0.5, 0.5)), 2.0), 7.0))))
    [0.0, 2.0, 7.0]
    """
    if unbroken(law):
        return frozenset()
    points = atoms(law)
    if points is not None:
        return frozenset(value for value, _ in points)
    if isinstance(law, Scaled):
        return frozenset(value * law.factor for value in jumps(law.of))
    if isinstance(law, Sometimes):
        return jumps(law.of) | {0.0}
    if isinstance(law, Mixture):
        return frozenset().union(*map(jumps, law.parts))
    if isinstance(law, Total):
        sums = frozenset({0.0})
        for part in law.parts:  # no atom is left where one part has none
            sums = frozenset(a + b for a in sums for b in sorted(jumps(part))[:_FEW])
        return sums
    inner = _bent(law)
    low, high = law.support
    at_ends = {low} if low >= 0.0 and float(law.cdf(low)) > _SEEN else set()
    if high < math.inf and float(law.cdf(math.nextafter(high, 0.0))) < 1.0 - _SEEN:
        at_ends.add(high)
    return frozenset(value for value in inner if value < high) | at_ends


def _bent(law: Distribution) -> frozenset[float]:
    """Atoms that a law has from another, and where it is level for a stretch of that."""
    if isinstance(law, Capped):
        return jumps(law.of)
    if not isinstance(law, Layered | Retained):
        return frozenset()
    found = {float(law.bears(value)) for value in jumps(law.of)}
    if isinstance(law, Retained) and law.share == 1.0:
        low, high = law.of.support
        found |= (
            {law.deductible}
            if low < law.deductible + law.limit and law.deductible < high
            else set()
        )
    return frozenset(found)


def unit(values: Iterable[float]) -> float | None:
    """Greatest amount that all values are whole multiples of, to twelve digits.

    Returns
    -------
    float or None
        None where there is no positive value.

    Examples
    --------
    >>> unit([1_000_000.0, 750_000.0])
    250000.0
    """
    greatest = Fraction(0)
    for value in values:
        if value > 0.0 and math.isfinite(value):
            exact = Fraction(f"{value:.12g}")
            top = math.gcd(
                greatest.numerator * exact.denominator, exact.numerator * greatest.denominator
            )
            greatest = Fraction(top, greatest.denominator * exact.denominator)
    return float(greatest) if greatest else None
