# SPDX-License-Identifier: Apache-2.0
"""A law times a number: another unit, another period, a share of something.

Most families stay what they are, which keeps a gamma rate per month a gamma rate per year: exact,
fast, and still open to learning.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perilscope.engines.laws.distributions import (
    Beta,
    Constant,
    Discrete,
    Distribution,
    Exponential,
    Gamma,
    GeneralisedPareto,
    Lognormal,
    Metalog,
    Mixture,
    Normal,
    Pareto,
    Scaled,
    Spliced,
    Triangular,
    Uniform,
    Weibull,
)
from perilscope.errors import AssessmentError


def times(law: Distribution, factor: float) -> Distribution:
    """The law of ``factor`` times X, in the same family where the family is closed under it.

    Parameters
    ----------
    law : Distribution
        The law of X.
    factor : float
        Zero or more.

    Raises
    ------
    AssessmentError
        A factor that is negative or not finite.

    Examples
    --------
    >>> times(Gamma(2.0, 0.25), 12.0)
    Gamma(shape=2.0, scale=3.0)
    """
    if not 0 <= factor < np.inf:
        raise AssessmentError(f"a law cannot be taken {factor:g} times")
    if factor == 1.0:
        return law
    if factor == 0.0:
        return Constant(0.0)
    match law:
        case Constant():
            return Constant(law.value * factor)
        case Uniform():
            return Uniform(law.low * factor, law.high * factor)
        case Triangular():
            return Triangular(law.low * factor, law.mode * factor, law.high * factor)
        case Normal():
            return Normal(law.mean * factor, law.sd * factor)
        case Lognormal():
            return replace(law, mu=law.mu + float(np.log(factor)))
        case Beta():
            return replace(law, low=law.low * factor, high=law.high * factor)
        case Gamma() | Weibull():
            return replace(law, scale=law.scale * factor)
        case Exponential():
            return Exponential(law.mean * factor)
        case Pareto():
            return replace(law, minimum=law.minimum * factor)
        case Discrete():
            return replace(law, values=tuple(value * factor for value in law.values))
        case GeneralisedPareto():
            return replace(law, scale=law.scale * factor, threshold=law.threshold * factor)
        case Metalog():
            return _metalog(law, factor)
        case Spliced():
            body, tail = times(law.body, factor), times(law.tail, factor)
            return replace(law, body=body, tail=tail, at=law.at * factor)
        case Mixture():
            return replace(law, parts=tuple(times(part, factor) for part in law.parts))
        case _:
            return Scaled(law, factor)


def _metalog(law: Metalog, factor: float) -> Metalog:
    """A metalog in another unit: its ends move; without ends, or with one, its terms do too."""
    first, *rest = law.coefficients
    if np.all(np.isinf(law.low)):
        return replace(law, coefficients=tuple(a * factor for a in law.coefficients))
    if np.all(np.isinf(law.high)):
        moved = (first + float(np.log(factor)), *rest)
        return replace(law, coefficients=moved, low=law.low * factor)
    return replace(law, low=law.low * factor, high=law.high * factor)
