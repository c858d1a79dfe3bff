# SPDX-License-Identifier: Apache-2.0
"""All laws of one number, under one name.

======================================================  =====================================
Constant, Discrete                                      atoms
Uniform, Triangular, Normal, Lognormal, Beta, Gamma,    laws with a density; several can be
Exponential, Weibull, Pareto, Metalog                   made from quantiles or mean and spread
GeneralisedPareto, Spliced                              tails, and a tail joined to a body
Scaled, Capped, Sometimes, Mixture, Total               laws made of other laws
Layered, Retained                                       what a cover pays of a loss, and what not
======================================================  =====================================
"""

from __future__ import annotations

from perilscope.engines.laws.atoms import Constant, Discrete
from perilscope.engines.laws.composites import Capped, Mixture, Scaled, Sometimes
from perilscope.engines.laws.continuous import Lognormal, Normal, Triangular, Uniform
from perilscope.engines.laws.law import Distribution, Floats, Integers, Numbers
from perilscope.engines.laws.layered import Layered, Retained
from perilscope.engines.laws.metalog import Metalog
from perilscope.engines.laws.positive import Beta, Exponential, Gamma, Pareto, Weibull
from perilscope.engines.laws.tails import GeneralisedPareto, Spliced
from perilscope.engines.laws.total import Total

__all__ = [
    "Beta",
    "Capped",
    "Constant",
    "Discrete",
    "Distribution",
    "Exponential",
    "Floats",
    "Gamma",
    "GeneralisedPareto",
    "Integers",
    "Layered",
    "Lognormal",
    "Metalog",
    "Mixture",
    "Normal",
    "Numbers",
    "Pareto",
    "Retained",
    "Scaled",
    "Sometimes",
    "Spliced",
    "Total",
    "Triangular",
    "Uniform",
    "Weibull",
]
