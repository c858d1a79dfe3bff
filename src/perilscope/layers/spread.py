# SPDX-License-Identifier: Apache-2.0
"""What a factor comes to: its mean over chance and beliefs, and its 90 % interval.

The interval is about belief where there is one (credible: where the mean over chance may lie), else
about chance (where one event or one year may lie).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.laws import quadrature
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.streams import stream
from perilscope.layers.term import Term

Floats = NDArray[np.float64]

LOW, HIGH = 0.05, 0.95
"""Ends of every interval: 90 % lies between."""

DRAWS = 1024
"""Values of several beliefs from which an interval is read."""

FEW_DRAWS = 128
"""The same where each value costs a grid: a sum of laws under a cap."""


def mean(term: Term) -> float:
    """Mean over chance and beliefs, by the nodes that the engine takes.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Gamma, Uniform
    >>> mean(Term((Gamma(2.0, 0.1),), lambda theta: theta[0], alone=True))
    0.2
    >>> round(mean(Term((Gamma(2.0, 0.1),), lambda theta: Uniform(0.0, theta[0]))), 12)
    0.1
    """
    if term.alone:
        return float(term.beliefs[0].mean)
    points = quadrature.nodes(term.beliefs, effort=2)
    return math.fsum(weight * float(expected(term.at(theta))) for weight, theta in points)


def expected(value: Any) -> Any:
    """Mean over chance; a number is its own."""
    return value.mean if isinstance(value, Distribution) else value


def interval(term: Term, name: str) -> tuple[float, float, str]:
    """90 % interval and what it is about: ``belief``, ``chance``, or nothing.

    Parameters
    ----------
    term : Term
    name : str
        Names the random streams that put several beliefs together.

    Returns
    -------
    tuple of (float, float, str)
        Where nothing varies, twice the value and an empty text.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> interval(Term.fixed(Uniform(0.0, 100.0)), "loss")
    (5.0, 95.0, 'chance')
    >>> believed = Term((Uniform(0.0, 100.0),), lambda theta: Uniform(0.0, theta[0]))
    >>> interval(believed, "loss")
    (2.5, 47.5, 'belief')
    """
    if loose(term.beliefs):
        return (*_credible(term, name), "belief")
    value = term.at(middle(term.beliefs))
    if isinstance(value, Distribution) and not isinstance(value, Constant):
        low, high = float(value.ppf(LOW)), float(value.ppf(HIGH))
        return low, high, "chance"
    fixed = float(expected(value))
    return fixed, fixed, ""


def loose(beliefs: Sequence[Distribution]) -> list[Distribution]:
    """Those beliefs that have more than one value.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> loose([Constant(1.0), Uniform(0.0, 1.0)])
    [Uniform(low=0.0, high=1.0)]
    """
    return [belief for belief in beliefs if belief.support[0] < belief.support[1]]


def middle(beliefs: Sequence[Distribution]) -> tuple[float, ...]:
    """Every belief at its median."""
    return at_quantile(beliefs, 0.5)


def at_quantile(beliefs: Sequence[Distribution], level: float) -> tuple[float, ...]:
    """Every belief at its quantile of one level.

    Examples
    --------
    >>> from perilscope.engines.laws.distributions import Uniform
    >>> at_quantile([Uniform(0.0, 1.0), Uniform(0.0, 10.0)], 0.25)
    (0.25, 2.5)
    """
    return tuple(float(belief.ppf(level)) for belief in beliefs)


def _credible(term: Term, name: str) -> tuple[float, float]:
    """90 % interval over the beliefs of the mean over chance."""
    if term.alone:
        low, high = (x for (x,) in (at_quantile(term.beliefs, u) for u in (LOW, HIGH)))
        return low, high
    values = _drawn(term, name)
    if len(loose(term.beliefs)) == 1 and _monotone(values):
        ends = (at_quantile(term.beliefs, u) for u in (LOW, HIGH))
        low, high = sorted(float(expected(term.at(end))) for end in ends)
        return low, high
    low, high = np.quantile(values, [LOW, HIGH]).tolist()
    return low, high


def _drawn(term: Term, name: str) -> Floats:
    """Means over chance at values of the beliefs that are spread evenly: a Latin hypercube.

    The first uncertain belief stands in order, the others in an order of their own stream; the
    seed of a run does not move them. McKay, Beckman and Conover, Technometrics 21 (1979).
    """
    count = FEW_DRAWS if term.single else DRAWS
    even = (np.arange(count) + 0.5) / count
    ordered = True
    theta = []
    for i, belief in enumerate(term.beliefs):
        single = belief.support[0] == belief.support[1]
        order = np.arange(count) if single or ordered else _shuffled(name, i, count)
        ordered = ordered and single
        theta.append(np.asarray(belief.ppf(even[order]), dtype=np.float64))
    if term.single:
        each = zip(*(column.tolist() for column in theta), strict=True)
        return np.array([float(expected(term.at(one))) for one in each])
    means = np.asarray(expected(term.at(tuple(theta))), dtype=np.float64)
    return np.broadcast_to(means, (count,))


def _shuffled(name: str, belief: int, count: int) -> NDArray[np.int64]:
    return stream(0, name, f"belief {belief}").permutation(count)


def _monotone(values: Floats) -> bool:
    steps = np.diff(values)
    return bool(np.all(steps >= 0.0) or np.all(steps <= 0.0))
