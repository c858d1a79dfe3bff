# SPDX-License-Identifier: Apache-2.0
"""All laws of one number, under one name.

======================================================  =====================================
Constant, Discrete                                      atoms
Uniform, Triangular, Normal, Lognormal, Beta, Gamma,    laws with a density; several can be
Exponential, Weibull, Pareto                            made from quantiles or mean and spread
Scaled, Capped, Sometimes, Mixture, Total               laws made of other laws
======================================================  =====================================
"""

from __future__ import annotations

from perilscope.engines.atoms import Constant, Discrete
from perilscope.engines.composites import Capped, Mixture, Scaled, Sometimes
from perilscope.engines.continuous import Lognormal, Normal, Triangular, Uniform
from perilscope.engines.law import Distribution, Floats, Integers, Numbers
from perilscope.engines.positive import Beta, Exponential, Gamma, Pareto, Weibull
from perilscope.engines.total import Total

__all__ = [
    "Beta",
    "Capped",
    "Constant",
    "Discrete",
    "Distribution",
    "Exponential",
    "Floats",
    "Gamma",
    "Integers",
    "Lognormal",
    "Mixture",
    "Normal",
    "Numbers",
    "Pareto",
    "Scaled",
    "Sometimes",
    "Total",
    "Triangular",
    "Uniform",
    "Weibull",
]
